//! Walks `fixtures/reply`.

use jiff::Timestamp;
use sealpost::message::{Address, Header};
use sealpost::reply::{Answer, Answered, Route, draft, route};
use serde::Deserialize;

use super::help::{FINDER, TEAM, address};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    mail: Mail,
    #[serde(default)]
    answer: Ours,
    expect: Expect,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Mail {
    subject: Option<String>,
    outer_subject: Option<String>,
    encrypted: bool,
    message_id: Option<String>,
    in_reply_to: Vec<String>,
    references: Vec<String>,
    from: Option<Vec<String>>,
    reply_to: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Ours {
    to: Option<String>,
    name: Option<String>,
    from_name: Option<String>,
    body: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    subject: Option<String>,
    clear_subject: Option<String>,
    in_reply_to: Option<String>,
    references: Option<Vec<String>>,
    route: Option<String>,
    to: Option<String>,
    refused: Option<String>,
}

#[test]
fn every_case_in_the_folder() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/reply");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let case: Case = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            check(&path.display().to_string(), case);
            count += 1;
        }
    }
    assert!(count >= 30, "only {count} cases found in {folder}");
}

fn check(name: &str, case: Case) {
    let expect = case.expect;
    let mail = case.mail;
    let header = Header {
        subject: mail.subject,
        message_id: mail.message_id,
        in_reply_to: mail.in_reply_to,
        references: mail.references,
        from: mail.from.unwrap_or(vec![FINDER.into()]).iter().map(|a| address(a)).collect(),
        reply_to: mail.reply_to.iter().map(|a| address(a)).collect(),
        ..Header::default()
    };
    if let Some(expected) = expect.route {
        let found = match route(&header, &[TEAM]) {
            Route::Sender(sender) => {
                assert_eq!(sender.address, FINDER, "{name}");
                "sender"
            }
            Route::Elsewhere { .. } => "elsewhere",
            Route::Nobody => "nobody",
        };
        assert_eq!(found, expected, "{name}");
    }
    let answered =
        Answered { header: &header, outer_subject: mail.outer_subject.as_deref(), encrypted: mail.encrypted };
    let made = draft(
        &answered,
        Answer {
            from: Address { address: TEAM.into(), name: case.answer.from_name },
            to: Address { address: case.answer.to.unwrap_or(FINDER.into()), name: case.answer.name },
            body: case.answer.body.unwrap_or("Thank you.".into()),
            attachments: Vec::new(),
            random: [7; 16],
            now: Timestamp::UNIX_EPOCH,
        },
    );
    let made = match (made, expect.refused) {
        (Ok(made), None) => made,
        (Err(error), Some(words)) => {
            assert!(error.to_string().contains(&words), "{name}: {error}");
            return assert!(!error.to_string().contains(['\r', '\n', '\0', '\x1b']), "{name}: {error:?}");
        }
        (Ok(_), Some(words)) => panic!("{name}: not refused ({words})"),
        (Err(error), None) => panic!("{name}: {error}"),
    };
    assert_eq!(made.message_id(), "<a4dqobyha4dqobyha4dqobyha4@example.org>", "{name}");
    assert!(made.cc().is_empty(), "{name}");
    let same = |found: &str, expected: Option<String>| assert!(expected.is_none_or(|e| e == found), "{name}: {found}");
    same(made.subject(), expect.subject);
    same(made.clear_subject(), expect.clear_subject);
    same(made.in_reply_to().unwrap_or_default(), expect.in_reply_to);
    same(made.to().name.as_deref().unwrap_or(&made.to().address), expect.to);
    if let Some(expected) = expect.references {
        assert_eq!(made.references(), expected, "{name}");
    }
}
