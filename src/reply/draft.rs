//! A reply with every field checked, and what it is made of.

use std::fmt;

use jiff::Timestamp;
use zeroize::{Zeroize, Zeroizing};

use super::{address, thread};
use crate::message::Address;
use crate::safe;
use crate::secret::Plaintext;

/// The most that text and attachments may weigh together, before base64: what servers commonly take is 25 MiB after it.
pub const MAX_REPLY_BYTES: usize = 18 * 1024 * 1024;
/// The most characters a Subject may have.
pub const MAX_SUBJECT_CHARS: usize = 250;
/// The most Message-IDs that References may hold.
pub const MAX_REFERENCES: usize = 20;
/// The most addresses that Cc may hold.
pub const MAX_CC: usize = 50;
/// The most attachments.
pub const MAX_ATTACHMENTS: usize = 100;

/// Why no draft can be made of what was given.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// An address that mail cannot be sent to or from.
    #[error("the {field} address {address} cannot be used: {reason}")]
    Address {
        /// `From`, `To`, `Cc`.
        field: &'static str,
        /// The address, made safe.
        address: String,
        /// Why.
        reason: address::BadAddress,
    },
    /// A field with a line end or another control character, or one that is too long.
    #[error("the {field} {reason}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A control character in the text, which a terminal would obey and a reader would not see.
    #[error(
        "line {line} of the text holds the control character U+{code:04X}; take it out, or attach the text as a file"
    )]
    ControlCharacter {
        /// Which line, from 1.
        line: usize,
        /// The character's code point.
        code: u32,
    },
    /// Neither text nor attachment.
    #[error("there is nothing to send: the text is empty")]
    Empty,
    /// Too large for common mail servers.
    #[error("the reply has {size} bytes, more than the {MAX_REPLY_BYTES} that mail servers commonly take")]
    TooLarge {
        /// Text and attachments together.
        size: usize,
    },
    /// The mail to be answered names no single sender.
    #[error("the mail names no single sender to answer to")]
    NoSender,
}

/// A file that goes with a reply.
#[derive(Clone)]
pub struct Attachment {
    name: String,
    media_type: String,
    bytes: Plaintext,
}

impl Attachment {
    /// Takes the bytes over. `name` is a bare file name. A media type that is not well formed, or one whose parts must
    /// not be encoded (`message/*`, `multipart/*`, RFC 2046 section 5), becomes `application/octet-stream`.
    pub fn new(name: &str, media_type: &str, bytes: Vec<u8>) -> Result<Attachment, DraftError> {
        let bytes = Plaintext::new(bytes);
        let bad = |reason| Err(DraftError::Field { field: "attachment name", reason });
        if name.trim().is_empty() {
            return bad("is empty");
        }
        if name.chars().any(address::ends_or_commands) {
            return bad("holds a control character");
        }
        if name.contains(['/', '\\']) {
            return bad("holds a path, not only a name");
        }
        if name.len() > 200 {
            return bad("is longer than 200 bytes");
        }
        Ok(Attachment { name: name.to_owned(), media_type: plain_media_type(media_type), bytes })
    }

    /// The file name, as the reader will see it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `type/subtype`, lower case, without parameters.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.expose()
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({} bytes)", self.bytes().len())
    }
}

/// What a draft is made of, not yet checked. It has no `Debug`: its text is secret.
pub struct Fields {
    /// Our address.
    pub from: Address,
    /// Who is answered.
    pub to: Address,
    /// Who else reads it.
    pub cc: Vec<Address>,
    /// The Subject that is encrypted.
    pub subject: String,
    /// The Subject for a reply in the clear, where it must differ because the other one came encrypted.
    pub clear_subject: Option<String>,
    /// The text, lines ending in LF or CRLF.
    pub body: String,
    /// Files that go with it.
    pub attachments: Vec<Attachment>,
    /// The Message-ID answered, with its angle brackets.
    pub in_reply_to: Option<String>,
    /// The Message-IDs of the thread, oldest first, with their angle brackets.
    pub references: Vec<String>,
    /// This reply's own, with its angle brackets.
    pub message_id: String,
    /// The Date field; whole seconds are kept.
    pub date: Timestamp,
}

/// A reply, checked. Wiped on drop; `{:?}` tells sizes and nothing else.
#[derive(Clone)]
pub struct Draft {
    from: Address,
    to: Address,
    cc: Vec<Address>,
    subject: Zeroizing<String>,
    clear_subject: String,
    body: Zeroizing<String>,
    attachments: Vec<Attachment>,
    in_reply_to: Option<String>,
    references: Vec<String>,
    message_id: String,
    date: Timestamp,
}

impl Draft {
    /// Checks every field. The text's line ends become LF, with exactly one at its end; nothing else about it changes.
    pub fn new(mut fields: Fields) -> Result<Draft, DraftError> {
        let body = Zeroizing::new(std::mem::take(&mut fields.body));
        let subject = Zeroizing::new(std::mem::take(&mut fields.subject));
        check_fields(&fields, &subject)?;
        check_weight(&body, &fields.attachments)?;
        let body = tidy_text(&body)?;
        if body.trim().is_empty() && fields.attachments.is_empty() {
            return Err(DraftError::Empty);
        }
        let clear_subject = fields.clear_subject.unwrap_or_else(|| subject.to_string());
        Ok(Draft {
            from: fields.from,
            to: fields.to,
            cc: fields.cc,
            subject,
            clear_subject,
            body,
            attachments: fields.attachments,
            in_reply_to: fields.in_reply_to,
            references: fields.references,
            message_id: fields.message_id,
            date: fields.date,
        })
    }

    /// Our address.
    pub fn from(&self) -> &Address {
        &self.from
    }

    /// Who is answered.
    pub fn to(&self) -> &Address {
        &self.to
    }

    /// Who else reads it.
    pub fn cc(&self) -> &[Address] {
        &self.cc
    }

    /// Everybody it goes to: To, then Cc.
    pub fn recipients(&self) -> impl Iterator<Item = &Address> {
        std::iter::once(&self.to).chain(&self.cc)
    }

    /// The Subject inside the encryption.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The Subject of a reply in the clear: never text that came encrypted.
    pub fn clear_subject(&self) -> &str {
        &self.clear_subject
    }

    /// The text that gets signed, lines ending in LF.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Files that go with it.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// The Message-ID answered.
    pub fn in_reply_to(&self) -> Option<&str> {
        self.in_reply_to.as_deref()
    }

    /// The Message-IDs of the thread, oldest first.
    pub fn references(&self) -> &[String] {
        &self.references
    }

    /// This reply's own Message-ID.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The Date field.
    pub fn date(&self) -> Timestamp {
        self.date
    }

    /// What a person is shown before agreeing: who it goes to, the Subject, the files, and the text to the letter.
    /// Already safe for a terminal: characters that hide or command are shown as escapes, so what looks plain is plain.
    pub fn shown(&self) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::with_capacity(self.body.len() * 2 + 4096));
        let mut put = |name: &str, value: &str| {
            out.push_str(name);
            out.push_str(": ");
            out.push_str(&safe::line(value));
            out.push('\n');
        };
        put("From", &in_words(&self.from));
        put("To", &in_words(&self.to));
        for address in &self.cc {
            put("Cc", &in_words(address));
        }
        put("Subject", &self.subject);
        for file in &self.attachments {
            put("Attached", &format!("{} ({}, {} bytes)", file.name, file.media_type, file.bytes().len()));
        }
        out.push('\n');
        out.push_str(&Zeroizing::new(safe::lines(self.body.as_str())));
        out
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({} bytes of text, {} attachments)", self.body.len(), self.attachments.len())
    }
}

fn in_words(address: &Address) -> String {
    match &address.name {
        Some(name) => format!("{name} <{}>", address.address),
        None => address.address.clone(),
    }
}

fn check_fields(fields: &Fields, subject: &str) -> Result<(), DraftError> {
    if fields.cc.len() > MAX_CC {
        return Err(DraftError::Field { field: "Cc", reason: "names more than 50 addresses" });
    }
    if fields.attachments.len() > MAX_ATTACHMENTS {
        return Err(DraftError::Field { field: "attachment list", reason: "has more than 100 files" });
    }
    address::check("From", &fields.from)?;
    address::check("To", &fields.to)?;
    for each in &fields.cc {
        address::check("Cc", each)?;
    }
    check_subject(subject)?;
    if let Some(clear) = &fields.clear_subject {
        check_subject(clear)?;
    }
    let bad = |field| Err(DraftError::Field { field, reason: "is no Message-ID" });
    if !thread::is_message_id(&fields.message_id) {
        return bad("Message-ID");
    }
    if fields.in_reply_to.as_deref().is_some_and(|id| !thread::is_message_id(id)) {
        return bad("In-Reply-To");
    }
    if fields.references.len() > MAX_REFERENCES || !fields.references.iter().all(|id| thread::is_message_id(id)) {
        return bad("References");
    }
    Ok(())
}

fn check_subject(subject: &str) -> Result<(), DraftError> {
    let bad = |reason| Err(DraftError::Field { field: "Subject", reason });
    if subject.chars().any(address::ends_or_commands) {
        return bad("holds a line end or another control character");
    }
    if subject.chars().count() > MAX_SUBJECT_CHARS {
        return bad("is longer than 250 characters");
    }
    Ok(())
}

fn check_weight(body: &str, attachments: &[Attachment]) -> Result<(), DraftError> {
    let size = attachments.iter().fold(body.len(), |sum, file| sum.saturating_add(file.bytes().len()));
    if size > MAX_REPLY_BYTES { Err(DraftError::TooLarge { size }) } else { Ok(()) }
}

/// Line ends become LF, with exactly one at the end. The buffer is sized first: growing would leave copies behind.
fn tidy_text(body: &str) -> Result<Zeroizing<String>, DraftError> {
    let mut text = Zeroizing::new(String::with_capacity(body.len() + 1));
    let mut line = 1;
    let mut chars = body.trim_end_matches(['\r', '\n']).chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                line += 1;
                text.push(c);
            }
            '\t' => text.push(c),
            c if c.is_control() => {
                text.zeroize();
                return Err(DraftError::ControlCharacter { line, code: c.into() });
            }
            c => text.push(c),
        }
    }
    text.push('\n');
    Ok(text)
}

fn plain_media_type(media_type: &str) -> String {
    const FALLBACK: &str = "application/octet-stream";
    let lower = media_type.trim().to_ascii_lowercase();
    let token = |t: &str| {
        !t.is_empty() && t.len() <= 64 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    match lower.split_once('/') {
        Some(("message" | "multipart", _)) => FALLBACK.into(),
        Some((kind, sub)) if token(kind) && token(sub) => lower,
        _ => FALLBACK.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Fields {
        let address = |a: &str| Address { address: a.into(), name: None };
        Fields {
            from: address("security@example.org"),
            to: address("finder@example.net"),
            cc: Vec::new(),
            subject: "Re: Heap overflow".into(),
            clear_subject: None,
            body: body.into(),
            attachments: Vec::new(),
            in_reply_to: None,
            references: Vec::new(),
            message_id: "<a@example.org>".into(),
            date: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn line_ends_become_lf_and_one_ends_the_text() {
        let draft = Draft::new(fields("a\r\n b \n\nc\n\r\n\n")).unwrap();
        assert_eq!(draft.body(), "a\n b \n\nc\n");
        assert!(draft.shown().ends_with("\n\na\n b \n\nc\n"));
    }

    #[test]
    fn what_a_terminal_obeys_is_refused_in_the_text() {
        for (body, line) in [("a\nb\x1b[2J", 2), ("\0", 1), ("a\rb", 1), ("\n\n\u{9b}", 3)] {
            let error = Draft::new(fields(body)).unwrap_err();
            assert!(matches!(error, DraftError::ControlCharacter { line: l, .. } if l == line), "{body:?}: {error}");
        }
        assert_eq!(Draft::new(fields(" \n\t\n")).unwrap_err(), DraftError::Empty);
    }

    #[test]
    fn what_hides_is_shown_as_an_escape() {
        let draft = Draft::new(fields("pay \u{202e}bob")).unwrap();
        assert!(draft.shown().contains("pay \\u{202e}bob"), "{}", *draft.shown());
        assert_eq!(draft.body(), "pay \u{202e}bob\n");
    }

    #[test]
    fn debug_shows_no_text() {
        let mut with_file = fields("the canary sings");
        with_file.attachments = vec![Attachment::new("canary.txt", "text/plain", b"canary".to_vec()).unwrap()];
        let draft = Draft::new(with_file).unwrap();
        let shown = format!("{draft:?} {draft:#?} {:?}", draft.attachments());
        assert!(!shown.contains("canary") && !shown.contains("99, 97") && !shown.contains("Heap"), "{shown}");
    }

    #[test]
    fn media_types_that_cannot_be_encoded_are_not_claimed() {
        for (given, kept) in [
            ("Text/X-Python", "text/x-python"),
            ("message/rfc822", "application/octet-stream"),
            ("multipart/mixed", "application/octet-stream"),
            ("text/plain; a=b", "application/octet-stream"),
            ("text/a\r\nBcc: x", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(Attachment::new("f", given, Vec::new()).unwrap().media_type(), kept, "{given:?}");
        }
    }
}
