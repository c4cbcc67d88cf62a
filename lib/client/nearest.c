/* nearest - see nearest.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "nearest.h"

#include <string.h>

enum { LENGTH_MAX = 127 }; /* longer names are like no other */

/* Number of single-character changes that turn one name into the other (Levenshtein 1966). */
static size_t distance(const char *a, const char *b)
{
    size_t row[LENGTH_MAX + 2];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            size_t change = corner + (a[i] != b[j]);
            size_t step = 1 + (row[j] < row[j + 1] ? row[j] : row[j + 1]);
            corner = row[j + 1];
            row[j + 1] = change < step ? change : step;
        }
    }
    return row[width];
}

struct nv_nearest nv_nearest_to(const char *name)
{
    size_t length = strlen(name);
    return (struct nv_nearest){.name = name,
                               .least = length > 0 && length <= LENGTH_MAX ? length / 3 + 2 : 0};
}

void nv_nearest_try(struct nv_nearest *nearest, const char *candidate)
{
    size_t changes;
    if (nearest->least == 0 || strlen(candidate) > LENGTH_MAX)
        return;
    changes = distance(nearest->name, candidate);
    if (changes >= nearest->least)
        return;
    nearest->least = changes;
    nearest->best = candidate;
}
