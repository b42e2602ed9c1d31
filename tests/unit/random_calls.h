//===-- random_calls.h - calls of a compiled library made of bytes --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes choose a function, extents, addresses and values, most of them right. Whether a call is legal is
// told twice: by the run time, and by the table below, which was written by hand beside the module. Every
// array ends where a page begins that nobody may touch, so compiled code, which no sanitizer sees, cannot
// leave it unnoticed. For a seeded test and a fuzz target.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_RANDOM_CALLS_H
#define RESQ_TESTS_RANDOM_CALLS_H

#include "lowering/driver/compile.h"
#include "resq/abi.h"
#include "resq/session.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char calls_module[] =
    "module {\n"
    "  resq.kv_cache @a heads 1 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f32>\n"
    "  resq.kv_cache @w heads 1 size 16 keys #resq.kv_qjl_groups<rows = 32, outliers = 1, "
    "outlier_rows = 16, buffer = 32, window = 64> values #resq.kv_float<f16>\n"
    "  resq.param @s : tensor<32x16xf32> {\n"
    "    %0 = resq.sketch_matrix seed 3 : tensor<32x16xf64>\n"
    "    %1 = resq.cast %0 : tensor<32x16xf64> -> tensor<32x16xf32>\n"
    "    resq.yield %1 : tensor<32x16xf32>\n"
    "  }\n"
    "  resq.param @t : tensor<40x8xf32> {\n"
    "    %0 = arith.constant dense<0.5> : tensor<40x8xf32>\n"
    "    resq.yield %0 : tensor<40x8xf32>\n"
    "  }\n"
    "  func.func @look(%i: tensor<?xi32>) -> tensor<?x8xf32> {\n"
    "    %t = resq.get @t : tensor<40x8xf32>\n"
    "    %y = resq.embed %i, %t : tensor<?xi32>, tensor<40x8xf32> -> tensor<?x8xf32>\n"
    "    return %y : tensor<?x8xf32>\n"
    "  }\n"
    "  func.func @pick(%x: tensor<?x8xf32>, %i: tensor<?xi32>) -> tensor<?x8xf32> {\n"
    "    %y = resq.gather_rows %x, %i : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>\n"
    "    return %y : tensor<?x8xf32>\n"
    "  }\n"
    "  func.func @turn(%x: tensor<?x8xf32>, %o: tensor<8xi32>) -> tensor<?x8xf32> {\n"
    "    %y = resq.permute %x by %o : tensor<8xi32> : tensor<?x8xf32> -> tensor<?x8xf32>\n"
    "    return %y : tensor<?x8xf32>\n"
    "  }\n"
    "  func.func @angle(%p: tensor<?xi32>) -> tensor<?x8xf32> {\n"
    "    %y = resq.rope_angles %p {base = 10000.0 : f32} : tensor<?xi32> -> tensor<?x8xf32>\n"
    "    return %y : tensor<?x8xf32>\n"
    "  }\n"
    "  func.func @write(%k: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) {\n"
    "    resq.kv_append @a, %k, %k at %p, %s : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>\n"
    "    return\n"
    "  }\n"
    "  func.func @read(%q: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> "
    "tensor<?x16xf32> {\n"
    "    %y = resq.attention @a, %q at %p, %s {scale = 1.0 : f32} : tensor<?x16xf32>, "
    "tensor<?xi32> -> tensor<?x16xf32>\n"
    "    return %y : tensor<?x16xf32>\n"
    "  }\n"
    "  func.func @both(%k: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> "
    "tensor<?x16xf32> {\n"
    "    resq.kv_append @a, %k, %k at %p, %s : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>\n"
    "    %y = resq.attention @a, %k at %p, %s {scale = 1.0 : f32} : tensor<?x16xf32>, "
    "tensor<?xi32> -> tensor<?x16xf32>\n"
    "    return %y : tensor<?x16xf32>\n"
    "  }\n"
    "  func.func @window(%k: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> "
    "tensor<?x16xf32> {\n"
    "    %t = resq.get @s : tensor<32x16xf32>\n"
    "    resq.kv_append @w, %k, %k at %p, %s sketch %t : tensor<32x16xf32> : tensor<?x16xf32>, "
    "tensor<?x16xf32>, "
    "tensor<?xi32>\n"
    "    %y = resq.attention @w, %k at %p, %s sketch %t : tensor<32x16xf32> {scale = 1.0 : f32} : "
    "tensor<?x16xf32>, "
    "tensor<?xi32> -> tensor<?x16xf32>\n"
    "    return %y : tensor<?x16xf32>\n"
    "  }\n"
    "  func.func @fixed(%x: tensor<40x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {\n"
    "    %z = resq.gate %x, %x : tensor<40x8xf32>, tensor<40x8xf32> -> tensor<40x8xf32>\n"
    "    %g = resq.join %z, %y block 16 high 8 : tensor<40x8xf32>, tensor<?x8xf32> -> "
    "tensor<?x16xf32>\n"
    "    %l, %h = resq.split %g block 16 high 8 : tensor<?x16xf32> -> tensor<?x8xf32>, "
    "tensor<?x8xf32>\n"
    "    return %l : tensor<?x8xf32>\n"
    "  }\n"
    "}\n";

enum {
  CALLS_CAPACITY = 64,
  CALLS_SEQUENCES = 3,
  CALLS_MOST_ROWS = 32,
  CALLS_ARGS = 4,
  CALLS_REWIND = 32
};

/// What an argument is for, by hand.
typedef struct call_arg {
  int width; ///< 0: ids
  int same;  ///< the argument whose rows it has
  int fixed; ///< rows, 0: any
  char what; ///< r rows, y result; ids: t below 40, i a row of argument 0, o below 8, n any, p, s
} call_arg;

static const struct call_function {
  const char *name;
  int n;
  bool writes, reads, limited;
  call_arg args[CALLS_ARGS];
} call_functions[] = {
    {"look", 2, 0, 0, 0, {{0, 0, 0, 't'}, {8, 0, 0, 'y'}}},
    {"pick", 3, 0, 0, 0, {{8, 0, 0, 'r'}, {0, 1, 0, 'i'}, {8, 1, 0, 'y'}}},
    {"turn", 3, 0, 0, 0, {{8, 0, 0, 'r'}, {0, 1, 8, 'o'}, {8, 0, 0, 'y'}}},
    {"angle", 2, 0, 0, 0, {{0, 0, 0, 'n'}, {8, 0, 0, 'y'}}},
    {"write", 3, 1, 0, 0, {{16, 0, 0, 'r'}, {0, 0, 0, 'p'}, {0, 0, 0, 's'}}},
    {"read", 4, 0, 1, 0, {{16, 0, 0, 'r'}, {0, 0, 0, 'p'}, {0, 0, 0, 's'}, {16, 0, 0, 'y'}}},
    {"both", 4, 1, 1, 0, {{16, 0, 0, 'r'}, {0, 0, 0, 'p'}, {0, 0, 0, 's'}, {16, 0, 0, 'y'}}},
    {"window", 4, 1, 1, 1, {{16, 0, 0, 'r'}, {0, 0, 0, 'p'}, {0, 0, 0, 's'}, {16, 0, 0, 'y'}}},
    {"fixed", 3, 0, 0, 0, {{8, 0, 40, 'r'}, {8, 0, 40, 'r'}, {8, 0, 40, 'y'}}},
};
enum { N_CALL_FUNCTIONS = sizeof call_functions / sizeof *call_functions };

/// Where a sequence stands, by hand: in cache @a and in @w.
typedef struct call_state {
  int next[2][CALLS_SEQUENCES], reached[2][CALLS_SEQUENCES];
} call_state;

typedef struct calls {
  resq_model *model;
  resq_session *session;
  call_state state;
  uint8_t *pages[CALLS_ARGS]; ///< CALLS_PAGES bytes, then one page without access
  long legal, refused;        ///< so far
} calls;
enum { CALLS_PAGES = 64 << 10 };

//===-- The library -------------------------------------------------------===//

static resq_session *calls_session(resq_model *model) {
  resq_message why;
  resq_session_options o = {.threads = 1, .sequences = CALLS_SEQUENCES, .capacity = CALLS_CAPACITY};
  return resq_session_create(model, &o, &why);
}

/// Compiles and loads; false after a message.
static bool calls_open(calls *c) {
  char folder[] = "/tmp/resq-calls-XXXXXX", source[64], output[64], header[64];
  memset(c, 0, sizeof *c);
  if (!mkdtemp(folder))
    return false;
  snprintf(source, sizeof source, "%s/m.mlir", folder);
  snprintf(output, sizeof output, "%s/m.so", folder);
  snprintf(header, sizeof header, "%s/m.h", folder);
  FILE *f = fopen(source, "w");
  if (!f || fputs(calls_module, f) < 0 || fclose(f))
    return false;
  resq_compile_options options = {.input = source,
                                  .output = output,
                                  .scheme = "none",
                                  .pipeline = "",
                                  .emit = RESQ_EMIT_SHARED,
                                  .levels = "generic",
                                  .decode_rows = 4,
                                  .prefill_rows = CALLS_MOST_ROWS,
                                  .seed = 1};
  resq_error err = {0};
  resq_message why = {"", 0};
  bool ok = resq_compile(&options, &err);
  void *library = ok ? dlopen(output, RTLD_NOW | RTLD_LOCAL) : NULL;
  // The run time is this program's own, with whatever sanitizers it has; the kernels are the library's.
  const resq_program *program = library ? dlsym(library, "resq_program_v1") : NULL;
  c->model = program ? resq_model_open(program, output, &why) : NULL;
  c->session = c->model ? calls_session(c->model) : NULL;
  unlink(source);
  unlink(output);
  unlink(header);
  rmdir(folder);
  for (int i = 0; i < CALLS_ARGS; ++i) {
    c->pages[i] =
        mmap(NULL, CALLS_PAGES + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c->pages[i] == MAP_FAILED || mprotect(c->pages[i] + CALLS_PAGES, 4096, PROT_NONE))
      return false;
  }
  if (!c->session)
    fprintf(stderr, "%s%s\n", err.message, why.text);
  return c->session != NULL;
}

/// A session of its own, so that one call does not depend on those before a restart.
static bool calls_restart(calls *c) {
  resq_session_destroy(c->session);
  memset(&c->state, 0, sizeof c->state);
  return (c->session = calls_session(c->model)) != NULL;
}

//===-- Bytes -------------------------------------------------------------===//

typedef struct call_bytes {
  const uint8_t *data;
  size_t size, at;
} call_bytes;

static uint32_t draw(call_bytes *b, uint32_t below) {
  uint32_t v = b->at < b->size ? b->data[b->at] : 0;
  b->at++;
  return v % below;
}

/// One of what values go wrong with.
static int32_t odd_value(call_bytes *b, int32_t limit) {
  const int32_t values[] = {-1, limit, limit + 1, INT32_MIN, INT32_MAX, 500000000, 0, limit - 1};
  return values[draw(b, 8)];
}

typedef struct made_call {
  const struct call_function *function;
  void *args[CALLS_ARGS];
  int64_t rows[CALLS_ARGS];
  int n;
} made_call;

static void make_positions(const calls *c, const struct call_function *f, call_bytes *b,
                           int32_t *positions, int32_t *sequences, int64_t n) {
  int next[CALLS_SEQUENCES];
  memcpy(next, c->state.next[f->limited], sizeof next);
  int back = (int)draw(b, 4) == 0 ? (int)draw(b, 40) : 0;
  for (int64_t i = 0; i < n; ++i) {
    int s = (int)draw(b, CALLS_SEQUENCES);
    if (next[s] >= CALLS_CAPACITY)
      next[s] = 0;
    if (!i && back)
      next[s] = next[s] > back ? next[s] - back : 0;
    sequences[i] = s;
    positions[i] = f->writes ? next[s]++ : next[s] ? (int32_t)draw(b, (uint32_t)next[s]) : 0;
  }
}

static void make_call(const calls *c, call_bytes *b, made_call *m) {
  m->function = &call_functions[draw(b, N_CALL_FUNCTIONS)];
  const struct call_function *f = m->function;
  m->n = f->n;
  int64_t largest = draw(b, 4) ? 6 : 80, n[CALLS_ARGS] = {0};
  for (int i = 0; i < f->n; ++i) {
    const call_arg *a = &f->args[i];
    n[i] = a->fixed ? a->fixed : a->same < i ? n[a->same] : 1 + (int64_t)draw(b, (uint32_t)largest);
    m->rows[i] = n[i];
    int64_t bytes = n[i] * 4 * (a->width ? a->width : 1);
    m->args[i] = c->pages[i] + CALLS_PAGES - bytes;
    memset(m->args[i], 0, (size_t)bytes);
    int32_t *ids = m->args[i];
    for (int64_t r = 0; !a->width && r < n[i]; ++r)
      ids[r] = (int32_t)draw(b, a->what == 't' ? 40 : a->what == 'i' ? (uint32_t)n[0] : 8);
  }
  if (f->writes || f->reads)
    make_positions(c, f, b, m->args[1], m->args[2], n[1]);
}

/// Something of it may go wrong: a value, an extent, an address, the count.
static void spoil_call(const calls *c, call_bytes *b, made_call *m) {
  const struct call_function *f = m->function;
  uint32_t how = draw(b, 12), i = draw(b, (uint32_t)f->n);
  const call_arg *a = &f->args[i];
  if (how < 4 && !a->width && m->rows[i]) {
    int32_t limit = a->what == 't'   ? 40
                    : a->what == 'i' ? (int32_t)m->rows[0]
                    : a->what == 'p' ? CALLS_CAPACITY
                    : a->what == 's' ? CALLS_SEQUENCES
                                     : 8;
    ((int32_t *)m->args[i])[draw(b, (uint32_t)m->rows[i])] = odd_value(b, limit);
  } else if (how == 4) { // fewer rows than its array has: always inside
    m->rows[i] = (int64_t)draw(b, (uint32_t)m->rows[i] + 1);
  } else if (how == 5) {
    const int64_t extents[] = {-1, INT64_MIN, INT64_MAX, (int64_t)1 << 61};
    m->rows[i] = extents[draw(b, 4)];
  } else if (how == 6) {
    m->args[i] = NULL;
  } else if (how == 7) {
    m->n = (int)draw(b, 6);
  } else if (how == 8) { // another array, if it is large enough
    const uint32_t j = draw(b, (uint32_t)f->n);
    const uintptr_t ends = (uintptr_t)c->pages[j] + CALLS_PAGES - (uintptr_t)m->args[j];
    if (ends >= (uintptr_t)c->pages[i] + CALLS_PAGES - (uintptr_t)m->args[i])
      m->args[i] = m->args[j];
  }
}

//===-- What is right, by hand --------------------------------------------===//

static bool legal_rows(const made_call *m) {
  const struct call_function *f = m->function;
  int64_t most = 0;
  if (m->n != f->n)
    return false;
  for (int i = 0; i < f->n; ++i) {
    const call_arg *a = &f->args[i];
    if (m->rows[i] < 0 || m->rows[i] > CALLS_PAGES / 4 || (a->fixed && m->rows[i] != a->fixed) ||
        m->rows[i] != m->rows[a->same] || (!m->args[i] && m->rows[i]))
      return false;
    if (!a->fixed && m->rows[i] > most)
      most = m->rows[i];
  }
  return most <= CALLS_MOST_ROWS || f->args[1].what != 'i';
}

static bool legal_memory(const made_call *m) {
  const struct call_function *f = m->function;
  for (int r = 0; r < f->n; ++r)
    for (int i = 0; i < f->n; ++i) {
      if (f->args[r].what != 'y' || i == r || !m->rows[i] || !m->rows[r])
        continue;
      const uint8_t *a = m->args[r], *b = m->args[i];
      if (a < b + m->rows[i] * 4 * (f->args[i].width ? f->args[i].width : 1) &&
          b < a + m->rows[r] * 4 * f->args[r].width)
        return false;
    }
  return true;
}

static bool legal_values(const made_call *m) {
  const struct call_function *f = m->function;
  for (int i = 0; i < f->n; ++i) {
    const char what = f->args[i].what;
    const int32_t *ids = m->args[i];
    int64_t limit = what == 't'   ? 40
                    : what == 'i' ? m->rows[0]
                    : what == 'o' ? 8
                    : what == 'p' ? CALLS_CAPACITY
                                  : CALLS_SEQUENCES;
    for (int64_t r = 0; strchr("tiops", what) && r < m->rows[i]; ++r)
      if (ids[r] < 0 || ids[r] >= limit)
        return false;
  }
  return true;
}

/// On a copy of the state, which is the next one when all is well.
static bool legal_positions(call_state *state, const made_call *m) {
  const struct call_function *f = m->function;
  if (!f->writes && !f->reads)
    return true;
  const int32_t *positions = m->args[1], *sequences = m->args[2];
  bool seen[CALLS_SEQUENCES] = {false};
  for (int64_t r = 0; r < m->rows[1]; ++r) {
    int *next = &state->next[f->limited][sequences[r]],
        *reached = &state->reached[f->limited][sequences[r]];
    if (!f->writes && positions[r] >= *next)
      return false;
    if (!f->writes)
      continue;
    if (positions[r] > *next || (seen[sequences[r]] && positions[r] != *next) ||
        (f->limited && positions[r] && positions[r] < *reached - CALLS_REWIND))
      return false;
    seen[sequences[r]] = true;
    *next = positions[r] + 1;
    *reached = !positions[r] || *next > *reached ? *next : *reached;
  }
  return true;
}

/// One call; false, after a message, when the run time thinks otherwise than the table.
static bool calls_run(calls *c, const uint8_t *data, size_t size) {
  call_bytes b = {data, size, 0};
  made_call m = {0};
  make_call(c, &b, &m);
  if (draw(&b, 2))
    spoil_call(c, &b, &m);
  call_state next = c->state;
  bool legal = legal_rows(&m) && legal_memory(&m) && legal_values(&m) && legal_positions(&next, &m);
  resq_message why = {"", 0};
  bool ran = resq_session_call(c->session, m.function->name, m.args, m.rows, m.n, &why);
  if (ran)
    c->state = next;
  c->legal += legal;
  c->refused += !ran;
  if (ran == legal && (ran || (why.code == 2 && strstr(why.text, m.function->name))))
    return true;
  fprintf(stderr, "@%s is %s, but %s: code %d, '%s'\n", m.function->name,
          legal ? "legal" : "not legal", ran ? "ran" : "was refused", why.code, why.text);
  return false;
}

#endif // RESQ_TESTS_RANDOM_CALLS_H
