#include "leftovers.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "injector.h"

namespace conclave::test {
namespace {

int entries(const char* folder) {
  DIR* open = opendir(folder);
  int count = 0;
  while (open != nullptr && readdir(open) != nullptr) count++;
  if (open != nullptr) closedir(open);
  return count;
}

int mapped_weights() {
  FILE* maps = std::fopen("/proc/self/maps", "r");
  char line[4096];
  int count = 0;
  while (maps != nullptr && std::fgets(line, sizeof(line), maps) != nullptr) {
    if (std::strstr(line, ".safetensors") != nullptr) count++;
  }
  if (maps != nullptr) std::fclose(maps);
  return count;
}

}  // namespace

Leftovers leftovers() {
  return {entries("/proc/self/fd"), entries("/proc/self/task"), mapped_weights(), live_blocks()};
}

std::string difference(const Leftovers& before) {
  Leftovers now = leftovers();
  for (int i = 0; i < 100 && now.threads > before.threads; i++) {
    usleep(1000);
    now.threads = entries("/proc/self/task");
  }
  if (now == before) return {};
  char text[160];
  std::snprintf(text, sizeof(text), "%+d descriptors, %+d threads, %+d mappings, %+lld blocks",
                now.descriptors - before.descriptors, now.threads - before.threads,
                now.mapped_weights - before.mapped_weights,
                static_cast<long long>(now.blocks - before.blocks));
  return text;
}

}  // namespace conclave::test
