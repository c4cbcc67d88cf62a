#!/bin/sh
# uts: published trees on 1, 2, 4 and 16 ranks, task for node and by the grain, other trees against a serial search,
# the outputs, wrong usage. timeout: 300
set -u
. "$NAVE_SRC/test/shell/verdict.sh"
uts=$NAVE_BUILD/bin/uts
work=${TMPDIR:-/tmp}/uts.$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT

mpi() # RANKS ARGUMENT...
{
    ranks=$1
    shift
    "$NAVE_SRC/test/mpirun" -np "$ranks" "$uts" "$@"
}

count() # FILE: nodes, leaves and depth in JSON, as far as the whole tree is concerned
{
    sed 's/.*},\("nodes":[0-9]*,"leaves":[0-9]*,"depth":[0-9]*\),"sample".*/\1/' "$1"
}

value() # FILE NAME: the first value of this name
{
    tr ',{}[]' '\n\n\n\n\n' <"$1" | sed -n "s/^\"$2\"://p" | head -n 1
}

shared() # FILE NAME: the sum of the engines' shares
{
    sed 's/.*"shares"://' "$1" | tr ',{}[]' '\n\n\n\n\n' | awk -F: -v name="\"$2\"" '$1 == name { n += $2 } END { print n + 0 }'
}

# search RANKS ARGUMENT...: a search that ends well and makes no other words; JSON to found.json
search()
{
    mpi "$@" --quiet --json found.json >out 2>err || wrong "exit status of $*: $(cat err)"
    [ ! -s out ] || wrong "output of $*: $(head -n 1 out)"
}

# fails STATUS TEXT ARGUMENT...: exits so, prints nothing, and says just one line, which holds the text.
fails()
{
    status=$1 text=$2
    shift 2
    "$uts" "$@" >out 2>err
    same "exit status of $*" "$status" $?
    [ ! -s out ] || wrong "output of $*: $(head -n 1 out)"
    same "error lines of $*" 1 "$(wc -l <err | tr -d ' ')"
    case $(cat err) in *"$text"*) ;; *) wrong "$*: \"$(cat err)\" does not say \"$text\"" ;; esac
}

# --- published trees

published() # RANKS NAME COUNT ARGUMENT...
{
    np=$1 name=$2 expected=$3
    shift 3
    search "$np" -T "$name" "$@"
    same "$name on $np ranks, $*" "$expected" "$(count found.json)"
    same "verdict on $name" true "$(value found.json agrees)"
    same "nodes of all engines, $name" "$(value found.json nodes)" "$(shared found.json nodes)"
    same "leaves of all engines, $name" "$(value found.json leaves)" "$(shared found.json leaves)"
    same "tasks of all engines, $name" "$(value found.json tasks)" "$(shared found.json tasks)"
}

t1='"nodes":4130071,"leaves":3305118,"depth":10'
t3='"nodes":4112897,"leaves":3599034,"depth":1572'
for np in 1 2 4 16; do
    published $np T1 $t1
    published $np T3 $t3
    same "ranks" $np "$(value found.json ranks)"
    published $np default '"nodes":1732,"leaves":1050,"depth":6' --grain 1
    same "tasks, a node each" 1732 "$(value found.json tasks)"
done
published 4 T4 '"nodes":4132453,"leaves":3108986,"depth":134' --grain 64
published 4 t2 '"nodes":4117769,"leaves":2342762,"depth":81' --grain 5000
published 2 T5 '"nodes":4147582,"leaves":2181318,"depth":20' --grain 1
same 'tasks of T5, a node each' 4147582 "$(value found.json tasks)"

# The same tree by its parameters is known as well.
search 2 -t 0 -b 2000 -q 0.124875 -m 8 -r 42
same 'T3 by its parameters' "\"T3\" $t3" "$(value found.json sample) $(count found.json)"
search 1 -T T1 --serial
same 'T1, serial' "$t1 true 1" "$(count found.json) $(value found.json serial) $(value found.json engines)"

# --- other trees: the farm and a serial search find the same

# The children of the last tree's root are too many for the inputs of two tasks.
for tree in '-t balanced -b 7 -d 6' '-a exponential -d 9 -b 4 -r 3' '-t hybrid -a fixed -b 3 -d 12 -f 0.6 -r 2' \
    '-t binomial -b 50 -m 100 -q 0.0095 -r 4 -g 3' '-b 0.5' '-t balanced -b 1 -d 3000' '-t 0 -b 5000 -q 0.2 -m 4 -r 1'; do
    "$uts" $tree --serial --quiet --json serial.json || wrong "serial search of $tree"
    for grain in 1 3000; do
        search 4 $tree --grain $grain
        same "$tree --grain $grain" "$(count serial.json)" "$(count found.json)"
        same "nothing is known of $tree" null "$(value found.json agrees)"
    done
done

# --- what is printed

mpi 2 -T t3 >out 2>err || wrong "exit status of a search that prints: $?"
grep -q '^Tree T3: binomial, branching 2000, 8 children with probability 0.124875, seed 42$' out || wrong 'the tree'
grep -q '^Nodes: *4,112,897$' out || wrong 'the nodes'
grep -q '^Leaves: *3,599,034 (87.51 %)$' out || wrong 'the leaves'
grep -q '^Depth: *1,572$' out || wrong 'the depth'
grep -q '^Published: *the same$' out || wrong 'the verdict'
same 'errors of a search that prints' '' "$(grep -v '^nave: warning' err)"
"$uts" -r 1 | grep -q '^Published: *nothing is known' || wrong 'a tree that was not published'

# --- wrong usage, no room for the output

for wrong_use in '-T T9' '-T' '-t 4' '-t tree' '-a round' '-b -1' '-b x' '-b 1e9' '-d 0' '-r -1' '-r 2147483648' '-q 2' \
    '-q nan' '-m 101' '-f 1.5' '-g 0' '--grain 0' '--grain x' '--bogus' '-z' '-t 0 -q 1' '-a exponential -d 1' 'T1'; do
    fails 2 'uts: ' $wrong_use
done
fails 1 'nowhere/x.json: No such file or directory' --json nowhere/x.json
mpi 4 -T T9 >out 2>err
same 'exit status on 4 ranks' 2 $?
same 'error lines of 4 ranks' 1 "$(grep -c '^uts: ' err)"
"$uts" --help | grep -q '^usage: uts' || wrong '--help'
same '--version lines' 1 "$(mpi 3 --version | grep -c '^uts (Nave) [0-9.]*$')"

[ $failures = 0 ] || { echo "$failures wrong"; exit 1; }
