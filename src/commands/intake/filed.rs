//! One stored mail: opened, given its place, recorded.

use super::Opener;
use crate::case::filing::{self, Answer, Connection, Placement, Related, Way};
use crate::case::{Role, What};
use crate::error::Error;
use crate::ledger::{Direction, Ledger, MessageId, MessageRow, NewEvent, OutboxItem, OutboxState, Record, Stamp, Step};
use crate::output::intake::Intake;
use crate::point;
use crate::report::Opened;
use crate::verdict::EncryptionStatus;

/// Message-IDs of one mail that are looked up: the first and the last name the thread.
const THREAD_IDS: usize = 64;

/// Opens one stored mail and files it.
pub(super) fn file_one(
    ledger: &mut Ledger,
    opener: &mut Opener,
    id: MessageId,
    stamp: &Stamp<'_>,
    tally: &mut Intake,
) -> Result<(), Error> {
    let row = ledger.message(id)?;
    let opened = opener.open(ledger, &row)?;
    let copy_of_ours = own_copy(ledger, &row, &opened)?;
    let related = related(ledger, &row, &opened)?;
    let way = if row.direction == Direction::Out { Way::Out } else { Way::In };
    let mut placement = filing::place(&opened, way, &opener.ours, &related);
    if let Some(item) = copy_of_ours {
        // It went out from here and was counted then; or nobody knew whether it had (the connection broke, or the ledger
        // came out of a backup), and here is the proof.
        let found_out = item.state == OutboxState::Unknown;
        let answer = if found_out { Answer::Person } else { Answer::No };
        if found_out {
            ledger.outbox_step(item.number, &Step::Sent, stamp)?;
            ledger.outbox_copied(item.number)?;
        }
        placement = Placement { role: Role::Outgoing, report: Some(item.report), answer, suggested: Vec::new() };
    }
    count(tally, &placement, &opened);
    let events = events(&row, &opened, &placement, way);
    let record = Record { message: id, opened: &opened, tried_with: &opener.digest, events: &events };
    ledger.record(&record, stamp)?;
    point::reach("intake.filed");
    Ok(())
}

/// A reply of ours that comes back from the Sent mailbox.
fn own_copy(ledger: &Ledger, row: &MessageRow, opened: &Opened) -> Result<Option<OutboxItem>, Error> {
    let (Direction::Out, Some(id)) = (row.direction, &opened.header.message_id) else { return Ok(None) };
    let item = ledger.outbox_by_message_id(id)?;
    Ok(item.filter(|item| item.was_handed_over()))
}

/// Every report that this mail may have to do with.
fn related(ledger: &Ledger, row: &MessageRow, opened: &Opened) -> Result<Vec<Related>, Error> {
    let mut found = Vec::new();
    if let Some(key) = filing::content_key(opened) {
        for other in ledger.by_content_key(&key)? {
            if other.id != row.id {
                connect(ledger, other.report.as_deref(), Connection::SameContent, &mut found)?;
            }
        }
    }
    let header = &opened.header;
    let ids = header.in_reply_to.iter().chain(header.references.iter().rev());
    for id in ids.take(THREAD_IDS) {
        for other in ledger.by_message_id(id)? {
            connect(ledger, other.report.as_deref(), Connection::Thread, &mut found)?;
        }
        if let Some(item) = ledger.outbox_by_message_id(id)? {
            connect(ledger, Some(&item.report), Connection::Thread, &mut found)?;
        }
    }
    Ok(found)
}

fn connect(ledger: &Ledger, report: Option<&str>, by: Connection, found: &mut Vec<Related>) -> Result<(), Error> {
    let Some(uid) = report else { return Ok(()) };
    if found.iter().any(|r| r.report == uid && r.by == by) {
        return Ok(());
    }
    let Some(report) = ledger.report(uid)? else { return Ok(()) };
    let opening = match &report.opening {
        Some(opening) => ledger.opened(opening.id)?,
        None => None,
    };
    let signer = opening.and_then(|o| o.verdict.signature.verified_signer().map(str::to_owned));
    found.push(Related { report: report.uid, reporter: report.reporter, signer, by });
    Ok(())
}

fn count(tally: &mut Intake, placement: &Placement, opened: &Opened) {
    let counter = match placement.role {
        Role::Opening => &mut tally.reports_opened,
        Role::FollowUp => &mut tally.follow_ups,
        Role::Resend => &mut tally.resends,
        Role::Automatic => &mut tally.automatic,
        Role::Outgoing => &mut tally.outgoing,
    };
    *counter += 1;
    let closed = matches!(opened.verdict.encryption.status, EncryptionStatus::Unopened | EncryptionStatus::Refused);
    tally.unopened += u64::from(closed && placement.role != Role::Outgoing);
    tally.quarantined += u64::from(opened.quarantined.is_some());
}

/// What is recorded of a mail's place.
fn events(row: &MessageRow, opened: &Opened, placement: &Placement, way: Way) -> Vec<NewEvent> {
    let message = Some(row.uid.clone());
    let report = if placement.role == Role::Opening { Some(row.uid.clone()) } else { placement.report.clone() };
    let event = |what| NewEvent { report: report.clone(), message: message.clone(), what };
    let mut events = Vec::new();
    if placement.role == Role::Opening {
        let reporter = opened.header.sender().map(|a| a.address.clone()).unwrap_or_default();
        events.push(event(What::ReportOpened { received_at: row.received_at, reporter }));
    }
    events.push(event(What::Filed { role: placement.role }));
    match placement.answer {
        Answer::Person => {
            let how = if way == Way::Out { "sent-mailbox" } else { "team-signed" };
            events.push(event(What::Answered { answered_at: row.received_at, how: how.into() }));
        }
        Answer::Receipt => events.push(event(What::Receipted { receipted_at: row.received_at })),
        Answer::No => {}
    }
    for (other, why) in &placement.suggested {
        events.push(event(What::Suggested { other: other.clone(), why: why.clone() }));
    }
    events
}
