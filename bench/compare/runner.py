"""One run of a case on one system, with the generator that all share."""
import json
import os
import subprocess

import cases


class Runner:
    def __init__(self, o, root):
        self.o, self.root, self.order = o, root, 1000
        self.plan = None
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

    def bench_plain(self, scenario, size):
        """The figures of a scenario that measures no requests, on a community of its own."""
        users, follows, posts = (str(n) for n in size)
        return self.bench(scenario, '--users', users, '--follows-per-user', follows, '--posts',
                          posts)['figures']

    def run_kith(self, case, rate=None, variant='kith'):
        durability = case.durability if case.durability != 'none' else 'strict'
        row = self.bench(case.scenario, '--connections', str(case.connections), '--in-flight',
                         str(case.in_flight), '--durability', durability,
                         *cases.VARIANTS.get(variant, ()),
                         *(['--rate', '%.0f' % rate] if rate else ['--closed']))
        self.plan.did_run(kith=True)
        return row

    def run_echo(self, case, answer_bytes):
        row = self.bench('echo', '--closed', '--connections', str(case.connections), '--in-flight',
                         str(case.in_flight), '--echo-bytes', str(answer_bytes))
        self.plan.did_run(kith=False)
        return row

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
        self.plan.did_run(kith=False, share=share)
        if r.returncode != 0:
            raise RuntimeError('peers run %s %s failed' % (system.name, case.scenario))
        row = json.loads(r.stdout)
        if row['wrong'] or row['refused'] > row['requests'] / 1000:
            raise RuntimeError('%s %s: %d refused, %d wrong: %s' % (
                system.name, case.scenario, row['refused'], row['wrong'], row['error']))
        return row

    def cores_rate(self, quick):
        """Applies and pages in process, by one thread and by two."""
        size = ['5000', '30', '30000', '200000'] if quick else []
        r = subprocess.run([os.path.join(self.o.build, 'tests/store/cores_rate'), *size],
                           stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(r.stdout)
