#!/usr/bin/python3
"""FIND-8 to FIND-11 and T-15 in languages other than English: what is found is held to a scan of what was written,
whose stems are libstemmer's own."""
import ctypes
import ctypes.util
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Binary, Http, new_user, pages

# Language: a text, what finds it, and what does not though English or nobody's stems would have it so.
SAID = {
    'de': ('Die Häuser der kleinen Katzen', ['haus', 'HÄUSER', 'katze', 'kleine katzen', '"Haus der kleinen"'], ['hauswirt']),
    'fr': ('Elles continuaient leurs chansons', ['continuer', 'chanson', 'continue chansons'], ['elle continuant x']),
    'es': ('Los gatos están corriendo', ['gato', 'correr', 'los gatos'], ['gatuno']),
    'ru': ('Новые книги лежат на столе', ['книга', 'КНИГУ', 'новая книга', 'стол'], ['книжник']),
    'pt-BR': ('Os meninos cantavam na praia', ['menino', 'cantar', 'praias'], ['meninice']),
    'sv': ('Flickorna sjunger', ['flicka', 'flickor', 'sjunga'], ['flickvän']),
    'tr': ('IŞIKLAR ve kitaplar İSTANBUL', ['ışık', 'kitap', 'istanbul', 'Işık KİTAPLAR'], ['isik']),
    'nb': ('Hundene løper', ['hund', 'hunder'], ['hundre']),
    'th': ('running shoes', ['running', 'Shoes'], ['run', 'shoe']),
    'en-GB': ('running shoes', ['run', 'shoe', 'the running'], ['runner']),
}


SERIAL = [0]


def unique(prefix):
    """A word that no other test has, and no ending that a stemmer takes off."""
    SERIAL[0] += 1
    return 'zq%s%dx%d' % (prefix, SERIAL[0], os.getpid() % 1000)


def writer(api, tag):
    user = new_user(api)
    r = api.call('settings_change', {'user_id': user, 'language': tag}, viewer=user)
    assert r.status == 200 and r['language'] == tag, r
    return user


def found(api, query, op='search_posts', noun='posts', **more):
    key = noun[:-1] + '_id'
    return [x[key] for x in pages(api, op, dict(more, query=query), noun, limit=100)[0]]


def post(api, user, caption, **more):
    r = api.call('post_create', dict(more, caption=caption), viewer=user)
    assert r.status == 201, r
    return r['post_id']


def comment(api, user, on, content):
    r = api.call('comment_create', {'post_id': on, 'content': content}, viewer=user)
    assert r.status == 201, r
    return r['comment_id']


def comments(api, query):
    return found(api, query, 'search_comments', 'comments')


def quoted(query, mark):
    return '%s %s' % (query, mark)


def test_FIND_9_T_15_stems_of_the_authors_language(api, server):
    """Whoever asks: what its author would find by a word finds it for everybody."""
    reader = writer(api, 'fr')
    on = post(api, reader, 'x')
    for tag, (text, finds, misses) in SAID.items():
        a, mark = writer(api, tag), unique('lang')
        p = post(api, a, quoted(text, mark))
        c = comment(api, a, on, quoted(text, mark))
        for query in finds:
            for viewer in (None, a, reader):
                got = api.call('search_posts', {'query': quoted(query, mark)}, viewer=viewer)['posts']
                assert [x['post_id'] for x in got] == [p], (tag, query, viewer, got)
            assert comments(api, quoted(query, mark)) == [c], (tag, query)
        for query in misses:
            assert found(api, quoted(query, mark)) == comments(api, quoted(query, mark)) == [], (tag, query)


def test_FIND_9_T_15_english_where_nobody_says(api, server):
    a, mark = new_user(api), unique('plain')
    p = post(api, a, 'connections of the Häuser ' + mark)
    for query in ('connecting', 'the connection', 'häuser'):
        assert found(api, quoted(query, mark)) == [p], query
    assert found(api, 'haus ' + mark) == []


def test_FIND_9_T_15_settled_when_written(api, server):
    """A change of the settings leaves what was written as it was, edits too; what comes later has the new language."""
    a, mark = writer(api, 'de'), unique('when')
    old = post(api, a, 'Häuser ' + mark)
    said = comment(api, a, old, 'Häuser ' + mark)
    assert api.call('settings_change', {'user_id': a, 'language': 'en'}, viewer=a).status == 200
    new = post(api, a, 'Häuser ' + mark)
    told = comment(api, a, old, 'Häuser ' + mark)
    assert found(api, 'haus ' + mark) == [old] and found(api, 'häuser ' + mark) == [new, old]
    assert comments(api, 'haus ' + mark) == [said] and comments(api, 'häuser ' + mark) == [told, said]
    for p in (old, new):
        assert api.call('post_update', {'post_id': p, 'caption': 'Katzen ' + mark}, viewer=a).status == 200
    for c in (said, told):
        assert api.call('comment_update', {'comment_id': c, 'content': 'Katzen ' + mark}, viewer=a).status == 200
    assert found(api, 'haus ' + mark) == comments(api, 'haus ' + mark) == []
    assert found(api, 'katze ' + mark) == [old] and found(api, 'katzen ' + mark) == [new, old]
    assert comments(api, 'katze ' + mark) == [said] and comments(api, 'katzen ' + mark) == [told, said]
    assert api.call('settings_change', {'user_id': a, 'language': ''}, viewer=a).status == 200
    assert found(api, 'katze ' + mark) == [old]


def test_FIND_7_T_15_a_bio_follows_its_owner(api, server):
    mark = unique('bio')
    a = new_user(api, bio='Häuser ' + mark)
    people = lambda q: found(api, q, 'search_users', 'users')
    assert people('haus ' + mark) == [] and people('häuser ' + mark) == [a]
    for tag, finds in (('de', [a]), ('xx', []), ('de-AT', [a]), ('en', [])):
        assert api.call('settings_change', {'user_id': a, 'language': tag}, viewer=a).status == 200
        assert people('haus ' + mark) == finds and people('häuser ' + mark) == [a], tag


def test_FIND_9_T_15_words_that_say_nothing(api, server):
    """They are those of the text's language; a tag is a tag in every language."""
    de, en, mark = writer(api, 'de'), new_user(api), unique('say')
    a, b = post(api, de, 'Hund %s #%st' % (mark, mark)), post(api, en, 'dog %s #%st' % (mark, mark))
    assert found(api, 'der ' + mark) == [a] and found(api, 'the ' + mark) == [b]
    assert found(api, '#%st' % mark) == found(api, mark + 't') == [b, a]
    assert found(api, 'der #%st' % mark) == [a] and found(api, 'the #%st' % mark) == [b]
    assert found(api, 'hunde #%st' % mark) == [a] and found(api, 'dogs #%st' % mark) == [b]
    bare = post(api, de, '', hashtags=[mark + 't'], image_url='https://i.example/1.jpg')
    assert found(api, '#%st' % mark) == [bare, b, a] and found(api, 'der #%st' % mark) == [bare, a]


def test_T_15_nobody_sends_it(api, server):
    """What an entry has of the language is the server's to say."""
    a = new_user(api)
    p = post(api, a, 'x')
    r = api.call('comment_create', {'post_id': p, 'content': 'x', 'language': 10}, viewer=a)
    assert r.status == 400 and r.pointers == ['/language'], r
    r = api.call('settings_change', {'user_id': a, 'language': 'en', 'writes': 10}, viewer=a)
    assert r.status == 400 and r.pointers == ['/writes'], r


def test_FIND_9_T_15_imported(api, server):
    a, b, mark = writer(api, 'de'), new_user(api), unique('imp')
    rows = [{'user_id': u, 'created_at': '2024-01-01T00:00:00.000Z', 'caption': 'Häuser ' + mark} for u in (a, b)]
    r = api.call('import_posts', {'source_hi': str(SERIAL[0]), 'source_lo': '15', 'chunk': 0, 'posts': rows})
    assert r.status == 200 and r['applied'] == 2, r
    assert len(found(api, 'häuser ' + mark)) == 2
    got = api.call('search_posts', {'query': 'haus ' + mark})['posts']
    assert [x['user_id'] for x in got] == [a], got


# ---- against a scan ------------------------------------------------------------------------------

ALGORITHM = {'en': 'english', 'de': 'german', 'fr': 'french', 'es': 'spanish', 'ru': 'russian', 'pt': 'portuguese',
             'sv': 'swedish', 'tr': 'turkish', 'th': None}
STOPS = {'en': {'the'}, 'de': {'der'}, 'sv': {'och'}}
WORDS = '''haus häuser katze katzen connection connected continuer continuaient chansons gato gatos correr corriendo
    книга книги книгу menino meninos flicka flickorna kitap kitaplar ışık ışıklar running run the der och'''.split()


class Stems:
    def __init__(self):
        lib = ctypes.CDLL(ctypes.util.find_library('stemmer'))
        lib.sb_stemmer_new.restype = ctypes.c_void_p
        lib.sb_stemmer_stem.restype = ctypes.c_char_p
        lib.sb_stemmer_stem.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        self.stemmer = {t: lib.sb_stemmer_new(a.encode(), b'UTF_8') for t, a in ALGORITHM.items() if a}
        self.lib = lib

    def of(self, tag, word):
        """None: it says nothing."""
        if word in STOPS.get(tag, ()):
            return None
        if tag not in self.stemmer:
            return word
        return self.lib.sb_stemmer_stem(self.stemmer[tag], word.encode(), len(word.encode())).decode()

    def read(self, tag, words):
        return [(i, s) for i, s in ((i, self.of(tag, w)) for i, w in enumerate(words)) if s]


def in_order(at, wanted):
    if not wanted:
        return True
    steps = {(i - wanted[0][0], s) for i, s in wanted}
    return any(steps <= {(i - start, s) for i, s in at} for start, _ in at)


@harness.once
def test_FIND_11_T_15_against_a_scan(api, server):
    """Random texts and queries in nine languages, after edits, deletes, kill -9, from log and from snapshot."""
    rng, stems = random.Random(15), Stems()
    users = {t: [writer(api, t) for _ in range(3)] for t in ALGORITHM}
    texts = {}   # post: (language, author, words)

    def check(conn, n):
        hits = 0
        for _ in range(n):
            words = rng.choices(WORDS, k=rng.randrange(1, 4))
            phrase = rng.random() < 0.3
            want = []
            for p, (tag, _, said) in texts.items():
                asked, at = stems.read(tag, words), stems.read(tag, said)
                has = {s for _, s in asked} <= {s for _, s in at}
                if asked and has and (not phrase or len(asked) < 2 or in_order(at, asked)):
                    want.append(int(p))
            query = ' '.join(w.upper() if rng.random() < 0.2 and 'ı' not in w and 'i' not in w else w for w in words)
            got = [int(p) for p in found(conn, '"%s"' % query if phrase else query) if p in texts]
            assert got == sorted(want, reverse=True), (query, phrase, len(got), len(want))
            hits += bool(want)
        assert hits > n // 3, (hits, n)

    def write(conn, p=None):
        words = rng.choices(WORDS, k=rng.randrange(1, 9))
        tag, author = texts[p][:2] if p else (lambda t: (t, rng.choice(users[t])))(rng.choice(list(users)))
        if p:
            assert conn.call('post_update', {'post_id': p, 'caption': ' '.join(words)}, viewer=author).status == 200
        else:
            p = post(conn, author, ' '.join(words))
        texts[p] = (tag, author, words)
    binary = Binary(server)
    for i in range(500):
        write(binary if i % 2 else api)
    check(api, 60)
    check(binary, 60)
    for p in rng.sample(list(texts), 150):
        write(binary, p)
    for p in rng.sample(list(texts), 100):
        assert api.call('post_delete', {'post_id': p}, viewer=texts[p][1]).status == 204
        del texts[p]
    check(binary, 60)
    server.restart('kill')
    check(Binary(server), 60)
    api = Http(server)

    def snapshot():
        assert server.admin_get('/snapshot', 'POST')[0] in (200, 202)
    harness.eventually(snapshot)
    write(api)
    server.restart('kill')
    check(Http(server), 60)
    a = users['de'][0]
    p = post(Http(server), a, 'zqafter Häuser')
    assert found(Http(server), 'zqafter haus') == [p], 'the author\'s language is in the snapshot'


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
