"""What is measured, and what the rows of a case come to: medians and ratios."""
import statistics

CONNECTIONS = 50
SCENARIOS = ('feed', 'mixed', 'like', 'follow', 'comment', 'post-fanout', 'graph')
FIGURES = ('ops_per_second', 'p50_us', 'p99_us', 'p999_us', 'server_us_per_op', 'generator_busy',
           'bytes_in_per_op', 'bytes_out_per_op')
# Rows that are no system of their own: another way to ask Kith, and what a bare reactor does.
VARIANTS = {'kith-http': ('--protocol', 'http'), 'kith-1core': ('--cores', '1')}
LIMITS = {'kith-http': 'echo-http'}             # the echo of equal size, where it is not `echo`
CHANGES = ('like', 'follow', 'comment', 'post-fanout') # of which each request is one
BATCH_BYTES = 64 << 10


class Case:
    """A scenario at one depth and durability, with the rows that each system gave for it."""

    def __init__(self, scenario, in_flight, durability, connections=CONNECTIONS):
        self.scenario, self.in_flight, self.durability = scenario, in_flight, durability
        self.connections = connections
        self.rows = {}                          # of system
        self.pool = {}                          # of system: connections that served it best
        self.medians = {}
        self.best = None
        self.variants = []
        if scenario == 'feed':
            self.variants.append('kith-http')
        if scenario in ('feed', 'mixed') and in_flight > 1 and durability != 'group':
            self.variants.append('kith-1core')

    def title(self):
        return '%s, %d in flight on %d connection%s%s' % (
            self.scenario, self.in_flight, self.connections, 's' if self.connections > 1 else '',
            ', ' + self.durability if self.durability != 'none' else '')

    def peers(self):
        return {n: m for n, m in self.medians.items() if n[:4] not in ('kith', 'echo')}


def cases_of(o, scenarios):
    out = []
    for scenario in scenarios:
        for durability in (['none'] if scenario == 'feed' else o.durability):
            out += [Case(scenario, int(n), durability) for n in o.in_flight]
        # What one lone client waits for a change to be on disk.
        if scenario == 'like' and 'strict' in o.durability:
            out.append(Case(scenario, 1, 'strict', connections=1))
    return out


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
    peers = case.peers()
    case.best = max(peers, key=lambda n: peers[n]['ops_per_second']) if peers else None
    best = peers[case.best]['ops_per_second'] if peers else 0
    for name, m in case.medians.items():
        own = best and not name.startswith('echo')
        limit = case.medians[LIMITS.get(name, 'echo')]['ops_per_second']
        m['ratio_to_best_peer'] = round(m['ops_per_second'] / best, 3) if own else None
        m['ratio_to_limit'] = round(m['ops_per_second'] / limit, 4) if limit else None


def settle_writes(case, limits):
    """Beside echoes a change has a second limit: group commits of equal bytes, 64 KiB at once."""
    appends = limits.get('figures', {}).get('append_64k_x4_per_s')
    if case.durability != 'strict' or case.scenario not in CHANGES or not appends:
        return
    for name, m in case.medians.items():
        size = case.medians['kith']['bytes_out_per_op']
        if size and not name.startswith('echo'):
            m['ratio_to_write_limit'] = round(m['ops_per_second'] / (appends * BATCH_BYTES / size),
                                              4)


def rows_of(cases):
    for case in cases:
        for name, m in case.medians.items():
            yield {'scenario': case.scenario, 'in_flight': case.in_flight,
                   'connections': case.connections, 'durability': case.durability,
                   'system': name, 'pool': case.pool.get(name, case.connections), **m}


def storage_rows(found):
    """Restart and memory in the same form: what has no rate has its figures."""
    empty = {'in_flight': None, 'connections': None, 'durability': 'none', 'ops_per_second': None,
             'p50_us': None, 'p99_us': None, 'p999_us': None, 'ratio_to_limit': None}
    for scenario in ('restart', 'memory'):
        for system, figures in found.get(scenario, {}).items():
            ratio = None
            if scenario == 'restart' and system == 'kith':
                ratio = round(found['restart']['redis']['rdb_s'] / figures['snapshot_load_s'], 3)
            yield {'scenario': scenario, 'system': system, **empty, 'ratio_to_best_peer': ratio,
                   'figures': figures}
    if 'cores' in found:
        yield {'scenario': 'cores', 'system': 'kith', **empty, 'ratio_to_best_peer': None,
               'figures': found['cores']}
