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

impl AdoptedPolicy {
    /// Of all versions, oldest first, the one in force at an instant. Before the first was adopted, the first counts.
    pub fn in_force(versions: &[AdoptedPolicy], at: Timestamp) -> Option<&AdoptedPolicy> {
        let after = versions.partition_point(|version| version.adopted_at <= at);
        versions.get(after.saturating_sub(1))
    }
}

impl Ledger {
    /// Adopts a policy from now on, and gives since when it is in force. Gives `None`, and records nothing, where the
    /// version in force is this very file, read the same way.
    ///
    /// What has arrived keeps the policy it had, whatever the clock says: a version that a wrong clock, or `--now`, dates
    /// before a mail that is here already is in force from the second after it.
    pub fn adopt_policy(
        &mut self,
        file: &str,
        text: &[u8],
        policy: &ResponsePolicy,
        stamp: &Stamp<'_>,
    ) -> Result<Option<Timestamp>> {
        let sha256 = HEXLOWER.encode(&Sha256::digest(text));
        if self.policy_in_force(stamp.at)?.is_some_and(|held| held.sha256 == sha256 && held.policy == *policy) {
            return Ok(None);
        }
        let since = self.earliest_version()?.map_or(stamp.at, |earliest| stamp.at.max(earliest));
        let stamp = &Stamp { at: since, ..*stamp };
        let parsed = json(policy)?;
        self.batch(|ledger| {
            let what = What::PolicyAdopted { sha256: sha256.clone(), file: file.into() };
            let evidence = policy_digest(&sha256, file, &parsed);
            let event = ledger.push(&NewEvent { report: None, message: None, what }, &evidence, stamp)?;
            ledger.conn.execute(
                "INSERT INTO policy (sha256, file, text, parsed, event) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![sha256, file, text, parsed, event],
            )?;
            Ok(Some(since))
        })
    }

    /// No version to come may be dated before this: the second after the latest mail, and the first version, which counts
    /// for all that came before it.
    fn earliest_version(&self) -> Result<Option<Timestamp>> {
        let earliest = "SELECT max(at) FROM (SELECT max(received_at) + 1000000 AS at FROM message
             UNION ALL SELECT min(e.at) FROM policy p JOIN event e ON e.id = p.event)";
        let at: Option<i64> = self.conn.query_row(earliest, [], |row| row.get(0))?;
        at.map(instant).transpose()
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
