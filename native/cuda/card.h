#pragma once
// A CUDA card as the executor sees a device.
#include <map>
#include <memory>

#include "cuda/runtime.h"
#include "cuda/stream.h"

namespace conclave::cuda {

class CudaCard : public Device {
 public:
  // deterministic: batch-invariant kernels alone. Throws gpu_unavailable.
  explicit CudaCard(bool deterministic);
  ~CudaCard() override;

  Stream& stream() override { return *stream_; }
  const char* name() const override { return runtime::device_name(); }
  bool reads_host_memory() const override { return false; }
  std::string failure() const override { return runtime::failure(); }
  std::byte* allocate(int64_t bytes) override;
  void free(std::byte* memory) noexcept override;
  void write(void* to, const void* from, int64_t bytes) override;
  void read_rows(void* to, const void* from, int64_t bytes, int64_t pitch, int64_t rows) override;
  void copy(void* to, const void* from, int64_t bytes) override;
  void finish() override;
  bool works_alone() const override { return true; }
  const std::byte* fetch_rows(const void* from, int64_t bytes, int64_t pitch,
                              int64_t rows) override;
  void set_mark() override;
  bool reach_mark(const std::function<bool()>& interrupted) override;
  void set_num_live(const int32_t* num_live) override { stream_->num_live_tokens = num_live; }
  bool records() const override { return true; }
  // The first time a key is seen its work is done as it is, which sizes the scratch memory; the
  // second time it is written down; from then on it is replayed.
  void run(const std::vector<int64_t>& key, const std::function<void()>& work) override;

 private:
  struct Recording {
    void* graph = nullptr;
    int64_t generation = 0;  // of the stream's scratch memory
  };
  void* record(const std::function<void()>& work);
  void forget_recordings() noexcept;
  std::byte* staging(int64_t bytes);

  std::unique_ptr<CudaStream> stream_;
  // A ring of pinned memory that copies from and to the host go through. Counted in bytes since the
  // start: copies behind landed_ may be in progress, staged_ is where the next piece begins.
  std::byte* staging_ = nullptr;
  int64_t staged_ = 0, landed_ = 0;
  void* mark_ = nullptr;
  int64_t staged_at_mark_ = 0;
  std::map<std::vector<int64_t>, Recording> recordings_;
};

}  // namespace conclave::cuda
