// Frames of RFC 6455, and permessage-deflate (RFC 7692) without context takeover.
#include <string.h>
#include <zlib.h>

#include "load.h"

enum { longest_message = 1 << 20 };

static z_stream deflater, inflater;
static unsigned char inflated[longest_message];

// What stands in front of a payload of the longest kind: 2 bytes, 8 of length, 4 of the masking key.
static size_t make_head(unsigned char *head, unsigned first, size_t size) {
  head[0] = (unsigned char)first;
  if (size < 126) {
    head[1] = (unsigned char)(0x80 | size);
    return 2;
  }
  if (size < 65536) {
    head[1] = 0x80 | 126;
    head[2] = (unsigned char)(size >> 8);
    head[3] = (unsigned char)size;
    return 4;
  }
  head[1] = 0x80 | 127;
  for (unsigned index = 0; index < 8; index++) head[2 + index] = (unsigned char)((uint64_t)size >> (56 - 8 * index));
  return 10;
}

static size_t compress_message(unsigned char *output, const unsigned char *payload, size_t size) {
  if (!deflater.state && deflateInit2(&deflater, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    fail("zlib does not start");
  }
  deflateReset(&deflater);
  deflater.next_in = (unsigned char *)payload;
  deflater.avail_in = (unsigned)size;
  deflater.next_out = output;
  deflater.avail_out = longest_message;
  if (deflate(&deflater, Z_SYNC_FLUSH) != Z_OK || deflater.avail_in) fail("zlib does not compress %zu bytes", size);
  return longest_message - deflater.avail_out - 4;  // without the 00 00 FF FF of the flush
}

static size_t inflate_message(const unsigned char *payload, size_t size) {
  static unsigned char tail[4] = {0, 0, 0xFF, 0xFF};
  if (!inflater.state && inflateInit2(&inflater, -15) != Z_OK) fail("zlib does not start");
  inflateReset(&inflater);
  inflater.next_out = inflated;
  inflater.avail_out = longest_message;
  inflater.next_in = (unsigned char *)payload;
  inflater.avail_in = (unsigned)size;
  int first = inflate(&inflater, Z_SYNC_FLUSH);
  inflater.next_in = tail;
  inflater.avail_in = 4;
  int second = inflate(&inflater, Z_SYNC_FLUSH);
  if ((first != Z_OK && first != Z_BUF_ERROR) || (second != Z_OK && second != Z_BUF_ERROR)) {
    fail("a message of %zu bytes does not inflate", size);
  }
  return longest_message - inflater.avail_out;
}

// Writes a whole masked frame and gives its length; the frame has room for the payload, 64 bytes more, and, when it
// is deflated, for the longest message.
size_t make_frame(unsigned char *frame, unsigned opcode, const unsigned char *payload, size_t size, bool deflate) {
  static const unsigned char key[4] = {0x37, 0xFA, 0x21, 0x3D};
  static unsigned char compressed[longest_message];
  if (deflate) {
    size = compress_message(compressed, payload, size);
    payload = compressed;
  }
  size_t head = make_head(frame, 0x80 | (deflate ? 0x40 : 0) | opcode, size);
  memcpy(frame + head, key, 4);
  for (size_t index = 0; index < size; index++) frame[head + 4 + index] = payload[index] ^ key[index & 3];
  return head + 4 + size;
}

static void take_frame(
    struct connection *connection, unsigned first, const unsigned char *payload, size_t size,
    message_handler *handler) {
  unsigned char answer[256];
  switch (first & 0x0F) {
    case opcode_text:
    case opcode_binary:
      if (first & 0x40) {
        if (!connection->is_deflated) fail("a compressed message came, but compression was not agreed on");
        size = inflate_message(payload, size);
        payload = inflated;
      }
      handler(connection, payload, size);
      break;
    case opcode_ping:
      if (size > 125) fail("a ping has %zu bytes", size);
      write_all(connection, answer, make_frame(answer, opcode_pong, payload, size, false));
      break;
    case opcode_pong: break;
    case opcode_close:
      // A terminal whose program has ended says so, and closes.
      if (options.ends_with_close) break;
      fail(
          "the server closed connection %u with %u", connection->index,
          size < 2 ? 1005u : (unsigned)payload[0] << 8 | payload[1]);
    default: fail("a frame begins with %02x", first);
  }
}

// Takes the whole frames at the start of the bytes, and says how many bytes they were.
size_t take_frames(struct connection *connection, const unsigned char *start, size_t size, message_handler *handler) {
  size_t taken = 0;
  while (size - taken >= 2) {
    const unsigned char *frame = start + taken;
    size_t available = size - taken, head = 2, length = frame[1] & 0x7F;
    if (!(frame[0] & 0x80) || frame[1] & 0x80) fail("a fragment or a masked frame came: %02x %02x", frame[0], frame[1]);
    if (length >= 126) {
      head = length == 126 ? 4 : 10;
      if (available < head) break;
      length = 0;
      for (size_t index = 2; index < head; index++) length = length << 8 | frame[index];
      if (length > longest_message) fail("a frame of %zu bytes came", length);
    }
    if (available < head + length) break;
    take_frame(connection, frame[0], frame + head, length, handler);
    taken += head + length;
  }
  return taken;
}
