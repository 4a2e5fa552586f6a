//! The worker's end: reads tasks from standard input, answers on standard output, ends when its input does.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use rustix::io::{Errno, read, write};
use rustix::stdio::{stdin, stdout};
use zeroize::Zeroizing;

use super::limits::Limits;
use super::protocol::{
    ASK, CONTENT, DEFECT, GREETING, HEADER, KEYS, MAX_TASK, OPEN, OPENED, PART, SECRET, START, TRIED, TRY, Task,
};
use super::{answer, frame, sandbox};
use crate::pgp::keyring::Keyring;
use crate::pgp::open::remote::Remote;
use crate::pgp::open::{self, Context};
use crate::report::Opened;
use crate::secret::Password;

/// Where the program last failed.
static PLACE: Mutex<String> = Mutex::new(String::new());

/// A frame's kind and its body.
type Frame = (u8, Zeroizing<Vec<u8>>);

/// Serves until the parent closes the pipe. A worker that is told nonsense, or that met a defect in itself, ends with status 1.
pub fn serve() -> ExitCode {
    // A message could quote mail: only the place is told, and only to the parent.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |l| format!("{}:{}", l.file(), l.line()));
        *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
    match session() {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}

fn session() -> Option<()> {
    let (START, body) = receive()? else { return None };
    let [limits] = frame::fields::<1>(&body)?;
    let limits: Limits = serde_json::from_slice(limits).ok()?;
    let cell = sandbox::enter(&limits);
    send(GREETING, &[&serde_json::to_vec(&cell).ok()?])?;
    let (KEYS, body) = receive()? else { return None };
    let [held, own, certs, password] = frame::fields::<4>(&body)?;
    let held: HashSet<String> = serde_json::from_slice(held).ok()?;
    let mut ring = Keyring::from_public(own, certs);
    if let (Ok(password), false) = (str::from_utf8(password), password.is_empty()) {
        ring.set_message_password(Password::new(password.to_owned()));
    }
    drop(body);
    while let Some((kind, body)) = receive() {
        let done = std::panic::catch_unwind(AssertUnwindSafe(|| task(kind, &body, &ring, &held)));
        if done.is_err() {
            let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner).clone();
            send(DEFECT, &[place.as_bytes()])?;
        }
        // After a defect nothing in here is relied on any more.
        done.ok()??;
    }
    Some(())
}

fn task(kind: u8, body: &[u8], ring: &Keyring, held: &HashSet<String>) -> Option<()> {
    let ask = |question: &[u8]| ask(question).unwrap_or_default();
    let holder = Remote::new(held, &ask);
    match kind {
        OPEN => {
            let [context, raw] = frame::fields::<2>(body)?;
            tell(open::open_with(raw, ring, &holder, &self::context(context)?))
        }
        PART => {
            let [context, raw, path] = frame::fields::<3>(body)?;
            let path = std::str::from_utf8(path).ok()?;
            match open::part_with(raw, ring, &holder, &self::context(context)?, path) {
                Some(content) => send(CONTENT, &[content.expose()]),
                None => send(CONTENT, &[]),
            }
        }
        HEADER => {
            let [raw, reason] = frame::fields::<2>(body)?;
            tell(open::header_only(raw, std::str::from_utf8(reason).ok()?))
        }
        TRY => send(TRIED, &[&serde_json::to_vec(&sandbox::try_all()).ok()?]),
        _ => None,
    }
}

fn context(json: &[u8]) -> Option<Context> {
    serde_json::from_slice::<Task>(json).ok().map(Context::from)
}

fn tell(opened: Opened) -> Option<()> {
    let (json, text) = answer::write(opened)?;
    send(OPENED, &[&json, &text])
}

fn ask(question: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    send(ASK, &[question])?;
    let (SECRET, body) = receive()? else { return None };
    let [answer] = frame::fields::<1>(&body)?;
    Some(Zeroizing::new(answer.to_vec()))
}

fn send(kind: u8, fields: &[&[u8]]) -> Option<()> {
    let frame = frame::write(kind, fields);
    let mut rest = frame.as_slice();
    while !rest.is_empty() {
        match write(stdout(), rest) {
            Ok(count) => rest = rest.get(count..)?,
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(())
}

/// The next frame; `None` at the end of the input.
fn receive() -> Option<Frame> {
    let mut head = [0; frame::HEAD];
    fill(&mut head)?;
    let (kind, length) = frame::read_head(head, MAX_TASK)?;
    let mut body = Zeroizing::new(vec![0; length]);
    fill(&mut body)?;
    Some((kind, body))
}

fn fill(mut space: &mut [u8]) -> Option<()> {
    while !space.is_empty() {
        match read(stdin(), &mut *space) {
            Ok(0) => return None,
            Ok(count) => space = space.get_mut(count..)?,
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(())
}
