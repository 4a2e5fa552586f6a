//! A mailbox and a way out in memory, quick enough to be used thousands of times: IMAP with INBOX and Sent, and SMTP that
//! remembers every mail whose final dot came.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::support::fake::{Conn, Mailbox, answer, serve_counted};

/// How an SMTP connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// The mail is taken.
    Well,
    /// 450 to RCPT.
    PutsOff,
    /// 451 to the final dot: all of the mail came, and the server does not take it.
    PutsOffAfterDot,
}

/// What lies on the servers.
#[derive(Clone)]
pub struct Mail {
    /// INBOX; the first has UID 1 and came first.
    pub inbox: Mailbox,
    /// Sent.
    pub sent: Mailbox,
    /// Mails that SMTP took: their final dot came.
    pub dots: Vec<Vec<u8>>,
    /// DATA commands that were answered with 354.
    pub begun: usize,
    /// What SMTP says to the next connections; well, where nothing is left.
    pub moods: VecDeque<Mood>,
}

impl Default for Mail {
    fn default() -> Mail {
        // One a minute, from nine o'clock.
        let came = |uid| format!("02-Mar-2026 {:02}:{:02}:00 +0000", 9 + uid / 60, uid % 60);
        let empty = Mailbox { uidvalidity: 7, uidnext: 1, came: Some(came), ..Mailbox::default() };
        Mail { inbox: empty.clone(), sent: empty, dots: Vec::new(), begun: 0, moods: VecDeque::new() }
    }
}

/// Both servers; they end with the test program.
pub struct Servers {
    pub imap: u16,
    pub smtp: u16,
    mail: Arc<Mutex<Mail>>,
    busy: Arc<AtomicUsize>,
}

impl Servers {
    pub fn start() -> Servers {
        let (mail, busy) = (Arc::new(Mutex::new(Mail::default())), Arc::new(AtomicUsize::new(0)));
        let listen = |talk: fn(&mut Conn, &Mutex<Mail>) -> Option<()>| {
            let mail = Arc::clone(&mail);
            // What ends a conversation is no business of the server.
            serve_counted(Arc::clone(&busy), move |_, mut conn| talk(&mut conn, &mail).unwrap_or_default())
        };
        let (imap, smtp) = (listen(talk_imap), listen(talk_smtp));
        Servers { imap, smtp, mail, busy }
    }

    pub fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap()
    }

    /// Waits until everything that clients sent is read and every conversation has ended. Connections are taken in the
    /// order they were made, so that one of our own tells that none is waiting.
    pub fn settle(&self) {
        for port in [self.imap, self.smtp] {
            let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
        }
        let end = Instant::now() + Duration::from_secs(60);
        while self.busy.load(Ordering::SeqCst) > 0 {
            assert!(Instant::now() < end, "a conversation does not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn say(conn: &mut Conn, text: impl AsRef<[u8]>) -> Option<()> {
    conn.send(text).then_some(())
}

fn talk_smtp(conn: &mut Conn, mail: &Mutex<Mail>) -> Option<()> {
    say(conn, "220 mail.example.org ready\r\n")?;
    let mut mood = Mood::Well;
    loop {
        let line = conn.line()?.to_ascii_uppercase();
        match line.split(' ').next().unwrap_or_default() {
            // Not when it is accepted: connections that only look whether we are done say nothing.
            "MAIL" => {
                mood = mail.lock().unwrap().moods.pop_front().unwrap_or(Mood::Well);
                say(conn, "250 fine\r\n")?;
            }
            "RCPT" if mood == Mood::PutsOff => say(conn, "450 grey-listed\r\n")?,
            "EHLO" => say(conn, "250-mail.example.org\r\n250 8BITMIME\r\n")?,
            "QUIT" => return say(conn, "221 bye\r\n"),
            "DATA" => {
                mail.lock().unwrap().begun += 1;
                say(conn, "354 go on\r\n")?;
                let mut bytes = Vec::new();
                loop {
                    let line = conn.bytes_to_line_end()?;
                    if line == b".\r\n" {
                        break;
                    }
                    bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
                }
                if mood == Mood::PutsOffAfterDot {
                    say(conn, "451 later\r\n")?;
                    continue;
                }
                mail.lock().unwrap().dots.push(bytes);
                say(conn, "250 taken\r\n")?;
            }
            _ => say(conn, "250 fine\r\n")?,
        }
    }
}

fn talk_imap(conn: &mut Conn, mail: &Mutex<Mail>) -> Option<()> {
    say(conn, "* OK [CAPABILITY IMAP4rev1 UIDPLUS] ready\r\n")?;
    let mut in_sent = false;
    loop {
        let line = conn.line()?;
        let (tag, command) = line.split_once(' ')?;
        let upper = command.to_ascii_uppercase();
        if upper.starts_with("EXAMINE") || upper.starts_with("SELECT") {
            in_sent = upper.contains("SENT");
        }
        if upper.starts_with("APPEND") {
            let length: usize = upper.rsplit_once('{')?.1.trim_end_matches(['}', '+']).parse().ok()?;
            say(conn, "+ go on\r\n")?;
            let mut bytes = conn.exactly(length + 2)?;
            bytes.truncate(length);
            let uid = mail.lock().unwrap().sent.add(bytes);
            say(conn, format!("{tag} OK [APPENDUID 7 {uid}] done\r\n"))?;
            continue;
        }
        let out = {
            let mail = mail.lock().unwrap();
            answer(tag, command, if in_sent { &mail.sent } else { &mail.inbox })
        };
        say(conn, out)?;
        if upper.starts_with("LOGOUT") {
            return Some(());
        }
    }
}
