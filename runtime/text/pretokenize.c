//===-- pretokenize.c - cutting text into pieces before BPE ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pretokenize.h"

#include <limits.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

// Unicode's White_Space, spelled out: PCRE2's \s under UCP has U+180E too, the original (Oniguruma)
// does not.
#define WS                                                                                         \
  "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"      \
  "\\x{205f}\\x{3000}"
#define CONTRACTIONS "'s|'t|'re|'ve|'m|'ll|'d"
// Quantifiers are possessive where giving back could not help: fewer backtracking states, same
// pieces.
#define TRAILING_SPACE "[" WS "]+(?![^" WS "])|[" WS "]+"

static const char gpt2_regex[] =
    CONTRACTIONS "| ?\\p{L}++| ?\\p{N}++| ?[^" WS "\\p{L}\\p{N}]++|" TRAILING_SPACE;

// Digits(individual_digits), then the GPT-2 regex on each part between digits. In one regex: no
// alternative may take a digit but \p{N} alone, and the end of a part (a digit follows) counts as
// the end of the text.
static const char digits_gpt2_regex[] = "\\p{N}|" CONTRACTIONS "| ?\\p{L}++| ?[^" WS
                                        "\\p{L}\\p{N}]++|[" WS "]+(?![^" WS "\\p{N}])|[" WS "]+";

#define LLAMA3_HEAD "(?i:" CONTRACTIONS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}++|"
#define LLAMA3_TAIL "| ?[^" WS "\\p{L}\\p{N}]++[\\r\\n]*+|[" WS "]*[\\r\\n]+|" TRAILING_SPACE
static const char llama3_regex[] = LLAMA3_HEAD "\\p{N}{1,3}" LLAMA3_TAIL;
static const char qwen2_regex[] = LLAMA3_HEAD "\\p{N}" LLAMA3_TAIL;

typedef struct rule {
  const char *name, *regex;
  bool normalizes, whole_pieces;
} rule;

static const rule rules[] = {
    {"gpt2", gpt2_regex, false, false},
    {"gpt-2", gpt2_regex, false, false},
    // The reference ids of SmolLM2 (shared/data/reference) are those of the plain GPT-2 regex: no
    // digit has a merge, so a stage that isolates digits matters only for space before a digit and
    // for signs such as U+00BD.
    {"smollm", gpt2_regex, false, false},
    {"smollm-digits", digits_gpt2_regex, false, false},
    {"starcoder", digits_gpt2_regex, false, false},
    {"llama3", llama3_regex, false, true},
    {"llama-bpe", llama3_regex, false, true},
    {"llama-v3", llama3_regex, false, true},
    {"qwen2", qwen2_regex, true, false},
};

struct resq_pretokenizer {
  const rule *rule;
  pcre2_code *code;
};

static const rule *find_rule(const char *name) {
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; ++i)
    if (strcmp(rules[i].name, name) == 0)
      return &rules[i];
  return NULL;
}

bool resq_pretokenizer_known(const char *name) { return find_rule(name) != NULL; }

const char *resq_pretokenizer_names(void) {
  return "gpt2, gpt-2, smollm, smollm-digits, starcoder, llama3, llama-bpe, llama-v3, qwen2";
}

resq_pretokenizer *resq_pretokenizer_create(const char *name, resq_error *err) {
  const rule *found = find_rule(name);
  if (!found) {
    resq_fail(err, RESQ_BAD_INPUT, "tokenizer: pre-tokenizer \"%.64s\" is not known; known: %s",
              name, resq_pretokenizer_names());
    return NULL;
  }
  int code = 0;
  PCRE2_SIZE where = 0;
  pcre2_code *regex = pcre2_compile((PCRE2_SPTR)found->regex, PCRE2_ZERO_TERMINATED,
                                    PCRE2_UTF | PCRE2_UCP, &code, &where, NULL);
  resq_pretokenizer *pre = regex ? malloc(sizeof *pre) : NULL;
  if (!pre) {
    pcre2_code_free(regex);
    bool memory = regex || code == PCRE2_ERROR_HEAP_FAILED;
    resq_fail(err, memory ? RESQ_NO_MEMORY : RESQ_FAILED,
              "tokenizer: cannot compile the regex of \"%s\" (PCRE2 error %d at %zu)", name, code,
              (size_t)where);
    return NULL;
  }
  // Optional: where the system forbids executable memory this fails and matching is interpreted.
  (void)pcre2_jit_compile(regex, PCRE2_JIT_COMPLETE);
  *pre = (resq_pretokenizer){found, regex};
  return pre;
}

void resq_pretokenizer_destroy(resq_pretokenizer *pre) {
  if (!pre)
    return;
  pcre2_code_free(pre->code);
  free(pre);
}

bool resq_pretokenizer_normalizes(const resq_pretokenizer *pre) { return pre->rule->normalizes; }
bool resq_pretokenizer_whole_pieces(const resq_pretokenizer *pre) {
  return pre->rule->whole_pieces;
}

/// What one text needs of PCRE2: the match data and limits.
typedef struct matcher {
  pcre2_match_data *data;
  pcre2_match_context *context;
} matcher;

bool resq_pieces_init(resq_pieces *pieces, const resq_pretokenizer *pre, resq_error *err) {
  matcher *m = calloc(1, sizeof *m);
  *pieces = (resq_pieces){.pre = pre, .match = m};
  if (m) {
    m->data = pcre2_match_data_create_from_pattern(pre->code, NULL);
    m->context = pcre2_match_context_create(NULL);
  }
  if (!m || !m->data || !m->context) {
    resq_pieces_free(pieces);
    return resq_fail(err, RESQ_NO_MEMORY, "tokenizer: no memory for the pre-tokenizer");
  }
  // The regexes are ours and cost O(piece): one step a character at most. The default limit would
  // refuse a run of 10^7 spaces.
  pcre2_set_match_limit(m->context, UINT32_MAX);
  return true;
}

void resq_pieces_free(resq_pieces *pieces) {
  matcher *m = pieces->match;
  if (m) {
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    free(m);
  }
  *pieces = (resq_pieces){0};
}

void resq_pieces_start(resq_pieces *pieces, const char *text, size_t size) {
  pieces->text = text;
  pieces->size = size;
  pieces->at = 0;
}

bool resq_pieces_next(resq_pieces *pieces, const char **out_piece, size_t *out_size,
                      resq_error *err) {
  *out_piece = pieces->text + pieces->at;
  *out_size = 0;
  if (pieces->at >= pieces->size)
    return true;
  const matcher *m = pieces->match;
  // The caller has checked the text: PCRE2 need not check it again at every match.
  int found = pcre2_match(pieces->pre->code, (PCRE2_SPTR)pieces->text, pieces->size, pieces->at,
                          PCRE2_NO_UTF_CHECK, m->data, m->context);
  size_t end = pieces->size;
  if (found > 0) {
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(m->data);
    // Text that no alternative takes is a piece of its own, as in the original.
    end = span[0] > pieces->at ? span[0] : span[1];
  } else if (found != PCRE2_ERROR_NOMATCH) {
    return resq_fail(err, RESQ_FAILED, "tokenizer: PCRE2 error %d at byte %zu of a text of %zu",
                     found, pieces->at, pieces->size);
  }
  *out_size = end - pieces->at;
  pieces->at = end;
  return true;
}
