#!/usr/bin/env python3
"""google's golden buffers, read with our code generated from google's schema, field for field.

The files lie in $KITH_SHARED/data/flatbuffers (../shared by default); skipped without them. flatc,
given the same binary schema, is the second opinion. Prints TAP.
"""
import json
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get('KITH_BUILD') or os.path.join(ROOT, 'build')
OUT = os.path.abspath(os.path.join(BUILD, 'tests', 'fb'))
DATA = os.path.join(os.path.abspath(os.path.join(ROOT, os.environ.get('KITH_SHARED', '../shared'))),
                    'data', 'flatbuffers')
SCHEMA = os.path.join(DATA, 'monster_test.bfbs')
failures = 0


def ask(what, data):
    cat.stdin.write(what.encode() + struct.pack('<I', len(data)) + data)
    cat.stdin.flush()
    n, = struct.unpack('<I', cat.stdout.read(4))
    got = cat.stdout.read(n)
    assert not got.startswith(b'!'), got
    return got


def load(name):
    with open(os.path.join(DATA, name), 'rb') as f:
        return f.read()


def flatc_json(path):
    """What flatc reads in a buffer; nested buffers it unfolds, we show their bytes."""
    subprocess.run(['flatc', '--json', '--strict-json', '--raw-binary', '-o', OUT, SCHEMA, '--',
                    path], check=True, capture_output=True)
    name = os.path.splitext(os.path.basename(path))[0] + '.json'
    with open(os.path.join(OUT, name), encoding='utf-8', errors='surrogateescape') as f:
        return json.load(f)


def bare(v):
    """Without what one may leave out: defaults that were written, nested buffers."""
    if isinstance(v, dict):
        kept = {k: bare(w) for k, w in v.items() if k not in ('testnestedflatbuffer', 'flex')}
        return {k: w for k, w in kept.items() if w not in (None, [], 0, False, 'NONE')}
    if isinstance(v, list):
        return [bare(w) for w in v]
    return round(v, 4) if isinstance(v, float) else v


def buffer_reads(name):
    ours, theirs = json.loads(ask('j', load(name))), flatc_json(os.path.join(DATA, name))
    if bare(ours) != bare(theirs):
        raise AssertionError('%s\n%s' % (bare(ours), bare(theirs)))
    return ours


def monster_fields():
    """The values that google's own tests assert of the golden monster."""
    m = buffer_reads('monsterdata_test.mon')
    assert m['hp'] == 80 and m['name'] == 'MyMonster', m
    assert m['pos'] == {'x': 1, 'y': 2, 'z': 3, 'test1': 3, 'test2': 'Green',
                        'test3': {'a': 5, 'b': 6}}, m['pos']
    assert m['inventory'] == [0, 1, 2, 3, 4]
    assert m['test_type'] == 'Monster' and m['test']['name'] == 'Fred'
    assert m['test4'] == [{'a': 10, 'b': 20}, {'a': 30, 'b': 40}]
    assert m['testarrayofstring'] == ['test1', 'test2']


def round_trip(name):
    """Through our JSON reader and builder, and back."""
    once = ask('f', load(name))
    again = ask('f', ask('b', ask('j', load(name))))
    assert once == again, '%s\n%s' % (once, again)


def golden_json():
    """flatc packs the golden text; our JSON of it, packed by us, is the golden text to flatc."""
    subprocess.run(['flatc', '--binary', '-o', OUT, SCHEMA, os.path.join(DATA,
                   'monsterdata_test.golden')], check=True, capture_output=True)
    made = os.path.join(OUT, 'monsterdata_test.mon')
    if not os.path.exists(made):
        made = os.path.join(OUT, 'monsterdata_test.bin')
    with open(made, 'rb') as f:
        packed = f.read()
    repacked = os.path.join(OUT, 'repacked.mon')
    with open(repacked, 'wb') as f:
        f.write(ask('b', ask('j', packed)))
    golden = os.path.join(OUT, 'golden.mon')
    os.replace(made, golden)
    theirs, ours = flatc_json(golden), flatc_json(repacked)
    assert theirs == ours, '%s\n%s' % (theirs, ours)


def report(name, test):
    global failures
    try:
        test()
        print('ok - ' + name)
    except Exception as e:  # what went wrong is the report
        failures += 1
        print('not ok - %s\n# %s' % (name, str(e)[:3000].replace('\n', '\n# ')))
    sys.stdout.flush()


if not os.path.exists(SCHEMA):
    print('no golden buffers in ' + DATA)
    sys.exit(77)
subprocess.run(['bash', os.path.join(HERE, 'build.sh'), 'cat_monster'], check=True)
cat = subprocess.Popen([os.path.join(OUT, 'cat_monster'), 'MyGame_Example_Monster'],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
report('monsterdata_test.mon, the fields', monster_fields)
for file in ('monsterdata_test.mon', 'monsterdata_python_wire.mon', 'unicode_test.mon'):
    report(file + ' as flatc reads it', lambda: buffer_reads(file))
    report(file + ' through JSON and back', lambda: round_trip(file))
report('monsterdata_test.golden', golden_json)
sys.exit(1 if failures else 0)
