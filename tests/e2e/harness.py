"""A server under test and two ways to talk to it: HTTP/JSON and binary frames, behind one call(), so that
every check can run over both."""
import http.client
import itertools
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import shutil
import time
import urllib.parse

import schema
from schema import OPS

ROOT = schema.ROOT
KITH = os.environ.get('KITH', os.path.join(ROOT, 'build/kith'))
KEY = 'service-key-for-tests-0123456789'
MAGIC = 0x4854494B


def shadows():
    """Bytes that the sanitizer of the build under test keeps of each byte, with the byte itself."""
    flags = os.path.join(os.path.dirname(KITH), 'flags')
    with open(flags) if os.path.exists(flags) else open(os.devnull) as f:
        return 8 if '-fsanitize=thread' in f.read() else 1


# Below those that the system gives to connections: a server that is killed finds its own again. Each
# process begins elsewhere.
PORTS = itertools.count(os.getpid() * 37)


def free_port():
    for n in PORTS:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(('127.0.0.1', 10000 + n % 20000))
                return s.getsockname()[1]
            except OSError:
                pass


class Server:
    def __init__(self, *args, cores=2, durability='strict', io=None, keep=None):
        self.dir = keep or tempfile.mkdtemp(prefix='kith-e2e-')
        self.keyfile = os.path.join(self.dir, 'service.key')
        with open(os.open(self.keyfile, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as f:
            f.write(KEY + '\n')
        self.data = os.path.join(self.dir, 'data')
        self.port, self.admin = free_port(), free_port()
        io = io or os.environ.get('KITH_IO', 'auto')
        cores = int(os.environ.get('KITH_CORES', cores))
        self.args = ['--cores', str(cores), '--durability', durability, '--io', io, *args]
        self.process = None
        self.start()
        eventually(lambda: self.check_way(io, cores))

    def check_way(self, io, cores):
        """It runs as it was told to."""
        backend = {'uring': 'io_uring', 'epoll': 'epoll', 'auto': ''}[io]
        said = re.findall('ready: .*', self.tail())[-1:]
        want = '%s, %d core' % (backend, cores)
        assert said and want in said[0], (want, said)

    def start(self, *extra):
        self.log = open(os.path.join(self.dir, 'log'), 'ab')
        self.process = subprocess.Popen(
            [KITH, 'serve', self.data, '--listen', '127.0.0.1:%d' % self.port, '--admin',
             '127.0.0.1:%d' % self.admin, '--service-key-file', self.keyfile, *self.args, *extra],
            stdout=self.log, stderr=self.log)
        deadline = time.time() + float(os.environ.get('KITH_START_S', 60))
        while time.time() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError('server ended %d: %s' % (self.process.returncode, self.tail()))
            try:
                c = http.client.HTTPConnection('127.0.0.1', self.admin, timeout=5)
                c.request('GET', '/readyz')
                if c.getresponse().status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError('server not ready: ' + self.tail())

    def tail(self):
        self.log.flush()
        return open(os.path.join(self.dir, 'log'), errors='replace').read()[-3000:]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        # A sanitizer's exit code is lost with the kill; what it wrote is not.
        said = open(os.path.join(self.dir, 'log'), errors='replace').read()
        assert 'Sanitizer' not in said, said[-6000:]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        if code != 0:
            raise RuntimeError('server stopped with %d: %s' % (code, self.tail()))

    def restart(self, how='stop', *extra):
        getattr(self, how)()
        return self.start(*extra)

    def admin_get(self, path, method='GET'):
        c = http.client.HTTPConnection('127.0.0.1', self.admin, timeout=60)
        c.request(method, path)
        r = c.getresponse()
        return r.status, r.read().decode()

    def check(self):
        """kith check of the stopped data directory: its JSON; fails on findings."""
        r = subprocess.run([KITH, 'check', self.data, '--json'], capture_output=True, text=True)
        assert r.returncode == 0, (r.returncode, r.stdout[-2000:], r.stderr[-2000:])
        return json.loads(r.stdout)

    def digest(self, cores):
        """What a replay of the stopped data directory's log ends in."""
        r = subprocess.run([KITH, 'wal', 'digest', self.data, '--cores', str(cores)],
                           capture_output=True, text=True)
        assert r.returncode == 0, (r.returncode, r.stdout, r.stderr)
        return r.stdout

    def check_digests(self):
        """The same log has one end, whatever the number of threads."""
        one, two = self.digest(1), self.digest(2)
        assert one == two, (one, two)

    def end(self):
        if self.process.poll() is None:
            self.stop()
        result = self.check()
        self.check_digests()
        shutil.rmtree(self.dir, ignore_errors=True)
        return result

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.end()
        else:
            sys.stderr.write(self.tail() + '\n')
            self.process.kill()


class Answer:
    def __init__(self, status, body, place=0, headers=None):
        self.status, self.body, self.place, self.headers = status, body, place, headers or {}

    def __repr__(self):
        return 'Answer(%s, %s)' % (self.status, self.body)

    def __getitem__(self, key):
        return self.body[key]

    @property
    def code(self):
        return self.body.get('code') if self.body else None

    @property
    def pointers(self):
        return [e['pointer'] for e in (self.body or {}).get('errors') or []]


class Http:
    """HTTP/JSON, one keep-alive connection."""
    name = 'http'

    def __init__(self, server):
        self.port = server.port
        self.c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)

    def raw(self, method, path, body=None, headers=None):
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        headers = dict(headers or {})
        if data is not None:
            headers.setdefault('Content-Type', 'application/json')
        for attempt in (0, 1):
            try:
                self.c.request(method, path, data, headers)
                r = self.c.getresponse()
                break
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.c.close()
                if attempt:
                    raise
        text = r.read()
        if 'ndjson' in (r.headers.get('Content-Type') or ''):
            parsed = {'lines': text.decode().splitlines(), 'next_cursor': next_cursor(r.headers.get('Link'))}
        else:
            parsed = json.loads(text) if text else None
        return Answer(r.status, parsed, int(r.headers.get('Kith-Log-Place') or 0), r.headers)

    def call(self, op, fields=None, viewer=None, token=None, key=None, place=None, service=True, route=0):
        row, fields = OPS[op], dict(fields or {})
        method, path = row.routes[route]
        for part in path.split('/'):
            if part.startswith('{'):
                value = fields.pop(part[1:-1], '')
                path = path.replace(part, urllib.parse.quote(str(value), safe=''))
        headers = {}
        if token:
            headers['Authorization'] = 'Bearer ' + token
        elif service:
            headers['Authorization'] = 'Bearer ' + KEY
            if viewer:
                headers['Kith-Viewer'] = str(viewer)
        if key:
            headers['Idempotency-Key'] = key
        if place:
            headers['Kith-Log-Place'] = str(place)
        body = None
        if method == 'GET':
            if fields:
                path += '?' + urllib.parse.urlencode({k: query_text(v) for k, v in fields.items()})
        elif fields:
            body = fields
        return self.raw(method, path, body, headers)


def next_cursor(link):
    """Of the Link field that leads to the next page."""
    found = re.search('[?&]cursor=([^&>]*)', link or '')
    return found and urllib.parse.unquote(found.group(1))


class Binary:
    """Binary frames; an answer is shown as its JSON would be."""
    name = 'binary'

    def __init__(self, server):
        self.port = server.port
        self.links = {}
        self.request = 0

    def link(self, identity):
        s = self.links.get(identity)
        if s is None:
            s = socket.create_connection(('127.0.0.1', self.port), timeout=60)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.links[identity] = s
            if identity[0] == 'token':
                hello = {'token': identity[1]}
            elif identity[0] == 'service':
                hello = {'service_key': KEY}
            else:
                return s
            a = self.exchange(s, OPS['hello'], hello)
            if a.status != 200:
                self.links.pop(identity).close()
                return a
        return s

    def exchange(self, s, row, fields, actor=0, place=0, key=None):
        status, body, at = self.frames(s, row, fields, actor, place, key)
        if status == 0:
            shown = schema.unpack(row.reply, body) if row.status != 204 else None
            return Answer(row.status, shown, at)
        problem = schema.unpack('Problem', body)
        return Answer(problem['status'], problem, at)

    def frames(self, s, row, fields, actor=0, place=0, key=None):
        """One request, one answer: status, payload, place."""
        self.request += 1
        payload = schema.pack(row.request, fields)
        if key:
            k = key.encode()
            head = bytes([len(k)]) + k
            payload = head + bytes(-len(head) % 8) + payload
        s.sendall(struct.pack('<IHBBIIQQ', len(payload), row.number, 0, 1 if key else 0, self.request,
                              MAGIC, place or 0, actor) + payload)
        n, op, status, flags, request, magic, at, _ = struct.unpack('<IHBBIIQQ', self.read(s, 32))
        body = self.read(s, n)
        assert magic == MAGIC and request == self.request and op == row.number, (op, request)
        return status, body, at

    def rows(self, op, fields, rows, viewer=None, limit=100):
        """All items of a list, page by page, as tuples: for long ones."""
        s, items, cursor, last = self.link(('service',)), [], None, False
        while not last:
            f = dict(fields, limit=limit, **({'cursor': cursor} if cursor else {}))
            status, body, _ = self.frames(s, OPS[op], f, int(viewer or 0))
            assert status == 0, schema.unpack('Problem', body)
            page, cursor = rows.unpack(body)
            last = cursor is None
            assert len(page) == limit or last, (op, fields, len(page))
            items += page
        return items

    @staticmethod
    def read(s, n):
        out = b''
        while len(out) < n:
            more = s.recv(n - len(out))
            if not more:
                raise ConnectionResetError('closed')
            out += more
        return out

    def call(self, op, fields=None, viewer=None, token=None, key=None, place=None, service=True, route=0):
        identity = ('token', token) if token else ('service',) if service else ('nobody',)
        s = self.link(identity)
        if isinstance(s, Answer):
            return s
        fields = aliases(OPS[op].request, fields or {})
        return self.exchange(s, OPS[op], fields, int(viewer or 0) if not token and service else 0, place, key)


def query_text(value):
    if isinstance(value, list):
        return ','.join(str(v) for v in value)
    return str(value).lower() if isinstance(value, bool) else value


def aliases(table, fields):
    """Names and forms that only JSON knows, as the binary table has them."""
    import copy
    out = {}
    for f in schema.TABLES[table]:
        for name in [f.name] + f.attrs.get('alias', '').split(','):
            if name in fields:
                v = copy.deepcopy(fields[name])
                if 'str_as' in f.attrs:
                    wrap = lambda x: {f.attrs['str_as']: x} if isinstance(x, str) else x
                    v = [wrap(x) for x in v] if isinstance(v, list) else wrap(v)
                if 'raw_json' in f.attrs:
                    v = json.dumps(v)
                kind = f.kind.strip('[]')
                if kind in schema.TABLES and v is not None:
                    v = [aliases(kind, x) for x in v] if isinstance(v, list) else aliases(kind, v)
                if f.kind in schema.SCALARS and isinstance(v, str) and 'time' not in f.attrs:
                    v = int(v)
                out[f.name] = v
    return out


TRANSPORTS = [Http, Binary]
_serial = [0]


def new_user(api, **extra):
    """Registers somebody with a cheap import row (no password to hash); returns the id."""
    _serial[0] += 1
    name = extra.pop('username', 'u%d_%d' % (os.getpid(), _serial[0]))
    row = dict(username=name, email=name + '@example.org', first_name='First', last_name='Last%d' % _serial[0])
    row.update(extra)
    a = api.call('import_users', {'users': [row]})
    assert a.status == 200, a
    assert a['user_ids'][0] != '0', a
    return a['user_ids'][0]


def pages(api, op, fields, noun, viewer=None, limit=20):
    """All items of a list, page by page, and the sizes of the pages."""
    items, sizes, cursor = [], [], None
    while True:
        f = dict(fields, limit=limit)
        if cursor:
            f['cursor'] = cursor
        a = api.call(op, f, viewer=viewer)
        assert a.status == 200, a
        items += a[noun]
        sizes.append(len(a[noun]))
        cursor = a['next_cursor']
        if cursor is None:
            return items, sizes


def eventually(check, seconds=10):
    """check() without an AssertionError within the time."""
    end = time.time() + seconds
    while True:
        try:
            return check()
        except AssertionError:
            if time.time() > end:
                raise
            time.sleep(0.02)


def once(test):
    """A test that is not about one transport: it chooses by itself."""
    test.once = True
    return test


def over(name):
    """A test of what one transport alone has."""
    def mark(test):
        test.over = name
        return test
    return mark


def run(module, server_args=()):
    """Runs every test_* function of a module over both transports; prints a line each; exit code."""
    passed = failed = 0
    only = sys.argv[1:]
    with Server(*server_args) as server:
        for name, fn in sorted(vars(module).items()):
            if not name.startswith('test_') or (only and name not in only):
                continue
            alone = getattr(fn, 'once', False)
            for transport in TRANSPORTS[:1] if alone else TRANSPORTS:
                if transport.name != getattr(fn, 'over', transport.name):
                    continue
                where = name if alone else '%s over %s' % (name, transport.name)
                try:
                    fn(transport(server), server)
                    passed += 1
                    print('ok   ' + where, flush=True)
                except Exception as e:
                    import traceback
                    traceback.print_exc()
                    failed += 1
                    print('FAIL %s: %r' % (where, e), flush=True)
                    if server.process.poll() is not None:
                        sys.stderr.write(server.tail())
                        server.start()
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0
