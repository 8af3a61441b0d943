#include "io/mapped_file.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "expect.h"
#include "files.h"

namespace conclave::test {
namespace {

using io::MappedFile;

void refuses_what_is_no_file() {
  const TemporaryFolder folder;
  mkfifo(folder.at("fifo").c_str(), 0600);
  const int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, folder.at("socket").c_str(), sizeof(address.sun_path) - 1);
  bind(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  std::filesystem::create_symlink(folder.at("nowhere"), folder.at("dangling"));
  std::filesystem::create_symlink(folder.at("loop"), folder.at("loop"));
  const struct {
    std::string path;
    const char* code;
  } cases[] = {
      {folder.at("fifo"), "invalid_file"},
      {folder.at("socket"), "invalid_file"},
      {folder.at(""), "invalid_file"},
      {"/dev/null", "invalid_file"},
      {"/dev/zero", "invalid_file"},
      {folder.at("missing"), "io_error"},
      {folder.at("dangling"), "io_error"},
      {folder.at("loop"), "io_error"},
      {folder.at("fifo") + "/x", "io_error"},
      {std::string("a\0b", 3), "path_forbidden"},
      {"", "io_error"},
  };
  for (const auto& c : cases) {
    const auto start = std::chrono::steady_clock::now();
    expect_code(c.code, "", "ST-12 " + c.path, [&] { MappedFile file(c.path); });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    expect(seconds.count() < 1, "ST-12 at once: " + c.path);
  }
  close(socket_fd);
  if (geteuid() != 0) {  // root may read everything
    chmod(folder.write("secret", "x").c_str(), 0);
    expect_code("io_error", "open", "ST-12 unreadable", [&] { MappedFile f(folder.at("secret")); });
  }
}

void maps() {
  const TemporaryFolder folder;
  MappedFile file(folder.write("x", "abc"));
  expect(file.size() == 3 && std::memcmp(file.data(), "abc", 3) == 0, "maps bytes");
  file.advise_sequential(0, 3);
  file.advise_willneed(1, 1'000'000);
  file.advise_dontneed(0, 3);
  file.advise_dontneed(5, 2);
  expect(std::memcmp(file.data(), "abc", 3) == 0, "reads again after dontneed");
  file.check_unchanged();
  MappedFile moved(std::move(file));
  expect(moved.size() == 3, "moves");
  std::filesystem::create_symlink(folder.at("x"), folder.at("link"));
  MappedFile(folder.at("link")).check_unchanged();
  MappedFile empty(folder.write("empty", ""));
  expect(empty.size() == 0, "maps an empty file");
  empty.advise_willneed(0, 10);
}

void notices_changes() {
  const TemporaryFolder folder;
  const struct {
    const char* name;
    void (*change)(const std::string& path, const TemporaryFolder& folder);
  } cases[] = {
      {"truncated",
       [](const std::string& p, const TemporaryFolder&) { std::filesystem::resize_file(p, 1); }},
      {"appended", [](const std::string& p,
                      const TemporaryFolder&) { std::ofstream(p, std::ios::app) << "x"; }},
      {"replaced",
       [](const std::string& p, const TemporaryFolder& f) {
         std::filesystem::rename(f.write("new", "abc"), p);
       }},
      {"removed", [](const std::string& p, const TemporaryFolder&) { std::filesystem::remove(p); }},
      {"rewritten",
       [](const std::string& p, const TemporaryFolder& f) {
         f.write("x", "xyz");
         const auto later = std::filesystem::last_write_time(p) + std::chrono::seconds(2);
         std::filesystem::last_write_time(p, later);
       }},
  };
  for (const auto& c : cases) {
    const std::string path = folder.write("x", "abc");
    const MappedFile file(path);
    c.change(path, folder);
    expect_code("file_changed", path, std::string("ST-11 ") + c.name,
                [&] { file.check_unchanged(); });
  }
}

void survives_truncation() {
  const TemporaryFolder folder;
  const std::string path = folder.write("x", std::string(1 << 20, 'x'));
  const MappedFile file(path);
  const MappedFile other(folder.write("y", std::string(1 << 16, 'y')));
  std::filesystem::resize_file(path, 10);
  size_t zeros = 0;
  for (uint64_t i = 0; i < file.size(); i += 4096) zeros += file.data()[i] == std::byte{0};
  expect(zeros == (1 << 20) / 4096 - 1, "ST-11 reads zeros, no signal");
  expect_code("file_changed", path, "ST-11 after the fault", [&] { file.check_unchanged(); });
  other.check_unchanged();
}

void passes_on_foreign_faults() {
  struct sigaction guard {};
  sigaction(SIGBUS, nullptr, &guard);
  expect((guard.sa_flags & SA_SIGINFO) != 0, "the guard is installed");
  const pid_t child = fork();
  if (child == 0) {
    raise(SIGBUS);  // a fault that is not ours ends the process as it would have
    raise(SIGBUS);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  // By the signal itself, or by the report of a sanitizer that had the handler before.
  const bool survived = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  expect(!survived, "foreign SIGBUS is passed on");
}

}  // namespace

void mapped_file_tests() {
  refuses_what_is_no_file();
  maps();
  notices_changes();
  survives_truncation();
  passes_on_foreign_faults();
}

}  // namespace conclave::test
