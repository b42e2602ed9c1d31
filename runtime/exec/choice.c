//===-- choice.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/choice.h"

#include "base/levels.h"

#include <stdlib.h>
#include <string.h>

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

static bool parse_device(const char *text, resq_device_kind *out, resq_error *err) {
  static const char *const names[] = {"auto", "cpu", "cuda"};
  for (int i = 0; i < 3; ++i)
    if (!strcmp(text, names[i])) {
      *out = (resq_device_kind)i;
      return true;
    }
  return resq_fail(err, RESQ_USAGE, "device '%.100s' is not known; allowed: auto, cpu, cuda", text);
}

/// The device of a level; of an unknown one, too, which is refused later.
static resq_device_kind device_of(const char *level) {
  const resq_level_row *row = resq_level_row_find(level);
  return row && row->kind == RESQ_LEVEL_GPU ? RESQ_DEVICE_CUDA : RESQ_DEVICE_CPU;
}

bool resq_choose(resq_choice *out, const char *device, const char *level, resq_error *err) {
  const bool level_given = level, device_given = device;
  if (!device)
    device = variable("RESQ_DEVICE");
  if (!level)
    level = variable("RESQ_LEVEL");
  *out = (resq_choice){RESQ_DEVICE_AUTO, level};
  if (device && !parse_device(device, &out->device, err))
    return false;
  if (!level)
    return true;
  const resq_device_kind of_level = device_of(level);
  if (out->device != RESQ_DEVICE_AUTO && out->device != of_level) {
    if (level_given == device_given)
      return resq_fail(err, RESQ_USAGE, "device '%s' does not run level '%.100s': give one of them",
                       device, level);
    if (device_given) {
      out->level = NULL;
      return true;
    }
  }
  out->device = of_level;
  return true;
}
