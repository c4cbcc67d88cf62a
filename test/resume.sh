#!/bin/sh
# The programs with a journal: killed at random moments, stopped by the limit of the job, on a full disk; they go on
# where they were, on other numbers of ranks, with the same results.
# timeout: 400
set -u
mpirun=$NAVE_SRC/test/mpirun mcpricer=$NAVE_BUILD/bin/mcpricer parallelpi=$NAVE_BUILD/bin/parallelpi
cd "$TMPDIR" || exit 1
trap 'umount small 2>/dev/null' EXIT

die()
{
    echo "$*"
    exit 1
}

# results FILE: what must be the same, of a JSON that mcpricer wrote.
results()
{
    sed 's/.*"prices":/"prices":/; s/"paths":.*//' "$1"
}

# price NP JSON [OPTION...]: its status.
price()
{
    np=$1 json=$2
    shift 2
    "$mpirun" -np "$np" "$mcpricer" --no-plot -q --json "$json" "$@" 2>errors
}

# victims: the processes of the job that was started last.
victims()
{
    for pid in $(pgrep -f "$mcpricer.*$1"); do
        kill -9 "$pid" 2>/dev/null
    done
}

# ---- kill -9 of everything, again and again

price 2 calm.json --paths 40000 || die "an undisturbed run gave $?: $(cat errors)"
tries=0
for np in 2 3 1 4 2 3; do
    price "$np" killed.json --paths 40000 --journal killed.db &
    job=$!
    sleep "0.$((7 + tries % 3))"
    victims killed.db
    wait $job && break
    tries=$((tries + 1))
done
[ $tries -gt 0 ] || die 'the job was never killed'
price 3 killed.json --paths 40000 --journal killed.db || die "the last run gave $?: $(cat errors)"
[ "$(results calm.json)" = "$(results killed.json)" ] || die 'killed and resumed, the prices are others'
price 2 again.json --paths 40000 --journal killed.db --retry-failed || die "of nothing that had failed: $(cat errors)"
[ "$(results calm.json)" = "$(results again.json)" ] || die 'with --retry-failed the prices are others'

# ---- the limit of the job, and other options with the same journal

tries=0 status=99
while [ $status = 99 ] && [ $tries -lt 20 ]; do
    NAVE_WALLTIME=3.5 price 2 limit.json --paths 40000 --target-error 0.02 --control geometric --journal limit.db
    status=$? tries=$((tries + 1))
done
[ $status = 0 ] || die "with a limit the last of $tries runs gave $status: $(cat errors)"
price 2 free.json --paths 40000 --target-error 0.02 --control geometric || die "without a limit: $?"
[ "$(results free.json)" = "$(results limit.json)" ] || die 'stopped and resumed, the prices are others'
price 2 other.json --paths 40000 --rate 0.1 --journal killed.db || die "other options: $(cat errors)"
price 2 plain.json --paths 40000 --rate 0.1 || die "other options without a journal: $(cat errors)"
[ "$(results other.json)" = "$(results plain.json)" ] || die 'the journal of other options was believed'

# ---- files that change

count()
{
    "$mpirun" -np 2 "$parallelpi" -k 1 -q --no-plot --csv "$1" --journal pi.db digits.txt 2>errors || die "$(cat errors)"
}
yes 31415926535 | head -n 200000 >digits.txt
count first.csv
count again.csv
cmp -s first.csv again.csv || die 'resumed, the counts are others'
yes 27182818284 | head -n 200000 >digits.txt
count changed.csv
grep -q '^8,' changed.csv || die "no counts: $(cat changed.csv)"
cmp -s first.csv changed.csv && die 'the journal of another file was believed'

# ---- a journal that is none, or is taken

echo 'not a journal at all' >text
price 2 x.json --paths 100 --journal text && die 'a text was taken for a journal'
grep -q 'text: it is not a journal' errors || die "$(cat errors)"
[ "$(cat text)" = 'not a journal at all' ] || die 'the text has changed'
price 2 x.json --paths 100 --journal . && die 'a folder was taken for a journal'
price 2 slow.json --paths 100000 --journal taken.db &
job=$!
while [ ! -s taken.db-lock ] && [ ! -e taken.db ] && kill -0 $job 2>/dev/null; do sleep 0.1; done
sleep 0.5
price 1 x.json --paths 100 --journal taken.db && die 'two jobs write one journal'
grep -q 'another job' errors || die "$(cat errors)"
victims taken.db
wait $job

# ---- a full disk

mkdir small
if mount -t tmpfs -o size=200k none small 2>/dev/null; then
    price 2 full.json --paths 40000 --journal small/farm.db
    status=$?
    grep -q 'No space left' errors || why=$(cat errors)
    cp small/farm.db* . 2>/dev/null
    umount small
    [ $status = 1 ] || die "on a full disk: status $status"
    [ -z "${why:-}" ] || die "on a full disk: $why"
    price 2 full.json --paths 40000 --journal farm.db || die "after a full disk: $(cat errors)"
    [ "$(results calm.json)" = "$(results full.json)" ] || die 'after a full disk, the prices are others'
fi
exit 0
