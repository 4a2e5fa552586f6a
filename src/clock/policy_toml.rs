//! A response policy written as TOML: all of [`ResponsePolicy`], each amount in words or as a table.
//!
//! ```toml
//! contacts = ["security@example.org"]
//! first_response = "2 working days"
//! assessment = "3 to 5 days"
//! update_every = "1 week"
//! prenotice_before_release = "at least 24 hours"
//! disclosure_deadline = { amount = 90, unit = "day", bound = "max" }
//! fix = "30 days from assessment"
//!
//! [[by_severity]]
//! severity = "critical"
//! fix = "7 days"
//! ```

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use thiserror::Error;
use toml::Spanned;

use super::Kind;
use super::anchor::Anchor;
use super::policy::{Bound, ResponsePolicy, SeverityTargets, Target, Unit};

/// A policy longer than this is refused, in bytes.
const MAX_SIZE: usize = 1 << 20;

/// Why a policy cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}")]
pub struct PolicyError {
    /// The line of the file, from 1.
    pub line: u32,
    /// What is wrong there, and what was expected.
    pub what: String,
}

/// Reads a policy. Unknown keys, impossible amounts, unknown starts and a severity given twice are refused. A target's
/// quote is the line it stands on, unless it gives one.
pub fn read(text: &str) -> Result<ResponsePolicy, PolicyError> {
    if text.len() > MAX_SIZE {
        return Err(PolicyError { line: 1, what: "the file is larger than 1 MiB; a policy is not".to_owned() });
    }
    let lines = Lines::new(text);
    let file: File = toml::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).map_err(|error| {
        let shift = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
        let line = lines.number(error.span().map_or(0, |span| span.start + shift));
        PolicyError { line, what: crate::safe::short(error.message(), 400) }
    })?;
    file.into_policy(&lines)
}

/// An amount of time in words: `2 working days`, `3-5 days`, `at least 24 hours`, `1 week after release`, `about 2 weeks`.
pub fn read_target(words: &str) -> Result<Target, String> {
    let lower = words.trim().to_lowercase();
    let (bound, approx, rest) = read_lead(&lower);
    let (rest, from) = match rest.split_once(" from ").or_else(|| rest.split_once(" after ")) {
        Some((rest, from)) => (rest, Some(from.trim().trim_start_matches("the ").to_owned())),
        None => (rest, None),
    };
    let at =
        rest.find(|c: char| !(c.is_ascii_digit() || c == '-' || c == '–' || c.is_whitespace() || c == 't' || c == 'o'));
    let (numbers, unit) = rest.split_at(at.unwrap_or(rest.len()));
    let unit = read_unit(unit).ok_or_else(|| expected(words))?;
    let numbers = numbers.replace("to", "-").replace('–', "-");
    let number = |text: &str| text.trim().parse::<u32>().map_err(|_| expected(words));
    let (min, amount) = match numbers.split_once('-') {
        Some((min, amount)) => (Some(number(min)?), number(amount)?),
        None => (None, number(&numbers)?),
    };
    check(Target { min, bound, from, approx, ..Target::new(amount, unit) })
}

fn read_lead(words: &str) -> (Option<Bound>, bool, &str) {
    const LEADS: [(&str, Option<Bound>, bool); 9] = [
        ("at least ", Some(Bound::Min), false),
        ("no less than ", Some(Bound::Min), false),
        ("not before ", Some(Bound::Min), false),
        ("at most ", Some(Bound::Max), false),
        ("no more than ", Some(Bound::Max), false),
        ("within ", None, false),
        ("about ", None, true),
        ("typically ", None, true),
        ("", None, false),
    ];
    let found =
        LEADS.iter().find_map(|(lead, bound, approx)| Some((*bound, *approx, words.strip_prefix(lead)?.trim())));
    found.unwrap_or((None, false, words))
}

fn read_unit(word: &str) -> Option<Unit> {
    let word = word.trim().replace(['_', '-'], " ");
    Some(match word.strip_suffix('s').unwrap_or(&word) {
        "h" | "hour" => Unit::Hour,
        "d" | "day" | "calendar day" => Unit::Day,
        "working day" | "business day" | "workday" | "workingday" => Unit::WorkingDay,
        "week" => Unit::Week,
        "month" => Unit::Month,
        _ => return None,
    })
}

fn expected(found: &str) -> String {
    let found = crate::safe::short(found, 60);
    format!(
        "“{found}” is no amount of time; expected one such as “2 working days”, “48 hours”, “3 to 5 days”, \
         “at least 1 week”, “1 month after release”"
    )
}

/// Refuses what no clock could run on.
fn check(target: Target) -> Result<Target, String> {
    let most = match target.unit {
        Unit::Hour => 876_000,
        Unit::Day | Unit::WorkingDay => 36_500,
        Unit::Week => 5_200,
        Unit::Month => 1_200,
    };
    if target.amount == 0 {
        return Err("an amount of 0 is no target; leave it out or give at least 1".to_owned());
    }
    if target.amount > most {
        return Err("the amount is more than a hundred years".to_owned());
    }
    if target.min.is_some_and(|min| min >= target.amount) {
        return Err("the lower end of a range must be below the upper one".to_owned());
    }
    if let Some(from) = target.from.as_deref().filter(|from| Anchor::read(from).is_none()) {
        let from = crate::safe::short(from, 40);
        return Err(format!(
            "a clock cannot start from “{from}”, which nobody records; expected report, acknowledgement, assessment, fix, \
             prenotice, release or disclosure"
        ));
    }
    Ok(target)
}

/// A target in either form. The quote is kept apart until its line is known.
struct Written(Target);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Written, D::Error> {
        from.deserialize_any(WrittenVisitor)
    }
}

struct WrittenVisitor;

impl<'de> Visitor<'de> for WrittenVisitor {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of time such as \"2 working days\" or { amount = 2, unit = \"working_day\" }")
    }

    fn visit_str<E: de::Error>(self, words: &str) -> Result<Written, E> {
        read_target(words).map(Written).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        let Table { amount, unit, min, bound, from, approx, quote } = table;
        let min = min.map(|Whole(min)| min);
        check(Target { min, bound, from, approx, quote, ..Target::new(amount.0, unit) })
            .map(Written)
            .map_err(de::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    amount: Whole,
    unit: Unit,
    min: Option<Whole>,
    bound: Option<Bound>,
    from: Option<String>,
    #[serde(default)]
    approx: bool,
    quote: Option<String>,
}

/// A whole number of units.
struct Whole(u32);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Whole, D::Error> {
        let wrong = |found: String| {
            de::Error::custom(format!("“{found}” is no amount; expected a whole number from 1, such as amount = 2"))
        };
        match toml::Value::deserialize(from)? {
            toml::Value::Integer(n) => u32::try_from(n).map(Whole).map_err(|_| wrong(n.to_string())),
            other => Err(wrong(crate::safe::short(&other.to_string(), 40))),
        }
    }
}

type Amount = Option<Spanned<Written>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    contacts: Vec<String>,
    #[serde(default)]
    pgp_fingerprints: Vec<Spanned<String>>,
    first_response: Amount,
    assessment: Amount,
    fix: Amount,
    update_every: Amount,
    prenotice_before_release: Amount,
    disclosure_deadline: Amount,
    postmortem_after_release: Amount,
    reporter_follow_up_after: Amount,
    #[serde(default)]
    by_severity: Vec<Severity>,
    #[serde(default)]
    required_report_fields: Vec<String>,
    #[serde(default)]
    supported_versions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Severity {
    severity: Spanned<String>,
    first_response: Amount,
    assessment: Amount,
    fix: Amount,
    update_every: Amount,
    disclosure_deadline: Amount,
}

impl File {
    fn into_policy(self, lines: &Lines<'_>) -> Result<ResponsePolicy, PolicyError> {
        let mut by_severity: Vec<SeverityTargets> = Vec::with_capacity(self.by_severity.len());
        for entry in self.by_severity {
            let line = lines.number(entry.severity.span().start);
            let severity = entry.severity.into_inner().trim().to_lowercase();
            if severity.is_empty() || by_severity.iter().any(|known| super::same_severity(&known.severity, &severity)) {
                let severity = crate::safe::short(&severity, 40);
                return Err(PolicyError {
                    line,
                    what: format!("severity “{severity}” is empty, or given twice (by another word for it, perhaps)"),
                });
            }
            by_severity.push(SeverityTargets {
                severity,
                first_response: lines.promise(Kind::FirstResponse, entry.first_response)?,
                assessment: lines.promise(Kind::Assessment, entry.assessment)?,
                fix: lines.promise(Kind::Fix, entry.fix)?,
                update_every: lines.promise(Kind::Update, entry.update_every)?,
                disclosure_deadline: lines.promise(Kind::Disclosure, entry.disclosure_deadline)?,
            });
        }
        Ok(ResponsePolicy {
            contacts: self.contacts,
            pgp_fingerprints: fingerprints(self.pgp_fingerprints, lines)?,
            first_response: lines.promise(Kind::FirstResponse, self.first_response)?,
            assessment: lines.promise(Kind::Assessment, self.assessment)?,
            fix: lines.promise(Kind::Fix, self.fix)?,
            update_every: lines.promise(Kind::Update, self.update_every)?,
            prenotice_before_release: lines.promise(Kind::Prenotice, self.prenotice_before_release)?,
            disclosure_deadline: lines.promise(Kind::Disclosure, self.disclosure_deadline)?,
            postmortem_after_release: lines.promise(Kind::Postmortem, self.postmortem_after_release)?,
            reporter_follow_up_after: lines.place(self.reporter_follow_up_after),
            by_severity,
            required_report_fields: self.required_report_fields,
            supported_versions: self.supported_versions,
            warnings: Vec::new(),
        })
    }
}

fn fingerprints(written: Vec<Spanned<String>>, lines: &Lines<'_>) -> Result<Vec<String>, PolicyError> {
    let read = |one: Spanned<String>| {
        let line = lines.number(one.span().start);
        let plain: String = one.into_inner().chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
        let whole = matches!(plain.len(), 40 | 64) && plain.bytes().all(|b| b.is_ascii_hexdigit());
        let what = || "a fingerprint has 40 or 64 hexadecimal digits; a key id is not enough".to_owned();
        if whole { Ok(plain) } else { Err(PolicyError { line, what: what() }) }
    };
    written.into_iter().map(read).collect()
}

/// The text with the places where its lines begin.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Lines<'t> {
        let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        Lines { text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The number of the line at a byte offset, from 1.
    fn number(&self, at: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }

    /// The same, for a promise of this kind: one that no clock could hold anybody to is refused.
    fn promise(&self, kind: Kind, amount: Amount) -> Result<Option<Target>, PolicyError> {
        let Some(target) = self.place(amount) else { return Ok(None) };
        let wrong = |what: String| PolicyError { line: target.line.unwrap_or(1), what };
        let latest =
            matches!(kind, Kind::FirstResponse | Kind::Assessment | Kind::Fix | Kind::Update | Kind::Postmortem);
        let name = kind.name().replace('_', " ");
        if latest && target.bound == Some(Bound::Min) {
            return Err(wrong(format!("“at least” promises no {name}; give the time it takes at most")));
        }
        match target.from.as_deref() {
            Some(from) if Anchor::read(from).is_some_and(|anchor| anchor.ends(kind)) => {
                let from = crate::safe::short(from, 40);
                Err(wrong(format!(
                    "the {name} cannot be counted from “{from}”, when it is over; count it from what comes before"
                )))
            }
            _ => Ok(Some(target)),
        }
    }

    /// The target with its line, and that line as its quote where it has none.
    fn place(&self, amount: Amount) -> Option<Target> {
        let amount = amount?;
        let line = self.number(amount.span().start);
        let Written(target) = amount.into_inner();
        let start = usize::try_from(line).ok()?.checked_sub(1).and_then(|index| self.starts.get(index))?;
        let written = self.text.get(*start..)?.lines().next().map(|text| fold_space(text));
        Some(Target { line: Some(line), quote: target.quote.clone().or(written), ..target })
    }
}

fn fold_space(text: &str) -> String {
    text.trim_start_matches('\u{feff}').split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
