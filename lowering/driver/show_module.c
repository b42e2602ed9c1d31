//===-- show_module.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "show_module.h"

#include "base/file.h"
#include "base/file_use.h"
#include "dialect/import/import.h"
#include "dialect/text_buffer.h"
#include "lowering/artifact/module_section.h"
#include "lowering/support/workdir.h"
#include "resq/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool check_files(const char *binary, const char *output, resq_error *err) {
  resq_file_uses uses = {NULL, 0};
  bool ok = resq_file_use_add(&uses, RESQ_READS, "--show-module", binary, err) &&
            resq_file_use_add(&uses, RESQ_WRITES, "-o", output, err) &&
            resq_file_use_add_self(&uses, err);
  resq_file_uses_free(&uses);
  return ok;
}

static bool write_text(const char *output, const resq_text_buffer *text, resq_error *err) {
  const char *data = resq_text_buffer_text(text);
  if (!strcmp(output, "-"))
    return (fwrite(data, 1, text->size, stdout) == text->size && !fflush(stdout)) ||
           resq_fail(err, RESQ_IO, "standard output: write failed");
  resq_out *out = resq_out_create(output, 0644, err);
  if (out && resq_out_write(out, data, text->size, err))
    return resq_out_commit(out, err);
  resq_out_discard(out);
  return false;
}

static bool print(MlirModule module, const char *output, resq_error *err) {
  resq_text_buffer text = {0};
  MlirOpPrintingFlags flags = mlirOpPrintingFlagsCreate();
  mlirOpPrintingFlagsEnableDebugInfo(flags, /*enable=*/true, /*prettyForm=*/false);
  mlirOperationPrintWithFlags(mlirModuleGetOperation(module), flags, resq_text_buffer_add, &text);
  mlirOpPrintingFlagsDestroy(flags);
  resq_text_buffer_append(&text, "\n", 1);
  bool ok = write_text(output, &text, err);
  resq_text_buffer_free(&text);
  return ok;
}

/// The section goes through the import of modules, which trusts no bytecode: it reads files.
static bool parse_and_print(const resq_workdir *work, const uint8_t *bytes, uint64_t size,
                            const char *output, resq_error *err) {
  char path[PATH_MAX];
  if (!resq_workdir_write(work, "module", bytes, size, path, err))
    return false;
  MlirContext ctx = resqContextCreate();
  MlirModule module = resq_import_mlir(ctx, path, err);
  bool ok = !mlirModuleIsNull(module);
  if (ok) {
    ok = print(module, output, err);
    mlirModuleDestroy(module);
  } else {
    resq_fail_in(err, "module section");
  }
  mlirContextDestroy(ctx);
  return ok;
}

bool resq_show_module(const char *binary, const char *output, resq_error *err) {
  resq_workdir work = {0};
  uint8_t *bytes = NULL;
  uint64_t size = 0;
  bool ok = check_files(binary, output, err) &&
            resq_module_section_read(binary, &bytes, &size, err) &&
            resq_workdir_create(&work, err) && parse_and_print(&work, bytes, size, output, err);
  free(bytes);
  resq_workdir_remove(&work);
  return ok;
}
