//! Invented people with keys made on the spot, drafts, and an opener that is not the program's own.

use std::io::Read as _;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use sealpost::message::Address;
use sealpost::pgp::seal::{Recipient, SealError, Sealed, SigningKey, seal};
use sealpost::reply::{Attachment, Draft, Fields};
use sequoia_openpgp as openpgp;

use openpgp::cert::prelude::*;
use openpgp::crypto::SessionKey;
use openpgp::packet::{PKESK, SKESK};
use openpgp::parse::Parse as _;
use openpgp::parse::stream::{DecryptionHelper, DecryptorBuilder, MessageLayer, MessageStructure, VerificationHelper};
use openpgp::policy::StandardPolicy;
use openpgp::types::{AEADAlgorithm, Features, KeyFlags, SymmetricAlgorithm};
use openpgp::{Cert, Fingerprint, KeyHandle};

pub const TEAM: &str = "security@example.org";
pub const FINDER: &str = "finder@example.net";

/// When the tests that need no other program take place.
pub fn now() -> Timestamp {
    "2026-03-02T09:15:00Z".parse().unwrap()
}

pub fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

/// A certificate made a hundred days before [`now`], with what `more` adds to it.
pub fn person(address: &str, more: impl FnOnce(CertBuilder) -> CertBuilder) -> Cert {
    let builder = CertBuilder::new()
        .set_creation_time(SystemTime::from(now()) - days(100))
        .set_features(Features::empty().set_seipdv1())
        .unwrap()
        .add_userid(format!("Test (INSECURE!) <{address}>"));
    more(builder).generate().unwrap().0
}

pub fn can_encrypt(builder: CertBuilder) -> CertBuilder {
    builder.add_signing_subkey().add_subkey(KeyFlags::empty().set_transport_encryption(), None, None)
}

pub fn team() -> Cert {
    person(TEAM, can_encrypt)
}

pub fn finder() -> Cert {
    person(FINDER, can_encrypt)
}

pub fn address(address: &str) -> Address {
    Address { address: address.into(), name: None }
}

pub fn fields(body: &str) -> Fields {
    Fields {
        from: Address { address: TEAM.into(), name: Some("Security Team".into()) },
        to: Address { address: FINDER.into(), name: Some("A. Finder".into()) },
        cc: Vec::new(),
        subject: "Re: Heap overflow in the cookie parser".into(),
        clear_subject: None,
        body: body.into(),
        attachments: Vec::new(),
        in_reply_to: Some("<1@example.net>".into()),
        references: vec!["<0@example.net>".into(), "<1@example.net>".into()],
        message_id: "<mzxw6ytboi@example.org>".into(),
        date: now(),
    }
}

pub fn draft(body: &str) -> Draft {
    Draft::new(fields(body)).unwrap()
}

pub fn file(name: &str, bytes: &[u8]) -> Attachment {
    Attachment::new(name, "text/x-python", bytes.to_vec()).unwrap()
}

/// Seals to the one person the draft goes to.
pub fn seal_to(draft: &Draft, cert: &Cert, own: &Cert, now: Timestamp) -> Result<Sealed, SealError> {
    let mut key = SigningKey::of(own, None, now)?;
    seal(draft, &[Recipient::new(&draft.to().address, cert)], &mut key, now)
}

/// The armored message in a sealed mail, found by the MIME structure alone.
pub fn armored(mail: &[u8]) -> Vec<u8> {
    let parsed = mailparse::parse_mail(mail).unwrap();
    assert_eq!(parsed.ctype.mimetype, "multipart/encrypted");
    assert_eq!(parsed.ctype.params.get("protocol").unwrap(), "application/pgp-encrypted");
    assert_eq!(parsed.subparts.len(), 2);
    assert_eq!(parsed.subparts[0].ctype.mimetype, "application/pgp-encrypted");
    assert_eq!(parsed.subparts[0].get_body_raw().unwrap().trim_ascii(), b"Version: 1");
    assert_eq!(parsed.subparts[1].ctype.mimetype, "application/octet-stream");
    parsed.subparts[1].get_body_raw().unwrap()
}

/// What decrypting gave.
pub struct Opened {
    pub payload: Vec<u8>,
    pub signer: Fingerprint,
    pub signing_key: Fingerprint,
    pub intended: Vec<Fingerprint>,
    pub cipher: SymmetricAlgorithm,
    pub aead: Option<AEADAlgorithm>,
    pub pkesks: Vec<KeyHandle>,
}

/// Decrypts with `reader` and verifies against `writer`, with the library alone.
pub fn open(mail: &[u8], reader: &Cert, writer: &Cert, now: Timestamp) -> Opened {
    let policy = StandardPolicy::new();
    let armored = armored(mail);
    let helper = Helper { reader, writer, found: None, cipher: None, aead: None, pkesks: Vec::new() };
    let mut message =
        DecryptorBuilder::from_bytes(&armored).unwrap().with_policy(&policy, SystemTime::from(now), helper).unwrap();
    let mut payload = Vec::new();
    message.read_to_end(&mut payload).unwrap();
    let helper = message.into_helper();
    let (signer, signing_key, intended) = helper.found.expect("it is signed inside the encryption");
    Opened {
        payload,
        signer,
        signing_key,
        intended,
        cipher: helper.cipher.unwrap(),
        aead: helper.aead,
        pkesks: helper.pkesks,
    }
}

struct Helper<'a> {
    reader: &'a Cert,
    writer: &'a Cert,
    found: Option<(Fingerprint, Fingerprint, Vec<Fingerprint>)>,
    cipher: Option<SymmetricAlgorithm>,
    aead: Option<AEADAlgorithm>,
    pkesks: Vec<KeyHandle>,
}

impl VerificationHelper for Helper<'_> {
    fn get_certs(&mut self, _: &[KeyHandle]) -> openpgp::Result<Vec<Cert>> {
        Ok(vec![self.writer.clone().strip_secret_key_material()])
    }

    fn check(&mut self, structure: MessageStructure) -> openpgp::Result<()> {
        for layer in structure {
            match layer {
                MessageLayer::Encryption { sym_algo, aead_algo } => {
                    self.cipher = Some(sym_algo);
                    self.aead = aead_algo;
                }
                MessageLayer::SignatureGroup { results } => {
                    assert_eq!(results.len(), 1);
                    for result in results {
                        let good = result.map_err(|e| openpgp::anyhow::anyhow!("{e}"))?;
                        let intended = good.sig.intended_recipients().cloned().collect();
                        self.found = Some((good.ka.cert().fingerprint(), good.ka.key().fingerprint(), intended));
                    }
                }
                MessageLayer::Compression { .. } => panic!("it is compressed"),
            }
        }
        Ok(())
    }
}

impl DecryptionHelper for Helper<'_> {
    fn decrypt(
        &mut self,
        pkesks: &[PKESK],
        _: &[SKESK],
        algo: Option<SymmetricAlgorithm>,
        decrypt: &mut dyn FnMut(Option<SymmetricAlgorithm>, &SessionKey) -> bool,
    ) -> openpgp::Result<Option<Cert>> {
        self.pkesks = pkesks.iter().filter_map(|p| p.recipient()).collect();
        for key in self.reader.keys().secret() {
            let mut pair = key.key().clone().into_keypair()?;
            for pkesk in pkesks {
                if pkesk.decrypt(&mut pair, algo).is_some_and(|(algo, session)| decrypt(algo, &session)) {
                    return Ok(Some(self.reader.clone()));
                }
            }
        }
        Err(openpgp::anyhow::anyhow!("no key opens it"))
    }
}

/// The text of the first text part, line ends as LF.
pub fn text_of(payload: &[u8]) -> String {
    let parsed = mailparse::parse_mail(payload).unwrap();
    let part = parsed.subparts.first().unwrap_or(&parsed);
    assert_eq!(part.ctype.mimetype, "text/plain");
    assert_eq!(part.ctype.charset, "utf-8");
    part.get_body().unwrap().replace("\r\n", "\n")
}

/// Every field called `name`, decoded.
pub fn header(mail: &[u8], name: &str) -> Vec<String> {
    use mailparse::MailHeaderMap as _;
    mailparse::parse_mail(mail).unwrap().headers.get_all_values(name)
}
