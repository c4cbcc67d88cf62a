#include "part.h"
#include "cli.h"
#include "hosts.h"
#include "picture.h"
#include "roster.h"

#include "nave.h"

#include <getopt.h>
#include <stdio.h>

#define VERB PROGRAM " topo"

typedef struct options {
    int json, no_picture;
} options;

enum { JSON = 256, NO_PICTURE };

static const struct option known[] = {
    {"json", no_argument, NULL, JSON},
    {"no-picture", no_argument, NULL, NO_PICTURE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static void help(void)
{
    puts(
        "usage: [mpirun -np RANKS] nave topo [OPTION...]\n"
        "Print which ranks of a farm run where: a picture of each host, then a table.  In the\n"
        "picture each pair of brackets is a core with the ranks that are bound to it; the star is\n"
        "the hub's.\n"
        "\n"
        "  --no-picture   the table only\n"
        "  --json         all of it as JSON instead\n"
        "  -h, --help     this text\n"
        "  -V, --version  the version");
}

/* 0: go on; 1: all is said; -1: wrong, an error line is out. */
static int options_read(options *o, int argc, char **argv)
{
    *o = (options){0};
    opterr = 0;
    for (int name = 0; (name = getopt_long(argc, argv, "hV", known, NULL)) != -1;) {
        switch (name) {
        case JSON:
            o->json = 1;
            break;
        case NO_PICTURE:
            o->no_picture = 1;
            break;
        case 'h':
            help();
            return 1;
        case 'V':
            puts(PROGRAM " (Nave) " NAVE_VERSION);
            return 1;
        default:
            return cli_refuse(VERB, name, argv);
        }
    }
    if (optind < argc)
        cli_error(VERB, "%s: nothing is expected here", argv[optind]);
    return optind < argc ? -1 : 0;
}

static int print(const options *o, const nave_place *places, size_t n)
{
    hosts all;
    int done = hosts_read(&all, places, n) == 0;

    if (done && o->json) {
        done = roster_json(stdout, &all) == 0;
    } else if (done) {
        done = o->no_picture || picture_draw(stdout, &all) == 0;
        if (done)
            roster_table(stdout, &all);
    }
    hosts_release(&all);
    if (!done)
        cli_error(VERB, "out of memory");
    return done ? CLI_OK : CLI_FAILURE;
}

static int hub(nave *ctx, void *arg)
{
    const nave_place *places;
    size_t n;

    if (nave_topo(ctx, &places, &n) != NAVE_OK) {
        cli_error(VERB, "%s", nave_error(ctx));
        return CLI_FAILURE;
    }
    return print(arg, places, n);
}

/* A farm without any kernel does not open. */
static int nothing(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    return 0;
}

static int farm(options *o, int rank)
{
    static const nave_kernel kernels[] = {NAVE_KERNEL(nothing)};
    nave_options farm = {.kernels = kernels, .kernel_count = 1, .log = nave_log_stderr};
    int status = nave_run(MPI_COMM_WORLD, &farm, hub, o);

    if (status < 0 && rank == 0)
        cli_error(VERB, "%s", nave_strerror(status));
    return status < 0 ? CLI_FAILURE : status;
}

int topo_run(int argc, char **argv)
{
    options o = {0};
    int rank, said = 0;

    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0)
        said = options_read(&o, argc, argv);
    MPI_Bcast(&said, 1, MPI_INT, 0, MPI_COMM_WORLD);
    if (said != 0)
        return said > 0 ? CLI_OK : CLI_USAGE;
    return farm(&o, rank);
}
