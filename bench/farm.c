/* farm - is nave_map faster than the master/worker loop that one writes by hand?
 *
 * N tasks that each compute for D microseconds, done three ways in turn, several times in one run:
 * by the hand-written loop (one task to a message, blocking receives: what MPI textbooks show), by
 * nave_map, and by a serial loop on rank 0.  Prints a line of text and a line of JSON for each:
 * smallest, median and largest tasks per second.
 *
 *     mpirun -np P build/bench/farm [--tasks N] [--usec D] [--rounds R]
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "nave.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORK = 1, RESULT = 2, ROUNDS_MAX = 100 };

struct bench {
    size_t tasks;
    double usec;
    size_t rounds;
    double *in, *out;
    nave_view *farm;
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The task: computes for the time that its input says, and gives it back. */
static double compute(double usec)
{
    double until = usec > 0 ? seconds() + 1e-6 * usec : 0;
    while (usec > 0 && seconds() < until)
        continue;
    return usec;
}

static int task_kernel(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task;
    (void)in_size;
    (void)out_size;
    *(double *)out = compute(*(const double *)in);
    return 0;
}

/* --------------------------------------------------------------------- the loop written by hand */

struct message {
    int64_t index; /* negative: no more */
    double value;
};

static void send(int rank, int tag, int64_t index, double value)
{
    struct message message = {index, value};
    MPI_Send(&message, sizeof message, MPI_BYTE, rank, tag, MPI_COMM_WORLD);
}

static void by_hand_master(struct bench *bench, int ranks)
{
    size_t sent = 0;
    for (int r = 1; r < ranks && sent < bench->tasks; r++, sent++)
        send(r, WORK, (int64_t)sent, bench->in[sent]);
    for (size_t done = 0; done < bench->tasks; done++) {
        struct message message;
        MPI_Status status;
        MPI_Recv(&message, sizeof message, MPI_BYTE, MPI_ANY_SOURCE, RESULT, MPI_COMM_WORLD,
                 &status);
        bench->out[message.index] = message.value;
        if (sent < bench->tasks) {
            send(status.MPI_SOURCE, WORK, (int64_t)sent, bench->in[sent]);
            sent++;
        }
    }
    for (int r = 1; r < ranks; r++)
        send(r, WORK, -1, 0);
}

static void by_hand_worker(void)
{
    for (;;) {
        struct message message;
        MPI_Recv(&message, sizeof message, MPI_BYTE, 0, WORK, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (message.index < 0)
            return;
        send(0, RESULT, message.index, compute(message.value));
    }
}

/* ------------------------------------------------------------------------------------ measuring */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *way, const struct bench *bench, int ranks, double *rates)
{
    qsort(rates, bench->rounds, sizeof *rates, ascending);
    printf("%-8s %d ranks, %zu tasks of %g us: %.3g tasks/s (%.3g to %.3g)\n", way, ranks,
           bench->tasks, bench->usec, rates[bench->rounds / 2], rates[0], rates[bench->rounds - 1]);
    printf("{\"bench\":\"farm\",\"way\":\"%s\",\"ranks\":%d,\"tasks\":%zu,\"usec\":%g,"
           "\"tasks_per_second\":{\"min\":%.6g,\"median\":%.6g,\"max\":%.6g}}\n",
           way, ranks, bench->tasks, bench->usec, rates[0], rates[bench->rounds / 2],
           rates[bench->rounds - 1]);
}

static int one_map(nave *ctx, void *arg)
{
    struct bench *bench = arg;
    double *took = bench->out + bench->tasks; /* where main looks for the time */
    double began;
    int rc = nave_balanced(ctx, NULL, &bench->farm);
    if (rc != NAVE_OK)
        return rc;
    began = seconds();
    rc = nave_map(bench->farm, "task", bench->in, sizeof *bench->in, bench->out, sizeof *bench->out,
                  bench->tasks);
    *took = seconds() - began;
    return rc;
}

static void check(const struct bench *bench, const char *way)
{
    for (size_t i = 0; i < bench->tasks; i++)
        if (bench->out[i] != bench->in[i]) {
            fprintf(stderr, "farm: %s: result %zu is wrong\n", way, i);
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
    memset(bench->out, 0, bench->tasks * sizeof *bench->out);
}

static double time_serial(struct bench *bench)
{
    double began = seconds();
    for (size_t i = 0; i < bench->tasks; i++)
        bench->out[i] = compute(bench->in[i]);
    return seconds() - began;
}

static double time_by_hand(struct bench *bench, int rank, int ranks)
{
    double began;
    MPI_Barrier(MPI_COMM_WORLD);
    began = seconds();
    if (rank == 0)
        by_hand_master(bench, ranks);
    else
        by_hand_worker();
    return seconds() - began;
}

static double time_nave(struct bench *bench)
{
    static const nave_kernel kernels[] = {{"task", task_kernel, 0}};
    nave_options options = {.kernels = kernels, .kernel_count = 1, .log = nave_log_stderr};
    if (nave_run(MPI_COMM_WORLD, &options, one_map, bench) != NAVE_OK)
        MPI_Abort(MPI_COMM_WORLD, 1);
    return bench->out != NULL ? bench->out[bench->tasks] : 0;
}

static void measure(struct bench *bench, int rank, int ranks)
{
    double rates[3][ROUNDS_MAX];
    static const char *const ways[3] = {"serial", "by hand", "nave_map"};
    for (size_t round = 0; round < bench->rounds; round++)
        for (int way = 0; way < 3; way++) {
            double took = 0;
            if (way == 0 && rank == 0)
                took = time_serial(bench);
            if (way == 1 && ranks > 1)
                took = time_by_hand(bench, rank, ranks);
            if (way == 2)
                took = time_nave(bench);
            if (rank == 0 && took > 0)
                check(bench, ways[way]);
            rates[way][round] = took > 0 ? (double)bench->tasks / took : 0;
        }
    for (int way = 0; rank == 0 && way < 3; way++)
        if (way != 1 || ranks > 1)
            report(ways[way], bench, ranks, rates[way]);
}

static int parse(int argc, char **argv, struct bench *bench)
{
    for (int i = 1; i < argc; i += 2) {
        double value = i + 1 < argc ? strtod(argv[i + 1], NULL) : -1;
        if (strcmp(argv[i], "--tasks") == 0 && value >= 1)
            bench->tasks = (size_t)value;
        else if (strcmp(argv[i], "--usec") == 0 && value >= 0)
            bench->usec = value;
        else if (strcmp(argv[i], "--rounds") == 0 && value >= 1 && value <= ROUNDS_MAX)
            bench->rounds = (size_t)value;
        else
            return -1;
    }
    return 0;
}

static int fill(struct bench *bench)
{
    bench->in = calloc(bench->tasks, sizeof *bench->in);
    bench->out = calloc(bench->tasks + 1, sizeof *bench->out);
    if (bench->in == NULL || bench->out == NULL)
        return 0;
    for (size_t i = 0; i < bench->tasks; i++)
        bench->in[i] = bench->usec;
    return 1;
}

int main(int argc, char **argv)
{
    struct bench bench = {.tasks = 1000000, .usec = 0, .rounds = 5};
    int rank, ranks;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (parse(argc, argv, &bench) != 0) {
        if (rank == 0)
            fprintf(stderr, "usage: farm [--tasks N] [--usec D] [--rounds 1..100]\n");
        MPI_Finalize();
        return 2;
    }
    if (rank == 0 && !fill(&bench))
        MPI_Abort(MPI_COMM_WORLD, 1);
    measure(&bench, rank, ranks);
    free(bench.in);
    free(bench.out);
    MPI_Finalize();
    return 0;
}
