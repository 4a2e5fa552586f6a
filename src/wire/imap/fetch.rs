//! One pass over one mailbox: list, ask for sizes, fetch in batches, and divide whatever fails until the one message
//! that makes it fail is alone. What is listed, and what of it is known, is in `fetch/list.rs`.

mod list;

use std::collections::{HashMap, VecDeque};

use super::bodies::Meta;
use super::session::Fault;
use super::{Imap, Plan, name, pause, plan, reply};
use crate::wire::{AfterSkip, Direction, Fetched, Position, Progress, Sighting, Sink, Skipped, Summary, WireError};

/// UIDs asked about at once: a command line of at most 6 KiB, which every server takes.
pub(super) const WINDOW: usize = 500;
/// Faults in a row, each on a smaller batch or a new connection, before the run ends.
const FAULTS: u32 = 24;
/// Refusals to serve for now in a row.
const LATER: u32 = 4;
/// Messages skipped in a row before the server, and not the messages, is to blame.
const SKIPS: u32 = 10;

/// UIDs or messages still to be had, and how often they failed.
struct Work<T> {
    items: Vec<T>,
    tries: u32,
}

pub struct Run<'a> {
    pub(super) imap: &'a mut Imap,
    mailbox: &'a str,
    wire: String,
    label: String,
    epoch: u32,
    direction: Direction,
    sink: &'a mut dyn Sink,
    progress: &'a mut dyn FnMut(Progress),
    faults: u32,
    later: u32,
    skips: u32,
    total: u64,
    /// Whether stored sightings are left out.
    ask: bool,
    /// Whether all of the mailbox was listed and can be compared with what is stored.
    compare: bool,
    /// Stored messages above the first new one.
    known_above: u32,
    /// Messages below the position that are stored or settled.
    below: u32,
    /// The first UID that must be tried again, with what was below it.
    pinned: Option<(u32, u32)>,
    /// The position that the sink was given last.
    written: Option<Position>,
    summary: Summary,
}

impl<'a> Run<'a> {
    pub fn new(
        imap: &'a mut Imap,
        mailbox: &'a str,
        direction: Direction,
        sink: &'a mut dyn Sink,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Run<'a> {
        let label = imap.label(mailbox);
        Run {
            wire: name::encode(mailbox),
            summary: Summary { mailbox: label.clone(), ..Summary::default() },
            label,
            imap,
            mailbox,
            direction,
            sink,
            progress,
            epoch: 0,
            faults: 0,
            later: 0,
            skips: 0,
            total: 0,
            ask: true,
            compare: false,
            known_above: 0,
            below: 0,
            pinned: None,
            written: None,
        }
    }

    pub fn go(mut self) -> Result<Summary, WireError> {
        let now = self.imap.examine(self.mailbox)?;
        self.epoch = now.uidvalidity;
        let old = self.sink.position(&self.label);
        self.tell_backwards(old, &now);
        let compare = self.sink.wants_all();
        let uids = match plan(old, &now) {
            Plan::Nothing if !compare => return Ok(self.summary),
            Plan::From(first) if !compare => self.list_from(first, old, &now)?,
            Plan::Nothing | Plan::From(_) => self.list_all(true, &now)?,
            Plan::Everything { again } => self.list_all(again, &now)?,
        };
        let listed_next = uids.last().map_or(0, |uid| uid.saturating_add(1));
        let unknown = self.leave_out_known(uids, old);
        self.total = unknown.len() as u64;
        for window in unknown.chunks(WINDOW) {
            self.window(window)?;
        }
        // At the end the position may pass UIDs that were given out and are gone.
        let end = now.uidnext.unwrap_or(0).max(listed_next).max(1);
        self.below = self.below.saturating_add(self.known_above);
        let last = self.position(end);
        if self.written.or(old) != Some(last) {
            self.hand_over(Vec::new(), last)?;
        }
        Ok(self.summary)
    }

    fn insist(&mut self, command: &'static str, line: &str, budget: u64) -> Result<Vec<u32>, WireError> {
        let mut failures = 0;
        loop {
            let found = self.run(line, budget).and_then(|lines| self.in_step(reply::search(&lines)));
            match found {
                Ok(found) => return Ok(found),
                Err(fault) => self.imap.recover(command, fault, &mut failures)?,
            }
        }
    }

    /// One command in this mailbox. After a reconnect the mailbox must still be the same one.
    pub(super) fn run(&mut self, line: &str, budget: u64) -> Result<Vec<u8>, Fault> {
        let here = |s: &super::Session| s.selected.as_ref().is_some_and(|(n, v)| *n == self.wire && *v == self.epoch);
        if !self.imap.session.as_ref().is_some_and(here) {
            let status = self.imap.select(&self.wire)?;
            if status.uidvalidity != self.epoch {
                let (host, command) = (self.imap.config.server.label(), "EXAMINE");
                let reason = "the mailbox was replaced meanwhile: poll again".to_owned();
                return Err(Fault::Fatal(WireError::Broken { host, command, reason }));
            }
        }
        self.imap.run(line, budget)
    }

    /// An answer that makes no sense costs the connection.
    pub(super) fn in_step<T>(&mut self, read: Result<T, reply::OutOfStep>) -> Result<T, Fault> {
        read.map_err(|e| {
            self.imap.session = None;
            e.into()
        })
    }

    fn window(&mut self, uids: &[u32]) -> Result<(), WireError> {
        let mut queue = VecDeque::from([Work { items: uids.to_vec(), tries: 0 }]);
        while let Some(work) = queue.pop_front() {
            match self.metas(&work.items) {
                Ok(metas) => {
                    self.succeeded();
                    self.batches(&work.items, metas)?;
                }
                Err(fault) => self.divide(&mut queue, work, fault, |uid| *uid)?,
            }
        }
        Ok(())
    }

    /// Groups messages into batches, in the order of their UIDs, and delivers them.
    fn batches(&mut self, uids: &[u32], metas: HashMap<u32, Meta>) -> Result<(), WireError> {
        let limits = self.imap.config.limits;
        let mut queue: VecDeque<Work<Meta>> = VecDeque::new();
        let mut bytes = 0u64;
        for uid in uids {
            // A message that was listed and has no size is asked for alone: gone, or withheld.
            let meta = metas.get(uid).copied().unwrap_or(Meta { uid: *uid, size: None, date: None });
            let fits = meta.small().is_some_and(|size| bytes.saturating_add(size) <= limits.batch_bytes);
            match queue.back_mut() {
                Some(work) if fits && work.items.len() < limits.batch_count => work.items.push(meta),
                _ => {
                    queue.push_back(Work { items: vec![meta], tries: 0 });
                    bytes = 0;
                }
            }
            // Nothing joins a large one.
            bytes = meta.small().map_or(limits.batch_bytes.saturating_add(1), |size| bytes + size);
        }
        while let Some(work) = queue.pop_front() {
            match self.deliver(&work) {
                Ok(None) => self.succeeded(),
                // One by one, so that a batch full of oddities costs twice its bytes and not their square.
                Ok(Some(rest)) => {
                    rest.into_iter().rev().for_each(|m| queue.push_front(Work { items: vec![m], tries: 1 }));
                }
                Err(Outcome::Fault(fault)) => self.divide(&mut queue, work, fault, |meta| meta.uid)?,
                Err(Outcome::Error(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fetches a batch and hands it over. Returns what comes after the part that arrived, beginning with the message that
    /// did not.
    fn deliver(&mut self, work: &Work<Meta>) -> Result<Option<Vec<Meta>>, Outcome> {
        let alone = match work.items.as_slice() {
            [one] if one.small().is_none() || work.tries > 0 => Some(*one),
            _ => None,
        };
        let mut mail = Vec::new();
        let mut rest = None;
        if let Some(meta) = alone {
            match self.in_pieces(&meta)? {
                Some((raw, truncated)) => mail.push(self.fetched(&meta, raw, truncated)),
                None if self.is_gone(meta.uid)? => self.summary.vanished += 1,
                None => return Err(Fault::Broken("the server lists it and does not hand it over".to_owned()).into()),
            }
        } else {
            let mut bodies = self.whole(&work.items)?;
            for (i, meta) in work.items.iter().enumerate() {
                // A body shorter than announced may have been cut: it is asked for again, alone.
                let is_whole = |raw: &Vec<u8>| meta.size.is_none_or(|size| raw.len() as u64 >= size);
                let Some(raw) = bodies.remove(&meta.uid).filter(is_whole) else {
                    rest = work.items.get(i..).map(<[Meta]>::to_vec);
                    break;
                };
                mail.push(self.fetched(meta, raw, None));
            }
        }
        let done = work.items.len() - rest.as_ref().map_or(0, Vec::len);
        if let Some(last) = done.checked_sub(1).and_then(|i| work.items.get(i)) {
            self.below = self.below.saturating_add(mail.len().try_into().unwrap_or(u32::MAX));
            let next = self.position(last.uid.saturating_add(1));
            self.hand_over(mail, next).map_err(Outcome::Error)?;
        }
        Ok(rest)
    }

    /// After a fault: halves what is left to try, or gives a single message up for now.
    fn divide<T: Clone>(
        &mut self,
        queue: &mut VecDeque<Work<T>>,
        work: Work<T>,
        fault: Fault,
        uid: impl Fn(&T) -> u32,
    ) -> Result<(), WireError> {
        self.faults += 1;
        let later = matches!(fault, Fault::Refused { later: true, .. });
        self.later = if later { self.later + 1 } else { self.later };
        let hopeless = self.faults >= FAULTS || self.later >= LATER || self.imap.meter.is_over();
        if hopeless || matches!(fault, Fault::Fatal(_)) {
            return Err(self.imap.error("UID FETCH", fault));
        }
        if later {
            pause(self.later);
            queue.push_front(work);
        } else if let [_, _, ..] = work.items.as_slice() {
            let (left, right) = work.items.split_at(work.items.len() / 2);
            queue.push_front(Work { items: right.to_vec(), tries: 0 });
            queue.push_front(Work { items: left.to_vec(), tries: 0 });
        } else if work.tries < 2 {
            queue.push_front(Work { tries: work.tries + 1, ..work });
        } else if let Some(one) = work.items.first() {
            self.skip(uid(one), fault)?;
        }
        Ok(())
    }

    fn skip(&mut self, uid: u32, fault: Fault) -> Result<(), WireError> {
        self.skips += 1;
        if self.skips >= SKIPS {
            return Err(self.imap.error("UID FETCH", fault));
        }
        let reason = match fault {
            Fault::Refused { text, .. } | Fault::Broken(text) => text,
            Fault::Fatal(error) => error.to_string(),
        };
        let skipped = Skipped { sighting: self.sighting(uid), direction: self.direction, reason };
        match self.sink.skipped(&skipped).map_err(WireError::Sink)? {
            AfterSkip::TryAgain if self.pinned.is_none() => self.pinned = Some((uid, self.below)),
            AfterSkip::TryAgain => {}
            AfterSkip::Pass => self.below = self.below.saturating_add(1),
        }
        self.summary.skipped.push(skipped);
        Ok(())
    }

    fn succeeded(&mut self) {
        (self.faults, self.later, self.skips) = (0, 0, 0);
    }

    fn position(&self, next_uid: u32) -> Position {
        let (next_uid, below) = self.pinned.unwrap_or((next_uid, self.below));
        Position { uidvalidity: self.epoch, next_uid, below }
    }

    fn hand_over(&mut self, mail: Vec<Fetched>, next: Position) -> Result<(), WireError> {
        let count = mail.len() as u64;
        let bytes: u64 = mail.iter().map(|m| m.raw.len() as u64).sum();
        self.sink.batch(&self.label, mail, Some(next)).map_err(WireError::Sink)?;
        self.written = Some(next);
        self.summary.seen += count;
        self.summary.bytes += bytes;
        if count > 0 {
            let (done, bytes) = (self.summary.seen, self.summary.bytes);
            (self.progress)(Progress { done, total: self.total, bytes });
        }
        Ok(())
    }

    pub(super) fn sink_sizes(&mut self, uid: u32) -> Vec<u64> {
        let sighting = self.sighting(uid);
        self.sink.sizes(&sighting)
    }

    fn sighting(&self, uid: u32) -> Sighting {
        Sighting { mailbox: self.label.clone(), epoch: self.epoch, key: uid.to_string() }
    }

    fn fetched(&self, meta: &Meta, raw: Vec<u8>, truncated: Option<u64>) -> Fetched {
        let sighting = self.sighting(meta.uid);
        Fetched { raw, received_at: meta.date, sighting, direction: self.direction, truncated }
    }
}

/// A fault may be tried again; an error of the sink may not.
enum Outcome {
    Fault(Fault),
    Error(WireError),
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Outcome {
        Outcome::Fault(fault)
    }
}
