//! Text cut into lines by us. A terminal that cuts for itself begins the next line at the left edge, where a stranger's long
//! line could pass for one of ours.

use crate::safe;

/// A stranger's text as lines of at most `width` columns, safe to print; long lines break at a space where there is one.
pub fn lines<T: safe::Text + ?Sized>(text: &T, width: usize) -> Vec<String> {
    let shown = safe::lines(text);
    shown.trim_end().split('\n').flat_map(|line| fold(&untabbed(line), width)).collect()
}

/// One line of a stranger's text as at most `most` lines; an ellipsis where it was longer.
pub fn few<T: safe::Text + ?Sized>(text: &T, width: usize, most: usize) -> Vec<String> {
    let mut folded = fold(&safe::line(text), width);
    if folded.len() > most {
        folded.truncate(most);
        if let Some(last) = folded.last_mut() {
            while columns(last) >= width {
                last.pop();
            }
            last.push('…');
        }
    }
    folded
}

/// Words of ours as lines of at most `width` columns, broken at spaces alone: a path or an address longer than that stays
/// whole, so that it can be copied.
pub fn whole_words(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// How many columns a text takes: East Asian wide characters and pictures take two. Too many is harmless here, too few is not.
fn columns(text: &str) -> usize {
    text.chars().map(wide).sum()
}

fn wide(c: char) -> usize {
    let two = matches!(c, '\u{1100}'..='\u{11ff}' | '\u{231a}'..='\u{2bff}' | '\u{2e80}'..='\u{a4cf}' | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{fe10}'..='\u{fe6f}' | '\u{ff00}'..='\u{ffef}'
        | '\u{16fe0}'..='\u{18dff}' | '\u{1b000}'..='\u{1b2ff}' | '\u{1f000}'..='\u{3ffff}');
    if two { 2 } else { 1 }
}

/// Tabs become the blanks that a terminal would show.
fn untabbed(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut column = 0;
    for c in line.chars() {
        if c == '\t' {
            let blanks = 8 - column % 8;
            out.extend(std::iter::repeat_n(' ', blanks));
            column += blanks;
        } else {
            out.push(c);
            column += wide(c);
        }
    }
    out
}

fn fold(line: &str, width: usize) -> Vec<String> {
    let width = width.max(10);
    let mut found = Vec::new();
    let mut rest = line;
    loop {
        let (mut used, mut end, mut space) = (0, None, None);
        for (at, c) in rest.char_indices() {
            used += wide(c);
            if used > width {
                end = Some(at);
                break;
            }
            if c == ' ' {
                space = Some(at);
            }
        }
        let Some(end) = end else {
            found.push(rest.to_owned());
            return found;
        };
        // A space right after the last column is as good as one within it.
        let after = rest.get(end..).is_some_and(|r| r.starts_with(' '));
        let indent = rest.len() - rest.trim_start().len();
        let cut = if after { end } else { space.filter(|at| *at > indent).unwrap_or(end) };
        let (line, more) = rest.split_at(cut);
        found.push(line.trim_end().to_owned());
        rest = more.strip_prefix(' ').unwrap_or(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_asked() {
        let words = "a stranger wrote this line so long that a terminal would have had to cut it by itself";
        assert_eq!(few(words, 40, 9).join(" "), words);
        for text in [words, &"x".repeat(500), &"漢字".repeat(50), "\t\t\tdeep\tin", &" ".repeat(300), ""] {
            for line in lines(text, 40).iter().chain(&few(text, 40, 2)) {
                assert!(columns(line) <= 40, "{line:?}");
                assert!(!line.contains('\t') || text.contains('\t'), "{line:?}");
            }
        }
        assert_eq!(lines(&"x".repeat(90), 40).len(), 3);
        assert_eq!(lines("one\n\n  two\n\n", 40), ["one", "", "  two"]);
    }

    #[test]
    fn a_path_is_never_cut() {
        let path = format!("/srv/{}/SECURITY.md", "x".repeat(90));
        let text = format!("put the file where the configuration says it is: {path} in the folder");
        let lines = whole_words(&text, 40);
        assert_eq!(lines, ["put the file where the configuration", "says it is:", &path, "in the folder"]);
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn what_is_left_out_shows() {
        let cut = few(&"word ".repeat(40), 20, 2);
        assert_eq!(cut.len(), 2);
        assert!(cut[1].ends_with('…'), "{cut:?}");
    }
}
