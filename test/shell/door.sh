# Read by tests of a job's door: jobs that are started, reached by nave(1), and gone at the end, whatever becomes of
# the test. $job is the connection file that `good` and its kin use.
. "$NAVE_SRC/test/shell/verdict.sh"
nave=$NAVE_BUILD/bin/nave
cd "$TMPDIR" || exit 1
export XDG_RUNTIME_DIR="$TMPDIR" HOME="$TMPDIR" TMPDIR
unset NAVE_CONNECTION NAVE_LISTEN NAVE_SSH NAVE_SSH_GATEWAY NAVE_PLUGINS NAVE_BIND NAVE_WALLTIME NAVE_DEADLINE
folder=$TMPDIR/nave job=''
command -v python3 >/dev/null && python=yes || python=''

# Whoever is started says who it is: it has to end before we do.
cat >mpirun <<'END'
#!/bin/sh
echo $$ >>"$HOME/started"
exec "$NAVE_SRC/test/mpirun" "$@"
END
chmod +x mpirun
: >started
export NAVE_MPIRUN="$TMPDIR/mpirun"

# alive PID: and not only waiting to be asked how it ended.
alive()
{
    kill -0 "$1" 2>/dev/null || return 1
    [ ! -r "/proc/$1/stat" ] || ! grep -q '^[0-9]* (.*) Z ' "/proc/$1/stat" 2>/dev/null
}

# until_there COMMAND...: waits for it to succeed, thirty seconds at most.
until_there()
{
    tries=0
    until "$@" >/dev/null 2>&1; do
        [ $tries -lt 600 ] || return 1
        sleep 0.05
        tries=$((tries + 1))
    done
}

gone() # PID
{
    ! alive "$1"
}

# mpirun takes its ranks along.
end_all()
{
    for pid in $(cat started); do
        alive "$pid" || continue
        kill "$pid" 2>/dev/null
        until_there gone "$pid" || kill -9 "$pid"
    done
}
trap end_all EXIT
trap 'exit 130' INT TERM HUP

# The shell's own words about processes that were killed are nobody's business.
settled() # PID: its exit status
{
    wait "$1" 2>/dev/null
}

says() # TEXT FILE
{
    grep -q -e "$1" "$2" || { wrong "no \"$1\" in $2:"; cat "$2"; }
}

# ask ARGUMENT...: leaves out, err, and $status.
ask()
{
    timeout -k 5 60 "$nave" ${job:+-c "$job"} "$@" >out 2>err </dev/null
    status=$?
}

good() # ARGUMENT...
{
    ask "$@"
    [ $status = 0 ] || { wrong "exit status $status of nave $*:"; cat err; }
    [ ! -s err ] || { wrong "nave $* says:"; cat err; }
}

gives() # EXPECTED ARGUMENT...
{
    expected=$1
    shift
    good "$@"
    same "output of nave $*" "$expected" "$(cat out)"
}

# refused STATUS TEXT ARGUMENT...: prints nothing, and says just one line, which holds the text.
refused()
{
    expected=$1 text=$2
    shift 2
    ask "$@"
    same "exit status of nave $*" "$expected" $status
    [ ! -s out ] || { wrong "nave $* prints:"; head -n 3 out; }
    same "error lines of nave $*" 1 "$(wc -l <err | tr -d ' ')"
    says "$text" err
}

# is_json FILE: one line of it.
is_json()
{
    same "lines of $1" 1 "$(wc -l <"$1" | tr -d ' ')"
    if [ -n "$python" ]; then
        python3 -c 'import json, sys; assert isinstance(json.load(open(sys.argv[1])), dict)' "$1" 2>/dev/null
    else
        grep -q '^{.*}$' "$1"
    fi || { wrong "no JSON object:"; cat "$1"; }
}

# json VERB: asks for an answer as JSON, which is left in json.
json()
{
    good --json "$@"
    is_json out
    cp out json
}

value() # FILE NAME: the first value of this name, a number or a text, in JSON of any form
{
    tr -d '\t' <"$1" | tr ',{}[]' '\n\n\n\n\n' | sed -n "s/^ *\"$2\": *\"\{0,1\}\([^\"]*\).*/\1/p" | head -n 1
}

# call ARGUMENT...: submits; the number of the call is in $call.
call()
{
    good submit "$@"
    call=$(cat out)
    case $call in '' | *[!0-9]*) wrong "nave submit $* prints no number of a call: $call" call=0 ;; esac
}

state_of() # CALL: of its first task
{
    "$nave" -c "$job" tasks "$1" 2>/dev/null | awk 'NR == 1 { print $3 }'
}

is_in_state() # CALL STATE
{
    [ "$(state_of "$1")" = "$2" ]
}

# begin FILE COMMAND...: a program on 3 ranks with that connection file; its mpirun is $program, its output FILE.out.
begin()
{
    job=$1
    shift
    NAVE_CONNECTION="$job" "$NAVE_MPIRUN" -np 3 "$@" >"$job.out" 2>&1 </dev/null &
    program=$!
    until_there test -s "$job" || { wrong "no connection file of $*:"; cat "$job.out"; exit 1; }
}

no_files() # FILE.json
{
    [ ! -e "$1" ] && [ ! -e "${1%.json}.readonly.json" ]
}

# leaves FILE.json: the job that is told to stop, or was, takes its files with it.
leaves()
{
    until_there no_files "$1" || { wrong "left after the job's end:"; ls -l "$1" "${1%.json}.readonly.json"; }
}
