"""A compact qwen3_moe in PyTorch, fast on a CPU; `export.py` writes it in the Hugging Face layout.

All linear layers work on one flat [tokens, hidden] matrix; only attention sees
sequences, group by group, where each group holds sequences of one length.
Batches are therefore free of padding, however mixed the lengths are.
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Shape:
    vocabulary: int = 4096
    hidden: int = 256
    layers: int = 6
    heads: int = 8
    kv_heads: int = 2
    head_dim: int = 32
    experts: int = 16
    active: int = 2
    expert_size: int = 128
    theta: float = 10000.0
    eps: float = 1e-6
    positions: int = 2048


BLOCK = 64   # rows

# The element-wise parts are compiled: on a CPU they would otherwise cost as much as the matrix products.
fused = torch.compile(dynamic=True)


@fused
def swiglu(gu):
    gate, up = gu.float().chunk(2, dim=1)
    return (F.silu(gate) * up).to(gu.dtype)


@fused
def swiglu_backward(gu, d_act):
    gate, up = gu.float().chunk(2, dim=1)
    d = d_act.float()
    sig = torch.sigmoid(gate)
    silu = gate * sig
    d_gu = torch.cat([d * up * (sig + silu * (1 - sig)), d * silu], dim=1)
    return (silu * up).to(gu.dtype), d_gu.to(gu.dtype)


@fused
def norm(x, weight, eps):
    y = x.float()
    return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps) * weight).to(x.dtype)


@fused
def norm_and_rotate(x, weight, cos, sin, eps):
    """Normalise each head, then turn it by its position; in f32, which attention prefers here."""
    y = x.float()
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps) * weight
    half = y.shape[-1] // 2
    return y * cos + torch.cat([-y[..., half:], y[..., :half]], dim=-1) * sin


@fused
def combine(y, inverse, top):
    """Sum each token's expert rows; the inverse permutation puts them side by side."""
    slots = inverse.view(top.shape)
    return sum(y[slots[:, i]].float() * top[:, i:i + 1] for i in range(top.shape[1])).to(y.dtype)


@fused
def combine_backward(d_out, y, token, weight):
    d = d_out[token].float()
    return (d * weight.unsqueeze(1)).to(y.dtype), (d * y.float()).sum(1)


@fused
def gather_back(dx, inverse, active: int):
    slots = inverse.view(-1, active)
    return sum(dx[slots[:, i]].float() for i in range(active)).to(dx.dtype)


def by_expert(counts):
    start = 0
    for e, n in enumerate(counts):
        if n:
            yield e, slice(start, start + n)
        start += n


class Experts(torch.autograd.Function):
    """Sort rows by expert, SwiGLU, weighted sum back; all moves are permutations, so nothing is scattered."""

    @staticmethod
    def forward(ctx, h, gate_up, down, top, order, counts):
        active = top.shape[1]
        gu_w, d_w = gate_up.to(h.dtype), down.to(h.dtype)
        # Each expert's rows begin a new block: few sizes of product, each compiled once by the matrix library.
        sizes = [-(-n // BLOCK) * BLOCK for n in counts]
        gaps = torch.tensor(sizes).cumsum(0) - torch.tensor(sizes) - torch.tensor(counts).cumsum(0) + torch.tensor(counts)
        place = torch.arange(len(order)) + gaps.repeat_interleave(torch.tensor(counts))
        inverse, token, weight = torch.empty_like(order), order.new_zeros(sum(sizes)), top.new_zeros(sum(sizes))
        inverse[order] = place
        token[place], weight[place] = order // active, top.flatten()[order]   # what fills a block up has weight 0
        x = h[token]
        gu = x.new_empty(x.shape[0], gate_up.shape[1])
        for e, part in by_expert(sizes):
            torch.mm(x[part], gu_w[e].t(), out=gu[part])
        act = swiglu(gu)
        y = torch.empty_like(x)
        for e, part in by_expert(sizes):
            torch.mm(act[part], d_w[e].t(), out=y[part])
        ctx.save_for_backward(x, gu, y, gu_w, d_w, top, weight, inverse, token)
        ctx.sizes = sizes
        return combine(y, inverse, top)

    @staticmethod
    def backward(ctx, d_out):
        x, gu, y, gu_w, d_w, top, weight, inverse, token = ctx.saved_tensors
        dy, d_weight = combine_backward(d_out.contiguous(), y, token, weight)
        d_act = x.new_empty(x.shape[0], d_w.shape[2])
        for e, part in by_expert(ctx.sizes):
            torch.mm(dy[part], d_w[e], out=d_act[part])
        act, d_gu = swiglu_backward(gu, d_act)
        dx = torch.empty_like(x)
        grad_gu_w, grad_d_w = torch.zeros(gu_w.shape), torch.zeros(d_w.shape)
        for e, part in by_expert(ctx.sizes):
            torch.mm(d_gu[part], gu_w[e], out=dx[part])
            grad_d_w[e] = dy[part].t() @ act[part]
            grad_gu_w[e] = d_gu[part].t() @ x[part]
        return gather_back(dx, inverse, top.shape[1]), grad_gu_w, grad_d_w, d_weight[inverse].view_as(top), None, None


class Layer(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.s = s
        def matrix(*size):
            return nn.Parameter(torch.randn(*size) * size[-1] ** -0.5)
        self.q, self.k, self.v = matrix(s.heads * s.head_dim, s.hidden), matrix(s.kv_heads * s.head_dim, s.hidden), matrix(s.kv_heads * s.head_dim, s.hidden)
        self.o = nn.Parameter(torch.randn(s.hidden, s.heads * s.head_dim) * 0.02)
        self.q_norm, self.k_norm = nn.Parameter(torch.ones(s.head_dim)), nn.Parameter(torch.ones(s.head_dim))
        self.norm1, self.norm2 = nn.Parameter(torch.ones(s.hidden)), nn.Parameter(torch.ones(s.hidden))
        self.router = nn.Parameter(torch.randn(s.experts, s.hidden) * 0.02)
        self.gate_up = matrix(s.experts, 2 * s.expert_size, s.hidden)
        self.down = nn.Parameter(torch.randn(s.experts, s.hidden, s.expert_size) * 0.03)

    def attention(self, x, groups, cos, sin):
        s = self.s
        h = norm(x, self.norm1, s.eps)
        q = norm_and_rotate(F.linear(h, self.q).view(-1, s.heads, s.head_dim), self.q_norm, cos, sin, s.eps)
        k = norm_and_rotate(F.linear(h, self.k).view(-1, s.kv_heads, s.head_dim), self.k_norm, cos, sin, s.eps)
        v = F.linear(h, self.v).view(-1, s.kv_heads, s.head_dim).float()
        repeat = s.heads // s.kv_heads
        k, v = k.repeat_interleave(repeat, dim=1), v.repeat_interleave(repeat, dim=1)
        parts, start = [], 0
        for batch, length in groups:
            part = slice(start, start + batch * length)
            a, b, c = (t[part].view(batch, length, s.heads, s.head_dim).transpose(1, 2) for t in (q, k, v))
            with torch.autocast("cpu", enabled=False):
                out = F.scaled_dot_product_attention(a, b, c, is_causal=True)
            parts.append(out.transpose(1, 2).reshape(batch * length, -1))
            start += batch * length
        return F.linear(torch.cat(parts).to(x.dtype), self.o)

    def experts(self, x):
        s = self.s
        h = norm(x, self.norm2, s.eps)
        with torch.autocast("cpu", enabled=False):
            probs = F.linear(h.float(), self.router).softmax(-1)
        top, index = probs.topk(s.active, dim=-1)
        top = top / top.sum(-1, keepdim=True)
        flat = index.flatten()
        order = flat.argsort(stable=True)
        counts = torch.bincount(flat, minlength=s.experts)
        out = Experts.apply(h, self.gate_up, self.down, top, order, counts.tolist())
        balance = s.experts * (counts / len(flat) * probs.mean(0)).sum()
        return out, balance


class Model(nn.Module):
    def __init__(self, shape: Shape = Shape()):
        super().__init__()
        self.shape = s = shape
        self.embed = nn.Parameter(torch.randn(s.vocabulary, s.hidden) * 0.02)
        self.layers = nn.ModuleList(Layer(s) for _ in range(s.layers))
        self.final_norm = nn.Parameter(torch.ones(s.hidden))
        angle = torch.outer(torch.arange(s.positions).float(), s.theta ** (-torch.arange(0, s.head_dim, 2).float() / s.head_dim))
        self.register_buffer("cos", angle.cos().repeat(1, 2), persistent=False)
        self.register_buffer("sin", angle.sin().repeat(1, 2), persistent=False)

    def forward(self, tokens, groups, wanted, dtype=torch.float32):
        """Logits at the wanted flat positions, and the load-balance loss."""
        position = torch.cat([torch.arange(length).repeat(batch) for batch, length in groups])
        cos, sin = self.cos[position].unsqueeze(1), self.sin[position].unsqueeze(1)
        x = F.embedding(tokens, self.embed).to(dtype)
        balance = 0.0
        for layer in self.layers:
            x = x + layer.attention(x, groups, cos, sin)
            y, b = layer.experts(x)
            x, balance = x + y, balance + b / len(self.layers)
        return F.linear(norm(x[wanted], self.final_norm, self.shape.eps), self.embed), balance
