//! What the kernel takes away from a worker before it sees the first line of a policy.
//!
//! The worker does it to itself, right after its start and before it reads anything: it has nothing to hide yet. From then
//! on it can compute, take memory up to its limit, read its requests and write its answers, and nothing else.

/// How far the kernel holds a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Containment {
    /// Memory is limited, and every system call but those of computing is refused.
    Full,
    /// Memory is limited as far as this system can; files and network are out of reach of policies only because the
    /// interpreter has neither.
    Limits,
}

#[cfg(target_os = "linux")]
pub(super) use linux::contain;

/// Nothing that could be taken away is known here.
#[cfg(not(target_os = "linux"))]
pub(super) fn contain(_memory: u64) -> std::io::Result<Containment> {
    Ok(Containment::Limits)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{collections::BTreeMap, io};

    use libc::c_int;
    use rustix::process::{
        DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior, set_parent_process_death_signal,
        setrlimit,
    };
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is, SeccompCondition as Condition,
        SeccompFilter, SeccompRule as Rule, TargetArch,
    };

    use super::Containment;

    /// Takes everything away that computing does not need; `memory` is how many bytes of it may be taken.
    pub(in crate::workers) fn contain(memory: u64) -> io::Result<Containment> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // Neither a core dump nor another process of the same user gets to see what policies hold.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        let limit = |resource, most: u64| {
            // Whoever started the server may have left us less; nobody can take more.
            let most = getrlimit(resource).maximum.map_or(most, |left| left.min(most));
            setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
        };
        limit(Resource::Core, 0)?;
        limit(Resource::Fsize, 0)?;
        limit(Resource::Nofile, 3)?;
        limit(Resource::Data, memory)?;
        rustix::thread::set_no_new_privs(true)?;
        // Another kind of machine, an old kernel, or a container around us may not have it.
        let held = filter_of_this_machine().is_ok_and(|filter| seccompiler::apply_filter_all_threads(&filter).is_ok());
        Ok(if held { Containment::Full } else { Containment::Limits })
    }

    pub(super) fn filter_of_this_machine() -> Result<BpfProgram, seccompiler::BackendError> {
        filter(TargetArch::try_from(std::env::consts::ARCH)?)
    }

    /// The calls that computing needs. Whatever else is called does not exist: unlike with a death, the C library then gets
    /// along without, as it does on older kernels.
    fn filter(arch: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
        let mut rules: BTreeMap<i64, Vec<Rule>> = BTreeMap::new();
        for call in [
            libc::SYS_brk,
            libc::SYS_clock_gettime,
            libc::SYS_exit,
            libc::SYS_exit_group,
            libc::SYS_futex,
            libc::SYS_getpid,
            libc::SYS_getrandom,
            libc::SYS_gettid,
            libc::SYS_madvise,
            libc::SYS_mremap,
            libc::SYS_munmap,
            libc::SYS_restart_syscall,
            libc::SYS_rseq,
            libc::SYS_rt_sigaction,
            libc::SYS_rt_sigprocmask,
            libc::SYS_rt_sigreturn,
            libc::SYS_sched_yield,
            libc::SYS_set_robust_list,
            libc::SYS_sigaltstack,
        ] {
            rules.insert(call, Vec::new());
        }
        // The kernel looks at the lower half of these arguments alone, so the filter does too.
        let one = |number: u8, is: Is, value: u64| Condition::new(number, Length::Dword, is, value);
        let flags = |number: u8, mask: c_int, value: c_int| {
            one(number, Is::MaskedEq(u64::from(mask.unsigned_abs())), u64::from(value.unsigned_abs()))
        };
        // Its requests in, its answers out; descriptors that were left open by mistake are of no use.
        rules.insert(libc::SYS_read, vec![Rule::new(vec![one(0, Is::Eq, 0)?])?]);
        rules.insert(libc::SYS_write, vec![Rule::new(vec![one(0, Is::Eq, 1)?])?, Rule::new(vec![one(0, Is::Eq, 2)?])?]);
        // Memory of its own, which is never code.
        rules.insert(
            libc::SYS_mmap,
            vec![Rule::new(vec![flags(2, libc::PROT_EXEC, 0)?, flags(3, libc::MAP_SHARED, 0)?])?],
        );
        rules.insert(libc::SYS_mprotect, vec![Rule::new(vec![flags(2, libc::PROT_EXEC, 0)?])?]);
        // The compiler runs on a thread of its own; another process is something else.
        rules.insert(
            libc::SYS_clone,
            vec![Rule::new(vec![flags(0, libc::CLONE_THREAD | libc::CLONE_VM, libc::CLONE_THREAD | libc::CLONE_VM)?])?],
        );
        rules.insert(
            libc::SYS_prctl,
            vec![Rule::new(vec![one(0, Is::Eq, u64::from(libc::PR_SET_NAME.unsigned_abs()))?])?],
        );
        // It may end itself, which is how Rust ends a program that is out of memory.
        rules.insert(libc::SYS_tgkill, vec![Rule::new(vec![one(0, Is::Eq, u64::from(std::process::id()))?])?]);
        let refused = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
        SeccompFilter::new(rules, refused, SeccompAction::Allow, arch)?.try_into()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::{fs::File, io::ErrorKind, net::TcpListener, process::Command};

    use super::linux::filter_of_this_machine;

    /// Only the thread that says so is held, so that other tests go on.
    fn held<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        let filter = filter_of_this_machine().unwrap();
        std::thread::spawn(move || {
            seccompiler::apply_filter(&filter).unwrap();
            work()
        })
        .join()
        .unwrap()
    }

    #[test]
    fn whoever_is_held_has_no_files_no_network_and_no_programs() {
        assert!(File::open("/proc/self/stat").is_ok() && TcpListener::bind("127.0.0.1:0").is_ok());
        let refused = held(|| {
            [
                File::open("/proc/self/stat").err(),
                File::create("/tmp/policykit-must-not-be").err(),
                TcpListener::bind("127.0.0.1:0").err(),
                Command::new("/bin/true").spawn().err(),
                std::fs::read_dir("/").err(),
            ]
            .map(|error| error.map(|error| error.kind()))
        });
        assert_eq!(refused, [Some(ErrorKind::Unsupported); 5]);
    }

    #[test]
    fn whoever_is_held_can_still_compute_with_memory_and_threads() {
        let sum = held(|| {
            let numbers: Vec<u64> = (0..1_000_000).collect();
            let work =
                std::thread::Builder::new().stack_size(64 * 1024 * 1024).spawn(move || numbers.iter().sum::<u64>());
            work.unwrap().join().unwrap()
        });
        assert_eq!(sum, 499_999_500_000);
    }
}
