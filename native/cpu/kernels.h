#pragma once
// The primitives that differ by instruction set, one row or one block of rows at a time. Loops over
// tokens, threads and memory are in cpu/*.cc and the same for all. Every function gives one
// reduction order per output, whatever else it computes in the same call; that is what makes a
// token's bits independent of its batch. Compiled with the flags of every instruction set, so there
// are no inline functions in here.
#include <cstdint>

namespace conclave::cpu {

// kWeightI8: panels of int8 (cpu/panels.h), multiplied with activations in 16 bits.
enum WeightFormat : int { kWeightF32, kWeightF16, kWeightBf16, kWeightI8, kNumWeightFormats };
inline constexpr int kNumFloatFormats = 3;
enum KvFormat : int { kKvF32, kKvBf16, kKvI8, kNumKvFormats };

inline constexpr int64_t kKeyGroup = 16;   // positions that lie side by side in a page's keys
inline constexpr int64_t kSpanGroups = 8;  // groups in one attention span of 128 positions
inline constexpr int64_t kKvScaleBytes = kKeyGroup * 4;  // before the keys or values of an i8 group
inline constexpr int64_t kMaxHeadDim = 512;  // bounds the stack buffers of the attention kernels
inline constexpr int64_t kQueryStep = 32, kRowTile = 16;
inline constexpr int64_t kScanBlock = 64;                                    // of block_maxima
inline constexpr int64_t kPanelRows = 16, kBlockCols = 64, kGroupCols = 32;  // cpu/panels.h
inline constexpr int64_t kTileTokens = 16;

// y[m][y_offset + n] = sum_k x[m][k] * w[n][k]    for m < num_x, n < num_rows
struct DotRows {
  float* const* y;
  const void* const* x;  // rows in the form that MatmulKernel names
  const void* tiles;     // the same tokens as MatmulKernel::tiles packs them; null: rows are taken
  const void* w;         // num_rows dense rows of k values, or the panels that hold them
  const float* scales;   // of each row, panels only
  const void* next_w;    // rows that the caller will probably want next: worth fetching at the end
  int64_t y_offset, num_x, num_rows, k;
};

// The form in which a kernel takes activations. Whole numbers come in groups of 32 columns.
enum class Activations : int { f32, bf16, int16 };

// Tokens that a kernel multiplies sixteen at a time, in an order of its own.
struct TokenTiles {
  int64_t min_tokens;   // fewer are taken as rows; 0: all are
  int64_t group_bytes;  // of sixteen tokens' 32 columns; a tile has whole blocks of 64
  void (*pack)(void* tile, const void* const* x, int64_t num_x, int64_t k);  // num_x ≤ 16 rows
};

struct MatmulKernel {
  Activations activations;
  void (*convert)(void* out, const float* x, int64_t n);  // n f32 → that form; null for f32
  void (*dot_rows)(const DotRows&);
  TokenTiles tiles = {};
};

// One span of keys for rows that share a kv head; state is merged in place.
//   s[r,p] = scale · q[r]·K[p], p < counts[r];  e = exp(s − max s);  (max, sum, y) ← merge of (max,
//   sum, y) and the span's
// Layout of a group of 16 positions (see cpu/kv_layout.h):
//   f32   keys [head_dim][16]            values [16][head_dim]
//   bf16  keys [ceil(head_dim/2)][16][2]  values [8][head_dim][2]     (pairs of dimensions, pairs
//   of positions)
//   i8    16 f32 scales, then keys [ceil(head_dim/4)][16][4]; 16 f32 scales, then values
//   [4][head_dim][4]
// Entries from counts[r] on may hold anything, NaN included, and have no influence.
struct AttentionSpan {
  float* y;       // (num_rows, head_dim)
  float* max;     // (num_rows), −inf at first
  float* sum;     // (num_rows), 0 at first
  const void* q;  // rows in the form of AttentionKernel, num_rows rounded up to kRowTile
  const void* const* key_groups;
  const void* const* value_groups;
  // as many again, to be read a span later: worth fetching
  const void* const* next_key_groups;
  const void* const* next_value_groups;
  const int32_t* counts;  // (num_rows), each in [1, 128], rising
  int64_t num_rows, head_dim;
  int64_t q_stride;  // bytes
  float scale;
};

// (max, sum, y) of each row ← its merge with another such state, of keys that come after.
struct AttentionMerge {
  float *y, *max, *sum;  // (num_rows, head_dim), (num_rows), (num_rows)
  const float *span_y, *span_max, *span_sum;
  int64_t num_rows, head_dim;
  int64_t span_stride;  // values from a row of span_y to the next
};

struct AttentionKernel {
  // q (head_dim) → the form that span() takes: 4 bytes a dimension, head_dim rounded up to
  // kQueryStep
  void (*convert)(void* out, const float* q, int64_t head_dim);
  void (*span)(const AttentionSpan&);
  // Around the spans of a task on its thread, of at most so many rows, where the processor wants to
  // be told; else null.
  void (*enter)(int64_t rows) = nullptr;
  void (*leave)() = nullptr;
};

struct Kernels {
  const char* name;
  MatmulKernel matmul[kNumWeightFormats];
  AttentionKernel attention[kNumKvFormats];
  void (*attention_merge)(const AttentionMerge&);
  void (*to_f32[kNumFloatFormats])(float* y, const void* w, int64_t n);
  void (*rms_norm)(float* y, const float* x, const float* w, int64_t n, float eps);
  void (*add)(float* y, const float* a, const float* b, int64_t n);
  void (*silu_mul)(float* y, const float* gate, const float* up, int64_t n);
  void (*rope)(float* x, const float* cos, const float* sin, int64_t half);
  void (*exp_minus)(float* y, const float* x, int64_t n, float max);  // exp(x − max)
  // Where the first of the largest values is; NaN is none of them, and 0 where all are.
  int64_t (*largest)(const float* x, int64_t n);
  void (*add_weighted)(float* y, const float* x, float weight, int64_t n);  // y += weight · x

  // maxima[b] ← the largest of x[64 b … 64 b + 63], `largest` of all n ≥ 1; false where x holds NaN
  // or +Inf, and the maxima may then be anything.
  bool (*block_maxima)(float* largest, float* maxima, const float* x, int64_t n);

  // The sums that choose the scale of int8 weights, as quant::try_scales has them, bit for bit.
  void (*try_scales)(float* xq, float* qq, const float* x, int64_t n, float factor);

  // What the machine gives at most, for the share of it that an op reaches (cpu/ceiling.h).
  uint64_t (*probe_read)(const void* data,
                         int64_t bytes);  // reads whole cache lines, returns their sum
  // f32, bf16 and int8 products: operations done
  int64_t (*probe_flops[3])(float* sink, int64_t rounds);
};

// The widest set that this processor runs, or the one that CONCLAVE_KERNELS names
// (plain | avx2 | avx512 | avx512_bf16 | amx); throws Error("invalid_request") for a name that does
// not run here.
const Kernels& select_kernels();

// Null where the name is unknown or the processor cannot run it.
const Kernels* find_kernels(const char* name);

}  // namespace conclave::cpu
