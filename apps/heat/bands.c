#include "bands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BAND_CELLS = 1 << 17, BAND_TAG = 9 };

typedef struct band {
    const heat_field *field;
    double *cells; /* on rank 0 */
    int part;      /* the row of ranks that has it */
    size_t start;  /* its first row */
    size_t rows;
} band;

/* `rows` rows of `width` cells out of longer ones. To be freed. */
static MPI_Datatype piece_type(size_t rows, size_t width, size_t stride)
{
    MPI_Datatype type;

    MPI_Type_vector((int)rows, (int)width, (int)stride, MPI_DOUBLE, &type);
    MPI_Type_commit(&type);
    return type;
}

static double *own_piece(const band *b)
{
    return heat_field_row(b->field, b->start - b->field->grid->span[0].start);
}

static void copy_rows(double *to, size_t to_stride, const double *from, size_t from_stride,
                      size_t rows, size_t width)
{
    for (size_t i = 0; i < rows; i++)
        memcpy(to + i * to_stride, from + i * from_stride, width * sizeof *to);
}

/* Rank 0 and the rank in column `column` of the band's row, which may be rank 0 too. */
static void meet(const band *b, int column, int gather)
{
    const heat_grid *grid = b->field->grid;
    heat_span span = heat_cut(grid->shape[1], grid->dims[1], column);
    size_t width = grid->shape[1], stride = b->field->stride;
    double *piece = b->cells + span.start;
    const int at[2] = {b->part, column};
    MPI_Datatype type;
    int peer;

    MPI_Cart_rank(grid->comm, at, &peer);
    if (peer == 0 && gather)
        copy_rows(piece, width, own_piece(b), stride, b->rows, span.count);
    if (peer == 0 && !gather)
        copy_rows(own_piece(b), stride, piece, width, b->rows, span.count);
    if (peer == 0)
        return;
    type = piece_type(b->rows, span.count, width);
    if (gather)
        MPI_Recv(piece, 1, type, peer, BAND_TAG, grid->comm, MPI_STATUS_IGNORE);
    else
        MPI_Send(piece, 1, type, peer, BAND_TAG, grid->comm);
    MPI_Type_free(&type);
}

/* The other side.  Synchronous, so that pieces do not pile up at rank 0. */
static void hand_over(const band *b, int gather)
{
    const heat_grid *grid = b->field->grid;
    MPI_Datatype type = piece_type(b->rows, grid->span[1].count, b->field->stride);

    if (gather)
        MPI_Ssend(own_piece(b), 1, type, 0, BAND_TAG, grid->comm);
    else
        MPI_Recv(own_piece(b), 1, type, 0, BAND_TAG, grid->comm, MPI_STATUS_IGNORE);
    MPI_Type_free(&type);
}

/* After an error the others still get and send what they wait for. */
static int pass_band(const band *b, int gather, heat_band_fn *visit, void *arg, int error)
{
    const heat_grid *grid = b->field->grid;
    size_t count = b->rows * grid->shape[1];

    if (grid->rank != 0) {
        if (b->part == grid->at[0])
            hand_over(b, gather);
        return 0;
    }
    if (!gather && error == 0)
        error = visit(arg, b->cells, count);
    for (int column = 0; column < grid->dims[1]; column++)
        meet(b, column, gather);
    if (gather && error == 0)
        error = visit(arg, b->cells, count);
    return error;
}

static int pass_all(band *b, size_t room, int gather, heat_band_fn *visit, void *arg)
{
    const heat_grid *grid = b->field->grid;
    int error = 0;

    for (b->part = 0; b->part < grid->dims[0]; b->part++) {
        heat_span span = heat_cut(grid->shape[0], grid->dims[0], b->part);
        for (size_t done = 0; done < span.count; done += b->rows) {
            b->start = span.start + done;
            b->rows = span.count - done < room ? span.count - done : room;
            error = pass_band(b, gather, visit, arg, error);
        }
    }
    return error;
}

static int pass(const heat_field *field, int gather, heat_band_fn *visit, void *arg)
{
    const heat_grid *grid = field->grid;
    size_t room = BAND_CELLS / grid->shape[1];
    band b = {.field = field};
    int error = 0;

    room = room > 0 ? room : 1;
    if (grid->rank == 0) {
        b.cells = calloc(room * grid->shape[1], sizeof *b.cells);
        error = b.cells == NULL ? ENOMEM : 0;
    }
    MPI_Bcast(&error, 1, MPI_INT, 0, grid->comm);
    if (error == 0)
        error = pass_all(&b, room, gather, visit, arg);
    free(b.cells);
    MPI_Bcast(&error, 1, MPI_INT, 0, grid->comm);
    return error;
}

int heat_bands_gather(const heat_field *field, heat_band_fn *take, void *arg)
{
    return pass(field, 1, take, arg);
}

int heat_bands_scatter(heat_field *field, heat_band_fn *fill, void *arg)
{
    return pass(field, 0, fill, arg);
}
