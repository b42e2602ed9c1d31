//===-- chat_template_fuzz.c - any text as a chat template ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A template comes from a checkpoint: it may be anything. Rendering ends, in bounds,
// with text or with an error. Up to a NUL the input is the template, after it a message.
//===----------------------------------------------------------------------===//
#include "text/chat_template.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 2);
  if (!text)
    return 0;
  if (size)
    memcpy(text, data, size);
  text[size] = text[size + 1] = 0;
  const char *content = text + strlen(text) + 1;
  const resq_chat_message messages[] = {
      {"system", "Be brief."}, {"user", content}, {"assistant", " ok\n"}, {"user", "next"}};
  resq_error err;
  size_t out_size = 0;
  const resq_chat_request request = {messages, 4, size % 2, "<s>", "</s>", "2024-07-26"};
  char *out = resq_chat_template_render(text, &request, &out_size, &err);
  if (out && out[out_size] != 0)
    __builtin_trap();
  free(out);
  free(text);
  return 0;
}
