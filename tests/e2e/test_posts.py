#!/usr/bin/python3
"""POST, CMT and LIKE rows."""
import concurrent.futures
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import new_user, pages


def make(api, viewer, **fields):
    fields.setdefault('caption', 'a post')
    a = api.call('post_create', fields, viewer=viewer)
    assert a.status == 201, a
    return a


def test_POST_1_create(api, server):
    a, f = new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=f)
    p = make(api, a, caption='first', image_url='https://x.org/i.jpg')
    assert p['user_id'] == a and p['caption'] == 'first' and p['image_url'] == 'https://x.org/i.jpg'
    got = api.call('post_get', {'post_id': p['post_id']})
    assert (got['like_count'], got['comment_count']) == (0, 0)
    assert api.call('feed', {}, viewer=f)['posts'][0]['post_id'] == p['post_id']
    assert api.call('user_get', {'user_id': a})['posts_count'] == 1


def test_POST_2_get(api, server):
    a, b = new_user(api), new_user(api)
    p = make(api, a)['post_id']
    api.call('like', {'post_id': p}, viewer=b)
    got = api.call('post_get', {'post_id': p}, viewer=b)
    assert got['liked'] is True and got['like_count'] == 1 and got['author']['first_name'] == 'First'
    assert api.call('post_get', {'post_id': p}, viewer=a)['liked'] is False
    for bad in ('1', '999999999999999999'):
        assert api.call('post_get', {'post_id': bad}).status == 404


def test_POST_3_list(api, server):
    a = new_user(api)
    ids = [make(api, a)['post_id'] for _ in range(45)]
    items, cursor, sizes = [], None, []
    for page in range(3):
        r = api.call('post_list', dict({'limit': 20}, **({'cursor': cursor} if cursor else {})))
        items += [p['post_id'] for p in r['posts']]
        sizes.append(len(r['posts']))
        cursor = r['next_cursor']
        make(api, a)
    assert items[:45] == ids[::-1]
    assert len(set(items)) == len(items)


def test_POST_4_update(api, server):
    a, f = new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=f)
    p = make(api, a, caption='old #one')['post_id']
    assert api.call('feed', {}, viewer=f)['posts'][0]['caption'] == 'old #one'
    time.sleep(0.003)
    u = api.call('post_update', {'post_id': p, 'caption': 'new #two'}, viewer=a)
    assert u.status == 200 and u['hashtags'] == ['two'] and u['updated_at'] > u['created_at'], u
    assert api.call('feed', {}, viewer=f)['posts'][0]['caption'] == 'new #two'
    assert api.call('post_update', {'post_id': p, 'caption': 'stolen'}, viewer=f).status == 403
    assert api.call('post_get', {'post_id': p})['caption'] == 'new #two'
    # Tags, mentions and search follow the new text; media and the rest change on their own.
    tag, name = 'upd' + p, api.call('user_get', {'user_id': f})['username']
    old = api.call('post_update', {'post_id': p, 'caption': 'elder #old%s @%s' % (tag, name)}, viewer=a)
    assert old['mentions'] == [name], old
    api.call('post_update', {'post_id': p, 'caption': 'younger #new%s zq%s' % (tag, p)}, viewer=a)
    tagged = lambda t: [x['post_id'] for x in api.call('tag_posts', {'tag_name': t + tag})['posts']]
    assert (tagged('old'), tagged('new')) == ([], [p])
    found = lambda q: [x['post_id'] for x in api.call('search_posts', {'query': q})['posts']]
    assert found('"elder" old' + tag) == [] and found('zq' + p) == [p]
    u = api.call('post_update', {'post_id': p, 'image_url': 'https://x.org/new.png', 'location': {'name': 'Riga'}}, viewer=a)
    shown = api.call('feed', {}, viewer=f)['posts'][0]
    assert shown['image_url'] == u['image_url'] == 'https://x.org/new.png' and shown['location']['name'] == 'Riga', shown
    assert shown['caption'].startswith('younger') and shown['mentions'] == [], shown


def test_POST_5_delete(api, server):
    a, f = new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=f)
    p = make(api, a)['post_id']
    api.call('like', {'post_id': p}, viewer=f)
    api.call('comment_create', {'post_id': p, 'content': 'hi'}, viewer=f)
    assert len(api.call('feed', {}, viewer=f)['posts']) == 1
    assert api.call('post_delete', {'post_id': p}, viewer=f).status == 403
    assert api.call('post_delete', {'post_id': p}, viewer=a).status == 204
    assert api.call('post_get', {'post_id': p}).status == 404
    assert api.call('feed', {}, viewer=f)['posts'] == []
    assert api.call('comment_list', {'post_id': p}).status == 404
    assert api.call('like', {'post_id': p}, viewer=f).status == 404
    assert api.call('user_get', {'user_id': a})['posts_count'] == 0
    assert api.call('post_delete', {'post_id': p}, viewer=a).status == 404


def test_POST_6_text(api, server):
    a = new_user(api)
    for text in ('👩‍👩‍👧‍👦 family', 'مرحبا بالعالم', '👍🏽🇩🇪', 'a"b\\c\n\t/', 'ไทย', '\u2028x'):
        assert make(api, a, caption=text)['caption'] == text
    assert make(api, a, **{'caption': None, 'content': 'alias'})['caption'] == 'alias'
    e = api.call('post_create', {}, viewer=a)
    assert e.status == 422, e
    assert api.call('post_create', {'caption': 'x' * 5001}, viewer=a).status == 422
    assert make(api, a, caption='é' * 5000)['caption'] == 'é' * 5000


def test_POST_7_8_9_10_11_media(api, server):
    a = new_user(api)
    assert make(api, a)['post_type'] == 'text' and make(api, a)['media_urls'] == []
    p = make(api, a, image_url='https://x.org/1.jpg')
    assert p['post_type'] == 'image' and p['media'][0]['media_url'] == 'https://x.org/1.jpg'
    full = 'https://x.org/' + 'a' * (255 - len('https://x.org/'))
    p = make(api, a, image_url=full)
    fan = new_user(api)
    api.call('follow', {'user_id': a}, viewer=fan)
    shown = api.call('feed', {}, viewer=fan)['posts'][0]
    assert shown['post_id'] == p['post_id'] and shown['image_url'] == shown['media'][0]['media_url'] == full, shown
    for bad in (full + 'a', 'ftp://x.org/1.jpg', 'x'):
        r = api.call('post_create', {'image_url': bad}, viewer=a)
        assert r.status == 422 and '/image_url' in r.pointers, r
    media = [{'media_type': 'image', 'media_url': 'https://x.org/%d.jpg' % i, 'display_order': i,
              'alt_text': 'alt %d' % i, 'file_size': 4 << 30} for i in (2, 0, 1)]
    p = make(api, a, media=media)
    got = api.call('post_get', {'post_id': p['post_id']})
    assert [m['display_order'] for m in got['media']] == [0, 1, 2]
    assert got['media_urls'] == [m['media_url'] for m in got['media']] and got['post_type'] == 'carousel'
    assert got['media'][0]['file_size'] == 4 << 30 and got['media'][0]['alt_text'] == 'alt 0'
    assert got['image_url'] == got['media'][0]['media_url']
    for letter in ('x', '\u00fc', '\U0001f600'):
        p = make(api, a, media=[dict(media[0], alt_text=letter * 255)])
        assert api.call('post_get', {'post_id': p['post_id']})['media'][0]['alt_text'] == letter * 255
    long = api.call('post_create', {'media': [dict(media[0], alt_text='x' * 256)]}, viewer=a)
    assert long.status == 422 and '/media/0/alt_text' in long.pointers, long
    many = api.call('post_create', {'media': media * 4}, viewer=a)
    assert many.status == 422, many


def test_POST_12_location(api, server):
    a = new_user(api)
    assert make(api, a, location='Phuket, Thailand')['location']['name'] == 'Phuket, Thailand'
    p = make(api, a, location={'name': 'There', 'lat': 78900000, 'lng': -983000000})
    assert p['location'] == {'name': 'There', 'lat': 78900000, 'lng': -983000000}


def test_POST_13_14_hashtags_and_mentions(api, server):
    a, jane = new_user(api), new_user(api)
    name = api.call('user_get', {'user_id': jane})['username']
    p = make(api, a, caption='Beautiful #Sunset @%s and @nobody_here!' % name, hashtags=['nature', 'sunset'])
    assert sorted(p['hashtags']) == ['nature', 'sunset'], p
    assert name in p['mentions'], p


def test_POST_24_posts_of_a_user(api, server):
    a = new_user(api)
    ids = [make(api, a)['post_id'] for _ in range(45)]
    posts, sizes = pages(api, 'user_posts', {'user_id': a}, 'posts')
    assert [p['post_id'] for p in posts] == ids[::-1] and sizes == [20, 20, 5]
    few, kept = make(api, a, audience='followers')['post_id'], ids[44]
    assert api.call('post_update', {'post_id': kept, 'is_archived': True}, viewer=a).status == 200
    first = lambda who, op='user_posts': [p['post_id'] for p in api.call(op, {'user_id': a, 'limit': 2}, viewer=who)['posts']]
    fan = new_user(api)
    api.call('follow', {'user_id': a}, viewer=fan)
    assert first(new_user(api)) == [ids[43], ids[42]] and first(fan) == first(a) == [few, ids[43]]
    assert first(a, 'user_archive') == [kept]
    assert api.call('user_archive', {'user_id': a}, viewer=fan).status == 403


def test_POST_25_author_only(api, server):
    a, b = new_user(api), new_user(api)
    p = make(api, a, image_url='https://x.org/a.jpg')
    media = p['media'][0]['media_id']
    for op, fields in (('post_update', {'caption': 'x'}), ('post_delete', {}),
                       ('media_add', {'media_url': 'https://x.org/b.jpg'}), ('media_remove', {'media_id': media})):
        assert api.call(op, dict(fields, post_id=p['post_id']), viewer=b).status == 403, op
    assert api.call('post_get', {'post_id': p['post_id']})['updated_at'] == p['updated_at']


def test_POST_26_validation(api, server):
    a = new_user(api)
    count = api.call('user_get', {'user_id': a})['posts_count']
    bad = [({'caption': 'x', 'image_url': 'notaurl'}, '/image_url'),
           ({'caption': 'x', 'image_url': 'https://x.org/' + 'y' * 255}, '/image_url'),
           ({'caption': 'x', 'media': [{'media_url': 'javascript:1'}]}, '/media/0/media_url'),
           ({'caption': 'x', 'media': [{'media_type': 'image'}]}, '/media/0/media_url'),
           ({'caption': 'x', 'hashtags': ['t'] * 31}, '/hashtags')]
    for fields, pointer in bad:
        r = api.call('post_create', fields, viewer=a)
        assert r.status == 422 and pointer in r.pointers, (fields, r)
    if api.name == 'http':
        for body, status in ((b'{"caption":"x","is_admin":true}', 400), (b'{"caption":5}', 422), (b'{', 400),
                             (b'{"caption":"a","caption":"b"}', 400), (b'[]', 400), (b'{"caption":"\xff"}', 400),
                             (b'{"caption":"a","text":"b"}', 400)):
            h = {'Authorization': 'Bearer ' + harness.KEY, 'Kith-Viewer': a}
            r = api.raw('POST', '/api/posts', body, h)
            assert r.status == status, (body, r)
    assert api.call('user_get', {'user_id': a})['posts_count'] == count


def test_POST_29_create_then_attach(api, server):
    a = new_user(api)
    p = make(api, a, caption='Beautiful sunset!', location='Phuket, Thailand')['post_id']
    m = api.call('media_add', {'post_id': p, 'media_url': 'https://x.org/s.jpg', 'media_type': 'image',
                               'display_order': 0}, viewer=a)
    assert m.status == 201, m
    got = api.call('post_get', {'post_id': p})
    assert got['location']['name'] == 'Phuket, Thailand' and len(got['media']) == 1
    media = got['media'][0]
    assert media['display_order'] == 0
    assert api.call('media_remove', {'post_id': p, 'media_id': media['media_id']}, viewer=a).status == 204
    assert api.call('post_get', {'post_id': p})['media'] == []


def comment(api, viewer, post, text='a comment', **f):
    return api.call('comment_create', dict(f, post_id=post, content=text), viewer=viewer)


def test_CMT_1_add(api, server):
    a, b = new_user(api), new_user(api)
    p = make(api, a)['post_id']
    c = comment(api, b, p, 'nice')
    assert c.status == 201 and c['content'] == 'nice' and c['user_id'] == b and c['parent_id'] is None, c
    assert api.call('post_get', {'post_id': p})['comment_count'] == 1
    assert api.call('comment_list', {'post_id': p})['comments'][0]['comment_id'] == c['comment_id']
    for empty in ('', '   '):
        assert comment(api, b, p, empty).status == 422
    assert comment(api, b, '12345').status == 404


def test_CMT_2_list(api, server):
    a = new_user(api)
    p = make(api, a)['post_id']
    ids = [comment(api, a, p, 'c%d' % i)['comment_id'] for i in range(45)]
    got, sizes = pages(api, 'comment_list', {'post_id': p}, 'comments')
    assert [c['comment_id'] for c in got] == ids[::-1] and sizes == [20, 20, 5]
    got, _ = pages(api, 'comment_list', {'post_id': p, 'order': 'asc'}, 'comments')
    assert [c['comment_id'] for c in got] == ids
    assert got[0]['author']['user_id'] == a


def test_CMT_3_delete(api, server):
    a, b, c = new_user(api), new_user(api), new_user(api)
    p = make(api, a)['post_id']
    one, two = comment(api, b, p)['comment_id'], comment(api, b, p)['comment_id']
    assert api.call('comment_delete', {'comment_id': one}, viewer=c).status == 403
    assert api.call('comment_delete', {'comment_id': one}, viewer=b).status == 204
    assert api.call('comment_delete', {'comment_id': one}, viewer=b).status == 404
    assert api.call('post_get', {'post_id': p})['comment_count'] == 1
    assert api.call('comment_delete', {'comment_id': two}, viewer=a).status == 204
    assert api.call('post_get', {'post_id': p})['comment_count'] == 0
    assert api.call('comment_list', {'post_id': p})['comments'] == []


def test_CMT_4_5_threads(api, server):
    a = new_user(api)
    p, q = make(api, a)['post_id'], make(api, a)['post_id']
    top = comment(api, a, p, 'top')['comment_id']
    r1 = comment(api, a, p, 'r1', parent_id=top)['comment_id']
    r2 = comment(api, a, p, 'r2', parent_id=r1)['comment_id']
    assert comment(api, a, p, 'r3', parent_id=top).status == 201
    replies = api.call('comment_replies', {'comment_id': top, 'order': 'asc'})['comments']
    assert [c['content'] for c in replies] == ['r1', 'r3']
    assert [c['comment_id'] for c in api.call('comment_replies', {'comment_id': r1})['comments']] == [r2]
    w = comment(api, a, q, 'wrong', parent_id=top)
    assert w.status == 422 and '/parent_id' in w.pointers, w
    assert api.call('comment_delete', {'comment_id': top}, viewer=a).status == 204
    assert api.call('post_get', {'post_id': p})['comment_count'] == 3
    shown = {c['comment_id']: c for c in api.call('comment_list', {'post_id': p})['comments']}
    assert set(shown) == {top, r1, r2} | {c['comment_id'] for c in replies}, shown
    assert shown[top]['is_deleted'] and not shown[top]['content'] and not shown[top]['author'], shown[top]
    assert not shown[top]['user_id']


def test_CMT_6_edit(api, server):
    a, b = new_user(api), new_user(api)
    p = make(api, a)['post_id']
    x, y = comment(api, b, p, 'old')['comment_id'], comment(api, b, p, 'next')['comment_id']
    assert api.call('comment_update', {'comment_id': x, 'content': 'new'}, viewer=a).status == 403
    u = api.call('comment_update', {'comment_id': x, 'content': 'new'}, viewer=b)
    assert u.status == 200 and u['is_edited'] and u['content'] == 'new', u
    got = api.call('comment_list', {'post_id': p})['comments']
    assert [c['content'] for c in got] == ['next', 'new'] and not got[0]['is_edited']


def test_CMT_7_count_in_the_same_change(api, server):
    a = new_user(api)
    p = make(api, a)['post_id']

    def work(seed):
        mine, kept = type(api)(server), 0
        for i in range(80):
            c = comment(mine, a, p, 'x')['comment_id']
            if (i + seed) % 3:
                assert mine.call('comment_delete', {'comment_id': c}, viewer=a).status == 204
            else:
                kept += 1
        return kept
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        kept = sum(pool.map(work, range(8)))
    server.restart('kill')
    api = type(api)(server)
    assert api.call('post_get', {'post_id': p})['comment_count'] == kept
    assert len(pages(api, 'comment_list', {'post_id': p}, 'comments', limit=100)[0]) == kept


def test_CMT_11_cascade_from_post(api, server):
    a, b = new_user(api), new_user(api)
    p = make(api, a)['post_id']
    c = comment(api, b, p)['comment_id']
    api.call('post_delete', {'post_id': p}, viewer=a)
    assert api.call('comment_update', {'comment_id': c, 'content': 'x'}, viewer=b).status == 404
    assert api.call('comment_replies', {'comment_id': c}).status == 404


def test_LIKE_1_2_like_and_unlike(api, server):
    a, b = new_user(api), new_user(api)
    p = make(api, a)['post_id']
    for _ in range(2):
        x = api.call('like', {'post_id': p}, viewer=b)
        assert x.status == 200 and x['liked'] and x['like_count'] == 1 and x['post_id'] == p, x
    for _ in range(2):
        x = api.call('unlike', {'post_id': p}, viewer=b)
        assert x.status == 200 and not x['liked'] and x['like_count'] == 0, x
    api.call('like', {'post_id': p}, viewer=b)
    assert api.call('unlike', {'post_id': p}, viewer=b, route=1)['like_count'] == 0
    assert api.call('like', {'post_id': a}, viewer=b).status == 404


def test_LIKE_3_4_5_likers(api, server):
    a = new_user(api)
    p = make(api, a)['post_id']
    zero = api.call('like_count', {'post_id': p})
    assert zero.body == {'post_id': p, 'like_count': 0}
    fans = [new_user(api) for _ in range(25)]
    for f in fans:
        api.call('like', {'post_id': p}, viewer=f)
    users, sizes = pages(api, 'likes', {'post_id': p}, 'users')
    assert [u['user_id'] for u in users] == fans[::-1] and sizes == [20, 5]
    assert all(u['liked_at'] for u in users)
    assert api.call('like_count', {'post_id': p})['like_count'] == 25
    # Many more are no more work.
    many = [i for k in range(0, 20000, 64) for i in api.call('import_users', {'users': [
        {'username': 'lk%s_%d' % (p, k + j), 'email': 'lk%s_%d@example.org' % (p, k + j)}
        for j in range(min(64, 20000 - k))]})['user_ids']]
    for k in range(0, len(many), 1000):
        some = many[k:k + 1000]
        r = api.call('import_edges', {'kind': 'like', 'from': some, 'to': [p] * len(some)})
        assert r.status == 200 and r['applied'] == len(some), r
    assert api.call('like_count', {'post_id': p}).body == {'post_id': p, 'like_count': 20025}
    assert api.call('post_get', {'post_id': p})['like_count'] == 20025
    work = api.call('explain', {'op': 'like_count', 'request': {'post_id': p}})
    assert [work[k] for k in ('found', 'records', 'rounds', 'asked')] == [0] * 4, work


def test_LIKE_6_atomic(api, server):
    a = new_user(api)
    p = make(api, a)['post_id']
    fans = [new_user(api) for _ in range(40)]

    def work(k):
        mine = type(api)(server)
        for i in range(6):
            for f in fans[k::8]:
                mine.call('like' if (i + k) % 2 else 'unlike', {'post_id': p}, viewer=f)
    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    listed = pages(api, 'likes', {'post_id': p}, 'users', limit=9)[0]
    assert api.call('like_count', {'post_id': p})['like_count'] == len(listed)


def test_LIKE_15_cascade(api, server):
    a, x = new_user(api), new_user(api)
    ids = [make(api, a)['post_id'] for _ in range(3)]
    for p in ids:
        api.call('like', {'post_id': p}, viewer=x)
    assert api.call('user_delete', {'user_id': x}, viewer=x).status == 204

    def settled():
        for p in ids:
            assert api.call('like_count', {'post_id': p})['like_count'] == 0
    harness.eventually(settled)


def test_LIKE_16_own_state(api, server):
    a, b, c = new_user(api), new_user(api), new_user(api)
    p = make(api, a)['post_id']
    for u in (b, c):
        api.call('follow', {'user_id': a}, viewer=u)
    api.call('like', {'post_id': p}, viewer=b)
    assert api.call('feed', {}, viewer=b)['posts'][0]['liked'] is True
    assert api.call('feed', {}, viewer=c)['posts'][0]['liked'] is False
    assert api.call('feed', {}, viewer=c)['posts'][0]['following'] is True
    own = make(api, c)['post_id']
    both = api.call('feed', {'include_self': True}, viewer=c)['posts']
    assert [(x['post_id'], x['following']) for x in both] == [(own, False), (p, True)], both


def test_idempotency_key(api, server):
    a = new_user(api)
    key = 'key-%s-%d' % (api.name, os.getpid())
    one = api.call('post_create', {'caption': 'once'}, viewer=a, key=key)
    two = api.call('post_create', {'caption': 'once'}, viewer=a, key=key)
    assert one.status == two.status == 201 and one['post_id'] == two['post_id'], (one, two)
    other = api.call('post_create', {'caption': 'other'}, viewer=a, key=key)
    assert other.status == 422 and other.code == 'idempotency_mismatch', other
    assert api.call('user_get', {'user_id': a})['posts_count'] == 1
    p = one['post_id']
    x = api.call('comment_create', {'post_id': p, 'content': 'c'}, viewer=a, key=key + 'c')
    server.restart('kill')
    y = type(api)(server).call('comment_create', {'post_id': p, 'content': 'c'}, viewer=a, key=key + 'c')
    assert x['comment_id'] == y['comment_id']


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
