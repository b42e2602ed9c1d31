//===-- cpus.h - how many processors this process may keep busy -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The default number of threads of resqc and of compiled models. A mask of processors
// (sched_setaffinity, taskset, cpusets) and a quota of their time (cgroups: containers,
// systemd's CPUQuota) both limit it: with more threads than that, a process is stopped
// in the middle of its work, again and again.
//===----------------------------------------------------------------------===//
#ifndef RESQ_BASE_CPUS_H
#define RESQ_BASE_CPUS_H

#define RESQ_MAX_CPUS 1024

/// The smaller of resq_cpus_affinity() and resq_cpus_quota("").
int resq_cpus_default(void);

/// Processors in this process's mask, 1 .. RESQ_MAX_CPUS.
int resq_cpus_affinity(void);

/// Processors that the quotas of this process's control groups are worth, rounded up: the least of
/// all groups from the process's own up to the root, 1 .. RESQ_MAX_CPUS; RESQ_MAX_CPUS when none
/// is set. Version 2 (cpu.max) and version 1 (cpu.cfs_quota_us, cpu.cfs_period_us) where they are
/// usually mounted: below `root`/sys/fs/cgroup; `root` is "", or a folder that stands for / in
/// tests. What cannot be read or makes no sense is no limit.
int resq_cpus_quota(const char *root);

#endif // RESQ_BASE_CPUS_H
