//! `policy check`: a file → what it commits to.

use crate::cli::policy::Check;
use crate::clock::published::{self, InputError, LARGEST};
use crate::output::policy::Checked;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a policy could not be read. Exit status 1.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}; name the policy's file", crate::safe::line(&file.display().to_string()))]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is no policy.
    #[error("cannot use {} as a policy: {error}", crate::safe::line(&file.display().to_string()))]
    Unusable {
        /// Which.
        file: PathBuf,
        /// Why.
        error: InputError,
    },
}

/// Read the file and say what it commits to.
///
/// # Errors
///
/// When the file cannot be read, is too large or is not text.
pub fn check(arguments: &Check) -> Result<Checked, PolicyError> {
    let file = &arguments.file;
    let bytes = contents(file).map_err(|error| PolicyError::Unreadable { file: file.clone(), error })?;
    let reading = published::read_bytes(&bytes).map_err(|error| PolicyError::Unusable { file: file.clone(), error })?;
    Ok(Checked::new(file.display().to_string(), reading, arguments.explain))
}

/// No more of the file than shows that it is too large.
fn contents(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(file)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
