//! The published policy, the calendar, and whether what is promised is what is in force.

use jiff::Timestamp;

use crate::clock::words;
use crate::commands::{desk, policy};
use crate::config::Config;
use crate::ledger::Ledger;
use crate::output::health::Finding;

/// What can be seen without the ledger.
pub fn look(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    match desk::published_policy(config) {
        Ok(None) => found.push(
            Finding::warn("policy", "no policy is configured: as a stand-in, a first answer is due in 2 working days")
                .hint("set file in [policy] to your SECURITY.md"),
        ),
        Ok(Some((_, published))) => {
            found.push(if published.first_response.is_none() {
                Finding::warn("policy", "it promises no time to a first answer")
                    .hint("sealpost policy check shows what it does promise")
            } else {
                Finding::ok("policy", "it promises a time to a first answer")
            });
            found.extend(policy::unclocked(&published).into_iter().map(|words| {
                Finding::warn("promise", words)
                    .hint("count it from something that is recorded, such as the report or the release")
            }));
        }
        Err(e) => found.push(Finding::fail("policy", e.message).hint(e.hints.join("; "))),
    }
    found.push(match desk::calendar(config) {
        Ok(calendar) => {
            Finding::ok("calendar", calendar.zone().iana_name().unwrap_or("the system's time zone").to_owned())
        }
        Err(e) => Finding::fail("calendar", e.message).hint(e.hints.join("; ")),
    });
    if let Err(e) = desk::away(config) {
        found.push(Finding::fail("calendar", e.message).hint(e.hints.join("; ")));
    }
    found
}

/// Whether the configured file is what reports are held to.
pub fn in_force(config: &Config, ledger: &Ledger, now: Timestamp) -> Option<Finding> {
    let held = ledger.policy_in_force(now).ok()??;
    let (bytes, published) = desk::published_policy(config).ok()??;
    let since = words::exact(held.adopted_at, &config.calendar.zone);
    if held.text == bytes && held.policy == published {
        return None;
    }
    let changes = policy::changes(Some(&held.policy), &published);
    let what = if changes.is_empty() { "no promise is another".to_owned() } else { changes.join("; ") };
    let hint = "the next poll, or sealpost policy adopt, puts it into force for reports from then on";
    Some(
        Finding::warn("policy", format!("{} has changed since it was adopted {since}: {what}", held.file)).hint(hint),
    )
}
