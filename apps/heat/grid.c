#include "grid.h"

heat_span heat_cut(size_t n, int parts, int part)
{
    size_t start = n * (size_t)part / (size_t)parts;
    size_t end = n * ((size_t)part + 1) / (size_t)parts;

    return (heat_span){start, end - start};
}

/* MPI_Dims_create() does not know the shape: it would cut a long field the long way, and leave
 * ranks without cells where a field is thin. */
int heat_grid_choose(const size_t shape[2], int ranks, int dims[2])
{
    size_t least = 0;
    int found = -1;

    for (int columns = 1; columns <= ranks; columns++) {
        int rows = ranks / columns;
        size_t cuts = (size_t)(rows - 1) * shape[1] + (size_t)(columns - 1) * shape[0];
        if (rows * columns != ranks || (size_t)rows > shape[0] || (size_t)columns > shape[1])
            continue;
        if (found == 0 && cuts >= least)
            continue;
        least = cuts;
        dims[0] = rows;
        dims[1] = columns;
        found = 0;
    }
    return found;
}

int heat_grid_init(heat_grid *grid, const size_t shape[2])
{
    const int periods[2] = {0, 0};

    *grid = (heat_grid){.comm = MPI_COMM_NULL, .shape = {shape[0], shape[1]}};
    MPI_Comm_size(MPI_COMM_WORLD, &grid->ranks);
    if (heat_grid_choose(shape, grid->ranks, grid->dims) < 0)
        return -1;
    MPI_Cart_create(MPI_COMM_WORLD, 2, grid->dims, periods, 0, &grid->comm);
    MPI_Comm_rank(grid->comm, &grid->rank);
    MPI_Cart_coords(grid->comm, grid->rank, 2, grid->at);
    for (int d = 0; d < 2; d++) {
        grid->span[d] = heat_cut(shape[d], grid->dims[d], grid->at[d]);
        MPI_Cart_shift(grid->comm, d, 1, &grid->before[d], &grid->after[d]);
    }
    return 0;
}

void heat_grid_release(heat_grid *grid)
{
    if (grid->comm != MPI_COMM_NULL)
        MPI_Comm_free(&grid->comm);
}
