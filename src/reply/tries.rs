//! How often a reply was handed over and how that went; from this, when it is tried again by itself.
//!
//! A failure that may pass by itself leaves a reply queued: no server, no login, an answer that says "later" (RFC 5321
//! section 4.2.1). It is tried again with the next poll, then after 5, 15 and 30 minutes, then each hour, so that a poll
//! every minute does not press a server that is in trouble, and an answer is late by an hour at most once it is well. After
//! five days (RFC 5321 section 4.5.4.1) it waits for a person: what was written then may no longer be what one would say.
//!
//! A reply of which nobody ever knew whether it went out is not tried again by itself, whatever came later.

use jiff::{SignedDuration, Timestamp};

use crate::case::{Passing, What};

/// After so many failures in a row, so many minutes pass before the next try; the last holds for all that follow.
const PAUSES_MIN: [i64; 5] = [0, 5, 15, 30, 60];
/// When it was tried for so long it is not tried again by itself.
const PATIENCE: SignedDuration = SignedDuration::from_hours(5 * 24);
/// The time between two failures counts for no more than this, and for nothing where it is negative: the clock was wrong, or
/// the machine was off.
const LONGEST_GAP: SignedDuration = SignedDuration::from_hours(24);

/// What the events of one reply add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// How often handing over began.
    pub made: u32,
    /// When it last began.
    pub last_at: Option<Timestamp>,
    /// Failures in a row that may pass by themselves, up to now.
    row: Option<Row>,
    /// Once nobody knew whether it had gone out.
    in_doubt: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    /// From the first failure to the last.
    lasted: SignedDuration,
    last_at: Timestamp,
    failures: u32,
    passing: Passing,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It stays queued and is tried again.
    Again(Passing),
    /// It was tried for so many seconds, and waits for a person now.
    GivenUp(i64),
    /// A person decides.
    Person,
}

impl Tries {
    /// Adds an event about the reply, in the order recorded. Others count for nothing.
    pub fn take(&mut self, at: Timestamp, what: &What) {
        match what {
            What::Sending { .. } => {
                self.made = self.made.saturating_add(1);
                self.last_at = Some(at);
            }
            What::SendFailed { passing: Some(passing), .. } => {
                let failures = self.row.as_ref().map_or(0, |row| row.failures).saturating_add(1);
                self.row = Some(Row { lasted: self.lasted(at), last_at: at, failures, passing: *passing });
            }
            What::SendUnknown { .. } => {
                self.in_doubt = true;
                self.row = None;
            }
            What::SendFailed { passing: None, .. } | What::Sent { .. } | What::Dropped { .. } => self.row = None,
            _ => {}
        }
    }

    /// The last try failed for a reason that may pass: the reply is still queued.
    pub fn failing(&self) -> bool {
        self.row.is_some()
    }

    /// As [`failing`](Self::failing), and it was the way out that failed it.
    pub fn waits_for_server(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.passing == Passing::Server)
    }

    /// The first poll from this moment on tries again; `None` where nothing failed since a person last decided.
    pub fn again_at(&self) -> Option<Timestamp> {
        let row = self.row.as_ref()?;
        let step = usize::try_from(row.failures).unwrap_or(usize::MAX).clamp(1, PAUSES_MIN.len()) - 1;
        let pause = PAUSES_MIN.get(step).copied().unwrap_or_default();
        Some(row.last_at.saturating_add(SignedDuration::from_mins(pause)).unwrap_or(row.last_at))
    }

    /// A poll at `now` tries it: the pause is over, or the way out was at fault and another reply has got out since,
    /// `last_sent`. Where the clock was turned back since the last try, it does too: else it might wait for years.
    pub fn is_due(&self, last_sent: Option<Timestamp>, now: Timestamp) -> bool {
        let Some(row) = &self.row else { return true };
        let is_back = row.passing == Passing::Server && last_sent.is_some_and(|sent| sent > row.last_at);
        is_back || now < row.last_at || self.again_at().is_none_or(|at| at <= now)
    }

    /// What follows where handing over fails at `now`, for a reason that may pass or for good (`None`).
    pub fn after_failure(&self, passing: Option<Passing>, now: Timestamp) -> Next {
        let Some(passing) = passing.filter(|_| !self.in_doubt) else { return Next::Person };
        let lasted = self.lasted(now);
        if lasted >= PATIENCE { Next::GivenUp(lasted.as_secs()) } else { Next::Again(passing) }
    }

    /// How long failures in a row have lasted with one more at `now`.
    fn lasted(&self, now: Timestamp) -> SignedDuration {
        let Some(row) = &self.row else { return SignedDuration::ZERO };
        let gap = now.duration_since(row.last_at).clamp(SignedDuration::ZERO, LONGEST_GAP);
        row.lasted.saturating_add(gap)
    }
}

/// The way out failed a reply that is not due yet: until it is, nothing else is tried, or many replies would press the server
/// as one without pauses does.
pub fn server_rests<'a>(
    queued: impl IntoIterator<Item = &'a Tries>,
    last_sent: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    queued.into_iter().any(|tries| tries.waits_for_server() && !tries.is_due(last_sent, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_772_442_000 + 60 * minutes).unwrap()
    }

    fn failed(passing: Option<Passing>) -> What {
        What::SendFailed { outbox: 1, reason: String::new(), passing }
    }

    fn of(events: &[(i64, What)]) -> Tries {
        let mut tries = Tries::default();
        for (minutes, what) in events {
            tries.take(at(*minutes), &What::Sending { outbox: 1 });
            tries.take(at(*minutes), what);
        }
        tries
    }

    /// A poll each minute for six days, and a server that is never there.
    #[test]
    fn a_poll_each_minute_does_not_hammer_and_gives_up_after_five_days() {
        let (mut tries, mut made) = (Tries::default(), Vec::new());
        let given_up = (0..6 * 24 * 60).find(|minute| {
            if !tries.is_due(None, at(*minute)) {
                return false;
            }
            made.push(*minute);
            let next = tries.after_failure(Some(Passing::Server), at(*minute));
            tries.take(at(*minute), &What::Sending { outbox: 1 });
            tries.take(
                at(*minute),
                &failed(if next == Next::Again(Passing::Server) { Some(Passing::Server) } else { None }),
            );
            next != Next::Again(Passing::Server)
        });
        assert_eq!(made[..8], [0, 1, 6, 21, 51, 111, 171, 231]);
        assert_eq!(given_up, Some(51 + 5 * 24 * 60), "{:?}", made.last());
        assert!(made.len() < 130 && tries.made as usize == made.len(), "{}", made.len());
        assert!(!tries.failing(), "it waits for a person");
    }

    #[test]
    fn what_a_person_decides_about_is_not_tried_again() {
        let passing = Some(Passing::Server);
        assert_eq!(Tries::default().after_failure(None, at(0)), Next::Person);
        assert_eq!(of(&[(0, failed(passing))]).after_failure(None, at(1)), Next::Person);
        for doubt in
            [vec![(0, What::SendUnknown { outbox: 1 })], vec![(0, What::SendUnknown { outbox: 1 }), (5, failed(None))]]
        {
            assert_eq!(of(&doubt).after_failure(passing, at(9)), Next::Person);
        }
        // One that was given up and that a person sends again has another five days.
        let day = 24 * 60;
        let daily = |days: i64| -> Vec<(i64, What)> { (0..days).map(|n| (n * day, failed(passing))).collect() };
        assert_eq!(of(&daily(5)).after_failure(passing, at(5 * day)), Next::GivenUp(5 * 24 * 3600));
        assert_eq!(of(&daily(5)).after_failure(passing, at(5 * day - 1)), Next::Again(Passing::Server));
        let given_up = of(&[daily(5), vec![(5 * day, failed(None))]].concat());
        assert_eq!(given_up.after_failure(passing, at(6 * day)), Next::Again(Passing::Server));
    }

    /// A clock that stood in another century, or a machine that was off for weeks, uses no patience up.
    #[test]
    fn jumps_of_the_clock_do_not_make_it_give_up() {
        let passing = Some(Passing::Server);
        let years = 30 * 365 * 24 * 60;
        for jump in [[-years, 0], [years, 0], [0, years]] {
            let tries = of(&jump.map(|minutes| (minutes, failed(passing))));
            assert_eq!(tries.after_failure(passing, at(jump[1] + 60)), Next::Again(Passing::Server), "{jump:?}");
            assert!(tries.is_due(None, at(jump[1] + 5)), "{jump:?}");
        }
    }

    #[test]
    fn a_clock_turned_back_keeps_nothing_waiting() {
        let tries = of(&[(0, failed(Some(Passing::Reply))), (600, failed(Some(Passing::Reply)))]);
        assert_eq!(tries.again_at(), Some(at(605)));
        for (now, due) in [(600, false), (604, false), (605, true), (599, true), (-100_000, true)] {
            assert_eq!(tries.is_due(Some(at(700)), at(now)), due, "{now}");
        }
        assert!(Tries::default().is_due(None, at(0)) && Tries::default().again_at().is_none());
    }

    #[test]
    fn one_reply_that_waits_for_the_server_keeps_the_others_waiting() {
        let away = of(&[(0, failed(Some(Passing::Server))), (1, failed(Some(Passing::Server)))]);
        let later = of(&[(0, failed(Some(Passing::Reply))), (1, failed(Some(Passing::Reply)))]);
        let fresh = Tries::default();
        for (waiting, sent, now, rests) in [
            (vec![&away, &fresh], None, 2, true),
            (vec![&fresh, &away], Some(1), 2, true),
            (vec![&away, &fresh], Some(2), 3, false),
            (vec![&away, &fresh], None, 6, false),
            (vec![&later, &fresh], None, 2, false),
            (vec![&fresh], None, 2, false),
        ] {
            assert_eq!(away.is_due(sent.map(at), at(now)), now == 6 || sent == Some(2));
            assert!(!later.is_due(sent.map(at), at(now)) || now == 6);
            assert_eq!(server_rests(waiting, sent.map(at), at(now)), rests, "{sent:?} {now}");
        }
    }
}
