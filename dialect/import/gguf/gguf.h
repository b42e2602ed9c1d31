//===-- gguf.h - GGUF v2 and v3 files, read strictly ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Metadata and tensors of a mapped GGUF file. Nothing is copied but the names;
// everything is checked when the file opens, so that readers need no checks:
// every view lies inside the file. No MLIR here.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_GGUF_H
#define RESQ_DIALECT_IMPORT_GGUF_H

#include "base/error.h"
#include "text/tokenizer.h"
#include <stdint.h>

#define RESQ_GGUF_MAX_DIMS 4
#define RESQ_GGUF_MAX_KEY 65535        ///< bytes of a metadata key
#define RESQ_GGUF_MAX_NAME 64          ///< bytes of a tensor name
#define RESQ_GGUF_MAX_COUNT (1u << 20) ///< metadata pairs; tensors
#define RESQ_GGUF_MAX_ALIGNMENT (1u << 20)

/// Types of metadata values, numbered as in the file.
typedef enum resq_gguf_kind {
  RESQ_GGUF_U8,
  RESQ_GGUF_I8,
  RESQ_GGUF_U16,
  RESQ_GGUF_I16,
  RESQ_GGUF_U32,
  RESQ_GGUF_I32,
  RESQ_GGUF_FLOAT32,
  RESQ_GGUF_BOOL,
  RESQ_GGUF_STRING,
  RESQ_GGUF_ARRAY,
  RESQ_GGUF_U64,
  RESQ_GGUF_I64,
  RESQ_GGUF_FLOAT64,
  RESQ_GGUF_KINDS
} resq_gguf_kind;

/// One metadata pair.
typedef struct resq_gguf_value {
  const char *key; ///< NUL-terminated
  resq_gguf_kind kind;
  resq_gguf_kind element; ///< of arrays (never ARRAY itself); else == kind
  uint64_t count;         ///< elements of an array; 1 otherwise
  const uint8_t *data; ///< first element, unaligned; a string's u64 length comes before its bytes
  uint64_t size;       ///< bytes from data on
} resq_gguf_value;

/// Types of tensors that resq decodes, numbered as in the file.
typedef enum resq_gguf_type {
  RESQ_GGUF_F32 = 0,
  RESQ_GGUF_F16 = 1,
  RESQ_GGUF_Q4_0 = 2,
  RESQ_GGUF_Q4_1 = 3,
  RESQ_GGUF_Q5_0 = 6,
  RESQ_GGUF_Q5_1 = 7,
  RESQ_GGUF_Q8_0 = 8,
  RESQ_GGUF_Q4_K = 12,
  RESQ_GGUF_Q5_K = 13,
  RESQ_GGUF_Q6_K = 14,
  RESQ_GGUF_BF16 = 30
} resq_gguf_type;

typedef struct resq_gguf_tensor {
  const char *name;                  ///< NUL-terminated
  uint32_t n_dims;                   ///< 1..4
  uint64_t dims[RESQ_GGUF_MAX_DIMS]; ///< innermost first, as in the file; 1 from n_dims on
  resq_gguf_type type;
  const uint8_t *data;
  uint64_t size;     ///< bytes at data
  uint64_t row_size; ///< bytes of one innermost line
  uint64_t n_rows;   ///< innermost lines: dims[1] * dims[2] * dims[3]
} resq_gguf_tensor;

typedef struct resq_gguf {
  char *path; ///< for messages
  uint32_t version;
  uint64_t alignment;
  uint64_t n_values, n_tensors;
  resq_gguf_value *values;   ///< in file order
  resq_gguf_tensor *tensors; ///< in file order
  uint32_t *values_by_key;   ///< sorted indices
  uint32_t *tensors_by_name; ///< sorted indices
  char *names;               ///< keys and tensor names
} resq_gguf;

//===-- Opening -----------------------------------------------------------===//

/// Checks a file's bytes, which outlive *out; `path` names them in messages. On failure *out is empty
/// (close is allowed) and the message begins with the path.
bool resq_gguf_parse(resq_gguf *out, const void *data, uint64_t size, const char *path,
                     resq_error *err);
void resq_gguf_close(resq_gguf *gguf);

//===-- Metadata ----------------------------------------------------------===//

/// NULL when the key is absent.
const resq_gguf_value *resq_gguf_get(const resq_gguf *gguf, const char *key);

/// Required scalars: an absent key, another type or a value out of range is an error that names the key.
/// u64 takes every integer type whose value is not negative; f64 takes both float types and refuses NaN and infinity.
bool resq_gguf_u64(const resq_gguf *gguf, const char *key, uint64_t *out, resq_error *err);
bool resq_gguf_f64(const resq_gguf *gguf, const char *key, double *out, resq_error *err);
bool resq_gguf_bool(const resq_gguf *gguf, const char *key, bool *out, resq_error *err);
bool resq_gguf_string(const resq_gguf *gguf, const char *key, resq_text *out, resq_error *err);

/// The number of an integer, float or bool; false for texts and arrays.
bool resq_gguf_number(const resq_gguf_value *value, double *out);
#define RESQ_GGUF_VALUE_TEXT 96
/// A value for messages: "4", "true", "'yarn'", "an array of 5 i32"; long texts are cut.
void resq_gguf_value_text(const resq_gguf_value *value, char out[RESQ_GGUF_VALUE_TEXT]);

/// A required count that is the same for every layer: an integer, or an array of `layers` integers that agree (as writers
/// of models whose layers differ give it).
bool resq_gguf_u64_per_layer(const resq_gguf *gguf, const char *key, uint64_t layers, uint64_t *out,
                             resq_error *err);

/// A required array of strings as views: *out is malloc'ed (NULL when empty).
bool resq_gguf_strings(const resq_gguf *gguf, const char *key, resq_text **out, int64_t *out_count,
                       resq_error *err);
/// A required array of i32 or u32 copied to i32 (GGUF writers differ); malloc'ed (NULL when empty).
bool resq_gguf_i32s(const resq_gguf *gguf, const char *key, int32_t **out, int64_t *out_count,
                    resq_error *err);

/// "u32", "string", ... for messages.
const char *resq_gguf_kind_name(resq_gguf_kind kind);

//===-- Tensors -----------------------------------------------------------===//

/// NULL when there is none.
const resq_gguf_tensor *resq_gguf_find(const resq_gguf *gguf, const char *name);

/// Extent of dimension i counted from the outermost: [out, in] order.
static inline uint64_t resq_gguf_outer_dim(const resq_gguf_tensor *tensor, uint32_t i) {
  return tensor->dims[tensor->n_dims - 1 - i];
}

/// "Q4_1", ... for messages.
const char *resq_gguf_type_name(resq_gguf_type type);

/// Elements and bytes of a block of a type; false when resq does not decode it. *out_name is set for every type known to
/// ggml, NULL otherwise.
bool resq_gguf_type_block(uint32_t type, uint64_t *out_elements, uint64_t *out_bytes,
                          const char **out_name);
/// "F32, F16, ...": what resq decodes, for messages.
const char *resq_gguf_type_list(void);

/// Elements [first, first + count) of a tensor, whole blocks of it, to f32: bit for bit what ggml's
/// dequantisers give.
void resq_gguf_decode(const resq_gguf_tensor *tensor, uint64_t first, uint64_t count, float *out);

#endif // RESQ_DIALECT_IMPORT_GGUF_H
