#!/usr/bin/python3
"""Audiences, pins and the archive of posts, replies, bookmarks, shares, reactions, likes of comments: POST-15 to 20,
CMT-10, LIKE-10 and 13, SAVE-1 to 5 and 9, STAT-2."""
import os
import random
import re
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import eventually, new_user, pages

TYPES = ('like', 'love', 'haha', 'wow', 'sad', 'angry')


def make(api, viewer, **fields):
    fields.setdefault('caption', 'a post')
    a = api.call('post_create', fields, viewer=viewer)
    assert a.status == 201, a
    return a['post_id']


def change(api, viewer, post, **fields):
    a = api.call('post_update', dict(fields, post_id=post), viewer=viewer)
    assert a.status == 200, a
    return a


def get(api, post, viewer=None):
    return api.call('post_get', {'post_id': post}, viewer=viewer)


def listed(api, op, fields, viewer=None, noun='posts', limit=20):
    return [p['post_id'] for p in pages(api, op, fields, noun, viewer=viewer, limit=limit)[0]]


def feed(api, viewer):
    return listed(api, 'feed', {}, viewer=viewer)


def test_POST_15_public_flag(api, server):
    a, fan, stranger = new_user(api), new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=fan)
    p = make(api, a, is_public=False)
    shown = get(api, p, a)
    assert shown['is_public'] is False and shown['audience'] == 'followers', shown
    for viewer, status in ((stranger, 404), (None, 404), (fan, 200), (a, 200)):
        assert get(api, p, viewer).status == status, viewer
        for op in ('likes', 'like_count', 'comment_list', 'shares', 'post_replies', 'post_stats'):
            assert api.call(op, {'post_id': p}, viewer=viewer).status == status, (op, viewer)
    assert p not in listed(api, 'post_list', {}, stranger) and feed(api, fan) == [p]
    assert listed(api, 'user_posts', {'user_id': a}, stranger) == []
    assert listed(api, 'user_posts', {'user_id': a}, fan) == [p]
    for op, f in (('like', {}), ('bookmark', {}), ('share', {}), ('react', {'reaction_type': 'wow'}), ('unlike', {}),
                  ('comment_create', {'content': 'x'}), ('unbookmark', {}), ('unreact', {}), ('unshare', {})):
        assert api.call(op, dict(f, post_id=p), viewer=stranger).status == 404, op
    assert api.call('post_create', {'caption': 'x', 'reply_to_post_id': p}, viewer=stranger).status == 404
    eventually(lambda: quiet(api, stranger))
    assert change(api, a, p, is_public=True)['audience'] == 'public'
    assert get(api, p, stranger)['is_public'] is True
    change(api, a, p, audience='close_friends')
    assert get(api, p, fan).status == 404 and feed(api, fan) == []
    wrong = api.call('post_update', {'post_id': p, 'audience': 'followers', 'is_public': True}, viewer=a)
    assert wrong.status == 400 and wrong.code == 'conflicting_aliases', wrong
    assert get(api, p, a)['audience'] == 'close_friends'
    assert change(api, a, p, audience='followers', is_public=False)['audience'] == 'followers'


def quiet(api, user):
    """What was refused has left nothing at its other end."""
    assert listed(api, 'bookmarks', {}, user) == []
    assert listed(api, 'user_posts', {'user_id': user}, user) == []


def test_POST_16_24_PERF_11_pinned(api, server):
    a = new_user(api)
    ids = [make(api, a, caption='n%d' % i) for i in range(25)][::-1]
    order = lambda limit=20: listed(api, 'user_posts', {'user_id': a}, limit=limit)
    assert order() == ids
    oldest, second = ids[-1], ids[-2]
    assert change(api, a, oldest, is_pinned=True)['is_pinned'] is True
    assert order() == [oldest] + ids[:-1]
    change(api, a, second, is_pinned=True)
    change(api, a, ids[3], is_pinned=True)
    rest = [p for p in ids if p not in (oldest, second, ids[3])]
    for limit in (1, 2, 3, 4, 24, 25, 100):
        assert order(limit) == [ids[3], second, oldest] + rest, limit
    more = api.call('post_update', {'post_id': ids[0], 'is_pinned': True}, viewer=a)
    assert more.status == 422 and more.code == 'too_many_pins' and '/is_pinned' in more.pointers, more
    more = api.call('post_create', {'caption': 'x', 'is_pinned': True}, viewer=a)
    assert more.status == 422 and more.code == 'too_many_pins', more
    assert change(api, a, ids[3], is_pinned=True)['is_pinned'] is True
    api.call('post_delete', {'post_id': second}, viewer=a)
    change(api, a, ids[3], is_pinned=False)
    ids.remove(second)
    assert order(3) == [oldest] + ids[:-1]
    change(api, a, oldest, is_pinned=False)
    assert order() == ids
    b = new_user(api)
    born = [make(api, b, is_pinned=True), make(api, b)]
    assert listed(api, 'user_posts', {'user_id': b}) == born


def test_POST_17_archived(api, server):
    a, fan = new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=fan)
    first, p, last = [make(api, a, caption='n%d' % i) for i in range(3)]
    assert feed(api, fan) == [last, p, first]
    api.call('like', {'post_id': p}, viewer=fan)
    api.call('bookmark', {'post_id': p}, viewer=fan)
    c = api.call('comment_create', {'post_id': p, 'content': 'c'}, viewer=fan)['comment_id']
    change(api, a, p, is_pinned=True)
    x = change(api, a, p, is_archived=True)
    assert x['is_archived'] is True and x['is_pinned'] is False and x['like_count'] == 1, x
    assert api.call('user_get', {'user_id': a})['posts_count'] == 2
    assert feed(api, fan) == [last, first] and get(api, p, fan).status == 404 and get(api, p, a).status == 200
    assert listed(api, 'user_posts', {'user_id': a}, a) == [last, first]
    assert listed(api, 'user_archive', {'user_id': a}, a) == [p]
    assert api.call('user_archive', {'user_id': a}, viewer=fan).status == 403
    assert p not in listed(api, 'post_list', {}, limit=100) and listed(api, 'bookmarks', {}, fan) == []
    assert pages(api, 'user_comments', {'user_id': fan}, 'comments', viewer=fan)[0] == []
    for op in ('like', 'unlike', 'unbookmark'):
        assert api.call(op, {'post_id': p}, viewer=fan).status == 404
    pin = api.call('post_update', {'post_id': p, 'is_pinned': True}, viewer=a)
    assert pin.status == 422 and pin.code == 'not_to_be_pinned', pin
    server.restart('kill')
    api = type(api)(server)
    assert listed(api, 'user_archive', {'user_id': a}, a) == [p]
    new = new_user(api)
    api.call('follow', {'user_id': a}, viewer=new)
    assert feed(api, new) == feed(api, fan) == [last, first]
    change(api, a, p, is_archived=False)
    assert feed(api, new) == feed(api, fan) == [last, p, first]
    assert listed(api, 'user_posts', {'user_id': a}) == [last, p, first]
    assert listed(api, 'user_archive', {'user_id': a}, a) == []
    assert api.call('user_get', {'user_id': a})['posts_count'] == 3
    back = get(api, p, fan)
    assert back['comment_count'] == 1 and back['is_archived'] is False, back
    assert [x['comment_id'] for x in api.call('comment_list', {'post_id': p})['comments']] == [c]
    change(api, a, p, is_archived=True)
    assert api.call('post_delete', {'post_id': p}, viewer=a).status == 204
    assert listed(api, 'user_archive', {'user_id': a}, a) == []
    assert api.call('user_get', {'user_id': a})['posts_count'] == 2


def test_POST_18_comments_disabled(api, server):
    a, b = new_user(api), new_user(api)
    p = make(api, a)
    c = api.call('comment_create', {'post_id': p, 'content': 'old'}, viewer=b)['comment_id']
    assert change(api, a, p, comments_disabled=True)['comments_disabled'] is True
    for viewer in (a, b):
        no = api.call('comment_create', {'post_id': p, 'content': 'new'}, viewer=viewer)
        assert no.status == 403 and no.code == 'comments_disabled', no
    assert [x['comment_id'] for x in api.call('comment_list', {'post_id': p})['comments']] == [c]
    assert get(api, p)['comment_count'] == 1
    change(api, a, p, comments_disabled=False)
    assert api.call('comment_create', {'post_id': p, 'content': 'new'}, viewer=b).status == 201
    closed = make(api, a, comments_disabled=True)
    assert api.call('comment_create', {'post_id': closed, 'content': 'x'}, viewer=b).status == 403


def test_POST_19_likes_disabled(api, server):
    a, b, c = new_user(api), new_user(api), new_user(api)
    p = make(api, a)
    api.call('like', {'post_id': p}, viewer=b)
    api.call('react', {'post_id': p, 'reaction_type': 'sad'}, viewer=a)
    assert change(api, a, p, likes_disabled=True)['likes_disabled'] is True
    for viewer in (a, c):
        for op, f in (('like', {}), ('react', {'reaction_type': 'wow'}), ('react', {'reaction_type': 'like'})):
            no = api.call(op, dict(f, post_id=p), viewer=viewer)
            assert no.status == 403 and no.code == 'likes_disabled', no
    assert get(api, p, a)['like_count'] == 1 and get(api, p, a)['reaction_count'] == 2
    for viewer in (b, c, None):
        shown = get(api, p, viewer)
        assert shown['like_count'] == 0 and shown['reaction_count'] == 0 and not shown.body.get('reactions'), shown
        assert api.call('like_count', {'post_id': p}, viewer=viewer)['like_count'] == 0
        assert api.call('likes', {'post_id': p}, viewer=viewer)['users'] == []
        assert api.call('post_stats', {'post_id': p}, viewer=viewer)['like_count'] == 0
    assert get(api, p, b)['liked'] is True
    assert [u['user_id'] for u in api.call('likes', {'post_id': p}, viewer=a)['users']] == [b]
    assert api.call('unlike', {'post_id': p}, viewer=b)['like_count'] == 0
    assert get(api, p, a)['like_count'] == 0
    change(api, a, p, likes_disabled=False)
    eventually(lambda: again(api, p, c))


def again(api, post, viewer):
    """Once what was refused is undone at its other end, the pair is free."""
    assert api.call('like', {'post_id': post}, viewer=viewer)['like_count'] == 1


def test_POST_20_PERF_12_replies(api, server):
    a, others = new_user(api), [new_user(api) for _ in range(5)]
    p = make(api, a, caption='what is asked')
    ids = [make(api, others[i % 5], caption='r%d' % i, reply_to_post_id=p) for i in range(25)][::-1]
    assert get(api, ids[0])['reply_to_post_id'] == p and get(api, p)['reply_to_post_id'] is None
    assert get(api, p)['reply_count'] == 25
    assert listed(api, 'post_replies', {'post_id': p}) == ids
    assert listed(api, 'user_posts', {'user_id': others[0]}) == ids[4::5]
    own = make(api, a, reply_to_post_id=p)
    assert listed(api, 'post_replies', {'post_id': p}) == [own] + ids
    api.call('post_delete', {'post_id': own}, viewer=a)
    api.call('post_delete', {'post_id': ids[0]}, viewer=others[4])

    def fallen():
        assert get(api, p)['reply_count'] == 24
    eventually(fallen)
    change(api, others[3], ids[1], is_archived=True)
    assert listed(api, 'post_replies', {'post_id': p}) == ids[2:]
    deep = make(api, a, reply_to_post_id=ids[2])
    assert listed(api, 'post_replies', {'post_id': ids[2]}) == [deep]
    for bad in ('1', ids[0]):
        no = api.call('post_create', {'caption': 'x', 'reply_to_post_id': bad}, viewer=a)
        assert no.status == 404, no
    no = api.call('post_create', {'caption': 'x', 'reply_to_post_id': p, 'is_pinned': True}, viewer=a)
    assert no.status == 422 and no.code == 'not_to_be_pinned', no
    count = api.call('user_get', {'user_id': a})['posts_count']
    assert api.call('post_create', {'caption': '', 'reply_to_post_id': p}, viewer=a).status == 422
    assert api.call('user_get', {'user_id': a})['posts_count'] == count
    change(api, a, p, is_public=False)
    assert get(api, ids[2], others[0])['reply_to_post_id'] is None and get(api, ids[2], a)['reply_to_post_id'] == p
    server.restart('kill')
    api = type(api)(server)
    assert api.call('post_delete', {'post_id': p}, viewer=a).status == 204
    left = get(api, ids[2])
    assert left.status == 200 and left['reply_to_post_id'] is None, left
    assert api.call('post_replies', {'post_id': p}).status == 404


def test_POST_20_a_key_makes_one_reply(api, server):
    a, b = new_user(api), new_user(api)
    p = make(api, a)
    key = 'reply-%s-%d' % (api.name, os.getpid())
    body = {'caption': 'once', 'reply_to_post_id': p}
    one = api.call('post_create', body, viewer=b, key=key)
    two = api.call('post_create', body, viewer=b, key=key)
    assert one.status == two.status == 201 and one['post_id'] == two['post_id'], (one, two)

    def one_left():
        assert listed(api, 'user_posts', {'user_id': b}) == [one['post_id']]
    eventually(one_left)
    assert get(api, p)['reply_count'] == 1


def test_POST_21_SEC_28_restore(api, server):
    a, b, fan = new_user(api), new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=fan)
    first, p, last = [make(api, a, caption='n%d' % i) for i in range(3)]
    c = api.call('comment_create', {'post_id': p, 'content': 'c'}, viewer=b)['comment_id']
    for op, f in (('like', {'post_id': p}), ('bookmark', {'post_id': p}), ('comment_like', {'comment_id': c}),
                  ('share', {'post_id': p, 'content': 'said'})):
        assert api.call(op, f, viewer=b).status == 200, op
    react(api, fan, p, 'love')
    change(api, a, p, is_pinned=True)
    answer = make(api, b, reply_to_post_id=p)
    shown = lambda: (get(api, p, b).body, api.call('comment_list', {'post_id': p}, viewer=b).body, feed(api, fan),
                     api.call('shares', {'post_id': p}).body, listed(api, 'user_posts', {'user_id': a}),
                     listed(api, 'bookmarks', {}, b), listed(api, 'post_replies', {'post_id': p}),
                     api.call('user_get', {'user_id': a})['posts_count'],
                     [x['comment_id'] for x in api.call('user_comments', {'user_id': b}, viewer=b)['comments']])
    was = shown()
    assert was[2] == [last, p, first] and was[4] == [p, last, first] and was[5] == [p] and was[6] == [answer], was
    for again in range(2):
        assert api.call('post_delete', {'post_id': p}, viewer=a).status == 204
        assert api.call('post_delete', {'post_id': p}, viewer=a).status == 404
        for viewer in (a, b, None):
            assert get(api, p, viewer).status == 404
        assert feed(api, fan) == [last, first] and listed(api, 'bookmarks', {}, b) == []
        assert listed(api, 'user_posts', {'user_id': a}, a) == [last, first]
        assert api.call('user_get', {'user_id': a})['posts_count'] == 2
        assert api.call('user_comments', {'user_id': b}, viewer=b)['comments'] == []
        assert get(api, answer)['reply_to_post_id'] is None
        for op, f in (('like', {'post_id': p}), ('comment_like', {'comment_id': c}), ('post_replies', {'post_id': p}),
                      ('comment_update', {'comment_id': c, 'content': 'x'}),
                      ('post_update', {'post_id': p, 'caption': 'x'}), ('post_stats', {'post_id': p})):
            assert api.call(op, f, viewer=b).status == 404, op
        assert api.call('post_restore', {'post_id': p}, viewer=b).status == 404
        assert api.call('post_restore', {'post_id': p}, service=False).status == 401
        if again:
            server.restart('kill')
            api = type(api)(server)
        x = api.call('post_restore', {'post_id': p}, viewer=a)
        assert x.status == 200 and x['post_id'] == p and x['like_count'] == 1 and x['is_pinned'], x
        assert shown() == was
    assert api.call('post_restore', {'post_id': p}, viewer=a).status == 200
    assert api.call('post_restore', {'post_id': p}, viewer=b).status == 403
    assert api.call('post_restore', {'post_id': '5'}, viewer=a).status == 404


def test_POST_21_replies_and_pins_that_come_back(api, server):
    a, b = new_user(api), new_user(api)
    p = make(api, a)
    reply = make(api, b, reply_to_post_id=p)
    assert api.call('post_delete', {'post_id': reply}, viewer=b).status == 204

    def count(n):
        assert get(api, p)['reply_count'] == n and len(listed(api, 'post_replies', {'post_id': p})) == n
    eventually(lambda: count(0))
    assert api.call('post_restore', {'post_id': reply}, viewer=b)['reply_to_post_id'] == p
    eventually(lambda: count(1))
    pins = [make(api, b, is_pinned=True) for _ in range(3)]
    api.call('post_delete', {'post_id': pins[0]}, viewer=b)
    make(api, b, is_pinned=True)
    assert api.call('post_restore', {'post_id': pins[0]}, viewer=b)['is_pinned'] is False
    change(api, b, pins[1], is_archived=True)
    api.call('post_delete', {'post_id': pins[1]}, viewer=b)
    assert listed(api, 'user_archive', {'user_id': b}, b) == []
    assert api.call('post_restore', {'post_id': pins[1]}, viewer=b)['is_archived'] is True
    assert listed(api, 'user_archive', {'user_id': b}, b) == [pins[1]]
    api.call('post_delete', {'post_id': reply}, viewer=b)
    assert api.call('user_delete', {'user_id': b}, viewer=b).status == 204
    assert api.call('post_restore', {'post_id': reply}, viewer=a).status == 404
    eventually(lambda: count(0))


@harness.once
def test_POST_21_CMT_11_SAVE_9_after_the_window(api, server):
    with harness.Server('--restore-window', '2') as short:
        for transport in harness.TRANSPORTS:
            api = transport(short)
            a, b = new_user(api), new_user(api)
            p, kept = make(api, a), make(api, a)
            c = api.call('comment_create', {'post_id': p, 'content': 'c'}, viewer=b)['comment_id']
            for op, f in (('like', {'post_id': p}), ('bookmark', {'post_id': p}), ('comment_like', {'comment_id': c}),
                          ('share', {'post_id': p, 'content': 'said'}), ('react', {'post_id': p, 'reaction_type': 'sad'})):
                assert api.call(op, f, viewer=b).status == 200, op
            for post in (p, kept):
                assert api.call('post_delete', {'post_id': post}, viewer=a).status == 204
            assert api.call('post_restore', {'post_id': kept}, viewer=a).status == 200
            time.sleep(2.1)
            assert api.call('post_restore', {'post_id': p}, viewer=a).status == 404
            assert get(api, kept).status == 200
            short.kill()
            short.start()
            api = transport(short)

            def erased():
                found = short.admin_get('/metrics')[1]
                assert int(re.search(r'kith_memory_blocks\{kind="comment"\} (\d+)', found)[1]) == 0
            eventually(erased)
            assert get(api, kept).status == 200
            short.stop()
            assert short.check()
            short.start()


def test_CMT_10_11_comments_of_a_user(api, server):
    a, b = new_user(api), new_user(api)
    ps = [make(api, a) for _ in range(3)]
    ids = [api.call('comment_create', {'post_id': ps[i % 3], 'content': 'c%d' % i}, viewer=b)['comment_id']
           for i in range(24)][::-1]
    api.call('comment_create', {'post_id': ps[0], 'content': 'not theirs'}, viewer=a)
    mine = lambda: [c['comment_id'] for c in pages(api, 'user_comments', {'user_id': b}, 'comments', viewer=b)[0]]
    assert mine() == ids
    assert api.call('user_comments', {'user_id': b}, viewer=a).status == 403
    assert api.call('user_comments', {'user_id': b}, service=False).status == 401
    api.call('comment_delete', {'comment_id': ids[0]}, viewer=b)
    assert mine() == ids[1:]
    api.call('post_delete', {'post_id': ps[0]}, viewer=a)
    assert mine() == [c for i, c in enumerate(ids) if (23 - i) % 3 != 0 and i > 0]


def test_LIKE_10_comment_likes(api, server):
    a, b, c = new_user(api), new_user(api), new_user(api)
    p = make(api, a)
    say = lambda text, **f: api.call('comment_create', dict(f, post_id=p, content=text), viewer=a)['comment_id']
    x = say('x')
    for _ in range(2):
        r = api.call('comment_like', {'comment_id': x}, viewer=b)
        assert r.status == 200 and r.body == {'comment_id': x, 'liked': True, 'like_count': 1}, r
    api.call('comment_like', {'comment_id': x}, viewer=c)
    shown = api.call('comment_list', {'post_id': p}, viewer=b)['comments'][0]
    assert shown['like_count'] == 2 and shown['liked'] is True
    assert api.call('comment_list', {'post_id': p}, viewer=a)['comments'][0]['liked'] is False
    users = api.call('comment_likes', {'comment_id': x})['users']
    assert [u['user_id'] for u in users] == [c, b] and all(u['liked_at'] for u in users)
    for _ in range(2):
        r = api.call('comment_unlike', {'comment_id': x}, viewer=c)
        assert r.status == 200 and r['like_count'] == 1 and r['liked'] is False, r
    api.call('comment_like', {'comment_id': x}, viewer=c)
    assert api.call('comment_unlike', {'comment_id': x}, viewer=c, route=1)['like_count'] == 1
    assert api.call('comment_update', {'comment_id': x, 'content': 'y'}, viewer=a)['like_count'] == 1
    assert api.call('comment_like', {'comment_id': p}, viewer=b).status == 404
    server.restart('kill')
    api = type(api)(server)
    assert api.call('comment_list', {'post_id': p})['comments'][0]['like_count'] == 1
    r = say('reply', parent_id=x)
    api.call('comment_like', {'comment_id': r}, viewer=b)
    assert api.call('comment_delete', {'comment_id': x}, viewer=a).status == 204
    assert api.call('comment_like', {'comment_id': x}, viewer=c).status == 404
    assert api.call('comment_likes', {'comment_id': x})['users'] == []
    assert api.call('comment_delete', {'comment_id': r}, viewer=a).status == 204
    assert api.call('comment_likes', {'comment_id': r}).status == 404
    assert api.call('comment_list', {'post_id': p})['comments'] == []
    assert api.call('comment_like', {'comment_id': say('last')}, viewer=b)['like_count'] == 1
    api.call('post_delete', {'post_id': p}, viewer=a)
    server.stop()
    server.check()
    server.start()


def test_LIKE_10_15_liker_gone(api, server):
    a, b = new_user(api), new_user(api)
    p = make(api, a)
    x = api.call('comment_create', {'post_id': p, 'content': 'x'}, viewer=a)['comment_id']
    api.call('comment_like', {'comment_id': x}, viewer=b)
    for op, f in (('bookmark', {}), ('share', {'content': 'said'}), ('react', {'reaction_type': 'haha'})):
        assert api.call(op, dict(f, post_id=p), viewer=b).status == 200
    api.call('user_delete', {'user_id': b}, viewer=b)

    def settled():
        assert api.call('comment_list', {'post_id': p})['comments'][0]['like_count'] == 0
        shown = get(api, p)
        assert [shown[k] for k in ('save_count', 'share_count', 'reaction_count')] == [0, 0, 0], shown
    eventually(settled)
    assert api.call('shares', {'post_id': p})['shares'] == []


def react(api, viewer, post, kind):
    r = api.call('react', {'post_id': post, 'reaction_type': kind}, viewer=viewer)
    assert r.status == 200 and r['reaction'] == kind, r
    return r


def counts(answer):
    return {k: v for k, v in (answer.body.get('reactions') or {}).items() if v}


def test_LIKE_13_reactions(api, server):
    a, b, c = new_user(api), new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=b)
    p = make(api, a)
    assert counts(react(api, b, p, 'love')) == {'love': 1}
    r = react(api, b, p, 'wow')
    assert counts(r) == {'wow': 1} and r['reaction_count'] == 1, r
    assert counts(react(api, b, p, 'wow')) == {'wow': 1}
    shown = get(api, p, b)
    assert shown['reaction'] == 'wow' and shown['liked'] is False and shown['like_count'] == 0, shown
    assert api.call('feed', {}, viewer=b)['posts'][0]['reaction'] == 'wow'
    assert get(api, p, c)['reaction'] is None and counts(get(api, p, c)) == {'wow': 1}
    r = react(api, b, p, 'like')
    assert counts(r) == {'like': 1} and r['reaction_count'] == 1, r
    shown = get(api, p, b)
    assert shown['liked'] and shown['reaction'] == 'like' and shown['like_count'] == 1, shown
    assert [u['user_id'] for u in api.call('likes', {'post_id': p})['users']] == [b]
    assert counts(react(api, b, p, 'sad')) == {'sad': 1}
    shown = get(api, p, b)
    assert not shown['liked'] and shown['like_count'] == 0 and shown['reaction'] == 'sad', shown
    assert api.call('like', {'post_id': p}, viewer=b)['like_count'] == 1
    assert counts(react(api, c, p, 'angry')) == {'like': 1, 'angry': 1}
    assert get(api, p, a)['reaction_count'] == 2
    r = api.call('unreact', {'post_id': p}, viewer=b)
    assert r.status == 200 and r['reaction'] is None and counts(r) == {'angry': 1}, r
    assert counts(api.call('unreact', {'post_id': p}, viewer=b)) == {'angry': 1}
    assert counts(react(api, a, p, 'haha')) == {'haha': 1, 'angry': 1}
    no = api.call('react', {'post_id': p}, viewer=b)
    assert no.status == 422 and '/reaction_type' in no.pointers, no
    if api.name == 'http':
        no = api.call('react', {'post_id': p, 'reaction_type': 'shrug'}, viewer=b)
        assert no.status == 422 and '/reaction_type' in no.pointers, no
    server.restart('kill')
    api = type(api)(server)
    assert counts(get(api, p, c)) == {'haha': 1, 'angry': 1} and get(api, p, c)['reaction'] == 'angry'
    row = api.call('import_edges', {'kind': 'like', 'from': [c], 'to': [p]})
    assert row['applied'] == 1 and counts(get(api, p)) == {'haha': 1, 'like': 1}, row

    def told():
        assert get(api, p, c)['reaction'] == 'like'
    eventually(told)
    key = 'react-%s-%d' % (api.name, os.getpid())
    for _ in range(2):
        r = api.call('react', {'post_id': p, 'reaction_type': 'love'}, viewer=c, key=key)
        assert r.status == 200 and counts(r) == {'haha': 1, 'love': 1}, r


def test_LIKE_13_one_of_a_user_under_races(api, server):
    a, fans = new_user(api), [new_user(api) for _ in range(12)]
    posts = [make(api, a) for _ in range(2)]

    def work(seed):
        mine, rng = type(api)(server), random.Random(seed)
        for _ in range(60):
            f, p = rng.choice(fans), rng.choice(posts)
            op = rng.choice(('react', 'react', 'react', 'like', 'unlike', 'unreact'))
            fields = {'post_id': p, 'reaction_type': rng.choice(TYPES)} if op == 'react' else {'post_id': p}
            assert mine.call(op, fields, viewer=f).status in (200, 409), op
    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

    def settled():
        for p in posts:
            own = [get(api, p, f)['reaction'] for f in fans]
            total = {k: own.count(k) for k in TYPES if k in own}
            shown = get(api, p)
            found = counts(shown) or ({'like': shown['like_count']} if shown['like_count'] else {})
            assert found == total and shown['reaction_count'] == sum(total.values()), (found, total)
    eventually(settled)
    server.kill()
    server.check()
    server.start()
    api = type(api)(server)
    settled()


def test_SAVE_1_2_3_PERF_7_shares(api, server):
    a, b, c = new_user(api), new_user(api), new_user(api)
    p = make(api, a)
    for text in ('look at this 👀', 'said twice'):
        r = api.call('share', {'post_id': p, 'content': text}, viewer=b)
        assert r.status == 200 and r.body == {'post_id': p, 'shared': True, 'share_count': 1}, r
    time.sleep(0.002)
    assert api.call('share', {'post_id': p}, viewer=c)['share_count'] == 2
    got = api.call('shares', {'post_id': p})['shares']
    assert [(s['user_id'], s['content'] or '') for s in got] == [(c, ''), (b, 'look at this 👀')], got
    assert got[0]['user']['first_name'] == 'First' and got[0]['created_at'] > got[1]['created_at']
    assert get(api, p, b)['shared'] is True and get(api, p, a)['shared'] is False
    assert get(api, p)['share_count'] == 2
    server.restart('kill')
    api = type(api)(server)
    assert [s['content'] or '' for s in api.call('shares', {'post_id': p})['shares']] == ['', 'look at this 👀']
    for _ in range(2):
        r = api.call('unshare', {'post_id': p}, viewer=b)
        assert r.status == 200 and r['share_count'] == 1 and r['shared'] is False, r
    assert api.call('unshare', {'post_id': p}, viewer=c, route=1)['share_count'] == 0
    assert api.call('shares', {'post_id': p})['shares'] == []
    assert api.call('share', {'post_id': p, 'content': 'x' * 5001}, viewer=b).status == 422
    assert api.call('share', {'post_id': p, 'content': 'anew'}, viewer=b)['share_count'] == 1
    fans = [new_user(api) for _ in range(24)]
    for i, f in enumerate(fans):
        api.call('share', {'post_id': p, 'content': 'text %d' % i}, viewer=f)
    got, sizes = pages(api, 'shares', {'post_id': p}, 'shares')
    assert [s['user_id'] for s in got] == fans[::-1] + [b] and sizes == [20, 5]
    assert [s['content'] for s in got][:2] == ['text 23', 'text 22']
    api.call('post_delete', {'post_id': p}, viewer=a)
    assert api.call('shares', {'post_id': p}).status == 404


def test_SAVE_4_5_9_PERF_8_bookmarks(api, server):
    a, b = new_user(api), new_user(api)
    ids = [make(api, a, caption='n%d' % i) for i in range(23)]
    for p in ids + ids[:3]:
        r = api.call('bookmark', {'post_id': p}, viewer=b)
        assert r.status == 200 and r.body == {'post_id': p, 'saved': True, 'save_count': 1}, r
    got, sizes = pages(api, 'bookmarks', {}, 'posts', viewer=b)
    assert [p['post_id'] for p in got] == ids[::-1] and sizes == [20, 3] and all(p['saved'] for p in got)
    assert listed(api, 'bookmarks', {}, a) == [] and get(api, ids[0], a)['saved'] is False
    assert api.call('bookmarks', {}, service=False).status == 401
    api.call('post_delete', {'post_id': ids[5]}, viewer=a)
    change(api, a, ids[6], is_public=False)
    left = ids[:5] + ids[7:]
    assert listed(api, 'bookmarks', {}, b) == left[::-1]
    for _ in range(2):
        r = api.call('unbookmark', {'post_id': ids[0]}, viewer=b)
        assert r.status == 200 and r['saved'] is False and r['save_count'] == 0, r
    assert api.call('unbookmark', {'post_id': ids[1]}, viewer=b, route=1)['save_count'] == 0
    server.restart('kill')
    api = type(api)(server)
    assert listed(api, 'bookmarks', {}, b) == left[:1:-1]
    change(api, a, ids[6], is_public=True)
    assert listed(api, 'bookmarks', {}, b) == sorted(left[2:] + [ids[6]], key=int, reverse=True)


def test_STAT_2_stats(api, server):
    a, b = new_user(api), new_user(api)
    p = make(api, a)
    api.call('like', {'post_id': p}, viewer=b)
    react(api, a, p, 'love')
    for op, f in (('comment_create', {'content': 'x'}), ('share', {}), ('bookmark', {})):
        assert api.call(op, dict(f, post_id=p), viewer=b).status < 300
    make(api, b, reply_to_post_id=p)
    stats, post = api.call('post_stats', {'post_id': p}).body, get(api, p).body
    assert stats == {k: post[k] for k in stats}, (stats, post)
    assert [stats[k + '_count'] for k in ('like', 'comment', 'share', 'save', 'reaction', 'reply')] == [1, 1, 1, 1, 2, 1]
    assert api.call('post_stats', {'post_id': '5'}).status == 404


@harness.once
def test_images_hold_all_of_it(api, server):
    """A snapshot, then a start from it."""
    a, b = new_user(api), new_user(api)
    p, q, r = make(api, a, likes_disabled=True, audience='followers'), make(api, a), make(api, a)
    api.call('follow', {'user_id': a}, viewer=b)
    c = api.call('comment_create', {'post_id': q, 'content': 'x'}, viewer=b)['comment_id']
    reply = make(api, b, reply_to_post_id=q)
    for op, f in (('bookmark', {'post_id': p}), ('share', {'post_id': q, 'content': 'said'}),
                  ('react', {'post_id': q, 'reaction_type': 'haha'}), ('comment_like', {'comment_id': c})):
        assert api.call(op, f, viewer=b).status == 200, op
    change(api, a, r, is_archived=True)
    change(api, a, q, is_pinned=True)
    shown = lambda: ([get(api, x, b).body for x in (p, q, reply)], get(api, r, a).body,
                     api.call('comment_list', {'post_id': q}, viewer=b).body, listed(api, 'bookmarks', {}, b),
                     api.call('shares', {'post_id': q}).body, listed(api, 'user_archive', {'user_id': a}, a),
                     listed(api, 'user_posts', {'user_id': a}, b), listed(api, 'post_replies', {'post_id': q}))
    was = shown()
    status, text = server.admin_get('/snapshot', 'POST')
    assert status in (200, 202, 204), (status, text)
    server.restart()
    api = type(api)(server)
    assert shown() == was
    server.restart('kill')
    api = type(api)(server)
    assert shown() == was


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
