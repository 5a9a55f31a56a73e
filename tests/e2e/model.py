"""What every home feed must be: slow, obvious, and from the input alone. Ids are numbers here; that
a later post has a higher one is the only thing the model takes from the server."""
import random

import schema
from harness import Binary, Http, pages


class Model:
    """People, whom they follow, and posts with what was done to them."""

    def __init__(self):
        self.follows = {}   # reader -> the set of those he follows
        self.posts = {}     # id -> (author, text, created)
        self.written = {}   # author -> the set of his posts
        self.likes = {}     # post -> the set of those who like it
        self.comments = {}  # post -> how many

    def follow(self, reader, author):
        self.follows.setdefault(reader, set()).add(author)

    def unfollow(self, reader, author):
        self.follows.setdefault(reader, set()).discard(author)

    def post(self, id, author, text, created):
        self.posts[id], self.likes[id], self.comments[id] = (author, text, created), set(), 0
        self.written.setdefault(author, set()).add(id)

    def edit(self, id, text):
        author, _, created = self.posts[id]
        self.posts[id] = (author, text, created)

    def delete(self, id):
        self.written[self.posts[id][0]].remove(id)
        del self.posts[id], self.likes[id], self.comments[id]

    def feed(self, reader):
        ids = [p for author in self.follows.get(reader, ()) for p in self.written.get(author, ())]
        return [(p, *self.posts[p], len(self.likes[p]), self.comments[p], reader in self.likes[p])
                for p in sorted(ids, reverse=True)]

    def counts(self):
        """As `kith check --json` names them."""
        return {'posts': len(self.posts), 'comments': sum(self.comments.values()),
                'follows': sum(map(len, self.follows.values())),
                'likes': sum(map(len, self.likes.values()))}


def row_of(post):
    """A post of an answer as the model has it."""
    return (int(post['post_id']), int(post['user_id']), post['caption'],
            schema.millis(post['created_at']), post['like_count'], post['comment_count'],
            post['liked'])


WHAT = (['post'] * 4 + ['follow'] * 3 +
        ['unfollow', 'like', 'like', 'unlike', 'edit', 'delete', 'comment', 'read', 'read'])


class World:
    """Random people doing random things through both protocols, and the model that follows."""

    def __init__(self, server, seed, model):
        self.rng, self.server, self.model = random.Random(seed), server, model
        self.people, self.authors = [], []  # who reads, likes and comments; who is followed
        self.reconnect()

    def reconnect(self):
        self.apis = [Http(self.server), Binary(self.server)]

    def do(self, op, fields, viewer):
        answer = self.rng.choice(self.apis).call(op, fields, viewer=viewer)
        assert answer.status < 300, (op, fields, viewer, answer)
        return answer

    def post(self, author):
        text = 'post %d' % self.rng.randrange(10**9)
        post = self.do('post_create', {'caption': text}, author)
        self.model.post(int(post['post_id']), author, text, schema.millis(post['created_at']))

    def step(self):
        m, r = self.model, self.rng
        what, a, b = r.choice(WHAT), r.choice(self.people), r.choice(self.authors)
        p = r.choice(list(m.posts)) if m.posts else None
        if what == 'post' or p is None:
            self.post(b)
        elif what == 'follow' and a != b:
            self.do('follow', {'user_id': b}, a)
            m.follow(a, b)
        elif what == 'unfollow' and m.follows.get(a):
            b = r.choice(sorted(m.follows[a]))
            self.do('unfollow', {'user_id': b}, a)
            m.unfollow(a, b)
        elif what == 'like':
            self.do('like', {'post_id': p}, a)
            m.likes[p].add(a)
        elif what == 'unlike':
            a = r.choice(sorted(m.likes[p]) or [a])
            self.do('unlike', {'post_id': p}, a)
            m.likes[p].discard(a)
        elif what == 'edit':
            m.edit(p, 'edited %d' % r.randrange(10**9))
            self.do('post_update', {'post_id': p, 'caption': m.posts[p][1]}, m.posts[p][0])
        elif what == 'delete' and r.random() < 0.5:
            self.do('post_delete', {'post_id': p}, m.posts[p][0])
            m.delete(p)
        elif what == 'comment':
            self.do('comment_create', {'post_id': p, 'content': 'x'}, a)
            m.comments[p] += 1
        elif what == 'read':
            self.read(a)

    def read(self, viewer):
        self.check(viewer)

    def check(self, viewer):
        """The whole feed, page by page."""
        limit = self.rng.choice([3, 7, 20, 100])
        got, sizes = pages(self.rng.choice(self.apis), 'feed', {}, 'posts', viewer, limit)
        same(viewer, [row_of(p) for p in got], self.model.feed(viewer))
        assert all(n == limit for n in sizes[:-1]), sizes

    def check_all(self):
        for viewer in self.people:
            self.check(viewer)


def same(viewer, got, want):
    if got != want:
        differ = [x for x in zip(got, want) if x[0] != x[1]][:3]
        raise AssertionError('feed of %d: %d posts, %d expected; first differences %r'
                             % (viewer, len(got), len(want), differ))
