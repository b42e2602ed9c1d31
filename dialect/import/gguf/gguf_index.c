//===-- gguf_index.c - sorted tables, and look-up in them -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE // qsort_r
#include "dialect/import/gguf/gguf_index.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

//===-- Names -------------------------------------------------------------===//

/// The name of item `index` of a table.
typedef const char *(*item_name)(const void *items, uint32_t index);

static const char *value_key(const void *values, uint32_t index) {
  return ((const resq_gguf_value *)values)[index].key;
}

static const char *tensor_name(const void *tensors, uint32_t index) {
  return ((const resq_gguf_tensor *)tensors)[index].name;
}

static int compare_keys(const void *a, const void *b, void *values) {
  return strcmp(value_key(values, *(const uint32_t *)a), value_key(values, *(const uint32_t *)b));
}

static int compare_names(const void *a, const void *b, void *tensors) {
  return strcmp(tensor_name(tensors, *(const uint32_t *)a),
                tensor_name(tensors, *(const uint32_t *)b));
}

static int compare_places(const void *a, const void *b, void *tensors) {
  const resq_gguf_tensor *all = tensors;
  const uint8_t *x = all[*(const uint32_t *)a].data, *y = all[*(const uint32_t *)b].data;
  return (x > y) - (x < y);
}

//===-- Sorting -----------------------------------------------------------===//

static uint32_t *sorted_indices(uint64_t count, void *items,
                                int (*compare)(const void *, const void *, void *),
                                resq_error *err) {
  assert(count <= RESQ_GGUF_MAX_COUNT); // parse_prologue refuses more; so 32 bits hold an index
  uint32_t *indices = malloc((size_t)(count ? count : 1) * sizeof *indices);
  if (!indices) {
    resq_fail(err, RESQ_NO_MEMORY, "no memory to sort %" PRIu64 " names", count);
    return NULL;
  }
  for (uint64_t i = 0; i < count; ++i)
    indices[i] = (uint32_t)i;
  qsort_r(indices, (size_t)count, sizeof *indices, compare, items);
  return indices;
}

bool resq_gguf_index_values(resq_gguf *gguf, resq_error *err) {
  uint32_t *order = sorted_indices(gguf->n_values, gguf->values, compare_keys, err);
  gguf->values_by_key = order;
  for (uint64_t i = 1; order && i < gguf->n_values; ++i)
    if (compare_keys(&order[i - 1], &order[i], gguf->values) == 0)
      return resq_fail(err, RESQ_BAD_INPUT, "key '%.200s' appears twice",
                       value_key(gguf->values, order[i]));
  return order != NULL;
}

static bool check_overlap(const resq_gguf *gguf, resq_error *err) {
  uint32_t *order = sorted_indices(gguf->n_tensors, gguf->tensors, compare_places, err);
  bool ok = order != NULL;
  for (uint64_t i = 1; ok && i < gguf->n_tensors; ++i) {
    const resq_gguf_tensor *left = &gguf->tensors[order[i - 1]], *right = &gguf->tensors[order[i]];
    if (left->data + left->size > right->data)
      ok = resq_fail(err, RESQ_BAD_INPUT, "tensors '%s' and '%s' overlap", left->name, right->name);
  }
  free(order);
  return ok;
}

bool resq_gguf_index_tensors(resq_gguf *gguf, resq_error *err) {
  uint32_t *order = sorted_indices(gguf->n_tensors, gguf->tensors, compare_names, err);
  gguf->tensors_by_name = order;
  for (uint64_t i = 1; order && i < gguf->n_tensors; ++i)
    if (compare_names(&order[i - 1], &order[i], gguf->tensors) == 0)
      return resq_fail(err, RESQ_BAD_INPUT, "tensor '%s' appears twice",
                       tensor_name(gguf->tensors, order[i]));
  return order && check_overlap(gguf, err);
}

//===-- Look-up -----------------------------------------------------------===//

/// The index of the item called `name`; -1 when there is none.
static int64_t find(const char *name, const void *items, item_name name_of, const uint32_t *order,
                    uint64_t count) {
  uint64_t low = 0, high = count;
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    int sign = strcmp(name, name_of(items, order[middle]));
    if (sign == 0)
      return order[middle];
    if (sign < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return -1;
}

const resq_gguf_value *resq_gguf_get(const resq_gguf *gguf, const char *key) {
  int64_t i = find(key, gguf->values, value_key, gguf->values_by_key, gguf->n_values);
  return i < 0 ? NULL : &gguf->values[i];
}

const resq_gguf_tensor *resq_gguf_find(const resq_gguf *gguf, const char *name) {
  int64_t i = find(name, gguf->tensors, tensor_name, gguf->tensors_by_name, gguf->n_tensors);
  return i < 0 ? NULL : &gguf->tensors[i];
}
