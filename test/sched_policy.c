/* sched, how tasks are dealt out: policies, priorities, costs, and engines that are not like the
 * others. */
#include "sched_farm.h"

/* -- names -- */

static void policies_have_names(void **state)
{
    static const char *const names[] = {"auto",         "fifo",          "guided",  "factoring",
                                        "static-block", "static-cyclic", "locality"};
    enum nv_placing placing = NV_FIFO;
    (void)state;
    for (int i = 0; i < 7; i++) {
        assert_true(nv_sched_placing(names[i], &placing));
        assert_int_equal(placing, i);
    }
    assert_false(nv_sched_placing("static", &placing));
    assert_false(nv_sched_placing("", &placing));
    assert_int_equal(placing, NV_LOCALITY); /* untouched */
}

/* -- one after the other -- */

static void fifo_gives_one_task_at_a_time(void **state)
{
    struct nv_send sent[ENGINES];
    (void)state;
    teach(0, 1e-6);
    ADD(.count = 100, .placing = NV_FIFO, .engines = all);
    for (uint64_t i = 0; i < ENGINES; i++) {
        sent[i] = next();
        assert_int_equal(sent[i].first, i);
        assert_int_equal(sent[i].count, 1);
    }
    assert_nothing_next();
    answer(&sent[2], 1e-6);
    assert_int_equal(next().engine, sent[2].engine);
    assert_nothing_next();
}

static void fifo_has_chunks_and_windows_by_wish(void **state)
{
    struct nv_set *one = SET(3);
    (void)state;
    ADD(.count = 100, .placing = NV_FIFO, .chunk = 5, .window = 3, .engines = one);
    for (uint64_t i = 0; i < 3; i++) {
        struct nv_send send = next();
        assert_int_equal(send.first, 5 * i);
        assert_int_equal(send.count, 5);
    }
    assert_nothing_next();
    free(one);
}

/* -- shares -- */

static void guided_gives_a_part_of_what_is_left(void **state)
{
    uint64_t left = 1000;
    (void)state;
    ADD(.count = left, .placing = NV_GUIDED, .chunk = 3, .engines = all);
    while (left > 0) {
        struct nv_send send = next();
        uint64_t part = (left + ENGINES - 1) / ENGINES;
        part = part < 3 ? 3 : part;
        assert_int_equal(send.count, part < left ? part : left);
        left -= send.count;
        answer(&send, 1e-6);
    }
    assert_nothing_next();
}

static void factoring_goes_in_rounds(void **state)
{
    uint64_t left = 1000, round = 0;
    (void)state;
    ADD(.count = left, .placing = NV_FACTORING, .engines = all);
    for (int i = 0; left > 0; i++) {
        struct nv_send send = next();
        if (i % ENGINES == 0)
            round = (left + 2 * ENGINES - 1) / (2 * ENGINES);
        assert_int_equal(send.count, round < left ? round : left);
        left -= send.count;
        answer(&send, 1e-6);
    }
    assert_nothing_next();
}

/* -- dealt out at once -- */

static void static_blocks_go_at_once(void **state)
{
    struct nv_set *some = SET(1, 4, 6);
    static const uint64_t begin[ENGINES] = {[1] = 0, [4] = 3, [6] = 6};
    uint64_t job = ADD(.count = 10, .placing = NV_STATIC_BLOCK, .engines = some);
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct nv_send send = next();
        assert_send(&send, job, send.engine, begin[send.engine], send.engine == 6 ? 4 : 3);
    }
    assert_nothing_next();
    free(some);
}

static void static_parts_are_split_by_frames_and_wishes(void **state)
{
    struct nv_set *one = SET(2);
    struct nv_send sent[3];
    (void)state;
    add(&(struct nv_job_spec){
        .count = 10, .max_chunk = 4, .placing = NV_STATIC_BLOCK, .engines = one});
    for (int i = 0; i < 3; i++) {
        sent[i] = next();
        assert_int_equal(sent[i].count, i == 2 ? 2 : 4);
    }
    assert_nothing_next();
    ADD(.count = 10, .chunk = 3, .window = 4, .placing = NV_STATIC_BLOCK, .engines = one);
    assert_int_equal(next().count, 3); /* the fourth chunk there */
    assert_nothing_next();
    free(one);
}

static void static_cyclic_chunks_go_round(void **state)
{
    struct nv_set *some = SET(0, 3, 5);
    static const int place[] = {0, 3, 5};
    unsigned char seen[100] = {0};
    struct nv_send send;
    (void)state;
    for (uint64_t chunk = 0; chunk < 5; chunk++) {
        uint64_t size = chunk > 0 ? chunk : 1;
        memset(seen, 0, sizeof seen);
        ADD(.count = 100, .chunk = chunk, .placing = NV_STATIC_CYCLIC, .engines = some);
        while (nv_sched_next(sched, &send)) {
            assert_true(send.count == size || send.first + send.count == 100);
            assert_int_equal(place[send.first / size % 3], send.engine);
            for (uint64_t t = 0; t < send.count; t++)
                seen[send.first + t]++;
            answer(&send, 1);
        }
        for (size_t t = 0; t < sizeof seen; t++)
            assert_int_equal(seen[t], 1);
    }
    free(some);
}

static void cancel_drops_cyclic_tasks(void **state)
{
    struct nv_set *some = SET(0, 1);
    uint64_t job = ADD(.count = 9, .chunk = 2, .placing = NV_STATIC_CYCLIC, .engines = some);
    struct drops drops = {.n = 0};
    unsigned char seen[9] = {0};
    struct nv_send send = next();
    (void)state;
    memset(seen + send.first, 1, (size_t)send.count);
    nv_sched_cancel(sched, job, dropped, &drops);
    for (size_t i = 0; i < drops.n; i++)
        for (uint64_t t = 0; t < drops.count[i]; t++)
            seen[drops.first[i] + t]++;
    for (size_t t = 0; t < sizeof seen; t++)
        assert_int_equal(seen[t], 1);
    assert_nothing_next();
    answer(&send, 0);
    free(some);
}

/* -- near -- */

static void near_engines_go_first(void **state)
{
    struct nv_set *near = SET(6, 7);
    struct nv_send sent[ENGINES];
    (void)state;
    ADD(.count = 100, .chunk = 1, .window = 1, .placing = NV_LOCALITY, .near = near,
        .engines = all);
    for (int i = 0; i < ENGINES; i++) { /* the others when those near are full */
        sent[i] = next();
        assert_int_equal(nv_set_has(near, (size_t)sent[i].engine), i < 2);
    }
    assert_nothing_next();
    answer(&sent[5], 1);
    answer(&sent[0], 1);
    assert_int_equal(next().engine, sent[0].engine);
    assert_int_equal(next().engine, sent[5].engine);
    assert_nothing_next();
    free(near);
}

/* What is kept for some does not keep the others from other work. */
static void others_do_something_else(void **state)
{
    struct nv_set *near = SET(7), *mine = SET(0, 7);
    uint64_t kept = ADD(.count = 2, .chunk = 1, .window = 2, .placing = NV_LOCALITY, .near = near,
                        .engines = mine);
    uint64_t other = ADD(.count = 1, .engines = mine);
    struct nv_send send = next();
    (void)state;
    assert_send(&send, other, 0, 0, 1);
    send = next();
    assert_send(&send, kept, 7, 0, 1);
    send = next();
    assert_send(&send, kept, 7, 1, 1);
    assert_nothing_next();
    free(near);
    free(mine);
}

/* Those that do not come, or are held, keep nothing from the others. */
static void absent_engines_keep_nothing(void **state)
{
    struct nv_set *near = SET(2);
    (void)state;
    nv_sched_engine_hold(sched, 2, true);
    ADD(.count = 2, .placing = NV_LOCALITY, .near = near, .engines = all);
    assert_int_not_equal(next().engine, 2);
    assert_int_not_equal(next().engine, 2);
    assert_nothing_next();
    free(near);
}

/* -- priorities -- */

static void higher_priorities_go_first(void **state)
{
    static const int order[] = {2, 0, 2, 0, 1, 3, 1, 3};
    uint64_t jobs[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        jobs[i] = ADD(.count = 2, .chunk = 1, .priority = i % 2 == 0 ? 7 : -1, .engines = all);
    nv_sched_remove(sched, jobs[0]);
    jobs[0] = ADD(.count = 2, .chunk = 1, .priority = 7, .engines = all);
    for (int i = 0; i < 8; i++) {
        struct nv_send send = next();
        assert_int_equal(send.job, jobs[order[i]]);
        answer(&send, 1);
    }
    assert_nothing_next();
}

static void own_tasks_go_before_any_priority(void **state)
{
    uint64_t shared = ADD(.count = 1, .priority = 9, .engines = all);
    uint64_t low = ADD(.count = 1, .priority = -9, NAMED(3));
    uint64_t high = ADD(.count = 1, .priority = 0, NAMED(3));
    struct nv_send send = next();
    (void)state;
    assert_send(&send, high, 3, 0, 1);
    answer(&send, 1);
    send = next();
    assert_send(&send, low, 3, 0, 1);
    assert_int_equal(next().job, shared);
}

/* -- costs -- */

/* Singly at first; then as many as last a millisecond by what a unit of cost took. */
static void chunks_follow_costs(void **state)
{
    struct nv_set *one = SET(4);
    static double costs[1000];
    uint64_t first = 0;
    (void)state;
    for (size_t t = 0; t < 1000; t++)
        costs[t] = t < 10 ? 500 : 5;
    ADD(.count = 1000, .window = 1, .costs = costs, .engines = one);
    while (first < 1000) {
        struct nv_send send = next();
        double seconds = 0;
        uint64_t expected = first == 0 ? 1 : first < 9 ? 2 : 200;
        assert_int_equal(send.first, first);
        assert_in_range(send.count, 1, expected);
        if (first == 1 || first == 11) /* many are left: the whole millisecond */
            assert_int_equal(send.count, expected);
        for (uint64_t t = 0; t < send.count; t++)
            seconds += costs[first + t] * 1e-6;
        first += send.count;
        assert_true(nv_sched_done(sched, 4, send.job, send.first, send.count, seconds));
    }
    assert_nothing_next();
    free(one);
}

static void long_tasks_go_alone_by_their_cost(void **state)
{
    static double costs[100];
    struct nv_send first, send;
    (void)state;
    for (size_t t = 0; t < 100; t++)
        costs[t] = t < 50 ? 20 : 0.1; /* the long ones last 20 ms */
    ADD(.count = 100, .costs = costs, .engines = all);
    first = next();
    for (int i = 1; i < ENGINES; i++)
        assert_int_equal(next().count, 1);
    assert_nothing_next();
    answer(&first, 20e-3);
    send = next();
    assert_int_equal(send.engine, first.engine);
    assert_int_equal(send.count, 1);
    assert_nothing_next(); /* none waits behind it */
}

static void costs_that_say_nothing_are_ignored(void **state)
{
    static double costs[1000];
    (void)state;
    teach(0, 1e-6);
    ADD(.count = 1000, .costs = costs, .engines = all);
    assert_int_equal(next().count, 63); /* a sixteenth */
}

/* -- engines that stand for several -- */

static void open_groups(uint32_t capacity)
{
    nv_sched_free(sched);
    sched = nv_sched_new(ENGINES);
    assert_non_null(sched);
    for (int i = 0; i < ENGINES; i++)
        nv_sched_engine_add(sched, i, i == 0 ? capacity : 1);
}

static void unknown_tasks_fill_a_group(void **state)
{
    (void)state;
    open_groups(4);
    ADD(.count = 1000, .engines = all);
    for (int i = 0; i < ENGINES; i++) {
        struct nv_send send = next();
        assert_int_equal(send.count, send.engine == 0 ? 4 : 1);
    }
    assert_nothing_next();
    assert_true(nv_sched_done(sched, 0, 0, 0, 0, 0) == false);
    assert_int_equal(nv_sched_load(sched, 0), 4);
}

/* Of few tasks a group gets its part and no more: 11 tasks for 4 + 7 engines. */
static void groups_get_their_part(void **state)
{
    (void)state;
    open_groups(4);
    ADD(.count = 11, .engines = all);
    for (int i = 0; i < ENGINES; i++)
        next();
    assert_nothing_next();
    assert_int_equal(nv_sched_load(sched, 0), 4);
}

static void chunks_grow_with_capacity(void **state)
{
    (void)state;
    open_groups(50);
    teach(0, 1e-5);
    add(&(struct nv_job_spec){.count = 10000000, .max_chunk = 1000000, .engines = all});
    for (int i = 0; i < ENGINES; i++) {
        struct nv_send send = next();
        assert_in_range(send.count, send.engine == 0 ? 19900 : 99, send.engine == 0 ? 20000 : 100);
    }
}

static void static_parts_grow_with_capacity(void **state)
{
    (void)state;
    open_groups(3);
    ADD(.count = 1000, .placing = NV_STATIC_BLOCK, .engines = all);
    for (int i = 0; i < ENGINES; i++) {
        struct nv_send send = next();
        assert_int_equal(send.count, send.engine == 0 ? 300 : 100);
        answer(&send, 0);
    }
    assert_nothing_next();
}

static void groups_answer_in_any_order(void **state)
{
    struct nv_set *one = SET(0);
    uint64_t job;
    (void)state;
    open_groups(4);
    job = ADD(.count = 30, .chunk = 10, .window = 1, .engines = one);
    for (int i = 0; i < 3; i++)
        next();
    assert_true(nv_sched_done(sched, 0, job, 15, 3, 0));
    assert_false(nv_sched_done(sched, 0, job, 14, 2, 0));
    assert_true(nv_sched_done(sched, 0, job, 29, 1, 0));
    assert_true(nv_sched_done(sched, 0, job, 8, 7, 0)); /* of two chunks */
    assert_int_equal(nv_sched_load(sched, 0), 19);
    assert_false(nv_sched_done(sched, 0, job, 0, 9, 0));
    assert_true(nv_sched_done(sched, 0, job, 18, 11, 0));
    assert_true(nv_sched_done(sched, 0, job, 0, 8, 0));
    assert_int_equal(nv_sched_load(sched, 0), 0);
    assert_int_equal(nv_sched_running(sched, job), 0);
    nv_sched_remove(sched, job);
    free(one);
}

/* A chunk in pieces is one chunk still. */
static void pieces_count_as_one_chunk(void **state)
{
    struct nv_set *one = SET(0);
    uint64_t job;
    (void)state;
    open_groups(2);
    job = ADD(.count = 1000, .chunk = 20, .window = 1, .engines = one);
    next();
    next();
    for (uint64_t t = 1; t < 20; t += 2) {
        assert_true(nv_sched_done(sched, 0, job, t, 1, 0));
        assert_nothing_next();
    }
    for (uint64_t t = 0; t < 20; t += 2) {
        assert_nothing_next();
        assert_true(nv_sched_done(sched, 0, job, t, 1, 0));
    }
    assert_int_equal(next().first, 40);
    assert_nothing_next();
    nv_sched_remove(sched, job);
    free(one);
}

/* -- the engine at the hub -- */

static void the_last_engine_gets_what_others_leave(void **state)
{
    struct nv_send send;
    (void)state;
    nv_sched_engine_last(sched, 0);
    ADD(.count = ENGINES - 1, .engines = all);
    while (nv_sched_next(sched, &send))
        assert_int_not_equal(send.engine, 0);
    ADD(.count = 1, .engines = all);
    assert_int_equal(next().engine, 0);
    assert_nothing_next();
}

static void its_own_tasks_do_not_wait(void **state)
{
    uint64_t own;
    struct nv_send send;
    (void)state;
    nv_sched_engine_last(sched, 3);
    ADD(.count = 100, .engines = all);
    own = ADD(.count = 1, NAMED(3));
    send = next();
    assert_send(&send, own, 3, 0, 1);
}

static void held_engines_get_nothing(void **state)
{
    struct nv_send send;
    (void)state;
    nv_sched_engine_hold(sched, 5, true);
    nv_sched_engine_hold(sched, 5, true);
    ADD(.count = 100, .engines = all);
    ADD(.count = 1, NAMED(5));
    for (int i = 1; i < ENGINES; i++)
        assert_int_not_equal(next().engine, 5);
    assert_nothing_next();
    nv_sched_engine_hold(sched, 5, false);
    send = next();
    assert_int_equal(send.engine, 5);
    nv_sched_engine_hold(sched, 5, true); /* with a task, which it may answer */
    answer(&send, 1);
    assert_nothing_next();
    nv_sched_engine_hold(sched, 5, false);
    assert_int_equal(next().engine, 5);
}

/* -- times -- */

/* One task in twenty lasts 200 times longer: chunks are far shorter than those of the mean. */
static void heavy_tails_make_short_chunks(void **state)
{
    struct nv_set *one = SET(1);
    struct nv_send send;
    (void)state;
    ADD(.count = 1000000, .chunk = 1, .engines = one);
    for (int i = 0; i < 400; i++) {
        send = next();
        answer(&send, i % 20 == 7 ? 1e-3 : 5e-6);
    }
    ADD(.count = 1000000, .window = 1, .priority = 1, .engines = one);
    send = next(); /* the mean alone says 18 at least */
    assert_in_range(send.count, 1, 14);
    free(one);
}

/* An engine that needs four times as long gets a quarter of the tasks at a time. */
static void slow_engines_get_less(void **state)
{
    struct nv_send send;
    uint64_t last[ENGINES] = {0};
    (void)state;
    ADD(.count = 1000000, .engines = all);
    for (int i = 0; i < 2000 && nv_sched_next(sched, &send); i++) {
        last[send.engine] = send.count;
        answer(&send, send.engine == 0 ? 40e-6 : 10e-6);
    }
    for (int e = 1; e < ENGINES; e++)
        assert_true(last[e] > 2 * last[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(policies_have_names),
        TEST(fifo_gives_one_task_at_a_time),
        TEST(fifo_has_chunks_and_windows_by_wish),
        TEST(guided_gives_a_part_of_what_is_left),
        TEST(factoring_goes_in_rounds),
        TEST(static_blocks_go_at_once),
        TEST(static_parts_are_split_by_frames_and_wishes),
        TEST(static_cyclic_chunks_go_round),
        TEST(cancel_drops_cyclic_tasks),
        TEST(near_engines_go_first),
        TEST(others_do_something_else),
        TEST(absent_engines_keep_nothing),
        TEST(higher_priorities_go_first),
        TEST(own_tasks_go_before_any_priority),
        TEST(chunks_follow_costs),
        TEST(long_tasks_go_alone_by_their_cost),
        TEST(costs_that_say_nothing_are_ignored),
        TEST(unknown_tasks_fill_a_group),
        TEST(groups_get_their_part),
        TEST(chunks_grow_with_capacity),
        TEST(static_parts_grow_with_capacity),
        TEST(groups_answer_in_any_order),
        TEST(pieces_count_as_one_chunk),
        TEST(the_last_engine_gets_what_others_leave),
        TEST(its_own_tasks_do_not_wait),
        TEST(held_engines_get_nothing),
        TEST(heavy_tails_make_short_chunks),
        TEST(slow_engines_get_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
