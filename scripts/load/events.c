// The chunked transfer coding (RFC 9112 section 7.1), and the events in it.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "load.h"

// Takes the whole events in the text that has come; a block without data is a comment or a field alone.
static void take_events(struct connection *connection, message_handler *handler) {
  struct bytes *text = &connection->event;
  size_t taken = 0;
  while (taken < text->count) {
    const unsigned char *block = text->start + taken;
    const unsigned char *end = memmem(block, text->count - taken, "\n\n", 2);
    if (!end) break;
    size_t size = (size_t)(end - block) + 1;
    const unsigned char *data = memmem(block, size, "data:", 5);
    if (data && (data == block || data[-1] == '\n')) {
      handler(connection, data + 5, size - 5 - (size_t)(data - block));
    }
    taken += size + 1;
  }
  drop_front(text, taken);
}

// Takes what can be decoded of the bytes, and says how many bytes that was.
size_t take_chunks(struct connection *connection, const unsigned char *start, size_t size, message_handler *handler) {
  struct chunks *chunks = &connection->chunks;
  size_t taken = 0;
  if (!chunks->is_chunked) {
    append(&connection->event, start, size);
    taken = size;
  }
  while (taken < size) {
    if (chunks->wants_size) {
      // While a size is wanted, left is what the CRLF of the chunk before still has.
      const unsigned char *line = start + taken;
      size_t skipped = chunks->left;
      if (size - taken <= skipped) break;
      const unsigned char *end = memmem(line + skipped, size - taken - skipped, "\r\n", 2);
      if (!end) break;
      char *stop;
      size_t length = strtoul((const char *)line + skipped, &stop, 16);
      if (stop == (const char *)line + skipped) fail("a chunk has no size");
      if (length == 0) fail("the server ended stream %u", connection->index);
      taken += (size_t)(end - line) + 2;
      chunks->left = length;
      chunks->wants_size = false;
    }
    size_t part = size - taken < chunks->left ? size - taken : chunks->left;
    append(&connection->event, start + taken, part);
    taken += part;
    chunks->left -= part;
    if (chunks->left == 0) {
      chunks->wants_size = true;
      chunks->left = 2;  // the CRLF that ends the chunk
    }
  }
  take_events(connection, handler);
  return taken;
}
