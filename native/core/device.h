#pragma once
// What ops run on: a stream that says where, and the device behind it as the executor sees it.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace conclave {

enum class DeviceKind { cpu, cuda };

// Each device room derives its own stream; an op's check-and-dispatch file looks at `kind`.
struct Stream {
  DeviceKind kind;

 protected:
  explicit Stream(DeviceKind k) : kind(k) {}
  ~Stream() = default;
};

// Memory of a device, and work on it in the order of the calls. One thread at a time, but for free.
class Device {
 public:
  virtual ~Device() = default;

  virtual Stream& stream() = 0;
  // As model.info.device has it.
  virtual const char* name() const = 0;
  // True where kernels read the host's memory: weights then stay where they lie.
  virtual bool reads_host_memory() const = 0;
  // A sentence where the device cannot be used by this process any more; else empty. Any thread.
  virtual std::string failure() const { return {}; }

  // On 64 bytes; throws insufficient_memory or gpu_out_of_memory.
  virtual std::byte* allocate(int64_t bytes) = 0;
  virtual void free(std::byte* memory) noexcept = 0;
  // From host memory, which may be written again when this returns.
  virtual void write(void* to, const void* from, int64_t bytes) = 0;
  // Into host memory, after all that was asked for before.
  virtual void read(void* to, const void* from, int64_t bytes) { read_rows(to, from, bytes, 0, 1); }
  // `rows` pieces of `bytes`, each `pitch` after the last in `from`, back to back in `to`.
  virtual void read_rows(void* to, const void* from, int64_t bytes, int64_t pitch,
                         int64_t rows) = 0;
  virtual void copy(void* to, const void* from, int64_t bytes) = 0;
  // Until all that was asked for is done.
  virtual void finish() {}

  // True where what was asked for goes on by itself, so that the host can ask for more meanwhile.
  virtual bool works_alone() const { return false; }
  // As read_rows, into host memory of the device's own. It is there once the mark set next has been
  // reached, and until the fetch after that.
  virtual const std::byte* fetch_rows(const void* from, int64_t bytes, int64_t pitch,
                                      int64_t rows) = 0;
  // Marks the end of what was asked for so far. There is one mark.
  virtual void set_mark() {}
  // Until all in front of the mark is done; what is behind it may still run. False where
  // `interrupted`, asked again and again, said so before.
  virtual bool reach_mark(const std::function<bool()>& /*interrupted*/) { return true; }

  // Ops see tokens from *num_live on as padding, a number in the device's memory; null: none is.
  virtual void set_num_live(const int32_t* num_live) = 0;
  // True where run() may do an earlier recording in place of `work`.
  virtual bool records() const { return false; }
  // `work` asks for ops and copies alone. Where `key` is one that has been seen, all that they
  // depend on but what memory holds must be the same.
  virtual void run(const std::vector<int64_t>& key, const std::function<void()>& work) = 0;
};

// Owned memory of a device, which outlives it.
class DeviceBytes {
 public:
  DeviceBytes() = default;
  DeviceBytes(Device& device, int64_t bytes)
      : device_(&device), data_(device.allocate(bytes)), size_(bytes) {}
  ~DeviceBytes() {
    if (device_ != nullptr) device_->free(data_);
  }
  DeviceBytes(DeviceBytes&& other) noexcept { swap(other); }
  DeviceBytes& operator=(DeviceBytes&& other) noexcept {
    swap(other);
    return *this;
  }
  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;

  std::byte* data() const { return data_; }
  int64_t size() const { return size_; }

 private:
  void swap(DeviceBytes& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  Device* device_ = nullptr;
  std::byte* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace conclave
