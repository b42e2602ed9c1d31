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

enum { NFC = 1, WHOLE = 2, BOS = 4, MAX_STAGES = RESQ_PIECES_MAX_STAGES };

#define RESQ_PATTERN(id, ...) static const char *const id##_pattern[MAX_STAGES] = {__VA_ARGS__};
#include "text/pretokenizers.def"

typedef struct rule {
  const char *name;
  const char *const *stages; ///< [MAX_STAGES], NULL where there are fewer
  unsigned flags;
} rule;

static const rule rules[] = {
#define RESQ_PRETOKENIZER(name, pattern, flags) {name, pattern##_pattern, flags},
#include "text/pretokenizers.def"
};
enum { N_RULES = sizeof rules / sizeof rules[0] };

struct resq_pretokenizer {
  const rule *rule;
  size_t n_stages;
  pcre2_code *code[MAX_STAGES];
};

static const rule *find_rule(const char *name) {
  for (size_t i = 0; i < N_RULES; ++i)
    if (strcmp(rules[i].name, name) == 0)
      return &rules[i];
  return NULL;
}

bool resq_pretokenizer_known(const char *name) { return find_rule(name) != NULL; }

bool resq_pretokenizer_means_bos(const char *name) {
  const rule *found = find_rule(name);
  return found && found->flags & BOS;
}

const char *resq_pretokenizer_names(void) {
  // Each name with ", " before it: the list begins behind the first one.
  static const char list[] =
#define RESQ_PRETOKENIZER(name, pattern, flags) ", " name
#include "text/pretokenizers.def"
      ;
  return list + 2;
}

static pcre2_code *compile(const char *name, const char *regex, resq_error *err) {
  int code = 0;
  PCRE2_SIZE where = 0;
  pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
                                       PCRE2_UTF | PCRE2_UCP, &code, &where, NULL);
  // Optional: where the system forbids executable memory this fails and matching is interpreted.
  if (compiled)
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  else if (code == PCRE2_ERROR_HEAP_FAILED)
    resq_fail(err, RESQ_NO_MEMORY, "tokenizer: no memory for the regexes of \"%s\"", name);
  else
    resq_fail(err, RESQ_FAILED,
              "tokenizer: cannot compile a regex of \"%s\" (PCRE2 error %d at %zu)", name, code,
              (size_t)where);
  return compiled;
}

resq_pretokenizer *resq_pretokenizer_create(const char *name, resq_error *err) {
  const rule *found = find_rule(name);
  if (!found) {
    resq_fail(err, RESQ_BAD_INPUT, "tokenizer: pre-tokenizer \"%.64s\" is not known; known: %s",
              name, resq_pretokenizer_names());
    return NULL;
  }
  resq_pretokenizer *pre = calloc(1, sizeof *pre);
  if (!pre) {
    resq_fail(err, RESQ_NO_MEMORY, "tokenizer: no memory for the pre-tokenizer");
    return NULL;
  }
  pre->rule = found;
  while (pre->n_stages < MAX_STAGES && found->stages[pre->n_stages]) {
    pcre2_code *code = compile(name, found->stages[pre->n_stages], err);
    if (!code) {
      resq_pretokenizer_destroy(pre);
      return NULL;
    }
    pre->code[pre->n_stages++] = code;
  }
  return pre;
}

void resq_pretokenizer_destroy(resq_pretokenizer *pre) {
  if (!pre)
    return;
  for (size_t i = 0; i < pre->n_stages; ++i)
    pcre2_code_free(pre->code[i]);
  free(pre);
}

bool resq_pretokenizer_normalizes(const resq_pretokenizer *pre) { return pre->rule->flags & NFC; }
bool resq_pretokenizer_whole_pieces(const resq_pretokenizer *pre) {
  return pre->rule->flags & WHOLE;
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
    m->data = pcre2_match_data_create(1, NULL); // no regex has groups
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
  for (size_t i = 0; i < MAX_STAGES; ++i)
    pieces->stages[i] = (resq_pieces_stage){0};
  pieces->stages[0] = (resq_pieces_stage){.text = text, .size = size};
}

/// Cuts the next piece from the text of stage `level`, which has one.
static bool cut(const resq_pieces *pieces, size_t level, resq_pieces_stage *s,
                const char **out_piece, size_t *out_size, resq_error *err) {
  size_t begin = s->at;
  if (s->found_end <= s->at) { // what was found before is used up
    const matcher *m = pieces->match;
    // The caller has checked the text: PCRE2 need not check it again at every match.
    int found = pcre2_match(pieces->pre->code[level], (PCRE2_SPTR)s->text, s->size, s->at,
                            PCRE2_NO_UTF_CHECK, m->data, m->context);
    s->found = s->found_end = s->size;
    if (found >= 0) {
      const PCRE2_SIZE *span = pcre2_get_ovector_pointer(m->data);
      s->found = span[0];
      s->found_end = span[1];
    } else if (found != PCRE2_ERROR_NOMATCH) {
      return resq_fail(err, found == PCRE2_ERROR_NOMEMORY ? RESQ_NO_MEMORY : RESQ_FAILED,
                       "tokenizer: PCRE2 error %d at byte %zu of a text of %zu", found, s->at,
                       s->size);
    }
  }
  // Text that the regex does not take is a piece of its own, as in the original.
  s->at = s->found > begin ? s->found : s->found_end;
  *out_piece = s->text + begin;
  *out_size = s->at - begin;
  return true;
}

bool resq_pieces_next(resq_pieces *pieces, const char **out_piece, size_t *out_size,
                      resq_error *err) {
  size_t n = pieces->pre->n_stages, level = n;
  *out_piece = "";
  *out_size = 0;
  // The deepest stage that has text left gives a piece, which is the text of the next stage.
  while (level > 0 && pieces->stages[level - 1].at >= pieces->stages[level - 1].size)
    --level;
  if (level == 0)
    return true;
  for (--level; level < n; ++level) {
    if (!cut(pieces, level, &pieces->stages[level], out_piece, out_size, err))
      return false;
    if (level + 1 < n)
      pieces->stages[level + 1] = (resq_pieces_stage){.text = *out_piece, .size = *out_size};
  }
  return true;
}
