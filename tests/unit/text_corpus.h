//===-- text_corpus.h - the texts of tests/unit/pretokenizers -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tests/tools/make_pretokenizer_ids.py made them: corpus.txt has one text per line, escaped as
// \n, \r, \t, \\ and \xNN; NAME.ids has the ids that the original tokenizer gives for each text.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_TEXT_CORPUS_H
#define RESQ_TESTS_TEXT_CORPUS_H

#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// The bytes of a file, with a NUL behind them; NULL when it cannot be read. The caller frees them.
static inline char *corpus_read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file)
    return NULL;
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  char *data = malloc(*size + 1);
  if (data && fread(data, 1, *size, file) != *size)
    *size = 0;
  if (data)
    data[*size] = 0;
  fclose(file);
  return data;
}

static inline char *corpus_file(const char *name, size_t *size) {
  char path[512];
  snprintf(path, sizeof path, RESQ_SOURCE_DIR "/tests/unit/pretokenizers/%s", name);
  return corpus_read_file(path, size);
}

typedef struct text_corpus {
  char *bytes;
  resq_text *texts;
  size_t count;
} text_corpus;

/// Takes the next line off *at, its escapes resolved in place.
static inline resq_text corpus_line(char **at) {
  char *from = *at, *to = *at;
  resq_text line = {to, 0};
  for (; *from != '\n'; ++from) {
    if (*from == '\\') {
      ++from;
      const char hex[3] = {from[1], from[1] ? from[2] : 0, 0};
      *to++ = *from == 'n'   ? '\n'
              : *from == 'r' ? '\r'
              : *from == 't' ? '\t'
              : *from == 'x' ? (char)strtol(hex, NULL, 16)
                             : *from;
      from += *from == 'x' ? 2 : 0;
    } else {
      *to++ = *from;
    }
  }
  line.size = (size_t)(to - line.data);
  *at = from + 1;
  return line;
}

/// An empty corpus when the file cannot be read.
static inline text_corpus corpus_open(void) {
  text_corpus c = {0};
  size_t size = 0;
  c.bytes = corpus_file("corpus.txt", &size);
  c.texts = calloc(size + 1, sizeof *c.texts);
  for (char *at = c.bytes; c.bytes && c.texts && at < c.bytes + size;)
    c.texts[c.count++] = corpus_line(&at);
  return c;
}

static inline void corpus_close(text_corpus *c) {
  free(c->bytes);
  free(c->texts);
}

/// Compares the ids of every text with those of NAME.ids, whose words have `width` bytes. Returns
/// the number of texts that differ, -1 when the file does not fit; prints the first that differs.
static inline int corpus_compare(const text_corpus *c, const resq_tokenizer *t, const char *name,
                                 size_t width) {
  size_t size, at = 0;
  char file[128];
  snprintf(file, sizeof file, "%s.ids", name);
  char *wanted = corpus_file(file, &size);
  int differ = wanted ? 0 : -1;
  for (size_t i = 0; differ >= 0 && i < c->count; ++i) {
    int32_t *ids = NULL;
    int64_t count = 0;
    uint32_t n = 0;
    if (size - at < width || !resq_tokenizer_encode(t, c->texts[i], false, &ids, &count, NULL)) {
      differ = -1;
      break;
    }
    memcpy(&n, wanted + at, width);
    at += width;
    bool same = n == (uint64_t)count;
    if ((size - at) / width < n)
      differ = -1;
    for (uint32_t k = 0; differ >= 0 && k < n; ++k, at += width) {
      uint32_t id = 0;
      memcpy(&id, wanted + at, width);
      same = same && (uint32_t)ids[k] == id;
    }
    if (!same && differ == 0)
      fprintf(stderr, "%s: text %zu, \"%.*s\", differs\n", name, i + 1, (int)c->texts[i].size,
              c->texts[i].data);
    differ += differ >= 0 && !same;
    free(ids);
  }
  if (differ >= 0 && at != size)
    differ = -1;
  free(wanted);
  return differ;
}

#endif // RESQ_TESTS_TEXT_CORPUS_H
