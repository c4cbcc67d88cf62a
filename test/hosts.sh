#!/bin/sh
# Three hosts made of network namespaces, three ranks on each, over real TCP: the picture of `nave topo`, a count of
# uts, the tests of farms with two levels, and what becomes of a farm of which a rank dies or a host is cut off. A
# fourth namespace holds the switch between them, so that nothing outside of these four is touched; they and all that
# runs in them are removed at the end.
# timeout: 400
set -u
. "$NAVE_SRC/test/shell/verdict.sh"
cd "$TMPDIR" || exit 1
name=nave$$
hosts='1 2 3'
net=10.213.77
unset NAVE_BIND

skip()
{
    echo "$*"
    exit 77
}

# What runs in our namespaces was started here.
remove()
{
    for n in $hosts switch; do
        pids=$(ip netns pids $name-$n 2>/dev/null)
        [ -z "$pids" ] || kill -9 $pids 2>/dev/null
        ip netns del $name-$n 2>/dev/null
    done
}

[ "$(uname -s)" = Linux ] || skip 'network namespaces are there on Linux only'
[ "$(id -u)" = 0 ] || skip 'network namespaces need root'
for tool in ip unshare hostname mount; do
    command -v $tool >/dev/null || skip "there is no \"$tool\" to make hosts with"
done
mpirun=${MPIRUN:-mpirun}
case $($mpirun --version 2>/dev/null) in
*'Open MPI'* | *OpenRTE*) ;;
*) skip "this mpirun is not Open MPI's, which the agent below is written for" ;;
esac
trap remove EXIT
trap 'exit 130' INT TERM HUP

# --- hosts

# host N COMMAND...: as on host N, with its name, its network, and a file of all names.
cat >host <<END
#!/bin/sh
n=\$1
shift
exec ip netns exec $name-\$n unshare --uts --mount sh -c \
    'hostname nave'\$n' && mount --bind $TMPDIR/hosts /etc/hosts && exec "\$@"' sh "\$@"
END

# What mpirun calls in place of ssh: the host's name, then a command for the shell.
cat >agent <<END
#!/bin/sh
while :; do
    case \$1 in
    -*) shift ;;
    *) break ;;
    esac
done
n=\${1#nave}
shift
exec $TMPDIR/host "\$n" sh -c "\$*"
END
chmod +x host agent

make_hosts()
{
    ip netns add $name-switch && ip -n $name-switch link add switch type bridge &&
        ip -n $name-switch link set switch up || return
    echo 127.0.0.1 localhost >hosts
    for n in $hosts; do
        echo $net.$n nave$n >>hosts
        ip netns add $name-$n && ip -n $name-$n link set lo up &&
            ip -n $name-switch link add port$n type veth peer name eth0 netns $name-$n &&
            ip -n $name-switch link set port$n master switch up &&
            ip -n $name-$n addr add $net.$n/24 dev eth0 && ip -n $name-$n link set eth0 up || return
    done
    ./host 1 true
}

make_hosts 2>err || skip "no hosts can be made here: $(head -n 1 err)"

# mpi RANKS_EACH ARGUMENT...: mpirun on the first host.
mpi()
{
    each=$1
    shift
    ./host 1 timeout -k 5 150 "$mpirun" --allow-run-as-root --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 \
        --mca plm_rsh_agent "$TMPDIR/agent" \
        --mca btl tcp,self --mca btl_tcp_if_include $net.0/24 --mca oob_tcp_if_include $net.0/24 \
        --host nave1:$each,nave2:$each,nave3:$each "$@" >out 2>&1 </dev/null
    status=$?
    [ $status = 0 ] || { wrong "exit status $status of $*:"; tail -n 20 out; }
    [ -z "${V:-}" ] || echo "$(date +%T) $*"
    return $status
}

says() # TEXT
{
    grep -q -e "$1" out || { wrong "no \"$1\" in:"; cat out; }
}

# --- what runs there

mpi 3 "$NAVE_BUILD/bin/nave" topo --no-picture
for n in $hosts; do
    [ "$(grep -c "nave$n\$\|nave$n " out)" -ge 3 ] || { wrong "ranks of nave$n in:"; cat out; }
done

mpi 3 "$NAVE_BUILD/bin/uts" -T T1
says '4,*130,*071'

NAVE_TEST_GROUP=2 mpi 3 -x NAVE_TEST_GROUP "$NAVE_BUILD/test/subhub"
says '\[  PASSED  \] [0-9]* test'
NAVE_TEST_GROUP=3 mpi 3 -x NAVE_TEST_GROUP "$NAVE_BUILD/test/farm"
says '\[  PASSED  \] 1 test'

# --- a rank of another host dies, and a host is cut off, while mcpricer works: the same prices

# price NAME SAMPLES: in the background, with a journal; the job is $job.
price()
{
    rm -f "$1.json"
    mpi 1 --enable-recovery "$NAVE_BUILD/bin/mcpricer" --no-plot --paths "$2" --json "$TMPDIR/$1.json" \
        --journal "$TMPDIR/$1.db" &
    job=$!
}

# until_there COMMAND...: waits for it to succeed, a minute at most.
until_there()
{
    tries=0
    until "$@" >/dev/null 2>&1 || [ $tries = 600 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    [ $tries -lt 600 ]
}

prices() # NAME
{
    sed 's/.*"prices":/"prices":/; s/"paths":.*//' "$1.json"
}

# pids_of N: the processes of mcpricer on host N.
pids_of()
{
    for pid in $(ip netns pids $name-"$1"); do
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != mcpricer ] || echo "$pid"
    done
}

# works_on N NAME: there is a journal with the job, so the farm is about to be open; before that a death would end it.
works_on()
{
    [ "$("$NAVE_BUILD/bin/nave" log --count "$2.db")" -ge 0 ] && [ -n "$(pids_of "$1")" ] && sleep 0.3
}

hub_is_gone()
{
    [ -z "$(pids_of 1)" ]
}

# same_prices NAME WHAT
same_prices()
{
    prices calm >calm.prices
    prices "$1" >other.prices
    cmp -s calm.prices other.prices || { wrong "$2"; diff calm.prices other.prices | head -n 20; }
}

paths=90000
price calm $paths
wait $job || wrong 'the undisturbed run'

price dies $paths
until_there works_on 2 dies || wrong 'no work on the second host'
kill -9 $(pids_of 2)
wait $job || wrong 'the run of which a rank died'
same_prices dies 'with a rank lost the prices are others'
grep -q 'engine 1 on nave2 has died' out || { wrong 'nothing was said of the rank that died'; cat out; }

# mpirun itself waits for the host that is gone, for minutes: it is ended here.
price cut $paths
until_there works_on 3 cut || wrong 'no work on the third host'
ip -n $name-switch link set port3 down
until_there test -s cut.json || wrong 'the farm that was cut did not finish'
until_there hub_is_gone || wrong 'the hub did not end'
kill -9 $(ip netns pids $name-1) 2>/dev/null
wait $job
same_prices cut 'with a host cut off the prices are others'
grep -q 'engine 2 on nave3 cannot be reached' out || { wrong 'nothing was said of the lost host'; cat out; }

[ $failures = 0 ]
