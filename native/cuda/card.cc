#include "cuda/card.h"

#include <algorithm>
#include <cstring>

namespace conclave::cuda {

namespace {
constexpr int64_t kStagingBytes = 16 << 20, kStagingAlign = 64;
constexpr size_t kMaxRecordings = 64;
}  // namespace

CudaCard::CudaCard(bool deterministic) {
  const runtime::Card card = runtime::open();
  void* queue = runtime::create_queue();
  try {
    stream_ = std::make_unique<CudaStream>(queue, card, deterministic);
    mark_ = runtime::create_mark();
    staging_ = static_cast<std::byte*>(runtime::allocate_pinned(kStagingBytes));
  } catch (...) {
    runtime::destroy_mark(mark_);
    runtime::destroy_queue(queue);
    throw;
  }
}

CudaCard::~CudaCard() {
  forget_recordings();
  runtime::free_pinned(staging_);
  runtime::destroy_mark(mark_);
  void* queue = stream_->queue;
  stream_.reset();
  runtime::destroy_queue(queue);
}

std::byte* CudaCard::allocate(int64_t bytes) {
  return static_cast<std::byte*>(runtime::allocate(std::max<int64_t>(bytes, 1)));
}

void CudaCard::free(std::byte* memory) noexcept { runtime::free(memory); }

// The next `bytes` of pinned memory that no copy in progress uses.
std::byte* CudaCard::staging(int64_t bytes) {
  const int64_t room = kStagingBytes - staged_ % kStagingBytes;
  const int64_t start = bytes <= room ? staged_ : staged_ + room;
  if (start + bytes - landed_ > kStagingBytes) finish();
  staged_ = start + (bytes + kStagingAlign - 1) / kStagingAlign * kStagingAlign;
  return staging_ + start % kStagingBytes;
}

void CudaCard::finish() {
  runtime::wait(stream_->queue);
  landed_ = staged_;
}

void CudaCard::set_mark() {
  runtime::set_mark(mark_, stream_->queue);
  staged_at_mark_ = staged_;
}

bool CudaCard::reach_mark(const std::function<bool()>& interrupted) {
  if (!runtime::reach_mark(mark_, interrupted)) return false;
  landed_ = std::max(landed_, staged_at_mark_);
  return true;
}

void CudaCard::write(void* to, const void* from, int64_t bytes) {
  // Half at a time, so that the host fills one half while the card reads the other.
  for (int64_t done = 0; done < bytes;) {
    const int64_t piece = std::min(bytes - done, kStagingBytes / 2);
    std::byte* memory = staging(piece);
    std::memcpy(memory, static_cast<const std::byte*>(from) + done, static_cast<size_t>(piece));
    runtime::copy(static_cast<std::byte*>(to) + done, memory, piece, stream_->queue);
    done += piece;
  }
}

void CudaCard::read_rows(void* to, const void* from, int64_t bytes, int64_t pitch, int64_t rows) {
  if (bytes * rows > kStagingBytes / 2) {
    runtime::copy_rows(to, from, bytes, pitch, rows, stream_->queue);
    return finish();
  }
  std::byte* memory = staging(bytes * rows);
  runtime::copy_rows(memory, from, bytes, pitch, rows, stream_->queue);
  finish();
  std::memcpy(to, memory, static_cast<size_t>(bytes * rows));
}

const std::byte* CudaCard::fetch_rows(const void* from, int64_t bytes, int64_t pitch,
                                      int64_t rows) {
  void* memory = stream_->pinned(CudaStream::kFetched, bytes * rows);
  runtime::copy_rows(memory, from, bytes, pitch, rows, stream_->queue);
  return static_cast<std::byte*>(memory);
}

void CudaCard::copy(void* to, const void* from, int64_t bytes) {
  runtime::copy(to, from, bytes, stream_->queue);
}

void* CudaCard::record(const std::function<void()>& work) {
  runtime::begin_recording(stream_->queue);
  try {
    work();
  } catch (...) {
    try {
      runtime::destroy_recording(runtime::end_recording(stream_->queue));
    } catch (...) {
      // What broke the recording is the error to see.
    }
    throw;
  }
  return runtime::end_recording(stream_->queue);
}

void CudaCard::run(const std::vector<int64_t>& key, const std::function<void()>& work) {
  if (key.empty()) return work();
  const auto found = recordings_.find(key);
  if (found == recordings_.end() || found->second.generation != stream_->generation) {
    if (recordings_.size() >= kMaxRecordings) forget_recordings();
    work();
    Recording& seen = recordings_[key];
    runtime::destroy_recording(seen.graph);
    seen = {nullptr, stream_->generation};
    return;
  }
  if (found->second.graph == nullptr) found->second.graph = record(work);
  runtime::replay(found->second.graph, stream_->queue);
}

void CudaCard::forget_recordings() noexcept {
  for (auto& [key, recording] : recordings_) runtime::destroy_recording(recording.graph);
  recordings_.clear();
}

}  // namespace conclave::cuda
