// LINK: compiler
//===-- gguf_fuzz.c - any bytes as a GGUF file ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hunts: counts and sizes that overflow, strings and arrays past the end, tensors
// outside the file, configurations that the tensor checks let through, decoding
// past a row. What opens is read in full; the tables must agree with each other.
//===----------------------------------------------------------------------===//
#include "dialect/import/decoder_config.h"
#include "dialect/import/tokenizer_source.h"

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

static void read_tensors(const resq_gguf *gguf) {
  enum { MOST = 1 << 16 };
  for (uint64_t i = 0; i < gguf->n_tensors; ++i) {
    const resq_gguf_tensor *tensor = &gguf->tensors[i];
    if (resq_gguf_find(gguf, tensor->name) != tensor)
      abort();
    if (tensor->dims[0] > MOST)
      continue;
    float *row = malloc((size_t)tensor->dims[0] * sizeof *row);
    if (!row)
      abort();
    for (uint64_t r = 0; r < tensor->n_rows && r < 16; ++r)
      resq_gguf_decode_rows(gguf, tensor, r, r + 1, row, NULL);
    resq_gguf_decode_rows(gguf, tensor, tensor->n_rows - 1, tensor->n_rows, row, NULL);
    free(row);
  }
}

/// What the file says of its tokenizer is refused, or built and of use.
static void build_tokenizer(const resq_gguf *gguf) {
  resq_tokenizer_source source;
  if (!resq_import_has_tokenizer(gguf) || !resq_import_tokenizer_source(gguf, &source, NULL))
    return;
  uint64_t size;
  uint8_t *blob = resq_tokenizer_build(&source, &size, NULL);
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
  resq_import_tokenizer_source_free(&source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  resq_gguf gguf;
  resq_error err;
  if (!resq_gguf_parse(&gguf, data, size, "fuzz", &err))
    return 0;
  read_values(&gguf);
  read_tensors(&gguf);
  resq_decoder_config config;
  resq_decoder_config_read(&gguf, &config, &err);
  build_tokenizer(&gguf);
  resq_gguf_close(&gguf);
  return 0;
}
