//! Does a mail that nobody has opened look like a report? For the watch over the Junk mailbox, from the first kilobytes
//! alone.
//!
//! A plain heuristic, on the side of telling: what is sealed or signed with OpenPGP, what carries OpenPGP armor, and what
//! has a subject in the words of the trade. "Security" by itself is what half of all phishing is called, so it counts
//! only where none of the words of phishing stands beside it.

use super::fields::Fields;
use super::{Header, mime};

/// How much of a mail is worth having for this, in bytes: its header, as long as they get, and the first lines.
pub const BEGINNING: usize = 16 << 10;

/// What made a mail look like a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Its type is that of an OpenPGP message or of S/MIME's sealed one.
    Sealed,
    /// OpenPGP armor stands in its first lines.
    Armor,
    /// Its subject has the words of a report.
    Subject,
}

/// The beginning of a mail, glimpsed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glimpse {
    /// Its header, as far as it came.
    pub header: Header,
    /// Why it looks like a report; `None` where it does not.
    pub sign: Option<Sign>,
}

/// Looks at the beginning of a mail.
pub fn glimpse(beginning: &[u8]) -> Glimpse {
    let beginning = beginning.get(..BEGINNING).unwrap_or(beginning);
    let (head, body) = beginning.split_at(end_of_header(beginning));
    let fields = Fields::parse(head);
    let media = fields.first("content-type").map(|f| mime::Parametrised::parse(&f.raw_text()));
    let media_type = media.as_ref().map(|m| m.value.clone()).unwrap_or_default();
    let header = Header::read(&fields, &media_type, media.as_ref().and_then(|m| m.get("report-type")));
    let subject = header.subject.clone().unwrap_or_default();
    let sealed = matches!(
        media_type.as_str(),
        "multipart/encrypted" | "application/pgp-encrypted" | "application/pgp" | "application/pkcs7-mime"
    ) || media_type == "multipart/signed"
        && media.as_ref().and_then(|m| m.get("protocol")).is_some_and(|p| p.eq_ignore_ascii_case(PGP_SIGNATURE));
    let sign = if sealed {
        Some(Sign::Sealed)
    } else if has_armor(body) {
        Some(Sign::Armor)
    } else if is_like_a_report(&subject) {
        Some(Sign::Subject)
    } else {
        None
    };
    Glimpse { header, sign }
}

const PGP_SIGNATURE: &str = "application/pgp-signature";

/// Parts of words by which a subject is known, in lower case. Those of ASCII must begin a word.
const WORDS: [&str; 48] = [
    "vulnerab",      // English, Spanish, Italian, Portuguese
    "vuln\u{e9}rab", // French
    "vuln",
    "cve-",
    "cwe-",
    "ghsa-",
    "cvss",
    "0day",
    "0-day",
    "zero-day",
    "exploit",
    "responsible disclosure",
    "coordinated disclosure",
    "disclosure",
    "embargo",
    "proof of concept",
    "proof-of-concept",
    "poc",
    "xss",
    "csrf",
    "ssrf",
    "xxe",
    "rce",
    "idor",
    "remote code execution",
    "code execution",
    "sql injection",
    "sqli",
    "injection",
    "overflow",
    "out-of-bounds",
    "use-after-free",
    "use after free",
    "double free",
    "memory corruption",
    "privilege escalation",
    "path traversal",
    "directory traversal",
    "authentication bypass",
    "auth bypass",
    "bug bounty",
    "pgp",
    "gpg",
    "openpgp",
    "schwachstelle",
    "kwetsbaarheid",
    "podatno",
    "s\u{e5}rbarhet",
];

/// The same where words are not told apart by blanks, or have endings before what is looked for.
const FRAGMENTS: [&str; 12] = [
    "sicherheitsl\u{fc}cke",
    "sicherheitsproblem",
    "beveiligingslek",
    "faille de s\u{e9}curit\u{e9}",
    "fallo de seguridad",
    "falha de seguran\u{e7}a",
    "falla di sicurezza",
    "\u{6f0f}\u{6d1e}",                                                       // 漏洞
    "\u{8106}\u{5f31}\u{6027}",                                               // 脆弱性
    "\u{cde8}\u{c57d}\u{c810}",                                               // 취약점
    "\u{443}\u{44f}\u{437}\u{432}\u{438}\u{43c}\u{43e}\u{441}\u{442}",        // уязвимост
    "\u{432}\u{440}\u{430}\u{437}\u{43b}\u{438}\u{432}\u{456}\u{441}\u{442}", // вразливіст
];

/// Beside these, "security" is the word of a bank, or of one who plays it.
const BAIT: [&str; 24] = [
    "account",
    "alert",
    "notice",
    "notification",
    "password",
    "login",
    "log-in",
    "sign-in",
    "signin",
    "sign in",
    "bank",
    "payment",
    "invoice",
    "verify",
    "verification",
    "wallet",
    "camera",
    "guard",
    "social security",
    "offer",
    "subscription",
    "webinar",
    "newsletter",
    "antivirus",
];

/// Whether a subject has the words of a report.
pub fn is_like_a_report(subject: &str) -> bool {
    let beginning: String = subject.chars().take(1000).collect();
    let text = beginning.to_lowercase();
    let begins_a_word = |word: &str| {
        text.match_indices(word).any(|(at, _)| {
            let before = text.get(..at).and_then(|t| t.chars().next_back());
            let after = text.get(at + word.len()..).and_then(|t| t.chars().next());
            // A short word is one only where it ends there: "poc" is, "pocket" is not.
            let ends = word.len() > 4 || word.ends_with('-') || after.is_none_or(|c| !c.is_alphabetic() || c == 's');
            before.is_none_or(|c| !c.is_alphanumeric()) && ends
        })
    };
    WORDS.iter().any(|word| begins_a_word(word))
        || FRAGMENTS.iter().any(|part| text.contains(part))
        || begins_a_word("security") && !BAIT.iter().any(|word| text.contains(word))
}

/// Armor as it is, or as base64 makes it of lines that begin with it.
fn has_armor(body: &[u8]) -> bool {
    const PLAIN: &[u8] = b"-----BEGIN PGP ";
    const ENCODED: &[u8] = b"LS0tLS1CRUdJTiBQR1Ag";
    [PLAIN, ENCODED].iter().any(|mark| body.windows(mark.len()).any(|w| w == *mark))
}

/// Where the header ends: after the first empty line, or at the end of what is there.
fn end_of_header(bytes: &[u8]) -> usize {
    let mut at = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        at += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(mail: &str) -> Option<Sign> {
        let crlf = glimpse(mail.replace('\n', "\r\n").as_bytes());
        assert_eq!(glimpse(mail.as_bytes()), crlf, "{mail}");
        crlf.sign
    }

    #[test]
    fn sealed_mail_is_known_by_its_type() {
        let typed = |t: &str| sign(&format!("Subject: ...\nContent-Type: {t}\n\nx\n"));
        assert_eq!(
            typed("multipart/encrypted; protocol=\"application/pgp-encrypted\";\n boundary=b"),
            Some(Sign::Sealed)
        );
        assert_eq!(typed("Application/PGP-Encrypted"), Some(Sign::Sealed));
        assert_eq!(typed("application/pkcs7-mime; smime-type=enveloped-data"), Some(Sign::Sealed));
        assert_eq!(
            typed("multipart/signed; micalg=pgp-sha512; protocol=\"application/pgp-signature\""),
            Some(Sign::Sealed)
        );
        assert_eq!(typed("multipart/signed; protocol=\"application/pkcs7-signature\""), None);
        assert_eq!(typed("multipart/mixed; boundary=b"), None);
    }

    #[test]
    fn armor_is_known_plain_and_in_base64() {
        for block in ["MESSAGE", "SIGNED MESSAGE", "PUBLIC KEY BLOCK"] {
            assert_eq!(
                sign(&format!("Subject: hello\n\nHi,\n-----BEGIN PGP {block}-----\n\nabc\n")),
                Some(Sign::Armor)
            );
        }
        assert_eq!(
            sign("Subject: a\nContent-Transfer-Encoding: base64\n\nLS0tLS1CRUdJTiBQR1AgTUVTU0FHRS0tLS0t\n"),
            Some(Sign::Armor)
        );
        // In the header it is somebody's autograph and no message.
        assert_eq!(sign("Subject: a\nX-Key: -----BEGIN PGP MESSAGE-----\n\nbuy\n"), None);
        assert_eq!(sign("Subject: no body at all"), None);
    }

    #[test]
    fn subjects_in_the_words_of_the_trade() {
        for subject in [
            "Vulnerability in libfoo",
            "Re: [SECURITY] vuln report",
            "CVE-2026-1234 follow-up",
            "Heap overflow in the cookie parser",
            "XSS on your site",
            "Stored XSSs",
            "Possible SQL injection",
            "PoC attached",
            "Responsible Disclosure",
            "Security issue in 3.2",
            "[security] odd behaviour",
            "Schwachstelle in Ihrem Produkt",
            "Kritische Sicherheitslücke",
            "Vulnérabilité critique",
            "发现一个漏洞",
            "脆弱性の報告",
            "Уязвимость в парсере",
            "=?utf-8?B?VnVsbmVyYWJpbGl0eQ==?=",
        ] {
            assert_eq!(sign(&format!("Subject: {subject}\n\nx\n")), Some(Sign::Subject), "{subject}");
        }
    }

    #[test]
    fn what_junk_is_made_of() {
        for subject in [
            "Security alert for your account",
            "Security notice: verify your password",
            "Home security cameras, 50% off",
            "Social Security benefits",
            "Cheap pocket knives",
            "Resource planning webinar",
            "Your invoice",
            "Meet singles in your area",
            "Insecurity",
            "",
        ] {
            assert_eq!(sign(&format!("Subject: {subject}\nFrom: a@example.net\n\nx\n")), None, "{subject}");
        }
    }

    #[test]
    fn anything_at_all_is_looked_at_in_one_pass() {
        let long = vec![b'a'; 40 << 20];
        assert_eq!(glimpse(&long).sign, None);
        assert_eq!(glimpse(&b"\xff\xfe\x00:\n\n".repeat(10_000)).sign, None);
        assert_eq!(glimpse(b"").header, Header::default());
    }
}
