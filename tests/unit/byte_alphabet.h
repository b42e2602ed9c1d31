//===-- byte_alphabet.h - bytes as byte-level BPE spells them -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_TESTS_BYTE_ALPHABET_H
#define RESQ_TESTS_BYTE_ALPHABET_H

/// UTF-8, NUL-terminated, of each byte: a printable one is itself, others are code points from 256
/// on, in order (GPT-2's bytes_to_unicode).
typedef char byte_alphabet[256][3];

static inline void byte_alphabet_make(byte_alphabet out) {
  for (int b = 0, other = 256; b < 256; ++b) {
    int shown = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    int code = shown ? b : other++;
    char *text = out[b];
    if (code < 0x80) {
      text[0] = (char)code;
      text[1] = 0;
    } else {
      text[0] = (char)(0xC0 | code >> 6);
      text[1] = (char)(0x80 | (code & 0x3F));
      text[2] = 0;
    }
  }
}

#endif // RESQ_TESTS_BYTE_ALPHABET_H
