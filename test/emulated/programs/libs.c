// SPDX-License-Identifier: MIT
// Loads, leaves and loads again. usage: libs COUNT LIBRARY...
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 0;
  for (int i = 2; i < argc; ++i) {
    void* library = dlopen(argv[i], RTLD_NOW);
    if (library == NULL) return 3;
    long (*work)(long) = (long (*)(long))dlsym(library, "plug_work");
    long sum = 0;
    for (int n = 0; n < count; ++n) sum += work(n);
    printf("%ld\n", sum);
    dlclose(library);
  }
  return 0;
}
