/* poll - what does nave_poll() cost a program while nobody is connected?          ranks: 2
 *
 * By turns in one run, all ranks at once: a loop of nave_poll() in a context with a door, and one of
 * MPI_Allreduce of an int, which is how ranks would agree by themselves.
 *
 *     mpirun -np 2 build/bench/poll [--polls N] [--rounds N]
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"
#include "nave.h"

#include <unistd.h>

enum way { POLLED, REDUCED, WAYS };

static const char *const way_names[WAYS] = {"nave_poll, a door nobody is at",
                                            "MPI_Allreduce of an int"};
static const char *const way_keys[WAYS] = {"poll", "allreduce"};

struct poll_bench {
    struct bench bench;
    size_t polls;
    nave *ctx;
    struct bench_series ns[WAYS];
};

/* The slowest rank's, on rank 0. */
static void measure(struct poll_bench *bench, enum way way)
{
    double began, seconds, most = 0;
    int one = 1, all = 0;
    bench_meet(MPI_COMM_WORLD);
    began = bench_seconds();
    for (size_t i = 0; i < bench->polls; i++)
        if (way == REDUCED)
            MPI_Allreduce(&one, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        else if (nave_poll(bench->ctx) != NAVE_OK)
            bench_fail("poll", way_names[way], nave_error(bench->ctx));
    seconds = bench_seconds() - began;
    MPI_Reduce(&seconds, &most, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    bench_add(&bench->ns[way], 1e9 * most / (double)bench->polls);
}

static void report(const struct poll_bench *bench)
{
    for (int way = 0; way < WAYS; way++)
        bench_report("poll", way_names[way], "ns", &bench->ns[way]);
    for (int way = 0; bench->bench.json != NULL && way < WAYS; way++)
        fprintf(bench->bench.json, "%s\"%s_ns\":%.6g%s", way == 0 ? "{" : ",", way_keys[way],
                bench_median(&bench->ns[way]), way + 1 == WAYS ? "}\n" : "");
}

static int run(struct poll_bench *bench)
{
    const char *folder = getenv("TMPDIR");
    char file[256];
    nave_options options = {.log = nave_log_stderr, .connection = file};
    snprintf(file, sizeof file, "%s/nave-bench-%ld.json", folder != NULL ? folder : "/tmp",
             (long)getpid());
    if (nave_open(MPI_COMM_WORLD, &options, &bench->ctx) != NAVE_OK)
        bench_fail("poll", "opening", nave_error(bench->ctx));
    /* A round that is thrown away finds how long windows are. */
    for (size_t round = 0; round <= bench->bench.rounds; round++)
        for (int way = 0; way < WAYS; way++) {
            measure(bench, (enum way)way);
            if (round == 0)
                bench->ns[way].n = 0;
        }
    nave_close(&bench->ctx);
    if (bench->bench.rank == 0)
        report(bench);
    return 0;
}

int main(int argc, char **argv)
{
    static struct poll_bench bench = {.polls = 1000000};
    const struct bench_option options[] = {
        {"--polls", "N", "in a round (1000000)", .count = &bench.polls, .least = 1, .most = 1e9},
    };
    int status;
    bench.bench = (struct bench){.name = "poll",
                                 .about = "what does nave_poll() cost while nobody is connected?",
                                 .options = options,
                                 .option_count = sizeof options / sizeof *options,
                                 .rounds = 9};
    status = bench_start(&bench.bench, argc, argv);
    if (status >= 0)
        return status;
    return bench_end(&bench.bench, run(&bench));
}
