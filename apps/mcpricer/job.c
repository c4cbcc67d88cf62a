#include "job.h"
#include "exact.h"
#include "launch.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Design notes
 *
 * A unit is what always needs the same number of samples: a cell, or with common random numbers a
 * rectangle of them.  Its samples are cut into blocks, a random stream and a task each, so that
 * every rank is busy to the end.  The sums of a task have a place of their own in one array; all
 * other ranks have zeros there, so MPI_Reduce with MPI_BOR brings the array home as it is, and the
 * hub adds the blocks up in order.  So the bits depend on nothing but the command line.  Large jobs
 * go in waves, by the size of that array. */

enum { CELL_BLOCK = 4096, COMMON_BLOCK = 1024, WAVE_BYTES = 16 << 20 };

static const double ONE_SECONDS = 0.15; /* of measuring one engine */
static const double SPARE = 1.02, GROWTH_MAX = 7;

typedef struct task {
    mc_part part;
    uint64_t place; /* of its first cell's sums in the array */
} task;

typedef struct unit {
    mc_part part; /* as it is from block to block but for the stream and the samples */
    uint64_t base, blocks;
    uint64_t samples, missing;
} unit;

typedef struct job {
    nave *ctx;
    nave_view *farm; /* all engines */
    const mc_options *options;
    mc_progress *progress;
    mc_result *result;
    unit *units;
    size_t unit_count;
    task *tasks; /* of a wave */
    size_t task_count, task_room;
    mc_sums *sums;
    size_t slot; /* cells of the largest unit */
} job;

/* ---- the kernel ---- */

static int price_part(nave_task *call, const void *in, size_t in_size, void *out, size_t out_size)
{
    task t;

    (void)out_size;
    memcpy(&t, in, in_size);
    mc_pricer_run(nave_task_user(call), &t.part, (mc_sums *)out + t.place);
    return 0;
}

const nave_kernel mc_kernels[MC_KERNELS] = {{"price_part", price_part, NAVE_ACCUMULATES, NULL}};

/* ---- the hub ---- */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t block_samples(const job *j)
{
    return j->options->problem.common ? COMMON_BLOCK : CELL_BLOCK;
}

static size_t unit_cells(const unit *u)
{
    return (size_t)u->part.strikes * (size_t)u->part.sigmas;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Cuts the grid; a step of 1 by 1 makes the cells. */
static int make_units(job *j, int strikes, int sigmas)
{
    const mc_problem *p = &j->options->problem;
    size_t rows = (size_t)((p->strikes + strikes - 1) / strikes);
    size_t columns = (size_t)((p->sigmas + sigmas - 1) / sigmas);

    j->units = calloc(rows * columns, sizeof *j->units);
    if (j->units == NULL)
        return NAVE_ENOMEM;
    for (int s = 0; s < p->sigmas; s += sigmas) {
        for (int k = 0; k < p->strikes; k += strikes) {
            unit *u = &j->units[j->unit_count];
            u->part = (mc_part){.strike = k, .sigma = s};
            u->part.strikes = least(strikes, p->strikes - k);
            u->part.sigmas = least(sigmas, p->sigmas - s);
            u->base = p->common ? 0 : (uint64_t)j->unit_count << 40;
            u->missing = j->options->paths / (uint64_t)mc_problem_rows(p);
            j->unit_count++;
        }
    }
    j->slot = unit_cells(&j->units[0]);
    assert(j->slot > 0);
    return NAVE_OK;
}

static int prepare(job *j)
{
    int common = j->options->problem.common, rc;

    rc = make_units(j, common ? MC_PART_STRIKES : 1, common ? MC_PART_SIGMAS : 1);
    if (rc != NAVE_OK)
        return rc;
    j->task_room = WAVE_BYTES / (j->slot * sizeof *j->sums);
    j->tasks = calloc(j->task_room, sizeof *j->tasks);
    j->sums = calloc(j->task_room * j->slot, sizeof *j->sums);
    return j->tasks != NULL && j->sums != NULL ? NAVE_OK : NAVE_ENOMEM;
}

/* The next blocks of the units that miss some, as far as there is room. */
static void fill_wave(job *j)
{
    uint64_t most = block_samples(j);

    j->task_count = 0;
    for (size_t i = 0; i < j->unit_count && j->task_count < j->task_room; i++) {
        unit *u = &j->units[i];
        while (u->missing > 0 && j->task_count < j->task_room) {
            task *t = &j->tasks[j->task_count];
            *t = (task){u->part, j->task_count * j->slot};
            t->part.stream = u->base + u->blocks++;
            t->part.samples = u->missing < most ? u->missing : most;
            u->missing -= t->part.samples;
            u->samples += t->part.samples;
            j->task_count++;
        }
    }
}

static int run_tasks(job *j, nave_view *view, size_t n)
{
    size_t words = j->slot * n * sizeof *j->sums / sizeof(uint64_t);

    return nave_map_reduce(view, "price_part", j->tasks, sizeof *j->tasks, n, j->sums, (int)words,
                           MPI_UINT64_T, MPI_BOR);
}

/* Adds up what a wave has brought, in order of its tasks. */
static void fold(job *j)
{
    const mc_problem *p = &j->options->problem;

    for (size_t i = 0; i < j->task_count; i++) {
        const mc_part *part = &j->tasks[i].part;
        const mc_sums *sums = &j->sums[j->tasks[i].place];
        for (int s = 0; s < part->sigmas; s++)
            for (int k = 0; k < part->strikes; k++)
                mc_sums_add(
                    &j->result->cells[mc_cell_at(p, part->strike + k, part->sigma + s)].sums,
                    sums++);
    }
}

static double task_steps(const job *j, const task *t)
{
    const mc_problem *p = &j->options->problem;

    return (double)t->part.samples * mc_problem_rows(p) * p->days *
           ((double)t->part.strikes * t->part.sigmas);
}

/* One engine on the first tasks, for as long as it takes to know its speed. */
static int measure_one(nave_view *one, void *arg)
{
    job *j = arg;
    double start = now(), first, steps = 0;
    size_t n;
    int rc;

    rc = run_tasks(j, one, 1); /* which also warms it up */
    first = fmax(now() - start, 1e-6);
    n = (size_t)fmin(fmax(ONE_SECONDS / first, 1), (double)j->task_count);
    start = now();
    if (rc == NAVE_OK)
        rc = run_tasks(j, one, n);
    for (size_t i = 0; i < n; i++)
        steps += task_steps(j, &j->tasks[i]);
    j->result->one_ns = 1e9 * (now() - start) / steps;
    return rc;
}

static int run_round(job *j)
{
    size_t all = 0;
    int rc = NAVE_OK;

    for (size_t i = 0; i < j->unit_count; i++)
        all += (size_t)((j->units[i].missing + block_samples(j) - 1) / block_samples(j));
    *j->progress = (mc_progress){0, all};
    for (fill_wave(j); rc == NAVE_OK && j->task_count > 0; fill_wave(j)) {
        double start;
        if (j->result->one_ns <= 0)
            rc = launch_on_one(j->ctx, measure_one, j);
        start = now();
        if (rc == NAVE_OK)
            rc = run_tasks(j, j->farm, j->task_count);
        if (rc == NAVE_OK)
            fold(j);
        j->result->seconds += now() - start;
        j->progress->done += j->task_count;
        for (size_t i = 0; i < j->task_count; i++)
            j->result->steps += task_steps(j, &j->tasks[i]);
    }
    j->result->rounds++;
    return rc;
}

static void estimate(job *j)
{
    const mc_problem *p = &j->options->problem;

    for (size_t i = 0; i < j->result->count; i++) {
        mc_cell *cell = &j->result->cells[i];
        mc_payoff payoff = mc_exact_payoff(p, i);
        for (int k = 0; k < MC_PRICES; k++)
            cell->prices[k] = mc_sums_estimate(&cell->sums, &payoff, k, p->control);
    }
}

/* The largest standard error in a unit. */
static double worst(const job *j, const unit *u)
{
    double error = 0;

    for (int s = 0; s < u->part.sigmas; s++) {
        for (int i = 0; i < u->part.strikes; i++) {
            size_t cell = mc_cell_at(&j->options->problem, u->part.strike + i, u->part.sigma + s);
            for (int k = 0; k < MC_PRICES; k++)
                error = fmax(error, j->result->cells[cell].prices[k].error);
        }
    }
    return error;
}

/* Asks for as many samples as the errors so far let expect; whether there are any to be made. */
static int ask_for_more(job *j)
{
    int more = 0;

    for (size_t i = 0; j->options->target_error > 0 && i < j->unit_count; i++) {
        unit *u = &j->units[i];
        double ratio = worst(j, u) / j->options->target_error, n = (double)u->samples;
        if (ratio < 1)
            continue;
        u->missing = (uint64_t)(n * fmin(SPARE * ratio * ratio - 1, GROWTH_MAX)) + 1;
        more = 1;
    }
    return more;
}

int mc_job_run(nave *ctx, const mc_options *options, mc_progress *progress, mc_result *result)
{
    job j = {.ctx = ctx, .options = options, .progress = progress, .result = result};
    int rc = nave_balanced(ctx, NULL, &j.farm);

    *result = (mc_result){.count = mc_problem_cells(&options->problem)};
    result->ranks = nave_size(ctx);
    result->engines = nave_engine_count(ctx);
    result->cells = calloc(result->count, sizeof *result->cells);
    if (rc == NAVE_OK)
        rc = result->cells != NULL ? prepare(&j) : NAVE_ENOMEM;
    do {
        if (rc == NAVE_OK)
            rc = run_round(&j);
        if (rc == NAVE_OK)
            estimate(&j);
    } while (rc == NAVE_OK && ask_for_more(&j));
    result->ns = 1e9 * result->seconds * result->engines / result->steps;
    free(j.units);
    free(j.tasks);
    free(j.sums);
    nave_view_free(j.farm);
    return rc;
}
