"""The schema and the operations, read from core/kith.fbs and core/ops.def, and a small FlatBuffers codec
over python3-flatbuffers that needs no generated code: a second implementation of the wire to test by."""
import datetime
import operator
import os
import re
import struct
import flatbuffers
from flatbuffers import encode, number_types as N, packer
from flatbuffers.table import Table

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCALARS = {'bool': N.BoolFlags, 'ubyte': N.Uint8Flags, 'uint': N.Uint32Flags, 'int': N.Int32Flags,
           'ulong': N.Uint64Flags, 'ushort': N.Uint16Flags, 'long': N.Int64Flags}


class Field:
    def __init__(self, name, kind, default, attrs):
        self.name, self.kind, self.attrs = name, kind, attrs
        self.default = default
        self.slot = int(attrs['id'])


def read_schema():
    text = open(os.path.join(ROOT, 'core/kith.fbs')).read()
    text = re.sub(r'//[^\n]*', '', text)
    enums, tables = {}, {}
    for name, body in re.findall(r'enum (\w+) : ubyte \{([^}]*)\}', text):
        enums[name] = [v.split('=')[0].strip() for v in body.split(',')]
    for name, body in re.findall(r'table (\w+) \{([^}]*)\}', text):
        fields = []
        for f, kind, default, attrs in re.findall(
                r'(\w+)\s*:\s*(\[?\w+\]?)\s*(?:=\s*(\w+))?\s*\(((?:[^()"]|"[^"]*")*)\)\s*;', body):
            pairs = re.findall(r'(\w+)(?:\s*:\s*("[^"]*"|\w+))?', attrs)
            fields.append(Field(f, kind, int({'true': 1, 'false': 0}.get(default, default) or 0), {k: v.strip('"') for k, v in pairs}))
        tables[name] = fields
    return enums, tables


ENUMS, TABLES = read_schema()


class Op:
    def __init__(self, number, name, request, reply, rest):
        self.number, self.name, self.request, self.reply = int(number), name, request, reply
        rest = re.sub(r'"\s*"', '', rest)
        get = lambda key: (re.search(r'\.%s = ("[^"]*"|\w+)' % key, rest) or [None, ''])[1].strip('"')
        self.kind, self.auth, self.key, self.home = get('kind'), get('auth'), get('key'), get('home')
        self.role = get('role')
        self.rate = get('rate')
        self.status = int(get('status') or 200)
        self.routes = [r.strip().split(' ', 1) for r in get('http').split('|')] if get('http') else []


def read_ops():
    text = re.sub(r'(?m)^//[^\n]*', '', open(os.path.join(ROOT, 'core/ops.def')).read())
    rows = re.findall(r'OP\((\d+), (\w+), (\w+), (\w+),((?:[^()"]|"[^"]*"|\([^()]*\))*)\)', text)
    return {r[1]: Op(*r) for r in rows}


OPS = read_ops()


def encode_table(b, table, values):
    known = {f.name for f in TABLES[table]}
    assert set(values) <= known, (table, set(values) - known)
    refs = {}
    for f in TABLES[table]:
        v = values.get(f.name)
        if v is None:
            continue
        if f.kind == 'string':
            refs[f.slot] = b.CreateString(v)
        elif f.kind in TABLES:
            refs[f.slot] = encode_table(b, f.kind, v)
        elif f.kind.startswith('['):
            of = f.kind[1:-1]
            if of == 'string' or of in TABLES:
                items = [b.CreateString(x) if of == 'string' else encode_table(b, of, x) for x in v]
                b.StartVector(4, len(items), 4)
                for item in reversed(items):
                    b.PrependUOffsetTRelative(item)
                refs[f.slot] = b.EndVector()
            else:
                flags = SCALARS[of]
                b.StartVector(flags.bytewidth, len(v), flags.bytewidth)
                for x in reversed(v):
                    b.Prepend(flags, int(x))
                refs[f.slot] = b.EndVector()
    b.StartObject(len(TABLES[table]))
    for f in TABLES[table]:
        v = values.get(f.name)
        if v is None:
            continue
        if f.slot in refs:
            b.PrependUOffsetTRelativeSlot(f.slot, refs[f.slot], 0)
        else:
            if f.kind in ENUMS:
                v, flags = ENUMS[f.kind].index(v) if isinstance(v, str) else v, N.Uint8Flags
            else:
                flags = SCALARS[f.kind]
                if 'time' in f.attrs and isinstance(v, str):
                    v = millis(v)
            b.Prepend(flags, flags.py_type(int(v)))
            b.Slot(f.slot)
    return b.EndObject()


def pack(table, values):
    b = flatbuffers.Builder(1024)
    root = encode_table(b, table, values)
    b.Finish(root)
    out = bytes(b.Output())
    return out + bytes(-len(out) % 8)


def decode_table(t, table):
    out = {}
    for f in TABLES[table]:
        o = t.Offset(4 + 2 * f.slot)
        if f.kind == 'string':
            out[f.name] = t.String(o + t.Pos).decode() if o else None
        elif f.kind in TABLES:
            out[f.name] = decode_table(Table(t.Bytes, t.Indirect(o + t.Pos)), f.kind) if o else None
        elif f.kind.startswith('['):
            of, items = f.kind[1:-1], []
            if o:
                start, n = t.Vector(o), t.VectorLen(o)
                for i in range(n):
                    if of == 'string':
                        items.append(t.String(start + 4 * i).decode())
                    elif of in TABLES:
                        items.append(decode_table(Table(t.Bytes, t.Indirect(start + 4 * i)), of))
                    else:
                        w = SCALARS[of]
                        items.append(shown(f, encode.Get(w.packer_type, t.Bytes, start + w.bytewidth * i)))
            out[f.name] = items
        elif f.kind in ENUMS:
            v = t.Get(N.Uint8Flags, o + t.Pos) if o else f.default
            out[f.name] = None if 'nullable' in f.attrs and v == 0 else ENUMS[f.kind][v]
        else:
            flags = SCALARS[f.kind]
            v = t.Get(flags, o + t.Pos) if o else flags.py_type(f.default)
            out[f.name] = shown(f, v)
        if 'omit_empty' in f.attrs and not o:
            del out[f.name]
        if 'raw_json' in f.attrs and out[f.name] is not None:
            import json
            out[f.name] = json.loads(out[f.name])
    return out


def shown(f, v):
    """A scalar as JSON shows it."""
    if 'nullable' in f.attrs and v == 0:
        return None
    if 'json_str' in f.attrs:
        return str(v)
    if 'time' in f.attrs:
        return rfc3339(v)
    return v


def unpack(table, payload):
    n = encode.Get(packer.uoffset, payload, 0)
    return decode_table(Table(bytearray(payload), n), table)


class Rows:
    """Two or more fields of every row of a page, as plain tuples: a twentieth of the time of unpack.
    What a vtable says is worked out once; the rows of a page share few. Numbers stay numbers."""

    def __init__(self, table, noun, names):
        assert len(names) > 1
        page = {f.name: f for f in TABLES[table]}
        self.rows, self.cursor = page[noun].slot, page['next_cursor'].slot
        row = {f.name: f for f in TABLES[page[noun].kind[1:-1]]}
        self.fields = [row[name] for name in names]
        self.defaults = tuple(None if f.kind == 'string' else f.default for f in self.fields)
        self.layouts = {}

    def layout(self, vtable):
        """One struct for all fields, which of its values is which field's, and where texts lie."""
        there = []
        for i, f in enumerate(self.fields):
            slot = 4 + 2 * f.slot
            at = U16(vtable, slot)[0] if slot < len(vtable) else 0
            if at:
                there.append((at, i))
        form, end, value = '<', 0, {}
        for n, (at, i) in enumerate(sorted(there)):
            kind = SCALARS.get(self.fields[i].kind, N.UOffsetTFlags).packer_type.format.strip('<')
            form += '%dx%s' % (at - end, kind)
            end, value[i] = at + struct.calcsize('<' + kind), n
        # What is not there is found in the defaults, which follow the values.
        which = [value.get(i, len(there) + i) for i in range(len(self.fields))]
        texts = [(i, at) for at, i in there if self.fields[i].kind == 'string']
        return struct.Struct(form).unpack_from, operator.itemgetter(*which), texts

    def unpack(self, body):
        """([row], cursor or None)"""
        u32, = struct.unpack_from('<I', body)
        page = Table(bytearray(body), u32)
        o, rows = page.Offset(4 + 2 * self.rows), []
        if o:
            first, n = page.Vector(o), page.VectorLen(o)
            for at in range(first, first + 4 * n, 4):
                rows.append(self.row(body, at + U32(body, at)[0]))
        o = page.Offset(4 + 2 * self.cursor)
        return rows, page.String(o + page.Pos).decode() if o else None

    def row(self, body, table):
        v = table - I32(body, table)[0]
        vtable = body[v:v + U16(body, v)[0]]
        layout = self.layouts.get(vtable)
        if layout is None:
            layout = self.layouts[vtable] = self.layout(vtable)
        read, pick, texts = layout
        out = list(pick(read(body, table) + self.defaults))
        for i, at in texts:
            at += table + out[i]
            out[i] = body[at + 4:at + 4 + U32(body, at)[0]].decode()
        return tuple(out)


U16, U32, I32 = (struct.Struct(kind).unpack_from for kind in ('<H', '<I', '<i'))


def rfc3339(ms):
    t = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    return t.strftime('%Y-%m-%dT%H:%M:%S.') + '%03dZ' % (ms % 1000)


def millis(text):
    t = datetime.datetime.strptime(text, '%Y-%m-%dT%H:%M:%S.%fZ')
    return int((t - datetime.datetime(1970, 1, 1)) / datetime.timedelta(milliseconds=1))
