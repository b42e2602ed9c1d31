//===-- chat_date.c - the date in a chat template -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "text/chat_template.h"
#include "text/chat_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/// The date, at midnight; false when there is no such day.
static bool parse_date(const char *date, struct tm *out) {
  int year, month, day, end = 0;
  if (strlen(date) != 10 || strspn(date, "0123456789-") != 10 ||
      sscanf(date, "%4d-%2d-%2d%n", &year, &month, &day, &end) != 3 || end != 10)
    return false;
  struct tm t = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
  *out = t;
  // timegm brings the fields into range: another day than was asked for does not exist.
  return timegm(&t) != -1 && t.tm_mday == day && t.tm_mon == month - 1 && year >= 1000 &&
         (*out = t, true);
}

bool resq_chat_date_check(const char *date, resq_error *err) {
  struct tm t;
  return parse_date(date, &t) ||
         resq_fail(err, RESQ_USAGE, "--date: '%.60s' is not a date as 2026-11-30", date);
}

static bool now(chat_context *c, struct tm *out) {
  time_t seconds = time(NULL);
  if (c->date ? parse_date(c->date, out) : localtime_r(&seconds, out) != NULL)
    return true;
  chat_fail(c, "strftime_now: %.60s is not a date", c->date ? c->date : "now");
  return false;
}

resq_text chat_strftime(chat_context *c, resq_text format) {
  struct tm t;
  chat_buffer out = {0};
  if (!now(c, &t))
    return (resq_text){"", 0};
  for (size_t at = 0; at < format.size && chat_charge(c, CHAT_STEP);) {
    const char *mark = memchr(format.data + at, '%', format.size - at);
    size_t plain = mark ? (size_t)(mark - format.data) - at : format.size - at;
    chat_write(c, &out, format.data + at, plain);
    at += plain;
    if (!mark)
      break;
    char one[4] = {'%'}, written[64];
    size_t used = 1;
    ++at;
    if (at < format.size && format.data[at] && strchr("-_0^#", format.data[at]))
      one[used++] = format.data[at++];
    char type = at < format.size ? format.data[at++] : 0;
    one[used] = type;
    if (type && strchr("zZ", type)) // Python's naive time has no zone
      continue;
    if (type == 'f') {
      chat_write_text(c, &out, "000000");
    } else if (!type || !strchr("aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyY%", type)) {
      chat_fail(c, "strftime_now: the format %%%c is not supported",
                isprint((unsigned char)type) ? type : '?');
    } else {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
      size_t size = strftime(written, sizeof written, one, &t);
#pragma GCC diagnostic pop
      chat_write(c, &out, written, size);
    }
  }
  return chat_buffer_text(&out);
}
