#!/usr/bin/python3
"""FEED-8, 9, 11, 14 and 15 on the imported community: for 200 users chosen at random the whole home
feed, read page by page, equals the one that a slow, obvious model computes from the same files:
order, no gap, no repeat, counts. Also after changes, with every fan-out bound, after restarts from
the log and from a snapshot.

KITH_READERS (200), KITH_FOLLOW_AUTHORS (3; test_import.py has 10), KITH_SEED (1)."""
import gc
import os
import re
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import schema
from community import Community, millis, summary
from harness import Binary, Server
from model import Model, World, row_of, same

READERS = int(os.environ.get('KITH_READERS', 200))
EACH = int(os.environ.get('KITH_FOLLOW_AUTHORS', 3))
SEED = int(os.environ.get('KITH_SEED', 1))
EPOCH_MS = 946684800000
FIELDS = ['post_id', 'user_id', 'caption', 'created_at', 'like_count', 'comment_count', 'liked']


class Imported(World):
    """The input as the model has it; the server is asked for ids alone."""

    def __init__(self, server, community):
        super().__init__(server, SEED, Model())
        self.community, self.page = community, schema.Rows('Posts', 'posts', FIELDS)
        self.id = {name: self.id_of(name) for name in community.authors}
        self.id.update({n: self.id_of('n%d' % n) for n in community.friends})
        for n, friends in community.friends.items():
            for other in friends:
                self.model.follow(self.id[n], self.id[other])
            for name in community.follows_author(n, EACH):
                self.model.follow(self.id[n], self.id[name])
        self.add_posts()
        readers = self.rng.sample(sorted(community.friends), READERS)
        self.people = [self.id[n] for n in readers]
        self.authors = [self.id[name] for name in community.authors] + self.graph_authors(readers)

    def id_of(self, name):
        return int(self.apis[1].call('user_by_name', {'username': name})['user_id'])

    def graph_authors(self, readers):
        """Of the readers' friends, those with the most and those with the fewest followers."""
        friends = self.community.friends
        near = set().union(*(friends[n] for n in readers))
        near = sorted(near, key=lambda n: (len(friends[n]), n))
        return [self.id[n] for n in near[:30] + near[-30:]]

    def add_posts(self):
        """Ids of the rows: an author's posts are exactly his rows, in the order of their dates."""
        of = {name: [] for name in self.community.authors}
        for name, text, date in self.community.rows:
            of[name].append((text, millis(date)))
        for name, rows in of.items():
            author, got = self.id[name], []
            for id, user, text, created, *_ in self.apis[1].rows('user_posts', {'user_id': author},
                                                                 self.page):
                assert user == author and (id >> 22) + EPOCH_MS == created, (name, id, created)
                got.append((text or '', created))
                self.model.post(id, author, text, created)
            assert sorted(got) == sorted(rows), name
            assert [x[1] for x in got] == sorted((x[1] for x in rows), reverse=True), name
        assert len(self.model.posts) == len(self.community.rows)

    def read(self, viewer):
        """In the midst of changes the newest two pages do."""
        api, got = self.rng.choice(self.apis), []
        first = api.call('feed', {'limit': 20}, viewer=viewer)
        got = [row_of(p) for p in first['posts']]
        if first['next_cursor']:
            more = api.call('feed', {'limit': 20, 'cursor': first['next_cursor']}, viewer=viewer)
            got += [row_of(p) for p in more['posts']]
        same(viewer, got, self.model.feed(viewer)[:40])

    def check(self, viewer):
        if self.rng.random() < 0.02:
            super().check(viewer)
            return 0
        got = self.apis[1].rows('feed', {}, self.page, viewer)
        same(viewer, got, self.model.feed(viewer))
        return len(got)

    def check_all(self, when):
        begin = time.monotonic()
        posts = sum(self.check(viewer) for viewer in self.people)
        print('     %s: %d feeds, %d posts, %.1f s'
              % (when, len(self.people), posts, time.monotonic() - begin), flush=True)

    def change(self, steps):
        for viewer in self.people:
            self.read(viewer)  # so that what is pushed has somewhere to go
        for _ in range(steps):
            self.step()


def restart(world, how, *args):
    """Prints how long a recovery takes: what nobody could ask in the meantime, and of what."""
    server = world.server
    getattr(server, how)()
    begin = time.monotonic()
    server.start(*args)
    seconds = time.monotonic() - begin
    said = re.findall(r'msg=recovered .*', server.tail())[-1]
    print('     ready %.2f s after %s: %s' % (seconds, how, said), flush=True)
    world.reconnect()


def check_counts(world):
    result = world.server.check()
    want = dict(world.model.counts(), users=len(world.id), owed=0, gone=0)
    got = {key: result['counts'][key] for key in want}
    assert result['clean'] and got == want, (got, want)


def community_run(folder):
    community = Community(folder)
    with Server('--fanout-max', '1000000', durability='group') as server:
        imported = summary(community.run_import(server, EACH))
        w = Imported(server, community)
        gc.freeze()  # the collector need not look at half a million tuples again and again
        print('     %s input: %d users, %d posts, imported in %s s'
              % ('real' if community.real else 'made-up', len(w.id), len(w.model.posts),
                 imported['seconds']))
        w.check_all('imported')
        w.change(400)
        w.check_all('changed, all pushed')
        for bound, how in (('0', 'kill'), ('5', 'stop')):
            restart(w, how, '--fanout-max', bound)
            w.check_all('from the log, bound ' + bound)
            w.change(400)
            w.check_all('changed, bound ' + bound)
        status, _ = server.admin_get('/snapshot', 'POST')
        assert status == 200
        harness.eventually(lambda: snapshot_there(server))
        restart(w, 'kill', '--fanout-max', '5')
        w.check_all('from the snapshot')
        server.stop()
        check_counts(w)


def snapshot_there(server):
    assert 'msg="snapshot written"' in server.tail()


def main():
    folder = tempfile.mkdtemp(prefix='kith-community-')
    try:
        community_run(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print('ok   FEED_8_9_11_14_15_imported_community')
    print('1 passed, 0 failed')


if __name__ == '__main__':
    main()
