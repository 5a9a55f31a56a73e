#!/usr/bin/python3
"""AUTH, SEC and PROF rows about tokens that are sent, second factors, sessions, roles and the audit log."""
import base64
import concurrent.futures
import hashlib
import hmac
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import schema
from harness import Http, Binary, KEY, new_user
from test_accounts import register, unique, PASSWORD

FRESH = 'another long secret'


def login(api, who, **more):
    fields = dict(who if isinstance(who, dict) else {'username': who}, **more)
    if 'code' not in fields or 'phone_number' not in fields:
        fields.setdefault('password', PASSWORD)
    return api.call('login', fields, service=False)


def phone():
    return '+49%010d' % random.randrange(10 ** 9, 10 ** 10)


def outbox(api, after):
    events = []
    while True:
        a = api.call('outbox_list', {'after': after, 'limit': 100})
        assert a.status == 200, a
        if not a['events']:
            return events
        events += a['events']
        assert a['next'] == a['events'][-1]['number']
        after = a['next']


def mark(api):
    events = outbox(api, 0)
    return events[-1]['number'] if events else 0


def sent(api, after, to, kind):
    """The newest token of this kind that went there."""
    found = [e for e in outbox(api, after) if e['to'] == to and e['kind'] == kind]
    assert found, (to, kind)
    return found[-1]['token']


def totp(secret, at=None):
    key = base64.b32decode(secret)
    step = int(time.time() if at is None else at) // 30
    mac = hmac.new(key, struct.pack('>Q', step), hashlib.sha1).digest()
    o = mac[-1] & 15
    return '%06d' % ((struct.unpack('>I', mac[o:o + 4])[0] & 0x7fffffff) % 10 ** 6)


def acts(api, user, **more):
    return harness.pages(api, 'audit_list', dict({'user_id': user}, **more), 'audits')[0]


def act(api, user, name, done=True):
    """The newest act of that name: a consequence of what it tells of, it may come a little later."""
    def find():
        found = [x for x in acts(api, user) if x['act'] == name and x['done'] == done]
        assert found, (user, name)
        return found[0]
    return harness.eventually(find)


def same_body(a, b):
    x, y = dict(a.body), dict(b.body)
    x.pop('request_id', None), y.pop('request_id', None)
    return a.status == b.status and x == y


def admin(api):
    a = new_user(api)
    r = api.call('role_set', {'user_id': a, 'role': 'admin'})
    assert r.status == 200, r
    return a


# ---- names that log in --------------------------------------------------------------------------

def test_AUTH_4_phone_alone(api, server):
    number = phone()
    a = register(api, email=None, phone_number=number)
    assert a.status == 201, a
    assert login(api, {'phone_number': number})['user_id'] == a['user_id']
    if api.name == 'http':
        assert login(api, {'phone': number})['user_id'] == a['user_id']
    b = register(api, phone_number=number)
    assert b.status == 409 and '/phone_number' in b.pointers, b
    for bad in ('12345', '+0123456', '+49', '+49123456789012345'):
        assert register(api, phone_number=bad).status == 422, bad


def test_AUTH_6_code_to_the_phone(api, server):
    number = phone()
    a = register(api, email=None, phone_number=number)
    start = mark(api)
    r = api.call('login_code', {'phone_number': number}, service=False)
    nobody = api.call('login_code', {'phone_number': phone()}, service=False)
    assert r.status == 202 and same_body(r, nobody), (r, nobody)
    events = outbox(api, start)
    assert [e['channel'] for e in events] == ['sms'] and events[0]['user_id'] == a['user_id'], events
    code = sent(api, start, number, 'login_code')
    assert len(code) == 6 and code.isdigit()
    server.restart('kill')
    api = type(api)(server)
    b = login(api, {'phone_number': number}, code=code)
    assert b.status == 200 and b['user_id'] == a['user_id'], b
    again = login(api, {'phone_number': number}, code=code)
    assert again.status == 401 and again.code == 'wrong_credentials', again
    assert same_body(again, login(api, {'phone_number': phone()}, code=code))


def test_AUTH_6_code_has_few_tries(api, server):
    number = phone()
    register(api, email=None, phone_number=number)
    start = mark(api)
    api.call('login_code', {'phone_number': number}, service=False)
    code = sent(api, start, number, 'login_code')
    wrong = '%06d' % ((int(code) + 1) % 10 ** 6)
    for _ in range(5):
        assert login(api, {'phone_number': number}, code=wrong).status == 401
    assert login(api, {'phone_number': number}, code=code).status == 401


# ---- tokens -------------------------------------------------------------------------------------

def test_AUTH_10_reuse_ends_the_family(api, server):
    a = register(api)
    spent, live = a['refresh_token'], a
    for _ in range(3):
        live = api.call('token_refresh', {'refresh_token': live['refresh_token']}, service=False)
        assert live.status == 200
    server.restart('kill')
    api = type(api)(server)
    assert api.call('feed', {}, token=live['token']).status == 200
    assert api.call('token_refresh', {'refresh_token': spent}, service=False).status == 401
    assert api.call('token_refresh', {'refresh_token': live['refresh_token']}, service=False).status == 401
    assert api.call('feed', {}, token=live['token']).status == 401
    assert act(api, a['user_id'], 'token_refresh', done=False)['by'] == 'nobody'


def test_AUTH_11_verify_email(api, server):
    start = mark(api)
    a = register(api)
    me = lambda: api.call('user_get', {'user_id': a['user_id']}, viewer=a['user_id'])
    address = a['email']
    assert me()['email_verified'] is False
    token = sent(api, start, address, 'verify_email')
    assert api.call('verify_email', {'token': token[:-2] + ('AA' if token[-2:] != 'AA' else 'BB')},
                    service=False).status == 400
    server.restart('kill')
    api = type(api)(server)
    assert api.call('verify_email', {'token': token}, service=False).status == 200
    assert me()['email_verified'] is True
    again = api.call('verify_email', {'token': token}, service=False)
    assert again.status == 400 and again.code == 'token_spent' and '/token' in again.pointers, again
    assert 'email_verified' not in api.call('user_get', {'user_id': a['user_id']}).body
    fresh = unique('moved') + '@example.org'
    start = mark(api)
    assert api.call('user_update', {'user_id': a['user_id'], 'email': fresh}, viewer=a['user_id']).status == 200
    assert me()['email_verified'] is False
    assert api.call('verify_email', {'token': sent(api, start, fresh, 'verify_email')}, service=False).status == 200
    assert me()['email_verified'] is True
    assert api.call('user_update', {'user_id': a['user_id'], 'bio': 'x'}, viewer=a['user_id'])['email_verified']
    assert api.call('verify_request', {}, viewer=a['user_id']).status == 409


def test_AUTH_11_newest_token_counts(api, server):
    start = mark(api)
    a = register(api)
    first = sent(api, start, a['email'], 'verify_email')
    start = mark(api)
    assert api.call('verify_request', {}, token=a['token']).status == 202
    second = sent(api, start, a['email'], 'verify_email')
    assert api.call('verify_email', {'token': first}, service=False).status == 400
    assert api.call('verify_email', {'token': second}, service=False).status == 200


def test_AUTH_12_forgot_password(api, server):
    a = register(api)
    start = mark(api)
    known = api.call('forgot_password', {'email': a['email'].upper()}, service=False)
    unknown = api.call('forgot_password', {'email': unique('nobody') + '@example.org'}, service=False)
    assert known.status == 202 and same_body(known, unknown), (known, unknown)
    events = outbox(api, start)
    assert [(e['kind'], e['channel'], e['user_id']) for e in events] == \
        [('reset_password', 'mail', a['user_id'])], events
    for bad in ({}, {'email': a['email'], 'phone_number': phone()}, {'email': 'a@b@c'}):
        r = api.call('forgot_password', bad, service=False)
        assert r.status == 422 and '/email' in r.pointers, (bad, r)
    assert api.call('outbox_list', {}, token=a['token']).status == 403
    assert api.call('outbox_list', {}, service=False).status == 401


def test_AUTH_13_reset_password(api, server):
    a = register(api)
    b = login(api, a['username'])
    start = mark(api)
    api.call('forgot_password', {'email': a['email']}, service=False)
    token = sent(api, start, a['email'], 'reset_password')
    short = api.call('reset_password', {'token': token, 'password': 'short'}, service=False)
    assert short.status == 422 and '/password' in short.pointers, short
    assert api.call('reset_password', {'token': ('x' if token[0] != 'x' else 'y') + token[1:], 'password': FRESH}, service=False).status == 400
    assert api.call('verify_email', {'token': token}, service=False).status == 400
    assert api.call('reset_password', {'token': token, 'password': FRESH}, service=False).status == 200
    for restart in (False, True):
        if restart:
            server.restart('kill')
            api = type(api)(server)
        assert login(api, a['username']).status == 401
        assert login(api, a['username'], password=FRESH).status == 200
        for s in (a, b):
            assert api.call('feed', {}, token=s['token']).status == 401
            assert api.call('token_refresh', {'refresh_token': s['refresh_token']}, service=False).status == 401
        again = api.call('reset_password', {'token': token, 'password': 'yet another secret'}, service=False)
        assert again.status == 400 and again.code == 'token_spent', again


def test_AUTH_14_imported_hash(api, server):
    """bcrypt of "correct horse", made by libxcrypt here; verified, then kept as argon2id."""
    import crypt
    stored = crypt.crypt('correct horse', crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=2 ** 5))
    assert stored.startswith('$2b$'), stored
    a = new_user(api, password_hash=stored)
    name = api.call('user_get', {'user_id': a})['username']
    assert login(api, name, password='wrong horse').status == 401
    for _ in range(2):
        assert login(api, name, password='correct horse').status == 200
        server.restart('kill')
        api = type(api)(server)
    text = subprocess.run([harness.KITH, 'wal', 'cat', server.data], capture_output=True, text=True).stdout
    assert 'correct horse' not in text and stored not in text


# ---- two factors --------------------------------------------------------------------------------

def enrol(api, a):
    r = api.call('totp_enable', {}, viewer=a['user_id'])
    assert r.status == 200 and r['url'].startswith('otpauth://totp/') and r['secret'] in r['url'], r
    # A step back: the codes of now and of the next step are left for the logins.
    code = totp(r['secret'], time.time() - 30)
    assert api.call('totp_confirm', {'code': '12345'}, viewer=a['user_id']).status == 401
    c = api.call('totp_confirm', {'code': code}, viewer=a['user_id'])
    assert c.status == 200 and len(set(c['recovery_codes'])) == 10, c
    return r['secret'], c['recovery_codes']


def test_AUTH_15_totp(api, server):
    a = register(api)
    assert api.call('totp_confirm', {'code': '123456'}, viewer=a['user_id']).status == 409
    secret, recovery = enrol(api, a)
    own = api.call('user_get', {'user_id': a['user_id']}, viewer=a['user_id'])
    assert own['two_factor_enabled'] is True
    assert api.call('user_get', {'user_id': a['user_id']})['two_factor_enabled'] is False
    r = login(api, a['username'])
    assert r.status == 401 and r.code == 'two_factor_required' and '/code' in r.pointers, r
    assert login(api, a['username'], password='not the one', code=totp(secret)).code == 'wrong_credentials'
    code = totp(secret)
    assert login(api, a['username'], code=code).status == 200
    server.restart('kill')
    api = type(api)(server)
    again = login(api, a['username'], code=code)
    assert again.status == 401 and again.code == 'wrong_code', again
    assert login(api, a['username'], code='000000' if totp(secret) != '000000' else '111111').status == 401
    assert api.call('totp_enable', {}, viewer=a['user_id']).status == 409
    # A recovery code opens once, however it is typed.
    assert login(api, a['username'], code=recovery[0].lower().replace('-', ' ')).status == 200
    assert login(api, a['username'], code=recovery[0]).status == 401
    assert api.call('totp_disable', {'code': recovery[0]}, viewer=a['user_id']).status == 401
    assert api.call('totp_disable', {'code': recovery[1]}, viewer=a['user_id']).status == 200
    assert login(api, a['username']).status == 200
    assert api.call('totp_disable', {'code': recovery[2]}, viewer=a['user_id']).status == 409


def test_AUTH_15_one_code_one_login(api, server):
    a = register(api)
    secret, recovery = enrol(api, a)
    for code in (totp(secret), recovery[3]):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda i: login(type(api)(server), a['username'], code=code).status, range(4)))
        assert sorted(answers) == [200, 401, 401, 401], answers


def test_AUTH_15_phone_and_authenticator(api, server):
    number = phone()
    a = register(api, phone_number=number)
    secret, recovery = enrol(api, a)
    start = mark(api)
    api.call('login_code', {'phone_number': number}, service=False)
    code = sent(api, start, number, 'login_code')
    assert login(api, {'phone_number': number}, code=code).code == 'two_factor_required'
    assert login(api, {'phone_number': number}, code=code, totp_code=totp(secret)).status == 200


@harness.once
def test_AUTH_15_rfc_6238(api, server):
    """The vectors of RFC 6238, appendix B, eight digits there, six here."""
    secret = base64.b32encode(b'12345678901234567890').decode()
    for at, code in ((59, '94287082'), (1111111109, '07081804'), (1234567890, '89005924'), (20000000000, '65353130')):
        assert totp(secret, at) == code[2:], at


# ---- logins by other services --------------------------------------------------------------------

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


class Provider:
    """Keys of three made-up services, in a file as the server reads it."""
    RS, ES, HS = 'google', 'facebook', 'house'
    ISSUER, AUDIENCE = 'https://issuer.example', 'kith-tests'

    def __init__(self, folder):
        from cryptography.hazmat.primitives.asymmetric import ec, rsa
        self.keys = {self.RS: rsa.generate_private_key(65537, 2048), self.ES: ec.generate_private_key(ec.SECP256R1()),
                     self.HS: os.urandom(48), 'other': rsa.generate_private_key(65537, 2048)}
        self.path = os.path.join(folder, 'providers')
        lines = ['# made up']
        for name, alg in ((self.RS, 'RS256'), (self.ES, 'ES256'), (self.HS, 'HS256')):
            path = os.path.join(folder, name + '.key')
            with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), 'wb') as f:
                f.write(self.public(name))
            lines.append(' '.join([name, self.ISSUER, self.AUDIENCE, alg, path]))
        open(self.path, 'w').write('\n'.join(lines) + '\n')

    def public(self, name):
        from cryptography.hazmat.primitives import serialization as s
        key = self.keys[name]
        if isinstance(key, bytes):
            return key
        return key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, name, signed, key=None):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
        key = key or self.keys[name]
        if isinstance(key, bytes):
            return hmac.new(key, signed, hashlib.sha256).digest()
        if hasattr(key, 'curve'):
            r, s = utils.decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, 'big') + s.to_bytes(32, 'big')
        return key.sign(signed, padding.PKCS1v15(), hashes.SHA256())

    def token(self, name, sub, alg=None, key=None, head=None, **claims):
        import json
        body = {'iss': self.ISSUER, 'aud': self.AUDIENCE, 'sub': sub, 'exp': int(time.time()) + 600,
                'iat': int(time.time())}
        body.update(claims)
        body = {k: v for k, v in body.items() if v is not None}
        header = dict({'alg': alg or {self.RS: 'RS256', self.ES: 'ES256', self.HS: 'HS256'}[name], 'typ': 'JWT'},
                      **(head or {}))
        signed = (b64(json.dumps(header).encode()) + '.' + b64(json.dumps(body).encode())).encode()
        return signed.decode() + '.' + b64(self.sign(name, signed, key))


PROVIDER = [None]


def oauth(api, provider, token, **more):
    return api.call('oauth_login', dict(more, provider=provider, id_token=token), service=False)


def test_AUTH_7_token_twice_one_user(api, server):
    p = PROVIDER[0]
    for name in (p.RS, p.ES, p.HS):
        sub = unique('subject')
        email = unique('mail') + '@example.org'
        a = oauth(api, name, p.token(name, sub, email=email, email_verified=True))
        assert a.status == 200 and a['email'] == email and a['token'], a
        b = oauth(api, name, p.token(name, sub, aud=['someone', p.AUDIENCE]), device='again')
        assert b.status == 200 and b['user_id'] == a['user_id'], (a, b)
        assert oauth(api, name, p.token(name, sub.swapcase()))['user_id'] != a['user_id']
        server.restart('kill')
        api = type(api)(server)
        assert oauth(api, name, p.token(name, sub))['user_id'] == a['user_id']
        assert login(api, a['username'], password='').status in (401, 422)
    same = unique('subject')
    assert oauth(api, p.RS, p.token(p.RS, same))['user_id'] != oauth(api, p.ES, p.token(p.ES, same))['user_id']


def test_AUTH_7_bad_tokens(api, server):
    p = PROVIDER[0]
    sub, now = unique('subject'), int(time.time())
    good = p.token(p.RS, sub)
    head, body, sig = good.split('.')
    other = p.token(p.RS, sub + 'x').split('.')[1]
    bad = [p.token(p.RS, sub, exp=now - 3600), p.token(p.RS, sub, aud='somebody else'),
           p.token(p.RS, sub, aud=['a', 'b']), p.token(p.RS, sub, iss='https://elsewhere.example'),
           p.token(p.RS, sub, key=p.keys['other']), p.token(p.RS, sub, nbf=now + 3600), p.token(p.RS, None),
           p.token(p.RS, sub, exp=None), p.token(p.RS, sub, exp='soon'), p.token(p.RS, sub, head={'crit': ['x']}),
           p.token(p.ES, sub), '.'.join([head, other, sig]), '.'.join([head, body, sig[:-4] + 'AAAA']),
           head + '.' + body + '.', head + '.' + body, good + '.x', 'nonsense', '..', good[:-1],
           # The public key as the secret of another algorithm, and no algorithm at all.
           p.token(p.RS, sub, alg='HS256', key=p.public(p.RS)), p.token(p.RS, sub, alg='none'),
           b64(b'{"alg":"none"}') + '.' + body + '.', b64(b'{"alg":"RS256","alg":"RS256"}') + '.' + body + '.' + sig]
    for t in bad:
        r = oauth(api, p.RS, t)
        assert r.status == 401 and r.code == 'invalid_token', (t, r)
    assert oauth(api, 'nowhere', good).status == 404
    assert oauth(api, p.RS, good).status == 200


def test_EXT_29_keys_change(api, server):
    """A new set of keys counts without a restart, one that cannot be read does not, and who names an unknown key is
    not judged by the others."""
    p, sub = PROVIDER[0], unique('subject')
    before, name = open(p.path).read(), 'rotating'
    file = os.path.join(os.path.dirname(p.path), 'rotating-%s.key' % api.name)
    line = ' '.join([name, p.ISSUER, p.AUDIENCE, 'RS256', file, '%s'])
    token = lambda key, kid: p.token(name, sub, alg='RS256', key=p.keys[key], head={'kid': kid} if kid else None)
    status = lambda key, kid=None: oauth(api, name, token(key, kid)).status

    def put(kid, key):
        with open(file, 'wb') as f:
            f.write(p.public(key))
        with open(p.path + '.new', 'w') as f:
            f.write(before + line % kid + '\n')
        os.rename(p.path + '.new', p.path)

    def becomes(want, *ask):
        def check():
            assert status(*ask) == want, (want, ask)
        harness.eventually(check)
    try:
        assert status(p.RS) == 404, 'not known yet'
        put('first', p.RS)
        becomes(200, p.RS)
        assert (status(p.RS, 'first'), status(p.RS, 'second'), status('other', 'first'), status('other')) == \
            (200, 401, 401, 401)
        put('second', 'other')
        becomes(200, 'other', 'second')
        assert (status('other'), status('other', 'first'), status(p.RS), status(p.RS, 'first')) == (200, 401, 401, 401)
        open(p.path, 'a').write('no such line\n')

        def told():
            assert 'stay as they were: a line of the provider file' in server.tail()
        harness.eventually(told)
        assert status('other', 'second') == 200 and oauth(api, p.ES, p.token(p.ES, sub)).status == 200
    finally:
        open(p.path, 'w').write(before)
    becomes(404, 'other')


def test_AUTH_7_link_and_unlink(api, server):
    p = PROVIDER[0]
    a, b, sub = register(api), register(api), unique('subject')
    link = lambda who, name, token: api.call('oauth_link', {'provider': name, 'id_token': token}, token=who['token'])
    assert link(a, p.ES, p.token(p.ES, sub)).status == 204
    assert link(a, p.ES, p.token(p.ES, sub)).status == 204
    assert link(a, p.ES, p.token(p.ES, sub + 'x')).code == 'identity_linked'
    assert link(b, p.ES, p.token(p.ES, sub)).code == 'identity_taken'
    assert link(b, p.RS, p.token(p.ES, sub)).status == 401
    assert oauth(api, p.ES, p.token(p.ES, sub))['user_id'] == a['user_id']
    server.restart('kill')
    api = type(api)(server)
    assert oauth(api, p.ES, p.token(p.ES, sub))['user_id'] == a['user_id']
    assert api.call('oauth_unlink', {'provider': p.ES}, token=a['token']).status == 204
    assert api.call('oauth_unlink', {'provider': p.ES}, token=a['token']).status == 404
    fresh = oauth(api, p.ES, p.token(p.ES, sub))
    assert fresh.status == 200 and fresh['user_id'] != a['user_id']
    r = api.call('oauth_unlink', {'provider': p.ES}, token=fresh['token'])
    assert r.status == 409 and r.code == 'last_way_in', r
    secret, _ = enrol(api, a)
    assert link(a, p.HS, p.token(p.HS, sub)).status == 204
    assert oauth(api, p.HS, p.token(p.HS, sub)).code == 'two_factor_required'
    assert oauth(api, p.HS, p.token(p.HS, sub), code=totp(secret)).status == 200
    assert api.call('user_delete', {'user_id': a['user_id']}, viewer=a['user_id']).status == 204
    again = harness.eventually(lambda: oauth(api, p.HS, p.token(p.HS, sub)))
    assert again.status == 200 and again['user_id'] != a['user_id'], again


def test_AUTH_7_one_account_in_a_race(api, server):
    p, sub = PROVIDER[0], unique('subject')
    email = unique('mail') + '@example.org'
    token = p.token(p.ES, sub, email=email, email_verified=True)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: oauth(type(api)(server), p.ES, token), range(16)))
    assert {r.status for r in answers} == {200}, [r.status for r in answers]
    assert len({r['user_id'] for r in answers}) == 1


# ---- sessions -----------------------------------------------------------------------------------

def test_AUTH_16_sessions(api, server):
    a = register(api)
    b = login(api, a['username'], device='my phone')
    c = login(api, a['username'], device='my desk')
    listed = api.call('session_list', {}, token=b['token'])['sessions']
    assert [s['device'] for s in listed[:2]] == ['my desk', 'my phone'] and len(listed) == 3, listed
    assert [s['current'] for s in listed] == [False, True, False]
    assert all(s['last_used_at'] >= s['created_at'] and s['expires_at'] > s['created_at'] for s in listed)
    stranger = register(api)
    assert api.call('session_revoke', {'session_id': listed[0]['session_id']},
                    token=stranger['token']).status == 404
    assert api.call('session_revoke', {'session_id': listed[0]['session_id']}, token=b['token']).status == 204
    for restart in (False, True):
        if restart:
            server.restart('kill')
            api = type(api)(server)
        assert api.call('feed', {}, token=c['token']).status == 401
        assert api.call('feed', {}, token=b['token']).status == 200
        assert [s['device'] for s in api.call('session_list', {}, token=b['token'])['sessions']][0] == 'my phone'
    assert api.call('session_revoke_all', {}, token=b['token']).status == 204
    for s in (a, b, c):
        assert api.call('feed', {}, token=s['token']).status == 401
        assert api.call('token_refresh', {'refresh_token': s['refresh_token']}, service=False).status == 401
    assert api.call('session_list', {}, viewer=a['user_id'])['sessions'] == []


@harness.over('http')
def test_AUTH_16_device_of_the_browser(api, server):
    a = register(api)
    r = api.raw('POST', '/api/login', {'username': a['username'], 'password': PASSWORD},
                {'User-Agent': 'Mozilla/5.0 (Té)'.encode(), 'X-Forwarded-For': '203.0.113.7, 2001:db8::9'})
    assert r.status == 200, r
    device = api.call('session_list', {}, token=r['token'])['sessions'][0]['device']
    assert device.startswith('Mozilla/5.0 (T') and device.isascii(), device
    assert act(api, a['user_id'], 'login')['address'] == '2001:db8::9'


# ---- deactivation -------------------------------------------------------------------------------

def test_AUTH_17_deactivate(api, server):
    a, fan = register(api), new_user(api)
    me, name = a['user_id'], a['username']
    api.call('follow', {'user_id': me}, viewer=fan)
    p = api.call('post_create', {'caption': 'mine'}, viewer=me)['post_id']
    other = api.call('post_create', {'caption': 'theirs'}, viewer=fan)['post_id']
    api.call('like', {'post_id': p}, viewer=fan)
    api.call('like', {'post_id': other}, viewer=me)
    c = api.call('comment_create', {'post_id': other, 'content': 'hello'}, viewer=me)['comment_id']
    assert [x['post_id'] for x in api.call('feed', {}, viewer=fan)['posts']] == [p]
    before = api.call('user_get', {'user_id': me}).body
    assert api.call('user_deactivate', {'user_id': me}, viewer=fan).status == 403
    assert api.call('user_deactivate', {'user_id': me}, token=a['token']).status == 204

    def hidden(api):
        assert api.call('user_get', {'user_id': me}, viewer=fan).status == 404
        assert api.call('user_by_name', {'username': name}).status == 404
        assert api.call('post_get', {'post_id': p}, viewer=fan).status == 404
        assert api.call('user_posts', {'user_id': me}, viewer=fan).status == 404
        assert api.call('followers', {'user_id': me}, viewer=fan).status == 404
        assert api.call('feed', {}, viewer=fan)['posts'] == []
        assert p not in [x['post_id'] for x in api.call('post_list', {})['posts']]
        assert api.call('following', {'user_id': fan})['users'] == []
        assert api.call('likes', {'post_id': other})['users'] == []
        assert api.call('comment_list', {'post_id': other})['comments'] == []
        assert api.call('like', {'post_id': p}, viewer=fan).status == 404
        assert api.call('comment_create', {'post_id': p, 'content': 'x'}, viewer=fan).status == 404
        assert api.call('follow', {'user_id': me}, viewer=new_user(api)).status == 404
        assert api.call('feed', {}, token=a['token']).status == 401
        assert api.call('feed', {}, viewer=me).status == 403
        assert api.call('token_refresh', {'refresh_token': a['refresh_token']}, service=False).status == 401
        wrong = login(api, name, password='not the one')
        assert wrong.status == 401 and wrong.code == 'wrong_credentials', wrong
        r = login(api, name)
        assert r.status == 403 and r.code == 'account_inactive', r
    hidden(api)
    server.restart('kill')
    api = type(api)(server)
    hidden(api)
    server.restart('stop')
    api = type(api)(server)
    r = login(api, name, reactivate=True)
    assert r.status == 200, r
    after = api.call('user_get', {'user_id': me}).body
    assert after == dict(before, last_active_at=after['last_active_at']), (before, after)
    assert [x['post_id'] for x in api.call('feed', {}, viewer=fan)['posts']] == [p]
    assert api.call('post_get', {'post_id': p})['like_count'] == 1
    assert [x['user_id'] for x in api.call('likes', {'post_id': other})['users']] == [me]
    assert [x['comment_id'] for x in api.call('comment_list', {'post_id': other})['comments']] == [c]
    assert login(api, name).status == 200


# ---- roles --------------------------------------------------------------------------------------

OF_USER = {name for name, fields in schema.TABLES.items() if 'user_id' in {f.name for f in fields}}


def test_SEC_4_roles(api, server):
    """Every route of a role, for every role: as the operation table declares."""
    boss, moderator, plain = admin(api), new_user(api), new_user(api)
    assert api.call('role_set', {'user_id': moderator, 'role': 'moderator'}, viewer=boss).status == 200
    gated = {n: o for n, o in schema.OPS.items() if o.auth == 'AUTH_ROLE'}
    assert {'role_set', 'verified_set', 'audit_list'} <= set(gated)
    moderation = {'post_remove', 'post_reinstate', 'comment_remove', 'comment_reinstate'}
    assert moderation <= set(gated)  # test_SEC_27 has what they need, and every role too
    order = ['user', 'moderator', 'admin']
    report = api.call('report_add', {'object_id': plain, 'reason': 'spam'}, viewer=boss)['report_id']
    fields = {'role_set': {'role': 'user'}, 'verified_set': {'is_verified': True},
              'report_resolve': {'report_id': report, 'status': 'resolved'}}
    for name, op in ((n, gated[n]) for n in gated if n not in moderation):
        f = dict(fields.get(name, {}), **({'user_id': plain} if op.request in OF_USER else {}))
        assert api.call(name, f, service=False).status == 401, name
        for who, role in ((plain, 'user'), (moderator, 'moderator'), (boss, 'admin')):
            r = api.call(name, f, viewer=who)
            may = order.index(role) >= order.index(op.role.replace('kt_Role_', ''))
            assert r.status == (200 if may else 403), (name, role, r)
        assert api.call(name, f).status == 200, name
    own = api.call('user_get', {'user_id': boss}, viewer=boss)
    assert own['role'] == 'admin' and 'role' not in api.call('user_get', {'user_id': boss}, viewer=plain).body
    assert api.call('role_set', {'user_id': '77', 'role': 'admin'}).status == 404
    assert api.call('role_set', {'user_id': plain}).status == 422
    if api.name == 'http':
        r = api.call('role_set', {'user_id': plain, 'role': 'service'})
        assert r.status == 422 and '/role' in r.pointers, r
    server.restart('kill')
    api = type(api)(server)
    assert api.call('role_set', {'user_id': boss, 'role': 'user'}, viewer=boss).status == 200
    assert api.call('audit_list', {'user_id': plain}, viewer=boss).status == 403


def test_PROF_13_badge(api, server):
    a, fan, boss = new_user(api), new_user(api), admin(api)
    api.call('follow', {'user_id': a}, viewer=fan)
    api.call('post_create', {'caption': 'x'}, viewer=a)
    assert api.call('verified_set', {'user_id': a, 'is_verified': True}, viewer=a).status == 403
    assert api.call('verified_set', {'user_id': a}, viewer=boss).status == 422
    r = api.call('verified_set', {'user_id': a, 'is_verified': True}, viewer=boss)
    assert r.status == 200 and r['is_verified'] is True, r
    shown = lambda api: [api.call('user_get', {'user_id': a})['is_verified'],
                         api.call('feed', {}, viewer=fan)['posts'][0]['author']['is_verified'],
                         api.call('following', {'user_id': fan})['users'][0]['is_verified']]
    assert shown(api) == [True] * 3
    assert api.call('user_update', {'user_id': a, 'bio': 'new'}, viewer=a)['is_verified'] is True
    server.restart('kill')
    api = type(api)(server)
    assert shown(api) == [True] * 3
    r = api.call('verified_set', {'user_id': a, 'is_verified': False}, viewer=boss)
    assert r['is_verified'] is False and shown(api) == [False] * 3


# ---- the audit log ------------------------------------------------------------------------------

def test_SEC_13_audit(api, server):
    boss, a = admin(api), register(api)
    me = a['user_id']
    login(api, a['username'], password='not this one')
    b = login(api, a['username'])
    api.call('logout', {}, token=b['token'])
    api.call('role_set', {'user_id': me, 'role': 'moderator'}, viewer=boss)
    api.call('verified_set', {'user_id': me, 'is_verified': True}, viewer=boss)
    start = mark(api)
    api.call('forgot_password', {'email': a['email']}, service=False)
    api.call('reset_password', {'token': sent(api, start, a['email'], 'reset_password'), 'password': FRESH},
             service=False)
    api.call('user_update', {'user_id': me, 'username': unique('new')}, viewer=me)
    api.call('user_deactivate', {'user_id': me}, viewer=me)
    api.call('user_delete', {'user_id': me})
    want = [('login', False), ('login', True), ('logout', True), ('role_set', True), ('verified_set', True),
            ('forgot_password', True), ('reset_password', True), ('user_update', True), ('user_deactivate', True),
            ('user_delete', True)]
    key = lambda x: (x['act'], x['done'])

    def told():
        found = [x for x in acts(api, me) if x['act'] != 'audit_list']
        assert sorted(map(key, found)) == sorted(want), found
        return found
    found = harness.eventually(told)
    assert [x['audit_id'] for x in found] == sorted((x['audit_id'] for x in found), key=int, reverse=True)
    assert all(x['address'] == '127.0.0.1' and x['user_id'] == me and x['created_at'] for x in found), found
    role = [x for x in found if x['act'] == 'role_set'][0]
    assert role['actor_id'] == boss and role['detail'] == 'moderator', role
    assert [x for x in found if x['act'] == 'logout'][0]['by'] == 'user'
    server.restart('kill')
    api = type(api)(server)
    assert [x for x in acts(api, me) if x['act'] != 'audit_list'] == found
    server.admin_get('/snapshot', 'POST')
    server.restart('kill')
    api = type(api)(server)
    assert [x for x in acts(api, me) if x['act'] != 'audit_list'] == found
    # Nothing changes what was written: there is no route that could.
    assert {n for n, o in schema.OPS.items() if 'audit' in ' '.join(r[1] for r in o.routes)} == {'audit_list'}


def test_SEC_13_unknown_names(api, server):
    failed = lambda: [x for x in acts(api, 0) if x['act'] == 'login' and not x['done'] and x['user_id'] is None]
    before = len(failed())
    login(api, unique('nobody'), password='whatever it is')
    assert len(failed()) == before + 1


def test_SEC_14_reads_by_others(api, server):
    a, b, boss = new_user(api), new_user(api), admin(api)
    api.call('user_get', {'user_id': a}, viewer=a)
    api.call('user_get', {'user_id': a}, viewer=b)
    api.call('user_get', {'user_id': a}, service=False)
    api.call('session_list', {}, viewer=a)
    api.call('audit_list', {'user_id': a}, viewer=boss)

    def told():  # the answer to a read does not wait for its entry
        reads = [(x['act'], x['by'], x['actor_id']) for x in acts(api, a)]
        assert reads.count(('user_get', 'service', a)) == 1, reads
        assert reads.count(('session_list', 'service', a)) == 1, reads
        assert ('audit_list', 'service', boss) in reads, reads
    harness.eventually(told)
    me = register(api)
    api.call('user_get', {'user_id': me['user_id']}, token=me['token'])
    assert 'user_get' not in [x['act'] for x in acts(api, me['user_id'])]


# ---- secrets ------------------------------------------------------------------------------------

def test_SEC_22_one_winner(api, server):
    """64 tries at once of each unique key."""
    def race(fields):
        tries = [dict(created_at=1500000000000 + i, **fields(i)) for i in range(64)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda row: Binary(server).call('import_users', {'users': [row]}), tries))
        return {a['user_ids'][0] for a in answers} - {'0'}
    name, number = unique('Only'), phone()
    assert len(race(lambda i: {'username': name.swapcase() if i % 2 else name})) == 1
    assert len(race(lambda i: {'username': '%s_%d' % (name, i), 'email': name + '@Example.org'})) == 1
    assert len(race(lambda i: {'username': '%s.%d' % (name, i), 'phone_number': number})) == 1
    a = register(api)
    start = mark(api)
    api.call('forgot_password', {'email': a['email']}, service=False)
    token = sent(api, start, a['email'], 'reset_password')
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: type(api)(server).call(
            'reset_password', {'token': token, 'password': 'secret number %d' % i}, service=False).status, range(16)))
    assert sorted(answers) == [200] + [400] * 15, answers


def test_SEC_23_no_secret_is_kept(api, server):
    number, start = phone(), mark(api)
    a = register(api, phone_number=number)
    tokens = [sent(api, start, a['email'], 'verify_email')]
    api.call('forgot_password', {'email': a['email']}, service=False)
    tokens.append(sent(api, start, a['email'], 'reset_password'))
    b = login(api, a['username'])
    secret, recovery = enrol(api, a)
    tokens += [a['token'], a['refresh_token'], b['refresh_token'], secret] + recovery
    tokens += [r.replace('-', '') for r in recovery]
    assert server.admin_get('/snapshot', 'POST')[0] in (200, 202, 404, 409)
    metrics = server.admin_get('/metrics')[1]
    listing = subprocess.run([harness.KITH, 'wal', 'cat', server.data], capture_output=True, text=True).stdout
    for token in tokens:
        assert token not in metrics and token not in listing, token
    for folder, _, files in os.walk(server.dir):
        for f in files:
            data = open(os.path.join(folder, f), 'rb').read()
            for token in tokens:
                assert token.encode() not in data, (f, token)


@harness.once
def test_SEC_24_no_enumeration(api, server):
    """Known and unknown names take the same time at the doors: medians of many, one after the other."""
    with harness.Server('--limit', 'none') as free:
        check_doors(Binary(free))


def check_doors(api):
    names = [register(api)['username'] for _ in range(4)]
    doors = {
        'login': lambda known, i: login(api, names[i % 4] if known else unique('no'), password='wrong secret'),
        'forgot': lambda known, i: api.call('forgot_password', {
            'email': '%s@example.org' % (names[i % 4] if known else unique('no'))}, service=False),
        'code': lambda known, i: api.call('login_code', {'phone_number': phone()}, service=False),
    }
    for door, knock in doors.items():
        if door == 'code':
            for n in range(4):
                number = phone()
                register(api, email=None, phone_number=number)
                names[n] = number
            knock = lambda known, i: api.call('login_code', {'phone_number': names[i % 4] if known else phone()},
                                              service=False)
        times, bodies = {True: [], False: []}, set()
        for i in range(60):
            for known in ((True, False), (False, True))[i % 2]:
                begin = time.perf_counter()
                r = knock(known, i)
                times[known].append(time.perf_counter() - begin)
                r.body.pop('request_id', None)
                bodies.add((r.status, str(r.body)))
        assert len(bodies) == 1, bodies
        # A rank test: of all pairs, about half have the known name slower.
        pairs = [(x > y) for x in times[True] for y in times[False]]
        share = sum(pairs) / len(pairs)
        print('note: %s known slower in %.0f %% of pairs, medians %.2f and %.2f ms' % (
            door, 100 * share, 1e3 * statistics.median(times[True]), 1e3 * statistics.median(times[False])))
        assert 0.25 < share < 0.75, (door, share)


def test_outbox_is_numbered(api, server):
    start = mark(api)
    a = [register(api) for _ in range(3)]
    events = outbox(api, start)
    numbers = [int(e['number']) for e in events]
    assert numbers == sorted(set(numbers)) and [e['user_id'] for e in events] == [x['user_id'] for x in a]
    page = api.call('outbox_list', {'after': start, 'limit': 2})
    assert [e['number'] for e in page['events']] == [str(n) for n in numbers[:2]] and not page['missed']
    assert api.call('outbox_list', {'limit': 101}).status == 422
    server.restart('kill')
    api = type(api)(server)
    r = api.call('outbox_list', {'after': numbers[-1]})
    assert r['events'] == [] and r['missed'], r
    register(api)
    assert int(outbox(api, numbers[-1])[0]['number']) > numbers[-1]


if __name__ == '__main__':
    with tempfile.TemporaryDirectory(prefix='kith-keys-') as folder:
        PROVIDER[0] = Provider(folder)
        sys.exit(harness.run(sys.modules[__name__], ('--login-provider-file', PROVIDER[0].path)))
