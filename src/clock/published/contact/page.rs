//! Pages to report at: known by their address, and by what is said around the link.

use super::super::blocks::{Form, Link};
use super::super::sense::{Sense, Senses};
use super::{Channel, PRIVATE_REPORTING, Place};

/// A page, as its address tells it.
struct Page<'a> {
    host: &'a str,
    /// Path, query and fragment, in lower case.
    path: String,
}

/// What is said of a page where it is linked.
struct Told {
    /// The words of the link, in lower case.
    label: String,
    /// The sentence.
    said: Senses,
    /// The heading over it.
    over: Senses,
    /// Where in the prose.
    offset: usize,
}

impl Place<'_> {
    /// A page is a channel when it is made for reports, or when the sentence says to report there.
    pub(super) fn url(&self, url: &str, label: &str, offset: usize, at: usize, channels: &mut Vec<Channel>) {
        let Some(page) = Page::of(url) else { return };
        if page.is_on_private_reporting() {
            channels.push(Channel { at, name: PRIVATE_REPORTING.to_owned() });
            return;
        }
        let over = self.document.headings(self.index).next().unwrap_or_default();
        let told = Told { label: label.to_lowercase(), said: self.sentence(offset).1, over, offset };
        if self.is_channel(&page, &told) {
            channels.push(Channel { at, name: url.to_owned() });
        }
    }

    fn is_channel(&self, page: &Page<'_>, told: &Told) -> bool {
        // "Out of scope: holes in other software; report those at …"
        if page.is_new_advisory() {
            return !self.lead_has(&["scope"]);
        }
        let kept = page.is_platform() || page.is_chat() && page.host != "keybase.io";
        if page.explains() && !kept || self.is_elsewhere(page, told) {
            return false;
        }
        if page.is_platform() {
            return !page.path.starts_with("/reports/") && !self.is_thanked(told);
        }
        if page.lists_advisories() {
            return self.says_so(page, told) && !self.is_of_what_was(told);
        }
        let about = self.around(told.said).any(&[Sense::Vulnerability, Sense::Report, Sense::Send]);
        if !about {
            return false;
        }
        if told.label.starts_with('@') && page.is_profile() && told.said.has(Sense::Send) && self.sent_to(told.offset) {
            return true;
        }
        let made = page.is_for_reports() || page.is_chat() || page.is_list() || page.is_desk();
        (made || self.is_open_tracker(page, told))
            && self.says_so(page, told)
            && !(page.is_tracker() && !self.is_tracker_for_holes(told))
            && !self.sentence_has(told.offset, &["posted"])
            && (page.is_form()
                || is_shown(page, told)
                || escalates(page, told)
                || self.is_object(told.offset, &told.label))
    }

    /// Said of announcements, of conduct, of what is in scope: another purpose than reports.
    fn is_elsewhere(&self, page: &Page<'_>, told: &Told) -> bool {
        told.said.any(&[Sense::Announce, Sense::Elsewhere]) && !escalates(page, told)
            || self.lead().has(Sense::Announce)
            || self.lead_has(&["subscribed", "subscribers"])
            || self.under("scope")
    }

    /// The sentence, the label or what stands over them says to report there.
    fn says_so(&self, page: &Page<'_>, told: &Told) -> bool {
        let reporting = [Sense::Send, Sense::Report];
        told.said.any(&[Sense::Send, Sense::Report, Sense::PrivateReporting])
            || told.label.contains("report")
            || told.label.contains("contact")
            || page.is_chat() && told.said.has(Sense::FollowUp)
            || (told.label.contains("disclosure policy") || page.is_form() || is_shown(page, told))
                && told.over.any(&reporting)
            || self.block.form == Form::Item && self.lead().any(&reporting)
    }

    /// A list of what was reported before.
    fn is_of_what_was(&self, told: &Told) -> bool {
        const KEPT: [&str; 7] = ["entered", "tracked", "recorded", "created", "drafted", "examples", "posted"];
        let (sentence, _) = self.sentence(told.offset);
        let words = self.words.tokens.get(sentence).unwrap_or_default();
        let ours = words.windows(2).any(|w| {
            matches!(w, [a, b] if a.norm == "will" && ["create", "open", "issue", "post", "draft"].contains(&b.norm.as_str()))
        });
        let viewed = ours || ["view", "list of", "all advisories"].iter().any(|w| told.label.contains(w));
        (told.said.has(Sense::Publish) || viewed || self.sentence_has(told.offset, &KEPT))
            && !told.label.contains("report")
    }

    /// "Reporter credits: …", "triaged by …": who did something, not where to report.
    fn is_thanked(&self, told: &Told) -> bool {
        self.sentence_has(told.offset, &["credits", "triaged"])
            || self.lead_has(&["credits"])
            || self.under_any(&["credits", "thanks", "acknowledgments", "acknowledgements", "fame"])
    }

    fn is_tracker_for_holes(&self, told: &Told) -> bool {
        let said = self.with_lead(told);
        said.has(Sense::Vulnerability) && !said.has(Sense::Not)
    }

    /// A public tracker is a channel only where vulnerabilities are to be reported there, and nowhere forbidden.
    fn is_open_tracker(&self, page: &Page<'_>, told: &Told) -> bool {
        page.is_tracker()
            && self.is_tracker_for_holes(told)
            && self.with_lead(told).has(Sense::Send)
            && !self.whole.public_forbidden
    }

    /// What is said there, and over the list it stands in.
    fn with_lead(&self, told: &Told) -> Senses {
        told.said.with(if self.block.form == Form::Item { self.lead() } else { Senses::default() })
    }

    /// "Report it to [@ann](…), [@bob](…) or [@cat](…)": a word for sending right before the first of them.
    fn sent_to(&self, offset: usize) -> bool {
        let (sentence, _) = self.sentence(offset);
        let start = self.words.tokens.get(sentence.start).map_or(0, |t| t.range.start);
        let named = |l: &&Link| self.block.prose.text.get(l.text.clone()).is_some_and(|t| t.starts_with('@'));
        let here = self.block.links.partition_point(|l| l.text.start < start);
        let links = self.block.links.get(here..).unwrap_or_default();
        let first = links.iter().find(named).map_or(offset, |l| l.text.start);
        let token = self.words.tokens.partition_point(|t| t.range.end <= first.min(offset));
        let before = self.words.tokens.get(token.saturating_sub(2)..token).unwrap_or_default();
        before.iter().any(|t| ["to", "contact", "message", "dm", "reach", "email"].contains(&t.norm.as_str()))
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
}

/// "Visit https://bounty.example.org": the address itself is what is read.
fn is_shown(page: &Page<'_>, told: &Told) -> bool {
    page.is_desk() && page.path.trim_matches('/').is_empty() && told.label.starts_with("http")
}

/// "If you get no answer, come to the community chat."
fn escalates(page: &Page<'_>, told: &Told) -> bool {
    let unanswered = told.said.any(&[Sense::Ack, Sense::Respond, Sense::Receive]);
    page.is_chat() && told.said.has(Sense::If) && told.said.has(Sense::Not) && unanswered
}

impl<'a> Page<'a> {
    fn of(url: &'a str) -> Option<Page<'a>> {
        let (host, path) = parts(url)?;
        Some(Page { host, path: path.to_ascii_lowercase() })
    }

    fn is_at(&self, hosts: &[&str]) -> bool {
        hosts.iter().any(|h| self.host == *h || self.host.ends_with(&format!(".{h}")))
    }

    fn is_called(&self, beginnings: &[&str]) -> bool {
        beginnings.iter().any(|b| self.host.starts_with(b))
    }

    /// GitHub's own page on its private reporting.
    fn is_on_private_reporting(&self) -> bool {
        ["privately-reporting-a-security-vulnerability", "private-vulnerability-reporting"]
            .iter()
            .any(|p| self.path.contains(p))
    }

    fn is_new_advisory(&self) -> bool {
        self.path.contains("/security/advisories/new")
    }

    fn lists_advisories(&self) -> bool {
        let path = self.path.trim_end_matches('/');
        path.ends_with("/security/advisories") || self.host == "github.com" && path.ends_with("/security")
    }

    fn is_platform(&self) -> bool {
        self.is_at(&PLATFORMS) && self.path.len() > 1 && !self.is_called(&["docs.", "help.", "support."])
    }

    fn is_chat(&self) -> bool {
        self.is_at(&CHATS) || self.is_called(&["chat.", "discord.", "slack."])
    }

    fn is_form(&self) -> bool {
        let forms = ["docs.google.com", "airtable.com", "typeform.com", "tally.so"];
        self.is_called(&["forms."]) || forms.iter().any(|f| self.host.ends_with(f))
    }

    /// A host for reports.
    fn is_desk(&self) -> bool {
        self.is_called(&["security.", "bugs.", "bounty.", "vdp.", "bughunters.", "jira."])
    }

    fn is_tracker(&self) -> bool {
        self.path.contains("/issues")
    }

    /// A list for reports.
    fn is_list(&self) -> bool {
        let named = ["secur", "vuln", "private", "report"].iter().any(|w| self.path.contains(w));
        self.host == "groups.google.com" && named && !self.path.contains("announce")
    }

    fn is_profile(&self) -> bool {
        !self.path.trim_matches('/').contains('/')
    }

    fn is_for_reports(&self) -> bool {
        PATHS.iter().any(|p| self.path.contains(p))
    }

    fn explains(&self) -> bool {
        let whole = format!("{}{}", self.host.to_ascii_lowercase(), self.path);
        let manual = self.is_called(&["docs."]) && !["secur", "vuln", "disclos"].iter().any(|w| self.path.contains(w));
        let reading = self.is_called(&["news.", "blog."]);
        reading || manual && !self.is_form() || NOT_CHANNELS.iter().any(|n| whole.contains(n))
    }
}

/// Host and path of a URL; a platform may be named without a scheme.
fn parts(url: &str) -> Option<(&str, &str)> {
    let known = || PLATFORMS.iter().any(|p| url.starts_with(p)).then_some(url);
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).or_else(known)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest.get(..end)?;
    let host = host.strip_prefix("www.").unwrap_or(host);
    (!host.is_empty()).then(|| (host, rest.get(end..).unwrap_or_default()))
}

/// Hosts whose pages are places to report at.
pub(super) const PLATFORMS: [&str; 13] = [
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
const PATHS: [&str; 17] = [
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
    "bugcrowd",
    "hackerone",
];

/// Hosts and endings that explain rather than receive.
const NOT_CHANNELS: [&str; 28] = [
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
    "security.txt",
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
