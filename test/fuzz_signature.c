/* Reads the first line of any bytes as a signature, and the rest as data, as words, one a line, and as
 * JSON.  What is accepted keeps the promises of signature.h and survives the way through JSON.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 8, WHY = 400, LARGE = 1 << 20 };

#define HOLDS(x) ((x) ? (void)0 : broken(#x, __LINE__))

static void broken(const char *what, int line)
{
    fprintf(stderr, "fuzz_signature.c:%d: %s\n", line, what);
    abort();
}

static void check_fields(const struct nv_fields *fields)
{
    size_t end = 0;
    HOLDS(fields->count <= NV_SIGNATURE_FIELDS_MAX && fields->size <= NV_SIGNATURE_BYTES_MAX);
    for (size_t i = 0; i < fields->count; i++) {
        const struct nv_field *field = &fields->list[i];
        HOLDS(field->name[0] != '\0' && strlen(field->name) <= NV_SIGNATURE_NAME_MAX);
        HOLDS(field->offset >= end && field->offset + field->count <= fields->size);
        HOLDS(field->open == (field->count == 0) && (field->array || field->count == 1));
        HOLDS(!field->open || (fields->open && i == fields->count - 1));
        for (size_t j = 0; j < i; j++)
            HOLDS(strcmp(fields->list[j].name, field->name) != 0);
        end = field->offset + field->count;
    }
    HOLDS(fields->open || fields->size % fields->align == 0);
    HOLDS(nv_signature_fits(fields, fields->size));
}

/* Reasons are one line that ends. */
static void check_reason(const char *why)
{
    HOLDS(memchr(why, '\0', WHY) != NULL && *why != '\0' && strpbrk(why, "\n\r") == NULL);
}

static char *printed(const struct nv_fields *fields, const void *data, size_t size)
{
    cJSON *json = nv_signature_json(fields, data, size);
    HOLDS(json != NULL);
    char *print = cJSON_PrintUnformatted(json);
    HOLDS(print != NULL);
    cJSON_Delete(json);
    return print;
}

/* What is not UTF-8 grows on the way and may find no room; else it is the same from then on. */
static void check_again(const struct nv_fields *fields, const char *print)
{
    char why[WHY] = "";
    void *data;
    size_t size;
    cJSON *json = cJSON_Parse(print);
    HOLDS(json != NULL);
    if (nv_signature_encode_json(fields, json, &data, &size, why, sizeof why) == 0) {
        char *again = printed(fields, data, size);
        HOLDS(strcmp(print, again) == 0);
        cJSON_free(again);
        free(data);
    } else {
        check_reason(why);
        HOLDS(strstr(why, "there is room for") != NULL);
    }
    cJSON_Delete(json);
}

static void check_data(const struct nv_fields *fields, const void *data, size_t size)
{
    char *text = nv_signature_text(fields, data, size);
    HOLDS((text != NULL) == nv_signature_fits(fields, size));
    if (text != NULL) {
        char *print = printed(fields, data, size);
        HOLDS(strpbrk(text, "\n\r\t\x1b") == NULL);
        check_again(fields, print);
        cJSON_free(print);
    }
    free(text);
}

static void check_encoded(const struct nv_fields *fields, int rc, void *data, size_t size,
                          const char *why)
{
    if (rc < 0) {
        check_reason(why);
        return;
    }
    HOLDS(nv_signature_fits(fields, size) && (data == NULL) == (size == 0));
    if (size <= LARGE)
        check_data(fields, data, size);
    free(data);
}

static void try_words(const struct nv_fields *fields, char *text)
{
    char *words[WORDS], why[WHY] = "";
    void *data = NULL;
    size_t n = 0, size = 0;
    for (char *at = text, *end; at != NULL && n < WORDS; at = end) {
        words[n++] = at;
        end = strchr(at, '\n');
        if (end != NULL)
            *end++ = '\0';
    }
    int rc = nv_signature_encode_words(fields, words, n, &data, &size, why, sizeof why);
    check_encoded(fields, rc, data, size, why);
}

static void try_json(const struct nv_fields *fields, const char *text)
{
    char why[WHY] = "";
    void *data = NULL;
    size_t size = 0;
    cJSON *json = cJSON_Parse(text);
    int rc = nv_signature_encode_json(fields, json, &data, &size, why, sizeof why);
    check_encoded(fields, rc, data, size, why);
    cJSON_Delete(json);
}

static void check(const struct nv_fields *fields, const char *rest, size_t size)
{
    check_fields(fields);
    if (fields->size > LARGE)
        return;
    char *copy = strdup(rest);
    check_data(fields, rest, size);
    try_json(fields, rest);
    if (copy != NULL)
        try_words(fields, copy);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), why[WHY] = "";
    struct nv_signature signature;
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    char *end = memchr(text, '\n', size), *rest = end != NULL ? end + 1 : text + size;
    if (end != NULL)
        *end = '\0';
    if (nv_signature_parse(text, &signature, why, sizeof why) == 0) {
        check(&signature.in, rest, (size_t)(text + size - rest));
        check(&signature.out, rest, (size_t)(text + size - rest));
        nv_signature_release(&signature);
    } else {
        check_reason(why);
    }
    free(text);
    return 0;
}
