//! Texts to begin an answer with.
//!
//! A template is text with `{names}`. What a name stands for comes from [`Facts`], which holds numbers, times and our own
//! words, and nothing that a reporter wrote: no template can echo a report.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The texts that come with the program: name, text.
const BUILT_IN: &[(&str, &str)] = &[
    ("acknowledge", include_str!("templates/acknowledge.txt")),
    ("valid", include_str!("templates/valid.txt")),
    ("invalid", include_str!("templates/invalid.txt")),
    ("duplicate", include_str!("templates/duplicate.txt")),
    ("need-info", include_str!("templates/need-info.txt")),
    ("update", include_str!("templates/update.txt")),
    ("fixed", include_str!("templates/fixed.txt")),
    ("released", include_str!("templates/released.txt")),
];

/// Every name a template may use.
const NAMES: &[&str] = &[
    "report",
    "case",
    "received",
    "assessment_due",
    "update_due",
    "fix_due",
    "disclosure_due",
    "team",
    "address",
    "policy",
];

/// The most a template file may weigh.
pub const MAX_TEMPLATE_BYTES: usize = 64 * 1024;

/// Why a template cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// No template has this name.
    #[error("there is no template {name}; there are {}", known.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A name in braces that means nothing.
    #[error("line {line} of template {template} names {{{name}}}, which does not exist; there are {}", NAMES.join(", "))]
    Placeholder {
        /// The template.
        template: String,
        /// Line, from 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// A brace without its partner.
    #[error(
        "line {line} of template {template} has a brace without its partner; write {{{{ or }}}} for a brace as such"
    )]
    Brace {
        /// The template.
        template: String,
        /// Line, from 1.
        line: usize,
    },
    /// Larger than any letter.
    #[error("template {template} is larger than {MAX_TEMPLATE_BYTES} bytes")]
    TooLarge {
        /// The template.
        template: String,
    },
}

/// What a template may say. Times are written in UTC, which is the same for both sides.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// This ledger's number of the report.
    pub report: u64,
    /// The case it belongs to: its own number, or that of the earlier report.
    pub case: u64,
    /// When the server received it.
    pub received: Option<Timestamp>,
    /// When our assessment is due.
    pub assessment_due: Option<Timestamp>,
    /// When the next news from us is due.
    pub update_due: Option<Timestamp>,
    /// When the fix is due.
    pub fix_due: Option<Timestamp>,
    /// When details will be public.
    pub disclosure_due: Option<Timestamp>,
    /// Our name, from the configuration.
    pub team: Option<String>,
    /// Our address.
    pub address: String,
    /// Where our policy can be read, from the configuration.
    pub policy: Option<String>,
}

impl Facts {
    /// `None` for a name that does not exist; `Some(None)` for one that has no value here.
    fn value(&self, name: &str) -> Option<Option<String>> {
        Some(match name {
            "report" => Some(self.report.to_string()),
            "case" => Some(self.case.to_string()),
            "received" => self.received.map(in_words),
            "assessment_due" => self.assessment_due.map(in_words),
            "update_due" => self.update_due.map(in_words),
            "fix_due" => self.fix_due.map(in_words),
            "disclosure_due" => self.disclosure_due.map(in_words),
            "team" => Some(self.team.clone().unwrap_or_else(|| self.address.clone())),
            "address" => Some(self.address.clone()),
            "policy" => self.policy.clone(),
            _ => return None,
        })
    }
}

/// A template that has been read and checked.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    paragraphs: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Name(String),
}

impl Template {
    /// The template called `name`: one of `own` (name and text, from the user's folder), else a built-in one.
    pub fn named(name: &str, own: &[(String, String)]) -> Result<Template, TemplateError> {
        let built_in = || BUILT_IN.iter().find(|(n, _)| *n == name).map(|(_, text)| *text);
        let text = own.iter().find(|(n, _)| n == name).map(|(_, text)| text.as_str()).or_else(built_in);
        match text {
            Some(text) => Template::parse(name, text),
            None => Err(TemplateError::Unknown { name: name.to_owned(), known: names(own) }),
        }
    }

    /// Reads a template. A paragraph ends at an empty line.
    pub fn parse(name: &str, text: &str) -> Result<Template, TemplateError> {
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(TemplateError::TooLarge { template: name.to_owned() });
        }
        let mut paragraphs = vec![Vec::new()];
        for (number, line) in text.trim_end().lines().enumerate() {
            if line.trim().is_empty() {
                paragraphs.push(Vec::new());
                continue;
            }
            let mut pieces = pieces(name, number.saturating_add(1), line)?;
            pieces.push(Piece::Text("\n".into()));
            if let Some(last) = paragraphs.last_mut() {
                last.extend(pieces);
            }
        }
        paragraphs.retain(|p| !p.is_empty());
        Ok(Template { name: name.to_owned(), paragraphs })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text with `facts` filled in. A paragraph that names a value which does not exist here (a due date the policy
    /// does not promise) is left out whole.
    pub fn fill(&self, facts: &Facts) -> String {
        let filled = self.paragraphs.iter().filter_map(|pieces| {
            let mut out = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(text) => out.push_str(text),
                    Piece::Name(name) => out.push_str(&facts.value(name).flatten()?),
                }
            }
            Some(out)
        });
        filled.collect::<Vec<_>>().join("\n")
    }
}

/// The names of all templates, the user's own first.
pub fn names(own: &[(String, String)]) -> Vec<String> {
    let mut names: Vec<String> = own.iter().map(|(name, _)| name.clone()).collect();
    names.extend(BUILT_IN.iter().map(|(name, _)| (*name).to_owned()));
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The first line of `text` that is still as a template left it for a person to write: wholly in square brackets.
pub fn unwritten(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| line.len() > 2 && line.starts_with('[') && line.ends_with(']'))
}

/// `Tuesday 3 March 2026, 16:00 UTC`.
fn in_words(at: Timestamp) -> String {
    let mut out = String::new();
    // Formatting into a String fails only on a conversion that jiff does not know.
    let _ = write!(out, "{}", at.to_zoned(TimeZone::UTC).strftime("%A %-d %B %Y, %H:%M UTC"));
    out
}

fn pieces(template: &str, line: usize, text: &str) -> Result<Vec<Piece>, TemplateError> {
    let brace = || TemplateError::Brace { template: template.to_owned(), line };
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        pieces.push(Piece::Text(before.to_owned()));
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            pieces.push(Piece::Text(from.chars().take(1).collect()));
            rest = after;
            continue;
        }
        let (name, after) = from.strip_prefix('{').and_then(|f| f.split_once('}')).ok_or_else(brace)?;
        if !NAMES.contains(&name) {
            let name = crate::safe::short(name, 40);
            return Err(TemplateError::Placeholder { template: template.to_owned(), line, name });
        }
        pieces.push(Piece::Name(name.to_owned()));
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_template_is_sound_and_whole() {
        let facts = Facts { report: 14, case: 9, address: "security@example.org".into(), ..Facts::default() };
        let all = names(&[]);
        assert!(all.len() >= 8);
        for name in all {
            let text = Template::named(&name, &[]).unwrap().fill(&facts);
            assert!(text.contains("14"), "{name} does not name the report:\n{text}");
            assert!(!text.contains(['{', '}']) && text.lines().all(|l| l.len() <= 78), "{name}:\n{text}");
            assert!(text.trim_end().ends_with("security@example.org"), "{name} is not signed by the team:\n{text}");
        }
    }

    #[test]
    fn a_paragraph_without_its_value_is_left_out() {
        let template = Template::parse("t", "Case {case}.\n\nDue\n{fix_due}.\n\nBye {{team}}").unwrap();
        let mut facts = Facts { case: 7, ..Facts::default() };
        assert_eq!(template.fill(&facts), "Case 7.\n\nBye {team}\n");
        facts.fix_due = Some("2026-03-03T16:00:00Z".parse().unwrap());
        assert_eq!(template.fill(&facts), "Case 7.\n\nDue\nTuesday 3 March 2026, 16:00 UTC.\n\nBye {team}\n");
    }

    #[test]
    fn what_a_person_must_still_write_is_found() {
        let text = Template::named("invalid", &[]).unwrap().fill(&Facts::default());
        assert_eq!(unwritten(&text), Some("[why]"));
        assert_eq!(unwritten(&text.replace("[why]", "See [1].")), None);
        assert_eq!(unwritten("[]"), None);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let error = Template::parse("t", "a\n{subject}").unwrap_err();
        assert!(matches!(&error, TemplateError::Placeholder { line: 2, name, .. } if name == "subject"), "{error}");
        for text in ["{case", "case}", "{ca{se}"] {
            assert!(Template::parse("t", text).is_err(), "{text}");
        }
        assert!(Template::named("nope", &[]).unwrap_err().to_string().contains("acknowledge"));
        let own = [("acknowledge".to_owned(), "mine".to_owned())];
        assert_eq!(Template::named("acknowledge", &own).unwrap().fill(&Facts::default()), "mine\n");
    }
}
