/* The scheduler, one promise of sched.h after the other; see sched_random.c for all at once. */
#include "sched_farm.h"

/* -- every task once -- */

static void check_once(const struct nv_job_spec *spec, double each)
{
    unsigned char *seen = calloc((size_t)spec->count + 1, 1);
    uint64_t job = add(spec);
    run_out(seen, each);
    for (uint64_t i = 0; i < spec->count; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(nv_sched_running(sched, job), 0);
    nv_sched_remove(sched, job);
    free(seen);
}

static void each_task_is_sent_once(void **state)
{
    static const uint64_t counts[] = {0, 1, 7, 8, 9, 1000, 12345};
    static const double times[] = {0, 1e-7, 1e-4, 5e-3, 1};
    static const int some[] = {5, 0, 2};
    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t t = 0; t < sizeof times / sizeof *times; t++)
            for (unsigned way = 0; way < 16; way++) {
                struct nv_job_spec spec = {.owner = &someone,
                                           .kernel = (uint32_t)t,
                                           .count = counts[c],
                                           .max_chunk = way & 1 ? 1 : 100,
                                           .chunk = way & 2 ? 13 : 0,
                                           .window = way & 2 ? 3 : 0,
                                           .block = way & 4 ? 5 : 0,
                                           .engines = way & 8 ? all : NULL,
                                           .named = way & 8 ? NULL : some,
                                           .named_count = way & 8 ? 0 : 3};
                check_once(&spec, times[t]);
            }
}

/* -- direct views -- */

/* Engine j of m gets the tasks from j*n/m up to (j+1)*n/m, in order. */
static void direct_jobs_are_cut_in_blocks(void **state)
{
    uint64_t job = ADD(.count = 10, .chunk = 100, NAMED(3, 1, 2));
    static const uint64_t begin[ENGINES] = {[3] = 0, [1] = 3, [2] = 6};
    static const uint64_t count[ENGINES] = {[3] = 3, [1] = 3, [2] = 4};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct nv_send send = next();
        assert_send(&send, job, send.engine, begin[send.engine], count[send.engine]);
    }
    assert_nothing_next();
}

static void direct_tasks_come_in_order(void **state)
{
    uint64_t at[ENGINES] = {[4] = 0, [6] = 50};
    struct nv_send send;
    (void)state;
    ADD(.count = 100, .chunk = 3, .window = 2, NAMED(4, 6));
    while (nv_sched_next(sched, &send)) {
        assert_true(send.engine == 4 || send.engine == 6);
        assert_int_equal(send.first, at[send.engine]);
        at[send.engine] += send.count;
        answer(&send, 1e-6);
    }
    assert_int_equal(at[4], 50);
    assert_int_equal(at[6], 100);
}

static void fewer_tasks_than_named_engines(void **state)
{
    uint64_t job = ADD(.count = 1, NAMED(0, 1, 2));
    struct nv_send send = next();
    (void)state;
    assert_send(&send, job, 2, 0, 1);
    assert_nothing_next();
}

/* Ten tasks in blocks of four are three blocks, the last of two tasks. */
static void direct_blocks_stay_whole(void **state)
{
    static const uint64_t begin[ENGINES] = {[2] = 0, [1] = 4, [0] = 8};
    (void)state;
    ADD(.count = 10, .block = 4, NAMED(2, 1, 0));
    for (int i = 0; i < 3; i++) {
        struct nv_send send = next();
        assert_int_equal(send.first, begin[send.engine]);
        assert_int_equal(send.count, send.engine == 0 ? 2 : 4);
    }
    assert_nothing_next();
}

static void own_tasks_come_before_shared_ones(void **state)
{
    uint64_t shared = ADD(.count = 100, .engines = all);
    uint64_t own = ADD(.count = 1, NAMED(5));
    struct nv_send send = next();
    (void)state;
    assert_send(&send, own, 5, 0, 1);
    for (int i = 0; i < ENGINES - 1; i++) {
        send = next();
        assert_int_equal(send.job, shared);
        assert_int_not_equal(send.engine, 5);
    }
    assert_nothing_next();
}

/* -- how much, where -- */

static void balanced_jobs_reach_every_engine(void **state)
{
    struct nv_send sent[ENGINES];
    struct nv_set *seen = nv_set_new(ENGINES);
    (void)state;
    ADD(.count = 100, .engines = all);
    for (int i = 0; i < ENGINES; i++) {
        sent[i] = next();
        assert_int_equal(sent[i].count, 1); /* of unknown length: one each */
        nv_set_add(seen, (size_t)sent[i].engine);
    }
    assert_int_equal(seen->count, ENGINES);
    assert_nothing_next();
    answer(&sent[3], 1);
    assert_int_equal(next().engine, sent[3].engine);
    assert_nothing_next();
    free(seen);
}

static void windows_are_kept(void **state)
{
    struct nv_set *two = SET(1, 6);
    struct nv_send sent[6];
    (void)state;
    ADD(.count = 100, .chunk = 2, .window = 3, .engines = two);
    for (int i = 0; i < 6; i++) {
        sent[i] = next();
        assert_int_equal(sent[i].count, 2);
    }
    assert_nothing_next();
    assert_int_equal(nv_sched_load(sched, 1), 6);
    assert_int_equal(nv_sched_load(sched, 6), 6);
    /* Half a chunk leaves no room, the other half does. */
    assert_true(nv_sched_done(sched, sent[0].engine, sent[0].job, sent[0].first, 1, 0));
    assert_nothing_next();
    assert_true(nv_sched_done(sched, sent[0].engine, sent[0].job, sent[0].first + 1, 1, 0));
    assert_int_equal(next().engine, sent[0].engine);
    assert_nothing_next();
    free(two);
}

static void chunk_wishes_are_limited(void **state)
{
    uint64_t job = ADD(.count = 20, .chunk = 7, NAMED(0));
    struct nv_send send = next();
    (void)state;
    assert_send(&send, job, 0, 0, 7);
    answer(&send, 1);
    send = next();
    assert_send(&send, job, 0, 7, 7);
    answer(&send, 1);
    send = next();
    assert_send(&send, job, 0, 14, 6);
    job = add(&(struct nv_job_spec){.count = 20, .chunk = 7, .max_chunk = 3, NAMED(1)});
    send = next();
    assert_send(&send, job, 1, 0, 3);
}

static void balanced_blocks_stay_whole(void **state)
{
    static const struct {
        uint64_t chunk, max_chunk, block, expected;
    } cases[] = {{10, 100, 4, 8}, {3, 100, 4, 4}, {0, 100, 4, 4}, {50, 10, 4, 8}, {8, 2, 5, 5}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nv_job_spec spec = {.count = 1000,
                                   .chunk = cases[i].chunk,
                                   .max_chunk = cases[i].max_chunk,
                                   .block = cases[i].block,
                                   .kernel = (uint32_t)i,
                                   .engines = all};
        uint64_t job = add(&spec);
        struct nv_send send = next();
        assert_int_equal(send.first, 0);
        assert_int_equal(send.count, cases[i].expected);
        nv_sched_cancel(sched, job, NULL, NULL);
        answer(&send, -1);
        nv_sched_remove(sched, job);
    }
}

/* Chunks of a millisecond, and not so many of them that others stand idle at the end. */
static void chunks_shrink_towards_the_end(void **state)
{
    uint64_t left = 100000, last = UINT64_MAX, sends = 0;
    struct nv_send send;
    (void)state;
    teach(0, 1e-6);
    ADD(.count = left, .engines = all);
    while (nv_sched_next(sched, &send)) {
        assert_true(send.count <= 1000);
        assert_true(send.count <= (left + 2 * ENGINES - 1) / (2 * ENGINES));
        assert_true(send.count <= last);
        last = send.count;
        left -= send.count;
        sends++;
        answer(&send, 1e-6);
    }
    assert_int_equal(left, 0);
    assert_int_equal(last, 1);
    assert_true(sends >= 100);
}

static void chunks_last_a_millisecond(void **state)
{
    static const struct {
        double each;
        uint64_t expected;
    } cases[] = {{1e-5, 100}, {1e-4, 10}, {0.6e-3, 1}, {1, 1}, {0, 1000}, {1e-30, 1000}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nv_send send;
        uint64_t job;
        teach((uint32_t)i, cases[i].each);
        job = ADD(.kernel = (uint32_t)i, .count = 1000000, .engines = all);
        send = next();
        assert_in_range(send.count, cases[i].expected - cases[i].expected / 10, cases[i].expected);
        nv_sched_cancel(sched, job, NULL, NULL);
        answer(&send, cases[i].each);
        nv_sched_remove(sched, job);
    }
}

/* Number of chunks that each of two engines gets ahead; all drops. */
static uint64_t chunks_ahead(uint32_t kernel, double each, uint64_t count)
{
    struct nv_set *two = SET(0, 1);
    struct nv_send sent[1024];
    size_t n = 0;
    uint64_t job;
    teach(kernel, each);
    job = ADD(.kernel = kernel, .count = count, .engines = two);
    while (n < 1024 && nv_sched_next(sched, &sent[n]))
        n++;
    nv_sched_cancel(sched, job, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        answer(&sent[i], -1);
    nv_sched_remove(sched, job);
    free(two);
    return n;
}

static void long_tasks_never_wait_behind_another(void **state)
{
    (void)state;
    assert_int_equal(chunks_ahead(0, 20e-3, 1000), 2);
    assert_int_equal(chunks_ahead(1, 5e-3, 1000), 4); /* one waits, for each */
    assert_int_equal(chunks_ahead(2, 5e-3, 6), 3);    /* fewer than two rounds are left: none */
    assert_in_range(chunks_ahead(3, 1e-7, 100000), 20, 22); /* a millisecond, for each */
    assert_int_equal(chunks_ahead(4, 0.9e-3, 1000), 4);
}

/* Who answers first must not take what would keep the others busy. */
static void nobody_takes_more_than_its_part(void **state)
{
    struct nv_send first, send;
    (void)state;
    ADD(.count = 800, .engines = all);
    first = next();
    for (int i = 1; i < ENGINES; i++)
        next();
    assert_nothing_next();
    answer(&first, 1e-6);
    while (nv_sched_next(sched, &send))
        assert_int_equal(send.engine, first.engine);
    assert_in_range(nv_sched_load(sched, first.engine), 50, 150);
}

/* -- answers -- */

static void answers_may_span_neighbouring_chunks(void **state)
{
    uint64_t job = ADD(.count = 20, .chunk = 4, .window = 5, NAMED(1));
    (void)state;
    for (int i = 0; i < 5; i++)
        next();
    assert_int_equal(nv_sched_load(sched, 1), 20);
    assert_true(nv_sched_done(sched, 1, job, 0, 1, 0));
    assert_true(nv_sched_done(sched, 1, job, 1, 12, 0));
    assert_int_equal(nv_sched_load(sched, 1), 7);
    assert_true(nv_sched_done(sched, 1, job, 13, 7, 0));
    assert_int_equal(nv_sched_load(sched, 1), 0);
    assert_int_equal(nv_sched_running(sched, job), 0);
}

static void answers_of_two_jobs_may_cross(void **state)
{
    uint64_t a = ADD(.count = 4, .chunk = 2, .window = 4, NAMED(1));
    uint64_t b = ADD(.count = 4, .chunk = 2, .window = 4, NAMED(1));
    (void)state;
    for (int i = 0; i < 4; i++)
        next();
    assert_true(nv_sched_done(sched, 1, b, 0, 4, 0));
    assert_true(nv_sched_done(sched, 1, a, 0, 3, 0));
    assert_int_equal(nv_sched_running(sched, a), 1);
    assert_int_equal(nv_sched_running(sched, b), 0);
    assert_true(nv_sched_done(sched, 1, a, 3, 1, 0));
}

static void foreign_answers_are_refused(void **state)
{
    uint64_t job = ADD(.count = 20, .chunk = 4, .window = 2, NAMED(1, 2));
    (void)state;
    for (int i = 0; i < 4; i++)
        next();
    assert_false(nv_sched_done(sched, 0, job, 0, 4, 0));
    assert_false(nv_sched_done(sched, 2, job, 0, 4, 0));
    assert_false(nv_sched_done(sched, -1, job, 0, 4, 0));
    assert_false(nv_sched_done(sched, ENGINES, job, 0, 4, 0));
    assert_false(nv_sched_done(sched, 1, job + 1, 0, 4, 0));
    assert_false(nv_sched_done(sched, 1, 0, 0, 4, 0));
    assert_false(nv_sched_done(sched, 1, job, 0, 0, 0));
    assert_false(nv_sched_done(sched, 1, job, 1, 3, 0));
    assert_false(nv_sched_done(sched, 1, job, 8, 1, 0));
    assert_false(nv_sched_done(sched, 1, job, 0, 9, 0)); /* one more than it has */
    assert_false(nv_sched_done(sched, 1, job, 0, UINT64_MAX, 0));
    assert_int_equal(nv_sched_running(sched, job), 16);
    assert_int_equal(nv_sched_load(sched, 1), 8);
    assert_true(nv_sched_done(sched, 1, job, 0, 8, 0));
    assert_false(nv_sched_done(sched, 1, job, 0, 8, 0));
    assert_int_equal(nv_sched_load(sched, 1), 0);
}

/* -- turns and sets -- */

static void shared_jobs_take_turns(void **state)
{
    uint64_t jobs[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        jobs[i] = ADD(.count = 30, .chunk = 2, .engines = all);
    for (int i = 0; i < 45; i++) {
        struct nv_send send = next();
        assert_int_equal(send.job, jobs[i % 3]);
        answer(&send, 0);
    }
    assert_nothing_next();
}

static void jobs_of_one_engine_take_turns(void **state)
{
    uint64_t jobs[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        jobs[i] = ADD(.count = 10, .chunk = 1, NAMED(4));
    for (int i = 0; i < 30; i++) {
        struct nv_send send = next();
        assert_int_equal(send.job, jobs[i % 3]);
        assert_int_equal(send.engine, 4);
        answer(&send, 0);
    }
    assert_nothing_next();
}

/* Also when their sets differ, as with views over some of the engines. */
static void jobs_of_other_sets_take_turns(void **state)
{
    struct nv_set *some = SET(0, 1), *others = SET(1, 2);
    uint64_t a = ADD(.count = 6, .chunk = 1, .engines = some);
    uint64_t b = ADD(.count = 6, .chunk = 1, .engines = others);
    int turns[ENGINES][2] = {{0}};
    struct nv_send send;
    (void)state;
    while (nv_sched_next(sched, &send)) {
        assert_true(nv_set_has(send.job == a ? some : others, (size_t)send.engine));
        turns[send.engine][send.job == b]++;
        answer(&send, 1e-3);
    }
    assert_true(turns[1][0] > 0 && turns[1][1] > 0);
    assert_int_equal(turns[0][0] + turns[1][0], 6);
    assert_int_equal(turns[1][1] + turns[2][1], 6);
    nv_sched_remove(sched, a);
    nv_sched_remove(sched, b);
    free(some);
    free(others);
}

static void the_job_that_waited_longest_is_next(void **state)
{
    struct nv_set *sets[3] = {SET(3), SET(3), SET(3)};
    uint64_t jobs[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        jobs[i] = ADD(.count = 10, .chunk = 1, .engines = sets[i]);
    for (int i = 0; i < 30; i++) {
        struct nv_send send = next();
        assert_int_equal(send.job, jobs[i % 3]);
        answer(&send, 0);
    }
    for (int i = 0; i < 3; i++) {
        nv_sched_remove(sched, jobs[i]);
        free(sets[i]);
    }
}

static void engines_outside_of_the_set_get_nothing(void **state)
{
    struct nv_set *some = SET(2, 5, 7);
    struct nv_send send;
    uint64_t sent = 0;
    (void)state;
    ADD(.count = 1000, .chunk = 3, .engines = some);
    while (nv_sched_next(sched, &send)) {
        assert_true(nv_set_has(some, (size_t)send.engine));
        sent += send.count;
        answer(&send, 1e-6);
    }
    assert_int_equal(sent, 1000);
    free(some);
}

static void absent_engines_get_nothing(void **state)
{
    struct nv_sched *two = nv_sched_new(2);
    struct nv_set *both = SET(0, 1);
    struct nv_job_spec shared = {.count = 10, .max_chunk = 1, .engines = both};
    struct nv_job_spec own = {.count = 10, .max_chunk = 1, NAMED(1)};
    struct nv_send send;
    uint64_t job;
    (void)state;
    job = nv_sched_add(two, &shared);
    nv_sched_add(two, &own);
    assert_false(nv_sched_next(two, &send));
    nv_sched_engine_add(two, 0, 1);
    assert_true(nv_sched_next(two, &send));
    assert_send(&send, job, 0, 0, 1);
    assert_false(nv_sched_next(two, &send));
    nv_sched_engine_add(two, 1, 1);
    assert_true(nv_sched_next(two, &send));
    assert_int_equal(send.engine, 1);
    assert_int_not_equal(send.job, job);
    nv_sched_free(two);
    free(both);
}

/* -- ids -- */

static void removed_jobs_are_unknown(void **state)
{
    uint64_t old = ADD(.count = 10, .chunk = 1, .engines = all), job;
    struct nv_send send = next();
    struct drops drops = {.n = 0};
    (void)state;
    nv_sched_cancel(sched, old, NULL, NULL);
    answer(&send, 0);
    nv_sched_remove(sched, old);
    job = ADD(.count = 1, .engines = all); /* most likely in the place of the old one */
    assert_true(job != old);
    assert_null(nv_sched_owner(sched, old));
    assert_null(nv_sched_owner(sched, 0));
    assert_ptr_equal(nv_sched_owner(sched, job), &someone);
    nv_sched_cancel(sched, old, dropped, &drops);
    nv_sched_extend(sched, old, 100);
    nv_sched_remove(sched, old);
    assert_int_equal(drops.n, 0);
    send = next();
    assert_send(&send, job, send.engine, 0, 1);
    assert_false(nv_sched_done(sched, send.engine, old, 0, 1, 0));
    assert_int_equal(nv_sched_running(sched, old), 0);
    answer(&send, 0);
}

static void ids_are_never_the_same(void **state)
{
    enum { LIVE = 100, ROUNDS = 50 };
    static uint64_t ids[ROUNDS][LIVE];
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < LIVE; i++)
            ids[round][i] = ADD(.count = 0, .engines = all);
        for (int i = 0; i < LIVE; i++)
            nv_sched_remove(sched, ids[round][(i * 37) % LIVE]);
    }
    for (int i = 0; i < ROUNDS * LIVE; i++) {
        assert_null(nv_sched_owner(sched, ids[i / LIVE][i % LIVE]));
        for (int j = 0; j < i; j++)
            assert_true(ids[i / LIVE][i % LIVE] != ids[j / LIVE][j % LIVE]);
    }
}

static void jobs_may_go_with_tasks_unsent(void **state)
{
    uint64_t shared = ADD(.count = 10, .engines = all), own = ADD(.count = 10, NAMED(1, 2));
    (void)state;
    nv_sched_remove(sched, shared);
    nv_sched_remove(sched, own);
    assert_nothing_next();
    shared = ADD(.count = 1, .engines = all);
    assert_int_equal(next().job, shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_task_is_sent_once),
        TEST(direct_jobs_are_cut_in_blocks),
        TEST(direct_tasks_come_in_order),
        TEST(fewer_tasks_than_named_engines),
        TEST(direct_blocks_stay_whole),
        TEST(own_tasks_come_before_shared_ones),
        TEST(balanced_jobs_reach_every_engine),
        TEST(windows_are_kept),
        TEST(chunk_wishes_are_limited),
        TEST(balanced_blocks_stay_whole),
        TEST(chunks_shrink_towards_the_end),
        TEST(chunks_last_a_millisecond),
        TEST(long_tasks_never_wait_behind_another),
        TEST(nobody_takes_more_than_its_part),
        TEST(answers_may_span_neighbouring_chunks),
        TEST(answers_of_two_jobs_may_cross),
        TEST(foreign_answers_are_refused),
        TEST(shared_jobs_take_turns),
        TEST(jobs_of_one_engine_take_turns),
        TEST(jobs_of_other_sets_take_turns),
        TEST(the_job_that_waited_longest_is_next),
        TEST(engines_outside_of_the_set_get_nothing),
        TEST(absent_engines_get_nothing),
        TEST(removed_jobs_are_unknown),
        TEST(ids_are_never_the_same),
        TEST(jobs_may_go_with_tasks_unsent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
