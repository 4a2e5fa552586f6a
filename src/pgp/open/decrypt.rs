//! One OpenPGP message to its plaintext and what its signatures prove: all of it, or nothing.

use std::io::Read;
use std::panic::AssertUnwindSafe;
use std::time::SystemTime;

use sequoia_openpgp as openpgp;

use openpgp::crypto::SessionKey;
use openpgp::packet::{PKESK, SKESK, Tag};
use openpgp::parse::stream::{
    DecryptionHelper, DecryptorBuilder, MessageLayer, MessageStructure, VerificationHelper, VerifierBuilder,
};
use openpgp::parse::{PacketParser, Parse};
use openpgp::policy::StandardPolicy;
use openpgp::types::SymmetricAlgorithm;
use openpgp::{Cert, Fingerprint, KeyHandle, Packet};
use zeroize::Zeroizing;

use super::blowfish;
use super::cipher;
use super::holder::Holder;
use super::ocb20;
use super::packets::{self, Outline, tag};
use super::password;
use super::unwrap;
use super::verify::{self, Sig};
use crate::pgp::keyring::Keyring;
use crate::secret::Plaintext;

/// The most that one message may decrypt to. It stays below [`BUFFER`], so that the library has verified everything before
/// it gives out the first byte.
pub const MAX_OUTPUT: usize = 20 << 20;
const BUFFER: usize = MAX_OUTPUT + (64 << 10);
/// More than this many times the input is a bomb, beyond the first MiB.
const MAX_RATIO: usize = 1_000;
/// Version, random prefix, the smallest packet and the integrity packet: nothing shorter can be a message.
const MIN_CONTAINER: usize = 1 + 18 + 22;
/// The most signatures that are looked at in one message.
pub const MAX_SIGNATURES: usize = 32;

/// The one text for everything that is refused: a sender who tampers learns nothing from differences.
pub const REFUSED: &str = "it has no valid integrity protection, or was changed on the way; ask the sender to send it again \
                           with an up-to-date OpenPGP program";

/// What reading needs besides the bytes.
pub struct Env<'a> {
    /// Ours and the configured ones.
    pub keys: &'a Keyring,
    /// Who has the secrets of ours.
    pub holder: &'a dyn Holder,
    /// Certificates that came with the mail itself: they prove possession, nothing else.
    pub carried: &'a [Cert],
    /// Judges other people's signatures and certificates.
    pub policy: StandardPolicy<'static>,
    /// The instant to judge at.
    pub now: SystemTime,
}

impl Env<'_> {
    /// The policy for reading: signatures of version 3 are read too, so that they can be named; they are never good.
    pub fn reading_policy(&self) -> StandardPolicy<'static> {
        let mut policy = self.policy.clone();
        policy.accept_packet_tag_version(Tag::Signature, 3);
        policy
    }
}

/// What the outside of an encrypted message says, and what opening it used.
#[derive(Clone, Debug, Default)]
pub struct Sealing {
    /// Named recipients, upper-case hexadecimal.
    pub recipients: Vec<String>,
    /// The symmetric cipher.
    pub cipher: Option<String>,
    /// The AEAD mode.
    pub aead: Option<String>,
    /// `seipd1`, `seipd2`, `ocb20`.
    pub integrity: Option<String>,
    /// The certificate of ours that opened it.
    pub with: Option<Fingerprint>,
    /// The very key.
    pub with_key: Option<Fingerprint>,
    /// A password opens it, too, or nothing else does.
    pub password: bool,
    /// A password did.
    pub by_password: bool,
    /// The cipher has blocks of 64 bits or is otherwise out of use.
    pub weak_cipher: bool,
}

/// A message that was read to its end.
pub struct Reading {
    /// What was inside.
    pub payload: Plaintext,
    /// `None` where it was only signed or compressed.
    pub sealing: Option<Sealing>,
    /// What the signatures in it prove.
    pub sigs: Vec<Sig>,
}

/// Why there is nothing to show.
pub enum Failed {
    /// No key here opens it; what to do.
    Unopened(Sealing, String),
    /// It must not be trusted; [`REFUSED`] is all that is said.
    Refused(Sealing),
    /// A limit was hit.
    Limit(Sealing, &'static str),
    /// It is no OpenPGP message.
    Malformed,
}

/// Reads one message. Should the library panic on something nobody thought of, the mail is set aside and nothing else happens.
pub fn read(data: &[u8], env: &Env<'_>) -> Result<Reading, Failed> {
    std::panic::catch_unwind(AssertUnwindSafe(|| read_message(data, env)))
        .unwrap_or_else(|_| Err(Failed::Limit(Sealing::default(), "the OpenPGP library failed on it")))
}

fn read_message(data: &[u8], env: &Env<'_>) -> Result<Reading, Failed> {
    let outline = packets::outline(data);
    let Some(container) = outline.container.clone() else {
        let sealing = Sealing { recipients: outline.recipients.clone(), ..Sealing::default() };
        return Err(if outline.pkesks + outline.skesks > 0 { Failed::Refused(sealing) } else { Failed::Malformed });
    };
    let password = outline.skesks > 0;
    let mut sealing = Sealing { recipients: outline.recipients.clone(), password, ..Sealing::default() };
    match container.tag {
        tag::SEIPD | tag::OCB | tag::SED => {}
        tag::SIGNATURE | tag::PUBLIC_KEY | tag::SECRET_KEY if outline.pkesks + outline.skesks > 0 => {
            return Err(Failed::Refused(sealing));
        }
        _ => return read_signed(data, env, None),
    }
    if outline.pkesks > unwrap::MAX_PKESKS || outline.skesks > unwrap::MAX_PKESKS {
        return Err(Failed::Limit(sealing, "more than 64 recipients"));
    }
    if container.tag == tag::SED {
        return Err(Failed::Refused(sealing));
    }
    if outline.pkesks == 0 && env.keys.message_password().is_none() {
        let reason = no_key(&sealing);
        return Err(Failed::Unopened(sealing, reason));
    }
    if container.tag == tag::OCB {
        return read_ocb20(data, env, &outline, sealing);
    }
    sealing.integrity = match data.get(container.body.start) {
        Some(1) => Some("seipd1".into()),
        Some(2) => Some("seipd2".into()),
        _ => None,
    };
    // The library panics on a container that ends within its own header.
    if container.cut || container.whole.len() < MIN_CONTAINER {
        return Err(Failed::Refused(sealing));
    }
    read_sealed(data, env, sealing)
}

fn read_sealed(data: &[u8], env: &Env<'_>, sealing: Sealing) -> Result<Reading, Failed> {
    let mut policy = env.reading_policy();
    for cipher in cipher::OPENED {
        policy.accept_symmetric_algo(cipher);
    }
    let (payload, mut state) = buffered(data.len(), |buffer| {
        let mut state = State { sealing: sealing.clone(), ..State::default() };
        let helper = Helper { env, state: &mut state };
        let payload = DecryptorBuilder::from_bytes(data)
            .map(|builder| builder.buffer_size(buffer))
            .and_then(|builder| builder.with_policy(&policy, env.now, helper))
            .and_then(|mut decryptor| {
                let processed = decryptor.message_processed();
                take(&mut decryptor, processed)
            });
        (payload, state)
    });
    let Some(key) = state.blowfish.take() else { return finish(data.len(), payload, state) };
    read_blowfish(data, env, &key, state)
}

/// The library pads Blowfish keys wrongly, so such a container is opened here; what is inside is read like any signed message.
fn read_blowfish(data: &[u8], env: &Env<'_>, key: &SessionKey, mut state: State) -> Result<Reading, Failed> {
    let head = packets::outline(data).container.filter(|head| head.whole.end >= data.len());
    let inner = head.and_then(|head| blowfish::open(&packets::body(data, &head), key));
    let Some(inner) = inner else { return Err(Failed::Refused(state.sealing)) };
    state.sealing.cipher = Some(cipher::name(SymmetricAlgorithm::Blowfish));
    state.sealing.weak_cipher = true;
    read_inner(&inner, env, state.sealing)
}

fn read_inner(inner: &[u8], env: &Env<'_>, sealing: Sealing) -> Result<Reading, Failed> {
    read_signed(inner, env, Some(sealing)).map(|mut reading| {
        verify::check_intended(&mut reading.sigs, reading.sealing.as_ref().and_then(|sealing| sealing.with.as_ref()));
        reading
    })
}

fn finish(input: usize, payload: openpgp::Result<Option<Plaintext>>, state: State) -> Result<Reading, Failed> {
    if let Some(limit) = state.limit {
        return Err(Failed::Limit(state.sealing, limit));
    }
    match payload {
        Ok(Some(payload)) => {
            let size = payload.expose().len();
            if size > 1 << 20 && size / input.max(1) > MAX_RATIO {
                return Err(Failed::Limit(state.sealing, "it grows more than a thousandfold when decompressed"));
            }
            Ok(Reading { payload, sealing: Some(state.sealing), sigs: state.sigs })
        }
        Ok(None) => Err(Failed::Limit(state.sealing, "it decrypts to more than 20 MiB")),
        Err(_) if state.session_key || state.unwrapped_badly => Err(Failed::Refused(state.sealing)),
        Err(_) => {
            let reason = state.why_unopened();
            Err(Failed::Unopened(state.sealing, reason))
        }
    }
}

fn no_key(sealing: &Sealing) -> String {
    if sealing.recipients.is_empty() && sealing.password {
        return password::CLOSED.into();
    }
    if sealing.recipients.iter().all(|id| id.bytes().all(|b| b == b'0')) {
        return "its recipients are hidden and none of our secret keys opens it".into();
    }
    let named: Vec<&str> = sealing.recipients.iter().take(4).map(String::as_str).collect();
    format!("it is encrypted to {}, and there is no such secret key here", named.join(", "))
}

fn locked(key: &Fingerprint) -> String {
    format!("the secret key {key:X} would open it but is locked; configure its passphrase")
}

/// Reads what is not encrypted: compressed, signed, or bare literal data.
pub(super) fn read_signed(data: &[u8], env: &Env<'_>, sealing: Option<Sealing>) -> Result<Reading, Failed> {
    let policy = env.reading_policy();
    let (payload, state) = buffered(data.len(), |buffer| {
        let mut state = State::default();
        let helper = Helper { env, state: &mut state };
        let payload = VerifierBuilder::from_bytes(data)
            .map(|builder| builder.buffer_size(buffer))
            .and_then(|builder| builder.with_policy(&policy, env.now, helper))
            .and_then(|mut verifier| {
                let processed = verifier.message_processed();
                take(&mut verifier, processed)
            });
        (payload, state)
    });
    let outside = sealing.clone().unwrap_or_default();
    let size = payload.as_ref().ok().and_then(Option::as_ref).map_or(0, |payload| payload.expose().len());
    match (state.limit, payload) {
        (Some(limit), _) => Err(Failed::Limit(outside, limit)),
        (None, Ok(None)) => Err(Failed::Limit(outside, "it unpacks to more than 20 MiB")),
        (None, Ok(Some(_))) if size > 1 << 20 && size / data.len().max(1) > MAX_RATIO => {
            Err(Failed::Limit(outside, "it grows more than a thousandfold when decompressed"))
        }
        (None, Ok(Some(payload))) => Ok(Reading { payload, sealing, sigs: state.sigs }),
        (None, Err(_)) if sealing.is_some() => Err(Failed::Refused(outside)),
        (None, Err(_)) => Err(Failed::Malformed),
    }
}

/// Reads with a buffer that is likely to do, and only what outgrows it again with the largest. The library takes the whole of
/// its buffer at once, and wiping 20 MiB after each mail of a few KiB would cost more than reading it.
fn buffered(
    input: usize,
    mut read: impl FnMut(usize) -> (openpgp::Result<Option<Plaintext>>, State),
) -> (openpgp::Result<Option<Plaintext>>, State) {
    let likely = input.saturating_mul(16).clamp(256 << 10, BUFFER);
    let first = read(likely);
    // Nothing was taken of a message that was not verified to its end.
    let outgrown = matches!(first.0, Ok(None)) && first.1.limit.is_none();
    if outgrown && likely < BUFFER { read(BUFFER) } else { first }
}

/// Takes all of a verified message; `None` where it is more than allowed. The buffer is sized before it is filled.
fn take(reader: &mut impl Read, processed: bool) -> openpgp::Result<Option<Plaintext>> {
    if !processed {
        return Ok(None);
    }
    let mut whole = Zeroizing::new(Vec::new());
    let mut block = Zeroizing::new(vec![0_u8; 64 << 10]);
    loop {
        let count = reader.read(&mut block)?;
        if count == 0 {
            break;
        }
        if whole.len() + count > MAX_OUTPUT {
            return Ok(None);
        }
        if whole.capacity() < whole.len() + count {
            let mut larger = Zeroizing::new(Vec::with_capacity((whole.len() * 4).clamp(256 << 10, MAX_OUTPUT)));
            larger.extend_from_slice(&whole);
            whole = larger;
        }
        whole.extend_from_slice(block.get(..count).unwrap_or_default());
    }
    Ok(Some(Plaintext::new(std::mem::take(&mut *whole))))
}

/// GnuPG's own packet: the session keys are unwrapped by the library, the rest is ours.
fn read_ocb20(data: &[u8], env: &Env<'_>, outline: &Outline, mut sealing: Sealing) -> Result<Reading, Failed> {
    let Some(head) = &outline.container else { return Err(Failed::Malformed) };
    let body = packets::body(data, head);
    let Some(start) = ocb20::Start::read(&body) else { return Err(Failed::Refused(sealing)) };
    sealing.integrity = Some("ocb20".into());
    sealing.aead = Some(start.aead.to_string());
    if head.whole.end < data.len() {
        return Err(Failed::Refused(sealing));
    }
    let mut pkesks = Vec::new();
    for one in packets::Packets::new(data).take_while(|other| other.whole.start < head.whole.start) {
        let whole = data.get(one.whole).unwrap_or_default();
        if let (tag::PKESK, Ok(Packet::PKESK(pkesk))) = (one.tag, Packet::from_bytes(whole)) {
            pkesks.push(pkesk);
        }
    }
    let mut state = State { sealing, ..State::default() };
    let mut inner = None;
    let mut open = |_: Option<SymmetricAlgorithm>, key: &SessionKey| {
        inner = start.open(&body, key);
        inner.is_some()
    };
    Helper { env, state: &mut state }.try_keys(&pkesks, Some(start.cipher), &mut open);
    let Some(inner) = inner else {
        return finish(data.len(), Err(openpgp::Error::ManipulatedMessage.into()), state);
    };
    state.sealing.cipher = Some(cipher::name(start.cipher));
    read_inner(&inner, env, state.sealing)
}

#[derive(Default)]
pub(super) struct State {
    pub(super) sealing: Sealing,
    pub(super) sigs: Vec<Sig>,
    seen_signatures: usize,
    containers: usize,
    /// A session key fitted.
    pub(super) session_key: bool,
    /// A key of ours is named, and unlocked, and does not unwrap what is there.
    pub(super) unwrapped_badly: bool,
    /// A key that would do, if it were unlocked.
    pub(super) locked: Option<Fingerprint>,
    /// Why gpg-agent did not use its key, in words.
    pub(super) agent: Option<String>,
    /// A password cannot be tried at a cost that is allowed.
    pub(super) costly_password: bool,
    /// The session key of a container that is ours to open.
    pub(super) blowfish: Option<SessionKey>,
    limit: Option<&'static str>,
}

impl State {
    /// The message is encrypted, and its session key was looked for.
    pub(super) fn is_encrypted(&self) -> bool {
        self.containers > 0
    }

    /// Why no key here fitted, in words.
    pub(super) fn why_unopened(&self) -> String {
        let locked = self.locked.as_ref().map(locked);
        let costly = self.costly_password.then(|| password::COSTLY.to_owned());
        locked.or_else(|| self.agent.clone()).or(costly).unwrap_or_else(|| no_key(&self.sealing))
    }
}

pub(super) struct Helper<'a> {
    pub(super) env: &'a Env<'a>,
    pub(super) state: &'a mut State,
}

impl VerificationHelper for Helper<'_> {
    fn inspect(&mut self, pp: &PacketParser<'_>) -> openpgp::Result<()> {
        let counted = matches!(pp.packet, Packet::Signature(_) | Packet::OnePassSig(_));
        self.state.seen_signatures += usize::from(counted);
        if self.state.seen_signatures > 2 * MAX_SIGNATURES {
            self.state.limit = Some("more than 32 signatures");
            return Err(openpgp::Error::MalformedMessage("too many signatures".into()).into());
        }
        Ok(())
    }

    fn get_certs(&mut self, ids: &[KeyHandle]) -> openpgp::Result<Vec<Cert>> {
        Ok(verify::certs_for(self.env, ids))
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> openpgp::Result<()> {
        for layer in structure {
            match layer {
                MessageLayer::SignatureGroup { results } => {
                    for result in results.into_iter().take(MAX_SIGNATURES) {
                        self.state.sigs.push(verify::judge(result, self.env));
                    }
                }
                MessageLayer::Encryption { sym_algo, aead_algo } => {
                    self.state.sealing.cipher = Some(cipher::name(sym_algo));
                    self.state.sealing.aead = aead_algo.map(|aead| aead.to_string());
                    self.state.sealing.weak_cipher = cipher::is_weak(sym_algo);
                }
                MessageLayer::Compression { .. } => {}
            }
        }
        Ok(())
    }
}

impl DecryptionHelper for Helper<'_> {
    fn decrypt(
        &mut self,
        pkesks: &[PKESK],
        skesks: &[SKESK],
        cipher: Option<SymmetricAlgorithm>,
        decrypt: &mut dyn FnMut(Option<SymmetricAlgorithm>, &SessionKey) -> bool,
    ) -> openpgp::Result<Option<Cert>> {
        self.state.containers += 1;
        if self.state.containers > 1 {
            self.state.limit = Some("encrypted again inside its own encryption");
            return Err(openpgp::Error::MalformedMessage("encrypted twice".into()).into());
        }
        if self.state.sealing.recipients.is_empty() {
            let named = pkesks.iter().take(unwrap::MAX_PKESKS).filter_map(PKESK::recipient);
            self.state.sealing.recipients = named.map(|handle| format!("{handle:X}")).collect();
        }
        match self.try_keys(pkesks, cipher, decrypt) {
            Some(cert) => Ok(Some(cert)),
            None if self.try_password(skesks, decrypt) => Ok(None),
            None => Err(openpgp::Error::MissingSessionKey("none of our keys opens it".into()).into()),
        }
    }
}
