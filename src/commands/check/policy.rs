//! The published policy, the calendar, and whether what is promised is what is in force.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::clock::calendar::{Calendar, Holidays};
use crate::clock::words;
use crate::commands::{desk, policy};
use crate::config::Config;
use crate::ledger::Ledger;
use crate::output::health::Finding;

/// The file and the calendar. A file that cannot be read stops no poll where a version of it is in force.
pub fn look(config: &Config, ledger: Option<&Ledger>, now: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    match desk::published_policy(config) {
        Ok(None) => found.push(
            Finding::warn("policy", "no policy is configured: as a stand-in, a first answer is due in 2 working days")
                .hint("set file in [policy] to your SECURITY.md"),
        ),
        Ok(Some((_, published))) => {
            found.push(if published.promises_an_answer() {
                Finding::ok("policy", "it promises a time to a first answer")
            } else {
                Finding::warn("policy", "it promises no time to a first answer")
                    .hint("sealpost policy check shows what it does promise")
            });
            found.extend(policy::unclocked(&published).into_iter().map(|words| {
                Finding::warn("promise", words)
                    .hint("count it from something that is recorded, such as the report or the release")
            }));
        }
        Err(e) if ledger.is_some_and(|ledger| ledger.policy_in_force(now).is_ok_and(|held| held.is_some())) => {
            found.push(
                Finding::warn("policy", format!("{}; the policy last read stays in force", e.message))
                    .hint(e.hints.join("; ")),
            );
        }
        Err(e) => found.push(Finding::fail("policy", e.message).hint(e.hints.join("; "))),
    }
    found.push(match desk::calendar(config) {
        Ok(calendar) => Finding::ok("calendar", in_words(&calendar, config)),
        Err(e) => Finding::fail("calendar", e.message).hint(e.hints.join("; ")),
    });
    if let Ok(days) = desk::days_off(&config.calendar.holidays, config) {
        found.extend(doubts(days.warnings.iter().chain(&days.no_days)));
        found.extend(over(&days, config.calendar.now(now).date()));
    }
    match desk::away(config) {
        Ok((_, warnings)) => found.extend(doubts(warnings.iter())),
        Err(e) => found.push(Finding::fail("calendar", e.message).hint(e.hints.join("; "))),
    }
    found
}

fn in_words(calendar: &Calendar, config: &Config) -> String {
    let zone = calendar.zone().iana_name().unwrap_or("the system's time zone");
    match config.calendar.hours {
        Some((open, close)) => format!("{zone}, {} to {}", open.strftime("%H:%M"), close.strftime("%H:%M")),
        None => zone.to_owned(),
    }
}

/// The first few things that are odd about calendar files.
fn doubts<'a>(mut warnings: impl Iterator<Item = &'a String>) -> Vec<Finding> {
    let told =
        |words: String| Finding::warn("calendar", words).hint("put it right in the calendar file, or take it out");
    let mut found: Vec<Finding> = warnings.by_ref().take(3).map(|warning| told(warning.clone())).collect();
    match warnings.count() {
        0 => {}
        n => found.push(told(format!("{} more of this kind", n))),
    }
    found
}

/// Holidays that nobody wrote down count as working days.
fn over(days: &Holidays, today: Date) -> Option<Finding> {
    let last = days.last().filter(|last| *last < today)?;
    let words = format!("the last holiday in the calendar files was {last}: none is known to come");
    Some(Finding::warn("calendar", words).hint("add those of this year and the next"))
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
    Some(Finding::warn("policy", format!("{} has changed since it was adopted {since}: {what}", held.file)).hint(hint))
}
