// SPDX-License-Identifier: MIT
// Loads, leaves and loads again. usage: libs COUNT LIBRARY..., or libs COUNT at LIBRARY...: the
// page of each library's code is mapped at one and the same address, one after the other.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef long (*Work)(long);
enum { kPage = 4096 };

static void call(Work work, int count) {
  long sum = 0;
  for (int n = 0; n < count; ++n) sum += work(n);
  printf("%ld\n", sum);
}

// plug_work's offset in its file, which is its offset from the load address.
static uintptr_t offset_of(const char* path) {
  void* library = dlopen(path, RTLD_NOW);
  if (library == NULL) exit(3);
  void* work = dlsym(library, "plug_work");
  Dl_info info;
  if (work == NULL || dladdr(work, &info) == 0) exit(4);
  const uintptr_t offset = (uintptr_t)work - (uintptr_t)info.dli_fbase;
  dlclose(library);
  return offset;
}

static void call_at(unsigned char* place, const char* path, int count, int unmap) {
  const uintptr_t offset = offset_of(path);
  const int fd = open(path, O_RDONLY);
  if (mmap(place, kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, (off_t)(offset & ~(kPage - 1ul))) == MAP_FAILED)
    exit(5);
  close(fd);
  void* at = place + offset % kPage;
  Work work;
  memcpy(&work, &at, sizeof work);
  call(work, count);
  if (unmap) munmap(place, kPage);
}

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 0;
  const int at = argc > 2 && strcmp(argv[2], "at") == 0;
  unsigned char* place = mmap(NULL, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 2 + at; i < argc; ++i) {
    if (at) {
      call_at(place, argv[i], count, i & 1);
      continue;
    }
    void* library = dlopen(argv[i], RTLD_NOW);
    if (library == NULL) return 3;
    call((Work)dlsym(library, "plug_work"), count);
    dlclose(library);
  }
  return 0;
}
