#include "top_read.h"

#include <stdlib.h>
#include <string.h>

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

static void read_status(top_poll *poll, const cJSON *answer)
{
    const cJSON *list = remote_list(answer, "steer"), *item = list != NULL ? list->child : NULL;
    poll->time = remote_number(answer, "time");
    poll->clients = remote_number(answer, "clients");
    poll->calls = remote_number(answer, "calls");
    top_text(poll->state, sizeof poll->state, remote_text(answer, "state"));
    read_counts(&poll->tasks, cJSON_GetObjectItemCaseSensitive(answer, "tasks"));
    poll->values = room_for(list, sizeof *poll->values, &poll->value_count);
    for (size_t i = 0; i < poll->value_count; i++, item = item->next)
        read_value(&poll->values[i], item);
}

static int by_rank(const void *a, const void *b)
{
    int x = ((const top_engine *)a)->rank, y = ((const top_engine *)b)->rank;
    return (x > y) - (x < y);
}

static void read_engines(top_poll *poll, const cJSON *answer)
{
    const cJSON *list = remote_list(answer, "engines"), *item = list != NULL ? list->child : NULL;
    poll->engines = room_for(list, sizeof *poll->engines, &poll->engine_count);
    for (size_t i = 0; i < poll->engine_count; i++, item = item->next) {
        top_engine *e = &poll->engines[i];
        e->rank = (int)remote_number(item, "rank");
        top_text(e->host, sizeof e->host, remote_text(item, "host"));
        top_text(e->state, sizeof e->state, remote_text(item, "state"));
        e->tasks = remote_number(item, "tasks");
        e->done = remote_number(item, "done");
        e->seconds = remote_number(item, "seconds");
    }
    if (poll->engine_count > 0)
        qsort(poll->engines, poll->engine_count, sizeof *poll->engines, by_rank);
}

static void read_calls(top_poll *poll, const cJSON *answer)
{
    const cJSON *list = remote_list(answer, "calls"), *item = list != NULL ? list->child : NULL;
    poll->list = room_for(list, sizeof *poll->list, &poll->list_count);
    for (size_t i = 0; i < poll->list_count; i++, item = item->next) {
        top_call *call = &poll->list[i];
        call->number = remote_number(item, "call");
        call->open = strcmp(remote_text(item, "state"), "open") == 0;
        top_text(call->kernel, sizeof call->kernel, remote_text(item, "kernel"));
        top_text(call->from, sizeof call->from, remote_text(item, "from"));
        top_text(call->digest, sizeof call->digest, remote_text(item, "digest"));
        read_counts(&call->tasks, item);
    }
}

static int read_hello(remote *r, top_model *model)
{
    cJSON *answer;
    int rc = ask(r, "{\"do\":\"hello\"}", &answer);
    if (rc != NAVE_OK)
        return rc;
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
    model->away = rc == NAVE_ECONNECT;
    if (rc == NAVE_OK)
        top_model_take(model, &poll);
    top_poll_release(&poll);
    return rc;
}
