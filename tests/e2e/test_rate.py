#!/usr/bin/python3
"""Limits: by class and by user, address, key and account; connections by address; hot ids."""
import http.client
import json
import os
import random
import socket
import statistics
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import schema
from harness import Http, Binary, Server, KEY, MAGIC, TRANSPORTS, new_user
from schema import OPS

BURST = 5
BY_USER = ['read', 'write', 'search', 'follow', 'like', 'message', 'report']
LIMITS = [w for c in BY_USER for w in ('--limit', '%s=1/s:%d' % (c, BURST))] + ['--proxy', '127.0.0.1']
PASSWORD = 'a long secret'
_serial = [0]


def member(api):
    """Somebody with a token: what a service key brings is not limited."""
    _serial[0] += 1
    name = 'rate%d_%d_%s' % (os.getpid(), _serial[0], api.name)
    a = api.call('register', {'username': name, 'email': name + '@example.org', 'password': PASSWORD}, service=False)
    assert a.status == 201, a
    return a['user']['user_id'], a['token'], name


def ops_of(rate):
    return sorted(n for n, o in OPS.items() if o.rate == 'RATE_' + rate.upper() and o.kind != 'OPK_INTERNAL' and
                  o.auth not in ('AUTH_SERVICE', 'AUTH_ROLE') and n not in ('hello', 'logout', 'token_refresh') and
                  o.routes)


def ask(api, op, token):
    """A request that need not be right: limits come before anything is parsed."""
    fields = {f.name: '12345' for f in schema.TABLES[OPS[op].request] if '{%s}' % f.name in OPS[op].routes[0][1]}
    return api.call(op, fields, token=token)


def spend(api, op, token, burst=BURST):
    """Asks until refused: after the burst, or as many more as came back meanwhile. The refusal, and until when
    others are refused at least."""
    began = time.time()
    for n in range(1000):
        now = time.time()
        a = ask(api, op, token)
        if a.status == 429:
            break
        assert a.status < 500, (op, a)
    assert burst <= n <= burst + time.time() - began + 1, (op, n, time.time() - began)
    return a, now + a['limit']['retry_after_ms'] / 1000


def check_refused(api, op, token, until):
    assert ask(api, op, token).status == 429 or time.time() >= until, op


def check_refusal(a, policy, burst=BURST):
    limit = a['limit']
    assert a.code == 'rate_limited' and limit['policy'] == policy and limit['quota'] == burst, a
    assert limit['window'] == burst and limit['remaining'] == 0 and 0 < limit['reset'] <= burst, limit
    assert 0 < limit['retry_after_ms'] <= 1000, limit
    if a.headers:
        assert a.headers['Retry-After'] == '1', dict(a.headers)
        assert a.headers['RateLimit-Policy'] == '"%s";q=%d;w=%d' % (policy, burst, burst), dict(a.headers)
        assert a.headers['RateLimit'] == '"%s";r=0;t=%d' % (policy, limit['reset']), dict(a.headers)


def limited(server, rate, by='user'):
    for line in server.admin_get('/metrics')[1].splitlines():
        if line.startswith('kith_limited_total{class="%s",by="%s"}' % (rate, by)):
            return int(line.split()[-1])
    raise AssertionError((rate, by))


def check_class(api, server, rate, names):
    before, spent = limited(server, rate), []
    for op in names[:3]:
        _, token, _ = member(api)
        spent.append((op, token))
        refused, until = spend(api, op, token)
        check_refusal(refused, rate)
        for other in BY_USER:                      # other classes are not affected
            for o in ops_of(other)[:1] if other != rate else []:
                assert ask(api, o, token).status != 429, (op, o)
        over = [t for t in TRANSPORTS if t.name != api.name][0](server)
        for o in names[:3]:                        # all of the class are, over either protocol
            check_refused(api, o, token, until)
        check_refused(over, op, token, until)
    time.sleep(1.1)  # one a second comes back
    for op, token in spent:
        assert ask(api, op, token).status != 429, op  # the next window
    assert limited(server, rate) > before, rate


def test_SEC_6_FIND_17_search(api, server):
    assert {'search_posts', 'search_users'} <= set(ops_of('search'))
    check_class(api, server, 'search', ops_of('search'))


def test_SEC_7_follow(api, server):
    assert ops_of('follow') >= ['follow', 'unfollow']
    check_class(api, server, 'follow', ['follow', 'unfollow'])


def test_SEC_8_like(api, server):
    assert {'like', 'unlike', 'comment_like', 'react'} <= set(ops_of('like'))
    check_class(api, server, 'like', ['like', 'unlike'])


def test_SEC_9_changes_messages_reports(api, server):
    check_class(api, server, 'write', ['post_create', 'comment_create'])
    for rate in ('message', 'report'):
        if ops_of(rate):
            check_class(api, server, rate, ops_of(rate))


def test_FEED_26_feed_and_counts(api, server):
    check_class(api, server, 'read', ['feed', 'like_count'])


def test_every_operation_has_a_class(api, server):
    for name, op in OPS.items():
        assert (op.rate not in ('', 'RATE_NONE')) == (op.kind != 'OPK_INTERNAL'), name


@harness.over('http')
def test_headers_count_down(api, server):
    user, token, _ = member(api)
    post = api.call('post_create', {'caption': 'x'}, viewer=user)['post_id']
    left = []
    for _ in range(BURST):
        a = api.call('like', {'post_id': post}, token=token)
        assert a.status == 200, a
        name, r, t = a.headers['RateLimit'].split(';')
        assert name == '"like"' and a.headers['RateLimit-Policy'] == '"like";q=5;w=5', dict(a.headers)
        left.append(int(r[2:]))
        assert 0 < int(t[2:]) <= BURST
    assert left == sorted(left, reverse=True) and left[0] == BURST - 1 and left[-1] <= 1, left
    assert 'RateLimit' not in api.call('like', {'post_id': post}, viewer=user).headers


def test_service_keys_are_not_limited(api, server):
    user = new_user(api)
    for _ in range(20 * BURST):
        assert api.call('feed', {}, viewer=user).status == 200


def answer(f):
    """The status of the next answer. http.client takes twenty times as long, which 100,000 would feel."""
    status, n = int(f.readline().split()[1]), None
    for line in iter(f.readline, b'\r\n'):
        if line.lower().startswith(b'content-length:'):
            n = int(line.split(b':')[1])
    assert n is not None and len(f.read(n)) == n
    return status


def flood(server, token, n):
    """n requests in one go over one connection; how many were answered 200, how many 429."""
    request = b'GET /api/feed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n' % token.encode()
    done = refused = 0
    with socket.create_connection(('127.0.0.1', server.port), timeout=60) as s:
        f = s.makefile('rb')
        for at in range(0, n, 100):
            s.sendall(request * 100)
            for _ in range(100):
                status = answer(f)
                done, refused = done + (status == 200), refused + (status == 429)
    return done, refused


@harness.once
def test_SEC_9_one_abuser_slows_nobody(api, server):
    """In counts: what he is refused costs others nothing of theirs."""
    _, abuser, _ = member(api)
    others = [member(api)[1] for _ in range(5)]
    began = time.time()
    done, refused = flood(server, abuser, 5000)
    took = time.time() - began
    assert done + refused == 5000 and BURST <= done <= BURST + took + 1, (done, refused, took)
    for token in others:
        answers = [api.call('feed', {}, token=token).status for _ in range(BURST)]
        assert answers == [200] * BURST, answers
    done, _ = flood(server, abuser, 100)
    assert done <= BURST


def resident(server):
    for line in open('/proc/%d/status' % server.process.pid):
        if line.startswith('VmRSS'):
            return int(line.split()[1]) << 10


def from_addresses(server, path, addresses):
    """A GET from each address, as the proxy tells them; the statuses."""
    out = []
    with socket.create_connection(('127.0.0.1', server.port), timeout=60) as s:
        f = s.makefile('rb')
        for at in range(0, len(addresses), 10):
            some = addresses[at:at + 10]
            s.sendall(b''.join(b'GET %s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6, %s\r\n\r\n' % (path, a.encode())
                               for a in some))
            for _ in some:
                out.append(answer(f))
    return out


@harness.once
def test_SEC_9_many_keys_in_bounded_memory(api, server):
    """100,000 addresses over the wire; a million are in tests/api/test_limits.c."""
    with Server('--proxy', '127.0.0.1', '--limit', 'read/address=1/min:3') as s:
        assert from_addresses(s, b'/api/ping', ['203.0.113.9'] * 5) == [200] * 3 + [429] * 2
        # The last word of the list is the proxy's; the same client by IPv6 is his whole /64.
        six = ['2001:db8:7:7::%x' % i for i in range(1, 6)]
        assert from_addresses(s, b'/api/ping', six) == [200] * 3 + [429] * 2
        # In two fields as in one list; what a client says before the proxy does is nothing.
        assert from_addresses(s, b'/api/ping', ['198.51.100.1\r\nX-Forwarded-For: 203.0.113.9']) == [429]
        assert from_addresses(s, b'/api/ping', ['203.0.113.9\r\nX-Forwarded-For: 198.51.100.1']) == [200]
        before = resident(s)
        many = ['10.%d.%d.%d' % (i >> 16, i >> 8 & 255, i & 255) for i in range(100000)]
        assert set(from_addresses(s, b'/api/ping', many)) == {200}
        assert resident(s) - before < harness.shadows() * (16 << 20), (before, resident(s))
        assert from_addresses(s, b'/api/ping', ['203.0.113.9']) == [429]
        assert limited(s, 'read', 'address') >= 5


@harness.once
def test_SEC_9_addresses_of_this_machine(api, server):
    """Exempt unless asked for; X-Forwarded-For from who is no proxy means nothing."""
    with Server('--limit', 'read/address=1/min:3', '--limit', 'like/key=1/s:5') as s:
        assert set(from_addresses(s, b'/api/ping', ['203.0.113.9'] * 20)) == {200}
        api = Http(s)
        user = new_user(api)
        answers = [api.call('like', {'post_id': '77'}, viewer=user).status for _ in range(7)]
        assert answers[:5] == [404] * 5 and 429 in answers[5:], answers
    with Server('--limit', 'read/address=1/min:3', '--limit-local') as s:
        binary = Binary(s)
        answers = [binary.call('ping', {}, service=False).status for _ in range(5)]
        assert answers == [200] * 3 + [429] * 2, answers
        assert Http(s).call('ping', {}, service=False).status == 429
        assert Http(s).call('ping', {}).status == 200  # with the service key


def test_SEC_9_login_is_stricter(api, server):
    _, token, name = member(api)
    try_it = lambda who, password: api.call('login', {'username': who, 'password': password}, service=False)
    for who in (name, 'nobody_' + name):
        # Right ones are not counted, wrong ones are, and then even the right one waits.
        for _ in range(3):
            assert try_it(who, PASSWORD).status == (200 if who == name else 401)
        answers = [try_it(who.upper() if i % 2 else who, 'wrong wrong').status for i in range(13)]
        assert answers.count(429) in (3, 6) and answers == sorted(answers), answers
        a = try_it(who, PASSWORD)
        assert a.status == 429 and a['limit']['policy'] == 'login-account' and a['limit']['quota'] == 10, a
        assert 0 < a['limit']['retry_after_ms'] <= 12000, a
    assert api.call('user_by_name', {'username': name}, token=token).status == 200
    if api.name == 'http':  # a stranger shuts nobody out from where he is
        body = {'username': name, 'password': PASSWORD}
        assert api.raw('POST', '/api/login', body, {'X-Forwarded-For': '198.51.100.7'}).status == 200


def test_SEC_9_reset_is_stricter(api, server):
    _, token, name = member(api)
    # What sends a mail is counted by whom it is for, whoever that is; to others it goes on.
    for who in (name, 'nobody_' + name):
        answers = [api.call('forgot_password', {'email': (who.upper() if i % 2 else who) + '@example.org'}, service=False)
                   for i in range(5)]
        assert [a.status for a in answers] == [202] * 3 + [429] * 2, answers
        assert answers[-1]['limit']['policy'] == 'reset-account' and answers[-1]['limit']['quota'] == 3, answers[-1]
        assert 0 < answers[-1]['limit']['retry_after_ms'] <= 60000, answers[-1]
    answers = [api.call('login_code', {'phone_number': '+49%010d' % (hash(name) % 10 ** 10)}, service=False).status
               for _ in range(4)]
    assert answers == [202] * 3 + [429], answers
    # Where none is named, by who asks; and a service key goes on.
    answers = [api.call('verify_request', {}, token=token).status for _ in range(5)]
    assert answers == [202] * 3 + [429] * 2, answers
    assert api.call('forgot_password', {'email': name + '@example.org'}).status == 202
    assert ask(api, 'login', token).status != 429
    assert limited(server, 'reset', 'account') >= 7


def test_SEC_9_codes_are_guessed_slowly(api, server):
    """A stolen token gets no more guesses at the second factor by changing the address."""
    _, token, _ = member(api)
    _, other, _ = member(api)
    for t in (token, other):
        assert api.call('totp_enable', {}, token=t).status == 200
    guess = lambda t: api.call('totp_confirm', {'code': '12345'}, token=t)
    answers = [guess(token).status for _ in range(13)]
    assert answers.count(429) >= 2 and answers[:10] == [401] * 10 and answers[-1] == 429, answers
    if api.name == 'http':
        at = {'X-Forwarded-For': '198.51.100.9', 'Authorization': 'Bearer ' + token}
        assert api.raw('POST', '/api/2fa/confirm', {'code': '12345'}, at).status == 429
    assert guess(other).status == 401


@harness.over('http')
def test_SEC_9_websockets(api, server):
    """The handshake of each is a read; what comes over it then is not asked for."""
    _, token, _ = member(api)

    def shake():
        c = http.client.HTTPConnection('127.0.0.1', server.port, timeout=10)
        c.request('GET', '/ws?access_token=' + token, headers={
            'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13',
            'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='})
        r = c.getresponse()
        body = json.loads(r.read()) if r.status != 101 else None
        c.close()
        return r, body
    answers = [shake() for _ in range(2 * BURST)]
    statuses = [r.status for r, _ in answers]
    assert statuses[:BURST] == [101] * BURST and 429 in statuses, statuses
    refused, body = [a for a in answers if a[0].status == 429][0]
    assert body['code'] == 'rate_limited' and body['limit']['policy'] == 'read', body
    assert refused.headers['Retry-After'] == '1' and refused.headers['RateLimit'].startswith('"read";r=0'), refused
    time.sleep(body['limit']['retry_after_ms'] / 1000 + 1)
    assert shake()[0].status == 101


@harness.once
def test_SEC_9_logins_by_address(api, server):
    with Server('--proxy', '127.0.0.1', '--limit', 'login=2/min:4', '--limit', 'register=1/min:2') as s:
        api = Http(s)
        at = {'X-Forwarded-For': '198.51.100.8'}
        answers = [api.raw('POST', '/api/login', {'username': 'n%d' % i, 'password': 'wrong wrong'}, at).status
                   for i in range(6)]
        assert answers == [401] * 4 + [429] * 2, answers
        answers = [api.raw('POST', '/api/register', {'username': 'r%d' % i, 'email': 'r%d@x.org' % i, 'password': PASSWORD},
                           at).status for i in range(3)]
        assert answers == [201, 201, 429], answers
        assert api.raw('POST', '/api/login', {'username': 'r0', 'password': PASSWORD}).status == 200
        # Bad tokens count where they come from.
        s.stop()
        s.start('--limit', 'read/address=1/min:3')
        bad = dict(at, Authorization='Bearer nonsense')
        assert [api.raw('GET', '/api/feed', None, bad).status for _ in range(5)] == [401] * 3 + [429] * 2


@harness.once
def test_SEC_24_login_times_tell_nothing(api, server):
    """Known and unknown names in turn, so that what else the machine does falls on both."""
    rng, n = random.Random(24), 60
    with Server('--limit', 'none') as s:
        api = Http(s)
        names = [member(api)[2] for _ in range(6)]
        times = {True: [], False: []}
        bodies = set()
        for i in range(n):
            for known in rng.sample((True, False), 2):
                who = rng.choice(names) if known else 'x%d_%d' % (rng.getrandbits(40), i)
                began = time.perf_counter()
                a = api.raw('POST', '/api/login', {'username': who, 'password': 'wrong wrong'})
                times[known].append(time.perf_counter() - began)
                assert a.status == 401, a
                a.body.pop('request_id')
                bodies.add(json.dumps(a.body))
        assert len(bodies) == 1, bodies
        known, unknown = statistics.median(times[True]), statistics.median(times[False])
        # Mann and Whitney: the share of pairs in which the known name took longer.
        above = sum((x > y) + (x == y) / 2 for x in times[True] for y in times[False]) / n ** 2
        sigma = ((2 * n + 1) / (12 * n * n)) ** 0.5
        print('     medians %.1f ms and %.1f ms, known slower in %.1f %% of pairs' %
              (known * 1e3, unknown * 1e3, above * 100))
        assert 0.8 < known / unknown < 1.25 and abs(above - 0.5) < 4 * sigma, (known, unknown, above)


def metric(server, name):
    for line in server.admin_get('/metrics')[1].splitlines():
        if line.startswith(name + ' '):
            return float(line.split()[-1])
    raise AssertionError(name)


def turned_away(server):
    """A connection that gets no answer."""
    try:
        with socket.create_connection(('127.0.0.1', server.port), timeout=10) as s:
            s.sendall(b'GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n')
            out = s.recv(100)
            return not out.startswith(b'HTTP/1.1 200')
    except OSError:
        return True


@harness.once
def test_SCALE_21_connections_by_address(api, server):
    with Server('--connections-per-address', '8', '--limit-local') as s:
        held = []
        for _ in range(8):
            c = http.client.HTTPConnection('127.0.0.1', s.port, timeout=10)
            c.request('GET', '/api/ping')
            assert c.getresponse().read()
            held.append(c)
        assert [turned_away(s) for _ in range(5)] == [True] * 5
        assert metric(s, 'kith_connections_crowded_total') >= 5
        held.pop().close()

        def room():
            assert not turned_away(s)
        harness.eventually(room)
        for c in held:
            c.close()
    with Server('--connections-per-address', '8') as s:  # this machine is not counted
        held = [http.client.HTTPConnection('127.0.0.1', s.port, timeout=10) for _ in range(30)]
        for c in held:
            c.request('GET', '/api/ping')
            assert c.getresponse().status == 200
        for c in held:
            c.close()


@harness.once
def test_SCALE_21_many_short_connections(api, server):
    count = lambda: len(os.listdir('/proc/%d/fd' % server.process.pid))
    frame = struct.pack('<IHBBIIQQ', len(schema.pack('Ping', {})), OPS['ping'].number, 0, 0, 1, MAGIC, 0, 0)
    frame += schema.pack('Ping', {})
    before, times = count(), []
    for i in range(4000):
        began = time.perf_counter()
        with socket.create_connection(('127.0.0.1', server.port), timeout=10) as s:
            s.sendall(frame if i % 2 else b'GET /api/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
            out = s.recv(4096)
            assert out[6] == 0 if i % 2 else out.startswith(b'HTTP/1.1 200'), out
        times.append(time.perf_counter() - began)
    first, last = statistics.median(times[:1000]), statistics.median(times[-1000:])
    print('     4000 connections, medians of the first and last 1000: %.2f ms, %.2f ms' % (first * 1e3, last * 1e3))
    assert last < 3 * first + 0.001, (first, last)

    def gone():
        assert count() <= before + 5, (before, count())
    harness.eventually(gone)


def test_SCALE_10_hot_keys(api, server):
    user = new_user(api)
    hot = api.call('post_create', {'caption': 'hot'}, viewer=user)['post_id']
    cold = [api.call('post_create', {'caption': 'cold'}, viewer=user)['post_id'] for _ in range(20)]
    for i in range(1500):
        assert api.call('post_get', {'post_id': hot if i % 3 else random.choice(cold)}, viewer=user).status == 200
    rows = [l for l in server.admin_get('/metrics')[1].splitlines() if l.startswith('kith_hot_key_requests{')]
    mine = [float(l.split()[-1]) for l in rows if '{field="post_id",id="%s"}' % hot in l]
    assert len(rows) <= 10 and mine and 500 <= mine[0] <= 1700, rows
    values = [float(l.split()[-1]) for l in rows]
    assert values == sorted(values, reverse=True), rows


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__], LIMITS))
