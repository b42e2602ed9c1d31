//===-- evaluate.h - recipes as a graph of values -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// plan.c numbers the values of all recipes: two ops that compute the same from the
// same operands are one node, across params. evaluate.c computes nodes on demand, by
// ranges of rows where every op between allows it; evaluate_*.c hold one function an op.
// Internal to lowering/recipes/.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_EVALUATE_H
#define RESQ_LOWERING_EVALUATE_H

#include "base/error.h"
#include "dialect/import/checkpoints.h"
#include "dialect/ops.h"
#include "materialize.h"
#include "lowering/numeric/pack.h"
#include "param_cache.h"
#include "lowering/numeric/statistics.h"
#include "value.h"

#define RESQ_MAX_RANK 4
#define RESQ_MAX_PARAM_NESTING 128 ///< gets inside gets
#define RESQ_MAX_RECIPE_DEPTH 4096 ///< ops on one path
#define RESQ_MAX_RESULTS 64        ///< of an op

typedef struct resq_evaluator resq_evaluator;
typedef struct resq_node resq_node;

/// Rows [begin, begin + rows) of a flattened value.
typedef struct resq_range {
  int64_t begin, rows;
} resq_range;

typedef enum resq_mode {
  RESQ_MODE_SOURCE, ///< no operands; any range can be made, cheaply: never kept
  RESQ_MODE_ROWS,   ///< a row of the result needs the same row of the first `ranged` operands, and
                    ///< the others whole
  RESQ_MODE_WHOLE,  ///< all rows at once
  RESQ_MODE_JOINT,  ///< all rows of all results at once: `run` fills out[0 .. results)
} resq_mode;

/// What a rule works on: it computes the rows `range` of `node`.
typedef struct resq_rule_call {
  resq_evaluator *e;
  const resq_node *node;
  resq_range range;
  resq_value *const *operands; ///< those that follow the range hold its rows, the others all rows
} resq_rule_call;

/// Puts a new reference into *out. On failure *out is NULL, and `err` has a message that need not
/// name the op.
typedef bool resq_rule_run(const resq_rule_call *call, resq_value **out, resq_error *err);

/// How an op is evaluated.
typedef struct resq_rule {
  const char *name;
  resq_mode mode;
  int ranged;  ///< ROWS: operands that follow the range; -1: all
  bool costly; ///< worth a cache entry
  resq_rule_run *run;
} resq_rule;

/// Static facts of a tensor type.
typedef enum resq_element_kind {
  RESQ_ELEMENT_FLOAT,
  RESQ_ELEMENT_I32,
  RESQ_ELEMENT_PANEL,
  RESQ_ELEMENT_QUANT,
  RESQ_ELEMENT_OTHER
} resq_element_kind;

typedef struct resq_tensor_info {
  resq_element_kind kind;
  resq_float element; ///< FLOAT, and PANEL's
  resq_quant quant;   ///< QUANT
  int rank;
  int64_t shape[RESQ_MAX_RANK];
  int64_t rows, width; ///< flattened; a vector is one row
} resq_tensor_info;

/// False with a message when type is no statically shaped tensor of rank <= 4 and a sane size.
bool resq_tensor_info_get(MlirType type, resq_tensor_info *out, resq_error *err);

struct resq_node {
  MlirOperation op;      ///< resq.param for a param's value
  const resq_rule *rule; ///< NULL: a param's value, the operand rounded to its type
  resq_mode mode;        ///< rule's, settled for this op's attributes
  int result;            ///< results of a JOINT op are neighbours, in order
  resq_tensor_info info;
  int32_t *operands;
  int32_t n_operands;
  uint64_t key[2];
  int depth;
  bool costly;
  int32_t users;    ///< nodes and written params that read it
  resq_value *memo; ///< whole value, once kept
};

/// What a resq.checkpoint names.
typedef struct resq_named_checkpoint {
  char *symbol;
  const resq_checkpoint *checkpoint; ///< of evaluator.files; NULL: a shape, which has no tensors
  uint64_t digest[2];                ///< identifies the contents in keys
} resq_named_checkpoint;

typedef struct resq_sink {
  MlirOperation op; ///< the resq.param
  int32_t node;
  uint64_t offset, size;
} resq_sink;

struct resq_evaluator {
  MlirOperation module;
  const resq_statistics *statistics;
  resq_param_cache *cache; ///< NULL: none
  int threads;
  resq_node *nodes;
  int32_t n_nodes, node_capacity;
  int32_t *by_key; ///< open addressing over nodes' keys, -1: empty
  int32_t by_key_capacity;
  resq_checkpoints *files; ///< NULL: opened when asked for, closed with the evaluator
  bool owns_files;
  resq_named_checkpoint *checkpoints;
  int32_t n_checkpoints;
  resq_sink *sinks; ///< params that functions read, in module order
  int32_t n_sinks;
  MlirOperation culprit; ///< op whose evaluation failed, for the message
};

//===-- plan.c, plan_nodes.c ----------------------------------------------===//
/// Nodes and sinks of the module. Messages of failures are complete.
bool resq_plan(resq_evaluator *e, resq_error *err);
void resq_plan_free(resq_evaluator *e);
/// The node equal to *node, which is added when there is none. Takes node->operands. kind: the op's
/// name.
bool resq_intern(resq_evaluator *e, resq_node *node, const char *kind, MlirType type, int32_t *out,
                 resq_error *err);
/// Whether `values`, all n elements of an i32 param, may be the indices that functions take them for. indices.c
bool resq_check_indices(resq_evaluator *e, MlirOperation param, const int32_t *values, int64_t n,
                        resq_error *err);

/// "param @name at loc: " before err's message. op: the culprit, its param is found.
void resq_blame(resq_error *err, MlirOperation op);

//===-- checkpoints.c -----------------------------------------------------===//
/// The open checkpoint of symbol `name`; NULL on failure.
resq_named_checkpoint *resq_named_checkpoint_get(resq_evaluator *e, MlirStringRef name,
                                                 resq_error *err);
/// Takes what was read of the files out of memory.
void resq_evaluator_drop_pages(const resq_evaluator *e);
/// Frees what the evaluator knows of checkpoints; files that are somebody else's stay open.
void resq_evaluator_close_checkpoints(resq_evaluator *e);

//===-- evaluate.c --------------------------------------------------------===//
const resq_rule *resq_rule_find(MlirStringRef name);
/// Rows of a node. keep: the whole value stays until the current sink's last use of it.
bool resq_evaluate(resq_evaluator *e, int32_t node, resq_range range, bool keep, resq_value **out,
                   resq_error *err);
/// Sets needed[] of a node and of what it is computed from: nothing behind a value that is kept.
void resq_mark_needed(const resq_evaluator *e, int32_t node, bool *needed);
/// Releases the values that are kept and not needed, and the pages of the checkpoints.
void resq_release_unneeded(resq_evaluator *e, const bool *needed);
bool resq_out_of_memory(resq_error *err, const resq_tensor_info *info);
/// "resq.x: the shapes of operands and result do not agree"; for what verifiers should have caught.
bool resq_bad_shapes(const resq_node *node, resq_error *err);
static inline const resq_tensor_info *resq_operand_info(const resq_evaluator *e,
                                                        const resq_node *node, int i) {
  return &e->nodes[node->operands[i]].info;
}
/// *out = a new value of `rows` rows of the node's width.
bool resq_new_value(const resq_node *node, resq_value_kind kind, int64_t rows, resq_value **out,
                    resq_error *err);

//===-- report.c ----------------------------------------------------------===//
/// What the user should hear of matrices, or why one must not be: before anything is written,
/// whatever a cache holds.
bool resq_report(resq_evaluator *e, const resq_materialize_options *options, resq_error *err);

//===-- store.c -----------------------------------------------------------===//
/// Evaluates sink `index` and appends its bytes to out, or takes them from the cache.
bool resq_store_sink(resq_evaluator *e, int32_t index, resq_out *out, resq_error *err);
/// Sets the size that resq_store_sink would write, and evaluates nothing.
bool resq_size_sink(resq_evaluator *e, int32_t index, resq_error *err);

/// An error where codes that a weight became are E4M3's NaN, which no kernel reads. evaluate_codes.c
bool resq_check_codes(const resq_value *q, resq_error *err);

//===-- One function per op: evaluate_{source,random,matrix,rows,codes,gptq}.c --===//
#define RULE(op, mode, ranged, costly) resq_rule_run resq_evaluate_##op;
#include "lowering/recipes/rules.def"
resq_rule_run resq_evaluate_constant; // arith.constant

#endif // RESQ_LOWERING_EVALUATE_H
