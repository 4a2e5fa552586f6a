//! `sealpost mark ID FACT`

use clap::ValueEnum;
use jiff::Timestamp;

/// Record a fact with its time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sealpost mark 14 valid
  sealpost mark 14 acknowledged --at 2026-03-02T10:00:00Z --note 'by phone'
  sealpost mark 14 released --note v2.3.1
  sealpost mark 14 exploited --at 2026-03-05T08:00:00Z --note 'seen by a customer'")]
pub struct Args {
    /// Number or uid of the report
    pub id: String,
    /// What happened
    #[arg(value_enum)]
    pub fact: Fact,
    /// When it happened (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    pub at: Option<Timestamp>,
    /// How or where
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// `case::Fact`, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Fact {
    /// A person answered the reporter by another channel
    Acknowledged,
    /// It is a vulnerability
    Valid,
    /// It is not
    Invalid,
    /// The fix is ready
    Fixed,
    /// People were told that a release is coming
    Prenotified,
    /// The fix is released
    Released,
    /// Details are public
    Disclosed,
    /// The write-up is public
    WrittenUp,
    /// We know of active exploitation
    Exploited,
    /// The early warning went to the authority
    EarlyWarned,
    /// The notification went to the authority
    Notified,
    /// The final report went to the authority
    FinalReported,
    /// The CVE record is public
    CvePublished,
}

impl From<Fact> for crate::case::Fact {
    fn from(fact: Fact) -> Self {
        match fact {
            Fact::Acknowledged => Self::Acknowledged,
            Fact::Valid => Self::Valid,
            Fact::Invalid => Self::Invalid,
            Fact::Fixed => Self::Fixed,
            Fact::Prenotified => Self::Prenotified,
            Fact::Released => Self::Released,
            Fact::Disclosed => Self::Disclosed,
            Fact::WrittenUp => Self::WrittenUp,
            Fact::Exploited => Self::Exploited,
            Fact::EarlyWarned => Self::EarlyWarned,
            Fact::Notified => Self::Notified,
            Fact::FinalReported => Self::FinalReported,
            Fact::CvePublished => Self::CvePublished,
        }
    }
}
