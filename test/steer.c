/* steer - MPI programs with a loop of their own: values, arrays, commands and tasks that come from outside are
 * there on all ranks in the same nave_poll(); and the way from such a program to a farm and back.
 * ranks: 1 2 4
 * timeout: 180
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

#include "nave_client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { ROWS = 37, COLUMNS = 23, HALO = 2, CHANGES = 20 };

/* What the ranks have in common, and rank 0's client. */
static struct {
    char file[256];
    double dt;
    int64_t level;
    int flag;
    char title[16];
    int64_t step;
    unsigned commanded; /* how often */
    char said[64];
    atomic_int phase; /* of the client: it is done with so much */
    bool good;        /*   and all was well */
    char why[400];
} all;

static void set_up(nave_options *options, nave **ctx)
{
    const char *folder = getenv("TMPDIR");
    snprintf(all.file, sizeof all.file, "%s/steer.json", folder != NULL ? folder : "/tmp");
    *options = (nave_options){.connection = all.file};
    NEED_OK(nave_open(MPI_COMM_WORLD, options, ctx));
    ranks.ctx = *ctx;
}

/* ----------------------------------------------------------------------------------- the client */

static void client_failed(nave_client *client, const char *what)
{
    all.good = false;
    snprintf(all.why, sizeof all.why, "%s: %.300s", what, nave_client_error(client));
}

/* Each of these runs in a thread of rank 0's, as another process would; at the end it stops the job. */
static void *run_client(void *arg)
{
    void (*act)(nave_client * client);
    nave_client *client;
    memcpy(&act, &arg, sizeof act);
    all.good = true;
    if (nave_connect(all.file, NULL, &client) != NAVE_OK)
        client_failed(client, "connect");
    else
        act(client);
    if (nave_client_stop(client) != NAVE_OK && all.good)
        client_failed(client, "stop");
    nave_disconnect(&client);
    return NULL;
}

static void start_client(pthread_t *thread, void (*act)(nave_client *client))
{
    void *arg;
    memcpy(&arg, &act, sizeof arg);
    if (ranks.rank == 0)
        NEED(pthread_create(thread, NULL, run_client, arg) == 0);
}

static void end_client(pthread_t thread)
{
    if (ranks.rank != 0)
        return;
    pthread_join(thread, NULL);
    ranks_check(all.good, __FILE__, __LINE__, "the client: %s", all.why);
}

/* ------------------------------------------------------------------------------------- the tests */

static void set_values(nave_client *client)
{
    char text[32];
    for (int i = 1; i <= CHANGES && all.good; i++) {
        snprintf(text, sizeof text, "%d", i);
        if (nave_client_set(client, "level", text) != NAVE_OK)
            client_failed(client, "set level");
        ranks_sleep(0.001);
    }
    if (nave_client_set(client, "dt", "0.125") != NAVE_OK ||
        nave_client_set(client, "flag", "on") != NAVE_OK ||
        nave_client_set(client, "title", "from afar") != NAVE_OK)
        client_failed(client, "set");
    if (nave_client_set(client, "dt", "2") != NAVE_EINVAL ||
        nave_client_set(client, "dt", "0.1x") != NAVE_EINVAL ||
        nave_client_set(client, "flag", "maybe") != NAVE_EINVAL ||
        nave_client_set(client, "title", "longer than its room") != NAVE_ESIZE ||
        nave_client_set(client, "nothing", "1") != NAVE_EOBJECT)
        client_failed(client, "a value that cannot be was not refused");
}

/* At every change the ranks must be at the same poll: the polls at which `level` changed are the same. */
static void values_change_everywhere_at_once(void **state)
{
    nave_options options;
    nave *ctx = NULL;
    pthread_t client = pthread_self();
    int64_t last = 0, when[CHANGES + 1] = {0}, least[CHANGES + 1], most[CHANGES + 1];
    (void)state;
    set_up(&options, &ctx);
    all.level = 0;
    all.dt = 0.5;
    GIVES(NAVE_OK, nave_steer_double(ctx, "dt", &all.dt, 0, 1));
    GIVES(NAVE_OK, nave_steer_int64(ctx, "level", &all.level, 0, 100));
    GIVES(NAVE_OK, nave_steer_flag(ctx, "flag", &all.flag));
    GIVES(NAVE_OK, nave_steer_text(ctx, "title", all.title, sizeof all.title));
    GIVES(NAVE_EINVAL, nave_steer_double(ctx, "x", &all.dt, 1, 0));
    GIVES(NAVE_EINVAL, nave_steer_double(ctx, "x", &all.dt, all.dt + 1, all.dt + 2));
    GIVES(NAVE_EINVAL, nave_steer_double(ctx, "", &all.dt, 0, 1));
    GIVES(NAVE_EINVAL, nave_steer_double(ctx, "x", NULL, 0, 1));
    start_client(&client, set_values);
    for (int64_t step = 1; nave_poll(ctx) == NAVE_OK; step++) {
        if (all.level != last && all.level >= 0 && all.level <= CHANGES)
            when[all.level] = step;
        last = all.level;
        if (step % 64 == ranks.rank) /* ranks are not in step */
            ranks_sleep(0.0002);
    }
    GIVES(NAVE_EDRAINED, nave_poll(ctx));
    end_client(client);
    MPI_Allreduce(when, least, CHANGES + 1, MPI_INT64_T, MPI_MIN, MPI_COMM_WORLD);
    MPI_Allreduce(when, most, CHANGES + 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
    for (int i = 0; i <= CHANGES; i++)
        ranks_check(least[i] == most[i], __FILE__, __LINE__, "change %d came at polls %lld to %lld",
                    i, (long long)least[i], (long long)most[i]);
    CHECK(all.level == CHANGES && all.flag == 1 && ranks_same(all.dt, 0.125));
    CHECK(strcmp(all.title, "from afar") == 0);
    GIVES(NAVE_OK, nave_close(&ctx));
    CHECK(access(all.file, F_OK) != 0);
    ranks_agree();
}

/* Row r, column c at a step. */
static double value_at(int64_t step, size_t r, size_t c)
{
    return (double)step * 1e6 + (double)(r * COLUMNS + c);
}

/* This rank's rows, with a halo around them. */
static double *make_block(nave_array *array)
{
    size_t from = (size_t)ROWS * (size_t)ranks.rank / (size_t)ranks.size;
    size_t to = (size_t)ROWS * (size_t)(ranks.rank + 1) / (size_t)ranks.size;
    double *data = calloc((to - from + 2 * HALO) * (COLUMNS + 2 * HALO), sizeof *data);
    *array = (nave_array){.data = data,
                          .type = NAVE_DOUBLE,
                          .dims = 2,
                          .shape = {ROWS, COLUMNS},
                          .start = {from, 0},
                          .count = {to - from, COLUMNS},
                          .room = {to - from + 2 * HALO, COLUMNS + 2 * HALO},
                          .skip = {HALO, HALO}};
    return data;
}

static void fill_block(const nave_array *array, double *data, int64_t step)
{
    for (size_t r = 0; r < array->count[0]; r++)
        for (size_t c = 0; c < COLUMNS; c++)
            data[(r + HALO) * (COLUMNS + 2 * HALO) + c + HALO] =
                value_at(step, array->start[0] + r, c);
}

/* All elements are of one step. */
static void pull_arrays(nave_client *client)
{
    for (int i = 0; i < 5 && all.good; i++) {
        nave_client_array array;
        double first, x;
        if (nave_client_array_pull(client, "field", &array) != NAVE_OK) {
            client_failed(client, "pull");
            return;
        }
        memcpy(&first, array.data, sizeof first);
        if (array.dims != 2 || array.shape[0] != ROWS || array.shape[1] != COLUMNS ||
            strcmp(array.type, "double") != 0)
            client_failed(client, "another array");
        for (size_t k = 0; all.good && k < (size_t)ROWS * COLUMNS; k++) {
            memcpy(&x, (const char *)array.data + k * sizeof x, sizeof x);
            if (!ranks_same(x, first + (double)k))
                client_failed(client, "elements of different steps, or in other places");
        }
    }
    for (int i = 0; i < 3 && all.good; i++) {
        nave_client_array array;
        const int64_t *steps;
        if (nave_client_array_pull(client, "step", &array) != NAVE_OK) {
            client_failed(client, "pull step");
            return;
        }
        steps = array.data;
        if (array.dims != 1 || array.size != array.shape[0] * sizeof *steps)
            client_failed(client, "a value of each rank");
        for (size_t r = 0; all.good && r < array.shape[0]; r++)
            if (steps[r] != steps[0])
                client_failed(client, "ranks at different steps");
    }
    if (nave_client_array_pull(client, "nothing", &(nave_client_array){0}) != NAVE_EOBJECT)
        client_failed(client, "what is not published was found");
}

static void arrays_are_of_one_step(void **state)
{
    nave_options options;
    nave *ctx = NULL;
    pthread_t client = pthread_self();
    nave_array field, value = {.data = &all.step, .type = NAVE_INT64};
    double *data = make_block(&field);
    (void)state;
    set_up(&options, &ctx);
    GIVES(NAVE_OK, nave_publish(ctx, "field", &field));
    GIVES(NAVE_OK, nave_publish(ctx, "step", &value));
    field.dims = 9;
    GIVES(NAVE_EINVAL, nave_publish(ctx, "wrong", &field));
    field.dims = 2;
    start_client(&client, pull_arrays);
    for (all.step = 1;; all.step++) {
        fill_block(&field, data, all.step);
        if (nave_poll(ctx) != NAVE_OK)
            break;
    }
    end_client(client);
    GIVES(NAVE_OK, nave_close(&ctx));
    free(data);
    ranks_agree();
}

static int note_command(nave *ctx, const char *text, void *arg)
{
    (void)ctx, (void)arg;
    all.commanded++;
    snprintf(all.said, sizeof all.said, "%s", text);
    MPI_Barrier(MPI_COMM_WORLD); /* all ranks are here */
    return (int)strlen(text);
}

static void give_commands(nave_client *client)
{
    int code = -1;
    if (nave_client_command(client, "note", "hello", &code) != NAVE_OK || code != 5)
        client_failed(client, "command");
    if (nave_client_pause(client) != NAVE_OK)
        client_failed(client, "pause");
    if (nave_client_command(client, "note", "again", &code) != NAVE_OK || code != 5)
        client_failed(client, "command while paused");
    if (nave_client_command(client, "none", "", &code) != NAVE_EOBJECT)
        client_failed(client, "a command that is not there was taken");
    if (nave_client_resume(client) != NAVE_OK)
        client_failed(client, "resume");
}

static void commands_run_on_all_ranks(void **state)
{
    nave_options options;
    nave *ctx = NULL;
    pthread_t client = pthread_self();
    (void)state;
    set_up(&options, &ctx);
    all.commanded = 0;
    GIVES(NAVE_OK, nave_command(ctx, "note", note_command, NULL));
    GIVES(NAVE_EINVAL, nave_command(ctx, "none", NULL, NULL));
    start_client(&client, give_commands);
    while (nave_poll(ctx) == NAVE_OK)
        continue;
    end_client(client);
    CHECK(all.commanded == 2 && strcmp(all.said, "again") == 0);
    GIVES(NAVE_OK, nave_close(&ctx));
    ranks_agree();
}

/* ------------------------------------------------------------------------------- to a farm and back */

static int square(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    double x;
    (void)task, (void)in_size, (void)out_size;
    memcpy(&x, in, sizeof x);
    x *= x;
    memcpy(out, &x, sizeof x);
    return 0;
}

static const nave_kernel kernels[] = {NAVE_KERNEL_OF(square, "double x -> double y")};

static int map_squares(nave *ctx, void *arg)
{
    double x[100], *y = arg;
    nave_view *farm;
    int rc = nave_balanced(ctx, NULL, &farm);
    for (int i = 0; i < 100; i++)
        x[i] = i;
    return rc == NAVE_OK ? nave_map(farm, "square", x, sizeof *x, y, sizeof *y, 100) : rc;
}

/* Tasks of clients run while the ranks poll. */
static void submit_tasks(nave_client *client)
{
    double x[50], y;
    uint64_t call;
    const void *data;
    size_t size;
    for (int i = 0; i < 50; i++)
        x[i] = i;
    if (nave_client_submit(client, "square", x, sizeof *x, sizeof *x, 50, NULL, &call) != NAVE_OK ||
        nave_client_wait(client, call, 60) != NAVE_OK)
        client_failed(client, "submit");
    for (size_t i = 0; all.good && i < 50; i++) {
        if (nave_client_result(client, call, i, 0, &data, &size) != NAVE_OK || size != sizeof y)
            client_failed(client, "result");
        else if (memcpy(&y, data, sizeof y), !ranks_same(y, (double)(i * i)))
            client_failed(client, "another result");
    }
}

static void ranks_go_to_a_farm_and_back(void **state)
{
    nave_options options = {.kernels = kernels, .kernel_count = 1};
    nave *ctx = NULL;
    pthread_t client = pthread_self();
    (void)state;
    for (int round = 0; round < 3; round++) {
        double y[100] = {0}, sum = 0, total = 0;
        GIVES(NAVE_OK, nave_run(MPI_COMM_WORLD, &options, map_squares, y));
        for (int i = 0; i < 100; i++)
            sum += y[i];
        MPI_Allreduce(&sum, &total, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        CHECK(ranks_same(total, 328350));
    }
    snprintf(all.file, sizeof all.file, "%s/steer.json",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    options.connection = all.file;
    NEED_OK(nave_open(MPI_COMM_WORLD, &options, &ctx));
    start_client(&client, submit_tasks);
    while (nave_poll(ctx) == NAVE_OK)
        MPI_Barrier(MPI_COMM_WORLD); /* collectives of the program's own, between polls */
    end_client(client);
    GIVES(NAVE_OK, nave_close(&ctx));
    ranks_agree();
}

/* Without a door a poll does nothing, and declarations are allowed. */
static void without_a_door_nothing_happens(void **state)
{
    nave_options options = {.kernels = kernels, .kernel_count = 1};
    nave *ctx = NULL;
    (void)state;
    NEED_OK(nave_open(MPI_COMM_WORLD, &options, &ctx));
    GIVES(NAVE_OK, nave_steer_double(ctx, "dt", &all.dt, 0, 1));
    for (int i = 0; i < 1000; i++)
        GIVES(NAVE_OK, nave_poll(ctx));
    if (ranks.rank == 0)
        GIVES(NAVE_ESTATE, nave_attend(ctx, 0));
    GIVES(NAVE_OK, nave_close(&ctx));
    ranks_agree();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_change_everywhere_at_once),
        cmocka_unit_test(arrays_are_of_one_step),
        cmocka_unit_test(commands_run_on_all_ranks),
        cmocka_unit_test(ranks_go_to_a_farm_and_back),
        cmocka_unit_test(without_a_door_nothing_happens),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
