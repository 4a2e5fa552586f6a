//! Keeps the layers of `src/lib.rs` honest: who may import what, no hidden clock, no stray exit.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every source file below src/, with its text, without its test module.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("\n#[cfg(test)]").next().unwrap_or_default().to_owned();
                found.insert(name, code);
            }
        }
    }
    assert!(found.len() > 30, "only {} source files found", found.len());
    found
}

/// `message/html.rs` belongs to the module `message`.
fn module(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or_default()
}

/// The code of a file, without comments and doc comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|l| l.split("//").next().unwrap_or_default())
}

/// The modules of ours that a file names by `crate::`.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in code(text) {
        for rest in line.split("crate::").skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                found.push(name);
            } else if let Some(list) = rest.strip_prefix('{') {
                let inner = list.split('}').next().unwrap_or_default();
                found.extend(inner.split(',').map(|w| w.trim().split(':').next().unwrap_or_default().to_owned()));
            }
        }
    }
    found
}

const CORE: [&str; 7] = ["message", "verdict", "report", "likeness", "case", "clock", "reply"];
const LEAVES: [&str; 3] = ["secret", "safe", "point"];
const EDGES: [&str; 3] = ["wire", "pgp", "ledger"];

#[test]
fn layers_import_downwards_only() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let here = module(&file).to_owned();
        for there in imports(&text) {
            if there == here {
                continue;
            }
            let leaf = LEAVES.contains(&there.as_str());
            let core_at = CORE.iter().position(|m| *m == there);
            let ok = match here.as_str() {
                m if LEAVES.contains(&m) => false,
                m if CORE.contains(&m) => leaf || core_at < CORE.iter().position(|c| *c == m) && core_at.is_some(),
                "wire" if file == "wire/outbox.rs" || file.starts_with("wire/outbox/") => {
                    leaf || core_at.is_some() || there == "pgp"
                }
                // Only opening: what reads strangers' mail meets no server and no ledger.
                "worker" => leaf || core_at.is_some() || there == "pgp",
                m if EDGES.contains(&m) => leaf || core_at.is_some(),
                "cli" => core_at.is_some(),
                "output" => leaf || core_at.is_some(),
                "config" => there == "error",
                "error" => false,
                _ => true,
            };
            if !ok {
                wrong.push(format!("src/{file} imports crate::{there}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn outside_libraries_stay_in_their_room() {
    // library, the modules or files that may name it
    let rooms: [(&str, &[&str]); 20] = [
        ("sequoia_openpgp", &["pgp"]),
        ("mailparse", &["message"]),
        ("html5gum", &["message"]),
        ("pulldown_cmark", &["clock/published"]),
        ("icalendar", &["clock/holidays"]),
        ("rusqlite", &["ledger"]),
        ("imap", &["wire"]),
        ("lettre", &["wire"]),
        ("rustls", &["wire"]),
        ("mail_builder", &["pgp/seal"]),
        ("clap", &["cli", "main.rs", "commands.rs"]),
        ("clap_mangen", &["commands"]),
        ("indicatif", &["commands"]),
        ("landlock", &["worker/sandbox"]),
        ("seccompiler", &["worker/sandbox"]),
        ("libc", &["worker/sandbox"]),
        ("nix", &["worker/sandbox"]),
        ("aes", &["pgp/locked", "ledger/salvage/pages"]),
        ("cbc", &["ledger/salvage/pages"]),
        ("hmac", &["ledger/salvage/pages"]),
    ];
    let all = sources();
    let mut wrong = Vec::new();
    for (library, allowed) in rooms {
        for (file, text) in &all {
            let names = code(text).any(|line| {
                line.match_indices(library).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    let after = &line[at + library.len()..];
                    before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') && after.starts_with("::")
                        || line.trim_start().starts_with(&format!("use {library};"))
                        || line.trim_start().starts_with(&format!("use {library} as"))
                })
            });
            if names && !allowed.iter().any(|room| file.starts_with(room)) {
                wrong.push(format!("src/{file} names {library}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Fields of what `output` shows that are plain text: words of ours, digits, names of algorithms, what the configuration or the
/// document of a policy says. Everything that a stranger may have written is `safe::Foreign`, which cannot be printed by mistake.
/// A new field is either that or has a place here, with whose words it is.
const OUR_WORDS: [(&str, &[&str], &str); 15] = [
    (
        "backup.rs",
        &["file", "head", "encrypted_to", "signed_by", "ledger", "moved_aside", "key"],
        "paths of the operator, digits",
    ),
    ("demo.rs", &["about", "command"], "the demo's own script"),
    ("health.rs", &["head", "wrote", "file", "signed_by", "folder"], "digits; paths of the operator"),
    (
        "intake.rs",
        &["source", "warnings"],
        "the configuration's words, and ours, which quote through safe; shown through safe again",
    ),
    ("keys.rs", &["fingerprint", "source"], "digits; one of six words"),
    ("list.rs", &["notices"], "ours, which quote through safe"),
    (
        "message.rs",
        &["cipher", "aead", "integrity", "decrypted_with", "by", "hash", "path"],
        "names of algorithms, digits",
    ),
    ("outbox.rs", &["state"], "one of six words"),
    (
        "plan.rs",
        &["uid", "zone", "notices", "team_time", "reporter_time", "kind", "said"],
        "digits, times, the configuration's words, ours",
    ),
    (
        "policy.rs",
        &[
            "file",
            "contacts",
            "pgp_fingerprints",
            "required_report_fields",
            "supported_versions",
            "warnings",
            "quote",
            "number",
            "why",
        ],
        "of a document that a person named; shown through safe",
    ),
    ("policy/proposal.rs", &["sentence", "justification", "why_none", "notices"], "ours"),
    (
        "policy/versions.rs",
        &["file", "changes", "notices", "pending"],
        "of a document that a person named; shown through safe",
    ),
    ("report.rs", &["owed_by", "why", "words", "uid"], "a pack's, ours, digits"),
    ("show.rs", &["what"], "the name of an event"),
    ("stats.rs", &["month"], "digits"),
];

#[test]
fn strangers_text_cannot_be_printed_by_mistake() {
    let mut wrong = Vec::new();
    let mut met = std::collections::BTreeSet::new();
    for (file, text) in sources() {
        let Some(file) = file.strip_prefix("output/") else { continue };
        // Only what a command's answer is made of: fields of structs, four blanks deep.
        for line in code(&text) {
            let Some((name, kind)) =
                line.strip_prefix("    ").and_then(|l| l.trim_end().strip_suffix(',')?.split_once(": "))
            else {
                continue;
            };
            let name = name.trim_start_matches("pub ");
            let field = name.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !name.is_empty();
            if !field || !kind.contains("String") || kind.contains(['(', '&', ':']) {
                continue;
            }
            met.insert((file.to_owned(), name.to_owned()));
            if !OUR_WORDS.iter().any(|(there, fields, _)| *there == file && fields.contains(&name)) {
                wrong.push(format!("src/output/{file}: {name}: {kind} is neither Foreign nor in OUR_WORDS"));
            }
        }
    }
    for (file, fields, whose) in OUR_WORDS {
        assert!(whose.len() > 3);
        for field in fields {
            if !met.contains(&(file.to_owned(), (*field).to_owned())) {
                wrong.push(format!(
                    "src/output/{file} has no field {field} of plain text any more: take it off OUR_WORDS"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The way round the type: nothing outside `safe` reads what is in a Foreign.
    let open = |text: &str| code(text).any(|l| l.contains("safe::foreign") || l.contains("inside::Text"));
    let round: Vec<String> =
        sources().into_iter().filter(|(f, t)| !f.starts_with("safe") && open(t)).map(|(f, _)| f).collect();
    assert!(round.is_empty(), "{round:?} go round safe");
}

#[test]
fn now_is_an_argument_and_main_is_the_only_exit() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if file == "main.rs" {
            continue;
        }
        for (word, why) in [
            ("Timestamp::now(", "reads the wall clock"),
            ("Zoned::now(", "reads the wall clock"),
            ("SystemTime::now(", "reads the wall clock"),
            ("process::exit(", "exits"),
            ("println!(", "prints by itself"),
            ("print!(", "prints by itself"),
        ] {
            for line in code(&text) {
                let found = line
                    .match_indices(word)
                    .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
                if found {
                    wrong.push(format!("src/{file} {why}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn core_is_pure() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if !CORE.contains(&module(&file)) {
            continue;
        }
        for word in ["std::fs", "std::net", "std::env", "std::process", "std::io::stdin"] {
            if code(&text).any(|l| l.contains(word)) {
                wrong.push(format!("src/{file} touches {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_readable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let long: Vec<String> = sources()
        .iter()
        .map(|(file, code)| (file, code.lines().count()))
        .filter(|(_, lines)| *lines > 700)
        .map(|(file, lines)| format!("{}: {lines} lines", root.join(file).display()))
        .collect();
    assert!(long.is_empty(), "longer than 700 lines without their tests:\n{}", long.join("\n"));
}

/// In `docs/threat-model.md` what stands between backticks in the last column is a file or a folder, or the name of a test.
#[test]
fn the_threat_model_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let mut tests = String::new();
    for folder in ["src", "tests"] {
        read_all(&root.join(folder), &mut tests);
    }
    let (mut rows, mut wrong) = (0, Vec::new());
    for line in
        page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---") && !line.starts_with("| id"))
    {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [id, _, _, held] = cells[..] else { panic!("four columns: {line}") };
        rows += 1;
        assert!(held.trim().len() > 4, "{id} says nothing");
        for name in held.split('`').skip(1).step_by(2).filter(|name| !name.contains(' ')) {
            let there =
                root.join(name).exists() || tests.contains(&format!("fn {name}(")) || name == "check" || name == "link";
            if !there {
                wrong.push(format!("{}: {name}", id.trim()));
            }
        }
    }
    assert!(rows > 80, "only {rows} rows");
    assert!(wrong.is_empty(), "the threat model names what is not there:\n{}", wrong.join("\n"));
}

fn read_all(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
