//! `docs/json.md` against the program: every document that it prints has the fields, the types and the absences that the page
//! names, and no others; and so have the examples on the page.

#[path = "support/private.rs"]
mod private;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Documents by command, and objects with the types of their fields, as the page has them.
struct Page {
    documents: BTreeMap<String, String>,
    objects: BTreeMap<String, BTreeMap<String, String>>,
    examples: Vec<(String, Value)>,
}

fn page() -> Page {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md")).unwrap();
    let mut page = Page { documents: BTreeMap::new(), objects: BTreeMap::new(), examples: Vec::new() };
    let mut heading = String::new();
    let mut example: Option<String> = None;
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title.to_owned();
        } else if line == "```json" {
            example = Some(String::new());
        } else if line == "```" {
            let text = example.take().unwrap();
            page.examples
                .push((heading.clone(), serde_json::from_str(&text).unwrap_or_else(|e| panic!("{heading}: {e}"))));
        } else if let Some(text) = &mut example {
            text.push_str(line);
            text.push('\n');
        } else if let Some(row) = line.strip_prefix("| `") {
            let cells: Vec<&str> = row.trim_end_matches(" |").splitn(3, " | ").collect();
            let name = cells[0].trim_end_matches('`').to_owned();
            if cells.len() == 2 {
                page.documents.insert(name, cells[1].to_owned());
            } else {
                let fields = page.objects.entry(heading.clone()).or_default();
                assert!(fields.insert(name.clone(), cells[1].to_owned()).is_none(), "{heading} names {name} twice");
                assert!(cells[2].len() > 3, "{heading} does not say what {name} means");
            }
        }
    }
    page
}

impl Page {
    /// What is wrong with an object. `met` collects the objects and fields that were seen.
    fn object(&self, name: &str, got: &Value, at: &str, met: &mut BTreeSet<String>) -> Vec<String> {
        let Some(fields) = self.objects.get(name) else { return vec![format!("{at}: the page has no section {name}")] };
        let Some(object) = got.as_object() else { return vec![format!("{at} is no object: {got}")] };
        met.insert(name.to_owned());
        let mut wrong = Vec::new();
        for (field, kind) in fields {
            if !object.contains_key(field) && !kind.ends_with(", optional") {
                wrong.push(format!("{at}.{field} is missing, and {name} says that it is always there"));
            }
        }
        for (field, value) in object {
            match fields.get(field) {
                None => wrong.push(format!("{at}.{field} stands not in {name}")),
                Some(kind) => {
                    met.insert(format!("{name}.{field}"));
                    let kind = kind.trim_end_matches(", optional");
                    wrong.extend(self.value(kind, value, &format!("{at}.{field}"), met));
                }
            }
        }
        wrong
    }

    fn value(&self, kind: &str, got: &Value, at: &str, met: &mut BTreeSet<String>) -> Vec<String> {
        if let Some(kind) = kind.strip_suffix(" or null") {
            return if got.is_null() { Vec::new() } else { self.value(kind, got, at, met) };
        }
        if let Some(of) = kind.strip_prefix("list of ") {
            let Some(list) = got.as_array() else { return vec![format!("{at} is no list: {got}")] };
            return list.iter().enumerate().flat_map(|(n, v)| self.value(of, v, &format!("{at}[{n}]"), met)).collect();
        }
        let fits = match kind {
            "string" => got.is_string(),
            "integer" => got.is_i64() || got.is_u64(),
            "number" => got.is_number(),
            "boolean" => got.is_boolean(),
            "object" | "document" => got.is_object(),
            "time" => got.as_str().is_some_and(|t| t.ends_with('Z') && t.parse::<jiff::Timestamp>().is_ok()),
            name => return self.object(name, got, at, met),
        };
        if fits { Vec::new() } else { vec![format!("{at} is not of type {kind}: {got}")] }
    }
}

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let bench = Bench { folder: tempfile::tempdir().unwrap() };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (name, source) in [
            ("config.toml", "fixtures/cmd/send.toml"),
            ("team.pgp", "keys/team.pgp"),
            ("finder.asc", "fixtures/cmd/finder.asc"),
            ("SECURITY.md", "fixtures/cmd/policy.md"),
            ("sealed.eml", "fixtures/cmd/sealed.eml"),
            ("foreign.eml", "fixtures/cmd/foreign.eml"),
            ("signed.eml", "fixtures/cmd/signed.eml"),
        ] {
            bench.write(name, &fs::read(root.join(source)).unwrap());
        }
        let send = fs::read_to_string(root.join("fixtures/cmd/send.toml")).unwrap();
        bench.write("later.toml", send.replace("cat > sent.eml", "exit 75").as_bytes());
        let mut policy = fs::read(root.join("fixtures/cmd/policy.md")).unwrap();
        policy.extend_from_slice(b"\nWe give distributors at least 24 hours of notice before a release.\n");
        bench.write("SECURITY.md", &policy);
        let head = "Received: by mail.example.org; Mon, 02 Mar 2026";
        bench.write("plain.eml", format!("{head} 10:00:00 +0000\nFrom: B. Seeker <seeker@example.com>\nTo: security@example.org\nSubject: Crash\nMessage-ID: <a@example.com>\n\nIt crashes.\n").as_bytes());
        bench.write("stranger.eml", format!("{head} 10:30:00 +0000\nFrom: third@example.net\nTo: security@example.org\nCc: fourth@example.net\nReply-To: fifth@example.net\nSubject: Re: Crash\nIn-Reply-To: <a@example.com>\n\nMe too.\n").as_bytes());
        bench.write("away.eml", format!("{head} 11:00:00 +0000\nFrom: fifth@example.net\nSubject: Out of office\nAuto-Submitted: auto-replied\n\nBack on Monday.\n").as_bytes());
        bench.write("answer.txt", b"Thank you. We could reproduce it.\n");
        bench.write("range.toml", b"first_response = { amount = 5, unit = \"day\", min = 3, approx = true }\n[[by_severity]]\nseverity = \"high\"\nfix = \"2 weeks\"\n");
        for folder in ["mail", "mail/new", "mail/cur", "mail/tmp"] {
            fs::create_dir(bench.folder.path().join(folder)).unwrap();
        }
        bench
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        private::private(&self.folder.path().join(name), bytes);
    }

    fn run(&self, args: &[&str], status: i32) -> Value {
        let dir = self.folder.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
        command.args(["--json"]).args(args).current_dir(dir).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", dir).env("TZ", "UTC");
        command.env("SEALPOST_NOW", "2026-03-02T12:00:00Z").env("SEALPOST_CONFIG", dir.join("config.toml"));
        let output = command.output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}\n{stdout}{stderr}");
        serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{args:?}: {e}\n{stdout}"))
    }
}

const FINGERPRINT: &str = "2989198E55D8F0CB241F7BE24B1236B934E04CBA";

/// Each: the command as the page's first table has it, its arguments, its exit status.
const RUNS: &[(&str, &str, i32)] = &[
    ("import", "import sealed.eml plain.eml stranger.eml", 0),
    ("import", "import foreign.eml away.eml signed.eml", 3),
    ("poll", "poll", 0),
    ("open", "open sealed.eml", 0),
    ("open", "open signed.eml", 0),
    ("open", "open foreign.eml", 3),
    ("open", "open plain.eml", 0),
    ("list --automatic", "list --automatic", 0),
    ("show --raw", "show 1 --raw 1", 0),
    ("save", "save 1 2", 0),
    ("key list", "key list", 0),
    ("key import", "key import finder.asc", 0),
    ("key pin", "key pin finder@example.net FINGERPRINT", 0),
    ("key export", "key export", 0),
    ("key generate", "key generate new.pgp --no-passphrase --years 1", 0),
    ("key list", "key list", 0),
    ("key check", "key check", 3),
    ("reply --dry-run", "reply 1 --message-file answer.txt --dry-run", 0),
    ("reply", "reply 1 --message-file answer.txt --later", 0),
    ("outbox", "outbox", 0),
    ("outbox list", "outbox list", 0),
    ("outbox send", "outbox send", 0),
    ("reply", "reply 1 --message-file answer.txt --later", 0),
    ("outbox drop", "outbox drop 2", 0),
    ("reply", "--config later.toml reply 1 --message-file answer.txt", 3),
    ("poll", "--config later.toml poll", 3),
    ("outbox", "outbox", 0),
    ("show", "show 1", 0),
    ("outbox send", "outbox send", 0),
    ("reply", "reply 1 --message-file answer.txt", 0),
    ("mark", "mark 1 valid --note reproduced", 0),
    ("mark", "mark 2 acknowledged", 0),
    ("assign", "assign 1 alice", 0),
    ("assign", "assign 1 --none", 0),
    ("severity", "severity 1 critical", 0),
    ("severity", "severity 1 --none", 0),
    ("note", "note 1 words", 0),
    ("tag", "tag 1 memory", 0),
    ("tag", "tag 1 slop", 0),
    ("tag", "tag 1 slop --remove", 0),
    ("link", "link 1 2", 0),
    ("show", "show 1", 0),
    ("unlink", "unlink 1", 0),
    ("wait", "wait 1", 0),
    ("list", "list --all", 0),
    ("resume", "resume 1", 0),
    ("close", "close 1 --reason done", 0),
    ("reopen", "reopen 1", 0),
    ("list", "list", 0),
    ("show", "show 1", 0),
    ("show", "show 2", 0),
    ("show", "show 3", 0),
    ("show", "show 4", 0),
    ("policy check", "policy check", 0),
    ("policy check", "policy check SECURITY.md --explain", 0),
    ("policy check", "policy check range.toml", 0),
    ("show", "show 1 --why-due", 0),
    ("plan", "plan 1", 0),
    ("policy log", "policy log", 0),
    ("policy propose", "policy propose", 0),
    ("policy adopt", "policy adopt", 0),
    ("policy adopt", "policy adopt range.toml", 0),
    ("stats", "stats", 0),
    ("stats", "stats --by month", 0),
    ("report --html", "report --html page.html", 0),
    ("check", "check --offline", 3),
    ("audit", "audit", 0),
    ("backup", "backup backup.pgp", 0),
    ("audit", "audit --write-anchor anchor.asc", 0),
    ("audit", "audit --anchor anchor.asc", 0),
    ("audit --salvage", "audit --salvage rescued", 0),
    ("restore", "restore --replace backup.pgp", 0),
    ("audit", "audit --anchor anchor.asc --anchor plain.eml", 1),
    ("restore --key-only", "restore --key-only backup.pgp", 0),
    ("init", "--config other/config.toml init --address security@example.org --maildir mail", 0),
    ("demo", "demo --folder demo", 0),
    ("completions", "completions bash", 0),
    ("man", "man", 0),
];

#[test]
fn every_document_is_as_the_page_says() {
    let (page, bench, mut met) = (page(), Bench::new(), BTreeSet::new());
    let mut wrong = Vec::new();
    let mut commands: BTreeSet<&str> = BTreeSet::new();
    for (command, args, status) in RUNS {
        commands.insert(command);
        let args = args.replace("FINGERPRINT", FINGERPRINT);
        if *command == "restore --key-only" {
            fs::remove_file(bench.folder.path().join("data/ledger.key")).unwrap();
        }
        let document = bench.run(&args.split(' ').collect::<Vec<_>>(), *status);
        let Some(name) = page.documents.get(*command) else {
            wrong.push(format!("the page has no document for {command}"));
            continue;
        };
        wrong.extend(page.object(name, &document, command, &mut met));
        if *command == "demo" {
            for step in document["steps"].as_array().unwrap() {
                let line = step["command"].as_str().unwrap().trim_start_matches("sealpost ");
                let found = page.documents.keys().filter(|c| line.starts_with(c.as_str())).max_by_key(|c| c.len());
                let name = found.map_or("MESSAGE", |c| page.documents[c].as_str());
                wrong.extend(page.object(name, &step["output"], &format!("demo: {line}"), &mut met));
            }
        }
    }
    for (args, status) in
        [("show 99", 1), ("mark", 2), ("reply 2 --message-file answer.txt", 2), ("--config no.toml list", 2)]
    {
        let document = bench.run(&args.split(' ').collect::<Vec<_>>(), status);
        wrong.extend(page.object("FAILURE", &document, args, &mut met));
    }
    wrong
        .extend(page.documents.keys().filter(|c| !commands.contains(c.as_str())).map(|c| format!("{c} was never run")));
    wrong.extend(page.objects.keys().filter(|o| !met.contains(*o)).map(|o| format!("{o} was never met")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let fields: usize = page.objects.values().map(BTreeMap::len).sum();
    let seen = met.iter().filter(|m| m.contains('.')).count();
    println!("{} documents, {} objects, {seen} of {fields} fields met", RUNS.len() + 4, page.objects.len());
    assert!(seen * 10 >= fields * 8, "only {seen} of {fields} fields were met");
}

#[test]
fn the_examples_are_as_the_page_says() {
    let page = page();
    assert!(page.examples.len() >= 10, "only {} examples", page.examples.len());
    let wrong: Vec<String> =
        page.examples.iter().flat_map(|(name, value)| page.object(name, value, name, &mut BTreeSet::new())).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
