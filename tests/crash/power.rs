//! The power goes: of every file only what was synchronised is there, of every folder only the names that were. Killing a
//! process does not show this, since the system keeps what was written.

use crate::jobs::{Job, Ready};
use crate::support::fault::Fault;
use crate::support::{figure, rounds};
use crate::{each, spread};

fn cut_at_every_call(job: Job, base: u64) {
    let ready = Ready::new(job);
    let all = ready.calls("wsn").len() as u64;
    // One past the end: the run says that it is done, and then the power goes.
    let past = all + 1000;
    let cases: Vec<u64> = spread(all, rounds(base)).into_iter().chain([past]).collect();
    let (mut cuts, mut unknown) = (0, 0);
    each(&ready, &cases, |ready, at| {
        ready.reset();
        let fault = Fault { mode: "die", at: *at, errno: 0, classes: "wsn" };
        let ran = ready.bench.power_cut(&ready.job.args(), &fault);
        cuts += 1;
        assert!(*at != past || ran.done(), "{ran:?}");
        if ran.done() {
            ready.is_true(&ran);
        }
        unknown += ready.mend().unknown;
    });
    let waiting = if unknown == 0 { String::new() } else { format!(", replies left to a person {unknown}") };
    figure("crash", &format!("{}: power cuts {cuts}, lost 0, doubled 0{waiting}", job.name()));
}

#[test]
fn the_power_goes_during_a_poll() {
    cut_at_every_call(Job::Poll, 16);
}

#[test]
fn the_power_goes_during_an_import() {
    cut_at_every_call(Job::Import, 8);
}

#[test]
fn the_power_goes_during_a_reply() {
    cut_at_every_call(Job::Reply, 14);
}

#[test]
fn the_power_goes_during_an_outbox() {
    cut_at_every_call(Job::Outbox, 14);
}

#[test]
fn the_power_goes_while_an_outbox_is_put_off() {
    cut_at_every_call(Job::Later, 8);
}

#[test]
fn the_power_goes_while_an_outbox_is_tried_again() {
    cut_at_every_call(Job::Again, 8);
}
