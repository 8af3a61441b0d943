"""The table of golden checkpoints: what each one varies. Read by make_checkpoints.py.

A case is (architecture, config changes, how it is written). The config starts from BASE and, for
qwen3_moe, MOE; None removes the key from config.json, so that the class default is what counts.
How it is written:
  dtype   f32 | f16 | bf16 | mixed (norms and routers f32, the rest bf16)
  experts split (one tensor per expert) | fused ([E, 2 im, h], [E, h, im])
          | transposed ([E, h, 2 im], [E, im, h])
  rope    old (`rope_theta`, `rope_scaling`, `torch_dtype`, `num_experts`)
          new (`rope_parameters`, `dtype`, `num_local_experts`)
  saved   True: by transformers' own save_pretrained
  shard   bytes per file; more than one file brings an index
  tied_copy  True: lm_head.weight is in the file although it is tied
  all     prompt lengths whose logits are stored for every position
  lengths prompt lengths
  extra   keys that real configs carry and that must not change anything
"""

BASE = dict(vocab_size=311, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, head_dim=32, max_position_embeddings=1024,
    rms_norm_eps=1e-06, rope_theta=1e6, tie_word_embeddings=False, attention_bias=False,
    hidden_act='silu')
MOE = dict(moe_intermediate_size=32, num_experts=8, num_experts_per_tok=2, norm_topk_prob=True,
    decoder_sparse_step=1, mlp_only_layers=[])
LONG = (1, 5, 64, 200, 2000)
CODER_KEYS = dict(qkv_bias=False, use_qk_norm=True, shared_expert_intermediate_size=0,
    max_window_layers=28, sliding_window=None, use_sliding_window=False, output_router_logits=False,
    router_aux_loss_coef=0.0, rope_scaling=None, use_cache=True, attention_dropout=0.0,
    initializer_range=0.02)
SMOL_KEYS = dict(bos_token_id=1, eos_token_id=2, pad_token_id=2, is_llama_config=True,
    rope_interleaved=False, pretraining_tp=1, rope_scaling=None,
    initializer_range=0.041666666666666664, use_cache=True, mlp_bias=False, attention_dropout=0.0,
    **{'transformers.js_config': {'dtype': 'q4'}})

CASES = {
    # Mixture of experts: routing, which layers are sparse, how the experts lie on disk.
    'moe-f32': (
        'qwen3_moe',
        dict(max_position_embeddings=4096),
        dict(dtype='f32', lengths=LONG, all=(5, 64)),
    ),
    'moe-norm-false-tied-sharded': (
        'qwen3_moe',
        dict(norm_topk_prob=False, tie_word_embeddings=True, num_experts=16, num_experts_per_tok=4,
            vocab_size=911, moe_intermediate_size=24),
        dict(saved=True, shard=150000),
    ),
    'moe-mlp-only-layers': (
        'qwen3_moe',
        dict(num_hidden_layers=4, mlp_only_layers=[0, 2], intermediate_size=90, hidden_size=48,
            head_dim=16, num_experts=6, moe_intermediate_size=20),
        dict(dtype='f16'),
    ),
    'moe-sparse-step-2': (
        'qwen3_moe',
        dict(num_hidden_layers=5, decoder_sparse_step=2, mlp_only_layers=[3], intermediate_size=51,
            hidden_size=48, head_dim=24, num_experts=7, num_experts_per_tok=3,
            moe_intermediate_size=13),
        {},
    ),
    'moe-coder-keys': (
        'qwen3_moe',
        dict(num_attention_heads=8, num_key_value_heads=2, head_dim=16, rope_theta=1e7,
            intermediate_size=171),
        dict(dtype='mixed', extra=CODER_KEYS),
    ),
    'moe-fused': (
        'qwen3_moe',
        dict(num_experts=5, moe_intermediate_size=24, num_experts_per_tok=3),
        dict(experts='fused', rope='new'),
    ),
    'moe-fused-h-2im': ('qwen3_moe', dict(num_experts=4), dict(experts='fused')),
    'moe-transposed': (
        'qwen3_moe',
        dict(num_experts=6, moe_intermediate_size=25, hidden_size=40, head_dim=16),
        dict(experts='transposed'),
    ),
    'moe-transposed-h-2im': (
        'qwen3_moe',
        dict(hidden_size=48, moe_intermediate_size=24, head_dim=16),
        dict(experts='transposed', shard=60000),
    ),
    'moe-transposed-h-im': (
        'qwen3_moe',
        dict(hidden_size=32, moe_intermediate_size=32, head_dim=16, num_experts=4),
        dict(experts='transposed', dtype='f32'),
    ),
    'moe-top-1': (
        'qwen3_moe',
        dict(num_experts=5, num_experts_per_tok=1, norm_topk_prob=False, moe_intermediate_size=17,
            hidden_size=48, num_key_value_heads=4, head_dim=16),
        {},
    ),
    'moe-top-10-of-20': (
        'qwen3_moe',
        dict(num_experts=20, num_experts_per_tok=10, moe_intermediate_size=12, hidden_size=56,
            head_dim=12, num_attention_heads=8, num_key_value_heads=1),
        dict(all=(5, 64)),
    ),
    'moe-all-experts': (
        'qwen3_moe',
        dict(num_hidden_layers=1, num_experts=3, num_experts_per_tok=3, moe_intermediate_size=40,
            norm_topk_prob=False),
        {},
    ),
    'moe-160-experts': (
        'qwen3_moe',
        dict(num_experts=160, num_experts_per_tok=8, moe_intermediate_size=8, hidden_size=32,
            head_dim=16, num_attention_heads=8, num_key_value_heads=1, mlp_only_layers=[0],
            num_hidden_layers=2),
        {},
    ),
    'moe-bias-class-defaults': (
        'qwen3_moe',
        dict(attention_bias=True, head_dim=None, hidden_size=72, norm_topk_prob=None,
            moe_intermediate_size=27, mlp_only_layers=None, decoder_sparse_step=None,
            rms_norm_eps=None, rope_theta=None, tie_word_embeddings=None, hidden_act=None),
        {},
    ),
    'moe-yarn': (
        'qwen3_moe',
        dict(max_position_embeddings=4096, num_experts=6, moe_intermediate_size=24,
            rope_scaling=dict(rope_type='yarn', factor=4.0, original_max_position_embeddings=1024)),
        dict(lengths=LONG),
    ),
    'moe-yarn-explicit': (
        'qwen3_moe',
        dict(num_experts=4, moe_intermediate_size=24, rope_scaling=dict(rope_type='yarn',
            factor=8.0, original_max_position_embeddings=128, attention_factor=1.31, beta_fast=12,
            beta_slow=2, truncate=False)),
        dict(rope='new'),
    ),
    # Dense Qwen3.
    'dense-f32': (
        'qwen3',
        dict(max_position_embeddings=4096, intermediate_size=160),
        dict(dtype='f32', lengths=LONG, all=(5, 64)),
    ),
    'dense-tied-sharded': (
        'qwen3',
        dict(hidden_size=100, num_attention_heads=8, num_key_value_heads=2, head_dim=8,
            intermediate_size=77, tie_word_embeddings=True, rope_theta=5e6),
        dict(shard=80000, saved=True),
    ),
    'dense-bias-tied-copy': (
        'qwen3',
        dict(attention_bias=True, num_key_value_heads=4, head_dim=24, hidden_size=48,
            tie_word_embeddings=True, num_hidden_layers=3),
        dict(dtype='f16', tied_copy=True),
    ),
    'dense-window-off': (
        'qwen3',
        dict(head_dim=None, hidden_size=48, num_attention_heads=2, num_key_value_heads=1),
        dict(extra=dict(sliding_window=16, use_sliding_window=False, max_window_layers=1)),
    ),
    'dense-linear-type': (
        'qwen3',
        dict(head_dim=10, hidden_size=36, num_attention_heads=8, num_key_value_heads=8,
            intermediate_size=101, rope_scaling=dict(type='linear', factor=3.0)),
        dict(all=(5, 64)),
    ),
    'dense-yarn-mscale': (
        'qwen3',
        dict(hidden_size=56, max_position_embeddings=512, rope_theta=1e4,
            rope_scaling=dict(type='yarn', factor=2.5, mscale=0.8, mscale_all_dim=0.4)),
        {},
    ),
    'dense-gqa-8-llama3': (
        'qwen3',
        dict(num_attention_heads=16, num_key_value_heads=2, head_dim=16, rope_theta=5e5,
            rope_scaling=dict(rope_type='llama3', factor=8.0, low_freq_factor=1.0,
            high_freq_factor=4.0, original_max_position_embeddings=128)),
        dict(rope='new'),
    ),
    # Llama.
    'llama-smol': (
        'llama',
        dict(hidden_size=72, num_attention_heads=9, num_key_value_heads=3, head_dim=None,
            rope_theta=1e5, rms_norm_eps=1e-05, tie_word_embeddings=True, intermediate_size=192,
            num_hidden_layers=3, max_position_embeddings=4096),
        dict(extra=SMOL_KEYS, lengths=LONG),
    ),
    'llama-biases-mha': (
        'llama',
        dict(attention_bias=True, mlp_bias=True, num_key_value_heads=None, head_dim=None,
            rope_theta=None, rms_norm_eps=0.001),
        dict(dtype='f32'),
    ),
    'llama3-old-keys': (
        'llama',
        dict(head_dim=None, num_attention_heads=8, num_key_value_heads=2, rope_theta=5e5,
            rms_norm_eps=1e-05, max_position_embeddings=4096, rope_scaling=dict(rope_type='llama3',
            factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=512)),
        dict(lengths=LONG, shard=90000),
    ),
    'llama3-new-keys': (
        'llama',
        dict(head_dim=24, num_attention_heads=4, num_key_value_heads=1, rope_theta=5e5,
            tie_word_embeddings=True, rope_scaling=dict(rope_type='llama3', factor=32.0,
            low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=256)),
        dict(rope='new', all=(5, 64)),
    ),
    'llama-linear-new-keys': (
        'llama',
        dict(head_dim=None, rope_theta=1e4, intermediate_size=75,
            rope_scaling=dict(rope_type='linear', factor=4.0)),
        dict(rope='new', dtype='f16'),
    ),
}
