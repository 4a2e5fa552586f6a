//! The glue: read, decide, write.

pub mod open;
