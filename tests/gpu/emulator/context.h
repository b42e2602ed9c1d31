//===-- context.h - switching between the stacks of one thread ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A context is a place to go on: a stack and a position in the code that runs on it. The emulator
// switches a million times in a test, and ucontext's swapcontext asks the kernel for the signal mask
// each time (the address sanitizer's also clears the shadow of the whole stack); no kernel under
// test touches signals. So x86-64 and 64-bit Arm switch by the registers that a call preserves, and
// other machines by ucontext.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_EMULATOR_CONTEXT_H
#define RESQ_TESTS_EMULATOR_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) || defined(__aarch64__)

/// The stack pointer, below which the preserved registers are.
typedef struct emulator_context {
  void *stack_pointer;
} emulator_context;

void emulator_switch_stacks(void **from, void *to);

#ifdef __x86_64__
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
#else
enum { EMULATOR_CONTEXT_WORDS = 20, EMULATOR_CONTEXT_RETURN = 11 }; // x19 to x30, d8 to d15
__asm__(".pushsection .text\n"
        ".globl emulator_switch_stacks\n"
        ".hidden emulator_switch_stacks\n"
        ".type emulator_switch_stacks, %function\n"
        "emulator_switch_stacks:\n"
        "  sub sp, sp, #160\n"
        "  stp x19, x20, [sp]\n"
        "  stp x21, x22, [sp, #16]\n"
        "  stp x23, x24, [sp, #32]\n"
        "  stp x25, x26, [sp, #48]\n"
        "  stp x27, x28, [sp, #64]\n"
        "  stp x29, x30, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n"
        "  stp d10, d11, [sp, #112]\n"
        "  stp d12, d13, [sp, #128]\n"
        "  stp d14, d15, [sp, #144]\n"
        "  mov x2, sp\n"
        "  str x2, [x0]\n"
        "  mov sp, x1\n"
        "  ldp x19, x20, [sp]\n"
        "  ldp x21, x22, [sp, #16]\n"
        "  ldp x23, x24, [sp, #32]\n"
        "  ldp x25, x26, [sp, #48]\n"
        "  ldp x27, x28, [sp, #64]\n"
        "  ldp x29, x30, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n"
        "  ldp d10, d11, [sp, #112]\n"
        "  ldp d12, d13, [sp, #128]\n"
        "  ldp d14, d15, [sp, #144]\n"
        "  add sp, sp, #160\n"
        "  ret\n"
        ".size emulator_switch_stacks, . - emulator_switch_stacks\n"
        ".popsection\n");
#endif

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

static void emulator_context_begin(emulator_context *begun, uint8_t *stack, size_t bytes,
                                   void (*begin)(void)) {
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
