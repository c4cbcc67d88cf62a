#include "options.h"
#include "cli.h"
#include "nave.h"

#include <getopt.h>
#include <string.h>

static const char usage[] =
    "usage: mcpricer [OPTION]...\n"
    "       mpirun -np RANKS mcpricer [OPTION]...\n"
    "\n"
    "Prices European and Asian (arithmetic average) calls and puts of a year by Monte Carlo, over\n"
    "a grid of strikes and volatilities, on all ranks of an MPI job. The same bits come out on "
    "any\n"
    "number of ranks. Without options: 15 by 15 cells of 100,000 paths of 260 days.\n"
    "\n"
    "The grid\n"
    "      --strikes N          how many strikes (15)\n"
    "      --min-strike K       the lowest (90)\n"
    "      --max-strike K       the highest (110)\n"
    "      --sigmas N           how many volatilities (15)\n"
    "      --min-sigma S        the lowest, of a year (0.1)\n"
    "      --max-sigma S        the highest (0.4)\n"
    "\n"
    "The model\n"
    "      --spot S             price today (100)\n"
    "      --rate R             interest of a year, continuous (0.05)\n"
    "      --days N             steps of the year; the average is over the prices after each "
    "(260)\n"
    "\n"
    "The estimate\n"
    "      --paths N            paths of each cell (100000)\n"
    "      --target-error E     then go on until every standard error is below E\n"
    "      --seed N             of the random numbers (0)\n"
    "      --mode MODE          independent: each cell has random numbers of its own; common: all\n"
    "                           cells have the same, many times faster, errors alike in all cells\n"
    "      --control CONTROL    geometric: control variates, the geometric Asian option and the\n"
    "                           last price; none (none)\n"
    "      --antithetic         paths in pairs, each with its mirror image\n"
    "\n"
    "Output\n"
    "      --json FILE          everything as JSON\n"
    "      --csv FILE           a line for each cell\n"
    "      --plot PREFIX        PREFIX_ecall.png, _eput, _acall, _aput: contours over volatility "
    "and\n"
    "                           strike (mcpricer)\n"
    "      --no-plot            no pictures\n"
    "      --connection FILE    others can look and steer meanwhile (nave status)\n"
    "      --listen ADDRESS     [:PORT] where that listens (127.0.0.1)\n"
    "      --journal FILE       remember finished blocks there, and go on from them next time\n"
    "      --retry-failed       run again what the journal says has failed\n"
    "      --simd NAME          avx512, avx2, plain, or auto: the fastest there is (auto)\n"
    "  -q, --quiet              print nothing but errors\n"
    "  -h, --help               print this\n"
    "      --version            print the version\n"
    "\n"
    "More ranks than cores need mpirun --oversubscribe; root needs --allow-run-as-root.\n"
    "Exit status: 0, done; 1, failed; 2, wrong usage; 3, engines are lost; 99, stopped by the\n"
    "job's limit or a signal.\n";

static const double PRICE_MAX = 1e9, SIGMA_MAX = 10;
static const uint64_t PATHS_MAX = UINT64_C(1) << 44;

enum {
    STRIKES = 256,
    MIN_STRIKE,
    MAX_STRIKE,
    SIGMAS,
    MIN_SIGMA,
    MAX_SIGMA,
    SPOT,
    RATE,
    DAYS,
    PATHS,
    TARGET,
    SEED,
    MODE,
    CONTROL,
    ANTITHETIC,
    JSON,
    CSV,
    PLOT,
    NO_PLOT,
    JOURNAL,
    CONNECTION,
    LISTEN,
    RETRY_FAILED,
    SIMD,
    VERSION
};

static const struct option known[] = {{"strikes", required_argument, NULL, STRIKES},
                                      {"min-strike", required_argument, NULL, MIN_STRIKE},
                                      {"max-strike", required_argument, NULL, MAX_STRIKE},
                                      {"sigmas", required_argument, NULL, SIGMAS},
                                      {"min-sigma", required_argument, NULL, MIN_SIGMA},
                                      {"max-sigma", required_argument, NULL, MAX_SIGMA},
                                      {"spot", required_argument, NULL, SPOT},
                                      {"rate", required_argument, NULL, RATE},
                                      {"days", required_argument, NULL, DAYS},
                                      {"paths", required_argument, NULL, PATHS},
                                      {"target-error", required_argument, NULL, TARGET},
                                      {"seed", required_argument, NULL, SEED},
                                      {"mode", required_argument, NULL, MODE},
                                      {"control", required_argument, NULL, CONTROL},
                                      {"antithetic", no_argument, NULL, ANTITHETIC},
                                      {"json", required_argument, NULL, JSON},
                                      {"csv", required_argument, NULL, CSV},
                                      {"plot", required_argument, NULL, PLOT},
                                      {"no-plot", no_argument, NULL, NO_PLOT},
                                      {"journal", required_argument, NULL, JOURNAL},
                                      {"connection", required_argument, NULL, CONNECTION},
                                      {"listen", required_argument, NULL, LISTEN},
                                      {"retry-failed", no_argument, NULL, RETRY_FAILED},
                                      {"simd", required_argument, NULL, SIMD},
                                      {"quiet", no_argument, NULL, 'q'},
                                      {"help", no_argument, NULL, 'h'},
                                      {"version", no_argument, NULL, VERSION},
                                      {NULL, 0, NULL, 0}};

static int whole(const char *option, int high, int *number)
{
    uint64_t n;

    if (cli_number(PROGRAM, option, optarg, 1, (uint64_t)high, &n) < 0)
        return -1;
    *number = (int)n;
    return 0;
}

static int real(const char *option, double low, double high, double *number)
{
    return cli_real(PROGRAM, option, optarg, low, high, number);
}

static int one_of(const char *option, const char *no, const char *yes, int *choice)
{
    *choice = strcmp(optarg, yes) == 0;
    if (*choice || strcmp(optarg, no) == 0)
        return 0;
    cli_error(PROGRAM, "%s %.80s: must be %s or %s", option, optarg, no, yes);
    return -1;
}

static int set_path(mc_options *options)
{
    options->path = mc_path_find(optarg);
    if (options->path != NULL)
        return 0;
    cli_error(PROGRAM, "--simd %.80s: unknown, or not on this machine (auto, avx512, avx2, plain)",
              optarg);
    return -1;
}

/* Options that say what is priced.  1: this is not one. */
static int take_problem(mc_problem *problem, int option)
{
    switch (option) {
    case STRIKES:
        return whole("--strikes", MC_GRID_MAX, &problem->strikes);
    case MIN_STRIKE:
        return real("--min-strike", 0, PRICE_MAX, &problem->min_strike);
    case MAX_STRIKE:
        return real("--max-strike", 0, PRICE_MAX, &problem->max_strike);
    case SIGMAS:
        return whole("--sigmas", MC_GRID_MAX, &problem->sigmas);
    case MIN_SIGMA:
        return real("--min-sigma", 0, SIGMA_MAX, &problem->min_sigma);
    case MAX_SIGMA:
        return real("--max-sigma", 0, SIGMA_MAX, &problem->max_sigma);
    case SPOT:
        return real("--spot", 0, PRICE_MAX, &problem->spot);
    case RATE:
        return real("--rate", -10, 10, &problem->rate);
    case DAYS:
        return whole("--days", MC_DAYS_MAX, &problem->days);
    case SEED:
        return cli_number(PROGRAM, "--seed", optarg, 0, UINT64_MAX, &problem->seed);
    case MODE:
        return one_of("--mode", "independent", "common", &problem->common);
    case CONTROL:
        return one_of("--control", "none", "geometric", &problem->control);
    case ANTITHETIC:
        problem->antithetic = 1;
        return 0;
    default:
        return 1;
    }
}

static int take(mc_options *options, int option, char **argv)
{
    int taken = take_problem(&options->problem, option);

    if (taken <= 0)
        return taken;
    switch (option) {
    case PATHS:
        return cli_number(PROGRAM, "--paths", optarg, 2, PATHS_MAX, &options->paths);
    case TARGET:
        return real("--target-error", 1e-9, PRICE_MAX, &options->target_error);
    case JSON:
        options->json = optarg;
        return 0;
    case CSV:
        options->csv = optarg;
        return 0;
    case PLOT:
        options->plot = optarg;
        options->plot_asked = 1;
        return 0;
    case JOURNAL:
        options->journal = optarg;
        return 0;
    case CONNECTION:
        options->connection = optarg;
        return 0;
    case LISTEN:
        options->listen = optarg;
        return 0;
    case RETRY_FAILED:
        options->retry_failed = 1;
        return 0;
    case NO_PLOT:
        options->plot_asked = -1;
        return 0;
    case SIMD:
        return set_path(options);
    case 'q':
        options->quiet = 1;
        return 0;
    default:
        return cli_refuse(PROGRAM, option, argv);
    }
}

static int check_range(const char *low_option, double low, const char *high_option, double high)
{
    if (low <= high)
        return 0;
    cli_error(PROGRAM, "%s %g: is above %s %g", low_option, low, high_option, high);
    return -1;
}

static int check_problem(const mc_problem *p)
{
    if (check_range("--min-strike", p->min_strike, "--max-strike", p->max_strike) < 0 ||
        check_range("--min-sigma", p->min_sigma, "--max-sigma", p->max_sigma) < 0)
        return -1;
    if (p->spot <= 0 || p->min_strike <= 0) {
        cli_error(PROGRAM, "%s: must be above 0", p->spot <= 0 ? "--spot" : "--min-strike");
        return -1;
    }
    if (mc_problem_cells(p) <= MC_CELLS_MAX)
        return 0;
    cli_error(PROGRAM, "--strikes %d by --sigmas %d: more than %d cells", p->strikes, p->sigmas,
              MC_CELLS_MAX);
    return -1;
}

/* What only the whole command line can tell. */
static int settle(mc_options *options, int argc, char **argv)
{
    const mc_problem *p = &options->problem;
    int flat = p->strikes < 2 || p->sigmas < 2 || p->min_strike >= p->max_strike ||
               p->min_sigma >= p->max_sigma;

    if (optind < argc) {
        cli_error(PROGRAM, "%.80s: what is this? mcpricer takes options only", argv[optind]);
        return -1;
    }
    if (check_problem(p) < 0)
        return -1;
    if (p->antithetic && (options->paths < 4 || options->paths % 2 != 0)) {
        cli_error(PROGRAM, "--paths: with --antithetic an even number, at least 4");
        return -1;
    }
    if (options->plot_asked > 0 && flat) {
        cli_error(PROGRAM, "--plot: contours need two strikes and two volatilities at least");
        return -1;
    }
    if (options->plot_asked == 0 && !flat)
        options->plot = PROGRAM;
    if (options->plot_asked < 0)
        options->plot = NULL;
    return 0;
}

int mc_options_parse(mc_options *options, int argc, char **argv, int *status)
{
    int option;

    memset(options, 0, sizeof *options);
    options->problem = mc_problem_default;
    options->paths = 100000;
    options->path = mc_path_find("auto");
    *status = CLI_USAGE;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":qh", known, NULL)) != -1) {
        if (option == 'h')
            return cli_answer(usage, status);
        if (option == VERSION)
            return cli_answer(PROGRAM " (Nave) " NAVE_VERSION "\n", status);
        if (take(options, option, argv) < 0)
            return -1;
    }
    return settle(options, argc, argv);
}
