//! Reports as reporters send them: signed, encrypted, PGP/MIME, of a chosen size. The people are invented.

use jiff::Timestamp;
use sealpost::message::Address;
use sealpost::pgp::certs::{self, Certificate, Generated};
use sealpost::pgp::seal::{self, Recipient, SigningKey};
use sealpost::reply::{Attachment, Draft, Fields};

/// The mailbox's own address.
pub const TEAM: &str = "security@example.org";

/// Somebody with a key.
pub struct Person {
    /// Where they write from.
    pub address: String,
    /// Their certificate, armored.
    pub certificate: String,
    /// With its secret parts.
    pub tsk: Certificate,
}

impl Person {
    /// With a new Curve25519 key.
    pub fn new(address: String, now: Timestamp) -> Person {
        let generated = key(&address, now);
        let tsk = certs::read_one(generated.tsk.expose()).unwrap();
        Person { address, certificate: generated.certificate, tsk }
    }
}

/// A new Curve25519 key for `address`, a year old.
pub fn key(address: &str, now: Timestamp) -> Generated {
    let year = jiff::SignedDuration::from_hours(365 * 24);
    certs::generate(address, Some("Bench (INSECURE!)"), None, None, now - year).unwrap()
}

/// The size in bytes of report mail number `number`, as it arrives. Half of it is text of up to 6 KiB; one in ten brings
/// a test case or a log of 40 KiB and more; one in a hundred a screenshot or a core file of 600 KiB to 6 MiB. Between the
/// marks sizes grow evenly on a logarithmic scale, and any stretch of numbers has the same mix.
pub fn size(number: usize) -> usize {
    const MARKS: [(f64, f64); 8] = [
        (0.0, 3.5),
        (0.5, 6.0),
        (0.8, 14.0),
        (0.9, 40.0),
        (0.96, 120.0),
        (0.99, 600.0),
        (0.998, 2048.0),
        (1.0, 6144.0),
    ];
    // Multiples of the golden ratio fill the unit interval evenly.
    let share = (number as f64 * 0.618_033_988_749_895).fract();
    let pair = MARKS.windows(2).find(|pair| share < pair[1].0).unwrap();
    let (from, to) = (pair[0], pair[1]);
    let part = (share - from.0) / (to.0 - from.0);
    (from.1 * (to.1 / from.1).powf(part) * 1024.0) as usize
}

/// A report of about `size` bytes, from `from` to the holder of `team`, received at `at`.
pub fn report(number: usize, from: &Person, team: (&str, &Certificate), size: usize, at: Timestamp) -> Vec<u8> {
    let mut random = Random(number as u64 + 1);
    let (body, file) = split(size);
    let attachments = match file {
        0 => Vec::new(),
        _ => vec![Attachment::new("testcase.bin", "application/octet-stream", random.bytes(file)).unwrap()],
    };
    let draft = Draft::new(Fields {
        from: Address { address: from.address.clone(), name: None },
        to: Address { address: team.0.to_owned(), name: None },
        cc: Vec::new(),
        subject: format!("{} {} in {}_{number}", random.word(), random.word(), random.word()),
        clear_subject: None,
        body: random.prose(body),
        attachments,
        in_reply_to: None,
        references: Vec::new(),
        message_id: format!("<{number}.{}", from.address.replace('@', "@mail.") + ">"),
        date: at,
    })
    .unwrap();
    let mut signer = SigningKey::of(&from.tsk, None, at).unwrap();
    let sealed = seal::seal(&draft, &[Recipient::pinned_by_hand(team.0, team.1)], &mut signer, at).unwrap();
    let date = at.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let mut raw = format!("Received: from mx.example.net by mail.example.org; {date}\r\n").into_bytes();
    raw.extend_from_slice(sealed.bytes());
    raw
}

/// How much text and how large a file make a mail of `size`: encryption and headers come on top, and each base64 with
/// its line ends makes 4 bytes of 3 and 2 more per line.
fn split(size: usize) -> (usize, usize) {
    const AROUND: usize = 2300;
    const MOST_TEXT: usize = 6000;
    let inside = (size.saturating_sub(AROUND) as f64 / 1.375) as usize;
    if inside <= MOST_TEXT { (inside.max(200), 0) } else { (2000, ((inside - 2000) as f64 / 1.37) as usize) }
}

/// Numbers that are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (self.0 >> 7) ^ 0x5851_f42d_4c95_7f2d;
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }

    fn word(&mut self) -> &'static str {
        const WORDS: [&str; 32] = [
            "overflow",
            "header",
            "cookie",
            "parser",
            "length",
            "the",
            "a",
            "of",
            "when",
            "server",
            "reads",
            "heap",
            "index",
            "path",
            "client",
            "is",
            "sent",
            "twice",
            "unchecked",
            "buffer",
            "with",
            "attacker",
            "frame",
            "and",
            "token",
            "session",
            "redirect",
            "then",
            "version",
            "memory",
            "request",
            "crashes",
        ];
        WORDS[(self.next() >> 32) as usize % WORDS.len()]
    }

    /// Lines of words, with a place in the source now and then.
    fn prose(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 80);
        while text.len() < length {
            for _ in 0..10 {
                text.push_str(self.word());
                text.push(' ');
            }
            if self.next() % 8 == 0 {
                text.push_str(&format!("src/{}.c:{}", self.word(), self.next() % 3000));
            }
            text.push('\n');
        }
        text
    }
}
