/* drain: signals are noted and handed back; how long a job may take.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "drain.h"

#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

static volatile sig_atomic_t mine;

static void count(int number)
{
    (void)number;
    mine++;
}

static void signals_are_noted_and_handed_back(void **state)
{
    static const int all[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGXCPU};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        mine = 0;
        assert_true(signal(all[i], count) != SIG_ERR);
        nv_drain_listen();
        nv_drain_listen();
        assert_int_equal(nv_drain_signal(), 0);
        raise(all[i]);
        assert_int_equal(nv_drain_signal(), all[i]);
        assert_int_equal(nv_drain_name(all[i])[0], 'S');
        nv_drain_ignore();
        raise(all[i]);
        assert_int_equal(mine, 0);
        nv_drain_ignore();
        raise(all[i]);
        assert_int_equal(mine, 1);
        signal(all[i], SIG_DFL);
    }
}

static void forget_environment(void)
{
    unsetenv("NAVE_WALLTIME");
    unsetenv("NAVE_DEADLINE");
    unsetenv("SLURM_JOB_END_TIME");
}

static void walltimes_are_read(void **state)
{
    static const struct {
        const char *text;
        double seconds; /* negative: not a time */
    } cases[] = {
        {"90", 90},  {"1.5", 1.5}, {"02:05", 125}, {"01:00:00", 3600}, {"2-01:00:00", 49 * 3600},
        {"0", 0},    {"1:", -1},   {"-5", -1},     {"soon", -1},       {"1:2:3:4", -1},
        {"2-5", -1}, {"10 s", -1}};
    const char *bad;
    (void)state;
    forget_environment();
    assert_true(nv_drain_left(&bad) < 0 && bad == NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double left;
        setenv("NAVE_WALLTIME", cases[i].text, 1);
        left = nv_drain_left(&bad);
        if (cases[i].seconds >= 0)
            assert_true(bad == NULL && left == cases[i].seconds);
        else
            assert_string_equal(bad, "NAVE_WALLTIME");
    }
    forget_environment();
}

static void deadlines_are_read(void **state)
{
    static const char *const names[] = {"NAVE_DEADLINE", "SLURM_JOB_END_TIME"};
    const char *bad;
    (void)state;
    for (int i = 0; i < 2; i++) {
        char text[32];
        double left;
        forget_environment();
        snprintf(text, sizeof text, "%lld", (long long)time(NULL) + 1000);
        setenv(names[i], text, 1);
        left = nv_drain_left(&bad);
        assert_true(bad == NULL && left > 900 && left <= 1000);
        setenv(names[i], "1000", 1);
        assert_true(nv_drain_left(&bad) == 0 && bad == NULL);
        setenv(names[i], "tomorrow", 1);
        assert_true(nv_drain_left(&bad) < 0);
        assert_string_equal(bad, names[i]);
    }
    forget_environment();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_are_noted_and_handed_back),
        cmocka_unit_test(walltimes_are_read),
        cmocka_unit_test(deadlines_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
