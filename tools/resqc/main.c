//===-- resqc - a language-model checkpoint to an executable --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/levels.h"
#include "base/notices.h"
#include "base/process.h"
#include "base/version.h"
#include "dialect/memory.h"
#include "lowering/driver/compile.h"
#include "lowering/driver/show_module.h"
#include "lowering/numeric/statistics.h"
#include "lowering/support/levels.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_OF(number) TEXT_OF_(number)
#define TEXT_OF_(number) #number

// clang-format off: tables, one row a line
enum { EMIT = 256, SCHEME, KV, METHOD, HIGH, PIPELINE, PRETOKENIZER, CHAT_TEMPLATE, WEIGHTS, LEVELS, DECODE_ROWS, PREFILL_ROWS,
       CALIBRATION, WINDOWS, FIRST, STATISTICS, CALIBRATE_ONLY, CACHE, REPORT, SEED, THREADS, VERSION, LICENSES,
       SHOW_MODULE, PARAMS, GPU_ROWS, GPU_ARITHMETIC, CHIP, PTXAS };

/// One row an option: what getopt needs and what --help says.
static const struct { const char *name; int has_arg, id; const char *argument, *help; } table[] = {
    {"scheme", required_argument, SCHEME, "NAME", "what is quantised and how (below); default best-w4a8kv4"},
    {"kv", required_argument, KV, "CODE", "cache in place of the scheme's: f16, int4, resq:lm3:basis=pca, ... or keys=CODE,values=CODE (--resq-kv)"},
    {"method", required_argument, METHOD, "NAME", "how weights are quantised, in place of the scheme's: rtn, gptq"},
    {"high", required_argument, HIGH, "CODE", "8-bit codes of a split linear's high branch: int8, e4m3; default int8"},
    {"calibration", required_argument, CALIBRATION, "FILE", "text to calibrate on; default: text sampled from the model"},
    {"calibration-windows", required_argument, WINDOWS, "N", "windows of 2,048 tokens; default 64 (16 when sampled)"},
    {"calibration-first", required_argument, FIRST, "N", "how often the first row of a window counts in what linears are fitted to; default " TEXT_OF(RESQ_STATISTICS_FIRST_WEIGHT) ", 1: as the others"},
    {"statistics", required_argument, STATISTICS, "FILE", "calibrated statistics to use, or to write with --calibrate-only"},
    {"calibrate-only", no_argument, CALIBRATE_ONLY, NULL, "write --statistics and stop"},
    {"seed", required_argument, SEED, "N", "of random rotations and sampled text; default 1"},
    {"weights", required_argument, WEIGHTS, "TYPE", "element of weights left in float: f32, bf16, f16"},
    {"emit", required_argument, EMIT, "FORM", "import, resq, generic, lowered, llvm, ptx, obj, shared, exe; default exe"},
    {"pre-tokenizer", required_argument, PRETOKENIZER, "NAME", "how text is cut, in place of what the file says (docs/tokenizers.md): llama-bpe, qwen2, ..."},
    {"passes", required_argument, PIPELINE, "PIPELINE", "a pass pipeline in place of the scheme's passes"},
    {"levels", required_argument, LEVELS, "LIST", "instruction sets to compile for (below), separated by commas"},
    {"decode-rows", required_argument, DECODE_ROWS, "N", "most rows of the decode entry; default 16"},
    {"prefill-rows", required_argument, PREFILL_ROWS, "N", "most rows of the prefill entry; default 128"},
    {"gpu-rows", required_argument, GPU_ROWS, "A,B", "most rows of the two entries of level cuda; default 16,2048"},
    {"gpu-arithmetic", required_argument, GPU_ARITHMETIC, "NAME", "results of level cuda: fast, within bounds of level generic's, or exact, its bits; default fast"},
    {"chip", required_argument, CHIP, "NAME", "chip of level cuda that lowered, llvm, ptx and obj are for; default sm_80"},
    {"ptxas", required_argument, PTXAS, "FILE", "NVIDIA's assembler: adds code of the chips to level cuda's PTX, which a driver then need not assemble"},
    {"cache", required_argument, CACHE, "FOLDER", "keeps evaluated parameters, so that the next compile resumes"},
    {"report", required_argument, REPORT, "FILE.html", "a page on the quality of the compile: noise, spectra, outliers, bits"},
    {"chat-template", required_argument, CHAT_TEMPLATE, "FILE", "a chat template in place of the model's; none: no template"},
    {"params", required_argument, PARAMS, "absent", "code without parameters, of a checkpoint or of a config.json that says a model's shape"},
    {"threads", required_argument, THREADS, "N", "default: as many as CPU affinity and cgroup quota allow; the output does not depend on it"},
    {"show-module", no_argument, SHOW_MODULE, NULL, "MODEL is compiled: print the module that it carries, to OUT or standard output, and stop"},
    {"verbose", no_argument, 'v', NULL, "stages and remarks, also in a pipe"},
    {"version", no_argument, VERSION, NULL, "print the version"},
    {"licenses", no_argument, LICENSES, NULL, "print the licenses of the libraries that resqc and compiled models contain"},
    {"help", no_argument, 'h', NULL, "print this"},
};
enum { n_options = sizeof table / sizeof *table };

// clang-format on

static void print_help(void) {
  printf(
      "usage: resqc MODEL -o OUT [options]\n\n"
      "Compiles a checkpoint of architecture llama or qwen2, which is a GGUF file, any part of a "
      "split one or\n"
      "a Hugging Face folder with safetensors, or a module of the resq dialect (.mlir), to one "
      "executable file\n"
      "that generates text. MODEL is never changed; OUT appears only when it is "
      "whole.\n\noptions:\n"
      "  -o OUT                        the file to write; - is standard output for text forms\n");
  for (int i = 0; i < n_options; i++) {
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", table[i].name, table[i].argument ? "=" : "",
             table[i].argument ? table[i].argument : "");
    printf("  %-29s %s\n", left, table[i].help);
  }
  printf("\nschemes:\n");
  for (int i = 0; resq_scheme_name(i); i++)
    printf("  %-29s %s\n", resq_scheme_name(i), resq_scheme_summary(i));
  printf("\nlevels (*: without --levels):\n");
  for (int i = 0; i < resq_n_level_rows; i++) {
    const resq_level_row *l = &resq_level_rows[i];
    char left[64];
    snprintf(left, sizeof left, "%s%s", l->name, l->by_default ? " *" : "");
    printf("  %-29s %s\n", left, l->summary);
  }
  printf("\nexit status: 0 ok, 1 failed, 2 usage, 3 bad input, 4 no suitable CPU or GPU, 5 "
         "input/output, 6 memory\n");
}

static bool parse_int(const char *option, const char *text, int64_t low, int64_t high,
                      int64_t *out) {
  char *end;
  errno = 0;
  long long v = strtoll(text, &end, 10);
  if (errno || end == text || *end || v < low || v > high) {
    fprintf(stderr, "resqc: error: --%s=%s: allowed: %" PRId64 " to %" PRId64 "\n", option, text,
            low, high);
    return false;
  }
  *out = v;
  return true;
}

/// "16,2048".
static bool parse_gpu_rows(const char *text, int64_t out[2]) {
  char first[32];
  const char *comma = strchr(text, ',');
  if (!comma || (size_t)(comma - text) >= sizeof first) {
    fprintf(stderr, "resqc: error: --gpu-rows=%s: allowed: two numbers, as in 16,2048\n", text);
    return false;
  }
  snprintf(first, sizeof first, "%.*s", (int)(comma - text), text);
  return parse_int("gpu-rows", first, 1, 256, &out[0]) &&
         parse_int("gpu-rows", comma + 1, 1, 4096, &out[1]);
}

static bool parse_arithmetic(const char *text, resq_gpu_arithmetic *out) {
  const bool known = resq_gpu_arithmetic_find(text, strlen(text), out);
  if (!known)
    fprintf(stderr, "resqc: error: --gpu-arithmetic=%s: allowed: %s\n", text,
            resq_gpu_arithmetic_names());
  return known;
}

static bool parse_emit(const char *text, resq_emit *out) {
  static const char *const names[] = {"exe",     "shared", "import", "resq", "generic",
                                      "lowered", "llvm",   "obj",    "ptx"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(text, names[i])) {
      *out = (resq_emit)i;
      return true;
    }
  fprintf(stderr,
          "resqc: error: --emit=%s: allowed: import, resq, generic, lowered, llvm, ptx, obj, "
          "shared, exe\n",
          text);
  return false;
}

static bool parse_params(const char *text, bool *absent) {
  *absent = !strcmp(text, "absent");
  if (!*absent)
    fprintf(stderr, "resqc: error: --params=%s: allowed: absent\n", text);
  return *absent;
}

// clang-format off
static bool set_option(resq_compile_options *o, int id, const char *arg) {
  int64_t v;
  switch (id) {
  case 'o': o->output = arg; return true;
  case 'v': o->verbose = true; return true;
  case EMIT: return parse_emit(arg, &o->emit);
  case PARAMS: return parse_params(arg, &o->absent_params);
  case SCHEME: o->scheme = arg; return true;
  case KV: o->kv = arg; return true;
  case METHOD: o->method = arg; return true;
  case HIGH: o->high = arg; return true;
  case PRETOKENIZER: o->pretokenizer = arg; return true;
  case PIPELINE: o->pipeline = arg; return true;
  case WEIGHTS: o->weights = arg; return true;
  case LEVELS: o->levels = arg; return true;
  case CALIBRATION: o->calibration = arg; return true;
  case STATISTICS: o->statistics = arg; return true;
  case CALIBRATE_ONLY: o->calibrate_only = true; return true;
  case CACHE: o->cache = arg; return true;
  case CHAT_TEMPLATE: o->chat_template = arg; return true;
  case REPORT: o->report = arg; return true;
  case DECODE_ROWS: return parse_int("decode-rows", arg, 1, 256, &o->decode_rows);
  case PREFILL_ROWS: return parse_int("prefill-rows", arg, 1, 4096, &o->prefill_rows);
  case GPU_ROWS: return parse_gpu_rows(arg, o->gpu_rows);
  case GPU_ARITHMETIC: return parse_arithmetic(arg, &o->gpu_arithmetic);
  case CHIP: o->chip = arg; return true;
  case PTXAS: o->ptxas = arg; return true;
  case WINDOWS: return parse_int("calibration-windows", arg, 1, 65536, &o->calibration_windows);
  case FIRST: return parse_int("calibration-first", arg, 1, 1 << 20, &o->calibration_first);
  case SEED: return parse_int("seed", arg, 1, INT32_MAX, &o->seed);
  case THREADS:
    if (!parse_int("threads", arg, 0, 1024, &v))
      return false;
    o->threads = (int)v;
    return true;
  }
  return false;
}

// clang-format on

static int print_version(void) {
  printf("resqc %s\n", RESQ_VERSION);
  return RESQ_OK;
}

/// getopt's complaint, which is about the word that it read last. A letter of its own is told by
/// optopt; a long option by its word, which for a letter among others ("-va") is not the option.
static int refuse_option(int id, char **argv) {
  const char *word = argv[optind - 1], *what = id == ':' ? "needs an argument" : "is not known";
  // -v and -h are never refused: theirs are the ids of --verbose and --help.
  if (optopt > 0 && optopt < EMIT && optopt != 'v' && optopt != 'h') {
    fprintf(stderr, "resqc: error: option -%c %s; resqc --help lists the options\n", optopt, what);
    return RESQ_USAGE;
  }
  int length = (int)strcspn(word, "=");
  if (id == '?' && optopt)
    what = "takes no argument";
  else if (id == '?')
    for (int i = 0; i < n_options; i++)
      if (length > 2 && !strncmp(table[i].name, word + 2, (size_t)length - 2))
        what = "is short for more than one option";
  fprintf(stderr, "resqc: error: option %.*s %s; resqc --help lists the options\n", length, word,
          what);
  return RESQ_USAGE;
}

/// What is to be done.
typedef struct command {
  resq_compile_options compile;
  bool show_module; ///< of compile.input, to compile.output, in place of a compile
} command;

/// True when the options are read and something is to be done; else *status is the exit status.
static bool read_options(command *c, int argc, char **argv, int *status) {
  resq_compile_options *o = &c->compile;
  const char *of_compile = NULL; // an option that --show-module does not go with
  struct option longs[n_options + 1];
  memset(longs, 0, sizeof longs);
  for (int i = 0; i < n_options; i++)
    longs[i] = (struct option){table[i].name, table[i].has_arg, NULL, table[i].id};
  opterr = 0; // every error is one line, and ours
  for (int id; (id = getopt_long(argc, argv, ":o:hv", longs, NULL)) != -1;) {
    *status = RESQ_USAGE;
    if (id == 'h')
      print_help();
    if (id == LICENSES)
      fputs(resq_notices(), stdout);
    if (id == 'h' || id == LICENSES || id == VERSION)
      *status = id == VERSION ? print_version() : RESQ_OK;
    else if (id == '?' || id == ':')
      refuse_option(id, argv);
    else if (id == SHOW_MODULE) {
      c->show_module = true;
      continue;
    } else if (set_option(o, id, optarg)) {
      of_compile = id == 'o' ? of_compile : argv[optind - 1];
      continue;
    }
    return false;
  }
  if (c->show_module && of_compile) {
    fprintf(stderr, "resqc: error: --show-module with %s: allowed beside it is -o OUT\n",
            of_compile);
    return false;
  }
  if (c->show_module && !o->output)
    o->output = "-";
  if (optind + 1 == argc && (o->output || o->calibrate_only)) {
    o->input = argv[optind];
    return true;
  }
  fprintf(stderr,
          "resqc: error: %s; usage: resqc MODEL -o OUT [options], resqc --help lists them\n",
          optind >= argc      ? "no model given"
          : optind + 1 < argc ? "more than one model given"
                              : "no -o OUT given");
  *status = RESQ_USAGE;
  return false;
}

static int run(const command *c) {
  const resq_compile_options *o = &c->compile;
  resq_error err = {0};
  if (c->show_module ? resq_show_module(o->input, o->output, &err) : resq_compile(o, &err))
    return RESQ_OK;
  for (char *c = err.message;
       (c = strchr(c, '\n'));) // one error is one line, whatever a linker said
    *c = ';';
  fprintf(stderr, "resqc: error: %s\n", err.message);
  return err.code ? (int)err.code : RESQ_FAILED;
}

int main(int argc, char **argv) {
  resq_process_begin("resqc");
  resq_install_memory_handlers();
  command c = {.compile = {.seed = 1}};
  int status;
  if (read_options(&c, argc, argv, &status))
    status = run(&c);
  return resq_process_end(status);
}
