#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The checkout of a program, and the removal of what it left. */

enum { LINK = 0120000, FOLDER = 040000, KIND = 0170000, EXECUTABLE = 0100 };

/* openat2(2) refuses what leaves the folder, also through a link that another entry has made. */
static int open_beneath(int folder, const char *path, int flags, mode_t mode) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

/* Makes the folders above the last part and opens the lowest; *name is the last part. */
static int open_parent(int work, char *path, const char **name) {
    char *last = strrchr(path, '/');
    *name = last ? last + 1 : path;
    if (**name == 0 || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) { errno = EINVAL; return -1; }
    if (last == NULL) return fcntl(work, F_DUPFD_CLOEXEC, 3);
    *last = 0;
    int parent = open_beneath(work, path, O_PATH | O_DIRECTORY, 0);
    if (parent >= 0 || errno != ENOENT) return parent;
    const char *own_name;
    int above = open_parent(work, path, &own_name);
    if (above < 0) return -1;
    if (mkdirat(above, own_name, 0755) == 0 || errno == EEXIST)
        parent = open_beneath(above, own_name, O_PATH | O_DIRECTORY, 0);
    int error = errno;
    close(above);
    errno = error;
    return parent;
}

static int write_all(int file, const char *bytes, uint64_t count) {
    while (count > 0) {
        ssize_t written = write(file, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -1;
        bytes += written;
        count -= (uint64_t)written;
    }
    return 0;
}

static int make_file(int parent, const char *name, const struct cplatform_sandbox_file *entry) {
    if ((entry->mode & KIND) == FOLDER) return mkdirat(parent, name, 0755) == 0 || errno == EEXIST ? 0 : -1;
    if ((entry->mode & KIND) == LINK) {
        char target[4096];
        if (entry->count >= sizeof target) { errno = ENAMETOOLONG; return -1; }
        memcpy(target, entry->bytes, entry->count);
        target[entry->count] = 0;
        return symlinkat(target, parent, name);
    }
    int file = open_beneath(parent, name, O_WRONLY | O_CREAT | O_EXCL, entry->mode & EXECUTABLE ? 0755 : 0644);
    if (file < 0) return -1;
    int result = write_all(file, entry->bytes, entry->count);
    int error = errno;
    close(file);
    errno = error;
    return result;
}

int cplatform_make_files(int work, const struct cplatform_sandbox_file *files, int count) {
    /* Entries of one folder follow each other: its descriptor is kept, and the path is not walked again. */
    char path[4096], before[4096] = "";
    int folder = -1, result = 0;
    size_t before_length = 0;
    for (int i = 0; result == 0 && i < count; i++) {
        size_t length = strlen(files[i].path);
        if (length >= sizeof path) { errno = ENAMETOOLONG; result = -1; break; }
        memcpy(path, files[i].path, length + 1);
        const char *last = strrchr(path, '/');
        size_t above = last ? (size_t)(last - path) : 0;
        const char *name = last ? last + 1 : path;
        if (folder < 0 || above != before_length || memcmp(path, before, above) != 0) {
            if (folder >= 0) close(folder);
            memcpy(before, path, above);
            before_length = above;
            folder = open_parent(work, path, &name);
            if (folder < 0) { result = -1; break; }
        } else if (*name == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            errno = EINVAL;
            result = -1;
            break;
        }
        result = make_file(folder, name, &files[i]);
    }
    int error = result == 0 ? 0 : errno;
    if (folder >= 0) close(folder);
    return error;
}

/* Removes the entries of a folder. Folders that hold something are moved up into `top` first, under a number as name,
 * so that the depth is never more than two however deep the program went. Returns how many were moved, or -1. */
static int empty(int top, int folder, uint64_t *number) {
    char buffer[8192] __attribute__((aligned(8))), name[24];
    int moved = 0;
    for (;;) {
        long count = syscall(SYS_getdents64, folder, buffer, sizeof buffer);
        if (count < 0) return -1;
        if (count == 0) return moved;
        for (long at = 0; at < count;) {
            /* struct linux_dirent64: inode, offset, 16-bit length, type, name. */
            unsigned short length;
            memcpy(&length, buffer + at + 16, sizeof length);
            const char *entry = buffer + at + 19;
            at += length;
            if (strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0) continue;
            if (unlinkat(folder, entry, 0) == 0 || unlinkat(folder, entry, AT_REMOVEDIR) == 0) continue;
            if (errno != ENOTEMPTY && errno != EACCES && errno != EPERM) return -1;
            if (folder == top) { moved++; continue; }
            /* Moving a folder writes its "..", for which its owner needs to be allowed to write in it. */
            fchmodat(folder, entry, 0700, AT_SYMLINK_NOFOLLOW);
            do { cplatform_decimal(name, (*number)++); }
            while (syscall(SYS_renameat2, folder, entry, top, name, 1u /* RENAME_NOREPLACE */) != 0 && errno == EEXIST);
            moved++;
        }
    }
}

int cplatform_make_temporary_folder(char path[4096]) {
    static const char name[] = "/vibegrapher-work-XXXXXX";
    const char *const places[] = {getenv("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm"};
    int error = ENOENT;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (places[i] == NULL || *places[i] != '/' || strlen(places[i]) + sizeof name > 4096) continue;
        strcat(strcpy(path, places[i]), name);
        if (mkdtemp(path) != NULL) return 0;
        error = errno;
    }
    return error;
}

int cplatform_remove_folder(const char *path) {
    char buffer[8192] __attribute__((aligned(8)));
    uint64_t number = 0;
    int top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0 && errno == EACCES && fchmodat(AT_FDCWD, path, 0700, AT_SYMLINK_NOFOLLOW) == 0)
        top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0) return errno;
    fchmod(top, 0700);
    int error = 0, progress = 1;
    while (error == 0 && progress) {
        progress = 0;
        lseek(top, 0, SEEK_SET);
        if (empty(top, top, &number) < 0) { error = errno; break; }
        lseek(top, 0, SEEK_SET);
        long count = syscall(SYS_getdents64, top, buffer, sizeof buffer);
        if (count < 0) { error = errno; break; }
        for (long at = 0; at < count;) {
            unsigned short length;
            memcpy(&length, buffer + at + 16, sizeof length);
            const char *entry = buffer + at + 19;
            at += length;
            if (strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0) continue;
            fchmodat(top, entry, 0700, AT_SYMLINK_NOFOLLOW);
            int folder = openat(top, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (folder < 0) { error = errno; break; }
            if (empty(top, folder, &number) < 0) error = errno;
            close(folder);
            if (error == 0 && unlinkat(top, entry, AT_REMOVEDIR) != 0 && errno != ENOTEMPTY) error = errno;
            progress = 1;
        }
    }
    close(top);
    if (error == 0 && rmdir(path) != 0) error = errno;
    return error;
}
