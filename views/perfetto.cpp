// SPDX-License-Identifier: MIT
#include "views/perfetto.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "views/utf8.hpp"

namespace tracectl::views {
namespace {

// Field numbers, by message. Source: see the header.
namespace trace {
constexpr uint32_t kPacket = 1;
}
namespace trace_packet {
constexpr uint32_t kTimestamp = 8, kSequenceId = 10, kTrackEvent = 11, kInternedData = 12, kSequenceFlags = 13,
                   kTrackDescriptor = 60, kFirstPacket = 87;
constexpr uint64_t kStateCleared = 1, kNeedsState = 2;  // SequenceFlags
}  // namespace trace_packet
namespace track_descriptor {
constexpr uint32_t kUuid = 1, kName = 2, kProcess = 3, kThread = 4, kParent = 5;
}
namespace process_descriptor {
constexpr uint32_t kPid = 1, kName = 6;
}
namespace thread_descriptor {
constexpr uint32_t kPid = 1, kTid = 2, kName = 5;
}
namespace track_event {
constexpr uint32_t kCategory = 3, kAnnotation = 4, kType = 9, kName = 10, kTrack = 11, kSource = 34;
}
namespace annotation {
constexpr uint32_t kKey = 1, kUint = 3, kString = 6;
}
namespace interned_data {
constexpr uint32_t kCategories = 1, kEventNames = 2, kAnnotationNames = 3, kSourceLocations = 4;
}
namespace interned {  // EventCategory, EventName, DebugAnnotationName
constexpr uint32_t kId = 1, kText = 2;
}
namespace source_location {
constexpr uint32_t kId = 1, kFile = 2, kFunction = 3, kLine = 4;
}

uint64_t uuid_of(uint32_t part, int32_t number) { return uint64_t{part} << 32 | static_cast<uint32_t>(number); }

const char* action_name(Action action) {
  return action == Action::resume ? "resume" : action == Action::pause ? "pause" : "snapshot";
}

}  // namespace

Perfetto::Perfetto(const decode::ImageSet& images, Out& out)
    : images_(images),
      out_(out),
      categories_{interned_data::kCategories, {}},
      names_{interned_data::kEventNames, {}},
      keys_{interned_data::kAnnotationNames, {}} {}

void Perfetto::packet(Protobuf& packet) {
  if (!fresh_.empty()) packet.message(trace_packet::kInternedData, fresh_);
  fresh_.clear();
  packet.number(trace_packet::kSequenceId, 1);
  packet.number(trace_packet::kSequenceFlags, first_ ? trace_packet::kStateCleared : trace_packet::kNeedsState);
  if (first_) packet.number(trace_packet::kFirstPacket, 1);
  first_ = false;
  Protobuf whole;
  whole.message(trace::kPacket, packet);
  out_.bytes(whole.text());
}

void Perfetto::write(uint64_t time, const Protobuf& event) {
  Protobuf p;
  p.number(trace_packet::kTimestamp, time);
  p.message(trace_packet::kTrackEvent, event);
  last_ = std::max(last_, time);
  packet(p);
}

void Perfetto::describe(uint64_t uuid, uint64_t parent, const std::string& name, uint32_t field, const Protobuf& what) {
  Protobuf track;
  track.number(track_descriptor::kUuid, uuid);
  if (parent != 0) track.number(track_descriptor::kParent, parent);
  if (!name.empty()) track.bytes(track_descriptor::kName, valid_utf8(name));
  if (field != 0) track.message(field, what);
  Protobuf p;
  p.message(trace_packet::kTrackDescriptor, track);
  packet(p);
}

uint64_t Perfetto::process_track(int32_t pid) {
  const uint64_t uuid = uuid_of(static_cast<uint32_t>(Part::process), pid);
  if (!described_.insert(uuid).second) return uuid;
  Protobuf process;
  process.number(process_descriptor::kPid, static_cast<uint32_t>(pid));
  if (const std::string& comm = images_.comm(pid, ~uint64_t{0}); !comm.empty())
    process.bytes(process_descriptor::kName, valid_utf8(comm));
  describe(uuid, 0, "", track_descriptor::kProcess, process);
  return uuid;
}

uint64_t Perfetto::lane_track(const Lane& lane) {
  const bool cpu = lane.tid < 0;
  const uint64_t uuid = uuid_of(static_cast<uint32_t>(cpu ? Part::cpu : Part::thread), cpu ? lane.cpu : lane.tid);
  if (!described_.insert(uuid).second) return uuid;
  if (cpu) {
    describe(uuid, 0, fmt::format("cpu {}", lane.cpu), 0, {});
    return uuid;
  }
  const int32_t pid = lane.pid >= 0 ? lane.pid : images_.pid_of(lane.tid);
  const uint64_t process = process_track(pid);
  Protobuf thread;
  thread.number(thread_descriptor::kPid, static_cast<uint32_t>(pid));
  thread.number(thread_descriptor::kTid, static_cast<uint32_t>(lane.tid));
  if (const std::string& comm = images_.comm(pid, ~uint64_t{0}); !comm.empty())
    thread.bytes(thread_descriptor::kName, valid_utf8(comm));
  describe(uuid, process, "", track_descriptor::kThread, thread);
  return uuid;
}

uint64_t Perfetto::track(Part part, const Lane& lane) {
  const uint64_t parent = lane_track(lane);
  if (part == Part::thread) return parent;
  // A cpu's tracks must not meet a thread's of the same number.
  const uint64_t uuid = parent | uint64_t{static_cast<uint32_t>(part)} << 40;
  if (!described_.insert(uuid).second) return uuid;
  describe(uuid, parent, part == Part::windows ? "windows" : part == Part::triggers ? "triggers" : "losses", 0, {});
  return uuid;
}

uint64_t Perfetto::intern(Interned& kind, const std::string& text) {
  const auto [at, fresh] = kind.ids.emplace(text, kind.ids.size() + 1);
  if (!fresh) return at->second;
  Protobuf entry;
  entry.number(interned::kId, at->second);
  entry.bytes(interned::kText, valid_utf8(text));
  fresh_.message(kind.field, entry);
  return at->second;
}

uint64_t Perfetto::call_name(const decode::Place& place, uint64_t entry) {
  if (place.symbol == nullptr) return intern(names_, decode::describe(place, entry));
  uint64_t& id = call_names_[place.symbol];
  if (id == 0) id = intern(names_, place.symbol->name);
  return id;
}

// 0 where no line is known.
uint64_t Perfetto::source_of(const decode::Place& place) {
  if (place.symbol == nullptr) return 0;
  const auto [at, fresh] = sources_.emplace(place.symbol, 0);
  if (!fresh) return at->second;
  const auto line = place.line();
  if (!line) return 0;
  at->second = sources_.size();
  Protobuf entry;
  entry.number(source_location::kId, at->second);
  entry.bytes(source_location::kFile, valid_utf8(line->file));
  entry.bytes(source_location::kFunction, valid_utf8(place.symbol->name));
  entry.number(source_location::kLine, line->line);
  fresh_.message(interned_data::kSourceLocations, entry);
  return at->second;
}

Protobuf Perfetto::event(Type type, uint64_t track, const char* category) {
  Protobuf e;
  e.number(track_event::kType, static_cast<uint32_t>(type));
  e.number(track_event::kTrack, track);
  if (category != nullptr) e.number(track_event::kCategory, intern(categories_, category));
  return e;
}

void Perfetto::name(Protobuf& event, const std::string& text) { event.number(track_event::kName, intern(names_, text)); }

void Perfetto::annotate(Protobuf& event, const char* key, uint64_t value) {
  Protobuf a;
  a.number(annotation::kKey, intern(keys_, key));
  a.number(annotation::kUint, value);
  event.message(track_event::kAnnotation, a);
}

void Perfetto::annotate(Protobuf& event, const char* key, const std::string& value) {
  Protobuf a;
  a.number(annotation::kKey, intern(keys_, key));
  a.bytes(annotation::kString, valid_utf8(value));
  event.message(track_event::kAnnotation, a);
}

void Perfetto::window(const decode::Window& w, const std::string& text) {
  const uint64_t on = track(Part::windows, {w.pid, w.tid, w.cpu});
  Protobuf begin = event(Type::begin, on, "window");
  name(begin, text);
  annotate(begin, "window", w.number);
  write(w.begin, begin);
  // A slice without an end is what an open window is.
  if (!w.open) write(w.end, event(Type::end, on, nullptr));
}

void Perfetto::hit(const decode::TriggerHit& hit) {
  Protobuf e = event(Type::instant, track(Part::triggers, {hit.pid, hit.tid, hit.cpu}), "trigger");
  name(e, hit.name);
  annotate(e, "action", std::string(action_name(hit.action)));
  if (hit.ip != 0) annotate(e, "address", fmt::format("{:#x}", hit.ip));
  write(hit.time, e);
}

void Perfetto::loss_event(uint64_t time, uint64_t track, LossKind kind, uint64_t count, const decode::Loss* more,
                          uint64_t offset) {
  Protobuf e = event(Type::instant, track, "loss");
  const size_t index = static_cast<size_t>(kind);
  name(e, std::string("loss: ") + kLossNames[index]);
  annotate(e, "kind", std::string(kLossNames[index]));
  annotate(e, "amount", count);
  annotate(e, "meaning", std::string(kLossMeanings[index]));
  if (more != nullptr) {
    annotate(e, "what", more->what);
    annotate(e, "bytes_skipped", more->bytes);
    annotate(e, "trace_offset", offset);
  }
  write(time, e);
}

void Perfetto::loss(const capture::Record& where, LossKind kind, uint64_t count) {
  if (count == 0) return;
  loss_event(where.time, track(Part::losses, {where.pid, where.tid, where.cpu}), kind, count, nullptr, 0);
}

void Perfetto::loss_somewhere(LossKind kind, uint64_t count) {
  if (count == 0) return;
  const uint64_t uuid = uuid_of(static_cast<uint32_t>(Part::losses), 0);
  if (described_.insert(uuid).second) describe(uuid, 0, "losses, place unknown", 0, {});
  loss_event(last_, uuid, kind, count, nullptr, 0);
}

Perfetto::Stream::Stream(Perfetto& trace, const StreamContext& context)
    : TimedCalls(context), trace_(trace), track_(trace.track(Part::thread, {context.pid, context.tid, context.cpu})) {}

void Perfetto::Stream::begin_call(uint64_t time, const decode::Place& place, uint64_t entry) {
  if (track_ == 0) track_ = trace_.track(Part::thread, {context().pid, context().tid, context().cpu});
  Protobuf e = trace_.event(Type::begin, track_, "call");
  e.number(track_event::kName, trace_.call_name(place, entry));
  if (const uint64_t source = trace_.source_of(place); source != 0) e.number(track_event::kSource, source);
  trace_.write(time, e);
}

void Perfetto::Stream::end_call(uint64_t time, uint64_t insns) {
  Protobuf e = trace_.event(Type::end, track_, nullptr);
  trace_.annotate(e, "instructions", insns);
  trace_.write(time, e);
}

void Perfetto::Stream::lost(uint64_t time, const decode::Stamp& stamp, const decode::Loss& loss) {
  if (loss.kind != LossKind::undecodable && loss.kind != LossKind::overflow) return;  // from its record, with its count
  const uint64_t on = trace_.track(Part::losses, {context().pid, context().tid, context().cpu});
  trace_.loss_event(time, on, loss.kind, 1, &loss, stamp.offset);
}

}  // namespace tracectl::views
