//===-- sampling.c - how generation draws its tokens ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cli/sampling.h"

#include "cli/cli.h"
#include "exec/session_access.h"

#include <inttypes.h>
#include <jansson.h>

/// The metadata's object "generation", or NULL: a new reference.
static json_t *model_settings(const resq_model_context *context) {
  const uint8_t *data;
  uint64_t size;
  const resq_artifact *artifact = resq_model_artifact(context->model);
  if (!artifact || !resq_artifact_section(artifact, RESQ_SECTION_METADATA, &data, &size))
    return NULL;
  json_t *metadata = json_loadb((const char *)data, size, 0, NULL);
  json_t *settings = json_incref(json_object_get(metadata, "generation"));
  json_decref(metadata);
  return settings;
}

typedef struct setting {
  const char *name; ///< in the metadata
  double low, high;
} setting;

/// By the names of generation_settings.def.
enum {
#define RESQ_SETTING(name, key, low, high) SETTING_##name,
#include "text/generation_settings.def"
};
static const setting all_settings[] = {
#define RESQ_SETTING(name, key, low, high) {#name, low, high},
#include "text/generation_settings.def"
};

/// `given` by the command line, unless negative; else the model's; else `otherwise`.
static bool choose(int which, double given, double otherwise, const json_t *settings, double *out,
                   resq_error *err) {
  const setting *s = &all_settings[which];
  const json_t *own = json_object_get(settings, s->name);
  if (given >= 0 || !own) {
    *out = given >= 0 ? given : otherwise;
    return true;
  }
  *out = json_number_value(own);
  return (json_is_number(own) && *out >= s->low && *out <= s->high) ||
         resq_fail(err, RESQ_BAD_INPUT,
                   "the model's own generation settings: %s is %g, allowed: %g to %g; the command "
                   "line can set it",
                   s->name, *out, s->low, s->high);
}

/// What the model's authors want and this program does not have.
static void note_missing(const json_t *settings) {
  static const int missing[] = {SETTING_mirostat, SETTING_xtc_probability};
  for (size_t i = 0; i < sizeof missing / sizeof missing[0]; ++i)
    if (json_number_value(json_object_get(settings, all_settings[missing[i]].name)) > 0)
      fprintf(stderr,
              "note: the model's own generation settings ask for %s, which this program does not "
              "have\n",
              all_settings[missing[i]].name);
}

bool resq_sampling_resolve(const resq_sampling_options *given, const resq_model_context *context,
                           resq_sampler_options *out, resq_error *err) {
  *out = resq_sampler_defaults();
  out->seed = (uint64_t)given->seed.value;
  if (given->greedy && (given->temperature > 0 || given->top_k >= 0 || given->top_p >= 0 ||
                        given->min_p >= 0 || given->seed.drawn))
    return resq_fail(err, RESQ_USAGE,
                     "--greedy takes the likeliest token, always: it excludes --temperature, "
                     "--top-k, --top-p, --min-p and --seed=random");
  double temperature, top_k, top_p, min_p, penalty, window;
  const struct {
    int which;
    double given, otherwise, *out;
  } all[] = {
      {SETTING_temperature, given->greedy ? 0 : given->temperature, 0.8, &temperature},
      {SETTING_top_k, (double)given->top_k, 40, &top_k},
      {SETTING_top_p, given->top_p, 0.95, &top_p},
      {SETTING_min_p, given->min_p, 0.05, &min_p},
      {SETTING_repeat_penalty, given->repeat_penalty, 1, &penalty},
      {SETTING_repeat_window, (double)given->repeat_window, 64, &window},
  };
  json_t *settings = model_settings(context);
  bool ok = true;
  for (size_t i = 0; ok && i < sizeof all / sizeof all[0]; ++i)
    ok = choose(all[i].which, all[i].given, all[i].otherwise, settings, all[i].out, err);
  if (ok && temperature > 0)
    note_missing(settings);
  json_decref(settings);
  if (!ok)
    return false;
  out->temperature = temperature;
  out->repeat_penalty = penalty;
  out->repeat_window = (int64_t)window;
  if (temperature > 0) {
    out->top_k = (int64_t)top_k;
    out->top_p = top_p;
    out->min_p = min_p;
  }
  if (given->seed.drawn)
    fprintf(stderr, "seed %" PRId64 "\n", given->seed.value);
  return true;
}
