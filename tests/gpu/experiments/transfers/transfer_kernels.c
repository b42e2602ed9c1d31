//===-- transfer_kernels.c - what launches.c launches --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <stdint.h>

#define KERNEL __attribute__((device_kernel)) void

KERNEL empty(void *a, void *b, void *c, void *d, int64_t rows) {}

KERNEL empty_dependent(void *a, void *b, void *c, void *d, int64_t rows) {
  __asm__ volatile("griddepcontrol.launch_dependents;");
  __asm__ volatile("griddepcontrol.wait;" ::: "memory");
}

/// Words from one place to another, either of which may be host memory.
KERNEL copy(uint32_t *to, const uint32_t *from, void *c, void *d, int64_t words) {
  const int64_t threads = (int64_t)__nvvm_read_ptx_sreg_nctaid_x() * __nvvm_read_ptx_sreg_ntid_x();
  int64_t i = (int64_t)__nvvm_read_ptx_sreg_ctaid_x() * __nvvm_read_ptx_sreg_ntid_x() +
              __nvvm_read_ptx_sreg_tid_x();
  for (; i < words; i += threads)
    to[i] = from[i];
}
