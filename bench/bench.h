/* bench - what the benches share: the clock, figures of many rounds, options, ranks that meet.
 *
 * A bench does two or more ways in turn, round after round in one job, and reports each way by the
 * smallest, the median and the largest figure of its rounds: a line of text and a line of JSON.
 * Times are seconds on the host's monotonic clock.  All ranks read the same command line; rank 0
 * alone prints.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <errno.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* ---------------------------------------------------------------------------------- the clocks */

static inline double bench_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline void bench_sleep(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds};
    left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* What this process has burned so far, in user and system mode, on all its threads. */
static inline double bench_cpu(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* ------------------------------------------------------------------------------------- figures */

enum { BENCH_ROUNDS = 1000 };

struct bench_series {
    double at[BENCH_ROUNDS];
    size_t n; /* at least 1 when asked for a quantile */
};

static inline void bench_add(struct bench_series *series, double figure)
{
    if (series->n < BENCH_ROUNDS)
        series->at[series->n++] = figure;
}

static inline int bench_ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The smallest figure that `part` (0 to 1) of all do not exceed. */
static inline double bench_quantile(const struct bench_series *series, double part)
{
    double sorted[BENCH_ROUNDS];
    size_t place = (size_t)ceil(part * (double)series->n);
    memcpy(sorted, series->at, series->n * sizeof *sorted);
    qsort(sorted, series->n, sizeof *sorted, bench_ascending);
    return sorted[place > 0 ? place - 1 : 0];
}

static inline double bench_median(const struct bench_series *series)
{
    return bench_quantile(series, 0.5);
}

/* The round that had the median. */
static inline size_t bench_median_round(const struct bench_series *series)
{
    double median = bench_median(series);
    size_t round = 0;
    while (round + 1 < series->n && (series->at[round] < median || series->at[round] > median))
        round++;
    return round;
}

static inline void bench_report(const char *bench, const char *what, const char *unit,
                                const struct bench_series *series)
{
    double least = bench_quantile(series, 0), most = bench_quantile(series, 1);
    double median = bench_median(series);
    printf("%-10s %-34s %10.4g %s (%.4g to %.4g)\n", bench, what, median, unit, least, most);
    printf("{\"bench\":\"%s\",\"what\":\"%s\",\"unit\":\"%s\",\"min\":%.6g,\"median\":%.6g,"
           "\"max\":%.6g}\n",
           bench, what, unit, least, median, most);
    fflush(stdout);
}

/* ---------------------------------------------------------------------------- the command line */

/* An option of a bench; exactly one of number, count, word and flag is set. */
struct bench_option {
    const char *name;  /* "--tasks" */
    const char *value; /* what stands for its value in the help; NULL for a flag */
    const char *help;
    double *number;
    size_t *count;
    double least, most; /* of a number or a count */
    const char **word;
    int *flag;
};

struct bench {
    const char *name, *about;
    const struct bench_option *options; /* besides --rounds, --json and --help */
    size_t option_count;
    size_t rounds; /* what it is without --rounds */
    /* what bench_start() finds out */
    int rank, ranks;
    const char *json_name;
    FILE *json; /* rank 0, with --json */
};

static inline void bench_help(const struct bench *bench)
{
    printf("%s - %s\n\nmpirun -np P build/bench/%s [OPTION]...\n\n", bench->name, bench->about,
           bench->name);
    for (size_t i = 0; i < bench->option_count; i++) {
        const struct bench_option *option = &bench->options[i];
        const char *value = option->value != NULL ? option->value : "";
        printf("  %s %-*s %s\n", option->name, (int)(19 - strlen(option->name)), value,
               option->help);
    }
    printf("  --rounds N           how often each way is done (%zu)\n", bench->rounds);
    printf("  --json FILE          writes the result as one JSON object\n");
    printf("  --help               prints this\n");
}

static inline int bench_complain(const struct bench *bench, const char *option, const char *why)
{
    if (bench->rank == 0)
        fprintf(stderr, "%s: %s: %s\n", bench->name, option, why);
    return 2;
}

static inline int bench_number(const struct bench *bench, const struct bench_option *option,
                               const char *text)
{
    char *end, why[160];
    double number = strtod(text, &end);
    int fits = end != text && *end == '\0' && number >= option->least && number <= option->most;
    if (fits && option->number != NULL) {
        *option->number = number;
        return 0;
    }
    if (fits && floor(number) >= number) {
        *option->count = (size_t)number;
        return 0;
    }
    snprintf(why, sizeof why, "\"%.60s\" is not a %s from %g to %g", text,
             option->count != NULL ? "whole number" : "number", option->least, option->most);
    return bench_complain(bench, option->name, why);
}

/* Takes argv[*i] and its value, which moves *i.  0, or status 2 after a line that says why. */
static inline int bench_take(const struct bench *bench, const struct bench_option *options,
                             size_t count, char **argv, int *i)
{
    const struct bench_option *option = options;
    while (option < options + count && strcmp(option->name, argv[*i]) != 0)
        option++;
    if (option == options + count)
        return bench_complain(bench, argv[*i], "no such option; --help lists them");
    if (option->flag != NULL) {
        *option->flag = 1;
        return 0;
    }
    if (argv[*i + 1] == NULL)
        return bench_complain(bench, option->name, "needs a value");
    ++*i;
    if (option->number != NULL || option->count != NULL)
        return bench_number(bench, option, argv[*i]);
    *option->word = argv[*i];
    return 0;
}

static inline int bench_parse(struct bench *bench, char **argv)
{
    struct bench_option common[] = {
        {.name = "--rounds", .count = &bench->rounds, .least = 1, .most = BENCH_ROUNDS},
        {.name = "--json", .word = &bench->json_name},
    };
    for (int i = 1; argv[i] != NULL; i++) {
        int ours = strcmp(argv[i], "--rounds") == 0 || strcmp(argv[i], "--json") == 0;
        int status = ours ? bench_take(bench, common, 2, argv, &i)
                          : bench_take(bench, bench->options, bench->option_count, argv, &i);
        if (status != 0)
            return status;
    }
    return 0;
}

/* Rank 0's word, on all ranks. */
static inline int bench_agree(int status)
{
    MPI_Bcast(&status, 1, MPI_INT, 0, MPI_COMM_WORLD);
    return status;
}

static inline int bench_open_json(struct bench *bench)
{
    if (bench->rank != 0 || bench->json_name == NULL)
        return bench_agree(0);
    bench->json = fopen(bench->json_name, "w");
    if (bench->json == NULL)
        fprintf(stderr, "%s: %s: %s\n", bench->name, bench->json_name, strerror(errno));
    return bench_agree(bench->json == NULL ? 2 : 0);
}

/* Starts MPI and reads the command line.  -1: go on; otherwise the exit status, MPI finalised. */
static inline int bench_start(struct bench *bench, int argc, char **argv)
{
    int level, status = -1, help = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &bench->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &bench->ranks);
    for (int i = 1; i < argc; i++)
        help |= strcmp(argv[i], "--help") == 0;
    if (help && bench->rank == 0)
        bench_help(bench);
    if (!help)
        status = bench_parse(bench, argv);
    if (!help && status == 0)
        status = bench_open_json(bench);
    if (!help && status == 0)
        return -1;
    MPI_Finalize();
    return help ? 0 : status;
}

/* Ends MPI; the exit status, which says as well whether the JSON could be written. */
static inline int bench_end(struct bench *bench, int status)
{
    if (bench->json != NULL && fclose(bench->json) != 0) {
        fprintf(stderr, "%s: %s: %s\n", bench->name, bench->json_name, strerror(errno));
        status = 1;
    }
    MPI_Finalize();
    return status;
}

/* --------------------------------------------------------------------------------------- ranks */

/* A barrier whose waiting ranks sleep, so that a rank that is early takes no core from the others;
 * then a plain one, since sleepers do not come together to the microsecond. */
static inline void bench_meet(MPI_Comm comm)
{
    MPI_Request request;
    int met = 0;
    for (MPI_Ibarrier(comm, &request); !met; MPI_Test(&request, &met, MPI_STATUS_IGNORE))
        bench_sleep(0.0005);
    MPI_Barrier(comm);
}

/* The sum over all ranks, on rank 0. */
static inline double bench_sum(double value)
{
    double sum = 0;
    MPI_Reduce(&value, &sum, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    return sum;
}

/* Ends the job: a bench whose results are wrong has no figures. */
static inline _Noreturn void bench_fail(const char *bench, const char *what, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", bench, what, why);
    MPI_Abort(MPI_COMM_WORLD, 1);
    exit(1);
}

#endif
