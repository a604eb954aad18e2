#define _GNU_SOURCE
#include "CPlatform.h"
#include <sys/syscall.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <sys/resource.h>
#include <sys/wait.h>

int cplatform_thread_id(void) {
    static __thread int id;
    if (id == 0) id = (int)syscall(SYS_gettid);
    return id;
}

ssize_t cplatform_send(int socket, const void *bytes, size_t count) {
    return syscall(SYS_sendto, socket, bytes, count, MSG_NOSIGNAL, NULL, 0);
}

ssize_t cplatform_receive(int socket, void *bytes, size_t count) {
    return syscall(SYS_recvfrom, socket, bytes, count, 0, NULL, NULL);
}

int cplatform_semaphore_wait(sem_t *semaphore, int64_t nanoseconds) {
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    nanoseconds += end.tv_nsec;
    end.tv_sec += nanoseconds / 1000000000;
    end.tv_nsec = nanoseconds % 1000000000;
    int code;
    do code = sem_clockwait(semaphore, CLOCK_MONOTONIC, &end); while (code < 0 && errno == EINTR);
    return code;
}

void cplatform_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int cplatform_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int cplatform_open_beneath(const char *folder, const char *path) {
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int parent = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0) return -1;
    int file = (int)syscall(SYS_openat2, parent, path, &how, sizeof how), error = errno;
    close(parent);
    errno = error;
    return file;
}

int cplatform_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

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
