// LINK: compiler
//===-- bytecode_fuzz.c - any bytes behind the magic of MLIR bytecode -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR's own reader aborts on some damaged files, in a child process (import_mlir.c); this process
// must live, and end with a module or a message. A module that comes out is verified and printed.
//
// A process for each input would be nearly all of the cost. So a reader, one process for many inputs,
// tries an input first. What ends the reader, and one input in 64 of the others, is imported as the
// compiler does it, with a process of its own. Of the rest, what the reader takes is imported here; what
// it refuses is not, because MLIR may spoil the memory of a process while it gives up. Refusals guide
// the fuzzer by their messages.
//===----------------------------------------------------------------------===//
#include "dialect/import/import.h"
#include "resq/dialect.h"
#include "tests/fuzz/fuzz_file.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// Types and attributes pile up in a context: it serves so many inputs.
enum { INPUTS_OF_A_CONTEXT = 256 };

static void renew(MlirContext *ctx, int *inputs) {
  if ((*inputs)++ % INPUTS_OF_A_CONTEXT)
    return;
  if (ctx->ptr)
    mlirContextDestroy(*ctx);
  *ctx = resqContextCreate();
}

static void ignore(MlirStringRef piece, void *user) { *(size_t *)user += piece.length; }

void __sanitizer_set_death_callback(void (*callback)(void)); // sanitizer/common_interface_defs.h

/// In a child: a crash is no finding there, and none of the fuzzer's handlers may write one.
static void die_quietly(void) {
  static const int deadly[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM, SIGXCPU, SIGTRAP};
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; ++i)
    signal(deadly[i], SIG_DFL);
  __sanitizer_set_death_callback(NULL); // what the address sanitizer sees there, likewise
}

//===-- The reader --------------------------------------------------------===//

typedef struct reader {
  pid_t process; ///< 0: none
  int ask, answer;
} reader;

typedef struct verdict {
  enum { DIED, TAKEN, REFUSED, REFUSED_SILENTLY } what;
  uint32_t message; ///< a hash of its words, without numbers and names
} verdict;

static verdict judge(MlirModule module, const resq_error *err) {
  if (!mlirModuleIsNull(module))
    return (verdict){TAKEN, 0};
  verdict v = {err->message[0] ? REFUSED : REFUSED_SILENTLY, 2166136261u}; // FNV-1a
  bool quoted = false;
  for (const char *at = err->message; *at; ++at) {
    quoted ^= *at == '\'' || *at == '"';
    if (!quoted && !(*at >= '0' && *at <= '9'))
      v.message = (v.message ^ (uint8_t)*at) * 16777619u;
  }
  return v;
}

/// An input has a gigabyte, and two seconds of processor time, as in the compiler.
static void limit_reader(void) {
  unsigned long long pages = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (!statm || fscanf(statm, "%llu", &pages) != 1)
    _exit(1);
  fclose(statm);
  const rlim_t bytes = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (1u << 30);
  setrlimit(RLIMIT_AS, &(struct rlimit){bytes, RLIM_INFINITY});
  setitimer(ITIMER_VIRTUAL, &(struct itimerval){.it_value = {.tv_sec = 2}}, NULL);
}

/// Takes a byte for each input and answers with a verdict.
static void serve(int ask, int answer, const char *path) {
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (!freopen("/dev/null", "w", stderr)) // LLVM's last words
    _exit(1);
  MlirContext ctx = {NULL};
  int inputs = 0;
  char byte;
  while (read(ask, &byte, 1) == 1) {
    renew(&ctx, &inputs);
    limit_reader();
    resq_error err = {0};
    MlirModule module = resq_import_mlir_here(ctx, path, &err);
    const verdict v = judge(module, &err);
    if (!mlirModuleIsNull(module))
      mlirModuleDestroy(module);
    if (write(answer, &v, sizeof v) != sizeof v)
      break;
  }
  _exit(0);
}

static void start(reader *r, const char *path) {
  int ask[2], answer[2];
  if (pipe(ask) || pipe(answer) || (r->process = fork()) < 0)
    abort();
  if (r->process == 0) {
    close(ask[1]);
    close(answer[0]);
    serve(ask[0], answer[1], path);
  }
  close(ask[0]);
  close(answer[1]);
  r->ask = ask[1];
  r->answer = answer[0];
}

static verdict ask_reader(const char *path) {
  static reader r;
  if (!r.process)
    start(&r, path);
  verdict v;
  if (write(r.ask, "", 1) == 1 && read(r.answer, &v, sizeof v) == sizeof v)
    return v;
  close(r.ask);
  close(r.answer);
  waitpid(r.process, NULL, 0);
  r.process = 0;
  return (verdict){DIED, 0};
}

//===-- The target --------------------------------------------------------===//

/// libFuzzer keeps inputs that set a byte here that none has set before.
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t refusals[4096];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 4)
    return 0;
  uint8_t *bytes = malloc(size);
  if (!bytes)
    return 0;
  memcpy(bytes, data, size);
  memcpy(bytes, "ML\xefR", 4);
  const char *path;
  fuzz_file(bytes, size, &path);
  free(bytes);
  static MlirContext ctx;
  static int inputs;
  if (inputs == 0 &&
      (pthread_atfork(NULL, NULL, die_quietly) || signal(SIGPIPE, SIG_IGN) == SIG_ERR))
    abort();
  renew(&ctx, &inputs);
  const verdict v = ask_reader(path);
  if (v.what == REFUSED_SILENTLY)
    __builtin_trap();
  if (v.what == REFUSED)
    refusals[v.message % sizeof refusals] = 1;
  const bool whole = v.what == DIED || inputs % 64 == 0;
  if (!whole && v.what == REFUSED)
    return 0;
  resq_error err = {0};
  MlirModule module =
      whole ? resq_import_mlir(ctx, path, &err) : resq_import_mlir_here(ctx, path, &err);
  if (mlirModuleIsNull(module)) {
    if (!err.message[0])
      __builtin_trap();
    return v.what == DIED ? -1 : 0; // mutations of what MLIR dies of would die, too
  }
  size_t printed = 0;
  if (mlirOperationVerify(mlirModuleGetOperation(module)))
    mlirOperationPrint(mlirModuleGetOperation(module), ignore, &printed);
  mlirModuleDestroy(module);
  return 0;
}
