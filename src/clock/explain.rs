//! Why a clock is due when it is, in sentences that a maintainer can check against a calendar on the wall.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::policy::{Bound, Target, Unit};
use super::{Clock, Kind, Status, packs, words};

/// The whole way from the start to the instant, one line a step, in the local time of `zone`.
pub fn why(clock: &Clock, zone: &TimeZone) -> Vec<String> {
    let exact = |at: Timestamp| words::exact(at, zone);
    let mut lines = vec![format!("starts {}: {}", exact(clock.starts_at), start(clock))];
    lines.push(format!("{}: {}", amount(&clock.target), rule(clock.target.unit)));
    if let Some(only) = &clock.target.applies_to {
        lines.push(format!("promised for {}", crate::safe::short(only, 80)));
    }
    if matches!(clock.kind, Kind::FirstResponse) {
        lines.push("it never pauses".to_owned());
    }
    lines.extend(clock.trace.steps.iter().map(|step| step.in_words(zone)));
    if clock.trace.left_out > 0 {
        lines.push(format!("and {} more such days", clock.trace.left_out));
    }
    lines.extend(conclusion(clock, &exact));
    lines.extend(packs::of(clock.kind).map(|pack| format!("{}: {}", pack.title, pack.note)));
    lines
}

/// What the steps come to.
fn conclusion(clock: &Clock, exact: &dyn Fn(Timestamp) -> String) -> Vec<String> {
    let due = clock.due_at.map(exact);
    if clock.kind == Kind::Prenotice && clock.target.bound != Some(Bound::Max) {
        let earliest = clock.not_before.map(|at| format!("so a release may not be before {}", exact(at)));
        let told = due.map(|due| match clock.status {
            Status::Overdue => format!("released without it: people had to be told by {due}"),
            _ => format!("released before that: people had to be told by {due}"),
        });
        return earliest.into_iter().chain(told).collect();
    }
    let due = due.map(|due| match clock.status {
        Status::Paused => format!("it stands still: if the waiting ended now, it would be due {due}"),
        Status::Waived => format!("so it was due {due}, and is no longer owed"),
        _ => format!("so it is due {due}"),
    });
    let what = if clock.kind == Kind::Disclosure { "details may not be public" } else { "it may not be" };
    due.into_iter().chain(clock.not_before.map(|at| format!("so {what} before {}", exact(at)))).collect()
}

/// "2 working days", "at least 24 hours", "3 to 5 days".
pub fn amount(target: &Target) -> String {
    let lead = match target.bound {
        Some(Bound::Min) => "at least ",
        Some(Bound::Max) => "at most ",
        None => "",
    };
    let low = target.min.map(|min| format!("{min} to ")).unwrap_or_default();
    format!("{lead}{low}{} {}", target.amount, target.unit.word(target.amount))
}

fn start(clock: &Clock) -> String {
    // These two count from nothing else, whatever the policy says.
    let fixed = matches!(clock.kind, Kind::FirstResponse | Kind::Prenotice);
    if let Some(from) = clock.target.from.as_ref().filter(|_| !fixed) {
        return format!("it counts from the {}", crate::safe::short(&from.replace('_', " "), 60));
    }
    match clock.kind {
        Kind::FirstResponse => "the server received the reporter's oldest mail".to_owned(),
        Kind::Update => "our latest answer went out".to_owned(),
        Kind::Prenotice if clock.met_at.is_none() && clock.status != Status::Waived => "the release".to_owned(),
        Kind::Prenotice => "people were told that a release is coming".to_owned(),
        Kind::Postmortem => "the fix was released".to_owned(),
        _ => "the server received the first report".to_owned(),
    }
}

fn rule(unit: Unit) -> &'static str {
    match unit {
        Unit::Hour => "hours run through nights, weekends and holidays",
        Unit::Day => "the same local time on a later calendar day; weekends and holidays count",
        Unit::WorkingDay => "the same local time on a later day that is neither weekend nor holiday",
        Unit::Week => "seven calendar days each, the same local time",
        Unit::Month => "the same day of a later month, or its last",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{CaseState, ReportState};
    use crate::clock::calendar::{Calendar, Holidays};
    use crate::clock::policy::ResponsePolicy;
    use crate::clock::report_clocks;
    use jiff::civil::{Weekday, date};

    #[test]
    fn weekend_holiday_and_daylight_saving_are_named() {
        let zone = Calendar::zone_named("Europe/Berlin").unwrap();
        let easter = Holidays::from_days([(date(2027, 3, 29), "Ostermontag".to_owned())]);
        let calendar = Calendar::new(zone.clone(), &[Weekday::Saturday, Weekday::Sunday], easter).unwrap();
        // Thursday before the clocks go forward on Easter Sunday, 17:00.
        let received_at: Timestamp = "2027-03-25T16:00Z".parse().unwrap();
        let report = ReportState { received_at, wrote_at: vec![received_at], ..ReportState::default() };
        let clocks = report_clocks(&report, &CaseState::default(), &ResponsePolicy::stand_in(), &calendar, received_at);
        let lines = why(&clocks[0], &zone);
        assert_eq!(
            lines,
            [
                "starts Thu 2027-03-25 17:00 CET: the server received the reporter's oldest mail",
                "2 working days: the same local time on a later day that is neither weekend nor holiday",
                "it never pauses",
                "Sat 2027-03-27 does not count: weekend",
                "Sun 2027-03-28 does not count: weekend",
                "Mon 2027-03-29 does not count: holiday (Ostermontag)",
                "daylight saving: UTC+01 at the start, UTC+02 when due",
                "so it is due Tue 2027-03-30 17:00 CEST",
            ]
        );
    }
}
