//===-- gpu_wrapper.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "gpu_wrapper.h"

#include "gpu_module.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

bool resq_gpu_is_inside(const resq_actual *a) {
  return resq_actual_is_constant(a) || a->kind == RESQ_ACTUAL_NULL || a->kind == RESQ_ACTUAL_TABLE;
}

//===-- A function being made ---------------------------------------------===//

/// The arguments of a microkernel: those of kernels.def and what its plan chooses.
enum { MOST = RESQ_MAX_FORMALS + 5 };

/// The body of a wrapper.
typedef struct wrapper {
  const resq_gpu_target *chip;
  MlirOperation gpu_module;
  MlirRegion region;
  MlirBlock entry;  ///< its arguments are the wrapper's
  intptr_t n_types; ///< of arguments
  MlirType *types;
  resq_builder b; ///< where the next op goes
} wrapper;

static intptr_t push_types(const resq_kernel_call *k, MlirType *types) {
  intptr_t n = 0;
  for (int i = 0; i < k->kernel->n_formals; i++)
    if (!resq_gpu_is_inside(&k->actuals[i]))
      types[n++] = resq_formal_type(k->frame->ctx, &k->kernel->formals[i]);
  return n;
}

static wrapper open_wrapper(const resq_frame *f, const resq_gpu_target *chip,
                            MlirOperation gpu_module, intptr_t n, MlirType *types) {
  MlirLocation loc = mlirOperationGetLocation(f->source);
  MlirLocation locs[RESQ_GPU_MAX_ARGS];
  assert(n <= RESQ_GPU_MAX_ARGS); // a launch has no more
  for (intptr_t i = 0; i < n; i++)
    locs[i] = loc;
  wrapper w = {.chip = chip,
               .gpu_module = gpu_module,
               .region = mlirRegionCreate(),
               .entry = mlirBlockCreate(n, types, locs),
               .n_types = n,
               .types = types};
  mlirRegionAppendOwnedBlock(w.region, w.entry);
  w.b = resq_build_at_end(w.entry, loc);
  w.b.ctx = f->ctx;
  return w;
}

static void build_return(const wrapper *w) {
  resq_build_op(&w->b, w->chip->target.emulated ? "func.return" : "gpu.return", 0, NULL, 0, NULL, 0,
                NULL);
}

static void close_wrapper(wrapper *w, const char *name, int32_t threads, int32_t blocks_at_once) {
  MlirContext ctx = w->b.ctx;
  const int32_t block[] = {threads, 1, 1};
  MlirNamedAttribute attrs[] = {
      resq_attr(ctx, "function_type",
                mlirTypeAttrGet(mlirFunctionTypeGet(ctx, w->n_types, w->types, 0, NULL))),
      resq_attr_unit(ctx, "gpu.kernel"),
      resq_attr(ctx, "known_block_size", mlirDenseI32ArrayGet(ctx, 3, block)),
      resq_attr(ctx, "nvvm.minctasm",
                mlirIntegerAttrGet(mlirIntegerTypeGet(ctx, 32), blocks_at_once)),
  };
  const intptr_t n_attrs = sizeof attrs / sizeof *attrs - (blocks_at_once ? 0 : 1);
  const bool emulated = w->chip->target.emulated;
  resq_gpu_add_symbol(w->gpu_module, emulated ? "func.func" : "gpu.func", name, w->region,
                      emulated ? 1 : n_attrs, attrs);
}

//===-- Calls -------------------------------------------------------------===//

static void declare(MlirOperation gpu_module, const char *name, MlirType type) {
  if (resq_gpu_has_symbol(gpu_module, name))
    return;
  MlirContext ctx = mlirOperationGetContext(gpu_module);
  const MlirNamedAttribute attrs[] = {
      resq_attr(ctx, "function_type", mlirTypeAttrGet(type)),
      resq_attr_str(ctx, "sym_visibility", "private"),
  };
  resq_gpu_add_symbol(gpu_module, "func.func", name, mlirRegionCreate(), 2, attrs);
}

static MlirValue build_inside(const wrapper *w, const resq_actual *a) {
  if (a->kind == RESQ_ACTUAL_NULL)
    return resq_build_null(&w->b);
  if (a->kind == RESQ_ACTUAL_TABLE)
    return resq_gpu_build_table(&w->b, w->gpu_module, w->chip, a);
  return resq_build_constant(&w->b, a);
}

/// What the plan chooses of a call, behind the arguments of kernels.def.
typedef struct chosen {
  int32_t variant, threads;
  MlirValue scratch; ///< null: none
  MlirValue unit;    ///< null: the grid shares the work
  int64_t units;
} chosen;

/// A call of the microkernel; what it has outside are the wrapper's arguments from `next` on. How many they are.
static intptr_t build_call(const wrapper *w, const resq_kernel_call *k, const chosen *c,
                           intptr_t next) {
  const resq_builder *b = &w->b;
  char kernel[96];
  MlirValue args[MOST];
  MlirType types[MOST];
  intptr_t n = 0, taken = 0;
  snprintf(kernel, sizeof kernel, "%s_%s", k->kernel->name, k->frame->level);
  for (int i = 0; i < k->kernel->n_formals; i++)
    args[n++] = resq_gpu_is_inside(&k->actuals[i]) ? build_inside(w, &k->actuals[i])
                                                   : mlirBlockGetArgument(w->entry, next + taken++);
  args[n++] = resq_build_i64(b, c->variant);
  args[n++] = mlirValueIsNull(c->scratch) ? resq_build_null(b) : c->scratch;
  if (k->kernel->by_units) {
    args[n++] = resq_build_i64(b, c->threads);
    args[n++] = mlirValueIsNull(c->unit) ? resq_build_i64(b, 0) : c->unit;
    args[n++] = resq_build_i64(b, c->units);
  }
  for (intptr_t i = 0; i < n; i++)
    types[i] = mlirValueGetType(args[i]);
  declare(w->gpu_module, kernel, mlirFunctionTypeGet(b->ctx, n, types, 0, NULL));
  MlirNamedAttribute callee = resq_attr_sym(b->ctx, "callee", kernel);
  resq_build_op(b, "func.call", n, args, 0, NULL, 1, &callee);
  return taken;
}

static MlirAttribute symbol_of(MlirOperation gpu_module, const char *name) {
  MlirContext ctx = mlirOperationGetContext(gpu_module);
  MlirAttribute leaf = mlirFlatSymbolRefAttrGet(ctx, resq_str(name));
  return mlirSymbolRefAttrGet(ctx, resq_symbol_name(gpu_module), 1, &leaf);
}

//===-- The wrapper of a call ---------------------------------------------===//

enum { NAME = 1024 };

/// Adds what resq_wrapper_name does not say: null pointers, arrays, and what the plan chose. Plans of equal variants
/// have equal blocks.
static void name_wrapper(const resq_kernel_call *k, int32_t variant, bool scratch, char *out,
                         size_t size) {
  resq_wrapper_name(k, out, size);
  size_t used = strlen(out);
  for (int i = 0; i < k->kernel->n_formals && used < size; i++) {
    char table[RESQ_TABLE_NAME];
    if (k->actuals[i].kind == RESQ_ACTUAL_NULL) {
      used += (size_t)snprintf(out + used, size - used, "_null%d", i);
    } else if (k->actuals[i].kind == RESQ_ACTUAL_TABLE) {
      resq_gpu_name_table(&k->actuals[i], table);
      used += (size_t)snprintf(out + used, size - used, "_%s", table);
    }
  }
  if (variant && used < size)
    used += (size_t)snprintf(out + used, size - used, "_v%" PRId32, variant);
  if (scratch && used < size)
    used += (size_t)snprintf(out + used, size - used, "_scratch");
  // At most 32 arguments of 21 characters, or of an array's name, of which no kernel has more than one.
  assert(used < size);
}

static void make_wrapper(const resq_kernel_call *k, const resq_gpu_target *chip,
                         const resq_gpu_plan *plan, MlirOperation gpu_module, const char *name) {
  MlirType types[MOST];
  intptr_t n = push_types(k, types);
  if (plan->scratch_bytes)
    types[n++] = mlirTypeParseGet(k->frame->ctx, resq_str("!llvm.ptr"));
  wrapper w = open_wrapper(k->frame, chip, gpu_module, n, types);
  const chosen c = {.variant = plan->variant,
                    .threads = plan->threads,
                    .scratch = plan->scratch_bytes ? mlirBlockGetArgument(w.entry, n - 1)
                                                   : (MlirValue){NULL}};
  const intptr_t taken = build_call(&w, k, &c, 0);
  assert(taken + (plan->scratch_bytes > 0) == n); // as many are passed on as the wrapper takes
  (void)taken;
  build_return(&w);
  close_wrapper(&w, name, plan->threads, plan->blocks_at_once);
}

resq_gpu_wrapper resq_gpu_wrapper_of(const resq_kernel_call *k, const resq_gpu_target *chip,
                                     const resq_gpu_plan *plan, MlirOperation gpu_module) {
  char name[NAME];
  name_wrapper(k, plan->variant, plan->scratch_bytes > 0, name, sizeof name);
  if (!resq_gpu_has_symbol(gpu_module, name))
    make_wrapper(k, chip, plan, gpu_module, name);
  return (resq_gpu_wrapper){.symbol = symbol_of(gpu_module, name),
                            .takes_scratch = plan->scratch_bytes > 0};
}

//===-- The wrapper of a group --------------------------------------------===//

/// "resq_group_cuda__add__rms_norm__t160__0123456789abcdef": the kernels, the threads, and the hash of all that is
/// inside.
static void name_group(const resq_group *g, const resq_group_shape *shape, char *out, size_t size) {
  XXH64_hash_t hash = 0;
  size_t used = (size_t)snprintf(out, size, "resq_group_%s", g->calls[0].call.frame->level);
  for (int i = 0; i < g->n; i++) {
    const resq_group_call *c = &g->calls[i];
    char inside[NAME + 64], name[NAME];
    name_wrapper(&c->call, c->plan.unit.variant, false, name, sizeof name);
    snprintf(inside, sizeof inside, "%s chain %d units %" PRId64 "\n", name, c->chain,
             shape->units[c->chain]);
    hash = XXH3_64bits_withSeed(inside, strlen(inside), hash);
    used +=
        (size_t)snprintf(out + used, size - used, "__%s", c->call.kernel->name + strlen("resq_"));
  }
  used += (size_t)snprintf(out + used, size - used, "__t%" PRId32 "__%016" PRIx64, shape->threads,
                           (uint64_t)hash);
  assert(used < size); // RESQ_GROUP_MOST names of kernels
}

/// The block's number, i64.
static MlirValue build_block_number(const wrapper *w) {
  const resq_builder *b = &w->b;
  MlirType i64 = mlirIntegerTypeGet(b->ctx, 64);
  if (w->chip->target.emulated) {
    declare(w->gpu_module, "emulator_block_x", mlirFunctionTypeGet(b->ctx, 0, NULL, 1, &i64));
    MlirNamedAttribute callee = resq_attr_sym(b->ctx, "callee", "emulator_block_x");
    return resq_build_value(b, "func.call", 0, NULL, i64, 1, &callee);
  }
  MlirNamedAttribute x =
      resq_attr(b->ctx, "dimension", mlirAttributeParseGet(b->ctx, resq_str("#gpu<dim x>")));
  MlirValue index = resq_build_value(b, "gpu.block_id", 0, NULL, mlirIndexTypeGet(b->ctx), 1, &x);
  return resq_build_value(b, "arith.index_cast", 1, &index, i64, 0, NULL);
}

/// All threads of the block wait for each other and see what they wrote.
static void build_barrier(const wrapper *w) {
  const resq_builder *b = &w->b;
  if (!w->chip->target.emulated) {
    resq_build_op(b, "gpu.barrier", 0, NULL, 0, NULL, 0, NULL);
    return;
  }
  declare(w->gpu_module, "emulator_sync_block", mlirFunctionTypeGet(b->ctx, 0, NULL, 0, NULL));
  MlirNamedAttribute callee = resq_attr_sym(b->ctx, "callee", "emulator_sync_block");
  resq_build_op(b, "func.call", 0, NULL, 0, NULL, 1, &callee);
}

static MlirValue build_i64_op(const wrapper *w, const char *op, MlirValue a, int64_t b) {
  const MlirValue operands[] = {a, resq_build_i64(&w->b, b)};
  return resq_build_value(&w->b, op, 2, operands, mlirValueGetType(a), 0, NULL);
}

/// Goes on in a new block where `number` is below `limit`, which the result of this is, else in another, where the
/// wrapper then builds.
static MlirBlock build_choice(wrapper *w, MlirValue number, int64_t limit) {
  const resq_builder *b = &w->b;
  MlirType i1 = mlirIntegerTypeGet(b->ctx, 1);
  MlirNamedAttribute less = resq_attr(
      b->ctx, "predicate", mlirIntegerAttrGet(mlirIntegerTypeGet(b->ctx, 64), 2 /* slt */));
  const MlirValue operands[] = {number, resq_build_i64(b, limit)};
  MlirValue is_below = resq_build_value(b, "arith.cmpi", 2, operands, i1, 1, &less);
  MlirBlock blocks[] = {mlirBlockCreate(0, NULL, NULL), mlirBlockCreate(0, NULL, NULL)};
  mlirRegionAppendOwnedBlock(w->region, blocks[0]);
  mlirRegionAppendOwnedBlock(w->region, blocks[1]);
  MlirOperationState state = mlirOperationStateGet(resq_str("llvm.cond_br"), b->loc);
  const int32_t sizes[] = {1, 0, 0};
  MlirNamedAttribute segments = resq_attr_segments(b->ctx, 3, sizes);
  mlirOperationStateAddOperands(&state, 1, &is_below);
  mlirOperationStateAddSuccessors(&state, 2, blocks);
  mlirOperationStateAddAttributes(&state, 1, &segments);
  mlirBlockAppendOwnedOperation(b->block, mlirOperationCreate(&state));
  w->b.block = blocks[1];
  return blocks[0];
}

/// The calls of a chain, one after the other. `ahead`: those of parameters that are not the first's, which sees to its own.
static void build_calls(const wrapper *w, const resq_group *g, const resq_group_shape *shape,
                        int chain, MlirValue unit, bool ahead) {
  intptr_t next = 0;
  bool first = true;
  for (int i = 0; i < g->n; i++) {
    const resq_group_call *c = &g->calls[i];
    const bool is_left_out = c->chain != chain || (ahead && (first || !c->plan.unit.ahead));
    const chosen own = {.variant = ahead ? RESQ_GPU_AHEAD : c->plan.unit.variant,
                        .threads = shape->threads,
                        .unit = unit,
                        .units = shape->units[chain]};
    MlirType types[MOST];
    if (!is_left_out && !first && !ahead)
      build_barrier(w);
    next += is_left_out ? push_types(&c->call, types) : build_call(w, &c->call, &own, next);
    first &= c->chain != chain;
  }
}

static void build_chain(const wrapper *w, const resq_group *g, const resq_group_shape *shape,
                        int chain, MlirValue unit) {
  build_calls(w, g, shape, chain, unit, true);
  build_calls(w, g, shape, chain, unit, false);
  build_return(w);
}

/// Blocks are the units of row 0, of all chains one after the other, those of row 1, ...
static void build_chains(wrapper *w, const resq_group *g, const resq_group_shape *shape) {
  MlirValue block = build_block_number(w);
  if (g->n_chains == 1) {
    build_chain(w, g, shape, 0, block);
    return;
  }
  MlirValue row = build_i64_op(w, "arith.divui", block, shape->all_units);
  MlirValue number = build_i64_op(w, "arith.remui", block, shape->all_units);
  int64_t begin = 0;
  for (int i = 0; i < g->n_chains; i++) {
    wrapper own = *w;
    if (i + 1 < g->n_chains)
      own.b.block = build_choice(w, number, begin + shape->units[i]);
    const MlirValue sum[] = {build_i64_op(&own, "arith.muli", row, shape->units[i]),
                             build_i64_op(&own, "arith.subi", number, begin)};
    MlirValue unit = resq_build_value(&own.b, "arith.addi", 2, sum, mlirValueGetType(row), 0, NULL);
    build_chain(&own, g, shape, i, unit);
    begin += shape->units[i];
  }
}

MlirAttribute resq_gpu_group_wrapper(const resq_group *g, const resq_group_shape *shape,
                                     const resq_gpu_target *chip, MlirOperation gpu_module) {
  char name[NAME];
  name_group(g, shape, name, sizeof name);
  if (!resq_gpu_has_symbol(gpu_module, name)) {
    MlirType types[RESQ_GPU_MAX_ARGS + MOST];
    intptr_t n = 0;
    for (int i = 0; i < g->n; i++)
      n += push_types(&g->calls[i].call, types + n);
    wrapper w = open_wrapper(g->calls[0].call.frame, chip, gpu_module, n, types);
    build_chains(&w, g, shape);
    close_wrapper(&w, name, shape->threads, 1); // as many registers as it likes
  }
  return symbol_of(gpu_module, name);
}
