//! The worker's cell: bounds on what it uses, Landlock, and a list of the few system calls that reading mail needs.
//!
//! What the kernel has not got is left out, and told. Without Landlock and seccomp the bound on open files still keeps the worker
//! from opening anything: files and sockets need a descriptor.

use std::fs::DirEntry;
use std::os::fd::RawFd;
use std::process::{Command, Stdio};

use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope};
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};

use super::limits::Limits;
use super::protocol::{Landlock, Sandbox, Trial};

/// Standard input, output and error: no other descriptor can be had.
const DESCRIPTORS: u64 = 3;
/// Where the system does not tell which descriptors are open, these are closed.
const MOST_GUESSED: RawFd = 1024;

/// Shuts this process in, for good.
pub fn enter(limits: &Limits) -> Sandbox {
    close_others();
    // The parent's end ends this too, in whatever it is.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = rustix::thread::set_no_new_privs(true);
    let bounded = [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
        (Resource::Memlock, 0),
        (Resource::As, limits.memory),
    ];
    let bounded = bounded.into_iter().all(|(resource, most)| bound(resource, most));
    let landlock = landlock();
    // The rules of Landlock come through a descriptor, so this follows them.
    let bounded = bound(Resource::Nofile, DESCRIPTORS) && bounded;
    Sandbox { landlock, seccomp: calls::restrict(), limits: bounded }
}

/// Closes what whoever started the program left open: our own descriptors are closed on the way here, others' need not be.
fn close_others() {
    let number = |entry: std::io::Result<DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")
        .map_or_else(|_| (0..MOST_GUESSED).collect(), |list| list.filter_map(number).collect());
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // The one that the list was read by is closed already.
        let _ = nix::unistd::close(descriptor);
    }
}

fn bound(resource: Resource, most: u64) -> bool {
    let most = rustix::process::getrlimit(resource).maximum.map_or(most, |hard| hard.min(most));
    rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).is_ok()
}

fn landlock() -> Landlock {
    let ruleset = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI::V5))?
            .handle_access(AccessNet::from_all(ABI::V5))?
            .scope(Scope::from_all(ABI::V6))?
            .create()?
            .restrict_self()
    };
    match ruleset().map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => Landlock::Full,
        Ok(RulesetStatus::PartiallyEnforced) => Landlock::Partial,
        _ => Landlock::None,
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod calls {
    //! The system calls that are allowed; every other one gives "operation not permitted".

    use std::collections::BTreeMap;

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
        apply_filter,
    };

    /// Allows memory, the clock, randomness, the three pipes and the end; nothing that opens, sends, starts or signals.
    pub fn restrict() -> bool {
        program().is_some_and(|program| apply_filter(&program).is_ok())
    }

    fn program() -> Option<BpfProgram> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = [
            libc::SYS_brk,
            libc::SYS_munmap,
            libc::SYS_mremap,
            libc::SYS_madvise,
            libc::SYS_futex,
            libc::SYS_clock_gettime,
            libc::SYS_getrandom,
            libc::SYS_getpid,
            libc::SYS_gettid,
            libc::SYS_sched_yield,
            libc::SYS_sigaltstack,
            libc::SYS_rt_sigprocmask,
            libc::SYS_rt_sigreturn,
            libc::SYS_restart_syscall,
            libc::SYS_exit,
            libc::SYS_exit_group,
        ]
        .into_iter()
        .map(|call| (call, Vec::new()))
        .collect();
        let only = |argument, allowed: &[i32]| -> Option<Vec<SeccompRule>> {
            allowed.iter().map(|value| rule(argument, SeccompCmpOp::Eq, u64::try_from(*value).ok()?)).collect()
        };
        rules.insert(libc::SYS_read, only(0, &[0])?);
        rules.insert(libc::SYS_write, only(0, &[1, 2])?);
        // Aborting signals oneself; a fault that is no overflow of the stack puts the default back.
        let me = i32::try_from(std::process::id()).ok()?;
        rules.insert(libc::SYS_tgkill, only(0, &[me])?);
        rules.insert(libc::SYS_rt_sigaction, only(0, &[libc::SIGSEGV, libc::SIGBUS, libc::SIGABRT])?);
        // Memory that can be run stays as it was loaded.
        let exec = u64::try_from(libc::PROT_EXEC).ok()?;
        rules.insert(libc::SYS_mmap, vec![rule(2, SeccompCmpOp::MaskedEq(exec), 0)?]);
        rules.insert(libc::SYS_mprotect, vec![rule(2, SeccompCmpOp::MaskedEq(exec), 0)?]);
        let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM).ok()?);
        let arch = std::env::consts::ARCH.try_into().ok()?;
        SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch).ok()?.try_into().ok()
    }

    fn rule(argument: u8, is: SeccompCmpOp, value: u64) -> Option<SeccompRule> {
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value).ok()?;
        SeccompRule::new(vec![condition]).ok()
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod calls {
    /// The list of system calls is written for two architectures; `sealpost check` says that it is not in force here.
    pub fn restrict() -> bool {
        false
    }
}

/// Tries what a worker must not be able to do.
pub fn try_all() -> Vec<Trial> {
    let files = std::fs::File::open("/").map(drop);
    let network = std::net::UdpSocket::bind(("127.0.0.1", 0)).map(drop);
    let programs = Command::new("/proc/self/exe").arg("--version").stdout(Stdio::null()).spawn();
    let programs = programs.and_then(|mut child| child.wait()).map(drop);
    let parent = rustix::process::getppid().map_or(Err(rustix::io::Errno::PERM), rustix::process::test_kill_process);
    let signals = parent.map_err(std::io::Error::from);
    [("files", files), ("network", network), ("programs", programs), ("signals", signals)]
        .into_iter()
        .map(|(what, done)| Trial { what: what.into(), refused: done.err().map(|e| e.to_string()) })
        .collect()
}
