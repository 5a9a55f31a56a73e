#!/usr/bin/python3
"""SCALE-24: kill -9 at random moments under a mixed load on 8 connections; what was acknowledged is there,
what was refused is not, and two replays agree."""
import os
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Binary, Http, Server, new_user, pages


class Worker(threading.Thread):
    """Owns its own users, so that it knows what must be; the last change of each may be unknown."""

    def __init__(self, server, seed, users, posts):
        super().__init__()
        self.server, self.rng = server, random.Random(seed)
        self.users, self.everybody = users, posts
        self.follows, self.likes, self.mine, self.unknown = {}, {}, {}, None
        self.done, self.api = 0, None

    def run(self):
        self.api = (Binary if self.rng.random() < 0.7 else Http)(self.server)
        try:
            while True:
                self.step()
                self.done += 1
        except Exception as e:
            if not isinstance(e, (OSError, ConnectionError)) and 'http' not in type(e).__module__:
                self.error = e
                raise

    def step(self):
        r = self.rng
        me, what = r.choice(self.users), r.choice(['follow', 'like', 'post', 'comment', 'refused'])
        p = r.choice(self.everybody)
        if what == 'follow':
            on = r.random() < 0.7
            self.unknown = ('follow', me, p[0])
            a = self.api.call('follow' if on else 'unfollow', {'user_id': p[0]}, viewer=me)
            assert a.status == 200, a
            self.follows[me, p[0]] = on
        elif what == 'like':
            on = r.random() < 0.7
            self.unknown = ('like', me, p[1])
            a = self.api.call('like' if on else 'unlike', {'post_id': p[1]}, viewer=me)
            assert a.status == 200, a
            self.likes[me, p[1]] = on
        elif what == 'post':
            self.unknown = ('post', me, None)
            a = self.api.call('post_create', {'caption': 'c%d' % r.randrange(10**9)}, viewer=me)
            assert a.status == 201, a
            self.mine[a['post_id']] = (me, a['caption'], 0)
        elif what == 'comment' and self.mine:
            post = r.choice(list(self.mine))
            self.unknown = ('comment', me, post)
            a = self.api.call('comment_create', {'post_id': post, 'content': 'x'}, viewer=me)
            assert a.status == 201, a
            owner, text, n = self.mine[post]
            self.mine[post] = (owner, text, n + 1)
        elif what == 'refused':
            a = self.api.call('follow', {'user_id': me}, viewer=me)
            assert a.status == 422, a
            a = self.api.call('post_update', {'post_id': p[1], 'caption': 'stolen'}, viewer=me)
            assert a.status == 403, a
        self.unknown = None

    def verify(self, api):
        u = self.unknown
        for (me, other), on in self.follows.items():
            if u != ('follow', me, other):
                got = api.call('user_get', {'user_id': other}, viewer=me)['following']
                assert got == on, ('follow', me, other, got, on)
        for (me, post), on in self.likes.items():
            if u != ('like', me, post):
                got = api.call('post_get', {'post_id': post}, viewer=me)['liked']
                assert got == on, ('like', me, post, got, on)
        for post, (me, text, n) in self.mine.items():
            got = api.call('post_get', {'post_id': post})
            assert got.status == 200 and got['caption'] == text, (post, got)
            slack = 1 if u is not None and u[0] == 'comment' and u[2] == post else 0
            assert n <= got['comment_count'] <= n + slack, (post, got, n)
        for me in self.users:
            n = sum(1 for v in self.mine.values() if v[0] == me)
            got = api.call('user_get', {'user_id': me})['posts_count']
            slack = 1 if u is not None and u[0] == 'post' and u[1] == me else 0
            assert n <= got <= n + slack, (me, got, n)
            if got == n + 1:
                new = [p for p in pages(api, 'user_posts', {'user_id': me}, 'posts', limit=100)[0]
                       if p['post_id'] not in self.mine]
                assert len(new) == 1
                self.mine[new[0]['post_id']] = (me, new[0]['caption'], 0)
        if u is not None and u[0] == 'comment':
            me, text, n = self.mine[u[2]]
            self.mine[u[2]] = (me, text, api.call('post_get', {'post_id': u[2]})['comment_count'])
        if u is not None and u[0] in ('follow', 'like'):
            op, key = ('user_get', 'following') if u[0] == 'follow' else ('post_get', 'liked')
            name = 'user_id' if u[0] == 'follow' else 'post_id'
            state = self.follows if u[0] == 'follow' else self.likes
            state[u[1], u[2]] = api.call(op, {name: u[2]}, viewer=u[1])[key]
        self.unknown = None


def digest(server, cores):
    r = subprocess.run([harness.KITH, 'wal', 'digest', server.data, '--cores', str(cores)], capture_output=True,
                       text=True)
    assert r.returncode == 0, (r.returncode, r.stdout, r.stderr)
    return r.stdout


def main():
    kills = int(os.environ.get('KITH_KILLS', '25'))
    rng = random.Random(int(os.environ.get('KITH_SEED', '1')))
    acknowledged = 0
    with Server(durability='strict') as server:
        api = Binary(server)
        users = [new_user(api) for _ in range(40)]
        base = [(u, api.call('post_create', {'caption': 'base'}, viewer=u)['post_id']) for u in users[:8]]
        workers = [None] * 8
        for k in range(kills):
            for i in range(8):
                w = Worker(server, rng.random(), users[8 + 4 * i:12 + 4 * i], base)
                if workers[i]:
                    w.follows, w.likes, w.mine = workers[i].follows, workers[i].likes, workers[i].mine
                workers[i] = w
                w.start()
            if k % 6 == 3:
                server.admin_get('/snapshot', 'POST')
            time.sleep(rng.uniform(0.05, 0.6))
            server.kill()
            for w in workers:
                w.join()
                assert not hasattr(w, 'error'), w.error
            if k % 10 == 9:
                server.check()
                one, two = digest(server, 1), digest(server, 2)
                assert one == two, (one, two)
            server.start('--io', rng.choice(['uring', 'epoll']), '--cores', rng.choice(['1', '2']))
            api = Binary(server)
            for w in workers:
                acknowledged += w.done
                w.verify(api)
        assert acknowledged > 20 * kills, acknowledged
    print('%d kills, %d acknowledged changes, none lost' % (kills, acknowledged))
    print('1 passed, 0 failed')


if __name__ == '__main__':
    main()
