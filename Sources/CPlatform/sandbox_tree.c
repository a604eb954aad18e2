#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The processes of a sandbox as /proc shows them: see proc(5). */

/* What is read of /proc/PID/stat. */
struct process { pid_t pid, parent; int threads; uint64_t ticks, bytes, pages; };

static uint64_t number(const char **text) {
    uint64_t value = 0;
    while (**text == ' ' || **text == '\t') ++*text;
    if (**text == '-') ++*text;
    while (**text >= '0' && **text <= '9') value = value * 10 + (uint64_t)(*(*text)++ - '0');
    return value;
}

/* Field 2 is the name in parentheses and may hold anything; fields are counted from its last one. A process that is
 * dead and not yet reaped has no memory, and does not count. */
static int read_process(int proc, const char *name, struct process *process) {
    char path[32], text[1024];
    size_t length = strlen(name);
    if (length > 20) return -1;
    memcpy(path, name, length);
    memcpy(path + length, "/stat", 6);
    if (cplatform_read_text(proc, path, text, sizeof text) <= 0) return -1;
    const char *at = text, *end = strrchr(text, ')');
    if (end == NULL || end[1] != ' ') return -1;
    process->pid = (pid_t)number(&at);
    char state = end[2];
    at = end + 3;
    uint64_t fields[22];
    for (int i = 0; i < 21; i++) fields[i] = number(&at);
    process->parent = (pid_t)fields[0];
    /* Fields 14-17: user and system time, its own and of the children that it has waited for. */
    process->ticks = fields[10] + fields[11] + fields[12] + fields[13];
    process->threads = (int)fields[16];
    process->bytes = fields[19];
    process->pages = fields[20];
    return state == 'Z' || state == 'X' ? 1 : 0;
}

/* Keeps those that descend from `root`. The list is in the order of birth except where numbers start again, so that a
 * few passes are enough. */
static int keep_descendants(struct process *list, int count, pid_t root) {
    static uint8_t kept[CPLATFORM_MOST_PROCESSES];
    memset(kept, 0, (size_t)count);
    for (int changed = 1; changed;) {
        changed = 0;
        for (int i = 0; i < count; i++) {
            if (kept[i]) continue;
            int is_ours = list[i].parent == root;
            for (int j = 0; !is_ours && j < count; j++) is_ours = kept[j] && list[j].pid == list[i].parent;
            if (is_ours) kept[i] = 1, changed = 1;
        }
    }
    int number_kept = 0;
    for (int i = 0; i < count; i++)
        if (kept[i]) list[number_kept++] = list[i];
    return number_kept;
}

int cplatform_look_at_tree(
    const struct cplatform_box *box, int all, struct cplatform_tree *tree, pid_t pids[], int *count) {
    static struct process list[CPLATFORM_MOST_PROCESSES];
    char buffer[16384] __attribute__((aligned(8)));
    int proc = box->proc, found = 0;
    if (proc < 0) return EBADF;
    if (lseek(proc, 0, SEEK_SET) < 0) return errno;
    for (;;) {
        long length = syscall(SYS_getdents64, proc, buffer, sizeof buffer);
        if (length < 0) return errno;
        if (length == 0) break;
        for (long at = 0; at < length;) {
            /* struct linux_dirent64: inode, offset, 16-bit length, type, name. */
            unsigned short size;
            memcpy(&size, buffer + at + 16, sizeof size);
            const char *name = buffer + at + 19;
            at += size;
            if (*name < '1' || *name > '9' || found == CPLATFORM_MOST_PROCESSES) continue;
            if (read_process(proc, name, &list[found]) < 0 || list[found].pid == box->self) continue;
            found++;
        }
    }
    if (!all) found = keep_descendants(list, found, box->self);
    memset(tree, 0, sizeof *tree);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), tick = 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
    for (int i = 0; i < found; i++) {
        pids[i] = list[i].pid;
        tree->processes++;
        tree->threads += list[i].threads;
        tree->cpu_microseconds += list[i].ticks * tick;
        tree->resident_kibibytes += list[i].pages * page / 1024;
        /* A page of tables for each 512 pages of which it has touched one, if only to read: that is in no other figure. */
        tree->tables_kibibytes += list[i].bytes / 512 / 1024;
    }
    *count = found;
    return 0;
}

/* The value in kibibytes after `key` in the manner of smaps_rollup. */
static uint64_t value_of(const char *text, const char *key) {
    const char *line = strstr(text, key);
    if (line == NULL) return 0;
    line += strlen(key);
    return number(&line);
}

/* The sum of values in a file of each process. */
static uint64_t sum_of(int proc, const pid_t pids[], int count, const char *file, const char *const keys[]) {
    uint64_t sum = 0;
    for (int i = 0; i < count; i++) {
        char path[48], text[2048];
        strcpy(path + cplatform_decimal(path, (uint64_t)pids[i]), file);
        if (cplatform_read_text(proc, path, text, sizeof text) <= 0) continue;
        for (int key = 0; keys[key]; key++) sum += value_of(text, keys[key]);
    }
    return sum;
}

uint64_t cplatform_tables_kibibytes(int proc, const pid_t pids[], int count) {
    return sum_of(proc, pids, count, "/status", (const char *const[]){"VmPTE:", NULL});
}

uint64_t cplatform_proportional_kibibytes(int proc, const pid_t pids[], int count) {
    return sum_of(proc, pids, count, "/smaps_rollup", (const char *const[]){
        "Pss_Anon:", "Pss_Shmem:", "SwapPss:", NULL});
}
