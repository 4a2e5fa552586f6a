//! What the benchmarks share: their arguments, a place to work in, and how things are measured.

pub mod gpg;
pub mod mails;
pub mod raw;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Whether a smoke run was asked for. Under `cargo test --all-targets`, which does not say `--bench`, it always is one.
pub fn wants_quick(name: &str) -> Result<bool, String> {
    let mut quick = true;
    let mut asked = false;
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--bench" => quick = false,
            "--quick" => asked = true,
            _ => return Err(format!("{name} does not know {arg}; usage: cargo bench --bench {name} [-- --quick]")),
        }
    }
    Ok(quick || asked)
}

/// A folder that only its owner can enter; it goes when dropped.
pub fn folder() -> tempfile::TempDir {
    let mode = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().prefix("sealpost-bench-").permissions(mode).tempdir().unwrap()
}

/// Makes a folder that only its owner can enter.
pub fn private_folder(path: &Path) {
    fs::DirBuilder::new().mode(0o700).create(path).unwrap();
}

/// Writes a new file of mode 0600.
pub fn private(path: &Path, bytes: &[u8]) {
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap().write_all(bytes).unwrap();
}

/// Where half of the values lie below.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The seconds that `work` takes.
pub fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let begun = Instant::now();
    std::hint::black_box(work());
    begun.elapsed().as_secs_f64()
}

/// A child process that has ended.
pub struct Ran {
    /// What it said.
    pub output: Output,
    /// From its start to its end.
    pub seconds: f64,
    /// The most memory that was resident at once, where the system tells (Linux).
    pub peak_mib: Option<f64>,
}

/// Runs `command` to its end. The peak is the kernel's own high-water mark, read every 2 ms: only what a process grows by
/// in the last 2 ms of its life can be missed.
pub fn run(mut command: Command) -> Ran {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = AtomicBool::new(false);
    let peak = AtomicU64::new(0);
    let begun = Instant::now();
    let child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let (output, seconds) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                if let Some(kib) = high_water_kib(&status) {
                    peak.fetch_max(kib, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let output = child.wait_with_output().unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        (output, seconds)
    });
    let peak = peak.into_inner();
    Ran { output, seconds, peak_mib: (peak > 0).then(|| peak as f64 / 1024.0) }
}

fn high_water_kib(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}
