// Times, latencies and processor seconds of one measurement.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "load.h"

enum { buckets = 4000000 };  // of a microsecond; what is longer counts as the last

static uint32_t latencies[buckets];
static uint64_t began;
static double server_before, own_before;

// Processor seconds of a process, all threads together.
static double processor_seconds(int process) {
  clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
  struct timespec time;
  if ((process && clock_getcpuclockid(process, &clock)) || clock_gettime(clock, &time)) {
    fail("process %d has no processor clock", process);
  }
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// Those of the load itself, the model's included.
static double load_seconds(void) { return processor_seconds(0) + (options.model ? processor_seconds(options.model) : 0); }

void begin_report(void) {
  memset(latencies, 0, sizeof latencies);
  server_before = options.server ? processor_seconds(options.server) : 0;
  own_before = load_seconds();
  began = now();
}

void count_latency(uint64_t nanoseconds) {
  uint64_t bucket = nanoseconds / 1000;
  latencies[bucket < buckets ? bucket : buckets - 1] += 1;
}

// The least number of microseconds that so large a part of the latencies does not exceed.
static unsigned percentile(double part) {
  uint64_t total = 0, seen = 0;
  for (unsigned bucket = 0; bucket < buckets; bucket++) total += latencies[bucket];
  for (unsigned bucket = 0; bucket < buckets; bucket++) {
    seen += latencies[bucket];
    if ((double)seen >= part * (double)total) return bucket;
  }
  return 0;
}

void end_report(uint64_t messages, uint64_t bytes) {
  double seconds = (double)(now() - began) / 1e9;
  double server = options.server ? processor_seconds(options.server) - server_before : 0;
  double own = load_seconds() - own_before;
  printf(
      "{\"messages\": %llu, \"seconds\": %.4f, \"rate\": %.1f, \"p50\": %u, \"p99\": %u, \"bytes\": %.1f, "
      "\"server_cpu\": %.4f, \"load_cpu\": %.4f}\n",
      (unsigned long long)messages, seconds, (double)messages / seconds, percentile(0.5), percentile(0.99),
      messages ? (double)bytes / (double)messages : 0, server, own);
}
