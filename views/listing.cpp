// SPDX-License-Identifier: MIT
#include "views/listing.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tracectl::views {
namespace {

const char* name_of(decode::BranchKind kind) {
  using decode::BranchKind;
  switch (kind) {
    case BranchKind::none:
      return "";
    case BranchKind::cond:
      return "cond";
    case BranchKind::jump:
    case BranchKind::indirect_jump:
      return "jump";
    case BranchKind::call:
    case BranchKind::indirect_call:
      return "call";
    case BranchKind::ret:
      return "return";
    case BranchKind::syscall:
      return "syscall";
    case BranchKind::far:
      return "far";
  }
  return "";
}

}  // namespace

bool loss_line(Out& out, int32_t tid, const decode::Stamp& stamp, const decode::Loss& loss) {
  const char* kind = kLossNames[static_cast<size_t>(loss.kind)];
  if (out.json())
    out.line(fmt::format(R"({{"tid":{},"loss":"{}","what":{},"offset":{},"bytes":{}}})", tid, kind, quoted(loss.what),
                         stamp.offset, loss.bytes));
  else if (loss.kind == LossKind::undecodable)
    out.line(fmt::format("{} ! trace lost at byte {}: {} ({} bytes skipped)", tid, stamp.offset, loss.what, loss.bytes));
  else
    out.line(fmt::format("{} ! {}, before byte {}", tid, kind, stamp.offset));
  return out.ok();
}

bool unplaced_loss_line(Out& out, LossKind kind, uint64_t count) {
  const auto index = static_cast<size_t>(kind);
  if (out.json())
    out.line(fmt::format(R"({{"tid":null,"loss":"{}","count":{},"what":{}}})", kLossNames[index], count,
                         quoted(kLossMeanings[index])));
  else
    out.line(fmt::format("! {}: {} {}", kLossNames[index], count, kLossMeanings[index]));
  return out.ok();
}

bool event_line(Out& out, int32_t tid, const decode::Event& event) {
  using Kind = decode::Event::Kind;
  if (event.kind != Kind::gap && event.kind != Kind::overflow) return out.ok();
  const bool gap = event.kind == Kind::gap;
  if (out.json())
    out.line(gap ? fmt::format(R"({{"tid":{},"gap":{}}})", tid, event.to)
                 : fmt::format(R"({{"tid":{},"overflow":"{:x}"}})", tid, event.ip));
  else
    out.line(gap ? fmt::format("{} - {} bytes of trace not kept (mode = ring)", tid, event.to)
                 : fmt::format("{} ! overflow: the trace unit dropped packets; trace goes on at {:x}", tid, event.ip));
  return out.ok();
}

bool Branches::on_event(const decode::Stamp&, const decode::Event& event) { return event_line(out_, context_.tid, event); }

bool Branches::on_block(const decode::Stamp& stamp, const decode::Block& b) {
  if (!b.taken) return true;
  decode::Locator& locator = *context_.locator;
  locator.advance(stamp.time);
  const std::string from = decode::describe(locator.at(b.last, stamp.time), b.last);
  const std::string to = b.to == 0 ? "?" : decode::describe(locator.at(b.to, stamp.time), b.to);
  if (out_.json()) {
    out_.line(fmt::format(R"({{"tid":{},"kind":"{}","from":"{:x}","from_symbol":{},"to":{},"to_symbol":{}}})", context_.tid,
                          name_of(b.kind), b.last, quoted(from), b.to == 0 ? "null" : fmt::format("\"{:x}\"", b.to),
                          b.to == 0 ? "null" : quoted(to)));
    return out_.ok();
  }
  const std::string target = b.to == 0 ? "" : fmt::format("{:x} ", b.to);
  out_.line(fmt::format("{} {:<8}{:x} {} → {}{}", context_.tid, name_of(b.kind), b.last, from, target, to));
  return out_.ok();
}

bool Branches::on_loss(const decode::Stamp& stamp, const decode::Loss& loss) {
  return loss_line(out_, context_.tid, stamp, loss);
}

void Instructions::fill(Text& text, const decode::Stamp& stamp, const decode::Block& b) {
  text = {};
  text.last = b.last;
  text.insns = b.insns;
  uint64_t ip = b.ip;
  for (uint32_t i = 0; i < b.insns; ++i) {
    const auto code = context_.locator->code(ip, stamp.time);
    // Where the code is gone the address of the last instruction is still known.
    const uint8_t size = code.empty() ? 0 : length_of(length_, code, ip, b.isa);
    if (raw_) {
      fmt::format_to(std::back_inserter(text.lines), "{} {:x}\n", context_.tid, ip);
    } else {
      const decode::Place& place = context_.locator->at(ip, stamp.time);
      const std::string words = size == 0 ? "(bad)" : disassembler_.text(code.subspan(0, size), ip, b.isa);
      const std::string source = decode::describe(place.line());
      if (out_.json()) {
        text.each.push_back(fmt::format(R"({{"tid":{},"address":"{:x}","symbol":{},"text":{},"line":{}}})", context_.tid, ip,
                                        quoted(decode::describe(place, ip)), quoted(words), quoted(source)));
        text.sources.emplace_back();
        ip = size == 0 || i + 2 == b.insns ? b.last : ip + size;
        continue;
      }
      text.each.push_back(fmt::format("{} {:>12x} {:<28} {}", context_.tid, ip, decode::describe(place, ip), words));
      text.sources.push_back(source);
    }
    ip = size == 0 || i + 2 == b.insns ? b.last : ip + size;
  }
}

const Instructions::Text& Instructions::text_of(const decode::Stamp& stamp, const decode::Block& b) {
  if (context_.locator->stale(stamp.time)) {
    context_.locator->advance(stamp.time);
    texts_.clear();
  }
  Text& text = texts_[b.ip];
  // A block may be cut short by a signal or a pause: then its text is made anew.
  if (text.last != b.last || text.insns != b.insns) fill(text, stamp, b);
  return text;
}

bool Instructions::on_block(const decode::Stamp& stamp, const decode::Block& b) {
  const Text& text = text_of(stamp, b);
  if (raw_) {
    out_.lines(text.lines, text.insns);
    return out_.ok();
  }
  for (size_t i = 0; i < text.each.size() && out_.ok(); ++i) {
    const std::string& source = text.sources[i];
    if (source == source_) {
      out_.line(text.each[i]);
    } else {
      out_.line(fmt::format("{:<90} {}", text.each[i], source));
      source_ = source;
    }
  }
  return out_.ok();
}

bool Instructions::on_event(const decode::Stamp&, const decode::Event& event) {
  if (event.kind == decode::Event::Kind::switched) texts_.clear();
  return raw_ ? out_.ok() : event_line(out_, context_.tid, event);
}

bool Instructions::on_loss(const decode::Stamp& stamp, const decode::Loss& loss) {
  if (raw_) return out_.ok();
  return loss_line(out_, context_.tid, stamp, loss);
}

}  // namespace tracectl::views
