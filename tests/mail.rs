//! Every mail in `fixtures/mail` gives what the JSON beside it says, with line feeds and with CRLF. A new case needs no Rust.

use std::path::{Path, PathBuf};

use sealpost::output::message::{MessageView, Stored};
use sealpost::pgp::keyring::Keyring;
use sealpost::pgp::open::{self, Context};
use sealpost::report::CertSource;
use sealpost::secret::Password;
use sealpost::verdict::EncryptionStatus;
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Our keys, retired ones too, and the reporters that the owner vouched for. The stranger is not among them.
fn keyring() -> Keyring {
    let key = |name: &str| root().join("keys").join(name);
    Keyring::load(
        &[key("team.pgp"), key("team-expired.pgp"), key("team-elgamal.pgp")],
        &[key("finder.pgp"), key("rsa4096.pgp"), key("rsa1024.pgp")],
    )
    .expect("the test keys can be read")
}

fn context() -> Context {
    Context {
        now: "2026-03-03T00:00:00Z".parse().expect("a time"),
        received_at: None,
        own_addresses: vec!["security@example.org".into()],
    }
}

fn with_crlf(raw: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = raw.iter().copied().filter(|b| *b != b'\r').collect();
    text.split_inclusive(|b| *b == b'\n')
        .flat_map(|line| match line.strip_suffix(b"\n") {
            Some(line) => [line, b"\r\n"].concat(),
            None => line.to_vec(),
        })
        .collect()
}

/// What is missing from `got`, in words; an object must hold what is wanted and may hold more.
fn differences(at: &str, want: &Value, got: &Value, out: &mut Vec<String>) {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            for (key, value) in want {
                differences(&format!("{at}.{key}"), value, got.get(key).unwrap_or(&Value::Null), out);
            }
        }
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => {
            for (index, (want, got)) in want.iter().zip(got).enumerate() {
                differences(&format!("{at}[{index}]"), want, got, out);
            }
        }
        (Value::String(want), Value::String(got)) if want.trim() == got.trim() => {}
        _ if want == got => {}
        _ => out.push(format!("{at}: {got}, not {want}")),
    }
}

/// The view, with warnings cut to their slugs and with what only filing sees.
fn seen(raw: &[u8], keys: &Keyring) -> Value {
    let opened = open::open(raw, keys, &context());
    let mut value = serde_json::to_value(MessageView::new(&opened, Stored::default())).expect("it is JSON");
    let slugs: Vec<&str> = opened.warnings.iter().filter_map(|warning| warning.split(':').next()).collect();
    value["warnings"] = slugs.into();
    value["automatic"] = serde_json::to_value(opened.header.automatic).expect("it is JSON");
    value
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
    found.sort();
    found
}

#[test]
fn every_fixture_gives_what_stands_beside_it() {
    let folder = root().join("fixtures/mail");
    let keys = keyring();
    let found = cases(&folder);
    assert!(found.len() >= 125, "only {} mails found", found.len());
    let mut wrong = Vec::new();
    for path in found {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let raw = std::fs::read(&path).expect("it can be read");
        let json = std::fs::read_to_string(path.with_extension("json")).expect("a JSON file stands beside it");
        let want: Value = serde_json::from_str(&json).expect("it is JSON");
        for (ends, raw) in [("LF", raw.clone()), ("CRLF", with_crlf(&raw))] {
            let mut out = Vec::new();
            differences("", &want, &seen(&raw, &keys), &mut out);
            wrong.extend(out.into_iter().map(|line| format!("{name} ({ends}) {line}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn parts_can_be_saved_by_their_path() {
    let keys = keyring();
    let raw = std::fs::read(root().join("fixtures/mail/pgp-mime-attachment.eml")).expect("the fixture");
    let saved = open::part(&raw, &keys, &context(), "2").expect("part 2");
    assert_eq!(saved.expose(), b"print(1)");
    assert!(open::part(&raw, &keys, &context(), "9").is_none());
}

#[test]
fn without_keys_nothing_is_lost_and_nothing_opens() {
    let raw = std::fs::read(root().join("fixtures/mail/pgp-mime-encrypted-only.eml")).expect("the fixture");
    let view = MessageView::new(&open::open(&raw, &Keyring::default(), &context()), Stored::default());
    assert!(view.needs_a_person());
    assert_eq!(view.text, "");
    assert_eq!(view.encryption.recipients.len(), 1);
}

#[test]
fn a_locked_key_says_so_and_opens_with_its_passphrase() {
    let raw = std::fs::read(root().join("fixtures/locked/inline.eml")).expect("the fixture");
    let mut keys = Keyring::load(&[root().join("keys/team-locked.pgp")], &[]).expect("the key");
    let locked = open::open(&raw, &keys, &context()).verdict.encryption;
    assert_eq!(locked.status, EncryptionStatus::Unopened);
    assert!(locked.reason.is_some_and(|reason| reason.contains("locked")));
    assert!(keys.unlock(&Password::new("battery staple".into())).is_err());
    keys.unlock(&Password::new("correct horse\n".into())).expect("the passphrase opens it");
    assert!(!keys.is_locked());
    assert_eq!(open::open(&raw, &keys, &context()).text.trim(), "locked away");
    assert!(!format!("{keys:?}").contains("horse"));
}

#[test]
fn a_certificate_that_was_not_vouched_for_is_never_good() {
    let raw = std::fs::read(root().join("fixtures/mail/signature-with-carried-key.eml")).expect("the fixture");
    let opened = open::open(&raw, &keyring(), &context());
    assert!(opened.verdict.signature.carried);
    assert_eq!(opened.candidates.len(), 1);
    assert_eq!(opened.candidates[0].address.as_deref(), Some("stranger@example.net"));
}

/// Gossip is about other recipients and counts only inside the seal; an Autocrypt field only for the sender.
#[test]
fn certificates_that_came_along_are_candidates_for_whom_they_may_be() {
    let offered = |name: &str| {
        let raw = std::fs::read(root().join("fixtures/mail").join(name)).expect("the fixture");
        let opened = open::open(&raw, &keyring(), &context());
        opened.candidates.iter().map(|found| (found.source, found.address.clone())).collect::<Vec<_>>()
    };
    let gossip = offered("autocrypt-gossip.eml");
    assert_eq!(gossip, [(CertSource::Gossip, Some("stranger@example.net".into()))]);
    assert_eq!(offered("autocrypt-gossip-outside.eml"), []);
    assert_eq!(offered("autocrypt-of-another-address.eml"), []);
}

#[test]
fn garbage_of_every_kind_gives_an_answer() {
    let keys = keyring();
    let folder = root().join("fixtures/mail");
    for path in cases(&folder).into_iter().step_by(3) {
        let raw = std::fs::read(&path).expect("it can be read");
        // Cut anywhere and with any byte changed, it neither panics nor turns good.
        for at in (1..raw.len()).step_by(97) {
            let mut changed = raw.clone();
            changed[at] ^= 0x15;
            for hostile in [&raw[..at], &changed] {
                let opened = open::open(hostile, &keys, &context());
                let failed = opened.quarantined.filter(|limit| limit.contains("failed"));
                assert_eq!(failed, None, "{} at {at}: the library panicked", path.display());
            }
        }
    }
}
