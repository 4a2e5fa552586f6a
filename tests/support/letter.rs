//! An answer to seal.

use jiff::Timestamp;
use sealpost::message::Address;
use sealpost::reply::{Draft, Fields};

/// A few words from the team to the finder, with nothing that need not be there.
pub fn thanks(date: Timestamp) -> Draft {
    let address = |address: &str| Address { address: address.into(), name: None };
    Draft::new(Fields {
        from: address("security@example.org"),
        to: address("finder@example.net"),
        cc: Vec::new(),
        subject: "Re: Overflow".into(),
        clear_subject: None,
        body: "Thank you, it is fixed.".into(),
        attachments: Vec::new(),
        in_reply_to: None,
        references: Vec::new(),
        message_id: "<thanks@example.org>".into(),
        date,
    })
    .unwrap()
}
