/* door - what does it cost a farm that others may look at it?          ranks: 2
 *
 * The same null tasks by turns in one run: in a farm without a door, in one with a door that nobody is
 * at, and in one whose status a client asks for ten times a second (a thread of rank 0's process, over
 * TCP as any client).  Each round opens a farm, maps the tasks several times over, and closes it.
 *
 *     mpirun -np 2 build/bench/door [--tasks N] [--seconds S] [--polls N] [--rounds N]
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"
#include "nave.h"
#include "nave_client.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <unistd.h>

enum way { CLOSED, OPEN, POLLED, WAYS };

static const char *const way_names[WAYS] = {"no door", "a door, nobody at it",
                                            "a client that polls"};
static const char *const way_keys[WAYS] = {"closed", "open", "polled"};

struct door_bench {
    struct bench bench;
    size_t tasks;
    double seconds, polls;
    char file[256];
    enum way way;
    atomic_bool ended;
    size_t answers;
    struct bench_series ns[WAYS]; /* of a task */
    double *out;
};

static int nothing(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    return 0;
}

/* ------------------------------------------------------------------------------------- the client */

static void *poll_status(void *arg)
{
    struct door_bench *bench = arg;
    nave_client *client;
    if (nave_connect(bench->file, NULL, &client) != NAVE_OK)
        bench_fail("door", "the client", nave_client_error(client));
    while (!atomic_load(&bench->ended)) {
        if (nave_client_ask(client, "{\"do\":\"status\"}", NULL, 0, 0, NULL, NULL, NULL) != NAVE_OK)
            bench_fail("door", "the client", nave_client_error(client));
        bench->answers++;
        bench_sleep(1 / bench->polls);
    }
    nave_disconnect(&client);
    return NULL;
}

/* ------------------------------------------------------------------------------------------ ways */

static int map_for_a_while(nave *ctx, void *arg)
{
    struct door_bench *bench = arg;
    double began, now;
    size_t tasks = 0;
    pthread_t client = pthread_self();
    nave_view *farm;
    int rc = nave_balanced(ctx, NULL, &farm);
    atomic_store(&bench->ended, false);
    if (bench->way == POLLED && pthread_create(&client, NULL, poll_status, bench) != 0)
        bench_fail("door", "the client", "no thread");
    began = now = bench_seconds();
    while (rc == NAVE_OK && now - began < bench->seconds) {
        rc = nave_map(farm, "nothing", NULL, 0, bench->out, sizeof *bench->out, bench->tasks);
        tasks += bench->tasks;
        now = bench_seconds();
    }
    bench_add(&bench->ns[bench->way], 1e9 * (now - began) / (double)tasks);
    atomic_store(&bench->ended, true);
    /* The client's last answer needs a hub that serves. */
    for (double until = now + 2.5 / bench->polls; bench->way == POLLED && bench_seconds() < until;)
        nave_turn(ctx);
    if (bench->way == POLLED)
        pthread_join(client, NULL);
    return rc;
}

static void measure(struct door_bench *bench, enum way way)
{
    static const nave_kernel kernels[] = {NAVE_KERNEL(nothing)};
    nave_options options = {.kernels = kernels, .kernel_count = 1, .log = nave_log_stderr};
    bench->way = way;
    options.connection = way != CLOSED ? bench->file : "";
    if (nave_run(MPI_COMM_WORLD, &options, map_for_a_while, bench) != NAVE_OK)
        bench_fail("door", way_names[way], "the farm failed");
}

static void report(const struct door_bench *bench)
{
    for (int way = 0; way < WAYS; way++)
        bench_report("door", way_names[way], "ns/task", &bench->ns[way]);
    printf("door       %zu answers to the client\n", bench->answers);
    for (int way = 0; bench->bench.json != NULL && way < WAYS; way++)
        fprintf(bench->bench.json, "%s\"%s_ns\":%.6g%s", way == 0 ? "{" : ",", way_keys[way],
                bench_median(&bench->ns[way]), way + 1 == WAYS ? "}\n" : "");
}

static int run(struct door_bench *bench)
{
    const char *folder = getenv("TMPDIR");
    snprintf(bench->file, sizeof bench->file, "%s/nave-bench-%ld.json",
             folder != NULL ? folder : "/tmp", (long)getpid());
    bench->out = calloc(bench->tasks, sizeof *bench->out);
    if (bench->out == NULL)
        return bench_complain(&bench->bench, "--tasks", "so much memory is not there");
    /* A round that is thrown away touches all memory for the first time. */
    for (size_t round = 0; round <= bench->bench.rounds; round++)
        for (int way = 0; way < WAYS; way++) {
            measure(bench, (enum way)way);
            if (round == 0)
                bench->ns[way].n = 0;
        }
    if (bench->bench.rank == 0)
        report(bench);
    free(bench->out);
    return 0;
}

int main(int argc, char **argv)
{
    static struct door_bench bench = {.tasks = 200000, .seconds = 0.5, .polls = 10};
    const struct bench_option options[] = {
        {"--tasks", "N", "in a map (200000)", .count = &bench.tasks, .least = 1, .most = 1e9},
        {"--seconds", "S", "that a round maps (0.5)", .number = &bench.seconds, .least = 0.01,
         .most = 1e4},
        {"--polls", "N", "a second (10)", .number = &bench.polls, .least = 1, .most = 1e5},
    };
    int status;
    bench.bench = (struct bench){.name = "door",
                                 .about = "what does it cost a farm that others may look at it?",
                                 .options = options,
                                 .option_count = sizeof options / sizeof *options,
                                 .rounds = 9};
    status = bench_start(&bench.bench, argc, argv);
    if (status >= 0)
        return status;
    return bench_end(&bench.bench, run(&bench));
}
