#pragma once
// Planting mistakes: small kernels that are right, and wrong in one way each.
#include <cstdint>
#include <functional>
#include <string>

namespace conclave::test {

// Device memory of the harness.
template <class T>
struct Buffer {
  explicit Buffer(int n);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  T* data;
};

// One block.
void run_block(const char* name, int threads, int64_t shared, const std::function<void()>& body);

// How a run can end. A guard page ends its process, so each has its own.
constexpr int kRight = 0, kWrong = 1, kFault = 2, kGuard = 3;

// `is_right` runs a kernel and compares. It must hold in every order of threads and of copies …
void check_sound(const std::string& what, const std::function<bool()>& is_right);
// … or must end like `how` in at least one of them.
void check_seen(const std::string& what, const std::function<bool()>& is_right, int how);

// What is planted, and how it ends. Plant{} is no mistake.
template <class Plant>
struct Mistake {
  const char* name;
  Plant plant;
  int how;
};

template <class Plant, size_t N>
void check_mistakes(const char* sound, bool (*is_right)(Plant),
                    const Mistake<Plant> (&mistakes)[N]) {
  check_sound(sound, [&] { return is_right(Plant{}); });
  for (const Mistake<Plant>& mistake : mistakes)
    check_seen(
        mistake.name, [&] { return is_right(mistake.plant); }, mistake.how);
}

void test_hopper_faults();
void test_attention_faults();

}  // namespace conclave::test
