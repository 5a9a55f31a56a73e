#!/bin/sh
# The command line as people and scripts see it: help, exit codes, call, sh, import of small files, wal,
# check, export, snapshot, top, dev. KITH (build/kith) is the program.
set -u
cd "$(dirname "$0")/../.." || exit 1
kith=${KITH:-build/kith}
[ -x "$kith" ] || { echo "no $kith"; exit 1; }
kith=$(realpath "$kith")
t=$(mktemp -d "${TMPDIR:-/tmp}/kith-cli-XXXXXX")
server='' dev=''
finish() {
    [ -n "$server" ] && kill -9 "$server" 2>/dev/null
    [ -n "$dev" ] && kill "$dev" 2>/dev/null
    rm -rf "$t"
}
trap finish EXIT
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; [ -f "$t/out" ] && head -c 600 "$t/out"; }
# want CODE WHAT COMMAND...: runs it, output in $t/out
want() {
    code=$1 what=$2; shift 2
    "$@" >"$t/out" 2>&1 </dev/null
    got=$?
    if [ "$got" = "$code" ]; then ok; else bad "$what: exit code $got, not $code"; fi
}
# has PATTERN WHAT: the last output has it
has() { if grep -q -e "$1" "$t/out"; then ok; else bad "$2: no \"$1\""; fi; }
same() { if [ "$1" = "$2" ]; then ok; else bad "$3: \"$1\" is not \"$2\""; fi; }
# A number of the JSON in $t/out.
number() { grep -o "\"$1\":[0-9]*" "$t/out" | head -n 1 | cut -d: -f2; }
text() { grep -o "\"$1\":\"[^\"]*" "$t/out" | head -n 1 | cut -d'"' -f4; }

# ---- help and usage
for c in dev serve init call explain sh top import export check wal 'wal cat' 'wal digest' snapshot \
    'snapshot now' 'snapshot ls' bench version; do
    # shellcheck disable=SC2086
    want 0 "help of $c" "$kith" $c --help
    has '^usage: kith' "help of $c"
    has '^examples:' "help of $c"
done
want 0 help "$kith" help
has 'commands:' help
want 0 'help check' "$kith" help check
for c in check 'wal digest' 'wal cat' 'snapshot ls' wal; do
    # shellcheck disable=SC2086
    want 0 "help $c" "$kith" help $c
    has "^usage: kith $c" "help $c"
done
want 2 'help of no command' "$kith" help wal digst
has 'did you mean digest' 'help of no command'
want 2 'no command' "$kith"
want 2 'unknown command' "$kith" chekc
has 'did you mean check' 'unknown command'
want 2 'unknown option' "$kith" serve --durabilty group
has 'did you mean --durability' 'unknown option'
want 2 'missing value' "$kith" call ping --to
want 2 'bad number' "$kith" check x --cores many
want 2 'unknown operation' "$kith" call folow user_id=1
has 'did you mean follow' 'unknown operation'
want 2 'bad durability' "$kith" serve "$t/x" --durability maybe
want 78 'plaintext beyond this machine' "$kith" serve "$t/x" --listen 0.0.0.0:0 --admin none
has 'does not encrypt' 'plaintext beyond this machine'
want 78 'an admin port beyond this machine' "$kith" serve "$t/x" --admin '[::]:0'
want 4 'no server' "$kith" call ping --to 127.0.0.1:1
want 4 'no admin' "$kith" top --once --admin 127.0.0.1:1
want 1 'no directory' "$kith" check "$t/none"
want 0 version "$kith" version
has '^kith [0-9]' version
want 0 'list of operations' "$kith" call --list
has 'post_create' 'list of operations'

# ---- a server on a Unix socket and a directory of its own
want 0 init "$kith" init "$t/data" --partitions 64
has '64 partitions' init
want 1 'init again' "$kith" init "$t/data"
want 2 'init with a wrong number' "$kith" init "$t/other" --partitions 100
(umask 077; echo 'a command line test key 0123456789' >"$t/key")
export KITH_TO="unix:$t/sock" KITH_SERVICE_KEY_FILE="$t/key"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start() {
    "$kith" serve "$t/data" --listen "unix:$t/sock" --admin "127.0.0.1:$port" --service-key-file \
        "$t/key" "$@" >>"$t/log" 2>&1 &
    server=$!
    for _ in $(seq 400); do
        "$kith" call ping >/dev/null 2>&1 && return
        sleep 0.05
    done
    bad "the server does not start: $(tail -n 3 "$t/log")"
}
stop() { kill "$server"; wait "$server"; same $? 0 'exit code of serve'; server=''; }
start --fanout-max 0 --group-interval 5 --memory 2GiB --token-ttl 600 --restore-window 60

want 0 ping "$kith" call ping
has '"place":' ping
cat >"$t/users.csv" <<'EOF'
username,first_name,last_name,bio,created_at
ada,Ada,Lovelace,"Analyst, ""first""",2015-12-10
grace,Grace,Hopper,"Two
lines",2016-12-09 10:00:00
EOF
cat >"$t/posts.ndjson" <<'EOF'
{"author":"ada","content":"Notes on the \u00e9ngine #engine","created_at":"2020-01-02T03:04:05Z"}
{"username":"grace","caption":"Found a bug #Moth @ada \ud83d\ude00","date":"2020-01-03 00:00:00"}
{"author":{"username":"ada"},"text":"Second","timestamp":1600000000}
EOF
printf '# who follows whom\n1 2\n2 3\n\n3 1\n' >"$t/edges.txt"
want 0 'import of users' "$kith" import --users "$t/users.csv"
has '2 applied' 'import of users'
want 0 'import of posts' "$kith" import --posts "$t/posts.ndjson" --json
has '"users":{"rows":2,"applied":0,"repeated":2,"refused":0' 'authors who are there already'
has '"posts":{"rows":3,"applied":3,"repeated":0,"refused":0' 'import of posts'
want 0 'import again' "$kith" import --posts "$t/posts.ndjson" --json
has '"posts":{"rows":3,"applied":0,"repeated":3,"refused":0' 'import again'
want 0 'import of edges' "$kith" import --edges "$t/edges.txt" --undirected --progress --json
has '"edges":{"rows":6,"applied":6,' 'import of edges'
want 1 'import of no edges' "$kith" import --edges "$t/users.csv"
has 'is not an edge' 'import of no edges'
want 2 'import of nothing' "$kith" import

want 0 'user_by_name' "$kith" call user_by_name username=Ada
ada=$(text user_id)
want 0 'user_by_name' "$kith" call user_by_name username=n2
same "$(number followers_count)" 2 'followers of n2'
two=$(text user_id)
want 1 'refused' "$kith" call user_by_name username=nobody_here
has '"code":"not_found"' 'refused'
want 2 'unknown field' "$kith" call user_get usr_id=1
has 'did you mean user_id' 'unknown field'
want 0 'follow' "$kith" call follow user_id="$ada" --viewer "$two" --show-place
has '^place ' follow
want 0 'create' "$kith" call post_create 'caption=Hello "you"' hashtags=one,two \
    'location:={"name":"Oslo"}' --viewer "$ada"
post=$(text post_id)
has 'hashtags":\["one","two"\]' create
echo "{\"post_id\":\"$post\"}" >"$t/like.json"
"$kith" call like - --viewer "$two" <"$t/like.json" >"$t/out" 2>&1
same "$(number like_count)" 1 'like from standard input'
want 0 'as a table' "$kith" call user_posts user_id="$ada" -o table
has '^post_id' 'as a table'
want 0 'repeat by key' "$kith" call post_create caption=once --viewer "$ada" --key k1
first=$(text post_id)
want 0 'repeat by key' "$kith" call post_create caption=once --viewer "$ada" --key k1
same "$(text post_id)" "$first" 'repeat by key'

# ---- the shell
"$kith" sh >"$t/out" 2>&1 <<EOF
# comments are passed over
viewer $two
feed limit=2
output table
like_count post_id=$post
help like
EOF
same $? 0 'sh through a pipe'
has '"next_cursor"' 'sh: feed'
has '^like_count  *1' 'sh: table'
has '^like: POST' 'sh: help'
printf 'nonsense x=1\nping\n' | "$kith" sh >"$t/out" 2>&1
same $? 2 'sh: code of the first failure'
has '"place"' 'sh: goes on after a failure'

# ---- the admin port
want 0 top "$kith" top --once --admin "127.0.0.1:$port"
has 'post_create' top
want 0 'snapshot now' "$kith" snapshot now --admin "127.0.0.1:$port"
stop

# ---- the directory at rest
want 0 'snapshot ls' "$kith" snapshot ls "$t/data"
same "$(wc -l <"$t/out" | tr -d ' ')" 2 'snapshot ls'
want 0 check "$kith" check "$t/data" --json
has '"clean":true' check
same "$(number users)" 5 'users'
same "$(number posts)" 5 'posts'
same "$(number follows)" 7 'follows'
same "$(number likes)" 1 'likes'
last=$(number place)
want 0 'check as text' "$kith" check "$t/data"
has '^clean$' 'check as text'
want 0 'wal cat' "$kith" wal cat "$t/data"
same "$(wc -l <"$t/out" | tr -d ' ')" "$last" 'a line for each place'
has '"op":"follow"' 'wal cat'
same "$(python3 -c 'import json, sys
places = [json.loads(line)["place"] for line in open(sys.argv[1])]
print(places == list(range(1, len(places) + 1)))' "$t/out")" True 'places without gaps'
want 0 'wal cat of one' "$kith" wal cat "$t/data" --from 2 --until 2
same "$(wc -l <"$t/out" | tr -d ' ')" 1 'wal cat of one'
one=$("$kith" wal digest "$t/data" --cores 1 2>/dev/null)
two_cores=$("$kith" wal digest "$t/data" --cores 2 2>/dev/null)
same "$one" "$two_cores" 'digest with one and two threads'
same "$(echo "$one" | wc -l)" 3 'digest'
want 0 'export of users' "$kith" export "$t/data" --type users
same "$(wc -l <"$t/out" | tr -d ' ')" 5 'export of users'
has '"bio":"Analyst, \\"first\\""' 'export of users'
"$kith" export "$t/data" --type posts >"$t/posts.out.ndjson"
same "$(wc -l <"$t/posts.out.ndjson" | tr -d ' ')" 5 'export of posts'
want 0 'export of follows' "$kith" export "$t/data" --type follows
same "$(wc -l <"$t/out" | tr -d ' ')" 7 'export of follows'

# ---- damage is said, and nothing is touched
cp -r "$t/data" "$t/hurt"
rm -rf "$t/hurt/snapshot"/*
python3 - "$t/hurt/wal" <<'EOF'
import os, sys
path = os.path.join(sys.argv[1], sorted(os.listdir(sys.argv[1]))[0])
with open(path, 'r+b') as f:
    f.seek(520)
    f.write(b'\xff\xff\xff')
EOF
want 3 'damage' "$kith" check "$t/hurt"
has 'wal/' 'damage'
want 65 'serve of damage' timeout 30 "$kith" serve "$t/hurt" --listen "unix:$t/hurt.sock" --admin none

# ---- import(export(x)) = x for posts
rm -rf "$t/data2"
mv "$t/data" "$t/data1"
"$kith" export "$t/data1" --type users >"$t/users.out.ndjson"
start
want 0 'import of an export' "$kith" import --users "$t/users.out.ndjson"
want 0 'import of an export' "$kith" import --posts "$t/posts.out.ndjson" --json
has '"posts":{"rows":5,"applied":5' 'import of an export'
stop
"$kith" export "$t/data" --type posts | sed 's/"[a-z]*_id":"[0-9]*",//g; s/,"like_count.*//' >"$t/a"
sed 's/"[a-z]*_id":"[0-9]*",//g; s/,"like_count.*//' "$t/posts.out.ndjson" >"$t/b"
same "$(cksum <"$t/a")" "$(cksum <"$t/b")" 'export of an import of an export'

# ---- dev
unset KITH_TO KITH_SERVICE_KEY_FILE
"$kith" dev --listen 127.0.0.1:0 --admin 127.0.0.1:0 --users 200 >"$t/dev" 2>"$t/dev.err" &
dev=$!
for _ in $(seq 600); do
    grep -q Ctrl-C "$t/dev" && break
    sleep 0.05
done
cp "$t/dev" "$t/out"
has '^kith [0-9].* on 127.0.0.1:[1-9]' 'dev: the port that was bound'
for _ in 1 2 3 4 5 6 7 8 9 10; do
    grep -q '^mail' "$t/dev" && break
    sleep 0.2
done
cp "$t/dev" "$t/out"
has '^mail to demo@example.org: verify_email [A-Za-z0-9_-]' 'dev: a line for each mail'
sh -c "$(grep '^  curl' "$t/dev")" >"$t/out" 2>&1
same "$(grep -o '"post_id"' "$t/out" | wc -l | tr -d ' ')" 3 'dev: the curl line'
has '"like_count":' 'dev: counts'
has '"full_name":"[A-Z]' 'dev: names'
folder=$(grep -o '/[^ ]*/service.key' "$t/dev" | xargs dirname)
same "$(test -d "$folder" && echo there)" there 'dev: directory'
kill -INT "$dev"
wait "$dev"
same $? 0 'dev: exit code'
dev=''
same "$(test -d "$folder" && echo there)" '' 'dev: directory removed'

# ---- bench, only that it runs
want 0 bench "$kith" bench feed --users 200 --follows-per-user 10 --posts 500 --connections 4 \
    --in-flight 4 --duration 1 --warmup 0 --json -
same "$(number refused)" 0 'bench: refused'
same "$(number malformed)" 0 'bench: malformed'
want 0 'bench mixed' "$kith" bench mixed --users 200 --follows-per-user 10 --posts 500 --rate 500 \
    --connections 4 --duration 1 --warmup 0 --unix
has 'open loop' 'bench mixed'
want 2 'bench of nothing' "$kith" bench nothing

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
