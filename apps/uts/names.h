/* names - the types and shapes of trees in words. */
#ifndef UTS_NAMES_H
#define UTS_NAMES_H

#include "tree.h"

#include <stddef.h>

const char *uts_name_type(enum uts_type type);
const char *uts_name_shape(enum uts_shape shape);

/* By name, or by the published program's number. Return 0, or -1 when there is no such one. */
int uts_name_find_type(const char *text, enum uts_type *type);
int uts_name_find_shape(const char *text, enum uts_shape *shape);

#endif
