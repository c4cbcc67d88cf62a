#include "element.h"

#include <stdio.h>
#include <string.h>

/* What the element is: a whole number, or a real one of so many digits. */
typedef struct element {
    int digits; /* 0: it is whole */
    int64_t whole;
    double real;
} element;

static element read_element(const nave_client_array *array, size_t i)
{
    const char *at = (const char *)array->data + i * array->item;
    element e = {0};
    float f;
    int32_t n;
    if (strcmp(array->type, "double") == 0)
        e.digits = 15, memcpy(&e.real, at, sizeof e.real);
    else if (strcmp(array->type, "float") == 0)
        e.digits = 7, memcpy(&f, at, sizeof f), e.real = (double)f;
    else if (strcmp(array->type, "int64") == 0)
        memcpy(&e.whole, at, sizeof e.whole);
    else if (strcmp(array->type, "int32") == 0)
        memcpy(&n, at, sizeof n), e.whole = n;
    else
        e.whole = *(const unsigned char *)at;
    return e;
}

double element_real(const nave_client_array *array, size_t i)
{
    element e = read_element(array, i);
    return e.digits > 0 ? e.real : (double)e.whole;
}

void element_print(const nave_client_array *array, size_t i)
{
    element e = read_element(array, i);
    if (e.digits > 0)
        printf("%.*g", e.digits, e.real);
    else
        printf("%lld", (long long)e.whole);
}
