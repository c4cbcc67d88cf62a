/* heat - the 2-D heat equation on all ranks of an MPI job, steered from outside.
 *
 * Read on in this order: steer.c (what can be seen and changed), field.c (a step and its halos),
 * stencil.c (the arithmetic), checkpoint.c (files). */
#include "bar.h"
#include "checkpoint.h"
#include "cli.h"
#include "launch.h"
#include "outfile.h"
#include "steer.h"
#include "summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

typedef struct run {
    heat_options options;
    heat_checkpoint start; /* with --resume */
    heat_grid grid;
    heat_field field;
    heat_steer steer;
    uint64_t made;  /* steps of this run, also those before a reset */
    double seconds; /* that they took */
} run;

/* ---- the loop ---- */

static void sleep_for(double seconds)
{
    struct timespec rest = {.tv_sec = (time_t)seconds};

    rest.tv_nsec = (long)(1e9 * (seconds - (double)rest.tv_sec));
    while (seconds > 0 && nanosleep(&rest, &rest) < 0 && errno == EINTR)
        ;
}

static void show(bar *b, const run *r)
{
    int64_t steps = r->steer.steps;

    bar_show(b, "heating", steps > 0 ? (double)r->field.step / (double)steps : -1, -1);
}

/* Other ranks may not know of this, and would wait for halos for ever. */
static void give_up(const run *r, int rc)
{
    cli_error(PROGRAM, "rank %d, step %" PRId64 ": %s (%s)", r->grid.rank, r->field.step,
              nave_error(r->steer.ctx), nave_strerror(rc));
    MPI_Abort(r->grid.comm, CLI_FAILURE);
}

/* Until the last step, or until stopped from outside. */
static void make_steps(run *r)
{
    heat_steer *steer = &r->steer;
    double begun = heat_clock();
    bar b;
    int rc;

    bar_init(&b, r->options.quiet || r->grid.rank > 0);
    while ((rc = heat_steer_poll(steer)) == NAVE_OK &&
           (steer->steps == 0 || r->field.step < steer->steps)) {
        heat_field_step(&r->field, &steer->model);
        r->made++;
        show(&b, r);
        sleep_for(r->options.pace);
    }
    bar_end(&b);
    if (rc != NAVE_OK && rc != NAVE_EDRAINED)
        give_up(r, rc);
    r->seconds = heat_clock() - begun;
}

/* ---- the end ---- */

static void print(const run *r, const heat_summary *s)
{
    const heat_grid *grid = &r->grid;
    double updates = (double)s->cells * (double)r->made;
    char text[CLI_COMMAS];

    printf("Grid:              %zux%zu on %d rank%s (%dx%d)\n", grid->shape[0], grid->shape[1],
           grid->ranks, grid->ranks > 1 ? "s" : "", grid->dims[0], grid->dims[1]);
    printf("Step:              %" PRId64 " (time %.9g)\n", r->field.step, r->field.time);
    printf("Seconds:           %.3f\n", r->seconds);
    printf("Cell updates/s:    %s\n",
           cli_commas(r->seconds > 0 ? (uint64_t)(updates / r->seconds) : 0, text));
    printf("Temperature:       mean %.9g, from %.9g to %.9g\n", s->sum / (double)s->cells, s->least,
           s->most);
    printf("Checksum:          %016" PRIx64 "\n", s->checksum);
}

static int save(const run *r)
{
    const char *name = r->options.checkpoint;
    int error = name != NULL ? heat_checkpoint_write(&r->field, name) : 0;

    if (error != 0 && r->grid.rank == 0)
        cli_file_error(PROGRAM, name, error);
    return error == 0 ? CLI_OK : CLI_FAILURE;
}

static int report(const run *r)
{
    heat_summary summary;
    int error = r->options.quiet ? 0 : heat_summary_take(&summary, &r->field);

    if (error != 0 && r->grid.rank == 0)
        cli_file_error(PROGRAM, "summary", error);
    else if (!r->options.quiet && r->grid.rank == 0)
        print(r, &summary);
    return launch_flush(PROGRAM, error == 0 ? CLI_OK : CLI_FAILURE);
}

/* ---- from the outside in ---- */

static int run_field(run *r)
{
    int status, printed;

    if (r->options.resume != NULL && heat_checkpoint_read(&r->start, &r->field) < 0)
        return CLI_FAILURE;
    status = heat_steer_declare(&r->steer, &r->field);
    if (status != CLI_OK)
        return status;
    make_steps(r);
    status = save(r);
    printed = report(r);
    return status != CLI_OK ? status : printed;
}

static int make_field(run *r)
{
    int status = CLI_FAILURE;

    if (heat_field_init(&r->field, &r->grid, r->options.edge) == 0)
        status = run_field(r);
    else if (r->grid.rank == 0)
        cli_file_error(PROGRAM, "field", ENOMEM);
    heat_field_release(&r->field);
    return status;
}

static int make_grid(run *r, int rank)
{
    const size_t *shape = r->options.shape;
    int status;

    if (heat_grid_init(&r->grid, shape) < 0) {
        if (rank == 0)
            cli_error(PROGRAM, "a grid of %zux%zu cannot be cut into %d blocks", shape[0], shape[1],
                      r->grid.ranks);
        return CLI_USAGE;
    }
    status = heat_steer_open(&r->steer, &r->options, &r->grid);
    if (status == CLI_OK)
        status = make_field(r);
    heat_steer_close(&r->steer);
    heat_grid_release(&r->grid);
    return status;
}

/* Before the long work: whether its fruits can be stored. */
static int check_output(const heat_options *options, int rank)
{
    const char *name = options->checkpoint;
    int error = rank == 0 && name != NULL ? outfile_check(name) : 0;

    if (error != 0)
        cli_file_error(PROGRAM, name, error);
    MPI_Bcast(&error, 1, MPI_INT, 0, MPI_COMM_WORLD);
    return error == 0 ? CLI_OK : CLI_FAILURE;
}

static int work(run *r, int rank)
{
    const char *resume = r->options.resume;
    int status = check_output(&r->options, rank);

    if (status != CLI_OK)
        return status;
    if (resume == NULL || heat_checkpoint_open(&r->start, resume, r->options.shape) == 0)
        status = make_grid(r, rank);
    else
        status = CLI_FAILURE;
    heat_checkpoint_close(&r->start);
    return status;
}

static int parse(void *options, int argc, char **argv, int *status)
{
    return heat_options_parse(options, argc, argv, status);
}

int main(int argc, char **argv)
{
    static run r;
    int rank = launch_init(&argc, &argv), status = CLI_USAGE;

    if (launch_options(parse, &r.options, argc, argv, &status) == 0)
        status = work(&r, rank);
    nave_finalize();
    return status;
}
