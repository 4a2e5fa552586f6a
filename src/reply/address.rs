//! Which addresses and names may stand in a header field and an SMTP command.

use super::DraftError;
use crate::message::Address;
use crate::safe;

/// Why an address cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Not `local@domain`.
    #[error("it is not of the form name@domain")]
    Form,
    /// Longer than RFC 5321 section 4.5.3.1 allows.
    #[error("it is too long")]
    TooLong,
    /// A space, a line end, a quote, a bracket, or the like.
    #[error("it holds a character that does not belong into an address")]
    Character,
    /// It needs SMTPUTF8 (RFC 6531), which few servers have.
    #[error("it is not plain ASCII, and mail to such addresses is not supported")]
    NotAscii,
    /// The display name holds a control character or is too long.
    #[error("its display name holds a control character or is longer than 200 characters")]
    Name,
}

/// Checks an address for `field`. Stricter than RFC 5322: no quoted local parts and no comments, since those are where
/// one program's address is another program's two.
pub fn check(field: &'static str, address: &Address) -> Result<(), DraftError> {
    let verdict = check_addr_spec(&address.address).and_then(|()| address.name.as_deref().map_or(Ok(()), check_name));
    verdict.map_err(|reason| DraftError::Address { field, address: safe::short(&address.address, 80), reason })
}

/// Checks `local@domain` alone.
pub fn check_addr_spec(text: &str) -> Result<(), BadAddress> {
    if !text.is_ascii() {
        return Err(BadAddress::NotAscii);
    }
    let (local, domain) = text.rsplit_once('@').ok_or(BadAddress::Form)?;
    if local.is_empty() || domain.is_empty() {
        return Err(BadAddress::Form);
    }
    if local.len() > 64 || text.len() > 254 {
        return Err(BadAddress::TooLong);
    }
    // A leading hyphen would be read as an option by a sendmail command.
    if local.starts_with('-') || !local.bytes().all(|b| is_atext(b) || b == b'.') || !is_domain(domain) {
        return Err(BadAddress::Character);
    }
    Ok(())
}

/// Checks a display name.
pub fn check_name(name: &str) -> Result<(), BadAddress> {
    let bad = name.trim().is_empty() || name.chars().any(ends_or_commands) || name.chars().nth(200).is_some();
    if bad { Err(BadAddress::Name) } else { Ok(()) }
}

/// Control characters, and the two that Unicode ends lines with.
pub(super) fn ends_or_commands(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// RFC 5322 section 3.2.3.
fn is_atext(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b)
}

/// Letters, digits and hyphens in labels, or an address literal of RFC 5321 section 4.1.3.
fn is_domain(domain: &str) -> bool {
    if let Some(literal) = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']')) {
        return !literal.is_empty() && literal.bytes().all(|b| b.is_ascii_alphanumeric() || b".:".contains(&b));
    }
    domain.split('.').all(|label| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        !label.is_empty() && label.len() <= 63 && inner && !label.starts_with('-') && !label.ends_with('-')
    })
}
