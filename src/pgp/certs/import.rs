//! Reading strangers' certificates under limits.
//!
//! The library sorts a certificate's parts and checks every binding when a certificate is put together, at a cost that
//! grows with the square of what a stranger put in. So packets are counted one by one first, third parties' signatures
//! are dropped on the way (some certificates carry many thousands), and only what is left becomes a `Cert`.

use sequoia_openpgp as openpgp;

use openpgp::packet::{Signature, Tag};
use openpgp::parse::{PacketParserBuilder, PacketParserResult, Parse as _};
use openpgp::serialize::MarshalInto as _;
use openpgp::types::SignatureType;
use openpgp::{Cert, KeyHandle, Packet};

/// The most bytes that one import may have.
pub const MAX_INPUT_BYTES: usize = 4 * 1024 * 1024;
/// The most certificates in one import.
pub const MAX_CERTS: usize = 500;
/// The most bytes of one certificate, third parties' signatures aside.
pub const MAX_CERT_BYTES: usize = 256 * 1024;
/// The most packets of one certificate, third parties' signatures aside.
pub const MAX_PACKETS: usize = 512;
/// The most User IDs of one certificate.
pub const MAX_USER_IDS: usize = 64;
/// The most subkeys of one certificate.
pub const MAX_SUBKEYS: usize = 64;
/// The most bytes of one key packet. It is hashed into each signature that is checked.
const MAX_KEY_BYTES: usize = 8 * 1024;
/// The most bytes of one User ID, as in GnuPG.
const MAX_USER_ID_BYTES: usize = 2 * 1024;
/// The most packets read at all, dropped ones included.
const MAX_READ_PACKETS: usize = 50_000;

/// Why a certificate cannot be taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertError {
    /// Nothing in it is a certificate.
    #[error("there is no OpenPGP certificate in it")]
    None,
    /// A limit was passed.
    #[error("it has more than {limit} {what}")]
    TooMuch {
        /// The limit.
        limit: usize,
        /// Of what.
        what: &'static str,
    },
    /// It holds secret keys: a mistake of its owner's, and nothing for us to keep.
    #[error(
        "it holds secret keys, which are never imported; ask its owner for the certificate alone, and for a new key"
    )]
    Secret,
    /// The update is of another certificate.
    #[error("it is another certificate, not a newer copy of this one")]
    Another,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Malformed(String),
    /// The OpenPGP library failed.
    #[error("the OpenPGP library refused it: {0}")]
    Library(String),
}

impl CertError {
    pub(super) fn library(error: openpgp::anyhow::Error) -> CertError {
        CertError::Library(super::in_short(&error))
    }
}

/// What an import gave.
#[derive(Debug, Default)]
pub struct Imported {
    /// The certificates, without third parties' signatures and pictures.
    pub certs: Vec<Cert>,
    /// What was not taken, and why.
    pub refused: Vec<CertError>,
}

/// Reads one or many certificates, armored or binary. An error means that nothing was found; of several certificates the
/// good ones are taken and the others listed.
pub fn import(bytes: &[u8]) -> Result<Imported, CertError> {
    if bytes.len() > MAX_INPUT_BYTES {
        return Err(CertError::TooMuch { limit: MAX_INPUT_BYTES, what: "bytes" });
    }
    let mut found = Imported::default();
    for block in blocks(bytes) {
        read_block(block, &mut found);
    }
    if found.certs.is_empty() {
        return Err(found.refused.into_iter().next().unwrap_or(CertError::None));
    }
    Ok(found)
}

/// True where a certificate is small enough to be kept.
pub(super) fn within_limits(cert: &Cert) -> bool {
    cert.userids().count() <= MAX_USER_IDS
        && cert.keys().subkeys().count() <= MAX_SUBKEYS
        && cert.clone().into_packets().count() <= MAX_PACKETS
        && cert.serialized_len() <= MAX_CERT_BYTES
}

/// The armored blocks of a text, each from its first line to the next one's; binary data as it is.
fn blocks(bytes: &[u8]) -> Vec<&[u8]> {
    const BEGIN: &[u8] = b"-----BEGIN PGP";
    let mut starts = Vec::new();
    let mut line_start = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        if line.trim_ascii_start().starts_with(BEGIN) && starts.len() < MAX_CERTS {
            starts.push(line_start);
        }
        line_start += line.len();
    }
    if starts.is_empty() {
        return vec![bytes];
    }
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    starts.iter().zip(ends).filter_map(|(start, end)| bytes.get(*start..end)).collect()
}

/// One certificate while its packets come in.
#[derive(Default)]
struct Growing {
    packets: Vec<Packet>,
    issuer: Option<KeyHandle>,
    bytes: usize,
    user_ids: usize,
    subkeys: usize,
    /// The signatures that follow belong to a part that was dropped.
    skipping: bool,
    refused: Option<CertError>,
}

fn read_block(bytes: &[u8], found: &mut Imported) {
    let mut growing: Option<Growing> = None;
    let outcome = each_packet(bytes, |packet| {
        if matches!(packet.tag(), Tag::PublicKey | Tag::SecretKey) {
            finish(growing.take(), found);
            if found.certs.len() + found.refused.len() >= MAX_CERTS {
                return Err(CertError::TooMuch { limit: MAX_CERTS, what: "certificates" });
            }
            growing = Some(Growing::default());
        }
        if let Some(growing) = &mut growing {
            growing.take(packet);
        }
        Ok(())
    });
    finish(growing, found);
    if let Err(error) = outcome {
        found.refused.push(error);
    }
}

fn each_packet(bytes: &[u8], mut take: impl FnMut(Packet) -> Result<(), CertError>) -> Result<(), CertError> {
    let malformed = |e: openpgp::anyhow::Error| CertError::Malformed(super::in_short(&e));
    let mut rest = PacketParserBuilder::from_bytes(bytes)
        .map_err(malformed)?
        .max_packet_size(MAX_CERT_BYTES as u32)
        .build()
        .map_err(malformed)?;
    let mut count = 0_usize;
    while let PacketParserResult::Some(parser) = rest {
        // Messages are not read on: even to skip one, the library would unpack it.
        if !belongs_to_certificates(parser.packet.tag()) {
            return Err(CertError::None);
        }
        count = count.saturating_add(1);
        if count > MAX_READ_PACKETS {
            return Err(CertError::TooMuch { limit: MAX_READ_PACKETS, what: "packets" });
        }
        let (packet, next) = parser.next().map_err(malformed)?;
        take(packet)?;
        rest = next;
    }
    Ok(())
}

fn belongs_to_certificates(tag: Tag) -> bool {
    !matches!(
        tag,
        Tag::PKESK
            | Tag::SKESK
            | Tag::OnePassSig
            | Tag::CompressedData
            | Tag::SED
            | Tag::SEIP
            | Tag::AED
            | Tag::Literal
            | Tag::MDC
    )
}

fn finish(growing: Option<Growing>, found: &mut Imported) {
    let Some(growing) = growing else { return };
    if let Some(refused) = growing.refused {
        found.refused.push(refused);
        return;
    }
    match Cert::from_packets(growing.packets.into_iter()) {
        Ok(cert) => found.certs.push(cert),
        Err(error) => found.refused.push(CertError::Malformed(super::in_short(&error))),
    }
}

impl Growing {
    fn take(&mut self, packet: Packet) {
        if self.refused.is_some() {
            return;
        }
        match self.judge(&packet) {
            Ok(true) => self.packets.push(packet),
            Ok(false) => {}
            Err(error) => {
                self.refused = Some(error);
                self.packets = Vec::new();
            }
        }
    }

    /// Whether the packet is kept.
    fn judge(&mut self, packet: &Packet) -> Result<bool, CertError> {
        let size = packet.serialized_len();
        let kept = match packet {
            Packet::SecretKey(_) | Packet::SecretSubkey(_) => return Err(CertError::Secret),
            Packet::PublicKey(key) => {
                limit(size, MAX_KEY_BYTES, "bytes in one key")?;
                self.issuer = Some(key.key_handle());
                true
            }
            Packet::PublicSubkey(_) => {
                limit(size, MAX_KEY_BYTES, "bytes in one key")?;
                limit(self.subkeys.saturating_add(1), MAX_SUBKEYS, "subkeys")?;
                self.subkeys += 1;
                true
            }
            Packet::UserID(_) => {
                limit(size, MAX_USER_ID_BYTES, "bytes in one User ID")?;
                limit(self.user_ids.saturating_add(1), MAX_USER_IDS, "User IDs")?;
                self.user_ids += 1;
                true
            }
            Packet::Signature(signature) => !self.skipping && self.is_ours(signature),
            // Pictures, trust packets and what is unknown: not needed, and not kept.
            _ => false,
        };
        if !matches!(packet, Packet::Signature(_)) {
            self.skipping = !kept;
        }
        if kept {
            self.bytes = self.bytes.saturating_add(size);
            limit(self.bytes, MAX_CERT_BYTES, "bytes")?;
            limit(self.packets.len().saturating_add(1), MAX_PACKETS, "packets")?;
        }
        Ok(kept)
    }

    /// Signatures by the certificate itself, those that name no issuer, and every revocation: a designated revoker is a
    /// third party too.
    fn is_ours(&self, signature: &Signature) -> bool {
        use SignatureType::{CertificationRevocation, KeyRevocation, SubkeyRevocation};
        if matches!(signature.typ(), KeyRevocation | SubkeyRevocation | CertificationRevocation) {
            return true;
        }
        let issuers = signature.get_issuers();
        issuers.is_empty() || self.issuer.as_ref().is_some_and(|own| issuers.iter().any(|i| i.aliases(own)))
    }
}

fn limit(value: usize, limit: usize, what: &'static str) -> Result<(), CertError> {
    if value > limit { Err(CertError::TooMuch { limit, what }) } else { Ok(()) }
}
