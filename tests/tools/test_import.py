#!/usr/bin/python3
"""Imports the real graph and the real posts: counts exact, a second import changes nothing, and an
import whose client or server is killed at random moments ends, when run again, in the same digest
of objects.

KITH (build/kith), KITH_SHARED (the folder with data/; a made-up community where it is absent),
KITH_KILLS (6), KITH_SEED (1)."""
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests/e2e'))
import harness
from community import Community, millis, summary
from schema import millis as shown_millis

EACH = 10  # authors that each of the graph follows


class Server(harness.Server):
    """On a copy of the directory `base`: digests are keyed by the log's own key, so that only
    copies of one empty directory can be compared."""

    def __init__(self, base, community):
        folder = tempfile.mkdtemp(prefix='kith-import-')
        shutil.copytree(base, os.path.join(folder, 'data'))
        self.community = community
        super().__init__(durability='group', keep=folder)

    def importer(self):
        return self.community.run_import(self, EACH)


def counts(part):
    return part['applied'], part['repeated'], part['refused']


def sizes(community):
    """Of what is imported: edges, follows of authors, posts."""
    return (2 * community.friendships, len(community.friends) * EACH, len(community.rows))


def check_counts(community, result):
    edges, follows, posts = sizes(community)
    want = {'users': len(community.friends) + len(community.authors), 'posts': posts,
            'follows': edges + follows, 'likes': 0, 'owed': 0, 'gone': 0}
    assert {key: result['counts'][key] for key in want} == want, result['counts']


def check_people(api, community):
    """Some users of the graph, asked one by one."""
    for number in random.sample(sorted(community.friends), 20):
        u = api.call('user_by_name', {'username': 'n%d' % number})
        n, followed = len(community.friends[number]), u['following_count']
        assert (u['followers_count'], followed) == (n, n + EACH), (number, u)


def check_authors(api, community):
    """Some authors and their newest posts."""
    for name in random.sample(community.authors, 5):
        u = api.call('user_by_name', {'username': name})
        mine = [(millis(date), text) for author, text, date in community.rows if author == name]
        assert u['posts_count'] == len(mine), (name, u)
        assert shown_millis(u['created_at']) == mine[0][0], (u, mine[0])
        readers = sum(name in community.follows_author(n, EACH) for n in community.friends)
        assert u['followers_count'] == readers, (u, readers)
        page = api.call('user_posts', {'user_id': u['user_id'], 'limit': 100})['posts']
        newest = sorted((at for at, _ in mine), reverse=True)[:100]
        assert [shown_millis(p['created_at']) for p in page] == newest
        assert all((shown_millis(p['created_at']), p['caption'] or '') in mine for p in page)


def test_counts_and_repeat(base, community):
    edges, follows, posts = sizes(community)
    with Server(base, community) as server:
        first = summary(server.importer())
        assert counts(first['edges']) == (edges, 0, 0), first
        assert counts(first['follows']) == (follows, 0, 0), first
        assert counts(first['posts']) == (posts, 0, 0), first
        api = harness.Binary(server)
        check_people(api, community)
        check_authors(api, community)
        server.stop()
        before = server.check()
        check_counts(community, before)
        server.start()
        again = summary(server.importer())
        assert counts(again['edges']) == (0, edges, 0), again
        assert counts(again['follows']) == (0, follows, 0), again
        assert counts(again['posts']) == (0, posts, 0), again
        server.stop()
        after = server.check()
        assert (before['objects'], before['edges']) == (after['objects'], after['edges'])
        check_counts(community, after)
    return before['objects'], first['seconds']


def test_killed(base, community, want, seconds):
    kills = int(os.environ.get('KITH_KILLS', 6))
    rng = random.Random(int(os.environ.get('KITH_SEED', 1)))
    with Server(base, community) as server:
        for k in range(kills):
            importer = server.importer()
            time.sleep(rng.uniform(0.02, max(seconds, 0.3)))
            if k % 2:
                server.kill()
                importer.communicate(timeout=60)
                assert importer.returncode in (0, 1, 4), importer.returncode
                server.start()
            else:
                importer.kill()
                importer.communicate()
        last = summary(server.importer())
        for part in ('edges', 'follows', 'posts'):
            assert last[part]['refused'] == 0, last
        server.stop()
        result = server.check()
        check_counts(community, result)
        assert result['objects'] == want, (result['objects'], want)


def main():
    with tempfile.TemporaryDirectory(prefix='kith-import-base-') as folder:
        community = Community(folder)
        for path in (community.edges, community.posts):
            print(os.path.basename(path), hashlib.sha256(open(path, 'rb').read()).hexdigest()[:16])
        base = os.path.join(folder, 'data')
        subprocess.run([harness.KITH, 'init', base], check=True, stdout=subprocess.DEVNULL)
        objects, seconds = test_counts_and_repeat(base, community)
        print('ok counts_and_repeat', objects, '%.1f s' % seconds)
        test_killed(base, community, objects, seconds)
        print('ok killed')
    print('2 passed, 0 failed')
    return 0


if __name__ == '__main__':
    sys.exit(main())
