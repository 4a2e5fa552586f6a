//! Nobody else may enter, and nothing that went missing is made anew.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sealpost::ledger::*;

use crate::sample::*;

const CANARY: &str = "CANARY4711zerodayinthecookieparser";

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn new_folders_and_files_are_closed_to_others_whatever_the_umask() {
    let home = Home::new();
    // The umask belongs to the whole process, so a child of its own has it at nothing.
    let script = "umask 0; exec \"$0\" --exact private::a_child_makes_a_ledger --ignored --nocapture";
    let folder = home.file("new/deeper");
    let done = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env("LEDGER_TEST_FOLDER", &folder)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    assert_eq!((mode(&home.file("new")), mode(&folder)), (0o700, 0o700));
    let modes: Vec<(String, u32)> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), mode(&entry.path())))
        .collect();
    assert!(modes.iter().any(|(name, _)| name.ends_with("-wal")), "looked at while in use: {modes:?}");
    assert!(modes.len() >= 5 && modes.iter().all(|(_, mode)| *mode == 0o600), "{modes:?}");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn a_child_makes_a_ledger() {
    let folder = std::path::PathBuf::from(std::env::var_os("LEDGER_TEST_FOLDER").unwrap());
    let places = Places { ledger: folder.join("ledger.db"), key: folder.join("ledger.key") };
    let mut ledger = Ledger::open_or_create(&places, &stamp()).unwrap();
    file_report(&mut ledger, 1, "text");
    ledger.backup(&folder.join("copy.db"), &LedgerKey::read(&places.key).unwrap()).unwrap();
    // Leaves without closing, so that the log and its index stay to be looked at.
    std::process::exit(0);
}

#[test]
fn looser_permissions_are_refused_with_what_to_do() {
    let home = Home::new();
    drop(home.open());
    let places = home.places();
    for (path, loose, tight) in [
        (places.ledger.clone(), 0o644, 0o600),
        (places.key.clone(), 0o640, 0o600),
        (home.file("ledger.db.lock"), 0o602, 0o600),
        (places.ledger.parent().unwrap().to_owned(), 0o750, 0o700),
    ] {
        set_mode(&path, loose);
        let error = home.refusal();
        assert!(error.is_setup(), "{error}");
        assert!(error.to_string().contains(&format!("chmod {tight:o} {}", path.display())), "{error}");
        set_mode(&path, tight);
        home.open();
    }
    fs::rename(&places.ledger, home.file("elsewhere.db")).unwrap();
    std::os::unix::fs::symlink(home.file("elsewhere.db"), &places.ledger).unwrap();
    assert!(matches!(home.refusal(), LedgerError::NotPlain { .. }));
}

#[test]
fn what_has_gone_missing_is_not_made_anew() {
    let home = Home::new();
    file_report(&mut home.open(), 1, "text");
    let places = home.places();
    let away = home.file("away");

    fs::rename(&places.ledger, &away).unwrap();
    let error = home.refusal();
    assert!(error.to_string().contains("a ledger has gone missing"), "{error}");
    assert!(!places.ledger.exists());
    fs::rename(&away, &places.ledger).unwrap();

    let key = home.key();
    fs::rename(&places.key, &away).unwrap();
    assert!(matches!(home.refusal(), LedgerError::KeyMissing { .. }));
    assert!(!places.key.exists());
    assert!(matches!(Ledger::create(&places.ledger, &key, &stamp()).err(), Some(LedgerError::Exists { .. })));
    fs::rename(&away, &places.key).unwrap();
    assert_eq!(sound(&home.open()).messages, 1);
}

#[test]
fn a_reader_makes_what_was_never_there_and_nothing_that_is_missing() {
    let home = Home::new();
    let read = || Ledger::open_read_or_create(&home.places(), &stamp());
    let mut reader = read().unwrap();
    assert!(reader.reports().unwrap().is_empty());
    assert!(matches!(
        reader.set_cursor(INBOX, Cursor { epoch: 1, next_uid: 1, below: 2, polled_at: stamp().at }),
        Err(LedgerError::ReadOnly)
    ));
    let _writer = home.open();
    read().unwrap();
    fs::rename(home.places().key, home.file("away")).unwrap();
    assert!(read().is_err());
    assert!(!home.places().key.exists());
}

#[test]
fn the_log_of_a_lost_ledger_is_not_thrown_away() {
    let home = Home::new();
    let log = home.file("ledger.db-wal");
    fs::write(&log, b"what the last run wrote").unwrap();
    assert!(matches!(home.refusal(), LedgerError::Exists { .. }));
    assert_eq!(fs::read(&log).unwrap(), b"what the last run wrote");
}

#[test]
fn a_wrong_key_and_a_damaged_file_are_refused_and_left_alone() {
    let home = Home::new();
    file_report(&mut home.open(), 1, "text");
    let path = home.places().ledger;
    let wrong = LedgerKey::generate().unwrap();
    assert!(matches!(Ledger::open(&path, &wrong, &stamp()).err(), Some(LedgerError::Unreadable { .. })));
    let good = fs::read(&path).unwrap();
    let spoils: [(&str, fn(&mut Vec<u8>)); 5] = [
        ("emptied", |bytes| bytes.clear()),
        ("first page", |bytes| bytes[100] ^= 1),
        ("cut short", |bytes| bytes.truncate(5000)),
        ("zeros", |bytes| bytes.fill(0)),
        ("not ours", |bytes| *bytes = b"SQLite format 3\0 and so on".to_vec()),
    ];
    for (name, spoil) in spoils {
        let mut bad = good.clone();
        spoil(&mut bad);
        fs::write(&path, &bad).unwrap();
        let error = home.refusal();
        let named = matches!(error, LedgerError::Unreadable { .. } | LedgerError::Damaged { .. });
        assert!(named, "{name}: {error}");
        assert!(fs::read(&path).unwrap() == bad, "{name}: the file was changed");
        for rest in ["ledger.db-wal", "ledger.db-shm"] {
            let _ = fs::remove_file(home.file(rest));
        }
    }
    fs::write(&path, &good).unwrap();
    sound(&home.open());
}

#[test]
fn a_birth_that_was_cut_off_is_finished_or_begun_again() {
    // Cut off before the ledger had its name: begun again.
    let home = Home::new();
    LedgerKey::generate().unwrap().write_new(&home.file("ledger.key.unborn")).unwrap();
    fs::write(home.file("ledger.db.unborn"), b"half").unwrap();
    drop(home.open());
    assert_eq!(home.names(), ["ledger.db", "ledger.db.lock", "ledger.key"]);

    // Cut off before the key had its name: finished.
    fs::rename(home.file("ledger.key"), home.file("ledger.key.unborn")).unwrap();
    sound(&home.open());
    assert_eq!(home.names(), ["ledger.db", "ledger.db.lock", "ledger.key"]);

    // A key that does not fit is not given the name of one that does.
    fs::rename(home.file("ledger.key"), home.file("away")).unwrap();
    LedgerKey::generate().unwrap().write_new(&home.file("ledger.key.unborn")).unwrap();
    home.refusal();
    assert!(!home.file("ledger.key").exists());
}

#[test]
fn no_text_stands_in_any_file() {
    let home = Home::new();
    let mut ledger = home.open();
    for number in 0..50 {
        file_report(&mut ledger, number, &format!("{CANARY} {number}"));
    }
    let raw = format!("Subject: {CANARY}\r\n\r\n{CANARY}\r\n");
    ledger.store(&incoming(raw.as_bytes(), "99"), &stamp()).unwrap();
    let held = ledger.search(CANARY).unwrap();
    assert_eq!(held.len(), 50);
    ledger.backup(&home.file("copy.db"), &home.key()).unwrap();
    let key = home.key().to_hex();
    let mut looked_at = 0;
    for round in ["in use", "closed"] {
        for name in home.names() {
            let bytes = fs::read(home.file(&name)).unwrap();
            assert!(!holds(&bytes, CANARY.as_bytes()), "{name}, {round}");
            assert!(!holds(&bytes, b"canary4711zeroday"), "{name}, {round}");
            assert!(!holds(&bytes, b"CREATE TABLE") && !holds(&bytes, b"example.net"), "{name}, {round}");
            assert!(name == "ledger.key" || !holds(&bytes, key.as_bytes()), "{name}, {round}");
            looked_at += 1;
        }
        if round == "in use" {
            assert!(home.names().contains(&"ledger.db-wal".to_owned()));
            ledger = home_again(&home, ledger);
        }
    }
    assert!(looked_at >= 10, "{looked_at}");
    sound(&ledger);
}

/// Closes the ledger, which empties its log, and opens it to read.
fn home_again(home: &Home, ledger: Ledger) -> Ledger {
    drop(ledger);
    home.read()
}

#[test]
fn a_reader_sees_one_state_and_writes_nothing() {
    let home = Home::new();
    let mut writer = home.open();
    file_report(&mut writer, 1, "text");
    let mut reader = home.read();
    assert_eq!(reader.reports().unwrap().len(), 1);
    file_report(&mut writer, 2, "text");
    assert_eq!(reader.reports().unwrap().len(), 1, "as it was at the first question");
    assert_eq!(home.read().reports().unwrap().len(), 2);
    assert!(matches!(reader.store(&incoming(b"x", "9"), &stamp()), Err(LedgerError::ReadOnly)));
    sound(&reader);
}

#[test]
fn a_backup_is_whole_sealed_and_never_over_anything() {
    let home = Home::new();
    let mut ledger = home.open();
    for number in 0..20 {
        file_report(&mut ledger, number, "text");
    }
    let other = LedgerKey::generate().unwrap();
    let copy = home.file("copy.db");
    ledger.backup(&copy, &other).unwrap();
    assert!(matches!(ledger.backup(&copy, &other), Err(LedgerError::Exists { .. })));
    assert!(Ledger::open_read(&copy, &home.key()).is_err(), "sealed with its own key");
    let copied = Ledger::open_read(&copy, &other).unwrap();
    assert_eq!(sound(&copied), sound(&ledger));
    assert_eq!(mode(&copy), 0o600);
    assert!(!home.names().iter().any(|name| name.contains("partial")), "{:?}", home.names());
}
