//! Replies go out at most once by themselves.

use sealpost::ledger::*;

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
