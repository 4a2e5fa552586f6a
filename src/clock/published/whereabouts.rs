//! Where a published document says that the OpenPGP key is: the links of a SECURITY.md, the fields of a security.txt
//! (RFC 9116). Nothing is followed here; who reads this looks at the files that lie nearby.

use jiff::Timestamp;

/// How many places of one document are kept.
const MOST: usize = 64;
/// Endings of files that hold a certificate.
const ENDINGS: [&str; 6] = [".asc", ".pgp", ".gpg", ".key", ".pub", ".sec"];

/// Where a key is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A path, as written, without what follows `#` or `?`.
    File(String),
    /// An address that only a network would answer: `https:`, `hkps:`, `dns:`.
    Url(String),
    /// The key is named by its fingerprint: upper-case hexadecimal.
    Fingerprint(String),
}

/// A place, and where the document names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The place.
    pub place: Place,
    /// The line, from 1.
    pub line: usize,
    /// It is a link or a field, so that something should be there; else it is a word that may be an example.
    pub linked: bool,
}

/// What a security.txt says that ages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityTxt {
    /// Its `Encryption` fields.
    pub encryption: Vec<Named>,
    /// Its `Expires` field.
    pub expires: Expires,
}

/// Until when a security.txt holds (RFC 9116 section 2.5.5: exactly one field, always there).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expires {
    /// Until then.
    At(Timestamp),
    /// There is no such field.
    Missing,
    /// It is no time of RFC 3339; as written.
    Unreadable(String),
}

/// The key files and addresses that a document for people names, in its order.
pub fn named(text: &str) -> Vec<Named> {
    let mut found: Vec<Named> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let links = links(line);
        let words = line.split(|c: char| c.is_whitespace() || "()<>[]{}\"'`|,;*".contains(c));
        let all = links.iter().map(|l| (*l, true)).chain(words.map(|w| (w, false)));
        for (target, linked) in all {
            if found.len() >= MOST {
                return found;
            }
            let Some(place) = place(target, linked) else { continue };
            if !found.iter().any(|known| known.place == place) {
                found.push(Named { place, line: number + 1, linked });
            }
        }
    }
    found
}

/// Reads a security.txt, signed in the clear or not.
pub fn security_txt(text: &str) -> SecurityTxt {
    let mut read = SecurityTxt { encryption: Vec::new(), expires: Expires::Missing };
    for (number, line) in text.lines().enumerate() {
        let Some((name, value)) = line.split_once(':').filter(|_| !line.starts_with('#')) else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("encryption") && read.encryption.len() < MOST && !value.is_empty() {
            let place = field(value);
            read.encryption.push(Named { place, line: number + 1, linked: true });
        } else if name.eq_ignore_ascii_case("expires") && read.expires == Expires::Missing {
            let parsed = value.to_ascii_uppercase().parse();
            read.expires = parsed.map_or_else(|_| Expires::Unreadable(value.to_owned()), Expires::At);
        }
    }
    read
}

/// The path of an `https` address on its server, without the leading slash.
pub fn path_of(url: &str) -> Option<&str> {
    let after = url.split_once("://")?.1;
    let path = after.split_once('/')?.1;
    let path = path.split(['?', '#']).next().unwrap_or_default();
    (!path.is_empty()).then_some(path)
}

/// What stands as a link in a line of Markdown or HTML.
fn links(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let inline = line.split("](").skip(1);
    found.extend(inline.filter_map(|rest| rest.split([')', ' ', '\t']).next()));
    for quote in ["href=\"", "href='"] {
        let end = quote.chars().last().unwrap_or('"');
        found.extend(line.split(quote).skip(1).filter_map(|rest| rest.split(end).next()));
    }
    // `[key]: keys/team.asc`
    if line.trim_start().starts_with('[')
        && let Some((_, rest)) = line.split_once("]:")
    {
        found.extend(rest.split_whitespace().next().map(|t| t.trim_matches(['<', '>'])));
    }
    found
}

fn place(target: &str, linked: bool) -> Option<Place> {
    let target = target.trim_end_matches(['.', ',', ':', ';', '!', '?']);
    let lower = target.to_ascii_lowercase();
    if target.len() > 500 {
        return None;
    }
    if let Some(fingerprint) = lower.strip_prefix("openpgp4fpr:") {
        return Some(Place::Fingerprint(fingerprint.to_ascii_uppercase()));
    }
    let plain = lower.split(['?', '#']).next().unwrap_or_default();
    let file = plain.rsplit('/').next().unwrap_or_default();
    let speaks = ["pgp", "gpg", "openpgp", "key"].iter().any(|w| file.contains(w));
    let ends =
        ENDINGS.iter().any(|e| file.len() > e.len() && file.ends_with(e)) || file.ends_with(".txt") && speaks && linked;
    if lower.contains("://") {
        let server = ["/pks/lookup", "keys.openpgp.org", "keybase.io/"].iter().any(|s| lower.contains(s));
        return (ends || server).then(|| Place::Url(target.to_owned()));
    }
    let scheme = lower.split_once(':').is_some_and(|(s, _)| s.len() > 1 && s.bytes().all(|b| b.is_ascii_alphabetic()));
    let odd = target.contains(['*', '$', '@', '=']) || target.chars().any(char::is_control);
    if !ends || scheme || odd {
        return None;
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    Some(Place::File(path.to_owned()))
}

fn field(value: &str) -> Place {
    let lower = value.to_ascii_lowercase();
    match lower.strip_prefix("openpgp4fpr:") {
        Some(fingerprint) => Place::Fingerprint(fingerprint.to_ascii_uppercase()),
        None if lower.contains("://") || lower.starts_with("dns:") => Place::Url(value.to_owned()),
        None => Place::File(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<(String, bool)> {
        named(text)
            .into_iter()
            .map(|n| match n.place {
                Place::File(path) => (path, n.linked),
                Place::Url(url) => (format!("url {url}"), n.linked),
                Place::Fingerprint(fpr) => (format!("fpr {fpr}"), n.linked),
            })
            .collect()
    }

    #[test]
    fn keys_are_found_where_documents_name_them() {
        for (text, wanted, linked) in [
            ("Use [our key](keys/security.asc#top).", "keys/security.asc", true),
            ("[key]: <../team.pgp>", "../team.pgp", true),
            ("<a href='/pgp-key.txt'>key</a>", "/pgp-key.txt", true),
            ("Encrypt to the key in `KEYS/team.gpg`.", "KEYS/team.gpg", false),
            ("It is in security.asc.", "security.asc", false),
            ("[key](https://example.org/.well-known/key.asc)", "url https://example.org/.well-known/key.asc", true),
            (
                "See https://keys.openpgp.org/search?q=security@example.org",
                "url https://keys.openpgp.org/search?q=security@example.org",
                false,
            ),
            ("OPENPGP4FPR:00aa", "fpr 00AA", false),
        ] {
            assert_eq!(places(text).first(), Some(&(wanted.to_owned(), linked)), "{text}");
        }
        for text in
            ["Attach *.asc files", "a .asc file", "[policy](POLICY.md)", "mailto:security@example.org", "key.txt", ""]
        {
            assert_eq!(places(text), [], "{text}");
        }
        assert_eq!(named("a\n\n[k](k.asc) and k.asc").len(), 1);
        assert_eq!(named("a\n\n[k](k.asc)").first().map(|n| n.line), Some(3));
    }

    #[test]
    fn a_flood_of_names_ends() {
        let text: String = (0..10_000).map(|n| format!("[k](k{n}.asc) ")).collect();
        assert_eq!(named(&text).len(), MOST);
        assert_eq!(named(&"](".repeat(300_000)), []);
    }

    #[test]
    fn security_txt_as_it_is_published() {
        let text = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n# Encryption: https://example.org/old.asc\n\
                    Contact: mailto:security@example.org\nEncryption: https://example.org/pgp-key.txt\n\
                    encryption: openpgp4fpr:5f2de5521c63a801ab59ccb603d49de44b29100f\nEncryption: dns:5d2d3._openpgpkey.example.org?type=OPENPGPKEY\n\
                    Encryption: /key.asc\nExpires: 2026-12-31T18:37:07z\n-----BEGIN PGP SIGNATURE-----\n";
        let read = security_txt(text);
        assert_eq!(
            read.encryption.iter().map(|n| n.place.clone()).collect::<Vec<_>>(),
            [
                Place::Url("https://example.org/pgp-key.txt".into()),
                Place::Fingerprint("5F2DE5521C63A801AB59CCB603D49DE44B29100F".into()),
                Place::Url("dns:5d2d3._openpgpkey.example.org?type=OPENPGPKEY".into()),
                Place::File("/key.asc".into()),
            ]
        );
        assert_eq!(read.expires, Expires::At("2026-12-31T18:37:07Z".parse().unwrap()));
        assert_eq!(security_txt("Contact: x\n").expires, Expires::Missing);
        assert_eq!(security_txt("Expires: next year\n").expires, Expires::Unreadable("next year".into()));
    }

    #[test]
    fn the_path_on_a_server() {
        assert_eq!(path_of("https://example.org/pgp-key.txt?x#y"), Some("pgp-key.txt"));
        assert_eq!(path_of("https://example.org/"), None);
        assert_eq!(path_of("dns:x"), None);
    }
}
