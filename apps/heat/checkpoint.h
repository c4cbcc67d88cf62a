/* checkpoint - a field in a file, from which any number of ranks can go on.
 *
 * The file: a heat_header, the cells as doubles in order of rows, and the heat_hash() of the cells;
 * all in the byte order of the machine. */
#ifndef HEAT_CHECKPOINT_H
#define HEAT_CHECKPOINT_H

#include "field.h"

#include <stdint.h>
#include <stdio.h>

typedef struct heat_header {
    char magic[8];  /* "nvheat1\n" */
    uint64_t order; /* 0x0102030405060708 */
    uint64_t rows, columns;
    int64_t step;
    double time;
} heat_header;

heat_header heat_header_of(const size_t shape[2], int64_t step, double time);

/* Whether this is the header of a checkpoint in a file of `size` bytes.  NULL, or why not. */
const char *heat_header_check(const heat_header *header, uint64_t size);

/* Writes the field; the file appears complete or not at all.  Collective; only rank 0 needs the
 * name.  Returns 0, or an errno value on all ranks. */
int heat_checkpoint_write(const heat_field *field, const char *name);

typedef struct heat_checkpoint {
    const char *name;
    FILE *file; /* on rank 0 */
    heat_header header;
} heat_checkpoint;

/* Opens a file to go on from, before there is a field.  `shape` is how it should be; {0, 0}: any,
 * and it is stored there.  Collective over MPI_COMM_WORLD.  Returns 0; or -1 on all ranks, and rank
 * 0 has said why. */
int heat_checkpoint_open(heat_checkpoint *checkpoint, const char *name, size_t shape[2]);

/* Reads the field, step and time.  Collective.  Returns as above. */
int heat_checkpoint_read(heat_checkpoint *checkpoint, heat_field *field);

/* Allowed at any time, also of one that is all zero. */
void heat_checkpoint_close(heat_checkpoint *checkpoint);

#endif
