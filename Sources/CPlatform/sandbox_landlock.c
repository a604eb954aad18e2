#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Landlock, see landlock(7) and the kernel's userspace-api/landlock.rst: the second wall around files, and the only one
 * without a private root. The numbers stand here since older headers lack the newer ones. */

enum {
    SYSTEM_CALL_CREATE = 444, SYSTEM_CALL_ADD = 445, SYSTEM_CALL_RESTRICT = 446,
    RULE_PATH = 1, VERSION = 1,
};
enum {
    EXECUTE = 1 << 0, WRITE_FILE = 1 << 1, READ_FILE = 1 << 2, READ_DIR = 1 << 3,
    /* 4 to 12 remove and make all kinds of files; two of them are devices. */
    MAKE_CHARACTER_DEVICE = 1 << 6, MAKE_BLOCK_DEVICE = 1 << 11,
    REFER = 1 << 13, TRUNCATE = 1 << 14, DEVICE_IOCTL = 1 << 15,
    READ = READ_FILE | READ_DIR,
    OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | DEVICE_IOCTL,
};
enum { BIND_TCP = 1 << 0, CONNECT_TCP = 1 << 1 };
enum { ABSTRACT_SOCKETS = 1 << 0, SIGNALS = 1 << 1 };

struct ruleset { uint64_t files, network, scopes; };
struct path_rule { uint64_t rights; int32_t folder; } __attribute__((packed));

int cplatform_landlock_version(void) {
    long version = syscall(SYSTEM_CALL_CREATE, NULL, 0, VERSION);
    return version > 0 ? (int)version : 0;
}

static uint64_t known_rights(int version) {
    uint64_t rights = (1 << 13) - 1;
    if (version >= 2) rights |= REFER;
    if (version >= 3) rights |= TRUNCATE;
    if (version >= 5) rights |= DEVICE_IOCTL;
    return rights;
}

struct rules { int ruleset; uint64_t known; };

/* Gives rights below an open file or folder; a file takes only a part of them. */
static int allow_open(const struct rules *rules, int file, uint64_t rights) {
    struct stat status;
    if (fstat(file, &status) != 0) return errno;
    rights &= rules->known & (S_ISDIR(status.st_mode) ? ~0ull : OF_A_FILE);
    struct path_rule rule = {rights, file};
    return syscall(SYSTEM_CALL_ADD, rules->ruleset, RULE_PATH, &rule, 0) == 0 ? 0 : errno;
}

/* What does not exist needs no rule. */
static int allow(const struct rules *rules, const char *path, uint64_t rights) {
    int file = open(path, O_PATH | O_CLOEXEC);
    if (file < 0) return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : errno;
    int error = allow_open(rules, file, rights);
    close(file);
    return error;
}

static int allow_all(const struct rules *rules, const char *const *paths, uint64_t rights) {
    int error = 0;
    for (; error == 0 && *paths; paths++) error = allow(rules, *paths, rights);
    return error;
}

static int add_rules(const struct cplatform_box *box, const struct rules *rules) {
    /* Without a private root these are the host's; the tables say what of it may be seen. */
    static const char *const etc[] = {"/etc/passwd", "/etc/group", "/etc/hosts", "/etc/nsswitch.conf", "/etc/hostname",
                                      NULL};
    /* What of /proc concerns no process but its own. */
    static const char *const facts[] = {
        "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/filesystems", "/proc/version",
        "/proc/self", "/sys/devices/system/cpu", NULL};
    static const char *const terminals[] = {"/dev/tty", "/dev/ptmx", "/dev/pts", NULL};
    static const char *const own_folders[] = {"/tmp", "/dev/shm", NULL};
    int has_root = cplatform_uses(box, CPLATFORM_PRIVATE_ROOT);
    uint64_t everything = ~(uint64_t)(MAKE_CHARACTER_DEVICE | MAKE_BLOCK_DEVICE);
    int error = allow_all(rules, cplatform_system_folders, READ | EXECUTE);
    /* All that is in a private root was put there to be read. */
    if (error == 0 && has_root) error = allow(rules, "/", READ);
    if (error == 0 && !has_root) error = allow_all(rules, cplatform_system_files, READ);
    if (error == 0 && !has_root) error = allow_all(rules, etc, READ);
    if (error == 0 && !has_root) error = allow_all(rules, facts, READ);
    if (error == 0 && !has_root && box->policy->network) error = allow_all(rules, cplatform_network_files, READ);
    if (error == 0) error = allow_all(rules, cplatform_devices, READ | WRITE_FILE | TRUNCATE | DEVICE_IOCTL);
    if (error == 0) error = allow_open(rules, box->work, everything);
    if (error == 0 && has_root) error = allow_all(rules, own_folders, everything);
    if (error == 0 && box->policy->terminal) error = allow_all(rules, terminals, READ | WRITE_FILE | DEVICE_IOCTL);
    for (int i = 0; error == 0 && i < box->policy->bind_count; i++) {
        const struct cplatform_sandbox_bind *bind = &box->policy->binds[i];
        error = allow(rules, has_root ? bind->target : bind->source, bind->writable ? everything : READ | EXECUTE);
    }
    return error;
}

int cplatform_confine_writes(const char *folder) {
    int version = cplatform_landlock_version();
    if (version == 0) return ENOSYS;
    /* Reading is free, and so is what a device or a terminal is told. */
    struct ruleset wanted = {known_rights(version) & ~(uint64_t)(EXECUTE | READ | DEVICE_IOCTL), 0, 0};
    int ruleset = (int)syscall(SYSTEM_CALL_CREATE, &wanted, sizeof wanted.files, 0);
    if (ruleset < 0) return errno;
    struct rules rules = {ruleset, wanted.files};
    int parent = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), error = parent < 0 ? errno : 0;
    if (error == 0) error = allow_open(&rules, parent, ~0ull);
    if (parent >= 0) close(parent);
    if (error == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) error = errno;
    if (error == 0 && syscall(SYSTEM_CALL_RESTRICT, ruleset, 0) != 0) error = errno;
    close(ruleset);
    return error;
}

int cplatform_apply_landlock(const struct cplatform_box *box) {
    int version = cplatform_landlock_version();
    struct ruleset wanted = {known_rights(version), 0, 0};
    size_t size = sizeof wanted.files;
    if (version >= 4) {
        size = offsetof(struct ruleset, scopes);
        /* In a network namespace of its own a program may talk to itself. */
        if (!box->policy->network && !cplatform_uses(box, CPLATFORM_NETWORK_NAMESPACE))
            wanted.network = BIND_TCP | CONNECT_TCP;
    }
    if (version >= 6) {
        size = sizeof wanted;
        wanted.scopes = ABSTRACT_SOCKETS | SIGNALS;
    }
    int ruleset = (int)syscall(SYSTEM_CALL_CREATE, &wanted, size, 0);
    if (ruleset < 0) return errno;
    struct rules rules = {ruleset, wanted.files};
    int error = add_rules(box, &rules);
    if (error == 0 && syscall(SYSTEM_CALL_RESTRICT, ruleset, 0) != 0) error = errno;
    close(ruleset);
    return error;
}
