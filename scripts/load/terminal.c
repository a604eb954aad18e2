// The output of a program on a terminal: bare, and over the daemon's WebSocket. The program waits for a line first.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

enum { silence_seconds = 20 };

static uint64_t bytes;
static bool has_ended;

static void take_output(struct connection *connection, const unsigned char *text, size_t size) {
  static const char status[] = "{\"type\":\"status\"";
  (void)connection;
  if (size < sizeof status || memcmp(text, status, sizeof status - 1) != 0) {
    bytes += size;
  } else if (memmem(text, size, "\"exited\"", 8)) {
    has_ended = true;
  }
}

// A viewer in binary mode: types a line, and counts what comes until the program has ended.
void run_terminal(void) {
  unsigned char frame[128];
  uint64_t last = now(), seen = 0;
  options.ends_with_close = true;
  open_connections(1);
  begin_report();
  write_all(connections, frame, make_frame(frame, opcode_binary, (const unsigned char *)"\n", 1, false));
  while (!has_ended) {
    poll_connections(take_output, 1000);
    if (bytes != seen) last = now();
    seen = bytes;
    if (now() - last > silence_seconds * 1000000000ull) fail("nothing came for %d s", silence_seconds);
  }
  end_report(1, bytes);
}

// The same program on a terminal of our own, whose output is read and dropped.
void run_pty(void) {
  static unsigned char input[64 << 10];
  struct winsize size = {.ws_row = 24, .ws_col = 80};
  int primary;
  pid_t child = forkpty(&primary, NULL, NULL, &size);
  if (child < 0) fail("forkpty: %s", strerror(errno));
  if (child == 0) {
    execl("/bin/sh", "/bin/sh", "-c", options.path, (char *)NULL);
    _exit(127);
  }
  begin_report();
  if (write(primary, "\n", 1) != 1) fail("write: %s", strerror(errno));
  for (;;) {
    ssize_t count = read(primary, input, sizeof input);
    // EIO: the program has ended.
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    bytes += (uint64_t)count;
  }
  end_report(1, bytes);
  waitpid(child, NULL, 0);
}
