/* simulate - how large may a farm be?
 *
 * The library's scheduler on a simulated clock: farms of 16 to 100,000 engines, each with one hub
 * for all and with a sub-hub for each group of engines.  For each is printed how much of the time
 * engines work (efficiency), how much of it the hubs do (load), and at the end the largest farm
 * that one hub feeds with 95 % efficiency.  The same seed gives the same figures.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "nave.h"
#include "virtual.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SIZES = 32, DRAWS = 1 << 16, MOST_ENGINES = 1000000 };

struct options {
    int engines[SIZES], sizes;
    int levels, group; /* levels: 0: one, then two */
    uint64_t tasks;    /* 0: by span */
    double span;       /* seconds of work for each engine; 0: by size */
    double mean;       /* seconds of a task */
    const char *shape, *file, *json;
    uint64_t seed;
    bool calibrate;
    struct virtual_costs costs;
};

struct bench {
    struct options options;
    double *seconds; /* of tasks */
    size_t draws;
    double mean; /* of these */
    FILE *json;
};

static const struct options defaults = {
    .engines = {16, 64, 256, 1000, 4000, 10000, 100000},
    .sizes = 7,
    .group = 64,
    .mean = 100e-6,
    .shape = "constant",
    .seed = 1,
    .costs = {.frame = 0.5e-6,
              .task = 0.02e-6,
              .row = 0.005e-6,
              .action = 0.06e-6,
              .near = 1e-6,
              .far = 2e-6,
              .answer = 200e-6},
};

static const char *const usage =
    "usage: simulate [option]...\n"
    "\n"
    "  --engines N[,N]...  sizes of the farm (16,64,256,1000,4000,10000,100000)\n"
    "  --levels 1|2        one hub, or a sub-hub for each group as well (both)\n"
    "  --group N           engines of a node and of a sub-hub (64)\n"
    "  --tasks N           tasks of each run (enough for the span)\n"
    "  --span S            seconds of work for each engine (0.5, 0.2 or 0.02 by size, 100\n"
    "                      tasks at least)\n"
    "  --usec D            mean length of a task in microseconds (100)\n"
    "  --times SHAPE       constant, uniform, exponential, lognormal or bimodal (constant)\n"
    "  --sleep-file FILE   lengths of tasks instead: seconds, one a line, from the top again at\n"
    "                      the end\n"
    "  --seed N            of the lengths (1)\n"
    "  --frame-us D        a frame costs its sender and its receiver each (0.5)\n"
    "  --task-us D         a task costs a hub of engines alone, there and back (0.02)\n"
    "  --row-us D          a task costs a hub that passes it in a row for a sub-hub (0.005)\n"
    "  --action-us D       a send or an answer costs the scheduler (0.06)\n"
    "  --near-us D         latency on a node (1)\n"
    "  --far-us D          latency between nodes (2)\n"
    "  --answer-us D       engines answer after this, at least (200)\n"
    "  --calibrate         measure --action-us and --row-us on this machine\n"
    "  --json FILE         write the lines of JSON to FILE as well\n"
    "  --help, --version\n";

/* -------------------------------------------------------------------------------------- options */

static _Noreturn void fail(const char *what, const char *value)
{
    fprintf(stderr, "simulate: %s: %s\n", value, what);
    exit(2);
}

static double number(const char *text, double least)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        fail("not a number", text);
    if (value < least)
        fail("too small", text);
    return value;
}

static uint64_t whole(const char *text, double least, double most)
{
    double value = number(text, least);
    if (value > most)
        fail("too large", text);
    if (value > floor(value))
        fail("not a whole number", text);
    return (uint64_t)value;
}

static void read_sizes(struct options *options, char *list)
{
    options->sizes = 0;
    for (char *text = list, *comma; text != NULL; text = comma) {
        comma = strchr(text, ',');
        if (comma != NULL)
            *comma++ = '\0';
        if (options->sizes == SIZES)
            fail("too many sizes", text);
        options->engines[options->sizes++] = (int)whole(text, 1, MOST_ENGINES);
    }
}

static const char *read_shape(const char *name)
{
    static const char *const shapes[] = {"constant", "uniform", "exponential", "lognormal",
                                         "bimodal"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (strcmp(name, shapes[i]) == 0)
            return shapes[i];
    fail("no such shape of task times", name);
}

enum option_name {
    HELP = 1,
    VERSION,
    ENGINES,
    LEVELS,
    GROUP,
    TASKS,
    SPAN,
    USEC,
    TIMES,
    FROM,
    SEED,
    FRAME,
    TASK,
    ROW,
    ACTION,
    NEAR,
    FAR,
    ANSWER,
    CALIBRATE,
    JSON
};

static const struct option names[] = {
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {"engines", required_argument, NULL, ENGINES},
    {"levels", required_argument, NULL, LEVELS},
    {"group", required_argument, NULL, GROUP},
    {"tasks", required_argument, NULL, TASKS},
    {"span", required_argument, NULL, SPAN},
    {"usec", required_argument, NULL, USEC},
    {"times", required_argument, NULL, TIMES},
    {"sleep-file", required_argument, NULL, FROM},
    {"seed", required_argument, NULL, SEED},
    {"frame-us", required_argument, NULL, FRAME},
    {"task-us", required_argument, NULL, TASK},
    {"row-us", required_argument, NULL, ROW},
    {"action-us", required_argument, NULL, ACTION},
    {"near-us", required_argument, NULL, NEAR},
    {"far-us", required_argument, NULL, FAR},
    {"answer-us", required_argument, NULL, ANSWER},
    {"calibrate", no_argument, NULL, CALIBRATE},
    {"json", required_argument, NULL, JSON},
    {NULL, 0, NULL, 0},
};

static bool read_cost(struct virtual_costs *costs, int name, const char *value)
{
    double *const cost[] = {&costs->frame, &costs->task, &costs->row,   &costs->action,
                            &costs->near,  &costs->far,  &costs->answer};
    if (name < FRAME || name > ANSWER)
        return false;
    *cost[name - FRAME] = 1e-6 * number(value, 0);
    return true;
}

static void read_work(struct options *options, int name, char *value)
{
    switch (name) {
    case ENGINES:
        read_sizes(options, value);
        break;
    case LEVELS:
        options->levels = (int)whole(value, 1, 2);
        break;
    case GROUP:
        options->group = (int)whole(value, 1, MOST_ENGINES);
        break;
    case TASKS:
        options->tasks = whole(value, 1, 1e12);
        break;
    case SPAN:
        options->span = number(value, 1e-6);
        break;
    case USEC:
        options->mean = 1e-6 * number(value, 1e-3);
        break;
    case TIMES:
        options->shape = read_shape(value);
        break;
    case FROM:
        options->file = value;
        break;
    case SEED:
        options->seed = whole(value, 0, 1e15);
        break;
    default:
        options->json = value;
    }
}

static struct options read_options(int argc, char **argv)
{
    struct options options = defaults;
    int name;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (name == '?')
            exit(2);
        if (name == HELP || name == VERSION) {
            fputs(name == HELP ? usage : "simulate " NAVE_VERSION "\n", stdout);
            exit(0);
        }
        if (name == CALIBRATE)
            options.calibrate = true;
        else if (!read_cost(&options.costs, name, optarg))
            read_work(&options, name, optarg);
    }
    if (optind < argc)
        fail("what is this?", argv[optind]);
    return options;
}

/* --------------------------------------------------------------------------------- task times */

/* Between 0 and 1, never either (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators). */
static double random_part(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

/* A task of mean 1.  Lognormal: sigma 1.  Bimodal: one in twenty lasts twenty times as long. */
static double draw(const char *shape, uint64_t *seed)
{
    static const double pi = 3.14159265358979323846, short_one = 1 / 1.95;
    double u = random_part(seed);
    switch (shape[0]) {
    case 'u':
        return 2 * u;
    case 'e':
        return -log(u);
    case 'l':
        return exp(sqrt(-2 * log(u)) * cos(2 * pi * random_part(seed)) - 0.5);
    case 'b':
        return u < 0.05 ? 20 * short_one : short_one;
    default:
        return 1;
    }
}

static void draw_times(struct bench *bench)
{
    uint64_t seed = bench->options.seed;
    bench->draws = bench->options.shape[0] == 'c' ? 1 : DRAWS;
    bench->seconds = virtual_memory(malloc(bench->draws * sizeof *bench->seconds));
    for (size_t i = 0; i < bench->draws; i++)
        bench->seconds[i] = bench->options.mean * draw(bench->options.shape, &seed);
}

static void read_times(struct bench *bench)
{
    const char *name = bench->options.file;
    FILE *file = fopen(name, "r");
    char line[256];
    size_t room = 0;
    if (file == NULL)
        fail(strerror(errno), name);
    while (fgets(line, sizeof line, file) != NULL) {
        char *end;
        double seconds = strtod(line, &end);
        if (end == line || end[strspn(end, " \t\r\n")] != '\0' || !isfinite(seconds) ||
            seconds < 0) {
            fprintf(stderr, "simulate: %s:%zu: not a time in seconds\n", name, bench->draws + 1);
            exit(2);
        }
        if (bench->draws == room) {
            room = room == 0 ? 1024 : 2 * room;
            bench->seconds = virtual_memory(realloc(bench->seconds, room * sizeof(double)));
        }
        bench->seconds[bench->draws++] = seconds;
    }
    if (ferror(file))
        fail("cannot be read", name);
    fclose(file);
    if (bench->draws == 0)
        fail("no times in it", name);
}

static void make_times(struct bench *bench)
{
    double sum = 0;
    if (bench->options.file != NULL)
        read_times(bench);
    else
        draw_times(bench);
    for (size_t i = 0; i < bench->draws; i++)
        sum += bench->seconds[i];
    bench->mean = sum / (double)bench->draws;
    if (!(bench->mean > 0))
        fail("tasks that take no time need no farm", bench->options.file);
}

/* --------------------------------------------------------------------------------- calibration */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of a send or an answer: 64 engines that answer in turn, chunks of a few tasks. */
static double measure_action(void)
{
    enum { ENGINE_COUNT = 64, CHUNKS = 1000000 };
    static struct nv_send sent[1 << 12];
    struct nv_sched *sched = virtual_memory(nv_sched_new(ENGINE_COUNT));
    struct nv_set *all = virtual_memory(nv_set_new(ENGINE_COUNT));
    struct nv_job_spec spec = {.count = (uint64_t)1 << 40, .max_chunk = 1 << 20, .engines = all};
    size_t first = 0, end = 0;
    double began;
    for (int e = 0; e < ENGINE_COUNT; e++) {
        nv_set_add(all, (size_t)e);
        nv_sched_engine_add(sched, e, 1);
    }
    if (nv_sched_add(sched, &spec) == 0)
        abort();
    began = now();
    while (end < CHUNKS) {
        while (end - first < 1 << 12 && nv_sched_next(sched, &sent[end % (1 << 12)]))
            end++;
        const struct nv_send *send = &sent[first++ % (1 << 12)];
        nv_sched_done(sched, send->engine, send->job, send->first, send->count,
                      100e-6 * (double)send->count);
    }
    began = (now() - began) / (double)(end + first);
    nv_sched_free(sched);
    free(all);
    return began;
}

/* One pass over the caller's arrays: 16 bytes of each task to a frame, 8 bytes of result from
 * another and its time in nanoseconds to where they belong. */
static void pass_rows(char *in, char *out, char *frame, size_t tasks)
{
    enum { ROW_TASKS = 640 };
    for (size_t first = 0; first + ROW_TASKS <= tasks; first += ROW_TASKS) {
        memcpy(frame, in + 16 * first, (size_t)16 * ROW_TASKS);
        frame[first % 16]++; /* so that no copy can be left out */
        memcpy(out + 16 * first, frame, (size_t)16 * ROW_TASKS);
    }
}

/* Seconds of a task that passes in a row.  The arrays are larger than caches, and have been touched
 * before, as a caller's have. */
static double measure_row(void)
{
    enum { ARRAY = 4 << 20, PASSES = 8 };
    char *in = virtual_memory(malloc((size_t)16 * ARRAY));
    char *out = virtual_memory(malloc((size_t)16 * ARRAY));
    char *frame = virtual_memory(calloc(1, 1 << 16));
    double seconds;
    memset(in, 1, (size_t)16 * ARRAY);
    memset(out, 2, (size_t)16 * ARRAY);
    seconds = now();
    for (int pass = 0; pass < PASSES; pass++)
        pass_rows(in, out, frame, ARRAY);
    seconds = (now() - seconds) / ((double)ARRAY * PASSES);
    free(in);
    free(out);
    free(frame);
    return seconds;
}

static void calibrate(struct bench *bench)
{
    struct virtual_costs *costs = &bench->options.costs;
    costs->action = measure_action();
    costs->row = measure_row();
    printf("measured: %.3f us for a send or an answer, %.4f us for a task in a row\n",
           1e6 * costs->action, 1e6 * costs->row);
}

/* ----------------------------------------------------------------------------------------- runs */

static struct virtual_spec spec_of(const struct bench *bench, int engines, int levels)
{
    const struct options *options = &bench->options;
    double span = options->span;
    struct virtual_spec spec = {.engines = engines,
                                .group = options->group,
                                .levels = levels,
                                .tasks = options->tasks,
                                .seconds = bench->seconds,
                                .draws = bench->draws,
                                .costs = options->costs};
    if (span <= 0)
        span = engines <= 1024 ? 0.5 : engines <= 16384 ? 0.2 : 0.02;
    if (spec.tasks == 0 && options->file != NULL && options->span <= 0)
        spec.tasks = bench->draws;
    if (spec.tasks == 0) {
        double each = span / bench->mean;
        spec.tasks = (uint64_t)engines * (uint64_t)(each > 100 ? each : 100);
    }
    return spec;
}

static double efficiency(const struct virtual_spec *spec, const struct virtual_figures *figures)
{
    return figures->work / ((double)spec->engines * figures->makespan);
}

static void write_json(const struct bench *bench, const char *line)
{
    printf("%s\n", line);
    if (bench->json != NULL)
        fprintf(bench->json, "%s\n", line);
}

static double run(const struct bench *bench, int engines, int levels)
{
    struct virtual_spec spec = spec_of(bench, engines, levels);
    struct virtual_figures figures = virtual_run(&spec);
    double part = efficiency(&spec, &figures);
    char line[512];
    printf("%7d engines, %d level%s: efficiency %5.1f %%, hub load %5.1f %%", engines, levels,
           levels == 1 ? " " : "s", 100 * part, 100 * figures.top_busy);
    if (levels == 2)
        printf(", sub-hub load %5.1f %%", 100 * figures.sub_busy);
    printf(", %.4f s\n", figures.makespan);
    snprintf(line, sizeof line,
             "{\"engines\":%d,\"levels\":%d,\"group\":%d,\"times\":\"%s\",\"mean_us\":%.3f,"
             "\"seed\":%llu,\"tasks\":%llu,\"makespan_seconds\":%.6f,\"efficiency\":%.4f,"
             "\"hub_load\":%.4f,\"subhub_load\":%.4f,\"hub_frames\":%llu,\"returned_tasks\":%llu}",
             engines, levels, spec.group,
             bench->options.file != NULL ? "file" : bench->options.shape, 1e6 * bench->mean,
             (unsigned long long)bench->options.seed, (unsigned long long)spec.tasks,
             figures.makespan, part, figures.top_busy, figures.sub_busy,
             (unsigned long long)figures.frames, (unsigned long long)figures.returned);
    write_json(bench, line);
    fflush(stdout);
    return part;
}

/* Tasks of each engine: start and end must not count for much. */
static double fed_tasks(const struct bench *bench)
{
    double span = bench->options.span > 0 ? bench->options.span : 0.25;
    double each = span / bench->mean;
    return each > 400 ? each : 400;
}

static bool feeds(const struct bench *bench, int engines)
{
    struct virtual_spec spec = spec_of(bench, engines, 1);
    struct virtual_figures figures;
    spec.tasks = (uint64_t)engines * (uint64_t)fed_tasks(bench);
    figures = virtual_run(&spec);
    return efficiency(&spec, &figures) >= 0.95;
}

/* By doubling, then halving the gap, to within a sixteenth.  Gives up where runs get too long:
 * `more` then, for a larger farm might be fed as well. */
static int largest_fed(const struct bench *bench, bool *more)
{
    double most = 8e6 / fed_tasks(bench);
    int good = 0, bad = 1;
    while (bad <= most && feeds(bench, bad)) {
        good = bad;
        bad *= 2;
    }
    *more = bad > most;
    while (!*more && bad - good > 1 && bad - good > good / 16) {
        int middle = good + (bad - good) / 2;
        *(feeds(bench, middle) ? &good : &bad) = middle;
    }
    return good;
}

static void run_all(const struct bench *bench)
{
    for (int i = 0; i < bench->options.sizes; i++) {
        int engines = bench->options.engines[i];
        double one = 0, two = 0;
        if (bench->options.levels != 2)
            one = run(bench, engines, 1);
        if (bench->options.levels != 1)
            two = run(bench, engines, 2);
        if (bench->options.levels == 0)
            printf("%7d engines: the second level does %.2f times the work\n", engines, two / one);
    }
}

static void report_largest(const struct bench *bench)
{
    bool more;
    int engines = largest_fed(bench, &more);
    char line[256];
    printf("one hub feeds %s%d engines at 95 %%, tasks of %.6g us\n", more ? "at least " : "",
           engines, 1e6 * bench->mean);
    snprintf(line, sizeof line,
             "{\"largest_farm_of_one_hub\":%d,\"or_more\":%s,\"efficiency\":0.95,"
             "\"mean_us\":%.3f}",
             engines, more ? "true" : "false", 1e6 * bench->mean);
    write_json(bench, line);
}

int main(int argc, char **argv)
{
    struct bench bench = {.options = read_options(argc, argv)};
    make_times(&bench);
    if (bench.options.json != NULL) {
        bench.json = fopen(bench.options.json, "w");
        if (bench.json == NULL)
            fail(strerror(errno), bench.options.json);
    }
    if (bench.options.calibrate)
        calibrate(&bench);
    run_all(&bench);
    if (bench.options.levels != 2 && bench.options.tasks == 0)
        report_largest(&bench);
    free(bench.seconds);
    if (bench.json != NULL && fclose(bench.json) != 0)
        fail(strerror(errno), bench.options.json);
    return 0;
}
