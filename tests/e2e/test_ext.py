#!/usr/bin/python3
"""EXT rows: what the forerunners asked of a component beside the database, and Kith does itself."""
import base64
import crypt
import hashlib
import hmac
import http.client
import http.server
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import OPS, TRANSPORTS, Server, eventually, new_user, pages
from test_auth import login, mark, outbox, phone, sent
from test_accounts import register

PASSWORD = 'correct horse'


def make(api, user, **fields):
    a = api.call('post_create', dict(dict(caption='x'), **fields), viewer=user)
    assert a.status == 201, a
    return a['post_id']


def ids(api, op, noun, key, viewer=None, **fields):
    return [x[key] for x in pages(api, op, fields, noun, viewer=viewer, limit=100)[0]]


# ---- JSONB --------------------------------------------------------------------------------------

def nested(depth):
    return {'a': nested(depth - 1)} if depth else [1, -2.5, True, None, 'ä"\\\n', {}, []]


def test_EXT_20_json_values(api, server):
    me = new_user(api)
    value = {'of': nested(12), 'numbers': [0, 1e300, -1, 12345678901234567890], 'text': 'Ω' * 100, 'empty': {}}
    for again in range(2):
        if not again:
            a = api.call('user_update', {'user_id': me, 'business_info': value}, viewer=me)
            assert a.status == 200, a
        assert api.call('user_get', {'user_id': me}, viewer=me)['business_info'] == value
        if not again:
            server.restart('kill')
            api = type(api)(server)
    for bad in (nested(40), {'x': 'y' * 5000}):
        a = api.call('user_update', {'user_id': me, 'business_info': bad}, viewer=me)
        assert a.status == 422 and any(p.startswith('/business_info') for p in a.pointers), a
    assert api.call('user_get', {'user_id': me}, viewer=me)['business_info'] == value


# ---- materialised views -------------------------------------------------------------------------

def views(api, author, reader, post, word):
    """All that is derived and not written: a timeline, counters, statistics, the index, what a tag counts."""
    feed = pages(api, 'feed', {}, 'posts', viewer=reader)[0]
    tag = [t for t in api.call('search_tags', {'query': word})['tags'] if t['tag_name'] == word]
    # When something was counted last is worked out from what is there: a snapshot does not tell of what went.
    stats = {k: v for k, v in api.call('user_stats', {'user_id': author}).body.items() if k != 'updated_at'}
    hot = [t for t in api.call('trending_hashtags', {'limit': 100})['tags'] if t['tag_name'] == word]
    return {
        'feed': [(p['post_id'], p['like_count'], p['comment_count'], p['liked']) for p in feed],
        'stats': stats,
        'post': api.call('post_stats', {'post_id': post}).body,
        'profile': [api.call('user_get', {'user_id': author})[k] for k in ('followers_count', 'posts_count')],
        'unread': api.call('notification_count', {}, viewer=author).body,
        'found': ids(api, 'search_posts', 'posts', 'post_id', query=word),
        'tag': [t['post_count'] for t in tag], 'trending': len(hot),
    }


def test_EXT_21_derived_state(api, server):
    author, reader = new_user(api), new_user(api)
    word = 'w%sx%d' % (api.name, os.getpid())
    first = make(api, author, caption='first')
    shown = lambda: views(api, author, reader, first, word)
    was = shown()
    assert was['feed'] == [] and was['found'] == [] and was['tag'] == [] and was['trending'] == 0, was
    api.call('follow', {'user_id': author}, viewer=reader)
    assert shown()['feed'] == [(first, 0, 0, False)] and shown()['profile'] == [1, 1]
    api.call('like', {'post_id': first}, viewer=reader)
    assert shown()['feed'] == [(first, 1, 0, True)] and shown()['stats']['total_likes_received'] == 1
    api.call('comment_create', {'post_id': first, 'content': 'c'}, viewer=reader)
    assert shown()['feed'] == [(first, 1, 1, True)] and shown()['post']['comment_count'] == 1
    assert shown()['unread']['unread_count'] == 3
    second = make(api, author, caption='on %s #%s' % (word, word))
    now = shown()
    assert now['feed'][0] == (second, 0, 0, False) and now['found'] == [second], now
    assert now['tag'] == [1] and now['trending'] == 1 and now['profile'] == [1, 2], now
    third = make(api, author, caption='also ' + word)
    api.call('post_delete', {'post_id': third}, viewer=author)
    assert shown()['found'] == [second] and shown()['stats']['post_count'] == 2
    now = shown()
    # Rebuilt: from the log, then from a snapshot.
    server.restart('kill')
    api = type(api)(server)
    assert shown() == now, (shown(), now)
    assert server.admin_get('/snapshot', 'POST')[0] in (200, 202, 204)
    server.restart()
    api = type(api)(server)
    assert shown() == now, (shown(), now)


# ---- triggers -----------------------------------------------------------------------------------

def followers(api, who, whom):
    """Three counters and their lists; `who` makes the edge to `whom`."""
    a, b = api.call('user_get', {'user_id': whom}), api.call('user_get', {'user_id': who})
    assert a['followers_count'] == len(ids(api, 'followers', 'users', 'user_id', user_id=whom))
    assert b['following_count'] == len(ids(api, 'following', 'users', 'user_id', user_id=who))
    assert api.call('user_stats', {'user_id': whom})['follower_count'] == a['followers_count']
    return a['followers_count']


def listed(op):
    return lambda api, who, whom: ids(api, op, 'users', 'user_id', viewer=who).count(whom)


def on_post(count, op, noun):
    def check(api, who, post):
        n = api.call('post_get', {'post_id': post}, viewer=who)[count]
        assert n == api.call('post_stats', {'post_id': post})[count] == \
            len(ids(api, op, noun, 'user_id', post_id=post)), (count, n)
        return n
    return check


def saves(api, who, post):
    """The list is its maker's alone, the number everybody's."""
    a = api.call('post_get', {'post_id': post}, viewer=who)
    assert a['saved'] == (post in ids(api, 'bookmarks', 'posts', 'post_id', viewer=who))
    return a['save_count']


def comment_likes(api, who, comment):
    on = [c for c in pages(api, 'comment_list', {'post_id': ON[comment]}, 'comments')[0] if c['comment_id'] == comment]
    assert on[0]['like_count'] == len(ids(api, 'comment_likes', 'users', 'user_id', comment_id=comment))
    return on[0]['like_count']


ON = {}  # comment -> its post


# Of each edge that operations make: what it begins and leads to, and how many there are of it.
EDGES = {
    'follow': ('user', followers), 'block': ('user', listed('blocks')), 'mute': ('user', listed('mutes')),
    'close_friend': ('user', listed('close_friends')), 'like': ('post', on_post('like_count', 'likes', 'users')),
    'share': ('post', on_post('share_count', 'shares', 'shares')), 'bookmark': ('post', saves),
    'comment_like': ('comment', comment_likes),
}
# Of these others tell: dismissals SUGG-2, collections SAVE-7. Requests (GRAPH-7) become what they ask for.
ELSEWHERE = {'dismiss', 'collect'}


def edge_operations():
    """edge -> the operations that make it, those that end it, as ops.def says."""
    import re
    text = open(os.path.join(harness.ROOT, 'core/ops.def')).read()
    found = {}
    for row in re.findall(r'^OP\((.*?)\)$', text, re.M | re.S):
        name = row.split(',')[1].strip()
        for kind, edge in re.findall(r'\.(link|unlink) = EDGE_(\w+)', row):
            if '.reverse' not in row and 'OPK_INTERNAL' not in row:
                found.setdefault(edge, {'link': [], 'unlink': []})[kind].append(name)
    return found


def test_EXT_23_edge_and_counter_together(api, server):
    """Whatever route makes or ends an edge, the number moves in the same change."""
    operations = edge_operations()
    assert set(operations) == set(EDGES) | ELSEWHERE, 'an edge that nobody counts: %s' % sorted(operations)
    for edge, (kind, count) in EDGES.items():
        author, others = new_user(api), [new_user(api) for _ in range(2)]
        post = make(api, author)
        comment = api.call('comment_create', {'post_id': post, 'content': 'c'}, viewer=author)['comment_id']
        ON[comment] = post
        target = {'user': author, 'post': post, 'comment': comment}[kind]
        alone = edge in ('block', 'mute', 'close_friend')  # nobody is told how many there are
        for make_it in operations[edge]['link']:
            for end_it in operations[edge]['unlink']:
                for n, who in enumerate(others, 1):
                    for again in range(2):
                        assert api.call(make_it, {OPS[make_it].key: target}, viewer=who).status == 200, make_it
                        want = 1 if alone else n
                        assert count(api, who, target) == want, (make_it, n)
                for n, who in enumerate(others, 1):
                    for again in range(2):
                        assert api.call(end_it, {OPS[end_it].key: target}, viewer=who).status == 200, end_it
                        want = 0 if alone else len(others) - n
                        assert count(api, who, target) == want, (end_it, n)


# ---- JWT ----------------------------------------------------------------------------------------

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def signed(key, header, claims):
    """RFC 7519 in four lines of another language."""
    dense = lambda x: b64(json.dumps(x, separators=(',', ':')).encode())
    text = dense(header) + '.' + dense(claims)
    return text + '.' + b64(hmac.new(key, text.encode(), hashlib.sha256).digest())


def test_EXT_25_tokens_of_and_for_others(api, server):
    name = 'jwt%s%d' % (api.name, os.getpid())
    a = api.call('register', {'username': name, 'email': name + '@example.org', 'password': PASSWORD}, service=False)
    assert a.status == 201, a
    key = open(os.path.join(server.data, 'keys/token.key'), 'rb').read()
    text, _, mac = a['token'].rpartition('.')
    assert hmac.new(key, text.encode(), hashlib.sha256).digest() == unb64(mac)
    header, claims = [json.loads(unb64(part)) for part in text.split('.')]
    assert header == {'alg': 'HS256', 'typ': 'JWT'} and claims['sub'] == a['user_id'], (header, claims)
    assert claims['exp'] > time.time() >= claims['iat'] - 1
    try:
        import jwt
    except ImportError:
        pass
    else:
        assert jwt.decode(a['token'], key, algorithms=['HS256'], audience=claims['aud'],
                          issuer=claims['iss']) == claims
        assert api.call('feed', {}, token=jwt.encode(claims, key, algorithm='HS256')).status == 200
    later = dict(claims, exp=claims['exp'] + 5)
    assert api.call('feed', {}, token=signed(key, header, later)).status == 200
    for bad in (signed(bytes(32), header, claims), signed(key, dict(header, alg='none'), claims),
                signed(key, header, dict(claims, exp=int(time.time()) - 3600)),
                signed(key, header, dict(claims, sub='12345')), text + '.', text + '.' + b64(bytes(32))):
        assert api.call('feed', {}, token=bad).status == 401, bad


# ---- bcrypt -------------------------------------------------------------------------------------

# From jBCrypt's tests; the same under all three names of the format.
VECTORS = [('abc', '06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'),
           ('abcdefghijklmnopqrstuvwxyz', '06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC'),
           ('~!@#$%^&*()      ~!@#$%^&*()PNBFRD', '06$fPIsBO8qRqkjj273rfaOI.HtSV9jLDpTbZn782DC6/t7qT67P6FfO')]


def test_EXT_26_bcrypt_vectors(api, server):
    for password, rest in VECTORS:
        for kind in '2a', '2b', '2y':
            stored = '$%s$%s' % (kind, rest)
            assert crypt.crypt(password, stored) == stored, 'the vector itself'
            user = new_user(api, password_hash=stored)
            name = api.call('user_get', {'user_id': user})['username']
            log_in = lambda p: api.call('login', {'username': name, 'password': p}, service=False).status
            assert log_in(password + 'x') == 401 and log_in(password[:-1]) == 401
            hashes = kept(server).count(b'$argon2id$')
            assert log_in(password) == 200

            def better():
                assert kept(server).count(b'$argon2id$') == hashes + 1
            eventually(better)
            assert log_in(password) == 200 and log_in(stored) == 401


def kept(server):
    """The log as it lies on the disk."""
    folder = os.path.join(server.data, 'wal')
    return b''.join(open(os.path.join(folder, f), 'rb').read() for f in sorted(os.listdir(folder)))


# ---- sessions, timers, senders -------------------------------------------------------------------

def test_EXT_2_revoked_everywhere(api, server):
    """Servers of an application that share their sessions: what one takes back no other believes any more."""
    a = register(api)
    token = login(api, a['username'], device='phone')
    mine = login(api, a['username'], device='desk')['token']
    # Connections of both protocols that have shown the token already, some of them on the other core.
    open_ones = [t(server) for t in TRANSPORTS for _ in range(6)]
    for c in open_ones:
        assert c.call('feed', {}, token=token['token']).status == 200
    listed = api.call('session_list', {}, token=mine)['sessions']
    gone, = [s['session_id'] for s in listed if s['device'] == 'phone']
    assert api.call('session_revoke', {'session_id': gone}, token=mine).status == 204
    for c in open_ones:
        assert c.call('feed', {}, token=token['token']).status == 401
    assert api.call('token_refresh', {'refresh_token': token['refresh_token']}, service=False).status == 401
    server.restart('kill')
    for t in TRANSPORTS:
        assert t(server).call('feed', {}, token=token['token']).status == 401
        assert t(server).call('feed', {}, token=mine).status == 200


def logged(server, op):
    """Entries of an operation in the log of a server that is stopped."""
    r = subprocess.run([harness.KITH, 'wal', 'cat', server.data], stdout=subprocess.PIPE, text=True, check=True)
    return [line for line in r.stdout.splitlines() if '"op":"%s"' % op in line]


@harness.once
def test_EXT_24_due_while_the_server_was_down(_, server):
    """What becomes due without a server is done after the next start, once."""
    with Server('--restore-window', '2', '--keep-notifications', '3') as mine:
        for transport in TRANSPORTS:
            api = transport(mine)
            a, b = new_user(api), new_user(api)
            post = make(api, a)
            api.call('follow', {'user_id': a}, viewer=b)
            assert len(api.call('notifications', {}, viewer=a)['notifications']) == 1
            mine.kill()
            before = len(logged(mine, 'erase'))
            mine.start()
            api = transport(mine)
            assert api.call('post_delete', {'post_id': post}, viewer=a).status == 204
            mine.kill()
            assert len(logged(mine, 'erase')) == before
            time.sleep(3.1)
            mine.start()
            api = transport(mine)
            assert api.call('post_restore', {'post_id': post}, viewer=a).status == 404
            eventually(lambda: equal(api.call('notifications', {}, viewer=a)['notifications'], []))
            time.sleep(2.5)
            for again in range(2):
                mine.kill()
                assert len([x for x in logged(mine, 'erase') if post in x]) == 1, again
                mine.start()
                time.sleep(1.5)
            mine.stop()
            assert mine.check()
            mine.start()


def equal(a, b):
    assert a == b, (a, b)


def test_EXT_34_a_job_has_no_more_than_it_needs(api, server):
    """What a sender of mails and texts is given is enough to end what was begun, and nothing else of the user."""
    start, number = mark(api), phone()
    a = register(api, phone_number=number, first_name='Secretive', bio='not for senders')
    api.call('forgot_password', {'email': a['email']}, service=False)
    api.call('login_code', {'phone_number': number}, service=False)
    jobs = [e for e in outbox(api, start) if e['user_id'] == a['user_id']]
    assert sorted((j['kind'], j['channel'], j['to']) for j in jobs) == sorted([
        ('verify_email', 'mail', a['email']), ('reset_password', 'mail', a['email']),
        ('login_code', 'sms', number)]), jobs
    for j in jobs:
        assert set(j) == {'number', 'channel', 'kind', 'user_id', 'to', 'token', 'created_at', 'expires_at'}, j
        text = json.dumps({k: v for k, v in j.items() if k != 'to'})
        assert not any(x in text for x in ('Secretive', 'not for', a['username'], a['email'], number)), j
        assert j['created_at'] < j['expires_at']
    token = lambda to, kind: sent(api, start, to, kind)
    assert api.call('verify_email', {'token': token(a['email'], 'verify_email')}, service=False).status == 200
    assert login(api, {'phone_number': number}, code=token(number, 'login_code')).status == 200
    r = api.call('reset_password', {'token': token(a['email'], 'reset_password'), 'password': 'brand new secret'},
                 service=False)
    assert r.status == 200 and login(api, a['username'], password='brand new secret').status == 200
    assert api.call('outbox_list', {'after': start}, token=a['token']).status in (401, 403)
    assert api.call('outbox_list', {'after': start}, service=False).status == 401


# ---- a search engine beside ----------------------------------------------------------------------

def bulk(mine, kind):
    """What is posted to an engine's _bulk: a line that names the document, then the document."""
    r = subprocess.run([harness.KITH, 'export', mine.data, '--type', kind], capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in r.stdout.splitlines()]
    key = kind[:-1] + '_id'
    return ''.join('%s\n%s\n' % (json.dumps({'index': {'_index': kind, '_id': row[key]}}), json.dumps(row)) for row in rows)


def take_bulk(index, text):
    lines = text.splitlines()
    for action, row in zip(lines[::2], lines[1::2]):
        at = json.loads(action)['index']
        index.setdefault(at['_index'], {})[at['_id']] = json.loads(row)


@harness.once
def test_EXT_7_an_engine_beside_is_fed(api, server):
    """The export as an engine's bulk, by the ids that Kith has: taken twice it is the same, and it finds the same."""
    with Server() as mine:
        api = harness.Http(mine)
        users = [new_user(api, bio='line one\nline "two"') for _ in range(3)]
        posts = [make(api, u, caption='walnut \u00e4 %d\n"quoted" #tag%d' % (i, i)) for i, u in enumerate(users * 4)]
        assert api.call('post_delete', {'post_id': posts[3]}, viewer=users[0]).status == 204
        assert api.call('post_update', {'post_id': posts[4], 'caption': 'hazelnut'}, viewer=users[1]).status == 200
        assert api.call('user_delete', {'user_id': users[2]}, viewer=users[2]).status == 204
        index, found = {}, {}

        def both():
            for word in ('walnut', 'hazelnut'):
                found[word] = set(ids(api, 'search_posts', 'posts', 'post_id', query=word))
            assert len(found['walnut']) == 6 and found['hazelnut'] == {posts[4]}, found
        eventually(both)
        mine.stop()
        for kind in ('users', 'posts'):
            take_bulk(index, bulk(mine, kind))
        once = json.dumps(index, sort_keys=True)
        for kind in ('users', 'posts'):
            take_bulk(index, bulk(mine, kind))
        assert json.dumps(index, sort_keys=True) == once
        assert sorted(index['users']) == sorted(users[:2])
        for word, want in found.items():
            assert {i for i, p in index['posts'].items() if word in p['caption']} == want
        assert index['posts'][posts[0]]['caption'] == 'walnut \u00e4 0\n"quoted" #tag0'
        mine.start()


# ---- pushes by FCM -------------------------------------------------------------------------------

class Fcm(http.server.BaseHTTPRequestHandler):
    """What FCM's HTTP v1 says: 503 to every third, UNREGISTERED to tokens that begin so."""
    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers['Content-Length'])))['message']
        self.server.asked += 1
        status = 503 if self.server.asked % 3 == 1 else 404 if message['token'].startswith('gone') else 200
        if status == 200:
            self.server.sent.append(message)
        said = {'error': {'details': [{'errorCode': 'UNREGISTERED'}]}} if status == 404 else {}
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


def message_of(job):
    n = job['notification']
    return {'token': job['token'], 'notification': {'title': n['title'], 'body': n['message']},
            'data': {'number': str(job['number']), 'type': n['type']},
            'android': {'priority': job['priority'], 'collapse_key': job['collapse_key'],
                        'notification': {'notification_count': job['badge']}}}


def send_on(api, fcm, after):
    """A sender outside, once: passes jobs on, from the oldest that did not get through next time; where it got to."""
    page = api.call('push_jobs', {'after': after, 'limit': 100})
    for job in page['jobs']:
        c = http.client.HTTPConnection(*fcm.server_address, timeout=60)
        c.request('POST', '/v1/projects/kith/messages:send', json.dumps({'message': message_of(job)}))
        r = c.getresponse()
        if r.status == 503:
            return after
        if r.status == 404 and b'UNREGISTERED' in r.read():
            a = api.call('device_remove', {'device_id': job['device_id']}, viewer=job['user_id'])
            assert a.status in (204, 404), a
        after = job['number']
    return page['next']


def test_EXT_12_a_sender_for_fcm(api, server):
    """A job has what FCM asks for; what it could not take comes again; a token that it knows no more goes."""
    john, ann = new_user(api), new_user(api, first_name='Ann', last_name='Lee')
    unique = '%s-%d' % (api.name, time.time_ns())
    for token in ('good-' + unique, 'gone-' + unique):
        assert api.call('device_put', {'token': token, 'device_type': 'Android'}, viewer=john).status == 200
    tokens = lambda: {d['token'] for d in api.call('devices', {}, viewer=john)['devices']}
    time.sleep(0.6)
    after = api.call('push_jobs', {})['next']
    posts = [make(api, john) for _ in range(4)]
    for p in posts:
        a = api.call('comment_create', {'post_id': p, 'content': 'well said'}, viewer=ann)
        assert a.status == 201, a
    fcm = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Fcm)
    fcm.asked, fcm.sent = 0, []
    threading.Thread(target=fcm.serve_forever, daemon=True).start()
    try:
        def delivered():
            nonlocal after
            after = send_on(api, fcm, after)
            assert len({m['data']['number'] for m in fcm.sent}) == 4, fcm.sent
        eventually(delivered, 30)
    finally:
        fcm.shutdown()
        fcm.server_close()
    assert tokens() == {'good-' + unique}
    for m in fcm.sent:
        assert m['token'] == 'good-' + unique and m['data']['type'] == 'comment', m
        assert m['notification']['title'].startswith('Ann Lee ') and m['notification']['body'] == 'well said', m
        assert m['android']['priority'] == 'high' and m['android']['notification']['notification_count'] == 4, m
    assert len({m['android']['collapse_key'] for m in fcm.sent}) == 4


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
