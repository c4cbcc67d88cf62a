#include "shell_words.h"

#include <stdlib.h>
#include <string.h>

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What is between quotes, *from being behind the first.  0, or -1: the last is missing. */
static int take_quoted(const char **from, char **to, char quote)
{
    const char *at = *from;
    while (*at != '\0' && *at != quote) {
        if (quote == '"' && at[0] == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        *(*to)++ = *at++;
    }
    *from = at + (*at == quote);
    return *at == quote ? 0 : -1;
}

/* A word, and the zero behind it; 0, or -1. */
static int take_word(const char **from, char **to, const char **why)
{
    while (**from != '\0' && !is_blank(**from)) {
        char c = *(*from)++;
        if (c == '\'' || c == '"') {
            *why = c == '"' ? "a \" is missing" : "a ' is missing";
            if (take_quoted(from, to, c) != 0)
                return -1;
        } else if (c == '\\' && **from == '\0') {
            *why = "nothing comes after the last \\";
            return -1;
        } else {
            *(*to)++ = c == '\\' ? *(*from)++ : c;
        }
    }
    *(*to)++ = '\0';
    return 0;
}

int shell_words_split(shell_words *out, const char *line, const char **why)
{
    size_t size = strlen(line);
    char *to;
    *out = (shell_words){.words = malloc((size / 2 + 2) * sizeof *out->words),
                         .bytes = malloc(size + 1)};
    *why = "out of memory";
    if (out->words == NULL || out->bytes == NULL)
        return -1;
    to = out->bytes;
    for (;;) {
        while (is_blank(*line))
            line++;
        if (*line == '\0' || *line == '#')
            break;
        out->words[out->count++] = to;
        if (take_word(&line, &to, why) != 0)
            return -1;
    }
    out->words[out->count] = NULL;
    return 0;
}

void shell_words_release(shell_words *words)
{
    free(words->words);
    free(words->bytes);
    *words = (shell_words){0};
}

int shell_words_take(shell_words *words, const char *word)
{
    int left = 0, taken = 0, ended = 0;
    for (int i = 0; i < words->count; i++) {
        ended = ended || strcmp(words->words[i], "--") == 0;
        if (!ended && strcmp(words->words[i], word) == 0)
            taken++;
        else
            words->words[left++] = words->words[i];
    }
    words->words[words->count = left] = NULL;
    return taken;
}
