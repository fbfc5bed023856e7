// SPDX-License-Identifier: MIT
// Our filter compiler against the running kernel's: each filter goes to both, as
// PERF_EVENT_IOC_SET_FILTER on the tracepoint's perf event and to compile_filter(), and both must
// take it or both refuse it. Some of the filters are written by hand, the others made from a
// grammar and then damaged, always the same ones.
// What we refuse although the kernel takes it stands in kStricter, each with its reason
// (docs/plan.md, "Filters"); the other way round there is nothing.
// Exit 77: no root, no tracefs or no such tracepoints here.
// Source: kernel/trace/trace_events_filter.c; tools: perf_event_open(2).
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "core/perf/kernel.hpp"
#include "core/perf/uapi.hpp"
#include "triggers/filter.hpp"
#include "triggers/trigger_kinds.hpp"

using namespace tracectl;

namespace {

// A part of our message, and why we refuse what the kernel takes.
struct Stricter {
  const char* message;
  const char* reason;
};
constexpr Stricter kStricter[] = {
    {"without .ustring no hit passes", "the kernel compares text with a pointer of user memory, which never fits"},
    {"a pattern that begins with a digit", "the kernel takes such a glob as plain text"},
    {"CPUS{} lists are not supported", "sets of cpus: compares of cpu say the same"},
    {"\".function\" is not supported", "kernel symbols: the emulated machine runs no kernel"},
    {"cannot be filtered on", "args is an array, of which the kernel compares the first bytes"},
    {"a filter of more than 64 compares", "one truth value a compare fits a word of the trace unit's memory"},
    {"parentheses are nested too deeply", "more than 100: the compiler is recursive, the kernel's is not"},
    {"no field \"stacktrace\"", "the kernel's stack: the emulated machine has none"},
    {"no field \"STACKTRACE\"", "the same"},
    {"the filter ends where a field should stand",
     "a trailing && or ||: the kernel ignores it, the user has forgotten something"},
};

class Tracepoint {
 public:
  Tracepoint(const std::string& group, const std::string& name) : event_(group + ":" + name) {
    for (const char* root : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
      std::ifstream in(fmt::format("{}/events/{}/{}/id", root, group, name));
      if (in >> id_) break;
    }
    if (id_ != 0) first_ = open();
    const auto on = parse_on("tracepoint:" + event_);
    if (on) fields_ = syscall_fields(on->syscall, on->syscall_exit);
  }
  // Keeps one event open: the others come and go without the tracepoint's code being patched.
  [[nodiscard]] bool there() const { return first_.error == 0 && first_.fd && !fields_.empty(); }
  [[nodiscard]] const std::string& event() const { return event_; }
  [[nodiscard]] const std::vector<FilterFieldInfo>& fields() const { return fields_; }
  // 0, or the errno of the refusal.
  [[nodiscard]] int kernel(const std::string& filter) const {
    const auto opened = open();
    if (opened.error != 0) return opened.error;
    return ::ioctl(opened.fd.get(), PERF_EVENT_IOC_SET_FILTER, filter.c_str()) == 0 ? 0 : errno;
  }

 private:
  [[nodiscard]] perf::OpenOutcome open() const {
    perf_event_attr attr{};
    attr.type = PERF_TYPE_TRACEPOINT;
    attr.config = id_;
    attr.size = perf::kAttrSize;
    attr.disabled = 1;
    return perf::event_open(attr, 0, -1);
  }
  std::string event_;
  uint64_t id_ = 0;
  perf::OpenOutcome first_;
  std::vector<FilterFieldInfo> fields_;
};

struct Counts {
  unsigned taken = 0, refused = 0, stricter = 0, wrong = 0;
};

const char* reason_of(const std::string& message) {
  for (const Stricter& s : kStricter)
    if (message.find(s.message) != std::string::npos) return s.reason;
  return nullptr;
}

void compare(const Tracepoint& tp, const std::string& filter, Counts& counts) {
  const int error = tp.kernel(filter);
  const auto ours = compile_filter(filter, tp.fields());
  if (ours.has_value() == (error == 0)) {
    ++(error == 0 ? counts.taken : counts.refused);
    return;
  }
  if (!ours && reason_of(ours.error().message) != nullptr) {
    ++counts.stricter;
    return;
  }
  ++counts.wrong;
  fmt::print("FAIL {} `{}`: the kernel {}, we {}\n", tp.event(),
             filter.size() > 200 ? filter.substr(0, 200) + "..." : filter, error == 0 ? "takes it" : std::strerror(error),
             ours ? "take it" : ours.error().message);
}

// Each is tried on every tracepoint of main().
constexpr const char* kByHand[] = {
    "",
    " ",
    "common_pid",
    "common_pid ==",
    "== 1",
    "common_pid == 1",
    "common_pid==1",
    "  common_pid  ==  1  ",
    "\tcommon_pid\t==\t1\n",
    "common_pid = 1",
    "common_pid === 1",
    "common_pid =! 1",
    "common_pid <> 1",
    "common_pid => 1",
    "common_pid =< 1",
    "common_pid < = 1",
    "common_pid ! = 1",
    "common_pid != 1",
    "common_pid <= 1",
    "common_pid >= 1",
    "common_pid > 1",
    "common_pid < 1",
    "common_pid & 1",
    "common_pid && 1",
    "common_pid | 1",
    "common_pid ^ 1",
    "common_pid + 1",
    "common_pid ~ 1",
    "common_pid ~ \"1\"",
    "common_pid == \"1\"",
    "common_pid == '1'",
    "common_pid == 1 1",
    "common_pid == 1,2",
    "common_pid == 1.0",
    "common_pid == 1e3",
    "common_pid == 0x1",
    "common_pid == 0X1F",
    "common_pid == 0x",
    "common_pid == 0xfg",
    "common_pid == 017",
    "common_pid == 018",
    "common_pid == 00",
    "common_pid == 0",
    "common_pid == -0",
    "common_pid == -1",
    "common_pid == --1",
    "common_pid == - 1",
    "common_pid == +1",
    "common_pid == -",
    "common_pid == -0x10",
    "common_pid == -010",
    "common_pid == 0b1",
    "common_pid == 1_000",
    "common_pid == 1k",
    "common_pid == x",
    "common_pid == ret",
    "common_pid == (1)",
    "common_pid == 1)",
    "(common_pid == 1",
    "(common_pid == 1)",
    "((common_pid == 1))",
    "( common_pid == 1 )",
    "(common_pid) == 1",
    "common_pid (== 1)",
    "()",
    "( )",
    "(",
    ")",
    ")(",
    "!",
    "!!",
    "!common_pid",
    "!common_pid == 1",
    "!!common_pid == 1",
    "! common_pid == 1",
    "!(common_pid == 1)",
    "! ( common_pid == 1 )",
    "!!(common_pid == 1)",
    "!(!(common_pid == 1))",
    "!()",
    "(!common_pid == 1)",
    "!((common_pid == 1)",
    "common_pid == 1 && common_pid == 2",
    "common_pid == 1&&common_pid == 2",
    "common_pid == 1 & common_pid == 2",
    "common_pid == 1 && && common_pid == 2",
    "common_pid == 1 &&& common_pid == 2",
    "common_pid == 1 || common_pid == 2",
    "common_pid == 1||common_pid==2",
    "common_pid == 1 | common_pid == 2",
    "common_pid == 1 || || common_pid == 2",
    "common_pid == 1 || && common_pid == 2",
    "common_pid == 1 and common_pid == 2",
    "common_pid == 1 or common_pid == 2",
    "common_pid == 1 &&",
    "common_pid == 1 ||",
    "common_pid == 1 && ",
    "&& common_pid == 1",
    "|| common_pid == 1",
    "common_pid == 1 common_pid == 2",
    "common_pid == 1; common_pid == 2",
    "common_pid == 1 # x",
    "common_pid == 1 && (common_pid == 2 || common_pid == 3)",
    "(common_pid == 1 && common_pid == 2) || common_pid == 3",
    "(common_pid == 1)(common_pid == 2)",
    "(common_pid == 1) (common_pid == 2)",
    "(common_pid == 1) && (common_pid == 2)",
    "(common_pid == 1) & (common_pid == 2)",
    "(common_pid == 1)&&!(common_pid == 2)",
    "(common_pid == 1) ! (common_pid == 2)",
    "common_pid == 1 && !",
    "common_pid == 1 && !common_pid == 2",
    "common_pid == 1 !&& common_pid == 2",
    "comm",
    "comm ==",
    "comm == \"a\"",
    "comm == 'a'",
    "comm == \"a'",
    "comm == 'a\"",
    "comm == \"a",
    "comm == a\"",
    "comm == a",
    "comm == 1",
    "comm == \"\"",
    "comm == ''",
    "comm != \"\"",
    "comm ~ \"\"",
    "comm ~ \"*\"",
    "comm ~ \"a*\"",
    "comm ~ \"*a\"",
    "comm ~ \"*a*\"",
    "comm ~ \"a*b\"",
    "comm ~ \"?\"",
    "comm ~ \"[a-z]*\"",
    "comm ~ \"[!a]\"",
    "comm ~ \"[a\"",
    "comm ~ \"a\\*\"",
    "comm ~ \"!a*\"",
    "comm ~ '!'",
    "comm ~ \"1*\"",
    "comm ~ \"1\"",
    "comm ~ \"[1]*\"",
    "comm ~ a*",
    "comm ~ 1",
    "comm !~ \"a\"",
    "comm =~ \"a\"",
    "comm < \"a\"",
    "comm > \"a\"",
    "comm <= \"a\"",
    "comm >= \"a\"",
    "comm & \"a\"",
    "!comm == \"a\"",
    "comm == \"a\" \"b\"",
    "comm == \"a\" && comm == \"b\"",
    "comm == \"a\"&&comm == \"b\"",
    "comm == \"a\")",
    "(comm == \"a\")",
    "comm == \"&&\"",
    "comm == \"(\"",
    "comm == \"a b\"",
    "comm == \" a\"",
    "COMM == \"a\"",
    "Comm == \"a\"",
    "common_comm == \"a\"",
    "comm.ustring == \"a\"",
    "comm.ustring ~ \"a*\"",
    "comm.string == \"a\"",
    "comm. == \"a\"",
    "comm .ustring == \"a\"",
    "cpu == 1",
    "CPU == 1",
    "common_cpu == 1",
    "Cpu == 1",
    "cpu == -1",
    "cpu < 4",
    "cpu & 1",
    "cpu == \"1\"",
    "cpu ~ \"1\"",
    "CPU & CPUS{0-3}",
    "cpu & CPUS{1}",
    "CPU == CPUS{1}",
    "CPUS{1} == CPU",
    "cpu & CPUS{1",
    "cpu & CPUS{}",
    "cpu & CPUS{x}",
    "common_type == 1",
    "common_flags == 1",
    "common_flags & 0x4",
    "common_flags == -1",
    "common_preempt_count == 0",
    "common_type == 65535",
    "common_type == 65536",
    "common_type == -1",
    "common_flags == 256",
    "common_pid == 2147483648",
    "common_pid == 4294967295",
    "common_pid == 9223372036854775807",
    "common_pid == 9223372036854775808",
    "common_pid == -9223372036854775808",
    "common_pid == -9223372036854775809",
    "common_pid == 18446744073709551615",
    "common_pid == 99999999999999999999",
    "common_pid == 0x7fffffffffffffff",
    "common_pid == 0xffffffffffffffff",
    "common_pid == 0x10000000000000000",
    "common_pid == 01777777777777777777777",
    "nothing == 1",
    "common == 1",
    "pid == 1",
    "common_pid2 == 1",
    "_pid == 1",
    "1 == common_pid",
    "1",
    "\"a\"",
    "common_pid[0] == 1",
    "common-pid == 1",
    "common_pid.x == 1",
    "common_pid.function == 1",
    "common_pid.function == main",
    "common_pid.ustring == \"1\"",
    "stacktrace == 1",
    "STACKTRACE == 1",
    "common_stacktrace == 1",
    "stacktrace.function == vfs_read",
    "__syscall_nr == 1",
    "__syscall_nr < 0",
    "common_pid == 1 \x01",
    "gr\xc3\xb6\xc3\x9f"
    "e == 1",
    "comm == \"gr\xc3\xb6\xc3\x9f"
    "e\"",
    "common_pid == \xc3\xa9",
    "none",
    "0",
    "1 ",
    "common_pid\xc2\xa0== 1",
    "common_pid == 1\n&& common_pid == 2",
    "common_pid\n==\n1",
    "\vcommon_pid == 1",
    "common_pid != 0 && common_pid != 1 && common_pid != 2 && common_pid != 3 && common_pid != 4 && common_pid != 5",
    "common_pid\\ == 1",
    "\\common_pid == 1",
    "common_pid == '1",
    "common_pid == \"",
    "comm == \"",
    "comm == '",
    "comm == \"\"\"",
    "comm == \"a\\\"b\"",
    "common_pid==1||",
    "common_pid==1&&(",
    "common_pid==1&&)",
    "(common_pid==1&&)",
    "(common_pid==1)||",
    "((common_pid==1)&&(common_pid==2)||!(common_pid==3))",
    "!(common_pid==1&&common_pid==2)||common_pid==3"};

// Filters of a grammar like the kernel's, some of them damaged.
class Maker {
 public:
  Maker(const std::vector<FilterFieldInfo>& fields, unsigned seed) : fields_(fields), random_(seed) {}

  std::string next() {
    std::string out = expression(3);
    if (roll(10) < 4) damage(out);
    return out;
  }

 private:
  unsigned roll(unsigned n) { return static_cast<unsigned>(random_() % n); }
  template <size_t N>
  std::string pick(const std::array<const char*, N>& words) {
    return words[roll(N)];
  }
  std::string blank() { return roll(3) == 0 ? "" : roll(6) == 0 ? "  " : " "; }

  std::string expression(unsigned depth) {
    std::string out = term(depth);
    for (unsigned more = roll(3); more != 0; --more) out += blank() + pick(std::array{"&&", "||"}) + blank() + term(depth);
    return out;
  }
  std::string term(unsigned depth) {
    const std::string negation = roll(6) == 0 ? "!" + blank() : "";
    if (depth != 0 && roll(4) == 0) return negation + "(" + blank() + expression(depth - 1) + blank() + ")";
    return negation + comparison();
  }
  std::string comparison() {
    const auto& field = fields_[roll(static_cast<unsigned>(fields_.size()))];
    const std::string name = field.name + (field.is_pointer && roll(3) != 0 ? ".ustring" : "");
    const std::string op = pick(std::array{"==", "!=", "<", "<=", ">", ">=", "&", "~"});
    const bool text = field.is_text ? roll(5) != 0 : roll(12) == 0;
    return name + blank() + op + blank() + (text ? quoted() : number());
  }
  std::string quoted() {
    const std::string quote = pick(std::array{"\"", "\"", "'"});
    return quote + pick(std::array{"bash", "*", "a*", "*a*", "[a-c]?", "!x*", "", "1*", "a b", "12", "/etc/*"}) + quote;
  }
  std::string number() {
    return pick(std::array{"0", "1", "-1", "42", "0x1f", "0XAB", "010", "09", "-0x8", "4294967296", "18446744073709551615",
                           "9223372036854775808", "1k", "0x", "--1", "x"});
  }
  void damage(std::string& text) {
    for (unsigned n = 1 + roll(2); n != 0 && !text.empty(); --n) {
      const unsigned at = roll(static_cast<unsigned>(text.size()));
      const std::string c =
          pick(std::array{"(", ")", "!", "&", "|", "=", "<", " ", "\"", "'", "~", "x", "1", "-", ".", "\\"});
      if (roll(2) == 0)
        text.erase(at, 1);
      else
        text.insert(at, c);
    }
  }

  const std::vector<FilterFieldInfo>& fields_;
  std::mt19937 random_;
};

std::string repeated(const std::string& part, const std::string& between, unsigned count) {
  std::string out;
  for (unsigned i = 0; i < count; ++i) out += (i == 0 ? "" : between) + part;
  return out;
}

// What only length makes wrong.
std::vector<std::string> long_ones() {
  std::vector<std::string> out;
  for (const unsigned n : {254, 255, 256, 257, 300}) out.push_back("comm == \"" + std::string(n, 'a') + "\"");
  for (const unsigned n : {8, 16, 31, 32, 33, 50, 63, 64, 65, 100, 150, 200}) {
    out.push_back(repeated("cpu == 1", " || ", n));
    out.push_back(repeated("cpu == 1", " && ", n));
    out.push_back(std::string(n, '(') + "cpu == 1" + std::string(n, ')'));
    out.push_back(std::string(n, '!') + "cpu == 1");
    out.push_back(repeated("!(", "", n) + "cpu == 1" + std::string(n, ')'));
  }
  for (const unsigned n : {4000, 4087, 4088, 4095, 4096, 5000}) out.push_back("cpu == 1" + std::string(n - 8, ' '));
  for (const unsigned n : {17, 21, 22, 23, 24, 100}) {
    out.push_back("cpu == " + std::string(n, '0') + "1");
    out.push_back("cpu == -" + std::string(n, '0') + "1");
    out.push_back("cpu == 0x" + std::string(n, '0') + "1");
  }
  out.push_back(std::string(300, 'x') + " == 1");
  return out;
}

}  // namespace

int main() {
  if (::geteuid() != 0) {
    fmt::print("skipped: the kernel takes filters on tracepoints from root only\n");
    return 77;
  }
  std::vector<Tracepoint> tracepoints;
  for (const char* name : {"sys_exit_read", "sys_enter_openat", "sys_enter_write"})
    tracepoints.emplace_back("syscalls", name);
  for (const char* name : {"sys_enter", "sys_exit"}) tracepoints.emplace_back("raw_syscalls", name);
  for (const Tracepoint& tp : tracepoints)
    if (!tp.there()) {
      fmt::print("skipped: {} cannot be opened here (no tracefs, or no such tracepoint)\n", tp.event());
      return 77;
    }
  Counts counts;
  unsigned seed = 1;
  for (const Tracepoint& tp : tracepoints) {
    for (const char* filter : kByHand) compare(tp, filter, counts);
    Maker maker(tp.fields(), seed++);
    for (int n = 0; n < 400; ++n) compare(tp, maker.next(), counts);
  }
  for (const std::string& filter : long_ones()) compare(tracepoints.front(), filter, counts);
  for (const char* filter : {"filename == \"x\"", "filename == 'x' && flags & 1", "filename.ustring == \"x\"", "dfd == -100",
                             "dfd == 0xffffff9c", "flags & 0x40", "mode == 0644", "filename.ustring ~ \"/etc/*\"",
                             "filename.ustring < \"x\"", "filename == 5", "filename != 0", "flags.ustring == \"x\"",
                             "filename.ustring == 5", "filename.ustringx == \"x\"", "filename.ustring.ustring == \"x\""})
    compare(tracepoints[1], filter, counts);
  for (const char* filter : {"id == 1", "id == -1", "args == 1", "args == \"x\"", "args[0] == 1", "id == 257 && cpu == 0"})
    compare(tracepoints[3], filter, counts);
  fmt::print("both take {}, both refuse {}, we alone refuse {} (each for a reason of docs/plan.md), wrong {}\n",
             counts.taken, counts.refused, counts.stricter, counts.wrong);
  return counts.wrong == 0 && counts.taken > 200 && counts.refused > 200 ? 0 : 1;
}
