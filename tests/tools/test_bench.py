#!/usr/bin/env python3
"""`kith bench`: every scenario for a moment on a small community. The JSON object has its members
and no errors, the report is well-formed, the percentiles are those of HdrHistogram's forms, and
mistakes are said precisely. KITH (build/kith) is the program."""
import base64
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KITH = os.path.join(ROOT, os.environ.get('KITH', 'build/kith'))
SMALL = ['--users', '300', '--follows-per-user', '10', '--posts', '600', '--connections', '4',
         '--in-flight', '4', '--duration', '300ms', '--warmup', '50ms']
MEMBERS = {'scenario', 'version', 'in_flight', 'connections', 'durability', 'system',
           'ops_per_second', 'p50_us', 'p99_us', 'p999_us', 'errors', 'highest_per_second',
           'ratio_to_limit', 'validated', 'changed', 'figures', 'runs', 'community', 'environment'}
LOADED = {'server_us_per_op', 'generator_busy', 'generator_bound', 'core_busy', 'refused',
          'malformed', 'late', 'unsent', 'kinds', 'per_second', 'seconds', 'loop', 'rate'}


def bench(*words, small=True, code=0):
    """Runs it; gives standard output and standard error."""
    command = [KITH, 'bench', *words, *(SMALL if small else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != code:
        raise AssertionError('%s: exit code %d, not %d\n%s%s' % (
            ' '.join(command), done.returncode, code, done.stdout, done.stderr))
    return done.stdout, done.stderr


def measured(*words):
    return json.loads(bench(*words, '--json', '-')[0])


def zigzag_counts(payload):
    """The counts of a V2 histogram, by bucket."""
    counts, at, bucket = {}, 0, 0
    while at < len(payload):
        value = shift = 0
        for k in range(9):
            byte = payload[at]
            at += 1
            value |= (byte if k == 8 else byte & 0x7f) << shift
            shift += 7
            if k == 8 or byte < 0x80:
                break
        value = (value >> 1) ^ -(value & 1)
        if value < 0:
            bucket -= value
        else:
            counts[bucket] = value
            bucket += 1
    return counts


class Scenarios(unittest.TestCase):
    def check(self, result, scenario, loaded=True):
        self.assertEqual(result['scenario'], scenario)
        self.assertEqual(result['system'], 'kith')
        self.assertLessEqual(MEMBERS, set(result))
        self.assertEqual(result['errors'], 0, result.get('first_error'))
        self.assertEqual(result['connections'], 4)
        self.assertIn(scenario, result['environment']['command'])
        if loaded:
            self.assertLessEqual(LOADED, set(result))
            self.assertGreater(result['ops_per_second'], 0)
            self.assertLessEqual(result['p50_us'], result['p99_us'])
            self.assertLessEqual(result['p99_us'], result['p999_us'])
            answered = sum(kind['count'] for kind in result['kinds'].values())
            self.assertEqual(answered, result['answered'])

    def test_ping(self):
        self.check(measured('ping'), 'ping')

    def test_echo(self):
        result = measured('echo', '--echo-bytes', '1000')
        self.check(result, 'echo')
        self.assertAlmostEqual(result['bytes_in_per_op'], 1000, delta=100)
        self.assertAlmostEqual(result['bytes_out_per_op'], 64, delta=7)

    def test_feed(self):
        result = measured('feed', '--validate', '--validate-every', '1', '--limit')
        self.check(result, 'feed')
        self.assertGreaterEqual(result['validated'], result['answered'])
        self.assertEqual(result['loop'], 'open')
        self.assertAlmostEqual(result['rate'] / result['highest_per_second'], 0.5, delta=0.01)
        self.assertGreater(result['server_us_per_op'], 0)
        self.assertGreater(result['ratio_to_limit'], 0)

    def test_mixed(self):
        result = measured('mixed', '--validate', '--validate-every', '1', '--closed')
        self.check(result, 'mixed')
        self.assertGreater(result['validated'], 0)
        self.assertEqual(result['loop'], 'closed')
        self.assertIsNone(result['rate'])
        self.assertAlmostEqual(result['kinds']['feed']['count'] / result['answered'], 0.8,
                               delta=0.06)
        self.assertGreater(result['changed'], 0.97)

    def test_read_share_and_skew(self):
        result = measured('mixed', '--closed', '--read-share', '0.2', '--skew', '1.1')
        self.check(result, 'mixed')
        self.assertAlmostEqual(result['kinds']['feed']['count'] / result['answered'], 0.2,
                               delta=0.06)
        # Some posts are so popular that a user comes back to one that he likes.
        self.assertLess(result['changed'], 1)

    def test_changes(self):
        for scenario, most in (('like', 1), ('comment', 1), ('follow', 0.9)):
            result = measured(scenario, '--validate', '--validate-every', '3')
            self.check(result, scenario)
            self.assertGreaterEqual(result['changed'], most)
            self.assertLessEqual(result['changed'], 1)
            self.assertGreater(result['validated'], 0)

    def test_fanout(self):
        result = measured('post-fanout', '--durability', 'none', '--validate')
        self.check(result, 'post-fanout')
        self.assertEqual(result['durability'], 'none')
        self.assertEqual(result['changed'], 1)
        self.assertAlmostEqual(result['figures']['deliveries_per_second'],
                               100 * result['ops_per_second'], delta=200)

    def test_graph(self):
        result = measured('graph', '--durability', 'group', '--validate', '--validate-every', '1')
        self.check(result, 'graph')
        self.assertAlmostEqual(result['kinds']['likers']['count'] / result['answered'], 0.507,
                               delta=0.1)

    def test_http(self):
        """The same questions by the routes; the answers are read as JSON and have to be those of
        the model."""
        for scenario in ('feed', 'mixed', 'graph'):
            result = measured(scenario, '--protocol', 'http', '--validate', '--validate-every', '1')
            self.check(result, scenario)
            self.assertEqual(result['protocol'], 'http')
            self.assertGreaterEqual(result['validated'], result['answered'])
        self.assertGreater(result['bytes_out_per_op'], 100)

    def test_a_graph_from_a_file(self):
        with tempfile.TemporaryDirectory(prefix='kith-benchtest-') as folder:
            path = os.path.join(folder, 'edges')
            with open(path, 'w') as f:
                f.write('# forty in a ring, each knows the next three\n')
                f.writelines('%d %d\n' % (10 * u, 10 * ((u + k) % 40))
                             for u in range(40) for k in (1, 2, 3, 3))
            result = measured('feed', '--edges', path, '--validate', '--validate-every', '1')
            self.check(result, 'feed')
            self.assertEqual(result['community']['users'], 40)
            self.assertEqual(result['community']['follows'], 120)
            result = measured('mixed', '--edges', path, '--undirected', '--validate')
            self.assertEqual(result['community']['follows'], 240)
            with open(path, 'a') as f:
                f.write('one two\n')
            self.assertIn('line 162 is not an edge', bench('feed', '--edges', path, code=1)[1])

    def test_celebrity(self):
        result = measured('celebrity', '--followers', '400', '--validate')
        self.check(result, 'celebrity')
        self.assertEqual(result['figures']['followers'], 400)
        self.assertGreaterEqual(result['figures']['celebrity_posts'], 95)
        self.assertEqual(result['figures']['feeds_read'], 400)
        self.assertEqual(result['figures']['feeds_incomplete'], 0)
        for name in ('post_cost_ratio', 'feed_p99_ratio'):
            self.assertGreater(result['figures'][name], 0)

    def test_search(self):
        for protocol in ('binary', 'http'):
            result = measured('search', '--protocol', protocol, '--validate', '--validate-every',
                              '1')
            self.check(result, 'search')
            self.assertGreaterEqual(result['validated'], result['answered'])
            self.assertAlmostEqual(result['kinds']['search_posts']['count'] / result['answered'],
                                   0.5, delta=0.06)
            self.assertGreaterEqual(result['figures']['post_hits_per_query'], 1)
            self.assertGreaterEqual(result['figures']['user_hits_per_query'], 1)

    def test_search_in_a_file(self):
        with tempfile.TemporaryDirectory(prefix='kith-benchtest-') as folder:
            path = os.path.join(folder, 'posts.csv')
            with open(path, 'w') as f:
                f.write('author_id,content,publish_date\n')
                f.writelines('Writer%d,"Some garden, some word%d, мир",'
                             '2015-05-25 12:38:%02d\n' % (i % 7, i, i) for i in range(60))
            result = measured('search', '--texts', path, '--validate', '--validate-every', '1')
            self.check(result, 'search')
            self.assertGreaterEqual(result['validated'], result['answered'])
            self.assertEqual(result['community']['users'], 7)
            self.assertEqual(result['community']['posts'], 60)
            self.assertEqual(result['figures']['words'], 62)
            self.assertGreater(result['figures']['index_ratio'], 0)
            with open(path, 'w') as f:
                f.write('author,two\n')
            self.assertIn('no column for the text',
                          bench('search', '--texts', path, code=1)[1])

    def test_suggest(self):
        for protocol in ('binary', 'http'):
            result = measured('suggest', '--followees', '100', '--protocol', protocol,
                              '--validate', '--validate-every', '1')
            self.check(result, 'suggest')
            self.assertGreaterEqual(result['validated'], result['answered'])
            self.assertEqual(result['community']['follows'], 100 * 100 + 200 * 10)
            self.assertEqual(result['figures']['suggested_per_query'], 10)

    def test_snapshot(self):
        result = measured('snapshot')
        self.check(result, 'snapshot')
        self.assertGreater(result['figures']['snapshots'], 0)
        self.assertGreater(result['figures']['resident_ratio'], 0.5)
        self.assertGreater(result['figures']['p999_ratio'], 0)

    def test_restart(self):
        result = measured('restart')
        self.check(result, 'restart', loaded=False)
        self.assertIsNone(result['ops_per_second'])
        self.assertEqual(result['figures']['rows'], 300 + 3000 + 600)
        for name in ('log_entries', 'log_replay_s', 'snapshot_load_s', 'snapshot_and_changes_s'):
            self.assertGreater(result['figures'][name], 0)
        # A change is an entry each; a mark or two may come between.
        self.assertAlmostEqual(result['figures']['change_entries'], 600, delta=10)

    def test_memory(self):
        result = measured('memory')
        self.check(result, 'memory', loaded=False)
        figures = result['figures']
        self.assertEqual((figures['users'], figures['edges'], figures['posts']), (300, 3000, 600))
        self.assertEqual(figures['comments'], 300)
        self.assertAlmostEqual(figures['likes'], 1200, delta=60)
        # Everybody follows ten who wrote two posts each, give or take the popular.
        self.assertGreater(figures['timeline_entries'], 300 * 10)
        self.assertGreater(figures['edge_state_bytes'], 10)
        self.assertLess(figures['state_mb'], figures['resident_mb'])

    def test_limits(self):
        result = measured('limits')
        self.check(result, 'limits', loaded=False)
        for name in ('echo_64_64_1', 'echo_64_4264_16', 'append_4k_us', 'append_64k_x4_per_s',
                     'memory_dependent_ns', 'memory_overlapped_ns'):
            self.assertGreater(result['figures'][name], 0)
        self.assertEqual(len(result['runs']), 4)

    def test_an_order_repeats(self):
        """The same order asks the same: likes of the second run on one server change nothing."""
        with tempfile.TemporaryDirectory(prefix='kith-benchtest-') as folder:
            key, sock = os.path.join(folder, 'key'), 'unix:' + os.path.join(folder, 'sock')
            with open(key, 'w') as f:
                f.write('a key of the benchmark test 0123456789\n')
            os.chmod(key, 0o600)
            server = subprocess.Popen([KITH, 'serve', os.path.join(folder, 'data'), '--listen',
                                       sock, '--admin', 'none', '--service-key-file', key],
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                self.assertIn(b'ready', server.stdout.readline())
                words = ['like', '--target', sock, '--service-key-file', key, '--order', '7',
                         '--rate', '1000']
                first, second = measured(*words), measured(*words)
                self.check(first, 'like')
                self.check(second, 'like')
                self.assertEqual(first['changed'], 1)
                self.assertLess(second['changed'], 0.1)
                self.assertGreater(first['server_us_per_op'], 0)
                self.assertGreater(measured(*words[:5], '--rate', '1000')['changed'], 0.9)
            finally:
                server.terminate()
                server.wait()
                server.stdout.close()


class Files(unittest.TestCase):
    def test_reports(self):
        with tempfile.TemporaryDirectory(prefix='kith-benchtest-') as folder:
            at = {kind: os.path.join(folder, 'report.' + kind)
                  for kind in ('json', 'hgrm', 'hlog', 'html')}
            out, _ = bench('mixed', '--json', at['json'], '--hdr', at['hgrm'], '--hlog',
                           at['hlog'], '--html', at['html'], '--sweep', '--rate', '500')
            self.assertIn('open loop', out)
            with open(at['json']) as f:
                result = json.load(f)
            self.assertEqual(len(result['runs']), 12)
            self.percentiles(at['hgrm'], result)
            self.interval_log(at['hlog'], result)
            self.page(at['html'])

    def percentiles(self, path, result):
        with open(path) as f:
            lines = f.read().split('\n')
        self.assertEqual(lines[0].split(), ['Value', 'Percentile', 'TotalCount', '1/(1-Percentile)'])
        rows = [[float(w) for w in line.split()] for line in lines[2:] if line and line[0] != '#']
        self.assertEqual(rows[-1][:3], [rows[-1][0], 1.0, result['answered']])
        self.assertEqual([r[0] for r in rows], sorted(r[0] for r in rows))
        self.assertEqual([r[2] for r in rows], sorted(r[2] for r in rows))
        self.assertAlmostEqual(rows[5][1], 0.5)
        self.assertAlmostEqual(rows[5][0], result['p50_us'], delta=0.06 + result['p50_us'] / 900)
        self.assertTrue(any(line.startswith('#[Mean') for line in lines))

    def interval_log(self, path, result):
        with open(path) as f:
            lines = [line.strip() for line in f if line[0] not in '#"']
        tags = {}
        for line in lines:
            words = line.split(',')
            tag = words.pop(0)[4:] if words[0].startswith('Tag=') else 'all'
            packed = base64.b64decode(words[3], validate=True)
            cookie, size = struct.unpack('>II', packed[:8])
            self.assertEqual((cookie, size), (0x1c849314, len(packed) - 8))
            plain = zlib.decompress(packed[8:])
            cookie, size, _, digits = struct.unpack('>IIII', plain[:16])
            self.assertEqual((cookie, size, digits), (0x1c849313, len(plain) - 40, 3))
            tags[tag] = sum(zigzag_counts(plain[40:]).values())
        self.assertEqual(tags.pop('all'), result['answered'])
        self.assertEqual(tags, {k: v['count'] for k, v in result['kinds'].items()})

    def page(self, path):
        with open(path, encoding='utf-8') as f:
            text = f.read()
        self.assertTrue(text.startswith('<!DOCTYPE html>'))
        self.assertNotIn('<script', text)
        self.assertNotIn('nan', text.split('</style>')[1].lower())
        page = ElementTree.fromstring(text.split('\n', 1)[1])
        html, svg = '{http://www.w3.org/1999/xhtml}', '{http://www.w3.org/2000/svg}'
        charts = page.iter(svg + 'svg')
        names = [chart.get('aria-label') for chart in charts]
        self.assertIn('Latency by percentile', names)
        self.assertIn('Latency against throughput, open loop', names)
        for line in page.iter(svg + 'polyline'):
            for point in line.get('points').split():
                x, y = (float(v) for v in point.split(','))
                self.assertTrue(0 <= x <= 760 and 0 <= y <= 290, point)
        headings = [h.text for h in page.iter(html + 'h2')]
        for heading in ('By operation', 'Runs', 'Cores', 'How it was measured'):
            self.assertIn(heading, headings)
        self.assertTrue(any('kith bench mixed' in c.text for c in page.iter(html + 'code')))


class Mistakes(unittest.TestCase):
    def test_words(self):
        for words, said in (
                (['fed'], 'did you mean feed?'),
                ([], 'one scenario'),
                (['feed', '--duration', 'long'], '10s or 500ms, not "long"'),
                (['feed', '--duration', '0'], '--duration is above 0'),
                (['feed', '--rate', 'fast'], '--rate is a number above 0 or max'),
                (['feed', '--closed', '--rate', '5'], '--closed has no rate'),
                (['feed', '--connections', '0'], '--connections is from 1'),
                (['feed', '--follows-per-user', '6000'], 'less than half'),
                (['mixed', '--read-share', '1.5'], '--read-share is from 0 to 1'),
                (['feed', '--protocol', 'smoke'], '--protocol is binary or http'),
                (['feed', '--undirected'], '--undirected needs --edges'),
                (['post-fanout', '--edges', 'x'], 'has its own graph'),
                (['suggest', '--followees', '1001'], '--followees is from 1 to 1000'),
                (['feed', '--texts', 'x'], 'goes with the scenario search'),
                (['feed', '--skew', '-1'], '--skew is an exponent'),
                (['feed', '--target', '127.0.0.1:1'], '--target needs --service-key-file')):
            self.assertIn(said, bench(*words, small=False, code=2)[1])

    def test_nobody_there(self):
        said = bench('ping', '--target', '127.0.0.1:1', '--rate', '10', small=False, code=1)[1]
        self.assertIn('127.0.0.1:1', said)

    def test_a_file_that_cannot_be(self):
        said = bench('ping', '--json', '/nonexistent/x.json', code=1)[1]
        self.assertIn('/nonexistent/x.json', said)
        said = bench('restart', '--hdr', '/tmp/x.hgrm', code=2)[1]
        self.assertIn('no one histogram', said)


if __name__ == '__main__':
    if not os.access(KITH, os.X_OK):
        sys.exit('no ' + KITH)
    unittest.main()
