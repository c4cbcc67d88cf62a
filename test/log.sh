#!/bin/sh
# nave log: jobs, tasks, filters, JSON, and files that are no journals.
# timeout: 120
set -u
nave=$NAVE_BUILD/bin/nave
cd "$TMPDIR" || exit 1

die()
{
    echo "$*"
    exit 1
}

for np in 2 1; do
    NAVE_JOURNAL=farm.db "$NAVE_SRC/test/mpirun" -np $np "$NAVE_BUILD/bin/mcpricer" --strikes 2 --sigmas $((4 - np)) \
        --paths 4000 --no-plot -q 2>errors || die "mcpricer: $(cat errors)"
done
"$nave" log farm.db >jobs || die 'jobs cannot be listed'
[ "$(wc -l <jobs)" -eq 3 ] || die "jobs: $(cat jobs)"
[ "$(grep -c 'mcpricer.*done after' jobs)" -eq 2 ] || die "jobs: $(cat jobs)"
"$nave" log --tasks farm.db >tasks || die 'tasks cannot be listed'
all=$("$nave" log --count farm.db)
[ "$all" -gt 3 ] && [ "$(wc -l <tasks)" -eq $((all + 1)) ] || die "tasks: $all, $(head tasks)"
[ "$("$nave" log --kernel price_part --state succeeded --count farm.db)" = "$all" ] || die 'by kernel and state'
[ "$("$nave" log --failed --count farm.db)" = 0 ] || die 'nothing has failed'
[ "$("$nave" log --kernel other --count farm.db)" = 0 ] || die 'there is no other kernel'
one=$("$nave" log --job 1 --count farm.db) two=$("$nave" log --job 2 --count farm.db)
[ "$one" -gt 0 ] && [ $((one + two)) -eq "$all" ] || die "by job: $one, $two of $all"
"$nave" log --json farm.db >jobs.json && "$nave" log --tasks --json farm.db >tasks.json || die 'JSON'
if command -v python3 >/dev/null; then
    python3 - "$all" <<'PY' || die 'the JSON is wrong'
import json, sys
jobs = [json.loads(line) for line in open('jobs.json')]
tasks = [json.loads(line) for line in open('tasks.json')]
assert [job['ranks'] for job in jobs] == [2, 1] and all(job['status'] == 0 for job in jobs)
assert len(tasks) == int(sys.argv[1])
assert all(task['state'] == 'succeeded' and task['kernel'] == 'price_part' for task in tasks)
assert all(jobs[0]['began'] - 1 <= task['started'] <= task['ended'] for task in tasks)
assert sum(task['count'] for task in tasks if task['job'] == 1) == jobs[0]['succeeded']
PY
fi

# refuses STATUS TEXT ARGUMENT...: one line that holds the text, nothing on standard output.
refuses()
{
    expected=$1 text=$2
    shift 2
    "$nave" log "$@" >out 2>err
    status=$?
    [ $status -eq "$expected" ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] && grep -q "$text" err ||
        die "nave log $*: status $status, $(cat out err)"
}
: >empty
echo 'some text' >text
head -c 5000 farm.db >torn
refuses 1 'empty: it is empty' empty
refuses 1 'text: it is not a journal' text
refuses 1 'torn: ' torn
refuses 1 'Is a directory' .
refuses 1 'No such file' nothing
refuses 2 'FILE is missing'
refuses 2 'one FILE' farm.db farm.db
refuses 2 'must be succeeded or failed' --state lost farm.db
refuses 2 'unknown option' --loud farm.db
"$nave" log --help | grep -q 'usage: nave log' || die 'no help'
exit 0
