//===-- chat_filters.h - the filters, file by file ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text: the table is in chat_filters.c.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_CHAT_FILTERS_H
#define RESQ_TEXT_CHAT_FILTERS_H

#include "text/chat_syntax.h"

/// A filter of v; `b` are its arguments by their parameters, NULL for those not given.
#define CHAT_FILTER_FUNCTION(name)                                                                 \
  chat_value name(chat_context *c, chat_value v, const chat_arguments *args,                       \
                  const chat_value *const *b)

/// The argument as a truth, an int (fails for others) or a fallback where it is not given.
bool chat_flag(const chat_value *argument);
int64_t chat_whole(chat_context *c, const char *what, const chat_value *argument, int64_t fallback);
static inline bool chat_is_given(const chat_value *v) { return v && v->kind != CHAT_NONE; }

// chat_filters_text.c
CHAT_FILTER_FUNCTION(chat_filter_trim);
CHAT_FILTER_FUNCTION(chat_filter_upper);
CHAT_FILTER_FUNCTION(chat_filter_lower);
CHAT_FILTER_FUNCTION(chat_filter_capitalize);
CHAT_FILTER_FUNCTION(chat_filter_title);
CHAT_FILTER_FUNCTION(chat_filter_replace);
CHAT_FILTER_FUNCTION(chat_filter_string);
CHAT_FILTER_FUNCTION(chat_filter_safe);
CHAT_FILTER_FUNCTION(chat_filter_tojson);
CHAT_FILTER_FUNCTION(chat_filter_join);
CHAT_FILTER_FUNCTION(chat_filter_indent);
CHAT_FILTER_FUNCTION(chat_filter_center);
CHAT_FILTER_FUNCTION(chat_filter_truncate);
CHAT_FILTER_FUNCTION(chat_filter_wordcount);
CHAT_FILTER_FUNCTION(chat_filter_format);
// chat_filters_number.c
CHAT_FILTER_FUNCTION(chat_filter_int);
CHAT_FILTER_FUNCTION(chat_filter_float);
CHAT_FILTER_FUNCTION(chat_filter_abs);
CHAT_FILTER_FUNCTION(chat_filter_round);
// chat_filters_list.c
CHAT_FILTER_FUNCTION(chat_filter_length);
CHAT_FILTER_FUNCTION(chat_filter_default);
CHAT_FILTER_FUNCTION(chat_filter_list);
CHAT_FILTER_FUNCTION(chat_filter_first);
CHAT_FILTER_FUNCTION(chat_filter_last);
CHAT_FILTER_FUNCTION(chat_filter_reverse);
CHAT_FILTER_FUNCTION(chat_filter_items);
CHAT_FILTER_FUNCTION(chat_filter_sum);
CHAT_FILTER_FUNCTION(chat_filter_min);
CHAT_FILTER_FUNCTION(chat_filter_max);
CHAT_FILTER_FUNCTION(chat_filter_sort);
CHAT_FILTER_FUNCTION(chat_filter_dictsort);
CHAT_FILTER_FUNCTION(chat_filter_groupby);
// chat_filters_lazy.c
CHAT_FILTER_FUNCTION(chat_filter_map);
CHAT_FILTER_FUNCTION(chat_filter_select);
CHAT_FILTER_FUNCTION(chat_filter_reject);
CHAT_FILTER_FUNCTION(chat_filter_selectattr);
CHAT_FILTER_FUNCTION(chat_filter_rejectattr);
CHAT_FILTER_FUNCTION(chat_filter_unique);
CHAT_FILTER_FUNCTION(chat_filter_batch);
CHAT_FILTER_FUNCTION(chat_filter_slice);

/// What items are sorted and compared by: an attribute (NULL: the item), its case folded.
chat_value chat_key(chat_context *c, chat_value item, const chat_value *attribute,
                    const chat_value *fallback, bool fold);

#endif // RESQ_TEXT_CHAT_FILTERS_H
