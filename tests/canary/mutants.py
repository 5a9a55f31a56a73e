"""Reads the files of mutants in this folder and puts a mutant into a tree.

A mutant is a line "# what is wrong (caught by TEST)" with a patch below it. TEST is one of

    test_wal, test_trim          the test inside of the program that has to fail
    core/test_quiet, memory      a program of another folder than the file's name says
    fb/test_torture.sh, test_time    a script whose tests are cmocka's as well
    sim 1 20                     the simulator with these arguments, as a whole
"""
import glob
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TITLE = re.compile(r'^# (.+) \(caught by ([^()]+)\)$')


class Mutant:
    def __init__(self, file, title, caught_by):
        self.file, self.title, self.caught_by = file, title, caught_by
        self.patch = ''
        self.program, _, self.test = (part.strip() for part in caught_by.partition(','))
        self.is_sim = self.program.split()[0] == 'sim'
        if not self.is_sim and '/' not in self.program:
            self.program = os.path.join(os.path.splitext(file)[0], self.program)

    def sources(self):
        return re.findall(r'^\+\+\+ b/(\S+)', self.patch, re.M)

    def apply(self, tree, dry=False):
        """None, or what patch says against it. Lines may have moved, and one of context differ."""
        command = ['patch', '-p1', '--fuzz=1', '--force', '--no-backup-if-mismatch', '-r', '-']
        run = subprocess.run(command + (['--dry-run'] if dry else []), cwd=tree, text=True,
                             input=self.patch, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return run.stdout.strip() if run.returncode != 0 else None


def read(path):
    mutants = []
    for number, line in enumerate(open(path, encoding='utf-8'), 1):
        title = TITLE.match(line.rstrip('\n'))
        if title:
            mutants.append(Mutant(os.path.basename(path), title[1], title[2]))
        elif line.startswith('# '):
            raise ValueError('%s:%d: a title without "(caught by TEST)"' % (path, number))
        elif mutants:
            mutants[-1].patch += line
    for mutant in mutants:
        # The empty line between two mutants is not a line of the patch.
        mutant.patch = mutant.patch.rstrip('\n') + '\n'
    return mutants


def read_all():
    return [m for path in sorted(glob.glob(os.path.join(HERE, '*.txt'))) for m in read(path)]
