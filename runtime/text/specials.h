//===-- specials.h - finding special tokens in a text ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Special tokens cut a text from left to right, the longest of those that begin at one place. A
// search forward may see most of a long token and then have to begin again behind a short one,
// which makes it quadratic. So the text is read from its end, by an Aho-Corasick automaton of the
// reversed tokens: its state tells at every place the longest token that begins there. One pass
// forward then takes the leftmost. Both are linear in the text, whatever the tokens.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_SPECIALS_H
#define RESQ_TEXT_SPECIALS_H

#include "text/tokenizer.h"

/// One state. The children of a state stand side by side, ordered by byte.
typedef struct resq_special_node {
  uint32_t children;   ///< index of the first child
  uint32_t fail;       ///< the longest other state that this one ends in
  int32_t longest[2];  ///< the longest token that this state ends in, -1 for none: of the
                       ///< user-defined ones alone, and of all
  uint16_t n_children; ///< 0 to 256
  uint8_t byte;        ///< that leads here from the parent
} resq_special_node;

typedef struct resq_specials {
  resq_special_node *nodes; ///< [0] is the root
  uint32_t root[256];       ///< the root's child by byte, 0 for none
} resq_specials;

/// Order of the tokens for resq_specials_open: by bytes from the last to the first, shorter first.
int resq_specials_compare(resq_text a, resq_text b);

/// The automaton of `count` tokens in that order, none empty; `user` tells which are user-defined.
/// It reads `texts` and `user` only during the call. On success release it with
/// resq_specials_close.
bool resq_specials_open(resq_specials *out, const resq_text *texts, const int32_t *ids,
                        const bool *user, size_t count, resq_error *err);
void resq_specials_close(resq_specials *specials);

typedef struct resq_special_hit {
  uint32_t at; ///< byte of the text
  int32_t id;
} resq_special_hit;

/// The hits in a text of at most 2^31 - 1 bytes, from left to right; *out_hits is malloc'ed.
/// They may overlap: a hit that begins in a taken one is not taken. `all`: control tokens, too.
/// *work, when not NULL, grows by the number of states looked at.
bool resq_specials_find(const resq_specials *specials, resq_text text, bool all,
                        resq_special_hit **out_hits, size_t *out_count, uint64_t *work,
                        resq_error *err);

#endif // RESQ_TEXT_SPECIALS_H
