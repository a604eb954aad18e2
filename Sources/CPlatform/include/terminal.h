#pragma once
#include <stdint.h>
#include <sys/types.h>

/* Opens a new terminal of the given size, see pty(7); a size of 0 stays unset. Both sides are closed at exec. Neither
 * becomes our controlling terminal. Returns 0 or an errno. */
int cplatform_open_terminal(uint16_t columns, uint16_t rows, int *primary, int *secondary);

/* Sets the size; the programs in the foreground get SIGWINCH. 0 or an errno. */
int cplatform_resize_terminal(int primary, uint16_t columns, uint16_t rows);

/* The process group in the foreground, as a number of our own PID namespace, or 0 when there is none. */
pid_t cplatform_terminal_foreground(int primary);

/* Sends a signal to the process group in the foreground. 0 or an errno. */
int cplatform_signal_terminal(int primary, int signal_number);
