/* mcpricer - Monte Carlo prices of European and Asian options over a grid of strikes and
 * volatilities, on all ranks of an MPI job.
 *
 * Read on in this order: job.c (the farm), price.c (a part of the grid on one core), walk_body.h
 * (the inner loops). */
#include "bar.h"
#include "cli.h"
#include "export.h"
#include "job.h"
#include "launch.h"
#include "options.h"
#include "outfile.h"
#include "plot.h"
#include "report.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct run {
    mc_options options;
    mc_progress progress;
    bar bar;
} run;

static int fail_file(const char *name, int error)
{
    cli_file_error(PROGRAM, name, error);
    return CLI_FAILURE;
}

static int check_output(const char *name)
{
    int error = name != NULL ? outfile_check(name) : 0;

    return error != 0 ? fail_file(name, error) : CLI_OK;
}

/* Before the long work: whether its fruits can be stored. */
static int check_outputs(const mc_options *options)
{
    char picture[PATH_MAX];
    int status = check_output(options->json);

    if (status == CLI_OK)
        status = check_output(options->csv);
    if (status != CLI_OK || options->plot == NULL)
        return status;
    mc_plot_name(options, 0, picture);
    return check_output(picture);
}

static int hand_out(const mc_options *options, const mc_result *result)
{
    int error;

    if (!options->quiet)
        mc_report_print(stdout, options, result);
    error = options->json != NULL ? mc_export_json(options->json, options, result) : 0;
    if (error != 0)
        return fail_file(options->json, error);
    error = options->csv != NULL ? mc_export_csv(options->csv, options, result) : 0;
    if (error != 0)
        return fail_file(options->csv, error);
    return options->plot != NULL ? mc_plot_draw(options, result) : CLI_OK;
}

static int hub(nave *ctx, void *arg)
{
    run *r = arg;
    mc_result result = {0};
    int status = check_outputs(&r->options), rc;

    if (status != CLI_OK)
        return status;
    bar_init(&r->bar, r->options.quiet);
    rc = mc_job_run(ctx, &r->options, &r->progress, &result);
    bar_end(&r->bar);
    if (rc == NAVE_OK) {
        status = hand_out(&r->options, &result);
    } else {
        cli_error(PROGRAM, "%s", rc == NAVE_ENOMEM ? nave_strerror(rc) : nave_error(ctx));
        status = launch_status(rc);
    }
    free(result.cells);
    return status;
}

static void log_line(void *arg, int level, const char *line)
{
    const mc_options *options = arg;

    if (level == NAVE_LOG_ERROR || !options->quiet)
        nave_log_stderr(NULL, level, line);
}

static void show_progress(void *arg, const nave_counts *counts)
{
    run *r = arg;
    double done = (double)(r->progress.done + counts->succeeded);

    bar_show(&r->bar, "pricing", done / (double)r->progress.all, -1);
}

static int run_farm(run *r)
{
    nave_options options = {.kernels = mc_kernels, .kernel_count = MC_KERNELS, .drain = 1};
    mc_pricer *pricer = mc_pricer_new(&r->options.problem, r->options.path);
    int status;

    if (pricer == NULL) {
        cli_file_error(PROGRAM, "buffers", ENOMEM);
        MPI_Abort(MPI_COMM_WORLD, CLI_FAILURE); /* the other ranks may have got theirs */
    }
    options.program = PROGRAM;
    options.journal = r->options.journal;
    options.connection = r->options.connection;
    options.listen = r->options.listen;
    options.retry_failed = r->options.retry_failed;
    options.basis = &r->options.problem;
    options.basis_size = sizeof r->options.problem;
    options.user = pricer;
    options.log = log_line;
    options.log_arg = &r->options;
    options.progress = show_progress;
    options.progress_arg = r;
    status = launch_farm(PROGRAM, &options, hub, r);
    mc_pricer_free(pricer);
    return status;
}

static int parse(void *options, int argc, char **argv, int *status)
{
    return mc_options_parse(options, argc, argv, status);
}

int main(int argc, char **argv)
{
    static run r;
    int status = CLI_USAGE;

    launch_init(&argc, &argv);
    if (launch_options(parse, &r.options, argc, argv, &status) == 0)
        status = run_farm(&r);
    nave_finalize();
    return status;
}
