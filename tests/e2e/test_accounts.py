#!/usr/bin/python3
"""AUTH and PROF rows over HTTP and the binary protocol."""
import base64
import concurrent.futures
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Http, Binary, KEY, new_user

PASSWORD = 'correct horse battery'


def unique(prefix):
    harness._serial[0] += 1
    return '%s%d_%d' % (prefix, os.getpid(), harness._serial[0])


def register(api, **extra):
    name = extra.pop('username', None) or unique('reg')
    fields = dict(username=name, email=name + '@example.org', password=PASSWORD)
    fields.update(extra)
    fields = {k: v for k, v in fields.items() if v is not None}
    return api.call('register', fields, service=False)


def test_AUTH_1_register(api, server):
    a = register(api, first_name='Jane', last_name='Roe', bio='hello', date_of_birth='1990-02-03',
                 gender='female')
    assert a.status == 201, a
    user = a['user']['user_id']
    assert a['token'] and a['refresh_token'] and a['user_id'] == user
    u = api.call('user_get', {'user_id': user}, service=False)
    assert u.status == 200 and u['username'] == a['user']['username']
    assert u['full_name'] == 'Jane Roe' and u['bio'] == 'hello' and u['gender'] == 'female'
    assert (u['followers_count'], u['following_count'], u['posts_count']) == (0, 0, 0)
    assert u['is_active'] and not u['is_verified'] and not u['is_private']
    assert not u['two_factor_enabled'] and u['created_at'] == u['updated_at']
    assert not any('password' in k for k in u.body)


def test_AUTH_2_username_unique_in_a_race(api, server):
    name = unique('Race')
    if api.name == 'binary':
        fields = lambda i: {'users': [{'username': name.upper() if i % 2 else name.lower(),
                                       'email': '%s%d@example.org' % (name, i), 'created_at': 1500000000000 + i}]}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda i: Binary(server).call('import_users', fields(i)), range(64)))
        made = {a['user_ids'][0] for a in answers if a['user_ids'][0] != '0'}
        assert len(made) == 1, made
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        name = unique('Race')
        answers = list(pool.map(lambda i: register(type(api)(server), username=name.swapcase() if i % 2 else name,
                                                   email='%s%d@example.org' % (name, i)), range(12)))
    assert sorted(a.status for a in answers) == [201] + [409] * 11, [a.status for a in answers]
    assert all('/username' in a.pointers for a in answers if a.status == 409)


def test_AUTH_3_email_unique_and_well_formed(api, server):
    a = register(api)
    name = a['username']
    b = register(api, email=(name + '@EXAMPLE.org').upper())
    assert b.status == 409 and '/email' in b.pointers, b
    for bad in ('a@b@c', 'plain', '@x.org', 'x@', 'a b@c.org'):
        c = register(api, email=bad)
        assert c.status == 422 and '/email' in c.pointers, (bad, c)
    assert register(api, email=None).status == 422


def test_AUTH_5_log_in(api, server):
    a = register(api, phone_number='+4912345%06d' % (harness._serial[0] + (500000 if api.name == 'http' else 0)))
    assert a.status == 201, a
    name = a['username']
    for who in ({'username': name.upper()}, {'email': name + '@example.org'}):
        b = api.call('login', dict(who, password=PASSWORD), service=False)
        assert b.status == 200 and b['token'] and b['user_id'] == a['user_id'], b
    wrong = api.call('login', {'username': name, 'password': 'not this one'}, service=False)
    unknown = api.call('login', {'username': 'nobody' + name, 'password': 'not this one'}, service=False)
    assert wrong.status == unknown.status == 401
    for x in (wrong, unknown):
        x.body.pop('request_id')
    assert wrong.body == unknown.body


def forged(token):
    head, body, mac = token.split('.')
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b'=').decode()
    claims = json.loads(base64.urlsafe_b64decode(body + '=='))
    claims['exp'] = 1
    old = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()
    yield none + '.' + body + '.'
    yield none + '.' + body + '.' + mac
    yield head + '.' + old + '.' + mac
    yield head + '.' + body + '.' + mac[:-2] + ('AA' if mac[-2:] != 'AA' else 'BB')
    yield head + '.' + body
    yield token + '.x'
    yield token + '='
    yield ' ' + token
    yield 'x' * 5000


def test_AUTH_8_tokens(api, server):
    a = register(api)
    good = api.call('user_get', {'user_id': a['user_id']}, token=a['token'])
    assert good.status == 200 and good['email']
    for t in forged(a['token']):
        b = api.call('feed', {}, token=t)
        assert b.status in (401, 422, 431), (t, b)


def test_AUTH_9_log_out(api, server):
    a = register(api)
    other = type(api)(server)
    assert other.call('feed', {}, token=a['token']).status == 200
    assert api.call('logout', {}, token=a['token']).status == 204
    assert api.call('feed', {}, token=a['token']).status == 401
    assert other.call('feed', {}, token=a['token']).status == 401
    b = api.call('login', {'username': a['username'], 'password': PASSWORD}, service=False)
    c = api.call('login', {'username': a['username'], 'password': PASSWORD}, service=False)
    assert api.call('logout', {}, token=b['token']).status == 204
    server.restart('kill')
    fresh = type(api)(server)
    assert fresh.call('feed', {}, token=b['token']).status == 401
    assert fresh.call('feed', {}, token=c['token']).status == 200


def test_AUTH_10_refresh_rotates(api, server):
    a = register(api)
    b = api.call('token_refresh', {'refresh_token': a['refresh_token']}, service=False)
    assert b.status == 200 and b['refresh_token'] != a['refresh_token'], b
    assert api.call('feed', {}, token=b['token']).status == 200
    c = api.call('token_refresh', {'refresh_token': a['refresh_token']}, service=False)
    assert c.status == 401, c
    d = api.call('token_refresh', {'refresh_token': b['refresh_token']}, service=False)
    assert d.status == 401, d


def test_AUTH_14_no_password_on_disk(api, server):
    secret = 'planted-Secret-%d-%s' % (os.getpid(), api.name)
    a = register(api, password=secret)
    assert a.status == 201
    assert api.call('login', {'username': a['username'], 'password': secret}, service=False).status == 200
    found = []
    for folder, _, files in os.walk(server.dir):
        for f in files:
            data = open(os.path.join(folder, f), 'rb').read()
            if secret.encode() in data:
                found.append(f)
            if f.endswith('.seg'):
                assert a['token'].encode() not in data and a['refresh_token'].encode() not in data
    assert not found, found
    import subprocess
    out = subprocess.run([harness.KITH, 'wal', 'cat', server.data], capture_output=True, text=True).stdout
    assert secret not in out


def test_AUTH_18_delete_account_cascades(api, server):
    x, friend, author = new_user(api), new_user(api), new_user(api)
    post = api.call('post_create', {'caption': 'by the friend'}, viewer=friend)['post_id']
    own = api.call('post_create', {'caption': 'by x'}, viewer=x)['post_id']
    api.call('follow', {'user_id': friend}, viewer=x)
    api.call('follow', {'user_id': x}, viewer=author)
    api.call('like', {'post_id': post}, viewer=x)
    api.call('like', {'post_id': own}, viewer=friend)
    api.call('comment_create', {'post_id': post, 'content': 'mine'}, viewer=x)
    for op, more in (('bookmark', {}), ('share', {'content': 'said'}), ('react', {'reaction_type': 'sad'})):
        assert api.call(op, dict(more, post_id=post), viewer=x).status == 200, op
    assert len(api.call('notifications', {}, viewer=friend)['notifications']) == 3
    api.call('block', {'user_id': x}, viewer=author)
    name = api.call('user_get', {'user_id': x})['username']
    assert api.call('user_delete', {'user_id': x}, viewer=friend).status == 403
    assert api.call('user_delete', {'user_id': x}, viewer=x).status == 204
    assert api.call('user_get', {'user_id': x}).status == 404
    assert api.call('user_by_name', {'username': name}).status == 404
    assert api.call('post_get', {'post_id': own}).status == 404

    def settled():
        assert api.call('notifications', {}, viewer=friend)['notifications'] == []
        assert api.call('blocks', {}, viewer=author)['users'] == []
        shown = api.call('post_get', {'post_id': post})
        assert [shown[k] for k in ('save_count', 'share_count', 'reaction_count')] == [0, 0, 0], shown
        assert api.call('user_get', {'user_id': friend})['followers_count'] == 0
        assert api.call('user_get', {'user_id': author})['following_count'] == 0
        p = api.call('post_get', {'post_id': post})
        assert (p['like_count'], p['comment_count']) == (0, 0), p
        assert api.call('comment_list', {'post_id': post})['comments'] == []
        assert api.call('followers', {'user_id': friend})['users'] == []
        assert api.call('likes', {'post_id': post})['users'] == []
    harness.eventually(settled)
    again = new_user(api, username=name, created_at=1600000000000)
    assert again != x, again


def test_AUTH_19_last_login(api, server):
    a = register(api)
    me = lambda: api.call('user_get', {'user_id': a['user_id']}, viewer=a['user_id'])
    assert me()['last_login_at'] is None
    api.call('login', {'username': a['username'], 'password': 'wrong one!'}, service=False)
    assert me()['last_login_at'] is None
    api.call('login', {'username': a['username'], 'password': PASSWORD}, service=False)
    assert me()['last_login_at'] is not None


def test_AUTH_21_actor_in_body(api, server):
    a, b = new_user(api), new_user(api)
    assert api.call('post_create', {'caption': 'x', 'user_id': a}, viewer=a).status == 201
    before = api.call('user_get', {'user_id': b})['posts_count']
    assert api.call('post_create', {'caption': 'x', 'user_id': b}, viewer=a).status == 403
    assert api.call('user_get', {'user_id': b})['posts_count'] == before


def test_PROF_1_profile(api, server):
    a = register(api, date_of_birth='1980-01-01')
    own = api.call('user_get', {'user_id': a['user_id']}, viewer=a['user_id'])
    assert own['email'] and own['date_of_birth'] == '1980-01-01'
    other = api.call('user_get', {'user_id': a['user_id']}, viewer=new_user(api))
    for k in ('email', 'phone_number', 'date_of_birth', 'last_login_at'):
        assert k not in other.body, k
    for k in ('full_name', 'bio', 'avatar_url', 'cover_url', 'location', 'website', 'external_links', 'gender',
              'profile_category', 'business_info', 'last_active_at', 'updated_at', 'is_verified'):
        assert k in other.body, k


def test_PROF_2_update(api, server):
    a, f = new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=f)
    api.call('post_create', {'caption': 'old post'}, viewer=a)
    u = api.call('user_update', {'user_id': a, 'bio': 'new bio', 'avatar_url': 'https://x.org/new.png'}, viewer=a)
    assert u.status == 200 and u['bio'] == 'new bio', u
    assert u['updated_at'] >= u['created_at']
    feed = api.call('feed', {}, viewer=f)
    assert feed['posts'][0]['author']['avatar_url'] == 'https://x.org/new.png'
    assert api.call('user_update', {'user_id': a, 'bio': 'stolen'}, viewer=f).status == 403
    assert api.call('user_get', {'user_id': a})['bio'] == 'new bio'


def test_PROF_3_names(api, server):
    a = new_user(api)
    u = api.call('user_update', {'user_id': a, 'first_name': 'Ada', 'last_name': 'Lovelace'}, viewer=a)
    assert u['full_name'] == 'Ada Lovelace'
    u = api.call('user_update', {'user_id': a, 'full_name': 'Grace Brewster Hopper'}, viewer=a)
    assert (u['first_name'], u['last_name']) == ('Grace Brewster', 'Hopper'), u
    last = 'Xq' + ''.join(chr(ord('a') + int(d)) for d in str(a)[-12:])
    api.call('user_update', {'user_id': a, 'first_name': 'Ada', 'last_name': last}, viewer=a)
    found = api.call('search_users', {'query': last}, viewer=new_user(api))['users']
    assert [x['user_id'] for x in found] == [a] and found[0]['full_name'] == 'Ada ' + last, found
    for field in ('first_name', 'last_name'):
        for letter in ('x', '\u00fc'):
            u = api.call('user_update', {'user_id': a, field: letter * 100}, viewer=a)
            assert u.status == 200 and u[field] == letter * 100, u
        u = api.call('user_update', {'user_id': a, field: 'x' * 101}, viewer=a)
        assert u.status == 422 and '/' + field in u.pointers, u


def test_PROF_4_5_6_9_fields(api, server):
    a = new_user(api)
    put = lambda **f: api.call('user_update', dict(f, user_id=a), viewer=a)
    assert put(bio='x' * 1001).status == 422
    assert put(profile_picture='https://x.org/p.png')['avatar_url'] == 'https://x.org/p.png'
    assert put(avatar_url='javascript:x').status == 422
    assert put(cover_url='https://x.org/c.png')['cover_url'] == 'https://x.org/c.png'
    full = 'https://x.org/' + 'a' * (500 - len('https://x.org/'))
    assert put(cover_url=full)['cover_url'] == full
    assert api.call('user_get', {'user_id': a})['cover_url'] == full
    long = put(cover_url=full + 'a')
    assert long.status == 422 and '/cover_url' in long.pointers, long
    u = put(location='Phuket', website='https://example.org')
    assert (u['location'], u['website']) == ('Phuket', 'https://example.org')
    assert put(website='not a url').status == 422
    assert put(date_of_birth='2023-02-30').status == 422
    if api.name == 'http':
        assert put(gender='robot').status == 422 and put(profile_category='robot').status == 422
        assert put(is_verified=True).status in (400, 403)
    assert put(profile_category='creator')['profile_category'] == 'creator'


def test_PROF_10_external_links(api, server):
    a = new_user(api)
    links = [{'url': 'https://a.org', 'title': 'A'}, {'url': 'https://b.org'}, {'url': 'https://c.org'}]
    u = api.call('user_update', {'user_id': a, 'external_links': links}, viewer=a)
    assert [x['url'] for x in u['external_links']] == ['https://a.org', 'https://b.org', 'https://c.org']
    assert u['external_links'][0]['title'] == 'A'
    bad = api.call('user_update', {'user_id': a, 'external_links': ['ftp://x']}, viewer=a)
    assert bad.status == 422, bad


def test_PROF_12_business_info(api, server):
    a = new_user(api)
    info = {'hours': {'mon': [9, 17]}, 'name': 'Ünï', 'nested': [{'a': None}, True]}
    u = api.call('user_update', {'user_id': a, 'business_info': info}, viewer=a)
    assert u['business_info'] == info, u


def test_PROF_15_counts(api, server):
    a = new_user(api)
    fans = [new_user(api) for _ in range(7)]
    for f in fans:
        api.call('follow', {'user_id': a}, viewer=f)
    for f in fans[:3]:
        api.call('unfollow', {'user_id': a}, viewer=f)
    for i in range(5):
        api.call('post_create', {'caption': 'p%d' % i}, viewer=a)
    u = api.call('user_get', {'user_id': a})
    assert (u['followers_count'], u['posts_count']) == (4, 5)
    assert len(api.call('followers', {'user_id': a})['users']) == 4


def test_PROF_17_times(api, server):
    a, b = new_user(api), new_user(api)
    p = api.call('post_create', {'caption': 'x'}, viewer=a)
    before = api.call('user_get', {'user_id': a})
    api.call('like', {'post_id': p['post_id']}, viewer=b)
    assert api.call('user_get', {'user_id': a})['updated_at'] == before['updated_at']
    time.sleep(0.005)
    after = api.call('user_update', {'user_id': a, 'bio': 'later'}, viewer=a)
    assert after['updated_at'] > before['updated_at'] and after['created_at'] == before['created_at']


def test_PROF_22_names_move(api, server):
    a, b, c = new_user(api), new_user(api), new_user(api)
    old = api.call('user_get', {'user_id': b})['username']
    new = unique('moved')
    assert api.call('user_update', {'user_id': b, 'username': new}, viewer=b)['username'] == new
    assert api.call('user_by_name', {'username': old}).status == 404
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        got = list(pool.map(lambda u: type(api)(server).call('user_update', {'user_id': u, 'username': old},
                                                             viewer=u), (a, c)))
    assert sorted(x.status for x in got) == [200, 409], got
    holder = a if got[0].status == 200 else c
    assert api.call('user_by_name', {'username': old.upper()})['user_id'] == holder
    assert api.call('user_by_name', {'username': new})['user_id'] == b


def test_PROF_23_by_name(api, server):
    a = new_user(api)
    u = api.call('user_get', {'user_id': a})
    assert api.call('user_by_name', {'username': u['username']}).body == u.body
    assert api.call('user_by_name', {'username': 'nobody_' + u['username']}).status == 404


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
