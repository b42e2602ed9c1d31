//===-- markup.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/report/markup.h"

#include "text/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void resq_markup_format(resq_markup *m, const char *format, ...) {
  va_list args;
  va_start(args, format);
  resq_text_buffer_format(m, format, args);
  va_end(args);
}

/// What stands for a character that markup gives a meaning; NULL for others.
static const char *entity_of(char c) {
  switch (c) {
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '&':
    return "&amp;";
  case '"':
    return "&quot;";
  case '\'':
    return "&#39;";
  default:
    return NULL;
  }
}

void resq_markup_text(resq_markup *m, const char *text) {
  for (size_t left = strlen(text); left > 0;) {
    uint32_t point;
    size_t n = resq_utf8_step(text, left, &point);
    const char *entity = entity_of(*text);
    bool plain = (point >= ' ' || point == '\n' || point == '\t') && point != 0x7f &&
                 point != 0xfffd && point != 0xfffe && point != 0xffff;
    if (entity)
      resq_text_buffer_append(m, entity, strlen(entity));
    else
      resq_text_buffer_append(m, plain ? text : "\xef\xbf\xbd", plain ? n : 3);
    text += n;
    left -= n;
  }
}

void resq_markup_table_begin(resq_markup *m, bool wide, const resq_column *columns, int n) {
  resq_markup_format(m, "%s<table><thead><tr>", wide ? "<div class=\"wide\">" : "");
  for (int i = 0; i < n; ++i)
    resq_markup_format(m, "<th%s>%s</th>", columns[i].is_text ? " class=\"t\"" : "",
                       columns[i].heading);
  resq_markup_format(m, "</tr></thead><tbody>\n");
}

void resq_markup_table_end(resq_markup *m, bool wide) {
  resq_markup_format(m, "</tbody></table>%s\n", wide ? "</div>" : "");
}

void resq_markup_number(resq_markup *m, double x, int digits) {
  if (isnan(x))
    resq_markup_format(m, "–");
  else if (isinf(x))
    resq_markup_format(m, x > 0 ? "∞" : "−∞");
  else
    resq_markup_format(m, "%s%.*f", x < 0 ? "−" : "", digits, fabs(x));
}

void resq_markup_count(resq_markup *m, int64_t n) {
  char digits[32];
  int length = snprintf(digits, sizeof digits, "%" PRId64, n < 0 ? -n : n);
  if (n < 0)
    resq_text_buffer_append(m, "-", 1);
  for (int i = 0; i < length; ++i) {
    if (i && (length - i) % 3 == 0)
      resq_text_buffer_append(m, ",", 1);
    resq_text_buffer_append(m, digits + i, 1);
  }
}

void resq_markup_ratio(resq_markup *m, double x) {
  if (fabs(x) >= 999.5 && fabs(x) < 1e15)
    resq_markup_count(m, llround(x));
  else
    resq_markup_number(m, x, fabs(x) >= 99.95 ? 0 : 1);
}
