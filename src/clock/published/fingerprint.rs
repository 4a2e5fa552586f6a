//! OpenPGP fingerprints: 40 hexadecimal digits, spaced or not, where keys are spoken of.

use super::document::Document;

/// Every fingerprint, upper case without blanks, in document order.
pub(super) fn fingerprints(document: &Document<'_>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for (index, block) in document.blocks.iter().enumerate() {
        let near = [Some(index), block.heading, block.lead, block.place.and_then(|p| p.header)];
        let speaks = |b: Option<usize>| b.and_then(|b| document.blocks.get(b)).is_some_and(|b| of_keys(&b.prose.text));
        let keys = near.into_iter().any(speaks);
        let targets = block.links.iter().map(|l| l.target.as_str()).chain([block.prose.text.as_str()]);
        let linked = targets.filter_map(in_link).map(|digits| (digits, true));
        for (digits, spaced) in runs(&block.prose.text).into_iter().chain(linked) {
            let upper = digits.to_ascii_uppercase();
            if (keys || spaced) && !all.contains(&upper) && all.len() < 64 {
                all.push(upper);
            }
        }
    }
    all
}

/// The fingerprint that a link to a key server asks for: "…?search=0x…", "…/by-fingerprint/…".
fn in_link(target: &str) -> Option<String> {
    let lower = target.to_ascii_lowercase();
    ["fingerprint=", "fingerprint/", "search=0x", "keys/0x"].iter().find_map(|mark| {
        let rest = lower.get(lower.find(mark)? + mark.len()..)?.trim_start_matches("0x");
        let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        (end == 40).then(|| rest.get(..end))?.map(str::to_owned)
    })
}

/// Whether a fingerprint stands in a text.
pub(super) fn stands_in(text: &str) -> bool {
    !runs(text).is_empty()
}

/// Whether a text speaks of OpenPGP keys.
fn of_keys(text: &str) -> bool {
    let beginning: String = text.chars().take(4_000).collect::<String>().to_lowercase();
    let named = ["pgp", "gpg", "fingerprint", "gnupg"].iter().any(|w| beginning.contains(w));
    named && !["sha-256 fingerprint", "sha256 fingerprint", "tls certificate"].iter().any(|w| beginning.contains(w))
}

/// Runs of exactly 40 hexadecimal digits, in groups parted by single or double blanks or colons; and whether they
/// were parted. A run that is part of a longer word or of a path is none.
fn runs(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut digits = String::new();
    let (mut groups, mut gap, mut valid) = (1, 0, true);
    let mut previous = ' ';
    for c in text.chars().chain([' ', ' ', ' ', '.']) {
        if c.is_ascii_hexdigit() && (valid || gap > 0) {
            if digits.is_empty() && !(previous.is_whitespace() || "([{:`\"'*|=<>".contains(previous)) {
                valid = false;
            } else if gap > 0 && digits.len() >= 40 {
                keep(&mut found, &digits, groups);
                digits.clear();
                (groups, valid) = (1, true);
            } else if gap > 0 {
                groups += 1;
            }
            if valid {
                digits.push(c);
            }
            gap = 0;
        } else if (c.is_whitespace() || c == '\u{a0}' || c == ':') && gap < 3 {
            gap += 1;
            if !valid {
                (valid, groups) = (true, 1);
                digits.clear();
            }
        } else {
            let ended = gap > 0 || !c.is_alphanumeric();
            if ended && valid && c != '/' {
                keep(&mut found, &digits, groups);
            }
            digits.clear();
            (groups, gap, valid) = (1, 0, !(c.is_alphanumeric() || "/_-.@".contains(c)));
        }
        previous = c;
    }
    found
}

fn keep(found: &mut Vec<(String, bool)>, digits: &str, groups: usize) {
    if digits.len() == 40 && digits.bytes().any(|b| b.is_ascii_digit()) {
        found.push((digits.to_owned(), groups >= 8));
    }
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn forty_digits_and_no_more() {
        let spaced = "2CE5 F1FB 9E8C 59B8 7BBD  5F2B 02DF E631 AEF3 5EBC";
        assert_eq!(runs(spaced).first().map(|r| r.1), Some(true));
        assert_eq!(runs("key: 44c6ae441172f88d3423e81f5f7964d0f4239033.").len(), 1);
        assert_eq!(runs("https://example.org/tree/82e08d2736ea9dbe43484a3317e4bce214163bd0").len(), 0);
        assert_eq!(runs(&"ab".repeat(32)).len(), 0);
        assert_eq!(runs("x44c6ae441172f88d3423e81f5f7964d0f4239033").len(), 0);
    }
}
