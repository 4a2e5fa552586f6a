//! Replies go out at most once by themselves.

use sealpost::case::Passing;
use sealpost::ledger::*;
use sealpost::reply::tries::Tries;

use crate::sample::*;

#[test]
fn a_reply_goes_out_at_most_once_by_itself() {
    let home = Home::new();
    let mut ledger = home.open();
    let report = file_report(&mut ledger, 1, "text").uid;
    let number = queue(&mut ledger, &report, "<r1@example.org>").unwrap();
    assert!(queue(&mut ledger, &report, "<r1@example.org>").is_err(), "one Message-ID, one reply");
    assert!(queue(&mut ledger, "0000000000", "<r2@example.org>").is_err(), "no report, no reply");
    let step = |ledger: &mut Ledger, step: Step| ledger.outbox_step(number, &step, &stamp());
    let state = |ledger: &Ledger| ledger.outbox_item(number).unwrap().state;
    assert!(step(&mut ledger, Step::Sent).is_err());
    assert!(step(&mut ledger, Step::SendAgain).is_err());
    step(&mut ledger, Step::Send).unwrap();
    assert!(step(&mut ledger, Step::Send).is_err() && step(&mut ledger, Step::Drop).is_err());
    step(&mut ledger, Step::Failed("no route".into())).unwrap();
    assert_eq!(ledger.outbox_item(number).unwrap().reason.as_deref(), Some("no route"));
    assert_eq!(state(&ledger), OutboxState::Failed);
    step(&mut ledger, Step::Send).unwrap();
    drop(ledger);

    let mut ledger = home.open();
    assert_eq!(state(&ledger), OutboxState::Unknown, "a run that ended while sending leaves nobody the wiser");
    assert!(matches!(step(&mut ledger, Step::Send), Err(LedgerError::NoSuchStep { .. })));
    drop(ledger);
    let mut ledger = home.open();
    assert_eq!(state(&ledger), OutboxState::Unknown);
    assert_eq!(ledger.sealed(number).unwrap(), b"sealed bytes");
    step(&mut ledger, Step::SendAgain).unwrap();
    step(&mut ledger, Step::Sent).unwrap();
    ledger.outbox_copied(number).unwrap();
    assert!(ledger.outbox_by_message_id("<r1@example.org>").unwrap().unwrap().copied);
    for after in [Step::Send, Step::SendAgain, Step::Drop, Step::Unknown, Step::Failed(String::new())] {
        assert!(step(&mut ledger, after).is_err());
    }
    sound(&ledger);
    drop(ledger);
    for back in ["queued", "sending", "unknown"] {
        let moved = home.intruder().execute("UPDATE outbox SET state = ?1", [back]);
        assert!(moved.unwrap_err().to_string().contains("no such step"));
    }
}

/// The table knows no way back to queued, as ledgers did not from the first; the last event says that it is.
#[test]
fn a_reply_that_failed_for_a_passing_reason_is_queued() {
    let home = Home::new();
    let mut ledger = home.open();
    let report = file_report(&mut ledger, 1, "text").uid;
    let first = queue(&mut ledger, &report, "<r1@example.org>").unwrap();
    let other = queue(&mut ledger, &report, "<r2@example.org>").unwrap();
    let step = |ledger: &mut Ledger, step: Step| ledger.outbox_step(first, &step, &stamp());
    let passing = || Step::Later("451 later".into(), Passing::Reply);
    assert!(step(&mut ledger, passing()).is_err(), "it was not being sent");
    for tries in 1..=2 {
        step(&mut ledger, Step::Send).unwrap();
        step(&mut ledger, passing()).unwrap();
        let item = ledger.outbox_item(first).unwrap();
        assert_eq!((item.state, item.tries.made, item.tries.failing()), (OutboxState::Queued, tries, true));
        assert_eq!(item.reason.as_deref(), Some("451 later"));
    }
    let untouched = ledger.outbox_item(other).unwrap();
    assert_eq!((untouched.state, untouched.tries), (OutboxState::Queued, Tries::default()), "of the same report");
    sound(&ledger);
    drop(ledger);
    let stored = |state: &str| {
        let sql = "SELECT count(*) FROM outbox WHERE state = ?1";
        home.intruder().query_row(sql, [state], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((stored("failed"), stored("queued")), (1, 1));

    let mut ledger = home.open();
    let waiting: Vec<i64> = ledger.outbox_waiting().unwrap().iter().map(|item| item.number).collect();
    assert_eq!((waiting, ledger.last_sent_at().unwrap()), (vec![first, other], None));
    step(&mut ledger, Step::Send).unwrap();
    step(&mut ledger, Step::Sent).unwrap();
    let sent_at = ledger.last_sent_at().unwrap().unwrap();
    assert_eq!(sent_at.as_microsecond(), stamp().at.as_microsecond());
    let uncopied = |ledger: &Ledger, newest| ledger.outbox_uncopied(newest).unwrap().len();
    assert_eq!(
        (uncopied(&ledger, 1), uncopied(&ledger, 2), uncopied(&ledger, i64::MAX)),
        (0, 1, 1),
        "it is the first of two"
    );
    ledger.outbox_copied(first).unwrap();
    assert_eq!(uncopied(&ledger, i64::MAX), 0);
    assert!(step(&mut ledger, passing()).is_err());
    sound(&ledger);
}
