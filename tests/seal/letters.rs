//! Ten thousand letters of all kinds, each sealed, opened and read again.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sealpost::pgp::seal::{Recipient, SigningKey, seal};
use sealpost::reply::{Attachment, Draft, DraftError};

use super::help::*;
use super::wire::{OUTER, strict};

/// Text of all kinds: anything, near to mail's own syntax, long lines, and lines that SMTP or mbox would change.
fn any_text() -> impl Strategy<Value = String> {
    let tricky = prop::sample::select(vec![
        "From me",
        ".",
        "..",
        ".\n",
        "=",
        "=3D",
        "--sealed-",
        "-- ",
        "--",
        " ",
        "\t",
        "\n",
        "\r\n",
        "ü",
        "日本語",
        "🦀",
        "\u{202e}",
        "=?utf-8?Q?a?=",
        "=?utf-8?B?YQ==?=",
        "<a@b>",
        "\"",
        "\\",
        "(",
        ")",
        ",",
        ";",
        ":",
        "Bcc: x@y",
        "-----BEGIN PGP MESSAGE-----",
        "e\u{301}",
        "x",
    ]);
    prop_oneof![
        3 => prop::collection::vec(tricky, 0..40).prop_map(|v| v.concat()),
        2 => any::<String>(),
        1 => "[a-zA-Z ]{0,300}",
        1 => "\\PC{0,200}",
    ]
}

#[derive(Clone, Debug)]
struct Letter {
    body: String,
    subject: String,
    name: Option<String>,
    file: Option<(String, Vec<u8>)>,
}

/// Mostly text that may be sent, and now and then some that must be refused.
fn mostly_fit() -> impl Strategy<Value = String> {
    let fit = |text: String| {
        let kept = text.replace("\r\n", "\n");
        let kept = kept.chars().filter(|c| !c.is_control() && !"\u{2028}\u{2029}".contains(*c));
        format!("a{}", kept.take(190).collect::<String>())
    };
    prop_oneof![19 => any_text().prop_map(fit), 1 => any_text()]
}

/// As [`mostly_fit`], of any length and with line ends.
fn mostly_fit_lines() -> impl Strategy<Value = String> {
    let fit = |text: String| {
        let kept = text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control());
        format!("{}a", kept.collect::<String>())
    };
    prop_oneof![19 => any_text().prop_map(fit), 1 => any_text()]
}

fn letters() -> impl Strategy<Value = Letter> {
    let file = prop::option::weighted(0.2, (mostly_fit(), prop::collection::vec(any::<u8>(), 0..200)));
    (mostly_fit_lines(), mostly_fit(), prop::option::of(mostly_fit()), file)
        .prop_map(|(body, subject, name, file)| Letter { body, subject, name, file })
}

/// White space at folds is the one thing that a header field does not keep.
fn folded(text: &str) -> String {
    text.split([' ', '\t']).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

#[test]
fn ten_thousand_letters_arrive_as_written() {
    let (team, finder) = (team(), finder());
    let mut key = SigningKey::of(&team, None, now()).unwrap();
    let to = [Recipient::new(FINDER, &finder)];
    let mut sent = 0_u32;
    let mut refused = 0_u32;
    let config = ProptestConfig { cases: 12_000, failure_persistence: None, ..ProptestConfig::default() };
    let key = std::cell::RefCell::new(&mut key);
    let counts = std::cell::RefCell::new((&mut sent, &mut refused));
    let check = |letter: Letter| {
        let mut given = fields(&letter.body);
        given.subject = letter.subject.clone();
        given.to.name = letter.name.clone();
        if let Some((name, bytes)) = &letter.file {
            match Attachment::new(name, "application/pdf", bytes.clone()) {
                Ok(file) => given.attachments.push(file),
                Err(DraftError::Field { .. }) => {}
                Err(other) => return Err(TestCaseError::fail(other.to_string())),
            }
        }
        let control = |t: &str| t.chars().any(|c| c.is_control() || "\u{2028}\u{2029}".contains(c));
        let text = match Draft::new(given) {
            Ok(text) => text,
            Err(error) => {
                let body_control =
                    letter.body.replace("\r\n", "\n").chars().any(|c| c.is_control() && c != '\n' && c != '\t');
                let name_bad = letter
                    .name
                    .as_deref()
                    .is_some_and(|n| control(n) || n.trim().is_empty() || n.chars().count() > 200);
                let due = body_control
                    || name_bad
                    || control(&letter.subject)
                    || letter.subject.chars().count() > 250
                    || letter.body.trim().is_empty();
                *counts.borrow_mut().1 += 1;
                prop_assert!(due, "refused without need: {}", error);
                return Ok(());
            }
        };
        *counts.borrow_mut().0 += 1;
        let sealed = seal(&text, &to, &mut key.borrow_mut(), now()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let outer = strict(sealed.bytes()).map_err(TestCaseError::fail)?;
        prop_assert!(outer.iter().all(|(name, _)| OUTER.contains(&name.as_str())), "{outer:?}");
        let mut names: Vec<_> = outer.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        prop_assert_eq!(names.len(), outer.len());

        let opened = open(sealed.bytes(), &finder, &team, now());
        let inner = strict(&opened.payload).map_err(TestCaseError::fail)?;
        prop_assert!(
            inner
                .iter()
                .all(|(n, _)| OUTER.contains(&n.as_str()) || n == "HP-Outer" || n == "Content-Transfer-Encoding")
        );
        prop_assert!(!inner.iter().any(|(n, _)| n == "Bcc"));
        let expected = letter.body.replace("\r\n", "\n");
        let expected = expected.trim_end_matches('\n');
        let arrived = text_of(&opened.payload);
        prop_assert_eq!(arrived.trim_end_matches('\n'), expected);
        prop_assert_eq!(text.body().trim_end_matches('\n'), expected);
        let subject = header(&opened.payload, "Subject");
        prop_assert_eq!(subject.len(), 1);
        prop_assert_eq!(folded(&subject[0]), folded(&letter.subject));
        check_to(&opened.payload, letter.name.as_deref())?;
        check_to(sealed.bytes(), letter.name.as_deref())?;
        if let Some(file) = text.attachments().first() {
            let parsed = mailparse::parse_mail(&opened.payload).unwrap();
            prop_assert_eq!(parsed.subparts.len(), 2);
            prop_assert_eq!(parsed.subparts[1].get_body_raw().unwrap(), file.bytes());
        }
        Ok(())
    };
    TestRunner::new(config).run(&letters(), check).unwrap();
    println!("{sent} letters sealed and opened, {refused} refused as they should be");
    assert!(sent >= 10_000, "too few letters were fit to be sent: {sent}");
}

/// Exactly one address in To, and it is the right one, whatever the name says.
fn check_to(mail: &[u8], name: Option<&str>) -> Result<(), TestCaseError> {
    use mailparse::{MailAddr, MailHeaderMap as _};
    let parsed = mailparse::parse_mail(mail).unwrap();
    let to = mailparse::addrparse_header(parsed.headers.get_first_header("To").unwrap())
        .map_err(|e| TestCaseError::fail(format!("{e} in {:?}", parsed.headers.get_first_value("To"))))?;
    match to.as_slice() {
        [MailAddr::Single(one)] => {
            prop_assert_eq!(&one.addr, FINDER);
            let arrived = one.display_name.as_deref().map(folded).unwrap_or_default();
            prop_assert_eq!(arrived, name.map(folded).unwrap_or_default());
        }
        other => return Err(TestCaseError::fail(format!("{other:?}"))),
    }
    Ok(())
}
