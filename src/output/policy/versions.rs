//! `policy adopt` and `policy log`, shown.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use crate::output::{FAINT, HEAD, NOTICE, Screen, View, document, styled};
use crate::safe;

/// What `policy adopt` did.
#[derive(Serialize)]
pub struct Adopted {
    /// The file, as named.
    pub file: String,
    /// False where this very version is in force already.
    pub adopted: bool,
    /// Since when it holds, where it was adopted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What it promises otherwise than the version before.
    pub changes: Vec<String>,
    /// What a person should know.
    pub notices: Vec<String>,
}

impl View for Adopted {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let file = safe::short(&self.file, 60);
        if let Some(since) = self.since {
            let since = screen.exact(since);
            writeln!(out, "{file} is in force since {since}; reports that arrived before keep the policy they had")?;
            changes(&self.changes, out)?;
        } else {
            writeln!(out, "{file} is in force already, word for word; nothing to do")?;
        }
        for notice in &self.notices {
            writeln!(out, "{}", styled(NOTICE, safe::line(notice)))?;
        }
        Ok(())
    }
}

/// One version of the policy.
#[derive(Serialize)]
pub struct Version {
    /// Since when it is in force.
    pub since: Timestamp,
    /// The file's name.
    pub file: String,
    /// Of the file.
    pub sha256: String,
    /// Reports that arrived under it.
    pub reports: usize,
    /// What it promises otherwise than the version before.
    pub changes: Vec<String>,
}

/// All versions, oldest first.
#[derive(Serialize)]
pub struct Versions {
    /// Them.
    pub versions: Vec<Version>,
    /// The configured file is another than the newest version.
    pub pending: Option<String>,
}

impl View for Versions {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        if self.versions.is_empty() {
            writeln!(out, "no policy was ever adopted; sealpost poll adopts the configured one by itself")?;
        }
        for version in &self.versions {
            let digest: String = version.sha256.chars().take(12).collect();
            let since = styled(HEAD, screen.exact(version.since));
            let reports = if version.reports == 1 { "report" } else { "reports" };
            let rest = styled(FAINT, format!("{digest}, {} {reports}", version.reports));
            writeln!(out, "{since}  {}  {rest}", safe::short(&version.file, 40))?;
            if version.changes.is_empty() {
                writeln!(out, "    the same promises")?;
            }
            changes(&version.changes, out)?;
        }
        if let Some(pending) = &self.pending {
            writeln!(out, "{}", styled(NOTICE, safe::line(pending)))?;
        }
        Ok(())
    }
}

fn changes(changes: &[String], out: &mut dyn Write) -> io::Result<()> {
    changes.iter().try_for_each(|change| writeln!(out, "    {}", safe::line(change)))
}
