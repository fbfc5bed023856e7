// SPDX-License-Identifier: MIT
// The numbers of the fields in branch_list.proto.
//
// Source: android.googlesource.com/platform/system/extras, simpleperf/branch_list.proto.
#pragma once

#include <cstdint>

namespace tracectl::profile::branch_list_fields {

enum File : uint32_t { kMagic = 1, kEtmData = 2, kLbrData = 3 };                             // BranchList
enum Binary : uint32_t { kPath = 1, kBuildId = 2, kAddresses = 3, kKind = 4, kKernel = 5 };  // ETMBinary
enum Address : uint32_t { kAddress = 1, kBranches = 2 };                                     // ETMBinary.Address
enum Branch : uint32_t { kAtoms = 1, kAtomCount = 2, kCount = 3 };                           // ETMBinary.Address.Branch
enum Kernel : uint32_t { kKernelStart = 1 };                                                 // ETMBinary.KernelBinaryInfo

}  // namespace tracectl::profile::branch_list_fields
