#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What happens in the clone before the program's process is made, and the small tools for it. */

void cplatform_fail(const struct cplatform_box *box, int step) {
    struct cplatform_failure failure = {errno ? errno : EIO, step};
    (void)!write(box->report, &failure, sizeof failure);
    _exit(127);
}

size_t cplatform_decimal(char text[24], uint64_t value) {
    char reversed[24];
    size_t count = 0;
    do { reversed[count++] = (char)('0' + value % 10); value /= 10; } while (value > 0);
    for (size_t i = 0; i < count; i++) text[i] = reversed[count - 1 - i];
    text[count] = 0;
    return count;
}

ssize_t cplatform_read_text(int folder, const char *path, char *text, size_t size) {
    int file = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    size_t length = 0;
    ssize_t count;
    while (length < size - 1 && (count = read(file, text + length, size - 1 - length)) != 0) {
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) { close(file); return -1; }
        length += (size_t)count;
    }
    close(file);
    text[length] = 0;
    return (ssize_t)length;
}

int cplatform_write_text(int folder, const char *path, const char *text) {
    int file = openat(folder, path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return errno;
    ssize_t count = write(file, text, strlen(text));
    int error = count < 0 ? errno : 0;
    close(file);
    return error;
}

void cplatform_keep_only(const int kept[], size_t count) {
    unsigned from = 0;
    for (;;) {
        int next = -1;
        for (size_t i = 0; i < count; i++)
            if (kept[i] >= (int)from && (next < 0 || kept[i] < next)) next = kept[i];
        if (next < 0) break;
        if (next > (int)from) syscall(SYS_close_range, from, (unsigned)next - 1, 0u);
        from = (unsigned)next + 1;
    }
    syscall(SYS_close_range, from, ~0u, 0u);
}

/* A new network namespace has a loopback interface that is down: see network_namespaces(7). */
static int raise_loopback(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int socket_descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_descriptor < 0) return errno == EAFNOSUPPORT ? 0 : -1;
    int result = ioctl(socket_descriptor, SIOCSIFFLAGS, &request);
    close(socket_descriptor);
    return result;
}

/* In a user namespace without a uid 0, capabilities survive the change of the uid: see capabilities(7). The system
 * calls and not glibc's functions, which would have all threads of the process do the same. */
static void take_identity(const struct cplatform_box *box) {
    if (!cplatform_uses(box, CPLATFORM_USER_NAMESPACE)) return;
    if (syscall(SYS_setgroups, 0, NULL) != 0 && errno != EPERM) cplatform_fail(box, CPLATFORM_SANDBOX_IDENTITY);
    if (syscall(SYS_setresgid, box->uid, box->uid, box->uid) != 0
        || syscall(SYS_setresuid, box->uid, box->uid, box->uid) != 0)
        cplatform_fail(box, CPLATFORM_SANDBOX_IDENTITY);
}

/* As the program's user, so that the files are its own, and that a folder of the host is not written to as root. */
static void make_files(const struct cplatform_box *box) {
    int changes = box->changes_user && !cplatform_uses(box, CPLATFORM_USER_NAMESPACE);
    uid_t old = geteuid();
    gid_t old_group = getegid();
    if (changes) {
        setfsgid(box->uid);
        setfsuid(box->uid);
    }
    int error = cplatform_make_files(box->work, box->policy->files, box->policy->file_count);
    if (changes) {
        setfsuid(old);
        setfsgid(old_group);
    }
    if (error != 0) { errno = error; cplatform_fail(box, CPLATFORM_SANDBOX_FILES); }
}

/* The daemon has the primary side and never looks at a name of the sandbox. */
static void send_terminal(struct cplatform_box *box, int primary) {
    union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control;
    memset(&control, 0, sizeof control);
    struct iovec data = {(char[]){'t'}, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof primary);
    memcpy(CMSG_DATA(header), &primary, sizeof primary);
    if (sendmsg(box->channel, &message, MSG_NOSIGNAL) != 1) cplatform_fail(box, CPLATFORM_SANDBOX_TERMINAL);
}

/* In the private root /dev/ptmx is that of the sandbox's own devpts. */
static void make_terminal(struct cplatform_box *box) {
    int primary, secondary;
    int error = cplatform_open_terminal(box->policy->columns, box->policy->rows, &primary, &secondary);
    if (error != 0) { errno = error; cplatform_fail(box, CPLATFORM_SANDBOX_TERMINAL); }
    if (box->changes_user && fchown(secondary, box->uid, (gid_t)-1) != 0)
        cplatform_fail(box, CPLATFORM_SANDBOX_TERMINAL);
    send_terminal(box, primary);
    close(primary);
    for (int i = 0; i < 3; i++) box->stdio[i] = secondary;
}

/* Descriptors 0-2 of the daemon may be among those to become 0-2 in another order. */
static void lift_stdio(struct cplatform_box *box) {
    for (int i = 0; i < 3; i++) {
        if (box->stdio[i] > 2) continue;
        int copy = fcntl(box->stdio[i], F_DUPFD_CLOEXEC, 3);
        if (copy < 0) cplatform_fail(box, CPLATFORM_SANDBOX_STDIO);
        box->stdio[i] = copy;
    }
}

/* Our number in a /proc, which may be that of another PID namespace. */
static pid_t read_self(int proc) {
    char text[24];
    ssize_t count = proc < 0 ? -1 : readlinkat(proc, "self", text, sizeof text);
    pid_t number = 0;
    for (ssize_t i = 0; i < count; i++) number = number * 10 + text[i] - '0';
    return number;
}

void cplatform_set_up(struct cplatform_box *box) {
    const struct cplatform_sandbox *policy = box->policy;
    prctl(PR_SET_NAME, "sandbox", 0, 0, 0);
    if (!policy->terminal) lift_stdio(box);
    umask(022);
    /* Only now: afterwards we are not dumpable, and then it belongs to root. */
    box->score = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    take_identity(box);
    /* The memory is a copy of the daemon's, with its secrets: nobody may read it through /proc or ptrace. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) cplatform_fail(box, CPLATFORM_SANDBOX_IDENTITY);
    if (cplatform_uses(box, CPLATFORM_UTS_NAMESPACE) && sethostname("sandbox", 7) != 0)
        cplatform_fail(box, CPLATFORM_SANDBOX_HOSTNAME);
    if (cplatform_uses(box, CPLATFORM_NETWORK_NAMESPACE) && raise_loopback() != 0)
        cplatform_fail(box, CPLATFORM_SANDBOX_LOOPBACK);
    if (cplatform_uses(box, CPLATFORM_NETWORK_NAMESPACE) && !cplatform_uses(box, CPLATFORM_MEMORY_GROUP))
        box->sockets = cplatform_open_socket_list();
    /* Without a /proc of its own the host's shows our descendants among the others. */
    if (!cplatform_uses(box, CPLATFORM_OWN_PROC)) box->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cplatform_uses(box, CPLATFORM_PRIVATE_ROOT)) {
        cplatform_make_root(box);
    } else {
        box->work = open(policy->work_folder, O_DIRECTORY | O_CLOEXEC);
        if (box->work < 0) cplatform_fail(box, CPLATFORM_SANDBOX_FILES);
    }
    box->self = read_self(box->proc);
    make_files(box);
    if (policy->terminal) make_terminal(box);
}
