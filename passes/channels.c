//===-- channels.c --------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/channels.h"

#include <stdio.h>
#include <string.h>

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

typedef struct channels {
  const char *site;
  int64_t width;
} channels;

static MlirValue make_order(const resq_builder *b, void *user) {
  const channels *c = user;
  int64_t square[] = {c->width, c->width};
  MlirValue moment =
      resqMomentOpBuild(b, resq_str(c->site), resq_tensor(mlirF64TypeGet(b->ctx), 2, square));
  MlirType order = resq_tensor(mlirIntegerTypeGet(b->ctx, 32), 1, square);
  return resqDiagonalOrderOpBuild(b, moment, order);
}

MlirOperation resq_channel_order_param(MlirOperation module, MlirOperation anchor, const char *site,
                                       int64_t width) {
  channels c = {site, width};
  char name[256];
  int linear = (int)(strlen(site) - strlen(".in"));
  snprintf(name, sizeof name, "%.*s.order", linear, site);
  return resq_new_param(module, anchor, name, make_order, &c);
}
