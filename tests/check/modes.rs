//! Modes of files: everything made is private whatever the umask, and what lies open is not worked with.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::bench::{private, project};
use crate::desk::{Desk, NOW};

/// Runs the program under a umask that closes nothing.
fn open_handed(dir: &Path, config: &str, args: &[&str], stdin: &str) -> (i32, String) {
    let mut command = Command::new("sh");
    command.args(["-c", "umask 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_sealpost"), "--config", config]).args(args);
    command.current_dir(dir).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", dir).env("TZ", "UTC").env("SEALPOST_NOW", NOW);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

/// Everything below a folder that others may use, and how many things were looked at.
fn loose(folder: &Path) -> (Vec<String>, usize) {
    let (mut found, mut count, mut folders) = (Vec::new(), 0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            count += 1;
            if meta.mode() & 0o077 != 0 {
                found.push(format!("{} {:04o}", path.display(), meta.mode() & 0o7777));
            }
            if meta.is_dir() {
                folders.push(path);
            }
        }
    }
    (found, count)
}

const MAIL: &str = "Received: by mail.example.org; Mon, 02 Mar 2026 10:00:00 +0000\nFrom: finder@example.net\n\
    To: security@example.org\nSubject: Crash\nMessage-ID: <m@example.net>\nMIME-Version: 1.0\n\
    Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nIt crashes.\n--b\n\
    Content-Type: text/plain\nContent-Disposition: attachment; filename=poc.py\n\ncrash()\n--b--\n";

#[test]
fn whatever_the_umask_everything_made_is_private() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let made = dir.path().join("made");
    for part in ["mail/new", "mail/cur", "mail/tmp"] {
        fs::create_dir_all(dir.path().join(part)).unwrap();
    }
    private(&dir.path().join("mail/new/1"), MAIL.replace("<m@", "<n@").replace("crashes", "halts").as_bytes());
    private(&dir.path().join("m.eml"), MAIL.as_bytes());
    private(&dir.path().join("finder.asc"), &fs::read(project("fixtures/cmd/finder.asc")).unwrap());
    let config = "made/config/config.toml";
    let run = |args: &[&str], status: i32| {
        let (left, text) = open_handed(dir.path(), config, args, "Thank you.\n");
        assert_eq!(left, status, "{args:?}\n{text}");
        text
    };
    run(&["init", "--address", "security@example.org", "--maildir", "mail", "--new-key"], 0);
    run(&["poll"], 0);
    run(&["import", "m.eml"], 0);
    run(&["save", "2", "2", "made/poc.py"], 0);
    run(&["key", "import", "finder.asc"], 0);
    let listed = run(&["--json", "key", "list"], 0);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let fingerprint = listed["certificates"][0]["fingerprint"].as_str().unwrap().to_owned();
    run(&["key", "pin", "finder@example.net", &fingerprint], 0);
    run(&["reply", "2", "--message-file", "-", "--later"], 0);
    run(&["key", "generate", "made/second.pgp", "--no-passphrase"], 0);
    run(&["demo", "--folder", "made/demo"], 0);
    // The ledger goes to the data folder below HOME.
    let (mut open, mut count) = loose(&made);
    let (more, others) = loose(&dir.path().join(".local"));
    open.extend(more);
    count += others;
    assert_eq!(open, [] as [String; 0], "of {count}");
    assert_eq!(fs::metadata(&made).unwrap().mode() & 0o777, 0o700);
    for name in ["config/config.toml", "config/team.pgp", "config/team.pgp.rev", "poc.py", "second.pgp", "demo"] {
        assert!(made.join(name).exists(), "{name}");
    }
    assert!(
        dir.path().join(".local/share/sealpost/ledger.db").exists() && count >= 15,
        "only {count} things were made"
    );
}

const COMMANDS: &[&str] = &[
    "poll",
    "import m.eml",
    "list",
    "show 1",
    "save 1 2",
    "reply 1 --message-file m.eml --later",
    "outbox",
    "outbox send",
    "mark 1 valid",
    "assign 1 alice",
    "severity 1 high",
    "note 1 words",
    "tag 1 x",
    "link 1 1",
    "unlink 1",
    "wait 1",
    "resume 1",
    "close 1",
    "reopen 1",
    "plan 1",
    "policy adopt",
    "policy log",
    "policy propose",
    "stats",
    "key list",
    "key import finder.asc",
    "key pin a@example.net 0123456789ABCDEF0123456789ABCDEF01234567",
    "audit",
];

fn used_desk() -> Desk {
    let desk = Desk::new("secret_keys = [\"team.pgp\"]");
    private(&desk.path("team.pgp"), &fs::read(project("keys/team.pgp")).unwrap());
    private(&desk.path("finder.asc"), &fs::read(project("fixtures/cmd/finder.asc")).unwrap());
    desk.write("m.eml", MAIL);
    assert!(desk.command(NOW, &["import", "m.eml"]).output().unwrap().status.success());
    desk
}

fn run(desk: &Desk, line: &str) -> (i32, String) {
    let output = desk.command(NOW, &line.split(' ').collect::<Vec<_>>()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

fn chmod(desk: &Desk, path: &str, mode: u32) {
    fs::set_permissions(desk.path(path), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn no_command_works_with_a_ledger_that_lies_open() {
    let desk = used_desk();
    for (path, mode, good) in [
        ("data/ledger.db", 0o644, 0o600),
        ("data/ledger.db", 0o620, 0o600),
        ("data/ledger.key", 0o640, 0o600),
        ("data", 0o755, 0o700),
    ] {
        chmod(&desk, path, mode);
        for line in COMMANDS {
            let (status, text) = run(&desk, line);
            assert_eq!(status, 2, "{path} {mode:o}: {line}\n{text}");
            assert!(text.contains("may be used by others") && text.contains("chmod"), "{line}: {text}");
        }
        desk.check().has("ledger", "fail", "may be used by others");
        chmod(&desk, path, good);
    }
    assert_eq!(run(&desk, "audit").0, 0);
}

#[test]
fn no_command_works_with_a_configuration_that_others_can_change() {
    let desk = used_desk();
    for mode in [0o620, 0o602, 0o666] {
        chmod(&desk, "config.toml", mode);
        for line in COMMANDS.iter().chain(&["check", "open m.eml", "policy check", "key check", "key export"]) {
            let (status, text) = run(&desk, line);
            assert_eq!(status, 2, "{mode:o}: {line}\n{text}");
            assert!(text.contains("config.toml may be changed by others"), "{line}: {text}");
        }
    }
    // One that others can read stops the poll, and is told.
    chmod(&desk, "config.toml", 0o644);
    assert_eq!(run(&desk, "poll").0, 2);
    assert_eq!(run(&desk, "list").0, 0);
    desk.check().has("permission", "fail", "config.toml may be used by others (mode 0644)");
}

#[test]
fn a_secret_key_that_lies_open_is_not_worked_with() {
    let desk = used_desk();
    let takes = ["poll", "import m.eml", "reply 1 --message-file m.eml --later", "outbox send"];
    for mode in [0o644, 0o640, 0o660, 0o604] {
        chmod(&desk, "team.pgp", mode);
        for line in takes {
            let (status, text) = run(&desk, line);
            assert_eq!(status, 2, "{mode:o}: {line}\n{text}");
            assert!(text.contains("chmod 600"), "{text}");
        }
        desk.check().has("permission", "fail", "team.pgp may be used by others");
    }
    // Read-only for everybody is how a store of secrets is mounted: told, and worked with.
    chmod(&desk, "team.pgp", 0o444);
    assert_eq!(run(&desk, "poll").0, 0);
    let told = desk.check();
    told.has("permission", "fail", "mode 0444");
    assert_eq!(told.status, 1);
}

#[test]
fn what_decides_whom_we_believe_is_ours_to_change() {
    let desk = Desk::new("secret_keys = [\"team.pgp\"]\ncerts = [\"reporters.pgp\"]");
    private(&desk.path("team.pgp"), &fs::read(project("keys/team.pgp")).unwrap());
    private(&desk.path("reporters.pgp"), &fs::read(project("keys/finder.pgp")).unwrap());
    chmod(&desk, "reporters.pgp", 0o644);
    desk.check().well("permission");
    chmod(&desk, "reporters.pgp", 0o664);
    desk.check().has("permission", "warn", "reporters.pgp decides whom we believe");
}
