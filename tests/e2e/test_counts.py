#!/usr/bin/python3
"""Counts and times of posts, in the very next read, whoever changes them and however many there are."""
import json
import os
import random
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Binary, Server, eventually, new_user
from model import Model, World
from test_load import above, import_edges, metric, users

COUNTS = ['like_count', 'comment_count', 'share_count', 'save_count']


def get(api, post, viewer=None):
    r = api.call('post_get', {'post_id': post}, viewer=viewer)
    assert r.status == 200, r
    return r


def counts(row):
    return [row[k] for k in COUNTS]


def test_POST_22_times(api, server):
    """created_at never moves; updated_at does by edits alone, and by each of them."""
    a, b = new_user(api), new_user(api)
    p = api.call('post_create', {'caption': 'x'}, viewer=a)['post_id']
    born = get(api, p)
    assert born['updated_at'] == born['created_at'], born
    acts = [('like', {}), ('comment_create', {'content': 'c'}), ('share', {}), ('bookmark', {}),
            ('react', {'reaction_type': 'love'}), ('unlike', {}), ('unshare', {}), ('unbookmark', {}), ('unreact', {})]
    for op, f in acts:
        time.sleep(0.003)
        assert api.call(op, dict(f, post_id=p), viewer=b).status < 300, op
        now = get(api, p)
        assert (now['created_at'], now['updated_at']) == (born['created_at'], born['updated_at']), (op, now)
    api.call('follow', {'user_id': a}, viewer=b)
    last = born['updated_at']
    for f in ({'caption': 'y'}, {'is_pinned': True}, {'likes_disabled': True}, {'caption': 'z'}):
        time.sleep(0.003)
        r = api.call('post_update', dict(f, post_id=p), viewer=a)
        assert r.status == 200 and r['updated_at'] > last and r['created_at'] == born['created_at'], (f, r)
        last = r['updated_at']
        assert get(api, p)['updated_at'] == last
    server.restart('kill')
    api = type(api)(server)
    assert (get(api, p)['created_at'], get(api, p)['updated_at']) == (born['created_at'], last)


def test_POST_23_counts(api, server):
    """n likes, m comments, k shares, s saves: exactly these in the very next read, of the post and of a feed, on the
    same connection and on another."""
    a, fans, other = new_user(api), [new_user(api) for _ in range(7)], type(api)(server)
    reader = fans[0]
    api.call('follow', {'user_id': a}, viewer=reader)
    p = api.call('post_create', {'caption': 'x'}, viewer=a)['post_id']
    want = [0, 0, 0, 0]

    def then(op, who, at, by, **f):
        assert api.call(op, dict(f, post_id=p) if 'comment_id' not in f else f, viewer=who).status < 300, op
        want[at] += by
        assert counts(get(api, p)) == want, (op, want)
        assert counts(get(other, p)) == want, (op, want)
        assert counts(other.call('feed', {'limit': 1}, viewer=reader)['posts'][0]) == want, (op, want)
        assert counts(api.call('user_posts', {'user_id': a, 'limit': 1})['posts'][0]) == want, (op, want)
    for i, f in enumerate(fans):
        then('like', f, 0, 1)
        then('like', f, 0, 0)  # again is nothing
        for _ in range(i % 3):
            then('comment_create', f, 1, 1, content='c')
        if i % 2:
            then('share', f, 2, 1)
            then('bookmark', f, 3, 1)
    for f in fans[1::2]:
        then('unlike', f, 0, -1)
        then('unshare', f, 2, -1)
        then('unbookmark', f, 3, -1)
        then('unbookmark', f, 3, 0)
    c = api.call('comment_list', {'post_id': p})['comments'][0]['comment_id']
    then('comment_delete', api.call('comment_list', {'post_id': p})['comments'][0]['author']['user_id'], 1, -1,
         comment_id=c)
    server.restart('kill')
    assert counts(get(type(api)(server), p)) == want


@harness.once
def test_FEED_17_a_counter_at_once(api, server):
    """Each client finds its own change in its next read, whatever the others do; at the end the sums are exact."""
    a = new_user(api)
    p = api.call('post_create', {'caption': 'x'}, viewer=a)['post_id']
    wrong = []

    def work(seed):
        mine, rng = Binary(server), random.Random(seed)
        for who in [new_user(mine) for _ in range(3)]:
            n = 0
            for i in range(20):
                on = rng.random() < 0.6
                r = mine.call('like' if on else 'unlike', {'post_id': p}, viewer=who)
                seen = get(mine, p, who)
                if r['liked'] is not on or seen['liked'] is not on:
                    wrong.append((r, seen))
                n = on
            total.append(n)
    total = []
    threads = [threading.Thread(target=work, args=(s,)) for s in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong, wrong[:2]
    assert get(api, p)['like_count'] == sum(total) and len(total) == 12


@harness.once
def test_FEED_16_STAT_5_no_drift(api, server):
    """Counters are counted again all the time, and found to be right; kith check says so too, after a random life
    with kills and deletions."""
    with Server() as mine:
        w = World(mine, 21, Model())
        w.people = [int(new_user(w.apis[1])) for _ in range(30)]
        w.authors = w.people[:10]
        for turn in range(3):
            for _ in range(300):
                w.step()
            before = metric(mine, 'kith_counters_recounted_total')
            eventually(lambda: above(metric(mine, 'kith_counters_recounted_total'), before + 1000), 60)
            assert metric(mine, 'kith_counter_drift') == 0
            w.check_all()
            mine.restart('kill' if turn % 2 else 'stop')
            w.reconnect()
        gone = w.people[-1]
        w.do('user_delete', {'user_id': gone}, gone)
        eventually(lambda: above(metric(mine, 'kith_counters_recounted_total'), 1000), 60)
        assert metric(mine, 'kith_counter_drift') == 0
        mine.stop()
        assert mine.check()['clean']
        mine.start()


@harness.once
def test_LIKE_11_one_target(api, server):
    """Rows of an import that like a post and a comment at once, or neither, are refused by the line that they stand
    in; the others are taken. The operations have one target each by their form."""
    a, b = new_user(api), new_user(api)
    p = api.call('post_create', {'caption': 'x'}, viewer=a)['post_id']
    c = api.call('comment_create', {'post_id': p, 'content': 'c'}, viewer=a)['comment_id']
    rows = [(a, p, ''), (b, p, c), (b, '', c), (b, '', ''), ('', p, ''), (b, p, ''), (b, '77', ''), (b, '', 'x')]
    forms = {'likes.csv': 'user_id,post_id,comment_id\n' + ''.join('%s,%s,%s\n' % r for r in rows),
             'likes.ndjson': '\n'.join(json.dumps({k: v for k, v in zip(('user_id', 'post_id', 'comment_id'), r) if v})
                                       for r in rows) + '\n'}
    for name, text in forms.items():
        path = os.path.join(server.dir, name)
        with open(path, 'w') as f:
            f.write(text)
        first = 2 if name.endswith('csv') else 1
        for _ in range(2):  # and the same again
            r = subprocess.run([harness.KITH, 'import', '--to', '127.0.0.1:%d' % server.port, '--service-key-file',
                                server.keyfile, '--likes', path, '--json'], capture_output=True, text=True)
            said = json.loads(r.stdout)['likes']
            assert r.returncode == 1 and (said['rows'], said['applied'], said['refused']) == (8, 3, 5), r
            lines = sorted(int(n) for n in re.findall(r'record (\d+) refused', r.stderr))
            assert lines == [first + i for i in (1, 3, 4, 6, 7)], r.stderr
            assert 'a post and a comment' in r.stderr and 'neither' in r.stderr, r.stderr
            assert get(api, p)['like_count'] == 2
            assert [u['user_id'] for u in api.call('comment_likes', {'comment_id': c})['users']] == [b]
    both = api.call('like', {'post_id': p, 'comment_id': c}, viewer=a)
    assert both.status == 400 and both.code == 'unknown_field', both


@harness.once
def test_LIKE_9_a_page_of_many_likers(api, server):
    """The work for a page of likers is that of the page, at 1,000 likers and at 20,000, at the front and in the
    middle; and a neighbour's post is told of its own likes alone."""
    with Server(durability='none') as mine:
        api = Binary(mine)
        a, fans = new_user(api), users(api, 20000)
        few, many, calm = (api.call('post_create', {'caption': 'x'}, viewer=a)['post_id'] for _ in range(3))
        import_edges(api, 'like', [(f, few) for f in fans[:1000]])
        import_edges(api, 'like', [(f, many) for f in fans])
        assert (get(api, few)['like_count'], get(api, many)['like_count']) == (1000, 20000)
        work = []
        for post, n in ((few, 1000), (many, 20000)):
            got, cursor = [], None
            while cursor is not None or not got:
                f = dict({'post_id': post, 'limit': 100}, **({'cursor': cursor} if cursor else {}))
                if len(got) in (0, n // 2):
                    e = api.call('explain', {'op': 'likes', 'request': f}, viewer=a).body
                    work.append({k: e[k] for k in ('found', 'hidden', 'hydrated', 'records', 'rounds', 'asked')})
                    work[-1]['kib'] = round(e['bytes'] / 1024)
                page = api.call('likes', f, viewer=a)
                got += [u['user_id'] for u in page['users']]
                cursor = page['next_cursor']
            assert len(set(got)) == len(got) == n and set(got) == set(fans[:n])
        assert all(w == work[0] for w in work), work
        assert work[0]['records'] == 100 and work[0]['rounds'] == 1, work[0]
        assert api.call('like', {'post_id': calm}, viewer=fans[0])['like_count'] == 1
        assert [u['user_id'] for u in api.call('likes', {'post_id': calm})['users']] == [fans[0]]


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
