/* guard - what does it cost to run a task in a process that may die?          ranks: 1
 *
 * The same tasks by turns in one run: called directly; in a guarded child by rows of 1 and of 100
 * (lib/guard.h), and by rows of 100 with their output captured; in a fork for each; and in a guarded
 * child that each of them crashes, to be followed by another child.  A task counts up a word of the
 * room and works for --work nanoseconds.  With --crowded the child sleeps at once, as it does with
 * more ranks than cores.  --memory: what a fork has to copy the tables of.
 *
 *     build/bench/guard [--tasks N] [--work NS] [--memory MIB] [--crowded] [--rounds N]
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"
#include "guard.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum way { DIRECT, SINGLE, ROW, CAPTURED, FORK, CRASH, WAYS };
enum { ROW_TASKS = 100, DEAR = 1000 /* of so many tasks one is run that needs a fork */ };

static const char *const way_names[WAYS] = {
    "called directly",      "guarded, rows of 1",
    "guarded, rows of 100", "guarded, rows of 100, captured",
    "a fork for each",      "guarded, each crashes"};
static const char *const way_keys[WAYS] = {"direct",   "rows_of_1", "rows_of_100",
                                           "captured", "fork",      "crash"};

/* The shared room. */
struct room {
    atomic_ulong tasks; /* that were run */
    atomic_int crash;
};

struct guard_bench {
    struct bench bench;
    size_t tasks;
    double work, mebibytes;
    int crowded;
    struct nv_error error;
    struct nv_guard *guard;
    struct bench_series us[WAYS]; /* of a task */
};

static void task(const struct guard_bench *bench, struct room *room)
{
    unsigned long tasks = atomic_load_explicit(&room->tasks, memory_order_relaxed);
    double end = bench->work > 0 ? bench_seconds() + 1e-9 * bench->work : 0;
    atomic_store_explicit(&room->tasks, tasks + 1, memory_order_relaxed);
    while (bench->work > 0 && bench_seconds() < end)
        continue;
}

static void run_guarded(struct nv_guard *guard, void *arg, uint32_t at)
{
    struct room *room = nv_guard_room(guard);
    (void)at;
    task(arg, room);
    if (atomic_load_explicit(&room->crash, memory_order_relaxed))
        raise(SIGKILL);
}

/* ---------------------------------------------------------------------------------------- ways */

static void run_row(const struct guard_bench *bench, uint32_t count, enum way way)
{
    struct nv_guard_limits limits = {.capture = way == CAPTURED};
    struct nv_guard_state state;
    if (nv_guard_start(bench->guard, count, &limits) != NAVE_OK)
        bench_fail("guard", way_names[way], bench->error.text);
    do
        nv_guard_look(bench->guard, &state);
    while (state.what == NV_GUARD_RUNNING);
    if ((state.what == NV_GUARD_FINISHED) != (way != CRASH))
        bench_fail("guard", way_names[way], state.text);
}

static void run_forked(const struct guard_bench *bench, struct room *room)
{
    pid_t pid = fork();
    if (pid == 0) {
        task(bench, room);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, NULL, 0) != pid)
        bench_fail("guard", way_names[FORK], "no process");
}

/* Runs some tasks; returns how many. */
static size_t some(const struct guard_bench *bench, struct room *room, enum way way)
{
    switch (way) {
    case DIRECT:
        task(bench, room);
        return 1;
    case ROW:
    case CAPTURED:
        run_row(bench, ROW_TASKS, way);
        return ROW_TASKS;
    case FORK:
        run_forked(bench, room);
        return 1;
    default:
        run_row(bench, 1, way);
        return 1;
    }
}

static void measure(struct guard_bench *bench, enum way way)
{
    struct room *room = nv_guard_room(bench->guard);
    size_t tasks = way < FORK ? bench->tasks : 1 + bench->tasks / DEAR, ran = 0;
    double began;
    atomic_store(&room->tasks, 0);
    atomic_store(&room->crash, way == CRASH);
    began = bench_seconds();
    while (ran < tasks)
        ran += some(bench, room, way);
    bench_add(&bench->us[way], 1e6 * (bench_seconds() - began) / (double)ran);
    if (atomic_load(&room->tasks) != ran)
        bench_fail("guard", way_names[way], "not each task was run once");
}

/* ----------------------------------------------------------------------------------- reporting */

static void report(const struct guard_bench *bench)
{
    for (int way = 0; way < WAYS; way++)
        bench_report("guard", way_names[way], "us", &bench->us[way]);
    for (int way = 0; bench->bench.json != NULL && way < WAYS; way++)
        fprintf(bench->bench.json, "%s\"%s_us\":%.6g%s", way == 0 ? "{" : ",", way_keys[way],
                bench_median(&bench->us[way]), way + 1 == WAYS ? "}\n" : "");
}

static void measure_all(struct guard_bench *bench)
{
    struct nv_guard_spec spec = {.run = run_guarded,
                                 .arg = bench,
                                 .room = sizeof(struct room),
                                 .crowded = bench->crowded != 0,
                                 .error = &bench->error};
    if (nv_guard_new(&spec, &bench->guard) != NAVE_OK)
        bench_fail("guard", "the first child", bench->error.text);
    /* A round that is thrown away touches all memory for the first time. */
    for (size_t round = 0; round <= bench->bench.rounds; round++)
        for (int way = 0; way < WAYS; way++) {
            measure(bench, (enum way)way);
            if (round == 0)
                bench->us[way].n = 0;
        }
    nv_guard_free(bench->guard);
}

static int run(struct guard_bench *bench)
{
    size_t size = (size_t)(bench->mebibytes * 1048576) + 1;
    char *memory;
    if (bench->bench.rank > 0)
        return 0;
    memory = malloc(size);
    if (memory == NULL)
        return bench_complain(&bench->bench, "--memory", "so much is not there");
    memset(memory, 1, size);
    measure_all(bench);
    free(memory);
    report(bench);
    return 0;
}

int main(int argc, char **argv)
{
    static struct guard_bench bench = {.tasks = 100000};
    const struct bench_option options[] = {
        {"--tasks", "N", "in a round (100000); a thousandth of it by forks", .count = &bench.tasks,
         .least = 1, .most = 1e9},
        {"--work", "NS", "nanoseconds that a task works (0)", .number = &bench.work, .least = 0,
         .most = 1e9},
        {"--memory", "MIB", "of the process that forks (0)", .number = &bench.mebibytes, .least = 0,
         .most = 1e6},
        {"--crowded", NULL, "the child sleeps at once", .flag = &bench.crowded},
    };
    int status;
    bench.bench =
        (struct bench){.name = "guard",
                       .about = "what does it cost to run a task in a process that may die?",
                       .options = options,
                       .option_count = sizeof options / sizeof *options,
                       .rounds = 9};
    status = bench_start(&bench.bench, argc, argv);
    if (status >= 0)
        return status;
    return bench_end(&bench.bench, run(&bench));
}
