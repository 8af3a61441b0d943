"""Writes rope.json: frequencies that transformers computes, for test/files/rope.test.ts.

    pip install torch transformers && python test/files/golden/make_rope.py
"""

import json
from pathlib import Path

import torch
from transformers import Qwen3Config
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

torch.set_num_threads(1)


def plain(head_dim: int, theta: float) -> dict:
    exponents = torch.arange(0, head_dim, 2, dtype=torch.int64).to(torch.float) / head_dim
    rope = {"theta": theta, "scaling": None}
    return case(head_dim, rope, 1.0 / (theta**exponents), 1.0)


def case(head_dim: int, rope: dict, inv_freq: torch.Tensor, scale: float) -> dict:
    return {"headDim": head_dim, "rope": rope, "invFreq": inv_freq.tolist(), "scale": scale}


def scaled(head_dim: int, theta: float, max_positions: int, parameters: dict) -> dict:
    config = Qwen3Config(
        head_dim=head_dim,
        max_position_embeddings=max_positions,
        rope_parameters={"rope_theta": theta, **parameters},
    )
    inv_freq, scale = ROPE_INIT_FUNCTIONS[parameters["rope_type"]](config, "cpu")
    rope = {"max_position_embeddings": max_positions, "rope_theta": theta, "raw": parameters}
    return case(head_dim, rope, inv_freq, float(scale))


def yarn(head_dim: int, theta: float, max_positions: int, **parameters) -> dict:
    return scaled(head_dim, theta, max_positions, {"rope_type": "yarn", **parameters})


def llama3(head_dim: int, factor: float) -> dict:
    parameters = {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
    parameters |= {"factor": factor, "original_max_position_embeddings": 8192}
    return scaled(head_dim, 5e5, 131072, {"rope_type": "llama3", **parameters})


ORIGINAL = "original_max_position_embeddings"
CASES = [
    *[plain(d, t) for d, t in [(128, 1e6), (64, 5e5), (128, 1e7), (16, 1e4), (80, 1e4), (96, 5e6)]],
    scaled(64, 1e4, 4096, {"rope_type": "linear", "factor": 4.0}),
    llama3(128, 8.0),
    llama3(64, 32.0),
    yarn(128, 1e6, 131072, factor=4.0, **{ORIGINAL: 32768}),
    yarn(128, 1e6, 131072, factor=4.0, attention_factor=1.25, **{ORIGINAL: 32768}),
    yarn(64, 1e4, 16384, factor=40.0, mscale=0.707, mscale_all_dim=1.0, **{ORIGINAL: 4096}),
    yarn(128, 1e6, 131072, factor=4.0, truncate=False, **{ORIGINAL: 32768}),
    yarn(32, 1e4, 4096, factor=2.0, beta_fast=16, beta_slow=2, **{ORIGINAL: 64}),
    yarn(16, 1e4, 64, factor=8.0, **{ORIGINAL: 8}),
    yarn(128, 1e7, 1048576, factor=4.0, **{ORIGINAL: 262144}),
]
text = ",\n".join(json.dumps(c) for c in CASES)
Path(__file__).with_name("rope.json").write_text(f"[\n{text}\n]\n")
