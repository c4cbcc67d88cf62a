/* shell_words - a line of `nave shell` as words.  Pure. */
#ifndef NAVE_SHELL_WORDS_H
#define NAVE_SHELL_WORDS_H

#include <stddef.h>

/* All zero: none. */
typedef struct shell_words {
    char **words; /* `count` of them, then NULL, as argv */
    int count;
    char *bytes; /* where they are */
} shell_words;

/* Splits a line at blanks.  'As it is', "but for \" and \\", \ before a character takes away what it
 * means; # where a word could begin: the rest is a comment.  0, or -1 with *why; release in any case. */
int shell_words_split(shell_words *out, const char *line, const char **why);
void shell_words_release(shell_words *words);

/* Takes out each word that is so, up to a word "--"; returns how many there were. */
int shell_words_take(shell_words *words, const char *word);

#endif
