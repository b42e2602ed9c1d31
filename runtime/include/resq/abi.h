//===-- resq/abi.h - what compiled code and the runtime agree on ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler (lowering/calls/) emits one `resq_program` per artifact and, per
// entry and ISA level, one function `void f(resq_worker *)`. The runtime
// (runtime/exec/) calls it from every thread of a call at once (SPMD). Kernels
// (runtime/kernels/) share work inside an op by tickets. For a GPU (lowering/gpu/)
// an entry is a list of launches instead, of kernels that the program has as PTX.
// Freestanding: kernels include this header.
//
// Layout changes raise RESQ_ABI_VERSION; the runtime refuses another version.
//===----------------------------------------------------------------------===//
#ifndef RESQ_ABI_H
#define RESQ_ABI_H

#include <stdint.h>

#define RESQ_ABI_VERSION 6

/// Bytes of private scratch a thread brings to a call, 64-byte aligned.
#define RESQ_SCRATCH_BYTES (1 << 20)
/// Sequence capacity (tokens) is always a multiple of this.
#define RESQ_CAPACITY_STEP 64
/// Every buffer of the workspace, every parameter and every cache is aligned to it.
#define RESQ_ALIGNMENT 64

/// Calibration and test hook: rows of a site, called by thread 0 only while the others pass by; only an op that
/// writes x waits for it. x is [rows, width] f32 with row stride ld (elements).
typedef void (*resq_observer)(void *user, int32_t site, const float *x, int64_t rows, int64_t width,
                              int64_t ld);

/// More arguments and results than any function has.
#define RESQ_MAX_ARGS 64

typedef struct resq_worker resq_worker;

/// One call of one entry; shared by its threads, read-only but for tickets.
typedef struct resq_call {
  const uint8_t *params;  ///< parameter section, mapped
  uint8_t *workspace;     ///< arena of entry.workspace_bytes
  uint8_t *const *caches; ///< [n_caches] storage of each cache
  int64_t capacity;       ///< tokens a sequence holds
  int64_t sequences;      ///< sequences in each cache
  void *const *args;      ///< inputs, then results, dense row-major
  const int64_t *rows;    ///< leading extent of each of args
  int32_t *tickets;       ///< [n_ops] chunk counters, zero at the start
  void *barrier;          ///< the runtime's own
  void *profile;          ///< NULL, or the runtime's own
  resq_observer observe;  ///< NULL unless calibrating
  void *observe_user;
  int32_t (*phase)(resq_worker *w);            ///< resq_barrier
  void (*op_done)(resq_worker *w, int32_t op); ///< resq_op_done
} resq_call;

/// What one thread of a call sees.
struct resq_worker {
  resq_call *call;
  int32_t index;    ///< this thread, 0 .. count - 1; 0 is the caller
  int32_t count;    ///< the same on all threads of a call; not all need come
  uint8_t *scratch; ///< RESQ_SCRATCH_BYTES, this thread's own
};

/// The next chunk of op's work: 0, 1, 2, ... over all threads; each once.
static inline int64_t resq_next_chunk(resq_worker *w, int32_t op) {
  return __atomic_fetch_add(&w->call->tickets[op], 1, __ATOMIC_RELAXED);
}

// The two functions that a runtime provides are pointers in the call, not symbols: compiled code refers to nothing
// outside its own object, so any number of models and runtimes live in one process. The compiler puts the same
// two bodies into every object (lowering/codegen/kernel_library.c).

/// An entry is a sequence of phases, the same on every thread, and each of them, the first too, begins with this. It
/// ends the phase before: what was written there is seen after. 1: the phase is for this thread to work on. 0: the
/// phase is over or goes on without this thread, which must skip its ops and touch nothing. Thread 0 always gets 1.
/// Why: runtime/exec/threads.h.
static inline int32_t resq_barrier(resq_worker *w) { return w->call->phase(w); }
/// After each op, every thread that worked on it: time goes to `op` when the call is profiled.
static inline void resq_op_done(resq_worker *w, int32_t op) { w->call->op_done(w, op); }

//===-- What a caller must keep to ----------------------------------------===//
// The compiler derives it from the ops that use an argument (lowering/entries/facts.c); the runtime checks it before a call
// runs (runtime/exec/check.c). Compiled code checks nothing.

typedef enum resq_dtype { RESQ_F32 = 0, RESQ_I32 = 1 } resq_dtype;

/// A bound of the values of an i32 argument; none is negative.
typedef enum resq_index_rule_kind {
  RESQ_RULE_BELOW = 0,    ///< below `limit`: the rows of a table, the columns of a permuted row
  RESQ_RULE_ROW = 1,      ///< below the rows of argument `argument`
  RESQ_RULE_POSITION = 2, ///< below the capacity of a sequence
  RESQ_RULE_SEQUENCE = 3, ///< below the number of sequences
} resq_index_rule_kind;

typedef struct resq_index_rule {
  int32_t kind;     ///< resq_index_rule_kind
  int32_t argument; ///< RESQ_RULE_ROW
  int64_t limit;    ///< RESQ_RULE_BELOW
} resq_index_rule;

/// An argument or result: [rows, width], rows dynamic when -1. Ids have width 0.
typedef struct resq_arg {
  const char *name;
  int32_t dtype; ///< resq_dtype
  int32_t is_result;
  int64_t rows;    ///< -1: dynamic
  int64_t width;   ///< 0: a 1-D tensor
  int32_t rows_as; ///< the first argument that must have as many rows: itself or one before it
  int32_t n_rules;
  const resq_index_rule *rules; ///< [n_rules], all of which hold; of f32 there are none
} resq_arg;

/// An op of an entry that writes or reads a cache, in the order of the ops. Row r is the token at position
/// positions[r] of sequence sequences[r]; a read takes in all positions of its sequence up to that.
typedef struct resq_cache_use {
  int32_t cache;                ///< index into resq_program.caches
  int32_t positions, sequences; ///< arguments
  int32_t is_append;            ///< 1: writes, 0: reads
} resq_cache_use;

//===-- GPU ---------------------------------------------------------------===//
// A function at level "cuda" is data: a list of launches, in order, that the compiler made of the function's ops. The
// kernels that they name are in the program's images, one for each kind of chip, and each image has launch lists of its
// own, for kernels differ from chip to chip. The runtime (runtime/exec/cuda.c) launches them without knowing what they
// compute.

/// Where an argument of a launch comes from, on the device: pointers, but for the last two, which are int64_t.
typedef enum resq_gpu_arg_kind {
  RESQ_GPU_WORKSPACE = 0, ///< workspace + offset
  RESQ_GPU_ARGUMENT = 1,  ///< the device's copy of args[index], + offset
  RESQ_GPU_PARAM = 2,     ///< parameter section + offset
  RESQ_GPU_CACHE = 3,     ///< storage of cache `index`, + offset
  RESQ_GPU_PREPARED = 4,  ///< memory that the image's prepare launches fill, + offset
  RESQ_GPU_ROWS = 5,      ///< rows[index]
  RESQ_GPU_CAPACITY = 6,  ///< tokens a sequence holds
} resq_gpu_arg_kind;

typedef struct resq_gpu_arg {
  int32_t kind; ///< resq_gpu_arg_kind
  int32_t index;
  int64_t offset; ///< bytes
} resq_gpu_arg;

/// More arguments than any launch has.
#define RESQ_GPU_MAX_ARGS 64

typedef enum resq_gpu_launch_kind {
  RESQ_GPU_LAUNCH_KERNEL = 0,
  RESQ_GPU_LAUNCH_ZERO = 1, ///< `bytes` bytes at args[0] become zero
  RESQ_GPU_LAUNCH_OBSERVE =
      2, ///< rows[rows_of] rows of args[0], `width` floats each, `ld` apart, go to the
         ///< session's observer as site `site`; nothing without one
} resq_gpu_launch_kind;

/// Of resq_gpu_launch.flags: the kernel waits itself for the launch before it (griddepcontrol), so that it may start
/// before that has ended.
#define RESQ_GPU_EARLY 1

/// One step of a list: it sees all that the steps before it wrote.
typedef struct resq_gpu_launch {
  int32_t kind; ///< resq_gpu_launch_kind
  int32_t op;   ///< whose work it is: index into op_names; of prepare lists, which have no names, 0
  const char *kernel; ///< KERNEL: .entry of the PTX
  // KERNEL: a grid of [blocks_x, grid_y] blocks of `threads` threads. items = rows[rows_of] * items_per_row and
  // blocks_x = ceil(items / items_per_block), but at most blocks_per_sm for each multiprocessor of the device where that
  // is not 0: the kernel strides over the rest. Nothing is launched for 0 items.
  int32_t rows_of; ///< an argument; -1: one row
  int32_t threads;
  int32_t blocks_per_sm;
  int32_t grid_y;
  int64_t items_per_row;
  int64_t items_per_block;
  int32_t shared_bytes; ///< dynamic shared memory, beyond what the kernel declares
  int32_t flags;        ///< RESQ_GPU_EARLY, or 0
  int32_t n_args;       ///< ZERO, OBSERVE: 1
  int32_t site;         ///< OBSERVE, as are the last two
  const resq_gpu_arg *args;
  int64_t bytes; ///< ZERO
  int64_t width;
  int64_t ld;
} resq_gpu_launch;

typedef struct resq_gpu_launches {
  int32_t n;
  const resq_gpu_launch *items;
  int64_t workspace_bytes; ///< what the list uses of the workspace
} resq_gpu_launches;

/// Code for one kind of chip, for the whole program: one module with the kernels of all entries.
typedef struct resq_gpu_image {
  const char *chip;     ///< "sm_90a"
  int32_t capability;   ///< 10 * major + minor that it is for
  int32_t exact;        ///< 1: runs on that capability only; 0: on later ones, too
  const char *ptx;      ///< NUL-terminated
  const uint8_t *cubin; ///< the same, assembled for the chip; NULL: none
  uint64_t cubin_size;  ///< 0: none
  resq_gpu_launches
      prepare;            ///< run once when a session starts, when the parameters are on the device
  int64_t prepared_bytes; ///< what they fill
} resq_gpu_image;

typedef struct resq_gpu_code {
  const resq_gpu_launches *launches; ///< [program.n_gpu_images]: one list for each image
} resq_gpu_code;

//===-- Program -----------------------------------------------------------===//

/// One function at one ISA level for at most max_rows rows of dynamic extent a call (a longer one is cut by the runtime).
typedef struct resq_entry {
  const char *function;       ///< func.func's name, "forward"
  const char *level;          ///< "generic", "avx512", "cuda": runtime/base/levels.def
  void (*run)(resq_worker *); ///< NULL at level "cuda"
  int64_t max_rows;
  int64_t workspace_bytes; ///< at level "cuda" the most that any of its launch lists uses
  int32_t n_args;
  int32_t n_ops;
  const resq_arg *args;
  const char *const *op_names; ///< [n_ops] "l0.q: qlinear": the op's location, its kernel
  const resq_gpu_code *gpu;    ///< at level "cuda" in place of run, else NULL
  const resq_cache_use *uses;  ///< [n_uses]
  int64_t n_uses;
} resq_entry;

/// A key/value cache: bytes for one token of one sequence, keys then values, and what a sequence takes besides.
typedef struct resq_cache {
  const char *name;
  int64_t bytes_per_token;
  int64_t bytes_per_sequence; ///< a window of exact keys; 0 for most codes
  int64_t rewind; ///< tokens that a sequence may go back by, short of starting again; -1: all
  double bits_per_element; ///< what the code costs a token, scales included
} resq_cache;

/// A parameter as it lies in the parameter section.
typedef struct resq_param {
  const char *name;
  const char *type; ///< MLIR type text
  uint64_t offset, size;
  int64_t elements; ///< logical weights, for honest bits
} resq_param;

typedef struct resq_program {
  uint32_t abi_version;
  int32_t n_entries, n_caches, n_params, n_sites;
  const resq_entry *entries;
  const resq_cache *caches;
  const resq_param *params;
  const char *const *sites;         ///< names of resq.observe sites
  const char *scheme;               ///< e.g. "resq-w4a4kv4"
  int64_t context_length;           ///< of the model, 0 when unknown
  int32_t n_gpu_images;             ///< 0 without entries at level "cuda"
  const resq_gpu_image *gpu_images; ///< best first
} resq_program;

/// What an artifact's compiled object defines. A shared library M.so has it by a second name, M_program, too, which
/// its header declares: several libraries may be linked into one program.
extern const resq_program resq_program_v1;

#endif // RESQ_ABI_H
