#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The supervisor is a copy of the daemon and needs none of its memory but the code, its variables and this stack. The
 * rest goes: the secrets in it, and the pages that the daemon would have to copy when it writes to its own. */

enum {
    MOST_RANGES = 4096,
    /* Smaller ones stay: they are not worth the call. The arenas of malloc and the stacks of threads are larger. What
     * the dynamic linker needs may be among them, so the executable is linked with -z now and does not need it. */
    SMALLEST = 128 * 1024,
};

struct range { uintptr_t from, to; };

static uintptr_t hexadecimal(const char **text) {
    uintptr_t value = 0;
    for (;; ++*text) {
        char digit = **text;
        if (digit >= '0' && digit <= '9') value = value * 16 + (uintptr_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f') value = value * 16 + (uintptr_t)(digit - 'a' + 10);
        else return value;
    }
}

/* A line "from-to rwxp offset device inode   name" of proc_pid_maps(5). Kept are files and what the kernel maps by
 * itself, the variables without a value, which follow their file without a gap, and what the thread that we are stands
 * on: its stack and what its thread pointer points to. */
static int is_needless(
    const char *line, struct range *range, uintptr_t *end_of_file, uintptr_t stack, uintptr_t thread) {
    range->from = hexadecimal(&line);
    line++;
    range->to = hexadecimal(&line);
    const char *name = line;
    for (int field = 0; field < 5 && *name; name++) field += *name == ' ' && name[1] != ' ';
    int is_anonymous = *name == 0 || strncmp(name, "[heap]", 6) == 0 || strncmp(name, "[anon", 5) == 0
        || strncmp(name, "[stack]", 7) == 0;
    if (!is_anonymous || range->from == *end_of_file) { *end_of_file = range->to; return 0; }
    if (range->to - range->from < SMALLEST) return 0;
    return !(range->from <= stack && stack < range->to) && !(range->from <= thread && thread < range->to);
}

void cplatform_shed_memory(void) {
    static struct range ranges[MOST_RANGES];
    static char text[4096 + 1];
    int count = 0, maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (maps < 0) return;
    uintptr_t end_of_file = 0, stack = (uintptr_t)__builtin_frame_address(0);
    uintptr_t thread = (uintptr_t)__builtin_thread_pointer();
    size_t length = 0;
    ssize_t more;
    while (count < MOST_RANGES && (more = read(maps, text + length, sizeof text - 1 - length)) > 0) {
        length += (size_t)more;
        text[length] = 0;
        char *line = text, *end;
        while (count < MOST_RANGES && (end = strchr(line, '\n'))) {
            *end = 0;
            if (is_needless(line, &ranges[count], &end_of_file, stack, thread)) count++;
            line = end + 1;
        }
        length -= (size_t)(line - text);
        memmove(text, line, length);
    }
    close(maps);
    for (int i = 0; i < count; i++) munmap((void *)ranges[i].from, ranges[i].to - ranges[i].from);
}
