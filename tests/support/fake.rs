//! Scripted servers: what no real server does, or only on its worst day.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// One connection, from the server's side. A client that has gone away ends the conversation quietly.
pub struct Conn {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Conn {
    /// The next line without its end; `None` when the client has gone, also in the middle of one.
    pub fn line(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(&self.bytes_to_line_end()?).trim_end().to_owned())
    }

    /// The same with its end.
    pub fn bytes_to_line_end(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).ok()?;
        line.ends_with(b"\n").then_some(line)
    }

    /// The next so many bytes.
    pub fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Sends; false when the client has gone.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.writer.write_all(bytes.as_ref()).is_ok()
    }

    /// Everything the client still sends.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let _ = self.reader.read_to_end(&mut all);
        all
    }
}

/// Listens on loopback and hands every connection, with its number from 0, to `talk` on a thread of its own.
pub fn serve(talk: impl Fn(usize, Conn) + Send + Sync + 'static) -> u16 {
    serve_counted(Arc::default(), talk)
}

/// The same, counting conversations that have begun, in the order in which connections came, and not ended.
pub fn serve_counted(busy: Arc<AtomicUsize>, talk: impl Fn(usize, Conn) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let talk = Arc::new(talk);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let (talk, busy) = (Arc::clone(&talk), Arc::clone(&busy));
            busy.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                let _ = stream.set_nodelay(true);
                let writer = stream.try_clone().unwrap();
                talk(number, Conn { reader: BufReader::new(stream), writer });
                busy.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    port
}

/// What a scripted server does with a command.
pub enum Act {
    /// What a good server would do.
    Serve,
    /// Closes the connection without a word.
    Close,
    /// Sends this (`{tag}` is replaced) and goes on.
    Say(String),
    /// Sends this and closes.
    SayAndClose(Vec<u8>),
    /// Serves, and closes after so many bytes of the answer.
    Cut(usize),
}

/// A mailbox in memory.
#[derive(Clone, Debug, Default)]
pub struct Mailbox {
    pub uidvalidity: u32,
    pub uidnext: u32,
    pub messages: BTreeMap<u32, Vec<u8>>,
    /// UIDs that are counted and not shown.
    pub hidden: Vec<u32>,
    /// When each came; the same time for all where nothing is said.
    pub came: Option<fn(u32) -> String>,
}

impl Mailbox {
    /// Messages with the UIDs 1 to `count`.
    pub fn of(count: u32, raw: impl Fn(u32) -> Vec<u8>) -> Mailbox {
        let messages = (1..=count).map(|uid| (uid, raw(uid))).collect();
        Mailbox { uidvalidity: 1, uidnext: count + 1, messages, ..Mailbox::default() }
    }

    /// Puts one more into it; gives its UID.
    pub fn add(&mut self, raw: Vec<u8>) -> u32 {
        let uid = self.uidnext.max(1);
        self.messages.insert(uid, raw);
        self.uidnext = uid + 1;
        uid
    }
}

/// An IMAP server (plain, loopback) for one mailbox, with a script that may spoil any command.
pub struct FakeImap {
    pub port: u16,
    pub mailbox: Arc<Mutex<Mailbox>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl FakeImap {
    pub fn start(mailbox: Mailbox, script: impl FnMut(&str) -> Act + Send + 'static) -> FakeImap {
        let mailbox = Arc::new(Mutex::new(mailbox));
        let log = Arc::new(Mutex::new(Vec::new()));
        let script = Mutex::new(script);
        let (m, l) = (Arc::clone(&mailbox), Arc::clone(&log));
        let port = serve(move |_, mut conn| {
            if !conn.send("* OK [CAPABILITY IMAP4rev1] ready\r\n") {
                return;
            }
            while let Some(line) = conn.line() {
                let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
                l.lock().unwrap().push(command.to_owned());
                let act = (script.lock().unwrap())(command);
                let go_on = match act {
                    Act::Serve => conn.send(answer(tag, command, &m.lock().unwrap())),
                    Act::Close => false,
                    Act::Say(text) => conn.send(text.replace("{tag}", tag)),
                    Act::SayAndClose(bytes) => {
                        conn.send(bytes);
                        false
                    }
                    Act::Cut(length) => {
                        let whole = answer(tag, command, &m.lock().unwrap());
                        conn.send(&whole[..length.min(whole.len())]);
                        false
                    }
                };
                if !go_on {
                    break;
                }
            }
        });
        FakeImap { port, mailbox, log }
    }

    /// Every command so far, without its tag.
    pub fn commands(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

/// What a good server answers.
pub fn answer(tag: &str, command: &str, mailbox: &Mailbox) -> Vec<u8> {
    let upper = command.to_ascii_uppercase();
    let mut out = Vec::new();
    let shown: Vec<(usize, u32, &Vec<u8>)> = mailbox
        .messages
        .iter()
        .enumerate()
        .map(|(i, (uid, raw))| (i + 1, *uid, raw))
        .filter(|(_, uid, _)| !mailbox.hidden.contains(uid))
        .collect();
    if upper.starts_with("EXAMINE") {
        let text = format!(
            "* {} EXISTS\r\n* OK [UIDVALIDITY {}] v\r\n* OK [UIDNEXT {}] n\r\n",
            mailbox.messages.len(),
            mailbox.uidvalidity,
            mailbox.uidnext
        );
        out.extend(text.bytes());
    } else if let Some(set) = upper.strip_prefix("UID SEARCH UID ") {
        out.extend(search(shown.iter().filter(|(_, uid, _)| contains(set, *uid)).map(|(_, uid, _)| *uid)));
    } else if let Some(id) = upper.strip_prefix("UID SEARCH HEADER MESSAGE-ID ") {
        let id = id.trim_matches('"');
        let has = |raw: &Vec<u8>| String::from_utf8_lossy(raw).to_ascii_uppercase().contains(id);
        out.extend(search(shown.iter().filter(|(_, _, raw)| has(raw)).map(|(_, uid, _)| *uid)));
    } else if let Some(rest) = upper.strip_prefix("UID FETCH ") {
        let (set, items) = rest.split_once(' ').unwrap_or((rest, ""));
        for (seq, uid, raw) in shown.iter().filter(|(_, uid, _)| contains(set, *uid)) {
            let came = mailbox.came.map_or_else(|| "20-Nov-2026 10:00:00 +0000".to_owned(), |came| came(*uid));
            out.extend(item(*seq, *uid, raw, items, &came));
        }
    } else if upper.starts_with("LOGOUT") {
        out.extend(*b"* BYE bye\r\n");
    }
    out.extend(format!("{tag} OK done\r\n").bytes());
    out
}

fn search(uids: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut line = "* SEARCH".to_owned();
    uids.for_each(|uid| write!(line, " {uid}").unwrap());
    line.push_str("\r\n");
    line.into_bytes()
}

fn item(seq: usize, uid: u32, raw: &[u8], items: &str, came: &str) -> Vec<u8> {
    if items.contains("RFC822.SIZE") {
        let size = raw.len();
        return format!("* {seq} FETCH (UID {uid} RFC822.SIZE {size} INTERNALDATE \"{came}\")\r\n").into();
    }
    let (origin, body) =
        match items.split_once('<').and_then(|(_, r)| r.split_once('>')).and_then(|(r, _)| r.split_once('.')) {
            Some((from, count)) => {
                let from: usize = from.parse().unwrap();
                let to = (from + count.parse::<usize>().unwrap()).min(raw.len());
                (format!("<{from}>"), raw.get(from..to).unwrap_or_default())
            }
            None => (String::new(), raw),
        };
    let mut out = format!("* {seq} FETCH (UID {uid} BODY[]{origin} {{{}}}\r\n", body.len()).into_bytes();
    out.extend_from_slice(body);
    out.extend_from_slice(b")\r\n");
    out
}

fn contains(set: &str, uid: u32) -> bool {
    set.split(',').any(|range| {
        let (from, to) = range.split_once(':').unwrap_or((range, range));
        let number = |text: &str| if text == "*" { u32::MAX } else { text.parse().unwrap() };
        (number(from)..=number(to)).contains(&uid)
    })
}
