"""Perplexity as `conclave eval` defines it, computed by transformers in float32.

    python perplexity.py MODEL.gguf TEXT [CONTEXT]

Needs torch, transformers, accelerate and gguf.
"""

import math
import sys
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

gguf, text = Path(sys.argv[1]), Path(sys.argv[2]).read_text(encoding="utf-8")
context = int(sys.argv[3]) if len(sys.argv) > 3 else 512
torch.set_num_threads(1)
tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
# As in make_reference.py: transformers does not read which pre-tokenizer a GGUF asks for.
tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
    ]
)
model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids[0]
negative_log, tokens = 0.0, 0
for start in range(0, len(ids), context):
    window = ids[start : start + context]
    if len(window) < 2:
        continue
    with torch.no_grad():
        logits = model(window[None]).logits[0, :-1].double()
    shares = torch.log_softmax(logits, dim=-1)
    negative_log -= shares.gather(1, window[1:, None]).sum().item()
    tokens += len(window) - 1
print(f"{math.exp(negative_log / tokens):.6f} over {tokens} tokens")
