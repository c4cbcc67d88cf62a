/* Names of kernels: which are good, and which are near. */
#include "kernel.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct nv_error error;

static int nothing(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    return 0;
}

/* A name of `size` bytes. */
static const char *name_of(size_t size)
{
    static char name[NV_NAME_MAX + 10];
    memset(name, 'k', sizeof name);
    name[size] = '\0';
    return name;
}

static void names_have_1_to_127_bytes(void **state)
{
    (void)state;
    assert_false(nv_name_ok(NULL));
    assert_false(nv_name_ok(""));
    assert_true(nv_name_ok("a"));
    assert_true(nv_name_ok("any byte but zero: \t\xc3\xa9"));
    assert_true(nv_name_ok(name_of(NV_NAME_MAX)));
    assert_false(nv_name_ok(name_of(NV_NAME_MAX + 1)));
}

static void assert_refused(const nave_kernel *table, size_t count, const char *why)
{
    assert_int_equal(nv_kernels_check(table, count, &error), NAVE_EINVAL);
    assert_string_equal(error.text, why);
}

static void tables_are_checked(void **state)
{
    const nave_kernel good[] = {NAVE_KERNEL(nothing), {"other", nothing, NAVE_ACCUMULATES, NULL}};
    const nave_kernel twice[] = {
        {"a", nothing, 0, NULL}, {"b", nothing, 0, NULL}, {"a", nothing, 0, NULL}};
    const nave_kernel taken[] = {{"nave.x", nothing, 0, NULL}};
    const nave_kernel close_to_taken[] = {{"nave", nothing, 0, NULL}, {"navex", nothing, 0, NULL}};
    const nave_kernel no_function[] = {{"a", NULL, 0, NULL}};
    const nave_kernel no_name[] = {{"a", nothing, 0, NULL}, {NULL, nothing, 0, NULL}};
    const nave_kernel long_name[] = {{name_of(NV_NAME_MAX + 1), nothing, 0, NULL}};
    (void)state;
    assert_int_equal(nv_kernels_check(NULL, 0, &error), NAVE_OK);
    assert_int_equal(nv_kernels_check(good, 2, &error), NAVE_OK);
    assert_int_equal(nv_kernels_check(close_to_taken, 2, &error), NAVE_OK);
    assert_refused(NULL, 3, "kernel_count is 3, but kernels is NULL");
    assert_refused(twice, 3, "two kernels are named 'a'");
    assert_refused(taken, 1, "kernel 'nave.x': names in 'nave.' are taken");
    assert_refused(no_function, 1, "kernel 'a' has no function");
    assert_refused(no_name, 2, "kernel 1 has no name, or one of over 127 bytes");
    assert_refused(long_name, 1, "kernel 0 has no name, or one of over 127 bytes");
}

/* The library's own kernels come first in every list. */
static const struct nv_kernels *kernels_named(const char *a, const char *b, const char *c)
{
    static char *names[NV_KERNEL_OWN + 3];
    static struct nv_kernels kernels = {.names = names};
    const char *all[] = {"nave.push",
                         "nave.pull",
                         "nave.drop",
                         "nave.share",
                         "nave.join",
                         "nave.unname",
                         "nave.piece",
                         "nave.lay",
                         "nave.plugin",
                         a,
                         b,
                         c};
    kernels.count = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all && all[i] != NULL; i++)
        names[kernels.count++] = (char *)(uintptr_t)all[i];
    return &kernels;
}

static void names_are_found(void **state)
{
    const struct nv_kernels *kernels = kernels_named("price", "prices", "count");
    (void)state;
    assert_int_equal(nv_kernels_find(kernels, "price"), NV_KERNEL_OWN);
    assert_int_equal(nv_kernels_find(kernels, "prices"), NV_KERNEL_OWN + 1);
    assert_int_equal(nv_kernels_find(kernels, "nave.pull"), NV_KERNEL_PULL);
    assert_int_equal(nv_kernels_find(kernels, "pric"), -1);
    assert_int_equal(nv_kernels_find(kernels, ""), -1);
}

static void near_names_are_told(void **state)
{
    const struct nv_kernels *kernels = kernels_named("price_asian", "price_european", "count");
    (void)state;
    assert_string_equal(nv_kernels_near(kernels, "price_asain"), "price_asian");
    assert_string_equal(nv_kernels_near(kernels, "priceasian"), "price_asian");
    assert_string_equal(nv_kernels_near(kernels, "Price_European"), "price_european");
    assert_string_equal(nv_kernels_near(kernels, "counts"), "count");
    assert_string_equal(nv_kernels_near(kernels, "cont"), "count");
    assert_string_equal(nv_kernels_near(kernels, "account"), "count");
    assert_string_equal(nv_kernels_near(kernels_named("abcd", "abcx", NULL), "abcxx"), "abcx");
}

static void far_names_are_not(void **state)
{
    const struct nv_kernels *kernels = kernels_named("price_asian", "count", NULL);
    (void)state;
    assert_null(nv_kernels_near(kernels, "simulate"));
    assert_null(nv_kernels_near(kernels, "x"));
    assert_null(nv_kernels_near(kernels, ""));
    assert_null(nv_kernels_near(kernels, NULL));
    assert_null(nv_kernels_near(kernels, "nave.pus")); /* not for others to call */
    assert_null(nv_kernels_near(kernels_named(NULL, NULL, NULL), "count"));
}

/* The longest names fit, and too long ones are near to none. */
static void long_names_are_compared(void **state)
{
    char longest[NV_NAME_MAX + 1];
    (void)state;
    strcpy(longest, name_of(NV_NAME_MAX));
    const struct nv_kernels *kernels = kernels_named("count", longest, NULL);
    assert_string_equal(nv_kernels_near(kernels, name_of(NV_NAME_MAX - 1)), longest);
    assert_null(nv_kernels_near(kernels, name_of(NV_NAME_MAX + 1)));
    assert_null(nv_kernels_near(kernels, "cnuot/no"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_1_to_127_bytes), cmocka_unit_test(tables_are_checked),
        cmocka_unit_test(names_are_found),           cmocka_unit_test(near_names_are_told),
        cmocka_unit_test(far_names_are_not),         cmocka_unit_test(long_names_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
