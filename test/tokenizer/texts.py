"""The texts that tokenizers are compared on: many scripts, blanks, digits, marks, look-alikes."""

import random

SENTENCES = [
    'The meeting moved from 3:45pm to Tuesday, didn\'t it?',
    "I'LL say we'd've DON'T they'RE",
    '会议纪要：王小明负责在周五之前完成报告。',
    '你好，世界！今天是2024年11月24日。',
    '日本語のテキストと カタカナ、ひらがな。',
    '안녕하세요 세계 여러분',
    'Привет, мир! Ёжик',
    'مرحبا بالعالم كيف حالك؟',
    'שלום עולם',
    'สวัสดีชาวโลก ภาษาไทย',
    'नमस्ते दुनिया',
    'Tiếng Việt có dấu thanh',
    'Ça va très bien, où êtes-vous ?',
    'Straße Größe Äpfel',
    'İstanbul ıssız',
    'def f(x):\n    return x ** 2  # comment\n\n\n',
    'const a = [1, 2, 3].map(x => x * 2)\r\n',
    '#include <vector>\nint main() { return 0; }\n',
    '{"name": "Ada", "age": 31, "tags": ["a", "b"]}',
    '<div class="x">&amp;</div>',
    'SELECT * FROM t WHERE id=42;',
    'https://example.com/a/b?c=d&e=%20f#g',
    'user.name+tag@example.co.uk',
    '+86 138-0013-8000',
    '1234567890',
    '3.14159e-10',
    '½ ² ③ Ⅷ 〇 ٣٤٥ ๑๒',
    '🙂👩‍👩‍👧🏳️‍🌈👍🏽🇨🇳',
    'e\u0301a\u0308o\u0323\u0302',
    '\u212b \u1e9b\u0323 \uac01',
    'ﬁ ﬂ ＡＢＣ１２３',
    '\ufeffBOM\ufeff',
    'a\u0085b\u2028c\u2029d\u00a0e\u3000f',
    'zero\u200bwidth\u200djoin\u2060er',
    '\x00\x01\x1b[31m\x7f',
    '\uffff\ufffe\ufdd0',
    '   leading',
    'trailing   ',
    'a  b   c    d',
    '\t\ttabs\t',
    '\n\n\nnewlines\n\n',
    ' \n \n ',
    'CamelCaseIdentifier snake_case_name kebab-case',
    '!!!???...;;;',
    '---===***###',
    'aaaaaaaaaaaaaaaa',
    '𝒳𝓎𝓏 𐍈 𠜎',
    "it's 'quoted' \"text\" `code`",
]
POOLS = [
    (0x20, 0x7E),
    (0x20, 0x7E),
    (0xA0, 0x24F),
    (0x300, 0x36F),
    (0x370, 0x52F),
    (0x590, 0x6FF),
    (0x900, 0x97F),
    (0xE00, 0xE7F),
    (0x1100, 0x11FF),
    (0x2000, 0x206F),
    (0x20A0, 0x2BFF),
    (0x3000, 0x30FF),
    (0x4E00, 0x9FFF),
    (0x4E00, 0x5FFF),
    (0xAC00, 0xD7A3),
    (0xF900, 0xFAFF),
    (0xFE00, 0xFFFF),
    (0x1F300, 0x1FAFF),
    (0x10000, 0x1FFFF),
    (0x20000, 0x2FFFF),
]
SPACES = [
    ' ',
    '  ',
    '\n',
    '\r\n',
    '\t',
    '\u00a0',
    '\u3000',
    '\u0085',
    '\ufeff',
    '\n\n',
    '   \n',
    '\u2028',
]
REPEATED = [
    'a',
    '_',
    ' ',
    '\n',
    '\u0301',
    '中',
    '1',
    '\x00',
    '\uffff',
    '👩‍👩‍👧',
    'ab ',
    '\r\n',
    ' \n',
    '="',
]


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
            text = rng.choice(SPACES).join(
                rng.choice(SENTENCES)[: rng.randint(1, 40)] for _ in range(rng.randint(1, 4))
            )
        elif kind < 0.65:
            text = ''.join(
                rng.choice(
                    [
                        rng.choice(SPACES),
                        rng.choice(SENTENCES)[: rng.randint(0, 8)],
                        random_char(rng),
                    ]
                )
                for _ in range(rng.randint(2, 14))
            )
        elif kind < 0.8:
            token = rng.choice(controls)
            cut = rng.randint(0, len(token))
            text = (
                rng.choice(SENTENCES)[:12]
                + rng.choice(
                    [token, token[:cut], token[cut:], token.replace('|', '||'), token + '\u0338']
                )
                + rng.choice([*SPACES, '', 'x', token])
            )
        elif kind < 0.9:
            text = ''.join(rng.choice('0123456789.,-+ \n') for _ in range(rng.randint(1, 20)))
        else:
            text = ''.join(
                rng.choice(
                    [
                        '\u0301',
                        '\u0323',
                        '\u0338',
                        'a',
                        'e',
                        '가',
                        '\u11a8',
                        '\u200d',
                        '\ufe0f',
                        'ạ',
                        'ά',
                    ]
                )
                for _ in range(rng.randint(1, 30))
            )
        texts.append(text)
    return [*texts, *([piece, 100_000 // len(piece)] for piece in REPEATED)]
