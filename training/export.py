"""Write a checkpoint as a Hugging Face `qwen3_moe` folder: bf16 safetensors, tokenizer, template, configs.

    python training/export.py --run training/run --out default-model

Each file is written beside its place and renamed, so that a reader never sees half a file.
"""
import argparse
import json
import os
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from model import Shape

TEMPLATE = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n\\nYou may call one or more functions to assist with the user query.\\n\\nYou are provided with function signatures within <tools></tools> XML tags:\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools>\\n\\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:\\n<tool_call>\\n{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}\\n</tool_call><|im_end|>\\n" }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if message.content %}
            {{- message.content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and message.content) or (not loop.first) %}
                    {{- '\\n' }}
                {%- endif %}
                {%- if tool_call.function %}
                    {%- set tool_call = tool_call.function %}
                {%- endif %}
                {{- '<tool_call>\\n{"name": "' + tool_call.name + '", "arguments": ' }}
                {%- if tool_call.arguments is string %}
                    {{- tool_call.arguments }}
                {%- else %}
                    {{- tool_call.arguments | tojson }}
                {%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {%- if loop.first or (messages[loop.index0 - 1].role != 'tool') %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != 'tool') %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def config(s, ids):
    return {
        "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "vocab_size": s.vocabulary, "hidden_size": s.hidden,
        "num_hidden_layers": s.layers, "num_attention_heads": s.heads, "num_key_value_heads": s.kv_heads, "head_dim": s.head_dim,
        "intermediate_size": s.expert_size * s.active, "moe_intermediate_size": s.expert_size, "num_experts": s.experts,
        "num_experts_per_tok": s.active, "norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": [],
        "output_router_logits": False, "router_aux_loss_coef": 0.01, "hidden_act": "silu", "attention_bias": False,
        "attention_dropout": 0.0, "rms_norm_eps": s.eps, "rope_theta": s.theta, "rope_scaling": None,
        "max_position_embeddings": s.positions, "sliding_window": None, "use_sliding_window": False, "max_window_layers": s.layers,
        "initializer_range": 0.02, "tie_word_embeddings": True, "use_cache": True, "torch_dtype": "bfloat16",
        "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["<|endoftext|>"],
    }


def tensors(state, s):
    """Our names and fused tensors → one tensor per expert and projection."""
    out = {"model.embed_tokens.weight": state["embed"], "model.norm.weight": state["final_norm"]}
    for i in range(s.layers):
        ours, theirs = f"layers.{i}.", f"model.layers.{i}."
        for name in "qkvo":
            out[f"{theirs}self_attn.{name}_proj.weight"] = state[ours + name]
        out[theirs + "self_attn.q_norm.weight"], out[theirs + "self_attn.k_norm.weight"] = state[ours + "q_norm"], state[ours + "k_norm"]
        out[theirs + "input_layernorm.weight"], out[theirs + "post_attention_layernorm.weight"] = state[ours + "norm1"], state[ours + "norm2"]
        out[theirs + "mlp.gate.weight"] = state[ours + "router"]
        for e in range(s.experts):
            gate, up = state[ours + "gate_up"][e].chunk(2)
            expert = f"{theirs}mlp.experts.{e}."
            out[expert + "gate_proj.weight"], out[expert + "up_proj.weight"], out[expert + "down_proj.weight"] = gate, up, state[ours + "down"][e]
    return {name: t.to(torch.bfloat16).clone().contiguous() for name, t in out.items()}


def weights_of(folder, s):
    """`tensors` backwards: an exported folder → our names, in f32."""
    theirs = {name: t.float() for name, t in load_file(folder / "model.safetensors").items()}
    state = {"embed": theirs["model.embed_tokens.weight"], "final_norm": theirs["model.norm.weight"]}
    for i in range(s.layers):
        layer, ours = f"model.layers.{i}.", f"layers.{i}."
        for name in "qkvo":
            state[ours + name] = theirs[f"{layer}self_attn.{name}_proj.weight"]
        state[ours + "q_norm"], state[ours + "k_norm"] = theirs[layer + "self_attn.q_norm.weight"], theirs[layer + "self_attn.k_norm.weight"]
        state[ours + "norm1"], state[ours + "norm2"] = theirs[layer + "input_layernorm.weight"], theirs[layer + "post_attention_layernorm.weight"]
        state[ours + "router"] = theirs[layer + "mlp.gate.weight"]
        experts = [[theirs[f"{layer}mlp.experts.{e}.{name}_proj.weight"] for name in ("gate", "up", "down")] for e in range(s.experts)]
        state[ours + "gate_up"] = torch.stack([torch.cat([gate, up]) for gate, up, _ in experts])
        state[ours + "down"] = torch.stack([down for _, _, down in experts])
    return state


def write(path, text):
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("training/run"))
    parser.add_argument("--out", type=Path, default=Path("default-model"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    shape = Shape()
    pipeline = (args.run / "tokenizer" / "tokenizer.json").read_text(encoding="utf-8")
    added = json.loads(pipeline)["added_tokens"]
    ids = {token["content"]: token["id"] for token in added}

    weights = args.out / "model.safetensors.tmp"
    save_file(tensors(torch.load(args.run / "checkpoint.pt", weights_only=True)["model"], shape), weights, metadata={"format": "pt"})
    weights.chmod(0o644)
    os.replace(weights, args.out / "model.safetensors")
    write(args.out / "tokenizer.json", pipeline)
    write(args.out / "chat_template.jinja", TEMPLATE)
    write(args.out / "config.json", json.dumps(config(shape, ids), indent=2) + "\n")
    write(args.out / "generation_config.json", json.dumps({
        "bos_token_id": ids["<|endoftext|>"], "pad_token_id": ids["<|endoftext|>"], "do_sample": False,
        "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]], "max_new_tokens": 256}, indent=2) + "\n")
    write(args.out / "tokenizer_config.json", json.dumps({
        "tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": False, "add_bos_token": False, "bos_token": None,
        "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": None, "errors": "replace", "split_special_tokens": False,
        "clean_up_tokenization_spaces": False, "model_max_length": shape.positions, "chat_template": TEMPLATE,
        "added_tokens_decoder": {str(t["id"]): {k: t[k] for k in ("content", "lstrip", "normalized", "rstrip", "single_word", "special")} for t in added}}, indent=2) + "\n")
    print(json.dumps({f.name: f.stat().st_size for f in sorted(args.out.iterdir())}))


if __name__ == "__main__":
    main()
