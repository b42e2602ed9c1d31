//===-- ids_fuzz.c - any bytes as a file of token ids or a text -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What --ids reads: little-endian 32-bit numbers. An accepted file gives every id back, none of them
// negative; a refused one gives a message.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"
#include "tests/fuzz/fuzz_file.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *path;
  fuzz_file(data, size, &path);
  resq_error err = {0};
  int32_t *ids = NULL;
  int64_t count = 0;
  bool ok = resq_read_ids(path, &ids, &count, &err);
  if (ok ? (uint64_t)count * 4 != size || count < 1 : !err.message[0])
    __builtin_trap();
  for (int64_t i = 0; ok && i < count; ++i)
    if (ids[i] < 0 || memcmp(&ids[i], data + 4 * i, 4))
      __builtin_trap();
  free(ok ? ids : NULL);
  resq_input in;
  if (!resq_input_open(&in, path, &err) || in.text.size != size ||
      (size && memcmp(in.text.data, data, size)))
    __builtin_trap();
  resq_input_close(&in);
  return 0;
}
