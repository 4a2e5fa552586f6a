//! `sealpost reply ID`: a draft from a person, shown as it will be signed, sealed to the pinned certificate, into the outbox,
//! out. Where a person must decide and nobody is there, nothing is sent and the command that decides is named.

pub mod editor;

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;

use super::books;
use super::desk::{self, Desk};
use super::keys::{self, Unlock};
use super::{App, Done, files, key, post};
use crate::case::{ReportState, Role, What};
use crate::cli::reply::Args;
use crate::clock::{Clock, Kind as ClockKind};
use crate::config::Config;
use crate::error::{Error, Kind, usage};
use crate::ledger::{Ledger, Letter, NewEvent, OutboxState, ReportRow};
use crate::message::{Address, same_address};
use crate::output::Said;
use crate::output::keys::grouped;
use crate::pgp::certs::{self, Certificate};
use crate::pgp::keyring::Keyring;
use crate::pgp::seal::{self, ClearConsent, Recipient, Sealed, SigningKey};
use crate::point;
use crate::reply::template::{Facts, Template};
use crate::reply::{Answer, Answered, Attachment, Draft, Route};
use crate::report::Opened;
use crate::safe;
use crate::verdict::EncryptionStatus;

/// How long a written answer waits for a poll to end before it is given up: longer than a poll may take.
const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// A reply's text and one attachment may not be larger.
const FILE_LIMIT: u64 = 18 << 20;

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    // Only read while a person thinks: polls go on meanwhile.
    let ledger = books::read(app, &config)?;
    let row = desk::resolve(&ledger, &args.id)?;
    let answered = newest_message(&ledger, &row)?;
    let to = address_to(app, args, &config, &row, &answered)?;
    let mut ring = keys::load(&config)?;
    let clear = args.plaintext.is_some();
    // What a person must decide comes before the writing, so that no text is typed in vain.
    let cert = if clear { None } else { Some(certificate(app, &config, &ledger, &ring, &row, &to)?) };
    let body = body(app, args, &config, &ledger, &row)?;
    let attachments = attachments(args)?;
    let random = random()?;
    let from = Address { address: config.address.clone(), name: None };
    let answer = Answer { from, to, body, attachments, random, now: app.now };
    let draft = crate::reply::draft(&thread_of(&answered), answer).map_err(|e| usage(e.to_string()))?;
    keys::unlock(app, &config, &mut ring, Unlock::Must)?;
    let sealed = match &cert {
        Some(cert) => seal_to(app, &ring, &draft, cert)?,
        None => in_the_clear(app, args, &ring, &draft)?,
    };
    drop(ledger);
    point::reach("reply.sealed");
    finish(app, args, &config, &row, &draft, &sealed)
}

/// The reporter's newest mail, or where there is none, the newest of any kind.
fn newest_message(ledger: &Ledger, row: &ReportRow) -> Result<Opened, Error> {
    let messages = ledger.messages_of(&row.uid)?;
    let theirs = messages.iter().rev().find(|m| matches!(m.role, Some(Role::Opening | Role::FollowUp | Role::Resend)));
    let newest = theirs.or_else(|| messages.last());
    let opened = match newest {
        Some(message) => ledger.opened(message.id)?,
        None => None,
    };
    opened.ok_or_else(|| Error::new(Kind::Failed, format!("report {} has no mail to answer", row.id.0)))
}

fn thread_of(opened: &Opened) -> Answered<'_> {
    Answered {
        header: &opened.header,
        outer_subject: opened.outer_subject.as_deref(),
        encrypted: opened.verdict.encryption.status != EncryptionStatus::None,
    }
}

/// The reporter. Another address, asked for by Reply-To or by the command line, is a person's decision.
fn address_to(app: &App, args: &Args, config: &Config, row: &ReportRow, opened: &Opened) -> Result<Address, Error> {
    let ours: Vec<&str> = std::iter::once(&config.address).chain(&config.aliases).map(String::as_str).collect();
    let route = crate::reply::route(&opened.header, &ours);
    if let Some(to) = &args.to {
        let known = opened.header.from.iter().chain(&opened.header.reply_to).find(|a| same_address(&a.address, to));
        return Ok(known.cloned().unwrap_or(Address { address: to.clone(), name: None }));
    }
    match route {
        Route::Sender(sender) => Ok(sender),
        Route::Elsewhere { sender, wanted } => {
            let first = wanted.iter().find(|a| !same_address(&a.address, &sender.address)).unwrap_or(&sender);
            let (from, other) = (safe::line(&sender.address), safe::line(&first.address));
            if app.interactive && args.message_file.is_none() {
                app.say(format!("the mail is from {from} and asks for answers to {other}"));
                return match ask(&format!("Answer to {from}? [y/N]"))?.as_str() {
                    "y" | "Y" | "yes" => Ok(sender),
                    _ => Err(usage("nothing was sent").hint(format!(
                        "sealpost reply {} --to {}",
                        row.id.0,
                        safe::word(&first.address)
                    ))),
                };
            }
            Err(usage(format!("the mail is from {from} and asks for answers to {other}; nothing was sent"))
                .hint(format!("sealpost reply {} --to {}", row.id.0, safe::word(&sender.address)))
                .hint(format!("sealpost reply {} --to {}", row.id.0, safe::word(&first.address))))
        }
        Route::Nobody => Err(usage(format!("report {} names no sender to answer; nothing was sent", row.id.0))
            .hint(format!("sealpost reply {} --to ADDRESS", row.id.0))),
    }
}

/// The certificate pinned for the address; a person may pin a candidate on the spot.
fn certificate(
    app: &App,
    config: &Config,
    ledger: &Ledger,
    ring: &Keyring,
    row: &ReportRow,
    to: &Address,
) -> Result<Certificate, Error> {
    let shown = safe::line(&to.address);
    if let Some(fingerprint) = ledger.pin(&to.address)? {
        return key::pinned_cert(ledger, ring, &fingerprint)?.ok_or_else(|| {
            Error::new(
                Kind::Key,
                format!("the certificate {fingerprint} pinned for {shown} is not here any more; nothing was sent"),
            )
            .hint("sealpost key import FILE brings it back")
        });
    }
    let candidates = key::candidates(ledger, ring, &to.address, app.now)?;
    let undecided = |what: String| usage(format!("{what}; nothing was sent"));
    match candidates.as_slice() {
        [] => Err(undecided(format!("there is no certificate for {shown}"))
            .hint("sealpost key import FILE keeps one; then sealpost key pin")
            .hint(format!(
                "or in the clear: sealpost reply {} --plaintext {}",
                row.id.0,
                safe::word(&format!("send {} in the clear", to.address))
            ))),
        [one] if app.interactive => {
            app.say(format!("no certificate is pinned for {shown}. One was offered:"));
            app.say(format!("  {}", grouped(&one.fingerprint)));
            for user_id in &one.user_ids {
                app.say(format!("  {}", safe::line(&user_id.text)));
            }
            app.say(
                "Whoever sent the mail may have made it: compare the fingerprint over another\nchannel if you can.",
            );
            match ask("Pin it for this address? [y/N]")?.as_str() {
                "y" | "Y" | "yes" => {
                    pin(app, config, &to.address, &one.fingerprint)?;
                    key::pinned_cert(ledger, ring, &one.fingerprint)?
                        .ok_or_else(|| Error::new(Kind::Key, "the certificate has gone; nothing was sent"))
                }
                _ => Err(undecided("no certificate is pinned".into())),
            }
        }
        several => {
            let mut error = undecided(format!("no certificate is pinned for {shown}"));
            for one in several {
                error = error.hint(format!("sealpost key pin {} {}", safe::word(&to.address), one.fingerprint));
            }
            Err(error)
        }
    }
}

fn pin(app: &App, config: &Config, address: &str, fingerprint: &str) -> Result<(), Error> {
    let what = What::Pinned { address: address.to_ascii_lowercase(), fingerprint: fingerprint.to_owned() };
    let event = NewEvent { report: None, message: None, what };
    let mut ledger = books::write_soon(app, config, PATIENCE)?;
    Ok(ledger.append(&[event], &books::stamp(app))?)
}

/// The text: from a file, or from a person in an editor, with a template to begin with.
fn body(app: &App, args: &Args, config: &Config, ledger: &Ledger, row: &ReportRow) -> Result<String, Error> {
    if let Some(path) = &args.message_file {
        let bytes = files::read(path, FILE_LIMIT)?;
        return String::from_utf8(bytes).map_err(|_| usage(format!("{} is not UTF-8", path.display())));
    }
    let begin = match &args.template {
        None => String::new(),
        Some(name) => {
            let own = own_templates(config)?;
            let template = Template::named(name, &own).map_err(|e| usage(e.to_string()))?;
            template.fill(&facts(app, config, ledger, row)?)
        }
    };
    if !app.interactive {
        // A template that needs nothing more may be sent as it is.
        return match crate::reply::template::unwritten(&begin) {
            None if !begin.trim().is_empty() => Ok(begin),
            _ => Err(usage("there is nobody to write the answer; nothing was sent")
                .hint(format!("sealpost reply {} --message-file FILE", row.id.0))),
        };
    }
    let text = editor::edit(app, &begin)?;
    if text.trim().is_empty() {
        return Err(usage("the answer is empty; nothing was sent"));
    }
    Ok(text)
}

/// `templates/NAME.txt` beside the configuration.
fn own_templates(config: &Config) -> Result<Vec<(String, String)>, Error> {
    let folder = config.file.with_file_name("templates");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for path in entries.filter_map(|e| Some(e.ok()?.path())) {
        if path.extension().is_some_and(|e| e == "txt")
            && let Some(name) = path.file_stem().and_then(|s| s.to_str())
        {
            let text = String::from_utf8(files::read(&path, 64 << 10)?)
                .map_err(|_| Error::new(Kind::Config, format!("{} is not UTF-8", path.display())))?;
            found.push((name.to_owned(), text));
        }
    }
    found.sort();
    Ok(found)
}

fn facts(app: &App, config: &Config, ledger: &Ledger, row: &ReportRow) -> Result<Facts, Error> {
    let desk = Desk::read(app, config, ledger)?;
    let state: Option<&ReportState> = desk.report(&row.uid);
    let clocks: Vec<Clock> = state.map(|s| desk.clocks(s)).unwrap_or_default();
    let due = |kind| clocks.iter().find(|c| c.kind == kind && c.is_unfinished()).and_then(|c| c.due_at);
    let first = state.and_then(|s| desk.number(&s.case)).unwrap_or(row.id.0);
    Ok(Facts {
        report: row.id.0.unsigned_abs(),
        case: first.unsigned_abs(),
        received: Some(row.received_at),
        assessment_due: due(ClockKind::Assessment),
        update_due: due(ClockKind::Update),
        fix_due: due(ClockKind::Fix),
        disclosure_due: due(ClockKind::Disclosure),
        team: None,
        address: config.address.clone(),
        policy: None,
    })
}

fn attachments(args: &Args) -> Result<Vec<Attachment>, Error> {
    let mut found = Vec::new();
    for path in &args.attach {
        let bytes = files::read(path, FILE_LIMIT)?;
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let media_type = if std::str::from_utf8(&bytes).is_ok() { "text/plain" } else { "application/octet-stream" };
        found.push(Attachment::new(&name, media_type, bytes).map_err(|e| usage(e.to_string()))?);
    }
    Ok(found)
}

fn random() -> Result<[u8; 16], Error> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| Error::new(Kind::Failed, format!("no random numbers: {e}")))?;
    Ok(bytes)
}

fn signing_key(app: &App, ring: &Keyring) -> Result<SigningKey, Error> {
    let own = ring.own().first().ok_or_else(|| {
        Error::new(Kind::Key, "there is no team key to sign with; nothing was sent")
            .hint("sealpost key generate makes one; name it in secret_keys")
    })?;
    SigningKey::of_ring(own, ring, app.now).map_err(|e| Error::new(Kind::Key, format!("{e}; nothing was sent")))
}

fn seal_to(app: &App, ring: &Keyring, draft: &Draft, cert: &Certificate) -> Result<Sealed, Error> {
    let mut signer = signing_key(app, ring)?;
    let to = &draft.to().address;
    let recipient = if certs::is_for_address(cert, to, app.now) {
        Recipient::new(to, cert)
    } else {
        Recipient::pinned_by_hand(to, cert)
    };
    seal::seal(draft, &[recipient], &mut signer, app.now)
        .map_err(|e| Error::new(Kind::Key, format!("{e}; nothing was sent")))
}

fn in_the_clear(app: &App, args: &Args, ring: &Keyring, draft: &Draft) -> Result<Sealed, Error> {
    let words = args.plaintext.as_deref().unwrap_or_default();
    let consent = ClearConsent::given(words, draft).ok_or_else(|| {
        usage("those are not the words that send a mail in the clear; nothing was sent")
            .hint(format!("--plaintext {}", safe::word(&ClearConsent::words(draft))))
    })?;
    let mut signer = signing_key(app, ring).ok();
    seal::in_the_clear(draft, &consent, signer.as_mut(), app.now)
        .map_err(|e| Error::new(Kind::Key, format!("{e}; nothing was sent")))
}

/// Shows it, asks, queues it, sends it.
fn finish(
    app: &App,
    args: &Args,
    config: &Config,
    row: &ReportRow,
    draft: &Draft,
    sealed: &Sealed,
) -> anyhow::Result<Done> {
    let seal = seal_words(sealed);
    let asks = app.interactive && args.message_file.is_none();
    let shown = format!("{}\n{seal}", safe::lines(draft.shown().as_str()));
    if asks {
        app.say(&shown);
    }
    if args.dry_run {
        let json = json!({"sent": false, "dry_run": true, "to": sealed.envelope_to(), "encrypted_to": sealed.certificates(), "text": draft.shown().as_str()});
        return Ok(Done::new(Said { line: format!("{shown}\ndry run: nothing was sent"), json }));
    }
    if asks && !matches!(ask("Send this? [y/N]")?.as_str(), "y" | "Y" | "yes") {
        return Err(usage("nothing was sent").into());
    }
    let letter = Letter {
        report: &row.uid,
        message_id: sealed.message_id(),
        sender: sealed.envelope_from(),
        recipients: sealed.envelope_to(),
        sealed: sealed.bytes(),
    };
    let mut ledger = books::write_soon(app, config, PATIENCE)?;
    point::reach("reply.open");
    let number = ledger.queue(&letter, &books::stamp(app))?;
    point::reach("reply.queued");
    let (state, unsent) =
        if args.later { (OutboxState::Queued, None) } else { post::send_named(app, config, &mut ledger, number)? };
    let words = match state {
        OutboxState::Sent => {
            let how = if sealed.is_encrypted() { "signed and encrypted" } else { "in the clear" };
            format!("reply {number} sent to {}, {how}", safe::line(&sealed.envelope_to().join(", ")))
        }
        _ => match &unsent {
            None => format!("reply {number} is in the outbox; the next poll sends it"),
            Some(unsent) => format!("{}\n  sealpost outbox tells what can be done", unsent.line),
        },
    };
    let json = json!({
        "report": row.id.0, "outbox": number, "state": state.name(), "sent": state == OutboxState::Sent,
        "reason": unsent.as_ref().map(|unsent| &unsent.reason),
        "to": sealed.envelope_to(), "encrypted": sealed.is_encrypted(), "encrypted_to": sealed.certificates(),
        "message_id": sealed.message_id(),
    });
    let mut done = Done::new(Said { line: words, json }).needs_person(unsent.is_some());
    if matches!(state, OutboxState::Failed | OutboxState::Unknown) {
        done.status = 1;
    }
    Ok(done)
}

/// To which keys, one a line, for a person who is about to say yes.
fn seal_words(sealed: &Sealed) -> String {
    if !sealed.is_encrypted() {
        return "IN THE CLEAR: everybody on the way can read it".into();
    }
    let last = sealed.certificates().len().saturating_sub(1);
    let mut words = String::from("Signed with our key, encrypted to");
    for (n, fingerprint) in sealed.certificates().iter().enumerate() {
        let whose = if n == last { "ours".into() } else { safe::line(&sealed.envelope_to().join(", ")) };
        words.push_str(&format!("\n  {}  ({whose})", grouped(fingerprint)));
    }
    words
}

fn ask(question: &str) -> Result<String, Error> {
    let mut err = std::io::stderr();
    let mut line = String::new();
    let read =
        write!(err, "{question} ").and_then(|()| err.flush()).and_then(|()| std::io::stdin().read_line(&mut line));
    read.map_err(|e| usage(format!("no answer: {e}; nothing was sent")))?;
    Ok(line.trim().to_owned())
}
