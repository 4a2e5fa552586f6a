//! The invented people of the demo, their keys and their mail: real keys and really sealed, made anew each time.

use std::path::Path;

use jiff::{Timestamp, ToSpan};

use crate::commands::files;
use crate::error::{Error, Kind};
use crate::message::Address;
use crate::pgp::certs::{self, Generated};
use crate::pgp::keyring::Keyring;
use crate::pgp::seal::{self, Recipient, SigningKey};
use crate::reply::{Attachment, Draft, Fields};

/// The reporter whose mail is followed.
pub const FINDER: &str = "finder@example.net";
/// Our address.
pub const TEAM: &str = "security@example.org";
/// The number that the finder's report gets: it is the oldest.
pub const REPORT: u32 = 1;

const POLICY: &str = include_str!("SECURITY.md");

const FOUND: &str = "Hello,

a Set-Cookie header with a path longer than 4096 bytes overflows a heap buffer in
add_cookie (lib/cookie.c:871). An attacker needs the victim to visit a page.

    python3 poc.py | nc -l 8080 & ./client http://localhost:8080/

Found in 2.3.0 with AddressSanitizer. I have told nobody else.

A. Finder
";

const POC: &str = "print('HTTP/1.1 200 OK\\r\\nSet-Cookie: a=b; path=/' + 'A' * 5000 + '\\r\\n\\r\\n')\n";

/// Who takes part, beside us.
pub struct People {
    finder: Generated,
    team: Generated,
    /// Of the finder's certificate.
    pub finder_fingerprint: String,
}

impl People {
    /// What the finder's mail program has: the finder's key and our certificate.
    pub fn finder_ring(&self) -> Result<Keyring, Error> {
        let own = cert_of(self.finder.tsk.expose())?;
        let team = cert_of(self.team.certificate.as_bytes())?;
        Ok(Keyring::from_certs(vec![own], vec![team]))
    }
}

/// Fills the folder: keys, configuration, policy, an inbox with mail.
pub fn set_up(folder: &Path, now: Timestamp) -> anyhow::Result<People> {
    for name in ["inbox/new", "inbox/cur", "inbox/tmp"] {
        files::private_folder(&folder.join(name))?;
    }
    let team = certs::generate(TEAM, Some("Demo team (INSECURE!)"), None, None, before(now, 240))?;
    let finder = certs::generate(FINDER, Some("A. Finder (INSECURE!)"), None, None, before(now, 240))?;
    files::write_new(&folder.join("team.pgp"), team.tsk.expose())?;
    files::write_new(&folder.join("SECURITY.md"), POLICY.as_bytes())?;
    let sent = folder.join("sent.eml");
    let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let keep = format!("cat > '{}'", sent.display().to_string().replace('\'', "'\\''"));
    let config = format!(
        "# The demo: a Maildir for the inbox, a file for the sent mail.\naddress = \"{TEAM}\"\n\n[maildir]\npath = \"inbox\"\n\n\
         [sendmail]\ncommand = [\"sh\", \"-c\", {}, \"sendmail\"]\n\n[openpgp]\nsecret_keys = [\"team.pgp\"]\n\n\
         [ledger]\npath = \"ledger.db\"\n\n[policy]\nfile = \"SECURITY.md\"\n",
        quote(&keep)
    );
    files::write_new(&folder.join("config.toml"), config.as_bytes())?;
    let people = People { finder_fingerprint: finder.fingerprint.clone(), finder, team };
    for (name, raw) in mails(&people, now)? {
        files::write_new(&folder.join("inbox/new").join(name), &raw)?;
    }
    Ok(people)
}

fn before(now: Timestamp, hours: i64) -> Timestamp {
    now - hours.hours()
}

/// What lies in the inbox.
fn mails(people: &People, now: Timestamp) -> anyhow::Result<Vec<(&'static str, Vec<u8>)>> {
    Ok(vec![
        ("1.report.eml", sealed_report(people, before(now, 22))?),
        (
            "2.again.eml",
            plain(
                before(now, 20),
                "B. Seeker <seeker@example.com>",
                "Possible buffer overflow in cookie handling",
                LOOK_ALIKE,
            ),
        ),
        ("3.locked.eml", locked(before(now, 5))),
        ("4.away.eml", away(before(now, 2))),
    ])
}

const LOOK_ALIKE: &str = "Hi, my fuzzer crashes the client when the server sends a very long cookie path.
Stack: add_cookie, lib/cookie.c:871. Is this known?
";

/// As a mail program that knows our certificate sends it: signed, encrypted, the finder's own certificate attached.
fn sealed_report(people: &People, at: Timestamp) -> anyhow::Result<Vec<u8>> {
    let finder = cert_of(people.finder.tsk.expose())?;
    let team = cert_of(people.team.certificate.as_bytes())?;
    let attach = |name: &str, media_type: &str, bytes: &[u8]| Attachment::new(name, media_type, bytes.to_vec());
    let draft = Draft::new(Fields {
        from: Address { address: FINDER.into(), name: Some("A. Finder".into()) },
        to: Address { address: TEAM.into(), name: None },
        cc: Vec::new(),
        subject: "Heap overflow in the cookie parser".into(),
        clear_subject: None,
        body: FOUND.into(),
        attachments: vec![
            attach("poc.py", "text/x-python", POC.as_bytes())?,
            attach("finder.asc", "application/pgp-keys", people.finder.certificate.as_bytes())?,
        ],
        in_reply_to: None,
        references: Vec::new(),
        message_id: "<report-1@example.net>".into(),
        date: at,
    })?;
    let mut signer = SigningKey::of(&finder, None, at)?;
    let sealed = seal::seal(&draft, &[Recipient::pinned_by_hand(TEAM, &team)], &mut signer, at)?;
    Ok(received(at, sealed.bytes()))
}

fn plain(at: Timestamp, from: &str, subject: &str, text: &str) -> Vec<u8> {
    let id = at.as_second();
    let mail = format!(
        "From: {from}\nTo: {TEAM}\nSubject: {subject}\nMessage-ID: <{id}@example.com>\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\n\n{text}"
    );
    received(at, mail.as_bytes())
}

/// Encrypted to a key that is not here.
fn locked(at: Timestamp) -> Vec<u8> {
    let mail = format!(
        "From: C. Third <third@example.net>\nTo: {TEAM}\nSubject: [...]\nMessage-ID: <locked@example.net>\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\n\n{}",
        include_str!("locked.asc")
    );
    received(at, mail.as_bytes())
}

fn away(at: Timestamp) -> Vec<u8> {
    let mail = format!(
        "From: D. Fourth <fourth@example.net>\nTo: {TEAM}\nSubject: Out of office\nMessage-ID: <away@example.net>\n\
         Auto-Submitted: auto-replied\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\nBack on Monday.\n"
    );
    received(at, mail.as_bytes())
}

/// With the line that the receiving server adds.
fn received(at: Timestamp, mail: &[u8]) -> Vec<u8> {
    let date = at.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let mut raw = format!("Received: from mx.example.net by mail.example.org; {date}\r\n").into_bytes();
    raw.extend_from_slice(mail);
    raw
}

fn cert_of(bytes: &[u8]) -> Result<certs::Certificate, Error> {
    certs::read_one(bytes).map_err(|e| Error::new(Kind::Key, format!("the demo's own key: {e}")))
}
