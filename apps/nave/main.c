/* nave - what can be asked and tried of a farm without writing a program: a verb each.
 *
 * Read on in log.c for a verb that stands alone, and in remote.c for those that need a running job; a new verb
 * is a file with its function, and a line in one of the two tables. */
#include "batch.h"
#include "cli.h"
#include "farm.h"
#include "log.h"
#include "remote.h"
#include "verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const verb verbs[] = {
    {"start", start_run, "a farm that waits for work from outside"},
    {"topo", topo_run, "who runs where, with a picture"},
    {"log", log_run, "what is in a journal"},
    {"batch", batch_run, "a job script for a batch system"},
};

enum { VERBS = sizeof verbs / sizeof *verbs };

static void help(void)
{
    puts("usage: nave VERB [OPTION...] [ARGUMENT...]\n"
         "Start a farm, reach a running one, read its journal, or make a job of it.\n");
    for (size_t i = 0; i < VERBS; i++)
        printf("  %-12s  %s\n", verbs[i].name, verbs[i].what);
    puts("\nWith a running job (one that was opened with a connection):\n");
    for (size_t i = 0; i < remote_verb_count; i++)
        printf("  %-12s  %s\n", remote_verbs[i].name, remote_verbs[i].what);
    puts("\n"
         "  -c, --connection FILE  the job's connection file (NAVE_CONNECTION; else the only one "
         "in\n"
         "                         $XDG_RUNTIME_DIR/nave and ~/.nave/run)\n"
         "      --ssh USER@LOGIN   reach it through ssh\n"
         "      --timeout SECONDS  wait so long for an answer (10)\n"
         "      --json             answers as JSON, a line each\n"
         "  -h, --help             this text; nave VERB --help: that of a verb\n"
         "  -V, --version          the version\n"
         "\n"
         "Exit status: 0 done, 1 failed, 2 wrong usage.");
}

static int is_one_of(const char *word, const char *brief, const char *full)
{
    return strcmp(word, brief) == 0 || strcmp(word, full) == 0;
}

/* The command line has no verb that we know. */
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

/* Under mpirun one of all ranks is enough for what is no MPI program. */
static int is_later_rank(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *rank = getenv(names[i]);
        if (rank != NULL && strcmp(rank, "0") != 0)
            return 1;
    }
    return 0;
}

static int run(int argc, char **argv)
{
    int at = remote_verb_at(argc, argv);
    const remote_verb *found = at < argc ? remote_find(argv[at]) : NULL;

    if (is_later_rank() && (argc < 2 || strcmp(argv[1], "topo") != 0))
        return CLI_OK;
    for (size_t i = 0; argc > 1 && i < VERBS; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    if (found != NULL)
        return remote_main(found, argc, argv);
    return answer(argc > 1 ? argv[at < argc ? at : 1] : NULL);
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);

    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_error(PROGRAM, "cannot write to standard output");
        status = status == CLI_OK ? CLI_FAILURE : status;
    }
    return status;
}
