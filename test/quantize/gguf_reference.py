"""What the `gguf` package makes of golden checkpoints, tensor by tensor, as `conclave quantize --format gguf` must.

    python gguf_reference.py                       writes gguf_reference.json from test/golden
    python gguf_reference.py FILE.gguf CASE        opens a file with GGUFReader and compares it with that

Needs gguf, torch and safetensors. Names come from the package's own map; Q and K of Llama are put in the
order that its converters give them.
"""

import hashlib
import json
import re
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent
CASES = ["moe-f32", "moe-fused", "dense-tied-sharded", "llama-smol", "llama-biases-mha", "llama3-new-keys"]
ARCHITECTURES = {"qwen3_moe": gguf.MODEL_ARCH.QWEN3MOE, "qwen3": gguf.MODEL_ARCH.QWEN3, "llama": gguf.MODEL_ARCH.LLAMA}


def load(folder: Path) -> tuple[dict, str]:
    """Arrays by name, and what matrices stay whose rows are not whole blocks."""
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(file)
    wide = "BF16" if all(t.dtype == torch.bfloat16 for t in tensors.values()) else "F32"
    return {name: t.float().numpy() for name, t in tensors.items()}, wide


def merge_experts(tensors: dict) -> dict:
    """One array (E, rows, cols) for a projection, whatever the checkpoint has."""
    merged = {}
    for name, x in tensors.items():
        if fused := re.match(r"(.*\.experts)\.gate_up_proj$", name):
            gate, up = np.split(x, 2, axis=1)
            merged[f"{fused[1]}.gate_proj.weight"], merged[f"{fused[1]}.up_proj.weight"] = gate, up
        elif name.endswith(".experts.down_proj"):
            merged[f"{name}.weight"] = x
        elif single := re.match(r"(.*\.experts)\.(\d+)\.(.*)$", name):
            merged.setdefault(f"{single[1]}.{single[3]}", {})[int(single[2])] = x
        else:
            merged[name] = x
    return {n: np.stack([x[e] for e in sorted(x)]) if isinstance(x, dict) else x for n, x in merged.items()}


def interleave(x: np.ndarray, heads: int) -> np.ndarray:
    return x.reshape(heads, 2, x.shape[0] // heads // 2, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def reference(folder: Path) -> dict:
    config = json.loads((folder / "config.json").read_text())
    names = gguf.get_tensor_name_map(ARCHITECTURES[config["model_type"]], config["num_hidden_layers"])
    tensors, wide = load(folder)
    tensors = merge_experts(tensors)
    if config.get("tie_word_embeddings"):
        tensors.pop("lm_head.weight", None)
    out = {}
    for name, x in tensors.items():
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if config["model_type"] == "llama" and (rotated := re.search(r"\.([qk])_proj\.", name)):
            heads = config["num_attention_heads"]
            x = interleave(x, heads if rotated[1] == "q" else config.get("num_key_value_heads") or heads)
        exact = x.ndim == 1 or target.endswith("ffn_gate_inp.weight")
        kind = "F32" if exact else wide if x.shape[-1] % 32 else "Q8_0"
        data = gguf.quants.quantize(x, gguf.GGMLQuantizationType[kind])
        digest = hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest()
        out[target] = {"type": kind, "shape": list(x.shape), "sha256": digest}
    return out


def compare(path: str, case: str) -> None:
    expected, reader = json.loads((HERE / "gguf_reference.json").read_text())[case], gguf.GGUFReader(path)
    assert {t.name for t in reader.tensors} - {"rope_freqs.weight"} == set(expected)
    for t in reader.tensors:
        if t.name not in expected:
            continue
        shape = [int(n) for n in reversed(t.shape)]
        found = {"type": t.tensor_type.name, "shape": shape, "sha256": hashlib.sha256(t.data.tobytes()).hexdigest()}
        assert found == expected[t.name], (t.name, found, expected[t.name])
    print(f"{path}: {len(reader.tensors)} tensors and {len(reader.fields)} keys, as the package makes them")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        compare(*sys.argv[1:])
    else:
        found = {case: reference(HERE.parent / "golden" / case) for case in CASES}
        (HERE / "gguf_reference.json").write_text(json.dumps(found, indent=1) + "\n")
