/* grid - how a field of cells is dealt out to ranks that stand in rows and columns themselves.
 *
 * Invariant: the blocks cover the field once, and none is empty. */
#ifndef HEAT_GRID_H
#define HEAT_GRID_H

#include <mpi.h>
#include <stddef.h>

enum { HEAT_SIDE_MAX = 1000000 }; /* cells in one direction */

typedef struct heat_span {
    size_t start, count;
} heat_span;

/* Part `part` of `parts` of n things. */
heat_span heat_cut(size_t n, int parts, int part);

/* How many rows and columns of ranks for a field of this shape: those with the shortest cuts, with
 * the fewer columns if that leaves a choice.  Returns 0, or -1: every way leaves a rank without
 * cells. */
int heat_grid_choose(const size_t shape[2], int ranks, int dims[2]);

/* Index 0 is for rows (y), 1 for columns (x), everywhere. */
typedef struct heat_grid {
    MPI_Comm comm; /* Cartesian; the same ranks as in MPI_COMM_WORLD */
    int rank, ranks;
    int dims[2];       /* rows and columns of ranks */
    int at[2];         /* where this rank stands */
    int before[2];     /* the ranks above and to the left, MPI_PROC_NULL at the edge */
    int after[2];      /* below and to the right */
    size_t shape[2];   /* of the whole field */
    heat_span span[2]; /* this rank's block */
} heat_grid;

/* Collective over MPI_COMM_WORLD.  Returns 0, or -1 on all ranks: too many of them. */
int heat_grid_init(heat_grid *grid, const size_t shape[2]);
void heat_grid_release(heat_grid *grid);

#endif
