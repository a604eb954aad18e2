#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The private root: one tmpfs for what the program writes, the system's folders bound read-only, and nothing else of
 * the host. The mount calls of Linux 5.2 to 5.12 (fsopen, open_tree, move_mount, mount_setattr) work on descriptors, so
 * no name is looked up twice. They are called by number: the headers of glibc and of the kernel exclude each other. */

extern int mount(const char *, const char *, const char *, unsigned long, const void *);
extern int umount2(const char *, int);
enum { PRIVATE_RECURSIVE = 0x44000 /* MS_REC | MS_PRIVATE */, DETACH = 2 /* MNT_DETACH */ };

const char *const cplatform_system_folders[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", NULL};
const char *const cplatform_system_files[] = {
    "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
    "/etc/mime.types", NULL};
const char *const cplatform_network_files[] = {
    "/etc/resolv.conf", "/etc/services", "/etc/protocols", "/etc/ca-certificates", NULL};
const char *const cplatform_devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", NULL};

/* Small files that programs look for and that the host's would tell too much in. */
static const struct { const char *path, *text; } made_files[] = {
    {"etc/passwd",
     "root:x:0:0::/:/bin/false\nsandbox:x:1000:1000::/work:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"},
    {"etc/group", "root:x:0:\ntty:x:5:\nsandbox:x:1000:\nnogroup:x:65534:\n"},
    {"etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n"},
    {"etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"},
    {"etc/hostname", "sandbox\n"},
};

static int set_attributes(int mount, int flags, uint64_t attributes) {
    struct mount_attr change = {.attr_set = attributes};
    return (int)syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, &change, sizeof change);
}

/* A copy of the mount at `path` that is not attached anywhere yet, with `attributes` added; -1 with errno. */
int cplatform_open_mount(int folder, const char *path, int flags, uint64_t attributes) {
    int copy = (int)syscall(SYS_open_tree, folder, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (unsigned)flags);
    if (copy < 0) return -1;
    if (set_attributes(copy, flags & AT_RECURSIVE, attributes) == 0) return copy;
    int error = errno;
    close(copy);
    errno = error;
    return -1;
}

/* With an empty path on `folder` itself, which is closed. */
static int attach(int mount, int folder, const char *path) {
    int result = (int)syscall(
        SYS_move_mount, mount, "", folder, path, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    int error = errno;
    if (*path == 0) close(folder);
    errno = error;
    return result;
}

/* Opens a file or folder, which is made when it is missing. No link is followed. */
static int open_or_make(int above, const char *name, int is_folder) {
    if (is_folder) {
        if (mkdirat(above, name, 0755) != 0 && errno != EEXIST) return -1;
        return openat(above, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    int file = openat(above, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (file >= 0 || errno != EEXIST) return file;
    return openat(above, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* Opens a path below `root` to mount on: folders, of which the last may be a file. It is walked part by part, since a
 * folder of the host that is shown already may hold a link that leads out. */
static int make_target(int root, const char *path, int is_folder) {
    char part[256];
    int at = fcntl(root, F_DUPFD_CLOEXEC, 3);
    while (at >= 0 && *path) {
        size_t length = strcspn(path, "/");
        int next = -1, is_last = path[length] == 0;
        errno = EINVAL;
        if (length < sizeof part) {
            memcpy(part, path, length);
            part[length] = 0;
            if (*part && strcmp(part, ".") != 0 && strcmp(part, "..") != 0)
                next = open_or_make(at, part, is_folder || !is_last);
        }
        int error = errno;
        close(at);
        errno = error;
        at = next;
        path += length + !is_last;
    }
    return at;
}

static const char *relative(const char *path) {
    while (*path == '/') path++;
    return path;
}

/* Attaches a mount at a path of the new root, which is made when it is missing. */
static int place(int root, int mount, const char *target) {
    struct stat status;
    if (fstat(mount, &status) != 0) return -1;
    int folder = make_target(root, relative(target), S_ISDIR(status.st_mode));
    return folder < 0 ? -1 : attach(mount, folder, "");
}

/* Binds a path of the system, or copies the link that it is (/bin on merged systems). What is missing is left out. */
static int show(int root, const char *path, uint64_t attributes) {
    char target[256];
    struct stat status;
    if (lstat(path, &status) != 0) return 0;
    ssize_t count = S_ISLNK(status.st_mode) ? readlink(path, target, sizeof target - 1) : 0;
    /* A link into /usr stays a link; one that leads elsewhere, as resolv.conf's may, is followed. */
    if (count > 0) {
        target[count] = 0;
        if (strncmp(relative(target), "usr/", 4) == 0) return symlinkat(target, root, relative(path));
    }
    int mount = cplatform_open_mount(AT_FDCWD, path, AT_RECURSIVE, attributes);
    if (mount < 0) return errno == ENOENT ? 0 : -1;
    int result = place(root, mount, path);
    close(mount);
    return result;
}

static int show_all(int root, const char *const *paths, uint64_t attributes) {
    for (; *paths; paths++)
        if (show(root, *paths, attributes) != 0) return -1;
    return 0;
}

static int configure(int context, const char *key, const char *value) {
    return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}

/* A new file system with up to three options, not attached yet. */
static int make_file_system(const char *type, const char *const options[][2], uint64_t attributes) {
    int context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), mount = -1;
    if (context < 0) return -1;
    int failed = 0;
    for (int i = 0; !failed && options[i][0]; i++) failed = configure(context, options[i][0], options[i][1]);
    if (!failed) failed = (int)syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    if (!failed) mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
    int error = errno;
    close(context);
    errno = error;
    return mount;
}

static int make_tmpfs(const struct cplatform_sandbox *policy) {
    char size[24], files[24];
    /* A margin for the folders and mount points of the root itself. */
    cplatform_decimal(size, policy->work_bytes + (1 << 18));
    cplatform_decimal(files, policy->work_files + 96);
    const char *const options[][2] = {{"size", size}, {"nr_inodes", files}, {"mode", "0755"}, {NULL, NULL}};
    return make_file_system("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

/* A folder of the tmpfs that stays writable when the root is made read-only; returns it opened. */
static int make_writable_folder(const struct cplatform_box *box, int root, const char *path, mode_t mode) {
    int folder = make_target(root, path, 1);
    if (folder < 0) return -1;
    close(folder);
    if (fchmodat(root, path, mode, 0) != 0 || fchownat(root, path, box->uid, box->uid, 0) != 0) return -1;
    int mount = cplatform_open_mount(root, path, 0, 0);
    if (mount >= 0 && attach(mount, root, path) != 0) { close(mount); return -1; }
    return mount;
}

static int make_work_folder(struct cplatform_box *box, int root) {
    const char *source = box->policy->work_folder;
    if (source == NULL) return make_writable_folder(box, root, "work", 0755);
    int mount = box->work_bind >= 0 ? box->work_bind
        : cplatform_open_mount(AT_FDCWD, source, AT_RECURSIVE, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (mount < 0 || place(root, mount, "work") != 0) return -1;
    return mount;
}

static int make_small_files(int root) {
    if (mkdirat(root, "etc", 0755) != 0) return -1;
    for (size_t i = 0; i < sizeof made_files / sizeof *made_files; i++) {
        int file = openat(root, made_files[i].path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
        size_t length = strlen(made_files[i].text);
        if (file < 0 || write(file, made_files[i].text, length) != (ssize_t)length) return -1;
        close(file);
    }
    return 0;
}

static int make_devices(const struct cplatform_box *box, int root) {
    static const char *const links[][2] = {
        {"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
        {"/proc/self/fd/2", "dev/stderr"}};
    if (mkdirat(root, "dev", 0755) != 0) return -1;
    if (show_all(root, cplatform_devices, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC) != 0) return -1;
    for (int i = 0; i < 4; i++)
        if (symlinkat(links[i][0], root, links[i][1]) != 0) return -1;
    int shared = make_writable_folder(box, root, "dev/shm", 01777);
    if (shared < 0) return -1;
    close(shared);
    if (!box->policy->terminal) return 0;
    const char *const options[][2] = {{"mode", "0620"}, {"ptmxmode", "0666"}, {NULL, NULL}};
    int terminals = make_file_system("devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (terminals < 0 || place(root, terminals, "dev/pts") != 0) return -1;
    close(terminals);
    if (symlinkat("pts/ptmx", root, "dev/ptmx") != 0) return -1;
    return show(root, "/dev/tty", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

/* hidepid keeps the supervisor, whose memory is a copy of the daemon's, out of sight: see proc(5). */
static int make_proc(struct cplatform_box *box, int root) {
    const char *const options[][2] = {{"hidepid", "2"}, {NULL, NULL}};
    int proc = make_file_system("proc", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (proc < 0 || place(root, proc, "proc") != 0) return -1;
    /* A mount's descriptor is like one of O_PATH and lists nothing. */
    box->proc = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(proc);
    return box->proc < 0 ? -1 : 0;
}

static int make_binds(struct cplatform_box *box, int root) {
    for (int i = 0; i < box->policy->bind_count; i++) {
        const struct cplatform_sandbox_bind *bind = &box->policy->binds[i];
        uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (bind->writable ? 0 : MOUNT_ATTR_RDONLY);
        int mount = box->binds[i];
        if (mount < 0) mount = cplatform_open_mount(AT_FDCWD, bind->source, AT_RECURSIVE, attributes);
        if (mount < 0 && errno == ENOENT && bind->optional) continue;
        if (mount < 0 || place(root, mount, bind->target) != 0) return -1;
        close(mount);
    }
    return 0;
}

void cplatform_make_root(struct cplatform_box *box) {
    const uint64_t read_only = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if (mount(NULL, "/", NULL, PRIVATE_RECURSIVE, NULL) != 0) cplatform_fail(box, CPLATFORM_SANDBOX_MOUNT);
    /* pivot_root(2) wants the new root to be a mount in this namespace. "/" is there on every machine, and a mount on
     * it hides nothing from those who have entered it already. */
    int root = make_tmpfs(box->policy);
    if (root < 0 || attach(root, AT_FDCWD, "/") != 0) cplatform_fail(box, CPLATFORM_SANDBOX_MOUNT);
    if (show_all(root, cplatform_system_folders, read_only) != 0 || make_small_files(root) != 0
        || show_all(root, cplatform_system_files, read_only) != 0
        || (box->policy->network && show_all(root, cplatform_network_files, read_only) != 0)
        || make_devices(box, root) != 0)
        cplatform_fail(box, CPLATFORM_SANDBOX_MOUNT);
    if (cplatform_uses(box, CPLATFORM_OWN_PROC) && make_proc(box, root) != 0)
        cplatform_fail(box, CPLATFORM_SANDBOX_PROC);
    int temporary = make_writable_folder(box, root, "tmp", 01777);
    if (temporary < 0) cplatform_fail(box, CPLATFORM_SANDBOX_MOUNT);
    close(temporary);
    box->work = make_work_folder(box, root);
    if (box->work < 0) cplatform_fail(box, CPLATFORM_SANDBOX_BIND);
    if (make_binds(box, root) != 0) cplatform_fail(box, CPLATFORM_SANDBOX_BIND);
    if (set_attributes(root, 0, MOUNT_ATTR_RDONLY) != 0) cplatform_fail(box, CPLATFORM_SANDBOX_MOUNT);
    /* The old root is stacked below the new one and let go: see "pivot_root(".", ".")" in pivot_root(2). */
    if (fchdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", DETACH) != 0 || chdir("/") != 0)
        cplatform_fail(box, CPLATFORM_SANDBOX_PIVOT);
    close(root);
}
