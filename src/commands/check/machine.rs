//! The machine: room on the disk, swap that keeps what memory held, limits under which a poll would die.

use std::path::Path;

use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

use crate::config::Config;
use crate::output::health::{Finding, judge};
use crate::safe;

/// Fewer open files than this are not enough for a ledger, its log and two connections.
const FEWEST_FILES: u64 = 32;
/// How deep block devices may be stacked (a file in LVM on LUKS on RAID is four).
const DEEPEST: u32 = 10;

/// Looks at it.
pub fn look(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(disk(&config.ledger));
    if let Ok(mounts) = std::fs::read_to_string("/proc/self/mounts") {
        found.extend(remote(&mounts, &config.ledger));
    }
    if let Ok(text) = std::fs::read_to_string("/proc/swaps") {
        found.push(swap(&swaps(&text), Path::new("/sys")));
    }
    found.extend(limits(&config.ledger));
    found
}

fn disk(ledger: &Path) -> Option<Finding> {
    // Before the first poll the folder may not be there yet.
    let folder = ledger.ancestors().skip(1).find(|p| p.is_dir())?;
    let space = rustix::fs::statvfs(folder).ok()?;
    let size = std::fs::metadata(ledger).map_or(0, |m| m.len());
    Some(judge::disk(space.f_bavail.saturating_mul(space.f_frsize), size))
}

/// File systems of other machines that the ledger cannot tell by their number (all of FUSE has one), or that it knows and
/// refuses by itself.
const REMOTE: [&str; 14] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "9p",
    "afs",
    "ceph",
    "lustre",
    "fuse.sshfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.glusterfs",
    "fuse.davfs",
    "davfs",
];

/// Locks and synchronisation cannot be relied upon on a file system of another machine.
fn remote(mounts: &str, ledger: &Path) -> Option<Finding> {
    let folder = ledger.ancestors().skip(1).find(|p| p.is_dir())?.canonicalize().ok()?;
    let kind = kind_of(mounts, &folder)?;
    let words = format!("the ledger lies on a file system of another machine ({})", safe::short(kind, 40));
    REMOTE.contains(&kind).then(|| Finding::warn("disk", words).hint("move it to a local disk: [ledger] path"))
}

/// The kind of the file system that a folder lies on, by `/proc/self/mounts`: the deepest mount above it, and of two in the
/// same place the later.
fn kind_of<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let read = |line: &'a str| {
        let mut words = line.split(' ').skip(1);
        Some((unescaped(words.next()?), words.next()?))
    };
    let above = mounts.lines().filter_map(read).filter(|(point, _)| folder.starts_with(point));
    above.max_by_key(|(point, _)| Path::new(point).components().count()).map(|(_, kind)| kind)
}

/// The kernel writes blanks in paths as octal escapes.
fn unescaped(path: &str) -> String {
    path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

/// A place that memory is swapped to.
#[derive(Debug, PartialEq, Eq)]
struct Swap {
    path: String,
    is_file: bool,
}

/// Reads `/proc/swaps`: a heading, then `path type size used priority`, blanks in the path as `\040`.
fn swaps(text: &str) -> Vec<Swap> {
    let lines = text.lines().skip(1).take(64);
    let read = |line: &str| {
        let mut words = line.split_whitespace();
        let (path, kind) = (words.next()?, words.next()?);
        let path = unescaped(path);
        // A swap file that was removed while in use.
        let path = path.trim_end_matches(" (deleted)").to_owned();
        Some(Swap { path, is_file: kind == "file" })
    };
    lines.filter_map(read).collect()
}

/// Swap in compressed memory is gone with the power, and swap on an encrypted device is as safe as its key. Anything else
/// keeps on the disk what memory held: decrypted reports, keys.
fn swap(all: &[Swap], sys: &Path) -> Finding {
    let open: Vec<String> = all.iter().filter(|s| !is_sealed(s, sys)).map(|s| safe::short(&s.path, 80)).collect();
    if !open.is_empty() {
        let words = format!("swap without encryption: {}; what memory held may stay on the disk", open.join(", "));
        return Finding::warn("swap", words)
            .hint("encrypt it (cryptsetup, with a random key), use zram, or swapoff -a");
    }
    Finding::ok("swap", if all.is_empty() { "none" } else { "in memory or encrypted" })
}

fn is_sealed(swap: &Swap, sys: &Path) -> bool {
    let path = Path::new(&swap.path);
    if swap.is_file {
        use std::os::unix::fs::MetadataExt;
        // Encrypted where the file system lies on an encrypted device. (btrfs numbers devices of its own, which tells nothing.)
        let Ok(found) = std::fs::metadata(path) else { return false };
        let (major, minor) = (rustix::fs::major(found.dev()), rustix::fs::minor(found.dev()));
        return is_sealed_device(&sys.join(format!("dev/block/{major}:{minor}")), DEEPEST);
    }
    let name = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let Some(name) = name.file_name().and_then(|n| n.to_str()) else { return false };
    let is_zram = name.strip_prefix("zram").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    is_zram || is_sealed_device(&sys.join("class/block").join(name), DEEPEST)
}

/// A device of dm-crypt, or one that lies on such devices only.
fn is_sealed_device(device: &Path, deepest: u32) -> bool {
    let uuid = std::fs::read_to_string(device.join("dm/uuid")).unwrap_or_default();
    if uuid.starts_with("CRYPT-") {
        return true;
    }
    let below: Vec<_> = std::fs::read_dir(device.join("slaves")).into_iter().flatten().flatten().collect();
    deepest > 0 && !below.is_empty() && below.iter().all(|d| is_sealed_device(&d.path(), deepest - 1))
}

/// Limits of the system that this process runs under; it shuts core files off for itself when it starts.
fn limits(ledger: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    let dumps = dumpable_behavior().is_ok_and(|how| how != DumpableBehavior::NotDumpable);
    if getrlimit(Resource::Core).current != Some(0) || dumps {
        found.push(
            Finding::warn("core", "this process may leave a core file, with keys and reports in it")
                .hint("ulimit -c 0"),
        );
    } else {
        found.push(Finding::ok("core", "no core file, no debugger"));
    }
    let size = std::fs::metadata(ledger).map_or(0, |m| m.len());
    if let Some(most) = getrlimit(Resource::Fsize).current.filter(|most| *most < size.saturating_mul(2).max(64 << 20)) {
        let words = format!("files may grow to {} KiB only, which the ledger will reach", most >> 10);
        found.push(Finding::warn("limits", words).hint("ulimit -f unlimited"));
    }
    if let Some(most) = getrlimit(Resource::Nofile).current.filter(|most| *most < FEWEST_FILES) {
        found.push(Finding::warn("limits", format!("only {most} files may be open at once")).hint("ulimit -n 1024"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::health::Level;

    const TEXT: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
        /dev/dm-1                               partition\t8388604\t\t0\t\t-2\n\
        /dev/zram0                              partition\t4194300\t\t1024\t\t100\n\
        /var/a\\040b/swap\\040(deleted)           file\t\t1024\t0\t-3\n";

    #[test]
    fn what_the_kernel_lists() {
        let swap = |path: &str, is_file| Swap { path: path.into(), is_file };
        assert_eq!(swaps(TEXT), [swap("/dev/dm-1", false), swap("/dev/zram0", false), swap("/var/a b/swap", true)]);
        assert_eq!(swaps("Filename\tType\tSize\tUsed\tPriority\n"), []);
        assert_eq!(swaps(""), []);
        assert_eq!(swaps("Filename\nodd\n").len(), 0);
    }

    /// A `/sys` in which sda1 is a plain partition, dm-0 is dm-crypt on it, dm-1 is LVM on dm-0, dm-2 is LVM on both.
    fn sys() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let block = dir.path().join("class/block");
        let device = |name: &str, uuid: &str, slaves: &[&str]| {
            std::fs::create_dir_all(block.join(name).join("slaves")).unwrap();
            if !uuid.is_empty() {
                std::fs::create_dir_all(block.join(name).join("dm")).unwrap();
                std::fs::write(block.join(name).join("dm/uuid"), uuid).unwrap();
            }
            for slave in slaves {
                std::os::unix::fs::symlink(block.join(slave), block.join(name).join("slaves").join(slave)).unwrap();
            }
        };
        device("sda1", "", &[]);
        device("dm-0", "CRYPT-LUKS2-0123-luks\n", &["sda1"]);
        device("dm-1", "LVM-abc\n", &["dm-0"]);
        device("dm-2", "LVM-abc\n", &["dm-0", "sda1"]);
        dir
    }

    #[test]
    fn encrypted_swap_is_told_from_open_swap() {
        let sys = sys();
        let level = |path: &str| swap(&[Swap { path: path.into(), is_file: false }], sys.path()).level;
        for (path, wanted) in [
            ("/dev/sda1", Level::Warn),
            ("/dev/dm-0", Level::Ok),
            ("/dev/dm-1", Level::Ok),
            ("/dev/dm-2", Level::Warn),
            ("/dev/zram0", Level::Ok),
            ("/dev/zramx", Level::Warn),
            ("/dev/not-there", Level::Warn),
        ] {
            assert_eq!(level(path), wanted, "{path}");
        }
        assert_eq!(swap(&[], sys.path()).level, Level::Ok);
        let mixed = swap(&swaps(TEXT), sys.path());
        assert_eq!(mixed.level, Level::Warn);
        assert!(mixed.words.contains("/var/a b/swap") && !mixed.words.contains("dm-1"), "{:?}", mixed.words);
    }

    #[test]
    fn a_swap_file_is_as_safe_as_the_device_below() {
        use std::os::unix::fs::MetadataExt;
        let sys = sys();
        let file = sys.path().join("swapfile");
        std::fs::write(&file, b"").unwrap();
        let swap_file = [Swap { path: file.to_str().unwrap().into(), is_file: true }];
        assert_eq!(swap(&swap_file, sys.path()).level, Level::Warn);
        let dev = std::fs::metadata(&file).unwrap().dev();
        let numbers = format!("{}:{}", rustix::fs::major(dev), rustix::fs::minor(dev));
        std::fs::create_dir_all(sys.path().join("dev/block")).unwrap();
        std::os::unix::fs::symlink(sys.path().join("class/block/dm-1"), sys.path().join("dev/block").join(numbers))
            .unwrap();
        assert_eq!(swap(&swap_file, sys.path()).level, Level::Ok);
    }

    #[test]
    fn file_systems_of_other_machines() {
        let mounts = "/dev/sda1 / ext4 rw 0 0\nhost:/x /home/a\\040b fuse.sshfs rw 0 0\nsrv:/y /mnt nfs4 rw 0 0\n/dev/sdb /mnt ext4 rw 0 0\nodd\n";
        let kind = |folder: &str| kind_of(mounts, Path::new(folder));
        assert_eq!(kind("/var/lib"), Some("ext4"));
        assert_eq!(kind("/home/a b/data"), Some("fuse.sshfs"));
        assert_eq!(kind("/home/a"), Some("ext4"));
        assert_eq!(kind("/mnt/data"), Some("ext4"), "mounted over");
        assert_eq!(kind_of("", Path::new("/")), None);
        let home = tempfile::tempdir().unwrap();
        let ledger = home.path().join("data/ledger.db");
        assert_eq!(remote("x / fuse.sshfs rw 0 0\n", &ledger).map(|f| f.level), Some(Level::Warn));
        assert!(remote("x / ext4 rw 0 0\n", &ledger).is_none());
    }

    #[test]
    fn devices_that_stand_on_each_other_end() {
        let dir = tempfile::tempdir().unwrap();
        let a = dir.path().join("class/block/dm-7");
        std::fs::create_dir_all(a.join("slaves")).unwrap();
        std::os::unix::fs::symlink(&a, a.join("slaves/dm-7")).unwrap();
        assert!(!is_sealed_device(&a, DEEPEST));
    }
}
