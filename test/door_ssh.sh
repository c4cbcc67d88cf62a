#!/bin/sh
# A job on one host, and its clients on another, which reaches the first through ssh alone: two network namespaces with
# host names of their own, and an sshd with keys, settings and a port of its own. "hubhost" is a name that only hubhost
# itself knows: a laptop comes there by a jump, or because its ssh is told where it is.
# timeout: 300
set -u
. "$NAVE_SRC/test/shell/verdict.sh"
cd "$TMPDIR" || exit 1
name=nave$$
hosts='hubhost laptop'
hub=10.213.78.1 laptop=10.213.78.2 port=2222
PATH=$PATH:/usr/sbin:/sbin
unset NAVE_CONNECTION NAVE_SSH NAVE_SSH_GATEWAY NAVE_LISTEN NAVE_BIND
export NAVE_MPIRUN="$NAVE_SRC/test/mpirun"

skip()
{
    echo "$*"
    exit 77
}

# What runs in our namespaces was started here.
remove()
{
    for host in $hosts; do
        pids=$(ip netns pids $name-$host 2>/dev/null)
        [ -z "$pids" ] || kill -9 $pids 2>/dev/null
        ip netns del $name-$host 2>/dev/null
    done
    wait
}

[ "$(uname -s)" = Linux ] || skip 'network namespaces are there on Linux only'
[ "$(id -u)" = 0 ] || skip 'network namespaces need root'
for tool in sshd ssh ssh-keygen ip unshare hostname mount; do
    command -v $tool >/dev/null || skip "there is no \"$tool\" to make a host with that is reached through ssh"
done
trap remove EXIT
trap 'exit 130' INT TERM HUP

# until_there COMMAND...: waits for it to succeed, twenty seconds at most.
until_there()
{
    tries=0
    until "$@" >/dev/null 2>&1 || [ $tries = 200 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    [ $tries -lt 200 ]
}

# --- hosts

# host NAME COMMAND...: as on that host, with its name, its network, and the names it knows. sshd wants a folder for
# nothing to be in; what a job that is killed leaves in shared memory goes with it.
cat >host <<END
#!/bin/sh
exec ip netns exec $name-\$1 unshare --uts --mount sh -c '
    hostname "\$1" && mount --bind "$TMPDIR/hosts.\$1" /etc/hosts && mount -t tmpfs none /dev/shm &&
        mount -t tmpfs none /run && mkdir /run/sshd && shift && exec "\$@"' sh "\$@"
END
chmod +x host

make_hosts()
{
    for host in $hosts; do
        echo 127.0.0.1 localhost >hosts.$host
        ip netns add $name-$host && ip -n $name-$host link set lo up || return
    done
    echo $hub hubhost >>hosts.hubhost
    ip -n $name-hubhost link add eth0 type veth peer name eth0 netns $name-laptop &&
        ip -n $name-hubhost addr add $hub/24 dev eth0 && ip -n $name-hubhost link set eth0 up &&
        ip -n $name-laptop addr add $laptop/24 dev eth0 && ip -n $name-laptop link set eth0 up || return
    ./host hubhost true && ./host laptop true
}

make_hosts 2>err || skip "no hosts can be made here: $(head -n 1 err)"

# --- ssh

for key in host_key user_key strange_key; do
    ssh-keygen -q -t ed25519 -N '' -C $key -f $key >err 2>&1 || skip "ssh-keygen: $(head -n 1 err)"
done
cat >sshd_config <<END
Port $port
HostKey $TMPDIR/host_key
AuthorizedKeysFile $TMPDIR/user_key.pub
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
UseDNS no
PidFile none
LogLevel VERBOSE
END

# Three of a client's: one that knows the login host; one that knows hubhost; and that with a key sshd does not know.
cat >config <<END
Host login
    HostName $hub
Host *
    User root
    Port $port
    IdentityFile $TMPDIR/user_key
    IdentitiesOnly yes
    IdentityAgent none
    BatchMode yes
    UserKnownHostsFile $TMPDIR/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking no
    LogLevel ERROR
END
sed 's/^Host login/& hubhost/' config >config.near
sed 's/user_key/strange_key/' config.near >config.strange

# It runs itself again, by its whole name.
./host hubhost "$(command -v sshd)" -D -e -f "$TMPDIR/sshd_config" 2>sshd.log </dev/null &
sshd=$!

# Until it is known whether it lets us in.
entered=no
enter()
{
    kill -0 $sshd || return 0
    ./host laptop ssh -F config root@$hub true </dev/null 2>err && entered=yes || grep -q 'Permission denied' err
}

until_there enter
[ $entered = yes ] || skip "no sshd that lets root in can be started here: $(tail -n 1 err) $(tail -n 1 sshd.log)"

# --- the client

# nave ARGUMENT...: on the laptop, with $config, of the job in $file; leaves out, err, and $status.
config=config file=job.json
nave()
{
    ./host laptop env NAVE_SSH="ssh -F $TMPDIR/$config" NAVE_CONNECTION="$file" timeout -k 5 60 \
        "$NAVE_BUILD/bin/nave" "$@" >out 2>err </dev/null
    status=$?
    [ -z "${V:-}" ] || echo "$(date +%T) $status nave $*: $(head -n 1 err)"
    return $status
}

# pids_of HOST PROGRAM
pids_of()
{
    for pid in $(ip netns pids $name-"$1"); do
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$2" ] || echo "$pid"
    done
}

nothing_left()
{
    [ -z "$(pids_of laptop ssh)$(pids_of laptop nave)" ] && [ -z "$(find . -name 'nave-ssh.*')" ]
}

# What a jump consists of ends by itself, a moment after ssh.
clean() # AFTER
{
    until_there nothing_left || { wrong "left after $1: $(ip netns pids $name-laptop) $(echo nave-ssh.*)"; }
}

good() # ARGUMENT...
{
    nave "$@"
    [ $status = 0 ] || { wrong "exit status $status of nave $*:"; cat err; }
    clean "nave $*"
}

# refused WORDS ARGUMENT...: an error, in one line among those of ssh, with these words in it.
refused()
{
    words=$1
    shift
    nave "$@"
    [ $status = 1 ] || { wrong "exit status $status, not 1, of nave $*"; cat err; }
    [ "$(grep -c '^nave' err)" = 1 ] && grep '^nave' err | grep -q -e "$words" ||
        { wrong "nave $* does not say in one line \"$words\":"; cat err; }
    clean "nave $*"
}

# How many have come in through sshd so far: one for each tunnel, two where it jumps.
logins()
{
    grep -c 'Accepted publickey for root' sshd.log
}

# start FILE OPTION...: a job on hubhost, whose connection files are copied to the laptop.
start()
{
    to=$1
    shift
    ./host hubhost "$NAVE_BUILD/bin/nave" start -n 2 -c "$TMPDIR/hub.$to" "$@" >out 2>err </dev/null &&
        until_there test -s "hub.${to%.json}.readonly.json" ||
        { wrong "exit status $? of nave start $*:"; cat err "hub.$to.log"; exit 1; }
    cp "hub.$to" "$to"
    cp "hub.${to%.json}.readonly.json" "${to%.json}.readonly.json"
}

start job.json --job far
url=$(sed -n 's/.*"url":[^"]*"\([^"]*\)".*/\1/p' job.json)
door=${url##*:}
same 'where it listens' "tcp://127.0.0.1:$door" "$url"

# --- not without ssh

refused "the hub of 'far' listens on $url of hubhost only: use --ssh" status
same 'lines of the refusal' 1 "$(wc -l <err)"
grep -q "ssh -N -L $door:127.0.0.1:$door hubhost\$" err || { wrong 'no line for ssh in:'; cat err; }

# --- by ssh to the hub's host

dd if=/dev/urandom of=data bs=1000000 count=20 2>/dev/null

works_by() # LOGIN CONFIG LOGINS OBJECT
{
    config=$2
    before=$(logins)
    good --ssh "$1" status
    same "logins by $1" "$3" $(($(logins) - before))
    grep -q '^job *far ' out && grep -q '^hub *hubhost, .* 2 ranks' out || { wrong 'no status:'; cat out; }
    good --ssh "$1" submit -w echo hello
    same "an echo by $1" hello "$(cat out)"
    good --ssh "$1" push "$4" data
    good --ssh "$1" pull -o back "$4"
    cmp data back || wrong "what was pulled by $1"
    rm -f back
}

works_by root@hubhost config.near 1 one

# Standard input may be closed: the pipe that holds the tunnel is number 0 then.
./host laptop env NAVE_SSH="ssh -F $TMPDIR/$config" NAVE_CONNECTION="$file" timeout -k 5 60 \
    sh -c 'exec "$@" <&-' sh "$NAVE_BUILD/bin/nave" --ssh root@hubhost status >out 2>err </dev/null ||
    { wrong 'through a tunnel without standard input:'; cat err; }
clean 'nave without standard input'

# --- who may only look

file=job.readonly.json
good --ssh root@hubhost status
good --ssh root@hubhost pull -o back one
cmp data back || wrong 'what was pulled to look at'
refused "'submit' is not for a readonly connection" --ssh root@hubhost submit echo hello
refused "'stop' is not for a readonly connection" --ssh root@hubhost stop

# --- a job that listens where the laptop comes: without ssh, or with it, which is no jump then

start open.json --job open --listen $hub
file=open.json config=config
before=$(logins)
good status
good submit -w echo open
same 'an echo without ssh' open "$(cat out)"
good push one data
good pull -o back one
cmp data back || wrong 'what was pulled without ssh'
same 'logins without ssh' 0 $(($(logins) - before))
good --ssh login submit -w echo 'by ssh'
same 'an echo by ssh, though it need not be' 'by ssh' "$(cat out)"
same 'logins for a hub that listens to all' 1 $(($(logins) - before))

# --- ssh ends while a client waits: so does the client, and soon

follow() # LOGIN CONFIG: the events as they come; the client is $client
{
    file=job.json config=$2
    rm -f out
    nave --ssh "$1" events -f &
    client=$!
    until_there grep -q 'the farm is open' out || { wrong "no events by $1:"; cat out err; }
}

ended() # WHAT
{
    began=$(date +%s)
    wait $client
    same "exit status of a client, $1" 1 $?
    [ $(($(date +%s) - began)) -le 10 ] || wrong "after $(($(date +%s) - began)) s only the client ended, $1"
    [ "$(grep -c "^nave events: .*(job 'far' on hubhost)" err)" = 1 ] || { wrong "no error, $1:"; cat err; }
    clean "a client, $1"
}

# Those whose parent is no ssh, and those whose parent is one: a jump is made by the former.
ssh_of_nave()
{
    for pid in $(pids_of laptop ssh); do
        pids_of laptop ssh | grep -qx "$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$pid/status" 2>/dev/null)" || echo "$pid"
    done
}

ssh_of_ssh()
{
    pids_of laptop ssh | grep -vx "$(ssh_of_nave)"
}

sessions()
{
    { pids_of hubhost sshd; pids_of hubhost sshd-session; } | grep -vx $sshd
}

follow root@hubhost config.near
same 'ssh without a jump' "$(pids_of laptop ssh)" "$(ssh_of_nave)"
[ ${#TMPDIR} -ge 60 ] || same 'who may enter the way' '700 600' "$(echo $(stat -c %a nave-ssh.* nave-ssh.*/hub))"
kill -9 $(ssh_of_nave)
ended 'without its ssh'

follow root@hubhost config.near
kill $(sessions)
ended 'without the session of sshd'

# --- a login host that is not the hub's, as far as the laptop knows: by a jump; a job that names it

works_by root@$hub config 2 two
works_by root@login config 2 three

NAVE_SSH_GATEWAY=root@login start gate.json --job gate
file=gate.json
good submit -w echo gate
same 'an echo by the gateway of the job' gate "$(cat out)"
good status
grep -q 'ssh -N -L .* -J root@login root@hubhost$' out || { wrong 'no way from afar in:'; cat out; }

follow root@login config
kill -9 $(ssh_of_nave)
ended 'without its ssh, which jumps'

follow root@login config
kill $(ssh_of_ssh)
ended 'without its jump'

# --- ways that are none

config=config.strange
refused 'ssh to root@hubhost ended with status 255' --ssh root@hubhost status
grep -q 'Permission denied' err || { wrong 'what ssh said is lost:'; cat err; }

config=config.near
kill -STOP $sshd
refused 'ssh to root@hubhost has made no tunnel within 2 s' --timeout 2 --ssh root@hubhost status
kill -CONT $sshd

good --ssh root@hubhost stop
until_there test ! -e hub.job.json || wrong 'a job that was told to stop'
refused "no connection at $url (job 'far' on hubhost)" --ssh root@hubhost status

kill $sshd
wait $sshd
refused 'ssh to root@hubhost ended with status 255' --ssh root@hubhost status

[ $failures = 0 ]
