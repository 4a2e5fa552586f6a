//! Where the OpenPGP data of a mail is: PGP/MIME, inline, attached, or mangled on the way. Pure: it looks, and opens nothing.

use super::armor::{self, Kind};
use super::tree::{Part, Tree};

/// What a part is to OpenPGP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// RFC 3156 section 4, or what a gateway left of it: the ciphertext is in `data`; `others` are parts that do not belong to
    /// it.
    Encrypted {
        /// The part that holds the ciphertext.
        data: usize,
        /// Parts that somebody put beside it.
        others: Vec<usize>,
        /// It had to be put together again.
        mended: bool,
    },
    /// RFC 3156 section 5: `signature` covers `content` as it stands.
    Signed {
        /// The part that is covered.
        content: usize,
        /// The part with the signature.
        signature: usize,
        /// Parts that somebody put beside it.
        others: Vec<usize>,
        /// It had to be put together again.
        mended: bool,
    },
    /// S/MIME (RFC 8551), signed or encrypted.
    Smime {
        /// False for `multipart/signed`, whose text can be read.
        encrypted: bool,
    },
    /// A `winmail.dat` (MS-OXTNEF).
    Tnef,
    /// A part like any other.
    None,
}

/// What a part is to OpenPGP, by its types and names and, where those may lie, its first bytes. `body` gives a part's decoded
/// bytes.
pub fn of(tree: &Tree, index: usize, body: impl Fn(usize) -> Vec<u8>) -> Layer {
    let Some(part) = tree.parts.get(index) else { return Layer::None };
    match part.media_type() {
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => {
            let kind = part.kind.get("smime-type").unwrap_or("enveloped-data").to_ascii_lowercase();
            return Layer::Smime {
                encrypted: !matches!(kind.as_str(), "signed-data" | "certs-only" | "compressed-data"),
            };
        }
        "application/ms-tnef" | "application/vnd.ms-tnef" => return Layer::Tnef,
        _ if part.children.is_empty() && part.name().is_some_and(|name| name.eq_ignore_ascii_case("winmail.dat")) => {
            return Layer::Tnef;
        }
        kind if !kind.starts_with("multipart/") => return Layer::None,
        _ => {}
    }
    // Between the two parts of RFC 3156, one that lost its type is known by what it says.
    let proper = part.media_type() == "multipart/encrypted";
    let looks = |child: &usize| match look(tree, *child, &body) {
        Look::Other if proper && body(*child).trim_ascii() == b"Version: 1" => Look::Version,
        look => look,
    };
    let kinds: Vec<(usize, Look)> = part.children.iter().take(16).map(|child| (*child, looks(child))).collect();
    if part.media_type() == "multipart/signed" {
        if is_smime_protocol(part) || kinds.iter().any(|(_, look)| *look == Look::SmimeSignature) {
            return Layer::Smime { encrypted: false };
        }
        if let Some(layer) = signed(tree, part, &kinds, false) {
            return layer;
        }
    }
    if proper || kinds.iter().any(|(_, look)| *look == Look::Version) {
        if let Some(layer) = encrypted(part, &kinds) {
            return layer;
        }
    }
    if part.media_type() == "multipart/mixed"
        && let Some(layer) = signed(tree, part, &kinds, true)
    {
        return layer;
    }
    Layer::None
}

/// What the part of a multipart looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// `application/pgp-encrypted`: the line `Version: 1`.
    Version,
    /// Ciphertext.
    Message,
    /// A signature by its type.
    Signature,
    /// A signature by its content only.
    PerhapsSignature,
    SmimeSignature,
    Other,
}

fn look(tree: &Tree, index: usize, body: &impl Fn(usize) -> Vec<u8>) -> Look {
    let Some(part) = tree.parts.get(index) else { return Look::Other };
    if !part.children.is_empty() {
        return Look::Other;
    }
    let bytes = || body(index);
    match part.media_type() {
        // Some programs give both parts of RFC 3156 the same type.
        "application/pgp-encrypted" => match starts_as(&bytes()) {
            Some(Kind::Message) => Look::Message,
            _ => Look::Version,
        },
        "application/pgp-signature" => Look::Signature,
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => Look::SmimeSignature,
        "application/octet-stream" | "application/pgp" | "text/plain" | "application/x-unknown" => {
            match starts_as(&bytes()) {
                Some(Kind::Message) => Look::Message,
                Some(Kind::Signature) => Look::PerhapsSignature,
                _ => Look::Other,
            }
        }
        _ => Look::Other,
    }
}

/// The kind of the armor that a body begins with; binary data is judged by its first packet.
pub fn starts_as(bytes: &[u8]) -> Option<Kind> {
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"-----BEGIN") {
        let head = text.get(..200).unwrap_or(text);
        return armor::find(head).first().map(|block| block.kind);
    }
    binary_kind(bytes)
}

/// What binary OpenPGP data begins with, by the tag of its first packet (RFC 9580 section 5): the first byte alone proves
/// little, so a plausible version or algorithm must follow.
pub fn binary_kind(bytes: &[u8]) -> Option<Kind> {
    let first = *bytes.first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let (tag, body) = if first & 0x40 != 0 {
        let second = *bytes.get(1)?;
        (
            first & 0x3f,
            if second < 192 || (224..255).contains(&second) {
                2
            } else if second < 224 {
                3
            } else {
                6
            },
        )
    } else {
        (
            first >> 2 & 0x0f,
            match first & 3 {
                0 => 2,
                1 => 3,
                2 => 5,
                _ => 1,
            },
        )
    };
    let start = *bytes.get(body)?;
    match (tag, start) {
        (1, 2 | 3 | 6) | (3, 4..=6) | (18, 1 | 2) | (20, 1) | (8, 0..=3) | (4, 3 | 6) => Some(Kind::Message),
        (9, _) if bytes.len() > 32 => Some(Kind::Message),
        (11, b'b' | b't' | b'u' | b'm' | b'l') => Some(Kind::Message),
        (10, b'P') => Some(Kind::Message),
        (2, 3 | 4 | 6) => Some(Kind::Signature),
        (6, 2..=4 | 6) => Some(Kind::PublicKey),
        (5, 2..=4 | 6) => Some(Kind::PrivateKey),
        _ => None,
    }
}

fn encrypted(part: &Part, kinds: &[(usize, Look)]) -> Option<Layer> {
    let version = kinds.iter().position(|(_, look)| *look == Look::Version);
    let proper = part.media_type() == "multipart/encrypted";
    let data = kinds.iter().find(|(_, look)| *look == Look::Message).map(|(index, _)| *index);
    // What does not look like a message may still be one that was damaged; it is at least to be reported.
    let data =
        data.or_else(|| kinds.get(version? + 1).filter(|(_, look)| *look == Look::Other).map(|(index, _)| *index))?;
    let is_version = |child: &usize| kinds.iter().any(|(index, look)| index == child && *look == Look::Version);
    let others = part.children.iter().copied().filter(|child| *child != data && !is_version(child)).collect();
    Some(Layer::Encrypted { data, others, mended: !proper || version.is_none() })
}

fn signed(tree: &Tree, part: &Part, kinds: &[(usize, Look)], mended: bool) -> Option<Layer> {
    let name = |index: usize| tree.parts.get(index).and_then(Part::name);
    let about = |index: usize| {
        let file = signed_name(name(index)?)?;
        kinds.iter().map(|(other, _)| *other).find(|other| *other != index && name(*other) == Some(file))
    };
    let is = |wanted: Look| move |(_, look): &&(usize, Look)| *look == wanted;
    let by_type = kinds.iter().rev().find(is(Look::Signature));
    let perhaps =
        || kinds.iter().rev().find(is(Look::PerhapsSignature)).filter(|(at, _)| !mended || about(*at).is_some());
    let (signature, _) = by_type.or_else(perhaps)?;
    let first = || kinds.iter().map(|(index, _)| *index).find(|index| index != signature);
    let content = about(*signature).filter(|_| mended).or_else(first)?;
    let others = part.children.iter().copied().filter(|child| *child != content && child != signature).collect();
    Some(Layer::Signed { content, signature: *signature, others, mended })
}

fn is_smime_protocol(part: &Part) -> bool {
    part.kind.get("protocol").is_some_and(|protocol| protocol.to_ascii_lowercase().contains("pkcs7"))
}

/// The name of an encrypted file without the ending that encryption gave it; `None` where it has none.
pub fn plain_name(name: &str) -> Option<&str> {
    let (stem, ending) = name.rsplit_once('.')?;
    let known = ["pgp", "gpg", "asc"].iter().any(|known| ending.eq_ignore_ascii_case(known));
    known.then_some(stem).filter(|stem| !stem.is_empty())
}

/// The name of the file that a detached signature is about.
pub fn signed_name(name: &str) -> Option<&str> {
    let (stem, ending) = name.rsplit_once('.')?;
    let known = ["sig", "asc", "sign", "pgp", "gpg"].iter().any(|known| ending.eq_ignore_ascii_case(known));
    known.then_some(stem).filter(|stem| !stem.is_empty())
}
