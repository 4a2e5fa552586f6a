//! OpenPGP: the only place that meets `sequoia_openpgp`.

pub mod keyring;
pub mod open;
