//===-- channels.c --------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/channels.h"

#include "dialect/memory.h"
#include "passes/sites.h"

#include <stdlib.h>

int64_t resq_channel_high_least(int64_t width) { return width / 10 + (width % 10 != 0); }
int64_t resq_channel_high_most(int64_t width) { return width / 6; }

int64_t resq_channel_high(int64_t width) {
  int64_t best = 0, best_order = 0;
  for (int64_t high = resq_channel_high_least(width); high <= resq_channel_high_most(width);
       high++) {
    int64_t order = resqHadamardOrder(width - high);
    if (order && (!best || order < best_order)) {
      best = high;
      best_order = order;
    }
  }
  return best;
}

static MlirValue make_order(const resq_builder *b, void *user) {
  const MlirOperation *linear = user;
  const int64_t width = resq_width(resqLinearOpGetX(*linear)), square[] = {width, width};
  MlirValue moment = resqMomentOpBuild(b, resqLinearOpGetSite(*linear),
                                       resq_tensor(mlirF64TypeGet(b->ctx), 2, square));
  MlirType order = resq_tensor(mlirIntegerTypeGet(b->ctx, 32), 1, square);
  return resqDiagonalOrderOpBuild(b, moment, order);
}

MlirOperation resq_channel_order_param(MlirOperation module, MlirOperation anchor,
                                       MlirOperation linear) {
  const MlirStringRef of = resq_input_name(linear);
  char *name = resq_print_text("%.*s.order", (int)of.length, of.data);
  MlirOperation param = resq_new_param(module, anchor, name, make_order, &linear);
  free(name);
  return param;
}
