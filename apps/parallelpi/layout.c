#include "layout.h"

#include <stdio.h>
#include <string.h>

static size_t skip_separators(const unsigned char *head, size_t size, size_t at)
{
    while (at < size && pi_is_separator(head[at]))
        at++;
    return at;
}

/* 1 when the digits from `at` on, separators apart, begin with `digits`. */
static int digits_follow(const unsigned char *head, size_t size, size_t at, const char *digits)
{
    for (; *digits != '\0'; digits++, at++) {
        at = skip_separators(head, size, at);
        if (at >= size || head[at] != (unsigned char)*digits)
            return 0;
    }
    return 1;
}

size_t pi_layout_start(const unsigned char *head, size_t size)
{
    size_t start = size >= 3 && memcmp(head, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    size_t three = skip_separators(head, size, start);
    size_t next;

    if (three >= size || head[three] != '3')
        return start;
    next = skip_separators(head, size, three + 1);
    if (next < size && head[next] == '.')
        return next + 1;
    return digits_follow(head, size, next, "14159265") ? three + 1 : start;
}

void pi_layout_show(unsigned char byte, char *text)
{
    if (byte > ' ' && byte < 0x7f)
        snprintf(text, 16, "'%c' (0x%02x)", byte, byte);
    else
        snprintf(text, 16, "0x%02x", byte);
}
