//! Mail from files.

use std::path::Path;

use sealpost::wire::{Direction, files};

use super::*;

fn read_file(path: &Path, limits: &Limits) -> (Store, Result<Summary, WireError>) {
    let mut store = Store::default();
    let outcome = files::read(path, Direction::In, limits, &mut store, &mut |_| ());
    (store, outcome)
}

/// Each case under fixtures/files is a source with a `.toml` beside it that says what comes out. mbox and single mails run
/// with both line endings.
#[test]
fn fixtures_give_what_they_say() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        /// A part of the error.
        error: Option<String>,
        #[serde(default)]
        mail: Vec<Expected>,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Expected {
        key: String,
        /// LF ends.
        raw: String,
        received_at: Option<jiff::Timestamp>,
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/files");
    let mut cases = 0;
    for entry in
        std::fs::read_dir(&root).unwrap().flatten().filter(|e| e.path().extension().is_some_and(|x| x == "toml"))
    {
        let name = entry.path().with_extension("");
        let case: Case = toml::from_str(&std::fs::read_to_string(entry.path()).unwrap()).unwrap();
        for crlf in [false, true] {
            let dir = support::folder();
            let source = dir.path().join("source");
            copy(&name, &source, crlf);
            let (store, outcome) = read_file(&source, &Limits::default());
            cases += 1;
            if let Some(words) = &case.error {
                let error = error_of(outcome);
                assert!(error.contains(words) && error.contains("source"), "{}: {error}", name.display());
                continue;
            }
            outcome.unwrap_or_else(|e| panic!("{}: {e}", name.display()));
            assert_eq!(store.mail.len(), case.mail.len(), "{}", name.display());
            for (mail, expected) in store.mail.iter().zip(&case.mail) {
                let raw = if crlf { expected.raw.replace('\n', "\r\n") } else { expected.raw.clone() };
                assert_eq!(String::from_utf8_lossy(&mail.raw), raw, "{} {}", name.display(), expected.key);
                if !crlf {
                    assert_eq!(mail.sighting.key, expected.key, "{}", name.display());
                }
                if expected.received_at.is_some() {
                    assert_eq!(mail.received_at, expected.received_at, "{} {}", name.display(), expected.key);
                }
                assert!(mail.received_at.is_some() && mail.sighting.epoch == 0);
            }
        }
    }
    assert!(cases >= 16, "only {cases} runs found");
}

fn copy(from: &Path, to: &Path, crlf: bool) {
    if from.is_dir() {
        std::fs::create_dir(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().flatten() {
            copy(&entry.path(), &to.join(entry.file_name()), crlf);
        }
    } else {
        let text = std::fs::read_to_string(from).unwrap();
        std::fs::write(to, if crlf { text.replace('\n', "\r\n") } else { text }).unwrap();
    }
}

#[test]
fn a_maildir_is_read_once_and_never_changed() {
    let dir = support::folder();
    for part in ["new", "cur", "tmp"] {
        std::fs::create_dir(dir.path().join(part)).unwrap();
    }
    std::fs::write(dir.path().join("new/1.M1.host"), report(1)).unwrap();
    std::fs::write(dir.path().join("cur/2.M2.host:2,FS"), report(2)).unwrap();
    std::fs::write(dir.path().join("tmp/3.M3.host"), report(3)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("new/4.M4.host")).unwrap();
    let listing = || {
        let mut all: Vec<_> = ["new", "cur", "tmp"]
            .iter()
            .flat_map(|p| std::fs::read_dir(dir.path().join(p)).unwrap().flatten())
            .map(|e| (e.path(), e.metadata().unwrap().modified().unwrap()))
            .collect();
        all.sort();
        all
    };
    let before = listing();
    let (mut store, outcome) = read_file(dir.path(), &Limits::default());
    let summary = outcome.unwrap();
    assert_eq!((summary.seen, summary.warnings.len()), (2, 1), "{summary:?}");
    assert_eq!(listing(), before);
    let keys: Vec<&str> = store.mail.iter().map(|m| m.sighting.key.as_str()).collect();
    assert_eq!(keys, ["1.M1.host", "2.M2.host"]);
    // Read by a person: the flag changes, the mail does not.
    std::fs::rename(dir.path().join("new/1.M1.host"), dir.path().join("cur/1.M1.host:2,S")).unwrap();
    std::fs::write(dir.path().join("new/5.M5.host"), report(5)).unwrap();
    let again = files::read(dir.path(), Direction::In, &Limits::default(), &mut store, &mut |_| ()).unwrap();
    assert_eq!(again.seen, 1);
    assert_eq!(store.mail.last().unwrap().raw, report(5));
}

#[test]
fn a_long_mbox_and_a_long_line_need_little_memory() {
    use std::io::Write as _;
    let dir = support::folder();
    let path = dir.path().join("big.mbox");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let from = b"From a@example.org Fri Nov 20 10:00:00 2026\n";
    for size in [10usize, 30 << 20, 20] {
        file.write_all(from).unwrap();
        file.write_all(b"Subject: x\n\n").unwrap();
        for _ in 0..size.div_ceil(1 << 16) {
            file.write_all(&vec![b'x'; size.min(1 << 16)]).unwrap();
        }
        file.write_all(b"\n\n").unwrap();
    }
    drop(file);
    let limits = Limits { message: 1 << 20, beginning: 1 << 10, batch_bytes: 2 << 20, batch_count: 2 };
    let (store, outcome) = read_file(&path, &limits);
    outcome.unwrap();
    let sizes: Vec<(usize, Option<u64>)> = store.mail.iter().map(|m| (m.raw.len(), m.truncated)).collect();
    assert_eq!(sizes, [(23, None), (1 << 10, Some((30 << 20) + 14)), (33, None)]);
}

#[test]
fn only_plain_files_and_folders_are_read() {
    let dir = support::folder();
    let mail = dir.path().join("mail.eml");
    std::fs::write(&mail, report(1)).unwrap();
    let link = dir.path().join("link.eml");
    std::os::unix::fs::symlink(&mail, &link).unwrap();
    let pipe = dir.path().join("pipe.eml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let empty = dir.path().join("empty.eml");
    std::fs::write(&empty, "").unwrap();
    for (path, words) in [
        (link.as_path(), "symbolic link"),
        (pipe.as_path(), "neither a plain file nor a folder"),
        (empty.as_path(), "empty"),
        (&dir.path().join("missing.eml"), "no such file"),
        (Path::new("/dev/null"), "neither a plain file nor a folder"),
    ] {
        let error = error_of(read_file(path, &Limits::default()).1);
        assert!(error.contains(words) && error.contains(path.to_str().unwrap()), "{error}");
    }
    let mut store = Store::default();
    let now = "2026-11-20T10:00:00Z".parse().unwrap();
    let limits = Limits::default();
    files::read_stream(&mut &report(1)[..], now, Direction::In, &limits, &mut store).unwrap();
    assert_eq!((store.mail[0].raw.clone(), store.mail[0].received_at), (report(1), Some(now)));
    assert!(files::read_stream(&mut &b""[..], now, Direction::In, &limits, &mut store).is_err());
}
