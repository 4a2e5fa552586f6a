//! What a word can mean to the reader: the senses the grammar speaks of, and sets of them.

use crate::clock::policy::Unit;

/// One thing a word or phrase of a policy can say. The vocabulary (`words`) maps phrases to senses; the grammar
/// (`clause`) only ever looks at senses, so that it is the same for every language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sense {
    // What is done.
    /// To acknowledge receipt.
    Ack,
    /// The arrival of a report: an acknowledgement only together with a word for confirming.
    Receipt,
    /// To answer in any way.
    Respond,
    /// "More detailed", "substantive": an answer that is more than a first one.
    Detailed,
    /// To triage, assess, validate, classify.
    Assess,
    /// To investigate, verify, review: an assessment only where nothing stronger is said.
    Investigate,
    /// A timeline or plan that is handed over.
    Plan,
    /// To provide, send, share.
    Give,
    /// To fix, patch, remediate.
    Fix,
    /// To develop, to test: a fix that is not out yet.
    Develop,
    /// To release, ship.
    Release,
    /// News of the progress.
    Update,
    /// To tell people ahead.
    Notify,
    /// To publish: a fix (which is releasing it) or anything else (which is disclosing it).
    Publish,
    /// To make public.
    Disclose,
    /// A write-up afterwards.
    Postmortem,
    // Who.
    /// The project.
    Us,
    /// The reporter.
    You,
    /// Distributors, packagers, partners: not the reporter and not the public.
    Partner,
    /// Those who run the software.
    Users,
    /// Who or what else can act: attackers, servers, clients.
    Others,
    // How it is said.
    /// "If", "in case".
    If,
    /// "Not", "no", "without".
    Not,
    /// "No guarantee", "do not offer".
    NoPromise,
    /// "Within", "up to".
    Within,
    /// "At least".
    AtLeast,
    /// "No more than".
    AtMost,
    /// "Typically", "about".
    Approx,
    /// "Historically", "usually": a description, not a promise.
    History,
    /// "Every", "per".
    Every,
    /// "After", "of", "from".
    After,
    /// "Before", "ahead of".
    Before,
    /// "Give us", "allow", "wait".
    Wait,
    /// "Please", "we ask": words that open a request.
    Please,
    /// To keep something to oneself: "keep confidential", "embargo", "refrain from sharing".
    Silence,
    /// "Must", "should", "are required to".
    Duty,
    /// To receive, hear, get.
    Receive,
    /// To write again, escalate.
    FollowUp,
    /// "Sooner", "faster".
    Sooner,
    /// "Forthcoming".
    Forthcoming,
    /// "These steps", "this phase".
    Steps,
    /// "And", "or", "but": where a clause can end.
    And,
    /// "Or".
    Or,
    /// "To", "bis": joins the ends of a range.
    To,
    /// "Few", "couple", "several".
    Vague,
    /// "For": how long something lasts.
    Lasting,
    /// "As soon as possible", "promptly".
    Soon,
    // What is spoken of.
    /// A report, a submission.
    Report,
    /// A vulnerability, a security issue.
    Vulnerability,
    /// "Severity", "priority", "issues": what makes of "high" a severity.
    Graded,
    /// Support periods, end of life.
    Support,
    /// Money for reports.
    Money,
    /// Advice and housekeeping: rotation, retention, scans, audits.
    Practice,
    /// Headings of advice, features and history, where nothing is promised to reporters.
    Measures,
    /// A timeline or an SLA as a subject.
    Timeline,
    // For contacts.
    /// To report, send, mail, contact.
    Send,
    /// Announcement lists, subscriptions, newsletters.
    Announce,
    /// Codes of conduct, press, sales.
    Elsewhere,
    /// GitHub's private reporting.
    PrivateReporting,
    /// What a report should include.
    Include,
    /// What reports are made of: steps, versions, impact.
    Content,
    /// Versions that are supported.
    Versions,
    /// Nothing: a phrase whose words would mislead.
    Noise,
}

/// A set of senses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Senses(u128);

impl Senses {
    /// With one more.
    pub(super) fn add(&mut self, sense: Sense) {
        self.0 |= 1 << sense as u8;
    }

    /// Whether it is in the set.
    pub(super) fn has(self, sense: Sense) -> bool {
        self.0 & (1 << sense as u8) != 0
    }

    /// Whether any of them is.
    pub(super) fn any(self, senses: &[Sense]) -> bool {
        senses.iter().any(|&s| self.has(s))
    }

    /// Both sets together.
    pub(super) fn with(self, other: Senses) -> Senses {
        Senses(self.0 | other.0)
    }
}

impl FromIterator<Sense> for Senses {
    fn from_iter<T: IntoIterator<Item = Sense>>(senses: T) -> Senses {
        let mut set = Senses::default();
        senses.into_iter().for_each(|s| set.add(s));
        set
    }
}

/// What a phrase of the vocabulary stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning {
    /// A sense.
    Sense(Sense),
    /// A number, spelled out.
    Number(u32),
    /// A unit of time.
    Unit(Unit),
    /// A rhythm in one word: "weekly".
    Rhythm(u32, Unit),
    /// A severity, by its plain name; `true` where the word alone is enough ("critical"), `false` where it needs
    /// "severity" or the like beside it ("high").
    Severity(&'static str, bool),
}
