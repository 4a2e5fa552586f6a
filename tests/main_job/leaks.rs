//! A canary in a decrypted mail, and the passphrase: neither may be found anywhere but inside the sealed ledger.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bench::{Workplace, private};
use crate::reporters::{Gpg, entity, head, pgp_mime};
use crate::support::exim::Mode;

const CANARY: &str = "CANARY-4c1f-in-the-mail";
const PASSPHRASE: &str = "CANARY-77d0-the-passphrase";

/// Files below `folder` that hold one of the words, but for those named.
fn holders(folder: &Path, words: &[&str], but: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path())) {
            let Ok(meta) = fs::symlink_metadata(&path) else { continue };
            if meta.is_dir() {
                folders.push(path);
            } else if meta.is_file() && !but.iter().any(|b| path.ends_with(b)) {
                let bytes = fs::read(&path).unwrap_or_default();
                let has = |word: &&&str| bytes.windows(word.len()).any(|w| w == word.as_bytes());
                found.extend(words.iter().filter(has).map(|w| format!("{} holds {w}", path.display())));
            }
        }
    }
    found
}

/// Reads the arguments and the environment of every process for as long as it runs.
fn watch_processes(stop: Arc<AtomicBool>) -> std::thread::JoinHandle<(BTreeSet<String>, u64)> {
    std::thread::spawn(move || {
        let mut found = BTreeSet::new();
        let mut looks = 0;
        while !stop.load(Ordering::Relaxed) {
            for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
                // The test's own process has the words in its memory, and not in these files.
                for name in ["cmdline", "environ"] {
                    let bytes = fs::read(entry.path().join(name)).unwrap_or_default();
                    looks += u64::from(!bytes.is_empty());
                    for word in [CANARY, PASSPHRASE] {
                        if bytes.windows(word.len()).any(|w| w == word.as_bytes()) {
                            found.insert(format!("{} {name} holds {word}", entry.path().display()));
                        }
                    }
                }
            }
        }
        (found, looks)
    })
}

#[test]
fn the_canary_is_nowhere() {
    let gpg = Gpg::with("keys/finder.pgp", "finder@example.net");
    let place = Workplace::new(Mode::Accept);
    private(&place.path("passphrase"), PASSPHRASE.as_bytes());
    // A team key with a passphrase, made by the program itself.
    let made = place.json(
        &[
            "key",
            "generate",
            "locked.pgp",
            "--passphrase-command",
            &format!("cat {}", place.path("passphrase").display()),
        ],
        0,
    );
    assert!(made["fingerprint"].as_str().is_some());
    let config = fs::read_to_string(place.path("config.toml")).unwrap();
    let key = "secret_keys = [\"team.pgp\"]".to_owned();
    assert!(config.contains(&key), "{config}");
    let locked = format!(
        "secret_keys = [\"locked.pgp\"]\npassphrase_command = [\"cat\", \"{}\"]",
        place.path("passphrase").display()
    );
    private(&place.path("config.toml"), config.replace(&key, &locked).as_bytes());
    let ours = place.run(&["key", "export"]).left_with(0).stdout;
    assert!(gpg.call(&["--import"], ours.as_bytes()).status.success());
    let text = entity(&format!("{CANARY}\n"));
    let fingerprint = made["fingerprint"].as_str().unwrap();
    let sealed = gpg.call(&["--armor", "--sign", "--encrypt", "-u", gpg.address, "-r", fingerprint], &text);
    place.arrives(&pgp_mime(&head(gpg.address, "[...]", "t"), &String::from_utf8(sealed.stdout).unwrap()), 60);

    let stop = Arc::new(AtomicBool::new(false));
    let watcher = watch_processes(stop.clone());
    let polled = place.run(&["-v", "poll"]).left_with(0);
    let listed = place.run(&["list", "--search", "CANARY"]).left_with(0);
    let shown = place.run(&["show", "1"]).left_with(0);
    private(&place.path("finder.asc"), gpg.certificate().as_bytes());
    let imported = place.json(&["key", "import", "finder.asc"], 0);
    place.run(&["key", "pin", gpg.address, imported["imported"][0]["fingerprint"].as_str().unwrap()]).left_with(0);
    private(&place.path("answer.txt"), b"Thank you.\n");
    let replied = place.run(&["reply", "1", "--message-file", "answer.txt"]).left_with(0);
    place.run(&["poll"]).left_with(0);
    stop.store(true, Ordering::Relaxed);
    let (processes, looks) = watcher.join().unwrap();

    assert!(shown.stdout.contains(CANARY), "the mail was really opened: {}", shown.stdout);
    for ran in [&polled, &replied] {
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("CANARY"), "{}{}", ran.stdout, ran.stderr);
    }
    assert!(listed.stdout.contains("1 report"), "{}", listed.stdout);
    assert!(looks > 100, "the watcher looked only {looks} times");
    assert_eq!(processes, BTreeSet::new());
    assert_eq!(holders(place.dir.path(), &[CANARY, PASSPHRASE], &["passphrase"]), Vec::<String>::new());
    for folder in ["/dev/shm", "/run/user"] {
        assert_eq!(holders(Path::new(folder), &[CANARY], &[]), Vec::<String>::new());
    }
    // The scan itself finds what is there.
    private(&place.path("planted"), CANARY.as_bytes());
    assert_eq!(holders(place.dir.path(), &[CANARY], &["passphrase"]).len(), 1);
}

const ANSWER: &str = "CANARY-e00b-in-the-answer";

/// A workplace with one report whose sender's certificate is pinned; replies go to a sendmail command that keeps them in `sent.eml`.
fn answerable(gpg: &Gpg) -> Workplace {
    let place = Workplace::new(Mode::Accept);
    let config = fs::read_to_string(place.path("config.toml")).unwrap();
    let (before, rest) = config.split_once("[smtp]").unwrap();
    let (_, after) = rest.split_once("[openpgp]").unwrap();
    let sendmail = "[sendmail]\ncommand = [\"sh\", \"-c\", \"cat > sent.eml\"]\n";
    private(&place.path("config.toml"), format!("{before}{sendmail}[openpgp]{after}").as_bytes());
    let sealed = gpg.sign_and_encrypt(&entity(&format!("{CANARY}\n")));
    place.arrives(&pgp_mime(&head(gpg.address, "[...]", "e"), &sealed), 60);
    place.run(&["poll"]).left_with(0);
    private(&place.path("finder.asc"), gpg.certificate().as_bytes());
    let imported = place.json(&["key", "import", "finder.asc"], 0);
    place.run(&["key", "pin", gpg.address, imported["imported"][0]["fingerprint"].as_str().unwrap()]).left_with(0);
    private(&place.path("answer.txt"), format!("{ANSWER}\n").as_bytes());
    place
}

/// An editor: notes what it is given, writes the answer and a backup of it, then does `last`.
fn editor(place: &Workplace, name: &str, last: &str) -> PathBuf {
    let path = place.path(name);
    let dir = place.dir.path().display();
    let script = format!(
        "#!/bin/sh\nstat -c %a \"$1\" > {dir}/seen\nstat -c %a \"${{1%/*}}\" >> {dir}/seen\nstat -f -c %T \"$1\" >> {dir}/seen\n\
         cat {dir}/answer.txt > \"$1\"\ncp \"$1\" \"$1~\"\necho \"$1\" >> {dir}/seen\n{last}\n"
    );
    private(&path, script.as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// `reply 1` on a terminal, with this editor; gives what the terminal showed.
fn reply_on_a_terminal(place: &Workplace, editor: &Path, runtime: &Path) -> String {
    let plain = place.command_with("config.toml", &["reply", "1"]);
    let words: Vec<String> = std::iter::once(plain.get_program())
        .chain(plain.get_args())
        .map(|w| format!("'{}'", w.to_str().unwrap()))
        .collect();
    let mut command = Command::new("script");
    command.args(["-q", "-e", "-c", &words.join(" "), "/dev/null"]).current_dir(place.dir.path()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", place.dir.path()).env("TZ", "UTC");
    command.env("USER", "alice").env("EDITOR", editor).env("TERM", "dumb").env("SHELL", "/bin/sh");
    command.env("XDG_RUNTIME_DIR", runtime);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("script, of util-linux or bsdutils");
    child.stdin.take().unwrap().write_all(b"y\ny\n").unwrap();
    let output = child.wait_with_output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn drafts(runtime: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(runtime).unwrap().flatten().map(|e| e.path());
    found.filter(|p| p.file_name().unwrap().to_str().unwrap().starts_with("sealpost-draft-")).collect()
}

#[test]
fn a_draft_lives_in_memory_and_not_longer_than_its_editor() {
    let gpg = Gpg::with("keys/finder.pgp", "finder@example.net");
    let place = answerable(&gpg);
    // In memory, and its own: a poll of another test would sweep up what this one leaves in the folder that all share.
    let runtime = tempfile::tempdir_in("/dev/shm").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = watch_processes(stop.clone());
    let shown = reply_on_a_terminal(&place, &editor(&place, "editor", "sleep 0.2"), runtime.path());
    stop.store(true, Ordering::Relaxed);
    assert!(shown.contains(ANSWER) && shown.contains("reply 1 sent"), "{shown}");
    let seen = fs::read_to_string(place.path("seen")).unwrap();
    let seen: Vec<&str> = seen.lines().collect();
    assert_eq!(seen[..3], ["600", "700", "tmpfs"]);
    assert!(
        !Path::new(seen[3]).exists() && !Path::new(seen[3]).parent().unwrap().exists(),
        "{} is still there",
        seen[3]
    );
    let (processes, looks) = watcher.join().unwrap();
    assert_eq!(processes, BTreeSet::new());
    assert!(looks > 100, "the watcher looked only {looks} times");
    let (_, sent) = (shown, fs::read_to_string(place.path("sent.eml")).unwrap());
    assert!(sent.contains("-----BEGIN PGP MESSAGE-----"));
    assert_eq!(holders(place.dir.path(), &[CANARY, ANSWER], &["answer.txt"]), Vec::<String>::new());

    // Killed while the editor is open: the draft stays in memory until the next run, and no longer.
    reply_on_a_terminal(&place, &editor(&place, "killer", "kill -9 $PPID; sleep 0.2"), runtime.path());
    let seen = fs::read_to_string(place.path("seen")).unwrap();
    let left = PathBuf::from(seen.lines().nth(3).unwrap());
    assert!(left.exists(), "the editor did not kill the program: this test tests nothing");
    assert!(drafts(runtime.path()).contains(&left.parent().unwrap().to_owned()));
    let mut poll = place.command_with("config.toml", &["poll"]);
    assert!(poll.env("XDG_RUNTIME_DIR", runtime.path()).status().unwrap().success());
    assert!(!left.parent().unwrap().exists(), "the next run left {}", left.display());
}

/// A run that waits for its standard input, as an ordinary user where the tests run as root.
fn waiting(dir: &Path) -> Child {
    let program = dir.join("sealpost");
    fs::copy(env!("CARGO_BIN_EXE_sealpost"), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let (uid, gid) = crate::support::server_ids();
    let work = dir.join("work");
    fs::create_dir(&work).unwrap();
    crate::support::hand_over(&work);
    // As lax as the system lets it be, so that what follows is the program's own doing.
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -c unlimited 2>/dev/null || ulimit -c $(ulimit -H -c); exec \"$0\" \"$@\""])
        .arg(&program)
        .args(["open", "-"]);
    command.current_dir(&work).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &work);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).uid(uid).gid(gid);
    let child = command.spawn().unwrap();
    let proc = PathBuf::from(format!("/proc/{}", child.id()));
    // It has said what it needs to say to the kernel once the thread that does the work is there.
    for _ in 0..2000 {
        let threads = fs::read_dir(proc.join("task")).map_or(0, Iterator::count);
        if threads > 1 && fs::read_link(proc.join("exe")).is_ok_and(|exe| exe == program) {
            return child;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("the program did not start");
}

#[test]
fn no_core_and_no_debugger() {
    let folder = crate::support::folder();
    let mut child = waiting(folder.path());
    child.stdin.as_mut().unwrap().write_all(CANARY.as_bytes()).unwrap();
    let proc = PathBuf::from(format!("/proc/{}", child.id()));
    let limits = fs::read_to_string(proc.join("limits")).unwrap();
    let core = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    // What is not dumpable belongs to root in /proc, whoever runs it: no debugger of the same user can look in.
    assert_eq!(fs::metadata(proc.join("maps")).unwrap().uid(), 0);
    let (uid, _) = crate::support::server_ids();
    assert_ne!(uid, 0);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::ABORT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false));
    let left: Vec<_> = fs::read_dir(folder.path().join("work")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(left.is_empty(), "it left {left:?}");
}

#[test]
fn a_panic_tells_where_and_never_what() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "leaks::a_child_panics", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains("a defect in sealpost at tests/main_job/leaks.rs:"), "{said}");
    assert!(!said.contains(CANARY), "{said}");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn a_child_panics() {
    sealpost::commands::harden();
    panic!("{CANARY}");
}
