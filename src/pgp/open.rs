//! x
pub mod packets;
mod decrypt;
mod elgamal;
mod ocb20;
mod verify;
