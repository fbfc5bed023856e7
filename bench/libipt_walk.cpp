// SPDX-License-Identifier: MIT
// What decoding costs at least: libipt's block decoder alone over one thread's trace, counting
// instructions and no more.
//
// libipt_walk TRACE MAPS: TRACE is raw Intel PT; a line of MAPS is "ADDRESS SIZE OFFSET PATH",
// numbers in hexadecimal. Prints "INSTRUCTIONS ERRORS".
#include <fcntl.h>
#include <intel-pt.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>

namespace {

struct Trace {
  uint8_t* begin = nullptr;
  size_t size = 0;
};

Trace map_file(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0) return {};
  void* p = mmap(nullptr, static_cast<size_t>(st.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (p == MAP_FAILED) return {};
  return {static_cast<uint8_t*>(p), static_cast<size_t>(st.st_size)};
}

bool add_maps(pt_image* image, const char* path) {
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return false;
  uint64_t address = 0, size = 0, offset = 0;
  char name[4096];
  while (std::fscanf(file, "%" SCNx64 " %" SCNx64 " %" SCNx64 " %4095[^\n]", &address, &size, &offset, name) == 4)
    pt_image_add_file(image, name, offset, size, nullptr, address);
  std::fclose(file);
  return true;
}

struct Counts {
  uint64_t instructions = 0, errors = 0;
};

Counts walk(pt_block_decoder* decoder) {
  Counts counts;
  int status = pt_blk_sync_forward(decoder);
  while (status >= 0) {
    while (status >= 0 && (status & pts_event_pending) != 0) {
      pt_event event;
      status = pt_blk_event(decoder, &event, sizeof event);
    }
    if (status >= 0) {
      if ((status & pts_eos) != 0) break;
      pt_block block;
      status = pt_blk_next(decoder, &block, sizeof block);
      counts.instructions += block.ninsn;
    }
    if (status == -pte_eos) break;
    if (status < 0) {
      ++counts.errors;
      status = pt_blk_sync_forward(decoder);
    }
  }
  return counts;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const Trace trace = map_file(argv[1]);
  pt_image* image = pt_image_alloc("bench");
  if (trace.begin == nullptr || image == nullptr || !add_maps(image, argv[2])) {
    std::perror("libipt_walk");
    return 1;
  }
  pt_config config;
  pt_config_init(&config);
  config.begin = trace.begin;
  config.end = trace.begin + trace.size;
  pt_block_decoder* decoder = pt_blk_alloc_decoder(&config);
  if (decoder == nullptr || pt_blk_set_image(decoder, image) < 0) return 1;
  const Counts counts = walk(decoder);
  std::printf("%" PRIu64 " %" PRIu64 "\n", counts.instructions, counts.errors);
  pt_blk_free_decoder(decoder);
  pt_image_free(image);
  return 0;
}
