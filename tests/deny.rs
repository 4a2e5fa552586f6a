//! `deny.toml` on every run, without a network: licences, sources, duplicates, floors. `cargo deny check` says more, advisories above
//! all, and needs a program that takes minutes to build and a database that is fetched; where it is installed, tests/run asks it too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use toml::Value;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    toml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn words<'a>(table: &'a Value, section: &str, name: &str) -> Vec<&'a str> {
    let list = table.get(section).and_then(|s| s.get(name)).and_then(Value::as_array);
    list.unwrap_or_else(|| panic!("deny.toml has no {section}.{name}")).iter().map(|v| v.as_str().unwrap()).collect()
}

fn setting<'a>(deny: &'a Value, section: &str, name: &str) -> &'a str {
    deny[section][name].as_str().unwrap()
}

/// True where an SPDX expression can be met with the allowed licences alone. Anything it cannot read is not allowed.
fn may_use(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    either(&tokens, &mut at, allowed).is_some_and(|met| met && at == tokens.len())
}

fn either(tokens: &[&str], at: &mut usize, allowed: &[&str]) -> Option<bool> {
    let mut met = both(tokens, at, allowed)?;
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(tokens, at, allowed)?;
    }
    Some(met)
}

fn both(tokens: &[&str], at: &mut usize, allowed: &[&str]) -> Option<bool> {
    let mut met = one(tokens, at, allowed)?;
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(tokens, at, allowed)?;
    }
    Some(met)
}

fn one(tokens: &[&str], at: &mut usize, allowed: &[&str]) -> Option<bool> {
    let token = *tokens.get(*at)?;
    *at += 1;
    if token == "(" {
        let met = either(tokens, at, allowed)?;
        let closed = tokens.get(*at) == Some(&")");
        *at += 1;
        return closed.then_some(met);
    }
    if tokens.get(*at) == Some(&"WITH") {
        let exception = tokens.get(*at + 1)?;
        *at += 2;
        return Some(allowed.contains(&format!("{token} WITH {exception}").as_str()));
    }
    Some(token != "AND" && token != "OR" && token != ")" && allowed.contains(&token))
}

/// Numbers of a version, for comparing; a pre-release counts as its release.
fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap();
    plain.split('.').map(|n| n.parse().unwrap_or_else(|_| panic!("a version that is none: {version}"))).collect()
}

/// The packages of Cargo.lock: for every platform and every feature.
fn locked() -> Vec<BTreeMap<String, String>> {
    let lock = read("Cargo.lock");
    let text = |package: &Value| {
        package.as_table().unwrap().iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
    };
    let all: Vec<BTreeMap<String, String>> = lock["package"].as_array().unwrap().iter().map(text).collect();
    assert!(all.len() > 100, "Cargo.lock has only {} packages", all.len());
    all
}

#[test]
fn every_licence_is_allowed() {
    let deny = read("deny.toml");
    let allowed = words(&deny, "licenses", "allow");
    let target = Command::new(env!("CARGO")).args(["-vV"]).output().unwrap().stdout;
    let target = String::from_utf8(target).unwrap();
    let host = target.lines().find_map(|l| l.strip_prefix("host: ")).unwrap().to_owned();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", &host]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "only {} packages", packages.len());
    let mut wrong = Vec::new();
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("none named");
        if !may_use(licence, &allowed) {
            wrong.push(format!("{} {}: {licence}", package["name"], package["version"]));
        }
    }
    assert!(wrong.is_empty(), "not allowed by deny.toml:\n{}", wrong.join("\n"));
}

#[test]
fn everything_comes_from_the_registry_with_its_checksum() {
    let deny = read("deny.toml");
    for name in ["unknown-registry", "unknown-git"] {
        assert_eq!(setting(&deny, "sources", name), "deny");
    }
    for package in locked() {
        if package["name"] == "sealpost" {
            continue;
        }
        let source = package.get("source").map_or("a folder", String::as_str);
        assert_eq!(
            source, "registry+https://github.com/rust-lang/crates.io-index",
            "{} comes from there",
            package["name"]
        );
        assert_eq!(package.get("checksum").map_or(0, String::len), 64, "{} has no checksum", package["name"]);
    }
}

#[test]
fn no_library_is_there_twice_but_for_those_named() {
    let deny = read("deny.toml");
    assert_eq!(setting(&deny, "bans", "multiple-versions"), "deny");
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in locked() {
        versions.entry(package["name"].clone()).or_default().insert(package["version"].clone());
    }
    let skipped: BTreeSet<String> = deny["bans"]["skip"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            assert!(entry["reason"].as_str().is_some_and(|reason| reason.len() > 10), "no reason: {entry}");
            entry["crate"].as_str().unwrap().to_owned()
        })
        .collect();
    let mut wrong = Vec::new();
    for (name, all) in &versions {
        let left: Vec<&String> = all.iter().filter(|v| !skipped.contains(&format!("{name}@{v}"))).collect();
        if left.len() > 1 {
            wrong.push(format!("{name} {left:?}"));
        }
    }
    assert!(wrong.is_empty(), "there twice, and not named in deny.toml:\n{}", wrong.join("\n"));
    for entry in &skipped {
        let (name, version) = entry.split_once('@').unwrap();
        let there = versions.get(name).is_some_and(|all| all.contains(version) && all.len() > 1);
        assert!(there, "deny.toml names {entry}, which is not there twice any more");
    }
}

/// Versions with known holes, and libraries that must not come in at all.
#[test]
fn nothing_denied_is_there() {
    let deny = read("deny.toml");
    let entries = deny["bans"]["deny"].as_array().unwrap();
    assert!(entries.len() > 3);
    let mut wrong = Vec::new();
    for entry in entries {
        let spec = entry["crate"].as_str().unwrap();
        let (name, below) = match spec.split_once('@') {
            Some((name, range)) => {
                (name, Some(range.strip_prefix('<').unwrap_or_else(|| panic!("not understood: {spec}"))))
            }
            None => (spec, None),
        };
        for package in locked().iter().filter(|p| p["name"] == name) {
            if below.is_none_or(|below| numbers(&package["version"]) < numbers(below)) {
                wrong.push(format!("{name} {}: {}", package["version"], entry["reason"]));
            }
        }
    }
    assert!(wrong.is_empty(), "denied:\n{}", wrong.join("\n"));
}

#[test]
fn wildcards_are_not_asked_for() {
    assert_eq!(setting(&read("deny.toml"), "bans", "wildcards"), "deny");
    let manifest = read("Cargo.toml");
    for section in ["dependencies", "dev-dependencies"] {
        for (name, wanted) in manifest[section].as_table().unwrap() {
            let version = wanted.as_str().or_else(|| wanted.get("version").and_then(Value::as_str));
            assert!(version.is_some_and(|v| !v.contains('*')), "{name} asks for any version");
        }
    }
}

#[test]
fn expressions_are_understood() {
    let allowed = ["MIT", "Apache-2.0", "Zlib", "Apache-2.0 WITH LLVM-exception"];
    for (expression, good) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("MIT AND GPL-3.0-only", false),
        ("MIT/Apache-2.0", true),
        ("(MIT OR GPL-2.0) AND Zlib", true),
        ("(MIT AND GPL-2.0) OR (GPL-2.0 AND Zlib)", false),
        ("GPL-2.0 OR MIT AND Zlib", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true),
        ("Apache-2.0 WITH other-exception", false),
        ("MIT OR", false),
        ("(MIT", false),
        ("MIT Zlib", false),
        ("none named", false),
        ("", false),
    ] {
        assert_eq!(may_use(expression, &allowed), good, "{expression:?}");
    }
    assert!(numbers("0.11.9") < numbers("0.11.22") && numbers("2.4.2") >= numbers("2.1"));
}
