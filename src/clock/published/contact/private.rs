//! GitHub's private reporting, told in words: is the reporter sent there, or only told what is published there?

use super::super::blocks::Form;
use super::super::sense::{Meaning, Sense, Senses};
use super::super::text;
use super::{Channel, PRIVATE_REPORTING, Place};
use std::ops::Range;

impl Place<'_> {
    /// "Use GitHub's private vulnerability reporting."
    pub(super) fn private_reporting(&self, channels: &mut Vec<Channel>) {
        if self.block.form == Form::Heading {
            return;
        }
        for found in &self.words.found {
            if found.meaning != Meaning::Sense(Sense::PrivateReporting) {
                continue;
            }
            let Some(token) = self.words.tokens.get(found.tokens.start) else { continue };
            let (range, said) = self.sentence(token.range.start);
            let source = self.block.prose.source(token.range.start);
            let linked = self.link_at(token.range.start).map(|l| l.target.as_str());
            if linked.is_some_and(|t| {
                t.starts_with("http") && !t.contains("docs.github.com") && !t.contains("help.github.com")
            }) {
                continue;
            }
            if self.uses(&found.tokens, &range, said, source, linked.is_some()) {
                channels.push(Channel { at: source, name: PRIVATE_REPORTING.to_owned() });
                return;
            }
        }
    }

    /// Whether the sentence sends the reporter to GitHub's private reporting, rather than telling what is published there.
    fn uses(&self, phrase: &Range<usize>, range: &Range<usize>, said: Senses, source: usize, linked: bool) -> bool {
        let norms = |r: Range<usize>| -> Vec<&str> {
            self.words.tokens.get(r).unwrap_or_default().iter().map(|t| t.norm.as_str()).collect()
        };
        let words = norms(phrase.clone());
        let sentence = norms(range.clone());
        let any = |list: &[&str]| sentence.iter().any(|t| list.contains(t));
        let button = matches!(words.as_slice(), ["report", "a", "vulnerability"] | ["report", "a", "security", _]);
        let foreign = sentence.iter().any(|w| w.chars().any(|c| !c.is_ascii() && c.is_alphabetic()));
        if button {
            let click = any(&["click", "button", "select"]);
            return (self.marked(source) || click)
                && (click || foreign || any(&BUTTON_WORDS))
                && !any(&["below", "above"]);
        }
        // Words right before the phrase that send somebody there.
        let before = norms(phrase.start.saturating_sub(5).max(range.start)..phrase.start);
        let opening = self.words.said(&(range.start..phrase.start));
        let ours = opening.has(Sense::Us) || opening.any(&[Sense::Disclose, Sense::Announce, Sense::Release]);
        let we_open = self.words.said(&(range.start..range.start + 1)).has(Sense::Us) && !opening.has(Sense::You);
        let theirs = !we_open && opening.any(&[Sense::Send, Sense::Please])
            || opening.has(Sense::You) && !opening.has(Sense::Us);
        let direct = before.iter().any(|w| SENDING.contains(w)) && (theirs || !ours);
        let own_words = words.iter().all(|w| w.chars().all(text::unspaced));
        let private = own_words || words.iter().any(|w| PRIVATE_WORDS.contains(w));
        let made = any(&["created", "creation", "drafted", "prepared", "assigned", "published"]) && !direct;
        let asked = foreign && said.has(Sense::Send);
        let published = !own_words
            && !direct
            && !asked
            && (made
                || said.any(&[Sense::Us, Sense::Announce])
                    && !any(&["report", "reporting", "submit", "reports", "use", "via"]));
        let asks = direct
            || said.any(&[Sense::Send, Sense::Report])
            || any(&["use", "via", "through", "open", "using", "click", "navigate", "go", "create", "enabled"]);
        let lead = self.lead().any(&[Sense::Send, Sense::Report]);
        let weak = !private
            && !direct
            && !asked
            && (said.any(&[Sense::Disclose, Sense::Announce, Sense::Fix, Sense::Release, Sense::If])
                || said.has(Sense::Us) && !any(&["use", "report", "via", "through"]));
        let told = self.lead_has(&["shared", "published", "announced", "posted", "notices"])
            || any(&["shared", "notices", "terminate", "terminated", "disabled"]);
        (asks || lead || linked || own_words)
            && !told
            && !published
            && !weak
            && !(said.has(Sense::NoPromise) && said.has(Sense::Not))
    }

    /// Whether quotation marks, emphasis or an arrow stand right before a place of the source.
    fn marked(&self, source: usize) -> bool {
        let before = self.document.source.get(..source).unwrap_or_default();
        let near = before.chars().next_back();
        near.is_some_and(|c| "\"“*_`'[‘«→>「『".contains(c)) || before.trim_end().ends_with(['→', '»', '›', '>'])
    }
}

/// Words that go with a button: "click", "in the Security tab".
const BUTTON_WORDS: [&str; 14] = [
    "click", "button", "tab", "use", "select", "choose", "go", "navigate", "github", "via", "press", "security",
    "through", "link",
];

/// Words that send somebody somewhere.
const SENDING: [&str; 18] = [
    "via",
    "through",
    "using",
    "use",
    "open",
    "opening",
    "submit",
    "submitting",
    "file",
    "filing",
    "create",
    "creating",
    "by",
    "with",
    "utilisez",
    "über",
    "nutze",
    "nutzen",
];

/// Words that make of advisories a private channel.
const PRIVATE_WORDS: [&str; 4] = ["private", "privately", "tab", "github's"];
