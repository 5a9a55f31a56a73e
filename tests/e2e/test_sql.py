#!/usr/bin/python3
"""SQL rows: what the SQL of the project's forerunners asks, function by function and statement by statement, with
their sample data; a fresh server for each protocol, as a new database would be."""
import crypt
import os
import random
import shutil
import sys
import tarfile
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Server, new_user, pages

PASSWORD = 'correct horse'
PEOPLE = [('john_doe', 'John', 'Doe'), ('jane_smith', 'Jane', 'Smith'), ('mike_wilson', 'Mike', 'Wilson'),
          ('sarah_jones', 'Sarah', 'Jones'), ('alex_brown', 'Alex', 'Brown')]
POSTS = [('john_doe', 'Just finished building an amazing web application with React and Node!', ['webdev', 'react']),
         ('jane_smith', 'Golden hour in the mountains', ['sunset', 'photography']),
         ('mike_wilson', 'New personal best at the gym', ['fitness']),
         ('sarah_jones', 'Trying a recipe of my grandmother', ['cooking', 'family']),
         ('alex_brown', 'Long journey, good book', ['travel'])]
FOLLOWS = [('jane_smith', 'john_doe'), ('sarah_jones', 'john_doe'), ('mike_wilson', 'jane_smith'),
           ('alex_brown', 'mike_wilson')]
COMMENTS = [('jane_smith', 'john_doe', 'Congratulations!'), ('john_doe', 'jane_smith', 'What a view'),
            ('alex_brown', 'mike_wilson', 'Keep going')]
LIKES = [('jane_smith', 'john_doe'), ('sarah_jones', 'john_doe'), ('john_doe', 'jane_smith')]


class Sample:
    """SQL-27 in a directory of its own."""
    made = {}

    def __init__(self, transport):
        self.server = Server()
        self.transport = transport
        api = self.api
        users = [{'username': name, 'email': name + '@example.com', 'first_name': first, 'last_name': last,
                  'password_hash': crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=2 ** 4))}
                 for name, first, last in PEOPLE]
        ids = api.call('import_users', {'users': users})['user_ids']
        self.id = {name: id for (name, _, _), id in zip(PEOPLE, ids)}
        admin = new_user(api)
        assert api.call('role_set', {'user_id': admin, 'role': 'admin'}).status == 200
        for name in ('john_doe', 'mike_wilson'):
            given = api.call('verified_set', {'user_id': self.id[name], 'is_verified': True}, viewer=admin)
            assert given.status == 200, given
        self.post = {name: self.done('post_create', name, caption=text, hashtags=tags)['post_id']
                     for name, text, tags in POSTS}
        for one, other in FOLLOWS:
            self.done('follow', one, user_id=self.id[other])
        for one, other, text in COMMENTS:
            self.done('comment_create', one, post_id=self.post[other], content=text)
        for one, other in LIKES:
            self.done('like', one, post_id=self.post[other])

    @property
    def api(self):
        return self.transport(self.server)

    def done(self, op, who, **fields):
        a = self.api.call(op, fields, viewer=self.id[who])
        assert a.status in (200, 201), (op, who, a)
        return a

    def counts(self, name):
        a = self.api.call('user_stats', {'user_id': self.id[name]})
        return tuple(a[k] for k in ('follower_count', 'following_count', 'post_count', 'total_likes_received'))


def sample(api):
    if api.name not in Sample.made:
        Sample.made[api.name] = Sample(type(api))
    return Sample.made[api.name]


def engaged(post):
    return tuple(post[k] for k in ('comment_count', 'like_count', 'share_count'))


def make(api, user, **fields):
    a = api.call('post_create', dict(dict(caption='x'), **fields), viewer=user)
    assert a.status == 201, a
    return a['post_id']


# ---- the sample data ----------------------------------------------------------------------------

def test_SQL_27_28_sample_data(api, server):
    """One command, an empty directory: a server with ids of its own, and names that can be searched."""
    s = sample(api)
    want = {'john_doe': (2, 0, 1, 2), 'jane_smith': (1, 1, 1, 1), 'mike_wilson': (1, 1, 1, 0),
            'sarah_jones': (0, 1, 1, 0), 'alex_brown': (0, 1, 1, 0)}
    for again in range(2):
        assert {name: s.counts(name) for name in want} == want
        assert len(set(s.id.values()) | set(s.post.values())) == 10
        shown = {name: s.api.call('user_get', {'user_id': id}) for name, id in s.id.items()}
        assert [n for n, u in shown.items() if u['is_verified']] == ['john_doe', 'mike_wilson']
        assert shown['sarah_jones']['full_name'] == 'Sarah Jones'
        for name, _, tags in POSTS:
            assert s.api.call('post_get', {'post_id': s.post[name]})['hashtags'] == tags
        for query in ('jane', 'smit', 'jnae_smith'):
            found = s.api.call('search_users', {'query': query})['users']
            assert 'jane_smith' in [u['username'] for u in found], (query, found)
        logged = s.api.call('login', {'username': 'john_doe', 'password': PASSWORD}, service=False)
        assert logged.status == 200 and logged['user_id'] == s.id['john_doe'], logged
        s.server.restart('kill')


def test_SQL_6_user_feed(api, server):
    s = sample(api)
    feed = s.api.call('feed', {'limit': 20}, viewer=s.id['jane_smith'])
    assert [p['post_id'] for p in feed['posts']] == [s.post['john_doe']] and feed['next_cursor'] is None
    check_post(s, feed['posts'][0])


def check_post(s, post):
    """The ten columns of the seed's query."""
    assert post['caption'] == POSTS[0][1] and post['created_at'].endswith('Z'), post
    author = post['author']
    assert (author['username'], author['first_name'], author['last_name'], author['avatar_url']) == \
        ('john_doe', 'John', 'Doe', None), author
    assert engaged(post) == (1, 2, 0), post


def test_SQL_7_post_details(api, server):
    s = sample(api)
    check_post(s, s.api.call('post_get', {'post_id': s.post['john_doe']}).body)


def test_SQL_8_followers(api, server):
    s = sample(api)
    users = s.api.call('followers', {'user_id': s.id['john_doe']})['users']
    assert [u['username'] for u in users] == ['sarah_jones', 'jane_smith'], users
    assert [(u['first_name'], u['last_name'], u['avatar_url']) for u in users] == \
        [('Sarah', 'Jones', None), ('Jane', 'Smith', None)]
    since = [u['followed_since'] for u in users]
    assert since == sorted(since, reverse=True) and all(t.endswith('Z') for t in since), since


def test_SQL_9_search(api, server):
    s = sample(api)
    found = lambda q: [p['post_id'] for p in s.api.call('search_posts', {'query': q, 'limit': 20})['posts']]
    assert found('web application') == [s.post['john_doe']]
    assert found('sunset photography') == []


def test_SQL_10_statistics(api, server):
    s = sample(api)
    stats = s.api.call('user_stats', {'user_id': s.id['john_doe']})
    assert [stats[k] for k in ('post_count', 'follower_count', 'following_count', 'total_likes_received')] == \
        [1, 2, 0, 2], stats
    who = s.api.call('user_get', {'user_id': s.id['john_doe']})
    assert (who['username'], who['first_name'], who['last_name']) == ('john_doe', 'John', 'Doe')


# ---- functions ----------------------------------------------------------------------------------

def crowd(api, n, tag):
    """n users by few requests."""
    ids = []
    for at in range(0, n, 64):
        rows = [{'username': '%s%d_%s' % (tag, i, api.name), 'email': '%s%d%s@example.org' % (tag, i, api.name)}
                for i in range(at, min(n, at + 64))]
        ids += api.call('import_users', {'users': rows})['user_ids']
    assert '0' not in ids
    return ids


def test_SQL_1_get_user_feed(api, server):
    """Random writes by 200 users; what each sees is worked out from what was written."""
    rng = random.Random(7)
    users = crowd(api, 200, 'feeder')
    follows = sorted({(rng.choice(users), rng.choice(users)) for _ in range(1600)})
    follows = [f for f in follows if f[0] != f[1]]
    for at in range(0, len(follows), 1000):
        some = follows[at:at + 1000]
        a = api.call('import_edges', {'kind': 'follow', 'from': [f for f, _ in some], 'to': [t for _, t in some]})
        assert a['applied'] == len(some), a
    posts, likes, comments = [], set(), {}
    for i in range(500):
        author, audience = rng.choice(users), rng.choice(['public', 'public', 'followers', 'close_friends'])
        posts.append((int(make(api, author, caption='n%d' % i, audience=audience)), author, audience))
    open_posts = [p for p in posts if p[2] == 'public']
    for _ in range(600):
        likes.add((rng.choice(users), rng.choice(open_posts)[0]))
    edges = sorted(likes)
    a = api.call('import_edges', {'kind': 'like', 'from': [u for u, _ in edges], 'to': [str(p) for _, p in edges]})
    assert a['applied'] == len(edges), a
    for _ in range(150):
        post = rng.choice(open_posts)[0]
        assert api.call('comment_create', {'post_id': str(post), 'content': 'c'}, viewer=rng.choice(users)).status == 201
        comments[post] = comments.get(post, 0) + 1
    for me in users:
        mine = {t for f, t in follows if f == me}
        want = sorted((p for p, author, audience in posts if author in mine and audience != 'close_friends'),
                      reverse=True)
        for offset in (0, 20):
            got = api.call('feed', {'limit': 20, 'offset': offset}, viewer=me)['posts']
            assert [int(p['post_id']) for p in got] == want[offset:offset + 20], (me, offset)
            for p in got:
                id = int(p['post_id'])
                assert p['like_count'] == sum(q == id for _, q in likes), p
                assert p['comment_count'] == comments.get(id, 0) and p['liked'] == ((me, id) in likes), p


def test_SQL_3_get_user_suggestions(api, server):
    a, b, c, d, e = [new_user(api) for _ in range(5)]
    for one, other in ((a, b), (a, c), (b, d), (c, d), (b, e)):
        assert api.call('follow', {'user_id': other}, viewer=one).status == 200
    got = api.call('suggestions', {'limit': 10}, viewer=a)['suggestions']
    assert [(x['user_id'], x['mutual_count']) for x in got] == [(d, 2), (e, 1)], got


# ---- statements ---------------------------------------------------------------------------------

def test_SQL_11_12_13_14_like_count(api, server):
    author, other = new_user(api), new_user(api)
    p = make(api, author)
    api.call('follow', {'user_id': author}, viewer=other)

    def count():
        """One number, wherever it is shown."""
        n = api.call('like_count', {'post_id': p})['like_count']
        assert api.call('post_get', {'post_id': p})['like_count'] == n
        assert api.call('feed', {}, viewer=other)['posts'][0]['like_count'] == n
        return n
    assert count() == 0, 'never liked'
    for _ in range(10):
        assert api.call('unlike', {'post_id': p}, viewer=other)['like_count'] == 0
    assert count() == 0
    for _ in range(2):
        assert api.call('like', {'post_id': p}, viewer=other)['like_count'] == 1
        assert count() == 1
    assert api.call('unlike', {'post_id': p}, viewer=other)['like_count'] == 0
    assert count() == 0


def test_SQL_23_insert_into_follows(api, server):
    a, b = new_user(api), new_user(api)
    count = lambda u, k: api.call('user_get', {'user_id': u})[k]
    for n in (1, 1):
        assert api.call('follow', {'user_id': b}, viewer=a).status == 200
        assert (count(a, 'following_count'), count(b, 'followers_count')) == (n, n)
        assert (count(a, 'followers_count'), count(b, 'following_count')) == (0, 0)


def test_SQL_24_insert_into_posts_and_media(api, server):
    p = make(api, new_user(api), caption='Beautiful sunset!', location={'name': 'Phuket, Thailand'})
    owner = api.call('post_get', {'post_id': p})['user_id']
    image = {'media_type': 'image', 'media_url': 'https://example.com/sunset.jpg', 'display_order': 0}
    assert api.call('media_add', dict(image, post_id=p), viewer=owner).status == 201
    shown = api.call('post_get', {'post_id': p})
    assert shown['caption'] == 'Beautiful sunset!' and shown['location']['name'] == 'Phuket, Thailand', shown
    assert [{k: m[k] for k in image} for m in shown['media']] == [image], shown


def together(n, work):
    """work(i) on n connections at once."""
    wrong = []

    def run(i):
        try:
            work(i)
        except Exception as e:
            wrong.append(e)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong, wrong[0]


def test_SQL_14_counter_under_clients(api, server):
    """8 clients, each with likes by users of its own."""
    users, p = crowd(api, 2000, 'liker'), make(api, new_user(api))

    def work(i):
        mine = type(api)(server)
        for u in users[i * 250:(i + 1) * 250]:
            assert mine.call('like', {'post_id': p}, viewer=u).status == 200
    together(8, work)
    assert api.call('like_count', {'post_id': p})['like_count'] == 2000


def test_SQL_15_16_feed_pages(api, server):
    a, b, me = [new_user(api) for _ in range(3)]
    for u in (a, b):
        api.call('follow', {'user_id': u}, viewer=me)
    # Some of one batch, so of equal times: the traps of `created_at <=`.
    stamp = '2024-01-01T00:00:00.000Z'
    rows = [{'user_id': (a, b)[i % 2], 'caption': 'old %d' % i, 'created_at': stamp} for i in range(25)]
    assert api.call('import_posts', {'source_hi': '1', 'source_lo': '77' if api.name == 'http' else '78', 'chunk': 0,
                                     'posts': rows})['applied'] == 25
    new = [make(api, (a, b)[i % 2]) for i in range(20)]
    first = api.call('feed', {'limit': 20}, viewer=me)['posts']
    ids = [int(p['post_id']) for p in first]
    assert ids == sorted(map(int, new), reverse=True)
    last = first[-1]
    by_id = api.call('feed', {'limit': 20, 'last_seen_post_id': last['post_id']}, viewer=me)['posts']
    rest = [int(p['post_id']) for p in by_id]
    assert len(rest) == 20 and rest == sorted(rest, reverse=True) and rest[0] < ids[-1], rest
    by_time = api.call('feed', {'limit': 20, 'last_seen_post_created_at': last['created_at']}, viewer=me)['posts']
    assert last['post_id'] not in [p['post_id'] for p in by_time], 'page 2 does not start with the last of page 1'
    assert by_time and all(p['created_at'] < last['created_at'] for p in by_time)
    seen, at = [], {}
    while True:
        page = api.call('feed', dict(at, limit=20), viewer=me)['posts']
        if not page:
            break
        seen += [p['post_id'] for p in page]
        at = {'last_seen_post_id': page[-1]['post_id']}
    assert len(seen) == len(set(seen)) == 45, 'equal times do not go round in circles'


def old_server(keep_snapshot):
    """A directory that Kith f17dd1f wrote, before posts had audiences, pins, replies, reactions and bookmarks, and
    comments likes: all in its log, all but the last post in its snapshot too, which is of another format and passed
    over. Its root is stamped as of this format: what else is another since then, no such entry is in it."""
    folder = tempfile.mkdtemp(prefix='kith-e2e-')
    with tarfile.open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'before_shares.tar.xz')) as tar:
        tar.extractall(folder)
    if not keep_snapshot:
        shutil.rmtree(os.path.join(folder, 'data/snapshot'))
        os.mkdir(os.path.join(folder, 'data/snapshot'), 0o700)
    return Server(keep=folder)


def test_SQL_20_fields_added_later(api, server):
    for keep_snapshot in (True, False):
        with old_server(keep_snapshot) as old:
            there = type(api)(old)
            jane, john = [there.call('user_by_name', {'username': n})['user_id'] for n in ('jane', 'john')]
            new, post = there.call('user_posts', {'user_id': john})['posts']
            assert (new['caption'], post['caption']) == ('in the log alone', 'written before there were shares')
            assert (post['like_count'], post['comment_count']) == (1, 1), post
            for p, liked in ((new, 0), (post, 1)):
                shown = there.call('post_get', {'post_id': p['post_id']}, viewer=jane)
                zero = [shown[k] for k in ('share_count', 'save_count', 'reply_count')]
                assert zero == [0, 0, 0] and shown['reaction_count'] == liked, shown
                assert (shown['audience'], shown['is_pinned'], shown['reply_to_post_id']) == ('public', False, None)
            comment = there.call('comment_list', {'post_id': post['post_id']})['comments'][0]
            assert comment['like_count'] == 0 and comment['liked'] is False, comment
            # And they count from there.
            for op, fields in (('share', {'post_id': post['post_id']}), ('bookmark', {'post_id': post['post_id']}),
                               ('comment_like', {'comment_id': comment['comment_id']})):
                assert there.call(op, fields, viewer=jane).status == 200, op
            old.restart('kill')
            there = type(api)(old)
            shown = there.call('post_get', {'post_id': post['post_id']}, viewer=jane)
            assert [shown[k] for k in ('share_count', 'save_count', 'like_count')] == [1, 1, 1], shown
            comment = there.call('comment_list', {'post_id': post['post_id']})['comments'][0]
            assert comment['like_count'] == 1, comment


# ---- transactions -------------------------------------------------------------------------------

CLIENTS, EACH = 4, 250


def until_killed(api, server, work):
    """work(client, i) for CLIENTS times EACH, until a kill -9 in the middle of it; what was acknowledged."""
    done, guard, wrong = [], threading.Lock(), []

    def run(client):
        mine = type(api)(server)
        try:
            for i in range(EACH):
                a = work(mine, client * EACH + i)
                if a.status not in (200, 201):
                    wrong.append(a)
                with guard:
                    done.append(client * EACH + i)
        except (OSError, ValueError):
            pass  # killed: whether this one was done is not known
        except Exception as e:
            if server.process.poll() is None:
                wrong.append(e)
    threads = [threading.Thread(target=run, args=(c,)) for c in range(CLIENTS)]
    for t in threads:
        t.start()
    deadline = time.time() + 60
    while len(done) < CLIENTS * EACH // 3 and time.time() < deadline:
        time.sleep(0.001)
    server.kill()
    for t in threads:
        t.join()
    assert not wrong, wrong[0]
    assert CLIENTS * EACH // 3 <= len(done) < CLIENTS * EACH, len(done)
    server.start()
    return done


def listed(api, op, post, noun):
    return pages(api, op, {'post_id': post}, noun, limit=100)[0]


def likes_agree(api, post):
    users = [u['user_id'] for u in listed(api, 'likes', post, 'users')]
    assert len(users) == len(set(users)) == api.call('like_count', {'post_id': post})['like_count'] == \
        api.call('post_get', {'post_id': post})['like_count']
    return set(users)


def test_SQL_17_18_like_and_unlike(api, server):
    users, p = crowd(api, CLIENTS * EACH, 'txl'), make(api, new_user(api))
    done = until_killed(api, server, lambda mine, i: mine.call('like', {'post_id': p}, viewer=users[i]))
    api = type(api)(server)
    liking = likes_agree(api, p)
    assert {users[i] for i in done} <= liking and len(liking) <= len(done) + CLIENTS
    for at in range(0, len(users), 1000):
        some = users[at:at + 1000]
        api.call('import_edges', {'kind': 'like', 'from': some, 'to': [p] * len(some)})
    assert likes_agree(api, p) == set(users)
    done = until_killed(api, server, lambda mine, i: mine.call('unlike', {'post_id': p}, viewer=users[i]))
    api = type(api)(server)
    liking = likes_agree(api, p)
    assert not liking & {users[i] for i in done} and len(liking) >= len(users) - len(done) - CLIENTS
    for u in users[::97]:
        assert api.call('post_get', {'post_id': p}, viewer=u)['liked'] == (u in liking)


def test_SQL_19_comment(api, server):
    users, p = [new_user(api) for _ in range(5)], make(api, new_user(api))

    def comment(mine, i):
        return mine.call('comment_create', {'post_id': p, 'content': 'c%d' % i}, viewer=users[i % 5])
    done = until_killed(api, server, comment)
    api = type(api)(server)
    texts = [c['content'] for c in listed(api, 'comment_list', p, 'comments')]
    assert len(texts) == len(set(texts)) == api.call('post_get', {'post_id': p})['comment_count']
    assert {'c%d' % i for i in done} <= set(texts) and len(texts) <= len(done) + CLIENTS


if __name__ == '__main__':
    code = harness.run(sys.modules[__name__])
    for s in Sample.made.values():
        s.server.end()
    sys.exit(code)
