//! Which number is how bad: pure, so that each line can be tested without a full disk, an old ledger or a dying certificate.
//! `now` brings the team's time zone, in which instants are told.

use jiff::{SignedDuration, Timestamp, Zoned};

use super::Finding;
use crate::clock::words::{self, span};
use crate::safe::{self, Foreign};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Below this a poll may fail in the middle of a large mail.
const DISK_LEAST: u64 = 100 * MIB;
/// Below this a person should make room.
const DISK_ENOUGH: u64 = GIB;
/// A poll so many hours ago is no poll.
const POLL_STALE_H: i64 = 24;
/// A backup so many days ago is an old one.
const BACKUP_STALE_D: i64 = 7;
/// An answer that waits so long in the outbox waits for a person.
const OUTBOX_WAIT_H: i64 = 1;
/// Two clocks may differ so much without anybody having turned one back.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_secs(120);

/// Room on the disk, in bytes, and the size of the ledger there: a copy of it is made before its schema changes.
pub fn disk(free: u64, ledger: u64) -> Finding {
    let words = format!("{} free where the ledger lies ({})", bytes(free), bytes(ledger));
    let hint = "make room: a poll on a full disk stores nothing";
    if free < DISK_LEAST {
        Finding::fail("disk", words).hint(hint)
    } else if free < DISK_ENOUGH || free < ledger.saturating_mul(2) {
        Finding::warn("disk", words).hint(hint)
    } else {
        Finding::ok("disk", words)
    }
}

/// A server's certificate: warned of 30, 14 and 7 days before it ends. One that has ended stops the connection and is told
/// there.
pub fn certificate(about: &'static str, host: &str, ends: Timestamp, now: &Zoned) -> Finding {
    let left = ends.duration_since(now.timestamp());
    let days = left.as_hours() / 24;
    let Some(step) = [7, 14, 30].into_iter().find(|step| days < *step) else {
        return Finding::ok(about, format!("the certificate of {host} is good for {days} days"));
    };
    let words = match left.is_positive() {
        true => format!("the certificate of {host} ends in {}, {}", counted(days, "day"), exact(ends, now)),
        false => format!("the certificate of {host} ended {}", exact(ends, now)),
    };
    Finding::warn(about, words).within(step).hint("whoever runs the server renews it; after that no poll gets through")
}

/// The last poll that went well.
pub fn last_poll(at: Option<Timestamp>, now: &Zoned) -> Finding {
    let hint = "is the crontab line or the timer still there?";
    match at {
        None => Finding::ok("last-poll", "none yet"),
        Some(at) if now.timestamp().duration_since(at).as_hours() >= POLL_STALE_H => {
            let words = format!("the last poll that went well was {} ago, {}", ago(at, now), exact(at, now));
            Finding::warn("last-poll", words).hint(hint)
        }
        Some(at) => Finding::ok("last-poll", format!("{} (noted once an hour)", exact(at, now))),
    }
}

/// The last backup, as the history tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Backup {
    /// When the copy was made.
    pub at: Timestamp,
    /// It was restored once for proof.
    pub verified: bool,
    /// The ledger in it holds together; otherwise it cannot be restored.
    pub sound: bool,
    /// The last one whose ledger holds together.
    pub good: Option<Timestamp>,
    /// The key in it is not the one that the ledger is sealed with now.
    pub other_key: bool,
}

/// The last backup, of a ledger that holds so many messages.
pub fn last_backup(last: Option<Backup>, messages: u64, now: &Zoned) -> Finding {
    let hint = "sealpost backup FILE";
    let Some(Backup { at, verified, sound, good, other_key }) = last else {
        return match messages {
            0 => Finding::ok("backup", "none yet, and nothing to lose"),
            _ => Finding::warn("backup", "no backup of the ledger was ever made").hint(hint),
        };
    };
    if !sound {
        let good =
            good.map_or("no other was ever made".into(), |at| format!("the last that can is of {}", exact(at, now)));
        let at = exact(at, now);
        let words =
            format!("the last backup, of {at}, is of a ledger that does not hold together and cannot be restored");
        return Finding::warn("backup", format!("{words}; {good}")).hint("keep older backups; sealpost audit");
    }
    if now.timestamp().duration_since(at).as_hours() >= 24 * BACKUP_STALE_D {
        let words = format!("the last backup was made {} ago, {}", ago(at, now), exact(at, now));
        return Finding::warn("backup", words).hint(hint);
    }
    let at = exact(at, now);
    if other_key {
        let words =
            format!("the ledger was restored from the last backup, of {at}, and is sealed with another key since");
        return Finding::warn("backup", words).hint("sealpost backup FILE: the key in older ones does not open it");
    }
    Finding::ok("backup", if verified { at } else { format!("{at}, not verified") })
}

/// The clock of this machine against the latest event in the ledger.
pub fn clock(last_event: Option<Timestamp>, now: &Zoned) -> Finding {
    match last_event {
        Some(at) if at.duration_since(now.timestamp()) > CLOCK_SLACK => Finding::warn(
            "clock",
            format!(
                "the clock says {}, and the ledger has an event of {}: it was turned back, or was wrong then",
                exact(now.timestamp(), now),
                exact(at, now)
            ),
        )
        .hint("set the clock; deadlines are computed from it"),
        _ => Finding::ok("clock", "it stands after everything in the ledger"),
    }
}

/// An answer in the outbox.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    /// `queued`, `sending`, `failed`, `unknown`.
    pub state: &'static str,
    /// When it was put there.
    pub since: Option<Timestamp>,
    /// How often it was tried.
    pub tries: u32,
    /// Why the last try failed.
    pub reason: Option<Foreign>,
}

/// Answers in the outbox that are not out: how they stand, and since when they wait.
pub fn outbox(items: &[Waiting], now: Timestamp) -> Vec<Finding> {
    let of = |wanted: &str| items.iter().filter(|item| item.state == wanted).count();
    let (unknown, failed) = (of("unknown"), of("failed"));
    let mut found = Vec::new();
    let it = |n: usize| if n == 1 { "it" } else { "they" };
    if unknown > 0 {
        let words = format!("{unknown} waiting for a person: nobody knows whether {} went out", it(unknown));
        found.push(Finding::warn("outbox", words).hint("sealpost outbox"));
    }
    if failed > 0 {
        let words = format!("{failed} waiting for a person: {} could not be sent", it(failed));
        found.push(Finding::warn("outbox", words).hint("sealpost outbox"));
    }
    found.extend(long_queued(items, now));
    if found.is_empty() {
        found.push(Finding::ok("outbox", "no answer is stuck"));
    }
    found
}

/// Answers that are still to be sent, or being sent, after an hour, with what kept the oldest of them.
fn long_queued(items: &[Waiting], now: Timestamp) -> Option<Finding> {
    let age = |item: &Waiting| item.since.map_or(0, |at| now.duration_since(at).as_hours());
    let long = |item: &&Waiting| matches!(item.state, "queued" | "sending") && age(item) >= OUTBOX_WAIT_H;
    let oldest = items.iter().filter(long).max_by_key(|item| age(item))?;
    let longer = match age(oldest) {
        0..24 => "an hour".to_owned(),
        24..48 => "a day".to_owned(),
        hours => format!("{} days", hours / 24),
    };
    let count = items.iter().filter(long).count();
    let tried = match (&oldest.reason, oldest.tries) {
        (Some(reason), 1) => format!("; tried once: {}", safe::line(reason)),
        (Some(reason), tries) => format!("; tried {tries} times, the last time: {}", safe::line(reason)),
        (None, _) => String::new(),
    };
    let which = if count == 1 { "" } else { ", the oldest of them" };
    let words = format!("{count} waiting to be sent{which} for more than {longer}{tried}");
    Some(Finding::warn("outbox", words).hint("sealpost outbox send"))
}

/// Mails of open reports that a person must look at: those that no key opens, those on which a limit was hit, and those
/// that are stored and that no run has finished with.
pub fn waiting(unopened: usize, quarantined: usize, pending: usize) -> Vec<Finding> {
    let mut found = Vec::new();
    if unopened > 0 {
        let words = format!("{} in open reports that no key here opens", mails(unopened));
        found.push(
            Finding::warn("unopened", words)
                .hint("sealpost list; ask the reporter to encrypt to the key in use, or name the key they used"),
        );
    }
    if quarantined > 0 {
        let words = format!("{} in open reports on which a limit was hit", mails(quarantined));
        found.push(
            Finding::warn("quarantine", words).hint("sealpost list; sealpost poll --retry-quarantined tries again"),
        );
    }
    if pending > 0 {
        let words = format!("{} stored and not yet filed", mails(pending));
        found.push(Finding::warn("unfiled", words).hint("sealpost poll"));
    }
    if found.is_empty() {
        found.push(Finding::ok("mail", "every mail of an open report was opened and filed"));
    }
    found
}

/// A security.txt that ends (RFC 9116: whoever reads it after that does not rely on it).
pub fn security_txt(file: &str, ends: Timestamp, now: &Zoned) -> Finding {
    let left = ends.duration_since(now.timestamp());
    let days = left.as_hours() / 24;
    let hint = "set Expires to a date within a year, and publish it again";
    match [7, 14, 30].into_iter().find(|step| days < *step) {
        None => Finding::ok("security.txt", format!("{file}: it holds for {days} days")),
        Some(step) if left.is_positive() => {
            let words = format!("{file}: it expires in {}, {}", counted(days, "day"), exact(ends, now));
            Finding::warn("security.txt", words).within(step).hint(hint)
        }
        Some(step) => {
            let words = format!("{file}: it expired {}, and readers pass over it", exact(ends, now));
            Finding::warn("security.txt", words).within(step).hint(hint)
        }
    }
}

/// `3 days`.
pub fn counted(n: i64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// `1 mail`, `3 mails`.
pub fn mails(n: usize) -> String {
    if n == 1 { "1 mail".to_owned() } else { format!("{n} mails") }
}

fn ago(at: Timestamp, now: &Zoned) -> String {
    span(now.timestamp().as_second() - at.as_second())
}

fn exact(at: Timestamp, now: &Zoned) -> String {
    words::exact(at, now.time_zone())
}

/// `512 MiB`, rounded down: never more than there is.
fn bytes(n: u64) -> String {
    match n {
        n if n >= 10 * GIB => format!("{} GiB", n / GIB),
        n if n >= GIB => format!("{}.{} GiB", n / GIB, n % GIB * 10 / GIB),
        n if n >= MIB => format!("{} MiB", n / MIB),
        n => format!("{} KiB", n / 1024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::calendar::Calendar;
    use crate::output::health::Level;

    fn now() -> Timestamp {
        "2026-03-02T12:00:00Z".parse().unwrap()
    }

    fn here() -> Zoned {
        now().to_zoned(Calendar::zone_named("Europe/Berlin").unwrap())
    }

    fn hours(n: i64) -> Timestamp {
        now() + SignedDuration::from_hours(n)
    }

    #[test]
    fn disks() {
        for (free, ledger, level, words) in [
            (50 * GIB, 10 * MIB, Level::Ok, "50 GiB free where the ledger lies (10 MiB)"),
            (GIB, 0, Level::Ok, "1.0 GiB free"),
            (GIB - 1, 0, Level::Warn, "1023 MiB free"),
            (3 * GIB, 2 * GIB, Level::Warn, "3.0 GiB free where the ledger lies (2.0 GiB)"),
            (DISK_LEAST, 0, Level::Warn, "100 MiB"),
            (DISK_LEAST - 1, 0, Level::Fail, "99 MiB"),
            (0, u64::MAX, Level::Fail, "0 KiB"),
        ] {
            let found = disk(free, ledger);
            assert_eq!(found.level, level, "{free} {ledger}");
            assert!(found.words.contains(words), "{:?} lacks {words}", found.words);
            assert_eq!(found.hint.is_some(), level != Level::Ok);
        }
    }

    #[test]
    fn certificates_are_warned_of_in_three_steps() {
        for (left, level, step) in [
            (24 * 30, Level::Ok, None),
            (24 * 30 - 1, Level::Warn, Some(30)),
            (24 * 14, Level::Warn, Some(30)),
            (24 * 14 - 1, Level::Warn, Some(14)),
            (24 * 7 - 1, Level::Warn, Some(7)),
            (-1, Level::Warn, Some(7)),
        ] {
            let found = certificate("imap-cert", "mail.example.org", hours(left), &here());
            assert_eq!((found.level, found.within_days), (level, step), "{left}: {:?}", found.words);
            let file = security_txt("security.txt", hours(left), &here());
            assert_eq!((file.level, file.within_days), (level, step), "{left}: {:?}", file.words);
        }
        assert!(certificate("imap-cert", "h", hours(25), &here()).words.contains("in 1 day,"));
        assert!(security_txt("f", hours(-1), &here()).words.contains("expired"));
        // The 2nd of March, 12:00 UTC, and an hour less.
        assert!(certificate("imap-cert", "h", hours(-1), &here()).words.contains("ended Mon 2026-03-02 12:00 CET"));
    }

    #[test]
    fn backups() {
        let judged = |last: Option<Backup>| last_backup(last, 1, &here());
        assert_eq!(last_backup(None, 0, &here()).level, Level::Ok);
        assert_eq!(judged(None).level, Level::Warn);
        let made = |at| Backup { at, verified: true, sound: true, good: Some(at), other_key: false };
        assert_eq!(judged(Some(made(hours(-24 * 7 + 1)))).level, Level::Ok);
        assert_eq!(judged(Some(made(hours(-24 * 7)))).level, Level::Warn);
        let unverified = judged(Some(Backup { verified: false, ..made(hours(-1)) }));
        assert!(unverified.level == Level::Ok && unverified.words.contains(", not verified"), "{unverified:?}");
        assert!(!judged(Some(made(hours(-1)))).words.contains("not verified"));
        let other = judged(Some(Backup { other_key: true, ..made(hours(-1)) }));
        assert!(other.level == Level::Warn && other.words.contains("another key since"), "{other:?}");
        // However fresh: what cannot be restored is no backup.
        for (good, words) in
            [(None, "no other was ever made"), (Some(hours(-30)), "the last that can is of Sun 2026-03-01 07:00 CET")]
        {
            let found = judged(Some(Backup { sound: false, good, ..made(hours(-1)) }));
            assert!(found.level == Level::Warn && found.words.contains(words), "{found:?}");
        }
    }

    #[test]
    fn polls_and_the_clock() {
        assert_eq!(last_poll(None, &here()).level, Level::Ok);
        assert_eq!(last_poll(Some(hours(-23)), &here()).level, Level::Ok);
        let old = last_poll(Some(hours(-50)), &here());
        assert_eq!(old.level, Level::Warn);
        assert!(old.words.contains("2 d ago"), "{:?}", old.words);
        assert_eq!(clock(None, &here()).level, Level::Ok);
        assert_eq!(clock(Some(now() + SignedDuration::from_secs(120)), &here()).level, Level::Ok);
        assert_eq!(clock(Some(now() + SignedDuration::from_secs(121)), &here()).level, Level::Warn);
    }

    #[test]
    fn an_outbox() {
        let of = |items: &[(&'static str, i64)]| -> Vec<Waiting> {
            items.iter().map(|(state, age)| Waiting { state, since: Some(hours(-age)), ..Waiting::default() }).collect()
        };
        let found = |items: &[Waiting]| -> Vec<(Level, String)> {
            outbox(items, now()).into_iter().map(|f| (f.level, safe::line(&f.words))).collect()
        };
        for well in [&[][..], &[("queued", 0)]] {
            let found = found(&of(well));
            assert_eq!((found.len(), found[0].0), (1, Level::Ok));
        }
        let all = found(&of(&[("queued", 2), ("unknown", 0), ("unknown", 0), ("failed", 0)]));
        assert!(all.iter().all(|(level, _)| *level == Level::Warn));
        let words: Vec<&str> = all.iter().map(|(_, words)| words.as_str()).collect();
        let expected = [
            "2 waiting for a person: nobody knows whether they went out",
            "1 waiting for a person: it could not be sent",
            "1 waiting to be sent for more than an hour",
        ];
        assert_eq!(words, expected);
        let mut tried = of(&[("queued", 23), ("queued", 25), ("sending", 1)]);
        tried[1] = Waiting { tries: 26, reason: Some("no route".into()), ..tried[1].clone() };
        let oldest =
            "3 waiting to be sent, the oldest of them for more than a day; tried 26 times, the last time: no route";
        assert_eq!(found(&tried)[0].1, oldest);
        assert!(found(&of(&[("queued", 24 * 4)]))[0].1.ends_with("more than 4 days"));
    }

    #[test]
    fn mails_that_wait() {
        assert_eq!(waiting(0, 0, 0)[0].level, Level::Ok);
        let abouts: Vec<&str> = waiting(1, 2, 3).iter().map(|f| f.about).collect();
        assert_eq!(abouts, ["unopened", "quarantine", "unfiled"]);
        assert!(waiting(1, 0, 0)[0].words.starts_with("1 mail in"));
    }
}
