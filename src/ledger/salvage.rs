//! Reading what can still be read of a damaged ledger, without changing it.
//!
//! The file is copied (sealed as it is) into a folder of its own and the copy is asked row by row, so that a broken page
//! costs what lies on it and no more: SQLCipher authenticates each page, and mails are held against their digests, so what is
//! read is what was written.
//!
//! - `mend.rs` — where the first page or another that holds the schema is broken, the copy gets those pages from an empty
//!   ledger made for the same key and salt; they are the same in every ledger of one version.
//! - `damaged.rs` — asks for one row, by SQL, and by the pages where a page is broken from which others are found.
//! - `strays.rs` — rows by what they look like, wherever they lie; `leaf.rs` reads them, `pages.rs` opens their pages.

mod damaged;
mod leaf;
mod mend;
mod pages;
mod strays;

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::{ContentHash, LedgerError, LedgerKey, Result, private};
use crate::case::What;
use damaged::{Damaged, MailRow};
use mend::{Copy, mend};
use strays::Table;

/// Takes what was found, as it is found.
pub trait Salvage {
    /// A mail, to the byte as it came.
    fn mail(&mut self, found: &Saved, raw: &[u8]) -> std::io::Result<()>;
    /// A reply of the outbox, as it was sealed.
    fn reply(&mut self, number: i64, sealed: &[u8]) -> std::io::Result<()>;
    /// An event of the history, as one line of JSON.
    fn event(&mut self, line: &str) -> std::io::Result<()>;
}

/// What is known of a mail that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// Its number in the ledger.
    pub number: i64,
    /// Its name on every workstation.
    pub uid: String,
    /// SHA-256 of its bytes with line ends normalised.
    pub sha256: String,
    /// Bytes.
    pub size: usize,
    /// It was seen in the Sent mailbox.
    pub sent: bool,
    /// When the server received it; `None` where that is lost.
    pub received_at: Option<Timestamp>,
    /// Where it was seen first; `None` where that is lost.
    pub mailbox: Option<String>,
}

/// A mail that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Its number in the ledger.
    pub number: i64,
    /// Its name, where that can still be read.
    pub uid: Option<String>,
    /// When the server received it, where that can still be read.
    pub received_at: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// What was found in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Mails that were read.
    pub saved: Vec<Saved>,
    /// Mails that were not.
    pub lost: Vec<Lost>,
    /// Replies of the outbox that were read.
    pub replies: u64,
    /// Those that were not.
    pub replies_lost: u64,
    /// Events that were read.
    pub events: u64,
    /// Those that were not.
    pub events_lost: u64,
    /// The pages of the schema were broken and were taken from an empty ledger.
    pub mended: bool,
}

impl Salvaged {
    /// Reads everything that can be read of the ledger at `path` and hands it to `sink`. Works on a copy in `folder`,
    /// which must be private; the copy goes at the end.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unreadable`] where nothing can be read: a wrong key looks like a file that is damaged everywhere.
    pub fn read(path: &Path, key: &LedgerKey, folder: &Path, sink: &mut dyn Salvage) -> Result<Salvaged> {
        private::check_folder(folder)?;
        let copy = Copy::of(path, folder)?;
        let mut damaged = Damaged::new(&copy.path, key);
        let mended = !damaged.opens();
        if mended {
            mend(&copy.path, key)?;
        }
        let mut found = Salvaged { mended, ..Salvaged::default() };
        if mended && !damaged.opens() {
            return Err(LedgerError::Unreadable { path: path.into() });
        }
        let received = found.history(&mut damaged, sink)?;
        found.mails(&mut damaged, &received, sink)?;
        found.outbox(&mut damaged, sink)?;
        let named = found.lost.iter().any(|lost| lost.uid.is_some());
        if found.saved.is_empty() && found.events == 0 && found.replies == 0 && !named {
            return Err(LedgerError::Unreadable { path: path.into() });
        }
        Ok(found)
    }

    /// The events; gives when each mail was received, by the digest of its bytes.
    fn history(&mut self, damaged: &mut Damaged<'_>, sink: &mut dyn Salvage) -> Result<HashMap<String, Timestamp>> {
        let mut received = HashMap::new();
        let (last, known) = damaged.last(Table::Event);
        for id in 1..=last {
            match damaged.event(id) {
                Ok(Some(event)) => {
                    self.events += 1;
                    if let Some(What::Received { sha256, received_at, .. }) = event.what() {
                        received.insert(sha256, received_at);
                    }
                    sink.event(&event.line()).map_err(cannot_write)?;
                }
                Ok(None) => self.events_lost += u64::from(known),
                Err(_) => self.events_lost += 1,
            }
        }
        if self.events == 0 {
            self.events_lost = self.events_lost.max(1); // Every ledger has one.
        }
        Ok(received)
    }

    fn mails(
        &mut self,
        damaged: &mut Damaged<'_>,
        received: &HashMap<String, Timestamp>,
        sink: &mut dyn Salvage,
    ) -> Result<()> {
        let (last, known) = damaged.last(Table::Raw);
        for id in 1..=last {
            let row = damaged.mail_row(id);
            let whole = |raw: &[u8]| {
                let sha256 = ContentHash::of(raw).to_string();
                row.as_ref().is_some_and(|row| row.sha256 == sha256) || received.contains_key(&sha256)
            };
            // SQLCipher takes a page of zeros for one that was never written, and lets it pass. So bytes need a proof, but where
            // all that could prove them may be gone.
            let unprovable = row.is_none() && self.events_lost > 0;
            let reason = match damaged.raw(id) {
                Ok(Some(raw)) if unprovable || whole(&raw) => {
                    self.save(id, row, &raw, received, damaged, sink)?;
                    continue;
                }
                Ok(Some(_)) => Some("some of its bytes are gone".to_owned()),
                Ok(None) => (known || row.is_some()).then(|| "its bytes are gone".to_owned()),
                // Where not even the number of mails is known, what cannot be read may never have been.
                Err(reason) => (known || row.is_some()).then_some(reason),
            };
            if let Some(raw) = damaged.stray_raw(id, whole) {
                self.save(id, row, &raw, received, damaged, sink)?;
            } else if let Some(reason) = reason {
                let (uid, received_at) = (row.as_ref().map(|row| row.uid.clone()), row.and_then(|row| row.received_at));
                self.lost.push(Lost { number: id, uid, received_at, reason });
            }
        }
        Ok(())
    }

    fn save(
        &mut self,
        id: i64,
        row: Option<MailRow>,
        raw: &[u8],
        received: &HashMap<String, Timestamp>,
        damaged: &mut Damaged<'_>,
        sink: &mut dyn Salvage,
    ) -> Result<()> {
        let sha256 = ContentHash::of(raw).to_string();
        let sighted = damaged.sighted(id);
        let received_at = row.as_ref().and_then(|row| row.received_at).or_else(|| received.get(&sha256).copied());
        let saved = Saved {
            number: id,
            uid: row.as_ref().map_or_else(|| sha256.chars().take(10).collect(), |row| row.uid.clone()),
            size: raw.len(),
            sent: row.is_some_and(|row| row.sent),
            received_at: received_at.or_else(|| sighted.as_ref().map(|(at, _)| *at)),
            mailbox: sighted.map(|(_, mailbox)| mailbox),
            sha256,
        };
        sink.mail(&saved, raw).map_err(cannot_write)?;
        self.saved.push(saved);
        Ok(())
    }

    fn outbox(&mut self, damaged: &mut Damaged<'_>, sink: &mut dyn Salvage) -> Result<()> {
        let (last, known) = damaged.last(Table::Outbox);
        for id in 1..=last {
            match damaged.sealed(id) {
                Ok(Some(sealed)) => {
                    self.replies += 1;
                    sink.reply(id, &sealed).map_err(cannot_write)?;
                }
                Ok(None) | Err(_) => self.replies_lost += u64::from(known),
            }
        }
        Ok(())
    }
}

fn cannot_write(source: std::io::Error) -> LedgerError {
    LedgerError::Io { path: "the rescue folder".into(), source }
}
