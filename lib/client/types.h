/* types - the elements of arrays that are seen from outside. */
#ifndef NV_TYPES_H
#define NV_TYPES_H

#include "nave_kernel.h"

/* Bytes of an element; 0: there is no such type. */
size_t nv_type_size(enum nave_type type);

/* Its name, a static string ("": there is no such type), and back (0: there is none of that name). */
const char *nv_type_name(enum nave_type type);
enum nave_type nv_type_of(const char *name);

#endif
