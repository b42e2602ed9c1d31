//===-- foreign_file.c ----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Signatures first, in a table; then what text says.
//===----------------------------------------------------------------------===//
#define _GNU_SOURCE // memmem
#include "dialect/import/foreign_file.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FOLDER "give the folder with its config.json and its safetensors files"
#define CONVERT "save the model as safetensors (transformers: save_pretrained) and give its folder"
#define DOWNLOAD "download the GGUF file again"
#define UNPACK "unpack it first"

//===-- Binary files ------------------------------------------------------===//

typedef struct signature {
  uint32_t offset;
  const char *bytes;
  uint32_t size;
  const char *looks, *advice;
} signature;

#define SIGNATURE(offset, bytes, looks, advice) {offset, bytes, sizeof(bytes) - 1, looks, advice}

static const signature signatures[] = {
    SIGNATURE(0, "PK\3\4", "a zip archive, as PyTorch writes checkpoints (.bin, .pt, .pth)",
              CONVERT),
    SIGNATURE(0, "\x80\x02", "a Python pickle, as PyTorch writes checkpoints (.bin, .pt, .pth)",
              CONVERT),
    SIGNATURE(0, "\x80\x03", "a Python pickle", CONVERT),
    SIGNATURE(0, "\x80\x04", "a Python pickle", CONVERT),
    SIGNATURE(0, "\x80\x05", "a Python pickle", CONVERT),
    SIGNATURE(0, "lmgg", "a model in the old GGML format", "download or convert a GGUF file"),
    SIGNATURE(0, "fmgg", "a model in the old GGMF format", "download or convert a GGUF file"),
    SIGNATURE(0, "tjgg", "a model in the old GGJT format", "download or convert a GGUF file"),
    SIGNATURE(0, "algg", "an adapter (LoRA) in the old GGLA format", "merge it into a GGUF file"),
    SIGNATURE(0, "\x1f\x8b", "a file packed by gzip", UNPACK),
    SIGNATURE(0,
              "\xfd"
              "7zXZ",
              "a file packed by xz", UNPACK),
    SIGNATURE(0, "\x28\xb5\x2f\xfd", "a file packed by zstd", UNPACK),
    SIGNATURE(0, "BZh", "a file packed by bzip2", UNPACK),
    SIGNATURE(0, "7z\xbc\xaf", "a 7z archive", UNPACK),
    SIGNATURE(257, "ustar", "a tar archive", UNPACK),
    SIGNATURE(0, "\x89HDF", "an HDF5 file, as Keras writes checkpoints", CONVERT),
    SIGNATURE(0, "\x93NUMPY", "a NumPy array", CONVERT),
    SIGNATURE(4, "TFL3", "a TensorFlow Lite model", CONVERT),
    SIGNATURE(0, "\x08\x01\x12", "an ONNX model", CONVERT),
    SIGNATURE(0, "RESQSTAT", "resq's statistics of calibration",
              "give them with --statistics, and a model"),
    SIGNATURE(0,
              "\x7f"
              "ELF",
              "a program or library, perhaps a model that is compiled already",
              "give the checkpoint"),
    SIGNATURE(0, "\xff\xfe", "UTF-16 text", "give a GGUF file, or a module in UTF-8"),
    SIGNATURE(0, "\xfe\xff", "UTF-16 text", "give a GGUF file, or a module in UTF-8"),
};

/// What a file looks like; looks NULL: nothing known.
typedef struct likeness {
  const char *looks, *advice;
} likeness;

/// A length of JSON, then the JSON.
static bool is_safetensors(const uint8_t *data, uint64_t size) {
  uint64_t header = 0;
  if (size >= 10)
    memcpy(&header, data, sizeof header);
  return size >= 10 && header >= 2 && header <= (uint64_t)100 << 20 && data[8] == '{' &&
         (data[9] == '"' || data[9] == '}' || data[9] == ' ');
}

/// A protocol buffer whose first field is a small version, and whose next is the producer's name or
/// the graph.
static bool is_onnx(const uint8_t *data, uint64_t size) {
  return size >= 4 && data[0] == 0x08 && data[1] >= 1 && data[1] <= 32 &&
         (data[2] == 0x12 || data[2] == 0x1a || data[2] == 0x3a || data[2] == 0x42);
}

static bool is_zeros(const uint8_t *data, uint64_t size) {
  enum { LOOKED_AT = 4096 };
  for (uint64_t i = 0; i < size && i < LOOKED_AT; ++i)
    if (data[i])
      return false;
  return true;
}

static likeness binary_likeness(const uint8_t *data, uint64_t size) {
  for (size_t i = 0; i < sizeof signatures / sizeof *signatures; ++i) {
    const signature *s = &signatures[i];
    if (size >= s->offset + s->size && memcmp(data + s->offset, s->bytes, s->size) == 0)
      return (likeness){s->looks, s->advice};
  }
  if (is_safetensors(data, size))
    return (likeness){"a safetensors file", FOLDER};
  if (is_onnx(data, size))
    return (likeness){"an ONNX model", CONVERT};
  if (is_zeros(data, size))
    return (likeness){"zeros, as of a download that was not finished", DOWNLOAD};
  return (likeness){0};
}

//===-- Text --------------------------------------------------------------===//

/// The part of a text that is looked at, without white space before it.
typedef struct opening {
  const char *text;
  size_t size;
} opening;

static opening opening_of(const uint8_t *data, uint64_t size) {
  enum { LOOKED_AT = 65536 };
  opening o = {(const char *)data, size < LOOKED_AT ? (size_t)size : LOOKED_AT};
  if (o.size >= 3 && memcmp(o.text, "\xef\xbb\xbf", 3) == 0)
    o.text += 3, o.size -= 3;
  while (o.size && isspace((unsigned char)*o.text))
    ++o.text, --o.size;
  return o;
}

static bool begins(opening o, const char *word) {
  return o.size >= strlen(word) && strncasecmp(o.text, word, strlen(word)) == 0;
}

static bool mentions(opening o, const char *word) {
  return memmem(o.text, o.size, word, strlen(word)) != NULL;
}

static likeness json_likeness(opening o) {
  if (mentions(o, "\"error\"") || mentions(o, "\"message\""))
    return (likeness){"a server's error message, in JSON", DOWNLOAD};
  if (mentions(o, "\"weight_map\""))
    return (likeness){"the index of a Hugging Face checkpoint", FOLDER};
  if (mentions(o, "\"model_type\"") || mentions(o, "\"architectures\""))
    return (likeness){"the config.json of a Hugging Face checkpoint", FOLDER};
  return (likeness){"JSON", "give a GGUF file, or a Hugging Face folder"};
}

static likeness text_likeness(opening o) {
  static const char *const refusals[] = {
      "entry not found", "not found",    "404",       "repository not found",  "invalid username",
      "access to",       "unauthorized", "forbidden", "internal server error", "error"};
  if (begins(o, "version https://git-lfs"))
    return (likeness){"a Git LFS pointer: the model itself was not downloaded",
                      "run 'git lfs pull' beside it"};
  if (begins(o, "<!doctype html") || begins(o, "<html"))
    return (likeness){"an HTML page, as a browser shows it in place of a file",
                      "download the file from its direct link"};
  if (begins(o, "<?xml") || begins(o, "<"))
    return (likeness){"XML, perhaps a server's error message", DOWNLOAD};
  if (begins(o, "[") || (begins(o, "{") && !begins(o, "{-#")))
    return json_likeness(o);
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; ++i)
    if (begins(o, refusals[i]))
      return (likeness){"a server's error message", DOWNLOAD};
  return (likeness){0};
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '$'; }

/// Comments are skipped; then an alias, a generic op, a resource, a result, or an op with its
/// dialect: `func.func`. Of the ops without one there is `module`.
static bool begins_as_mlir(opening o) {
  while (o.size >= 2 && o.text[0] == '/' && o.text[1] == '/') {
    const char *newline = memchr(o.text, '\n', o.size);
    const char *end = o.text + o.size, *next = newline ? newline + 1 : end;
    o = opening_of((const uint8_t *)next, (uint64_t)(end - next));
  }
  if (o.size == 0 || strchr("#!\"%", *o.text) || begins(o, "{-#"))
    return true;
  size_t n = 0;
  while (n < o.size && is_word(o.text[n]))
    ++n;
  if (n == 6 && memcmp(o.text, "module", 6) == 0)
    return true;
  return n > 0 && n + 1 < o.size && o.text[n] == '.' && isalpha((unsigned char)o.text[n + 1]);
}

enum { MOST_TEXT = 256 << 20 }; ///< how far a text is searched for a NUL

//===-- The check ---------------------------------------------------------===//

static bool ends_with(const char *text, const char *suffix) {
  size_t size = strlen(text), wanted = strlen(suffix);
  return size >= wanted && strcmp(text + size - wanted, suffix) == 0;
}

bool resq_check_is_mlir(const uint8_t *data, uint64_t size, const char *path, resq_error *err) {
  if (size >= 4 && memcmp(data, RESQ_BYTECODE_MAGIC, 4) == 0)
    return true;
  if (size == 0)
    return resq_fail(err, RESQ_BAD_INPUT, "%s: the file is empty", path);
  likeness like = binary_likeness(data, size);
  const void *nul = memchr(data, '\0', size < MOST_TEXT ? (size_t)size : MOST_TEXT);
  if (!like.looks && nul) // the MLIR lexer would skip it; no text has one
    return resq_fail(
        err, RESQ_BAD_INPUT,
        "%s: not a GGUF file or an MLIR module: binary data of no known format (a NUL byte at "
        "offset %td)",
        path, (const uint8_t *)nul - data);
  opening o = opening_of(data, size);
  if (!like.looks && begins_as_mlir(o))
    return true;
  if (!like.looks)
    like = text_likeness(o);
  if (like.looks)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: not a GGUF file or an MLIR module; it looks like %s: %s", path,
                     like.looks, like.advice);
  return ends_with(path, ".mlir") ||
         resq_fail(err, RESQ_BAD_INPUT,
                   "%s: not a GGUF file or an MLIR module, but text that begins with '%.*s'", path,
                   o.size < 40 ? (int)o.size : 40, o.text);
}
