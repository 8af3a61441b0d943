"""Writes the seed corpus of the fuzzers: python3 test/fuzz/make_corpus.py. The same files each time."""
import json
import struct
from pathlib import Path

CORPUS = Path(__file__).parent / 'corpus'


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


# --- safetensors ---------------------------------------------------------------------------------
def tensor(dtype, shape, begin, end):
    return {'dtype': dtype, 'shape': shape, 'data_offsets': [begin, end]}


def framed(header, data_bytes, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(',', ':')).encode()
    return struct.pack('<Q', len(text) if length is None else length) + text + bytes(data_bytes)


SIZES = {'F64': 8, 'F32': 4, 'F16': 2, 'BF16': 2, 'I64': 8, 'I32': 4, 'I16': 2, 'I8': 1, 'U8': 1, 'BOOL': 1,
         'F8_E4M3': 1, 'F8_E5M2': 1, 'U16': 2, 'U32': 4, 'U64': 8, 'F4': 1}


def safetensors():
    ok = tensor('U8', [4], 0, 4)
    every, at = {}, 0
    for dtype, size in SIZES.items():
        if dtype in ('U16', 'U32', 'U64', 'F4'):
            write('safetensors', f'dtype-{dtype}', framed({'a': tensor(dtype, [2], 0, 2 * size)}, 2 * size))
            continue
        every[f't.{dtype}'] = tensor(dtype, [2, 1], at, at + 2 * size)
        at += 2 * size
    good = framed({'__metadata__': {'format': 'pt', 'é': '\\u00e9"'}, **every}, at)
    write('safetensors', 'every-dtype', good)
    write('safetensors', 'empty', framed({}, 0))
    write('safetensors', 'padded', framed(b'{"a":' + json.dumps(ok).encode() + b'}   ', 4))
    write('safetensors', 'ranks', framed({'r0': tensor('F32', [], 0, 4), 'r8': tensor('U8', [1] * 8, 4, 5),
                                          'zero': tensor('F32', [3, 0], 5, 5)}, 5))
    attacks = {
        'length-0': framed(b'', 4, 0), 'length-huge': framed({'a': ok}, 4, 1 << 63),
        'length-cap': framed({'a': ok}, 4, 100_000_001), 'length-plus-1': framed({'a': ok}, 4, 200),
        'cut': good[:60], 'short': good[:7], 'array': framed(b'[]', 0), 'bom': framed(b'\xef\xbb\xbf{}', 0),
        'not-utf-8': framed(b'{"\xff":1}', 0), 'two-objects': framed(b'{}{}', 0), 'nul-after': framed(b'{}\0', 0),
        'deep': framed(b'{"a":' + b'[' * 70 + b']' * 70 + b'}', 0), 'bomb': framed(b'{"a":' + b'[' * 400, 0),
        'twice': framed(b'{"a":%s,"a":%s}' % ((json.dumps(ok).encode(),) * 2), 4),
        'twice-by-escape': framed(b'{"a":%s,"\\u0061":%s}' % ((json.dumps(ok).encode(),) * 2), 4),
        'metadata-number': framed({'__metadata__': {'a': 1}}, 0),
        'overlap': framed({'a': ok, 'b': tensor('U8', [4], 2, 6)}, 6),
        'hole': framed({'a': ok, 'b': tensor('U8', [4], 8, 12)}, 12), 'tail': framed({'a': ok}, 9),
        'past-the-end': framed({'a': tensor('U8', [400], 0, 400)}, 4),
        'reversed': framed({'a': tensor('U8', [4], 4, 0)}, 4),
        'negative': framed({'a': tensor('U8', [-4], 0, 4)}, 4), 'float-dim': framed({'a': tensor('U8', [4.0], 0, 4)}, 4),
        'overflow': framed({'a': tensor('F32', [1 << 32, 1 << 32], 0, 0)}, 0),
        'overflow-end': framed({'a': tensor('F64', [1 << 61], 0, (1 << 64) - 1)}, 4),
        'rank-9': framed({'a': tensor('U8', [1] * 9, 0, 1)}, 1), 'unknown-key': framed({'a': {**ok, 'x': [1, {}]}}, 4),
        'no-shape': framed({'a': {'dtype': 'U8', 'data_offsets': [0, 4]}}, 4), 'pickle': b'\x80\x02}q\x00.',
        'zip': b'PK\x03\x04' + bytes(40), 'html': b'<!DOCTYPE html><html>', 'pointer': b'version https://git-lfs',
    }
    for name, data in attacks.items():
        write('safetensors', f'attack-{name}', data)


# --- GGUF ----------------------------------------------------------------------------------------
def text(s):
    return struct.pack('<Q', len(s)) + (s if isinstance(s, bytes) else s.encode())


def key(name, kind, value):
    return text(name) + struct.pack('<I', kind) + value


def array(kind, count, values):
    return struct.pack('<IQ', kind, count) + values


def described(name, dims, kind, offset):
    return text(name) + struct.pack('<I', len(dims)) + struct.pack(f'<{len(dims)}Q', *dims) + struct.pack('<IQ', kind, offset)


def gguf_file(keys=(), tensors=(), data=0, version=3, align=32, counts=None):
    num_tensors, num_keys = counts or (len(tensors), len(keys))
    head = b'GGUF' + struct.pack('<IQQ', version, num_tensors, num_keys) + b''.join(keys) + b''.join(tensors)
    return head + bytes(-len(head) % align) + bytes(data)


GGUF_TYPES = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 12: (256, 144),
              13: (256, 176), 14: (256, 210), 24: (1, 1), 26: (1, 4), 28: (1, 8), 30: (1, 2)}


def gguf():
    scalars = [key(f'k{kind}', kind, struct.pack(f'<{c}', 1)) for kind, c in
               enumerate(['B', 'b', 'H', 'h', 'I', 'i', 'f', '?'])]
    scalars += [key('k8', 8, text('é')), key('k10', 10, struct.pack('<Q', 1 << 63)), key('k11', 11, struct.pack('<q', -1)),
                key('k12', 12, struct.pack('<d', 0.5)), key('strings', 9, array(8, 2, text('a') + text(''))),
                key('floats', 9, array(6, 2, struct.pack('<2f', 1, 2))), key('flags', 9, array(7, 2, b'\0\1')),
                key('general.architecture', 8, text('qwen3moe')), key('general.alignment', 4, struct.pack('<I', 32))]
    write('gguf', 'every-value', gguf_file(scalars))
    write('gguf', 'version-2', gguf_file(scalars[:3], version=2))
    tensors, at = [], 0
    for kind, (elements, size) in GGUF_TYPES.items():
        tensors.append(described(f't{kind}', [256, 2], kind, at))
        at += (512 // elements * size + 31) // 32 * 32
    write('gguf', 'every-type', gguf_file([], tensors, at))
    one, u32 = described('a', [32, 2], 0, 0), struct.pack('<I', 64)
    write('gguf', 'alignment-64', gguf_file([key('general.alignment', 4, u32)], [one], 256, align=64))
    attacks = {
        'magic': b'GGML' + bytes(20), 'big-endian': b'GGUF' + struct.pack('>IQQ', 3, 0, 0), 'cut': gguf_file(scalars)[:90],
        'version-1': gguf_file(version=1), 'version-4': gguf_file(version=4),
        'many-tensors': gguf_file(counts=(1 << 60, 0)), 'many-keys': gguf_file(counts=(0, (1 << 64) - 1)),
        'long-key': gguf_file([struct.pack('<Q', (1 << 64) - 8) + b'abc']), 'twice': gguf_file([scalars[0]] * 2),
        'unknown-value': gguf_file([key('a', 13, b'1234')]), 'bool-2': gguf_file([key('a', 7, b'\2')]),
        'array-of-arrays': gguf_file([key('a', 9, array(9, 1, array(9, 1, array(0, 1, b'1'))))]),
        'array-count': gguf_file([key('a', 9, array(12, (1 << 61) + 1, b'12345678'))]),
        'array-strings': gguf_file([key('a', 9, array(8, 1 << 40, text('a')))]),
        'alignment-0': gguf_file([key('general.alignment', 4, bytes(4))], [one], 256),
        'alignment-3': gguf_file([key('general.alignment', 4, struct.pack('<I', 3))], [one], 256),
        'rank-0': gguf_file([], [described('a', [], 0, 0)], 256), 'rank-9': gguf_file([], [described('a', [1] * 9, 0, 0)], 256),
        'dim-0': gguf_file([], [described('a', [0, 2], 0, 0)], 256),
        'overflow': gguf_file([], [described('a', [1 << 32, 1 << 32], 0, 0)], 256),
        'offset': gguf_file([], [described('a', [32, 2], 0, (1 << 64) - 32)], 256),
        'odd-offset': gguf_file([], [described('a', [32, 2], 0, 4)], 512), 'part-block': gguf_file([], [described('a', [33], 2, 0)], 64),
        'overlap': gguf_file([], [one, described('b', [32, 2], 0, 32)], 512), 'two-names': gguf_file([], [one, one], 512),
        'unknown-type': gguf_file([], [described('a', [32], 99, 0)], 256), 'no-data': gguf_file([], [one], 0),
    }
    for name, data in attacks.items():
        write('gguf', f'attack-{name}', data)


# --- JSON ----------------------------------------------------------------------------------------
def documents():
    cases = ['null', 'true', '[]', '{}', '""', '0', '-0', '1e999', '[1,-1,0.5,1e-7,9007199254740993]',
             '{"a":{"b":[{"c":"\\u00e9\\ud83d\\ude00\\n"}]}}', '18446744073709551615', '-9223372036854775808',
             '[' * 64 + ']' * 64, '[' * 65 + ']' * 65, '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '"\\ud800"', '01', '1.',
             '+1', 'NaN', '[1,]', '{"a"}', '// c', "'a'", '\ufeff{}', '"\x01"', '"\\x"', '{"__proto__":{}}', ' [ ] x']
    for i, case in enumerate(cases):
        write('json', f'case-{i:02}', case)
    write('json', 'not-utf-8', b'"\xc0\xaf"')
    write('json', 'nul', b'[1\x002]')


# --- graphs --------------------------------------------------------------------------------------
class Recorder:
    """A graph over the tensors of tiny_store.h, as lib/graph records it."""

    def __init__(self, vocab, tensor, block):
        self.vocab, self.tensor, self.block, self.at = vocab, tensor, block, 0
        self.values, self.weights, self.tables, self.regions, self.nodes = [], [], [], [], []
        for lead in ('num_tokens', 'num_tokens', 'num_rows'):
            self.value([lead], 'i32')

    def value(self, shape, dtype='f32'):
        self.values.append({'shape': shape, 'dtype': dtype})
        return len(self.values) - 1

    def weight(self, rows, cols, matrix=True, **more):
        step = rows * cols
        self.at = self.at if self.at + step <= 4096 else 0
        tensor = self.tensor if matrix and cols % self.block == 0 else 'f32'
        self.weights.append({'tensor': tensor, 'kind': 'matrix' if matrix else 'vector', 'rows': rows, 'cols': cols,
                             'offset': self.at, 'rowStride': cols, 'colStride': 1, **more})
        self.at += -(-step // self.block) * self.block
        return len(self.weights) - 1

    def node(self, op, inputs, widths, weights=(), lead='num_tokens', ints=(), **attrs):
        outs = [self.value([lead, w], 'i32' if i in ints else 'f32') for i, w in enumerate(widths)]
        self.nodes.append({'op': op, 'label': op, 'inputs': inputs, 'outputs': outs, 'weights': list(weights), 'attrs': attrs})
        return outs[0] if outs else None

    def text(self, logits):
        return json.dumps({'version': 1, 'architecture': 'x', 'vocabSize': self.vocab, 'values': self.values,
                           'weights': self.weights, 'tables': self.tables, 'regions': self.regions, 'nodes': self.nodes,
                           'logits': logits}, separators=(',', ':'))


def attention(g, x, hidden, heads, kv_heads, dim, tensor_of_q=None, **more):
    if tensor_of_q:  # scales belong to a whole tensor
        more = {**more, 'tensor': tensor_of_q, 'offset': 0}
    g.regions.append({'kind': 'kv', 'numKvHeads': kv_heads, 'headDim': dim})
    norm = g.node('rms_norm', [x], [hidden], [g.weight(1, hidden, False)], eps=1e-6)
    q = g.node('matmul', [norm], [heads * dim], [g.weight(heads * dim, hidden, **more), g.weight(1, heads * dim, False)])
    q = g.node('rms_norm', [q], [heads * dim], [g.weight(1, dim, False)], eps=1e-6)
    q = g.node('rope', [q, 1], [heads * dim], head_dim=dim, scale=1, table=0)
    k = g.node('matmul', [norm], [kv_heads * dim], [g.weight(kv_heads * dim, hidden)])
    k = g.node('rope', [k, 1], [kv_heads * dim], head_dim=dim, scale=1, table=0)
    v = g.node('matmul', [norm], [kv_heads * dim], [g.weight(kv_heads * dim, hidden)])
    g.node('store_kv', [k, v], [], region=len(g.regions) - 1)
    y = g.node('attention', [q], [heads * dim], region=len(g.regions) - 1, scale=0.5)
    return g.node('add', [x, g.node('matmul', [y], [hidden], [g.weight(hidden, heads * dim)])], [hidden])


def dense(g, x, hidden, inner):
    gate = g.node('matmul', [x], [inner], [g.weight(inner, hidden)])
    up = g.node('matmul', [x], [inner], [g.weight(inner, hidden)])
    act = g.node('silu_mul', [gate, up], [inner])
    return g.node('add', [x, g.node('matmul', [act], [hidden], [g.weight(hidden, inner)])], [hidden])


def experts(g, x, hidden, inner, count, chosen):
    router = g.node('matmul', [x], [count], [g.weight(count, hidden, exact=True)])
    ids = g.node('moe_route', [router], [chosen, chosen], ints=(0,), norm_topk_prob=True)
    parts = [g.weight(inner, hidden) for _ in range(2 * count)] + [g.weight(hidden, inner) for _ in range(count)]
    y = g.node('moe_experts', [x, ids, ids + 1], [hidden], parts, num_experts=count)
    return g.node('add', [x, y], [hidden])


def head(g, x, hidden):
    last = g.node('gather_rows', [x, 2], [hidden], lead='num_rows')
    last = g.node('rms_norm', [last], [hidden], [g.weight(1, hidden, False)], lead='num_rows', eps=1e-6)
    return g.text(g.node('matmul', [last], [g.vocab], [g.weight(g.vocab, hidden)], lead='num_rows'))


def graph(tensor, hidden=8, kv_heads=1, moe=True, dim=4, inner=4, block=1, **more):
    g = Recorder(16, tensor, block)
    g.tables.append({'values': [1, 0.5][:max(1, dim // 2)]})
    x = g.node('embed', [0], [hidden], [g.weight(16, hidden)])
    x = attention(g, x, hidden, 2, kv_heads, dim, **more)
    x = experts(g, x, hidden, inner, 3, 2) if moe else dense(g, x, hidden, inner)
    return head(g, x, hidden)


def graphs():
    write('graph', 'moe-f32', graph('f32'))
    write('graph', 'moe-bf16', graph('bf16', kv_heads=2))
    write('graph', 'dense-f16', graph('f16', moe=False))
    write('graph', 'dense-odd', graph('odd', moe=False))
    write('graph', 'dense-interleaved', graph('f32', moe=False, interleavedHeadDim=4))
    by_row = {'tensor': 's8', 'blockRows': 1, 'blockCols': 8}
    write('graph', 'dense-i8', graph('f32', moe=False, tensor_of_q='i8', scales=by_row))
    write('graph', 'dense-f8', graph('f32', moe=False, tensor_of_q='f8', scales={**by_row, 'blockRows': 2, 'blockCols': 4}))
    write('graph', 'dense-head-of-5', graph('f32', moe=False, dim=5))
    write('graph', 'moe-q8-0', graph('q8_0', hidden=32, dim=16, inner=32, block=32))
    write('graph', 'dense-q4-k', graph('q4_k', hidden=256, moe=False, block=256))
    write('graph', 'nothing', '{"version":1}')


if __name__ == '__main__':
    safetensors()
    gguf()
    documents()
    graphs()
