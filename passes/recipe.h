//===-- recipe.h - editing what parameters are made of --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes rewrite symbols, never numbers: to fold something into a weight they append
// an op to the recipe of its param. These helpers keep the one rule of that: a param
// read by others too is cloned before its recipe changes.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_RECIPE_H
#define RESQ_PASSES_RECIPE_H

#include "dialect/ops.h"

/// The param behind operand `index` of op; null unless it is a plain resq.get of a param with a
/// recipe.
MlirOperation resq_operand_param(MlirOperation module, MlirOperation op, intptr_t index);

/// The param behind operand `index` of op, made op's own: when anything else reads it too, it is
/// cloned under "<name>_<suffix>" (made fresh) and op reads the clone. Null (no error emitted) when
/// there is no such param.
MlirOperation resq_own_param(MlirOperation module, MlirOperation op, intptr_t index,
                             const char *suffix);

/// The same for `count` ops that read one param as operand `index`, and may go on sharing it.
MlirOperation resq_own_shared_param(MlirOperation module, intptr_t count, const MlirOperation *ops,
                                    intptr_t index, const char *suffix);

/// The one resq.embed whose table is this param; null when there is none, or several.
MlirOperation resq_embed_of(MlirOperation module, MlirOperation param);

/// A copy of param behind it, named `base` (made fresh).
MlirOperation resq_clone_param(MlirOperation module, MlirOperation param, const char *base);

/// Makes operand `index` of op, a resq.get, read `param`; a get that nothing else reads goes.
void resq_read_param(MlirOperation op, intptr_t index, MlirOperation param);

/// True when another param's recipe reads this one: its type must not change then.
bool resq_read_by_recipes(MlirOperation module, MlirOperation param);

/// Appends to param's recipe: value in, new value out, through `edit`. The new value's type becomes
/// the param's type, and that of every resq.get of it.
typedef MlirValue (*resq_recipe_edit)(const resq_builder *b, MlirValue value, void *user);
void resq_edit_recipe(MlirOperation module, MlirOperation param, resq_recipe_edit edit, void *user);

/// A new param before `anchor` (a module-level op) named base (made fresh), its recipe built by
/// `make`.
typedef MlirValue (*resq_recipe_make)(const resq_builder *b, void *user);
MlirOperation resq_new_param(MlirOperation module, MlirOperation anchor, const char *base,
                             resq_recipe_make make, void *user);

/// Where a param that reads `param` stands best: the op behind it; params are evaluated in order, and
/// what is shared is kept until its last reader.
MlirOperation resq_behind_param(MlirOperation module, MlirOperation param);

/// The first func.func of the module, before which new params stand; null when there is none.
MlirOperation resq_first_function(MlirOperation module);

/// The param's symbol and type.
MlirStringRef resq_param_name(MlirOperation param);
MlirType resq_param_type(MlirOperation param);
/// resq.get of a param at b.
MlirValue resq_get_param(const resq_builder *b, MlirOperation param);

//===-- Small shapes of recipes -------------------------------------------===//
MlirValue resq_make_transpose(const resq_builder *b, MlirValue x);
MlirValue resq_make_matmul(const resq_builder *b, MlirValue a, MlirValue b2);
/// y_j = x_j M (or M^T) over blocks of the last dimension: resq.rotate.
MlirValue resq_make_rotate(const resq_builder *b, MlirValue x, MlirValue matrix, bool transposed);
/// The same where pair says that the matrix is one of two (docs/dialect.md).
MlirValue resq_make_rotate_pair(const resq_builder *b, MlirValue x, MlirValue matrix,
                                bool transposed, bool pair);
MlirValue resq_make_hadamard(const resq_builder *b, MlirValue x, int64_t size, bool transposed);
/// y[.., i] = x[.., order[i]], order a param of i32: resq.permute.
MlirValue resq_make_permute_by(const resq_builder *b, MlirValue x, MlirValue order);

/// rms_norm loses its gain, and the function the get of it where nothing else reads that.
void resq_drop_gain(MlirOperation norm);

//===-- Uses --------------------------------------------------------------===//
bool resq_has_one_use(MlirValue v);
bool resq_is_used(MlirValue v);
/// Users of v in program order (each once per use), malloc'ed.
MlirOperation *resq_users(MlirValue v, intptr_t *out_count);
/// Every reader of v reads w instead.
void resq_replace_uses(MlirValue v, MlirValue w);
/// Erases op, then its operands' defining resq.get ops and other Pure resq ops that nothing reads
/// any more.
void resq_erase_dead(MlirOperation op);

#endif // RESQ_PASSES_RECIPE_H
