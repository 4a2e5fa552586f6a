//! The bytes of a mail. Structure is written by hand, so that it is exact and [`super::shape`] can check it to the byte;
//! the mail builder writes the fields with parameters (RFC 2231).

use data_encoding::BASE64_MIME;
use jiff::tz::TimeZone;
use mail_builder::headers::Header;
use mail_builder::headers::content_type::ContentType;
use zeroize::Zeroizing;

use super::text::{Encoding, encoded_words};
use crate::message::Address;
use crate::reply::{Attachment, Draft};

/// Complete header fields, each with its CRLF.
pub type Fields = Vec<Vec<u8>>;

/// What the protected header fields are protected by (RFC 9788).
pub enum Protection<'a> {
    /// Encrypted and signed; the fields that everybody can read are repeated as HP-Outer.
    Cipher(&'a Fields),
    /// Signed only.
    Clear,
}

/// The header fields of `draft` with this Subject. No User-Agent, no host name, no time zone, no Bcc.
pub fn fields(draft: &Draft, subject: &str) -> Fields {
    let mut fields = vec![addresses("From", [draft.from()]), addresses("To", [draft.to()])];
    if !draft.cc().is_empty() {
        fields.push(addresses("Cc", draft.cc()));
    }
    fields.push(unstructured("Subject", subject));
    let date = draft.date().to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
    fields.push(tokens("Date", [date.as_str()]));
    fields.push(tokens("Message-ID", [draft.message_id()]));
    if let Some(answered) = draft.in_reply_to() {
        fields.push(tokens("In-Reply-To", [answered]));
    }
    if !draft.references().is_empty() {
        fields.push(tokens("References", draft.references().iter().map(String::as_str)));
    }
    fields
}

/// The part that is signed: the protected header fields, then the text and the files.
pub fn payload(draft: &Draft, protection: Protection<'_>, boundary: &str) -> Zeroizing<Vec<u8>> {
    // Sized first: a buffer that grows leaves copies of the text behind.
    let mut out = Zeroizing::new(Vec::with_capacity(payload_bound(draft)));
    let (subject, hp) = match protection {
        Protection::Cipher(_) => (draft.subject(), "cipher"),
        Protection::Clear => (draft.clear_subject(), "clear"),
    };
    for each in fields(draft, subject).into_iter().map(Zeroizing::new) {
        out.extend_from_slice(&each);
    }
    if let Protection::Cipher(outer) = protection {
        for each in outer {
            out.extend_from_slice(b"HP-Outer: ");
            out.extend_from_slice(each);
        }
    }
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    if draft.attachments().is_empty() {
        write_text(draft.body(), Some(hp), &mut out);
        return out;
    }
    let kind = ContentType::new("multipart/mixed").attribute("boundary", boundary);
    out.extend_from_slice(&field("Content-Type", &protected(kind, hp)));
    out.extend_from_slice(b"\r\n");
    delimiter(boundary, &mut out);
    write_text(draft.body(), None, &mut out);
    for file in draft.attachments() {
        delimiter(boundary, &mut out);
        write_file(file, &mut out);
    }
    closing(boundary, &mut out);
    out
}

/// RFC 3156 section 4.
pub fn encrypted(outer: &Fields, boundary: &str, armored: &[u8]) -> Vec<u8> {
    let mut out = begin(outer, armored.len() * 2);
    out.extend_from_slice(encrypted_head(boundary).as_bytes());
    with_crlf(armored, &mut out);
    out.extend_from_slice(encrypted_tail(boundary).as_bytes());
    out
}

/// From the Content-Type field of an encrypted mail to where the armor begins.
pub fn encrypted_head(boundary: &str) -> String {
    format!(
        "MIME-Version: 1.0\r\n\
         Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";\r\n \
         boundary=\"{boundary}\"\r\n\
         \r\n\
         --{boundary}\r\n\
         Content-Type: application/pgp-encrypted\r\n\
         \r\n\
         Version: 1\r\n\
         \r\n\
         --{boundary}\r\n\
         Content-Type: application/octet-stream; name=\"encrypted.asc\"\r\n\
         Content-Disposition: inline; filename=\"encrypted.asc\"\r\n\
         \r\n"
    )
}

/// What follows the armor.
pub fn encrypted_tail(boundary: &str) -> String {
    format!("\r\n--{boundary}--\r\n")
}

/// RFC 3156 section 5: the signature is over `payload` without the CRLF before the delimiter.
pub fn signed(outer: &Fields, boundary: &str, payload: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut out = begin(outer, payload.len() + signature.len() * 2);
    out.extend_from_slice(
        format!(
            "MIME-Version: 1.0\r\n\
             Content-Type: multipart/signed; micalg=\"pgp-sha512\";\r\n \
             protocol=\"application/pgp-signature\";\r\n \
             boundary=\"{boundary}\"\r\n\
             \r\n\
             --{boundary}\r\n"
        )
        .as_bytes(),
    );
    out.extend_from_slice(payload);
    out.extend_from_slice(
        format!(
            "\r\n--{boundary}\r\n\
             Content-Type: application/pgp-signature; name=\"signature.asc\"\r\n\
             Content-Disposition: attachment; filename=\"signature.asc\"\r\n\
             \r\n"
        )
        .as_bytes(),
    );
    with_crlf(signature, &mut out);
    closing(boundary, &mut out);
    out
}

/// In the clear without a signature.
pub fn unsigned(outer: &Fields, boundary: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = begin(outer, payload.len());
    out.extend_from_slice(
        format!(
            "MIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed;\r\n boundary=\"{boundary}\"\r\n\
             \r\n\
             --{boundary}\r\n"
        )
        .as_bytes(),
    );
    out.extend_from_slice(payload);
    closing(boundary, &mut out);
    out
}

fn begin(outer: &Fields, more: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(outer.iter().map(Vec::len).sum::<usize>() + more + 4096);
    for each in outer {
        out.extend_from_slice(each);
    }
    out
}

fn write_text(text: &str, hp: Option<&str>, out: &mut Vec<u8>) {
    let mut kind = ContentType::new("text/plain").attribute("charset", "utf-8");
    if let Some(hp) = hp {
        kind = protected(kind, hp);
    }
    let encoding = Encoding::of(text);
    out.extend_from_slice(&field("Content-Type", &kind));
    out.extend_from_slice(format!("Content-Transfer-Encoding: {}\r\n\r\n", encoding.name()).as_bytes());
    encoding.write(text, out);
}

fn write_file(file: &Attachment, out: &mut Vec<u8>) {
    out.extend_from_slice(&field("Content-Type", &ContentType::new(file.media_type())));
    let disposition = ContentType::new("attachment").attribute("filename", file.name());
    out.extend_from_slice(&field("Content-Disposition", &disposition));
    out.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n\r\n");
    let start = out.len();
    out.resize(start + BASE64_MIME.encode_len(file.bytes().len()), 0);
    if let Some(room) = out.get_mut(start..) {
        BASE64_MIME.encode_mut(file.bytes(), room);
    }
}

/// `hp` is RFC 9788; the other parameter is what programs older than it look for.
fn protected<'a>(kind: ContentType<'a>, hp: &'a str) -> ContentType<'a> {
    kind.attribute("hp", hp).attribute("protected-headers", "v1")
}

fn delimiter(boundary: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
}

fn closing(boundary: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
}

fn field(name: &str, value: &impl Header) -> Vec<u8> {
    let mut out = format!("{name}: ").into_bytes();
    let column = out.len();
    value.write_header(&mut out, column);
    out
}

/// A field of tokens that are written as they are, folded between them where the line would become too long.
fn tokens<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    // Sized for any Subject, since a buffer that grows leaves copies behind.
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut column = out.len();
    for (at, token) in all.into_iter().enumerate() {
        if at > 0 && column + 1 + token.len() > 78 {
            out.extend_from_slice(b"\r\n");
            column = 0;
        }
        out.push(b' ');
        out.extend_from_slice(token.as_bytes());
        column += 1 + token.len();
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Free text, as it is where it can stand so.
fn unstructured(name: &str, text: &str) -> Vec<u8> {
    if is_plain(text) { tokens(name, [text]) } else { tokens(name, encoded_words(text).iter().map(|w| w.as_str())) }
}

fn addresses<'a>(field: &str, all: impl IntoIterator<Item = &'a Address>) -> Vec<u8> {
    let mut words: Vec<String> = Vec::new();
    for address in all {
        if let Some(last) = words.last_mut() {
            last.push(',');
        }
        match &address.name {
            Some(name) if is_plain(name) => {
                let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
                words.push(format!("\"{quoted}\""));
            }
            Some(name) => words.extend(encoded_words(name).iter().map(|w| w.to_string())),
            None => {}
        }
        words.push(format!("<{}>", address.address));
    }
    tokens(field, words.iter().map(String::as_str))
}

/// ASCII that fits a line, and that no reader takes for an encoded word (RFC 2047): what was shown is what arrives.
fn is_plain(text: &str) -> bool {
    let edges = text.starts_with(' ') || text.ends_with(' ');
    let bytes = text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    !text.is_empty() && text.len() <= 66 && bytes && !edges && !text.contains("=?")
}

/// Armor comes with LF.
fn with_crlf(armored: &[u8], out: &mut Vec<u8>) {
    for line in armored.split_inclusive(|b| *b == b'\n') {
        out.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        out.extend_from_slice(b"\r\n");
    }
}

fn payload_bound(draft: &Draft) -> usize {
    let headers = 4096 + 1024 * (draft.cc().len() + draft.references().len() + draft.attachments().len());
    let files: usize = draft.attachments().iter().map(|f| BASE64_MIME.encode_len(f.bytes().len())).sum();
    4 * headers + 4 * draft.body().len() + files
}
