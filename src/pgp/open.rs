//! One mail in, one [`Opened`] out: found, opened, verified and judged, all or nothing.
//!
//! It never fails. What cannot be parsed gives what could be had and a warning; where a limit was hit, `quarantined` says which.
//! It reads no clock and no file and keeps nothing, so that it can live in a process of its own; there the secret keys are not.

pub mod holder;
pub mod packets;
pub mod remote;

mod blowfish;
mod carried;
mod cipher;
mod decrypt;
mod elgamal;
mod file;
mod judge;
mod ocb20;
mod password;
mod shown;
mod statement;
mod unwrap;
mod verify;
mod walk;
mod weak;

use std::borrow::Cow;
use std::time::SystemTime;

use jiff::Timestamp;
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::policy::StandardPolicy;

use self::decrypt::Env;
use self::holder::Holder;
use self::verify::Proof;
use self::walk::Walk;
use crate::message::{Automatic, Header, tree};
use crate::pgp::keyring::Keyring;
use crate::report::Opened;
use crate::secret::Plaintext;
use crate::verdict::{EncryptionStatus, Format};

pub use file::{FileError, Unwrapped, decrypt_file};
pub use statement::{Statement, StatementError, read_statement};

/// What opening needs to know besides the mail and the keys.
#[derive(Clone, Debug)]
pub struct Context {
    /// The instant to judge at.
    pub now: Timestamp,
    /// When our server took the mail, where that is known better than from the mail itself.
    pub received_at: Option<Timestamp>,
    /// Addresses of ours: what is signed and encrypted must say that it was for one of them.
    pub own_addresses: Vec<String>,
}

/// Opens one mail, or one bare OpenPGP message, with the secrets in this process: for tests and measurements. The program
/// leaves it to a process without secrets, by [`open_with`].
pub fn open(raw: &[u8], keys: &Keyring, context: &Context) -> Opened {
    open_with(raw, keys, keys, context)
}

/// Opens one mail with the certificates of `keys` and the secrets of `holder`.
pub fn open_with(raw: &[u8], keys: &Keyring, holder: &dyn Holder, context: &Context) -> Opened {
    with_walk(raw, keys, holder, context, |walk, env, outer| assemble(walk, env, outer, context))
}

/// The content of one part, by the path that [`Opened::parts`] gives it; `None` where there is no such part.
pub fn part(raw: &[u8], keys: &Keyring, context: &Context, path: &str) -> Option<Plaintext> {
    part_with(raw, keys, keys, context, path)
}

/// The same with the secrets of `holder`.
pub fn part_with(raw: &[u8], keys: &Keyring, holder: &dyn Holder, context: &Context, path: &str) -> Option<Plaintext> {
    with_walk(raw, keys, holder, context, |walk, _, _| {
        let leaf = walk.leaves.iter().find(|leaf| leaf.path == path && leaf.role != walk::Role::Heading)?;
        Some(shown::content(&walk, leaf))
    })
}

/// The least that can be told of a mail that cannot be opened: what its header says, without a look at its body. That it is
/// encrypted is not claimed, nor that it is not.
pub fn header_only(raw: &[u8], reason: &str) -> Opened {
    let head = header_block(raw.get(..MAX_HEADER).unwrap_or(raw));
    let tree = tree::parse(head, tree::Limits::default());
    let mut opened = Opened::unread(reason);
    if let Some(root) = tree.parts.first() {
        opened.header = Header::read(&root.fields, root.media_type(), root.kind.get("report-type"));
        // What nobody has read must not be put away as a program's mail.
        opened.header.automatic = Automatic::No;
        opened.outer_subject = opened.header.subject.clone();
        if matches!(root.media_type(), "multipart/encrypted" | "multipart/signed") {
            opened.verdict.format = Format::PgpMime;
        }
    }
    opened
}

/// No header is looked at beyond this.
const MAX_HEADER: usize = 256 << 10;

/// All before the first empty line.
fn header_block(raw: &[u8]) -> &[u8] {
    let ends = raw.windows(2).position(|w| w == b"\n\n").into_iter();
    let end = ends.chain(raw.windows(3).position(|w| w == b"\n\r\n")).min();
    end.and_then(|end| raw.get(..=end)).unwrap_or(raw)
}

/// Walks the mail; a second time with the certificates it carries, where one of them may have made a signature in it.
fn with_walk<T>(
    raw: &[u8],
    keys: &Keyring,
    holder: &dyn Holder,
    context: &Context,
    then: impl FnOnce(Walk<'_, '_>, &Env<'_>, Header) -> T,
) -> T {
    let raw = with_line_feeds(raw);
    let now = SystemTime::from(context.now);
    let env = |carried| Env { keys, holder, carried, policy: StandardPolicy::at(now), now: now + SKEW };
    let first_env = env(&[]);
    let mut first = Walk::run(&raw, &first_env);
    let outer = outer_header(&first);
    collect(&mut first, &outer);
    let unknown = first.groups.iter().flatten().filter(|sig| sig.proof == Proof::Unknown);
    let carried = unknown.flat_map(|sig| &sig.issuers).any(|issuer| first.collection.has_key(issuer));
    if !carried {
        return then(first, &first_env, outer);
    }
    let certs: Vec<Cert> = first.collection.certs();
    drop(first);
    let second_env = env(&certs);
    let mut second = Walk::run(&raw, &second_env);
    collect(&mut second, &outer);
    then(second, &second_env, outer)
}

/// The warning of mail that a password would open, or did.
pub const PASSWORD: &str = "password-encrypted";

/// How far a sender's clock may run ahead of ours.
const SKEW: std::time::Duration = std::time::Duration::from_secs(30 * 60);

/// Some files have carriage returns alone at their line ends.
fn with_line_feeds(raw: &[u8]) -> Cow<'_, [u8]> {
    if raw.contains(&b'\n') || !raw.contains(&b'\r') || raw.first().is_some_and(|first| first & 0x80 != 0) {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(raw.iter().map(|b| if *b == b'\r' { b'\n' } else { *b }).collect())
}

fn outer_header(walk: &Walk<'_, '_>) -> Header {
    match walk.part(0, 0) {
        Some(root) if walk.format != Some(Format::Openpgp) => {
            Header::read(&root.fields, root.media_type(), root.kind.get("report-type"))
        }
        _ => Header::default(),
    }
}

fn collect(walk: &mut Walk<'_, '_>, outer: &Header) {
    let sender = outer.sender().map(|sender| sender.address.clone());
    let fields = walk.part(0, 0).map(|root| root.fields.clone()).unwrap_or_default();
    walk.collection.autocrypt(&fields, sender.as_deref());
    if let Some(payload) = &walk.payload
        && payload.cover.seal.is_some()
        && let Some(fields) = walk.part(payload.unit, payload.part).map(|part| part.fields.clone())
    {
        walk.collection.gossip(&fields);
    }
}

fn assemble(mut walk: Walk<'_, '_>, env: &Env<'_>, outer: Header, context: &Context) -> Opened {
    let protected = judge::protected(&walk, &outer);
    let judged = judge::verdict(&mut walk, env, &outer, protected.as_ref(), context);
    let mut header = outer.clone();
    if let Some(protected) = protected {
        if protected.whole { header.overlay(protected.header) } else { header.subject = protected.header.subject }
    }
    header.from = judged.from;
    if judged.verdict.encryption.status != EncryptionStatus::None {
        header.automatic = Automatic::No;
    }
    let (text, text_from) = shown::text(&walk);
    let parts = shown::parts(&walk, &judged.verdict.signature);
    shown::warn(&mut walk, judged.verdict.encryption.status);
    let payload_sha256 = walk.seals.iter().find_map(|seal| seal.payload_sha256.clone());
    let sender = header.sender().map(|sender| sender.address.clone());
    let mut warnings = std::mem::take(&mut walk.warnings);
    warnings.extend(std::mem::take(&mut walk.collection.warnings));
    if walk.format == Some(Format::Openpgp) && walk.seals.is_empty() && walk.groups.is_empty() {
        warnings.push("no-message: it is OpenPGP data but no message".into());
    }
    Opened {
        outer_subject: outer.subject,
        header,
        verdict: judged.verdict,
        text,
        text_from,
        parts,
        payload_sha256,
        candidates: walk.collection.candidates(sender.as_deref()),
        warnings,
        quarantined: walk.quarantined,
    }
}
