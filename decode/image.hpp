// SPDX-License-Identifier: MIT
// ImageTimeline: which code lay where, and when, in one process, built from MMAP2, COMM
// (exec), FORK records. A decoder asks for the sections of its stream and applies those that
// replace others only when the trace's time reaches them. The kernel's code, where the capture
// holds it, is in every program's image.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/capture/reader.hpp"

namespace tracectl::decode {

struct Section {
  uint64_t time = 0;     // ns: when it was mapped
  uint64_t address = 0;  // virtual address, bytes
  uint64_t size = 0;     // bytes
  uint64_t file_offset = 0;
  std::string file;      // where the bytes can be read now (images/ first, then the path)
  std::string name;      // as the record named it
  std::string build_id;  // hex; empty when unknown
};

// Sections of one program image (from one exec to the next), by time.
class ImageTimeline {
 public:
  std::vector<Section> sections;  // ascending time
  // The section that held `address` at `time`, or nullptr.
  [[nodiscard]] const Section* find(uint64_t address, uint64_t time) const;
};

// ImageTimeline::find for many sections: those over each stretch of addresses. The timeline
// must outlive it, unchanged.
class SectionIndex {
 public:
  explicit SectionIndex(const ImageTimeline&);
  [[nodiscard]] const Section* find(uint64_t address, uint64_t time) const;

 private:
  std::vector<uint64_t> begins_;                    // of the stretches, ascending
  std::vector<std::vector<const Section*>> there_;  // by stretch; ascending time
};

// All processes of a capture.
class ImageSet {
 public:
  // `symfs`: a directory in which the traced files lie as in the traced machine's root, or side by side; empty: none.
  static ImageSet from_capture(const capture::Reader&, const std::string& symfs = "");
  // The program image of `pid` at `time` (the exec epoch that contains it).
  [[nodiscard]] const ImageTimeline& at(int32_t pid, uint64_t time) const;
  [[nodiscard]] const std::string& comm(int32_t pid, uint64_t time) const;
  // The process of a thread; `tid` itself when no record tells.
  [[nodiscard]] int32_t pid_of(int32_t tid) const;
  // When the programs of a process began (fork, exec), ascending.
  [[nodiscard]] std::vector<uint64_t> begins(int32_t pid) const;

  // One record of sideband, as from_capture feeds it; in ascending time.
  void add_section(int32_t pid, const Section& section);
  void add_exec(int32_t pid, uint64_t time, const std::string& comm);
  void add_comm(int32_t pid, const std::string& comm);
  void add_fork(int32_t pid, int32_t parent, uint64_t time);
  // The kernel's code, for programs known by now. Once, behind all else.
  void add_kernel(const std::vector<Section>& sections);

 private:
  struct Epoch {
    uint64_t begin = 0;
    std::string comm;
    ImageTimeline images;
  };
  Epoch& current(int32_t pid);
  [[nodiscard]] const Epoch* find(int32_t pid, uint64_t time) const;
  std::map<int32_t, std::vector<Epoch>> epochs_;
  std::map<int32_t, int32_t> pids_;  // by tid
  ImageTimeline kernel_;             // of who has no program: idle cpus, kernel threads
};

}  // namespace tracectl::decode
