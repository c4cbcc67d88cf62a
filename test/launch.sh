#!/bin/sh
# A job that was started by the launcher of another MPI is N jobs of one rank: nave_open() says so.
set -eu
export PKG_CONFIG_PATH="$NAVE_BUILD/lib"
program=$TMPDIR/launch

command -v pkg-config >/dev/null || { echo 'pkg-config is not here'; exit 77; }

cat >"$program.c" <<'END'
#include <nave.h>
#include <stdio.h>

static int nothing(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    return 0;
}

int main(int argc, char **argv)
{
    static const nave_kernel kernels[] = {NAVE_KERNEL(nothing)};
    nave_options options = {.kernels = kernels, .kernel_count = 1};
    nave *ctx;
    int rc;
    MPI_Init(&argc, &argv);
    rc = nave_open(MPI_COMM_WORLD, &options, &ctx);
    printf("%s: %s\n", nave_error_name(rc), nave_error(ctx));
    nave_close(&ctx);
    MPI_Finalize();
    return 0;
}
END
# nave.pc names the folders of an installation that is not there yet: header and library come from here.
${CC:-cc} -std=c11 -Wall -Wextra -pedantic -Werror -I"$NAVE_SRC/include" -o "$program" "$program.c" \
    -L"$NAVE_BUILD/lib" -Wl,-rpath,"$NAVE_BUILD/lib" $(pkg-config --cflags --libs nave)

# expect WORDS COMMAND...
expect()
{
    words=$1
    shift
    said=$("$@" 2>&1) || { echo "exit status $? of $*: $said"; exit 1; }
    case $said in
    *"$words"*) ;;
    *) echo "$*: \"$said\", not \"$words\""; exit 1 ;;
    esac
}

# None of this program's own launcher, whoever runs this test.
for name in $(env | sed -n 's/^\(\(OMPI\|PMIX\|PMI\|SLURM\|PALS\|MPI\)_[A-Z0-9_]*\)=.*/\1/p'); do
    unset "$name"
done

expect 'NAVE_OK:' "$program"
expect 'NAVE_OK:' env PMI_SIZE=1 "$program"
expect 'NAVE_OK:' "$NAVE_SRC/test/mpirun" -np 1 "$program"
expect 'NAVE_OK:' "$NAVE_SRC/test/mpirun" -np 2 "$program"
expect 'NAVE_ELAUNCH: the launcher started 4 processes (PMI_SIZE)' env PMI_SIZE=4 "$program"
expect 'its MPI_COMM_WORLD: start the program with the mpirun of the MPI' env PMI_SIZE=4 "$program"
expect 'NAVE_ELAUNCH' env MPI_LOCALNRANKS=2 "$program"

# One rank that was meant, within a larger job.
expect 'NAVE_OK:' env PMI_SIZE=4 "$NAVE_SRC/test/mpirun" -np 1 "$program"

case $(mpirun --version 2>/dev/null) in
*'Open MPI'* | *OpenRTE*) ;;
*) exit 0 ;;
esac
for launcher in mpirun.mpich mpiexec.hydra; do
    $launcher -n 1 true >/dev/null 2>&1 || continue # not here, or broken
    expect 'NAVE_ELAUNCH: the launcher started 3 processes' $launcher -n 3 "$program"
done
