// LINK: compiler
//===-- gguf_fuzz.c - any bytes as a GGUF file ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hunts: counts and sizes that overflow, strings and arrays past the end, tensors
// outside the file, configurations that the tensor checks let through, decoding
// past a row. What opens is read in full; the tables must agree with each other.
//===----------------------------------------------------------------------===//
#include "dialect/import/checkpoint/decoder_tensors.h"
#include "dialect/import/gguf/gguf.h"
#include "dialect/import/gguf/gguf_checkpoint.h"

#include <stdlib.h>

static void read_values(const resq_gguf *gguf) {
  for (uint64_t i = 0; i < gguf->n_values; ++i) {
    const char *key = gguf->values[i].key;
    uint64_t u;
    double d;
    bool b;
    resq_text text, *texts = NULL;
    int32_t *numbers = NULL;
    int64_t count;
    if (resq_gguf_get(gguf, key) != &gguf->values[i])
      abort();
    resq_gguf_u64(gguf, key, &u, NULL);
    resq_gguf_f64(gguf, key, &d, NULL);
    resq_gguf_bool(gguf, key, &b, NULL);
    resq_gguf_string(gguf, key, &text, NULL);
    if (resq_gguf_strings(gguf, key, &texts, &count, NULL))
      free(texts);
    if (resq_gguf_i32s(gguf, key, &numbers, &count, NULL))
      free(numbers);
  }
}

static void read_tensors(const resq_checkpoint *c) {
  enum { MOST = 1 << 16 };
  for (uint64_t i = 0; i < resq_checkpoint_count(c); ++i) {
    resq_checkpoint_tensor tensor = resq_checkpoint_tensor_at(c, i), found;
    if (!resq_checkpoint_find(c, tensor.name, &found) || found.index != i)
      abort();
    int64_t width = tensor.shape[tensor.rank - 1], rows = 1;
    for (uint32_t k = 0; k + 1 < tensor.rank; ++k)
      rows *= tensor.shape[k];
    if (width > MOST)
      continue;
    float *row = malloc((size_t)width * sizeof *row);
    if (!row)
      abort();
    for (int64_t r = 0; r < rows && r < 16; ++r)
      resq_checkpoint_rows(c, &tensor, r, r + 1, row, NULL);
    resq_checkpoint_rows(c, &tensor, rows - 1, rows, row, NULL);
    free(row);
  }
}

/// What the file says of its tokenizer is refused, or built and of use.
static void build_tokenizer(const resq_checkpoint *c) {
  resq_checkpoint_tokenizer read;
  if (!resq_checkpoint_has_tokenizer(c) || !resq_checkpoint_read_tokenizer(c, &read, NULL))
    return;
  uint64_t size;
  uint8_t *blob = resq_tokenizer_build(&read.source, &size, NULL);
  resq_tokenizer *t = blob ? resq_tokenizer_open(blob, size, NULL) : NULL;
  if (blob && !t)
    abort();
  int32_t *ids;
  int64_t count;
  static const char text[] = "the <|im_end|> 12\n\xff";
  if (t && resq_tokenizer_encode(t, (resq_text){text, sizeof text - 1}, true, &ids, &count, NULL))
    free(ids);
  resq_tokenizer_close(t);
  free(blob);
  resq_checkpoint_free_tokenizer(&read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  resq_gguf gguf;
  resq_error err;
  if (!resq_gguf_parse(&gguf, data, size, "fuzz", &err))
    return 0;
  read_values(&gguf);
  resq_gguf_close(&gguf);
  resq_checkpoint *c = resq_gguf_checkpoint_parse(data, size, "fuzz", &err);
  if (!c)
    abort();
  resq_decoder_config config;
  resq_generation_settings settings = {0};
  read_tensors(c);
  resq_decoder_config_read(c, &config, &err);
  build_tokenizer(c);
  c->driver->generation(c, &settings, &err);
  resq_checkpoint_close(c);
  return 0;
}
