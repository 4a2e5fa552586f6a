//! Arguments and help text; what the commands do stands in `commands`, what they print in `output`.

pub mod audit;
pub mod backup;
pub mod change;
pub mod check;
pub mod demo;
pub mod import;
pub mod init;
pub mod key;
pub mod list;
pub mod mark;
pub mod open;
pub mod outbox;
pub mod plan;
pub mod policy;
pub mod poll;
pub mod reply;
pub mod report;
pub mod restore;
pub mod save;
pub mod show;
pub mod stats;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use jiff::Timestamp;

/// The encrypted report mailbox: opens security reports, keeps them, runs the clocks of your SECURITY.md, answers.
#[derive(Debug, Parser)]
#[command(name = "sealpost", version, disable_help_subcommand = true, max_term_width = 100, args_override_self = true)]
#[command(after_help = "\
Start here:
  sealpost demo       the whole job on sample mail, no set-up
  sealpost init       write a configuration and make the ledger
  sealpost poll       fetch, open, file (from cron: every 5 minutes)
  sealpost list       what is open, the most urgent first

Exit status: 0 done; 1 it failed; 2 the command line or the configuration is wrong;
3 done, and a person is needed; 4 the ledger is in use by another run.")]
pub struct Cli {
    /// Configuration file [default: $XDG_CONFIG_HOME/sealpost/config.toml]
    #[arg(long, value_name = "FILE", global = true, env = "SEALPOST_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long, global = true)]
    pub json: bool,
    /// Take this as the present time (RFC 3339), for tests and what-if questions
    #[arg(long, value_name = "TIME", global = true, env = "SEALPOST_NOW", hide_env_values = true, value_parser = time)]
    pub now: Option<Timestamp>,
    /// Say more on standard error
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// An instant, or what was expected in words.
pub fn time(word: &str) -> Result<Timestamp, String> {
    word.parse().map_err(|_| "expected an instant such as 2026-03-02T12:00:00Z".into())
}

/// The commands of `contract.md`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a configuration, make the ledger, make or import the team key
    Init(init::Args),
    /// Fetch what is new, open it, file it, send what waits
    Poll(poll::Args),
    /// File mail from .eml files, mbox files and Maildir folders
    Import(import::Args),
    /// Open one mail and say what it is, storing nothing
    Open(open::Args),
    /// Reports, the most urgent first
    List(list::Args),
    /// One report: its verdicts, clocks, messages and history
    Show(show::Args),
    /// Write an attachment to a file
    Save(save::Args),
    /// Write, sign, encrypt and send an answer
    Reply(reply::Args),
    /// What waits to be sent
    Outbox(outbox::Args),
    /// Record a fact about a report with its time
    Mark(mark::Args),
    /// Say who works on a report
    Assign(change::Assign),
    /// Set the severity of a report
    Severity(change::Severity),
    /// Add a note for the team
    Note(change::Note),
    /// Add or take off a tag
    Tag(change::Tag),
    /// Say that a report is about the vulnerability of another
    Link(change::Link),
    /// Say that it is not, after all
    Unlink(change::Unlink),
    /// Stop the clocks while the reporter is asked (never the first response)
    Wait(change::Wait),
    /// End the waiting
    Resume(change::Resume),
    /// End the work on a report
    Close(change::Close),
    /// Take it up again
    Reopen(change::Reopen),
    /// One timeline of a case: what is due and what is allowed
    Plan(plan::Args),
    /// What a SECURITY.md commits to, which version is in force, what could be promised
    Policy(policy::Args),
    /// How well the policy was kept
    Stats(stats::Args),
    /// Draw how well the policy was kept, as a page
    Report(report::Args),
    /// Keys and certificates
    Key(key::Args),
    /// Verify the ledger: its history, its files, its counts; anchor it; rescue what a damaged one still holds
    Audit(audit::Args),
    /// Write a copy of the ledger, encrypted to the team key
    Backup(backup::Args),
    /// Put a backup in place of a ledger that was lost
    Restore(restore::Args),
    /// Look at everything that would stop the next poll
    Check(check::Args),
    /// The main job end to end on sample mail
    Demo(demo::Args),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  sealpost completions bash > ~/.local/share/bash-completion/completions/sealpost"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  sealpost man | man -l -")]
    Man,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }

    /// Every command shows how it is used.
    #[test]
    fn every_command_has_an_example() {
        fn walk(command: &clap::Command, path: &str) {
            let subs: Vec<_> = command.get_subcommands().collect();
            for sub in &subs {
                walk(sub, &format!("{path} {}", sub.get_name()));
            }
            if subs.is_empty() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example"), "{path} has no example");
                assert!(help.contains("sealpost "), "{path} has no command in its example");
            }
        }
        walk(&super::Cli::command(), "sealpost");
    }
}
