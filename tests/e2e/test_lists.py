#!/usr/bin/python3
"""PERF-28: each list of ops.def with 45 rows is 20, 20 and 5 of them, in one order, and says where it ends.
The operations are taken from the table: a list without its 45 rows here fails."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import schema
from harness import Binary, Server, eventually
from schema import OPS, TABLES

N = 45
WORD = 'zyxword'
FILL = {}


def lists():
    """Operations that take a limit, and whether they are read on from a cursor."""
    for name, op in OPS.items():
        fields = {f.name for f in TABLES[op.request]}
        if 'limit' in fields and op.kind != 'OPK_INTERNAL':
            yield name, 'cursor' in fields


def noun_of(op):
    return next(f.name for f in TABLES[OPS[op].reply] if f.kind.startswith('['))


class Made:
    """Who and what the lists hang on, and 45 of everything."""

    def __init__(self, api):
        self.api, self.serial = api, 0
        self.me, self.other, self.shy = self.users(3)
        self.many = self.users(N)
        self.post = self.make_post(self.me)
        self.comment = self.call('comment_create', self.me, post_id=self.post, content='x')['comment_id']

    def users(self, n, **more):
        self.serial += 1
        rows = [dict(username='l%d_%d' % (self.serial, i), email='l%d_%d@example.org' % (self.serial, i),
                     first_name='First', last_name='Last', **more) for i in range(n)]
        return self.api.call('import_users', {'users': rows})['user_ids']

    def call(self, op, who, **fields):
        a = self.api.call(op, fields, viewer=who)
        assert a.status < 300, (op, fields, a)
        return a

    def make_post(self, who, **fields):
        return self.call('post_create', who, **dict({'caption': 'c'}, **fields))['post_id']

    def each(self, op, **fields):
        """45 others do it, one after the other."""
        for who in self.many:
            self.call(op, who, **fields)

    def mine(self, op, who=None, **fields):
        """One does it 45 times; a function makes what differs."""
        for i in range(N):
            self.call(op, who or self.me, **{k: v(i) if callable(v) else v for k, v in fields.items()})


def fill(*ops):
    """Makes the rows of these operations: gives the fields to ask with, and who asks."""
    def mark(f):
        for op in ops:
            assert op not in FILL, op
            FILL[op] = f
        return f
    return mark


def answer(fields, viewer):
    return fields, viewer


@fill('followers')
def _(m):
    m.each('follow', user_id=m.me)
    return answer({'user_id': m.me}, m.other)


@fill('following')
def _(m):
    m.mine('follow', m.other, user_id=lambda i: m.many[i])
    return answer({'user_id': m.other}, m.me)


@fill('mutuals')
def _(m):
    a, b = m.users(2)
    for who in (a, b):
        m.mine('follow', who, user_id=lambda i: m.many[i])
        m.each('follow', user_id=who)
    return answer({'user_id': b}, a)


@fill('blocks')
def _(m):
    who = m.users(1)[0]
    m.mine('block', who, user_id=lambda i: m.many[i])
    return answer({}, who)


@fill('mutes')
def _(m):
    m.mine('mute', m.other, user_id=lambda i: m.many[i])
    return answer({}, m.other)


@fill('contacts')
def _(m):
    known = m.users(N)
    for who in known:
        m.call('user_update', who, user_id=who, is_findable=True)
    m.call('contacts_put', m.other, contacts=['l%d_%d@example.org' % (m.serial, i) for i in range(N)])
    return answer({}, m.other)


@fill('user_export')
def _(m):
    who = m.users(1)[0]
    for i in range(N):
        m.make_post(who, caption='kept %d' % i)
    return answer({'user_id': who}, who)


@fill('close_friends')
def _(m):
    m.mine('close_friend', m.other, user_id=lambda i: m.many[i])
    return answer({}, m.other)


@fill('follow_requests')
def _(m):
    m.call('user_update', m.shy, user_id=m.shy, is_private=True)
    m.each('follow', user_id=m.shy)
    return answer({}, m.shy)


@fill('follow_requests_sent')
def _(m):
    shy = m.users(N)
    for who in shy:
        m.call('user_update', who, user_id=who, is_private=True)
    m.mine('follow', m.me, user_id=lambda i: shy[i])
    return answer({}, m.me)


@fill('user_posts')
def _(m):
    who = m.users(1)[0]
    m.mine('post_create', who, caption='x')
    return answer({'user_id': who}, m.me)


@fill('feed')
def _(m):
    a, f = m.users(2)
    m.call('follow', f, user_id=a)
    m.mine('post_create', a, caption='x')
    return answer({}, f)


@fill('user_archive')
def _(m):
    who = m.users(1)[0]
    for _ in range(N):
        m.call('post_update', who, post_id=m.make_post(who), is_archived=True)
    return answer({'user_id': who}, who)


@fill('likes')
def _(m):
    m.each('like', post_id=m.post)
    return answer({'post_id': m.post}, m.me)


@fill('shares')
def _(m):
    m.each('share', post_id=m.post)
    return answer({'post_id': m.post}, m.me)


@fill('post_replies')
def _(m):
    m.each('post_create', caption='r', reply_to_post_id=m.post)
    return answer({'post_id': m.post}, m.me)


@fill('bookmarks')
def _(m):
    posts = [m.make_post(m.me) for _ in range(N)]
    m.mine('bookmark', m.other, post_id=lambda i: posts[i])
    return answer({}, m.other)


@fill('comment_list')
def _(m):
    post = m.make_post(m.me)
    m.each('comment_create', post_id=post, content='x')
    return answer({'post_id': post}, m.me)


@fill('comment_replies')
def _(m):
    m.each('comment_create', post_id=m.post, content='x', parent_id=m.comment)
    return answer({'comment_id': m.comment}, m.me)


@fill('comment_likes')
def _(m):
    m.each('comment_like', comment_id=m.comment)
    return answer({'comment_id': m.comment}, m.me)


@fill('user_comments')
def _(m):
    who, post = m.users(1)[0], m.make_post(m.me)
    m.mine('comment_create', who, post_id=post, content='x')
    return answer({'user_id': who}, who)


@fill('notifications', 'notification_events')
def _(m):
    who = m.users(1)[0]
    m.each('follow', user_id=who)
    eventually(lambda: check_unread(m, who))
    return answer({}, who)


def check_unread(m, who):
    assert m.call('notifications', who, limit=1)['notifications']


@fill('activities')
def _(m):
    who = m.users(1)[0]
    m.mine('follow', who, user_id=lambda i: m.many[i])
    return answer({'user_id': who}, who)


@fill('addresses')
def _(m):
    m.mine('address_add', user_id=m.me, first_name='f', last_name='l', address_line_1='1', state='s', country='c',
           postal_code='1', city=lambda i: 'city%d' % i)
    return answer({'user_id': m.me}, m.me)


@fill('preferences')
def _(m):
    m.mine('preference_put', user_id=m.me, preference_key=lambda i: 'k%d' % i, preference_value='v')
    return answer({'user_id': m.me}, m.me)


@fill('search_history')
def _(m):
    m.mine('search_add', search_term=lambda i: 't%d' % i)
    return answer({}, m.me)


@fill('devices')
def _(m):
    m.mine('device_put', token=lambda i: 'list-%s-%d' % (m.api.name, i))
    return answer({}, m.me)


@fill('collections')
def _(m):
    m.mine('collection_add', name=lambda i: 'c%d' % i)
    return answer({}, m.me)


@fill('user_collections')
def _(m):
    who = m.users(1)[0]
    m.mine('collection_add', who, name=lambda i: 'c%d' % i, is_public=True)
    return answer({'user_id': who}, m.other)


@fill('collection_posts')
def _(m):
    who = m.users(1)[0]
    c = m.call('collection_add', who, name='all')['collection_id']
    posts = [m.make_post(m.me) for _ in range(N)]
    m.mine('collect', who, collection_id=c, post_id=lambda i: posts[i])
    return answer({'collection_id': c}, who)


@fill('search_users')
def _(m):
    m.serial += 1
    rows = [dict(username='%s_%d' % (WORD, i), email='%s%d@example.org' % (WORD, i)) for i in range(N)]
    assert m.api.call('import_users', {'users': rows}).status == 200
    return answer({'query': WORD}, m.me)


@fill('search_posts')
def _(m):
    m.mine('post_create', caption=lambda i: '%s number %d' % (WORD, i))
    return answer({'query': WORD}, m.me)


@fill('search_comments')
def _(m):
    m.mine('comment_create', post_id=m.post, content=lambda i: '%s number %d' % (WORD, i))
    return answer({'query': WORD}, m.me)


@fill('search_tags')
def _(m):
    m.mine('post_create', caption=lambda i: '#%s%02d' % (WORD, i))
    return answer({'query': WORD}, m.me)


@fill('tag_posts')
def _(m):
    m.mine('post_create', caption='#onetag')
    return answer({'tag_name': 'onetag'}, m.me)


@fill('search_locations')
def _(m):
    m.mine('post_create', caption='x', location=lambda i: {'name': '%s %d' % (WORD, i)})
    return answer({'query': WORD}, m.me)


@fill('location_posts')
def _(m):
    m.mine('post_create', caption='x', location={'name': 'One Place'})
    return answer({'name': 'One Place'}, m.me)


@fill('session_list')
def _(m):
    name = dict(username='manysessions', password='a long secret')
    a = m.api.call('register', dict(name, email='many@example.org'), service=False)
    assert a.status == 201, a
    for _ in range(N - 1):
        r = m.api.call('login', name, service=False)
        assert r.status == 200, r
    return answer({}, a['user']['user_id'])


@fill('audit_list')
def _(m):
    who = m.users(1)[0]
    for i in range(N):
        r = m.api.call('verified_set', {'user_id': who, 'is_verified': i % 2 == 0})
        assert r.status < 300, r
    return answer({'user_id': who}, None)


@fill('reports')
def _(m):
    m.each('report_add', object_id=m.make_post(m.me), reason='spam')
    return answer({}, None)


# What is of all: on a server that has nothing else.
WHOLE = {'post_list', 'tag_list', 'trending_posts', 'trending_hashtags', 'suggestions', 'outbox_list', 'push_jobs'}


def whole(m):
    """45 posts with a tag each, and likes for them."""
    posts = [m.make_post(m.many[i], caption='#tag%02d' % i) for i in range(N)]
    for p in posts:
        m.call('like', m.me, post_id=p)
    m.call('post_delete', m.me, post_id=m.post)


def read_all(api, op, fields, viewer):
    """The rows of the pages, as they are shown."""
    out, cursor = [], None
    while True:
        a = api.call(op, dict(fields, **({'cursor': cursor} if cursor else {})), viewer=viewer)
        assert a.status == 200, (op, a)
        out.append(a[noun_of(op)])
        cursor = a['next_cursor']
        if api.name == 'http':
            assert ('rel="next"' in (a.headers['Link'] or '')) == (cursor is not None), (op, dict(a.headers))
        if cursor is None:
            return out


def check_pages(api, op, fields, viewer):
    got = read_all(api, op, dict(fields, limit=20), viewer)
    assert [len(p) for p in got] == [20, 20, 5], (op, [len(p) for p in got])
    rows = [r for p in got for r in p]
    assert all(a != b for i, a in enumerate(rows) for b in rows[:i]), op
    assert [r for p in read_all(api, op, dict(fields, limit=N), viewer) for r in p] == rows, op
    assert [r for p in read_all(api, op, dict(fields, limit=15), viewer) for r in p] == rows, op
    assert len(api.call(op, fields, viewer=viewer)[noun_of(op)]) == 20, op  # unless it says otherwise


def check_audits(api, fields, viewer):
    """To read it is an act too, and an act is listed a moment after it is done."""
    got = read_all(api, 'audit_list', dict(fields, limit=20), viewer)
    assert [len(p) for p in got[:-1]] == [20] * (len(got) - 1) and len(got) >= 3, [len(p) for p in got]
    rows = [r for p in got for r in p]
    assert len({r['audit_id'] for r in rows}) == len(rows)
    assert sum(r['act'] == 'verified_set' for r in rows) == N, rows


def check_export(api, fields, viewer):
    """Lines of every kind, of which 45 are the posts."""
    got = read_all(api, 'user_export', dict(fields, limit=20), viewer)
    assert [len(p) for p in got[:-1]] == [20] * (len(got) - 1) and len(got) >= 3, [len(p) for p in got]
    rows = [r for p in got for r in p]
    assert len(set(rows)) == len(rows) and sum('"kind":"post"' in r for r in rows) == N, rows


# Lists that have more than their 45.
MORE = {'audit_list': check_audits, 'user_export': check_export}


def check_limits(api, op, fields, viewer):
    for limit in (0, 101, 4294967295):
        r = api.call(op, dict(fields, limit=limit), viewer=viewer)
        assert r.status == 422 and r.pointers == ['/limit'], (op, limit, r)
    for limit in (1, 100):
        r = api.call(op, dict(fields, limit=limit), viewer=viewer)
        assert r.status == 200 and len(r[noun_of(op)]) <= limit, (op, limit, r)


@harness.once
def test_PERF_28_every_list(api, server):
    made, asked = Made(Binary(server)), {}
    missing = {op for op, _ in lists()} - set(FILL) - WHOLE
    assert not missing, ('no rows for', missing)
    for f in dict.fromkeys(FILL.values()):
        said = f(made)
        for op in FILL:
            if FILL[op] is f:
                asked[op] = said
    apis = [t(server) for t in harness.TRANSPORTS]
    paged = 0
    for op, cursor in lists():
        for t in apis:
            if op in WHOLE:
                continue
            if op in MORE:
                eventually(lambda: MORE[op](t, *asked[op]))
            elif cursor:
                check_pages(t, op, *asked[op])
            paged += cursor
            check_limits(t, op, *asked[op])
    print('     %d lists' % (paged / 2))
    server.restart('kill')  # and the same after a start
    for t in harness.TRANSPORTS:
        mine = t(server)
        for op, cursor in lists():
            if cursor and op not in WHOLE and op not in MORE:
                check_pages(mine, op, *asked[op])


@harness.once
def test_PERF_18_deactivated_users(api, server):
    """Lists pass over the deactivated in bounded work: a page looks at 256 times its size at most, and who is behind them
    is found. 3,000 deactivated followers, likers and sharers before 15 who are there, and 15 behind."""
    with Server(durability='none') as mine:
        api = Binary(mine)
        star = harness.new_user(api)
        p = api.call('post_create', {'caption': 'x'}, viewer=star)['post_id']
        crowd = []
        for i in range(0, 3072, 64):
            rows = [{'username': 'gone%d' % (i + k), 'email': 'gone%d@x.org' % (i + k)} for k in range(64)]
            crowd += api.call('import_users', {'users': rows})['user_ids']
        crowd = crowd[:3030]
        live = crowd[:15] + crowd[-15:]
        for op, f in (('follow', {'user_id': star}), ('like', {'post_id': p}), ('share', {'post_id': p})):
            for u in crowd:
                assert api.call(op, f, viewer=u).status == 200
        count = lambda: (api.call('user_get', {'user_id': star})['followers_count'],
                         api.call('post_get', {'post_id': p})['like_count'])
        for u in crowd[15:-15]:
            assert api.call('user_deactivate', {'user_id': u}, viewer=u).status == 204
        for t in harness.TRANSPORTS:
            one = t(mine)
            for op, f, noun in (('followers', {'user_id': star}, 'users'), ('likes', {'post_id': p}, 'users'),
                                ('shares', {'post_id': p}, 'shares')):
                for limit in (5, 20, 100):
                    got, sizes = harness.pages(one, op, f, noun, limit=limit)
                    assert [u['user_id'] for u in got] == live[::-1], (op, limit, sizes)
                    # Pages may be short where many are passed over, but those are few.
                    assert len(sizes) <= 30 // limit + 2 + 3000 // (256 * limit), (op, limit, sizes)
        found = []
        for limit in (5, 20):
            e = api.call('explain', {'op': 'followers', 'request': {'user_id': star, 'limit': limit}})
            found.append((e['found'], e['rounds']))
            assert e['found'] <= 257 * limit and e['rounds'] <= 257, e.body
        assert found[0][0] < found[1][0], found


@harness.once
def test_PERF_28_lists_of_all(api, server):
    with Server() as mine:
        m = Made(Binary(mine))
        whole(m)
        for t in harness.TRANSPORTS:
            one = t(mine)
            for op in ('post_list', 'tag_list', 'trending_posts'):
                check_pages(one, op, {}, m.me)
            for op in WHOLE:
                service = OPS[op].auth == 'AUTH_SERVICE'
                check_limits(one, op, {}, None if service else m.me)


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
