//! A mailbox and a way out in memory, quick enough to be used thousands of times: IMAP with INBOX and Sent, and SMTP that
//! remembers every mail whose final dot came.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

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
#[derive(Clone, Default)]
pub struct Mail {
    /// INBOX; the first has UID 1 and came first.
    pub inbox: Vec<Vec<u8>>,
    /// Sent.
    pub sent: Vec<Vec<u8>>,
    /// Mails that SMTP took: their final dot came.
    pub dots: Vec<Vec<u8>>,
    /// DATA commands that were answered with 354.
    pub begun: usize,
    /// What SMTP says to the next connections; well, where nothing is left.
    pub moods: VecDeque<Mood>,
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
        let imap = listen(&mail, &busy, talk_imap);
        let smtp = listen(&mail, &busy, talk_smtp);
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

/// One connection, from the server's side.
struct Talk {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    mail: Arc<Mutex<Mail>>,
}

impl Talk {
    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.reader.read_until(b'\n', &mut line).ok()?;
        (read > 0 && line.ends_with(b"\n")).then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    fn say(&mut self, text: impl AsRef<[u8]>) -> Option<()> {
        self.writer.write_all(text.as_ref()).ok()
    }
}

fn listen(mail: &Arc<Mutex<Mail>>, busy: &Arc<AtomicUsize>, talk: fn(&mut Talk) -> Option<()>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (mail, busy) = (Arc::clone(mail), Arc::clone(busy));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            busy.fetch_add(1, Ordering::SeqCst);
            let (mail, busy) = (Arc::clone(&mail), Arc::clone(&busy));
            std::thread::spawn(move || {
                let _ = stream.set_nodelay(true);
                let writer = stream.try_clone().unwrap();
                let _ = talk(&mut Talk { reader: BufReader::new(stream), writer, mail });
                busy.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    port
}

fn talk_smtp(talk: &mut Talk) -> Option<()> {
    talk.say("220 mail.example.org ready\r\n")?;
    let mut mood = Mood::Well;
    loop {
        let line = talk.line()?.to_ascii_uppercase();
        match line.split(' ').next().unwrap_or_default() {
            // Not when it is accepted: connections that only look whether we are done say nothing.
            "MAIL" => {
                mood = talk.mail.lock().unwrap().moods.pop_front().unwrap_or(Mood::Well);
                talk.say("250 fine\r\n")?;
            }
            "RCPT" if mood == Mood::PutsOff => talk.say("450 grey-listed\r\n")?,
            "EHLO" => talk.say("250-mail.example.org\r\n250 8BITMIME\r\n")?,
            "QUIT" => return talk.say("221 bye\r\n"),
            "DATA" => {
                talk.mail.lock().unwrap().begun += 1;
                talk.say("354 go on\r\n")?;
                let mut bytes = Vec::new();
                loop {
                    let mut line = Vec::new();
                    talk.reader.read_until(b'\n', &mut line).ok()?;
                    if line == b".\r\n" {
                        break;
                    }
                    if !line.ends_with(b"\n") {
                        return None;
                    }
                    bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
                }
                if mood == Mood::PutsOffAfterDot {
                    talk.say("451 later\r\n")?;
                    continue;
                }
                talk.mail.lock().unwrap().dots.push(bytes);
                talk.say("250 taken\r\n")?;
            }
            _ => talk.say("250 fine\r\n")?,
        }
    }
}

fn talk_imap(talk: &mut Talk) -> Option<()> {
    talk.say("* OK [CAPABILITY IMAP4rev1 UIDPLUS] ready\r\n")?;
    let mut in_sent = false;
    loop {
        let line = talk.line()?;
        let (tag, command) = line.split_once(' ')?;
        let upper = command.to_ascii_uppercase();
        if upper.starts_with("EXAMINE") || upper.starts_with("SELECT") {
            in_sent = upper.contains("SENT");
        }
        if upper.starts_with("APPEND") {
            let length: usize = upper.rsplit_once('{')?.1.trim_end_matches(['}', '+']).parse().ok()?;
            talk.say("+ go on\r\n")?;
            let mut bytes = vec![0; length + 2];
            talk.reader.read_exact(&mut bytes).ok()?;
            bytes.truncate(length);
            let uid = {
                let mut mail = talk.mail.lock().unwrap();
                mail.sent.push(bytes);
                mail.sent.len()
            };
            talk.say(format!("{tag} OK [APPENDUID 7 {uid}] done\r\n"))?;
            continue;
        }
        let mut out = {
            let mail = talk.mail.lock().unwrap();
            answer(&upper, if in_sent { &mail.sent } else { &mail.inbox })
        };
        let end = if upper.starts_with("LOGOUT") { "* BYE\r\n" } else { "" };
        out.extend(format!("{end}{tag} OK done\r\n").bytes());
        talk.say(out)?;
        if upper.starts_with("LOGOUT") {
            return Some(());
        }
    }
}

fn answer(upper: &str, mailbox: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    if upper.starts_with("EXAMINE") {
        let (count, next) = (mailbox.len(), mailbox.len() + 1);
        out.extend(format!("* {count} EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT {next}] n\r\n").bytes());
    } else if let Some(id) = upper.strip_prefix("UID SEARCH HEADER MESSAGE-ID ") {
        let id = id.trim_matches('"');
        let has = |raw: &Vec<u8>| String::from_utf8_lossy(raw).to_ascii_uppercase().contains(id);
        out.extend(search(mailbox.iter().enumerate().filter(|(_, raw)| has(raw)).map(|(i, _)| i + 1)));
    } else if let Some(set) = upper.strip_prefix("UID SEARCH UID ") {
        out.extend(search((1..=mailbox.len()).filter(|uid| contains(set, *uid))));
    } else if let Some((set, items)) = upper.strip_prefix("UID FETCH ").and_then(|rest| rest.split_once(' ')) {
        for (raw, uid) in mailbox.iter().zip(1..).filter(|(_, uid)| contains(set, *uid)) {
            out.extend(item(uid, raw, items));
        }
    }
    out
}

fn search(uids: impl Iterator<Item = usize>) -> Vec<u8> {
    let mut line = "* SEARCH".to_owned();
    uids.for_each(|uid| write!(line, " {uid}").unwrap());
    line.push_str("\r\n");
    line.into_bytes()
}

fn item(uid: usize, raw: &[u8], items: &str) -> Vec<u8> {
    if items.contains("RFC822.SIZE") {
        // One a minute, from nine o'clock.
        let (hour, minute) = (9 + uid / 60, uid % 60);
        let date = format!("02-Mar-2026 {hour:02}:{minute:02}:00 +0000");
        return format!("* {uid} FETCH (UID {uid} RFC822.SIZE {} INTERNALDATE \"{date}\")\r\n", raw.len()).into();
    }
    let mut out = format!("* {uid} FETCH (UID {uid} BODY[] {{{}}}\r\n", raw.len()).into_bytes();
    out.extend_from_slice(raw);
    out.extend_from_slice(b")\r\n");
    out
}

fn contains(set: &str, uid: usize) -> bool {
    set.split(',').any(|range| {
        let (from, to) = range.split_once(':').unwrap_or((range, range));
        let number = |text: &str| if text == "*" { usize::MAX } else { text.parse().unwrap() };
        (number(from)..=number(to)).contains(&uid)
    })
}
