//===-- sampler.c - logits to the next token ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A vocabulary of 150,000 tokens is looked at for every token of a text. So its passes are loops
// that vectorise, and only what the filters may keep is sorted. Weights are floats; they are summed
// in double and in a fixed order. Ties go to the smaller id.
//===----------------------------------------------------------------------===//
#include "text/sampler.h"
#include "base/philox.h"
#include "kernels/scalar_math.h"

#include <math.h>
#include <stdlib.h>

typedef struct candidate {
  float logit;
  int32_t id;
} candidate;

struct resq_sampler {
  resq_sampler_options options;
  uint64_t draws;
  int32_t *history; ///< ring of repeat_window tokens
  int64_t n_history;
  int64_t capacity;
  float *logits;   ///< [capacity], penalties in them, NaN as minus infinity
  float *weights;  ///< [capacity], exp((logit - best) / temperature) of all, then of those kept
  candidate *kept; ///< [capacity], what top-k and top-p keep, best first
};

static bool check_options(const resq_sampler_options *o, resq_error *err) {
  if (!(o->temperature >= 0 && o->temperature <= 1e6))
    return resq_fail(err, RESQ_USAGE, "temperature %g; 0 to 1e6 are allowed", o->temperature);
  if (o->temperature > 0 && o->temperature < 1e-6)
    return resq_fail(err, RESQ_USAGE, "temperature %g; 0 (greedy) or at least 1e-6 are allowed",
                     o->temperature);
  if (o->top_k < 0)
    return resq_fail(err, RESQ_USAGE, "top-k %lld; 0 (all) or more are allowed",
                     (long long)o->top_k);
  if (!(o->top_p > 0 && o->top_p <= 1))
    return resq_fail(err, RESQ_USAGE, "top-p %g; above 0 up to 1 are allowed", o->top_p);
  if (!(o->min_p >= 0 && o->min_p <= 1))
    return resq_fail(err, RESQ_USAGE, "min-p %g; 0 to 1 are allowed", o->min_p);
  if (!(o->repeat_penalty > 0 && o->repeat_penalty <= 1e6))
    return resq_fail(err, RESQ_USAGE, "repeat penalty %g; above 0 up to 1e6 are allowed",
                     o->repeat_penalty);
  if (o->repeat_window < 0 || o->repeat_window > 1 << 20)
    return resq_fail(err, RESQ_USAGE, "repeat window %lld; 0 to %d are allowed",
                     (long long)o->repeat_window, 1 << 20);
  return true;
}

resq_sampler *resq_sampler_create(const resq_sampler_options *options, resq_error *err) {
  if (!check_options(options, err))
    return NULL;
  resq_sampler *s = calloc(1, sizeof *s);
  int32_t *history = calloc((size_t)options->repeat_window + 1, sizeof *history);
  if (!s || !history) {
    free(s);
    free(history);
    resq_fail(err, RESQ_NO_MEMORY, "sampler: no memory");
    return NULL;
  }
  s->options = *options;
  s->history = history;
  return s;
}

void resq_sampler_destroy(resq_sampler *s) {
  if (!s)
    return;
  free(s->history);
  free(s->logits);
  free(s->weights);
  free(s->kept);
  free(s);
}

void resq_sampler_reset(resq_sampler *s) {
  s->draws = 0;
  s->n_history = 0;
}

void resq_sampler_accept(resq_sampler *s, int32_t token) {
  if (s->options.repeat_window)
    s->history[s->n_history++ % s->options.repeat_window] = token;
}

static bool reserve(resq_sampler *s, int64_t n, resq_error *err) {
  if (n <= s->capacity)
    return true;
  free(s->logits);
  free(s->weights);
  free(s->kept);
  s->logits = malloc((size_t)n * sizeof *s->logits);
  s->weights = malloc((size_t)n * sizeof *s->weights);
  s->kept = malloc((size_t)n * sizeof *s->kept);
  s->capacity = s->logits && s->weights && s->kept ? n : 0;
  return s->capacity ||
         resq_fail(err, RESQ_NO_MEMORY, "sampler: no memory for %lld logits", (long long)n);
}

/// Each token of the history is made less likely once.
static void penalise(resq_sampler *s, const float *logits, int64_t n) {
  double penalty = s->options.repeat_penalty;
  int64_t window = s->options.repeat_window;
  int64_t known = s->n_history < window ? s->n_history : window;
  for (int64_t i = 0; i < known; ++i) {
    int32_t id = s->history[i];
    if (id < 0 || id >= n || logits[id] != logits[id])
      continue;
    // From the logit as it came: a token that is in the history again is not lowered again.
    double logit = logits[id];
    s->logits[id] = (float)(logit > 0 ? logit / penalty : logit * penalty);
  }
}

//===-- Passes over the vocabulary ----------------------------------------===//

enum { LANES = 8, BLOCK = 256 };

static float largest(const float *x, int64_t n) {
  float lanes[LANES], most = -INFINITY;
  for (int j = 0; j < LANES; ++j)
    lanes[j] = -INFINITY;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; ++j)
      lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
  for (; i < n; ++i)
    most = x[i] > most ? x[i] : most;
  for (int j = 0; j < LANES; ++j)
    most = lanes[j] > most ? lanes[j] : most;
  return most;
}

static void weigh(float *restrict weights, const float *restrict logits, int64_t n, float best,
                  float scale) {
  for (int64_t i = 0; i < n; ++i)
    weights[i] = resq_exp((logits[i] - best) * scale);
}

/// Of the weights that are `least` or more.
static double sum_of(const float *w, int64_t n, float least) {
  double lanes[LANES] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; ++j)
      lanes[j] += (double)(w[i + j] >= least ? w[i + j] : 0);
  for (; i < n; ++i)
    sum += (double)(w[i] >= least ? w[i] : 0);
  for (int j = 0; j < LANES; ++j)
    sum += lanes[j];
  return sum;
}

/// The place at which the running sum passes a share of the whole; blocks that end short of it are
/// not looked into.
static int64_t place_of(const float *weights, int64_t n, double share) {
  double target = share * sum_of(weights, n, 0), sum = 0;
  int64_t block = 0; // the last that has any weight: rounding may leave all short of the target
  for (int64_t i = 0; i < n; i += BLOCK) {
    double behind = sum + sum_of(weights + i, i + BLOCK < n ? BLOCK : n - i, 0);
    block = behind > sum ? i : block;
    if (behind > target)
      break;
    sum = behind;
  }
  int64_t place = block;
  for (int64_t i = block; i < n && i < block + BLOCK; ++i) {
    if (weights[i] == 0)
      continue;
    place = i;
    if ((sum += (double)weights[i]) > target)
      break;
  }
  return place;
}

//===-- Filters -----------------------------------------------------------===//

static bool before(const candidate *a, const candidate *b) {
  return a->logit != b->logit ? a->logit > b->logit : a->id < b->id;
}

static int compare(const void *a, const void *b) { return before(a, b) ? -1 : 1; }

static candidate candidate_of(const resq_sampler *s, int64_t id) {
  return (candidate){s->logits[id], (int32_t)id};
}

/// A heap whose root is the last in order.
static void sift_down(candidate *heap, int64_t n, int64_t at) {
  candidate moved = heap[at];
  for (;;) {
    int64_t child = 2 * at + 1;
    if (child >= n)
      break;
    if (child + 1 < n && before(&heap[child], &heap[child + 1]))
      ++child;
    if (!before(&moved, &heap[child]))
      break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = moved;
}

/// The best k of n, k < n.
static void keep_best(resq_sampler *s, int64_t n, int64_t k) {
  for (int64_t i = 0; i < k; ++i)
    s->kept[i] = candidate_of(s, i);
  for (int64_t i = k / 2 - 1; i >= 0; --i)
    sift_down(s->kept, k, i);
  for (int64_t i = k; i < n; ++i)
    if (s->logits[i] > s->kept[0].logit) { // an equal one has a smaller id in the heap
      s->kept[0] = candidate_of(s, i);
      sift_down(s->kept, k, 0);
    }
  qsort(s->kept, (size_t)k, sizeof *s->kept, compare);
}

/// Of n, the fewest that reach `share` of the total weight, and some more; returns how many. They
/// are all of a least weight, which falls until they suffice; at the latest at its floor, as n that
/// weigh less cannot make up the rest of the total together.
static int64_t keep_likely(resq_sampler *s, int64_t n, double share, double total) {
  double least = (1 - share) * total, floor = least / (double)n;
  while (least > floor && sum_of(s->weights, n, (float)least) < share * total)
    least /= 8;
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i)
    if (s->weights[i] >= (float)least)
      s->kept[count++] = candidate_of(s, i);
  qsort(s->kept, (size_t)count, sizeof *s->kept, compare);
  return count;
}

static void weigh_kept(resq_sampler *s, int64_t count, float best, float scale) {
  for (int64_t i = 0; i < count; ++i)
    s->weights[i] = resq_exp((s->kept[i].logit - best) * scale);
}

/// How many of n weights, the first ones, reach a sum.
static int64_t reaching(const float *weights, int64_t n, double target) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    if ((sum += (double)weights[i]) >= target)
      return i + 1;
  return n;
}

/// The id at a random number in (0, 1), among what the filters leave.
static int32_t draw(resq_sampler *s, int64_t n, float best, double uniform) {
  const resq_sampler_options *o = &s->options;
  float *weights = s->weights, scale = (float)(1 / o->temperature);
  bool cuts_k = o->top_k > 0 && o->top_k < n, cuts_p = o->top_p < 1;
  int64_t count = n;
  double total = 0; // what top-p takes a share of: the weight of those that top-k keeps, or of all
  if (cuts_k) {
    keep_best(s, n, count = o->top_k);
    weigh_kept(s, count, best, scale);
    total = sum_of(weights, count, 0);
  } else {
    weigh(weights, s->logits, n, best, scale);
    if (cuts_p) {
      total = sum_of(weights, n, 0);
      count = keep_likely(s, n, o->top_p, total);
      weigh_kept(s, count, best, scale);
    }
  }
  if (cuts_p)
    count = reaching(weights, count, o->top_p * total);
  for (int64_t i = 0; o->min_p > 0 && i < count; ++i)
    weights[i] = (double)weights[i] < o->min_p ? 0 : weights[i];
  int64_t place = place_of(weights, count, uniform);
  return cuts_k || cuts_p ? s->kept[place].id : (int32_t)place;
}

int32_t resq_sampler_next(resq_sampler *s, const float *logits, int64_t n, resq_error *err) {
  if (n < 1 || n > INT32_MAX) {
    resq_fail(err, RESQ_FAILED, "sampler: %lld logits; 1 to 2^31 - 1 are allowed", (long long)n);
    return -1;
  }
  if (!reserve(s, n, err))
    return -1;
  for (int64_t i = 0; i < n; ++i)
    s->logits[i] = logits[i] == logits[i] ? logits[i] : -INFINITY;
  if (s->options.repeat_penalty != 1)
    penalise(s, logits, n);
  float best = largest(s->logits, n);
  if (!(best > -INFINITY && best < INFINITY)) {
    resq_fail(err, RESQ_FAILED, "sampler: the largest logit is %g; a finite number is allowed",
              (double)best);
    return -1;
  }
  int32_t id = 0;
  if (s->options.temperature > 0) {
    id = draw(s, n, best, resq_philox_uniform(s->options.seed, s->draws++));
  } else {
    while (s->logits[id] != best)
      ++id;
  }
  resq_sampler_accept(s, id);
  return id;
}
