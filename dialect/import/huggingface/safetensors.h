//===-- safetensors.h - safetensors files, read strictly ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Eight bytes with the length of a header in JSON, the header, and the tensors' bytes, which it
// divides among them without overlap or gap. All is checked when the file opens, so that readers
// need no checks. The file is read in place.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_HUGGINGFACE_SAFETENSORS_H
#define RESQ_DIALECT_IMPORT_HUGGINGFACE_SAFETENSORS_H

#include "base/error.h"
#include "dialect/import/checkpoint/checkpoint.h"

#define RESQ_SAFETENSORS_MAX_HEADER (64u << 20) ///< bytes
#define RESQ_SAFETENSORS_MAX_TENSORS (1u << 20)
#define RESQ_SAFETENSORS_MAX_NAME 255 ///< bytes

typedef enum resq_safetensors_type {
  RESQ_SAFETENSORS_F32,
  RESQ_SAFETENSORS_F16,
  RESQ_SAFETENSORS_BF16,
  RESQ_SAFETENSORS_TYPES
} resq_safetensors_type;

typedef struct resq_safetensors_tensor {
  char *name;
  resq_safetensors_type type;
  uint32_t rank; ///< 1 to 4
  int64_t shape[RESQ_TENSOR_MAX_RANK];
  const uint8_t *data;
  uint64_t size; ///< bytes at data
} resq_safetensors_tensor;

typedef struct resq_safetensors {
  resq_safetensors_tensor *tensors; ///< sorted by name
  uint64_t n_tensors;
} resq_safetensors;

/// Checks a file's bytes, which outlive *out. On failure *out is empty, and the message begins with
/// the path.
bool resq_safetensors_parse(resq_safetensors *out, const void *data, uint64_t size,
                            const char *path, resq_error *err);
void resq_safetensors_close(resq_safetensors *file);

/// NULL when there is none.
const resq_safetensors_tensor *resq_safetensors_find(const resq_safetensors *file,
                                                     const char *name);
/// "F32", "F16", "BF16"
const char *resq_safetensors_type_name(resq_safetensors_type type);
/// Elements [first, first + count) of a tensor.
void resq_safetensors_decode(const resq_safetensors_tensor *tensor, uint64_t first, uint64_t count,
                             float *out);

#endif // RESQ_DIALECT_IMPORT_HUGGINGFACE_SAFETENSORS_H
