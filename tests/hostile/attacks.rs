//! Everything in the shared collection of hostile mail in one mailbox: one poll files all of it, the next finds nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use sealpost::ledger::ContentHash;

use crate::place::{MEMORY, Place, each};
use crate::support::dovecot::Dovecot;
use crate::support::{figure, private};

/// Mails of the collection: messages, not keys, dictionaries or scripts.
fn mails(root: &Path) -> Vec<PathBuf> {
    let manifest: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(root.join("manifest.json")).unwrap()).unwrap();
    let is_mail = |entry: &&serde_json::Value| {
        let (file, class) = (entry["file"].as_str().unwrap(), entry["attack_class"].as_str().unwrap_or_default());
        let name = file.to_ascii_lowercase();
        [".eml", ".mbox", ".msg", ".txt", ".pgp", ".asc"].iter().any(|end| name.ends_with(end))
            && !name.contains("/keys/")
            && !name.contains("15-protocol")
            && !["key", "malformed-or-edge-key", "key-dos"].contains(&class)
    };
    let all = manifest.as_array().unwrap().iter().filter(is_mail);
    all.map(|entry| root.join(entry["file"].as_str().unwrap())).collect()
}

/// A line that an IMAP server can carry: RFC 9051 has no NUL, and Dovecot sends none.
fn can_be_carried(raw: &[u8]) -> bool {
    !raw.is_empty() && !raw.contains(&0)
}

#[test]
fn the_shared_attacks_in_one_mailbox() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/attacks");
    if !root.join("manifest.json").is_file() {
        println!("no shared attacks here");
        return;
    }
    let files = mails(&root);
    assert!(files.len() > 100, "{}", files.len());
    let (carried, rest): (Vec<_>, Vec<_>) =
        files.iter().map(|f| (f, std::fs::read(f).unwrap())).partition(|(_, raw)| can_be_carried(raw));
    let dovecot = Dovecot::start();
    let begin = SystemTime::now() - Duration::from_secs(3600);
    for (_, raw) in &carried {
        dovecot.append("INBOX", raw, begin);
    }
    let place = Place::new();
    let keys = secret_keys(&root);
    configure(&place, &dovecot, &keys);
    let polled = place.run(&["--json", "poll"]);
    assert_eq!(polled.status, 3, "{}", polled.said());
    let tally = polled.json();
    let number = |key: &str| tally[key].as_u64().unwrap();
    assert_eq!(number("seen"), carried.len() as u64, "{tally:#}");
    assert_eq!(number("stored") + number("known"), number("seen"), "{tally:#}");
    let roles: u64 = ["reports_opened", "follow_ups", "resends", "automatic", "outgoing"].map(number).iter().sum();
    assert_eq!(roles, number("stored"), "{tally:#}");
    assert!(polled.peak < MEMORY, "{} KiB", polled.peak);
    let again = place.run(&["poll"]);
    assert_eq!((again.status, again.said().as_str()), (0, ""), "the second poll is silent");

    // What no IMAP server carries comes as files.
    for (n, (_, raw)) in rest.iter().enumerate() {
        std::fs::write(place.path(&format!("odd-{n}.eml")), raw).unwrap();
    }
    let names: Vec<String> = (0..rest.len()).map(|n| format!("odd-{n}.eml")).collect();
    let args: Vec<&str> = ["--json", "import"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let imported = place.run(&args);
    let by_file = imported.json();
    println!("imported {}: {}", rest.len(), imported.status);

    // Each is in the ledger, once, and each is listed.
    let stored = place.ledger();
    let mut have: BTreeMap<String, usize> = BTreeMap::new();
    for raw in &stored {
        *have.entry(ContentHash::of(raw).to_string()).or_insert(0) += 1;
    }
    assert!(have.values().all(|n| *n == 1), "doubled");
    let missing: Vec<_> =
        carried.iter().filter(|(_, raw)| !have.contains_key(&ContentHash::of(raw).to_string())).collect();
    let missing: Vec<String> =
        missing.iter().map(|(f, raw)| format!("{} ({} bytes)", f.display(), raw.len())).collect();
    assert!(missing.is_empty(), "not in the ledger: {missing:#?}");
    let listed = place.run(&["--json", "list", "--all"]).json();
    let reports = listed["reports"].as_array().unwrap().len() as u64;
    assert_eq!(reports, number("reports_opened") + by_file["reports_opened"].as_u64().unwrap_or(0), "each is listed");

    let (slowest, peak) = one_by_one(&place, &files);
    figure(
        "shared-attacks-mailbox",
        &format!(
            "{} mails by IMAP and {} as files; seen {}, stored {}, known {}, unopened {}, quarantined {}, reports {reports}; poll {:.1} s, \
             peak {} MiB; slowest mail {:.2} s ({}), hungriest {} MiB ({}); lost 0, doubled 0",
            carried.len(),
            rest.len(),
            number("seen"),
            number("stored"),
            number("known"),
            number("unopened"),
            number("quarantined"),
            polled.time.as_secs_f64(),
            polled.peak >> 10,
            slowest.0.as_secs_f64(),
            slowest.1,
            peak.0 >> 10,
            peak.1,
        ),
    );
    assert!(peak.0 < MEMORY, "{} takes {} KiB", peak.1, peak.0);
}

fn secret_keys(root: &Path) -> Vec<PathBuf> {
    let folder = root.join("made/keys");
    let mut keys: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path()).collect();
    let is_ours = |name: &str| name.starts_with("security");
    let is_secret = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains("PRIVATE KEY BLOCK");
    keys.retain(|p| is_ours(&p.file_name().unwrap().to_string_lossy()) && is_secret(p));
    keys.sort();
    assert!(!keys.is_empty());
    keys
}

fn configure(place: &Place, dovecot: &Dovecot, keys: &[PathBuf]) {
    let quote = |path: &Path| toml::Value::String(path.to_str().unwrap().to_owned()).to_string();
    let mut copies = Vec::new();
    for (n, key) in keys.iter().enumerate() {
        let copy = place.path(&format!("key-{n}.pgp"));
        private(&copy, &std::fs::read(key).unwrap());
        copies.push(quote(&copy));
    }
    std::fs::write(place.path("imap.password"), dovecot.password()).unwrap();
    let source = format!(
        "[imap]\nhost = \"localhost\"\nport = {}\nca_file = {}\nuser = \"{}\"\npassword_command = [\"cat\", {}]\n",
        dovecot.imaps_port,
        quote(&dovecot.ca_file()),
        dovecot.user(),
        quote(&place.path("imap.password")),
    );
    place.configure(&source, "");
    let config = std::fs::read_to_string(place.path("config.toml")).unwrap();
    let with_keys = config.replace("secret_keys = [\"team.pgp\"]", &format!("secret_keys = [{}]", copies.join(", ")));
    assert_ne!(config, with_keys);
    std::fs::write(place.path("config.toml"), with_keys).unwrap();
}

/// What the slowest and the hungriest of them cost when it is opened alone.
fn one_by_one(place: &Place, files: &[PathBuf]) -> ((Duration, String), (u64, String)) {
    let worst = Mutex::new(((Duration::ZERO, String::new()), (0, String::new())));
    let halves: Vec<&[PathBuf]> = files.chunks(files.len() / 2 + 1).collect();
    each(
        &halves,
        |_| "opening".into(),
        |half| {
            for file in *half {
                let ran = place.run(&["--json", "open", file.to_str().unwrap()]);
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                assert!(matches!(ran.status, 0 | 1 | 3), "{name}: {}", ran.said());
                let mut worst = worst.lock().unwrap();
                if ran.time > worst.0.0 {
                    worst.0 = (ran.time, name.clone());
                }
                if ran.peak > worst.1.0 {
                    worst.1 = (ran.peak, name);
                }
            }
        },
    );
    worst.into_inner().unwrap()
}
