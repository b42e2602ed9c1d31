// LINK: compiler
//===-- shape_fuzz.c - any bytes as a config.json -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is accepted has sizes within their bounds that fit each other, since the module's types are
// made of them.
//===----------------------------------------------------------------------===//
#include "dialect/import/huggingface/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  resq_decoder_config c;
  resq_error err = {RESQ_OK, ""};
  (void)resq_decoder_shape_recognize(data, size);
  if (!resq_decoder_shape_parse("shape.json", data, size, &c, &err)) {
    if (!err.message[0])
      abort();
    return 0;
  }
  if (!c.architecture || c.layers < 1 || c.layers > RESQ_DECODER_MAX_LAYERS || c.width < 1 ||
      c.width > RESQ_DECODER_MAX_WIDTH || c.heads < 1 || c.kv_heads < 1 || c.heads % c.kv_heads ||
      c.head_size < 2 || c.head_size % 2 || c.head_size > RESQ_DECODER_MAX_HEAD_SIZE ||
      c.mlp_width < 1 || c.vocabulary < 1 || !(c.eps > 0) || !(c.rope.base > 0) ||
      !(c.rope.divisor > 0) || !(c.attention_scale > 0))
    abort();
  return 0;
}
