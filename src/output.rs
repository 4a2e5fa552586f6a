//! One value each, shown to people or as JSON.

pub mod message;
