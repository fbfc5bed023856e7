// SPDX-License-Identifier: MIT
// expect: door
#include <elfutils/libdw.h>
