/* types - see types.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "types.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size;
} types[] = {[NAVE_DOUBLE] = {"double", 8},
             [NAVE_FLOAT] = {"float", 4},
             [NAVE_INT64] = {"int64", 8},
             [NAVE_INT32] = {"int32", 4},
             [NAVE_UINT8] = {"uint8", 1}};

enum { TYPES = sizeof types / sizeof *types };

size_t nv_type_size(enum nave_type type)
{
    return (int)type > 0 && (int)type < TYPES ? types[type].size : 0;
}

const char *nv_type_name(enum nave_type type)
{
    return nv_type_size(type) > 0 ? types[type].name : "";
}

enum nave_type nv_type_of(const char *name)
{
    int type = 1;
    while (type < TYPES && strcmp(types[type].name, name) != 0)
        type++;
    return type < TYPES ? (enum nave_type)type : (enum nave_type)0;
}
