//===-- remarks.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "remarks.h"
#include "dialect/memory.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/// Part of a text.
typedef struct part {
  const char *data;
  size_t size;
} part;

/// "@symbol: BEFORE low .. high AFTER" in its parts; low and high are one where a single number is
/// said, and symbol.size is 0 where a text is not of this form.
typedef struct measure {
  part symbol, before, after;
  part low, high;
} measure;

struct resq_remark {
  char *key;          ///< what remarks that join it share
  char *what, *first; ///< text and place, as they came first
  int places;
  char *texts[3]; ///< of a measure: those of the lowest and highest value and of the last symbol
};

enum { LOWEST, HIGHEST, LAST };

//===-- Measures ----------------------------------------------------------===//

static bool equal(part a, part b) { return a.size == b.size && !memcmp(a.data, b.data, a.size); }

/// The number at `at`, empty when there is none.
static part number_at(const char *at) {
  char *end = (char *)(uintptr_t)at;
  if (isdigit((unsigned char)*at))
    strtod(at, &end);
  return (part){at, (size_t)(end - at)};
}

static measure read_measure(const char *what) {
  static const char dots[] = " .. ";
  const measure none = {0};
  const char *colon = *what == '@' ? strstr(what, ": ") : NULL;
  if (!colon)
    return none;
  measure m = {.symbol = {what, (size_t)(colon - what)}};
  const char *begin = colon + strcspn(colon, "0123456789");
  m.before = (part){colon, (size_t)(begin - colon)};
  m.low = m.high = number_at(begin);
  const char *end = begin + m.low.size;
  if (!strncmp(end, dots, strlen(dots)) && number_at(end + strlen(dots)).size) {
    m.high = number_at(end + strlen(dots));
    end = m.high.data + m.high.size;
  }
  m.after = (part){end, strlen(end)};
  // Another number may mean something else.
  return m.low.size && !end[strcspn(end, "0123456789")] ? m : none;
}

/// What remarks that are told as one have in common, malloc'ed: a measure's text with '#' for the numbers in its
/// symbol and for its value ("@l0.q" and "@l12.q" are alike); of other texts, all. The first byte keeps the two apart.
static char *key_of(const char *what) {
  const measure m = read_measure(what);
  char *key = resq_new(strlen(what) + 4, 1), *out = key;
  *out++ = m.symbol.size ? 'm' : 't';
  if (!m.symbol.size) {
    strcpy(out, what);
    return key;
  }
  for (size_t i = 0; i < m.symbol.size; i++) {
    bool digit = isdigit((unsigned char)m.symbol.data[i]);
    if (!digit || !i || !isdigit((unsigned char)m.symbol.data[i - 1]))
      *out++ = digit ? '#' : m.symbol.data[i];
  }
  out = (char *)memcpy(out, m.before.data, m.before.size) + m.before.size;
  *out++ = '#';
  strcpy(out, m.after.data);
  return key;
}

static const char *text_of(const struct resq_remark *r, int which) {
  return r->texts[which] ? r->texts[which] : r->what;
}

static double value_of(const char *what, int which) {
  const measure m = read_measure(what);
  return strtod(which == LOWEST ? m.low.data : m.high.data, NULL);
}

static void replace_text(struct resq_remark *r, int which, const char *what) {
  char *text = resq_copy_text(what);
  free(r->texts[which]);
  r->texts[which] = text;
}

static void join(struct resq_remark *r, const char *what) {
  if (value_of(what, LOWEST) < value_of(text_of(r, LOWEST), LOWEST))
    replace_text(r, LOWEST, what);
  if (value_of(what, HIGHEST) > value_of(text_of(r, HIGHEST), HIGHEST))
    replace_text(r, HIGHEST, what);
  replace_text(r, LAST, what);
}

//===-- Remarks -----------------------------------------------------------===//

/// The slot of the remark with that key, or the free one where it belongs.
static int *find_slot(resq_remarks *r, const char *key) {
  uint64_t at = XXH3_64bits(key, strlen(key));
  for (;; at++) {
    int *slot = &r->slots[at & (uint64_t)(r->n_slots - 1)];
    if (!*slot)
      return slot;
    r->compared++;
    if (!strcmp(r->items[*slot - 1].key, key))
      return slot;
  }
}

/// Room for one more item and a table that stays less than half full.
static void grow(resq_remarks *r) {
  if (r->count < r->capacity)
    return;
  r->capacity = r->capacity ? 2 * r->capacity : 16;
  r->items = resq_resize(r->items, (size_t)r->capacity, sizeof *r->items);
  free(r->slots);
  r->n_slots = 4 * r->capacity;
  r->slots = resq_new((size_t)r->n_slots, sizeof *r->slots);
  for (int i = 0; i < r->count; i++)
    *find_slot(r, r->items[i].key) = i + 1;
}

void resq_remarks_add(const char *where, const char *what, void *user) {
  resq_remarks *r = user;
  char *key = key_of(what);
  grow(r);
  int *slot = find_slot(r, key);
  if (!*slot) {
    r->items[r->count++] = (struct resq_remark){
        .key = key, .what = resq_copy_text(what), .first = resq_copy_text(where), .places = 1};
    *slot = r->count;
    return;
  }
  free(key);
  struct resq_remark *said = &r->items[*slot - 1];
  said->places++;
  if (*said->key == 'm' && (said->texts[LAST] || strcmp(said->what, what)))
    join(said, what);
}

#define PART(p) (int)(p).size, (p).data

/// @l0.q .. @l29.q (30): condition number 1.5 .. 9.5, largest of @l7.q
static void print_measures(const struct resq_remark *r, FILE *out) {
  const measure first = read_measure(r->what), last = read_measure(text_of(r, LAST));
  const measure low = read_measure(text_of(r, LOWEST)), high = read_measure(text_of(r, HIGHEST));
  fprintf(out, "%.*s .. %.*s (%d)%.*s%.*s", PART(first.symbol), PART(last.symbol), r->places,
          PART(first.before), PART(low.low));
  if (!equal(low.low, high.high))
    fprintf(out, " .. %.*s", PART(high.high));
  fprintf(out, "%.*s, largest of %.*s\n", PART(first.after), PART(high.symbol));
}

void resq_remarks_print(resq_remarks *remarks, FILE *out) {
  for (int i = 0; i < remarks->count; i++) {
    const struct resq_remark *r = &remarks->items[i];
    const char *colon = r->first[0] ? ": " : "";
    if (r->texts[LAST]) {
      fprintf(out, "  remark: %s%s", r->first, colon);
      print_measures(r, out);
      continue;
    }
    char others[48] = "";
    if (r->places > 1)
      snprintf(others, sizeof others, " and %d more", r->places - 1);
    fprintf(out, "  remark: %s%s%s%s\n", r->first, others, colon, r->what);
  }
  resq_remarks_free(remarks);
}

void resq_remarks_free(resq_remarks *remarks) {
  for (int i = 0; i < remarks->count; i++) {
    free(remarks->items[i].key);
    free(remarks->items[i].what);
    free(remarks->items[i].first);
    for (int j = 0; j < 3; j++)
      free(remarks->items[i].texts[j]);
  }
  free(remarks->items);
  free(remarks->slots);
  *remarks = (resq_remarks){0};
}
