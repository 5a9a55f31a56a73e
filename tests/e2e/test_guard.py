#!/usr/bin/python3
"""SEC-10 and SEC-11: challenges for who seems to be a program; reports, and the same text to everybody."""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Http, Server, TRANSPORTS, eventually, new_user, pages

PASSWORD = 'a long secret'
_serial = [0]


def check(is_so):
    assert is_so


def member(api, **more):
    """Somebody with a token: what a service key brings is not limited."""
    _serial[0] += 1
    name = 'guard%d_%d_%s' % (os.getpid(), _serial[0], api.name)
    a = api.call('register', dict({'username': name, 'email': name + '@example.org', 'password': PASSWORD}, **more),
                 service=False)
    assert a.status == 201, a
    return a['user']['user_id'], a['token'], name


def moderator(api, role='moderator'):
    who = new_user(api)
    assert api.call('role_set', {'user_id': who, 'role': role}).status == 200
    return who


def with_role(api, role='moderator'):
    user, token, _ = member(api)
    assert api.call('role_set', {'user_id': user, 'role': role}).status == 200
    return token


def cases(api, viewer=None, **fields):
    return pages(api, 'reports', fields, 'reports', viewer=viewer)[0]


def of(api, report, viewer=None, **fields):
    return [c for c in cases(api, viewer, **fields) if c['report_id'] == report]


# ---- SEC-11: reports ---------------------------------------------------------------------------

def test_SEC_11_report_shows_content_to_moderator_only(api, server):
    author, reporter = new_user(api, bio='about me qq'), new_user(api)
    post = api.call('post_create', {'caption': 'buy this', 'media_urls': ['https://x.org/a.png']}, viewer=author)
    comment = api.call('comment_create', {'post_id': post['post_id'], 'content': 'and this'}, viewer=author)
    made = {}
    for kind, i, content in (('post', post['post_id'], 'buy this'), ('comment', comment['comment_id'], 'and this'),
                             ('user', author, 'about me qq')):
        r = api.call('report_add', {'object_id': i, 'reason': 'spam', 'text': 'look at ' + kind}, viewer=reporter)
        assert r.status == 201, r
        assert (r['object_id'], r['object_type'], r['reason'], r['status'], r['user_id'], r['text']) == \
            (i, kind, 'spam', 'open', reporter, 'look at ' + kind), r
        assert 'content' not in r.body and 'buy this' not in json.dumps(r.body)
        made[kind] = (r['report_id'], i, content)
    mod = moderator(api)
    for kind, (report, i, content) in made.items():
        got, = of(api, report, mod)
        assert (got['content'], got['author']['user_id'], got['reporter']['user_id']) == (content, author, reporter), got
        assert got['report']['object_type'] == kind and not got['is_removed'] and not got['is_deleted'], got
        assert got['media_urls'] == (['https://x.org/a.png'] if kind == 'post' else []), got
    # A moderator of flesh, and nobody else: not who reported, not who was reported, not a stranger, not nobody.
    assert api.call('reports', {}, token=with_role(api)).status == 200
    assert api.call('reports', {}, token=with_role(api, 'admin')).status == 200
    for who in (reporter, author, new_user(api)):
        a = api.call('reports', {}, viewer=who)
        assert a.status == 403 and 'buy this' not in json.dumps(a.body), a
        r = api.call('report_resolve', {'report_id': made['post'][0], 'status': 'dismissed'}, viewer=who)
        assert r.status == 403, r
    assert api.call('reports', {}, service=False).status == 401


def test_SEC_11_report_once_and_only_what_is_seen(api, server):
    author, reporter = new_user(api), new_user(api)
    post = api.call('post_create', {'caption': 'x'}, viewer=author)['post_id']
    first = api.call('report_add', {'object_id': post, 'reason': 'hate', 'text': 'one'}, viewer=reporter)
    again = api.call('report_add', {'object_id': post, 'reason': 'spam', 'text': 'two'}, viewer=reporter)
    assert first.status == again.status == 201 and again.body == first.body, (first, again)
    other = api.call('report_add', {'object_id': post, 'reason': 'spam'}, viewer=new_user(api))
    assert other['report_id'] != first['report_id']
    mod = moderator(api)
    r = api.call('report_resolve', {'report_id': first['report_id'], 'status': 'dismissed', 'note': 'fine'}, viewer=mod)
    assert r.status == 200 and r['status'] == 'dismissed', r
    again = api.call('report_add', {'object_id': post, 'reason': 'spam'}, viewer=reporter)
    assert (again['report_id'], again['status'], again['reason']) == (first['report_id'], 'dismissed', 'hate'), again
    assert of(api, first['report_id'], mod) == []
    assert len(of(api, first['report_id'], mod, status='dismissed')) == 1
    assert len(of(api, other['report_id'], mod)) == 1
    # What one does not see is not there; one's own is not reported; a reason is from the list.
    mine = api.call('post_create', {'caption': 'm'}, viewer=reporter)['post_id']
    for i, status in ((mine, 422), (reporter, 422), ('77', 404), (first['report_id'], 404)):
        r = api.call('report_add', {'object_id': i, 'reason': 'spam'}, viewer=reporter)
        assert r.status == status and (status == 404 or r.code == 'self_report'), (i, r)
    hidden = api.call('post_create', {'caption': 'h', 'audience': 'followers'}, viewer=author)['post_id']
    assert api.call('report_add', {'object_id': hidden, 'reason': 'spam'}, viewer=reporter).status == 404
    api.call('follow', {'user_id': author}, viewer=reporter)
    assert api.call('report_add', {'object_id': hidden, 'reason': 'spam'}, viewer=reporter).status == 201
    blocked = new_user(api)
    api.call('block', {'user_id': blocked}, viewer=author)
    for i in (author, post):
        assert api.call('report_add', {'object_id': i, 'reason': 'spam'}, viewer=blocked).status == 404
    r = api.call('report_add', {'object_id': post}, viewer=new_user(api))
    assert r.status == 422 and r.pointers == ['/reason'], r
    r = api.call('report_add', {'reason': 'spam'}, viewer=reporter)
    assert r.status == 422 and r.pointers == ['/object_id'], r
    r = api.call('report_resolve', {'report_id': first['report_id']}, viewer=mod)
    assert r.status == 422 and r.pointers == ['/status'], r
    assert api.call('report_resolve', {'report_id': '77', 'status': 'resolved'}, viewer=mod).status == 404


def test_SEC_11_report_and_moderation(api, server):
    """What a moderator takes away, and what its author deleted, stays for moderators; the audit log has the rest."""
    author, reporter, mod = new_user(api), new_user(api), moderator(api)
    gone = {}
    for how in ('removed', 'deleted', 'comment'):
        post = api.call('post_create', {'caption': how + ' words'}, viewer=author)['post_id']
        i = post
        if how == 'comment':
            i = api.call('comment_create', {'post_id': post, 'content': 'comment words'}, viewer=author)['comment_id']
        gone[how] = api.call('report_add', {'object_id': i, 'reason': 'violence'}, viewer=reporter)['report_id'], i
    assert api.call('post_remove', {'post_id': gone['removed'][1], 'reason': 'rule 1'}, viewer=mod).status == 204
    assert api.call('comment_remove', {'comment_id': gone['comment'][1], 'reason': 'rule 1'}, viewer=mod).status == 204
    assert api.call('post_delete', {'post_id': gone['deleted'][1]}, viewer=author).status == 204
    for how, flags in (('removed', (True, False)), ('deleted', (False, True)), ('comment', (True, False))):
        got, = of(api, gone[how][0], mod)
        assert got['content'] == how + ' words' and (got['is_removed'], got['is_deleted']) == flags, got
        r = api.call('report_resolve', {'report_id': gone[how][0], 'status': 'resolved', 'note': 'seen ' + how},
                     viewer=mod)
        assert r.status == 200 and r['status'] == 'resolved', r
        assert of(api, gone[how][0], mod) == [] and len(of(api, gone[how][0], mod, status='resolved')) == 1

    def audited():
        acts = pages(api, 'audit_list', {'user_id': author}, 'audits')[0]
        mine = [a for a in acts if a['act'] == 'report_resolve']
        assert {(a['object_id'], a['reason'], a['actor_id']) for a in mine} == \
            {(gone[how][0], 'seen ' + how, mod) for how in gone}, acts
    eventually(audited)
    # It can be opened again.
    assert api.call('report_resolve', {'report_id': gone['removed'][0], 'status': 'open'}, viewer=mod).status == 200
    assert len(of(api, gone['removed'][0], mod)) == 1


def test_SEC_11_how_many_reports_wait(api, server):
    """Moderators ask for the number, operators watch it."""
    def counts():
        a = api.call('report_count', {}, viewer=mod)
        assert a.status == 200 and set(a.body) == {'open', 'resolved', 'dismissed'}, a
        return [int(a[k]) for k in ('open', 'resolved', 'dismissed')]

    def gauge():
        return sum(int(x.split()[-1]) for x in server.admin_get('/metrics')[1].splitlines()
                   if x.startswith('kith_reports_open{') or x.startswith('kith_reports_open '))
    author, reporters, mod = new_user(api), [new_user(api) for _ in range(5)], moderator(api)
    before = counts()
    made = [api.call('report_add', {'object_id': author, 'reason': 'spam'}, viewer=r)['report_id'] for r in reporters]
    assert counts() == [before[0] + 5, before[1], before[2]]
    for report, status in zip(made, ('resolved', 'resolved', 'dismissed')):
        assert api.call('report_resolve', {'report_id': report, 'status': status}, viewer=mod).status == 200
    assert counts() == [before[0] + 2, before[1] + 2, before[2] + 1]
    assert api.call('report_resolve', {'report_id': made[0], 'status': 'open'}, viewer=mod).status == 200
    assert api.call('user_delete', {'user_id': reporters[4]}, viewer=reporters[4]).status == 204
    eventually(lambda: check(counts() == [before[0] + 2, before[1] + 1, before[2] + 1]))
    eventually(lambda: check(gauge() == before[0] + 2))
    server.restart('kill')
    api = type(api)(server)
    assert counts() == [before[0] + 2, before[1] + 1, before[2] + 1]
    for who in (reporters[0], author):
        assert api.call('report_count', {}, viewer=who).status == 403
    assert api.call('report_count', {}, service=False).status == 401


@harness.once
def test_SEC_11_reports_survive_and_are_erased(api, server):
    with Server('--restore-window', '1', '--keep-snapshots', '1') as mine:
        for t in TRANSPORTS:
            api = t(mine)
            author, reporter, other = new_user(api), new_user(api), new_user(api)
            post = api.call('post_create', {'caption': 'survives'}, viewer=author)['post_id']
            kept = [api.call('report_add', {'object_id': post, 'reason': 'spam', 'text': 'why ' + who},
                             viewer=who)['report_id'] for who in (reporter, other)]
            api.call('report_resolve', {'report_id': kept[1], 'status': 'resolved'})
            snapshot = mine.admin_get('/snapshot', 'POST')
            assert snapshot[0] == 200, snapshot
            third = api.call('report_add', {'object_id': author, 'reason': 'other'}, viewer=other)['report_id']
            for how in ('kill', 'stop'):
                mine.restart(how)
                api = t(mine)
                assert [of(api, i, status=s)[0]['content'] for i, s in zip(kept, ('open', 'resolved'))] == ['survives'] * 2
                assert len(of(api, third)) == 1 and of(api, kept[1]) == []
            lines = [json.loads(x) for x in exported(api, reporter)]
            mine_too = [x['data'] for x in lines if x['kind'] == 'report']
            assert [(x['report_id'], x['text'], x['reason']) for x in mine_too] == [(kept[0], 'why ' + reporter, 'spam')]
            assert not [x for x in map(json.loads, exported(api, author)) if x['kind'] == 'report']
            # What was reported is erased: nothing of it is left in the report but its number.
            assert api.call('user_delete', {'user_id': author}, viewer=author).status == 204
            eventually(lambda: check(of(api, kept[0])[0]['content'] in (None, '')), 30)
            got, = of(api, kept[0])
            assert got['author'] is None and got['report']['object_id'] == post, got
            # Who reported is erased, and with him what he said.
            assert api.call('user_delete', {'user_id': reporter}, viewer=reporter).status == 204
            eventually(lambda: check(of(api, kept[0]) == []), 30)
            eventually(lambda: check(api.call('report_resolve', {'report_id': kept[0], 'status': 'open'}).status == 404))
            mine.restart('kill')
            assert of(t(mine), kept[0]) == [] and len(of(t(mine), kept[1], status='resolved')) == 1


def exported(api, user):
    out, cursor = [], None
    while True:
        a = api.call('user_export', dict({'user_id': user}, **({'cursor': cursor} if cursor else {})), viewer=user)
        assert a.status == 200, a
        out += a['lines']
        cursor = a['next_cursor']
        if cursor is None:
            return out


def test_SEC_11_reports_at_once_are_one(api, server):
    author, reporter = new_user(api), new_user(api)
    post = api.call('post_create', {'caption': 'x'}, viewer=author)['post_id']
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: type(api)(server).call(
            'report_add', {'object_id': post, 'reason': 'spam'}, viewer=reporter)['report_id'], range(16)))
    assert len(set(ids)) == 1
    assert len([c for c in cases(api) if c['report']['object_id'] == post]) == 1


# ---- SEC-11: the same text ---------------------------------------------------------------------

STRANGERS = 50


def test_SEC_11_same_text_to_50_strangers(api, server):
    spammer, token, name = member(api)
    strangers = [new_user(api) for _ in range(STRANGERS)]
    posts = [api.call('post_create', {'caption': 'mine'}, viewer=s)['post_id'] for s in strangers]
    text = lambda i: ('Buy this: best   prices!', 'buy THIS - best prices', '@%s buy this, best prices.' % name)[i % 3]
    got = [api.call('comment_create', {'post_id': p, 'content': text(i)}, token=token) for i, p in enumerate(posts)]
    assert [a.status for a in got] == [201] * 20 + [429] * 30, [a.status for a in got]
    assert got[-1].code == 'rate_limited' and got[-1]['limit']['policy'] == 'repeat', got[-1]
    assert got[-1]['limit']['retry_after_ms'] > 0
    for s, p in zip(strangers[20:], posts[20:]):
        assert api.call('comment_list', {'post_id': p}, viewer=s)['comments'] == []
        assert api.call('notifications', {}, viewer=s)['notifications'] == []
    # The same by naming people, by sharing, and by changing what was said before.
    names = ['@' + api.call('user_get', {'user_id': s})['username'] for s in strangers]
    r = api.call('post_create', {'caption': text(0) + ' ' + names[30]}, token=token)
    assert r.status == 429, r
    r = api.call('post_create', {'caption': text(0), 'mentions': [names[31][1:]]}, token=token)
    assert r.status == 429, r
    assert api.call('share', {'post_id': posts[32], 'content': text(1)}, token=token).status == 429
    harmless = api.call('comment_create', {'post_id': posts[33], 'content': 'how nice'}, token=token)
    assert harmless.status == 201, harmless
    r = api.call('comment_update', {'comment_id': harmless['comment_id'], 'content': text(2)}, token=token)
    assert r.status == 429, r
    # Who follows him is reached still, and he says it to himself as often as he likes.
    api.call('follow', {'user_id': spammer}, viewer=strangers[40])
    assert api.call('comment_create', {'post_id': posts[40], 'content': text(0)}, token=token).status == 201
    own = api.call('post_create', {'caption': text(0)}, token=token)
    assert own.status == 201, own
    assert api.call('comment_create', {'post_id': own['post_id'], 'content': text(0)}, token=token).status == 201
    # Another text, and another user with the same, are others' matters.
    assert api.call('comment_create', {'post_id': posts[41], 'content': 'something else'}, token=token).status == 201
    _, other, _ = member(api)
    assert api.call('comment_create', {'post_id': posts[42], 'content': text(0)}, token=other).status == 201
    # A backend brings what is everybody's.
    assert api.call('comment_create', {'post_id': posts[43], 'content': text(0)}, viewer=spammer).status == 201
    assert 'kith_limited_total{class="repeat",by="user"}' in server.admin_get('/metrics')[1]


# ---- SEC-10 ------------------------------------------------------------------------------------

class Verifier:
    """A made-up service that says whether a challenge was solved, in a token that it signs."""
    ISSUER, AUDIENCE = 'https://challenges.example', 'kith-tests'

    def __init__(self, folder):
        self.key, self.path = os.urandom(48), os.path.join(folder, 'captcha')
        key = os.path.join(folder, 'captcha.key')
        with open(os.open(key, os.O_CREAT | os.O_WRONLY, 0o600), 'wb') as f:
            f.write(self.key)
        with open(self.path, 'w') as f:
            f.write('captcha %s %s HS256 %s\n' % (self.ISSUER, self.AUDIENCE, key))

    def says(self, yes, key=None, **claims):
        _serial[0] += 1
        now = int(time.time())
        # As late as may be: what is a minute older than the server's start is not taken.
        body = {'iss': self.ISSUER, 'aud': self.AUDIENCE, 'iat': now + 60, 'exp': now + 120, 'jti': 'c%d' % _serial[0],
                'success': yes}
        body.update(claims)
        b64 = lambda b: base64.urlsafe_b64encode(b).rstrip(b'=').decode()
        signed = '.'.join(b64(json.dumps(x).encode()) for x in
                          ({'alg': 'HS256', 'typ': 'JWT'}, {k: v for k, v in body.items() if v is not None}))
        return signed + '.' + b64(hmac.new(key or self.key, signed.encode(), hashlib.sha256).digest())


def enter(api, op, fields, captcha=None):
    """Over HTTP the token is a header field, in frames a field of the table."""
    if captcha is None:
        return api.call(op, fields, service=False)
    if api.name == 'http':
        return api.raw('POST', '/api/' + op, fields, {'Kith-Captcha': captcha})
    return api.call(op, dict(fields, captcha=captcha), service=False)


def demanded(server, by):
    line = 'kith_limited_total{class="captcha",by="%s"} ' % by
    return int(next(x for x in server.admin_get('/metrics')[1].splitlines() if x.startswith(line)).split()[-1])


class Guarded:
    """A server with a verifier; gone with its files when it ends."""

    def __init__(self, *limits):
        self.folder = tempfile.mkdtemp(prefix='kith-guard-')
        self.verifier = Verifier(self.folder)
        self.server = Server('--captcha-verifier-file', self.verifier.path, '--limit', 'login=none', '--limit',
                             'register=none', *[w for l in limits for w in ('--limit', l)])
        time.sleep(1.1)  # what was signed in the second of the start is of before

    def __enter__(self):
        self.server.__enter__()
        return self.server, self.verifier

    def __exit__(self, *how):
        self.server.__exit__(*how)
        shutil.rmtree(self.folder)


@harness.once
def test_SEC_10_EXT_32_failed_logins_of_a_name(api, server):
    with Guarded() as (mine, verifier):
        for t in TRANSPORTS:
            api = t(mine)
            _, _, name = member(api)
            right = {'username': name, 'password': PASSWORD}
            for who in (name, 'nobody_' + t.name):
                wrong = {'username': who, 'password': 'a wrong secret'}
                said = [enter(api, 'login', wrong) for _ in range(5)]
                assert [(a.status, a.code) for a in said] == [(401, 'wrong_credentials')] * 3 + \
                    [(403, 'captcha_required')] * 2, said  # a name that nobody has is asked alike
                # Written otherwise it is the same name.
                assert enter(api, 'login', dict(wrong, username=who.upper())).code == 'captcha_required'
            assert enter(api, 'login', right).code == 'captcha_required'
            now = int(time.time())
            bad = [verifier.says(False), verifier.says(None), verifier.says('yes'), verifier.says(True, key=b'x' * 48),
                   verifier.says(True, aud='others'), verifier.says(True, iss='others'), verifier.says(True, jti=None),
                   verifier.says(True, jti=''), verifier.says(True, exp=now - 100), verifier.says(True, exp=now + 6000),
                   verifier.says(True, iat=None), verifier.says(True, exp=None), verifier.says(True, iat=now - 3600),
                   verifier.says(True)[:-2] + 'xx', 'nonsense', 'a.b.c', '']
            for token in bad:
                a = enter(api, 'login', right, token)
                assert (a.status, a.code) == (403, 'captcha_required'), (token, a)
            yes = verifier.says(True)
            assert enter(api, 'login', right, yes).status == 200
            assert enter(api, 'login', right, yes).code == 'captcha_required'  # it opens once
            # With a wrong password it is used up as well, and says no more than before.
            used = verifier.says(True)
            assert enter(api, 'login', dict(right, password='a wrong secret'), used).code == 'wrong_credentials'
            assert enter(api, 'login', right, used).code == 'captcha_required'
            assert enter(api, 'login', {'username': 'nobody_' + t.name, 'password': 'x' * 9},
                         verifier.says(True)).code == 'wrong_credentials'
            assert demanded(mine, 'account') >= 20
            # Others come in as ever; one name's trouble is not the address's.
            _, _, other = member(api)
            assert enter(api, 'login', {'username': other, 'password': PASSWORD}).status == 200
            # A token for nothing is not looked at, and a backend is not asked.
            assert enter(api, 'login', {'username': other, 'password': PASSWORD}, 'nonsense').status == 200
            assert api.call('login', right).status == 200
        # What was used before a restart is not taken after it.
        _, _, name = member(api)
        right = {'username': name, 'password': PASSWORD}
        old = verifier.says(True)
        mine.restart('kill')
        api = Http(mine)
        for _ in range(3):
            assert enter(api, 'login', dict(right, password='a wrong secret')).code == 'wrong_credentials'
        assert enter(api, 'login', right, old).code == 'captcha_required'
        time.sleep(1.1)
        assert enter(api, 'login', right, verifier.says(True)).status == 200


@harness.once
def test_SEC_10_addresses_and_registrations(api, server):
    with Guarded('captcha/address=1/h:4', 'captcha/account=none') as (mine, verifier):
        api = Http(mine)
        register = lambda n, **h: api.raw('POST', '/api/register', {
            'username': 'new' + n, 'email': n + '@example.org', 'password': PASSWORD}, h)
        # This machine's own addresses count no more than in other limits.
        assert [register('a%d' % i).status for i in range(6)] == [201] * 6
    with Guarded('captcha/address=1/h:4', 'captcha/account=none') as (mine, verifier):
        mine.args += ['--proxy', '127.0.0.1']
        mine.restart('stop')
        time.sleep(1.1)
        api = Http(mine)
        fields = lambda n: {'username': 'new' + n, 'email': n + '@example.org', 'password': PASSWORD}
        there = {'X-Forwarded-For': '192.0.2.7'}
        made = [api.raw('POST', '/api/register', fields('b%d' % i), there) for i in range(6)]
        assert demanded(mine, 'address') == 2
        assert [a.status for a in made] == [201] * 4 + [403] * 2 and made[-1].code == 'captcha_required', made
        no, yes = verifier.says(False), verifier.says(True)
        assert api.raw('POST', '/api/register', fields('c'), dict(there, **{'Kith-Captcha': no})).status == 403
        a = api.raw('POST', '/api/register', fields('c'), dict(there, **{'Kith-Captcha': yes}))
        assert a.status == 201 and 'captcha' not in json.dumps(a.body), a
        assert api.raw('POST', '/api/register', fields('d'), dict(there, **{'Kith-Captcha': yes})).status == 403
        # Whose answer was lost may ask again under the same key, for the same and with the same token alone.
        once = dict(there, **{'Kith-Captcha': verifier.says(True), 'Idempotency-Key': 'again'})
        first, again = [api.raw('POST', '/api/register', fields('e'), once) for _ in range(2)]
        assert first.status == again.status == 201 and first['user']['user_id'] == again['user']['user_id'], again
        assert api.raw('POST', '/api/register', fields('f'), once).code == 'idempotency_mismatch'
        once['Idempotency-Key'] = 'other'
        assert api.raw('POST', '/api/register', fields('f'), once).code == 'captcha_required'
        # Logins from there are asked, whosever they are; from elsewhere nobody is.
        login = {'username': 'newc', 'password': PASSWORD}
        assert api.raw('POST', '/api/login', login, there).code == 'captcha_required'
        assert api.raw('POST', '/api/login', login, {'X-Forwarded-For': '192.0.2.8'}).status == 200
        elsewhere = {'X-Forwarded-For': '192.0.2.9'}
        wrong = [api.raw('POST', '/api/login', dict(login, username='nobody%d' % i), elsewhere) for i in range(5)]
        assert [a.status for a in wrong] == [401] * 4 + [403], wrong


@harness.once
def test_SEC_10_without_a_verifier_nothing_changes(api, server):
    with Server('--limit', 'login=none') as mine:
        for t in TRANSPORTS:
            api = t(mine)
            wrong = {'username': 'nobody', 'password': 'a wrong secret'}
            assert {enter(api, 'login', wrong).code for _ in range(6)} == {'wrong_credentials'}
            _, _, name = member(api)
            assert enter(api, 'login', {'username': name, 'password': PASSWORD}, 'nonsense').status == 200


@harness.once
def test_SEC_10_a_file_that_cannot_be_used_is_said(api, server):
    folder = tempfile.mkdtemp(prefix='kith-guard-')
    for text in ('captcha only three words\n', 'captcha i a HS256 %s/none\n' % folder):
        path = os.path.join(folder, 'captcha')
        open(path, 'w').write(text)
        try:
            Server('--captcha-verifier-file', path)
            raise AssertionError('it started with ' + text)
        except RuntimeError as e:
            assert 'ended' in str(e), e
    shutil.rmtree(folder)


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
