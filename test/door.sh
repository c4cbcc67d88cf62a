#!/bin/sh
# A farm without work of its own (`nave start`) and its clients: all that can be asked, tasks, kernels, objects, who may
# do what, connection files that are none, and clients that misbehave.
# timeout: 180
set -u
. "$NAVE_SRC/test/shell/door.sh"

# --- start

"$nave" start -n 3 >out 2>err </dev/null || { wrong "exit status $? of nave start:"; cat err; exit 1; }
same 'what nave start prints' "$folder/farm.json" "$(cat out)"
farm=$folder/farm.json readonly=$folder/farm.readonly.json
for file in "$farm" "$readonly"; do
    same "who may read $file" -rw------- "$(ls -l "$file" | cut -c 1-10)"
    [ -z "$python" ] || python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$file" || wrong "$file is no JSON"
done
same 'roles' 'control readonly' "$(value "$farm" role) $(value "$readonly" role)"
url=$(value "$farm" url)
port=${url##*:}
case $url in tcp://127.0.0.1:[0-9]*) ;; *) wrong "the farm listens at $url" ;; esac

# --- looking; without a name the only job is meant

good status
for text in '^job *farm ' "^hub .*process $(value "$farm" pid), 3 ranks" '^state *running' '^engines *3: ' \
    '^tasks *0 waiting, 0 running, 0 succeeded'; do
    says "$text" out
done
job=farm
good engines
same 'engines' '0 1 2' "$(awk 'NR > 1 { print $1 }' out | xargs)"
good kernels
says '^echo  *3 engines  char text\[\] -> char text\[\]$' out
good calls
same 'lines of no calls' 1 "$(wc -l <out | tr -d ' ')"
gives '' objects
job=$farm
for verb in status engines kernels calls objects tasks; do
    json $verb
done
json status
same 'ranks and state' '3 running' "$(value json ranks) $(value json state)"
good events
says 'the farm is open: 3 ranks' out

# --- lines that are wrong, and help

refused 2 'nave status: unknown option --foo' status --foo
refused 2 'nave submit: --wait takes no argument' submit --wait=3 echo x
refused 2 'nave submit: --priority needs an argument' submit --priority
refused 2 'nave: statsu: not known; did you mean status?' statsu
job=''
refused 2 'nave: -c needs an argument' -c
refused 2 "nave: a verb is missing: 'status' is taken as the argument of --ssh" --ssh status
good -cfarm status
good help
cp out help
good --help
cmp out help || wrong 'nave help is not nave --help'
good help submit
for option in wait each-line each engines priority retries guard time-limit; do
    says "^  .*--$option[ ,]" out
done
good help start
says '^usage: nave start' out
for name in '' a/b 'a b' .hidden -- "$(printf 'a\033b')"; do
    refused 2 "must be letters, digits, '.', '_' and '-'" start --job "$name"
done
refused 2 'nave: pul: not known; did you mean pull?' help pul
job=$farm

# --- submitting: a word, words that are one, a file, standard input

call echo hello
first=$call
good wait $call
gives hello result $call
gives hello result $call.0
gives hello submit -w echo hello
refused 1 'words' submit echo two words
printf 'from a file' >file
gives 'from a file' submit -w echo @file
dd if=/dev/urandom of=data bs=65536 count=16 2>/dev/null
call echo @data
good result -o back $call
cmp data back || wrong 'an echo of a file of random bytes'
printf 'standard input' | "$nave" -c "$job" submit -w echo - >out 2>err || { wrong 'submit -:'; cat err; }
same 'an echo of standard input' 'standard input' "$(cat out)"
json submit echo hello
case $(value json call) in '' | *[!0-9]*) wrong "no call in $(cat json)" ;; esac

call -p 7 echo high
good wait $call
json calls
same 'the priority of the last call' 7 "$(value json priority)"
call -e 2 echo there
json wait $call
same 'the state of a call that was waited for' complete "$(value json state)"
for verb in pause resume; do
    json $verb
    says '"ok":true' json
done
json tasks $call
same 'the engine that was named' 2 "$(value json engine)"
gives "$(printf 'all\nall\nall')" submit -w --each echo all
call --each echo all
good wait $call
good tasks $call
same 'engines of --each' '0 1 2' "$(sed 's/.*engine \([0-9]*\) .*/\1/' out | sort | xargs)"
refused 1 "no kernel 'nosuch'" submit nosuch x
refused 1 "no kernel 'ehco'; did you mean 'echo'?" submit ehco x
refused 1 'rank 7' submit -e 7 echo x
refused 2 'no list of ranks' submit -e x echo x

# --- ten thousand, of two sizes: two calls, and two clients at once that fetch what another has submitted

awk 'BEGIN { for (i = 10000; i < 15000; i++) print "a" i; for (; i < 20000; i++) print "bb" i }' >lines
good submit --each-line echo @lines
same 'lines of two calls' '1-5000 5001-10000' "$(awk '{ print $2 }' out | xargs)"
calls=$(awk '{ print $1 }' out | xargs)
set -- $calls
same 'calls of two sizes' 2 $#
good wait $calls
for number in $calls; do
    good tasks -n 10000 --succeeded $number
    same "succeeded tasks of call $number" 5000 "$(grep -c "^ *$number\\.[0-9]*  echo  *succeeded " out)"
done
timeout 100 "$nave" -c "$farm" result $1 >results.1 2>err.1 &
one=$!
timeout 100 "$nave" -c "$readonly" result $2 >results.2 2>err.2 &
two=$!
settled $one
same 'exit status of the first client' '0' "$?$(head -n 3 err.1)"
settled $two
same 'exit status of the second client' '0' "$?$(head -n 3 err.2)"
cat results.1 results.2 | cmp - lines || wrong "the results of 10,000 tasks: $(cat results.1 results.2 | wc -l)"
head -n 3 lines | "$nave" -c "$job" submit -w --each-line echo >out 2>err || wrong "lines of standard input: $(cat err)"
same 'results of lines' "$(head -n 3 lines)" "$(cat out)"
good tasks --succeeded $2
same 'tasks of a call, over pages' 5000 "$(grep -c "^ *$2\\.[0-9]*  echo  *succeeded " out)"
good tasks -n 2500 $1
same 'tasks, over pages, no more than wanted' 2500 "$(wc -l <out | tr -d ' ')"
good tasks
same 'tasks of all calls, over pages' "$(wc -l <out | tr -d ' ')" "$(awk '{ print $1 }' out | sort -u | wc -l | tr -d ' ')"
[ "$(wc -l <out)" -ge 10000 ] || wrong "of more than 10,000 tasks nave tasks shows $(wc -l <out)"
good tasks -n 5500
same 'where one call follows another' "$2.4999 $1.0" "$(sed -n '5000p;5001p' out | awk '{ print $1 }' | xargs)"
good wait $1.4999 $2.0
good forget $calls
refused 1 "no call $1" result $1

# --- objects

good push data data
good objects
same 'objects' 'data on 0,1,2' "$(xargs <out)"
good pull -o back data
cmp data back || wrong 'what was pushed and pulled'
for rank in 0 1 2; do
    good pull -e $rank data
    cmp data out || wrong "what was pushed to all and pulled from engine $rank"
done
printf some >some
good push -e 1 some some
good objects
says '^some  *on 1$' out
gives some pull some
refused 1 "no object 'some'" pull -e 2 some
good push -e 0,2 some file
gives some pull -e 1 some
good pull -e 2 some
cmp file out || wrong 'an object on two engines'
printf less >some
good push some some
gives less pull -e 0 some

good push --scatter dealt data
: >back
for rank in 0 1 2; do
    good pull -e $rank dealt
    [ $(($(wc -c <out) / 1024)) = 341 ] || wrong "a third of 1 MiB is $(wc -c <out) bytes"
    cat out >>back
done
cmp data back || wrong 'what was scattered'
good pull --gather -o back dealt
cmp data back || wrong 'what was scattered and gathered'

good pull --type double -o data.npy data
same 'bytes of .npy' 1048704 "$(wc -c <data.npy | tr -d ' ')"
tail -c 1048576 data.npy | cmp - data || wrong 'the data of .npy'
[ -z "$python" ] || python3 - <<'END' || wrong 'the header of .npy'
import ast, struct
text = open("data.npy", "rb").read(128)
assert text[:8] == b"\x93NUMPY\1\0" and struct.unpack("<H", text[8:10]) == (118,)
assert ast.literal_eval(text[10:].decode()) == {"descr": "<f8", "fortran_order": False, "shape": (131072,)}
END
head -c 1024 data >odd
good push -e 1 odd odd
good pull --type int16 -o data.png odd
same 'the beginning of .png' '89 50 4e 47 0d 0a 1a 0a' "$(od -An -tx1 -N8 data.png | xargs)"
same 'the width of .png, two bytes a number' '00 00 02 00' "$(od -An -tx1 -j16 -N4 data.png | xargs)"
refused 2 'complex: there are double' pull --type complex -o bad.npy data
printf 12345 >odd
good push -e 1 odd odd
for file in bad.npy bad.png; do
    refused 1 '5 bytes are not a whole number of type double' pull --type double -o $file odd
    [ ! -e $file ] || wrong 'a file of what could not be pulled'
done
json pull -o data.png odd
same 'what --json says of a file' '{"ok":true}' "$(cat json)"
refused 2 'pictures are .png only' pull -o data.jpg odd
refused 2 'LOW must be less than HIGH' pull --range 5,1 -o data.png odd
refused 2 'range is for pictures' pull --range 1,5 -o data.npy odd
refused 1 "no object 'od'; did you mean 'odd'?" pull od
good drop odd
if [ -c /dev/full ]; then
    for words in 'pull data' 'engines' 'submit -w echo x' --help; do
        "$nave" -c "$farm" $words >/dev/full 2>err
        same "exit status of nave $words with nowhere to write" 1 $?
        same "what nave $words says then" 'nave: cannot write to standard output' "$(cat err)"
    done
fi
good push array data.npy
good pull array
cmp data out || wrong 'the data of .npy that was pushed'
head -c 1000 data.npy >cut.npy
refused 1 'cut.npy' push array cut.npy
good pull array
cmp data out || wrong 'an array after another that could not be pushed'
good drop data dealt array
good push -e 1 part data
good drop part # on the others it never was
refused 1 "no object 'part'" drop part
good objects
same 'objects that are left' 'some on 0,1,2' "$(xargs <out)"

# --- who may only look

job=$readonly
printf 'int x;\n' >x.c
for words in 'submit echo x' 'submit -w echo x' 'push data data' 'cancel 1' 'forget 1' 'set x 1' 'command x' \
    'drop some' 'cc x.c' pause resume stop; do
    refused 1 "is not for a readonly connection" $words
done
good status
says '^state *running' out
gives hello result $first
gives less pull some
good wait $first
json status
same 'the role of who looks' readonly "$(value json role)"
job=$farm
good status

# --- kernels from outside

kernel() # FILE EXPRESSION
{
    cat >"$1" <<END
#include <nave_kernel.h>
static int square(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    double x = *(const double *)in;
    (void)in_size, (void)out_size;
    if (x < 0)
        return nave_fail(task, "%g is below zero", x);
    *(double *)out = $2;
    return 0;
}
NAVE_PLUGIN(NAVE_KERNEL_OF(square, "double x -> double y"))
END
}

kernel square.c 'x * x'
good cc square.c
good kernels
says '^square  *3 engines  double x -> double y$' out
gives 9 submit -w square 3
gives "$(printf '9\n9\n9')" submit -w --each square 3
seq 1 1000 >numbers
awk '{ print $1 * $1 }' numbers >squares
good submit -w --each-line square @numbers
cmp out squares || wrong 'squares of 1 to 1000'
printf '1\n2\n-3\n4\n5\n6\n7\n8\n' >mixed
ask submit -w --each-line square @mixed
same 'results around a failed one' '1 4 16 25 36 49 64' "$(xargs <out)"
json calls
good forget "$(value json call)"
refused 1 "'three' is not a number" submit square three
refused 1 '2 words' submit square 1 2
printf '1\r\n2\r\n3\n\n\n' >lines
gives "$(printf '1\n4\n9')" submit -w --each-line square lines
printf '1\n\n3\n' >lines
refused 1 'nave submit: line 2: it is empty' submit --each-line square lines
refused 1 '0 words, 1 is needed: x' submit square
gives 9 submit -w square 0.3e1
good calls # what has been printed is forgotten
grep -q '^ *[0-9]*  square ' out && { wrong 'calls whose results were printed:'; cat out; }
printf abc >three
refused 1 "'square' takes 8 bytes, not 3" submit square @three
{ seq 2; yes 1 | head -n 257 | xargs; } >long
refused 1 'line 3: 257 words, 256 at most' submit --each-line square @long
printf '1\n2\nthree\n' >long
refused 1 "line 3: .*'three' is not a number" submit --each-line square @long
refused 1 'missing: No such file' submit --each-line square missing
call square -3
failed=$call
refused 1 '1 of 1 tasks' wait $call
refused 1 '.3 is below zero' result $call
refused 1 '.3 is below zero' result $call.0
refused 1 '.3 is below zero' wait $call.0
refused 1 'no such task' wait $call.1
good tasks --failed
says "^ *$call\\.0  square  *failed .*: -3 is below zero " out
same 'failed tasks' 1 "$(wc -l <out | tr -d ' ')"
good explain $call.0
says '.3 is below zero' out
ask --json submit -w square -3
same 'exit status of a task that fails, with --json' 1 $status
is_json out
says '^{"ok":false,"error":"NAVE_ETASK","code":-2,"message":".*-3 is below zero.*"}$' out
printf 'submit' >lines

json engines
ran=$(grep -o '"done": *[0-9]*' json | awk -F: '{ n += $2 } END { print n }')
json status
same 'tasks that engines have run' "$(($(value json succeeded) + $(value json failed)))" "$ran"

kernel square.c 'x * x * 2'
good cc square.c
gives 18 submit -w square 3
gives "$(printf '18\n18\n18')" submit -w --each square 3
kernel square.c 'x * nonsense'
ask cc square.c
same 'exit status of nave cc of what does not compile' 1 $status
says '^square.c:8:[0-9]*: error: .*nonsense' err
says '^nave cc: square.c: ' err
gives 18 submit -w square 3
printf 'static int x;\n' >none.c
kernel wrong.c x
sed -i.old 's/double x ->/dubble x ->/' wrong.c
refused 1 "signature of kernel 'square': .*dubble" cc wrong.c
ask cc none.c
same 'exit status of nave cc of what is no plug-in' 1 $status
[ -s err ] || wrong 'nave cc says nothing of what is no plug-in'
refused 1 'missing.c' cc missing.c

cat >deeds.c <<'END'
#include <nave_kernel.h>
#include <stdlib.h>
#include <unistd.h>
static volatile int turns;
static int nap(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in_size, (void)out_size;
    usleep((unsigned)(*(const double *)in * 1e6));
    *(double *)out = *(const double *)in;
    return 0;
}
static int crash(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    abort();
}
static int loop(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    while (turns >= 0)
        turns = 1;
    return 0;
}
static int large(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    return nave_output(task, (size_t)128 << 20) == NULL;
}
static int rude(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    return nave_fail(task, "caf\303\251 \377\033[31m"), 1;
}
NAVE_PLUGIN(NAVE_KERNEL(crash), NAVE_KERNEL(loop), NAVE_KERNEL(large), NAVE_KERNEL(rude),
            NAVE_KERNEL_OF(nap, "double s -> double s"))
END
good cc deeds.c
yes | head -n 9 >nine
refused 1 "$(printf 'caf\303\251 ? \[31m')" submit -w rude
refused 1 'signal 6' submit -g -w crash
refused 1 'longer than 0.5 s' submit -g -t 0.5 -w loop
call --each -p 3 -r 1 -g crash
refused 1 '3 of 3 tasks' wait $call
json tasks $call
same 'attempts of each' '2 2 2' "$(tr , '\n' <json | sed -n 's/.*"attempts":\([0-9]*\).*/\1/p' | xargs)"
same 'engines of each that failed' '0 1 2' "$(tr , '\n' <json | sed -n 's/.*"engine":\([0-9]*\).*/\1/p' | sort | xargs)"
json calls
same 'the priority of each' 3 "$(value json priority)"
gives on submit -w echo on
good engines
same 'engines after a crash' 3 "$(awk 'NR > 1 && $4 == "idle"' out | wc -l | tr -d ' ')"
good tasks --failed
for deed in crash:4 loop:1 rude:1; do
    same "failed tasks of $deed" ${deed#*:} "$(grep -c "  ${deed%:*}  *failed " out)"
done

# --- results that are larger than they were said to be

call --each-line large @nine
refused 1 '[12] of 9 tasks failed: .*no more room' wait $call
good forget $call
call large
good wait $call
good forget $call

# --- paused, cancelled, forgotten

good pause
good status
says '^state *paused' out
call echo held
good explain $call
says "^task $call\\.0 (echo) is waiting: .*paused" out
good tasks --waiting $call
same 'tasks that wait' 1 "$(wc -l <out | tr -d ' ')"
refused 1 'is not complete' wait -t 0.1 $call
refused 1 'is waiting' result -t 0.1 $call
held=$call
refused 1 "call [0-9]* goes on (nave wait" submit -l 0.1 echo late
late=$(sed 's/.*call \([0-9]*\) goes.*/\1/' err)
call echo never
refused 1 'is not complete; cancel it first' forget $call
good cancel $call
number=$call
call -e 1 -p -1 echo low
low=$call
call -e 1 echo middle
middle=$call
call -e 1 -p 1 echo high
good resume
good wait $held $low $middle $call $late
gives held result $held
for order in $low $middle $call; do
    json tasks $order
    echo "$(value json started) $order"
done | sort -g | awk '{ print $2 }' >order
same 'tasks of one engine by priority' "$call $middle $low" "$(xargs <order)"
call=$number
refused 1 'cancelled' wait $call
refused 1 'was cancelled' result $call
good tasks --cancelled
says "^ *$call\\.0  echo  *cancelled" out
good forget $call
refused 1 "no call $call" result $call
refused 1 "call $call" forget $call
refused 1 'no call 999999' cancel 999999
yes 2 | head -n 30 >naps
call --each-line nap @naps
until_there is_in_state $call running || wrong "a nap is $(state_of $call)"
json tasks --running $call
for member in engine host started; do
    says "\"$member\":" json
done
good tasks $call.0
says "^ *$call\.0  nap .* engine [0-2] (.*) for .* s$" out
same 'lines of one task' 1 "$(wc -l <out | tr -d ' ')"
refused 1 'no such task' tasks $call.30
good explain $call
says "^call $call (nap) is open: of 30 tasks [0-9]* wait, [1-9][0-9]* run, .*they wait for an engine" out
ask cancel $call
says "^nave cancel: call $call: [1-3] tasks* runs* on to " err
"$nave" -c "$farm" submit -g -w loop >out 2>err &
client=$!
until_there sh -c "'$nave' -c '$farm' tasks --running | grep -q ' loop '"
kill $client # a Ctrl-C is not heard in the background
settled $client
same 'exit status of a submission that a signal ends' 143 $?
says '^nave submit: call [0-9]* goes on (nave wait [0-9]*, nave cancel [0-9]*)$' err
ask cancel "$(sed 's/.*cancel \([0-9]*\)).*/\1/' err)"
call -g loop
until_there is_in_state $call running || wrong "a task that runs is $(state_of $call)"
good cancel $call
refused 1 'cancelled' wait $call
has_event() # TEXT
{
    good events
    grep -q -e "$1" out
}
for text in 'pause ' 'resume ' "submit *call $call: 1 task of 'loop'" "cancel *call $call" "complete *call $call"; do
    until_there has_event "$text" || { wrong "no event \"$text\":"; cat out; }
done

# --- files that lead nowhere

job=''
mkdir empty
XDG_RUNTIME_DIR="$TMPDIR/empty" ask status
same 'exit status without any job' 1 $status
says "no job to be seen in .*/empty/nave or $TMPDIR/.nave/run: name its connection file" err
refused 1 "no job 'missing.json' to be seen in $folder, $TMPDIR/.nave/run or this folder" -c missing.json status
: >empty.json
refused 1 'empty.json: it is empty' -c empty.json status
head -c 150 "$farm" >part.json
refused 1 'part.json: this is no connection file, or only a part of one' -c part.json status
echo '{"name": "else", "version": [1, 2]}' >else.json
refused 1 'else.json: this is no connection file' -c else.json status
refused 1 'data: ' -c data status
sed 's/\("protocol":[^0-9]*\)1,/\199,/' "$farm" >future.json
refused 1 'future.json: the job speaks protocol 99 ' -c future.json status
true &
dead=$!
settled $dead
sed "s/\\(\"pid\":[^0-9]*\\)[0-9]*/\\1$dead/" "$farm" >stale.json
refused 1 "stale.json: the job 'farm' (process $dead) has ended" -c stale.json status
sed 's/"url":.*/"url": "tcp:\/\/127.0.0.1:1",/' "$farm" >nobody.json
refused 1 'no connection at tcp://127.0.0.1:1 ' -c nobody.json status
sed 's/"location":.*/"location": "a-host-elsewhere",/' nobody.json >elsewhere.json
refused 1 'of a-host-elsewhere only: use --ssh' -c elsewhere.json status

job=$farm
NAVE_CONNECTION=else.json ask status
same 'the option before the environment' 0 $status

# --- another job beside it: its keys, its port, its file

"$nave" start -n 1 --job other >out 2>err </dev/null || wrong "exit status $? of a second nave start: $(cat err)"
same 'what a second nave start prints' "$folder/other.json" "$(cat out)"
job=''
ask status
same 'exit status of nave status with two jobs' 1 $status
grep -q '2 jobs are there (\(farm, other\|other, farm\)): name one' err || { wrong 'the jobs are not named:'; cat err; }
job=other
gives hello submit -w echo hello
refused 1 "no call $failed" result $failed
job=$farm
gives hello result $first

# keys_of FILE: those of this file, in the farm's.
keys_of()
{
    awk -v keys="$1" 'BEGIN { while ((getline line < keys) > 0)
            if (line ~ /"(public|secret)_key"/) key[line ~ /secret/] = line }
        /"public_key"/ { print key[0]; next }
        /"secret_key"/ { print key[1]; next }
        { print }' "$farm"
}

job=''
for keys in "$folder/other.json" "$folder/other.readonly.json"; do
    keys_of "$keys" >wrong.json
    refused 1 'does not accept these keys' -c wrong.json status
done
keys_of "$readonly" >demoted.json
refused 1 'is not for a readonly connection' -c demoted.json submit echo x # whatever the file says of its role
for key in server_key public_key secret_key; do
    sed "s/\(\"$key\":[^\"]*\"\)\(.\)\(.\)/\1\3\2/" "$farm" >wrong.json
    cmp -s wrong.json "$farm" || refused 1 'no connection at' -c wrong.json status
done

refused 1 'farm.json: that farm is running already' start -n 1
cp "$farm" before
NAVE_CONNECTION=$farm "$NAVE_MPIRUN" -np 1 "$NAVE_BUILD/bin/heat" --grid 10 --steps 1 >out 2>err &&
    wrong 'a job opens although its connection file is that of another'
says "farm.json: belongs to the job 'farm' on .* (process $(value "$farm" pid))" err
cmp before "$farm" || wrong 'the connection file of a job that lives is replaced'
cp else.json before
NAVE_CONNECTION=./else.json "$NAVE_MPIRUN" -np 1 "$NAVE_BUILD/bin/heat" --grid 10 --steps 1 >out 2>err &&
    wrong 'a job opens although what would be its connection file is none'
says 'else.json: there is a file that is no connection file; it is not replaced' err
cmp before else.json || wrong 'a file that is no connection file is replaced'
NAVE_CONNECTION=./stale.json "$NAVE_MPIRUN" -np 1 "$NAVE_BUILD/bin/heat" --grid 10 --steps 1 >out 2>err ||
    { wrong 'a job that finds the file of one that has ended:'; cat err; }
leaves stale.json
job=''
cp else.json before
ask start -n 1 -c ./else.json # what is none
same 'exit status of nave start -c else.json' 1 $status
[ ! -s out ] || { wrong 'nave start -c else.json prints:'; cat out; }
says 'else.json: ' err
cmp before else.json || wrong 'nave start has replaced else.json'
sed 's/"pid":.*/"pid": 1,/' nobody.json >recycled.json
for file in elsewhere recycled; do # those of jobs that are gone, which no process number tells
    good start -n 1 -c ./$file.json
    says "$file.json: the job .* is gone; replaced" $file.json.log
    job=./$file.json
    gives hello submit -w echo hello
    good stop
    job=''
    leaves $file.json
done
echo precious >own.readonly.json
ask start -n 1 -c ./own.json
same 'exit status of nave start beside a foreign file' 1 $status
says 'own.readonly.json: there is a file that is no connection file' err
same 'a file that is no connection file' precious "$(cat own.readonly.json)"
ask start -n 1 --job third --listen "127.0.0.1:$port"
same 'exit status of nave start at a port that is taken' 1 $status
says "cannot listen on tcp://127.0.0.1:$port: " err
ask start -n 1 --job third --listen 127.0.0.1:99999
same 'exit status of nave start at a port that cannot be' 1 $status
says 'cannot listen on 127.0.0.1:99999: there is no such port' err
same 'files of a farm that could not start' "$folder/third.json.log" "$(ls "$folder"/third*)"

job=other
kill "$(value "$folder/other.json" pid)" # as a batch system does: it ends in good order
leaves "$folder/other.json"
job=$farm

# --- garbage at the port, while others work

if [ -n "$python" ]; then
    cat >garbage.py <<'END'
import os, socket, struct, sys

greeting = b"\xff\0\0\0\0\0\0\0\1\x7f\3\0" + b"NULL".ljust(20, b"\0") + b"\0" * 32
curve = greeting.replace(b"NULL\0", b"CURVE")
texts = [b"GET / HTTP/1.0\r\n\r\n", b"\0" * 100, os.urandom(5000), greeting, curve,
         curve + b"\4\xc8\5HELLO" + b"\1" * 194, curve + struct.pack(">BQ", 6, 2**62), b""]
for turn in range(80):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
        try:
            s.sendall(texts[turn % len(texts)])
        except OSError:
            pass # the farm has had enough of it
END
    python3 garbage.py "$port" >garbage.out 2>&1 &
    garbage=$!
    good submit -w --each-line echo @numbers
    cmp out numbers || wrong 'results beside garbage at the port'
    settled $garbage || { wrong 'nobody listens:'; cat garbage.out; }
    good submit -w echo 'after garbage'
fi

# --- all clients have gone, more than may be there at once

one_client()
{
    ask status
    grep -q '^state .*, 1 client$' out
}
until_there one_client || wrong "clients that are gone are counted: $(grep '^state' out)"

# --- a farm that is not there in time, one that is not waited for, and one that loses an engine

cat >late <<'END'
#!/bin/sh
echo $$ >late.pid
exec sleep 600
END
chmod +x late
job=''
NAVE_MPIRUN="$TMPDIR/late" refused 1 'was not there after 0.2 s, and is ended; see ' start -n 1 --job late --wait 0.2
gone "$(cat late.pid)" || { wrong 'who was to start a farm goes on'; kill "$(cat late.pid)"; }
gives "$folder/lossy.json" start -n 3 --job lossy --wait 0
until_there test -s "$folder/lossy.json" || wrong 'no connection file of a farm that was not waited for'
job=lossy
json engines
kill -9 "$(tr '{' '\n' <json | grep '"rank":2,' | sed 's/.*"pid":\([0-9]*\).*/\1/')"
lost() # the engine of rank 2
{
    ask engines
    grep -q '^ *2 .* lost ' out
}
until_there lost || { wrong 'engine 2 is not lost:'; cat out err; }
gives "$(printf 'all\nall')" submit -w --each echo all
good stop
leaves "$folder/lossy.json"
job=$farm

# --- a client that is killed while it fetches

dd if=/dev/zero of=large bs=1000000 count=200 2>/dev/null
good push -e 1 large large
"$nave" -c "$farm" pull -e 1 -o fetched large >out 2>err &
client=$!
begun() # there is a part of the file
{
    [ -n "$(find . -name '.nave-*' -size +8000)" ]
}
until_there begun
kill -9 $client
settled $client
same 'exit status of a client that was killed' 137 $?
[ ! -e fetched ] || wrong 'a part of an object has the name of the whole'
rm -f .nave-*
for signal in 15 1; do # these are heard
    "$nave" -c "$farm" pull -e 1 -o fetched large >out 2>err &
    client=$!
    until_there begun
    kill -$signal $client
    settled $client
    same "exit status of a client after signal $signal" $((128 + signal)) $?
    same "what it leaves after signal $signal" '' "$(find . -name '.nave-*' -o -name fetched)"
    says 'interrupted' err
done
gives on submit -w echo on
good pull -e 1 -o fetched large
cmp large fetched || wrong '200 MB'
rm -f large fetched

# --- stop: what has begun is finished, and whoever waits for it gets it; what has not begun is not

before=$(value "$farm" pid)
yes 0.05 | head -n 300 >naps
"$nave" -c "$farm" submit -w nap 1.5 >napped 2>err &
one=$!
napping() { good tasks --running && grep -q nap out; }
until_there napping || { wrong 'no nap runs:'; cat out; }
"$nave" -c "$farm" submit -w --each-line nap @naps >some 2>err.some &
many=$!
many_there() { good calls && grep -q '  nap .*  300 ' out; }
until_there many_there || { wrong 'a call of 300 is not there:'; cat out; }
ask stop
same 'exit status of nave stop' 0 $status
says '^nave stop: [1-9][0-9]* tasks run, and will be finished; [1-9][0-9]* that waits* [ai][rs]e* cancelled$' err
refused 1 'no more tasks are begun' submit echo late
settled $one
same 'exit status of a client that waits for what has begun' 0 $?
same 'what it gets' 1.5 "$(cat napped)"
settled $many
same 'exit status of a client whose tasks have not all begun' 1 $?
says 'cancelled' err.some
[ -s some ] || wrong 'of what has begun nothing is fetched'
leaves "$farm"
until_there gone "$before" || wrong "process $before is there although the farm was stopped"
refused 1 'farm.json: No such file' status
job=''
refused 1 "no job 'farm' to be seen in $folder, $TMPDIR/.nave/run or this folder" -c farm status
[ $failures = 0 ]
