#define _GNU_SOURCE
#include "CPlatform.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct failure { int error, step; };

static void fail(int report, int step) {
    struct failure failure = {errno, step};
    (void)!write(report, &failure, sizeof failure);
    _exit(127);
}

static pid_t clone_with_pidfd(int *pidfd) {
    struct clone_args arguments;
    memset(&arguments, 0, sizeof arguments);
    arguments.flags = CLONE_PIDFD;
    arguments.pidfd = (uintptr_t)pidfd;
    arguments.exit_signal = SIGCHLD;
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

/* Runs in the child and never returns. Only async-signal-safe calls: the parent has other threads. */
static void become(const struct cplatform_spawn *how, int report) {
    for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (setsid() < 0) fail(report, CPLATFORM_STEP_SESSION);
    for (int i = 0; i < 3; i++)
        if (dup2(how->stdio[i], i) < 0) fail(report, CPLATFORM_STEP_STDIO);
    if (how->directory && chdir(how->directory) != 0) fail(report, CPLATFORM_STEP_DIRECTORY);
    for (int i = 0; i < how->limit_count; i++) {
        struct rlimit limit = {how->limits[i].value, how->limits[i].value};
        if (setrlimit(how->limits[i].resource, &limit) != 0) fail(report, CPLATFORM_STEP_LIMIT);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(report, CPLATFORM_STEP_PRIVILEGES);
    /* Everything above 2, the report pipe included, closes when exec succeeds. */
    syscall(SYS_close_range, 3u, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */);
    execve(how->path, how->argv, how->envp);
    fail(report, CPLATFORM_STEP_EXEC);
}

/* What the child reports: an error of a step, or nothing when exec closed the pipe. */
static struct failure read_report(int report) {
    struct failure failure = {0, CPLATFORM_STEP_NONE};
    ssize_t count;
    do { count = read(report, &failure, sizeof failure); } while (count < 0 && errno == EINTR);
    if (count != sizeof failure) failure.error = 0;
    return failure;
}

int cplatform_spawn(const struct cplatform_spawn *how, pid_t *pid, int *pidfd, int *step) {
    int report[2];
    *step = CPLATFORM_STEP_NONE;
    if (pipe2(report, O_CLOEXEC) != 0) { *step = CPLATFORM_STEP_PIPE; return errno; }
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t child = clone_with_pidfd(pidfd);
    if (child == 0) become(how, report[1]);
    int error = child < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(report[1]);
    if (child < 0) { close(report[0]); *step = CPLATFORM_STEP_FORK; return error; }
    struct failure failure = read_report(report[0]);
    close(report[0]);
    if (failure.error != 0) {
        siginfo_t info;
        while (waitid(P_PID, (id_t)child, &info, WEXITED) < 0 && errno == EINTR) {}
        close(*pidfd);
        *step = failure.step;
        return failure.error;
    }
    *pid = child;
    return 0;
}

int cplatform_reap(int pidfd, int *was_signalled, int *code, int64_t *cpu_microseconds, int64_t *peak_kibibytes) {
    siginfo_t info;
    struct rusage usage;
    memset(&info, 0, sizeof info);
    memset(&usage, 0, sizeof usage);
    long result;
    /* The system call itself, since glibc's waitid() leaves out the resource usage. */
    do { result = syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED, &usage); } while (result < 0 && errno == EINTR);
    if (result < 0) return errno;
    *was_signalled = info.si_code != CLD_EXITED;
    *code = info.si_status;
    *cpu_microseconds = (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000
        + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    *peak_kibibytes = usage.ru_maxrss;
    return 0;
}

int cplatform_signal(int pidfd, int signal_number) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0u) == 0 ? 0 : errno;
}
