//! Our own keys: expiry in three steps, revocation, what is missing, what is weak, what the agent holds.

use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::parse::Parse;
use openpgp::serialize::SerializeInto;

use crate::bench::{private, project};
use crate::desk::{Desk, Gnupg};

const OWN: &str = "secret_keys = [\"team.pgp\"]";

/// A key of ours made by gpg, with these subkeys.
fn desk_with(primary: (&str, &str), subkeys: &[(&str, &str)]) -> (Desk, Gnupg, String) {
    let (desk, (gpg, key)) = (Desk::new(OWN), Gnupg::with(primary, subkeys));
    gpg.secret(&key, &desk.path("team.pgp"));
    (desk, gpg, key)
}

#[test]
fn the_encryption_subkey_is_warned_of_in_three_steps() {
    for (days, step) in [("62d", None), ("59d", Some(60)), ("29d", Some(30)), ("6d", Some(7))] {
        let (desk, _gpg, _) = desk_with(("cert,sign", "never"), &[("encr", days)]);
        let checked = desk.check();
        match step {
            None => checked.well("key"),
            Some(step) => {
                let found = checked.has("key", "warn", "the encryption subkey expires in");
                assert_eq!(found["within_days"], step, "{days}: {found:#}");
                assert_eq!(checked.status, 3);
            }
        }
        checked.well("signing");
    }
}

#[test]
fn the_signing_key_is_warned_of_by_itself() {
    for (days, step) in [("59d", 60), ("29d", 30), ("6d", 7)] {
        let (desk, _gpg, _) = desk_with(("cert", "never"), &[("encr", "never"), ("sign", days)]);
        let checked = desk.check();
        checked.well("key");
        assert_eq!(checked.has("signing", "warn", "the signing key expires in")["within_days"], step);
    }
    // Where both end together one warning is enough.
    let (desk, _gpg, _) = desk_with(("cert,sign", "20d"), &[("encr", "20d")]);
    let checked = desk.check();
    checked.has("key", "warn", "expires in");
    assert!(checked.about("signing").is_empty());
}

#[test]
fn expired_revoked_and_incomplete_keys_fail() {
    let (desk, _gpg, _) = desk_with(("cert,sign", "never"), &[("encr", "5d")]);
    let over = desk.check_at("2026-03-20T00:00:00Z");
    over.has("key", "fail", "its encryption subkey expired");
    assert_eq!(over.status, 1);

    let (desk, gpg, key) = desk_with(("cert,sign", "never"), &[("encr", "never")]);
    let revocation = gpg.home.path().join(format!("openpgp-revocs.d/{key}.rev"));
    let text = std::fs::read_to_string(revocation).unwrap().replace(":-----BEGIN", "-----BEGIN");
    private(&desk.path("revoke.asc"), text.as_bytes());
    gpg.run(&["--import", desk.path("revoke.asc").to_str().unwrap()]);
    gpg.secret(&key, &desk.path("team.pgp"));
    desk.check().has("key", "fail", "it is revoked");

    let (desk, _gpg, _) = desk_with(("cert,sign", "never"), &[]);
    desk.check().has("key", "fail", "it has no encryption subkey");

    let (desk, _gpg, _) = desk_with(("cert", "never"), &[("encr", "never")]);
    let mute = desk.check();
    mute.well("key");
    mute.has("signing", "warn", "it has no signing key");
}

#[test]
fn a_subkey_whose_secret_is_elsewhere_is_told() {
    let (desk, _gpg, _) = desk_with(("cert,sign", "never"), &[("encr", "never")]);
    desk.check().well("key");
    let cert = Cert::from_file(desk.path("team.pgp")).unwrap();
    let subkey = cert.keys().subkeys().next().unwrap().key().fingerprint();
    let without = cert.as_tsk().set_filter(|key| key.fingerprint() != subkey).armored().to_vec().unwrap();
    private(&desk.path("team.pgp"), &without);
    let checked = desk.check();
    checked.has("key", "fail", "is neither in the file nor with gpg-agent");
    assert_eq!(checked.status, 1);
}

#[test]
fn weak_keys_and_broken_certificates_are_told() {
    let desk = Desk::new("secret_keys = [\"team.pgp\"]\ncerts = [\"reporters\"]");
    private(&desk.path("team.pgp"), &std::fs::read(project("keys/team-elgamal.pgp")).unwrap());
    std::fs::create_dir(desk.path("reporters")).unwrap();
    desk.write("reporters/broken.asc", "no key at all\n");
    let checked = desk.check();
    checked.has("key", "warn", "is weak");
    checked.has("certs", "warn", "broken.asc");
    private(&desk.path("team.pgp"), &std::fs::read(project("keys/rsa1024.pgp")).unwrap());
    desk.check().has("key", "warn", "of 1024 bits");
}

#[test]
fn a_retired_key_stays_without_a_word_of_blame() {
    let desk = Desk::new("secret_keys = [\"team.pgp\", \"old.pgp\"]");
    for (name, key) in [("team.pgp", "keys/team.pgp"), ("old.pgp", "keys/team-expired.pgp")] {
        private(&desk.path(name), &std::fs::read(project(key)).unwrap());
    }
    let checked = desk.check();
    checked.well("key");
    checked.has("key", "ok", "is retired");
    // The other way round it is the one that reporters get.
    desk.write(
        "config.toml",
        &std::fs::read_to_string(desk.path("config.toml"))
            .unwrap()
            .replace("\"team.pgp\", \"old.pgp\"", "\"old.pgp\", \"team.pgp\""),
    );
    desk.check().has("key", "fail", "it expired ");
}

#[test]
fn the_agent_is_looked_at_also_beside_files() {
    let (gpg, key) = Gnupg::with(("cert,sign", "never"), &[("encr", "never")]);
    let desk = Desk::new("agent = \"gnupg\"\nsecret_keys = [\"team.pgp\"]\ncerts = [\"agents.asc\"]");
    private(&desk.path("team.pgp"), &std::fs::read(project("keys/team.pgp")).unwrap());
    desk.write("agents.asc", &gpg.public(&key));
    let run = |home: &std::path::Path| {
        let mut command = desk.command(crate::desk::NOW, &["--json", "check"]);
        command.env("GNUPGHOME", home);
        crate::desk::checked(command)
    };
    let checked = run(gpg.home.path());
    checked.has("agent", "ok", &key[24..]);
    checked.well("key");
    let empty = Gnupg::new();
    let without = run(empty.home.path());
    without.has("agent", "warn", "holds none of our secret keys");
    let away = run(&desk.path("nowhere"));
    away.has("agent", "warn", "gpg");
    // Without a file the agent is all there is.
    desk.write(
        "config.toml",
        &std::fs::read_to_string(desk.path("config.toml")).unwrap().replace("[\"team.pgp\"]", "[\"agents.asc\"]"),
    );
    assert_eq!(run(&desk.path("nowhere")).has("agent", "fail", "gpg")["level"], "fail");
    run(gpg.home.path()).has("agent", "ok", &key[24..]);
}
