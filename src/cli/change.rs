//! The commands that append one event to a report and nothing else.

/// Say who works on a report.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealpost assign 14 alice\n  sealpost assign 14 --none")]
pub struct Assign {
    /// Number or uid of the report
    pub id: String,
    /// Who
    #[arg(required_unless_present = "none")]
    pub who: Option<String>,
    /// Nobody
    #[arg(long, conflicts_with = "who")]
    pub none: bool,
}

/// Set the severity of a report; the policy may promise other times for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealpost severity 14 high\n  sealpost severity 14 --none")]
pub struct Severity {
    /// Number or uid of the report
    pub id: String,
    /// The policy's word for it: critical, high, …
    #[arg(required_unless_present = "none")]
    pub severity: Option<String>,
    /// None
    #[arg(long, conflicts_with = "severity")]
    pub none: bool,
}

/// Add a note for the team. The reporter never sees it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without a text it is read from standard input, so that it stands in no process list.

Examples:
  sealpost note 14 'reproduced on 2.3'
  sealpost note 14 < analysis.txt")]
pub struct Note {
    /// Number or uid of the report
    pub id: String,
    /// The text
    pub text: Option<String>,
}

/// Add or take off a tag.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealpost tag 14 slop\n  sealpost tag 14 slop --remove")]
pub struct Tag {
    /// Number or uid of the report
    pub id: String,
    /// The tag
    pub tag: String,
    /// Take it off
    #[arg(long)]
    pub remove: bool,
}

/// Say that a report is about the vulnerability of another. Each reporter is still owed an answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealpost link 17 14")]
pub struct Link {
    /// Number or uid of the report
    pub id: String,
    /// Number or uid of the case: its first report
    pub case: String,
}

/// Say that a report is a case of its own, after all.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealpost unlink 17")]
pub struct Unlink {
    /// Number or uid of the report
    pub id: String,
}

/// Stop the clocks while the reporter is asked; the first response never stops.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealpost wait 14")]
pub struct Wait {
    /// Number or uid of the report
    pub id: String,
}

/// End the waiting.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealpost resume 14")]
pub struct Resume {
    /// Number or uid of the report
    pub id: String,
}

/// End the work on a report.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealpost close 14 --reason 'fixed in 2.3.1'")]
pub struct Close {
    /// Number or uid of the report
    pub id: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Take a closed report up again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealpost reopen 14")]
pub struct Reopen {
    /// Number or uid of the report
    pub id: String,
}
