//===-- decoder_tensors.c -------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tensor that the graph does not read would be part of a computation that resq does not make:
// it is refused by name, as one that is missing is.
//===----------------------------------------------------------------------===//
#include "dialect/import/checkpoint/decoder_tensors.h"

#include "dialect/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

//===-- Architectures -----------------------------------------------------===//

static const resq_architecture architectures[] = {
    {.name = "llama", .rope_factors = true},
    {.name = "qwen2", .qkv_biases = true},
};

const resq_architecture *resq_decoder_architecture_find(resq_text name) {
  for (size_t i = 0; i < sizeof architectures / sizeof architectures[0]; ++i)
    if (name.size == strlen(architectures[i].name) &&
        memcmp(name.data, architectures[i].name, name.size) == 0)
      return &architectures[i];
  return NULL;
}

//===-- Layers ------------------------------------------------------------===//

void resq_decoder_layer_tensors(const resq_decoder_config *c,
                                resq_decoder_tensor out[RESQ_DECODER_SITES]) {
  int64_t q = c->heads * c->head_size, kv = c->kv_heads * c->head_size;
  const char *const *stem = c->names->stems;
  const resq_decoder_bias none = RESQ_DECODER_NO_BIAS;
#define ROW(site, name, rank, out, in, bias) [site] = { name, stem[site], rank, {out, in}, bias }
  const resq_decoder_tensor tensors[RESQ_DECODER_SITES] = {
      ROW(RESQ_DECODER_ATTN_NORM, "attn_norm", 1, c->width, 0, none),
      ROW(RESQ_DECODER_Q, "q", 2, q, c->width, c->qkv_bias),
      ROW(RESQ_DECODER_K, "k", 2, kv, c->width, c->qkv_bias),
      ROW(RESQ_DECODER_V, "v", 2, kv, c->width, c->qkv_bias),
      ROW(RESQ_DECODER_O, "o", 2, c->width, q, c->o_bias),
      ROW(RESQ_DECODER_MLP_NORM, "mlp_norm", 1, c->width, 0, none),
      ROW(RESQ_DECODER_GATE, "gate", 2, c->mlp_width, c->width, c->mlp_bias),
      ROW(RESQ_DECODER_UP, "up", 2, c->mlp_width, c->width, c->mlp_bias),
      ROW(RESQ_DECODER_DOWN, "down", 2, c->width, c->mlp_width, c->mlp_bias),
  };
#undef ROW
  memcpy(out, tensors, sizeof tensors);
}

void resq_decoder_tensor_name(const resq_decoder_config *config, int64_t layer, const char *stem,
                              const char *part, char out[RESQ_DECODER_NAME]) {
  snprintf(out, RESQ_DECODER_NAME, "%s%" PRId64 ".%s.%s", config->names->layer, layer, stem, part);
}

//===-- Checking ----------------------------------------------------------===//

typedef struct checker {
  const resq_checkpoint *checkpoint;
  const resq_decoder_config *config;
  bool *expected; ///< [count]: which tensors of the checkpoint the model uses
  resq_error *err;
} checker;

/// Marks the tensor as expected and checks its shape; *found (or, when NULL, failure) tells that it is absent.
static bool check_tensor(checker *c, const char *name, uint32_t rank, const int64_t *shape,
                         bool *found) {
  resq_checkpoint_tensor tensor, view;
  bool there = resq_checkpoint_find(c->checkpoint, name, &tensor);
  if (found)
    *found = there;
  if (!there)
    return found ? true
                 : resq_fail(c->err, RESQ_BAD_INPUT, "%s: tensor '%s' is missing",
                             c->checkpoint->path, name);
  c->expected[tensor.index] = true;
  if (resq_checkpoint_view(&tensor, rank, shape, &view))
    return true;
  char has[RESQ_SHAPE_TEXT], wants[RESQ_SHAPE_TEXT];
  resq_shape_text(tensor.rank, tensor.shape, has);
  resq_shape_text(rank, shape, wants);
  return resq_fail(c->err, RESQ_BAD_INPUT,
                   "%s: tensor '%s' has shape [%s]; the configuration calls for [%s]",
                   c->checkpoint->path, name, has, wants);
}

static bool check_layer(checker *c, const resq_decoder_tensor *tensors, int64_t layer) {
  for (int i = 0; i < RESQ_DECODER_SITES; ++i) {
    char name[RESQ_DECODER_NAME];
    bool present;
    resq_decoder_tensor_name(c->config, layer, tensors[i].stem, "weight", name);
    if (!check_tensor(c, name, tensors[i].rank, tensors[i].shape, NULL))
      return false;
    resq_decoder_tensor_name(c->config, layer, tensors[i].stem, "bias", name);
    bool *absent_is_fine = tensors[i].bias == RESQ_DECODER_MAY_HAVE_BIAS ? &present : NULL;
    if (tensors[i].bias != RESQ_DECODER_NO_BIAS &&
        !check_tensor(c, name, 1, tensors[i].shape, absent_is_fine))
      return false;
  }
  return true;
}

static bool ends_with(const char *text, const char *suffix) {
  size_t size = strlen(text), wanted = strlen(suffix);
  return size >= wanted && strcmp(text + size - wanted, suffix) == 0;
}

static bool check_others(const checker *c) {
  const char *overlooked = c->config->names->overlooked;
  for (uint64_t i = 0; i < resq_checkpoint_count(c->checkpoint); ++i) {
    if (c->expected[i])
      continue;
    const char *name = resq_checkpoint_tensor_at(c->checkpoint, i).name;
    if (!overlooked || !ends_with(name, overlooked))
      return resq_fail(c->err, RESQ_BAD_INPUT,
                       "%s: tensor '%s' is no part of a %s model of %" PRId64 " layers",
                       c->checkpoint->path, name, c->config->architecture->name, c->config->layers);
  }
  return true;
}

static bool check_all(checker *c, resq_decoder_config *config) {
  const resq_decoder_names *names = config->names;
  const int64_t table[] = {config->vocabulary, config->width}, turns[] = {config->head_size / 2};
  resq_decoder_tensor tensors[RESQ_DECODER_SITES];
  resq_decoder_layer_tensors(config, tensors);
  // A tied head may be stored apart, too: it is read nowhere, as in transformers.
  bool has_head, head_is_needed = config->tied_stated && !config->tied;
  if (!check_tensor(c, names->embedding, 2, table, NULL) ||
      !check_tensor(c, names->final_norm, 1, &config->width, NULL) ||
      !check_tensor(c, names->head, 2, table, head_is_needed ? NULL : &has_head))
    return false;
  if (names->rope_factors && config->architecture->rope_factors &&
      !check_tensor(c, names->rope_factors, 1, turns, &config->rope_factors))
    return false;
  if (!config->tied_stated)
    config->tied = !has_head;
  for (int64_t layer = 0; layer < config->layers; ++layer)
    if (!check_layer(c, tensors, layer))
      return false;
  return check_others(c);
}

bool resq_decoder_check_tensors(const resq_checkpoint *c, resq_decoder_config *config,
                                resq_error *err) {
  checker check = {c, config, resq_new((size_t)resq_checkpoint_count(c), sizeof(bool)), err};
  bool ok = check_all(&check, config);
  free(check.expected);
  return ok;
}

bool resq_decoder_config_read(const resq_checkpoint *c, resq_decoder_config *out, resq_error *err) {
  *out = (resq_decoder_config){.name = {"", 0}};
  return c->driver->config(c, out, err) && resq_decoder_check_tensors(c, out, err);
}
