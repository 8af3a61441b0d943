"""Writes fixtures/blocks.bin: random blocks of every format with their values by the gguf package.

Needs gguf and numpy.
"""
from pathlib import Path

import gguf
import numpy as np

TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]
BLOCKS = 24


def record(name, stored, values):
    sizes = np.array([values.size, stored.size], dtype="<u4").tobytes()
    return name.encode().ljust(8, b"\0") + sizes + stored.tobytes() + values.astype("<f4").tobytes()


def main():
    rng = np.random.default_rng(20260)
    out = b""
    for name in TYPES:
        qtype = gguf.GGMLQuantizationType[name]
        elements, size = gguf.GGML_QUANT_SIZES[qtype]
        blocks = BLOCKS if elements > 1 else 512
        # Any bytes are a block: scales come out negative, subnormal, infinite and NaN too.
        stored = rng.integers(0, 256, blocks * size, dtype=np.uint8)
        with np.errstate(all="ignore"):
            values = gguf.quants.dequantize(stored.reshape(1, -1), qtype).reshape(-1)
        out += record(name.lower(), stored, values)
    rows = rng.standard_normal((40, 32)).astype(np.float32)
    rows = rows * np.float32(2.0) ** rng.integers(-30, 14, (40, 1))
    rows[0] = 0
    rows[1] = np.arange(32, dtype=np.float32) - 15.5  # halves
    rows[2] = np.float32(127) * np.where(np.arange(32) % 2, 1, -1)
    rows[3] = 0.5
    rows[3, 0] = 127
    rows = rows.astype(np.float32)
    packed = gguf.quants.quantize(rows, gguf.GGMLQuantizationType.Q8_0)
    out += record("pack", packed.reshape(-1), rows.reshape(-1))
    (Path(__file__).parent / "fixtures/blocks.bin").write_bytes(out)
    print(len(out), "bytes")


if __name__ == "__main__":
    main()
