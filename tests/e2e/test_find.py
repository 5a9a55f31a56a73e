#!/usr/bin/python3
"""FIND rows: tags, search over posts, comments and people, locations, trending. What is found is held to
scans of what was written: texts are made of words whose stems are known, so that the scan needs no stemmer."""
import collections
import http.client
import os
import random
import re
import string
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Http, Binary, new_user, pages

SERIAL = [0]


def unique(prefix):
    """A word that no other test has; letters alone, and no ending that a stemmer takes off."""
    SERIAL[0] += 1
    n, letters = SERIAL[0] * 1000 + os.getpid() % 1000, ''
    while n:
        n, k = divmod(n, 12)
        letters += 'bcdfghjkmprv'[k]
    return prefix + 'zo' + letters + 'ok'


def post(api, user, caption, **more):
    r = api.call('post_create', dict(more, caption=caption), viewer=user)
    assert r.status == 201, r
    return r['post_id']


def found(api, query, op='search_posts', noun='posts', viewer=None, limit=100, **more):
    key = {'posts': 'post_id', 'comments': 'comment_id', 'users': 'user_id', 'tags': 'tag_name',
           'locations': 'name'}[noun]
    return [x[key] for x in pages(api, op, dict(more, query=query), noun, viewer=viewer, limit=limit)[0]]


def posts_of(api, tag, viewer=None, limit=20):
    return [p['post_id'] for p in pages(api, 'tag_posts', {'tag_name': tag}, 'posts', viewer=viewer, limit=limit)[0]]


def tag(api, name):
    """The tag as a search by its whole name shows it, None where there is none."""
    r = api.call('search_tags', {'query': name})
    assert r.status == 200, r
    return next((t for t in r['tags'] if t['tag_name'] == name.casefold()), None)


# ---- tags ----------------------------------------------------------------------------------------

def test_FIND_1_all_tags(api, server):
    a, x, y = new_user(api), unique('ta'), unique('tb')
    post(api, a, '#%s #%s' % (x, y))
    newest = post(api, a, 'again #%s' % x)
    shown = {t['tag_name']: t for t in pages(api, 'tag_list', {'order': 'name'}, 'tags', limit=100)[0]}
    assert shown[x]['post_count'] == 2 and shown[y]['post_count'] == 1, (shown[x], shown[y])
    assert shown[x]['updated_at'] == api.call('post_get', {'post_id': newest})['created_at'], shown[x]
    assert list(shown) == sorted(shown), 'by name'
    counted, sizes = pages(api, 'tag_list', {}, 'tags', limit=7)
    assert {t['tag_id']: t['post_count'] for t in counted} == {t['tag_id']: t['post_count'] for t in shown.values()}
    assert [t['post_count'] for t in counted] == sorted((t['post_count'] for t in counted), reverse=True)
    assert len(counted) == len(shown) and sum(sizes) == len(counted)


def test_FIND_1_ranking_is_the_sum_of_the_cores(api, server):
    """Many tags by many authors: what each core knows is a share of every count."""
    rng, users = random.Random(5), [new_user(api) for _ in range(12)]
    names, count = [unique('rk') for _ in range(300)], collections.Counter()
    for i in range(400):
        chosen = {names[min(int(rng.expovariate(0.02)), 299)] for _ in range(6)}
        post(api, rng.choice(users), 'x', hashtags=sorted(chosen))
        count.update(chosen)
    for limit in (1, 9, 100):
        got = [(t['tag_name'], t['post_count']) for t in pages(api, 'tag_list', {}, 'tags', limit=limit)[0]]
        assert len(set(got)) == len(got)
        assert {n: c for n, c in got if n in count} == dict(count)
        assert [c for _, c in got] == sorted((c for _, c in got), reverse=True)
    trending = api.call('trending_hashtags', {'limit': 100})['tags']
    brute = sorted(pages(api, 'tag_list', {}, 'tags', limit=100)[0],
                   key=lambda t: (-t['recent_count'], -t['post_count'], t['tag_name']))
    assert [t['tag_name'] for t in trending] == [t['tag_name'] for t in brute if t['recent_count']][:100]


@harness.once
def test_FIND_1_15_16_SUGG_4_ties_do_not_hang_on_cores(api, server):
    """60 tags of which 50 have two posts each, posts with equal likes, people with equally many followers: what stands
    first is the same with 1, 2, 3 and 4 cores, page by page."""
    rng = random.Random(7)
    with harness.Server() as mine:
        api = harness.Http(mine)
        people = [new_user(api) for _ in range(40)]
        tags = ['tie%02d' % i for i in range(60)]
        rng.shuffle(tags)
        posts = [post(api, rng.choice(people), '#' + t) for i, t in enumerate(tags) for _ in range(3 if i < 10 else 2)]
        for p in posts[::3]:
            api.call('like', {'post_id': p}, viewer=people[0])
        for i in range(1, 40):
            api.call('follow', {'user_id': people[(i + 1) % 40]}, viewer=people[i])
        fresh, shown = new_user(api), None
        for cores in (1, 2, 3, 4):
            mine.restart('stop', '--cores', str(cores))
            api = harness.Http(mine)
            call = lambda op, **f: api.call(op, f, viewer=fresh).body
            now = [[call(op, limit=n) for n in (1, 7, 9, 10, 11, 33, 100)] for op in ('trending_hashtags', 'suggestions')]
            for op, noun in (('tag_list', 'tags'), ('trending_posts', 'posts')):
                now += [pages(api, op, {}, noun, viewer=fresh, limit=n)[0] for n in (1, 7, 50)]
            assert shown in (None, now), (cores, [(a, b) for a, b in zip(shown, now) if a != b])
            shown = now
        ranked = [t['tag_name'] for t in shown[0][-1]['tags']]
        assert ranked == sorted(tags[:10]) + sorted(tags[10:]), ranked


def test_FIND_2_posts_of_a_tag(api, server):
    mike, jane, t = new_user(api), new_user(api), unique('photography')
    ids = [post(api, mike, 'Golden hour', hashtags=[t]), post(api, jane, 'Beach #%s' % t.upper())]
    assert posts_of(api, t) == posts_of(api, t.upper()) == posts_of(api, '#' + t) == ids[::-1]
    r = api.call('tag_posts', {'tag_name': unique('never')})
    assert r.status == 200 and r['posts'] == [] and r['next_cursor'] is None, r
    more = [post(api, mike, '#' + t) for _ in range(43)]
    all_, sizes = pages(api, 'tag_posts', {'tag_name': t}, 'posts')
    assert [p['post_id'] for p in all_] == (ids + more)[::-1] and sizes == [20, 20, 5], sizes


@harness.once
def test_FIND_3_tag_entity(api, server):
    users, t, errors = [new_user(api) for _ in range(20)], unique('race'), []

    def work(some):
        own = Binary(server)
        for u in some:
            for _ in range(5):
                if own.call('post_create', {'caption': 'new #' + t}, viewer=u).status != 201:
                    errors.append(u)
    threads = [threading.Thread(target=work, args=(users[i::5],)) for i in range(5)]
    [x.start() for x in threads]
    [x.join() for x in threads]
    assert not errors
    same = [x for x in pages(api, 'search_tags', {'query': t}, 'tags')[0] if x['tag_name'] == t]
    assert len(same) == 1 and same[0]['post_count'] == 100, same


def test_FIND_4_tag_edge(api, server):
    a, t = new_user(api), unique('edge')
    p = post(api, a, 'given and parsed #%s #%s' % (t, t.upper()), hashtags=[t])
    assert tag(api, t)['post_count'] == 1 and posts_of(api, t) == [p]
    other = post(api, a, '#' + t)
    assert tag(api, t)['post_count'] == 2
    assert api.call('post_delete', {'post_id': p}, viewer=a).status == 204
    assert tag(api, t)['post_count'] == 1 and posts_of(api, t) == [other]
    assert api.call('post_update', {'post_id': other, 'caption': 'none'}, viewer=a).status == 200
    assert tag(api, t) is None and posts_of(api, t) == []


def test_FIND_5_normalisation(api, server):
    a, n = new_user(api), unique('web')
    p = post(api, a, '#%s, (#%s) #%s! # #! #-' % (n.capitalize(), n, n.upper()))
    assert tag(api, n)['post_count'] == 1, tag(api, n)
    assert api.call('post_get', {'post_id': p})['hashtags'] == [n]
    for spelled, folded in (('ÜBERMÄSSIG', 'übermässig'), ('ЁЛКА', 'ёлка'), ('Straße', 'strasse'),
                            ('e\u0301t\u00e9', '\u00e9t\u00e9'), ('東京', '東京'), ('a_b', 'a_b')):
        one = post(api, a, 'x #%s%s' % (spelled, n))
        assert api.call('post_get', {'post_id': one})['hashtags'] == [folded + n], spelled
        assert posts_of(api, folded.upper() + n) == posts_of(api, folded + n) == [one], spelled


def test_FIND_14_hashtag_search(api, server):
    a, t = new_user(api), unique('photo')
    post(api, a, '#%sgraphy #%sbooth' % (t, t))
    post(api, a, '#%sgraphy' % t.upper())
    for query in (t, t[:-1], '#' + t, t.upper()):
        tags = {x['tag_name']: x['post_count'] for x in api.call('search_tags', {'query': query})['tags']}
        assert tags == {t + 'graphy': 2, t + 'booth': 1}, (query, tags)
    for i in range(45):
        post(api, a, '#%s%s' % (t, string.ascii_lowercase[i % 26] * (1 + i // 26)))
    got, sizes = pages(api, 'search_tags', {'query': t}, 'tags')
    assert [x['tag_name'] for x in got] == sorted(x['tag_name'] for x in got) and sizes == [20, 20, 7], sizes


# ---- people --------------------------------------------------------------------------------------

def test_FIND_6_user_search(api, server):
    n = unique('jo')
    john = new_user(api, username=n + '_doe', first_name='John' + n, last_name='Doe' + n)
    later = new_user(api, username='mr_' + n, first_name='X', last_name='Y')
    infix = new_user(api, username='q' + n + 'q', first_name='X', last_name='Y')
    for query in (n, n.upper(), '@' + n):
        assert found(api, query, 'search_users', 'users')[:3] == [john, later, infix], query
    assert found(api, 'Doe' + n, 'search_users', 'users')[0] == john
    assert found(api, 'doe%s john%s' % (n, n), 'search_users', 'users')[0] == john
    assert found(api, n + '_deo', 'search_users', 'users')[0] == john
    assert found(api, n + '_doe', 'search_users', 'users')[0] == john
    person = api.call('search_users', {'query': n + '_doe'})['users'][0]
    assert person['username'] == n + '_doe' and person['full_name'] == 'John%s Doe%s' % (n, n), person
    assert api.call('user_delete', {'user_id': john}, viewer=john).status == 204
    assert john not in found(api, n, 'search_users', 'users')


def grams(text):
    out = set()
    for w in re.findall(r'[a-z0-9]+', text.lower()):
        w = '  ' + w + ' '
        out |= {w[i:i + 3] for i in range(len(w) - 2)}
    return out


def similar(a, b):
    """As pg_trgm's similarity(), in thousandths."""
    x, y = grams(a), grams(b)
    return len(x & y) * 1000 // len(x | y) if x | y else 0


def class_of(query, name, first, last):
    """Of store/search.h, for people without a bio."""
    q, full = query.lower().strip(), ('%s %s' % (first, last)).lower().strip()
    words = lambda s: re.findall(r'[a-z0-9]+', s)
    if name.startswith(q):
        return (6 if name == q else 5), 0
    if words(q) and all(any(w.startswith(x) for w in words(name + ' ' + full)) for x in words(q)):
        return 4, 0
    if len(q) >= 3 and (q in name or q in full):
        return 3, 0
    best = max(similar(q, name), similar(q, full))
    return (1, best) if best >= 300 else (0, 0)


@harness.once
def test_FIND_6_EXT_18_people_against_a_scan(api, server):
    rng, people, serial = random.Random(9), {}, 0
    parts = [''.join(rng.choice('aeiou' if i % 2 else 'bdklmnrst') for i in range(rng.randrange(3, 8))) for _ in range(60)]
    for _ in range(12):
        rows = []
        for _ in range(60):
            serial += 1
            name = rng.choice(['%s_%s%d', '%s.%s%d', '%s%s%d']) % (rng.choice(parts), rng.choice(parts), serial)
            first, last = rng.choice(parts).capitalize(), rng.choice(parts).capitalize()
            rows.append(dict(username=name, email=name + '@scan.org', first_name=first, last_name=last))
        for row, id_ in zip(rows, api.call('import_users', {'users': rows})['user_ids']):
            people[id_] = (row['username'], row['first_name'], row['last_name'])
    binary, seen = Binary(server), collections.Counter()
    for i in range(500):
        name, first, last = rng.choice(list(people.values()))
        base = rng.choice([name, first, last, first + ' ' + last, name[:rng.randrange(1, 7)], last[:3],
                           name[2:7], first[:2] + ' ' + last[:2], name[1:-1]])
        if i % 3 == 0 and len(base) > 3:  # one letter wrong, missing, or two swapped
            k = rng.randrange(len(base) - 1)
            base = rng.choice([base[:k] + 'x' + base[k + 1:], base[:k] + base[k + 1:],
                               base[:k] + base[k + 1] + base[k] + base[k + 2:]])
        if not base.strip():
            continue
        want = []
        for id_, who in people.items():
            c, score = class_of(base, *who)
            if c:
                want.append((-c, -score, -int(id_), id_))
        want = [w[3] for w in sorted(want)]
        for w in want:
            seen[class_of(base, *people[w])[0]] += 1
        got = [u for u in found(binary, base, 'search_users', 'users', limit=rng.choice([20, 100])) if u in people]
        assert got == want, (base, [people[x] for x in got if x not in want], [people[x] for x in want if x not in got])
    assert set(seen) == {1, 3, 4, 5, 6}, seen
    for name, _, _ in rng.sample(list(people.values()), 40):  # EXT-18: typing errors in names of seven letters
        k = rng.randrange(1, len(name) - 2)
        for wrong in (name[:k] + 'x' + name[k + 1:], name[:k] + name[k + 1:],
                      name[:k] + name[k + 1] + name[k] + name[k + 2:]):
            ids = found(binary, wrong, 'search_users', 'users')
            assert name in [people[u][0] for u in ids if u in people], (name, wrong)


def test_FIND_7_PROF_4_bio_search(api, server):
    w = unique('climb')
    mike = new_user(api, bio='Award-winning photographer, loves %sing' % w)
    assert mike in found(api, 'photographer', 'search_users', 'users')
    assert found(api, w, 'search_users', 'users') == found(api, w + 'ed', 'search_users', 'users') == [mike]
    other = new_user(api)
    assert api.call('user_update', {'user_id': other, 'bio': 'I %s' % w}, viewer=other).status == 200
    assert found(api, w, 'search_users', 'users') == [other, mike]
    assert api.call('user_update', {'user_id': other, 'bio': 'no more'}, viewer=other).status == 200
    assert found(api, w, 'search_users', 'users') == [mike]


# ---- texts ---------------------------------------------------------------------------------------

def test_FIND_8_post_search(api, server):
    a, w, t = new_user(api), unique('capt'), unique('tagg')
    p = post(api, a, 'a word: %s' % w, hashtags=[t])
    assert found(api, w) == found(api, t) == found(api, '#' + t) == [p]
    assert found(api, '%s #%s' % (w, t)) == [p]
    assert found(api, '%s %s' % (w, t)) == [], 'tags that were given are no text'
    assert found(api, '#' + w) == []
    shown = api.call('search_posts', {'query': w})['posts'][0]
    assert shown['author']['user_id'] == a and shown['caption'] == 'a word: %s' % w, shown


def test_FIND_9_SQL_9_full_text_meaning(api, server):
    john, mike, w = new_user(api), new_user(api), unique('wapp')
    text = 'Just finished building an amazing %s web application with React and Node! #webdev' % w
    p = post(api, john, text)
    photo = post(api, mike, 'Golden %s hour in the mountains' % w, hashtags=['sunset' + w, 'photography' + w])
    for query in ('web application', 'applications', 'application web', 'APPLICATION', 'webs applicate', 'webdev',
                  'finishing building', 'the web application', '"web application"', '"building an amazing"'):
        assert p in found(api, query + ' ' + w if query != 'webdev' else query), query
    assert found(api, 'the') == found(api, 'the of and') == found(api, '') == found(api, '?!') == []
    assert found(api, 'web photography ' + w) == []
    assert found(api, 'sunset%s photography%s' % (w, w)) == []
    assert found(api, '"application web" ' + w) == [], 'the phrase has an order'
    assert found(api, '"mountains golden" ' + w) == []
    assert found(api, '"hour in the mountain" ' + w) == [photo], 'a stop word keeps its place'
    assert found(api, '"hour mountain" ' + w) == []
    assert found(api, w) == [photo, p]


@harness.once
def test_FIND_10_search_sees_the_present(api, server):
    """Over two connections of both kinds, so that what one was told the other finds."""
    a, other, rng = new_user(api), Binary(server), random.Random(1)
    for i in range(60):
        one, two = (api, other) if i % 2 else (other, api)
        x, y, t = unique('old'), unique('new'), unique('now')
        p = post(one, a, 'text %s #%s' % (x, t))
        assert found(two, x) == posts_of(two, t) == [p]
        assert one.call('post_update', {'post_id': p, 'caption': 'text ' + y}, viewer=a).status == 200
        assert found(two, x) == posts_of(two, t) == [] and found(two, y) == [p]
        assert one.call('post_delete', {'post_id': p}, viewer=a).status == 204
        assert found(two, y) == []
    name, renamed = unique('na'), unique('ren')
    u = new_user(api, username=name)
    assert found(other, name, 'search_users', 'users') == [u]
    assert api.call('user_update', {'user_id': u, 'username': renamed}, viewer=u).status == 200
    assert found(other, renamed, 'search_users', 'users') == [u]
    assert u not in found(other, name, 'search_users', 'users')


def test_CMT_8_comment_search(api, server):
    a, w = new_user(api), unique('tech')
    p = post(api, a, 'a post')
    c = api.call('comment_create', {'post_id': p, 'content': 'What technologies did you use, %s?' % w}, viewer=a)
    comments = lambda q: found(api, q, 'search_comments', 'comments')
    assert comments('technology ' + w) == comments('"technologies did you use" ' + w) == [c['comment_id']]
    shown = api.call('search_comments', {'query': w})['comments'][0]
    assert shown['author']['user_id'] == a and shown['post_id'] == p, shown
    assert found(api, w) == [], 'posts are another search'
    assert api.call('comment_update', {'comment_id': c['comment_id'], 'content': 'other %sx' % w}, viewer=a).status == 200
    assert comments(w) == [] and comments(w + 'x') == [c['comment_id']]
    assert api.call('comment_delete', {'comment_id': c['comment_id']}, viewer=a).status == 204
    assert comments(w + 'x') == []
    c = api.call('comment_create', {'post_id': p, 'content': w}, viewer=a)
    assert api.call('post_delete', {'post_id': p}, viewer=a).status == 204
    assert comments(w) == []


FORMS = {'connect': ['connect', 'connected', 'connection', 'Connecting'], 'run': ['run', 'running', 'RUNS'],
         'appl': ['apple', 'apples'], 'citi': ['city', 'cities'], 'ёлка': ['ёлка', 'ЁЛКА'], 'straß': ['strasse', 'Straße'],
         '7': ['7'], '1984': ['1984']}
STOPS = ['the', 'of', 'And', 'is']


class Texts:
    """A community's texts and what a scan of them finds."""
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.mark = unique('mk')
        nonsense = [self.mark + c + d for c in 'bdfgkm' for d in 'oaup']
        self.forms = dict(FORMS, **{w: [w, w.upper()] for w in nonsense})
        self.stems = list(self.forms)
        self.weights = [1 / (1 + i) for i in range(len(self.stems))]
        self.rng.shuffle(self.stems)
        self.posts = {}      # id: (stems with places, tags, likes)
        self.tags = [unique('tg') for _ in range(8)]

    def text(self):
        """Words and their stems; a stop word takes a place."""
        words, at = [], []
        for i in range(self.rng.randrange(1, 14)):
            if self.rng.random() < 0.15:
                words.append(self.rng.choice(STOPS))
                continue
            stem = self.rng.choices(self.stems, self.weights)[0]
            words.append(self.rng.choice(self.forms[stem]))
            at.append((i, stem))
        joined = words[0]
        for w in words[1:]:
            joined += self.rng.choice([' ', ', ', '. ', ' - ', '/', '\n', " '"]) + w
        return joined, at

    def query(self):
        """What is asked, and whether a post has it."""
        rng, kind = self.rng, self.rng.randrange(5)
        stems = rng.choices(self.stems, self.weights, k=rng.randrange(1, 4))
        if kind == 0:
            t = rng.choice(self.tags)
            return rng.choice(['#' + t, t]), lambda at, tags: t in tags
        if kind == 1:
            t = rng.choice(self.tags)
            return '%s #%s' % (rng.choice(self.forms[stems[0]]), t), \
                lambda at, tags: t in tags and stems[0] in {s for _, s in at}
        if kind == 2:
            joined, wanted = self.text()
            if rng.random() < 0.8 and self.posts:  # a piece of a text that is there
                joined, wanted = rng.choice([p[3] for p in self.posts.values()])
                words = re.findall(r'\w+', joined)
                i = rng.randrange(len(words))
                k = i + rng.randrange(1, 4)
                joined, wanted = ' '.join(words[i:k]), [(n, s) for n, s in wanted if i <= n < k]
            first = wanted[0][0] if wanted else 0
            steps = {(n - first, s) for n, s in wanted}
            return '"%s"' % joined, lambda at, tags: bool(steps) and any(
                steps <= {(n - start, s) for n, s in at} for start, _ in at)
        words = [rng.choice(self.forms[s]) for s in stems] + rng.choices(STOPS, k=rng.randrange(2))
        rng.shuffle(words)
        return ' '.join(words), lambda at, tags: set(stems) <= {s for _, s in at}

    def check(self, api, n, viewer=None):
        hits = 0
        for i in range(n):
            query, has = self.query()
            want = sorted((int(p) for p, (at, tags, _, _) in self.posts.items() if has(at, tags)), reverse=True)
            # Others' texts have words of FORMS too.
            got = [int(p) for p in found(api, query, viewer=viewer, limit=self.rng.choice([20, 100])) if p in self.posts]
            assert got == want, (query, got[:5], want[:5], len(got), len(want))
            hits += bool(want)
            if i % 10 == 0 and '"' not in query:  # phrases are read in the newest few hundred posts alone
                liked = sorted(((self.posts[str(p)][2], p) for p in want), reverse=True)
                got = [int(p) for p in found(api, query, sort='popular', limit=50) if p in self.posts]
                assert got == [p for _, p in liked], (query, len(got), len(liked), [x for x in got if x not in want][:3], [p for _, p in liked if p not in got][:3])
        assert hits > n // 3, hits


@harness.once
def test_FIND_11_EXT_17_against_a_scan(api, server):
    """500 random queries: after making, editing and deleting, after kill -9, from the log and from a snapshot."""
    binary, texts = Binary(server), Texts(3)
    writer = [binary]
    users, rng = [new_user(api) for _ in range(25)], texts.rng

    def write(p=None):
        caption, at = texts.text()
        tags = rng.sample(texts.tags, rng.choice([0, 0, 1, 2]))
        if p:
            r = writer[0].call('post_update', {'post_id': p, 'caption': caption, 'hashtags': tags}, viewer=owner[p])
            assert r.status == 200, r
        else:
            u = rng.choice(users)
            p = post(writer[0], u, caption, hashtags=tags)
            owner[p] = u
        texts.posts[p] = (at, tags, texts.posts.get(p, (0, 0, 0))[2], (caption, at))
    owner = {}
    for _ in range(700):
        write()
    texts.check(binary, 120)
    for p in rng.sample(list(texts.posts), 250):
        write(p)
    for p in rng.sample(list(texts.posts), 150):
        assert binary.call('post_delete', {'post_id': p}, viewer=owner[p]).status == 204
        del texts.posts[p]
    for p in rng.sample(list(texts.posts), 60):
        for u in rng.sample(users, rng.randrange(1, 6)):
            binary.call('like', {'post_id': p}, viewer=u)
        at, tags, _, said = texts.posts[p]
        texts.posts[p] = (at, tags, binary.call('like_count', {'post_id': p})['like_count'], said)
    texts.check(api, 60)
    texts.check(binary, 120)
    server.restart('kill')
    writer[0] = Binary(server)
    texts.check(writer[0], 100)

    def snapshot():
        assert server.admin_get('/snapshot', 'POST')[0] in (200, 202)
    harness.eventually(snapshot)
    write()
    server.restart('kill')
    texts.check(Binary(server), 100)
    trending(Http(server), server)


def test_FIND_13_locations(api, server):
    a, n = new_user(api), unique('phuket')
    name = '%s, Thailand%s' % (n.capitalize(), n)
    p = post(api, a, 'beach', location={'name': name, 'lat': 78000000, 'lng': 983000000})
    q = post(api, a, 'again', location=name.upper())
    r = api.call('search_locations', {'query': n})
    assert r.status == 200, r
    assert [(x['name'], x['post_count']) for x in r['locations']] == [(name.upper(), 2)], r
    assert found(api, 'thailand' + n, 'search_locations', 'locations') == [name.upper()]
    assert found(api, 'thai' + n, 'search_locations', 'locations') == []
    shown = [x['post_id'] for x in pages(api, 'location_posts', {'name': name.lower()}, 'posts')[0]]
    assert shown == [q, p]
    assert api.call('post_delete', {'post_id': q}, viewer=a).status == 204
    r = api.call('search_locations', {'query': n})['locations']
    assert [(x['name'], x['lat'], x['lng'], x['post_count']) for x in r] == [(name, 78000000, 983000000, 1)], r
    for i in range(25):
        post(api, a, 'x', location='%s beach %02d' % (n, i))
    got, sizes = pages(api, 'search_locations', {'query': n}, 'locations', limit=10)
    assert sizes == [10, 10, 6] and [x['name'].lower() for x in got] == sorted(x['name'].lower() for x in got), got


# ---- trending ------------------------------------------------------------------------------------

def old_posts(api, rows):
    """Rows of (user, age in hours, caption), imported."""
    now = time.time()
    rows = [{'user_id': u, 'created_at': harness.schema.rfc3339(int((now - h * 3600) * 1000)), 'caption': c,
             'hashtags': re.findall(r'#(\w+)', c)} for u, h, c in rows]
    SERIAL[0] += 1
    r = api.call('import_posts', {'source_hi': str(SERIAL[0]), 'source_lo': str(time.time_ns()), 'chunk': 0, 'posts': rows})
    assert r.status == 200 and r['applied'] == len(rows), r


def trending(api, server):
    return {t['tag_name']: t['recent_count'] for t in api.call('trending_hashtags', {'limit': 100})['tags']}


def test_FIND_15_SQL_2_trending_hashtags(api, server):
    a, b, x, y, z = new_user(api), new_user(api), unique('fresh'), unique('stale'), unique('edge')
    old_posts(api, [(a, 25 + i / 10, '#%s' % y) for i in range(100)] + [(a, 23.9, '#%s' % z), (b, 24.1, '#%s' % z)])
    fresh = [post(api, (a, b)[i % 2], 'now #%s' % x) for i in range(5)]
    order = [t['tag_name'] for t in api.call('trending_hashtags', {'limit': 100})['tags']]
    got = trending(api, server)
    assert got[x] == 5 and got[z] == 1 and y not in got, got
    assert order.index(x) < order.index(z)
    assert tag(api, y)['post_count'] == 100
    assert len(api.call('trending_hashtags', {'limit': 1})['tags']) == 1
    for i, p in enumerate(fresh):
        assert api.call('post_delete', {'post_id': p}, viewer=(a, b)[i % 2]).status == 204
    assert x not in trending(api, server)


def popular(api):
    return [p['post_id'] for p in pages(api, 'trending_posts', {}, 'posts')[0]]


def test_FIND_16_trending_posts(api, server):
    users, rng, score = [new_user(api) for _ in range(8)], random.Random(4), {}
    ids = [post(api, rng.choice(users), 'hot %d' % i) for i in range(30)]
    owner = {p: api.call('post_get', {'post_id': p})['user_id'] for p in ids}
    comments = {}
    for p in ids:
        likers = rng.sample(users, rng.randrange(7))
        for u in likers:
            assert api.call('like', {'post_id': p}, viewer=u).status == 200
        if likers and rng.random() < 0.4:
            assert api.call('unlike', {'post_id': p}, viewer=likers.pop()).status == 200
        said = [api.call('comment_create', {'post_id': p, 'content': 'c'}, viewer=rng.choice(users)) for _ in range(rng.randrange(4))]
        comments[p] = [(c['comment_id'], c['user_id']) for c in said]
        score[p] = len(likers) + len(said)
    for p in ids[::4]:
        if comments[p]:
            c, u = comments[p].pop()
            assert api.call('comment_delete', {'comment_id': c}, viewer=u).status == 204
            score[p] -= 1
    gone = max(ids, key=lambda p: score[p])
    assert gone in popular(api)
    assert api.call('post_delete', {'post_id': gone}, viewer=owner[gone]).status == 204
    del score[gone]
    want = [p for p in sorted(score, key=lambda p: (-score[p], -int(p))) if score[p]]
    assert [p for p in popular(api) if p in owner] == want
    server.restart('kill')
    again = type(api)(server)
    assert [p for p in popular(again) if p in owner] == want


# ---- refusals, cursors, bounds -------------------------------------------------------------------

def test_FIND_search_refusals_and_cursors(api, server):
    a, w = new_user(api), unique('page')
    ids = [post(api, a, 'many %s' % w) for _ in range(45)][::-1]
    got, sizes = pages(api, 'search_posts', {'query': w}, 'posts')
    assert [p['post_id'] for p in got] == ids and sizes == [20, 20, 5], sizes
    for op in ('search_users', 'search_posts', 'search_comments', 'search_tags', 'search_locations'):
        assert api.call(op, {}).status in (400, 422), op
        for limit in (0, 101):
            r = api.call(op, {'query': 'x', 'limit': limit})
            assert r.status == 422 and '/limit' in r.pointers, (op, r)
        assert api.call(op, {'query': 'x' * 201}).status == 422, op
        r = api.call(op, {'query': w, 'cursor': 'A' * 22})
        assert r.status == 400 and r.code == 'invalid_cursor', (op, r)
    cursor = api.call('search_posts', {'query': w, 'limit': 5})['next_cursor']
    for f in ({'query': w + 'x'}, {'query': w, 'sort': 'popular'}):
        r = api.call('search_posts', dict(f, cursor=cursor))
        assert r.status == 400 and r.code == 'invalid_cursor', r
    # Others write meanwhile: no gap, no repeat.
    seen, cursor = [], None
    while True:
        r = api.call('search_posts', dict({'query': w, 'limit': 7}, **({'cursor': cursor} if cursor else {})))
        seen += [p['post_id'] for p in r['posts']]
        post(api, a, 'more %s' % w)
        cursor = r['next_cursor']
        if cursor is None:
            break
    assert seen == ids


@harness.once
def test_FIND_18_index_lag(api, server):
    """The index moves with the state: what is behind is behind the log, and is nothing when it is quiet."""
    a = new_user(api)
    w = unique('bulk')
    for chunk in range(8):
        rows = [{'user_id': a, 'created_at': '2020-01-01T00:00:%02d.%03dZ' % (chunk, i), 'caption': 'bulk %s %d' % (w, i)}
                for i in range(256)]
        assert api.call('import_posts', {'source_hi': '77', 'source_lo': str(os.getpid()), 'chunk': chunk, 'posts': rows})['applied'] == 256
    assert len(found(api, w)) == 2048

    def quiet():
        text = server.admin_get('/metrics')[1]
        lag = re.findall(r'^kith_index_lag_entries(?:\{[^}]*\})? (\d+)', text, re.M)
        used = re.findall(r'^kith_memory_bytes\{kind="index"\} (\d+)', text, re.M)
        assert lag and set(lag) == {'0'} and int(used[0]) > 0, (lag, used)
    harness.eventually(quiet)


def test_FIND_19_two_viewers(api, server):
    """The same query by two: each sees his own likes; nothing of an answer is kept."""
    a, b, w = new_user(api), new_user(api), unique('view')
    p = post(api, a, w)
    assert api.call('like', {'post_id': p}, viewer=b).status == 200
    for u, liked in ((a, False), (b, True), (None, False), (b, True)):
        got = api.call('search_posts', {'query': w}, viewer=u)['posts']
        assert [(x['post_id'], x['liked']) for x in got] == [(p, liked)], (u, got)


@harness.once
def test_SEC_26_a_deleted_author(api, server):
    a, w = new_user(api, bio='x'), unique('gone')
    p = post(api, a, '%s #%s' % (w, w), location=w)
    api.call('comment_create', {'post_id': p, 'content': w}, viewer=a)
    assert found(api, w) == [p]
    assert api.call('user_delete', {'user_id': a}, viewer=a).status == 204
    assert found(api, w) == posts_of(api, w) == found(api, w, 'search_comments', 'comments') == []

    def settled():
        assert tag(api, w) is None and found(api, w, 'search_locations', 'locations') == []
    harness.eventually(settled)


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
