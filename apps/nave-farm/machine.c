#include "machine.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { UNITS_MAX = 1 << 20 };

static const char *number(const char *text, int *n)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || value < -1 || value >= UNITS_MAX)
        return NULL;
    *n = (int)value;
    return end;
}

const char *machine_range(const char *list, int *from, int *to)
{
    const char *end = *list >= '0' && *list <= '9' ? number(list, from) : NULL;

    *to = *from;
    if (end != NULL && *end == '-')
        end = number(end + 1, to);
    return end == NULL ? NULL : end + (*end == ',');
}

static int add_core(machine *m, int package, int numa)
{
    machine_core *cores;

    /* A power of two: the room is used up. */
    if ((m->count & (m->count - 1)) == 0) {
        cores = realloc(m->cores, (m->count > 0 ? 2 * m->count : 1) * sizeof *cores);
        if (cores == NULL)
            return -1;
        m->cores = cores;
    }
    m->cores[m->count++] = (machine_core){package, numa};
    return 0;
}

static int add_units(machine *m, int from, int to)
{
    if (to >= m->units) {
        int *core_of = realloc(m->core_of, (size_t)(to + 1) * sizeof *core_of);
        if (core_of == NULL)
            return -1;
        for (; m->units <= to; m->units++)
            core_of[m->units] = -1;
        m->core_of = core_of;
    }
    for (int unit = from; unit <= to; unit++)
        m->core_of[unit] = (int)m->count - 1;
    return 0;
}

/* "PACKAGE/NUMA:"; NULL: it is something else. */
static const char *read_head(const char *text, int *package, int *numa)
{
    text = number(text, package);
    text = text != NULL && *text == '/' ? number(text + 1, numa) : NULL;
    return text != NULL && *text == ':' ? text + 1 : NULL;
}

/* The units of the core that is the last one now. */
static const char *read_units(machine *m, const char *text)
{
    int from = 0, to = 0;

    for (const char *rest; (rest = machine_range(text, &from, &to)) != NULL; text = rest)
        if (add_units(m, from, to) < 0)
            return NULL;
    return text;
}

int machine_read(machine *m, const char *text)
{
    int package = -1, numa = -1;

    *m = (machine){0};
    while (*text != '\0') {
        if (*text == '|' || m->count == 0)
            text = read_head(text + (*text == '|'), &package, &numa);
        else if (*text == ' ')
            text++;
        else
            text = NULL;
        if (text == NULL) {
            machine_release(m);
            return 0;
        }
        if (add_core(m, package, numa) < 0 || (text = read_units(m, text)) == NULL)
            return -1;
    }
    return 0;
}

void machine_release(machine *m)
{
    free(m->cores);
    free(m->core_of);
    *m = (machine){0};
}

size_t machine_units(const machine *m)
{
    size_t n = 0;

    for (int unit = 0; unit < m->units; unit++)
        n += m->core_of[unit] >= 0;
    return n;
}

size_t machine_packages(const machine *m)
{
    size_t n = 0;

    for (size_t i = 0; i < m->count; i++)
        n += i == 0 || m->cores[i].package != m->cores[i - 1].package;
    return n;
}

int machine_touches(const machine *m, size_t core, const char *list)
{
    int from = 0, to = 0;

    while ((list = machine_range(list, &from, &to)) != NULL)
        for (int unit = from; unit <= to && unit < m->units; unit++)
            if (m->core_of[unit] == (int)core)
                return 1;
    return 0;
}
