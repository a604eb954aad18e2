// Agents: a model that streams words stamped with the time at which they leave, to whoever asks, and WebSockets that
// follow the conversations and see how old each word is. The model is a process of its own; the clock is the same.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { most_streams = 4096, request_room = 1 << 20, silence_seconds = 30 };

// The model.

struct stream {
  char *request;  // what has come of it
  size_t count;
  uint64_t next, ends;  // when the next word leaves, and when the last has; 0 while nobody has asked
  unsigned number;
};

static struct stream *streams[most_streams];  // by descriptor
static unsigned answers;

static void send_text(int descriptor, const char *text, size_t size) {
  if (send(descriptor, text, size, MSG_NOSIGNAL) != (ssize_t)size) fail("the daemon takes no words: %s", strerror(errno));
}

// One event as one chunk.
static void send_event(int descriptor, const char *type, const char *members) {
  char event[2048], chunk[2100];
  int size = snprintf(event, sizeof event, "event: %s\ndata: {\"type\":\"%s\",%s}\n\n", type, type, members);
  int whole = snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", size, event);
  if (whole >= (int)sizeof chunk) fail("an event is too long");
  send_text(descriptor, chunk, (size_t)whole);
}

static void begin_answer(int descriptor, struct stream *stream, const char *rest, size_t size) {
  static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
  char members[512];
  stream->number = answers++;
  memmove(stream->request, rest, size);
  stream->count = size;
  send_text(descriptor, head, sizeof head - 1);
  send_event(
      descriptor, "response.created",
      "\"response\":{\"id\":\"resp\",\"object\":\"response\",\"model\":\"gpt-5\",\"status\":\"in_progress\",\"output\":[]}");
  snprintf(
      members, sizeof members,
      "\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"msg_%u\",\"role\":\"assistant\",\"status\":"
      "\"in_progress\",\"content\":[]}",
      stream->number);
  send_event(descriptor, "response.output_item.added", members);
  // Not all at the same moment.
  uint64_t interval = 1000000000ull / options.events;
  stream->next = now() + interval + interval * (stream->number % 97) / 97;
  stream->ends = stream->next + (uint64_t)(options.seconds * 1e9);
}

static void end_answer(int descriptor, struct stream *stream) {
  char item[512], members[1024];
  snprintf(
      item, sizeof item,
      "{\"type\":\"message\",\"id\":\"msg_%u\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":"
      "\"output_text\",\"text\":\"done\",\"annotations\":[]}]}",
      stream->number);
  snprintf(members, sizeof members, "\"output_index\":0,\"item\":%s", item);
  send_event(descriptor, "response.output_item.done", members);
  snprintf(
      members, sizeof members,
      "\"response\":{\"id\":\"resp\",\"object\":\"response\",\"model\":\"gpt-5\",\"status\":\"completed\",\"output\":[%s],"
      "\"usage\":{\"input_tokens\":10,\"output_tokens\":10,\"total_tokens\":20}}",
      item);
  send_event(descriptor, "response.completed", members);
  send_text(descriptor, "0\r\n\r\n", 5);
  stream->next = 0;
}

// Sends the words that are due; gives the nanoseconds until the next.
static uint64_t send_words(void) {
  uint64_t next = UINT64_MAX;
  for (int descriptor = 0; descriptor < most_streams; descriptor++) {
    struct stream *stream = streams[descriptor];
    if (!stream || !stream->next) continue;
    if (now() >= stream->next) {
      if (stream->next >= stream->ends) {
        end_answer(descriptor, stream);
        continue;
      }
      char members[256];
      stream->next += 1000000000ull / options.events;
      snprintf(
          members, sizeof members,
          "\"item_id\":\"msg_%u\",\"output_index\":0,\"content_index\":0,\"delta\":\"@%019llu words \"",
          stream->number, (unsigned long long)now());
      send_event(descriptor, "response.output_text.delta", members);
    }
    if (stream->next < next) next = stream->next;
  }
  uint64_t time = now();
  return next == UINT64_MAX ? 1000000000 : next <= time ? 0 : next - time;
}

// Takes what has come of a request, and answers it when it is whole.
static void take_request(int descriptor, struct stream *stream) {
  ssize_t size = recv(descriptor, stream->request + stream->count, request_room - stream->count - 1, 0);
  if (size <= 0) {
    close(descriptor);
    free(stream->request);
    free(stream);
    streams[descriptor] = NULL;
    return;
  }
  stream->count += (size_t)size;
  stream->request[stream->count] = 0;
  char *end = strstr(stream->request, "\r\n\r\n"), *length = strcasestr(stream->request, "\r\ncontent-length:");
  if (!end || !length || length > end) return;
  size_t whole = (size_t)(end - stream->request) + 4 + strtoul(length + 17, NULL, 10);
  if (whole >= request_room) fail("a request has %zu bytes", whole);
  if (stream->count >= whole) begin_answer(descriptor, stream, stream->request + whole, stream->count - whole);
}

static _Noreturn void run_model(int listener) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int queue = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event watched = {.events = EPOLLIN, .data.fd = listener}, found[256];
  if (queue < 0 || epoll_ctl(queue, EPOLL_CTL_ADD, listener, &watched)) fail("epoll: %s", strerror(errno));
  for (;;) {
    // To the nanosecond: a model that looked all the time would take the processor from those who are measured.
    uint64_t left = send_words();
    struct timespec pause = {.tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000)};
    int count = epoll_pwait2(queue, found, 256, &pause, NULL);
    if (count < 0 && errno != EINTR) fail("epoll_pwait2: %s", strerror(errno));
    for (int index = 0; index < count; index++) {
      int descriptor = found[index].data.fd, one = 1;
      if (descriptor != listener) {
        take_request(descriptor, streams[descriptor]);
        continue;
      }
      descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
      if (descriptor < 0 || descriptor >= most_streams) fail("accept: %s", strerror(errno));
      setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      struct stream *stream = streams[descriptor] = calloc(1, sizeof *stream);
      if (!stream || !(stream->request = malloc(request_room))) fail("there is no memory for a request");
      watched.data.fd = descriptor;
      if (epoll_ctl(queue, EPOLL_CTL_ADD, descriptor, &watched)) fail("epoll_ctl: %s", strerror(errno));
    }
  }
}

// The readers.

static unsigned subscribed, speaking, completed;
static uint64_t words, bytes, last_progress;

static void take_event(struct connection *connection, const unsigned char *text, size_t size) {
  last_progress = now();
  const unsigned char *stamp = memmem(text, size, "\"delta\":\"@", 10);
  if (stamp) {
    speaking += !connection->is_probed;
    if (!connection->is_probed && speaking == options.connections) {
      begin_report();  // all speak: what was before is warming up
      words = bytes = 0;
    }
    connection->is_probed = true;
    words += 1;
    bytes += size;
    count_latency(last_progress - strtoull((const char *)stamp + 10, NULL, 10));
  } else if (memmem(text, size, "\"subscribed\"", 12)) {
    subscribed += 1;
  } else if (memmem(text, size, "\"message.completed\"", 19)) {
    completed += 1;
  } else if (memmem(text, size, "\"message.failed\"", 16) || memmem(text, size, "\"type\":\"error\"", 14)) {
    fail("a conversation failed: %.*s", (int)(size < 300 ? size : 300), text);
  }
}

static void wait_for(const unsigned *count) {
  last_progress = now();
  while (*count < options.connections) {
    poll_connections(take_event, 1000);
    if (now() - last_progress > silence_seconds * 1000000000ull) {
      fail("nothing came for %d s: %u subscribed, %u speaking, %u completed", silence_seconds, subscribed, speaking,
           completed);
    }
  }
}

static void subscribe(struct connection *connection, const char *topic) {
  char text[256];
  unsigned char frame[512];
  int size = snprintf(text, sizeof text, "{\"type\":\"subscribe\",\"topic\":\"%s\"}", topic);
  write_all(connection, frame, make_frame(frame, opcode_text, (unsigned char *)text, (size_t)size, false));
}

// Says the model's port; takes the daemon's port and process, then a topic a line; says READY when all are followed.
void run_agent(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)
      || getsockname(listener, (struct sockaddr *)&address, &length)) {
    fail("listen: %s", strerror(errno));
  }
  options.model = fork();
  if (options.model < 0) fail("fork: %s", strerror(errno));
  if (options.model == 0) run_model(listener);
  close(listener);
  printf("PORT %d\n", ntohs(address.sin_port));
  fflush(stdout);
  char line[200];
  if (!fgets(line, sizeof line, stdin) || sscanf(line, "%d %d", &options.port, &options.server) != 2) {
    fail("wanted the daemon's port and process on standard input");
  }
  open_connections(options.connections);
  for (unsigned index = 0; index < options.connections; index++) {
    if (!fgets(line, sizeof line, stdin)) fail("wanted %u topics, found %u", options.connections, index);
    line[strcspn(line, "\n")] = 0;
    subscribe(&connections[index], line);
  }
  wait_for(&subscribed);
  puts("READY");
  fflush(stdout);
  wait_for(&completed);
  end_report(words, bytes);
  kill(options.model, SIGKILL);
}
