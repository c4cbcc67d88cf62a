#!/bin/sh
# `nave log` from outside: a journal of a small farm, one that was cut off, failed tasks that were run again, JSON with
# odd texts, wrong usage, and files that are no journals.
set -u
. "$NAVE_SRC/test/shell/verdict.sh"
nave=$NAVE_BUILD/bin/nave
cd "$TMPDIR" || exit 1

says() # TEXT
{
    grep -q -e "$1" out || { wrong "no \"$1\" in:"; cat out; }
}

log() # ARGUMENT...
{
    "$nave" log "$@" >out 2>err || wrong "exit status of nave log $*: $(cat err)"
    same "errors of nave log $*" '' "$(cat err)"
}

# fails STATUS TEXT ARGUMENT...: prints nothing, and says just one line, which holds the text.
fails()
{
    expected=$1 text=$2
    shift 2
    "$nave" log "$@" >out 2>err
    same "exit status of nave log $*" "$expected" $?
    same "output of nave log $*" '' "$(cat out)"
    same "error lines of nave log $*" 1 "$(wc -l <err | tr -d ' ')"
    grep -q -e "$text" err || wrong "no \"$text\" in: $(cat err)"
}

# --- words

fails 2 'nave log: a file is missing'
fails 2 'x: nothing is expected here' f.db x
fails 2 'unknown option' --what f.db
fails 2 '--state x: must be' --state x f.db
fails 2 '--call x: not a whole number' --call x f.db
fails 2 '--engine' f.db --engine
fails 2 '--count: not with' --count --json f.db
log --help
says '^usage: nave log'

# --- a journal

NAVE_JOURNAL=f.db "$NAVE_SRC/test/mpirun" -np 2 "$NAVE_BUILD/bin/mcpricer" --strikes 2 --sigmas 2 --paths 2000 \
    --no-plot -q >run 2>&1 || wrong "mcpricer: $(cat run)"
log f.db
says '^ *1  20[-0-9]* [0-9:]*  .*  2  mcpricer *  done$'
says '^reduce  *1  *4  *0  *4  *[0-9.]*  *0  price_part$'
log --tasks f.db
same lines 5 "$(wc -l <out | tr -d ' ')"
same 'columns begin alike' 1 "$(sed 's/succeeded.*//; s/state.*//' out | awk '{ print length }' | sort -u | wc -l | tr -d ' ')"
for words in '4 --count' '4 --count --kernel price_part' '4 --count --call 1' '4 --count --state succeeded' \
    '0 --count --failed' '0 --count --kernel price' '0 --count --call 2' '0 --count --engine 7' '0 --count --job 2'; do
    log ${words#* } f.db
    same "nave log $words" "${words%% *}" "$(cat out)"
done
log --count --engine 0 f.db
on_hub=$(cat out)
log --count --engine 1 f.db
same 'tasks of both engines' 4 $((on_hub + $(cat out)))
"$NAVE_SRC/test/mpirun" -np 2 "$nave" log --count f.db >out 2>err
same 'on two ranks' 4 "$(cat out)"

# --- no journals

: >empty
echo 'This is a text, long enough to be more than the head of a file.' >text
head -c 6000 f.db >short
head -c 50 f.db >shorter
mkdir directory
fails 1 'missing: No such file' missing
fails 1 'empty: it is empty' empty
fails 1 'text: ' text
fails 1 'short: ' short
fails 1 'shorter: ' shorter
fails 1 'directory: Is a directory' directory

# --- written by hand: another program's, a job that was cut off, tasks that were run again, odd texts

command -v python3 >/dev/null && python3 -c 'import sqlite3' 2>/dev/null || { [ $failures = 0 ]; exit; }
cat >make.py <<'END_OF_PYTHON'
import sqlite3

sqlite3.connect("other.db").execute("CREATE TABLE job (id)").connection.commit()
old = sqlite3.connect("f.db")
new = sqlite3.connect("g.db")
new.executescript("\n".join(old.iterdump()))
new.executescript("DELETE FROM task; DELETE FROM call; DELETE FROM job;"
                  "PRAGMA application_id = 0x4e617665; PRAGMA user_version = 1")
for job, ended, status in (1, None, None), (2, 1700000200.5, 0), (3, 1700000400, -2):
    new.execute("INSERT INTO job VALUES (?, 'tool', '0', 4, '', 1700000000, ?, ?)", (job, ended, status))
    new.execute("INSERT INTO call VALUES (?, 1, 'map', 'work', 4, 8, 8)", (job,))
add = ("INSERT INTO task (job, call, task, count, low, high, state, attempts, engine, host, submitted, started, ended, "
       "code, message, output, again, result) VALUES (?, 1, ?, 1, ?, 7, ?, 1, 3, 'h', 1, 10.1, 12.6, ?, ?, ?, ?, x'00')")
new.executemany(add, [
    (1, 0, 100, 2, 0, "", b"", 0),
    (1, 1, 101, 3, 5, "first", b"", 1),
    (1, 2, 102, 3, 5, "never again", b"", 1),
    (2, 1, 101, 3, 6, "second\n\"\\\t", b"a\0\xff\xc3\xa9", 1),
    (3, 1, 101, 2, 0, "", b"done", 0),
    (3, 2**62 + 1, 103, 3, -22, "", b"", 0)])
new.commit()
END_OF_PYTHON
python3 make.py || exit 1
fails 1 'other.db: it is no journal of Nave' other.db
log g.db
says '^ *1 .*  cut off$'
says '^ *2 .*  200.500 .*  done$'
says '^ *3 .*  tasks failed$'
says '^map  *3  *2  *2  *4  *10.000  *2  work$'
log --failed g.db
same 'failed records' 5 "$(wc -l <out | tr -d ' ')"
same 'older records' 2 "$(grep -c '  failed (older)  ' out)"
says '  second "\\ $'
says '  the process that ran the task ended$'
log --failed --count g.db
same 'failed tasks' 2 "$(cat out)"
log --output g.db
says '^==> job 3, call 1, task 1 of work, succeeded <==$'
says '^done$'
log --json g.db
cp out jobs
log --json --output g.db
cat >read.py <<'END_OF_PYTHON'
import json

jobs = [json.loads(line) for line in open("jobs", encoding="utf-8")]
assert [j["status"] for j in jobs[:3]] == [None, 0, -2] and jobs[0]["ended"] is None, "jobs"
assert jobs[1]["ended"] == 1700000200.5 and jobs[3]["failed"] == 2, "sums"
tasks = [json.loads(line) for line in open("out", encoding="utf-8")]
assert len(tasks) == 6 and [t["older"] for t in tasks] == [False, True, False, True, False, False], "older"
assert tasks[3]["message"] == 'second\n"\\\t' and tasks[3]["output"] == "a\0\ufffd\xe9", "texts"
assert tasks[0]["started"] == 10.1 and tasks[5]["task"] == 2**62 + 1, "numbers"
END_OF_PYTHON
python3 read.py || wrong "JSON: $(cat out)"
[ $failures = 0 ]
