//===-- tokenizer_fuzz.c - hostile blobs, sources and texts ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Input: 1 byte of mode, 1 byte that chooses a pre-tokenizer. Mode 0: the rest is a text for a good
// blob, whose ids must decode to the text. Mode 1: edits of a good blob (16-bit place, byte), then
// a text. Mode 2: bos, eos and two more end ids, then lines of tokens (a byte of type and the
// token) and of merges (">" and the merge) to build from; whatever is built must open and encode
// its own source. Mode 3: a blob as it is. gguf_fuzz builds tokenizers from whole GGUF files.
//===----------------------------------------------------------------------===//
#include "tests/unit/byte_alphabet.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_LINES = 256 };
enum { NFC = 1, WHOLE = 2, BOS = 4 };

#define WS ""
static const struct {
  const char *name;
  unsigned flags;
} pres[] = {
#define RESQ_PRETOKENIZER(name, pattern, flags) {name, flags},
#include "text/pretokenizers.def"
};
enum { PRES = sizeof pres / sizeof pres[0] };

/// All bytes, a few merges and specials.
static uint8_t *good_blob(const char *pre, uint64_t *size) {
  static byte_alphabet alphabet;
  resq_text tokens[264];
  int32_t types[264];
  int n = 0;
  byte_alphabet_make(alphabet);
  for (int b = 0; b < 256; ++b) {
    types[n] = 1;
    tokens[n++] = (resq_text){alphabet[b], strlen(alphabet[b])};
  }
  static const char *const more[] = {"aa", "aaaa", "th", "the", "<|a|>", "<|ab|>", "<|a|>b", "<u>"};
  for (int i = 0; i < 8; ++i) {
    types[n] = i < 4 ? 1 : i < 7 ? 3 : 4;
    tokens[n++] = (resq_text){more[i], strlen(more[i])};
  }
  const resq_text merges[] = {{"t h", 3}, {"a a", 3}, {"th e", 4}, {"aa aa", 5}};
  resq_tokenizer_source source = {.tokens = tokens,
                                  .token_types = types,
                                  .n_tokens = n,
                                  .merges = merges,
                                  .n_merges = 4,
                                  .pre = pre,
                                  .chat_template = "{{ x }}",
                                  .bos = 260,
                                  .eos = 261};
  return resq_tokenizer_build(&source, size, NULL);
}

static void use(const uint8_t *blob, uint64_t blob_size, resq_text text, bool exact) {
  resq_error err;
  resq_tokenizer *t = resq_tokenizer_open(blob, blob_size, &err);
  if (exact && !t)
    __builtin_trap();
  for (int special = 0; t && special < 2; ++special) {
    int32_t *ids;
    int64_t count;
    if (!resq_tokenizer_encode(t, text, special, &ids, &count, &err))
      continue;
    size_t at = 0;
    for (int64_t i = 0; i < count; ++i) {
      resq_text bytes = resq_tokenizer_bytes(t, ids[i]);
      bool same = exact && bytes.size <= text.size - at &&
                  memcmp(bytes.data, text.data + at, bytes.size) == 0;
      if (exact && !same)
        __builtin_trap();
      at += bytes.size;
      (void)resq_tokenizer_is_end(t, ids[i]);
    }
    if (exact && at != text.size)
      __builtin_trap();
    free(ids);
  }
  resq_tokenizer_close(t);
}

static void edit_and_use(const uint8_t *data, size_t size, const char *pre) {
  uint64_t blob_size;
  uint8_t *blob = good_blob(pre, &blob_size);
  size_t edits = size ? data[0] % 16 : 0, at = size ? 1 : 0;
  for (; edits && size - at >= 3; --edits, at += 3)
    blob[(size_t)(data[at] << 8 | data[at + 1]) % blob_size] = data[at + 2];
  use(blob, blob_size, (resq_text){(const char *)data + at, size - at}, false);
  free(blob);
}

static void build_and_use(const uint8_t *data, size_t size, const char *pre) {
  resq_text lines[2][MAX_LINES];
  int32_t types[MAX_LINES], ids[4] = {-1, -1, 0, 0};
  size_t counts[2] = {0, 0};
  for (int i = 0; i < 4 && size; ++i, ++data, --size)
    ids[i] = (int32_t)data[0] - 1;
  for (size_t i = 0, start = 0; i < size; ++i)
    if (data[i] == '\n') {
      int merge = i > start && data[start] == '>';
      size_t from = start + (i > start ? 1 : 0);
      if (counts[merge] < MAX_LINES) {
        if (!merge)
          types[counts[0]] = i > start ? data[start] % 8 : 1;
        lines[merge][counts[merge]++] = (resq_text){(const char *)data + from, i - from};
      }
      start = i + 1;
    }
  resq_tokenizer_notes notes;
  resq_tokenizer_source source = {.tokens = lines[0],
                                  .token_types = types,
                                  .n_tokens = (int64_t)counts[0],
                                  .merges = lines[1],
                                  .n_merges = (int64_t)counts[1],
                                  .pre = pre,
                                  .bos = ids[0],
                                  .eos = ids[1],
                                  .add_bos = ids[0] >= 0,
                                  .ends = ids + 2,
                                  .n_ends = ids[2] >= 0 && ids[3] >= 0 ? 2 : 0,
                                  .notes = &notes};
  uint64_t blob_size;
  uint8_t *blob = resq_tokenizer_build(&source, &blob_size, NULL);
  resq_tokenizer *t = blob ? resq_tokenizer_open(blob, blob_size, NULL) : NULL;
  if (blob && (!t || notes.ignored_merges > source.n_merges ||
               (source.eos >= 0 && !resq_tokenizer_is_end(t, (int32_t)source.eos)) ||
               (source.n_ends && !resq_tokenizer_is_end(t, ids[3]))))
    __builtin_trap();
  resq_tokenizer_close(t);
  if (blob)
    use(blob, blob_size, (resq_text){(const char *)data, size}, false);
  free(blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  int mode = data[0] & 3, which = data[1] % PRES;
  const char *pre = pres[which].name;
  data += 2, size -= 2;
  uint8_t *copy = malloc(size + 1);
  if (copy && size)
    memcpy(copy, data, size);
  uint64_t blob_size;
  uint8_t *good = mode == 0 ? good_blob(pre, &blob_size) : NULL;
  if (copy && mode == 0) // what is normalized need not give the same bytes back
    use(good, blob_size, (resq_text){(const char *)copy, size}, !(pres[which].flags & NFC));
  else if (copy && mode == 1)
    edit_and_use(copy, size, pre);
  else if (copy && mode == 2)
    build_and_use(copy, size, pre);
  else if (copy)
    use(copy, size, (resq_text){"the a", 5}, false);
  free(good);
  free(copy);
  return 0;
}
