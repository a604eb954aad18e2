#define _GNU_SOURCE
#include "CPlatform.h"
#include <sys/syscall.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

int cplatform_thread_id(void) {
    static __thread int id;
    if (id == 0) id = (int)syscall(SYS_gettid);
    return id;
}

void cplatform_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int cplatform_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int cplatform_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }
