//! Arguments and help text.

pub mod policy;
