"""What lies beneath the requests: how long a restart takes, and what each edge, post, like, comment
and timeline entry takes of memory; Kith and Redis on the same community.

PostgreSQL is left out of both: its start reads nothing but its log, the pages come at the first
questions; and its memory is a cache of a size that one sets.
"""
import os
import socket
import subprocess
import time

import systems

# Of the two forms: users, follows of each, posts.
FULL, QUICK = (100000, 50, 1000000), (20000, 50, 100000)
LIKES_A_POST, POSTS_A_COMMENT = 2, 2            # as in tools/kith_bench_memory.c


class StoredRedis(systems.Redis):
    """Started again and again on one directory, with what the measurement needs."""
    settings = ()

    def command(self):
        return super().command() + list(self.settings)

    def ask(self, *words):
        r = subprocess.run(['redis-cli', '-p', str(self.port), *words], stdout=subprocess.PIPE,
                           text=True, check=True)
        return r.stdout

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def ready_seconds(self):
        """Starts it; seconds until the first answer, and the processor time until then."""
        begin = time.monotonic()
        self.begin()
        with socket.create_connection((systems.HOST, self.port)) as s:
            answer = b''
            while not answer.startswith(b'+PONG'):
                s.sendall(b'PING\r\n')
                answer = s.recv(1000)
                time.sleep(0.0005)
        return time.monotonic() - begin, cpu_seconds(self.process.pid)

    def start(self, command, **more):
        with open(os.path.join(self.dir, 'log'), 'ab') as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.dir,
                                            start_new_session=True, **more)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            try:
                return socket.create_connection((systems.HOST, self.port), 1).close()
            except OSError:
                time.sleep(0.0005)
        raise RuntimeError('redis does not listen')

    def resident(self):
        """Bytes that the process holds, and those that it says it uses."""
        with open('/proc/%d/statm' % self.process.pid) as f:
            held = int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
        told = dict(line.split(':', 1) for line in self.ask('info', 'memory').split()
                    if ':' in line)
        return held, int(told['used_memory'])


def cpu_seconds(pid):
    with open('/proc/%d/stat' % pid) as f:
        words = f.read().rpartition(')')[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf('SC_CLK_TCK')


def community(size):
    users, follows, posts = size
    return ['--users', str(users), '--follows', str(follows), '--posts', str(posts), '--likes',
            str(LIKES_A_POST * posts), '--comments', str(posts // POSTS_A_COMMENT)]


def seconds(o, names):
    """About how long each takes."""
    each = {'restart': 40, 'memory': 60, 'cores': 15} if o.quick else \
        {'restart': 150, 'memory': 220, 'cores': 45}
    return sum(each[name] for name in names)


# ---- restart ------------------------------------------------------------------------------------

def restart(runner, size):
    """Users, follows and posts in both; no timelines in Redis, which Kith makes when they are
    read. Redis by its dump, and by the log of the commands; nothing else runs meanwhile."""
    kith = runner.bench_plain('restart', size)
    redis = StoredRedis(runner.peers, os.path.join(runner.root, 'restart'))
    out = {'rows': kith['rows']}
    try:
        redis.settings = ['--appendonly', 'yes', '--appendfsync', 'everysec']
        redis.begin()
        redis.load(community(size), 'users,follows,posts')
        redis.ask('save')
        redis.stop()
        out['aof_s'], out['aof_cpu_s'] = redis.ready_seconds()
        out['keys'] = int(redis.ask('dbsize'))
        redis.stop()
        redis.settings = ['--appendonly', 'no']
        out['rdb_s'], out['rdb_cpu_s'] = redis.ready_seconds()
        if int(redis.ask('dbsize')) != out['keys'] or out['keys'] < size[0]:
            raise RuntimeError('redis has not come back with what it had')
    finally:
        redis.end()
    return {'kith': kith, 'redis': out}


def restart_words(r):
    k, p = r['kith'], r['redis']
    return [
        '%.0f rows (users, follows, posts), from start to first answer' % k['rows'],
        'Kith    snapshot %6.2f s, log of the import %6.2f s' % (k['snapshot_load_s'],
                                                              k['log_replay_s']),
        'Redis   dump     %6.2f s, log of commands   %6.2f s' % (p['rdb_s'], p['aof_s']),
        'Kith from its snapshot x %.2f of Redis from its dump (processor time x %.2f)' % (
            p['rdb_s'] / k['snapshot_load_s'], p['rdb_cpu_s'] / k['snapshot_load_cpu_s']),
        'Kith replays %.0f single changes at %.0f entries/s a core, an import at %.0f rows/s a core'
        % (k['change_entries'], k['replayed_entries_per_core_second'],
           k['replayed_rows_per_core_second']),
        'PostgreSQL: not comparable, it loads nothing before the first questions',
    ]


# ---- memory -------------------------------------------------------------------------------------

PARTS = (('user', 'users'), ('edge', 'follows'), ('post', 'posts'), ('like', 'likes'),
         ('comment', 'comments'), ('timeline_entry', 'timelines'), ('timed_edge', 'timed-follows'))


def memory(runner, size):
    """What each part takes is what the process holds more after it."""
    kith = runner.bench_plain('memory', size)
    redis = StoredRedis(runner.peers, os.path.join(runner.root, 'memory'))
    redis.settings = ['--appendonly', 'no']
    users, follows, posts = size
    # Timelines in Redis hold all that is followed, up to the cap: their entries are counted there.
    counts = {'user': users, 'edge': users * follows, 'post': posts, 'like': kith['likes'],
              'comment': kith['comments'], 'timed_edge': users * follows}
    out = {}
    try:
        redis.begin()
        before = redis.resident()
        for name, part in PARTS:
            redis.load(community(size), part)
            time.sleep(0.5)
            now = redis.resident()
            n = counts.get(name) or timeline_entries(redis, users)
            out[name + '_bytes'] = (now[0] - before[0]) / n
            out[name + '_used_bytes'] = (now[1] - before[1]) / n
            before = now
        out['resident_mb'] = before[0] / 1e6
    finally:
        redis.end()
    for name, content in (('post', 'post_content_bytes'), ('comment', 'comment_content_bytes')):
        for kind in ('_bytes', '_used_bytes'):
            out[name + kind + '_besides_content'] = out.pop(name + kind) - kith[content]
    return {'kith': kith, 'redis': out}


def timeline_entries(redis, users):
    """By a sample of a thousand."""
    step = max(1, users // 1000)
    sample = range(0, users, step)
    n = subprocess.run(['redis-cli', '-p', str(redis.port)], text=True, check=True,
                       input=''.join('llen t:%d\n' % u for u in sample), stdout=subprocess.PIPE)
    lengths = [int(line) for line in n.stdout.split()]
    return sum(lengths) / len(lengths) * users


def memory_words(m):
    k, p = m['kith'], m['redis']
    rows = (('edge with its mirror', 'edge_bytes', 40), ('like', 'like_bytes', 24),
            ('post, besides its content', 'post_bytes_besides_content', 64),
            ('comment, besides its content', 'comment_bytes_besides_content', 64),
            ('timeline entry', 'timeline_entry_bytes', 8))
    out = ['%-30s %10s %10s %10s' % ('bytes held for each', 'Kith', 'Redis', 'target')]
    for name, figure, target in rows:
        out.append('%-30s %10.1f %10.1f %10s' % (name, k[figure], p[figure], '<= %d' % target))
    return out + [
        '(Redis has an edge in sets, without its time; in sorted sets, with it, %.1f)'
        % p['timed_edge_bytes'],
        'Kith: of %.0f MB held %.2f is state' % (k['resident_mb'], k['state_of_resident']),
    ]
