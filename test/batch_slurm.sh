#!/bin/sh
# A job on a real Slurm, set up from nothing: its limit strikes, it is run again, and the counts are right.
# timeout: 330
set -u
. "$NAVE_SRC/test/batch/world.sh"
world slurm slurmctld slurmd sbatch scontrol munged
