// SPDX-License-Identifier: MIT
// A program whose trace can be written by hand: `turn` is a loop of two instructions. usage: known N [PAUSE],
// with so many us between the stretches.
#include <stdlib.h>
#include <unistd.h>

__attribute__((noinline)) void begin_stretch(void) { __asm__ volatile(""); }
__attribute__((noinline)) void end_stretch(void) { __asm__ volatile(""); }

void turns(long count);
__asm__(".globl turns\n.type turns, %function\nturns:\n.globl turn\n.type turn, %function\n"
        "turn: subs x0, x0, #1\n b.ne turn\n ret\n.size turn, . - turn\n.size turns, . - turns\n");

int main(int argc, char** argv) {
  const long count = argc > 1 ? atol(argv[1]) : 1;
  for (long i = 0; i < count; ++i) {
    begin_stretch();
    turns(1000);
    end_stretch();
    if (argc > 2) usleep((useconds_t)atol(argv[2]));
  }
  return 0;
}
