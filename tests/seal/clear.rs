//! Sending in the clear: only with the exact words, and only what was public.

use sealpost::pgp::seal::{ClearConsent, SealError, Sealed, SigningKey, in_the_clear};
use sealpost::reply::Draft;

use super::help::*;

#[test]
fn only_the_exact_words_are_consent() {
    let text = draft("Hello");
    assert_eq!(ClearConsent::words(&text), "send finder@example.net in the clear");
    for words in ["send finder@example.net in the clear", " send FINDER@EXAMPLE.NET in the clear\n"] {
        assert!(ClearConsent::given(words, &text).is_some(), "{words:?}");
    }
    for words in [
        "",
        "y",
        "yes",
        "send in the clear",
        "send  in the clear",
        "send eve@example.com in the clear",
        "send finder@example.net, eve@example.com in the clear",
        "send finder@example.net in the clear!",
        "Send finder@example.net in the clear",
        "send finder@example.net",
    ] {
        assert!(ClearConsent::given(words, &text).is_none(), "{words:?}");
    }
}

#[test]
fn consent_holds_for_one_set_of_people() {
    let consent = ClearConsent::given("send finder@example.net in the clear", &draft("Hello")).unwrap();
    let mut more = fields("Hello");
    more.cc = vec![address("third@example.com")];
    let more = Draft::new(more).unwrap();
    assert_eq!(in_the_clear(&more, &consent, None, now()).unwrap_err(), SealError::Consent);
    assert_eq!(ClearConsent::words(&more), "send finder@example.net, third@example.com in the clear");
}

#[test]
fn the_subject_that_came_encrypted_does_not_go_out() {
    let mut secret = fields("Hello,\nthank you. \n");
    secret.clear_subject = Some("Re: ...".into());
    let text = Draft::new(secret).unwrap();
    let consent = ClearConsent::given(&ClearConsent::words(&text), &text).unwrap();
    let mut key = SigningKey::of(&team(), None, now()).unwrap();
    for signer in [None, Some(&mut key)] {
        let signed = signer.is_some();
        let sealed = in_the_clear(&text, &consent, signer, now()).unwrap();
        assert!(!sealed.is_encrypted());
        assert!(sealed.encrypted_to().is_empty());
        let mail = String::from_utf8(sealed.bytes().to_vec()).unwrap();
        assert!(!mail.contains("Heap overflow"), "{mail}");
        assert_eq!(header(sealed.bytes(), "Subject"), ["Re: ..."]);
        let parsed = mailparse::parse_mail(sealed.bytes()).unwrap();
        assert_eq!(parsed.ctype.mimetype, if signed { "multipart/signed" } else { "multipart/mixed" });
        assert_eq!(text_of(parsed.subparts[0].raw_bytes).trim_end_matches('\n'), "Hello,\nthank you. ");
        assert_eq!(parsed.subparts[0].ctype.params.get("hp").unwrap(), "clear");
        let again = Sealed::restore(sealed.bytes().to_vec(), TEAM, &[FINDER.to_owned()]).unwrap();
        assert!(!again.is_encrypted());
    }
}
