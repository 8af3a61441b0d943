#pragma once
// The plain primitives: scalar, readable, the specification that every other kernel set is checked
// against. Each is defined in the file of its op.
#include "cpu/kernels.h"

namespace conclave::cpu::plain {

template <WeightFormat F>
void dot_rows(const DotRows& args);
void dot_panels(const DotRows& args);
void quantise(void* out, const float* x, int64_t n);
template <WeightFormat F>
void to_f32(float* y, const void* w, int64_t n);
void convert_query(void* out, const float* q, int64_t head_dim);
template <KvFormat F>
void attention_span(const AttentionSpan& args);
void attention_merge(const AttentionMerge& args);

void rms_norm(float* y, const float* x, const float* w, int64_t n, float eps);
void add(float* y, const float* a, const float* b, int64_t n);
void silu_mul(float* y, const float* gate, const float* up, int64_t n);
void rope(float* x, const float* cos, const float* sin, int64_t half);
void exp_minus(float* y, const float* x, int64_t n, float max);
int64_t largest(const float* x, int64_t n);
void add_weighted(float* y, const float* x, float weight, int64_t n);

bool block_maxima(float* largest, float* maxima, const float* x, int64_t n);

uint64_t probe_read(const void* data, int64_t bytes);
int64_t probe_flops(float* sink, int64_t rounds);

}  // namespace conclave::cpu::plain
