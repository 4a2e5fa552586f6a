//! What each command does: read, decide, write.

pub mod policy;
