#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_error(const char *program, const char *format, ...)
{
    char line[1200];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fprintf(stderr, "%s: %s\n", program, size < 0 ? format : line);
}

void cli_file_error(const char *program, const char *file, int error)
{
    cli_error(program, "%s: %s", file, strerror(error));
}

/* 0: a number; -1: not one; 1: one too large for 64 bits. */
static int parse(const char *text, uint64_t *number)
{
    uint64_t n = 0;
    int overflow = 0;
    if (*text == '\0') {
        return -1;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        unsigned digit = (unsigned)(*text - '0');
        overflow |= n > (UINT64_MAX - digit) / 10;
        n = n * 10 + digit;
    }
    *number = n;
    return overflow;
}

int cli_number(const char *program, const char *option, const char *text, uint64_t low,
               uint64_t high, uint64_t *number)
{
    uint64_t n = 0;
    int status = parse(text, &n);
    if (status < 0) {
        cli_error(program, "%s %s: not a whole number", option, text);
        return -1;
    }
    if (status > 0 || n < low || n > high) {
        cli_error(program, "%s %s: must be from %" PRIu64 " to %" PRIu64, option, text, low, high);
        return -1;
    }
    *number = n;
    return 0;
}

int cli_real(const char *program, const char *option, const char *text, double low, double high,
             double *number)
{
    char *end;
    double x = strtod(text, &end);

    if (end == text || *end != '\0' || !isfinite(x)) {
        cli_error(program, "%s %.80s: not a number", option, text);
        return -1;
    }
    if (x < low || x > high) {
        cli_error(program, "%s %.80s: must be from %g to %g", option, text, low, high);
        return -1;
    }
    *number = x;
    return 0;
}

int cli_refuse(const char *program, int what, char **argv)
{
    const char *word = argv[optind - 1];
    int length = (int)strcspn(word, "="), is_long = strncmp(word, "--", 2) == 0;

    if (what == ':' && is_long)
        cli_error(program, "%.*s needs an argument", length, word);
    else if (what == ':')
        cli_error(program, "-%c needs an argument", optopt);
    else if (optopt == 0)
        cli_error(program, "unknown option %.*s, or unclear", length, word);
    else if (is_long && word[length] == '=')
        cli_error(program, "%.*s takes no argument", length, word);
    else
        cli_error(program, "unknown option -%c", optopt);
    return -1;
}

int cli_answer(const char *text, int *status)
{
    fputs(text, stdout);
    *status = fflush(stdout) == 0 ? CLI_OK : CLI_FAILURE;
    return -1;
}

char *cli_commas(uint64_t n, char text[CLI_COMMAS])
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%" PRIu64, n);
    char *out = text;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0) {
            *out++ = ',';
        }
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}
