#!/bin/sh
# `make client` on a machine without MPI, which is made here by headers that do not compile; what it installs reaches
# a real job. timeout: 300
set -u
. "$NAVE_SRC/test/shell/door.sh"
command -v pkg-config >/dev/null || { echo 'pkg-config is not here'; exit 77; }

stub=$TMPDIR/stub prefix=$TMPDIR/prefix
mkdir -p "$stub/gsl" "$stub/flint" "$stub/openssl"
for header in mpi.h hwloc.h xxhash.h gsl/gsl_cdf.h arb.h flint/arb.h openssl/evp.h; do
    echo '#error this is not here' >"$stub/$header"
done

# make_client TARGET...: on its own, below no other make; leaves out, err, and $status.
make_client()
{
    env -u MAKEFLAGS -u MFLAGS make -C "$NAVE_SRC" O="$TMPDIR/build" CONFIG="$TMPDIR/build" CPPFLAGS="-I$stub" CFLAGS=-O0 \
        WERROR=1 prefix="$prefix" "$@" >out 2>err
    status=$?
}

make_client all
same 'exit status of make without MPI' 2 $status
says 'nave: missing: mpi hwloc gsl xxhash crypto flint\. Install with ' err
says 'make client' err
make_client install-client
[ $status = 0 ] || { wrong 'make install-client fails:'; cat err; exit 1; }
[ ! -s err ] || { wrong 'make install-client says:'; cat err; }
make_client all
same 'exit status of make behind it' 2 $status
says 'nave: missing: mpi ' err
same 'what is in the prefix' 'bin/nave include/nave_client.h include/nave_kernel.h' \
    "$(cd "$prefix" && find bin include -type f | sort | xargs)"
if command -v ldd >/dev/null; then
    ldd "$prefix/bin/nave" "$prefix/lib/libnave-client.so" | grep -E 'mpi|hwloc|gsl|flint' && wrong 'it is linked with more'
fi

"$nave" start -n 2 >out 2>err </dev/null || { wrong "exit status $? of nave start:"; cat err; exit 1; }
nave=$prefix/bin/nave
refused 1 'nave-farm is not there: it is built where there is MPI' start -n 2
job=$folder/farm.json
gives hello submit -w echo hello

cat >program.c <<'END_OF_C'
#include <nave_client.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    nave_client *client;
    uint64_t call;
    const void *data;
    size_t size;
    int rc = nave_connect(argc > 1 ? argv[1] : NULL, NULL, &client);
    if (rc == NAVE_OK)
        rc = nave_client_submit(client, "echo", "from C", 6, 6, 1, NULL, &call);
    if (rc == NAVE_OK)
        rc = nave_client_result(client, call, 0, -1, &data, &size);
    if (rc == NAVE_OK)
        printf("%.*s\n", (int)size, (const char *)data);
    else
        fprintf(stderr, "%s\n", nave_client_error(client));
    nave_disconnect(&client);
    return rc != NAVE_OK;
}
END_OF_C
PKG_CONFIG_PATH="$prefix/lib/pkgconfig" pkg-config --cflags --libs nave-client >flags
${CC:-cc} -std=c11 -Wall -Wextra -Werror -o program program.c $(cat flags) || wrong 'a program does not compile'
same 'what a C program gets' 'from C' "$(./program "$job" 2>&1)"

good stop
leaves "$job"
[ $failures = 0 ]
