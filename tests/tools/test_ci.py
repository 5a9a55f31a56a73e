#!/usr/bin/python3
"""SEC-25: what looks for holes is part of what every change has to pass."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def would_do(*words):
    """The commands that make would run, none of which it runs."""
    with tempfile.TemporaryDirectory(prefix='kith-ci-') as build:
        env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE') and k != 'MFLAGS'}
        r = subprocess.run(['make', '-n', 'BUILD=' + build, *words], cwd=ROOT, env=env, capture_output=True, text=True)
    assert r.returncode == 0, r.stderr[-2000:]
    return r.stdout.replace('\\\n', ' ').splitlines()


def run_of(lines):
    """The words of the one line that runs the tests."""
    lines = [line.split() for line in lines if line.strip().startswith(('tools/run-tests', 'KITH_READERS'))]
    assert len(lines) == 1, lines
    return lines[0]


def files(pattern):
    found = {os.path.relpath(f, ROOT) for f in glob.glob(os.path.join(ROOT, 'tests', pattern))}
    assert found, pattern
    return found


def test_SEC_25_every_change_is_attacked():
    with open(os.path.join(ROOT, '.ci/run')) as f:
        ci = f.read().splitlines()
    assert 'set -euo pipefail' in ci and 'make test' in ci and 'export CI="${CI:-true}"' in ci, ci
    did = run_of(would_do('test'))
    # Who may ask what, operation by operation; the rules of the tree; failures made on purpose.
    assert 'tests/e2e/test_security.py' in did and '--tidy' in did and '--sim' in did, did
    if shutil.which('clang'):
        assert int(did[did.index('--fuzz') + 1]) >= 10, did
        assert files('*/fuzz_*.c') <= set(did), files('*/fuzz_*.c') - set(did)


def test_SEC_25_sanitizers_see_every_test():
    for kind in ('asan', 'tsan'):
        did = set(run_of(would_do(kind)))
        for pattern in ('*/test_*.c', '*/test_*.py', '*/test_*.sh'):
            left = {f for f in files(pattern) - did if not f.startswith('tests/sim/')}
            assert not left, (kind, left)


if __name__ == '__main__':
    failed = 0
    for name, test in sorted(vars().copy().items()):
        if name.startswith('test_'):
            try:
                test()
                print('ok   ' + name)
            except AssertionError as e:
                failed += 1
                print('FAIL %s: %r' % (name, e))
    sys.exit(failed > 0)
