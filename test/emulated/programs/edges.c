// SPDX-License-Identifier: MIT
// Runs every function of edges.S.
#define FUNCTIONS(F)                                                                                          \
  F(jcc_in_page_7) F(jcc_to_end_6) F(jcc_across_5) F(jcc_across_4) F(jcc_across_3) F(jcc_across_2)            \
  F(jcc_across_1) F(jcc_at_start_0) F(movabs_10) F(movabs_9) F(movabs_5) F(movabs_1) F(movabs_0) F(call_6)    \
  F(call_5) F(call_4) F(call_1) F(call_0) F(rep_3) F(rep_2) F(rep_1) F(rep_0) F(jcc_zero) F(call_zero)        \
  F(pushed_return) F(dropped_return) F(loop_self) F(rep_chain)
#define DECLARE(name) long name(long);
#define CALL(name) sum += name(300);
FUNCTIONS(DECLARE)
long rep_all(long);

int main(void) {
  long sum = 0;
  FUNCTIONS(CALL)
  sum += rep_all(0) + rep_all(1) + rep_all(4096) + rep_all(0) + rep_all(200000);
  return (int)(sum & 1);
}
