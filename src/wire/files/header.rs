//! The little that files need from a header before anyone parses it.

use jiff::Timestamp;

use crate::message::date;
use crate::wire::Limits;

/// No header is looked at beyond this.
const LONGEST: usize = 1 << 20;

/// The first field of this name (lower case), unfolded, without the name; `None` where there is none.
pub(crate) fn field(raw: &[u8], name: &str) -> Option<String> {
    let head = raw.get(..LONGEST.min(raw.len())).unwrap_or(raw);
    let mut value: Option<Vec<u8>> = None;
    for line in head.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        if let Some(value) = value.as_mut() {
            if !matches!(line.first(), Some(b' ' | b'\t')) {
                break;
            }
            value.extend_from_slice(line);
        } else if let Some(rest) = line.get(name.len()..)
            && line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
            && let Some(text) = rest.trim_ascii_start().strip_prefix(b":")
        {
            value = Some(text.to_vec());
        }
    }
    value.map(|v| String::from_utf8_lossy(&v).trim().to_owned())
}

/// When the last server took the mail: the date in the topmost Received field.
pub fn received(raw: &[u8]) -> Option<Timestamp> {
    date::of_received(&field(raw, "received")?)
}

/// Cuts a mail that is over the limit to its beginning: the whole header, where it is of a sane length, and the bytes
/// that [`Limits::beginning`] asks for.
pub fn keep_beginning(raw: &mut Vec<u8>, limits: &Limits) {
    let length = beginning(raw, limits.beginning);
    raw.truncate(length);
    raw.shrink_to_fit();
}

/// Where the header ends, its empty line included.
pub(crate) fn end(raw: &[u8]) -> Option<usize> {
    let crlf = raw.windows(4).position(|w| w == b"\r\n\r\n").map(|i| i + 4);
    let lf = raw.windows(2).position(|w| w == b"\n\n").map(|i| i + 2);
    crlf.into_iter().chain(lf).min()
}

/// How much of a mail over the limit is kept: its header, and at least `least` bytes.
pub(crate) fn beginning(raw: &[u8], least: u64) -> usize {
    let least = usize::try_from(least).unwrap_or(LONGEST);
    let head = raw.get(..LONGEST.min(raw.len())).unwrap_or(raw);
    end(head).unwrap_or(head.len()).max(least).min(raw.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_unfolded() {
        let mail =
            b"X-Received: no\r\nRECEIVED : from a\r\n\tby b; Fri,\r\n 20 Nov 2026 (a (nested; comment)) 10:00:00 +0100 (CET; so)\r\n\
            Received: older; Thu, 19 Nov 2026 10:00:00 +0000\r\nMessage-ID:\r\n <a@b>\r\n\r\nSubject: body\r\n";
        assert_eq!(field(mail, "message-id").as_deref(), Some("<a@b>"));
        assert_eq!(field(mail, "subject"), None);
        assert_eq!(received(mail), Some("2026-11-20T09:00:00Z".parse().unwrap()));
        let lf = String::from_utf8_lossy(mail).replace("\r\n", "\n");
        assert_eq!(received(lf.as_bytes()), received(mail));
    }

    #[test]
    fn a_received_field_without_a_date_says_nothing() {
        for mail in [
            "Received: from a by b\n\n",
            "Received: a; garbage\n\n",
            "Received: ;\n\n",
            "\nReceived: a; Fri, 20 Nov 2026 10:00:00 +0000\n",
        ] {
            assert_eq!(received(mail.as_bytes()), None, "{mail:?}");
        }
        let wrong_weekday = b"Received: a; Mon, 20 Nov 2026 10:00:00 GMT\n\n";
        assert_eq!(received(wrong_weekday), Some("2026-11-20T10:00:00Z".parse().unwrap()));
    }

    #[test]
    fn the_beginning_holds_the_header() {
        let mail = [b"A: ".as_slice(), &[b'x'; 1000], b"\r\n\r\nbody".as_slice()].concat();
        assert_eq!(beginning(&mail, 10), 1007);
        assert_eq!(beginning(&mail, 5000), mail.len());
        assert_eq!(beginning(&vec![b'x'; 3 << 20], 10), 1 << 20);
    }
}
