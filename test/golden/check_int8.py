"""Opens what `conclave quantize` wrote with transformers, and compares it with Conclave's answers.

    python check_int8.py INT8_FOLDER CONCLAVE_CLI [PROMPT_IDS]

Exits with 1 where they differ although the reference is sure. Needs torch, transformers and compressed-tensors. A dense model opens as it is
(`CompressedTensorsConfig(dequantize=True)`); a mixture of experts is widened by the format's own rule,
weight * weight_scale, because transformers does not fuse compressed experts.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, CompressedTensorsConfig

STEPS = 32


def widen(folder: Path) -> str:
    """The same checkpoint as plain float32, in a temporary folder."""
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(file)
    plain = {}
    for name, tensor in tensors.items():
        if name.endswith("_scale"):
            continue
        scale = tensors.get(name + "_scale")
        if scale is None:
            plain[name] = tensor.float()
            continue
        rows, groups = scale.shape
        grouped = tensor.float().view(rows, groups, -1) * scale.float().unsqueeze(-1)
        plain[name] = grouped.view(tensor.shape)
    target = Path(tempfile.mkdtemp(prefix="conclave-int8-"))
    config = json.loads((folder / "config.json").read_text())
    del config["quantization_config"]
    (target / "config.json").write_text(json.dumps(config))
    save_file(plain, target / "model.safetensors", metadata={"format": "pt"})
    return str(target)


def load(folder: Path):
    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] == "qwen3_moe":
        return AutoModelForCausalLM.from_pretrained(widen(folder), dtype=torch.float32), "widened"
    options = {"quantization_config": CompressedTensorsConfig(dequantize=True)}
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **options), "opened"


def main() -> None:
    folder, cli = Path(sys.argv[1]), sys.argv[2]
    prompt = sys.argv[3] if len(sys.argv) > 3 else "1,5,9,2,7"
    ids = torch.tensor([[int(x) for x in prompt.split(",")]])
    model, how = load(folder)
    with torch.no_grad():
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),  # a prompt may hold the id that pads
            max_new_tokens=STEPS,
            do_sample=False,
            repetition_penalty=1.0,
            eos_token_id=-1,
        )
        logits = model(out[:, :-1]).logits[0, ids.shape[1] - 1 :]
    best = logits.topk(2).values
    expected = out[0, ids.shape[1] :].tolist()
    flags = ["--prompt-ids", prompt, "--max-tokens", str(STEPS), "--temperature", "0"]
    flags += ["--repetition-penalty", "1", "--ignore-eos", "--kv-cache", "f32", "--json"]
    ok = True
    for weights in ("f32", "auto"):
        command = ["node", cli, "generate", "--model", str(folder), "--weights", weights, *flags]
        answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        same = sum(a == b for a, b in zip(answer["tokenIds"], expected))
        wrong = next((i for i, (a, b) in enumerate(zip(answer["tokenIds"], expected)) if a != b), None)
        ok = ok and (wrong is None or bool(best[wrong, 0] - best[wrong, 1] < 1e-2))
        margin = "" if wrong is None else f", first other where the lead is {best[wrong, 0] - best[wrong, 1]:.4f}"
        print(f"{folder.name}, {how}, weights {weights}: {same} of {STEPS} greedy tokens equal{margin}")
    sys.exit(0 if ok else 1)


main()
