//! Rows that only grow: each must be what the event that vouches for it recorded.

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::{Walk, outbox_states};
use crate::case::What;
use crate::ledger::Result;
use crate::ledger::certs::{cert_digest, source_name};
use crate::ledger::content::ContentHash;
use crate::ledger::outbox::{OutboxState, RESTORED, letter_digest};
use crate::ledger::policies::policy_digest;
use crate::ledger::record::opening_digest;
use crate::ledger::rows::from_json;
use crate::ledger::store::{cursor_digest, message_digest, sighting_digest};
use crate::report::Opened;

/// Every mail: its bytes, its row and its first sighting.
pub(super) fn messages(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT m.uid, m.sha256, m.size, m.direction, m.received_at, m.first_seen, m.event, r.bytes,
                coalesce(s.mailbox, ''), coalesce(s.epoch, 0), coalesce(s.key, ''), coalesce(s.direction, ''),
                coalesce(s.received_at, 0), coalesce(s.first_seen, 0)
         FROM message m LEFT JOIN raw r ON r.message = m.id LEFT JOIN sighting s ON s.event = m.event ORDER BY m.id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        walk.messages += 1;
        let (uid, sha256, size): (String, Vec<u8>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let Some(raw) = row.get_ref(7)?.as_blob_or_null().map_err(rusqlite::Error::from)? else {
            walk.problem(format!("message {uid}: its bytes are missing"));
            continue;
        };
        let hash = ContentHash::of(raw);
        if hash.0.as_slice() != sha256 || raw.len() as i64 != size || !hash.to_string().starts_with(&uid) {
            walk.problem(format!("message {uid}: its bytes are not those that came"));
        }
        let (mailbox, key, place): (String, String, String) = (row.get(8)?, row.get(10)?, row.get(11)?);
        let sighting = sighting_digest(&uid, &mailbox, row.get(9)?, &key, &place, row.get(12)?, row.get(13)?);
        let direction: String = row.get(3)?;
        let digest = message_digest(&uid, &sha256, raw, &direction, row.get(4)?, row.get(5)?, &sighting);
        let event = row.get(6)?;
        let recorded = walk.events.get(&event).map(|seen| (seen.message.clone(), &seen.what));
        let fits = matches!(recorded, Some((of, What::Received { sha256, size: bytes, .. }))
            if of == uid && *sha256 == hash.to_string() && *bytes == raw.len() as u64);
        if !fits {
            walk.problem(format!("message {uid}: no event recorded that it came with these bytes"));
        }
        walk.vouch(event, &digest, |what| matches!(what, What::Received { .. }), &format!("message {uid}"));
    }
    Ok(())
}

/// Every later sighting of a mail; the first was looked at with the mail.
pub(super) fn sightings(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT m.uid, s.mailbox, s.epoch, s.key, s.direction, s.received_at, s.first_seen, s.event, s.id
         FROM sighting s JOIN message m ON m.id = s.message WHERE s.event <> m.event ORDER BY s.id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (uid, mailbox, key): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let direction: String = row.get(4)?;
        let digest = sighting_digest(&uid, &mailbox, row.get(2)?, &key, &direction, row.get(5)?, row.get(6)?);
        let name = format!("sighting {} of message {uid}", row.get::<_, i64>(8)?);
        walk.vouch(row.get(7)?, &digest, |what| matches!(what, What::Sighted { .. }), &name);
    }
    Ok(())
}

/// Every opening of a mail.
pub(super) fn openings(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT m.uid, o.tried_with, o.value, o.event, o.id FROM opening o JOIN message m ON m.id = o.message ORDER BY o.id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let uid: String = row.get(0)?;
        let text = |column| row.get_ref(column).and_then(|value| Ok(value.as_str()?));
        let digest = opening_digest(&uid, text(1)?, text(2)?);
        let name = format!("opening {} of message {uid}", row.get::<_, i64>(4)?);
        walk.vouch(row.get(3)?, &digest, |what| matches!(what, What::Judged { .. }), &name);
    }
    Ok(())
}

/// Every certificate: an imported one by its own event, one that came with a mail by that mail's opening.
pub(super) fn certs(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT c.fingerprint, c.address, c.source, c.bytes, c.sha256, c.event, o.value
         FROM cert c LEFT JOIN opening o ON o.event = c.event ORDER BY c.id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (fingerprint, address, source): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (bytes, sha256): (Vec<u8>, Vec<u8>) = (row.get(3)?, row.get(4)?);
        let name = format!("certificate {fingerprint:?} ({source:?})");
        if Sha256::digest(&bytes).as_slice() != sha256 {
            walk.problem(format!("{name} is not to the byte what was stored"));
        }
        match row.get::<_, Option<String>>(6)? {
            Some(value) => {
                let opened: Opened = from_json(&value, "an opened mail")?;
                let came = opened.candidates.iter().any(|candidate| {
                    let named = candidate.address.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
                    candidate.fingerprint == fingerprint
                        && named == address
                        && source_name(candidate.source) == source
                        && candidate.cert == bytes
                });
                if !came {
                    walk.problem(format!("{name} did not come with the mail it is said to have come with"));
                }
            }
            None => {
                let digest = cert_digest(&fingerprint, &address, &source, &sha256);
                walk.vouch(row.get(5)?, &digest, |what| matches!(what, What::Noticed { .. }), &name);
            }
        }
    }
    Ok(())
}

/// Every version of the policy.
pub(super) fn policies(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let mut statement = conn.prepare("SELECT sha256, file, text, parsed, event, id FROM policy ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (sha256, file, text, parsed): (String, String, Vec<u8>, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let name = format!("policy version {}", row.get::<_, i64>(5)?);
        if data_encoding::HEXLOWER.encode(&Sha256::digest(&text)) != sha256 {
            walk.problem(format!("{name}: its text is not what was adopted"));
        }
        let digest = policy_digest(&sha256, &file, &parsed);
        walk.vouch(row.get(4)?, &digest, |what| matches!(what, What::PolicyAdopted { .. }), &name);
    }
    Ok(())
}

/// Every reply: its bytes and envelope, and the state that its events left it in.
pub(super) fn outbox(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let states = outbox_states(walk);
    let mut statement = conn.prepare(
        "SELECT id, report, message_id, sender, recipients, sealed, sha256, event, state, reason FROM outbox ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (number, report, message_id): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (sender, recipients, sealed): (String, String, Vec<u8>) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let (sha256, state, reason): (String, String, String) = (row.get(6)?, row.get(8)?, row.get(9)?);
        let name = format!("reply {number} in the outbox");
        if data_encoding::HEXLOWER.encode(&Sha256::digest(&sealed)) != sha256 {
            walk.problem(format!("{name}: its bytes are not those that were queued"));
        }
        let fits = states.get(&number).is_some_and(|(expected, why)| {
            let held = *expected == OutboxState::Unknown && reason == RESTORED;
            expected.name() == state && (*why == reason || held)
        });
        if !fits {
            walk.problem(format!("{name}: it says {state:?}, its events say otherwise"));
        }
        let digest = letter_digest(&report, &message_id, &sender, &recipients, &sha256);
        walk.vouch(row.get(7)?, &digest, |what| matches!(what, What::Queued { .. }), &name);
    }
    Ok(())
}

/// Every cursor, by the digest in its own row.
pub(super) fn cursors(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let mut statement =
        conn.prepare("SELECT mailbox, epoch, next_uid, below, polled_at, digest FROM cursor ORDER BY mailbox")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mailbox: String = row.get(0)?;
        let digest = cursor_digest(&mailbox, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        if row.get::<_, Vec<u8>>(5)? != digest {
            walk.problem(format!("the cursor of {mailbox:?} is not what was written"));
        }
    }
    Ok(())
}
