# job_test SYSTEM TIME MARGIN: parallelpi on 16 slots, as a job of the farmer's: it is stopped by its limit, run again, and
# ends with the right counts. The digits are few, but counted many times over, by the slowest way.
job_test()
{
    yes 31415926535897932384626433832795028841971 | head -c 200000000 >digits
    words="-k 3 -q --no-plot --simd plain"
    chown farmer: digits
    # As often as takes twenty-two seconds, which is more than one run has.
    farmer "$NAVE_SRC/test/mpirun" -np 2 ./parallelpi $words --json probe.json $(yes digits | head -n 10) || die 'the probe failed'
    times=$(sed -n 's/.*"count_seconds": *\([0-9.e+-]*\).*/\1/p' probe.json | awk '{ print int(220 / $1) }')
    files=$(yes digits | head -n "$times")
    farmer "$NAVE_SRC/test/mpirun" -np 2 ./parallelpi -k 3 -q --no-plot --csv calm.csv $files || die 'the undisturbed run failed'
    id=$(farmer ./nave batch --system "$1" -n 16 --time "$2" --margin "$3" --requeue --submit -- \
        ./parallelpi $words --csv farm.csv $files) || die 'the job was not submitted'
    within 200 test -s farm.csv || die "job $id did not end"
    cmp calm.csv farm.csv || die 'the counts are others'
    farmer ./nave log parallelpi.db
    [ "$(farmer ./nave log parallelpi.db | grep -c ' 16  parallelpi ')" -gt 1 ] || die 'the limit never struck'
}

# farm_test SYSTEM: `nave start` there, which has no work but what comes from outside; its job ends by `nave stop`.
farm_test()
{
    cp "$NAVE_BUILD/bin/nave-farm" . || exit 1
    said=$(farmer env XDG_RUNTIME_DIR=/nowhere ./nave start --system "$1" -n 2 --time 5:00 --wait 60 --job outside) ||
        die "nave start --system $1: $said"
    [ "$(echo "$said" | tail -n 1)" = /mnt/farm/.nave/run/outside.json ] || die "another connection file: $said"
    [ "$(farmer ./nave submit -w echo hello)" = hello ] || die 'the farm does not answer'
    [ "$(farmer ./nave --json engines | grep -o '"rank":' | wc -l)" = 2 ] || die 'it has other engines'
    farmer ./nave -c outside stop || die 'it cannot be stopped'
    within 20 test ! -e .nave/run/outside.json || die 'its connection file stays'
}
