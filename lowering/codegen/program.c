//===-- program.c - resq_program_v1 as LLVM constants ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Structures are unpacked LLVM structs of the same fields as resq/abi.h: natural alignment on both
// sides, so the layouts agree; tests/unit/program_test.c checks it through the C declarations.
//===----------------------------------------------------------------------===//
#include "program.h"

#include "dialect/build.h"
#include "dialect/memory.h"
#include "dialect/text_buffer.h"
#include "kernels/kernels.h"
#include "lowering/calls/function_facts.h"
#include "lowering/gpu/launch.h"
#include "resq/abi.h"

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>

#include <stdlib.h>
#include <string.h>

struct resq_program_builder {
  LLVMContextRef ctx;
  LLVMModuleRef module;
  LLVMTypeRef ptr, i32, i64, f64;
  struct list {
    LLVMValueRef *items;
    unsigned count;
  } entries, caches, params, sites;
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
  return g;
}

static LLVMValueRef const_text(resq_program_builder *b, const char *data, size_t length) {
  LLVMValueRef text = LLVMConstStringInContext2(b->ctx, data, length, 0);
  return global(b, LLVMTypeOf(text), text);
}

static LLVMValueRef const_str(resq_program_builder *b, MlirStringRef s) {
  return const_text(b, s.data ? s.data : "", s.length);
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
  MlirAttribute keys = resq_op_attr(op, "keys");
  return resqKvCodeAttrGetKind(keys) == RESQ_KV_QJL_GROUPS
             ? (int64_t)resqKvCodeAttrGetWindow(keys) - (int64_t)resqKvCodeAttrGetBuffer(keys)
             : -1;
}

static void add_cache(resq_program_builder *b, MlirOperation op) {
  int64_t elements = 2 * resq_op_i64(op, "heads") * resq_op_i64(op, "head_size");
  int64_t bytes = resqKvCacheTokenBytes(op);
  double bits = (double)bytes * 8 / (double)elements;
  int64_t fixed = resqKvCacheSequenceBytes(op);
  LLVMValueRef fields[] = {const_str(b, resq_op_str(op, "sym_name")), const_i64(b, bytes),
                           const_i64(b, fixed), const_i64(b, cache_rewind(op)),
                           LLVMConstReal(b->f64, bits)};
  push(&b->caches, const_struct(b, fields, 5));
}

static void add_param(resq_program_builder *b, MlirOperation op) {
  MlirType type = mlirTypeAttrGetValue(resq_op_attr(op, "type"));
  resq_text_buffer text = {0};
  mlirTypePrint(type, resq_text_buffer_add, &text);
  int64_t elements = 1;
  for (intptr_t i = 0; i < mlirShapedTypeGetRank(type); i++)
    elements *= mlirShapedTypeGetDimSize(type, i);
  LLVMValueRef fields[] = {const_str(b, resq_op_str(op, "sym_name")),
                           const_text(b, resq_text_buffer_text(&text), text.size),
                           const_i64(b, resq_op_i64(op, "offset")),
                           const_i64(b, resq_op_i64(op, "size")), const_i64(b, elements)};
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
  b->context_length =
      resq_op_has(module, "resq.context_length") ? resq_op_i64(module, "resq.context_length") : 0;
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    if (resq_op_is(op, "resq.kv_cache"))
      add_cache(b, op);
    else if (resq_op_is(op, "resq.param") && resq_op_has(op, "offset"))
      add_param(b, op);
  }
  int32_t n_sites;
  MlirStringRef *sites = resq_sites(module, &n_sites);
  for (int32_t i = 0; i < n_sites; i++)
    push(&b->sites, const_str(b, sites[i]));
  free(sites);
  return b;
}

//===-- Arguments ---------------------------------------------------------===//

static MlirAttribute field(MlirAttribute dict, const char *name) {
  return mlirDictionaryAttrGetElementByName(dict, resq_str(name));
}
static int64_t field_i64(MlirAttribute dict, const char *name) {
  return mlirIntegerAttrGetValueInt(field(dict, name));
}

/// Numbers n at a time, each n a struct that `make` builds.
static LLVMValueRef const_tuples(resq_program_builder *b, MlirAttribute numbers, intptr_t n,
                                 unsigned *out_count,
                                 LLVMValueRef (*make)(resq_program_builder *, const int64_t *)) {
  struct list all = {NULL, 0};
  int64_t tuple[4];
  for (intptr_t i = 0; i < mlirDenseArrayGetNumElements(numbers); i++) {
    tuple[i % n] = mlirDenseI64ArrayGetElement(numbers, i);
    if (i % n == n - 1)
      push(&all, make(b, tuple));
  }
  LLVMValueRef list = const_list(b, list_type(b, &all), &all);
  *out_count = all.count;
  free(all.items);
  return list;
}

static LLVMValueRef const_rule(resq_program_builder *b, const int64_t *rule) {
  LLVMValueRef fields[] = {const_i32(b, rule[0]), const_i32(b, rule[1]), const_i64(b, rule[2])};
  return const_struct(b, fields, 3);
}

static LLVMValueRef const_use(resq_program_builder *b, const int64_t *use) {
  LLVMValueRef fields[] = {const_i32(b, use[0]), const_i32(b, use[1]), const_i32(b, use[2]),
                           const_i32(b, use[3])};
  return const_struct(b, fields, 4);
}

static LLVMValueRef const_argument(resq_program_builder *b, MlirAttribute arg) {
  unsigned n_rules;
  LLVMValueRef rules = const_tuples(b, field(arg, "rules"), 3, &n_rules, const_rule);
  LLVMValueRef fields[] = {const_str(b, mlirStringAttrGetValue(field(arg, "name"))),
                           const_i32(b, field_i64(arg, "dtype")),
                           const_i32(b, mlirBoolAttrGetValue(field(arg, "is_result"))),
                           const_i64(b, field_i64(arg, "rows")),
                           const_i64(b, field_i64(arg, "width")),
                           const_i32(b, field_i64(arg, "rows_as")),
                           const_i32(b, n_rules),
                           rules};
  return const_struct(b, fields, sizeof fields / sizeof *fields);
}

//===-- GPU entries -------------------------------------------------------===//

/// ["argument", 0, 0]
static LLVMValueRef const_gpu_arg(resq_program_builder *b, MlirAttribute arg) {
  MlirStringRef word = mlirStringAttrGetValue(mlirArrayAttrGetElement(arg, 0));
  int kind = 0;
  while (gpu_arg_words[kind] && !resq_str_eq(word, gpu_arg_words[kind]))
    kind++;
  LLVMValueRef fields[] = {
      const_i32(b, kind), const_i32(b, mlirIntegerAttrGetValueInt(mlirArrayAttrGetElement(arg, 1))),
      const_i64(b, mlirIntegerAttrGetValueInt(mlirArrayAttrGetElement(arg, 2)))};
  return const_struct(b, fields, 3);
}

static LLVMValueRef const_launch(resq_program_builder *b, MlirAttribute launch, int64_t op) {
  struct list args = {NULL, 0};
  MlirAttribute all = field(launch, "args");
  for (intptr_t i = 0; i < mlirArrayAttrGetNumElements(all); i++)
    push(&args, const_gpu_arg(b, mlirArrayAttrGetElement(all, i)));
  LLVMValueRef fields[] = {const_str(b, mlirStringAttrGetValue(field(launch, "kernel"))),
                           const_i32(b, op),
                           const_i32(b, field_i64(launch, "rows_of")),
                           const_i32(b, field_i64(launch, "rows_per_block")),
                           const_i32(b, field_i64(launch, "grid_y")),
                           const_i32(b, field_i64(launch, "grid_z")),
                           const_i32(b, field_i64(launch, "threads")),
                           const_i32(b, field_i64(launch, "shared")),
                           const_i32(b, args.count),
                           const_list(b, list_type(b, &args), &args)};
  free(args.items);
  return const_struct(b, fields, sizeof fields / sizeof *fields);
}

/// resq_gpu_code of a gpu.module; null for any other op.
static LLVMValueRef const_gpu(resq_program_builder *b, MlirOperation op) {
  if (!resq_op_is(op, "gpu.module"))
    return LLVMConstNull(b->ptr);
  struct list images = {NULL, 0}, launches = {NULL, 0};
  MlirAttribute all = resq_op_attr(op, "resq.images");
  for (intptr_t i = 0; i < mlirArrayAttrGetNumElements(all); i++) {
    MlirAttribute image = mlirArrayAttrGetElement(all, i);
    LLVMValueRef fields[] = {const_str(b, mlirStringAttrGetValue(field(image, "chip"))),
                             const_i32(b, field_i64(image, "capability")),
                             const_i32(b, mlirBoolAttrGetValue(field(image, "exact"))),
                             const_str(b, mlirStringAttrGetValue(field(image, "ptx")))};
    push(&images, const_struct(b, fields, 4));
  }
  all = resq_op_attr(op, "resq.launches");
  for (intptr_t i = 0; i < mlirArrayAttrGetNumElements(all); i++)
    push(&launches, const_launch(b, mlirArrayAttrGetElement(all, i), i));
  LLVMValueRef fields[] = {const_i32(b, images.count), const_i32(b, launches.count),
                           const_list(b, list_type(b, &images), &images),
                           const_list(b, list_type(b, &launches), &launches)};
  LLVMValueRef code = const_struct(b, fields, 4);
  free(images.items);
  free(launches.items);
  return global(b, LLVMTypeOf(code), code);
}

//===-- Entries -----------------------------------------------------------===//

/// The function that a CPU entry's object defines.
static LLVMValueRef declare_run(resq_program_builder *b, MlirOperation func) {
  if (resq_op_is(func, "gpu.module"))
    return LLVMConstNull(b->ptr);
  MlirStringRef symbol = resq_op_str(func, "sym_name");
  char *name = resq_copy_part(symbol.data, symbol.length);
  LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(b->ctx), &b->ptr, 1, 0);
  LLVMValueRef run = LLVMAddFunction(b->module, name, type);
  LLVMSetVisibility(run, LLVMHiddenVisibility);
  free(name);
  return run;
}

static void add_entry(resq_program_builder *b, MlirOperation func) {
  struct list args = {NULL, 0}, names = {NULL, 0};
  MlirAttribute arg_attrs = resq_op_attr(func, "resq.args");
  for (intptr_t i = 0; i < mlirArrayAttrGetNumElements(arg_attrs); i++)
    push(&args, const_argument(b, mlirArrayAttrGetElement(arg_attrs, i)));
  MlirAttribute op_names = resq_op_attr(func, "resq.op_names");
  for (intptr_t i = 0; i < mlirArrayAttrGetNumElements(op_names); i++)
    push(&names, const_str(b, mlirStringAttrGetValue(mlirArrayAttrGetElement(op_names, i))));

  unsigned n_uses;
  LLVMValueRef uses = const_tuples(b, resq_op_attr(func, "resq.uses"), 4, &n_uses, const_use);
  LLVMValueRef fields[] = {const_str(b, resq_op_str(func, "resq.function")),
                           const_str(b, resq_op_str(func, "resq.level")),
                           declare_run(b, func),
                           const_i64(b, resq_op_i64(func, "resq.max_rows")),
                           const_i64(b, resq_op_i64(func, "resq.workspace")),
                           const_i32(b, args.count),
                           const_i32(b, names.count),
                           const_list(b, list_type(b, &args), &args),
                           const_list(b, b->ptr, &names),
                           const_gpu(b, func),
                           uses,
                           const_i64(b, n_uses)};
  push(&b->entries, const_struct(b, fields, sizeof fields / sizeof *fields));
  free(args.items);
  free(names.items);
}

void resq_program_add_entries(resq_program_builder *b, MlirOperation lowered) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(lowered));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_op_has(op, "resq.function"))
      add_entry(b, op);
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
                           const_i64(b, b->context_length)};
  LLVMValueRef program = const_struct(b, fields, sizeof fields / sizeof *fields);
  LLVMValueRef g = LLVMAddGlobal(b->module, LLVMTypeOf(program), "resq_program_v1");
  LLVMSetInitializer(g, program);
  LLVMSetGlobalConstant(g, 1);
  if (name)
    LLVMAddAlias2(b->module, LLVMTypeOf(program), 0, g, name);
  return resq_object_from_llvm(b->module, level, out, err);
}

void resq_program_free(resq_program_builder *b) {
  if (!b)
    return;
  free(b->entries.items);
  free(b->caches.items);
  free(b->params.items);
  free(b->sites.items);
  LLVMDisposeModule(b->module);
  LLVMContextDispose(b->ctx);
  free(b);
}
