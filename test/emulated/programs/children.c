// SPDX-License-Identifier: MIT
// Children and programs. usage: children CASE ARGS...; prints what became of each.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;
static volatile long sink;

static int finish(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void busy(int n) {
  for (int i = 0; i < n; ++i) sink += i & 1 ? i : -i;
}

static int fork_case(void) {
  for (int i = 0; i < 3; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      busy(100 * (i + 1));
      _exit(i + 3);
    }
    printf("fork %d\n", finish(child));
  }
  return 0;
}

static int vfork_case(char** command) {
  const pid_t child = vfork();
  if (child == 0) {
    execve(command[0], command, environ);
    _exit(99);
  }
  printf("vfork %d\n", finish(child));
  return 0;
}

// Replaces this very program, in a child.
static int exec_case(char** command) {
  const pid_t child = fork();
  if (child == 0) {
    execv(command[0], command);
    _exit(99);
  }
  printf("exec %d\n", finish(child));
  return 0;
}

static int execveat_case(char** command) {
  const pid_t child = fork();
  if (child == 0) {
    const int fd = open(command[0], O_RDONLY);
    syscall(SYS_execveat, fd, "", command, environ, AT_EMPTY_PATH);
    _exit(99);
  }
  printf("execveat %d\n", finish(child));
  return 0;
}

// Tries programs that cannot be started, and goes on.
static int failed_case(char** paths) {
  for (; *paths != NULL; ++paths) {
    char* command[] = {*paths, NULL};
    execv(*paths, command);
    const int why = errno;
    busy(50);
    printf("failed %s\n", strerror(why));
  }
  return 0;
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (argc < 2) return 2;
  if (strcmp(argv[1], "leaf") == 0) {
    busy(1000);
    printf("leaf %d\n", argc);
    return 7;
  }
  if (strcmp(argv[1], "fork") == 0) return fork_case();
  if (strcmp(argv[1], "vfork") == 0) return vfork_case(argv + 2);
  if (strcmp(argv[1], "exec") == 0) return exec_case(argv + 2);
  if (strcmp(argv[1], "replace") == 0) return execv(argv[2], argv + 2);
  if (strcmp(argv[1], "execveat") == 0) return execveat_case(argv + 2);
  if (strcmp(argv[1], "failed") == 0) return failed_case(argv + 2);
  return 2;
}
