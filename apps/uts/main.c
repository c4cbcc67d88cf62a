/* uts - Unbalanced Tree Search on all ranks of an MPI job.
 *
 * Read on in this order: farm.c (tasks that make tasks), search.c (one process), tree.c (what the
 * trees are). */
#include "bar.h"
#include "cli.h"
#include "farm.h"
#include "launch.h"
#include "options.h"
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t SERIAL_STEP = 1000000; /* nodes between two looks at the bar */

typedef struct run {
    uts_options options;
    const uts_sample *sample; /* what was published of the tree; NULL: nothing */
    uts_rule rule;
    uts_worker worker;
    FILE *json; /* open on the hub when wanted */
    bar bar;
} run;

/* Before the long work: whether its fruits can be stored. */
static int open_json(run *r)
{
    if (r->options.json == NULL)
        return CLI_OK;
    r->json = fopen(r->options.json, "w");
    if (r->json != NULL)
        return CLI_OK;
    cli_file_error(PROGRAM, r->options.json, errno);
    return CLI_FAILURE;
}

/* With no result there is nothing to write. Returns the status as it then is. */
static int close_json(run *r, int status, const uts_result *result)
{
    int bad;

    if (r->json == NULL)
        return status;
    if (result != NULL)
        uts_report_json(r->json, &r->options, r->sample, result);
    bad = ferror(r->json);
    if (fclose(r->json) == 0 && !bad)
        return status;
    cli_file_error(PROGRAM, r->options.json, errno != 0 ? errno : EIO);
    return CLI_FAILURE;
}

static int compare(const uts_sample *sample, const uts_count *found)
{
    const uts_count *known = &sample->count;

    if (uts_sample_agrees(sample, found))
        return CLI_OK;
    cli_error(PROGRAM,
              "%s: found %" PRIu64 " nodes, %" PRIu64 " leaves, depth %" PRIu64
              "; published are %" PRIu64 ", %" PRIu64 ", %" PRIu64,
              sample->name, found->nodes, found->leaves, found->depth, known->nodes, known->leaves,
              known->depth);
    return CLI_FAILURE;
}

static int hand_out(run *r, const uts_result *result)
{
    if (!r->options.quiet)
        uts_report_print(stdout, &r->options, r->sample, result);
    return r->sample != NULL ? compare(r->sample, &result->count) : CLI_OK;
}

static void show(run *r, uint64_t nodes)
{
    uint64_t all = r->sample != NULL ? r->sample->count.nodes : 0;

    bar_show(&r->bar, "searching", all > 0 ? (double)nodes / (double)all : -1, -1);
}

/* ---- serial ---- */

static int search_serially(run *r, uts_result *result)
{
    uts_search *search = &r->worker.search;
    double begun = uts_clock();
    uts_node root;
    int failed;

    uts_rule_root(&r->rule, &root);
    failed = uts_search_add(search, &root, 1);
    while (!failed && search->held > 0) {
        failed = uts_search_run(search, SERIAL_STEP);
        show(r, search->count.nodes);
    }
    *result = (uts_result){.count = search->count, .ranks = 1, .engines = 1};
    result->seconds = uts_clock() - begun;
    bar_end(&r->bar);
    return failed;
}

static int run_serially(run *r)
{
    uts_result result;
    int status = open_json(r);

    if (status != CLI_OK)
        return status;
    bar_init(&r->bar, r->options.quiet);
    if (search_serially(r, &result) == 0)
        return close_json(r, hand_out(r, &result), &result);
    cli_file_error(PROGRAM, "search", ENOMEM);
    return close_json(r, CLI_FAILURE, NULL);
}

/* ---- on all ranks ---- */

static int hub(nave *ctx, void *arg)
{
    run *r = arg;
    uts_result result;
    int status = open_json(r), rc;

    if (status != CLI_OK)
        return status;
    bar_init(&r->bar, r->options.quiet);
    rc = uts_farm_run(ctx, &r->rule, &result);
    bar_end(&r->bar);
    if (rc == NAVE_OK) {
        status = close_json(r, hand_out(r, &result), &result);
    } else {
        cli_error(PROGRAM, "%s", rc == NAVE_ENOMEM ? nave_strerror(rc) : nave_error(ctx));
        status = close_json(r, CLI_FAILURE, NULL);
    }
    free(result.shares);
    return status;
}

static void log_line(void *arg, int level, const char *line)
{
    const uts_options *options = arg;

    if (level == NAVE_LOG_ERROR || !options->quiet)
        nave_log_stderr(NULL, level, line);
}

/* Nobody knows how many tasks there will be. */
static void show_progress(void *arg, const nave_counts *counts)
{
    run *r = arg;

    if (counts->complete)
        bar_end(&r->bar);
    else
        bar_show(&r->bar, "searching", -1, -1);
}

static int run_farm(run *r)
{
    nave_options options = {.kernels = uts_kernels,
                            .kernel_count = UTS_KERNELS,
                            .recover = -1 /* its sums are of spawned tasks */};

    options.user = &r->worker;
    options.log = log_line;
    options.log_arg = &r->options;
    options.progress = show_progress;
    options.progress_arg = r;
    return launch_farm(PROGRAM, &options, hub, r);
}

static int search_tree(run *r, int rank)
{
    int status = CLI_OK;

    r->sample = uts_sample_of(&r->options.tree);
    uts_rule_init(&r->rule, &r->options.tree);
    uts_worker_init(&r->worker, &r->rule, r->options.grain);
    if (!r->options.serial)
        status = run_farm(r);
    else if (rank == 0)
        status = launch_flush(PROGRAM, run_serially(r));
    uts_worker_release(&r->worker);
    return status;
}

static int parse(void *options, int argc, char **argv, int *status)
{
    return uts_options_parse(options, argc, argv, status);
}

int main(int argc, char **argv)
{
    static run r;
    int rank = launch_init(&argc, &argv), status = CLI_USAGE;

    if (launch_options(parse, &r.options, argc, argv, &status) == 0)
        status = search_tree(&r, rank);
    nave_finalize();
    return status;
}
