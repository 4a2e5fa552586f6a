//! Fuzzing that runs on any Rust: `cargo run --release --manifest-path fuzz/Cargo.toml --target-dir target -- TARGET SECONDS [NUMBER]`.
//!
//! Inputs are the fixtures, changed at random. A panic, or an input that takes over two seconds, is a finding: it is
//! written to `fuzz/found/` and ends the run with 1. The target `all` takes each target in turn. It has no coverage to
//! steer by (`fuzz/run` has); its strength is that it needs nothing.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sealpost_fuzz::mutate::Random;
use sealpost_fuzz::{TARGETS, Target, named, one, root, seeds};

/// Longer than this for one input is a finding.
const SLOW: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, name, folder] = arguments.as_slice()
        && command == "seeds"
    {
        return write_seeds(name, Path::new(folder));
    }
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let (time, run_number) = (Duration::from_secs(number(1).unwrap_or(60)), number(2).unwrap_or(1));
    let name = arguments.first().map_or("", String::as_str);
    let chosen: Vec<(&str, Target)> = match named(name) {
        Some(target) => vec![(name, target)],
        None if name == "all" => TARGETS.iter().map(|(name, target, _)| (*name, *target)).collect(),
        None => {
            let names: Vec<&str> = TARGETS.iter().map(|(name, ..)| *name).collect();
            eprintln!("usage: sealpost-fuzz all|{} SECONDS [NUMBER]", names.join("|"));
            return ExitCode::from(2);
        }
    };
    let clean = chosen.iter().filter(|(name, target)| run(name, *target, time, run_number)).count();
    if clean == chosen.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Gives the guided fuzzer what to begin with.
fn write_seeds(name: &str, folder: &Path) -> ExitCode {
    let Some(target) = named(name) else { return ExitCode::from(2) };
    let written = seeds(target)
        .iter()
        .enumerate()
        .try_for_each(|(n, seed)| std::fs::write(folder.join(format!("seed-{n:04}")), seed));
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether nothing was found.
fn run(name: &str, target: Target, time: Duration, number: u64) -> bool {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    let mut random = Random::new(number);
    let (begin, mut count) = (Instant::now(), 0_u64);
    while begin.elapsed() < time {
        let input = random.mutate(&seeds);
        count += 1;
        let wrong = match std::panic::catch_unwind(AssertUnwindSafe(|| took(target, &input))) {
            Err(_) => "it panicked",
            // On a busy machine one slow run says nothing; three do.
            Ok(time) if time > SLOW && (0..2).all(|_| took(target, &input) > SLOW) => "it took over two seconds",
            Ok(_) => continue,
        };
        let file = root().join("fuzz/found").join(format!("{name}-{number}-{count}"));
        let written = std::fs::create_dir_all(root().join("fuzz/found")).and_then(|()| std::fs::write(&file, input));
        println!("{name}: input {count} of run {number}: {wrong}; {} {written:?}", file.display());
        return false;
    }
    println!("{name}: {count} inputs in {} s, nothing found", begin.elapsed().as_secs());
    true
}

fn took(target: Target, input: &[u8]) -> Duration {
    let at = Instant::now();
    one(target, input);
    at.elapsed()
}
