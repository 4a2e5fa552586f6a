//! Thousands of messages through a server that fails now and then: the ledger ends up equal to the mailbox.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::place::{Link, MEMORY, Place};
use crate::support::fake::{Act, FakeImap, Mailbox};
use crate::support::{figure, rounds};

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn mail(n: u32) -> Vec<u8> {
    let lines = "* 1 FETCH (UID 7 BODY[] {5}\r\n".repeat(n as usize % 40);
    format!(
        "From: finder{}@example.net\r\nSubject: report {n}\r\nMessage-ID: <{n}@example.net>\r\n\r\n{lines}{n}\r\n",
        n % 7
    )
    .into()
}

/// Mail arrives a few at a time while the program polls, and one command in `rate` goes wrong.
fn run(name: &str, count: u32, rate: u64, seed: u64) {
    let faults: Arc<Mutex<BTreeMap<&'static str, u64>>> = Arc::default();
    let is_calm = Arc::new(AtomicBool::new(false));
    let (told, calm, mut dice) = (Arc::clone(&faults), Arc::clone(&is_calm), Dice(seed));
    let fake = FakeImap::start(Mailbox::of(0, mail), move |command| {
        if command.contains("EXAMINE \"Sent\"") && (dice.throw(rate) != 0 || calm.load(Ordering::SeqCst)) {
            return Act::Say("{tag} NO none\r\n".into());
        }
        if dice.throw(rate) != 0 || calm.load(Ordering::SeqCst) {
            return Act::Serve;
        }
        let (fault, act) = match dice.throw(9) {
            0 => ("closed", Act::Close),
            1 => ("NO", Act::Say("{tag} NO [UNAVAILABLE] later\r\n".into())),
            2 => ("BAD", Act::Say("{tag} BAD what\r\n".into())),
            3 => ("BYE", Act::SayAndClose(b"* BYE going down\r\n".to_vec())),
            4 => ("wrong tag", Act::Say("zz9 OK done\r\n".into())),
            5 => ("cut", Act::Cut(usize::try_from(dice.throw(4_000)).unwrap())),
            6 => ("short literal", Act::Say("* 1 FETCH (UID 1 BODY[] {5}\r\nAAAAAAAAAAAA\r\n{tag} OK done\r\n".into())),
            7 => {
                std::thread::sleep(Duration::from_millis(1_300));
                ("slow", Act::Serve)
            }
            _ => ("empty", Act::Say("{tag} OK done\r\n".into())),
        };
        *told.lock().unwrap().entry(fault).or_insert(0) += 1;
        act
    });
    let place = Place::new();
    place.imap(&Link::plain(fake.port));
    let (mut arrived, mut polls, mut failed, mut peak) = (0, 0, 0, 0);
    let mut dice = Dice(seed ^ 0x5eed);
    // The last poll is a good one.
    while !is_calm.load(Ordering::SeqCst) {
        is_calm.store(arrived == count, Ordering::SeqCst);
        // More at once where there are many, because each poll looks at the whole ledger.
        let more = u32::try_from(dice.throw(14 + u64::from(count) / 400)).unwrap().min(count - arrived);
        {
            let mut mailbox = fake.mailbox.lock().unwrap();
            for n in arrived + 1..=arrived + more {
                mailbox.messages.insert(n, mail(n));
            }
            arrived += more;
            mailbox.uidnext = arrived + 1;
        }
        polls += 1;
        let ran = place.run(&["poll"]);
        assert!(matches!(ran.status, 0 | 1), "{}", ran.said());
        assert!(ran.peak < MEMORY, "{} KiB", ran.peak);
        peak = peak.max(ran.peak);
        failed += u32::from(ran.status == 1);
        assert!(ran.status == 0 || !is_calm.load(Ordering::SeqCst), "a good poll: {}", ran.said());
    }
    let mut missing: BTreeMap<Vec<u8>, u32> = (1..=count).map(|n| (mail(n), n)).collect();
    let (mut doubled, mut forged) = (0, 0);
    let stored = place.ledger();
    let known: BTreeMap<Vec<u8>, u32> = missing.clone();
    for one in &stored {
        if missing.remove(one).is_none() {
            if known.contains_key(one) { doubled += 1 } else { forged += 1 }
        }
    }
    let faults = faults.lock().unwrap();
    let kinds: Vec<String> = faults.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
    let words = format!(
        "{count} messages, {} commands, one in {rate} fails ({}); {polls} polls, {failed} of them failed; lost {}, doubled {doubled}, \
         forged {forged}; peak {} MiB",
        fake.commands().len(),
        kinds.join(", "),
        missing.len(),
        peak >> 10
    );
    assert!(missing.is_empty() && doubled == 0 && forged == 0, "{words}");
    assert!(!faults.is_empty(), "{words}");
    figure(name, &words);
}

#[test]
fn one_command_in_a_hundred_fails() {
    run("wire-one-in-a-hundred", u32::try_from(rounds(1_000).min(20_000)).unwrap(), 100, 20_261_122);
}

#[test]
fn one_command_in_six_fails() {
    run("wire-one-in-six", u32::try_from(rounds(300).min(3_000)).unwrap(), 6, 4);
}
