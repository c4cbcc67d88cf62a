#include "steer.h"
#include "checkpoint.h"
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* Clients are served about every ten milliseconds, so a newer mean would hardly be seen. */
static const double MEAN_AGE = 0.01;

double heat_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- opening ---- */

/* Without kernels and without a door there would be nothing to open. */
static int wants_door(const heat_options *options, const heat_grid *grid)
{
    const char *given =
        options->connection != NULL ? options->connection : getenv("NAVE_CONNECTION");
    int wants = given != NULL && *given != '\0';

    MPI_Bcast(&wants, 1, MPI_INT, 0, grid->comm);
    return wants;
}

/* Errors are said by open_door(). */
static void log_line(void *arg, int level, const char *line)
{
    const heat_options *options = arg;

    if (level == NAVE_LOG_WARNING && !options->quiet)
        nave_log_stderr(NULL, level, line);
}

static int open_door(heat_steer *steer, const heat_options *options, const heat_grid *grid)
{
    nave_options door = {.program = PROGRAM, .log = log_line, .drain = 1};
    int rc;

    door.log_arg = (void *)options;
    door.connection = options->connection;
    door.listen = options->listen;
    rc = nave_open(grid->comm, &door, &steer->ctx);
    if (rc == NAVE_OK)
        return CLI_OK;
    if (grid->rank == 0)
        cli_error(PROGRAM, "%s", steer->ctx != NULL ? nave_error(steer->ctx) : nave_strerror(rc));
    nave_close(&steer->ctx);
    return CLI_FAILURE;
}

int heat_steer_open(heat_steer *steer, const heat_options *options, const heat_grid *grid)
{
    *steer = (heat_steer){
        .model = options->model, .steps = options->steps, .checkpoint = options->checkpoint};
    if (wants_door(options, grid))
        return open_door(steer, options, grid);
    if (options->listen == NULL)
        return CLI_OK;
    if (grid->rank == 0)
        cli_error(PROGRAM, "--listen %s: needs --connection", options->listen);
    return CLI_USAGE;
}

void heat_steer_close(heat_steer *steer)
{
    nave_close(&steer->ctx);
}

/* ---- declarations ---- */

static int write_checkpoint(nave *ctx, const char *text, void *arg)
{
    const heat_steer *steer = arg;
    const char *name = *text != '\0' ? text : steer->checkpoint;
    int error;
    (void)ctx;

    if (name == NULL)
        return EINVAL;
    error = heat_checkpoint_write(steer->field, name);
    if (error != 0 && steer->field->grid->rank == 0)
        cli_file_error(PROGRAM, name, error);
    return error;
}

static void measure(heat_steer *steer)
{
    steer->mean = heat_field_mean(steer->field);
    steer->looked = heat_clock();
}

static int reset(nave *ctx, const char *text, void *arg)
{
    heat_steer *steer = arg;
    (void)ctx;
    (void)text;

    heat_field_reset(steer->field);
    measure(steer);
    return 0;
}

/* The first thing that went wrong. */
static int first(const int *codes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (codes[i] != NAVE_OK)
            return codes[i];
    return NAVE_OK;
}

static int declare_values(heat_steer *steer)
{
    nave *ctx = steer->ctx;
    heat_model *model = &steer->model;
    const int codes[] = {
        nave_steer_double(ctx, "strength", &model->strength, -HEAT_STRENGTH_MAX, HEAT_STRENGTH_MAX),
        nave_steer_double(ctx, "kappa", &model->kappa, HEAT_KAPPA_MIN, HEAT_KAPPA_MAX),
        nave_steer_flag(ctx, "source", &model->source),
        nave_steer_double(ctx, "spot_x", &model->spot[1], 0, 1),
        nave_steer_double(ctx, "spot_y", &model->spot[0], 0, 1),
        nave_steer_int64(ctx, "steps", &steer->steps, 0, INT64_MAX)};

    return first(codes, sizeof codes / sizeof *codes);
}

static nave_array block_of(const heat_field *field)
{
    nave_array array = {.data = field->now, .type = NAVE_DOUBLE, .dims = 2};

    for (int d = 0; d < 2; d++) {
        const heat_span *span = &field->grid->span[d];
        array.shape[d] = field->grid->shape[d];
        array.start[d] = span->start;
        array.count[d] = span->count;
        array.room[d] = span->count + 2;
        array.skip[d] = 1;
    }
    return array;
}

static int declare_rest(heat_steer *steer)
{
    nave *ctx = steer->ctx;
    nave_array mean = {.data = &steer->mean, .type = NAVE_DOUBLE};
    nave_array step = {.data = &steer->field->step, .type = NAVE_INT64};
    const int codes[] = {nave_publish(ctx, "temperature", &steer->temperature),
                         nave_publish(ctx, "mean", &mean), nave_publish(ctx, "step", &step),
                         nave_command(ctx, "checkpoint", write_checkpoint, steer),
                         nave_command(ctx, "reset", reset, steer)};

    return first(codes, sizeof codes / sizeof *codes);
}

int heat_steer_declare(heat_steer *steer, heat_field *field)
{
    int rc;

    steer->field = field;
    if (steer->ctx == NULL)
        return CLI_OK;
    steer->temperature = block_of(field);
    rc = declare_values(steer);
    if (rc == NAVE_OK)
        rc = declare_rest(steer);
    MPI_Allreduce(MPI_IN_PLACE, &rc, 1, MPI_INT, MPI_MIN, field->grid->comm);
    if (rc != NAVE_OK && field->grid->rank == 0)
        cli_error(PROGRAM, "nothing can be steered: %s", nave_strerror(rc));
    return rc == NAVE_OK ? CLI_OK : CLI_FAILURE;
}

/* ---- between steps ---- */

static void refresh_mean(heat_steer *steer)
{
    if (heat_clock() - steer->looked >= MEAN_AGE)
        measure(steer);
}

/* The field is in two buffers in turn, so it is published anew each time. */
int heat_steer_poll(heat_steer *steer)
{
    int rc;

    if (steer->ctx == NULL)
        return NAVE_OK;
    refresh_mean(steer);
    steer->temperature.data = steer->field->now;
    rc = nave_publish(steer->ctx, "temperature", &steer->temperature);
    return rc == NAVE_OK ? nave_poll(steer->ctx) : rc;
}
