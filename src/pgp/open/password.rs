//! Mail encrypted with a password (RFC 9580 section 5.3): tried only where a person asked for that, and at a bounded cost.

use sequoia_openpgp as openpgp;

use openpgp::crypto::S2K;
use openpgp::packet::SKESK;

use super::decrypt::Helper;
use super::unwrap::Try;

/// Why it stays closed, and what to do.
pub const CLOSED: &str = "it is encrypted with a password; ask the sender to encrypt to our certificate, or try the password \
                          with sealpost open";

/// Why it stays closed although there is a password.
pub const COSTLY: &str = "to try a password on it would take more memory or time than a stranger may ask for; ask the sender \
                          to encrypt to our certificate";

/// Deriving a key from a password is made to be slow, so few packets are looked at.
const MAX_TRIED: usize = 2;
/// The sender says how much memory Argon2 takes: 64 MiB, which RFC 9580 section 3.7.1.4 calls for on small machines, and no more.
const MAX_MEMORY: u8 = 16;
const MAX_PASSES: u8 = 4;
const MAX_LANES: u8 = 16;

impl Helper<'_> {
    /// Tries the password that the keyring holds for messages.
    pub(super) fn try_password(&mut self, skesks: &[SKESK], decrypt: &mut Try<'_>) -> bool {
        let Some(password) = self.env.keys.message_password() else { return false };
        let password = openpgp::crypto::Password::from(password.expose());
        let (affordable, costly): (Vec<&SKESK>, Vec<&SKESK>) = skesks.iter().partition(|skesk| is_affordable(skesk));
        self.state.costly_password = !costly.is_empty();
        for skesk in affordable.into_iter().take(MAX_TRIED) {
            let Ok((cipher, key)) = skesk.decrypt(&password) else { continue };
            // Version 6 proves the password by itself: what does not open then was changed.
            self.state.unwrapped_badly |= skesk.version() == 6;
            if decrypt(cipher, &key) {
                self.state.sealing.by_password = true;
                self.state.session_key = true;
                return true;
            }
        }
        false
    }
}

fn is_affordable(skesk: &SKESK) -> bool {
    let s2k = match skesk {
        SKESK::V4(skesk) => skesk.s2k(),
        SKESK::V6(skesk) => skesk.s2k(),
        _ => return false,
    };
    match s2k {
        S2K::Argon2 { t, p, m, .. } => *m <= MAX_MEMORY && *t <= MAX_PASSES && *p <= MAX_LANES,
        // Hashing 65 MB is the most that can be asked for.
        _ => true,
    }
}
