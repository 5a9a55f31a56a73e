#!/usr/bin/python3
"""SEC-3 over the wire: who acted while all was open, and what they are shown once accounts are private, posts have
audiences, people block each other, archive, delete and leave. A thousand pairs and more of a viewer and a post or comment
of somebody: every read that could show it is asked as the viewer. The simulator's long life (tests/sim/sim_soak.c) does
the same in process with ten thousand pairs of everything there is."""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Server, new_user, pages

PEOPLE, POSTS = 22, 70
WORD, TAG, PLACE = 'wallflower', 'hushed', 'Nook'


class World:
    """What was done, and what the rules make of it: sets and nothing clever."""

    def __init__(self, api, rng):
        self.api, self.rng = api, rng
        self.people = [new_user(api) for _ in range(PEOPLE)]
        self.follows, self.close, self.blocks, self.mutes = set(), set(), set(), set()
        self.private, self.left, self.deleted, self.archived = set(), set(), set(), set()
        self.author, self.audience, self.parent = {}, {}, {}
        self.likes, self.saves, self.shares, self.told = set(), set(), set(), []
        self.said, self.kept = {}, {}  # comment -> (author, post); collection -> (owner, open, posts)

    def do(self, op, viewer, **fields):
        a = self.api.call(op, fields, viewer=viewer)
        assert a.status in (200, 201, 204), (op, fields, a)
        return a

    def some(self, n, of=None):
        return self.rng.sample(of or self.people, n)

    # -- while everything is open

    def befriend(self):
        for a in self.people:
            for b in self.some(9):
                if a != b:
                    self.do('follow', a, user_id=b)
                    self.follows.add((a, b))
            for b in self.some(3):
                if a != b:
                    self.do('close_friend', a, user_id=b)
                    self.close.add((a, b))

    def publish(self):
        ids = []
        for i in range(POSTS):
            who = self.rng.choice(self.people)
            more = {'reply_to_post_id': self.rng.choice(ids)} if ids and i % 5 == 4 else {}
            p = self.do('post_create', who, caption='%s %d #%s' % (WORD, i, TAG), location=PLACE, **more)['post_id']
            ids.append(p)
            self.author[p], self.audience[p] = who, 'public'
            self.parent[p] = more.get('reply_to_post_id')
        return ids

    def engage(self):
        for p in self.author:
            for u in self.some(4):
                self.do('like', u, post_id=p)
                self.likes.add((u, p))
            for u in self.some(2):
                self.do('bookmark', u, post_id=p)
                self.saves.add((u, p))
            for u in self.some(2):
                self.do('share', u, post_id=p)
                self.shares.add((u, p))
            for u in self.some(2):
                c = self.do('comment_create', u, post_id=p, content=WORD + ' said')['comment_id']
                self.said[c] = (u, p)
        for u in self.some(8):
            open_ = self.rng.random() < 0.7
            c = self.do('collection_add', u, name='kept', is_public=open_)['collection_id']
            posts = self.some(10, list(self.author))
            for p in posts:
                self.do('collect', u, collection_id=c, post_id=p)
                self.saves.add((u, p))
            self.kept[c] = (u, open_, posts)

    # -- and then

    def close_up(self):
        for u in self.some(7):
            self.do('user_update', u, user_id=u, is_private=True)
            self.private.add(u)
        for p, u in self.author.items():
            what = self.rng.choice(['public', 'public', 'public', 'followers', 'close_friends', 'archive', 'delete'])
            if what == 'archive':
                self.do('post_update', u, post_id=p, is_archived=True)
                self.archived.add(p)
            elif what == 'delete' and self.rng.random() < 0.5:
                self.do('post_delete', u, post_id=p)
                self.deleted.add(p)
            elif what in ('followers', 'close_friends'):
                self.do('post_update', u, post_id=p, audience=what)
                self.audience[p] = what
        for _ in range(14):
            a, b = self.some(2)
            self.do('block', a, user_id=b)
            self.blocks.add((a, b))
            self.follows -= {(a, b), (b, a)}
            self.close -= {(a, b), (b, a)}
        for _ in range(8):
            a, b = self.some(2)
            self.do('mute', a, user_id=b)
            self.mutes.add((a, b))
        gone = self.people[0]
        self.do('user_deactivate', gone, user_id=gone)
        self.left.add(gone)
        lost = self.people[1]
        self.do('user_delete', lost, user_id=lost)
        self.left.add(lost)
        self.people = self.people[2:]

    # -- the rules

    def apart(self, a, b):
        return (a, b) in self.blocks or (b, a) in self.blocks

    def user(self, viewer, u):
        return u not in self.left and (viewer == u or not self.apart(viewer, u))

    def post(self, viewer, p):
        u = self.author[p]
        if p in self.deleted or not self.user(viewer, u):
            return False
        if u == viewer:
            return True
        if p in self.archived:
            return False
        if self.audience[p] == 'close_friends':
            return (u, viewer) in self.close
        narrow = self.audience[p] == 'followers' or u in self.private
        return not narrow or (viewer, u) in self.follows

    def listed(self, viewer, p):
        return p not in self.archived and self.post(viewer, p)

    def collection(self, viewer, c):
        u, open_, _ = self.kept[c]
        if u == viewer:
            return True
        return open_ and self.user(viewer, u) and (u not in self.private or (viewer, u) in self.follows)

    def comment(self, viewer, c):
        u, p = self.said[c]
        return self.post(viewer, p) and self.user(viewer, u)

    # -- what is shown

    def ids(self, op, viewer, fields, noun='posts', name='post_id'):
        return [x[name] for x in pages(self.api, op, fields, noun, viewer=viewer, limit=100)[0]]

    def same(self, shown, may, of, what):
        shown = [x for x in shown if x in of]
        assert len(set(shown)) == len(shown), what
        want = {x for x in of if may(x)}
        assert set(shown) == want, (what, 'shown', set(shown) - want, 'missing', want - set(shown))

    def lists(self, v):
        all_, listed = self.author, lambda p: self.listed(v, p)
        # The list of all posts has those that are for all (POST-3).
        self.same(self.ids('post_list', v, {}), lambda p: listed(p) and self.audience[p] == 'public', all_, ('post_list', v))
        for op, fields in (('search_posts', {'query': WORD}), ('tag_posts', {'tag_name': TAG}), ('location_posts', {'name': PLACE})):
            self.same(self.ids(op, v, fields), listed, all_, (op, v))
        hot = set(self.ids('trending_posts', v, {}))
        assert not [p for p in hot if p in all_ and not listed(p)], v
        near = lambda p: listed(p) and (v, all_[p]) in self.follows and (v, all_[p]) not in self.mutes
        self.same(self.ids('feed', v, {}), near, all_, ('feed', v))
        self.same(self.ids('feed', v, {'include_self': True}), lambda p: near(p) or (listed(p) and all_[p] == v), all_,
                  ('feed with own', v))
        self.same(self.ids('bookmarks', v, {}), lambda p: (v, p) in self.saves and self.post(v, p), all_, ('bookmarks', v))
        self.same(self.ids('user_archive', v, {'user_id': v}), lambda p: all_[p] == v and p in self.archived - self.deleted,
                  all_, ('archive', v))
        self.same(self.ids('search_comments', v, {'query': WORD}, 'comments', 'comment_id'),
                  lambda c: self.comment(v, c), self.said, ('search_comments', v))
        self.same(self.ids('user_comments', v, {'user_id': v}, 'comments', 'comment_id'),
                  lambda c: self.said[c][0] == v and self.comment(v, c), self.said, ('user_comments', v))
        self.told_to(v)

    def told_to(self, v):
        notes = pages(self.api, 'notifications', {}, 'notifications', viewer=v, limit=100)[0]
        events = self.api.call('notification_events', {'after': '1', 'limit': 100}, viewer=v)['events']
        for n in notes + events:
            what = n['entity_id']
            assert self.user(v, n['actor_id']), ('told of somebody hidden', v, n)
            if what in self.author:
                assert self.post(v, what), ('told of a hidden post', v, n)
            elif what in self.said:
                assert self.comment(v, what), ('told of a hidden comment', v, n)

    def of_people(self, v):
        for u in list(self.people) + list(self.left):
            a = self.api.call('user_posts', {'user_id': u, 'limit': 100}, viewer=v)
            assert a.status == (200 if self.user(v, u) else 404), (v, u, a)
            if a.status == 200:
                self.same([p['post_id'] for p in a['posts']], lambda p: self.author[p] == u and self.listed(v, p),
                          self.author, ('user_posts', v, u))
            for op in ('user_get', 'user_stats', 'followers', 'following', 'mutuals', 'user_collections'):
                assert self.api.call(op, {'user_id': u}, viewer=v).status == a.status, (op, v, u)
        for c, (_, _, posts) in self.kept.items():
            a = self.api.call('collection_posts', {'collection_id': c, 'limit': 100}, viewer=v)
            there = self.kept[c][0] not in self.left and self.collection(v, c)
            assert a.status == (200 if there else 404), (v, c, a)
            assert self.api.call('collection_get', {'collection_id': c}, viewer=v).status == a.status
            if there:
                self.same([p['post_id'] for p in a['posts']], lambda p: p in posts and self.post(v, p), self.author,
                          ('collection', v, c))

    def pair(self, v, p):
        there = self.post(v, p)
        for op in ('post_get', 'post_stats', 'like_count'):
            a = self.api.call(op, {'post_id': p}, viewer=v)
            assert a.status == (200 if there else 404), (op, v, p, a)
            if there and op == 'post_get':
                parent = self.parent[p]
                shown = parent if parent and parent not in self.deleted and self.post(v, parent) else None
                assert a['reply_to_post_id'] == shown, (v, p, a['reply_to_post_id'], shown)
        fans = {'likes': self.likes, 'shares': self.shares}
        for op in fans:
            a = self.api.call(op, {'post_id': p, 'limit': 100}, viewer=v)
            assert a.status == (200 if there else 404), (op, v, p, a)
            if there:
                got = [x['user_id'] for x in a['users' if op == 'likes' else 'shares']]
                assert set(got) == {u for u, q in fans[op] if q == p and self.user(v, u)}, (op, v, p)
        for op, noun, name, of, may in (
                ('comment_list', 'comments', 'comment_id', self.said, lambda c: self.said[c][1] == p and self.comment(v, c)),
                ('post_replies', 'posts', 'post_id', self.author, lambda q: self.parent[q] == p and self.post(v, q))):
            a = self.api.call(op, {'post_id': p, 'limit': 100}, viewer=v)
            assert a.status == (200 if there else 404), (op, v, p, a)
            if there:
                self.same([x[name] for x in a[noun]], may, of, (op, v, p))

    def look(self, pairs):
        for v in self.people:
            self.lists(v)
            self.of_people(v)
        posts = list(self.author)
        for i in range(pairs):
            self.pair(self.people[i % len(self.people)], posts[i // len(self.people) % len(posts)])


def test_SEC_3_pairs_over_the_wire(api, server):
    with Server('--limit', 'none') as fresh:
        mine = type(api)(fresh)
        w = World(mine, random.Random(3))
        w.befriend()
        w.publish()
        w.engage()
        w.close_up()
        w.look(1000)
        fresh.restart('kill')
        w.api = type(api)(fresh)
        w.look(200)


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
