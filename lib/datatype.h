/* datatype - MPI datatypes and operations in a form that means the same on every rank.
 *
 * MPI handles are local.  A predefined type or operation is sent as its number in a table here, a
 * derived type as its envelope (MPI_Type_get_envelope, MPI_Type_get_contents), an operation of the
 * caller's as its name in nave_options.ops.
 */
#ifndef NV_DATATYPE_H
#define NV_DATATYPE_H

#include "nave.h"

#include <stdbool.h>

/* Writes a type to `bytes` and returns how many it took; 0 when it does not fit into `room` or is
 * of a kind that cannot be rebuilt. */
size_t nv_datatype_encode(MPI_Datatype type, unsigned char *bytes, size_t room);

/* Rebuilds a type; `made` says that it is committed here and must be freed.  False: damaged. */
bool nv_datatype_decode(const unsigned char *bytes, size_t size, MPI_Datatype *type, bool *made);

/* Whether sums and the like of this type do not depend on the order. */
bool nv_datatype_exact(MPI_Datatype type);

/* The number of a predefined operation, or -1; and back (MPI_OP_NULL). */
int nv_operation_number(MPI_Op op);
MPI_Op nv_operation(int number);

#endif
