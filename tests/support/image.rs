//! What is left in a process's memory when its work is done.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use data_encoding::BASE64;

/// Makes the program under test leave an image of its memory behind.
pub struct Images {
    folder: tempfile::TempDir,
    library: PathBuf,
}

impl Images {
    /// Compiles what is preloaded.
    pub fn new() -> Images {
        let folder = tempfile::Builder::new().prefix("sealpost-images-").tempdir().unwrap();
        let library = folder.path().join("image.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/image.c");
        let cc = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let made = Command::new(cc).args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        assert!(made.expect("a C compiler").success());
        fs::create_dir(folder.path().join("images")).unwrap();
        Images { folder, library }
    }

    /// To be done to a command before it is run.
    pub fn ask(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("SEALPOST_IMAGES", self.folder.path().join("images"));
        command.env("SEALPOST_IMAGE_OF", command.get_program().to_owned());
    }

    /// The images that processes left since the last call; never none.
    pub fn taken(&self) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.folder.path().join("images")).unwrap() {
            let path = entry.unwrap().path();
            found.push(fs::read(&path).unwrap());
            fs::remove_file(path).unwrap();
        }
        assert!(!found.is_empty(), "no process left an image of its memory");
        assert!(found.iter().all(|image| image.len() > 1 << 20), "an image is too small to be true");
        found
    }
}

/// What must not be found, each under a name.
#[derive(Default)]
pub struct Needles {
    all: Vec<(String, Vec<u8>)>,
}

impl Needles {
    /// A text: as it is, in small letters as the index of words has it, in Base64 at any of the three places it can begin.
    pub fn text(&mut self, name: &str, text: &str) {
        self.bytes(name, text.as_bytes());
        if text.to_lowercase() != text {
            self.bytes(&format!("{name}, in small letters"), text.to_lowercase().as_bytes());
        }
        for skip in 0..3 {
            let padded: Vec<u8> = std::iter::repeat_n(0, skip).chain(text.bytes()).collect();
            let encoded = BASE64.encode(&padded);
            // Without the characters that depend on what stands before and after.
            let inner = &encoded[if skip == 0 { 0 } else { 4 }..encoded.len() - 4];
            self.bytes(&format!("{name}, in Base64"), inner.as_bytes());
        }
    }

    /// A number: as it is, backwards, in hexadecimal.
    pub fn number(&mut self, name: &str, bytes: &[u8]) {
        let hex = data_encoding::HEXLOWER.encode(bytes);
        self.bytes(name, bytes);
        self.bytes(&format!("{name}, backwards"), &bytes.iter().rev().copied().collect::<Vec<u8>>());
        self.bytes(&format!("{name}, in hexadecimal"), hex.as_bytes());
        self.bytes(&format!("{name}, in HEXADECIMAL"), hex.to_uppercase().as_bytes());
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        assert!(bytes.len() >= 8, "{name} is too short to be told from chance");
        self.all.push((name.to_owned(), bytes.to_vec()));
    }

    /// How often each is found: in one pass, since images are large.
    pub fn found_in(&self, image: &[u8]) -> BTreeMap<String, usize> {
        let mut begins = vec![false; 1 << 16];
        for (_, needle) in &self.all {
            begins[usize::from(needle[0]) << 8 | usize::from(needle[1])] = true;
        }
        let mut found = BTreeMap::new();
        for at in 0..image.len().saturating_sub(1) {
            if begins[usize::from(image[at]) << 8 | usize::from(image[at + 1])] {
                for (name, needle) in &self.all {
                    if image[at..].starts_with(needle) {
                        *found.entry(name.clone()).or_default() += 1;
                        if std::env::var_os("SEALPOST_TEST_SHOW").is_some() {
                            let around = &image[at.saturating_sub(48)..image.len().min(at + needle.len() + 48)];
                            eprintln!("{name}: {}", around.escape_ascii());
                        }
                    }
                }
            }
        }
        found
    }
}
