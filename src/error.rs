//! What a command says when it cannot do what was asked: a kind that decides the exit status, what happened, what to do.

use std::fmt;

/// The kinds of error, as they stand in JSON; each has one exit status (`contract.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line is wrong, or a person must decide something first.
    Usage,
    /// The configuration is wrong.
    Config,
    /// What was named does not exist.
    NotFound,
    /// Another run holds the ledger.
    InUse,
    /// A key is missing, locked or not usable.
    Key,
    /// A server could not be reached or broke off.
    Network,
    /// The ledger is damaged, missing or of another version.
    Ledger,
    /// A file could not be read or written.
    File,
    /// Anything else.
    Failed,
}

impl Kind {
    /// The stable name in `{"error": {"kind": …}}`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Usage => "usage",
            Kind::Config => "config",
            Kind::NotFound => "not_found",
            Kind::InUse => "in_use",
            Kind::Key => "key",
            Kind::Network => "network",
            Kind::Ledger => "ledger",
            Kind::File => "file",
            Kind::Failed => "failed",
        }
    }

    /// The exit status.
    pub fn status(self) -> u8 {
        match self {
            Kind::Usage | Kind::Config => 2,
            Kind::InUse => 4,
            _ => 1,
        }
    }
}

/// An error as a person sees it. `message` is lower case without a full stop; each hint is a line of its own.
#[derive(Clone, Debug)]
pub struct Error {
    /// Decides the exit status.
    pub kind: Kind,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hints: Vec<String>,
}

impl Error {
    /// An error without a hint.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), hints: Vec::new() }
    }

    /// The same with what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Shorthand for the commonest kinds.
pub fn usage(message: impl Into<String>) -> Error {
    Error::new(Kind::Usage, message)
}

/// What was named does not exist.
pub fn not_found(message: impl Into<String>) -> Error {
    Error::new(Kind::NotFound, message)
}
