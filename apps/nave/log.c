#include "log.h"
#include "account.h"
#include "cli.h"

#include "nave_journal.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define VERB PROGRAM " log"

typedef struct options {
    const char *file;
    nave_journal_filter filter;
    int tasks, json, output, count;
} options;

enum { TASKS = 256, FAILED, STATE, JOB, CALL, KERNEL, ENGINE, JSON, OUTPUT, COUNT };

static const struct option known[] = {
    {"tasks", no_argument, NULL, TASKS},
    {"failed", no_argument, NULL, FAILED},
    {"state", required_argument, NULL, STATE},
    {"job", required_argument, NULL, JOB},
    {"call", required_argument, NULL, CALL},
    {"kernel", required_argument, NULL, KERNEL},
    {"engine", required_argument, NULL, ENGINE},
    {"json", no_argument, NULL, JSON},
    {"output", no_argument, NULL, OUTPUT},
    {"count", no_argument, NULL, COUNT},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static void help(void)
{
    puts(
        "usage: nave log [OPTION...] FILE\n"
        "Print what is in a journal, also while a job writes it: its jobs, and what became of the\n"
        "tasks of each kernel; or records of tasks.\n"
        "\n"
        "  --tasks        a line for each record instead; so do all of the next:\n"
        "  --failed       of tasks that have failed\n"
        "  --state S      in this state: succeeded or failed\n"
        "  --job N        that job N ran\n"
        "  --call N       of call N of the program, from 1\n"
        "  --kernel K     of this kernel\n"
        "  --engine R     that ran on rank R\n"
        "  --output       print what the tasks wrote instead\n"
        "  --count        print only how many tasks these are\n"
        "  --json         lines of JSON instead (of --output: records with it)\n"
        "  -h, --help     this text\n"
        "  -V, --version  the version");
}

static int read_state(options *o, const char *text)
{
    if (strcmp(text, "succeeded") == 0)
        o->filter.state = NAVE_SUCCEEDED;
    else if (strcmp(text, "failed") == 0)
        o->filter.state = NAVE_FAILED;
    else
        return cli_error(VERB, "--state %s: must be succeeded or failed", text), -1;
    return 0;
}

/* Those that choose records. */
static int read_filter(options *o, int name)
{
    uint64_t rank = 0;

    o->tasks = 1;
    switch (name) {
    case FAILED:
        return read_state(o, "failed");
    case STATE:
        return read_state(o, optarg);
    case JOB:
        return cli_number(VERB, "--job", optarg, 1, INT64_MAX, &o->filter.job);
    case CALL:
        return cli_number(VERB, "--call", optarg, 1, INT64_MAX, &o->filter.call);
    case KERNEL:
        o->filter.kernel = optarg;
        return 0;
    case ENGINE:
        if (cli_number(VERB, "--engine", optarg, 0, INT_MAX, &rank) != 0)
            return -1;
        o->filter.by_engine = 1;
        o->filter.engine = (int)rank;
        return 0;
    default:
        return 0;
    }
}

/* 0: go on; 1: all is said; -1: wrong, an error line is out. */
static int read_option(options *o, int name, char **argv)
{
    switch (name) {
    case JSON:
        o->json = 1;
        return 0;
    case OUTPUT:
        o->output = o->tasks = 1;
        return 0;
    case COUNT:
        o->count = 1;
        return 0;
    case 'h':
        help();
        return 1;
    case 'V':
        puts(PROGRAM " (Nave) " NAVE_VERSION);
        return 1;
    case ':':
    case '?':
        return cli_refuse(VERB, name, argv);
    default:
        return read_filter(o, name);
    }
}

static int options_read(options *o, int argc, char **argv)
{
    int said = 0;

    opterr = 0;
    for (int name; said == 0 && (name = getopt_long(argc, argv, ":hV", known, NULL)) != -1;)
        said = read_option(o, name, argv);
    if (said != 0)
        return said;
    if (optind == argc)
        return cli_error(VERB, "a file is missing"), -1;
    if (optind + 1 < argc)
        return cli_error(VERB, "%s: nothing is expected here", argv[optind + 1]), -1;
    if (o->count && (o->json || o->output))
        return cli_error(VERB, "--count: not with --json or --output"), -1;
    o->file = argv[optind];
    return 0;
}

static int print(const options *o, nave_journal *journal)
{
    if (o->count)
        return account_count(stdout, journal, &o->filter);
    if (!o->tasks)
        return account_summary(stdout, journal, o->json);
    if (o->json)
        return account_json(stdout, journal, &o->filter, o->output);
    if (o->output)
        return account_output(stdout, journal, &o->filter);
    return account_tasks(stdout, journal, &o->filter);
}

static int read_and_print(const options *o)
{
    nave_journal *journal;
    int rc = nave_journal_open(o->file, &journal);

    if (rc == NAVE_OK)
        rc = print(o, journal);
    if (rc != NAVE_OK)
        cli_error(VERB, "%s", nave_journal_error(journal));
    nave_journal_close(&journal);
    return rc == NAVE_OK ? CLI_OK : CLI_FAILURE;
}

int log_run(int argc, char **argv)
{
    options o = {0};
    int said = options_read(&o, argc, argv);

    return said < 0 ? CLI_USAGE : said > 0 ? CLI_OK : read_and_print(&o);
}
