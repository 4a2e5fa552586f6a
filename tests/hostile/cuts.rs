//! Connections that end at every byte of what the server says: of an IMAP session with everything in it, and of an SMTP one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::place::{Link, Place, counted, each};
use crate::scripts::{eager, honest};
use crate::support::fake::Mailbox;
use crate::support::script::{Manner, Script, Server};
use crate::support::{figure, rounds};

/// Stands between the program and a server; ends every connection after so many bytes from the server.
fn cutter(server: u16, after: usize) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let passed = Arc::new(AtomicUsize::new(0));
    let most = Arc::clone(&passed);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let most = Arc::clone(&most);
            let upstream = TcpStream::connect(("127.0.0.1", server)).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Both);
            });
            std::thread::spawn(move || pass(upstream, client, after, &most));
        }
    });
    (port, passed)
}

fn pass(mut server: TcpStream, mut client: TcpStream, after: usize, most: &AtomicUsize) {
    let mut left = after;
    let mut some = [0u8; 4096];
    while left > 0 {
        let want = left.min(some.len());
        let Ok(n) = server.read(&mut some[..want]) else { break };
        if n == 0 || client.write_all(&some[..n]).is_err() {
            break;
        }
        left -= n;
        most.fetch_max(after - left, Ordering::Relaxed);
    }
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = server.shutdown(std::net::Shutdown::Both);
}

/// Three mails; one looks like the protocol, one is empty but for its header.
fn mailbox() -> Mailbox {
    Mailbox::of(3, |n| match n {
        1 => b"Subject: one\r\n\r\n)\r\n* 2 FETCH (UID 2 BODY[] {3}\r\nlie)\r\na3 OK done\r\n".to_vec(),
        2 => b"Subject: two\r\n\r\n".to_vec(),
        _ => b"Subject: three\r\n\r\nthe last\r\n".to_vec(),
    })
}

fn script(mailbox: Mailbox) -> Script {
    honest(&Script { mailbox, ..eager() })
}

/// Every byte in the soak; else some, spread over all.
fn positions(length: usize) -> Vec<usize> {
    let step = (length / usize::try_from(rounds(60)).unwrap()).max(1);
    (0..length).step_by(step).collect()
}

#[test]
fn an_imap_session_cut_at_any_byte_loses_and_doubles_nothing() {
    let imap = Script { protocol: crate::support::script::Protocol::Imap, ..script(mailbox()) };
    let server = Server::start(&imap, Manner::plain());
    let (whole, passed) = cutter(server.port, usize::MAX);
    let place = Place::new();
    place.imap(&Link::plain(whole));
    assert_eq!(place.run(&["poll"]).status, 0);
    let length = passed.load(Ordering::Relaxed);
    assert!(length > 500, "{length}");
    let (cuts, failed) = (positions(length), AtomicUsize::new(0));
    each(
        &cuts,
        |cut| format!("cut at {cut}"),
        |cut| {
            let (port, _) = cutter(server.port, *cut);
            let place = Place::new();
            place.imap(&Link::plain(port));
            let ran = place.run(&["poll"]);
            assert!(matches!(ran.status, 0 | 1), "{}", ran.said());
            failed.fetch_add(usize::from(ran.status == 1), Ordering::Relaxed);
            let stored = place.ledger();
            assert!(stored.iter().all(|m| imap.mailbox.messages.values().any(|t| t == m)), "forged: {stored:?}");
            place.imap(&Link::plain(server.port));
            let ran = place.run(&["poll"]);
            assert_eq!(ran.status, 0, "{}", ran.said());
            let stored = place.ledger();
            assert_eq!(counted(&stored), counted(imap.mailbox.messages.values()), "after a good poll");
        },
    );
    let failed = failed.into_inner();
    assert!(failed > 0, "no poll noticed anything");
    figure(
        "wire-cuts-imap",
        &format!(
            "{} of {length} bytes tried, {failed} polls failed, {} mails lost 0, doubled 0, forged 0",
            cuts.len(),
            3
        ),
    );
}

#[test]
fn an_smtp_session_cut_at_any_byte_sends_nothing_twice() {
    let probe = Server::start(&eager(), Manner::plain());
    let (whole, passed) = cutter(probe.port, usize::MAX);
    let place = Place::with_a_reply();
    place.smtp(&Link::plain(whole));
    assert_eq!(place.run(&["outbox", "send"]).status, 0);
    let length = passed.load(Ordering::Relaxed);
    let states: Mutex<std::collections::BTreeMap<String, u32>> = Mutex::default();
    let cuts = positions(length);
    each(
        &cuts,
        |cut| format!("cut at {cut}"),
        |cut| {
            let server = Server::start(&eager(), Manner::plain());
            let (port, _) = cutter(server.port, *cut);
            let place = Place::with_a_reply();
            place.smtp(&Link::plain(port));
            let ran = place.run(&["outbox", "send"]);
            let outbox = place.outbox();
            let state = outbox.first().map_or("sent", |(state, _)| state).to_owned();
            let heard = server.heard();
            let dots = |heard: &[u8]| heard.windows(5).filter(|w| *w == b"\r\n.\r\n").count();
            let took = dots(&heard);
            let fits = match state.as_str() {
                "sent" => took == 1,
                // Whoever cannot say the last word does not know what was heard before.
                "unknown" => took <= 1,
                "queued" => took == 0,
                _ => false,
            };
            assert!(fits, "{state}, and the server took {took}: {}", ran.said());
            assert_eq!(ran.status, if state == "sent" { 0 } else { 3 }, "{}", ran.said());
            // What certainly did not go out goes with the next poll; by itself nothing goes out a second time.
            place.smtp(&Link::plain(server.port));
            for command in [&["poll"][..], &["outbox", "send"], &["poll"]] {
                place.run(command);
            }
            if state == "queued" {
                assert_eq!((dots(&server.heard()), place.outbox().len()), (1, 0), "it goes out once");
            } else {
                assert_eq!(server.heard().len(), heard.len(), "sent again by itself");
            }
            *states.lock().unwrap().entry(state).or_insert(0) += 1;
        },
    );
    let states = states.into_inner().unwrap();
    let told: Vec<String> = states.iter().map(|(state, n)| format!("{state} {n}")).collect();
    assert!(states.contains_key("queued") && states.contains_key("unknown"), "{told:?}");
    figure("wire-cuts-smtp", &format!("{} of {length} bytes tried: {}; sent twice 0", cuts.len(), told.join(", ")));
}
