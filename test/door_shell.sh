#!/bin/sh
# `nave shell` and `nave top`: lines of a script, one line, at a terminal that script(1) makes; a job seen in text and
# on the screen.
# timeout: 180
set -u
. "$NAVE_SRC/test/shell/door.sh"

"$nave" start -n 2 >out 2>err </dev/null || { wrong "exit status $? of nave start:"; cat err; exit 1; }
job=$folder/farm.json

# --- lines of a script

# lines STATUS: of `nave shell`, which reads standard input; leaves out, and err.
lines()
{
    timeout -k 5 60 "$nave" -c "$job" shell >out 2>err
    same 'exit status of nave shell' "$1" $?
}

lines 0 <<'END'
# a comment

submit -w echo hello
  submit -w echo "two words"   # and a comment
submit -w echo 'it''s "one"'
! echo from "sh $((1 + 1))"
kernels --json
submit echo later
exit
submit -w echo never
END
says '^hello$' out
says '^two words$' out
says '^its \\*"one\\*"$' out
says '^from sh 2$' out
says '^{"kernels":.*}$' out
says '^[1-9][0-9]*$' out
grep -q never out && wrong 'a line behind exit is obeyed'
grep -q 'farm>' out && wrong 'a prompt for nobody'

# What fails is said, and does not end it; the status is that of what failed first.
lines 1 <<'END'
result 999
nosuch
submit -w echo on
END
same 'output behind lines that failed' on "$(cat out)"
same 'error lines' 2 "$(wc -l <err | tr -d ' ')"
says 'no call 999' err
says 'nave shell: nosuch: not known' err
lines 2 <<'END'
submit -w echo "no end
shell
submit -w echo on
END
same 'output behind lines that make no sense' on "$(cat out)"
says 'a " is missing' err
says 'this is one already' err
lines 0 <<'END'
help
help submit
END
for verb in status submit pull stop; do
    says "^$verb " out
done
says '^usage: nave submit ' out
lines 0 </dev/null

# Pipes, and what a call leaves to the next.
printf 'submit echo one\nwait 4\nresult 4.0\n' | lines 0
says '^later$' out

# --- one line

gives 'one line' shell -c 'submit -w echo "one line"'
refused 1 'no call 999' shell -c 'result 999'
refused 2 'nosuch: not known' shell -c nosuch
refused 2 'nave shell: histroy: not known; did you mean history?' shell -c histroy
refused 2 'nothing is expected here' shell nosuch
job=$folder/farm.readonly.json
refused 1 'is not for a readonly connection' shell -c stop
job=$folder/farm.json

# --- completion for bash

# offers WORDS WORD...: what the last word of the line may become.
offers()
{
    offered=$1
    shift
    same "what may become of: nave $*" "$offered" "$(bash --norc -c '
        . "$NAVE_SRC/doc/nave.bash"
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _nave 2>/dev/null
        echo "${COMPREPLY[@]}"' bash "$nave" "$@")"
}

if command -v bash >/dev/null; then
    good push thing err
    offers 'start status stop' st
    offers '--gather' pull --g
    offers '--scatter' -c "$job" push --sc
    offers 'sge slurm' start --system s
    offers echo -c "$job" submit ''
    offers echo -c "$job" submit -w -p 1 e
    offers thing -c "$job" drop ''
    offers '' -c "$job" set ''
    offers farm --connection = fa
    offers '' -c missing.json submit ''
    good drop thing
fi

# --- top as text

good top -b -n 2 -d 0.1
same 'pages' 2 "$(grep -c '^farm on .*: running for ' out)"
same 'engines of two pages' '0 1 0 1' "$(sed -n 's/^ *\([01]\)  .* idle .*/\1/p' out | xargs)"
says '^tasks *\[|*\] *100.0 %$' out
says ' 0 waiting, 0 running, [1-9][0-9]* succeeded, 0 failed, 0 cancelled$' out
says ' done/s$' out
grep -q "$(printf '\033')" out && wrong 'escape sequences in text'
refused 2 'must be' top -b -n 0
refused 2 'for --batch' top -n 2
refused 1 'no terminal' top
good pause
good top -b -n 1
says '^farm on .*: paused for ' out
good resume

# --- at a terminal

if script --version 2>&1 | grep -q util-linux; then
    mkfifo keys
    export TERM=xterm

    # at_terminal VERB: what is written on descriptor 3 is typed; the screen is in `screen`.
    # exec: dash would wait for nave, and end by the Ctrl-C that nave outlives.
    at_terminal()
    {
        : >screen
        NAVE_CONNECTION=$job timeout -k 5 100 script -qefc "exec '$nave' $*" screen <keys >/dev/null 2>&1 &
        terminal=$!
        exec 3>keys
    }

    # shows TEXT: sooner or later.
    shows()
    {
        until_there grep -q -e "$1" screen || { wrong "no \"$1\" on the screen:"; cat -v screen; }
    }

    # prints TEXT: a line of the output, not one that was typed.
    prints()
    {
        shows "^\\($(printf '\033').*l$(printf '\r')\\)*$1$(printf '\r')\$"
    }

    # left STATUS: who ended by himself.
    left()
    {
        until_there gone $terminal || wrong 'it does not end'
        exec 3>&-
        settled $terminal
        same "exit status at a terminal" "$1" $?
    }

    rm -f .nave_history
    at_terminal shell
    shows 'farm> '
    printf 'subm\t' >&3
    shows 'farm> submit $'
    printf -- '-w ec\t' >&3
    shows 'submit -w echo $'
    printf 'typed-here | tail\r' >&3
    shows 'words'
    printf 'submit -w echo typed\r' >&3
    prints typed
    printf 'nosuch\r' >&3
    shows 'nosuch: not known'
    printf ' submit -w echo unseen\r' >&3
    prints unseen
    printf 'history\r' >&3
    shows '^.* 1  submit -w echo typed-here'
    printf 'exit\r' >&3
    left 0
    same 'who may read the history' -rw------- "$(ls -l .nave_history | cut -c 1-10)"
    says '^submit -w echo typed$' .nave_history
    says '^nosuch$' .nave_history
    grep -q unseen .nave_history && wrong 'a line that begins with a blank is kept'

    # The history of before, and an end by Ctrl-D; a line that is given up by Ctrl-C.
    chmod 644 .nave_history
    at_terminal shell
    shows 'farm> '
    printf 'submit -w echo given up' >&3
    shows 'given up$'
    printf '\003' >&3
    printf 'submit -w echo after\r' >&3
    prints after
    printf '\033[A\033[A' >&3 # two lines up
    shows 'farm> exit'
    printf '\r' >&3
    left 0
    same 'who may read the history that all could read' -rw------- "$(ls -l .nave_history | cut -c 1-10)"
    grep -q 'given up' .nave_history && wrong 'a line that was given up is kept'
    at_terminal shell
    shows 'farm> '
    printf '\004' >&3
    left 0

    # alternate COUNT: how often the screen was changed for another, and back.
    alternate()
    {
        same 'a screen of its own' "$1" "$(tr '\033' '\n' <screen | grep -c '^\[?1049h')"
        same 'the screen as it was' "$1" "$(tr '\033' '\n' <screen | grep -c '^\[?1049l')"
        same 'the cursor as it was' '[?25h' "$(tr '\033' '\n' <screen | grep -o '^\[?25[lh]' | tail -n 1)"
    }

    at_terminal top -d 0.1
    shows 'farm on .*running for '
    shows 'q quit'
    printf p >&3
    shows 'paused'
    good status
    says '^state *paused' out
    printf p >&3
    until_there sh -c "'$nave' -c '$job' status | grep -q '^state *running'" || wrong 'p does not resume'
    printf '?' >&3
    shows 'PgUp'
    printf q >&3
    left 0
    alternate 1

    at_terminal shell
    shows 'farm> '
    printf 'top\r' >&3
    shows 'q quit'
    printf q >&3
    shows '1049l'
    printf 'submit -w echo back\r' >&3
    prints back
    printf 'exit\r' >&3
    left 0
    alternate 1

    # A program that is elsewhere is waited for; a quit leaves the terminal as it was.
    begin ./busy.json "$NAVE_BUILD/bin/heat" --grid 20 --steps 0 --pace 600
    at_terminal top -d 0.1
    shows 'no answer for '
    printf q >&3
    left 0
    alternate 1
    kill $program
    settled $program
    job=$folder/farm.json

    at_terminal top -d 0.1
    shows 'farm on '
    printf '\034' >&3
    left 131
    alternate 1

    # The job ends while it is watched.
    at_terminal top -d 0.1
    shows 'farm on '
    good stop
    leaves "$job"
    left 0
    shows 'the job farm has ended; when last seen '
    alternate 1
else
    echo 'without script of util-linux: nothing is typed'
    good stop
    leaves "$job"
fi

# --- without a job

job=$folder/farm.json
refused 1 'farm.json: No such file' shell --command status
refused 1 'farm.json: No such file' top -b -n 1
[ $failures = 0 ]
