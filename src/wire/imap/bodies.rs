//! The two questions about messages: how large, and what is in them.

use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::fetch::{Run, WINDOW};
use super::session::Fault;
use super::{SMALL, reply};
use crate::wire::files::header;

/// Larger mail is fetched in pieces of this size.
const PIECE: u64 = 1 << 20;
/// So many messages may have changed without the server's sizes being in doubt.
const FEW: usize = 10;
/// Where the header of a mail over the limit ends at the latest.
const LONGEST_HEADER: usize = 1 << 20;

/// What is known of a message before its bytes come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meta {
    pub uid: u32,
    /// RFC822.SIZE; without it the message is fetched in pieces, which needs none.
    pub size: Option<u64>,
    pub date: Option<Timestamp>,
}

impl Meta {
    /// Its size where it may share a batch.
    pub fn small(&self) -> Option<u64> {
        self.size.filter(|size| *size <= PIECE)
    }
}

impl Run<'_> {
    /// Size and date of each; those the server says nothing of are missing.
    pub(super) fn metas(&mut self, uids: &[u32]) -> Result<HashMap<u32, Meta>, Fault> {
        let line = format!("UID FETCH {} (UID RFC822.SIZE INTERNALDATE)", set(uids));
        let lines = self.run(&line, SMALL + 256 * uids.len() as u64)?;
        let items = reply::items(&lines);
        let mut metas = HashMap::new();
        for item in self.in_step(items)? {
            if let Some(uid) = item.uid.filter(|uid| uids.binary_search(uid).is_ok()) {
                metas.insert(uid, Meta { uid, size: item.size, date: item.date });
            }
        }
        Ok(metas)
    }

    /// Which of the messages that are stored are of another size now: a number that was given to another message, which no
    /// server may do (RFC 9051 section 2.3.1.1) and broken ones do. Whatever goes wrong here is no reason to fetch nothing
    /// else. Where many differ, the server estimates sizes, and they prove nothing.
    pub(super) fn changed(&mut self, known: &[u32]) -> Vec<u32> {
        let mut changed = Vec::new();
        for window in known.chunks(WINDOW) {
            let Some(metas) = self.insist_on_sizes(window) else { break };
            for uid in window {
                let announced = metas.get(uid).and_then(|meta| meta.size);
                // Of a mail over the limit only the beginning is stored.
                let Some(size) = announced.filter(|size| *size <= self.imap.config.limits.message) else { continue };
                let sizes = self.sink_sizes(*uid);
                if !sizes.is_empty() && !sizes.contains(&size) {
                    changed.push(*uid);
                }
            }
        }
        if changed.len() > FEW && changed.len() > known.len() / 10 { Vec::new() } else { changed }
    }

    fn insist_on_sizes(&mut self, uids: &[u32]) -> Option<HashMap<u32, Meta>> {
        let mut failures = 0;
        loop {
            match self.metas(uids) {
                Ok(metas) => return Some(metas),
                Err(fault) => self.imap.recover("UID FETCH", fault, &mut failures).ok()?,
            }
        }
    }

    /// Whole small messages in one command.
    pub(super) fn whole(&mut self, metas: &[Meta]) -> Result<HashMap<u32, Vec<u8>>, Fault> {
        let uids: Vec<u32> = metas.iter().map(|m| m.uid).collect();
        let announced: u64 = metas.iter().filter_map(|m| m.size).sum();
        // Some servers estimate sizes; twice as much and a little is believed, no more.
        let budget = announced.saturating_mul(2) + SMALL + 1024 * metas.len() as u64;
        let lines = self.run(&format!("UID FETCH {} (UID BODY.PEEK[])", set(&uids)), budget)?;
        let items = reply::items(&lines);
        let mut bodies = HashMap::new();
        for item in self.in_step(items)? {
            let Some(body) = item.body else { continue };
            let wanted = item.uid.filter(|uid| uids.binary_search(uid).is_ok() && item.origin.is_none());
            if wanted.is_none_or(|uid| bodies.insert(uid, body.into_owned()).is_some()) {
                return self.unasked();
            }
        }
        Ok(bodies)
    }

    /// One message piece by piece; `None` where the server gives nothing for it. A short piece ends it only when all that
    /// was announced is there: else one more is asked for, so that nothing is cut off unnoticed, and an empty one ends it.
    pub(super) fn in_pieces(&mut self, meta: &Meta) -> Result<Option<(Vec<u8>, Option<u64>)>, Fault> {
        let limits = self.imap.config.limits;
        let announced = meta.size.unwrap_or(0);
        let is_large = announced > limits.message;
        let piece = if is_large { limits.beginning.clamp(1, PIECE) } else { PIECE };
        let mut raw: Vec<u8> = Vec::new();
        loop {
            let Some(bytes) = self.piece(meta.uid, raw.len() as u64, piece)? else {
                return Ok(if raw.is_empty() { None } else { Some((raw, None)) });
            };
            if bytes.is_empty() && raw.is_empty() && announced > 0 {
                return Ok(None);
            }
            let is_short = (bytes.len() as u64) < piece;
            let is_last = bytes.is_empty() || is_short && (raw.len() + bytes.len()) as u64 >= announced;
            if raw.is_empty() && !is_short {
                raw.reserve_exact(usize::try_from(announced.min(limits.message)).unwrap_or(0));
            }
            raw.extend_from_slice(&bytes);
            if is_last && raw.len() as u64 <= limits.message {
                return Ok(Some((raw, None)));
            }
            if is_large && (header::end(&raw).is_some() || raw.len() >= LONGEST_HEADER) {
                return Ok(Some((raw, Some(announced))));
            }
            if raw.len() as u64 > limits.message {
                let seen = raw.len() as u64;
                header::keep_beginning(&mut raw, &limits);
                return Ok(Some((raw, Some(announced.max(seen)))));
            }
        }
    }

    fn piece(&mut self, uid: u32, offset: u64, length: u64) -> Result<Option<Vec<u8>>, Fault> {
        let line = format!("UID FETCH {uid} (UID BODY.PEEK[]<{offset}.{length}>)");
        let lines = self.run(&line, length + SMALL)?;
        let items = reply::items(&lines);
        let mut piece = None;
        for item in self.in_step(items)? {
            let Some(body) = item.body else { continue };
            let fits = item.uid == Some(uid) && item.origin.unwrap_or(0) == offset && body.len() as u64 <= length;
            if !fits || piece.replace(body.into_owned()).is_some() {
                return self.unasked();
            }
        }
        Ok(piece)
    }

    /// A message that nobody asked for, or a second answer for one, means that mail text is being read as protocol, or a
    /// lie: nothing of the answer is kept.
    fn unasked<T>(&mut self) -> Result<T, Fault> {
        self.imap.session = None;
        Err(Fault::Broken("the server answered for a message that was not asked for".to_owned()))
    }

    /// Whether someone deleted or moved the message meanwhile. NOOP lets the server notice.
    pub(super) fn is_gone(&mut self, uid: u32) -> Result<bool, Fault> {
        self.run("NOOP", SMALL)?;
        let lines = self.run(&format!("UID SEARCH UID {uid}"), SMALL)?;
        let found = reply::search(&lines);
        Ok(!self.in_step(found)?.contains(&uid))
    }
}

/// `1:3,7`. The UIDs are sorted.
fn set(uids: &[u32]) -> String {
    let mut out = String::new();
    let mut rest = uids;
    while let Some((first, mut tail)) = rest.split_first() {
        let mut last = *first;
        while let Some((next, more)) = tail.split_first()
            && last.checked_add(1) == Some(*next)
        {
            (last, tail) = (*next, more);
        }
        let comma = if out.is_empty() { "" } else { "," };
        let _ = if last == *first { write!(out, "{comma}{first}") } else { write!(out, "{comma}{first}:{last}") };
        rest = tail;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_short() {
        assert_eq!(set(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(set(&[4294967294, 4294967295]), "4294967294:4294967295");
        assert_eq!(set(&[]), "");
    }
}
