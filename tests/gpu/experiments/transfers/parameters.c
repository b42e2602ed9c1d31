//===-- parameters.c - a file to the device, several ways -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   parameters FOLDER [register]
//
// Copies a mapped file of three sizes, which the program makes in FOLDER, to the device: from the
// mapping, and through two pinned buffers of which one is filled while the other travels. register:
// by registering the mapping, which has hung and is not part of the rest for that reason.
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
        {4, 4, FROM_MAPPING, "2 x 4 MiB pinned, memcpy from the mapping, 4 threads"},
        {8, 8, FROM_MAPPING, "2 x 8 MiB pinned, memcpy from the mapping, 8 threads"},
        {16, 8, FROM_MAPPING, "2 x 16 MiB pinned, memcpy from the mapping, 8 threads"},
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

int main(int argc, char **argv) {
  if (argc < 2) {
    printf("usage: parameters FOLDER [register]\n");
    return 2;
  }
  const CUdevice device = cuda_open();
  int pageable = 0, tables = 0, engines = 0;
  CHECK(cu.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  cu.cuDeviceGetAttribute(&pageable, CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS, device);
  cu.cuDeviceGetAttribute(&tables, CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES,
                          device);
  cu.cuDeviceGetAttribute(&engines, CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, device);
  printf("kernels may read pageable memory: %d (host page tables: %d); copy engines: %d\n",
         pageable, tables, engines);
  if (argc > 2 && !strcmp(argv[2], "register"))
    measure_registration(argv[1]);
  else
    measure_files(argv[1]);
  return 0;
}
