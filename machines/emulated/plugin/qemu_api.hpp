// SPDX-License-Identifier: MIT
// The part of QEMU's plugin interface that we use, declared here because Debian 12 ships no
// header for it. One source serves API version 1 (QEMU 7.2) and 2 and later (QEMU 9 on):
// none of these functions changed between them, and the code bytes, whose accessor did
// change, are read from guest memory instead (guest_base is 0 for 64-bit guests).
// Source: QEMU 7.2 include/qemu/qemu-plugin.h; docs/devel/tcg-plugins.rst.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

using qemu_plugin_id_t = uint64_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

struct qemu_info_t {
  const char* target_name;
  struct {
    int min, cur;
  } version;
  bool system_emulation;
};

using qemu_tb_trans_cb = void (*)(qemu_plugin_id_t, qemu_plugin_tb*);
using qemu_exec_cb = void (*)(unsigned vcpu, void* data);
using qemu_simple_cb = void (*)(qemu_plugin_id_t);
using qemu_udata_cb = void (*)(qemu_plugin_id_t, void* data);
using qemu_syscall_cb = void (*)(qemu_plugin_id_t, unsigned vcpu, int64_t num, uint64_t a1, uint64_t a2, uint64_t a3,
                                 uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8);
using qemu_syscall_ret_cb = void (*)(qemu_plugin_id_t, unsigned vcpu, int64_t num, int64_t ret);

// `info`: the size as a shift, and whether it is a store; after the access.
using qemu_mem_cb = void (*)(unsigned vcpu, uint32_t info, uint64_t address, void* data);
enum : int { kQemuMemRead = 1, kQemuMemWrite = 2 };

void qemu_plugin_register_vcpu_mem_cb(qemu_plugin_insn*, qemu_mem_cb, int flags, int read_write, void* data);
unsigned qemu_plugin_mem_size_shift(uint32_t info);
bool qemu_plugin_mem_is_store(uint32_t info);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, qemu_tb_trans_cb);
void qemu_plugin_register_vcpu_tb_exec_cb(qemu_plugin_tb*, qemu_exec_cb, int flags, void* data);
void qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_insn*, qemu_exec_cb, int flags, void* data);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, qemu_syscall_cb);
void qemu_plugin_register_vcpu_syscall_ret_cb(qemu_plugin_id_t, qemu_syscall_ret_cb);
// Soon, in this thread, outside translated code and with every other thread outside it: all
// translated code and all callbacks of the plugin go, then `done` is called.
void qemu_plugin_reset(qemu_plugin_id_t, qemu_simple_cb done);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, qemu_udata_cb, void* data);
size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb*);
uint64_t qemu_plugin_tb_vaddr(const qemu_plugin_tb*);
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb*, size_t);
uint64_t qemu_plugin_insn_vaddr(const qemu_plugin_insn*);

}  // extern "C"
