//! Servers that follow a script: files of the format `sealpost-wire-script/1`.
//!
//! `steps` run in order on a connection: `expect` (a regular expression over what the client has said since the server last spoke;
//! it binds `{tag}`, the first word of that line), `send`, `send_repeat` with `count` and maybe `prefix`, `send_drip` with
//! `interval_ms`, `sleep_s`, `close` (`fin` or `rst`), `starttls` (the handshake happens here), and `auto`: `login-ok`,
//! `answer-until` a command, or `serve` a mailbox, as a small correct server would. `reconnect` divides a script into sections;
//! a section is what every connection meets during one run of the program.
//!
//! Scripts were written with some client in mind. A command that a script does not await is answered as a correct server would,
//! so that other clients come to the flaw as well.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::fake::{self, Mailbox};

/// What a script's server does next.
#[derive(Clone, Debug)]
pub enum Step {
    Expect(Regex),
    Send(String),
    Repeat { prefix: String, piece: String, count: u64 },
    Drip { text: String, every: Duration },
    Sleep(Duration),
    Close { abruptly: bool },
    StartTls,
    LoginOk,
    AnswerUntil(Regex),
    Serve(Option<Mailbox>),
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Imap,
    Smtp,
}

/// One script.
#[derive(Clone, Debug)]
pub struct Script {
    pub name: String,
    pub protocol: Protocol,
    pub sections: Vec<Vec<Step>>,
    /// What an honest server shows of this mailbox.
    pub mailbox: Mailbox,
    /// Every mail that the script hands over in good order: what may be found in a ledger afterwards.
    pub told: Vec<Vec<u8>>,
    /// What must hold, where the file says.
    pub must: Value,
}

impl Script {
    /// Reads a script; panics with the file's name where it is none.
    pub fn read(path: &std::path::Path) -> Script {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(file["format"], "sealpost-wire-script/1", "{name}");
        let protocol = match file["protocol"].as_str() {
            Some("imap") => Protocol::Imap,
            Some("smtp") => Protocol::Smtp,
            other => panic!("{name}: protocol {other:?}"),
        };
        let mut sections = vec![Vec::new()];
        let mut served = None;
        let mut told = Vec::new();
        for step in file["steps"].as_array().unwrap_or_else(|| panic!("{name} has no steps")) {
            if step["reconnect"] == true {
                sections.push(Vec::new());
                continue;
            }
            let step = read_step(&name, step);
            match &step {
                Step::Serve(Some(mailbox)) => {
                    told.extend(mailbox.messages.iter().map(|(uid, raw)| (*uid, raw.clone())));
                    served = Some(mailbox.clone());
                }
                Step::Send(text) | Step::Drip { text, .. } => told.extend(handed_over(text)),
                _ => {}
            }
            sections.last_mut().unwrap().push(step);
        }
        let mailbox = match (&file["mailbox"], served) {
            (Value::Object(_), _) => read_mailbox(&file["mailbox"], &file),
            (_, Some(served)) => served,
            _ => from_words(&told),
        };
        let told = told.into_iter().map(|(_, raw)| raw).chain(mailbox.messages.values().cloned()).collect();
        Script { name, protocol, sections, mailbox, told, must: file["must"].clone() }
    }

    /// Every script of a folder, by name.
    pub fn folder(path: &std::path::Path) -> Vec<Script> {
        let mut files: Vec<_> = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
        files.retain(|f| f.extension().is_some_and(|e| e == "json"));
        files.sort();
        assert!(!files.is_empty(), "{} is empty", path.display());
        files.iter().map(|f| Script::read(f)).collect()
    }
}

fn read_step(name: &str, step: &Value) -> Step {
    let text = |key: &str| step[key].as_str().unwrap_or_else(|| panic!("{name}: {key} in {step}")).to_owned();
    let number = |key: &str| step[key].as_u64().unwrap_or_else(|| panic!("{name}: {key} in {step}"));
    let regex = |key: &str| {
        let mut builder = RegexBuilder::new(step[key].as_str().unwrap_or_else(|| panic!("{name}: {key} in {step}")));
        builder.case_insensitive(true).unicode(false).build().unwrap()
    };
    let has = |key: &str| step.get(key).is_some();
    if has("expect") {
        Step::Expect(regex("expect"))
    } else if has("send") {
        Step::Send(text("send"))
    } else if has("send_repeat") {
        let prefix = step["prefix"].as_str().unwrap_or_default().to_owned();
        Step::Repeat { prefix, piece: text("send_repeat"), count: number("count") }
    } else if has("send_drip") {
        Step::Drip { text: text("send_drip"), every: Duration::from_millis(number("interval_ms")) }
    } else if has("sleep_s") {
        Step::Sleep(Duration::from_secs(number("sleep_s")))
    } else if has("close") {
        Step::Close { abruptly: step["close"] == "rst" }
    } else if step["starttls"] == true {
        Step::StartTls
    } else {
        match step["auto"].as_str() {
            Some("login-ok") => Step::LoginOk,
            Some("answer-until") => Step::AnswerUntil(regex("until")),
            Some("serve") => Step::Serve(step["mailbox"].is_object().then(|| read_mailbox(&step["mailbox"], step))),
            _ => panic!("{name}: a step of an unknown kind: {step}"),
        }
    }
}

/// UID → mail, with `uidvalidity` (1), `uidnext` and `hidden` beside it.
fn read_mailbox(messages: &Value, beside: &Value) -> Mailbox {
    let messages: BTreeMap<u32, Vec<u8>> = messages
        .as_object()
        .unwrap()
        .iter()
        .map(|(uid, raw)| (uid.parse().unwrap(), raw.as_str().unwrap().as_bytes().to_vec()))
        .collect();
    let number = |key: &str| beside[key].as_u64().map(|n| u32::try_from(n).unwrap());
    Mailbox {
        uidvalidity: number("uidvalidity").unwrap_or(1),
        uidnext: number("uidnext").unwrap_or_else(|| messages.keys().last().map_or(1, |uid| uid + 1)),
        messages,
        ..Mailbox::default()
    }
}

/// The mails that a server's words hand over in good order: a literal of the announced length, followed by more of the list
/// or its end; with the UID in the same response.
fn handed_over(text: &str) -> Vec<(u32, Vec<u8>)> {
    let pattern = Regex::new(r"(?-u)\* \d+ FETCH \([^\r\n]*?BODY\[\] \{(\d{1,9})\}\r\n").unwrap();
    let uid = Regex::new(r"(?-u)UID (\d{1,9})").unwrap();
    let number = |found: Option<regex::bytes::Match<'_>>| {
        found.and_then(|m| std::str::from_utf8(m.as_bytes()).ok()?.parse::<usize>().ok())
    };
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    for found in pattern.captures_iter(bytes) {
        let whole = found.get(0).unwrap();
        let end = whole.end().saturating_add(number(found.get(1)).unwrap_or(usize::MAX));
        let uid = uid.captures(whole.as_bytes()).and_then(|c| number(c.get(1))).unwrap_or(0);
        if matches!(bytes.get(end), Some(b')' | b' ')) {
            all.push((u32::try_from(uid).unwrap(), bytes[whole.end()..end].to_vec()));
        }
    }
    all
}

/// The mailbox that a script speaks of; two mails of our own where it speaks of none.
fn from_words(told: &[(u32, Vec<u8>)]) -> Mailbox {
    let mut mailbox = Mailbox::of(2, |n| format!("Subject: honest {n}\r\n\r\n{n}\r\n").into_bytes());
    for (uid, raw) in told.iter().filter(|(uid, _)| *uid > 0) {
        mailbox.messages.insert(*uid, raw.clone());
    }
    mailbox.uidnext = mailbox.messages.keys().last().map_or(1, |uid| uid + 1);
    mailbox
}

/// How a script's server behaves where the script leaves it open.
#[derive(Clone)]
pub struct Manner {
    /// TLS from the first byte, or at the step `starttls`.
    pub tls: Option<Arc<ServerConfig>>,
    pub implicit: bool,
    /// An `expect` of a FETCH whose answer hands over mail waits for the command that asks for mail, not for sizes.
    pub by_meaning: bool,
    /// When the script is done the server goes on honestly; else it closes.
    pub goes_on: bool,
}

impl Manner {
    /// No TLS, to the letter, and closed at the end.
    pub fn plain() -> Manner {
        Manner { tls: None, implicit: false, by_meaning: false, goes_on: false }
    }
}

/// A script's server, running until the test ends.
pub struct Server {
    pub port: u16,
    section: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<u8>>>,
    tls_done: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(script: &Script, manner: Manner) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server { port, section: Arc::default(), heard: Arc::default(), tls_done: Arc::default() };
        let (section, heard, done) =
            (Arc::clone(&server.section), Arc::clone(&server.heard), Arc::clone(&server.tls_done));
        let script = Arc::new(script.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, manner) = (Arc::clone(&script), manner.clone());
                let (heard, done) = (Arc::clone(&heard), Arc::clone(&done));
                let at = section.load(Ordering::SeqCst).min(script.sections.len() - 1);
                std::thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(120)));
                    let mut peer = Peer::new(stream, heard, done);
                    let _ = peer.play(&script, at, &manner);
                });
            }
        });
        server
    }

    /// The next section of the script; every connection from now on meets it.
    pub fn next_section(&self) {
        self.section.fetch_add(1, Ordering::SeqCst);
    }

    /// All that clients have said, below TLS where there was any.
    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }

    /// Handshakes that were finished.
    pub fn handshakes(&self) -> usize {
        self.tls_done.load(Ordering::SeqCst)
    }
}

enum Pipe {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
    Closed,
}

/// One connection. Everything gives `None` once the client has gone.
struct Peer {
    pipe: Pipe,
    /// What the client has said since the server last spoke.
    buffer: Vec<u8>,
    tag: String,
    heard: Arc<Mutex<Vec<u8>>>,
    done: Arc<AtomicUsize>,
}

impl Peer {
    fn new(stream: TcpStream, heard: Arc<Mutex<Vec<u8>>>, done: Arc<AtomicUsize>) -> Peer {
        Peer { pipe: Pipe::Plain(stream), buffer: Vec::new(), tag: String::new(), heard, done }
    }

    fn play(&mut self, script: &Script, section: usize, manner: &Manner) -> Option<()> {
        if manner.implicit {
            self.secure(manner)?;
        }
        let honest = match script.sections[section].iter().find_map(|s| match s {
            Step::Serve(Some(mailbox)) => Some(mailbox),
            _ => None,
        }) {
            Some(served) => served,
            None => &script.mailbox,
        };
        let mut steps = script.sections[section].iter().peekable();
        while let Some(step) = steps.next() {
            match step {
                Step::Expect(wanted) => {
                    let hands_over = matches!(steps.peek(), Some(Step::Send(t) | Step::Drip { text: t, .. } | Step::Repeat { prefix: t, .. }) if t.contains("BODY["));
                    let asks = manner.by_meaning && hands_over;
                    self.expect(script.protocol, honest, |text| {
                        wanted.is_match(text) && (!asks || holds(text, b"BODY"))
                    })?;
                }
                Step::Send(text) => self.send(text.replace("{tag}", &self.tag).as_bytes())?,
                Step::Repeat { prefix, piece, count } => self.pour(prefix, piece, *count)?,
                Step::Drip { text, every } => {
                    for byte in text.replace("{tag}", &self.tag).bytes() {
                        self.send(&[byte])?;
                        std::thread::sleep(*every);
                    }
                }
                Step::Sleep(time) => self.silent(*time)?,
                Step::Close { abruptly } => {
                    self.close(*abruptly);
                    return None;
                }
                Step::StartTls => self.secure(manner)?,
                Step::LoginOk => self.login(honest)?,
                Step::AnswerUntil(until) => {
                    self.expect(script.protocol, honest, |text| until.is_match(text))?;
                }
                Step::Serve(_) => self.serve(honest)?,
            }
        }
        if manner.goes_on && script.protocol == Protocol::Imap {
            self.serve(honest)?;
        }
        Some(())
    }

    fn secure(&mut self, manner: &Manner) -> Option<()> {
        let Pipe::Plain(tcp) = std::mem::replace(&mut self.pipe, Pipe::Closed) else { return None };
        let connection = ServerConnection::new(Arc::clone(manner.tls.as_ref().unwrap())).unwrap();
        let mut stream = StreamOwned::new(connection, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).ok()?;
        }
        self.done.fetch_add(1, Ordering::SeqCst);
        self.pipe = Pipe::Tls(Box::new(stream));
        Some(())
    }

    /// Reads more of what the client says.
    fn hear(&mut self) -> Option<()> {
        let mut some = [0u8; 8192];
        let n = match &mut self.pipe {
            Pipe::Plain(tcp) => tcp.read(&mut some),
            Pipe::Tls(tls) => tls.read(&mut some),
            Pipe::Closed => return None,
        };
        let n = n.ok().filter(|n| *n > 0)?;
        self.buffer.extend_from_slice(&some[..n]);
        self.heard.lock().unwrap().extend_from_slice(&some[..n]);
        Some(())
    }

    fn send(&mut self, bytes: &[u8]) -> Option<()> {
        self.buffer.clear();
        match &mut self.pipe {
            Pipe::Plain(tcp) => tcp.write_all(bytes),
            Pipe::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
            Pipe::Closed => return None,
        }
        .ok()
    }

    fn pour(&mut self, prefix: &str, piece: &str, count: u64) -> Option<()> {
        self.send(prefix.replace("{tag}", &self.tag).as_bytes())?;
        let at_once = (64 << 10) / piece.len().max(1) as u64 + 1;
        let block = piece.repeat(usize::try_from(at_once).unwrap());
        let mut left = count;
        while left > 0 {
            let now = left.min(at_once);
            self.send(&block.as_bytes()[..piece.len() * usize::try_from(now).unwrap()])?;
            left -= now;
        }
        Some(())
    }

    /// Says nothing for a time, or until the client has gone.
    fn silent(&mut self, time: Duration) -> Option<()> {
        let end = std::time::Instant::now() + time;
        while std::time::Instant::now() < end {
            self.hear()?;
        }
        Some(())
    }

    fn close(&mut self, abruptly: bool) {
        if let Pipe::Plain(tcp) = &self.pipe {
            let linger = abruptly.then_some(Duration::ZERO);
            let _ = socket2::SockRef::from(tcp).set_linger(linger);
        } else if let Pipe::Tls(tls) = &self.pipe {
            let linger = abruptly.then_some(Duration::ZERO);
            let _ = socket2::SockRef::from(&tls.sock).set_linger(linger);
        }
        self.pipe = Pipe::Closed;
    }

    /// Waits until what was said since the server last spoke pleases; other commands are answered in between.
    fn expect(&mut self, protocol: Protocol, honest: &Mailbox, pleases: impl Fn(&[u8]) -> bool) -> Option<()> {
        loop {
            if pleases(&self.buffer) {
                let lines = self.buffer.split(|b| *b == b'\n');
                let line = lines.into_iter().find(|l| pleases(l)).unwrap_or(&self.buffer);
                self.tag = first_word(line);
                return Some(());
            }
            if self.buffer.ends_with(b"\n") && protocol == Protocol::Imap {
                let line = String::from_utf8_lossy(&self.buffer).into_owned();
                let answer = honest_answer(line.trim_end(), honest);
                self.send(&answer)?;
            }
            self.hear()?;
        }
    }

    fn line(&mut self) -> Option<String> {
        while !self.buffer.ends_with(b"\n") {
            self.hear()?;
        }
        Some(String::from_utf8_lossy(&self.buffer).trim_end().to_owned())
    }

    fn login(&mut self, honest: &Mailbox) -> Option<()> {
        loop {
            let line = self.line()?;
            let upper = line.to_ascii_uppercase();
            self.tag = first_word(line.as_bytes());
            if upper.contains(" AUTHENTICATE ") && upper.split(' ').count() == 3 {
                self.send(b"+ \r\n")?;
                self.line()?;
            } else if !upper.contains(" LOGIN ") && !upper.contains(" AUTHENTICATE ") {
                let answer = honest_answer(&line, honest);
                self.send(&answer)?;
                continue;
            }
            return self.send(format!("{} OK in\r\n", self.tag).as_bytes());
        }
    }

    fn serve(&mut self, honest: &Mailbox) -> Option<()> {
        loop {
            let line = self.line()?;
            let answer = honest_answer(&line, honest);
            self.send(&answer)?;
        }
    }
}

fn holds(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word))
}

fn first_word(line: &[u8]) -> String {
    String::from_utf8_lossy(line).split_whitespace().next().unwrap_or_default().to_owned()
}

/// What a correct server with this one mailbox says to a command.
pub fn honest_answer(line: &str, mailbox: &Mailbox) -> Vec<u8> {
    let (tag, command) = line.split_once(' ').unwrap_or((line, ""));
    let upper = command.to_ascii_uppercase();
    let word = upper.split(' ').next().unwrap_or_default();
    match word {
        "CAPABILITY" => format!("* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n").into_bytes(),
        "EXAMINE" | "SELECT" if !upper.contains("INBOX") => {
            format!("{tag} NO [NONEXISTENT] no such mailbox\r\n").into_bytes()
        }
        "EXAMINE" | "SELECT" | "NOOP" | "LIST" | "LOGIN" | "LOGOUT" | "UID" => fake::answer(tag, command, mailbox),
        _ => format!("{tag} BAD what\r\n").into_bytes(),
    }
}
