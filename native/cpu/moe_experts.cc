// Route once, then two queues of tasks: (expert, rows of gate and up) into activations; then rows
// of down, for each of them all experts in the order of their ids, added up as they come. One token
// and a thousand take the same way.
#include <algorithm>
#include <cstring>

#include "cpu/dot_block.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/plain.h"

namespace conclave::cpu {

void plain::add_weighted(float* y, const float* x, float weight, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] += weight * x[i];
}

namespace {

constexpr int64_t kTokensPerCall = 512;  // bounds the scratch
constexpr int64_t kTasksPerThread = 4;
// Tokens and rows of gate and up at once; their sums are 64 KiB and stay near. Down has one matrix
// and takes twice the rows.
constexpr int64_t kPieceTokens = 64, kPieceRows = 128, kDownRows = kPieceRows;
static_assert(kPieceTokens % kTileTokens == 0 && kPieceRows % kBlockCols == 0);

// (token, slot) pairs sorted by expert: pair i of the sorted order is pairs[i] = token · k + slot.
struct Sorted {
  int32_t* starts;  // (num_experts + 1) first sorted pair of each expert
  int32_t* active;  // (num_active) experts that have pairs
  int32_t* pairs;   // (num_pairs)
  int64_t num_active;
};

// A thread's own memory. Tokens are packed once for all the rows that it takes of an expert.
struct Workplace {
  float* sums;                // kPieceTokens rows of gate and of up, or of down
  float* totals;              // (num_tokens, kDownRows)
  std::byte* act_rows;        // kPieceTokens activations of kPieceRows columns, not packed yet
  std::byte* tiles;           // kPieceTokens tokens, packed
  const void* const* packed;  // the rows that are in `tiles`

  Tokens tokens(const void* const* rows, int64_t count, int64_t width, const MatmulKernel& kernel) {
    if (tiles_bytes(kernel, count, width) == 0) return {rows, nullptr, count};
    if (packed != rows) pack_tiles(tiles, rows, count, width, kernel);
    packed = rows;
    return {rows, tiles, count};
  }
};

// Everything that the tasks read; sizes in the words of ops/moe_experts.h.
struct Plan {
  const ops::ExpertTable& experts;
  const Kernels& kernels;
  const MatmulKernel &gate_up, &down;
  int64_t num_tokens, k, hidden, intermediate, act_stride;
  Sorted sorted;
  const void** x_rows;  // (num_pairs) in sorted order
  // silu(gate) · up as `down` takes it, (num_pairs) in sorted order. The tiles of an expert that
  // has enough tokens for them begin at its first.
  const void** act_rows;
  Workplace* workplaces;  // of each thread
};

int64_t align64(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// Hands out consecutive pieces of one allocation.
struct Carver {
  std::byte* next;
  template <class T>
  T* take(int64_t count) {
    T* piece = reinterpret_cast<T*>(next);
    next += align64(count * int64_t{sizeof(T)});
    return piece;
  }
};

void sort_by_expert(Sorted& s, int32_t* cursors, const int32_t* expert_ids, int64_t num_pairs,
                    int64_t num_experts) {
  std::fill(s.starts, s.starts + num_experts + 1, 0);
  for (int64_t i = 0; i < num_pairs; i++) s.starts[expert_ids[i] + 1]++;
  s.num_active = 0;
  for (int64_t e = 0; e < num_experts; e++) {
    if (s.starts[e + 1] > 0) s.active[s.num_active++] = static_cast<int32_t>(e);
    s.starts[e + 1] += s.starts[e];
    cursors[e] = s.starts[e];
  }
  for (int64_t i = 0; i < num_pairs; i++)
    s.pairs[cursors[expert_ids[i]]++] = static_cast<int32_t>(i);
}

// Rows of one expert's matrix.
struct RowBlock {
  int64_t expert, first_row, num_rows;
};

const Weight& matrix(const std::vector<Weight>& of, const RowBlock& b) {
  return of[static_cast<size_t>(b.expert)];
}

const void* first_of(const std::vector<Weight>& of, const RowBlock& b) {
  return weight_row(matrix(of, b), b.first_row);
}

// fn(first, count) for the expert's sorted pairs, in pieces.
template <class Fn>
void for_each_piece(const Plan& p, int64_t expert, Fn&& fn) {
  const int64_t end = p.sorted.starts[expert + 1];
  for (int64_t i = p.sorted.starts[expert]; i < end; i += kPieceTokens) {
    fn(i, std::min(kPieceTokens, end - i));
  }
}

// The expert's activations in tiles, from sorted pair i on; null where they are rows.
std::byte* act_tiles(const Plan& p, int64_t expert, int64_t i) {
  const int64_t first = p.sorted.starts[expert], count = p.sorted.starts[expert + 1] - first;
  if (tiles_bytes(p.down, count, p.intermediate) == 0) return nullptr;
  const int64_t tile = tile_bytes(p.down, p.intermediate);
  return static_cast<std::byte*>(const_cast<void*>(p.act_rows[first])) +
         (i - first) / kTileTokens * tile;
}

// silu(gate) · up of sorted pairs [i, i + m), whose sums are in the workplace, into activations.
void activate(const Plan& p, Workplace& workplace, const RowBlock& block, int64_t i, int64_t m) {
  std::byte* tiles = act_tiles(p, block.expert, i);
  const int64_t stride = tiles ? activation_stride(p.down, kPieceRows) : p.act_stride;
  const int64_t offset = activation_offset(p.down, block.first_row);
  const void* rows[kPieceTokens];
  for (int64_t j = 0; j < m; j++) {
    const float* gate = workplace.sums + j * kPieceRows;
    const float* up = gate + kPieceTokens * kPieceRows;
    const std::byte* row = tiles ? workplace.act_rows + j * stride
                                 : static_cast<const std::byte*>(p.act_rows[i + j]) + offset;
    std::byte* act = const_cast<std::byte*>(row);
    float* product = p.down.convert ? const_cast<float*>(gate) : reinterpret_cast<float*>(act);
    p.kernels.silu_mul(product, gate, up, block.num_rows);
    if (p.down.convert) p.down.convert(act, product, block.num_rows);
    rows[j] = row;
  }
  if (!tiles) return;
  const int64_t tile = tile_bytes(p.down, p.intermediate);
  std::byte* at = tiles + block.first_row / kGroupCols * p.down.tiles.group_bytes;
  for (int64_t j = 0; j < m; j += kTileTokens, at += tile) {
    p.down.tiles.pack(at, rows + j, std::min(kTileTokens, m - j), block.num_rows);
  }
}

// Activations of the block's rows for all of its expert's tokens; `next` is what this thread will
// probably do after.
void gate_up_task(const Plan& p, const RowBlock& block, const RowBlock& next, int thread) {
  Workplace& workplace = p.workplaces[thread];
  float* gate[kPieceTokens];
  float* up[kPieceTokens];
  for (int64_t m = 0; m < kPieceTokens; m++) {
    gate[m] = workplace.sums + m * kPieceRows;
    up[m] = gate[m] + kPieceTokens * kPieceRows;
  }
  const Weight &gate_w = matrix(p.experts.gate, block), &up_w = matrix(p.experts.up, block);
  const int64_t last_row = block.first_row + block.num_rows;
  for_each_piece(p, block.expert, [&](int64_t i, int64_t m) {
    const Tokens x = workplace.tokens(p.x_rows + i, m, p.hidden, p.gate_up);
    for (int64_t row = block.first_row; row < last_row; row += kPieceRows) {
      const RowBlock now{block.expert, row, std::min(kPieceRows, last_row - row)};
      const bool ends = row + kPieceRows >= last_row;
      const void* after =
          ends ? first_of(p.experts.gate, next) : weight_row(gate_w, row + kPieceRows);
      dot_block(gate, 0, x, gate_w, row, now.num_rows, weight_row(up_w, row), p.gate_up);
      dot_block(up, 0, x, up_w, row, now.num_rows, after, p.gate_up);
      activate(p, workplace, now, i, m);
    }
  });
}

// y of the rows [first_row, first_row + num_rows) of down, for all tokens.
void down_task(float* y, const Plan& p, const float* weights, int64_t first_row, int64_t num_rows,
               int64_t next_row, int thread) {
  const Workplace& workplace = p.workplaces[thread];
  float* sums[kPieceTokens];
  for (int64_t m = 0; m < kPieceTokens; m++) sums[m] = workplace.sums + m * kDownRows;
  std::memset(workplace.totals, 0, static_cast<size_t>(p.num_tokens * kDownRows) * sizeof(float));
  for (int64_t a = 0; a < p.sorted.num_active; a++) {
    const int64_t expert = p.sorted.active[a];
    const Weight& w = matrix(p.experts.down, {expert, 0, 0});
    const bool last = a + 1 == p.sorted.num_active;
    const void* after = first_of(
        p.experts.down, {p.sorted.active[last ? 0 : a + 1], last ? next_row : first_row, num_rows});
    for_each_piece(p, expert, [&](int64_t i, int64_t m) {
      dot_block(sums, 0, {p.act_rows + i, act_tiles(p, expert, i), m}, w, first_row, num_rows,
                after, p.down);
      for (int64_t j = 0; j < m; j++) {
        const int32_t pair = p.sorted.pairs[i + j];
        p.kernels.add_weighted(workplace.totals + pair / p.k * kDownRows, sums[j], weights[pair],
                               num_rows);
      }
    });
  }
  for (int64_t t = 0; t < p.num_tokens; t++) {
    std::memcpy(y + t * p.hidden + first_row, workplace.totals + t * kDownRows,
                static_cast<size_t>(num_rows) * sizeof(float));
  }
}

// A multiple of `step` rows for each of num_tasks tasks or more, at most `most`.
int64_t rows_of_task(int64_t rows, int64_t num_tasks, int64_t step, int64_t most) {
  return std::clamp((rows / num_tasks + step - 1) / step * step, step, most);
}

void run_queues(float* y, const Plan& p, const float* weights, CpuStream& stream) {
  const int64_t num_threads = stream.pool.num_threads(), num_active = p.sorted.num_active;
  const int64_t num_pairs = p.num_tokens * p.k, tasks = kTasksPerThread * num_threads;
  const int64_t cost_ns = num_active * dot_cost_ns(p.experts.down[0], 1 + num_pairs / num_active);

  // Whole blocks of columns of `down`: each task fills its own.
  const int64_t rows =
      rows_of_task(p.intermediate, 1 + 2 * tasks / num_active, kPieceRows, p.intermediate);
  const int64_t blocks = (p.intermediate + rows - 1) / rows, num_tasks = num_active * blocks;
  const auto block_of = [&](int64_t task) {
    const int64_t first = task % blocks * rows;
    return RowBlock{p.sorted.active[task / blocks], first, std::min(rows, p.intermediate - first)};
  };
  for_each_task(stream.pool, num_tasks, 2 * cost_ns, [&](int64_t task, int thread) {
    gate_up_task(p, block_of(task), block_of(std::min(task + num_threads, num_tasks - 1)), thread);
  });

  const int64_t down_rows = rows_of_task(p.hidden, tasks, kPanelRows, kDownRows);
  const int64_t num_downs = (p.hidden + down_rows - 1) / down_rows;
  for_each_task(stream.pool, num_downs, cost_ns, [&](int64_t task, int thread) {
    const int64_t next = std::min(task + num_threads, num_downs - 1);
    down_task(y, p, weights, task * down_rows, std::min(down_rows, p.hidden - task * down_rows),
              next * down_rows, thread);
  });
}

// Up to kTokensPerCall tokens.
void run_piece(float* y, const float* x, const int32_t* expert_ids, const float* weights,
               int64_t num_tokens, int64_t k, const ops::ExpertTable& experts, CpuStream& stream) {
  const int64_t num_experts = static_cast<int64_t>(experts.gate.size()), num_pairs = num_tokens * k;
  const int64_t hidden = experts.gate[0].cols, intermediate = experts.gate[0].rows;
  const MatmulKernel& gate_up = stream.kernels.matmul[weight_format(experts.gate[0])];
  const MatmulKernel& down = stream.kernels.matmul[weight_format(experts.down[0])];

  const int64_t plan_bytes = align64((num_experts + 1) * 4) + 2 * align64(num_experts * 4) +
                             align64(num_pairs * 4) + align64(num_tokens * 8) +
                             2 * align64(num_pairs * 8);
  Carver plan_memory{static_cast<std::byte*>(stream.scratch(1, plan_bytes))};
  Sorted sorted{plan_memory.take<int32_t>(num_experts + 1), plan_memory.take<int32_t>(num_experts),
                plan_memory.take<int32_t>(num_pairs), 0};
  sort_by_expert(sorted, plan_memory.take<int32_t>(num_experts), expert_ids, num_pairs,
                 num_experts);

  const void** token_rows = plan_memory.take<const void*>(num_tokens);
  void* converted = stream.scratch(0, converted_bytes(gate_up, num_tokens, hidden));
  point_at_activations(token_rows, converted, nullptr, x, num_tokens, hidden, gate_up, stream);

  const int64_t num_threads = stream.pool.num_threads();
  const int64_t act_stride = activation_stride(down, intermediate);
  const int64_t in_tiles = tiles_bytes(gate_up, kPieceTokens, hidden);
  constexpr int64_t kSums = 2 * kPieceTokens * kPieceRows;
  const int64_t act_rows = kPieceTokens * activation_stride(down, kPieceRows);
  Carver memory{static_cast<std::byte*>(stream.scratch(
      3, align64(num_threads * int64_t{sizeof(Workplace)}) +
             num_threads * (align64(kSums * 4) + align64(num_tokens * kDownRows * 4) +
                            align64(act_rows) + align64(in_tiles))))};
  Workplace* workplaces = memory.take<Workplace>(num_threads);
  for (int64_t i = 0; i < num_threads; i++) {
    workplaces[i] = {memory.take<float>(kSums), memory.take<float>(num_tokens * kDownRows),
                     memory.take<std::byte>(act_rows), memory.take<std::byte>(in_tiles), nullptr};
  }
  Plan plan{experts,
            stream.kernels,
            gate_up,
            down,
            num_tokens,
            k,
            hidden,
            intermediate,
            act_stride,
            sorted,
            plan_memory.take<const void*>(num_pairs),
            plan_memory.take<const void*>(num_pairs),
            workplaces};
  // An expert's activations: what they take as rows, or as tiles.
  int64_t act_bytes = 0;
  const auto bytes_of = [&](int64_t count) {
    const int64_t tiles = tiles_bytes(down, count, intermediate);
    return tiles > 0 ? align64(tiles) : count * act_stride;
  };
  for (int64_t a = 0; a < sorted.num_active; a++) {
    const int32_t e = sorted.active[a];
    act_bytes += bytes_of(sorted.starts[e + 1] - sorted.starts[e]);
  }
  std::byte* act = static_cast<std::byte*>(stream.scratch(2, act_bytes));
  for (int64_t a = 0; a < sorted.num_active; a++) {
    const int32_t e = sorted.active[a];
    for (int64_t i = sorted.starts[e]; i < sorted.starts[e + 1]; i++) {
      plan.x_rows[i] = token_rows[sorted.pairs[i] / k];
      plan.act_rows[i] = act + (i - sorted.starts[e]) * act_stride;
    }
    act += bytes_of(sorted.starts[e + 1] - sorted.starts[e]);
  }
  run_queues(y, plan, weights, stream);
}

}  // namespace

void moe_experts(Tensor y, Tensor x, Tensor expert_ids, Tensor weights,
                 const ops::ExpertTable& experts, CpuStream& stream) {
  const int64_t num_tokens = x.shape[0], hidden = x.shape[1], k = expert_ids.shape[1];
  for (int64_t t = 0; t < num_tokens; t += kTokensPerCall) {
    run_piece(y.f32() + t * hidden, x.f32() + t * hidden, expert_ids.i32() + t * k,
              weights.f32() + t * k, std::min(kTokensPerCall, num_tokens - t), k, experts, stream);
  }
}

}  // namespace conclave::cpu
