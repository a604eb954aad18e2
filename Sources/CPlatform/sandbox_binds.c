#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Folders of ours for a program with another uid. An idmapped mount shows what belongs to root on the disk as the
 * program's own, and stores what the program makes as root's; nothing on the disk changes. See mount_setattr(2). */

/* A user namespace that says "root is `uid`", held by a process that ends as soon as the namespace is open. */
static int open_mapping(uid_t uid) {
    int hold[2], pidfd = -1, mapping = -1;
    if (pipe2(hold, O_CLOEXEC) != 0) return -1;
    pid_t pid = cplatform_clone(CLONE_NEWUSER, -1, &pidfd);
    if (pid == 0) {
        char end;
        close(hold[1]);
        (void)!read(hold[0], &end, 1);
        _exit(0);
    }
    int error = pid < 0 ? errno : cplatform_write_maps(pid, 0, uid, uid);
    if (error == 0) {
        char path[64] = "/proc/";
        strcpy(path + 6 + cplatform_decimal(path + 6, (uint64_t)pid), "/ns/user");
        mapping = open(path, O_RDONLY | O_CLOEXEC);
        if (mapping < 0) error = errno;
    }
    close(hold[0]);
    close(hold[1]);
    if (pid > 0) {
        siginfo_t info;
        while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR) {}
        close(pidfd);
    }
    errno = error;
    return mapping;
}

static int open_owned(const char *path, int mapping, uint64_t attributes) {
    int copy = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (copy < 0) return -1;
    struct mount_attr change = {
        .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | attributes,
        .userns_fd = (uint64_t)mapping};
    if (syscall(SYS_mount_setattr, copy, "", AT_EMPTY_PATH, &change, sizeof change) == 0) return copy;
    int error = errno;
    close(copy);
    errno = error;
    return -1;
}

/* The same for every program, so that a process is made for it only once; the daemon keeps it open. Callers take turns. */
static int mapping_for(uid_t uid) {
    static int mapping = -1;
    static uid_t owner;
    if (mapping >= 0 && owner == uid) return mapping;
    if (mapping >= 0) close(mapping);
    owner = uid;
    return mapping = open_mapping(uid);
}

int cplatform_open_owned_binds(struct cplatform_box *box, uid_t uid) {
    const struct cplatform_sandbox *policy = box->policy;
    if (policy->work_folder == NULL && policy->bind_count == 0) return 0;
    int mapping = mapping_for(uid), error = 0;
    if (mapping < 0) return errno;
    if (policy->work_folder) {
        box->work_bind = open_owned(policy->work_folder, mapping, 0);
        if (box->work_bind < 0) error = errno;
    }
    for (int i = 0; error == 0 && i < policy->bind_count; i++) {
        const struct cplatform_sandbox_bind *bind = &policy->binds[i];
        box->binds[i] = open_owned(bind->source, mapping, bind->writable ? 0 : MOUNT_ATTR_RDONLY);
        /* A file system that knows no maps (EINVAL) can still be shown to be read, by whom its modes let. */
        if (box->binds[i] < 0 && bind->writable && !(errno == ENOENT && bind->optional)) error = errno;
    }
    return error;
}

/* The pipes of a program are made by root and open for root alone; without this /dev/stderr cannot be opened in it. */
void cplatform_give_pipes(const struct cplatform_box *box, uid_t uid, gid_t gid) {
    struct stat status;
    for (int i = 0; i < 3; i++)
        if (fstat(box->stdio[i], &status) == 0 && S_ISFIFO(status.st_mode)) (void)!fchown(box->stdio[i], uid, gid);
}
