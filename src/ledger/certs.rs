//! Certificates that came with mails or were imported, and which of them a person pinned to an address.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::rows::{RowDigest, instant};
use super::{Ledger, NewEvent, Result, Stamp};
use crate::case::What;
use crate::report::CertSource;

/// The source of a certificate that a person imported.
const IMPORTED: &str = "imported";

/// A stored certificate: a candidate, believed for nothing until a person pins it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCert {
    /// Upper-case hexadecimal.
    pub fingerprint: String,
    /// The address it was offered for, lower case; empty where none was named.
    pub address: String,
    /// Where it was in a mail; `None` where a person imported it.
    pub source: Option<CertSource>,
    /// Binary.
    pub bytes: Vec<u8>,
    /// When it was first seen, in this version and from this source.
    pub first_seen: Timestamp,
}

impl Ledger {
    /// Stores a certificate that a person imports. One that is here already, to the byte, is left as it is.
    pub fn import_cert(&mut self, fingerprint: &str, address: &str, bytes: &[u8], stamp: &Stamp<'_>) -> Result<()> {
        self.batch(|ledger| {
            let sha256: [u8; 32] = Sha256::digest(bytes).into();
            if ledger.has_cert(fingerprint, address, IMPORTED, &sha256)? {
                return Ok(());
            }
            let text = format!("certificate {fingerprint} imported");
            let new = NewEvent { report: None, message: None, what: What::Noticed { text } };
            let evidence = cert_digest(fingerprint, &address.trim().to_ascii_lowercase(), IMPORTED, &sha256);
            let event = ledger.push(&new, &evidence, stamp)?;
            ledger.insert_cert(fingerprint, address, IMPORTED, bytes, event)
        })
    }

    /// Every version of the certificates offered for an address, oldest first. Who uses them merges them, so that a
    /// revocation that came later is not lost.
    pub fn certs_for(&self, address: &str) -> Result<Vec<StoredCert>> {
        let address = address.trim().to_ascii_lowercase();
        self.certs_where("WHERE c.address = ?1 AND c.address <> '' ORDER BY c.id", &[&address])
    }

    /// Every version of one certificate, oldest first.
    pub fn certs_called(&self, fingerprint: &str) -> Result<Vec<StoredCert>> {
        self.certs_where("WHERE c.fingerprint = ?1 ORDER BY c.id", &[&fingerprint])
    }

    /// Every stored certificate, in every version, oldest first.
    pub fn certs(&self) -> Result<Vec<StoredCert>> {
        self.certs_where("ORDER BY c.id", &[])
    }

    /// The fingerprint pinned for an address.
    pub fn pin(&self, address: &str) -> Result<Option<String>> {
        let address = address.trim().to_ascii_lowercase();
        let mut statement = self.conn.prepare_cached("SELECT fingerprint FROM pin WHERE address = ?1")?;
        Ok(statement.query_row([address], |row| row.get(0)).optional()?)
    }

    /// Every pin: address (lower case) and fingerprint, ordered by address.
    pub fn pins(&self) -> Result<Vec<(String, String)>> {
        let mut statement = self.conn.prepare_cached("SELECT address, fingerprint FROM pin ORDER BY address")?;
        let pins = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(pins.collect::<rusqlite::Result<_>>()?)
    }

    /// Adds a version of a certificate, unless it is here to the byte.
    pub(super) fn insert_cert(
        &self,
        fingerprint: &str,
        address: &str,
        source: &str,
        bytes: &[u8],
        event: i64,
    ) -> Result<()> {
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        if self.has_cert(fingerprint, address, source, &sha256)? {
            return Ok(());
        }
        self.conn
            .prepare_cached(
                "INSERT INTO cert (fingerprint, address, source, bytes, sha256, event) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![fingerprint, address.trim().to_ascii_lowercase(), source, bytes, sha256, event])?;
        Ok(())
    }

    fn has_cert(&self, fingerprint: &str, address: &str, source: &str, sha256: &[u8; 32]) -> Result<bool> {
        let address = address.trim().to_ascii_lowercase();
        Ok(self
            .conn
            .prepare_cached(
                "SELECT 1 FROM cert WHERE fingerprint = ?1 AND address = ?2 AND source = ?3 AND sha256 = ?4",
            )?
            .exists(params![fingerprint, address, source, sha256])?)
    }

    fn certs_where(&self, rest: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<StoredCert>> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT c.fingerprint, c.address, c.source, c.bytes, e.at FROM cert c JOIN event e ON e.id = c.event {rest}"
        ))?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(StoredCert {
                fingerprint: row.get(0)?,
                address: row.get(1)?,
                source: source_from(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?),
                bytes: row.get(3)?,
                first_seen: instant(row.get(4)?)?,
            });
        }
        Ok(found)
    }
}

/// The name of a source in the ledger.
pub(super) fn source_name(source: CertSource) -> &'static str {
    match source {
        CertSource::Autocrypt => "autocrypt",
        CertSource::Attached => "attached",
        CertSource::Gossip => "gossip",
    }
}

/// What the event of an import vouches for.
pub(super) fn cert_digest(fingerprint: &str, address: &str, source: &str, sha256: &[u8]) -> [u8; 32] {
    RowDigest::new("sealpost cert 1").text(fingerprint).text(address).text(source).bytes(sha256).done()
}

fn source_from(name: &str) -> Option<CertSource> {
    [CertSource::Autocrypt, CertSource::Attached, CertSource::Gossip].into_iter().find(|s| source_name(*s) == name)
}
