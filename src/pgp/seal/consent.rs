//! The words without which nothing goes out in the clear.

use crate::reply::Draft;

/// A person's consent to send one reply in the clear. It can only be had for the exact words, which name everybody the
/// reply goes to: nobody types them by accident, and no flag stands for them.
pub struct ClearConsent {
    to: String,
}

impl ClearConsent {
    /// The words that [`ClearConsent::given`] wants for `draft`: `send finder@example.net in the clear`.
    pub fn words(draft: &Draft) -> String {
        format!("send {} in the clear", addresses(draft))
    }

    /// `Some` where `words` are exactly [`ClearConsent::words`], but for the case of letters in the addresses and white
    /// space around the whole.
    pub fn given(words: &str, draft: &Draft) -> Option<ClearConsent> {
        let named = words.trim().strip_prefix("send ")?.strip_suffix(" in the clear")?;
        let to = addresses(draft);
        named.eq_ignore_ascii_case(&to).then_some(ClearConsent { to })
    }

    /// True where the consent is for everybody that `draft` goes to, and for nobody else.
    pub(super) fn covers(&self, draft: &Draft) -> bool {
        self.to == addresses(draft)
    }
}

fn addresses(draft: &Draft) -> String {
    draft.recipients().map(|a| a.address.as_str()).collect::<Vec<_>>().join(", ")
}
