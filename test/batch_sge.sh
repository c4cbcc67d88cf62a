#!/bin/sh
# A job on a real Grid Engine, set up from nothing: its limit strikes, it is run again, and the counts are right.
# timeout: 330
set -u
. "$NAVE_SRC/test/batch/world.sh"
world sge sge_qmaster sge_execd qsub qconf
