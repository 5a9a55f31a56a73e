#!/usr/bin/python3
"""GRAPH rows: follows and their mirrors."""
import os
import random
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import new_user, pages


def test_GRAPH_1_follow(api, server):
    a, b = new_user(api), new_user(api)
    x = api.call('follow', {'user_id': b}, viewer=a)
    assert x.status == 200 and x['following'] and x['status'] == 'following' and x['followers_count'] == 1, x
    x = api.call('follow', {'user_id': b}, viewer=a)
    assert x.status == 200 and x['followers_count'] == 1
    assert api.call('user_get', {'user_id': a})['following_count'] == 1
    assert api.call('user_get', {'user_id': b}, viewer=a)['following'] is True
    me = api.call('follow', {'user_id': a}, viewer=a)
    assert me.status == 422 and me.code == 'self_follow', me
    assert api.call('follow', {'user_id': '1'}, viewer=a).status == 404


def test_GRAPH_2_unfollow(api, server):
    a, b = new_user(api), new_user(api)
    api.call('post_create', {'caption': 'x'}, viewer=b)
    api.call('follow', {'user_id': b}, viewer=a)
    assert len(api.call('feed', {}, viewer=a)['posts']) == 1
    x = api.call('unfollow', {'user_id': b}, viewer=a)
    assert x.status == 200 and not x['following'] and x['followers_count'] == 0 and x['status'] == 'none', x
    assert api.call('unfollow', {'user_id': b}, viewer=a).status == 200
    assert api.call('feed', {}, viewer=a)['posts'] == []
    assert api.call('user_get', {'user_id': b})['followers_count'] == 0
    api.call('follow', {'user_id': b}, viewer=a)
    assert api.call('unfollow', {'user_id': b}, viewer=a, route=1).status == 200
    assert api.call('user_get', {'user_id': a})['following_count'] == 0


def test_GRAPH_3_followers(api, server):
    c = new_user(api)
    fans = [new_user(api) for _ in range(45)]
    for f in fans:
        api.call('follow', {'user_id': c}, viewer=f)
    users, sizes = pages(api, 'followers', {'user_id': c}, 'users')
    assert [u['user_id'] for u in users] == fans[::-1]
    assert sizes == [20, 20, 5], sizes
    assert all(u['followed_since'] and u['username'] and u['first_name'] == 'First' for u in users)
    times = [u['followed_since'] for u in users]
    assert times == sorted(times, reverse=True)


def test_GRAPH_4_following(api, server):
    a, c = new_user(api), new_user(api)
    api.call('follow', {'user_id': c}, viewer=a)
    api.call('follow', {'user_id': c}, viewer=a)
    out = api.call('following', {'user_id': a})['users']
    back = api.call('followers', {'user_id': c})['users']
    assert out[0]['user_id'] == c and out[0]['followed_since'] == back[0]['followed_since']


def test_GRAPH_5_both_ends_agree(api, server):
    people = [new_user(api) for _ in range(24)]

    def work(seed):
        rng, mine = random.Random(seed), type(api)(server)
        for _ in range(150):
            x, y = rng.sample(people, 2)
            mine.call(rng.choice(['follow', 'follow', 'unfollow']), {'user_id': y}, viewer=x)
    threads = [threading.Thread(target=work, args=(s,)) for s in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    forward = {(p, u['user_id']) for p in people for u in pages(api, 'following', {'user_id': p}, 'users', limit=7)[0]}
    mirror = {(u['user_id'], p) for p in people for u in pages(api, 'followers', {'user_id': p}, 'users', limit=7)[0]}
    assert forward == mirror
    for p in people:
        u = api.call('user_get', {'user_id': p})
        assert u['following_count'] == sum(1 for x, _ in forward if x == p)
        assert u['followers_count'] == sum(1 for _, y in forward if y == p)


def test_GRAPH_6_cascade(api, server):
    x, others = new_user(api), [new_user(api) for _ in range(5)]
    for o in others:
        api.call('follow', {'user_id': o}, viewer=x)
        api.call('follow', {'user_id': x}, viewer=o)
    assert api.call('user_delete', {'user_id': x}, viewer=x).status == 204

    def settled():
        for o in others:
            u = api.call('user_get', {'user_id': o})
            assert (u['followers_count'], u['following_count']) == (0, 0)
            assert api.call('followers', {'user_id': o})['users'] == []
            assert api.call('following', {'user_id': o})['users'] == []
    harness.eventually(settled)
    assert api.call('followers', {'user_id': x}).status == 404


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
