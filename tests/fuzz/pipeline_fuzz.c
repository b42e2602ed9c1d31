// LINK: compiler
//===-- pipeline_fuzz.c - pass pipelines, as text and from a grammar ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An input that begins with a letter or '(' is a pipeline as it is. Any other is a program: each
// pass is a byte, then the number of its options, and each of those an option of the pass's table
// with a value (an edge of its type, a word that some option allows, or bytes of the input). The
// pipeline runs on a model of one layer: it ends in a module that verifies or in a message.
//===----------------------------------------------------------------------===//
#include "dialect/build.h"
#include "passes/pipeline.h"
#include "passes/pass.h"
#include "resq/dialect.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *module_text(void) {
  FILE *f = fopen(RESQ_SOURCE_DIR "/tests/fuzz/pipeline_model.mlir", "rb");
  char *text = calloc(1, 1 << 16);
  if (!f || !text || !fread(text, 1, (1 << 16) - 1, f))
    abort();
  fclose(f);
  return text;
}

typedef struct input {
  const uint8_t *data;
  size_t size;
} input;

static unsigned next(input *in) {
  if (!in->size)
    return 0;
  --in->size;
  return *in->data++;
}

static void put_value(FILE *out, const resq_option *o, input *in) {
  static const char *const words[] = {
      "pca",      "random",    "hadamard", "balanced", "none",  "haar",
      "gaussian", "bernoulli", "all",      "gate",     "rtn",   "gptq",
      "tcq4",     "int8",      "e4m3",     "f16",      "f32",   "bf16",
      "resq",     "int4",      "lm3",      "qjl3",     "qjlg2", "qjl",
      "auto",     "generic",   "avx2",     "layer",    "head",  "resq:int4:basis=balanced:per=head",
      "keys",     "int2",      "lm4"};
  static const char *const numbers[] = {"0",
                                        "1",
                                        "2",
                                        "3",
                                        "4",
                                        "5",
                                        "8",
                                        "16",
                                        "31",
                                        "32",
                                        "33",
                                        "128",
                                        "256",
                                        "4096",
                                        "-1",
                                        "7",
                                        "64",
                                        "true",
                                        "2147483647",
                                        "-9223372036854775808",
                                        "9223372036854775807",
                                        "1e-3",
                                        "0.5",
                                        "nan",
                                        "inf",
                                        "false",
                                        "1e308",
                                        ""};
  unsigned choice = next(in);
  if (choice % 8 == 7) { // bytes of the input, kept out of the grammar's own signs
    for (unsigned n = choice / 8; n; --n) {
      int c = (int)next(in);
      fputc(isalnum(c) || strchr(":=.-_", c) ? (c ? c : '0') : 'x', out);
    }
  } else if (o->kind == RESQ_OPTION_STRING ? choice % 8 < 6 : choice % 8 == 6) {
    fputs(words[choice / 8 % (sizeof words / sizeof *words)], out);
  } else {
    fputs(numbers[choice / 8 % (sizeof numbers / sizeof *numbers)], out);
  }
}

/// Of passes that only rewrite: materialize evaluates numbers and writes a file.
static const resq_pass_info *choose_pass(unsigned choice) {
  const resq_pass_info *pass = &resq_passes[choice % (unsigned)resq_n_passes];
  return strcmp(pass->flag, "resq-materialize") ? pass : &resq_passes[0];
}

static char *compose(input in) {
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  if (!out)
    abort();
  const resq_pass_info *pass = NULL;
  // Nothing follows a lowering in any scheme.
  for (int passes = 0; in.size && passes < 6 && !(pass && strstr(pass->flag, "-lower-"));
       ++passes) {
    pass = choose_pass(next(&in));
    fprintf(out, "%s%s", passes ? "," : "", pass->flag);
    unsigned n = pass->n_options ? next(&in) % 4 : 0;
    if (n)
      fputc('{', out);
    for (unsigned i = 0; i < n; ++i) {
      const resq_option *o = &pass->options[next(&in) % (unsigned)pass->n_options];
      fprintf(out, "%s%s=", i ? " " : "", o->name);
      put_value(out, o, &in);
    }
    if (n)
      fputc('}', out);
  }
  fclose(out);
  return text;
}

/// Upstream passes are not ours to test, and some of them print or write files.
static bool is_ours(const char *pipeline) {
  for (const char *at = pipeline; (at = strpbrk(at, "abcdefghijklmnopqrstuvwxyz")); ++at) {
    size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789-_.");
    if (strncmp(at, "resq-", 5) && strncmp(at, "builtin.module", 14))
      return false;
    if (!strncmp(at, "resq-materialize", 16))
      return false;
    at += n;
    if (*at == '{' && !(at = strchr(at, '}')))
      return true;
    if (!*at)
      return true;
  }
  return true;
}

/// resq-lower-generic brings in some hundred ops and takes twenty times as long as any other pass. One
/// input in 16 that holds it is enough; which ones depends on their bytes alone.
static bool is_too_slow(const char *pipeline, const uint8_t *data, size_t size) {
  if (!strstr(pipeline, "resq-lower-generic"))
    return false;
  uint32_t hash = 2166136261u; // FNV-1a
  for (size_t i = 0; i < size; ++i)
    hash = (hash ^ data[i]) * 16777619u;
  return (hash >> 16) % 16 != 0;
}

/// The model, parsed once for each context: inputs run on clones of it. A context serves 256 inputs,
/// because types and attributes pile up in it.
static MlirOperation model(void) {
  static MlirContext ctx;
  static MlirModule parsed;
  static int inputs;
  if (inputs++ % 256 == 0) {
    if (ctx.ptr) {
      mlirModuleDestroy(parsed);
      mlirContextDestroy(ctx);
    }
    ctx = resqContextCreate();
    char *text = module_text();
    parsed = mlirModuleCreateParse(ctx, resq_str(text));
    free(text);
    if (mlirModuleIsNull(parsed))
      abort();
  }
  return mlirModuleGetOperation(parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *pipeline = size && (isalpha(data[0]) || data[0] == '(') ? strndup((const char *)data, size)
                                                                : compose((input){data, size});
  if (!pipeline)
    abort();
  if (getenv("RESQ_FUZZ_SHOW")) // what a finding's input stands for
    fprintf(stderr, "%s\n", pipeline);
  if (is_too_slow(pipeline, data, size)) {
    free(pipeline);
    return -1; // the corpus does not get it
  }
  if (is_ours(pipeline)) {
    MlirModule module = mlirModuleFromOperation(mlirOperationClone(model()));
    resq_error err = {0};
    if (!resq_run_pipeline(module, pipeline, NULL, NULL, &err) && !err.message[0])
      __builtin_trap();
    mlirModuleDestroy(module);
  }
  free(pipeline);
  return 0;
}
