//===-- transfers.c - what copies, modules and graphs cost ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   transfers FOLDER files|register|small|modules IMAGE...
//
// files: parameters from a mapped file to the device, several ways, of a file in FOLDER that the
// program makes. register: the same by registering the mapping, which may hang. small: copies of
// tokens and logits, launches and graphs (IMAGE: transfer_kernels.c). modules: how long each IMAGE
// (cubin or PTX) takes to load.
//===----------------------------------------------------------------------===//
#define _GNU_SOURCE
#include "../cuda_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static CUstream stream;

static void *need(void *p) {
  if (!p || p == MAP_FAILED) {
    printf("no memory, or no mapping: %s\n", strerror(errno));
    exit(6);
  }
  return p;
}

//===-- Files -------------------------------------------------------------===//

static void make_file(const char *path, size_t bytes) {
  uint64_t *block = need(malloc(64 * MIB)), z = 1;
  const int file = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  for (size_t i = 0; i < 64 * MIB / 8; i++)
    block[i] = z = z * 6364136223846793005ull + 1442695040888963407ull;
  for (size_t at = 0; at < bytes; at += 64 * MIB) {
    const size_t n = bytes - at < 64 * MIB ? bytes - at : 64 * MIB;
    if (write(file, block, n) != (ssize_t)n) {
      printf("cannot write %s: %s\n", path, strerror(errno));
      exit(5);
    }
  }
  fsync(file);
  close(file);
  free(block);
}

typedef enum source { FROM_MAPPING, FROM_READ, FROM_DIRECT } source;

/// One piece of a staging buffer, filled by one thread.
typedef struct piece {
  uint8_t *to;
  const uint8_t *mapping;
  int file;
  size_t at, bytes;
  source from;
} piece;

static void *fill_piece(void *argument) {
  const piece *p = argument;
  if (p->from == FROM_MAPPING)
    memcpy(p->to, p->mapping + p->at, p->bytes);
  for (size_t done = 0; p->from != FROM_MAPPING && done < p->bytes;) {
    // O_DIRECT reads whole blocks; the buffer has room for the last one's end.
    size_t left = p->bytes - done;
    if (p->from == FROM_DIRECT)
      left = (left + 4095) / 4096 * 4096;
    const ssize_t n = pread(p->file, p->to + done, left, (off_t)(p->at + done));
    if (n <= 0) {
      printf("cannot read: %s\n", strerror(errno));
      exit(5);
    }
    done += (size_t)n;
  }
  return NULL;
}

/// Two pinned buffers of `size` bytes, one being filled by `threads` threads while the other
/// travels.
static double staged(CUdeviceptr to, const char *path, const uint8_t *mapping, size_t bytes,
                     size_t size, int threads, source from) {
  uint8_t *buffers[2];
  CUevent sent[2];
  const int file = open(path, O_RDONLY | (from == FROM_DIRECT ? O_DIRECT : 0));
  if (file < 0)
    return 0;
  const double start = now_us(); // pinning counts: a session does it once
  for (int i = 0; i < 2; i++) {
    CHECK(cu.cuMemHostAlloc((void **)&buffers[i], size + 4096, 0));
    CHECK(cu.cuEventCreate(&sent[i], CU_EVENT_DISABLE_TIMING));
  }
  const double pinned = now_us();
  for (size_t at = 0, k = 0; at < bytes; at += size, k++) {
    const size_t n = bytes - at < size ? bytes - at : size;
    const size_t each = (n / (size_t)threads + 4095) / 4096 * 4096;
    pthread_t ids[16];
    piece pieces[16];
    if (k >= 2)
      CHECK(cu.cuEventSynchronize(sent[k % 2]));
    for (int t = 0; t < threads; t++) {
      const size_t begin = (size_t)t * each < n ? (size_t)t * each : n;
      const size_t end = begin + each < n ? begin + each : n;
      pieces[t] = (piece){buffers[k % 2] + begin, mapping, file, at + begin, end - begin, from};
      if (threads > 1)
        pthread_create(&ids[t], NULL, fill_piece, &pieces[t]);
      else
        fill_piece(&pieces[t]);
    }
    for (int t = 0; t < threads && threads > 1; t++)
      pthread_join(ids[t], NULL);
    CHECK(cu.cuMemcpyHtoDAsync(to + at, buffers[k % 2], n, stream));
    CHECK(cu.cuEventRecord(sent[k % 2], stream));
  }
  CHECK(cu.cuStreamSynchronize(stream));
  const double total = now_us() - start;
  for (int i = 0; i < 2; i++)
    CHECK(cu.cuMemFreeHost(buffers[i]));
  close(file);
  printf("    (pinning two buffers of %zu MiB: %.1f ms)\n", size / MIB, (pinned - start) / 1000);
  return total;
}

static void say(const char *what, double us, size_t bytes) {
  printf("  %-58s %9.1f ms %6.2f GB/s\n", what, us / 1000, (double)bytes / us / 1000);
  fflush(stdout);
}

static const uint8_t *map_file(const char *path, size_t bytes, int flags) {
  const int file = open(path, O_RDONLY);
  const uint8_t *p = need(mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | flags, file, 0));
  close(file);
  return p;
}

/// Pages of the file leave the page cache, as far as the kernel agrees.
static void forget(const char *path) {
  const int file = open(path, O_RDONLY);
  fsync(file);
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  close(file);
}

static void plain_copy(CUdeviceptr to, const char *path, size_t bytes, const char *what,
                       int flags) {
  const double start = now_us();
  const uint8_t *mapping = map_file(path, bytes, flags);
  CHECK(cu.cuMemcpyHtoD(to, mapping, bytes));
  say(what, now_us() - start, bytes);
  munmap((void *)mapping, bytes);
}

static void registered_copy(CUdeviceptr to, const char *path, size_t bytes, unsigned flags,
                            const char *what) {
  const uint8_t *mapping = map_file(path, bytes, 0);
  printf("  registering ...\n"); // in case it never comes back
  fflush(stdout);
  const double start = now_us();
  const CUresult r = cu.cuMemHostRegister((void *)mapping, bytes, flags);
  const double between = now_us();
  if (r != CUDA_SUCCESS) {
    const char *text = "?";
    cu.cuGetErrorString(r, &text);
    printf("  %-58s refused: %s\n", what, text);
  } else {
    CHECK(cu.cuMemcpyHtoD(to, mapping, bytes));
    const double end = now_us();
    printf("  %-58s register %.1f ms, copy %.1f ms (%.2f GB/s)", what, (between - start) / 1000,
           (end - between) / 1000, (double)bytes / (end - between) / 1000);
    CHECK(cu.cuMemHostUnregister((void *)mapping));
    printf(", unregister %.1f ms\n", (now_us() - end) / 1000);
  }
  fflush(stdout);
  munmap((void *)mapping, bytes);
}

static const struct {
  const char *name;
  size_t bytes;
} sizes[] = {{"100 MB", 100000000}, {"543 MB", 543000000}, {"4.5 GB", 4500000000}};

static void measure_registration(const char *folder) {
  char path[512];
  snprintf(path, sizeof path, "%s/parameters", folder);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    CUdeviceptr to;
    CHECK(cu.cuMemAlloc(&to, sizes[i].bytes));
    make_file(path, sizes[i].bytes);
    printf("%s\n", sizes[i].name);
    registered_copy(to, path, sizes[i].bytes, CU_MEMHOSTREGISTER_READ_ONLY,
                    "cuMemHostRegister of the mapping, READ_ONLY");
    CHECK(cu.cuMemFree(to));
    unlink(path);
  }
  make_file(path, sizes[0].bytes);
  CUdeviceptr to;
  CHECK(cu.cuMemAlloc(&to, sizes[0].bytes));
  registered_copy(to, path, sizes[0].bytes, 0, "100 MB: cuMemHostRegister, no flag");
  unlink(path);
}

static void measure_files(const char *folder) {
  char path[512];
  snprintf(path, sizeof path, "%s/parameters", folder);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const size_t bytes = sizes[i].bytes;
    CUdeviceptr to;
    CHECK(cu.cuMemAlloc(&to, bytes + 4096));
    double start = now_us();
    make_file(path, bytes);
    printf("%s (written in %.1f s)\n", sizes[i].name, (now_us() - start) / 1e6);
    fflush(stdout);
    if (i == 0)
      plain_copy(to, path, bytes, "warming up", 0);
    plain_copy(to, path, bytes, "copy from the mapping, pages in the cache", 0);
    plain_copy(to, path, bytes, "copy from the mapping again", 0);
    plain_copy(to, path, bytes, "copy from the mapping, MAP_POPULATE", MAP_POPULATE);
    const uint8_t *mapping = map_file(path, bytes, 0);
    static const struct {
      size_t mib;
      int threads;
      source from;
      const char *what;
    } ways[] = {
        {16, 1, FROM_MAPPING, "2 x 16 MiB pinned, memcpy from the mapping, 1 thread"},
        {16, 4, FROM_MAPPING, "2 x 16 MiB pinned, memcpy from the mapping, 4 threads"},
        {64, 4, FROM_MAPPING, "2 x 64 MiB pinned, memcpy from the mapping, 4 threads"},
        {4, 1, FROM_READ, "2 x 4 MiB pinned, pread, 1 thread"},
        {16, 1, FROM_READ, "2 x 16 MiB pinned, pread, 1 thread"},
        {16, 4, FROM_READ, "2 x 16 MiB pinned, pread, 4 threads"},
        {32, 8, FROM_READ, "2 x 32 MiB pinned, pread, 8 threads"},
        {64, 4, FROM_READ, "2 x 64 MiB pinned, pread, 4 threads"},
        {256, 4, FROM_READ, "2 x 256 MiB pinned, pread, 4 threads"},
    };
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
      say(ways[w].what,
          staged(to, path, mapping, bytes, ways[w].mib * MIB, ways[w].threads, ways[w].from),
          bytes);
    munmap((void *)mapping, bytes);
    forget(path);
    plain_copy(to, path, bytes, "cold pages: copy from the mapping", 0);
    forget(path);
    mapping = map_file(path, bytes, 0);
    say("cold pages: 2 x 16 MiB pinned, pread, 4 threads",
        staged(to, path, mapping, bytes, 16 * MIB, 4, FROM_READ), bytes);
    forget(path);
    say("cold pages: 2 x 16 MiB pinned, O_DIRECT pread, 4 threads",
        staged(to, path, mapping, bytes, 16 * MIB, 4, FROM_DIRECT), bytes);
    munmap((void *)mapping, bytes);
    CHECK(cu.cuMemFree(to));
    unlink(path);
  }
  // The ceiling: pinned memory that stands ready.
  uint8_t *pinned;
  CUdeviceptr to;
  CHECK(cu.cuMemHostAlloc((void **)&pinned, 256 * MIB, 0));
  CHECK(cu.cuMemAlloc(&to, 256 * MIB));
  memset(pinned, 1, 256 * MIB);
  for (int i = 0; i < 3; i++) {
    const double start = now_us();
    CHECK(cu.cuMemcpyHtoDAsync(to, pinned, 256 * MIB, stream));
    CHECK(cu.cuStreamSynchronize(stream));
    say("ceiling: 256 MiB of ready pinned memory to the device", now_us() - start, 256 * MIB);
  }
  CHECK(cu.cuMemFree(to));
  CHECK(cu.cuMemFreeHost(pinned));
}

//===-- Small copies, launches, graphs ------------------------------------===//

enum { REPEATS = 201 };

typedef struct small {
  CUfunction empty, dependent, copy;
  uint8_t *pinned, *pageable;
  CUdeviceptr device, pinned_device;
} small;

static void launch(CUfunction f, unsigned blocks, unsigned threads, CUdeviceptr a, CUdeviceptr b,
                   int64_t n, bool edge) {
  CUlaunchAttribute attribute = {.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
                                 .value.programmaticStreamSerializationAllowed = 1};
  CUlaunchConfig config = {.gridDimX = blocks,
                           .gridDimY = 1,
                           .gridDimZ = 1,
                           .blockDimX = threads,
                           .blockDimY = 1,
                           .blockDimZ = 1,
                           .hStream = stream,
                           .attrs = &attribute,
                           .numAttrs = edge};
  CUdeviceptr none = 0;
  void *arguments[] = {&a, &b, &none, &none, &n};
  CHECK(cu.cuLaunchKernelEx(&config, f, arguments, NULL));
}

#define MEASURE(what, ...)                                                                         \
  do {                                                                                             \
    double us_[REPEATS];                                                                           \
    for (int r_ = -20; r_ < REPEATS; r_++) {                                                       \
      const double start_ = now_us();                                                              \
      __VA_ARGS__;                                                                                 \
      CHECK(cu.cuStreamSynchronize(stream));                                                       \
      if (r_ >= 0)                                                                                 \
        us_[r_] = now_us() - start_;                                                               \
    }                                                                                              \
    printf("  %-66s %8.1f us\n", what, median(us_, REPEATS));                                      \
    fflush(stdout);                                                                                \
  } while (0)

static void small_copies(const small *s) {
  static const size_t in[] = {4, 64, 4096, 65536}, out[] = {4, 512, 196608, 525312};
  char what[96];
  for (int i = 0; i < 4; i++) {
    snprintf(what, sizeof what, "%zu bytes to the device, pageable", in[i]);
    MEASURE(what, CHECK(cu.cuMemcpyHtoDAsync(s->device, s->pageable, in[i], stream)));
    snprintf(what, sizeof what, "%zu bytes to the device, pinned", in[i]);
    MEASURE(what, CHECK(cu.cuMemcpyHtoDAsync(s->device, s->pinned, in[i], stream)));
  }
  for (int i = 0; i < 4; i++) {
    snprintf(what, sizeof what, "%zu bytes from the device, pageable", out[i]);
    MEASURE(what, CHECK(cu.cuMemcpyDtoHAsync(s->pageable, s->device, out[i], stream)));
    snprintf(what, sizeof what, "%zu bytes from the device, pinned", out[i]);
    MEASURE(what, CHECK(cu.cuMemcpyDtoHAsync(s->pinned, s->device, out[i], stream)));
    snprintf(what, sizeof what, "%zu bytes from the device, a kernel writes to pinned memory",
             out[i]);
    MEASURE(what, launch(s->copy, out[i] > 65536 ? 132 : 1, 256, s->pinned_device, s->device,
                         (int64_t)out[i] / 4, false));
    snprintf(what, sizeof what, "%zu bytes: pinned copy, then memcpy to the caller", out[i]);
    MEASURE(what, CHECK(cu.cuMemcpyDtoHAsync(s->pinned, s->device, out[i], stream));
            CHECK(cu.cuStreamSynchronize(stream)); memcpy(s->pageable, s->pinned, out[i]));
  }
  MEASURE("nothing but synchronize", (void)0);
  MEASURE("one empty kernel", launch(s->empty, 1, 32, 0, 0, 0, false));
}

/// A step of `launches` kernels, its copies among them or not.
static void enqueue(const small *s, int launches, unsigned blocks, bool edge, size_t out) {
  if (out)
    CHECK(cu.cuMemcpyHtoDAsync(s->device, s->pinned, 64, stream));
  for (int i = 0; i < launches; i++)
    launch(edge ? s->dependent : s->empty, blocks, 256, 0, 0, 0, edge && i > 0);
  if (out)
    CHECK(cu.cuMemcpyDtoHAsync(s->pinned + 65536, s->device, out, stream));
}

static void graphs_of(const small *s, int launches, unsigned blocks, bool edge, size_t out) {
  CUgraph graph;
  CUgraphExec exec;
  char what[128];
  snprintf(what, sizeof what, "%d launches of %u blocks%s%s", launches, blocks,
           edge ? ", programmatic edges" : "", out ? ", copies of tokens and 196,608 B" : "");
  printf("  %s\n", what);
  MEASURE("    launched one by one", enqueue(s, launches, blocks, edge, out));
  double start = now_us();
  CHECK(cu.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  enqueue(s, launches, blocks, edge, out);
  CHECK(cu.cuStreamEndCapture(stream, &graph));
  const double captured = now_us();
  CHECK(cu.cuGraphInstantiateWithFlags(&exec, graph, 0));
  const double made = now_us();
  CHECK(cu.cuGraphUpload(exec, stream));
  CHECK(cu.cuStreamSynchronize(stream));
  const double uploaded = now_us();
  CHECK(cu.cuGraphLaunch(exec, stream));
  CHECK(cu.cuStreamSynchronize(stream));
  printf("      capture %.0f us, instantiate %.0f us, upload %.0f us, first launch %.0f us\n",
         captured - start, made - captured, uploaded - made, now_us() - uploaded);
  MEASURE("    graph: launch and wait", CHECK(cu.cuGraphLaunch(exec, stream)));
  double us[REPEATS];
  for (int r = 0; r < REPEATS; r++) {
    start = now_us();
    CHECK(cu.cuGraphLaunch(exec, stream));
    us[r] = now_us() - start;
    CHECK(cu.cuStreamSynchronize(stream));
  }
  printf("  %-66s %8.1f us\n", "    graph: of that, the call alone", median(us, REPEATS));
  CUevent begin, end;
  float ms;
  CHECK(cu.cuEventCreate(&begin, 0));
  CHECK(cu.cuEventCreate(&end, 0));
  CHECK(cu.cuEventRecord(begin, stream));
  for (int r = 0; r < 50; r++)
    CHECK(cu.cuGraphLaunch(exec, stream));
  CHECK(cu.cuEventRecord(end, stream));
  CHECK(cu.cuEventSynchronize(end));
  CHECK(cu.cuEventElapsedTime(&ms, begin, end));
  printf("  %-66s %8.1f us\n", "    graph: each of 50 in a row, by events", ms * 1000 / 50);
  CHECK(cu.cuGraphExecDestroy(exec));
  CHECK(cu.cuGraphDestroy(graph));
}

static char *read_file(const char *path, size_t *bytes) {
  FILE *f = fopen(path, "rb");
  if (!f || fseek(f, 0, SEEK_END)) {
    printf("cannot read %s\n", path);
    exit(5);
  }
  const long size = ftell(f);
  char *text = need(calloc((size_t)size + 1, 1));
  rewind(f);
  if (fread(text, 1, (size_t)size, f) != (size_t)size)
    exit(5);
  fclose(f);
  *bytes = (size_t)size;
  return text;
}

static void measure_small(const char *image) {
  small s;
  size_t bytes;
  CUmodule module;
  CHECK(cu.cuModuleLoadData(&module, read_file(image, &bytes)));
  CHECK(cu.cuModuleGetFunction(&s.empty, module, "empty"));
  CHECK(cu.cuModuleGetFunction(&s.dependent, module, "empty_dependent"));
  CHECK(cu.cuModuleGetFunction(&s.copy, module, "copy"));
  CHECK(cu.cuMemHostAlloc((void **)&s.pinned, MIB, CU_MEMHOSTALLOC_DEVICEMAP));
  s.pinned_device = (CUdeviceptr)s.pinned; // unified addressing
  s.pageable = need(malloc(MIB));
  memset(s.pageable, 1, MIB);
  memset(s.pinned, 1, MIB);
  CHECK(cu.cuMemAlloc(&s.device, MIB));
  small_copies(&s);
  static const int launches[] = {180, 960};
  for (int i = 0; i < 2; i++) {
    graphs_of(&s, launches[i], 132, false, 0);
    graphs_of(&s, launches[i], 132, true, 0);
  }
  graphs_of(&s, 180, 264, true, 0);
  graphs_of(&s, 180, 1, false, 0);
  graphs_of(&s, 180, 132, true, 196608);
  graphs_of(&s, 1, 1, false, 196608);
}

static void measure_modules(int n, char **images) {
  for (int i = 0; i < n; i++) {
    size_t bytes;
    char *image = read_file(images[i], &bytes);
    double first = 0;
    for (int r = 0; r < 2; r++) {
      CUmodule module;
      const double start = now_us();
      CHECK(cu.cuModuleLoadData(&module, image));
      const double us = now_us() - start;
      if (r == 0)
        first = us;
      else
        printf("  %-40s %9zu bytes: loaded in %.1f ms, again in %.1f ms\n", images[i], bytes,
               first / 1000, us / 1000);
      fflush(stdout);
      CHECK(cu.cuModuleUnload(module));
    }
    free(image);
  }
}

int main(int argc, char **argv) {
  if (argc < 3) {
    printf("usage: transfers FOLDER files|register|small|modules IMAGE...\n");
    return 2;
  }
  double start = now_us();
  const CUdevice device = cuda_open();
  printf("driver opened, context made: %.0f ms\n", (now_us() - start) / 1000);
  CHECK(cu.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  if (!strcmp(argv[2], "files")) {
    int pageable = 0, tables = 0, engines = 0;
    cu.cuDeviceGetAttribute(&pageable, CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS, device);
    cu.cuDeviceGetAttribute(
        &tables, CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES, device);
    cu.cuDeviceGetAttribute(&engines, CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, device);
    printf("kernels may read pageable memory: %d (host page tables: %d); copy engines: %d\n",
           pageable, tables, engines);
    measure_files(argv[1]);
  } else if (!strcmp(argv[2], "register"))
    measure_registration(argv[1]);
  else if (!strcmp(argv[2], "small") && argc > 3)
    measure_small(argv[3]);
  else
    measure_modules(argc - 3, argv + 3);
  return 0;
}
