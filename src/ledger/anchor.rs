//! What is remembered outside the ledger, so that a ledger set back as a whole, or rebuilt by one who holds its key, is
//! found: which event was the last, and its hash. The chain makes that hash stand for everything before it.
//!
//! An anchor is a few lines of text, to be signed by the team key and kept where whoever can write the ledger cannot write.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use rusqlite::OptionalExtension;

use super::rows::{from_json, instant};
use super::{Ledger, Result};
use crate::case::What;

/// The first line.
const FORMAT: &str = "sealpost anchor 1";

/// The end of a ledger's history at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The ledger: the name of its own device.
    pub device: String,
    /// Events that the device had recorded.
    pub events: u64,
    /// Hash of the last of them, lower-case hexadecimal.
    pub head: String,
    /// When the anchor was made.
    pub at: Timestamp,
}

impl Anchor {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let Anchor { device, events, head, at } = self;
        format!("{FORMAT}\nledger: {device}\nevents: {events}\nhead: {head}\nat: {at}\n")
    }

    /// Reads what [`Anchor::text`] wrote, and nothing else.
    pub fn read(text: &str) -> Option<Anchor> {
        let mut lines = text.trim_end().lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name).map(str::to_owned);
        if field(FORMAT)? != "" {
            return None;
        }
        let anchor = Anchor {
            device: field("ledger: ")?,
            events: field("events: ")?.parse().ok()?,
            head: field("head: ")?,
            at: field("at: ")?.parse().ok()?,
        };
        (lines.next().is_none() && anchor.text().trim_end() == text.trim_end()).then_some(anchor)
    }
}

impl Ledger {
    /// The anchor of this moment.
    pub fn anchor(&self, at: Timestamp) -> Result<Anchor> {
        let events: i64 =
            self.conn.query_row("SELECT events FROM device WHERE id = ?1", [self.device.0], |row| row.get(0))?;
        let (device, head) = (self.device.1.clone(), HEXLOWER.encode(&self.head()?));
        Ok(Anchor { device, events: events.unsigned_abs(), head, at })
    }

    /// Holds the ledger against an anchor; gives what does not fit. That the history up to there is unbroken is `audit`'s
    /// affair, so both are needed.
    pub fn against(&self, anchor: &Anchor) -> Result<Option<String>> {
        let device: Option<(i64, i64)> = self
            .conn
            .query_row("SELECT id, events FROM device WHERE name = ?1", [&anchor.device], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some((device, events)) = device else {
            return Ok(Some(format!(
                "it is of ledger {}, and this one is {}: the ledger was replaced, or the anchor belongs to another",
                anchor.device, self.device.1
            )));
        };
        let number = i64::try_from(anchor.events).unwrap_or(i64::MAX);
        let hash: Option<Vec<u8>> = self
            .conn
            .query_row("SELECT hash FROM event WHERE device = ?1 AND number = ?2", [device, number], |row| row.get(0))
            .optional()?;
        let Some(hash) = hash else {
            return Ok(Some(format!(
                "event {} was there and is not any more: the ledger ends with event {events}, so it was set back{}",
                anchor.events,
                self.restored_after(anchor.at)?
            )));
        };
        if HEXLOWER.encode(&hash) == anchor.head {
            return Ok(None);
        }
        Ok(Some(format!(
            "event {} is another than it was: the history was rewritten{}",
            anchor.events,
            self.restored_after(anchor.at)?
        )))
    }

    /// A restore sets a ledger back, and says so. It is no proof: one who holds the key can write such an event.
    fn restored_after(&self, at: Timestamp) -> Result<String> {
        let found: Option<(i64, String)> = self
            .conn
            .query_row(
                r#"SELECT at, what FROM event WHERE what LIKE '{"what":"restored"%' ORDER BY id DESC LIMIT 1"#,
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let Some((recorded, what)) = found else { return Ok(String::new()) };
        let restored = instant(recorded)?;
        match from_json::<What>(&what, "an event")? {
            What::Restored { made_at, .. } if made_at <= at && at <= restored => {
                Ok(format!(" (its history says that it was restored at {restored} from a backup of {made_at})"))
            }
            _ => Ok(String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_read_back_and_nothing_like_it() {
        let at = "2026-03-02T10:00:00Z".parse().unwrap();
        let anchor = Anchor { device: "ab12".into(), events: 17, head: "0f".repeat(32), at };
        let text = anchor.text();
        assert_eq!(Anchor::read(&text), Some(anchor.clone()));
        assert_eq!(Anchor::read(text.trim_end()), Some(anchor));
        for bad in [
            String::new(),
            text.replace("anchor 1", "anchor 2"),
            text.replace("17", "+17"),
            text.replace("17", "017"),
            text.replace("ledger", "Ledger"),
            text.replace("events: 17\n", ""),
            format!("{text}events: 18\n"),
            format!("x\n{text}"),
            text.replace("10:00:00Z", "11:00:00+01:00"),
        ] {
            assert_eq!(Anchor::read(&bad), None, "{bad}");
        }
    }
}
