#!/bin/sh
# `nave topo` from outside: the picture, the table and the JSON of this host at several sizes, wrong usage; and that
# ranks are bound while a farm is open, where there is a core for each, and free again when it is closed.
set -u
. "$NAVE_SRC/test/shell/verdict.sh"
nave=$NAVE_BUILD/bin/nave
cd "$TMPDIR" || exit 1
unset NAVE_BIND

mpi() # RANKS COMMAND...
{
    ranks=$1
    shift
    "$NAVE_SRC/test/mpirun" -np "$ranks" "$@" 2>err
    status=$?
    [ $status = 0 ] || wrong "exit status $status of $* on $ranks ranks: $(cat err)"
}

says() # TEXT FILE
{
    grep -q -e "$1" "$2" || { wrong "no \"$1\" in $2:"; cat "$2"; }
}

# fails TEXT ARGUMENT...: exits with 2, prints nothing, and says just one line, which holds the text.
fails()
{
    text=$1
    shift
    "$nave" "$@" >out 2>err
    same "exit status of nave $*" 2 $?
    [ ! -s out ] || wrong "output of nave $*: $(head -n 1 out)"
    same "error lines of nave $*" 1 "$(wc -l <err | tr -d ' ')"
    says "$text" err
}

# --- words

fails 'nave: a verb is missing'
fails 'nave: what: not known' what
fails 'nave: unknown option --what' --what
fails 'nave topo: unknown option --what' topo --what
fails 'nave topo: unknown option -w' topo -w
fails 'nave topo: --json takes no argument' topo --json=x
fails 'nave topo: what: nothing is expected here' topo what

for words in --help -h 'topo --help' 'topo -h'; do
    "$nave" $words >out 2>err || wrong "exit status of nave $words"
    same "errors of nave $words" '' "$(cat err)"
    says '^usage: ' out
done
"$nave" --help >out && says '^  topo  ' out
"$nave" topo --help >out && says --json out
for words in --version -V 'topo --version'; do
    says '^nave (Nave) [0-9]' - <<END
$("$nave" $words)
END
done
mpi 2 "$nave" topo --help >out
same 'helps of two ranks' 1 "$(grep -c '^usage: ' out)"

# --- picture and table

# lines N: what `nave topo` of N ranks must look like.
lines()
{
    says '^.*: .*; ranks\{0,1\} 0\*' out
    says '^ *rank  role ' out
    same "lines of ranks ($1)" "$1" "$(grep -c '^ *[0-9][0-9]*  \(hub\|engine\|sub-hub\)' out)"
    same "the hub ($1)" 1 "$(grep -c '^ *0  hub' out)"
    same "process numbers ($1)" "$1" "$(sed '1,/^ *rank  role /d' out | awk '{ print $NF }' | sort -u | wc -l | tr -d ' ')"
}

"$nave" topo >out 2>err || wrong "exit status of nave topo without mpirun: $(cat err)"
lines 1
for n in 1 2 4 16; do
    mpi $n "$nave" topo >out
    lines $n
    grep -q '^+-.*-+$' out || says 'cores not known' out
    mpi $n "$nave" topo --no-picture >out
    same "pictures ($n)" 0 "$(grep -c '^[+|]' out)"
    says '^ *0  hub' out
done

# --- JSON

cat >read.py <<'END'
import json, sys

n = int(sys.argv[1])
topo = json.load(open("json"))
places, hosts = topo["places"], topo["hosts"]
assert topo["ranks"] == n == len(places), "ranks"
assert topo["engines"] == sum(p["engine"] for p in places) >= max(1, n - 1), "engines"
assert [p["rank"] for p in places] == list(range(n)), "order"
assert [p["hub"] for p in places] == [True] + [False] * (n - 1), "hub"
assert sorted(r for h in hosts for r in h["ranks"]) == list(range(n)), "hosts"
assert len({p["pid"] for p in places}) == n, "processes"


def units(text):
    ranges = [part.split("-") for part in text.split(",") if part]
    return [u for r in ranges for u in range(int(r[0]), int(r[-1]) + 1)]


for p in places:
    host = hosts[p["node"]]
    assert p["host"] == host["host"] and p["rank"] in host["ranks"], "host of a rank"
    assert p["cores"] <= host["cores"], "cores"
    assert len(units(p["cpus"])) >= p["cores"], "cpus"
for h in hosts:
    groups = [g.split(":")[1].split(" ") for g in h["machine"].split("|") if g]
    assert sum(map(len, groups)) == h["cores"], "cores of the machine"
    assert sum(len(units(c)) for g in groups for c in g) == h["cpus"], "units of the machine"
    assert h["cores"] == 0 or h["packages"] > 0, "packages"
    here = [units(places[r]["cpus"]) for r in h["ranks"]]
    if all(places[r]["bound"] for r in h["ranks"]):
        assert len(set(sum(here, []))) == sum(map(len, here)), "bound to the same units"
END
command -v python3 >/dev/null && python=yes || python=''
for n in 1 2 4 16; do
    mpi $n "$nave" topo --json >json
    same "lines of JSON ($n)" 1 "$(wc -l <json | tr -d ' ')"
    if [ -n "$python" ]; then
        python3 read.py $n || { wrong "the JSON of $n ranks:"; cat json; }
    fi
done

# --- binding, seen from the system's own side

bound() # the ranks that the last JSON says are bound
{
    sed 's/"places"/\n&/' json | grep -o '"bound":true' | wc -l | tr -d ' '
}

NAVE_BIND=none "$nave" topo --json >json
[ "$(bound)" = 0 ] || { [ $failures = 0 ]; exit; } # whoever runs this test may not use all cores
cores=$(sed 's/.*"cores":\([0-9]*\),"cpus":.*/\1/' json)
allowed=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status 2>/dev/null)
[ -n "$allowed" ] && [ "$cores" -gt 1 ] || { [ $failures = 0 ]; exit; }

cat >hold.c <<'END'
/* What the system says that each rank may use, before, while and after a farm is open. */
#include <nave.h>
#include <stdio.h>
#include <string.h>

static int nothing(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    return 0;
}

static void look(int rank, const char *when)
{
    char line[4096];
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "Cpus_allowed_list:", 18) == 0)
            printf("%d %s %s", rank, when, line + 18 + strspn(line + 18, " \t"));
    if (status != NULL)
        fclose(status);
}

int main(int argc, char **argv)
{
    static const nave_kernel kernels[] = {NAVE_KERNEL(nothing)};
    nave_options options = {.kernels = kernels, .kernel_count = 1};
    nave *ctx, *second;
    MPI_Comm part;
    int rank;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_split(MPI_COMM_WORLD, rank, 0, &part);
    look(rank, "before");
    if (nave_open(MPI_COMM_WORLD, &options, &ctx) != NAVE_OK)
        return 1;
    look(rank, "open");
    nave_close(&ctx);
    look(rank, "closed");
    if (nave_open(part, &options, &second) != NAVE_OK)
        return 1;
    look(rank, "part");
    nave_close(&second);
    MPI_Comm_free(&part);
    MPI_Finalize();
    return 0;
}
END
"${CC:-cc}" -std=c11 -I"$NAVE_SRC/include" $(sed -n 's/^\(MPI\|HWLOC\)_CFLAGS ?= //p' "$NAVE_BUILD/probe.mak") \
    hold.c -o hold "$NAVE_BUILD/lib/libnave.a" \
    $(sed -n 's/^\(HWLOC\|GSL\|SQLITE\|XXHASH\|CJSON\|ZMQ\|MPI\)_LIBS ?= //p' "$NAVE_BUILD/probe.mak") -lm -pthread || exit 1

seen() # RANK WHEN
{
    sed -n "s/^$1 $2 //p" out
}

mpi 2 ./hold >out
for rank in 0 1; do
    same "rank $rank before" "$allowed" "$(seen $rank before)"
    same "rank $rank after" "$allowed" "$(seen $rank closed)"
    same "rank $rank, in a farm without the other" "$allowed" "$(seen $rank part)"
    [ "$(seen $rank open)" != "$allowed" ] || wrong "rank $rank is not bound"
done
[ "$(seen 0 open)" != "$(seen 1 open)" ] || wrong "both ranks are bound to $(seen 0 open)"
mpi 2 "$nave" topo --json >json
same 'bound ranks of two' 2 "$(bound)"

NAVE_BIND=none
export NAVE_BIND
mpi 2 ./hold >out
same 'not to be bound' "$allowed" "$(seen 1 open)"
mpi 2 "$nave" topo --json >json
same 'bound ranks with NAVE_BIND=none' 0 "$(bound)"
unset NAVE_BIND

mpi $((cores + 1)) ./hold >out
same 'more ranks than cores' "$allowed" "$(seen 1 open)"
says 'ranks share the' - <<END
$("$NAVE_SRC/test/mpirun" -np $((cores + 1)) "$nave" topo --no-picture 2>&1)
END

# A launcher that puts all ranks on one core.
if command -v taskset >/dev/null; then
    one=${allowed%%[-,]*}
    taskset -c "$one" "$NAVE_SRC/test/mpirun" -np 2 ./hold >out 2>err || wrong "$(cat err)"
    same 'bound by the launcher' "$one" "$(seen 1 open)"
    taskset -c "$one" "$NAVE_SRC/test/mpirun" -np 2 "$nave" topo --no-picture >out 2>err
    says '2 ranks are bound to one core' err
fi
[ $failures = 0 ]
