#!/usr/bin/env python3
"""Counts the instructions of the hot paths under callgrind and holds them to tests/bench/budgets.txt:
more than 110 % of a budget fails, and so does less than 80 %, since such a budget guards nothing.

    tests/bench/test_budgets.py             judges
    tests/bench/test_budgets.py --print     prints the whole table as measured

Counted is our own code alone: which memcpy or strlen the C library takes depends on the machine, so
its share is printed beside and not judged. What is left is the same on every machine, for the same
compiler and flags; for others the budgets say nothing, and the test is skipped (77), as it is
without valgrind. Programs are the *_cost.c; cost_begin and cost_end (cost.h) bound a path."""
import concurrent.futures
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '../..')
BUILD = os.path.join(ROOT, os.environ.get('KITH_BUILD', 'build'))
BUDGETS = os.path.join(HERE, 'budgets.txt')
PROGRAMS = ['store/store_cost', 'fb/fb_cost', 'net/net_cost', 'persist/wal_cost', 'api/limits_cost']
OVER, STALE = 110, 80  # percent of the budget
SKIP = 77


def skip(why):
    print('skipped:', why)
    sys.exit(SKIP)


def read_budgets():
    """The compiler that they are for, and path -> (instructions, what it is)."""
    compiler, paths = None, {}
    with open(BUDGETS) as f:
        for line in f:
            if line.startswith('# compiler: '):
                compiler = line[len('# compiler: '):].strip()
            elif line.strip() and not line.startswith('#'):
                path, instructions, what = line.split(None, 2)
                paths[path] = int(instructions), what.strip()
    return compiler, paths


def compiler_of_build():
    """As `gcc 12 x86_64 -O2`; a word more where flags change what is generated."""
    with open(os.path.join(BUILD, 'flags')) as f:
        flags = shlex.split(f.read())
    said = subprocess.run([flags[0], '--version'], capture_output=True, text=True).stdout
    kind = 'clang' if 'clang' in said.split('\n')[0] else 'gcc'
    version = re.search(r' (\d+)\.\d+', said.split('\n')[0])
    words = [w for w in flags if re.match(r'-O|-fsanitize|-flto|-march|-mtune', w)]
    return ' '.join([kind, version[1] if version else '?', platform.machine(), *words])


def own_and_foreign(file, program):
    """Instructions of one dump: those of the program itself, those of the libraries."""
    names, objects, inside, after_calls = {}, {True: 0, False: 0}, False, False
    with open(file) as f:
        for line in f:
            m = re.match(r'(c?)ob=\((\d+)\)(?: (.*))?', line)
            if m:
                if m[3]:
                    names[m[2]] = m[3].strip()
                if not m[1]:
                    inside = os.path.basename(names[m[2]]) == os.path.basename(program)
            elif line.startswith('calls='):
                after_calls = True  # the next line is what the callee cost, counted there
            elif re.match(r'[0-9+*-]', line):
                if not after_calls:
                    objects[inside] += int(line.split()[1])
                after_calls = False
    return objects[True], objects[False]


def measure(program, valgrind=(), arguments=()):
    """(path, own, foreign) per operation, of each path of a program."""
    program = os.path.join(BUILD, 'tests', program)
    with tempfile.TemporaryDirectory(prefix='kith-budgets-') as folder:
        out = os.path.join(folder, 'out')
        # The functions' names may have suffixes of the compiler's.
        done = subprocess.run(
            ['valgrind', '-q', '--tool=callgrind', '--callgrind-out-file=' + out,
             '--zero-before=cost_begin*', '--dump-before=cost_end*', *valgrind, program,
             *arguments],
            capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError('%s: exit code %d\n%s%s' % (program, done.returncode, done.stdout,
                                                           done.stderr))
        measured = []
        for i, line in enumerate(done.stdout.split('\n')[:-1], 1):
            path, times = line.split()
            own, foreign = own_and_foreign('%s.%d' % (out, i), program)
            measured.append((path, round(own / int(times)), round(foreign / int(times))))
        return measured


def verdict(own, budget):
    """None where it is within the budget."""
    if budget is None:
        return 'has no budget: write %d into budgets.txt' % own
    if own * 100 > budget * OVER:
        return '%d instructions, budget %d (%d %%): over' % (own, budget, own * 100 // budget)
    if own * 100 < budget * STALE:
        return '%d instructions, budget %d (%d %%): stale, write %d into budgets.txt' % (
            own, budget, own * 100 // budget, own)
    return None


def print_table(measured, budgets):
    print('%-14s %8s %8s %7s %6s  %s' % ('path', 'own', 'budget', '%', 'libc', 'what'))
    for path, own, foreign in measured:
        budget, what = budgets.get(path, (0, '(no budget)'))
        percent = '%.1f' % (own * 100 / budget) if budget else '-'
        print('%-14s %8d %8d %7s %6d  %s' % (path, own, budget, percent, foreign, what))


def main():
    compiler, budgets = read_budgets()
    if not shutil.which('valgrind'):
        skip('no valgrind')
    if compiler != compiler_of_build() and '--print' not in sys.argv:
        skip('budgets are for %s, not %s' % (compiler, compiler_of_build()))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        measured = [m for some in pool.map(measure, PROGRAMS) for m in some]
    if '--print' in sys.argv:
        print_table(measured, budgets)
        return 0
    failed = 0
    for path, own, _ in measured:
        why = verdict(own, budgets.get(path, (None,))[0])
        failed += why is not None
        print('%s %s%s' % ('not ok' if why else 'ok', path, ': ' + why if why else ''))
    for path in sorted(set(budgets) - {path for path, _, _ in measured}):
        failed += 1
        print('not ok %s: has a budget and is not measured' % path)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
