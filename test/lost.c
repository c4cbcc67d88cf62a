/* lost - engines die while the farm works: every task is accounted for once, and the results are right.
 * timeout: 300
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Without arguments the test, which starts itself under mpirun as the job `lost NAME FILE`: rank 0
 * writes to FILE what was wrong, or "good".  Where the launcher lets a job live it ends with 0 always. */
#define _DEFAULT_SOURCE /* realpath */
#include "nave.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { TASKS = 600, WIDE = 40000 /* numbers of a large result */ };

/* --------------------------------------------------------------------------------------- the job */

static nave *farm;
static char wrong[512];

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition) && wrong[0] == '\0')                                                      \
            snprintf(wrong, sizeof wrong, __VA_ARGS__);                                            \
    } while (0)

static void nap(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

/* After so many tasks of its own a rank dies; 0: it does not. */
static int deaths[8], ran;

static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    return z ^ (z >> 27);
}

static int hash(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t x;
    int engine = nave_task_engine(task);
    (void)in_size, (void)out_size;
    memcpy(&x, in, sizeof x);
    nap(0.4e-3);
    if (++ran == deaths[engine])
        raise(SIGKILL);
    x = mix(x);
    memcpy(out, &x, sizeof x);
    return 0;
}

static int fraction(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t x;
    double value;
    int rc = hash(task, in, in_size, &x, sizeof x);
    (void)out_size;
    value = 1.0 / (double)(x >> 20 | 1);
    memcpy(out, &value, sizeof value);
    return rc;
}

static int wide(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t x, *to = out;
    int rc = hash(task, in, in_size, &x, sizeof x);
    for (size_t i = 0; i < out_size / sizeof x; i++)
        to[i] = x + i;
    return rc;
}

/* The input says whether it ends its engine. */
static int deadly(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t x;
    memcpy(&x, in, sizeof x);
    if (x == 17)
        raise(SIGKILL);
    return hash(task, in, in_size, out, out_size);
}

static int nothing(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    return 0;
}

static pid_t pid_of(int rank)
{
    const nave_place *places;
    size_t n;
    nave_topo(farm, &places, &n);
    return (pid_t)places[rank].pid;
}

static void end_rank(int rank)
{
    kill(pid_of(rank), SIGKILL);
}

static uint64_t inputs[TASKS], outputs[TASKS];

static void check_outputs(void)
{
    for (size_t i = 0; i < TASKS; i++)
        CHECK(outputs[i] == mix(inputs[i]), "task %zu has another result", i);
}

static nave_view *view_of(const nave_policy *policy)
{
    nave_view *view = NULL;
    CHECK(nave_balanced(farm, policy, &view) == NAVE_OK, "%s", nave_error(farm));
    return view;
}

/* A map, in the midst of which ranks 1 and 2 die. */
static void map_with(const nave_policy *policy)
{
    nave_view *view = view_of(policy);
    nave_future *future;
    nave_counts counts;
    int rc = nave_map_start(view, "hash", inputs, 8, outputs, 8, TASKS, &future);
    for (int rank = 1; rank <= 2 && rc == NAVE_OK; rank++) {
        nave_wait(future, 0.02);
        end_rank(rank);
    }
    rc = rc == NAVE_OK ? nave_wait(future, -1) : rc;
    CHECK(rc == NAVE_OK, "%s", nave_error(farm));
    nave_count(future, &counts);
    CHECK(counts.succeeded == TASKS, "%zu succeeded", (size_t)counts.succeeded);
    CHECK(nave_lost(farm) == 2, "%zu ranks were lost", nave_lost(farm));
    check_outputs();
    nave_future_free(future);
    CHECK(nave_map(view, "hash", inputs, 8, outputs, 8, TASKS) == NAVE_OK, "%s", nave_error(farm));
    check_outputs();
}

static void map(void)
{
    map_with(NULL);
}

static void static_policy(void)
{
    map_with(&(nave_policy){.policy = "static-cyclic"});
}

static void hints(void)
{
    double costs[TASKS];
    for (int i = 0; i < TASKS; i++)
        costs[i] = (i * 7) % 100;
    map_with(&(nave_policy){.costs = costs, .cost_count = TASKS});
}

static void singles(void)
{
    nave_view *view = view_of(NULL);
    nave_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++)
        CHECK(nave_apply(view, "hash", &inputs[i], 8, 8, &futures[i]) == NAVE_OK, "apply");
    end_rank(1);
    for (int i = 0; i < TASKS; i++) {
        const void *data;
        size_t size;
        CHECK(nave_result(futures[i], 0, &data, &size) == NAVE_OK, "task %d: %s", i,
              nave_error(farm));
        if (wrong[0] != '\0')
            return;
        memcpy(&outputs[i], data, 8);
        nave_future_free(futures[i]);
        if (i == TASKS / 2)
            end_rank(3);
    }
    check_outputs();
    CHECK(nave_lost(farm) == 2, "%zu ranks were lost", nave_lost(farm));
}

static int draw(void *arg, size_t index, const void **data, size_t *size)
{
    static uint64_t x;
    (void)arg;
    if (index == TASKS)
        return 0;
    x = inputs[index];
    *data = &x;
    *size = 8;
    return 1;
}

static void source(void)
{
    nave_future *future;
    nave_record record;
    size_t n = 0;
    CHECK(nave_map_from(view_of(NULL), "hash", draw, NULL, 8, &future) == NAVE_OK, "%s",
          nave_error(farm));
    while (wrong[0] == '\0' && nave_next(future, -1, &record) == NAVE_OK) {
        CHECK(record.state == NAVE_SUCCEEDED, "task %zu failed", (size_t)record.index);
        memcpy(&outputs[record.index], record.data, 8);
        if (++n == 50 || n == 300)
            end_rank(n == 50 ? 1 : 2);
    }
    CHECK(n == TASKS, "%zu results came", n);
    check_outputs();
}

/* Sums of integers and of floating-point numbers, which depend on the order; while ranks 1 and 2 die. */
static void sums(void)
{
    uint64_t sum, serial = 0;
    double total, before = 0;
    nave_view *view = view_of(&(nave_policy){.chunk = 16});
    for (int i = 0; i < TASKS; i++)
        serial += mix(inputs[i]);
    for (int round = 0; round < 40 && nave_lost(farm) < 2 && wrong[0] == '\0'; round++) {
        int rc = nave_map_reduce(view, "hash", inputs, 8, TASKS, &sum, 1, MPI_UINT64_T, MPI_SUM);
        CHECK(rc == NAVE_OK, "%s", nave_error(farm));
        CHECK(sum == serial, "the sum is another one");
        rc = nave_map_reduce(view, "fraction", inputs, 8, TASKS, &total, 1, MPI_DOUBLE, MPI_SUM);
        CHECK(rc == NAVE_OK, "%s", nave_error(farm));
        before = round == 0 ? total : before;
        CHECK(total == before, "%.17g is not %.17g", total, before);
    }
    CHECK(nave_lost(farm) == 2, "%zu ranks were lost", nave_lost(farm));
}

/* Results and sums that come by transfers of their own. */
static void large(void)
{
    enum { N = 200 };
    size_t size = WIDE * sizeof(uint64_t);
    uint64_t *all = malloc(N * size), *sum = malloc(size);
    nave_view *view = view_of(&(nave_policy){.chunk = 4});
    for (int round = 0; round < 40 && nave_lost(farm) < 2 && wrong[0] == '\0'; round++) {
        int rc = nave_map(view, "wide", inputs, 8, all, size, N);
        CHECK(rc == NAVE_OK, "%s", nave_error(farm));
        for (size_t i = 0; i < N; i++)
            CHECK(all[i * WIDE] == mix(inputs[i]) &&
                      all[(i + 1) * WIDE - 1] == mix(inputs[i]) + WIDE - 1,
                  "large result %zu is another one", i);
        rc = nave_map_reduce(view, "wide", inputs, 8, N, sum, WIDE, MPI_UINT64_T, MPI_SUM);
        CHECK(rc == NAVE_OK, "%s", nave_error(farm));
        for (size_t i = 1; i < N; i++)
            all[0] += all[i * WIDE];
        CHECK(sum[0] == all[0] && sum[WIDE - 1] == sum[0] + N * (uint64_t)(WIDE - 1),
              "the large sum is another one");
    }
    CHECK(nave_lost(farm) == 2, "%zu ranks were lost", nave_lost(farm));
    free(all);
    free(sum);
}

/* A task that ends every engine that runs it. */
static void culprit(void)
{
    nave_view *view = view_of(NULL);
    nave_future *future;
    nave_record record;
    size_t failed = 0;
    inputs[100] = 17;
    CHECK(nave_map_start(view, "deadly", inputs, 8, outputs, 8, TASKS, &future) == NAVE_OK, "%s",
          nave_error(farm));
    CHECK(nave_wait(future, -1) == NAVE_ETASK, "nothing failed");
    CHECK(nave_failed(future, &failed, 1) == 1 && failed == 100, "another task is blamed");
    nave_task_record(future, 100, &record);
    CHECK(record.code == NAVE_ECRASH, "it failed with %d", record.code);
    CHECK(nave_lost(farm) == 3, "%zu ranks were lost", nave_lost(farm));
    outputs[100] = mix(17);
    check_outputs();
}

static void direct(void)
{
    nave_view *all, *one;
    nave_future *future, *late;
    nave_view *again;
    nave_record record;
    int second = 2;
    uint64_t object = 7;
    nave_direct(farm, NULL, 0, &all);
    nave_direct(farm, &second, 1, &one);
    CHECK(nave_map_start(all, "hash", inputs, 8, outputs, 8, TASKS, &future) == NAVE_OK, "start");
    end_rank(2);
    CHECK(nave_wait(future, -1) == NAVE_ETASK, "all tasks of a lost engine succeeded");
    for (size_t i = 0; i < TASKS; i++) {
        nave_task_record(future, i, &record);
        CHECK(record.state == NAVE_SUCCEEDED ? outputs[i] == mix(inputs[i])
                                             : record.code == NAVE_ELOST,
              "task %zu: %d", i, record.code);
    }
    CHECK(nave_apply(one, "hash", inputs, 8, 8, &late) == NAVE_ELOST, "%s", nave_error(farm));
    CHECK(nave_map(all, "hash", inputs, 8, outputs, 8, TASKS) == NAVE_ELOST, "%s",
          nave_error(farm));
    CHECK(nave_direct(farm, &second, 1, &again) == NAVE_ELOST, "%s", nave_error(farm));
    CHECK(nave_push(all, "object", &object, sizeof object) == NAVE_OK, "push: %s",
          nave_error(farm));
    CHECK(nave_lost(farm) == 1, "%zu ranks were lost", nave_lost(farm));
}

static void alone(void)
{
    nave_future *future;
    CHECK(nave_map_start(view_of(NULL), "hash", inputs, 8, outputs, 8, TASKS, &future) == NAVE_OK,
          "start");
    for (int rank = 1; rank < nave_size(farm); rank++)
        end_rank(rank);
    CHECK(nave_wait(future, -1) == NAVE_OK, "%s", nave_error(farm));
    check_outputs();
    CHECK(nave_lost(farm) == (size_t)nave_size(farm) - 1, "%zu lost", nave_lost(farm));
}

/* Also with idle_hub, where nobody is left. */
static void too_few(void)
{
    nave_future *future;
    int rc = nave_map_start(view_of(NULL), "hash", inputs, 8, outputs, 8, TASKS, &future);
    CHECK(rc == NAVE_OK, "start");
    for (int rank = 1; rank < nave_size(farm); rank++)
        end_rank(rank);
    rc = nave_wait(future, -1);
    CHECK(rc == NAVE_ELOST, "%d: %s", rc, nave_error(farm));
}

/* A rank is stopped, and goes on after a while; then it has tasks as others have. */
static void stalled(void)
{
    nave_view *view = view_of(NULL);
    nave_future *future;
    nave_record record;
    size_t shares[4] = {0};
    CHECK(nave_map_start(view, "hash", inputs, 8, outputs, 8, TASKS, &future) == NAVE_OK, "start");
    nave_wait(future, 0.02);
    kill(pid_of(2), SIGSTOP);
    CHECK(nave_wait(future, -1) == NAVE_OK, "%s", nave_error(farm));
    check_outputs();
    CHECK(nave_lost(farm) == 0, "a stopped engine was taken for dead");
    kill(pid_of(2), SIGCONT);
    for (int round = 0; round < 100 && shares[2] == 0; round++) {
        nave_future_free(future);
        memset(outputs, 0, sizeof outputs);
        CHECK(nave_map_start(view, "hash", inputs, 8, outputs, 8, TASKS, &future) == NAVE_OK,
              "start");
        CHECK(nave_wait(future, -1) == NAVE_OK, "%s", nave_error(farm));
        check_outputs();
        for (size_t i = 0; i < TASKS; i++) {
            nave_task_record(future, i, &record);
            shares[record.engine]++;
        }
    }
    CHECK(shares[2] > 0, "an engine that goes on again gets nothing");
}

/* It stays so: sums are right, and the job ends. */
static void stays_stalled(void)
{
    uint64_t sum, serial = 0;
    for (int i = 0; i < TASKS; i++)
        serial += mix(inputs[i]);
    kill(pid_of(1), SIGSTOP);
    CHECK(nave_map_reduce(view_of(&(nave_policy){.chunk = 16}), "hash", inputs, 8, TASKS, &sum, 1,
                          MPI_UINT64_T, MPI_SUM) == NAVE_OK,
          "%s", nave_error(farm));
    CHECK(sum == serial, "the sum is another one");
    CHECK(nave_lost(farm) == 0, "a stopped engine was taken for dead");
}

/* Which rank dies where while the farm is opened. */
static int dies_sharing, dies_meeting;

static void maybe_die(MPI_Comm comm, int victim)
{
    int rank;
    MPI_Comm_rank(comm, &rank);
    if (victim > 0 && rank == victim)
        raise(SIGKILL);
}

/* In place of MPI's: others have begun to wait for it by then. */
int MPI_Win_allocate_shared(MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, void *memory,
                            MPI_Win *window)
{
    maybe_die(comm, dies_sharing);
    return PMPI_Win_allocate_shared(size, unit, info, comm, memory, window);
}

/* The last that is said at opening has been said. */
int MPI_Sendrecv(const void *out, int out_count, MPI_Datatype out_type, int to, int out_tag,
                 void *in, int in_count, MPI_Datatype in_type, int from, int in_tag, MPI_Comm comm,
                 MPI_Status *status)
{
    int rc = PMPI_Send(out, out_count, out_type, to, out_tag, comm);
    maybe_die(comm, dies_meeting);
    return rc == MPI_SUCCESS ? PMPI_Recv(in, in_count, in_type, from, in_tag, comm, status) : rc;
}

static void opened_without(void)
{
    CHECK(nave_map(view_of(NULL), "hash", inputs, 8, outputs, 8, TASKS) == NAVE_OK, "%s",
          nave_error(farm));
    check_outputs();
    CHECK(nave_lost(farm) == 1, "%zu ranks were lost", nave_lost(farm));
}

static void hub_dies(void)
{
    nave_future *future;
    nave_map_start(view_of(NULL), "hash", inputs, 8, outputs, 8, TASKS, &future);
    nave_wait(future, 0.02);
    raise(SIGKILL);
}

static const struct scene {
    nave_options options;
    const char *name;
    void (*play)(void);
    int ranks;
    int deaths[3];        /* see above */
    int sharing, meeting; /* ranks that die so; 0: none */
    bool in_vain;         /* rank 0 does not come to write a verdict */
} scenes[] = {
    {.name = "map", .play = map, .ranks = 4},
    {.name = "static", .play = static_policy, .ranks = 4},
    {.name = "hints", .play = hints, .ranks = 4},
    {.name = "singles", .play = singles, .ranks = 4},
    {.name = "source", .play = source, .ranks = 4},
    {.name = "sums", .play = sums, .ranks = 4, .deaths = {0, 120, 290}},
    {.name = "large", .play = large, .ranks = 4, .deaths = {0, 30, 75}},
    {.name = "culprit", .play = culprit, .ranks = 6, .options = {.idle_hub = 1}},
    {.name = "direct", .play = direct, .ranks = 4},
    {.name = "alone", .play = alone, .ranks = 3},
    {.name = "few", .play = too_few, .ranks = 4, .options = {.min_engines = 2}},
    {.name = "nobody", .play = too_few, .ranks = 3, .options = {.idle_hub = 1}},
    {.name = "unwanted", .play = too_few, .ranks = 3, .options = {.recover = -1}},
    {.name = "stalled", .play = stalled, .ranks = 4, .options = {.stall_limit = 0.5}},
    {.name = "stays", .play = stays_stalled, .ranks = 4, .options = {.stall_limit = 0.5}},
    {.name = "hub", .play = hub_dies, .ranks = 3, .in_vain = true},
    {.name = "opening", .play = opened_without, .ranks = 4, .sharing = 1, .in_vain = true},
    {.name = "opened", .play = opened_without, .ranks = 4, .meeting = 1},
};

static const struct scene *scene_of(const char *name)
{
    size_t i = 0;
    while (strcmp(scenes[i].name, name) != 0)
        i++;
    return &scenes[i];
}

static void write_verdict(const char *file)
{
    FILE *out = fopen(file, "w");
    fprintf(out, "%s\n", wrong[0] != '\0' ? wrong : "good");
    fclose(out);
}

static int job(const char *name, const char *file)
{
    static const nave_kernel kernels[] = {{"hash", hash, 0, NULL},
                                          {"fraction", fraction, 0, NULL},
                                          {"wide", wide, 0, NULL},
                                          {"deadly", deadly, 0, NULL},
                                          {"nothing", nothing, 0, NULL}};
    const struct scene *scene = scene_of(name);
    nave_options options = scene->options;
    options.kernels = kernels;
    options.kernel_count = sizeof kernels / sizeof *kernels;
    options.log = nave_log_stderr;
    memcpy(deaths, scene->deaths, sizeof scene->deaths);
    dies_sharing = scene->sharing;
    dies_meeting = scene->meeting;
    MPI_Init(NULL, NULL);
    for (size_t i = 0; i < TASKS; i++)
        inputs[i] = i * 1000003 + 20;
    CHECK(nave_open(MPI_COMM_WORLD, &options, &farm) == NAVE_OK, "%s", nave_error(farm));
    if (nave_is_hub(farm)) {
        if (wrong[0] == '\0')
            scene->play();
        write_verdict(file);
    } else {
        nave_serve(farm);
    }
    nave_close(&farm);
    nave_finalize();
    return 0;
}

/* -------------------------------------------------------------------------------------- the test */

static char self[4096];

/* Returns whether the job ended in time. */
static void play(void **state)
{
    const struct scene *scene = *state;
    char command[8400], said[512] = "";
    FILE *file;
    int status;
    remove("verdict");
    snprintf(command, sizeof command,
             "timeout -k 1 40 \"$NAVE_SRC/test/mpirun\" --enable-recovery -np %d \"%s\" %s verdict "
             ">output 2>&1",
             scene->ranks, self, scene->name);
    status = system(command); /* NOLINT(cert-env33-c): the shell is wanted */
    file = fopen("verdict", "r");
    if (file != NULL) {
        if (fgets(said, sizeof said, file) == NULL)
            said[0] = '\0';
        fclose(file);
    }
    if (scene->in_vain ? file != NULL : strcmp(said, "good\n") != 0 || status != 0) {
        (void)!system("cat output"); /* NOLINT(cert-env33-c) */
        fail_msg("%s: status %d, %s", scene->name, status, said);
    }
    if (WEXITSTATUS(status) == 124 || WEXITSTATUS(status) == 137)
        fail_msg("%s: the job did not end", scene->name);
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[sizeof scenes / sizeof *scenes];
    size_t count = sizeof scenes / sizeof *scenes;
    const char *folder = getenv("TMPDIR");
    if (argc == 3)
        return job(argv[1], argv[2]);
    if (argc != 1 || argv[0] == NULL || realpath(argv[0], self) == NULL ||
        (folder != NULL && chdir(folder) != 0))
        return 1;
    for (size_t i = 0; i < count; i++)
        tests[i] =
            (struct CMUnitTest){scenes[i].name, play, NULL, NULL, (void *)(uintptr_t)&scenes[i]};
    return _cmocka_run_group_tests("lost", tests, count, NULL, NULL);
}
