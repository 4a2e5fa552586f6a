//! Mail addresses in prose, plain or hidden from machines.

/// Addresses in a text, plain or written so that machines stumble: "security [at] example [dot] org".
pub(super) fn found_addresses(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, sign) in text.char_indices().filter(|(_, c)| matches!(c, '@' | '＠')) {
        let before = text.get(..at).unwrap_or_default();
        let local = back_to_placeholder(before).unwrap_or_else(|| back(before));
        let domain = ahead(text.get(at + sign.len_utf8()..).unwrap_or_default());
        // "@name@example.org" is a handle of the fediverse.
        let handle = before.strip_suffix(local).is_some_and(|b| b.ends_with('@'));
        if !local.is_empty() && is_domain(domain) && !handle {
            found.push((at - local.len(), format!("{local}@{domain}")));
        }
    }
    found.extend(hidden(text));
    found.sort_by_key(|f| f.0);
    found
}

/// "[your-name]": what nobody filled in, kept as it stands.
fn back_to_placeholder(text: &str) -> Option<&str> {
    let open = text.strip_suffix([']', '>', '}'])?.char_indices().rev().take(40).find(|(_, c)| OPENING.contains(c))?.0;
    let inner = text.get(open + 1..text.len() - 1)?;
    let named = inner.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' '));
    (named && !inner.is_empty()).then(|| text.get(open..))?
}

fn back(text: &str) -> &str {
    let start = text
        .char_indices()
        .rev()
        .take(64)
        .take_while(|(_, c)| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'))
        .last()
        .map_or(text.len(), |(i, _)| i);
    text.get(start..).unwrap_or_default().trim_start_matches(['.', '-', '_', '+'])
}

fn ahead(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-')) || super::super::text::unspaced(c))
        .unwrap_or(text.len());
    text.get(..end.min(253)).unwrap_or_default().trim_end_matches(['.', '-'])
}

/// A name with a dot whose last part is letters and no file ending.
pub(super) fn is_domain(domain: &str) -> bool {
    let Some((name, tld)) = domain.rsplit_once('.') else { return false };
    let file = ["png", "jpg", "jpeg", "svg", "gif", "webp"].contains(&tld);
    !name.is_empty() && tld.len() >= 2 && !file && tld.chars().all(char::is_alphabetic) && !name.starts_with('.')
}

/// What stands for "@" and for "." in addresses that hide, without brackets around it and within them.
const AT: [&str; 7] = ["(at ", "[at ", " at ", " AT ", "-at-", "_at_", " [a] "];
const DOTS: [&str; 2] = [" dot ", " DOT "];
const AT_IN_BRACKETS: [&str; 4] = ["at", "@", "ät", "arroba"];
const DOTS_IN_BRACKETS: [&str; 4] = ["dot", ".", "punkt", "punto"];

const OPENING: [char; 4] = ['(', '[', '{', '<'];
const CLOSING: [char; 4] = [')', ']', '}', '>'];

fn hidden(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, length, bracketed) in signs(text) {
        let left = text.get(..at).unwrap_or_default().trim_end();
        let local = dotted_back(left);
        let Some(domain) = dotted_ahead(text.get(at + length..).unwrap_or_default()) else { continue };
        let start = left.len() - local.1;
        let plausible = bracketed || domain.1 || stands_alone(text, start, &local.0);
        if !local.0.is_empty() && is_domain(&domain.0) && plausible {
            found.push((start, format!("{}@{}", local.0, domain.0)));
        }
    }
    found
}

/// Whatever may stand for "@": where, how long, and whether nobody would write it so in a sentence.
fn signs(text: &str) -> Vec<(usize, usize, bool)> {
    let plain = AT.iter().flat_map(|mark| {
        let odd = mark.trim().len() == mark.len();
        text.match_indices(mark).map(move |(at, m)| (at, m.len(), odd))
    });
    let in_brackets = text
        .match_indices(OPENING)
        .filter(|(at, _)| !text.get(..*at).unwrap_or_default().ends_with(OPENING))
        .filter_map(|(at, _)| Some((at, in_brackets(text.get(at..)?, &AT_IN_BRACKETS)?, true)));
    plain.chain(in_brackets).collect()
}

/// The length of "[at]", "{{[@]}}" or the like, if the text begins with one that holds one of the words.
fn in_brackets(text: &str, words: &[&str]) -> Option<usize> {
    let inner = text.trim_start_matches(OPENING);
    let end = inner.char_indices().take(10).find(|(_, c)| CLOSING.contains(c))?.0;
    let (word, rest) = (inner.get(..end)?.trim(), inner.get(end..)?);
    let length = text.len() - rest.trim_start_matches(CLOSING).len();
    (inner.len() < text.len() && words.contains(&word.to_lowercase().as_str())).then_some(length)
}

/// The local part before a hidden "@", and its length as written.
fn dotted_back(text: &str) -> (String, usize) {
    let last = back(text);
    let rest = text.get(..text.len() - last.len()).unwrap_or_default();
    let plain = DOTS.iter().find_map(|dot| rest.strip_suffix(dot));
    let bracketed = || {
        // "[dot]" right before, and nothing far: a long text is looked at once, not from each sign.
        let rest = rest.trim_end();
        let near = rest.char_indices().rev().take(16);
        let open = near.skip_while(|(_, c)| CLOSING.contains(c)).find(|(_, c)| OPENING.contains(c))?.0;
        let start = rest.get(..=open)?.trim_end_matches(OPENING).len();
        let length = in_brackets(rest.get(start..)?, &DOTS_IN_BRACKETS)?;
        (start + length == rest.len()).then(|| rest.get(..start))?
    };
    if let Some(rest) = plain.or_else(bracketed) {
        let rest = rest.trim_end();
        let first = back(rest);
        if !first.is_empty() {
            return (format!("{first}.{last}"), text.len() - (rest.len() - first.len()));
        }
    }
    (last.to_owned(), last.len())
}

/// The domain after a hidden "@", and whether it hid its dots.
fn dotted_ahead(text: &str) -> Option<(String, bool)> {
    let mut rest = text.trim_start();
    let mut domain = String::new();
    let mut hid = false;
    for _ in 0..6 {
        let label = ahead(rest);
        if label.is_empty() {
            break;
        }
        domain.push_str(label);
        rest = rest.get(label.len()..).unwrap_or_default();
        let plain = || DOTS.iter().find_map(|d| rest.strip_prefix(d));
        let near = rest.trim_start();
        let bracketed = in_brackets(near, &DOTS_IN_BRACKETS).and_then(|n| near.get(n..));
        // "[dot com]"
        let inner = near.trim_start_matches(OPENING);
        let last = inner.strip_prefix("dot ").filter(|_| inner.len() < near.len()).map(|l| ahead(l.trim_start()));
        if let Some(last) = last.filter(|_| bracketed.is_none()) {
            return (!last.is_empty()).then(|| (format!("{domain}.{last}"), true));
        }
        let Some(after) = bracketed.or_else(plain) else { break };
        rest = after.trim_start();
        domain.push('.');
        hid = true;
    }
    let domain = domain.trim_end_matches('.').to_owned();
    (!domain.is_empty()).then_some((domain, hid))
}

/// Whether "NAME at domain.tld" is an address rather than a sentence: the name is not a word of prose, or stands
/// where only an address would.
fn stands_alone(text: &str, start: usize, local: &str) -> bool {
    let before = text.get(..start).unwrap_or_default();
    // A line of its own: "info at example.org".
    let whole = before.trim().is_empty() && text.split_whitespace().take(4).count() == 3;
    let tail = before.len() - before.chars().rev().take(12).map(char::len_utf8).sum::<usize>();
    let before = before.get(tail..).unwrap_or_default().trim_end();
    let odd = local.contains(['.', '_', '-', '+']) || local.bytes().any(|b| b.is_ascii_digit());
    let introduced = before.is_empty()
        || before.ends_with([',', ':', '<', '(', '[', '`', '*', '-'])
        || ["email", "mail", "to", "contact", "e-mail"].iter().any(|w| before.to_ascii_lowercase().ends_with(w));
    let word = [
        "us",
        "me",
        "it",
        "them",
        "team",
        "here",
        "report",
        "reports",
        "page",
        "form",
        "issue",
        "issues",
        "found",
        "available",
        "available,",
        "vulnerability",
        "program",
        "you",
        "is",
        "are",
        "look",
        "also",
    ]
    .contains(&local.to_ascii_lowercase().as_str());
    !word && (whole || odd && introduced || introduced && !before.is_empty() || local.eq_ignore_ascii_case("security"))
}

#[cfg(test)]
mod tests {
    use super::found_addresses;

    #[test]
    fn addresses_hide_badly() {
        for (text, address) in [
            ("mail security@example.org.", Some("security@example.org")),
            ("security [at] example [dot] org", Some("security@example.org")),
            ("security(at)example(dot)org", Some("security@example.org")),
            ("write to: ann.other at example.org", Some("ann.other@example.org")),
            ("* Ann, ann at example.org", Some("ann@example.org")),
            ("report it at example.org", None),
            ("look at hackerone.com", None),
            ("  desk at example.org", Some("desk@example.org")),
            ("sec AT example DOT co DOT uk", Some("sec@example.co.uk")),
            ("sec{{[@]}}example<.>org", Some("sec@example.org")),
            ("ann [dot] other ( at ) example [ dot ] co.uk", Some("ann.other@example.co.uk")),
            ("ann [at] example [dot com].", Some("ann@example.com")),
            ("call f(a) example.org", None),
            ("[your-name]@example.org", Some("[your-name]@example.org")),
            ("[desk AT example.org]", Some("desk@example.org")),
            ("on Mastodon: @ann@example.org", None),
            ("image@2x.png", None),
            ("@handle", None),
        ] {
            assert_eq!(found_addresses(text).first().map(|f| f.1.as_str()), address, "{text}");
        }
    }
}
