//! The parent's end: opens one mail after another by a worker, and answers its questions with the secret keys.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Resource;
use zeroize::Zeroizing;

use super::limits::Limits;
use super::process::{Death, Process, StartError};
use super::protocol::{ASK, CONTENT, DEFECT, HEADER, OPEN, OPENED, PART, Probe, SECRET, TRIED, TRY, Task};
use super::{answer, frame};
use crate::pgp::keyring::Keyring;
use crate::pgp::open::Context;
use crate::pgp::open::remote::MAX_QUESTION;
use crate::report::Opened;
use crate::secret::{Password, Plaintext};

/// How much of a mail is looked at for its header alone.
const BEGINNING: usize = 256 << 10;

/// Opens mail. The worker is started when there is the first mail to open, and again when one has ended.
pub struct Reader {
    program: PathBuf,
    limits: Limits,
    ring: Keyring,
    process: Option<Process>,
}

/// Why there is no answer.
enum Failed {
    /// There is no worker: no mail's fault.
    Start(StartError),
    /// The worker ended over this mail.
    Died(Death),
}

impl From<StartError> for Failed {
    fn from(error: StartError) -> Failed {
        Failed::Start(error)
    }
}

impl From<Death> for Failed {
    fn from(death: Death) -> Failed {
        Failed::Died(death)
    }
}

impl Reader {
    /// `program` is this program, run with [`super::ARGUMENT`]. The secrets of `ring` stay here.
    pub fn new(program: PathBuf, ring: Keyring, limits: Limits) -> Reader {
        // Where whoever started the program allows less, that is what holds, and what is told.
        let most = rustix::process::getrlimit(Resource::As).maximum.unwrap_or(limits.memory);
        let limits = Limits { memory: limits.memory.min(most), ..limits };
        Reader { program, limits, ring, process: None }
    }

    /// Opens one mail. Where that ends the worker, the mail is set aside: its header is told if it can be had, and
    /// [`Opened::quarantined`] says why.
    pub fn open(&mut self, raw: &[u8], context: &Context) -> Result<Opened, StartError> {
        let task = task(context)?;
        let asked = frame::write(OPEN, &[&task, raw]);
        match self.read_opened(&asked) {
            Ok(opened) => Ok(opened),
            Err(Failed::Start(error)) => Err(error),
            Err(Failed::Died(death)) => self.header_only(raw, &death.words(&self.limits)),
        }
    }

    /// One part of a mail, by the path that [`Opened::parts`] gives it; `None` where there is none.
    pub fn part(&mut self, raw: &[u8], context: &Context, path: &str) -> Result<Option<Plaintext>, PartError> {
        let asked = frame::write(PART, &[&task(context)?, raw, path.as_bytes()]);
        let body = self.ask(&asked, CONTENT).map_err(|failed| match failed {
            Failed::Start(error) => PartError::Start(error),
            Failed::Died(death) => PartError::Died(death.words(&self.limits)),
        })?;
        Ok(frame::fields::<1>(&body).map(|[content]| Plaintext::new(content.to_vec())))
    }

    /// Has a worker try what it must not be able to do.
    pub fn probe(&mut self) -> Result<Probe, StartError> {
        let died = |death: Death| StartError::Greeting(death.words(&Limits::default()));
        let body = self.ask(&frame::write(TRY, &[]), TRIED).map_err(|failed| match failed {
            Failed::Start(error) => error,
            Failed::Died(death) => died(death),
        })?;
        let trials = frame::fields::<1>(&body).and_then(|[trials]| serde_json::from_slice(trials).ok());
        let sandbox = self.process.as_ref().map(|process| process.sandbox.clone());
        sandbox.zip(trials).map(|(sandbox, trials)| Probe { sandbox, trials }).ok_or_else(|| died(Death::Nonsense))
    }

    /// A password to try on mail that is encrypted with one: the next worker is told it.
    pub fn set_message_password(&mut self, password: Password) {
        self.ring.set_message_password(password);
        self.process = None;
    }

    /// The keys.
    pub fn ring(&self) -> &Keyring {
        &self.ring
    }

    /// The number of the worker process, while there is one.
    pub fn worker(&self) -> Option<u32> {
        self.process.as_ref().map(Process::number)
    }

    fn header_only(&mut self, raw: &[u8], reason: &str) -> Result<Opened, StartError> {
        let beginning = raw.get(..BEGINNING).unwrap_or(raw);
        let opened = match self.read_opened(&frame::write(HEADER, &[beginning, reason.as_bytes()])) {
            Ok(opened) => opened,
            Err(Failed::Start(error)) => return Err(error),
            Err(Failed::Died(_)) => Opened::unread(reason),
        };
        Ok(Opened { quarantined: Some(reason.to_owned()), ..opened })
    }

    fn read_opened(&mut self, asked: &[u8]) -> Result<Opened, Failed> {
        let body = self.ask(asked, OPENED)?;
        answer::read(&body).ok_or_else(|| {
            self.process = None;
            Failed::Died(Death::Nonsense)
        })
    }

    /// Asks a worker. One that has read other mail before and ends is replaced, and a fresh one asked again: only what a mail
    /// does to a worker of its own is held against the mail.
    fn ask(&mut self, asked: &[u8], wanted: u8) -> Result<Zeroizing<Vec<u8>>, Failed> {
        let used = self.process.as_ref().is_some_and(|process| process.mails > 0);
        match self.ask_once(asked, wanted) {
            Err(Failed::Died(death)) if used && !death.is_slowness() => self.ask_once(asked, wanted),
            other => other,
        }
    }

    fn ask_once(&mut self, asked: &[u8], wanted: u8) -> Result<Zeroizing<Vec<u8>>, Failed> {
        let mut process = match self.process.take() {
            Some(process) => process,
            None => Process::start(&self.program, &self.limits, &self.ring)?,
        };
        let body = converse(&mut process, &self.ring, &self.limits, asked, wanted)?;
        process.mails += 1;
        // Only a worker that behaved is used again.
        self.process = Some(process);
        Ok(body)
    }
}

/// Why a part cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// There is no worker.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The mail ended the worker.
    #[error("the part was not read: {0}")]
    Died(String),
}

fn task(context: &Context) -> Result<Vec<u8>, StartError> {
    serde_json::to_vec(&Task::from(context)).map_err(|_| StartError::Keys)
}

fn converse(
    process: &mut Process,
    ring: &Keyring,
    limits: &Limits,
    asked: &[u8],
    wanted: u8,
) -> Result<Zeroizing<Vec<u8>>, Death> {
    if process.babbles() {
        return Err(process.died_or(Death::Nonsense));
    }
    process.allow();
    let mut deadline = Instant::now() + Duration::from_millis(limits.wall_ms);
    process.send(asked, deadline)?;
    let mut questions = 0;
    loop {
        let (kind, body) = process.receive(deadline)?;
        match kind {
            ASK => {
                questions += 1;
                let question = frame::fields::<1>(&body).filter(|[question]| question.len() <= MAX_QUESTION);
                let [question] = question.ok_or(Death::Nonsense)?;
                if questions > limits.questions {
                    return Err(Death::Questions);
                }
                let begun = Instant::now();
                let answer = ring.answer(question);
                if ring.agent().is_some() {
                    // A person may have been asked for a PIN.
                    deadline += begun.elapsed();
                }
                process.send(&frame::write(SECRET, &[&answer]), deadline)?;
            }
            DEFECT => {
                let place = frame::fields::<1>(&body).map(|[place]| answer::place(place));
                return Err(Death::Defect(place.unwrap_or_default()));
            }
            kind if kind == wanted => return Ok(body),
            _ => return Err(Death::Nonsense),
        }
    }
}
