//===-- header.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "header.h"

#include "base/file.h"
#include "dialect/attributes.h"
#include "dialect/build.h"
#include "dialect/memory.h"
#include "dialect/diagnostics.h"
#include "dialect/text_buffer.h"
#include "facts.h"
#include "identifiers.h"
#include "resq/abi.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

//===-- Names of the library ----------------------------------------------===//

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/// Without ".so".
static size_t stem_length(const char *name) {
  size_t length = strlen(name);
  return length > 3 && !strcmp(name + length - 3, ".so") ? length - 3 : length;
}

char *resq_library_name(const char *output) {
  const char *base = base_name(output);
  size_t length = stem_length(base);
  if (length > 3 && !strncmp(base, "lib", 3)) {
    base += 3;
    length -= 3;
  }
  char *name = resq_identifier(base, length);
  // The runtime's names begin with resq: a function of the module must not take one of them.
  if (strncmp(name, "resq", 4) != 0)
    return name;
  char *more = resq_print_text("model_%s", name);
  free(name);
  return more;
}

char *resq_library_program(const char *output) {
  char *name = resq_library_name(output), *program = resq_print_text("%s_program", name);
  free(name);
  return program;
}

bool resq_header_path(const char *output, char out[PATH_MAX]) {
  return snprintf(out, PATH_MAX, "%.*s.h", (int)stem_length(output), output) < PATH_MAX;
}

//===-- A function --------------------------------------------------------===//

typedef struct header {
  FILE *f;
  char *name;
  resq_identifiers functions; ///< of the file, so far
} header;

static const char *c_type(const resq_arg *arg) {
  return arg->dtype == RESQ_F32 ? "float" : "int32_t";
}

static void write_type(FILE *f, MlirType type) {
  resq_text_buffer text = {0};
  mlirTypePrint(type, resq_text_buffer_add, &text);
  resq_print_in_comment(f, resq_text_buffer_text(&text), text.size);
  resq_text_buffer_free(&text);
}

/// ", each 0 to 259, and a row of x": what the rules of an argument allow.
static void write_rules(FILE *f, const resq_arg *arg, const resq_identifiers *names) {
  for (int32_t i = 0; i < arg->n_rules; i++) {
    const resq_index_rule *rule = &arg->rules[i];
    fputs(i ? ", and " : ", each ", f);
    switch ((resq_index_rule_kind)rule->kind) {
    case RESQ_RULE_BELOW:
      fprintf(f, "0 to %" PRId64, rule->limit - 1);
      break;
    case RESQ_RULE_ROW:
      fprintf(f, "the index of a row of %s", names->items[rule->argument]);
      break;
    case RESQ_RULE_POSITION:
      fputs("a position: the next of its sequence, or one before it to go back", f);
      break;
    case RESQ_RULE_SEQUENCE:
      fputs("a sequence of the session", f);
      break;
    }
  }
}

/// One line an argument: its extents, then what its values must be.
static void write_argument(FILE *f, const resq_arg *arg, int i, const resq_identifiers *names) {
  fprintf(f, "///   %s: ", names->items[i]);
  if (arg->width)
    fprintf(f, "rows[%d] x %" PRId64 " floats", i, arg->width);
  else
    fprintf(f, "rows[%d] integers", i);
  if (arg->rows >= 0)
    fprintf(f, ", rows[%d] is %" PRId64, i, arg->rows);
  else if (arg->rows_as != i)
    fprintf(f, ", rows[%d] is rows[%d]", i, arg->rows_as);
  write_rules(f, arg, names);
  fputs(arg->is_result ? "; written\n" : "\n", f);
}

/// Parameter names of a function, which meet neither each other nor what the wrapper has.
static bool name_arguments(const resq_function_facts *facts, resq_identifiers *names) {
  static const char *const own[] = {"session", "rows", "why", "args"};
  resq_identifiers taken = {NULL, 0};
  bool ok = true;
  for (size_t i = 0; ok && i < sizeof own / sizeof *own; i++)
    ok = resq_identifier_add(&taken, own[i], strlen(own[i])) != NULL;
  for (int32_t i = 0; ok && i < facts->n_args; i++) {
    const char *text = facts->args[i].name, *name = resq_identifier_add(&taken, text, strlen(text));
    ok = name && resq_identifier_add(names, name, strlen(name));
  }
  resq_identifiers_free(&taken);
  return ok;
}

static void write_wrapper(header *h, const char *function, MlirStringRef symbol,
                          const resq_function_facts *facts, const resq_identifiers *names) {
  FILE *f = h->f;
  int n = facts->n_args, room = n ? n : 1;
  fprintf(f, "static inline bool %s(resq_session *session", function);
  for (int i = 0; i < n; i++) {
    const resq_arg *arg = &facts->args[i];
    fprintf(f, ", %s%s *%s", arg->is_result ? "" : "const ", c_type(arg), names->items[i]);
  }
  fprintf(f, ", const int64_t rows[%d], resq_message *why) {\n  void *args[%d] = {", room, room);
  for (int i = 0; i < n; i++)
    fprintf(f, "%s(void *)%s", i ? ", " : "", names->items[i]);
  fprintf(f, "%s};\n  return resq_session_call(session, ", n ? "" : "NULL");
  resq_print_c_string(f, symbol.data, symbol.length);
  fprintf(f, ", args, rows, %d, why);\n}\n\n", n);
}

static bool write_facts(header *h, MlirOperation func, const resq_function_facts *facts) {
  MlirStringRef symbol = resq_symbol_name(func);
  char *full = resq_print_text("%s_%.*s", h->name, (int)symbol.length, symbol.data);
  const char *function = resq_identifier_add(&h->functions, full, strlen(full));
  free(full);
  resq_identifiers names = {NULL, 0};
  bool ok = function && name_arguments(facts, &names);
  if (ok) {
    fputs("/// @", h->f);
    resq_print_in_comment(h->f, symbol.data, symbol.length);
    fputs(": ", h->f);
    write_type(h->f, mlirTypeAttrGetValue(resq_op_attr(func, "function_type")));
    fputc('\n', h->f);
    for (int i = 0; i < facts->n_args; i++)
      write_argument(h->f, &facts->args[i], i, &names);
    write_wrapper(h, function, symbol, facts, &names);
  }
  resq_identifiers_free(&names);
  return ok;
}

static bool write_function(header *h, MlirOperation module, MlirOperation func) {
  resq_arena memory = {NULL, 0};
  resq_function_facts facts;
  bool ok =
      resq_function_facts_derive(module, func, &memory, &facts) && write_facts(h, func, &facts);
  resq_arena_free(&memory);
  return ok;
}

//===-- The file ----------------------------------------------------------===//

static void write_head(header *h, const char *output, const char *program) {
  FILE *f = h->f;
  const char *file = base_name(output);
  fputs("// Made by resqc, for the library ", f);
  resq_print_in_comment(f, file, strlen(file));
  fputs(". It needs resq/session.h of the runtime on the include path.\n", f);
  fprintf(f, "#ifndef %s_H\n#define %s_H\n\n#include \"resq/session.h\"\n\n", program, program);
  fprintf(
      f,
      "// How a function is called: rows[i] is the number of rows of argument i, inputs first, "
      "then "
      "results.\n"
      "// Arrays are dense and row-major. They stay the caller's, inputs are only read, and a "
      "result\n"
      "// overlaps no other array; NULL is allowed for one of 0 rows. When a call returns, all "
      "results\n"
      "// are there. A call that breaks a rule, or fails, returns false: why->text says what is "
      "wrong,\n"
      "// why->code is one of resq/session.h, and nothing of a refused call has run. `why` may be "
      "NULL.\n"
      "// A session serves one call at a time. Positions count the tokens of a sequence from 0; "
      "how many\n"
      "// a sequence holds, and how many sequences there are, say the options of the session.\n\n"
      "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
      "/// What the library holds: pass its address to resq_model_open, with NULL for the file.\n"
      "extern const struct resq_program %s;\n\n",
      program);
}

static bool write_all(header *h, MlirOperation module, const char *output) {
  char *program = resq_library_program(output);
  bool ok = program && resq_identifier_add(&h->functions, program, strlen(program));
  if (ok)
    write_head(h, output, program);
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); ok && !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_is_public_function(op))
      ok = write_function(h, module, op);
  if (ok)
    fprintf(h->f, "#ifdef __cplusplus\n}\n#endif\n\n#endif // %s_H\n", program);
  free(program);
  return ok;
}

static bool print_header(MlirOperation module, const char *output, char **text, size_t *size,
                         resq_error *err) {
  header h = {.f = open_memstream(text, size), .name = resq_library_name(output)};
  resq_listener listener;
  resq_listen_begin(&listener, mlirOperationGetContext(module), err);
  bool written = h.f && h.name && write_all(&h, module, output);
  bool silent = resq_listen_end(&listener);
  if (h.f)
    written = !fclose(h.f) && written;
  free(h.name);
  resq_identifiers_free(&h.functions);
  return silent &&
         (written || resq_fail(err, RESQ_NO_MEMORY, "%s: no memory for its header", output));
}

resq_out *resq_write_header(MlirOperation module, const char *output, resq_error *err) {
  char *text = NULL, path[PATH_MAX];
  size_t size = 0;
  if (!resq_header_path(output, path)) {
    resq_fail(err, RESQ_IO, "cannot write a header beside '%.200s...': its path is too long",
              output);
    return NULL;
  }
  resq_out *out =
      print_header(module, output, &text, &size, err) ? resq_out_create(path, 0644, err) : NULL;
  if (out && !resq_out_write(out, text, size, err)) {
    resq_out_discard(out);
    out = NULL;
  }
  free(text);
  return out;
}
