//! Subject, References and Message-ID of an answer (RFC 5322 section 3.6.4 and 3.6.5).

use std::collections::HashSet;

use data_encoding::BASE32_NOPAD;

use super::address::ends_or_commands;
use super::{MAX_REFERENCES, MAX_SUBJECT_CHARS};
use crate::message::Header;

/// What programs of many languages put before the Subject of an answer. Marks of forwarding are not among them: they
/// say something about the mail.
const REPLY_MARKS: &[&str] =
    &["re", "aw", "antw", "antwort", "sv", "vs", "odp", "ynt", "rif", "res", "回复", "回覆", "答复", "答覆"];

/// The Subject where the mail had none.
const NO_SUBJECT: &str = "your report";

/// "Re: " and the Subject without the marks that earlier answers put there; on one line, without control characters,
/// cut where it is too long.
pub fn reply_subject(subject: Option<&str>) -> String {
    let one_line: String = subject
        .unwrap_or_default()
        .chars()
        .take(20 * MAX_SUBJECT_CHARS)
        .map(|c| if ends_or_commands(c) { ' ' } else { c })
        .collect();
    let folded = one_line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = folded.as_str();
    while let Some(shorter) = without_mark(rest) {
        rest = shorter;
    }
    if rest.is_empty() {
        rest = NO_SUBJECT;
    }
    let room = MAX_SUBJECT_CHARS.saturating_sub(4);
    if rest.chars().count() <= room {
        return format!("Re: {rest}");
    }
    let cut: String = rest.chars().take(room.saturating_sub(1)).collect();
    format!("Re: {}…", cut.trim_end())
}

/// The References of an answer: those of the mail (or its single In-Reply-To), then its own Message-ID. Bounded: the
/// first, which names the thread, and the latest are kept. What is no Message-ID is left out.
pub fn references(header: &Header) -> Vec<String> {
    let chain = match (header.references.as_slice(), header.in_reply_to.as_slice()) {
        ([], [only]) => std::slice::from_ref(only),
        (references, _) => references,
    };
    let mut seen = HashSet::new();
    // From the newest, so that a repeated one keeps its latest place and the mail's own stays last.
    let mut newest_first = header.message_id.iter().chain(chain.iter().rev()).filter(|id| is_message_id(id));
    let mut kept: Vec<String> = Vec::new();
    let mut oldest = None;
    for id in newest_first.by_ref() {
        if !seen.insert(id.as_str()) {
            continue;
        }
        if kept.len() < MAX_REFERENCES - 1 {
            kept.push(id.clone());
        } else {
            oldest = Some(id.clone());
        }
    }
    kept.extend(oldest);
    kept.reverse();
    kept
}

/// A Message-ID with a random left part, at the domain of our address: it names no machine and no time.
pub fn message_id(random: [u8; 16], our_address: &str) -> String {
    let domain = our_address.rsplit_once('@').map_or("", |(_, domain)| domain);
    format!("<{}@{}>", BASE32_NOPAD.encode(&random).to_ascii_lowercase(), domain.to_ascii_lowercase())
}

/// True for `<left@right>` in printable ASCII without spaces, short enough for one line.
pub fn is_message_id(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')) else { return false };
    let sides = inner.split_once('@').is_some_and(|(left, right)| !left.is_empty() && !right.is_empty());
    sides && inner.len() <= 250 && inner.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
}

/// The text after a mark of answering, with or without a count (`Re[2]:`, `AW (3):`, `Re^4:`).
fn without_mark(subject: &str) -> Option<&str> {
    let (mark, rest) = subject.split_once([':', '：'])?;
    if mark.len() > 24 {
        return None;
    }
    let word = mark.trim_end_matches(|c: char| c.is_ascii_digit() || "[]()^ ".contains(c)).to_lowercase();
    REPLY_MARKS.contains(&word.as_str()).then(|| rest.trim_start())
}
