/* Design notes.  A step sends the outermost cells of the block, and works on all others while they
 * travel; the outermost, which need the neighbours' cells, come last.  They are written to another
 * buffer than is read, so nothing waits for a send but the end of the step. */
#include "field.h"
#include "stencil.h"

#include <stdlib.h>

enum { UP, DOWN, LEFT, RIGHT, WAYS }; /* also the tags: which way a message goes */

typedef struct area {
    heat_span rows, columns; /* of the block */
} area;

static size_t cells(const heat_field *field)
{
    return (field->grid->span[0].count + 2) * field->stride;
}

static double *cell(const heat_field *field, double *buffer, size_t i, size_t j)
{
    return buffer + (i + 1) * field->stride + j + 1;
}

double *heat_field_row(const heat_field *field, size_t i)
{
    return cell(field, field->now, i, 0);
}

int heat_field_init(heat_field *field, const heat_grid *grid, double edge)
{
    size_t rows = grid->span[0].count, columns = grid->span[1].count;
    int mine, all; /* whether there is memory */

    *field = (heat_field){.grid = grid, .edge = edge, .stride = columns + 2};
    MPI_Type_contiguous((int)columns, MPI_DOUBLE, &field->row);
    MPI_Type_vector((int)rows, 1, (int)field->stride, MPI_DOUBLE, &field->column);
    MPI_Type_commit(&field->row);
    MPI_Type_commit(&field->column);
    field->now = malloc(cells(field) * sizeof(double));
    field->next = malloc(cells(field) * sizeof(double));
    field->weights[0] = malloc(rows * sizeof(double));
    field->weights[1] = malloc(columns * sizeof(double));
    mine = field->now && field->next && field->weights[0] && field->weights[1];
    all = mine;
    MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_LAND, grid->comm);
    if (!mine || !all)
        return -1;
    heat_field_reset(field);
    return 0;
}

void heat_field_release(heat_field *field)
{
    free(field->now);
    free(field->next);
    free(field->weights[0]);
    free(field->weights[1]);
    MPI_Type_free(&field->row);
    MPI_Type_free(&field->column);
}

void heat_field_reset(heat_field *field)
{
    for (size_t i = 0; i < cells(field); i++)
        field->now[i] = field->next[i] = field->edge;
    field->step = 0;
    field->time = 0;
}

/* ---- the step ---- */

static void aim(heat_field *field, const heat_model *model)
{
    const heat_grid *grid = field->grid;

    if (field->width == model->width && field->spot[0] == model->spot[0] &&
        field->spot[1] == model->spot[1])
        return;
    for (int d = 0; d < 2; d++) {
        heat_spot(field->weights[d], grid->shape[d], grid->span[d].start, grid->span[d].count,
                  model->spot[d], model->width);
        field->spot[d] = model->spot[d];
    }
    field->width = model->width;
}

static void begin_exchange(const heat_field *field, MPI_Request travelling[2 * WAYS])
{
    const heat_grid *grid = field->grid;
    size_t rows = grid->span[0].count, columns = grid->span[1].count;
    double *now = field->now, *first = cell(field, now, 0, 0);
    double *above = first - field->stride, *below = cell(field, now, rows, 0);
    MPI_Comm comm = grid->comm;

    MPI_Irecv(below, 1, field->row, grid->after[0], UP, comm, &travelling[0]);
    MPI_Irecv(above, 1, field->row, grid->before[0], DOWN, comm, &travelling[1]);
    MPI_Irecv(first + columns, 1, field->column, grid->after[1], LEFT, comm, &travelling[2]);
    MPI_Irecv(first - 1, 1, field->column, grid->before[1], RIGHT, comm, &travelling[3]);
    MPI_Isend(first, 1, field->row, grid->before[0], UP, comm, &travelling[4]);
    MPI_Isend(below - field->stride, 1, field->row, grid->after[0], DOWN, comm, &travelling[5]);
    MPI_Isend(first, 1, field->column, grid->before[1], LEFT, comm, &travelling[6]);
    MPI_Isend(first + columns - 1, 1, field->column, grid->after[1], RIGHT, comm, &travelling[7]);
}

static void sweep(const heat_field *field, const heat_rule *rule, area part)
{
    size_t stride = field->stride, j = part.columns.start;

    for (size_t i = part.rows.start; i < part.rows.start + part.rows.count; i++) {
        const double *here = cell(field, field->now, i, j);
        heat_rows rows = {.above = here - stride,
                          .here = here,
                          .below = here + stride,
                          .spot = field->weights[1] + j,
                          .weight = field->weights[0][i]};
        heat_stencil(rule, &rows, cell(field, field->next, i, j), part.columns.count);
    }
}

/* All but the outermost of n. */
static heat_span within(size_t n)
{
    return (heat_span){1, n > 2 ? n - 2 : 0};
}

static void sweep_rim(const heat_field *field, const heat_rule *rule)
{
    size_t rows = field->grid->span[0].count, columns = field->grid->span[1].count;
    heat_span all = {0, columns}, inner = within(rows);

    sweep(field, rule, (area){{0, 1}, all});
    if (rows > 1)
        sweep(field, rule, (area){{rows - 1, 1}, all});
    sweep(field, rule, (area){inner, {0, 1}});
    if (columns > 1)
        sweep(field, rule, (area){inner, {columns - 1, 1}});
}

void heat_field_step(heat_field *field, const heat_model *model)
{
    const heat_span *span = field->grid->span;
    heat_rule rule =
        heat_rule_of(field->grid->shape, model->kappa, model->source ? model->strength : 0);
    MPI_Request travelling[2 * WAYS];
    double *old = field->now;

    aim(field, model);
    begin_exchange(field, travelling);
    sweep(field, &rule, (area){within(span[0].count), within(span[1].count)});
    MPI_Waitall(2 * WAYS, travelling, MPI_STATUSES_IGNORE);
    sweep_rim(field, &rule);
    field->now = field->next;
    field->next = old;
    field->step++;
    field->time += rule.dt;
}

double heat_field_mean(const heat_field *field)
{
    const heat_span *span = field->grid->span;
    double sum = 0;

    for (size_t i = 0; i < span[0].count; i++) {
        const double *row = heat_field_row(field, i);
        for (size_t j = 0; j < span[1].count; j++)
            sum += row[j];
    }
    return sum / ((double)span[0].count * (double)span[1].count);
}
