#!/usr/bin/env python3
"""Imports the real graph and the real posts: counts exact, a second import changes nothing, and an import
whose client or server is killed at random moments ends, when run again, in the same digest of objects.

KITH (build/kith), KITH_SHARED (the folder with data/), KITH_KILLS (6), KITH_SEED."""
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KITH = os.environ.get('KITH', os.path.join(ROOT, 'build/kith'))
DATA = os.path.join(os.environ.get('KITH_SHARED', os.path.join(ROOT, '..', 'shared')), 'data')
EDGES = os.path.join(DATA, 'facebook_combined.txt.zst')
POSTS = os.path.join(DATA, 'russian_troll_tweets_sample.csv.zst')
USERS, AUTHORS, FRIENDSHIPS, ROWS, EACH = 4039, 160, 88234, 128321, 10
START_S = float(os.environ.get('KITH_START_S', 60))


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Server:
    """On a copy of the directory `base`: digests are keyed by the log's own key, so that only copies of one
    empty directory can be compared."""

    def __init__(self, base):
        self.dir = tempfile.mkdtemp(prefix='kith-import-')
        self.data = os.path.join(self.dir, 'data')
        shutil.copytree(base, self.data)
        self.key = os.path.join(self.dir, 'key')
        with open(os.open(self.key, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as f:
            f.write('an import test key 0123456789\n')
        self.address = '127.0.0.1:%d' % free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [KITH, 'serve', self.data, '--listen', self.address, '--admin', 'none', '--durability',
             'group', '--service-key-file', self.key],
            stdout=open(os.path.join(self.dir, 'log'), 'ab'), stderr=subprocess.STDOUT)
        deadline = time.time() + START_S
        while subprocess.run([KITH, 'call', 'ping', '--to', self.address],
                             capture_output=True).returncode != 0:
            assert self.process.poll() is None and time.time() < deadline, self.log()
            time.sleep(0.05)

    def log(self):
        return open(os.path.join(self.dir, 'log'), errors='replace').read()[-2000:]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        assert code == 0, (code, self.log())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def import_command(self):
        return [KITH, 'import', '--to', self.address, '--service-key-file', self.key, '--edges', EDGES,
                '--undirected', '--posts', POSTS, '--follow-authors', str(EACH), '--json']

    def run_import(self):
        r = subprocess.run(self.import_command(), capture_output=True, text=True)
        assert r.returncode == 0, (r.returncode, r.stdout, r.stderr, self.log())
        return json.loads(r.stdout)

    def check(self):
        r = subprocess.run([KITH, 'check', self.data, '--json'], capture_output=True, text=True)
        assert r.returncode == 0, (r.returncode, r.stdout[-3000:], r.stderr[-3000:])
        result = json.loads(r.stdout)
        assert result['clean'] and not result['findings'], result
        return result

    def call(self, *words):
        r = subprocess.run([KITH, 'call', *words, '--to', self.address, '--service-key-file', self.key],
                           capture_output=True, text=True)
        assert r.returncode == 0, (words, r.returncode, r.stdout, r.stderr)
        return json.loads(r.stdout)


def counts(part):
    return part['applied'], part['repeated'], part['refused']


def graph():
    """Neighbours of every node, as the file has them."""
    text = subprocess.run(['zstd', '-dcq', EDGES], capture_output=True, check=True).stdout.decode()
    near = {}
    for line in text.splitlines():
        u, v = map(int, line.split())
        near.setdefault(u, set()).add(v)
        near.setdefault(v, set()).add(u)
    return near


def check_counts(result):
    n = result['counts']
    assert n['users'] == USERS + AUTHORS, n
    assert n['posts'] == ROWS, n
    assert n['follows'] == 2 * FRIENDSHIPS + USERS * EACH, n
    assert n['likes'] == n['owed'] == n['gone'] == 0, n


def ask_server(server):
    """Some users of the graph and the busiest author, asked one by one."""
    near = graph()
    assert len(near) == USERS and sum(map(len, near.values())) == 2 * FRIENDSHIPS
    for number in random.sample(sorted(near), 20):
        u = server.call('user_by_name', 'username=n%d' % number)
        assert u['followers_count'] == len(near[number]), (number, u)
        assert u['following_count'] == len(near[number]) + EACH, (number, u)
    import csv
    import io
    text = subprocess.run(['zstd', '-dcq', POSTS], capture_output=True, check=True).stdout.decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == ROWS
    of = {}
    for r in rows:
        of.setdefault(r['author_id'], []).append(r)
    authors = list(of)
    for index in random.sample(range(AUTHORS), 5):
        u = server.call('user_by_name', 'username=' + authors[index])
        mine = of[authors[index]]
        assert u['posts_count'] == len(mine), (authors[index], u)
        first = mine[0]['publish_date'].replace(' ', 'T') + '.000Z'
        assert u['created_at'] == first, (u['created_at'], first)
        readers = sum((n * 7 + k * 13) % AUTHORS == index for n in near for k in range(EACH))
        assert u['followers_count'] == readers, (u['followers_count'], readers)
        page = server.call('user_posts', 'user_id=' + u['user_id'], 'limit=100')['posts']
        newest = sorted((r['publish_date'] for r in mine), reverse=True)[:100]
        assert [p['created_at'][:19].replace('T', ' ') for p in page] == newest
        texts = {r['content'] for r in mine}
        assert all(p['caption'] in texts for p in page)


def test_counts_and_repeat(base):
    server = Server(base)
    try:
        first = server.run_import()
        assert counts(first['edges']) == (2 * FRIENDSHIPS, 0, 0), first
        assert counts(first['follows']) == (USERS * EACH, 0, 0), first
        assert counts(first['posts']) == (ROWS, 0, 0), first
        ask_server(server)
        server.stop()
        before = server.check()
        check_counts(before)
        server.start()
        again = server.run_import()
        assert counts(again['edges']) == (0, 2 * FRIENDSHIPS, 0), again
        assert counts(again['follows']) == (0, USERS * EACH, 0), again
        assert counts(again['posts']) == (0, ROWS, 0), again
        server.stop()
        after = server.check()
        assert (before['objects'], before['edges']) == (after['objects'], after['edges'])
        check_counts(after)
        return before['objects'], first['seconds']
    finally:
        server.end()


def test_killed(base, want, seconds):
    kills, rng = int(os.environ.get('KITH_KILLS', 6)), random.Random(int(os.environ.get('KITH_SEED', 1)))
    server = Server(base)
    try:
        for k in range(kills):
            importer = subprocess.Popen(server.import_command(), stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
            time.sleep(rng.uniform(0.02, max(seconds, 0.3)))
            if k % 2:
                server.kill()
                code = importer.wait(60)
                assert code in (0, 1, 4), code
                server.start()
            else:
                importer.kill()
                importer.wait()
            importer.communicate()
        last = server.run_import()
        for part in ('edges', 'follows', 'posts'):
            assert last[part]['refused'] == 0, last
        server.stop()
        result = server.check()
        check_counts(result)
        assert result['objects'] == want, (result['objects'], want)
    finally:
        server.end()


def main():
    if not os.path.exists(EDGES) or not os.path.exists(POSTS):
        print('no data at', DATA)
        return 77
    for path in (EDGES, POSTS):
        print(os.path.basename(path), hashlib.sha256(open(path, 'rb').read()).hexdigest()[:16])
    with tempfile.TemporaryDirectory(prefix='kith-import-base-') as folder:
        base = os.path.join(folder, 'data')
        subprocess.run([KITH, 'init', base], check=True, stdout=subprocess.DEVNULL)
        objects, seconds = test_counts_and_repeat(base)
        print('ok counts_and_repeat', objects, '%.1f s' % seconds)
        test_killed(base, objects, seconds)
        print('ok killed')
    print('2 passed, 0 failed')
    return 0


if __name__ == '__main__':
    sys.exit(main())
