#!/bin/sh
# A job for Grid Engine, written by nave batch; submit it by: qsub FILE
#
# Lines that begin with #$ are for Grid Engine.
#$ -N parallelpi
#$ -S /bin/sh
# The folder and the environment of whoever submits; errors go where the output goes.
#$ -cwd
#$ -V
#$ -j y
#$ -pe orte 16
#$ -l h_rt=01:00:00
#$ -r y
# SIGUSR2 before it is killed, SIGUSR1 before it is suspended.
#$ -notify

# What is finished is remembered here, and not done again by the next run.
export NAVE_JOURNAL=parallelpi.db

# The job may run for 3600 s. No task begins that would not be finished 60 s before the end.
now=$(date +%s)
end=$((now + 3600))
export NAVE_DEADLINE=$((end - 60))
left=$((NAVE_DEADLINE - now))
[ $left -gt 0 ] || left=1

# Ranks get cores of their own where the job has all cores that it may use; where it shares them
# with other jobs, the system places them better.
[ "$(nproc)" -le $(awk 'NR == 1 { print $2 }' "$PE_HOSTFILE") ] || export NAVE_BIND=none

# If a rank dies, Open MPI lets the others live. Its status is always 0 then, so that of rank 0,
# which is the program's, goes to a file.
export OMPI_MCA_orte_enable_recovery=1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
rank='[ "$OMPI_COMM_WORLD_RANK" = 0 ] || exec "$@"
    trap : USR1 USR2 TERM XCPU
    "$@"; echo $? >"$0"'

# When the time is over, or a signal comes, SIGUSR1 goes to mpirun and from there to the program:
# it finishes the tasks that run, and ends.
run=
warn() { [ -z "$run" ] || kill -USR1 "$run" 2>/dev/null; }
trap warn USR1 USR2 TERM XCPU
timeout -s USR1 $left mpirun -np "$NSLOTS" \
    --bind-to none ${NAVE_BIND:+-x NAVE_BIND} sh -c "$rank" "$work/status" \
    ./parallelpi -k 3 </dev/null &
run=$!
while kill -0 $run 2>/dev/null; do wait $run; done

# 0: done; 99: it has ended in good order with work left; all else is a failure.
status=$(cat "$work/status" 2>/dev/null) || status=1
# SIGUSR1 before the program listens to it is its end; it had not begun then.
[ "$status" -le 128 ] || [ "$(kill -l "$status")" != USR1 ] || status=99
if [ "$status" = 99 ]; then
    # By this status Grid Engine runs the job again.
    exit 99
fi
exit "$status"
