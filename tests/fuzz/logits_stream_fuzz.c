//===-- logits_stream_fuzz.c - both ends of `logits --serve` --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first byte chooses: what a client sends, as it is (0) or composed of requests with sizes that
// can be right (1), to a server that runs the fake program; what a program named by --reference
// answers, as it is (2) or behind a greeting that is right up to the fields that the input changes
// (3). The server's answers have the sizes that the protocol says; a refusal has a message.
//===----------------------------------------------------------------------===//
#include "tests/fuzz/fuzz_file.h"
#include "tests/unit/fake_artifact.h"
#include "tests/unit/fake_program.h"
// What it parses is static.
#include "../../runtime/cli/reference.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAPACITY = 64 };
static resq_model_context run;
static int answers;

static void start_model(void) {
  static char path[] = "/tmp/resq-stream-fuzz-XXXXXX";
  int fd = mkstemp(path);
  const resq_cli cli = {&fake_program, path, "model"};
  const resq_run_options options = {.threads = 1};
  resq_error err;
  if (fd < 0 || !fake_artifact_write(path, 0, &err) || !resq_model_context_open(&run, &cli, &err) ||
      !resq_model_context_start(&run, &options, CAPACITY, &err))
    abort();
  close(fd);
  unlink(path);
  // Standard input and output are what the server talks through; libFuzzer writes to stderr.
  answers = memfd_create("answers", MFD_CLOEXEC);
  if (answers < 0 || dup2(answers, STDOUT_FILENO) < 0)
    abort();
}

static void serve(const uint8_t *bytes, size_t size) {
  if (dup2(fuzz_file(bytes, size, NULL), STDIN_FILENO) < 0 || ftruncate(answers, 0) ||
      lseek(answers, 0, SEEK_SET))
    abort();
  resq_error err = {0};
  bool ok = resq_stream_serve(&run, &err);
  off_t said = lseek(answers, 0, SEEK_END) - (off_t)sizeof(resq_stream_hello);
  off_t row = fake_vocabulary * (off_t)sizeof(float);
  if (said < 0 || said % row || (ok ? size % 4 != 0 : !err.message[0]))
    __builtin_trap();
}

/// Requests of three bytes (first, rows, how many of the ids come) and ids of two.
static void serve_composed(const uint8_t *data, size_t size) {
  size_t room = 0, used = 0;
  uint8_t *bytes = malloc(room = size * 80 + 64);
  if (!bytes)
    abort();
  while (size >= 3 && room - used > 1024) {
    resq_stream_request request = {data[0] % (CAPACITY + 4), data[1] % (CAPACITY + 4)};
    if (data[2] == 255) // a number of any size in place of rows
      request.rows = (int64_t)((uint64_t)data[0] << 56 | (uint64_t)data[1] << 24);
    memcpy(bytes + used, &request, sizeof request);
    used += sizeof request;
    bool cut = data[2] == 254;
    data += 3, size -= 3;
    for (int64_t i = 0; i < request.rows - cut && size >= 2 && room - used > 64; ++i) {
      int32_t id = (int16_t)(data[0] | data[1] << 8);
      memcpy(bytes + used, &id, sizeof id);
      used += sizeof id;
      data += 2, size -= 2;
    }
  }
  serve(bytes, used);
  free(bytes);
}

static void ask(const uint8_t *bytes, size_t size) {
  enum { ROWS = 2 };
  static const int32_t tokens[ROWS] = {1, 2};
  static float logits[ROWS * fake_vocabulary];
  resq_error err = {0};
  char path[] = "fuzz";
  int fd = dup(fuzz_file(bytes, size, NULL));
  resq_reference r = {.path = path,
                      .requests = open("/dev/null", O_WRONLY | O_CLOEXEC),
                      .answers = fd,
                      .complaints = memfd_create("complaints", MFD_CLOEXEC)};
  bool ok = greet(&r, &run, &err);
  if (ok && r.vocabulary != fake_vocabulary)
    __builtin_trap();
  for (int64_t at = 0; ok && at < CAPACITY; at += ROWS)
    ok = resq_reference_forward(&r, tokens, at, ROWS, logits, &err);
  if (!ok && !err.message[0])
    __builtin_trap();
  close_fd(&r.requests);
  close_fd(&r.answers);
  close_fd(&r.complaints);
}

static void ask_greeted(const uint8_t *data, size_t size) {
  uint8_t *bytes = calloc(1, size + sizeof(resq_stream_hello));
  resq_stream_hello *hello = (resq_stream_hello *)(void *)bytes;
  if (!bytes)
    abort();
  resq_stream_introduce(&run, hello);
  if (size >= 9) { // flips bits of one field
    uint64_t flips;
    memcpy(&flips, data + 1, sizeof flips);
    memcpy(hello->magic, RESQ_STREAM_MAGIC, sizeof hello->magic);
    if (data[0] % 8 == 1)
      hello->vocabulary ^= (int64_t)flips;
    else if (data[0] % 8 == 2)
      hello->capacity ^= (int64_t)flips;
    else if (data[0] % 8 == 3)
      hello->vocabulary_hash ^= flips;
    data += 9, size -= 9;
  }
  memcpy(bytes + sizeof *hello, data, size);
  ask(bytes, sizeof *hello + size);
  free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!run.model)
    start_model();
  if (size < 1)
    return 0;
  unsigned mode = data[0] & 3;
  ++data, --size;
  if (mode == 0)
    serve(data, size);
  else if (mode == 1)
    serve_composed(data, size);
  else if (mode == 2)
    ask(data, size);
  else
    ask_greeted(data, size);
  return 0;
}
