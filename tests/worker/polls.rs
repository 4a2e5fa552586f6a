//! A mailbox with mail that ends the worker, between mail that does not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use sequoia_openpgp::serialize::SerializeInto;
use serde_json::Value;

use crate::make::{FINDER, People, TEAM, long_text, now, program};
use crate::support::{self, private};

/// Address space in KiB, of both processes: enough for all but the reading of a long text.
const LITTLE: u32 = 64 << 10;
const GOOD: usize = 9;
const KILLERS: usize = 3;

fn run(home: &Path, little: bool, args: &[&str]) -> (i32, Value) {
    let mut command = Command::new("/bin/sh");
    let limit = if little { format!("ulimit -v {LITTLE}; ") } else { String::new() };
    command.arg("-c").arg(format!("{limit}exec \"$0\" \"$@\"")).arg(program());
    command.arg("--config").arg(home.join("config.toml")).arg("--json").arg("--now").arg(now().to_string()).args(args);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home).env("TZ", "UTC");
    let Output { status, stdout, stderr } = command.output().unwrap();
    let document = serde_json::from_slice(&stdout);
    let document = document.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&stderr)));
    (status.code().unwrap(), document)
}

#[test]
fn one_killer_costs_one_mail_and_is_not_met_twice() {
    let people = People::new();
    let folder = support::folder();
    let home = &folder.path().join("home");
    fs::create_dir(home).unwrap();
    fs::set_permissions(home, fs::Permissions::from_mode(0o700)).unwrap();
    private(&home.join("team.pgp"), &people.team.as_tsk().armored().to_vec().unwrap());
    private(&home.join("certs/finder.pgp"), &people.finder.armored().to_vec().unwrap());
    let config = format!(
        "address = \"{TEAM}\"\n[maildir]\npath = \"inbox\"\n[openpgp]\nsecret_keys = [\"team.pgp\"]\ncerts = [\"certs\"]\n\
         [ledger]\npath = \"ledger.db\"\n"
    );
    private(&home.join("config.toml"), config.as_bytes());
    for part in ["cur", "tmp", "new"] {
        fs::create_dir_all(home.join("inbox").join(part)).unwrap();
    }
    let text = long_text(17 << 20);
    for n in 0..GOOD + KILLERS {
        let short = format!("report {n}: the parser believes the length\n").into_bytes();
        let raw = people.mail(n, &if n % 4 == 1 { [short, text.clone()].concat() } else { short });
        private(&home.join(format!("inbox/new/{}.M{n}.mx", now().as_second() + i64::try_from(n).unwrap())), &raw);
    }
    let killed = |report: &&Value| !report["quarantined"].is_null();
    let reports = |little| {
        let (_, listed) = run(home, little, &["list", "--all"]);
        let reports = listed["reports"].as_array().unwrap().clone();
        assert_eq!(reports.len(), GOOD + KILLERS);
        reports
    };

    let (status, tally) = run(home, true, &["poll"]);
    assert_eq!((status, &tally["stored"], &tally["reports_opened"]), (3, &12.into(), &12.into()), "{tally}");
    assert_eq!(tally["quarantined"], KILLERS, "{tally}");
    let first = reports(false);
    assert_eq!(first.iter().filter(killed).count(), KILLERS);
    for report in &first {
        assert_eq!(report["reporter"]["address"], FINDER, "{report}");
        assert!(report["clocks"].as_array().is_some_and(|clocks| !clocks.is_empty()), "it has no clock: {report}");
        match report["quarantined"].as_str() {
            Some(reason) => assert!(reason == "reading it took more than 64 MiB of memory", "{reason}"),
            None => assert_eq!(report["encryption"], "encrypted"),
        }
    }

    // What a person sees of one.
    let killer = first.iter().find(killed).unwrap();
    let mut show = Command::new(program());
    show.arg("--config").arg(home.join("config.toml")).arg("show").arg(killer["id"].to_string());
    let shown = show.env_clear().env("HOME", home).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    println!("{shown}");
    assert!(shown.contains("quarantined: reading it took more than") && shown.contains(FINDER), "{shown}");

    // With memory enough they would be read now, but nothing says that a killer is harmless today.
    let (status, tally) = run(home, false, &["poll"]);
    assert_eq!((status, &tally["stored"], &tally["opened_later"]), (0, &0.into(), &0.into()), "{tally}");
    assert_eq!(reports(false).iter().filter(killed).count(), KILLERS);

    // Another key is no reason either.
    private(&home.join("certs/other.pgp"), &crate::make::person("other@example.net").armored().to_vec().unwrap());
    let more = crate::make::person("old@example.org").as_tsk().armored().to_vec().unwrap();
    private(&home.join("old.pgp"), &more);
    private(&home.join("config.toml"), config.replace("[\"team.pgp\"]", "[\"team.pgp\", \"old.pgp\"]").as_bytes());
    let (_, tally) = run(home, false, &["poll"]);
    assert_eq!(tally["opened_later"], 0, "{tally}");
    assert_eq!(reports(false).iter().filter(killed).count(), KILLERS);

    // Asked for, they are tried: in vain at first.
    let (status, tally) = run(home, true, &["poll", "--retry-quarantined"]);
    assert_eq!((status, &tally["opened_later"]), (0, &0.into()), "{tally}");
    assert_eq!(reports(false).iter().filter(killed).count(), KILLERS);
    let (_, tally) = run(home, false, &["poll", "--retry-quarantined"]);
    assert_eq!(tally["opened_later"], KILLERS, "{tally}");
    for report in reports(false) {
        assert_eq!((&report["encryption"], &report["quarantined"]), (&"encrypted".into(), &Value::Null));
    }
    let (status, audit) = run(home, false, &["audit"]);
    assert_eq!((status, &audit["ok"]), (0, &true.into()), "{audit}");
    support::figure("worker: killers in a mailbox", &format!("mails {}, killers {KILLERS}, lost 0", GOOD + KILLERS));
}
