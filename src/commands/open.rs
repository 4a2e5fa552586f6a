//! `sealpost open`: one mail, looked at and not stored.

use crate::output::message::{MessageView, Stored};
use crate::pgp::keyring::Keyring;
use crate::pgp::open::{self, Context};

/// Opens the bytes of one mail and gives the value to show.
pub fn run(raw: &[u8], keys: &Keyring, context: &Context) -> MessageView {
    let opened = open::open(raw, keys, context);
    MessageView::new(&opened, Stored { received_at: context.received_at, ..Stored::default() })
}
