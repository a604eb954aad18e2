#define _GNU_SOURCE
#include "include/terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* posix_openpt(3) and its companions without their names and locks, so that they also serve between clone and exec:
 * TIOCGPTPEER opens the other side without a path, which may lead elsewhere in another mount namespace. */
int cplatform_open_terminal(uint16_t columns, uint16_t rows, int *primary, int *secondary) {
    int unlocked = 0, error = 0;
    *secondary = -1;
    *primary = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*primary < 0) return errno;
    if (ioctl(*primary, TIOCSPTLCK, &unlocked) != 0) {
        error = errno;
    } else {
        *secondary = ioctl(*primary, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (*secondary < 0) error = errno;
    }
    if (error == 0 && columns > 0 && rows > 0) error = cplatform_resize_terminal(*primary, columns, rows);
    if (error == 0) return 0;
    if (*secondary >= 0) close(*secondary);
    close(*primary);
    *primary = *secondary = -1;
    return error;
}

int cplatform_resize_terminal(int primary, uint16_t columns, uint16_t rows) {
    struct winsize size = {.ws_col = columns, .ws_row = rows};
    return ioctl(primary, TIOCSWINSZ, &size) == 0 ? 0 : errno;
}

/* Asked on the primary side, the number is translated into the caller's namespace. 0 stands for a group that it does
 * not see, or none. */
pid_t cplatform_terminal_foreground(int primary) {
    pid_t group = 0;
    return ioctl(primary, TIOCGPGRP, &group) == 0 && group > 0 ? group : 0;
}

/* TIOCSIG only takes the signals of the keyboard on some kernels, and needs no permission to signal: see ioctl_tty(2).
 * */
int cplatform_signal_terminal(int primary, int signal_number) {
    return ioctl(primary, TIOCSIG, signal_number) == 0 ? 0 : errno;
}
