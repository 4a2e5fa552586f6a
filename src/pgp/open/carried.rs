//! Certificates that came with the mail: candidates, believed for nothing until a person pins them.

use sequoia_openpgp as openpgp;

use openpgp::serialize::SerializeInto;
use openpgp::{Cert, KeyHandle};

use super::verify;
use crate::message::body;
use crate::message::fields::Fields;
use crate::message::{armor, same_address};
use crate::pgp::keyring::{CertLimits, parse_certs};
use crate::report::{Candidate, CertSource};

/// How many certificates of one mail are looked at.
const MAX_CERTS: usize = 16;

/// What was found on the way.
#[derive(Default)]
pub struct Collection {
    found: Vec<(CertSource, Option<String>, Cert)>,
    looked_at: usize,
    /// Slugs and words.
    pub warnings: Vec<String>,
}

impl Collection {
    /// A part or a block of text that holds certificates.
    pub fn attached(&mut self, bytes: &[u8]) {
        self.add(CertSource::Attached, None, bytes);
    }

    /// Armored certificates somewhere in a text.
    pub fn in_text(&mut self, text: &[u8]) {
        for block in armor::find(text) {
            if block.kind == armor::Kind::PublicKey {
                self.attached(&block.data);
            }
        }
    }

    /// The Autocrypt field (Autocrypt 1.1 section 2.1): valid only for the From address, and only if there is one.
    pub fn autocrypt(&mut self, fields: &Fields, sender: Option<&str>) {
        let mut offers = fields.all("autocrypt").filter_map(|field| attributes(&field.raw_text()));
        if let (Some((address, key)), None) = (offers.next(), offers.next())
            && sender.is_some_and(|sender| same_address(sender, &address))
        {
            self.add(CertSource::Autocrypt, Some(address), &key);
        }
    }

    /// Autocrypt-Gossip fields: about other recipients, only from inside the seal.
    pub fn gossip(&mut self, fields: &Fields) {
        for field in fields.all("autocrypt-gossip").take(MAX_CERTS) {
            if let Some((address, key)) = attributes(&field.raw_text()) {
                self.add(CertSource::Gossip, Some(address), &key);
            }
        }
    }

    fn add(&mut self, source: CertSource, address: Option<String>, bytes: &[u8]) {
        if self.looked_at >= MAX_CERTS {
            return;
        }
        self.looked_at += 1;
        let (certs, problems) = parse_certs(bytes, CertLimits::STRANGER);
        for problem in problems.into_iter().take(1) {
            let words: String = problem.chars().filter(|c| !c.is_control()).take(200).collect();
            self.warnings.push(format!("unusable-cert: a certificate that came with the mail cannot be used: {words}"));
        }
        for cert in certs.into_iter().take(MAX_CERTS.saturating_sub(self.found.len())) {
            if cert.is_tsk() {
                let warning = "secret-key-attached: somebody's secret key came with the mail; it was not imported";
                self.warnings.push(warning.into());
                continue;
            }
            self.found.push((source, address.clone(), cert));
        }
    }

    /// The certificates that may show who holds the key that signed. Gossip is about others.
    pub fn certs(&self) -> Vec<Cert> {
        let own = self.found.iter().filter(|(source, ..)| *source != CertSource::Gossip);
        own.map(|(_, _, cert)| cert.clone()).collect()
    }

    /// True where one of these certificates has the key.
    pub fn has_key(&self, handle: &KeyHandle) -> bool {
        self.found.iter().any(|(source, _, cert)| {
            *source != CertSource::Gossip && cert.keys().key_handle(handle.clone()).next().is_some()
        })
    }

    /// The candidates, each stripped to the User IDs of the address that it is offered for.
    pub fn candidates(self, sender: Option<&str>) -> Vec<Candidate> {
        let mut list: Vec<Candidate> = Vec::new();
        for (source, address, cert) in self.found {
            let fingerprint = format!("{:X}", cert.fingerprint());
            if list.iter().any(|known| known.fingerprint == fingerprint) {
                continue;
            }
            let addresses: Vec<String> =
                cert.userids().filter_map(|uid| verify::single_address(uid.userid())).collect();
            let address = address.or_else(|| {
                let sender = sender?;
                addresses.iter().find(|address| same_address(address, sender)).cloned()
            });
            let address = address.or_else(|| addresses.first().cloned());
            let kept = cert
                .retain_user_attributes(|_| false)
                .retain_userids(|uid| match (&address, verify::single_address(uid.userid())) {
                    (Some(wanted), Some(found)) => same_address(wanted, &found),
                    _ => false,
                })
                .strip_secret_key_material();
            if let Ok(cert) = kept.to_vec() {
                list.push(Candidate { source, address, fingerprint, cert });
            }
        }
        list
    }
}

/// The address and the key of an Autocrypt field. An unknown attribute whose name does not begin with an underscore makes it
/// invalid (section 2.1).
fn attributes(value: &str) -> Option<(String, Vec<u8>)> {
    let (mut address, mut key) = (None, None);
    for piece in value.split(';') {
        let (name, value) = piece.split_once('=')?;
        match name.trim().to_ascii_lowercase().as_str() {
            "addr" => address = Some(value.trim().to_owned()),
            "keydata" => key = Some(body::base64(value.replace(' ', "").as_bytes())),
            "prefer-encrypt" | "type" => {}
            other if other.starts_with('_') => {}
            _ => return None,
        }
    }
    address.zip(key).filter(|(_, key)| !key.is_empty())
}
