//! What `key list` and `key import` print.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::{ALARM, FAINT, HEAD, NOTICE, Screen, View, WELL, document, styled};
use crate::safe::{self, Foreign};

/// Our keys and the certificates of others.
#[derive(Serialize)]
pub struct KeyList {
    /// Our TSKs.
    pub own: Vec<KeyView>,
    /// Certificates of others: configured, pinned, candidates.
    pub certificates: Vec<KeyView>,
}

/// A key or a certificate.
#[derive(Clone, Debug, Serialize)]
pub struct KeyView {
    /// Upper-case hexadecimal.
    pub fingerprint: String,
    /// As they stand there.
    pub user_ids: Vec<Foreign>,
    /// The address it was seen with, for a certificate that came with a mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Foreign>,
    /// Where it came from: `own`, `configured`, `autocrypt`, `attached`, `gossip`, `imported`.
    pub source: String,
    /// Addresses that a person pinned it for.
    pub pinned_for: Vec<Foreign>,
    /// When the primary key expires.
    pub expires: Option<Timestamp>,
    /// When the subkey that a sender would encrypt to expires.
    pub encryption_expires: Option<Timestamp>,
    /// Why nothing can be encrypted to it.
    pub unusable: Option<Foreign>,
}

impl View for KeyList {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", styled(HEAD, "Ours"))?;
        if self.own.is_empty() {
            writeln!(out, "  none; sealpost key generate makes one")?;
        }
        for key in &self.own {
            key.lines(screen, out)?;
        }
        if !self.certificates.is_empty() {
            writeln!(out, "\n{}", styled(HEAD, "Others"))?;
        }
        for key in &self.certificates {
            key.lines(screen, out)?;
        }
        Ok(())
    }
}

impl KeyView {
    fn lines(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "  {}", grouped(&self.fingerprint))?;
        for user_id in &self.user_ids {
            writeln!(out, "    {}", safe::short(user_id, screen.width.saturating_sub(4)))?;
        }
        let mut facts = vec![self.source.clone()];
        match (self.encryption_expires, self.expires) {
            (Some(at), _) | (None, Some(at)) => facts.push(format!("expires {}", screen.time(at))),
            (None, None) => {}
        }
        let pinned = match self.pinned_for.as_slice() {
            [] if self.source == "own" => String::new(),
            [] => styled(FAINT, "not pinned"),
            addresses => {
                let addresses: Vec<String> = addresses.iter().map(safe::line).collect();
                styled(WELL, format!("pinned for {}", addresses.join(", ")))
            }
        };
        // An imported certificate came from a file, not with a mail.
        let sender = self.address.as_ref().filter(|_| self.source != "imported");
        let sender = sender.map_or_else(String::new, |a| format!(" with mail from {}", safe::line(a)));
        let facts = format!("    {}{sender}  {pinned}", styled(FAINT, facts.join(", ")));
        writeln!(out, "{}", facts.trim_end())?;
        if let Some(reason) = &self.unusable {
            writeln!(out, "    {}", styled(if self.source == "own" { ALARM } else { NOTICE }, safe::line(reason)))?;
        }
        Ok(())
    }
}

/// A fingerprint in groups of four, as people compare them.
pub fn grouped(fingerprint: &str) -> String {
    let digits: Vec<char> = fingerprint.chars().collect();
    digits.chunks(4).map(|c| c.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
