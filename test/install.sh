#!/bin/sh
# `make install` into a prefix of its own, and what a user does with it: a program built with pkg-config's flags
# only, shared and static, run under mpirun; then `make uninstall`, which leaves no file. timeout: 300
set -eu
prefix=$TMPDIR/prefix
program=$TMPDIR/program
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"

command -v pkg-config >/dev/null || { echo 'pkg-config is not here'; exit 77; }

make_nave() { $NAVE_MAKE prefix="$prefix" "$@"; }
must() { "$@" || { echo "failed: $*"; exit 1; }; }

make_nave install
version=$(pkg-config --modversion nave)
must test -f "$prefix/lib/libnave.so.$version"
must test "$(readlink "$prefix/lib/libnave.so")" = "libnave.so.${version%%.*}"

foreign=$(nm -D --defined-only "$prefix/lib/libnave.so" | awk '$3 !~ /^nave_/ && $2 ~ /[TDBRVW]/ { print $3 }')
[ -z "$foreign" ] || { echo "libnave.so exports more than nave_*:" $foreign; exit 1; }

cat >"$program.c" <<'END'
#include <nave.h>
#include <stdio.h>
#include <string.h>

static int square(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    double x;
    (void)task;
    memcpy(&x, in, in_size);
    x *= x;
    memcpy(out, &x, out_size);
    return 0;
}

static int hub(nave *ctx, void *arg)
{
    double x[3] = {1, 2, 3}, y[3];
    nave_view *farm;
    int rc = nave_balanced(ctx, NULL, &farm);
    (void)arg;
    if (rc == NAVE_OK)
        rc = nave_map(farm, "square", x, sizeof *x, y, sizeof *y, 3);
    if (rc == NAVE_OK)
        printf("%s: %g %g %g\n", nave_version(), y[0], y[1], y[2]);
    return rc;
}

int main(int argc, char **argv)
{
    static const nave_kernel kernels[] = {NAVE_KERNEL(square)};
    nave_options options = {0};
    int rc;
    options.kernels = kernels;
    options.kernel_count = 1;
    MPI_Init(&argc, &argv);
    rc = nave_run(MPI_COMM_WORLD, &options, hub, NULL);
    MPI_Finalize();
    return rc != 0;
}
END

try() # FLAGS...: builds the program and runs it on three ranks
{
    must ${CC:-cc} -std=c11 -Wall -Wextra -pedantic -Werror -o "$program" "$program.c" "$@"
    said=$("$NAVE_SRC/test/mpirun" -np 3 "$program") || { echo "exit status of $*: $said"; exit 1; }
    [ "$said" = "$version: 1 4 9" ] || { echo "wrong: $said"; exit 1; }
}
try $(pkg-config --cflags --libs nave)
try $(pkg-config --cflags nave) "$prefix/lib/libnave.a" $(pkg-config --static --libs nave)

# A client of a running job needs no MPI, neither to be built nor to run.
cat >"$TMPDIR/client.c" <<'END'
#include <nave_client.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    nave_client *job;
    int rc = nave_connect("nothing.json", NULL, &job);
    puts(nave_client_error(job));
    nave_disconnect(&job);
    return rc != NAVE_ECONNECT;
}
END
for linked in "$(pkg-config --cflags --libs nave-client)" \
    "$(pkg-config --cflags nave-client) $prefix/lib/libnave-client.a $(pkg-config --static --libs nave-client)"; do
    must ${CC:-cc} -std=c11 -Wall -Wextra -pedantic -Werror -o "$TMPDIR/client" "$TMPDIR/client.c" $linked
    must "$TMPDIR/client" >/dev/null
    ! ldd "$TMPDIR/client" | grep -i mpi || { echo "a client is linked with MPI"; exit 1; }
done
! ldd "$prefix/bin/nave" | grep -i mpi || { echo "nave is linked with MPI"; exit 1; }

for page in "$prefix"/share/man/man*/*; do
    [ ! -f "$page" ] || ! command -v man >/dev/null || must man -l "$page" >/dev/null
done

make_nave uninstall
left=$(find "$prefix" -type f -o -type l)
[ -z "$left" ] || { echo "uninstall left $left"; exit 1; }
