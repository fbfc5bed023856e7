// SPDX-License-Identifier: MIT
// Perfetto: a capture as a Perfetto trace (protobuf), for ui.perfetto.dev and its trace
// processor.
//
// Shape: a track for each thread (or cpu) with the calls as slices; below it tracks named
// "windows", "triggers" and "losses". Annotations: instructions of a call, number of a window,
// action of a trigger, kind and amount of a loss. Losses without a known place are on one
// track of the whole trace, at its end.
// Units: ns of the perf clock. Order: by track, not by time: Perfetto sorts.
// Memory: names are interned; packets are written as they come.
// Source: perfetto, protos/perfetto/trace/: trace_packet.proto, track_event/*.proto,
// interned_data/interned_data.proto.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>

#include "core/protobuf.hpp"
#include "decode/image.hpp"
#include "decode/trigger_hits.hpp"
#include "views/out.hpp"
#include "views/timed_calls.hpp"

namespace tracectl::views {

class Perfetto {
 public:
  Perfetto(const decode::ImageSet& images, Out& out);

  void window(const decode::Window& window, const std::string& name);
  void hit(const decode::TriggerHit& hit);
  // What a record of the capture tells of loss; 0 of `count` writes nothing.
  void loss(const capture::Record& where, LossKind kind, uint64_t count);
  // What nothing tells the place of: once, behind everything else.
  void loss_somewhere(LossKind kind, uint64_t count);

  class Stream final : public TimedCalls {
   public:
    Stream(Perfetto& trace, const StreamContext& context);

   protected:
    void begin_call(uint64_t time, const decode::Place& place, uint64_t entry) override;
    void end_call(uint64_t time, uint64_t insns) override;
    void left_thread() override { track_ = 0; }
    void lost(uint64_t time, const decode::Stamp& stamp, const decode::Loss& loss) override;
    [[nodiscard]] bool wants_more() const override { return trace_.out_.ok(); }

   private:
    Perfetto& trace_;
    uint64_t track_ = 0;
  };

 private:
  enum class Part : uint32_t { process = 1, thread, cpu, windows, triggers, losses };
  enum class Type : uint32_t { begin = 1, end = 2, instant = 3 };
  struct Lane {
    int32_t pid = -1, tid = -1, cpu = -1;
  };
  // One kind of interned text: numbers from 1 in the order of first use.
  struct Interned {
    uint32_t field = 0;  // of InternedData
    std::unordered_map<std::string, uint64_t> ids;
  };

  // The track of a lane, described when it is new.
  uint64_t track(Part part, const Lane& lane);
  uint64_t process_track(int32_t pid);
  uint64_t lane_track(const Lane& lane);
  void describe(uint64_t uuid, uint64_t parent, const std::string& name, uint32_t field, const Protobuf& what);
  uint64_t intern(Interned& kind, const std::string& text);
  uint64_t call_name(const decode::Place& place, uint64_t entry);
  uint64_t source_of(const decode::Place& place);
  Protobuf event(Type type, uint64_t track, const char* category);
  void name(Protobuf& event, const std::string& text);
  void annotate(Protobuf& event, const char* key, uint64_t value);
  void annotate(Protobuf& event, const char* key, const std::string& value);
  void loss_event(uint64_t time, uint64_t track, LossKind kind, uint64_t count, const decode::Loss* more, uint64_t offset);
  void write(uint64_t time, const Protobuf& event);
  void packet(Protobuf& packet);

  const decode::ImageSet& images_;
  Out& out_;
  std::set<uint64_t> described_;
  Interned categories_, names_, keys_;
  std::unordered_map<const decode::Symbol*, uint64_t> call_names_, sources_;
  Protobuf fresh_;  // interned since the last packet
  uint64_t last_ = 0;
  bool first_ = true;
};

}  // namespace tracectl::views
