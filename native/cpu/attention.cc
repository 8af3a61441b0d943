// A unit is (sequence, block of its query tokens, kv head). It walks its keys span by span; every
// span's keys and values are read once for all q heads of the group and all tokens of the block.
// Spans are merged into the state of their chunk, chunks into that of the unit, in their order:
// where units are fewer than threads want, a unit's chunks are shared out, and nothing changes.
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
constexpr int64_t kRowsPerUnit =
    64;  // (token, q head) rows: their sums stay in the first-level cache
constexpr int64_t kUnitNs = 5'000;      // of the first keys of a unit, which nobody has fetched
constexpr int64_t kTasksPerThread = 8;  // so that the last to end is not late by much
constexpr int64_t kChunkSpans = 4;      // what a thread takes at least, and leaves one state of

struct Block {
  int32_t sequence, first_token, num_tokens;
};

struct Job {
  Tensor y, q;
  const KvRegion& region;
  const BatchView& batch;
  float scale;
  cpu::AttentionKernel kernel;
  void (*merge)(const AttentionMerge&);
  int64_t group;  // q heads of a kv head
  int64_t num_q_heads, dim;
  const Block* blocks;
};

// What attention makes of rows so far.
struct State {
  float *y, *max, *sum;  // (rows, dim), (rows), (rows)
};

// A thread's working memory, for at most max_rows rows.
struct Rows {
  State state, chunk;
  std::byte* q;  // as the kernel takes them
  int32_t* counts;
  float* turned;  // one query
};

int64_t in_lines(int64_t floats) { return (floats + 15) / 16 * 16; }
int64_t query_floats(int64_t dim) { return (dim + kQueryStep - 1) / kQueryStep * kQueryStep; }
int64_t state_floats(int64_t rows, int64_t dim) { return in_lines(rows * (dim + 2)); }

State carve_state(float* memory, int64_t rows, int64_t dim) {
  return {memory, memory + rows * dim, memory + rows * (dim + 1)};
}

int64_t rows_floats(int64_t max_rows, int64_t dim) {
  return (max_rows + kRowTile) * query_floats(dim) + 2 * state_floats(max_rows, dim) +
         in_lines(max_rows) + in_lines(dim);
}

Rows carve_rows(float* memory, int64_t max_rows, int64_t dim) {
  float* state = memory + (max_rows + kRowTile) * query_floats(dim);
  float* chunk = state + state_floats(max_rows, dim);
  float* counts = chunk + state_floats(max_rows, dim);
  return {carve_state(state, max_rows, dim), carve_state(chunk, max_rows, dim),
          reinterpret_cast<std::byte*>(memory), reinterpret_cast<int32_t*>(counts),
          counts + in_lines(max_rows)};
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

struct Unit {
  const Block* block;
  int64_t kv_head;
  int64_t num_rows;
  int64_t num_keys;  // of its last token
  const int32_t* positions;

  Unit(const Job& job, int64_t unit)
      : block(job.blocks + unit / job.region.num_kv_heads),
        kv_head(unit % job.region.num_kv_heads),
        num_rows(block->num_tokens * job.group),
        positions(job.batch.positions + block->first_token) {
    num_keys = positions[block->num_tokens - 1] + 1;
  }
  int64_t num_spans() const { return (num_keys + kSpan - 1) / kSpan; }
  int64_t num_chunks() const { return (num_spans() + kChunkSpans - 1) / kChunkSpans; }
  // The first token that sees any of a span: those before it end earlier.
  int64_t first_token_of(int64_t span) const {
    int64_t token = 0;
    while (positions[token] < span * kSpan) token++;
    return token;
  }
};

// Where the keys and values of a span's groups lie.
struct Groups {
  const void *keys[kSpanGroups], *values[kSpanGroups];
};

// The groups of units [unit, end) in the order in which they are read, from the first of `span` on.
class Reading {
 public:
  Reading(const Job& job, int64_t unit, int64_t end, int64_t span)
      : job_(job),
        key_bytes_(group_bytes(job.region.dtype, key_width(job.region.dtype, job.dim))),
        value_bytes_(group_bytes(job.region.dtype, job.dim)),
        unit_(unit),
        end_(end) {
    enter(span * kSpanGroups);
  }

  // The next `count` of them; the last one over and over where there are no more.
  void read(Groups& groups, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
      groups.keys[i] = keys_;
      groups.values[i] = values_;
      if (left_ > 1) {
        left_--;
        offset_ += kKeyGroup;
        keys_ += key_bytes_;
        values_ += value_bytes_;
        if (offset_ < job_.region.page_size) continue;
        page_++;
        enter_page(0);
      } else if (unit_ + 1 < end_) {
        unit_++;
        enter(0);
      }
    }
  }

 private:
  void enter(int64_t group) {
    const Unit unit(job_, unit_);
    const int64_t position = group * kKeyGroup, page_size = job_.region.page_size;
    page_ =
        job_.batch.page_tables + unit.block->sequence * job_.batch.max_pages + position / page_size;
    kv_head_ = unit.kv_head;
    left_ = (unit.num_keys + kKeyGroup - 1) / kKeyGroup - group;
    enter_page(position % page_size);
  }
  void enter_page(int64_t offset) {
    offset_ = offset;
    keys_ = key_group(job_.region, *page_, kv_head_, offset);
    values_ = value_group(job_.region, *page_, kv_head_, offset);
  }

  const Job& job_;
  int64_t key_bytes_, value_bytes_;
  int64_t unit_, end_;
  const int32_t* page_;
  int64_t offset_, kv_head_, left_;
  const std::byte *keys_, *values_;
};

// Two readings of the same groups: what comes a span later is fetched while a group is read.
class Readings {
 public:
  Readings(const Job& job, int64_t unit, int64_t end, int64_t span)
      : now_(job, unit, end, span), later_(now_) {
    later_.read(next, kSpanGroups);
  }
  void read(int64_t count) {
    now_.read(groups, count);
    later_.read(next, count);
  }
  Groups groups, next;

 private:
  Reading now_, later_;
};

// The values of the group's heads for one token.
float* heads_of(const Tensor& t, const Job& job, int64_t token, int64_t kv_head) {
  return t.f32() + (token * job.num_q_heads + kv_head * job.group) * job.dim;
}

void load_queries(const Rows& rows, const Job& job, const Unit& unit) {
  const int64_t dim = job.dim, row_bytes = query_floats(dim) * int64_t{sizeof(float)};
  for (int64_t r = 0; r < unit.num_rows; r++) {
    const float* q = heads_of(job.q, job, unit.block->first_token + r / job.group, unit.kv_head) +
                     r % job.group * dim;
    if (job.region.dtype == DType::i8) {
      std::copy(q, q + dim, rows.turned);
      turn_query(rows.turned, dim);
      q = rows.turned;
    }
    job.kernel.convert(rows.q + r * row_bytes, q, dim);
  }
}

void clear(const State& state, int64_t num_rows, int64_t dim) {
  std::fill(state.y, state.y + num_rows * dim, 0.0f);
  std::fill(state.max, state.max + num_rows, -std::numeric_limits<float>::infinity());
  std::fill(state.sum, state.sum + num_rows, 0.0f);
}

void store_rows(const State& state, const Job& job, const Unit& unit) {
  for (int64_t r = 0; r < unit.num_rows; r++) {
    float* y = heads_of(job.y, job, unit.block->first_token + r / job.group, unit.kv_head) +
               r % job.group * job.dim;
    const float sum = state.sum[r];
    for (int64_t d = 0; d < job.dim; d++) y[d] = state.y[r * job.dim + d] / sum;
  }
}

// One span of a unit. Rows are token by token, head by head, so that their key counts rise.
void attend_span(const State& state, const Rows& rows, const Job& job, const Unit& unit,
                 int64_t span, Readings& readings) {
  const int64_t start = span * kSpan, dim = job.dim;
  const int64_t r = unit.first_token_of(span) * job.group,
                q_bytes = query_floats(dim) * int64_t{sizeof(float)};
  for (int64_t i = r; i < unit.num_rows; i++) {
    rows.counts[i] =
        static_cast<int32_t>(std::min(unit.positions[i / job.group] + 1 - start, kSpan));
  }
  readings.read((rows.counts[unit.num_rows - 1] + kKeyGroup - 1) / kKeyGroup);
  const Groups &groups = readings.groups, &next = readings.next;
  job.kernel.span({state.y + r * dim, state.max + r, state.sum + r, rows.q + r * q_bytes,
                   groups.keys, groups.values, next.keys, next.values, rows.counts + r,
                   unit.num_rows - r, dim, q_bytes, job.scale});
}

// One chunk of a unit, from nothing.
void attend_chunk(const State& state, const Rows& rows, const Job& job, const Unit& unit,
                  int64_t chunk, Readings& readings) {
  clear(state, unit.num_rows, job.dim);
  const int64_t begin = chunk * kChunkSpans;
  const int64_t end = std::min(begin + kChunkSpans, unit.num_spans());
  for (int64_t span = begin; span < end; span++) {
    attend_span(state, rows, job, unit, span, readings);
  }
}

// Adds the state of a chunk to that of those before it.
void merge_chunk(const State& state, const State& later, const Job& job, const Unit& unit,
                 int64_t chunk) {
  const int64_t r = unit.first_token_of(chunk * kChunkSpans) * job.group;
  job.merge({state.y + r * job.dim, state.max + r, state.sum + r, later.y + r * job.dim,
             later.max + r, later.sum + r, unit.num_rows - r, job.dim, job.dim});
}

// While it lives, its thread may call the kernel's span() of at most so many rows.
struct Inside {
  Inside(const cpu::AttentionKernel& kernel, int64_t rows) : kernel(kernel) {
    if (kernel.enter != nullptr) kernel.enter(rows);
  }
  ~Inside() {
    if (kernel.leave != nullptr) kernel.leave();
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  const cpu::AttentionKernel& kernel;
};

// Units [begin, end), one after another.
void attend_units(const Job& job, int64_t begin, int64_t end, const Rows& rows) {
  int64_t most_rows = 0;
  for (int64_t u = begin; u < end; u++) most_rows = std::max(most_rows, Unit(job, u).num_rows);
  const Inside inside(job.kernel, most_rows);
  Readings readings(job, begin, end, 0);
  for (int64_t u = begin; u < end; u++) {
    const Unit unit(job, u);
    load_queries(rows, job, unit);
    attend_chunk(rows.state, rows, job, unit, 0, readings);
    for (int64_t chunk = 1; chunk < unit.num_chunks(); chunk++) {
      attend_chunk(rows.chunk, rows, job, unit, chunk, readings);
      merge_chunk(rows.state, rows.chunk, job, unit, chunk);
    }
    store_rows(rows.state, job, unit);
  }
}

// Units in parts: `parts` to a unit, a state for each of its chunks.
struct Parts {
  int64_t parts, max_chunks, max_rows;
  float* states;  // (units, max_chunks)

  State state(int64_t unit, int64_t chunk, int64_t dim) const {
    return carve_state(states + (unit * max_chunks + chunk) * state_floats(max_rows, dim), max_rows,
                       dim);
  }
};

void attend_part(const Parts& parts, int64_t task, const Job& job, const Rows& rows) {
  const int64_t u = task / parts.parts, part = task % parts.parts;
  const Unit unit(job, u);
  const int64_t begin = unit.num_chunks() * part / parts.parts;
  const int64_t end = unit.num_chunks() * (part + 1) / parts.parts;
  if (begin == end) return;
  const Inside inside(job.kernel, unit.num_rows);
  load_queries(rows, job, unit);
  Readings readings(job, u, u + 1, begin * kChunkSpans);
  for (int64_t chunk = begin; chunk < end; chunk++) {
    attend_chunk(parts.state(u, chunk, job.dim), rows, job, unit, chunk, readings);
  }
}

void merge_parts(const Parts& parts, int64_t u, const Job& job) {
  const Unit unit(job, u);
  const State state = parts.state(u, 0, job.dim);
  for (int64_t chunk = 1; chunk < unit.num_chunks(); chunk++) {
    merge_chunk(state, parts.state(u, chunk, job.dim), job, unit, chunk);
  }
  store_rows(state, job, unit);
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
  const int64_t num_q_heads = q.shape[1] / region.head_dim, dim = region.head_dim;
  const int64_t group = num_q_heads / region.num_kv_heads;
  const int64_t tokens_per_block = std::max<int64_t>(kRowsPerUnit / group, 1);
  const int64_t max_rows = tokens_per_block * group;
  Block* blocks = static_cast<Block*>(stream.scratch(
      1, (batch.num_tokens / tokens_per_block + batch.num_sequences + 1) * int64_t{sizeof(Block)}));
  const int64_t num_units = list_blocks(blocks, batch, tokens_per_block) * region.num_kv_heads;
  const Job job{y,
                q,
                region,
                batch,
                scale,
                stream.kernels.attention[kv_format(region.dtype)],
                stream.kernels.attention_merge,
                group,
                num_q_heads,
                dim,
                blocks};
  const int64_t thread_floats = rows_floats(max_rows, dim);
  const int64_t num_threads = stream.pool.num_threads();
  float* memory =
      static_cast<float*>(stream.scratch(0, num_threads * thread_floats * int64_t{sizeof(float)}));
  const auto rows_of = [&](int thread) {
    return carve_rows(memory + thread * thread_floats, max_rows, dim);
  };
  // Short contexts cost what their way from memory does.
  const int64_t cost_ns = keys_read(batch) * num_q_heads * dim / 20 + num_units * kUnitNs;
  const int64_t wanted = num_threads * kTasksPerThread;
  const int64_t longest =
      *std::max_element(batch.kv_lengths, batch.kv_lengths + batch.num_sequences);
  const int64_t max_chunks = (longest + kSpan * kChunkSpans - 1) / (kSpan * kChunkSpans);
  const int64_t num_parts = std::min(wanted / num_units, max_chunks);
  if (num_threads > 1 && num_parts > 1) {
    Parts parts{num_parts, max_chunks, std::min(max_rows, batch.num_tokens * group), nullptr};
    parts.states = static_cast<float*>(stream.scratch(
        2, num_units * max_chunks * state_floats(parts.max_rows, dim) * int64_t{sizeof(float)}));
    for_each_task(stream.pool, num_units * num_parts, cost_ns, [&](int64_t task, int thread) {
      attend_part(parts, task, job, rows_of(thread));
    });
    for_each_task(stream.pool, num_units, cost_ns,
                  [&](int64_t unit, int) { merge_parts(parts, unit, job); });
    return;
  }
  // Few kv heads of a block to a task: those that follow find their first span near.
  const int64_t run = std::clamp<int64_t>(num_units / wanted, 1, region.num_kv_heads);
  for_each_task(stream.pool, (num_units + run - 1) / run, cost_ns, [&](int64_t task, int thread) {
    attend_units(job, task * run, std::min(num_units, (task + 1) * run), rows_of(thread));
  });
}

}  // namespace conclave::cpu
