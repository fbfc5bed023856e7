// SPDX-License-Identifier: MIT
// compare ORACLE_LOG DECODED [TID [LOG...]]: is the decoded sequence what QEMU's log says?
//
// ORACLE_LOG: of qemu-x86_64 -singlestep -d in_asm,exec,nochain: a "Trace" line for each
// instruction begun; in_asm's bytes tell which are `rep` (its repetitions are one
// instruction). A "Stopped execution" line takes the Trace line before it back.
// The other LOGs of the same process are read for such bytes only: each instruction is
// translated, and shown, once.
// DECODED: of `tracectl script instructions --raw`, lines "TID ADDRESS"; with TID only its.
// Accepted, and counted: single instructions that were begun but not completed (faults).
// Output: "COUNT HASH EXTRAS", HASH as `--digest` has it; a difference on stderr. Exit: 0 equal,
// 1 different, 2 unusable input. DECODED "-": only the oracle's digest.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

class Lines {
 public:
  explicit Lines(const char* path) : file_(std::fopen(path, "r")) {}
  ~Lines() {
    if (file_ != nullptr) std::fclose(file_);
    std::free(line_);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  [[nodiscard]] bool open() const { return file_ != nullptr; }
  const char* next() { return getline(&line_, &size_, file_) < 0 ? nullptr : line_; }

 private:
  std::FILE* file_;
  char* line_ = nullptr;
  size_t size_ = 0;
};

bool is_string_instruction(const char* bytes) {
  bool rep = false;
  for (char* end = nullptr;; bytes = end) {
    const unsigned long byte = std::strtoul(bytes, &end, 16);
    if (end - bytes != 3 && end - bytes != 2) return false;
    if (byte == 0xf2 || byte == 0xf3) {
      rep = true;
    } else if (byte != 0x66 && byte != 0x67 && (byte & 0xf0) != 0x40 && byte != 0x2e && byte != 0x36 && byte != 0x3e &&
               byte != 0x26 && byte != 0x64 && byte != 0x65) {
      return rep && ((byte >= 0xa4 && byte <= 0xa7) || (byte >= 0xaa && byte <= 0xaf) || (byte >= 0x6c && byte <= 0x6f));
    }
  }
}

class Oracle {
 public:
  explicit Oracle(const char* path) : lines_(path) {}
  [[nodiscard]] bool open() const { return lines_.open(); }
  // Takes in which instructions of another log are `rep`.
  void learn(const char* path) {
    Lines lines(path);
    if (!lines.open()) return;
    while (const char* line = lines.next()) note_bytes(line);
  }
  // False at the end. One line is held back: it may be taken back.
  bool next(uint64_t& ip) {
    uint64_t at = 0;
    while (read(at)) {
      if (times_ != 0 && at == held_ && rep_.count(at) != 0) {
        ++times_;
        continue;
      }
      ip = std::exchange(held_, at);
      if (std::exchange(times_, 1) != 0) return true;
    }
    ip = held_;
    return std::exchange(times_, 0) != 0;
  }

 private:
  bool read(uint64_t& at) {
    while (const char* line = lines_.next()) {
      if (std::strncmp(line, "Trace ", 6) == 0) {
        const char* slash = std::strchr(line, '/');
        if (slash == nullptr) continue;
        at = std::strtoull(slash + 1, nullptr, 16);
        return true;
      }
      if (std::strncmp(line, "Stopped execution", 17) == 0) {
        if (times_ != 0) --times_;  // it did not begin
      } else {
        note_bytes(line);
      }
    }
    return false;
  }

  // "0x401136:  f3 a4   rep movsb ..."
  void note_bytes(const char* line) {
    if (line[0] != '0' || line[1] != 'x') return;
    char* end = nullptr;
    const uint64_t ip = std::strtoull(line, &end, 16);
    while (*end == ':' || *end == ' ') ++end;
    if (is_string_instruction(end)) rep_.insert(ip);
  }

  Lines lines_;
  std::unordered_set<uint64_t> rep_;
  uint64_t held_ = 0, times_ = 0;  // times_: 0 none is held, else repetitions
};

class Decoded {
 public:
  Decoded(const char* path, const char* tid) : lines_(path), tid_(tid) {}
  [[nodiscard]] bool open() const { return lines_.open(); }
  bool next(uint64_t& ip) {
    while (const char* line = lines_.next()) {
      const char* blank = std::strchr(line, ' ');
      if (blank == nullptr) continue;
      if (tid_ != nullptr && (std::strlen(tid_) != static_cast<size_t>(blank - line) ||
                              std::strncmp(line, tid_, static_cast<size_t>(blank - line)) != 0))
        continue;
      ip = std::strtoull(blank + 1, nullptr, 16);
      return true;
    }
    return false;
  }

 private:
  Lines lines_;
  const char* tid_;
};

struct Digest {
  uint64_t hash = 0xcbf29ce484222325ull, count = 0;
  void add(uint64_t ip) {
    hash = (hash ^ ip) * 0x100000001b3ull;
    ++count;
  }
};

int differ(uint64_t index, uint64_t oracle, bool have_oracle, uint64_t decoded, bool have_decoded,
           const std::deque<uint64_t>& before) {
  std::fprintf(stderr,
               "difference at instruction %" PRIu64 ": oracle %s %" PRIx64 ", decoded %s %" PRIx64 "; before it:", index,
               have_oracle ? "" : "(end)", oracle, have_decoded ? "" : "(end)", decoded);
  for (const uint64_t ip : before) std::fprintf(stderr, " %" PRIx64, ip);
  std::fputc('\n', stderr);
  return 1;
}

int compare(Oracle& oracle, Decoded& decoded) {
  Digest digest;
  std::vector<uint64_t> extras;
  std::deque<uint64_t> before;
  uint64_t o = 0, d = 0;
  bool have_o = oracle.next(o);
  bool have_d = decoded.next(d);
  while (have_o || have_d) {
    if (!have_o || !have_d || o != d) {
      const uint64_t begun = o;
      uint64_t behind = 0;
      const bool more = have_o && oracle.next(behind);
      if (!have_o || more != have_d || (more && behind != d)) return differ(digest.count, o, have_o, d, have_d, before);
      extras.push_back(begun);
      o = behind;
      have_o = more;
      continue;
    }
    digest.add(o);
    before.push_back(o);
    if (before.size() > 12) before.pop_front();
    have_o = oracle.next(o);
    have_d = decoded.next(d);
  }
  std::printf("%" PRIu64 " %016" PRIx64 " %zu\n", digest.count, digest.hash, extras.size());
  for (const uint64_t ip : extras) std::printf("begun %" PRIx64 "\n", ip);
  return 0;
}

int digest_only(Oracle& oracle) {
  Digest digest;
  for (uint64_t ip = 0; oracle.next(ip);) digest.add(ip);
  std::printf("%" PRIu64 " %016" PRIx64 " 0\n", digest.count, digest.hash);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  Oracle oracle(argv[1]);
  if (!oracle.open()) return 2;
  for (int i = 4; i < argc; ++i) oracle.learn(argv[i]);
  if (std::strcmp(argv[2], "-") == 0) return digest_only(oracle);
  Decoded decoded(argv[2], argc > 3 ? argv[3] : nullptr);
  return decoded.open() ? compare(oracle, decoded) : 2;
}
