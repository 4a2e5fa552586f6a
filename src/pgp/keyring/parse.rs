//! Certificates out of bytes, at a cost that is known before the library looks at them.

use sequoia_openpgp as openpgp;

use openpgp::parse::Parse;
use openpgp::{Cert, KeyHandle, Packet};

use crate::message::armor::{self, Kind};
use crate::pgp::open::packets::{Packets, tag};

/// What one certificate may cost. Canonicalising unbound User IDs takes quadratic time in the library, so packets are
/// counted first.
#[derive(Clone, Copy, Debug)]
pub struct CertLimits {
    /// Bytes in all.
    pub bytes: usize,
    /// Packets in all.
    pub packets: usize,
    /// User IDs and user attributes.
    pub user_ids: usize,
    /// Subkeys.
    pub subkeys: usize,
}

impl CertLimits {
    /// For what strangers send.
    pub const STRANGER: CertLimits = CertLimits { bytes: 256 * 1024, packets: 512, user_ids: 64, subkeys: 64 };
    /// For what the owner configured: old certificates gather thousands of certifications.
    pub const CONFIGURED: CertLimits = CertLimits { bytes: 8 << 20, packets: 40_000, user_ids: 128, subkeys: 128 };
}

/// Certificates from armored or binary bytes, each counted before it is canonicalised; the second list says what was left out.
pub fn parse_certs(bytes: &[u8], limits: CertLimits) -> (Vec<Cert>, Vec<String>) {
    let (mut certs, mut problems) = (Vec::new(), Vec::new());
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        parse_binary(bytes, limits, &mut certs, &mut problems);
    } else {
        for block in armor::find(bytes) {
            if matches!(block.kind, Kind::PublicKey | Kind::PrivateKey | Kind::Message) {
                parse_binary(&block.data, limits, &mut certs, &mut problems);
            }
        }
    }
    (certs, problems)
}

fn parse_binary(bytes: &[u8], limits: CertLimits, certs: &mut Vec<Cert>, problems: &mut Vec<String>) {
    let mut start = None;
    let mut end = 0;
    for head in Packets::new(bytes) {
        if matches!(head.tag, tag::PUBLIC_KEY | tag::SECRET_KEY) {
            if let Some(start) = start.replace(head.whole.start) {
                parse_one(bytes.get(start..head.whole.start).unwrap_or_default(), limits, certs, problems);
            }
        }
        end = head.whole.end;
    }
    if let Some(start) = start {
        parse_one(bytes.get(start..end).unwrap_or_default(), limits, certs, problems);
    }
}

fn parse_one(bytes: &[u8], limits: CertLimits, certs: &mut Vec<Cert>, problems: &mut Vec<String>) {
    let stripped;
    let mut bytes = bytes;
    if !Count::of(bytes).fits(limits) && Count::of(bytes).fits(CertLimits::CONFIGURED) {
        stripped = without_certifications(bytes);
        bytes = &stripped;
    }
    let count = Count::of(bytes);
    if !count.fits(limits) {
        let Count { packets, user_ids, subkeys, .. } = count;
        problems.push(format!(
            "a certificate of {packets} packets, {user_ids} user IDs and {subkeys} subkeys is more than is looked at"
        ));
        return;
    }
    match Cert::from_bytes(bytes) {
        Ok(cert) => certs.push(cert),
        Err(error) => problems.push(error.to_string()),
    }
}

struct Count {
    bytes: usize,
    packets: usize,
    user_ids: usize,
    subkeys: usize,
}

impl Count {
    fn of(bytes: &[u8]) -> Count {
        let mut count = Count { bytes: bytes.len(), packets: 0, user_ids: 0, subkeys: 0 };
        for head in Packets::new(bytes) {
            count.packets += 1;
            match head.tag {
                tag::USER_ID | tag::USER_ATTRIBUTE => count.user_ids += 1,
                tag::PUBLIC_SUBKEY | tag::SECRET_SUBKEY => count.subkeys += 1,
                _ => {}
            }
        }
        count
    }

    fn fits(&self, limits: CertLimits) -> bool {
        self.bytes <= limits.bytes
            && self.packets <= limits.packets
            && self.user_ids <= limits.user_ids
            && self.subkeys <= limits.subkeys
    }
}

/// Drops signatures by others than the certificate's own key: whoever floods a certificate with them must not make it unusable.
fn without_certifications(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut primary = None;
    for head in Packets::new(bytes) {
        let packet = bytes.get(head.whole.clone()).unwrap_or_default();
        let parsed =
            matches!(head.tag, tag::SIGNATURE | tag::PUBLIC_KEY | tag::SECRET_KEY).then(|| Packet::from_bytes(packet));
        match parsed {
            Some(Ok(Packet::PublicKey(key))) => primary = Some(KeyHandle::from(key.fingerprint())),
            Some(Ok(Packet::SecretKey(key))) => primary = Some(KeyHandle::from(key.fingerprint())),
            Some(Ok(Packet::Signature(sig))) => {
                let own =
                    primary.as_ref().is_some_and(|own| sig.get_issuers().iter().any(|issuer| issuer.aliases(own)));
                if !own {
                    continue;
                }
            }
            _ => {}
        }
        out.extend_from_slice(packet);
    }
    out
}
