"""Makes the golden checkpoints of cases.py and what Hugging Face transformers answers to them.

usage: make_checkpoints.py [CASE ...]     (all cases where none is named; README.md has the set-up)
"""

import base64
import copy
import json
import math
import pathlib
import shutil
import sys
import warnings
import zlib

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

from bf16_noise import is_steady, noisy_twin
from cases import BASE, CASES, MOE

HERE = pathlib.Path(__file__).parent
GREEDY_TOKENS = 64
# A continuation nearer than this to a tie, or one that repeats itself, shows little.
DECISIVE_MARGIN, DISTINCT_TOKENS = 2e-3, 5
# A router whose k-th and next logit lie nearer could choose otherwise in another order of sums.
DECISIVE_GAP = 2e-3
DTYPES = {
    'f32': torch.float32,
    'f16': torch.float16,
    'bf16': torch.bfloat16,
    'mixed': torch.bfloat16,
}
CLASSES = {
    'qwen3_moe': 'Qwen3MoeForCausalLM',
    'qwen3': 'Qwen3ForCausalLM',
    'llama': 'LlamaForCausalLM',
}


def file_config(arch, changes, how):
    """config.json as it is written, in the spelling that the case asks for."""
    keys = {**BASE, **(MOE if arch == 'qwen3_moe' else {}), **changes}
    keys = {k: v for k, v in keys.items() if v is not None}
    theta, scaling = keys.pop('rope_theta', None), keys.pop('rope_scaling', None)
    dtype = str(DTYPES[how.get('dtype', 'bf16')]).removeprefix('torch.')
    if how.get('rope', 'old') == 'new':
        keys['rope_parameters'] = {**(scaling or {'rope_type': 'default'}), 'rope_theta': theta}
        keys['dtype'] = dtype
        if 'num_experts' in keys:
            keys['num_local_experts'] = keys.pop('num_experts')
    else:
        keys |= {} if theta is None else {'rope_theta': theta}
        keys |= {} if scaling is None else {'rope_scaling': scaling}
        keys['torch_dtype'] = dtype
    return {'architectures': [CLASSES[arch]], 'model_type': arch, **keys, **how.get('extra', {})}


def random_model(folder, seed):
    """A float32 model of the folder's config, wide enough that routing and argmax are decisive.

    Queries and keys are wider than the rest: attention that looks somewhere shows a slip in the
    positions.
    """
    config = AutoConfig.from_pretrained(folder)
    model = AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, attn_implementation='eager', experts_implementation='eager'
    ).eval()
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        sharper = (
            1.3 if any(f'.{p}' in name for p in ('q_norm', 'k_norm', 'q_proj', 'k_proj')) else 1
        )
        if 'norm' in name:
            value = sharper * (1 + 0.2 * noise)
        elif name.endswith('bias'):
            value = 0.12 * noise
        elif name.endswith('mlp.gate.weight'):
            value = 2 / math.sqrt(parameter.shape[1]) * noise
        else:
            value = sharper * 0.72 / math.sqrt(min(parameter.shape[-1], 64)) * noise
        parameter.data.copy_(value)
    return model


def round_to_file(model, dtype):
    """Rounds weights to what the file holds: the reference is f32 arithmetic on stored values."""
    stored = {}
    for name, parameter in model.named_parameters():
        kept = dtype == 'mixed' and ('norm' in name or name.endswith('mlp.gate.weight'))
        stored[name] = torch.float32 if kept else DTYPES[dtype]
        parameter.data.copy_(parameter.data.to(stored[name]))
    return stored


def file_tensors(model, stored, experts, tied_copy):
    """name → tensor, in the expert layout that the case asks for."""
    tensors = {}
    for name, parameter in model.named_parameters():
        value = parameter.data.to(stored[name])
        if '.mlp.experts.' not in name or experts == 'fused':
            tensors[name] = value
        elif experts == 'transposed':
            tensors[name] = value.transpose(1, 2)
        else:
            layer, projection = name.split('.experts.')
            parts = ('down_proj',) if projection == 'down_proj' else ('gate_proj', 'up_proj')
            for e, expert in enumerate(value):
                for part, weight in zip(parts, expert.chunk(len(parts))):
                    tensors[f'{layer}.experts.{e}.{part}.weight'] = weight
    if tied_copy:
        tensors['lm_head.weight'] = tensors['model.embed_tokens.weight'].clone()
    return {name: value.contiguous() for name, value in tensors.items()}


def write_files(folder, tensors, shard_bytes):
    """One safetensors file, or several with an index."""
    shards, size = [{}], 0
    for name in sorted(tensors):
        num_bytes = tensors[name].nbytes
        if shard_bytes and shards[-1] and size + num_bytes > shard_bytes:
            shards.append({})
            size = 0
        shards[-1][name] = tensors[name]
        size += num_bytes
    if len(shards) == 1:
        save_file(shards[0], folder / 'model.safetensors', metadata={'format': 'pt'})
        return
    names = [f'model-{i + 1:05d}-of-{len(shards):05d}.safetensors' for i in range(len(shards))]
    for file, shard in zip(names, shards):
        save_file(shard, folder / file, metadata={'format': 'pt'})
    index = {
        'metadata': {'total_size': sum(t.nbytes for t in tensors.values())},
        'weight_map': {name: file for file, shard in zip(names, shards) for name in shard},
    }
    (folder / 'model.safetensors.index.json').write_text(json.dumps(index, separators=(',', ':')))


def pack(values):
    """float32, little-endian, base64."""
    return base64.b64encode(values.contiguous().numpy().tobytes()).decode()


def greedy(model, ids):
    """The ids that argmax picks, one at a time through the cache, and their smallest margin."""
    chosen, margins, cache, step = [], [], None, torch.tensor([ids])
    for _ in range(GREEDY_TOKENS):
        answer = model(step, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = answer.past_key_values
        top = answer.logits[0, -1].topk(2)
        chosen.append(top.indices[0].item())
        margins.append((top.values[0] - top.values[1]).item())
        step = torch.tensor([chosen[-1:]])
    return chosen, min(margins)


def routes(model, ids):
    """Sorted expert ids per sparse layer and position; the least gap of the last in to the next."""
    seen, hooks = {}, []
    for i, layer in enumerate(model.model.layers):
        if hasattr(layer.mlp, 'experts'):
            hooks.append(
                layer.mlp.gate.register_forward_hook(
                    lambda module, _, out, i=i: seen.__setitem__(i, (out[0], out[2]))
                )
            )
    model(torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    gap = math.inf
    for logits, chosen in seen.values():
        k = chosen.shape[1]
        if k < logits.shape[1]:
            top = logits.topk(k + 1).values
            gap = min(gap, (top[:, k - 1] - top[:, k]).min().item())
    return {i: chosen.sort(dim=1).values.tolist() for i, (_, chosen) in seen.items()}, gap


def random_ids(config, length, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, config.vocab_size, (length,), generator=generator).tolist()


def decisive_routes(model, config, seed):
    """Routes of the first prompt of 24 tokens whose choices no rounding turns; None where dense."""
    for attempt in range(200):
        ids = random_ids(config, 24, seed + attempt)
        layers, gap = routes(model, ids)
        if not layers:
            return None
        if gap > DECISIVE_GAP:
            return {'ids': ids, 'layers': layers, 'gap': gap if gap < math.inf else None}
    raise SystemExit('no prompt with decisive routes')


def decisive_prompt(model, twin, length, seed):
    """The first prompt with a clear and varied continuation; steady, where there is a twin."""
    for attempt in range(200):
        ids = random_ids(model.config, length, seed + attempt)
        if twin is None or is_steady(model, twin, ids):
            chosen, margin = greedy(model, ids)
            if margin > DECISIVE_MARGIN and len(set(chosen)) >= DISTINCT_TOKENS:
                return {'ids': ids, 'greedy': chosen, 'margin': margin}
    raise SystemExit('no prompt with a decisive continuation')


def expectations(model, config, how, seed):
    prompts, dtype = [], how.get('dtype', 'bf16')
    twin = noisy_twin(model) if dtype in ('bf16', 'mixed') else None
    for i, length in enumerate(how.get('lengths', (1, 5, 64, 200))):
        prompt = decisive_prompt(model, twin, length, seed + 1000 * (i + 1))
        logits = model(torch.tensor([prompt['ids']])).logits[0]
        prompt['last'] = pack(logits[-1])
        if length in how.get('all', (5,)):
            prompt['all'] = pack(logits)
        prompts.append(prompt)
    return {
        'reference': f'transformers {transformers.__version__}, torch {torch.__version__}, float32',
        'dtype': dtype,
        'vocabSize': config.vocab_size,
        'prompts': prompts,
        'routes': decisive_routes(model, config, seed + 9000),
    }


def check_reload(folder, model, how):
    """transformers reads the same model back; it has no reader for the transposed layout."""
    if how.get('experts') == 'transposed':
        return
    again = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation='eager', experts_implementation='eager'
    ).eval()
    ids = torch.tensor([random_ids(model.config, 32, 1)])
    if not torch.equal(again(ids).logits, model(ids).logits):
        raise SystemExit(f'{folder.name} reads back differently')


def make(name):
    arch, changes, how = CASES[name]
    folder, seed = HERE / name, zlib.crc32(name.encode())
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / 'config.json').write_text(
        json.dumps(file_config(arch, changes, how), indent=1) + '\n'
    )
    model = random_model(folder, seed)
    stored = round_to_file(model, how.get('dtype', 'bf16'))
    if how.get('saved'):
        copy.deepcopy(model).to(DTYPES[how.get('dtype', 'bf16')]).save_pretrained(
            folder, max_shard_size=how['shard']
        )
    else:
        layout, tied_copy = how.get('experts', 'split'), how.get('tied_copy', False)
        write_files(folder, file_tensors(model, stored, layout, tied_copy), how.get('shard'))
    check_reload(folder, model, how)
    expect = expectations(model, model.config, how, seed)
    (folder / 'expect.json').write_text(json.dumps(expect, separators=(',', ':')) + '\n')
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(
        f'{name}: {sum(p.numel() for p in model.parameters()):,} parameters, {size:,} bytes',
        flush=True,
    )


if __name__ == '__main__':
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.simplefilter('ignore', FutureWarning)
    torch.set_num_threads(1)
    with torch.no_grad():
        for case in sys.argv[1:] or CASES:
            make(case)
