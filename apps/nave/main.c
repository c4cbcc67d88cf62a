/* nave - what can be asked and tried of a farm without writing a program: a verb each.
 *
 * Read on in log.c for a verb that stands alone, and in remote.c for those that need a running job; a new verb
 * is a file with its function, and a line in one of the two tables. */
#include "batch.h"
#include "cli.h"
#include "farm.h"
#include "log.h"
#include "nearest.h"
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
         "  -h, --help             this text; nave help VERB: that of a verb\n"
         "  -V, --version          the version\n"
         "\n"
         "Exit status: 0 done, 1 failed, 2 wrong usage.");
}

static int is_one_of(const char *word, const char *brief, const char *full)
{
    return strcmp(word, brief) == 0 || strcmp(word, full) == 0;
}

static const verb *find(const char *name)
{
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    return NULL;
}

static int unknown(const char *word)
{
    struct nv_nearest near = nv_nearest_to(word);
    nv_nearest_try(&near, "help");
    for (size_t i = 0; i < VERBS; i++)
        nv_nearest_try(&near, verbs[i].name);
    for (size_t i = 0; i < remote_verb_count; i++)
        nv_nearest_try(&near, remote_verbs[i].name);
    if (word[0] == '-')
        cli_error(PROGRAM, "unknown option %s (nave --help lists them)", word);
    else if (near.best != NULL)
        cli_error(PROGRAM, "%s: not known; did you mean %s?", word, near.best);
    else
        cli_error(PROGRAM, "%s: not known (nave --help lists the verbs)", word);
    return CLI_USAGE;
}

/* help VERB is VERB --help. */
static int help_of(const char *word)
{
    char name[64], *argv[] = {name, (char[]){"--help"}, NULL};
    const remote_verb *far = remote_find(word);
    const verb *found = find(word);
    snprintf(name, sizeof name, "%s", word);
    if (found != NULL)
        return found->run(2, argv);
    return far != NULL ? remote_call(&(remote){0}, far, 2, argv) : unknown(word);
}

/* The options are all that there is.  The last may have taken a verb as its argument. */
static int no_verb(int argc, char **argv)
{
    const char *last = argv[argc - 1];
    if (argc > 2 && remote_takes_word(argv[argc - 2]) && remote_find(last) != NULL)
        cli_error(PROGRAM, "a verb is missing: '%s' is taken as the argument of %s", last,
                  argv[argc - 2]);
    else
        cli_error(PROGRAM, "a verb is missing (nave --help lists them)");
    return CLI_USAGE;
}

/* The command line has no verb that we know. */
static int answer(const char *word)
{
    if (is_one_of(word, "-h", "--help"))
        return help(), CLI_OK;
    if (is_one_of(word, "-V", "--version"))
        return puts(PROGRAM " (Nave) " NAVE_VERSION), CLI_OK;
    if (!remote_takes_word(word))
        return unknown(word);
    cli_error(PROGRAM, "%s needs an argument", word);
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
    const verb *alone = argc > 1 ? find(argv[1]) : NULL;
    const remote_verb *found = at < argc ? remote_find(argv[at]) : NULL;

    if (is_later_rank() && (argc < 2 || strcmp(argv[1], "topo") != 0))
        return CLI_OK;
    if (alone != NULL)
        return alone->run(argc - 1, argv + 1);
    if (found != NULL)
        return remote_main(found, argc, argv);
    if (at == argc)
        return no_verb(argc, argv);
    if (strcmp(argv[at], "help") != 0)
        return answer(argv[at]);
    return at + 1 < argc ? help_of(argv[at + 1]) : (help(), CLI_OK);
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
