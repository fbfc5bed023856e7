// SPDX-License-Identifier: MIT
// Runs a program as another user, with some of root's rights left.
//   as_user UID CAPABILITIES PROGRAM [ARGUMENT...]    CAPABILITIES: numbers with commas between, or none
#define _GNU_SOURCE
#include <linux/capability.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void stop(const char* doing) {
  perror(doing);
  exit(125);
}

static uint64_t read_set(char* words) {
  uint64_t set = 0;
  if (strcmp(words, "none") == 0) return 0;
  for (char* word = strtok(words, ","); word != NULL; word = strtok(NULL, ",")) set |= UINT64_C(1) << atoi(word);
  return set;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const unsigned id = (unsigned)atoi(argv[1]);
  const uint64_t set = read_set(argv[2]);
  if (prctl(PR_SET_KEEPCAPS, 1) != 0) stop("keepcaps");
  if (setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0) stop("becoming the user");
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  for (int i = 0; i < 2; ++i) data[i].effective = data[i].permitted = data[i].inheritable = (uint32_t)(set >> (32 * i));
  if (syscall(SYS_capset, &head, data) != 0) stop("capset");
  for (unsigned long cap = 0; cap < 64; ++cap)
    if ((set >> cap & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0) stop("ambient");
  execvp(argv[3], argv + 3);
  stop(argv[3]);
}
