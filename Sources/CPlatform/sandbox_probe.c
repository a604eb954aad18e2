#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a machine offers, found out by a spawn without a program: the step that fails says what to leave out. */

static const char *const feature_names[] = {
    "user-namespace", "private-root", "pid-namespace", "network-namespace", "ipc-namespace", "uts-namespace",
    "cgroup-namespace", "own-proc", "landlock", "seccomp", "unprivileged-user", "memory-group", "process-group",
    "rlimits"};

const char *cplatform_sandbox_feature_name(uint32_t feature) {
    for (size_t i = 0; i < sizeof feature_names / sizeof *feature_names; i++)
        if (feature == 1u << i) return feature_names[i];
    return "unknown";
}

const char *cplatform_sandbox_step_name(int step) {
    static const char *const names[CPLATFORM_SANDBOX_STEP_COUNT] = {
        [CPLATFORM_SANDBOX_POLICY] = "keep the policy",
        [CPLATFORM_SANDBOX_PIPE] = "make its pipes",
        [CPLATFORM_SANDBOX_GROUP] = "make its control group",
        [CPLATFORM_SANDBOX_CLONE] = "make its process and namespaces",
        [CPLATFORM_SANDBOX_START] = "have it started in time",
        [CPLATFORM_SANDBOX_IDENTITY] = "map its user",
        [CPLATFORM_SANDBOX_HOSTNAME] = "set its host name",
        [CPLATFORM_SANDBOX_LOOPBACK] = "raise its loopback interface",
        [CPLATFORM_SANDBOX_MOUNT] = "mount its root",
        [CPLATFORM_SANDBOX_PROC] = "mount its /proc",
        [CPLATFORM_SANDBOX_BIND] = "show it a folder of the host",
        [CPLATFORM_SANDBOX_PIVOT] = "enter its root",
        [CPLATFORM_SANDBOX_FILES] = "make its files",
        [CPLATFORM_SANDBOX_TERMINAL] = "open its terminal",
        [CPLATFORM_SANDBOX_SUPERVISOR] = "set up its supervisor",
        [CPLATFORM_SANDBOX_FORK] = "make its first process",
        [CPLATFORM_SANDBOX_SESSION] = "make its session",
        [CPLATFORM_SANDBOX_STDIO] = "set its standard streams",
        [CPLATFORM_SANDBOX_PRIVILEGES] = "give up new privileges",
        [CPLATFORM_SANDBOX_LIMITS] = "set its limits",
        [CPLATFORM_SANDBOX_LANDLOCK] = "restrict its files",
        [CPLATFORM_SANDBOX_USER] = "drop its privileges",
        [CPLATFORM_SANDBOX_DIRECTORY] = "enter its folder",
        [CPLATFORM_SANDBOX_FILTER] = "filter its system calls",
        [CPLATFORM_SANDBOX_EXEC] = "execute it",
    };
    return step > 0 && step < CPLATFORM_SANDBOX_STEP_COUNT ? names[step] : "start it";
}

enum {
    OWN_UID = 200000,                   /* one of those that a program gets where its uid tells it from others */
    NAMESPACES = CPLATFORM_USER_NAMESPACE | CPLATFORM_PRIVATE_ROOT | CPLATFORM_PID_NAMESPACE
        | CPLATFORM_NETWORK_NAMESPACE | CPLATFORM_IPC_NAMESPACE | CPLATFORM_UTS_NAMESPACE | CPLATFORM_CGROUP_NAMESPACE,
};

static int try(uint32_t features, const char *folder, int *step) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct cplatform_sandbox policy = {
        .features = features, .stdio = {null, null, null}, .work_bytes = 1 << 20, .work_files = 64,
        .work_folder = features & CPLATFORM_PRIVATE_ROOT ? NULL : folder,
        .uid = features & CPLATFORM_PID_NAMESPACE ? 0 : OWN_UID};
    struct cplatform_sandboxed child;
    struct cplatform_sandbox_result result;
    int error = null < 0 ? errno : cplatform_sandbox_spawn(&policy, &child, step);
    if (null >= 0) close(null);
    if (error != 0) return error;
    error = cplatform_sandbox_finish(&child, &result);
    *step = CPLATFORM_SANDBOX_EXEC;
    if (error == 0 && (result.was_signalled || result.code != 0)) error = ECANCELED;
    return error;
}

/* The flags are tried one by one, since the kernel does not say which of them it does not like. */
static uint32_t single_namespaces(uint32_t wanted, const char *folder) {
    uint32_t found = wanted & ~(uint32_t)(NAMESPACES | CPLATFORM_OWN_PROC), with = 0;
    int step;
    if (wanted & CPLATFORM_USER_NAMESPACE && try(CPLATFORM_USER_NAMESPACE, folder, &step) == 0)
        with = CPLATFORM_USER_NAMESPACE;
    found |= with;
    for (uint32_t feature = CPLATFORM_PRIVATE_ROOT; feature <= CPLATFORM_CGROUP_NAMESPACE; feature <<= 1)
        if (wanted & feature && try(with | feature, folder, &step) == 0) found |= feature;
    uint32_t both = CPLATFORM_PRIVATE_ROOT | CPLATFORM_PID_NAMESPACE;
    if ((found & both) == both) found |= wanted & CPLATFORM_OWN_PROC;
    return found;
}

/* What cannot be had when this step fails. */
static uint32_t lost_with(int step) {
    switch (step) {
    case CPLATFORM_SANDBOX_HOSTNAME: return CPLATFORM_UTS_NAMESPACE;
    case CPLATFORM_SANDBOX_LOOPBACK: return CPLATFORM_NETWORK_NAMESPACE;
    case CPLATFORM_SANDBOX_MOUNT: case CPLATFORM_SANDBOX_BIND: case CPLATFORM_SANDBOX_PIVOT:
        return CPLATFORM_PRIVATE_ROOT | CPLATFORM_OWN_PROC;
    case CPLATFORM_SANDBOX_PROC: return CPLATFORM_OWN_PROC;
    case CPLATFORM_SANDBOX_LANDLOCK: return CPLATFORM_LANDLOCK;
    case CPLATFORM_SANDBOX_FILTER: return CPLATFORM_SECCOMP;
    case CPLATFORM_SANDBOX_USER: return CPLATFORM_UNPRIVILEGED_USER;
    case CPLATFORM_SANDBOX_GROUP: return CPLATFORM_MEMORY_GROUP | CPLATFORM_PROCESS_GROUP;
    case CPLATFORM_SANDBOX_IDENTITY: return CPLATFORM_USER_NAMESPACE;
    default: return 0;
    }
}

int cplatform_sandbox_probe(int groups, uint32_t *features) {
    char path[4096];
    /* Without one, only what has a private root can be tried. */
    const char *folder = cplatform_make_temporary_folder(path) == 0 ? path : NULL;
    uint32_t wanted = CPLATFORM_SANDBOX_FEATURES & ~(uint32_t)(CPLATFORM_MEMORY_GROUP | CPLATFORM_PROCESS_GROUP);
    *features = CPLATFORM_RLIMITS;
    int error = 0, step = 0;
    /* First: where there is no such user, or no right to become it, other steps fail as well. */
    if (geteuid() != 0 || (folder && try(CPLATFORM_UNPRIVILEGED_USER | CPLATFORM_RLIMITS, folder, &step) != 0))
        wanted &= ~(uint32_t)CPLATFORM_UNPRIVILEGED_USER;
    if (cplatform_landlock_version() == 0) wanted &= ~(uint32_t)CPLATFORM_LANDLOCK;
    if (groups) wanted |= cplatform_find_groups();
    for (int turn = 0; turn < 12; turn++) {
        error = try(wanted, folder, &step);
        if (error == 0) break;
        uint32_t rest = step == CPLATFORM_SANDBOX_CLONE ? single_namespaces(wanted, folder) : wanted & ~lost_with(step);
        /* Nothing to leave out is known: all namespaces go, then there is no sandbox. */
        if (rest == wanted) rest = wanted & ~(uint32_t)(NAMESPACES | CPLATFORM_OWN_PROC);
        if (rest == wanted) break;
        wanted = rest;
    }
    if (folder) rmdir(folder);
    if (error == 0) *features = wanted;
    return error;
}
