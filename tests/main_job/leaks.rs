//! A canary in a decrypted mail, and the passphrase: neither may be found anywhere but inside the sealed ledger.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
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
