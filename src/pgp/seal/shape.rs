//! Is this, to the byte, a mail of the shape that sealing makes?

use sequoia_openpgp as openpgp;

use openpgp::Packet;
use openpgp::parse::{PacketParser, PacketParserResult, Parse as _};

use super::{OUTER_SUBJECT, mime};

/// How the boundary of an encrypted mail begins.
pub const SEALED: &str = "sealed";
/// How the boundary of a mail in the clear begins: the mark of a person's consent, in a place that means nothing to others.
pub const IN_THE_CLEAR: &str = "in-the-clear";
/// RFC 5322 section 2.1.1, without the CRLF.
const MAX_LINE: usize = 998;
/// The most PKESK packets a mail of ours has: fifty in Cc, each with a few subkeys.
const MAX_PKESKS: usize = 1000;

/// Why bytes are not a sealed mail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSealed {
    /// A bare CR or LF, no CRLF at the end, a byte over 127, a NUL, or a line over 998 bytes.
    #[error("line {line} is not fit for SMTP: {reason}")]
    Line {
        /// Line, from 1.
        line: usize,
        /// Why.
        reason: &'static str,
    },
    /// It is neither encrypted nor marked as sent in the clear with consent.
    #[error("it is neither encrypted nor marked as meant to be sent in the clear ({0})")]
    Shape(&'static str),
    /// Something in the encrypted part is not.
    #[error("what stands in the place of the encrypted message is not one")]
    NotEncrypted,
    /// No recipient, or an address that cannot be used.
    #[error("the envelope holds no recipient, or an address that cannot be used")]
    Envelope,
}

/// What a mail of ours says of itself.
pub struct Shape {
    pub encrypted: bool,
    pub message_id: String,
    pub encrypted_to: Vec<String>,
}

/// Checks the lines, the outer header, and for an encrypted mail that nothing but one encrypted OpenPGP message is there.
pub fn check(bytes: &[u8]) -> Result<Shape, NotSealed> {
    check_lines(bytes)?;
    let text = std::str::from_utf8(bytes).map_err(|_| NotSealed::Shape("it is not ASCII"))?;
    let (header, _) = text.split_once("\r\n\r\n").ok_or(NotSealed::Shape("there is no body"))?;
    let header = header.replace("\r\n ", " ").replace("\r\n\t", " ");
    let message_id = one(&header, "Message-ID")?.to_owned();
    if !crate::reply::thread::is_message_id(&message_id) {
        return Err(NotSealed::Shape("its Message-ID is none"));
    }
    let kind = one(&header, "Content-Type")?;
    let boundary = kind.rsplit_once("boundary=\"").and_then(|(_, b)| b.strip_suffix('"'));
    let boundary = boundary.ok_or(NotSealed::Shape("it is not multipart"))?;
    if marked(boundary, IN_THE_CLEAR) {
        let whole = text.ends_with(&format!("\r\n--{boundary}--\r\n"));
        let shape = Shape { encrypted: false, message_id, encrypted_to: Vec::new() };
        return if whole { Ok(shape) } else { Err(NotSealed::Shape("it is cut off")) };
    }
    if !marked(boundary, SEALED) || one(&header, "Subject")? != OUTER_SUBJECT {
        return Err(NotSealed::Shape("its boundary or its Subject is not ours"));
    }
    let head = mime::encrypted_head(boundary);
    let from_type = text.find("\r\nMIME-Version: ").map(|at| at.saturating_add(2)).and_then(|at| text.get(at..));
    let armored = from_type
        .and_then(|t| t.strip_prefix(head.as_str()))
        .and_then(|t| t.strip_suffix(mime::encrypted_tail(boundary).as_str()))
        .ok_or(NotSealed::Shape("it is not multipart/encrypted, or holds more than that"))?;
    Ok(Shape { encrypted: true, message_id, encrypted_to: recipients(armored)? })
}

/// Every line ends in CRLF, is 7 bit, and is short enough.
fn check_lines(bytes: &[u8]) -> Result<(), NotSealed> {
    for (at, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        let bad = |reason| Err(NotSealed::Line { line: at + 1, reason });
        let Some(content) = line.strip_suffix(b"\r\n") else { return bad("it does not end in CRLF") };
        if content.len() > MAX_LINE {
            return bad("it is longer than 998 bytes");
        }
        if content.iter().any(|b| *b == b'\r' || *b == 0 || !b.is_ascii()) {
            return bad("it holds a bare CR, a NUL or a byte that is not ASCII");
        }
    }
    Ok(())
}

/// The value of a field that must be there exactly once.
fn one<'a>(header: &'a str, name: &str) -> Result<&'a str, NotSealed> {
    let mut values = header.split("\r\n").filter_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then_some(value.trim())
    });
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(NotSealed::Shape("a header field is missing or there twice")),
    }
}

/// `kind-` and 32 hexadecimal digits.
fn marked(boundary: &str, kind: &str) -> bool {
    let digits = boundary.strip_prefix(kind).and_then(|b| b.strip_prefix('-'));
    digits.is_some_and(|d| d.len() == 32 && d.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The recipients of an armored message that is PKESK packets and one SEIPD packet, with nothing around the armor.
fn recipients(armored: &str) -> Result<Vec<String>, NotSealed> {
    let lines = armored
        .strip_prefix("-----BEGIN PGP MESSAGE-----\r\n\r\n")
        .and_then(|a| a.strip_suffix("\r\n-----END PGP MESSAGE-----\r\n"))
        .ok_or(NotSealed::NotEncrypted)?;
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    if !lines.split("\r\n").all(|line| line.bytes().all(base64)) {
        return Err(NotSealed::NotEncrypted);
    }
    read_recipients(armored).map_err(|_| NotSealed::NotEncrypted)?.ok_or(NotSealed::NotEncrypted)
}

fn read_recipients(armored: &str) -> openpgp::Result<Option<Vec<String>>> {
    let mut found = Vec::new();
    let mut sealed = false;
    let mut rest = PacketParser::from_bytes(armored)?;
    while let PacketParserResult::Some(parser) = rest {
        match &parser.packet {
            Packet::PKESK(pkesk) if !sealed && found.len() < MAX_PKESKS => {
                found.push(pkesk.recipient().map(|handle| handle.to_hex()).unwrap_or_default());
            }
            Packet::SEIP(_) if !sealed && !found.is_empty() => sealed = true,
            _ => return Ok(None),
        }
        rest = parser.next()?.1;
    }
    Ok(sealed.then_some(found))
}
