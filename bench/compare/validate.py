"""That all systems give the same answers, before what they give is timed."""
import os
import shutil
import subprocess

import systems


def kith_pages(runner, graph):
    """Of a server that is there only for this."""
    directory = os.path.join(runner.root, 'kith')
    key, port = os.path.join(runner.root, 'key'), systems.free_port()
    with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as f:
        f.write(os.urandom(32).hex() + '\n')
    address = '%s:%d' % (systems.HOST, port)
    server = subprocess.Popen([runner.kith, 'serve', directory, '--listen', address, '--admin',
                               'none', '--service-key-file', key, '--quiet'],
                              stderr=subprocess.DEVNULL)
    try:
        systems.wait_for(port, server)
        with open(key) as f:
            where = ['--address', address, '--key', f.read().strip()]
        os.unlink(key)
        return pages_of(runner, 'kith', where, graph)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(directory, ignore_errors=True)


def pages_of(runner, name, where, graph):
    r = subprocess.run([runner.peers, 'graph' if graph else 'pages', name, '--order', '7',
                        *runner.community(), *where], stdout=subprocess.PIPE, text=True)
    if r.returncode != 0:
        raise RuntimeError('%s does not give its pages' % name)
    return r.stdout.split('\n')


def compare(system, want, got):
    for a, b in zip(want, got):
        if a != b:
            raise RuntimeError('answers differ\n  kith      %s\n  %-9s %s' % (a, system.name, b))
    if len(want) != len(got):
        raise RuntimeError('%s gives %d lines of answers, kith %d' % (system.name, len(got),
                                                                      len(want)))


def ask(runner, system, graph):
    system.go_on()
    got = pages_of(runner, system.name, ['--port', str(system.port)], graph)
    system.pause()
    return got


def pages(runner, servers):
    """Every system has to give the pages that Kith gives; memcached those before the changes."""
    want = kith_pages(runner, graph=False)
    begin = want.index('# after changes')
    changed = sum(a != b for a, b in zip(want[:begin], want[begin + 1:]))
    if begin < 1000 or changed < 100:
        raise RuntimeError('%d posts on the pages, %d of them changed: too few to show anything'
                           % (begin, changed))
    for system in servers:
        compare(system, want if system.durable else want[:begin] + [''],
                ask(runner, system, graph=False))
        print('%s: the same %d posts on 400 pages%s' % (
            system.name, begin, ', and after 4,200 changes' if system.durable else ''), flush=True)


def graph(runner, servers):
    """Of the scenario graph every answer to a read, while the same changes are made between."""
    want = kith_pages(runner, graph=True)
    kinds = {kind: sum(line.startswith(kind) for line in want)
             for kind in ('likers', 'count', 'node', 'link')}
    if min(kinds.values()) < 20:
        raise RuntimeError('too few answers of some kind: %s' % kinds)
    for system in servers:
        compare(system, want, ask(runner, system, graph=True))
        print('%s: the same %d answers of the graph' % (system.name, len(want) - 1), flush=True)
