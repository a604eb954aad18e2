// The command line: load MODE --port N --path P ...; figures are one line of JSON on standard output.
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load.h"

struct options options = {
    .path = "/ws/echo", .socket_path = "/ws/fanout", .connections = 32, .size = 64, .events = 500, .window = 1,
    .seconds = 4};

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("load: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static unsigned number(const char *text, unsigned least, unsigned most) {
  char *end;
  unsigned long value = strtoul(text, &end, 10);
  if (*text == 0 || *end != 0 || value < least || value > most) {
    fail("wanted a number from %u to %u, found '%s'", least, most, text);
  }
  return (unsigned)value;
}

static const char usage[] =
    "usage: load echo|fanout|sse|idle|agent|terminal|pty --port N [--path P] [--socket-path P] [--server PID]\n"
    "            [--connections N]\n"
    "            [--size BYTES] [--seconds S] [--events N] [--window N] [--deflate]\n";

int main(int count, char **words) {
  static const struct option known[] = {
      {"port", 1, 0, 'p'},   {"path", 1, 0, 'a'},    {"socket-path", 1, 0, 'k'}, {"server", 1, 0, 'r'},
      {"size", 1, 0, 'b'},   {"seconds", 1, 0, 's'}, {"connections", 1, 0, 'c'}, {"events", 1, 0, 'e'},
      {"window", 1, 0, 'w'}, {"deflate", 0, 0, 'd'}, {0, 0, 0, 0}};
  for (int letter; (letter = getopt_long(count, words, "", known, NULL)) != -1;) {
    switch (letter) {
      case 'p': options.port = (int)number(optarg, 1, 65535); break;
      case 'a': options.path = optarg; break;
      case 'k': options.socket_path = optarg; break;
      case 'r': options.server = (int)number(optarg, 1, 1u << 30); break;
      case 'b': options.size = number(optarg, 32, 65536); break;
      case 's': options.seconds = number(optarg, 1, 3600); break;
      case 'c': options.connections = number(optarg, 1, 100000); break;
      case 'e': options.events = number(optarg, 1, 10000000); break;
      case 'w': options.window = number(optarg, 1, 256); break;
      case 'd': options.deflate = true; break;
      default: fputs(usage, stderr); return 2;
    }
  }
  // The agents' readers are told the port when the daemon, which is told the model's, has one.
  if (optind + 1 != count || (options.port == 0 && strcmp(words[optind], "agent") != 0)) {
    fputs(usage, stderr);
    return 2;
  }
  options.mode = words[optind];
  signal(SIGPIPE, SIG_IGN);
  if (strcmp(options.mode, "echo") == 0) {
    run_echo();
  } else if (strcmp(options.mode, "fanout") == 0 || strcmp(options.mode, "sse") == 0) {
    run_fanout();
  } else if (strcmp(options.mode, "idle") == 0) {
    run_idle();
  } else if (strcmp(options.mode, "agent") == 0) {
    run_agent();
  } else if (strcmp(options.mode, "terminal") == 0) {
    run_terminal();
  } else if (strcmp(options.mode, "pty") == 0) {
    run_pty();
  } else {
    fail("there is no mode '%s'", options.mode);
  }
  return 0;
}
