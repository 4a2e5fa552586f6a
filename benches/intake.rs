//! `cargo bench --bench intake`: how fast `sealpost poll` takes in a Maildir of encrypted reports, beside a loop of
//! `gpg --decrypt` over the same files. `docs/benchmarks.md` tells what the figures mean.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[allow(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use jiff::{SignedDuration, Timestamp};
use sealpost::pgp::certs;
use serde_json::Value;

use support::gpg::Gpg;
use support::mails::{self, Person, TEAM};
use support::{Ran, median, seconds};

/// As many as `poll` meets in its first run on an old mailbox.
const MAILS: usize = 2000;
const QUICK_MAILS: usize = 50;
/// Each of sealpost and gpg, taking turns.
const ROUNDS: usize = 3;
/// Different people who report.
const REPORTERS: usize = 20;
/// Polls with nothing new after each full one.
const IDLE_POLLS: usize = 5;

fn main() -> ExitCode {
    let quick = match support::wants_quick("intake") {
        Ok(quick) => quick,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    let (mails, rounds) = if quick { (QUICK_MAILS, 1) } else { (MAILS, ROUNDS) };
    let place = Place::new(mails);
    println!("{}", place.describe());
    let mut figures = Figures::default();
    for round in 0..rounds {
        place.poll(round, &mut figures);
        if let Some(gpg) = &place.gpg {
            figures.gpg.push(seconds(|| place.mails.iter().for_each(|mail| gpg.decrypt(mail))));
        }
    }
    figures.print(mails, rounds);
    ExitCode::SUCCESS
}

/// A Maildir of reports, the keys to them, and GnuPG with the same keys.
struct Place {
    dir: tempfile::TempDir,
    mails: Vec<PathBuf>,
    sizes: Vec<u64>,
    gpg: Option<Gpg>,
}

impl Place {
    fn new(count: usize) -> Place {
        let dir = support::folder();
        let now = Timestamp::now();
        let team = mails::key(TEAM, now);
        let people: Vec<Person> =
            (0..REPORTERS).map(|n| Person::new(format!("reporter{n}@example.net"), now)).collect();
        let reporters: String = people.iter().map(|person| person.certificate.as_str()).collect();
        support::private(&dir.path().join("team.pgp"), team.tsk.expose());
        support::private(&dir.path().join("reporters.pgp"), reporters.as_bytes());
        for part in ["inbox/new", "inbox/cur", "inbox/tmp"] {
            fs::create_dir_all(dir.path().join(part)).unwrap();
        }
        let cert = certs::read_one(team.certificate.as_bytes()).unwrap();
        let (mut mails, mut sizes) = (Vec::new(), Vec::new());
        for number in 0..count {
            let at = now - SignedDuration::from_secs(60 * (count - number) as i64);
            let from = &people[number % people.len()];
            let raw = mails::report(number, from, (TEAM, &cert), mails::size(number), at);
            let path = dir.path().join(format!("inbox/new/{}.M{number}P1.mx", at.as_second()));
            support::private(&path, &raw);
            sizes.push(raw.len() as u64);
            mails.push(path);
        }
        let gpg = Gpg::with_keys(dir.path(), &[team.tsk.expose(), reporters.as_bytes()]);
        if let Some(gpg) = &gpg {
            // The agent starts here, and both are seen to do the same work.
            let said = gpg.status_lines(&mails[0]);
            assert!(said.contains("DECRYPTION_OKAY") && said.contains("GOODSIG"), "gpg says {said}");
        }
        sizes.sort_unstable();
        Place { dir, mails, sizes, gpg }
    }

    fn describe(&self) -> String {
        let kib = |bytes: u64| bytes as f64 / 1024.0;
        let at = |share: f64| kib(self.sizes[((self.sizes.len() - 1) as f64 * share) as usize]);
        format!(
            "{} signed and encrypted mails from {REPORTERS} people, {:.1} MiB: median {:.1} KiB, 90th percentile {:.0} KiB, \
             99th {:.0} KiB, largest {:.0} KiB",
            self.mails.len(),
            kib(self.sizes.iter().sum()) / 1024.0,
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0)
        )
    }

    /// A full poll into a fresh ledger, then some with nothing new.
    fn poll(&self, round: usize, figures: &mut Figures) {
        let home = self.dir.path().join(format!("round-{round}"));
        support::private_folder(&home);
        let config = format!(
            "address = \"{TEAM}\"\n[maildir]\npath = \"../inbox\"\n[openpgp]\nsecret_keys = [\"../team.pgp\"]\n\
             certs = [\"../reporters.pgp\"]\n[ledger]\npath = \"ledger.db\"\n"
        );
        support::private(&home.join("config.toml"), config.as_bytes());
        let first = sealpost(&home, &["--json", "poll"]);
        let all = self.mails.len() as u64;
        let counts = checked(&first);
        assert_eq!((counts("stored"), counts("reports_opened")), (all, all), "not every mail became a report");
        assert_eq!((counts("unopened"), counts("quarantined")), (0, 0), "not every mail was opened");
        figures.poll.push(first.seconds);
        figures.peak.extend(first.peak_mib);
        for _ in 0..IDLE_POLLS {
            let idle = sealpost(&home, &["--json", "poll"]);
            assert_eq!(checked(&idle)("stored"), 0);
            figures.idle.push(idle.seconds);
            figures.idle_peak.extend(idle.peak_mib);
        }
        if round == 0 {
            let listed = sealpost(&home, &["--json", "list", "--all"]);
            let listed: Value = serde_json::from_slice(&listed.output.stdout).unwrap();
            let good = |report: &&Value| report["encryption"] == "encrypted" && report["signature"] == "good";
            let good = listed["reports"].as_array().unwrap().iter().filter(good).count();
            assert_eq!(good, self.mails.len(), "not every mail is listed as encrypted and well signed");
        }
        fs::remove_dir_all(&home).unwrap();
    }
}

/// Runs the program as a user does, but with nothing of the user's surroundings.
fn sealpost(home: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
    command.arg("--config").arg(home.join("config.toml")).args(args).current_dir(home);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home).env("TZ", "UTC");
    support::run(command)
}

/// The counts of a poll that went well.
fn checked(ran: &Ran) -> impl Fn(&str) -> u64 {
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let Output { status, stdout, stderr } = &ran.output;
    assert!(status.success(), "poll failed with {status}: {}{}", said(stdout), said(stderr));
    let document: Value = serde_json::from_slice(stdout).unwrap();
    move |name| document[name].as_u64().unwrap()
}

#[derive(Default)]
struct Figures {
    poll: Vec<f64>,
    peak: Vec<f64>,
    idle: Vec<f64>,
    idle_peak: Vec<f64>,
    gpg: Vec<f64>,
}

impl Figures {
    fn print(&self, mails: usize, rounds: usize) {
        let number = mails as f64;
        let highest = |all: &[f64]| match all.iter().copied().reduce(f64::max) {
            Some(mib) => format!("{mib:.0}"),
            None => "unknown".into(),
        };
        println!("medians of {rounds} interleaved; the peak is the highest\n");
        println!("{:<30}{:>12}{:>10}{:>10}", "", "messages/s", "seconds", "peak MiB");
        let poll = median(&self.poll);
        println!("{:<30}{:>12.0}{:>10.2}{:>10}", "sealpost poll", number / poll, poll, highest(&self.peak));
        if self.gpg.is_empty() {
            println!("{:<30}gpg is not installed", "gpg --decrypt, in a loop");
        } else {
            let gpg = median(&self.gpg);
            println!("{:<30}{:>12.0}{:>10.2}{:>10}", "gpg --decrypt, in a loop", number / gpg, gpg, "");
            println!("{:<30}{:>12.2}", "ratio", gpg / poll);
        }
        let idle = median(&self.idle) * 1000.0;
        println!("\npoll with nothing new: {idle:.0} ms, peak {} MiB", highest(&self.idle_peak));
    }
}
