/* kernels - inputs and results of kernels that have a signature.  SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"
#include "clock.h"
#include "nearest.h"
#include "signature.h"

#include <stdlib.h>
#include <string.h>

#define FRESH_SECONDS                                                                              \
    1.0 /* that a signature is taken to be as it was: many tasks have the same kernel */

/* `list` is that of all kernels. */
static int unknown(nave_client *client, const char *kernel, const cJSON *list)
{
    struct nv_nearest near = nv_nearest_to(kernel);
    const cJSON *item;
    cJSON_ArrayForEach (item, list) {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
        if (name != NULL)
            nv_nearest_try(&near, name);
    }
    if (near.best != NULL)
        return nv_why(client->why, NAVE_EKERNEL, "the job has no kernel '%s'; did you mean '%s'?",
                      kernel, near.best);
    return nv_why(client->why, NAVE_EKERNEL, "the job has no kernel '%s' (nave kernels lists them)",
                  kernel);
}

/* Asks for the kernel's signature, and remembers it. */
static int ask_signature(nave_client *client, const char *kernel)
{
    const cJSON *list, *item, *found = NULL;
    const char *text;
    int rc = nv_client_do(client, nv_client_request("kernels"), NULL, 0, 0);
    if (rc != NAVE_OK)
        return rc;
    list = cJSON_GetObjectItemCaseSensitive(client->answer, "kernels");
    cJSON_ArrayForEach (item, list) {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
        if (name != NULL && strcmp(name, kernel) == 0)
            found = item;
    }
    if (found == NULL || strlen(kernel) >= sizeof client->known.name)
        return unknown(client, kernel, list);
    text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(found, "signature"));
    free(client->known.signature);
    client->known.signature = text != NULL ? strdup(text) : NULL;
    strcpy(client->known.name, kernel);
    client->known.asked = nv_clock();
    return NAVE_OK;
}

/* The kernel's signature; not `known`: it has none. */
static int find(nave_client *client, const char *kernel, struct nv_signature *signature,
                bool *known)
{
    bool fresh = client->known.asked > 0 && nv_clock() - client->known.asked < FRESH_SECONDS &&
                 strcmp(client->known.name, kernel) == 0;
    int rc = fresh ? NAVE_OK : ask_signature(client, kernel);
    if (rc != NAVE_OK)
        return rc;
    *known = client->known.signature != NULL;
    return *known ? nv_signature_parse(client->known.signature, signature, client->error,
                                       sizeof client->error)
                  : NAVE_OK;
}

/* Of a kernel without a signature: the only word. */
static int take_word(nave_client *client, const char *kernel, char *const *words, size_t n,
                     void **in, size_t *in_size)
{
    size_t size = n > 0 ? strlen(words[0]) : 0;
    char *copy;
    if (n > 1)
        return nv_why(client->why, NAVE_EINVAL,
                      "'%s' has no signature: its input is one text, not %zu words", kernel, n);
    copy = malloc(size + 1);
    if (copy == NULL)
        return nv_why(client->why, NAVE_ENOMEM, "no memory for an input");
    if (n > 0)
        memcpy(copy, words[0], size + 1);
    *in = copy;
    *in_size = size;
    return NAVE_OK;
}

int nave_client_encode(nave_client *client, const char *kernel, char *const *words, size_t n,
                       void **in, size_t *in_size, size_t *out_size)
{
    struct nv_signature signature = {0};
    bool known = false;
    int rc = find(client, kernel, &signature, &known);
    if (rc != NAVE_OK)
        return rc;
    *out_size = known && !signature.out.open ? signature.out.size : 0;
    if (!known)
        return take_word(client, kernel, words, n, in, in_size);
    rc = nv_signature_encode_words(&signature.in, words, n, in, in_size, client->error,
                                   sizeof client->error);
    nv_signature_release(&signature);
    return rc;
}

/* The result in words; NULL: out of memory. */
static char *render(const struct nv_fields *fields, const void *data, size_t size, bool json)
{
    cJSON *value;
    char *text;
    if (!json)
        return nv_signature_text(fields, data, size);
    value = nv_signature_json(fields, data, size);
    text = value != NULL ? cJSON_PrintUnformatted(value) : NULL;
    cJSON_Delete(value);
    return text;
}

int nave_client_show(nave_client *client, const char *kernel, const void *data, size_t size,
                     int json, char **out)
{
    struct nv_signature signature = {0};
    bool known = false;
    char *text;
    int rc = find(client, kernel, &signature, &known);
    if (rc != NAVE_OK)
        return rc;
    if (!known)
        return nv_why(client->why, NAVE_ESTATE, "'%s' has no signature", kernel);
    text =
        nv_signature_fits(&signature.out, size) ? render(&signature.out, data, size, json) : NULL;
    nv_signature_release(&signature);
    if (text == NULL)
        return nv_why(client->why, NAVE_ESTATE, "%zu bytes do not fit the signature of '%s'", size,
                      kernel);
    *out = text;
    return NAVE_OK;
}
