#!/usr/bin/env python3
"""Write vectors of the canonical ABI as JSON, with the specification's own
definitions as the oracle.

Usage: vectors.py FOLDER > vectors.json
       vectors.py --trace FOLDER > trace.json

FOLDER is design/mvp/canonical-abi of a checkout of WebAssembly/component-model.
The types, values and mutations are ours; what they lift and lower to is what
definitions.py says. With --trace the vectors are what run_tests.py, in the same
folder, lifts and lowers itself: WASINN_ABI_TRACE=FILE go test ./component/abi
runs them.

See ../oracle_test.go for what the fields mean.
"""

import json
import random
import sys

HEAP = 4096
HEAP_START = 16


def usage():
    sys.exit(__doc__.split('\n\n')[1])


if len(sys.argv) not in (2, 3) or len(sys.argv) == 3 and sys.argv[1] != '--trace':
    usage()
sys.path.insert(0, sys.argv[-1])
import definitions as d  # noqa: E402

d.DETERMINISTIC_PROFILE = True

# Types are named as in the JSON: strings for primitives, and otherwise an
# object of one key.

PRIMITIVES = {
    'bool': d.BoolType, 's8': d.S8Type, 'u8': d.U8Type, 's16': d.S16Type, 'u16': d.U16Type, 's32': d.S32Type, 'u32': d.U32Type,
    's64': d.S64Type, 'u64': d.U64Type, 'f32': d.F32Type, 'f64': d.F64Type, 'char': d.CharType, 'string': d.StringType,
}
NAMES = {c: n for n, c in PRIMITIVES.items()}


def labels(x):
    return ['f%d' % i for i in range(x)] if isinstance(x, int) else x


def spec_type(t):
    """The oracle's type for one in our notation."""
    if t is None:
        return None
    if isinstance(t, str):
        return PRIMITIVES[t]()
    (kind, x), = t.items()
    if kind == 'list':
        return d.ListType(spec_type(x[0]), x[1]) if isinstance(x, list) else d.ListType(spec_type(x))
    if kind == 'record':
        return d.RecordType([d.FieldType(n, spec_type(f)) for n, f in x])
    if kind == 'tuple':
        return d.TupleType([spec_type(e) for e in x])
    if kind == 'variant':
        return d.VariantType([d.CaseType(n, spec_type(c)) for n, c in x])
    if kind == 'enum':
        return d.EnumType(labels(x))
    if kind == 'option':
        return d.OptionType(spec_type(x))
    if kind == 'result':
        return d.ResultType(spec_type(x[0]), spec_type(x[1]))
    if kind == 'flags':
        return d.FlagsType(labels(x))
    assert kind == 'map', kind
    return d.MapType(spec_type(x[0]), spec_type(x[1]))


def our_type(t):
    """Our notation for the oracle's type; None when there is none."""
    if t is None:
        return None
    if type(t) in NAMES:
        return NAMES[type(t)]
    if isinstance(t, d.ListType):
        return {'list': [our_type(t.t), t.l]} if t.l is not None else {'list': our_type(t.t)}
    if isinstance(t, d.RecordType):
        return {'record': [[f.label, our_type(f.t)] for f in t.fields]}
    if isinstance(t, d.TupleType):
        return {'tuple': [our_type(e) for e in t.ts]}
    if isinstance(t, d.VariantType):
        return {'variant': [[c.label, our_type(c.t)] for c in t.cases]}
    if isinstance(t, d.EnumType):
        return {'enum': t.labels}
    if isinstance(t, d.OptionType):
        return {'option': our_type(t.t)}
    if isinstance(t, d.ResultType):
        return {'result': [our_type(t.ok), our_type(t.error)]}
    if isinstance(t, d.FlagsType):
        return {'flags': t.labels}
    if isinstance(t, d.MapType):
        return {'map': [our_type(t.k), our_type(t.v)]}
    raise TypeError(t)


def has_string(t):
    return '"string"' in json.dumps(t)


# Values: integers and the bits of floats in decimal, a char by its number,
# strings as they are.

def plain(t, v):
    """A value of the oracle as JSON."""
    if t == 'string':
        return v[0]
    if t == 'char':
        return str(ord(v))
    if t == 'f32':
        return str(d.encode_float_as_i32(d.canonicalize_nan32(v)))
    if t == 'f64':
        return str(d.encode_float_as_i64(d.canonicalize_nan64(v)))
    if t == 'bool':
        return v
    if isinstance(t, str):
        return str(v)
    (kind, x), = t.items()
    if kind == 'list':
        return [plain(x[0] if isinstance(x, list) else x, e) for e in v]
    if kind == 'record':
        return [plain(f, v[n]) for n, f in x]
    if kind == 'tuple':
        return [plain(e, v[str(i)]) for i, e in enumerate(x)]
    if kind == 'map':
        return [[plain(x[0], e['0']), plain(x[1], e['1'])] for e in v]
    if kind == 'flags':
        return [l for l in labels(x) if v[l]]
    (case, p), = v.items()
    if kind == 'variant':
        return [case, None if p is None else plain(dict(map(tuple, x))[case], p)]
    if kind == 'enum':
        return case
    if kind == 'option':
        return [] if case == 'none' else [plain(x, p)]
    inner = x[0] if case == 'ok' else x[1]
    return [case, None if inner is None else plain(inner, p)]


INTERESTING = {
    's8': (-128, -1, 127), 'u8': (0, 128, 255), 's16': (-32768, -1, 32767), 'u16': (1, 32768, 65535), 's32': (-2**31, -1, 2**31 - 1),
    'u32': (0, 2**31, 2**32 - 1), 's64': (-2**63, -1, 2**63 - 1), 'u64': (7, 2**63, 2**64 - 1),
    'f32': (0.0, -0.0, 1.5, float('inf'), float('-inf'), float('nan'), -2.0**-149, 3.4028234663852886e38),
    'f64': (0.0, -0.0, 2.5, float('inf'), float('nan'), 5e-324, 1.7976931348623157e308),
    'char': ('\0', 'A', '\x7f', '\x80', '\xff', '\u0100', '\ud7ff', '\ue000', '\uffff', '\U00010000', '\U0010ffff'),
    'string': ('', 'a', 'hi', '\0', 'a\0b', '\x80', 'ab\xefc', '\u01ffy', 'xy\u01ff', 'a\ud7ffb', 'a\u02ff\u03ff\u04ffbc', '\uf123abc',
               'abcdef\uf123', '\U0001f600', 'e\u0301\xe9\U0001f600z', 'x' * 40 + '\xe9', 'x' * 20 + '\u4e2d'),
    'bool': (False, True),
}


def make(t, r):
    """A value of type t as the oracle has it; strings lack their encoding."""
    if isinstance(t, str):
        return r.choice(INTERESTING[t])
    (kind, x), = t.items()
    if kind == 'list':
        if isinstance(x, list):
            return [make(x[0], r) for _ in range(x[1])]
        return [make(x, r) for _ in range(r.randrange(4))]
    if kind == 'record':
        return {n: make(f, r) for n, f in x}
    if kind == 'tuple':
        return {str(i): make(e, r) for i, e in enumerate(x)}
    if kind == 'map':
        return [{'0': make(x[0], r), '1': make(x[1], r)} for _ in range(r.randrange(1, 3))]
    if kind == 'flags':
        return {l: r.random() < 0.5 for l in labels(x)}
    if kind == 'variant':
        case, p = r.choice(x)
        return {case: None if p is None else make(p, r)}
    if kind == 'enum':
        return {r.choice(labels(x)): None}
    if kind == 'option':
        return {'none': None} if r.random() < 0.3 else {'some': make(x, r)}
    case = r.randrange(2)
    return {('ok', 'error')[case]: None if x[case] is None else make(x[case], r)}


class Heap:
    def __init__(self, memory, last):
        self.memory, self.last, self.log = bytearray(memory), last, []

    def realloc(self, args):
        old, old_size, align, size = args
        self.log.append('realloc(%d, %d, %d, %d)' % (old, old_size, align, size))
        if old != 0 and size < old_size:
            return [d.align_to(old, align)]
        at = d.align_to(self.last, align)
        self.last = at + size
        if self.last > len(self.memory):
            d.trap()
        self.memory[at:at + old_size] = self.memory[old:old + old_size]
        return [at]


def context(heap, encoding):
    opts = d.CanonicalOptions()
    opts.memory, opts.string_encoding, opts.realloc = d.MemInst(heap.memory, 'i32'), encoding, heap.realloc
    opts.post_return, opts.sync_task_return, opts.async_, opts.callback = None, False, False, None
    return d.LiftLowerContext(opts, d.ComponentInstance(d.Store()))


def core_types(t):
    flat = d.flatten_types([t], context(Heap(b'', 0), 'utf8').opts)
    return ['i32'] if len(flat) > d.MAX_FLAT_PARAMS else flat


def to_bits(t, flat):
    bits = {'f32': d.encode_float_as_i32, 'f64': d.encode_float_as_i64}
    return [str(bits.get(c, int)(v)) for c, v in zip(core_types(t), flat, strict=True)]


def of_bits(t, flat):
    floats = {'f32': d.decode_i32_as_float, 'f64': d.decode_i64_as_float}
    return [floats.get(c, int)(int(v)) for c, v in zip(core_types(t), flat, strict=True)]


def lower(t, v, encoding):
    """What v lowers to as a parameter, in an empty memory."""
    heap = Heap(bytes(HEAP), HEAP_START)
    flat = d.lower_flat_values(context(heap, encoding), d.MAX_FLAT_PARAMS, [v], [t])
    return {'flat': to_bits(t, flat), 'memory': heap.memory.rstrip(b'\0').hex(), 'reallocs': heap.log}


def lift(t, memory, flat, encoding):
    """The value that memory and core values lift to as a parameter; None for a trap."""
    vi = d.CoreValueIter(of_bits(t, flat))
    try:
        value, = d.lift_flat_values(context(Heap(memory, 0), encoding), d.MAX_FLAT_PARAMS, vi, [t])
    except d.Trap:
        return None
    return [value]


ENCODINGS = ['utf8', 'utf16', 'latin1+utf16']


def vector(ours, memory, flat, encoding, lowered=True):
    t = spec_type(ours)
    out = {'type': ours, 'encoding': encoding, 'memory': bytes(memory).rstrip(b'\0').hex(), 'size': len(memory), 'flat': flat}
    value = lift(t, memory, flat, encoding)
    if value is None:
        out['trap'] = True
        return out
    out['value'] = plain(ours, value[0])
    if lowered:
        out['to'] = {to: lower(t, value[0], to) for to in (ENCODINGS if has_string(ours) else ENCODINGS[:1])}
    return out


def strings_of(t, v, encoding):
    """v, made by make, with each string as (text, encoding, code units)."""
    if v is None:
        return None
    if t == 'string':
        if encoding == 'utf8':
            return (v, encoding, len(v.encode('utf-8')))
        if encoding == 'utf16':
            return (v, encoding, len(v.encode('utf-16-le')) // 2)
        try:
            return (v, encoding, len(v.encode('latin-1')))
        except UnicodeEncodeError:
            return (v, encoding, len(v.encode('utf-16-le')) // 2 | d.utf16_tag('i32'))
    if isinstance(t, str):
        return v
    (kind, x), = t.items()
    if kind == 'list':
        return [strings_of(x[0] if isinstance(x, list) else x, e, encoding) for e in v]
    if kind == 'record':
        return {n: strings_of(f, v[n], encoding) for n, f in x}
    if kind == 'tuple':
        return {str(i): strings_of(e, v[str(i)], encoding) for i, e in enumerate(x)}
    if kind == 'map':
        return [{'0': strings_of(x[0], e['0'], encoding), '1': strings_of(x[1], e['1'], encoding)} for e in v]
    if kind == 'variant':
        return {k: strings_of(dict(map(tuple, x))[k], p, encoding) for k, p in v.items()}
    if kind == 'option':
        return {k: strings_of(x, p, encoding) for k, p in v.items()}
    if kind == 'result':
        return {k: strings_of(x[0] if k == 'ok' else x[1], p, encoding) for k, p in v.items()}
    return v


def mutate(memory, flat, r):
    """A memory and core values that differ in a place or two."""
    memory, flat = bytearray(memory), list(flat)
    for _ in range(r.randrange(1, 3)):
        if memory and r.random() < 0.6:
            memory[r.randrange(len(memory))] = r.choice((0, 1, 2, 0x7f, 0x80, 0xc3, 0xd8, 0xdc, 0xff, r.randrange(256)))
        else:
            i = r.randrange(len(flat))
            n = int(flat[i])
            flat[i] = str(r.choice((0, 1, 2, n + 1, max(n - 1, 0), n ^ 1, n | 2**31, 2**28 - 1, 2**28, 2**32 - 1, len(memory))) % 2**32)
    return memory, flat


def cases(*payloads):
    return {'variant': [['c%d' % i, p] for i, p in enumerate(payloads)]}


XYZ = {'record': [['x', 'u8'], ['y', 'u16'], ['z', 'u32']]}
GAPS = {'record': [['a', 'u8'], ['b', 'u64'], ['c', 'u8'], ['d', 'f32']]}
TYPES = list(PRIMITIVES) + [
    XYZ, GAPS, {'record': [['s', 'string'], ['in', XYZ], ['l', {'list': 'u16'}]]},
    {'tuple': ['u8']}, {'tuple': [{'tuple': ['u16', 'u8']}, 'u8']}, {'tuple': ['f32', 'f64', 's8', 'char', 'bool']},
    {'tuple': ['u32'] * 16}, {'tuple': ['u32'] * 17}, {'tuple': ['string'] * 8}, {'tuple': ['string'] * 9}, {'tuple': ['f64'] * 15 + ['s16', 'u8']},
    cases('u8'), cases(None, 'u8', 'f32'), cases('u32', 'f32'), cases('f32', 'u64'), cases('f64', 'u32'), cases('f64', 'u64'), cases('f32', 'f64'),
    cases('string', 'u8'), cases('u64', 'string'), cases({'tuple': ['f32', 'u8', 'f64']}, {'tuple': ['u64', 'f32']}), cases(XYZ, None, {'list': 'f32'}),
    cases({'tuple': ['u32'] * 15}, 'f32'), cases({'tuple': ['u32'] * 16}, 'f32'), cases(*([None] * 256 + ['u16'])),
    {'enum': 1}, {'enum': 3}, {'enum': 256}, {'enum': 257},
    {'option': 'u8'}, {'option': 'f32'}, {'option': 'string'}, {'option': {'option': 'u64'}}, {'option': {'list': 'char'}},
    {'result': [None, None]}, {'result': ['u8', None]}, {'result': [None, 'u32']}, {'result': ['f64', 'u32']}, {'result': ['f64', 'f32']},
    {'result': ['string', {'enum': 3}]}, {'result': [{'result': ['u8', 'f32']}, {'list': 's64'}]},
    {'flags': 1}, {'flags': 8}, {'flags': 9}, {'flags': 16}, {'flags': 17}, {'flags': 32},
] + [{'list': p} for p in PRIMITIVES] + [
    {'list': XYZ}, {'list': GAPS}, {'list': {'list': 'u16'}}, {'list': {'list': 'string'}}, {'list': {'option': {'tuple': ['string', 'u16']}}},
    {'list': cases('u8', 'u64', None)}, {'list': cases('f32', 'string')}, {'list': {'result': ['u64', 'u8']}}, {'list': {'enum': 257}},
    {'list': {'flags': 9}}, {'list': {'flags': 17}}, {'list': {'flags': 32}}, {'list': {'tuple': ['u16', 'u8']}},
    {'list': ['u8', 3]}, {'list': [{'list': ['u16', 2]}, 3]}, {'list': ['string', 2]}, {'list': ['u32', 17]}, {'list': {'list': ['u32', 2]}},
    {'map': ['u8', 'u16']}, {'map': ['string', {'list': 'u8'}]},
]


def generated():
    r = random.Random(20260821)
    vectors = []
    for t in TYPES:
        seen = set()
        wanted = {'string': 17, 'char': 11, 'f32': 8, 'f64': 7}.get(t if isinstance(t, str) else '', 2 if has_string(t) else 3)
        for _ in range(40 * wanted):
            v = make(t, r)
            if repr(v) in seen or len(seen) == wanted:
                continue
            seen.add(repr(v))
            for encoding in ENCODINGS if has_string(t) else ENCODINGS[:1]:
                image = lower(spec_type(t), strings_of(t, v, encoding), encoding)
                memory = bytes.fromhex(image['memory'])
                memory += bytes(-len(memory) % 8 + 8)
                vectors.append(vector(t, memory, image['flat'], encoding))
                for _ in range(2):
                    vectors.append(vector(t, *mutate(memory, image['flat'], r), encoding, lowered=False))
    return vectors


NANS = {
    'f32': (0x7fc00000, 0x7fc00001, 0x7fe00000, 0x7fffffff, 0xffffffff, 0xffc00000, 0x7f800001, 0xff800001),
    'f64': (0x7ff8000000000000, 0x7ff8000000000001, 0x7ffc000000000000, 0x7fffffffffffffff, 0xffffffffffffffff, 0x7ff0000000000001),
}
# Core values of the wrong width, and characters and cases that are none.
ODD = {
    'bool': (2, 256, 2**32 - 1), 'u8': (256, 2**32 - 128), 's8': (128, 255, 256, 2**32 - 129), 'u16': (65536, 2**32 - 32769), 's16': (32768, 2**32 - 32769),
    's32': (2**31,), 's64': (2**63,), 'char': (0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0x10ffff, 0x110000, 2**32 - 1),
}


def by_hand():
    """What no value lowers to."""
    vectors = []
    for t, all_bits in (NANS | ODD).items():
        for bits in all_bits:
            vectors.append(vector(t, b'', [str(bits)], 'utf8'))
    for t, flat in [({'enum': 3}, (3,)), ({'enum': 257}, (257,)), ({'option': 'u8'}, (2, 0)), ({'result': [None, None]}, (2,)), ({'flags': 1}, (2,)), ({'flags': 9}, (1023,)),
                    (cases('u8', 'f32'), (0, 256)), (cases('u8', 'f32'), (1, 0x7fc00001)), (cases('u8', 'f32'), (2, 0)), (cases('f64', 'u32'), (1, 2**64 - 1)),
                    (cases('f64', 'f32'), (1, 0xffffffff3fc00000)), (cases('f64', 'u64'), (0, 0x7ff8000000000001)), (cases(None, 'u64'), (0, 2**64 - 1))]:
        vectors.append(vector(t, b'', [str(n) for n in flat], 'utf8'))
    texts = [b'', b'wat', b'\xc3\xa9', b'\xc3', b'\xc0\x80', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xf0\x9f\x98\x80', b'\xff', b'a\0', b'\0\xd8', b'\0\xdc', b'\0\xd8\0\xdc', b'\0\xdc\0\xd8',
             b'\0\xd8a\0', b'\xfd\xff', b'\xff\xfe', b'\xfe\xff', b'\xe9']
    for encoding in ENCODINGS:
        for text in texts:
            memory = text + bytes(8 - len(text))
            for units in sorted({len(text), len(text) // 2, len(text) // 2 | 2**31, 2**28 - 1, 2**28, 2**27, 2**31, 2**32 - 1}):
                for ptr in (0, 1) if text == b'wat' else (0,):
                    vectors.append(vector('string', memory, [str(ptr), str(units)], encoding, lowered=units < 9 or units >= 2**31))
        for ptr, units in ((8, 0), (9, 0), (2**32 - 1, 0), (2**32 - 1, 1), (7, 1), (6, 2), (7, 2)):
            vectors.append(vector('string', bytes(8), [str(ptr), str(units)], encoding, lowered=False))
    for elem, size in (('u8', 1), ('u16', 2), ('u32', 4), ('u64', 8), ('char', 4), ('string', 8), (XYZ, 8)):
        for ptr, n in ((0, 2**28 // size), (0, (2**28 - 1) // size), (16, 0), (17, 0), (2**32 - size, 1), (1, 0), (1, 1), (2, 1), (4, 1), (16 - size, 1), (16, 1), (0, 16 // size), (0, 2**32 - 1)):
            vectors.append(vector({'list': elem}, bytes(range(65, 81)), [str(ptr), str(n)], 'utf8', lowered=False))
    for ptr in (0, 1, 2, 4, 8, 60, 64, 2**32 - 4):
        vectors.append(vector({'tuple': ['u32'] * 17}, bytes(range(72)), [str(ptr)], 'utf8', lowered=False))
    return vectors


def layouts():
    out = []
    for t in TYPES:
        s = spec_type(t)
        flat = d.flatten_type(s, context(Heap(b'', 0), 'utf8').opts)
        out.append({'type': t, 'align': d.alignment(s, 'i32'), 'size': d.elem_size(s, 'i32'), 'align64': d.alignment(s, 'i64'), 'size64': d.elem_size(s, 'i64'), 'flat': flat})
    return out


def functions():
    out = []
    opts = context(Heap(b'', 0), 'utf8').opts
    many = [['u8'] * n for n in (0, 1, 15, 16, 17)] + [['f32', 'f64'], ['string'] * 8, ['string'] * 9, [XYZ, {'option': 'f64'}], [{'list': ['u8', 16]}], [{'list': ['u8', 17]}]]
    for ps in many:
        for result in (None, 'u8', 'f64', 'string', {'tuple': ['u8', 'u8']}, {'list': ['u8', 1]}, {'result': [None, None]}, {'option': 'u8'}):
            ft = d.FuncType([spec_type(p) for p in ps], [] if result is None else [spec_type(result)])
            one = {'params': ps, 'result': result}
            for context_ in ('lift', 'lower'):
                core = d.flatten_functype(opts, ft, context_)
                one[context_] = [core.params, core.results]
            out.append(one)
    return out


def handles():
    """Lifting, lending and lowering handles of a table that holds, from 1: two
    owned ones of the type, one owned of another type, and a borrowed one."""
    out = []
    for kinds in [['own'], ['borrow'], ['own', 'own'], ['borrow', 'own'], ['borrow', 'borrow'], ['own', 'borrow']]:
        for first in range(6):
            for second in range(5) if len(kinds) == 2 else (None,):
                inst = d.ComponentInstance(d.Store())
                rt, other = d.ResourceType(d.ComponentInstance(inst.store)), d.ResourceType(d.ComponentInstance(inst.store))
                task = d.Subtask()
                for i, (of, own) in enumerate([(rt, True), (rt, True), (other, True), (rt, False)]):
                    inst.handles.add(d.ResourceHandle(of, 100 + i, own, None if own else d.Subtask()))
                cx = d.LiftLowerContext(d.CanonicalOptions(), inst, task)
                reps, indices = [], [i for i in (first, second) if i is not None]
                try:
                    for kind, i in zip(kinds, indices):
                        reps.append(d.lift_own(cx, i, d.OwnType(rt)) if kind == 'own' else d.lift_borrow(cx, i, d.BorrowType(rt)))
                except d.Trap:
                    reps = None
                one = {'kinds': kinds, 'indices': indices, 'reps': reps}
                if reps is not None:
                    one['left'] = len(list(inst.handles))
                    one['lowered'] = d.lower_own(cx, 7, d.OwnType(rt))
                out.append(one)
    return out


def trace(folder):
    """Run run_tests.py with its test function listening."""
    import os
    source = open(os.path.join(folder, 'run_tests.py'), encoding='utf-8').read()
    found = []

    def note(t, vals_to_lift, cx):
        try:
            ours = our_type(t)
        except TypeError:
            return
        if cx.opts.memory.ptr_type() != 'i32' or len(d.flatten_type(t, cx.opts)) > d.MAX_FLAT_PARAMS:
            return
        def bits(c, v):
            floats = {'f32': (d.encode_float_as_i32, d.core_f32_reinterpret_i32), 'f64': (d.encode_float_as_i64, d.core_f64_reinterpret_i64)}
            return str(floats[c][0](v) if isinstance(v, float) else int(v))
        try:
            flat = [bits(c, v) for c, v in zip(core_types(t), vals_to_lift, strict=True)]
        except (KeyError, ValueError):
            return  # of its own reading of core values
        found.append((ours, bytes(cx.opts.memory.bytes), flat, cx.opts.string_encoding))

    source = source.replace('  vi = CoreValueIter(vals_to_lift)\n', '  note(t, vals_to_lift, cx)\n  vi = CoreValueIter(vals_to_lift)\n', 1)
    exec(compile(source, 'run_tests.py', 'exec'), {'__name__': 'run_tests', 'note': note})
    vectors, seen = [], set()
    for f in found:
        v = vector(*f)
        text = json.dumps(v)
        if text not in seen:
            seen.add(text)
            vectors.append(v)
    return vectors


def dump(sections):
    """One line for each vector."""
    parts = []
    for name, items in sections.items():
        lines = ',\n'.join(json.dumps(i, separators=(',', ':')) for i in items)
        parts.append('%s:[\n%s\n]' % (json.dumps(name), lines))
    print('{' + ',\n'.join(parts) + '}')


if len(sys.argv) == 3:
    stdout, sys.stdout = sys.stdout, sys.stderr
    vectors = trace(sys.argv[-1])
    sys.stdout = stdout
    dump({'vectors': vectors})
else:
    dump({'layouts': layouts(), 'functions': functions(), 'handles': handles(), 'vectors': generated() + by_hand()})
