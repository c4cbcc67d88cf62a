#include "options.h"
#include "cli.h"
#include "names.h"
#include "nave.h"
#include "sample.h"

#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_GRAIN = 512 }; /* about 40 us of nodes */

static const char usage[] =
    "usage: uts [OPTION]...\n"
    "       mpirun -np RANKS uts [OPTION]...\n"
    "\n"
    "Unbalanced Tree Search: counts the nodes of a tree of which every node knows its children by\n"
    "a SHA-1 only, on all ranks of an MPI job, by tasks that make tasks. What is found is "
    "compared\n"
    "with what was published, for trees that were.\n"
    "\n"
    "  -T, --tree NAME          a published tree: T1 to T5 (4 million nodes), T1L, T2L, T3L (100\n"
    "                           million), T1XL, T3XXL, T1XXL, T2XXL, T3WL, T1WL, T2WL (300\n"
    "                           billion); options behind it change it\n"
    "\n"
    "  -t, --type TYPE          binomial, geometric, hybrid, balanced, or 0 to 3 (geometric)\n"
    "  -a, --shape SHAPE        geometric: linear, exponential, cyclic, fixed, or 0 to 3 (linear)\n"
    "  -b, --branching X        children of the root, in a geometric tree their mean (4)\n"
    "  -d, --depth N            depth of a geometric or balanced tree (6)\n"
    "  -r, --seed N             what the root's random numbers begin with (0)\n"
    "  -q, --probability X      binomial: that a node has children (0.234375)\n"
    "  -m, --children N         binomial: how many it then has (4)\n"
    "  -f, --shift X            hybrid: part of the depth that is geometric (0.5)\n"
    "  -g, --granularity N      work out each node so many times (1)\n"
    "\n"
    "      --grain N            nodes to a task at most; 1: each node is a task (512, or less "
    "with\n"
    "                           -g)\n"
    "      --serial             no farm: rank 0 does all, to compare\n"
    "      --json FILE          write what was found as JSON\n"
    "      --quiet              print nothing but errors\n"
    "  -h, --help               print this\n"
    "      --version            print the version\n"
    "\n"
    "More ranks than cores need mpirun --oversubscribe; root needs --allow-run-as-root.\n"
    "Exit status: 0, done; 1, another count than published, or failed; 2, wrong usage; 3,\n"
    "engines are lost.\n";

enum { GRAIN = 256, SERIAL, JSON, QUIET, VERSION };

static const struct option known[] = {{"tree", required_argument, NULL, 'T'},
                                      {"type", required_argument, NULL, 't'},
                                      {"shape", required_argument, NULL, 'a'},
                                      {"branching", required_argument, NULL, 'b'},
                                      {"depth", required_argument, NULL, 'd'},
                                      {"seed", required_argument, NULL, 'r'},
                                      {"probability", required_argument, NULL, 'q'},
                                      {"children", required_argument, NULL, 'm'},
                                      {"shift", required_argument, NULL, 'f'},
                                      {"granularity", required_argument, NULL, 'g'},
                                      {"grain", required_argument, NULL, GRAIN},
                                      {"serial", no_argument, NULL, SERIAL},
                                      {"json", required_argument, NULL, JSON},
                                      {"quiet", no_argument, NULL, QUIET},
                                      {"help", no_argument, NULL, 'h'},
                                      {"version", no_argument, NULL, VERSION},
                                      {NULL, 0, NULL, 0}};

static int whole(const char *option, int low, int high, int *number)
{
    uint64_t n;

    if (cli_number(PROGRAM, option, optarg, (uint64_t)low, (uint64_t)high, &n) < 0)
        return -1;
    *number = (int)n;
    return 0;
}

static int unknown(const char *option, const char *choice)
{
    cli_error(PROGRAM, "%s %s: must be %s", option, optarg, choice);
    return -1;
}

static int set_sample(uts_options *options)
{
    const uts_sample *sample = uts_sample_named(optarg);

    if (sample == NULL)
        return unknown("-T", "T1 to T5, T1L to T3L, T1XL, T1XXL to T3XXL or T1WL to T3WL");
    options->tree = sample->tree;
    return 0;
}

static int set_type(uts_options *options)
{
    if (uts_name_find_type(optarg, &options->tree.type) < 0)
        return unknown("-t", "binomial, geometric, hybrid, balanced, or 0 to 3");
    return 0;
}

static int set_shape(uts_options *options)
{
    if (uts_name_find_shape(optarg, &options->tree.shape) < 0)
        return unknown("-a", "linear, exponential, cyclic, fixed, or 0 to 3");
    return 0;
}

/* Options that say something of the tree. 1: this is not one. */
static int take_tree(uts_options *options, int option)
{
    uts_tree *tree = &options->tree;

    switch (option) {
    case 'T':
        return set_sample(options);
    case 't':
        return set_type(options);
    case 'a':
        return set_shape(options);
    case 'b':
        return cli_real(PROGRAM, "-b", optarg, 0, UTS_BRANCHING_MAX, &tree->branching);
    case 'd':
        return whole("-d", 1, UTS_DEPTH_MAX, &tree->depth);
    case 'r':
        return whole("-r", 0, INT_MAX, &tree->seed);
    case 'q':
        return cli_real(PROGRAM, "-q", optarg, 0, 1, &tree->probability);
    case 'm':
        return whole("-m", 0, UTS_CHILDREN_MAX, &tree->children);
    case 'f':
        return cli_real(PROGRAM, "-f", optarg, 0, 1, &tree->shift);
    case 'g':
        return whole("-g", 1, INT_MAX, &tree->granularity);
    default:
        return 1;
    }
}

static int take(uts_options *options, int option, char **argv)
{
    int taken = take_tree(options, option);

    if (taken <= 0)
        return taken;
    switch (option) {
    case GRAIN:
        return cli_number(PROGRAM, "--grain", optarg, 1, UINT64_MAX, &options->grain);
    case SERIAL:
        options->serial = 1;
        return 0;
    case JSON:
        options->json = optarg;
        return 0;
    case QUIET:
        options->quiet = 1;
        return 0;
    default:
        return cli_refuse(PROGRAM, option, argv);
    }
}

/* What only the whole command line can tell. */
static int settle(uts_options *options, int argc, char **argv)
{
    const char *why = uts_tree_check(&options->tree);
    uint64_t grain = DEFAULT_GRAIN / (uint64_t)options->tree.granularity;

    if (optind < argc) {
        cli_error(PROGRAM, "%s: what is this? A published tree is named by -T", argv[optind]);
        return -1;
    }
    if (why != NULL) {
        cli_error(PROGRAM, "%s", why);
        return -1;
    }
    if (options->grain == 0)
        options->grain = grain > 0 ? grain : 1;
    return 0;
}

int uts_options_parse(uts_options *options, int argc, char **argv, int *status)
{
    int option;

    memset(options, 0, sizeof *options);
    options->tree = uts_tree_default;
    *status = CLI_USAGE;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":T:t:a:b:d:r:q:m:f:g:h", known, NULL)) != -1) {
        if (option == 'h')
            return cli_answer(usage, status);
        if (option == VERSION)
            return cli_answer(PROGRAM " (Nave) " NAVE_VERSION "\n", status);
        if (take(options, option, argv) < 0)
            return -1;
    }
    return settle(options, argc, argv);
}
