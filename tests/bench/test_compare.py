#!/usr/bin/env python3
"""What make compare does with its figures: ratios, limits, lengths of runs. Needs no server."""
import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'bench', 'compare'))
sys.dont_write_bytecode = True
import about  # noqa: E402
import cases  # noqa: E402
import compare  # noqa: E402
import plan  # noqa: E402
import report  # noqa: E402
import storage  # noqa: E402


def options(*words):
    sys.argv = ['compare.py', *words]
    return compare.options()


def row(rate, **more):
    return {'ops_per_second': rate, 'p50_us': 10, 'p99_us': 20, 'p999_us': 30,
            'server_us_per_op': 2, 'generator_busy': 0.5, 'bytes_out_per_op': 64, **more}


def case_of(scenario, durability, **rates):
    case = cases.Case(scenario, 16, durability)
    case.rows = {n.replace('_', '-'): [row(r) for r in each] for n, each in rates.items()}
    case.echo_bytes = 64
    cases.settle(case)
    return case


def planned(o):
    groups = compare.groups_of(o)
    return groups, plan.Plan(o, groups, [compare.SYSTEMS[n] for n in o.systems],
                             storage.seconds(o, o.beside))


class Ratios(unittest.TestCase):
    def test_medians_and_ratios(self):
        case = case_of('feed', 'none', kith=[100, 900, 800], kith_http=[200], redis=[40, 50, 60],
                       postgres=[10], echo=[1600], echo_http=[400])
        m = case.medians
        self.assertEqual(case.best, 'redis')
        self.assertEqual(m['kith']['ops_per_second'], 800)
        self.assertEqual(m['kith']['ratio_to_best_peer'], 16)
        self.assertEqual(m['redis']['ratio_to_best_peer'], 1)
        self.assertIsNone(m['echo']['ratio_to_best_peer'])
        self.assertEqual(m['kith']['ratio_to_limit'], 0.5)
        # JSON pages are larger: they have an echo of their own.
        self.assertEqual(m['kith-http']['ratio_to_limit'], 0.5)
        said = report.words(case, {})
        self.assertIn('x 0.25 of the binary rate, x 20.00 of PostgreSQL', said)

    def test_writes_have_a_second_limit(self):
        limits = {'figures': {'append_64k_x4_per_s': 1000}}
        case = case_of('like', 'strict', kith=[102400], redis=[1024], echo=[204800])
        cases.settle_writes(case, limits)
        self.assertAlmostEqual(case.medians['kith']['ratio_to_write_limit'], 0.1)
        soon = case_of('like', 'group', kith=[102400], echo=[204800])
        cases.settle_writes(soon, limits)
        self.assertNotIn('ratio_to_write_limit', soon.medians['kith'])

    def test_unchanged_changes_show(self):
        case = cases.Case('like', 1, 'strict')
        case.rows = {'kith': [row(5, changed=1.0)], 'echo': [row(9)],
                     'redis': [row(3, changed=30, unchanged=10)]}
        cases.settle(case)
        self.assertEqual(case.medians['redis']['changed_share'], 0.75)

    def test_restart_is_a_row(self):
        found = {'restart': {'kith': {'snapshot_load_s': 2}, 'redis': {'rdb_s': 5}}}
        kith, redis = cases.storage_rows(found)
        self.assertEqual((kith['ratio_to_best_peer'], redis['ratio_to_best_peer']), (2.5, None))
        self.assertEqual(redis['figures'], {'rdb_s': 5})


class Plans(unittest.TestCase):
    def test_the_full_form_fits(self):
        o = options()
        groups, whole = planned(o)
        self.assertEqual(o.runs, 5)
        self.assertLessEqual(whole.total, 60 * 60)
        self.assertGreaterEqual(o.duration, 2)
        self.assertEqual(sorted({c.scenario for g in groups for c in g.cases}),
                         sorted(cases.SCENARIOS))

    def test_quick_is_short(self):
        o = options('--quick')
        whole = planned(o)[1]
        self.assertEqual((o.runs, o.duration), (1, 1))
        self.assertLess(whole.total, 15 * 60)

    def test_what_is_left(self):
        whole = planned(options('--duration', '1'))[1]
        before = whole.left()
        whole.begin -= whole.total / 2
        whole.did(whole.total / 2)
        self.assertAlmostEqual(whole.left(), before / 2, delta=0.01)

    def test_variants(self):
        o = options('--in-flight', '1,16', '--scenarios', 'feed,mixed')
        found = {(c.scenario, c.in_flight, c.durability): c.variants
                 for g in compare.groups_of(o) for c in g.cases}
        self.assertEqual(found['feed', 16, 'none'], ['kith-http', 'kith-1core'])
        self.assertEqual(found['feed', 1, 'none'], ['kith-http'])
        self.assertEqual(found['mixed', 16, 'strict'], ['kith-1core'])
        self.assertEqual(found['mixed', 16, 'group'], [])


class About(unittest.TestCase):
    def test_command(self):
        o = options('--build', 'elsewhere', '--quick', '--systems', 'redis')
        told = about.about(o, {'environment': {'cpu': 'x', 'cores': 2}, 'figures': {}})
        self.assertEqual(told['make'], "make compare ARGS='--quick --systems redis'")
        self.assertEqual(told['machine']['cores'], 2)
        self.assertTrue(told['git'] is None or len(told['git']) >= 12)
        for load, warned in ((0.1, False), (3, True)):
            told['load_before'] = load
            self.assertEqual('THE MACHINE' in ' '.join(about.lines(told)), warned)


if __name__ == '__main__':
    unittest.main()
