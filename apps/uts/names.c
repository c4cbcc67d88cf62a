#include "names.h"

#include <string.h>

enum { KINDS = 4 };

static const char *const types[KINDS] = {"binomial", "geometric", "hybrid", "balanced"};
static const char *const shapes[KINDS] = {"linear", "exponential", "cyclic", "fixed"};

const char *uts_name_type(enum uts_type type)
{
    return types[type];
}

const char *uts_name_shape(enum uts_shape shape)
{
    return shapes[shape];
}

static int find(const char *const names[KINDS], const char *text)
{
    for (int i = 0; i < KINDS; i++)
        if (strcmp(text, names[i]) == 0 || (text[0] == '0' + i && text[1] == '\0'))
            return i;
    return -1;
}

int uts_name_find_type(const char *text, enum uts_type *type)
{
    int found = find(types, text);

    if (found < 0)
        return -1;
    *type = (enum uts_type)found;
    return 0;
}

int uts_name_find_shape(const char *text, enum uts_shape *shape)
{
    int found = find(shapes, text);

    if (found < 0)
        return -1;
    *shape = (enum uts_shape)found;
    return 0;
}
