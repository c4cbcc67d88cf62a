/* request - see request.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "request.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53: up to here a double holds every integer */

enum { NAME_MAX_BYTES = 127 };

static const struct {
    const char *name;
    bool changes;
} verbs[] = {
#define ROW(name, changes) {#name, changes},
    NV_VERBS(ROW)
#undef ROW
};

const char *nv_verb_name(enum nv_verb verb)
{
    return verbs[verb].name;
}

bool nv_verb_changes(enum nv_verb verb)
{
    return verbs[verb].changes;
}

bool nv_verb_takes_bytes(enum nv_verb verb)
{
    return verb == NV_ASKS_submit || verb == NV_ASKS_push || verb == NV_ASKS_compile;
}

static int read_verb(const cJSON *body, struct nv_request *request, struct nv_why why)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "do"));
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(body, "id");
    if (cJSON_IsNumber(id))
        request->id = id->valuedouble;
    for (int verb = 0; name != NULL && verb < NV_VERB_COUNT; verb++)
        if (strcmp(name, verbs[verb].name) == 0) {
            request->verb = (enum nv_verb)verb;
            return NAVE_OK;
        }
    if (name == NULL)
        return nv_why(why, NAVE_EPROTOCOL, "the request has no member \"do\"");
    return nv_why(why, NAVE_EPROTOCOL, "'%.40s' is no request", name);
}

int nv_request_read(const char *text, size_t size, struct nv_request *request, struct nv_why why)
{
    int rc;
    *request = (struct nv_request){.body = cJSON_ParseWithLength(text, size)};
    if (!cJSON_IsObject(request->body)) {
        nv_request_release(request);
        return nv_why(why, NAVE_EPROTOCOL, "the request is no JSON object");
    }
    rc = read_verb(request->body, request, why);
    if (rc != NAVE_OK)
        nv_request_release(request);
    return rc;
}

void nv_request_release(struct nv_request *request)
{
    cJSON_Delete(request->body);
    request->body = NULL;
}

static const cJSON *member(const struct nv_request *request, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(request->body, name);
    return cJSON_IsNull(item) ? NULL : item;
}

static int wrong(const char *name, const char *what, struct nv_why why)
{
    return nv_why(why, NAVE_EINVAL, "\"%s\" has to be %s", name, what);
}

int nv_request_natural(const struct nv_request *request, const char *name, uint64_t most,
                       uint64_t *value, struct nv_why why)
{
    const cJSON *item = member(request, name);
    double x = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (item == NULL)
        return NAVE_OK;
    if (!(x >= 0 && x <= EXACT_MAX && floor(x) == x && (uint64_t)x <= most))
        return nv_why(why, NAVE_EINVAL, "\"%s\" has to be a whole number up to %" PRIu64, name,
                      most);
    *value = (uint64_t)x;
    return NAVE_OK;
}

int nv_request_integer(const struct nv_request *request, const char *name, int *value,
                       struct nv_why why)
{
    const cJSON *item = member(request, name);
    double x = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    if (item == NULL)
        return NAVE_OK;
    if (!(x >= INT_MIN && x <= INT_MAX && floor(x) == x))
        return wrong(name, "a whole number", why);
    *value = (int)x;
    return NAVE_OK;
}

int nv_request_real(const struct nv_request *request, const char *name, double least, double *value,
                    struct nv_why why)
{
    const cJSON *item = member(request, name);
    if (item == NULL)
        return NAVE_OK;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= least && item->valuedouble < HUGE_VAL))
        return nv_why(why, NAVE_EINVAL, "\"%s\" has to be a number from %g on", name, least);
    *value = item->valuedouble;
    return NAVE_OK;
}

int nv_request_truth(const struct nv_request *request, const char *name, int *value,
                     struct nv_why why)
{
    const cJSON *item = member(request, name);
    if (item == NULL)
        return NAVE_OK;
    if (!cJSON_IsBool(item) && !cJSON_IsNumber(item))
        return wrong(name, "true or false", why);
    *value = cJSON_IsTrue(item) || (cJSON_IsNumber(item) && item->valuedouble != 0);
    return NAVE_OK;
}

int nv_request_text(const struct nv_request *request, const char *name, const char **value,
                    struct nv_why why)
{
    const cJSON *item = member(request, name);
    if (item == NULL)
        return NAVE_OK;
    if (!cJSON_IsString(item))
        return wrong(name, "a text", why);
    *value = item->valuestring;
    return NAVE_OK;
}

static bool is_name(const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return size > 0 && size <= NAME_MAX_BYTES;
}

int nv_request_name(const struct nv_request *request, const char *name, const char **value,
                    struct nv_why why)
{
    const char *text = NULL;
    int rc = nv_request_text(request, name, &text, why);
    if (rc != NAVE_OK)
        return rc;
    if (text == NULL || !is_name(text))
        return wrong(name, "a name of 1 to 127 bytes, without control characters", why);
    *value = text;
    return NAVE_OK;
}

int nv_request_ranks(const struct nv_request *request, const char *name, int **ranks, size_t *count,
                     struct nv_why why)
{
    const cJSON *list = member(request, name), *item;
    size_t n = 0;
    int *numbers;
    if (list == NULL)
        return NAVE_OK;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0)
        return wrong(name, "a list of ranks", why);
    numbers = malloc((size_t)cJSON_GetArraySize(list) * sizeof *numbers);
    if (numbers == NULL)
        return nv_why(why, NAVE_ENOMEM, "no memory for a list");
    cJSON_ArrayForEach (item, list) {
        double x = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (!(x >= 0 && x <= INT_MAX && floor(x) == x)) {
            free(numbers);
            return wrong(name, "a list of ranks", why);
        }
        numbers[n++] = (int)x;
    }
    *ranks = numbers;
    *count = n;
    return NAVE_OK;
}

/* Digits up to `end`, which is left after them.  False: none, or too many. */
static bool read_digits(const char **at, uint64_t *value)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    errno = 0;
    *value = strtoull(*at, &end, 10);
    *at = end;
    return errno == 0;
}

int nv_request_place(const struct nv_request *request, const char *name, uint64_t *call,
                     uint64_t *index, struct nv_why why)
{
    const char *text = NULL;
    uint64_t c, i = 0;
    int rc = nv_request_text(request, name, &text, why);
    if (rc != NAVE_OK || text == NULL)
        return rc;
    if (!read_digits(&text, &c) || (*text == '.' && (text++, !read_digits(&text, &i))) ||
        *text != '\0')
        return wrong(name, "CALL or CALL.INDEX, such as 3.17", why);
    *call = c;
    *index = i;
    return NAVE_OK;
}

int nv_request_task(const struct nv_request *request, uint64_t *call, uint64_t *index,
                    struct nv_why why)
{
    if (member(request, "task") == NULL)
        return wrong("task", "CALL or CALL.INDEX, such as 3.17", why);
    return nv_request_place(request, "task", call, index, why);
}
