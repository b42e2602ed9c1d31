//===-- store.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A param's bytes, made a block of rows at a time: the embedding of a model is never
// whole in f64.
//===----------------------------------------------------------------------===//
#include "evaluate.h"
#include "lowering/numeric/linalg.h"
#include "materialize.h"

#include "base/checked.h"
#include "kernels/layout/pack_layout.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ELEMENTS = 1 << 22 };

/// How a param's value is laid out in the file.
typedef struct layout {
  resq_tensor_info info;
  uint64_t size;
} layout;

typedef struct stream {
  resq_evaluator *e;
  MlirOperation param;
  const layout *to;
  resq_out *out;
  resq_param_entry *entry;
  uint8_t *scales; ///< quant: behind all codes
  uint64_t scales_size;
  resq_error *err;
} stream;

//===-- Sizes -------------------------------------------------------------===//

/// The size in *size; false when the type has no stored form. Element counts are below 2^41:
/// nothing overflows.
static bool stored_size(const resq_tensor_info *info, uint64_t *size) {
  uint64_t rows = (uint64_t)info->rows, width = (uint64_t)info->width;
  const resq_quant *q = &info->quant;
  switch (info->kind) {
  case RESQ_ELEMENT_FLOAT:
    *size = rows * width * (uint64_t)resq_float_size(info->element);
    return true;
  case RESQ_ELEMENT_I32:
    *size = rows * width * sizeof(int32_t);
    return true;
  case RESQ_ELEMENT_PANEL:
    *size = (uint64_t)resq_round_up(info->rows, RESQ_TILE_N) * width *
            (uint64_t)resq_float_size(info->element);
    return info->rank == 2;
  case RESQ_ELEMENT_QUANT:
    if (info->rank != 2 || q->layout != RESQ_LAYOUT_N16K4 || info->width % q->group ||
        info->width % q->packing.group)
      return false;
    *size = (uint64_t)resq_packing_weight_bytes(q->packing, info->rows, info->width, q->group);
    return true;
  case RESQ_ELEMENT_OTHER:
    break;
  }
  return false;
}

int64_t resq_stored_size(MlirType tensor) {
  resq_tensor_info info;
  uint64_t size;
  if (!resq_tensor_info_get(tensor, &info, NULL) || !stored_size(&info, &size))
    return -1;
  return (int64_t)size;
}

/// The pack that makes a tiled param, through params that only pass it on; NULL when there is none.
static const resq_node *find_pack(const resq_evaluator *e, const resq_node *param) {
  const resq_node *node = &e->nodes[param->operands[0]];
  while (!node->rule)
    node = &e->nodes[node->operands[0]];
  return resqOpIsPack(node->op) ? node : NULL;
}

/// The layout of a param and the node whose rows are to be written.
static bool choose_layout(resq_evaluator *e, const resq_sink *sink, layout *to, int32_t *source,
                          resq_error *err) {
  const resq_node *param = &e->nodes[sink->node];
  *to = (layout){.info = param->info};
  *source = sink->node;
  if (to->info.kind == RESQ_ELEMENT_PANEL || to->info.kind == RESQ_ELEMENT_QUANT) {
    const resq_node *pack = find_pack(e, param);
    if (!pack)
      return resq_fail(err, RESQ_BAD_INPUT,
                       "a param that functions read is stored packed: yield "
                       "the result of resq.pack");
    *source = pack->operands[0];
  }
  if (!stored_size(&to->info, &to->size))
    return resq_fail(
        err, RESQ_BAD_INPUT,
        "its type has no stored form; f32, f64, f16, bf16, i32, panels and codes in layout "
        "n16k4 have one");
  return true;
}

//===-- Bytes -------------------------------------------------------------===//

static bool emit(stream *s, const void *bytes, uint64_t size) {
  resq_param_entry_write(s->entry, bytes, size);
  return resq_out_write(s->out, bytes, size, s->err);
}

static bool emit_floats(stream *s, const resq_value *v) {
  const resq_tensor_info *info = &s->to->info;
  bool is_panel = info->kind == RESQ_ELEMENT_PANEL, is_double = v->kind == RESQ_VALUE_F64;
  int64_t rows = is_panel ? resq_round_up(v->rows, RESQ_TILE_N) : v->rows;
  uint64_t size = (uint64_t)(rows * v->width * resq_float_size(info->element));
  uint8_t *bytes = malloc(size);
  if (!bytes)
    return resq_out_of_memory(s->err, info);
  if (is_panel)
    resq_pack_panel(s->e->threads, info->element, v->data, is_double, v->rows, v->width, bytes);
  else
    resq_store_rows(info->element, v->data, is_double, v->rows * v->width, bytes);
  bool ok = emit(s, bytes, size);
  free(bytes);
  return ok;
}

static bool emit_codes(stream *s, const resq_value *v, int64_t first_row) {
  assert(first_row % RESQ_TILE_N == 0); // block_rows gives whole tiles
  const resq_tensor_info *info = &s->to->info;
  const resq_quant *q = &info->quant;
  uint64_t size = (uint64_t)resq_packing_code_bytes(q->packing, v->rows, v->width);
  uint8_t *bytes = malloc(size);
  if (!bytes)
    return resq_out_of_memory(s->err, info);
  resq_pack_codes(s->e->threads, v->data, v->rows, v->width, q->packing, q->codebook, bytes);
  resq_pack_scales(v->scales, v->rows, v->width / v->group, first_row, info->rows,
                   (uint16_t *)s->scales);
  bool ok = emit(s, bytes, size);
  free(bytes);
  return ok;
}

static bool emit_block(stream *s, const resq_value *v, int64_t first_row) {
  const resq_tensor_info *info = &s->to->info;
  if (info->kind == RESQ_ELEMENT_I32 && v->kind == RESQ_VALUE_I32)
    return resq_check_indices(s->e, s->param, v->data, v->rows * v->width, s->err) &&
           emit(s, v->data, (uint64_t)(v->rows * v->width) * sizeof(int32_t));
  if (info->kind == RESQ_ELEMENT_QUANT && v->kind == RESQ_VALUE_QUANT &&
      resq_codebook_equal(v->codebook, info->quant.codebook) && v->group == info->quant.group)
    return emit_codes(s, v, first_row);
  if ((info->kind == RESQ_ELEMENT_FLOAT || info->kind == RESQ_ELEMENT_PANEL) &&
      resq_value_is_float(v))
    return emit_floats(s, v);
  return resq_fail(s->err, RESQ_BAD_INPUT, "the value is not of the param's type");
}

/// A multiple of the task size, so that rows get the same bits as in one piece (linalg.h), and of
/// the tile.
static int64_t block_rows(int64_t width) {
  _Static_assert(RESQ_TASK_ROWS % RESQ_TILE_N == 0, "a task has whole tiles");
  int64_t rows = BLOCK_ELEMENTS / width / RESQ_TASK_ROWS * RESQ_TASK_ROWS;
  return rows > 0 ? rows : RESQ_TASK_ROWS;
}

static bool stream_rows(stream *s, int32_t source) {
  const resq_tensor_info *info = &s->to->info;
  int64_t step = block_rows(info->width);
  for (int64_t begin = 0; begin < info->rows; begin += step) {
    int64_t rows = info->rows - begin < step ? info->rows - begin : step;
    resq_value *v = NULL;
    if (!resq_evaluate(s->e, source, (resq_range){begin, rows}, false, &v, s->err))
      return false;
    bool ok = emit_block(s, v, begin);
    resq_value_release(v);
    if (!ok)
      return false;
  }
  return s->scales_size == 0 || emit(s, s->scales, s->scales_size);
}

static bool write_evaluated(resq_evaluator *e, const resq_sink *sink, const layout *to,
                            int32_t source, resq_out *out, resq_error *err) {
  stream s = {.e = e, .param = sink->op, .to = to, .out = out, .err = err};
  if (to->info.kind == RESQ_ELEMENT_QUANT) {
    s.scales_size = to->size - (uint64_t)resq_packing_code_bytes(to->info.quant.packing,
                                                                 to->info.rows, to->info.width);
    s.scales = calloc(1, s.scales_size);
    if (!s.scales)
      return resq_out_of_memory(err, &to->info);
  }
  if (e->cache)
    s.entry = resq_param_cache_begin(e->cache, e->nodes[sink->node].key);
  bool ok = stream_rows(&s, source);
  if (ok)
    resq_param_entry_commit(s.entry);
  else
    resq_param_entry_discard(s.entry);
  free(s.scales);
  return ok;
}

/// Memory of what no later sink reads. When there is none to find out with, all is kept.
static void forget(resq_evaluator *e, int32_t sink) {
  bool *needed = calloc((size_t)e->n_nodes + 1, sizeof *needed);
  if (!needed)
    return;
  for (int32_t s = sink + 1; s < e->n_sinks; ++s)
    resq_mark_needed(e, e->sinks[s].node, needed);
  resq_release_unneeded(e, needed);
  free(needed);
}

bool resq_store_sink(resq_evaluator *e, int32_t index, resq_out *out, resq_error *err) {
  resq_sink *sink = &e->sinks[index];
  layout to;
  int32_t source;
  e->culprit = (MlirOperation){NULL};
  bool ok = choose_layout(e, sink, &to, &source, err);
  resq_map view;
  if (ok && e->cache && resq_param_cache_load(e->cache, e->nodes[sink->node].key, to.size, &view)) {
    // A value is kept for all functions that ever read it: what this one takes it for is looked at again.
    ok = (to.info.kind != RESQ_ELEMENT_I32 ||
          resq_check_indices(e, sink->op, (const int32_t *)(const void *)view.data,
                             to.info.rows * to.info.width, err)) &&
         resq_out_write(out, view.data, to.size, err);
    resq_map_close(&view);
  } else if (ok) {
    ok = write_evaluated(e, sink, &to, source, out, err);
  }
  if (!ok)
    resq_blame(err, mlirOperationIsNull(e->culprit) ? sink->op : e->culprit);
  sink->size = ok ? to.size : 0;
  forget(e, index);
  return ok;
}

bool resq_size_sink(resq_evaluator *e, int32_t index, resq_error *err) {
  resq_sink *sink = &e->sinks[index];
  layout to;
  int32_t source;
  bool ok = choose_layout(e, sink, &to, &source, err);
  if (ok)
    sink->size = to.size;
  else
    resq_blame(err, sink->op);
  return ok;
}
