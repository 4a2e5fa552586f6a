//! How values lie in rows: instants, digests, absent text.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::{Direction, LedgerError, Result};

/// An instant as it is stored: microseconds. Nanoseconds would not reach the year 9999, which hostile mail names.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The instant back.
pub(super) fn instant(micros: i64) -> Result<Timestamp> {
    // Not `from_microsecond`, which refuses the last second that `as_microsecond` gives.
    let part = i32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or_default();
    Timestamp::new(micros.div_euclid(1_000_000), part).map_err(|_| garbled("a time"))
}

/// An instant as it will be after storing.
pub(super) fn kept(at: Timestamp) -> Timestamp {
    instant(micros(at)).unwrap_or(at)
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(LedgerError::Json)
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| garbled(what))
}

/// The name serde gives a unit variant: `follow_up` for `Role::FollowUp`.
pub(super) fn name_of<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The variant back from its name.
pub(super) fn from_name<T: DeserializeOwned>(name: String, what: &str) -> Result<T> {
    serde_json::from_value(serde_json::Value::String(name)).map_err(|_| garbled(what))
}

pub(super) fn garbled(what: &str) -> LedgerError {
    LedgerError::Garbled { what: what.into() }
}

/// `''` stands for absent text.
pub(super) fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

impl Direction {
    pub(super) fn name(self) -> &'static str {
        match self {
            Direction::In => "in",
            Direction::Out => "out",
        }
    }

    pub(super) fn from_name(name: &str) -> Result<Direction> {
        match name {
            "in" => Ok(Direction::In),
            "out" => Ok(Direction::Out),
            _ => Err(garbled("a direction")),
        }
    }
}

/// SHA-256 over a label and fields, each after its length as eight bytes, most significant first: no two lists of
/// fields run together into the same bytes.
pub(super) struct RowDigest(Sha256);

impl RowDigest {
    /// Begins with a label that says what is hashed and in which version.
    pub(super) fn new(label: &str) -> RowDigest {
        RowDigest(Sha256::new()).bytes(label.as_bytes())
    }

    pub(super) fn bytes(mut self, field: &[u8]) -> RowDigest {
        self.0.update((field.len() as u64).to_be_bytes());
        self.0.update(field);
        self
    }

    pub(super) fn text(self, field: &str) -> RowDigest {
        self.bytes(field.as_bytes())
    }

    /// A number, as the eight bytes of its two's complement, most significant first.
    pub(super) fn int(self, field: i64) -> RowDigest {
        self.bytes(&field.to_be_bytes())
    }

    pub(super) fn done(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
