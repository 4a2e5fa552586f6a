//! `backup`, `restore`, anchors and rescue as a person runs them; other programs open what they write; killed at any moment.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

mod support;

use support::{figure, private, rounds};

/// A folder with a configuration, the team key and a ledger of some mails.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn empty(key: &str) -> Bench {
        let bench = Bench { folder: tempfile::tempdir().unwrap() };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (name, source) in [
            ("config.toml", "fixtures/cmd/send.toml".to_owned()),
            ("team.pgp", format!("keys/{key}")),
            ("finder.asc", "fixtures/cmd/finder.asc".into()),
            ("SECURITY.md", "fixtures/cmd/policy.md".into()),
        ] {
            bench.write(name, &fs::read(root.join(source)).unwrap());
        }
        for folder in ["mail", "mail/new", "mail/cur", "mail/tmp"] {
            fs::create_dir(bench.path(folder)).unwrap();
        }
        bench
    }

    fn new() -> Bench {
        let bench = Bench::empty("team.pgp");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["sealed.eml", "signed.eml", "foreign.eml"] {
            bench.write(&format!("in/{name}"), &fs::read(root.join("fixtures/cmd").join(name)).unwrap());
        }
        for number in 0..12 {
            bench.write(&format!("in/{number}.eml"), &plain_mail(number));
        }
        bench.run("import in", 3);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        private(&self.path(name), bytes);
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
        command.args(args.split(' ')).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("TZ", "UTC");
        command.env("SEALPOST_NOW", "2026-03-02T12:00:00Z").env("SEALPOST_CONFIG", self.path("config.toml"));
        command
    }

    fn output(&self, args: &str) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs it with `--json`; gives the document.
    fn run(&self, args: &str, status: i32) -> Value {
        let output = self.output(&format!("--json {args}"));
        let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{args}\n{stdout}{stderr}");
        serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{args}: {e}\n{stdout}{stderr}"))
    }

    /// Why it fails.
    fn refusal(&self, args: &str, status: i32) -> String {
        self.run(args, status)["error"].to_string()
    }

    fn lose(&self) {
        fs::remove_dir_all(self.path("data")).unwrap();
    }

    /// The names below the data folder, without locks and what SQLite keeps beside a ledger in use.
    fn data(&self) -> Vec<String> {
        let Ok(found) = fs::read_dir(self.path("data")) else { return Vec::new() };
        let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> =
            names.filter(|n| !n.ends_with(".lock") && !n.ends_with("-wal") && !n.ends_with("-shm")).collect();
        names.sort();
        names
    }

    /// What every report says, without times that pass.
    fn reports(&self) -> Vec<Value> {
        let list = self.run("list --all", 0);
        list["reports"].as_array().unwrap().clone()
    }

    fn gpg(&self, args: &[&str]) -> Output {
        let home = self.path("gnupg");
        if !home.exists() {
            fs::create_dir(&home).unwrap();
            fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
            let imported = self.gpg(&["--import", "team.pgp"]);
            assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        }
        let mut command = Command::new(support::program(&["gpg"]));
        command
            .arg("--homedir")
            .arg(&home)
            .args(["--batch", "--no-tty", "--faked-system-time", "20260302T120000"])
            .args(args);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).output().unwrap()
    }
}

impl Bench {
    /// Imports the stranger's key into gpg; gives its fingerprint.
    fn stranger(&self) -> String {
        let file = format!("{}/keys/stranger.pgp", env!("CARGO_MANIFEST_DIR"));
        let before = self.primary_keys();
        assert!(self.gpg(&["--import", &file]).status.success());
        self.primary_keys().into_iter().find(|key| !before.contains(key)).unwrap()
    }

    fn primary_keys(&self) -> Vec<String> {
        let listed = String::from_utf8(self.gpg(&["--list-secret-keys", "--with-colons"]).stdout).unwrap();
        let lines: Vec<&str> = listed.lines().collect();
        let after = |pair: &[&str]| pair[0].starts_with("sec:").then(|| pair[1].split(':').nth(9).unwrap().to_owned());
        lines.windows(2).filter_map(after).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.path("gnupg").exists() {
            let _ = Command::new("gpgconf").arg("--homedir").arg(self.path("gnupg")).args(["--kill", "all"]).output();
        }
    }
}

fn plain_mail(number: usize) -> Vec<u8> {
    let filler = format!("line of report {number}\n").repeat(number * number * 40);
    format!("Received: by mail.example.org; Mon, 02 Mar 2026 09:{number:02}:00 +0000\nFrom: seeker{number}@example.com\nTo: security@example.org\nSubject: Crash {number}\nMessage-ID: <{number}@example.com>\n\n{filler}\n").into_bytes()
}

#[test]
fn other_programs_open_a_backup_and_check_an_anchor() {
    let bench = Bench::new();
    let made = bench.run("backup b.pgp", 0);
    assert_eq!((&made["verified"], &made["recorded"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(fs::metadata(bench.path("b.pgp")).unwrap().permissions().mode() & 0o777, 0o600);
    let output = bench.gpg(&["--status-fd", "2", "--decrypt", "b.pgp"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("GOODSIG") && said.contains("DECRYPTION_OKAY"), "{said}");
    bench.write("b.tar", &output.stdout);
    let listed = Command::new("tar").args(["-tf", "b.tar"]).current_dir(bench.folder.path()).output().unwrap();
    assert_eq!(String::from_utf8(listed.stdout).unwrap(), "backup.json\nledger.key\nledger.db\n");
    // Without sealpost's own restore: taken apart by hand, the files are a ledger.
    bench.lose();
    fs::create_dir(bench.path("data")).unwrap();
    fs::set_permissions(bench.path("data"), fs::Permissions::from_mode(0o700)).unwrap();
    let taken = Command::new("tar").args(["-xpf", "../b.tar"]).current_dir(bench.path("data")).status().unwrap();
    assert!(taken.success());
    let audit = bench.run("audit --write-anchor a.asc", 0);
    assert_eq!(audit["messages"], 15);
    let verified = bench.gpg(&["--status-fd", "2", "--verify", "a.asc"]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && said.contains("GOODSIG"), "{said}");
    let sq = Command::new(support::program(&["sq"]))
        .args(["decrypt", "--recipient-key", "team.pgp", "--signer-cert", "team.pgp", "--output", "b2.tar", "b.pgp"])
        .env("HOME", bench.folder.path())
        .current_dir(bench.folder.path())
        .output()
        .unwrap();
    assert!(sq.status.success(), "{}", String::from_utf8_lossy(&sq.stderr));
    assert_eq!(fs::read(bench.path("b2.tar")).unwrap(), output.stdout);
}

#[test]
fn what_was_lost_is_as_it_was_after_a_restore() {
    let bench = Bench::new();
    bench.run("key import finder.asc", 0);
    bench.run("key pin finder@example.net 2989198E55D8F0CB241F7BE24B1236B934E04CBA", 0);
    bench.write("answer.txt", b"Thank you.\n");
    let reports = bench.reports();
    let sealed = reports.iter().find(|r| r["reporter"]["address"] == "finder@example.net").unwrap()["id"].clone();
    bench.run(&format!("reply {sealed} --message-file answer.txt --later"), 0);
    bench.run("close 1 --reason done", 0);
    let before = bench.reports();
    bench.run("backup b.pgp", 0);
    // After the backup: the reply goes out, a mail comes.
    bench.run("poll", 0);
    assert!(bench.path("sent.eml").exists());
    fs::remove_file(bench.path("sent.eml")).unwrap();
    bench.lose();
    let restored = bench.run("restore b.pgp", 0);
    assert_eq!(restored["held"], 1);
    assert_eq!(bench.reports(), before, "states, clocks and times are as they were");
    let mail = "From: new@example.net\nSubject: New\nMessage-ID: <new@example.net>\nReceived: by x; Mon, 02 Mar 2026 11:00:00 +0000\n\nx\n";
    bench.write("mail/new/1.host", mail.as_bytes());
    // What was held waits for a person, and polls say so.
    let polled = bench.run("poll", 3);
    assert_eq!((&polled["stored"], &polled["sent"]), (&1.into(), &0.into()), "{polled}");
    assert_eq!(polled["outbox"]["undecided"], 1, "{polled}");
    assert!(!bench.path("sent.eml").exists(), "nothing goes out a second time");
    let fresh = bench.reports().into_iter().find(|r| r["subject"] == "New").unwrap();
    assert_eq!(fresh["received_at"], "2026-03-02T11:00:00Z");
    assert!(bench.reports().iter().any(|r| r["id"] == 1 && r["state"] == "closed"));
    let outbox = bench.run("outbox", 0);
    assert_eq!(outbox["outbox"][0]["state"], "unknown");
    assert_eq!(bench.run("audit", 0)["ok"], true);
}

#[test]
fn a_backup_that_somebody_else_made_is_refused() {
    let bench = Bench::new();
    bench.run("backup b.pgp", 0);
    bench.gpg(&["--version"]);
    let plain = bench.gpg(&["--output", "b.tar", "--decrypt", "b.pgp"]);
    assert!(plain.status.success());
    for (name, args) in [
        ("unsigned.pgp", &["--trust-model", "always", "-r", "security@example.org", "--encrypt", "b.tar"][..]),
        ("signed-only.pgp", &["--sign", "b.tar"]),
        ("symmetric.pgp", &["--pinentry-mode", "loopback", "--passphrase", "x", "--symmetric", "b.tar"]),
        ("literal.pgp", &["--store", "b.tar"]),
    ] {
        let made = bench.gpg(&[&["--output", name][..], args].concat());
        assert!(made.status.success(), "{name}: {}", String::from_utf8_lossy(&made.stderr));
    }
    // By a stranger's key, with everything else right.
    let stranger = bench.stranger();
    let made = bench.gpg(&[
        "--output",
        "stranger-signed.pgp",
        "--trust-model",
        "always",
        "-u",
        &stranger,
        "-r",
        "EC4F7AA5C3278EF19AD407C5A6F3BDF0E7AC2A81",
        "--sign",
        "--encrypt",
        "b.tar",
    ]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    bench.lose();
    for (name, word) in [
        ("unsigned.pgp", "no good signature"),
        ("stranger-signed.pgp", "no good signature"),
        ("signed-only.pgp", "cannot be restored"),
        ("symmetric.pgp", ""),
        ("literal.pgp", "cannot be restored"),
        ("b.tar", "cannot be restored"),
        ("config.toml", "cannot be restored"),
        ("missing.pgp", "there is no such file"),
    ] {
        let said = bench.refusal(&format!("restore {name}"), 1);
        assert!(said.contains(word), "{name}: {said}");
        assert_eq!(bench.data(), Vec::<String>::new(), "{name} leaves nothing");
    }
    for name in ["signed-only.pgp", "literal.pgp"] {
        bench.refusal(&format!("restore --unsigned {name}"), 1);
    }
    assert_eq!(bench.run("restore --unsigned unsigned.pgp", 0)["signed_by"], Value::Null);
    assert_eq!(bench.run("audit", 0)["ok"], true);
}

#[test]
fn a_damaged_backup_restores_nothing() {
    let bench = Bench::new();
    bench.run("backup b.pgp", 0);
    let good = fs::read(bench.path("b.pgp")).unwrap();
    bench.lose();
    let count = usize::try_from(rounds(24)).unwrap();
    let mut refused = 0;
    for round in 0..count {
        let mut bad = good.clone();
        match round % 2 {
            0 => bad.truncate(if round < 12 { round * 7 } else { good.len() * round / (count + 1) }),
            _ => {
                let at = good.len() * round / (count + 1);
                bad[at] ^= 1 << (round % 8);
            }
        }
        bench.write("bad.pgp", &bad);
        let output = bench.output("--json restore bad.pgp");
        assert_eq!(output.status.code(), Some(1), "round {round}: {}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(bench.data(), Vec::<String>::new(), "round {round} leaves nothing");
        refused += 1;
    }
    figure("backup-damaged", &format!("{refused} damaged backups refused, 0 restored"));
    bench.run("restore b.pgp", 0);
}

#[test]
fn without_the_secret_key_a_backup_says_that_it_was_not_verified() {
    let bench = Bench::empty("team-locked.pgp");
    bench.write("in/1.eml", &plain_mail(1));
    bench.run("import in", 0);
    let made = bench.run("backup b.pgp", 0);
    assert_eq!((&made["verified"], &made["signed_by"]), (&Value::Bool(false), &Value::Null));
    let words = String::from_utf8(bench.output("backup c.pgp").stdout).unwrap();
    assert!(words.contains("not verified by restoring") && words.contains("locked"), "{words}");
    bench.lose();
    let said = bench.refusal("restore b.pgp", 1);
    assert!(said.contains("locked"), "{said}");
}

#[test]
fn a_backup_goes_nowhere_but_to_a_new_file() {
    let bench = Bench::new();
    bench.write("there.pgp", b"mine");
    assert!(bench.refusal("backup there.pgp", 1).contains("exists already"));
    assert_eq!(fs::read(bench.path("there.pgp")).unwrap(), b"mine");
    assert!(bench.refusal("backup -", 2).contains("needs a file"));
    for command in ["backup no/such/folder.pgp", "audit --write-anchor no/such/a.asc"] {
        let said = bench.refusal(command, 1);
        assert!(said.contains("there is no folder ") && said.contains("no/such"), "{said}");
        assert!(!said.contains("partial"), "{said}");
    }
    fs::create_dir(bench.path("backups")).unwrap();
    let made = bench.run("backup backups", 0);
    assert!(made["file"].as_str().unwrap().ends_with("/backups/sealpost-2026-03-02T120000Z.pgp"), "{made}");
    assert_eq!(bench.data(), ["ledger.db", "ledger.key"], "no copy stays");
}

/// What `check` says of backups.
fn backup_finding(bench: &Bench, status: i32) -> (String, String) {
    let found = bench.run("check --offline", status);
    let of_backups = found["findings"].as_array().unwrap().iter().find(|f| f["about"] == "backup").unwrap();
    (of_backups["level"].as_str().unwrap().to_owned(), of_backups["words"].as_str().unwrap().to_owned())
}

/// The key in a backup from before the restore does not open a ledger that was sealed with another key.
#[test]
fn a_ledger_restored_under_another_key_wants_a_new_backup() {
    let bench = Bench::new();
    bench.run("backup old.pgp", 0);
    bench.lose();
    let same = bench.run("restore old.pgp", 0);
    assert_eq!(same["other_key"], false);
    assert_eq!(backup_finding(&bench, 3).0, "ok");
    bench.lose();
    let here = format!("{}\n", "5a".repeat(32));
    bench.write("data/ledger.key", here.as_bytes());
    let words = String::from_utf8(bench.output("restore old.pgp").stdout).unwrap();
    assert!(words.contains("make a new backup now"), "{words}");
    assert_eq!(fs::read_to_string(bench.path("data/ledger.key")).unwrap(), here);
    let (level, words) = backup_finding(&bench, 3);
    assert!(level == "warn" && words.contains("another key"), "{level} {words}");
    // With its key lost the ledger is in the way, and the way out that keeps it stands first.
    fs::remove_file(bench.path("data/ledger.key")).unwrap();
    let output = bench.output("restore old.pgp");
    let said = String::from_utf8(output.stderr).unwrap();
    let at = |word: &str| said.find(word).unwrap_or_else(|| panic!("{word} is not in {said}"));
    assert!(at("restore --key-only") < at("restore --replace"), "{said}");
    assert!(bench.refusal("restore --key-only old.pgp", 1).contains("the key in this backup does not open"));
    bench.write("data/ledger.key", here.as_bytes());
    bench.run("backup new.pgp", 0);
    assert_eq!(backup_finding(&bench, 3).0, "ok");
    fs::remove_file(bench.path("data/ledger.key")).unwrap();
    bench.run("restore --key-only new.pgp", 0);
    assert_eq!(bench.run("audit", 0)["ok"], true);
}

#[test]
fn a_ledger_that_does_not_hold_together_makes_no_backup() {
    let bench = Bench::new();
    bench.run("backup good.pgp", 0);
    let key = fs::read_to_string(bench.path("data/ledger.key")).unwrap();
    let conn = rusqlite::Connection::open(bench.path("data/ledger.db")).unwrap();
    conn.execute_batch(&format!("PRAGMA key = \"x'{}'\"; DROP TRIGGER raw_keeps", key.trim())).unwrap();
    conn.execute_batch("UPDATE raw SET bytes = x'00' WHERE message = 1").unwrap();
    drop(conn);
    let made = bench.run("backup bad.pgp", 1);
    assert_eq!((&made["verified"], made["problems"].as_array().unwrap().is_empty()), (&Value::Bool(false), false));
    let words = String::from_utf8(bench.output("backup worse.pgp").stdout).unwrap();
    assert!(words.contains("does not hold together") && words.contains("cannot be restored"), "{words}");
    let (level, words) = backup_finding(&bench, 3);
    assert_eq!(level, "warn");
    assert!(words.contains("does not hold together") && words.contains("the last that can is of Mon 2026"), "{words}");
    // The backup itself knows, for whoever takes it apart.
    let tar = bench.gpg(&["--decrypt", "bad.pgp"]).stdout;
    let manifest = String::from_utf8_lossy(&tar[512..2048]).into_owned();
    assert!(manifest.contains("\"problems\": ") && !manifest.contains("\"problems\": 0"), "{manifest}");
    bench.lose();
    assert!(bench.refusal("restore bad.pgp", 1).contains("does not hold together"));
    bench.run("restore good.pgp", 0);
    // A key that is locked keeps nobody from looking at the copy.
    let locked = Bench::empty("team-locked.pgp");
    locked.write("in/1.eml", &plain_mail(1));
    locked.run("import in", 0);
    let key = fs::read_to_string(locked.path("data/ledger.key")).unwrap();
    let conn = rusqlite::Connection::open(locked.path("data/ledger.db")).unwrap();
    conn.execute_batch(&format!("PRAGMA key = \"x'{}'\"; DROP TRIGGER raw_keeps", key.trim())).unwrap();
    drop(conn);
    let made = locked.run("backup b.pgp", 1);
    assert!(made["unverified"].is_string() && !made["problems"].as_array().unwrap().is_empty(), "{made}");
}

/// Runs a command and kills it after a while; false where it came to its end before.
fn killed(bench: &Bench, args: &str, after: Duration) -> bool {
    let mut child = bench.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// Whatever a killed run left behind in the data folder or beside the backup is sealed: no word of a mail, no key.
fn leaks_nothing(bench: &Bench) -> usize {
    let key = fs::read_to_string(bench.path("data/ledger.key")).unwrap_or_default().trim().to_owned();
    let mut looked_at = 0;
    for folder in [bench.path("data"), bench.folder.path().to_owned()] {
        for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap()) {
            let name = entry.file_name().into_string().unwrap();
            let ours = name.starts_with("ledger.db")
                || name.ends_with("-partial")
                || name.ends_with(".pgp") && name != "team.pgp";
            if !ours || !entry.path().is_file() {
                continue;
            }
            let bytes = fs::read(entry.path()).unwrap();
            let has = |word: &str| !word.is_empty() && bytes.windows(word.len()).any(|w| w == word.as_bytes());
            assert!(!has("line of report") && !has("seeker3@") && !has(&key) && !has("ledger.key"), "{name} leaks");
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{name} is open to others");
            looked_at += 1;
        }
    }
    looked_at
}

/// How long a command takes here and now, so that kills spread over all of it.
fn duration(run: impl FnOnce()) -> Duration {
    let begun = std::time::Instant::now();
    run();
    begun.elapsed()
}

#[test]
fn a_backup_that_is_killed_leaves_no_half_file() {
    let bench = Bench::new();
    let whole = duration(|| drop(bench.run("backup first.pgp", 0)));
    let count = u32::try_from(rounds(25)).unwrap();
    let (mut kills, mut whole_files) = (0, 0);
    for round in 0..count {
        let file = format!("b{round}.pgp");
        kills += u32::from(killed(&bench, &format!("backup {file}"), whole * (round * 7 % count) / count));
        leaks_nothing(&bench);
        if bench.path(&file).exists() {
            // Its name means that it is whole.
            let other = Bench::empty("team.pgp");
            fs::copy(bench.path(&file), other.path("b.pgp")).unwrap();
            assert_eq!(other.run("restore b.pgp", 0)["messages"], 15, "round {round}");
            whole_files += 1;
        }
        assert_eq!(bench.run("audit", 0)["messages"], 15, "round {round}");
    }
    assert!(leaks_nothing(&bench) > 2);
    // Whatever was left behind, the next one works and clears up.
    bench.run("backup last.pgp", 0);
    assert_eq!(bench.data(), ["ledger.db", "ledger.key"]);
    assert!(kills > count / 4, "{kills} of {count} were killed before their end");
    figure("backup-kills", &format!("{kills} kills, {whole_files} whole files, 0 half"));
}

#[test]
fn a_restore_that_is_killed_leaves_no_ledger_or_the_whole_one() {
    let bench = Bench::new();
    bench.run("backup b.pgp", 0);
    let before = bench.reports();
    let other = Bench::empty("team.pgp");
    fs::copy(bench.path("b.pgp"), other.path("b.pgp")).unwrap();
    let whole = duration(|| drop(other.run("restore b.pgp", 0)));
    let count = u32::try_from(rounds(25)).unwrap();
    let (mut kills, mut none, mut there) = (0, 0, 0);
    for round in 0..count {
        other.lose();
        kills += u32::from(killed(&other, "restore b.pgp", whole * (round * 7 % count) / count));
        leaks_nothing(&other);
        if other.path("data/ledger.db").exists() {
            there += 1;
            // The next writer clears up.
            other.run("poll", 0);
        } else {
            none += 1;
            // The next poll, by cron, makes no empty one once anything of it had come.
            if other.data().iter().any(|name| name.contains(".restoring")) {
                let said = other.refusal("poll", 1);
                assert!(said.contains("cut off") || said.contains("gone missing"), "round {round}: {said}");
            }
            other.run("restore b.pgp", 0);
        }
        assert_eq!(other.run("audit", 0)["messages"], 15, "round {round}");
        assert_eq!(other.reports(), before, "round {round}");
        assert_eq!(other.data(), ["ledger.db", "ledger.key"], "round {round}");
    }
    assert!(kills > count / 4, "{kills} of {count} were killed before their end");
    figure("restore-kills", &format!("{kills} kills, {there} times the whole ledger, {none} times none, 0 half"));
}

#[test]
fn a_restore_with_replace_that_is_killed_loses_neither_ledger() {
    let bench = Bench::new();
    bench.run("backup b.pgp", 0);
    bench.write("in2/x.eml", &plain_mail(50));
    bench.run("import in2", 0);
    let whole = duration(|| drop(bench.run("restore --replace b.pgp", 0)));
    let count = u32::try_from(rounds(12)).unwrap();
    let mut seen = BTreeSet::new();
    for round in 0..count {
        killed(&bench, "restore --replace b.pgp", whole * (round * 5 % count) / count);
        // The one with sixteen mails was moved aside by the first restore and must stay for ever.
        assert!(bench.path("data/ledger.db.replaced-1/ledger.db").exists(), "round {round}");
        if !bench.path("data/ledger.db").exists() {
            seen.insert("missing");
            bench.run("restore b.pgp", 0);
        }
        assert_eq!(bench.run("audit", 0)["ok"], true, "round {round}");
    }
    let aside = fs::read(bench.path("data/ledger.db.replaced-1/ledger.db")).unwrap();
    bench.write("data/ledger.db", &aside);
    for rest in ["-wal", "-shm"] {
        let _ = fs::remove_file(bench.path(&format!("data/ledger.db{rest}")));
        let from = bench.path(&format!("data/ledger.db.replaced-1/ledger.db{rest}"));
        if from.exists() {
            bench.write(&format!("data/ledger.db{rest}"), &fs::read(from).unwrap());
        }
    }
    assert_eq!(bench.run("audit", 0)["messages"], 16, "what was moved aside is whole");
}

#[test]
fn anchors_tell_a_ledger_that_was_set_back() {
    let bench = Bench::new();
    fs::create_dir(bench.path("anchors")).unwrap();
    bench.refusal("audit --anchor anchors", 1);
    bench.run("audit --write-anchor anchors", 0);
    let old = fs::read(bench.path("data/ledger.db")).unwrap();
    bench.run("note 1 words", 0);
    let wrote = bench.run("audit --write-anchor late.asc", 0);
    assert_eq!(wrote["wrote"], "late.asc");
    let well = bench.run("audit --anchor anchors --anchor late.asc", 0);
    assert_eq!(well["anchors"].as_array().unwrap().len(), 2);
    assert!(well["anchors"].as_array().unwrap().iter().all(|a| a["ok"] == true), "{well}");
    // Forgeries: another number, another signer, no signature.
    let text = fs::read_to_string(bench.path("late.asc")).unwrap();
    bench.write("forged.asc", text.replace("events: ", "events: 1").as_bytes());
    bench.write("bare.asc", b"sealpost anchor 1\nledger: x\n");
    let inner = text.split("\n\n").nth(1).unwrap().to_owned() + "\n";
    bench.write("inner.txt", inner.as_bytes());
    let by = bench.stranger();
    assert!(bench.gpg(&["-u", &by, "--output", "stranger.asc", "--clear-sign", "inner.txt"]).status.success());
    for name in ["forged.asc", "bare.asc", "stranger.asc"] {
        let found = bench.run(&format!("audit --anchor {name}"), 1);
        assert_eq!((&found["ok"], &found["anchors"][0]["ok"]), (&Value::Bool(false), &Value::Bool(false)), "{name}");
        assert_eq!(found["anchors"][0]["signed_by"], Value::Null, "{name}");
    }
    // The same text signed with gpg by the team key is as good as ours.
    assert!(
        bench
            .gpg(&[
                "-u",
                "EC4F7AA5C3278EF19AD407C5A6F3BDF0E7AC2A81",
                "--output",
                "by-gpg.asc",
                "--clear-sign",
                "inner.txt"
            ])
            .status
            .success()
    );
    assert_eq!(bench.run("audit --anchor by-gpg.asc", 0)["ok"], true);
    // The whole file set back: alone it is sound, the anchor tells.
    for rest in ["-wal", "-shm"] {
        let _ = fs::remove_file(bench.path(&format!("data/ledger.db{rest}")));
    }
    bench.write("data/ledger.db", &old);
    assert_eq!(bench.run("audit", 0)["ok"], true);
    let found = bench.run("audit --anchor late.asc --anchor anchors", 1);
    assert!(found["problems"][0].as_str().unwrap().contains("set back"), "{found}");
    assert_eq!(found["anchors"][1]["ok"], true, "the early one still fits");
    // Under a history that does not hold together no anchor is written.
    assert_eq!(bench.run("audit --anchor late.asc --write-anchor new.asc", 1)["ok"], false);
    assert!(!bench.path("new.asc").exists());
}

#[test]
fn anchors_of_one_second_lie_beside_each_other() {
    let bench = Bench::new();
    fs::create_dir(bench.path("anchors")).unwrap();
    // Also when several come at the same moment.
    let mut running: Vec<_> = (0..6)
        .map(|_| bench.command("--json audit --write-anchor anchors").stdout(Stdio::null()).spawn().unwrap())
        .collect();
    assert!(running.iter_mut().all(|run| run.wait().unwrap().success()));
    let wrote = bench.run("audit --write-anchor anchors", 0);
    assert!(wrote["wrote"].as_str().unwrap().ends_with("-7.asc"), "{wrote}");
    let found = bench.run("audit --anchor anchors", 0);
    assert_eq!(found["anchors"].as_array().unwrap().len(), 7, "{found}");
    assert_eq!(fs::read_dir(bench.path("anchors")).unwrap().count(), 7, "nothing else lies there");
}

/// More than anybody looks at: the newest count, and that others were passed over is said.
#[test]
fn of_too_many_anchors_the_rest_is_told() {
    let bench = Bench::new();
    fs::create_dir(bench.path("anchors")).unwrap();
    for number in 0..10_002 {
        fs::write(bench.path(&format!("anchors/anchor-2025-{number:05}.asc")), b"").unwrap();
    }
    bench.run("audit --write-anchor anchors", 0);
    let found = bench.run("audit --anchor anchors", 1);
    assert_eq!((&found["anchors_passed_over"], found["anchors"].as_array().unwrap().len()), (&3.into(), 10_000));
    let last = found["anchors"].as_array().unwrap().last().unwrap();
    assert_eq!(last["ok"], true, "the newest is not among those passed over: {last}");
    let words = String::from_utf8(bench.output("audit --anchor anchors").stdout).unwrap();
    assert!(words.contains("3 anchors more, the first by name, not looked at"), "{}", &words[words.len() - 900..]);
}

/// What can be read of a damaged ledger becomes a new one, with the times of the old.
#[test]
fn a_rescue_can_be_imported_with_its_times() {
    let bench = Bench::new();
    // Two mails whose Received says another time than the server did.
    bench.write(
        "in/late/late.eml",
        b"Received: by x; Mon, 02 Mar 2026 08:00:00 +0000\nFrom: l@example.com\nSubject: Late\n\nx\n",
    );
    bench.write("in/late/received-at.tsv", b"late.eml\t2026-03-02T08:30:00.123456Z\nnonsense\nother.eml\tyesterday\n");
    bench.run("import in/late", 0);
    let times = |bench: &Bench| {
        let mut list: Vec<(String, String)> = bench
            .reports()
            .iter()
            .map(|r| (r["uid"].as_str().unwrap().to_owned(), r["received_at"].as_str().unwrap().to_owned()))
            .collect();
        list.sort();
        list
    };
    let before = times(&bench);
    assert!(before.iter().any(|(_, at)| at == "2026-03-02T08:30:00.123456Z"), "{before:?}");
    let mut bytes = fs::read(bench.path("data/ledger.db")).unwrap();
    bytes[60] ^= 1;
    bench.write("data/ledger.db", &bytes);
    for command in ["list", "poll", "import in", "audit", "backup b.pgp", "check --offline"] {
        let output = bench.output(command);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("restore --replace") && said.contains("--salvage"), "{command}: {said}");
    }
    let found = bench.run("audit --salvage rescued", 0);
    assert_eq!((&found["messages"], &found["messages_lost"], &found["mended"]), (&16.into(), &0.into(), &true.into()));
    assert_eq!(fs::read(bench.path("data/ledger.db")).unwrap(), bytes, "it is not changed");
    for entry in fs::read_dir(bench.path("rescued/received")).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }
    assert!(bench.refusal("audit --salvage rescued", 1).contains("exists already"));
    bench.lose();
    bench.run("import rescued/received", 3);
    assert_eq!(times(&bench), before);
    bench.write("data/ledger.db", b"");
    assert!(bench.refusal("audit --salvage more", 1).contains("empty"));
    assert!(!bench.path("more").exists());
}
