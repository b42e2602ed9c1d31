//===-- markup.h - text of a page -----------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A page grows in memory. Whatever comes from outside (names, paths, pipelines) goes through
// resq_markup_text; formats are ours. Every element is closed, so that a page is XML, too.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_REPORT_MARKUP_H
#define RESQ_LOWERING_REPORT_MARKUP_H

#include "dialect/text_buffer.h"

#include <stdint.h>

/// A page, all zero at the start.
typedef resq_text_buffer resq_markup;

/// printf of markup. Numbers only: no text from outside as %s.
void resq_markup_format(resq_markup *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/// Text as it is read: <, >, &, quotes as entities, control characters and broken UTF-8 as U+FFFD.
void resq_markup_text(resq_markup *m, const char *text);

/// A column of a table: its heading, markup, over numbers, or over text, which stands left.
typedef struct resq_column {
  const char *heading;
  bool is_text;
} resq_column;

/// Begins a table of `n` columns, up to its first row; a wide one scrolls by itself.
void resq_markup_table_begin(resq_markup *m, bool wide, const resq_column *columns, int n);
void resq_markup_table_end(resq_markup *m, bool wide);

/// A number for people: "12.3"; "–" for NaN, "∞" for infinity.
void resq_markup_number(resq_markup *m, double x, int digits);
/// The same to about three digits: "3.4", "142", "14,685".
void resq_markup_ratio(resq_markup *m, double x);
/// 1234567 as "1,234,567".
void resq_markup_count(resq_markup *m, int64_t n);

#endif // RESQ_LOWERING_REPORT_MARKUP_H
