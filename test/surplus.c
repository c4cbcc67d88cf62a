/* surplus - who has spawned tasks waiting.  SPDX-License-Identifier: BSD-3-Clause */
#include "surplus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NUMBERS = 5 };

static struct nv_surplus surplus;

static int set_up(void **state)
{
    (void)state;
    return nv_surplus_init(&surplus, NUMBERS) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    nv_surplus_release(&surplus);
    return 0;
}

static void nobody_has_any(void **state)
{
    (void)state;
    assert_int_equal(surplus.rich, 0);
    assert_int_equal(nv_surplus_ask(&surplus), -1);
    assert_true(nv_surplus_sum(&surplus) == 0);
    assert_false(nv_surplus_any_asked(&surplus));
}

static void the_richest_is_asked_first(void **state)
{
    (void)state;
    nv_surplus_heard(&surplus, 1, 5);
    nv_surplus_heard(&surplus, 3, 9);
    nv_surplus_heard(&surplus, 4, 7);
    assert_int_equal(surplus.rich, 3);
    assert_true(nv_surplus_sum(&surplus) == 21);
    assert_int_equal(nv_surplus_ask(&surplus), 3);
    assert_int_equal(nv_surplus_ask(&surplus), 4);
    assert_int_equal(nv_surplus_ask(&surplus), 1);
    assert_int_equal(nv_surplus_ask(&surplus), -1);
    assert_true(nv_surplus_any_asked(&surplus));
}

static void nobody_is_asked_twice(void **state)
{
    (void)state;
    assert_false(nv_surplus_heard(&surplus, 2, 8));
    assert_int_equal(nv_surplus_ask(&surplus), 2);
    assert_int_equal(nv_surplus_ask(&surplus), -1);
    assert_true(nv_surplus_heard(&surplus, 2, 4));
    assert_false(nv_surplus_any_asked(&surplus));
    assert_int_equal(nv_surplus_ask(&surplus), 2);
}

/* Who has one is about to run it. */
static void the_last_one_stays(void **state)
{
    (void)state;
    nv_surplus_heard(&surplus, 0, 1);
    assert_int_equal(surplus.rich, 1);
    assert_int_equal(nv_surplus_ask(&surplus), -1);
}

static void the_rich_are_counted(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++)
        for (int n = 0; n < NUMBERS; n++)
            nv_surplus_heard(&surplus, n, 3);
    assert_int_equal(surplus.rich, NUMBERS);
    for (int n = 0; n < NUMBERS; n++)
        nv_surplus_heard(&surplus, n, 0);
    assert_int_equal(surplus.rich, 0);
    assert_true(nv_surplus_sum(&surplus) == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_has_any),     TEST(the_richest_is_asked_first), TEST(nobody_is_asked_twice),
        TEST(the_last_one_stays), TEST(the_rich_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
