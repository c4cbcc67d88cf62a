/* farm - how near does a farm come to what its engines could do?             ranks: 2
 *
 * N tasks that compute for D microseconds each, or sleep for the times in a file, done by turns in
 * one run: by the master/worker loop that one writes by hand, by Nave, with --peers by work
 * stealing without results in the manner of libcircle, and, where tasks are short, by rank 0 alone.
 * Printed for each: tasks per second, the speed-up over one engine, the best that any order, and
 * that the order of the file, could reach, and the CPU that all ranks burned.
 *
 *     mpirun -np P build/bench/farm [--tasks N --usec D | --sleep-file FILE] [--mode map] ...
 *
 * mpi4py.futures needs an mpirun of its own: bench/peers/run takes turns with it.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ways.h"

#include <ctype.h>
#include <stdbool.h>

enum { SERIAL, NAIVE, STEAL, NAVE, WAYS };

/* Longer than this and the serial loop is left out. */
static const double serial_limit = 5;

struct farm {
    struct bench bench;
    /* options */
    size_t tasks; /* 0: not given */
    double usec;  /* negative: not given */
    size_t chunk, window;
    const char *sleep_file, *mode, *policy;
    int hints, no_hub, peers;
    /* made of them */
    struct work work;
    struct nave_way nave;
    double *queue; /* for stealing */
    double sum, longest;
    /* figures, on rank 0: by round */
    struct bench_series makespan[WAYS], cpu[WAYS];
    int engines[WAYS];
};

/* ----------------------------------------------------------------------------------- the tasks */

static double compute(double seconds)
{
    double until = seconds > 0 ? bench_seconds() + seconds : 0;
    while (seconds > 0 && bench_seconds() < until)
        continue;
    return seconds;
}

static double sleep_for(double seconds)
{
    bench_sleep(seconds);
    return seconds;
}

static bool blank(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return *text == '\0';
}

/* Appends the duration on a line, if there is one. */
static int add_line(struct farm *farm, const char *line, size_t number)
{
    struct work *work = &farm->work;
    char *end;
    double seconds = strtod(line, &end), *grown;
    if (blank(line))
        return 0;
    if (end == line || !blank(end) || !(seconds >= 0 && seconds <= 1e6)) {
        fprintf(stderr, "farm: %s:%zu: not a number of seconds\n", farm->sleep_file, number);
        return -1;
    }
    grown = realloc(work->in, (work->tasks + 1) * sizeof *grown);
    if (grown == NULL) {
        fprintf(stderr, "farm: %s: out of memory\n", farm->sleep_file);
        return -1;
    }
    work->in = grown;
    work->in[work->tasks++] = seconds;
    return 0;
}

static int read_sleeps(struct farm *farm)
{
    char line[256];
    int status = 0;
    FILE *file = fopen(farm->sleep_file, "r");
    if (file == NULL) {
        fprintf(stderr, "farm: %s: %s\n", farm->sleep_file, strerror(errno));
        return 2;
    }
    for (size_t number = 1; status == 0 && fgets(line, sizeof line, file) != NULL; number++)
        status = add_line(farm, line, number);
    fclose(file);
    if (status == 0 && farm->work.tasks == 0) {
        fprintf(stderr, "farm: %s: no durations in it\n", farm->sleep_file);
        status = -1;
    }
    return status == 0 ? 0 : 2;
}

/* The durations, on all ranks; 0 or the exit status. */
static int make_tasks(struct farm *farm)
{
    struct work *work = &farm->work;
    int status = 0;
    uint64_t tasks;
    if (farm->sleep_file != NULL && farm->bench.rank == 0)
        status = read_sleeps(farm);
    if (farm->sleep_file != NULL)
        status = bench_agree(status);
    if (status != 0)
        return status;
    tasks = farm->sleep_file != NULL ? work->tasks : farm->tasks;
    MPI_Bcast(&tasks, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
    work->tasks = (size_t)tasks;
    if (work->in == NULL)
        work->in = calloc(work->tasks, sizeof *work->in);
    work->out = calloc(work->tasks, sizeof *work->out);
    farm->queue = farm->peers ? calloc(work->tasks, sizeof *farm->queue) : NULL;
    if (work->in == NULL || work->out == NULL || (farm->peers && farm->queue == NULL))
        bench_fail("farm", "tasks", "out of memory");
    for (size_t i = 0; farm->sleep_file == NULL && i < work->tasks; i++)
        work->in[i] = farm->usec * 1e-6;
    MPI_Bcast(work->in, (int)work->tasks, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    work->work = farm->sleep_file != NULL ? sleep_for : compute;
    return 0;
}

static void add_up(struct farm *farm)
{
    for (size_t i = 0; i < farm->work.tasks; i++) {
        farm->sum += farm->work.in[i];
        if (farm->work.in[i] > farm->longest)
            farm->longest = farm->work.in[i];
    }
}

/* ---------------------------------------------------------------------------------- the bounds */

/* No order does better on so many engines.  Tasks without length count as very short ones. */
static double bound(const struct farm *farm, int engines)
{
    double share = farm->sum / engines;
    if (farm->sum <= 0)
        return (size_t)engines < farm->work.tasks ? engines : (double)farm->work.tasks;
    return farm->sum / (share > farm->longest ? share : farm->longest);
}

/* What the file's order gives when whichever engine is free takes the next task at once. */
static double bound_in_order(const struct farm *farm, int engines)
{
    double *free_at = calloc((size_t)engines, sizeof *free_at), end = 0;
    for (size_t i = 0; free_at != NULL && i < farm->work.tasks; i++) {
        int first = 0;
        for (int e = 1; e < engines; e++)
            if (free_at[e] < free_at[first])
                first = e;
        free_at[first] += farm->work.in[i];
        if (free_at[first] > end)
            end = free_at[first];
    }
    free(free_at);
    return end > 0 ? farm->sum / end : bound(farm, engines);
}

/* ----------------------------------------------------------------------------------- measuring */

static const char *name_of(const struct farm *farm, int way)
{
    static const char *const names[WAYS] = {"serial", "naive", "steal", NULL};
    static const char *const modes[] = {"nave one", "nave map", "nave spawn"};
    return way == NAVE ? modes[farm->nave.mode] : names[way];
}

static bool does(const struct farm *farm, int way)
{
    if (way == SERIAL)
        return farm->sleep_file == NULL && farm->sum < serial_limit;
    if (way == NAIVE)
        return farm->bench.ranks > 1;
    if (way == STEAL)
        return farm->bench.ranks > 1 && farm->peers;
    return true;
}

/* Every task once: its result is there, or the ranks ran as many as there are. */
static void check(struct farm *farm, int way)
{
    struct work *work = &farm->work;
    double ran = bench_sum((double)work->ran);
    bool counted = way == STEAL || (way == NAVE && farm->nave.mode == WAY_SPAWN);
    if (farm->bench.rank != 0)
        return;
    if (counted && (size_t)ran != work->tasks)
        bench_fail("farm", name_of(farm, way), "not every task ran once");
    for (size_t i = 0; !counted && i < work->tasks; i++)
        if (!(work->out[i] >= work->in[i] && work->out[i] <= work->in[i]))
            bench_fail("farm", name_of(farm, way), "a result is wrong");
    for (size_t i = 0; i < work->tasks; i++)
        work->out[i] = -1;
}

static void measure(struct farm *farm, int way)
{
    struct outcome outcome;
    if (way == SERIAL)
        outcome = way_serial(&farm->work);
    else if (way == NAIVE)
        outcome = way_naive(&farm->work);
    else if (way == STEAL)
        outcome = way_steal(&farm->work, farm->queue);
    else
        outcome = way_nave(&farm->nave);
    bench_meet(MPI_COMM_WORLD);
    check(farm, way);
    outcome.cpu = bench_sum(outcome.cpu);
    bench_add(&farm->makespan[way], outcome.seconds);
    bench_add(&farm->cpu[way], outcome.cpu);
    farm->engines[way] = outcome.engines;
}

/* ----------------------------------------------------------------------------------- reporting */

/* The object that the median round of a way makes, without its closing brace. */
static void print_round(const struct farm *farm, int way, FILE *to)
{
    size_t round = bench_median_round(&farm->makespan[way]);
    double makespan = farm->makespan[way].at[round];
    fprintf(to,
            "\"mode\":\"%s\",\"tasks\":%zu,\"ranks\":%d,\"engines\":%d,\"sum_seconds\":%.9g,"
            "\"makespan_seconds\":%.9g,\"speedup\":%.6g,\"bound_speedup\":%.6g,"
            "\"cpu_seconds\":%.6g,\"tasks_per_second\":%.6g}\n",
            way == NAVE ? farm->mode : name_of(farm, way), farm->work.tasks, farm->bench.ranks,
            farm->engines[way], farm->sum, makespan, farm->sum / makespan,
            bound(farm, farm->engines[way]), farm->cpu[way].at[round],
            (double)farm->work.tasks / makespan);
}

static void report(const struct farm *farm, int way)
{
    const struct bench_series *makespan = &farm->makespan[way];
    double tasks = (double)farm->work.tasks, median = bench_median(makespan);
    double least = bench_quantile(makespan, 0), most = bench_quantile(makespan, 1);
    double cpu = farm->cpu[way].at[bench_median_round(makespan)];
    printf("%-10s %.4g tasks/s (%.4g to %.4g), %.4g s", name_of(farm, way), tasks / median,
           tasks / most, tasks / least, median);
    if (farm->sum > 0)
        printf(", speed-up %.2f of %.2f (in order %.2f)", farm->sum / median,
               bound(farm, farm->engines[way]), bound_in_order(farm, farm->engines[way]));
    printf(", %d engine%s, %.3f s CPU\n", farm->engines[way], farm->engines[way] > 1 ? "s" : "",
           cpu);
    printf("{\"bench\":\"farm\",\"way\":\"%s\",\"rounds\":%zu,\"unit\":\"tasks/s\",\"min\":%.6g,"
           "\"median\":%.6g,\"max\":%.6g,",
           name_of(farm, way), makespan->n, tasks / most, tasks / median, tasks / least);
    print_round(farm, way, stdout);
}

static void report_all(const struct farm *farm)
{
    printf("%zu tasks", farm->work.tasks);
    if (farm->sleep_file != NULL)
        printf(" that sleep, %.6g s in all, the longest %.6g s", farm->sum, farm->longest);
    else
        printf(" of %g us", farm->usec);
    printf("; %d ranks, mode %s%s\n", farm->bench.ranks, farm->mode,
           farm->hints ? " with hints" : "");
    for (int way = 0; way < WAYS; way++)
        if (does(farm, way))
            report(farm, way);
    if (!does(farm, NAIVE))
        printf("naive      not done: it needs two ranks\n");
    else
        printf("nave does %.2f times the tasks of naive in a second\n",
               bench_median(&farm->makespan[NAIVE]) / bench_median(&farm->makespan[NAVE]));
    if (farm->bench.json != NULL) {
        fputc('{', farm->bench.json);
        print_round(farm, NAVE, farm->bench.json);
    }
    fflush(stdout);
}

/* ------------------------------------------------------------------------------------- options */

static int settle_mode(struct farm *farm)
{
    static const char *const modes[] = {"one", "map", "spawn"};
    for (int mode = 0; mode < 3; mode++)
        if (strcmp(farm->mode, modes[mode]) == 0) {
            farm->nave.mode = (enum way_mode)mode;
            return 0;
        }
    return bench_complain(&farm->bench, "--mode", "must be one, map or spawn");
}

/* What of the options does not go together. */
static int settle(struct farm *farm)
{
    int sleeps = farm->sleep_file != NULL;
    if (settle_mode(farm) != 0)
        return 2;
    if (sleeps && farm->tasks > 0)
        return bench_complain(&farm->bench, "--tasks", "the file of --sleep-file says how many");
    if (sleeps && farm->usec >= 0)
        return bench_complain(&farm->bench, "--usec", "the file of --sleep-file says how long");
    if (farm->hints && farm->nave.mode == WAY_SPAWN)
        return bench_complain(&farm->bench, "--hints", "spawned tasks have none");
    farm->tasks = farm->tasks > 0 ? farm->tasks : 1000000;
    farm->usec = farm->usec >= 0 ? farm->usec : 0;
    farm->nave.work = &farm->work;
    farm->nave.idle_hub = farm->no_hub;
    farm->nave.policy.chunk = farm->chunk;
    farm->nave.policy.window = farm->window;
    farm->nave.policy.policy = farm->policy;
    return 0;
}

static void settle_hints(struct farm *farm)
{
    farm->nave.hints = farm->hints;
    if (farm->hints && farm->nave.mode == WAY_MAP) {
        farm->nave.policy.costs = farm->work.in;
        farm->nave.policy.cost_count = farm->work.tasks;
    }
}

static int run(struct farm *farm)
{
    int status = settle(farm);
    if (status == 0)
        status = make_tasks(farm);
    if (status != 0)
        return status;
    add_up(farm);
    settle_hints(farm);
    for (size_t round = 0; round < farm->bench.rounds; round++)
        for (int way = 0; way < WAYS; way++)
            if (does(farm, way))
                measure(farm, way);
    if (farm->bench.rank == 0)
        report_all(farm);
    free(farm->work.in);
    free(farm->work.out);
    free(farm->queue);
    return 0;
}

int main(int argc, char **argv)
{
    static struct farm farm = {.usec = -1, .mode = "map", .work.bench = "farm"};
    const struct bench_option options[] = {
        {"--tasks", "N", "tasks (1000000)", .count = &farm.tasks, .least = 1, .most = 1e9},
        {"--usec", "D", "each computes for so long (0)", .number = &farm.usec, .most = 1e9},
        {"--sleep-file", "FILE", "or: they sleep, for the seconds on its lines",
         .word = &farm.sleep_file},
        {"--mode", "one|map|spawn", "a future each, one nave_map, or nave_spawn (map)",
         .word = &farm.mode},
        {"--hints", NULL, "tells how long each will take", .flag = &farm.hints},
        {"--no-hub", NULL, "rank 0 only schedules", .flag = &farm.no_hub},
        {"--peers", NULL, "work stealing as well", .flag = &farm.peers},
        {"--chunk", "N", "nave_policy.chunk", .count = &farm.chunk, .least = 1, .most = 1e9},
        {"--window", "N", "nave_policy.window", .count = &farm.window, .least = 1, .most = 1e6},
        {"--policy", "NAME", "nave_policy.policy", .word = &farm.policy},
    };
    int status;
    farm.bench = (struct bench){.name = "farm",
                                .about = "how near does a farm come to what its engines could do?",
                                .options = options,
                                .option_count = sizeof options / sizeof *options,
                                .rounds = 5};
    status = bench_start(&farm.bench, argc, argv);
    if (status >= 0)
        return status;
    return bench_end(&farm.bench, run(&farm));
}
