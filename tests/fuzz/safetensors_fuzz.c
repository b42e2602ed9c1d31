// LINK: compiler
//===-- safetensors_fuzz.c - any bytes as a safetensors file --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hunts: offsets and shapes that overflow, tensors outside the file. What opens is read in full: the
// tensors' bytes are those behind the header, each of them one tensor's.
//===----------------------------------------------------------------------===//
#include "dialect/import/huggingface/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  resq_safetensors file;
  resq_error err = {RESQ_OK, ""};
  if (!resq_safetensors_parse(&file, data, size, "fuzz", &err)) {
    if (!err.message[0])
      abort();
    return 0;
  }
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < file.n_tensors; ++i) {
    const resq_safetensors_tensor *t = &file.tensors[i];
    uint64_t elements = 1;
    if (resq_safetensors_find(&file, t->name) != t)
      abort();
    for (uint32_t k = 0; k < t->rank; ++k)
      elements *= (uint64_t)t->shape[k];
    bytes += t->size;
    float *values = malloc((size_t)elements * sizeof *values);
    if (!values)
      abort();
    resq_safetensors_decode(t, 0, elements, values);
    free(values);
  }
  uint64_t header;
  __builtin_memcpy(&header, data, sizeof header);
  if (bytes != size - sizeof header - header)
    abort();
  resq_safetensors_close(&file);
  return 0;
}
