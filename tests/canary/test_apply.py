#!/usr/bin/env python3
"""Every mutant still applies to the sources as they are, names a test that is there, and is said
once. Whether its test catches it takes minutes: make canary."""
import os
import sys

import mutants

ROOT = os.path.join(mutants.HERE, '../..')


def fault(mutant):
    if not mutant.sources():
        return 'no patch below the title'
    if not mutant.is_sim:
        source = os.path.join(ROOT, 'tests', mutant.program)
        source += '' if source.endswith('.sh') else '.c'
        if not os.path.exists(source):
            return 'no test %s' % mutant.program
        if source.endswith('.c') and mutant.test not in open(source).read():
            return 'no %s in %s' % (mutant.test, mutant.program)
    return mutant.apply(ROOT, dry=True)


def main():
    seen, failed = set(), 0
    every = mutants.read_all()
    for mutant in every:
        why = 'said twice' if mutant.title in seen else fault(mutant)
        seen.add(mutant.title)
        if why:
            failed += 1
            print('%s: %s: %s' % (mutant.file, mutant.title, why))
    print('%d passed, %d failed' % (len(every) - failed, failed))
    return 1 if failed or not every else 0


if __name__ == '__main__':
    sys.exit(main())
