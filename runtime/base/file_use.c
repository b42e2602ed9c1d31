//===-- file_use.c - no output destroys an input --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/file_use.h"

#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct resq_file_use {
  resq_file_direction direction;
  char *role, *path;
  dev_t device;
  ino_t inode;
  char *name; ///< in the folder of that device and inode; NULL: the file itself, which exists
};

static void free_use(resq_file_use *use) {
  free(use->role);
  free(use->path);
  free(use->name);
}

//===-- Which file it is --------------------------------------------------===//

typedef enum identity { NO_FILE, SOME_FILE, NO_MEMORY } identity;

/// One that does not exist yet: its folder and its name there.
static identity identify_future(resq_file_use *use) {
  const char *slash = strrchr(use->path, '/'), *name = slash ? slash + 1 : use->path;
  char folder[PATH_MAX] = ".";
  struct stat info;
  size_t length = (size_t)(name - use->path);
  if (!*name || length >= sizeof folder)
    return NO_FILE; // it cannot be written either
  if (slash) {
    memcpy(folder, use->path, length);
    folder[length] = 0;
  }
  if (stat(folder, &info) != 0)
    return NO_FILE;
  use->device = info.st_dev;
  use->inode = info.st_ino;
  use->name = strdup(name);
  return use->name ? SOME_FILE : NO_MEMORY;
}

static identity identify(resq_file_use *use) {
  struct stat info;
  bool standard = strcmp(use->path, "-") == 0;
  if (standard ? fstat(use->direction == RESQ_READS ? STDIN_FILENO : STDOUT_FILENO, &info) != 0
               : stat(use->path, &info) != 0)
    return standard || use->direction == RESQ_READS ? NO_FILE : identify_future(use);
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
    return NO_FILE;
  use->device = info.st_dev;
  use->inode = info.st_ino;
  return SOME_FILE;
}

static bool same(const resq_file_use *a, const resq_file_use *b) {
  return a->device == b->device && a->inode == b->inode && !a->name == !b->name &&
         (!a->name || strcmp(a->name, b->name) == 0);
}

//===-- The list ----------------------------------------------------------===//

static void refuse(const resq_file_use *a, const resq_file_use *b, resq_error *err) {
  const resq_file_use *written = a->direction != RESQ_READS ? a : b, *other = written == a ? b : a;
  resq_fail(err, RESQ_USAGE, "%s %.300s: this is the same file as %s %.300s, which is %s",
            written->role, written->path, other->role, other->path,
            other->direction == RESQ_READS ? "read" : "written, too");
}

bool resq_file_use_add(resq_file_uses *uses, resq_file_direction direction, const char *role,
                       const char *path, resq_error *err) {
  if (!path)
    return true;
  resq_file_use use = {.direction = direction, .role = strdup(role), .path = strdup(path)};
  identity found = use.role && use.path ? identify(&use) : NO_MEMORY;
  if (found == NO_FILE) {
    free_use(&use);
    return true;
  }
  for (int i = 0; found == SOME_FILE && i < uses->count; ++i) {
    const resq_file_use *known = &uses->items[i];
    if ((direction != RESQ_READS || known->direction != RESQ_READS) && same(known, &use)) {
      refuse(&use, known, err);
      free_use(&use);
      return false;
    }
  }
  resq_file_use *items =
      found == SOME_FILE ? realloc(uses->items, sizeof *items * (size_t)(uses->count + 1)) : NULL;
  if (!items) {
    free_use(&use);
    return resq_fail(err, RESQ_NO_MEMORY, "no memory to compare the files that are used");
  }
  uses->items = items;
  items[uses->count++] = use;
  return true;
}

typedef struct self_scan {
  resq_file_uses *uses;
  resq_error *err;
} self_scan;

static int add_library(struct dl_phdr_info *info, size_t size, void *user) {
  (void)size;
  const self_scan *s = user;
  // The program itself has an empty name, and the kernel's part of the process no file.
  if (!info->dlpi_name || info->dlpi_name[0] != '/')
    return 0;
  return !resq_file_use_add(s->uses, RESQ_READS, "a library of this program,", info->dlpi_name,
                            s->err);
}

bool resq_file_use_add_self(resq_file_uses *uses, resq_error *err) {
  self_scan s = {uses, err};
  return resq_file_use_add(uses, RESQ_READS, "this program,", "/proc/self/exe", err) &&
         dl_iterate_phdr(add_library, &s) == 0;
}

void resq_file_uses_free(resq_file_uses *uses) {
  for (int i = 0; i < uses->count; ++i)
    free_use(&uses->items[i]);
  free(uses->items);
  *uses = (resq_file_uses){NULL, 0};
}
