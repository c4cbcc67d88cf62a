/* nave - what can be asked and tried of a farm without writing a program: a verb each.
 *
 * Read on in topo.c; a new verb is a file with its function, and a line in the table below. */
#include "batch.h"
#include "cli.h"
#include "log.h"
#include "topo.h"
#include "verb.h"

#include "nave.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const verb verbs[] = {
    {"topo", topo_run, "who runs where, with a picture"},
    {"log", log_run, "what is in a journal"},
    {"batch", batch_run, "a job script for a batch system"},
};

enum { VERBS = sizeof verbs / sizeof *verbs };

static void help(void)
{
    puts("usage: [mpirun -np RANKS] nave VERB [OPTION...]\n"
         "Ask or try something of a farm over all ranks, read its journal, or make a job of it.\n");
    for (size_t i = 0; i < VERBS; i++)
        printf("  %-12s  %s\n", verbs[i].name, verbs[i].what);
    puts("\n"
         "  -h, --help     this text; nave VERB --help: that of a verb\n"
         "  -V, --version  the version\n"
         "\n"
         "Exit status: 0 done, 1 failed, 2 wrong usage.");
}

static int is_one_of(const char *word, const char *brief, const char *full)
{
    return strcmp(word, brief) == 0 || strcmp(word, full) == 0;
}

/* The command line has no verb that we know; on rank 0 only. */
static int answer(const char *word)
{
    if (word == NULL)
        cli_error(PROGRAM, "a verb is missing (nave --help lists them)");
    else if (is_one_of(word, "-h", "--help"))
        return help(), CLI_OK;
    else if (is_one_of(word, "-V", "--version"))
        return puts(PROGRAM " (Nave) " NAVE_VERSION), CLI_OK;
    else
        cli_error(PROGRAM, "%s: not known (nave --help lists the verbs)", word);
    return CLI_USAGE;
}

static int run(int argc, char **argv, int rank)
{
    int status = CLI_USAGE;

    for (size_t i = 0; argc > 1 && i < VERBS; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    if (rank == 0)
        status = answer(argc > 1 ? argv[1] : NULL);
    MPI_Bcast(&status, 1, MPI_INT, 0, MPI_COMM_WORLD);
    return status;
}

int main(int argc, char **argv)
{
    int rank, status, level;

    /* Without mpirun, Open MPI would start a daemon first, and want ssh or rsh for that, only to
     * be ready for MPI_Comm_spawn(). */
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    status = run(argc, argv, rank);
    if (rank == 0 && (fflush(stdout) != 0 || ferror(stdout)) && status == CLI_OK) {
        cli_error(PROGRAM, "cannot write to standard output");
        status = CLI_FAILURE;
    }
    nave_finalize();
    return status;
}
