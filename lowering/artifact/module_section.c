//===-- module_section.c --------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE // memrchr
#include "module_section.h"

#include "dialect/memory.h"
#include "dialect/ops.h"
#include "dialect/text_buffer.h"
#include "exec/artifact.h"

#include <string.h>

//===-- What depends on where files lay -----------------------------------===//

/// The name of a location, without the place that it is over.
static MlirLocation name_only(MlirLocation loc) {
  MlirLocation unknown = mlirLocationUnknownGet(mlirLocationGetContext(loc));
  if (!mlirLocationIsAName(loc))
    return unknown;
  return mlirLocationNameGet(mlirLocationGetContext(loc),
                             mlirIdentifierStr(mlirLocationNameGetName(loc)), unknown);
}

static void strip_blocks(MlirRegion region) {
  for (MlirBlock block = mlirRegionGetFirstBlock(region); !mlirBlockIsNull(block);
       block = mlirBlockGetNextInRegion(block))
    for (intptr_t i = 0; i < mlirBlockGetNumArguments(block); i++) {
      MlirValue argument = mlirBlockGetArgument(block, i);
      mlirBlockArgumentSetLocation(argument, name_only(mlirValueGetLocation(argument)));
    }
}

static MlirWalkResult strip_op(MlirOperation op, void *user) {
  (void)user;
  mlirOperationSetLocation(op, name_only(mlirOperationGetLocation(op)));
  for (intptr_t i = 0; i < mlirOperationGetNumRegions(op); i++)
    strip_blocks(mlirOperationGetRegion(op, i));
  return MlirWalkResultAdvance;
}

/// "folder/model.gguf" becomes "model.gguf".
static void shorten_path(MlirOperation checkpoint, void *user) {
  (void)user;
  MlirStringRef path = resqCheckpointOpGetPath(checkpoint);
  const char *slash = memrchr(path.data, '/', path.length);
  size_t skipped = slash ? (size_t)(slash + 1 - path.data) : 0;
  MlirStringRef name = {path.data + skipped, path.length - skipped};
  resqCheckpointOpSetPath(checkpoint, name);
}

//===-- The section -------------------------------------------------------===//

void resq_module_section_make(MlirOperation module, uint8_t **out_bytes, uint64_t *out_size) {
  MlirOperation copy = mlirOperationClone(module);
  mlirOperationWalk(copy, strip_op, NULL, MlirWalkPreOrder);
  resq_for_each(copy, RESQ_OP_CHECKPOINT, shorten_path, NULL);
  resq_text_buffer bytes = {0};
  mlirOperationWriteBytecode(copy, resq_text_buffer_add, &bytes);
  mlirOperationDestroy(copy);
  *out_bytes = (uint8_t *)bytes.data;
  *out_size = bytes.size;
}

static bool read_section(const resq_artifact *artifact, uint8_t **out_bytes, uint64_t *out_size,
                         resq_error *err) {
  const uint8_t *data;
  if (!resq_artifact_section(artifact, RESQ_SECTION_MODULE, &data, out_size))
    return resq_fail(err, RESQ_BAD_INPUT,
                     "the file has no module section: it was compiled by an older resqc");
  if (!resq_artifact_verify_section(artifact, RESQ_SECTION_MODULE, err))
    return false;
  *out_bytes = (uint8_t *)resq_copy_part((const char *)data, *out_size);
  return true;
}

bool resq_module_section_read(const char *path, uint8_t **out_bytes, uint64_t *out_size,
                              resq_error *err) {
  resq_artifact artifact;
  *out_bytes = NULL;
  *out_size = 0;
  if (!resq_artifact_open(&artifact, path, err))
    return false;
  bool ok = read_section(&artifact, out_bytes, out_size, err) || resq_fail_in(err, "%s", path);
  resq_artifact_close(&artifact);
  return ok;
}
