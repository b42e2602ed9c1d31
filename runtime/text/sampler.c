//===-- sampler.c - logits to the next token ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights are summed in double and in a fixed order, ties go to the smaller id.
//===----------------------------------------------------------------------===//
#include "text/sampler.h"
#include "base/philox.h"

#include <stdlib.h>
#include <string.h>

typedef struct candidate {
  float logit;
  int32_t id;
  double weight; ///< exp((logit - best) / temperature)
} candidate;

struct resq_sampler {
  resq_sampler_options options;
  uint64_t draws;
  int32_t *history; ///< ring of repeat_window tokens
  int64_t n_history;
  candidate *heap, *kept;
  int64_t capacity;
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
  free(s->heap);
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
  free(s->heap);
  free(s->kept);
  s->heap = malloc((size_t)n * sizeof *s->heap);
  s->kept = malloc((size_t)n * sizeof *s->kept);
  s->capacity = s->heap && s->kept ? n : 0;
  return s->capacity ||
         resq_fail(err, RESQ_NO_MEMORY, "sampler: no memory for %lld logits", (long long)n);
}

/// Logits to candidates, in order of id; each token of the history is made less likely once.
static void load(resq_sampler *s, const float *logits, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    s->heap[i] = (candidate){logits[i] == logits[i] ? logits[i] : -INFINITY, (int32_t)i, 0};
  double penalty = s->options.repeat_penalty;
  int64_t window = s->options.repeat_window;
  int64_t known = s->n_history < window ? s->n_history : window;
  if (penalty == 1)
    return;
  for (int64_t i = 0; i < known; ++i) {
    int32_t id = s->history[i];
    if (id < 0 || id >= n || s->heap[id].weight != 0) // weight marks one done already
      continue;
    double logit = s->heap[id].logit;
    s->heap[id].logit = (float)(logit > 0 ? logit / penalty : logit * penalty);
    s->heap[id].weight = 1;
  }
}

static const candidate *best_of(const candidate *c, int64_t n) {
  const candidate *best = c;
  for (int64_t i = 1; i < n; ++i)
    if (c[i].logit > best->logit)
      best = &c[i];
  return best;
}

static bool before(const candidate *a, const candidate *b) {
  return a->logit != b->logit ? a->logit > b->logit : a->id < b->id;
}

static void sift_down(candidate *heap, int64_t n, int64_t at) {
  candidate moved = heap[at];
  for (;;) {
    int64_t child = 2 * at + 1;
    if (child >= n)
      break;
    if (child + 1 < n && before(&heap[child + 1], &heap[child]))
      ++child;
    if (!before(&heap[child], &moved))
      break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = moved;
}

/// The best in order, as many as `limit` or as reach `share` of `total`; only those are sorted.
static int64_t take_best(resq_sampler *s, int64_t n, int64_t limit, double share, double total) {
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = n / 2 - 1; i >= 0; --i)
    sift_down(s->heap, n, i);
  while (count < limit && n > 0 && (share >= 1 || sum < share * total)) {
    s->kept[count] = s->heap[0];
    sum += s->kept[count++].weight;
    s->heap[0] = s->heap[--n];
    if (n)
      sift_down(s->heap, n, 0);
  }
  return count;
}

static double total_weight(const candidate *c, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += c[i].weight;
  return sum;
}

/// Keeps what the filters allow in s->kept; returns how many (at least 1).
static int64_t filter(resq_sampler *s, int64_t n) {
  const resq_sampler_options *o = &s->options;
  int64_t count = n;
  bool cuts_k = o->top_k > 0 && o->top_k < n;
  if (cuts_k) {
    count = take_best(s, n, o->top_k, 1, 0);
    // top-p looks at the probabilities among the k.
    double total = total_weight(s->kept, count), sum = 0;
    for (int64_t i = 0; o->top_p < 1 && i < count; ++i)
      if ((sum += s->kept[i].weight) >= o->top_p * total)
        count = i + 1;
  } else if (o->top_p < 1) {
    count = take_best(s, n, n, o->top_p, total_weight(s->heap, n));
  } else {
    memcpy(s->kept, s->heap, (size_t)n * sizeof *s->kept);
  }
  int64_t left = 0;
  for (int64_t i = 0; i < count; ++i)
    if (s->kept[i].weight >= o->min_p) // the best weighs 1
      s->kept[left++] = s->kept[i];
  return left;
}

static int32_t draw(const candidate *c, int64_t n, double uniform) {
  double target = uniform * total_weight(c, n), sum = 0;
  int32_t last = c[0].id;
  for (int64_t i = 0; i < n; ++i) {
    if (c[i].weight == 0)
      continue;
    last = c[i].id;
    if ((sum += c[i].weight) > target)
      break;
  }
  return last; // rounding may leave the sum short of the target: the last one that can be
}

int32_t resq_sampler_next(resq_sampler *s, const float *logits, int64_t n, resq_error *err) {
  if (n < 1 || n > INT32_MAX) {
    resq_fail(err, RESQ_FAILED, "sampler: %lld logits; 1 to 2^31 - 1 are allowed", (long long)n);
    return -1;
  }
  if (!reserve(s, n, err))
    return -1;
  load(s, logits, n);
  candidate best = *best_of(s->heap, n);
  if (!(best.logit > -INFINITY && best.logit < INFINITY)) {
    resq_fail(err, RESQ_FAILED, "sampler: the largest logit is %g; a finite number is allowed",
              best.logit);
    return -1;
  }
  int32_t id = best.id;
  if (s->options.temperature > 0) {
    for (int64_t i = 0; i < n; ++i)
      s->heap[i].weight = exp(((double)s->heap[i].logit - best.logit) / s->options.temperature);
    int64_t count = filter(s, n);
    id = draw(s->kept, count, resq_philox_uniform(s->options.seed, s->draws++));
  }
  resq_sampler_accept(s, id);
  return id;
}
