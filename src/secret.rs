//! Values that are wiped when they go and that cannot be printed: passwords, and text that came encrypted.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// A passphrase or password. Wiped on drop; `{:?}` says only that there is one; it has no `Display` and no `Serialize`.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes the text over. A final line end, as commands print it, is cut off.
    pub fn new(mut text: String) -> Password {
        while text.ends_with(['\n', '\r']) {
            text.pop();
        }
        Password(Zeroizing::new(text))
    }

    /// The text itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Bytes that a decryption gave. Wiped on drop; `{:?}` tells the length and nothing else.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl Plaintext {
    /// Takes the bytes over; the caller must not have left copies by growing the vector.
    pub fn new(bytes: Vec<u8>) -> Plaintext {
        Plaintext(Zeroizing::new(bytes))
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Wipes the bytes now rather than at the end of the scope.
    pub fn wipe(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plaintext({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_secret() {
        let password = Password::new("correct horse\n".into());
        assert_eq!(password.expose(), "correct horse");
        assert!(!format!("{password:?} {:#?}", password.clone()).contains("correct"));
        let text = Plaintext::new(b"zero-day".to_vec());
        let shown = format!("{text:?}");
        assert!(!shown.contains("zero") && !shown.contains("122"), "{shown}");
    }
}
