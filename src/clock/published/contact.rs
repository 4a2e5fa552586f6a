//! The channels to report by: addresses, forms and platforms, GitHub's private reporting.

mod address;
mod mailbox;
mod page;
mod private;

use self::address::{found_addresses, is_domain};
use super::blocks::Block;
use super::document::{Document, Words};
use super::sense::{Sense, Senses};
use std::ops::Range;

/// GitHub's private vulnerability reporting, without an address of its own.
const PRIVATE_REPORTING: &str = "github:pvr";

/// The most channels a document is believed to have.
const MOST: usize = 40;

/// What holds for a document as a whole.
struct Whole {
    /// It says somewhere not to use public issues.
    public_forbidden: bool,
    /// It names an address outside of tables.
    addressed: bool,
}

/// A channel and where it stands in the source.
struct Channel {
    at: usize,
    name: String,
}

/// The channels of a document, in its order.
pub(super) fn contacts(document: &Document<'_>) -> Vec<String> {
    let mut channels: Vec<Channel> = Vec::new();
    let whole = Whole::of(document);
    for (index, block) in document.blocks.iter().enumerate() {
        if block.prose.text.contains("-----BEGIN PGP") || channels.len() > 4 * MOST {
            continue;
        }
        let Some(words) = document.words.get(index) else { continue };
        let place = Place { document, whole: &whole, index, block, words };
        place.links(&mut channels);
        place.addresses(&mut channels);
        place.bare_urls(&mut channels);
        place.private_reporting(&mut channels);
    }
    channels.sort_by_key(|c| c.at);
    let advisories = |c: &str| {
        c.contains("/security/advisories")
            || (c.contains("github.com/") && c.trim_end_matches('/').ends_with("/security"))
    };
    let page = channels.iter().any(|c| advisories(&c.name));
    let mut names: Vec<String> = Vec::new();
    for channel in channels {
        let again = names.iter().any(|n| n.eq_ignore_ascii_case(&channel.name));
        if !again && !(page && channel.name == PRIVATE_REPORTING) && names.len() < MOST {
            names.push(channel.name);
        }
    }
    names
}

impl Whole {
    fn of(document: &Document<'_>) -> Whole {
        let mut sentences = document.words.iter().flat_map(|w| w.sentences.iter().map(move |s| (w, s)));
        let public_forbidden = sentences.any(|(words, range)| {
            let tokens = words.tokens.get(range.clone()).unwrap_or_default();
            let has = |list: &[&str]| tokens.iter().any(|t| list.contains(&t.norm.as_str()));
            words.said(range).has(Sense::Not) && has(&["public", "publicly"]) && has(&["issue", "issues", "tracker"])
        });
        let mut prose = document.blocks.iter().filter(|b| b.place.is_none());
        Whole { public_forbidden, addressed: prose.any(|b| !found_addresses(&b.prose.text).is_empty()) }
    }
}

struct Place<'a> {
    document: &'a Document<'a>,
    whole: &'a Whole,
    index: usize,
    block: &'a Block,
    words: &'a Words,
}

impl Place<'_> {
    /// The senses of the sentence a byte of the prose stands in.
    fn sentence(&self, at: usize) -> (Range<usize>, Senses) {
        let token = self.words.tokens.partition_point(|t| t.range.end <= at);
        let next = self.words.sentences.partition_point(|s| s.end <= token);
        let Some(range) = self.words.sentences.get(next).cloned() else { return (0..0, Senses::default()) };
        let senses = self.words.said(&range);
        (range, senses)
    }

    fn lead(&self) -> Senses {
        self.document.senses(self.block.lead)
    }

    /// What is said here and over it.
    fn around(&self, here: Senses) -> Senses {
        let header = self.document.senses(self.block.place.and_then(|p| p.header));
        let heading = self.document.headings(self.index).next().unwrap_or_default();
        here.with(self.lead()).with(header).with(heading)
    }

    fn links(&self, channels: &mut Vec<Channel>) {
        for link in &self.block.links {
            let label = self.block.prose.text.get(link.text.clone()).unwrap_or_default().trim();
            let at = self.block.prose.source(link.text.start);
            let target = link.target.trim();
            let bare = (target.contains('@') && !target.contains("://")).then_some(target);
            if let Some(address) = target.strip_prefix("mailto:").or_else(|| target.strip_prefix("MAILTO:")).or(bare) {
                let address = unquoted(address.split('?').next().unwrap_or_default());
                self.address(&address, link.text.start, at, channels);
            } else if let Some(relative) = target.strip_prefix('.') {
                if relative.contains("security/advisories") {
                    channels.push(Channel { at, name: PRIVATE_REPORTING.to_owned() });
                }
            } else if found_addresses(label).is_empty() {
                let shown = if label.starts_with("http") && !label.contains(' ') { label } else { target };
                self.url(shown, label, link.text.start, at, channels);
            }
        }
    }

    fn bare_urls(&self, channels: &mut Vec<Channel>) {
        let text = &self.block.prose.text;
        let mut past = 0;
        for (start, _) in text.match_indices("http") {
            let url = ahead_of(text, start, 2_000);
            if start < past
                || self.link_at(start).is_some()
                || !(url.starts_with("http://") || url.starts_with("https://"))
            {
                continue;
            }
            let end = url.find(|c: char| c.is_whitespace() || "<>\"'`|，。、）".contains(c)).unwrap_or(url.len());
            past = start + end;
            let url =
                url.get(..end).unwrap_or_default().trim_end_matches(['.', ',', ')', ';', ':', ']', '*', '_', '!', '?']);
            self.url(url, "", start, self.block.prose.source(start), channels);
        }
        self.bare_platforms(channels);
    }

    /// "hackerone.com/project", without a scheme.
    fn bare_platforms(&self, channels: &mut Vec<Channel>) {
        let text = &self.block.prose.text;
        for (start, host) in page::PLATFORMS.iter().flat_map(|p| text.match_indices(p)) {
            let before = text.get(..start).and_then(|t| t.chars().next_back());
            let own =
                before.is_none_or(|c| c.is_whitespace() || "([`*_\"".contains(c)) && self.link_at(start).is_none();
            let rest = ahead_of(text, start, 200);
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "./-_".contains(c))).unwrap_or(rest.len());
            let page = rest.get(..end).unwrap_or_default().trim_end_matches('.');
            if own && page.len() > host.len() + 1 && self.sentence(start).1.any(&[Sense::Send, Sense::Report]) {
                self.url(page, "", start, self.block.prose.source(start), channels);
            }
        }
    }

    /// The link whose words hold this byte of the prose.
    fn link_at(&self, offset: usize) -> Option<&super::blocks::Link> {
        let next = self.block.links.partition_point(|l| l.text.start <= offset);
        next.checked_sub(1).and_then(|i| self.block.links.get(i)).filter(|l| l.text.contains(&offset))
    }

    /// Whether the sentence at a byte of the prose has one of some words.
    fn sentence_has(&self, offset: usize, words: &[&str]) -> bool {
        let (range, _) = self.sentence(offset);
        self.words.tokens.get(range).unwrap_or_default().iter().any(|t| words.contains(&t.norm.as_str()))
    }

    fn lead_has(&self, words: &[&str]) -> bool {
        let lead = self.block.lead.and_then(|l| self.document.words.get(l));
        lead.is_some_and(|l| l.tokens.iter().any(|t| words.contains(&t.norm.as_str())))
    }

    /// Whether the heading right above has a word.
    fn under(&self, word: &str) -> bool {
        let heading = self.block.heading.and_then(|h| self.document.words.get(h));
        heading.is_some_and(|h| h.tokens.iter().any(|t| t.norm == word))
    }

    fn addresses(&self, channels: &mut Vec<Channel>) {
        let text = &self.block.prose.text;
        for (start, address) in found_addresses(text).into_iter().take(4 * MOST) {
            // The link has told its address, unless that is none.
            let linked = self.link_at(start).is_some_and(|l| {
                let target = l.target.rsplit_once('@').map(|t| t.1.split('?').next().unwrap_or_default());
                !l.target.to_ascii_lowercase().starts_with("http") && target.is_none_or(is_domain)
            });
            if !linked {
                self.address(&address, start, self.block.prose.source(start), channels);
            }
        }
    }
}

/// At most `most` bytes of a text from `start` on.
fn ahead_of(text: &str, start: usize, most: usize) -> &str {
    let mut end = text.len().min(start + most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(start..end).unwrap_or_default()
}

/// `%40` and the like.
fn unquoted(text: &str) -> String {
    text.replace("%40", "@").replace("%2B", "+").replace("%2b", "+").trim().to_owned()
}
