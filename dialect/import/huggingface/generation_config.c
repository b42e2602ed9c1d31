//===-- generation_config.c -----------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/huggingface/generation_config.h"

#include "dialect/import/huggingface/folder.h"
#include "dialect/import/huggingface/json_reader.h"

static const resq_json_rule rules[] = {
    {.key = "do_sample"},
    {.key = "temperature"},
    {.key = "top_k"},
    {.key = "top_p"},
    {.key = "min_p"},
    {.key = "repetition_penalty"},
    {.key = "eos_token_id"},
    {.key = "bos_token_id", .use = RESQ_JSON_ANY},
    {.key = "pad_token_id", .use = RESQ_JSON_ANY},
    {.key = "decoder_start_token_id", .use = RESQ_JSON_ANY}, // of encoders and decoders
    {.key = "transformers_version", .use = RESQ_JSON_ANY},
    {.key = "_from_model_config", .use = RESQ_JSON_ANY},
    {.key = "trust_remote_code", .use = RESQ_JSON_ANY},
    // How long a text may get is the command's to say, and how the cache is kept the compiler's.
    {.key = "max_length", .use = RESQ_JSON_ANY},
    {.key = "max_new_tokens", .use = RESQ_JSON_ANY},
    {.key = "use_cache", .use = RESQ_JSON_ANY},
    {.key = "cache_implementation", .use = RESQ_JSON_ANY},
    {.key = "return_dict_in_generate", .use = RESQ_JSON_ANY},
    {.key = "output_scores", .use = RESQ_JSON_ANY},
    {.key = "output_attentions", .use = RESQ_JSON_ANY},
    {.key = "output_hidden_states", .use = RESQ_JSON_ANY},
    {.key = "min_length", .use = RESQ_JSON_NEUTRAL},
    {.key = "min_new_tokens", .use = RESQ_JSON_NEUTRAL},
    {.key = "no_repeat_ngram_size", .use = RESQ_JSON_NEUTRAL},
    {.key = "num_beams", .use = RESQ_JSON_NEUTRAL, .neutral = 1},
    {.key = "num_beam_groups", .use = RESQ_JSON_NEUTRAL, .neutral = 1},
    {.key = "num_return_sequences", .use = RESQ_JSON_NEUTRAL, .neutral = 1},
    {.key = "length_penalty", .use = RESQ_JSON_NEUTRAL, .neutral = 1},
    {.key = "diversity_penalty", .use = RESQ_JSON_NEUTRAL},
    {.key = "encoder_repetition_penalty", .use = RESQ_JSON_NEUTRAL, .neutral = 1},
    {.key = "typical_p", .use = RESQ_JSON_NEUTRAL, .neutral = 1},
    {.key = "epsilon_cutoff", .use = RESQ_JSON_NEUTRAL},
    {.key = "eta_cutoff", .use = RESQ_JSON_NEUTRAL},
    {.key = "penalty_alpha", .use = RESQ_JSON_NEUTRAL},
    {.key = "guidance_scale", .use = RESQ_JSON_NEUTRAL, .neutral = 1},
    {.key = "suppress_tokens", .use = RESQ_JSON_NEUTRAL},
    {.key = "begin_suppress_tokens", .use = RESQ_JSON_NEUTRAL},
    {.key = "bad_words_ids", .use = RESQ_JSON_NEUTRAL},
    {.key = "forced_bos_token_id", .use = RESQ_JSON_NEUTRAL, .neutral = -1},
    {.key = "forced_eos_token_id", .use = RESQ_JSON_NEUTRAL, .neutral = -1},
    {.key = "remove_invalid_values", .use = RESQ_JSON_NEUTRAL},
    {.key = "renormalize_logits", .use = RESQ_JSON_NEUTRAL},
};

static const struct {
  const char *key;
  int setting;
} settings[] = {{"temperature", RESQ_GENERATION_temperature},
                {"top_k", RESQ_GENERATION_top_k},
                {"top_p", RESQ_GENERATION_top_p},
                {"min_p", RESQ_GENERATION_min_p},
                {"repetition_penalty", RESQ_GENERATION_repeat_penalty}};

static bool read_all(const resq_json_reader *r, resq_generation_settings *out) {
  bool sample = true;
  if (!resq_json_check_keys(r, rules, sizeof rules / sizeof *rules) ||
      !resq_json_bool(r, "do_sample", &sample))
    return false;
  for (size_t i = 0; i < sizeof settings / sizeof *settings; ++i) {
    const json_t *value = resq_json_get(r->object, settings[i].key);
    if (value && !json_is_number(value))
      return resq_json_refuse(r, settings[i].key, value, "a number is needed");
    if (value && !resq_generation_set(out, settings[i].setting, json_number_value(value), r->path,
                                      settings[i].key, r->err))
      return false;
  }
  return sample ||
         resq_generation_set(out, RESQ_GENERATION_temperature, 0, r->path, "do_sample", r->err);
}

bool resq_hugging_face_generation(const resq_checkpoint *c, resq_generation_settings *out,
                                  resq_error *err) {
  json_t *root;
  if (!resq_hugging_face_json(c, RESQ_HUGGING_FACE_GENERATION, &root, err))
    return false;
  if (!root)
    return true;
  const resq_json_reader r = {resq_hugging_face_file_get(c, RESQ_HUGGING_FACE_GENERATION)->path,
                              root, err};
  bool ok = read_all(&r, out);
  json_decref(root);
  return ok;
}
