/* polls - ranks that do not poll alike, or no more: nobody waits for ever, and whoever waits is told.
 * ranks: 1 2 3 4
 * timeout: 300
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

#include "nave_client.h"
#include "steer.h"

#include <pthread.h>
#include <stdatomic.h>

enum { ROWS = 8, PLACES = 8, EARLY = 10 };

/* What the ranks have in common, and rank 0's client. */
static struct {
    char file[256];
    int64_t level;
    int64_t rows[ROWS]; /* this rank's part is a block of it */
    atomic_int phase;   /* of the client: it is done with so much */
    char why[400];      /* what went wrong there; "": nothing */
} all;

/* A block of rows on each rank, which have their numbers. */
static void open_farm(nave **ctx)
{
    const char *folder = getenv("TMPDIR");
    size_t from = (size_t)(ROWS * ranks.rank / ranks.size);
    size_t to = (size_t)(ROWS * (ranks.rank + 1) / ranks.size);
    nave_array block = {.data = all.rows + from,
                        .type = NAVE_INT64,
                        .dims = 1,
                        .shape = {ROWS},
                        .start = {from},
                        .count = {to - from}};
    snprintf(all.file, sizeof all.file, "%s/polls.json", folder != NULL ? folder : "/tmp");
    NEED_OK(nave_open(MPI_COMM_WORLD, &(nave_options){.connection = all.file}, ctx));
    ranks.ctx = *ctx;
    all.level = 0;
    all.phase = 0;
    all.why[0] = '\0';
    for (int r = 0; r < ROWS; r++)
        all.rows[r] = r;
    GIVES(NAVE_OK, nave_steer_int64(*ctx, "level", &all.level, 0, 100));
    GIVES(NAVE_OK, nave_publish(*ctx, "rows", &block));
}

static void close_farm(nave **ctx)
{
    ranks.ctx = NULL;
    GIVES(NAVE_OK, nave_close(ctx));
}

/* ----------------------------------------------------------------------------------- the client */

static void expect(nave_client *client, int code, int got, const char *what)
{
    if (code != got && all.why[0] == '\0')
        snprintf(all.why, sizeof all.why, "%s: %d, not %d: %.300s", what, got, code,
                 nave_client_error(client));
}

struct client {
    pthread_t thread;
    void (*act)(nave_client *client);
};

static void *run_client(void *arg)
{
    struct client *self = arg;
    nave_client *client;
    int rc = nave_connect(all.file, NULL, &client);
    expect(client, NAVE_OK, rc, "connect");
    if (rc == NAVE_OK)
        self->act(client);
    nave_disconnect(&client);
    atomic_store(&all.phase, 100);
    return NULL;
}

static void start_client(struct client *client, void (*act)(nave_client *client))
{
    *client = (struct client){.act = act};
    if (ranks.rank == 0)
        NEED(pthread_create(&client->thread, NULL, run_client, client) == 0);
}

static void end_client(struct client *client)
{
    if (ranks.rank != 0)
        return;
    pthread_join(client->thread, NULL);
    ranks_check(all.why[0] == '\0', __FILE__, __LINE__, "the client: %s", all.why);
}

/* ------------------------------------------------------------------------- ranks that leave early */

/* Until it is refused. */
static int poll_on(nave *ctx)
{
    int rc;
    while ((rc = nave_poll(ctx)) == NAVE_OK)
        continue;
    return rc;
}

static void disagrees(nave *ctx, int leaver)
{
    char name[32];
    snprintf(name, sizeof name, "rank %d ", leaver);
    GIVES(NAVE_EDISAGREE, poll_on(ctx));
    CHECK(strstr(nave_error(ctx), name) == nave_error(ctx));
    GIVES(NAVE_EDISAGREE, nave_poll(ctx));
}

/* All ranks make a few polls, until the client is at work; then one closes, and all others poll on. */
static void leave_early(int leaver, void (*act)(nave_client *client))
{
    nave *ctx = NULL;
    struct client client;
    open_farm(&ctx);
    if (act != NULL)
        start_client(&client, act);
    for (int i = 0; i < EARLY || (act != NULL && all.level == 0); i++)
        GIVES(NAVE_OK, nave_poll(ctx));
    if (ranks.rank != leaver)
        disagrees(ctx, leaver);
    close_farm(&ctx);
    if (act != NULL)
        end_client(&client);
    ranks_agree();
}

static void rank_0_leaves(void **state)
{
    (void)state;
    leave_early(0, NULL);
}

static void each_other_rank_leaves(void **state)
{
    (void)state;
    for (int leaver = 1; leaver < ranks.size; leaver++)
        leave_early(leaver, NULL);
}

/* Blocks of all ranks are asked for until there is an end. */
static void pull_until_refused(nave_client *client)
{
    nave_client_array array;
    while (nave_client_array_pull(client, "rows", &array) == NAVE_OK &&
           nave_client_set(client, "level", "1") == NAVE_OK)
        continue;
}

static void ranks_leave_while_a_client_pulls(void **state)
{
    (void)state;
    for (int leaver = 0; leaver < ranks.size; leaver++)
        leave_early(leaver, pull_until_refused);
}

static void pause_only(nave_client *client)
{
    expect(client, NAVE_OK, nave_client_pause(client), "pause");
}

/* All others are held in one nave_poll() when it leaves. */
static void a_rank_leaves_while_paused(void **state)
{
    nave *ctx = NULL;
    struct client client;
    int leaver = ranks.size - 1;
    (void)state;
    open_farm(&ctx);
    start_client(&client, pause_only);
    if (leaver == 0) {
        while (atomic_load(&all.phase) < 100)
            GIVES(NAVE_OK, nave_turn(ctx));
    } else if (ranks.rank == leaver) {
        GIVES(NAVE_OK, nave_poll(ctx));
        ranks_sleep(0.3);
    } else {
        disagrees(ctx, leaver);
    }
    close_farm(&ctx);
    end_client(&client);
    ranks_agree();
}

/* A rank that serves instead, and never polls, has left as well. */
static void a_rank_serves_instead(void **state)
{
    nave *ctx = NULL;
    int leaver = ranks.size - 1;
    (void)state;
    open_farm(&ctx);
    if (leaver > 0 && ranks.rank == leaver)
        GIVES(NAVE_OK, nave_serve(ctx));
    else if (leaver > 0)
        disagrees(ctx, leaver);
    close_farm(&ctx);
    ranks_agree();
}

/* An ordinary end: each rank makes as many polls, at its own pace. */
static void all_leave_after_the_same_poll(void **state)
{
    nave *ctx = NULL;
    (void)state;
    for (int polls = 0; polls < 1000; polls = polls * 3 + 1) {
        open_farm(&ctx);
        for (int i = 0; i < polls; i++) {
            GIVES(NAVE_OK, nave_poll(ctx));
            if (i % 64 == ranks.rank)
                ranks_sleep(0.0002);
        }
        close_farm(&ctx);
    }
    ranks_agree();
}

/* --------------------------------------------------------------------------- before the first poll */

static void look_at_rows(nave_client *client)
{
    nave_client_array array;
    int rc = nave_client_array_pull(client, "rows", &array);
    expect(client, NAVE_OK, rc, "pull");
    for (int r = 0; rc == NAVE_OK && r < ROWS; r++)
        if (((const int64_t *)array.data)[r] != r && all.why[0] == '\0')
            snprintf(all.why, sizeof all.why, "row %d is %lld", r,
                     (long long)((const int64_t *)array.data)[r]);
}

static void set_then_pull(nave_client *client)
{
    expect(client, NAVE_OK, nave_client_set(client, "level", "7"), "set");
    atomic_store(&all.phase, 1);
    look_at_rows(client);
    while (atomic_load(&all.phase) < 2)
        ranks_sleep(0.001);
    expect(client, NAVE_OK, nave_client_stop(client), "stop");
}

/* What is set before is set on all ranks behind the first poll, and a field that is asked for is whole. */
static void ranks_are_alike_from_the_first_poll(void **state)
{
    nave *ctx = NULL;
    struct client client;
    (void)state;
    open_farm(&ctx);
    start_client(&client, set_then_pull);
    while (ranks.rank == 0 && atomic_load(&all.phase) < 1)
        GIVES(NAVE_OK, nave_turn(ctx));
    if (ranks.rank == 0)
        GIVES(NAVE_ETIMEDOUT, nave_attend(ctx, 0.1)); /* the pull comes in, too */
    GIVES(NAVE_OK, nave_poll(ctx));
    CHECK(all.level == 7);
    atomic_store(&all.phase, 2);
    GIVES(NAVE_EDRAINED, poll_on(ctx));
    close_farm(&ctx);
    end_client(&client);
    ranks_agree();
}

/* ---------------------------------------------------------------------------- after the last poll */

static void is_refused(nave_client *client)
{
    nave_client_array array;
    expect(client, NAVE_ESTATE, nave_client_array_pull(client, "rows", &array), "pull");
    expect(client, NAVE_ESTATE, nave_client_set(client, "level", "1"), "set");
}

/* Others have gone on to serve: there is no other poll. */
static void nothing_is_taken_after_the_last_poll(void **state)
{
    nave *ctx = NULL;
    struct client client;
    (void)state;
    open_farm(&ctx);
    for (int i = 0; i < EARLY; i++)
        GIVES(NAVE_OK, nave_poll(ctx));
    if (ranks.size > 1 && ranks.rank == 0) {
        GIVES(NAVE_ETIMEDOUT, nave_attend(ctx, 0.5)); /* others have left by then */
        start_client(&client, is_refused);
        while (atomic_load(&all.phase) < 100)
            GIVES(NAVE_ETIMEDOUT, nave_attend(ctx, 0.01));
        end_client(&client);
    }
    close_farm(&ctx);
    ranks_agree();
}

static void *pull_in_vain(void *arg)
{
    nave_client *client;
    nave_client_array array;
    (void)arg;
    if (nave_connect(all.file, NULL, &client) == NAVE_OK)
        expect(client, NAVE_ETIMEDOUT, nave_client_array_pull(client, "rows", &array), "pull");
    nave_disconnect(&client);
    return NULL;
}

/* All places of snapshots are taken, given up, and free again. */
static void fill_places(nave_client *client)
{
    pthread_t threads[PLACES];
    for (int i = 0; i < PLACES; i++)
        if (pthread_create(&threads[i], NULL, pull_in_vain, NULL) != 0)
            return;
    for (int i = 0; i < PLACES; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&all.phase, 1);
    look_at_rows(client);
}

/* A time without polls, of ranks that do not leave.  On one rank only: there is no more to it on many. */
static void orders_that_no_poll_takes_up_are_given_up(void **state)
{
    nave *ctx = NULL;
    struct client client;
    (void)state;
    if (ranks.size > 1)
        return;
    nv_order_seconds = 1;
    open_farm(&ctx);
    GIVES(NAVE_OK, nave_poll(ctx));
    start_client(&client, fill_places);
    while (atomic_load(&all.phase) < 1)
        GIVES(NAVE_ETIMEDOUT, nave_attend(ctx, 0.01));
    while (atomic_load(&all.phase) < 100)
        GIVES(NAVE_OK, nave_poll(ctx));
    end_client(&client);
    close_farm(&ctx);
    ranks_agree();
}

/* ------------------------------------------------------------------------------ others' snapshots */

static int ask_about(nave_client *client, const char *what, double snapshot)
{
    char request[128];
    snprintf(request, sizeof request, "{\"do\":\"%s\",\"snapshot\":%.0f,\"rank\":0}", what,
             snapshot);
    return nave_client_ask(client, request, NULL, 0, 60, NULL, NULL, NULL);
}

/* One that is not told the number does not find it out. */
static void try_numbers(nave_client *client)
{
    const char *answer = NULL, *at;
    double number = 0;
    expect(client, NAVE_OK,
           nave_client_ask(client, "{\"do\":\"snapshot\",\"name\":\"rows\"}", NULL, 0, 60, &answer,
                           NULL, NULL),
           "snapshot");
    at = answer != NULL ? strstr(answer, "\"snapshot\":") : NULL;
    if (at != NULL)
        number = strtod(at + strlen("\"snapshot\":"), NULL);
    for (int guess = 1; guess < 20; guess++)
        expect(client, NAVE_OK, ask_about(client, "release", guess), "release of another's");
    expect(client, NAVE_OK, ask_about(client, "piece", number), "piece");
    expect(client, NAVE_OK, ask_about(client, "release", number), "release");
    expect(client, NAVE_EOBJECT, ask_about(client, "piece", number), "piece of one that is gone");
    expect(client, NAVE_OK, nave_client_stop(client), "stop");
}

static void numbers_of_snapshots_cannot_be_guessed(void **state)
{
    nave *ctx = NULL;
    struct client client;
    (void)state;
    open_farm(&ctx);
    start_client(&client, try_numbers);
    GIVES(NAVE_EDRAINED, poll_on(ctx));
    close_farm(&ctx);
    end_client(&client);
    ranks_agree();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rank_0_leaves),
        cmocka_unit_test(each_other_rank_leaves),
        cmocka_unit_test(ranks_leave_while_a_client_pulls),
        cmocka_unit_test(a_rank_leaves_while_paused),
        cmocka_unit_test(a_rank_serves_instead),
        cmocka_unit_test(all_leave_after_the_same_poll),
        cmocka_unit_test(ranks_are_alike_from_the_first_poll),
        cmocka_unit_test(nothing_is_taken_after_the_last_poll),
        cmocka_unit_test(orders_that_no_poll_takes_up_are_given_up),
        cmocka_unit_test(numbers_of_snapshots_cannot_be_guessed),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
