//! A glance into a mailbox that is not polled, such as Junk: how much there is, and how the newest mails begin. Nothing is
//! changed there, and what is read is bounded whatever the mailbox holds.

use jiff::Timestamp;

use super::{Imap, SMALL, name, reply};
use crate::wire::WireError;

/// Mails asked about at once.
const AT_ONCE: u32 = 25;

/// What a glance into a mailbox showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Mails in the mailbox.
    pub exists: u32,
    /// The newest of them, the newest first.
    pub newest: Vec<Beginning>,
}

/// How a mail begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// When the server received it (INTERNALDATE).
    pub received_at: Option<Timestamp>,
    /// Its first bytes.
    pub bytes: Vec<u8>,
}

/// Names by which a mailbox for junk goes where the server marks none: in the languages of the large providers.
const USUAL: [&str; 16] = [
    "junk",
    "spam",
    "junk e-mail",
    "junk email",
    "junk mail",
    "junk-e-mail",
    "junkemail",
    "bulk mail",
    "bulk",
    "unerw\u{fc}nscht",
    "spamverdacht",
    "courrier ind\u{e9}sirable",
    "correo no deseado",
    "posta indesiderata",
    "ongewenste e-mail",
    "lixo eletr\u{f4}nico",
];

impl Imap {
    /// The mailboxes for junk: those the server marks `\Junk` (RFC 6154), else those with a usual name.
    pub fn junk_mailboxes(&mut self) -> Result<Vec<String>, WireError> {
        let all = self.mailboxes()?;
        let marked: Vec<String> = all.iter().filter(|m| m.is_junk).map(|m| name::decode(&m.name)).collect();
        if !marked.is_empty() {
            return Ok(marked);
        }
        let open = all.iter().filter(|m| m.is_open).map(|m| (name::decode(&m.name), m.separator));
        Ok(open.filter(|(name, separator)| is_usual(name, *separator)).map(|(name, _)| name).take(4).collect())
    }

    /// True where the inbox can be opened.
    pub fn look_for_inbox(&mut self) -> Result<(), WireError> {
        let inbox = self.config.inbox.clone();
        self.examine(&inbox).map(|_| ())
    }

    /// The beginnings, of at most `length` bytes, of the newest `count` mails. One that the server does not hand over is
    /// left out.
    pub fn glance(&mut self, mailbox: &str, count: u32, length: usize) -> Result<Glance, WireError> {
        let exists = self.examine(mailbox)?.exists;
        let mut newest = Vec::new();
        let mut last = exists;
        while last > 0 && exists - last < count {
            let first = last.saturating_sub(AT_ONCE.min(count - (exists - last)) - 1).max(1);
            let mut some = self.beginnings(mailbox, first, last, length)?;
            some.reverse();
            newest.append(&mut some);
            last = first - 1;
        }
        Ok(Glance { exists, newest })
    }

    fn beginnings(&mut self, mailbox: &str, first: u32, last: u32, length: usize) -> Result<Vec<Beginning>, WireError> {
        let wire = name::encode(mailbox);
        let line = format!("FETCH {first}:{last} (UID INTERNALDATE BODY.PEEK[]<0.{length}>)");
        let budget = SMALL + u64::from(last - first + 1) * (length as u64 + 1024);
        let mut failures = 0;
        loop {
            let here = |s: &super::Session| s.selected.as_ref().is_some_and(|(n, _)| *n == wire);
            let again = if self.session.as_ref().is_some_and(here) { Ok(()) } else { self.select(&wire).map(|_| ()) };
            let outcome = again.and_then(|()| self.run(&line, budget)).and_then(|lines| Ok(read(&lines, length)?));
            match outcome {
                Ok(found) => return Ok(found),
                Err(fault) => self.recover("FETCH", fault, &mut failures)?,
            }
        }
    }
}

/// In the order of the mailbox, however the server answered.
fn read(lines: &[u8], length: usize) -> Result<Vec<Beginning>, reply::OutOfStep> {
    let mut items = reply::items(lines)?;
    items.sort_by_key(|item| item.uid);
    let began = items.into_iter().filter_map(|item| {
        let mut bytes = item.body?.into_owned();
        bytes.truncate(length);
        Some(Beginning { received_at: item.date, bytes })
    });
    Ok(began.collect())
}

fn is_usual(name: &str, separator: Option<char>) -> bool {
    let last = separator.map_or(name, |s| name.rsplit(s).next().unwrap_or(name));
    let last = last.to_lowercase();
    USUAL.contains(&last.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_wherever_they_stand() {
        for (name, separator) in [
            ("Junk", None),
            ("INBOX.Spam", Some('.')),
            ("[Gmail]/Spam", Some('/')),
            ("Junk-E-Mail", Some('/')),
            ("Unerw\u{fc}nscht", None),
        ] {
            assert!(is_usual(name, separator), "{name}");
        }
        for (name, separator) in
            [("Spam.Reviewed", Some('.')), ("INBOX.Spam", Some('/')), ("Not junk", Some('/')), ("Trash", None)]
        {
            assert!(!is_usual(name, separator), "{name}");
        }
    }

    #[test]
    fn the_order_of_the_mailbox_and_no_byte_too_many() {
        let lines = b"* 2 FETCH (UID 9 BODY[]<0> {3}\r\nbcd INTERNALDATE \" 1-Nov-2026 10:00:00 +0000\")\r\n* 1 FETCH (UID 4 BODY[]<0> \"a\")\r\n* 3 FETCH (UID 11 BODY[]<0> NIL)\r\n";
        let found = read(lines, 2).unwrap();
        assert_eq!(found.iter().map(|b| b.bytes.as_slice()).collect::<Vec<_>>(), [&b"a"[..], b"bc"]);
        assert!(found[1].received_at.is_some());
    }
}
