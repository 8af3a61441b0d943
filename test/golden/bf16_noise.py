"""Tells prompts on a routing tie from the rest: the reference with noise as of BF16 rounding."""

import copy

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

# BF16 keeps 8 bits: rounding moves a value by up to one part in 256 or 512, as its mantissa lies.
BF16_STEP = 0.75 * 2**-8
# Where a draw moves the logits further, as a share of max |logit|, a router choice hangs on it.
STEADY_ERROR, DRAWS = 0.016, 5

generator = torch.Generator()


def noisy(values):
    noise = 2 * torch.rand(values.shape, generator=generator) - 1
    return values * (1 + BF16_STEP * noise)


def noisy_attention(module, query, key, value, mask, scaling, **_):
    key, value = (noisy(x).repeat_interleave(module.num_key_value_groups, 1) for x in (key, value))
    scores = noisy(query) @ key.transpose(2, 3) * scaling
    weights = torch.softmax(scores if mask is None else scores + mask, dim=-1)
    return (noisy(weights) @ value).transpose(1, 2).contiguous(), None


def noisy_twin(model):
    """A copy whose matrices and attention see noisy inputs, other ones in each forward."""
    twin = copy.deepcopy(model)
    twin.config._attn_implementation = 'noisy'
    for module in twin.modules():
        matrix = isinstance(module, torch.nn.Linear)
        if matrix or type(module).__name__.endswith(('Experts', 'Router')):
            module.register_forward_pre_hook(lambda _, args: (noisy(args[0]), *args[1:]))
    return twin


def is_steady(model, twin, ids):
    """True where the noise moves the last logits of the prompt by little in every draw."""
    generator.manual_seed(0)
    last = lambda m: m(torch.tensor([ids]), logits_to_keep=1).logits[0, -1]
    expected = last(model)
    bound = STEADY_ERROR * expected.abs().max()
    return all((last(twin) - expected).abs().max() < bound for _ in range(DRAWS))


AttentionInterface.register('noisy', noisy_attention)
AttentionMaskInterface.register('noisy', eager_mask)
