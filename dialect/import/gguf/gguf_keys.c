//===-- gguf_keys.c -------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tables of keys. docs/import.md says the same to users.
//===----------------------------------------------------------------------===//
#include "dialect/import/gguf/gguf_keys.h"

#include "dialect/import/gguf/gguf_tokenizer.h"

#include <stdio.h>
#include <string.h>

//===-- Tables ------------------------------------------------------------===//

typedef enum key_use {
  COMPUTED, ///< read, and checked, where it is computed
  HARMLESS, ///< changes nothing of what resq computes, whatever it says
  NUMBER,   ///< a number or bool that changes nothing at `neutral`; more than `neutral` is refused
  TEXT,     ///< the same of text
} key_use;

typedef struct key_rule {
  const char *stem; ///< behind the namespace; with `*` as its first or last character: all that
                    ///< ends or begins so
  key_use use;
  double neutral[2]; ///< NUMBER: what changes nothing; twice the same where there is one such value
  const char *texts[2]; ///< TEXT: the same
  const char *why;      ///< for the message: what resq does, or does not
} key_rule;

#define EXPERTS "resq does not compile mixtures of experts"
#define YARN "resq does not compute YaRN scaling"

static const key_rule architecture_keys[] = {
    {.stem = "block_count"},
    {.stem = "context_length"},
    {.stem = "embedding_length"},
    {.stem = "feed_forward_length"},
    {.stem = "vocab_size"},
    {.stem = "attention.head_count"},
    {.stem = "attention.head_count_kv"},
    {.stem = "attention.key_length"},
    {.stem = "attention.value_length"},
    {.stem = "attention.layer_norm_rms_epsilon"},
    {.stem = "attention.scale"},
    {.stem = "attention.causal"},
    {.stem = "attention.sliding_window"},
    {.stem = "rope.dimension_count"},
    {.stem = "rope.freq_base"},
    {.stem = "rope.scale_linear"},
    {.stem = "rope.scaling.type"},
    {.stem = "rope.scaling.factor"},
    {.stem = "rope.scaling.attn_factor"},

    // How the model was trained.
    {.stem = "rope.scaling.finetuned", .use = HARMLESS},
    // Read by scaling types that resq refuses, and by none of those that it computes.
    {.stem = "rope.scaling.original_context_length", .use = HARMLESS},
    {.stem = "rope.scaling.yarn_beta_fast", .use = HARMLESS},
    {.stem = "rope.scaling.yarn_beta_slow", .use = HARMLESS},
    // Which layers have the window: one that is refused, or that no token passes.
    {.stem = "attention.sliding_window_pattern", .use = HARMLESS},

    {.stem = "rope.scaling.yarn_ext_factor", .use = NUMBER, .why = YARN},
    {.stem = "rope.scaling.yarn_attn_factor", .use = NUMBER, .neutral = {1, 1}, .why = YARN},
    {.stem = "rope.scaling.yarn_log_multiplier", .use = NUMBER, .why = YARN},
    {.stem = "rope.scaling.alpha",
     .use = NUMBER,
     .neutral = {1, 0},
     .why = "resq does not compute NTK scaling"},
    {.stem = "attention.clamp_kqv",
     .use = NUMBER,
     .why = "resq does not clamp queries, keys and values"},
    {.stem = "attention.max_alibi_bias",
     .use = NUMBER,
     .why = "resq does not compute ALiBi biases"},
    {.stem = "attn_logit_softcapping",
     .use = NUMBER,
     .why = "resq does not cap attention's scores"},
    {.stem = "final_logit_softcapping", .use = NUMBER, .why = "resq does not cap logits"},
    {.stem = "router_logit_softcapping", .use = NUMBER, .why = EXPERTS},
    {.stem = "logit_scale", .use = NUMBER, .neutral = {1, 0}, .why = "resq does not scale logits"},
    {.stem = "residual_scale",
     .use = NUMBER,
     .neutral = {1, 0},
     .why = "resq does not scale residuals"},
    {.stem = "embedding_scale",
     .use = NUMBER,
     .neutral = {1, 0},
     .why = "resq does not scale embeddings"},
    {.stem = "use_parallel_residual",
     .use = NUMBER,
     .why = "resq computes attention and MLP one after the other"},
    {.stem = "pooling_type",
     .use = NUMBER,
     .why = "resq compiles models that generate text, not models of embeddings"},
    {.stem = "nextn_predict_layers",
     .use = NUMBER,
     .why = "resq does not compute layers that predict further tokens"},
    {.stem = "leading_dense_block_count", .use = NUMBER, .why = EXPERTS},
    {.stem = "expert_*", .use = NUMBER, .why = EXPERTS},
    {.stem = "hidden_activation",
     .use = TEXT,
     .texts = {"silu", "swish"},
     .why = "resq computes SiLU"},
    // Rows of q and k in the order that the architecture's converter writes.
    {.stem = "tensor_data_layout",
     .use = TEXT,
     .texts = {"Meta AI original pth", "reference"},
     .why = "resq reads tensors as llama.cpp's converter writes them"},
};

static const key_rule tokenizer_keys[] = {
    {.stem = "ggml.model"},
    {.stem = "ggml.pre"},
    {.stem = "ggml.tokens"},
    {.stem = "ggml.token_type"},
    {.stem = "ggml.merges"},
    {.stem = "ggml.add_bos_token"},
    {.stem = "*_token_id"},
    {.stem = "chat_template*"},

    {.stem = "ggml.scores", .use = HARMLESS}, // of other kinds of tokenizers than byte-level BPE
    {.stem = "huggingface.json", .use = HARMLESS}, // says again what the other keys say

    {.stem = "ggml.add_eos_token", .use = NUMBER, .why = "resq puts no end token behind a prompt"},
    {.stem = "ggml.add_sep_token", .use = NUMBER, .why = "resq puts no separator behind a prompt"},
    {.stem = "ggml.add_space_prefix", .use = NUMBER, .why = "resq puts no space before a prompt"},
    {.stem = "ggml.remove_extra_whitespaces",
     .use = NUMBER,
     .why = "resq leaves white space as it is"},
    {.stem = "ggml.escape_whitespaces", .use = NUMBER, .neutral = {0, 1}}, // of SentencePiece alone
    {.stem = "ggml.token_type_count",
     .use = NUMBER,
     .neutral = {0, 1},
     .why = "resq has no embeddings of token types"},
    {.stem = "ggml.normalizer.*", .use = NUMBER, .why = "resq does not normalize text"},
};

/// All other keys of `general.` describe the file.
static const key_rule general_keys[] = {
    {.stem = "quantization_version",
     .use = NUMBER,
     .neutral = {2, 0},
     .why = "resq reads the blocks of version 2"},
    {.stem = "*", .use = HARMLESS},
};

typedef struct key_space {
  const char *name;
  const key_rule *rules;
  size_t n_rules;
} key_space;

#define RULES(table) table, sizeof(table) / sizeof((table)[0])

//===-- Looking up --------------------------------------------------------===//

static bool begins_with(const char *text, const char *prefix, size_t size) {
  return strncmp(text, prefix, size) == 0;
}

static bool ends_with(const char *text, const char *suffix) {
  size_t size = strlen(text), wanted = strlen(suffix);
  return size >= wanted && strcmp(text + size - wanted, suffix) == 0;
}

static bool rule_covers(const key_rule *rule, const char *stem) {
  size_t size = strlen(rule->stem);
  if (rule->stem[0] == '*')
    return ends_with(stem, rule->stem + 1);
  if (rule->stem[size - 1] == '*')
    return begins_with(stem, rule->stem, size - 1);
  return strcmp(stem, rule->stem) == 0;
}

static const key_rule *find_rule(const key_space *space, const char *stem) {
  for (size_t i = 0; i < space->n_rules; ++i)
    if (rule_covers(&space->rules[i], stem))
      return &space->rules[i];
  return NULL;
}

//===-- Values ------------------------------------------------------------===//

static bool text_is(resq_text text, const char *word) {
  return word && text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static bool is_neutral(const resq_gguf *gguf, const resq_gguf_value *value, const key_rule *rule) {
  if (rule->use == TEXT) {
    resq_text text;
    return resq_gguf_string(gguf, value->key, &text, NULL) &&
           (text_is(text, rule->texts[0]) || text_is(text, rule->texts[1]));
  }
  double number;
  return resq_gguf_number(value, &number) &&
         (number == rule->neutral[0] || number == rule->neutral[1]);
}

static void print_neutral(const resq_gguf_value *value, const key_rule *rule, char *out,
                          size_t size) {
  if (rule->use == TEXT)
    snprintf(out, size, "'%s' or '%s'", rule->texts[0], rule->texts[1]);
  else if (value->kind == RESQ_GGUF_BOOL)
    snprintf(out, size, "%s", rule->neutral[0] != 0 ? "true" : "false");
  else if (rule->neutral[0] == rule->neutral[1])
    snprintf(out, size, "%g", rule->neutral[0]);
  else
    snprintf(out, size, "%g or %g", rule->neutral[0], rule->neutral[1]);
}

static bool refuse_value(const resq_gguf *gguf, const resq_gguf_value *value, const key_rule *rule,
                         resq_error *err) {
  char found[RESQ_GGUF_VALUE_TEXT], neutral[80];
  resq_gguf_value_text(value, found);
  print_neutral(value, rule, neutral, sizeof neutral);
  return resq_fail(err, RESQ_BAD_INPUT, "%s: key '%s' is %s; %s is supported%s%s", gguf->path,
                   value->key, found, neutral, rule->why ? ": " : "", rule->why ? rule->why : "");
}

static bool refuse_unknown(const resq_gguf *gguf, const resq_gguf_value *value, resq_error *err) {
  char found[RESQ_GGUF_VALUE_TEXT];
  resq_gguf_value_text(value, found);
  return resq_fail(
      err, RESQ_BAD_INPUT,
      "%s: key '%.200s' is %s; resq does not know this key, and does not ignore what may "
      "change the result. If it changes nothing, take it out: gguf-new-metadata "
      "--remove-metadata=KEY IN OUT (of the Python package gguf)",
      gguf->path, value->key, found);
}

static bool check_space(const resq_gguf *gguf, const key_space *space, resq_error *err) {
  size_t size = strlen(space->name);
  for (uint64_t i = 0; i < gguf->n_values; ++i) {
    const resq_gguf_value *value = &gguf->values[i];
    if (!begins_with(value->key, space->name, size) || value->key[size] != '.')
      continue;
    const key_rule *rule = find_rule(space, value->key + size + 1);
    if (!rule)
      return refuse_unknown(gguf, value, err);
    if (rule->use > HARMLESS && !is_neutral(gguf, value, rule))
      return refuse_value(gguf, value, rule, err);
  }
  return true;
}

bool resq_gguf_check_keys(const resq_gguf *gguf, const char *architecture, resq_error *err) {
  const key_space own = {architecture, RULES(architecture_keys)},
                  general = {"general", RULES(general_keys)},
                  tokenizer = {"tokenizer", RULES(tokenizer_keys)};
  return check_space(gguf, &own, err) && check_space(gguf, &general, err) &&
         (!resq_gguf_has_tokenizer(gguf) || check_space(gguf, &tokenizer, err));
}

//===-- The kind of file --------------------------------------------------===//

bool resq_gguf_check_kind(const resq_gguf *gguf, resq_error *err) {
  resq_text type = {"model", 5};
  if (resq_gguf_get(gguf, "general.type") && !resq_gguf_string(gguf, "general.type", &type, err))
    return false;
  return text_is(type, "model") ||
         resq_fail(err, RESQ_BAD_INPUT, "%s: key 'general.type' is '%.*s'; resq compiles a 'model'",
                   gguf->path, type.size < 64 ? (int)type.size : 64, type.data);
}
