#!/usr/bin/python3
"""FEED rows: every feed read page by page equals the one a slow, obvious model computes, whatever the
fan-out bound, also after changes and after a restart."""
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Server, new_user, pages
from model import Model, World


def world_run(bound):
    with Server('--fanout-max', str(bound)) as server:
        w = World(server, 7 + bound, Model())
        w.people = [int(new_user(w.apis[1])) for _ in range(40)]
        w.authors = w.people[:12]
        for _ in range(500):
            w.step()
        w.check_all()
        server.restart('kill')
        w.reconnect()
        w.check_all()
        for _ in range(150):
            w.step()
        w.check_all()
        server.restart('stop')
        w.reconnect()
        w.check_all()


@harness.once
def test_FEED_8_11_model_all_pulled(api, server):
    world_run(0)


@harness.once
def test_FEED_8_11_model_mixed(api, server):
    world_run(5)


@harness.once
def test_FEED_8_11_model_all_pushed(api, server):
    world_run(1000000)


def at_least(a, b):
    assert a >= b, (a, b)


def follower_of(api, posts):
    a, f = new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=f)
    ids = [api.call('post_create', {'caption': 'p%d' % i}, viewer=a)['post_id'] for i in range(posts)]
    return a, f, ids[::-1]


def test_FEED_1_2_last_seen(api, server):
    a, f, ids = follower_of(api, 45)
    got, last, sizes = [], None, []
    for _ in range(3):
        r = api.call('feed', dict({'limit': 20}, **({'last_seen_post_id': last} if last else {})), viewer=f)
        got += [p['post_id'] for p in r['posts']]
        sizes.append(len(r['posts']))
        last = got[-1]
    assert got == ids and sizes == [20, 20, 5]
    api.call('post_delete', {'post_id': ids[10]}, viewer=a)
    r = api.call('feed', {'last_seen_post_id': ids[10], 'limit': 3}, viewer=f)
    assert [p['post_id'] for p in r['posts']] == ids[11:14]


def test_FEED_3_cursor_by_time(api, server):
    a, f = new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=f)
    at = 1600000000000
    rows = [{'user_id': a, 'created_at': at if i < 30 else at - 1000 - i, 'caption': 'r%d' % i} for i in range(40)]
    source = random.Random(api.name).getrandbits(63)
    r = api.call('import_posts', {'source_hi': source, 'source_lo': 1, 'chunk': 0, 'posts': rows})
    assert r['applied'] == 40, r
    got, sizes = pages(api, 'feed', {}, 'posts', viewer=f, limit=7)
    assert len({p['post_id'] for p in got}) == 40 and len(got) == 40
    stamp = got[29]['created_at']
    r = api.call('feed', {'last_seen_post_created_at': stamp if api.name == 'http' else at}, viewer=f)
    assert [p['post_id'] for p in r['posts']] == [p['post_id'] for p in got[30:]], r
    again = api.call('import_posts', {'source_hi': source, 'source_lo': 1, 'chunk': 0, 'posts': rows})
    assert (again['applied'], again['repeated']) == (0, 40), again


def test_FEED_4_offset(api, server):
    a, f, ids = follower_of(api, 45)
    r = api.call('feed', {'limit': 20, 'offset': 20}, viewer=f)
    assert [p['post_id'] for p in r['posts']] == ids[20:40]


def test_FEED_5_stable_under_writes(api, server):
    a, f, ids = follower_of(api, 60)
    got, cursor = [], None
    while True:
        r = api.call('feed', dict({'limit': 7}, **({'cursor': cursor} if cursor else {})), viewer=f)
        got += [p['post_id'] for p in r['posts']]
        cursor = r['next_cursor']
        if cursor is None:
            break
        for _ in range(5):
            api.call('post_create', {'caption': 'meanwhile'}, viewer=a)
    assert got == ids


def test_FEED_7_author(api, server):
    a, f, _ = follower_of(api, 1)
    author = api.call('feed', {}, viewer=f)['posts'][0]['author']
    u = api.call('user_get', {'user_id': a})
    for k in ('user_id', 'username', 'first_name', 'last_name', 'full_name', 'avatar_url', 'is_verified'):
        assert author[k] == u[k], k
    name = 'renamed_%s_%d' % (api.name, os.getpid())
    api.call('user_update', {'user_id': a, 'username': name}, viewer=a)
    assert api.call('feed', {}, viewer=f)['posts'][0]['author']['username'] == name


def test_FEED_9_beyond_the_timeline(api, server):
    a, f = new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=f)
    api.call('feed', {}, viewer=f)
    source = random.Random(api.name + '9').getrandbits(63)
    for c in range(4):
        rows = [{'user_id': a, 'created_at': 1500000000000 + c * 256000 + i * 1000, 'caption': 'x'} for i in range(256)]
        api.call('import_posts', {'source_hi': source, 'source_lo': 9, 'chunk': c, 'posts': rows})
    got, sizes = pages(api, 'feed', {}, 'posts', viewer=f, limit=20)
    ids = [int(p['post_id']) for p in got]
    assert len(ids) == 1024 and ids == sorted(set(ids), reverse=True)


def test_FEED_10_fan_out(api, server):
    a = new_user(api)
    fans = [new_user(api) for _ in range(50)]
    for f in fans:
        api.call('follow', {'user_id': a}, viewer=f)
        api.call('feed', {}, viewer=f)
    p = api.call('post_create', {'caption': 'hot'}, viewer=a)['post_id']
    for f in fans:
        assert api.call('feed', {}, viewer=f)['posts'][0]['post_id'] == p


def test_FEED_14_15_changes_show_at_once(api, server):
    a, f, ids = follower_of(api, 3)
    b = new_user(api)
    other = api.call('post_create', {'caption': 'b'}, viewer=b)['post_id']
    ids = [api.call('post_create', {'caption': 'later'}, viewer=a)['post_id']] + ids
    api.call('feed', {}, viewer=f)
    api.call('post_update', {'post_id': ids[0], 'caption': 'edited'}, viewer=a)
    assert api.call('feed', {}, viewer=f)['posts'][0]['caption'] == 'edited'
    api.call('post_delete', {'post_id': ids[0]}, viewer=a)
    assert [p['post_id'] for p in api.call('feed', {}, viewer=f)['posts']] == ids[1:]
    api.call('follow', {'user_id': b}, viewer=f)
    assert [p['post_id'] for p in api.call('feed', {}, viewer=f)['posts']] == [other] + ids[1:]
    top = api.call('post_create', {'caption': 'top'}, viewer=a)['post_id']
    # What the new one wrote stands where its time is, and goes with him.
    assert [p['post_id'] for p in api.call('feed', {}, viewer=f)['posts']] == [top, other] + ids[1:]
    api.call('unfollow', {'user_id': a}, viewer=f)
    assert [p['post_id'] for p in api.call('feed', {}, viewer=f)['posts']] == [other]
    api.call('follow', {'user_id': a}, viewer=f)
    assert [p['post_id'] for p in api.call('feed', {}, viewer=f)['posts']] == [top, other] + ids[1:]
    # A block takes them away whoever makes it, and its end gives nothing back by itself.
    for blocker, blocked in ((f, a), (b, f)):
        api.call('block', {'user_id': blocked}, viewer=blocker)
        left = [p['post_id'] for p in api.call('feed', {}, viewer=f)['posts']]
        assert left == ([other] if blocker == f else []), left
        api.call('unblock', {'user_id': blocked}, viewer=blocker)
        assert [p['post_id'] for p in api.call('feed', {}, viewer=f)['posts']] == left


def test_FEED_23_not_older_than(api, server):
    a, f, _ = follower_of(api, 1)
    other = type(api)(server)
    for i in range(100):
        w = api.call('post_create', {'caption': 'w%d' % i}, viewer=a)
        assert w.place > 0
        r = other.call('feed', {'limit': 1}, viewer=f, place=w.place)
        assert r['posts'][0]['post_id'] == w['post_id'] and r.place >= w.place, (i, r, w)
    late = other.call('feed', {}, viewer=f, place=w.place + 10**9)
    assert late.status == 503 and late.code == 'place_timeout', late


def test_FEED_20_hot_and_cold_reads_agree(api, server):
    a, f, ids = follower_of(api, 30)
    for p in ids[:3]:
        api.call('like', {'post_id': p}, viewer=f)
    word, _ = 'hotcold' + a, api.call('post_update', {'post_id': ids[0], 'caption': 'hotcold%s #hc%s' % (a, a)}, viewer=a)
    reads = [('feed', {}), ('user_get', {'user_id': a}), ('post_get', {'post_id': ids[1]}), ('user_posts', {'user_id': a}),
             ('search_posts', {'query': word}), ('tag_posts', {'tag_name': 'hc' + a}), ('likes', {'post_id': ids[0]}),
             ('trending_hashtags', {'limit': 100}), ('trending_posts', {'limit': 100}), ('notifications', {})]
    # When somebody was active last is kept in memory only.
    told = lambda body: {k: v for k, v in body.items() if k != 'last_active_at'}
    read = lambda: [(op, told(api.call(op, fields, viewer=f).body)) for op, fields in reads]

    def hits():
        lines = server.admin_get('/metrics')[1].splitlines()
        return [sum(int(x.split()[-1]) for x in lines if x.startswith('kith_feed_%s_total' % k)) for k in ('hits', 'misses')]
    cold = read()
    assert read() == cold and len(cold[0][1]['posts']) == 20

    def published():
        was = hits()
        time.sleep(0.3)
        return was == hits()
    harness.eventually(published)  # what went before
    before = hits()
    for _ in range(5):
        assert api.call('feed', {}, viewer=f).body == cold[0][1]
    harness.eventually(lambda: at_least(hits()[0], before[0] + 5))
    assert hits()[1] <= before[1] + 1
    # After a start there is nothing but the truth.
    server.restart('kill')
    api = type(api)(server)
    for _ in range(2):
        for was, now in zip(cold, read()):
            assert now == was, (was, now)


def test_include_self(api, server):
    a = new_user(api)
    p = api.call('post_create', {'caption': 'mine'}, viewer=a)['post_id']
    assert api.call('feed', {}, viewer=a)['posts'] == []
    assert [x['post_id'] for x in api.call('feed', {'include_self': True}, viewer=a)['posts']] == [p]


def test_PERF_28_limits(api, server):
    a, f, ids = follower_of(api, 1)
    ops = {'feed': {}, 'followers': {'user_id': a}, 'following': {'user_id': a}, 'user_posts': {'user_id': a},
           'post_list': {}, 'likes': {'post_id': ids[0]}, 'comment_list': {'post_id': ids[0]}}
    for op, fields in ops.items():
        for limit in (0, 101, 4294967295):
            r = api.call(op, dict(fields, limit=limit), viewer=f)
            assert r.status == 422 and '/limit' in r.pointers, (op, limit, r)
        for cursor in ('x', 'A' * 43, '!!!!', 'a' * 257):
            r = api.call(op, dict(fields, cursor=cursor), viewer=f)
            assert r.status in (400, 422), (op, cursor, r)
        assert api.call(op, dict(fields, limit=100), viewer=f).status == 200


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
