//===-- statistics_samples.c - a uniform sample of a site's rows ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Algorithm R (Vitter 1985): row number t replaces a random sample with probability
// samples / (t + 1). Of N rows about samples * ln(N / samples) are ever written.
//===----------------------------------------------------------------------===//
#include "statistics_internal.h"

#include "base/philox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static uint64_t row_bytes(const resq_statistics_site *site) {
  return (uint64_t)site->width * sizeof(float);
}

bool resq_samples_add(const resq_statistics *s, resq_statistics_site *site, const float *x,
                      int64_t rows, int64_t ld) {
  uint64_t stream = s->seed ^ XXH3_64bits(site->name, strlen(site->name));
  for (int64_t r = 0; r < rows; ++r) {
    int64_t t = site->rows + r, place = t;
    if (t >= s->samples)
      place = (int64_t)(resq_philox_uniform(stream, (uint64_t)t) * (double)(t + 1));
    if (place >= s->samples)
      continue;
    if (!resq_storage_write(&s->storage, site->samples + (uint64_t)place * row_bytes(site),
                            x + r * ld, row_bytes(site)))
      return false;
    site->arrival[place] = t;
    if (site->kept <= place)
      site->kept = place + 1;
  }
  return true;
}

typedef struct sample {
  int64_t arrival, place;
} sample;

static int by_arrival(const void *a, const void *b) {
  const sample *x = a, *y = b;
  return (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

bool resq_samples_order(const resq_statistics *s, resq_statistics_site *site) {
  if (site->kept == 0)
    return true;
  uint64_t row = row_bytes(site), size = (uint64_t)site->kept * row;
  sample *order = malloc((size_t)site->kept * sizeof *order);
  uint8_t *rows = malloc(2 * size), *sorted = rows ? rows + size : NULL;
  bool ok = order && rows && resq_storage_read(&s->storage, site->samples, rows, size);
  if (ok) {
    for (int64_t i = 0; i < site->kept; ++i)
      order[i] = (sample){site->arrival[i], i};
    qsort(order, (size_t)site->kept, sizeof *order, by_arrival);
    for (int64_t i = 0; i < site->kept; ++i)
      memcpy(sorted + (uint64_t)i * row, rows + (uint64_t)order[i].place * row, row);
    ok = resq_storage_write(&s->storage, site->samples, sorted, size);
  }
  int code = errno;
  free(order);
  free(rows);
  errno = code;
  return ok;
}
