// Route once, then two queues of tasks: (expert, rows of gate and up) into activations, (expert,
// rows of down) into one partial row per (token, slot); last the weighted sum over slots. One token
// and a thousand take the same way.
#include <algorithm>

#include "cpu/dot_block.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/plain.h"

namespace conclave::cpu {

void plain::weighted_sum(float* y, const float* x, const float* weights, int64_t num_rows,
                         int64_t stride, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float sum = 0;
    for (int64_t r = 0; r < num_rows; r++) sum += weights[r] * x[r * stride + i];
    y[i] = sum;
  }
}

namespace {

constexpr int64_t kTokensPerCall =
    512;  // bounds the scratch: k partial rows of hidden_size a token
constexpr int64_t kTaskBytes = 256 << 10;
constexpr int64_t kTasksPerThread = 4;
// Tokens and rows of gate and up at once; their sums are 64 KiB and stay near.
constexpr int64_t kPieceTokens = 128, kPieceRows = 64;
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
  float* sums;                // (2, kPieceTokens, kPieceRows) of gate and up
  std::byte* tiles;           // kPieceTokens, packed
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
  int64_t k, hidden, intermediate, act_stride;
  Sorted sorted;
  const void** x_rows;     // (num_pairs) in sorted order
  const void** act_rows;   // (num_pairs) in sorted order
  float** partial_rows;    // (num_pairs) in sorted order, each at its (token, slot)
  std::byte* activations;  // silu(gate) · up as the kernel takes it
  float* partial;          // (num_tokens, k, hidden)
  Workplace* workplaces;   // of each thread
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

// Rows of one expert's matrix; a task.
struct RowBlock {
  int64_t expert, first_row, num_rows;
};

const Weight& matrix(const std::vector<Weight>& of, const RowBlock& b) {
  return of[static_cast<size_t>(b.expert)];
}

const void* first_of(const std::vector<Weight>& of, const RowBlock& b) {
  return weight_row(matrix(of, b), b.first_row);
}

// silu(gate) · up of the block's rows for all of its expert's tokens; `next` is what this thread
// will probably do after.
void gate_up_task(const Plan& p, const RowBlock& block, const RowBlock& next, int thread) {
  Workplace& workplace = p.workplaces[thread];
  float* gate[kPieceTokens];
  float* up[kPieceTokens];
  for (int64_t m = 0; m < kPieceTokens; m++) {
    gate[m] = workplace.sums + m * kPieceRows;
    up[m] = gate[m] + kPieceTokens * kPieceRows;
  }
  const Weight &gate_w = matrix(p.experts.gate, block), &up_w = matrix(p.experts.up, block);
  const int64_t first_row = block.first_row, num_rows = block.num_rows;
  const int64_t end = p.sorted.starts[block.expert + 1];
  for (int64_t i = p.sorted.starts[block.expert]; i < end; i += kPieceTokens) {
    const int64_t m = std::min(kPieceTokens, end - i);
    const Tokens x = workplace.tokens(p.x_rows + i, m, p.hidden, p.gate_up);
    const void* after = first_of(p.experts.gate, i + m < end ? block : next);
    dot_block(gate, 0, x, gate_w, first_row, num_rows, first_of(p.experts.up, block), p.gate_up);
    dot_block(up, 0, x, up_w, first_row, num_rows, after, p.gate_up);
    for (int64_t j = 0; j < m; j++) {
      std::byte* act =
          p.activations + (i + j) * p.act_stride + activation_offset(p.down, first_row);
      float* product = p.down.convert ? gate[j] : reinterpret_cast<float*>(act);
      p.kernels.silu_mul(product, gate[j], up[j], num_rows);
      if (p.down.convert) p.down.convert(act, product, num_rows);
    }
  }
}

void down_task(const Plan& p, const RowBlock& block, const RowBlock& next, int thread) {
  const int64_t end = p.sorted.starts[block.expert + 1];
  for (int64_t i = p.sorted.starts[block.expert]; i < end; i += kPieceTokens) {
    const int64_t m = std::min(kPieceTokens, end - i);
    const Tokens act = p.workplaces[thread].tokens(p.act_rows + i, m, p.intermediate, p.down);
    dot_block(p.partial_rows + i, block.first_row, act, matrix(p.experts.down, block),
              block.first_row, block.num_rows, first_of(p.experts.down, i + m < end ? block : next),
              p.down);
  }
}

// fn(block, next, thread) for the rows of all active experts, `rows` a task.
template <class Fn>
void for_each_block(const Plan& p, int64_t total_rows, int64_t rows, int64_t cost_ns,
                    CpuStream& stream, Fn&& fn) {
  const int64_t blocks = (total_rows + rows - 1) / rows, num_tasks = p.sorted.num_active * blocks;
  const auto block_of = [&](int64_t task) {
    const int64_t first = task % blocks * rows;
    return RowBlock{p.sorted.active[task / blocks], first, std::min(rows, total_rows - first)};
  };
  for_each_task(stream.pool, num_tasks, cost_ns, [&](int64_t task, int thread) {
    fn(block_of(task), block_of(std::min(task + stream.pool.num_threads(), num_tasks - 1)), thread);
  });
}

void run_queues(const Plan& p, int64_t num_pairs, CpuStream& stream) {
  const int64_t num_active = std::max<int64_t>(p.sorted.num_active, 1);
  const int64_t min_tasks = 1 + kTasksPerThread * stream.pool.num_threads() / num_active;
  const Weight &gate = p.experts.gate[0], &down = p.experts.down[0];
  const int64_t cost_ns = num_active * dot_cost_ns(gate, 1 + num_pairs / num_active);
  // Whole tiles where activations of `down` come in blocks of columns: each task fills its own.
  const bool in_blocks = gate.dtype == DType::i8 || down.dtype == DType::i8;
  const int64_t gate_rows =
      in_blocks ? kPieceRows : std::min(rows_per_task(gate, kTaskBytes / 2, min_tasks), kPieceRows);
  for_each_block(p, p.intermediate, gate_rows, 2 * cost_ns, stream,
                 [&](const RowBlock& b, const RowBlock& next, int thread) {
                   gate_up_task(p, b, next, thread);
                 });
  for_each_block(
      p, p.hidden, rows_per_task(down, kTaskBytes, min_tasks), cost_ns, stream,
      [&](const RowBlock& b, const RowBlock& next, int thread) { down_task(p, b, next, thread); });
}

// Up to kTokensPerCall tokens.
void run_piece(float* y, const float* x, const int32_t* expert_ids, const float* weights,
               int64_t num_tokens, int64_t k, const ops::ExpertTable& experts, CpuStream& stream) {
  const int64_t num_experts = static_cast<int64_t>(experts.gate.size()), num_pairs = num_tokens * k;
  const int64_t hidden = experts.gate[0].cols, intermediate = experts.gate[0].rows;
  const MatmulKernel& gate_up = stream.kernels.matmul[weight_format(experts.gate[0])];
  const MatmulKernel& down = stream.kernels.matmul[weight_format(experts.down[0])];
  const int64_t act_stride = activation_stride(down, intermediate);

  const int64_t plan_bytes = align64((num_experts + 1) * 4) + 2 * align64(num_experts * 4) +
                             align64(num_pairs * 4) + align64(num_tokens * 8) +
                             3 * align64(num_pairs * 8);
  Carver plan_memory{static_cast<std::byte*>(stream.scratch(1, plan_bytes))};
  Sorted sorted{plan_memory.take<int32_t>(num_experts + 1), plan_memory.take<int32_t>(num_experts),
                plan_memory.take<int32_t>(num_pairs), 0};
  sort_by_expert(sorted, plan_memory.take<int32_t>(num_experts), expert_ids, num_pairs,
                 num_experts);

  const void** token_rows = plan_memory.take<const void*>(num_tokens);
  void* converted = stream.scratch(0, converted_bytes(gate_up, num_tokens, hidden));
  point_at_activations(token_rows, converted, nullptr, x, num_tokens, hidden, gate_up, stream);

  const int64_t num_threads = stream.pool.num_threads();
  const int64_t in_tiles = std::max(tiles_bytes(gate_up, kPieceTokens, hidden),
                                    tiles_bytes(down, kPieceTokens, intermediate));
  constexpr int64_t kSums = 2 * kPieceTokens * kPieceRows;
  Carver memory{static_cast<std::byte*>(stream.scratch(
      3, align64(num_pairs * hidden * 4) + align64(num_threads * int64_t{sizeof(Workplace)}) +
             num_threads * (align64(kSums * 4) + align64(in_tiles))))};
  float* partial = memory.take<float>(num_pairs * hidden);
  Workplace* workplaces = memory.take<Workplace>(num_threads);
  for (int64_t i = 0; i < num_threads; i++) {
    workplaces[i] = {memory.take<float>(kSums), memory.take<std::byte>(in_tiles), nullptr};
  }
  Plan plan{experts,
            stream.kernels,
            gate_up,
            down,
            k,
            hidden,
            intermediate,
            act_stride,
            sorted,
            plan_memory.take<const void*>(num_pairs),
            plan_memory.take<const void*>(num_pairs),
            plan_memory.take<float*>(num_pairs),
            static_cast<std::byte*>(stream.scratch(2, num_pairs * act_stride)),
            partial,
            workplaces};
  for (int64_t i = 0; i < num_pairs; i++) {
    plan.x_rows[i] = token_rows[sorted.pairs[i] / k];
    plan.act_rows[i] = plan.activations + i * act_stride;
    plan.partial_rows[i] = partial + sorted.pairs[i] * hidden;
  }
  run_queues(plan, num_pairs, stream);
  for_each_range(stream.pool, num_tokens, 1, num_pairs * hidden / 8,
                 [&](int64_t begin, int64_t end) {
                   for (int64_t t = begin; t < end; t++) {
                     stream.kernels.weighted_sum(y + t * hidden, partial + t * k * hidden,
                                                 weights + t * k, k, hidden, hidden);
                   }
                 });
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
