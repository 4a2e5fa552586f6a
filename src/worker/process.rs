//! One worker process, as its parent sees it: started, fed, waited for with patience that ends, and ended.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Resource, Rlimit, Signal};
use zeroize::Zeroizing;

use super::limits::Limits;
use super::protocol::{GREETING, KEYS, MAX_ANSWER, START, Sandbox};
use super::{ARGUMENT, frame};
use crate::pgp::keyring::Keyring;

/// How long a worker may take to shut itself in and greet.
const GREETING_TIME: Duration = Duration::from_secs(20);
/// What pipes are asked to hold, so that a mail of usual size goes over in one piece.
const PIPE: usize = 256 << 10;
/// A mail that computes less than this long after the last allowance has used up nothing of it.
const ALLOWANCE_LASTS: Duration = Duration::from_millis(250);
/// A process whose pipes are closed is gone within this time.
const DYING: Duration = Duration::from_millis(500);
/// What is read of the last words of a worker.
const LAST_WORDS: usize = 4 << 10;

/// Why no worker is there: nothing to do with any mail.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program cannot be run.
    #[error("cannot start the process that reads mail: {0}")]
    Spawn(#[from] io::Error),
    /// It ran and did not greet.
    #[error("the process that reads mail does not start: {0}")]
    Greeting(String),
    /// Our own certificates cannot be written for it.
    #[error("our certificates cannot be given to the process that reads mail")]
    Keys,
}

/// What ended a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Death {
    /// It took too long by the clock on the wall.
    Wall,
    /// It computed for too long.
    Cpu,
    /// It asked for more memory than it may have.
    Memory,
    /// It used up its stack.
    Stack,
    /// It met a defect in the program, at this place in the source.
    Defect(String),
    /// A signal ended it.
    Signal(i32),
    /// It ended by itself, with this status.
    Exit(i32),
    /// It said something that is not in the protocol.
    Nonsense,
    /// It asked for more session keys than one mail can need.
    Questions,
}

impl Death {
    /// The reason as it is shown and stored.
    pub fn words(&self, limits: &Limits) -> String {
        match self {
            Death::Wall => format!("reading it took more than {} s", limits.wall_ms.div_ceil(1000)),
            Death::Cpu => format!("reading it took more than {} s of computing", limits.cpu_s),
            Death::Memory => format!("reading it took more than {} MiB of memory", limits.memory >> 20),
            Death::Stack => "reading it took more than the stack holds".into(),
            Death::Defect(place) => format!("a defect in sealpost met it, at {place}"),
            Death::Signal(9) => {
                "the process that read it was killed (signal 9), by a person or for want of memory".into()
            }
            Death::Signal(signal) => format!("the process that read it was ended by signal {signal}"),
            Death::Exit(status) => format!("the process that read it ended with status {status}"),
            Death::Nonsense => "the process that read it gave an answer that makes no sense".into(),
            Death::Questions => format!("it wants more than {} session keys", limits.questions),
        }
    }

    /// True where the mail itself used up its time: another try would take as long.
    pub fn is_slowness(&self) -> bool {
        matches!(self, Death::Wall | Death::Cpu)
    }
}

/// A worker that runs. Dropping it ends it.
pub struct Process {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    last_words: ChildStderr,
    limits: Limits,
    allowed_at: Option<Instant>,
    /// How many mails it has read.
    pub mails: u64,
    /// What it says its cell is made of.
    pub sandbox: Sandbox,
}

impl Process {
    /// Starts one: no environment, no folder, three pipes. It gets the limits, shuts itself in, greets, and gets the keys.
    pub fn start(program: &Path, limits: &Limits, ring: &Keyring) -> Result<Process, StartError> {
        let mut command = Command::new(program);
        command.arg0("sealpost").arg(ARGUMENT).env_clear().current_dir("/");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (Some(to), Some(from), Some(last_words)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(StartError::Spawn(io::Error::other("it has no pipes")));
        };
        for pipe in [to.as_fd(), from.as_fd(), last_words.as_fd()] {
            let flags = fcntl_getfl(pipe).map_err(io::Error::from)?;
            fcntl_setfl(pipe, flags | OFlags::NONBLOCK).map_err(io::Error::from)?;
        }
        // More than a system gives is no loss.
        let _ = rustix::pipe::fcntl_setpipe_size(&to, PIPE);
        let _ = rustix::pipe::fcntl_setpipe_size(&from, PIPE);
        let sandbox = Sandbox { landlock: super::Landlock::None, seccomp: false, limits: false };
        let mut process = Process { child, to, from, last_words, limits: *limits, allowed_at: None, mails: 0, sandbox };
        process.introduce(ring)?;
        Ok(process)
    }

    fn introduce(&mut self, ring: &Keyring) -> Result<(), StartError> {
        let deadline = Instant::now() + GREETING_TIME;
        let told = |words: &str| StartError::Greeting(words.into());
        let limits = serde_json::to_vec(&self.limits).map_err(|_| StartError::Keys)?;
        let died = |e: Death| StartError::Greeting(e.words(&Limits::default()));
        self.send(&frame::write(START, &[&limits]), deadline).map_err(died)?;
        let (GREETING, body) = self.receive(deadline).map_err(died)? else {
            return Err(told("it does not greet"));
        };
        let [sandbox] = frame::fields::<1>(&body).ok_or_else(|| told("it greets with nonsense"))?;
        self.sandbox = serde_json::from_slice(sandbox).map_err(|_| told("it greets with nonsense"))?;
        let (own, certs) = ring.public().map_err(|_| StartError::Keys)?;
        let held = serde_json::to_vec(&ring.held()).map_err(|_| StartError::Keys)?;
        let password = ring.message_password().map_or(&[][..], |password| password.expose().as_bytes());
        self.send(&frame::write(KEYS, &[&held, &own, &certs, password]), deadline).map_err(died)
    }

    /// Lets it compute for as long as one mail may, from what it has used up to now.
    pub fn allow(&mut self) {
        if self.allowed_at.is_some_and(|at| at.elapsed() < ALLOWANCE_LASTS) {
            return;
        }
        let Some(pid) = self.pid() else { return };
        let most = rustix::process::getrlimit(Resource::Cpu).maximum;
        let allowed = used(pid) + self.limits.cpu_s;
        let current = Some(most.map_or(allowed, |most| most.min(allowed)));
        let _ = rustix::process::prlimit(Some(pid), Resource::Cpu, Rlimit { current, maximum: most });
        self.allowed_at = Some(Instant::now());
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.child.id()
    }

    /// What it died of, if it is dead; else `otherwise`.
    pub fn died_or(&mut self, otherwise: Death) -> Death {
        match self.child.try_wait() {
            Ok(Some(_)) => self.autopsy(),
            _ => otherwise,
        }
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }

    /// Hands a frame over, while it is taken.
    pub fn send(&mut self, frame: &[u8], deadline: Instant) -> Result<(), Death> {
        let mut rest = frame;
        while !rest.is_empty() {
            match self.to.write(rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => wait(&self.to, PollFlags::OUT, deadline)?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(self.autopsy()),
            }
        }
        Ok(())
    }

    /// The next frame of the worker. It is made room for at once, so that growing leaves no copies behind.
    pub fn receive(&mut self, deadline: Instant) -> Result<(u8, Zeroizing<Vec<u8>>), Death> {
        let mut head = [0; frame::HEAD];
        self.fill(&mut head, deadline)?;
        let (kind, length) = frame::read_head(head, MAX_ANSWER).ok_or(Death::Nonsense)?;
        let mut body = Zeroizing::new(vec![0; length]);
        self.fill(&mut body, deadline)?;
        Ok((kind, body))
    }

    fn fill(&mut self, mut space: &mut [u8], deadline: Instant) -> Result<(), Death> {
        while !space.is_empty() {
            match self.from.read(space) {
                Ok(0) => return Err(self.autopsy()),
                Ok(count) => space = space.get_mut(count..).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => wait(&self.from, PollFlags::IN, deadline)?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(self.autopsy()),
            }
        }
        Ok(())
    }

    /// True where it speaks without being asked.
    pub fn babbles(&self) -> bool {
        wait(&self.from, PollFlags::IN, Instant::now()).is_ok()
    }

    /// What it died of. One that closed its pipes and lives on is ended, and was up to no good.
    fn autopsy(&mut self) -> Death {
        let end = Instant::now() + DYING;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                return Death::Nonsense;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let Ok(status) = self.child.wait() else { return Death::Nonsense };
        let mut words = [0; LAST_WORDS];
        let count = self.last_words.read(&mut words).unwrap_or_default();
        let words = words.get(..count).unwrap_or_default();
        cause(status, words)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cause(status: ExitStatus, last_words: &[u8]) -> Death {
    let says = |words: &str| last_words.windows(words.len()).any(|window| window == words.as_bytes());
    match status.signal() {
        Some(signal) if signal == Signal::XCPU.as_raw() => Death::Cpu,
        Some(_) if says("memory allocation of") => Death::Memory,
        Some(_) if says("overflowed its stack") => Death::Stack,
        Some(signal) => Death::Signal(signal),
        None => Death::Exit(status.code().unwrap_or_default()),
    }
}

fn wait(pipe: &impl AsFd, until: PollFlags, deadline: Instant) -> Result<(), Death> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let patience =
            Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(pipe, until)], Some(&patience)) {
            Ok(0) => return Err(Death::Wall),
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Err(Death::Nonsense),
        }
    }
}

/// The seconds that a process has computed, rounded up. Where the system does not tell, none: it gets less, not more.
fn used(pid: Pid) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // The name may hold anything; the fields after it are numbers. User and system time are the 14th and 15th of all.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks.div_ceil(rustix::param::clock_ticks_per_second().max(1))
}
