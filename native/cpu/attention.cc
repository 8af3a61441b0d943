// Tasks are (sequence, block of its query tokens, kv head). A task walks its keys span by span;
// every span's keys and values are read once for all q heads of the group and all tokens of the
// block.
#include <algorithm>
#include <limits>

#include "cpu/hadamard.h"
#include "cpu/kv_layout.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/weight_format.h"
#include "ops/attention.h"

namespace conclave::cpu {

namespace {

static_assert(ops::kAttentionSpan == kKeyGroup * kSpanGroups);
constexpr int64_t kSpan = ops::kAttentionSpan;
constexpr int64_t kRowsPerTask =
    64;  // (token, q head) rows: their sums stay in the first-level cache

struct Block {
  int32_t sequence, first_token, num_tokens;
};

struct Job {
  Tensor y, q;
  const KvRegion& region;
  const BatchView& batch;
  float scale;
  void (*span)(const AttentionSpan&);
  int64_t group;  // q heads of a kv head
  int64_t num_q_heads, dim;
};

// A thread's working memory, for at most max_rows rows.
struct Rows {
  float *q, *y, *max, *sum;
  int32_t* counts;
};

int64_t rows_floats(int64_t max_rows, int64_t dim) {
  return (max_rows * (2 * dim + 3) + 15) / 16 * 16;
}

Rows carve_rows(float* memory, int64_t max_rows, int64_t dim) {
  Rows r{memory, memory + max_rows * dim, memory + 2 * max_rows * dim, nullptr, nullptr};
  r.sum = r.max + max_rows;
  r.counts = reinterpret_cast<int32_t*>(r.sum + max_rows);
  return r;
}

// Blocks of long sequences come last token first: the dearest tasks start first.
int64_t list_blocks(Block* blocks, const BatchView& batch, int64_t tokens_per_block) {
  int64_t n = 0;
  for (int32_t s = 0; s < batch.num_sequences; s++) {
    const int64_t first = batch.query_starts[s];
    int64_t end = batch.query_starts[s + 1];
    while (end > first) {
      const int64_t begin = std::max(first, end - tokens_per_block);
      blocks[n++] = {s, static_cast<int32_t>(begin), static_cast<int32_t>(end - begin)};
      end = begin;
    }
  }
  return n;
}

// Where one span's keys and values lie.
struct Groups {
  const void *keys[kSpanGroups], *values[kSpanGroups];
};

// Groups of the positions [start, end) of one span; entries beyond repeat the last, for what only
// fetches ahead.
void point_at_groups(Groups& groups, int64_t start, int64_t end, const Job& job, int64_t sequence,
                     int64_t kv_head) {
  const KvRegion& region = job.region;
  const int32_t* table = job.batch.page_tables + sequence * job.batch.max_pages;
  for (int64_t i = 0; i < kSpanGroups; i++) {
    const int64_t p = std::min(start + i * kKeyGroup, end - 1);
    const int64_t page = table[p / region.page_size], offset = p % region.page_size;
    groups.keys[i] = key_group(region, page, kv_head, offset);
    groups.values[i] = value_group(region, page, kv_head, offset);
  }
}

// The values of the group's heads for one token.
float* heads_of(const Tensor& t, const Job& job, int64_t token, int64_t kv_head) {
  return t.f32() + (token * job.num_q_heads + kv_head * job.group) * job.dim;
}

void load_rows(const Rows& rows, const Job& job, const Block& block, int64_t kv_head) {
  const int64_t token_values = job.group * job.dim, num_rows = block.num_tokens * job.group;
  for (int64_t t = 0; t < block.num_tokens; t++) {
    const float* q = heads_of(job.q, job, block.first_token + t, kv_head);
    std::copy(q, q + token_values, rows.q + t * token_values);
  }
  if (job.region.dtype == DType::i8) {
    for (int64_t r = 0; r < num_rows; r++) turn_query(rows.q + r * job.dim, job.dim);
  }
  std::fill(rows.y, rows.y + num_rows * job.dim, 0.0f);
  std::fill(rows.max, rows.max + num_rows, -std::numeric_limits<float>::infinity());
  std::fill(rows.sum, rows.sum + num_rows, 0.0f);
}

void store_rows(const Rows& rows, const Job& job, const Block& block, int64_t kv_head) {
  for (int64_t r = 0; r < block.num_tokens * job.group; r++) {
    float* y =
        heads_of(job.y, job, block.first_token + r / job.group, kv_head) + r % job.group * job.dim;
    for (int64_t d = 0; d < job.dim; d++) y[d] = rows.y[r * job.dim + d] / rows.sum[r];
  }
}

// Rows are token by token, head by head, so that their key counts rise.
void attend(const Job& job, const Block& block, int64_t kv_head, const Rows& rows) {
  load_rows(rows, job, block, kv_head);
  const int64_t num_rows = block.num_tokens * job.group, dim = job.dim;
  const int32_t* positions = job.batch.positions + block.first_token;
  const int64_t end = positions[block.num_tokens - 1] + 1;
  Groups groups, next;
  point_at_groups(next, 0, std::min(kSpan, end), job, block.sequence, kv_head);
  for (int64_t start = 0; start < end; start += kSpan) {
    groups = next;
    if (const int64_t after = start + kSpan; after < end) {
      point_at_groups(next, after, std::min(after + kSpan, end), job, block.sequence, kv_head);
    }
    int64_t first = 0;  // tokens before this span see none of it
    while (positions[first] < start) first++;
    const int64_t r = first * job.group;
    for (int64_t i = r; i < num_rows; i++) {
      rows.counts[i] = static_cast<int32_t>(std::min(positions[i / job.group] + 1 - start, kSpan));
    }
    job.span({rows.y + r * dim, rows.max + r, rows.sum + r, rows.q + r * dim, groups.keys,
              groups.values, next.keys, rows.counts + r, num_rows - r, dim, job.scale});
  }
  store_rows(rows, job, block, kv_head);
}

int64_t keys_read(const BatchView& batch) {
  int64_t n = 0;
  for (int32_t s = 0; s < batch.num_sequences; s++) {
    n += int64_t{batch.kv_lengths[s]} * (batch.query_starts[s + 1] - batch.query_starts[s]);
  }
  return n;
}

}  // namespace

void attention(Tensor y, Tensor q, const KvRegion& region, const BatchView& batch, float scale,
               CpuStream& stream) {
  const int64_t num_q_heads = q.shape[1] / region.head_dim;
  const Job job{y,
                q,
                region,
                batch,
                scale,
                stream.kernels.attention_span[kv_format(region.dtype)],
                num_q_heads / region.num_kv_heads,
                num_q_heads,
                region.head_dim};
  const int64_t tokens_per_block = std::max<int64_t>(kRowsPerTask / job.group, 1);
  const int64_t max_rows = tokens_per_block * job.group;
  const int64_t thread_floats = rows_floats(max_rows, job.dim);
  Block* blocks = static_cast<Block*>(stream.scratch(
      1, (batch.num_tokens / tokens_per_block + batch.num_sequences + 1) * int64_t{sizeof(Block)}));
  const int64_t num_blocks = list_blocks(blocks, batch, tokens_per_block);
  float* memory = static_cast<float*>(
      stream.scratch(0, stream.pool.num_threads() * thread_floats * int64_t{sizeof(float)}));
  const int64_t cost_ns = keys_read(batch) * num_q_heads * region.head_dim / 20;
  for_each_task(stream.pool, num_blocks * region.num_kv_heads, cost_ns,
                [&](int64_t task, int thread) {
                  attend(job, blocks[task / region.num_kv_heads], task % region.num_kv_heads,
                         carve_rows(memory + thread * thread_floats, max_rows, job.dim));
                });
}

}  // namespace conclave::cpu
