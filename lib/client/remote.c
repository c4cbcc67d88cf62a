/* remote - calls, values, and the job as a whole.  SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_SECONDS 5.0 /* that one request waits; then it is asked again */

enum { AHEAD_MOST = 4096 }; /* results that come along with one */

static cJSON *with_number(const char *verb, const char *name, double number)
{
    cJSON *request = nv_client_request(verb);
    cJSON_AddNumberToObject(request, name, number);
    return request;
}

static int simply(nave_client *client, const char *verb)
{
    return nv_client_do(client, nv_client_request(verb), NULL, 0, 0);
}

/* -------------------------------------------------------------------------------------- submitting */

static void add_policy(cJSON *request, const nave_client_policy *policy)
{
    cJSON_AddNumberToObject(request, "priority", policy->priority);
    cJSON_AddNumberToObject(request, "retries", policy->retries);
    cJSON_AddBoolToObject(request, "guard", policy->guard);
    cJSON_AddBoolToObject(request, "each", policy->each);
    cJSON_AddNumberToObject(request, "time_limit", policy->time_limit);
    cJSON_AddNumberToObject(request, "memory_limit", (double)policy->memory_limit);
    if (policy->engines != NULL)
        cJSON_AddItemToObject(request, "engines",
                              cJSON_CreateIntArray(policy->engines, (int)policy->engine_count));
}

int nave_client_submit(nave_client *client, const char *kernel, const void *in, size_t in_size,
                       size_t out_size, size_t n, const nave_client_policy *policy, uint64_t *call)
{
    cJSON *request = nv_client_request("submit");
    int rc;
    if (in == NULL && in_size > 0 && n > 0) {
        cJSON_Delete(request);
        return nv_why(client->why, NAVE_EINVAL, "the inputs are NULL");
    }
    if (in_size > 0 && n > NV_PIECE_MAX / in_size) {
        cJSON_Delete(request);
        return nv_why(
            client->why, NAVE_ESIZE,
            "%zu inputs of %zu bytes are more than the %d of one submission: submit them in "
            "parts, or push them as an object",
            n, in_size, NV_PIECE_MAX);
    }
    cJSON_AddStringToObject(request, "kernel", kernel);
    cJSON_AddNumberToObject(request, "count", (double)n);
    cJSON_AddNumberToObject(request, "in_size", (double)in_size);
    cJSON_AddNumberToObject(request, "out_size", (double)out_size);
    if (policy != NULL)
        add_policy(request, policy);
    rc = nv_client_do(client, request, in, in_size * n, 0);
    if (rc == NAVE_OK)
        *call = nv_client_number(client, "call");
    return rc;
}

/* How long the next request may wait; what is left of `seconds`. */
static double next_wait(double *seconds)
{
    double wait = *seconds < 0 || *seconds > WAIT_SECONDS ? WAIT_SECONDS : *seconds;
    if (*seconds >= 0)
        *seconds -= wait;
    return wait;
}

static int verdict(nave_client *client)
{
    const char *digest =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(client->answer, "digest"));
    digest = digest != NULL ? digest : "";
    if (nv_client_number(client, "failed") > 0)
        return nv_why(client->why, NAVE_ETASK, "%s", digest);
    if (nv_client_number(client, "cancelled") > 0)
        return nv_why(client->why, NAVE_ECANCELED, "%s", digest);
    return NAVE_OK;
}

int nave_client_wait(nave_client *client, uint64_t call, double seconds)
{
    for (;;) {
        double wait = next_wait(&seconds);
        cJSON *request = with_number("wait", "call", (double)call);
        const char *state;
        int rc;
        cJSON_AddNumberToObject(request, "seconds", wait);
        rc = nv_client_do(client, request, NULL, 0, wait);
        if (rc != NAVE_OK)
            return rc;
        state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(client->answer, "state"));
        if (state != NULL && strcmp(state, "complete") == 0)
            return verdict(client);
        if (seconds == 0)
            return nv_why(client->why, NAVE_ETIMEDOUT, "call %" PRIu64 " is not complete", call);
    }
}

/* ---------------------------------------------------------------------------------------- results */

static int ask_result(nave_client *client, uint64_t call, size_t index, size_t offset, double wait)
{
    cJSON *request = nv_client_request("result");
    char task[64];
    snprintf(task, sizeof task, "%" PRIu64 ".%zu", call, index);
    cJSON_AddStringToObject(request, "task", task);
    cJSON_AddNumberToObject(request, "seconds", wait);
    cJSON_AddNumberToObject(request, "offset", (double)offset);
    cJSON_AddNumberToObject(request, "more", offset == 0 ? (double)client->ahead.wish : 0);
    return nv_client_do(client, request, NULL, 0, wait);
}

/* Whoever asks for one after the other gets many at once, and more each time. */
static void look_ahead(nave_client *client, uint64_t call, size_t index)
{
    bool next = client->ahead.call == call && client->ahead.next == index;
    size_t wish = client->ahead.wish * 4 + 4;
    client->ahead.wish = !next ? 0 : wish < AHEAD_MOST ? wish : AHEAD_MOST;
    client->ahead.call = call;
    client->ahead.next = index + 1;
}

/* Where an object of this size would be aligned, as C wants it; NULL: out of memory. */
static const void *straighten(nave_client *client, const char *bytes, size_t size)
{
    size_t needed = size & (0 - size);
    if ((uintptr_t)bytes % (needed < 16 ? needed | (needed == 0) : 16) == 0)
        return bytes;
    free(client->ahead.copy);
    client->ahead.copy = malloc(size);
    return client->ahead.copy != NULL ? memcpy(client->ahead.copy, bytes, size) : NULL;
}

/* A result that has come along with the one before. */
static bool take_ahead(nave_client *client, uint64_t call, size_t index, const void **data,
                       size_t *size)
{
    cJSON *first = client->ahead.sizes != NULL ? client->ahead.sizes->child : NULL;
    if (first == NULL || client->ahead.call != call || client->ahead.next != index)
        return false;
    *size = (size_t)first->valuedouble;
    *data = straighten(client, (char *)client->data + client->ahead.at, *size);
    if (*data == NULL)
        return false; /* it is asked for */
    client->ahead.at += *size;
    client->ahead.next++;
    cJSON_Delete(cJSON_DetachItemViaPointer(client->ahead.sizes, first));
    return true;
}

/* Keeps the bytes of an answer, and the sizes of what has come along.  Only what is there counts. */
static void keep_answer(nave_client *client, size_t whole)
{
    cJSON *sizes = cJSON_DetachItemFromObjectCaseSensitive(client->answer, "more");
    size_t left = client->message.data_size - whole;
    const cJSON *size;
    cJSON_ArrayForEach (size, sizes) {
        if (!cJSON_IsNumber(size) || size->valuedouble < 0 || size->valuedouble > (double)left)
            break;
        left -= (size_t)size->valuedouble;
    }
    if (size != NULL) {
        cJSON_Delete(sizes);
        sizes = NULL;
    }
    nv_client_keep(client, client->message.data);
    client->message.data = NULL;
    client->ahead.sizes = sizes;
    client->ahead.at = whole;
}

/* What the last answer says of the task. */
static int judge(nave_client *client, uint64_t call, size_t index)
{
    const char *state =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(client->answer, "state"));
    const char *message =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(client->answer, "message"));
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(client->answer, "task_code");
    state = state != NULL ? state : "";
    if (strcmp(state, "succeeded") == 0)
        return NAVE_OK;
    if (strcmp(state, "failed") == 0)
        return nv_why(client->why, NAVE_ETASK, "task %" PRIu64 ".%zu failed: %s (code %d)", call,
                      index, message != NULL ? message : "",
                      cJSON_IsNumber(code) ? code->valueint : 0);
    if (strcmp(state, "cancelled") == 0)
        return nv_why(client->why, NAVE_ECANCELED, "task %" PRIu64 ".%zu was cancelled", call,
                      index);
    return nv_why(client->why, NAVE_ETIMEDOUT, "task %" PRIu64 ".%zu is %s", call, index, state);
}

/* A result of more than one piece is put together. */
static int gather(nave_client *client, uint64_t call, size_t index, size_t size)
{
    char *whole = malloc(size + 1);
    size_t at = 0;
    int rc = NAVE_OK;
    if (whole == NULL)
        return nv_why(client->why, NAVE_ENOMEM, "no memory for a result of %zu bytes", size);
    while (rc == NAVE_OK && at < size) {
        size_t some = client->message.data_size;
        if (some == 0 || some > size - at)
            rc = nv_why(client->why, NAVE_EPROTOCOL, "a result came in part only");
        if (rc != NAVE_OK)
            break;
        memcpy(whole + at, client->message.data, some);
        at += some;
        if (at < size)
            rc = ask_result(client, call, index, at, 0);
    }
    if (rc != NAVE_OK) {
        free(whole);
        return rc;
    }
    nv_client_keep(client, whole);
    return NAVE_OK;
}

static int give(const void *bytes, size_t whole, const void **data, size_t *size)
{
    if (data != NULL)
        *data = bytes;
    if (size != NULL)
        *size = whole;
    return NAVE_OK;
}

int nave_client_result(nave_client *client, uint64_t call, size_t index, double seconds,
                       const void **data, size_t *size)
{
    const void *bytes;
    size_t whole;
    int rc = NAVE_OK;
    if (take_ahead(client, call, index, &bytes, &whole))
        return give(bytes, whole, data, size);
    look_ahead(client, call, index);
    do {
        double wait = next_wait(&seconds);
        rc = ask_result(client, call, index, 0, wait);
        if (rc == NAVE_OK)
            rc = judge(client, call, index);
    } while (rc == NAVE_ETIMEDOUT && seconds != 0);
    if (rc != NAVE_OK)
        return rc;
    whole = (size_t)nv_client_number(client, "size");
    if (whole > client->message.data_size)
        rc = gather(client, call, index, whole);
    else
        keep_answer(client, whole);
    return rc == NAVE_OK ? give(client->data, whole, data, size) : rc;
}

int nave_client_cancel(nave_client *client, uint64_t call)
{
    return nv_client_do(client, with_number("cancel", "call", (double)call), NULL, 0, 0);
}

int nave_client_forget(nave_client *client, uint64_t call)
{
    return nv_client_do(client, with_number("forget", "call", (double)call), NULL, 0, 0);
}

/* --------------------------------------------------------------------------------------- steering */

int nave_client_set(nave_client *client, const char *name, const char *value)
{
    cJSON *request = nv_client_request("set");
    cJSON_AddStringToObject(request, "name", name);
    cJSON_AddStringToObject(request, "value", value);
    return nv_client_do(client, request, NULL, 0, 3600);
}

int nave_client_command(nave_client *client, const char *name, const char *text, int *code)
{
    cJSON *request = nv_client_request("command");
    const cJSON *result;
    int rc;
    cJSON_AddStringToObject(request, "name", name);
    cJSON_AddStringToObject(request, "text", text);
    rc = nv_client_do(client, request, NULL, 0, 3600);
    result = cJSON_GetObjectItemCaseSensitive(client->answer, "result");
    if (rc == NAVE_OK && code != NULL)
        *code = cJSON_IsNumber(result) ? result->valueint : 0;
    return rc;
}

int nave_client_pause(nave_client *client)
{
    return simply(client, "pause");
}

int nave_client_resume(nave_client *client)
{
    return simply(client, "resume");
}

int nave_client_stop(nave_client *client)
{
    return simply(client, "stop");
}

int nave_client_compile(nave_client *client, const char *file, const char *source,
                        const char **messages)
{
    cJSON *request = nv_client_request("compile");
    const char *failed, *text;
    int rc;
    cJSON_AddStringToObject(request, "file", file);
    client->known.asked = 0;
    rc = nv_client_do(client, request, source, strlen(source), 600);
    text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(client->answer, "messages"));
    failed = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(client->answer, "failed"));
    if (messages != NULL)
        *messages = text != NULL ? text : "";
    return failed != NULL ? nv_why(client->why, NAVE_ECOMPILE, "%s: %s", file, failed) : rc;
}
