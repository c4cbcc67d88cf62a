#include "launch.h"
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

static int my_rank(void)
{
    int rank;

    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

int launch_init(int *argc, char ***argv)
{
    int level;

    /* Without mpirun, Open MPI would start a daemon first, and want ssh or rsh for that, only to
     * be ready for MPI_Comm_spawn(). */
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level);
    return my_rank();
}

int launch_options(launch_parse *parse, void *options, int argc, char **argv, int *status)
{
    int rank = my_rank(), go = 0;

    if (rank == 0)
        go = parse(options, argc, argv, status);
    MPI_Bcast(&go, 1, MPI_INT, 0, MPI_COMM_WORLD);
    MPI_Bcast(status, 1, MPI_INT, 0, MPI_COMM_WORLD);
    if (go == 0 && rank > 0)
        go = parse(options, argc, argv, status);
    return go;
}

int launch_status(int code)
{
    return code == NAVE_EDRAINED ? CLI_AGAIN : code == NAVE_ELOST ? CLI_LOST : CLI_FAILURE;
}

/* Any engine that is not lost, beside the hub if there is one. */
static int any_engine(nave *ctx, nave_view **one)
{
    int rc = NAVE_ELOST;

    for (int i = 1; i <= nave_size(ctx) && rc == NAVE_ELOST; i++) {
        int engine = i % nave_size(ctx);
        rc = nave_direct(ctx, &engine, 1, one);
    }
    return rc;
}

int launch_on_one(nave *ctx, int (*measure)(nave_view *one, void *arg), void *arg)
{
    nave_view *one;
    size_t lost;
    int status;

    do {
        status = any_engine(ctx, &one);
        if (status != NAVE_OK)
            return status;
        lost = nave_lost(ctx);
        status = measure(one, arg);
        nave_view_free(one);
    } while (status != 0 && nave_lost(ctx) > lost);
    return status;
}

int launch_flush(const char *program, int status)
{
    if (my_rank() > 0 || (fflush(stdout) == 0 && !ferror(stdout)) || status != CLI_OK)
        return status;
    cli_error(program, "cannot write to standard output");
    return CLI_FAILURE;
}

int launch_farm(const char *program, const nave_options *farm, int (*hub)(nave *ctx, void *arg),
                void *arg)
{
    int status = nave_run(MPI_COMM_WORLD, farm, hub, arg);

    if (status < 0 && my_rank() == 0)
        cli_error(program, "%s", nave_strerror(status));
    return launch_flush(program, status < 0 ? launch_status(status) : status);
}
