/* kept: what is put can be got until it is dropped.  SPDX-License-Identifier: BSD-3-Clause */
#include "kept.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void nothing_is_kept_at_first(void **state)
{
    struct nv_kept kept = {0};
    size_t size = 7;
    (void)state;
    assert_null(nv_kept_get(&kept, 3, &size));
    nv_kept_drop(&kept, 3);
    assert_int_equal(size, 7);
    nv_kept_release(&kept);
}

static void inputs_are_copied(void **state)
{
    struct nv_kept kept = {0};
    char text[] = "an input";
    size_t size;
    const char *got;
    (void)state;
    assert_true(nv_kept_put(&kept, UINT64_MAX, text, sizeof text));
    assert_true(nv_kept_put(&kept, 5, NULL, 0));
    text[0] = 'x';
    got = nv_kept_get(&kept, UINT64_MAX, &size);
    assert_string_equal(got, "an input");
    assert_int_equal(size, sizeof text);
    assert_int_equal((uintptr_t)got % 16, 0);
    assert_non_null(nv_kept_get(&kept, 5, &size));
    assert_int_equal(size, 0);
    nv_kept_release(&kept);
}

/* A window that moves on, with some that stay for long; against a plain table. */
static void a_moving_window_is_right(void **state)
{
    enum { COUNT = 20000, STAY = 97 };
    struct nv_kept kept = {0};
    size_t size;
    (void)state;
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_true(nv_kept_put(&kept, i, &i, sizeof i));
        if (i >= 100 && (i - 100) % STAY != 0)
            nv_kept_drop(&kept, i - 100);
    }
    assert_int_equal(kept.count, 100 + (COUNT - 100 + STAY - 1) / STAY);
    assert_true(kept.room <= 1024);
    for (uint64_t i = 0; i < COUNT; i++) {
        const uint64_t *got = nv_kept_get(&kept, i, &size);
        bool stays = i + 100 >= COUNT || i % STAY == 0;
        assert_int_equal(got != NULL, stays);
        if (got != NULL)
            assert_int_equal(*got, i);
    }
    nv_kept_release(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_kept_at_first),
        cmocka_unit_test(inputs_are_copied),
        cmocka_unit_test(a_moving_window_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
