//! When a mail was received: the server's word, where it can be true.
//!
//! Clocks start at that instant, so a server whose dates lie in the future would keep a report from ever being overdue, and
//! one that says 1970 (a disk that was restored, a server that lost its clock) would make it overdue for decades.

use jiff::Timestamp;

use super::files::header;

/// IMAP4 is of December 1994 (RFC 1730): no server can have received mail for it before.
const FIRST_SECOND: i64 = 786_240_000;
/// Clocks are wrong, and some servers write local time as UTC: so far ahead of ours a server is believed.
const AHEAD_S: i64 = 24 * 3600;

/// The instant a mail counts as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Where its clocks start.
    pub at: Timestamp,
    /// What the server said, where that cannot be.
    pub doubted: Option<Timestamp>,
}

/// Takes the server's word (INTERNALDATE) if it can be true; else the topmost Received field, which the same server wrote
/// when it took the mail; else now.
///
/// `latest` is what dates are judged by, so that a clock set by a person makes no honest date look like the future.
pub fn believed(said: Option<Timestamp>, raw: &[u8], now: Timestamp, latest: Timestamp) -> Receipt {
    let possible =
        |at: &Timestamp| at.as_second() >= FIRST_SECOND && at.as_second().saturating_sub(latest.as_second()) <= AHEAD_S;
    match said.filter(possible) {
        Some(at) => Receipt { at, doubted: None },
        None => Receipt { at: header::received(raw).filter(possible).unwrap_or(now), doubted: said },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_dates_start_no_clock() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-03-02T10:00:00Z");
        let plain = b"Subject: x\r\n\r\n".as_slice();
        let dated = b"Received: from a by b; Mon, 02 Mar 2026 09:00:00 +0000\r\n\r\n".as_slice();
        let lying = b"Received: from a by b; Mon, 02 Mar 2099 09:00:00 +0000\r\n\r\n".as_slice();
        for (said, raw, expected, doubted) in [
            (Some("2026-03-01T00:00:00Z"), dated, "2026-03-01T00:00:00Z", false),
            (Some("2026-03-03T09:00:00Z"), plain, "2026-03-03T09:00:00Z", false),
            (Some("2099-01-01T00:00:00Z"), plain, "2026-03-02T10:00:00Z", true),
            (Some("2099-01-01T00:00:00Z"), dated, "2026-03-02T09:00:00Z", true),
            (Some("2099-01-01T00:00:00Z"), lying, "2026-03-02T10:00:00Z", true),
            (Some("1970-01-01T00:00:00Z"), dated, "2026-03-02T09:00:00Z", true),
            (None, dated, "2026-03-02T09:00:00Z", false),
            (None, plain, "2026-03-02T10:00:00Z", false),
        ] {
            let said = said.map(at);
            let doubted = said.filter(|_| doubted);
            assert_eq!(believed(said, raw, now, now), Receipt { at: at(expected), doubted }, "{said:?}");
        }
    }
}
