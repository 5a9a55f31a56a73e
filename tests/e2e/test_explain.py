#!/usr/bin/python3
"""What one request touched: `explain`, its command, and the log of slow requests."""
import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Binary, Http, Server, new_user

STEPS = ['parse', 'route', 'wait', 'read', 'build', 'send']


def explain(api, op, fields=None, viewer=None):
    return api.call('explain', {'op': op, 'request': fields or {}}, viewer=viewer)


def sums(e):
    """What holds of every list."""
    assert e['found'] == e['hidden'] + e['passed'] + e['hydrated'], e
    assert [s['step'] for s in e['steps']] == STEPS, e
    assert 0 < sum(s['nanoseconds'] for s in e['steps']) <= e['nanoseconds'], e
    return e


def feed_sums(e):
    assert e['pushed'] + e['pulled'] + e['older'] == e['found'], e
    return sums(e)


def posts(api, author, n):
    return [api.call('post_create', {'caption': 'p%d' % i}, viewer=author)['post_id'] for i in range(n)]


def follow(api, reader, *authors):
    for a in authors:
        assert api.call('follow', {'user_id': a}, viewer=reader).status == 200


@harness.once
def test_SCALE_18_EXT_36_a_feed(api, server):
    """Authors with more than 3 followers are pulled, others pushed; the sums are those of the page."""
    with Server('--fanout-max', '3') as mine:
        for t in harness.TRANSPORTS:
            check_feed(t(mine))


def check_feed(api):
    small, star, reader = new_user(api), new_user(api), new_user(api)
    follow(api, reader, small, star)
    for _ in range(5):
        follow(api, new_user(api), star)
    old = posts(api, star, 4)
    # Nobody has a timeline for this reader: all that is shown is merged now, from both authors.
    first = feed_sums(explain(api, 'feed', {'limit': 20}, reader).body)
    assert (first['misses'], first['authors_read'], first['pulled'], first['pushed']) == (1, 2, 4, 0), first
    pushed, pulled = posts(api, small, 6), posts(api, star, 3)
    e = feed_sums(explain(api, 'feed', {'limit': 9}, reader).body)
    assert (e['misses'], e['pushed'], e['pulled'], e['older'], e['hydrated']) == (0, 6, 3, 0, 9), e
    assert e['authors_pulled'] == 1 and e['records'] == 18 and e['rounds'] == 1, e
    assert e['op'] == 'feed' and int(e['place']) > 0, e
    page = api.call('feed', {'limit': 9}, viewer=reader)
    assert [p['post_id'] for p in page['posts']] == pulled[::-1] + pushed[::-1]
    e = feed_sums(explain(api, 'feed', {'limit': 9, 'offset': 2}, reader).body)
    assert (e['passed'], e['hydrated'], e['found']) == (2, 9, 11), e
    # A post that its author keeps to himself from now on stands in the timeline still.
    api.call('post_update', {'post_id': pushed[5], 'is_archived': True}, viewer=small)
    e = feed_sums(explain(api, 'feed', {'limit': 9}, reader).body)
    assert e['hydrated'] == 9 and e['rounds'] == 1 + (e['hidden'] > 0), e
    got = {p['post_id'] for p in api.call('feed', {}, viewer=reader)['posts']}
    assert got == set(old + pulled + pushed[:5]), got


def test_SCALE_18_EXT_36_older_than_the_timeline(api, server):
    a, f = new_user(api), new_user(api)
    follow(api, f, a)
    api.call('feed', {}, viewer=f)
    for c in range(3):
        rows = [{'user_id': a, 'created_at': 1500000000000 + c * 256000 + i * 1000, 'caption': 'x'} for i in range(256)]
        r = api.call('import_posts', {'source_hi': int(a), 'source_lo': 3, 'chunk': c, 'posts': rows})
        assert r['applied'] == 256, r
    last = api.call('feed', {'limit': 100, 'offset': 500}, viewer=f)['posts'][-1]['post_id']
    e = feed_sums(explain(api, 'feed', {'limit': 20, 'last_seen_post_id': last}, f).body)
    assert e['older'] == e['hydrated'] == 20 and e['pushed'] == 0, e
    assert e['asked'] == int(os.environ.get('KITH_CORES', 2)) - 1, e


def test_SCALE_18_other_operations(api, server):
    a, b = new_user(api), new_user(api)
    ids = posts(api, a, 30)
    e = sums(explain(api, 'user_posts', {'user_id': a, 'limit': 20}, b).body)
    assert (e['found'], e['hydrated'], e['records'], e['pushed']) == (20, 20, 40, 0), e
    real = api.call('user_posts', {'user_id': a, 'limit': 20}, viewer=b)
    assert 0.9 < e['json_bytes'] / len(json.dumps(real.body, separators=(',', ':'), ensure_ascii=False)) < 1.1, e
    e = sums(explain(api, 'post_get', {'post_id': ids[0]}, b).body)
    assert e['found'] == 0 and e['bytes'] > 50, e
    # A change is made, once, and its wait for the log is told.
    e = sums(explain(api, 'like', {'post_id': ids[0]}, b).body)
    assert {s['step']: s['nanoseconds'] for s in e['steps']}['wait'] > 0, e
    assert api.call('post_get', {'post_id': ids[0]}, viewer=b)['like_count'] == 1
    # What is refused is refused as ever; what cannot be explained is said.
    r = explain(api, 'post_get', {'post_id': '5'}, b)
    assert r.status == 404 and r.code == 'not_found', r
    r = explain(api, 'user_posts', {'user_id': a, 'limit': 101}, b)
    assert r.status == 422 and r.pointers == ['/limit'], r
    r = explain(api, 'user_posts', {'user_di': a}, b)
    assert r.status == 400 and r.code == 'unknown_field', r
    for op in ('no_such', 'ping', 'hello', 'explain', 'login', 'register', 'subscribe', 'undo'):
        r = explain(api, op, {}, b)
        assert r.status == 422 and r.pointers == ['/op'], (op, r)
    # Who may: a service key, with the rights of whom it acts for.
    assert api.call('explain', {'op': 'feed'}, service=False).status == 401
    r = explain(api, 'post_update', {'post_id': ids[0], 'caption': 'stolen'}, b)
    assert r.status == 403, r
    assert explain(api, 'role_set', {'user_id': b, 'role': 'admin'}, b).status == 403
    assert explain(api, 'feed').status in (401, 403)


@harness.once
def test_SCALE_18_the_command(api, server):
    a, b = new_user(api), new_user(api)
    posts(api, a, 3)
    follow(api, b, a)
    kith = [harness.KITH, 'explain', '--to', '127.0.0.1:%d' % server.port, '--service-key-file', server.keyfile,
            '--viewer', b]
    run = lambda *words: subprocess.run(kith + list(words), capture_output=True, text=True)
    r = run('feed', 'limit=2', '-o', 'json')
    assert r.returncode == 0, r
    e = feed_sums(json.loads(r.stdout))
    assert e['hydrated'] == 2 and e['op'] == 'feed', e
    r = run('feed')
    assert r.returncode == 0 and re.search(r'(?m)^hydrated +3$', r.stdout) and 'route' in r.stdout, r
    assert run('feed', 'limit=0').returncode == 1
    assert run('fed').returncode == 2 and run().returncode == 2 and run('feed', 'x=1').returncode == 2


def slow_lines(server):
    server.log.flush()
    text = open(os.path.join(server.dir, 'log'), errors='replace').read()
    return [dict(w.split('=', 1) for w in re.findall(r'\w+=(?:"[^"]*"|\S+)', line))
            for line in text.splitlines() if 'msg="slow request"' in line]


@harness.once
def test_SCALE_18_SCALE_17_slow_log(api, server):
    """Structured, with the request's number, what it touched, and nothing of its content."""
    with Server('--slow-ms', '1') as mine:
        api = Http(mine)
        a, b = new_user(api), new_user(api)
        # Longer than a millisecond wherever this runs: a password to hash, and a place to wait for.
        secret = 'a secret that is nobody\'s'
        api.call('register', {'username': 'slow_one', 'email': 's@example.org', 'password': secret}, service=False)
        follow(api, b, a)
        posts(api, a, 5)
        late = api.call('feed', {}, viewer=b, place=10**12)
        assert late.status == 503, late

        def told():
            lines = slow_lines(mine)
            ops = {l['op'] for l in lines}
            assert {'register', 'feed'} <= ops, ops
            feed = [l for l in lines if l['op'] == 'feed' and l['code'] == 'place_timeout'][0]
            assert feed['request'] == late['request_id'] and feed['user'] == b, feed
            assert int(feed['us']) > 1000 and 'misses' in feed and 'authors_pulled' in feed, feed
            steps = sum(int(feed[s + '_us']) for s in STEPS)
            assert abs(steps - int(feed['us'])) < 10 + int(feed['us']) / 100, feed
        harness.eventually(told)
        assert secret not in open(os.path.join(mine.dir, 'log')).read()
        time_out = len(slow_lines(mine))
    with Server('--slow-ms', '0') as mine:
        api = Binary(mine)
        api.call('feed', {}, viewer=new_user(api), place=10**12)
        assert slow_lines(mine) == [] and time_out > 0


@harness.once
def test_SCALE_18_slow_log_is_bounded(api, server):
    """Where everything is slow a core tells 20 requests a second, and how many it did not tell."""
    with Server('--slow-ms', '1') as mine:
        user = new_user(Http(mine))
        began = len(slow_lines(mine))

        def late(_):
            assert Http(mine).call('feed', {}, viewer=user, place=10**12).status == 503
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            list(pool.map(late, range(400)))
        time.sleep(1)
        late(0) # says how many were not told

        def told():
            lines = slow_lines(mine)[began:]
            told = sum(1 + int(l['untold']) for l in lines)
            assert told > 300 and any(int(l['untold']) > 0 for l in lines), lines
            by_second = collections.Counter(l['time'][:19] for l in lines)
            assert max(by_second.values()) <= 2 * 2 * 20, by_second  # two cores; other seconds
        harness.eventually(told)


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
