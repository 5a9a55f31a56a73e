#!/usr/bin/env python3
"""Kith beside PostgreSQL, Redis and memcached: the same scenarios from the same generator on the
same community, one after the other on this machine, with one table of ratios at the end.

    make compare                  five runs of ten seconds each: about two hours
    make compare ARGS=--quick     one run of two seconds each: some minutes

All systems are loaded first, and asked for the same four hundred home feeds before and after the
same changes; they have to agree in every word, count and mark. Then each round runs every scenario
on every system in turn, so that a slow minute of the machine is shared; medians over the rounds are
reported. A system that is not being measured is stopped (SIGSTOP).

Writes BUILD/compare.json and BUILD/compare.html.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import report  # noqa: E402
import systems  # noqa: E402

CONNECTIONS = 50
WRITES = ('mixed', 'like', 'follow', 'comment', 'post-fanout')
SCENARIOS = ('feed',) + WRITES
FAN_OUT = 100                                   # followers of each in post-fanout
FIGURES = ('ops_per_second', 'p50_us', 'p99_us', 'p999_us', 'server_us_per_op', 'generator_busy')


def options():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--build', default='build')
    p.add_argument('--quick', action='store_true', help='one run of two seconds')
    p.add_argument('--runs', type=int, help='rounds, of which the medians are taken (5)')
    p.add_argument('--duration', type=float, help='measured seconds of a run (10)')
    p.add_argument('--warmup', type=float, help='seconds before (2)')
    p.add_argument('--scenarios', default=','.join(SCENARIOS))
    p.add_argument('--systems', default='redis,postgres,memcached', help='besides Kith')
    p.add_argument('--in-flight', default='1,16')
    p.add_argument('--durability', default='strict,group')
    p.add_argument('--users', type=int, default=10000)
    p.add_argument('--follows', type=int, default=50)
    p.add_argument('--posts', type=int, default=100000)
    p.add_argument('--seed', type=int, default=1)
    o = p.parse_args()
    o.runs = o.runs or (1 if o.quick else 5)
    o.duration = o.duration or (2 if o.quick else 10)
    o.warmup = o.warmup if o.warmup is not None else (1 if o.quick else 2)
    for name in ('scenarios', 'systems', 'in_flight', 'durability'):
        setattr(o, name, [word for word in getattr(o, name).split(',') if word])
    unknown = set(o.scenarios) - set(SCENARIOS)
    if unknown:
        p.error('no scenario %s' % ', '.join(unknown))
    return o


# ---- what is run --------------------------------------------------------------------------------

class Case:
    """A scenario at one depth and durability, with the rows that each system gave for it."""

    def __init__(self, scenario, in_flight, durability, connections=CONNECTIONS):
        self.scenario, self.in_flight, self.durability = scenario, in_flight, durability
        self.connections = connections
        self.rows = {}                          # of system
        self.pool = {}                          # of system: connections that served it best
        self.medians = {}

    def title(self):
        return '%s, %d in flight on %d connection%s%s' % (
            self.scenario, self.in_flight, self.connections, 's' if self.connections > 1 else '',
            ', ' + self.durability if self.durability != 'none' else '')


def cases_of(o, scenarios):
    out = []
    for scenario in scenarios:
        for durability in (['none'] if scenario == 'feed' else o.durability):
            out += [Case(scenario, int(n), durability) for n in o.in_flight]
        # What one lone client waits for a change to be on disk.
        if scenario == 'like' and 'strict' in o.durability:
            out.append(Case(scenario, 1, 'strict', connections=1))
    return out


class Runner:
    def __init__(self, o, root):
        self.o, self.root, self.order = o, root, 1000
        self.kith, self.peers = (os.path.abspath(os.path.join(o.build, n))
                                 for n in ('kith', 'peers'))

    def community(self, circle=0):
        o = self.o
        return ['--users', str(o.users), '--follows', str(o.follows), '--posts', str(o.posts),
                '--seed', str(o.seed), '--circle', str(circle)]

    def times(self, share=1):
        return ['--duration', '%g' % (self.o.duration * share), '--warmup',
                '%g' % (self.o.warmup * share)]

    def bench(self, scenario, *more):
        """One run of `kith bench`; its object."""
        o, self.order = self.o, self.order + 1
        path = os.path.join(self.root, 'kith.json')
        r = subprocess.run(
            [self.kith, 'bench', scenario, '--users', str(o.users), '--follows-per-user',
             str(o.follows), '--posts', str(o.posts), '--seed', str(o.seed), '--order',
             str(self.order), '--json', path, *self.times(), *more],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if r.returncode != 0:
            raise RuntimeError('kith bench %s: %s' % (scenario, r.stderr.strip()))
        with open(path) as f:
            return json.load(f)

    def run_kith(self, case, rate=None):
        durability = case.durability if case.durability != 'none' else 'strict'
        return self.bench(case.scenario, '--connections', str(case.connections), '--in-flight',
                          str(case.in_flight), '--durability', durability,
                          *(['--rate', '%.0f' % rate] if rate else ['--closed']))

    def run_echo(self, case, answer_bytes):
        return self.bench('echo', '--closed', '--connections', str(case.connections), '--in-flight',
                          str(case.in_flight), '--echo-bytes', str(answer_bytes))

    def run_peer(self, system, case, circle, pool=None, share=1):
        """One run of a share of the time. As many requests are under way in all, on as many
        connections as serve the system best."""
        self.order += 1
        pool = pool or case.pool.get(system.name) or case.connections
        connections = min(pool, case.connections)
        in_flight = max(1, round(case.connections * case.in_flight / connections))
        system.go_on()
        r = subprocess.run(
            [self.peers, 'run', system.name, case.scenario, '--port', str(system.port),
             '--connections', str(connections), '--in-flight', str(in_flight), '--order',
             str(self.order), '--server', str(system.process.pid), '--durability', case.durability,
             *system.durability(case.durability), *self.community(circle), *self.times(share)],
            stdout=subprocess.PIPE, text=True)
        system.pause()
        if r.returncode != 0:
            raise RuntimeError('peers run %s %s failed' % (system.name, case.scenario))
        row = json.loads(r.stdout)
        if row['wrong'] or row['refused'] > row['requests'] / 1000:
            raise RuntimeError('%s %s: %d refused, %d wrong: %s' % (
                system.name, case.scenario, row['refused'], row['wrong'], row['error']))
        return row


# ---- the same answers ---------------------------------------------------------------------------

def kith_pages(runner):
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
            return pages_of(runner, 'kith', ['--address', address, '--key', f.read().strip()])
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(directory, ignore_errors=True)


def pages_of(runner, name, where):
    r = subprocess.run([runner.peers, 'pages', name, '--order', '7', *runner.community(), *where],
                       stdout=subprocess.PIPE, text=True)
    if r.returncode != 0:
        raise RuntimeError('%s does not give its pages' % name)
    return r.stdout.split('\n')


def validate(runner, servers):
    """Every system has to give the pages that Kith gives; memcached those before the changes."""
    want = kith_pages(runner)
    begin = want.index('# after changes')
    changed = sum(a != b for a, b in zip(want[:begin], want[begin + 1:]))
    if begin < 1000 or changed < 100:
        raise RuntimeError('%d posts on the pages, %d of them changed: too few to show anything'
                           % (begin, changed))
    for system in servers:
        system.go_on()
        got = pages_of(runner, system.name, ['--port', str(system.port)])
        system.pause()
        whole = want if system.durable else want[:begin] + ['']
        for a, b in zip(whole, got):
            if a != b:
                raise RuntimeError('pages differ\n  kith      %s\n  %-9s %s' % (a, system.name, b))
        if len(whole) != len(got):
            raise RuntimeError('%s gives %d lines of pages, kith %d' % (system.name, len(got),
                                                                        len(whole)))
        print('%s: the same %d posts on 400 pages%s' % (
            system.name, begin, ', and after 4,200 changes' if system.durable else ''), flush=True)


# ---- rounds -------------------------------------------------------------------------------------

def say(case, system, row):
    print('  %-52s %-10s %10.0f/s  p99 %8.0f us' % (case.title(), system, row['ops_per_second'],
                                                   row['p99_us']), flush=True)


def find_pools(runner, cases, servers, circle):
    for system in servers:
        for case in cases:
            if len(system.pools) < 2 or case.connections < max(system.pools) or \
                    case.scenario not in system.scenarios:
                continue
            rates = {n: runner.run_peer(system, case, circle, pool=n, share=0.5)['ops_per_second']
                     for n in system.pools}
            case.pool[system.name] = max(rates, key=rates.get)
            print('  %-52s %-10s best on %d connections: %s' % (
                case.title(), system.name, case.pool[system.name],
                ', '.join('%d: %.0f/s' % rate for rate in rates.items())), flush=True)


def round_of(runner, cases, servers, circle):
    for case in cases:
        row = runner.run_kith(case)
        case.rows.setdefault('kith', []).append(row)
        say(case, 'kith', row)
        for system in servers:
            if case.scenario not in system.scenarios:
                continue
            row = runner.run_peer(system, case, circle)
            case.rows.setdefault(system.name, []).append(row)
            say(case, system.name, row)
        # The limit: answers of equal size from a server that does nothing.
        size = max(64, round(case.rows['kith'][0]['bytes_in_per_op']))
        case.echo_bytes = size
        row = runner.run_echo(case, size)
        case.rows.setdefault('echo', []).append(row)
        say(case, 'echo', row)


def run_group(runner, cases, circle, check):
    """All cases on one community: systems loaded anew, compared, then measured in rounds."""
    if not cases:
        return
    kinds = {c.name: c for c in (systems.Redis, systems.Postgres, systems.Memcached)}
    wanted = {s for case in cases for s in runner.o.systems if case.scenario in kinds[s].scenarios}
    servers = [kinds[name](runner.peers, runner.root) for name in runner.o.systems
               if name in wanted]
    try:
        for system in servers:
            begin = time.monotonic()
            system.begin()
            system.load(runner.community(circle))
            system.pause()
            print('%s: loaded in %.1f s' % (system.name, time.monotonic() - begin), flush=True)
        if check:
            validate(runner, servers)
        find_pools(runner, cases, servers, circle)
        for i in range(runner.o.runs):
            print('round %d of %d' % (i + 1, runner.o.runs), flush=True)
            round_of(runner, cases, servers, circle)
        at_peer_rates(runner, cases)
    finally:
        for system in servers:
            system.end()


def at_peer_rates(runner, cases):
    """Latency where it can be compared: of Kith in an open loop at the best peer's highest rate."""
    for case in cases:
        settle(case)
        if case.scenario not in ('feed', 'mixed') or not case.best:
            continue
        row = runner.run_kith(case, rate=case.medians[case.best]['ops_per_second'])
        case.medians['kith']['p99_at_peer_rate_us'] = row['p99_us']
        case.medians['kith']['peer_p99_us'] = case.medians[case.best]['p99_us']


def settle(case):
    """Medians and ratios."""
    for name, rows in case.rows.items():
        case.medians[name] = {f: statistics.median(r.get(f) or 0 for r in rows) for f in FIGURES}
        case.medians[name]['runs'] = [r['ops_per_second'] for r in rows]
        # Changes that changed something: else nothing is logged, and durability looks free.
        share = [r['changed'] / (r['changed'] + r['unchanged']) if 'unchanged' in r
                 else r['changed'] for r in rows if r.get('changed')]
        if share:
            case.medians[name]['changed_share'] = round(min(share), 4)
    peers = {n: m for n, m in case.medians.items() if n not in ('kith', 'echo')}
    case.best = max(peers, key=lambda n: peers[n]['ops_per_second']) if peers else None
    best = peers[case.best]['ops_per_second'] if peers else 0
    limit = case.medians['echo']['ops_per_second']
    for name, m in case.medians.items():
        own = best and name != 'echo'
        m['ratio_to_best_peer'] = round(m['ops_per_second'] / best, 3) if own else None
        m['ratio_to_limit'] = round(m['ops_per_second'] / limit, 4) if limit else None


def rows_of(cases):
    for case in cases:
        for name, m in case.medians.items():
            yield {'scenario': case.scenario, 'in_flight': case.in_flight,
                   'connections': case.connections, 'durability': case.durability,
                   'system': name, 'pool': case.pool.get(name, case.connections), **m}


def main():
    o = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)) # the servers are ended all the same
    root = tempfile.mkdtemp(prefix='kith-compare-')
    os.chmod(root, 0o755)                       # PostgreSQL's owner goes through it
    runner = Runner(o, root)
    try:
        plain = cases_of(o, [s for s in o.scenarios if s != 'post-fanout'])
        fanout = cases_of(o, [s for s in o.scenarios if s == 'post-fanout'])
        begin = time.monotonic()
        run_group(runner, plain, 0, check=True)
        run_group(runner, fanout, FAN_OUT, check=False)
        limits = runner.bench('limits')
    except (RuntimeError, OSError, subprocess.CalledProcessError) as e:
        sys.exit('compare: %s' % e)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    cases = plain + fanout
    with open(os.path.join(o.build, 'compare.json'), 'w') as f:
        json.dump(list(rows_of(cases)), f, indent=1)
    report.write_html(os.path.join(o.build, 'compare.html'), cases, limits, o)
    print('\n' + report.table(cases, limits))
    print('%.0f minutes; %s/compare.json, %s/compare.html' % ((time.monotonic() - begin) / 60,
                                                              o.build, o.build))


if __name__ == '__main__':
    main()
