#!/usr/bin/python3
"""NOTE rows, and CMT-9, LIKE-14, POST-14, FEED-19, PERF-15, STAT-6 to 8: who is told what, and what
somebody did."""
import base64
import hashlib
import json
import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import schema
from harness import MAGIC, OPS, Binary, Http, Server, eventually, new_user, pages


def notes(api, user, **fields):
    return pages(api, 'notifications', fields, 'notifications', viewer=user)[0]


def unread(api, user):
    return api.call('notification_count', {}, viewer=user)['unread_count']


def post(api, user, caption='x'):
    return api.call('post_create', {'caption': caption}, viewer=user)['post_id']


def comment(api, user, on, text='c', **more):
    a = api.call('comment_create', dict(post_id=on, content=text, **more), viewer=user)
    assert a.status == 201, a
    return a['comment_id']


def name_of(api, user):
    return api.call('user_get', {'user_id': user})['username']


def told(api, user, n):
    """Consequences come a moment later."""
    def check():
        got = notes(api, user)
        assert len(got) == n, got
        return got
    return eventually(check)


def test_NOTE_1_list(api, server):
    john, a, b, c = [new_user(api) for _ in range(4)]
    p = post(api, john)
    assert notes(api, john) == [] and unread(api, john) == 0
    api.call('like', {'post_id': p}, viewer=a)
    comment(api, b, p)
    api.call('follow', {'user_id': john}, viewer=c)
    got = notes(api, john)
    assert [n['type'] for n in got] == ['follow', 'comment', 'like'], got
    assert [n['actor_id'] for n in got] == [c, b, a]
    assert unread(api, john) == 3
    for i in range(47):
        q = post(api, john)
        api.call('like', {'post_id': q}, viewer=a)
    got, sizes = pages(api, 'notifications', {}, 'notifications', viewer=john)
    assert sizes == [20, 20, 10] and len({n['notification_id'] for n in got}) == 50, sizes
    times = [n['created_at'] for n in got]
    assert times == sorted(times, reverse=True)
    assert api.call('notifications', {'limit': 101}, viewer=john).status == 422
    assert api.call('notifications', {'cursor': 'nonsense'}, viewer=john).status == 400
    other = api.call('notifications', {'limit': 1}, viewer=john)['next_cursor']
    assert api.call('notifications', {'cursor': other}, viewer=a).status == 400
    read = [n for i, n in enumerate(got) if i % 2]
    for n in read:
        api.call('notification_read', {'notification_id': n['notification_id']}, viewer=john)
    left = notes(api, john, unread=True)
    assert [n['notification_id'] for n in left] == [n['notification_id'] for i, n in enumerate(got) if i % 2 == 0]


def test_NOTE_2_mark_read(api, server):
    john, a = new_user(api), new_user(api)
    for i in range(3):
        api.call('like', {'post_id': post(api, john)}, viewer=a)
    n = notes(api, john)[1]['notification_id']
    r = api.call('notification_read', {'notification_id': n}, viewer=john)
    assert r.status == 200 and r.body == {'notification_id': n, 'is_read': True, 'unread_count': 2}, r
    r = api.call('notification_read', {'notification_id': n}, viewer=john)
    assert r.status == 200 and r['unread_count'] == 2
    assert [x['is_read'] for x in notes(api, john)] == [False, True, False]
    assert unread(api, john) == 2
    assert api.call('notification_read', {'notification_id': n}, viewer=a).status == 404
    assert api.call('notification_read', {'notification_id': '77'}, viewer=john).status == 404
    assert api.call('notification_read', {'notification_id': n}, service=False).status == 401
    assert unread(api, john) == 2


def test_NOTE_3_delete(api, server):
    john, a = new_user(api), new_user(api)
    for i in range(3):
        api.call('like', {'post_id': post(api, john)}, viewer=a)
    one, two, three = [n['notification_id'] for n in notes(api, john)]
    api.call('notification_read', {'notification_id': two}, viewer=john)
    assert api.call('notification_delete', {'notification_id': one}, viewer=a).status == 404
    assert api.call('notification_delete', {'notification_id': one}, viewer=john).status == 204
    assert unread(api, john) == 1
    assert api.call('notification_delete', {'notification_id': two}, viewer=john).status == 204
    assert unread(api, john) == 1
    assert [n['notification_id'] for n in notes(api, john)] == [three]
    assert api.call('notification_delete', {'notification_id': one}, viewer=john).status == 404


def test_NOTE_4_record(api, server):
    john = new_user(api)
    mike = new_user(api, first_name='Mike', last_name='Smith')
    p = post(api, john, 'a day at the sea')
    api.call('like', {'post_id': p}, viewer=mike)
    n = notes(api, john)[0]
    assert n['user_id'] == john and n['actor_id'] == mike and n['type'] == 'like', n
    assert n['title'] == 'Mike Smith liked your post' and n['message'] == 'a day at the sea', n
    assert n['entity_type'] == 'post' and n['entity_id'] == n['reference_id'] == p, n
    assert n['data'] == {'post_id': p} and n['is_read'] is False and n['created_at'].endswith('Z'), n
    assert n['actor']['user_id'] == mike and n['actor']['full_name'] == 'Mike Smith'
    assert 'count' not in n and 'channels' not in n
    c = comment(api, mike, p, 'ä' * 200)
    n = notes(api, john)[0]
    assert n['data'] == {'post_id': p, 'comment_id': c} and n['message'] == 'ä' * 80, n


def test_NOTE_5_types(api, server):
    john, ann, bob = [new_user(api) for _ in range(3)]
    p = post(api, john, 'hello @%s' % name_of(api, bob))
    c = comment(api, ann, p)
    comment(api, bob, p, 'yes', parent_id=c)
    api.call('like', {'post_id': p}, viewer=ann)
    api.call('follow', {'user_id': john}, viewer=ann)
    assert sorted(n['type'] for n in told(api, john, 4)) == ['comment', 'comment', 'follow', 'like']
    assert [n['type'] for n in told(api, ann, 1)] == ['reply']
    assert [n['type'] for n in told(api, bob, 1)] == ['mention']
    kinds = [x['notification_type'] for x in api.call('notification_preferences', {}, viewer=john)['preferences']]
    assert {'like', 'comment', 'reply', 'mention', 'follow', 'follow_request', 'share', 'message'} <= set(kinds)


@harness.once
def test_NOTE_6_made_by_the_act(api, server):
    """Acknowledged, killed, started: there, once. And nothing that was not done."""
    for round in range(6):
        with Server(durability=['strict', 'group'][round % 2], cores=1 + round % 2) as mine:
            api = (Http, Binary)[round % 2](mine)
            users = [new_user(api) for _ in range(12)]
            names = {u: name_of(api, u) for u in users}
            posts = {u: post(api, u) for u in users}
            want, stop, lock = {u: [] for u in users}, [False], threading.Lock()
            under_way = []

            def work(seed):
                import random
                rng, my = random.Random(seed), (Http, Binary)[seed % 2](mine)
                me = users[seed]
                try:
                    while not stop[0]:
                        him = rng.choice([u for u in users if u != me])
                        kind = rng.choice(['like', 'comment', 'mention'])
                        key = '%s %d %d' % (kind, seed, rng.randrange(10**9))
                        with lock:
                            under_way.append((him, key))
                        if kind == 'like':
                            p = post(my, him, key)
                            my.call('like', {'post_id': p}, viewer=me)
                        elif kind == 'comment':
                            comment(my, me, posts[him], key)
                        else:
                            post(my, me, '@%s %s' % (names[him], key))
                        with lock:
                            want[him].append(key)
                            under_way.remove((him, key))
                except Exception as e:
                    if not isinstance(e, OSError) and 'http' not in type(e).__module__:
                        raise
            threads = [threading.Thread(target=work, args=(s,)) for s in range(8)]
            for t in threads:
                t.start()
            time.sleep(0.4)
            mine.kill()
            stop[0] = True
            for t in threads:
                t.join()
            mine.start()
            api = type(api)(mine)
            for u in users:
                def check():
                    got = [n['message'].split(' ', 1)[1] if n['message'][0] == '@' else n['message']
                           for n in notes(api, u)]
                    maybe = {k for him, k in under_way if him == u}
                    assert len(got) == len(set(got)), sorted(k for k in got if got.count(k) > 1)
                    assert set(want[u]) <= set(got) <= set(want[u]) | maybe, (u, want[u], got, maybe)
                    assert unread(api, u) == len(got)
                eventually(check)
            assert sum(map(len, want.values())) > 20


def test_NOTE_6_not_for_oneself_or_the_gone(api, server):
    john, ann = new_user(api), new_user(api)
    p = post(api, john, 'I, @%s' % name_of(api, john))
    api.call('like', {'post_id': p}, viewer=john)
    c = comment(api, john, p, '@%s again' % name_of(api, john))
    comment(api, john, p, 'answer', parent_id=c)
    api.call('like', {'post_id': p}, viewer=ann)
    api.call('like', {'post_id': p}, viewer=ann)
    assert len(notes(api, john)) == 1
    api.call('follow', {'user_id': john}, viewer=ann)
    comment(api, ann, p)
    q = post(api, ann, 'to @%s' % name_of(api, john))
    told(api, john, 4)
    assert api.call('user_delete', {'user_id': ann}, viewer=ann).status == 204
    told(api, john, 0)
    eventually(lambda: check_unread(api, john, 0))


def test_NOTE_6_not_of_the_blocked_or_muted(api, server):
    john, ann, bob, sue = [new_user(api) for _ in range(4)]
    p, mine = post(api, john), post(api, ann)
    api.call('like', {'post_id': p}, viewer=ann)
    api.call('follow', {'user_id': john}, viewer=ann)
    assert [n['type'] for n in notes(api, john)] == ['follow', 'like']
    # What was told of somebody blocked is not shown; a follow ends with the block, and its notification.
    assert api.call('block', {'user_id': ann}, viewer=john).status == 200
    assert notes(api, john) == []
    assert api.call('unblock', {'user_id': ann}, viewer=john).status == 200
    assert [n['type'] for n in notes(api, john)] == ['like']
    # While there is a block, whoever made it, naming somebody tells nobody.
    assert api.call('block', {'user_id': john}, viewer=ann).status == 200
    comment(api, bob, mine, '@' + name_of(api, john))
    post(api, ann, '@' + name_of(api, john))
    assert api.call('unblock', {'user_id': john}, viewer=ann).status == 200
    assert api.call('mute', {'user_id': sue}, viewer=john).status == 200
    api.call('like', {'post_id': p}, viewer=sue)
    api.call('follow', {'user_id': john}, viewer=sue)
    assert api.call('unmute', {'user_id': sue}, viewer=john).status == 200
    api.call('like', {'post_id': p}, viewer=bob)
    got = told(api, john, 3)
    assert [(n['type'], n['actor_id']) for n in got] == [('like', bob), ('mention', bob), ('like', ann)], got


def test_NOTE_5_follow_request(api, server):
    john, ann, bob = [new_user(api) for _ in range(3)]
    api.call('user_update', {'user_id': john, 'is_private': True}, viewer=john)
    for who in (ann, bob):
        assert api.call('follow', {'user_id': john}, viewer=who).status == 200
    got = notes(api, john)
    assert [(n['type'], n['actor_id'], n['entity_type'], n['entity_id']) for n in got] == \
        [('follow_request', bob, 'user', bob), ('follow_request', ann, 'user', ann)], got
    assert got[0]['title'].endswith(' asked to follow you') and unread(api, john) == 2
    assert api.call('follow', {'user_id': john}, viewer=ann).status == 200
    assert len(notes(api, john)) == 2, 'asked twice, told once'
    # An answered request is no news any more.
    assert api.call('request_approve', {'user_id': ann}, viewer=john).status == 200
    assert api.call('request_refuse', {'user_id': bob}, viewer=john).status in (200, 204)
    assert notes(api, john) == [] and unread(api, john) == 0


def check_unread(api, user, n):
    assert unread(api, user) == n


def test_NOTE_7_counts(api, server):
    john, fans = new_user(api), [new_user(api) for _ in range(25)]
    for f in fans:
        api.call('follow', {'user_id': john}, viewer=f)
    assert unread(api, john) == 25
    r = api.call('notifications_read', {}, viewer=john)
    assert r.status == 200 and r.body == {'unread_count': 0}, r
    assert unread(api, john) == 0 and all(n['is_read'] for n in notes(api, john))
    assert api.call('notifications_read', {}, viewer=john).status == 200
    api.call('like', {'post_id': post(api, john)}, viewer=fans[0])
    assert unread(api, john) == 1 and len(notes(api, john, unread=True)) == 1
    assert api.call('notification_count', {}, service=False).status == 401


def check_shown(api, user, n):
    assert (len(notes(api, user, unread=True)), unread(api, user)) == (n, n)


def test_NOTE_7_counts_what_is_shown(api, server):
    john, ann, bob = new_user(api), new_user(api), new_user(api)
    name = name_of(api, john)
    told = [post(api, who, '@%s look' % name) for who in (ann, ann, ann, bob)]
    eventually(lambda: check_shown(api, john, 4))
    # An audience is narrowed, and made wide again; what is marked tells the same count.
    narrow = lambda to: api.call('post_update', {'post_id': told[0], 'audience': to}, viewer=ann)
    assert narrow('followers').status == 200
    eventually(lambda: check_shown(api, john, 3))
    newest = notes(api, john)[0]['notification_id']
    r = api.call('notification_read', {'notification_id': newest}, viewer=john)
    assert r.status == 200 and r['unread_count'] == 2, r
    assert narrow('public').status == 200
    eventually(lambda: check_shown(api, john, 3))
    # Whoever made the block.
    assert api.call('block', {'user_id': john}, viewer=ann).status == 200
    eventually(lambda: check_shown(api, john, 0))
    assert api.call('unblock', {'user_id': john}, viewer=ann).status == 200
    eventually(lambda: check_shown(api, john, 3))
    # Of more than 300 the older ones count unseen.
    for i in range(302):
        post(api, bob, '@%s again %d' % (name, i))
    eventually(lambda: check_shown(api, john, 305))
    assert api.call('block', {'user_id': bob}, viewer=john).status == 200
    assert len(notes(api, john, unread=True)) == 3
    eventually(lambda: check_unread(api, john, 5))


def test_NOTE_8_preferences(api, server):
    john, ann = new_user(api), new_user(api)
    all = api.call('notification_preferences', {}, viewer=john)['preferences']
    assert len(all) >= 11
    for p in all:
        assert (p['email_enabled'], p['push_enabled'], p['sms_enabled'], p['in_app_enabled']) == \
            (True, True, False, True) and p['created_at'] is None, p
    r = api.call('notification_preference_set', {'notification_type': 'like', 'push_enabled': False}, viewer=john)
    assert r.status == 200 and r['push_enabled'] is False and r['email_enabled'] is True and r['created_at'], r
    start = api.call('notification_events', {}, viewer=john)['last_id']
    api.call('like', {'post_id': post(api, john)}, viewer=ann)
    e = api.call('notification_events', {'after': start, 'wait': 5}, viewer=john)['events']
    assert [x['channels'] for x in e] == [['email', 'in_app']], e
    assert len(notes(api, john)) == 1
    # Not in the list at all, but delivered elsewhere.
    assert api.call('settings_change', {'user_id': john, 'sms_notifications': True}, viewer=john).status == 200
    r = api.call('notification_preference_set', {'notification_type': 'follow', 'in_app_enabled': False,
                                                 'sms_enabled': True}, viewer=john)
    assert r.status == 200
    api.call('follow', {'user_id': john}, viewer=ann)
    e = api.call('notification_events', {'after': e[0]['notification_id'], 'wait': 5}, viewer=john)['events']
    assert [(x['type'], x['channels']) for x in e] == [('follow', ['email', 'push', 'sms'])], e
    assert len(notes(api, john)) == 1 and unread(api, john) == 1
    for k in ('email', 'push', 'sms'):
        api.call('notification_preference_set', {'notification_type': 'comment', k + '_enabled': False,
                                                 'in_app_enabled': False}, viewer=john)
    comment(api, ann, post(api, john))
    assert len(notes(api, john)) == 1
    r = api.call('notification_preference_set', {'notification_type': 'nonsense'}, viewer=john)
    assert r.status == 422 and r.pointers == ['/notification_type'], r
    again = {p['notification_type']: p for p in
             api.call('notification_preferences', {}, viewer=john)['preferences']}
    assert again['follow']['sms_enabled'] and not again['follow']['in_app_enabled'] and again['mention']['push_enabled']


def test_NOTE_9_global_switches(api, server):
    john, ann = new_user(api), new_user(api)
    last = api.call('notification_events', {}, viewer=john)['last_id']

    def channels():
        nonlocal last
        api.call('like', {'post_id': post(api, john)}, viewer=ann)
        e = api.call('notification_events', {'after': last, 'wait': 5}, viewer=john)['events']
        last = e[-1]['notification_id']
        return e[-1]['channels']
    assert channels() == ['email', 'push', 'in_app']
    # By default the settings keep SMS silent, whatever the type says.
    api.call('notification_preference_set', {'notification_type': 'like', 'sms_enabled': True}, viewer=john)
    assert channels() == ['email', 'push', 'in_app']
    api.call('settings_change', {'user_id': john, 'sms_notifications': True}, viewer=john)
    assert channels() == ['email', 'push', 'sms', 'in_app']
    api.call('settings_change', {'user_id': john, 'push_notifications': False}, viewer=john)
    assert channels() == ['email', 'sms', 'in_app']
    api.call('settings_change', {'user_id': john, 'email_notifications': False, 'sms_notifications': False}, viewer=john)
    assert channels() == ['in_app']
    assert len(notes(api, john)) == 5


def test_NOTE_11_13_14_events(api, server):
    john, fans = new_user(api), [new_user(api) for _ in range(30)]
    start = api.call('notification_events', {}, viewer=john)
    assert start['events'] == [], start
    at, got = start['last_id'], []
    began = time.time()
    assert api.call('notification_events', {'after': at, 'wait': 1}, viewer=john)['events'] == []
    assert 0.8 < time.time() - began < 5
    threading.Timer(0.3, lambda: [type(api)(server).call('follow', {'user_id': john}, viewer=f) for f in fans]).start()
    began = time.time()
    while len(got) < 30:
        r = api.call('notification_events', {'after': at, 'wait': 10, 'limit': 7}, viewer=john)
        assert r.status == 200 and len(r['events']) <= 7
        if not got:
            assert 0.2 < time.time() - began < 3
        got += r['events']
        at = r['last_id']
        if r['events']:
            assert at == r['events'][-1]['notification_id']
    assert [e['actor_id'] for e in got] == fans
    assert [e['notification_id'] for e in got] == [n['notification_id'] for n in notes(api, john)][::-1]
    # Resumed from anywhere, every one once.
    for i in (0, 13, 28):
        rest = api.call('notification_events', {'after': got[i]['notification_id'], 'limit': 100}, viewer=john)
        assert [e['notification_id'] for e in rest['events']] == [e['notification_id'] for e in got[i + 1:]]
    assert api.call('notification_events', {'wait': 31}, viewer=john).status == 422
    server.restart('kill')
    rest = type(api)(server).call('notification_events', {'after': got[9]['notification_id'], 'limit': 100}, viewer=john)
    assert [e['notification_id'] for e in rest['events']] == [e['notification_id'] for e in got[10:]]


class Subscription:
    """A binary connection that is told."""

    def __init__(self, server, user, after=None, token=None):
        self.api = Binary(server)
        self.s = self.api.link(('service',))
        fields = {} if after is None else {'after': int(after)}
        self.s.sendall(self.frame('subscribe', fields, int(user)))
        status, flags, body = self.read()
        assert flags == 0
        self.status, self.first = status, body

    @staticmethod
    def frame(op, fields, actor, request=77):
        payload = schema.pack(OPS[op].request, fields)
        return struct.pack('<IHBBIIQQ', len(payload), OPS[op].number, 0, 0, request, MAGIC, 0, actor) + payload

    def read(self, timeout=10):
        self.s.settimeout(timeout)
        n, op, status, flags, request, magic, _, _ = struct.unpack('<IHBBIIQQ', Binary.read(self.s, 32))
        body = Binary.read(self.s, n)
        assert magic == MAGIC and request == 77 and op == OPS['subscribe'].number
        return status, flags, schema.unpack('NotificationEvents' if status == 0 else 'Problem', body)

    def events(self, n):
        out = list(self.first['events'])
        while len(out) < n:
            status, flags, body = self.read()
            assert status == 0 and flags == 2, (status, flags)
            out += body['events']
        return out


@harness.over('binary')
def test_NOTE_11_subscription(api, server):
    john, ann = new_user(api), new_user(api)
    p = post(api, john)
    sub = Subscription(server, john)
    began = time.time()
    api.call('like', {'post_id': p}, viewer=ann)
    e = sub.events(1)
    assert time.time() - began < 1
    assert e[0]['notification_id'] == notes(api, john)[0]['notification_id'] and e[0]['type'] == 'like'
    assert e[0]['title'].endswith('liked your post')
    # A second one at the same time, and one from the beginning of everything.
    two, all = Subscription(server, john), Subscription(server, john, after=0)
    for i in range(120):
        api.call('like', {'post_id': post(api, john)}, viewer=ann)
    ids = [n['notification_id'] for n in notes(api, john)][::-1]
    assert [x['notification_id'] for x in sub.events(120)] == ids[1:]
    assert [x['notification_id'] for x in two.events(120)] == ids[1:]
    assert [x['notification_id'] for x in all.events(121)] == ids
    # The connection still answers other requests.
    sub.s.sendall(Subscription.frame('notification_count', {}, int(john), request=5))
    n, op, status, flags, request, *_ = struct.unpack('<IHBBIIQQ', Binary.read(sub.s, 32))
    assert schema.unpack('UnreadCount', Binary.read(sub.s, n)) == {'unread_count': 121} and request == 5
    sub.s.close()
    server.restart('kill')
    late = Subscription(server, john, after=ids[100])
    assert [x['notification_id'] for x in late.events(20)] == ids[101:]
    assert Binary(server).call('subscribe', {}, service=False).status == 401
    # Nobody is kept from stopping by those who listen.
    began = time.time()
    server.restart('stop')
    assert time.time() - began < 20


@harness.over('binary')
def test_NOTE_11_a_slow_subscriber(api, server):
    """One who does not read holds nobody up, and has it all later."""
    john, ann = new_user(api), new_user(api)
    slow = Subscription(server, john)
    q = post(api, john, 'x' * 4000)
    for i in range(3000):
        comment(api, ann, q, 'y' * 150)
    assert unread(api, john) == 3000
    got = slow.events(3000)
    assert len({e['notification_id'] for e in got}) == 3000
    assert [e['notification_id'] for e in got] == sorted((e['notification_id'] for e in got), key=int)


class WebSocket:
    """RFC 6455 by hand, as strict as a browser."""

    def __init__(self, server, user, path='/ws', headers=None):
        self.s = socket.create_connection(('127.0.0.1', server.port), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ['GET %s HTTP/1.1' % path, 'Host: x', 'Upgrade: websocket', 'Connection: keep-alive, Upgrade',
                 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: ' + key]
        if headers is None:
            headers = {'Authorization': 'Bearer ' + harness.KEY, 'Kith-Viewer': user}
        lines += ['%s: %s' % h for h in headers.items()]
        self.s.sendall('\r\n'.join(lines + ['', '']).encode())
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            head += Binary.read(self.s, 1)
        self.status = int(head.split()[1])
        if self.status == 101:
            want = base64.b64encode(hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest())
            assert b'Sec-WebSocket-Accept: ' + want + b'\r\n' in head, head

    def send(self, opcode, data=b'', fin=True, mask=True):
        key = os.urandom(4)
        n = len(data)
        size = bytes([n | 128 * mask]) if n < 126 else struct.pack('>BH', 126 | 128 * mask, n)
        body = bytes(b ^ key[i % 4] for i, b in enumerate(data)) if mask else data
        self.s.sendall(bytes([opcode | 128 * fin]) + size + (key if mask else b'') + body)

    def frame(self, timeout=10):
        self.s.settimeout(timeout)
        first, n = Binary.read(self.s, 2)
        assert first & 0x70 == 0 and n < 128, 'servers do not mask'
        if n == 126:
            n, = struct.unpack('>H', Binary.read(self.s, 2))
        elif n == 127:
            n, = struct.unpack('>Q', Binary.read(self.s, 8))
        return first & 15, Binary.read(self.s, n)

    def event(self):
        opcode, data = self.frame()
        assert opcode == 1, (opcode, data)
        return json.loads(data)

    def closed(self):
        """The code that the server closes with."""
        opcode, data = self.frame()
        while opcode != 8:
            opcode, data = self.frame()
        assert self.s.recv(1) == b''
        return struct.unpack('>H', data[:2])[0] if data else None


@harness.over('http')
def test_NOTE_11_websocket(api, server):
    john, ann = new_user(api), new_user(api)
    p = post(api, john)
    ws = WebSocket(server, john)
    assert ws.status == 101 and ws.event()['event'] == 'ready'
    began = time.time()
    api.call('like', {'post_id': p}, viewer=ann)
    e = ws.event()
    assert time.time() - began < 1 and e['event'] == 'notification'
    mine = notes(api, john)[0]
    assert e['id'] == mine['notification_id']
    assert {k: v for k, v in e['data'].items() if k != 'channels'} == mine
    assert e['data']['channels'] == ['email', 'push', 'in_app']
    # Pings are answered, also between the parts of a message.
    ws.send(9, b'hello')
    assert ws.frame() == (10, b'hello')
    for i in range(150):
        api.call('like', {'post_id': post(api, john)}, viewer=ann)
    ids = [n['notification_id'] for n in notes(api, john)][::-1]
    assert [ws.event()['id'] for _ in range(150)] == ids[1:]
    # Resumed from the last one seen; from the beginning.
    late = WebSocket(server, john, '/ws?after=' + ids[139])
    assert late.event() == {'event': 'ready', 'id': ids[139]}
    assert [late.event()['id'] for _ in range(11)] == ids[140:]
    first = WebSocket(server, john, '/ws?after=0')
    first.event()
    assert [first.event()['id'] for _ in range(151)] == ids
    ws.send(8, struct.pack('>H', 1000))
    assert ws.closed() == 1000


@harness.over('http')
def test_EXT_13_fragments_pings_and_closing(api, server):
    """RFC 6455 as a browser or wscat would have it; nothing is to be said here yet but what ends it."""
    john, ann = new_user(api), new_user(api)
    p = post(api, john)

    def begin():
        w = WebSocket(server, john)
        assert w.event()['event'] == 'ready'
        return w
    # Pings are answered between the parts of a message, and events come in between.
    w = begin()
    w.send(1, 'a \u00fc'.encode()[:3], fin=False)
    w.send(9, b'one')
    assert w.frame() == (10, b'one')
    api.call('like', {'post_id': p}, viewer=ann)
    assert w.event()['event'] == 'notification'
    w.send(0, 'a \u00fc'.encode()[3:], fin=False)
    w.send(9, b'x' * 125)
    assert w.frame() == (10, b'x' * 125)
    w.send(10, b'a pong that nobody asked for')
    w.send(0, b'the end')
    assert w.closed() == 1003
    ends = [(lambda w: w.send(0, b'of nothing'), 1002),
            (lambda w: (w.send(1, b'a', fin=False), w.send(1, b'b')), 1002),
            (lambda w: w.send(9, b'half a ping', fin=False), 1002),
            (lambda w: w.send(10, b'half a pong', fin=False), 1002),
            (lambda w: (w.send(9, b'whole'), w.send(8, struct.pack('>H', 1000), fin=False)), 1002),
            (lambda w: (w.send(1, b'\xc3', fin=False), w.send(0, b'x')), 1007),
            (lambda w: w.send(8, struct.pack('>H', 1000) + b'bye'), 1000),
            (lambda w: w.send(8, struct.pack('>H', 4001)), 4001),
            (lambda w: w.send(8, b''), (None, 1000)),
            (lambda w: w.send(8, b'x'), 1002),
            (lambda w: (w.send(1, b'a', fin=False), w.send(8, b'x')), 1002),
            (lambda w: w.send(8, struct.pack('>H', 1005)), 1002),
            (lambda w: w.send(8, struct.pack('>H', 1000) + b'\xff'), 1007),
            (lambda w: w.send(2, bytes(100), fin=False) or [w.send(0, bytes(60000), fin=False) for _ in range(2)], 1009)]
    for n, (do, want) in enumerate(ends):
        w = begin()
        do(w)
        code = w.closed()
        assert code in (want if isinstance(want, tuple) else (want,)), (n, code, want)
    # Whoever hangs up without a word leaves nothing behind.
    w = begin()
    w.s.close()
    api.call('follow', {'user_id': john}, viewer=ann)
    late = begin()
    late.send(9, b'still there')
    assert late.frame() == (10, b'still there')


@harness.over('http')
def test_EXT_13_handshake_and_close(api, server):
    john = new_user(api)
    assert WebSocket(server, john, headers={}).status == 401
    assert WebSocket(server, john, headers={'Authorization': 'Bearer nonsense'}).status == 401
    assert WebSocket(server, john, headers={'Authorization': 'Bearer ' + harness.KEY}).status == 401
    assert WebSocket(server, john, '/ws?after=x').status == 400
    assert api.raw('GET', '/ws').status == 426
    a = api.call('register', {'username': 'ws' + john, 'email': 'ws%s@x.org' % john, 'password': 'long enough'},
                 service=False)
    token, me = a['token'], a['user_id']
    by_token = WebSocket(server, me, '/ws?access_token=' + token, headers={})
    assert by_token.status == 101 and by_token.event()['event'] == 'ready'
    bad = [lambda w: w.send(1, b'hello'),                 # nothing is asked here
           lambda w: w.send(1, b'hello', mask=False),     # clients mask
           lambda w: w.send(3, b'x'),                     # no such opcode
           lambda w: w.send(9, b'x' * 126),               # a ping too long
           lambda w: w.send(1, b'\xff\xfe'),              # no UTF-8
           lambda w: w.s.sendall(b'\x81\xff' + struct.pack('>Q', 1 << 40) + b'12345')]
    codes = []
    for do in bad:
        w = WebSocket(server, john)
        w.event()
        do(w)
        codes.append(w.closed())
    assert codes == [1003, 1002, 1002, 1002, 1007, 1009], codes
    # Whoever is logged out hears no more.
    api.call('logout', {}, token=token)
    api.call('follow', {'user_id': me}, viewer=john)
    assert by_token.closed() == 1008
    w = WebSocket(server, john)
    w.event()
    server.stop()
    assert w.closed() == 1001
    server.start()


@harness.once
def test_NOTE_15_STAT_8_retention(api, server):
    with Server('--keep-notifications', '3', '--keep-activities', '3') as mine:
        api = Http(mine)
        john, fans = new_user(api), [new_user(api) for _ in range(300)]
        for f in fans[:200]:
            api.call('follow', {'user_id': john}, viewer=f)
        full = memory(mine)
        assert len(api.call('activities', {'user_id': fans[0]}, viewer=fans[0])['activities']) == 1
        time.sleep(2)
        for f in fans[200:]:
            api.call('follow', {'user_id': john}, viewer=f)

        def fewer():
            got = [n['actor_id'] for n in notes(api, john)]
            assert len(got) <= 100 and got == fans[::-1][:len(got)], len(got)
            assert unread(api, john) == len(got)
        eventually(fewer, 20)
        eventually(lambda: no_memory(mine, full), 20)
        assert api.call('activities', {'user_id': fans[0]}, viewer=fans[0])['activities'] == []
        assert api.call('user_get', {'user_id': john})['followers_count'] == 300


def memory(server):
    for line in server.admin_get('/metrics')[1].splitlines():
        if line.startswith('kith_memory_bytes{kind="stream"}'):
            return int(line.split()[-1])


def no_memory(server, full):
    assert memory(server) < full / 2


def test_NOTE_16_FEED_19_PERF_15_many(api, server):
    """Page by page to the very first one."""
    john, fans = new_user(api), [new_user(api) for _ in range(20)]
    want = []
    for i in range(60):
        p = post(api, john)
        for f in fans[:i % 20 + 1]:
            api.call('like', {'post_id': p}, viewer=f)
            want.append((p, f))
    got = notes(api, john, limit=100)
    assert [(n['entity_id'], n['actor_id']) for n in got] == want[::-1]
    assert unread(api, john) == len(want)


def test_NOTE_17_target_gone(api, server):
    john, ann, bob = [new_user(api) for _ in range(3)]
    p, q = post(api, john), post(api, john, 'to @%s' % name_of(api, bob))
    told(api, bob, 1)
    for x in (p, q):
        api.call('like', {'post_id': x}, viewer=ann)
        c = comment(api, ann, x, 'for @%s' % name_of(api, bob))
        comment(api, bob, x, 'well', parent_id=c)
    told(api, john, 6)
    told(api, ann, 2)
    told(api, bob, 3)
    api.call('post_delete', {'post_id': q}, viewer=john)
    assert len(notes(api, john)) == 3
    assert all(n['data']['post_id'] == p for n in told(api, bob, 1) + told(api, ann, 1))
    for u, n in ((john, 3), (ann, 1), (bob, 1)):
        eventually(lambda: check_unread(api, u, n))
    api.call('comment_delete', {'comment_id': c}, viewer=ann)
    api.call('comment_delete', {'comment_id': notes(api, john)[1]['entity_id']}, viewer=ann)
    told(api, bob, 0)
    eventually(lambda: check_unread(api, bob, 0))
    assert [n['type'] for n in told(api, john, 2)] == ['comment', 'like']


def test_grouped(api, server):
    john = new_user(api)
    fans = [new_user(api, first_name='Fan', last_name=str(i)) for i in range(14)]
    p, q = post(api, john), post(api, john)
    for f in fans[:13]:
        api.call('like', {'post_id': p}, viewer=f)
    api.call('like', {'post_id': q}, viewer=fans[0])
    comment(api, fans[1], p)
    comment(api, fans[1], p)
    for f in fans[:2]:
        api.call('follow', {'user_id': john}, viewer=f)
    got = api.call('notifications', {'grouped': True, 'limit': 100}, viewer=john)['notifications']
    assert [(n['type'], n['count']) for n in got] == [('follow', 2), ('comment', 2), ('like', 1), ('like', 13)], got
    assert [n['title'] for n in got] == [
        'Fan 1 and 1 other started following you', 'Fan 1 commented on your post', 'Fan 0 liked your post',
        'Fan 12 and 12 others liked your post'], got
    assert got[3]['actor_ids'] == fans[:13][::-1][:10] and got[1]['actor_ids'] == [fans[1]]
    api.call('notification_read', {'notification_id': got[0]['notification_id']}, viewer=john)
    again = api.call('notifications', {'grouped': True, 'limit': 100}, viewer=john)['notifications'][0]
    assert again['is_read'] is False  # the other one is not


def test_CMT_9_comments(api, server):
    john, jane, bob = [new_user(api) for _ in range(3)]
    p = post(api, john)
    comment(api, john, p)
    assert notes(api, john) == []
    c = comment(api, jane, p, 'nice, @%s and @%s' % (name_of(api, bob), name_of(api, john)))
    n = notes(api, john)
    assert [(x['type'], x['entity_type'], x['entity_id'], x['data']['post_id']) for x in n] == \
        [('comment', 'comment', c, p)], n
    n = told(api, bob, 1)
    assert n[0]['type'] == 'mention' and n[0]['entity_id'] == c
    r = comment(api, john, p, 'thanks @%s' % name_of(api, jane), parent_id=c)
    n = told(api, jane, 1)
    assert n[0]['type'] == 'reply' and n[0]['entity_id'] == r, n
    comment(api, bob, p, 'me too', parent_id=r)
    assert [x['type'] for x in notes(api, john)] == ['reply', 'comment']


def test_LIKE_14_like(api, server):
    john, mike = new_user(api), new_user(api)
    p = post(api, john)
    api.call('like', {'post_id': p}, viewer=john)
    assert notes(api, john) == []
    api.call('like', {'post_id': p}, viewer=mike)
    n = notes(api, john)
    assert [(x['type'], x['actor_id'], x['entity_type'], x['entity_id']) for x in n] == [('like', mike, 'post', p)]
    api.call('unlike', {'post_id': p}, viewer=mike)
    assert notes(api, john) == [] and unread(api, john) == 0
    for i in range(5):
        api.call('like', {'post_id': p}, viewer=mike)
        api.call('unlike', {'post_id': p}, viewer=mike)
    api.call('like', {'post_id': p}, viewer=mike)
    assert len(notes(api, john)) == 1 and unread(api, john) == 1
    api.call('follow', {'user_id': john}, viewer=mike)
    api.call('unfollow', {'user_id': john}, viewer=mike)
    assert len(notes(api, john)) == 1


def test_POST_14_mentions(api, server):
    john, jane, bob = [new_user(api) for _ in range(3)]
    p = post(api, john, '@%s hi' % name_of(api, jane))
    n = told(api, jane, 1)
    assert (n[0]['type'], n[0]['entity_type'], n[0]['entity_id'], n[0]['actor_id']) == ('mention', 'post', p, john)
    new = 'renamed%s' % jane
    assert api.call('user_update', {'user_id': jane, 'username': new}, viewer=jane).status == 200
    assert notes(api, jane)[0]['entity_id'] == p
    # The post still means her, whoever has the name that stands in it.
    old = api.call('post_get', {'post_id': p})['mentions'][0]
    taker = new_user(api, username=old, email='taker%s@example.org' % jane)
    shown = api.call('post_get', {'post_id': p})
    assert shown['mention_ids'] == [jane] and shown['mentions'] == [old] and taker != jane, shown
    both = api.call('post_create', {'caption': '@%s @nobody_has_this' % old}, viewer=john)
    assert (both['mentions'], both['mention_ids']) == ([old], [taker]), both
    assert api.call('post_update', {'post_id': p, 'is_pinned': True}, viewer=john)['mention_ids'] == [jane]
    # Not through a block, whichever of the two made it.
    shut, deaf = new_user(api), new_user(api)
    api.call('block', {'user_id': shut}, viewer=john)
    api.call('block', {'user_id': john}, viewer=deaf)
    post(api, john, 'hi @%s @%s' % (name_of(api, shut), name_of(api, deaf)))
    api.call('post_create', {'caption': 'y', 'mentions': [name_of(api, shut), name_of(api, deaf)]}, viewer=john)
    time.sleep(0.2)
    assert notes(api, shut) == notes(api, deaf) == [] and unread(api, shut) == unread(api, deaf) == 0
    # An edit that names her no more takes it back; whom it names anew it does not tell.
    api.call('post_update', {'post_id': p, 'caption': 'hi @%s' % name_of(api, bob)}, viewer=john)
    told(api, jane, 0)
    assert unread(api, jane) == 0 and notes(api, bob) == []
    given = api.call('post_create', {'caption': 'x', 'mentions': [name_of(api, bob)]}, viewer=john)['post_id']
    assert told(api, bob, 1)[0]['entity_id'] == given


def test_STAT_6_7_activities(api, server):
    john, ann = new_user(api), new_user(api)
    theirs = post(api, ann)
    p = post(api, john)
    api.call('like', {'post_id': theirs}, viewer=john)
    c = comment(api, john, theirs)
    api.call('follow', {'user_id': ann}, viewer=john)
    a = api.call('activities', {'user_id': john}, viewer=john)
    assert a.status == 200 and a['next_cursor'] is None, a
    assert [(x['activity_type'], x['entity_type'], x['entity_id']) for x in a['activities']] == [
        ('follow', 'user', ann), ('comment_create', 'comment', c), ('like', 'post', theirs),
        ('post_create', 'post', p)], a
    assert [x['metadata'] for x in a['activities']] == [{}, {'post_id': theirs, 'comment_id': c},
                                                        {'post_id': theirs}, {'post_id': p}]
    assert all(x['user_id'] == john and x['created_at'] for x in a['activities'])
    assert api.call('activities', {'user_id': john}, viewer=ann).status == 403
    assert api.call('activities', {'user_id': john}, service=False).status == 401
    assert api.call('activities', {'user_id': '77'}).status == 404
    api.call('unlike', {'post_id': theirs}, viewer=john)
    api.call('post_delete', {'post_id': p}, viewer=john)
    api.call('user_delete', {'user_id': ann}, viewer=ann)

    def none():
        assert api.call('activities', {'user_id': john}, viewer=john)['activities'] == []
    eventually(none)
    for i in range(45):
        post(api, john)
    assert pages(api, 'activities', {'user_id': john}, 'activities', viewer=john)[1] == [20, 20, 5]


@harness.once
def test_restart_and_snapshot(api, server):
    with Server() as mine:
        api = Http(mine)
        john, ann = new_user(api), new_user(api)
        for i in range(300):
            api.call('like', {'post_id': post(api, john, 'to @%s' % name_of(api, ann))}, viewer=ann)
        for n in notes(api, john)[5:60:3]:
            api.call('notification_read', {'notification_id': n['notification_id']}, viewer=john)
        told(api, ann, 300)
        api.call('notifications_read', {}, viewer=ann)
        api.call('notification_preference_set', {'notification_type': 'share', 'push_enabled': False}, viewer=ann)

        def all():
            return [notes(api, u) for u in (john, ann)], [unread(api, u) for u in (john, ann)], [
                pages(api, 'activities', {'user_id': u}, 'activities', viewer=u)[0] for u in (john, ann)], \
                api.call('notification_preferences', {}, viewer=ann).body
        before = all()
        for how in ('stop', 'kill', 'snapshot'):
            if how == 'snapshot':
                eventually(lambda: snapshot(mine))
                mine.restart('kill')
            else:
                mine.restart(how)
            api = Http(mine)
            now = all()
            for x, y in zip(before, now):
                assert x == y, (how, str(x)[:600], str(y)[:600])


def snapshot(server):
    assert server.admin_get('/snapshot', 'POST')[0] in (200, 202), 'snapshot'


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
