//! When a server's certificate ends.
//!
//! The TLS library checks that it has not ended and keeps the date to itself. Only that date is read here, from a
//! certificate that the library has found to be well-formed and good; nothing is decided by it but a warning.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` of a DER certificate (RFC 5280 section 4.1.2.5); `None` where it cannot be found.
pub fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = take(der, SEQUENCE)?;
    let (mut rest, _) = take(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = any(rest)?.2;
    }
    // The serial number, the algorithm, who issued it.
    for _ in 0..3 {
        rest = any(rest)?.2;
    }
    let (validity, _) = take(rest, SEQUENCE)?;
    let (_, _, rest) = any(validity)?;
    let (tag, text, _) = any(rest)?;
    instant(tag, std::str::from_utf8(text).ok()?)
}

/// `yymmddhhmmssZ` until 2049, `yyyymmddhhmmssZ` from then on: no other form is allowed.
fn instant(tag: u8, text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z').filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let at = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The content of the first element, which must be of this kind, and what follows it.
fn take(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = any(bytes)?;
    (tag == wanted).then_some((content, rest))
}

/// The first element: its tag, its content, and what follows.
fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ 0..=0x7F => (usize::from(short), rest),
        long @ 0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7F))?;
            (digits.iter().fold(0usize, |n, d| n << 8 | usize::from(*d)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(year: i32) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 2, 28);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        for year in [2021, 2027, 2049, 2050, 2099] {
            let wanted: Timestamp = format!("{year}-02-28T00:00:00Z").parse().unwrap();
            assert_eq!(not_after(&made(year)), Some(wanted), "{year}");
        }
    }

    #[test]
    fn what_is_cut_or_changed_gives_no_date_or_another_and_no_panic() {
        let der = made(2027);
        // What comes after the date is not looked at; what the outer lengths promise must be there.
        assert!((0..der.len()).all(|end| not_after(&der[..end]).is_none()));
        for at in 0..der.len() {
            let mut changed = der.clone();
            changed[at] ^= 0xFF;
            let _ = not_after(&changed);
        }
        assert_eq!(instant(UTC_TIME, "270228000000+0100"), None);
        assert_eq!(instant(UTC_TIME, "271328000000Z"), None);
        assert_eq!(instant(GENERALIZED_TIME, "270228000000Z"), None);
    }
}
