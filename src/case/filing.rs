//! Where a mail belongs: with its report, apart, or at the head of a new one.
//!
//! The rules are strict on purpose. A `From:` proves nothing and a thread header less (security.md, DUP-2): no mail enters a
//! report, stops a clock or hides behind another because it says so. What is not sure opens a report of its own, which
//! is listed and clocked; the likely connection is kept as a suggestion for a person.

use sha2::{Digest, Sha256};

use super::{Role, Uid};
use crate::message::{Automatic, same_address};
use crate::report::Opened;
use crate::verdict::{EncryptionStatus, SignatureStatus};

/// Who we are.
#[derive(Clone, Debug, Default)]
pub struct Ours {
    /// The mailbox's own address and its aliases.
    pub addresses: Vec<String>,
    /// People whose replies are ours.
    pub team: Vec<String>,
    /// Fingerprints of certificates that sign for us: our TSKs, and the configured certificates of team members.
    pub signers: Vec<String>,
}

impl Ours {
    /// True for the mailbox's addresses and for the team's.
    pub fn is_ours(&self, address: &str) -> bool {
        self.addresses.iter().chain(&self.team).any(|a| same_address(a, address))
    }
}

/// Whether the mail came in or was found in the Sent mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It came in.
    In,
    /// It was found among what we sent. The server's Sent mailbox is proof enough: only we can write there.
    Out,
}

/// A report that a mail may have to do with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Its name.
    pub report: Uid,
    /// Its reporter's address.
    pub reporter: String,
    /// Who demonstrably signed the mail that opened it.
    pub signer: Option<String>,
    /// What connects them.
    pub by: Connection,
}

/// What connects a mail with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Connection {
    /// A mail of the report has the same [`content_key`].
    SameContent,
    /// In-Reply-To or References names a mail of the report.
    Thread,
}

/// Where a mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// How it is filed.
    pub role: Role,
    /// With which report; `None` for one of its own (`Role::Opening`) or none at all.
    pub report: Option<Uid>,
    /// For outgoing mail with a report: what it does to the clock.
    pub answer: Answer,
    /// Reports that it may belong to, for a person to decide, each with the reason.
    pub suggested: Vec<(Uid, String)>,
}

/// What an outgoing mail does to the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    No,
    /// It is a person's answer to the reporter.
    Person,
    /// It is an automatic receipt: kept, counts for nothing.
    Receipt,
}

/// Decides where a mail goes. `related` is everything the ledger found by content and by thread, in any order.
pub fn place(opened: &Opened, way: Way, ours: &Ours, related: &[Related]) -> Placement {
    if way == Way::Out || signed_by_us(opened, ours) {
        return outgoing(opened, related);
    }
    if opened.header.automatic != Automatic::No {
        return Placement { role: Role::Automatic, report: None, answer: Answer::No, suggested: Vec::new() };
    }
    let mut ordered: Vec<&Related> = related.iter().collect();
    ordered.sort_by_key(|r| r.by);
    for candidate in &ordered {
        if same_reporter(opened, candidate) {
            let role = match candidate.by {
                Connection::SameContent => Role::Resend,
                Connection::Thread => Role::FollowUp,
            };
            return Placement {
                role,
                report: Some(candidate.report.clone()),
                answer: Answer::No,
                suggested: Vec::new(),
            };
        }
    }
    Placement { role: Role::Opening, report: None, answer: Answer::No, suggested: suggestions(opened, ours, &ordered) }
}

/// A mail that came in counts as ours only when one of our keys signed all of it.
fn signed_by_us(opened: &Opened, ours: &Ours) -> bool {
    let signature = &opened.verdict.signature;
    signature.status == SignatureStatus::Good
        && signature.by.as_ref().is_some_and(|by| ours.signers.contains(by))
        && opened.header.sender().is_some_and(|from| ours.is_ours(&from.address))
}

/// An outgoing mail answers the report whose thread it continues, if it went to that report's reporter.
fn outgoing(opened: &Opened, related: &[Related]) -> Placement {
    let to_reporter = |r: &&Related| opened.header.recipients().any(|a| same_address(&a.address, &r.reporter));
    let report = related.iter().filter(|r| r.by == Connection::Thread).find(to_reporter).map(|r| r.report.clone());
    let answer = match (&report, opened.header.automatic) {
        (None, _) => Answer::No,
        (Some(_), Automatic::No) => Answer::Person,
        (Some(_), _) => Answer::Receipt,
    };
    Placement { role: Role::Outgoing, report, answer, suggested: Vec::new() }
}

/// The same address, and where the report was demonstrably signed, the same signer.
fn same_reporter(opened: &Opened, candidate: &Related) -> bool {
    let Some(from) = opened.header.sender() else { return false };
    same_address(&from.address, &candidate.reporter)
        && candidate.signer.as_deref().is_none_or(|signer| opened.verdict.signature.verified_signer() == Some(signer))
}

fn suggestions(opened: &Opened, ours: &Ours, related: &[&Related]) -> Vec<(Uid, String)> {
    let from = opened.header.sender();
    let ours_unsigned = from.is_some_and(|a| ours.is_ours(&a.address));
    let mut found: Vec<(Uid, String)> = Vec::new();
    for candidate in related {
        if found.iter().any(|(uid, _)| *uid == candidate.report) {
            continue;
        }
        let same = from.is_some_and(|a| same_address(&a.address, &candidate.reporter));
        let why = match candidate.by {
            Connection::SameContent => "the same content from another sender",
            Connection::Thread if same => "continues the thread, but lacks the signature the report had",
            Connection::Thread if ours_unsigned => {
                "continues the thread from an address of ours, but none of our keys signed it"
            }
            Connection::Thread => "continues the thread from another address",
        };
        found.push((candidate.report.clone(), why.into()));
    }
    found
}

/// What makes two mails "the same again": the text with white space folded, and the content of the other parts. `None`
/// where nothing was opened: emptiness is not likeness.
pub fn content_key(opened: &Opened) -> Option<String> {
    let closed = matches!(opened.verdict.encryption.status, EncryptionStatus::Unopened | EncryptionStatus::Refused);
    if closed || opened.quarantined.is_some() {
        return None;
    }
    let mut hash = Sha256::new();
    let mut words = 0usize;
    for word in opened.text.split_whitespace() {
        hash.update(word.as_bytes());
        hash.update(b" ");
        words += 1;
    }
    let mut files: Vec<&str> =
        opened.parts.iter().filter(|p| !p.media_type.starts_with("text/")).map(|p| p.sha256.as_str()).collect();
    files.sort_unstable();
    if words == 0 && files.is_empty() {
        return None;
    }
    for file in files {
        hash.update(b"\0");
        hash.update(file.as_bytes());
    }
    Some(data_encoding::HEXLOWER.encode(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Address, Header};
    use crate::verdict::{Encryption, Signature, Verdict};

    const FINDER: &str = "finder@example.net";

    fn mail(from: &str) -> Opened {
        let address = |a: &str| Address { address: a.into(), name: None };
        Opened {
            header: Header {
                from: vec![address(from)],
                to: vec![address("security@example.org")],
                ..Header::default()
            },
            outer_subject: None,
            verdict: Verdict::plain(),
            text: "a heap overflow in the parser".into(),
            text_from: None,
            parts: Vec::new(),
            payload_sha256: None,
            candidates: Vec::new(),
            warnings: Vec::new(),
            quarantined: None,
        }
    }

    fn signed(mut mail: Opened, status: SignatureStatus, by: &str) -> Opened {
        mail.verdict.signature = Signature { status, by: Some(by.into()), ..Signature::none() };
        mail
    }

    fn related(by: Connection, signer: Option<&str>) -> Related {
        Related { report: "aaaaaaaaaa".into(), reporter: FINDER.into(), signer: signer.map(Into::into), by }
    }

    fn ours() -> Ours {
        Ours {
            addresses: vec!["security@example.org".into()],
            team: vec!["alice@example.org".into()],
            signers: vec!["TEAM".into()],
        }
    }

    #[test]
    fn the_reporter_writes_again() {
        let again = place(&mail(FINDER), Way::In, &ours(), &[related(Connection::Thread, None)]);
        assert_eq!((again.role, again.report.as_deref()), (Role::FollowUp, Some("aaaaaaaaaa")));
        let resend = place(
            &mail(FINDER),
            Way::In,
            &ours(),
            &[related(Connection::Thread, None), related(Connection::SameContent, None)],
        );
        assert_eq!(resend.role, Role::Resend);
    }

    #[test]
    fn a_stranger_does_not_enter_a_report() {
        for by in [Connection::Thread, Connection::SameContent] {
            let placed = place(&mail("eve@example.com"), Way::In, &ours(), &[related(by, None)]);
            assert_eq!((placed.role, placed.report), (Role::Opening, None));
            assert_eq!(placed.suggested.len(), 1);
        }
    }

    #[test]
    fn a_forged_sender_does_not_enter_a_signed_report() {
        let thread = [related(Connection::Thread, Some("FINDERKEY"))];
        assert_eq!(place(&mail(FINDER), Way::In, &ours(), &thread).role, Role::Opening);
        let other = signed(mail(FINDER), SignatureStatus::Mismatch, "EVEKEY");
        assert_eq!(place(&other, Way::In, &ours(), &thread).role, Role::Opening);
        let bad = signed(mail(FINDER), SignatureStatus::Bad, "FINDERKEY");
        assert_eq!(place(&bad, Way::In, &ours(), &thread).role, Role::Opening);
        let mut weak = signed(mail(FINDER), SignatureStatus::Mismatch, "FINDERKEY");
        weak.verdict.signature.weak = true;
        assert_eq!(place(&weak, Way::In, &ours(), &thread).role, Role::Opening);
        let same = signed(mail(FINDER), SignatureStatus::Good, "FINDERKEY");
        assert_eq!(place(&same, Way::In, &ours(), &thread).role, Role::FollowUp);
    }

    #[test]
    fn our_address_alone_answers_nothing() {
        let mut forged = mail("alice@example.org");
        forged.header.to = vec![Address { address: FINDER.into(), name: None }];
        let placed = place(&forged, Way::In, &ours(), &[related(Connection::Thread, None)]);
        assert_eq!((placed.role, placed.answer), (Role::Opening, Answer::No));
        let stranger_key = signed(forged.clone(), SignatureStatus::Good, "EVEKEY");
        assert_eq!(place(&stranger_key, Way::In, &ours(), &[related(Connection::Thread, None)]).answer, Answer::No);
        let team = signed(forged, SignatureStatus::Good, "TEAM");
        let placed = place(&team, Way::In, &ours(), &[related(Connection::Thread, None)]);
        assert_eq!((placed.role, placed.answer), (Role::Outgoing, Answer::Person));
    }

    #[test]
    fn a_sent_mail_answers_only_the_reporter_it_went_to() {
        let mut sent = mail("security@example.org");
        let thread = [related(Connection::Thread, Some("FINDERKEY"))];
        assert_eq!(place(&sent, Way::Out, &ours(), &thread).answer, Answer::No);
        sent.header.to = vec![Address { address: "Finder@Example.NET".into(), name: None }];
        assert_eq!(place(&sent, Way::Out, &ours(), &thread).answer, Answer::Person);
        sent.header.automatic = Automatic::Reply;
        assert_eq!(place(&sent, Way::Out, &ours(), &thread).answer, Answer::Receipt);
        assert_eq!(place(&sent, Way::Out, &ours(), &[related(Connection::SameContent, None)]).answer, Answer::No);
    }

    #[test]
    fn programs_are_listed_apart() {
        let mut bounce = mail("mailer-daemon@example.net");
        bounce.header.automatic = Automatic::Bounce;
        assert_eq!(place(&bounce, Way::In, &ours(), &[]).role, Role::Automatic);
    }

    #[test]
    fn nothing_opened_is_like_nothing_else() {
        let mut sealed = mail(FINDER);
        assert!(content_key(&sealed).is_some());
        sealed.verdict.encryption = Encryption { status: EncryptionStatus::Unopened, ..Encryption::none() };
        assert_eq!(content_key(&sealed), None);
        let mut empty = mail(FINDER);
        empty.text = " \n".into();
        assert_eq!(content_key(&empty), None);
        let mut folded = mail(FINDER);
        folded.text = "a heap\r\n overflow in  the parser\n".into();
        assert_eq!(content_key(&folded), content_key(&mail(FINDER)));
    }
}
