/* steer - see steer.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "steer.h"
#include "clock.h"
#include "error_mpi.h"
#include "kernel.h"
#include "poll.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAR_SECONDS 10e-3 /* between looks whether ranks have left */

double nv_order_seconds = 60;

/* ------------------------------------------------------------------------------------ open, close */

int nv_steer_open(nave *ctx, bool open)
{
    struct nv_steer *steer = ctx->steer = calloc(1, sizeof *steer);
    int rc;
    if (steer == NULL)
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for steering");
    steer->ctx = ctx;
    steer->mpi = MPI_COMM_NULL;
    steer->part_request = MPI_REQUEST_NULL;
    steer->due = 1;
    steer->orders_end = &steer->orders;
    if (!open)
        return NAVE_OK;
    rc = nv_error_mpi(&ctx->error, MPI_Comm_dup(ctx->mpi, &steer->mpi),
                      "duplicating the communicator");
    steer->open = rc == NAVE_OK;
    return rc == NAVE_OK ? nv_leave_open(steer) : rc;
}

static void order_free(struct nv_order *order)
{
    free(order->name);
    free(order->text);
    free(order->parts);
    free(order);
}

static void named_free(struct nv_named *named)
{
    while (named != NULL) {
        struct nv_named *next = named->next;
        free(named);
        named = next;
    }
}

/* What MPI may still write to, after a rank was lost, stays. */
void nv_steer_close(nave *ctx)
{
    struct nv_steer *steer = ctx->steer;
    bool ended;
    if (steer == NULL)
        return;
    ended = nv_poll_end(steer);
    while (steer->orders != NULL) {
        struct nv_order *order = steer->orders;
        steer->orders = order->next;
        order_free(order);
    }
    named_free(steer->values);
    named_free(steer->arrays);
    named_free(steer->commands);
    nv_snapshots_release(&steer->snapshots);
    if (steer->mpi != MPI_COMM_NULL && !ctx->broken)
        MPI_Comm_free(&steer->mpi);
    ctx->steer = NULL;
    if (!ended)
        return;
    free(steer->text);
    free(steer->sends);
    free(steer);
}

const struct nv_snapshots *nv_steer_snapshots(const struct nv_steer *steer)
{
    return steer != NULL ? &steer->snapshots : NULL;
}

/* ----------------------------------------------------------------------------------- declarations */

struct nv_named *nv_named_find(struct nv_named *list, const char *name)
{
    while (list != NULL && strcmp(list->name, name) != 0)
        list = list->next;
    return list;
}

/* The entry of that name, made at the end of the list if need be; they stay in order of declaration. */
static int declare(nave *ctx, struct nv_named **list, const char *name, struct nv_named **out)
{
    if (ctx->steer == NULL)
        return nv_error_set(&ctx->error, NAVE_ESTATE, "the context is not open");
    if (!nv_name_ok(name))
        return nv_error_set(&ctx->error, NAVE_EINVAL, "a name is empty, or over 127 bytes");
    while (*list != NULL && strcmp((*list)->name, name) != 0)
        list = &(*list)->next;
    if (*list == NULL) {
        *list = calloc(1, sizeof **list + strlen(name) + 1);
        if (*list == NULL)
            return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for '%s'", name);
        strcpy((*list)->name, name);
    }
    *out = *list;
    return NAVE_OK;
}

static int declare_value(nave *ctx, const char *name, enum nv_steer_type type, void *value,
                         struct nv_named **out)
{
    int rc;
    if (value == NULL)
        return nv_error_set(&ctx->error, NAVE_EINVAL, "the value of '%s' is NULL", name);
    rc = declare(ctx, &ctx->steer->values, name, out);
    if (rc != NAVE_OK)
        return rc;
    (*out)->type = type;
    (*out)->value = value;
    return NAVE_OK;
}

int nave_steer_double(nave *ctx, const char *name, double *value, double min, double max)
{
    struct nv_named *named = NULL;
    int rc = min <= max && (value == NULL || (*value >= min && *value <= max))
                 ? NAVE_OK
                 : nv_error_set(&ctx->error, NAVE_EINVAL, "'%s' is %g, and may be %g to %g", name,
                                value != NULL ? *value : 0, min, max);
    if (rc == NAVE_OK)
        rc = declare_value(ctx, name, NV_STEER_DOUBLE, value, &named);
    if (rc != NAVE_OK || named == NULL)
        return rc;
    named->min = min;
    named->max = max;
    return NAVE_OK;
}

int nave_steer_int64(nave *ctx, const char *name, int64_t *value, int64_t min, int64_t max)
{
    struct nv_named *named = NULL;
    int rc =
        min <= max && (value == NULL || (*value >= min && *value <= max))
            ? NAVE_OK
            : nv_error_set(&ctx->error, NAVE_EINVAL, "'%s' is %lld, and may be %lld to %lld", name,
                           value != NULL ? (long long)*value : 0, (long long)min, (long long)max);
    if (rc == NAVE_OK)
        rc = declare_value(ctx, name, NV_STEER_INT64, value, &named);
    if (rc != NAVE_OK || named == NULL)
        return rc;
    named->least = min;
    named->most = max;
    return NAVE_OK;
}

int nave_steer_flag(nave *ctx, const char *name, int *value)
{
    struct nv_named *named;
    return declare_value(ctx, name, NV_STEER_FLAG, value, &named);
}

int nave_steer_text(nave *ctx, const char *name, char *value, size_t size)
{
    struct nv_named *named = NULL;
    int rc = size > 0 ? declare_value(ctx, name, NV_STEER_TEXT, value, &named)
                      : nv_error_set(&ctx->error, NAVE_EINVAL, "'%s': no room for a text", name);
    if (rc == NAVE_OK && named != NULL)
        named->size = size;
    return rc;
}

int nave_publish(nave *ctx, const char *name, const nave_array *array)
{
    struct nv_named *named;
    size_t size;
    int rc;
    if (array != NULL && !nv_array_ok(array, &size))
        return nv_error_set(
            &ctx->error, NAVE_EINVAL,
            "'%s': an unknown type, more than %d dimensions, no data, or a block that is "
            "not within the array or its room",
            name, NAVE_DIMS);
    rc = declare(ctx, &ctx->steer->arrays, name, &named);
    if (rc != NAVE_OK)
        return rc;
    named->published = array != NULL;
    if (array != NULL)
        named->array = *array;
    return NAVE_OK;
}

int nave_command(nave *ctx, const char *name, nave_command_fn *run, void *arg)
{
    struct nv_named *named = NULL;
    int rc = run != NULL ? declare(ctx, &ctx->steer->commands, name, &named)
                         : nv_error_set(&ctx->error, NAVE_EINVAL, "the command '%s' is NULL", name);
    if (rc != NAVE_OK || named == NULL)
        return rc;
    named->run = run;
    named->arg = arg;
    return NAVE_OK;
}

/* ----------------------------------------------------------------------------------------- values */

static int out_of_range(const char *text, struct nv_why why, const char *format, double low,
                        double high)
{
    char range[80];
    snprintf(range, sizeof range, format, low, high);
    return nv_why(why, NAVE_EINVAL, "'%.80s' is not %s", text, range);
}

static int set_double(const struct nv_named *named, const char *text, bool apply, struct nv_why why)
{
    char *end;
    double x = strtod(text, &end);
    if (end == text || *end != '\0' || !(x >= named->min && x <= named->max))
        return out_of_range(text, why, "a number from %g to %g", named->min, named->max);
    if (apply)
        *(double *)named->value = x;
    return NAVE_OK;
}

static int set_int64(const struct nv_named *named, const char *text, bool apply, struct nv_why why)
{
    char *end;
    long long x;
    errno = 0;
    x = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || x < named->least || x > named->most)
        return nv_why(why, NAVE_EINVAL, "'%.80s' is not a whole number from %lld to %lld", text,
                      (long long)named->least, (long long)named->most);
    if (apply)
        *(int64_t *)named->value = x;
    return NAVE_OK;
}

static int set_flag(const struct nv_named *named, const char *text, bool apply, struct nv_why why)
{
    static const char *const words[] = {"0", "1", "off", "on", "false", "true", "no", "yes"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0) {
            if (apply)
                *(int *)named->value = i % 2 == 1;
            return NAVE_OK;
        }
    return nv_why(why, NAVE_EINVAL, "'%.80s' is neither on nor off", text);
}

static int set_text(const struct nv_named *named, const char *text, bool apply, struct nv_why why)
{
    if (strlen(text) >= named->size)
        return nv_why(why, NAVE_ESIZE, "the text has %zu bytes, there is room for %zu",
                      strlen(text), named->size - 1);
    if (apply)
        strcpy(named->value, text);
    return NAVE_OK;
}

int nv_named_set(const struct nv_named *named, const char *text, bool apply, struct nv_why why)
{
    static int (*const set[])(const struct nv_named *, const char *, bool,
                              struct nv_why) = {[NV_STEER_DOUBLE] = set_double,
                                                [NV_STEER_INT64] = set_int64,
                                                [NV_STEER_FLAG] = set_flag,
                                                [NV_STEER_TEXT] = set_text};
    return set[named->type](named, text, apply, why);
}

/* ------------------------------------------------------------------------------------- describing */

/* Exact where JSON's readers may only know doubles. */
static void add_int64(cJSON *object, const char *name, int64_t x)
{
    char text[32];
    if (x > -(INT64_C(1) << 53) && x < INT64_C(1) << 53) {
        cJSON_AddNumberToObject(object, name, (double)x);
        return;
    }
    snprintf(text, sizeof text, "%lld", (long long)x);
    cJSON_AddStringToObject(object, name, text);
}

static void add_double(cJSON *object, const char *name, double x)
{
    if (isfinite(x))
        cJSON_AddNumberToObject(object, name, x);
    else
        cJSON_AddStringToObject(object, name, isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

static cJSON *describe_value(const struct nv_named *named)
{
    static const char *const types[] = {"double", "int64", "flag", "text"};
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", named->name);
    cJSON_AddStringToObject(object, "type", types[named->type]);
    switch (named->type) {
    case NV_STEER_DOUBLE:
        add_double(object, "value", *(const double *)named->value);
        add_double(object, "min", named->min);
        add_double(object, "max", named->max);
        break;
    case NV_STEER_INT64:
        add_int64(object, "value", *(const int64_t *)named->value);
        add_int64(object, "min", named->least);
        add_int64(object, "max", named->most);
        break;
    case NV_STEER_FLAG:
        cJSON_AddBoolToObject(object, "value", *(const int *)named->value != 0);
        break;
    case NV_STEER_TEXT:
        cJSON_AddStringToObject(object, "value", named->value);
        break;
    }
    return object;
}

void nv_steer_describe(const struct nv_steer *steer, cJSON *object)
{
    cJSON *values = cJSON_AddArrayToObject(object, "steer");
    cJSON *arrays = cJSON_AddArrayToObject(object, "published");
    cJSON *commands = cJSON_AddArrayToObject(object, "commands");
    cJSON_AddNumberToObject(object, "polls", (double)steer->polls);
    for (const struct nv_named *v = steer->values; v != NULL; v = v->next)
        cJSON_AddItemToArray(values, describe_value(v));
    for (const struct nv_named *a = steer->arrays; a != NULL; a = a->next)
        if (a->published)
            cJSON_AddItemToArray(arrays, cJSON_CreateString(a->name));
    for (const struct nv_named *c = steer->commands; c != NULL; c = c->next)
        cJSON_AddItemToArray(commands, cJSON_CreateString(c->name));
}

/* ----------------------------------------------------------------------------------------- orders */

/* Rank 0 has only a part of an array that others have the rest of. */
static bool is_part(const struct nv_steer *steer, const struct nv_named *named)
{
    const nave_array *array = &named->array;
    for (int d = 0; d < array->dims; d++)
        if (array->count[d] != array->shape[d])
            return steer->ctx->size > 1;
    return false;
}

static bool needs_poll(const struct nv_steer *steer, enum nv_order_kind kind, const char *name)
{
    const struct nv_named *named = nv_named_find(steer->arrays, name);
    return steer->polls > 0 ||
           (kind == NV_ORDER_SNAPSHOT && named != NULL && is_part(steer, named));
}

static int check_name(const struct nv_steer *steer, enum nv_order_kind kind, const char *name,
                      const char *text, struct nv_why why)
{
    const struct nv_named *named;
    if (kind == NV_ORDER_SET) {
        named = nv_named_find(steer->values, name);
        return named == NULL
                   ? nv_why(why, NAVE_EOBJECT, "there is no value '%s' that could be set", name)
                   : nv_named_set(named, text, false, why);
    }
    if (kind == NV_ORDER_COMMAND && nv_named_find(steer->commands, name) == NULL)
        return nv_why(why, NAVE_EOBJECT, "there is no command '%s'", name);
    if (kind == NV_ORDER_COMMAND && steer->polls == 0)
        return nv_why(why, NAVE_ESTATE, "the program does not poll, so it takes no commands");
    if (kind != NV_ORDER_SNAPSHOT)
        return NAVE_OK;
    named = nv_named_find(steer->arrays, name);
    if (named == NULL || !named->published)
        return nv_why(why, NAVE_EOBJECT, "nothing is published as '%s'", name);
    return NAVE_OK;
}

int nv_steer_check(struct nv_steer *steer, enum nv_order_kind kind, const char *name,
                   const char *text, struct nv_why why)
{
    int rc = check_name(steer, kind, name, text, why);
    if (rc != NAVE_OK || !needs_poll(steer, kind, name))
        return rc;
    nv_leave_hear(steer);
    return nv_poll_over(steer) ? nv_why(why, NAVE_ESTATE, "the program does not poll any more")
                               : NAVE_OK;
}

static void list_order(struct nv_steer *steer, struct nv_order *order)
{
    order->listed = true;
    *steer->orders_end = order;
    steer->orders_end = &order->next;
}

struct nv_order *nv_steer_order(struct nv_steer *steer, enum nv_order_kind kind, const char *name,
                                const char *text, uint64_t snapshot)
{
    struct nv_order *order = calloc(1, sizeof *order);
    if (order == NULL)
        return NULL;
    order->kind = kind;
    order->name = strdup(name);
    order->text = strdup(text);
    order->snapshot = snapshot;
    order->since = nv_clock();
    order->parts = calloc((size_t)steer->ctx->size, sizeof *order->parts);
    if (order->name == NULL || order->text == NULL || order->parts == NULL) {
        order_free(order);
        return NULL;
    }
    if (needs_poll(steer, kind, name))
        list_order(steer, order);
    else
        nv_poll_alone(steer, order);
    return order;
}

void nv_order_unwanted(struct nv_order *order)
{
    if (order == NULL)
        return;
    order->unwanted = true;
    if (!order->listed)
        order_free(order);
}

/* -------------------------------------------------------------------------- orders nobody takes up */

/* What all ranks have been told of stays in the list: they carry it out if they poll again. */
static void give_up(struct nv_steer *steer, struct nv_order *order, int code)
{
    struct nv_order **link = &steer->orders;
    size_t before = 0;
    for (; *link != order; link = &(*link)->next)
        before++;
    order->done = true;
    order->rc = code;
    if (before < steer->told)
        return;
    *link = order->next;
    if (order->next == NULL)
        steer->orders_end = link;
    order->next = NULL;
    order->listed = false;
}

/* Whether there is an end of polling that was not known yet; not at each look. */
static bool is_over(struct nv_steer *steer, double now)
{
    if (now >= steer->hear_next) {
        steer->hear_next = now + HEAR_SECONDS;
        nv_leave_hear(steer);
    }
    return nv_poll_over(steer);
}

int nv_steer_look(struct nv_steer *steer, struct nv_order *order, struct nv_why why)
{
    double now = nv_clock();
    if (order->done)
        return NAVE_OK;
    if (is_over(steer, now)) {
        give_up(steer, order, NAVE_ESTATE);
        return nv_why(why, NAVE_ESTATE, "the program does not poll any more");
    }
    if (steer->seen_polls != steer->polls) {
        steer->seen_polls = steer->polls;
        steer->seen = now;
    }
    if (now - fmax(order->since, steer->seen) < nv_order_seconds)
        return 1;
    give_up(steer, order, NAVE_ETIMEDOUT);
    return nv_why(why, NAVE_ETIMEDOUT, "the program has not polled for %.0f s%s", nv_order_seconds,
                  order->listed ? "; this is done when it does" : "");
}
