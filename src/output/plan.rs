//! What `plan` prints.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::{Serialize, Serializer};

use super::report::noun;
use super::{ALARM, FAINT, HEAD, NOTICE, Screen, View, WELL, document, styled};
use crate::case::Fact;
use crate::clock::plan::{Entry, Mark, Release};
use crate::clock::{Status, words};
use crate::safe::{self, Foreign};

/// The timeline of a case.
#[derive(Serialize)]
pub struct Plan {
    /// Number of the case.
    pub case: i64,
    /// Its name on every workstation.
    pub uid: String,
    /// Its reports.
    pub reports: Vec<i64>,
    /// The team's zone.
    pub zone: String,
    /// The first reporter's offset, where the mail told one.
    #[serde(rename = "reporter")]
    pub theirs: Option<Theirs>,
    /// The earliest release that keeps the promised notice.
    #[serde(rename = "earliest_release", serialize_with = "release")]
    pub release: Option<Release>,
    /// Oldest first.
    #[serde(rename = "timeline")]
    pub rows: Vec<Row>,
    /// What a person should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
}

/// A reporter's time.
#[derive(Clone, Debug, Serialize)]
pub struct Theirs {
    /// Whose.
    pub address: Foreign,
    /// Seconds east of UTC.
    #[serde(rename = "utc_offset_s", serialize_with = "seconds")]
    pub offset: Offset,
}

/// One instant.
#[derive(Serialize)]
pub struct Row {
    /// When.
    pub at: Timestamp,
    /// The same in the team's time.
    pub team_time: String,
    /// The same in the reporter's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reporter_time: Option<String>,
    /// `received`, `answered`, `happened`, `waiting`, `resumed`, `due`, `notice_by`, `allowed`.
    pub what: &'static str,
    /// The clock's kind or the fact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The report; absent for what the case has once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<i64>,
    /// How its clock stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
    #[serde(skip)]
    said: String,
    #[serde(skip)]
    state: Option<Status>,
}

fn release<S: Serializer>(release: &Option<Release>, to: S) -> Result<S::Ok, S::Error> {
    release.map(|r| serde_json::json!({"at": r.at, "if_told_now": r.if_told_now})).serialize(to)
}

fn seconds<S: Serializer>(offset: &Offset, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i32(offset.seconds())
}

impl Row {
    /// An entry, with the number of its report.
    pub fn new(entry: &Entry, report: Option<i64>, zone: &TimeZone, theirs: Option<&Theirs>) -> Row {
        let local = |zone: TimeZone| entry.at.to_zoned(zone).strftime("%a %Y-%m-%d %H:%M").to_string();
        let (what, kind, said) = match entry.mark {
            Mark::Received => ("received", None, "report received".to_owned()),
            Mark::Answered => ("answered", None, "first answered by a person".to_owned()),
            Mark::Happened(fact) => ("happened", Some(fact_name(fact)), fact_name(fact).replace('_', " ")),
            Mark::Waits => ("waiting", None, "waiting for the reporter: clocks stand still".to_owned()),
            Mark::WaitEnded => ("resumed", None, "no longer waiting".to_owned()),
            Mark::Due(kind) => ("due", Some(kind.name().to_owned()), format!("{} due", noun(kind))),
            Mark::NoticeBy => {
                ("notice_by", None, "last moment to tell people, for a release when the fix is due".to_owned())
            }
            Mark::Allowed(crate::clock::Kind::Prenotice) => {
                ("allowed", Some("prenotice".to_owned()), "release allowed from here on".to_owned())
            }
            Mark::Allowed(kind) => {
                ("allowed", Some(kind.name().to_owned()), format!("{} allowed from here on", noun(kind)))
            }
        };
        Row {
            at: entry.at,
            team_time: local(zone.clone()),
            reporter_time: theirs.map(|t| local(t.offset.to_time_zone())),
            what,
            kind,
            report,
            status: entry.status.map(Status::name),
            said,
            state: entry.status,
        }
    }
}

fn fact_name(fact: Fact) -> String {
    document(&fact).as_str().unwrap_or_default().to_owned()
}

impl View for Plan {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        for notice in &self.notices {
            writeln!(out, "{}", styled(NOTICE, notice))?;
        }
        let reports: Vec<String> = self.reports.iter().map(i64::to_string).collect();
        let plural = if reports.len() == 1 { "report" } else { "reports" };
        writeln!(
            out,
            "{}  {}",
            styled(HEAD, format!("Case {}", self.case)),
            styled(FAINT, format!("{plural} {}", reports.join(", ")))
        )?;
        self.release_line(screen, out)?;
        let theirs = self.theirs.as_ref().map(|t| format!("{:20}  ", format!("reporter, UTC{}", t.offset)));
        let team = format!("team, {}", safe::short(&self.zone, 14));
        writeln!(out, "\n{}", styled(HEAD, format!("  {team:20}  {}", theirs.unwrap_or_default()).trim_end()))?;
        let mut past = true;
        for row in &self.rows {
            if past && row.at > screen.now {
                past = false;
                writeln!(out, "  {}", styled(NOTICE, format!("{:20}  ── now ──", screen.time(screen.now))))?;
            }
            self.row(row, screen, out)?;
        }
        if past {
            writeln!(out, "  {}", styled(NOTICE, format!("{:20}  ── now ──", screen.time(screen.now))))?;
        }
        Ok(())
    }
}

impl Plan {
    fn release_line(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let Some(release) = self.release else { return Ok(()) };
        let when = screen.exact(release.at);
        match (release.if_told_now, release.at <= screen.now) {
            (true, _) => writeln!(out, "  a release may follow from {when}, if people are told now"),
            (false, true) => writeln!(out, "  {}", styled(WELL, format!("a release is allowed since {when}"))),
            (false, false) => writeln!(out, "  {}", styled(NOTICE, format!("no release before {when}"))),
        }
    }

    fn row(&self, row: &Row, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let style = match row.state {
            Some(Status::Overdue | Status::Late) => ALARM,
            Some(_) => HEAD,
            None => FAINT,
        };
        let theirs = row.reporter_time.as_ref().map(|t| format!("{t:20}  ")).unwrap_or_default();
        let about = row.report.filter(|_| self.reports.len() > 1).map(|n| format!(" (report {n})")).unwrap_or_default();
        let left = match row.state {
            Some(Status::Overdue) => {
                format!(", overdue by {}", words::span(screen.now.as_second() - row.at.as_second()))
            }
            Some(Status::Paused) => ", paused; if the waiting ended now".to_owned(),
            Some(Status::Late) if row.what == "due" => ", done too late".to_owned(),
            _ => String::new(),
        };
        writeln!(out, "  {:20}  {theirs}{}", row.team_time, styled(style, format!("{}{about}{left}", row.said)))
    }
}
