//! The command line as data: every `tests/cmd/<command>/<case>.toml` is a case. Adding one needs no Rust.
//!
//! A case has `about`, optional `[files]` (path = text) and `[copies]` (path = a file of the project), and `[[run]]`s: `args`, `stdin`,
//! `env`, `status`, and what the run must print: `stdout` (exactly), `stdout_has`, `stdout_lacks`, `stderr` (exactly), `stderr_has`,
//! `json` (a subset of the document), `creates` and `lacks_file`, `file_is` (path = text) and `file_modes` (path = octal mode). Before
//! it, a run may have `writes` (path = text), `removes`, `chmods` (path = octal mode) and `locks` (a file that another run holds).
//! `{dir}` stands for the folder of the case. Environment, clock and time zone are fixed.
//!
//! Every run without `--json` is also searched for what a terminal would obey; `raw = true` says that bytes are what was asked for.

#[path = "support/private.rs"]
mod private;

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    copies: BTreeMap<String, String>,
    #[serde(default)]
    modes: BTreeMap<String, String>,
    run: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    args: Vec<String>,
    #[serde(default)]
    stdin: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    writes: BTreeMap<String, String>,
    #[serde(default)]
    removes: Vec<String>,
    #[serde(default)]
    chmods: BTreeMap<String, String>,
    locks: Option<String>,
    #[serde(default)]
    raw: bool,
    #[serde(default)]
    status: i32,
    stdout: Option<String>,
    #[serde(default)]
    stdout_has: Vec<String>,
    #[serde(default)]
    stdout_lacks: Vec<String>,
    stderr: Option<String>,
    #[serde(default)]
    stderr_has: Vec<String>,
    #[serde(default)]
    stderr_lacks: Vec<String>,
    json: Option<toml::Value>,
    #[serde(default)]
    creates: Vec<String>,
    #[serde(default)]
    lacks_file: Vec<String>,
    #[serde(default)]
    file_is: BTreeMap<String, String>,
    #[serde(default)]
    file_modes: BTreeMap<String, String>,
}

#[test]
fn every_case_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases: Vec<PathBuf> = Vec::new();
    for folder in fs::read_dir(root.join("tests/cmd")).unwrap() {
        for case in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = case.unwrap().path();
            assert!(path.extension().is_some_and(|e| e == "toml"), "{} is not a case", path.display());
            cases.push(path);
        }
    }
    cases.sort();
    assert!(cases.len() >= 60, "only {} cases found", cases.len());
    let mut failures = Vec::new();
    for path in &cases {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let case: Case = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!case.run.is_empty() && !case.about.is_empty(), "{name} says nothing");
        failures.extend(check(root, &case).into_iter().map(|f| format!("{name}: {f}")));
    }
    println!("{} cases", cases.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn check(root: &Path, case: &Case) -> Vec<String> {
    let sandbox = tempfile::tempdir().unwrap();
    let dir = sandbox.path().canonicalize().unwrap();
    let mut wanted: Vec<(&String, Vec<u8>)> = Vec::new();
    for (path, text) in &case.files {
        wanted.push((path, fill(text, &dir).into_bytes()));
    }
    for (path, source) in &case.copies {
        wanted.push((path, fs::read(root.join(source)).unwrap_or_else(|e| panic!("{source}: {e}"))));
    }
    for (path, bytes) in wanted {
        let path = dir.join(path);
        private::private(&path, &bytes);
    }
    chmod(&case.modes, &dir);
    let mut failures = Vec::new();
    for (n, run) in case.run.iter().enumerate() {
        failures.extend(step(run, &dir).into_iter().map(|f| format!("run {} {:?}: {f}", n + 1, run.args)));
    }
    failures
}

fn chmod(modes: &BTreeMap<String, String>, dir: &Path) {
    for (path, mode) in modes {
        let mode = u32::from_str_radix(mode, 8).unwrap();
        fs::set_permissions(dir.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// What happens to the folder between two runs.
fn meanwhile(run: &Run, dir: &Path) -> Option<File> {
    for (path, text) in &run.writes {
        fs::create_dir_all(dir.join(path).parent().unwrap()).unwrap();
        fs::write(dir.join(path), fill(text, dir)).unwrap();
    }
    for path in &run.removes {
        let gone = fs::remove_file(dir.join(path));
        assert!(gone.is_ok() || !dir.join(path).exists(), "{path}");
    }
    chmod(&run.chmods, dir);
    run.locks.as_ref().map(|path| {
        let held = File::options().write(true).open(dir.join(path)).unwrap();
        held.try_lock().unwrap();
        held
    })
}

/// What a terminal would obey, or be fooled by.
fn obeyed(text: &str) -> Option<char> {
    text.chars().find(|c| {
        let control = c.is_control() && !matches!(c, '\n' | '\t');
        control || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    })
}

fn fill(text: &str, dir: &Path) -> String {
    text.replace("{dir}", dir.to_str().unwrap())
}

fn step(run: &Run, dir: &Path) -> Vec<String> {
    let _held = meanwhile(run, dir);
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
    command.args(run.args.iter().map(|a| fill(a, dir))).current_dir(dir).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", dir).env("TZ", "UTC");
    command.env("SEALPOST_NOW", "2026-03-02T12:00:00Z").envs(run.env.iter().map(|(k, v)| (k, fill(v, dir))));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = fill(&run.stdin, dir);
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();

    let mut failures = Vec::new();
    if output.status.code() != Some(run.status) {
        failures.push(format!("left with {:?}, not {}\n{stdout}{stderr}", output.status.code(), run.status));
    }
    let both = [("stdout", &stdout), ("stderr", &stderr)];
    let told = both.iter().filter(|_| !run.raw && !run.args.iter().any(|a| a == "--json"));
    failures.extend(told.filter_map(|(what, text)| Some(format!("{what} has {:?}:\n{text:?}", obeyed(text)?))));
    let exact = |what: &str, got: &str, wanted: &Option<String>| {
        let wanted = fill(wanted.as_ref()?, dir);
        (got != wanted).then(|| format!("{what} is\n{got}\nnot\n{wanted}"))
    };
    failures.extend(exact("stdout", &stdout, &run.stdout));
    failures.extend(exact("stderr", &stderr, &run.stderr));
    for (what, text, words) in [("stdout", &stdout, &run.stdout_has), ("stderr", &stderr, &run.stderr_has)] {
        failures.extend(
            words.iter().filter(|w| !text.contains(&fill(w, dir))).map(|w| format!("{what} lacks {w:?}:\n{text}")),
        );
    }
    for (what, text, words) in [("stdout", &stdout, &run.stdout_lacks), ("stderr", &stderr, &run.stderr_lacks)] {
        failures.extend(
            words.iter().filter(|w| text.contains(&fill(w, dir))).map(|w| format!("{what} has {w:?}:\n{text}")),
        );
    }
    if let Some(wanted) = &run.json {
        match serde_json::from_str::<serde_json::Value>(&stdout) {
            Err(e) => failures.push(format!("stdout is no JSON ({e}):\n{stdout}")),
            Ok(got) => failures.extend(difference(&serde_json::to_value(wanted).unwrap(), &got, "")),
        }
    }
    failures.extend(run.creates.iter().filter(|f| !dir.join(f).exists()).map(|f| format!("{f} was not made")));
    failures.extend(run.lacks_file.iter().filter(|f| dir.join(f).exists()).map(|f| format!("{f} is there")));
    for (path, text) in &run.file_is {
        let got = fs::read_to_string(dir.join(path)).unwrap_or_else(|e| format!("({e})"));
        failures.extend((got != fill(text, dir)).then(|| format!("{path} holds {got:?}")));
    }
    for (path, mode) in &run.file_modes {
        let got = fs::metadata(dir.join(path))
            .map_or_else(|e| e.to_string(), |m| format!("{:o}", m.permissions().mode() & 0o777));
        failures.extend((got != *mode).then(|| format!("{path} has mode {got}, not {mode}")));
    }
    failures
}

/// Where `wanted` is not contained in `got`. The string `"(null)"` wants null, `"(any)"` anything but null.
fn difference(wanted: &serde_json::Value, got: &serde_json::Value, at: &str) -> Vec<String> {
    use serde_json::Value;
    match (wanted, got) {
        (Value::String(w), Value::Null) if w == "(null)" => Vec::new(),
        (Value::String(w), g) if w == "(any)" && !g.is_null() => Vec::new(),
        (Value::Object(w), Value::Object(g)) => w
            .iter()
            .flat_map(|(key, value)| match g.get(key) {
                Some(found) => difference(value, found, &format!("{at}.{key}")),
                None => vec![format!("json{at} lacks {key}")],
            })
            .collect(),
        (Value::Array(w), Value::Array(g)) if w.len() == g.len() => {
            w.iter().zip(g).enumerate().flat_map(|(n, (w, g))| difference(w, g, &format!("{at}[{n}]"))).collect()
        }
        (w, g) if w == g => Vec::new(),
        (w, g) => vec![format!("json{at} is {g}, not {w}")],
    }
}
