#!/usr/bin/python3
"""Where the papers that Kith was asked for after are wrong, and what it does instead: T-1 to T-4, T-8, T-10 to T-14."""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import eventually, new_user, pages

AT = 1600000000000
# A family held together by joiners, a thumb with a skin, a flag of two letters, a heart with a selector, and what is
# beyond the first 65,536: all as code points, so that no editor can damage them.
FAMILY = '\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466'
EMOJI = [FAMILY, '\U0001F44D\U0001F3FD', '\U0001F1E9\U0001F1EA', '\u2764\uFE0F', '\U0001F3F3\uFE0F\u200D\U0001F308',
         '\U0001D518', 'e\u0301']


def post(api, who, caption='x', **fields):
    a = api.call('post_create', dict(fields, caption=caption), viewer=who)
    assert a.status == 201, a
    return a['post_id']


def comment(api, who, on, text='c', **fields):
    a = api.call('comment_create', dict(fields, post_id=on, content=text), viewer=who)
    assert a.status == 201, a
    return a['comment_id']


def get(api, p, viewer=None):
    return api.call('post_get', {'post_id': p}, viewer=viewer)


def of_one_time(api, author, n):
    """Posts of one millisecond; their ids as the author's list has them."""
    rows = [{'user_id': author, 'created_at': AT, 'caption': 'r%d' % i} for i in range(n)]
    r = api.call('import_posts', {'source_hi': random.getrandbits(63), 'source_lo': 1, 'chunk': 0, 'posts': rows})
    assert r.status == 200 and r['applied'] == n, r
    ids = [p['post_id'] for p in api.call('user_posts', {'user_id': author, 'limit': 100})['posts']]
    assert len(set(ids)) == n
    return ids


def follower(api, *authors):
    reader = new_user(api)
    for a in authors:
        assert api.call('follow', {'user_id': a}, viewer=reader).status == 200
    return reader


def by_last_seen(api, reader, limit):
    """The whole feed, each page asked for after the last post of the one before."""
    got, fields = [], {'limit': limit}
    while True:
        page = api.call('feed', fields, viewer=reader)['posts']
        if not page:
            return got
        got += page
        assert len(got) <= 1000, 'it goes round'
        fields = {'limit': limit, 'last_seen_post_id': page[-1]['post_id']}


def test_T_1_no_repeat_at_equal_times(api, server):
    """Strictly after (created_at, id): `created_at <= last_seen` had the last post again, and here for ever."""
    a = new_user(api)
    ids, reader = of_one_time(api, a, 20), follower(api, a)
    got = by_last_seen(api, reader, 7)
    assert [p['post_id'] for p in got] == ids
    assert len({p['created_at'] for p in got}) == 1
    for limit in (1, 10, 20):
        assert [p['post_id'] for p in by_last_seen(api, reader, limit)] == ids, limit
    got, sizes = pages(api, 'feed', {}, 'posts', viewer=reader, limit=7)
    assert [p['post_id'] for p in got] == ids and sizes == [7, 7, 6]


def test_T_2_after_the_last_seen_come_older_ones(api, server):
    """Smaller ids, descending; the example had greater ones, ascending."""
    a = new_user(api)
    ids, reader = [int(post(api, a, 'p%d' % i)) for i in range(9)], follower(api, a)
    seen = ids[6]
    page = api.call('feed', {'last_seen_post_id': str(seen), 'limit': 3}, viewer=reader)['posts']
    assert [int(p['post_id']) for p in page] == ids[5:2:-1]
    assert all(int(p['post_id']) < seen for p in page)
    times = [p['created_at'] for p in page]
    assert times == sorted(times, reverse=True)


def test_T_3_a_count_is_the_size_of_its_set(api, server):
    """However often it is said, and by whomever: it moves with the edge, not with the request."""
    a, fans = new_user(api), [new_user(api) for _ in range(4)]
    p = post(api, a)
    likers = lambda: [u['user_id'] for u in api.call('likes', {'post_id': p})['users']]
    rng, liked = random.Random(3), set()
    for _ in range(60):
        f, op = rng.choice(fans), rng.choice(('like', 'unlike'))
        r = api.call(op, {'post_id': p}, viewer=f)
        (liked.add if op == 'like' else liked.discard)(f)
        assert r.status == 200 and r['like_count'] == len(liked), (r, liked)
        assert set(likers()) == liked and get(api, p)['like_count'] == len(liked)
    for f in fans:
        api.call('unlike', {'post_id': p}, viewer=f)
        assert api.call('unlike', {'post_id': p}, viewer=f)['like_count'] >= 0
    assert get(api, p)['like_count'] == 0 and likers() == []


def test_T_4_counters_have_kinds_and_last(api, server):
    """Each is its own counter of its own record, and in the log: not one number under `post:12345`."""
    a, b = new_user(api), new_user(api)
    p = post(api, a)
    c = comment(api, a, p)
    for op, f in (('like', {'post_id': p}), ('bookmark', {'post_id': p}), ('share', {'post_id': p})):
        for who in (a, b) if op == 'like' else (b,):
            assert api.call(op, f, viewer=who).status == 200, op
    for who in (a, b, new_user(api)):
        assert api.call('comment_like', {'comment_id': c}, viewer=who).status == 200
    names = ('like_count', 'comment_count', 'save_count', 'share_count')
    shown = lambda: ([get(api, p)[k] for k in names], api.call('comment_list', {'post_id': p})['comments'][0]['like_count'])
    assert shown() == ([2, 1, 1, 1], 3)
    server.restart('kill')
    api = type(api)(server)
    assert shown() == ([2, 1, 1, 1], 3)
    # A comment's number is no post's, nor the other way round.
    assert api.call('like_count', {'post_id': c}).status == 404
    assert api.call('comment_like', {'comment_id': p}, viewer=b).status == 404


def test_T_8_what_was_answered_may_go(api, server):
    """And its answers stay: under a placeholder, or as posts that answer nothing any more."""
    a, b, c = new_user(api), new_user(api), new_user(api)
    p = post(api, a)
    top = comment(api, b, p, 'top')
    reply = comment(api, a, p, 'reply', parent_id=top)
    assert api.call('comment_delete', {'comment_id': top}, viewer=b).status == 204
    said = lambda: {x['comment_id']: x for x in api.call('comment_list', {'post_id': p})['comments']}
    assert said()[top]['is_deleted'] and not said()[top]['content'] and said()[reply]['content'] == 'reply'
    assert [x['comment_id'] for x in api.call('comment_replies', {'comment_id': top})['comments']] == [reply]
    # So it is when who wrote it goes.
    second = comment(api, c, p, 'second')
    below = comment(api, a, p, 'below', parent_id=second)
    asked = post(api, c, 'what do you think?')
    answer = post(api, a, 'a lot', reply_to_post_id=asked)
    assert api.call('user_delete', {'user_id': c}, viewer=c).status == 204

    def gone():
        assert said()[second]['is_deleted'] and not said()[second]['user_id'], said()[second]
        assert said()[below]['content'] == 'below' and said()[below]['parent_id'] == second
        assert get(api, asked).status == 404
        shown = get(api, answer)
        assert shown['caption'] == 'a lot' and shown['reply_to_post_id'] is None, shown
    eventually(gone)
    mine = post(api, b, 'another')
    answer = post(api, a, 'yes', reply_to_post_id=mine)
    assert api.call('post_delete', {'post_id': mine}, viewer=b).status == 204
    assert get(api, answer)['reply_to_post_id'] is None and get(api, answer)['caption'] == 'yes'


def test_T_10_counts_are_not_products(api, server):
    """2 comments, 3 likes and 4 shares are 2, 3 and 4, and to say so nothing is looked through."""
    a, fans = new_user(api), [new_user(api) for _ in range(4)]
    p = post(api, a)
    for f in fans[:2]:
        comment(api, f, p)
    for f in fans[:3]:
        api.call('like', {'post_id': p}, viewer=f)
    for f in fans:
        api.call('share', {'post_id': p}, viewer=f)
    names = ('comment_count', 'like_count', 'share_count')
    assert [get(api, p)[k] for k in names] == [2, 3, 4]
    stats = api.call('post_stats', {'post_id': p})
    assert [stats[k] for k in names] == [2, 3, 4]
    cost = lambda: {k: v for k, v in api.call('explain', {'op': 'post_stats', 'request': {'post_id': p}}).body.items()
                    if k in ('found', 'records', 'rounds', 'messages')}
    few = cost()
    for f in [new_user(api) for _ in range(40)]:
        api.call('like', {'post_id': p}, viewer=f)
        comment(api, f, p)
    assert cost() == few and few['found'] == 0, (few, cost())


def test_T_11_an_order_where_times_are_equal(api, server):
    """By id: in every list, however it is cut in pages, from whatever side it is asked for."""
    a, b = new_user(api), new_user(api)
    ids, others = of_one_time(api, a, 12), of_one_time(api, b, 12)
    assert ids == sorted(ids, key=int, reverse=True)
    for limit in (1, 5, 12, 100):
        assert [p['post_id'] for p in pages(api, 'user_posts', {'user_id': a}, 'posts', limit=limit)[0]] == ids, limit
    both = sorted(ids + others, key=int, reverse=True)
    reader = follower(api, a, b)
    for limit in (1, 5, 24):
        assert [p['post_id'] for p in pages(api, 'feed', {}, 'posts', viewer=reader, limit=limit)[0]] == both, limit
    server.restart('kill')
    api = type(api)(server)
    assert [p['post_id'] for p in pages(api, 'feed', {}, 'posts', viewer=reader, limit=5)[0]] == both


def test_T_12_one_home_for_a_fact(api, server):
    """What is shown in two places is the same thing seen twice: both move at once."""
    a, b = new_user(api), new_user(api)
    tag = 't%s%d' % (api.name, random.getrandbits(40))
    p = post(api, a, 'with #%s' % tag, media_urls=['https://x.org/1.jpg', 'https://x.org/2.jpg'])
    tagged = lambda: [x['post_id'] for x in api.call('tag_posts', {'tag_name': tag})['posts']]
    shown = get(api, p)
    assert shown['hashtags'] == [tag] and tagged() == [p]
    urls = lambda: (get(api, p)['media_urls'], [m['media_url'] for m in get(api, p)['media']], get(api, p)['image_url'])
    assert urls() == (['https://x.org/1.jpg', 'https://x.org/2.jpg'],) * 2 + ('https://x.org/1.jpg',)
    medium = shown['media'][0]['media_id']
    assert api.call('media_remove', {'post_id': p, 'media_id': medium}, viewer=a).status == 204
    assert urls() == (['https://x.org/2.jpg'],) * 2 + ('https://x.org/2.jpg',)
    assert api.call('post_update', {'post_id': p, 'caption': 'without'}, viewer=a).status == 200
    assert get(api, p)['hashtags'] == [] and tagged() == []
    api.call('follow', {'user_id': a}, viewer=b)

    def same():
        user, stats = api.call('user_get', {'user_id': a}), api.call('user_stats', {'user_id': a})
        counts = [stats[k] for k in ('follower_count', 'following_count', 'post_count')]
        assert counts == [user[k] for k in ('followers_count', 'following_count', 'posts_count')]
        return counts
    assert same() == [1, 0, 1]
    api.call('post_delete', {'post_id': p}, viewer=a)
    api.call('unfollow', {'user_id': a}, viewer=b)
    assert same() == [0, 0, 0]


def test_T_13_a_name_there_is_and_ids_are_keys(api, server):
    """No account without a username; equal texts are two posts, and what is meant is said by id."""
    fields = {'email': 'nobody%s%d@x.org' % (api.name, random.getrandbits(40)), 'password': 'long enough'}
    for username in (None, ''):
        given = dict(fields, **({} if username is None else {'username': username}))
        r = api.call('register', given, service=False)
        assert r.status == 422 and '/username' in r.pointers, r
    a = new_user(api)
    one, two = post(api, a, 'the same words'), post(api, a, 'the same words')
    assert api.call('post_delete', {'post_id': one}, viewer=a).status == 204
    assert get(api, one).status == 404 and get(api, two)['caption'] == 'the same words'


def test_T_14_any_utf8(api, server):
    """Every text comes back byte by byte, after a restart too."""
    text = ' '.join(EMOJI)
    a = new_user(api)
    p = post(api, a, text)
    c = comment(api, a, p, text)
    r = api.call('user_update', {'user_id': a, 'bio': text, 'first_name': EMOJI[0], 'last_name': EMOJI[2]}, viewer=a)
    assert r.status == 200, r
    assert api.call('share', {'post_id': p, 'content': text}, viewer=a).status == 200

    def whole():
        assert get(api, p)['caption'] == text
        assert api.call('comment_list', {'post_id': p})['comments'][0]['content'] == text
        assert api.call('shares', {'post_id': p})['shares'][0]['content'] == text
        user = api.call('user_get', {'user_id': a})
        assert (user['bio'], user['full_name']) == (text, EMOJI[0] + ' ' + EMOJI[2]), user
    whole()
    server.restart('kill')
    api = type(api)(server)
    whole()
    assert api.call('comment_delete', {'comment_id': c}, viewer=a).status == 204
    # Bounds are in characters: a hundred families, of 25 bytes each, are 700 of them.
    for n, status in ((1000 // len(FAMILY), 200), (1000 // len(FAMILY) + 1, 422)):
        r = api.call('user_update', {'user_id': a, 'bio': FAMILY * n}, viewer=a)
        assert r.status == status, (n, r)


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
