/* metg - how short may tasks be before half of the machine is lost?          ranks: 2
 *
 * The minimum effective task granularity, METG(E), of Task Bench (Slaughter et al., SC20), for
 * tasks that depend on nothing: the smallest average granularity (wall time times cores, by tasks)
 * at which the work done in a second is at least E of what all cores could do.  A task is a chain
 * of multiply-adds of a given length, so that work is counted and no clock is read in it.
 *
 * The length is halved from about a millisecond down to one multiply-add.  At each length the peak
 * of the cores is measured, then nave_map, a future each, the loop written by hand, and with
 * --peers work stealing.  Between two lengths METG is interpolated, granularity on a logarithmic
 * scale.  Cores are counted on each host: as many as it has ranks, but not more than it has.  The
 * loop written by hand is counted twice: on the cores of its workers (all ranks but rank 0), and
 * on all.
 *
 *     mpirun -np P build/bench/metg [--rounds N] [--seconds S] [--peers] [--no-hub]
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ways.h"

#include <stdbool.h>
#include <unistd.h>

enum { MAP, ONE, NAIVE, NAIVE_ALL, STEAL, WAYS };
enum { LENGTHS = 20, LONGEST = 1 << (LENGTHS - 1) /* multiply-adds in a task */ };
enum { TASKS_MOST = 4000000, TASKS_LEAST = 64 };

static const char *const names[WAYS] = {"map", "one", "naive", "naive_all_cores", "steal"};
static const double goals[] = {0.5, 0.95};
enum { GOALS = sizeof goals / sizeof *goals };

/* Below this a way is not asked for shorter tasks: it only gets worse. */
static const double lost = 0.2;

/* The cores that the ranks of a communicator can use; whether this rank stands for one of them. */
struct cores {
    int count, takes_part;
};

struct metg {
    struct bench bench;
    double seconds; /* about how long each way runs at each length */
    int peers, no_hub;
    struct work work;
    double *queue;
    struct cores all, workers;
    /* multiply-adds a second; their medians are the peaks */
    struct bench_series peaks_all, peaks_workers;
    /* of the round at hand */
    double efficiency[WAYS][LENGTHS];  /* 0: not measured */
    double granularity[WAYS][LENGTHS]; /* seconds */
    /* figures of all rounds, in microseconds; a goal that was missed is no figure */
    struct bench_series metg[WAYS][GOALS];
    struct bench_series efficiencies[WAYS][LENGTHS], granularities[WAYS][LENGTHS];
};

/* ------------------------------------------------------------------------------------ the work */

static volatile double sink;

static double multiply_add(double count)
{
    double x = 0.5;
    for (long i = (long)count; i > 0; i--)
        x = x * 0.999999 + 1e-6;
    sink = x;
    return count;
}

/* Collective over comm. */
static struct cores count_cores(MPI_Comm comm)
{
    struct cores cores = {0, 0};
    MPI_Comm host;
    long there = sysconf(_SC_NPROCESSORS_ONLN);
    int rank;
    MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
    MPI_Comm_rank(host, &rank);
    cores.takes_part = rank < (there > 0 ? there : 1);
    MPI_Allreduce(&cores.takes_part, &cores.count, 1, MPI_INT, MPI_SUM, comm);
    MPI_Comm_free(&host);
    return cores;
}

static void count_all_cores(struct metg *metg)
{
    MPI_Comm workers;
    metg->all = count_cores(MPI_COMM_WORLD);
    MPI_Comm_split(MPI_COMM_WORLD, metg->bench.rank == 0, 0, &workers);
    if (metg->bench.rank != 0)
        metg->workers = count_cores(workers);
    MPI_Comm_free(&workers);
    if (metg->bench.ranks > 1) {
        /* Rank 0 knows the number as well. */
        int count = metg->workers.count;
        MPI_Bcast(&count, 1, MPI_INT, 1, MPI_COMM_WORLD);
        metg->workers.count = count;
    }
}

/* Notes how many multiply-adds a second all these cores do at once; rank 0's figure counts. */
static void measure_peak(const struct metg *metg, const struct cores *cores,
                         struct bench_series *peaks)
{
    double rate = 0, count = 1e6, began;
    bench_meet(MPI_COMM_WORLD);
    if (cores->takes_part) {
        double until = bench_seconds() + metg->seconds / 2, done = 0;
        began = bench_seconds();
        while (bench_seconds() < until)
            done += multiply_add(count);
        rate = done / (bench_seconds() - began);
    }
    bench_meet(MPI_COMM_WORLD);
    bench_add(peaks, bench_sum(rate));
}

/* ----------------------------------------------------------------------------------- measuring */

static int cores_of(const struct metg *metg, int way)
{
    return way == NAIVE ? metg->workers.count : metg->all.count;
}

static bool does(const struct metg *metg, int way)
{
    if (way == STEAL)
        return metg->peers && metg->bench.ranks > 1;
    return metg->bench.ranks > 1 || (way != NAIVE && way != NAIVE_ALL);
}

/* Rank 0 chooses as many tasks as should take the given time, going by the last length. */
static void choose_tasks(struct metg *metg, int way, int length)
{
    double amount = (double)LONGEST / (double)(1L << length);
    double each = length > 0 ? metg->granularity[way][length - 1] : 0, tasks;
    double alone = amount * metg->all.count / bench_median(&metg->peaks_all);
    tasks = metg->seconds * cores_of(metg, way) / (each / 2 > alone ? each / 2 : alone);
    tasks = tasks < TASKS_MOST ? tasks : TASKS_MOST;
    metg->work.tasks = tasks > TASKS_LEAST ? (size_t)tasks : TASKS_LEAST;
    for (size_t i = 0; i < metg->work.tasks; i++)
        metg->work.in[i] = amount;
}

static struct outcome do_tasks(struct metg *metg, int way)
{
    struct nave_way by_nave = {.work = &metg->work, .idle_hub = metg->no_hub};
    if (way == NAIVE)
        return way_naive(&metg->work);
    if (way == STEAL)
        return way_steal(&metg->work, metg->queue);
    by_nave.mode = way == MAP ? WAY_MAP : WAY_ONE;
    return way_nave(&by_nave);
}

static void note(struct metg *metg, int way, int length, double seconds)
{
    const struct bench_series *peaks = way == NAIVE ? &metg->peaks_workers : &metg->peaks_all;
    double tasks = (double)metg->work.tasks;
    metg->granularity[way][length] = seconds * cores_of(metg, way) / tasks;
    metg->efficiency[way][length] = tasks * metg->work.in[0] / seconds / bench_median(peaks);
    bench_add(&metg->granularities[way][length], 1e6 * metg->granularity[way][length]);
    bench_add(&metg->efficiencies[way][length], metg->efficiency[way][length]);
}

/* NAIVE_ALL is another view of NAIVE's time. */
static void measure_way(struct metg *metg, int way, int length)
{
    struct outcome outcome;
    int goes_on = length == 0 || metg->efficiency[way][length - 1] >= lost;
    if (!bench_agree(goes_on))
        return;
    if (metg->bench.rank == 0)
        choose_tasks(metg, way, length);
    outcome = do_tasks(metg, way);
    bench_meet(MPI_COMM_WORLD);
    if (metg->bench.rank != 0)
        return;
    note(metg, way, length, outcome.seconds);
    if (way == NAIVE)
        note(metg, NAIVE_ALL, length, outcome.seconds);
}

static void measure_peaks(struct metg *metg)
{
    measure_peak(metg, &metg->all, &metg->peaks_all);
    if (does(metg, NAIVE))
        measure_peak(metg, &metg->workers, &metg->peaks_workers);
}

static void measure_length(struct metg *metg, int length)
{
    measure_peaks(metg);
    for (int way = 0; way < WAYS; way++)
        if (way != NAIVE_ALL && does(metg, way))
            measure_way(metg, way, length);
}

/* METG of the round in seconds; negative: no length was efficient enough. */
static double find_metg(const struct metg *metg, int way, double goal)
{
    const double *efficiency = metg->efficiency[way], *granularity = metg->granularity[way];
    int last = LENGTHS - 1;
    double part;
    while (last >= 0 && efficiency[last] < goal)
        last--;
    if (last < 0)
        return -1;
    if (last == LENGTHS - 1 || efficiency[last + 1] <= 0 ||
        granularity[last + 1] >= granularity[last])
        return granularity[last];
    part = (efficiency[last] - goal) / (efficiency[last] - efficiency[last + 1]);
    return granularity[last] * pow(granularity[last + 1] / granularity[last], part);
}

static void measure_round(struct metg *metg)
{
    memset(metg->efficiency, 0, sizeof metg->efficiency);
    memset(metg->granularity, 0, sizeof metg->granularity);
    for (int length = 0; length < LENGTHS; length++)
        measure_length(metg, length);
    for (int way = 0; metg->bench.rank == 0 && way < WAYS; way++)
        for (int goal = 0; goal < GOALS; goal++) {
            double found = find_metg(metg, way, goals[goal]);
            if (found >= 0)
                bench_add(&metg->metg[way][goal], 1e6 * found);
        }
}

/* ----------------------------------------------------------------------------------- reporting */

static void print_table(const struct metg *metg)
{
    printf("%d cores in all, %d of workers; granularity in us and efficiency, medians\n",
           metg->all.count, metg->workers.count);
    printf("%9s", "length");
    for (int way = 0; way < WAYS; way++)
        printf("  %18s", does(metg, way) ? names[way] : "");
    for (int length = 0; length < LENGTHS; length++) {
        printf("\n%9ld", (long)LONGEST >> length);
        for (int way = 0; way < WAYS; way++)
            if (metg->efficiencies[way][length].n > 0)
                printf("  %11.4g %5.1f%%", bench_median(&metg->granularities[way][length]),
                       100 * bench_median(&metg->efficiencies[way][length]));
            else
                printf("  %18s", "");
    }
    printf("\n");
}

/* Reached in more than half of the rounds. */
static bool reached(const struct metg *metg, int way, int goal)
{
    return metg->metg[way][goal].n > metg->bench.rounds / 2;
}

static void report(const struct metg *metg)
{
    char what[64];
    for (int way = 0; way < WAYS; way++)
        for (int goal = 0; goal < GOALS; goal++) {
            if (!does(metg, way))
                continue;
            snprintf(what, sizeof what, "METG(%g %%), %s", 100 * goals[goal], names[way]);
            if (reached(metg, way, goal))
                bench_report("metg", what, "us", &metg->metg[way][goal]);
            else
                printf("%-10s %-34s %10s\n", "metg", what, "not reached");
        }
}

static void write_json(const struct metg *metg)
{
    FILE *json = metg->bench.json;
    for (int way = 0; way < WAYS; way++) {
        if (way == STEAL && !does(metg, way))
            continue;
        fprintf(json, "%s\"%s\":{", way == 0 ? "{" : ",", names[way]);
        for (int goal = 0; goal < GOALS; goal++) {
            fprintf(json, "%s\"metg%g_us\":", goal == 0 ? "" : ",", 100 * goals[goal]);
            if (reached(metg, way, goal))
                fprintf(json, "%.6g", bench_median(&metg->metg[way][goal]));
            else
                fprintf(json, "null");
        }
        fprintf(json, "}");
    }
    fprintf(json, "}\n");
}

/* ---------------------------------------------------------------------------------------- main */

static int run(struct metg *metg)
{
    struct work *work = &metg->work;
    work->in = calloc(TASKS_MOST, sizeof *work->in);
    work->out = calloc(TASKS_MOST, sizeof *work->out);
    metg->queue = metg->peers ? calloc(TASKS_MOST, sizeof *metg->queue) : NULL;
    if (work->in == NULL || work->out == NULL || (metg->peers && metg->queue == NULL))
        bench_fail("metg", "tasks", "out of memory");
    work->work = multiply_add;
    count_all_cores(metg);
    for (int i = 0; i < 5; i++)
        measure_peaks(metg);
    for (size_t round = 0; round < metg->bench.rounds; round++)
        measure_round(metg);
    if (metg->bench.rank == 0) {
        print_table(metg);
        report(metg);
    }
    if (metg->bench.json != NULL)
        write_json(metg);
    free(work->in);
    free(work->out);
    free(metg->queue);
    return 0;
}

int main(int argc, char **argv)
{
    static struct metg metg = {.seconds = 0.1, .work.bench = "metg"};
    const struct bench_option options[] = {
        {"--seconds", "S", "for each way at each length (0.1)", .number = &metg.seconds,
         .least = 0.001, .most = 60},
        {"--no-hub", NULL, "rank 0 only schedules", .flag = &metg.no_hub},
        {"--peers", NULL, "work stealing as well", .flag = &metg.peers},
    };
    int status;
    metg.bench =
        (struct bench){.name = "metg",
                       .about = "how short may tasks be before half of the machine is lost?",
                       .options = options,
                       .option_count = sizeof options / sizeof *options,
                       .rounds = 5};
    status = bench_start(&metg.bench, argc, argv);
    if (status >= 0)
        return status;
    return bench_end(&metg.bench, run(&metg));
}
