//! Replies and servers that let us wait, put us off, refuse or vanish: what is tried again, when, and what never is.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::place::{Link, Place, Ran, each};
use crate::scripts::eager;
use crate::support::figure;
use crate::support::script::{Manner, Script, Server, Step};

/// A place whose polls find a mailbox without news, and a reply that waits.
fn place_with_one() -> Place {
    let place = Place::with_a_reply();
    for folder in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(place.path("mail").join(folder)).unwrap();
    }
    place
}

fn place_with_three() -> Place {
    let place = place_with_one();
    place.smtp(&Link::plain(1));
    for _ in 0..2 {
        let ran = place.run(&["reply", "1", "--message-file", "answer.txt", "--later"]);
        assert_eq!(ran.status, 0, "{}", ran.said());
    }
    place
}

fn states(place: &Place) -> Vec<String> {
    place.outbox().into_iter().map(|(state, _)| state).collect()
}

#[test]
fn a_silent_server_is_waited_for_once_and_not_for_every_reply() {
    let place = place_with_three();
    let mut silent = eager();
    let steps = &mut silent.sections[0];
    let dot = steps.iter().position(|s| matches!(s, Step::Send(text) if text.starts_with("250 queued"))).unwrap();
    steps.truncate(dot);
    steps.push(Step::Sleep(Duration::from_secs(600)));
    let server = Server::start(&Script { name: "silent".into(), ..silent }, Manner::plain());
    place.smtp(&Link::plain(server.port));
    let ran = place.run(&["outbox", "send"]);
    assert_eq!(ran.status, 3, "{}", ran.said());
    assert_eq!(states(&place), ["unknown", "queued", "queued"], "{}", ran.said());
    // The rest goes out once the server is well; the first waits for a person.
    let well = Server::start(&eager(), Manner::plain());
    place.smtp(&Link::plain(well.port));
    let ran = place.run(&["outbox", "send"]);
    assert_eq!((ran.status, states(&place)), (0, vec!["unknown".to_owned()]), "{}", ran.said());
}

#[test]
fn a_refusal_for_good_keeps_no_other_reply_back() {
    let place = place_with_three();
    let mut refuses = eager();
    let steps = &mut refuses.sections[0];
    let rcpt = steps.iter().position(|s| matches!(s, Step::Expect(r) if r.as_str().contains("RCPT"))).unwrap();
    steps.truncate(rcpt + 1);
    steps.push(Step::Send("550 nobody here\r\n".into()));
    let server = Server::start(&refuses, Manner::plain());
    place.smtp(&Link::plain(server.port));
    let ran = place.run(&["outbox", "send"]);
    assert_eq!((ran.status, states(&place)), (3, vec!["failed".to_owned(); 3]), "{}", ran.said());
    assert_eq!(ran.stderr.matches("server says: 550 nobody here").count(), 3, "{}", ran.said());
}

/// A server that answers `wrong` at the step where `at` has just been heard (an empty `at`: with its greeting), and says no
/// more.
fn wrong_at(at: &str, wrong: &str) -> Vec<Step> {
    let mut steps = eager().sections[0].clone();
    let heard = |step: &Step| matches!(step, Step::Expect(r) if r.as_str().contains(at));
    let place = if at.is_empty() { 0 } else { steps.iter().position(heard).unwrap() + 1 };
    steps.truncate(place);
    steps.push(Step::Send(wrong.into()));
    steps
}

/// A server that is this at one time and that at another; `Server::next_section` moves on.
fn moody(sections: Vec<Vec<Step>>) -> Server {
    Server::start(&Script { name: "moody".into(), sections, ..eager() }, Manner::plain())
}

fn dots(server: &Server) -> usize {
    server.heard().windows(5).filter(|w| *w == b"\r\n.\r\n").count()
}

const DOT: &str = r"\r\n\.\r\n";

fn poll_at(place: &Place, now: &str) -> Ran {
    place.run(&["--now", now, "poll"])
}

fn first_response(place: &Place) -> String {
    let ran = place.run(&["--json", "--now", "2030-01-01T10:00:00Z", "show", "1"]);
    let report = ran.json();
    let clocks = report["clocks"].as_array().unwrap();
    let clock = clocks.iter().find(|clock| clock["kind"] == "first_response").unwrap();
    if clock["met_at"].is_null() { "running".into() } else { clock["met_at"].as_str().unwrap().into() }
}

#[test]
fn a_server_that_says_later_twice_gets_it_the_third_time() {
    let cases = [
        ("", "421 too busy\r\n"),
        ("", "554 nobody is served\r\n"),
        ("AUTH", "454 the password file is away\r\n"),
        ("AUTH", "535 nobody is known\r\n"),
        ("MAIL", "451 later\r\n"),
        ("RCPT", "450 grey-listed\r\n"),
        ("DATA", "452 full\r\n"),
        (DOT, "451 later\r\n"),
        (DOT, "421 closing\r\n"),
    ];
    let polls = AtomicU32::new(0);
    let run = |place: &Place, now: &str| {
        polls.fetch_add(1, Ordering::Relaxed);
        poll_at(place, now)
    };
    each(
        &cases,
        |case| format!("{case:?}"),
        |(at, wrong)| {
            let server = moody(vec![wrong_at(at, wrong), eager().sections[0].clone()]);
            let place = place_with_one();
            place.smtp(&Link::plain(server.port));
            let after_dot = usize::from(*at == DOT);
            for (now, tried) in [("10:00", 1), ("10:01", 2), ("10:05", 2)] {
                let ran = run(&place, &format!("2030-01-01T{now}:00Z"));
                let words = if now == "10:05" { "1 reply waits to be tried again" } else { "stays queued" };
                assert_eq!((ran.status, ran.stdout.lines().count()), (3, 1), "{}", ran.said());
                assert!(ran.stdout.contains(words), "{now}: {}", ran.said());
                assert_eq!((dots(&server), states(&place)), (tried * after_dot, vec!["queued".into()]), "{now}");
                assert_eq!(first_response(&place), "running");
            }
            server.next_section();
            let heard = server.heard().len();
            assert_eq!(run(&place, "2030-01-01T10:05:59Z").status, 3);
            assert_eq!(server.heard().len(), heard, "the pause is kept");
            let ran = run(&place, "2030-01-01T10:06:00Z");
            assert_eq!((ran.status, states(&place).len()), (0, 0), "{}", ran.said());
            assert_eq!(first_response(&place), "2030-01-01T10:06:00Z");
            assert_eq!(run(&place, "2030-01-02T10:00:00Z").status, 0);
            assert_eq!(dots(&server), 2 * after_dot + 1, "taken once");
            place.ledger();
        },
    );
    figure("outbox-retries", &format!("{} servers, {} polls, lost 0, doubled 0", cases.len(), polls.into_inner()));
}

#[test]
fn a_refusal_for_good_or_a_line_dropped_after_the_dot_is_not_tried_again() {
    let silent = |at: &str| {
        let mut steps = wrong_at(at, "");
        steps.pop();
        steps.push(Step::Close { abruptly: true });
        steps
    };
    let cases = [
        ("failed", "550 no\r\n", wrong_at("MAIL", "550 no\r\n")),
        ("failed", "550 no\r\n", wrong_at("RCPT", "550 no\r\n")),
        ("failed", "554 no\r\n", wrong_at("DATA", "554 no\r\n")),
        ("failed", "554 no\r\n", wrong_at(DOT, "554 no\r\n")),
        ("unknown", "a line dropped after the dot", silent(DOT)),
    ];
    each(
        &cases,
        |(state, words, _)| format!("{state} {words:?}"),
        |(state, _, steps)| {
            // The first try is put off; what comes then does not depend on it.
            for put_off in [false, true] {
                let mut sections = vec![steps.clone(), eager().sections[0].clone()];
                let place = place_with_one();
                if put_off {
                    sections.insert(0, wrong_at("RCPT", "450 grey-listed\r\n"));
                }
                let server = moody(sections);
                place.smtp(&Link::plain(server.port));
                if put_off {
                    assert_eq!(poll_at(&place, "2030-01-01T09:59:00Z").status, 3);
                    server.next_section();
                }
                let ran = poll_at(&place, "2030-01-01T10:00:00Z");
                assert_eq!((ran.status, states(&place)), (3, vec![(*state).to_owned()]), "{}", ran.said());
                assert!(ran.stdout.contains("waits for a person"), "{}", ran.said());
                server.next_section();
                let heard = server.heard().len();
                for now in ["2030-01-01T10:01:00Z", "2030-01-01T11:30:00Z", "2030-01-09T10:00:00Z"] {
                    let ran = poll_at(&place, now);
                    assert_eq!((ran.status, states(&place)), (3, vec![(*state).to_owned()]), "{}", ran.said());
                    assert!(ran.stdout.contains("1 reply waits for a person: sealpost outbox"), "{}", ran.said());
                }
                let ran = place.run(&["outbox", "send"]);
                assert_eq!((ran.stdout.as_str(), server.heard().len()), ("0 of 0 sent\n", heard));
                assert_eq!(first_response(&place), "running");
            }
        },
    );
}

/// Once unknown, always a person's: that it failed for a passing reason later does not make it go out by itself.
#[test]
fn what_was_once_unknown_is_never_tried_again_by_itself() {
    let mut dropped = wrong_at(DOT, "");
    dropped.pop();
    let server = moody(vec![dropped, wrong_at("RCPT", "450 grey-listed\r\n"), eager().sections[0].clone()]);
    let place = place_with_one();
    place.smtp(&Link::plain(server.port));
    assert_eq!((place.run(&["outbox", "send"]).status, states(&place)), (3, vec!["unknown".to_owned()]));
    server.next_section();
    let ran = place.run(&["outbox", "send", "1"]);
    assert_eq!((ran.status, states(&place)), (3, vec!["failed".to_owned()]), "{}", ran.said());
    server.next_section();
    let before = dots(&server);
    assert_eq!((place.run(&["poll"]).status, place.run(&["outbox", "send"]).status), (3, 0));
    assert_eq!((dots(&server), states(&place)), (before, vec!["failed".to_owned()]));
}

/// While the server rests none of many replies is tried; when it is back, all of them go at once.
#[test]
fn many_replies_press_a_server_no_more_than_one() {
    let place = place_with_three();
    let counter = moody(vec![wrong_at("", "421 too busy\r\n"), eager().sections[0].clone()]);
    place.smtp(&Link::plain(counter.port));
    let mut tries = 0;
    for minute in 0..60 {
        let ran = poll_at(&place, &format!("2030-01-01T10:{minute:02}:00Z"));
        assert_eq!(ran.status, 3, "{}", ran.said());
        if ran.stdout.contains("was not sent") {
            assert!(ran.stdout.contains("2 more wait behind it"), "{}", ran.said());
            tries += 1;
        }
    }
    assert_eq!(tries, 5, "at 0, 1, 6, 21 and 51 minutes");
    let outbox = place.run(&["--json", "outbox"]).json();
    let made: Vec<u64> = outbox["outbox"].as_array().unwrap().iter().map(|i| i["tries"].as_u64().unwrap()).collect();
    assert_eq!(made, [5, 0, 0]);
    counter.next_section();
    let ran = poll_at(&place, "2030-01-01T11:51:00Z");
    assert_eq!((ran.status, states(&place).len(), dots(&counter)), (0, 0, 3), "{}", ran.said());
    figure("outbox-retries", "3 replies, 60 polls in an hour: tries 5");
}

/// One reply that the server puts off keeps no other back, and one that a person sends shows that the server is back.
#[test]
fn what_waits_for_the_server_goes_once_another_has_gone() {
    let place = place_with_three();
    place.smtp(&Link::plain(1));
    for now in ["10:00", "10:01", "10:06"] {
        assert_eq!(poll_at(&place, &format!("2030-01-01T{now}:00Z")).status, 3);
    }
    let server = moody(vec![eager().sections[0].clone()]);
    place.smtp(&Link::plain(server.port));
    assert_eq!(poll_at(&place, "2030-01-01T10:07:00Z").status, 3);
    assert_eq!((dots(&server), states(&place).len()), (0, 3), "the server rests");
    assert_eq!(place.run(&["--now", "2030-01-01T10:08:00Z", "outbox", "send", "3"]).status, 0);
    let ran = poll_at(&place, "2030-01-01T10:09:00Z");
    assert_eq!((ran.status, dots(&server), states(&place).len()), (0, 3, 0), "{}", ran.said());
}

/// After five days it waits for a person, and is told until somebody decides; nothing is ever dropped.
#[test]
fn what_is_not_out_after_five_days_waits_for_a_person() {
    let place = place_with_one();
    place.smtp(&Link::plain(1));
    let (mut tries, mut given_up) = (0, None);
    for hour in 0..24 * 6 {
        let ran = poll_at(&place, &format!("2030-01-{:02}T{:02}:30:00Z", 1 + hour / 24, hour % 24));
        assert_eq!(ran.status, 3, "{}", ran.said());
        tries += u32::from(ran.stdout.contains("was not sent"));
        if ran.stdout.contains("waits for a person; given up after 5 d") {
            given_up.get_or_insert(hour);
        }
    }
    assert_eq!((given_up, tries), (Some(120), 121));
    let [(state, reason)] = place.outbox().try_into().unwrap();
    assert!(state == "failed" && reason.starts_with("given up after 5 d: cannot connect"), "{reason}");
    let quiet = |now: &str| place.run(&["--now", now, "poll", "--quiet"]);
    let daily = quiet("2030-01-10T10:00:00Z");
    assert_eq!((daily.status, daily.stdout.as_str()), (3, "1 reply waits for a person: sealpost outbox\n"));
    let again = quiet("2030-01-10T10:01:00Z");
    assert_eq!((again.status, again.stdout.as_str()), (3, ""), "quiet says it once a day");
    let check = place.run(&["--now", "2030-01-11T10:00:00Z", "check", "--offline"]);
    assert!(check.stdout.contains("1 waiting for a person: it could not be sent"), "{}", check.said());
    // A person who sends it has another five days.
    assert_eq!(place.run(&["--now", "2030-01-11T10:00:00Z", "outbox", "send", "1"]).status, 3);
    assert_eq!(states(&place), ["queued"]);
    let server = Server::start(&eager(), Manner::plain());
    place.smtp(&Link::plain(server.port));
    assert_eq!((poll_at(&place, "2030-01-11T10:05:00Z").status, dots(&server)), (0, 1));
}
