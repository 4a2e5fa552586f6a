//! `cargo bench --bench open`: how fast one mail is opened, beside `gpg --decrypt` and beside the bare cryptography.
//! `docs/benchmarks.md` tells what the figures mean.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[allow(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use sealpost::pgp::certs::{self, Certificate};
use sealpost::pgp::keyring::Keyring;
use sealpost::pgp::open::{self, Context};
use sealpost::report::Opened;
use sealpost::verdict::{EncryptionStatus, SignatureStatus};
use sealpost::worker::{Limits, Reader};

use support::gpg::Gpg;
use support::mails::{self, Person, TEAM};
use support::raw::Raw;
use support::{median, seconds};

/// All that is measured takes turns this often.
const ROUNDS: usize = 7;
const SMALL: usize = 6 << 10;
const LARGE: usize = 5 << 20;

const RSA: &[u8] = include_bytes!("../keys/rsa4096.pgp");
const RSA_ADDRESS: &str = "rsa4096@example.net";

fn main() -> ExitCode {
    let quick = match support::wants_quick("open") {
        Ok(quick) => quick,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    let now = Timestamp::now();
    let curve = mails::key(TEAM, now);
    let rounds = if quick { 1 } else { ROUNDS };
    let many = |count| if quick { 2 } else { count };
    let plan = [
        ("Curve25519", TEAM, curve.tsk.expose(), SMALL, many(100), many(20)),
        ("RSA-4096", RSA_ADDRESS, RSA, SMALL, many(20), many(20)),
        ("Curve25519", TEAM, curve.tsk.expose(), LARGE, many(3), many(3)),
        ("RSA-4096", RSA_ADDRESS, RSA, LARGE, many(3), many(3)),
    ];
    println!("per mail; medians of {rounds} interleaved\n");
    println!("{:24}{:>11}{:>11}{:>7}{:>11}{:>7}", "", "", "gpg", "", "one gpg", "");
    println!(
        "{:24}{:>11}{:>11}{:>7}{:>11}{:>7}",
        "mails per second", "sealpost", "for each", "ratio", "for all", "ratio"
    );
    let (mut limits, mut workers) = (Vec::new(), Vec::new());
    for (kind, address, tsk, size, opens, gpgs) in plan {
        let mut case = Case::new(address, tsk, size, (rounds * opens, gpgs), now);
        let figures = case.measure(rounds, opens);
        let name = format!("{kind}, {}", human(case.size()));
        println!("{}", figures.beside_gpg(&name));
        limits.push(figures.beside_limit(&name));
        workers.push(figures.beside_worker(&name));
    }
    println!("\n{:24}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}", "", "", "unwrap", "", "", "", "open to", "open to");
    println!(
        "{:24}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "milliseconds", "open", "key", "verify", "cipher", "hashes", "limit", "+ hashes"
    );
    limits.iter().for_each(|line| println!("{line}"));
    println!("\n{:24}{:>11}{:>11}{:>11}", "milliseconds", "open", "by worker", "difference");
    workers.iter().for_each(|line| println!("{line}"));
    println!("\nlimit: unwrap the session key, verify one signature, AES-256 over the data, and nothing else");
    ExitCode::SUCCESS
}

fn human(bytes: usize) -> String {
    if bytes < 1 << 20 {
        format!("{:.1} KiB", bytes as f64 / 1024.0)
    } else {
        format!("{:.1} MiB", bytes as f64 / 1048576.0)
    }
}

/// Mails of one size to one key.
struct Case {
    _dir: tempfile::TempDir,
    ring: Keyring,
    context: Context,
    /// The library remembers signatures that it verified, so each mail is opened once only.
    fresh: Vec<Vec<u8>>,
    reader: Reader,
    files: Vec<PathBuf>,
    gpg: Option<Gpg>,
    raw: Raw,
}

impl Case {
    fn new(address: &str, tsk: &[u8], size: usize, (opens, gpgs): (usize, usize), now: Timestamp) -> Case {
        let dir = support::folder();
        let finder = Person::new("finder@example.net".into(), now);
        let ours = certs::read_one(tsk).unwrap();
        let theirs = certs::read_one(finder.certificate.as_bytes()).unwrap();
        let cert: Certificate = ours.clone().strip_secret_key_material();
        let at = now - SignedDuration::from_mins(1);
        let made = |n, size| mails::report(n, &finder, (address, &cert), size, at);
        // An RSA key wraps into more bytes: what a first mail weighs too much or too little is made up for.
        let wanted = (size + size).saturating_sub(made(0, size).len());
        let fresh: Vec<_> = (0..opens).map(|n| made(n, wanted)).collect();
        let raw = Raw::of(&fresh[0], &ours, &finder.tsk);
        let mut files = Vec::new();
        for n in 0..gpgs {
            let file = dir.path().join(format!("{n}.asc"));
            support::private(&file, &made(opens + n, wanted));
            files.push(file);
        }
        let gpg = Gpg::with_keys(dir.path(), &[tsk, finder.certificate.as_bytes()]);
        if let Some(gpg) = &gpg {
            // The agent starts here, and both are seen to do the same work.
            let said = gpg.status_lines(&files[0]);
            assert!(said.contains("DECRYPTION_OKAY") && said.contains("GOODSIG"), "gpg says {said}");
        }
        let context = Context { now, received_at: Some(at), own_addresses: vec![address.into()] };
        let ring = || Keyring::from_certs(vec![ours.clone()], vec![theirs.clone()]);
        let reader = Reader::new(env!("CARGO_BIN_EXE_sealpost").into(), ring(), Limits::default());
        Case { _dir: dir, ring: ring(), context, fresh, reader, files, gpg, raw }
    }

    /// The mean, in bytes.
    fn size(&self) -> usize {
        self.fresh.iter().map(Vec::len).sum::<usize>() / self.fresh.len()
    }

    fn measure(&mut self, rounds: usize, opens: usize) -> Figures {
        let mut figures = Figures::default();
        let mails = std::mem::take(&mut self.fresh);
        for some in mails.chunks(opens).take(rounds) {
            figures.open.push(seconds(|| some.iter().for_each(|mail| self.open(mail))) / some.len() as f64);
            figures.worker.push(seconds(|| some.iter().for_each(|mail| self.open_by_worker(mail))) / some.len() as f64);
            let raw = &mut self.raw;
            figures.unwrap.push(each(opens, || raw.unwrap_session_key()));
            figures.verify.push(each(opens, || raw.verify()));
            figures.cipher.push(each(opens, || raw.decipher()));
            figures.hashes.push(each(opens, || raw.hash()));
            if let Some(gpg) = &self.gpg {
                let count = self.files.len() as f64;
                figures.gpg.push(seconds(|| self.files.iter().for_each(|file| gpg.decrypt(file))) / count);
                figures.one_gpg.push(seconds(|| gpg.decrypt_together(&self.files)) / count);
            }
        }
        self.fresh = mails;
        figures
    }

    fn open(&self, mail: &[u8]) {
        check(&open::open(mail, &self.ring, &self.context));
    }

    /// The same by the process that the program opens mail with. It has verified none of these signatures before.
    fn open_by_worker(&mut self, mail: &[u8]) {
        check(&self.reader.open(mail, &self.context).unwrap());
    }
}

fn check(opened: &Opened) {
    let verdict = (opened.verdict.encryption.status, opened.verdict.signature.status);
    assert_eq!(verdict, (EncryptionStatus::Encrypted, SignatureStatus::Good), "{:?}", opened.warnings);
}

/// The seconds that `work` takes, on average over `count` times.
fn each(count: usize, mut work: impl FnMut()) -> f64 {
    seconds(|| (0..count).for_each(|_| work())) / count as f64
}

/// Seconds per mail, one value a round.
#[derive(Default)]
struct Figures {
    open: Vec<f64>,
    worker: Vec<f64>,
    gpg: Vec<f64>,
    one_gpg: Vec<f64>,
    unwrap: Vec<f64>,
    verify: Vec<f64>,
    cipher: Vec<f64>,
    hashes: Vec<f64>,
}

impl Figures {
    fn beside_gpg(&self, name: &str) -> String {
        let open = median(&self.open);
        let mut line = format!("{name:24}{:>11.1}", 1.0 / open);
        if self.gpg.is_empty() {
            return line + "   gpg is not installed";
        }
        for gpg in [median(&self.gpg), median(&self.one_gpg)] {
            line += &format!("{:>11.1}{:>7.2}", 1.0 / gpg, gpg / open);
        }
        line
    }

    fn beside_worker(&self, name: &str) -> String {
        let (open, worker) = (median(&self.open) * 1000.0, median(&self.worker) * 1000.0);
        format!("{name:24}{open:>11.3}{worker:>11.3}{:>11.3}", worker - open)
    }

    fn beside_limit(&self, name: &str) -> String {
        let open = median(&self.open);
        let parts = [&self.unwrap, &self.verify, &self.cipher, &self.hashes].map(|part| median(part));
        let [unwrap, verify, cipher, hashes] = parts;
        let limit = unwrap + verify + cipher;
        let mut line = format!("{name:24}{:>9.3}", open * 1000.0);
        for part in parts {
            line += &format!("{:>9.3}", part * 1000.0);
        }
        line + &format!("{:>9.2}{:>9.2}", open / limit, open / (limit + hashes))
    }
}
