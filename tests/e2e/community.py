"""A community to import: the real one of $KITH_SHARED/data, or one made up in the same formats
where that is absent. Read here from the files alone, by the rules of `kith import --help`."""
import csv
import datetime
import io
import json
import os
import random
import subprocess

import harness

SHARED = os.environ.get('KITH_SHARED', os.path.join(harness.ROOT, '..', 'shared'))
EDGES, POSTS = 'facebook_combined.txt', 'russian_troll_tweets_sample.csv'
WORDS = 'kith, "lore", #tag @n1 ёлка 🎄 &amp; a;b \'c\' http://x.y/z'.split()


def text_of(path):
    if not path.endswith('.zst'):
        return open(path, encoding='utf-8', newline='').read()
    return subprocess.run(['zstd', '-dcq', path], capture_output=True, check=True).stdout.decode()


def make_edges(path, rng, users=400):
    """Friendships u < v; some people have many friends, some have one."""
    with open(path, 'w') as f:
        for v in range(1, users):
            few = rng.choice([1, 1, 3, 10, 20])
            for u in sorted(rng.sample(range(v), min(v, few))):
                f.write('%d %d\n' % (u, v))


def make_posts(path, rng, authors=30):
    """Dates ascend within an author and often are the same second; one author wrote most."""
    with open(path, 'w', newline='') as f:
        out = csv.writer(f, lineterminator='\n')
        out.writerow('author_id content region publish_date post_type'.split())
        for a in range(authors):
            second = 1420070400 + rng.randrange(10**7)
            for _ in range(3000 if a == 7 else rng.randrange(1, 250)):
                second += rng.choice([0, 0, 1, 60, 9999])
                date = harness.schema.rfc3339(second * 1000)[:19].replace('T', ' ')
                text = ' '.join(rng.choices(WORDS, k=rng.randrange(1, 30)))
                out.writerow(['author%d' % a, text, 'Unknown', date, ''])


class Community:
    def __init__(self, folder):
        """`folder` takes what has to be made."""
        data = os.path.join(SHARED, 'data')
        self.edges, self.posts = (os.path.join(data, name + '.zst') for name in (EDGES, POSTS))
        self.real = os.path.exists(self.edges) and os.path.exists(self.posts)
        if not self.real:
            rng = random.Random(2)
            self.edges, self.posts = (os.path.join(folder, name) for name in (EDGES, POSTS))
            make_edges(self.edges, rng)
            make_posts(self.posts, rng)
        self.read_edges()
        self.read_posts()
        if self.real:
            size = len(self.friends), self.friendships, len(self.authors), len(self.rows)
            assert size == (4039, 88234, 160, 128321), size

    def read_edges(self):
        self.friends, self.friendships = {}, 0  # number of a person -> the set of his friends'
        for line in text_of(self.edges).splitlines():
            u, v = map(int, line.split())
            self.friends.setdefault(u, set()).add(v)
            self.friends.setdefault(v, set()).add(u)
            self.friendships += 1

    def read_posts(self):
        self.rows = []     # (author's name, text, date as the file has it)
        self.authors = []  # names, in the order of their first row
        for row in csv.DictReader(io.StringIO(text_of(self.posts), newline='')):
            self.rows.append((row['author_id'], row['content'], row['publish_date']))
        for name, _, _ in self.rows:
            if name not in self.authors:
                self.authors.append(name)

    def follows_author(self, number, each):
        """The names of the authors whom the person of the graph follows by the rule."""
        n = len(self.authors)
        return {self.authors[(number * 7 + k * 13) % n] for k in range(each)}

    def run_import(self, server, each, **popen):
        """Started; the caller waits for it. See `summary`."""
        return subprocess.Popen(
            [harness.KITH, 'import', '--to', '127.0.0.1:%d' % server.port, '--service-key-file',
             server.keyfile, '--edges', self.edges, '--undirected', '--posts', self.posts,
             '--follow-authors', str(each), '--json'],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen)


def summary(process):
    out, err = process.communicate()
    assert process.returncode == 0, (process.returncode, out, err)
    return json.loads(out)


def millis(date):
    """Of `2017-01-31 12:00:00`, taken as UTC."""
    return int(datetime.datetime.fromisoformat(date + '+00:00').timestamp()) * 1000
