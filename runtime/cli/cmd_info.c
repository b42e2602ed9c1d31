//===-- cmd_info.c - what this binary is, counted honestly ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bits per weight are stored bytes over logical weights: scales, zero points and
// padding included. Embedding and head are given apart from the linears.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"
#include "cli/json.h"
#include "exec/cpu.h"
#include "exec/session_access.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

typedef struct info_options {
  resq_run_options common;
  bool json, verify, params;
} info_options;

#define AT(member) offsetof(info_options, member)
static const resq_flag flags[] = {
    {"json", 0, RESQ_FLAG_BOOL, NULL, "print JSON", 0, 0, AT(json)},
    {"verify", 0, RESQ_FLAG_BOOL, NULL,
     "read the whole file and check its hashes: code, tables and sections", 0, 0, AT(verify)},
    {"params", 0, RESQ_FLAG_BOOL, NULL, "list every parameter", 0, 0, AT(params)},
};

enum { group_linears, group_embedding, group_head, group_other, n_groups };
static const char *const group_names[n_groups] = {"linears", "embedding", "head", "other"};

/// By the importer's names: "embedding", "head", "l12.q..." ; norms, biases, method matrices,
/// orders and clips are "other".
static int group_of(const char *name) {
  static const char *const not_linears[] = {"norm",  "bias",     "rope",   "rotat",
                                            "basis", "hadamard", ".order", ".clip"};
  if (!strncmp(name, "embedding", 9))
    return group_embedding;
  if (!strncmp(name, "head", 4))
    return group_head;
  for (size_t i = 0; i < sizeof not_linears / sizeof not_linears[0]; ++i)
    if (strstr(name, not_linears[i]))
      return group_other;
  return name[0] == 'l' && isdigit((unsigned char)name[1]) ? group_linears : group_other;
}

static double bits(int64_t bytes, int64_t elements) {
  return elements > 0 ? 8.0 * (double)bytes / (double)elements : 0.0;
}

static json_t *param_groups(const resq_program *p) {
  int64_t bytes[n_groups] = {0}, elements[n_groups] = {0};
  for (int32_t i = 0; i < p->n_params; ++i) {
    int g = group_of(p->params[i].name);
    bytes[g] += (int64_t)p->params[i].size;
    elements[g] += p->params[i].elements;
  }
  json_t *out = json_object();
  for (int g = 0; g < n_groups; ++g)
    if (bytes[g])
      json_object_set_new(out, group_names[g],
                          json_pack("{sI sI sf}", "bytes", (json_int_t)bytes[g], "elements",
                                    (json_int_t)elements[g], "bits", bits(bytes[g], elements[g])));
  return out;
}

static json_t *param_list(const resq_program *p) {
  json_t *out = json_array();
  for (int32_t i = 0; i < p->n_params; ++i) {
    const resq_param *q = &p->params[i];
    json_array_append_new(out,
                          json_pack("{ss ss* sI sI sf}", "name", q->name, "type", q->type, "bytes",
                                    (json_int_t)q->size, "elements", (json_int_t)q->elements,
                                    "bits", bits((int64_t)q->size, q->elements)));
  }
  return out;
}

static json_t *cache_info(const resq_program *p) {
  double elements = 0;
  int64_t bytes = 0, fixed = 0;
  for (int32_t i = 0; i < p->n_caches; ++i) {
    const resq_cache *c = &p->caches[i];
    bytes += c->bytes_per_token;
    fixed += c->bytes_per_sequence;
    if (c->bits_per_element > 0)
      elements += 8.0 * (double)c->bytes_per_token / c->bits_per_element;
  }
  return json_pack("{si sI sI sf}", "layers", (int)p->n_caches, "bytes_per_token",
                   (json_int_t)bytes, "bytes_per_sequence", (json_int_t)fixed, "bits",
                   elements > 0 ? 8.0 * (double)bytes / elements : 0.0);
}

/// Functions with their entries; levels, each once.
static void add_code(json_t *info, const resq_program *p) {
  json_t *levels = json_array(), *entries = json_array();
  for (int32_t i = 0; i < p->n_entries; ++i) {
    const resq_entry *e = &p->entries[i];
    bool known = false;
    for (int32_t j = 0; j < i && !known; ++j)
      known = !strcmp(p->entries[j].level, e->level);
    if (!known)
      json_array_append_new(levels, json_string(e->level));
    json_array_append_new(entries,
                          json_pack("{ss ss sI sI si}", "function", e->function, "level", e->level,
                                    "max_rows", (json_int_t)e->max_rows, "workspace_bytes",
                                    (json_int_t)e->workspace_bytes, "ops", (int)e->n_ops));
  }
  json_object_set_new(info, "levels", levels);
  json_object_set_new(info, "entries", entries);
}

/// What commands would run on here, with the context that the model has: the level, the device, and what the GPU is or
/// why it is not used.
static void add_device(json_t *info, resq_model *model) {
  char has[256];
  resq_device device;
  resq_error err = {RESQ_FAILED, ""};
  const bool ok = resq_model_device(model, &(resq_session_options){0}, &device, &err);
  resq_cpu_describe(resq_cpu_features(), has, sizeof has);
  json_object_set_new(info, "level", ok ? json_string(device.level) : json_null());
  json_object_set_new(info, "cpu", json_string(has));
  json_object_set_new(info, "device",
                      ok ? json_string(device.is_gpu ? "cuda" : "cpu") : json_null());
  json_object_set_new(info, "device_note", json_string(ok ? device.about : err.message));
}

/// The compiler's own description, whatever it holds; absent or damaged metadata is no reason to
/// fail.
static json_t *read_metadata(const resq_artifact *artifact) {
  const uint8_t *data;
  uint64_t size;
  if (!artifact || !resq_artifact_section(artifact, RESQ_SECTION_METADATA, &data, &size))
    return NULL;
  json_t *j = json_loadb((const char *)data, size, 0, NULL);
  if (j && json_is_object(j))
    return j;
  json_decref(j);
  return NULL;
}

/// What the artifact says of the module that it was compiled from: it is there, and of what dialect.
static json_t *module_info(const resq_artifact *artifact, const json_t *metadata) {
  const uint8_t *data;
  uint64_t size;
  if (!artifact || !resq_artifact_section(artifact, RESQ_SECTION_MODULE, &data, &size))
    return NULL;
  json_t *out = json_pack("{sI}", "bytes", (json_int_t)size);
  json_t *version = json_object_get(metadata, "dialect_version");
  if (json_is_integer(version))
    json_object_set(out, "dialect_version", version);
  return out;
}

static bool has_level(const resq_program *p, const char *level) {
  for (int32_t i = 0; i < p->n_entries; ++i)
    if (!strcmp(p->entries[i].level, level))
      return true;
  return false;
}

static json_t *collect(const resq_model_context *r, const info_options *o) {
  const resq_artifact *artifact = resq_model_artifact(r->model);
  const resq_program *p = resq_model_program(r->model);
  json_t *info = json_object(), *metadata = read_metadata(artifact);
  json_t *name = json_object_get(metadata, "name");
  if (json_is_string(name))
    json_object_set(info, "model", name);
  json_object_set_new(info, "scheme", json_string(p->scheme ? p->scheme : ""));
  json_object_set_new(info, "context_length", json_integer(p->context_length));
  if (r->tokenizer)
    json_object_set_new(info, "tokens", json_integer(resq_tokenizer_size(r->tokenizer)));
  add_code(info, p);
  add_device(info, r->model);
  json_object_set_new(info, "params", param_groups(p));
  if (resq_model_params_absent(r->model))
    json_object_set_new(info, "params_absent", json_true());
  if (o->params)
    json_object_set_new(info, "param_list", param_list(p));
  json_object_set_new(info, "cache", cache_info(p));
  if (artifact)
    json_object_set_new(info, "file_bytes", json_integer((json_int_t)artifact->map.size));
  json_object_set_new(info, "versions",
                      json_pack("{ss si si}", "runtime", RESQ_VERSION, "abi", (int)p->abi_version,
                                "artifact", (int)RESQ_ARTIFACT_VERSION));
  json_t *module = module_info(artifact, metadata);
  if (module)
    json_object_set_new(info, "module", module);
  json_t *arithmetic = json_object_get(metadata, "gpu_arithmetic");
  if (json_is_string(arithmetic) && has_level(p, "cuda"))
    json_object_set(info, "gpu_arithmetic", arithmetic);
  if (metadata)
    json_object_set_new(info, "metadata", metadata);
  return info;
}

//===-- As text -----------------------------------------------------------===//

/// A name from the artifact, as a terminal may have it.
typedef struct shown {
  char text[256];
} shown;

static shown text_of(const json_t *j, const char *key, const char *fallback) {
  const char *s = json_string_value(json_object_get(j, key));
  shown out;
  s = s && *s ? s : fallback;
  resq_printable(out.text, sizeof out.text, s, strlen(s));
  return out;
}

static int64_t integer_of(const json_t *j, const char *key) {
  return json_integer_value(json_object_get(j, key));
}

static bool print_params(const json_t *info, resq_error *err) {
  const char *name;
  json_t *group;
  bool ok = true;
  json_object_foreach(json_object_get(info, "params"), name, group) {
    ok = ok && resq_printf(err, "  %-12s %14" PRId64 " bytes %14" PRId64 " weights %8.3f bits\n",
                           name, integer_of(group, "bytes"), integer_of(group, "elements"),
                           json_number_value(json_object_get(group, "bits")));
  }
  size_t i;
  json_array_foreach(json_object_get(info, "param_list"), i, group) {
    ok = ok && resq_printf(
                   err, "  %-24s %12" PRId64 " bytes %12" PRId64 " weights %8.3f bits  %s\n",
                   text_of(group, "name", "?").text, integer_of(group, "bytes"),
                   integer_of(group, "elements"), json_number_value(json_object_get(group, "bits")),
                   text_of(group, "type", "").text);
  }
  return ok;
}

static bool print_code(const json_t *info, resq_error *err) {
  const json_t *entry;
  size_t i;
  bool ok = resq_printf(err, "level      %s (this CPU has: %s)\n",
                        text_of(info, "level", "none fits").text, text_of(info, "cpu", "?").text) &&
            resq_printf(err, "device     %s (%s)\n", text_of(info, "device", "none").text,
                        text_of(info, "device_note", "?").text);
  if (ok && json_object_get(info, "gpu_arithmetic"))
    ok = resq_printf(err, "arithmetic %s, at level cuda\n",
                     text_of(info, "gpu_arithmetic", "?").text);
  json_array_foreach(json_object_get(info, "entries"), i, entry) {
    ok = ok && resq_printf(err,
                           "  @%s, level %s, up to %" PRId64 " rows, %" PRId64 " ops, %" PRId64
                           " bytes of workspace\n",
                           text_of(entry, "function", "?").text, text_of(entry, "level", "?").text,
                           integer_of(entry, "max_rows"), integer_of(entry, "ops"),
                           integer_of(entry, "workspace_bytes"));
  }
  return ok;
}

static bool print_module(const json_t *info, resq_error *err) {
  const json_t *module = json_object_get(info, "module");
  if (!module)
    return true;
  return resq_printf(err,
                     "module     %" PRId64 " bytes, dialect version %" PRId64
                     "; resqc --show-module prints it\n",
                     integer_of(module, "bytes"), integer_of(module, "dialect_version"));
}

static bool print_text(const json_t *info, resq_error *err) {
  const json_t *cache = json_object_get(info, "cache"),
               *versions = json_object_get(info, "versions");
  return resq_printf(err, "model      %s\nscheme     %s\ncontext    %" PRId64 " tokens\n",
                     text_of(info, "model", "unknown").text,
                     text_of(info, "scheme", "unknown").text, integer_of(info, "context_length")) &&
         resq_printf(err, "versions   resq %s, ABI %" PRId64 ", artifact %" PRId64 "\n",
                     text_of(versions, "runtime", "?").text, integer_of(versions, "abi"),
                     integer_of(versions, "artifact")) &&
         print_code(info, err) &&
         resq_printf(err, "parameters%s\n",
                     json_is_true(json_object_get(info, "params_absent"))
                         ? ", which the file does not hold"
                         : "") &&
         print_params(info, err) &&
         resq_printf(err, "cache      %" PRId64 " bytes a token in %" PRId64 " layers, %.3f bits\n",
                     integer_of(cache, "bytes_per_token"), integer_of(cache, "layers"),
                     json_number_value(json_object_get(cache, "bits"))) &&
         print_module(info, err) &&
         resq_printf(err, "file       %" PRId64 " bytes\n", integer_of(info, "file_bytes"));
}

static bool print_info(const resq_model_context *r, const info_options *o, resq_error *err) {
  resq_json_begin();
  json_t *info = collect(r, o);
  if (o->json)
    return resq_json_print(info, JSON_INDENT(2) | JSON_REAL_PRECISION(8), err);
  bool ok = print_text(info, err);
  json_decref(info);
  return ok;
}

static bool run(const resq_cli *cli, void *values, resq_error *err) {
  const info_options *o = values;
  resq_model_context r;
  if (!resq_model_context_open(&r, cli, err))
    return false;
  bool ok = print_info(&r, o, err);
  const resq_artifact *artifact = resq_model_artifact(r.model);
  if (ok && o->verify && artifact) {
    ok = resq_artifact_verify(artifact, err);
    if (ok)
      fprintf(stderr, "all bytes match their hashes: code, tables and %" PRIu32 " sections\n",
              artifact->count);
  }
  resq_model_context_close(&r);
  return ok;
}

static const info_options defaults;
const resq_command resq_cmd_info = {
    .name = "info",
    .summary = "scheme, sizes, bits per weight, levels and versions",
    .flags = flags,
    .n_flags = sizeof flags / sizeof flags[0],
    .values_size = sizeof defaults,
    .defaults = &defaults,
    .run = run,
};
