#!/usr/bin/python3
"""SEC-15, 16, 17, 27, AUTH-18 and GRAPH-12: who may take away what others wrote, what somebody gets
of what is kept of him, and that what is gone is gone from the disk."""
import ctypes
import json
import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Server, eventually, new_user, pages


def moderator(api):
    m = new_user(api)
    assert api.call('role_set', {'user_id': m, 'role': 'moderator'}).status == 200
    return m


def audits(api, user):
    return api.call('audit_list', {'user_id': user})['audits']


def acts(api, user, act):
    # To read them is an act itself.
    return [x for x in audits(api, user) if x['act'] == act]


def last_act(api, user, act, upon=None):
    """The newest record of that act (upon that object), once the consequence that brings it is there."""
    def there():
        found = [x for x in audits(api, user) if x['act'] == act and upon in (None, x['object_id'])]
        assert found, (act, audits(api, user))
        return found[0]
    return eventually(there)


# ---- SEC-27 ------------------------------------------------------------------------------------

def test_SEC_27_post_is_removed_with_a_reason(api, server):
    author, m, other = new_user(api), moderator(api), new_user(api)
    api.call('follow', {'user_id': author}, viewer=other)
    p = api.call('post_create', {'caption': 'forbidden words #rude'}, viewer=author)['post_id']
    api.call('like', {'post_id': p}, viewer=other)
    why = {'post_id': p, 'reason': 'insults a neighbour'}
    # Neither a stranger nor the author is a moderator; and a reason is needed.
    for who in (other, author):
        assert api.call('post_remove', why, viewer=who).status == 403
    assert api.call('post_remove', why, service=False).status == 401
    r = api.call('post_remove', {'post_id': p}, viewer=m)
    assert r.status == 422 and r.pointers == ['/reason'], r
    assert api.call('post_get', {'post_id': p}, viewer=other).status == 200

    assert api.call('post_remove', why, viewer=m).status == 204
    for who in (author, other, m):
        assert api.call('post_get', {'post_id': p}, viewer=who).status == 404
        assert api.call('user_posts', {'user_id': author}, viewer=who)['posts'] == []
    assert api.call('feed', {}, viewer=other)['posts'] == []
    assert api.call('user_get', {'user_id': author})['posts_count'] == 0
    act = last_act(api, author, 'post_remove')
    assert (act['done'], act['user_id'], act['actor_id']) == (True, author, m), act
    assert (act['object_id'], act['reason']) == (p, 'insults a neighbour'), act
    # What a moderator took away the author neither restores nor changes; nobody removes it twice.
    assert api.call('post_restore', {'post_id': p}, viewer=author).status == 404
    assert api.call('post_update', {'post_id': p, 'caption': 'x'}, viewer=author).status == 404
    assert api.call('post_remove', why, viewer=m).status == 404
    assert api.call('post_reinstate', {'post_id': p}, viewer=author).status == 403

    assert api.call('post_reinstate', {'post_id': p, 'reason': 'appealed'}, viewer=m).status == 204
    assert api.call('post_reinstate', {'post_id': p}, viewer=m).status == 204
    back = api.call('post_get', {'post_id': p}, viewer=other)
    assert back['caption'] == 'forbidden words #rude' and back['like_count'] == 1 and back['liked'], back
    assert [x['post_id'] for x in api.call('feed', {}, viewer=other)['posts']] == [p]
    act = last_act(api, author, 'post_reinstate')
    assert act['actor_id'] == m, act
    appealed = [x for x in audits(api, author) if x['reason'] == 'appealed']
    assert [x['object_id'] for x in appealed] == [p], appealed


def test_SEC_27_own_bin_is_not_the_moderators(api, server):
    author, m = new_user(api), moderator(api)
    p = api.call('post_create', {'caption': 'mine'}, viewer=author)['post_id']
    api.call('post_delete', {'post_id': p}, viewer=author)
    assert api.call('post_reinstate', {'post_id': p}, viewer=m).status == 404
    assert api.call('post_restore', {'post_id': p}, viewer=author).status == 200


def test_SEC_27_comment_is_removed_with_a_reason(api, server):
    author, m, owner = new_user(api), moderator(api), new_user(api)
    p = api.call('post_create', {'caption': 'x'}, viewer=owner)['post_id']
    say = lambda text, **f: api.call('comment_create', dict(f, post_id=p, content=text), viewer=author)['comment_id']
    plain, asked = say('nasty zanzibar'), say('nasty question')
    answer = say('an answer', parent_id=asked)
    api.call('comment_like', {'comment_id': plain}, viewer=owner)
    shown = lambda who: {c['comment_id']: c for c in api.call('comment_list', {'post_id': p}, viewer=who)['comments']}
    count = lambda: api.call('post_get', {'post_id': p})['comment_count']
    assert set(shown(owner)) == {plain, asked, answer} and count() == 3
    for c in (plain, asked):
        why = {'comment_id': c, 'reason': 'abuse of ' + c}
        assert api.call('comment_remove', why, viewer=author).status == 403
        assert api.call('comment_remove', why, viewer=owner).status == 403
        assert api.call('comment_remove', why, viewer=m).status == 204
        assert api.call('comment_remove', why, viewer=m).status == 404
    for who in (author, owner, m):
        left = shown(who)
        assert set(left) == {asked, answer}, left  # what is answered stays as a placeholder
        assert left[asked]['is_deleted'] and not left[asked]['content'] and left[asked]['author'] is None
    assert count() == 1
    found = lambda: [c['comment_id'] for c in api.call('search_comments', {'query': 'zanzibar'}, viewer=owner)['comments']]
    assert plain not in found()
    for op, f in (('comment_update', {'content': 'y'}), ('comment_delete', {}), ('comment_like', {})):
        assert api.call(op, dict(f, comment_id=plain), viewer=author).status == 404, op
    act = last_act(api, author, 'comment_remove', asked)
    assert act['actor_id'] == m and act['object_id'] == asked and act['reason'] == 'abuse of ' + asked, act

    # A server that was killed has it all the same, and gives it back.
    server.restart('kill')
    api = type(api)(server)
    assert set(shown(owner)) == {asked, answer}
    for c in (plain, asked):
        assert api.call('comment_reinstate', {'comment_id': c}, viewer=owner).status == 403
        assert api.call('comment_reinstate', {'comment_id': c}, viewer=m).status == 204
        assert api.call('comment_reinstate', {'comment_id': c}, viewer=m).status == 204
    back = shown(owner)
    assert back[plain]['content'] == 'nasty zanzibar' and back[plain]['like_count'] == 1 and back[plain]['liked']
    assert back[asked]['content'] == 'nasty question' and back[asked]['reply_count'] == 1 and count() == 3
    assert plain in found()


def test_SEC_27_survives_a_kill_and_a_snapshot(api, server):
    author, m = new_user(api), moderator(api)
    p = api.call('post_create', {'caption': 'x'}, viewer=author)['post_id']
    q = api.call('post_create', {'caption': 'y'}, viewer=author)['post_id']
    c = api.call('comment_create', {'post_id': q, 'content': 'z'}, viewer=author)['comment_id']
    assert api.call('post_remove', {'post_id': p, 'reason': 'one'}, viewer=m).status == 204
    assert api.call('comment_remove', {'comment_id': c, 'reason': 'two'}, viewer=m).status == 204
    last_act(api, author, 'comment_remove')
    assert server.admin_get('/snapshot', 'POST')[0] == 200
    server.restart('kill')
    api = type(api)(server)
    assert {x['reason'] for x in audits(api, author) if x['reason']} == {'one', 'two'}
    assert api.call('post_restore', {'post_id': p}, viewer=author).status == 404
    assert api.call('post_reinstate', {'post_id': p}, viewer=m).status == 204
    assert api.call('comment_reinstate', {'comment_id': c}, viewer=m).status == 204
    assert api.call('post_get', {'post_id': p}, viewer=author)['caption'] == 'x'
    server.stop()
    server.check()
    server.start()


@harness.once
def test_SEC_27_what_nobody_restores_is_erased(api, server):
    with Server('--restore-window', '1') as mine:
        api = harness.Http(mine)
        author, m = new_user(api), moderator(api)
        q = api.call('post_create', {'caption': 'y'}, viewer=author)['post_id']
        p = api.call('post_create', {'caption': 'x'}, viewer=author)['post_id']
        c = api.call('comment_create', {'post_id': q, 'content': 'z'}, viewer=author)['comment_id']
        asked = api.call('comment_create', {'post_id': q, 'content': 'secret'}, viewer=author)['comment_id']
        api.call('comment_create', {'post_id': q, 'content': 'a', 'parent_id': asked}, viewer=author)
        for one in (c, asked):
            assert api.call('comment_remove', {'comment_id': one, 'reason': 'r'}, viewer=m).status == 204
        assert api.call('post_remove', {'post_id': p, 'reason': 'r'}, viewer=m).status == 204

        time.sleep(1.1)  # before that it would be given back

        def gone():
            assert api.call('comment_reinstate', {'comment_id': c}, viewer=m).status == 404
            assert api.call('comment_reinstate', {'comment_id': asked}, viewer=m).status == 404
            assert api.call('post_reinstate', {'post_id': p}, viewer=m).status == 404
        eventually(gone)

        def erased():
            r = json.loads(mine.admin_get('/digest')[1])
            assert api.call('user_comments', {'user_id': author}, viewer=author)['comments'][0]['content'] == 'a', r
            mine.stop()
            counts = mine.check()['counts']
            mine.start()
            assert counts['binned'] == 0 and counts['comments'] == 2, counts
        eventually(erased, 20)


# ---- SEC-16 ------------------------------------------------------------------------------------

def export(api, user, limit=7, viewer=None, **how):
    """All lines, page by page, as (kind, data)."""
    lines, cursor = [], None
    while True:
        f = dict({'user_id': user, 'limit': limit}, **({'cursor': cursor} if cursor else {}))
        r = api.call('user_export', f, viewer=viewer, **how)
        assert r.status == 200, r
        assert len(r['lines']) <= limit, r
        lines += [json.loads(x) for x in r['lines']]
        assert all(set(x) == {'kind', 'data'} for x in lines)
        cursor = r['next_cursor']
        if not cursor:
            return [(x['kind'], x['data']) for x in lines]


def lived(api, n=9):
    """Somebody who has left something everywhere, and what of it is to come out."""
    a = new_user(api, first_name='Zoe', last_name='Quartz')
    others = [new_user(api) for _ in range(n)]
    theirs = [api.call('post_create', {'caption': 'not hers %d' % i}, viewer=o)['post_id'] for i, o in enumerate(others)]
    said = api.call('comment_create', {'post_id': theirs[0], 'content': 'not hers either'}, viewer=others[0])['comment_id']
    want = {k: [] for k in ('post', 'archived_post', 'deleted_post', 'comment', 'search', 'collection_item')}
    for i in range(n):
        p = api.call('post_create', {'caption': 'hers %d' % i}, viewer=a)['post_id']
        want[('post', 'archived_post', 'deleted_post')[i % 3]].append(p)
        if i % 3 == 1:
            api.call('post_update', {'post_id': p, 'is_archived': True}, viewer=a)
        if i % 3 == 2:
            api.call('post_delete', {'post_id': p}, viewer=a)
        c = api.call('comment_create', {'post_id': theirs[i], 'content': 'by her %d' % i}, viewer=a)['comment_id']
        want['comment'].append(c)
        want['search'].append(api.call('search_add', {'search_term': 'term %d' % i}, viewer=a)['search_id'])
    for i, o in enumerate(others):
        api.call('like', {'post_id': theirs[i]}, viewer=a)
        api.call('bookmark', {'post_id': theirs[i]}, viewer=a)
        api.call('share', {'post_id': theirs[i], 'content': 'look %d' % i}, viewer=a)
        api.call('like', {'post_id': want['post'][0]}, viewer=o)
        api.call('follow', {'user_id': a}, viewer=o)
    api.call('comment_like', {'comment_id': said}, viewer=a)
    wow = api.call('post_create', {'caption': 'wow'}, viewer=others[0])['post_id']
    api.call('react', {'post_id': wow, 'reaction_type': 'wow'}, viewer=a)
    for op, who in (('follow', 0), ('follow', 1), ('close_friend', 1), ('mute', 2), ('block', 3)):
        assert api.call(op, {'user_id': others[who]}, viewer=a).status == 200
    for name in ('first', 'second'):
        s = api.call('collection_add', {'name': name}, viewer=a)['collection_id']
        for p in theirs[4:8]:
            assert api.call('collect', {'collection_id': s, 'post_id': p}, viewer=a).status == 200
            want['collection_item'].append((s, p))
    api.call('address_add', {'user_id': a, 'first_name': 'Zoe', 'last_name': 'Quartz', 'address_line_1': 'Lane 1', 'city': 'c',
                             'state': 's', 'country': 'c', 'postal_code': '1'}, viewer=a)
    api.call('preference_put', {'user_id': a, 'preference_key': 'k', 'preference_value': 'v'}, viewer=a)
    api.call('settings_change', {'user_id': a, 'language': 'de'}, viewer=a)
    want.update({'like': theirs[:3] + theirs[4:], 'bookmark': theirs[:3] + theirs[4:]})
    return a, others, theirs, want


def test_SEC_16_export_is_all_that_is_kept(api, server):
    a, others, theirs, want = lived(api)
    others_before = [api.call('user_get', {'user_id': o}).body for o in others]
    got, by = export(api, a, viewer=a), {}
    for kind, data in got:
        by.setdefault(kind, []).append(data)
    ids = lambda kind, field: [x[field] for x in by.get(kind, [])]
    for kind in ('post', 'archived_post', 'deleted_post'):
        assert sorted(ids(kind, 'post_id')) == sorted(want[kind]), kind
        assert all(x['user_id'] == a and x['caption'].startswith('hers') for x in by[kind])
    assert sorted(ids('comment', 'comment_id')) == sorted(want['comment'])
    assert {x['content'] for x in by['comment']} == {'by her %d' % i for i in range(9)}
    assert sorted(ids('search', 'search_id')) == sorted(want['search'])
    # A block took nothing that was hers: she still likes what she liked.
    assert set(want['like']) <= set(ids('like', 'post_id')) <= set(theirs)
    assert set(want['bookmark']) <= set(ids('bookmark', 'post_id')) <= set(theirs)
    assert {x['content'] for x in by['share']} >= {'look 0', 'look 8'}
    assert [x['reaction_type'] for x in by['reaction']] == ['wow'] and len(by['comment_like']) == 1
    assert sorted((x['collection_id'], x['post_id']) for x in by['collection_item']) == sorted(want['collection_item'])
    assert sorted(ids('follow', 'user_id')) == sorted(others[:2]) and ids('close_friend', 'user_id') == [others[1]]
    assert ids('mute', 'user_id') == [others[2]] and ids('block', 'user_id') == [others[3]]
    assert sorted(ids('follower', 'user_id')) == sorted(others[:3] + others[4:])
    for kind, n in (('profile', 1), ('settings', 1), ('preference', 1), ('address', 1), ('collection', 2)):
        assert len(by[kind]) == n, kind
    assert by['profile'][0]['email'] and by['settings'][0]['language'] == 'de'
    assert len(by['notification']) >= 9 and len(by['activity']) >= 9
    # Nothing twice, nothing of others, no secrets.
    flat = [json.dumps(x, sort_keys=True) for x in got]
    assert len(set(flat)) == len(flat)
    text = '\n'.join(flat)
    assert 'not hers' not in text and 'password' not in text and 'hash' not in text.replace('hashtags', '')
    for o in others_before:
        assert o['username'] not in text, o
    # Pages of one line have the same lines as pages of a hundred.
    few, many = export(api, a, 1, viewer=a), export(api, a, 100, viewer=a)
    assert few == many == got


def test_SEC_16_who_may_and_that_it_is_written_down(api, server):
    a, b = new_user(api), new_user(api)
    admin = new_user(api)
    api.call('role_set', {'user_id': admin, 'role': 'admin'})
    m = moderator(api)
    acts = lambda: [x for x in audits(api, a) if x['act'] == 'user_export']
    for who in (b, m):
        assert api.call('user_export', {'user_id': a}, viewer=who).status == 403
    assert api.call('user_export', {'user_id': a}, service=False).status == 401
    assert api.call('user_export', {'user_id': '77'}).status == 404
    assert acts() == []
    assert dict(export(api, a, 2, viewer=admin))['profile']['user_id'] == a
    eventually(lambda: check(len(acts()) == 1, acts()))
    assert dict(export(api, a, 2))['profile']['user_id'] == a  # the service itself
    eventually(lambda: check(len(acts()) == 2, acts()))
    assert {x['actor_id'] for x in acts()} == {admin, None}, acts()
    # Another's cursor, and one of another export, are none.
    mine = api.call('user_export', {'user_id': a, 'limit': 1}, viewer=a)['next_cursor']
    for f, who in (({'user_id': a}, admin), ({'user_id': b}, b)):
        r = api.call('user_export', dict(f, cursor=mine), viewer=who)
        assert r.status == 400 and r.code == 'invalid_cursor', r


def check(good, what=None):
    assert good, what


def test_SEC_16_own_token_has_the_sessions_without_secrets(api, server):
    name = 'exp%d' % time.monotonic_ns()
    r = api.call('register', {'username': name, 'email': name + '@example.org', 'password': 'long enough', 'device': 'pad'},
                 service=False)
    assert r.status == 201, r
    got = export(api, r['user_id'], token=r['token'])
    sessions = [d for k, d in got if k == 'session']
    assert len(sessions) == 1 and r['refresh_token'] not in json.dumps(got), got
    # One's own reading of oneself is no read of personal data by others.
    assert [x for x in audits(api, r['user_id']) if x['act'] == 'user_export'] == []


@harness.over('http')
def test_SEC_16_is_ndjson_and_bounded(api, server):
    a = new_user(api)
    text = 'w' * 4999
    for i in range(120):
        assert api.call('post_create', {'caption': text + str(i % 10)}, viewer=a).status == 201
    r = api.call('user_export', {'user_id': a, 'limit': 100}, viewer=a)
    assert r.headers['Content-Type'] == 'application/x-ndjson', r.headers
    # A page ends at 256 KiB of lines, whatever was asked for.
    size = sum(len(x) + 1 for x in r['lines'])
    assert 256 << 10 <= size < 300 << 10 and r['next_cursor'], size
    assert len([k for k, _ in export(api, a, 100, viewer=a) if k == 'post']) == 120


def test_SEC_16_survives_a_kill(api, server):
    a, _, _, _ = lived(api, 4)
    before = export(api, a, viewer=a)
    server.restart('kill')
    api = type(api)(server)
    seen = lambda lines: [(k, {x: v for x, v in d.items() if x != 'last_active_at'}) for k, d in lines]
    assert seen(export(api, a, viewer=a)) == seen(before)


# ---- SEC-17, AUTH-18 -------------------------------------------------------------------------------

ZSTD = ctypes.CDLL('libzstd.so.1')
ZSTD.ZSTD_decompress.restype = ctypes.c_size_t


def unpacked(path):
    """What the frames of a snapshot's part have (FORMATS.md)."""
    data, at, out = open(path, 'rb').read(), 64, []
    while True:
        raw, packed = struct.unpack_from('<II', data, at)
        if raw == 0:
            return b''.join(out)
        room = ctypes.create_string_buffer(raw)
        n = ZSTD.ZSTD_decompress(room, ctypes.c_size_t(raw), data[at + 16:at + 16 + packed], ctypes.c_size_t(packed))
        assert n == raw, (path, at, n, raw)
        out.append(room.raw)
        at += 16 + packed


def files(server):
    for folder, _, names in os.walk(server.data):
        for name in names:
            yield os.path.join(folder, name)


ZEROS = bytes(1 << 20)


def content(path):
    """Of the zeros that a segment of the log is filled with ahead, a few."""
    with open(path, 'rb') as f:
        blocks = iter(lambda: f.read(len(ZEROS)), b'')
        return b''.join(b'\0' if b == ZEROS else b for b in blocks)


def found(server, words):
    """Which of the words stand in which files of the data directory, and that all of it was read."""
    hits = set()
    for path in files(server):
        try:
            text = content(path)
            if os.path.basename(path).startswith('part-') and '.tmp' not in path:
                text += b'\0' + unpacked(path)
        except FileNotFoundError:
            raise AssertionError('a file went meanwhile: ' + path)
        text = text.lower()
        hits |= {(w, os.path.relpath(path, server.data)) for w in words if w.lower().encode() in text}
    return hits


def snapshot_now(server):
    r = subprocess.run([harness.KITH, 'snapshot', 'now', '--admin', '127.0.0.1:%d' % server.admin], capture_output=True,
                       text=True)
    assert r.returncode == 0, (r.stdout, r.stderr)
    return json.loads(r.stdout)['place']


def cascades(server):
    """Nothing is being deleted any more."""
    server.stop()
    counts = server.check()['counts']
    server.start()
    assert counts['gone'] == 0 and counts['owed'] == 0, counts


WORDS = {'username': 'Xerxes.Quagmire', 'email': 'xerxes@quagmire.example', 'phone': '+4917655512345',
         'first': 'Xerxesqq', 'last': 'Quagmireqq', 'bio': 'biographyqq', 'caption': 'captionqq of long ago',
         'binned': 'binnedqq', 'comment': 'commentqq', 'asked': 'askedqq', 'share': 'shareqq', 'search': 'searchqq', 'street': 'streetqq',
         'pref': 'preferenceqq', 'collection': 'collectionqq', 'device': 'deviceqq', 'birth': '1971-07-13',
         'place': 'placeqq', 'edited': 'beforetheeditqq', 'report': 'reporttextqq'}


def leaves_all_words(api):
    w = WORDS
    x = new_user(api, username=w['username'], email=w['email'], phone_number=w['phone'], first_name=w['first'],
                 last_name=w['last'])
    api.call('user_update', {'user_id': x, 'bio': w['bio'], 'date_of_birth': w['birth']}, viewer=x)
    other = new_user(api)
    theirs = api.call('post_create', {'caption': 'stays'}, viewer=other)['post_id']
    p = api.call('post_create', {'caption': w['edited'], 'location': w['place']}, viewer=x)['post_id']
    api.call('post_update', {'post_id': p, 'caption': w['caption']}, viewer=x)
    q = api.call('post_create', {'caption': w['binned']}, viewer=x)['post_id']
    api.call('post_delete', {'post_id': q}, viewer=x)
    api.call('comment_create', {'post_id': theirs, 'content': w['comment']}, viewer=x)
    asked = api.call('comment_create', {'post_id': theirs, 'content': w['asked']}, viewer=x)['comment_id']
    api.call('comment_create', {'post_id': theirs, 'content': 'answers', 'parent_id': asked}, viewer=other)
    for op, f in (('like', {}), ('bookmark', {}), ('share', {'content': w['share']})):
        assert api.call(op, dict(f, post_id=theirs), viewer=x).status == 200, op
    assert api.call('follow', {'user_id': other}, viewer=x).status == 200
    api.call('search_add', {'search_term': w['search']}, viewer=x)
    api.call('address_add', {'user_id': x, 'first_name': w['first'], 'last_name': w['last'], 'address_line_1': w['street'],
                             'city': 'c', 'state': 's', 'country': 'c', 'postal_code': '1'}, viewer=x)
    api.call('preference_put', {'user_id': x, 'preference_key': 'k', 'preference_value': w['pref']}, viewer=x)
    api.call('collection_add', {'name': w['collection']}, viewer=x)
    # What x reports is of x; who reports x keeps no word of what x said.
    api.call('report_add', {'object_id': theirs, 'reason': 'other', 'text': w['report']}, viewer=x)
    for i in (x, p):
        assert api.call('report_add', {'object_id': i, 'reason': 'spam'}, viewer=other).status == 201
    return x, other, theirs, p


@harness.once
def test_SEC_17_AUTH_18_erased_from_every_file(api, server):
    with Server() as mine:
        api = harness.Http(mine)
        x, other, theirs, p = leaves_all_words(api)
        words = [w for k, w in WORDS.items() if k != 'device']
        snapshot_now(mine)
        missing = set(words) - {w for w, _ in found(mine, words)}
        assert not missing, missing  # what the proof looks for is there to be found
        assert api.call('user_delete', {'user_id': x}).status == 204
        eventually(lambda: check(api.call('user_get', {'user_id': other})['followers_count'] == 0))
        eventually(lambda: cascades(mine), 30)
        api = harness.Http(mine)
        # The log and the older snapshot have it until all that are kept are of later.
        assert found(mine, words)
        snapshot_now(mine)
        snapshot_now(mine)
        assert found(mine, words) == set()
        # Others' counts are right, and what others said is there; after a kill, too.
        for how in ('kill', 'stop'):
            mine.restart(how)
            api = harness.Http(mine)
            assert api.call('user_get', {'user_id': x}).status == 404
            assert api.call('user_by_name', {'username': WORDS['username']}).status == 404
            shown = api.call('post_get', {'post_id': theirs})
            assert (shown['like_count'], shown['comment_count'], shown['share_count'], shown['save_count']) == (0, 1, 0, 0), shown
            left = api.call('comment_list', {'post_id': theirs})['comments']
            assert sorted((c['is_deleted'], c['content'] or '') for c in left) == [(False, 'answers'), (True, '')], left
            assert api.call('user_get', {'user_id': other})['followers_count'] == 0
        assert found(mine, words) == set()
        # The name is free again.
        assert new_user(api, username=WORDS['username'], email=WORDS['email'])


@harness.once
def test_SEC_17_one_snapshot_is_enough_where_one_is_kept(api, server):
    with Server('--keep-snapshots', '1') as mine:
        api = harness.Http(mine)
        a = new_user(api)
        p = api.call('post_create', {'caption': 'onlyonceqq'}, viewer=a)['post_id']
        snapshot_now(mine)
        assert found(mine, ['onlyonceqq'])
        assert api.call('user_delete', {'user_id': a}).status == 204
        eventually(lambda: cascades(mine), 30)
        snapshot_now(mine)
        assert found(mine, ['onlyonceqq']) == set()
        assert len([x for x in os.listdir(os.path.join(mine.data, 'snapshot'))]) == 1
        mine.restart('kill')
        assert harness.Http(mine).call('post_get', {'post_id': p}).status == 404


@harness.once
def test_SEC_17_backups_expire_by_themselves(api, server):
    """Nobody asks for a snapshot, and nothing else happens any more."""
    with Server('--snapshot-every', '1', '--restore-window', '1') as mine:
        api = harness.Http(mine)
        a = new_user(api)
        p = api.call('post_create', {'caption': 'passesawayqq'}, viewer=a)['post_id']
        eventually(lambda: check(os.listdir(os.path.join(mine.data, 'snapshot'))), 20)
        assert found(mine, ['passesawayqq'])
        api.call('post_delete', {'post_id': p}, viewer=a)
        eventually(lambda: check(found(mine, ['passesawayqq']) == set()), 40)
        # Then all that are kept say the same, and no more are written.
        place = lambda: sorted(os.listdir(os.path.join(mine.data, 'snapshot')))
        quiet = []

        def still():
            quiet.append(place())
            time.sleep(1.5)
            assert quiet[-1] == place()
        eventually(still, 20)


# ---- SEC-15 ------------------------------------------------------------------------------------

@harness.once
def test_SEC_15_what_is_older_than_it_is_kept_is_erased(api, server):
    keeps = [x for kind in ('searches', 'audits', 'notifications', 'activities') for x in ('--keep-' + kind, '3')]
    with Server(*keeps, '--restore-window', '3', '--keep-snapshots', '1') as mine:
        api = harness.Http(mine)
        a, m = new_user(api), moderator(api)
        old = ['oldsearchqq', 'oldreasonqq', 'oldpostqq', 'oldbinqq']
        p = api.call('post_create', {'caption': old[2]}, viewer=a)['post_id']
        q = api.call('post_create', {'caption': old[3]}, viewer=a)['post_id']
        api.call('post_remove', {'post_id': p, 'reason': old[1]}, viewer=m)
        api.call('post_delete', {'post_id': q}, viewer=a)
        api.call('search_add', {'search_term': old[0]}, viewer=a)
        last_act(api, a, 'post_remove')
        began = time.time()
        snapshot_now(mine)
        assert {w for w, _ in found(mine, old)} == set(old)
        history = lambda: [s['search_term'] for s in api.call('search_history', {}, viewer=a)['searches']]
        if time.time() < began + 1.5:
            assert history() == old[:1] and acts(api, a, 'post_remove')

        def over():
            assert history() == [] and not acts(api, a, 'post_remove') and not acts(api, m, 'role_set')
            assert api.call('activities', {'user_id': a}, viewer=a)['activities'] == []
            mine.stop()
            counts = mine.check()['counts']
            mine.start()
            assert counts['binned'] == 0 and counts['documents'] == 0, counts
        eventually(over, 30)
        api = harness.Http(mine)
        # What came later is kept.
        api.call('search_add', {'search_term': 'newsearchqq'}, viewer=a)
        assert history() == ['newsearchqq']
        snapshot_now(mine)
        assert found(mine, old) == set()
        mine.restart('kill')
        api = harness.Http(mine)
        assert not set(history()) & set(old) and found(mine, old) == set()


@harness.once
def test_SEC_15_kept_for_ever_unless_said(api, server):
    api = harness.Http(server)
    a = new_user(api)
    api.call('search_add', {'search_term': 'stays'}, viewer=a)
    api.call('verified_set', {'user_id': a, 'is_verified': True})
    last_act(api, a, 'verified_set')
    time.sleep(1)
    assert len(api.call('search_history', {}, viewer=a)['searches']) == 1 and acts(api, a, 'verified_set')


@harness.once
def test_SEC_15_options(api, server):
    for option, value in (('--keep-searches', '4294967296'), ('--keep-audits', '4294967296'), ('--keep-snapshots', '0'),
                          ('--keep-snapshots', '17'), ('--snapshot-every', '4294967296')):
        r = subprocess.run([harness.KITH, 'serve', os.path.join(server.dir, 'none'), option, value], capture_output=True,
                           text=True, timeout=20)
        assert r.returncode == 2 and option in r.stderr, (option, r)


# ---- GRAPH-12 ----------------------------------------------------------------------------------

def number():
    return '+4915%09d' % (time.monotonic_ns() // 1000 % 10 ** 9)


def book(api, who, limit=20):
    return [u['user_id'] for u in pages(api, 'contacts', {}, 'users', viewer=who, limit=limit)[0]]


def findable(api, **names):
    u = new_user(api, **names)
    assert api.call('user_update', {'user_id': u, 'is_findable': True}, viewer=u)['is_findable'] is True
    return u


def test_GRAPH_12_known_ones_who_allow_it_are_found(api, server):
    me = new_user(api)
    phone, other = number(), number()
    by_phone = findable(api, phone_number=phone)
    by_mail = findable(api)
    mail = api.call('user_get', {'user_id': by_mail}, viewer=by_mail)['email']
    shy = new_user(api)
    shys = api.call('user_get', {'user_id': shy}, viewer=shy)['email']
    assert book(api, me) == []
    put = lambda *c: api.call('contacts_put', {'contacts': list(c)}, viewer=me)
    assert put(phone, mail.upper(), shys, other, 'nobody@example.net').status == 204
    assert book(api, me) == sorted([by_phone, by_mail], key=int, reverse=True)
    assert book(api, me, 1) == book(api, me)
    # Nobody else is told; who forbids it, or blocks, is not found, nor oneself.
    assert book(api, by_phone) == []
    api.call('user_update', {'user_id': shy, 'is_findable': True}, viewer=shy)
    assert shy in book(api, me)
    api.call('user_update', {'user_id': shy, 'is_findable': False}, viewer=shy)
    assert shy not in book(api, me)
    api.call('block', {'user_id': me}, viewer=by_mail)
    assert book(api, me) == [by_phone]
    api.call('unblock', {'user_id': me}, viewer=by_mail)
    mine = api.call('user_get', {'user_id': me}, viewer=me)['email']
    api.call('user_update', {'user_id': me, 'is_findable': True}, viewer=me)
    # Whoever comes later is found as well; with both names once. A new list takes the old one's place.
    late = findable(api, phone_number=other)
    assert book(api, me)[0] == late
    lates = api.call('user_get', {'user_id': late}, viewer=late)['email']
    assert put(other, lates, mine).status == 204 and book(api, me) == [late]
    # Who has another number now is found by it, and not by the old one.
    api.call('user_update', {'user_id': late, 'phone_number': number()}, viewer=late)
    assert put(other).status == 204 and book(api, me) == []
    # Others do not see who may be found.
    assert 'is_findable' not in api.call('user_get', {'user_id': late}, viewer=me).body or api.name == 'binary'


def test_GRAPH_12_bad_contacts(api, server):
    me = new_user(api)
    put = lambda c: api.call('contacts_put', {'contacts': c}, viewer=me)
    for bad in ('', 'x', '0176555', 'a@', '+', 'a b@example.org'):
        r = put(['fine@example.org', bad])
        assert r.status == 422 and r.pointers == ['/contacts/1'], (bad, r)
    for bad in ([], ['+4917655500%03d' % i for i in range(1000)] + ['+49176555']):
        r = put(bad)
        assert r.status == 422 and r.pointers == ['/contacts'], r
    assert api.call('contacts_put', {'contacts': ['a@b.org']}, service=False).status == 401
    assert api.call('contacts', {}, service=False).status == 401
    r = api.call('contacts', {'cursor': 'x' * 22}, viewer=me)
    assert r.status == 400 and r.code == 'invalid_cursor', r


@harness.once
def test_GRAPH_12_unknown_ones_are_nowhere_in_clear(api, server):
    with Server() as mine:
        for transport in harness.TRANSPORTS:
            api = transport(mine)
            me, known = new_user(api), findable(api)
            mail = api.call('user_get', {'user_id': known}, viewer=known)['email']
            secret = ['unknownqq%s@example.org' % api.name, '+49157712345%d' % len(api.name), 'another.%s@qq.example' % api.name]
            most = ['filler%d@example.org' % i for i in range(1000 - 4)]
            assert api.call('contacts_put', {'contacts': secret + [mail] + most}, viewer=me).status == 204
            snapshot_now(mine)
            assert found(mine, secret + ['filler995']) == set()
            assert book(api, me) == [known]
            mine.restart('kill')
            api = transport(mine)
            assert book(api, me) == [known] and found(mine, secret) == set()
            # Export has the hashes that are kept, and no more; then they go.
            kept = dict(export(api, me, viewer=me))['contacts']
            assert kept['contacts_count'] == 1000 and not any(s in json.dumps(kept) for s in secret)
            assert api.call('contacts_clear', {}, viewer=me).status == 204
            assert book(api, me) == [] and api.call('contacts_clear', {}, viewer=me).status == 204
            assert dict(export(api, me, viewer=me))['contacts']['contacts_count'] == 0
            assert api.call('contacts_put', {'contacts': [mail]}, viewer=me).status == 204
            assert book(api, me) == [known]
            assert api.call('user_delete', {'user_id': known}).status == 204
            assert book(api, me) == []


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
