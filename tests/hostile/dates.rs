//! What a poll makes of dates, counts and numbers that change between two polls.

use crate::place::{Link, Place, counted};
use crate::support::fake::{Act, FakeImap, Mailbox};

fn mail(n: u32) -> Vec<u8> {
    format!("From: finder@example.net\r\nSubject: report {n}\r\nMessage-ID: <{n}@example.net>\r\n\r\nnumber {n}\r\n")
        .into()
}

/// Nothing but this mailbox; the Sent mailbox is not there.
fn server(mailbox: Mailbox) -> FakeImap {
    FakeImap::start(mailbox, |command| {
        if command.contains("EXAMINE \"Sent\"") { Act::Say("{tag} NO none\r\n".into()) } else { Act::Serve }
    })
}

fn poll(place: &Place, args: &[&str]) -> serde_json::Value {
    let all: Vec<&str> = args.iter().copied().chain(["--json", "poll"]).collect();
    let ran = place.run(&all);
    assert_eq!(ran.status, 0, "{}", ran.said());
    ran.json()
}

/// One mail goes and another comes back under a number below the position: no count tells. The first poll of the next day
/// compares the mailbox with the ledger.
#[test]
fn a_mail_that_comes_back_when_another_goes_is_found_the_next_day() {
    let place = Place::new();
    let mut mailbox = Mailbox::of(5, mail);
    let hidden = mailbox.messages.remove(&3).unwrap();
    let fake = server(mailbox);
    place.imap(&Link::plain(fake.port));
    assert_eq!(poll(&place, &["--now", "2026-11-20T12:00:00Z"])["stored"], 4);
    {
        let mut mailbox = fake.mailbox.lock().unwrap();
        mailbox.messages.insert(3, hidden.clone());
        mailbox.messages.remove(&1);
    }
    assert_eq!(poll(&place, &["--now", "2026-11-20T13:30:00Z"])["stored"], 0, "nothing tells it yet");
    let next_day = poll(&place, &["--now", "2026-11-21T00:05:00Z"]);
    assert_eq!((&next_day["stored"], &next_day["gone"]), (&1.into(), &1.into()), "{next_day:#}");
    let stored = place.ledger();
    assert_eq!(counted(&stored), counted(&(1..=5).map(mail).collect::<Vec<_>>()));
    let commands = fake.commands().len();
    assert_eq!(poll(&place, &["--now", "2026-11-21T00:10:00Z"])["gone"], 0, "told once");
    let after: Vec<String> = fake.commands().split_off(commands);
    assert!(!after.iter().any(|c| c.starts_with("UID")), "nothing new costs no search: {after:?}");
}

/// Where fewer are there than before, the next poll looks, so that nothing hides behind what was moved away.
#[test]
fn a_mailbox_that_shrinks_is_compared_at_once() {
    let place = Place::new();
    let mut mailbox = Mailbox::of(6, mail);
    let hidden = mailbox.messages.remove(&2).unwrap();
    let fake = server(mailbox);
    place.imap(&Link::plain(fake.port));
    assert_eq!(poll(&place, &[])["stored"], 5);
    {
        let mut mailbox = fake.mailbox.lock().unwrap();
        for uid in [1, 3, 4] {
            mailbox.messages.remove(&uid);
        }
        mailbox.messages.insert(2, hidden);
    }
    let polled = poll(&place, &[]);
    assert_eq!((&polled["stored"], &polled["gone"]), (&1.into(), &3.into()), "{polled:#}");
    assert_eq!(place.ledger().len(), 6, "what has gone there stays here");
}

/// A number that is given to another mail, without a new UIDVALIDITY: both are kept.
#[test]
fn a_number_used_twice_loses_neither_mail() {
    let place = Place::new();
    let fake = server(Mailbox::of(4, mail));
    place.imap(&Link::plain(fake.port));
    assert_eq!(poll(&place, &["--now", "2026-11-20T12:00:00Z"])["stored"], 4);
    fake.mailbox.lock().unwrap().messages.insert(2, mail(2_000_000));
    let polled = poll(&place, &["--now", "2026-11-21T12:00:00Z"]);
    assert_eq!(polled["stored"], 1, "{polled:#}");
    assert!(polled["warnings"][0].as_str().unwrap().contains("both are kept"), "{polled:#}");
    assert_eq!(place.ledger().len(), 5);
    assert_eq!(poll(&place, &["--now", "2026-11-22T12:00:00Z"])["seen"], 0, "not again every day");
}

/// Sizes that are estimates say nothing about what is stored.
#[test]
fn a_server_that_estimates_sizes_is_not_read_again_every_day() {
    let place = Place::new();
    let fake = FakeImap::start(Mailbox::of(40, mail), |command| {
        if command.contains("EXAMINE \"Sent\"") {
            return Act::Say("{tag} NO none\r\n".into());
        }
        if !command.contains("RFC822.SIZE") {
            return Act::Serve;
        }
        let one = |n: u32| format!("* {n} FETCH (UID {n} RFC822.SIZE 50)\r\n");
        Act::Say((1..=40).map(one).collect::<String>() + "{tag} OK done\r\n")
    });
    place.imap(&Link::plain(fake.port));
    assert_eq!(poll(&place, &["--now", "2026-11-20T12:00:00Z"])["stored"], 40);
    assert_eq!(poll(&place, &["--now", "2026-11-21T12:00:00Z"])["seen"], 0);
}

/// Clocks start at the server's date; one that cannot be starts none.
#[test]
fn dates_that_cannot_be_start_no_clock() {
    let place = Place::new();
    let fake = FakeImap::start(Mailbox::of(3, mail), |command| {
        if command.contains("EXAMINE \"Sent\"") {
            return Act::Say("{tag} NO none\r\n".into());
        }
        if !command.contains("RFC822.SIZE") {
            return Act::Serve;
        }
        let one = |(n, date): (u32, &str)| {
            let (size, n) = (mail(n).len(), n);
            format!("* {n} FETCH (UID {n} RFC822.SIZE {size}{date})\r\n")
        };
        let dates = [
            (1, " INTERNALDATE \"01-Jan-1970 00:00:00 +0000\""),
            (2, " INTERNALDATE \"01-Jan-2099 00:00:00 +0000\""),
            (3, ""),
        ];
        Act::Say(dates.into_iter().map(one).collect::<String>() + "{tag} OK done\r\n")
    });
    place.imap(&Link::plain(fake.port));
    let before = jiff::Timestamp::now().as_second() - 1;
    let polled = poll(&place, &[]);
    let after = jiff::Timestamp::now().as_second();
    let warnings: Vec<&str> = polled["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    assert_eq!(warnings.iter().filter(|w| w.contains("which cannot be")).count(), 2, "{warnings:?}");
    let list = place.run(&["--json", "list", "--all"]).json();
    for report in list["reports"].as_array().unwrap() {
        let at: jiff::Timestamp = report["received_at"].as_str().unwrap().parse().unwrap();
        assert!((before..=after).contains(&at.as_second()), "{report:#}");
    }
    assert_eq!(list["reports"].as_array().unwrap().len(), 3);
}

/// It is told, once, and nothing is thrown away.
#[test]
fn a_mailbox_that_claims_to_be_empty_empties_nothing() {
    let place = Place::new();
    let fake = server(Mailbox::of(50, mail));
    place.imap(&Link::plain(fake.port));
    assert_eq!(poll(&place, &[])["stored"], 50);
    *fake.mailbox.lock().unwrap() = Mailbox::of(0, mail);
    let polled = poll(&place, &[]);
    assert!(polled["warnings"][0].as_str().unwrap().contains("counts backwards"), "{polled:#}");
    assert!(!poll(&place, &[]).to_string().contains("backwards"), "told once");
    *fake.mailbox.lock().unwrap() = Mailbox::of(51, mail);
    assert_eq!(poll(&place, &[])["stored"], 1);
    let stored = place.ledger();
    assert_eq!(counted(&stored), counted(&(1..=51).map(mail).collect::<Vec<_>>()));
}
