//===-- checkpoint.h - a checkpoint, whatever its format ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a compile asks of a checkpoint: its shape, its tensors by name and by rows, its tokenizer,
// what it says of sampling, and a digest of its contents. A format implements the functions of
// resq_checkpoint_driver; nothing behind this header knows formats. No MLIR here.
//
// A checkpoint is one file or several. They are mapped when it opens, and stay where they are until
// it is closed, so drivers keep pointers into them.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_CHECKPOINT_CHECKPOINT_H
#define RESQ_DIALECT_IMPORT_CHECKPOINT_CHECKPOINT_H

#include "base/error.h"
#include "base/file.h"
#include "text/tokenizer.h"

#include <stdint.h>
#include <xxhash.h>

#define RESQ_TENSOR_MAX_RANK 4

typedef struct resq_checkpoint resq_checkpoint;
typedef struct resq_decoder_config resq_decoder_config;

//===-- Tensors -----------------------------------------------------------===//

/// A tensor as its file has it, or seen in another shape. Its products of extents fit an int64.
typedef struct resq_checkpoint_tensor {
  const char *name;                    ///< NUL-terminated, the checkpoint's
  const char *type;                    ///< "Q4_1", "BF16": for messages
  uint32_t rank;                       ///< 1 to 4
  int64_t shape[RESQ_TENSOR_MAX_RANK]; ///< outermost first; each at least 1
  int64_t block;                       ///< elements that are stored together: rows are whole blocks
  uint64_t index;                      ///< the driver's number of it
} resq_checkpoint_tensor;

/// The tensor of that name, from the checkpoint's tables. False when there is none.
bool resq_checkpoint_find(const resq_checkpoint *c, const char *name, resq_checkpoint_tensor *out);
/// The tensors have the numbers 0 to count - 1, which are their `index`.
uint64_t resq_checkpoint_count(const resq_checkpoint *c);
resq_checkpoint_tensor resq_checkpoint_tensor_at(const resq_checkpoint *c, uint64_t index);

/// The tensor in another shape, outermost first, of the same elements in the same order. False when
/// the shapes differ in more than dimensions of 1, which some writers add and other loaders overlook.
bool resq_checkpoint_view(const resq_checkpoint_tensor *tensor, uint32_t rank, const int64_t *shape,
                          resq_checkpoint_tensor *out);

/// Rows [begin, end) of the tensor's shape, each of shape[rank - 1] elements, as f32. False when one
/// is not finite.
bool resq_checkpoint_rows(const resq_checkpoint *c, const resq_checkpoint_tensor *tensor,
                          int64_t begin, int64_t end, float *out, resq_error *err);

#define RESQ_SHAPE_TEXT 96
/// "576, 1536" of extents, outermost first.
void resq_shape_text(uint32_t rank, const int64_t *shape, char out[RESQ_SHAPE_TEXT]);

//===-- Tokenizers --------------------------------------------------------===//

/// What a checkpoint says of its tokenizer, and what of it is a guess.
typedef struct resq_checkpoint_tokenizer {
  resq_tokenizer_source source; ///< arrays, `pre` and `chat_template` are this structure's
  void *storage;                ///< what texts of the source may point into, beside the checkpoint
  const char *pre_place;        ///< where the checkpoint would name its pre-tokenizer, for messages
  const char *merges_place;     ///< where its merges are
  bool pre_guessed;             ///< the checkpoint names no pre-tokenizer: `pre` is a guess
  bool add_bos_guessed;         ///< `add_bos` follows from `pre`, as the checkpoint does not say
} resq_checkpoint_tokenizer;

/// Whether the checkpoint has a tokenizer at all.
bool resq_checkpoint_has_tokenizer(const resq_checkpoint *c);
/// On failure *out is empty. Free it before the checkpoint is closed.
bool resq_checkpoint_read_tokenizer(const resq_checkpoint *c, resq_checkpoint_tokenizer *out,
                                    resq_error *err);
void resq_checkpoint_free_tokenizer(resq_checkpoint_tokenizer *tokenizer);

//===-- Sampling ----------------------------------------------------------===//

/// The numbers of text/generation_settings.def.
enum {
#define RESQ_SETTING(name, key, low, high) RESQ_GENERATION_##name,
#include "text/generation_settings.def"
  RESQ_GENERATION_SETTINGS
};

/// What a checkpoint says of sampling.
typedef struct resq_generation_settings {
  bool given[RESQ_GENERATION_SETTINGS];
  double value[RESQ_GENERATION_SETTINGS];
} resq_generation_settings;

/// Sets one setting. False when the value is outside of what sampling allows; `place` is where the
/// path and key say where the checkpoint has it.
bool resq_generation_set(resq_generation_settings *settings, int which, double value,
                         const char *path, const char *key, resq_error *err);

//===-- Drivers -----------------------------------------------------------===//

/// A file of a checkpoint.
typedef struct resq_checkpoint_file {
  char *path;
  resq_map map;
} resq_checkpoint_file;

/// A format. Functions that can fail fill err with a message that names the file.
typedef struct resq_checkpoint_driver {
  uint64_t (*count)(const resq_checkpoint *c);
  resq_checkpoint_tensor (*tensor_at)(const resq_checkpoint *c, uint64_t index);
  /// False when no tensor has the name.
  bool (*find)(const resq_checkpoint *c, const char *name, uint64_t *index);
  /// Elements [first, first + count) of a tensor, whole blocks of it, as f32, of whatever value.
  void (*decode)(const resq_checkpoint *c, uint64_t index, uint64_t first, uint64_t count,
                 float *out);
  /// Reads the configuration and refuses what resq does not compute; tensors are checked elsewhere
  /// (decoder_tensors.h).
  bool (*config)(const resq_checkpoint *c, resq_decoder_config *out, resq_error *err);
  bool (*has_tokenizer)(const resq_checkpoint *c);
  /// Fills *out, which is empty; on failure the caller frees what is in it.
  bool (*tokenizer)(const resq_checkpoint *c, resq_checkpoint_tokenizer *out, resq_error *err);
  bool (*generation)(const resq_checkpoint *c, resq_generation_settings *out, resq_error *err);
  /// Frees `state`.
  void (*close)(resq_checkpoint *c);
} resq_checkpoint_driver;

struct resq_checkpoint {
  const resq_checkpoint_driver *driver;
  void *state; ///< the driver's
  char *path;  ///< of the file or folder, as it was given, without a slash at its end
  resq_checkpoint_file *files; ///< all that the checkpoint is read from, in a fixed order
  size_t n_files;
  XXH128_hash_t digest; ///< when hashed
  bool hashed;
};

/// A checkpoint without files, that drivers fill. `path` is copied.
resq_checkpoint *resq_checkpoint_create(const char *path);
/// Maps a file more; its number in *index. False when it can't be read.
bool resq_checkpoint_add_file(resq_checkpoint *c, const char *path, size_t *index, resq_error *err);
/// Closes the driver and the files. NULL is fine.
void resq_checkpoint_close(resq_checkpoint *c);

/// XXH3-128 of the contents, which the first call reads: of the bytes of the one file, or of the
/// names and digests of all files.
XXH128_hash_t resq_checkpoint_digest(resq_checkpoint *c);
/// Takes what was read of the files out of memory, until it is read again.
void resq_checkpoint_drop_pages(const resq_checkpoint *c);

/// How often files were mapped, and digests computed, in this process: for tests.
typedef struct resq_checkpoint_counts {
  int opened, digested;
} resq_checkpoint_counts;
resq_checkpoint_counts resq_checkpoint_counted(void);

#endif // RESQ_DIALECT_IMPORT_CHECKPOINT_CHECKPOINT_H
