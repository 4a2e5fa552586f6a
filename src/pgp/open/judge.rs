//! From layers and signatures to the one verdict. It never says more than the cryptography proves.

use jiff::{SignedDuration, Timestamp};
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::cert::amalgamation::ValidAmalgamation;
use openpgp::types::RevocationStatus;

use super::Context;
use super::decrypt::Env;
use super::verify::{Proof, Sig};
use super::walk::{self, Cover, Outcome, Piece, Role, Seal, Walk};
use crate::message::{Address, Header, same_address};
use crate::verdict::{Encryption, EncryptionStatus, Format, Signature, SignatureStatus, Verdict};

/// A signature made longer before the mail than this may be a replay.
const OLD: SignedDuration = SignedDuration::from_hours(24);
/// A signature cannot be made after the mail; clocks differ.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// The verdict, and the sender that it is about.
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// From: the outer one, or a protected one that its signer may use.
    pub from: Vec<Address>,
}

/// Fields that the seal or a signature covers.
pub struct Protected {
    /// What lies over them.
    pub cover: Cover,
    /// The fields.
    pub header: Header,
    /// They speak for the whole mail; otherwise only their Subject is used.
    pub whole: bool,
}

/// Reads the protected header (RFC 9788, and the older form that `protected-headers="v1"` marks): the fields of what the outermost
/// layers held, and what lies over them. Anywhere else such fields are phony.
pub fn protected(walk: &Walk<'_, '_>, outer: &Header) -> Option<Protected> {
    let payload = walk.payload.as_ref()?;
    let cover = payload.cover.clone();
    let sound =
        |group: &usize| walk.groups.get(*group).is_some_and(|sigs| sigs.iter().any(|sig| sig.proof != Proof::Bad));
    if cover.seal.is_none() && !cover.groups.iter().any(sound) {
        return None;
    }
    let part = walk.part(payload.unit, payload.part)?;
    let header = Header::read(&part.fields, part.media_type(), None);
    if part.kind.get("hp").is_some() || part.kind.get("protected-headers").is_some() {
        // A Subject that was protected and is not there must not be filled from outside; one that is there wins.
        return header_or_none(Protected { cover, header, whole: payload.whole });
    }
    // Some programs hide the Subject and forget to mark the part that has it.
    let hidden = outer.subject.as_deref().is_none_or(|subject| matches!(subject.trim(), "" | "..." | "[...]"));
    let subject = header.subject.filter(|_| hidden && cover.seal.is_some())?;
    Some(Protected { cover, header: Header { subject: Some(subject), ..Header::default() }, whole: false })
}

fn header_or_none(protected: Protected) -> Option<Protected> {
    (protected.whole || protected.header.subject.is_some()).then_some(protected)
}

/// Judges.
pub fn verdict(
    walk: &mut Walk<'_, '_>,
    env: &Env<'_>,
    outer: &Header,
    protected: Option<&Protected>,
    context: &Context,
) -> Judged {
    let encryption = encryption(walk);
    own_key_warnings(walk, env);
    let from = sender(walk, outer, protected);
    if outer.from.len() > 1 {
        walk.warn("ambiguous-sender: the mail names more than one sender".into());
    }
    let case = Case { outer, protected, context, from: &from, own: own_addresses(env, context), env };
    let signature = signature(walk, &case);
    let format = walk.format.unwrap_or(Format::Plain);
    Judged { verdict: Verdict { format, encryption, signature }, from }
}

/// The pieces of content that count: text with something to read, and files. Ciphertext that stayed closed is not content, and
/// another form of what is shown counts only where it is not the same ciphertext once more.
fn content<'w>(walk: &'w Walk<'_, '_>) -> impl Iterator<Item = &'w Piece> {
    let leaves = walk.leaves.iter().filter(|leaf| matches!(leaf.role, Role::Body | Role::File) && !leaf.duplicate);
    leaves.flat_map(|leaf| leaf.pieces.iter().map(move |piece| (leaf, piece))).filter_map(|(leaf, piece)| {
        let text = piece.text.as_deref().filter(|_| leaf.role == Role::Body);
        (!text.is_some_and(walk::is_blank_text)).then_some(piece)
    })
}

fn encryption(walk: &Walk<'_, '_>) -> Encryption {
    let opened = |seal: &&Seal| seal.outcome == Outcome::Opened;
    let Some(seal) = walk
        .seals
        .iter()
        .find(opened)
        .or_else(|| walk.seals.iter().find(|seal| seal.outcome == Outcome::Refused).or_else(|| walk.seals.first()))
    else {
        return Encryption::none();
    };
    let closed = walk.seals.iter().find(|seal| seal.outcome != Outcome::Opened);
    let status = match &seal.outcome {
        Outcome::Refused => EncryptionStatus::Refused,
        Outcome::Unopened(_) => EncryptionStatus::Unopened,
        Outcome::Opened if closed.is_none() && content(walk).all(|piece| piece.cover.seal.is_some()) => {
            EncryptionStatus::Encrypted
        }
        Outcome::Opened => EncryptionStatus::Partial,
    };
    let sealing = &seal.sealing;
    Encryption {
        status,
        cipher: sealing.cipher.clone(),
        aead: sealing.aead.clone(),
        integrity: sealing.integrity.clone(),
        recipients: sealing.recipients.clone(),
        decrypted_with: sealing.with.as_ref().map(|with| format!("{with:X}")),
        reason: closed.and_then(|seal| walk::reason(&seal.outcome)),
    }
}

/// Says so when a key of ours that opened the mail is expired, revoked, or bound by something weak.
fn own_key_warnings(walk: &mut Walk<'_, '_>, env: &Env<'_>) {
    let used: Vec<_> = walk.seals.iter().map(|seal| seal.sealing.clone()).collect();
    for sealing in used {
        if sealing.by_password {
            walk.warn(
                "password-encrypted: a password opened it, so whoever else knows that could have written it".into(),
            );
        } else if sealing.password && sealing.with.is_none() {
            walk.warn("password-encrypted: a password would open it".into());
        }
        if sealing.weak_cipher {
            let cipher = sealing.cipher.clone().unwrap_or_default();
            walk.warn(format!("weak-cipher: the mail is encrypted with {cipher}, which should no longer be used"));
        }
        let (Some(with), Some(key)) = (&sealing.with, &sealing.with_key) else { continue };
        let Some(cert) = env.keys.own().iter().find(|cert| cert.fingerprint() == *with) else { continue };
        if let Some(warning) = own_key_state(cert, key, env) {
            walk.warn(warning);
        }
    }
}

fn own_key_state(cert: &Cert, key: &openpgp::Fingerprint, env: &Env<'_>) -> Option<String> {
    let valid = match cert.with_policy(&env.policy, env.now) {
        Ok(valid) => valid,
        Err(_) => {
            return Some(format!(
                "weak-own-key: our certificate {:X} is bound by signatures that are too weak today",
                cert.fingerprint()
            ));
        }
    };
    if matches!(valid.revocation_status(), RevocationStatus::Revoked(_)) {
        return Some(format!("revoked-key: our certificate {:X}, which opened it, is revoked", cert.fingerprint()));
    }
    let found = valid.keys().find(|ka| ka.key().fingerprint() == *key);
    let Some(ka) = found else {
        return Some(format!("weak-own-key: the key {key:X} of ours, which opened it, has no valid binding today"));
    };
    if matches!(ka.revocation_status(), RevocationStatus::Revoked(_)) {
        return Some(format!("revoked-key: the key {key:X} of ours, which opened it, is revoked"));
    }
    let expired = valid.alive().is_err() || ka.alive().is_err();
    expired.then(|| format!("expired-key: the key {key:X} of ours, which opened it, has expired"))
}

/// Which From counts. A protected one that differs is believed only if its signer may use it (RFC 9788 section 4.4); otherwise the
/// difference is named.
fn sender(walk: &mut Walk<'_, '_>, outer: &Header, protected: Option<&Protected>) -> Vec<Address> {
    let Some(Protected { cover, header: sealed, whole: true }) = protected else { return outer.from.clone() };
    let (Some(inner), theirs) = (sealed.sender(), outer.sender()) else { return outer.from.clone() };
    if theirs.is_some_and(|theirs| same_address(&theirs.address, &inner.address)) {
        return sealed.from.clone();
    }
    let sigs = cover.groups.iter().filter_map(|group| walk.groups.get(*group)).flatten();
    let mut proven = sigs.filter(|sig| sig.proof == Proof::Valid && !sig.carried);
    if proven.any(|sig| sig.addresses.iter().any(|address| same_address(address, &inner.address))) {
        walk.warn("from-conflict: the From that everybody sees differs from the signed one, which is shown".into());
        return sealed.from.clone();
    }
    walk.warn(format!(
        "from-conflict: inside, the mail says it is from {}, which nothing proves",
        inner.address.chars().filter(|c| !c.is_control()).take(200).collect::<String>()
    ));
    outer.from.clone()
}

struct Case<'a> {
    outer: &'a Header,
    protected: Option<&'a Protected>,
    context: &'a Context,
    from: &'a [Address],
    own: Vec<String>,
    env: &'a Env<'a>,
}

/// The configured addresses, and those that our own certificates carry.
fn own_addresses(env: &Env<'_>, context: &Context) -> Vec<String> {
    let certs = env.keys.own().iter().flat_map(Cert::userids);
    let theirs = certs.filter_map(|uid| uid.userid().email().ok().flatten().map(str::to_owned));
    context.own_addresses.iter().cloned().chain(theirs).collect()
}

fn signature(walk: &mut Walk<'_, '_>, case: &Case<'_>) -> Signature {
    if walk.groups.is_empty() {
        return Signature::none();
    }
    let covers_all = |group: usize| content(walk).all(|piece| piece.cover.groups.contains(&group));
    let groups: Vec<(bool, usize)> = (0..walk.groups.len()).map(|group| (covers_all(group), group)).collect();
    let mut best: Option<(Signature, Vec<String>)> = None;
    for (whole, group) in groups {
        let sealed = content(walk).any(|piece| piece.cover.groups.contains(&group) && piece.cover.seal.is_some());
        for sig in walk.groups.get(group).into_iter().flatten() {
            let (mut judged, warnings) = case.judge(sig, group, sealed);
            if !whole && judged.status != SignatureStatus::Bad {
                judged.reason = Some("it does not cover all that is shown".into());
                judged.status = SignatureStatus::Partial;
            }
            if best.as_ref().is_none_or(|(known, _)| rank(&judged) > rank(known)) {
                best = Some((judged, warnings));
            }
        }
    }
    let Some((signature, warnings)) = best else { return Signature::none() };
    for warning in warnings {
        walk.warn(warning);
    }
    signature
}

/// What proves most comes first; of two of one status, the one that cannot be forged.
fn rank(signature: &Signature) -> (u8, bool) {
    let status = match signature.status {
        SignatureStatus::Good => 5,
        SignatureStatus::Mismatch => 4,
        SignatureStatus::UnknownKey => 3,
        SignatureStatus::Partial => 2,
        SignatureStatus::Bad => 1,
        SignatureStatus::None => 0,
    };
    (status, !signature.weak)
}

impl Case<'_> {
    fn judge(&self, sig: &Sig, group: usize, sealed: bool) -> (Signature, Vec<String>) {
        let mut warnings = sig.warnings.clone();
        let mut judged = Signature {
            status: SignatureStatus::Bad,
            by: sig.by.clone(),
            address: sig.addresses.first().cloned(),
            hash: sig.hash.clone(),
            made_at: sig.made_at,
            carried: false,
            weak: sig.proof == Proof::Weak,
            reason: sig.reason.clone(),
        };
        match sig.proof {
            // A certificate that only came along is believed for nothing, neither good nor bad.
            Proof::Bad if sig.carried && !sig.misfit => {
                judged.status = SignatureStatus::UnknownKey;
                judged.reason = Some(
                    "there is no certificate of ours to check it with, and the one it came with does not fit".into(),
                );
            }
            Proof::Bad if sig.carried => {
                judged.address = None;
                judged.reason = Some("it was made over another text than this one".into());
            }
            Proof::Bad => {}
            Proof::Weak if sig.carried => {
                judged.status = SignatureStatus::UnknownKey;
                judged.carried = true;
            }
            Proof::Weak => judged.status = SignatureStatus::Mismatch,
            Proof::Unknown => judged.status = SignatureStatus::UnknownKey,
            Proof::Valid if sig.carried => {
                judged.status = SignatureStatus::UnknownKey;
                judged.carried = true;
                judged.reason = Some("the certificate that verifies it came with this very mail".into());
                let by = judged.by.clone().unwrap_or_default();
                warnings.push(format!("carried-key: signed by {by}, a certificate that only this mail vouches for"));
            }
            Proof::Valid => self.bind(sig, group, sealed, &mut judged, &mut warnings),
        }
        (judged, warnings)
    }

    /// Good only for the sender, for us, and for this mail.
    fn bind(&self, sig: &Sig, group: usize, sealed: bool, judged: &mut Signature, warnings: &mut Vec<String>) {
        judged.status = SignatureStatus::Mismatch;
        let [from] = self.from else {
            judged.reason = Some(match self.from {
                [] => "there is no From address to compare the signer with".into(),
                _ => "the mail names more than one sender".into(),
            });
            return;
        };
        let Some(address) = sig.addresses.iter().find(|address| same_address(address, &from.address)) else {
            judged.reason = Some("the signer's certificate is not bound to the From address".into());
            warnings.push(format!(
                "signer-mismatch: signed by {}, whose certificate does not carry the From address",
                judged.by.clone().unwrap_or_default()
            ));
            return;
        };
        judged.address = Some(address.clone());
        if sig.weakly_bound {
            let reason = "the signer's certificate is bound to its address only by signatures that are too weak today";
            warnings.push(format!("weak-cert: {reason}; ask for a renewed certificate"));
            judged.reason = Some(reason.into());
        } else if let Some(reason) = self.not_for_us(sig, group, sealed) {
            warnings.push(format!("not-for-us: {reason}"));
            judged.reason = Some(reason);
        } else if let Some(warning) = self.odd_time(sig.made_at) {
            judged.reason = warning.split_once(": ").map(|(_, words)| words.to_owned());
            warnings.push(warning);
        } else {
            judged.status = SignatureStatus::Good;
        }
    }

    /// A signature inside an encryption may have been taken from a message to somebody else and encrypted to us (RFC 9580 section
    /// 13.12): what was signed must name us, as an intended recipient or in a protected To or Cc.
    fn not_for_us(&self, sig: &Sig, group: usize, sealed: bool) -> Option<String> {
        if !sig.intended.is_empty() {
            let ours = self.env.keys.own().iter().any(|cert| sig.intended.contains(&cert.fingerprint()));
            return (!ours).then(|| "the signature names its recipients, and we are not among them".into());
        }
        if !sealed {
            return None;
        }
        let signed = self.protected.filter(|protected| protected.cover.groups.contains(&group));
        let named = signed.is_some_and(|protected| {
            protected.header.recipients().any(|to| self.own.iter().any(|own| same_address(own, &to.address)))
        });
        (!named).then(|| {
            "nothing that was signed says that it was meant for us; somebody else may have passed it on".into()
        })
    }

    fn odd_time(&self, made_at: Option<Timestamp>) -> Option<String> {
        let made_at = made_at?;
        let received = self.context.received_at.or(self.outer.received);
        if received.is_some_and(|received| received.duration_since(made_at) < -AHEAD) {
            return Some("future-signature: it says that it was made after the mail came".into());
        }
        // A sealed date is the sender's; the outer one may be blurred on purpose.
        let sealed = self.protected.and_then(|protected| protected.header.date);
        let came = received.or(sealed).or(self.outer.date)?;
        let before = came.duration_since(made_at);
        (before > OLD).then(|| {
            format!(
                "old-signature: it was made {} hours before the mail came, so it may be a replay",
                before.as_hours()
            )
        })
    }
}
