#!/usr/bin/python3
"""What ARCHITECTURE.md says about adding an edge and an operation is enough: tests/tools/extend.patch does just
that to a copy of the tree, which then builds, and its server does what was added."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PATCH = os.path.join(HERE, 'extend.patch')
PARTS = ('Makefile', 'core', 'net', 'store', 'persist', 'api', 'bench', 'tools', 'tests', 'CHANGELOG.md')

CLIENT = '''
import sys
sys.path.insert(0, 'tests/e2e')
import harness
from harness import new_user

def check(api, server):
    a, b = new_user(api), new_user(api)
    name = api.call('user_get', {'user_id': b})['username']
    assert api.call('name_length', {'user_id': b})['bytes'] == len(name)
    assert api.call('name_length', {'user_id': '1'}).status == 404
    for _ in range(2):
        assert api.call('endorse', {'user_id': b}, viewer=a).status == 200
    assert [u['user_id'] for u in api.call('endorsers', {'user_id': b})['users']] == [a]
    assert api.call('endorse', {'user_id': a}, viewer=a).status == 422
    api.call('block', {'user_id': a}, viewer=b)
    assert api.call('endorse', {'user_id': b}, viewer=a).status == 404
    return a, b

with harness.Server() as server:
    a, b = check(harness.Http(server), server)
    check(harness.Binary(server), server)
    server.kill()
    server.start()
    api = harness.Binary(server)
    assert [u['user_id'] for u in api.call('endorsers', {'user_id': b})['users']] == [a]
    assert api.call('user_delete', {'user_id': a}, viewer=a).status == 204
    def gone():
        assert api.call('endorsers', {'user_id': b})['users'] == []
    harness.eventually(gone)
    server.stop()
    server.check()
'''


def patched(files):
    with open(PATCH) as f:
        return sorted({line[6:].strip() for line in f if line.startswith('+++ b/')}) == files


def main():
    # One place each, as the page says.
    assert patched(['api/lists.c', 'api/reads.c', 'core/graph.def', 'core/kith.fbs', 'core/ops.def'])
    tree = tempfile.mkdtemp(prefix='kith-extend-')
    try:
        for part in PARTS:
            source = os.path.join(ROOT, part)
            copy = shutil.copytree if os.path.isdir(source) else shutil.copy
            copy(source, os.path.join(tree, part))
        subprocess.run(['patch', '-p1', '--fuzz=2', '--force', '-i', PATCH], cwd=tree, check=True,
                       stdout=subprocess.DEVNULL)
        build = os.path.join(tree, 'build')
        alone = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
        # Not optimised: that is half of a build.
        made = subprocess.run(['make', 'BUILD=' + build, 'OPT=-O0', '-j2', os.path.join(build, 'kith')],
                              cwd=tree, env=alone, capture_output=True, text=True)
        print(made.stdout[-2000:] if made.returncode else '', made.stderr)
        assert made.returncode == 0 and 'warning' not in made.stderr
        env = dict(os.environ, KITH=os.path.join(build, 'kith'))
        subprocess.run([sys.executable, '-c', CLIENT], cwd=tree, env=env, check=True)
    finally:
        shutil.rmtree(tree)
    print('1 passed, 0 failed')


if __name__ == '__main__':
    main()
