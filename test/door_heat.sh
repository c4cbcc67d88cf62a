#!/bin/sh
# A simulation (heat) that is looked at and steered while it runs, then programs that farm out tasks: what their doors
# show of them in the middle of a run, and how they end when they are told to.
# timeout: 180
set -u
. "$NAVE_SRC/test/shell/door.sh"
bin=$NAVE_BUILD/bin
rows=60 columns=50
size=$((128 + rows * columns * 8)) # of .npy

# heat [OPTION...]: runs without end.
heat()
{
    begin ./heat.json "$bin/heat" --grid ${rows}x$columns --steps 0 "$@"
}

# ended STATUS: of the program, which takes its files along.
ended()
{
    leaves "$job"
    settled $program
    code=$?
    [ $code = "$1" ] || { wrong "exit status $code, not $1, of the program with $job, which says:"; cat "$job.out"; }
}

shown() # NAME: a value as `nave status` has it
{
    good status
    sed -n "s/^  $1  *\\([^ ]*\\) .*/\\1/p" out
}

# steps: one line of `nave watch` for each look, of the ranks' steps; they are alike.
steps() # COUNT
{
    good watch -d 0.1 -n "$1" step
    same 'lines of nave watch' "$1" "$(wc -l <out | tr -d ' ')"
    same 'ranks that nave watch shows' "$(yes 3 | head -n "$1" | xargs)" "$(awk '{ print NF - 1 }' out | xargs)"
    awk '{ for (i = 3; i <= NF; i++) if ($i != $2) exit 1 }' out || { wrong 'steps of one snapshot differ:'; cat out; }
    awk '{ print $2 }' out
}

# --- looking

heat
job=./heat.json
good status
for text in '^job *heat (heat)' '^hub .* 3 ranks' '^state *running' '^published *temperature, mean, step$' \
    '^commands *checkpoint, reset$' '^polls *[1-9]' '^  strength *10000  *(double, -1000000 to 1000000)$' \
    '^  source *true  *(flag)$'; do
    says "$text" out
done
json status
gives '' kernels
good objects
for name in temperature mean step; do
    says "^$name  *published$" out
done
steps 2 >looks
awk 'NR == 1 { first = $1 } END { exit !($1 > first) }' looks || { wrong 'steps do not grow:'; cat looks; }
good --json watch -n 1 step
is_json out
says '^{"step":[0-9]*,"values":\[[0-9]*,[0-9]*,[0-9]*\],"elements":3}$' out
good --json watch -n 1 temperature
is_json out
same 'numbers of a field that nave watch prints' 16 "$(sed 's/.*:\[//; s/].*/]/' out | tr ',' '\n' | grep -c '[0-9]$\|[0-9]\]$')"
good watch -n 1 mean
same 'the mean of each block' 3 "$(awk '{ print NF - 1 }' out)"
refused 1 "nothing is published as 'nothing'" watch -n 1 nothing
refused 1 "nothing is published as 'temprature'; did you mean 'temperature'?" watch -n 1 temprature
refused 1 "nothing is published as 'temprature'; did you mean 'temperature'?" pull temprature
refused 1 "'strength' is a value: nave get, nave watch, nave set" pull strength
refused 1 "no value 'strenth'; did you mean 'strength'?" get strenth
refused 1 "'mean' is an array: nave pull, nave watch" get mean
gives 10000 get strength
json get source
same 'a value as JSON' '{"value":true}' "$(cat json)"

# --- steering

for word in 1000001 -1e7 1e999 nan text '' 12x; do
    refused 1 "'$word' is not a number from -1e+06 to 1e+06" set strength "$word"
done
same 'a strength that could not be set' 10000 "$(shown strength)"
good set strength -123.5
same 'the strength' -123.5 "$(shown strength)"
good set source off
same 'the source' false "$(shown source)"
refused 1 "'perhaps' is neither on nor off" set source perhaps
refused 1 "'-1' is not a whole number" set steps -1
refused 1 "'1.5' is not a whole number" set steps 1.5
refused 1 "no value 'nothing'" set nothing 1
refused 1 "no value 'kapa' that could be set; did you mean 'kappa'?" set kapa 1
refused 1 "no command 'rest'; did you mean 'reset'?" command rest
gives -123.5 watch -n 1 strength
good set strength 10000
good set source on

# --- what is published

good pull -o t.npy temperature
same 'bytes of .npy' $size "$(wc -c <t.npy | tr -d ' ')"
says "'descr': '<f8', 'fortran_order': False, 'shape': ($rows, $columns)" t.npy
good pull -o t.png temperature
same 'the beginning of .png' '89 50 4e 47 0d 0a 1a 0a' "$(od -An -tx1 -N8 t.png | xargs)"
good pull --range 0,100 -o range.png temperature
same 'the beginning of .png' '89 50 4e 47 0d 0a 1a 0a' "$(od -An -tx1 -N8 range.png | xargs)"
refused 2 "'temperature' is published, with a type of its own" pull --type double -o bad.npy temperature
refused 2 'LOW,HIGH' pull --range 5 -o bad.png temperature
refused 2 'pictures are .png only' pull -o bad.jpg temperature
refused 1 "nothing is published as 'nothing'" pull -o bad.npy nothing
[ ! -e bad.png ] && [ ! -e bad.npy ] || wrong 'a file of what could not be pulled'
good pull -o mean.npy mean
same 'bytes of a number from each of 3 ranks' $((128 + 3 * 8)) "$(wc -c <mean.npy | tr -d ' ')"

# --- commands

good command checkpoint field.heat
[ -s field.heat ] || wrong 'no checkpoint'
"$NAVE_MPIRUN" -np 2 "$bin/heat" --resume field.heat --steps 1 -q >resumed 2>&1 || { wrong 'resuming:'; cat resumed; }
refused 1 'checkpoint returned ' command checkpoint "$TMPDIR/nowhere/field.heat"
refused 1 'checkpoint returned ' command checkpoint
refused 1 "no command 'nothing'" command nothing
refused 1 "no kernel 'echo'" submit echo x
printf 'int x;\n' >x.c
refused 1 'does not take kernels from outside' cc x.c

# --- paused: all stands still, and can be steered

good pause
good status
says '^state *paused' out
steps 2 >looks
same 'steps while paused' 1 "$(sort -u looks | wc -l | tr -d ' ')"
good pull -o one.npy temperature
good pull -o two.npy temperature
cmp one.npy two.npy || wrong 'two looks at a field that stands still'
good set kappa 0.25
same 'a value that was set while paused' 0.25 "$(shown kappa)"
good command checkpoint paused.heat
[ -s paused.heat ] || wrong 'no checkpoint while paused'
steps 1 >still
same 'the step after that' "$(head -n 1 looks)" "$(cat still)"
# Both have a header before the field, which the program has put together in one, and nave in the other.
tail -c +49 paused.heat | head -c $((rows * columns * 8)) >field
tail -c +129 one.npy | cmp - field || wrong 'the field in .npy and in a checkpoint'
if [ -n "$python" ]; then
    python3 - $rows $columns <<'END' || wrong 'the field is not hottest in the middle, and cold at its edge'
import struct, sys
rows, columns = map(int, sys.argv[1:])
field = struct.unpack(f"={rows * columns}d", open("one.npy", "rb").read()[128:])
at = field.index(max(field))
assert abs(at // columns - rows / 2) <= 3 and abs(at % columns - columns / 2) <= 3, (at // columns, at % columns)
assert all(19.9 <= t for t in field) and field[0] < max(field)
END
fi
good resume
further() # than while it was paused
{
    steps 1 >looks
    [ "$(cat looks)" -gt "$(cat still)" ]
}
until_there further || wrong "after nave resume: $(cat looks), before: $(cat still)"

good command reset
good events
for text in 'set *strength = -123.5' 'pause ' 'set *kappa = 0.25' 'resume ' \
    'command *checkpoint field.heat' 'command *reset'; do
    says "$text" out
done

# --- who may only look

job=./heat.readonly.json
for words in 'set strength 1' 'command reset' pause resume stop; do
    refused 1 'is not for a readonly connection' $words
done
steps 1 >looks
good pull -o t.npy temperature
same 'bytes of .npy, readonly' $size "$(wc -c <t.npy | tr -d ' ')"
job=./heat.json
same 'the strength after that' 10000 "$(shown strength)"

# --- the end: told to, told to while paused, and by a value that is set

good stop
ended 0
says "^Grid: *${rows}x$columns on 3 ranks" heat.json.out

heat
good pause
good stop
ended 0

heat
ask set steps 1 # the program may be gone before it can be told that this is done
ended 0
refused 1 'heat.json: No such file' status

# --- programs that farm out tasks, in the middle of a run

busy() # KERNEL: there are calls of it that are open, and tasks that are done or run
{
    json calls
    [ "$(value json state)" = open ] && grep -q "\"kernel\":\"$1\"" json || return 1
    json status
    [ $(($(value json running) + $(value json succeeded))) -gt 0 ]
}

# in_mid_run NAME KERNEL OPTION...
in_mid_run()
{
    name=$1 kernel=$2
    shift 2
    begin "./$name.json" "$bin/$name" "$@"
    until_there busy "$kernel" || wrong "no call of $kernel in: $(cat json)"
    good status
    says "^tasks *[0-9]* waiting, [0-9]* running, [0-9]* succeeded, 0 failed, 0 cancelled; [1-9][0-9]* calls* open$" out
    good kernels
    says "^$kernel  *3 engines" out
    good engines
    same "engines of $name" 3 "$(awk 'NR > 1 && $4 ~ /busy|idle/' out | wc -l | tr -d ' ')"
    job=./$name.readonly.json
    refused 1 'is not for a readonly connection' stop
    job=./$name.json
}

in_mid_run mcpricer price_part --paths 10000000 --no-plot
good pause
good status
says '^state *paused' out
good resume
ask stop
says '^nave stop: [0-9]* tasks* runs*, and will be finished; [0-9]* that ' err
ended 99

printf '%01000000d' 7 >digits
in_mid_run parallelpi count_range -k 8 --no-plot $(yes digits | head -n 2000)
ask stop
says '^nave stop: [0-9]* tasks* runs*, and will be finished; [0-9]* that ' err
ended 99

in_mid_run uts uts.node -T T1XL
alive $program || wrong 'uts has ended'
kill $program
settled $program

[ $failures = 0 ]
