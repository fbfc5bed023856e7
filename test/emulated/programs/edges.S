// SPDX-License-Identifier: MIT
// Code at page ends, branches to the next instruction, rep. Each function takes a count in
// rdi and returns something that depends on the path in rax.
  .text

// A long jcc (6 bytes) over the page's end, at every position of the end inside it.
.macro crossing name before
  .p2align 12
  .globl \name
  .type \name, @function
\name:
  xor %eax, %eax
  mov %rdi, %rcx
  jmp 1f
  .p2align 11
  .skip 2048 - \before - 7, 0x90
1:
  inc %rax            // 3 bytes
  test $1, %cl        // 3 bytes
  nop                 // 1
  .byte 0x0f, 0x85    // jnz, 32-bit displacement
  .long 2f - . - 4
  add $2, %rax
2:
  dec %rcx
  jnz 1b
  ret
.endm

crossing jcc_in_page_7, 7
crossing jcc_to_end_6, 6
crossing jcc_across_5, 5
crossing jcc_across_4, 4
crossing jcc_across_3, 3
crossing jcc_across_2, 2
crossing jcc_across_1, 1
crossing jcc_at_start_0, 0

// Plain instructions over the end: 10 bytes, at every position.
.macro plain name before
  .p2align 12
  .globl \name
  .type \name, @function
\name:
  xor %eax, %eax
  mov %rdi, %rcx
  jmp 1f
  .p2align 11
  .skip 2048 - \before - 3, 0x90
1:
  inc %rax
  movabs $0x123456789abcdef, %rdx
  add %rdx, %rax
  loop 1b
  ret
.endm
plain movabs_10, 10
plain movabs_9, 9
plain movabs_5, 5
plain movabs_1, 1
plain movabs_0, 0

// Calls, returns and jumps that end with the page, cross it, or start the next.
.macro calling name before
  .p2align 12
  .globl \name
  .type \name, @function
\name:
  xor %eax, %eax
  mov %rdi, %rcx
  jmp 1f
  .p2align 11
  .skip 2048 - \before - 3, 0x90
1:
  inc %rax
  call 3f             // 5 bytes
  dec %rcx
  jnz 1b
  jmp 4f
3:
  add $1, %rax
  ret
4:
  ret
.endm
calling call_6, 6
calling call_5, 5
calling call_4, 4
calling call_1, 1
calling call_0, 0

// rep across and at the page's end.
.macro repeating name before
  .p2align 12
  .globl \name
  .type \name, @function
\name:
  mov %rdi, %rdx
  xor %eax, %eax
  jmp 1f
  .p2align 11
  .skip 2048 - \before - 12, 0x90
1:
  lea buffer(%rip), %rdi  // 7
  mov $9, %ecx            // 5
  rep stosb               // 2
  dec %rdx
  jnz 1b
  ret
.endm
repeating rep_3, 3
repeating rep_2, 2
repeating rep_1, 1
repeating rep_0, 0

  .p2align 12
  .globl jcc_zero
  .type jcc_zero, @function
jcc_zero:
  xor %eax, %eax
  mov %rdi, %rcx
1:
  test $1, %cl
  jnz 2f
2:
  test $2, %cl
  .byte 0x0f, 0x84, 0, 0, 0, 0
  dec %rcx
  jnz 1b
  ret

// A call to the next instruction: read the address, no return.
  .globl call_zero
  .type call_zero, @function
call_zero:
  xor %eax, %eax
  mov %rdi, %rcx
1:
  call 2f
2:
  pop %rdx
  add %rdx, %rax
  loop 1b
  and $1, %eax
  ret

// A return to somewhere else: push an address and ret (no matching call).
  .globl pushed_return
  .type pushed_return, @function
pushed_return:
  xor %eax, %eax
  mov %rdi, %rcx
1:
  lea 2f(%rip), %rdx
  push %rdx
  ret
2:
  inc %rax
  loop 1b
  ret

// A callee that drops its return address: the stack of returns is out of step.
  .globl dropped_return
  .type dropped_return, @function
dropped_return:
  xor %eax, %eax
  mov %rdi, %rcx
1:
  call 2f
  ud2
2:
  add $8, %rsp
  inc %rax
  call 3f
  loop 1b
  ret
3:
  ret

// loop to itself, jrcxz both ways, jecxz.
  .globl loop_self
  .type loop_self, @function
loop_self:
  mov %rdi, %rcx
1:
  loop 1b
  jrcxz 2f
  inc %rax
2:
  mov $3, %ecx
  jrcxz 3f
  xor %ecx, %ecx
  jecxz 3f
  inc %rax
3:
  mov $4, %rcx
4:
  cmp $2, %rcx
  loopne 4b
  mov $4, %rcx
5:
  cmp %rcx, %rcx
  loope 5b
  xor %eax, %eax
  ret

// Every rep, with the count in rdi (0 too).
  .globl rep_all
  .type rep_all, @function
rep_all:
  mov %rdi, %rdx
  cld
  lea buffer(%rip), %rdi
  mov %rdx, %rcx
  mov $7, %eax
  rep stosb
  lea buffer(%rip), %rsi
  lea other(%rip), %rdi
  mov %rdx, %rcx
  rep movsb
  lea buffer(%rip), %rsi
  lea other(%rip), %rdi
  mov %rdx, %rcx
  cmp %rax, %rax
  repe cmpsb
  setne %r8b
  lea buffer(%rip), %rdi
  mov %rdx, %rcx
  mov $9, %eax
  repne scasb
  lea buffer(%rip), %rdi
  mov %rdx, %rcx
  shr $3, %rcx
  mov $5, %eax
  rep stosq
  lea buffer(%rip), %rsi
  mov %rdx, %rcx
  rep lodsb
  movsb
  stosb
  xor %eax, %eax
  ret

// Two rep instructions one behind the other, and rep as the target of its own loop.
  .globl rep_chain
  .type rep_chain, @function
rep_chain:
  mov %rdi, %rdx
  xor %eax, %eax
1:
  lea buffer(%rip), %rdi
  mov $5, %ecx
  rep stosb
  rep stosb
  mov $3, %ecx
  rep stosb
  dec %rdx
  jnz 1b
  ret

  .bss
  .p2align 6
buffer: .skip 2097152 + 64
other: .skip 2097152 + 64
  .section .note.GNU-stack,"",@progbits
