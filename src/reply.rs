//! Case + template → a draft.
//!
//! A [`Draft`] is a reply whose every field has been checked: it holds no line end, NUL or escape code where one could
//! start a header field of its own, and its text is exactly what a person is shown and what gets signed. Nothing of the
//! mail being answered is quoted. A draft cannot be sent: only `pgp::seal` makes something that can.

pub mod address;
mod draft;
pub mod template;
pub mod thread;
pub mod tries;

use jiff::Timestamp;

use crate::message::{Address, Header, same_address};

pub use draft::{
    Attachment, Draft, DraftError, Fields, MAX_ATTACHMENTS, MAX_CC, MAX_REFERENCES, MAX_REPLY_BYTES, MAX_SUBJECT_CHARS,
};

/// The mail that is answered: a report's newest message.
pub struct Answered<'a> {
    /// Its fields, the protected ones where there are any.
    pub header: &'a Header,
    /// The Subject that everybody on the way could read.
    pub outer_subject: Option<&'a str>,
    /// Whether any of it came encrypted: then a reply in the clear repeats only the outer Subject.
    pub encrypted: bool,
}

/// Our side of an answer.
pub struct Answer {
    /// Our address.
    pub from: Address,
    /// Who is answered: see [`route`].
    pub to: Address,
    /// The text.
    pub body: String,
    /// Files that go with it.
    pub attachments: Vec<Attachment>,
    /// From a random number generator, for the Message-ID.
    pub random: [u8; 16],
    /// When it is written.
    pub now: Timestamp,
}

/// Drafts an answer in the thread of `answered`: "Re:" once, References bounded, a fresh Message-ID, nobody in Cc, and
/// nothing quoted. A display name that could not stand in a header field is left out.
pub fn draft(answered: &Answered<'_>, answer: Answer) -> Result<Draft, DraftError> {
    let header = answered.header;
    let clear = if answered.encrypted { answered.outer_subject } else { header.subject.as_deref() };
    let mut to = answer.to;
    to.name = to.name.filter(|name| address::check_name(name).is_ok());
    Draft::new(Fields {
        message_id: thread::message_id(answer.random, &answer.from.address),
        from: answer.from,
        to,
        cc: Vec::new(),
        subject: thread::reply_subject(header.subject.as_deref()),
        clear_subject: Some(thread::reply_subject(clear)),
        body: answer.body,
        attachments: answer.attachments,
        in_reply_to: header.message_id.clone().filter(|id| thread::is_message_id(id)),
        references: thread::references(header),
        date: answer.now,
    })
}

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the one sender.
    Sender(Address),
    /// The sender wants answers elsewhere. A person decides: a stranger can write any Reply-To.
    Elsewhere {
        /// Who wrote.
        sender: Address,
        /// Where the answer is wanted.
        wanted: Vec<Address>,
    },
    /// No single sender is named, or the mail is from one of our own addresses.
    Nobody,
}

/// Where an answer to `header` goes. `ours` are our own addresses, which are never answered.
pub fn route(header: &Header, ours: &[&str]) -> Route {
    let Some(sender) = header.sender() else { return Route::Nobody };
    if ours.iter().any(|own| same_address(own, &sender.address)) {
        return Route::Nobody;
    }
    let named = header.reply_to.iter().filter(|a| !a.address.is_empty());
    let wanted: Vec<Address> = named.cloned().collect();
    if wanted.iter().any(|a| !same_address(&a.address, &sender.address)) {
        return Route::Elsewhere { sender: sender.clone(), wanted };
    }
    Route::Sender(sender.clone())
}
