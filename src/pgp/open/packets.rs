//! Packet headers (RFC 9580 section 4.2), counted before the library sees them: what it would do with a flood is bounded here.

use std::ops::Range;

/// Packet type IDs (RFC 9580 section 5) that matter here.
pub mod tag {
    /// Public-key encrypted session key.
    pub const PKESK: u8 = 1;
    /// Signature.
    pub const SIGNATURE: u8 = 2;
    /// Symmetric-key encrypted session key.
    pub const SKESK: u8 = 3;
    /// Secret key.
    pub const SECRET_KEY: u8 = 5;
    /// Public key.
    pub const PUBLIC_KEY: u8 = 6;
    /// Secret subkey.
    pub const SECRET_SUBKEY: u8 = 7;
    /// Symmetrically encrypted data without integrity protection.
    pub const SED: u8 = 9;
    /// Marker.
    pub const MARKER: u8 = 10;
    /// User ID.
    pub const USER_ID: u8 = 13;
    /// Public subkey.
    pub const PUBLIC_SUBKEY: u8 = 14;
    /// User attribute.
    pub const USER_ATTRIBUTE: u8 = 17;
    /// Symmetrically encrypted and integrity protected data.
    pub const SEIPD: u8 = 18;
    /// GnuPG's OCB encrypted data.
    pub const OCB: u8 = 20;
    /// Padding.
    pub const PADDING: u8 = 21;
}

/// One packet at the top level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its type ID.
    pub tag: u8,
    /// The whole packet.
    pub whole: Range<usize>,
    /// Its body, or the first chunk of it.
    pub body: Range<usize>,
    /// The body comes in chunks.
    pub partial: bool,
    /// It says that it is longer than what there is.
    pub cut: bool,
}

/// The packets of a message, until its end or until what is no packet.
pub struct Packets<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Packets<'a> {
    /// Begins at the first byte.
    pub fn new(bytes: &'a [u8]) -> Packets<'a> {
        Packets { bytes, at: 0 }
    }

    fn length(&self, at: usize) -> Option<(usize, usize, bool)> {
        let byte = |offset: usize| self.bytes.get(at + offset).map(|b| usize::from(*b));
        match byte(0)? {
            first @ 0..=191 => Some((first, 1, false)),
            first @ 192..=223 => Some((((first - 192) << 8) + byte(1)? + 192, 2, false)),
            255 => Some((self.number(at + 1, 4)?, 5, false)),
            first => Some((1 << (first & 0x1f), 1, true)),
        }
    }

    fn number(&self, at: usize, count: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at.checked_add(count)?)?;
        Some(bytes.iter().fold(0, |sum, b| sum << 8 | usize::from(*b)))
    }

    fn new_format(&self, tag: u8, start: usize) -> Option<Head> {
        let (length, used, partial) = self.length(start + 1)?;
        let from = start + 1 + used;
        let mut cut = from.checked_add(length)? > self.bytes.len();
        let body = from..(from + length).min(self.bytes.len()).max(from);
        let mut end = body.end;
        let mut more = partial;
        while more {
            let Some((length, used, again)) = self.length(end) else {
                cut = true;
                break;
            };
            let next = (end + used).checked_add(length)?;
            cut |= next > self.bytes.len();
            end = next.min(self.bytes.len());
            more = again;
        }
        Some(Head { tag, whole: start..end, body, partial, cut })
    }

    fn old_format(&self, first: u8, start: usize) -> Option<Head> {
        let count = match first & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => 0,
        };
        let from = start + 1 + count;
        let end = if count == 0 { self.bytes.len() } else { from.checked_add(self.number(start + 1, count)?)? };
        let cut = end > self.bytes.len();
        let end = end.min(self.bytes.len()).max(from);
        Some(Head { tag: first >> 2 & 0x0f, whole: start..end, body: from..end, partial: false, cut })
    }
}

impl Iterator for Packets<'_> {
    type Item = Head;

    fn next(&mut self) -> Option<Head> {
        let first = *self.bytes.get(self.at).filter(|b| **b & 0x80 != 0)?;
        let head =
            if first & 0x40 != 0 { self.new_format(first & 0x3f, self.at) } else { self.old_format(first, self.at) }?;
        self.at = head.whole.end.max(self.at + 2);
        Some(head)
    }
}

/// The body of a packet, its chunks joined.
pub fn body(bytes: &[u8], head: &Head) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.whole.len());
    out.extend_from_slice(bytes.get(head.body.clone()).unwrap_or_default());
    let packets = Packets { bytes, at: 0 };
    let mut at = head.body.end;
    let mut more = head.partial;
    while more {
        let Some((length, used, again)) = packets.length(at) else { break };
        let end = (at + used + length).min(head.whole.end);
        out.extend_from_slice(bytes.get(at + used..end).unwrap_or_default());
        (at, more) = (end, again);
    }
    out
}

/// What stands before the sealed data of a message, and what that data is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The recipients that the first packets name, upper-case hexadecimal; zeros where hidden.
    pub recipients: Vec<String>,
    /// How many packets wrap the session key for a key.
    pub pkesks: usize,
    /// How many wrap it for a password.
    pub skesks: usize,
    /// The packet that holds the message.
    pub container: Option<Head>,
}

/// How many recipients are listed.
const MAX_LISTED: usize = 64;

/// Looks at the beginning of a message.
pub fn outline(bytes: &[u8]) -> Outline {
    let mut outline = Outline::default();
    for head in Packets::new(bytes) {
        match head.tag {
            tag::PKESK => {
                outline.pkesks += 1;
                let id = recipient(bytes.get(head.body.clone()).unwrap_or_default());
                if outline.recipients.len() < MAX_LISTED && !outline.recipients.contains(&id) {
                    outline.recipients.push(id);
                }
            }
            tag::SKESK => outline.skesks += 1,
            tag::MARKER | tag::PADDING => {}
            _ => {
                outline.container = Some(head);
                break;
            }
        }
    }
    outline
}

/// The recipient that a PKESK names (RFC 9580 section 5.1).
fn recipient(body: &[u8]) -> String {
    let hex = |bytes: &[u8]| data_encoding::HEXUPPER.encode(bytes);
    match body {
        [6, 0, ..] => "0000000000000000".to_owned(),
        [6, length, _version, rest @ ..] => hex(rest.get(..usize::from(*length).saturating_sub(1)).unwrap_or_default()),
        [_, rest @ ..] => hex(rest.get(..8).unwrap_or_default()),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_both_formats() {
        let mut bytes = vec![0xc1, 10, 3, 1, 2, 3, 4, 5, 6, 7, 8, 1];
        bytes.extend([0x84, 10, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend([0xd2, 0xe1, 1, 9, 1, 8, 0xff]);
        let outline = outline(&bytes);
        assert_eq!(outline.recipients, ["0102030405060708", "0000000000000000"]);
        let container = outline.container.unwrap();
        assert_eq!((container.tag, container.partial), (tag::SEIPD, true));
        assert_eq!(body(&bytes, &container), [1, 9, 8]);
    }

    #[test]
    fn hostile_lengths_end_the_walk() {
        for bytes in [&b"\xd2\xff\xff\xff\xff\xff"[..], b"\xd2", b"\xd2\xfe", b"\x93\x01", b"\xc1\x00\xc1\x00"] {
            assert!(Packets::new(bytes).count() <= 2);
        }
    }
}
