/* bandwidth - do large payloads travel as fast as MPI carries them?          ranks: 2
 *
 * Payloads of 64 MiB between ranks 0 and 1, several on their way at once, by turns in one run: by
 * MPI_Isend and MPI_Irecv, and by nave_map while rank 0 only schedules.  Three patterns: in (64 MiB
 * there, eight bytes back), out (eight bytes there, 64 MiB back), both (64 MiB there and back, the
 * kernel returns its input).  In the last two rank 1 has to fill what it sends back; so the raw
 * loop is run twice as well, sending what lies in its buffers, and copying what it sends first.
 *
 * The raw loop of rank 1 runs inside a kernel, so that one farm stays open for all rounds.
 * Bandwidth is payload bytes, in and out together, by the time of rank 0.
 *
 *     mpirun -np 2 build/bench/bandwidth [--mebibytes N] [--payloads N] [--flight N] [--rounds N]
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"
#include "nave.h"

#include <stdint.h>

enum { IN, OUT, BOTH, PATTERNS };
enum { RAW, RAW_COPY, NAVE, WAYS };
enum { SMALL = 8, FLIGHT_MOST = 64, READY = 1, THERE, BACK };

static const char *const pattern_names[PATTERNS] = {"in", "out", "both"};
static const char *const way_names[WAYS] = {"raw", "raw with copy", "nave_map"};

struct bandwidth {
    struct bench bench;
    double mebibytes;
    size_t payloads, flight;
    MPI_Comm raw;            /* ranks 0 and 1, for the raw loop */
    unsigned char *in, *out; /* rank 0: all payloads; rank 1: those on their way */
    unsigned char *sample;   /* one payload, the same on both: what `out` is answered with */
    size_t bytes;            /* of a payload */
    nave *ctx;
    struct bench_series rate[PATTERNS][WAYS]; /* GB/s */
};

/* One exchange of the raw loop; what rank 1's half is told. */
struct exchange {
    size_t payloads, flight, in_size, out_size;
    int copies;
};

static void demand(const struct bandwidth *bandwidth, int rc)
{
    if (rc != NAVE_OK)
        bench_fail("bandwidth", nave_strerror(rc), nave_error(bandwidth->ctx));
}

/* -------------------------------------------------------------------------------- the raw loop */

/* Rank 1's slots; payload i goes through slot i % flight. */
struct slots {
    const struct bandwidth *bandwidth;
    struct exchange exchange;
    MPI_Request there[FLIGHT_MOST], back[FLIGHT_MOST];
};

static void raw_receive(struct slots *slots, size_t slot)
{
    const struct bandwidth *bandwidth = slots->bandwidth;
    MPI_Irecv(bandwidth->in + slot * bandwidth->bytes, (int)slots->exchange.in_size, MPI_BYTE, 0,
              THERE, bandwidth->raw, &slots->there[slot]);
}

/* Takes what arrived in a slot and lets the answer go; it is under way while the next ones come. */
static void raw_answer(struct slots *slots, size_t slot)
{
    const struct bandwidth *bandwidth = slots->bandwidth;
    const unsigned char *arrived = bandwidth->in + slot * bandwidth->bytes;
    unsigned char *answer = bandwidth->out + slot * bandwidth->bytes;
    size_t in_size = slots->exchange.in_size, out_size = slots->exchange.out_size;
    MPI_Wait(&slots->there[slot], MPI_STATUS_IGNORE);
    MPI_Wait(&slots->back[slot], MPI_STATUS_IGNORE);
    if (slots->exchange.copies)
        memcpy(answer, in_size < out_size ? bandwidth->sample : arrived, out_size);
    MPI_Isend(answer, (int)out_size, MPI_BYTE, 0, BACK, bandwidth->raw, &slots->back[slot]);
}

/* Rank 1's half; says when it is ready. */
static int raw_kernel(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct slots slots = {.bandwidth = nave_task_user(task)};
    size_t flight, payloads;
    (void)in_size;
    (void)out;
    (void)out_size;
    memcpy(&slots.exchange, in, sizeof slots.exchange);
    flight = slots.exchange.flight;
    payloads = slots.exchange.payloads;
    if (flight == 0 || flight > FLIGHT_MOST)
        return nave_fail(task, "%zu payloads on their way", flight);
    for (size_t slot = 0; slot < flight; slot++) {
        slots.back[slot] = MPI_REQUEST_NULL;
        raw_receive(&slots, slot);
    }
    MPI_Send(NULL, 0, MPI_BYTE, 0, READY, slots.bandwidth->raw);
    for (size_t i = 0; i < payloads; i++) {
        raw_answer(&slots, i % flight);
        if (i + flight < payloads)
            raw_receive(&slots, i % flight);
    }
    MPI_Waitall((int)flight, slots.back, MPI_STATUSES_IGNORE);
    return 0;
}

/* Rank 0's half. */
static double raw_exchange(const struct bandwidth *bandwidth, const struct exchange *exchange)
{
    MPI_Request there[FLIGHT_MOST], back[FLIGHT_MOST];
    double began = bench_seconds();
    for (size_t i = 0; i < exchange->payloads + exchange->flight; i++) {
        size_t slot = i % exchange->flight;
        if (i >= exchange->flight) {
            MPI_Wait(&back[slot], MPI_STATUS_IGNORE);
            MPI_Wait(&there[slot], MPI_STATUS_IGNORE);
        }
        if (i >= exchange->payloads)
            continue;
        MPI_Irecv(bandwidth->out + i * exchange->out_size, (int)exchange->out_size, MPI_BYTE, 1,
                  BACK, bandwidth->raw, &back[slot]);
        MPI_Isend(bandwidth->in + i * exchange->in_size, (int)exchange->in_size, MPI_BYTE, 1, THERE,
                  bandwidth->raw, &there[slot]);
    }
    return bench_seconds() - began;
}

static double raw_round(const struct bandwidth *bandwidth, nave_view *view,
                        const struct exchange *exchange)
{
    nave_future *other;
    double seconds;
    demand(bandwidth, nave_apply(view, "raw", exchange, sizeof *exchange, 0, &other));
    for (nave_counts counts = {0}; counts.running == 0; nave_count(other, &counts))
        nave_test(other);
    MPI_Recv(NULL, 0, MPI_BYTE, 1, READY, bandwidth->raw, MPI_STATUS_IGNORE);
    seconds = raw_exchange(bandwidth, exchange);
    demand(bandwidth, nave_wait(other, -1));
    nave_future_free(other);
    return seconds;
}

/* ------------------------------------------------------------------------------------- kernels */

/* Returns its input, the first bytes of it, or the sample. */
static int same_kernel(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    const struct bandwidth *bandwidth = nave_task_user(task);
    memcpy(out, in_size < out_size ? bandwidth->sample : in, out_size);
    return 0;
}

static const nave_kernel kernels[] = {
    {"raw", raw_kernel, NAVE_NOT_ON_HUB, NULL},
    {"same", same_kernel, 0, NULL},
};

/* ----------------------------------------------------------------------------------- measuring */

static double nave_round(const struct bandwidth *bandwidth, nave_view *view,
                         const struct exchange *exchange)
{
    double began = bench_seconds();
    demand(bandwidth, nave_map(view, "same", bandwidth->in, exchange->in_size, bandwidth->out,
                               exchange->out_size, exchange->payloads));
    return bench_seconds() - began;
}

static void verify(struct bandwidth *bandwidth, int pattern, const struct exchange *exchange)
{
    for (size_t i = 0; i < exchange->payloads; i++) {
        const unsigned char *sent = bandwidth->in + i * exchange->in_size;
        if (memcmp(pattern == OUT ? bandwidth->sample : sent,
                   bandwidth->out + i * exchange->out_size, exchange->out_size) != 0)
            bench_fail("bandwidth", pattern_names[pattern], "what came back is not what was sent");
    }
    memset(bandwidth->out, 0, exchange->payloads * exchange->out_size);
}

static void measure(struct bandwidth *bandwidth, nave_view *view, int pattern, int way)
{
    struct exchange exchange = {.payloads = bandwidth->payloads,
                                .flight = bandwidth->flight,
                                .in_size = pattern == OUT ? SMALL : bandwidth->bytes,
                                .out_size = pattern == IN ? SMALL : bandwidth->bytes,
                                .copies = way == RAW_COPY};
    double moved = (double)(exchange.payloads * (exchange.in_size + exchange.out_size));
    double seconds = way == NAVE ? nave_round(bandwidth, view, &exchange)
                                 : raw_round(bandwidth, view, &exchange);
    bench_add(&bandwidth->rate[pattern][way], moved / seconds / 1e9);
    if (way != RAW)
        verify(bandwidth, pattern, &exchange);
}

static void measure_all(struct bandwidth *bandwidth)
{
    nave_view *view;
    demand(bandwidth, nave_balanced(bandwidth->ctx, NULL, &view));
    /* A round that is thrown away touches all memory for the first time. */
    for (size_t round = 0; round <= bandwidth->bench.rounds; round++) {
        for (int pattern = 0; pattern < PATTERNS; pattern++)
            for (int way = 0; way < WAYS; way++) {
                measure(bandwidth, view, pattern, way);
                if (round == 0)
                    bandwidth->rate[pattern][way].n = 0;
            }
    }
    nave_view_free(view);
}

/* ----------------------------------------------------------------------------------- reporting */

static void report(const struct bandwidth *bandwidth)
{
    char what[64];
    printf("payloads of %zu bytes, %zu to a round, %zu on their way in the raw loop\n",
           bandwidth->bytes, bandwidth->payloads, bandwidth->flight);
    for (int pattern = 0; pattern < PATTERNS; pattern++) {
        const struct bench_series *rate = bandwidth->rate[pattern];
        for (int way = 0; way < WAYS; way++) {
            snprintf(what, sizeof what, "%s, %s", pattern_names[pattern], way_names[way]);
            bench_report("bandwidth", what, "GB/s", &rate[way]);
        }
        printf("%s: nave_map has %.1f %% of raw, %.1f %% of raw with copy\n",
               pattern_names[pattern], 100 * bench_median(&rate[NAVE]) / bench_median(&rate[RAW]),
               100 * bench_median(&rate[NAVE]) / bench_median(&rate[RAW_COPY]));
    }
}

static void write_json(const struct bandwidth *bandwidth)
{
    FILE *json = bandwidth->bench.json;
    for (int pattern = 0; pattern < PATTERNS; pattern++) {
        const struct bench_series *rate = bandwidth->rate[pattern];
        double raw = bench_median(&rate[RAW]), copy = bench_median(&rate[RAW_COPY]);
        double nave_map_rate = bench_median(&rate[NAVE]);
        fprintf(json,
                "%s\"%s\":{\"nave_gb_s\":%.6g,\"raw_gb_s\":%.6g,\"raw_copy_gb_s\":%.6g,"
                "\"ratio\":%.6g,\"ratio_copy\":%.6g}",
                pattern == 0 ? "{" : ",", pattern_names[pattern], nave_map_rate, raw, copy,
                nave_map_rate / raw, nave_map_rate / copy);
    }
    fprintf(json, "}\n");
}

/* ---------------------------------------------------------------------------------------- main */

/* Any bytes, but no two payloads alike. */
static void fill(unsigned char *bytes, size_t size)
{
    uint64_t seed = 20;
    for (size_t at = 0; at + sizeof seed <= size; at += sizeof seed) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        memcpy(bytes + at, &seed, sizeof seed);
    }
}

static void make_payloads(struct bandwidth *bandwidth)
{
    size_t count = bandwidth->bench.rank == 0 ? bandwidth->payloads : bandwidth->flight;
    if (count == 0 || bandwidth->bytes == 0)
        bench_fail("bandwidth", "payloads", "there are none");
    bandwidth->in = calloc(count, bandwidth->bytes);
    bandwidth->out = calloc(count, bandwidth->bytes);
    bandwidth->sample = calloc(1, bandwidth->bytes);
    if (bandwidth->in == NULL || bandwidth->out == NULL || bandwidth->sample == NULL)
        bench_fail("bandwidth", "payloads", "out of memory");
    fill(bandwidth->in, count * bandwidth->bytes);
    fill(bandwidth->sample, bandwidth->bytes);
}

static void free_payloads(struct bandwidth *bandwidth)
{
    free(bandwidth->in);
    free(bandwidth->out);
    free(bandwidth->sample);
}

static void measure_pair(struct bandwidth *bandwidth, MPI_Comm pair)
{
    nave_options options = {.kernels = kernels,
                            .kernel_count = sizeof kernels / sizeof *kernels,
                            .user = bandwidth,
                            .log = nave_log_stderr,
                            .idle_hub = 1};
    int rc;
    MPI_Comm_dup(pair, &bandwidth->raw);
    make_payloads(bandwidth);
    rc = nave_open(pair, &options, &bandwidth->ctx);
    if (rc != NAVE_OK)
        bench_fail("bandwidth", "nave_open", nave_strerror(rc));
    if (nave_is_hub(bandwidth->ctx))
        measure_all(bandwidth);
    else
        demand(bandwidth, nave_serve(bandwidth->ctx));
    nave_close(&bandwidth->ctx);
    free_payloads(bandwidth);
    MPI_Comm_free(&bandwidth->raw);
}

static int run(struct bandwidth *bandwidth)
{
    MPI_Comm pair;
    if (bandwidth->bench.ranks < 2)
        return bench_complain(&bandwidth->bench, "mpirun -np 1", "two ranks are needed");
    if (bandwidth->flight > bandwidth->payloads)
        return bench_complain(&bandwidth->bench, "--flight", "is more than --payloads");
    bandwidth->bytes = (size_t)(bandwidth->mebibytes * 1048576) / 8 * 8;
    MPI_Comm_split(MPI_COMM_WORLD, bandwidth->bench.rank < 2 ? 0 : MPI_UNDEFINED, 0, &pair);
    if (pair != MPI_COMM_NULL) {
        measure_pair(bandwidth, pair);
        MPI_Comm_free(&pair);
    }
    bench_meet(MPI_COMM_WORLD);
    if (bandwidth->bench.rank == 0)
        report(bandwidth);
    if (bandwidth->bench.json != NULL)
        write_json(bandwidth);
    return 0;
}

int main(int argc, char **argv)
{
    static struct bandwidth bandwidth = {.mebibytes = 64, .payloads = 8, .flight = 4};
    const struct bench_option options[] = {
        {"--mebibytes", "N", "of a payload (64)", .number = &bandwidth.mebibytes, .least = 0.001,
         .most = 2047},
        {"--payloads", "N", "payloads in a round (8)", .count = &bandwidth.payloads, .least = 1,
         .most = 1e6},
        {"--flight", "N", "on their way in the raw loop (4)", .count = &bandwidth.flight,
         .least = 1, .most = FLIGHT_MOST},
    };
    int status;
    bandwidth.bench =
        (struct bench){.name = "bandwidth",
                       .about = "do large payloads travel as fast as MPI carries them?",
                       .options = options,
                       .option_count = sizeof options / sizeof *options,
                       .rounds = 9};
    status = bench_start(&bandwidth.bench, argc, argv);
    if (status >= 0)
        return status;
    return bench_end(&bandwidth.bench, run(&bandwidth));
}
