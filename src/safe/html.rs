//! Text for a page.

use super::{Text, line};

/// A stranger's text as text of a page, or as the value of an attribute in quotes: whatever it holds, it is shown.
pub fn html<T: Text + ?Sized>(text: &T) -> String {
    let shown = line(text);
    let mut out = String::with_capacity(shown.len());
    for c in shown.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tag_and_no_quote_is_left() {
        assert_eq!(html("<b title='x'>&\"`\x1b"), "&lt;b title=&#39;x&#39;&gt;&amp;&quot;&#96;\\x1b");
    }
}
