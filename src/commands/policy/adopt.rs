//! `sealpost policy adopt` and `sealpost policy log`.

use std::path::{Path, PathBuf};

use crate::clock::explain;
use crate::clock::policy::{ResponsePolicy, Target};
use crate::commands::desk::{self, Desk};
use crate::commands::{App, Done, books};
use crate::config::Config;
use crate::error::Error;
use crate::ledger::AdoptedPolicy;
use crate::output::policy::versions::{Adopted, Version, Versions};

/// Puts a policy into force, from now on and for new reports only.
pub fn adopt(app: &App, file: Option<&Path>) -> anyhow::Result<Done> {
    let config = app.config()?;
    let path = file.map(PathBuf::from).or_else(|| config.policy.clone());
    let path = path.ok_or_else(super::none_configured)?;
    let (bytes, policy) = desk::read_policy(&path, &desk::packs_of(&config)?)?;
    let mut ledger = books::write(&config, &books::stamp(app))?;
    let before = ledger.policy_in_force(app.now)?.map(|version| version.policy);
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let adopted = ledger.adopt_policy(&name, &bytes, &policy, &books::stamp(app))?;
    let mut notices = Vec::new();
    if let Some(configured) = config.policy.as_ref().filter(|c| !same_file(c, &path)) {
        notices.push(format!("the configuration names {}: the next poll adopts that file again", configured.display()));
    }
    notices.extend(super::unclocked(&policy));
    let changes = if adopted.is_some() { changes(before.as_ref(), &policy) } else { Vec::new() };
    Ok(Done::new(Adopted {
        file: path.display().to_string(),
        adopted: adopted.is_some(),
        since: adopted,
        changes,
        notices,
    })
    .zone(&config.calendar.zone))
}

/// Every version that was ever in force, with what it changed and how many reports are held to it.
pub fn log(app: &App) -> anyhow::Result<Done> {
    let config = app.config()?;
    let ledger = books::read(app, &config)?;
    let versions = ledger.policies()?;
    let desk = Desk::read(app, &config, &ledger)?;
    let held = held(&desk, &versions);
    let mut before: Option<&ResponsePolicy> = None;
    let mut all = Vec::with_capacity(versions.len());
    for (version, reports) in versions.iter().zip(held) {
        all.push(Version {
            since: version.adopted_at,
            file: version.file.clone(),
            sha256: version.sha256.clone(),
            reports,
            changes: changes(before, &version.policy),
        });
        before = Some(&version.policy);
    }
    let pending = pending(&config, AdoptedPolicy::in_force(&versions, app.now))?;
    Ok(Done::new(Versions { versions: all, pending }).zone(&config.calendar.zone))
}

/// For each version, the reports that arrived under it. The first also counts for what came before it.
fn held(desk: &Desk, versions: &[AdoptedPolicy]) -> Vec<usize> {
    let mut counts = vec![0; versions.len()];
    for (_, report) in desk.all() {
        let after = versions.partition_point(|version| version.adopted_at <= report.received_at);
        if let Some(count) = counts.get_mut(after.saturating_sub(1)) {
            *count += 1;
        }
    }
    counts
}

/// Whether the configured file is not the version in force yet.
fn pending(config: &Config, held: Option<&AdoptedPolicy>) -> Result<Option<String>, Error> {
    let Some((bytes, policy)) = desk::published_policy(config)? else { return Ok(None) };
    let known = held.is_some_and(|held| held.text == bytes && held.policy == policy);
    let file = config.policy.as_deref().unwrap_or(Path::new("")).display();
    Ok((!known).then(|| format!("{file} is not in force yet: the next poll, or sealpost policy adopt, adopts it")))
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// What one version promises otherwise than the one before: "fix: 30 days → 14 days".
pub fn changes(before: Option<&ResponsePolicy>, after: &ResponsePolicy) -> Vec<String> {
    let nothing = ResponsePolicy::default();
    let (old, new) = (promises(before.unwrap_or(&nothing)), promises(after));
    let value = |all: &[(String, String)], name: &str| all.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let mut names: Vec<&String> = old.iter().chain(&new).map(|(name, _)| name).collect();
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(name);
            true
        }
    });
    let line = |name: &String| match (value(&old, name), value(&new, name)) {
        (None, Some(new)) => Some(format!("{name}: {new}")),
        (Some(old), None) => Some(format!("{name}: {old} → nothing")),
        (Some(old), Some(new)) if old != new => Some(format!("{name}: {old} → {new}")),
        _ => None,
    };
    names.into_iter().filter_map(line).collect()
}

fn promises(policy: &ResponsePolicy) -> Vec<(String, String)> {
    let general: [(&str, &Option<Target>); 8] = [
        ("first_response", &policy.first_response),
        ("assessment", &policy.assessment),
        ("fix", &policy.fix),
        ("update_every", &policy.update_every),
        ("prenotice_before_release", &policy.prenotice_before_release),
        ("disclosure_deadline", &policy.disclosure_deadline),
        ("postmortem_after_release", &policy.postmortem_after_release),
        ("reporter_follow_up_after", &policy.reporter_follow_up_after),
    ];
    let mut all: Vec<(String, String)> =
        general.iter().filter_map(|(name, t)| Some(((*name).to_owned(), said(t.as_ref()?)))).collect();
    for s in &policy.by_severity {
        let special = [
            ("first_response", &s.first_response),
            ("assessment", &s.assessment),
            ("fix", &s.fix),
            ("update_every", &s.update_every),
            ("disclosure_deadline", &s.disclosure_deadline),
        ];
        let named = special.iter().filter_map(|(name, t)| Some((format!("{} {name}", s.severity), said(t.as_ref()?))));
        all.extend(named);
    }
    all
}

fn said(target: &Target) -> String {
    let from = target.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
    format!("{}{from}", explain::amount(target))
}
