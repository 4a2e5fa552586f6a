//! Which messages a mailbox shows, and which of them are new to us.

use super::super::reply;
use super::Run;
use crate::wire::{Position, WireError};

/// UIDs a single SEARCH covers: a line of 6 MiB at most.
const SPAN: u32 = 500_000;

impl Run<'_> {
    pub(super) fn list_from(
        &mut self,
        first: u32,
        old: Option<Position>,
        now: &reply::Status,
    ) -> Result<Vec<u32>, WireError> {
        let uids = self.search(first, now.uidnext)?;
        let below_now = now.exists.saturating_sub(uids.len().try_into().unwrap_or(u32::MAX));
        let below = old.map_or(0, |p| p.below);
        if below_now != below {
            return self.list_all(true, now);
        }
        self.below = below_now;
        Ok(uids)
    }

    pub(super) fn list_all(&mut self, again: bool, now: &reply::Status) -> Result<Vec<u32>, WireError> {
        let uids = self.search(1, now.uidnext)?;
        let shown = u32::try_from(uids.len()).unwrap_or(u32::MAX);
        if shown < now.exists {
            self.summary.warnings.push(format!(
                "{} shows {shown} messages in {} and counts {}: it may be hiding some",
                self.imap.config.server.label(),
                crate::safe::short(self.mailbox, 80),
                now.exists
            ));
        }
        self.below = 0;
        // Unless the UIDs mean what they meant, old sightings speak of other messages and nothing is left out.
        self.ask = again;
        self.compare = again;
        Ok(uids)
    }

    /// Leaves out what the sink has, except where the UIDs may mean something else than they did.
    pub(super) fn leave_out_known(&mut self, uids: Vec<u32>, old: Option<Position>) -> Vec<u32> {
        if !self.ask {
            return uids;
        }
        let (known, mut unknown): (Vec<u32>, Vec<u32>) = uids.into_iter().partition(|uid| {
            let sighting = self.sighting(*uid);
            self.sink.has(&sighting)
        });
        let mut known_count = known.len();
        if self.compare {
            let before = old.map_or(0, |p| p.below);
            self.summary.gone = before.saturating_sub(known_count.try_into().unwrap_or(u32::MAX)).into();
            let changed = self.changed(&known);
            known_count -= changed.len();
            unknown.extend(changed);
            unknown.sort_unstable();
        }
        // Counted where the position passes them: at once, or at the end.
        let first = unknown.first().copied().unwrap_or(u32::MAX);
        let early = known.iter().filter(|uid| **uid < first).count();
        self.below = self.below.saturating_add(early.try_into().unwrap_or(u32::MAX));
        self.known_above = known_count.saturating_sub(early).try_into().unwrap_or(u32::MAX);
        unknown
    }

    /// A server that counts backwards has lost mail, was restored, or lies; all of it is read again.
    pub(super) fn tell_backwards(&mut self, old: Option<Position>, now: &reply::Status) {
        if let (Some(old), Some(next)) = (old, now.uidnext)
            && old.uidvalidity == now.uidvalidity
            && next < old.next_uid
        {
            self.summary.warnings.push(format!(
                "{} counts backwards in {} (the next UID was {} and is {next}): it was restored, or it hides mail; what is stored here stays",
                self.imap.config.server.label(),
                crate::safe::short(self.mailbox, 80),
                old.next_uid
            ));
        }
    }

    fn search(&mut self, first: u32, next: Option<u32>) -> Result<Vec<u32>, WireError> {
        let mut uids = Vec::new();
        let mut from = first.max(1);
        loop {
            let last_span = next.is_none_or(|n| n.saturating_sub(from) <= SPAN);
            let to = if last_span { u32::MAX } else { from + SPAN - 1 };
            let lines = self.insist("UID SEARCH", &format!("UID SEARCH UID {from}:{to}"), 8 << 20)?;
            // Servers answer `n:*` and the like with the last message even when it is below n.
            uids.extend(lines.into_iter().filter(|uid| (from..=to).contains(uid)));
            if last_span {
                break;
            }
            from = to + 1;
        }
        uids.sort_unstable();
        uids.dedup();
        Ok(uids)
    }
}
