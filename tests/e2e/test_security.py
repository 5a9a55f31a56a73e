#!/usr/bin/python3
"""SEC and SCALE rows: who may call what, what bad input gets, and what an operator sees."""
import concurrent.futures
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import schema
from harness import Http, Binary, KEY, MAGIC, new_user
from schema import OPS

OUTSIDE = {n: o for n, o in OPS.items() if o.kind != 'OPK_INTERNAL' and n not in ('hello', 'ping', 'subscribe')}


def told(api, user, post):
    """The id of a notification that the user has."""
    api.call('like', {'post_id': post}, viewer=new_user(api))
    return api.call('notifications', {}, viewer=user)['notifications'][0]['notification_id']

# What needs a secret that was sent or shown: tests/e2e/test_auth.py has it.
SECRET = ('verify_email', 'reset_password', 'totp_confirm', 'totp_disable', 'session_revoke', 'oauth_login',
          'oauth_link', 'oauth_unlink')


def sample(api):
    a = new_user(api)
    p = api.call('post_create', {'caption': 'x', 'image_url': 'https://x.org/i.png'}, viewer=a)
    c = api.call('comment_create', {'post_id': p['post_id'], 'content': 'c'}, viewer=a)
    address = {'first_name': 'f', 'last_name': 'l', 'address_line_1': '1', 'city': 'c', 'state': 's', 'country': 'c',
               'postal_code': '1'}
    saved = api.call('collection_add', {'name': 'c', 'is_public': True}, viewer=a)['collection_id']
    lives = api.call('address_add', dict(address, user_id=a), viewer=a)['address_id']
    found = api.call('search_add', {'search_term': 's'}, viewer=a)['search_id']
    api.call('preference_put', {'user_id': a, 'preference_key': 'k', 'preference_value': 'v'}, viewer=a)
    theirs = api.call('post_create', {'caption': 'reported'}, viewer=new_user(api))['post_id']
    report = api.call('report_add', {'object_id': theirs, 'reason': 'spam'}, viewer=a)['report_id']
    device = api.call('device_put', {'token': 'token of ' + a}, viewer=a)['device_id']
    n = told(api, a, p['post_id'])
    known = {'notification_id': n, 'user_id': a, 'post_id': p['post_id'], 'comment_id': c['comment_id'],
             'media_id': p['media'][0]['media_id'],
             'username': api.call('user_get', {'user_id': a})['username'], 'tag_name': 'tag', 'name': 'Phuket',
             'collection_id': saved, 'address_id': lives, 'search_id': found, 'preference_key': 'k',
             'report_id': report, 'device_id': device}
    fields = {}
    for name, op in OUTSIDE.items():
        f = {k.name: known[k.name] for k in schema.TABLES[op.request] if k.name in known and
             (k.name in (op.routes[0][1] if op.routes else '') or k.name == op.key)}
        if name in ('comment_create', 'comment_update'):
            f['content'] = 'text'
        if name == 'post_create':
            f['caption'] = 'text'
        if name == 'media_add':
            f['media_url'] = 'https://x.org/n.png'
        if name == 'address_add':
            f.update(address)
        if name == 'search_add':
            f['search_term'] = 't'
        if name == 'device_put':
            f['token'] = 'token of ' + a
        if name == 'collection_add':
            f['name'] = 'n'
        if name == 'react':
            f['reaction_type'] = 'wow'
        if name in ('register', 'login'):
            f = {'username': 'n' + str(random.random())[2:], 'password': 'long enough', 'email': 'x@y.org'}
        if name == 'token_refresh':
            f = {'refresh_token': 'nonsense'}
        if name.startswith('search_') and op.request in ('Search', 'PostSearch'):
            f = {'query': 'words'}
        if name == 'user_by_name':
            f = {'username': known['username']}
        if name == 'relationships':
            f = {'user_ids': [a]}
        if name in ('verify_email', 'reset_password'):
            f = {'token': 'nonsense', **({'password': 'long enough'} if name == 'reset_password' else {})}
        if name == 'forgot_password':
            f = {'email': 'nobody@example.org'}
        if name == 'login_code':
            f = {'phone_number': '+491112345'}
        if name.startswith('oauth'):
            f = {'provider': 'nowhere', **({} if name == 'oauth_unlink' else {'id_token': 'nonsense'})}
        if name in ('totp_confirm', 'totp_disable'):
            f = {'code': '123456'}
        if name == 'session_revoke':
            f = {'session_id': '77'}
        if name in ('post_remove', 'comment_remove'):
            f['reason'] = 'rules'
        if name == 'report_add':
            f = {'object_id': theirs, 'reason': 'spam'}
        if name == 'report_resolve':
            f['status'] = 'resolved'
        if name == 'contacts_put':
            f['contacts'] = ['nobody@example.org', '+4917655500000']
        if name == 'role_set':
            f['role'] = 'user'
        if name == 'verified_set':
            f['is_verified'] = False
        if name == 'notification_preference_set':
            f = {'notification_type': 'like'}
        if name == 'media_ticket':
            f = {'media_type': 'image', 'file_size': 5}
        if name == 'explain':
            f = {'op': 'user_get', 'request': {'user_id': a}}
        if name == 'import_users':
            f = {'users': [{'username': 'x'}]}
        if name == 'import_edges':
            f = {'kind': 'follow', 'from': [a], 'to': [a]}
        if name == 'import_posts':
            f = {'posts': [{'user_id': a, 'caption': 'x'}]}
        fields[name] = f
    return a, fields


def test_AUTH_20_SEC_5_gate(api, server):
    owner, fields = sample(api)
    stranger = new_user(api)
    before = api.call('user_get', {'user_id': owner}).body
    for name, op in OUTSIDE.items():
        if name in ('register', 'login', 'token_refresh'):
            continue
        r = api.call(name, fields[name], service=False)
        if op.auth == 'AUTH_OPEN':
            assert r.status < 300 or (name in SECRET and r.code in ('token_spent', 'unknown_provider')), (name, r)
        else:
            assert r.status == 401, (name, r)
        if op.auth in ('AUTH_SELF', 'AUTH_OWNER', 'AUTH_ROLE'):
            r = api.call(name, fields[name], viewer=stranger)
            assert r.status in (403, 404), (name, r)
    assert api.call('user_get', {'user_id': owner}).body == before


def op_between_users(op):
    return op.request in ('Follow', 'Unfollow', 'UserOnly')


def test_every_operation_over_this_protocol(api, server):
    """100 % of the rows: each operation succeeds once for somebody who may."""
    owner, fields = sample(api)
    other = new_user(api)
    last = ['notification_delete', 'uncollect', 'collection_remove', 'address_remove', 'device_remove', 'search_remove',
            'search_clear', 'media_remove', 'comment_remove', 'comment_reinstate', 'comment_delete', 'post_remove',
            'post_reinstate', 'post_delete', 'post_restore', 'user_deactivate', 'user_delete']
    for name in sorted(OUTSIDE, key=lambda n: (last.index(n) if n in last else -1, n)):
        if name in ('register', 'login', 'token_refresh', 'logout') + SECRET:
            continue
        viewer = None if OUTSIDE[name].auth in ('AUTH_SERVICE', 'AUTH_ROLE') else owner
        if name == 'user_delete':  # deactivated by now: nobody acts as him
            viewer = None
        if op_between_users(OUTSIDE[name]):
            viewer = other
        if name == 'request_approve':
            # Who asks is the other one; the acting user has to be asked first.
            api.call('user_update', {'user_id': other, 'is_private': True}, viewer=other)
            api.call('follow', {'user_id': other}, viewer=owner)
        r = api.call(name, fields[name], viewer=viewer)
        assert r.status == OUTSIDE[name].status, (name, r)
        if name == 'block':  # what comes now is between two who see each other
            api.call('unblock', fields[name], viewer=viewer)
    assert api.call('ping', {}).status == 200


@harness.over('http')
def test_SEC_12_unknown_and_wrong_fields(api, server):
    owner, fields = sample(api)
    h = {'Authorization': 'Bearer ' + KEY, 'Kith-Viewer': owner}
    for name, op in OUTSIDE.items():
        method, path = op.routes[0]
        for k, v in fields[name].items():
            path = path.replace('{%s}' % k, str(v))
        if method == 'GET':
            r = api.raw(method, path + '?no_such_field=1', None, h)
            assert r.status == 400 and r.code == 'unknown_field', (name, r)
            continue
        if method == 'DELETE':
            continue
        r = api.raw(method, path, {'no_such_field': 1}, h)
        assert r.status == 400 and r.code == 'unknown_field' and '/no_such_field' in r.pointers, (name, r)
        for f in schema.TABLES[op.request]:
            wrong = {'string': 5, 'ulong': 'x', 'uint': -1, 'bool': 'maybe'}.get(f.kind, 7)
            if 'hidden' in f.attrs or 'raw_json' in f.attrs or '{%s}' % f.name in op.routes[0][1]:
                continue
            r = api.raw(method, path, {f.name: wrong}, h)
            assert 400 <= r.status < 500 and r.status != 404, (name, f.name, r)
    for op in schema.TABLES['User']:
        if op.name in ('is_verified', 'followers_count', 'created_at', 'is_active'):
            r = api.raw('PUT', '/api/user/' + owner, {op.name: 1}, h)
            assert r.status in (400, 403), r


def bad_json(f):
    """What no field of this kind can be, and what its bounds in the schema forbid."""
    kind, bad = f.kind, []
    longest = int(f.attrs.get('max_len') or 0)
    if kind == 'string':
        bad = [] if 'raw_json' in f.attrs else [5, True, ['x'], {'x': 1}, '\ud800']
        bad += ['a' * (longest + 1)] if longest else []
    elif kind in ('ulong', 'uint', 'ushort', 'ubyte', 'int', 'long'):
        low, high = {'int': (-2 ** 31, 2 ** 31 - 1), 'long': (-2 ** 63, 2 ** 63 - 1), 'ulong': (0, 2 ** 64 - 1),
                     'uint': (0, 2 ** 32 - 1), 'ushort': (0, 2 ** 16 - 1), 'ubyte': (0, 255)}[kind]
        bad = ['x', '', 1.5, [1], {'x': 1}, low - 1] + ([] if 'time' in f.attrs else [high + 1])
    elif kind == 'bool':
        bad = ['maybe', 7, [True], {'x': 1}]
    elif kind in schema.ENUMS:
        bad = ['no_such', 200, -1, ['x'], {'x': 1}]
    elif kind in schema.TABLES:
        bad = [5, True, ['x'], {'no_such_field': 1}] + ([] if 'str_as' in f.attrs else ['x'])
    else:
        bad = [5, True, {'x': 1}] + ([['x'] * (longest + 1)] if longest and kind == '[string]' else [])
        bad += [[5]] if kind == '[string]' else [[{'no_such_field': 1}]] if kind[1:-1] in schema.TABLES else [['x', -1]]
    return bad


def bad_values(table):
    """(path to the field, value) for all fields of a request, those of its inner tables too."""
    for f in schema.TABLES[table]:
        if 'hidden' in f.attrs:
            yield (f.name,), 5
            continue
        for v in bad_json(f):
            yield (f.name,), v
        inner = f.kind.strip('[]')
        for path, v in bad_values(inner) if inner in schema.TABLES else []:
            yield (f.name,) + ((0,) if f.kind[0] == '[' else ()) + path, v


def put(fields, path, value, table):
    """The fields with this one in it; an element or inner table that is not there gets what it needs."""
    need = {'Link': {'url': 'https://x.org'}, 'Media': {'media_url': 'https://x.org/m'}, 'ImportUser': {'username': 'n1'},
            'ImportPost': {'user_id': '5'}}
    out, name = dict(fields), path[0]
    if len(path) == 1:
        return dict(out, **{name: value})
    inner = next(f.kind for f in schema.TABLES[table] if f.name == name)
    element = put(need.get(inner.strip('[]'), {}), path[2:] if inner[0] == '[' else path[1:], value, inner.strip('[]'))
    return dict(out, **{name: [element] if inner[0] == '[' else element})


def says_it(op, path, value, in_path):
    """Whether path and query, which are text, can say this bad value, and it is bad there too."""
    if not in_path and op.routes[0][0] != 'GET':
        return True
    kind = next(f.kind for f in schema.TABLES[op.request] if f.name == path[0])
    if len(path) > 1 or isinstance(value, (list, dict, bool)) or value in ('\ud800', ''):
        return False
    # There one element is a list of one.
    return isinstance(value, str) if kind == 'string' else kind[0] != '['


def state(server):
    """Digest of all objects and edges."""
    status, text = server.admin_get('/digest')
    assert status == 200, text
    return {k: v for k, v in json.loads(text).items() if k != 'place'}


@harness.over('http')
def test_SEC_12_every_field_of_every_route(api, server):
    owner, fields = sample(api)
    h = {'Authorization': 'Bearer ' + KEY, 'Kith-Viewer': owner}
    before, tried = state(server), 0
    for name, op in OUTSIDE.items():
        method, template = op.routes[0]
        inpath = {f.name for f in schema.TABLES[op.request] if '{%s}' % f.name in template}
        for path, value in bad_values(op.request):
            given, target = put(fields[name], path, value, op.request), template
            if not says_it(op, path, value, path[0] in inpath):
                continue
            for k in inpath:
                target = target.replace('{%s}' % k, urllib.parse.quote(str(given.pop(k, '5')), safe=''))
            body = None
            if method == 'GET':
                target += '?' + urllib.parse.urlencode({k: json.dumps(v) if isinstance(v, (list, dict)) else v
                                                        for k, v in given.items()})
            else:
                body = given
            r = api.raw(method, target, body, h)
            tried += 1
            assert r.status in (400, 413, 422), (name, path, value, r)
            pointer = '/' + '/'.join(str(p) for p in path)
            assert value == '\ud800' or any(p.startswith(pointer) for p in r.pointers), (name, path, value, r)
    print('     %d bad values' % tried)
    assert tried > 500, tried
    assert state(server) == before


def bad_binary(f):
    """What fits the type and is nothing all the same."""
    if 'hidden' in f.attrs:
        one = 'x' if 'string' in f.kind else {} if f.kind.strip('[]') in schema.TABLES else 5
        return [[one] if f.kind[0] == '[' else one]
    longest = int(f.attrs.get('max_len') or 0)
    if f.kind == 'string':
        return ['a' * (longest + 1)] * (longest > 0) + ['{'] * ('raw_json' in f.attrs)
    if f.kind in schema.ENUMS:
        return [200]
    if f.kind == '[string]':
        return [['x'] * (longest + 1)] * (longest > 0)
    return [0, 101, 2 ** 32 - 1] if f.name == 'limit' else []


@harness.over('binary')
def test_SEC_12_every_field_of_every_operation(api, server):
    owner, fields = sample(api)
    before, tried = state(server), 0
    link = api.link(('service',))
    for name, op in OUTSIDE.items():
        actor = 0 if op.auth == 'AUTH_ROLE' else int(owner)
        for f in schema.TABLES[op.request]:
            for value in bad_binary(f):
                given = harness.aliases(op.request, {k: v for k, v in fields[name].items() if k != f.name})
                given[f.name] = value
                r = api.exchange(link, op, given, actor)
                tried += 1
                assert r.status in (400, 413, 422), (name, f.name, value, r)
                assert any(p.startswith('/' + f.name) for p in r.pointers), (name, f.name, value, r)
            if 'required' in f.attrs:
                given = harness.aliases(op.request, {k: v for k, v in fields[name].items() if k != f.name})
                r = api.exchange(link, op, given, actor)
                assert r.status == 422 and r.pointers == ['/' + f.name], (name, f.name, r)
    assert tried > 60, tried
    assert state(server) == before


def test_SEC_19_ids_tell_nothing(api, server):
    a = new_user(api)
    p = int(api.call('post_create', {'caption': 'x'}, viewer=a)['post_id'])
    api.call('post_delete', {'post_id': str(p)}, viewer=a)
    def body(i):
        b = api.call('post_get', {'post_id': str(i)}, service=False)
        assert b.status == 404
        b.body.pop('request_id')
        return json.dumps(b.body)
    rng = random.Random(3)
    assert len({body(i) for i in [p, p + 1, p - 1024, 7] + [rng.getrandbits(62) for _ in range(20)]}) == 1


def test_SEC_20_21_constraints(api, server):
    a = new_user(api)
    assert api.call('follow', {'user_id': a}, viewer=a).status == 422
    for op, f in (('follow', {'user_id': '77'}), ('like', {'post_id': '77'}),
                  ('comment_create', {'post_id': '77', 'content': 'x'}), ('post_update', {'post_id': '77'}),
                  ('comment_update', {'comment_id': '77', 'content': 'x'})):
        assert api.call(op, f, viewer=a).status == 404, op
    r = api.call('import_edges', {'kind': 'follow', 'from': [a, a], 'to': ['77', a]})
    assert r.status == 200 and r['refused'] == 2 and r['applied'] == 0, r

    def undone():  # the other end's half is taken back by the consequence that follows
        assert api.call('user_get', {'user_id': a})['following_count'] == 0
    harness.eventually(undone)
    r = api.call('import_edges', {'kind': 'follow', 'from': [a], 'to': []})
    assert r.status == 422, r
    # Nor of what there is not for this viewer; and nothing has changed.
    b = new_user(api)
    hidden = api.call('post_create', {'caption': 'x', 'audience': 'followers'}, viewer=b)['post_id']
    shown = api.call('post_create', {'caption': 'x'}, viewer=b)['post_id']
    box = api.call('collection_add', {'name': 'c'}, viewer=a)['collection_id']
    for post in ('77', hidden, b):
        for op, f in (('like', {}), ('react', {'reaction_type': 'sad'}), ('bookmark', {}), ('share', {'content': 's'}),
                      ('comment_create', {'content': 'x'}), ('collect', {'collection_id': box})):
            assert api.call(op, dict(f, post_id=post), viewer=a).status == 404, (op, post)
        r = api.call('post_create', {'caption': 'x', 'reply_to_post_id': post}, viewer=a)
        assert r.status in (404, 422), (post, r)
        r = api.call('comment_create', {'post_id': shown, 'content': 'x', 'parent_id': post}, viewer=a)
        assert r.status in (404, 422), (post, r)
        for op in ('follow', 'block', 'mute', 'close_friend'):
            assert post == b or api.call(op, {'user_id': post}, viewer=a).status == 404, (op, post)
    of = api.call('post_get', {'post_id': hidden}, viewer=b)
    assert [of[k] for k in of.body if k.endswith('_count')] == [0] * 6, of
    mine = api.call('user_get', {'user_id': a})
    assert (mine['following_count'], mine['posts_count']) == (0, 0), mine


@harness.once
def test_SEC_21_no_orphans(_, server):
    """Posts and accounts go while others hang things on them: kith check finds nothing left over."""
    with harness.Server() as mine:
        api = Binary(mine)
        author, posts, hung = new_user(api), [], []
        fans = [new_user(api) for _ in range(4)]
        ops = (('comment_create', {'content': 'x'}), ('like', {}), ('bookmark', {}), ('share', {'content': 's'}),
               ('react', {'reaction_type': 'wow'}))
        stop = threading.Event()

        def hang(fan):
            mine_too = Binary(mine)
            while not stop.is_set():
                for post in posts[-3:]:
                    for op, f in ops:
                        if mine_too.call(op, dict(f, post_id=post), viewer=fan).status < 300:
                            hung.append(post)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            at_work = [pool.submit(hang, f) for f in fans]
            until = time.monotonic() + 60
            while len(posts) < 60 or (len(hung) < 100 and time.monotonic() < until):
                posts.append(api.call('post_create', {'caption': 'x'}, viewer=author)['post_id'])
                if len(posts) > 2:
                    assert api.call('post_delete', {'post_id': posts[-2]}, viewer=author).status == 204
            assert api.call('user_delete', {'user_id': author}, viewer=author).status == 204
            stop.set()
            assert [w.result() for w in at_work] == [None] * 4 and len(hung) >= 100, len(hung)
        for fan in fans:
            for op, noun in (('bookmarks', 'posts'), ('user_comments', 'comments')):
                harness.eventually(lambda: none(api.call(op, {'user_id': fan} if op != 'bookmarks' else {}, viewer=fan)[noun]))
        mine.stop()
        mine.check()
        mine.start()


def none(found):
    assert found == [], found


def test_SEC_viewer_needs_a_service_key(api, server):
    a = new_user(api)
    if api.name == 'http':
        h = {'Authorization': 'Bearer wrong-key-wrong-key-wrong', 'Kith-Viewer': a}
        assert api.raw('GET', '/api/feed', None, h).status == 401
        assert api.raw('GET', '/api/feed', None, {'Kith-Viewer': a}).status in (401, 403)
    assert api.call('feed', {}, viewer=None).status in (401, 403)


def test_SCALE_16_metrics(api, server):
    api.call('ping', {})
    status, text = server.admin_get('/metrics')
    assert status == 200
    for family in ('kith_requests_total', 'kith_request_seconds', 'kith_wal', 'kith_memory_bytes',
                   'kith_connections_open'):
        assert family in text, family
    for line in text.splitlines():
        if line and not line.startswith('#'):
            name, value = line.rsplit(' ', 1)
            float(value)
    assert server.admin_get('/livez')[0] == 200 and server.admin_get('/readyz')[0] == 200


@harness.over('http')
def test_openapi(api, server):
    r = api.raw('GET', '/api/openapi.json')
    assert r.status == 200 and r.body['openapi'].startswith('3.1')
    for name, op in OUTSIDE.items():
        for method, path in op.routes:
            assert method.lower() in r.body['paths'][path], (method, path)
    folder = os.path.join(schema.ROOT, 'build/npm')
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, 'openapi.json')
    json.dump(r.body, open(path, 'w'))
    lint = os.path.join(folder, 'node_modules/.bin/redocly')
    if not os.path.exists(lint):
        got = subprocess.run(['npm', 'install', '--no-audit', '--no-fund', '--silent', '@redocly/cli@2'], cwd=folder,
                             capture_output=True, text=True, timeout=300)
        if got.returncode != 0:
            print('note: no npm registry, the lint is skipped: ' + got.stderr[-200:])
            return
    env = dict(os.environ, REDOCLY_TELEMETRY='off')
    got = subprocess.run([lint, 'lint', '--extends', 'minimal', path], cwd=folder, capture_output=True, text=True,
                         env=env, timeout=120)
    assert got.returncode == 0, got.stdout[-3000:] + got.stderr[-2000:]


def raw(server, data, read=True):
    """Sends bytes; the answer until the server closes or falls silent."""
    with socket.create_connection(('127.0.0.1', server.port), timeout=10) as s:
        s.sendall(data)
        s.settimeout(1.0)
        out = b''
        try:
            while read:
                more = s.recv(65536)
                if not more:
                    return out, True
                out += more
        except socket.timeout:
            pass
        except ConnectionResetError:
            return out, True
        return out, False


@harness.over('http')
def test_bad_http(api, server):
    good = b'GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n'
    bad = [b'GET /api/ping HTTP/1.1\r\n\r\n', b'GET /api/ping HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
           b'GET /api/ping HTTP/1.1\nHost: x\n\n', b'GET /api/ping HTTP/9.9\r\nHost: x\r\n\r\n',
           b'GET /api/ping HTTP/1.1\r\nHost : x\r\n\r\n', b'GET /api/ping HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n',
           b'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}',
           b'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
           b'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n{}',
           b'POST /api/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n',
           b'GET /api/ping HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n', b'GET  /api/ping HTTP/1.1\r\nHost: x\r\n\r\n',
           b'GET /api/ping HTTP/1.1\r\nHost: x\r\nA\x00: b\r\n\r\n']
    for b in bad:
        out, closed = raw(server, b + good)
        assert closed and out.startswith(b'HTTP/1.1 400') and out.count(b'HTTP/1.1') == 1, (b, out, closed)
    out, closed = raw(server, b'GET /' + b'x' * 9000 + b' HTTP/1.1\r\nHost: x\r\n\r\n')
    assert closed and out[9:12] in (b'400', b'414', b'431'), out
    out, closed = raw(server, b'GET / HTTP/1.1\r\nHost: x\r\n' + b'A: b\r\n' * 100 + b'\r\n')
    assert closed and out[9:12] in (b'431', b'400'), out
    out, closed = raw(server, b'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n')
    assert closed and out[9:12] == b'413', out
    out, closed = raw(server, good * 5)
    assert out.count(b'HTTP/1.1 200') == 5 and not closed, out
    chunked = (b'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked'
               b'\r\nExpect: 100-continue\r\n\r\n')
    out, _ = raw(server, chunked + b'5\r\n{"use\r\n2\r\nr"\r\n0\r\n\r\n')
    assert b'100 Continue' in out and b'HTTP/1.1 400' in out, out
    assert api.raw('DELETE', '/api/feed').status == 405
    assert api.raw('GET', '/api/nothing').status == 404
    assert api.raw('OPTIONS', '/api/feed').status == 204


@harness.over('binary')
def test_bad_frames(api, server):
    head = lambda n, op, magic=MAGIC: struct.pack('<IHBBIIQQ', n, op, 0, 0, 1, magic, 0, 0)
    out, closed = raw(server, head(1 << 30, 80))
    assert closed
    out, closed = raw(server, head(8, 80, 0x12345678) + bytes(8))
    assert closed
    for payload in (b'', bytes(8), b'\xff' * 64, bytes(range(256))):
        payload += bytes(-len(payload) % 8)
        for op in (60, 1, 31, 255, 9999, 203):
            out, closed = raw(server, head(len(payload), op) + payload)
            assert len(out) >= 32, (op, payload)
            status = out[6]
            assert status != 0, (op, payload)
    rng = random.Random(1)
    base = schema.pack('PostCreate', {'caption': 'x' * 50, 'media': [{'media_url': 'https://x'}], 'hashtags': ['a']})
    with socket.create_connection(('127.0.0.1', server.port), timeout=10) as s:
        for i in range(3000):
            b = bytearray(base)
            for _ in range(rng.randrange(1, 6)):
                b[rng.randrange(len(b))] = rng.randrange(256)
            s.sendall(head(len(b), 30) + bytes(b))
            n, op, status, *_ = struct.unpack('<IHBBIIQQ', Binary.read(s, 32))
            Binary.read(s, n)
            assert status == 1 and op == 30
    assert Binary(server).call('ping', {}).status == 200


if __name__ == '__main__':
    with tempfile.TemporaryDirectory(prefix='kith-e2e-') as folder:
        media = os.path.join(folder, 'media')
        with open(os.open(media, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as f:
            f.write('bucket https://x.org/b\nregion r\naccess-key a\nsecret-key of-the-tests\n')
        sys.exit(harness.run(sys.modules[__name__], ('--media-file', media)))
