// Tells the thread sanitizer about `Synchronization.Mutex` under contention.
//
// The short way of taking and leaving a mutex is compiled into its users, where the sanitizer sees it. The long way, by
// futex(2), stands in the runtime, which is not instrumented: without this, what a contended mutex guards looks like a
// data race. These functions take the runtime's place when they are linked into an executable; they call it, and say
// what happened. This file itself is compiled without the sanitizer.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))
// `_MutexHandle._lockSlow(_:)`, which takes the thread's id, and `_MutexHandle._unlockSlow()`, by their mangled names.
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

static SWIFT void (*lock)(uint32_t, SELF void *);
static SWIFT void (*unlock)(SELF void *);

__attribute__((constructor)) static void find_runtime(void) {
  lock = dlsym(RTLD_NEXT, LOCK_SLOW);
  unlock = dlsym(RTLD_NEXT, UNLOCK_SLOW);
  if (lock == NULL || unlock == NULL) abort();
}

SWIFT void lock_slow(uint32_t thread, SELF void *mutex) __asm__(LOCK_SLOW);
SWIFT void lock_slow(uint32_t thread, SELF void *mutex) {
  lock(thread, mutex);
  __tsan_acquire(mutex);
}

SWIFT void unlock_slow(SELF void *mutex) __asm__(UNLOCK_SLOW);
SWIFT void unlock_slow(SELF void *mutex) {
  __tsan_release(mutex);
  unlock(mutex);
}
