#!/bin/sh
# The thread of rank 0 under the thread sanitizer: a build of its own, in which the mail between the two threads is
# tested, and then the calls in which rank 0 works most, on one rank and on two.  timeout: 600
#
# A report counts when it names a source of ours; tsan.supp has the libraries that know nothing of the sanitizer.
set -u
build=$NAVE_BUILD/tsan
tests='link hub_works spawn apply'
cc=$(sed 's/ .*//' "$NAVE_BUILD/flags" 2>/dev/null)
cc=${cc:-cc}

mkdir -p "$build"
echo 'int main(void) { return 0; }' | $cc -fsanitize=thread -x c - -o "$build/trial" 2>"$TMPDIR/why" &&
    "$build/trial" 2>"$TMPDIR/why" || {
    cat "$TMPDIR/why"
    echo "$cc has no thread sanitizer that runs here"
    exit 77
}
rm -f "$build/trial"

$NAVE_MAKE CONFIG="$NAVE_BUILD" O="$build" SANITIZE=thread CFLAGS='-O1 -g' \
    $(for test in $tests; do echo "$build/test/$test"; done) >"$TMPDIR/made" 2>&1 || {
    cat "$TMPDIR/made"
    exit 1
}

# checked LABEL COMMAND...: its tests pass, and nothing of ours is in a report.
checked()
{
    label=$1 reports=$TMPDIR/reports.$1
    shift
    TSAN_OPTIONS="suppressions=$NAVE_SRC/test/tsan.supp log_path=$reports exitcode=0 history_size=4" \
        timeout 200 "$@" >"$TMPDIR/output" 2>&1 || {
        tail -n 40 "$TMPDIR/output"
        echo "$label failed"
        failed=1
    }
    cat "$reports".* >"$TMPDIR/all" 2>/dev/null || return
    awk -v RS='==================' '/WARNING: ThreadSanitizer/ && / (lib|test|include)\/[a-z0-9_]+\.[ch]:/' \
        "$TMPDIR/all" >"$TMPDIR/ours"
    [ -s "$TMPDIR/ours" ] || return
    head -n 100 "$TMPDIR/ours"
    echo "$label: reports that name sources of ours"
    failed=1
}

failed=0
for test in $tests; do
    if [ "$test" = link ]; then
        checked link "$build/test/link"
        continue
    fi
    for np in 1 2; do
        checked "$test-$np" "$NAVE_SRC/test/mpirun" -np $np "$build/test/$test"
    done
done
exit $failed
