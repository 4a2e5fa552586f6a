//! Strangers' text on every way out of the program. Each nasty text comes as a name, a subject, a body and a file's name, and is shown,
//! listed, searched, saved, exported and complained about; nothing of it may command, forge, compute or climb.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use data_encoding::BASE64;
use serde_json::Value;

/// What has fooled a program before, by kind.
const NASTY: &[(&str, &str)] = &[
    ("clear-screen", "a\x1b[2J\x1b[1;1Hb"),
    ("colour", "\x1b[32msigned\x1b[0m"),
    ("title", "\x1b]0;owned\x07"),
    ("link", "\x1b]8;;https://example.com\x1b\\here\x1b]8;;\x1b\\"),
    ("clipboard", "\x1b]52;c;cm0gLXJm\x07"),
    ("report-back", "\x1b[6n\x1b[c\x1bP$q\"p\x1b\\"),
    ("picture", "\x1bPq#0;2;0;0;0#0~~\x1b\\"),
    ("paste-end", "\x1b[201~rm -rf\n"),
    ("c1", "\u{9b}31mred\u{9d}0;t\u{9c}\u{85}\u{84}"),
    ("backspace", "good\x08\x08\x08\x08evil\x7f"),
    ("return", "first\rReport 9"),
    ("nul", "before\0after"),
    ("bidi", "a\u{202e}txt.exe\u{2066}b\u{2069}\u{200f}"),
    ("unseen", "pay\u{200b}pal\u{200d}\u{2060}\u{feff}\u{ad}\u{34f}\u{2800}"),
    ("tags", "hi\u{e0041}\u{e0042}\u{e007f}"),
    ("lines", "one\u{2028}two\u{2029}three\u{b}\u{c}"),
    (
        "forged",
        "ok\n  proven    sealed, signed\nReport 9  Forged\n      encrypted; signed by us, pinned\nsealpost: all is well",
    ),
    ("frame", "│ inside\n  │ inside\n\nHistory\n  Mon 2026-03-02 10:00  alice     closed"),
    ("formula", "=HYPERLINK(\"http://example.com\";\"x\")"),
    ("formula-plus", "+1+cmd|' /C calc'!A0"),
    ("formula-minus", "-2+3;=1+1"),
    ("formula-at", "  @SUM(A1:A9)"),
    ("formula-tab", "\t=1+1"),
    ("formula-return", "\r\n=1+1"),
    ("formula-wide", "＝1＋1"),
    ("cells", "a\",\"b\"\r\n\"c;=d"),
    ("element", "</td></table><script>alert(1)</script><img src=x onerror=alert(1)>"),
    ("attribute", "\" onmouseover=\"alert(1)\" '`"),
    ("sql", "'); DROP TABLE event; --"),
    ("words", "NEAR(\"a\" b OR c* ^d"),
    ("format", "%s%n{}{0}$(id)`id`${HOME}"),
    ("up", "../../../../tmp/sealpost-climbed"),
    ("root", "/tmp/sealpost-climbed"),
    ("backslash", "..\\..\\sealpost-climbed"),
    ("hidden", ".bashrc"),
    ("option", "-rf"),
    ("device", "CON.txt"),
    ("trailing", "name. . "),
    ("stream", "a.txt:evil:$DATA"),
    ("dots", ".."),
    ("empty", ""),
];

struct Place {
    dir: tempfile::TempDir,
    runs: u64,
    wrong: Vec<String>,
}

impl Place {
    fn new() -> Place {
        let dir = support::folder();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let place = Place { dir, runs: 0, wrong: Vec::new() };
        place.write(
            "config.toml",
            b"address = \"security@example.org\"\n[maildir]\npath = \"inbox\"\n[ledger]\npath = \"ledger.db\"\n",
        );
        place
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        support::private(&self.dir.path().join(name), bytes);
    }

    /// Runs, and looks at every character that came out.
    fn run_in(&mut self, folder: &Path, args: &[&str]) -> (String, Output) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
        command.arg("--config").arg(self.dir.path().join("config.toml")).args(args).current_dir(folder).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.dir.path()).env("TZ", "UTC");
        // Colours as on a terminal: then our own sequences are there, and theirs would be too.
        command.env("CLICOLOR_FORCE", "1").env("USER", "alice").stdin(Stdio::null());
        let output = command.output().unwrap();
        self.runs += 1;
        let csv = args.contains(&"--csv");
        for (what, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            match std::str::from_utf8(bytes) {
                Err(_) => self.wrong.push(format!("{args:?}: {what} is not UTF-8")),
                Ok(text) => {
                    let text = without_styles(if csv { text.replace("\r\n", "\n") } else { text.to_owned() });
                    if let Some((at, c)) = text.char_indices().find(|(_, c)| obeyed(*c)) {
                        let around: String =
                            text[..at].chars().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect();
                        self.wrong.push(format!("{args:?}: {what} has {c:?} after {around:?}"));
                    }
                }
            }
        }
        if !matches!(output.status.code(), Some(0..=3)) {
            self.wrong.push(format!("{args:?}: {:?}", output.status));
        }
        (String::from_utf8_lossy(&output.stdout).into_owned(), output)
    }

    fn run(&mut self, args: &[&str]) -> String {
        let folder = self.dir.path().to_owned();
        self.run_in(&folder, args).0
    }

    fn json(&mut self, args: &[&str]) -> Value {
        let all: Vec<&str> = std::iter::once("--json").chain(args.iter().copied()).collect();
        let text = self.run(&all);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
    }
}

/// Takes out the sequences that are ours.
fn without_styles(mut text: String) -> String {
    for style in ["\x1b[4m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"] {
        text = text.replace(style, "");
    }
    text
}

/// Written down a second time on purpose: the program's own list is what is tested.
fn obeyed(c: char) -> bool {
    let control = c.is_control() && c != '\n' && c != '\t';
    control
        || matches!(u32::from(c), 0xad | 0x34f | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800 | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe0fff)
}

fn word(text: &str) -> String {
    format!("=?UTF-8?B?{}?=", BASE64.encode(text.as_bytes()))
}

/// The text in every place that a mail has for it. Header fields are encoded, since they could not hold it otherwise.
fn mail(number: usize, text: &str) -> Vec<u8> {
    let percent: String = text.bytes().map(|b| format!("%{b:02X}")).collect();
    format!(
        "Received: from mx.example.com by mail.example.org; Mon, 02 Mar 2026 10:00:00 +0000\r\n\
         From: {0} <n{number}@example.net>\r\nTo: security@example.org\r\nSubject: {0}\r\nMessage-ID: <n{number}@example.net>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{1}\r\n\
         --b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename*=utf-8''{percent}\r\n\r\nx\r\n--b--\r\n",
        word(text),
        BASE64.encode(format!("{text}\nand a last line").as_bytes())
    )
    .into_bytes()
}

#[test]
fn strangers_text_commands_nothing_and_forges_nothing() {
    let mut place = Place::new();
    for (n, (_, text)) in NASTY.iter().enumerate() {
        place.write(&format!("{n}.eml"), &mail(n, text));
        place.run(&["-v", "import", &format!("{n}.eml")]);
        place.run(&["open", &format!("{n}.eml")]);
        place.json(&["open", &format!("{n}.eml")]);
    }
    let list = place.json(&["list", "--all"]);
    assert_eq!(list["reports"].as_array().unwrap().len(), NASTY.len());
    place.run(&["list", "--all"]);
    for (n, (name, text)) in NASTY.iter().enumerate() {
        let id = (n + 1).to_string();
        // The text is there for scripts, as it came.
        let shown = place.json(&["show", &id]);
        let body = shown["messages"][0]["text"].as_str().unwrap();
        assert!(body.contains("and a last line"), "{name}: {body:?}");
        let screen = without_styles(place.run(&["show", &id]));
        framed(name, text, &screen, "  │ ", &mut place.wrong);
        let screen = without_styles(place.run(&["open", &format!("{n}.eml")]));
        framed(name, text, &screen, "│ ", &mut place.wrong);
        if !text.contains('\0') {
            place.run(&["list", "--search", text]);
            place.run(&["show", text]);
            place.run(&["note", &id, "--", text]);
            place.run(&["tag", &id, "--", text]);
            place.run(&["assign", &id, "--", text]);
            place.run(&["save", &id, text]);
            place.run(&["open", text]);
            place.run(&["show", &id]);
        }
    }
    place.run(&["list", "--all"]);
    place.run(&["audit"]);
    let words = format!("{} texts, {} runs, {} wrong", NASTY.len(), place.runs, place.wrong.len());
    support::figure("hostile-text", &words);
    assert!(place.wrong.is_empty(), "{}", place.wrong.join("\n"));
}

/// Every line of the text stands behind the bar, and nowhere at the left edge.
fn framed(name: &str, text: &str, screen: &str, bar: &str, wrong: &mut Vec<String>) {
    for line in text.lines().filter(|l| l.chars().filter(|c| c.is_alphabetic()).count() > 5) {
        let plain: String = line.chars().filter(|c| !c.is_control()).take(60).collect();
        // Our own heading, whoever else says it.
        if plain == "History" {
            continue;
        }
        let forged = screen.lines().find(|l| l.starts_with(plain.as_str()) && !l.starts_with(bar));
        if let Some(forged) = forged {
            wrong.push(format!("{name}: a line at the left edge: {forged:?}"));
        }
    }
    if !screen.lines().any(|l| l.starts_with(bar) && l.contains("and a last line")) {
        wrong.push(format!("{name}: the text is not behind the bar {bar:?}"));
    }
}

#[test]
fn attachments_stay_where_they_are_put() {
    let mut place = Place::new();
    let mut names = Vec::new();
    for (n, (name, text)) in NASTY.iter().enumerate() {
        place.write(&format!("{n}.eml"), &mail(n, text));
        place.run(&["import", &format!("{n}.eml")]);
        let folder = place.dir.path().join("saved").join(n.to_string());
        fs::create_dir_all(&folder).unwrap();
        let before = tree(place.dir.path());
        let (said, output) = place.run_in(&folder, &["--json", "save", &(n + 1).to_string(), "2"]);
        assert!(output.status.success(), "{name}: {said}{}", String::from_utf8_lossy(&output.stderr));
        let now: Vec<String> = tree(place.dir.path()).into_iter().filter(|p| !before.contains(p)).collect();
        let [new] = now.as_slice() else { panic!("{name}: made {now:?}") };
        let file = Path::new(new);
        assert_eq!(file.parent(), Some(folder.as_path()), "{name}: made {new}");
        let made = file.file_name().unwrap().to_str().unwrap().to_owned();
        let safe =
            !made.chars().any(|c| obeyed(c) || "\t/\\:*?\"<>|".contains(c)) && !made.starts_with(['.', '-', '~', ' ']);
        assert!(safe && !made.ends_with(['.', ' ']) && made.len() <= 200, "{name}: made {made:?}");
        assert!(!made.to_uppercase().starts_with("CON."), "{name}: made {made:?}");
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o7777, 0o600, "{name}");
        names.push(made);
        // Again: never over what is there.
        let (_, again) = place.run_in(&folder, &["save", &(n + 1).to_string(), "2"]);
        assert_eq!(again.status.code(), Some(1), "{name}: saved twice");
    }
    assert!(!Path::new("/tmp/sealpost-climbed").exists());
    // Nor through a link to somewhere else, whether or not its end is there.
    let folder = place.dir.path().to_owned();
    place.write("precious", b"precious");
    for (link, to) in [("to-a-file", "precious"), ("to-nothing", "nothing")] {
        std::os::unix::fs::symlink(folder.join(to), folder.join(link)).unwrap();
        let (_, output) = place.run_in(&folder, &["save", "1", "2", link]);
        assert_eq!(output.status.code(), Some(1), "saved through {link}");
    }
    assert_eq!(fs::read(folder.join("precious")).unwrap(), b"precious");
    assert!(!folder.join("nothing").exists());
    assert!(place.wrong.is_empty(), "{}", place.wrong.join("\n"));
    support::figure(
        "saved-names",
        &format!("{} names, {} of them different, 0 outside the folder", names.len(), {
            names.sort();
            names.dedup();
            names.len()
        }),
    );
}

fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            let path = entry.path().display().to_string();
            // The ledger's own files come and go with each run.
            if !path.contains("ledger.") {
                found.push(path);
            }
        }
    }
    found
}

/// Cells of a table, read as RFC 4180 says; strictly.
fn cells(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match (quoted, c) {
            (true, '"') if chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            (true, '"') => {
                quoted = false;
                assert!(matches!(chars.peek(), Some(',' | '\r')), "words after a closing quote: {cell:?}");
            }
            (true, c) => cell.push(c),
            (false, '"') => {
                assert!(cell.is_empty(), "a quote within {cell:?}");
                quoted = true;
            }
            (false, ',') => row.push(std::mem::take(&mut cell)),
            (false, '\r') => {
                assert_eq!(chars.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (false, c) => cell.push(c),
        }
    }
    assert!(row.is_empty() && cell.is_empty() && !quoted, "the last line does not end");
    rows
}

#[test]
fn spreadsheets_compute_nothing_and_pages_hold_no_element_of_theirs() {
    let mut place = Place::new();
    for (n, (_, text)) in NASTY.iter().enumerate() {
        place.write(&format!("{n}.eml"), &mail(n, text));
        place.run(&["import", &format!("{n}.eml")]);
        if !text.contains('\0') && !text.is_empty() {
            place.run(&["tag", &(n + 1).to_string(), "--", text]);
            place.run(&["assign", &(n + 1).to_string(), "--", text]);
        }
    }
    let reports = place.json(&["list", "--all"]);
    let rows = cells(&place.run(&["list", "--all", "--csv"]));
    assert_eq!(rows.len(), NASTY.len() + 1);
    let mut marked = 0;
    for row in &rows {
        assert_eq!(row.len(), rows[0].len(), "{row:?}");
        for cell in row {
            // Where a spreadsheet cuts at semicolons, each piece is a cell.
            for piece in cell.split(';') {
                let first = piece.trim_start().chars().next();
                assert!(!matches!(first, Some('=' | '+' | '-' | '@' | '＝' | '＋')), "computed: {cell:?}");
            }
            marked += usize::from(cell.trim_start().starts_with('\''));
        }
    }
    assert!(marked >= 8, "only {marked} cells were marked");
    // What is harmless is as it came.
    for (row, report) in rows[1..].iter().zip(1..).filter_map(|(row, n)| {
        let all = reports["reports"].as_array()?;
        Some((row, all.iter().find(|r| r["id"].to_string() == row[0]).unwrap_or_else(|| panic!("row {n}"))))
    }) {
        let subject = report["subject"].as_str().unwrap();
        if subject.chars().all(|c| c.is_ascii_alphanumeric() || "./_ ,\"".contains(c)) {
            assert_eq!(row[3], subject);
        }
    }
    let page = place.run(&["report", "--html", "-"]);
    for (_, text) in NASTY.iter().filter(|(name, _)| name.starts_with("element") || name.starts_with("attribute")) {
        assert!(!page.contains(text));
    }
    assert!(!page.contains("<script") && !page.contains("onerror") && page.contains("default-src 'none'"));
    assert!(place.wrong.is_empty(), "{}", place.wrong.join("\n"));
}
