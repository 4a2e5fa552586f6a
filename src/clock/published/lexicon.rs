//! The vocabulary made ready for looking up, and what it finds in a row of tokens.

use super::sense::{Meaning, Sense, Senses};
use super::text::{self, Token};
use super::words::{self, Vocabulary};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

/// One phrase: its tokens (the last may stand for any ending) and what it means.
struct Phrase {
    tokens: Vec<(String, bool)>,
    meaning: Meaning,
}

/// The phrases of one language, by how their first token begins.
struct Lexicon {
    language: &'static str,
    common: Vec<Vec<String>>,
    whole: HashMap<String, Vec<Phrase>>,
    stems: HashMap<String, Vec<Phrase>>,
}

/// How many characters of a stem index it.
const STEM: usize = 2;

impl Lexicon {
    fn new(words: &'static Vocabulary) -> Lexicon {
        let common =
            phrases(words.common).filter(|p| !p.is_empty()).map(|p| p.into_iter().map(|t| t.0).collect()).collect();
        let mut lexicon = Lexicon { language: words.language, common, whole: HashMap::new(), stems: HashMap::new() };
        for &(sense, list) in words.senses {
            lexicon.add(list, Meaning::Sense(sense));
        }
        for &(unit, list) in words.units {
            lexicon.add(list, Meaning::Unit(unit));
        }
        for &(amount, unit, list) in words.rhythms {
            lexicon.add(list, Meaning::Rhythm(amount, unit));
        }
        for &(number, list) in words.numbers {
            lexicon.add(list, Meaning::Number(number));
        }
        for &(severity, alone, list) in words.severities {
            lexicon.add(list, Meaning::Severity(severity, alone));
        }
        lexicon
    }

    fn add(&mut self, list: &str, meaning: Meaning) {
        for tokens in phrases(list) {
            let Some((first, open)) = tokens.first().cloned() else { continue };
            let phrase = Phrase { tokens, meaning };
            if open {
                self.stems.entry(first.chars().take(STEM).collect()).or_default().push(phrase);
            } else {
                self.whole.entry(first).or_default().push(phrase);
            }
        }
    }

    /// Every phrase that begins at token `i`: its length and meaning.
    fn at<'a>(&'a self, tokens: &'a [Token], i: usize) -> impl Iterator<Item = (usize, Meaning)> + 'a {
        let first = tokens.get(i).map(|t| t.norm.as_str()).unwrap_or_default();
        let stem: String = first.chars().take(STEM).collect();
        let candidates = self.whole.get(first).into_iter().chain(self.stems.get(&stem)).flatten();
        candidates.filter(move |p| p.matches(tokens, i)).map(|p| (p.tokens.len(), p.meaning))
    }
}

impl Phrase {
    fn matches(&self, tokens: &[Token], i: usize) -> bool {
        self.tokens.iter().enumerate().all(|(k, (norm, open))| {
            tokens.get(i + k).is_some_and(|t| if *open { t.norm.starts_with(norm.as_str()) } else { t.norm == *norm })
        })
    }
}

/// The phrases of a list of the vocabulary, each as tokens with whether any ending will do.
fn phrases(list: &str) -> impl Iterator<Item = Vec<(String, bool)>> + '_ {
    list.split('|').map(|phrase| {
        let mut parts: Vec<(String, bool)> = Vec::new();
        for token in text::tokens(phrase) {
            match (token.norm.as_str(), token.spaced, parts.last_mut()) {
                ("*", false, Some(last)) => last.1 = true,
                _ => parts.push((token.norm, false)),
            }
        }
        parts
    })
}

fn lexicons() -> &'static [Lexicon] {
    static ALL: OnceLock<Vec<Lexicon>> = OnceLock::new();
    ALL.get_or_init(|| words::all().map(Lexicon::new).collect())
}

/// The languages a document is written in: English always, another when enough of its common words stand there.
#[derive(Clone)]
pub(super) struct Languages(Vec<&'static Lexicon>);

impl Languages {
    /// Judge by the beginning of the text.
    pub(super) fn of(text: &str) -> Languages {
        let mut end = text.len().min(32 * 1024);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let tokens = text::tokens(text.get(..end).unwrap_or_default());
        let words = tokens.iter().filter(|t| t.kind == text::Kind::Word).count().max(1);
        let counts: HashMap<&str, usize> = tokens.iter().fold(HashMap::new(), |mut m, t| {
            *m.entry(t.norm.as_str()).or_default() += 1;
            m
        });
        let written = by_script(&tokens);
        let spoken = |l: &Lexicon| {
            let hits: usize = l.common.iter().filter_map(|w| counts.get(w.first()?.as_str())).sum();
            let kinds = l.common.iter().filter(|w| w.first().is_some_and(|f| counts.contains_key(f.as_str()))).count();
            l.common.is_empty() || written.contains(&l.language) || (hits * 100 >= words * 4 && hits >= 2 && kinds >= 3)
        };
        let chosen = lexicons().iter().filter(|l| spoken(l)).collect();
        Languages(chosen)
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|l| l.language).collect()
    }
}

/// The languages that the script alone tells: a short English document with Chinese paragraphs has few common words.
fn by_script(tokens: &[Token]) -> Vec<&'static str> {
    let count = |script: fn(char) -> bool| tokens.iter().filter(|t| t.norm.chars().next().is_some_and(script)).count();
    let kana = count(|c| matches!(c, '\u{3040}'..='\u{30ff}'));
    let hangul = count(|c| matches!(c, '\u{ac00}'..='\u{d7af}'));
    let han = count(|c| matches!(c, '\u{3400}'..='\u{9fff}'));
    let enough = |n: usize| n >= 12;
    let scripts = [("ja", enough(kana)), ("ko", enough(hangul)), ("zh", enough(han) && kana * 8 < han)];
    scripts.into_iter().filter(|s| s.1).map(|s| s.0).collect()
}

/// A phrase found: which tokens, and what they say.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Token indexes.
    pub(super) tokens: Range<usize>,
    /// What the phrase means.
    pub(super) meaning: Meaning,
}

/// What the vocabulary finds in a row of tokens, in order. For senses the longest phrase at a place wins and hides
/// what is inside it; numbers, units, rhythms and severities are found beside them.
pub(super) fn find(languages: &Languages, tokens: &[Token]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut hidden = 0;
    for i in 0..tokens.len() {
        let all: Vec<(usize, Meaning)> = languages.0.iter().flat_map(|l| l.at(tokens, i)).collect();
        let longest = |same: fn(&Meaning) -> bool| all.iter().filter(|(_, m)| same(m)).map(|(n, _)| *n).max();
        if i >= hidden
            && let Some(most) = longest(|m| matches!(m, Meaning::Sense(_)))
        {
            hidden = i + most;
            let senses = all
                .iter()
                .filter(|(n, m)| *n == most && matches!(m, Meaning::Sense(_)))
                .filter(|(_, m)| *m != Meaning::Sense(Sense::Assess) || !is_score(tokens, i));
            found.extend(senses.map(|(n, m)| Found { tokens: i..i + n, meaning: *m }));
        }
        for kind in [
            (|m| matches!(m, Meaning::Number(_))) as fn(&Meaning) -> bool,
            |m| matches!(m, Meaning::Unit(_)),
            |m| matches!(m, Meaning::Rhythm(..)),
            |m| matches!(m, Meaning::Severity(..)),
        ] {
            let Some(most) = longest(kind) else { continue };
            if let Some((n, m)) = all
                .iter()
                .filter(|(n, m)| *n == most && kind(m))
                .max_by_key(|(_, m)| matches!(m, Meaning::Severity(_, true)))
            {
                found.push(Found { tokens: i..i + n, meaning: *m });
            }
        }
    }
    found
}

/// "CVSS 9.0–10.0", "9.0–10.0 CVSS": the name of a grade; nobody assesses anything there.
fn is_score(tokens: &[Token], i: usize) -> bool {
    if tokens.get(i).is_none_or(|t| t.norm != "cvss") {
        return false;
    }
    let figure = |t: &Token| t.kind == text::Kind::Figure;
    let after = tokens.get(i + 1..).unwrap_or_default();
    let before = tokens.get(i.saturating_sub(2)..i).unwrap_or_default();
    let compared = |t: &Token| matches!(t.kind, text::Kind::Number(_) | text::Kind::Mark('≥' | '>' | '<' | '≤'));
    after.first().is_some_and(compared) || after.iter().take(4).any(figure) || before.iter().any(figure)
}

/// The senses of a text as a whole.
pub(super) fn senses(found: &[Found]) -> Senses {
    found
        .iter()
        .filter_map(|f| match f.meaning {
            Meaning::Sense(sense) if sense != Sense::Noise => Some(sense),
            _ => None,
        })
        .collect()
}
