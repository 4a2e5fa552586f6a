//! Every parser that an outsider reaches, each with what must hold of it whatever comes in.
//!
//! Two programs drive them: `sealpost-fuzz` (any Rust, no coverage, in the tests) and `guided` (libFuzzer; `fuzz/run`).

mod mailbox;
pub mod mutate;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sealpost::clock::{calendar::Holidays, published};
use sealpost::message::fields::Fields;
use sealpost::message::tree::{self, Limits, Tree};
use sealpost::message::{Header, address, armor, body::Encoding, date, html, layer, mime, words};
use sealpost::pgp::keyring::{CertLimits, Keyring, parse_certs};
use sealpost::pgp::open::{self, Context};
use sealpost::wire::imap::reply;
use sealpost::{reply as answer, safe};

/// What one input is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A whole mail: found, opened, judged.
    Mail,
    /// The tree of parts, and where the OpenPGP part is.
    Layers,
    /// ASCII armor and cleartext signatures.
    Armor,
    /// Certificates from strangers.
    Certificates,
    /// Header fields: names, addresses, dates, encoded words, parameters, and the reply that they would get.
    Headers,
    /// Transfer encodings and character sets.
    Bodies,
    /// HTML to text.
    Html,
    /// What an IMAP server answers.
    Imap,
    /// An mbox file, as far as one mail goes.
    Files,
    /// A published policy.
    Policy,
    /// A calendar of holidays or times away.
    Calendar,
    /// What makes strangers' text safe to show.
    Safe,
}

/// All of them, with the names they go by and the folders of fixtures that seed them.
pub const TARGETS: [(&str, Target, &[&str]); 12] = [
    ("mail", Target::Mail, &["fixtures/mail", "fixtures/locked", "fixtures/fuzz/mail"]),
    ("layers", Target::Layers, &["fixtures/mail", "fixtures/fuzz/layers"]),
    ("armor", Target::Armor, &["fixtures/mail", "keys", "fixtures/fuzz/armor"]),
    ("certificates", Target::Certificates, &["keys", "fixtures/fuzz/certificates"]),
    ("headers", Target::Headers, &["fixtures/mail", "fixtures/fuzz/headers"]),
    ("bodies", Target::Bodies, &["fixtures/mail", "fixtures/fuzz/bodies"]),
    ("html", Target::Html, &["fixtures/mail", "fixtures/fuzz/html"]),
    ("imap", Target::Imap, &["fuzz/seeds/imap", "fixtures/fuzz/imap"]),
    ("files", Target::Files, &["fixtures/files", "fixtures/fuzz/files"]),
    ("policy", Target::Policy, &[".", "fixtures/policy", "fixtures/fuzz/policy"]),
    ("calendar", Target::Calendar, &["fixtures/calendar", "fixtures/fuzz/calendar"]),
    ("safe", Target::Safe, &["fixtures/mail", "fixtures/fuzz/safe"]),
];

/// The project's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The target of this name.
pub fn named(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, ..)| *known == name).map(|(_, target, _)| *target)
}

/// The files that seed a target, in an order that does not change.
pub fn seeds(target: Target) -> Vec<Vec<u8>> {
    let folders = TARGETS.iter().filter(|(_, known, _)| *known == target).flat_map(|(.., folders)| folders.iter());
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let entries = std::fs::read_dir(root().join(folder)).into_iter().flatten().flatten();
        paths.extend(entries.map(|entry| entry.path()).filter(|path| path.is_file()));
    }
    let ours = |ending: &std::ffi::OsStr| ["json", "toml", "rs", "lock"].iter().any(|known| ending == *known);
    paths.retain(|path| !path.extension().is_some_and(ours));
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// Gives one input to one target. It panics where something does not hold; a panic that the library had and that was caught
/// on the way counts as one.
pub fn one(target: Target, input: &[u8]) {
    match target {
        Target::Mail => mail(input),
        Target::Layers => layers(input),
        Target::Armor => {
            for block in armor::find(input) {
                assert!(
                    block.range.end <= input.len() && block.range.start < block.range.end,
                    "a block is in the text"
                );
            }
        }
        Target::Certificates => {
            let _ = parse_certs(input, CertLimits::STRANGER);
        }
        Target::Headers => headers(input),
        Target::Bodies => bodies(input),
        Target::Html => {
            let text = html::to_text(&words::bytes_to_text(input));
            assert!(text.len() <= 64 * input.len() + 4096, "text from HTML is no bomb");
        }
        Target::Imap => {
            let _ = (reply::status(input), reply::search(input), reply::items(input), reply::list(input));
        }
        Target::Files => mailbox::read(input),
        Target::Policy => {
            let _ = published::read_bytes(input);
        }
        Target::Calendar => {
            let _ = Holidays::read(input, &jiff::tz::TimeZone::UTC);
        }
        Target::Safe => shown(&words::bytes_to_text(input)),
    }
}

fn ring() -> &'static Keyring {
    static RING: OnceLock<Keyring> = OnceLock::new();
    RING.get_or_init(|| {
        let key = |name: &str| root().join("keys").join(name);
        Keyring::load(&[key("team.pgp"), key("team-elgamal.pgp")], &[key("finder.pgp"), key("rsa4096.pgp")])
            .expect("the test keys are there")
    })
}

fn mail(input: &[u8]) {
    let now = jiff::Timestamp::from_second(1_772_500_000).unwrap_or_default();
    let context = Context { now, received_at: None, own_addresses: vec!["security@example.org".into()] };
    let opened = open::open(input, ring(), &context);
    assert!(
        !opened.quarantined.as_deref().is_some_and(|limit| limit.contains("library failed")),
        "the library panicked"
    );
    let stored = serde_json::to_string(&opened).expect("what was opened can be stored");
    let read = serde_json::from_str(&stored).expect("and read again");
    assert!(opened == read, "the stored form says the same");
}

fn layers(input: &[u8]) {
    let tree: Tree = tree::parse(input, Limits::default());
    for part in 0..tree.parts.len() {
        let _ = layer::of(&tree, part, |_| input.get(..512).unwrap_or(input).to_vec());
    }
}

fn headers(input: &[u8]) {
    let fields = Fields::parse(input);
    let header = Header::read(&fields, "text/plain", None);
    let text = words::decode(input);
    let _ = (address::parse(&text), date::parse(&text), date::of_received(&text), mime::Parametrised::parse(&text));
    // What goes back into a header of ours must not begin another one.
    let subject = answer::thread::reply_subject(header.subject.as_deref());
    assert!(!subject.contains(['\r', '\n', '\0']), "a subject is one line");
    for id in answer::thread::references(&header) {
        assert!(answer::thread::is_message_id(&id), "{id:?} is no Message-ID");
    }
}

fn bodies(input: &[u8]) {
    for name in ["base64", "quoted-printable", "8bit", "x-uuencode"] {
        let decoded = Encoding::named(name).decode(input);
        assert!(decoded.len() <= input.len(), "decoding {name} made more of it");
    }
    for charset in ["utf-8", "iso-2022-jp", "gb18030", "utf-16", "utf-7", "windows-1252", "no-such"] {
        let _ = words::decode_charset(input, Some(charset));
    }
}

fn shown(text: &str) {
    let bad = |c: char| {
        c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    assert!(!safe::line(text).contains(bad), "a line is safe");
    assert!(!safe::lines(text).contains(|c| bad(c) && c != '\n' && c != '\t'), "lines are safe");
    let name = safe::file_name(text, "part");
    let special =
        name.is_empty() || name.starts_with(['.', '-', '~']) || name.contains(['/', '\\', '\0']) || name.contains(bad);
    assert!(!special && name.len() <= 255, "{name:?} is no safe name");
}
