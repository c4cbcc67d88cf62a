#include "sheet.h"

#include <string.h>

enum { GROUP = 10, LINE = 100, CELL = GROUP + 1 /* a group and what follows it */ };

static const char *const names[] = {"grouped", "plain"};

const char *sheet_layout_name(sheet_layout layout)
{
    return names[layout];
}

int sheet_layout_named(const char *name, sheet_layout *layout)
{
    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            *layout = (sheet_layout)i;
            return 0;
        }
    }
    return -1;
}

uint64_t sheet_size(sheet_layout layout, uint64_t digits)
{
    return layout == SHEET_PLAIN ? digits + 1 : digits + (digits + GROUP - 1) / GROUP;
}

size_t sheet_room(size_t digits)
{
    return digits + digits / GROUP + 2;
}

static size_t fill_groups(const char *digits, uint64_t first, size_t n, uint64_t total, char *out)
{
    char *start = out;
    size_t i = 0;
    while (i < n) {
        size_t take = GROUP - (first + i) % GROUP;
        take = take < n - i ? take : n - i;
        memcpy(out, digits + i, take);
        out += take;
        i += take;
        uint64_t position = first + i;
        if (position % LINE == 0 || position == total) {
            *out++ = '\n';
        } else if (position % GROUP == 0) {
            *out++ = ' ';
        }
    }
    return (size_t)(out - start);
}

size_t sheet_fill(sheet_layout layout, const char *digits, uint64_t first, size_t n, uint64_t total,
                  char *out)
{
    if (layout == SHEET_GROUPED) {
        return fill_groups(digits, first, n, total, out);
    }
    memcpy(out, digits, n);
    if (first + n == total) {
        out[n++] = '\n';
    }
    return n;
}

/* What stands at a place of the file: '0' for any digit. */
static char expected(sheet_layout layout, uint64_t at, uint64_t total)
{
    if (at + 1 == sheet_size(layout, total)) {
        return '\n';
    }
    if (layout == SHEET_PLAIN || at % CELL != GROUP) {
        return '0';
    }
    return at % (LINE / GROUP * CELL) == LINE / GROUP * CELL - 1 ? '\n' : ' ';
}

size_t sheet_misfit(sheet_layout layout, const char *text, uint64_t at, size_t n, uint64_t total)
{
    for (size_t i = 0; i < n; i++) {
        char want = expected(layout, at + i, total);
        if (want == '0' ? text[i] < '0' || text[i] > '9' : text[i] != want) {
            return i;
        }
    }
    return n;
}
