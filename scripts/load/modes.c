// What the connections do, once all are open.
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { frame_room = (1 << 20) + 64, longest_text = 65536, silence_seconds = 20 };

static const char filler[] = "{\"event\":\"code_changed\",\"path\":\"agents.py\",\"line\":42} ";
static uint64_t messages, bytes, last_progress;
static bool is_counting;

// A text of the wanted size that begins with a word and a number.
static void make_text(unsigned char *text, const char *word, unsigned number) {
  char start[32];
  int size = snprintf(start, sizeof start, "%s#%08u ", word, number);
  for (unsigned index = 0; index < options.size; index++) {
    text[index] = index < (unsigned)size ? (unsigned char)start[index]
                                         : (unsigned char)filler[index % (sizeof filler - 1)];
  }
}

static void check_progress(void) {
  if (now() - last_progress > silence_seconds * 1000000000ull) fail("nothing came for %d s", silence_seconds);
}

// Echo: every connection has one message under way.

static struct {
  unsigned char *text, *frame;
  size_t frame_size;
} *echoes;

static void send_echo(struct connection *connection) {
  connection->sent_at = now();
  write_all(connection, echoes[connection->index].frame, echoes[connection->index].frame_size);
}

static void take_echo(struct connection *connection, const unsigned char *text, size_t size) {
  if (size != options.size || memcmp(text, echoes[connection->index].text, size) != 0) {
    fail("connection %u got back %zu other bytes: %.*s", connection->index, size, (int)(size < 80 ? size : 80), text);
  }
  last_progress = now();
  if (is_counting) {
    messages += 1;
    bytes += size;
    count_latency(last_progress - connection->sent_at);
  }
  send_echo(connection);
}

void run_echo(void) {
  open_connections(options.connections);
  unsigned char *frame = malloc(frame_room);
  echoes = calloc(options.connections, sizeof *echoes);
  if (!frame || !echoes) fail("there is no memory for the messages");
  for (unsigned index = 0; index < options.connections; index++) {
    echoes[index].text = malloc(options.size);
    make_text(echoes[index].text, "echo", index);
    size_t size = make_frame(frame, opcode_text, echoes[index].text, options.size, options.deflate);
    echoes[index].frame = malloc(size);
    echoes[index].frame_size = size;
    memcpy(echoes[index].frame, frame, size);
  }
  last_progress = now();
  for (unsigned index = 0; index < options.connections; index++) send_echo(&connections[index]);
  // A twentieth of the time warms up the connections, and is not counted.
  uint64_t span = (uint64_t)(options.seconds * 1e9), begins = now() + span / 20, ends = begins + span;
  while (now() < ends) {
    if (!is_counting && now() >= begins) {
      is_counting = true;
      begin_report();
    }
    poll_connections(take_echo, 100);
    check_progress();
  }
  end_report(messages, bytes);
}

// Fan-out: connection 0 sends numbered events; every connection but it, when the others read server-sent events,
// must get each of them once and in order.

static unsigned subscribers, first_subscriber, probed, sent, delivered_to_all;
static unsigned *arrivals;   // of each event, how many subscribers have it
static uint64_t *departures;

static void send_event(const char *word, unsigned number) {
  static unsigned char text[longest_text], *frame;
  if (!frame && !(frame = malloc(frame_room))) fail("there is no memory for a frame");
  make_text(text, word, number);
  write_all(&connections[0], frame, make_frame(frame, opcode_text, text, options.size, options.deflate));
}

static void take_event(struct connection *connection, const unsigned char *text, size_t size) {
  if (connection->index < first_subscriber) return;
  last_progress = now();
  if (memmem(text, size, "probe#", 6)) {
    probed += !connection->is_probed;
    connection->is_probed = true;
    return;
  }
  static char wanted[32];
  static unsigned wanted_number = UINT_MAX;
  if (wanted_number != connection->received) {  // most deliveries in a row are of one event
    wanted_number = connection->received;
    snprintf(wanted, sizeof wanted, "event#%08u ", wanted_number);
  }
  if (!memmem(text, size, wanted, strlen(wanted))) {
    fail("subscriber %u wanted '%s', found: %.*s", connection->index, wanted, (int)(size < 160 ? size : 160), text);
  }
  bytes += size;
  messages += 1;
  unsigned number = connection->received++;
  if (number >= sent) fail("event %u came before it was sent", number);
  if (++arrivals[number] == subscribers) {
    count_latency(last_progress - departures[number]);
    delivered_to_all += 1;
  }
}

// Sends probes until every subscriber has seen one: after that none can miss an event.
static void await_subscribers(void) {
  uint64_t next = 0;
  for (unsigned number = 0; probed < subscribers;) {
    if (now() >= next) {
      send_event("probe", number++);
      next = now() + 200000000;
    }
    poll_connections(take_event, 50);
    check_progress();
  }
}

void run_fanout(void) {
  bool is_sse = strcmp(options.mode, "sse") == 0;
  first_subscriber = is_sse ? 1 : 0;
  subscribers = options.connections;
  open_connections(subscribers + first_subscriber);
  arrivals = calloc(options.events, sizeof *arrivals);
  departures = calloc(options.events, sizeof *departures);
  if (!arrivals || !departures) fail("there is no memory for %u events", options.events);
  last_progress = now();
  await_subscribers();
  begin_report();
  // By count or by time, whatever ends first; events under way are waited for.
  uint64_t ends = now() + (uint64_t)(options.seconds * 1e9);
  for (bool is_sending = true; is_sending || delivered_to_all < sent;) {
    is_sending = is_sending && sent < options.events && now() < ends;
    while (is_sending && sent < options.events && sent - delivered_to_all < options.window) {
      departures[sent] = now();
      send_event("event", sent++);
    }
    if (delivered_to_all < sent) poll_connections(take_event, 100);
    check_progress();
  }
  end_report(messages, bytes);
}

// Idle: holds the connections until standard input ends; pings are answered where frames are taken.

static void refuse(struct connection *connection, const unsigned char *text, size_t size) {
  fail("connection %u is idle, but got: %.*s", connection->index, (int)(size < 160 ? size : 160), text);
}

void run_idle(void) {
  open_connections(options.connections);
  watch_input();
  puts("READY");
  fflush(stdout);
  while (poll_connections(refuse, -1)) {
  }
}
