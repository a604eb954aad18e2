#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* Control groups, see cgroups(7) and the kernel's admin-guide/cgroup-v2.rst. A group may be divided only by its owner.
 * It is ours when it is the root of what we see (a container, a machine without a manager), or when systemd has marked
 * it as delegated, by Delegate=yes. Any other belongs to somebody else and is left alone. */

enum { PATH_SIZE = 1024 };

/* Filled by the probe and only read afterwards. */
static struct {
    int is_second;                          /* version 2: one tree for all controllers */
    char memory[PATH_SIZE], processes[PATH_SIZE];   /* the folders below which we make ours; "" for none */
} groups;

static atomic_uint last_number;

static int has_word(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ',' || at[-1] == ' ') && (at[length] == 0 || strchr(", \n", at[length]))) return 1;
    return 0;
}

/* Our group's path in the tree that has `controller`, or in version 2's with "". From lines "4:memory:/path". */
static int find_own_path(const char *controller, char path[PATH_SIZE]) {
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[PATH_SIZE];
    int found = 0;
    while (file && !found && fgets(line, sizeof line, file)) {
        char *list = strchr(line, ':'), *own = list ? strchr(list + 1, ':') : NULL;
        if (own == NULL) continue;
        *own++ = 0;
        own[strcspn(own, "\n")] = 0;
        if (*controller ? !has_word(list + 1, controller) : list[1] != 0) continue;
        strcpy(path, own);
        found = 1;
    }
    if (file) fclose(file);
    return found;
}

/* Where that tree is mounted. From lines "36 31 0:33 ROOT POINT options optional... - TYPE SOURCE options". */
static int find_mount(const char *controller, char root[PATH_SIZE], char point[PATH_SIZE]) {
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    int found = 0;
    while (file && !found && getline(&line, &size, file) > 0) {
        char type[64], options[PATH_SIZE];
        const char *rest = strstr(line, " - ");
        if (rest == NULL || sscanf(rest, " - %63s %*s %1023s", type, options) != 2) continue;
        if (*controller ? strcmp(type, "cgroup") != 0 || !has_word(options, controller) : strcmp(type, "cgroup2") != 0)
            continue;
        found = sscanf(line, "%*s %*s %*s %1023s %1023s", root, point) == 2;
    }
    free(line);
    if (file) fclose(file);
    return found;
}

static int is_delegated(const char *folder) {
    char value[8] = "";
    return (getxattr(folder, "user.delegate", value, sizeof value - 1) > 0
            || getxattr(folder, "trusted.delegate", value, sizeof value - 1) > 0) && value[0] == '1';
}

/* The folder of our group when it is ours to divide. */
static int find_folder(const char *controller, char folder[PATH_SIZE]) {
    char own[PATH_SIZE], root[PATH_SIZE], point[PATH_SIZE];
    folder[0] = 0;
    if (!find_own_path(controller, own) || !find_mount(controller, root, point)) return 0;
    size_t shared = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(own, root, shared) != 0) return 0;
    if (snprintf(folder, PATH_SIZE, "%s%s", point, strcmp(own + shared, "/") == 0 ? "" : own + shared) >= PATH_SIZE - 64
        || access(folder, W_OK) != 0 || !(own[shared] == 0 || strcmp(own + shared, "/") == 0 || is_delegated(folder)))
        folder[0] = 0;
    return folder[0] != 0;
}

static int open_folder(const char *folder) { return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

/* Hands the controllers down. A group other than the very root then may hold no process itself, so that we move into
 * one below it. */
static int hand_down(const char *folder) {
    int own = open_folder(folder), error;
    if (own < 0) return errno;
    error = cplatform_write_text(own, "cgroup.subtree_control", "+memory +pids");
    if (error == EBUSY && (mkdirat(own, "daemon", 0755) == 0 || errno == EEXIST)) {
        error = cplatform_write_text(own, "daemon/cgroup.procs", "0");
        if (error == 0) error = cplatform_write_text(own, "cgroup.subtree_control", "+memory +pids");
    }
    close(own);
    return error;
}

/* A daemon that was killed leaves its groups behind, which are empty as soon as its supervisors have ended. */
static void remove_those_of_the_dead(const char *folder) {
    DIR *list = *folder ? opendir(folder) : NULL;
    for (struct dirent *entry; list && (entry = readdir(list));) {
        int pid;
        unsigned number;
        char rest;
        if (sscanf(entry->d_name, "sandbox-%d-%u%c", &pid, &number, &rest) == 2 && kill(pid, 0) != 0 && errno == ESRCH)
            unlinkat(dirfd(list), entry->d_name, AT_REMOVEDIR);
    }
    if (list) closedir(list);
}

uint32_t cplatform_find_groups(void) {
    char folder[PATH_SIZE], path[PATH_SIZE + 32], text[256];
    memset(&groups, 0, sizeof groups);
    if (find_folder("", folder)) {
        snprintf(path, sizeof path, "%s/cgroup.controllers", folder);
        if (cplatform_read_text(AT_FDCWD, path, text, sizeof text) > 0 && has_word(text, "memory")
            && has_word(text, "pids") && hand_down(folder) == 0) {
            groups.is_second = 1;
            strcpy(groups.memory, folder);
            strcpy(groups.processes, folder);
            remove_those_of_the_dead(folder);
            return CPLATFORM_MEMORY_GROUP | CPLATFORM_PROCESS_GROUP;
        }
    }
    uint32_t found = (find_folder("memory", groups.memory) ? CPLATFORM_MEMORY_GROUP : 0)
        | (find_folder("pids", groups.processes) ? CPLATFORM_PROCESS_GROUP : 0);
    remove_those_of_the_dead(groups.memory);
    remove_those_of_the_dead(groups.processes);
    return found;
}

static void name_group(const char *folder, uint32_t number, char path[PATH_SIZE + 64]) {
    snprintf(path, PATH_SIZE + 64, "%s/sandbox-%d-%u", folder, (int)getpid(), number);
}

/* Makes one group and sets the limits, of which those that the kernel does not have (swap) are left out. */
static int make(const char *folder, uint32_t number, const char *const limits[][2]) {
    char path[PATH_SIZE + 64];
    name_group(folder, number, path);
    if (mkdir(path, 0755) != 0) return errno;
    int group = open_folder(path), error = group < 0 ? errno : 0;
    for (int i = 0; error == 0 && limits[i][0]; i++) {
        error = cplatform_write_text(group, limits[i][0], limits[i][1]);
        if (error == ENOENT && strstr(limits[i][0], "sw")) error = 0;
    }
    if (group >= 0) close(group);
    return error;
}

int cplatform_make_group(const struct cplatform_sandbox *policy, uint32_t *number, int *folder) {
    int memory = policy->features & CPLATFORM_MEMORY_GROUP && policy->memory_bytes > 0;
    int processes = policy->features & CPLATFORM_PROCESS_GROUP && policy->processes > 0;
    char bytes[24], most[24], path[PATH_SIZE + 64];
    if (!memory && !processes) return 0;
    *number = atomic_fetch_add(&last_number, 1) + 1;
    cplatform_decimal(bytes, policy->memory_bytes);
    cplatform_decimal(most, (uint64_t)policy->processes + 1);    /* the supervisor is in it too */
    if (groups.is_second) {
        const char *const limits[][2] = {
            {"memory.max", memory ? bytes : "max"}, {"memory.swap.max", memory ? "0" : "max"},
            {"pids.max", processes ? most : "max"}, {NULL, NULL}};
        int error = make(groups.memory, *number, limits);
        if (error != 0) return error;
        name_group(groups.memory, *number, path);
        *folder = open_folder(path);
        return *folder < 0 ? errno : 0;
    }
    const char *const bytes_limits[][2] = {
        {"memory.limit_in_bytes", bytes}, {"memory.memsw.limit_in_bytes", bytes}, {NULL, NULL}};
    const char *const number_limits[][2] = {{"pids.max", most}, {NULL, NULL}};
    int error = memory ? make(groups.memory, *number, bytes_limits) : 0;
    if (error == 0 && processes) error = make(groups.processes, *number, number_limits);
    return error;
}

/* Version 1 only: into version 2's group the clone was born. */
int cplatform_enter_group(uint32_t number, pid_t pid) {
    char path[PATH_SIZE + 96], text[24];
    const char *const folders[] = {groups.memory, groups.processes};
    if (number == 0 || groups.is_second) return 0;
    cplatform_decimal(text, (uint64_t)pid);
    for (int i = 0; i < 2; i++) {
        name_group(folders[i], number, path);
        if (*folders[i] == 0 || access(path, F_OK) != 0) continue;
        strcat(path, "/cgroup.procs");
        int error = cplatform_write_text(AT_FDCWD, path, text);
        if (error != 0) return error;
    }
    return 0;
}

/* The number after `key` in a file of a group, or the file's only number when `key` is ""; 0 when there is none. */
static uint64_t value_in(const char *folder, uint32_t number, const char *name, const char *key) {
    char path[PATH_SIZE + 96], text[2048];
    if (*folder == 0) return 0;
    name_group(folder, number, path);
    strcat(strcat(path, "/"), name);
    if (cplatform_read_text(AT_FDCWD, path, text, sizeof text) <= 0) return 0;
    const char *at = strstr(text, key);
    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

void cplatform_read_group(uint32_t number, struct cplatform_sandbox_result *result) {
    if (number == 0) return;
    const char *kills = groups.is_second ? "memory.events" : "memory.oom_control";
    const char *peak = groups.is_second ? "memory.peak" : "memory.max_usage_in_bytes";
    if (value_in(groups.memory, number, kills, "oom_kill ") > 0) result->reasons |= CPLATFORM_REASON_MEMORY;
    if (value_in(groups.processes, number, "pids.events", "max ") > 0) result->reasons |= CPLATFORM_REASON_PROCESSES;
    int64_t kibibytes = (int64_t)value_in(groups.memory, number, peak, "") / 1024;
    if (kibibytes > result->peak_kibibytes) result->peak_kibibytes = kibibytes;
    int64_t cpu = groups.is_second ? (int64_t)value_in(groups.memory, number, "cpu.stat", "usage_usec ") : 0;
    if (cpu > result->cpu_microseconds) result->cpu_microseconds = cpu;
}

/* What a supervisor that was killed could not end. */
static void kill_members(const char *path) {
    char name[PATH_SIZE + 96], text[4096];
    snprintf(name, sizeof name, "%s/cgroup.procs", path);
    if (cplatform_read_text(AT_FDCWD, name, text, sizeof text) <= 0) return;
    for (char *at = text, *end; *at; at = *end ? end + 1 : end) {
        long pid = strtol(at, &end, 10);
        if (end == at) return;
        if (pid > 1) kill((pid_t)pid, SIGKILL);
    }
}

/* A group stays busy for a moment after its last process has been reaped. */
void cplatform_remove_group(uint32_t number) {
    char path[PATH_SIZE + 64];
    const char *const folders[] = {groups.memory, groups.is_second ? "" : groups.processes};
    for (int i = 0; number != 0 && i < 2; i++) {
        if (*folders[i] == 0) continue;
        name_group(folders[i], number, path);
        for (int turn = 0; turn < 200 && rmdir(path) != 0 && errno == EBUSY; turn++) {
            kill_members(path);
            struct timespec pause = {0, 500000};
            nanosleep(&pause, NULL);
        }
    }
}
