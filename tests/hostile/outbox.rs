//! Several replies and a server that lets us wait: it is waited for once.

use std::time::Duration;

use crate::place::{Link, Place};
use crate::scripts::eager;
use crate::support::script::{Manner, Script, Server, Step};

fn place_with_three() -> Place {
    let place = Place::with_a_reply();
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
