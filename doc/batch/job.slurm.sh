#!/bin/sh
# A job for Slurm, written by nave batch; submit it by: sbatch FILE
#
# Lines that begin with #SBATCH are for Slurm.
#SBATCH --job-name=parallelpi
#SBATCH --ntasks=16
#SBATCH --time=01:00:00
#SBATCH --requeue
# Another run writes behind the first one's output.
#SBATCH --open-mode=append
# A warning to this shell, so many seconds before the end.
#SBATCH --signal=B:USR1@60

# What is finished is remembered here, and not done again by the next run.
export NAVE_JOURNAL=parallelpi.db

# The job may run for 3600 s. No task begins that would not be finished 60 s before the end.
now=$(date +%s)
end=$((now + 3600))
# SLURM_JOB_END_TIME knows better if it ends earlier; after a requeue it may be that of the run before.
[ "${SLURM_JOB_END_TIME:-0}" -le $((now + 60)) ] || [ "$SLURM_JOB_END_TIME" -gt $end ] || end=$SLURM_JOB_END_TIME
export NAVE_DEADLINE=$((end - 60))
left=$((NAVE_DEADLINE - now))
[ $left -gt 0 ] || left=1

# Ranks get cores of their own where the job has all cores that it may use; where it shares them
# with other jobs, the system places them better.
[ "$(nproc)" -le "${SLURM_CPUS_ON_NODE:-1}" ] || export NAVE_BIND=none

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
timeout -s USR1 $left mpirun -np "$SLURM_NTASKS" \
    --bind-to none ${NAVE_BIND:+-x NAVE_BIND} sh -c "$rank" "$work/status" \
    ./parallelpi -k 3 </dev/null &
run=$!
while kill -0 $run 2>/dev/null; do wait $run; done

# 0: done; 99: it has ended in good order with work left; all else is a failure.
status=$(cat "$work/status" 2>/dev/null) || status=1
# SIGUSR1 before the program listens to it is its end; it had not begun then.
[ "$status" -le 128 ] || [ "$(kill -l "$status")" != USR1 ] || status=99
if [ "$status" = 99 ]; then
    # Slurm ends this run and puts the job back into the queue.
    scontrol requeue "$SLURM_JOB_ID" || exit 1
    exit 0
fi
exit "$status"
