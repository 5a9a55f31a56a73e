#!/usr/bin/python3
"""GRAPH and privacy rows: blocks, mutes, close friends, private accounts and what they hide."""
import json
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import new_user, pages


def names(users):
    return [u['user_id'] for u in users]


def make_private(api, user, on=True):
    x = api.call('user_update', {'user_id': user, 'is_private': on}, viewer=user)
    assert x.status == 200 and x['is_private'] is on, x


def test_PROF_14_private_flag(api, server):
    a, fan, stranger = (new_user(api) for _ in range(3))
    api.call('follow', {'user_id': a}, viewer=fan)
    post = api.call('post_create', {'caption': 'mine'}, viewer=a)['post_id']
    make_private(api, a)
    x = api.call('user_posts', {'user_id': a}, viewer=stranger)
    assert x.status == 200 and x['posts'] == [], x
    assert api.call('user_get', {'user_id': a}, viewer=stranger)['followers_count'] == 1
    assert names(api.call('user_posts', {'user_id': a}, viewer=fan)['posts']) == [a]
    assert api.call('post_get', {'post_id': post}, viewer=stranger).status == 404
    assert api.call('post_get', {'post_id': post}).status == 404
    assert api.call('post_get', {'post_id': post}, viewer=fan).status == 200
    assert api.call('like', {'post_id': post}, viewer=stranger).code == 'not_found'
    assert api.call('comment_create', {'post_id': post, 'content': 'x'}, viewer=stranger).status == 404
    assert api.call('like', {'post_id': post}, viewer=fan)['like_count'] == 1
    assert post not in [p['post_id'] for p in pages(api, 'post_list', {}, 'posts', viewer=stranger)[0]]
    make_private(api, a, False)
    assert api.call('post_get', {'post_id': post}).status == 200


def test_GRAPH_7_requests(api, server):
    a, b, c = (new_user(api) for _ in range(3))
    make_private(api, a)
    post = api.call('post_create', {'caption': 'x'}, viewer=a)['post_id']
    for who in (b, c):
        x = api.call('follow', {'user_id': a}, viewer=who)
        assert x.status == 200 and x['status'] == 'requested' and x['following'] is False, x
        assert x['followers_count'] == 0
    assert api.call('follow', {'user_id': a}, viewer=b)['status'] == 'requested'
    assert names(api.call('follow_requests', {}, viewer=a)['users']) == [c, b]
    assert names(api.call('follow_requests_sent', {}, viewer=b)['users']) == [a]
    assert api.call('user_get', {'user_id': a}, viewer=b)['requested'] is True
    assert api.call('post_get', {'post_id': post}, viewer=b).status == 404
    x = api.call('request_approve', {'user_id': b}, viewer=a)
    assert x.status == 200 and x['status'] == 'following' and x['followers_count'] == 1, x
    assert api.call('request_approve', {'user_id': b}, viewer=a).status == 200
    assert api.call('request_refuse', {'user_id': c}, viewer=a).status == 200
    assert api.call('request_approve', {'user_id': c}, viewer=a).status == 404
    assert api.call('follow_requests', {}, viewer=a)['users'] == []
    assert [p['post_id'] for p in api.call('feed', {}, viewer=b)['posts']] == [post]
    assert api.call('user_get', {'user_id': b})['following_count'] == 1
    assert api.call('follow', {'user_id': a}, viewer=b)['status'] == 'following'
    assert api.call('follow', {'user_id': a}, viewer=c)['status'] == 'requested'
    assert api.call('unfollow', {'user_id': a}, viewer=c).status == 200
    assert api.call('follow_requests', {}, viewer=a)['users'] == []
    assert api.call('follow_requests_sent', {}, viewer=c)['users'] == []


def test_GRAPH_7_follower_removed(api, server):
    a, b = new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=b)
    api.call('post_create', {'caption': 'x'}, viewer=a)
    assert api.call('follower_remove', {'user_id': b}, viewer=a)['followers_count'] == 0
    assert api.call('user_get', {'user_id': b})['following_count'] == 0
    assert api.call('feed', {}, viewer=b)['posts'] == []
    assert api.call('follower_remove', {'user_id': b}, viewer=a).status == 200


def test_GRAPH_8_block(api, server):
    a, b = new_user(api), new_user(api)
    api.call('follow', {'user_id': b}, viewer=a)
    api.call('follow', {'user_id': a}, viewer=b)
    x = api.call('block', {'user_id': a}, viewer=b)
    assert x.status == 200 and x['blocked'] is True and x['following'] is False, x
    assert api.call('block', {'user_id': a}, viewer=b).status == 200
    for u in (a, b):
        me = api.call('user_get', {'user_id': u}, viewer=u)
        assert (me['followers_count'], me['following_count']) == (0, 0), me
    assert api.call('user_get', {'user_id': b}, viewer=a).status == 404
    assert api.call('user_get', {'user_id': a}, viewer=b).status == 404
    assert api.call('follow', {'user_id': b}, viewer=a).status == 404
    assert api.call('follow', {'user_id': a}, viewer=b).status == 404
    me = api.call('block', {'user_id': b}, viewer=b)
    assert me.status == 422 and me.code == 'self_block', me
    assert api.call('block', {'user_id': '1'}, viewer=b).status == 404
    assert api.call('unblock', {'user_id': a}, viewer=b)['blocked'] is False
    assert api.call('user_get', {'user_id': b}, viewer=a)['following'] is False
    assert api.call('follow', {'user_id': b}, viewer=a)['status'] == 'following'


def test_GRAPH_9_block_list(api, server):
    a, b, c = (new_user(api) for _ in range(3))
    for u in (b, c):
        api.call('block', {'user_id': u}, viewer=a)
    assert names(api.call('blocks', {}, viewer=a)['users']) == [c, b]
    assert api.call('blocks', {}, viewer=b)['users'] == []
    assert api.call('blocks', {}).status == 401


def test_GRAPH_10_blocks_hold_everywhere(api, server):
    a, b, c = (new_user(api) for _ in range(3))
    for x, y in ((a, c), (b, c), (c, a), (c, b), (a, b), (b, a)):
        api.call('follow', {'user_id': y}, viewer=x)
    posts = {u: api.call('post_create', {'caption': 'p'}, viewer=u)['post_id'] for u in (a, b, c)}
    for u in (a, b):
        api.call('like', {'post_id': posts[c]}, viewer=u)
        api.call('comment_create', {'post_id': posts[c], 'content': 'hi'}, viewer=u)
    own = [api.call('comment_create', {'post_id': posts[a], 'content': 'b here'}, viewer=b)['comment_id']]
    api.call('block', {'user_id': b}, viewer=a)
    reads = [('user_get', {'user_id': c}), ('followers', {'user_id': c}), ('following', {'user_id': c}),
             ('post_get', {'post_id': posts[c]}), ('post_list', {}), ('user_posts', {'user_id': c}),
             ('likes', {'post_id': posts[c]}), ('comment_list', {'post_id': posts[c]}), ('feed', {}),
             ('relationships', {'user_ids': [a, b, c]}), ('follow_requests', {}), ('close_friends', {}), ('mutes', {})]
    for me, other in ((a, b), (b, a)):
        for op, fields in reads:
            x = api.call(op, fields, viewer=me)
            assert x.status == 200, (op, x)
            assert '"%s"' % other not in json.dumps(x.body, default=str), (op, x)
        for op, fields in (('user_get', {'user_id': other}), ('followers', {'user_id': other}),
                           ('post_get', {'post_id': posts[other]}), ('likes', {'post_id': posts[other]}),
                           ('comment_list', {'post_id': posts[other]}), ('like', {'post_id': posts[other]}),
                           ('user_posts', {'user_id': other}), ('like_count', {'post_id': posts[other]}),
                           ('comment_create', {'post_id': posts[other], 'content': 'x'})):
            assert api.call(op, fields, viewer=me).status == 404, op
    assert own[0] not in [x['comment_id'] for x in api.call('comment_list', {'post_id': posts[a]}, viewer=a)['comments']]
    assert len(api.call('likes', {'post_id': posts[c]}, viewer=c)['users']) == 2


def test_GRAPH_11_close_friends(api, server):
    a, f, other = (new_user(api) for _ in range(3))
    x = api.call('close_friend', {'user_id': f}, viewer=a)
    assert x.status == 200 and x['close_friend'] is True, x
    assert names(api.call('close_friends', {}, viewer=a)['users']) == [f]
    assert api.call('close_friends', {}, viewer=f)['users'] == []
    rel = api.call('relationships', {'user_ids': [a]}, viewer=f)['relationships'][0]
    assert not any(v is True for v in rel.values()), 'a friend is never told'
    assert api.call('notifications', {}, viewer=f)['notifications'] == []
    again = api.call('close_friend', {'user_id': f}, viewer=a)
    assert again.status == 200 and names(api.call('close_friends', {}, viewer=a)['users']) == [f]
    assert api.call('close_friend', {'user_id': '1'}, viewer=a).status == 404
    post = api.call('post_create', {'caption': 'close', 'audience': 'close_friends'}, viewer=a)['post_id']
    sees = lambda who: api.call('post_get', {'post_id': post}, viewer=who).status
    assert (sees(f), sees(other)) == (200, 404)
    assert api.call('close_friend_end', {'user_id': f}, viewer=a)['close_friend'] is False
    assert sees(f) == 404 and api.call('notifications', {}, viewer=f)['notifications'] == []
    assert api.call('close_friends', {}, viewer=a)['users'] == []
    assert api.call('close_friend', {'user_id': a}, viewer=a).code == 'self_close_friend'


def test_GRAPH_mutes(api, server):
    a, b = new_user(api), new_user(api)
    api.call('follow', {'user_id': b}, viewer=a)
    old = api.call('post_create', {'caption': 'old'}, viewer=b)['post_id']
    assert len(api.call('feed', {}, viewer=a)['posts']) == 1
    assert api.call('mute', {'user_id': b}, viewer=a)['muted'] is True
    new = api.call('post_create', {'caption': 'new'}, viewer=b)['post_id']
    assert api.call('feed', {}, viewer=a)['posts'] == []
    assert [p['post_id'] for p in api.call('user_posts', {'user_id': b}, viewer=a)['posts']] == [new, old]
    assert api.call('user_get', {'user_id': b}, viewer=a)['following'] is True
    assert names(api.call('mutes', {}, viewer=a)['users']) == [b]
    assert api.call('unmute', {'user_id': b}, viewer=a)['muted'] is False
    assert [p['post_id'] for p in api.call('feed', {}, viewer=a)['posts']] == [new, old]


def test_GRAPH_relationships(api, server):
    a, others = new_user(api), [new_user(api) for _ in range(4)]
    api.call('follow', {'user_id': others[0]}, viewer=a)
    api.call('follow', {'user_id': a}, viewer=others[1])
    make_private(api, others[2])
    api.call('follow', {'user_id': others[2]}, viewer=a)
    rel = api.call('relationships', {'user_ids': others}, viewer=a)['relationships']
    assert names(rel) == others
    assert [r['following'] for r in rel] == [True, False, False, False]
    assert [r['followed_by'] for r in rel] == [False, True, False, False]
    assert [r['requested'] for r in rel] == [False, False, True, False]
    too_many = api.call('relationships', {'user_ids': others * 126}, viewer=a, route=1)
    assert too_many.status == 422 and too_many.pointers == ['/user_ids'], too_many


def test_GRAPH_survives_kill(api, server):
    a, b, c = (new_user(api) for _ in range(3))
    make_private(api, a)
    api.call('follow', {'user_id': a}, viewer=b)
    api.call('block', {'user_id': c}, viewer=a)
    api.call('mute', {'user_id': b}, viewer=c)
    server.kill()
    server.start()
    api = type(api)(server)
    assert names(api.call('follow_requests', {}, viewer=a)['users']) == [b]
    assert names(api.call('blocks', {}, viewer=a)['users']) == [c]
    assert names(api.call('mutes', {}, viewer=c)['users']) == [b]
    assert api.call('request_approve', {'user_id': b}, viewer=a)['followers_count'] == 1


def test_GRAPH_13_mutuals(api, server):
    me, x = new_user(api), new_user(api)
    friends = [new_user(api) for _ in range(5)]
    for f in friends:
        api.call('follow', {'user_id': f}, viewer=me)
    for f in friends[:3]:
        api.call('follow', {'user_id': x}, viewer=f)
    m = api.call('mutuals', {'user_id': x}, viewer=me)
    assert m['count'] == 3 and names(m['users']) == friends[:3][::-1] and m['next_cursor'] is None, m
    assert all(u['username'] for u in m['users'])
    users, sizes = pages(api, 'mutuals', {'user_id': x}, 'users', viewer=me, limit=2)
    assert names(users) == friends[:3][::-1] and sizes == [2, 1], sizes
    api.call('unfollow', {'user_id': x}, viewer=friends[0])
    assert api.call('mutuals', {'user_id': x}, viewer=me)['count'] == 2
    assert api.call('mutuals', {'user_id': '1'}, viewer=me).status == 404


def brute(follows, me, known):
    counts = {}
    for f in follows.get(me, ()):
        for c in follows.get(f, ()):
            if c != me and c not in known:
                counts[c] = counts.get(c, 0) + 1
    fans = lambda u: sum(u in f for f in follows.values())
    return sorted(counts.items(), key=lambda i: (-i[1], -fans(i[0]), int(i[0])))


def suggested(api, who, limit=100):
    x = api.call('suggestions', {'limit': limit}, viewer=who)
    assert x.status == 200, x
    return [(s['user_id'], s['mutual_count']) for s in x['suggestions']], x['suggestions']


def test_SUGG_1_2_3(api, server):
    rng = random.Random(7)
    people = [new_user(api) for _ in range(40)]
    follows = {p: set() for p in people}
    for _ in range(300):
        a, b = rng.sample(people, 2)
        assert api.call('follow', {'user_id': b}, viewer=a).status == 200
        follows[a].add(b)
    for me in people:
        want = brute(follows, me, follows[me])
        if want:
            got, items = suggested(api, me)
            assert got == want, (got, want)
            assert all(s['reason'] == 'mutuals' and s['user']['username'] for s in items)
    me = next(p for p in people if len(brute(follows, p, follows[p])) >= 6)
    want = brute(follows, me, follows[me])
    first, second, third, fourth = (want[i][0] for i in range(4))
    assert suggested(api, me, 2)[0] == want[:2]
    # Followed, asked, dismissed or blocked: the rest moves up.
    api.call('follow', {'user_id': first}, viewer=me)
    follows[me].add(first)
    api.call('suggestion_dismiss', {'user_id': second}, viewer=me)
    api.call('block', {'user_id': me}, viewer=third)
    follows[me].discard(third), follows[third].discard(me)
    make_private(api, fourth)
    api.call('follow', {'user_id': fourth}, viewer=me)
    left = brute(follows, me, follows[me] | {second, third, fourth})
    assert suggested(api, me)[0] == left
    # A follow anywhere shows in the next read.
    friend, other = next((f, o) for f in follows[me] for o, _ in left if o not in follows[f] and o != f)
    api.call('follow', {'user_id': other}, viewer=friend)
    follows[friend].add(other)
    assert suggested(api, me)[0] == brute(follows, me, follows[me] | {second, third, fourth})
    make_private(api, fourth, False)


def test_SUGG_4_fresh_user(api, server):
    star, fresh = new_user(api), new_user(api)
    for _ in range(3):
        api.call('follow', {'user_id': star}, viewer=new_user(api))
    got, items = suggested(api, fresh)
    assert items and all(n == 0 for _, n in got) and all(s['reason'] == 'popular' for s in items)
    assert star in [u for u, _ in got] and fresh not in [u for u, _ in got]
    counts = [api.call('user_get', {'user_id': u})['followers_count'] for u, _ in got]
    assert counts == sorted(counts, reverse=True)


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
