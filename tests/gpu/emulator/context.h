//===-- context.h - switching between the stacks of one thread ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A context is a place to go on: a stack and a position in the code that runs on it. The emulator
// switches whenever a thread waits for others. ucontext's swapcontext asks the kernel for the signal
// mask each time, and the address sanitizer's also clears the shadow of the whole stack, which took
// most of a test's time; no kernel under test touches signal masks. So x86-64 switches by the
// registers that a call preserves, and other machines by ucontext.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_EMULATOR_CONTEXT_H
#define RESQ_TESTS_EMULATOR_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__

/// The preserved registers, and above them the address to go on at, begin where the stack pointer is.
typedef struct emulator_context {
  void *stack_pointer;
} emulator_context;

void emulator_switch_stacks(void **from, void *to);

/// Of a stack that nothing has run on: six registers, the address to begin at, and a word that puts the stack pointer
/// there where a call would have left it.
enum { EMULATOR_CONTEXT_WORDS = 8, EMULATOR_CONTEXT_RETURN = 6 };
__asm__(".pushsection .text\n"
        ".globl emulator_switch_stacks\n"
        ".hidden emulator_switch_stacks\n"
        ".type emulator_switch_stacks, @function\n"
        "emulator_switch_stacks:\n"
        "  pushq %rbp\n"
        "  pushq %rbx\n"
        "  pushq %r12\n"
        "  pushq %r13\n"
        "  pushq %r14\n"
        "  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n"
        "  popq %r14\n"
        "  popq %r13\n"
        "  popq %r12\n"
        "  popq %rbx\n"
        "  popq %rbp\n"
        "  ret\n"
        ".size emulator_switch_stacks, . - emulator_switch_stacks\n"
        ".popsection\n");

/// `begun` is where `begin`, which never returns, starts on the stack of that many bytes.
static void emulator_context_begin(emulator_context *begun, uint8_t *stack, size_t bytes,
                                   void (*begin)(void)) {
  uintptr_t *top = (uintptr_t *)(void *)(stack + (bytes - 16) / 16 * 16);
  for (int i = 1; i <= EMULATOR_CONTEXT_WORDS; i++)
    top[-i] = 0;
  top[-EMULATOR_CONTEXT_WORDS + EMULATOR_CONTEXT_RETURN] = (uintptr_t)begin;
  begun->stack_pointer = top - EMULATOR_CONTEXT_WORDS;
}

/// Goes on at `to`; comes back when somebody goes on at `from`.
static void emulator_context_switch(emulator_context *from, emulator_context *to) {
  emulator_switch_stacks(&from->stack_pointer, to->stack_pointer);
}

#else
#include <ucontext.h>

typedef ucontext_t emulator_context;

/// Apart from its caller, whose variables getcontext might not keep.
__attribute__((noinline)) static void
emulator_context_begin(emulator_context *begun, uint8_t *stack, size_t bytes, void (*begin)(void)) {
  getcontext(begun);
  begun->uc_stack.ss_sp = stack;
  begun->uc_stack.ss_size = bytes;
  begun->uc_link = NULL;
  makecontext(begun, begin, 0);
}

static void emulator_context_switch(emulator_context *from, emulator_context *to) {
  swapcontext(from, to);
}
#endif

#endif // RESQ_TESTS_EMULATOR_CONTEXT_H
