/* scribe - see scribe.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "scribe.h"
#include "thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WHY = 256 };

/* A record in a batch; behind it host, message, output, result, the texts with their zero bytes. */
struct record {
    size_t size; /* of all of it */
    bool is_call;
    struct nv_journal_task task; /* of a call: call, index: in_size, count: tasks, size: out_size */
    size_t host, message;        /* bytes of the texts */
};

struct batch {
    char *bytes;
    size_t used, room;
};

struct nv_scribe {
    struct nv_database *database;
    int64_t job;
    struct nv_statement *task, *call;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more, less; /* there is a batch to write; it was taken */
    struct batch filling, writing;
    bool ending;
    atomic_bool failed;
    char why[WHY]; /* under the lock */
};

/* ------------------------------------------------------------------------------------- writing */

static void bind_task(struct nv_statement *s, int64_t job, const struct record *record)
{
    const struct nv_journal_task *task = &record->task;
    const char *texts = (const char *)(record + 1);
    const char *output = texts + record->host + record->message;
    nv_statement_integer(s, 1, job);
    nv_statement_integer(s, 2, (int64_t)task->call);
    nv_statement_integer(s, 3, (int64_t)task->index);
    nv_statement_integer(s, 4, (int64_t)task->count);
    nv_statement_integer(s, 5, (int64_t)task->digest.low);
    nv_statement_integer(s, 6, (int64_t)task->digest.high);
    nv_statement_integer(s, 7, task->state);
    nv_statement_integer(s, 8, task->attempts);
    nv_statement_integer(s, 9, task->engine);
    nv_statement_string(s, 10, texts);
    nv_statement_real(s, 11, task->submitted);
    nv_statement_real(s, 12, task->started);
    nv_statement_real(s, 13, task->ended);
    nv_statement_integer(s, 14, task->code);
    nv_statement_string(s, 15, texts + record->host);
    nv_statement_bytes(s, 16, output, task->output_size);
    nv_statement_bytes(s, 17, output + task->output_size, task->size);
}

static void bind_call(struct nv_statement *s, int64_t job, const struct record *record)
{
    const struct nv_journal_task *task = &record->task;
    const char *texts = (const char *)(record + 1);
    nv_statement_integer(s, 1, job);
    nv_statement_integer(s, 2, (int64_t)task->call);
    nv_statement_string(s, 3, texts);
    nv_statement_string(s, 4, texts + record->host);
    nv_statement_integer(s, 5, (int64_t)task->count);
    nv_statement_integer(s, 6, (int64_t)task->index);
    nv_statement_integer(s, 7, (int64_t)task->size);
}

static bool write_batch(struct nv_scribe *scribe)
{
    const struct batch *batch = &scribe->writing;
    bool good = nv_database_run(scribe->database, "BEGIN");
    for (size_t at = 0; good && at < batch->used;) {
        const struct record *record = (const struct record *)(void *)(batch->bytes + at);
        struct nv_statement *s = record->is_call ? scribe->call : scribe->task;
        if (record->is_call)
            bind_call(s, scribe->job, record);
        else
            bind_task(s, scribe->job, record);
        good = nv_statement_run(s);
        at += record->size;
    }
    return good && nv_database_run(scribe->database, "COMMIT");
}

static void note_failure(struct nv_scribe *scribe)
{
    char why[WHY];
    snprintf(why, sizeof why, "%s", nv_database_why(scribe->database));
    nv_database_run(scribe->database, "ROLLBACK");
    pthread_mutex_lock(&scribe->lock);
    memcpy(scribe->why, why, sizeof why);
    atomic_store(&scribe->failed, true);
    pthread_mutex_unlock(&scribe->lock);
}

/* Under the lock: waits for something to write, and then for more of it.  False: it is the end. */
static bool await_batch(struct nv_scribe *scribe)
{
    struct timespec until;
    while (scribe->filling.used == 0 && !scribe->ending)
        pthread_cond_wait(&scribe->more, &scribe->lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(NV_JOURNAL_SECONDS * 1e9);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (scribe->filling.used < NV_JOURNAL_BATCH && !scribe->ending)
        if (pthread_cond_timedwait(&scribe->more, &scribe->lock, &until) != 0)
            break;
    return scribe->filling.used > 0;
}

static void *live(void *arg)
{
    struct nv_scribe *scribe = arg;
    pthread_mutex_lock(&scribe->lock);
    while (await_batch(scribe)) {
        struct batch full = scribe->filling;
        scribe->filling = scribe->writing;
        scribe->writing = full;
        pthread_cond_broadcast(&scribe->less);
        pthread_mutex_unlock(&scribe->lock);
        if (!atomic_load(&scribe->failed) && !write_batch(scribe))
            note_failure(scribe);
        scribe->writing.used = 0;
        pthread_mutex_lock(&scribe->lock);
    }
    pthread_mutex_unlock(&scribe->lock);
    return NULL;
}

/* -------------------------------------------------------------------------------- start and end */

static bool prepare(struct nv_scribe *scribe)
{
    scribe->task = nv_statement_new(
        scribe->database,
        "INSERT INTO task (job, call, task, count, low, high, state, attempts, engine, host, "
        "submitted, started, ended, code, message, output, result) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
        "?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)");
    scribe->call = nv_statement_new(
        scribe->database, "INSERT INTO call (job, call, kind, kernel, tasks, in_size, out_size) "
                          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    return scribe->task != NULL && scribe->call != NULL;
}

static void release(struct nv_scribe *scribe)
{
    nv_statement_free(scribe->task);
    nv_statement_free(scribe->call);
    free(scribe->filling.bytes);
    free(scribe->writing.bytes);
    pthread_cond_destroy(&scribe->less);
    pthread_cond_destroy(&scribe->more);
    pthread_mutex_destroy(&scribe->lock);
    free(scribe);
}

struct nv_scribe *nv_scribe_start(struct nv_database *database, int64_t job)
{
    struct nv_scribe *scribe = calloc(1, sizeof *scribe);
    if (scribe == NULL)
        return NULL;
    scribe->database = database;
    scribe->job = job;
    pthread_mutex_init(&scribe->lock, NULL);
    pthread_cond_init(&scribe->more, NULL);
    pthread_cond_init(&scribe->less, NULL);
    atomic_init(&scribe->failed, false);
    if (prepare(scribe) && nv_thread_start(&scribe->thread, live, scribe) == 0)
        return scribe;
    release(scribe);
    return NULL;
}

bool nv_scribe_failed(struct nv_scribe *scribe, char *why)
{
    if (!atomic_load_explicit(&scribe->failed, memory_order_acquire))
        return false;
    pthread_mutex_lock(&scribe->lock);
    if (why != NULL)
        memcpy(why, scribe->why, WHY);
    pthread_mutex_unlock(&scribe->lock);
    return true;
}

bool nv_scribe_end(struct nv_scribe *scribe, char *why)
{
    bool good;
    pthread_mutex_lock(&scribe->lock);
    scribe->ending = true;
    pthread_cond_signal(&scribe->more);
    pthread_mutex_unlock(&scribe->lock);
    pthread_join(scribe->thread, NULL);
    good = !nv_scribe_failed(scribe, why);
    release(scribe);
    return good;
}

/* -------------------------------------------------------------------------------------- adding */

static bool make_room(struct batch *batch, size_t size)
{
    size_t room = batch->room > 0 ? batch->room : 1 << 16;
    char *bytes;
    while (room - batch->used < size)
        room *= 2;
    if (room == batch->room)
        return true;
    bytes = realloc(batch->bytes, room);
    if (bytes == NULL)
        return false;
    batch->bytes = bytes;
    batch->room = room;
    return true;
}

static char *put(char *at, const void *data, size_t size)
{
    if (size > 0)
        memcpy(at, data, size);
    return at + size;
}

static void out_of_memory(struct nv_scribe *scribe)
{
    snprintf(scribe->why, sizeof scribe->why, "out of memory");
    atomic_store(&scribe->failed, true);
}

/* The texts are `host` and `message` of the task. */
static void add(struct nv_scribe *scribe, bool is_call, const struct nv_journal_task *task)
{
    struct record record = {.is_call = is_call,
                            .task = *task,
                            .host = strlen(task->host) + 1,
                            .message = strlen(task->message) + 1};
    size_t result = is_call ? 0 : task->size, output = is_call ? 0 : task->output_size;
    size_t size = sizeof record + record.host + record.message + output + result;
    struct batch *batch = &scribe->filling;
    bool first;
    record.size = (size + 15) / 16 * 16;
    pthread_mutex_lock(&scribe->lock);
    while (batch->used >= NV_JOURNAL_WAITING && !atomic_load(&scribe->failed))
        pthread_cond_wait(&scribe->less, &scribe->lock);
    first = batch->used == 0;
    if (!make_room(batch, record.size)) {
        out_of_memory(scribe);
    } else if (!atomic_load(&scribe->failed)) {
        char *at = put(batch->bytes + batch->used, &record, sizeof record);
        at = put(at, task->host, record.host);
        at = put(at, task->message, record.message);
        at = put(at, task->output, output);
        put(at, task->data, result);
        batch->used += record.size;
        if (first || batch->used >= NV_JOURNAL_BATCH)
            pthread_cond_signal(&scribe->more);
    }
    pthread_mutex_unlock(&scribe->lock);
}

void nv_scribe_task(struct nv_scribe *scribe, const struct nv_journal_task *task)
{
    add(scribe, false, task);
}

void nv_scribe_call(struct nv_scribe *scribe, uint64_t call, const char *kind, const char *kernel,
                    uint64_t tasks, uint64_t in_size, uint64_t out_size)
{
    struct nv_journal_task task = {.call = call,
                                   .count = tasks,
                                   .index = in_size,
                                   .size = (size_t)out_size,
                                   .host = kind,
                                   .message = kernel};
    add(scribe, true, &task);
}
