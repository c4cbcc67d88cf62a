#!/bin/sh
# timeout: 300
# An array of 1 GiB is pulled from an engine, through a hub that has no room for it: it goes in
# pieces, and neither the hub nor the client ever holds much of it.
set -u
. "$NAVE_SRC/test/shell/verdict.sh"
nave=$NAVE_BUILD/bin/nave
cd "$TMPDIR" || exit 1
export XDG_RUNTIME_DIR=$TMPDIR NAVE_MPIRUN="$NAVE_SRC/test/mpirun"
unset NAVE_CONNECTION NAVE_LISTEN NAVE_PLUGINS

size=1073741824
most=400000 # KiB that a process may have had at most: the farm's own memory, and pieces of 8 MiB

[ "$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)" -ge 4 ] ||
    { echo "less than 4 GiB of memory are free"; exit 77; }
[ "$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')" -ge 3 ] ||
    { echo "less than 3 GiB of disk are free"; exit 77; }

# The array is made where it is: element i is i.
cat >make.c <<'END'
#include <nave_kernel.h>
#include <stdlib.h>

static int make(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    size_t n = *(const size_t *)in / sizeof(uint64_t);
    uint64_t *data = malloc(n * sizeof *data);
    int rc;
    (void)in_size, (void)out, (void)out_size;
    if (data == NULL)
        return nave_fail(task, "no memory");
    for (size_t i = 0; i < n; i++)
        data[i] = i;
    rc = nave_object_set(task, "huge", data, n * sizeof *data);
    free(data);
    return rc;
}

NAVE_PLUGIN(NAVE_KERNEL_OF(make, "size_t bytes -> "))
END

"$nave" start -n 2 >started || { wrong "nave start"; exit 1; }
pid=$("$nave" status --json | sed 's/.*"pid":\([0-9]*\).*/\1/')
trap '"$nave" stop 2>/dev/null' EXIT

peak() # PID: KiB of memory that the process has had at most
{
    awk '/VmHWM/ { print $2 }' "/proc/$1/status"
}

bounded() # WHO PID
{
    kib=$(peak "$2")
    [ "${kib:-0}" -gt 0 ] && [ "$kib" -le $most ] || wrong "$1 has had $kib KiB of memory, over $most"
}

"$nave" cc make.c || wrong "nave cc"
"$nave" submit -w -e 1 make $size || wrong "nave submit"

"$nave" pull -e 1 -o huge.npy --type int64 huge &
client=$!
had=0
while [ -e "/proc/$client/status" ] && kib=$(peak $client 2>/dev/null) && [ -n "$kib" ]; do
    had=$kib
    sleep 0.05
done
wait $client || wrong "nave pull: exit status $?"
[ "$had" -gt 0 ] && [ "$had" -le $most ] || wrong "the client has had $had KiB of memory, over $most"
bounded "the hub, after the pull," "$pid"

same "size of the file" $((size + 128)) "$(wc -c <huge.npy | tr -d ' ')"
for i in 0 1 65535 8388607 100000000 134217727; do
    same "element $i" $i "$(od -An -t u8 -j $((128 + 8 * i)) -N 8 huge.npy | tr -d ' ')"
done

# Nothing was harmed.
same "a task after it" "still here" "$("$nave" submit -w echo "still here")"
[ $failures = 0 ]
