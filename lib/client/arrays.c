/* arrays - objects and published arrays, in pieces or as a whole.  SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"
#include "types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 4 << 20, DIMS = 4, TRIES = 3 };

/* A piece of something, from `offset` on; `take` gets it. */
struct course {
    nave_client *client;
    nave_client_piece *take;
    void *arg;
    nave_client_array array;
    size_t start[DIMS], count[DIMS]; /* of the block */
};

static int hand_over(struct course *course, size_t offset)
{
    nave_client *client = course->client;
    void *data = client->message.data;
    size_t size = client->message.data_size;
    int rc;
    client->message.data = NULL; /* `take` may ask again */
    rc =
        course->take(course->arg, &course->array, course->start, course->count, offset, data, size);
    free(data);
    return rc < 0 ? nv_why(client->why, rc, "it was ended by the caller") : NAVE_OK;
}

/* ----------------------------------------------------------------------------------------- objects */

static cJSON *named(const char *verb, const char *name)
{
    cJSON *request = nv_client_request(verb);
    cJSON_AddStringToObject(request, "name", name);
    return request;
}

static int ask_piece(nave_client *client, const char *name, int engine, size_t offset)
{
    cJSON *request = named("pull", name);
    cJSON_AddNumberToObject(request, "engine", engine);
    cJSON_AddNumberToObject(request, "offset", (double)offset);
    cJSON_AddNumberToObject(request, "limit", PIECE);
    return nv_client_do(client, request, NULL, 0, 600);
}

int nave_client_object_each(nave_client *client, const char *name, int engine,
                            nave_client_piece *take, void *arg)
{
    struct course course = {.client = client, .take = take, .arg = arg};
    size_t at = 0, size;
    uint64_t version;
    int rc = ask_piece(client, name, engine, 0);
    if (rc != NAVE_OK)
        return rc;
    size = (size_t)nv_client_number(client, "size");
    version = nv_client_number(client, "version");
    course.array =
        (nave_client_array){.type = "uint8", .item = 1, .dims = 1, .shape = {size}, .size = size};
    course.count[0] = size;
    for (;;) {
        size_t some = client->message.data_size;
        rc = some <= size - at
                 ? hand_over(&course, at)
                 : nv_why(client->why, NAVE_EPROTOCOL, "an object came with more than its size");
        at += some;
        if (rc != NAVE_OK || at >= size)
            return rc;
        rc = some > 0 ? ask_piece(client, name, engine, at)
                      : nv_why(client->why, NAVE_EPROTOCOL, "an object came in part only");
        if (rc == NAVE_OK && nv_client_number(client, "version") != version)
            rc = nv_why(client->why, NAVE_EOBJECT, "'%s' was made anew while it was fetched", name);
        if (rc != NAVE_OK)
            return rc;
    }
}

/* A whole that pieces are put into. */
struct whole {
    char *data;
    size_t size, done;
    bool full; /* out of memory */
};

static int put_bytes(void *arg, const nave_client_array *array, const size_t *start,
                     const size_t *count, size_t offset, const void *data, size_t size)
{
    struct whole *whole = arg;
    (void)start, (void)count;
    if (whole->data == NULL) {
        whole->size = array->size;
        whole->data = malloc(array->size + 1);
    }
    if (whole->data == NULL)
        return NAVE_ENOMEM;
    if (offset > whole->size || size > whole->size - offset)
        return NAVE_EPROTOCOL;
    if (size > 0)
        memcpy(whole->data + offset, data, size);
    return NAVE_OK;
}

int nave_client_pull(nave_client *client, const char *name, int engine, const void **data,
                     size_t *size)
{
    struct whole whole = {0};
    int rc = nave_client_object_each(client, name, engine, put_bytes, &whole);
    if (rc != NAVE_OK) {
        free(whole.data);
        return rc;
    }
    nv_client_keep(client, whole.data);
    if (data != NULL)
        *data = client->data;
    if (size != NULL)
        *size = whole.size;
    return NAVE_OK;
}

static int push_piece(nave_client *client, const char *name, const char *data, size_t size,
                      size_t offset, size_t some, uint64_t upload, const int *engines, size_t count)
{
    cJSON *request = named("push", name);
    cJSON_AddNumberToObject(request, "offset", (double)offset);
    cJSON_AddNumberToObject(request, "size", (double)size);
    cJSON_AddNumberToObject(request, "upload", (double)upload);
    if (engines != NULL)
        cJSON_AddItemToObject(request, "engines", cJSON_CreateIntArray(engines, (int)count));
    return nv_client_do(client, request, data + offset, some, 600);
}

int nave_client_push(nave_client *client, const char *name, const void *data, size_t size,
                     const int *engines, size_t engine_count)
{
    uint64_t upload = 0;
    size_t at = 0;
    int rc;
    if (data == NULL && size > 0)
        return nv_why(client->why, NAVE_EINVAL, "the object is NULL");
    do {
        size_t some = size - at < PIECE ? size - at : PIECE;
        rc = push_piece(client, name, data, size, at, some, upload, engines, engine_count);
        upload = nv_client_number(client, "upload");
        at += some;
    } while (rc == NAVE_OK && at < size);
    return rc;
}

int nave_client_drop(nave_client *client, const char *name)
{
    return nv_client_do(client, named("drop", name), NULL, 0, 0);
}

/* The ranks of all engines, in order. */
static int list_engines(nave_client *client, int **out, size_t *count)
{
    const cJSON *list, *item;
    int *ranks;
    int rc = nv_client_do(client, nv_client_request("engines"), NULL, 0, 0);
    if (rc != NAVE_OK)
        return rc;
    list = cJSON_GetObjectItemCaseSensitive(client->answer, "engines");
    ranks = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *ranks);
    if (ranks == NULL)
        return nv_why(client->why, NAVE_ENOMEM, "no memory for a list");
    *count = 0;
    cJSON_ArrayForEach (item, list) {
        const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "state"));
        const cJSON *rank = cJSON_GetObjectItemCaseSensitive(item, "rank");
        if (cJSON_IsNumber(rank) && state != NULL && strcmp(state, "lost") != 0)
            ranks[(*count)++] = rank->valueint;
    }
    *out = ranks;
    return NAVE_OK;
}

int nave_client_scatter(nave_client *client, const char *name, const void *base, size_t n,
                        size_t size)
{
    int *ranks = NULL;
    size_t m = 0;
    int rc = base != NULL || n == 0 || size == 0
                 ? list_engines(client, &ranks, &m)
                 : nv_why(client->why, NAVE_EINVAL, "the array is NULL");
    for (size_t j = 0; rc == NAVE_OK && j < m; j++) {
        size_t from = n / m * j + n % m * j / m, to = n / m * (j + 1) + n % m * (j + 1) / m;
        rc = nave_client_push(client, name, (const char *)base + from * size, (to - from) * size,
                              &ranks[j], 1);
    }
    free(ranks);
    return rc;
}

int nave_client_gather(nave_client *client, const char *name, const void **data, size_t *size)
{
    struct whole all = {0};
    int *ranks = NULL;
    size_t m = 0;
    int rc = list_engines(client, &ranks, &m);
    if (rc != NAVE_OK)
        return rc;
    for (size_t j = 0; rc == NAVE_OK && j < m; j++) {
        const void *part;
        size_t part_size;
        char *grown;
        rc = nave_client_pull(client, name, ranks[j], &part, &part_size);
        if (rc != NAVE_OK)
            break;
        grown = realloc(all.data, all.size + part_size + 1);
        if (grown == NULL) {
            rc = nv_why(client->why, NAVE_ENOMEM, "no memory for '%s'", name);
            break;
        }
        all.data = grown;
        memcpy(all.data + all.size, part, part_size);
        all.size += part_size;
    }
    free(ranks);
    if (rc != NAVE_OK) {
        free(all.data);
        return rc;
    }
    nv_client_keep(client, all.data);
    if (data != NULL)
        *data = client->data;
    if (size != NULL)
        *size = all.size;
    return NAVE_OK;
}

/* ------------------------------------------------------------------------------------------ arrays */

static int read_list(const cJSON *object, const char *name, size_t *out)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, name), *item;
    int n = 0;
    cJSON_ArrayForEach (item, list) {
        double x = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (n < DIMS && x >= 0 && x < NV_EXACT)
            out[n++] = (size_t)x;
    }
    return n;
}

/* What the snapshot is of. */
static int read_array(nave_client *client, nave_client_array *array)
{
    const char *type =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(client->answer, "type"));
    enum nave_type known = type != NULL ? nv_type_of(type) : (enum nave_type)0;
    *array = (nave_client_array){.step = nv_client_number(client, "step")};
    array->dims = read_list(client->answer, "shape", array->shape);
    if (known != 0) {
        array->type = nv_type_name(known);
        array->item = nv_type_size(known);
    }
    array->size = array->item;
    for (int d = 0; d < array->dims; d++) {
        if (array->shape[d] > 0 && array->size > SIZE_MAX / 2 / array->shape[d])
            return nv_why(client->why, NAVE_ESIZE, "the array is larger than memory");
        array->size *= array->shape[d];
    }
    return array->type != NULL ? NAVE_OK
                               : nv_why(client->why, NAVE_EPROTOCOL, "an array of an unknown type");
}

/* One rank's block. */
static int fetch_block(struct course *course, double snapshot, const cJSON *part)
{
    nave_client *client = course->client;
    const cJSON *rank = cJSON_GetObjectItemCaseSensitive(part, "rank");
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(part, "size");
    double size = cJSON_IsNumber(item) && item->valuedouble < NV_EXACT ? item->valuedouble : 0;
    size_t at = 0;
    int rc = NAVE_OK;
    memset(course->start, 0, sizeof course->start);
    memset(course->count, 0, sizeof course->count);
    read_list(part, "start", course->start);
    read_list(part, "count", course->count);
    while (rc == NAVE_OK && (double)at < size) {
        cJSON *request = nv_client_request("piece");
        size_t some;
        cJSON_AddNumberToObject(request, "snapshot", snapshot);
        cJSON_AddNumberToObject(request, "rank", cJSON_IsNumber(rank) ? rank->valueint : 0);
        cJSON_AddNumberToObject(request, "offset", (double)at);
        cJSON_AddNumberToObject(request, "limit", PIECE);
        rc = nv_client_do(client, request, NULL, 0, 600);
        some = client->message.data_size;
        if (rc == NAVE_OK && some == 0)
            rc = nv_why(client->why, NAVE_EPROTOCOL, "an array came in part only");
        if (rc == NAVE_OK)
            rc = hand_over(course, at);
        at += some;
    }
    return rc;
}

static void release(nave_client *client, double snapshot)
{
    cJSON *request = nv_client_request("release");
    char error[sizeof client->error];
    cJSON_AddNumberToObject(request, "snapshot", snapshot);
    memcpy(error, client->error, sizeof error);
    nv_client_do(client, request, NULL, 0, 0);
    memcpy(client->error, error, sizeof error);
}

int nave_client_array_each(nave_client *client, const char *name, nave_client_piece *take,
                           void *arg)
{
    struct course course = {.client = client, .take = take, .arg = arg};
    cJSON *parts;
    const cJSON *part;
    double snapshot;
    int rc = nv_client_do(client, named("snapshot", name), NULL, 0, 600);
    if (rc != NAVE_OK)
        return rc;
    snapshot = (double)nv_client_number(client, "snapshot");
    rc = read_array(client, &course.array);
    parts = cJSON_DetachItemFromObjectCaseSensitive(client->answer, "parts");
    if (rc == NAVE_OK)
        rc = take(arg, &course.array, course.start, course.count, 0, NULL, 0);
    cJSON_ArrayForEach (part, parts) {
        if (rc == NAVE_OK)
            rc = fetch_block(&course, snapshot, part);
    }
    cJSON_Delete(parts);
    release(client, snapshot);
    return rc;
}

static bool is_within(const nave_client_array *array, const size_t *start, const size_t *count)
{
    for (int d = 0; d < array->dims; d++)
        if (count[d] == 0 || start[d] > array->shape[d] || count[d] > array->shape[d] - start[d])
            return false;
    return array->dims > 0 && array->item > 0;
}

size_t nave_client_place(const nave_client_array *array, const size_t *start, const size_t *count,
                         size_t offset, size_t *run)
{
    size_t element, within, place = 0, stride = 1;
    int last = array->dims - 1;
    *run = 0;
    if (!is_within(array, start, count))
        return 0;
    element = offset / array->item;
    within = offset % array->item;
    *run = (count[last] - element % count[last]) * array->item - within;
    for (int d = last; d >= 0; d--) {
        place += (start[d] + element % count[d]) * stride;
        stride *= array->shape[d];
        element /= count[d];
    }
    if (element > 0) /* beyond the block */
        *run = 0;
    return place * array->item + within;
}

static int put_block(void *arg, const nave_client_array *array, const size_t *start,
                     const size_t *count, size_t offset, const void *data, size_t size)
{
    struct whole *whole = arg;
    const char *from = data;
    if (whole->data == NULL) {
        whole->size = array->size;
        whole->data = calloc(1, array->size + 1);
    }
    if (whole->data == NULL)
        return NAVE_ENOMEM;
    while (size > 0) {
        size_t run, place = nave_client_place(array, start, count, offset, &run);
        run = run < size ? run : size;
        if (run == 0 || place > whole->size || run > whole->size - place)
            return NAVE_EPROTOCOL;
        memcpy(whole->data + place, from, run);
        from += run;
        offset += run;
        size -= run;
    }
    return NAVE_OK;
}

/* The array that goes with the whole. */
struct assembled {
    struct whole whole;
    nave_client_array array;
};

static int put_array(void *arg, const nave_client_array *array, const size_t *start,
                     const size_t *count, size_t offset, const void *data, size_t size)
{
    struct assembled *assembled = arg;
    assembled->array = *array;
    return put_block(&assembled->whole, array, start, count, offset, data, size);
}

int nave_client_array_pull(nave_client *client, const char *name, nave_client_array *array)
{
    struct assembled assembled = {0};
    int rc = nave_client_array_each(client, name, put_array, &assembled);
    if (rc != NAVE_OK) {
        free(assembled.whole.data);
        return rc;
    }
    nv_client_keep(client, assembled.whole.data);
    *array = assembled.array;
    array->data = client->data;
    return NAVE_OK;
}
