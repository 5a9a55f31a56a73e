#!/usr/bin/python3
"""Rankings on imported data against their definitions, by brute force: suggestions to 500 users of the imported graph, and
what is trending among the tweets, spread over the last days with likes and comments.

KITH_SUGGESTED (500), KITH_TWEETS (4000)."""
import collections
import os
import random
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from community import Community
from harness import Binary, Http, Server, once, pages

SUGGESTED = int(os.environ.get('KITH_SUGGESTED', 500))
TWEETS = int(os.environ.get('KITH_TWEETS', 4000))
EACH = 1000  # newest follows of a user that are counted
HOUR = 3600 * 1000


def rows_of(server, *more):
    """Runs kith import."""
    done = subprocess.run([harness.KITH, 'import', '--to', '127.0.0.1:%d' % server.port, '--service-key-file',
                           server.keyfile, *more, '--json'], capture_output=True, text=True)
    assert done.returncode == 0, done


def brute(follows, fans, me, ids, limit):
    """Who is followed by those whom I follow: by how many, then by followers, then the lower id."""
    count = collections.Counter(c for f in follows[me] for c in follows[f] if c != me and c not in follows[me])
    best = sorted(count.items(), key=lambda i: (-i[1], -fans[i[0]], int(ids[i[0]])))
    return [(ids[u], n) for u, n in best[:limit]]


@once
def test_SUGG_1_SQL_3_on_the_imported_graph(api, server):
    with tempfile.TemporaryDirectory() as folder, Server('--limit', 'none') as mine:
        c, rng = Community(folder), random.Random(1)
        rows_of(mine, '--edges', c.edges, '--undirected')
        apis = Http(mine), Binary(mine)
        ids = {n: apis[1].call('user_by_name', {'username': 'n%d' % n})['user_id'] for n in c.friends}
        number = {i: n for n, i in ids.items()}
        follows = dict(c.friends)
        for n, friends in c.friends.items():
            if len(friends) > EACH:
                newest = pages(apis[1], 'following', {'user_id': ids[n]}, 'users', limit=100)[0][:EACH]
                follows[n] = {number[u['user_id']] for u in newest}
        fans = {n: len(f) for n, f in c.friends.items()}
        people = sorted(c.friends)
        people = sorted(rng.sample(people, min(SUGGESTED, len(people))) + people[:1])
        for k, me in enumerate(people):
            want = brute(follows, fans, me, ids, 50)
            a = apis[k % 2].call('suggestions', {'limit': 50}, viewer=ids[me])
            got = [(s['user_id'], s['mutual_count']) for s in a['suggestions']]
            assert got == want or not want, (me, got[:5], want[:5])
        # The seed's own example: two of mine follow D, one follows E.
        names = {x: harness.new_user(apis[0]) for x in 'ABCDE'}
        for a, b in ('AB', 'AC', 'BD', 'CD', 'BE'):
            assert apis[0].call('follow', {'user_id': names[b]}, viewer=names[a]).status == 200
        a = apis[0].call('suggestions', {'limit': 10}, viewer=names['A'])['suggestions']
        assert [(s['user_id'], s['mutual_count']) for s in a] == [(names['D'], 2), (names['E'], 1)], a


def words(text):
    return {w.lower() for w in re.findall(r'#([A-Za-z0-9_]{1,50})(?!\w)', text or '')}


class Tweets:
    """Some of the imported tweets by their authors, their ages spread over two days, but none near the window's edge."""

    def __init__(self, api, community, rng):
        self.api, self.rng = api, rng
        self.now = int(time.time() * 1000)
        rows = rng.sample(community.rows, min(TWEETS, len(community.rows)))
        self.user = {name: harness.new_user(api) for name in sorted({r[0] for r in rows})}
        self.posts, self.age = {}, {}  # post -> text; -> hours
        for i in range(0, len(rows), 250):
            self.bring(i, rows[i:i + 250])

    def bring(self, chunk, rows):
        made = []
        for name, text, _ in rows:
            hours = self.rng.choice([self.rng.uniform(0.1, 22), self.rng.uniform(26, 48)])
            made.append({'user_id': self.user[name], 'created_at': self.now - int(hours * HOUR), 'caption': text or 'x',
                         'hashtags': sorted(words(text))})
        a = self.api.call('import_posts', {'source_hi': 5, 'source_lo': 8, 'chunk': chunk, 'posts': made})
        assert a.status == 200 and a['applied'] == len(made), a

    def read(self):
        for p in pages(self.api, 'post_list', {}, 'posts', limit=100)[0]:
            self.posts[p['post_id']] = p
            at = (int(p['post_id']) >> 22) + 946684800000
            self.age[p['post_id']] = (self.now - at) / HOUR

    def engage(self):
        """Likes in bulk, and comments; of posts of any age, all of them now."""
        likes, said = set(), collections.Counter()
        people, posts = sorted(self.user.values()), sorted(self.posts)
        hot = self.rng.sample(posts, len(posts) // 8)
        while len(likes) < 4 * len(hot):
            likes.add((self.rng.choice(people), self.rng.choice(hot)))
        pairs = sorted(likes)
        for i in range(0, len(pairs), 500):
            a = self.api.call('import_edges', {'kind': 'like', 'from': [u for u, _ in pairs[i:i + 500]],
                                               'to': [p for _, p in pairs[i:i + 500]]})
            assert a.status == 200 and a['refused'] == 0, a
        for p in self.rng.choices(hot, k=200):
            assert self.api.call('comment_create', {'post_id': p, 'content': 'c'}, viewer=people[0]).status == 201
            said[p] += 1
        return collections.Counter(p for _, p in likes) + said


def judge(api, t, score):
    tags = collections.Counter()
    for p, shown in t.posts.items():
        if t.age[p] < 24:
            tags.update(words(shown['caption']))
    a = api.call('trending_hashtags', {'limit': 100})['tags']
    got = [(x['tag_name'], x['recent_count']) for x in a]
    want = sorted(tags.values(), reverse=True)[:100]
    assert want and len(score) > 100
    assert [n for _, n in got] == want, (got[:5], want[:5])
    assert all(tags[name] == n for name, n in got), [x for x in got if tags[x[0]] != x[1]][:5]
    hot = [p['post_id'] for p in pages(api, 'trending_posts', {}, 'posts', limit=100)[0]]
    best = sorted(score, key=lambda p: (-score[p], -int(p)))
    # The end of the ranking comes after the first thousand.
    assert hot[:1000] == best[:1000], [x for x in zip(hot, best) if x[0] != x[1]][:3]


@once
def test_FIND_15_16_SQL_2_on_imported_tweets(api, server):
    with tempfile.TemporaryDirectory() as folder, Server('--limit', 'none') as mine:
        t = Tweets(Binary(mine), Community(folder), random.Random(2))
        t.read()
        assert len(t.posts) >= 0.99 * TWEETS, len(t.posts)
        score = t.engage()
        for a in (Http(mine), Binary(mine)):
            judge(a, t, score)
        mine.restart('kill')
        judge(Http(mine), t, score)


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
