/* npy - the head of a NumPy file (.npy), in front of the numbers themselves: written, and read strictly.
 *
 * A head that was accepted describes an array in C order, whose `size` bytes
 * begin at `offset`; their end is a number of size_t too.  Whether they are all there is the caller's to
 * see.
 */
#ifndef NAVE_NPY_H
#define NAVE_NPY_H

#include <stddef.h>

enum { NPY_ROOM = 256, NPY_DIMS = 4 };

struct npy_array {
    const char *type; /* a static string: "double", "int64", "char", ..., see npy_header() */
    size_t item;      /* bytes of an element */
    int dims;         /* 0: a single number */
    size_t shape[NPY_DIMS];
    size_t offset, size; /* of the numbers, in bytes */
};

/* Makes a head of format 1.0.  type: "double", "float", "char" (bytes, S1), "int8" to "int64", "uint8" to
 * "uint64"; foreign: they are in the other byte order than this machine's; dims is 0 to NPY_DIMS.  Returns its bytes, a multiple of 64; 0: no such type, or dims. */
size_t npy_header(char out[NPY_ROOM], const char *type, int foreign, int dims, const size_t *shape);

/* Bytes of an element of such a type; 0: there is none of that name. */
size_t npy_item(const char *type);

/* Reads a head of format 1.0 or 2.0 that is the beginning of `data`, of numbers in this machine's byte order
 * (foreign: the other one); others are refused.  0, or -1 and a line in `why`, cut to
 * `room` bytes; out is then untouched. */
int npy_read_header(const void *data, size_t size, int foreign, struct npy_array *out, char *why,
                    size_t room);

#endif
