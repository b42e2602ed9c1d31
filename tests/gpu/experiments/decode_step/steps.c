//===-- steps.c - launch lists of a decode step, timed --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "../cuda_calls.h"
#include "decode_step.h"

enum { MOST = 4096, SPLITS = 16 };

typedef struct shape {
  const char *m;
  int h, low, heads, kv_heads, size, size_low, f, f_low, order, layers, vocabulary, capacity;
} shape;
static const shape shapes[] = {
    {"8b", 4096, 3584, 32, 8, 128, 112, 14336, 12288, 12, 32, 128256, 32768},
    {"smol", 576, 504, 9, 3, 64, 56, 1536, 1280, 20, 30, 49152, 2048},
};

/// As decode_ring.h has them.
typedef struct decode_arguments {
  CUdeviceptr weights, x, scale_high, scale_low, row_scale, out, sums, arrived;
  int32_t blocks, high, low, channels;
  CUdeviceptr zero, stream;
  int32_t flags;
} decode_arguments;

typedef struct buffers {
  CUdeviceptr weights, x, scales, row_scales, sums, stream, normed, low, high, codes, meta, qkv, q,
      k, v, q2, k2, angles, matrix, attended, gate, act, turned, positions, sequences, caches,
      partials, counters, signs, logits;
  size_t weight_at;
} buffers;

typedef struct list {
  launch_entry *l;
  int n;
} list;

static launch_entry *add(list *l, const char *name, const char *m, unsigned x, unsigned y,
                         unsigned threads, size_t shared) {
  char full[64];
  snprintf(full, sizeof full, m ? "%s_%s" : "%s", name, m);
  if (l->n == MOST)
    exit(1);
  l->l[l->n] = entry(full, x, y, threads, shared);
  return &l->l[l->n++];
}
#define PUT(e, ...)                                                                                \
  do {                                                                                             \
    const CUdeviceptr all_[] = {__VA_ARGS__};                                                      \
    memcpy((e)->arguments, all_, sizeof all_);                                                     \
  } while (0)

static size_t norm_bytes(const shape *s) { return (size_t)resq_rms_norm_shared(s->h); }

static int up(int x, int step) { return (x + step - 1) / step; }

/// A linear of `channels` by `low` inputs of 4 bits and `high` of 8 bits, sums left.
static size_t linear(list *l, buffers *b, int channels, int low, int high) {
  const int blocks = up(channels, 128);
  const size_t bytes = (size_t)blocks * 2048 * (size_t)(2 * up(high, 32) + up(low, 32));
  launch_entry *e = add(l, "decode_1_apart", NULL, 2 * (unsigned)device_multiprocessors(), 1, 256,
                        65536 + 4 * 2 * 128 * 4 + 8 * 2 * 2048 + 8 * 2 * 8);
  decode_arguments *a = need(calloc(1, sizeof *a));
  *a = (decode_arguments){.weights = b->weights + b->weight_at,
                          .x = b->x,
                          .sums = b->sums,
                          .blocks = blocks,
                          .high = up(high, 32),
                          .low = up(low, 32),
                          .channels = channels,
                          .zero = b->x + 60000};
  b->weight_at += bytes;
  e->structure = a;
  return bytes;
}

static void finish(list *l, const buffers *b, int n, CUdeviceptr y) {
  launch_entry *e = add(l, "finish", NULL, (unsigned)up(n, 256), 1, 256, 0);
  PUT(e, b->sums, b->scales, b->row_scales, y, (CUdeviceptr)n);
}

static unsigned pieces(int n) { return (unsigned)up(n, 256); }

static void attention(list *l, const shape *s, const buffers *b, int layer, CUdeviceptr q,
                      const char *code, size_t cache_bytes) {
  char name[32];
  snprintf(name, sizeof name, "attention_%s", code);
  const attention_launch a = attention_of(code, s->size);
  launch_entry *e = add(l, name, s->m, SPLITS, (unsigned)s->kv_heads, a.threads, a.shared);
  PUT(e, q, b->positions, b->sequences, b->caches + (size_t)layer * cache_bytes, b->attended,
      b->partials, b->counters);
}
static void append(list *l, const shape *s, const buffers *b, int layer, CUdeviceptr k,
                   CUdeviceptr v, const char *code, size_t cache_bytes) {
  char name[32];
  snprintf(name, sizeof name, "append_%s", code);
  launch_entry *e = add(l, name, s->m, (unsigned)s->kv_heads * 2, 1, 32, 512);
  PUT(e, k, v, b->positions, b->sequences, b->caches + (size_t)layer * cache_bytes, 1);
}

/// One launch for each operation of the module.
static void layer_apart(list *l, const shape *s, buffers *b, int layer, const char *code,
                        size_t cache_bytes) {
  const int q = s->heads * s->size, kv = s->kv_heads * s->size, high = s->h - s->low;
  const char *m = s->m;
  const size_t norm_shared = norm_bytes(s);
  PUT(add(l, "norm", m, 1, 1, 512, norm_shared), b->stream, b->scales, b->normed, 1);
  PUT(add(l, "split", m, pieces(s->h), 1, 256, 0), b->normed, b->low, b->high, 1);
  PUT(add(l, "quantize_low", m, 1, 1, 512, 384), b->low, b->codes, b->meta, 1);
  PUT(add(l, "quantize_high", m, 1, 1, 512, 384), b->high, b->codes + 65536, b->meta + 4096, 1);
  linear(l, b, q + 2 * kv, s->low, high);
  finish(l, b, q + 2 * kv, b->qkv);
  PUT(add(l, "rope_q", m, pieces(q / 2), 1, 256, 0), b->qkv, b->angles, b->q, 1);
  PUT(add(l, "rope_k", m, pieces(kv / 2), 1, 256, 0), b->qkv + 4 * (size_t)q, b->angles, b->k, 1);
  PUT(add(l, "rotate_q", m, (unsigned)up(q, 128), 1, 128, 0), b->q, b->matrix, b->q2, 1);
  PUT(add(l, "rotate_k", m, (unsigned)up(kv, 128), 1, 128, 0), b->k, b->matrix, b->k2, 1);
  append(l, s, b, layer, b->k2, b->qkv + 4 * (size_t)(q + kv), code, cache_bytes);
  attention(l, s, b, layer, b->q2, code, cache_bytes);
  PUT(add(l, "split_o", m, pieces(q), 1, 256, 0), b->attended, b->low, b->high, 1);
  PUT(add(l, "quantize_o_low", m, 1, 1, 512, 384), b->low, b->codes, b->meta, 1);
  PUT(add(l, "quantize_o_high", m, 1, 1, 512, 384), b->high, b->codes + 65536, b->meta + 4096, 1);
  linear(l, b, s->h, s->low, high);
  finish(l, b, s->h, b->normed);
  PUT(add(l, "add", m, pieces(s->h), 1, 256, 0), b->stream, b->normed, b->stream, 1);
  PUT(add(l, "norm", m, 1, 1, 512, norm_shared), b->stream, b->scales, b->normed, 1);
  PUT(add(l, "split", m, pieces(s->h), 1, 256, 0), b->normed, b->low, b->high, 1);
  PUT(add(l, "quantize_low", m, 1, 1, 512, 384), b->low, b->codes, b->meta, 1);
  PUT(add(l, "quantize_high", m, 1, 1, 512, 384), b->high, b->codes + 65536, b->meta + 4096, 1);
  linear(l, b, 2 * s->f, s->low, high);
  finish(l, b, 2 * s->f, b->gate);
  PUT(add(l, "silu", m, pieces(s->f), 1, 256, 0), b->gate, b->gate + 4 * (size_t)s->f, b->act, 1);
  PUT(add(l, "split_f", m, pieces(s->f), 1, 256, 0), b->act, b->low, b->high, 1);
  PUT(add(l, "quantize_f_high", m, 1, 1, 512, 384), b->high, b->codes + 65536, b->meta + 4096, 1);
  PUT(add(l, "hadamard", m, 1, 1, s->order == 12 ? 1024 : 256,
          (size_t)resq_hadamard_shared(s->f_low, s->order)),
      b->low, b->signs, b->turned, 1);
  PUT(add(l, "quantize_f_low", m, 1, 1, 512, 384), b->turned, b->codes, b->meta, 1);
  linear(l, b, s->h, s->f_low, s->f - s->f_low);
  finish(l, b, s->h, b->normed);
  PUT(add(l, "add", m, pieces(s->h), 1, 256, 0), b->stream, b->normed, b->stream, 1);
}

/// Groups fused around the linears: 12 launches.
static void layer_fused(list *l, const shape *s, buffers *b, int layer, const char *code,
                        size_t cache_bytes) {
  const int q = s->heads * s->size, kv = s->kv_heads * s->size, high = s->h - s->low;
  const char *m = s->m;
  const size_t norm_shared = (size_t)s->h * 4 + norm_bytes(s) + 384;
  PUT(add(l, "fused_norm", m, 1, 1, 1024, norm_shared), b->sums, b->scales, b->row_scales,
      b->stream, b->scales, b->codes, b->meta);
  linear(l, b, q + 2 * kv, s->low, high);
  PUT(add(l, "fused_heads", m, (unsigned)(s->heads + 2 * s->kv_heads), 1, (unsigned)s->size,
          (size_t)s->size * 8),
      b->sums, b->scales, b->row_scales, b->angles, b->matrix, b->q, b->k, b->v);
  append(l, s, b, layer, b->k, b->v, code, cache_bytes);
  attention(l, s, b, layer, b->q, code, cache_bytes);
  PUT(add(l, "fused_o", m, (unsigned)s->heads, 1, 64, 0), b->attended, b->codes, b->meta);
  linear(l, b, s->h, s->low, high);
  PUT(add(l, "fused_norm", m, 1, 1, 1024, norm_shared), b->sums, b->scales, b->row_scales,
      b->stream, b->scales, b->codes, b->meta);
  linear(l, b, 2 * s->f, s->low, high);
  const unsigned threads = s->order == 12 ? 1024 : 256;
  PUT(add(l, "fused_silu", m, (unsigned)s->f / threads, 1, threads, 4 * (1024 + 33)), b->sums,
      b->scales, b->row_scales, b->low);
  PUT(add(l, "fused_down", m, 2, 1, threads, 4 * 64 * 64 + 384), b->low, b->signs, b->codes,
      b->meta);
  linear(l, b, s->h, s->f_low, s->f - s->f_low);
}

static void only_linears(list *l, const shape *s, buffers *b) {
  const int q = s->heads * s->size, kv = s->kv_heads * s->size, high = s->h - s->low;
  linear(l, b, q + 2 * kv, s->low, high);
  linear(l, b, s->h, s->low, high);
  linear(l, b, 2 * s->f, s->low, high);
  linear(l, b, s->h, s->f_low, s->f - s->f_low);
}

enum structure { APART, FUSED, LINEARS };

static void step(list *l, const shape *s, buffers *b, enum structure how, const char *code,
                 size_t cache_bytes) {
  l->n = 0;
  b->weight_at = 0;
  for (int layer = 0; layer < s->layers; layer++)
    if (how == APART)
      layer_apart(l, s, b, layer, code, cache_bytes);
    else if (how == FUSED)
      layer_fused(l, s, b, layer, code, cache_bytes);
    else
      only_linears(l, s, b);
  if (how == APART) {
    PUT(add(l, "norm", s->m, 1, 1, 512, norm_bytes(s)), b->stream, b->scales, b->normed, 1);
    PUT(add(l, "quantize_low", s->m, 1, 1, 512, 384), b->normed, b->codes, b->meta, 1);
  } else if (how == FUSED)
    PUT(add(l, "fused_norm", s->m, 1, 1, 1024, (size_t)s->h * 4 + norm_bytes(s) + 384), b->sums,
        b->scales, b->row_scales, b->stream, b->scales, b->codes, b->meta);
  linear(l, b, s->vocabulary, 0, s->h);
  finish(l, b, s->vocabulary, b->logits);
}

static void set_position(const buffers *b, int position) {
  int32_t p = position, s = 0;
  CHECK(cu.cuMemcpyHtoD(b->positions, &p, 4));
  CHECK(cu.cuMemcpyHtoD(b->sequences, &s, 4));
}

static void make(buffers *b, size_t weights, size_t caches) {
  memset(b, 0, sizeof *b);
  CUdeviceptr *all[] = {&b->x,        &b->scales, &b->row_scales, &b->sums,      &b->stream,
                        &b->normed,   &b->low,    &b->high,       &b->codes,     &b->meta,
                        &b->qkv,      &b->q,      &b->k,          &b->v,         &b->q2,
                        &b->k2,       &b->angles, &b->matrix,     &b->attended,  &b->gate,
                        &b->act,      &b->turned, &b->positions,  &b->sequences, &b->partials,
                        &b->counters, &b->signs,  &b->logits};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    *all[i] = device_bytes(4 << 20);
    CHECK(cu.cuMemsetD8(*all[i], 0, 4 << 20));
  }
  fill_bytes(b->x, 1 << 16, 3);
  float ones[16384];
  for (int i = 0; i < 16384; i++)
    ones[i] = 0.001f * (float)(i % 97 + 1);
  for (size_t at = 0; at < 4 << 20; at += sizeof ones)
    CHECK(cu.cuMemcpyHtoD(b->scales + at, ones, sizeof ones));
  CHECK(cu.cuMemcpyHtoD(b->row_scales, ones, 64));
  CHECK(cu.cuMemcpyHtoD(b->stream, ones, sizeof ones));
  CHECK(cu.cuMemcpyHtoD(b->matrix, ones, sizeof ones));
  b->weights = device_bytes(weights);
  fill_bytes(b->weights, weights, 1);
  b->caches = device_bytes(caches); // zeros: scales of random bits would not be numbers
  CHECK(cu.cuMemsetD8(b->caches, 0x23, caches));
  CHECK(cu.cuStreamSynchronize(stream));
}

void time_steps(void) {
  list l = {need(calloc(MOST, sizeof *l.l)), 0};
  for (int i = 0; i < 2; i++) {
    const shape *s = &shapes[i];
    const attention_launch a = attention_of("int4", s->size);
    const size_t cache = a.vector_bytes * (size_t)s->kv_heads * (size_t)s->capacity;
    buffers b = {0};
    step(&l, s, &b, FUSED, "int4", cache);
    const size_t weights = b.weight_at;
    make(&b, weights + 4096, cache * (size_t)s->layers);
    printf("%s: %.3f GB of weights, %.3f GB of caches\n", s->m, (double)weights / 1e9,
           (double)cache * s->layers / 1e9);
    set_position(&b, 511);
    for (int edges = 0; edges < 2; edges++) {
      step(&l, s, &b, LINEARS, "int4", cache);
      printf("%s, linears only, %s: %d launches, %.3f ms\n", s->m, edges ? "edges" : "no edges",
             l.n, time_list(l.l, l.n, edges, 25) / 1000);
      for (int how = APART; how <= FUSED; how++)
        for (int tokens = 512; tokens <= s->capacity; tokens *= s->capacity > 4096 ? 64 : 4) {
          set_position(&b, tokens - 1);
          step(&l, s, &b, (enum structure)how, "int4", cache);
          printf("%s, %s, %s, %d tokens: %d launches, %.3f ms\n", s->m,
                 how == FUSED ? "fused" : "apart", edges ? "edges" : "no edges", tokens, l.n,
                 time_list(l.l, l.n, edges, 25) / 1000);
          fflush(stdout);
        }
    }
    // What each kind of launch takes in a chain of itself, with edges.
    set_position(&b, 511);
    for (int how = APART; how <= FUSED; how++) {
      step(&l, s, &b, (enum structure)how, "int4", cache);
      const int per = (l.n - (how == APART ? 4 : 3)) / s->layers;
      list chain = {need(calloc(64, sizeof *chain.l)), 64};
      double all = 0;
      for (int k = 0; k < per; k++) {
        for (int j = 0; j < 64; j++)
          chain.l[j] = l.l[per * (j % s->layers) + k];
        const double us = time_list(chain.l, 64, true, 9) / 64;
        all += us;
        printf("  %s %s, launch %d: %.2f us\n", s->m, how == FUSED ? "fused" : "apart", k, us);
      }
      printf("  %s %s, all launches of a layer: %.2f us\n", s->m, how == FUSED ? "fused" : "apart",
             all);
      free(chain.l);
    }
    CHECK(cu.cuMemFree(b.weights));
    CHECK(cu.cuMemFree(b.caches));
  }
  // An empty launch, and a barrier of the whole grid.
  launch_entry e[256];
  for (int i = 0; i < 256; i++)
    e[i] = entry("empty", (unsigned)device_multiprocessors(), 1, 256, 0);
  printf("empty launch: %.2f us, with edges %.2f us\n", time_list(e, 256, false, 15) / 256,
         time_list(e, 256, true, 15) / 256);
  const CUdeviceptr counter = device_bytes(256);
  for (int per = 1; per <= 2; per++) {
    double us[9];
    for (int r = 0; r < 9; r++) {
      launch_entry g =
          entry("grid_barriers", (unsigned)(per * device_multiprocessors()), 1, 256, 0);
      PUT(&g, counter, 1000);
      CHECK(cu.cuMemsetD8(counter, 0, 4));
      CUevent start, stop;
      CHECK(cu.cuEventCreate(&start, 0));
      CHECK(cu.cuEventCreate(&stop, 0));
      CHECK(cu.cuEventRecord(start, stream));
      launch(&g, false);
      CHECK(cu.cuEventRecord(stop, stream));
      CHECK(cu.cuStreamSynchronize(stream));
      float ms;
      CHECK(cu.cuEventElapsedTime(&ms, start, stop));
      us[r] = ms;
    }
    printf("a barrier of %d blocks: %.2f us\n", per * device_multiprocessors(), median(us, 9));
  }
}
