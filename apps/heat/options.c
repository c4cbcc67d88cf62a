#include "options.h"
#include "cli.h"
#include "nave.h"

#include <getopt.h>
#include <string.h>

enum { DEFAULT_SIDE = 512 };

static const heat_options defaults = {
    .steps = 10000,
    .model = {.kappa = 1, .strength = 10000, .source = 1, .spot = {0.5, 0.5}, .width = 0.05},
    .edge = 20};

static const char usage[] =
    "usage: heat [OPTION]...\n"
    "       mpirun -np RANKS heat [OPTION]...\n"
    "\n"
    "Simulates how heat spreads from a spot over a plate whose edge stays cold, on all ranks of "
    "an\n"
    "MPI job: u_t = kappa (u_xx + u_yy) + source on the unit square, by explicit finite "
    "differences.\n"
    "Can be looked at and steered from outside while it runs, by nave(1). The result is the same, "
    "bit\n"
    "by bit, for any number of ranks.\n"
    "\n"
    "      --grid ROWS[xCOLUMNS]  cells, 1 to 1000000 each way (512, or as the file of --resume)\n"
    "      --steps N              stop after step N; 0: when stopped from outside (10000)\n"
    "      --kappa X              how well heat is conducted, 1e-6 to 10 (1)\n"
    "      --strength X           of the source, in the middle of its spot (10000)\n"
    "      --spot X,Y             where the source is, 0 to 1 each (0.5,0.5)\n"
    "      --width X              how wide its spot is: a standard deviation (0.05)\n"
    "      --edge X               temperature of the edge and at the start (20)\n"
    "      --pace SECONDS         sleep after each step, to have time to look (0)\n"
    "\n"
    "      --checkpoint FILE      write the field there at the end, and when told to from outside\n"
    "      --resume FILE          go on from such a file, on any number of ranks\n"
    "\n"
    "      --connection FILE      can be reached from outside by who has this file, made at the "
    "start\n"
    "                             (NAVE_CONNECTION in the environment)\n"
    "      --listen ADDRESS[:PORT]\n"
    "                             where (NAVE_LISTEN in the environment, or 127.0.0.1, any port)\n"
    "  -q, --quiet                print nothing but errors\n"
    "  -h, --help                 print this\n"
    "  -V, --version              print the version\n"
    "\n"
    "More ranks than cores need mpirun --oversubscribe; root needs --allow-run-as-root.\n"
    "Exit status: 0, done, or stopped from outside; 1, failed; 2, wrong usage.\n";

enum {
    GRID = 256,
    STEPS,
    KAPPA,
    STRENGTH,
    SPOT,
    WIDTH,
    EDGE,
    PACE,
    CHECKPOINT,
    RESUME,
    CONNECTION,
    LISTEN
};

static const struct option known[] = {{"grid", required_argument, NULL, GRID},
                                      {"steps", required_argument, NULL, STEPS},
                                      {"kappa", required_argument, NULL, KAPPA},
                                      {"strength", required_argument, NULL, STRENGTH},
                                      {"spot", required_argument, NULL, SPOT},
                                      {"width", required_argument, NULL, WIDTH},
                                      {"edge", required_argument, NULL, EDGE},
                                      {"pace", required_argument, NULL, PACE},
                                      {"checkpoint", required_argument, NULL, CHECKPOINT},
                                      {"resume", required_argument, NULL, RESUME},
                                      {"connection", required_argument, NULL, CONNECTION},
                                      {"listen", required_argument, NULL, LISTEN},
                                      {"quiet", no_argument, NULL, 'q'},
                                      {"help", no_argument, NULL, 'h'},
                                      {"version", no_argument, NULL, 'V'},
                                      {NULL, 0, NULL, 0}};

static int real(const char *option, double low, double high, double *number)
{
    return cli_real(PROGRAM, option, optarg, low, high, number);
}

/* What stands before the mark goes to `first`. Returns what is behind it; NULL: there is none. */
static const char *split(char mark, char *first, size_t size)
{
    const char *at = strchr(optarg, mark);
    size_t length = at != NULL ? (size_t)(at - optarg) : strlen(optarg);

    if (length >= size)
        length = size - 1;
    memcpy(first, optarg, length);
    first[length] = '\0';
    return at != NULL ? at + 1 : NULL;
}

static int set_grid(heat_options *options)
{
    char rows[40];
    const char *columns = split('x', rows, sizeof rows);
    uint64_t n[2];

    if (cli_number(PROGRAM, "--grid", rows, 1, HEAT_SIDE_MAX, &n[0]) < 0)
        return -1;
    n[1] = n[0];
    if (columns != NULL && cli_number(PROGRAM, "--grid", columns, 1, HEAT_SIDE_MAX, &n[1]) < 0)
        return -1;
    options->shape[0] = n[0];
    options->shape[1] = n[1];
    return 0;
}

static int set_steps(heat_options *options)
{
    uint64_t steps;

    if (cli_number(PROGRAM, "--steps", optarg, 0, INT64_MAX, &steps) < 0)
        return -1;
    options->steps = (int64_t)steps;
    return 0;
}

static int set_spot(heat_options *options)
{
    char x[40];
    const char *y = split(',', x, sizeof x);

    if (y == NULL) {
        cli_error(PROGRAM, "--spot %.80s: must be X,Y", optarg);
        return -1;
    }
    if (cli_real(PROGRAM, "--spot", x, 0, 1, &options->model.spot[1]) < 0)
        return -1;
    return cli_real(PROGRAM, "--spot", y, 0, 1, &options->model.spot[0]);
}

/* Options that say something of the plate. 1: this is not one. */
static int take_model(heat_options *options, int option)
{
    heat_model *model = &options->model;

    switch (option) {
    case GRID:
        return set_grid(options);
    case KAPPA:
        return real("--kappa", HEAT_KAPPA_MIN, HEAT_KAPPA_MAX, &model->kappa);
    case STRENGTH:
        return real("--strength", -HEAT_STRENGTH_MAX, HEAT_STRENGTH_MAX, &model->strength);
    case SPOT:
        return set_spot(options);
    case WIDTH:
        return real("--width", 1e-6, 10, &model->width);
    case EDGE:
        return real("--edge", -1e6, 1e6, &options->edge);
    default:
        return 1;
    }
}

static int take(heat_options *options, int option, char **argv)
{
    int taken = take_model(options, option);

    if (taken <= 0)
        return taken;
    switch (option) {
    case STEPS:
        return set_steps(options);
    case PACE:
        return real("--pace", 0, 3600, &options->pace);
    case CHECKPOINT:
        options->checkpoint = optarg;
        return 0;
    case RESUME:
        options->resume = optarg;
        return 0;
    case CONNECTION:
        options->connection = optarg;
        return 0;
    case LISTEN:
        options->listen = optarg;
        return 0;
    case 'q':
        options->quiet = 1;
        return 0;
    default:
        return cli_refuse(PROGRAM, option, argv);
    }
}

/* What only the whole command line can tell. */
static int settle(heat_options *options, int argc, char **argv)
{
    if (optind < argc) {
        cli_error(PROGRAM, "%s: what is this? heat takes options only", argv[optind]);
        return -1;
    }
    if (options->shape[0] == 0 && options->resume == NULL)
        options->shape[0] = options->shape[1] = DEFAULT_SIDE;
    return 0;
}

int heat_options_parse(heat_options *options, int argc, char **argv, int *status)
{
    int option;

    *options = defaults;
    *status = CLI_USAGE;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":qhV", known, NULL)) != -1) {
        if (option == 'h')
            return cli_answer(usage, status);
        if (option == 'V')
            return cli_answer(PROGRAM " (Nave) " NAVE_VERSION "\n", status);
        if (take(options, option, argv) < 0)
            return -1;
    }
    return settle(options, argc, argv);
}
