//===-- remarks.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "remarks.h"
#include "dialect/diagnostics.h"
#include "dialect/memory.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct resq_remark {
  char *key;          ///< what remarks that join it share
  char *what, *first; ///< text, NULL of a measure, and place, as they came first
  int places;
  resq_measure measure;         ///< low and high over all that joined
  char *param, *last, *largest; ///< of a measure: the first param, the last, that of the largest
  bool joined;                  ///< params or values differ
};

//===-- Measures ----------------------------------------------------------===//

/// What measures that are told as one have in common, malloc'ed: their kind, and the param with '#'
/// for its numbers. The first byte keeps them apart from texts.
static char *key_of_measure(const resq_measure *m) {
  char *key = resq_print_text("m%d%d", (int)m->kind, m->several);
  size_t size = strlen(key);
  key = resq_resize(key, size + strlen(m->param) + 1, 1);
  for (const char *at = m->param; *at; at++) {
    bool digit = isdigit((unsigned char)*at);
    if (!digit || at == m->param || !isdigit((unsigned char)at[-1]))
      key[size++] = digit ? '#' : *at;
  }
  key[size] = 0;
  return key;
}

static void replace_text(char **text, const char *with) {
  free(*text);
  *text = resq_copy_text(with);
}

static void join(struct resq_remark *r, const resq_measure *m) {
  r->joined |= strcmp(r->param, m->param) || m->low != r->measure.low || m->high != r->measure.high;
  if (m->low < r->measure.low)
    r->measure.low = m->low;
  if (m->high > r->measure.high) {
    r->measure.high = m->high;
    replace_text(&r->largest, m->param);
  }
  replace_text(&r->last, m->param);
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

/// The remark with `key`, which it takes: that of an earlier one, with one place more, or a new one.
static struct resq_remark *find_or_add(resq_remarks *r, char *key, const char *where) {
  grow(r);
  int *slot = find_slot(r, key);
  if (*slot) {
    free(key);
    r->items[*slot - 1].places++;
    return &r->items[*slot - 1];
  }
  r->items[r->count++] =
      (struct resq_remark){.key = key, .first = resq_copy_text(where), .places = 1};
  *slot = r->count;
  return &r->items[r->count - 1];
}

void resq_remarks_add(const char *where, const char *what, void *user) {
  struct resq_remark *r = find_or_add(user, resq_print_text("t%s", what), where);
  if (!r->what)
    r->what = resq_copy_text(what);
}

void resq_remarks_measure(void *user, const resq_measure *measure) {
  char raw[512], where[512];
  resq_location_text(measure->location, raw, sizeof raw);
  resq_printable(where, sizeof where, raw, strlen(raw));
  struct resq_remark *r = find_or_add(user, key_of_measure(measure), where);
  if (r->param) {
    join(r, measure);
    return;
  }
  r->measure = *measure;
  r->measure.param = r->param = resq_copy_text(measure->param);
  r->last = resq_copy_text(measure->param);
  r->largest = resq_copy_text(measure->param);
}

/// l0.q .. l29.q (30): condition number 1.5 .. 9.5, largest of l7.q
static void print_measure(const struct resq_remark *r, const char *others, FILE *out) {
  char text[RESQ_MEASURE_TEXT];
  resq_measure_text(&r->measure, text);
  const char *colon = r->first[0] ? ": " : "";
  if (r->joined)
    fprintf(out, "  remark: %s%s@%s .. @%s (%d): %s, largest of @%s\n", r->first, colon, r->param,
            r->last, r->places, text, r->largest);
  else
    fprintf(out, "  remark: %s%s%s@%s: %s\n", r->first, others, colon, r->param, text);
}

void resq_remarks_print(resq_remarks *remarks, FILE *out) {
  for (int i = 0; i < remarks->count; i++) {
    const struct resq_remark *r = &remarks->items[i];
    char others[48] = "";
    if (r->places > 1)
      snprintf(others, sizeof others, " and %d more", r->places - 1);
    if (r->param)
      print_measure(r, others, out);
    else
      fprintf(out, "  remark: %s%s%s%s\n", r->first, others, r->first[0] ? ": " : "", r->what);
  }
  resq_remarks_free(remarks);
}

void resq_remarks_free(resq_remarks *remarks) {
  for (int i = 0; i < remarks->count; i++) {
    struct resq_remark *r = &remarks->items[i];
    free(r->key);
    free(r->what);
    free(r->first);
    free(r->param);
    free(r->last);
    free(r->largest);
  }
  free(remarks->items);
  free(remarks->slots);
  *remarks = (resq_remarks){0};
}
