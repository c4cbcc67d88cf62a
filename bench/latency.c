/* latency - how long does one task take, from submit to result?             ranks: 2
 *
 * Between ranks 0 and 1, by turns in many short rounds: a message there and back by MPI_Send and
 * MPI_Recv, and a task of the same size, submitted, waited for, read and freed, while rank 0 only
 * schedules.  The raw loop of rank 1 runs inside a kernel, so that one farm stays open for all
 * rounds.
 *
 * Then the bell: all are idle until they sleep, and one task is submitted.  The time until its
 * kernel runs is taken twice, from the library's record and from the clock that the kernel reads;
 * first on rank 1, then on rank 0 beside the hub.
 *
 *     mpirun -np 2 build/bench/latency [--rounds N] [--bells N] ...
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"
#include "nave.h"

enum { LARGEST = 4096, PING = 1, PONG };

static const size_t sizes[] = {8, 16, 64, 256, 1024, LARGEST};
enum { SIZES = sizeof sizes / sizeof *sizes, PLAIN = 1 /* the size of the goal: 16 bytes */ };

struct latency {
    struct bench bench;
    size_t trips; /* to a round */
    size_t bells;
    double pause; /* milliseconds */
    MPI_Comm raw; /* ranks 0 and 1, for the raw loop */
    nave *ctx;
    struct bench_series raw_us[SIZES], task_us[SIZES];
    struct bench_series bell_us[2], bell_clock_us[2]; /* of rank 1, of rank 0 */
};

/* ------------------------------------------------------------------------------------- kernels */

struct echo {
    size_t trips, size;
};

/* Rank 1's half of the raw loop. */
static int raw_kernel(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    const struct latency *latency = nave_task_user(task);
    char payload[LARGEST];
    struct echo echo;
    (void)in_size;
    (void)out;
    (void)out_size;
    memcpy(&echo, in, sizeof echo);
    for (size_t i = 0; i < echo.trips; i++) {
        MPI_Recv(payload, (int)echo.size, MPI_BYTE, 0, PING, latency->raw, MPI_STATUS_IGNORE);
        MPI_Send(payload, (int)echo.size, MPI_BYTE, 0, PONG, latency->raw);
    }
    return 0;
}

static int same_kernel(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task;
    memcpy(out, in, in_size < out_size ? in_size : out_size);
    return 0;
}

static int clock_kernel(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    double now = bench_seconds();
    (void)task;
    (void)in;
    (void)in_size;
    memcpy(out, &now, out_size);
    return 0;
}

static const nave_kernel kernels[] = {
    {"raw", raw_kernel, NAVE_NOT_ON_HUB, NULL},
    {"same", same_kernel, 0, NULL},
    {"clock", clock_kernel, 0, NULL},
};

/* --------------------------------------------------------------------------------- round trips */

static void demand(const struct latency *latency, int rc)
{
    if (rc != NAVE_OK)
        bench_fail("latency", nave_strerror(rc), nave_error(latency->ctx));
}

static void fill(unsigned char *payload, size_t size, size_t trip)
{
    memset(payload, (int)(trip & 0xff), size);
}

static void verify(const unsigned char *payload, size_t size, size_t trip)
{
    if (payload[0] != (trip & 0xff) || payload[size - 1] != (trip & 0xff))
        bench_fail("latency", "round trip", "what came back is not what was sent");
}

static double raw_round(struct latency *latency, nave_view *view, size_t size)
{
    unsigned char payload[LARGEST];
    struct echo echo = {latency->trips, size};
    nave_future *other;
    double took = 0;
    demand(latency, nave_apply(view, "raw", &echo, sizeof echo, 0, &other));
    for (nave_counts counts = {0}; counts.running == 0; nave_count(other, &counts))
        nave_test(other);
    /* The first trip waits for the kernel to start and is not counted. */
    for (size_t trip = 0; trip < echo.trips; trip++) {
        if (trip == 1)
            took = bench_seconds();
        fill(payload, size, trip);
        MPI_Send(payload, (int)size, MPI_BYTE, 1, PING, latency->raw);
        MPI_Recv(payload, (int)size, MPI_BYTE, 1, PONG, latency->raw, MPI_STATUS_IGNORE);
        verify(payload, size, trip);
    }
    took = bench_seconds() - took;
    demand(latency, nave_wait(other, -1));
    nave_future_free(other);
    return took / (double)(echo.trips - 1);
}

static void task_trip(struct latency *latency, nave_view *view, size_t size, size_t trip)
{
    unsigned char payload[LARGEST];
    nave_future *future;
    const void *data;
    fill(payload, size, trip);
    demand(latency, nave_apply(view, "same", payload, size, size, &future));
    demand(latency, nave_result(future, 0, &data, NULL));
    verify(data, size, trip);
    nave_future_free(future);
}

static double task_round(struct latency *latency, nave_view *view, size_t size)
{
    size_t trips = latency->trips;
    double took = 0;
    for (size_t trip = 0; trip < trips; trip++) {
        if (trip == 1)
            took = bench_seconds();
        task_trip(latency, view, size, trip);
    }
    return (bench_seconds() - took) / (double)(trips - 1);
}

static void measure_trips(struct latency *latency)
{
    nave_view *view;
    demand(latency, nave_balanced(latency->ctx, NULL, &view));
    for (size_t round = 0; round < latency->bench.rounds; round++)
        for (int s = 0; s < SIZES; s++) {
            bench_add(&latency->raw_us[s], 1e6 * raw_round(latency, view, sizes[s]));
            bench_add(&latency->task_us[s], 1e6 * task_round(latency, view, sizes[s]));
        }
    nave_view_free(view);
}

/* ---------------------------------------------------------------------------------------- bell */

static void ring(struct latency *latency, nave_view *view, int rank)
{
    nave_future *future;
    nave_record record;
    double submitted, began;
    bench_sleep(latency->pause * 1e-3);
    submitted = bench_seconds();
    demand(latency, nave_apply(view, "clock", NULL, 0, sizeof began, &future));
    demand(latency, nave_wait(future, -1));
    demand(latency, nave_task_record(future, 0, &record));
    memcpy(&began, record.data, sizeof began);
    bench_add(&latency->bell_us[rank == 0], 1e6 * (record.started - record.submitted));
    bench_add(&latency->bell_clock_us[rank == 0], 1e6 * (began - submitted));
    nave_future_free(future);
}

static void measure_bell(struct latency *latency, int rank)
{
    nave_view *view;
    demand(latency, nave_direct(latency->ctx, &rank, 1, &view));
    for (size_t bell = 0; bell < latency->bells; bell++)
        ring(latency, view, rank);
    nave_view_free(view);
}

/* ----------------------------------------------------------------------------------- reporting */

static void report_trips(const struct latency *latency)
{
    char what[64];
    for (int s = 0; s < SIZES; s++) {
        snprintf(what, sizeof what, "raw round trip, %zu bytes", sizes[s]);
        bench_report("latency", what, "us", &latency->raw_us[s]);
        snprintf(what, sizeof what, "task, %zu bytes", sizes[s]);
        bench_report("latency", what, "us", &latency->task_us[s]);
    }
    printf("\n%8s %16s %12s %8s\n", "bytes", "raw round trip", "task", "ratio");
    for (int s = 0; s < SIZES; s++) {
        double raw = bench_median(&latency->raw_us[s]), task = bench_median(&latency->task_us[s]);
        printf("%8zu %13.3f us %9.3f us %8.2f\n", sizes[s], raw, task, task / raw);
    }
    printf("\n");
}

static void report_bell(const struct latency *latency)
{
    static const char *const whose[] = {"rank 1", "rank 0"};
    char what[64];
    for (int hub = 0; hub < 2; hub++) {
        snprintf(what, sizeof what, "bell to kernel, %s", whose[hub]);
        bench_report("latency", what, "us", &latency->bell_us[hub]);
        snprintf(what, sizeof what, "the same by its own clock, %s", whose[hub]);
        bench_report("latency", what, "us", &latency->bell_clock_us[hub]);
        printf("99 of 100 bells of %s within %.4g us\n", whose[hub],
               bench_quantile(&latency->bell_us[hub], 0.99));
    }
}

static void write_json(const struct latency *latency)
{
    double raw = bench_median(&latency->raw_us[PLAIN]);
    double task = bench_median(&latency->task_us[PLAIN]);
    fprintf(latency->bench.json,
            "{\"task_us\":%.6g,\"raw_round_trip_us\":%.6g,\"ratio\":%.6g,"
            "\"bell_median_us\":%.6g,\"bell_p99_us\":%.6g,\"hub_bell_median_us\":%.6g,"
            "\"hub_bell_p99_us\":%.6g}\n",
            task, raw, task / raw, bench_median(&latency->bell_us[0]),
            bench_quantile(&latency->bell_us[0], 0.99), bench_median(&latency->bell_us[1]),
            bench_quantile(&latency->bell_us[1], 0.99));
}

/* ---------------------------------------------------------------------------------------- main */

/* Opens a farm of ranks 0 and 1, lets rank 0 use it by `measure`, and closes it. */
static void with_farm(struct latency *latency, MPI_Comm pair, int idle_hub,
                      void measure(struct latency *latency))
{
    nave_options options = {.kernels = kernels,
                            .kernel_count = sizeof kernels / sizeof *kernels,
                            .user = latency,
                            .log = nave_log_stderr,
                            .idle_hub = idle_hub};
    int rc = nave_open(pair, &options, &latency->ctx);
    if (rc != NAVE_OK)
        bench_fail("latency", "nave_open", nave_strerror(rc));
    if (nave_is_hub(latency->ctx))
        measure(latency);
    else
        demand(latency, nave_serve(latency->ctx));
    nave_close(&latency->ctx);
}

static void measure_engine(struct latency *latency)
{
    measure_trips(latency);
    measure_bell(latency, 1);
}

static void measure_hub(struct latency *latency)
{
    measure_bell(latency, 0);
}

static int run(struct latency *latency)
{
    MPI_Comm pair;
    if (latency->bench.ranks < 2)
        return bench_complain(&latency->bench, "mpirun -np 1", "two ranks are needed");
    MPI_Comm_split(MPI_COMM_WORLD, latency->bench.rank < 2 ? 0 : MPI_UNDEFINED, 0, &pair);
    if (pair != MPI_COMM_NULL) {
        MPI_Comm_dup(pair, &latency->raw);
        with_farm(latency, pair, 1, measure_engine);
        with_farm(latency, pair, 0, measure_hub);
        MPI_Comm_free(&latency->raw);
        MPI_Comm_free(&pair);
    }
    bench_meet(MPI_COMM_WORLD);
    if (latency->bench.rank != 0)
        return 0;
    report_trips(latency);
    report_bell(latency);
    if (latency->bench.json != NULL)
        write_json(latency);
    return 0;
}

int main(int argc, char **argv)
{
    static struct latency latency = {.trips = 200, .bells = 200, .pause = 20};
    const struct bench_option options[] = {
        {"--trips", "N", "round trips in a round (200)", .count = &latency.trips, .least = 2,
         .most = 1e6},
        {"--bells", "N", "how often the bell rings (200)", .count = &latency.bells, .least = 1,
         .most = BENCH_ROUNDS},
        {"--pause", "MS", "idle before it does, ms (20)", .number = &latency.pause, .most = 1e4},
    };
    int status;
    latency.bench = (struct bench){.name = "latency",
                                   .about = "how long does one task take, from submit to result?",
                                   .options = options,
                                   .option_count = sizeof options / sizeof *options,
                                   .rounds = 100};
    status = bench_start(&latency.bench, argc, argv);
    if (status >= 0)
        return status;
    return bench_end(&latency.bench, run(&latency));
}
