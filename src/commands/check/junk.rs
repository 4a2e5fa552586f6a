//! Reports that lie in Junk, where no poll looks.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::commands::servers::wire_error;
use crate::config::{Config, Server, Source};
use crate::ledger::Ledger;
use crate::message::likely::{self, BEGINNING, Glimpse, Sign};
use crate::output::health::{Finding, judge};
use crate::safe;
use crate::wire::imap::Imap;

/// The newest so many mails are looked at: what is older was there the last time.
const LOOKED_AT: u32 = 200;
/// So many of them are named.
const NAMED: usize = 3;
/// Message-IDs of one mail that are looked up.
const MENTIONS: usize = 20;
/// Directory entries of a Maildir that are looked at.
const ENTRIES: usize = 20_000;

/// Looks into the Junk mailbox of an IMAP account. Nothing is changed there.
pub fn imap(imap: &mut Imap, server: &Server, ledger: Option<&Ledger>) -> Vec<Finding> {
    let failed = |e| {
        let e = wire_error(&e);
        Finding::warn("junk", format!("{}: nobody looked whether a report lies there", e.message))
            .hint(e.hints.join("; "))
    };
    let names = match &server.junk {
        Some(name) => vec![name.clone()],
        None => match imap.junk_mailboxes() {
            Ok(names) => names,
            Err(e) => return vec![failed(e)],
        },
    };
    if names.is_empty() {
        let words = "no Junk mailbox was found; if there is one, name it: junk = \"NAME\" in [imap]";
        return vec![Finding::ok("junk", words)];
    }
    let look = |name: &String| match imap.glance(name, LOOKED_AT, BEGINNING) {
        Ok(glance) => {
            let all = glance.newest.iter().map(|mail| likely::glimpse(&mail.bytes));
            told(name, u64::from(glance.exists), all, ledger)
        }
        Err(e) => failed(e),
    };
    names.iter().map(look).collect()
}

/// The same for the folders that a Maildir has for junk: the configured one, else those of the usual names in it.
pub fn maildir(config: &Config, ledger: Option<&Ledger>) -> Vec<Finding> {
    let Source::Maildir { path, junk, .. } = &config.source else { return Vec::new() };
    let folders: Vec<PathBuf> = match junk {
        Some(folder) => vec![folder.clone()],
        None => [".Junk", ".Spam", "Junk", "Spam"].iter().map(|n| path.join(n)).filter(|p| is_maildir(p)).collect(),
    };
    let look = |folder: &PathBuf| {
        let name = folder.display().to_string();
        if !is_maildir(folder) {
            return Finding::warn("junk", format!("{name} is not a Maildir"))
                .hint("set junk in [maildir] to the folder that holds cur and new");
        }
        let (exists, newest) = newest(folder);
        told(&name, exists, newest.iter().map(|file| likely::glimpse(&beginning(file))), ledger)
    };
    folders.iter().map(look).collect()
}

fn is_maildir(folder: &Path) -> bool {
    folder.join("new").is_dir() || folder.join("cur").is_dir()
}

/// How many mails there are, and the newest of them.
fn newest(folder: &Path) -> (u64, Vec<PathBuf>) {
    let parts = ["new", "cur"].iter().filter_map(|part| std::fs::read_dir(folder.join(part)).ok());
    let mut files: Vec<(SystemTime, PathBuf)> = parts
        .flatten()
        .flatten()
        .take(ENTRIES)
        .filter(|entry| entry.file_type().is_ok_and(|t| t.is_file()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort_unstable_by(|a, b| b.cmp(a));
    let count = files.len() as u64;
    (count, files.into_iter().take(LOOKED_AT as usize).map(|(_, path)| path).collect())
}

fn beginning(file: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(opened) = File::open(file) {
        let _ = opened.take(BEGINNING as u64).read_to_end(&mut bytes);
    }
    bytes
}

/// One line about one mailbox.
fn told(name: &str, exists: u64, mails: impl Iterator<Item = Glimpse>, ledger: Option<&Ledger>) -> Finding {
    let name = safe::short(name, 80);
    let (mut looked_at, mut likely) = (0u64, Vec::new());
    for mail in mails {
        looked_at += 1;
        if mail.sign.is_some() || answers_us(&mail, ledger) {
            likely.push(mail);
        }
    }
    let of = if looked_at < exists {
        format!("the newest {looked_at} of {exists} mails")
    } else {
        judge::mails(usize::try_from(exists).unwrap_or(usize::MAX))
    };
    if likely.is_empty() {
        return Finding::ok("junk", format!("{name}: {of}, none looks like a report"));
    }
    let mut named: Vec<String> = likely.iter().take(NAMED).map(in_words).collect();
    if likely.len() > NAMED {
        named.push(format!("{} more", likely.len() - NAMED));
    }
    Finding::warn("junk", format!("{name}: {}, {}: {}", of, like(likely.len()), named.join(", ")))
        .hint("move them to the inbox in a mail program; the next poll takes them")
}

fn like(n: usize) -> String {
    if n == 1 { "1 looks like a report".to_owned() } else { format!("{n} look like reports") }
}

fn in_words(mail: &Glimpse) -> String {
    let subject = safe::short(mail.header.subject.as_deref().unwrap_or_default().trim(), 60);
    let from = mail.header.from.first().map(|f| safe::short(&f.address, 60)).unwrap_or_default();
    let why = match mail.sign {
        Some(Sign::Sealed | Sign::Armor) => " (OpenPGP)",
        Some(Sign::Subject) => "",
        None => " (it answers us)",
    };
    format!("“{subject}” from {}{why}", if from.is_empty() { "nobody" } else { &from })
}

/// It names a mail that is in the ledger: a reporter goes on, or somebody plays one.
fn answers_us(mail: &Glimpse, ledger: Option<&Ledger>) -> bool {
    let Some(ledger) = ledger else { return false };
    let header = &mail.header;
    let mentions = header.in_reply_to.iter().chain(header.references.iter().rev()).take(MENTIONS);
    mentions.into_iter().any(|id| {
        ledger.by_message_id(id).is_ok_and(|found| !found.is_empty())
            || ledger.outbox_by_message_id(id).is_ok_and(|found| found.is_some())
    })
}
