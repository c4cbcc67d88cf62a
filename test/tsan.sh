#!/bin/sh
# The thread of rank 0 under the thread sanitizer: a build of its own, in which the mail between the two threads is
# tested, and then the calls in which rank 0 works most, on two ranks.  timeout: 600
#
# A report counts when a source of ours takes part in it; MPI and its libraries know nothing of the sanitizer, which
# then misses how their threads agree.  tsan.supp keeps most of that out.
set -u
build=$NAVE_BUILD/tsan
tests='hub_works spawn'
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
    $(for test in link $tests; do echo "$build/test/$test"; done) >"$TMPDIR/made" 2>&1 || {
    cat "$TMPDIR/made"
    exit 1
}

# ours FILE: its reports in which one of those who met was in a source of ours: the first line of a stack that is not
# the sanitizer's own.  Who made a thread or a piece of memory does not count.
ours()
{
    awk '/^=+$/ { if (mine) printf "%s", text; text = ""; mine = 0; next }
         { text = text $0 "\n" }
         /^  [A-Z]/ { met = !/created|allocated/; first = 1 }
         /^    #/ && first && !/libtsan/ { first = 0
             if (met && / (lib|test|include)\/[a-z0-9_]+\.[ch]:[0-9]/) mine = 1 }' "$1"
}

# checked LABEL COMMAND...: its tests pass, and no report is ours.
checked()
{
    label=$1
    shift
    TSAN_OPTIONS="suppressions=$NAVE_SRC/test/tsan.supp log_path=$TMPDIR/$label exitcode=0" \
        timeout 200 "$@" >"$TMPDIR/output" 2>&1 || {
        tail -n 40 "$TMPDIR/output"
        echo "$label failed"
        failed=1
    }
    for report in "$TMPDIR/$label".*; do
        [ ! -f "$report" ] || ours "$report"
    done >"$TMPDIR/ours"
    [ -s "$TMPDIR/ours" ] || return
    head -n 100 "$TMPDIR/ours"
    echo "$label: the thread sanitizer speaks of sources of ours"
    failed=1
}

failed=0
checked link "$build/test/link"
for test in $tests; do
    checked "$test" "$NAVE_SRC/test/mpirun" -np 2 "$build/test/$test"
done
exit $failed
