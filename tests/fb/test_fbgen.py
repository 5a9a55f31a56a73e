#!/usr/bin/env python3
"""The schema generator: what the dialect refuses, and what `fbgen conform` finds. Prints TAP."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get('KITH_BUILD') or os.path.join(ROOT, 'build')
OUT = os.path.abspath(os.path.join(BUILD, 'tests', 'fb'))
WORK = os.path.join(OUT, 'fbgen-work')
ATTRIBUTES = ''.join('attribute "%s";\n' % a for a in (
    'json_str', 'time', 'max_len', 'alias', 'raw_json', 'str_as', 'nullable', 'sensitive', 'hidden',
    'omit_empty', 'rare'))
failures = 0


def bfbs(name, schema):
    path = os.path.join(WORK, name + '.fbs')
    with open(path, 'w') as f:
        f.write('namespace n;\n' + ATTRIBUTES + schema)
    r = subprocess.run(['flatc', '--schema', '--binary', '--bfbs-comments', '--bfbs-builtins', '-o',
                        WORK, path], capture_output=True, text=True)
    assert r.returncode == 0, r.stdout + r.stderr
    return os.path.join(WORK, name + '.bfbs')


def fbgen(*args):
    r = subprocess.run([os.path.join(OUT, 'fbgen'), *args], capture_output=True, text=True,
                       env=dict(os.environ, ASAN_OPTIONS='detect_leaks=0'))
    return r.returncode, r.stderr


def expect(name, got, code, said):
    global failures
    if got[0] == code and said in got[1]:
        print('ok - ' + name)
        return
    failures += 1
    print('not ok - %s\n# exit code %d, wanted %d and "%s"\n# %s' % (
        name, got[0], code, said, got[1].replace('\n', '\n# ')))


def lint(name, schema, said, code=1):
    out = os.path.join(WORK, 'out')
    expect('lint: ' + name, fbgen(bfbs('lint', schema), out + '.h', out + '.c'), code, said)


def conform(name, old, new, said, code=1):
    expect('conform: ' + name, fbgen('conform', bfbs('old', old), bfbs('new', new)), code, said)


subprocess.run(['bash', os.path.join(HERE, 'build.sh'), 'fbgen'], check=True)
os.makedirs(WORK, exist_ok=True)

lint('good', 'table T { a:int (id: 0); b:string (id: 1, max_len: 3); }', '', 0)
lint('no id', 'table T { a:int; }', 'T.a: no explicit id')
lint('float', 'table T { a:float (id: 0); }', 'floats')
lint('vector of floats', 'table T { a:[double] (id: 0); }', 'floats')
lint('array', 'struct S { a:[ubyte:4]; }', 'arrays')
lint('optional scalar', 'table T { a:int = null (id: 0); }', 'optional')
lint('vector of unions', 'table A { } union U { A } table T { a:[U] (id: 1); }',
     'vectors of unions')
lint('struct in union', 'struct S { a:int; } union U { S } table T { u:U (id: 1); }',
     'must be tables')
lint('sparse union', 'table A { } union U { A = 5 } table T { u:U (id: 1); }', 'tags must be')
lint('alignment', 'struct S (force_align: 16) { a:int; }', 'alignment')
lint('fields', 'table T { %s }' % ' '.join('f%d:bool (id: %d);' % (i, i) for i in range(65)),
     'more than 64')
lint('nested', 'table A { } table T { a:[ubyte] (id: 0, nested_flatbuffer: "A"); }', 'nested')
lint('json_str', 'table T { a:int (id: 0, json_str); }', 'json_str is for')
lint('time', 'table T { a:long (id: 0, time); }', 'time is for')
lint('raw_json', 'table T { a:int (id: 0, raw_json); }', 'raw_json is for')
lint('nullable', 'table T { a:string (id: 0, nullable); }', 'nullable is for')
lint('max_len', 'table T { a:int (id: 0, max_len: 3); }', 'max_len is')
lint('max_len 0', 'table T { a:string (id: 0, max_len); }', 'max_len is')
lint('str_as on a scalar', 'table T { a:int (id: 0, str_as: "b"); }', 'str_as is for')
lint('str_as nothing', 'table A { b:int (id: 0); } table T { a:A (id: 0, str_as: "b"); }',
     'no string of A')
lint('names', 'table T { a:int (id: 0, alias: "b,c"); c:int (id: 1); }', 'stands for two fields')

OLD = 'enum E : ubyte { x = 0, y } table T { a:int (id: 0); b:string (id: 1); e:E (id: 2); }'
conform('same', OLD, OLD, '', 0)
conform('new field', OLD, OLD.replace('e:E (id: 2);', 'e:E (id: 2); f:int (id: 3);'), '', 0)
conform('new value', OLD, OLD.replace('y }', 'y, z }'), '', 0)
conform('new table', OLD, OLD + ' table U { }', '', 0)
conform('deprecated', OLD, OLD.replace('id: 1', 'id: 1, deprecated'), '', 0)
conform('removed table', OLD + ' table U { }', OLD, 'removed')
conform('removed field', OLD, OLD.replace(' e:E (id: 2);', ''), 'field e: removed')
conform('renamed', OLD, OLD.replace('a:int', 'q:int'), 'field a: renamed to q')
conform('retyped', OLD, OLD.replace('a:int', 'a:uint'), 'field a: retyped')
conform('renumbered', OLD, OLD.replace('a:int (id: 0)', 'a:int (id: 1)').replace(
    'b:string (id: 1)', 'b:string (id: 0)'), 'renumbered')
conform('default', OLD, OLD.replace('a:int', 'a:int = 3'), 'another default')
conform('required', OLD, OLD.replace('id: 1', 'id: 1, required'), 'newly required')
conform('new and required', OLD, OLD.replace(
    'e:E (id: 2);', 'e:E (id: 2); s:string (id: 3, required);'), 'new and required')
conform('lower max_len', OLD.replace('id: 1', 'id: 1, max_len: 9'), OLD.replace(
    'id: 1', 'id: 1, max_len: 8'), 'max_len lowered')
conform('higher max_len', OLD.replace('id: 1', 'id: 1, max_len: 9'), OLD.replace(
    'id: 1', 'id: 1, max_len: 10'), '', 0)
conform('value removed', OLD, OLD.replace(', y }', ' }'), 'value y: removed')
conform('value renumbered', OLD, OLD.replace('y }', 'y = 2 }'), 'value y: renumbered')
conform('enum widened', OLD, OLD.replace('E : ubyte', 'E : ushort'), 'underlying type')
conform('struct', 'struct S { a:int; } table T { s:S (id: 0); }',
        'struct S { a:int; b:int; } table T { s:S (id: 0); }', 'another layout')
sys.exit(1 if failures else 0)
