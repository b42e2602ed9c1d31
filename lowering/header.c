//===-- header.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "lowering/header.h"

#include "base/file.h"
#include "dialect/build.h"
#include "dialect/text_buffer.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *c_type(MlirType tensor) {
  return mlirTypeIsAF32(mlirShapedTypeGetElementType(tensor)) ? "float" : "int32_t";
}

/// static inline bool <name>(session, x0, rows0, ..., y0, why).
static void write_function(FILE *f, MlirOperation func) {
  MlirStringRef name = resq_op_str(func, "sym_name");
  MlirType type = mlirTypeAttrGetValue(resq_op_attr(func, "function_type"));
  intptr_t n_in = mlirFunctionTypeGetNumInputs(type), n_out = mlirFunctionTypeGetNumResults(type);
  fprintf(f, "/// @%.*s: ", (int)name.length, name.data);
  mlirTypePrint(type, resq_text_to_file, f);
  fprintf(
      f,
      "\n/// rows[i] is the leading extent of argument i: inputs, then results. Dense row-major.\n"
      "static inline bool %.*s(resq_session *session",
      (int)name.length, name.data);
  for (intptr_t i = 0; i < n_in; i++)
    fprintf(f, ", const %s *in%d", c_type(mlirFunctionTypeGetInput(type, i)), (int)i);
  for (intptr_t i = 0; i < n_out; i++)
    fprintf(f, ", %s *out%d", c_type(mlirFunctionTypeGetResult(type, i)), (int)i);
  fprintf(f, ", const int64_t rows[%d], resq_message *why) {\n  void *args[] = {",
          (int)(n_in + n_out));
  for (intptr_t i = 0; i < n_in; i++)
    fprintf(f, "(void *)in%d, ", (int)i);
  for (intptr_t i = 0; i < n_out; i++)
    fprintf(f, "out%d%s", (int)i, i + 1 < n_out ? ", " : "");
  fprintf(f, "};\n  return resq_session_call(session, \"%.*s\", args, rows, %d, why);\n}\n\n",
          (int)name.length, name.data, (int)(n_in + n_out));
}

bool resq_header_path(const char *output, char out[PATH_MAX]) {
  size_t length = strlen(output);
  if (length > 3 && !strcmp(output + length - 3, ".so"))
    length -= 3;
  return snprintf(out, PATH_MAX, "%.*s.h", (int)length, output) < PATH_MAX;
}

resq_out *resq_write_header(MlirOperation module, const char *output, resq_error *err) {
  char path[PATH_MAX], guard[128];
  if (!resq_header_path(output, path)) {
    resq_fail(err, RESQ_IO, "cannot write a header beside '%.200s...': its path is too long",
              output);
    return NULL;
  }
  const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  snprintf(guard, sizeof guard, "RESQ_%.100s", base);
  for (char *p = guard; *p; p++)
    *p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';

  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (!f) {
    resq_fail(err, RESQ_NO_MEMORY, "%s: no memory", path);
    return NULL;
  }
  fprintf(f,
          "// Made by resqc with the shared library beside it. Needs resq/session.h on the include "
          "path.\n"
          "#ifndef %s\n#define %s\n#include \"resq/session.h\"\n\n"
          "/// What this library holds: pass it to resq_model_open(&resq_program_v1, \"<path of "
          "the library>\", &why).\n"
          "extern const struct resq_program resq_program_v1;\n\n",
          guard, guard);
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_op_is(op, "func.func") && !resq_str_eq(resq_op_str(op, "sym_visibility"), "private"))
      write_function(f, op);
  fprintf(f, "#endif // %s\n", guard);
  bool whole = !ferror(f);
  whole = !fclose(f) && whole;
  resq_out *out = whole ? resq_out_create(path, 0644, err) : NULL;
  bool ok = out && resq_out_write(out, text, size, err);
  free(text);
  if (!whole)
    resq_fail(err, RESQ_NO_MEMORY, "%s: no memory", path);
  if (ok)
    return out;
  resq_out_discard(out);
  return NULL;
}
