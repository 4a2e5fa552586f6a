//! Mail addresses as channels: which of those a document names are for reports.

use super::super::blocks::Form;
use super::super::fingerprint;
use super::super::sense::Sense;
use super::address::is_domain;
use super::{Channel, Place};

impl Place<'_> {
    /// An address is a channel unless it is for something else.
    pub(super) fn address(&self, address: &str, offset: usize, at: usize, channels: &mut Vec<Channel>) {
        let Some((local, domain)) = address.split_once('@') else { return };
        if !is_domain(domain) || local.is_empty() || self.refused(local, domain, offset) {
            return;
        }
        channels.push(Channel { at, name: address.to_owned() });
    }

    /// The address beside a fingerprint in a table: whose key it is. Where the document names no other, it is a channel.
    fn key_owner(&self) -> bool {
        let Some(place) = self.block.place.filter(|_| self.whole.addressed) else { return false };
        let near = self.index.saturating_sub(place.column)..self.index + 8;
        self.document.blocks.get(near.start..near.end.min(self.document.blocks.len())).unwrap_or_default().iter().any(
            |b| {
                b.place.is_some_and(|p| (p.table, p.row) == (place.table, place.row))
                    && fingerprint::stands_in(&b.prose.text)
            },
        )
    }

    /// Lists for announcements and distributors, conduct and press, machines.
    fn refused(&self, local: &str, domain: &str, offset: usize) -> bool {
        let local = local.to_ascii_lowercase();
        named_otherwise(&local, domain)
            || self.under_any(&THANKS)
            || self.is_about_the_policy(offset)
            || self.key_owner()
            || self.lead_has(&["agreed", "agreement", "agreements"])
            || self.said_otherwise(&local, offset)
    }

    /// Where to send opinions of the policy, and questions on the scope of a bounty.
    fn is_about_the_policy(&self, offset: usize) -> bool {
        let (_, said) = self.sentence(offset);
        self.under_any(&["comments", "feedback", "suggestions"])
            || self.under("scope") && !said.any(&[Sense::Vulnerability, Sense::Report])
            || self.sentence_has(offset, &["suggestions", "comments"])
                && self.sentence_has(offset, &["policy", "process", "document"])
    }

    /// The sentence, or what stands over it, speaks of partners, announcements, conduct.
    fn said_otherwise(&self, local: &str, offset: usize) -> bool {
        let (_, said) = self.sentence(offset);
        // Lists are joined and embargoes broken there; reports go elsewhere in the document.
        if FOR_REPORTS.iter().any(|n| local.contains(n)) {
            return self.under_any(&["embargo", "join", "joining", "membership"])
                || said.has(Sense::Partner) && self.sentence_has(offset, &["membership", "join", "apply"]);
        }
        if said.has(Sense::Postmortem) {
            return true;
        }
        let partners =
            said.has(Sense::Partner) || self.lead().has(Sense::Partner) && self.block.form != Form::Paragraph;
        let over = self.document.headings(self.index).next().unwrap_or_default();
        let reports = said.has(Sense::Vulnerability) && !said.any(&[Sense::Elsewhere, Sense::Announce]);
        partners
            || !reports
                && (said.any(&[Sense::Announce, Sense::Elsewhere]) || over.any(&[Sense::Elsewhere, Sense::Partner]))
    }

    pub(super) fn under_any(&self, words: &[&str]) -> bool {
        words.iter().any(|w| self.under(w))
    }
}

/// Whether the name of an address says that it is for something else.
fn named_otherwise(local: &str, domain: &str) -> bool {
    let public = ["openwall", "seclists", "securityfocus"].iter().any(|d| domain.contains(d));
    // "git@host:path" is where sources are fetched from.
    let forge = domain.contains("git") || domain.contains("bitbucket") || domain.starts_with("ssh.");
    local == "git" && forge
        || local == "user"
        || public && PUBLIC_LISTS.contains(&local)
        || OTHERS.contains(&local)
        || local.split(['-', '_', '.', '+']).any(|part| OTHERS.contains(&part))
        || local.ends_with("-ann")
}

/// Names of addresses that are for something else, whole or as a part.
const OTHERS: [&str; 15] = [
    "coc",
    "announce",
    "announcements",
    "distributors",
    "conduct",
    "press",
    "noreply",
    "no-reply",
    "newsletter",
    "subscribe",
    "marketing",
    "sales",
    "vendors",
    "careers",
    "billing",
];

/// Parts of names of addresses that are for reports.
const FOR_REPORTS: [&str; 7] = ["secur", "vuln", "psirt", "disclos", "cert", "bugs", "bounty"];

/// Lists that anybody reads.
const PUBLIC_LISTS: [&str; 3] = ["oss-security", "full-disclosure", "bugtraq"];

/// Headings over those who are thanked.
const THANKS: [&str; 5] = ["fame", "acknowledgments", "acknowledgements", "credits", "thanks"];
