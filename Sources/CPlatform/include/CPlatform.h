#pragma once
#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <semaphore.h>
#include <stdint.h>

/* Doors to Linux that Swift cannot open itself: variadic and macro-only calls, and everything between fork and exec. */

/* The kernel's id of the calling thread; unlike pthread_self() it is read anew after an await. */
int cplatform_thread_id(void);

/* send(2) with MSG_NOSIGNAL, and recv(2), but no points of cancellation (pthreads(7)): no thread here is ever cancelled,
   and getting ready for it costs a fiftieth of a short request. */
ssize_t cplatform_send(int socket, const void *bytes, size_t count);
ssize_t cplatform_receive(int socket, void *bytes, size_t count);

/* sem_clockwait(3) by CLOCK_MONOTONIC, for at most so many nanoseconds: 0, or -1 with errno. */
int cplatform_semaphore_wait(sem_t *semaphore, int64_t nanoseconds);

/* Names the calling thread, see pthread_setname_np(3). */
void cplatform_name_thread(const char *name);

/* pipe2(2) with both ends closed at exec. */
int cplatform_pipe(int ends[2]);

/* Opens a file below a folder for reading, where no part of its path below the folder is a link: see RESOLVE_BENEATH
 * in openat2(2). -1 with errno. */
int cplatform_open_beneath(const char *folder, const char *path);

/* accept4(2): a non-blocking connected socket, closed at exec. */
int cplatform_accept(int listener);

/* Catches SIGTERM and SIGINT from now on and ignores SIGPIPE. Returns a descriptor from which each caught signal's
 * number is read as one byte, or -1 with errno. A handler and not a mask: libdispatch parks the main thread with an
 * empty mask, where a blocked signal would have its default effect. Called once. */
int cplatform_catch_stop_signals(void);

/* One rlimit to set in the child, see setrlimit(2). */
struct cplatform_limit {
    int resource;
    uint64_t value;
};

/* Waits for a child to end and reaps it. Returns 0, or an errno. *code is the exit status or the signal's number. */
int cplatform_reap(int pidfd, int *was_signalled, int *code, int64_t *cpu_microseconds, int64_t *peak_kibibytes);

/* pidfd_send_signal(2). */
int cplatform_signal(int pidfd, int signal);

#include "sandbox.h"
#include "terminal.h"
