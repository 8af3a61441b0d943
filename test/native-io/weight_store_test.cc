#include "io/weight_store.h"

#include "expect.h"
#include "files.h"

namespace conclave::test {
namespace {

std::string file_of(const std::string& name, int bytes) {
  const std::string n = std::to_string(bytes);
  return safetensors(
      "{\"" + name + "\":{\"dtype\":\"U8\",\"shape\":[" + n + "],\"data_offsets\":[0," + n + "]}}",
      static_cast<size_t>(bytes));
}

std::string of_empty_tensors(const std::string& prefix, int count) {
  std::string header = "{";
  for (int i = 0; i < count; i++)
    header += (i ? ",\"" : "\"") + prefix + std::to_string(i) +
              "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
  return safetensors(header + "}", 0);
}

void limits_tensors() {
  const TemporaryFolder folder;
  std::vector<std::string> paths;
  for (const char* name : {"a", "b", "c"})
    paths.push_back(folder.write(name, of_empty_tensors(name, 100'000)));
  expect_code("invalid_file", "262,144", "ST-10 in several files", [&] { io::WeightStore{paths}; });
  paths.pop_back();
  expect(io::WeightStore(paths).num_tensors() == 200'000, "ST-10 two files");
}

}  // namespace

void weight_store_tests() {
  const TemporaryFolder folder;
  const std::string one = folder.write("1.safetensors", file_of("a", 3));
  const std::string two = folder.write("2.safetensors", file_of("b", 5));
  const std::string again = folder.write("3.safetensors", file_of("a", 2));

  const io::WeightStore store({one, two});
  expect(store.num_files() == 2 && store.num_tensors() == 2 && store.total_bytes() == 8, "store");
  const io::StoredTensor b = store.find("b");
  expect(b && b.file_index == 1 && b.entry->bytes() == 5 && b.data()[4] == std::byte{4}, "find");
  expect(!store.find("c"), "find nothing");
  expect_code("invalid_file", "\"c\"", "at", [&] { (void)store.at("c"); });
  expect_code("invalid_file", "3.safetensors", "IX-1 in two files", [&] {
    io::WeightStore({one, again});
  });
  expect_code("invalid_file", "\"a\"", "IX-1 one file twice", [&] { io::WeightStore({one, one}); });
  expect_code("io_error", "missing", "missing", [&] { io::WeightStore({folder.at("missing")}); });
  expect(io::WeightStore({}).num_tensors() == 0, "empty store");
  store.check_unchanged();
  std::filesystem::resize_file(two, 20);
  expect_code("file_changed", "2.safetensors", "ST-11 store", [&] { store.check_unchanged(); });
  limits_tensors();
}

}  // namespace conclave::test
