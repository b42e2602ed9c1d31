//===-- decoder_module.c - a decoder model as a resq module ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The module says how to compute the model and where its tensors stand; no weight
// is read here. Where the checkpoint stores q and k with the rows of each head
// interleaved for RoPE pairs (2i, 2i + 1), as llama.cpp's converter does for llama,
// those params put the rows back: resq.rope turns pairs (i, i + size/2).
//===----------------------------------------------------------------------===//
#include "dialect/import/decoder_module.h"

#include "dialect/attributes.h"
#include "dialect/diagnostics.h"
#include "dialect/import/checkpoint/decoder_tensors.h"
#include "dialect/import/generation_settings.h"
#include "dialect/ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum { DYNAMIC = -1, MAX_SYMBOL = 64 };

/// What every step needs. `values` are the function's, so far.
typedef struct importer {
  MlirContext ctx;
  const resq_decoder_source *source;
  const resq_checkpoint *checkpoint; ///< the source's; NULL: there are no tensors
  resq_decoder_config config;
  resq_decoder_tensor tensors[RESQ_DECODER_SITES];
  MlirLocation file;
  MlirBlock module, body;
  MlirType f32;
  MlirValue tokens, positions, sequences, logit_rows, angles;
} importer;

//===-- Names, types, builders --------------------------------------------===//

static MlirType vector_type(const importer *im, int64_t size) {
  return resq_tensor(im->f32, 1, &size);
}

static MlirType matrix_type(const importer *im, int64_t rows, int64_t columns) {
  const int64_t shape[] = {rows, columns};
  return resq_tensor(im->f32, 2, shape);
}

static MlirType rows_type(const importer *im, int64_t width) {
  return matrix_type(im, DYNAMIC, width);
}

/// A place at the end of `block` with location "name" over the file.
static resq_builder at(const importer *im, MlirBlock block, const char *name) {
  return resq_build_at_end(block, mlirLocationNameGet(im->ctx, resq_str(name), im->file));
}

/// "l<layer>.<site>"
static const char *symbol(char buffer[MAX_SYMBOL], int64_t layer, const char *site) {
  snprintf(buffer, MAX_SYMBOL, "l%" PRId64 ".%s", layer, site);
  return buffer;
}

/// The symbol of the checkpoint.
static const char checkpoint_name[] = "checkpoint";

//===-- Params ------------------------------------------------------------===//

/// resq.param @name, read from `tensor`; its rows put in half-split order when `deinterleaved_heads` is not 0.
static void add_param(const importer *im, const char *name, const char *tensor, MlirType type,
                      int64_t deinterleaved_heads) {
  resq_builder top = at(im, im->module, name);
  MlirBlock recipe;
  resq_build_param(&top, name, type, &recipe);
  resq_builder b = at(im, recipe, name);
  MlirValue value = resqLeafOpBuild(&b, resq_str(checkpoint_name), resq_str(tensor), type);
  if (deinterleaved_heads)
    value = resqDeinterleaveOpBuild(&b, value, deinterleaved_heads, type);
  resq_build_yield(recipe, value);
}

/// Of a linear that may have a bias, the file says whether it has one; a shape has none there.
static bool has_bias(const importer *im, int64_t layer, const resq_decoder_tensor *tensor) {
  char name[RESQ_DECODER_NAME];
  resq_checkpoint_tensor found;
  if (!im->checkpoint || tensor->bias == RESQ_DECODER_NO_BIAS)
    return tensor->bias == RESQ_DECODER_HAS_BIAS;
  resq_decoder_tensor_name(&im->config, layer, tensor->stem, "bias", name);
  return resq_checkpoint_find(im->checkpoint, name, &found);
}

/// Heads to deinterleave in what a site's linear gives; 0: none.
static int64_t interleaved_heads(const importer *im, int site) {
  if (!im->config.rows_interleaved)
    return 0;
  return site == RESQ_DECODER_Q   ? im->config.heads
         : site == RESQ_DECODER_K ? im->config.kv_heads
                                  : 0;
}

static void add_layer_params(const importer *im, int64_t layer) {
  for (int i = 0; i < RESQ_DECODER_SITES; ++i) {
    const resq_decoder_tensor *tensor = &im->tensors[i];
    int64_t heads = interleaved_heads(im, i);
    char name[MAX_SYMBOL], site[32], stored[RESQ_DECODER_NAME];
    resq_decoder_tensor_name(&im->config, layer, tensor->stem, "weight", stored);
    add_param(im, symbol(name, layer, tensor->site), stored,
              resq_tensor(im->f32, tensor->rank, tensor->shape), heads);
    if (!has_bias(im, layer, tensor))
      continue;
    resq_decoder_tensor_name(&im->config, layer, tensor->stem, "bias", stored);
    snprintf(site, sizeof site, "%s_bias", tensor->site);
    add_param(im, symbol(name, layer, site), stored, vector_type(im, tensor->shape[0]), heads);
  }
}

static bool has_rope_factors(const resq_decoder_config *c) {
  return c->rope_factors || c->rope.llama3.factor > 0 || c->rope.divisor != 1;
}

/// A constant of the recipe that `b` builds.
static MlirValue build_constant(const importer *im, const resq_builder *b, MlirAttribute value) {
  MlirNamedAttribute constant = resq_attr(im->ctx, "value", value);
  return resq_build_value(b, "arith.constant", 0, NULL, mlirAttributeGetType(value), 1, &constant);
}

/// What Llama 3.1's scaling divides frequencies by: the checkpoint's tensor, or what its metadata says;
/// null: nothing.
static MlirValue build_llama3_factors(const importer *im, const resq_builder *b, MlirType type) {
  const resq_decoder_config *c = &im->config;
  float factors[RESQ_DECODER_MAX_HEAD_SIZE / 2];
  if (c->rope_factors)
    return resqLeafOpBuild(b, resq_str(checkpoint_name), resq_str(c->names->rope_factors), type);
  if (!(c->rope.llama3.factor > 0))
    return (MlirValue){NULL};
  resq_decoder_llama3_factors(&c->rope, c->head_size, factors);
  return build_constant(im, b, mlirDenseElementsAttrFloatGet(type, c->head_size / 2, factors));
}

/// resq.param @rope_factors, what RoPE's frequencies are divided by: the factors of Llama 3.1, or linear scaling's one
/// number for all, or the product of both.
static void add_rope_factors(const importer *im) {
  const resq_decoder_config *c = &im->config;
  const char *name = "rope_factors";
  MlirType type = vector_type(im, c->head_size / 2);
  resq_builder top = at(im, im->module, name);
  MlirBlock recipe;
  resq_build_param(&top, name, type, &recipe);
  resq_builder b = at(im, recipe, name);
  MlirValue value = {NULL}, factors;
  if (c->rope.divisor != 1)
    value = build_constant(im, &b, mlirDenseElementsAttrFloatSplatGet(type, c->rope.divisor));
  factors = build_llama3_factors(im, &b, type);
  if (mlirValueIsNull(value))
    value = factors;
  else if (!mlirValueIsNull(factors))
    value = resqScaleColumnsOpBuild(&b, factors, value, type);
  resq_build_yield(recipe, value);
}

static void add_params(const importer *im) {
  const resq_decoder_config *c = &im->config;
  MlirType table = matrix_type(im, c->vocabulary, c->width);
  add_param(im, "embedding", c->names->embedding, table, 0);
  if (has_rope_factors(c))
    add_rope_factors(im);
  for (int64_t layer = 0; layer < c->layers; ++layer)
    add_layer_params(im, layer);
  add_param(im, "final_norm", c->names->final_norm, vector_type(im, c->width), 0);
  if (!c->tied)
    add_param(im, "head", c->names->head, table, 0);
}

//===-- Other symbols -----------------------------------------------------===//

static void add_checkpoint(const importer *im) {
  // The digest names the weights: results cached under it can't be taken for another file's.
  XXH128_canonical_t digest;
  XXH128_canonicalFromHash(&digest, im->source->digest);
  char hex[2 * sizeof digest.digest + 1];
  for (size_t i = 0; i < sizeof digest.digest; ++i)
    snprintf(hex + 2 * i, 3, "%02x", digest.digest[i]);
  resq_builder b = at(im, im->module, "checkpoint");
  MlirOperation op = resqCheckpointOpBuild(&b, resq_str(checkpoint_name),
                                           resq_str(im->source->path), im->source->format);
  resqCheckpointOpSetDigest(op, resq_str(hex));
}

static bool add_tokenizer(const importer *im, resq_error *err) {
  if (!im->checkpoint || !resq_checkpoint_has_tokenizer(im->checkpoint))
    return true;
  resq_checkpoint_tokenizer read;
  if (!resq_checkpoint_read_tokenizer(im->checkpoint, &read, err))
    return false;
  const resq_tokenizer_source *source = &read.source;
  resq_builder b = at(im, im->module, "tokenizer");
  resqTokenizerOpBuild(&b, resq_str("tokenizer"), resq_str(checkpoint_name),
                       RESQ_TOKENIZER_KIND_BPE, resq_str(source->pre), source->bos, source->eos,
                       source->add_bos, resq_str(source->chat_template));
  resq_checkpoint_free_tokenizer(&read);
  return true;
}

static void add_caches(const importer *im) {
  MlirAttribute code = resqKvFloatAttrGet(im->ctx, RESQ_KV_F16);
  for (int64_t layer = 0; layer < im->config.layers; ++layer) {
    char name[MAX_SYMBOL];
    snprintf(name, sizeof name, "l%" PRId64, layer);
    resq_builder b = at(im, im->module, name);
    resqKvCacheOpBuild(&b, resq_str(name), im->config.kv_heads, im->config.head_size, code, code);
  }
}

//===-- The graph ---------------------------------------------------------===//

/// rms_norm of x by the gain param `name`; the op is called `name`, too.
static MlirValue build_norm(const importer *im, const char *name, MlirValue x) {
  resq_builder b = at(im, im->body, name);
  MlirValue gain = resq_build_get(&b, name, vector_type(im, im->config.width));
  return resqRmsNormOpBuild(&b, x, gain, im->config.eps, rows_type(im, im->config.width));
}

static MlirValue build_linear(const importer *im, int64_t layer, resq_decoder_site site,
                              MlirValue x) {
  const resq_decoder_tensor *tensor = &im->tensors[site];
  char name[MAX_SYMBOL], bias_site[32], bias_name[MAX_SYMBOL];
  resq_builder b = at(im, im->body, symbol(name, layer, tensor->site));
  MlirValue weight = resq_build_get(&b, name, resq_tensor(im->f32, 2, tensor->shape));
  MlirValue bias = {NULL};
  if (has_bias(im, layer, tensor)) {
    snprintf(bias_site, sizeof bias_site, "%s_bias", tensor->site);
    bias =
        resq_build_get(&b, symbol(bias_name, layer, bias_site), vector_type(im, tensor->shape[0]));
  }
  MlirValue y = resqLinearOpBuild(&b, x, weight, bias, rows_type(im, tensor->shape[0]));
  resqLinearOpSetName(resq_defining_op(y), resq_str(name));
  return y;
}

static MlirValue build_rope(const importer *im, const char *name, MlirValue x) {
  resq_builder b = at(im, im->body, name);
  return resqRopeOpBuild(&b, x, im->angles, im->config.head_size, mlirValueGetType(x));
}

static MlirValue build_add(const importer *im, const char *name, MlirValue a, MlirValue b) {
  resq_builder builder = at(im, im->body, name);
  return resqAddOpBuild(&builder, a, b, mlirValueGetType(a));
}

/// Keys and values into the layer's cache, then queries over it.
static MlirValue build_cached_attention(const importer *im, int64_t layer, MlirValue q, MlirValue k,
                                        MlirValue v) {
  char cache[MAX_SYMBOL], name[MAX_SYMBOL];
  snprintf(cache, sizeof cache, "l%" PRId64, layer);
  resq_builder append = at(im, im->body, symbol(name, layer, "kv"));
  const MlirValue no_sketch = {NULL};
  resqKvAppendOpBuild(&append, k, v, im->positions, im->sequences, no_sketch, resq_str(cache));
  resq_builder attend = at(im, im->body, symbol(name, layer, "attention"));
  return resqAttentionOpBuild(&attend, q, im->positions, im->sequences, no_sketch, resq_str(cache),
                              im->config.attention_scale, mlirValueGetType(q));
}

static MlirValue build_layer(const importer *im, int64_t layer, MlirValue x) {
  char name[MAX_SYMBOL];
  MlirValue n = build_norm(im, symbol(name, layer, "attn_norm"), x);
  MlirValue q = build_linear(im, layer, RESQ_DECODER_Q, n);
  MlirValue k = build_linear(im, layer, RESQ_DECODER_K, n);
  MlirValue v = build_linear(im, layer, RESQ_DECODER_V, n);
  q = build_rope(im, symbol(name, layer, "q_rope"), q);
  k = build_rope(im, symbol(name, layer, "k_rope"), k);
  MlirValue heads = build_cached_attention(im, layer, q, k, v);
  MlirValue o = build_linear(im, layer, RESQ_DECODER_O, heads);
  x = build_add(im, symbol(name, layer, "attn_add"), x, o);

  n = build_norm(im, symbol(name, layer, "mlp_norm"), x);
  MlirValue gate = build_linear(im, layer, RESQ_DECODER_GATE, n);
  MlirValue up = build_linear(im, layer, RESQ_DECODER_UP, n);
  resq_builder b = at(im, im->body, symbol(name, layer, "act"));
  MlirValue gated = resqGateOpBuild(&b, gate, up, rows_type(im, im->config.mlp_width));
  MlirValue down = build_linear(im, layer, RESQ_DECODER_DOWN, gated);
  return build_add(im, symbol(name, layer, "mlp_add"), x, down);
}

static MlirValue build_embed(const importer *im) {
  const resq_decoder_config *c = &im->config;
  resq_builder b = at(im, im->body, "embedding");
  MlirValue table = resq_build_get(&b, "embedding", matrix_type(im, c->vocabulary, c->width));
  return resqEmbedOpBuild(&b, im->tokens, table, rows_type(im, c->width));
}

static MlirValue build_angles(const importer *im) {
  const resq_decoder_config *c = &im->config;
  resq_builder b = at(im, im->body, "rope_angles");
  MlirValue factors = {NULL};
  if (has_rope_factors(c))
    factors = resq_build_get(&b, "rope_factors", vector_type(im, c->head_size / 2));
  return resqRopeAnglesOpBuild(&b, im->positions, factors, c->rope.base,
                               rows_type(im, c->head_size));
}

/// Only the rows whose logits were asked for go through the head, which is the model's largest matrix.
static MlirValue build_logits(const importer *im, MlirValue x) {
  const resq_decoder_config *c = &im->config;
  resq_builder b = at(im, im->body, "logit_rows");
  x = resqGatherRowsOpBuild(&b, x, im->logit_rows, rows_type(im, c->width));
  x = build_norm(im, "final_norm", x);
  b = at(im, im->body, "head");
  MlirValue weight =
      resq_build_get(&b, c->tied ? "embedding" : "head", matrix_type(im, c->vocabulary, c->width));
  return resqHeadOpBuild(&b, x, weight, rows_type(im, c->vocabulary));
}

static void add_forward(importer *im) {
  enum { ARGUMENTS = 4 };
  static const char *const names[ARGUMENTS] = {"tokens", "positions", "sequences", "logit_rows"};
  const int64_t dynamic = DYNAMIC;
  MlirType ids = resq_tensor(mlirIntegerTypeGet(im->ctx, 32), 1, &dynamic);
  MlirType types[ARGUMENTS], logits = rows_type(im, im->config.vocabulary);
  MlirLocation locations[ARGUMENTS];
  for (int i = 0; i < ARGUMENTS; ++i) {
    types[i] = ids;
    locations[i] = mlirLocationNameGet(im->ctx, resq_str(names[i]), im->file);
  }
  MlirRegion region = mlirRegionCreate();
  im->body = mlirBlockCreate(ARGUMENTS, types, locations);
  mlirRegionAppendOwnedBlock(region, im->body);
  MlirLocation loc = mlirLocationNameGet(im->ctx, resq_str("forward"), im->file);
  MlirOperationState state = mlirOperationStateGet(resq_str("func.func"), loc);
  MlirType type = mlirFunctionTypeGet(im->ctx, ARGUMENTS, types, 1, &logits);
  const MlirNamedAttribute attrs[] = {resq_attr_symbol_name(im->ctx, "forward"),
                                      resq_attr(im->ctx, "function_type", mlirTypeAttrGet(type))};
  mlirOperationStateAddAttributes(&state, 2, attrs);
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  mlirBlockAppendOwnedOperation(im->module, mlirOperationCreate(&state));

  im->tokens = mlirBlockGetArgument(im->body, 0);
  im->positions = mlirBlockGetArgument(im->body, 1);
  im->sequences = mlirBlockGetArgument(im->body, 2);
  im->logit_rows = mlirBlockGetArgument(im->body, 3);
  MlirValue x = build_embed(im);
  im->angles = build_angles(im);
  for (int64_t layer = 0; layer < im->config.layers; ++layer)
    x = build_layer(im, layer, x);
  x = build_logits(im, x);
  resq_builder b = at(im, im->body, "forward");
  resq_build_op(&b, "func.return", 1, &x, 0, NULL, 0, NULL);
}

//===-- The module --------------------------------------------------------===//

static void set_module_attributes(const importer *im, MlirOperation module) {
  MlirType i64 = mlirIntegerTypeGet(im->ctx, 64);
  MlirStringRef name = mlirStringRefCreate(im->config.name.data, im->config.name.size);
  mlirOperationSetDiscardableAttributeByName(module, resq_str(RESQ_ATTR_VERSION),
                                             mlirIntegerAttrGet(i64, RESQ_DIALECT_VERSION));
  mlirOperationSetDiscardableAttributeByName(module, resq_str(RESQ_ATTR_CONTEXT_LENGTH),
                                             mlirIntegerAttrGet(i64, im->config.context_length));
  mlirOperationSetDiscardableAttributeByName(module, resq_str(RESQ_ATTR_NAME),
                                             mlirStringAttrGet(im->ctx, name));
}

static MlirModule build_module(MlirContext ctx, const resq_decoder_source *source,
                               resq_error *err) {
  importer im = {.ctx = ctx,
                 .source = source,
                 .checkpoint = source->checkpoint,
                 .config = source->config,
                 .f32 = mlirF32TypeGet(ctx)};
  resq_decoder_layer_tensors(&im.config, im.tensors);
  im.file = mlirLocationFileLineColGet(ctx, resq_str(source->path), 0, 0);
  MlirModule module = mlirModuleCreateEmpty(im.file);
  im.module = mlirModuleGetBody(module);
  set_module_attributes(&im, mlirModuleGetOperation(module));
  add_checkpoint(&im);
  if ((im.checkpoint &&
       !resq_import_generation_settings(im.checkpoint, mlirModuleGetOperation(module), err)) ||
      !add_tokenizer(&im, err)) {
    mlirModuleDestroy(module);
    return (MlirModule){NULL};
  }
  add_params(&im);
  add_caches(&im);
  add_forward(&im);
  return module;
}

/// The source was checked before; a module that does not verify is a defect of ours, and said as MLIR says it.
static bool verify(MlirContext ctx, MlirModule module, resq_error *err) {
  resq_listener listener;
  resq_listen_begin(&listener, ctx, err);
  bool ok = mlirOperationVerify(mlirModuleGetOperation(module));
  bool silent = resq_listen_end(&listener);
  if (!ok && silent)
    resq_fail(err, RESQ_FAILED, "the imported module does not verify");
  return ok;
}

MlirModule resq_decoder_module(MlirContext ctx, const resq_decoder_source *source,
                               resq_error *err) {
  MlirModule module = build_module(ctx, source, err);
  if (mlirModuleIsNull(module) || verify(ctx, module, err))
    return module;
  mlirModuleDestroy(module);
  return (MlirModule){NULL};
}
