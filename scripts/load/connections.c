// Connections to the server: opening them, a few at a time, and reading what comes.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

// Opening at once: less than a server's queue has room for. Sharing a source address: less than it has ports.
enum { opening_at_once = 64, sharing_address = 4000, opening_seconds = 120 };

struct connection *connections;
static int queue = -1;
static bool is_watching_input;
static unsigned opened;
static unsigned char input[256 << 10];

static void watch(struct connection *connection, int change, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u32 = connection->index};
  if (epoll_ctl(queue, change, connection->descriptor, &event)) fail("epoll_ctl: %s", strerror(errno));
}

// Standard input has the number that no connection has.
void watch_input(void) {
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
  if (epoll_ctl(queue, EPOLL_CTL_ADD, STDIN_FILENO, &event)) fail("standard input: %s", strerror(errno));
  is_watching_input = true;
}

void append(struct bytes *bytes, const unsigned char *more, size_t size) {
  if (bytes->count + size > bytes->capacity) {
    bytes->capacity = (bytes->count + size) * 2;
    bytes->start = realloc(bytes->start, bytes->capacity);
    if (!bytes->start) fail("there is no memory for %zu bytes", bytes->capacity);
  }
  if (size) memcpy(bytes->start + bytes->count, more, size);
  bytes->count += size;
}

void drop_front(struct bytes *bytes, size_t size) {
  bytes->count -= size;
  if (size && bytes->count) memmove(bytes->start, bytes->start + size, bytes->count);
}

// What is sent is small beside the socket's buffer, so a server that leaves no room for it has stopped reading.
void write_all(struct connection *connection, const void *bytes, size_t size) {
  ssize_t written = send(connection->descriptor, bytes, size, MSG_NOSIGNAL);
  if (written != (ssize_t)size) {
    fail("connection %u took %zd of %zu bytes: %s", connection->index, written, size, strerror(errno));
  }
}

static void begin_opening(struct connection *connection) {
  struct sockaddr_in source = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + connection->index / sharing_address)};
  struct sockaddr_in server = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)options.port)};
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  if (descriptor < 0) fail("socket %u: %s", connection->index, strerror(errno));
  connection->descriptor = descriptor;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  if (bind(descriptor, (struct sockaddr *)&source, sizeof source)) fail("bind: %s", strerror(errno));
  if (connect(descriptor, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
    fail("connect: %s", strerror(errno));
  }
  watch(connection, EPOLL_CTL_ADD, EPOLLOUT);
}

// The key and its answer are those of RFC 6455 section 1.3.
static void send_request(struct connection *connection) {
  char request[1024];
  int error = 0, size;
  socklen_t length = sizeof error;
  if (getsockopt(connection->descriptor, SOL_SOCKET, SO_ERROR, &error, &length) || error) {
    fail("connection %u: %s", connection->index, strerror(error));
  }
  const char *path = connection->index == 0 && strcmp(options.mode, "sse") == 0 ? options.socket_path : options.path;
  if (connection->is_socket) {
    size = snprintf(
        request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
        path, options.port,
        options.deflate ? "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                          "client_no_context_takeover\r\n"
                        : "");
  } else {
    size = snprintf(
        request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n", path,
        options.port);
  }
  if (size >= (int)sizeof request) fail("the path is too long");
  write_all(connection, request, (size_t)size);
  watch(connection, EPOLL_CTL_MOD, EPOLLIN);
}

// Whether the head has a text, in any case; the head ends in NUL.
static bool has(const char *head, const char *text) { return strcasestr(head, text) != NULL; }

// Takes the head of the answer, and says how many bytes it was; 0 when it is not whole.
static size_t take_head(struct connection *connection, const unsigned char *start, size_t size) {
  static char head[16 << 10];
  const unsigned char *end = memmem(start, size, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t length = (size_t)(end - start) + 4;
  if (length >= sizeof head) fail("the head of an answer has %zu bytes", length);
  memcpy(head, start, length);
  head[length] = 0;
  bool is_right = connection->is_socket
                      ? strncmp(head, "HTTP/1.1 101", 12) == 0 && strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
                      : strncmp(head, "HTTP/1.1 200", 12) == 0 && has(head, "text/event-stream");
  if (!is_right) fail("connection %u was answered by\n%s", connection->index, head);
  connection->is_deflated = connection->is_socket && has(head, "permessage-deflate");
  if (connection->is_socket && connection->is_deflated != options.deflate) {
    fail("compression was %s, but the server answered\n%s", options.deflate ? "offered" : "not offered", head);
  }
  connection->chunks = (struct chunks){.is_chunked = has(head, "\r\ntransfer-encoding: chunked"), .wants_size = true};
  connection->is_open = true;
  opened += 1;
  return length;
}

static size_t take(
    struct connection *connection, const unsigned char *start, size_t size, message_handler *handler) {
  size_t head = 0;
  if (!connection->is_open && !(head = take_head(connection, start, size))) return 0;
  return head + (connection->is_socket ? take_frames(connection, start + head, size - head, handler)
                                       : take_chunks(connection, start + head, size - head, handler));
}

static void read_some(struct connection *connection, message_handler *handler) {
  ssize_t size = recv(connection->descriptor, input, sizeof input, 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) fail("connection %u ended: %s", connection->index, size ? strerror(errno) : "end of stream");
  struct bytes *held = &connection->held;
  if (held->count == 0) {
    size_t taken = take(connection, input, (size_t)size, handler);
    append(held, input + taken, (size_t)size - taken);
  } else {
    append(held, input, (size_t)size);
    drop_front(held, take(connection, held->start, held->count, handler));
  }
}

// Waits for something to read, at most so many milliseconds; false when standard input, if it is watched, has ended.
bool poll_connections(message_handler *handler, int timeout) {
  struct epoll_event events[256];
  int count = epoll_wait(queue, events, 256, timeout);
  if (count < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
  for (int index = 0; index < count; index++) {
    if (events[index].data.u32 == UINT32_MAX) {
      if (read(STDIN_FILENO, input, sizeof input) <= 0) return false;
      continue;
    }
    struct connection *connection = &connections[events[index].data.u32];
    if (events[index].events & EPOLLOUT) {
      send_request(connection);
    } else {
      read_some(connection, handler);
    }
  }
  return true;
}

static void ignore(struct connection *connection, const unsigned char *text, size_t size) {
  (void)connection, (void)text, (void)size;
}

void open_connections(unsigned count) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) fail("getrlimit: %s", strerror(errno));
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < count + 16) {
    fail("%u connections want as many descriptors, but the limit is %llu", count, (unsigned long long)limit.rlim_max);
  }
  connections = calloc(count, sizeof *connections);
  queue = epoll_create1(EPOLL_CLOEXEC);
  if (!connections || queue < 0) fail("epoll_create1: %s", strerror(errno));
  uint64_t deadline = now() + opening_seconds * 1000000000ull;
  for (unsigned begun = 0; opened < count;) {
    while (begun < count && begun - opened < opening_at_once) {
      connections[begun] = (struct connection){
          .index = begun, .is_socket = begun == 0 || strcmp(options.mode, "sse") != 0};
      begin_opening(&connections[begun]);
      begun += 1;
    }
    poll_connections(ignore, 1000);
    if (now() > deadline) fail("%u of %u connections were open after %d s", opened, count, opening_seconds);
  }
}
