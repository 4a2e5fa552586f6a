//! OpenPGP: the only place that meets `sequoia_openpgp`.

pub mod agent;
pub mod certs;
pub mod keyring;
mod locked;
pub mod open;
pub mod seal;

pub use seal::Sealed;
