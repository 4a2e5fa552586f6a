//! Arguments and help text.

pub mod open;
