//! The glue: each command reads, lets the core decide, writes.

pub mod anchor;
pub mod audit;
pub mod backup;
pub mod books;
pub mod change;
pub mod check;
pub mod demo;
pub mod desk;
pub mod files;
pub mod import;
pub mod init;
pub mod intake;
pub mod key;
pub mod keys;
pub mod list;
pub mod open;
pub mod outbox;
pub mod plan;
pub mod policy;
pub mod poll;
pub mod post;
pub mod reply;
pub mod report;
pub mod restore;
pub mod salvage;
pub mod sandbox;
pub mod secrets;
pub mod servers;
pub mod show;
pub mod stats;

use std::path::PathBuf;

use clap::CommandFactory;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::case::filing::Ours;
use crate::cli::{Cli, Command};
use crate::config::{self, Config, Surroundings};
use crate::error::{Error, Kind, usage};
use crate::ledger::LedgerError;
use crate::message::same_address;
use crate::output::{Raw, View};
use crate::pgp::certs;
use crate::pgp::keyring::Keyring;
use crate::safe;
use crate::worker::{Limits, PartError, Reader, StartError};

/// What every command is given: the present, the surroundings, how to talk.
#[derive(Clone, Debug)]
pub struct App {
    /// `--config`.
    pub config_file: Option<PathBuf>,
    /// Folders and defaults.
    pub around: Surroundings,
    /// The program that reads mail in a process of its own: this one.
    pub program: PathBuf,
    /// Who runs this, for the history.
    pub who: String,
    /// The present for all judgements: `--now` or the wall clock.
    pub now: Timestamp,
    /// The wall clock, which `--now` does not change.
    pub wall: Timestamp,
    /// `--verbose`.
    pub verbose: bool,
    /// `--quiet`.
    pub quiet: bool,
    /// `--json`.
    pub json: bool,
    /// A person watches standard error.
    pub watched: bool,
    /// A person can be asked.
    pub interactive: bool,
}

/// What a command gives back.
pub struct Done {
    /// To be printed.
    pub view: Box<dyn View>,
    /// 0, or 3 where a person is needed.
    pub status: u8,
    /// The zone that times are shown in; `None` for the system's.
    pub zone: Option<TimeZone>,
}

impl Done {
    /// Done, status 0.
    pub fn new(view: impl View + 'static) -> Done {
        Done { view: Box::new(view), status: 0, zone: None }
    }

    /// Status 3 where `needed`.
    pub fn needs_person(mut self, needed: bool) -> Done {
        if needed {
            self.status = 3;
        }
        self
    }

    /// Times in this zone.
    pub fn zone(mut self, zone: &TimeZone) -> Done {
        self.zone = Some(zone.clone());
        self
    }
}

impl App {
    /// Where the configuration is.
    pub fn config_path(&self) -> PathBuf {
        self.config_file.clone().unwrap_or_else(|| self.around.default_config())
    }

    /// The configuration, read and checked.
    pub fn config(&self) -> Result<Config, Error> {
        config::load(&self.config_path(), &self.around)
    }

    /// Opens mail in a process of its own, with these keys.
    pub fn reader(&self, ring: Keyring) -> Reader {
        Reader::new(self.program.clone(), ring, Limits::default())
    }

    /// Refuses two forms of one answer.
    fn one_form(&self, csv: bool) -> Result<(), Error> {
        if csv && self.json { Err(usage("--csv and --json are two forms of one answer: choose one")) } else { Ok(()) }
    }

    /// Says something on standard error, unless asked to be quiet; safe, whatever it quotes. Not for errors.
    pub fn say(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            anstream::eprintln!("{}", safe::lines(&text.to_string()));
        }
    }
}

/// An error of any layer, with its kind and what to do about it.
pub fn as_error(error: anyhow::Error) -> Error {
    error
        .downcast::<Error>()
        .or_else(|other| other.downcast::<LedgerError>().map(Error::from))
        .unwrap_or_else(|other| Error::new(Kind::Failed, format!("{other:#}")))
}

/// What others may change or read by a slip is not worked with, whatever the command.
fn guard(app: &App, command: &Command) -> Result<(), Error> {
    if matches!(command, Command::Init(_) | Command::Demo(_) | Command::Completions { .. } | Command::Man) {
        return Ok(());
    }
    // A configuration that cannot be read is told by whoever needs one.
    files::refuse_writable(&app.config_path())?;
    let takes_mail = matches!(command, Command::Poll(_) | Command::Import(_) | Command::Reply(_) | Command::Outbox(_));
    if takes_mail && let Ok(config) = app.config() {
        config.openpgp.secret_keys.iter().try_for_each(|key| files::refuse_slip(key))?;
    }
    Ok(())
}

/// Runs one command.
pub fn run(app: &App, command: &Command) -> anyhow::Result<Done> {
    guard(app, command)?;
    match command {
        Command::Init(args) => init::run(app, args),
        Command::Poll(args) => poll::run(app, args),
        Command::Import(args) => import::run(app, args),
        Command::Open(args) => open::run(app, args),
        Command::List(args) => list::run(app, args),
        Command::Show(args) => show::run(app, args),
        Command::Save(args) => show::save(app, args),
        Command::Reply(args) => reply::run(app, args),
        Command::Outbox(args) => outbox::run(app, args),
        Command::Mark(args) => change::mark(app, args),
        Command::Assign(args) => change::assign(app, args),
        Command::Severity(args) => change::severity(app, args),
        Command::Note(args) => change::note(app, args),
        Command::Tag(args) => change::tag(app, args),
        Command::Link(args) => change::link(app, args),
        Command::Unlink(args) => change::unlink(app, args),
        Command::Wait(args) => change::wait(app, args),
        Command::Resume(args) => change::resume(app, args),
        Command::Close(args) => change::close(app, args),
        Command::Reopen(args) => change::reopen(app, args),
        Command::Plan(args) => plan::run(app, args),
        Command::Policy(args) => policy::run(app, args),
        Command::Stats(args) => stats::run(app, args),
        Command::Report(args) => report::run(app, args),
        Command::Key(args) => key::run(app, args),
        Command::Audit(args) => audit::run(app, args),
        Command::Backup(args) => backup::run(app, args),
        Command::Restore(args) => restore::run(app, args),
        Command::Check(args) => check::run(app, args),
        Command::Demo(args) => demo::run(app, args),
        Command::Completions { shell } => Ok(completions(*shell)),
        Command::Man => man(),
    }
}

fn completions(shell: clap_complete::Shell) -> Done {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sealpost", &mut bytes);
    Done::new(Raw { bytes })
}

fn man() -> anyhow::Result<Done> {
    let mut bytes = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut bytes)?;
    Ok(Done::new(Raw { bytes }))
}

/// Who we are: addresses, and the certificates that sign for us.
pub fn ours(config: &Config, ring: &Keyring) -> Ours {
    let addresses: Vec<String> = std::iter::once(&config.address).chain(&config.aliases).cloned().collect();
    let mut signers: Vec<String> = ring.own().iter().map(certs::fingerprint).collect();
    // A team member's certificate counts where the owner of this configuration put it into a file; never one that came by mail.
    for cert in ring.certs() {
        let members = config.team.iter().any(|m| certs::addresses(cert).iter().any(|a| same_address(a, m)));
        if members {
            signers.push(certs::fingerprint(cert));
        }
    }
    Ours { addresses, team: config.team.clone(), signers }
}

/// No mail can be read. What is stored stays stored, and is filed once this is mended.
impl From<StartError> for Error {
    fn from(e: StartError) -> Error {
        Error::new(Kind::Failed, e.to_string())
            .hint("sealpost check; mail that is stored is kept, and filed by a later poll")
    }
}

impl From<PartError> for Error {
    fn from(e: PartError) -> Error {
        match e {
            PartError::Start(e) => e.into(),
            PartError::Died(_) => {
                Error::new(Kind::Failed, e.to_string()).hint("sealpost show --raw gives the whole mail")
            }
        }
    }
}

/// A bar that only a person sees.
pub fn progress(app: &App, length: u64, what: &'static str) -> ProgressBar {
    if !app.watched {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
        bar.set_style(style);
    }
    bar.with_message(what)
}

/// No core files, no debugger, private files, and a panic message that tells where and never what (it could quote mail).
pub fn harden() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |l| format!(" at {}:{}", l.file(), l.line()));
        anstream::eprintln!(
            "sealpost: a defect in sealpost{place}; nothing that was stored is lost\n  please report it with the command you ran, not with the mail"
        );
    }));
}
