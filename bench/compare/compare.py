#!/usr/bin/env python3
"""Kith beside PostgreSQL, Redis and memcached: the same scenarios from the same generator on the
same community, one after the other on this machine, with one table of ratios at the end.

    make compare                  five runs of each: less than an hour
    make compare ARGS=--quick     one run of a second each: some minutes

All systems are loaded first, and asked the same questions between the same changes; they have to
agree in every word, count and mark. Then each round runs every scenario on every system in turn, so
that a slow minute of the machine is shared; medians over the rounds are reported. A system that is
not being measured is stopped (SIGSTOP). Restart, memory and the second core are measured beside.

Writes BUILD/compare.json (a row for each system and case), BUILD/compare.about.json (commit,
machine, command, versions) and BUILD/compare.html.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import about  # noqa: E402
import cases  # noqa: E402
import plan  # noqa: E402
import report  # noqa: E402
import runner as running  # noqa: E402
import storage  # noqa: E402
import systems  # noqa: E402
import validate  # noqa: E402

FAN_OUT = 100                                   # followers of each in post-fanout
BESIDE = ('restart', 'memory', 'cores')
SYSTEMS = {c.name: c for c in (systems.Redis, systems.Postgres, systems.Memcached)}


def options():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--build', default='build')
    p.add_argument('--quick', action='store_true', help='one run of a second of each')
    p.add_argument('--runs', type=int, help='rounds, of which the medians are taken (5)')
    p.add_argument('--minutes', type=float, default=55, help='for all of it (55); runs are as '
                   'long as that allows')
    p.add_argument('--duration', type=float, help='measured seconds of a run instead')
    p.add_argument('--warmup', type=float, help='seconds before (a quarter)')
    p.add_argument('--scenarios', default=','.join(cases.SCENARIOS))
    p.add_argument('--beside', default=','.join(BESIDE), help='restart, memory, cores')
    p.add_argument('--systems', default='redis,postgres,memcached', help='besides Kith')
    p.add_argument('--in-flight', default='1,16')
    p.add_argument('--durability', default='strict,group')
    p.add_argument('--users', type=int, default=10000)
    p.add_argument('--follows', type=int, default=50)
    p.add_argument('--posts', type=int, default=100000)
    p.add_argument('--seed', type=int, default=1)
    o = p.parse_args()
    o.runs = o.runs or (1 if o.quick else 5)
    o.load, o.revision = os.getloadavg()[0], about.revision()
    if o.quick and o.duration is None:
        o.duration = 1
    for name in ('scenarios', 'systems', 'in_flight', 'durability', 'beside'):
        setattr(o, name, [word for word in getattr(o, name).split(',') if word])
    for given, known in ((o.scenarios, cases.SCENARIOS), (o.systems, SYSTEMS), (o.beside, BESIDE)):
        if set(given) - set(known):
            p.error('no %s; there are %s' % (', '.join(set(given) - set(known)), ', '.join(known)))
    return o


class Group:
    """Cases that are measured on one community, which the systems are loaded with anew."""

    def __init__(self, o, scenarios, circle=0, parts=None, check=None):
        self.cases = cases.cases_of(o, [s for s in o.scenarios if s in scenarios])
        self.circle, self.parts, self.check = circle, parts, check

    def wanted(self, o):
        return [n for n in o.systems
                if any(c.scenario in SYSTEMS[n].scenarios for c in self.cases)]


def groups_of(o):
    plain = [s for s in cases.SCENARIOS if s not in ('post-fanout', 'graph')]
    return [Group(o, plain, check=validate.pages),
            Group(o, ['post-fanout'], circle=FAN_OUT),
            Group(o, ['graph'], parts='graph', check=validate.graph)]


# ---- rounds -------------------------------------------------------------------------------------

def say(runner, case, system, row):
    print('%s  %-46s %-10s %10.0f/s  p99 %8.0f us' % (
        runner.plan.words(), case.title(), system, row['ops_per_second'], row['p99_us']),
        flush=True)


def find_pools(runner, group, servers):
    for system in servers:
        for case in group.cases:
            if len(system.pools) < 2 or case.connections < max(system.pools) or \
                    case.scenario not in system.scenarios:
                continue
            rates = {n: runner.run_peer(system, case, group.circle, pool=n,
                                        share=0.5)['ops_per_second'] for n in system.pools}
            case.pool[system.name] = max(rates, key=rates.get)
            print('%s  %-46s %-10s best on %d connections: %s' % (
                runner.plan.words(), case.title(), system.name, case.pool[system.name],
                ', '.join('%d: %.0f/s' % rate for rate in rates.items())), flush=True)


def one_round(runner, group, servers):
    for case in group.cases:
        def note(name, row):
            case.rows.setdefault(name, []).append(row)
            say(runner, case, name, row)
        note('kith', runner.run_kith(case))
        for variant in case.variants:
            note(variant, runner.run_kith(case, variant=variant))
        for system in servers:
            if case.scenario in system.scenarios:
                note(system.name, runner.run_peer(system, case, group.circle))
        # The limit: answers of equal size from a server that does nothing.
        case.echo_bytes = max(64, round(case.rows['kith'][0]['bytes_in_per_op']))
        note('echo', runner.run_echo(case, case.echo_bytes))
        if 'kith-http' in case.rows:
            size = round(case.rows['kith-http'][0]['bytes_in_per_op'])
            note('echo-http', runner.run_echo(case, size))


def run_group(runner, group):
    """All cases on one community: systems loaded anew, compared, then measured in rounds."""
    if not group.cases:
        return
    servers = [SYSTEMS[name](runner.peers, runner.root) for name in group.wanted(runner.o)]
    try:
        for system in servers:
            begin = time.monotonic()
            system.begin()
            system.load(runner.community(group.circle), group.parts)
            system.pause()
            print('%s: loaded in %.1f s' % (system.name, time.monotonic() - begin), flush=True)
        if group.check:
            group.check(runner, servers)
        runner.plan.did(plan.LOAD_S)
        find_pools(runner, group, servers)
        for i in range(runner.o.runs):
            print('round %d of %d' % (i + 1, runner.o.runs), flush=True)
            one_round(runner, group, servers)
        at_peer_rates(runner, group)
    finally:
        for system in servers:
            system.end()


def at_peer_rates(runner, group):
    """Latency where it can be compared: of Kith in an open loop at the best peer's highest rate."""
    for case in group.cases:
        cases.settle(case)
        if case.scenario not in ('feed', 'mixed') or not case.best:
            continue
        row = runner.run_kith(case, rate=case.medians[case.best]['ops_per_second'])
        case.medians['kith']['p99_at_peer_rate_us'] = row['p99_us']
        case.medians['kith']['peer_p99_us'] = case.medians[case.best]['p99_us']


# ---- all of it ----------------------------------------------------------------------------------

def measure_beside(runner, o):
    """What is no scenario of requests."""
    size, found = storage.QUICK if o.quick else storage.FULL, {}
    for name in o.beside:
        print('%s  %s' % (runner.plan.words(), name), flush=True)
        if name == 'cores':
            found[name] = runner.cores_rate(o.quick)
        else:
            found[name] = {'restart': storage.restart, 'memory': storage.memory}[name](runner, size)
        runner.plan.did(storage.seconds(o, [name]))
    return found


def write_json(path, what):
    with open(path, 'w') as f:
        json.dump(what, f, indent=1)


def write_all(o, groups, found, limits):
    everything = [case for group in groups for case in group.cases]
    for case in everything:
        cases.settle_writes(case, limits)
    told, at = about.about(o, limits), os.path.join(o.build, 'compare')
    write_json(at + '.json', [*cases.rows_of(everything), *cases.storage_rows(found)])
    write_json(at + '.about.json', told)
    sections = report.beside(found)
    report.write_html(at + '.html', report.Whole(everything, limits, sections, told, o))
    print('\n'.join(['', *about.lines(told), '', report.table(everything, limits),
                     report.texts(sections)]))


def main():
    o = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)) # the servers are ended all the same
    root = tempfile.mkdtemp(prefix='kith-compare-')
    os.chmod(root, 0o755)                       # PostgreSQL's owner goes through it
    runner, groups, begin = running.Runner(o, root), groups_of(o), time.monotonic()
    runner.plan = plan.Plan(o, groups, [SYSTEMS[n] for n in o.systems],
                            storage.seconds(o, o.beside))
    print('runs of %g s after %g s; about %.0f minutes' % (o.duration, o.warmup,
                                                           runner.plan.total / 60), flush=True)
    try:
        for group in groups:
            run_group(runner, group)
        found = measure_beside(runner, o)
        limits = runner.bench('limits')
    except (RuntimeError, OSError, subprocess.CalledProcessError) as e:
        sys.exit('compare: %s' % e)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    write_all(o, groups, found, limits)
    print('%.0f minutes; %s/compare.json, compare.about.json, compare.html' % (
        (time.monotonic() - begin) / 60, o.build))


if __name__ == '__main__':
    main()
