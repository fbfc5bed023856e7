// SPDX-License-Identifier: MIT
long plug_work(long n);
long plug_work(long n) { return n & 1 ? 3 * n : n; }
