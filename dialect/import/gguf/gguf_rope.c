//===-- gguf_rope.c -------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rules are llama.cpp's, whose converter writes the keys: a factor without a type
// is linear scaling, a factor of type "none" is not used, and 0 means "not set".
//===----------------------------------------------------------------------===//
#include "dialect/import/gguf/gguf_rope.h"

#include "dialect/import/gguf/gguf_reader.h"

#include <string.h>

static bool text_is(resq_text text, const char *word) {
  return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static bool read_type(const resq_key_reader *r, bool *linear) {
  resq_full_key key = resq_key_of(r, "rope.scaling.type");
  resq_text type = {"linear", 6};
  if (resq_key_present(r, "rope.scaling.type") &&
      !resq_gguf_string(r->gguf, key.text, &type, r->err))
    return false;
  *linear = text_is(type, "linear");
  return *linear || text_is(type, "none") ||
         resq_fail(r->err, RESQ_BAD_INPUT,
                   "%s: key '%s' is '%.*s'; 'none' and 'linear' are supported (Llama 3's scaling "
                   "comes as "
                   "the tensor 'rope_freqs.weight')",
                   r->gguf->path, key.text, type.size < 64 ? (int)type.size : 64, type.data);
}

/// rope.scale_linear is the older name. Where both say something, they must say the same.
static bool read_divisor(const resq_key_reader *r, float *out) {
  float old = 0, now = 0;
  if (!resq_key_optional_positive(r, "rope.scaling.factor", &now) ||
      !resq_key_optional_positive(r, "rope.scale_linear", &old))
    return false;
  if (now > 0 && old > 0 && now != old)
    return resq_fail(r->err, RESQ_BAD_INPUT,
                     "%s: key '%s' is %g, but '%s' is %g; they mean the same", r->gguf->path,
                     resq_key_of(r, "rope.scaling.factor").text, (double)now,
                     resq_key_of(r, "rope.scale_linear").text, (double)old);
  *out = now > 0 ? now : old > 0 ? old : 1;
  return true;
}

bool resq_gguf_rope_read(const resq_gguf *gguf, const char *architecture, resq_decoder_rope *out,
                         resq_error *err) {
  const resq_key_reader r = {gguf, architecture, err};
  *out = (resq_decoder_rope){.base = 10000, .divisor = 1, .attn_factor = 1};
  bool linear;
  if (resq_key_present(&r, "rope.freq_base") &&
      !resq_key_positive(&r, "rope.freq_base", &out->base))
    return false;
  if (!read_type(&r, &linear) || !read_divisor(&r, &out->divisor))
    return false;
  if (!linear)
    out->divisor = 1;
  return resq_key_optional_positive(&r, "rope.scaling.attn_factor", &out->attn_factor);
}
