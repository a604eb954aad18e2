#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The program's process, from the clone to exec. */

static int set_limit(int resource, uint64_t soft, uint64_t hard) {
    struct rlimit limit = {soft, hard};
    return setrlimit(resource, &limit);
}

/* RLIMIT_NPROC counts the tasks of a user in its user namespace. In one of its own those are the sandbox's (and the
 * supervisor's); otherwise what the user runs already has to be added: see getrlimit(2). */
static uint64_t tasks_of_user(const struct cplatform_box *box) {
    if (cplatform_uses(box, CPLATFORM_USER_NAMESPACE)) return 1;
    if (cplatform_uses(box, CPLATFORM_UNPRIVILEGED_USER) || box->proc < 0) return 0;
    static pid_t pids[CPLATFORM_MOST_PROCESSES];
    struct cplatform_tree tree;
    int count;
    return cplatform_look_at_tree(box, 1, &tree, pids, &count) == 0 ? (uint64_t)tree.threads + 2 : 0;
}

static void set_limits(const struct cplatform_box *box) {
    const struct cplatform_sandbox *policy = box->policy;
    /* 1 and not 0: with 0 a core still goes to the program of a core_pattern that begins with '|', which the host runs
     * as root. 1 stops that too, and no file is that small: see core(5) and do_coredump() of the kernel. */
    int failed = set_limit(RLIMIT_CORE, 1, 1) | set_limit(RLIMIT_NICE, 0, 0) | set_limit(RLIMIT_RTPRIO, 0, 0);
    if (policy->processes > 0) {
        uint64_t most = policy->processes + tasks_of_user(box);
        failed |= set_limit(RLIMIT_NPROC, most, most);
    }
    /* At the soft limit comes SIGXCPU, which can be handled; a second later SIGKILL. */
    if (policy->cpu_seconds > 0) failed |= set_limit(RLIMIT_CPU, policy->cpu_seconds, policy->cpu_seconds + 1);
    if (failed) cplatform_fail(box, CPLATFORM_SANDBOX_LIMITS);
}

/* Those that the caller names come late: the daemon's descriptors, of which there may be more than the program may have,
 * are copied into this process and would leave none for the steps in between. */
static void set_named_limits(const struct cplatform_box *box) {
    const struct cplatform_sandbox *policy = box->policy;
    int failed = 0;
    for (int i = 0; i < policy->limit_count; i++)
        failed |= set_limit(policy->limits[i].resource, policy->limits[i].value, policy->limits[i].value);
    if (failed) cplatform_fail(box, CPLATFORM_SANDBOX_LIMITS);
}

static void set_stdio(const struct cplatform_box *box) {
    if (setsid() < 0) cplatform_fail(box, CPLATFORM_SANDBOX_SESSION);
    for (int i = 0; i < 3; i++)
        if (dup2(box->stdio[i], i) < 0) cplatform_fail(box, CPLATFORM_SANDBOX_STDIO);
    if (box->policy->terminal && ioctl(0, TIOCSCTTY, 0) != 0) cplatform_fail(box, CPLATFORM_SANDBOX_TERMINAL);
}

/* Capabilities of all five kinds, for good: see capabilities(7). The bounding set goes first, since that takes a
 * capability which the change of the uid takes away. */
static void drop_user(const struct cplatform_box *box) {
    for (int capability = 0; capability < 64; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
    /* The system calls and not glibc's functions, which would wait for threads that are not here. */
    if (box->changes_user && !cplatform_uses(box, CPLATFORM_USER_NAMESPACE)
        && (syscall(SYS_setgroups, 0, NULL) != 0 || syscall(SYS_setresgid, box->uid, box->uid, box->uid) != 0
            || syscall(SYS_setresuid, box->uid, box->uid, box->uid) != 0))
        cplatform_fail(box, CPLATFORM_SANDBOX_USER);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    if (syscall(SYS_capset, &header, none) != 0) cplatform_fail(box, CPLATFORM_SANDBOX_USER);
    /* Without a PID namespace the end of the supervisor at least ends the program. A change of the uid resets it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) cplatform_fail(box, CPLATFORM_SANDBOX_USER);
}

static void reset_signals(void) {
    for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void cplatform_become(struct cplatform_box *box) {
    const struct cplatform_sandbox *policy = box->policy;
    reset_signals();
    set_stdio(box);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) cplatform_fail(box, CPLATFORM_SANDBOX_PRIVILEGES);
    set_limits(box);
    if (cplatform_uses(box, CPLATFORM_LANDLOCK)) {
        int error = cplatform_apply_landlock(box);
        if (error != 0) { errno = error; cplatform_fail(box, CPLATFORM_SANDBOX_LANDLOCK); }
    }
    /* They close when exec succeeds, the report included. */
    if (syscall(SYS_close_range, 3u, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */) != 0)
        cplatform_fail(box, CPLATFORM_SANDBOX_STDIO);
    /* The daemon's session keyring would come along; the filter keeps it out of reach: see keyrings(7). */
    if (!cplatform_uses(box, CPLATFORM_SECCOMP)) syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    drop_user(box);
    if ((policy->directory ? chdir(policy->directory) : fchdir(box->work)) != 0)
        cplatform_fail(box, CPLATFORM_SANDBOX_DIRECTORY);
    set_named_limits(box);
    if (cplatform_uses(box, CPLATFORM_SECCOMP)) {
        int error = cplatform_apply_filter(box);
        if (error != 0) { errno = error; cplatform_fail(box, CPLATFORM_SANDBOX_FILTER); }
    }
    if (policy->path == NULL) _exit(0);
    execve(policy->path, policy->argv, policy->envp);
    cplatform_fail(box, CPLATFORM_SANDBOX_EXEC);
}
