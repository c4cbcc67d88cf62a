/* words - lengths of time as batch systems write them, and words as a shell reads them. */
#ifndef NAVE_WORDS_H
#define NAVE_WORDS_H

#include <stdint.h>
#include <stdio.h>

/* The longest time that is taken: ten years, in seconds. */
enum { WORDS_TIME_MAX = 315360000 };

/* A length of time: [[D-]HH:]MM:SS, a number of seconds, or numbers with units (90m, 1d12h, 1h30m20s).
 * Returns 0, or -1: it is none, or longer than WORDS_TIME_MAX. */
int words_time(const char *text, uint64_t *seconds);

/* HH:MM:SS, with as many hours as it takes; returns text. */
enum { WORDS_CLOCK = 32 };
char *words_clock(uint64_t seconds, char text[WORDS_CLOCK]);

/* Writes a word so that a shell reads just this word. */
void words_quote(FILE *out, const char *word);

/* Whether it is one line that can be printed, and not empty. */
int words_line(const char *text);

/* Makes of the last part of a path what all systems take as the name of a job: a letter, then letters,
 * digits, dots, dashes and underscores, 15 bytes in all (PBS takes no more). */
enum { WORDS_NAME = 16 };
char *words_name(const char *path, char name[WORDS_NAME]);

#endif
