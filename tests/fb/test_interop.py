#!/usr/bin/env python3
"""Our bytes and JSON against the other implementations, on random documents of torture.fbs: flatc
both ways, Python and JavaScript (their object interfaces read every field and write it anew).

Prints TAP. JavaScript needs npm's registry (flatbuffers and esbuild go into
$KITH_BUILD/tests/fb/npm) and is skipped without.
"""
import json
import os
import shutil
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get('KITH_BUILD') or os.path.join(ROOT, 'build')
OUT = os.path.abspath(os.path.join(BUILD, 'tests', 'fb'))
WORK = os.path.join(OUT, 'interop')
SCHEMA = os.path.join(HERE, 'torture.fbs')
DOCUMENTS = 120
failures = 0


class Cat:
    """The runtime as a filter; see cat.c."""

    def __init__(self, name, type_name):
        self.process = subprocess.Popen([os.path.join(OUT, name), type_name],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, what, data):
        self.process.stdin.write(what.encode() + struct.pack('<I', len(data)) + data)
        self.process.stdin.flush()
        n, = struct.unpack('<I', self.process.stdout.read(4))
        got = self.process.stdout.read(n)
        assert not got.startswith(b'!'), (got, data)
        return got


def report(name, test):
    global failures
    try:
        why = test()
        print('ok - %s%s' % (name, ' # SKIP ' + why if why else ''))
    except Exception as e:  # what went wrong is the report
        failures += 1
        print('not ok - %s' % name)
        print('# %s: %s' % (type(e).__name__, str(e)[:2000].replace('\n', '\n# ')))
    sys.stdout.flush()


def run(*command, cwd=None):
    r = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if r.returncode != 0:
        raise RuntimeError('%s: %s%s' % (' '.join(command[:3]), r.stdout[-800:], r.stderr[-800:]))


def full(data):
    """JSON of every field. A scalar with omit_empty is shown when it is present, and other writers
    do not write one that has its default."""
    return cat.ask('f', data).replace(b'"count":0,', b'')


def same(a, b, what):
    if a != b:
        raise AssertionError('%s\n%s\n%s' % (what, a, b))


def bare(v):
    """JSON without what may be said or left out: nulls, empty lists, zeros; ids as numbers."""
    if isinstance(v, dict):
        kept = {k: bare(w) for k, w in v.items()}
        return {k: w for k, w in kept.items() if w not in (None, [], 0, False, 'NONE')}
    if isinstance(v, list):
        return [bare(w) for w in v]
    if isinstance(v, str) and v.lstrip('-').isdigit() and len(v) < 21:
        return int(v)
    return v


def write(name, data):
    path = os.path.join(WORK, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def read(name):
    with open(os.path.join(WORK, name), 'rb') as f:
        return f.read()


def flatc_reads_ours():
    texts = [cat.ask('p', b'%d' % i) for i in range(DOCUMENTS)]
    ours = [cat.ask('b', text) for text in texts]
    names = [write('ours%d.bin' % i, data) for i, data in enumerate(ours)]
    run('flatc', '--json', '--strict-json', '--raw-binary', '-o', WORK, SCHEMA,
        '--', *names)
    for i, data in enumerate(ours):
        theirs = read('ours%d.json' % i)
        same(full(cat.ask('b', theirs)), full(data), 'flatc\'s JSON of our bytes')
        # Times are texts with us and numbers with flatc.
        mine, other = json.loads(cat.ask('j', data)), json.loads(theirs)
        mine.pop('when', None), other.pop('when', None)
        same(bare(mine), bare(other), 'JSON by meaning')


def we_read_flatc():
    texts = [cat.ask('p', b'%d' % (1000 + i)) for i in range(DOCUMENTS)]
    names = [write('theirs%d.json' % i, text) for i, text in enumerate(texts)]
    run('flatc', '--binary', '-o', WORK, SCHEMA, *names)
    for i, text in enumerate(texts):
        same(full(read('theirs%d.bin' % i)), full(cat.ask('b', text)),
             'bytes of flatc')


def python_both_ways():
    try:
        import flatbuffers
    except ImportError:
        return 'no python3-flatbuffers'
    run('flatc', '--python', '--gen-object-api', '-o', os.path.join(WORK, 'py'), SCHEMA)
    sys.path.insert(0, os.path.join(WORK, 'py'))
    from tort.All import All, AllT
    import tort.Tree
    tort.Tree.tort = tort  # a table that refers to itself: flatc 2.0.8 forgets the import
    for i in range(DOCUMENTS):
        ours = cat.ask('b', cat.ask('r', b'%d' % (2000 + i)))
        tree = AllT.InitFromObj(All.GetRootAs(ours, 0))
        # flatc 2.0.8 writes the elements of [byte] as unsigned.
        tree.vi8 = tree.vi8 and [v & 255 for v in tree.vi8]
        builder = flatbuffers.Builder(64)
        builder.Finish(tree.Pack(builder))
        same(full(bytes(builder.Output())), full(ours), 'through Python')


SCRIPT = '''
import * as flatbuffers from 'flatbuffers';
import { All } from './ts/tort/all';
import * as fs from 'fs';
for (let i = 0; i < COUNT; i++) {
  const bytes = new Uint8Array(fs.readFileSync(`js${i}.in`));
  const tree = All.getRootAsAll(new flatbuffers.ByteBuffer(bytes)).unpack();
  const builder = new flatbuffers.Builder(64);
  builder.finish(tree.pack(builder));
  fs.writeFileSync(`js${i}.out`, builder.asUint8Array());
}
'''


def npm(folder, version):
    """The runtime of that version and esbuild in a folder; None when the registry is not there."""
    if not shutil.which('npm') or not shutil.which('node'):
        return 'no npm'
    if os.path.isdir(os.path.join(folder, 'node_modules', 'flatbuffers')):
        return None
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'package.json'), 'w') as f:
        f.write('{"private": true}')
    try:
        subprocess.run(['npm', 'install', '--no-audit', '--no-fund', '--silent',
                        'flatbuffers@' + version, 'esbuild'], cwd=folder, check=True, timeout=90,
                       capture_output=True)
    except (subprocess.SubprocessError, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        return 'npm\'s registry is out of reach'
    return None


def javascript_both_ways(version):
    folder = os.path.join(OUT, 'npm', version)
    why = npm(folder, version)
    if why:
        return why
    run('flatc', '--ts', '--gen-object-api', '-o', os.path.join(folder, 'ts'), SCHEMA)
    write_at = os.path.join(folder, 'main.ts')
    with open(write_at, 'w') as f:
        f.write(SCRIPT.replace('COUNT', str(DOCUMENTS)))
    run('node_modules/.bin/esbuild', 'main.ts', '--bundle', '--platform=node',
        '--outfile=main.js', '--log-level=error', cwd=folder)
    ours = [cat.ask('b', cat.ask('r', b'%d' % (3000 + i))) for i in range(DOCUMENTS)]
    for i, data in enumerate(ours):
        write('js%d.in' % i, data)
    run('node', os.path.join(folder, 'main.js'), cwd=WORK)
    for i, data in enumerate(ours):
        same(full(read('js%d.out' % i)), full(data), 'through JavaScript')


subprocess.run(['bash', os.path.join(HERE, 'build.sh'), 'cat_torture'], check=True)
shutil.rmtree(WORK, ignore_errors=True)
os.makedirs(WORK)
cat = Cat('cat_torture', 'All')
report('flatc reads our bytes', flatc_reads_ours)
report('we read flatc\'s bytes', we_read_flatc)
report('Python both ways', python_both_ways)
report('JavaScript 2.0.7 both ways', lambda: javascript_both_ways('2.0.7'))
report('JavaScript 25.9.23 both ways', lambda: javascript_both_ways('25.9.23'))
sys.exit(1 if failures else 0)
