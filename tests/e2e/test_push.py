#!/usr/bin/python3
"""Push tokens of devices, and jobs for a sender outside: NOTE-10."""
import concurrent.futures
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Binary, Server, eventually, new_user
from test_note import Subscription, comment, notes, post

DELAY = 0.5  # that an open connection has to take a notification


def register(api, user, token, kind='iOS', **fields):
    a = api.call('device_put', dict(fields, token=token, device_type=kind), viewer=user)
    assert a.status == 200, a
    return a['device_id']


def tokens(api, user):
    return [d['token'] for d in api.call('devices', {}, viewer=user)['devices']]


def jobs(api, after, limit=100):
    a = api.call('push_jobs', {'after': after, 'limit': limit})
    assert a.status == 200, a
    return a


def position(api):
    """What is told before now is not asked for."""
    time.sleep(DELAY + 0.1)
    return api.call('push_jobs', {})['next']


def all_jobs(api, after, n):
    """All since then, when there are n; and no more come later."""
    def check():
        got = jobs(api, after)['jobs']
        assert len(got) >= n, (len(got), n)
        return got
    eventually(check)
    time.sleep(DELAY + 0.1)
    got = jobs(api, after)['jobs']
    assert len(got) == n, got
    return got


def unique(api, name):
    return '%s-%s-%d-%d' % (name, api.name, os.getpid(), time.time_ns())


def test_NOTE_10_a_job_for_each_device(api, server):
    a, b = new_user(api), new_user(api)
    one, two = unique(api, 'one'), unique(api, 'two')
    ids = [register(api, b, one), register(api, b, two, 'Android', name='old phone')]
    p = post(api, b)
    at = position(api)
    comment(api, a, p, 'look 👀')
    got = all_jobs(api, at, 2)
    assert sorted((j['device_id'], j['token'], j['device_type']) for j in got) == sorted(
        [(ids[0], one, 'iOS'), (ids[1], two, 'Android')])
    told = notes(api, b)[0]
    for j in got:
        assert (j['user_id'], j['priority'], j['badge'], j['collapse_key']) == (b, 'high', 1, 'comment:' + p), j
        assert j['number'] == got[0]['number']
        n = j['notification']
        assert (n['notification_id'], n['title'], n['message']) == (told['notification_id'], told['title'], 'look 👀'), n
        assert 'push' in n['channels']
    # Two more of one kind take each other's place on the device; nothing for who has none, or acts himself.
    post_of_a = post(api, a)
    api.call('like', {'post_id': post_of_a}, viewer=b)
    api.call('like', {'post_id': p}, viewer=b)
    for who in (a, new_user(api)):
        api.call('like', {'post_id': p}, viewer=who)
    got = all_jobs(api, at, 6)[2:]
    assert {(j['collapse_key'], j['priority']) for j in got} == {('like:' + p, 'normal')}, got
    assert [j['badge'] for j in got] == [3] * 4
    numbers = [int(j['number']) for j in got]
    assert numbers == sorted(numbers) and len(set(numbers)) == 2
    # Page by page, the jobs of one notification together.
    seen, place = [], at
    while True:
        page = jobs(api, place, limit=2)
        if not page['jobs']:
            break
        assert len(page['jobs']) == 2 and not page['missed']
        seen += [(j['number'], j['device_id']) for j in page['jobs']]
        place = page['next']
    assert len(seen) == len(set(seen)) == 6


def test_NOTE_10_online_gets_none(api, server):
    a, b = new_user(api), new_user(api)
    register(api, b, unique(api, 'b'))
    p = post(api, b)
    at = position(api)
    sub = Subscription(server, b)
    api.call('like', {'post_id': p}, viewer=a)
    assert sub.events(1)[0]['type'] == 'like'
    all_jobs(api, at, 0)
    sub.s.close()
    time.sleep(0.2)
    comment(api, a, p)
    got = all_jobs(api, at, 1)
    assert got[0]['notification']['type'] == 'comment'


def test_NOTE_10_preferences_and_what_was_taken_back(api, server):
    a, b = new_user(api), new_user(api)
    register(api, b, unique(api, 'b'))
    p = post(api, b)
    at = position(api)
    prefer = lambda on: api.call('notification_preference_set', {'notification_type': 'like', 'push_enabled': on},
                                 viewer=b)
    prefer(False)
    api.call('like', {'post_id': p}, viewer=a)
    prefer(True)
    api.call('settings_change', {'user_id': b, 'push_notifications': False}, viewer=b)
    api.call('follow', {'user_id': b}, viewer=a)
    api.call('settings_change', {'user_id': b, 'push_notifications': True}, viewer=b)
    # Taken back, or read, before a sender has asked.
    api.call('unlike', {'post_id': p}, viewer=a)
    api.call('like', {'post_id': p}, viewer=a)
    api.call('unlike', {'post_id': p}, viewer=a)
    comment(api, a, p)
    api.call('notifications_read', {}, viewer=b)
    c = comment(api, a, p, 'once more')
    got = all_jobs(api, at, 1)
    assert got[0]['notification']['entity_id'] == c and got[0]['badge'] == 1, got
    # Not in the list of notifications, but pushed.
    api.call('notification_preference_set', {'notification_type': 'like', 'in_app_enabled': False}, viewer=b)
    api.call('like', {'post_id': p}, viewer=a)
    got = all_jobs(api, at, 2)
    assert got[1]['notification']['type'] == 'like' and got[1]['badge'] == 1


def test_NOTE_10_devices(api, server):
    a, b = new_user(api), new_user(api)
    one, two = unique(api, 'one'), unique(api, 'two')
    d = register(api, a, one)
    assert register(api, a, two) != d
    assert register(api, a, one, 'Web', name='browser') == d
    shown = [x for x in api.call('devices', {}, viewer=a)['devices'] if x['device_id'] == d][0]
    assert (shown['device_type'], shown['name'], shown['user_id']) == ('Web', 'browser', a) and shown['created_at']
    assert tokens(api, b) == []
    for f, field in (({}, 'token'), ({'token': ''}, 'token'), ({'token': 'x' * 4097}, 'token'),
                     ({'token': 'x', 'device_type': 'x' * 51}, 'device_type'), ({'token': 'x', 'name': 'x' * 101}, 'name')):
        r = api.call('device_put', f, viewer=a)
        assert r.status == 422 and '/' + field in r.pointers, (f, r)
    for op, f in (('device_put', {'token': 'x'}), ('devices', {}), ('device_remove', {'device_id': d})):
        assert api.call(op, f, service=False).status == 401, op
    assert api.call('push_jobs', {}, service=False).status == 401
    assert api.call('device_remove', {'device_id': d}, viewer=b).status == 404
    line = lambda: [x for x in api.call('user_export', {'user_id': a, 'limit': 100}, viewer=a)['lines'] if one in x]
    assert len(line()) == 1 and '"kind":"device"' in line()[0]
    # The sender was told that the token is no more.
    assert api.call('device_remove', {'device_id': d}, viewer=a).status == 204
    assert api.call('device_remove', {'device_id': d}, viewer=a).status == 404
    assert tokens(api, a) == [two] and line() == []
    p, at = post(api, a), position(api)
    api.call('like', {'post_id': p}, viewer=b)
    assert [j['token'] for j in all_jobs(api, at, 1)] == [two]
    assert api.call('user_delete', {'user_id': a}, viewer=a).status == 204
    all_jobs(api, at, 0)


def test_NOTE_10_a_token_moves_to_its_newest_owner(api, server):
    """Whoever has the telephone now, and not who had it before."""
    people, token = [new_user(api) for _ in range(6)], unique(api, 'telephone')
    for who in people:
        register(api, who, token)

        def moved():
            assert [tokens(api, x) for x in people if x != who] == [[]] * 5
            assert tokens(api, who) == [token]
        eventually(moved)
    register(api, people[0], token)
    eventually(lambda: assert_equal(tokens(api, people[5]), []))
    at = position(api)
    api.call('follow', {'user_id': people[5]}, viewer=people[1])
    api.call('follow', {'user_id': people[0]}, viewer=people[1])
    assert [j['user_id'] for j in all_jobs(api, at, 1)] == [people[0]]


def test_NOTE_10_a_token_has_one_owner_under_races(api, server):
    """Many register one token at once, again and again, and some give it up: at the end whoever was last."""
    people, token = [new_user(api) for _ in range(8)], unique(api, 'shared')

    def registers(who):
        mine = type(api)(server)
        for i in range(25):
            d = register(mine, who, token)
            if i % 5 == 4:
                assert mine.call('device_remove', {'device_id': d}, viewer=who).status in (204, 404)
        return register(mine, who, token)
    with concurrent.futures.ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(registers, people))

    def one():
        assert sorted(len(tokens(api, x)) for x in people) == [0] * 7 + [1]
    eventually(one)
    register(api, people[3], token)
    eventually(lambda: assert_equal([tokens(api, x) for x in people], [[]] * 3 + [[token]] + [[]] * 4))


def test_NOTE_10_a_removal_means_what_it_has_seen(api, server):
    a = new_user(api)
    d = register(api, a, unique(api, 'anew'))
    shown = lambda: api.call('devices', {}, viewer=a)['devices'][0]
    before = shown()['updated_at']
    time.sleep(0.01)
    assert register(api, a, shown()['token']) == d and shown()['updated_at'] != before
    r = api.call('device_remove', {'device_id': d, 'as_of': before}, viewer=a)
    assert r.status == 409 and r.code == 'conflict', r
    r = api.call('device_remove', {'device_id': d, 'as_of': shown()['updated_at']}, viewer=a)
    assert r.status == 204 and api.call('devices', {}, viewer=a)['devices'] == [], r


def assert_equal(a, b):
    assert a == b, (a, b)


def test_NOTE_10_as_many_as_there_may_be(api, server):
    a, name = new_user(api), unique(api, 'many')
    for i in range(52):
        register(api, a, '%s-%d' % (name, i))
    items, sizes = harness.pages(api, 'devices', {}, 'devices', viewer=a)
    assert [d['token'] for d in items] == ['%s-%d' % (name, i) for i in range(51, 1, -1)] and sizes == [20, 20, 10]


def test_NOTE_10_survives(api, server):
    """A sender that goes on after the last number it has seen gets each job once, killed or not."""
    a, fans = new_user(api), [new_user(api) for _ in range(8)]
    mine = {unique(api, 'one'), unique(api, 'two')}
    for t in mine:
        register(api, a, t)
    p, seen, at = post(api, a), [], position(api)
    for n, f in enumerate(fans):
        comment(api, f, p, 'c%d' % n)
        if n % 3 == 1:
            page = jobs(api, at, limit=4)
            seen += page['jobs']
            at = page['next']
        if n == 4:
            assert server.admin_get('/snapshot', 'POST')[0] in (200, 202, 204)
        if n in (2, 5, 7):
            server.restart('kill')
            api = type(api)(server)
            eventually(lambda: jobs(api, at))
    seen += all_jobs(api, at, 16 - len(seen))
    assert len({(j['number'], j['device_id']) for j in seen}) == len(seen) == 16
    assert [j['notification']['message'] for j in seen[::2]] == ['c%d' % n for n in range(8)]
    assert {j['token'] for j in seen} == mine
    # From the beginning it is all there once more.
    first = int(seen[0]['number']) - 1
    assert [j['number'] for j in jobs(api, first)['jobs']] == [j['number'] for j in seen]


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
