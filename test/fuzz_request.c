/* Reads any bytes as a request, and takes every member out of what is one, in every way. */
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(x) ((x) ? (void)0 : broken(#x, __LINE__))

static void broken(const char *what, int line)
{
    fprintf(stderr, "fuzz_request.c:%d: %s\n", line, what);
    abort();
}

static void take_out(const struct nv_request *request, const char *name, struct nv_why why)
{
    uint64_t n = 7;
    int i = 7, *ranks = NULL;
    double x = 7;
    size_t count = 0;
    const char *text = NULL;
    HOLDS(nv_request_natural(request, name, 100, &n, why) != NAVE_OK || n <= 100);
    nv_request_integer(request, name, &i, why);
    HOLDS(nv_request_real(request, name, 0, &x, why) != NAVE_OK || x >= 0);
    nv_request_truth(request, name, &i, why);
    nv_request_text(request, name, &text, why);
    text = NULL;
    HOLDS(nv_request_name(request, name, &text, why) != NAVE_OK ||
          (text != NULL && strlen(text) >= 1 && strlen(text) <= 127));
    if (nv_request_ranks(request, name, &ranks, &count, why) == NAVE_OK)
        for (size_t k = 0; k < count; k++)
            HOLDS(ranks[k] >= 0);
    free(ranks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[128],
        *copy = malloc(size + 1); /* of its own, so that reads beyond its end are seen */
    struct nv_why why = {text, sizeof text};
    struct nv_request request;
    uint64_t call, index;
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    if (nv_request_read(copy, size, &request, why) == NAVE_OK) {
        HOLDS(request.verb < NV_VERB_COUNT && cJSON_IsObject(request.body));
        for (const cJSON *item = request.body->child; item != NULL; item = item->next)
            if (item->string != NULL)
                take_out(&request, item->string, why);
        nv_request_task(&request, &call, &index, why);
        nv_request_release(&request);
    }
    HOLDS(request.body == NULL);
    free(copy);
    return 0;
}
