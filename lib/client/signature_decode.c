/* signature_decode - words and JSON of data, see signature.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "signature_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With the sign in all 64 bits, if there is one. */
static uint64_t load_whole(const unsigned char *at, const struct nv_scalar_facts *scalar)
{
    uint8_t one;
    uint16_t two;
    uint32_t four;
    uint64_t bits;
    if (scalar->size == sizeof one)
        bits = (memcpy(&one, at, sizeof one), one);
    else if (scalar->size == sizeof two)
        bits = (memcpy(&two, at, sizeof two), two);
    else if (scalar->size == sizeof four)
        bits = (memcpy(&four, at, sizeof four), four);
    else
        memcpy(&bits, at, sizeof bits);
    uint64_t sign = UINT64_C(1) << (8 * scalar->size - 1);
    return scalar->holds == NV_HOLDS_SIGNED && (bits & sign) ? bits | ~(sign - 1) : bits;
}

/* Elements in data of this size, which fits; of fixed text the bytes before its first zero. */
static size_t elements(const struct nv_field *field, const unsigned char *data, size_t size)
{
    if (field->open)
        return (size - field->offset) / nv_signature_scalars[field->type].size;
    return field->text ? strnlen((const char *)data + field->offset, field->count) : field->count;
}

/* With the fewest digits that read back the same; returns the number, NaN and infinities included. */
static double real_text(const struct nv_field *field, const unsigned char *at,
                        char text[NV_NUMBER_ROOM])
{
    bool single = field->type == NV_SCALAR_FLOAT;
    float narrow = 0;
    double wide = 0;
    memcpy(single ? (void *)&narrow : (void *)&wide, at, nv_signature_scalars[field->type].size);
    if (single)
        wide = narrow;
    if (!isfinite(wide)) {
        strcpy(text, isnan(wide) ? "nan" : wide > 0 ? "inf" : "-inf");
        return wide;
    }
    for (int digits = single ? 6 : 15; digits <= (single ? 9 : 17); digits++) {
        snprintf(text, NV_NUMBER_ROOM, "%.*g", digits, wide);
        if (single ? strtof(text, NULL) == narrow : strtod(text, NULL) == wide)
            break;
    }
    return wide;
}

static void whole_text(const struct nv_field *field, const unsigned char *at,
                       char text[NV_NUMBER_ROOM])
{
    uint64_t bits = load_whole(at, &nv_signature_scalars[field->type]);
    int64_t number;
    memcpy(&number, &bits, sizeof number);
    if (nv_signature_scalars[field->type].holds == NV_HOLDS_SIGNED)
        snprintf(text, NV_NUMBER_ROOM, "%" PRId64, number);
    else
        snprintf(text, NV_NUMBER_ROOM, "%" PRIu64, bits);
}

/* C1 is the second row of control characters, U+0080 to U+009F. */
static bool is_c1(const unsigned char *text, size_t length)
{
    return length == 2 && text[0] == 0xc2 && text[1] < 0xa0;
}

/* --------------------------------------------------------------------------------- words from data */

static void write_text(FILE *out, const unsigned char *text, size_t n)
{
    size_t length;
    for (size_t i = 0; i < n; i += length) {
        length = nv_signature_utf8(text + i, n - i);
        bool plain = length > 0 && text[i] >= 0x20 && text[i] != 0x7f && !is_c1(text + i, length);
        if (length == 0)
            length = 1;
        if (plain)
            fwrite(text + i, 1, length, out);
        else if (text[i] == '\n' || text[i] == '\t')
            fputs(text[i] == '\n' ? "\\n" : "\\t", out);
        else
            for (size_t j = 0; j < length; j++)
                fprintf(out, "\\x%02x", text[i + j]);
    }
}

static void write_field(FILE *out, const struct nv_field *field, const unsigned char *data,
                        size_t size)
{
    const unsigned char *at = data + field->offset;
    size_t n = elements(field, data, size);
    char number[NV_NUMBER_ROOM];
    if (field->text) {
        write_text(out, at, n);
        return;
    }
    for (size_t i = 0; i < n; i++, at += nv_signature_scalars[field->type].size) {
        if (nv_signature_is_whole(field))
            whole_text(field, at, number);
        else
            real_text(field, at, number);
        if (i > 0)
            putc(',', out);
        fputs(number, out);
    }
}

/* Some address for data of no bytes, which may come without one. */
static const unsigned char *bytes_of(const void *data)
{
    return data != NULL ? data : "";
}

char *nv_signature_text(const struct nv_fields *fields, const void *data, size_t size)
{
    char *text = NULL;
    size_t length;
    FILE *out;
    if (!nv_signature_fits(fields, size) || (out = open_memstream(&text, &length)) == NULL)
        return NULL;
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->count > 1)
            fprintf(out, i > 0 ? " %s=" : "%s=", fields->list[i].name);
        write_field(out, &fields->list[i], bytes_of(data), size);
    }
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---------------------------------------------------------------------------------- JSON from data */

static cJSON *json_text(const unsigned char *text, size_t n)
{
    char *clean = malloc(3 * n + 1);
    size_t used = 0, length;
    if (clean == NULL)
        return NULL;
    for (size_t i = 0; i<n; i += length> 0 ? length : 1) {
        length = text[i] != '\0' ? nv_signature_utf8(text + i, n - i) : 0;
        memcpy(clean + used, length > 0 ? (const char *)text + i : "\xef\xbf\xbd",
               length > 0 ? length : 3);
        used += length > 0 ? length : 3;
    }
    clean[used] = '\0';
    cJSON *made = cJSON_CreateString(clean);
    free(clean);
    return made;
}

/* cJSON writes 15 digits and no -0, and takes what is off by one bit for equal: whatever that would
 * change is a raw item, which is written as its text. */
static cJSON *json_number(double number, const char *text)
{
    char short_text[NV_NUMBER_ROOM];
    snprintf(short_text, sizeof short_text, "%.15g", number);
    bool same = strtod(short_text, NULL) == number && !(number == 0 && signbit(number));
    cJSON *made = same ? cJSON_CreateNumber(number) : cJSON_CreateRaw(text);
    if (made != NULL)
        made->valuedouble = number;
    return made;
}

/* A float as the number that is written with the fewest digits, 0.1 and not 0.10000000149011612. */
static cJSON *json_real(const struct nv_field *field, const unsigned char *at)
{
    char text[NV_NUMBER_ROOM];
    double number = real_text(field, at, text);
    if (!isfinite(number))
        return cJSON_CreateString(text);
    double shorter = strtod(text, NULL);
    bool same = field->type == NV_SCALAR_FLOAT && (float)shorter == (float)number;
    return json_number(same ? shorter : number, text);
}

static cJSON *json_whole(const struct nv_field *field, const unsigned char *at)
{
    char text[NV_NUMBER_ROOM];
    uint64_t bits = load_whole(at, &nv_signature_scalars[field->type]);
    bool negative = nv_signature_scalars[field->type].holds == NV_HOLDS_SIGNED && bits >> 63 != 0;
    uint64_t magnitude = negative ? 0 - bits : bits;
    whole_text(field, at, text);
    if (magnitude > (uint64_t)NV_EXACT_MAX)
        return cJSON_CreateString(text);
    return json_number(negative ? -(double)magnitude : (double)magnitude, text);
}

static cJSON *json_element(const struct nv_field *field, const unsigned char *at)
{
    return nv_signature_is_whole(field) ? json_whole(field, at) : json_real(field, at);
}

static cJSON *json_field(const struct nv_field *field, const unsigned char *data, size_t size)
{
    const unsigned char *at = data + field->offset;
    size_t n = elements(field, data, size);
    if (field->text)
        return json_text(at, n);
    if (!field->array)
        return json_element(field, at);
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array != NULL && i < n; i++, at += nv_signature_scalars[field->type].size) {
        cJSON *item = json_element(field, at);
        if (!cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

cJSON *nv_signature_json(const struct nv_fields *fields, const void *data, size_t size)
{
    if (!nv_signature_fits(fields, size))
        return NULL;
    if (fields->count == 1)
        return json_field(fields->list, bytes_of(data), size);
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; object != NULL && i < fields->count; i++) {
        cJSON *item = json_field(&fields->list[i], bytes_of(data), size);
        if (!cJSON_AddItemToObject(object, fields->list[i].name, item)) {
            cJSON_Delete(item);
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}
