/* signature_encode - data of words and of JSON, see signature.h.  SPDX-License-Identifier: BSD-3-Clause
 *
 * Design notes.  Words and JSON differ only in how the values are found (bind_words(), bind_json()) and in
 * how a single number is read; both then go through encode(), which measures before it makes room.
 */
#include "signature_parts.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------------------- single numbers */

static void store_whole(unsigned char *at, size_t size, uint64_t bits)
{
    const uint8_t one = (uint8_t)bits;
    const uint16_t two = (uint16_t)bits;
    const uint32_t four = (uint32_t)bits;
    const void *from = size == 1   ? (const void *)&one
                       : size == 2 ? (const void *)&two
                       : size == 4 ? (const void *)&four
                                   : (const void *)&bits;
    memcpy(at, from, size);
}

/* Stores a whole number if the type can hold it. */
static bool put_whole(const struct nv_field *field, unsigned char *at, bool negative,
                      uint64_t magnitude)
{
    const struct nv_scalar_facts *scalar = &nv_signature_scalars[field->type];
    uint64_t half = UINT64_C(1) << (8 * scalar->size - 1);
    uint64_t most = scalar->holds == NV_HOLDS_SIGNED ? half - 1 : half + (half - 1);
    uint64_t least = scalar->holds == NV_HOLDS_SIGNED ? half : 0;
    if (magnitude > (negative ? least : most))
        return false;
    store_whole(at, scalar->size, negative ? 0 - magnitude : magnitude);
    return true;
}

/* -1: not one. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum reading { GOOD, NO_NUMBER, OUT_OF_RANGE };

static enum reading read_whole(const char *text, uint64_t *magnitude, bool *negative)
{
    enum reading reading = GOOD;
    unsigned base = 10;
    *magnitude = 0;
    *negative = *text == '-';
    text += *text == '-' || *text == '+';
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    if (*text == '\0')
        return NO_NUMBER;
    for (; *text != '\0'; text++) {
        int digit = digit_value(*text);
        if (digit < 0 || (unsigned)digit >= base)
            return NO_NUMBER;
        if (*magnitude > (UINT64_MAX - (unsigned)digit) / base)
            reading = OUT_OF_RANGE;
        *magnitude = *magnitude * base + (unsigned)digit;
    }
    return reading;
}

/* The digits in front of the 'e', without the point; behind that `fraction` of them.  -1: they are none, -2: too
 * many. */
static int read_mantissa(const char **at, uint64_t *digits, int *fraction)
{
    bool any = false, point = false;
    *digits = 0;
    *fraction = 0;
    for (; (**at >= '0' && **at <= '9') || (**at == '.' && !point); (*at)++) {
        unsigned digit = (unsigned)(**at - '0');
        point = point || **at == '.';
        if (**at == '.')
            continue;
        if (*digits > (UINT64_MAX - digit) / 10)
            return -2;
        *digits = *digits * 10 + digit;
        *fraction += point;
        any = true;
    }
    return any ? 0 : -1;
}

/* A whole number with an exponent, such as 1e6 or 2.5e3: exact, unlike a double. */
static enum reading read_scaled(const char *text, uint64_t *magnitude, bool *negative)
{
    int fraction, found;
    long shift;
    char *end;
    *negative = *text == '-';
    text += *text == '-' || *text == '+';
    found = read_mantissa(&text, magnitude, &fraction);
    if (found == -1 || (*text != 'e' && *text != 'E' && found == 0))
        return NO_NUMBER;
    if (found == -2)
        return OUT_OF_RANGE;
    shift = strtol(text + 1, &end, 10);
    if (end == text + 1 || *end != '\0' || strchr("+-0123456789", text[1]) == NULL)
        return NO_NUMBER;
    if (*magnitude == 0)
        return GOOD;
    for (shift = shift > 1000 ? 1000 : shift - fraction; shift > 0; shift--) {
        if (*magnitude > UINT64_MAX / 10)
            return OUT_OF_RANGE;
        *magnitude *= 10;
    }
    for (; shift < 0; shift++) {
        if (*magnitude % 10 != 0)
            return NO_NUMBER;
        *magnitude /= 10;
    }
    return GOOD;
}

/* What is too small is 0, or as near to it as there is a number; what is too large is refused. */
static enum reading put_real_text(const struct nv_field *field, unsigned char *at, const char *text)
{
    bool single = field->type == NV_SCALAR_FLOAT;
    char *end;
    if (*text == '\0' || strchr(" \t\n\v\f\r", *text) != NULL)
        return NO_NUMBER;
    errno = 0;
    float narrow = single ? strtof(text, &end) : 0;
    double wide = single ? (double)narrow : strtod(text, &end);
    if (*end != '\0')
        return NO_NUMBER;
    if (errno == ERANGE && isinf(wide))
        return OUT_OF_RANGE;
    if (single)
        memcpy(at, &narrow, sizeof narrow);
    else
        memcpy(at, &wide, sizeof wide);
    return GOOD;
}

/* Of the first `length` bytes of text. */
static int put_number_text(const struct nv_field *field, unsigned char *at, const char *text,
                           size_t length, const struct nv_complaint *to)
{
    char number[NV_NUMBER_ROOM] = "";
    enum reading reading = NO_NUMBER;
    uint64_t magnitude;
    bool negative;
    if (length < sizeof number) {
        memcpy(number, text, length);
        if (!nv_signature_is_whole(field))
            reading = put_real_text(field, at, number);
        else if ((reading = read_whole(number, &magnitude, &negative)) == GOOD ||
                 (reading == NO_NUMBER &&
                  (reading = read_scaled(number, &magnitude, &negative)) == GOOD))
            reading = put_whole(field, at, negative, magnitude) ? GOOD : OUT_OF_RANGE;
    }
    if (reading == GOOD)
        return NAVE_OK;
    return nv_complain(to,
                       reading == OUT_OF_RANGE ? "%s: '%.*s' is out of the range of %s"
                                               : "%s: '%.*s' is not a number of type %s",
                       field->name, length < 40 ? (int)length : 40, text,
                       nv_signature_scalars[field->type].name);
}

/* From here on a double is rounded to an infinite float. */
static const double float_end = 0x1.ffffffp127;

static int put_number(const struct nv_field *field, unsigned char *at, double number,
                      const struct nv_complaint *to)
{
    const char *type = nv_signature_scalars[field->type].name;
    float narrow;
    if (nv_signature_is_whole(field)) {
        if (number != floor(number)) /* NaN too */
            return nv_complain(to, "%s: %.17g is not a whole number", field->name, number);
        if (fabs(number) > (double)NV_EXACT_MAX)
            return nv_complain(to, "%s: %.17g is 2^53 or more and must be a string", field->name,
                               number);
        if (!put_whole(field, at, number < 0, (uint64_t)fabs(number)))
            return nv_complain(to, "%s: %.17g is out of the range of %s", field->name, number,
                               type);
        return NAVE_OK;
    }
    if (!isfinite(number) || (field->type == NV_SCALAR_FLOAT && fabs(number) >= float_end))
        return nv_complain(to, "%s: %.17g is out of the range of %s", field->name, number, type);
    narrow = (float)number;
    if (field->type == NV_SCALAR_FLOAT)
        memcpy(at, &narrow, sizeof narrow);
    else
        memcpy(at, &number, sizeof number);
    return NAVE_OK;
}

/* ------------------------------------------------------------------------------------- making data */

/* What a field is to hold: one of the two. */
struct value {
    const char *word;
    const cJSON *json;
};

static size_t commas(const char *word)
{
    size_t n = 0;
    for (; *word != '\0'; word++)
        n += *word == ',';
    return n;
}

/* The word, or the JSON's string; NULL, it is none. */
static const char *text_of(const struct value *value)
{
    assert(value->word != NULL || value->json != NULL);
    return value->json == NULL ? value->word : cJSON_GetStringValue(value->json);
}

/* How many elements the value has, bytes of text counting as such; NAVE_EINVAL, it is of the wrong kind. */
static int count_elements(const struct nv_field *field, const struct value *value, size_t *n,
                          const struct nv_complaint *to)
{
    const char *text = text_of(value);
    *n = 1;
    if (field->text && text == NULL)
        return nv_complain(to, "%s: not a string", field->name);
    if (field->array && !field->text && value->json != NULL && !cJSON_IsArray(value->json))
        return nv_complain(to, "%s: not an array", field->name);
    if (field->text)
        *n = strlen(text);
    else if (field->array && value->json != NULL)
        *n = (size_t)cJSON_GetArraySize(value->json);
    else if (field->array)
        *n = *text == '\0' ? 0 : commas(text) + 1;
    return NAVE_OK;
}

static int refuse_elements(const struct nv_field *field, const struct value *value, size_t n,
                           const struct nv_complaint *to)
{
    const char *plural = n == 1 ? "" : "s", *are = field->count == 1 ? "is" : "are";
    if (value->json != NULL)
        return nv_complain(to, "%s: %zu element%s, %zu %s needed", field->name, n, plural,
                           field->count, are);
    return nv_complain(to, "%s: '%.40s' has %zu element%s, %zu %s needed", field->name, value->word,
                       n, plural, field->count, are);
}

/* How many elements the field will have: those it must have, unless it is open. */
static int check_elements(const struct nv_field *field, const struct value *value, size_t *n,
                          const struct nv_complaint *to)
{
    int rc = count_elements(field, value, n, to);
    if (rc < 0 || field->open)
        return rc;
    if (field->text && *n > field->count)
        return nv_complain(to, "%s: '%.40s' has %zu bytes, there is room for %zu", field->name,
                           text_of(value), *n, field->count);
    if (!field->text && *n != field->count)
        return refuse_elements(field, value, *n, to);
    return NAVE_OK;
}

static int put_words(const struct nv_field *field, unsigned char *at, const char *word, size_t n,
                     const struct nv_complaint *to)
{
    size_t size = nv_signature_scalars[field->type].size;
    for (size_t i = 0; i < n; i++) {
        size_t length = field->array ? strcspn(word, ",") : strlen(word);
        int rc = put_number_text(field, at + i * size, word, length, to);
        if (rc < 0)
            return rc;
        word += length + 1;
    }
    return NAVE_OK;
}

static int put_json(const struct nv_field *field, unsigned char *at, const cJSON *item, size_t n,
                    const struct nv_complaint *to)
{
    size_t size = nv_signature_scalars[field->type].size;
    for (size_t i = 0; i < n; i++, item = item->next) {
        const char *string = cJSON_IsRaw(item) ? item->valuestring : cJSON_GetStringValue(item);
        int rc;
        if (string != NULL)
            rc = put_number_text(field, at + i * size, string, strlen(string), to);
        else if (cJSON_IsNumber(item))
            rc = put_number(field, at + i * size, item->valuedouble, to);
        else
            rc = nv_complain(to, "%s: not a number", field->name);
        if (rc < 0)
            return rc;
    }
    return NAVE_OK;
}

/* `at` has room for the n > 0 elements of the value. */
static int put_value(const struct nv_field *field, unsigned char *at, const struct value *value,
                     size_t n, const struct nv_complaint *to)
{
    const char *text = text_of(value);
    if (field->text) {
        memcpy(at, text, n);
        return NAVE_OK;
    }
    if (value->json == NULL)
        return put_words(field, at, text, n, to);
    return put_json(field, at, field->array ? value->json->child : value->json, n, to);
}

/* Bytes that the values take. */
static int measure(const struct nv_fields *fields, const struct value *values, size_t *size,
                   const struct nv_complaint *to)
{
    *size = fields->size;
    for (size_t i = 0; i < fields->count; i++) {
        const struct nv_field *field = &fields->list[i];
        size_t n = 0, each = nv_signature_scalars[field->type].size;
        int rc = check_elements(field, &values[i], &n, to);
        if (rc < 0)
            return rc;
        if (field->open && n > (NV_SIGNATURE_BYTES_MAX - *size) / each)
            return nv_complain_size(to, field->name);
        if (field->open)
            *size += n * each;
    }
    return NAVE_OK;
}

static int fill(const struct nv_fields *fields, const struct value *values, unsigned char *data,
                const struct nv_complaint *to)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct nv_field *field = &fields->list[i];
        size_t n = 0;
        int rc = check_elements(field, &values[i], &n, to);
        if (rc == NAVE_OK && n > 0)
            rc = put_value(field, data + field->offset, &values[i], n, to);
        if (rc < 0)
            return rc;
    }
    return NAVE_OK;
}

/* values: one for each field. */
static int encode(const struct nv_fields *fields, const struct value *values, void **data,
                  size_t *size, const struct nv_complaint *to)
{
    unsigned char *made = NULL;
    size_t bytes;
    int rc = measure(fields, values, &bytes, to);
    if (rc < 0)
        return rc;
    if (bytes > 0 && (made = calloc(1, bytes)) == NULL)
        return nv_complain_memory(to);
    if (made != NULL && (rc = fill(fields, values, made, to)) < 0) {
        free(made);
        return rc;
    }
    *data = made;
    *size = bytes;
    return NAVE_OK;
}

/* Says how many values are needed, and of which names. */
static int refuse_count(const struct nv_fields *fields, size_t n, const char *what,
                        const struct nv_complaint *to)
{
    char names[256] = "none";
    size_t used = 0;
    for (size_t i = 0; i < fields->count && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, i > 0 ? ", %s" : "%s",
                                 fields->list[i].name);
    return nv_complain(to, "%zu %s%s, %zu %s needed: %s", n, what, n == 1 ? "" : "s", fields->count,
                       fields->count == 1 ? "is" : "are", names);
}

static int check_all_there(const struct nv_fields *fields, const struct value *values,
                           const struct nv_complaint *to)
{
    for (size_t i = 0; i < fields->count; i++)
        if (values[i].word == NULL && values[i].json == NULL)
            return nv_complain(to, "%s: no value is given", fields->list[i].name);
    return NAVE_OK;
}

/* At least one, so that NULL is out of memory only. */
static struct value *new_values(const struct nv_fields *fields)
{
    return calloc(fields->count + 1, sizeof(struct value));
}

/* ------------------------------------------------------------------------------------ out of words */

/* The field that the word names; NULL: none. */
static const struct nv_field *named(const struct nv_fields *fields, const char *word)
{
    size_t length = nv_signature_name(word);
    return word[length] == '=' ? nv_signature_find(fields, word, length) : NULL;
}

static bool any_named(const struct nv_fields *fields, char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (named(fields, words[i]) != NULL)
            return true;
    return false;
}

static int bind_named_words(const struct nv_fields *fields, char *const *words, size_t n,
                            struct value *values, const struct nv_complaint *to)
{
    for (size_t i = 0; i < n; i++) {
        const struct nv_field *field = named(fields, words[i]);
        size_t length = nv_signature_name(words[i]);
        if (field == NULL && length > 0 && words[i][length] == '=')
            return nv_complain(to, "no member is called as in '%.60s'", words[i]);
        if (field == NULL)
            return nv_complain(to, "'%.40s': either all words are NAME=VALUE or none is", words[i]);
        if (values[field - fields->list].word != NULL)
            return nv_complain(to, "%s: given again as '%.40s'", field->name, words[i]);
        values[field - fields->list].word = words[i] + length + 1;
    }
    return check_all_there(fields, values, to);
}

static int bind_words(const struct nv_fields *fields, char *const *words, size_t n,
                      struct value *values, const struct nv_complaint *to)
{
    if (any_named(fields, words, n))
        return bind_named_words(fields, words, n, values, to);
    if (n != fields->count)
        return refuse_count(fields, n, "word", to);
    for (size_t i = 0; i < n; i++)
        values[i].word = words[i];
    return NAVE_OK;
}

int nv_signature_encode_words(const struct nv_fields *fields, char *const *words, size_t n,
                              void **data, size_t *size, char *why, size_t room)
{
    const struct nv_complaint to = {why, room};
    struct value *values = new_values(fields);
    if (values == NULL)
        return nv_complain_memory(&to);
    int rc = bind_words(fields, words, n, values, &to);
    if (rc == NAVE_OK)
        rc = encode(fields, values, data, size, &to);
    free(values);
    return rc;
}

/* ------------------------------------------------------------------------------------- out of JSON */

static int bind_object(const struct nv_fields *fields, const cJSON *object, struct value *values,
                       const struct nv_complaint *to)
{
    for (const cJSON *item = object->child; item != NULL; item = item->next) {
        const char *name = item->string != NULL ? item->string : "";
        const struct nv_field *field = nv_signature_find(fields, name, strlen(name));
        if (field == NULL)
            return nv_complain(to, "no member is called '%.40s'", name);
        if (values[field - fields->list].json != NULL)
            return nv_complain(to, "%s: given twice", field->name);
        values[field - fields->list].json = item;
    }
    return check_all_there(fields, values, to);
}

static int bind_array(const struct nv_fields *fields, const cJSON *array, struct value *values,
                      const struct nv_complaint *to)
{
    const cJSON *item = array->child;
    size_t n = (size_t)cJSON_GetArraySize(array);
    if (n != fields->count)
        return refuse_count(fields, n, "value", to);
    for (size_t i = 0; i < n; i++, item = item->next)
        values[i].json = item;
    return NAVE_OK;
}

/* Of a single field: whether this is the value itself.  An array is so for an array of numbers, unless
 * there is another array in it. */
static bool is_bare(const struct nv_fields *fields, const cJSON *value)
{
    if (fields->count != 1 || cJSON_IsObject(value))
        return false;
    if (!cJSON_IsArray(value))
        return true;
    return fields->list->array && !fields->list->text && !cJSON_IsArray(value->child);
}

static int bind_json(const struct nv_fields *fields, const cJSON *value, struct value *values,
                     const struct nv_complaint *to)
{
    if (fields->count == 0 && (value == NULL || cJSON_IsNull(value)))
        return NAVE_OK;
    if (value == NULL)
        return nv_complain(to, "no value is given");
    if (is_bare(fields, value)) {
        values->json = value;
        return NAVE_OK;
    }
    if (cJSON_IsObject(value))
        return bind_object(fields, value, values, to);
    if (cJSON_IsArray(value))
        return bind_array(fields, value, values, to);
    return nv_complain(to, "neither an object nor an array");
}

int nv_signature_encode_json(const struct nv_fields *fields, const cJSON *value, void **data,
                             size_t *size, char *why, size_t room)
{
    const struct nv_complaint to = {why, room};
    struct value *values = new_values(fields);
    if (values == NULL)
        return nv_complain_memory(&to);
    int rc = bind_json(fields, value, values, &to);
    if (rc == NAVE_OK)
        rc = encode(fields, values, data, size, &to);
    free(values);
    return rc;
}
