//! Names of files that strangers named.

use super::{Text, is_unsafe};

/// The longest name in bytes: file systems take 255, and what people add to a copy must still fit.
const LONGEST: usize = 200;

/// A file name made from a stranger's: the last component, without separators, control characters, leading dots or
/// names that systems treat specially; `fallback` where nothing is left. What stands behind the last dot is kept when the
/// name is too long, since people go by it.
pub fn file_name<T: Text + ?Sized>(name: &T, fallback: &str) -> String {
    let last = name.text().rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last
        .chars()
        .filter(|c| !is_unsafe(*c) && !matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|'))
        // Every kind of blank looks like a plain one, and only a plain one is looked for by hand.
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    let trimmed = kept.trim().trim_start_matches(['.', '-', '~', ' ']).trim_end_matches(['.', ' ']);
    let result = cut(trimmed);
    if result.is_empty() || is_device(&result) { fallback.to_owned() } else { result }
}

fn cut(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let ending = name.rfind('.').and_then(|at| name.get(at..)).filter(|ending| ending.len() <= 16).unwrap_or_default();
    let mut result = String::new();
    for c in name.chars() {
        if result.len() + c.len_utf8() + ending.len() > LONGEST {
            break;
        }
        result.push(c);
    }
    format!("{}{ending}", result.trim_end_matches(['.', ' ']))
}

/// Names that Windows gives to devices, whatever follows the first dot; saved files travel.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let numbered = |kind| {
        stem.strip_prefix(kind)
            .is_some_and(|n| matches!(n.chars().next(), Some('0'..='9' | '¹' | '²' | '³')) && n.chars().count() == 1)
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$")
        || numbered("COM")
        || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_stay_in_their_folder() {
        for (name, safe) in [
            ("../../etc/passwd", "passwd"),
            ("/etc/cron.d/job", "job"),
            ("C:\\boot.ini", "boot.ini"),
            ("..\\..\\up.txt", "up.txt"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            (". .hidden", "hidden"),
            ("-", "part"),
            ("con.txt", "part"),
            ("Com1", "part"),
            ("LPT².log", "part"),
            ("nul .txt", "part"),
            ("a\u{202e}gpj.exe", "agpj.exe"),
            ("tail. . ", "tail"),
            ("a\nb\0c", "abc"),
            ("a\u{a0}\u{3000}b.txt", "a  b.txt"),
            ("...", "part"),
            ("a/", "part"),
            ("", "part"),
            ("poc.py", "poc.py"),
            ("Über uns.pdf", "Über uns.pdf"),
        ] {
            assert_eq!(file_name(name, "part"), safe, "{name:?}");
        }
    }

    #[test]
    fn long_names_keep_their_ending() {
        let name = file_name(&format!("{}.tar.gz", "ü".repeat(5000)), "part");
        assert!(name.len() <= 200 && name.ends_with("ü.gz"), "{name}");
        assert!(file_name(&format!("x.{}", "y".repeat(5000)), "part").len() <= 200);
        assert_eq!(file_name(&format!("{}.gz", ".".repeat(5000)), "part"), "gz");
    }
}
