/* ways - the ways of farming that farm and metg compare.
 *
 * A way does all tasks of a `struct work` once: task i calls work->work(work->in[i]), and what it
 * returns is put into work->out[i] (stealing and spawning bring no results home: there the number
 * of tasks run is counted).  Each is collective over MPI_COMM_WORLD.  The time is rank 0's, from
 * the first task handed out to the last result at hand; CPU is each rank's own, from entering its
 * loop to leaving it, so neither start nor end nor the waiting between two ways is in it.
 */
#ifndef BENCH_WAYS_H
#define BENCH_WAYS_H

#include "bench.h"
#include "nave.h"
#include "steal.h"

#include <limits.h>
#include <stdint.h>

struct work {
    const char *bench; /* for error lines */
    size_t tasks;
    double *in;  /* on all ranks */
    double *out; /* rank 0 */
    double (*work)(double amount);
    size_t ran; /* by this rank, without results */
};

/* What one round of one way gave; all but `seconds` and `engines` is each rank's own. */
struct outcome {
    double seconds;
    double cpu;
    int engines;
};

/* -------------------------------------------------------------------- the loop written by hand */

/* What a textbook shows: one task to a message, blocking receives, a worker gets the next task or
 * the end in answer to its result.  16 bytes. */
struct message {
    int64_t index; /* negative: no more */
    double value;
};

enum { NAIVE_WORK = 1, NAIVE_RESULT };

static inline void naive_send(int rank, int tag, int64_t index, double value)
{
    struct message message = {index, value};
    MPI_Send(&message, sizeof message, MPI_BYTE, rank, tag, MPI_COMM_WORLD);
}

static inline void naive_next(const struct work *work, int rank, size_t *sent)
{
    if (*sent < work->tasks) {
        naive_send(rank, NAIVE_WORK, (int64_t)*sent, work->in[*sent]);
        ++*sent;
    } else {
        naive_send(rank, NAIVE_WORK, -1, 0);
    }
}

static inline void naive_master(const struct work *work, int ranks)
{
    size_t sent = 0;
    for (int r = 1; r < ranks; r++)
        naive_next(work, r, &sent);
    for (size_t done = 0; done < work->tasks; done++) {
        struct message message;
        MPI_Status status;
        MPI_Recv(&message, sizeof message, MPI_BYTE, MPI_ANY_SOURCE, NAIVE_RESULT, MPI_COMM_WORLD,
                 &status);
        work->out[message.index] = message.value;
        naive_next(work, status.MPI_SOURCE, &sent);
    }
}

static inline void naive_worker(const struct work *work)
{
    for (;;) {
        struct message message;
        MPI_Recv(&message, sizeof message, MPI_BYTE, 0, NAIVE_WORK, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
        if (message.index < 0)
            return;
        naive_send(0, NAIVE_RESULT, message.index, work->work(message.value));
    }
}

/* Of two ranks or more. */
static inline struct outcome way_naive(const struct work *work)
{
    struct outcome outcome = {0, 0, 0};
    double began, cpu;
    int rank, ranks;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    bench_meet(MPI_COMM_WORLD);
    cpu = bench_cpu();
    began = bench_seconds();
    if (rank == 0)
        naive_master(work, ranks);
    else
        naive_worker(work);
    outcome.seconds = bench_seconds() - began;
    outcome.cpu = bench_cpu() - cpu;
    outcome.engines = ranks - 1;
    return outcome;
}

/* ------------------------------------------------------------------------------ one rank alone */

static inline struct outcome way_serial(const struct work *work)
{
    struct outcome outcome = {0, 0, 1};
    double began, cpu;
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    bench_meet(MPI_COMM_WORLD);
    if (rank != 0)
        return outcome;
    cpu = bench_cpu();
    began = bench_seconds();
    for (size_t i = 0; i < work->tasks; i++)
        work->out[i] = work->work(work->in[i]);
    outcome.seconds = bench_seconds() - began;
    outcome.cpu = bench_cpu() - cpu;
    return outcome;
}

/* ------------------------------------------------------------------------------- work stealing */

/* Of two ranks or more.  `queue` has room for all tasks, on every rank. */
static inline struct outcome way_steal(struct work *work, double *queue)
{
    struct outcome outcome = {0, 0, 0};
    struct steal steal = {.comm = MPI_COMM_WORLD, .queue = queue, .work = work->work};
    double began, cpu;
    MPI_Comm_rank(MPI_COMM_WORLD, &steal.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &outcome.engines);
    if (steal.rank == 0) {
        memcpy(queue, work->in, work->tasks * sizeof *queue);
        steal.count = work->tasks;
    }
    bench_meet(MPI_COMM_WORLD);
    cpu = bench_cpu();
    began = bench_seconds();
    steal_run(&steal);
    outcome.seconds = bench_seconds() - began;
    outcome.cpu = bench_cpu() - cpu;
    work->ran = steal.ran;
    steal_settle(&steal);
    return outcome;
}

/* ---------------------------------------------------------------------------------------- nave */

enum way_mode { WAY_ONE, WAY_MAP, WAY_SPAWN };

struct nave_way {
    struct work *work;
    enum way_mode mode;
    nave_policy policy;
    int hints; /* policy.costs for a map; for single tasks priorities say the same */
    int idle_hub;
    struct outcome outcome;
};

static inline int task_kernel(nave_task *task, const void *in, size_t in_size, void *out,
                              size_t out_size)
{
    const struct work *work = nave_task_user(task);
    (void)in_size;
    (void)out_size;
    *(double *)out = work->work(*(const double *)in);
    return 0;
}

/* Tasks from begin up to end: this one does the first and spawns one task for each half of the
 * others. */
struct span {
    size_t begin, end;
};

static inline int span_kernel(nave_task *task, const void *in, size_t in_size, void *out,
                              size_t out_size)
{
    struct work *work = nave_task_user(task);
    struct span span, halves[2];
    int rc = NAVE_OK;
    (void)in_size;
    (void)out;
    (void)out_size;
    memcpy(&span, in, sizeof span);
    halves[0].begin = span.begin + 1;
    halves[0].end = halves[1].begin = halves[0].begin + (span.end - halves[0].begin) / 2;
    halves[1].end = span.end;
    for (int half = 0; half < 2 && rc == NAVE_OK; half++)
        if (halves[half].begin < halves[half].end)
            rc = nave_spawn(task, "span", &halves[half], sizeof halves[half]);
    work->work(work->in[span.begin]);
    work->ran++;
    return rc;
}

/* Futures in flight when each task has one of its own. */
enum { WAY_FLIGHT = 4096 };

static inline int way_apply(nave *ctx, const struct nave_way *way, nave_view **view, size_t i,
                            nave_future **future)
{
    const double *in = &way->work->in[i];
    int again = i > 0 && in[0] >= in[-1] && in[0] <= in[-1];
    if (way->hints && !again) {
        nave_policy policy = way->policy;
        double microseconds = in[0] * 1e6;
        int rc;
        policy.priority = microseconds < INT_MAX ? (int)microseconds : INT_MAX;
        nave_view_free(*view);
        *view = NULL;
        rc = nave_balanced(ctx, &policy, view);
        if (rc != NAVE_OK)
            return rc;
    }
    return nave_apply(*view, "task", in, sizeof *in, sizeof *in, future);
}

static inline int way_collect(nave_future *future, double *out)
{
    const void *data;
    int rc = nave_result(future, 0, &data, NULL);
    if (rc == NAVE_OK)
        memcpy(out, data, sizeof *out);
    nave_future_free(future);
    return rc;
}

/* One future each: as many as WAY_FLIGHT of them under way, read in order. */
static inline int way_one(nave *ctx, const struct nave_way *way, nave_view **view)
{
    const struct work *work = way->work;
    nave_future *flight[WAY_FLIGHT];
    size_t sent = 0;
    int rc = NAVE_OK;
    for (size_t done = 0; done < work->tasks && rc == NAVE_OK; done++) {
        for (; sent < work->tasks && sent < done + WAY_FLIGHT && rc == NAVE_OK; sent++)
            rc = way_apply(ctx, way, view, sent, &flight[sent % WAY_FLIGHT]);
        if (rc == NAVE_OK)
            rc = way_collect(flight[done % WAY_FLIGHT], &work->out[done]);
    }
    return rc;
}

static inline int way_spawn(nave_view *view, const struct work *work)
{
    struct span all = {0, work->tasks};
    nave_future *root;
    int rc = nave_apply(view, "span", &all, sizeof all, 0, &root);
    if (rc != NAVE_OK)
        return rc;
    rc = nave_wait(root, -1);
    nave_future_free(root);
    return rc;
}

static inline int way_hub(nave *ctx, struct nave_way *way)
{
    struct work *work = way->work;
    nave_view *view;
    double began;
    int rc = nave_balanced(ctx, &way->policy, &view);
    if (rc != NAVE_OK)
        return rc;
    way->outcome.engines = nave_engine_count(ctx);
    began = bench_seconds();
    if (way->mode == WAY_MAP)
        rc = nave_map(view, "task", work->in, sizeof *work->in, work->out, sizeof *work->out,
                      work->tasks);
    else if (way->mode == WAY_ONE)
        rc = way_one(ctx, way, &view);
    else
        rc = way_spawn(view, work);
    way->outcome.seconds = bench_seconds() - began;
    nave_view_free(view);
    return rc;
}

static inline struct outcome way_nave(struct nave_way *way)
{
    static const nave_kernel kernels[] = {{"task", task_kernel, 0, NULL},
                                          {"span", span_kernel, 0, NULL}};
    nave_options options = {.kernels = kernels,
                            .kernel_count = 2,
                            .user = way->work,
                            .log = nave_log_stderr,
                            .idle_hub = way->idle_hub};
    nave *ctx;
    double cpu;
    int rc;
    way->work->ran = 0;
    bench_meet(MPI_COMM_WORLD);
    rc = nave_open(MPI_COMM_WORLD, &options, &ctx);
    if (rc != NAVE_OK)
        bench_fail(way->work->bench, "nave_open", ctx != NULL ? nave_error(ctx) : "out of memory");
    cpu = bench_cpu();
    rc = nave_is_hub(ctx) ? way_hub(ctx, way) : nave_serve(ctx);
    way->outcome.cpu = bench_cpu() - cpu;
    if (rc != NAVE_OK)
        bench_fail(way->work->bench, "nave", nave_error(ctx));
    nave_close(&ctx);
    return way->outcome;
}

#endif
