// SPDX-License-Identifier: MIT
// ThreadBuffers::complete(): the trace of a thread that died, finished from its shared memory.
#include "machines/emulated/buffers.hpp"

#include <sys/mman.h>

#include "core/capture/reader.hpp"
#include "test/unit/core/capture_fixture.hpp"

using namespace capture_fixture;
using tracectl::emulated::ThreadBuffers;

namespace {

constexpr uint64_t kPage = 4096, kRing = 16 * kPage;

// The thread's own view of its memory.
class View {
 public:
  explicit View(const ThreadBuffers& buffers)
      : base_(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, buffers.memory(), 0)) {
    REQUIRE(base_ != MAP_FAILED);
  }
  ~View() { ::munmap(base_, kSize); }
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  [[nodiscard]] perf_event_mmap_page& page() const { return *static_cast<perf_event_mmap_page*>(base_); }
  [[nodiscard]] char* aux() const { return static_cast<char*>(base_) + kSize - kRing; }

 private:
  static constexpr uint64_t kSize = kPage + kRing + kPage + kRing;
  void* base_;
};

// The bytes of the one stream that complete() leaves, from `offset` of the stream on.
std::string completed(ThreadBuffers& buffers, uint64_t* offset) {
  TempDir dir;
  auto writer = cap::Writer::create(setup(dir / "c"));
  REQUIRE(writer);
  REQUIRE(buffers.complete(*writer, true));
  REQUIRE(writer->finish());
  const auto reader = cap::Reader::open(dir / "c");
  REQUIRE(reader);
  REQUIRE(reader->streams().size() == 1);
  std::string out;
  for (const auto& fragment : reader->streams()[0].fragments) {
    if (out.empty()) *offset = fragment.aux_offset;
    const auto bytes = reader->bytes(fragment);
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return out;
}

// Buffers whose thread wrote `text` from position `begin` of its stream, the ring's wrap included.
ThreadBuffers written(const std::string& text, uint64_t begin) {
  auto buffers = ThreadBuffers::create(0, 1000, 1001, kRing, kRing);
  REQUIRE(buffers);
  const View view(*buffers);
  for (size_t i = 0; i < text.size(); ++i) view.aux()[(begin + i) % kRing] = text[i];
  buffers->state().pt.pos = begin + text.size();
  return std::move(*buffers);
}

void hand_over(const ThreadBuffers& buffers, uint64_t aux_head, uint64_t published) {
  View(buffers).page().aux_head = aux_head;
  buffers.state().published = published;
}

}  // namespace

TEST_CASE("a thread that died leaves what it had not handed over") {
  auto buffers = written("0123456789abcdef", 0);
  hand_over(buffers, 8, 8);
  uint64_t offset = 0;
  CHECK(completed(buffers, &offset) == "89abcdef");
  CHECK(offset == 8);
}

TEST_CASE("a thread that died while it handed trace over loses none of it") {
  auto buffers = written("0123456789abcdef", 0);
  hand_over(buffers, 8, 16);  // `published` was advanced, aux_head not yet
  uint64_t offset = 0;
  CHECK(completed(buffers, &offset) == "89abcdef");
  CHECK(offset == 8);
}

TEST_CASE("what is left lies across the ring's wrap") {
  auto buffers = written("0123456789abcdef", kRing - 8);
  hand_over(buffers, kRing - 8, kRing - 8);
  uint64_t offset = 0;
  CHECK(completed(buffers, &offset) == "0123456789abcdef");
  CHECK(offset == kRing - 8);
}
