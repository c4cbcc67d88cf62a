#include "digits.h"
#include "cli.h"
#include "spawn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder that pidigits would take: --dir, NAVE_PI_DIR, the XDG cache (absolute, or it does not
 * count), the home folder's. Returns 0, or -1 when there is none. */
static int find_folder(const char *dir, char *folder, size_t size)
{
    const char *own = getenv("NAVE_PI_DIR"), *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");

    if (dir == NULL && own != NULL && *own != '\0')
        dir = own;
    if (dir != NULL)
        snprintf(folder, size, "%s", dir);
    else if (cache != NULL && *cache == '/')
        snprintf(folder, size, "%s/nave/pi", cache);
    else if (home != NULL && *home != '\0')
        snprintf(folder, size, "%s/.cache/nave/pi", home);
    else
        return -1;
    return 0;
}

static int name_files(pi_digits *digits, const char *folder, size_t count)
{
    size_t size = strlen(folder) + sizeof "/pi200m.ascii.00of20" + 20;

    digits->names = calloc(count, sizeof *digits->names);
    if (digits->names == NULL)
        return -1;
    for (digits->count = 0; digits->count < count; digits->count++) {
        char *name = malloc(size);
        if (name == NULL)
            return -1;
        snprintf(name, size, "%s/pi200m.ascii.%02zuof20", folder, digits->count + 1);
        digits->names[digits->count] = name;
    }
    return 0;
}

static int all_there(const pi_digits *digits)
{
    for (size_t i = 0; i < digits->count; i++)
        if (access(digits->names[i], F_OK) < 0)
            return 0;
    return 1;
}

/* mpirun binds ranks to cores, pidigits wants them all: hence --threads. */
static int run_pidigits(const char *program, size_t files, const char *folder, int quiet)
{
    char count[24], threads[24];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const char *argv[] = {program, "--files", count, "--threads", threads,
                          "--dir", folder,    NULL,  NULL};

    snprintf(count, sizeof count, "%zu", files);
    snprintf(threads, sizeof threads, "%ld", cores > 0 ? cores : 1);
    if (quiet)
        argv[7] = "--quiet";
    return spawn_run(program, argv, -1);
}

static int make_files(const pi_digits *digits, const char *folder, int quiet, pi_trouble *trouble)
{
    char *program = spawn_find("pidigits", 1), commas[CLI_COMMAS];
    int status;

    if (program == NULL) {
        snprintf(
            trouble->text, sizeof trouble->text,
            "%.800s: digits are missing, and pidigits, which makes them, is neither beside " PROGRAM
            " nor in PATH",
            folder);
        return -1;
    }
    if (!quiet)
        printf("Making %s digits of pi in %s (once)\n",
               cli_commas((uint64_t)digits->count * PI_DIGITS_PER_FILE, commas), folder);
    status = run_pidigits(program, digits->count, folder, quiet);
    if (status < 0)
        snprintf(trouble->text, sizeof trouble->text, "%.900s: %s", program, strerror(errno));
    else if (status > 0)
        snprintf(trouble->text, sizeof trouble->text, "%.900s has failed (exit status %d)", program,
                 status);
    free(program);
    return status == 0 ? 0 : -1;
}

int pi_digits_get(pi_digits *digits, pi_options *options, pi_trouble *trouble)
{
    char folder[2048];
    size_t files = PI_DEFAULT_FILES;

    memset(digits, 0, sizeof *digits);
    if (options->digits > 0)
        files = (size_t)((options->digits - 1) / PI_DIGITS_PER_FILE + 1);
    else
        options->digits = (uint64_t)PI_DEFAULT_FILES * PI_DIGITS_PER_FILE;
    if (find_folder(options->dir, folder, sizeof folder) < 0) {
        snprintf(trouble->text, sizeof trouble->text,
                 "no folder for the digits: set NAVE_PI_DIR or HOME, or give --dir");
        return -1;
    }
    if (name_files(digits, folder, files) < 0) {
        snprintf(trouble->text, sizeof trouble->text, "%s", strerror(ENOMEM));
        return -1;
    }
    return all_there(digits) ? 0 : make_files(digits, folder, options->quiet, trouble);
}

void pi_digits_release(pi_digits *digits)
{
    for (size_t i = 0; i < digits->count; i++)
        free(digits->names[i]);
    free(digits->names);
    memset(digits, 0, sizeof *digits);
}
