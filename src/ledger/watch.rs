//! What the watchman asks: `sealpost check` looks at the ledger without reading all of it.

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use super::rows::instant;
use super::{Ledger, MessageId, Result, birth};

impl Ledger {
    /// A glance for the price of a few rows: is the end of the history there, and unchanged. The whole is the work of
    /// [`Ledger::audit`].
    pub fn glance(&self) -> Result<()> {
        birth::glance(&self.conn, &self.path)
    }

    /// Mails in the ledger.
    pub fn message_count(&self) -> Result<u64> {
        let count: i64 = self.conn.query_row("SELECT count(*) FROM message", [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// When the latest event was recorded; `None` in a ledger without events.
    pub fn last_event_at(&self) -> Result<Option<Timestamp>> {
        let at: Option<i64> = self.conn.query_row("SELECT max(at) FROM event", [], |row| row.get(0))?;
        at.map(instant).transpose()
    }

    /// Mails that are stored and that no key here opens, oldest first; quarantined ones are not among them.
    pub fn unopened(&self) -> Result<Vec<MessageId>> {
        // The first condition is that of the partial index.
        self.ids(
            "SELECT message FROM opened WHERE (encryption = 'unopened' OR quarantined <> '')
             AND encryption = 'unopened' AND quarantined = '' ORDER BY message",
            &[],
        )
    }

    /// When a reply was put into the outbox.
    pub fn queued_at(&self, number: i64) -> Result<Option<Timestamp>> {
        let at: Option<i64> = self
            .conn
            .prepare_cached("SELECT e.at FROM outbox o JOIN event e ON e.id = o.event WHERE o.id = ?1")?
            .query_row([number], |row| row.get(0))
            .optional()?;
        at.map(instant).transpose()
    }
}
