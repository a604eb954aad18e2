#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The filter of system calls, in classic BPF: see seccomp(2) and the kernel's userspace-api/seccomp_filter.rst. What is
 * refused is listed; what the kernel has learnt after this list was made is refused altogether. An argument is compared
 * by its lower half where the kernel takes an int, since it ignores the upper one. */

#if defined(__x86_64__)
enum { ARCHITECTURE = AUDIT_ARCH_X86_64 };
#elif defined(__aarch64__)
enum { ARCHITECTURE = AUDIT_ARCH_AARCH64 };
#else
#error "the sandbox knows the system calls of x86_64 and aarch64 only"
#endif

enum {
    LAST_KNOWN = 462,                   /* mseal, Linux 6.10; the numbers of both architectures are the same there */
    PIDFD_GETFD = 438, PROCESS_MADVISE = 440, MOUNT_SETATTR = 442, QUOTACTL_FD = 443, MEMFD_SECRET = 447,
    PROCESS_MRELEASE = 448, SET_MEMPOLICY_HOME_NODE = 450, STATMOUNT = 457, LISTMOUNT = 458,
    IOCTL_SET_TERMINAL_INPUT = 0x5412 /* TIOCSTI */, IOCTL_LINUX_CONSOLE = 0x541C /* TIOCLINUX */,
    IOCTL_LINE_DISCIPLINE = 0x5423 /* TIOCSETD */,
    NEW_NAMESPACE = 0x7E020000,         /* every CLONE_NEW flag of clone(2) */
};

/* EPERM: nobody but an administrator or a debugger needs them. */
static const int refused[] = {
    /* mounts, roots, namespaces */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns, SYS_open_tree, SYS_move_mount,
    SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, MOUNT_SETATTR, STATMOUNT, LISTMOUNT,
    /* the machine */
    SYS_swapon, SYS_swapoff, SYS_reboot, SYS_kexec_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_acct,
    SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_syslog, SYS_sethostname,
    SYS_setdomainname, SYS_quotactl, QUOTACTL_FD, SYS_vhangup, SYS_nfsservctl, SYS_kexec_file_load,
    /* other processes */
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, PIDFD_GETFD, PROCESS_MADVISE, PROCESS_MRELEASE,
    SYS_migrate_pages, SYS_move_pages, SYS_mbind, SYS_set_mempolicy, SET_MEMPOLICY_HOME_NODE,
    /* large and rarely used parts of the kernel */
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_add_key, SYS_request_key, SYS_keyctl, SYS_name_to_handle_at,
    SYS_open_by_handle_at, SYS_fanotify_init, SYS_fanotify_mark, SYS_lookup_dcookie,
#if defined(__x86_64__)
    SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_sysfs, SYS__sysctl, SYS_create_module,
    SYS_get_kernel_syms, SYS_query_module,
#endif
};

/* ENOSYS: programs try them and know another way. The requests of io_setup(2) are counted for the whole machine. */
static const int missing[] = {
    SYS_clone3, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_io_setup, MEMFD_SECRET};

/* Memory that no limit but a control group's counts, and that hides in no process. */
static const int uncounted[] = {SYS_memfd_create, SYS_shmget, SYS_semget, SYS_msgget};

/* Objects that outlive a program where it has no IPC namespace. */
static const int left_behind[] = {SYS_shmget, SYS_semget, SYS_msgget, SYS_mq_open};

/* Pipes with names and devices. */
static const int special_files[] = {
#if defined(__x86_64__)
    SYS_mknod,
#endif
    SYS_mknodat};

struct program { struct sock_filter lines[400]; unsigned short count; };

static void add(struct program *program, unsigned short code, uint32_t value, int if_true, int if_false) {
    struct sock_filter line = {code, (uint8_t)if_true, (uint8_t)if_false, value};
    program->lines[program->count++] = line;
}

static void load(struct program *program, size_t offset) {
    add(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct program *program, uint32_t action) { add(program, BPF_RET | BPF_K, action, 0, 0); }

/* Little-endian: the lower half of an argument comes first. */
static void load_argument(struct program *program, int index) {
    load(program, offsetof(struct seccomp_data, args) + 8 * (size_t)index);
}

static void refuse(struct program *program, const int *calls, size_t count, int error) {
    for (size_t i = 0; i < count; i++) {
        add(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1);
        answer(program, SECCOMP_RET_ERRNO | (uint32_t)error);
    }
}

/* Only this system call goes through what follows; returns the line to be ended by `leave`. */
static int enter(struct program *program, int call) {
    add(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 0);
    return program->count - 1;
}

static void leave(struct program *program, int entry) {
    answer(program, SECCOMP_RET_ALLOW);
    program->lines[entry].jf = (uint8_t)(program->count - entry - 1);
}

static void check_sockets(struct program *program, const struct cplatform_box *box, int call) {
    int own_network = cplatform_uses(box, CPLATFORM_NETWORK_NAMESPACE);
    /* Names of sockets are paths, for which a private root stands, or abstract, for which a network or Landlock does.
     * */
    int names_are_private = cplatform_uses(box, CPLATFORM_PRIVATE_ROOT)
        && (own_network || (cplatform_uses(box, CPLATFORM_LANDLOCK) && cplatform_landlock_version() >= 6));
    int entry = enter(program, call);
    load_argument(program, 0);
    if (names_are_private || call == SYS_socketpair) {
        add(program, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 1);
        answer(program, SECCOMP_RET_ALLOW);
    }
    if (own_network || box->policy->network) {
        /* TCP and UDP. Asking for another protocol has the kernel load the module for it: see inet_create() there. */
        add(program, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0);
        add(program, BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 9);
        load_argument(program, 1);
        add(program, BPF_ALU | BPF_AND | BPF_K, 0xf /* without SOCK_CLOEXEC and SOCK_NONBLOCK */, 0, 0);
        add(program, BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 1, 0);
        add(program, BPF_JMP | BPF_JEQ | BPF_K, SOCK_DGRAM, 0, 5);
        load_argument(program, 2);
        add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0);
        add(program, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 1, 0);
        add(program, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 1);
        answer(program, SECCOMP_RET_ALLOW);
    }
    answer(program, SECCOMP_RET_ERRNO | (call == SYS_socket ? EAFNOSUPPORT : EPERM));
    program->lines[entry].jf = (uint8_t)(program->count - entry - 1);
}

static void check_arguments(struct program *program) {
    int entry = enter(program, SYS_clone);
    load_argument(program, 0);
    add(program, BPF_JMP | BPF_JSET | BPF_K, NEW_NAMESPACE, 0, 1);
    answer(program, SECCOMP_RET_ERRNO | EPERM);
    leave(program, entry);
    static const uint32_t ioctls[] = {IOCTL_SET_TERMINAL_INPUT, IOCTL_LINUX_CONSOLE, IOCTL_LINE_DISCIPLINE};
    entry = enter(program, SYS_ioctl);
    load_argument(program, 1);
    for (int i = 0; i < 3; i++) {
        add(program, BPF_JMP | BPF_JEQ | BPF_K, ioctls[i], 0, 1);
        answer(program, SECCOMP_RET_ERRNO | EPERM);
    }
    leave(program, entry);
    /* personality(2): to ask and to stay as it is. */
    entry = enter(program, SYS_personality);
    load_argument(program, 0);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0xffffffff, 1, 0);
    answer(program, SECCOMP_RET_ERRNO | EPERM);
    leave(program, entry);
}

/* RLIMIT_CORE stays as it is, although who sets it is told that it was done: 0, which programs like to set, would be less
 * of a limit (see sandbox_program.c). And a user may set the limits of
 * all its processes, of the daemon's too: only 0, the caller itself, may be named. See prlimit(2), which without a new
 * limit only asks. */
static void check_limits(struct program *program, const struct cplatform_box *box) {
#if defined(SYS_setrlimit)
    int old = enter(program, SYS_setrlimit);
    load_argument(program, 0);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, RLIMIT_CORE, 0, 1);
    answer(program, SECCOMP_RET_ERRNO | 0);
    leave(program, old);
#endif
    int entry = enter(program, SYS_prlimit64);
    if (!cplatform_uses(box, CPLATFORM_PID_NAMESPACE)) {
        load_argument(program, 0);
        add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
        answer(program, SECCOMP_RET_ERRNO | EPERM);
    }
    load_argument(program, 1);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, RLIMIT_CORE, 0, 5);
    load_argument(program, 2);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2);
    load(program, offsetof(struct seccomp_data, args) + 8 * 2 + 4);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    answer(program, SECCOMP_RET_ERRNO | 0);
    leave(program, entry);
}

int cplatform_apply_filter(const struct cplatform_box *box) {
    struct program program = {.count = 0};
    load(&program, offsetof(struct seccomp_data, arch));
    add(&program, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    answer(&program, SECCOMP_RET_KILL_PROCESS);
    load(&program, offsetof(struct seccomp_data, nr));
    /* Beyond the list: newer calls, and those of x32, which have a high bit. */
    add(&program, BPF_JMP | BPF_JGT | BPF_K, LAST_KNOWN, 0, 1);
    answer(&program, SECCOMP_RET_ERRNO | ENOSYS);
    refuse(&program, missing, sizeof missing / sizeof *missing, ENOSYS);
    refuse(&program, refused, sizeof refused / sizeof *refused, EPERM);
    if (!cplatform_uses(box, CPLATFORM_MEMORY_GROUP))
        refuse(&program, uncounted, sizeof uncounted / sizeof *uncounted, ENOSYS);
    if (!cplatform_uses(box, CPLATFORM_IPC_NAMESPACE))
        refuse(&program, left_behind, sizeof left_behind / sizeof *left_behind, ENOSYS);
    /* Whoever opened such a file of a folder of the host, the daemon too, would wait for its other end. */
    if (box->policy->work_folder && !box->policy->work_is_temporary)
        refuse(&program, special_files, sizeof special_files / sizeof *special_files, EPERM);
    check_arguments(&program);
    check_limits(&program, box);
    check_sockets(&program, box, SYS_socket);
    check_sockets(&program, box, SYS_socketpair);
    answer(&program, SECCOMP_RET_ALLOW);
    struct sock_fprog whole = {program.count, program.lines};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &whole) == 0 ? 0 : errno;
}
