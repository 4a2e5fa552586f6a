//! Named places at which the tests of crash safety end the process, as a failing machine would.
//!
//! `SEALPOST_TEST_DIE_AT=post.marked` kills the process with SIGKILL when it first comes to that place,
//! `SEALPOST_TEST_DIE_AT=batch.begun:3` when it comes there for the third time. Nothing else can be asked for, nothing is
//! told, and whoever may set the environment of a process may kill it anyway. Without the variable a place costs one look
//! at a value that was read once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Signal, getpid, kill_process};

/// The variable that names the place to die at.
pub const VARIABLE: &str = "SEALPOST_TEST_DIE_AT";

/// Every place with what has happened when it is reached. `tests/crash` goes to each of them.
pub const ALL: &[(&str, &str)] = &[
    ("birth.begun", "neither ledger nor key exists"),
    ("birth.key", "the key is written under the name of one not yet born"),
    ("birth.built", "so is the ledger, complete and closed"),
    ("birth.named", "the ledger has its name, the key not yet"),
    ("birth.done", "both have their names"),
    ("batch.begun", "a transaction is open and empty"),
    ("batch.full", "all of it is written, nothing committed"),
    ("batch.done", "it is committed"),
    ("migrate.kept", "the copy of the older ledger has its name"),
    ("migrate.statement", "one statement of a step is done, not committed"),
    ("migrate.step", "a step of the schema is taken, not committed"),
    ("migrate.done", "the new schema is committed"),
    ("poll.open", "the ledger is open, nothing fetched"),
    ("poll.sent", "the inbox is read, the Sent mailbox not yet"),
    ("poll.fetched", "all that is new is stored, not yet filed"),
    ("poll.filed", "all of it is filed and clocked"),
    ("poll.noted", "the poll is noted, nothing sent"),
    ("poll.posted", "what waited is sent, nothing printed"),
    ("intake.fetched", "a batch of mail is in memory"),
    ("intake.stored", "it is durable, with its cursor"),
    ("intake.filed", "one mail is filed, not committed"),
    ("import.open", "the ledger is open, nothing read"),
    ("import.read", "a file is read and stored"),
    ("import.filed", "all of it is filed"),
    ("reply.sealed", "the reply is sealed, and nowhere but in memory"),
    ("reply.open", "the ledger is open to queue it"),
    ("reply.queued", "it waits in the outbox"),
    ("post.begun", "a reply is about to be marked as being sent"),
    ("post.marked", "it is marked, no byte is out"),
    ("post.handed", "the server has it, which is not recorded"),
    ("post.recorded", "it is recorded as sent, with the answer it is"),
    ("copy.begun", "a sent reply has no copy in Sent"),
    ("copy.filed", "it has one, which is not recorded"),
    ("copy.noted", "the copy is recorded"),
    ("smtp.connected", "the server has greeted us and knows us"),
    ("smtp.enveloped", "it waits for the mail"),
    ("smtp.body", "all but the final dot is out"),
    ("smtp.dot", "the final dot is out, the answer not read"),
    ("smtp.answered", "the answer is read"),
    ("command.running", "the sendmail command runs"),
    ("command.ended", "it has ended"),
    ("file.written", "a new private file is written under a name of its own"),
    ("file.named", "it has its name"),
];

/// Says that the place `name` is reached.
pub fn reach(name: &'static str) {
    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static TIMES: AtomicU64 = AtomicU64::new(0);
    let Some((wanted, time)) = WANTED.get_or_init(|| wanted(&std::env::var(VARIABLE).ok()?)) else { return };
    if wanted == name && TIMES.fetch_add(1, Ordering::Relaxed) + 1 == *time {
        // Nothing is closed, flushed or rolled back: that is the point.
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

fn wanted(text: &str) -> Option<(String, u64)> {
    match text.split_once(':') {
        Some((name, time)) => Some((name.to_owned(), time.parse().ok()?)),
        None => Some((text.to_owned(), 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_with_or_without_a_time() {
        assert_eq!(wanted("post.marked"), Some(("post.marked".into(), 1)));
        assert_eq!(wanted("batch.begun:3"), Some(("batch.begun".into(), 3)));
        assert_eq!(wanted("batch.begun:x"), None);
    }

    #[test]
    fn no_place_has_two_names_or_is_listed_twice() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
