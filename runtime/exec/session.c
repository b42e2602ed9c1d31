//===-- session.c - threads and memory of one run -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All that a call needs is allocated here, once: a call allocates nothing. Caches are
// anonymous pages, zero and unbacked until a token is stored.
//===----------------------------------------------------------------------===//
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/checked.h"
#include "base/cpus.h"
#include "exec/session_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/// When neither the caller nor the model says how much a sequence holds.
#define DEFAULT_CAPACITY 2048
/// Positions are int32.
#define MAX_CAPACITY ((int64_t)INT32_MAX / RESQ_CAPACITY_STEP * RESQ_CAPACITY_STEP)
#define MAX_SEQUENCES ((int64_t)1 << 20)

uint8_t *resq_pages_new(uint64_t size) {
  void *p = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

void resq_pages_free(uint8_t *pages, uint64_t size) {
  if (pages)
    munmap(pages, size ? size : 1);
}

const resq_entry **resq_session_entries(const resq_session *s, const char *function, int *count) {
  const resq_entry **first = NULL;
  *count = 0;
  for (int i = 0; i < s->n_entries; ++i) {
    if (strcmp(s->entries[i]->function, function))
      continue;
    if (!first)
      first = &s->entries[i];
    ++*count;
  }
  return first;
}

static bool names_rows(const resq_arg *a) {
  for (int32_t r = 0; r < a->n_rules; ++r)
    if (a->rules[r].kind == RESQ_RULE_ROW)
      return true;
  return false;
}

/// (tokens, positions, sequences, logit_rows) -> logits, as resq_session_forward needs it: the
/// first three may be cut anywhere, and the fourth says which of their rows, in order, give one of
/// logits each.
static bool is_forward(const resq_entry *e) {
  if (e->n_args != 5)
    return false;
  for (int i = 0; i < 4; ++i)
    if (e->args[i].dtype != RESQ_I32 || e->args[i].width || e->args[i].rows != -1 ||
        e->args[i].is_result || (names_rows(&e->args[i]) && i < 3))
      return false;
  for (int32_t r = 0; r < e->args[3].n_rules; ++r)
    if (e->args[3].rules[r].kind != RESQ_RULE_ROW || e->args[3].rules[r].argument > 2)
      return false;
  const resq_arg *logits = &e->args[4];
  return logits->dtype == RESQ_F32 && logits->is_result && logits->width > 0 &&
         logits->rows == -1 && e->args[3].rows_as == 3 && logits->rows_as == 3;
}

static bool check_params_present(const resq_session *s, resq_error *err) {
  return !s->model->params_absent ||
         resq_fail(err, RESQ_BAD_INPUT,
                   "the file holds no parameters: it was compiled with --params=absent and has to "
                   "be filled in before it runs");
}

static bool choose_capacity(resq_session *s, const resq_session_options *o, resq_error *err) {
  int64_t capacity = o->capacity ? o->capacity : s->model->program->context_length;
  if (o->capacity == 0 && capacity <= 0)
    capacity = DEFAULT_CAPACITY;
  if (capacity < 1 || capacity > MAX_CAPACITY)
    return resq_fail(err, RESQ_USAGE, "capacity of %" PRId64 " tokens, allowed: 1 to %" PRId64,
                     capacity, MAX_CAPACITY);
  if (o->sequences < 0 || o->sequences > MAX_SEQUENCES)
    return resq_fail(err, RESQ_USAGE, "%" PRId64 " sequences, allowed: 1 to %" PRId64, o->sequences,
                     MAX_SEQUENCES);
  s->capacity = (capacity + RESQ_CAPACITY_STEP - 1) / RESQ_CAPACITY_STEP * RESQ_CAPACITY_STEP;
  s->sequences = o->sequences ? o->sequences : 1;
  return true;
}

/// Memory and code are a device's.
static bool on_gpu(const resq_session *s) { return s->cuda != NULL; }

static bool fail_cache(const resq_session *s, int32_t i, resq_error *err) {
  return resq_fail(err, RESQ_NO_MEMORY,
                   "no memory for cache %" PRId32 " of %" PRId32 ": %" PRId64
                   " bytes a token, %" PRId64 " tokens, %" PRId64 " sequences",
                   i + 1, s->model->program->n_caches, s->model->program->caches[i].bytes_per_token,
                   s->capacity, s->sequences);
}

/// How large the caches are, wherever they will be.
static bool size_caches(resq_session *s, resq_error *err) {
  const resq_program *p = s->model->program;
  s->cache_bytes = calloc(p->n_caches ? (size_t)p->n_caches : 1, sizeof *s->cache_bytes);
  if (!s->cache_bytes)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for %" PRId32 " caches", p->n_caches);
  for (int32_t i = 0; i < p->n_caches; ++i) {
    uint64_t bytes;
    const resq_cache *cache = &p->caches[i];
    if (!resq_mul_u64((uint64_t)cache->bytes_per_token, (uint64_t)s->capacity, &bytes) ||
        !resq_add_u64(bytes, (uint64_t)cache->bytes_per_sequence, &bytes) ||
        !resq_mul_u64(bytes, (uint64_t)s->sequences, &bytes) || bytes >= SIZE_MAX / 2)
      return fail_cache(s, i, err);
    s->cache_bytes[i] = bytes;
  }
  return true;
}

/// The CPU's caches.
static bool allocate_caches(resq_session *s, resq_error *err) {
  const int32_t n = s->model->program->n_caches;
  s->caches = calloc(n ? (size_t)n : 1, sizeof *s->caches);
  if (!s->caches)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for %" PRId32 " caches", n);
  for (int32_t i = 0; i < n && !on_gpu(s); ++i)
    if (!(s->caches[i] = resq_pages_new(s->cache_bytes[i])))
      return fail_cache(s, i, err);
  return true;
}

/// What is known of each sequence in each cache: nothing yet.
static bool allocate_held(resq_session *s, resq_error *err) {
  const resq_program *p = s->model->program;
  s->rewind = -1;
  for (int32_t i = 0; i < p->n_caches; ++i)
    if (p->caches[i].rewind >= 0 && (s->rewind < 0 || p->caches[i].rewind < s->rewind))
      s->rewind = p->caches[i].rewind;
  const size_t n = (size_t)s->sequences * (size_t)(p->n_caches ? p->n_caches : 1);
  s->held = calloc(n, sizeof *s->held);
  s->next_held = calloc(n, sizeof *s->next_held);
  s->alike = calloc(p->n_caches ? (size_t)p->n_caches : 1, sizeof *s->alike);
  if (s->held && s->next_held && s->alike) {
    resq_find_alike_caches(s);
    return true;
  }
  return resq_fail(err, RESQ_NO_MEMORY, "no memory for %" PRId64 " sequences", s->sequences);
}

/// Workspace, tickets and row lists for the entry that needs most of each.
static bool allocate_for_entries(resq_session *s, resq_error *err) {
  int32_t ops = 1;
  for (int i = 0; i < s->n_entries; ++i) {
    const resq_entry *e = s->entries[i];
    if ((uint64_t)e->workspace_bytes > s->workspace_bytes)
      s->workspace_bytes = (uint64_t)e->workspace_bytes;
    if (e->n_ops > ops)
      ops = e->n_ops;
  }
  int64_t rows = resq_session_chunk(s);
  // A GPU's is its own; a page stands for it here.
  s->workspace = resq_pages_new(on_gpu(s) ? 0 : s->workspace_bytes);
  s->tickets = calloc((size_t)ops, sizeof *s->tickets);
  s->chunk_rows = calloc(rows ? (size_t)rows : 1, sizeof *s->chunk_rows);
  if (!s->workspace || !s->tickets || !s->chunk_rows)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for a workspace of %" PRIu64 " bytes",
                     s->workspace_bytes);
  // Activations are touched all the time: large pages save TLB misses where the system grants them.
  if (!on_gpu(s))
    madvise(s->workspace, s->workspace_bytes, MADV_HUGEPAGE);
  return true;
}

/// How long waiting threads spin: $RESQ_SPIN_US, for machines whose cores are not ours alone (0) or
/// all ours.
static bool spin_budget(int64_t *out_ns, resq_error *err) {
  const char *text = getenv("RESQ_SPIN_US");
  *out_ns = RESQ_SPIN_NS;
  if (!text || !*text)
    return true;
  char *end;
  long us = strtol(text, &end, 10);
  if (*end || us < 0 || us > 1000000)
    return resq_fail(err, RESQ_USAGE, "RESQ_SPIN_US is '%.50s', allowed: 0 to 1000000", text);
  *out_ns = us * 1000;
  return true;
}

static bool start_threads(resq_session *s, int threads, resq_error *err) {
  if (threads == 0)
    threads = resq_cpus_default();
  int64_t spin_ns;
  if (!spin_budget(&spin_ns, err))
    return false;
  s->pool = resq_pool_create(threads, spin_ns, err);
  if (!s->pool)
    return false;
  s->scratch_bytes = (uint64_t)threads * RESQ_SCRATCH_BYTES;
  s->scratch = resq_pages_new(s->scratch_bytes);
  s->workers = calloc((size_t)threads, sizeof *s->workers);
  if (!s->scratch || !s->workers)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for the scratch space of %d threads", threads);
  for (int i = 0; i < threads; ++i)
    s->workers[i] = (resq_worker){.call = &s->call,
                                  .index = i,
                                  .count = threads,
                                  .scratch = s->scratch + (uint64_t)i * RESQ_SCRATCH_BYTES};
  return true;
}

/// The entries of the level, and of them @forward.
static bool take_device(resq_session *s, const resq_session_options *o, bool dry, resq_error *err) {
  if (!resq_session_take_device(s, o, dry, err))
    return false;
  s->forward = resq_session_entries(s, "forward", &s->n_forward);
  if (s->forward && !is_forward(s->forward[0])) {
    s->forward = NULL;
    s->n_forward = 0;
  }
  return true;
}

static void describe_call(resq_session *s) {
  s->call = (resq_call){.params = s->model->params,
                        .workspace = s->workspace,
                        .caches = s->caches,
                        .capacity = s->capacity,
                        .sequences = s->sequences,
                        .tickets = s->tickets,
                        .barrier = s->pool,
                        .phase = resq_call_phase,
                        .op_done = resq_call_op_done};
}

resq_session *resq_session_create(resq_model *model, const resq_session_options *options,
                                  resq_message *why) {
  static const resq_session_options defaults = {0};
  const resq_session_options *o = options ? options : &defaults;
  resq_error err = {RESQ_FAILED, ""};
  resq_session *s = model ? calloc(1, sizeof *s) : NULL;
  if (!s) {
    if (model)
      resq_fail(&err, RESQ_NO_MEMORY, "no memory for a session");
    else
      resq_fail(&err, RESQ_USAGE, "resq_session_create: the model is NULL");
    resq_tell(why, &err);
    return NULL;
  }
  s->model = model;
  if (check_params_present(s, &err) && choose_capacity(s, o, &err) && size_caches(s, &err) &&
      start_threads(s, o->threads, &err) && take_device(s, o, false, &err) &&
      allocate_caches(s, &err) && allocate_held(s, &err) && allocate_for_entries(s, &err)) {
    describe_call(s);
    return s;
  }
  resq_tell(why, &err);
  resq_session_destroy(s);
  return NULL;
}

bool resq_model_device(resq_model *model, const resq_session_options *options, resq_device *out,
                       resq_error *err) {
  resq_session s = {.model = model};
  *out = (resq_device){0};
  const bool ok = choose_capacity(&s, options, err) && size_caches(&s, err) &&
                  take_device(&s, options, true, err);
  if (ok) {
    out->level = s.level;
    out->is_gpu = s.entries[0]->gpu;
    snprintf(out->about, sizeof out->about, "%s", s.about);
  }
  free(s.cache_bytes);
  free(s.entries);
  return ok;
}

void resq_session_destroy(resq_session *s) {
  if (!s)
    return;
  const bool gpu = on_gpu(s);
  resq_cuda_destroy(s->cuda);
  resq_pool_destroy(s->pool);
  for (int32_t i = 0; s->caches && s->cache_bytes && i < s->model->program->n_caches; ++i)
    resq_pages_free(s->caches[i], s->cache_bytes[i]);
  for (int i = 0; s->times && i < s->n_entries; ++i)
    free(s->times[i].op_ns);
  resq_pages_free(s->workspace, gpu ? 0 : s->workspace_bytes);
  resq_pages_free(s->scratch, s->scratch_bytes);
  free(s->times);
  free(s->caches);
  free(s->cache_bytes);
  free(s->held);
  free(s->next_held);
  free(s->alike);
  free(s->tickets);
  free(s->chunk_rows);
  free(s->workers);
  free(s->entries);
  free(s);
}

int64_t resq_session_vocabulary(const resq_session *s) {
  return s->forward ? s->forward[0]->args[4].width : 0;
}

int64_t resq_session_chunk(const resq_session *s) {
  return s->forward ? s->forward[s->n_forward - 1]->max_rows : 0;
}

int64_t resq_session_capacity(const resq_session *s) { return s->capacity; }

int64_t resq_session_rewind(const resq_session *s) { return s->rewind; }

resq_pool *resq_session_pool(const resq_session *s) { return s->pool; }

const char *resq_session_level(const resq_session *s) { return s->level; }

const char *resq_session_note(const resq_session *s) { return s->fell_back ? s->about : NULL; }

void resq_session_observe(resq_session *s, resq_site_observer observe, void *user) {
  s->call.observe = observe;
  s->call.observe_user = user;
}
