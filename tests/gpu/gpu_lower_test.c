// LINK: compiler
//===-- gpu_lower_test.c - PTX for every chip is assembled by ptxas -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// And the program table of a compiled library holds what the runtime checks. ptxas: $PTXAS, or
// that of /usr/local/cuda; without one its part is skipped.
//===----------------------------------------------------------------------===//
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/build.h"
#include "exec/cuda_check.h"
#include "kernels/nvptx/plans.h"
#include "lowering/driver/compile.h"
#include "lowering/gpu/lower_gpu.h"
#include "lowering/codegen/ptx.h"
#include "resq/session.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE RESQ_SOURCE_DIR "/tests/gpu/probe.mlir"

/// Rows that are no multiple of a block's, widths that are none of a step's or a tile's, and a
/// bias.
static const char odd_shapes[] =
    "resq.param @w : tensor<37x50x!resq.panel<f32>> attributes {offset = 0 : i64, size = 9600 : "
    "i64}\n"
    "resq.param @b : tensor<37xf32> attributes {offset = 9600 : i64, size = 148 : i64}\n"
    "func.func @odd(%x: tensor<?x50xf32>) -> tensor<?x37xf32> {\n"
    "  %w = resq.get @w : tensor<37x50x!resq.panel<f32>>\n"
    "  %b = resq.get @b : tensor<37xf32>\n"
    "  %n = resq.rms_norm %x {eps = 1.0e-6 : f32} : tensor<?x50xf32> -> tensor<?x50xf32>\n"
    "  %y = resq.linear %n, %w bias %b : tensor<37xf32> : tensor<?x50xf32>, "
    "tensor<37x50x!resq.panel<f32>> -> "
    "tensor<?x37xf32>\n"
    "  return %y : tensor<?x37xf32>\n"
    "}\n";

static void assemble(const char *ptxas, const char *chip, const resq_bytes *ptx) {
  char path[] = "/tmp/resq_ptx_XXXXXX", command[512];
  int fd = mkstemp(path);
  assert_int_equal(write(fd, ptx->data, ptx->size), (ssize_t)ptx->size);
  close(fd);
  // -v tells of registers that went to memory.
  snprintf(command, sizeof command, "%s -v --warning-as-error -arch=%s %s -o /dev/null 2>&1", ptxas,
           chip, path);
  FILE *f = popen(command, "r");
  char said[4096];
  size_t n = fread(said, 1, sizeof said - 1, f);
  said[n] = 0;
  int status = pclose(f);
  unlink(path);
  if (status)
    fail_msg("%s", said);
  for (const char *at = said; (at = strstr(at, "bytes spill stores")); at++)
    if (strncmp(at - 3, " 0 bytes spill stores, 0 bytes spill loads", 42))
      fail_msg("%s", said);
}

/// NULL where there is none.
static const char *find_ptxas(void) {
  const char *given = getenv("PTXAS"), *ptxas = given ? given : "/usr/local/cuda/bin/ptxas";
  return access(ptxas, X_OK) ? NULL : ptxas;
}

static void ptx_assembles(void **state) {
  (void)state;
  const char *ptxas = find_ptxas();
  if (!ptxas) {
    print_message("skipped: there is no ptxas (PTXAS names one)\n");
    skip();
  }
  MlirContext ctx = resqContextCreate();
  for (int i = 0; i < resq_n_gpu_targets; i++) {
    MlirModule module = mlirModuleCreateParse(ctx, resq_str(odd_shapes));
    assert_false(mlirModuleIsNull(module));
    resq_entries entries = {0};
    MlirOperation root = mlirModuleGetOperation(module);
    const resq_gpu_lowering how = {.chip = &resq_gpu_targets[i]};
    assert_true(resq_lower_gpu(root, &how, 5, &entries));
    resq_object_source source;
    resq_bytes ptx;
    resq_error err;
    if (!resq_gpu_translate(&root, 1, &resq_gpu_targets[i], &source, &err) ||
        !resq_object_compile(&source, RESQ_OBJECT_ASSEMBLY, &ptx, &err))
      fail_msg("%s", err.message);
    char target[32];
    snprintf(target, sizeof target, ".target %s\n", resq_gpu_targets[i].target.name);
    assert_non_null(strstr((char *)ptx.data, target));
    assemble(ptxas, resq_gpu_targets[i].target.name, &ptx);
    resq_bytes_free(&ptx);
    resq_entries_free(&entries);
    mlirModuleDestroy(module);
  }
  mlirContextDestroy(ctx);
}

static void table_holds_launches(void **state) {
  (void)state;
  char path[] = "/tmp/resq_gpu_XXXXXX", header[64];
  close(mkstemp(path));
  resq_error err;
  resq_compile_options options = {.input = PROBE,
                                  .output = path,
                                  .scheme = "none",
                                  .emit = RESQ_EMIT_SHARED,
                                  .levels = "generic,cuda",
                                  .decode_rows = 4,
                                  .prefill_rows = 48,
                                  .gpu_rows = {4, 48},
                                  .ptxas = find_ptxas(),
                                  .threads = 1};
  if (!resq_compile(&options, &err))
    fail_msg("%s", err.message);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const resq_program *p = library ? dlsym(library, "resq_program_v1") : NULL;
  assert_non_null(p);
  assert_int_equal(p->n_entries, 4);
  assert_true(resq_cuda_check_program(p, &err));
  assert_int_equal(p->n_gpu_images, resq_n_gpu_targets);
  for (int j = 0; j < resq_n_gpu_targets; j++) {
    assert_string_equal(p->gpu_images[j].chip, resq_gpu_targets[j].target.name);
    assert_int_equal(p->gpu_images[j].capability, resq_gpu_targets[j].capability);
    assert_int_equal(p->gpu_images[j].exact, resq_gpu_targets[j].exact);
    const resq_gpu_image *image = &p->gpu_images[j];
    assert_int_equal(image->cubin != NULL, options.ptxas != NULL);
    if (image->cubin)
      assert_true(image->cubin_size > 64 && !memcmp(image->cubin, "\177ELF", 4));
    assert_int_equal(p->gpu_images[j].prepare.n, 0);
  }
  for (int i = 0; i < 4; i++) {
    const resq_entry *e = &p->entries[i];
    assert_true(!e->gpu != !e->run);
    assert_int_equal(e->gpu != NULL, !strcmp(e->level, "cuda"));
    if (!e->gpu)
      continue;
    for (int j = 0; j < resq_n_gpu_targets; j++) {
      assert_int_equal(e->gpu->launches[j].n, 2);
      const resq_gpu_launch *l = &e->gpu->launches[j].items[1];
      assert_non_null(strstr(p->gpu_images[j].ptx, l->kernel));
      assert_string_equal(e->op_names[l->op], "linear: linear_f32");
      const resq_linear_f32_shape shape = {576, 1536, 1536, 576};
      const resq_gpu_plan plan = resq_linear_f32_plan(
          &shape,
          (resq_gpu_setting){.max_rows = e->max_rows, .capability = p->gpu_images[j].capability});
      assert_int_equal(l->items_per_row, plan.items_per_row);
      assert_int_equal(l->items_per_block, plan.items_per_block);
      assert_int_equal(l->blocks_per_sm, plan.blocks_per_sm);
      assert_int_equal(l->shared_bytes, plan.shared_bytes);
      assert_int_equal(l->threads, 256);
      assert_int_equal(l->n_args, 4);
      assert_int_equal(l->args[1].kind, RESQ_GPU_PARAM);
      assert_int_equal(l->args[2].kind, RESQ_GPU_ARGUMENT);
      assert_int_equal(l->args[2].index, 1);
      assert_int_equal(l->args[3].kind, RESQ_GPU_ROWS);
    }
  }
  dlclose(library);
  unlink(path);
  snprintf(header, sizeof header, "%s.h", path);
  unlink(header);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(ptx_assembles),
                                     cmocka_unit_test(table_holds_launches)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
