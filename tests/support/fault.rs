//! Faults on the k-th call of the real program: `fault.c`, built once and loaded into it.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What is to happen, and at which of the counted calls.
#[derive(Clone, Debug)]
pub struct Fault<'a> {
    /// `count`, `die`, `torn`, `stop`, `fail`, `dead`, `full`, `short`; see `fault.c`.
    pub mode: &'a str,
    /// From 1.
    pub at: u64,
    /// For `fail` and `dead`.
    pub errno: i32,
    /// Of `wsrn`.
    pub classes: &'a str,
}

impl Fault<'_> {
    /// Puts the library and the wish into the environment of `command`. Only files below `root` count.
    pub fn on(&self, command: &mut Command, root: &Path) {
        let wish = format!("{}:{}:{}:{}:{}", self.mode, self.at, self.errno, self.classes, root.display());
        command.env("LD_PRELOAD", library()).env("SEALPOST_FAULT", wish);
    }
}

/// A counted call: its class, what it is, and the name of the file.
pub type Call = (char, String, String);

/// Lets `command` run undisturbed and gives every call that was counted, the first first.
pub fn count(command: &mut Command, root: &Path, classes: &str) -> Vec<Call> {
    let log = root.join("calls.log");
    let _ = fs::remove_file(&log);
    Fault { mode: "count", at: 0, errno: 0, classes }.on(command, root);
    let output = command.env("SEALPOST_FAULT_LOG", &log).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let call = |line: &str| {
        let mut words = line.splitn(4, ' ').skip(1).map(str::to_owned);
        Some((words.next()?.chars().next()?, words.next()?, words.next()?))
    };
    text.lines().map(|line| call(line).unwrap()).collect()
}

/// The library, built when it is first asked for.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/fault.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Under a name of this process first: other test programs may be building it as well.
        let partial = folder.join(format!("fault-{}.so", std::process::id()));
        let built = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .arg(&partial)
            .arg(&source)
            .arg("-ldl")
            .output()
            .expect("a C compiler is needed: run tests/install");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let library = folder.join("fault.so");
        fs::rename(&partial, &library).unwrap();
        library
    })
}

/// A folder as it is on the disk for certain, by the numbers of its inodes.
#[derive(Default)]
pub struct Disk {
    files: HashMap<u64, Vec<u8>>,
    folders: HashMap<u64, Vec<(u64, String)>>,
}

impl Disk {
    /// Takes everything below `root` as safely on the disk.
    pub fn of(root: &Path) -> Disk {
        let mut disk = Disk::default();
        disk.take(root);
        disk
    }

    fn take(&mut self, folder: &Path) {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            let found = entry.metadata().unwrap();
            names.push((found.ino(), entry.file_name().into_string().unwrap()));
            if found.is_dir() {
                self.take(&entry.path());
            } else {
                self.files.insert(found.ino(), fs::read(entry.path()).unwrap());
            }
        }
        self.folders.insert(fs::metadata(folder).unwrap().ino(), names);
    }

    /// Adds what the library saw being synchronised.
    pub fn synchronised(&mut self, shadow: &Path) {
        for entry in fs::read_dir(shadow).unwrap().map(|entry| entry.unwrap()) {
            let name = entry.file_name().into_string().unwrap();
            let (kind, inode) = name.split_once('-').unwrap();
            let (inode, bytes) = (inode.parse().unwrap(), fs::read(entry.path()).unwrap());
            if kind == "f" {
                self.files.insert(inode, bytes);
                continue;
            }
            let text = String::from_utf8(bytes).unwrap();
            let name =
                |line: &str| line.split_once(' ').map(|(i, name)| (i.parse().unwrap(), name.to_owned())).unwrap();
            self.folders.insert(inode, text.lines().map(name).collect());
        }
    }

    /// Makes `folder` what was below `root` when the power came back: a name without synchronised bytes is an empty file.
    /// `is_folder` tells which names are folders.
    pub fn restore(&self, root: u64, folder: &Path, is_folder: &dyn Fn(&str) -> bool) {
        fs::DirBuilder::new().mode(0o700).recursive(true).create(folder).unwrap();
        for (inode, name) in self.folders.get(&root).into_iter().flatten() {
            let path = folder.join(name);
            if is_folder(name) {
                self.restore(*inode, &path, is_folder);
                continue;
            }
            let bytes = self.files.get(inode).map(Vec::as_slice).unwrap_or_default();
            super::private(&path, bytes);
        }
    }
}
