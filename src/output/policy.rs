//! `policy check`, shown.

pub mod proposal;
pub mod versions;

use crate::clock::policy::{Bound, SeverityTargets, Target};
use crate::clock::published::{Decision, Reading};
use crate::safe;
use serde::Serialize;
use std::fmt::Write as _;
use std::io;

use super::{Screen, View, document};

/// What `policy check` found, as JSON (`contract.md`).
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The file, as named.
    pub file: String,
    /// Channels to report by, in order.
    pub contacts: Vec<String>,
    /// OpenPGP fingerprints.
    pub pgp_fingerprints: Vec<String>,
    /// When the reporter first hears back.
    pub first_response: Option<Target>,
    /// Triage, a detailed answer.
    pub assessment: Option<Target>,
    /// The patch.
    pub fix: Option<Target>,
    /// The cadence of news.
    pub update_every: Option<Target>,
    /// Notice before a release.
    pub prenotice_before_release: Option<Target>,
    /// When details may or will be public.
    pub disclosure_deadline: Option<Target>,
    /// The write-up.
    pub postmortem_after_release: Option<Target>,
    /// When the reporter should write again.
    pub reporter_follow_up_after: Option<Target>,
    /// What holds for one severity only.
    pub by_severity: Vec<SeverityTargets>,
    /// What a report should hold.
    pub required_report_fields: Vec<String>,
    /// Supported versions.
    pub supported_versions: Vec<String>,
    /// What a reader of the policy should know.
    pub warnings: Vec<String>,
    /// Every number met; with `--explain` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decisions: Option<Vec<Explained>>,
}

/// One number met, for `--explain`.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// The line, from 1.
    pub line: u32,
    /// The words around it.
    pub quote: String,
    /// As understood.
    pub number: String,
    /// The commitment it was taken for.
    pub taken_for: Option<&'static str>,
    /// Why, or why not.
    pub why: String,
}

impl From<Decision> for Explained {
    fn from(d: Decision) -> Explained {
        Explained { line: d.line, quote: d.quote, number: d.number, taken_for: d.taken_for, why: d.why }
    }
}

impl View for Checked {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, _: &Screen, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(self.human().as_bytes())
    }
}

impl Checked {
    /// From a reading of `file`.
    pub fn new(file: String, reading: Reading, explain: bool) -> Checked {
        let policy = reading.policy;
        Checked {
            file,
            contacts: policy.contacts,
            pgp_fingerprints: policy.pgp_fingerprints,
            first_response: policy.first_response,
            assessment: policy.assessment,
            fix: policy.fix,
            update_every: policy.update_every,
            prenotice_before_release: policy.prenotice_before_release,
            disclosure_deadline: policy.disclosure_deadline,
            postmortem_after_release: policy.postmortem_after_release,
            reporter_follow_up_after: policy.reporter_follow_up_after,
            by_severity: policy.by_severity,
            required_report_fields: policy.required_report_fields,
            supported_versions: policy.supported_versions,
            warnings: policy.warnings,
            decisions: explain.then(|| reading.decisions.into_iter().map(Explained::from).collect()),
        }
    }

    /// For people, at 80 columns; everything from the document passes through `safe`.
    pub fn human(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{}\n", safe::short(&self.file, WIDTH));
        self.promises(&mut out);
        self.severities(&mut out);
        if self.contacts.is_empty() {
            let _ = writeln!(out, "Report to\n  no address, form or page was found\n");
        }
        list(&mut out, "Report to", &self.contacts);
        list(&mut out, "OpenPGP fingerprints", &self.pgp_fingerprints);
        list(&mut out, "A report should hold", &self.required_report_fields);
        list(&mut out, "Supported versions", &self.supported_versions);
        list(&mut out, "Note", &self.warnings);
        self.decisions(&mut out);
        out
    }

    fn promises(&self, out: &mut String) {
        let all = [
            ("first response", &self.first_response),
            ("assessment", &self.assessment),
            ("fix", &self.fix),
            ("news of progress", &self.update_every),
            ("notice before a release", &self.prenotice_before_release),
            ("disclosure", &self.disclosure_deadline),
            ("write-up after a release", &self.postmortem_after_release),
            ("reporter may write again", &self.reporter_follow_up_after),
        ];
        if all.iter().all(|(_, t)| t.is_none()) && self.by_severity.is_empty() {
            let _ = writeln!(out, "No promise with a time was found: no clock is set by this policy.\n");
            return;
        }
        let _ = writeln!(out, "Clocks");
        for (name, target) in all {
            if let Some(target) = target {
                promise(out, name, &spoken(target, way(name)), target);
            }
        }
        let graded = [
            self.by_severity.iter().any(|s| s.first_response.is_some()),
            self.by_severity.iter().any(|s| s.assessment.is_some()),
            self.by_severity.iter().any(|s| s.fix.is_some()),
        ];
        let absent = all.iter().zip(graded).filter(|((_, t), _)| t.is_none());
        let (by_severity, never): (Vec<_>, Vec<_>) = absent.map(|((n, _), graded)| (*n, graded)).partition(|a| a.1);
        for (told, names) in [("by severity only", by_severity), ("no time is promised for", never)] {
            if !names.is_empty() {
                let names: Vec<&str> = names.iter().map(|n| n.0).collect();
                paragraph(out, "  ", &format!("{told}: {}", names.join(", ")));
            }
        }
        out.push('\n');
    }

    fn severities(&self, out: &mut String) {
        if self.by_severity.is_empty() {
            return;
        }
        let _ = writeln!(out, "By severity");
        for s in &self.by_severity {
            let all = [
                ("first response", &s.first_response),
                ("assessment", &s.assessment),
                ("fix", &s.fix),
                ("news of progress", &s.update_every),
                ("disclosure", &s.disclosure_deadline),
            ];
            for (name, target) in all {
                if let Some(target) = target {
                    let label = format!("{}: {name}", safe::short(&s.severity, 20));
                    promise(out, &label, &spoken(target, way(name)), target);
                }
            }
        }
        out.push('\n');
    }

    fn decisions(&self, out: &mut String) {
        let Some(decisions) = &self.decisions else { return };
        let _ = writeln!(out, "Every number met");
        for d in decisions {
            let taken = d.taken_for.unwrap_or("nothing");
            let head = format!("line {}: {} → {taken}: {}", d.line, safe::short(&d.number, 40), d.why);
            paragraph(out, "  ", &head);
            paragraph(out, "      ", &format!("“{}”", safe::line(&d.quote)));
        }
        out.push('\n');
    }
}

const WIDTH: usize = 80;

fn promise(out: &mut String, name: &str, spoken: &str, target: &Target) {
    let _ = writeln!(out, "  {name:<25} {spoken}");
    let line = target.line.map(|l| format!("line {l}: ")).unwrap_or_default();
    let quote = safe::short(target.quote.as_deref().unwrap_or_default(), 400);
    paragraph(out, "      ", &format!("{line}“{quote}”"));
}

/// How an amount without a bound is meant.
fn way(name: &str) -> &'static str {
    match name {
        "news of progress" => "every",
        "notice before a release" => "at least",
        "reporter may write again" => "after",
        _ => "within",
    }
}

/// "within 2 working days", "at least 90 days", "3 to 5 days after the release, about".
fn spoken(target: &Target, way: &str) -> String {
    let amount = match target.min {
        Some(min) => format!("{min} to {} {}", target.amount, target.unit.word(target.amount)),
        None => format!("{} {}", target.amount, target.unit.word(target.amount)),
    };
    let way = match target.bound {
        Some(Bound::Min) => "at least",
        Some(Bound::Max) => "at most",
        None => way,
    };
    let from = target.from.as_deref().map(|f| format!(" of the {}", safe::short(&f.replace('_', " "), 60)));
    let from = from.unwrap_or_default();
    let approx = if target.approx { ", typically" } else { "" };
    let implied = if target.implied { ", implied" } else { "" };
    let only = target.applies_to.as_deref().map(|only| format!(", only for: {}", safe::short(only, 40)));
    format!("{way} {amount}{from}{approx}{implied}{}", only.unwrap_or_default())
}

fn list(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "{title}");
    for item in items {
        paragraph(out, "  ", &safe::short(item, 400));
    }
    out.push('\n');
}

/// Words filled to the width, the following lines indented as the first.
fn paragraph(out: &mut String, indent: &str, text: &str) {
    let mut column = 0;
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let length = word.chars().count();
        if column == 0 {
            out.push_str(indent);
            column = indent.len();
        } else if column + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(indent);
            column = indent.len();
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}
