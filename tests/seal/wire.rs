//! The bytes: strict for SMTP, without a trace of the text, and the same again when the outbox takes them up.

use std::time::SystemTime;

use sealpost::message::Address;
use sealpost::pgp::Sealed;
use sealpost::reply::{Attachment, Draft};
use sequoia_openpgp as openpgp;

use openpgp::cert::prelude::{CipherSuite, KeyBuilder};
use openpgp::types::{AEADAlgorithm, Features, KeyFlags, SymmetricAlgorithm};

use super::help::*;

/// Header fields a mail of ours may have, and none other.
pub const OUTER: &[&str] =
    &["From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version", "Content-Type"];

/// A parser that forgives nothing. Gives the header fields, unfolded.
pub fn strict(mail: &[u8]) -> Result<Vec<(String, String)>, String> {
    let text = std::str::from_utf8(mail).map_err(|e| e.to_string())?;
    if !text.ends_with("\r\n") {
        return Err("no CRLF at the end".into());
    }
    for line in text.strip_suffix("\r\n").unwrap().split("\r\n") {
        if line.len() > 998 {
            return Err(format!("a line of {} bytes", line.len()));
        }
        if let Some(bad) = line.chars().find(|c| !c.is_ascii() || (c.is_ascii_control() && *c != '\t')) {
            return Err(format!("{bad:?} in {line:?}"));
        }
    }
    let (header, _) = text.split_once("\r\n\r\n").ok_or("no body")?;
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in header.split("\r\n") {
        if line.starts_with([' ', '\t']) {
            if line.trim().is_empty() {
                return Err("a folded line of white space only".into());
            }
            fields.last_mut().ok_or("folding at the start")?.1.push_str(line);
            continue;
        }
        let (name, value) = line.split_once(": ").ok_or_else(|| format!("no field: {line:?}"))?;
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(format!("no field name: {name:?}"));
        }
        fields.push((name.into(), value.into()));
    }
    Ok(fields)
}

#[test]
fn outer_header_says_nothing_it_need_not() {
    let sealed = seal_to(&draft("The canary sings."), &finder(), &team(), now()).unwrap();
    let fields = strict(sealed.bytes()).unwrap();
    let boundary = fields.iter().find(|(n, _)| n == "Content-Type").unwrap().1.clone();
    let expected = [
        ("From", "\"Security Team\" <security@example.org>"),
        ("To", "\"A. Finder\" <finder@example.net>"),
        ("Subject", "[...]"),
        ("Date", "Mon, 02 Mar 2026 09:15:00 +0000"),
        ("Message-ID", "<mzxw6ytboi@example.org>"),
        ("In-Reply-To", "<1@example.net>"),
        ("References", "<0@example.net> <1@example.net>"),
        ("MIME-Version", "1.0"),
        ("Content-Type", boundary.as_str()),
    ];
    assert_eq!(fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
    assert!(boundary.starts_with("multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=\"sealed-"));
}

#[test]
fn protected_header_is_inside() {
    let (team, finder) = (team(), finder());
    let sealed = seal_to(&draft("Hello"), &finder, &team, now()).unwrap();
    let opened = open(sealed.bytes(), &finder, &team, now());
    let inner = mailparse::parse_mail(&opened.payload).unwrap();
    assert_eq!(inner.ctype.params.get("hp").unwrap(), "cipher");
    assert_eq!(inner.ctype.params.get("protected-headers").unwrap(), "v1");
    assert_eq!(header(&opened.payload, "Subject"), ["Re: Heap overflow in the cookie parser"]);
    for name in ["From", "To", "Date", "Message-ID", "In-Reply-To", "References"] {
        let outer = header(sealed.bytes(), name);
        assert_eq!(header(&opened.payload, name), outer);
        assert!(header(&opened.payload, "HP-Outer").contains(&format!("{name}: {}", outer[0])), "{name}");
    }
    assert!(header(&opened.payload, "HP-Outer").contains(&"Subject: [...]".to_owned()));
    assert_eq!(header(&opened.payload, "HP-Outer").len(), 7);
}

#[test]
fn signature_names_both_readers_and_both_can_read() {
    let (team, finder) = (team(), finder());
    let sealed = seal_to(&draft("Hello"), &finder, &team, now()).unwrap();
    for reader in [&finder, &team] {
        let opened = open(sealed.bytes(), reader, &team, now());
        assert_eq!(opened.signer, team.fingerprint());
        assert_eq!(opened.intended, [finder.fingerprint(), team.fingerprint()]);
        assert_eq!(opened.cipher, SymmetricAlgorithm::AES256);
        assert_eq!(opened.aead, None);
        assert_eq!(opened.pkesks.len(), 2);
    }
}

#[test]
fn the_newest_of_our_signing_keys_signs() {
    let policy = openpgp::policy::StandardPolicy::new();
    for age in [50, 10] {
        let mut own = team();
        let mut newest = None;
        for days_old in [50, 10, 30] {
            let made = SystemTime::from(now()) - days(days_old);
            let valid = own.with_policy(&policy, SystemTime::from(now())).unwrap();
            let builder =
                KeyBuilder::new(KeyFlags::empty().set_signing()).set_creation_time(made).subkey(valid).unwrap();
            let fingerprint = builder.key().fingerprint();
            own = builder.set_signature_creation_time(made).unwrap().attach_cert().unwrap();
            if days_old == age {
                newest = Some(fingerprint);
            }
            if age == 50 {
                break;
            }
        }
        let finder = finder();
        let sealed = seal_to(&draft("Hello"), &finder, &own, now()).unwrap();
        assert_eq!(Some(open(sealed.bytes(), &finder, &own, now()).signing_key), newest, "{age}");
    }
}

#[test]
fn seipd2_only_where_everybody_advertises_it() {
    let both = || Features::empty().set_seipdv1().set_seipdv2();
    let new = |address: &str| person(address, |b| can_encrypt(b.set_features(both()).unwrap()));
    for (finder, team, aead) in
        [(new(FINDER), new(TEAM), Some(AEADAlgorithm::OCB)), (new(FINDER), team(), None), (finder(), new(TEAM), None)]
    {
        let sealed = seal_to(&draft("Hello"), &finder, &team, now()).unwrap();
        let opened = open(sealed.bytes(), &finder, &team, now());
        assert_eq!(opened.aead, aead);
        assert_eq!(opened.cipher, SymmetricAlgorithm::AES256);
        assert_eq!(Sealed::restore(sealed.bytes().to_vec(), TEAM, &[FINDER.into()]).unwrap().bytes(), sealed.bytes());
    }
}

#[test]
fn version_6_and_other_curves_are_written_to() {
    let team = team();
    let v6 = person(FINDER, |b| can_encrypt(b.set_profile(openpgp::Profile::RFC9580).unwrap()));
    let p256 = person(FINDER, |b| can_encrypt(b.set_cipher_suite(CipherSuite::P256)));
    for cert in [v6, p256] {
        let sealed = seal_to(&draft("Hello"), &cert, &team, now()).unwrap();
        assert_eq!(text_of(&open(sealed.bytes(), &cert, &team, now()).payload), "Hello\n");
    }
}

#[test]
fn nothing_of_the_text_is_in_the_bytes_or_in_debug() {
    let mut secret = fields("CANARY-TEXT\n");
    secret.subject = "CANARY-SUBJECT".into();
    secret.attachments = vec![file("CANARY-NAME.py", b"CANARY-FILE")];
    let secret = Draft::new(secret).unwrap();
    let sealed = seal_to(&secret, &finder(), &team(), now()).unwrap();
    let all = format!("{}{sealed:?}{secret:?}", String::from_utf8_lossy(sealed.bytes()));
    assert!(!all.contains("CANARY"), "{all}");
    let encoded = data_encoding::BASE64.encode(b"CANARY-FILE");
    assert!(!all.contains(&encoded[..12]), "{all}");
    // The same search does find it in what decrypting gives.
    let (team, finder) = (team(), finder());
    let sealed = seal_to(&secret, &finder, &team, now()).unwrap();
    let payload = String::from_utf8(open(sealed.bytes(), &finder, &team, now()).payload).unwrap();
    for canary in ["CANARY-TEXT", "CANARY-SUBJECT", "CANARY-NAME", &encoded[..12]] {
        assert!(payload.contains(canary), "{canary}: {payload}");
    }
}

#[test]
fn two_seals_of_one_draft_share_nothing() {
    let (team, finder, text) = (team(), finder(), draft("Hello"));
    let one = seal_to(&text, &finder, &team, now()).unwrap();
    let two = seal_to(&text, &finder, &team, now()).unwrap();
    assert_ne!(armored(one.bytes()), armored(two.bytes()));
    let boundary = |s: &Sealed| strict(s.bytes()).unwrap().pop().unwrap();
    assert_ne!(boundary(&one), boundary(&two));
}

#[test]
fn files_arrive_to_the_byte() {
    let mut with_files = fields("See the files.\n");
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let long_name = format!("résumé {} \"q\\\".pdf", "日本".repeat(20)).replace('\\', "");
    with_files.attachments = vec![
        file("poc.py", &every_byte),
        file(&long_name, b""),
        Attachment::new("mail.eml", "message/rfc822", b"From: x\n\nFrom y\n".to_vec()).unwrap(),
    ];
    let text = Draft::new(with_files).unwrap();
    let (team, finder) = (team(), finder());
    let sealed = seal_to(&text, &finder, &team, now()).unwrap();
    let opened = open(sealed.bytes(), &finder, &team, now());
    strict(&opened.payload).unwrap();
    assert_eq!(text_of(&opened.payload).trim_end_matches('\n'), "See the files.");
    let parsed = mailparse::parse_mail(&opened.payload).unwrap();
    assert_eq!(parsed.ctype.params.get("hp").unwrap(), "cipher");
    assert_eq!(parsed.subparts.len(), 4);
    for (part, sent) in parsed.subparts[1..].iter().zip(text.attachments()) {
        assert_eq!(part.get_body_raw().unwrap(), sent.bytes());
        assert_eq!(part.get_content_disposition().params.get("filename").unwrap(), sent.name());
        assert_eq!(part.ctype.mimetype, sent.media_type());
    }
}

#[test]
fn restore_takes_what_was_sealed_and_nothing_else() {
    let sealed = seal_to(&draft("Hello"), &finder(), &team(), now()).unwrap();
    let to = [FINDER.to_owned()];
    let bytes = sealed.bytes().to_vec();
    let again = Sealed::restore(bytes.clone(), TEAM, &to).unwrap();
    assert_eq!(again.message_id(), sealed.message_id());
    assert_eq!(again.encrypted_to(), sealed.encrypted_to());
    assert!(again.is_encrypted());
    assert!(Sealed::restore(bytes.clone(), TEAM, &[]).is_err());
    assert!(Sealed::restore(bytes.clone(), "a@b\r\nRCPT TO:<eve@example.com>", &to).is_err());
    let mail = String::from_utf8(bytes).unwrap();
    let boundary = mail.split_once("boundary=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let plain = "From: a@example.org\r\nTo: b@example.net\r\nSubject: x\r\nMessage-ID: <a@b>\r\n\r\nHello\r\n";
    let plain_armor = "-----BEGIN PGP MESSAGE-----\r\n\r\nywhiAAAAAABoaQ==\r\n-----END PGP MESSAGE-----\r\n";
    let armor_at = mail.find("-----BEGIN").unwrap();
    let armor_end = mail.find("\r\n--sealed-").map(|_| mail.rfind("\r\n--sealed-").unwrap()).unwrap();
    for (what, changed) in [
        ("plain mail", plain.to_owned()),
        ("LF line ends", mail.replace("\r\n", "\n")),
        ("cut off", mail[..mail.len() - 100].to_owned()),
        ("text after the end", format!("{mail}P.S. the hole is in cookie.c\r\n")),
        ("a part more", mail.replace(&format!("--{boundary}--"), &format!("--{boundary}\r\n\r\nhi\r\n--{boundary}--"))),
        ("text before the armor", format!("{}cookie.c\r\n{}", &mail[..armor_at], &mail[armor_at..])),
        ("text in the armor", mail.replacen("-----\r\n\r\n", "-----\r\nComment: cookie.c\r\n\r\n", 1)),
        ("a literal instead", format!("{}{plain_armor}{}", &mail[..armor_at], &mail[armor_end..])),
        ("another subject", mail.replace("[...]", "Heap overflow")),
        ("two subjects", mail.replace("Subject: [...]", "Subject: [...]\r\nSubject: Heap overflow")),
        ("another type", mail.replace("multipart/encrypted", "multipart/mixed")),
        ("no mark", mail.replace("sealed-", "other-")),
        ("8 bit", mail.replace("A. Finder", "A. Fïnder")),
        ("NUL", mail.replace("A. Finder", "A.\0Finder")),
        ("a long line", mail.replace("A. Finder", &"x".repeat(1000))),
    ] {
        assert_ne!(changed, mail, "{what} changed nothing");
        assert!(Sealed::restore(changed.into_bytes(), TEAM, &to).is_err(), "{what} was taken");
    }
}

#[test]
fn header_injection_is_refused_everywhere() {
    let evil = [
        "x\r\nBcc: eve@example.com",
        "x\nBcc: eve@example.com",
        "x\rBcc: y",
        "x\0y",
        "x\u{85}y",
        "\x1b[2J",
        "x\u{2028}y",
    ];
    for text in evil {
        let refused = |change: &dyn Fn(&mut sealpost::reply::Fields)| {
            let mut given = fields("Hello");
            change(&mut given);
            match Draft::new(given) {
                Err(error) => assert!(!error.to_string().contains(['\r', '\n', '\0', '\x1b']), "{error:?}"),
                Ok(_) => panic!("{text:?} was taken"),
            }
        };
        refused(&|f| f.subject = text.into());
        refused(&|f| f.clear_subject = Some(text.into()));
        refused(&|f| f.to.address = format!("{text}@example.net"));
        refused(&|f| f.to.address = format!("a@{text}"));
        refused(&|f| f.to.name = Some(text.into()));
        refused(&|f| f.from.address = text.into());
        refused(&|f| f.from.name = Some(text.into()));
        refused(&|f| f.cc = vec![Address { address: FINDER.into(), name: Some(text.into()) }]);
        refused(&|f| f.cc = vec![address(text)]);
        refused(&|f| f.message_id = format!("<{text}@example.org>"));
        refused(&|f| f.in_reply_to = Some(format!("<{text}@example.org>")));
        refused(&|f| f.references = vec![format!("<{text}@example.org>")]);
        assert!(Attachment::new(text, "text/plain", Vec::new()).is_err(), "{text:?}");
    }
    assert!(Attachment::new("../x", "text/plain", Vec::new()).is_err());
}
