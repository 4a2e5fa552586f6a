//! Real servers to test against, each in a folder and on ports of its own, and scripted ones for what real ones do not do.
//!
//! A server that does not start is a failed test, never a skipped one; `tests/install` installs what is missing.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod dovecot;
pub mod exim;
pub mod fake;
pub mod fault;
pub mod image;
pub mod letter;
mod private;
pub mod script;
pub mod tls;

pub use private::private;

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How often to do what a test repeats: `SEALPOST_SOAK`, a whole number, multiplies it. `tests/soak` sets it; unset it is 1.
pub fn rounds(base: u64) -> u64 {
    let factor = std::env::var("SEALPOST_SOAK").map_or(1, |n| n.parse().expect("SEALPOST_SOAK is a whole number"));
    base * factor
}

/// Tells a figure that a test found (kills done, faults injected, messages checked, lost, doubled): on standard output and in
/// a file that `tests/run` and `tests/soak` print when all is done.
pub fn figure(test: &str, words: &str) {
    use std::io::Write;
    println!("{test}: {words}");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("figures");
    std::fs::create_dir_all(&folder).unwrap();
    let mut file = std::fs::File::options().create(true).append(true).open(folder.join(format!("{test}.txt"))).unwrap();
    writeln!(file, "{test}: {words}").unwrap();
}

/// A folder that other users can pass through, gone when dropped.
pub fn folder() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("sealpost-test-").tempdir().expect("a temporary folder");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

/// A port of the loopback interface that was free a moment ago: below those that the system gives to clients, and not given
/// twice by this process.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(131);
    for _ in 0..10_000 {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let port = 20_000 + u16::try_from(offset).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 20000 and 32000");
}

/// The first of these programs that exists.
pub fn program(names: &[&str]) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin"];
    let all = names.iter().flat_map(|name| folders.iter().map(move |dir| Path::new(dir).join(name)));
    all.into_iter().find(|p| p.is_file()).unwrap_or_else(|| panic!("{names:?} is not installed: run tests/install"))
}

/// Waits until someone listens.
pub fn wait_for_port(port: u16, child: &mut Child, log: &Path) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        let gone = child.try_wait().unwrap();
        if gone.is_some() || Instant::now() > end {
            let words = std::fs::read_to_string(log).unwrap_or_default();
            panic!("the server does not listen on port {port} ({gone:?}); its log:\n{words}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Asks a server, which leads a process group of its own, to end; then makes every process of the group end, so that none
/// writes into a folder that is gone.
pub fn stop(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
    let _ = kill_process(pid, Signal::TERM);
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end && child.try_wait().is_ok_and(|status| status.is_none()) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = kill_process_group(pid, Signal::KILL);
    let _ = child.wait();
    // Killed ones still show until whoever adopted them notices; a moment is enough for them to stop writing.
    let end = Instant::now() + Duration::from_millis(200);
    while Instant::now() < end && test_kill_process_group(pid).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The user servers run as: an ordinary one even where the tests run as root, because mail servers refuse root.
pub fn server_ids() -> (u32, u32) {
    let me = rustix::process::geteuid().as_raw();
    if me == 0 { (65534, 65534) } else { (me, rustix::process::getegid().as_raw()) }
}

/// Gives a path to the user servers run as.
pub fn hand_over(path: &Path) {
    let (uid, gid) = server_ids();
    std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
}
