//! The glue: each command reads, lets the core decide, writes.

pub mod secrets;

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::{self, Config, Surroundings};
use crate::error::Error;
use crate::output::View;

/// What every command is given: the present, the surroundings, how to talk.
#[derive(Debug)]
pub struct App {
    /// `--config`.
    pub config_file: Option<PathBuf>,
    /// Folders and defaults.
    pub around: Surroundings,
    /// The present for all judgements: `--now` or the wall clock.
    pub now: Timestamp,
    /// The wall clock, which `--now` does not change.
    pub wall: Timestamp,
    /// `--json`.
    pub json: bool,
    /// `--verbose`.
    pub verbose: bool,
    /// `--quiet`.
    pub quiet: bool,
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
    /// The configuration, read and checked.
    pub fn config(&self) -> Result<Config, Error> {
        let file = self.config_file.clone().unwrap_or_else(|| self.around.default_config());
        config::load(&file, &self.around)
    }

    /// Says something on standard error, unless asked to be quiet. Not for errors.
    pub fn say(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            anstream::eprintln!("{text}");
        }
    }
}

/// No core files, no debugger, private files, and a panic message that tells where and never what (it could quote mail).
pub fn harden() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |l| format!(" at {}:{}", l.file(), l.line()));
        anstream::eprintln!("sealpost: a defect in sealpost{place}; nothing that was stored is lost\n  please report it with the command you ran, not with the mail");
    }));
}
