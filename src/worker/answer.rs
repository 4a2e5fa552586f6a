//! What the worker says, taken with suspicion: it may be whoever sent the mail who speaks.

use zeroize::Zeroizing;

use super::frame;
use crate::report::Opened;

const MAX_CANDIDATES: usize = 16;
const MAX_CERT: usize = 256 << 10;
const MAX_PARTS: usize = 20_000;
const MAX_WARNINGS: usize = 200;
/// Everything but the text: of the size of the header limit, the parts and the candidates.
const MAX_JSON: usize = 32 << 20;
const MAX_TEXT: usize = 64 << 20;

/// An opened mail as two fields: all but the text, and the text. The text is moved out and in again, never copied into JSON.
pub fn write(mut opened: Opened) -> Option<(Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>)> {
    let text = Zeroizing::new(std::mem::take(&mut opened.text).into_bytes());
    let json = Zeroizing::new(serde_json::to_vec(&opened).ok()?);
    Some((json, text))
}

/// The opened mail; `None` where it is not what a worker in its right mind says.
pub fn read(body: &[u8]) -> Option<Opened> {
    let [json, text] = frame::fields::<2>(body)?;
    if json.len() > MAX_JSON || text.len() > MAX_TEXT {
        return None;
    }
    let mut opened: Opened = serde_json::from_slice(json).ok()?;
    if !opened.text.is_empty() || !is_sane(&opened) {
        return None;
    }
    opened.text = String::from_utf8(text.to_vec()).ok()?;
    Some(opened)
}

/// Where the rest of the program relies on a form, it has that form.
fn is_sane(opened: &Opened) -> bool {
    let verdict = &opened.verdict;
    let fingerprints = [&verdict.encryption.decrypted_with, &verdict.signature.by];
    let candidates = opened.candidates.len() <= MAX_CANDIDATES
        && opened.candidates.iter().all(|c| c.cert.len() <= MAX_CERT && is_hex(&c.fingerprint, true));
    let parts = opened.parts.len() <= MAX_PARTS
        && opened.parts.iter().all(|p| {
            p.path.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !p.path.is_empty() && is_hex(&p.sha256, false)
        });
    candidates
        && parts
        && opened.warnings.len() <= MAX_WARNINGS
        && fingerprints.into_iter().flatten().all(|name| is_hex(name, true))
        && opened.payload_sha256.as_ref().is_none_or(|sum| is_hex(sum, false))
}

fn is_hex(name: &str, upper: bool) -> bool {
    let digit = |b: u8| b.is_ascii_digit() || if upper { matches!(b, b'A'..=b'F') } else { matches!(b, b'a'..=b'f') };
    (16..=64).contains(&name.len()) && name.bytes().all(digit)
}

/// A place in the source, as a worker names it: nothing else gets through.
pub fn place(bytes: &[u8]) -> String {
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-' | b':');
    bytes.iter().filter(|b| word(b)).take(120).map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(change: impl FnOnce(&mut Opened)) -> Option<Opened> {
        let mut opened = Opened::unread("a test");
        change(&mut opened);
        let (json, text) = write(opened).unwrap();
        read(&frame::write(b'o', &[&json, &text])[frame::HEAD..])
    }

    #[test]
    fn what_is_told_arrives() {
        let mut wanted = Opened::unread("a test");
        wanted.text = "line\nline \u{1f600}".into();
        assert_eq!(told(|o| o.text = wanted.text.clone()), Some(wanted));
    }

    #[test]
    fn what_no_worker_says_is_refused() {
        assert!(told(|o| o.verdict.signature.by = Some("alice\n".into())).is_none());
        assert!(told(|o| o.payload_sha256 = Some("../../etc".into())).is_none());
        assert!(told(|o| o.warnings = vec![String::new(); MAX_WARNINGS + 1]).is_none());
        assert!(read(&frame::write(b'o', &[b"{}", b""])[frame::HEAD..]).is_none());
        assert!(read(&frame::write(b'o', &[b"null", b"", b""])[frame::HEAD..]).is_none());
        let (json, _) = write(Opened::unread("a test")).unwrap();
        assert!(read(&frame::write(b'o', &[&json, b"\xff"])[frame::HEAD..]).is_none(), "text that is no UTF-8");
        assert_eq!(place(b"src/a.rs:1\x1b[31m forged"), "src/a.rs:131mforged");
    }
}
