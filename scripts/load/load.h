// A load generator of one thread: WebSocket clients and readers of server-sent events on loopback.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { opcode_text = 1, opcode_binary = 2, opcode_close = 8, opcode_ping = 9, opcode_pong = 10 };

// A connection. It is a WebSocket, or a GET whose answer is server-sent events.
struct connection {
  int descriptor;
  unsigned index;
  bool is_socket, is_open, is_deflated;
  // Bytes that came and are no whole frame, chunk or event yet.
  struct bytes {
    unsigned char *start;
    size_t count, capacity;
  } held, event;
  // The decoder of the chunked answer: bytes that the chunk still has; whether a size line is next.
  struct chunks {
    bool is_chunked, wants_size;
    size_t left;
  } chunks;
  uint64_t sent_at;   // nanoseconds
  unsigned received;  // numbered events
  bool is_probed;     // has seen an event, so it is subscribed
};

struct options {
  const char *mode, *path, *socket_path;
  int port, server, model;  // of the last two the processes, 0 for none
  unsigned connections, size, events, window;
  double seconds;
  bool deflate, ends_with_close;
};

// What a mode does with a message; the text is valid during the call only.
typedef void message_handler(struct connection *connection, const unsigned char *text, size_t size);

// main.c
extern struct options options;
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t now(void);

// report.c
void begin_report(void);
void count_latency(uint64_t nanoseconds);
void end_report(uint64_t messages, uint64_t bytes);

// connections.c
extern struct connection *connections;
void open_connections(unsigned count);
bool poll_connections(message_handler *handler, int timeout);
void watch_input(void);
void write_all(struct connection *connection, const void *bytes, size_t size);
void append(struct bytes *bytes, const unsigned char *more, size_t size);
void drop_front(struct bytes *bytes, size_t size);

// websocket.c
size_t make_frame(unsigned char *frame, unsigned opcode, const unsigned char *payload, size_t size, bool deflate);
size_t take_frames(struct connection *connection, const unsigned char *start, size_t size, message_handler *handler);

// events.c
size_t take_chunks(struct connection *connection, const unsigned char *start, size_t size, message_handler *handler);

// modes.c
void run_echo(void);
void run_fanout(void);
void run_idle(void);

// agent.c
void run_agent(void);
// terminal.c
void run_terminal(void);
void run_pty(void);
