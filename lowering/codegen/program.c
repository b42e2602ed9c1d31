//===-- program.c - resq_program_v1 as LLVM constants ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Structures of resq/abi.h become unpacked LLVM structs of the same fields: natural alignment on both
// sides, so the layouts agree; tests/unit/program_test.c checks it through the C declarations. Entries
// come from lowerings as those very structures (lowering/entries/entry.h): numbers pass through.
//===----------------------------------------------------------------------===//
#include "program.h"

#include "dialect/attributes.h"
#include "dialect/memory.h"
#include "dialect/ops.h"
#include "dialect/text_buffer.h"
#include "kernels/kernels.h"
#include "lowering/entries/sites.h"
#include "resq/abi.h"

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct resq_program_builder {
  LLVMContextRef ctx;
  LLVMModuleRef module;
  LLVMTypeRef ptr, i32, i64, f64;
  struct list {
    LLVMValueRef *items;
    unsigned count;
  } entries, caches, params, sites, images, prepares;
  LLVMValueRef scheme;
  int64_t context_length;
};

static void push(struct list *l, LLVMValueRef v) {
  l->items = RESQ_GROW(l->items, l->count);
  l->items[l->count++] = v;
}

static LLVMValueRef const_i32(resq_program_builder *b, int64_t v) {
  return LLVMConstInt(b->i32, (unsigned long long)v, 1);
}
static LLVMValueRef const_i64(resq_program_builder *b, int64_t v) {
  return LLVMConstInt(b->i64, (unsigned long long)v, 1);
}

static LLVMValueRef global(resq_program_builder *b, LLVMTypeRef type, LLVMValueRef value) {
  LLVMValueRef g = LLVMAddGlobal(b->module, type, "");
  LLVMSetInitializer(g, value);
  LLVMSetGlobalConstant(g, 1);
  LLVMSetLinkage(g, LLVMPrivateLinkage);
  LLVMSetUnnamedAddress(g, LLVMGlobalUnnamedAddr); // by its content alone
  return g;
}

static LLVMValueRef const_text(resq_program_builder *b, const char *data, size_t length) {
  LLVMValueRef text = LLVMConstStringInContext2(b->ctx, data, length, 0);
  return global(b, LLVMTypeOf(text), text);
}

static LLVMValueRef const_str(resq_program_builder *b, MlirStringRef s) {
  return const_text(b, s.data ? s.data : "", s.length);
}

static LLVMValueRef const_c_str(resq_program_builder *b, const char *s) {
  return const_text(b, s, strlen(s));
}

/// A pointer to an array of the list's items; null when empty.
static LLVMValueRef const_list(resq_program_builder *b, LLVMTypeRef type, const struct list *l) {
  if (!l->count)
    return LLVMConstNull(b->ptr);
  LLVMValueRef array = LLVMConstArray2(type, l->items, l->count);
  return global(b, LLVMTypeOf(array), array);
}

static LLVMValueRef const_struct(resq_program_builder *b, LLVMValueRef *fields, unsigned n) {
  return LLVMConstStructInContext(b->ctx, fields, n, 0);
}

/// Element type of a list of structs: taken from the first, which all share.
static LLVMTypeRef list_type(resq_program_builder *b, const struct list *l) {
  return l->count ? LLVMTypeOf(l->items[0]) : b->ptr;
}

/// The last `window` keys are kept exactly; a row reads up to `buffer` of them (resq.td, qjl_groups).
static int64_t cache_rewind(MlirOperation op) {
  MlirAttribute keys = resqKvCacheOpGetKeys(op);
  return resqKvCodeAttrGetKind(keys) == RESQ_KV_QJL_GROUPS
             ? (int64_t)resqKvCodeAttrGetWindow(keys) - (int64_t)resqKvCodeAttrGetBuffer(keys)
             : -1;
}

static void add_cache(resq_program_builder *b, MlirOperation op) {
  int64_t elements = 2 * resqKvCacheOpGetHeads(op) * resqKvCacheOpGetHeadSize(op);
  int64_t bytes = resqKvCacheTokenBytes(op);
  double bits = (double)bytes * 8 / (double)elements;
  int64_t fixed = resqKvCacheSequenceBytes(op);
  LLVMValueRef fields[] = {const_str(b, resq_symbol_name(op)), const_i64(b, bytes),
                           const_i64(b, fixed), const_i64(b, cache_rewind(op)),
                           LLVMConstReal(b->f64, bits)};
  push(&b->caches, const_struct(b, fields, 5));
}

static void add_param(resq_program_builder *b, MlirOperation op) {
  MlirType type = resqParamOpGetType(op);
  resq_text_buffer text = {0};
  mlirTypePrint(type, resq_text_buffer_add, &text);
  int64_t elements = 1;
  for (intptr_t i = 0; i < mlirShapedTypeGetRank(type); i++)
    elements *= mlirShapedTypeGetDimSize(type, i);
  LLVMValueRef fields[] = {const_str(b, resq_symbol_name(op)),
                           const_text(b, resq_text_buffer_text(&text), text.size),
                           const_i64(b, resqParamOpGetOffset(op)),
                           const_i64(b, resqParamOpGetSize(op)), const_i64(b, elements)};
  push(&b->params, const_struct(b, fields, 5));
  resq_text_buffer_free(&text);
}

resq_program_builder *resq_program_begin(MlirOperation module, const char *scheme) {
  resq_program_builder *b = resq_new(1, sizeof *b);
  b->ctx = LLVMContextCreate();
  b->module = LLVMModuleCreateWithNameInContext("resq_program", b->ctx);
  b->ptr = LLVMPointerTypeInContext(b->ctx, 0);
  b->i32 = LLVMInt32TypeInContext(b->ctx);
  b->i64 = LLVMInt64TypeInContext(b->ctx);
  b->f64 = LLVMDoubleTypeInContext(b->ctx);
  b->scheme = const_text(b, scheme, strlen(scheme));
  b->context_length = resq_op_has(module, RESQ_ATTR_CONTEXT_LENGTH)
                          ? resq_op_i64(module, RESQ_ATTR_CONTEXT_LENGTH)
                          : 0;
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    if (resqOpIsKvCache(op))
      add_cache(b, op);
    else if (resqOpIsParam(op) && resqParamOpHasOffset(op))
      add_param(b, op);
  }
  int32_t n_sites;
  MlirStringRef *sites = resq_sites(module, &n_sites);
  for (int32_t i = 0; i < n_sites; i++)
    push(&b->sites, const_str(b, sites[i]));
  free(sites);
  return b;
}

//===-- Entries -----------------------------------------------------------===//

/// A list of `n` values that `make` builds from items[0], items[1], ...; null when empty.
typedef LLVMValueRef (*item_maker)(resq_program_builder *b, const void *items, int64_t i);

static LLVMValueRef const_items(resq_program_builder *b, const void *items, int64_t n,
                                item_maker make) {
  struct list all = {NULL, 0};
  for (int64_t i = 0; i < n; i++)
    push(&all, make(b, items, i));
  LLVMValueRef list = const_list(b, list_type(b, &all), &all);
  free(all.items);
  return list;
}

static LLVMValueRef const_rule(resq_program_builder *b, const void *items, int64_t i) {
  const resq_index_rule *rule = (const resq_index_rule *)items + i;
  LLVMValueRef fields[] = {const_i32(b, rule->kind), const_i32(b, rule->argument),
                           const_i64(b, rule->limit)};
  return const_struct(b, fields, sizeof fields / sizeof *fields);
}

static LLVMValueRef const_argument(resq_program_builder *b, const void *items, int64_t i) {
  const resq_arg *arg = (const resq_arg *)items + i;
  LLVMValueRef fields[] = {
      const_c_str(b, arg->name),    const_i32(b, arg->dtype),
      const_i32(b, arg->is_result), const_i64(b, arg->rows),
      const_i64(b, arg->width),     const_i32(b, arg->rows_as),
      const_i32(b, arg->n_rules),   const_items(b, arg->rules, arg->n_rules, const_rule)};
  return const_struct(b, fields, sizeof fields / sizeof *fields);
}

static LLVMValueRef const_use(resq_program_builder *b, const void *items, int64_t i) {
  const resq_cache_use *use = (const resq_cache_use *)items + i;
  LLVMValueRef fields[] = {const_i32(b, use->cache), const_i32(b, use->positions),
                           const_i32(b, use->sequences), const_i32(b, use->is_append)};
  return const_struct(b, fields, sizeof fields / sizeof *fields);
}

static LLVMValueRef const_name(resq_program_builder *b, const void *items, int64_t i) {
  return const_c_str(b, ((const char *const *)items)[i]);
}

//===-- GPU: launch lists of entries, and images --------------------------===//

static LLVMValueRef const_gpu_arg(resq_program_builder *b, const void *items, int64_t i) {
  const resq_gpu_arg *arg = (const resq_gpu_arg *)items + i;
  LLVMValueRef fields[] = {const_i32(b, arg->kind), const_i32(b, arg->index),
                           const_i64(b, arg->offset)};
  return const_struct(b, fields, sizeof fields / sizeof *fields);
}

static LLVMValueRef const_launch(resq_program_builder *b, const void *items, int64_t i) {
  const resq_gpu_launch *l = (const resq_gpu_launch *)items + i;
  LLVMValueRef fields[] = {
      const_i32(b, l->kind),
      const_i32(b, l->op),
      l->kernel ? const_c_str(b, l->kernel) : LLVMConstNull(b->ptr),
      const_i32(b, l->rows_of),
      const_i32(b, l->threads),
      const_i32(b, l->blocks_per_sm),
      const_i32(b, l->grid_y),
      const_i64(b, l->items_per_row),
      const_i64(b, l->items_per_block),
      const_i32(b, l->shared_bytes),
      const_i32(b, l->flags),
      const_i32(b, l->n_args),
      const_i32(b, l->site),
      const_items(b, l->args, l->n_args, const_gpu_arg),
      const_i64(b, l->bytes),
      const_i64(b, l->width),
      const_i64(b, l->ld),
  };
  return const_struct(b, fields, sizeof fields / sizeof *fields);
}

static LLVMValueRef const_launches(resq_program_builder *b, const void *items, int64_t i) {
  const resq_gpu_launches *list = (const resq_gpu_launches *)items + i;
  LLVMValueRef fields[] = {const_i32(b, list->n),
                           const_items(b, list->items, list->n, const_launch),
                           const_i64(b, list->workspace_bytes)};
  return const_struct(b, fields, sizeof fields / sizeof *fields);
}

/// Null for an entry of a CPU.
static LLVMValueRef const_gpu(resq_program_builder *b, const resq_gpu_code *gpu) {
  if (!gpu)
    return LLVMConstNull(b->ptr);
  LLVMValueRef fields[] = {const_items(b, gpu->launches, resq_n_gpu_targets, const_launches)};
  LLVMValueRef code = const_struct(b, fields, sizeof fields / sizeof *fields);
  return global(b, LLVMTypeOf(code), code);
}

static LLVMValueRef const_image(resq_program_builder *b, const resq_gpu_image *image,
                                LLVMValueRef prepare) {
  LLVMValueRef cubin = LLVMConstNull(b->ptr);
  if (image->cubin) {
    cubin = const_text(b, (const char *)image->cubin, image->cubin_size);
    LLVMSetAlignment(cubin, RESQ_ALIGNMENT); // an ELF file
  }
  LLVMValueRef fields[] = {const_c_str(b, image->chip),
                           const_i32(b, image->capability),
                           const_i32(b, image->exact),
                           const_c_str(b, image->ptx),
                           cubin,
                           const_i64(b, (int64_t)image->cubin_size),
                           prepare,
                           const_i64(b, image->prepared_bytes)};
  return const_struct(b, fields, sizeof fields / sizeof *fields);
}

void resq_program_add_prepare(resq_program_builder *b, const resq_gpu_launches *launches) {
  push(&b->prepares, const_launches(b, launches, 0));
}

void resq_program_add_image(resq_program_builder *b, const resq_gpu_image *image) {
  assert(b->images.count < b->prepares.count); // level cuda was lowered before its images are made
  push(&b->images, const_image(b, image, b->prepares.items[b->images.count]));
}

//===-- The table ---------------------------------------------------------===//

/// The function that a CPU entry's object defines; null for an entry of a GPU.
static LLVMValueRef declare_run(resq_program_builder *b, const resq_lowered_entry *e) {
  if (e->row.gpu)
    return LLVMConstNull(b->ptr);
  LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(b->ctx), &b->ptr, 1, 0);
  LLVMValueRef run = LLVMAddFunction(b->module, e->symbol, type);
  LLVMSetVisibility(run, LLVMHiddenVisibility);
  return run;
}

void resq_program_add_entries(resq_program_builder *b, const resq_entries *entries) {
  for (int i = 0; i < entries->count; i++) {
    const resq_entry *row = &entries->items[i].row;
    LLVMValueRef fields[] = {const_c_str(b, row->function),
                             const_c_str(b, row->level),
                             declare_run(b, &entries->items[i]),
                             const_i64(b, row->max_rows),
                             const_i64(b, row->workspace_bytes),
                             const_i32(b, row->n_args),
                             const_i32(b, row->n_ops),
                             const_items(b, row->args, row->n_args, const_argument),
                             const_items(b, row->op_names, row->n_ops, const_name),
                             const_gpu(b, row->gpu),
                             const_items(b, row->uses, row->n_uses, const_use),
                             const_i64(b, row->n_uses)};
    push(&b->entries, const_struct(b, fields, sizeof fields / sizeof *fields));
  }
}

/// Makes one constant of equal ones.
static bool merge_equal(resq_program_builder *b, resq_error *err) {
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  LLVMErrorRef failed = LLVMRunPasses(b->module, "constmerge", NULL, options);
  LLVMDisposePassBuilderOptions(options);
  if (!failed)
    return true;
  char *message = LLVMGetErrorMessage(failed);
  resq_fail(err, RESQ_FAILED, "the program table: %s", message);
  LLVMDisposeErrorMessage(message);
  return false;
}

bool resq_program_emit(resq_program_builder *b, const resq_level *level, const char *name,
                       resq_bytes *out, resq_error *err) {
  LLVMValueRef fields[] = {const_i32(b, RESQ_ABI_VERSION),
                           const_i32(b, b->entries.count),
                           const_i32(b, b->caches.count),
                           const_i32(b, b->params.count),
                           const_i32(b, b->sites.count),
                           const_list(b, list_type(b, &b->entries), &b->entries),
                           const_list(b, list_type(b, &b->caches), &b->caches),
                           const_list(b, list_type(b, &b->params), &b->params),
                           const_list(b, b->ptr, &b->sites),
                           b->scheme,
                           const_i64(b, b->context_length),
                           const_i32(b, b->images.count),
                           const_list(b, list_type(b, &b->images), &b->images)};
  LLVMValueRef program = const_struct(b, fields, sizeof fields / sizeof *fields);
  LLVMValueRef g = LLVMAddGlobal(b->module, LLVMTypeOf(program), "resq_program_v1");
  LLVMSetInitializer(g, program);
  LLVMSetGlobalConstant(g, 1);
  if (name)
    LLVMAddAlias2(b->module, LLVMTypeOf(program), 0, g, name);
  // Launches of layers, sizes of calls and chips have most names and arguments in common.
  return merge_equal(b, err) && resq_object_from_llvm(b->module, level, out, err);
}

void resq_program_free(resq_program_builder *b) {
  if (!b)
    return;
  free(b->entries.items);
  free(b->caches.items);
  free(b->params.items);
  free(b->sites.items);
  free(b->images.items);
  free(b->prepares.items);
  LLVMDisposeModule(b->module);
  LLVMContextDispose(b->ctx);
  free(b);
}
