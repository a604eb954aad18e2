#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The daemon's side: start, end, result. The rest of the file's name family runs in the clone. */

enum { NOBODY = 65534, INNER_UID = 1000, LONGEST_START = 20 * 1000 /* milliseconds */ };

static uint64_t clone_flags(uint32_t features) {
    static const struct { uint32_t feature; uint64_t flag; } table[] = {
        {CPLATFORM_USER_NAMESPACE, CLONE_NEWUSER}, {CPLATFORM_PRIVATE_ROOT, CLONE_NEWNS},
        {CPLATFORM_PID_NAMESPACE, CLONE_NEWPID},   {CPLATFORM_NETWORK_NAMESPACE, CLONE_NEWNET},
        {CPLATFORM_IPC_NAMESPACE, CLONE_NEWIPC},   {CPLATFORM_UTS_NAMESPACE, CLONE_NEWUTS},
        {CPLATFORM_CGROUP_NAMESPACE, CLONE_NEWCGROUP},
    };
    uint64_t flags = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (features & table[i].feature) flags |= table[i].flag;
    return flags;
}

pid_t cplatform_clone(uint64_t flags, int group, int *pidfd) {
    struct clone_args arguments;
    memset(&arguments, 0, sizeof arguments);
    arguments.flags = flags | CLONE_PIDFD | (group >= 0 ? CLONE_INTO_CGROUP : 0);
    arguments.pidfd = (uintptr_t)pidfd;
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = group >= 0 ? (uint64_t)group : 0;
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

/* user_namespaces(7): one line a map, and an ordinary user must give up setgroups(2) before it may write gid_map. */
int cplatform_write_maps(pid_t pid, uid_t inside, uid_t uid, gid_t gid) {
    char path[64] = "/proc/", line[64];
    size_t start = 6 + cplatform_decimal(path + 6, (uint64_t)pid);
    const struct { const char *name; uint64_t outside; } maps[] = {{"/uid_map", uid}, {"/gid_map", gid}};
    if (geteuid() != 0) {
        strcpy(path + start, "/setgroups");
        int error = cplatform_write_text(AT_FDCWD, path, "deny");
        if (error != 0) return error;
    }
    for (int i = 0; i < 2; i++) {
        strcpy(path + start, maps[i].name);
        size_t count = cplatform_decimal(line, inside);
        line[count++] = ' ';
        count += cplatform_decimal(line + count, maps[i].outside);
        strcpy(line + count, " 1");
        int error = cplatform_write_text(AT_FDCWD, path, line);
        if (error != 0) return error;
    }
    return 0;
}

/* A policy that cannot be kept is refused before anything is made. */
static int check(const struct cplatform_sandbox *policy) {
    uint32_t features = policy->features;
    int has_root = (features & CPLATFORM_PRIVATE_ROOT) != 0;
    if (features & ~(uint32_t)CPLATFORM_SANDBOX_FEATURES) return EINVAL;
    if (features & CPLATFORM_OWN_PROC && (!has_root || !(features & CPLATFORM_PID_NAMESPACE))) return EINVAL;
    if (policy->network && features & CPLATFORM_NETWORK_NAMESPACE) return EINVAL;
    if (!has_root && policy->work_folder == NULL) return EINVAL;
    if (policy->bind_count < 0 || policy->bind_count > CPLATFORM_MOST_BINDS) return E2BIG;
    /* Another user than ours can own the work folder or a bind only by a private root or as root. */
    if (features & CPLATFORM_UNPRIVILEGED_USER && geteuid() != 0) return EPERM;
    return 0;
}

/* Whom the program is on the host. */
static void choose_user(const struct cplatform_sandbox *policy, uid_t *uid, gid_t *gid) {
    int is_ours = !(policy->features & CPLATFORM_UNPRIVILEGED_USER);
    *uid = is_ours ? geteuid() : policy->uid ? policy->uid : NOBODY;
    *gid = is_ours ? getegid() : *uid;
}

static void make_box(struct cplatform_box *box, const struct cplatform_sandbox *policy) {
    uid_t outside;
    gid_t group;
    choose_user(policy, &outside, &group);
    memset(box, 0, sizeof *box);
    box->policy = policy;
    box->features = policy->features;
    /* Inside it is an ordinary user with a name, and not the one as whom all foreign files are shown. */
    box->uid = cplatform_uses(box, CPLATFORM_USER_NAMESPACE) ? INNER_UID : outside;
    box->changes_user = cplatform_uses(box, CPLATFORM_USER_NAMESPACE | CPLATFORM_UNPRIVILEGED_USER);
    for (int i = 0; i < CPLATFORM_MOST_BINDS; i++) box->binds[i] = -1;
    box->work_bind = box->work = box->proc = box->terminal = box->sockets = box->score = box->report = box->channel = -1;
    for (int i = 0; i < 3; i++) box->stdio[i] = policy->stdio[i];
}

/* Closes what the clone has copies of. */
static void let_go(struct cplatform_box *box) {
    for (int i = 0; i < CPLATFORM_MOST_BINDS; i++)
        if (box->binds[i] >= 0) close(box->binds[i]);
    if (box->work_bind >= 0) close(box->work_bind);
    close(box->report);
    close(box->channel);
}

/* In the clone: lets go of the daemon's descriptors. When the daemon is killed, its ports must be free for the next one,
 * and the other end of the channel must be seen to close, of which we have a copy, too. */
static void keep_own(const struct cplatform_box *box) {
    /* Nothing that is opened from here on may become one of the program's 0-2. */
    int kept[CPLATFORM_MOST_BINDS + 9] = {0, 1, 2, box->channel, box->report, box->work_bind};
    size_t count = 6;
    for (int i = 0; i < 3; i++) kept[count++] = box->stdio[i];
    for (int i = 0; i < CPLATFORM_MOST_BINDS; i++) kept[count++] = box->binds[i];
    cplatform_keep_only(kept, count);
}

/* In the clone: waits until its maps are written and its group is entered. */
static _Noreturn void begin(struct cplatform_box *box) {
    char go;
    ssize_t count;
    keep_own(box);
    do { count = recv(box->channel, &go, 1, 0); } while (count < 0 && errno == EINTR);
    if (count != 1) {
        /* The daemon is gone, or has given up and sees to the folder itself, which it may do twice. */
        if (box->policy->work_is_temporary) cplatform_remove_folder(box->policy->work_folder);
        _exit(127);
    }
    cplatform_set_up(box);
    cplatform_supervise(box);
}

/* The terminal's primary side comes over the channel, since it lives in a devpts of the sandbox. See cmsg(3). */
static int receive_terminal(int channel) {
    union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control;
    char byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int terminal = -1;
    if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) < 0) return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&terminal, CMSG_DATA(header), sizeof terminal);
    return terminal;
}

static void discard(const struct cplatform_sandboxed *child) {
    siginfo_t info;
    cplatform_signal(child->pidfd, SIGKILL);
    while (waitid(P_PID, (id_t)child->pid, &info, WEXITED) < 0 && errno == EINTR) {}
    close(child->pidfd);
    if (child->terminal >= 0) close(child->terminal);
}

/* Makes the clone, which waits for us. */
static int make_clone(struct cplatform_box *box, int group, pid_t *pid, int *pidfd, int *step) {
    const struct cplatform_sandbox *policy = box->policy;
    uid_t uid;
    gid_t gid;
    choose_user(policy, &uid, &gid);
    sigset_t all, old;
    sigfillset(&all);
    int error = 0;
    *step = CPLATFORM_SANDBOX_BIND;
    /* No copy of us may run our signal handlers, which would tell us of signals that we have had already. */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (uid != geteuid()) {
        error = cplatform_uses(box, CPLATFORM_PRIVATE_ROOT) ? cplatform_open_owned_binds(box, uid)
            : lchown(policy->work_folder, uid, gid) == 0 ? 0 : errno;
        if (error == 0 && !policy->terminal) cplatform_give_pipes(box, uid, gid);
    }
    if (error == 0) {
        *step = CPLATFORM_SANDBOX_CLONE;
        *pid = cplatform_clone(clone_flags(box->features), group, pidfd);
        if (*pid == 0) begin(box);
        if (*pid < 0) error = errno;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

/* Waits until there is a report, or none because the program has been executed; a file system that does not answer must
 * not hold up all that come after. Returns 0 or an errno. */
static int await_report(int report) {
    struct pollfd polled = {report, POLLIN, 0};
    int count;
    do { count = poll(&polled, 1, LONGEST_START); } while (count < 0 && errno == EINTR);
    return count > 0 ? 0 : count == 0 ? ETIMEDOUT : errno;
}

/* Gives the clone what only we can, lets it go on, and waits until it has executed the program. */
static int launch(const struct cplatform_box *box, struct cplatform_sandboxed *child, int report, int *step) {
    uid_t uid;
    gid_t gid;
    choose_user(box->policy, &uid, &gid);
    *step = CPLATFORM_SANDBOX_IDENTITY;
    int error = 0;
    if (cplatform_uses(box, CPLATFORM_USER_NAMESPACE)) error = cplatform_write_maps(child->pid, box->uid, uid, gid);
    if (error != 0) return error;
    *step = CPLATFORM_SANDBOX_GROUP;
    error = cplatform_enter_group(child->group, child->pid);
    if (error != 0) return error;
    struct cplatform_failure failure = {0, CPLATFORM_SANDBOX_NONE};
    ssize_t count;
    send(child->channel, "g", 1, MSG_NOSIGNAL);
    *step = CPLATFORM_SANDBOX_START;
    error = await_report(report);
    if (error != 0) return error;
    do { count = read(report, &failure, sizeof failure); } while (count < 0 && errno == EINTR);
    *step = failure.step;
    if (count == sizeof failure) return failure.error;
    if (!box->policy->terminal) return 0;
    *step = CPLATFORM_SANDBOX_TERMINAL;
    child->terminal = receive_terminal(child->channel);
    return child->terminal < 0 ? EIO : 0;
}

static int make_pipes(int report[2], int channel[2]) {
    if (pipe2(report, O_CLOEXEC) != 0) return errno;
    /* Packets, so that a record comes whole or not at all. */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) == 0) return 0;
    int error = errno;
    close(report[0]);
    close(report[1]);
    return error;
}

static int spawn(const struct cplatform_sandbox *policy, struct cplatform_sandboxed *child, int *step) {
    struct cplatform_box box;
    int report[2], channel[2], group = -1;
    *child = (struct cplatform_sandboxed){
        .pid = -1, .pidfd = -1, .channel = -1, .terminal = -1, .features = policy->features};
    *step = CPLATFORM_SANDBOX_POLICY;
    int error = check(policy);
    if (error != 0) return error;
    *step = CPLATFORM_SANDBOX_PIPE;
    error = make_pipes(report, channel);
    if (error != 0) return error;
    make_box(&box, policy);
    box.report = report[1];
    box.channel = channel[1];
    child->channel = channel[0];
    *step = CPLATFORM_SANDBOX_GROUP;
    error = cplatform_make_group(policy, &child->group, &group);
    if (error == 0) error = make_clone(&box, group, &child->pid, &child->pidfd, step);
    let_go(&box);
    if (group >= 0) close(group);
    if (error == 0) {
        error = launch(&box, child, report[0], step);
        if (error != 0) discard(child);
    }
    close(report[0]);
    if (error == 0) {
        *step = CPLATFORM_SANDBOX_NONE;
        return 0;
    }
    close(channel[0]);
    cplatform_remove_group(child->group);
    *child = (struct cplatform_sandboxed){.pid = -1, .pidfd = -1, .channel = -1, .terminal = -1};
    return error;
}

/* One at a time: a process that is just being made holds copies of all our pipes, also of those whose end another one
 * that is being made waits for. */
int cplatform_sandbox_spawn(const struct cplatform_sandbox *policy, struct cplatform_sandboxed *child, int *step) {
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&turn);
    int error = spawn(policy, child, step);
    pthread_mutex_unlock(&turn);
    return error;
}

int cplatform_sandbox_end(const struct cplatform_sandboxed *child) {
    return send(child->channel, "e", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : errno;
}

int cplatform_sandbox_limit_time(const struct cplatform_sandboxed *child, uint32_t milliseconds) {
    ssize_t count = send(child->channel, &milliseconds, sizeof milliseconds, MSG_NOSIGNAL | MSG_DONTWAIT);
    return count == (ssize_t)sizeof milliseconds ? 0 : errno;
}

int cplatform_sandbox_finish(struct cplatform_sandboxed *child, struct cplatform_sandbox_result *result) {
    int was_signalled, code;
    int64_t cpu, peak;
    struct cplatform_sandbox_result record;
    int error = cplatform_reap(child->pidfd, &was_signalled, &code, &cpu, &peak);
    if (error != 0) return error;
    /* A request to end that came too late stays unread there, which we are told once, before the record: unix(7). */
    ssize_t count = recv(child->channel, &record, sizeof record, MSG_DONTWAIT);
    if (count < 0 && errno == ECONNRESET) count = recv(child->channel, &record, sizeof record, MSG_DONTWAIT);
    if (count == (ssize_t)sizeof record) {
        *result = record;
    } else {
        *result = (struct cplatform_sandbox_result){
            .was_signalled = was_signalled, .code = code, .reasons = CPLATFORM_REASON_LOST,
            .cpu_microseconds = cpu, .peak_kibibytes = peak};
    }
    cplatform_read_group(child->group, result);
    cplatform_remove_group(child->group);
    close(child->pidfd);
    close(child->channel);
    child->pidfd = child->channel = -1;
    return 0;
}
