//===-- gguf_reader.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/gguf/gguf_reader.h"

#include <inttypes.h>
#include <stdio.h>

resq_full_key resq_key_of(const resq_key_reader *r, const char *stem) {
  resq_full_key key;
  snprintf(key.text, sizeof key.text, "%s.%s", r->architecture, stem);
  return key;
}

bool resq_key_present(const resq_key_reader *r, const char *stem) {
  return resq_gguf_get(r->gguf, resq_key_of(r, stem).text) != NULL;
}

static bool check_size(const resq_key_reader *r, const char *key, uint64_t value, int64_t limit,
                       int64_t *out) {
  if (value == 0 || value > (uint64_t)limit)
    return resq_fail(r->err, RESQ_BAD_INPUT,
                     "%s: key '%s' is %" PRIu64 "; 1 to %" PRId64 " are allowed", r->gguf->path,
                     key, value, limit);
  *out = (int64_t)value;
  return true;
}

bool resq_key_size(const resq_key_reader *r, const char *stem, int64_t limit, int64_t *out) {
  resq_full_key key = resq_key_of(r, stem);
  uint64_t value;
  return resq_gguf_u64(r->gguf, key.text, &value, r->err) &&
         check_size(r, key.text, value, limit, out);
}

bool resq_key_optional_size(const resq_key_reader *r, const char *stem, int64_t limit,
                            int64_t *out) {
  return !resq_key_present(r, stem) || resq_key_size(r, stem, limit, out);
}

bool resq_key_layer_size(const resq_key_reader *r, const char *stem, int64_t layers, int64_t limit,
                         int64_t *out) {
  resq_full_key key = resq_key_of(r, stem);
  uint64_t value = 0;
  return resq_gguf_u64_per_layer(r->gguf, key.text, (uint64_t)layers, &value, r->err) &&
         check_size(r, key.text, value, limit, out);
}

bool resq_key_positive(const resq_key_reader *r, const char *stem, float *out) {
  resq_full_key key = resq_key_of(r, stem);
  double value;
  if (!resq_gguf_f64(r->gguf, key.text, &value, r->err))
    return false;
  // The double may be outside f32, or too small for it.
  if (!((float)value > 0.0f) || (float)value > 3e38f)
    return resq_fail(r->err, RESQ_BAD_INPUT, "%s: key '%s' is %g; a positive f32 is needed",
                     r->gguf->path, key.text, value);
  *out = (float)value;
  return true;
}

bool resq_key_optional_positive(const resq_key_reader *r, const char *stem, float *out) {
  double value = 0;
  if (!resq_key_present(r, stem))
    return true;
  if (!resq_gguf_f64(r->gguf, resq_key_of(r, stem).text, &value, r->err))
    return false;
  return value == 0 || resq_key_positive(r, stem, out);
}
