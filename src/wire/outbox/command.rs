//! Handing a mail to a `sendmail`-like program.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Delivery, Hope, OutgoingBytes, SendmailConfig};
use crate::point;
use crate::safe;
use crate::wire::WireError;

/// `EX_IOERR` of sysexits: msmtp says it when a connection broke, which may have been after the final dot.
const IO_ERROR: i32 = 74;
/// What is kept of the program's complaints.
const COMPLAINT: u64 = 4 << 10;

pub(super) fn send(config: &SendmailConfig, mail: &OutgoingBytes) -> Delivery {
    let Some((program, arguments)) = config.command.split_first() else {
        return Delivery::never("no sendmail command is configured");
    };
    let mut command = Command::new(program);
    command.args(arguments);
    if !arguments.iter().any(|a| a == "-t") {
        command.arg("--").args(&mail.envelope_to);
    }
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(e) => return Delivery::later(format!("cannot run {}: {e}", safe::short(program, 80))),
    };
    point::reach("command.running");
    let writer = feed(&mut child, &mail.bytes);
    let listener = listen(&mut child);
    let Some(status) = wait(&mut child, config.timeout) else {
        return Delivery::Unknown {
            reason: format!("{} did not end in time and was stopped", safe::short(program, 80)),
        };
    };
    point::reach("command.ended");
    let fed = writer.and_then(gather).unwrap_or(false);
    let complaint = listener.and_then(gather).unwrap_or_default();
    let complaint = safe::short(String::from_utf8_lossy(&complaint).trim(), 300);
    judge(program, status, fed, &complaint)
}

/// Whether the program is there to be run.
pub fn probe(config: &SendmailConfig) -> Result<(), WireError> {
    let program = config.command.first().map(String::as_str).unwrap_or_default();
    let is_there = |path: &std::path::Path| path.is_file();
    let found = if program.contains('/') {
        is_there(program.as_ref())
    } else {
        std::env::var_os("PATH").is_some_and(|p| std::env::split_paths(&p).any(|dir| is_there(&dir.join(program))))
    };
    if found && !program.is_empty() {
        return Ok(());
    }
    Err(WireError::Unsafe(format!("the sendmail command {} is not installed", safe::short(program, 80))))
}

fn judge(program: &str, status: ExitStatus, fed: bool, complaint: &str) -> Delivery {
    let program = safe::short(program, 80);
    let said = if complaint.is_empty() { String::new() } else { format!(": {complaint}") };
    match status.code() {
        Some(0) if fed => Delivery::Sent { reply: format!("{program} took it") },
        Some(0) => Delivery::Unknown { reason: format!("{program} says yes and did not read all of the mail") },
        None | Some(IO_ERROR) => Delivery::Unknown { reason: format!("{program} was cut short ({status}){said}") },
        Some(code) => Delivery::NotSent {
            reason: format!("{program} failed ({status}){said}"),
            hope: match code {
                // EX_DATAERR, EX_NOUSER, EX_NOHOST: this mail, or these recipients, will never do.
                65 | 67 | 68 => Hope::Never,
                // EX_TEMPFAIL asks for another try. Any other status may be anything: programs and scripts agree on no more.
                75 => Hope::Later,
                _ => Hope::Unclear,
            },
        },
    }
}

/// Writes with the line ends of a local program; true when all of it was read.
fn feed(child: &mut Child, bytes: &[u8]) -> Option<JoinHandle<bool>> {
    let mut input = child.stdin.take()?;
    let mut text = bytes.to_vec();
    text.retain(|b| *b != b'\r');
    Some(std::thread::spawn(move || input.write_all(&text).is_ok()))
}

fn listen(child: &mut Child) -> Option<JoinHandle<Vec<u8>>> {
    let mut errors = child.stderr.take()?;
    Some(std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = errors.by_ref().take(COMPLAINT).read_to_end(&mut text);
        let _ = std::io::copy(&mut errors, &mut std::io::sink());
        text
    }))
}

/// What a helper thread came to. A grandchild may hold a pipe open for ever: it is not waited for.
fn gather<T>(helper: JoinHandle<T>) -> Option<T> {
    let end = Instant::now() + Duration::from_secs(1);
    while !helper.is_finished() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
    if helper.is_finished() { helper.join().ok() } else { None }
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + limit;
    let mut nap = Duration::from_millis(1);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(nap);
        nap = (nap * 2).min(Duration::from_millis(50));
    }
}
