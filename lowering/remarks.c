//===-- remarks.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/remarks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resq_remark {
  char *what, *first; ///< first place
  int places;
};

void resq_remarks_add(const char *where, const char *what, void *user) {
  resq_remarks *r = user;
  for (int i = 0; i < r->count; i++)
    if (!strcmp(r->items[i].what, what)) {
      r->items[i].places++;
      return;
    }
  struct resq_remark *items = realloc(r->items, sizeof *items * (size_t)(r->count + 1));
  if (!items)
    return; // a remark is not worth failing for
  r->items = items;
  items[r->count++] = (struct resq_remark){strdup(what), strdup(where), 1};
}

void resq_remarks_print(resq_remarks *remarks) {
  for (int i = 0; i < remarks->count; i++) {
    const struct resq_remark *r = &remarks->items[i];
    char others[48] = "";
    if (r->places > 1)
      snprintf(others, sizeof others, " and %d more", r->places - 1);
    fprintf(stderr, "  remark: %s%s%s%s\n", r->first, others, r->first[0] ? ": " : "", r->what);
  }
  resq_remarks_free(remarks);
}

void resq_remarks_free(resq_remarks *remarks) {
  for (int i = 0; i < remarks->count; i++) {
    free(remarks->items[i].what);
    free(remarks->items[i].first);
  }
  free(remarks->items);
  *remarks = (resq_remarks){NULL, 0};
}
