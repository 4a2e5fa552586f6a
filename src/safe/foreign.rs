//! A stranger's text as a type.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

/// A stranger's text on its way out. It cannot be formatted as it is: `safe` has a function for each place it can go. JSON
/// carries the text itself; [`Careful`](super::Careful) escapes it there.
///
/// ```compile_fail
/// println!("{}", sealpost::safe::Foreign::from("a stranger's"));
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Foreign(String);

impl Foreign {
    /// Nothing at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing that could be seen.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// It holds these words of ours.
    pub fn contains(&self, words: &str) -> bool {
        self.0.contains(words)
    }

    /// It begins with these words of ours.
    pub fn starts_with(&self, words: &str) -> bool {
        self.0.starts_with(words)
    }
}

impl From<String> for Foreign {
    fn from(text: String) -> Foreign {
        Foreign(text)
    }
}

impl From<&String> for Foreign {
    fn from(text: &String) -> Foreign {
        Foreign(text.clone())
    }
}

impl From<&str> for Foreign {
    fn from(text: &str) -> Foreign {
        Foreign(text.to_owned())
    }
}

impl PartialEq<&str> for Foreign {
    fn eq(&self, text: &&str) -> bool {
        self.0 == *text
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Foreign({:?})", super::line(&self.0))
    }
}

impl Serialize for Foreign {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

/// What the functions of this module take: text that may be a stranger's. The way in to a [`Foreign`] is theirs alone.
pub trait Text: inside::Text {}

impl<T: inside::Text + ?Sized> Text for T {}

mod inside {
    pub trait Text {
        fn text(&self) -> &str;
    }
}

impl inside::Text for str {
    fn text(&self) -> &str {
        self
    }
}

impl inside::Text for String {
    fn text(&self) -> &str {
        self
    }
}

impl inside::Text for Cow<'_, str> {
    fn text(&self) -> &str {
        self
    }
}

impl inside::Text for Foreign {
    fn text(&self) -> &str {
        &self.0
    }
}

impl<T: inside::Text + ?Sized> inside::Text for &T {
    fn text(&self) -> &str {
        (**self).text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_and_json_carry_no_raw_escape() {
        let text = Foreign::from("a\x1b[31m\u{202e}b");
        assert_eq!(format!("{text:?}"), r#"Foreign("a\\x1b[31m\\u{202e}b")"#);
        assert_eq!(serde_json::to_value(&text).unwrap(), "a\x1b[31m\u{202e}b");
    }
}
