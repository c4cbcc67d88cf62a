#include "words.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* ---------------------------------------------------------------------------------------- times */

/* Digits in front of *text, which is moved behind them; -1: none, or a number too large. */
static int64_t take_number(const char **text)
{
    int64_t n = -1;

    for (; isdigit((unsigned char)**text) && n <= WORDS_TIME_MAX; ++*text)
        n = (n < 0 ? 0 : n) * 10 + (**text - '0');
    return n <= WORDS_TIME_MAX ? n : -1;
}

/* Behind the first number: a day's dash, colons. */
static int64_t take_clock(int64_t first, const char *text)
{
    int64_t days = 0, seconds = first, part;
    int colons = 0;

    if (*text == '-') {
        days = first;
        text++;
        if ((seconds = take_number(&text)) < 0)
            return -1;
    }
    for (; *text == ':' && colons < 2; colons++) {
        text++;
        if ((part = take_number(&text)) < 0 || part > 59)
            return -1;
        seconds = seconds * 60 + part;
    }
    if (*text != '\0' || (days > 0 && colons != 2))
        return -1;
    return days * 86400 + seconds;
}

static int64_t seconds_of(char unit)
{
    switch (unit) {
    case 'd':
        return 86400;
    case 'h':
        return 3600;
    case 'm':
        return 60;
    default:
        return unit == 's';
    }
}

/* Behind the first number: its unit, then more, each of a smaller unit. */
static int64_t take_units(int64_t number, const char *text)
{
    int64_t sum = 0, unit, above = INT64_MAX;

    for (;;) {
        unit = seconds_of(*text++);
        if (number < 0 || unit == 0 || unit >= above)
            return -1;
        sum += number * unit;
        if (*text == '\0')
            return sum;
        above = unit;
        number = take_number(&text);
    }
}

int words_time(const char *text, uint64_t *seconds)
{
    int64_t n = take_number(&text);

    if (n >= 0)
        n = seconds_of(*text) > 0 ? take_units(n, text) : take_clock(n, text);
    if (n < 0 || n > WORDS_TIME_MAX)
        return -1;
    *seconds = (uint64_t)n;
    return 0;
}

char *words_clock(uint64_t seconds, char text[WORDS_CLOCK])
{
    snprintf(text, WORDS_CLOCK, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
             seconds / 60 % 60, seconds % 60);
    return text;
}

/* ---------------------------------------------------------------------------------------- words */

static const char plain[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,+%@=-";

void words_quote(FILE *out, const char *word)
{
    if (*word != '\0' && word[strspn(word, plain)] == '\0') {
        fputs(word, out);
        return;
    }
    putc('\'', out);
    for (; *word != '\0'; word++) {
        if (*word == '\'')
            fputs("'\\''", out);
        else
            putc(*word, out);
    }
    putc('\'', out);
}

int words_line(const char *text)
{
    const char *at = text;

    while (*at != '\0' && !iscntrl((unsigned char)*at))
        at++;
    return at > text && *at == '\0';
}

char *words_name(const char *path, char name[WORDS_NAME])
{
    const char *base = strrchr(path, '/');
    size_t n = 0;

    base = base != NULL ? base + 1 : path;
    if (!isalpha((unsigned char)*base))
        name[n++] = 'j';
    for (; *base != '\0' && n < WORDS_NAME - 1; base++)
        name[n++] = (char)(isalnum((unsigned char)*base) || strchr("._-", *base) ? *base : '_');
    name[n] = '\0';
    return name;
}
