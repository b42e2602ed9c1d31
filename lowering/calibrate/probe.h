//===-- probe.h - a module compiled, loaded and run in this process -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calibration is a compile: what observes and what samples text are ordinary compiled programs.
// Their parameters stand in a file of the work folder and are mapped, so that they need disk, and
// memory only for what is in use.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_PROBE_H
#define RESQ_LOWERING_PROBE_H

#include "dialect/import/checkpoints.h"
#include "lowering/support/stages.h"
#include "lowering/support/workdir.h"
#include "mlir-c/IR.h"
#include "resq/session.h"

typedef struct resq_probe {
  void *library;
  resq_model *model;
  resq_session *session;
} resq_probe;

typedef struct resq_probe_options {
  const char *name; ///< of files in the work folder
  int64_t rows;     ///< most rows of a call of the one entry
  int64_t sequences, capacity;
  int threads;                   ///< 0: all
  resq_checkpoints *checkpoints; ///< that the module's recipes read
} resq_probe_options;

/// Compiles `module`, packed, for this CPU and loads it; its recipes are evaluated and gone then. On
/// failure *p is closed.
bool resq_probe_open(resq_probe *p, MlirModule module, const resq_probe_options *options,
                     const resq_workdir *work, resq_stages *stages, resq_error *err);
/// Takes parameters that were read out of this process's memory, until they are read again.
void resq_probe_drop_pages(const resq_probe *p);
void resq_probe_close(resq_probe *p);

#endif // RESQ_LOWERING_PROBE_H
