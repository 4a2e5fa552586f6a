//! The canonical S-expressions in which gpg-agent takes and gives numbers: `(4:name5:value)`, nothing more.

/// The atoms of an expression in order, with the parentheses left out; reading ends at the first thing that is neither.
pub fn atoms(bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if matches!(first, b'(' | b')') {
            rest = after;
            continue;
        }
        let Some(colon) = rest.iter().take(8).position(|b| *b == b':') else { break };
        let digits = rest.get(..colon).and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(length) = digits.and_then(|digits| digits.parse::<usize>().ok()) else { break };
        let Some((atom, after)) = rest.get(colon + 1..).and_then(|data| data.split_at_checked(length)) else { break };
        found.push(atom);
        rest = after;
    }
    found
}

/// The atom that follows a name.
pub fn value<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let atoms = atoms(bytes);
    let at = atoms.iter().position(|atom| *atom == name)?;
    atoms.get(at + 1).copied()
}

/// `(7:enc-val(3:rsa(1:a…)))`: a ciphertext, its numbers by name.
pub fn ciphertext(algorithm: &str, numbers: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"(7:enc-val(".to_vec();
    push(&mut out, algorithm.as_bytes());
    for (name, value) in numbers {
        out.push(b'(');
        push(&mut out, name.as_bytes());
        // A number with its highest bit set would be read as negative.
        let signed = value.first().is_some_and(|first| first & 0x80 != 0);
        let padded = [&[0_u8][..usize::from(signed)], value].concat();
        push(&mut out, &padded);
        out.push(b')');
    }
    out.extend(b"))");
    out
}

fn push(out: &mut Vec<u8>, atom: &[u8]) {
    out.extend(format!("{}:", atom.len()).bytes());
    out.extend(atom);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoms_are_found_and_nonsense_ends_them() {
        let key = b"(10:public-key(3:ecc(5:curve7:Ed25519)(1:q3:\x40()))";
        assert_eq!(value(key, b"q"), Some(&b"\x40()"[..]));
        assert_eq!(value(key, b"n"), None);
        assert_eq!(value(b"(1:q99:short)", b"q"), None);
        assert!(atoms(b"(99999999999999999999:x)").is_empty());
    }

    #[test]
    fn numbers_are_never_negative() {
        assert_eq!(ciphertext("rsa", &[("a", &[0x80])]), b"(7:enc-val(3:rsa(1:a2:\x00\x80)))");
    }
}
