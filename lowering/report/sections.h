//===-- sections.h - parts of the page ------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Internal to lowering/report/. Each writes one <section>, or nothing when it has nothing to tell.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_REPORT_SECTIONS_H
#define RESQ_LOWERING_REPORT_SECTIONS_H

#include "lowering/report/markup.h"
#include "lowering/report/report.h"

void resq_section_summary(resq_markup *m, const resq_facts *f, const resq_report_origin *o);
void resq_section_origin(resq_markup *m, const resq_report_origin *o);
void resq_section_storage(resq_markup *m, const resq_facts *f);
void resq_section_noise(resq_markup *m, const resq_facts *f);       ///< section_plots.c
void resq_section_inputs(resq_markup *m, const resq_facts *f);      ///< section_inputs.c
void resq_section_spectra(resq_markup *m, const resq_facts *f);     ///< section_bases.c
void resq_section_linears(resq_markup *m, const resq_facts *f);     ///< section_linears.c
void resq_section_input_table(resq_markup *m, const resq_facts *f); ///< section_inputs.c

#endif // RESQ_LOWERING_REPORT_SECTIONS_H
