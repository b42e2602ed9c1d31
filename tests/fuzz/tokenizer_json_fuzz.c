// LINK: compiler
//===-- tokenizer_json_fuzz.c - any bytes as a tokenizer.json -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is accepted is a source that a tokenizer is built from, or refused with words, and the
// tokenizer is of use.
//===----------------------------------------------------------------------===//
#include "dialect/import/huggingface/json_reader.h"
#include "dialect/import/huggingface/tokenizer_stages.h"
#include "dialect/import/huggingface/tokenizer_tables.h"

#include <stdlib.h>

static void build(const resq_tokenizer_source *source) {
  uint64_t size;
  uint8_t *blob = resq_tokenizer_build(source, &size, NULL);
  resq_tokenizer *t = blob ? resq_tokenizer_open(blob, size, NULL) : NULL;
  if (blob && !t)
    abort();
  int32_t *ids;
  int64_t count;
  static const char text[] = "ab <s> 12\n\xff";
  if (t && resq_tokenizer_encode(t, (resq_text){text, sizeof text - 1}, true, &ids, &count, NULL))
    free(ids);
  resq_tokenizer_close(t);
  free(blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { TOKENS = 300, MOST = 1 << 20 };
  resq_error err = {RESQ_OK, ""};
  json_t *object = resq_json_parse("fuzz", data, size, MOST, &err);
  const resq_json_reader root = {"fuzz", object, &err};
  resq_tokenizer_stages stages;
  resq_checkpoint_tokenizer out = {.source = {.bos = -1, .eos = -1}};
  if (object && resq_tokenizer_stages_read(&root, &stages) &&
      resq_tokenizer_tables_read(&root, TOKENS, stages.normalizes, &out)) {
    resq_tokenizer_source source = out.source;
    source.pre = stages.pre;
    build(&source);
  } else if (!err.message[0]) {
    abort();
  }
  resq_checkpoint_free_tokenizer(&out);
  json_decref(object);
  return 0;
}
