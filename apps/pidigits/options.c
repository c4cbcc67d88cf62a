#include "options.h"

#include "cli.h"
#include "nave.h"

#include <getopt.h>
#include <stdio.h>

enum { FILES_MAX = 9999, THREADS_MAX = 1024 };

static const uint64_t DIGITS_MAX = 10000000000u; /* in all: no machine has memory for more */

enum { FILES = 256, PER_FILE, DIR_, LAYOUT, THREADS, VERIFY, FORCE };

static const struct option names[] = {
    {"files", required_argument, NULL, FILES},
    {"per-file", required_argument, NULL, PER_FILE},
    {"dir", required_argument, NULL, DIR_},
    {"layout", required_argument, NULL, LAYOUT},
    {"threads", required_argument, NULL, THREADS},
    {"verify", no_argument, NULL, VERIFY},
    {"force", no_argument, NULL, FORCE},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static void help(void)
{
    puts("usage: pidigits [OPTION...]\n"
         "Compute decimals of pi and write them as pi200m.ascii.01of20, 02of20, ...\n"
         "\n"
         "  --files N       so many files (15)\n"
         "  --per-file N    decimals in each (10000000)\n"
         "  --dir DIR       where ($NAVE_PI_DIR, else $XDG_CACHE_HOME/nave/pi, else "
         "~/.cache/nave/pi)\n"
         "  --layout NAME   grouped: tens with spaces, a hundred to a line; plain: one line "
         "(grouped)\n"
         "  --threads N     so many threads (the cores this process may use)\n"
         "  --verify        check the files against their manifest, write nothing\n"
         "  --force         write all files anew, also over files of another layout or length\n"
         "  -q, --quiet     say nothing but errors\n"
         "  -h, --help      this text\n"
         "  -V, --version   the version\n"
         "\n"
         "Files that exist and are good are kept.  Exit status: 0 done, 1 failed, 2 wrong usage.");
}

static int number(const char *option, uint64_t high, uint64_t *n)
{
    return cli_number(PROGRAM, option, optarg, 1, high, n);
}

static int take(options *o, int name)
{
    uint64_t threads;
    switch (name) {
    case FILES:
        o->files_given = 1;
        return number("--files", FILES_MAX, &o->files);
    case PER_FILE:
        o->per_file_given = 1;
        return number("--per-file", DIGITS_MAX, &o->per_file);
    case THREADS:
        if (number("--threads", THREADS_MAX, &threads) != 0) {
            return -1;
        }
        o->threads = (int)threads;
        return 0;
    case LAYOUT:
        o->layout_given = 1;
        if (sheet_layout_named(optarg, &o->layout) != 0) {
            cli_error(PROGRAM, "--layout %s: must be grouped or plain", optarg);
            return -1;
        }
        return 0;
    case DIR_:
        o->dir = optarg;
        return 0;
    case VERIFY:
        return o->verify = 1, 0;
    case FORCE:
        return o->force = 1, 0;
    case 'q':
        return o->quiet = 1, 0;
    case 'h':
        help();
        return 1;
    case 'V':
        puts(PROGRAM " (Nave) " NAVE_VERSION);
        return 1;
    default:
        fputs("Try 'pidigits --help'.\n", stderr);
        return -1;
    }
}

int options_read(options *o, int argc, char **argv)
{
    *o = (options){.files = 15, .per_file = 10000000};
    for (int name = 0; (name = getopt_long(argc, argv, "qhV", names, NULL)) != -1;) {
        int status = take(o, name);
        if (status != 0) {
            return status;
        }
    }
    if (optind < argc) {
        cli_error(PROGRAM, "%s: what is this?  Files are named by --dir and --files", argv[optind]);
        return -1;
    }
    if (o->dir != NULL && *o->dir == '\0') {
        cli_error(PROGRAM, "--dir: the name is empty");
        return -1;
    }
    if (o->per_file > DIGITS_MAX / o->files) {
        char most[CLI_COMMAS];
        cli_error(PROGRAM, "--files times --per-file: at most %s digits",
                  cli_commas(DIGITS_MAX, most));
        return -1;
    }
    return 0;
}
