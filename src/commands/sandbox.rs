//! What `sealpost check` says about the process that reads mail: it is started, and made to try what it must not be able to do.

use super::App;
use crate::output::health::Finding;
use crate::pgp::keyring::Keyring;
use crate::worker::{Landlock, Probe};

/// Starts one and looks.
pub fn look(app: &App) -> Finding {
    match app.reader(Keyring::default()).probe() {
        Ok(probe) => judge(&probe),
        Err(e) => {
            Finding::fail("sandbox", e.to_string()).hint("without it no mail can be read; what is stored is kept")
        }
    }
}

fn judge(probe: &Probe) -> Finding {
    let names = |refused: bool| {
        let trials = probe.trials.iter().filter(|trial| trial.refused.is_some() == refused);
        trials.map(|trial| trial.what.as_str()).collect::<Vec<_>>().join(", ")
    };
    let by = by(probe);
    let allowed = names(false);
    if allowed.is_empty() && probe.sandbox.limits {
        return Finding::ok("sandbox", format!("mail is read in a process that is refused {} ({by})", names(true)));
    }
    let what = if allowed.is_empty() { "is not bounded in what it uses".into() } else { format!("can use {allowed}") };
    Finding::warn("sandbox", format!("the process that reads mail {what} ({by})"))
        .hint("a Linux kernel from 5.13 on, with Landlock and seccomp, refuses it; mail is read meanwhile")
}

fn by(probe: &Probe) -> String {
    let landlock = match probe.sandbox.landlock {
        Landlock::Full => "Landlock",
        Landlock::Partial => "Landlock in part",
        Landlock::None => "no Landlock",
    };
    let seccomp = if probe.sandbox.seccomp { "seccomp" } else { "no seccomp" };
    let limits = if probe.sandbox.limits { "limits" } else { "no limits" };
    format!("{landlock}, {seccomp}, {limits}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::health::Level;
    use crate::worker::{Sandbox, Trial};

    fn probe(refused: &[bool]) -> Probe {
        let trials = ["files", "network", "programs", "signals"].into_iter().zip(refused);
        let trials =
            trials.map(|(what, refused)| Trial { what: what.into(), refused: refused.then(|| "no".to_owned()) });
        let sandbox = Sandbox { landlock: Landlock::None, seccomp: false, limits: true };
        Probe { sandbox, trials: trials.collect() }
    }

    #[test]
    fn what_is_not_refused_is_said() {
        let all = judge(&probe(&[true; 4]));
        assert_eq!((all.level, all.hint), (Level::Ok, None));
        let some = judge(&probe(&[true, true, false, false]));
        assert_eq!(some.level, Level::Warn);
        assert!(some.words.contains("can use programs, signals (no Landlock, no seccomp, limits)"), "{:?}", some.words);
    }
}
