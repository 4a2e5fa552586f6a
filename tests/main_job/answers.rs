//! From the report to the answer that the reporter reads.

use std::time::SystemTime;

use serde_json::Value;

use crate::bench::{Workplace, private, project};
use crate::reporters::{Gpg, entity, head, pgp_mime, pgp_mime_signed, plain, sq_sign_and_encrypt, with_file};
use crate::support::exim::Mode;

const TEXT: &str = "Heap overflow in add_cookie (cookie.c:871).\nGrüße, A. Finder\n";

/// The OpenPGP part of a mail of ours.
fn armor(mail: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(mail.to_vec()).unwrap();
    let from = text.find("-----BEGIN PGP MESSAGE-----").unwrap();
    let to = text.find("-----END PGP MESSAGE-----").unwrap();
    text[from..to + "-----END PGP MESSAGE-----\n".len()].as_bytes().to_vec()
}

/// Makes the report, files it, answers it, and lets the reporter read the answer.
fn from_report_to_answer(gpg: &Gpg, mail: &[u8], signature: &str) {
    let place = Workplace::new(Mode::Accept);
    place.arrives(mail, 3600);
    let polled = place.json(&["poll"], 0);
    assert_eq!(
        (&polled["seen"], &polled["stored"], &polled["reports_opened"]),
        (&1.into(), &1.into(), &1.into()),
        "{polled:#}"
    );

    let report = place.report("");
    assert_eq!(report["encryption"], "encrypted", "{report:#}");
    assert_eq!(report["signature"], signature, "{report:#}");
    assert_eq!(Workplace::clock(&report, "first_response")["status"], "running");
    let shown = place.json(&["show", "1"], 0);
    assert!(shown["messages"][0]["text"].as_str().unwrap().contains("Grüße"), "{shown:#}");

    // Without a pinned certificate nothing goes out, and the command that decides is named.
    private(&place.path("answer.txt"), "Thank you.\n.\nWe look into it: äöü.\n".as_bytes());
    let undecided = place.run(&["reply", "1", "--message-file", "answer.txt"]).left_with(2);
    assert!(undecided.stderr.contains("nothing was sent"), "{}", undecided.stderr);
    assert!(place.exim.received().is_empty());
    private(&place.path("finder.asc"), gpg.certificate().as_bytes());
    let imported = place.json(&["key", "import", "finder.asc"], 0);
    let fingerprint = imported["imported"][0]["fingerprint"].as_str().unwrap().to_owned();
    place.run(&["key", "pin", gpg.address, &fingerprint]).left_with(0);

    let sent = place.json(&["reply", "1", "--message-file", "answer.txt"], 0);
    assert_eq!((&sent["state"], &sent["encrypted"]), (&"sent".into(), &true.into()), "{sent:#}");
    let received = place.exim.wait_for(1);
    let mail = String::from_utf8(received[0].clone()).unwrap();
    assert!(!mail.contains("Thank you") && mail.contains("Subject: [...]"), "{mail}");
    let (plain, status) = gpg.reads(&armor(&received[0]));
    assert!(status.contains("GOODSIG") && status.contains("DECRYPTION_OKAY"), "{status}");
    let plain = String::from_utf8(plain).unwrap();
    assert!(plain.contains("Thank you.") && plain.contains("Subject: Re: "), "{plain}");

    let report = place.report("");
    assert_eq!(report["state"], "acknowledged");
    assert_eq!(Workplace::clock(&report, "first_response")["status"], "met", "{report:#}");
    let stats = place.json(&["stats"], 0);
    assert_eq!(stats["first_response"]["within_policy"], 1.0, "{stats:#}");
    assert_eq!((&stats["reports"], &stats["answered"]), (&1.into(), &1.into()));

    // The copy in Sent comes back with the next poll and is counted as ours, once.
    let again = place.json(&["poll"], 0);
    assert_eq!((&again["outgoing"], &again["reports_opened"]), (&1.into(), &0.into()), "{again:#}");
    let quiet = place.json(&["poll"], 0);
    assert_eq!((&quiet["seen"], &quiet["stored"]), (&0.into(), &0.into()), "{quiet:#}");
    let show = place.json(&["show", "1"], 0);
    assert_eq!(show["messages"].as_array().unwrap().len(), 2, "the report and the answer: {show:#}");
    let answers: Vec<&Value> = show["history"].as_array().unwrap().iter().filter(|e| e["what"] == "answered").collect();
    assert_eq!(answers.len(), 1, "{show:#}");
    assert_eq!(place.json(&["audit"], 0)["ok"], true);
}

#[test]
fn curve25519_from_gpg() {
    let gpg = Gpg::with("keys/finder.pgp", "finder@example.net");
    let mail = pgp_mime(&head(gpg.address, "one", "a"), &gpg.sign_and_encrypt(&entity(TEXT)));
    from_report_to_answer(&gpg, &mail, "unknown_key");
}

#[test]
fn rsa_4096_from_gpg() {
    let gpg = Gpg::with("keys/rsa4096.pgp", "rsa4096@example.net");
    let mail = pgp_mime(&head(gpg.address, "two", "b"), &gpg.sign_and_encrypt(&entity(TEXT)));
    from_report_to_answer(&gpg, &mail, "unknown_key");
}

#[test]
fn encrypted_only_from_gpg() {
    let gpg = Gpg::with("keys/finder.pgp", "finder@example.net");
    let mail = pgp_mime(&head(gpg.address, "three", "c"), &gpg.encrypt(&entity(TEXT)));
    from_report_to_answer(&gpg, &mail, "none");
}

#[test]
fn signed_and_encrypted_from_sq() {
    let gpg = Gpg::with("keys/finder.pgp", "finder@example.net");
    let armored = sq_sign_and_encrypt(&project("keys/finder.pgp"), &entity(TEXT));
    from_report_to_answer(&gpg, &pgp_mime(&head(gpg.address, "four", "d"), &armored), "unknown_key");
}

#[test]
fn inline_from_gpg() {
    let gpg = Gpg::with("keys/finder.pgp", "finder@example.net");
    let mail = plain(&head(gpg.address, "five", "e"), &gpg.sign_and_encrypt(TEXT.as_bytes()));
    from_report_to_answer(&gpg, &mail, "unknown_key");
}

#[test]
fn what_is_not_encrypted_is_not_called_so() {
    let gpg = Gpg::with("keys/finder.pgp", "finder@example.net");
    let place = Workplace::new(Mode::Accept);
    let signed = entity("signed only: Grüße\n");
    place.arrives(&pgp_mime_signed(&head(gpg.address, "signed only", "f"), &signed, &gpg.detached(&signed)), 100);
    place.arrives(&plain(&head(gpg.address, "clearsigned", "g"), &gpg.clearsign(b"clear but signed\n")), 90);
    place.arrives(&plain(&head(gpg.address, "plain", "h"), "nothing at all\n"), 80);
    let file = gpg.encrypt(b"the file is a secret\n");
    place.arrives(&with_file(&head(gpg.address, "a file", "i"), "see the file\n", "report.txt.asc", &file), 70);
    let polled = place.json(&["poll"], 0);
    assert_eq!((&polled["stored"], &polled["unopened"]), (&4.into(), &0.into()), "{polled:#}");
    for (subject, encryption, signature) in [
        ("signed only", "none", "unknown_key"),
        ("clearsigned", "none", "unknown_key"),
        ("plain", "none", "none"),
        ("a file", "partial", "none"),
    ] {
        let report = place.report(subject);
        assert_eq!(report["encryption"], encryption, "{subject}: {report:#}");
        assert_eq!(report["signature"], signature, "{subject}: {report:#}");
    }
    // With the certificate pinned, a later signature is good.
    private(&place.path("finder.asc"), gpg.certificate().as_bytes());
    let imported = place.json(&["key", "import", "finder.asc"], 0);
    let fingerprint = imported["imported"][0]["fingerprint"].as_str().unwrap().to_owned();
    place.run(&["key", "pin", gpg.address, &fingerprint]).left_with(0);
    // It must say inside that it is for us: a signed text that names nobody could have been sealed anew by anybody.
    let named = "Content-Type: text/plain; charset=utf-8; protected-headers=\"v1\"\r\nFrom: finder@example.net\r\n\
        To: security@example.org\r\nSubject: pinned\r\n\r\nand now pinned\r\n";
    let sealed = gpg.sign_and_encrypt(named.as_bytes());
    place.arrives(&pgp_mime(&head(gpg.address, "pinned", "j"), &sealed), 60);
    place.json(&["poll"], 0);
    assert_eq!(place.report("pinned")["signature"], "good");
    let id = place.report("pinned")["id"].to_string();
    assert_eq!(place.json(&["show", &id], 0)["messages"][0]["signature"]["pinned"], true);
}

#[test]
fn an_answer_from_any_mail_program_counts_and_a_forged_one_does_not() {
    let place = Workplace::new(Mode::Accept);
    place.arrives(&plain(&head("finder@example.net", "first", "k"), "a report\n"), 7200);
    place.json(&["poll"], 0);
    let answer = |from: &str, extra: &str| {
        format!(
            "From: {from}\nTo: finder@example.net\nSubject: Re: first\nMessage-ID: <answer-{}@example.org>\nIn-Reply-To: <k@example.net>\n{extra}\nThanks.\n",
            extra.len()
        )
    };
    // Somebody claims to be us, in the inbox.
    place.arrives(answer("alice@example.org", "").as_bytes(), 3600);
    let forged = place.json(&["poll"], 0);
    assert_eq!((&forged["outgoing"], &forged["reports_opened"]), (&0.into(), &1.into()), "{forged:#}");
    assert_eq!(Workplace::clock(&place.json(&["show", "1"], 0), "first_response")["status"], "running");
    // A receipt that a program of ours sent.
    let receipt = answer("security@example.org", "Auto-Submitted: auto-replied\n");
    place.dovecot.append("Sent", receipt.as_bytes(), SystemTime::now());
    place.json(&["poll"], 0);
    assert_eq!(Workplace::clock(&place.json(&["show", "1"], 0), "first_response")["status"], "running");
    // A person's answer.
    place.dovecot.append("Sent", answer("security@example.org", "X-By: hand\n").as_bytes(), SystemTime::now());
    let polled = place.json(&["poll"], 0);
    assert_eq!(polled["outgoing"], 1, "{polled:#}");
    let report = place.json(&["show", "1"], 0);
    assert_eq!(Workplace::clock(&report, "first_response")["status"], "met", "{report:#}");
}

#[test]
fn a_refused_answer_stays_in_the_outbox() {
    let gpg = Gpg::with("keys/finder.pgp", "finder@example.net");
    let place = Workplace::new(Mode::Refuse);
    place.arrives(&plain(&head(gpg.address, "first", "l"), "a report\n"), 60);
    place.json(&["poll"], 0);
    private(&place.path("finder.asc"), gpg.certificate().as_bytes());
    let imported = place.json(&["key", "import", "finder.asc"], 0);
    place.run(&["key", "pin", gpg.address, imported["imported"][0]["fingerprint"].as_str().unwrap()]).left_with(0);
    private(&place.path("answer.txt"), b"Thank you.\n");
    let tried = place.json(&["reply", "1", "--message-file", "answer.txt"], 1);
    assert_eq!((&tried["state"], &tried["sent"]), (&"failed".into(), &false.into()), "{tried:#}");
    let outbox = place.json(&["outbox"], 0);
    assert_eq!(outbox["outbox"][0]["state"], "failed", "{outbox:#}");
    assert_eq!(Workplace::clock(&place.report("first"), "first_response")["status"], "running");
    // A poll does not try it again by itself, and says that a person is needed; who may drop it.
    assert_eq!(place.json(&["poll"], 3)["outbox"]["undecided"], 1);
    assert_eq!(place.json(&["outbox"], 0)["outbox"][0]["state"], "failed");
    place.run(&["outbox", "drop", "1"]).left_with(0);
    place.json(&["poll"], 0);
    assert_eq!(place.json(&["outbox"], 0)["outbox"], Value::Array(Vec::new()));
}

#[test]
fn nothing_goes_out_in_the_clear_by_accident() {
    let place = Workplace::new(Mode::Accept);
    place.arrives(&plain(&head("finder@example.net", "first", "m"), "a report\n"), 60);
    place.json(&["poll"], 0);
    private(&place.path("answer.txt"), b"Thank you.\n");
    for words in ["yes", "send", "send eve@example.com in the clear", ""] {
        place.run(&["reply", "1", "--message-file", "answer.txt", "--plaintext", words]).left_with(2);
    }
    assert!(place.exim.received().is_empty());
    let words = "send finder@example.net in the clear";
    let sent = place.json(&["reply", "1", "--message-file", "answer.txt", "--plaintext", words], 0);
    assert_eq!(sent["encrypted"], false);
    let mail = String::from_utf8(place.exim.wait_for(1)[0].clone()).unwrap();
    assert!(mail.contains("Thank you.") && mail.contains("application/pgp-signature"), "{mail}");
}
