//===-- json_reader.h - JSON files, read strictly -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file is parsed as a whole within a limit of bytes; keys that appear twice are refused. Errors
// name the file, the key, what was found and what is allowed.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_HUGGINGFACE_JSON_READER_H
#define RESQ_DIALECT_IMPORT_HUGGINGFACE_JSON_READER_H

#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

/// An object that keys are read from. A key whose value is null is as one that is missing.
typedef struct resq_json_reader {
  const char *path;
  const json_t *object;
  resq_error *err;
} resq_json_reader;

/// The object that the bytes are; NULL after filling err. Freed with json_decref.
json_t *resq_json_parse(const char *path, const uint8_t *data, uint64_t size, uint64_t limit,
                        resq_error *err);

/// The value of a key; NULL when it is missing or null.
const json_t *resq_json_get(const json_t *object, const char *key);

/// False, with "PATH: key 'KEY' is VALUE; ALLOWED", or "is missing" for a value of NULL.
bool resq_json_refuse(const resq_json_reader *r, const char *key, const json_t *value,
                      const char *allowed);

/// 1 to `limit`. Where the key is missing, *out stays as it is if it is not 0.
bool resq_json_size(const resq_json_reader *r, const char *key, int64_t limit, int64_t *out);
/// A positive, finite number. Where the key is missing, *out stays as it is if it is not 0.
bool resq_json_positive(const resq_json_reader *r, const char *key, double *out);
/// true or false; *out stays as it is where the key is missing.
bool resq_json_bool(const resq_json_reader *r, const char *key, bool *out);

/// What a key of a table may be.
typedef enum resq_json_use {
  RESQ_JSON_READ,    ///< elsewhere, with checks of its own
  RESQ_JSON_ANY,     ///< changes nothing of what resq computes, whatever it says
  RESQ_JSON_NEUTRAL, ///< null, false, and for numbers `neutral`: all else is refused
  RESQ_JSON_TEXT,    ///< one of `texts`
} resq_json_use;

typedef struct resq_json_rule {
  const char *key;
  resq_json_use use;
  double neutral;
  const char *texts[2];
} resq_json_rule;

/// Refuses, by name and with its value, the first key that is not in the table, or at a value that
/// would change what is computed.
bool resq_json_check_keys(const resq_json_reader *r, const resq_json_rule *rules, size_t n_rules);

#endif // RESQ_DIALECT_IMPORT_HUGGINGFACE_JSON_READER_H
