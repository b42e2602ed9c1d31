//===-- fake_artifact.h - a file for the fake program ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tokenizer of the 256 bytes, two merges and two control tokens, metadata, and 64
// bytes of parameters behind four bytes of "ELF".
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_FAKE_ARTIFACT_H
#define RESQ_TESTS_FAKE_ARTIFACT_H

#include "exec/artifact.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
  fake_tokens = 261,
  fake_token_ab = 256,
  fake_token_abab = 257,
  fake_token_bos = 258,
  fake_token_end = 259
};

static const char fake_template[] =
    "{% for message in messages %}{{ '<bos>' + message['role'] + ':' + message['content'] + "
    "'<end>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ab' }}{% endif %}";

/// The byte-level alphabet: printable Latin-1 stands for itself, the rest moves behind U+0100.
static void fake_byte_token(int byte, char out[4]) {
  int point = byte;
  bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  if (!printable) {
    int n = 0;
    for (int b = 0; b < byte; ++b)
      n += !((b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174);
    point = 256 + n;
  }
  if (point < 128)
    snprintf(out, 4, "%c", point);
  else
    snprintf(out, 4, "%c%c", 0xc0 | point >> 6, 0x80 | (point & 63));
}

static uint8_t *fake_tokenizer(uint64_t *size, resq_error *err) {
  static char bytes[256][4];
  static resq_text tokens[fake_tokens];
  static int32_t types[fake_tokens];
  for (int b = 0; b < 256; ++b) {
    fake_byte_token(b, bytes[b]);
    tokens[b] = (resq_text){bytes[b], strlen(bytes[b])};
    types[b] = 1;
  }
  static const char *const more[] = {"ab", "abab", "<bos>", "<end>", "zz"};
  for (int i = 0; i < 5; ++i) {
    tokens[256 + i] = (resq_text){more[i], strlen(more[i])};
    types[256 + i] = i == 2 || i == 3 ? 3 : 1;
  }
  static const resq_text merges[] = {{"a b", 3}, {"ab ab", 5}, {"z z", 3}};
  resq_tokenizer_source source = {.tokens = tokens,
                                  .token_types = types,
                                  .n_tokens = fake_tokens,
                                  .merges = merges,
                                  .n_merges = 3,
                                  .pre = "gpt2",
                                  .chat_template = fake_template,
                                  .bos = fake_token_bos,
                                  .eos = fake_token_end};
  return resq_tokenizer_build(&source, size, err);
}

/// Writes the file; sections may be left out (bit kind - 1).
static bool fake_artifact_write(const char *path, unsigned without, resq_error *err) {
  static const char metadata[] = "{\"name\": \"fake-1M\", \"scheme\": \"fake\"}";
  static uint8_t params[64];
  uint64_t tokenizer_size;
  uint8_t *tokenizer = fake_tokenizer(&tokenizer_size, err);
  FILE *f = tokenizer ? fopen(path, "wb+") : NULL;
  if (!f) {
    free(tokenizer);
    return false;
  }
  const struct {
    const void *data;
    uint64_t size;
  } sections[] = {
      {params, sizeof params}, {tokenizer, tokenizer_size}, {metadata, sizeof metadata - 1}};
  resq_section table[3];
  resq_footer footer = {.version = RESQ_ARTIFACT_VERSION};
  memcpy(footer.magic, RESQ_ARTIFACT_MAGIC, sizeof footer.magic);
  fwrite("\177ELF", 1, 4, f);
  for (uint32_t kind = 1; kind <= 3; ++kind) {
    if (without & 1u << (kind - 1))
      continue;
    while (ftell(f) % RESQ_SECTION_ALIGNMENT)
      fputc(0, f);
    uint64_t size = sections[kind - 1].size;
    table[footer.section_count++] = (resq_section){kind, 0, (uint64_t)ftell(f), size,
                                                   XXH3_64bits(sections[kind - 1].data, size)};
    fwrite(sections[kind - 1].data, 1, size, f);
  }
  while (ftell(f) % 8)
    fputc(0, f);
  footer.table_offset = (uint64_t)ftell(f);
  footer.table_hash = XXH3_64bits(table, footer.section_count * sizeof table[0]);
  fwrite(table, sizeof table[0], footer.section_count, f);
  // Read back: the hash of what lies between the sections.
  uint64_t size = (uint64_t)ftell(f);
  uint8_t *written = malloc(size);
  rewind(f);
  bool ok = written && fread(written, 1, size, f) == size &&
            resq_artifact_outside_hash(written, size, table, footer.section_count, &footer,
                                       &footer.outside_hash, err);
  free(written);
  fseek(f, 0, SEEK_END);
  fwrite(&footer, sizeof footer, 1, f);
  free(tokenizer);
  return fclose(f) == 0 && ok;
}

#endif // RESQ_TESTS_FAKE_ARTIFACT_H
