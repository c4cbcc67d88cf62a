#include "top_read.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A program that has not taken up our last question for so long is not asked another one: each would be waited
 * for, and the keys are to work meanwhile. */
#define ABSENT 1.0

/* remote_ask() with the code. */
static int ask(remote *r, const char *request, cJSON **answer)
{
    const char *text;
    int rc = nave_client_ask(r->client, request, NULL, 0, 0, &text, NULL, NULL);
    *answer = rc == NAVE_OK ? cJSON_Parse(text) : NULL;
    return rc == NAVE_OK && *answer == NULL ? NAVE_ENOMEM : rc;
}

static void read_counts(top_counts *tasks, const cJSON *object)
{
    tasks->waiting = remote_number(object, "waiting");
    tasks->running = remote_number(object, "running");
    tasks->succeeded = remote_number(object, "succeeded");
    tasks->failed = remote_number(object, "failed");
    tasks->cancelled = remote_number(object, "cancelled");
}

/* Room for what is in a list, and its size in *count: 0 if there is none. */
static void *room_for(const cJSON *list, size_t size, size_t *count)
{
    int n = cJSON_GetArraySize(list);
    void *room = n > 0 ? calloc((size_t)n, size) : NULL;
    *count = room != NULL ? (size_t)n : 0;
    return room;
}

static void read_value(top_value *value, const cJSON *object)
{
    const cJSON *now = cJSON_GetObjectItemCaseSensitive(object, "value");
    char *text = cJSON_IsString(now) ? NULL : cJSON_PrintUnformatted(now);
    top_text(value->name, sizeof value->name, remote_text(object, "name"));
    top_text(value->value, sizeof value->value, text != NULL ? text : remote_text(object, "value"));
    free(text);
}

static void read_values(top_poll *poll, const cJSON *list)
{
    const cJSON *item;
    size_t n = 0;
    poll->values = room_for(list, sizeof *poll->values, &poll->value_count);
    cJSON_ArrayForEach (item, list) {
        if (n < poll->value_count)
            read_value(&poll->values[n++], item);
    }
}

static void read_status(top_poll *poll, const cJSON *answer)
{
    poll->time = remote_number(answer, "time");
    poll->clients = remote_number(answer, "clients");
    poll->calls = remote_number(answer, "calls");
    top_text(poll->state, sizeof poll->state, remote_text(answer, "state"));
    read_counts(&poll->tasks, cJSON_GetObjectItemCaseSensitive(answer, "tasks"));
    read_values(poll, remote_list(answer, "steer"));
}

static void read_engine(top_engine *engine, const cJSON *object)
{
    engine->rank = (int)remote_number(object, "rank");
    top_text(engine->host, sizeof engine->host, remote_text(object, "host"));
    top_text(engine->state, sizeof engine->state, remote_text(object, "state"));
    engine->tasks = remote_number(object, "tasks");
    engine->done = remote_number(object, "done");
    engine->seconds = remote_number(object, "seconds");
}

static int by_rank(const void *a, const void *b)
{
    int x = ((const top_engine *)a)->rank, y = ((const top_engine *)b)->rank;
    return (x > y) - (x < y);
}

static void read_engines(top_poll *poll, const cJSON *answer)
{
    const cJSON *list = remote_list(answer, "engines"), *item;
    size_t n = 0;
    poll->engines = room_for(list, sizeof *poll->engines, &poll->engine_count);
    cJSON_ArrayForEach (item, list) {
        if (n < poll->engine_count)
            read_engine(&poll->engines[n++], item);
    }
    if (n > 0)
        qsort(poll->engines, n, sizeof *poll->engines, by_rank);
}

static void read_call(top_call *call, const cJSON *object)
{
    call->number = remote_number(object, "call");
    call->open = strcmp(remote_text(object, "state"), "open") == 0;
    top_text(call->kernel, sizeof call->kernel, remote_text(object, "kernel"));
    top_text(call->from, sizeof call->from, remote_text(object, "from"));
    top_text(call->digest, sizeof call->digest, remote_text(object, "digest"));
    read_counts(&call->tasks, object);
}

static void read_calls(top_poll *poll, const cJSON *answer)
{
    const cJSON *list = remote_list(answer, "calls"), *item;
    size_t n = 0;
    poll->list = room_for(list, sizeof *poll->list, &poll->list_count);
    cJSON_ArrayForEach (item, list) {
        if (n < poll->list_count)
            read_call(&poll->list[n++], item);
    }
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Nobody has answered, be it that the time was over or that somebody woke us. */
static int is_silence(int rc)
{
    return rc == NAVE_ECONNECT || rc == NAVE_ECANCELED;
}

static int read_hello(remote *r, top_model *model)
{
    double now = seconds_now();
    cJSON *answer;
    int rc = ask(r, "{\"do\":\"hello\"}", &answer);
    if (model->heard == 0)
        model->heard = now;
    model->silent = is_silence(rc);
    if (model->silent)
        model->absent = seconds_now() - model->heard;
    if (rc != NAVE_OK)
        return rc;
    model->heard = now;
    top_text(model->job, sizeof model->job, remote_text(answer, "job"));
    top_text(model->host, sizeof model->host, remote_text(answer, "host"));
    model->absent = remote_number(answer, "absent");
    cJSON_Delete(answer);
    return NAVE_OK;
}

int top_read(remote *r, top_model *model, int *there)
{
    static const struct {
        const char *request;
        void (*read)(top_poll *poll, const cJSON *answer);
    } parts[] = {{"{\"do\":\"status\"}", read_status},
                 {"{\"do\":\"engines\"}", read_engines},
                 {"{\"do\":\"calls\"}", read_calls}};
    top_poll poll = {0};
    int rc = read_hello(r, model);
    *there = rc == NAVE_OK;
    if (rc != NAVE_OK || (model->away && model->absent > ABSENT))
        return rc;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && rc == NAVE_OK; i++) {
        cJSON *answer;
        rc = ask(r, parts[i].request, &answer);
        if (rc == NAVE_OK)
            parts[i].read(&poll, answer);
        cJSON_Delete(answer);
    }
    model->away = is_silence(rc);
    if (rc == NAVE_OK)
        top_model_take(model, &poll);
    top_poll_release(&poll);
    return rc;
}
