#include "options.h"
#include "cli.h"
#include "nave.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: parallelpi [OPTION]... [FILE]...\n"
    "       mpirun -np RANKS parallelpi [OPTION]... [FILE]...\n"
    "\n"
    "Counts the sequences of K digits in the decimals of pi, all overlapping ones, on all ranks\n"
    "of an MPI job. Without FILEs in 150 million digits: pi200m.ascii.01of20 to 15of20, which\n"
    "pidigits makes when they are not there. FILEs are read one behind the other, in the order\n"
    "given; they hold digits, blanks and line ends.\n"
    "\n"
    "  -k K              digits in a sequence, 1 to 8 (2)\n"
    "      --digits N    only the first N decimals (all; without FILEs up to 200 million)\n"
    "      --dir DIR     where the digits are kept ($NAVE_PI_DIR, or nave/pi in the XDG cache)\n"
    "      --json FILE   write counts and figures as JSON\n"
    "      --csv FILE    write lines of sequence,count\n"
    "      --plot FILE   draw the counts, .png, .svg or .pdf; K up to 3 (two_digit_counts.png\n"
    "                    for K = 2, one_digit_counts.png for K = 1)\n"
    "      --no-plot     draw nothing\n"
    "      --connection FILE  others can look and steer meanwhile (nave status)\n"
    "      --listen ADDRESS  [:PORT] where that listens (127.0.0.1)\n"
    "      --journal FILE  remember finished parts there, and go on from them next time\n"
    "      --retry-failed  run again what the journal says has failed\n"
    "      --simd NAME   way of counting: auto, avx512, avx2, plain (auto); same counts by all\n"
    "  -q, --quiet       print nothing but errors\n"
    "  -h, --help        print this\n"
    "      --version     print the version\n"
    "\n"
    "More ranks than cores need mpirun --oversubscribe; root needs --allow-run-as-root.\n"
    "Exit status: 0, done; 1, input or output failed; 2, wrong usage; 3, engines are\n"
    "lost; 99, stopped by the job's limit or a signal.\n";

enum {
    DIGITS = 256,
    DIR,
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

static const struct option known[] = {{"digits", required_argument, NULL, DIGITS},
                                      {"dir", required_argument, NULL, DIR},
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

static int set_k(pi_options *options, const char *text)
{
    uint64_t k;

    if (cli_number(PROGRAM, "-k", text, 1, PI_MAX_K, &k) < 0)
        return -1;
    options->k = (int)k;
    return 0;
}

static int set_path(pi_options *options, const char *name)
{
    options->path = pi_path_find(name);
    if (options->path != NULL)
        return 0;
    cli_error(PROGRAM, "--simd %s: unknown, or not on this machine (auto, avx512, avx2, plain)",
              name);
    return -1;
}

/* 0, or -1 after an error line. */
static int take(pi_options *options, int option, char **argv)
{
    switch (option) {
    case 'k':
        return set_k(options, optarg);
    case 'q':
        options->quiet = 1;
        return 0;
    case DIGITS:
        return cli_number(PROGRAM, "--digits", optarg, 1, UINT64_MAX / 2, &options->digits);
    case DIR:
        options->dir = optarg;
        return 0;
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
    case NO_PLOT:
        options->plot = NULL;
        options->plot_asked = -1;
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
    case SIMD:
        return set_path(options, optarg);
    default:
        return cli_refuse(PROGRAM, option, argv);
    }
}

/* What only the whole command line can tell. */
static int settle(pi_options *options)
{
    const uint64_t most = (uint64_t)PI_MOST_FILES * PI_DIGITS_PER_FILE;

    if (options->digits > 0 && options->digits < (uint64_t)options->k) {
        cli_error(PROGRAM, "--digits %d: fewer than the %d digits of a sequence",
                  (int)options->digits, options->k);
        return -1;
    }
    if (options->file_count == 0 && options->digits > most) {
        cli_error(PROGRAM, "--digits: at most %d million without FILEs", (int)(most / 1000000));
        return -1;
    }
    if (options->plot_asked > 0 && options->k > 3) {
        cli_error(PROGRAM, "--plot: there is no picture for more than three digits");
        return -1;
    }
    if (options->plot_asked == 0 && options->k <= 2)
        options->plot = options->k == 1 ? "one_digit_counts.png" : "two_digit_counts.png";
    return 0;
}

int pi_options_parse(pi_options *options, int argc, char **argv, int *status)
{
    int option;

    memset(options, 0, sizeof *options);
    options->k = 2;
    options->path = pi_path_find("auto");
    *status = CLI_USAGE;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":k:qh", known, NULL)) != -1) {
        if (option == 'h')
            return cli_answer(usage, status);
        if (option == VERSION)
            return cli_answer(PROGRAM " " NAVE_VERSION "\n", status);
        if (take(options, option, argv) < 0)
            return -1;
    }
    options->files = argv + optind;
    options->file_count = (size_t)(argc - optind);
    return settle(options);
}
