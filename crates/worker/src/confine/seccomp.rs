//! Seccomp: the system calls that no worker needs and a guest that broke out would want.
//!
//! A list of what is refused, not of what is allowed: the allocator, the runtime and wasmtime choose their calls anew with
//! each version, and landlock has the files. Refused calls give EPERM; `clone3`, whose flags can't be seen, gives ENOSYS,
//! so that the C library makes its threads by `clone`.
//!
//! No new Unix socket can be had: landlock lets a process connect to any Unix socket of its user, the daemon's own included,
//! and whoever drives the daemon needs no other way out. The listener is open before the filter is; what it accepts, what it
//! is handed and pairs of streams are all that a worker needs. Only one whose guests may use the host's network may make
//! sockets, TCP and UDP ones alone; a socket's kind can't be changed later. Nor can other processes be signalled or limited, or the mode of a file
//! that is not open be changed: landlock knows neither, or only on the newest kernels.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Calls that are refused whatever their arguments.
const REFUSED: &[i64] = &[
    // Other programs and processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_tkill,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    // Modes and attributes by name, which landlock does not look at.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    // Namespaces, roots and mounts.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    // The kernel itself.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    // Ways around this filter and around landlock.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    // Keys, users and rights.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    // Nodes and memory of others.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    libc::SYS_mknodat,
    libc::SYS_mbind,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_set_mempolicy,
    libc::SYS_lookup_dcookie,
    libc::SYS_personality,
];

/// Calls that make sockets and join them; refused unless the guests may use the host's network.
const SOCKETS: &[i64] = &[libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen];

/// The old way to sockets of whole packets (`SOCK_PACKET`), also for the internet families.
const SOCK_PACKET: libc::c_int = 10;

/// The bits of a socket's type that are no flags.
const SOCKET_TYPE: u64 = 0xf;

/// Refuses the calls for this thread and all later ones.
pub(super) fn apply(network: bool, warnings: &mut Vec<String>) {
    for filter in filters(network) {
        let applied = filter
            .map_err(|error| error.to_string())
            .and_then(|filter| seccompiler::apply_filter_all_threads(&filter).map_err(|error| error.to_string()));
        if let Err(error) = applied {
            warnings.push(format!("seccomp: {error}; workers may make any system call"));
            return;
        }
    }
}

fn filters(network: bool) -> impl Iterator<Item = Result<BpfProgram, BackendError>> {
    let other_numbers = cfg!(target_arch = "x86_64").then(|| Ok(x32_refused()));
    [refusals(network), missing_clone3()].into_iter().chain(other_numbers)
}

fn refusals(network: bool) -> Result<BpfProgram, BackendError> {
    let mut rules: Rules = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    if network {
        rules.insert(libc::SYS_socket, other_sockets()?);
    } else {
        rules.extend(SOCKETS.iter().map(|call| (*call, Vec::new())));
    }
    // A pair of datagram sockets could be given another address.
    let stream = SeccompCmpOp::MaskedEq(SOCKET_TYPE);
    let pairs = [
        argument(0, SeccompCmpOp::Ne, unsigned(libc::AF_UNIX))?,
        argument(1, stream.clone(), unsigned(libc::SOCK_DGRAM))?,
        argument(1, stream.clone(), unsigned(libc::SOCK_RAW))?,
        argument(1, stream, unsigned(libc::SOCK_SEQPACKET))?,
    ];
    rules.insert(libc::SYS_socketpair, pairs.into());
    // Other processes.
    let own = u64::from(std::process::id());
    for call in [libc::SYS_kill, libc::SYS_tgkill] {
        rules.insert(call, vec![argument(0, SeccompCmpOp::Ne, own)?]);
    }
    rules.insert(libc::SYS_prlimit64, vec![argument(0, SeccompCmpOp::Ne, 0)?]);
    // Threads only, no processes.
    let thread = unsigned(libc::CLONE_THREAD);
    rules.insert(libc::SYS_clone, vec![argument(0, SeccompCmpOp::MaskedEq(thread), 0)?]);
    // Typing into the terminal of whoever started the worker.
    let inject = [libc::TIOCSTI, libc::TIOCLINUX];
    let ioctls: Result<Vec<_>, _> =
        inject.iter().map(|call| argument(1, SeccompCmpOp::Eq, u64::from(*call as u32))).collect();
    rules.insert(libc::SYS_ioctl, ioctls?);
    filter(rules, libc::EPERM)
}

/// Sockets that are neither TCP nor UDP.
fn other_sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let none_of = |index: u8, values: &[libc::c_int]| {
        let differs = |value: &libc::c_int| {
            SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, unsigned(*value))
        };
        SeccompRule::new(values.iter().map(differs).collect::<Result<_, _>>()?)
    };
    let others = [libc::SOCK_RAW, libc::SOCK_RDM, libc::SOCK_SEQPACKET, libc::SOCK_DCCP, SOCK_PACKET];
    let mut rules =
        vec![none_of(0, &[libc::AF_INET, libc::AF_INET6])?, none_of(2, &[0, libc::IPPROTO_TCP, libc::IPPROTO_UDP])?];
    for kind in others {
        rules.push(argument(1, SeccompCmpOp::MaskedEq(SOCKET_TYPE), unsigned(kind))?);
    }
    Ok(rules)
}

fn missing_clone3() -> Result<BpfProgram, BackendError> {
    filter(Rules::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)
}

/// Refuses the second set of numbers that x86-64 kernels may have for all calls, which the other filters do not know.
fn x32_refused() -> BpfProgram {
    const X32: u32 = 0x4000_0000;
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
    vec![
        sock_filter { code: LOAD_NUMBER, jt: 0, jf: 0, k: 0 },
        sock_filter { code: JUMP_IF_AT_LEAST, jt: 0, jf: 1, k: X32 },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: refuse },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW },
    ]
}

fn filter(rules: Rules, errno: libc::c_int) -> Result<BpfProgram, BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()
}

fn argument(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)?])
}

fn unsigned(value: libc::c_int) -> u64 {
    u64::from(value.unsigned_abs())
}
