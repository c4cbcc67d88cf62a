#include "batch_options.h"
#include "cli.h"
#include "systems.h"

#include "nave_kernel.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SYSTEM = 256,
    TIME,
    MARGIN,
    REQUEUE,
    SUBMIT,
    NAME,
    QUEUE,
    PE,
    JOURNAL,
    NO_JOURNAL,
    DIRECTIVE
};

static const struct option known[] = {
    {"system", required_argument, NULL, SYSTEM},
    {"slots", required_argument, NULL, 'n'},
    {"time", required_argument, NULL, TIME},
    {"margin", required_argument, NULL, MARGIN},
    {"requeue", no_argument, NULL, REQUEUE},
    {"submit", no_argument, NULL, SUBMIT},
    {"output", required_argument, NULL, 'o'},
    {"name", required_argument, NULL, NAME},
    {"queue", required_argument, NULL, QUEUE},
    {"pe", required_argument, NULL, PE},
    {"journal", required_argument, NULL, JOURNAL},
    {"no-journal", no_argument, NULL, NO_JOURNAL},
    {"directive", required_argument, NULL, DIRECTIVE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static void help(void)
{
    puts(
        "usage: nave batch --system sge|slurm|pbs -n RANKS --time TIME [OPTION...] -- PROGRAM...\n"
        "Write a job script for a program that farms.  The job ends in good order before its time\n"
        "is over, and the next run goes on where it was.\n"
        "\n"
        "      --system NAME     sge (Grid Engine), slurm or pbs\n"
        "  -n, --slots N         ranks, and slots for them\n"
        "      --time TIME       how long the job may run: HH:MM:SS, D-HH:MM:SS, 90m, 1h30m\n"
        "      --margin TIME     what of it is kept for finishing what runs (a tenth, at most a\n"
        "                        minute)\n"
        "      --requeue         run again when the time was not enough\n"
        "      --submit          hand the script to qsub or sbatch, print the number of the job\n"
        "  -o, --output FILE     the script goes there (standard output)\n"
        "      --name NAME       of the job (the program's)\n"
        "      --queue NAME      queue or partition (the system's choice)\n"
        "      --pe NAME         parallel environment of Grid Engine (orte)\n"
        "      --journal FILE    what is finished is remembered there (NAME.db, where the program\n"
        "                        has no --journal of its own)\n"
        "      --no-journal      nothing is remembered\n"
        "      --directive TEXT  a further line for the system, as \"-l mem_free=2G\"; may be\n"
        "                        repeated\n"
        "  -h, --help            this text\n"
        "  -V, --version         the version\n"
        "\n"
        "Exit status of the job: 0 done; 99 (Grid Engine, with --requeue) run again; 1 failed, or\n"
        "out of time without --requeue; others are the program's.");
}

/* -------------------------------------------------------------------------------------- reading */

static int read_system(batch_options *o, const char *text)
{
    o->system = systems_find(text);
    if (o->system != NULL)
        return 0;
    cli_error(BATCH_VERB, "--system %s: must be sge, slurm or pbs", text);
    return -1;
}

static int read_time(const char *option, const char *text, uint64_t *seconds)
{
    uint64_t n = 0;

    if (words_time(text, &n) != 0 || n == 0) {
        cli_error(BATCH_VERB, "%s %s: not a length of time (01:00:00, 1-12:00:00, 90m, 1h30m)",
                  option, text);
        return -1;
    }
    *seconds = n;
    return 0;
}

static int read_line(const char *option, const char *text, const char **line)
{
    if (!words_line(text)) {
        cli_error(BATCH_VERB, "%s: must be a line of text", option);
        return -1;
    }
    *line = text;
    return 0;
}

static int read_word(const char *option, const char *text, const char **word)
{
    if (!words_line(text) || strchr(text, ' ') != NULL) {
        cli_error(BATCH_VERB, "%s: must be one word", option);
        return -1;
    }
    *word = text;
    return 0;
}

static int read_name(batch_options *o, const char *text)
{
    char name[WORDS_NAME];

    if (strcmp(words_name(text, name), text) != 0) {
        cli_error(BATCH_VERB,
                  "--name %s: must be a letter, then up to 14 letters, digits, dots, dashes, "
                  "underscores",
                  text);
        return -1;
    }
    o->name = text;
    return 0;
}

static int read_output(batch_options *o, const char *text)
{
    char *folder = *text == '/' ? strdup("") : getcwd(NULL, 0);
    size_t size = folder != NULL ? strlen(folder) + strlen(text) + 2 : 0;

    free(o->output);
    o->output = folder != NULL ? malloc(size) : NULL;
    if (o->output != NULL)
        snprintf(o->output, size, "%s%s%s", folder, *folder != '\0' ? "/" : "", text);
    else
        cli_file_error(BATCH_VERB, text, errno);
    free(folder);
    return o->output != NULL ? 0 : -1;
}

static int read_directive(batch_options *o, const char *text)
{
    enum { MAX = sizeof o->directive_list / sizeof *o->directive_list };

    if (o->directive_count == MAX) {
        cli_error(BATCH_VERB, "--directive: at most %d", MAX);
        return -1;
    }
    return read_line("--directive", text, &o->directive_list[o->directive_count++]);
}

/* Options of the script's text. */
static int read_text(batch_options *o, int name)
{
    switch (name) {
    case NAME:
        return read_name(o, optarg);
    case QUEUE:
        return read_word("--queue", optarg, &o->queue);
    case PE:
        return read_word("--pe", optarg, &o->pe);
    case JOURNAL:
        return read_line("--journal", optarg, &o->journal);
    case DIRECTIVE:
        return read_directive(o, optarg);
    default:
        return read_output(o, optarg);
    }
}

/* 0: go on; 1: all is said; -1: wrong, an error line is out. */
static int read_option(batch_options *o, int name, char **argv, int *no_journal)
{
    switch (name) {
    case SYSTEM:
        return read_system(o, optarg);
    case 'n':
        return cli_number(BATCH_VERB, "-n", optarg, 1, 10000000, &o->slots);
    case TIME:
        return read_time("--time", optarg, &o->seconds);
    case MARGIN:
        return read_time("--margin", optarg, &o->margin);
    case REQUEUE:
        o->requeue = 1;
        return 0;
    case SUBMIT:
        o->submit = 1;
        return 0;
    case NO_JOURNAL:
        *no_journal = 1;
        return 0;
    case 'h':
        help();
        return 1;
    case 'V':
        puts("nave (Nave) " NAVE_VERSION);
        return 1;
    case ':':
    case '?':
        return cli_refuse(BATCH_VERB, name, argv);
    default:
        return read_text(o, name);
    }
}

/* ------------------------------------------------------------------------------------- together */

static int has_journal(char *const *command)
{
    for (; *command != NULL; command++)
        if (strcmp(*command, "--journal") == 0 || strncmp(*command, "--journal=", 10) == 0)
            return 1;
    return 0;
}

static const char *what_is_missing(const batch_options *o)
{
    return o->system == NULL      ? "--system: must be given: sge, slurm or pbs"
           : o->slots == 0        ? "-n: must be given: how many ranks"
           : o->seconds == 0      ? "--time: must be given: how long the job may run"
           : *o->command == NULL  ? "a program is missing"
           : **o->command == '\0' ? "the name of the program is empty"
                                  : NULL;
}

static const char *what_is_wrong(const batch_options *o, int no_journal)
{
    char name[WORDS_NAME];
    int pbs = strcmp(o->system->name, "pbs") == 0;

    if (strcmp(words_name(*o->command, name), "mpirun") == 0)
        return "mpirun: name the program alone, the script starts mpirun";
    if (o->margin >= o->seconds)
        return "--margin: must be less than --time";
    if (o->pe != NULL && strcmp(o->system->name, "sge") != 0)
        return "--pe: for --system sge only";
    if (no_journal && o->journal != NULL)
        return "--no-journal: not with --journal";
    if (o->journal != NULL && has_journal(o->command))
        return "--journal: the program has one of its own";
    if (no_journal && o->requeue && !has_journal(o->command))
        return "--no-journal: not with --requeue, each run would begin anew";
    if (pbs && o->requeue && o->output == NULL)
        return "--requeue: for --system pbs the script must be in a file (-o FILE)";
    return NULL;
}

static void fill_in(batch_options *o, int no_journal)
{
    if (o->margin == 0)
        o->margin = o->seconds < 600 ? (o->seconds + 9) / 10 : 60;
    if (o->name == NULL)
        o->name = words_name(*o->command, o->name_text);
    if (o->pe == NULL)
        o->pe = "orte";
    if (o->journal == NULL && !no_journal && !has_journal(o->command)) {
        snprintf(o->journal_text, sizeof o->journal_text, "%s.db", o->name);
        o->journal = o->journal_text;
    }
    o->directives = o->directive_list;
}

int batch_options_read(batch_options *o, int argc, char **argv)
{
    int said = 0, no_journal = 0;
    const char *wrong;

    *o = (batch_options){0};
    opterr = 0;
    for (int name; said == 0 && (name = getopt_long(argc, argv, "+:n:o:hV", known, NULL)) != -1;)
        said = read_option(o, name, argv, &no_journal);
    if (said != 0)
        return said;
    o->command = argv + optind;
    wrong = what_is_missing(o);
    if (wrong == NULL)
        wrong = what_is_wrong(o, no_journal);
    if (wrong != NULL) {
        cli_error(BATCH_VERB, "%s", wrong);
        return -1;
    }
    fill_in(o, no_journal);
    return 0;
}

void batch_options_release(batch_options *o)
{
    free(o->output);
}
