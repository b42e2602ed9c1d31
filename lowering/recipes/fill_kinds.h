//===-- fill_kinds.h - how absent parameters are described ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An artifact of `resqc --params=absent` says in its metadata what the bytes of its parameters would
// be (lowering/driver/compile_metadata.c), for programs that make some up
// (tests/gpu/fill_params.c). Writer and reader take the words from here:
//
//   {RESQ_ABSENT_PARAMS: {RESQ_ABSENT_SIZE: bytes, RESQ_ABSENT_FILLS: [[word, offset, size, ...]]}}
//
// An entry ends with the mask of BYTES, the modulo of I32, and the center and the spread of floats.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_FILL_KINDS_H
#define RESQ_LOWERING_FILL_KINDS_H

#define RESQ_ABSENT_PARAMS "absent_params"
#define RESQ_ABSENT_SIZE "size"
#define RESQ_ABSENT_FILLS "fills"

/// X(kind, word, bytes of an element):
///   BYTES  codes: any bytes, but for the bits that the mask lacks
///   I32    indices: the i-th is i modulo the modulo
///   others floats between center - spread and center + spread
#define RESQ_FILL_KINDS(X)                                                                         \
  X(BYTES, "bytes", 1)                                                                             \
  X(F32, "f32", 4) X(F64, "f64", 8) X(BF16, "bf16", 2) X(F16, "f16", 2) X(I32, "i32", 4)

typedef enum resq_fill_kind {
#define RESQ_FILL_ENUMERATOR(kind, word, size) RESQ_FILL_##kind,
  RESQ_FILL_KINDS(RESQ_FILL_ENUMERATOR)
#undef RESQ_FILL_ENUMERATOR
      RESQ_FILL_KIND_COUNT
} resq_fill_kind;

static const struct resq_fill_word {
  const char *word;
  unsigned element_size;
} resq_fill_words[RESQ_FILL_KIND_COUNT] = {
#define RESQ_FILL_WORD(kind, word, size) {word, size},
    RESQ_FILL_KINDS(RESQ_FILL_WORD)
#undef RESQ_FILL_WORD
};

#endif // RESQ_LOWERING_FILL_KINDS_H
