#!/usr/bin/python3
"""Races as large as the rows ask for: a thousand registrations of one name at once, and of one e-mail address; a thousand
users who like one post and take it back at once; a refresh token that is used by many. Requests are written ahead over many
connections, so that all of them are under way before the first is answered."""
import json
import os
import random
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import schema
from harness import KEY, MAGIC, OPS, pages

PASSWORD = 'correct horse battery'
LINKS, MANY = 100, 1000


class Crowd:
    """Many connections; a round sends all requests, then reads all answers: (status, body)."""

    def __init__(self, server, name, links=LINKS, service=False):
        self.http, self.service = name == 'http', service
        self.links = [socket.create_connection(('127.0.0.1', server.port), timeout=120) for _ in range(links)]
        self.files = [s.makefile('rb') for s in self.links]
        if service and not self.http:
            for i, s in enumerate(self.links):
                s.sendall(self.frame('hello', {'service_key': KEY}, None, 0))
                assert self.read_frame(i)[0] == 200

    def frame(self, op, fields, viewer, number):
        payload = schema.pack(OPS[op].request, fields)
        return struct.pack('<IHBBIIQQ', len(payload), OPS[op].number, 0, 0, number, MAGIC, 0, int(viewer or 0)) + payload

    def text(self, op, fields, viewer, number):
        method, path = OPS[op].routes[0]
        fields = dict(fields)
        for part in path.split('/'):
            if part.startswith('{'):
                path = path.replace(part, str(fields.pop(part[1:-1])))
        body = json.dumps(fields).encode()
        head = '%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n' % (
            method, path, len(body))
        if self.service:
            head += 'Authorization: Bearer %s\r\nKith-Viewer: %s\r\n' % (KEY, viewer)
        return head.encode() + b'\r\n' + body

    def read_frame(self, i):
        head = self.files[i].read(32)
        n, op, status, _, number, magic, _, _ = struct.unpack('<IHBBIIQQ', head)
        body = self.files[i].read(n)
        assert magic == MAGIC
        row = next(r for r in OPS.values() if r.number == op)
        if status != 0:
            body = schema.unpack('Problem', body)
            return body['status'], body, number
        return row.status, None if row.status == 204 else schema.unpack(row.reply, body), number

    def read_text(self, i):
        status, size = int(self.files[i].readline().split()[1]), 0
        while True:
            line = self.files[i].readline().strip().lower()
            if not line:
                break
            if line.startswith(b'content-length:'):
                size = int(line.split(b':')[1])
        return status, json.loads(self.files[i].read(size) or 'null'), 0

    def round(self, requests):
        """[(op, fields, viewer)] -> the answers, in the same order."""
        write = self.text if self.http else self.frame
        sent = [b''.join(write(*r, number) for number, r in enumerate(requests[i::len(self.links)]))
                for i in range(len(self.links))]
        for s, data in zip(self.links, sent):
            s.sendall(data)
        answers = [None] * len(requests)
        for i in range(len(self.links)):
            mine = range(i, len(requests), len(self.links))
            for at in range(len(mine)):
                status, body, number = (self.read_text if self.http else self.read_frame)(i)
                answers[mine[at if self.http else number]] = status, body
        return answers

    def until_heard(self, requests):
        """Rounds until nobody is told to come back later."""
        left, answers = list(range(len(requests))), [None] * len(requests)
        while left:
            for i, a in zip(left, self.round([requests[i] for i in left])):
                answers[i] = a
            left = [i for i in left if answers[i][0] in (429, 503)]
        return answers

    def end(self):
        for f, s in zip(self.files, self.links):
            f.close()
            s.close()


def register_all(server, name, fields):
    crowd = Crowd(server, name)
    answers = crowd.until_heard([('register', dict(f, password=PASSWORD), None) for f in fields])
    crowd.end()
    return answers


def spelled(word, i):
    """The same name in another spelling for each i."""
    return ''.join(c.upper() if i >> k & 1 else c for k, c in enumerate(word))


def one_of(answers, pointer):
    statuses = [status for status, _ in answers]
    assert statuses.count(201) == 1 and statuses.count(409) == len(answers) - 1, sorted(statuses)
    for status, body in answers:
        assert status == 201 or pointer in [e['pointer'] for e in body['errors']], body
    return next(body for status, body in answers if status == 201)


def test_AUTH_2_thousand_at_once(api, server):
    word = 'crowdedname' + ('h' if api.name == 'http' else 'b')
    a = one_of(register_all(server, api.name, [
        {'username': spelled(word, i), 'email': '%s%d@example.org' % (word, i)} for i in range(MANY)]), '/username')
    assert api.call('user_by_name', {'username': word})['user_id'] == a['user_id']
    hits = [u['username'].lower() for u in pages(api, 'search_users', {'query': word}, 'users')[0]]
    assert hits.count(word) == 1, hits


def test_AUTH_3_thousand_at_once(api, server):
    word = 'crowdedmail' + ('h' if api.name == 'http' else 'b')
    a = one_of(register_all(server, api.name, [
        {'username': '%s_%d' % (word, i), 'email': spelled(word, i) + '@example.org'} for i in range(MANY)]), '/email')
    b = api.call('login', {'email': word + '@example.org', 'password': PASSWORD}, service=False)
    assert b.status == 200 and b['user_id'] == a['user_id'], b
    there = [i for i in range(0, MANY, 7)
             if api.call('user_by_name', {'username': '%s_%d' % (word, i)}).status == 200]
    assert all('%s_%d' % (word, i) == a['user']['username'] for i in there), there


def thousand_users(api, tag):
    ids = []
    for i in range(0, MANY, 50):
        rows = [{'username': 'fan%s%d' % (tag, k), 'email': 'fan%s%d@example.org' % (tag, k)} for k in range(i, i + 50)]
        a = api.call('import_users', {'users': rows})
        assert a.status == 200, a
        ids += a['user_ids']
    assert len(set(ids)) == MANY
    return ids


def test_LIKE_6_thousand_at_once(api, server):
    fans, rng = thousand_users(api, api.name[0]), random.Random(6)
    post = api.call('post_create', {'caption': 'for all'}, viewer=fans[0])['post_id']
    crowd, liked = Crowd(server, api.name, 20, service=True), set()
    for _ in range(5):
        ops = [rng.choice(('like', 'unlike')) for _ in fans]
        answers = crowd.round([(op, {'post_id': post}, u) for op, u in zip(ops, fans)])
        assert {status for status, _ in answers} == {200}, answers[:3]
        liked = {u for op, u in zip(ops, fans) if op == 'like'}
        assert api.call('like_count', {'post_id': post})['like_count'] == len(liked)
    # Everybody does both at once: what stays is one or the other for each, and the count says how many.
    crowd.round([(op, {'post_id': post}, u) for u in fans for op in ('unlike', 'like')])
    crowd.end()
    likers = {u['user_id'] for u in pages(api, 'likes', {'post_id': post}, 'users', limit=100)[0]}
    assert api.call('like_count', {'post_id': post})['like_count'] == len(likers)
    own = {u for u in fans if api.call('post_get', {'post_id': post}, viewer=u)['liked']}
    assert own == likers, len(own ^ likers)
    server.restart('kill')
    assert type(api)(server).call('like_count', {'post_id': post})['like_count'] == len(likers)


def test_AUTH_10_refresh_reuse_at_once(api, server):
    name = 'reuse' + api.name
    a = api.call('register', {'username': name, 'email': name + '@example.org', 'password': PASSWORD}, service=False)
    assert a.status == 201, a
    crowd = Crowd(server, api.name, 16)
    answers = crowd.round([('token_refresh', {'refresh_token': a['refresh_token']}, None)] * 64)
    crowd.end()
    good = [body for status, body in answers if status == 200]
    assert len(good) == 1 and {status for status, _ in answers} == {200, 401}, [s for s, _ in answers]
    # Somebody else had it: what it led to is worth nothing either.
    b = api.call('token_refresh', {'refresh_token': good[0]['refresh_token']}, service=False)
    assert b.status == 401, b
    assert type(api)(server).call('feed', {}, token=good[0]['token']).status == 401


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__], ('--limit', 'none')))
