#pragma once
#include "CPlatform.h"
#include <stdint.h>
#include <sys/types.h>

/* Runs a program that nobody trusts. What it may do is a policy; what holds it is a list of features, of which a
 * machine may lack some. The order is: clone with namespaces, id maps, a private root, its own /proc, no new
 * privileges, rlimits, Landlock, only descriptors 0-2, uid and capabilities dropped, seccomp, exec.
 *
 *     daemon --clone--> supervisor (pid 1 of the namespace) --clone--> program (pid 2) --> whatever it starts
 *        |  <-- channel: one result record -- |
 *
 * The supervisor is our own code without exec. It reaps, watches the limits that the kernel does not keep for a tree of
 * processes, and its end is the end of all that is left. It ends when its end of the channel hangs up, so that nothing
 * outlives the daemon. */

/* What holds a program. A spawn uses exactly the features that its policy names, or fails. */
enum cplatform_sandbox_feature {
    CPLATFORM_USER_NAMESPACE    = 1 << 0,   /* its user is nobody on the host, and it counts its processes alone */
    CPLATFORM_PRIVATE_ROOT      = 1 << 1,   /* mount namespace and pivot_root: it sees the system's folders alone */
    CPLATFORM_PID_NAMESPACE     = 1 << 2,   /* it sees and signals only its own, and all of it ends at once */
    CPLATFORM_NETWORK_NAMESPACE = 1 << 3,   /* only a loopback of its own; not used by a policy with network */
    CPLATFORM_IPC_NAMESPACE     = 1 << 4,   /* System V objects and message queues of its own */
    CPLATFORM_UTS_NAMESPACE     = 1 << 5,   /* a host name of its own */
    CPLATFORM_CGROUP_NAMESPACE  = 1 << 6,   /* the names of the host's groups are hidden */
    CPLATFORM_OWN_PROC          = 1 << 7,   /* /proc shows its own processes; needs the two namespaces */
    CPLATFORM_LANDLOCK          = 1 << 8,   /* the second wall around files, the first without a private root */
    CPLATFORM_SECCOMP           = 1 << 9,   /* the filter of system calls */
    CPLATFORM_UNPRIVILEGED_USER = 1 << 10,  /* another uid than the daemon's on the host; only root can give it */
    CPLATFORM_MEMORY_GROUP      = 1 << 11,  /* a control group limits the memory of the whole tree */
    CPLATFORM_PROCESS_GROUP     = 1 << 12,  /* a control group limits the number of processes */
    CPLATFORM_RLIMITS           = 1 << 13,  /* always there */
};

enum { CPLATFORM_SANDBOX_FEATURES = (1 << 14) - 1 };

/* The name of one feature, as "user-namespace". */
const char *cplatform_sandbox_feature_name(uint32_t feature);

/* Which features this machine and this user have, found out by trying. Call it once, before the first spawn and while
 * no other thread starts children. Without `groups` control groups are left alone; they are used only below a group
 * that is ours to divide (see sandbox_groups.c). Returns 0 or an errno. */
int cplatform_sandbox_probe(int groups, uint32_t *features);

/* The version of Landlock's interface that the kernel has, 0 for none. */
int cplatform_landlock_version(void);

/* From now on the calling thread, and no other, can make, change and remove files only below a folder, whatever links
 * lead elsewhere. 0 or an errno; ENOSYS without Landlock. */
int cplatform_confine_writes(const char *folder);

/* Where a spawn failed. */
enum cplatform_sandbox_step {
    CPLATFORM_SANDBOX_NONE = 0,
    CPLATFORM_SANDBOX_POLICY,
    CPLATFORM_SANDBOX_PIPE,
    CPLATFORM_SANDBOX_GROUP,
    CPLATFORM_SANDBOX_CLONE,
    CPLATFORM_SANDBOX_START,
    CPLATFORM_SANDBOX_IDENTITY,
    CPLATFORM_SANDBOX_HOSTNAME,
    CPLATFORM_SANDBOX_LOOPBACK,
    CPLATFORM_SANDBOX_MOUNT,
    CPLATFORM_SANDBOX_PROC,
    CPLATFORM_SANDBOX_BIND,
    CPLATFORM_SANDBOX_PIVOT,
    CPLATFORM_SANDBOX_FILES,
    CPLATFORM_SANDBOX_TERMINAL,
    CPLATFORM_SANDBOX_SUPERVISOR,
    CPLATFORM_SANDBOX_FORK,
    CPLATFORM_SANDBOX_SESSION,
    CPLATFORM_SANDBOX_STDIO,
    CPLATFORM_SANDBOX_PRIVILEGES,
    CPLATFORM_SANDBOX_LIMITS,
    CPLATFORM_SANDBOX_LANDLOCK,
    CPLATFORM_SANDBOX_USER,
    CPLATFORM_SANDBOX_DIRECTORY,
    CPLATFORM_SANDBOX_FILTER,
    CPLATFORM_SANDBOX_EXEC,
    CPLATFORM_SANDBOX_STEP_COUNT,
};

/* What the step is about, to follow "cannot": "make the namespaces". */
const char *cplatform_sandbox_step_name(int step);

/* A file, symbolic link or folder to be made in the work folder. `mode` is git's: 0100644, 0100755, 0120000, 040000.
 * Folders on the way are made. A path that leaves the work folder or goes through a link is an error. */
struct cplatform_sandbox_file {
    const char *path;               /* relative, as "src/agents.py" */
    uint32_t mode;
    const void *bytes;              /* the content, or the target of a link */
    uint64_t count;
};

/* A file or folder of the host that is shown in the private root. When we are root and the program is not, what belongs
 * to root in it is shown as the program's own, and what the program makes there belongs to root. */
struct cplatform_sandbox_bind {
    const char *source;             /* absolute, on the host */
    const char *target;             /* absolute, in the sandbox */
    int writable;
    int optional;                   /* no error when the source does not exist */
};

/* How a program is to be run. Everything is the caller's and only read. */
struct cplatform_sandbox {
    uint32_t features;              /* what to use: a part of what the probe found */
    const char *path;               /* the program, absolute, in the sandbox; NULL only sets up and ends */
    char *const *argv;              /* ends with NULL */
    char *const *envp;              /* ends with NULL; the program sees nothing else */
    const char *directory;          /* its working directory in the sandbox, or NULL for the work folder */
    int stdio[3];                   /* what becomes its 0, 1 and 2; not looked at with `terminal` */
    uid_t uid;                      /* whose uid and gid it gets on the host when we are root; 0 for 65534 */

    /* /work, /tmp and /dev/shm of the private root share one tmpfs. */
    uint64_t work_bytes;            /* its size */
    uint64_t work_files;            /* how many files and folders it takes */
    const char *work_folder;        /* a folder of the host to be /work instead; needed without a private root */
    int work_is_temporary;          /* the supervisor removes that folder in the end */
    const struct cplatform_sandbox_file *files;
    int file_count;
    const struct cplatform_sandbox_bind *binds;
    int bind_count;

    const struct cplatform_limit *limits;   /* for each process; CORE, NICE and RTPRIO are 0 unless named */
    int limit_count;
    /* For all of it together; 0 is no limit. */
    uint64_t memory_bytes;          /* by the control group, else the supervisor looks every 25 ms, and less often
                                     * at a program that has no limit of time and uses none */
    uint32_t processes;             /* threads count too */
    uint32_t cpu_seconds;           /* also RLIMIT_CPU of each process */
    uint32_t wall_milliseconds;     /* the supervisor's clock, which also works when the daemon is busy */

    int network;                    /* the host's network; else none */
    int terminal;                   /* a terminal of its own as 0-2 and as controlling terminal */
    uint16_t columns, rows;
};

/* A running sandbox. All descriptors are the caller's and closed at exec. */
struct cplatform_sandboxed {
    pid_t pid;                      /* the supervisor's */
    int pidfd;                      /* readable when all of it has ended; then cplatform_sandbox_finish */
    int channel;                    /* readable when there is a result, or when it has ended without one */
    int terminal;                   /* the primary side, or -1 */
    uint32_t features;              /* what holds it */
    uint32_t group;                 /* the number of its control group, 0 for none */
};

/* Which limits were hit, and who ended it. */
enum cplatform_sandbox_reason {
    CPLATFORM_REASON_WALL      = 1 << 0,
    CPLATFORM_REASON_CPU       = 1 << 1,
    CPLATFORM_REASON_MEMORY    = 1 << 2,
    CPLATFORM_REASON_PROCESSES = 1 << 3,    /* it had as many as it may; by itself no reason to end */
    CPLATFORM_REASON_FILES     = 1 << 4,    /* its tmpfs was full or a file too large; by itself no reason to end */
    CPLATFORM_REASON_ENDED     = 1 << 5,    /* cplatform_sandbox_end */
    CPLATFORM_REASON_LOST      = 1 << 6,    /* the supervisor was killed: code and signal are its own */
};

/* How it went. */
struct cplatform_sandbox_result {
    int32_t was_signalled;          /* of the program itself */
    int32_t code;                   /* its exit status, or the number of its signal */
    uint32_t reasons;
    uint32_t left;                  /* processes that were still there at its end and were killed */
    int64_t cpu_microseconds;       /* of the whole tree */
    int64_t peak_kibibytes;         /* the most that the whole tree held, as far as it was seen */
    int64_t ended;                  /* when, in nanoseconds of CLOCK_MONOTONIC; 0 when nobody knows */
};

/* Starts a program. Returns 0 when it has been executed, or the errno of the step that failed and sets *step. Nothing
 * is left behind then. Blocks for some milliseconds. */
int cplatform_sandbox_spawn(const struct cplatform_sandbox *policy, struct cplatform_sandboxed *child, int *step);

/* Gives a program that was started without a limit of time so many milliseconds from now on. Returns 0 or an errno. */
int cplatform_sandbox_limit_time(const struct cplatform_sandboxed *child, uint32_t milliseconds);

/* Asks the supervisor to end all of it now and to report. Returns 0 or an errno. */
int cplatform_sandbox_end(const struct cplatform_sandboxed *child);

/* Reads the result and reaps; blocks unless the pidfd is readable. Closes the pidfd and the channel (not the terminal)
 * and removes the control group. Returns 0 or an errno. */
int cplatform_sandbox_finish(struct cplatform_sandboxed *child, struct cplatform_sandbox_result *result);

/* Makes a folder of its own in the first of $TMPDIR, /tmp, /var/tmp and /dev/shm that takes one, and writes its path,
 * which ends with NUL. 0 or an errno. */
int cplatform_make_temporary_folder(char path[4096]);

/* Removes what a program left in a folder of the host, however deep, and the folder. Follows no link. 0 or an errno. */
int cplatform_remove_folder(const char *path);
