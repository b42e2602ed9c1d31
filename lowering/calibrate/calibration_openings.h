//===-- calibration_openings.h - how sampled documents begin --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small model left to itself writes what it saw most, which may be the license of a program over
// and over; behind the first words of a text it writes something like a text. Most are of English
// prose, a few of other languages, formulas and code: what a model is for is not known here.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CALIBRATION_OPENINGS_H
#define RESQ_LOWERING_CALIBRATION_OPENINGS_H

enum { RESQ_OPENINGS = 64 };

/// UTF-8, without a blank at the end, so that the model writes the next word with its own.
extern const char *const resq_openings[RESQ_OPENINGS];

#endif // RESQ_LOWERING_CALIBRATION_OPENINGS_H
