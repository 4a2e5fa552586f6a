//! Raw mail to header fields and parts. Only this module and its children meet the mail parser.

pub mod address;
pub mod armor;
pub mod automatic;
pub mod body;
pub mod date;
pub mod fields;
pub mod header;
pub mod html;
pub mod layer;
pub mod likely;
pub mod mime;
pub mod tree;
pub mod words;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One mailbox of RFC 5322 section 3.4.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The addr-spec as written; empty where the field held none.
    pub address: String,
    /// The display name, decoded.
    pub name: Option<String>,
}

/// What a program, not a person, says when it sends mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automatic {
    /// Nothing says that a program sent it. (Also for `auto-generated` alone: forwarders and build servers set it on
    /// real reports.)
    #[default]
    No,
    /// A delivery status notification (RFC 3464) or an older bounce.
    Bounce,
    /// An automatic reply (RFC 3834): out of office, a ticket system's receipt.
    Reply,
    /// A disposition notification (RFC 8098).
    Receipt,
}

/// The header fields that filing needs, decoded. Where a field is missing or unreadable it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// With its angle brackets, as written.
    pub message_id: Option<String>,
    /// The sender's word; starts no clock.
    pub date: Option<Timestamp>,
    /// More than one is an ambiguous sender.
    pub from: Vec<Address>,
    /// Where the sender wants answers, if elsewhere.
    pub reply_to: Vec<Address>,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// Decoded, one line.
    pub subject: Option<String>,
    /// Message-IDs with their angle brackets.
    pub in_reply_to: Vec<String>,
    /// Message-IDs with their angle brackets, oldest first.
    pub references: Vec<String>,
    /// Whether a program sent it.
    pub automatic: Automatic,
    /// The instant in the topmost Received field: when the last server took it.
    pub received: Option<Timestamp>,
}

impl Header {
    /// The one address in From; `None` where there is none or more than one.
    pub fn sender(&self) -> Option<&Address> {
        match self.from.as_slice() {
            [one] if !one.address.is_empty() => Some(one),
            _ => None,
        }
    }

    /// Every address in To and Cc.
    pub fn recipients(&self) -> impl Iterator<Item = &Address> {
        self.to.iter().chain(&self.cc)
    }
}

/// True where two addr-specs name the same mailbox for our purposes: compared without regard to ASCII case. (Local
/// parts may be case-sensitive by RFC 5321 section 2.4; in practice no provider tells them apart.)
pub fn same_address(a: &str, b: &str) -> bool {
    !a.is_empty() && a.trim().eq_ignore_ascii_case(b.trim())
}
