#!/usr/bin/python3
"""POST-27, POST-28, EXT-9 and PERF-24: places for media in a store that speaks S3, and signed addresses of what is not for
everybody. The store here checks signatures by a computation of its own."""
import contextlib
import datetime
import hashlib
import hmac
import http.client
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import new_user

ACCESS, SECRET, REGION, BUCKET = 'KITHTESTACCESS', 'a/secret+of_the_tests=', 'eu-test-1', '/kith-media'
UPLOAD_S, READ_S, IMAGE_MAX = 900, 3600, 1000000
DATA = bytes(range(256)) * 5


class Refused(Exception):
    pass


class Store(http.server.ThreadingHTTPServer):
    """Keeps objects; everybody reads what is below public/, all else needs a signature."""
    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Asked)
        self.objects = {}
        self.ahead = 0  # seconds that its clock is ahead
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return 'http://127.0.0.1:%d%s' % (self.server_port, BUCKET)

    @contextlib.contextmanager
    def later(self, seconds):
        self.ahead = seconds
        try:
            yield
        finally:
            self.ahead = 0


class Asked(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def answer(self, status, body=b''):
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def check_signature(self):
        """Signature Version 4 in the query, as the S3 API reference has it."""
        path, _, query = self.path.partition('?')
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        given = dict(pairs)
        if len(given) != len(pairs):
            raise Refused('a parameter twice')
        try:
            signature = given.pop('X-Amz-Signature')
            date, names = given['X-Amz-Date'], given['X-Amz-SignedHeaders'].split(';')
            at = datetime.datetime.strptime(date, '%Y%m%dT%H%M%SZ').replace(tzinfo=datetime.timezone.utc).timestamp()
            life = int(given['X-Amz-Expires'])
        except (KeyError, ValueError) as e:
            raise Refused('not signed: %r' % e)
        scope = '/'.join([date[:8], REGION, 's3', 'aws4_request'])
        who = given.get('X-Amz-Algorithm'), given.get('X-Amz-Credential')
        if who != ('AWS4-HMAC-SHA256', ACCESS + '/' + scope):
            raise Refused('another key')
        now = time.time() + self.server.ahead
        if not 0 < life <= 604800 or now < at - 900 or now > at + life:
            raise Refused('expired')
        if 'host' not in names or names != sorted(names) or any(self.headers[n] is None for n in names):
            raise Refused('headers')
        quoted = lambda s: urllib.parse.quote(s, safe='-_.~')
        text = '\n'.join([
            self.command, urllib.parse.quote(urllib.parse.unquote(path), safe='/-_.~'),
            '&'.join('%s=%s' % p for p in sorted((quoted(k), quoted(v)) for k, v in given.items())),
            ''.join('%s:%s\n' % (n, self.headers[n].strip()) for n in names), ';'.join(names), 'UNSIGNED-PAYLOAD'])
        key = ('AWS4' + SECRET).encode()
        for part in scope.split('/'):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        told = '\n'.join(['AWS4-HMAC-SHA256', date, scope, hashlib.sha256(text.encode()).hexdigest()])
        if not hmac.compare_digest(hmac.new(key, told.encode(), hashlib.sha256).hexdigest(), signature):
            raise Refused('wrong signature')

    def handle_one(self, do):
        body = self.rfile.read(int(self.headers['Content-Length'] or 0))
        path, _, query = self.path.partition('?')
        try:
            if query or do == 'PUT' or not path.startswith(BUCKET + '/public/'):
                self.check_signature()
        except (Refused, ValueError) as e:
            return self.answer(403, str(e).encode())
        if do == 'PUT':
            self.server.objects[path] = body
            return self.answer(200)
        if path not in self.server.objects:
            return self.answer(404)
        return self.answer(200, self.server.objects[path])

    def do_GET(self):
        self.handle_one('GET')

    def do_PUT(self):
        self.handle_one('PUT')


STORE = None


def fetch(url, method='GET', body=None):
    """What the store says: status and bytes."""
    u = urllib.parse.urlsplit(url)
    c = http.client.HTTPConnection(u.hostname, u.port, timeout=20)
    c.request(method, url[len('%s://%s' % (u.scheme, u.netloc)):], body)
    r = c.getresponse()
    data = r.read()
    c.close()
    return r.status, data


def get(url):
    return fetch(url)[0]


def config(folder, **words):
    lines = dict({'bucket': STORE.url, 'region': REGION, 'access_key': ACCESS, 'secret_key': SECRET}, **words)
    path = os.path.join(folder, 'media')
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), 'w') as f:
        f.write('# where media are\n\n' + ''.join('%s  %s\n' % (k.replace('_', '-'), v) for k, v in lines.items() if v))
    return path


def ticket(api, viewer, **fields):
    a = api.call('media_ticket', dict({'media_type': 'image', 'file_size': len(DATA)}, **fields), viewer=viewer)
    assert a.status == 201, a
    return a.body


def upload(api, viewer, **fields):
    """Bytes in the store, and where a post has them."""
    t = ticket(api, viewer, **fields)
    assert fetch(t['upload_url'], 'PUT', DATA) == (200, b''), t
    return t['media_url']


def make(api, viewer, **fields):
    a = api.call('post_create', fields, viewer=viewer)
    assert a.status == 201, a
    return a['post_id']


def shown(api, post, viewer=None):
    a = api.call('post_get', {'post_id': post}, viewer=viewer, service=viewer is not None)
    assert a.status == 200, a
    return a['image_url']


def follow(api, user, by):
    """by follows the user, who may be private."""
    r = api.call('follow', {'user_id': user}, viewer=by)
    assert r.status == 200, r
    if r['status'] == 'requested':
        assert api.call('request_approve', {'user_id': by}, viewer=user).status == 200


def private_user(api):
    a = new_user(api)
    assert api.call('user_update', {'user_id': a, 'is_private': True}, viewer=a).status == 200
    return a


# ---- POST-27 ------------------------------------------------------------------------------------

def test_POST_27_a_ticket_uploads_and_a_post_uses_it(api, server):
    a, b = new_user(api), new_user(api)
    before = time.time()
    t = ticket(api, a)
    assert set(t) == {'upload_url', 'media_url', 'expires_at'}, t
    at = datetime.datetime.strptime(t['expires_at'], '%Y-%m-%dT%H:%M:%S.%fZ').replace(tzinfo=datetime.timezone.utc)
    assert before - 1 <= at.timestamp() - UPLOAD_S <= time.time() + 1, t
    assert t['upload_url'].startswith(STORE.url + '/public/%s/' % a) and SECRET not in t['upload_url'], t
    assert t['upload_url'].partition('?')[0] == t['media_url'], t
    name = t['media_url'].rpartition('/')[2]
    assert len(name) == 32 and int(name, 16), t
    assert get(t['media_url']) == 404
    assert fetch(t['upload_url'], 'PUT', DATA)[0] == 200
    assert fetch(t['media_url']) == (200, DATA)
    p = api.call('post_create', {'caption': 'with bytes', 'media': [
        {'media_type': 'image', 'media_url': t['media_url'], 'file_size': len(DATA)}]}, viewer=a)
    assert p.status == 201 and p['media'][0]['file_size'] == len(DATA), p
    for viewer in (a, b, None):
        assert shown(api, p['post_id'], viewer) == t['media_url']
    assert len({ticket(api, a)['media_url'] for _ in range(20)}) == 20
    server.restart('kill')
    assert shown(type(api)(server), p['post_id'], b) == t['media_url']


def test_POST_27_EXT_9_a_ticket_is_good_for_one_thing(api, server):
    a = new_user(api)
    t = ticket(api, a)
    put = lambda url, body=DATA: fetch(url, 'PUT', body)[0]
    assert put(t['upload_url'], DATA[:-1]) == 403 and put(t['upload_url'], DATA + b'x') == 403
    assert fetch(t['upload_url'])[0] == 403
    with STORE.later(UPLOAD_S + 2):
        assert put(t['upload_url']) == 403
    with STORE.later(UPLOAD_S - 20):
        assert put(t['upload_url']) == 200
    other = ticket(api, a)['media_url'].rpartition('/')[2]
    assert put(t['upload_url'].replace(t['media_url'].rpartition('/')[2], other)) == 403
    with_viewer = t['upload_url'] + '&x-viewer=' + a
    assert put(with_viewer) == 403
    assert put(t['upload_url']) == 200


def test_POST_27_bad_input(api, server):
    a = new_user(api)
    ask = lambda **f: api.call('media_ticket', f, viewer=a)
    for fields, pointer in (({'file_size': 5}, '/media_type'), ({'media_type': 'image'}, '/file_size'),
                            ({'media_type': 'image', 'file_size': 0}, '/file_size'),
                            ({'media_type': 'image', 'file_size': IMAGE_MAX + 1}, '/file_size'),
                            ({'media_type': 'video', 'file_size': 5 * 2 ** 30 + 1}, '/file_size')):
        r = ask(**fields)
        assert r.status == 422 and r.code == 'invalid_field' and r.pointers == [pointer], (fields, r)
    r = ask(media_type='image', file_size=IMAGE_MAX + 1)
    assert r['errors'][0]['code'] == 'out_of_range' and r['errors'][0]['max'] == IMAGE_MAX, r
    assert ask(media_type='image', file_size=IMAGE_MAX).status == 201
    assert ask(media_type='video', file_size=5 * 2 ** 30).status == 201
    assert api.call('media_ticket', {'media_type': 'image', 'file_size': 5}, service=False).status == 401
    # A service key that acts for nobody has no place.
    assert api.call('media_ticket', {'media_type': 'image', 'file_size': 5}).status == 401


@harness.over('http')
def test_POST_27_over_http(api, server):
    a = new_user(api)
    h = {'Authorization': 'Bearer ' + harness.KEY, 'Kith-Viewer': a}
    r = api.raw('POST', '/api/media', {'media_type': 'video', 'size': 77}, h)
    assert r.status == 201 and r.headers['Cache-Control'] == 'no-store', r
    assert 'content-length%3Bhost' in r['upload_url'], r
    for body, status in (({'media_type': 'song', 'file_size': 5}, 422), ({'media_type': 'image', 'file_size': -1}, 422),
                         ({'media_type': 'image', 'file_size': 5, 'name': 'x'}, 400), (b'{', 400)):
        assert api.raw('POST', '/api/media', body, h).status == status, body
    assert api.raw('GET', '/api/media', None, h).status == 405
    made = api.raw('GET', '/api/openapi.json').body['paths']['/api/media']['post']
    assert {'201', '404', '422'} <= set(made['responses']) and 'requestBody' in made, made


def test_POST_27_places_are_their_owners(api, server):
    a, b = new_user(api), new_user(api)
    url = upload(api, a)
    own = upload(api, b)
    def refused(op, pointer, **fields):
        r = api.call(op, fields, viewer=b)
        assert r.status == 422 and r.pointers == [pointer], (op, fields, r)
        assert r['errors'][0]['code'] == 'somebody_elses', r
    other = [{'media_url': own}, {'media_url': own, 'thumbnail_url': url}]
    refused('post_create', '/image_url', caption='c', image_url=url)
    refused('post_create', '/media/1/thumbnail_url', caption='c', media=other)
    refused('post_create', '/media/0/media_url', caption='c', media=[{'media_url': url + '?X-Amz-Date=1'}])
    refused('post_create', '/media_urls/1', caption='c', media_urls=[own, url])
    p = make(api, b, caption='mine', image_url=own)
    refused('post_update', '/image_url', post_id=p, image_url=url)
    refused('post_update', '/media/1/thumbnail_url', post_id=p, media=other)
    refused('media_add', '/media_url', post_id=p, media_url=url)
    refused('media_add', '/thumbnail_url', post_id=p, media_url=own, thumbnail_url=url)
    assert api.call('media_add', {'post_id': p, 'media_url': upload(api, b)}, viewer=b).status == 201
    assert api.call('post_get', {'post_id': p})['media_urls'][0] == own


def test_POST_27_profiles_are_for_everybody(api, server):
    a = private_user(api)
    url = upload(api, a, for_profile=True)
    assert url.startswith(STORE.url + '/public/'), url
    assert api.call('user_update', {'user_id': a, 'avatar_url': url}, viewer=a).status == 200
    assert api.call('user_get', {'user_id': a}, service=False)['avatar_url'] == url and get(url) == 200
    # What is not said to be is as the account is, and as the post will be.
    assert '/private/' in ticket(api, a)['media_url'] and '/private/' in ticket(api, a, audience='public')['media_url']
    b = new_user(api)
    assert '/public/' in ticket(api, b, audience='public')['media_url']
    for audience in ('followers', 'close_friends'):
        assert '/private/' in ticket(api, b, audience=audience)['media_url']


@harness.once
def test_POST_27_without_a_store(_, server):
    with harness.Server() as bare:
        for transport in harness.TRANSPORTS:
            api = transport(bare)
            a = private_user(api)
            r = api.call('media_ticket', {'media_type': 'image', 'file_size': 5}, viewer=a)
            assert r.status == 404 and r.code == 'media_off', r
            url = STORE.url + '/private/%s/0123' % a
            p = make(api, a, caption='as it is', image_url=url)
            assert shown(api, p, a) == url


def refusal(*args):
    with tempfile.TemporaryDirectory(prefix='kith-e2e-') as data:
        r = subprocess.run([harness.KITH, 'serve', data + '/data', '--listen', 'unix:' + data + '/s', '--admin', 'none',
                            *args], capture_output=True, text=True, timeout=60)
    assert r.returncode == 78, (args, r)
    return r.stderr


@harness.once
def test_POST_27_the_file(_, server):
    with tempfile.TemporaryDirectory(prefix='kith-e2e-') as folder:
        for words, said in (({'region': ''}, 'region'), ({'secret_key': ''}, 'secret-key'), ({'bucket': ''}, 'bucket'),
                            ({'access_key': 'a/b'}, 'access-key'), ({'bucket': 'ftp://x'}, 'bucket'),
                            ({'bucket': 'https://x.org/a b'}, 'a word and its value'),
                            ({'bucket': 'https://x.org/a?b'}, 'bucket'), ({'bucket': 'https://X.org/'}, 'bucket'),
                            ({'base': 'nowhere'}, 'base'), ({'read_ttl': '0'}, 'read-ttl'),
                            ({'upload_ttl': '604801'}, 'upload-ttl'), ({'image_max': '5368709121'}, 'image-max'),
                            ({'video_max': '-1'}, 'video-max'), ({'colour': 'red'}, 'there is no colour'),
                            ({'region': 'a\nregion b'}, 'two lines of region'), ({'region': 'x' * 1100}, 'bytes or more')):
            err = refusal('--media-file', config(folder, **words))
            assert said in err and SECRET not in err, (words, err)
        path = config(folder)
        os.chmod(path, 0o640)
        assert 'chmod 600' in refusal('--media-file', path)
        assert 'No such file' in refusal('--media-file', folder + '/none')
    out = subprocess.run([harness.KITH, 'serve', '--help'], capture_output=True, text=True).stdout
    for word in ('--media-file', 'bucket', 'read-ttl', 'mode 600', 'private/'):
        assert word in out, word


@harness.once
def test_POST_27_28_with_a_base_of_its_own(_, server):
    """A CDN before the bucket: what everybody reads has its name, what is signed has the bucket's."""
    base = 'https://cdn.example.org/m'
    with tempfile.TemporaryDirectory(prefix='kith-e2e-') as folder:
        with harness.Server('--media-file', config(folder, base=base + '/')) as s:
            for transport in harness.TRANSPORTS:
                api = transport(s)
                a, f = new_user(api), new_user(api)
                follow(api, a, f)
                t, some = ticket(api, a), ticket(api, a, audience='followers')
                assert t['media_url'].startswith(base + '/public/') and t['upload_url'].startswith(STORE.url), t
                for x in (t, some):
                    assert fetch(x['upload_url'], 'PUT', DATA)[0] == 200
                p = make(api, a, caption='open', image_url=t['media_url'])
                assert shown(api, p, f) == t['media_url']
                q = make(api, a, caption='narrow', image_url=some['media_url'], audience='followers')
                url = shown(api, q, f)
                assert url.startswith(STORE.url + '/private/') and fetch(url) == (200, DATA), url


def test_PERF_24_a_page_has_what_a_layout_needs(api, server):
    """Small pictures have addresses of their own, and sizes are known before a byte is fetched."""
    a, f = new_user(api), new_user(api)
    follow(api, a, f)
    media = [{'media_url': upload(api, a), 'thumbnail_url': upload(api, a), 'width': 4000 + i, 'height': 3000,
              'display_order': i} for i in range(3)]
    make(api, a, caption='c', media=media)
    got = api.call('feed', {}, viewer=f)['posts'][0]['media']
    assert [{k: m[k] for k in media[0]} for m in got] == media, got
    assert all(m['thumbnail_url'] != m['media_url'] and get(m['thumbnail_url']) == 200 for m in got)


# ---- POST-28 ------------------------------------------------------------------------------------

def check_altered(url):
    """Each character of it, changed."""
    start = url.index('/', len('http://'))
    for i in range(start + 1, len(url)):
        other = 'b' if url[i] in 'aA' else 'a' if url[i].isalpha() else '2' if url[i] == '1' else '1'
        status = get(url[:i] + other + url[i + 1:])
        assert status in (403, 404), (status, i, url[:i] + other + url[i + 1:])


def test_POST_28_EXT_9_private_account(api, server):
    a, follower, stranger = private_user(api), new_user(api), new_user(api)
    follow(api, a, follower)
    url, thumbnail = upload(api, a), upload(api, a)
    assert url.startswith(STORE.url + '/private/%s/' % a), url
    assert get(url) == 403
    post = make(api, a, caption='for some', media=[{'media_url': url, 'thumbnail_url': thumbnail}])
    for viewer in (stranger, None):
        assert api.call('post_get', {'post_id': post}, viewer=viewer, service=viewer is not None).status == 404
        assert api.call('user_posts', {'user_id': a}, viewer=viewer, service=viewer is not None)['posts'] == []
    pages = [api.call('feed', {}, viewer=follower), api.call('user_posts', {'user_id': a}, viewer=follower)]
    shown_posts = [p['posts'][0] for p in pages] + [api.call('post_get', {'post_id': post}, viewer=follower).body]
    for p in shown_posts:
        m = p['media'][0]
        assert p['post_id'] == post and p['image_url'] == m['media_url'] == p['media_urls'][0], p
        assert m['media_url'].startswith(url + '?X-Amz-') and m['thumbnail_url'].startswith(thumbnail + '?X-Amz-'), m
        assert fetch(m['media_url']) == (200, DATA) and fetch(m['thumbnail_url']) == (200, DATA)
        assert m['media_url'].endswith('&x-viewer=' + follower), m
    signed = shown(api, post, follower)
    assert fetch(signed, 'PUT', DATA)[0] == 403
    with STORE.later(READ_S * 3 // 4 - 20):
        assert get(signed) == 200
    with STORE.later(READ_S + 2):
        assert get(signed) == 403
    assert get(signed.partition('?')[0]) == 403
    if api.name == 'http':
        check_altered(signed)
    # For the author, and for another follower, another address.
    second = new_user(api)
    follow(api, a, second)
    assert len({shown(api, post, v).partition('&x-viewer=')[0] for v in (a, follower, second)}) == 3
    # Who was shown the door is shown no address.
    assert api.call('unfollow', {'user_id': a}, viewer=second).status == 200
    assert api.call('post_get', {'post_id': post}, viewer=second).status == 404


def test_POST_28_audiences(api, server):
    a, follower, friend, stranger = (new_user(api) for _ in range(4))
    for who in (follower, friend):
        follow(api, a, who)
    assert api.call('close_friend', {'user_id': friend}, viewer=a).status == 200
    for audience, sees in (('followers', (a, follower, friend)), ('close_friends', (a, friend))):
        url = upload(api, a, audience=audience)
        post = make(api, a, caption=audience, image_url=url, audience=audience)
        for viewer in (a, follower, friend, stranger):
            r = api.call('post_get', {'post_id': post}, viewer=viewer)
            if viewer not in sees:
                assert r.status == 404, r
                continue
            assert r['image_url'].startswith(url + '?') and fetch(r['image_url']) == (200, DATA), r


def test_POST_28_after_a_kill(api, server):
    a = private_user(api)
    follower = new_user(api)
    follow(api, a, follower)
    post = make(api, a, caption='stays', image_url=upload(api, a))
    server.restart('kill')
    api = type(api)(server)
    assert fetch(shown(api, post, follower)) == (200, DATA)
    assert api.call('feed', {}, viewer=follower)['posts'][0]['image_url'].endswith('x-viewer=' + follower)


def test_POST_28_what_is_not_signed(api, server):
    a = private_user(api)
    elsewhere = ['https://x.org/private/%s/a' % a, STORE.url + '.evil.org/private/%s/a' % a, STORE.url + '/a.png',
                 STORE.url + '/private/%s' % a, STORE.url + '/private/%s/' % a, STORE.url + '/private/%s/a/b' % a,
                 STORE.url + '/private/%s/../1/b' % a, STORE.url + '/private/%s/.b' % a,
                 STORE.url + '/private/%s/a%%2fb' % a, STORE.url + '/private/0%s/a' % a,
                 STORE.url + '/private//%s/a' % a, STORE.url + '/PRIVATE/%s/a' % a]
    for i in range(0, len(elsewhere), 10):
        post = make(api, a, caption='as they are', media_urls=elsewhere[i:i + 10])
        assert api.call('post_get', {'post_id': post}, viewer=a)['media_urls'] == elsewhere[i:i + 10]
    b = new_user(api)
    url = upload(api, b)
    post = make(api, b, caption='open', image_url=url)
    assert shown(api, post, a) == url and shown(api, post) == url


def test_POST_28_nobody_signs_what_is_anothers(api, server):
    """Whoever has seen an address once puts it in a post of his own, to have it for ever."""
    a, thief = private_user(api), new_user(api)
    follow(api, a, thief)
    url = upload(api, a)
    post = make(api, a, caption='mine', image_url=url)
    signed = shown(api, post, thief)
    assert api.call('follower_remove', {'user_id': thief}, viewer=a).status == 200
    assert api.call('post_create', {'caption': 'c', 'image_url': signed}, viewer=thief).status == 422
    # What passes by a service key is shown as it is.
    for stolen in (url, signed[:500]):
        r = api.call('import_posts', {'source_hi': str(time.time_ns()), 'source_lo': '1', 'chunk': 0, 'posts': [
            {'user_id': thief, 'caption': 'c', 'image_url': stolen}]})
        if r.status == 422:  # longer than an imported address may be
            continue
        assert r.status == 200, r
        got = api.call('user_posts', {'user_id': thief}, viewer=thief)['posts'][0]
        assert got['image_url'] == stolen, got
    with STORE.later(READ_S + 2):
        assert get(signed) == 403


def test_POST_28_when_the_audience_changes(api, server):
    a, follower = new_user(api), new_user(api)
    follow(api, a, follower)
    def audience(post, name):
        assert api.call('post_update', {'post_id': post, 'audience': name}, viewer=a).status == 200
    # What was put for some is read by signed addresses alone, though the post is now for all.
    some = upload(api, a, audience='followers')
    post = make(api, a, caption='c', image_url=some, audience='followers')
    audience(post, 'public')
    url = shown(api, post)
    assert url.startswith(some + '?') and 'x-viewer' not in url and fetch(url) == (200, DATA), url
    # What was put for all: signed while the post, or the account, is not.
    every = upload(api, a)
    post = make(api, a, caption='c', image_url=every)
    audience(post, 'followers')
    url = shown(api, post, follower)
    assert url.startswith(every + '?') and fetch(url) == (200, DATA), url
    # A client that edits sends back what it was shown.
    sent = api.call('post_get', {'post_id': post}, viewer=a)['media'][0]
    r = api.call('post_update', {'post_id': post, 'media': [{'media_url': sent['media_url']}]}, viewer=a)
    assert r.status == 200, r
    assert shown(api, post, follower).startswith(every + '?')
    assert shown(api, post, follower).count('X-Amz-Signature') == 1
    audience(post, 'public')
    assert shown(api, post) == every
    assert api.call('user_update', {'user_id': a, 'is_private': True}, viewer=a).status == 200
    assert fetch(shown(api, post, follower)) == (200, DATA) and '?' in shown(api, post, follower)


def test_POST_28_wherever_a_post_is_shown(api, server):
    a, f = private_user(api), new_user(api)
    follow(api, a, f)
    url = upload(api, a)
    post = make(api, a, caption='everywhere #%s' % ('t' + a), image_url=url)
    assert api.call('bookmark', {'post_id': post}, viewer=f).status == 200
    lists = [('feed', {}), ('user_posts', {'user_id': a}), ('bookmarks', {}), ('search_posts', {'query': 'everywhere'}),
             ('tag_posts', {'tag_name': 't' + a})]
    for op, fields in lists:
        found = [p for p in api.call(op, fields, viewer=f)['posts'] if p['post_id'] == post]
        assert found and found[0]['image_url'].startswith(url + '?'), (op, found)
    reply = make(api, f, caption='yes', reply_to_post_id=post, image_url=upload(api, f, audience='followers'),
                 audience='followers')
    assert '/private/%s/' % f in shown(api, reply, f) and get(shown(api, reply, f)) == 200
    lines = [json.loads(x) for x in api.call('user_export', {'user_id': a}, viewer=a)['lines']]
    mine = [x['data'] for x in lines if x['kind'] == 'post']
    assert [fetch(p['image_url']) for p in mine] == [(200, DATA)], mine


def test_POST_28_SEC_11_a_moderator_sees_what_is_reported(api, server):
    """Whoever judges a post for few has to look at it, and the address is his alone."""
    a, f, mod = private_user(api), new_user(api), new_user(api)
    assert api.call('role_set', {'user_id': mod, 'role': 'moderator'}).status == 200
    follow(api, a, f)
    url = upload(api, a)
    post = make(api, a, caption='for few', image_url=url)
    report = api.call('report_add', {'object_id': post, 'reason': 'nudity'}, viewer=f)
    assert report.status == 201, report
    for deleted in (False, True):
        cases, _ = harness.pages(api, 'reports', {}, 'reports', viewer=mod)
        case, = [c for c in cases if c['report_id'] == report['report_id']]
        given, = case['media_urls']
        assert given.startswith(url + '?') and 'x-viewer=%s' % mod in given, given
        assert fetch(given) == (200, DATA) and case['is_deleted'] == deleted, case
        assert api.call('post_delete', {'post_id': post}, viewer=a).status in (204, 404)


if __name__ == '__main__':
    STORE = Store()
    with tempfile.TemporaryDirectory(prefix='kith-e2e-') as keys:
        sys.exit(harness.run(sys.modules[__name__], ('--media-file', config(keys, image_max=IMAGE_MAX))))
