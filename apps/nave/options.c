#include "options.h"
#include "cli.h"
#include "program.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int say(const char *verb, const char *format, const char *word)
{
    char program[64];
    snprintf(program, sizeof program, PROGRAM " %s", verb);
    cli_error(program, format, word);
    return -1;
}

int options_ranks(const char *verb, const char *text, int **ranks, size_t *count)
{
    int *list = malloc((strlen(text) / 2 + 1) * sizeof *list);
    size_t n = 0;
    if (list == NULL)
        return say(verb, "out of memory%s", "");
    for (const char *at = text;; at++) {
        char *end;
        long rank = strtol(at, &end, 10);
        if (end == at || *at == '+' || rank < 0 || rank > INT_MAX ||
            (*end != ',' && *end != '\0')) {
            free(list);
            return say(verb, "%s: this is no list of ranks, such as 1,2,5", text);
        }
        list[n++] = (int)rank;
        at = end;
        if (*end == '\0')
            break;
    }
    *ranks = list;
    *count = n;
    return 0;
}

static int read_digits(const char **at, uint64_t *value)
{
    char *end;
    if (**at < '0' || **at > '9')
        return -1;
    errno = 0;
    *value = strtoull(*at, &end, 10);
    *at = end;
    return errno == 0 ? 0 : -1;
}

int options_task(const char *verb, const char *text, uint64_t *call, uint64_t *index)
{
    const char *at = text;
    *index = UINT64_MAX;
    if (read_digits(&at, call) == 0 &&
        (*at == '\0' || (*at == '.' && (at++, read_digits(&at, index) == 0) && *at == '\0')))
        return 0;
    return say(verb, "%s: this is no task; they are CALL or CALL.INDEX, such as 3.17", text);
}

int options_next(int argc, char **argv, const char *brief)
{
    static const struct option none[] = {{NULL, 0, NULL, 0}};
    return getopt_long(argc, argv, brief, none, NULL);
}

int options_end(const char *verb, int argc, char **argv, int at)
{
    return at < argc ? say(verb, "%s: nothing is expected here", argv[at]) : 0;
}

int options_refuse(const char *verb, const char *format, const char *word)
{
    say(verb, format, word);
    return CLI_USAGE;
}

int options_need(const char *verb, int argc, int at, const char *what)
{
    return at < argc ? 0 : say(verb, "%s is missing", what);
}

int options_wrong(const char *verb, int what, char **argv)
{
    char program[64];
    snprintf(program, sizeof program, PROGRAM " %s", verb);
    cli_refuse(program, what, argv);
    return CLI_USAGE;
}
