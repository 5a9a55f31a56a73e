#!/usr/bin/python3
"""SCALE-23, SCALE-24: kill -9 at random moments under a mixed load on 8 connections; what was acknowledged is
there, what was refused is not, and two independent replays agree. A post whose end was not told is sent again
with its key, and there is one. (tests/sim judges the same of every change, in virtual time.)

KITH_KILLS (25), KITH_SEED (1); KITH_IO and KITH_CORES, else each restart chooses anew."""
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Binary, Http, Server, new_user

CONNECTIONS, USERS_EACH = 8, 4
WHAT = ['follow', 'like', 'post', 'post', 'comment', 'edit', 'bio', 'delete', 'refused']
PAGE = harness.schema.Rows('Posts', 'posts', ['post_id', 'user_id'])


def read(api, what, who, which):
    """What the server has of a thing that a worker keeps in mind."""
    if what == 'follow':
        return api.call('user_get', {'user_id': which}, viewer=who)['following']
    if what == 'like':
        return api.call('post_get', {'post_id': which}, viewer=who)['liked']
    if what == 'bio':
        return api.call('user_get', {'user_id': who})['bio']
    if what == 'posts':
        own = {str(id) for id, _ in api.rows('user_posts', {'user_id': who}, PAGE)}
        assert api.call('user_get', {'user_id': who})['posts_count'] == len(own)
        return own
    post = api.call('post_get', {'post_id': which})
    assert post.status in (200, 404), post
    return (post['caption'], post['comment_count']) if post.status == 200 else None


class Worker(threading.Thread):
    """Owns its users, so that it knows what must be. Only of the change under way when the server
    was killed it does not know the end: `unknown` is (thing, how it is if that was done)."""

    def __init__(self, server, rng, users, base):
        super().__init__()
        self.server, self.rng, self.users = server, rng, users
        self.base, self.done, self.unknown, self.error = base, 0, None, None
        self.want = {('posts', me, 0): set() for me in users}
        self.want.update({('follow', me, me): False for me in users})
        # Nobody may do to these what would show here.
        self.want.update({('post', owner, post): ('base', 0) for owner, post in base})

    def again(self):
        """The same knowledge, for the next life of the server."""
        w = Worker(self.server, self.rng, self.users, self.base)
        w.want = self.want
        return w

    def run(self):
        api = (Binary if self.rng.random() < 0.7 else Http)(self.server)
        try:
            while True:
                self.step(api)
                self.done += 1
        except Exception as e:
            if not isinstance(e, OSError) and 'http' not in type(e).__module__:
                self.error = e

    def change(self, api, call, thing, new):
        """call: operation and fields, in the name of whom the thing is."""
        self.unknown = thing, new
        answer = api.call(*call, viewer=thing[1])
        assert answer.status in (200, 201, 204), (call, answer)
        self.want[thing], self.unknown = new, None

    def step(self, api):
        r = self.rng
        me, what, (other, foreign) = r.choice(self.users), r.choice(WHAT), r.choice(self.base)
        mine = [p for p in self.want['posts', me, 0] if self.want['post', me, p] is not None]
        on, text = r.random() < 0.7, 'text %d' % r.randrange(10**9)
        if what == 'follow':
            op = 'follow' if on else 'unfollow'
            self.change(api, (op, {'user_id': other}), (what, me, other), on)
        elif what == 'like':
            op = 'like' if on else 'unlike'
            self.change(api, (op, {'post_id': foreign}), (what, me, foreign), on)
        elif what == 'bio':
            self.change(api, ('user_update', {'user_id': me, 'bio': text}), (what, me, 0), text)
        elif what == 'refused':
            self.refused(api, me, foreign)
        elif what == 'post' or not mine:
            self.post(api, me, text)
        else:
            p = r.choice(mine)
            old, comments = self.want['post', me, p]
            call, new = {
                'comment': (('comment_create', {'post_id': p, 'content': text}),
                            (old, comments + 1)),
                'edit': (('post_update', {'post_id': p, 'caption': text}), (text, comments)),
                'delete': (('post_delete', {'post_id': p}), None),
            }[what]
            self.change(api, call, ('post', me, p), new)
            if new is None:
                self.want['posts', me, 0].remove(p)

    def post(self, api, me, text):
        key = 'key-%d' % self.rng.getrandbits(60)
        self.unknown = ('posts', me, 0), (text, key, type(api))
        answer = api.call('post_create', {'caption': text}, viewer=me, key=key)
        assert answer.status == 201, answer
        self.posted(me, answer['post_id'], text)
        self.unknown = None

    def posted(self, me, post, text):
        self.want['posts', me, 0].add(post)
        self.want['post', me, post] = (text, 0)

    def refused(self, api, me, foreign):
        gone = str(int(foreign) + 1024)
        for status, op, fields in ((422, 'follow', {'user_id': me}),
                                   (403, 'post_update', {'post_id': foreign, 'caption': 'stolen'}),
                                   (403, 'post_delete', {'post_id': foreign}),
                                   (404, 'comment_create', {'post_id': gone, 'content': 'x'})):
            answer = api.call(op, fields, viewer=me)
            assert answer.status == status, (op, fields, answer)

    def settle(self, api):
        """Finds out what became of the change without an answer: all of it or nothing."""
        if self.unknown is None:
            return
        thing, new = self.unknown
        got, old = read(api, *thing), self.want.get(thing, False if thing[0] != 'bio' else None)
        self.unknown, me = None, thing[1]
        if thing[0] == 'posts':
            assert len(got - old) <= 1, (thing, got - old)
            text, key, protocol = new  # the same bytes once more
            answer = protocol(self.server).call('post_create', {'caption': text}, viewer=me, key=key)
            assert answer.status == 201 and got - old <= {answer['post_id']}, (thing, got - old, answer)
            assert read(api, *thing) == old | {answer['post_id']}, thing
            self.posted(me, answer['post_id'], text)
            return
        assert got in (old, new), (thing, got, old, new)
        self.want[thing] = got
        if thing[0] == 'post' and got is None:
            self.want['posts', me, 0].remove(thing[2])

    def verify(self, api):
        self.settle(api)
        for thing, value in self.want.items():
            got = read(api, *thing)
            assert got == value, (thing, got, value)


def one_life(server, workers, rng, snapshot):
    """Until it is killed."""
    for w in workers:
        w.start()
    if snapshot:
        server.admin_get('/snapshot', 'POST')
    time.sleep(rng.uniform(0.05, 0.3))
    server.kill()
    for w in workers:
        w.join()
        assert w.error is None, w.error


def test_SCALE_23_24_kills():
    kills = int(os.environ.get('KITH_KILLS', '25'))
    rng = random.Random(int(os.environ.get('KITH_SEED', '1')))
    io = [os.environ['KITH_IO']] if 'KITH_IO' in os.environ else ['uring', 'epoll']
    cores = [os.environ['KITH_CORES']] if 'KITH_CORES' in os.environ else ['1', '2']
    acknowledged = replays = 0
    with Server(durability='strict') as server:
        api = Binary(server)
        users = [new_user(api) for _ in range(CONNECTIONS * (USERS_EACH + 1))]
        owners, rest = users[:CONNECTIONS], users[CONNECTIONS:]
        base = [(u, api.call('post_create', {'caption': 'base'}, viewer=u)['post_id'])
                for u in owners]
        workers = [Worker(server, random.Random(rng.random()), rest[i::CONNECTIONS], base)
                   for i in range(CONNECTIONS)]
        for k in range(kills):
            one_life(server, workers, rng, snapshot=k % 6 == 3)
            if k % 10 == 9 or k == kills - 1:
                server.check()
                server.check_digests()
                replays += 1
            server.start('--io', rng.choice(io), '--cores', rng.choice(cores))
            api = Binary(server)
            for w in workers:
                acknowledged += w.done
                w.verify(api)
            workers = [w.again() for w in workers]
        assert acknowledged > 20 * kills, acknowledged
    print('%d kills, %d acknowledged changes, none lost, nothing refused was done; kith check '
          'clean and digests of 1 and 2 threads equal %d times' % (kills, acknowledged, replays))


if __name__ == '__main__':
    test_SCALE_23_24_kills()
    print('ok   test_SCALE_23_24_kills')
    print('1 passed, 0 failed')
