//! Files that nobody else may read, as the program wants what it works with.

use std::fs::{DirBuilder, OpenOptions, remove_file};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// A file of mode 0600 with these bytes, in place of what had the name; folders that are missing are made with mode 0700.
pub fn private(path: &Path, bytes: &[u8]) {
    DirBuilder::new().mode(0o700).recursive(true).create(path.parent().unwrap()).unwrap();
    let _ = remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(bytes).unwrap();
}
