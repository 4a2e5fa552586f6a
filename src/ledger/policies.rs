//! The published policy has versions: a report is judged by the one in force when it arrived.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use rusqlite::params;
use sha2::{Digest, Sha256};

use super::rows::{RowDigest, from_json, instant, json, micros};
use super::{Ledger, NewEvent, Result, Stamp};
use crate::case::What;
use crate::clock::policy::ResponsePolicy;

/// A version of the published policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptedPolicy {
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// The file's name, for people.
    pub file: String,
    /// The file as it was.
    pub text: Vec<u8>,
    /// What it was read to commit to, when it was adopted.
    pub policy: ResponsePolicy,
    /// Since when it is in force.
    pub adopted_at: Timestamp,
}

impl Ledger {
    /// Adopts a policy from now on. Gives false, and records nothing, where the newest version is this very file, read
    /// the same way.
    pub fn adopt_policy(
        &mut self,
        file: &str,
        text: &[u8],
        policy: &ResponsePolicy,
        stamp: &Stamp<'_>,
    ) -> Result<bool> {
        let sha256 = HEXLOWER.encode(&Sha256::digest(text));
        let newest = self.policies_where("ORDER BY e.at DESC, d.name DESC, e.number DESC LIMIT 1", &[])?.pop();
        if newest.is_some_and(|newest| newest.sha256 == sha256 && newest.policy == *policy) {
            return Ok(false);
        }
        let parsed = json(policy)?;
        self.batch(|ledger| {
            let what = What::PolicyAdopted { sha256: sha256.clone(), file: file.into() };
            let evidence = policy_digest(&sha256, file, &parsed);
            let event = ledger.push(&NewEvent { report: None, message: None, what }, &evidence, stamp)?;
            ledger.conn.execute(
                "INSERT INTO policy (sha256, file, text, parsed, event) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![sha256, file, text, parsed, event],
            )?;
            Ok(true)
        })
    }

    /// The policy in force at an instant. Before the first was adopted, the first counts: a mail that arrived the day
    /// before sealpost was set up is owed what the project had published. `None` where none was ever adopted.
    pub fn policy_in_force(&self, at: Timestamp) -> Result<Option<AdoptedPolicy>> {
        let latest = "WHERE e.at <= ?1 ORDER BY e.at DESC, d.name DESC, e.number DESC LIMIT 1";
        match self.policies_where(latest, &[&micros(at)])?.pop() {
            Some(policy) => Ok(Some(policy)),
            None => Ok(self.policies_where("ORDER BY e.at, d.name, e.number LIMIT 1", &[])?.pop()),
        }
    }

    /// Every version, oldest first.
    pub fn policies(&self) -> Result<Vec<AdoptedPolicy>> {
        self.policies_where("ORDER BY e.at, d.name, e.number", &[])
    }

    fn policies_where(&self, rest: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<AdoptedPolicy>> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT p.sha256, p.file, p.text, p.parsed, e.at
             FROM policy p JOIN event e ON e.id = p.event JOIN device d ON d.id = e.device {rest}"
        ))?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(AdoptedPolicy {
                sha256: row.get(0)?,
                file: row.get(1)?,
                text: row.get(2)?,
                policy: from_json(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?, "a policy")?,
                adopted_at: instant(row.get(4)?)?,
            });
        }
        Ok(found)
    }
}

/// What a `policy_adopted` event vouches for; the text by its SHA-256.
pub(super) fn policy_digest(sha256: &str, file: &str, parsed: &str) -> [u8; 32] {
    RowDigest::new("sealpost policy 1").text(sha256).text(file).text(parsed).done()
}
