#!/usr/bin/python3
"""PROF, SAVE, FIND and SEC rows that stand on documents: settings, preferences, addresses, search history,
collections; and the checks of a profile's fields."""
import datetime
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Server, eventually, new_user, pages

ADDRESS = {'first_name': 'Jane', 'last_name': 'Doe', 'address_line_1': '1 High St', 'city': 'Phuket',
           'state': 'Phuket', 'country': 'Thailand', 'postal_code': '83000'}
SETTINGS = {'email_notifications': True, 'push_notifications': True, 'sms_notifications': False,
            'privacy_level': 'public', 'language': 'en', 'timezone': 'UTC'}


def part(body, fields):
    return {k: body[k] for k in fields}


def post(api, user, **fields):
    return api.call('post_create', dict(caption='x', **fields), viewer=user)['post_id']


def collection(api, user, **fields):
    r = api.call('collection_add', dict({'name': 'Trips'}, **fields), viewer=user)
    assert r.status == 201, r
    return r['collection_id']


# ---- profiles ------------------------------------------------------------------------------------

def test_PROF_7_date_of_birth(api, server):
    a, b = new_user(api), new_user(api)
    put = lambda day: api.call('user_update', {'user_id': a, 'date_of_birth': day}, viewer=a)
    for bad in ('2023-02-30', '2023-2-3', '1999-13-01', 'yesterday', '2900-02-29'):
        r = put(bad)
        assert r.status == 422 and '/date_of_birth' in r.pointers, (bad, r)
    day = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=2)
    assert put(str(day)).status == 422
    assert put('2000-02-29').status == 200
    assert api.call('user_get', {'user_id': a}, viewer=a)['date_of_birth'] == '2000-02-29'
    assert 'date_of_birth' not in api.call('user_get', {'user_id': a}, viewer=b).body
    assert 'date_of_birth' not in api.call('user_get', {'user_id': a}, service=False).body


def test_PROF_8_gender(api, server):
    a = new_user(api)
    for g in ('male', 'female', 'other', 'prefer_not_to_say'):
        assert api.call('user_update', {'user_id': a, 'gender': g}, viewer=a)['gender'] == g
    bad = 'robot' if api.name == 'http' else 77
    r = api.call('user_update', {'user_id': a, 'gender': bad}, viewer=a)
    assert r.status == 422 and '/gender' in r.pointers, r
    assert api.call('user_get', {'user_id': a})['gender'] == 'prefer_not_to_say'


def test_PROF_11_category(api, server):
    a = new_user(api)
    assert api.call('user_get', {'user_id': a})['profile_category'] == 'personal'
    assert api.call('user_update', {'user_id': a, 'profile_category': 'creator'}, viewer=a).status == 200
    assert api.call('user_get', {'user_id': a})['profile_category'] == 'creator'
    bad = 'robot' if api.name == 'http' else 9
    r = api.call('user_update', {'user_id': a, 'profile_category': bad}, viewer=a)
    assert r.status == 422 and '/profile_category' in r.pointers, r


def test_PROF_12_business_info(api, server):
    a = new_user(api)
    info = {'name': 'Café "Ω"', 'hours': [[9, 17], [10, 16]], 'geo': {'lat': 7.9, 'more': {'a': None, 'b': True}}}
    assert api.call('user_update', {'user_id': a, 'profile_category': 'business', 'business_info': info},
                    viewer=a).status == 200
    assert api.call('user_get', {'user_id': a})['business_info'] == info
    assert api.call('user_update', {'user_id': a, 'business_info': {'x': 'y' * 5000}}, viewer=a).status == 422


def test_PROF_16_last_active(api, server):
    a, b = new_user(api), new_user(api)
    assert api.call('user_get', {'user_id': a}, viewer=b)['last_active_at'] is None
    api.call('feed', {}, viewer=a)
    seen = api.call('user_get', {'user_id': a}, viewer=b)['last_active_at']
    age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(seen.replace('Z', '+00:00'))
    assert abs(age.total_seconds()) < 60, seen
    api.call('settings_change', {'user_id': a, 'privacy_level': 'private'}, viewer=a)
    assert api.call('user_get', {'user_id': a}, viewer=b)['last_active_at'] is None
    assert api.call('user_get', {'user_id': a}, viewer=a)['last_active_at'] is not None


# ---- settings ------------------------------------------------------------------------------------

def test_PROF_18_settings(api, server):
    a, b = new_user(api), new_user(api)
    s = api.call('settings', {'user_id': a}, viewer=a)
    born = api.call('user_get', {'user_id': a})['created_at']
    assert s.status == 200 and part(s.body, SETTINGS) == SETTINGS and s['user_id'] == a, s
    assert s['created_at'] == s['updated_at'] == born, (s, born)
    r = api.call('settings_change', {'user_id': a, 'language': 'th'}, viewer=a)
    assert r.status == 200 and part(r.body, SETTINGS) == dict(SETTINGS, language='th'), r
    r = api.call('settings_change', {'user_id': a, 'push_notifications': False, 'timezone': 'Asia/Bangkok'}, viewer=a)
    want = dict(SETTINGS, language='th', push_notifications=False, timezone='Asia/Bangkok')
    assert part(r.body, SETTINGS) == want and r['created_at'] == born and r['updated_at'] > born, r
    r = api.call('settings_change', {'user_id': a, 'push_notifications': True, 'language': ''}, viewer=a)
    assert part(r.body, SETTINGS) == dict(SETTINGS, timezone='Asia/Bangkok'), r
    assert part(api.call('settings', {'user_id': a}, viewer=a).body, SETTINGS) == part(r.body, SETTINGS)
    for zone in ('Mars/Olympus', 'asia/bangkok', 'Asia/Bangkokx', 'Asia/Bangko', '/etc/passwd', 'localtime'):
        x = api.call('settings_change', {'user_id': a, 'timezone': zone}, viewer=a)
        assert x.status == 422 and x.pointers == ['/timezone'], (zone, x)
    for zone in ('UTC', 'Africa/Abidjan', 'Zulu', 'America/Argentina/ComodRivadavia', 'Europe/Kyiv'):
        assert api.call('settings_change', {'user_id': a, 'timezone': zone}, viewer=a)['timezone'] == zone
    for f in ({'language': 'x' * 11}, {'timezone': 'x' * 51}):
        assert api.call('settings_change', dict(f, user_id=a), viewer=a).status == 422
    for op in ('settings', 'settings_change'):
        assert api.call(op, {'user_id': a}, viewer=b).status == 403
        assert api.call(op, {'user_id': a}, service=False).status == 401
        assert api.call(op, {'user_id': a}).status == 200  # a service, for anyone
        assert api.call(op, {'user_id': '77'}).status == 404


def test_PROF_19_privacy_level(api, server):
    a, b, c = new_user(api), new_user(api), new_user(api)
    api.call('follow', {'user_id': a}, viewer=c)
    post(api, a)
    private = lambda: api.call('user_get', {'user_id': a}, viewer=b)['is_private']
    listed = lambda who: len(api.call('user_posts', {'user_id': a}, viewer=who)['posts'])
    assert private() is False and (listed(b), listed(c)) == (1, 1)
    for level, is_private in (('private', True), ('followers', True), ('public', False)):
        r = api.call('settings_change', {'user_id': a, 'privacy_level': level}, viewer=a)
        assert r.status == 200 and r['privacy_level'] == level, r
        assert api.call('settings', {'user_id': a}, viewer=a)['privacy_level'] == level
        assert private() is is_private and (listed(b), listed(c)) == (0 if is_private else 1, 1), level
    bad = 'robot' if api.name == 'http' else 9
    r = api.call('settings_change', {'user_id': a, 'privacy_level': bad}, viewer=a)
    assert r.status == 422 and '/privacy_level' in r.pointers, r


@harness.over('http')
def test_AUTH_1_settings_are_born_with_the_user(api, server):
    name = 'jane%d' % time.time_ns()
    r = api.raw('POST', '/api/register', {'username': name, 'email': name + '@example.org',
                                          'password': 'long enough'})
    assert r.status == 201, r
    s = api.call('settings', {'user_id': r['user_id']}, token=r['token'])
    assert s.status == 200 and part(s.body, SETTINGS) == SETTINGS and s['created_at'] == r['created_at'], s
    # A session that is over says nothing more.
    assert api.call('logout', {}, token=r['token']).status == 204
    assert api.call('settings', {'user_id': r['user_id']}, token=r['token']).status == 401


# ---- preferences ---------------------------------------------------------------------------------

def test_PROF_20_preferences(api, server):
    a, b = new_user(api), new_user(api)
    put = lambda key, value: api.call('preference_put', {'user_id': a, 'preference_key': key,
                                                         'preference_value': value}, viewer=a)
    mine = lambda: api.call('preferences', {'user_id': a}, viewer=a)['preferences']
    assert mine() == []
    first = put('theme', 'dark')
    assert first.status == 200 and first['preference_value'] == 'dark', first
    again = put('theme', 'dark')
    time.sleep(0.002)
    last = put('theme', 'light')
    assert again['created_at'] == last['created_at'] == first['created_at']
    assert last['preference_id'] == first['preference_id'] and last['updated_at'] > first['created_at']
    assert [(p['preference_key'], p['preference_value']) for p in mine()] == [('theme', 'light')]
    put('a/b c?ü', 'x')
    put('empty', None)
    assert [(p['preference_key'], p['preference_value']) for p in mine()] == [
        ('empty', None), ('a/b c?ü', 'x'), ('theme', 'light')]
    assert put('theme', None)['preference_value'] is None
    assert put('k' * 101, 'x').status == 422
    r = put(' ', 'x')
    assert r.status == 422 and '/preference_key' in r.pointers, r
    remove = lambda key: api.call('preference_remove', {'user_id': a, 'preference_key': key}, viewer=a).status
    assert remove('theme') == 204 and remove('theme') == 404 and remove('a/b c?ü') == 204
    assert [p['preference_key'] for p in mine()] == ['empty']
    for op in ('preferences', 'preference_put', 'preference_remove'):
        f = {'user_id': a} if op == 'preferences' else {'user_id': a, 'preference_key': 'empty'}
        assert api.call(op, f, viewer=b).status == 403, op
        assert api.call(op, f, service=False).status == 401, op
    assert [p['preference_key'] for p in mine()] == ['empty']


@harness.over('binary')
def test_PROF_20_as_many_as_there_may_be(api, server):
    a = new_user(api)
    for i in range(200):
        r = api.call('preference_put', {'user_id': a, 'preference_key': 'k%d' % i, 'preference_value': 'v'}, viewer=a)
        assert r.status == 200, r
    r = api.call('preference_put', {'user_id': a, 'preference_key': 'one more'}, viewer=a)
    assert r.status == 409 and r.code == 'too_many_documents', r
    assert api.call('preference_put', {'user_id': a, 'preference_key': 'k7'}, viewer=a).status == 200
    items, sizes = pages(api, 'preferences', {'user_id': a}, 'preferences', viewer=a, limit=60)
    assert [p['preference_key'] for p in items] == ['k%d' % i for i in range(199, -1, -1)] and sizes == [60, 60, 60, 20]


def test_SEC_18_consent(api, server):
    a = new_user(api)
    before = datetime.datetime.now(datetime.timezone.utc)
    api.call('preference_put', {'user_id': a, 'preference_key': 'consent.marketing', 'preference_value': 'granted'},
             viewer=a)
    p, = api.call('preferences', {'user_id': a}, viewer=a)['preferences']
    at = datetime.datetime.fromisoformat(p['updated_at'].replace('Z', '+00:00'))
    assert p['preference_value'] == 'granted' and abs((at - before).total_seconds()) < 60, p
    time.sleep(0.005)  # so that the times differ in milliseconds
    api.call('preference_put', {'user_id': a, 'preference_key': 'consent.marketing', 'preference_value': 'withdrawn'},
             viewer=a)
    q, = api.call('preferences', {'user_id': a}, viewer=a)['preferences']
    assert q['preference_value'] == 'withdrawn' and q['updated_at'] > p['updated_at'], (p, q)
    assert q['created_at'] == p['created_at']


# ---- addresses -----------------------------------------------------------------------------------

def test_PROF_21_addresses(api, server):
    a, b = new_user(api), new_user(api)
    add = lambda **f: api.call('address_add', dict(ADDRESS, user_id=a, **f), viewer=a)
    mine = lambda: api.call('addresses', {'user_id': a}, viewer=a)['addresses']
    first = add(is_default=True, company='ACME', phone='+66 1')
    assert first.status == 201 and first['type'] == 'shipping' and first['is_default'] is True, first
    assert part(first.body, ADDRESS) == ADDRESS and first['company'] == 'ACME' and first['address_line_2'] is None
    assert first['user_id'] == a and first['created_at'] == first['updated_at']
    second = add(is_default=True, type='shipping')
    billing = add(is_default=True, type='billing')
    assert [(x['address_id'], x['is_default']) for x in mine()] == [
        (billing['address_id'], True), (second['address_id'], True), (first['address_id'], False)]
    change = lambda which, **f: api.call('address_change', dict(f, user_id=a, address_id=which['address_id']), viewer=a)
    r = change(first, is_default=True, company='', city='Bangkok')
    assert r.status == 200 and r['is_default'] and r['company'] is None and r['city'] == 'Bangkok', r
    assert r['phone'] == '+66 1' and r['created_at'] == first['created_at'] and r['updated_at'] > first['updated_at']
    assert [x['is_default'] for x in mine()] == [True, False, True]
    # Checkout's question (SHOP-8), and others of the kind.
    ask = lambda **f: [x['address_id'] for x in
                       api.call('addresses', dict(f, user_id=a, limit=1), viewer=a)['addresses']]
    assert ask(type='shipping', is_default=True) == [first['address_id']]
    assert ask(type='shipping', is_default=False) == [second['address_id']]
    assert ask(type='billing') == [billing['address_id']] and ask(type='none') == []
    change(billing, type='shipping')
    assert [x['is_default'] for x in mine()] == [True, False, False]
    for field in ADDRESS:
        r = api.call('address_add', {k: v for k, v in dict(ADDRESS, user_id=a).items() if k != field}, viewer=a)
        assert r.status == 422 and '/' + field in r.pointers, (field, r)
        for bad in ('', '  ', 'x' * 256):
            for r in (api.call('address_add', dict(ADDRESS, **{'user_id': a, field: bad}), viewer=a),
                      change(first, **{field: bad})):
                assert r.status == 422 and '/' + field in r.pointers, (field, bad, r)
    for field, n in (('type', 50), ('company', 255), ('address_line_2', 255), ('phone', 20), ('postal_code', 20)):
        assert change(first, **{field: 'x' * n}).status == 200, field
        assert change(first, **{field: 'x' * (n + 1)}).status == 422, field
    assert len(mine()) == 3
    for op in ('addresses', 'address_add', 'address_change', 'address_remove'):
        f = dict(ADDRESS, user_id=a) if op == 'address_add' else {'user_id': a}
        if op in ('address_change', 'address_remove'):
            f['address_id'] = first['address_id']
        assert api.call(op, f, viewer=b).status == 403, op
        assert api.call(op, f, service=False).status == 401, op
    # Nor by way of one's own list.
    for op in ('address_change', 'address_remove'):
        for other in (first['address_id'], b, '77', '0'):
            r = api.call(op, {'user_id': b, 'address_id': other}, viewer=b)
            assert r.status == 404, (op, other, r)
    remove = lambda: api.call('address_remove', {'user_id': a, 'address_id': second['address_id']}, viewer=a).status
    assert remove() == 204 and remove() == 404 and len(mine()) == 2
    assert change(second, city='x').status == 404


@harness.over('binary')
def test_PROF_21_as_many_as_there_may_be(api, server):
    a = new_user(api)
    for _ in range(50):
        assert api.call('address_add', dict(ADDRESS, user_id=a), viewer=a).status == 201
    r = api.call('address_add', dict(ADDRESS, user_id=a), viewer=a)
    assert r.status == 409 and r.code == 'too_many_documents', r
    newest = api.call('addresses', {'user_id': a}, viewer=a)['addresses'][0]['address_id']
    assert api.call('address_remove', {'user_id': a, 'address_id': newest}, viewer=a).status == 204
    assert api.call('address_add', dict(ADDRESS, user_id=a), viewer=a).status == 201


# ---- search history ------------------------------------------------------------------------------

def test_FIND_12_search_history(api, server):
    a, b = new_user(api), new_user(api)
    mine = lambda who: api.call('search_history', {}, viewer=who)['searches']
    one = api.call('search_add', {'search_type': 'user', 'search_term': 'john'}, viewer=a)
    two = api.call('search_add', {'search_type': 'hashtag', 'search_term': 'photo'}, viewer=a)
    assert one.status == two.status == 201 and one['clicked_result_id'] is None, one
    r = api.call('search_change', {'search_id': one['search_id'], 'clicked_result_id': b}, viewer=a)
    assert r.status == 200 and r['clicked_result_id'] == b and r['search_term'] == 'john', r
    assert [(x['search_type'], x['search_term'], x['clicked_result_id']) for x in mine(a)] == [
        ('hashtag', 'photo', None), ('user', 'john', b)]
    assert mine(b) == []
    # Or all by POST: the click belongs to the search that was not answered yet.
    r = api.call('search_add', {'search_type': 'hashtag', 'search_term': 'photo', 'clicked_result_id': '5'}, viewer=a)
    assert r.status == 201 and r['search_id'] == two['search_id'] and r['clicked_result_id'] == '5', r
    r = api.call('search_add', {'search_type': 'user', 'search_term': 'photo', 'clicked_result_id': '6'}, viewer=a)
    assert [x['clicked_result_id'] for x in mine(a)] == ['6', '5', b]
    assert api.call('search_remove', {'search_id': r['search_id']}, viewer=a).status == 204
    for op in ('search_change', 'search_remove'):
        r = api.call(op, {'search_id': one['search_id']}, viewer=b)
        assert r.status == 404, (op, r)
        assert api.call(op, {'search_id': one['search_id']}, service=False).status == 401
    for op in ('search_history', 'search_add', 'search_clear'):
        assert api.call(op, {'search_term': 'x'} if op == 'search_add' else {}, service=False).status == 401, op
    r = api.call('search_add', {'search_type': 'user', 'search_term': ' '}, viewer=a)
    assert r.status == 422 and '/search_term' in r.pointers, r
    r = api.call('search_add', {'search_term': 'x', 'search_type': 'robot' if api.name == 'http' else 9}, viewer=a)
    assert r.status == 422 and '/search_type' in r.pointers, r
    remove = lambda: api.call('search_remove', {'search_id': two['search_id']}, viewer=a).status
    assert remove() == 204 and remove() == 404
    assert [x['search_term'] for x in mine(a)] == ['john']
    for i in range(105):
        api.call('search_add', {'search_type': 'location', 'search_term': 's%d' % i}, viewer=a)
    items, sizes = pages(api, 'search_history', {}, 'searches', viewer=a, limit=40)
    assert [x['search_term'] for x in items] == ['s%d' % i for i in range(104, 4, -1)] and sizes == [40, 40, 20]
    api.call('search_add', {'search_term': 'b'}, viewer=b)
    assert api.call('search_clear', {}, viewer=a).status == 204 and mine(a) == []
    assert api.call('search_clear', {}, viewer=a).status == 204
    assert [x['search_term'] for x in mine(b)] == ['b']


# ---- collections ---------------------------------------------------------------------------------

def test_SAVE_6_collections(api, server):
    a, b = new_user(api), new_user(api)
    r = api.call('collection_add', {'name': 'Trips', 'description': 'd', 'cover_image_url': 'https://x.org/c.png'},
                 viewer=a)
    assert r.status == 201 and r['posts_count'] == 0 and r['is_public'] is False and r['user_id'] == a, r
    c, p = r['collection_id'], post(api, b)
    mine = lambda: api.call('collections', {}, viewer=a)['collections']
    assert [(x['collection_id'], x['name'], x['posts_count']) for x in mine()] == [(c, 'Trips', 0)]
    r = api.call('collection_change', {'collection_id': c, 'name': 'Journeys'}, viewer=a)
    assert r.status == 200 and (r['name'], r['description']) == ('Journeys', 'd'), r
    assert api.call('collection_get', {'collection_id': c}, viewer=a)['name'] == 'Journeys'
    assert api.call('collect', {'collection_id': c, 'post_id': p}, viewer=a).status == 200
    for f in ({'name': ''}, {'name': 'x' * 101}, {'cover_image_url': 'javascript:x'}, {'description': 'x' * 1001}):
        r = api.call('collection_change', dict(f, collection_id=c), viewer=a)
        assert r.status == 422 and '/' + list(f)[0] in r.pointers, (f, r)
        assert api.call('collection_add', dict({'name': 'x'}, **f), viewer=a).status == 422
    assert api.call('collection_add', {}, viewer=a).status in (400, 422)
    for op in ('collection_change', 'collection_remove'):
        assert api.call(op, {'collection_id': c}, viewer=b).status == 404, op
        assert api.call(op, {'collection_id': c}, service=False).status == 401, op
        assert api.call(op, {'collection_id': '77'}, viewer=a).status == 404, op
    assert api.call('collection_remove', {'collection_id': c}, viewer=a).status == 204
    assert mine() == [] and api.call('collection_get', {'collection_id': c}, viewer=a).status == 404
    assert api.call('collection_posts', {'collection_id': c}, viewer=a).status == 404
    assert api.call('collection_remove', {'collection_id': c}, viewer=a).status == 404
    assert api.call('post_get', {'post_id': p}, viewer=a)['saved'] is True
    assert [x['post_id'] for x in api.call('bookmarks', {}, viewer=a)['posts']] == [p]


def test_SAVE_7_posts_in_a_collection(api, server):
    a, b = new_user(api), new_user(api)
    c = collection(api, a)
    posts = [post(api, b) for _ in range(5)]
    order = [posts[i] for i in (3, 0, 4, 1)]
    for n, p in enumerate(order):
        for _ in range(2):
            r = api.call('collect', {'collection_id': c, 'post_id': p}, viewer=a)
            assert r.status == 200 and r['posts_count'] == n + 1 and r['collection_id'] == c, r
    items, sizes = pages(api, 'collection_posts', {'collection_id': c}, 'posts', viewer=a, limit=3)
    assert [p['post_id'] for p in items] == order[::-1] and sizes == [3, 1]
    count = lambda: api.call('collection_get', {'collection_id': c}, viewer=a)['posts_count']
    assert count() == 4
    for _ in range(2):
        assert api.call('uncollect', {'collection_id': c, 'post_id': order[1]}, viewer=a).status == 204
        assert count() == 3
    got = api.call('collection_posts', {'collection_id': c}, viewer=a)['posts']
    assert [p['post_id'] for p in got] == [order[3], order[2], order[0]]
    again = api.call('collect', {'collection_id': c, 'post_id': order[1]}, viewer=a, key='once-%s' % c)
    assert again['posts_count'] == 4
    assert api.call('collect', {'collection_id': c, 'post_id': order[1]}, viewer=a, key='once-%s' % c)['posts_count'] == 4
    assert api.call('uncollect', {'collection_id': c, 'post_id': order[1]}, viewer=a, key='off-%s' % c).status == 204
    assert count() == 3
    assert api.call('collect', {'collection_id': c, 'post_id': '77'}, viewer=a).status == 404
    assert api.call('collect', {'collection_id': '77', 'post_id': posts[0]}, viewer=a).status == 404
    assert api.call('collect', {'collection_id': posts[0], 'post_id': posts[0]}, viewer=a).status == 404
    # Nobody else, with a key or without, whether they may look at it or not.
    for public in (False, True):
        api.call('collection_change', {'collection_id': c, 'is_public': public}, viewer=a)
        for op, p in (('collect', posts[2]), ('uncollect', order[0])):
            for key in (None, 'k-%s-%s-%s' % (c, public, op)):
                r = api.call(op, {'collection_id': c, 'post_id': p}, viewer=b, key=key)
                assert r.status == (403 if public else 404), (op, public, key, r)
            assert api.call(op, {'collection_id': c, 'post_id': p}, service=False).status == 401
    assert count() == 3


def test_SAVE_8_privacy(api, server):
    a, b, fan = new_user(api), new_user(api), new_user(api)
    author = new_user(api)
    api.call('follow', {'user_id': author}, viewer=fan)
    api.call('follow', {'user_id': author}, viewer=a)
    c, other = collection(api, a), collection(api, a, name='Other')
    shown, hidden = post(api, b), post(api, author)
    for p in (shown, hidden):
        assert api.call('collect', {'collection_id': c, 'post_id': p}, viewer=a)['posts_count'] > 0
    listed = lambda who: [x['collection_id'] for x in
                          api.call('user_collections', {'user_id': a}, viewer=who)['collections']]
    seen = lambda who: api.call('collection_get', {'collection_id': c}, viewer=who).status
    items = lambda who: [p['post_id'] for p in api.call('collection_posts', {'collection_id': c}, viewer=who)['posts']]
    assert listed(a) == [other, c] and listed(b) == [] and seen(a) == 200 and seen(b) == 404
    assert api.call('collection_posts', {'collection_id': c}, viewer=b).status == 404
    api.call('collection_change', {'collection_id': c, 'is_public': True}, viewer=a)
    assert listed(b) == [c] and seen(b) == 200 and items(b) == [hidden, shown]
    assert api.call('user_collections', {'user_id': a}, service=False)['collections'][0]['collection_id'] == c
    assert api.call('collections', {}, viewer=b)['collections'] == []
    api.call('settings_change', {'user_id': author, 'privacy_level': 'private'}, viewer=author)
    assert items(b) == [shown] and items(fan) == items(a) == [hidden, shown]
    api.call('settings_change', {'user_id': a, 'privacy_level': 'private'}, viewer=a)
    assert listed(b) == [] and seen(b) == 404 and listed(a) == [other, c]
    api.call('settings_change', {'user_id': a, 'privacy_level': 'public'}, viewer=a)
    api.call('collection_change', {'collection_id': c, 'is_public': False}, viewer=a)
    assert listed(b) == [] and seen(b) == 404
    # A post that the collector may not see cannot be collected.
    r = api.call('collect', {'collection_id': collection(api, b), 'post_id': hidden}, viewer=b)
    assert r.status == 404, r


def test_SAVE_9_post_gone(api, server):
    a, b = new_user(api), new_user(api)
    c = collection(api, a)
    posts = [post(api, b) for _ in range(3)]
    for p in posts:
        api.call('collect', {'collection_id': c, 'post_id': p}, viewer=a)
    api.call('post_delete', {'post_id': posts[1]}, viewer=b)
    got = api.call('collection_posts', {'collection_id': c}, viewer=a)['posts']
    assert [p['post_id'] for p in got] == [posts[2], posts[0]]
    eventually(lambda: harness_count(api, a, c, 2))
    api.call('user_delete', {'user_id': b}, viewer=b)
    eventually(lambda: harness_count(api, a, c, 0))
    assert api.call('collection_posts', {'collection_id': c}, viewer=a)['posts'] == []


def harness_count(api, who, c, n):
    assert api.call('collection_get', {'collection_id': c}, viewer=who)['posts_count'] == n


def test_C_37_saved_is_bookmarked(api, server):
    """To put a post into a collection saves it; what is saved no more is in no collection."""
    a, b = new_user(api), new_user(api)
    c, d = collection(api, a), collection(api, a, name='Other')
    p, q = post(api, b), post(api, b)
    call = lambda op, **f: api.call(op, f, viewer=a)
    saved = lambda: [x['post_id'] for x in call('bookmarks')['posts']]
    inside = lambda n: [x['post_id'] for x in call('collection_posts', collection_id=n)['posts']]
    sizes = lambda: [call('collection_get', collection_id=n)['posts_count'] for n in (c, d)]
    shown = lambda n: (call('post_get', post_id=n)['saved'], call('post_get', post_id=n)['save_count'])
    assert call('collect', collection_id=c, post_id=p)['posts_count'] == 1
    assert saved() == [p] and shown(p) == (True, 1) and shown(q) == (False, 0)
    # In two collections, and bookmarked besides: saved once.
    call('collect', collection_id=d, post_id=p)
    assert call('bookmark', post_id=p).body == {'post_id': p, 'saved': True, 'save_count': 1}
    assert call('uncollect', collection_id=c, post_id=p).status == 204
    assert saved() == [p] and sizes() == [0, 1] and shown(p) == (True, 1)
    call('collect', collection_id=c, post_id=p)
    call('collect', collection_id=c, post_id=q)
    assert saved() == [q, p] and sizes() == [2, 1]
    assert call('unbookmark', post_id=p).body == {'post_id': p, 'saved': False, 'save_count': 0}
    assert saved() == [q] and sizes() == [1, 0] and inside(c) == [q] and inside(d) == []
    # At once again, and with a key, which only the post's side knows.
    for n in range(12):
        assert call('collect', collection_id=d, post_id=p)['posts_count'] == 1, n
        key = 'off-%s-%d' % (d, n) if n % 2 else None
        assert api.call('unbookmark', {'post_id': p}, viewer=a, key=key)['saved'] is False
        assert sizes() == [1, 0] and saved() == [q], n
    call('collect', collection_id=d, post_id=p)
    assert sizes() == [1, 1] and inside(d) == [p] and saved() == [p, q]
    # Deleted and restored it comes back to both.
    api.call('post_delete', {'post_id': p}, viewer=b)
    eventually(lambda: harness_count(api, a, d, 0))
    assert call('unbookmark', post_id=p).status == 404 and saved() == [q]
    api.call('post_restore', {'post_id': p}, viewer=b)
    eventually(lambda: harness_count(api, a, d, 1))
    assert shown(p) == (True, 1) and inside(d) == [p] and saved() == [p, q]
    assert call('unbookmark', post_id=p)['save_count'] == 0 and sizes() == [1, 0]
    # A collection that goes leaves what was saved.
    assert call('collection_remove', collection_id=c).status == 204
    assert saved() == [q] and shown(q) == (True, 1)
    call('collect', collection_id=d, post_id=q)
    server.restart('kill')
    api = type(api)(server)
    assert saved() == [q] and inside(d) == [q] and shown(q) == (True, 1)
    server.stop()
    server.check()
    server.start()


# ---- statistics ----------------------------------------------------------------------------------

def test_STAT_1_user_stats(api, server):
    a, b = new_user(api), new_user(api)
    stats = lambda: api.call('user_stats', {'user_id': a}, viewer=b)
    s = stats()
    counts = lambda s: (s['post_count'], s['follower_count'], s['following_count'])
    assert s.status == 200 and counts(s) == (0, 0, 0), s
    assert s['updated_at'] == api.call('user_get', {'user_id': a})['created_at']
    want, last = [0, 0, 0], s['updated_at']

    def then(op, fields, who, which, by):
        nonlocal last
        time.sleep(0.003)
        r = api.call(op, fields, viewer=who)
        assert r.status < 300, r
        want[which] += by
        s = stats()
        assert counts(s) == tuple(want) and s['updated_at'] > last, (op, s, want, last)
        last = s['updated_at']
        return r
    p = then('post_create', {'caption': 'x'}, a, 0, 1)['post_id']
    then('follow', {'user_id': a}, b, 1, 1)
    then('follow', {'user_id': b}, a, 2, 1)
    then('unfollow', {'user_id': a}, b, 1, -1)
    then('unfollow', {'user_id': b}, a, 2, -1)
    then('post_delete', {'post_id': p}, a, 0, -1)
    assert stats()['updated_at'] == last
    assert api.call('user_stats', {'user_id': '77'}).status == 404


def test_STAT_1_times_over_a_snapshot(api, server):
    """What moved a count last is still known after a start, also where it left nothing behind."""
    a, b = new_user(api), new_user(api)
    p = post(api, a)
    api.call('like', {'post_id': p}, viewer=b)
    api.call('follow', {'user_id': a}, viewer=b)
    time.sleep(0.01)
    api.call('unfollow', {'user_id': a}, viewer=b)
    time.sleep(0.01)
    api.call('unlike', {'post_id': p}, viewer=b)
    shown = lambda: [api.call('user_stats', {'user_id': u}).body for u in (a, b)]
    was = shown()
    assert server.admin_get('/snapshot', 'POST')[0] == 200
    for how in ('stop', 'kill'):
        server.restart(how)
        api = type(api)(server)
        assert shown() == was, (shown(), was)
    time.sleep(0.01)
    api.call('like', {'post_id': p}, viewer=b)
    assert shown()[0]['updated_at'] > was[0]['updated_at'] and shown()[1] == was[1]


def test_STAT_9_likes_received(api, server):
    a, fans = new_user(api), [new_user(api) for _ in range(3)]
    received = lambda: api.call('user_stats', {'user_id': a})['total_likes_received']
    one, two = post(api, a), post(api, a)
    like = lambda who, p, op='like': api.call(op, {'post_id': p}, viewer=who)
    for f in fans:
        for _ in range(2):
            like(f, one)
    like(fans[0], two)
    assert received() == 4
    like(fans[1], one, 'unlike')
    assert received() == 3
    assert api.call('post_delete', {'post_id': one}, viewer=a).status == 204
    assert received() == 1  # in the same change, whatever the cascade has still to do
    api.call('user_delete', {'user_id': fans[0]}, viewer=fans[0])

    def fell():
        assert received() == 0
    eventually(fell)


# ---- all of them ---------------------------------------------------------------------------------

def fill(api):
    """A user with everything, another's post collected: what the user's answers are."""
    a, b = new_user(api), new_user(api)
    p, c = post(api, b), collection(api, a, is_public=True)
    for i in range(3):
        api.call('address_add', dict(ADDRESS, user_id=a, is_default=True, city='City %d' % i), viewer=a)
        api.call('preference_put', {'user_id': a, 'preference_key': 'k%d' % (i % 2), 'preference_value': 'v%d' % i},
                 viewer=a)
        api.call('search_add', {'search_term': 't%d' % i}, viewer=a)
    api.call('settings_change', {'user_id': a, 'language': 'th', 'privacy_level': 'followers'}, viewer=a)
    api.call('collect', {'collection_id': c, 'post_id': p}, viewer=a)
    api.call('like', {'post_id': post(api, a)}, viewer=a)
    api.call('follow', {'user_id': b}, viewer=a)
    return a, b, p, c


def look(api, a, c):
    body = lambda op, f: api.call(op, f, viewer=a).body
    return [body('addresses', {'user_id': a}), body('preferences', {'user_id': a}), body('settings', {'user_id': a}),
            body('search_history', {}), body('collections', {}), body('collection_posts', {'collection_id': c}),
            api.call('user_get', {'user_id': a})['is_private'], api.call('user_stats', {'user_id': a}).body]


def test_AUTH_18_documents_go_with_their_user(api, server):
    a, b, p, c = fill(api)
    assert api.call('user_delete', {'user_id': a}, viewer=a).status == 204
    assert api.call('collection_get', {'collection_id': c}, viewer=b).status == 404
    assert api.call('user_collections', {'user_id': a}, viewer=b).status == 404
    for op in ('addresses', 'preferences', 'settings'):
        assert api.call(op, {'user_id': a}).status == 404, op
    assert api.call('post_get', {'post_id': p}, viewer=b).status == 200


@harness.once
def test_documents_survive(api, server):
    """kill -9, a snapshot, another number of cores: the same answers; and nothing is left of who is deleted."""
    with Server(cores=2) as own:
        api = type(api)(own)
        a, b, p, c = fill(api)
        gone, _, _, other = fill(api)
        assert api.call('user_delete', {'user_id': gone}, viewer=gone).status == 204
        before = look(api, a, c)
        assert len(before[0]['addresses']) == 3 and before[6] is True
        assert [x['preference_value'] for x in before[1]['preferences']] == ['v1', 'v2']
        own.kill()
        counts = own.check()['counts']
        own.check_digests()
        own.start()
        api = type(api)(own)
        assert look(api, a, c) == before
        status, text = own.admin_get('/snapshot', 'POST')
        assert status < 300, (status, text)
        time.sleep(1.5)
        api.call('address_add', dict(ADDRESS, user_id=a, is_default=True), viewer=a)
        after = look(api, a, c)
        assert [x['is_default'] for x in after[0]['addresses']] == [True, False, False, False]
        own.kill()
        counts = own.check()['counts']
        # three addresses and one more, two preferences, three searches, a collection, settings
        assert counts['documents'] == 4 + 2 + 3 + 1 + 1, counts
        own.start()
        api = type(api)(own)
        assert look(api, a, c) == after
        assert api.call('collect', {'collection_id': c, 'post_id': p}, viewer=a)['posts_count'] == 1


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
