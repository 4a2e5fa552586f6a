//! The channels to report by: addresses, forms and platforms, GitHub's private reporting.

mod address;
mod private;

use self::address::{found_addresses, is_domain};
use super::blocks::{Block, Form};
use super::document::{Document, Words};
use super::fingerprint;
use super::sense::{Sense, Senses};
use std::ops::Range;

/// GitHub's private vulnerability reporting, without an address of its own.
const PRIVATE_REPORTING: &str = "github:pvr";

/// The most channels a document is believed to have.
const MOST: usize = 40;

/// Hosts whose pages are places to report at.
const PLATFORMS: [&str; 13] = [
    "hackerone.com",
    "bugcrowd.com",
    "immunefi.com",
    "intigriti.com",
    "yeswehack.com",
    "huntr.dev",
    "huntr.com",
    "hackenproof.com",
    "openbugbounty.org",
    "zerocopter.com",
    "cantina.xyz",
    "code4rena.com",
    "tidelift.com",
];

/// Hosts of chats and forms: channels when the sentence says to report there.
const CHATS: [&str; 14] = [
    "discord.gg",
    "discord.com",
    "t.me",
    "matrix.to",
    "keybase.io",
    "forms.gle",
    "docs.google.com",
    "forms.office.com",
    "airtable.com",
    "typeform.com",
    "tally.so",
    "gitter.im",
    "twitter.com",
    "signal.me",
];

/// What the path of a page to report at speaks of.
const PATHS: [&str; 15] = [
    "report",
    "vuln",
    "disclos",
    "contact",
    "issues/new",
    "bounty",
    "psirt",
    "/security",
    "bug-bounty",
    "responsible",
    "ticket",
    "tracker",
    "/form",
    "whitehat",
    "abuse",
];

/// Hosts and endings that explain rather than receive.
const NOT_CHANNELS: [&str; 27] = [
    "docs.github.com",
    "help.github.com",
    "first.org",
    "nist.gov",
    "mitre.org",
    "cve.org",
    "wikipedia.org",
    "owasp.org",
    "keys.openpgp.org",
    "keyserver",
    "keybase.io/",
    "gnupg.org",
    "openpgp.org",
    "securitytxt.org",
    "disclose.io",
    ".asc",
    ".gpg",
    ".pem",
    "pgp",
    "gpg",
    "/blog",
    "shields.io",
    "/blob/",
    "/security/policy",
    "/tree/",
    "/wiki/",
    "/releases",
];

/// What holds for a document as a whole.
struct Whole {
    /// It says somewhere not to use public issues.
    public_forbidden: bool,
    /// It names an address outside of tables.
    addressed: bool,
}

/// A channel and where it stands in the source.
struct Channel {
    at: usize,
    name: String,
}

/// The channels of a document, in its order.
pub(super) fn contacts(document: &Document<'_>) -> Vec<String> {
    let mut channels: Vec<Channel> = Vec::new();
    let whole = Whole::of(document);
    for (index, block) in document.blocks.iter().enumerate() {
        if block.prose.text.contains("-----BEGIN PGP") || channels.len() > 4 * MOST {
            continue;
        }
        let Some(words) = document.words.get(index) else { continue };
        let place = Place { document, whole: &whole, index, block, words };
        place.links(&mut channels);
        place.addresses(&mut channels);
        place.bare_urls(&mut channels);
        place.private_reporting(&mut channels);
    }
    channels.sort_by_key(|c| c.at);
    let advisories = |c: &str| {
        c.contains("/security/advisories")
            || (c.contains("github.com/") && c.trim_end_matches('/').ends_with("/security"))
    };
    let page = channels.iter().any(|c| advisories(&c.name));
    let mut names: Vec<String> = Vec::new();
    for channel in channels {
        let again = names.iter().any(|n| n.eq_ignore_ascii_case(&channel.name));
        if !again && !(page && channel.name == PRIVATE_REPORTING) && names.len() < MOST {
            names.push(channel.name);
        }
    }
    names
}

impl Whole {
    fn of(document: &Document<'_>) -> Whole {
        let mut sentences = document.words.iter().flat_map(|w| w.sentences.iter().map(move |s| (w, s)));
        let public_forbidden = sentences.any(|(words, range)| {
            let tokens = words.tokens.get(range.clone()).unwrap_or_default();
            let has = |list: &[&str]| tokens.iter().any(|t| list.contains(&t.norm.as_str()));
            words.said(range).has(Sense::Not) && has(&["public", "publicly"]) && has(&["issue", "issues", "tracker"])
        });
        let mut prose = document.blocks.iter().filter(|b| b.place.is_none());
        Whole { public_forbidden, addressed: prose.any(|b| !found_addresses(&b.prose.text).is_empty()) }
    }
}

struct Place<'a> {
    document: &'a Document<'a>,
    whole: &'a Whole,
    index: usize,
    block: &'a Block,
    words: &'a Words,
}

impl Place<'_> {
    /// The senses of the sentence a byte of the prose stands in.
    fn sentence(&self, at: usize) -> (Range<usize>, Senses) {
        let token = self.words.tokens.partition_point(|t| t.range.end <= at);
        let next = self.words.sentences.partition_point(|s| s.end <= token);
        let Some(range) = self.words.sentences.get(next).cloned() else { return (0..0, Senses::default()) };
        let senses = self.words.said(&range);
        (range, senses)
    }

    fn lead(&self) -> Senses {
        self.document.senses(self.block.lead)
    }

    /// What is said here and over it.
    fn around(&self, here: Senses) -> Senses {
        let header = self.document.senses(self.block.place.and_then(|p| p.header));
        let heading = self.document.headings(self.index).next().unwrap_or_default();
        here.with(self.lead()).with(header).with(heading)
    }

    fn links(&self, channels: &mut Vec<Channel>) {
        for link in &self.block.links {
            let label = self.block.prose.text.get(link.text.clone()).unwrap_or_default().trim();
            let at = self.block.prose.source(link.text.start);
            let target = link.target.trim();
            let bare = (target.contains('@') && !target.contains("://")).then_some(target);
            if let Some(address) = target.strip_prefix("mailto:").or_else(|| target.strip_prefix("MAILTO:")).or(bare) {
                let address = unquoted(address.split('?').next().unwrap_or_default());
                self.address(&address, link.text.start, at, channels);
            } else if let Some(relative) = target.strip_prefix('.') {
                if relative.contains("security/advisories") {
                    channels.push(Channel { at, name: PRIVATE_REPORTING.to_owned() });
                }
            } else if found_addresses(label).is_empty() {
                let shown = if label.starts_with("http") && !label.contains(' ') { label } else { target };
                self.url(shown, label, link.text.start, at, channels);
            }
        }
    }

    fn bare_urls(&self, channels: &mut Vec<Channel>) {
        let text = &self.block.prose.text;
        let mut past = 0;
        for (start, _) in text.match_indices("http") {
            let url = ahead_of(text, start, 2_000);
            if start < past
                || self.link_at(start).is_some()
                || !(url.starts_with("http://") || url.starts_with("https://"))
            {
                continue;
            }
            let end = url.find(|c: char| c.is_whitespace() || "<>\"'`|，。、）".contains(c)).unwrap_or(url.len());
            past = start + end;
            let url =
                url.get(..end).unwrap_or_default().trim_end_matches(['.', ',', ')', ';', ':', ']', '*', '_', '!', '?']);
            self.url(url, "", start, self.block.prose.source(start), channels);
        }
    }

    /// The link whose words hold this byte of the prose.
    fn link_at(&self, offset: usize) -> Option<&super::blocks::Link> {
        let next = self.block.links.partition_point(|l| l.text.start <= offset);
        next.checked_sub(1).and_then(|i| self.block.links.get(i)).filter(|l| l.text.contains(&offset))
    }

    /// A page is a channel when it is made for reports, or when the sentence says to report there.
    fn url(&self, url: &str, label: &str, offset: usize, at: usize, channels: &mut Vec<Channel>) {
        let Some((host, path)) = parts(url) else { return };
        let (_, said) = self.sentence(offset);
        let lower = format!("{host}{path}").to_ascii_lowercase();
        let around = self.around(said);
        if lower.contains("privately-reporting-a-security-vulnerability")
            || lower.contains("private-vulnerability-reporting")
        {
            channels.push(Channel { at, name: PRIVATE_REPORTING.to_owned() });
            return;
        }
        let advisory = lower.contains("/security/advisories/new");
        let manual = host.starts_with("docs.") || host.starts_with("help.") || host.starts_with("support.");
        let platform =
            !manual && PLATFORMS.iter().any(|p| host == *p || host.ends_with(&format!(".{p}"))) && path.len() > 1;
        let chat = CHATS.iter().any(|c| host == *c || host.ends_with(&format!(".{c}"))) || host.starts_with("chat.");
        if !advisory && NOT_CHANNELS.iter().any(|n| lower.contains(n)) && !(chat && host != "keybase.io") && !platform {
            return;
        }
        let label = label.to_lowercase();
        let report = said.any(&[Sense::Send, Sense::Report, Sense::PrivateReporting])
            || label.contains("report")
            || label.contains("contact")
            || chat && said.has(Sense::FollowUp);
        let over = self.document.headings(self.index).next().unwrap_or_default();
        let ours = label.contains("disclosure policy") && over.any(&[Sense::Send, Sense::Report]);
        let form = ["forms.", "docs.google.com", "airtable.com", "typeform.com", "tally.so"]
            .iter()
            .any(|f| host.starts_with(f) || host.ends_with(f));
        let says = report
            || ours
            || (form && over.any(&[Sense::Send, Sense::Report]))
            || (self.block.form == Form::Item && self.lead().any(&[Sense::Send, Sense::Report]));
        let about = around.any(&[Sense::Vulnerability, Sense::Report, Sense::Send]);
        // "If you get no answer, come to the community chat."
        let escalation = chat && said.has(Sense::If) && said.has(Sense::Not) && said.any(&ANSWERS);
        let elsewhere = said.any(&[Sense::Announce, Sense::Elsewhere]) && !escalation
            || self.lead().has(Sense::Announce)
            || !advisory && self.under("scope");
        let tracker = lower.contains("/issues");
        let sent = said.with(if self.block.form == Form::Item { self.lead() } else { Senses::default() });
        let denied = tracker && (sent.has(Sense::Not) || !sent.has(Sense::Vulnerability));
        // A public tracker is a channel only where vulnerabilities are to be reported there, and nowhere forbidden.
        let tracker = tracker && !denied && sent.has(Sense::Send) && !elsewhere && !self.whole.public_forbidden;
        let advisories = lower.trim_end_matches('/').ends_with("/security/advisories")
            || (host == "github.com" && lower.trim_end_matches('/').ends_with("/security"));
        let tracked =
            self.sentence_has(offset, &["entered", "tracked", "recorded", "created", "drafted", "examples", "posted"]);
        let viewed = ["view", "list of", "all advisories"].iter().any(|w| label.contains(w));
        let published = (said.has(Sense::Publish) || tracked || viewed) && !label.contains("report");
        let page = path.to_ascii_lowercase();
        let hosted =
            ["security.", "bugs.", "bounty.", "vdp.", "bughunters.", "jira."].iter().any(|h| host.starts_with(h));
        // "Visit https://bounty.example.org", under a heading on reporting.
        let shown = hosted && path.trim_matches('/').is_empty() && label.starts_with("http");
        let says = says || shown && over.any(&[Sense::Send, Sense::Report]);
        let list = host == "groups.google.com"
            && ["secur", "vuln", "private", "report"].iter().any(|w| page.contains(w))
            && !page.contains("announce");
        let channel = PATHS.iter().any(|p| page.contains(p)) || chat || list || hosted || tracker;
        let profile = label.starts_with('@')
            && self.sent_to(offset)
            && !path.trim_matches('/').contains('/')
            && said.has(Sense::Send);
        let accepted = advisory
            || (profile && about && !elsewhere && self.is_object(offset, &label))
            || (platform && !elsewhere)
            || (advisories && says && !elsewhere && !published)
            || (channel
                && !advisories
                && says
                && about
                && !elsewhere
                && !denied
                && !self.sentence_has(offset, &["posted"])
                && (form || shown || escalation || self.is_object(offset, &label)));
        if accepted {
            channels.push(Channel { at, name: url.to_owned() });
        }
    }

    /// "To", "contact" or the like right before a byte of the prose.
    fn sent_to(&self, offset: usize) -> bool {
        let token = self.words.tokens.partition_point(|t| t.range.end <= offset);
        let before = self.words.tokens.get(token.saturating_sub(2)..token).unwrap_or_default();
        before.iter().any(|t| ["to", "contact", "message", "dm", "reach", "email"].contains(&t.norm.as_str()))
    }

    /// Whether the sentence at a byte of the prose has one of some words.
    fn sentence_has(&self, offset: usize, words: &[&str]) -> bool {
        let (range, _) = self.sentence(offset);
        self.words.tokens.get(range).unwrap_or_default().iter().any(|t| words.contains(&t.norm.as_str()))
    }

    fn lead_has(&self, words: &[&str]) -> bool {
        let lead = self.block.lead.and_then(|l| self.document.words.get(l));
        lead.is_some_and(|l| l.tokens.iter().any(|t| words.contains(&t.norm.as_str())))
    }

    /// Whether the heading right above has a word.
    fn under(&self, word: &str) -> bool {
        let heading = self.block.heading.and_then(|h| self.document.words.get(h));
        heading.is_some_and(|h| h.tokens.iter().any(|t| t.norm == word))
    }

    /// Whether the page is where to go, not further reading: no "see", "read", "more information" right before it.
    fn is_object(&self, offset: usize, label: &str) -> bool {
        let token = self.words.tokens.partition_point(|t| t.range.end <= offset);
        let (sentence, _) = self.sentence(offset);
        let near = token.saturating_sub(9).max(sentence.start)..token;
        let before: Vec<&str> =
            self.words.tokens.get(near).unwrap_or_default().iter().map(|t| t.norm.as_str()).collect();
        let reading = [
            "see",
            "read",
            "more",
            "learn",
            "visit",
            "policy",
            "guidelines",
            "details",
            "refer",
            "follow",
            "per",
            "example",
            "instructions",
            "scope",
            "terms",
            "additional",
        ];
        let further = before.iter().any(|w| reading.contains(w));
        if before.windows(2).any(|w| matches!(w, ["more", "details" | "information" | "about" | "on"]))
            && !label.contains("report")
        {
            return false;
        }
        let page = label.contains("policy") || label.contains("guide") || label.contains("learn");
        let ours = before.iter().rev().take(3).any(|w| *w == "our") && label.contains("disclosure policy");
        let acts = before.iter().any(|w| {
            ["report", "submit", "file", "email", "form", "via", "through", "at", "using", "use", "to", "here", "on"]
                .contains(w)
        });
        (ours || !(page || further && !(acts && before.iter().any(|w| ["report", "submit"].contains(w)))))
            && (acts
                || ours
                || before.is_empty()
                || !label.is_ascii() && self.sentence(offset).1.has(Sense::Send)
                || label.contains("report")
                || label.contains("contact")
                || self.block.form != Form::Paragraph)
    }

    fn addresses(&self, channels: &mut Vec<Channel>) {
        let text = &self.block.prose.text;
        for (start, address) in found_addresses(text).into_iter().take(4 * MOST) {
            // The link has told its address, unless that is none.
            let linked = self.link_at(start).is_some_and(|l| {
                let target = l.target.rsplit_once('@').map(|t| t.1.split('?').next().unwrap_or_default());
                !l.target.to_ascii_lowercase().starts_with("http") && target.is_none_or(is_domain)
            });
            if !linked {
                self.address(&address, start, self.block.prose.source(start), channels);
            }
        }
    }

    fn address(&self, address: &str, offset: usize, at: usize, channels: &mut Vec<Channel>) {
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
        let named = [
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
        // "git@host:path" is where sources are fetched from.
        let public_list = ["openwall", "seclists", "securityfocus"].iter().any(|d| domain.contains(d));
        let forge = domain.contains("git") || domain.contains("bitbucket") || domain.starts_with("ssh.");
        if local == "git" && forge
            || local == "user"
            || public_list && PUBLIC_LISTS.contains(&local.as_str())
            || named.contains(&local.as_str())
            || local.split(['-', '_', '.', '+']).any(|part| named.contains(&part))
            || THANKS.iter().any(|t| self.under(t))
            || domain.ends_with("noreply.github.com")
        {
            return true;
        }
        let (_, said) = self.sentence(offset);
        let opinions =
            COMMENTS.iter().any(|c| self.under(c)) || self.sentence_has(offset, &["suggestions", "comments"]);
        let rules = self.under("scope") && !said.any(&[Sense::Vulnerability, Sense::Report]);
        if opinions || rules || self.key_owner() || self.lead_has(&["agreed", "agreement", "agreements"]) {
            return true;
        }
        let own = ["secur", "vuln", "psirt", "disclos", "cert", "bugs", "bounty"].iter().any(|n| local.contains(n));
        let lead = self.lead();
        if said.has(Sense::Postmortem) && !own {
            return true;
        }
        let partners = said.has(Sense::Partner) || lead.has(Sense::Partner) && self.block.form != Form::Paragraph;
        let reports = said.any(&[Sense::Vulnerability, Sense::Report, Sense::Send]) && !said.has(Sense::Elsewhere);
        let over = self.document.headings(self.index).next().unwrap_or_default();
        // Lists are joined and embargoes broken there; reports go elsewhere in the document.
        if own {
            return ["embargo", "join", "joining", "membership"].iter().any(|w| self.under(w))
                || said.has(Sense::Partner) && self.sentence_has(offset, &["membership", "join", "apply"]);
        }
        (partners || said.any(&[Sense::Announce, Sense::Elsewhere]) || over.any(&[Sense::Elsewhere, Sense::Partner]))
            && !(reports && !partners && said.has(Sense::Vulnerability) && !said.has(Sense::Announce))
    }
}

/// Lists that anybody reads.
const PUBLIC_LISTS: [&str; 3] = ["oss-security", "full-disclosure", "bugtraq"];

/// Headings over where to send opinions of the policy itself.
const COMMENTS: [&str; 3] = ["comments", "feedback", "suggestions"];

/// Words for an answer.
const ANSWERS: [Sense; 3] = [Sense::Ack, Sense::Respond, Sense::Receive];

/// Headings over those who are thanked.
const THANKS: [&str; 5] = ["fame", "acknowledgments", "acknowledgements", "credits", "thanks"];

/// At most `most` bytes of a text from `start` on.
fn ahead_of(text: &str, start: usize, most: usize) -> &str {
    let mut end = text.len().min(start + most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(start..end).unwrap_or_default()
}

/// Host and path of a URL.
fn parts(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest.get(..end)?;
    let host = host.strip_prefix("www.").unwrap_or(host);
    (!host.is_empty()).then(|| (host, rest.get(end..).unwrap_or_default()))
}

/// `%40` and the like.
fn unquoted(text: &str) -> String {
    text.replace("%40", "@").replace("%2B", "+").replace("%2b", "+").trim().to_owned()
}
