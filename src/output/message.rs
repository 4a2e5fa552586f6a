//! MESSAGE of `contract.md`: the serialisable counterpart of an opened mail, and its face for people.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::{Screen, wrap};
use crate::message::Address;
use crate::report::Opened;
use crate::safe::{self, Foreign};
use crate::verdict::{EncryptionStatus, Format, SignatureStatus};

/// A mailbox.
#[derive(Clone, Debug, Serialize)]
pub struct AddressView {
    /// The addr-spec.
    pub address: Foreign,
    /// The display name.
    pub name: Option<Foreign>,
}

impl From<&Address> for AddressView {
    fn from(address: &Address) -> AddressView {
        AddressView { address: (&address.address).into(), name: address.name.as_ref().map(Foreign::from) }
    }
}

/// `encryption`.
#[derive(Clone, Debug, Serialize)]
pub struct EncryptionView {
    /// One of the contract's words.
    pub status: EncryptionStatus,
    /// Such as `AES256`.
    pub cipher: Option<String>,
    /// Such as `OCB`.
    pub aead: Option<String>,
    /// `seipd1`, `seipd2`, `ocb20`.
    pub integrity: Option<String>,
    /// As named in the message.
    pub recipients: Vec<Foreign>,
    /// Fingerprint.
    pub decrypted_with: Option<String>,
    /// Why it is `unopened` or `refused`.
    pub reason: Option<Foreign>,
}

/// `signature`.
#[derive(Clone, Debug, Serialize)]
pub struct SignatureView {
    /// One of the contract's words.
    pub status: SignatureStatus,
    /// Fingerprint of the signer's certificate.
    pub by: Option<String>,
    /// The address it was matched to.
    pub address: Option<Foreign>,
    /// Such as `SHA512`.
    pub hash: Option<String>,
    /// When it says it was made.
    pub made_at: Option<Timestamp>,
    /// It verifies only by a certificate that this mail carries.
    pub carried: bool,
    /// It verifies only by what can be forged today.
    pub weak: bool,
    /// The signer is the certificate pinned for this address.
    pub pinned: bool,
    /// Why it is not good.
    pub reason: Option<Foreign>,
}

/// An entry of `parts`.
#[derive(Clone, Debug, Serialize)]
pub struct PartView {
    /// Position in the opened mail.
    pub path: String,
    /// The sender's file name.
    pub name: Option<Foreign>,
    /// Lower case.
    pub media_type: Foreign,
    /// Decoded bytes.
    pub size: u64,
    /// Of the decoded bytes.
    pub sha256: String,
    /// It was inside the encryption.
    pub encrypted: bool,
    /// A good signature covers it.
    pub signed: bool,
}

/// MESSAGE.
#[derive(Clone, Debug, Serialize)]
pub struct MessageView {
    /// The ledger's number; null for a mail that is not stored.
    pub id: Option<i64>,
    /// `in` or `out`.
    pub direction: &'static str,
    /// With its brackets.
    pub message_id: Option<Foreign>,
    /// The sender's word.
    pub date: Option<Timestamp>,
    /// The server's.
    pub received_at: Option<Timestamp>,
    /// The sender; the first, where the mail names several.
    pub from: Option<AddressView>,
    /// To.
    pub to: Vec<AddressView>,
    /// Cc.
    pub cc: Vec<AddressView>,
    /// Where the sender wants answers.
    pub reply_to: Option<AddressView>,
    /// The encrypted one, where there is one.
    pub subject: Option<Foreign>,
    /// The one everybody could read.
    pub outer_subject: Option<Foreign>,
    /// The shape.
    pub format: Format,
    /// What was encrypted.
    pub encryption: EncryptionView,
    /// What was signed.
    pub signature: SignatureView,
    /// What a person should read.
    pub text: Foreign,
    /// The media type it was made from.
    pub text_from: Option<Foreign>,
    /// The parts.
    pub parts: Vec<PartView>,
    /// Of the bytes the decryption gave.
    pub payload_sha256: Option<String>,
    /// Slugs and words.
    pub warnings: Vec<Foreign>,
    /// The limit that was hit.
    pub quarantined: Option<Foreign>,
}

/// What the ledger knows of a message beside what opening gave.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stored {
    /// The ledger's number.
    pub id: Option<i64>,
    /// It went from us.
    pub outgoing: bool,
    /// When the server received it.
    pub received_at: Option<Timestamp>,
    /// The signer is pinned for the From address.
    pub pinned: bool,
}

impl MessageView {
    /// Builds the view.
    pub fn new(opened: &Opened, stored: Stored) -> MessageView {
        let header = &opened.header;
        let list = |addresses: &[Address]| addresses.iter().map(AddressView::from).collect();
        MessageView {
            id: stored.id,
            direction: if stored.outgoing { "out" } else { "in" },
            message_id: foreign(&header.message_id),
            date: header.date,
            received_at: stored.received_at.or(header.received),
            from: header.from.first().map(AddressView::from),
            to: list(&header.to),
            cc: list(&header.cc),
            reply_to: header.reply_to.first().map(AddressView::from),
            subject: foreign(&header.subject),
            outer_subject: foreign(&opened.outer_subject),
            format: opened.verdict.format,
            encryption: encryption(opened),
            signature: signature(opened, stored.pinned),
            text: (&opened.text).into(),
            text_from: foreign(&opened.text_from),
            parts: parts(opened),
            payload_sha256: opened.payload_sha256.clone(),
            warnings: opened.warnings.iter().map(Foreign::from).collect(),
            quarantined: foreign(&opened.quarantined),
        }
    }

    /// True where a person must look: it could not be opened, or a limit was hit.
    pub fn needs_a_person(&self) -> bool {
        matches!(self.encryption.status, EncryptionStatus::Unopened | EncryptionStatus::Refused)
            || self.quarantined.is_some()
    }

    /// The view for a terminal. The mail's text stands behind a bar, so that nothing in it can pass for a verdict of ours.
    pub fn to_text(&self, screen: &Screen) -> String {
        let mut out = String::new();
        let mut line = |label: &str, value: &str| {
            for (n, piece) in wrap::few(value.trim_end(), screen.width.saturating_sub(12), 6).iter().enumerate() {
                if !piece.is_empty() {
                    let _ = writeln!(out, "{:<12}{piece}", if n == 0 { label } else { "" });
                }
            }
        };
        line("From", &self.from.as_ref().map(show_address).unwrap_or_default());
        line("To", &self.to.iter().map(show_address).collect::<Vec<_>>().join(", "));
        line("Cc", &self.cc.iter().map(show_address).collect::<Vec<_>>().join(", "));
        line("Subject", &self.subject.as_ref().map(safe::line).unwrap_or_default());
        if self.outer_subject != self.subject {
            line("outside", &self.outer_subject.as_ref().map(safe::line).unwrap_or_default());
        }
        line("Date", &self.date.map(|date| screen.exact(date)).unwrap_or_default());
        line("received", &self.received_at.map(|at| screen.exact(at)).unwrap_or_default());
        line("format", &word(&self.format));
        line("encryption", &self.encryption_line());
        line("signature", &self.signature_line());
        for warning in &self.warnings {
            line("warning", &safe::line(warning));
        }
        line("quarantine", &self.quarantined.as_ref().map(safe::line).unwrap_or_default());
        for part in &self.parts {
            let name = part.name.as_ref().map_or_else(|| "-".into(), safe::line);
            line("part", &format!("{} {} {} ({} bytes)", part.path, safe::line(&part.media_type), name, part.size));
        }
        if self.text.is_blank() {
            return out;
        }
        out.push('\n');
        for text in wrap::lines(&self.text, screen.width.saturating_sub(2)) {
            let _ = writeln!(out, "│ {text}");
        }
        out
    }

    fn encryption_line(&self) -> String {
        let status = word(&self.encryption.status);
        let how = [&self.encryption.cipher, &self.encryption.aead, &self.encryption.integrity];
        let what: Vec<&str> =
            std::iter::once(status.as_str()).chain(how.into_iter().flatten().map(String::as_str)).collect();
        let with =
            self.encryption.decrypted_with.as_ref().map(|with| format!(", opened with {with}")).unwrap_or_default();
        let reason =
            self.encryption.reason.as_ref().map(|reason| format!(": {}", safe::line(reason))).unwrap_or_default();
        format!("{}{with}{reason}", what.join(" "))
    }

    fn signature_line(&self) -> String {
        let by = self.signature.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let address =
            self.signature.address.as_ref().map(|address| format!(" <{}>", safe::line(address))).unwrap_or_default();
        let reason =
            self.signature.reason.as_ref().map(|reason| format!(": {}", safe::line(reason))).unwrap_or_default();
        format!("{}{by}{address}{reason}", word(&self.signature.status))
    }
}

fn foreign(text: &Option<String>) -> Option<Foreign> {
    text.as_ref().map(Foreign::from)
}

fn show_address(address: &AddressView) -> String {
    match &address.name {
        Some(name) => format!("\"{}\" <{}>", safe::line(name), safe::line(&address.address)),
        None => format!("<{}>", safe::line(&address.address)),
    }
}

/// The word that JSON has for a value.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn encryption(opened: &Opened) -> EncryptionView {
    let from = &opened.verdict.encryption;
    EncryptionView {
        status: from.status,
        cipher: from.cipher.clone(),
        aead: from.aead.clone(),
        integrity: from.integrity.clone(),
        recipients: from.recipients.iter().map(Foreign::from).collect(),
        decrypted_with: from.decrypted_with.clone(),
        reason: foreign(&from.reason),
    }
}

fn signature(opened: &Opened, pinned: bool) -> SignatureView {
    let from = &opened.verdict.signature;
    SignatureView {
        status: from.status,
        by: from.by.clone(),
        address: foreign(&from.address),
        hash: from.hash.clone(),
        made_at: from.made_at,
        carried: from.carried,
        weak: from.weak,
        pinned,
        reason: foreign(&from.reason),
    }
}

fn parts(opened: &Opened) -> Vec<PartView> {
    let view = |part: &crate::report::PartInfo| PartView {
        path: part.path.clone(),
        name: foreign(&part.name),
        media_type: (&part.media_type).into(),
        size: part.size,
        sha256: part.sha256.clone(),
        encrypted: part.encrypted,
        signed: part.signed,
    };
    opened.parts.iter().map(view).collect()
}
