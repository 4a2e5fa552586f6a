//! Dates as mail writes them (RFC 5322 section 3.3).

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::Offset;

static PARSER: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);

/// Reads a date; `None` for what is not one. Comments go first, by a counter and not by recursion, and a few habits of old
/// programs are repaired: a missing zone means UTC, a named zone may follow the number.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = without_comments(text.get(..256).unwrap_or(text));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.replace(" ,", ",");
    try_parse(&text)
        .or_else(|| try_parse(&format!("{text} +0000")))
        .or_else(|| text.rsplit_once(' ').and_then(|(before, _)| try_parse(before)))
        .or_else(|| text.split_once(", ").and_then(|(_, after)| try_parse(after)))
        .or_else(|| text.parse().ok())
}

fn try_parse(text: &str) -> Option<Timestamp> {
    PARSER.parse_timestamp(text).ok()
}

/// The date of a Received field: what follows the last semicolon (RFC 5321 section 4.4) that stands in no comment.
pub fn of_received(value: &str) -> Option<Timestamp> {
    without_comments(value).rsplit_once(';').and_then(|(_, date)| parse(date))
}

/// The offset from UTC that a date tells. `-0000` tells that nobody knows (RFC 5322 section 3.3), as does a date without
/// a number for its zone.
pub fn offset(text: &str) -> Option<Offset> {
    parse(text)?;
    let text = without_comments(text.get(..256).unwrap_or(text));
    let zone = text.split_whitespace().rev().find(|word| word.len() == 5 && word.starts_with(['+', '-']))?;
    let number: i32 = zone.get(1..)?.parse().ok().filter(|n| *n % 100 < 60)?;
    let seconds = (number / 100 * 60 + number % 100) * 60;
    match zone.get(..1)? {
        "-" if number == 0 => None,
        "-" => Offset::from_seconds(-seconds).ok(),
        _ => Offset::from_seconds(seconds).ok(),
    }
}

/// Comments (RFC 5322 section 3.2.2) may stand anywhere, nest, and hold semicolons.
fn without_comments(text: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_only_told_by_numbers() {
        let cases = [
            ("Mon, 2 Mar 2026 10:15:00 +0100", Some(3_600)),
            ("Mon, 2 Mar 2026 10:15:00 -0530 (IST)", Some(-19_800)),
            ("Mon, 2 Mar 2026 10:15:00 +0000", Some(0)),
            ("Mon, 2 Mar 2026 10:15:00 -0000", None),
            ("Mon, 2 Mar 2026 10:15:00 GMT", None),
            ("Mon, 2 Mar 2026 10:15:00 +0190", None),
            ("soon +0100", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(offset(text).map(jiff::tz::Offset::seconds), seconds, "{text}");
        }
    }

    #[test]
    fn dates_as_mail_writes_them() {
        for (raw, want) in [
            ("Mon, 2 Mar 2026 10:15:00 +0100", Some("2026-03-02T09:15:00Z")),
            ("Tue, 2 Mar 2026 10:15:00 +0100 (CET)", Some("2026-03-02T09:15:00Z")),
            ("2 Mar 2026 10:15 GMT", Some("2026-03-02T10:15:00Z")),
            ("Mon, 2 Mar 2026 10:15:00", Some("2026-03-02T10:15:00Z")),
            ("Mon,  02 Mar 2026\t10:15:00 +0000 UTC", Some("2026-03-02T10:15:00Z")),
            ("garbage", None),
            ("", None),
        ] {
            assert_eq!(parse(raw).map(|t| t.to_string()).as_deref(), want, "{raw}");
        }
        assert_eq!(
            of_received("from a by b; Mon, 2 Mar 2026 10:15:00 +0000").map(|t| t.to_string()).as_deref(),
            Some("2026-03-02T10:15:00Z")
        );
        assert_eq!(
            of_received("from a by b; Mon, 2 Mar 2026 10:15:00 +0000 (a; b)").map(|t| t.to_string()).as_deref(),
            Some("2026-03-02T10:15:00Z")
        );
        assert_eq!(parse(&format!("{}Mon, 2 Mar 2026 10:15:00 +0000", "(".repeat(50_000))), None);
    }
}
