"""Of which program on which machine the figures are, and how one gets them again."""
import os
import platform
import shlex
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VERSIONS = {'redis': ['redis-server', '--version'],
            'postgres': ['/usr/lib/postgresql/15/bin/postgres', '--version'],
            'memcached': ['memcached', '-V']}
BUSY = 0.5                                      # load for each core, before anything is measured


def first_line(command):
    try:
        r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return None
    return r.stdout.strip().split('\n')[0] if r.returncode == 0 else None


def revision():
    """The commit, and whether the tree differs from it; None where there is no repository."""
    commit = first_line(['git', '-C', ROOT, 'rev-parse', 'HEAD'])
    if not commit:
        return None
    changed = first_line(['git', '-C', ROOT, 'status', '--porcelain', '--untracked-files=no'])
    return commit[:12] + (' with changes' if changed else '')


def about(o, limits):
    """`command` is what was given to this script, `options` what came of it."""
    machine = limits.get('environment', {})
    return {
        'git': o.revision,                      # as it was when this began
        'command': 'python3 ' + shlex.join(sys.argv),
        'make': 'make compare' + (' ARGS=%s' % shlex.quote(shlex.join(arguments()))
                                  if arguments() else ''),
        'options': {k: v for k, v in sorted(vars(o).items())},
        'when': time.strftime('%Y-%m-%dT%H:%M:%S%z'),
        'load_before': o.load,
        'machine': {k: machine.get(k) for k in ('cpu', 'cores', 'memory_gb', 'kernel', 'governor',
                                                'clock', 'kith')},
        'platform': platform.platform(),
        'versions': {k: first_line(v) for k, v in VERSIONS.items()},
        'limits': limits.get('figures', {}),
    }


def arguments():
    """Without the build directory, which make gives."""
    words = sys.argv[1:]
    if '--build' in words:
        at = words.index('--build')
        words = words[:at] + words[at + 2:]
    return words


def lines(a):
    m = a['machine']
    busy = a['load_before'] > BUSY * (m.get('cores') or 1)
    return ['Kith %s, commit %s; %s' % (m.get('kith'), a['git'], a['when']),
            '%s, %s cores, %s GB, Linux %s; load before %.1f' % (
                m.get('cpu'), m.get('cores'), m.get('memory_gb'), m.get('kernel'),
                a['load_before']),
            'again with: ' + a['make'],
            '; '.join(v for v in a['versions'].values() if v),
            *(['THE MACHINE was at work for others when this began: ratios are only indicative']
              if busy else [])]
