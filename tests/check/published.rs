//! Published copies of the key against the one in use.

use crate::bench::{private, project};
use crate::desk::{Desk, Gnupg, NEXT_DAY};

/// After the changes of [`NEXT_DAY`].
const LATER: &str = "2026-03-04T00:00:00Z";

/// A desk whose key expires in 300 days, published in keys/team.asc, which SECURITY.md links to.
fn published() -> (Desk, Gnupg, String) {
    let desk = Desk::new("secret_keys = [\"team.pgp\"]");
    let (gpg, key) = Gnupg::with(("cert,sign", "never"), &[("encr", "300d")]);
    gpg.secret(&key, &desk.path("team.pgp"));
    desk.write("keys/team.asc", &gpg.public(&key));
    policy(&desk, "Our key is [here](keys/team.asc).");
    (desk, gpg, key)
}

fn policy(desk: &Desk, words: &str) {
    desk.write(
        "SECURITY.md",
        &format!("# Security\n\nYou will receive a first answer within 2 working days.\n\n{words}\n"),
    );
}

#[test]
fn a_copy_as_it_should_be_and_one_that_is_missing() {
    let (desk, _gpg, key) = published();
    let checked = desk.check();
    assert_eq!(checked.about("published").len(), 1, "the same file is told once: {:#?}", checked.findings);
    checked.has("published", "ok", "keys/team.asc is the key in use, as it is");
    policy(&desk, "Our key is [here](keys/gone.asc), at <https://example.org/pgp-key.asc>. Write `gpg -e report.asc`.");
    let checked = desk.check();
    checked.has("published", "warn", "line 5: keys/gone.asc is not there");
    checked.has("published", "ok", "nothing is fetched here: https://example.org/pgp-key.asc");
    assert!(!format!("{:?}", checked.findings).contains("report.asc"));
    // The fingerprint in the text: ours, another's, both.
    let other = "0123456789ABCDEF0123456789ABCDEF01234567";
    for (words, level, told) in [
        (format!("OpenPGP fingerprint: {key}"), "ok", "the fingerprint of the key in use"),
        (format!("OpenPGP fingerprint: {other}"), "fail", "none of ours"),
        (format!("OpenPGP fingerprints: {key} and {other}"), "warn", "names our key and also 89ABCDEF01234567"),
    ] {
        policy(&desk, &words);
        desk.check().has("published", level, told);
    }
}

#[test]
fn a_copy_that_was_not_renewed_is_told() {
    let (desk, gpg, key) = published();
    // The key is extended, the copy is not.
    gpg.run_at(NEXT_DAY, &["--quick-set-expire", &key, "600d", "*"]);
    gpg.secret_at(NEXT_DAY, &key, &desk.path("team.pgp"));
    let older = desk.check_at(LATER);
    older.has("published", "warn", "it says that it expires at");
    assert_eq!(older.status, 3);
    // And when the copy has expired, nobody can encrypt to it although the key in use lives.
    let over = desk.check_at("2027-03-01T00:00:00Z");
    over.has("published", "fail", "nobody can encrypt to it: its encryption subkey expired");
    over.well("key");
    assert_eq!(over.status, 1);
    desk.write("keys/team.asc", &gpg.public(&key));
    desk.check_at(LATER).well("published");
}

#[test]
fn a_copy_without_the_new_subkey_or_with_the_revoked_one_is_told() {
    let (desk, gpg, key) = published();
    gpg.run_at(NEXT_DAY, &["--quick-add-key", &key, "nistp256", "encr", "never"]);
    gpg.secret_at(NEXT_DAY, &key, &desk.path("team.pgp"));
    desk.check_at(LATER).has("published", "warn", "it lacks the encryption subkey");

    // The old one is revoked in the key in use; whoever has the copy goes on using it.
    let mut edit = std::process::Command::new("gpg");
    edit.arg("--homedir").arg(gpg.home.path()).args(["--quiet", "--no-tty", "--faked-system-time", NEXT_DAY]);
    edit.args(["--pinentry-mode", "loopback", "--passphrase", "", "--command-fd", "0", "--edit-key", &key]);
    edit.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = edit.spawn().unwrap();
    use std::io::Write;
    child.stdin.take().unwrap().write_all(b"key 1\nrevkey\ny\n1\n\ny\nsave\n").unwrap();
    assert!(child.wait().unwrap().success());
    gpg.secret_at(NEXT_DAY, &key, &desk.path("team.pgp"));
    let checked = desk.check_at(LATER);
    checked.has("published", "fail", "it still offers the encryption subkey");
    checked.well("key");
}

#[test]
fn strangers_secrets_and_other_keys_of_ours() {
    let (desk, gpg, key) = published();
    private(&desk.path("keys/team.asc"), &std::fs::read(project("keys/finder.pgp")).unwrap());
    desk.check().has("published", "fail", "which is none of ours");
    private(&desk.path("keys/team.asc"), &gpg.run(&["--armor", "--export-secret-keys", &key]));
    desk.check().has("published", "fail", "it holds the secret key");
    desk.write("keys/team.asc", "soon\n");
    desk.check().has("published", "warn", "there is no key in it");
    // In keys/ a stranger's certificate is nobody's business, another one for our address is.
    desk.write("keys/team.asc", &gpg.public(&key));
    private(&desk.path("keys/finder.pgp"), &std::fs::read(project("keys/finder.pgp")).unwrap());
    let checked = desk.check();
    checked.well("published");
    assert_eq!(checked.about("published").len(), 1);
    let (another, second) = Gnupg::with(("cert,sign", "never"), &[("encr", "never")]);
    desk.write("keys/older.asc", &another.public(&second));
    desk.check().has("published", "warn", "for security@example.org, which is none of ours");
}

#[test]
fn a_security_txt_ages_and_names_a_key() {
    let (desk, gpg, key) = published();
    let text = |encryption: &str, expires: &str| {
        format!("Contact: mailto:security@example.org\nEncryption: {encryption}\n{expires}\n")
    };
    let known = "https://example.org/pgp-key.txt";
    desk.write(".well-known/security.txt", &text(known, "Expires: 2026-12-31T00:00:00Z"));
    let checked = desk.check();
    checked.has("security.txt", "ok", "it holds for");
    checked.has("published", "ok", "not looked at");
    // What lies at the same path beside it is compared.
    private(&desk.path("pgp-key.txt"), &std::fs::read(project("keys/finder.pgp")).unwrap());
    desk.check().has("published", "fail", "pgp-key.txt is the key");
    desk.write("pgp-key.txt", &gpg.public(&key));
    desk.check().well("published");
    for (expires, level, told) in [
        ("Expires: 2026-03-30T00:00:00Z", "warn", "it expires in 27 days"),
        ("Expires: 2026-03-01T00:00:00Z", "warn", "it expired"),
        ("Expires: soon", "warn", "no time of RFC 3339"),
        ("", "warn", "it has no Expires"),
    ] {
        desk.write(".well-known/security.txt", &text(known, expires));
        desk.check().has("security.txt", level, told);
    }
    desk.write(
        ".well-known/security.txt",
        &text("openpgp4fpr:0123456789abcdef0123456789abcdef01234567", "Expires: 2026-12-31T00:00:00Z"),
    );
    desk.check().has("published", "fail", ".well-known/security.txt names the key 89ABCDEF01234567");
    // The whole in `.github`, as many have it.
    std::fs::create_dir(desk.path(".github")).unwrap();
    std::fs::rename(desk.path("SECURITY.md"), desk.path(".github/SECURITY.md")).unwrap();
    let config = std::fs::read_to_string(desk.path("config.toml")).unwrap();
    desk.write("config.toml", &config.replace("\"SECURITY.md\"", "\".github/SECURITY.md\""));
    desk.write(".github/SECURITY.md", "First answer within 2 working days. [Key](../keys/team.asc)\n");
    let checked = desk.check();
    checked.has("published", "ok", "is the key in use");
    checked.has("security.txt", "ok", "it holds for");
}
