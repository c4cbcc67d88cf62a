/* door_push - objects that come through the door in pieces: in order, without gaps, under no other's name; and what
 * becomes of those that are not finished.
 * ranks: 1 2
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

#include "nave_client.h"

#include <pthread.h>
#include <stdbool.h>

enum { UPLOADS = 16, MOST = 8 << 20 };

static char file[256], failure[600]; /* of rank 0's client; "": all is well */

static void needed(nave_client *client, int line, int rc, int expected)
{
    if (rc != expected && failure[0] == '\0')
        snprintf(failure, sizeof failure, "line %d: %d instead of %d: %.400s", line, rc, expected,
                 nave_client_error(client));
}

#define GIVE(expected, call) needed(client, __LINE__, call, expected)

/* Five bytes of an object of ten. */
static int push(nave_client *client, const char *name, unsigned upload, int offset)
{
    char request[200];
    snprintf(request, sizeof request,
             "{\"do\":\"push\",\"name\":\"%s\",\"upload\":%u,\"offset\":%d,\"size\":10}", name,
             upload, offset);
    return nave_client_ask(client, request, &"0123456789"[offset > 5 ? 5 : offset], 5, 0, NULL,
                           NULL, NULL);
}

/* The uploads of a farm are numbered. */
static void pieces_in_order(nave_client *client)
{
    const void *data;
    size_t size = 0;
    GIVE(NAVE_OK, push(client, "x", 0, 0)); /* 1 */
    GIVE(NAVE_EOBJECT, nave_client_pull(client, "x", 0, &data, &size));
    GIVE(NAVE_EINVAL, nave_client_pull(client, "\0011", 0, &data, &size));
    GIVE(NAVE_EINVAL, push(client, "x", 1, 4));
    GIVE(NAVE_EINVAL, push(client, "x", 1, 6));
    GIVE(NAVE_EOBJECT, push(client, "y", 1, 5));
    GIVE(NAVE_EOBJECT, push(client, "x", 2, 5));
    GIVE(NAVE_OK, push(client, "x", 1, 5));
    GIVE(NAVE_EOBJECT, push(client, "x", 1, 5));
    GIVE(NAVE_OK, nave_client_pull(client, "x", 0, &data, &size));
    needed(client, __LINE__, size == 10 && memcmp(data, "0123456789", 10) == 0, true);
    GIVE(NAVE_EINVAL, push(client, "\\u0001", 0, 0));
    GIVE(NAVE_OK, push(client, "y", 0, 0)); /* 2, and */
    GIVE(NAVE_OK, push(client, "y", 0, 0)); /* 3, which takes its place */
    GIVE(NAVE_EOBJECT, push(client, "y", 2, 5));
    GIVE(NAVE_OK, push(client, "y", 3, 5));
    GIVE(NAVE_OK, nave_client_drop(client, "y"));
}

/* An upload that its engines never heard of takes no place. */
static void misdirected(nave_client *client)
{
    for (int i = 0; i <= UPLOADS; i++) {
        int rc;
        while ((rc = nave_client_ask(
                    client, "{\"do\":\"push\",\"name\":\"far\",\"size\":9,\"engines\":[77]}", "x",
                    1, 0, NULL, NULL, NULL)) == NAVE_ESTATE)
            ranks_sleep(0.002);
        GIVE(NAVE_EENGINE, rc);
    }
}

/* Places of uploads become free when their client has gone. */
static void unfinished(nave_client *client)
{
    nave_client *other = NULL;
    char name[16];
    int rc = NAVE_OK;
    GIVE(NAVE_OK, nave_connect(file, NULL, &other));
    for (int i = 0; rc == NAVE_OK && i <= UPLOADS; i++) {
        snprintf(name, sizeof name, "u%d", i);
        rc = push(other, name, 0, 0);
    }
    needed(other, __LINE__, rc, NAVE_ESTATE);
    nave_disconnect(&other);
    for (int i = 0; i < UPLOADS; i++) {
        snprintf(name, sizeof name, "v%d", i);
        while ((rc = push(client, name, 0, 0)) == NAVE_ESTATE)
            ranks_sleep(0.002);
        GIVE(NAVE_OK, rc);
    }
}

/* As much as goes with one request, and one more. */
static void largest(nave_client *client)
{
    char *data = calloc(1, MOST + 1);
    const void *result = NULL;
    uint64_t call = 0;
    size_t size = 0;
    data[MOST - 1] = 'z';
    GIVE(NAVE_OK, nave_client_submit(client, "last", data, MOST, 1, 1, NULL, &call));
    GIVE(NAVE_OK, nave_client_result(client, call, 0, 60, &result, &size));
    needed(client, __LINE__, size == 1 && result != NULL && *(const char *)result == 'z', true);
    GIVE(NAVE_ESIZE, nave_client_submit(client, "last", data, MOST + 1, 1, 1, NULL, &call));
    GIVE(NAVE_OK, nave_client_cancel(client, call)); /* still connected */
    free(data);
}

static void *run_client(void *arg)
{
    nave_client *client = NULL;
    (void)arg;
    GIVE(NAVE_OK, nave_connect(file, NULL, &client));
    pieces_in_order(client);
    misdirected(client);
    unfinished(client);
    largest(client);
    GIVE(NAVE_OK, nave_client_stop(client));
    nave_disconnect(&client);
    return NULL;
}

static int last(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)out_size;
    memcpy(out, (const char *)in + in_size - 1, 1);
    return 0;
}

static void objects_come_in_pieces(void **state)
{
    static const nave_kernel kernels[] = {NAVE_KERNEL(last)};
    const char *folder = getenv("TMPDIR");
    nave_options options = {.kernels = kernels, .kernel_count = 1, .connection = file};
    nave *ctx = NULL;
    pthread_t client = pthread_self();
    (void)state;
    snprintf(file, sizeof file, "%s/push.json", folder != NULL ? folder : "/tmp");
    NEED_OK(nave_open(MPI_COMM_WORLD, &options, &ctx));
    if (ranks.rank == 0)
        NEED(pthread_create(&client, NULL, run_client, NULL) == 0);
    while (nave_poll(ctx) == NAVE_OK)
        ranks_sleep(0.0002);
    if (ranks.rank == 0)
        pthread_join(client, NULL);
    ranks_check(failure[0] == '\0', __FILE__, __LINE__, "the client: %s", failure);
    GIVES(NAVE_OK, nave_close(&ctx));
    ranks_agree();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(objects_come_in_pieces)};
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
