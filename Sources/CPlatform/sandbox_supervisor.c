#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Process 1 of the sandbox: starts the program, reaps what it leaves behind, keeps the limits that hold for all of it
 * together, and tells how it went. It blocks every signal; a process 1 gets none from its own namespace. */

enum { MEMORY_TICK = 25, TICK = 200, IDLE_TICK = 1000 };

struct supervisor {
    struct cplatform_box *box;              /* with a copy of the policy, of which only the numbers are used */
    pid_t program, killer;
    int children;                           /* a signalfd for SIGCHLD */
    int is_first;                           /* process 1 of a PID namespace */
    int has_ended, is_ending;
    int64_t deadline, next_look;            /* milliseconds of the monotonic clock; no deadline is 0 */
    int64_t pause, seen_cpu;                /* milliseconds between looks; what the last one found */
    struct cplatform_sandbox_result result;
    char folder[4096];                      /* to be removed in the end, or "" */
};

static int64_t now_in_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t now(void) { return now_in_nanoseconds() / 1000000; }

/* From now on the time runs, to an end that does not come early; 0 is without end. */
static void begin_time(struct supervisor *supervisor, uint32_t milliseconds) {
    supervisor->deadline = milliseconds > 0 ? now() + 1 + milliseconds : 0;
}

/* Reaps all who have ended, with WNOHANG, or waits for all there are. Returns whether any child is left. */
static int reap(struct supervisor *supervisor, int flags) {
    int status;
    pid_t pid;
    while ((pid = wait4(-1, &status, flags | __WALL, NULL)) > 0) {
        if (pid != supervisor->program) {
            if (supervisor->is_ending && pid != supervisor->killer) supervisor->result.left++;
            continue;
        }
        supervisor->has_ended = 1;
        supervisor->result.was_signalled = WIFSIGNALED(status);
        supervisor->result.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    }
    return !(pid < 0 && errno == ECHILD);
}

static int64_t cpu_of_the_dead(int64_t *peak) {
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    if (usage.ru_maxrss > *peak) *peak = usage.ru_maxrss;
    return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec
        + usage.ru_stime.tv_usec;
}

/* What the tmpfs holds; notes when it is full. */
static uint64_t look_at_files(struct supervisor *supervisor) {
    struct statfs space;
    if (supervisor->box->work < 0 || fstatfs(supervisor->box->work, &space) != 0) return 0;
    if (!cplatform_uses(supervisor->box, CPLATFORM_PRIVATE_ROOT) || supervisor->box->policy->work_folder) return 0;
    if (space.f_bavail == 0 || space.f_ffree == 0) supervisor->result.reasons |= CPLATFORM_REASON_FILES;
    return (uint64_t)(space.f_blocks - space.f_bfree) * (uint64_t)space.f_bsize / 1024;
}

/* Whether the tree holds more memory than it may. First by what is cheap to see and never too little; what that does not
 * rule out is looked at more closely, the walk over all pages last. */
static int holds_too_much(
    struct supervisor *supervisor, const struct cplatform_tree *tree, uint64_t files, const pid_t pids[], int count) {
    const struct cplatform_box *box = supervisor->box;
    uint64_t limit = box->policy->memory_bytes / 1024;
    if (limit == 0 || cplatform_uses(box, CPLATFORM_MEMORY_GROUP)) return 0;
    uint64_t others = files + cplatform_socket_kibibytes(box);
    if (tree->resident_kibibytes + tree->tables_kibibytes + others <= limit) return 0;
    others += cplatform_tables_kibibytes(box->proc, pids, count);
    if (tree->resident_kibibytes + others <= limit) return 0;
    uint64_t held = others > limit ? others : others + cplatform_proportional_kibibytes(box->proc, pids, count);
    int64_t *peak = &supervisor->result.peak_kibibytes;
    if ((int64_t)held > *peak) *peak = (int64_t)held;
    return held > limit;
}

/* Looks at the whole tree; returns the limit that it has broken, or 0. */
static uint32_t look(struct supervisor *supervisor) {
    static pid_t pids[CPLATFORM_MOST_PROCESSES];
    const struct cplatform_box *box = supervisor->box;
    const struct cplatform_sandbox *policy = box->policy;
    struct cplatform_sandbox_result *result = &supervisor->result;
    struct cplatform_tree tree;
    int count;
    uint64_t files = look_at_files(supervisor);
    if (cplatform_look_at_tree(box, cplatform_uses(box, CPLATFORM_OWN_PROC), &tree, pids, &count) != 0) return 0;
    int64_t cpu = (int64_t)tree.cpu_microseconds + cpu_of_the_dead(&result->peak_kibibytes);
    if (cpu > result->cpu_microseconds) result->cpu_microseconds = cpu;
    /* The program itself may have ended just now, at the limit. */
    if (policy->processes > 0 && (uint32_t)(tree.threads + (supervisor->has_ended ? 1 : 0)) >= policy->processes)
        result->reasons |= CPLATFORM_REASON_PROCESSES;
    if (policy->cpu_seconds > 0 && cpu >= (int64_t)(policy->cpu_seconds + 1) * 1000000) return CPLATFORM_REASON_CPU;
    return holds_too_much(supervisor, &tree, files, pids, count) ? CPLATFORM_REASON_MEMORY : 0;
}

/* Everything that descends from us, where no PID namespace ends it. What a process leaves behind becomes our child, so
 * that nothing is lost from sight. A whole process group is killed at once, which catches those that fork faster than
 * they are looked at. */
static void kill_descendants(struct supervisor *supervisor) {
    static pid_t pids[CPLATFORM_MOST_PROCESSES];
    const struct cplatform_box *box = supervisor->box;
    struct cplatform_tree tree;
    int count = 0;
    if (cplatform_look_at_tree(box, 0, &tree, pids, &count) != 0)
        pids[count++] = supervisor->program;
    for (int i = 0; i < count; i++) {
        pid_t group = getpgid(pids[i]);
        if (group > 1 && group != getpgid(0)) kill(-group, SIGKILL);
        kill(pids[i], SIGKILL);
    }
}

/* A uid that nothing else has is the surest mark of all: kill(2) with -1 reaches each of its processes, and no fork
 * slips through. */
static void kill_user(struct supervisor *supervisor) {
    const struct cplatform_box *box = supervisor->box;
    int pidfd = -1;
    supervisor->killer = cplatform_clone(0, -1, &pidfd);
    if (supervisor->killer == 0) {
        if (syscall(SYS_setresuid, box->uid, box->uid, box->uid) == 0) kill(-1, SIGKILL);
        _exit(0);
    }
    if (pidfd >= 0) close(pidfd);
}

/* Ends whatever is left; afterwards there is no process of the sandbox but this one. */
static void end_all(struct supervisor *supervisor) {
    const struct cplatform_box *box = supervisor->box;
    /* In a user namespace it is ours, too. */
    int has_own_uid = box->changes_user && box->policy->uid != 0 && !cplatform_uses(box, CPLATFORM_USER_NAMESPACE);
    supervisor->is_ending = 1;
    for (int turn = 0;; turn++) {
        if (supervisor->is_first) {
            kill(-1, SIGKILL);
        } else {
            if (has_own_uid) kill_user(supervisor);
            kill_descendants(supervisor);
        }
        if (!reap(supervisor, supervisor->is_first ? 0 : WNOHANG)) return;
        /* Without a view of them there is nothing more to be done. */
        if (box->proc < 0 && turn > 1000) return;
        struct timespec pause = {0, turn < 10 ? 200000 : 2000000};
        nanosleep(&pause, NULL);
    }
}

/* A program without a limit of time waits for a person or for work most of the time. One that has used no time since
 * the last look has hardly taken memory, and is looked at less and less often. */
static int64_t choose_pause(struct supervisor *supervisor) {
    const struct cplatform_sandbox *policy = supervisor->box->policy;
    int watches = policy->memory_bytes > 0 && !cplatform_uses(supervisor->box, CPLATFORM_MEMORY_GROUP);
    int64_t cpu = supervisor->result.cpu_microseconds, usual = watches ? MEMORY_TICK : TICK;
    int is_idle = supervisor->deadline == 0 && cpu == supervisor->seen_cpu;
    supervisor->seen_cpu = cpu;
    int64_t longer = supervisor->pause < usual ? usual : supervisor->pause * 2;
    supervisor->pause = !is_idle ? usual : longer < IDLE_TICK ? longer : IDLE_TICK;
    return supervisor->pause;
}

/* What the daemon says: how many milliseconds there are from now on, or anything else for the end, as its own end is.
 * Returns the reason to end, or 0. */
static uint32_t listen_to_daemon(struct supervisor *supervisor) {
    uint32_t milliseconds;
    ssize_t count = recv(supervisor->box->channel, &milliseconds, sizeof milliseconds, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (count != (ssize_t)sizeof milliseconds) return CPLATFORM_REASON_ENDED;
    begin_time(supervisor, milliseconds);
    supervisor->pause = 0;
    supervisor->next_look = now() + MEMORY_TICK;
    return 0;
}

/* Waits for something to happen; returns the reason to end, or 0. */
static uint32_t wait_for_event(struct supervisor *supervisor) {
    struct pollfd polled[2] = {{supervisor->box->channel, POLLIN, 0}, {supervisor->children, POLLIN, 0}};
    int64_t time = now();
    if (supervisor->deadline > 0 && time >= supervisor->deadline) return CPLATFORM_REASON_WALL;
    /* By the clock and not by silence: a program can make children end all the time. */
    if (time >= supervisor->next_look) {
        uint32_t reason = look(supervisor);
        if (reason != 0) return reason;
        supervisor->next_look = now() + choose_pause(supervisor);
    }
    int64_t wake = supervisor->next_look;
    if (supervisor->deadline > 0 && supervisor->deadline < wake) wake = supervisor->deadline;
    time = now();
    if (poll(polled, 2, wake > time ? (int)(wake - time) : 0) <= 0) return 0;
    if (polled[0].revents) {
        uint32_t reason = listen_to_daemon(supervisor);
        if (reason != 0) return reason;
    }
    if (polled[1].revents) {
        struct signalfd_siginfo signals[8];
        (void)!read(supervisor->children, signals, sizeof signals);
        reap(supervisor, WNOHANG);
    }
    return 0;
}

static void report(struct supervisor *supervisor) {
    const struct cplatform_sandbox *policy = supervisor->box->policy;
    struct cplatform_sandbox_result *result = &supervisor->result;
    int64_t cpu = cpu_of_the_dead(&result->peak_kibibytes);
    if (cpu > result->cpu_microseconds) result->cpu_microseconds = cpu;
    if (result->was_signalled && result->code == SIGXFSZ) result->reasons |= CPLATFORM_REASON_FILES;
    /* The signal alone is no proof: a program can send it to itself. The kernel counts in ticks and may be early. */
    if (result->was_signalled && (result->code == SIGXCPU || result->code == SIGKILL) && policy->cpu_seconds > 0
        && cpu >= (int64_t)policy->cpu_seconds * 800000)
        result->reasons |= CPLATFORM_REASON_CPU;
    (void)!send(supervisor->box->channel, result, sizeof *result, MSG_NOSIGNAL);
    /* Ahead of our end, behind which nobody would do it if the daemon was killed. The daemon does it, too, since we may
     * be. */
    if (*supervisor->folder) cplatform_remove_folder(supervisor->folder);
}

static int enter_program(void *box) { cplatform_become(box); }

/* The program's process borrows our memory until exec, as by vfork(2): the daemon's pages are not counted once more. It
 * has a stack of its own, since it must not write to the frames that we return to. When the machine has no memory left,
 * it is to go before the daemon and all else, but not its supervisor: see proc_pid_oom_score_adj(5). */
static pid_t start_program(struct cplatform_box *box) {
    static char stack[64 * 1024] __attribute__((aligned(64)));
    char score[16];
    ssize_t count = box->score < 0 ? 0 : pread(box->score, score, sizeof score, 0);
    if (count > 0) (void)!pwrite(box->score, "1000", 4, 0);
    pid_t program = clone(enter_program, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, box);
    int error = errno;
    if (count > 0) (void)!pwrite(box->score, score, (size_t)count, 0);
    errno = error;
    return program;
}

void cplatform_supervise(struct cplatform_box *box) {
    static struct supervisor supervisor;
    supervisor.box = box;
    supervisor.is_first = cplatform_uses(box, CPLATFORM_PID_NAMESPACE);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    /* An inherited SIG_IGN would reap children behind our back. */
    signal(SIGCHLD, SIG_DFL);
    supervisor.children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (supervisor.children < 0) cplatform_fail(box, CPLATFORM_SANDBOX_SUPERVISOR);
    if (!supervisor.is_first && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        cplatform_fail(box, CPLATFORM_SANDBOX_SUPERVISOR);
    supervisor.program = start_program(box);
    if (supervisor.program < 0) cplatform_fail(box, CPLATFORM_SANDBOX_FORK);
    begin_time(&supervisor, box->policy->wall_milliseconds);
    supervisor.next_look = now() + MEMORY_TICK;
    int kept[] = {box->channel, supervisor.children, box->proc, box->work, box->sockets};
    cplatform_keep_only(kept, sizeof kept / sizeof *kept);
    static struct cplatform_sandbox policy;
    policy = *box->policy;
    if (policy.work_is_temporary && strlen(policy.work_folder) < sizeof supervisor.folder)
        strcpy(supervisor.folder, policy.work_folder);
    box->policy = &policy;
    cplatform_shed_memory();
    while (!supervisor.has_ended && supervisor.result.reasons < CPLATFORM_REASON_LOST) {
        uint32_t reason = wait_for_event(&supervisor);
        if (reason == 0) continue;
        supervisor.result.reasons |= reason;
        break;
    }
    supervisor.result.ended = now_in_nanoseconds();
    look(&supervisor);
    end_all(&supervisor);
    report(&supervisor);
    _exit(0);
}
