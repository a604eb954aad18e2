#pragma once
#include "include/sandbox.h"
#include "include/terminal.h"
#include <stddef.h>

/* What the files of the sandbox share. After the clone everything is async-signal-safe: the daemon has other threads,
 * whose locks may be held in the copy. */

enum { CPLATFORM_MOST_BINDS = 32 };

/* What is known inside the clone. */
struct cplatform_box {
    const struct cplatform_sandbox *policy;
    uint32_t features;
    uid_t uid;                              /* the program's uid and gid, in its user namespace if it has one */
    int changes_user;                       /* whether we can and must change to it */
    int report;                             /* takes one cplatform_failure; closes at exec */
    int channel;
    int stdio[3];
    int binds[CPLATFORM_MOST_BINDS];        /* mounts that the daemon had to open itself, else -1 */
    int work_bind;                          /* the same of `work_folder` */
    int work;                               /* the work folder */
    int proc;                               /* the /proc that the supervisor looks at, or -1 */
    pid_t self;                             /* the supervisor's number there */
    int terminal;                           /* the primary side, until it has been sent */
    int sockets;                            /* what lists the sandbox's sockets, or -1 */
    int score;                              /* our own oom_score_adj, which the program inherits, or -1 */
};

struct cplatform_failure { int error, step; };

/* What clone3 is asked for; `group` is a control group's folder or -1. Returns as fork. */
pid_t cplatform_clone(uint64_t flags, int group, int *pidfd);

/* Writes the id maps of a process in a new user namespace; 0 or an errno. */
int cplatform_write_maps(pid_t pid, uid_t inside, uid_t uid, gid_t gid);

/* Reports errno and ends the process. */
_Noreturn void cplatform_fail(const struct cplatform_box *box, int step);

static inline int cplatform_uses(const struct cplatform_box *box, uint32_t feature) {
    return (box->features & feature) != 0;
}

/* Digits of `value` and a NUL; returns how many digits. */
size_t cplatform_decimal(char text[24], uint64_t value);

/* Reads a whole small file into `text` and ends it with NUL; returns its length or -1. */
ssize_t cplatform_read_text(int folder, const char *path, char *text, size_t size);

/* Writes a text to a file that exists; 0 or an errno. */
int cplatform_write_text(int folder, const char *path, const char *text);

/* Closes all descriptors but these; -1 stands for none. */
void cplatform_keep_only(const int kept[], size_t count);

/* The clone's life from here on; never returns. */
_Noreturn void cplatform_supervise(struct cplatform_box *box);

/* The program's process from its birth to exec; never returns. */
_Noreturn void cplatform_become(struct cplatform_box *box);

/* Unmaps what a supervisor does not need; the policy's texts and files are gone afterwards, and malloc with them. */
void cplatform_shed_memory(void);

/* Namespaces, mounts, files, terminal: all that comes before the program's process. */
void cplatform_set_up(struct cplatform_box *box);
void cplatform_make_root(struct cplatform_box *box);
int cplatform_open_mount(int folder, const char *path, int flags, uint64_t attributes);

/* Opens the writable binds as mounts on which what is ours belongs to `uid`. For root only. 0 or an errno. */
int cplatform_open_owned_binds(struct cplatform_box *box, uid_t uid);

/* Lets the program's user open its standard streams again by their names. */
void cplatform_give_pipes(const struct cplatform_box *box, uid_t uid, gid_t gid);

/* Makes the policy's files in the work folder; 0 or an errno. */
int cplatform_make_files(int work, const struct cplatform_sandbox_file *files, int count);

/* The paths of the host that a program may read, and those that it needs only for the network. Ends with NULL. */
extern const char *const cplatform_system_folders[];
extern const char *const cplatform_system_files[];
extern const char *const cplatform_network_files[];
extern const char *const cplatform_devices[];

/* 0 or an errno. */
int cplatform_apply_landlock(const struct cplatform_box *box);
int cplatform_apply_filter(const struct cplatform_box *box);

/* All processes of a sandbox at one moment. */
struct cplatform_tree {
    int processes, threads;
    uint64_t tables_kibibytes;              /* of pages, at most */
    uint64_t cpu_microseconds;              /* of the living ones and of what they reaped */
    uint64_t resident_kibibytes;            /* what is shared counts for each */
};

enum { CPLATFORM_MOST_PROCESSES = 8192 };

/* Looks at all processes but the supervisor when `all` in `proc` are ours, else at those that descend from it. The numbers
 * stay in `pids`. Returns 0 or an errno. */
int cplatform_look_at_tree(
    const struct cplatform_box *box, int all, struct cplatform_tree *tree, pid_t pids[], int *count);

/* The tables of pages of these processes. */
uint64_t cplatform_tables_kibibytes(int proc, const pid_t pids[], int count);

/* What these processes hold, of which shared memory counts once, without files that could be read again. */
uint64_t cplatform_proportional_kibibytes(int proc, const pid_t pids[], int count);

/* What waits in the buffers of the sandbox's sockets. The list is opened in its network namespace; -1 for none. */
int cplatform_open_socket_list(void);
uint64_t cplatform_socket_kibibytes(const struct cplatform_box *box);

/* Control groups. `number` tells the groups of one daemon apart. */
uint32_t cplatform_find_groups(void);
int cplatform_make_group(const struct cplatform_sandbox *policy, uint32_t *number, int *folder);
int cplatform_enter_group(uint32_t number, pid_t pid);
void cplatform_read_group(uint32_t number, struct cplatform_sandbox_result *result);
void cplatform_remove_group(uint32_t number);
