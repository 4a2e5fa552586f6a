//! Fuzzing that runs on stable Rust: `cargo run --release --manifest-path fuzz/Cargo.toml --target-dir target -- TARGET SECONDS [SEED]`.
//!
//! Inputs are the fixtures, changed at random in ways that parsers dislike. A panic, a caught panic of the library, or an input
//! that takes over two seconds is a finding: it is written to `fuzz/found/` and ends the run with 1. The same seed gives
//! the same inputs. It has no coverage to steer by; its strength is that it needs nothing but the fixtures.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sealpost::message::armor;
use sealpost::message::tree::{self, Limits};
use sealpost::pgp::keyring::{CertLimits, Keyring, parse_certs};
use sealpost::pgp::open::{self, Context};

/// Longer than this for one input is a finding.
const SLOW: Duration = Duration::from_secs(2);
const MAX_INPUT: usize = 256 << 10;

/// What one input is given to.
#[derive(Clone, Copy)]
enum Target {
    Mail,
    Layers,
    Armor,
    Certificates,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let target = match arguments.first().map(String::as_str) {
        Some("mail") => Target::Mail,
        Some("layers") => Target::Layers,
        Some("armor") => Target::Armor,
        Some("certificates") => Target::Certificates,
        _ => {
            eprintln!("usage: sealpost-fuzz mail|layers|armor|certificates SECONDS [SEED]");
            return ExitCode::from(2);
        }
    };
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let (seconds, seed) = (number(1).unwrap_or(60), number(2).unwrap_or(1));
    run(target, Duration::from_secs(seconds), seed)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of the folders that seed a target.
fn seeds(target: Target) -> Vec<Vec<u8>> {
    let folders: &[&str] = match target {
        Target::Certificates => &["keys"],
        _ => &["fixtures/mail", "fixtures/locked", "fixtures/fuzz"],
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let entries = std::fs::read_dir(root().join(folder)).into_iter().flatten().flatten();
        paths.extend(entries.map(|entry| entry.path()));
    }
    paths.retain(|path| path.extension().is_some_and(|ending| ending != "json" && ending != "md"));
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

fn run(target: Target, time: Duration, seed: u64) -> ExitCode {
    let seeds = seeds(target);
    let key = |name: &str| root().join("keys").join(name);
    let ring = Keyring::load(&[key("team.pgp"), key("team-elgamal.pgp")], &[key("finder.pgp"), key("rsa4096.pgp")]);
    let (Ok(ring), false) = (ring, seeds.is_empty()) else {
        eprintln!("the fixtures or the test keys are not there");
        return ExitCode::from(2);
    };
    let mut random = Random(seed.max(1));
    let (begin, mut count) = (Instant::now(), 0_u64);
    while begin.elapsed() < time {
        let input = random.mutate(&seeds);
        let at = Instant::now();
        let done = std::panic::catch_unwind(AssertUnwindSafe(|| one(target, &input, &ring)));
        let wrong = match done {
            Err(_) => Some("it panicked"),
            Ok(false) => Some("the library panicked"),
            // On a busy machine one slow run says nothing; three do.
            Ok(true) if at.elapsed() > SLOW && (0..2).all(|_| is_slow(target, &input, &ring)) => {
                Some("it took over two seconds")
            }
            Ok(true) => None,
        };
        count += 1;
        if let Some(wrong) = wrong {
            return found(wrong, &input, seed, count);
        }
    }
    println!("{count} inputs in {} s, nothing found", begin.elapsed().as_secs());
    ExitCode::SUCCESS
}

fn is_slow(target: Target, input: &[u8], ring: &Keyring) -> bool {
    let at = Instant::now();
    one(target, input, ring);
    at.elapsed() > SLOW
}

fn found(wrong: &str, input: &[u8], seed: u64, count: u64) -> ExitCode {
    let folder = root().join("fuzz/found");
    let file = folder.join(format!("{seed}-{count}"));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, input));
    println!("input {count} of seed {seed}: {wrong}; {} {written:?}", file.display());
    ExitCode::FAILURE
}

/// False where a panic of the library was caught on the way.
fn one(target: Target, input: &[u8], ring: &Keyring) -> bool {
    match target {
        Target::Mail => {
            let now = jiff::Timestamp::from_second(1_772_500_000).unwrap_or_default();
            let context = Context { now, received_at: None, own_addresses: vec!["security@example.org".into()] };
            let opened = open::open(input, ring, &context);
            !opened.quarantined.is_some_and(|limit| limit.contains("library failed"))
        }
        Target::Layers => {
            let tree = tree::parse(input, Limits::default());
            for part in 0..tree.parts.len() {
                let _ = sealpost::message::layer::of(&tree, part, |_| input.get(..512).unwrap_or(input).to_vec());
            }
            true
        }
        Target::Armor => {
            let _ = armor::find(input);
            true
        }
        Target::Certificates => {
            let _ = parse_certs(input, CertLimits::STRANGER);
            true
        }
    }
}

/// A small generator of its own, so that a seed names a run for ever (xorshift, 64 bits).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// A seed, changed one to eight times.
    fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.pick(seeds).to_vec();
        for _ in 0..=self.below(8) {
            self.change(&mut input, seeds);
        }
        input.truncate(MAX_INPUT);
        input
    }

    fn pick<'a>(&mut self, seeds: &'a [Vec<u8>]) -> &'a [u8] {
        let at = self.below(seeds.len());
        seeds.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len());
        let to = (at + 1 + self.below(200)).min(input.len());
        match self.below(9) {
            0 => {
                let bit = 1_u8 << self.below(8);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= bit;
                }
            }
            1 => {
                let other = [0, 0xff, b'\n', b'\r', b'-', b'=', b'<', 0x80][self.below(8)];
                if let Some(byte) = input.get_mut(at) {
                    *byte = other;
                }
            }
            2 => drop(input.drain(at.min(to)..to)),
            3 => input.truncate(at),
            4 => {
                let copied = input.get(at..to).unwrap_or_default().to_vec();
                input.splice(at..at, copied);
            }
            5 => {
                let copied = input.get(at..to).unwrap_or_default().repeat(1 + self.below(64));
                input.extend(copied);
            }
            6 => {
                let other = self.pick(seeds);
                let from = self.below(other.len());
                let piece = other.get(from..(from + 2_000).min(other.len())).unwrap_or_default().to_vec();
                input.splice(at..at, piece);
            }
            7 => self.move_line(input, seeds),
            _ => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(at..at, word.bytes());
            }
        }
    }

    /// A line of another mail stands where a line begins: headers and boundaries meet those they were not made for.
    fn move_line(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let other = self.pick(seeds);
        let lines: Vec<&[u8]> = other.split_inclusive(|b| *b == b'\n').collect();
        let line = lines.get(self.below(lines.len())).copied().unwrap_or_default().to_vec();
        let from = self.below(input.len());
        let at = input.iter().skip(from).position(|b| *b == b'\n').map_or(input.len(), |next| from + next + 1);
        input.splice(at..at, line);
    }
}

/// What parsers look for.
const WORDS: [&str; 18] = [
    "-----BEGIN PGP MESSAGE-----\n",
    "-----END PGP MESSAGE-----\n",
    "-----BEGIN PGP SIGNED MESSAGE-----\n",
    "-----BEGIN PGP SIGNATURE-----\n",
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
    "Hash: SHA256\n",
    "\n\n",
    "\r\n",
    "--",
    "=?utf-8?q?",
    "?=",
    "Content-Type: multipart/mixed; boundary=b\n",
    "Content-Type: message/rfc822\n\n",
    "Content-Transfer-Encoding: base64\n",
    "Content-Transfer-Encoding: quoted-printable\n",
    "charset*0*=iso-2022-jp''",
    "\u{202e}\u{feff}",
    "<table><td><blockquote><pre>",
];
