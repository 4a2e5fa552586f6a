//! Case and policy and now to due, paused, met, late.

pub mod policy;
pub mod published;
