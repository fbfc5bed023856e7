// SPDX-License-Identifier: MIT
// The program that the corpus of cs_decoder was traced from; cs_decoder.cpp has its words. make_cs_corpus.sh builds it.
  .text
  .globl _start
_start:
  mov x19, #9
1:
  mov x0, x19
  bl work
  adr x1, work
  blr x1
  mov x8, #172  // getpid
  svc #0
  isb
  subs x19, x19, #1
  b.ne 1b
  mov x0, #0
  mov x8, #94  // exit_group
  svc #0
work:
  tbz x0, #0, 2f
  add x0, x0, #1
2:
  cbnz x0, 3f
  nop
3:
  ret
