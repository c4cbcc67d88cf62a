/* sched, jobs whose end is not known, and jobs that are cancelled.  SPDX-License-Identifier: BSD-3-Clause */
#include "sched_farm.h"

/* -- open jobs -- */

static void open_jobs_send_up_to_their_limit(void **state)
{
    uint64_t job = ADD(.count = 2, .open = true, .engines = all);
    struct nv_send a = next(), b = next(), c;
    (void)state;
    assert_nothing_next();
    nv_sched_extend(sched, job, 1); /* less than before says nothing */
    assert_nothing_next();
    nv_sched_extend(sched, job, 3);
    c = next();
    assert_nothing_next();
    assert_int_equal(a.first + b.first + c.first, 0 + 1 + 2);
    assert_int_equal(nv_sched_running(sched, job), 3);
    answer(&a, 0);
    answer(&b, 0);
    answer(&c, 0);
    assert_int_equal(nv_sched_running(sched, job), 0);
}

static void open_jobs_end_within_a_send(void **state)
{
    (void)state;
    for (uint64_t got = 0; got <= 4; got++) {
        uint64_t job = ADD(.count = 100, .open = true, .chunk = 4, .window = 2, .engines = all);
        struct nv_send a = next(), b = next();
        nv_sched_return(sched, &b, got, true);
        assert_int_equal(nv_sched_running(sched, job), 4 + got);
        assert_int_equal(nv_sched_load(sched, b.engine), got);
        nv_sched_extend(sched, job, 1000); /* too late */
        assert_nothing_next();
        answer(&a, 1);
        assert_false(nv_sched_done(sched, b.engine, job, b.first, got + 1, 1));
        if (got > 0)
            assert_true(nv_sched_done(sched, b.engine, job, b.first, got, 1));
        assert_int_equal(nv_sched_running(sched, job), 0);
        assert_int_equal(nv_sched_load(sched, b.engine), 0);
        nv_sched_remove(sched, job);
    }
}

static void what_is_given_back_goes_again(void **state)
{
    struct nv_set *one = SET(3);
    uint64_t job = ADD(.count = 10, .open = true, .chunk = 4, .window = 8, .engines = one);
    struct nv_send send = next();
    (void)state;
    nv_sched_return(sched, &send, 1, false);
    assert_int_equal(nv_sched_running(sched, job), 1);
    for (uint64_t first = 1; first < 10; first += send.count) {
        send = next();
        assert_int_equal(send.first, first);
    }
    assert_int_equal(nv_sched_running(sched, job), 10);
    assert_nothing_next();
    assert_true(nv_sched_done(sched, 3, job, 0, 10, 1));
    nv_sched_remove(sched, job);
    free(one);
}

/* Time is not all: an engine that has many bytes gets no third chunk. */
static void bytes_bound_what_is_ahead(void **state)
{
    struct nv_set *one = SET(3);
    uint64_t job = ADD(.count = 1000, .chunk = 1, .engines = one);
    struct nv_send send = next();
    (void)state;
    assert_true(nv_sched_done(sched, 3, job, send.first, 1, 1e-6));
    for (int i = 0; i < 2; i++) {
        send = next();
        nv_sched_weigh(sched, &send, (uint64_t)16 << 20);
    }
    assert_nothing_next();
    assert_true(nv_sched_done(sched, 3, job, 1, 2, 2e-6));
    send = next();
    nv_sched_cancel(sched, job, NULL, NULL);
    assert_true(nv_sched_done(sched, 3, job, send.first, 1, 1e-6));
    nv_sched_remove(sched, job);
    free(one);
}

/* The engine whose chunk turned out to be empty is free for others. */
static void an_end_leaves_room(void **state)
{
    struct nv_set *one = SET(3);
    uint64_t job = ADD(.count = 10, .open = true, .engines = one), other;
    struct nv_send send = next();
    (void)state;
    nv_sched_return(sched, &send, 0, true);
    other = ADD(.count = 1, .engines = one);
    send = next();
    assert_send(&send, other, 3, 0, 1);
    nv_sched_remove(sched, job);
    free(one);
}

/* -- jobs that grow -- */

static void balanced_jobs_may_grow(void **state)
{
    struct nv_set *one = SET(3);
    uint64_t job = ADD(.count = 2, .chunk = 1, .window = 8, .engines = one);
    (void)state;
    assert_int_equal(next().first, 0);
    nv_sched_extend(sched, job, 3);
    nv_sched_extend(sched, job, 1); /* less than before says nothing */
    assert_int_equal(next().first, 1);
    assert_int_equal(next().first, 2);
    assert_nothing_next();
    nv_sched_extend(sched, job, 4);
    assert_int_equal(next().first, 3);
    assert_nothing_next();
    nv_sched_cancel(sched, job, NULL, NULL);
    nv_sched_extend(sched, job, 5); /* too late */
    assert_nothing_next();
    assert_true(nv_sched_done(sched, 3, job, 0, 4, 1));
    nv_sched_remove(sched, job);
    free(one);
}

static void direct_and_static_jobs_stay_as_they_are(void **state)
{
    uint64_t direct = ADD(.count = 1, NAMED(2));
    uint64_t fixed = ADD(.count = 1, .placing = NV_STATIC_BLOCK, .engines = all);
    (void)state;
    nv_sched_extend(sched, direct, 100);
    nv_sched_extend(sched, fixed, 100);
    assert_int_equal(next().count, 1);
    assert_int_equal(next().count, 1);
    assert_nothing_next();
}

/* -- cancelling -- */

static void cancel_drops_what_was_not_sent(void **state)
{
    uint64_t job = ADD(.count = 10, .chunk = 3, .engines = all);
    struct nv_send send = next();
    struct drops drops = {.n = 0};
    (void)state;
    nv_sched_cancel(sched, job, dropped, &drops);
    assert_int_equal(drops.n, 1);
    assert_int_equal(drops.first[0], 3);
    assert_int_equal(drops.count[0], 7);
    assert_nothing_next();
    nv_sched_cancel(sched, job, dropped, &drops);
    assert_int_equal(drops.n, 1);
    assert_int_equal(nv_sched_running(sched, job), 3);
    answer(&send, -1);
    assert_int_equal(nv_sched_running(sched, job), 0);
}

static void cancel_drops_each_row_of_a_direct_job(void **state)
{
    uint64_t job = ADD(.count = 30, .chunk = 4, NAMED(1, 2, 7));
    unsigned char seen[30] = {0};
    struct nv_send send = next();
    struct drops drops = {.n = 0};
    (void)state;
    memset(seen + send.first, 1, (size_t)send.count);
    nv_sched_cancel(sched, job, dropped, &drops);
    for (size_t i = 0; i < drops.n; i++)
        for (uint64_t t = 0; t < drops.count[i]; t++)
            seen[drops.first[i] + t]++;
    assert_int_equal(drops.n, 3);
    for (size_t i = 0; i < sizeof seen; i++)
        assert_int_equal(seen[i], 1);
    assert_nothing_next();
    answer(&send, 0);
}

/* The tasks of an open job that were not sent do not exist. */
static void cancelled_open_jobs_drop_nothing(void **state)
{
    uint64_t job = ADD(.count = 10, .open = true, .engines = all);
    struct nv_send send = next();
    struct drops drops = {.n = 0};
    (void)state;
    nv_sched_cancel(sched, job, dropped, &drops);
    nv_sched_extend(sched, job, 100);
    assert_int_equal(drops.n, 0);
    assert_nothing_next();
    answer(&send, 0);
}

static void cancelled_jobs_make_room_for_others(void **state)
{
    uint64_t own = ADD(.count = 100, NAMED(2)), shared = ADD(.count = 1, .engines = all);
    (void)state;
    nv_sched_cancel(sched, own, NULL, NULL);
    assert_int_equal(next().job, shared);
    assert_nothing_next();
    nv_sched_remove(sched, own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(open_jobs_send_up_to_their_limit),
        TEST(open_jobs_end_within_a_send),
        TEST(what_is_given_back_goes_again),
        TEST(bytes_bound_what_is_ahead),
        TEST(an_end_leaves_room),
        TEST(balanced_jobs_may_grow),
        TEST(direct_and_static_jobs_stay_as_they_are),
        TEST(cancel_drops_what_was_not_sent),
        TEST(cancel_drops_each_row_of_a_direct_job),
        TEST(cancelled_open_jobs_drop_nothing),
        TEST(cancelled_jobs_make_room_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
