"""The systems that Kith is compared with, each started on a private directory and port, with the
settings that serve it best. What is not said here is the default of its Debian package."""
import os
import shutil
import signal
import socket
import subprocess
import time

HOST = '127.0.0.1'
POSTGRES_BIN = '/usr/lib/postgresql/15/bin'


def free_port():
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


def wait_for(port, process, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError('%s ended at once' % process.args[0])
        try:
            socket.create_connection((HOST, port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError('%s does not listen' % process.args[0])


class System:
    """A server of its own process group: stopped (SIGSTOP) while another is measured, so that no
    background work of one takes the time of another."""
    pools = ()                                  # numbers of connections of which the best is taken
    durable = True                              # has a log that answers may wait for
    scenarios = ('feed', 'mixed', 'like', 'follow', 'comment', 'post-fanout', 'graph')

    def __init__(self, peers, root):
        self.peers, self.dir, self.port = peers, os.path.join(root, self.name), free_port()
        self.process = None
        os.makedirs(self.dir)

    def start(self, command, **more):
        log = open(os.path.join(self.dir, 'log'), 'ab')
        self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True,
                                        cwd=self.dir, **more)
        wait_for(self.port, self.process)

    def load_stream(self, community, parts):
        return subprocess.Popen([self.peers, 'load', self.name, *community,
                                 *(['--parts', parts] if parts else [])], stdout=subprocess.PIPE)

    def group(self):
        """The processes that are this server, in whatever group it has put them."""
        own = [self.process.pid]
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open('/proc/%s/stat' % pid) as f:
                    if int(f.read().rpartition(')')[2].split()[1]) == self.process.pid:
                        own.append(int(pid))
            except (OSError, ValueError):
                pass
        return own

    def send(self, number):
        for pid in self.group():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def pause(self):
        self.settle()
        self.send(signal.SIGSTOP)

    def go_on(self):
        self.send(signal.SIGCONT)

    def settle(self):
        """Does now what it would do later."""

    def durability(self, mode):
        """`strict` (answered when on disk) or `group` (synced soon after); arguments for peers."""
        return []

    def end(self):
        if self.process and self.process.poll() is None:
            self.go_on()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Redis(System):
    name = 'redis'

    def command(self):
        return [
            'redis-server', '--port', str(self.port), '--bind', HOST, '--dir', self.dir,
            '--loglevel', 'warning',
            # The log is what keeps the data. No dumps and no rewriting of the log: a fork while
            # being measured would cost more than either.
            '--save', '', '--appendonly', 'yes', '--appendfsync', 'no',
            '--auto-aof-rewrite-percentage', '0',
            # A post's text fits into the compact form of a hash: less memory, no slower.
            '--hash-max-listpack-value', '512',
            # On two cores the io-threads fight the main thread and the generator.
            '--io-threads', '1']

    def begin(self):
        self.start(self.command())

    def load(self, community, parts=None):
        stream = self.load_stream(community, parts)
        subprocess.run(['redis-cli', '-p', str(self.port), '--pipe'], stdin=stream.stdout,
                       stdout=subprocess.DEVNULL, check=True)
        if stream.wait() != 0:
            raise RuntimeError('redis was not loaded')

    def durability(self, mode):
        subprocess.run(['redis-cli', '-p', str(self.port), 'config', 'set', 'appendfsync',
                        {'strict': 'always', 'group': 'everysec', 'none': 'everysec'}[mode]],
                       stdout=subprocess.DEVNULL, check=True)
        return []


class Postgres(System):
    name = 'postgres'
    # More processes than sixteen mostly take turns on two cores, each with several requests under
    # way; but more that wait for the disk at once share its syncs.
    pools = (16, 50)

    settings = {
        'listen_addresses': HOST,
        'shared_buffers': '1GB',            # all of the data, with room for what is added
        'autovacuum': 'off',                # the tables are vacuumed after loading
        'jit': 'off',                       # compiles for longer than a page takes
        'wal_level': 'minimal', 'max_wal_senders': '0',
        'wal_buffers': '64MB',
        'max_wal_size': '16GB', 'min_wal_size': '4GB',
        'checkpoint_timeout': '1h',         # none while it is measured: one between runs
        'bgwriter_lru_maxpages': '0',
        'max_connections': '100',
        'unix_socket_directories': '',
        'track_activities': 'off', 'track_counts': 'off', 'update_process_title': 'off',
    }

    def as_owner(self, command):
        """PostgreSQL will not run as root."""
        if os.getuid() != 0:
            return command
        return ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', *command]

    def begin(self):
        data = os.path.join(self.dir, 'data')
        if os.getuid() == 0:
            shutil.chown(self.dir, 'postgres', 'postgres')
        subprocess.run(self.as_owner([POSTGRES_BIN + '/initdb', '-D', data, '-A', 'trust', '-U',
                                      'postgres', '--no-locale', '-E', 'UTF8', '--no-sync']),
                       stdout=subprocess.DEVNULL, check=True, cwd=self.dir)
        options = ['-c%s=%s' % setting for setting in self.settings.items()]
        self.start(self.as_owner([POSTGRES_BIN + '/postgres', '-D', data, '-p', str(self.port),
                                  *options]))

        # It listens before it answers.
        ready = [POSTGRES_BIN + '/pg_isready', '-q', '-h', HOST, '-p', str(self.port)]
        while subprocess.run(ready).returncode != 0 and self.process.poll() is None:
            time.sleep(0.05)

    def psql(self, *arguments, stdin=subprocess.DEVNULL):
        subprocess.run(['psql', '-q', '-X', '-v', 'ON_ERROR_STOP=1', '-h', HOST, '-p',
                        str(self.port), '-U', 'postgres', *arguments],
                       stdin=stdin, stdout=subprocess.DEVNULL, check=True)

    def load(self, community, parts=None):
        here = os.path.dirname(os.path.abspath(__file__))
        schema = 'schema_graph' if parts == 'graph' else 'schema'
        self.psql('-f', os.path.join(here, schema + '.sql'))
        stream = self.load_stream(community, parts)
        self.psql(stdin=stream.stdout)
        if stream.wait() != 0:
            raise RuntimeError('postgres was not loaded')
        self.psql('-f', os.path.join(here, schema + '_after.sql'))

    def settle(self):
        self.psql('-c', 'CHECKPOINT')

    def durability(self, mode):
        return ['--synced'] if mode == 'strict' else []


class Memcached(System):
    name = 'memcached'
    durable = False
    scenarios = ('feed',)

    def begin(self):
        self.start(['memcached', '-l', HOST, '-p', str(self.port), '-m', '1024',
                    # One thread: the other core is the generator's.
                    '-t', '1', '-R', '200'] + (['-u', 'nobody'] if os.getuid() == 0 else []))

    def load(self, community, parts=None):
        stream = self.load_stream(community, parts)
        with socket.create_connection((HOST, self.port)) as s:
            while chunk := stream.stdout.read(1 << 20):
                s.sendall(chunk)
            s.sendall(b'version\r\n')
            if not s.recv(100).startswith(b'VERSION'):
                raise RuntimeError('memcached was not loaded')
        if stream.wait() != 0:
            raise RuntimeError('memcached was not loaded')
