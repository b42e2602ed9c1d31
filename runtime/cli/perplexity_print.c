//===-- perplexity_print.c ------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/perplexity.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static const struct {
  const char *name, *key;
  double p;
} quantiles[] = {{"median", "median", 0.5}, {"90%", "p90", 0.9}, {"99%", "p99", 0.99}};
enum { n_quantiles = sizeof quantiles / sizeof *quantiles };

//===-- Text --------------------------------------------------------------===//

/// "LABEL MEAN +- ERROR over tokens, +- ERROR over windows", as far as they are known.
static bool print_estimate(const char *label, resq_estimate e, double unit, int digits,
                           const char *sign, resq_error *err) {
  bool ok = resq_printf(err, "%s %.*f%s", label, digits, unit * e.mean, sign);
  if (ok && !isnan(e.token_error))
    ok = resq_printf(err, " +- %.*f%s over tokens", digits, unit * e.token_error, sign);
  if (ok && !isnan(e.window_error))
    ok = resq_printf(err, ", +- %.*f%s over windows", digits, unit * e.window_error, sign);
  return ok;
}

static bool print_divergence(const resq_perplexity *p, resq_error *err) {
  if (!print_estimate("KL divergence from the reference", resq_tally_estimate(&p->divergence), 1, 6,
                      "", err))
    return false;
  int64_t n = p->divergence.n;
  bool ok = resq_printf(err, " (nats; ");
  for (int i = 0; ok && i < n_quantiles; ++i)
    ok = resq_printf(err, "%s %.6f, ", quantiles[i].name,
                     resq_quantile(p->divergences, n, quantiles[i].p));
  return ok && resq_printf(err, "largest %.6f)\n", p->divergences[n - 1]);
}

bool resq_perplexity_print_text(const resq_perplexity *p, resq_error *err) {
  resq_estimate loss = resq_tally_estimate(&p->loss);
  bool ok = print_estimate("perplexity", resq_estimate_exp(loss), 1, 4, "", err) &&
            resq_printf(err,
                        " (%" PRId64 " windows of %" PRId64 " tokens, %" PRId64
                        " predictions, mean loss %.6f)\n",
                        p->windows, p->window, p->loss.n, loss.mean);
  if (!ok || !p->reference)
    return ok;
  return print_estimate("reference's perplexity",
                        resq_estimate_exp(resq_tally_estimate(&p->reference_loss)), 1, 4, "",
                        err) &&
         resq_printf(err, "\n") &&
         print_estimate("loss above the reference's", resq_tally_estimate(&p->excess), 1, 6, "",
                        err) &&
         resq_printf(err, "\n") && print_divergence(p, err) &&
         print_estimate("same most likely token", resq_tally_estimate(&p->agreement), 100, 3, "%",
                        err) &&
         resq_printf(err, "\n");
}

//===-- JSON --------------------------------------------------------------===//

/// JSON has no NaN: what is not known is null.
static json_t *number(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static json_t *estimate(resq_estimate e) {
  return json_pack("{so so so}", "mean", number(e.mean), "token_error", number(e.token_error),
                   "window_error", number(e.window_error));
}

static json_t *tally(const resq_tally *t) { return estimate(resq_tally_estimate(t)); }

static json_t *perplexity(const resq_tally *loss) {
  return estimate(resq_estimate_exp(resq_tally_estimate(loss)));
}

static json_t *reference(const resq_perplexity *p) {
  json_t *divergence = tally(&p->divergence);
  int64_t n = p->divergence.n;
  for (int i = 0; i < n_quantiles; ++i)
    json_object_set_new(divergence, quantiles[i].key,
                        number(resq_quantile(p->divergences, n, quantiles[i].p)));
  json_object_set_new(divergence, "largest", number(p->divergences[n - 1]));
  return json_pack("{ss so so so so so}", "binary", p->reference, "perplexity",
                   perplexity(&p->reference_loss), "loss", tally(&p->reference_loss), "excess_loss",
                   tally(&p->excess), "divergence", divergence, "agreement", tally(&p->agreement));
}

static json_t *loss(const resq_perplexity *p) {
  json_t *j = tally(&p->loss), *windows = json_array();
  for (int64_t w = 0; w < p->windows; ++w)
    json_array_append_new(windows, number(p->window_losses[w]));
  json_object_set_new(j, "windows", windows);
  return j;
}

bool resq_perplexity_print_json(const resq_perplexity *p, resq_error *err) {
  resq_json_begin();
  json_t *j = json_pack("{sI sI sI sf so so}", "windows", (json_int_t)p->windows, "window",
                        (json_int_t)p->window, "predictions", (json_int_t)p->loss.n, "seconds",
                        p->seconds, "perplexity", perplexity(&p->loss), "loss", loss(p));
  if (p->reference)
    json_object_set_new(j, "reference", reference(p));
  return resq_json_print(j, JSON_INDENT(2) | JSON_REAL_PRECISION(9), err);
}
