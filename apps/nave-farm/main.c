/* nave-farm - the parts of `nave` that are MPI programs: `nave topo`, and the farm that `nave start` starts.
 * `nave` itself needs no MPI, so that it runs where only a running job is to be reached. */
#include "cli.h"
#include "launch.h"
#include "part.h"

#include "nave.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    part_fn *run;
} parts[] = {{"topo", topo_run}, {"hub", hub_run}};

/* The command line names no part; on rank 0 only. */
static int answer(const char *word)
{
    if (word != NULL && (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0))
        return puts(PROGRAM "-farm (Nave) " NAVE_VERSION), CLI_OK;
    if (word != NULL && (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0))
        return puts("usage: [mpirun -np RANKS] nave-farm topo|hub [OPTION...]\n"
                    "The parts of nave that are MPI programs: see `nave topo --help` and\n"
                    "`nave start --help`."),
               CLI_OK;
    cli_error(PROGRAM "-farm", "topo or hub is missing (nave --help)");
    return CLI_USAGE;
}

static int run(int argc, char **argv, int rank)
{
    int status = CLI_USAGE;
    for (size_t i = 0; argc > 1 && i < sizeof parts / sizeof *parts; i++)
        if (strcmp(argv[1], parts[i].name) == 0)
            return parts[i].run(argc - 1, argv + 1);
    if (rank == 0)
        status = answer(argc > 1 ? argv[1] : NULL);
    MPI_Bcast(&status, 1, MPI_INT, 0, MPI_COMM_WORLD);
    return status;
}

int main(int argc, char **argv)
{
    int rank, status;

    /* Without mpirun, Open MPI would start a daemon first, and want ssh or rsh for that, only to
     * be ready for MPI_Comm_spawn(). */
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    rank = launch_init(&argc, &argv);
    status = run(argc, argv, rank);
    if (rank == 0)
        status = launch_flush(PROGRAM, status);
    nave_finalize();
    return status;
}
