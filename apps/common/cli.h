/* What every program's command line needs: one-line errors and strict numbers. */
#ifndef COMMON_CLI_H
#define COMMON_CLI_H

#include <stddef.h>
#include <stdint.h>

/* The exit status of all programs. */
enum {
    CLI_OK = 0,
    CLI_FAILURE = 1,
    CLI_USAGE = 2,
    CLI_LOST = 3, /* so many engines are lost that the farm could not go on */
    CLI_AGAIN =
        99 /* stopped before its job was, with work left; Grid Engine runs such jobs again */
};

/* "PROGRAM: message", one line on stderr in one write; a newline is added. */
__attribute__((format(printf, 2, 3))) void cli_error(const char *program, const char *format, ...);

/* "PROGRAM: FILE: why", why being the text of an errno value. */
void cli_file_error(const char *program, const char *file, int error);

/*
 * A whole number from low to high, digits only (no sign, no suffix, no blanks).  Returns 0, or -1
 * after an error line that names the option and the range.
 */
int cli_number(const char *program, const char *option, const char *text, uint64_t low,
               uint64_t high, uint64_t *number);

/* The same for a real number: finite, as strtod() reads it, nothing behind it. */
int cli_real(const char *program, const char *option, const char *text, double low, double high,
             double *number);

/* An error line on what getopt_long() with a leading ':' has returned: ':' a missing argument, '?' an
 * unknown option.  Returns -1. */
int cli_refuse(const char *program, int what, char **argv);

/* Prints what was asked for instead of work, --help say; *status is the exit status.  Returns -1. */
int cli_answer(const char *text, int *status);

/* n with a comma between groups of three digits; returns text. */
enum { CLI_COMMAS = 32 };
char *cli_commas(uint64_t n, char text[CLI_COMMAS]);

#endif
