//! One value per command, shown to people or as JSON.

pub mod policy;
