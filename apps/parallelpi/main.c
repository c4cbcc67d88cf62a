/* parallelpi - counts the sequences of k digits in the decimals of pi on all ranks of an MPI job.
 *
 * Read on in this order: job.c (the farm), scan.c (a range on one core), count.c (the counting). */
#include "bar.h"
#include "cli.h"
#include "digits.h"
#include "export.h"
#include "job.h"
#include "launch.h"
#include "options.h"
#include "outfile.h"
#include "plot.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct run {
    pi_options options;
    bar bar; /* of the call that the hub waits for */
    int counting;
    pi_scanner *scanner;
} run;

static int fail(const pi_trouble *trouble)
{
    cli_error(PROGRAM, "%s", trouble->text);
    return launch_status(trouble->code);
}

static int fail_file(const char *name, int error)
{
    cli_file_error(PROGRAM, name, error);
    return CLI_FAILURE;
}

/* Before the long work: whether its fruits can be stored. */
static int check_outputs(const pi_options *options)
{
    const char *names[] = {options->json, options->csv, options->plot};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int error = names[i] != NULL ? outfile_check(names[i]) : 0;
        if (error != 0)
            return fail_file(names[i], error);
    }
    return CLI_OK;
}

static int hand_out(const pi_options *options, pi_result *result, const pi_tape *tape)
{
    pi_stats stats;
    int error;

    if (pi_stats_compute(&stats, result->k, result->counts, result->digits, result->first,
                         result->last) < 0)
        return fail_file("statistics", ENOMEM);
    if (!options->quiet)
        pi_report_print(stdout, result, &stats);
    error = options->json != NULL ? pi_export_json(options->json, result, &stats, tape) : 0;
    if (error != 0)
        return fail_file(options->json, error);
    error = options->csv != NULL ? pi_export_csv(options->csv, result) : 0;
    if (error != 0)
        return fail_file(options->csv, error);
    return options->plot != NULL ? pi_plot_draw(options, result) : CLI_OK;
}

static int count_files(nave *ctx, run *r, char *const *names, size_t count)
{
    pi_trouble trouble = {.text = ""};
    pi_result result = {0};
    pi_tape *tape = pi_tape_new(names, count, &trouble);
    int status;

    if (tape == NULL)
        return fail(&trouble);
    if (pi_job_run(ctx, r->scanner, tape, r->options.digits, r->options.journal != NULL, &result,
                   &trouble) < 0)
        status = fail(&trouble);
    else
        status = hand_out(&r->options, &result, tape);
    free(result.counts);
    free(tape);
    return status;
}

static int hub(nave *ctx, void *arg)
{
    run *r = arg;
    pi_digits digits;
    pi_trouble trouble = {.text = ""};
    int status = check_outputs(&r->options);

    if (status != CLI_OK)
        return status;
    if (r->options.file_count > 0)
        return count_files(ctx, r, r->options.files, r->options.file_count);
    if (pi_digits_get(&digits, &r->options, &trouble) < 0)
        status = fail(&trouble);
    else
        status = count_files(ctx, r, digits.names, digits.count);
    pi_digits_release(&digits);
    return status;
}

static void log_line(void *arg, int level, const char *line)
{
    const pi_options *options = arg;

    if (level == NAVE_LOG_ERROR || !options->quiet)
        nave_log_stderr(NULL, level, line);
}

static void show_progress(void *arg, const nave_counts *counts)
{
    run *r = arg;

    if (!r->counting)
        bar_init(&r->bar, r->options.quiet);
    r->counting = !counts->complete;
    if (counts->complete)
        bar_end(&r->bar);
    else
        bar_show(&r->bar, "counting", (double)counts->succeeded / (double)counts->total, -1);
}

static int run_farm(run *r)
{
    nave_options options = {.kernels = pi_kernels, .kernel_count = PI_KERNELS, .drain = 1};

    options.program = PROGRAM;
    options.journal = r->options.journal;
    options.connection = r->options.connection;
    options.listen = r->options.listen;
    options.retry_failed = r->options.retry_failed;
    options.user = r->scanner;
    options.log = log_line;
    options.log_arg = &r->options;
    options.progress = show_progress;
    options.progress_arg = r;
    return launch_farm(PROGRAM, &options, hub, r);
}

static int parse(void *options, int argc, char **argv, int *status)
{
    return pi_options_parse(options, argc, argv, status);
}

static int work(int argc, char **argv)
{
    run r = {0};
    int status = CLI_USAGE;

    if (launch_options(parse, &r.options, argc, argv, &status) < 0)
        return status;
    r.scanner = calloc(1, sizeof *r.scanner);
    if (r.scanner == NULL) {
        fail_file("buffers", ENOMEM);
        return CLI_FAILURE;
    }
    r.scanner->path = r.options.path;
    r.scanner->k = r.options.k;
    status = run_farm(&r);
    free(r.scanner);
    return status;
}

int main(int argc, char **argv)
{
    int status;

    launch_init(&argc, &argv);
    status = work(argc, argv);
    nave_finalize();
    return status;
}
