//! Content-Type and Content-Disposition: a value and its parameters (RFC 2045 section 5.1, RFC 2231).

use super::words;

/// How many parameters of one field are kept.
const MAX_PARAMETERS: usize = 64;

/// A structured value such as `text/plain; charset=utf-8`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parametrised {
    /// Lower case, without parameters.
    pub value: String,
    parameters: Vec<(String, String)>,
}

impl Parametrised {
    /// Reads a raw field value. Missing quotes, stray semicolons and comments are lived with.
    pub fn parse(raw: &str) -> Parametrised {
        let mut pieces = split(raw).into_iter();
        let value = pieces.next().unwrap_or_default();
        let value = value.split('(').next().unwrap_or_default().trim().trim_matches('"').to_ascii_lowercase();
        let mut found: Vec<(String, String)> = Vec::new();
        for piece in pieces.take(MAX_PARAMETERS) {
            if let Some((name, value)) = piece.split_once('=') {
                found.push((name.trim().to_ascii_lowercase(), unquote(value.trim())));
            }
        }
        Parametrised { value, parameters: join_continuations(found) }
    }

    /// A parameter's value, decoded; the first where it is given twice.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Cuts at semicolons outside quotes.
fn split(raw: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in raw.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                pieces.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
    }
    pieces
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else { return value.to_owned() };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                // Windows paths were written with single backslashes; only these two needed one.
                Some(next @ ('"' | '\\')) => out.push(next),
                Some(next) => out.extend(['\\', next]),
                None => {}
            },
            other => out.push(other),
        }
    }
    out
}

/// Joins `name*0`, `name*1*`, … and decodes the percent form (RFC 2231 sections 3 and 4); a plain value may hold encoded
/// words, which RFC 2047 forbids and everybody sends.
fn join_continuations(found: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut plain: Vec<(String, String)> = Vec::new();
    let mut extended: Vec<(String, Vec<(u32, bool, String)>)> = Vec::new();
    for (key, value) in found {
        let Some((base, rest)) = key.split_once('*') else {
            if !plain.iter().any(|(name, _)| *name == key) {
                plain.push((key, words::decode(value.as_bytes())));
            }
            continue;
        };
        let percent = rest.is_empty() || rest.ends_with('*');
        let number = rest.trim_end_matches('*').parse().unwrap_or(0);
        match extended.iter_mut().find(|(name, _)| name == base) {
            Some((_, segments)) => segments.push((number, percent, value)),
            None => extended.push((base.to_owned(), vec![(number, percent, value)])),
        }
    }
    for (name, mut segments) in extended {
        segments.sort_by_key(|(number, ..)| *number);
        let value = decode_extended(&segments);
        // The extended form wins over the plain one (RFC 6266 section 4.3 says so; mail programs agree).
        plain.retain(|(other, _)| *other != name);
        plain.push((name, value));
    }
    plain
}

fn decode_extended(segments: &[(u32, bool, String)]) -> String {
    let mut charset = None;
    let mut bytes = Vec::new();
    for (at, (_, percent, value)) in segments.iter().enumerate() {
        let mut text = value.as_str();
        if at == 0 && *percent {
            let mut split = text.splitn(3, '\'');
            if let (Some(name), Some(_language), Some(rest)) = (split.next(), split.next(), split.next()) {
                charset = Some(name).filter(|name| !name.is_empty());
                text = rest;
            }
        }
        if *percent { percent_decode(text, &mut bytes) } else { bytes.extend_from_slice(text.as_bytes()) }
    }
    let decoded = words::decode_charset(&bytes, charset);
    if charset.is_none() && decoded.contains("=?") { words::decode(decoded.as_bytes()) } else { decoded }
}

fn percent_decode(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if let (b'%', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (words::hex(*high), words::hex(*low))
        {
            out.push(high << 4 | low);
            rest = after;
            continue;
        }
        out.push(first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_in_every_dress() {
        for (raw, name, want) in [
            ("text/plain; charset=\"utf-8\"", "charset", "utf-8"),
            ("text/plain; NAME=foo bar.pdf ; x=y", "name", "foo bar.pdf"),
            ("a/b; name=\"a;b\\\"c\"", "name", "a;b\"c"),
            ("a/b; filename*=UTF-8''%e2%82%ac%20rates", "filename", "€ rates"),
            ("a/b; filename*0=\"one \"; filename*1*=%c3%bc; filename*2=\".txt\"", "filename", "one ü.txt"),
            ("a/b; filename*1*=b; filename*0*=iso-8859-1''%fc", "filename", "üb"),
            ("a/b; filename=plain; filename*=utf-8''best", "filename", "best"),
            ("a/b; name=\"=?utf-8?Q?=C3=BC.txt?=\"", "name", "ü.txt"),
            ("a/b;; boundary=\"x\"; boundary=y", "boundary", "x"),
        ] {
            let got = Parametrised::parse(raw);
            assert_eq!(got.get(name), Some(want), "{raw}");
        }
        assert_eq!(Parametrised::parse("Text/HTML (a comment); x").value, "text/html");
    }
}
