#include "job.h"
#include "launch.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Design notes
 *
 * The tape is pushed to the engines once, a task is a range of it, about a mebibyte whatever the
 * files are. The counts of the tasks are summed where they arise and come home by one reduction.
 *
 * An engine notices a bad byte in its range. Which task fails first depends on timing, the line
 * that the user sees must not: after a failure the hub looks through the tape by itself for the
 * first bad byte. That costs a fraction of a second, and only when things have gone wrong. */

static const uint64_t RANGE_BYTES = 1024 * 1024;
enum { REPEATS = 3 };
static const uint64_t ONE_ENGINE_DIGITS = 10 * 1000 * 1000;

/* ---- kernels ---- */

static const char TAPE[] = "tape";

static int count_range(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    pi_scanner *scanner = nave_task_user(task);
    const pi_tape *tape = nave_object(task, TAPE, NULL);
    uint64_t *counts = out;
    pi_trouble trouble;
    pi_range range;

    memcpy(&range, in, in_size);
    if (pi_scan_count(scanner, tape, range, counts, &counts[out_size / sizeof *counts - 1],
                      &trouble) < 0)
        return nave_fail(task, "%s", trouble.text);
    return 0;
}

static int look_range(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    pi_scanner *scanner = nave_task_user(task);
    const pi_tape *tape = nave_object(task, TAPE, NULL);
    pi_trouble trouble;
    pi_range range;
    pi_sight sight;

    memcpy(&range, in, in_size);
    if (pi_scan_look(scanner, tape, range, &sight, &trouble) < 0)
        return nave_fail(task, "%s", trouble.text);
    memcpy(out, &sight, out_size);
    return 0;
}

const nave_kernel pi_kernels[PI_KERNELS] = {{"count_range", count_range, NAVE_ACCUMULATES, NULL},
                                            {"look_range", look_range, 0, NULL}};

/* ---- the hub ---- */

typedef struct job {
    nave *ctx;
    nave_view *farm; /* all engines */
    pi_scanner *scanner;
    pi_tape *tape;
    pi_result *result;
    pi_trouble *trouble;
    int once; /* nothing is counted again for a better time */
} job;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Cuts a stretch of the tape into the ranges of the tasks, for free(). */
static pi_range *cut_ranges(pi_range whole, size_t *n)
{
    uint64_t bytes = whole.end - whole.begin;
    pi_range *ranges;

    *n = (size_t)((bytes + RANGE_BYTES - 1) / RANGE_BYTES);
    ranges = malloc((*n + 1) * sizeof *ranges);
    for (size_t i = 0; ranges != NULL && i < *n; i++) {
        ranges[i].begin = whole.begin + i * RANGE_BYTES;
        ranges[i].end = i + 1 < *n ? ranges[i].begin + RANGE_BYTES : whole.end;
    }
    return ranges;
}

/* Says why a call failed: the first bad byte if there is one, else what the library knows. */
static int explain(const job *j, int code)
{
    pi_range whole = {j->tape->begin, j->tape->end};
    pi_sight sight;

    snprintf(j->trouble->text, sizeof j->trouble->text, "%s",
             code == NAVE_ENOMEM ? nave_strerror(code) : nave_error(j->ctx));
    j->trouble->code = code;
    if (code != NAVE_ETASK)
        return -1;
    if (pi_scan_look(j->scanner, j->tape, whole, &sight, j->trouble) == 0 && sight.stop < whole.end)
        pi_tape_blame(j->tape, sight.stop, sight.byte, j->trouble);
    return -1;
}

static int complain(const job *j, uint64_t there, uint64_t wanted)
{
    snprintf(j->trouble->text, sizeof j->trouble->text,
             "%s%s: %" PRIu64 " digits wanted, there %s only %" PRIu64, pi_tape_name(j->tape, 0),
             j->tape->count > 1 ? " and the other files" : "", wanted, there == 1 ? "is" : "are",
             there);
    return -1;
}

/* Counts a stretch on a view: 10^k counts and the number of digits behind them. */
static int count_on(job *j, nave_view *view, pi_range stretch, uint64_t *counts)
{
    int size = (int)pi_power10(j->result->k) + 1, rc = NAVE_ENOMEM;
    size_t n;
    pi_range *ranges = cut_ranges(stretch, &n);

    memset(counts, 0, (size_t)size * sizeof *counts);
    if (ranges != NULL)
        rc = nave_map_reduce(view, "count_range", ranges, sizeof *ranges, n, counts, size,
                             MPI_UINT64_T, MPI_SUM);
    free(ranges);
    return rc == NAVE_OK ? 0 : explain(j, rc);
}

/* Follows the sights in order. Returns 1 when the digits have come to `wanted` within range i
 * (*before: up to it), 0 when they have not, -1 when a bad byte comes first. */
static int follow(job *j, const pi_range *ranges, const pi_sight *sights, size_t n, uint64_t wanted,
                  uint64_t *before, size_t *i)
{
    for (*i = 0; *i < n; ++*i) {
        const pi_sight *sight = &sights[*i];
        if (*before + sight->digits >= wanted)
            return 1;
        *before += sight->digits;
        if (sight->stop < ranges[*i].end) {
            pi_tape_blame(j->tape, sight->stop, sight->byte, j->trouble);
            return -1;
        }
    }
    return 0;
}

/* Looks for the wanted-th digit in a stretch, on all engines; *before digits are in front of it.
 * Returns 1 when found, with its place as the tape's end; 0 when it is beyond; -1. */
static int find_end_in(job *j, pi_range stretch, uint64_t wanted, uint64_t *before)
{
    size_t n, i;
    pi_range *ranges = cut_ranges(stretch, &n);
    pi_sight *sights = calloc(n + 1, sizeof *sights);
    int rc = NAVE_ENOMEM, found = -1;

    if (ranges != NULL && sights != NULL)
        rc = nave_map(j->farm, "look_range", ranges, sizeof *ranges, sights, sizeof *sights, n);
    if (rc != NAVE_OK)
        explain(j, rc);
    else
        found = follow(j, ranges, sights, n, wanted, before, &i);
    if (found == 1)
        found = pi_scan_place(j->scanner, j->tape, ranges[i], wanted - *before, &j->tape->end,
                              j->trouble) < 0
                    ? -1
                    : 1;
    free(ranges);
    free(sights);
    return found;
}

/* Moves the tape's end behind the wanted-th digit. A stretch of as many bytes as digits are missing
 * and some more at a time: of a long file only the front is read. */
static int find_end(job *j, uint64_t wanted)
{
    uint64_t before = 0, limit = j->tape->end;
    pi_range stretch = {j->tape->begin, j->tape->begin};
    int found = 0;

    while (found == 0 && stretch.end < limit) {
        uint64_t missing = wanted - before, step = missing + missing / 8 + RANGE_BYTES;
        stretch.begin = stretch.end;
        stretch.end = limit - stretch.begin > step ? stretch.begin + step : limit;
        found = find_end_in(j, stretch, wanted, &before);
    }
    if (found == 0)
        complain(j, before, wanted);
    return found == 1 ? 0 : -1;
}

/* Counts a stretch on a view, and how long that takes: the best of `times`, or of what a quarter of a
 * second allows, since the first time also warms things up (files, memory, other ranks). */
static int measure(job *j, nave_view *view, pi_range stretch, int times, double *seconds)
{
    double begun = now();

    *seconds = HUGE_VAL;
    for (int i = 0; i < times && (i == 0 || now() - begun < 0.25); i++) {
        double start = now();
        if (count_on(j, view, stretch, j->result->counts) < 0)
            return -1;
        *seconds = fmin(*seconds, now() - start);
    }
    return 0;
}

/* What one engine is measured with, and how long it takes. */
typedef struct sample {
    job *j;
    pi_range front;
    double seconds;
} sample;

static int measure_front(nave_view *one, void *arg)
{
    sample *s = arg;

    return measure(s->j, one, s->front, REPEATS, &s->seconds) < 0 ? 1 : 0; /* it has said why */
}

/* The rate of one engine on the first ten million digits. */
static int measure_one(job *j)
{
    pi_result *result = j->result;
    sample s = {j, {j->tape->begin, j->tape->end}, 0};
    int status;

    if (pi_scan_place(j->scanner, j->tape, s.front, ONE_ENGINE_DIGITS, &s.front.end, j->trouble) <
        0)
        return -1;
    status = launch_on_one(j->ctx, measure_front, &s);
    if (status != 0)
        return status < 0 ? explain(j, status) : -1;
    result->one_digits = result->counts[pi_power10(result->k)];
    result->one_rate = (double)result->one_digits / s.seconds;
    return 0;
}

static int measure_all(job *j, uint64_t wanted)
{
    pi_result *result = j->result;
    pi_range whole = {j->tape->begin, j->tape->end};
    uint64_t least = wanted > 0 ? wanted : (uint64_t)result->k;

    if (measure(j, j->farm, whole, j->once ? 1 : REPEATS, &result->seconds) < 0)
        return -1;
    result->digits = result->counts[pi_power10(result->k)];
    if (result->digits < least)
        return complain(j, result->digits, least);
    result->windows = result->digits - (uint64_t)result->k + 1;
    result->rate = (double)result->digits / result->seconds;
    return pi_scan_ends(j->scanner, j->tape, (size_t)result->k - 1, result->first, result->last,
                        j->trouble);
}

static int open_views(job *j)
{
    int rc = nave_balanced(j->ctx, NULL, &j->farm);

    return rc == NAVE_OK ? 0 : explain(j, rc);
}

static int push_tape(job *j)
{
    int rc = nave_push(j->farm, TAPE, j->tape, (size_t)j->tape->block_size);

    return rc == NAVE_OK ? 0 : explain(j, rc);
}

static int count_wanted(job *j, uint64_t wanted)
{
    if (open_views(j) < 0 || push_tape(j) < 0)
        return -1;
    if (wanted > 0 && (find_end(j, wanted) < 0 || push_tape(j) < 0))
        return -1;
    return measure_one(j) < 0 ? -1 : measure_all(j, wanted);
}

int pi_job_run(nave *ctx, pi_scanner *scanner, pi_tape *tape, uint64_t wanted, int once,
               pi_result *result, pi_trouble *trouble)
{
    job j = {ctx, NULL, scanner, tape, result, trouble, once};
    int rc;

    *result = (pi_result){.k = scanner->k, .ranks = nave_size(ctx)};
    result->engines = nave_engine_count(ctx);
    result->counts = malloc((pi_power10(scanner->k) + 1) * sizeof *result->counts);
    if (result->counts == NULL)
        return explain(&j, NAVE_ENOMEM);
    rc = count_wanted(&j, wanted);
    nave_view_free(j.farm);
    return rc;
}
