// SPDX-License-Identifier: MIT
// The control socket: what is a request, what is answered, and clients that do not behave.
#include "core/control.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "capture_fixture.hpp"
#include "core/clock.hpp"
#include "core/control_address.hpp"
#include "core/control_client.hpp"
#include "core/control_server.hpp"

using namespace tracectl;
using namespace capture_fixture;
using Json = nlohmann::json;
using std::chrono::milliseconds;

namespace {

// A session without channels in a thread of its own; its machine has one thread, and writes down what it was told.
class Running {
 public:
  explicit Running(const std::string& directory, BufferMode mode = BufferMode::ring, size_t threads = 1) {
    plan_.buffer.mode = mode;
    plan_.limits.duration = std::chrono::seconds(60);  // should a test fail
    auto writer = cap::Writer::create(setup(directory));
    REQUIRE(writer);
    writer_ = std::make_unique<cap::Writer>(std::move(*writer));
    session_ = std::make_unique<Session>(*writer_, plan_.limits);
    control_ = std::make_unique<ControlServer>(plan_, *writer_, *session_);
    session_->after_drain([this] {
      ++drains;
      control_->tick();
    });
    ControlHandlers handlers;
    handlers.status = [threads](SessionStatus& s) {
      s.windows = 3;
      for (size_t i = 0; i < threads; ++i)
        s.threads.push_back({7, static_cast<int32_t>(8 + i), -1, TraceState::window, 99, 3});
    };
    handlers.act = [this](Action a) -> Result<ControlLater> {
      ++(a == Action::pause ? pauses : resumes);
      return [] { return std::optional(ControlDone{2, 1, 0}); };
    };
    handlers.snapshot = [this]() -> Result<ControlLater> {
      return [this]() -> std::optional<ControlDone> {  // an answer that takes some rounds
        if (++rounds < 3) return std::nullopt;
        return ControlDone{1, 0, 4096};
      };
    };
    REQUIRE(control_->listen(handlers));
    thread_ = std::thread([this] {
      (void)session_->run();
      control_->close();
    });
  }
  ~Running() { join(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  void join() {
    if (!thread_.joinable()) return;
    (void)ask_session(writer_->directory(), ControlCommand::stop);
    thread_.join();
  }
  const std::string& reason() const { return session_->stop_reason(); }

  std::atomic<int> pauses{0}, resumes{0}, rounds{0}, drains{0};

 private:
  ResolvedPlan plan_;
  std::unique_ptr<cap::Writer> writer_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<ControlServer> control_;
  std::thread thread_;
};

Fd connected(const std::string& directory) {
  const Fd at(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const ControlAddress address(at.get());
  REQUIRE(::connect(fd.get(), address.get(), address.size()) == 0);
  timeval patience{10, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

// What comes until the session closes the connection.
std::string rest_of(const Fd& fd) {
  std::string out;
  char bytes[4096];
  for (ssize_t n = 0; (n = ::recv(fd.get(), bytes, sizeof bytes, 0)) > 0;) out.append(bytes, static_cast<size_t>(n));
  return out;
}

Json asked(const std::string& directory, ControlCommand command) {
  const auto line = ask_session(directory, command);
  REQUIRE(line);
  REQUIRE(line->find('\n') == std::string::npos);
  return Json::parse(*line);
}

}  // namespace

TEST_CASE("control: requests") {
  for (const auto command : {ControlCommand::status, ControlCommand::pause, ControlCommand::resume, ControlCommand::snapshot,
                             ControlCommand::stop}) {
    REQUIRE(parse_request(name_of(command)));
    CHECK(*parse_request(name_of(command)) == command);
  }
  CHECK(parse_request("status\r"));
  for (const char* bad : {"", " ", "status ", "Status", "statu", "status pause", "\r", "{\"do\":\"stop\"}"})
    CHECK_FALSE(parse_request(bad));
  const auto error = parse_request("sto\x01p \xff" + std::string(500, 'x')).error();
  CHECK(error.what.find("sto.p .xxx") != std::string::npos);
  CHECK(error.what.size() < 120);
  CHECK(error.hint.find("snapshot") != std::string::npos);
}

TEST_CASE("control: answers are one line, with every kind of loss") {
  SessionStatus s;
  s.machine = "kernel";
  s.mode = "full";
  CHECK(Json::parse(status_answer(s)).at("state") == "idle");
  s.threads = {{1, 1, -1, TraceState::paused, 0, 0}};
  CHECK(Json::parse(status_answer(s)).at("state") == "paused");
  s.threads.push_back({1, 2, -1, TraceState::running, 5, 0});
  CHECK(Json::parse(status_answer(s)).at("state") == "running");
  s.threads.push_back({1, 3, -1, TraceState::window, 5, 1});
  s.loss[LossKind::truncated] = 4;
  s.by_hand = ControlCommand::pause;
  const std::string line = status_answer(s);
  const Json json = Json::parse(line);
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(json.at("state") == "window");
  CHECK(json.at("by_hand") == "pause");
  CHECK(json.at("threads").size() == 3);
  CHECK(json.at("threads")[1].at("state") == "running");
  CHECK(json.at("loss").size() == kLossKinds);
  CHECK(json.at("loss").at("truncated") == 4);
  const Json refused = Json::parse(error_answer({ErrorKind::usage, "a\nb", "c"}));
  CHECK(refused.at("ok") == false);
  CHECK(refused.at("exit") == 2);
  CHECK(error_answer({ErrorKind::usage, "a\nb", "c"}).find('\n') ==
        error_answer({ErrorKind::usage, "a\nb", "c"}).size() - 1);
}

TEST_CASE("control: a session is asked and told") {
  const TempDir dir;
  const std::string capture = dir / "capture";
  Running running(capture);
  struct stat st {};
  REQUIRE(::lstat((capture + "/control").c_str(), &st) == 0);
  CHECK(S_ISSOCK(st.st_mode));
  CHECK((st.st_mode & 07777) == 0600);
  CHECK(st.st_uid == ::geteuid());
  const Json status = asked(capture, ControlCommand::status);
  CHECK(status.at("windows") == 3);
  CHECK(status.at("mode") == "ring");
  CHECK(status.at("by_hand").is_null());
  CHECK(asked(capture, ControlCommand::pause).at("waiting") == 1);
  CHECK(asked(capture, ControlCommand::status).at("by_hand") == "pause");
  CHECK(asked(capture, ControlCommand::resume).at("threads") == 2);
  CHECK(running.pauses == 1);
  CHECK(running.resumes == 1);
  CHECK(asked(capture, ControlCommand::snapshot).at("bytes") == 4096);
  CHECK(running.rounds == 3);
  CHECK(asked(capture, ControlCommand::stop).at("ok") == true);
  running.join();
  CHECK(running.reason() == "tracectl ctl stop");
  CHECK(::lstat((capture + "/control").c_str(), &st) != 0);
  const auto after = ask_session(capture, ControlCommand::status);
  REQUIRE_FALSE(after);
  CHECK(after.error().what == "no session runs on " + capture);
}

TEST_CASE("control: a snapshot of what is kept anyway is refused") {
  const TempDir dir;
  Running running(dir / "capture", BufferMode::full);
  const Json answer = asked(dir / "capture", ControlCommand::snapshot);
  CHECK(answer.at("ok") == false);
  CHECK(answer.at("exit") == 2);
  CHECK(answer.at("error").get<std::string>().find("full") != std::string::npos);
}

TEST_CASE("control: a path longer than a socket's may be") {
  const TempDir dir;
  const std::string capture = dir / std::string(200, 'd');
  Running running(capture);
  CHECK(asked(capture, ControlCommand::status).at("ok") == true);
}

TEST_CASE("control: an answer larger than the socket's buffer") {
  const TempDir dir;
  Running running(dir / "capture", BufferMode::ring, 30000);
  CHECK(asked(dir / "capture", ControlCommand::status).at("threads").size() == 30000);
}

TEST_CASE("control: garbage is answered, and the session goes on") {
  const TempDir dir;
  const std::string capture = dir / "capture";
  Running running(capture);
  for (const std::string& text :
       {std::string("bogus\n"), std::string("\n"), std::string(64, 'x'), std::string(8, '\0') + "\n"}) {
    const Fd fd = connected(capture);
    REQUIRE(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
    const Json answer = Json::parse(rest_of(fd));
    CHECK(answer.at("ok") == false);
    CHECK(answer.at("hint").get<std::string>().find("status") != std::string::npos);
  }
  const Fd fd = connected(capture);
  const std::string megabyte(1 << 20, 'y');
  (void)::send(fd.get(), megabyte.data(), megabyte.size(), MSG_NOSIGNAL);  // cut short: the session reads 64 bytes
  (void)rest_of(fd);
  // A request in pieces, and more than one behind each other: the first counts.
  const Fd slow = connected(capture);
  for (const char* piece : {"sta", "tus", "\nstop\n"}) {
    (void)::send(slow.get(), piece, std::strlen(piece), MSG_NOSIGNAL);
    std::this_thread::sleep_for(milliseconds(20));
  }
  CHECK(Json::parse(rest_of(slow)).at("windows") == 3);
  CHECK(asked(capture, ControlCommand::status).at("ok") == true);
}

TEST_CASE("control: clients that hang are dropped, and nobody waits for them") {
  const TempDir dir;
  const std::string capture = dir / "capture";
  Running running(capture);
  std::vector<Fd> silent;
  for (int i = 0; i < 15; ++i) silent.push_back(connected(capture));
  const uint64_t begin = monotonic_ns();
  CHECK(asked(capture, ControlCommand::status).at("ok") == true);
  CHECK(monotonic_ns() - begin < 1'000'000'000);
  silent.push_back(connected(capture));
  std::this_thread::sleep_for(milliseconds(100));                   // all are accepted
  CHECK(asked(capture, ControlCommand::status).at("ok") == false);  // the seventeenth
  const int before = running.drains;
  CHECK(rest_of(silent.front()).empty());  // dropped within 2 s
  CHECK(monotonic_ns() - begin < 5'000'000'000);
  CHECK(running.drains - before > 10);  // the session went on meanwhile
  std::this_thread::sleep_for(milliseconds(300));
  CHECK(asked(capture, ControlCommand::status).at("ok") == true);
}

TEST_CASE("control: many clients at once are all served") {
  const TempDir dir;
  const std::string capture = dir / "capture";
  Running running(capture);
  std::atomic<int> served{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&] {
      for (int k = 0; k < 25; ++k) served += ask_session(capture, ControlCommand::status) ? 1 : 0;
    });
  for (auto& c : clients) c.join();
  CHECK(served == 200);
}

TEST_CASE("control: no session, in words") {
  const TempDir dir;
  CHECK(ask_session(dir / "nothing", ControlCommand::status).error().what.find("cannot open") != std::string::npos);
  ::mkdir((dir / "empty").c_str(), 0700);
  CHECK(ask_session(dir / "empty", ControlCommand::status).error().what.find("is no capture") != std::string::npos);
  // What a kill -9 leaves: a socket on which nobody listens.
  const std::string capture = dir / "capture";
  { REQUIRE(cap::Writer::create(setup(capture))); }
  const Fd at(::open(capture.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const ControlAddress address(at.get());
  Fd left(::socket(AF_UNIX, SOCK_STREAM, 0));
  REQUIRE(::bind(left.get(), address.get(), address.size()) == 0);
  left.reset();
  const auto killed = ask_session(capture, ControlCommand::status);
  REQUIRE_FALSE(killed);
  CHECK(killed.error().what.find("left by a tracectl that was killed") != std::string::npos);
  CHECK(killed.error().hint.find("repair") != std::string::npos);
}

TEST_CASE("control: a session that does not answer") {
  const TempDir dir;
  const std::string capture = dir / "capture";
  { REQUIRE(cap::Writer::create(setup(capture))); }
  const Fd at(::open(capture.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const ControlAddress address(at.get());
  const Fd stopped(::socket(AF_UNIX, SOCK_STREAM, 0));
  REQUIRE(::bind(stopped.get(), address.get(), address.size()) == 0);
  REQUIRE(::listen(stopped.get(), 0) == 0);
  const uint64_t begin = monotonic_ns();
  const auto first = ask_session(capture, ControlCommand::status, milliseconds(200));
  const auto second = ask_session(capture, ControlCommand::status, milliseconds(200));  // its queue is full
  for (const auto* answer : {&first, &second}) {
    REQUIRE_FALSE(*answer);
    CHECK(answer->error().what.find("did not answer within 200 ms") != std::string::npos);
  }
  CHECK(monotonic_ns() - begin < 5'000'000'000);
}
