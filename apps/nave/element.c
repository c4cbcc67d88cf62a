#include "element.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEM_MAX = 8, DOUBLE_DIGITS = 15, FLOAT_DIGITS = 7 };

/* What the element is: a whole number, or a real one, with so many digits at least. */
typedef struct element {
    int digits; /* 0: it is whole */
    int is_signed;
    uint64_t whole;
    double real;
} element;

/* Its bytes, in our order. */
static void take_bytes(const nave_client_array *array, int foreign, size_t i,
                       unsigned char out[ITEM_MAX])
{
    const unsigned char *from = (const unsigned char *)array->data + i * array->item;
    for (size_t b = 0; b < array->item && b < ITEM_MAX; b++)
        out[b] = from[foreign ? array->item - 1 - b : b];
}

static uint64_t whole_of(const unsigned char *at, size_t size)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (size) {
    case 2:
        return memcpy(&two, at, sizeof two), two;
    case 4:
        return memcpy(&four, at, sizeof four), four;
    case 8:
        return memcpy(&eight, at, sizeof eight), eight;
    default:
        return *at;
    }
}

/* The highest bit of a smaller one is its sign. */
static uint64_t extend(uint64_t whole, size_t size)
{
    uint64_t sign = size > 0 ? UINT64_C(1) << (8 * size - 1) % 64 : 0;
    return (whole ^ sign) - sign;
}

static element read_element(const nave_client_array *array, int foreign, size_t i)
{
    unsigned char at[ITEM_MAX] = {0};
    element e = {0};
    float f;
    take_bytes(array, foreign, i, at);
    if (strcmp(array->type, "double") == 0)
        e.digits = DOUBLE_DIGITS, memcpy(&e.real, at, sizeof e.real);
    else if (strcmp(array->type, "float") == 0)
        e.digits = FLOAT_DIGITS, memcpy(&f, at, sizeof f), e.real = (double)f;
    else
        e.whole = whole_of(at, array->item);
    e.is_signed = strncmp(array->type, "int", 3) == 0;
    if (e.is_signed && array->item > 0)
        e.whole = extend(e.whole, array->item);
    return e;
}

double element_real(const nave_client_array *array, int foreign, size_t i)
{
    element e = read_element(array, foreign, i);
    return e.digits > 0 ? e.real : e.is_signed ? (double)(int64_t)e.whole : (double)e.whole;
}

/* From 2^53 on JSON has texts. */
static int is_large(element e)
{
    uint64_t size = e.is_signed && (int64_t)e.whole < 0 ? 0 - e.whole : e.whole;
    return size >= UINT64_C(1) << 53;
}

/* The fewest digits that read back the same. */
static void print_real(double x, int digits)
{
    char text[40];
    for (int more = digits; more <= digits + 2; more++) {
        snprintf(text, sizeof text, "%.*g", more, x);
        if (digits == FLOAT_DIGITS ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x)
            break;
    }
    fputs(text, stdout);
}

void element_print(const nave_client_array *array, int foreign, int json, size_t i)
{
    element e = read_element(array, foreign, i);
    if (e.digits > 0 && !isfinite(e.real))
        printf(json ? "\"%s\"" : "%s", isnan(e.real) ? "nan" : e.real > 0 ? "inf" : "-inf");
    else if (e.digits > 0)
        print_real(e.real, e.digits);
    else if (e.is_signed)
        printf(json && is_large(e) ? "\"%" PRId64 "\"" : "%" PRId64, (int64_t)e.whole);
    else
        printf(json && is_large(e) ? "\"%" PRIu64 "\"" : "%" PRIu64, e.whole);
}
