//===-- group.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "group.h"

#include "gpu_wrapper.h"

#include <assert.h>
#include <string.h>

enum {
  LEAST_THREADS = 64, ///< with work in a block, so that a chain is not cut finer than it pays
  /// A thread's share at most, counted in what its plan gives a thread: the grid shares more than that better.
  MOST_WORK = 2,
  /// With many rows blocks of other rows run beside a block, which has fewer threads that do more each.
  MANY_SHARE = 4,
  MANY_THREADS = 512,
};

int64_t resq_call_rows_of(const resq_kernel_call *k) {
  for (int i = 0; i < k->kernel->n_formals; i++)
    if (k->actuals[i].kind == RESQ_ACTUAL_ROWS)
      return k->actuals[i].index;
  return -1;
}

/// The first argument that must have as many rows: equal numbers have equal ones.
static int64_t same_rows(const resq_kernel_call *k) {
  const int64_t argument = resq_call_rows_of(k);
  return argument < 0 ? -1 : k->frame->entry->row.args[argument].rows_as;
}

static int outside_args(const resq_kernel_call *k) {
  int n = 0;
  for (int i = 0; i < k->kernel->n_formals; i++)
    n += !resq_gpu_is_inside(&k->actuals[i]);
  return n;
}

//===-- What two calls do to each other -----------------------------------===//

/// An argument of a call.
typedef struct access {
  const resq_formal *formal;
  const resq_actual *actual;
  bool is_cut; ///< it has a stride: units have columns of it
} access;

static access access_of(const resq_kernel_call *k, int i) {
  access a = {&k->kernel->formals[i], &k->actuals[i], false};
  for (int j = 0; j < k->kernel->n_formals; j++)
    a.is_cut |= k->kernel->formals[j].kind == RESQ_FORMAL_STRIDE &&
                !strcmp(k->kernel->formals[j].of, a.formal->name);
  return a;
}

/// True of what calls may write. What lies behind codes is in their buffer.
static bool is_memory(access a) {
  if (a.formal->kind == RESQ_FORMAL_READ_BEHIND || a.formal->kind == RESQ_FORMAL_WRITE_BEHIND)
    return false;
  return a.actual->kind == RESQ_ACTUAL_WORKSPACE || a.actual->kind == RESQ_ACTUAL_ARGUMENT ||
         a.actual->kind == RESQ_ACTUAL_CACHE;
}

/// Whether both touch the same memory, and one of them writes it.
static bool meet(access a, access b) {
  if (!is_memory(a) || !is_memory(b) || a.actual->kind != b.actual->kind)
    return false;
  if (!resq_formal_is_written(a.formal) && !resq_formal_is_written(b.formal))
    return false;
  if (a.actual->kind != RESQ_ACTUAL_WORKSPACE)
    return a.actual->index == b.actual->index;
  const resq_range p = a.actual->place.buffer, q = b.actual->place.buffer;
  return p.begin < q.begin + q.size && q.begin < p.begin + p.size;
}

/// Whether a unit of a row that is cut into `units` touches the same bytes of both.
static bool same_unit(access a, access b, int64_t units) {
  const resq_place *p = &a.actual->place, *q = &b.actual->place;
  if (a.actual->kind == RESQ_ACTUAL_CACHE || p->buffer.begin != q->buffer.begin ||
      p->stride != q->stride || p->element != q->element)
    return false;
  if (units == 1)
    return true;
  return a.is_cut && b.is_cut && p->offset == q->offset && !mlirValueIsNull(p->value) &&
         !mlirValueIsNull(q->value) && resq_width(p->value) == resq_width(q->value);
}

typedef enum relation { APART, BY_UNITS, CLASH } relation;

static relation relation_of(const resq_kernel_call *a, const resq_kernel_call *b, int64_t units) {
  relation found = APART;
  for (int i = 0; i < a->kernel->n_formals; i++)
    for (int j = 0; j < b->kernel->n_formals; j++) {
      const access x = access_of(a, i), y = access_of(b, j);
      if (!meet(x, y))
        continue;
      if (!same_unit(x, y, units))
        return CLASH;
      found = BY_UNITS;
    }
  return found;
}

//===-- Joining -----------------------------------------------------------===//

static int64_t common_divisor(int64_t a, int64_t b) {
  while (b) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/// The chain that the call depends on, n_chains: none, -1: several.
static int chain_of(const resq_group *g, const resq_kernel_call *k) {
  int found = g->n_chains;
  for (int i = 0; i < g->n; i++) {
    if (relation_of(&g->calls[i].call, k, 1) == APART || g->calls[i].chain == found)
      continue;
    if (found != g->n_chains)
      return -1;
    found = g->calls[i].chain;
  }
  return found;
}

/// Whether `k` is compatible with all calls of a chain whose rows are cut into `units`.
static bool is_by_units(const resq_group *g, int chain, const resq_kernel_call *k, int64_t units) {
  for (int i = 0; i < g->n; i++)
    if (g->calls[i].chain == chain && relation_of(&g->calls[i].call, k, units) == CLASH)
      return false;
  return true;
}

static bool has_few_rows(const resq_kernel_call *k) {
  return k->frame->max_rows <= RESQ_GPU_FEW_ROWS;
}

/// Threads that have work in a unit of a chain whose rows are cut into `units`.
static int64_t threads_of(const resq_group *g, int chain, int64_t units) {
  int64_t most = 1;
  for (int i = 0; i < g->n; i++)
    if (g->calls[i].chain == chain)
      most = resq_plan_most(most, resq_plan_ceil(g->calls[i].plan.unit.threads, units));
  return most;
}

/// Whether a block does not have too much of a call: of what several blocks could share, and of many rows of anything.
static bool is_shared_well(const resq_kernel_call *k, const resq_gpu_plan *plan, int64_t units) {
  if (!has_few_rows(k) &&
      resq_plan_ceil(plan->unit.threads, units) > (int64_t)MANY_SHARE * MANY_THREADS)
    return false;
  return plan->unit.most == units ||
         resq_plan_ceil(plan->unit.threads, units) <= MOST_WORK * RESQ_GPU_MOST_THREADS;
}

static bool is_chain_shared_well(const resq_group *g, int chain, int64_t units) {
  for (int i = 0; i < g->n; i++)
    if (g->calls[i].chain == chain && !is_shared_well(&g->calls[i].call, &g->calls[i].plan, units))
      return false;
  return true;
}

static bool is_room(const resq_group *g, const resq_kernel_call *k) {
  int args = outside_args(k);
  for (int i = 0; i < g->n; i++)
    args += outside_args(&g->calls[i].call);
  return g->n < RESQ_GROUP_MOST && args <= RESQ_GPU_MAX_ARGS &&
         (g->n == 0 || same_rows(&g->calls[0].call) == same_rows(k));
}

static void add(resq_group *g, const resq_kernel_call *k, const resq_gpu_plan *plan, int chain,
                int64_t most) {
  g->calls[g->n++] = (resq_group_call){*k, *plan, chain};
  g->most[chain] = most;
  if (chain == g->n_chains)
    g->n_chains++;
}

bool resq_group_take(resq_group *g, const resq_kernel_call *k, const resq_gpu_plan *plan) {
  if (!plan->unit.most || plan->scratch_bytes || !is_room(g, k))
    return false;
  const int chain = chain_of(g, k);
  if (chain < 0)
    return false;
  if (chain == g->n_chains) {
    // Blocks of other rows keep the chip busy where there are many: a chain beside would only crowd them.
    if (chain > 0 && !has_few_rows(k))
      return false;
    add(g, k, plan, chain, plan->unit.most);
    return true;
  }
  int64_t most = common_divisor(g->most[chain], plan->unit.most);
  if (!is_by_units(g, chain, k, most))
    most = 1;
  if (!is_by_units(g, chain, k, most) || !is_shared_well(k, plan, most) ||
      !is_chain_shared_well(g, chain, most))
    return false;
  add(g, k, plan, chain, most);
  return true;
}

//===-- The launch --------------------------------------------------------===//

/// Units of a row: as many as leave a block enough to do.
static int64_t units_of(const resq_group *g, int chain) {
  const int64_t least = LEAST_THREADS * (has_few_rows(&g->calls[0].call) ? 1 : MANY_SHARE);
  for (int64_t units = g->most[chain]; units > 1; units--)
    if (g->most[chain] % units == 0 && threads_of(g, chain, units) >= least)
      return units;
  return 1;
}

resq_group_shape resq_group_shape_of(const resq_group *g) {
  resq_group_shape s = {0};
  int64_t wanted = 0, most = RESQ_GPU_MOST_THREADS;
  for (int i = 0; i < g->n_chains; i++) {
    s.units[i] = units_of(g, i);
    s.all_units += s.units[i];
    wanted = resq_plan_most(wanted, threads_of(g, i, s.units[i]));
  }
  for (int i = 0; i < g->n; i++) {
    most = resq_plan_least(most, g->calls[i].plan.unit.most_threads);
    s.shared_bytes = (int32_t)resq_plan_most(s.shared_bytes, g->calls[i].plan.unit.shared_bytes);
  }
  if (!has_few_rows(&g->calls[0].call))
    wanted = resq_plan_ceil(wanted, MANY_SHARE);
  s.threads = resq_plan_threads(wanted, 32, most);
  return s;
}
