//===-- cli.h - the command line of a compiled model ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// stdout carries results, stderr progress and notes; exit codes are those of
// base/error.h. Commands are in cmd_*.c, one each.
//===----------------------------------------------------------------------===//
#ifndef RESQ_CLI_CLI_H
#define RESQ_CLI_CLI_H

#include "base/error.h"
#include "base/file.h"
#include "base/version.h"
#include "cli/options.h"
#include "resq/abi.h"
#include "resq/session.h"
#include "text/tokenizer.h"
#include <stdint.h>

typedef struct resq_cli {
  const resq_program *program;
  const char *path; ///< the artifact; NULL: this executable
  const char *name; ///< how the program was called
} resq_cli;

/// The whole command line; returns the exit code.
int resq_cli_main(const resq_program *program, const char *path, int argc, char **argv);

extern const resq_command resq_cmd_generate, resq_cmd_perplexity, resq_cmd_logits,
    resq_cmd_tokenize, resq_cmd_bench, resq_cmd_info;

//===-- What commands share (model_context.c) ---------------------------------------===//

/// A model with what a command asked for.
typedef struct resq_model_context {
  resq_model *model;
  resq_tokenizer *tokenizer; ///< NULL when the artifact has none
  resq_session *session;     ///< NULL until resq_model_context_start
  int64_t context;           ///< tokens that the sequence may hold: what was asked for, which the
                             ///< session's capacity may exceed by rounding
} resq_model_context;

bool resq_model_context_open(resq_model_context *context, const resq_cli *cli, resq_error *err);
/// Starts a session of at least `capacity` tokens (0: --context or the model's) for one sequence. Warns when that
/// is more than the model was trained for.
bool resq_model_context_start(resq_model_context *context, const resq_run_options *options,
                              int64_t capacity, resq_error *err);
/// Prints the profile when it was asked for, and frees everything.
void resq_model_context_close(resq_model_context *context);
/// Refuses a model without a tokenizer.
bool resq_model_context_need_tokenizer(const resq_model_context *context, resq_error *err);
/// `n` tokens of sequence 0 from position `first`; logits of the last `n_logits` of them.
bool resq_model_context_forward(const resq_model_context *context, const int32_t *tokens,
                                int64_t first, int64_t n, int64_t n_logits, float *logits,
                                resq_error *err);
/// As resq_fail with a session's message.
bool resq_fail_message(resq_error *err, const resq_message *why);

//===-- Input and output (io.c) -------------------------------------------===//

/// A whole file, or standard input for "-".
typedef struct resq_input {
  resq_map map;
  char *owned;
  resq_text text;
} resq_input;
bool resq_input_open(resq_input *in, const char *path, resq_error *err);
void resq_input_close(resq_input *in);
/// Little-endian 32-bit token ids. *out_ids is malloc'ed.
bool resq_read_ids(const char *path, int32_t **out_ids, int64_t *out_count, resq_error *err);
/// Standard output; a closed pipe fails with RESQ_IO and an empty message: nothing to say to
/// anyone.
bool resq_print(const void *data, size_t size, resq_error *err);
bool resq_printf(resq_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool resq_print_flush(resq_error *err);

//===-- Losses (<architecture>/loss.c) ------------------------------------===//

/// -log softmax(row)[target], summed in double.
double resq_row_loss(const float *row, int64_t n, int32_t target);

/// One prediction of this model beside a reference's.
typedef struct resq_row_comparison {
  double loss, reference_loss; ///< as resq_row_loss
  double divergence;           ///< KL(reference || this) over all n tokens, nats
  bool agrees;                 ///< the same most likely token, the first of equals
} resq_row_comparison;
void resq_row_compare(const float *row, const float *reference, int64_t n, int32_t target,
                      resq_row_comparison *out);

#endif // RESQ_CLI_CLI_H
