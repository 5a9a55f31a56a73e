#!/usr/bin/env python3
"""Every PROBE of the sources is in the program with its arguments, costs a nop, and stands in
ARCHITECTURE.md. Skipped (77) where the build had no <sys/sdt.h>. KITH (build/kith) is the program."""
import glob
import os
import re
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KITH = os.path.join(ROOT, os.environ.get('KITH', 'build/kith'))
BUILD = os.path.join(ROOT, os.environ.get('KITH_BUILD', 'build'))


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def had_sdt(sources):
    """Whether the header was there when these sources were compiled."""
    compiler = shlex.split(os.environ.get('CC') or 'gcc')
    asked = subprocess.run([*compiler, '-E', '-H', '-x', 'c', '-', '-o', os.devnull],
                           input='#include <sys/sdt.h>\n', capture_output=True, text=True)
    if asked.returncode != 0:
        return False
    header = re.match(r'\. (.*)', asked.stderr)[1]
    return all(os.path.getmtime(compiled(s)) > os.stat(header).st_ctime for s in sources)


def compiled(source):
    """What it was compiled into: alone, or with others in a unit, which includes it."""
    name = os.path.relpath(source, ROOT)
    for unit in glob.glob(os.path.join(BUILD, 'gen', 'units', '*', '*.c')):
        with open(unit) as f:
            if '"%s"' % name in f.read():
                name = os.path.relpath(unit, os.path.join(BUILD, 'gen'))
                break
    return os.path.join(BUILD, 'obj', name[:-2] + '.o')


def count_arguments(text, at):
    depth, commas = 1, 0
    while depth:
        depth += (text[at] in '([') - (text[at] in ')]')
        commas += text[at] == ',' and depth == 1
        at += 1
    return commas  # the first of them stands behind the name


def in_sources():
    """name -> number of arguments, and the files that have probes"""
    probes, files = {}, []
    for folder in ('core', 'store', 'persist', 'net', 'api'):
        for file in glob.glob(os.path.join(ROOT, folder, '*.c')):
            with open(file) as f:
                text = f.read()
            for m in re.finditer(r'\bPROBE\((?=\w)', text):
                name = re.match(r'\w+', text[m.end():])[0]
                probes[name] = count_arguments(text, m.end())
                files.append(file)
    return probes, files


def in_program():
    """name -> (number of arguments, address, semaphore)"""
    probes = {}
    for m in re.finditer(r'Provider: kith\s+Name: (\w+)\s+Location: (0x\w+), Base: \w+, '
                         r'Semaphore: (0x\w+)\s+Arguments:([^\n]*)', output('readelf', '-n', KITH)):
        probes[m[1]] = len(m[4].split()), int(m[2], 16), int(m[3], 16)
    return probes


def is_nop(address):
    code = output('objdump', '-d', '--start-address=%d' % address,
                  '--stop-address=%d' % (address + 1), KITH)
    return re.search(r'\tnop\s*$', code) is not None


def main():
    sources, files = in_sources()
    if not sources:
        print('not ok no probes in the sources')
        return 1
    if not had_sdt(files):
        print('skipped: built without <sys/sdt.h> (systemtap-sdt-dev)')
        return 77
    program = in_program()
    with open(os.path.join(ROOT, 'ARCHITECTURE.md')) as f:
        documented = set(re.findall(r'`(\w+)\(', f.read()))
    failed = 0
    for name in sorted(set(sources) | set(program)):
        why = None
        if name not in program:
            why = 'not in the program'
        elif program[name][0] != sources.get(name):
            why = '%d arguments in the program' % program[name][0]
        elif program[name][2] != 0 or not is_nop(program[name][1]):
            why = 'more than a nop'
        elif name not in documented:
            why = 'not in ARCHITECTURE.md'
        failed += why is not None
        print('%s %s%s' % ('not ok' if why else 'ok', name, ': ' + why if why else ''))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
