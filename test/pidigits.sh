#!/bin/bash
# timeout: 300
# The digits, the files, and what happens when something is in the way.  Small sizes: a few seconds in all.
set -u
: "${NAVE_SRC:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${NAVE_BUILD:=$NAVE_SRC/build}"
pidigits=$NAVE_BUILD/bin/pidigits
[ -x "$pidigits" ] || { echo "no $pidigits: make it first"; exit 77; }

work=$(mktemp -d "${TMPDIR:-/tmp}/pidigits.XXXXXX") || exit 1
mounted=''
clean()
{
    [ -z "$mounted" ] || umount "$mounted"
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM
unset NAVE_PI_DIR XDG_CACHE_HOME
export HOME=$work/home

failures=0
section=''
# ok WHAT COMMAND...: the command succeeds.
ok()
{
    local what=$1
    shift
    "$@" && return
    echo "failed: $section: $what"
    failures=$((failures + 1))
}
same() { [ "$1" = "$2" ] || { printf '  got  %.200s\n  want %.200s\n' "$1" "$2"; false; }; }
# run STATUS ARGUMENT...: pidigits ends with that status; its output is in $work/out and $work/err.
run()
{
    local want=$1 status
    shift
    "$pidigits" "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$?
    [ $status = "$want" ] && return
    echo "failed: $section: pidigits $*: status $status, not $want"
    sed 's/^/  | /' "$work/out" "$work/err"
    failures=$((failures + 1))
}
says() { grep -q -e "$1" "$work/err" || { sed 's/^/  | /' "$work/err"; false; }; }
one_line() { [ "$(wc -l <"$work/err")" = 1 ]; }
digits() { cat "$@" | tr -d ' \n'; }
hidden() { find "$1" -name '.pi200m.new.*' | wc -l; }
shown() { find "$1" -name 'pi200m.ascii.*' | wc -l; }

section=layouts
known=1415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421170679
d=$work/layouts
run 0 --dir "$d/grouped" --files 2 --per-file 1000
run 0 --dir "$d/plain" --files 2 --per-file 1000 --layout plain
g=$d/grouped/pi200m.ascii.01of20
ok 'first line' same "$(head -n 1 "$g")" "$(echo $known | sed 's/.........../&/; s/\(..........\)/\1 /g; s/ $//')"
ok 'first 100 digits' same "$(digits "$g" | head -c 100)" $known
ok 'size' same "$(stat -c %s "$g")" 1100
ok 'lines' same "$(wc -l <"$g")" 10
ok 'last byte' same "$(tail -c 1 "$g" | od -An -tx1)" ' 0a'
ok 'plain size' same "$(stat -c %s "$d/plain/pi200m.ascii.02of20")" 1001
ok 'same digits' same "$(digits "$d"/grouped/pi*of20)" "$(digits "$d"/plain/pi*of20)"
run 0 --dir "$d/odd" --files 3 --per-file 667 --threads 1
ok 'odd size' same "$(stat -c %s "$d/odd/pi200m.ascii.01of20")" $((667 + 67))
ok 'files go on' same "$(digits "$d"/odd/pi*of20 | head -c 2000)" "$(digits "$d"/plain/pi*of20)"
run 0 --dir "$d/one" --files 3 --per-file 1
ok 'one digit' same "$(cat "$d"/one/pi*of20)" "$(printf '1\n4\n1')"
run 0 --dir "$d/many" --files 21 --per-file 10
ok 'more than 20 files' test -f "$d/many/pi200m.ascii.21of21"

section=digits
d=$work/million
run 0 --dir "$d" --files 4 --per-file 250000
ok 'last of the first million' same "$(digits "$d"/pi*of20 | tail -c 10)" 5779458151
ok 'published counts' same "$(digits "$d"/pi*of20 | fold -w 1 | sort | uniq -c | awk '{ printf "%s ", $1 }')" \
    '99959 99758 100026 100229 100230 100359 99548 99800 99985 100106 '
run 0 --dir "$work/serial" --files 1 --per-file 1000000 --threads 1 --layout plain
ok 'same with one thread' same "$(digits "$work"/serial/pi*of20 | cksum)" "$(digits "$d"/pi*of20 | cksum)"
run 0 --dir "$work/three" --files 1 --per-file 1000000 --threads 3 --layout plain
ok 'same with three' cmp -s "$work/serial/pi200m.ascii.01of20" "$work/three/pi200m.ascii.01of20"

section=verify
ok 'sha256sum takes the manifest' sh -c "cd '$d' && sha256sum --quiet -c pi200m.manifest"
run 0 --dir "$d" --verify
run 0 --dir "$d" --verify --files 4 --per-file 250000 --layout grouped
run 1 --dir "$d" --verify --files 5
run 1 --dir "$d" --verify --layout plain
run 1 --dir "$work/nothing" --verify
ok 'no folder made' test ! -e "$work/nothing"
before=$(stat -c %Y.%y "$d"/pi200m.ascii.0[134]of20)
file=$d/pi200m.ascii.02of20
cp -p "$file" "$work/good"
printf 98 | dd of="$file" bs=1 seek=100001 conv=notrunc status=none
run 1 --dir "$d" --verify
ok 'flipped digit' says '02of20: SHA-256'
printf x | dd of="$file" bs=1 seek=100000 conv=notrunc status=none
run 1 --dir "$d" --verify
ok 'stray byte' says '02of20: the byte at offset 100000'
run 0 --dir "$d" --files 4 --per-file 250000
ok 'made again' cmp -s "$file" "$work/good"
truncate -s 5000 "$file"
run 1 --dir "$d" --verify
ok 'short file' says '02of20: 5000 bytes'
rm "$file"
run 1 --dir "$d" --verify
ok 'missing file' says '02of20: No such file'
run 0 --dir "$d" --files 4 --per-file 250000
ok 'made again' cmp -s "$file" "$work/good"
ok 'the others are kept' same "$(stat -c %Y.%y "$d"/pi200m.ascii.0[134]of20)" "$before"
touch "$file"
run 0 --dir "$d" --files 4 --per-file 250000
ok 'touched, but good: kept' grep -q '0 made, 4 kept' "$work/out"
run 0 --dir "$d" --files 5 --per-file 250000
ok 'one more' grep -q '1 made, 4 kept' "$work/out"
ok 'the others are kept' same "$(stat -c %Y.%y "$d"/pi200m.ascii.0[134]of20)" "$before"
run 0 --dir "$d" --files 2 --per-file 250000
run 0 --dir "$d" --verify --files 5 --quiet
ok 'quiet' test ! -s "$work/out" -a ! -s "$work/err"

section='other sets'
d=$work/layouts/plain
run 1 --dir "$d" --files 2 --per-file 1000
ok 'other layout' says 'layout plain.*--force'
run 1 --dir "$d" --files 2 --per-file 100 --layout plain
ok 'other length' says '1,000 digits.*--force'
run 0 --dir "$d" --files 1 --per-file 100 --force
ok 'forced: no other set beside it' same "$(shown "$d")" 1
run 0 --dir "$d" --verify
mkdir "$work/strange"
echo 'my own' >"$work/strange/pi200m.ascii.01of20"
run 1 --dir "$work/strange" --files 1 --per-file 100
ok 'a file of somebody else' same "$(cat "$work/strange/pi200m.ascii.01of20")" 'my own'
run 0 --dir "$work/strange" --files 1 --per-file 100 --force
echo garbage >"$d/pi200m.manifest"
run 1 --dir "$d" --files 1 --per-file 100
ok 'broken manifest' says 'manifest: line 1'

section=folders
run 0 --files 1 --per-file 100
ok 'home' test -f "$HOME/.cache/nave/pi/pi200m.ascii.01of20"
XDG_CACHE_HOME=$work/cache run 0 --files 1 --per-file 100
ok 'XDG' test -f "$work/cache/nave/pi/pi200m.ascii.01of20"
NAVE_PI_DIR=$work/own/folder run 0 --files 1 --per-file 100
ok 'NAVE_PI_DIR' test -f "$work/own/folder/pi200m.ascii.01of20"
run 1 --dir "$work/good/below" --files 1 --per-file 100
ok 'a file in the way' says 'good.*Not a directory'
if [ "$(id -u)" != 0 ]; then
    mkdir -m 555 "$work/closed"
    run 1 --dir "$work/closed" --files 1 --per-file 100
    ok 'no rights' says 'Permission denied'
fi

section='ended in the middle'
for sig in TERM INT HUP; do
    d=$work/killed-$sig
    # From a script, background jobs ignore SIGINT: env gives it back.
    env --default-signal=INT "$pidigits" --dir "$d" --files 3 --per-file 2000000 >"$work/out" 2>&1 &
    pid=$!
    sleep 0.5
    kill -$sig $pid
    wait $pid
    ok "status after $sig" same $? $((128 + $(kill -l $sig)))
    ok "no files after $sig" same "$(shown "$d") $(hidden "$d")" '0 0'
done
d=$work/killed
"$pidigits" --dir "$d" --files 3 --per-file 2000000 >/dev/null 2>&1 &
pid=$!
sleep 0.5
kill -KILL $pid
wait $pid 2>/dev/null
ok 'no files after KILL' same "$(shown "$d")" 0
touch "$d/.pi200m.new.pi200m.ascii.01of20"
run 0 --dir "$d" --files 1 --per-file 1000
ok 'swept' same "$(hidden "$d")" 0

section='two at once'
d=$work/two
"$pidigits" --dir "$d" --files 3 --per-file 1000000 >"$work/first" 2>&1 &
pid=$!
sleep 0.2
run 0 --dir "$d" --files 3 --per-file 1000000
ok 'the second waits' says 'another pidigits is at work'
ok 'and finds all done' grep -q '0 made, 3 kept' "$work/out"
wait $pid
ok 'the first is well' same $? 0
run 0 --dir "$d" --verify

section='no room'
(
    ulimit -f 40
    "$pidigits" --dir "$work/limit" --files 1 --per-file 100000 >"$work/out" 2>"$work/err"
)
ok 'status' same $? 1
ok 'says why' says '01of20: File too large'
ok 'one line' one_line
ok 'nothing left' same "$(shown "$work/limit") $(hidden "$work/limit")" '0 0'
mkdir "$work/tiny"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=300k tmpfs "$work/tiny" 2>/dev/null; then
    mounted=$work/tiny
    run 1 --dir "$work/tiny" --files 3 --per-file 100000
    ok 'full disk' says '01of20: No space left'
    ok 'one line' one_line
    ok 'nothing left' same "$(shown "$work/tiny") $(hidden "$work/tiny")" '0 0'
    run 0 --dir "$work/tiny" --files 1 --per-file 100000
else
    echo 'no tmpfs here: a full disk was not tried'
fi

section='wrong usage'
for arguments in '--per-file 0' '--per-file ten' '--per-file -5' '--per-file 10k' '--per-file' \
    '--per-file 1000000000000000000000000000000' '--files 0' '--files 10000' '--files 1.5' '--files 9999' \
    '--threads 0' '--threads x' '--layout square' '--nonsense' '--dir=' 'file'; do
    run 2 $arguments
    ok "$arguments: says something" test -s "$work/err"
    ok "$arguments: says nothing else" test ! -s "$work/out"
done
run 2 --per-file 1000000000000000000000000000000
ok 'names option and range' says '^pidigits: --per-file 1000000000000000000000000000000: must be from 1 to'
run 0 --help
ok 'help' grep -q -e --per-file "$work/out"
run 0 --version
ok 'version' grep -q '^pidigits .*[0-9]\.[0-9]' "$work/out"

[ $failures = 0 ] || { echo "$failures failures"; exit 1; }
