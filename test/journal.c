/* journal: what was added is there in the next run.  SPDX-License-Identifier: BSD-3-Clause */
#include "journal_folder.h"

/* --------------------------------------------------------------------------------- round trips */

static void assert_same(const struct nv_journal_task *a, const struct nv_journal_task *b)
{
    assert_int_equal(a->call, b->call);
    assert_true(a->index == b->index);
    assert_int_equal(a->count, b->count);
    assert_true(nv_digest_equal(a->digest, b->digest));
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->attempts, b->attempts);
    assert_int_equal(a->engine, b->engine);
    assert_int_equal(a->code, b->code);
    assert_memory_equal(&a->submitted, &b->submitted, sizeof a->submitted);
    assert_memory_equal(&a->started, &b->started, sizeof a->started);
    assert_memory_equal(&a->ended, &b->ended, sizeof a->ended);
    assert_string_equal(a->host, b->host);
    assert_string_equal(a->message, b->message);
    assert_int_equal(a->output_size, b->output_size);
    if (a->output_size > 0)
        assert_memory_equal(a->output, b->output, a->output_size);
    assert_int_equal(a->size, b->size);
    if (a->size > 0)
        assert_memory_equal(a->data, b->data, a->size);
}

static void records_come_back_whole(void **state)
{
    enum { LARGE = 9 << 20 }; /* more than a batch */
    unsigned char *large = malloc(LARGE);
    struct nv_journal_task plain, full, big, got;
    struct nv_journal *journal = must_open();
    (void)state;
    assert_non_null(large);
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (unsigned char)(i * i >> 8);
    plain = task_of(0, NULL, 0);
    full = (struct nv_journal_task){.call = 7,
                                    .index = UINT64_MAX,
                                    .count = 1000,
                                    .digest = {.low = UINT64_MAX, .high = 1},
                                    .state = NAVE_FAILED,
                                    .attempts = 3,
                                    .engine = -1,
                                    .code = -42,
                                    .submitted = 1.7e9 + 0.125,
                                    .started = 1.7e9 + 1e-6,
                                    .ended = 1.8e9,
                                    .host = "node-\xc3\xa9",
                                    .message = "no \"such\" thing; 'x'",
                                    .output = "a\0b\nc",
                                    .output_size = 5,
                                    .data = "\0\1",
                                    .size = 2};
    big = task_of(2, large, LARGE);
    nv_journal_call(journal, 7, "map", "square", 1000, 8, 16);
    nv_journal_add(journal, &plain);
    nv_journal_add(journal, &full);
    nv_journal_add(journal, &big);
    assert_int_equal(nv_journal_left(journal), 0); /* of earlier jobs */
    must_close(journal);

    journal = must_open();
    assert_int_equal(nv_journal_left(journal), 3);
    assert_true(nv_journal_take(journal, full.digest, &got));
    assert_same(&got, &full);
    assert_true(nv_journal_take(journal, big.digest, &got));
    assert_same(&got, &big);
    assert_int_equal((uintptr_t)got.data % 16, 0);
    assert_true(nv_journal_take(journal, plain.digest, &got));
    assert_same(&got, &plain);
    assert_null(got.data);
    assert_int_equal(nv_journal_left(journal), 0);
    assert_false(nv_journal_take(journal, plain.digest, &got));
    must_close(journal);
    assert_int_equal(number_of("SELECT tasks + in_size + out_size FROM call WHERE job = 1 AND "
                               "call = 7 AND kind = 'map' AND kernel = 'square'"),
                     1000 + 8 + 16);
    assert_int_equal(number_of("SELECT count(*) FROM job WHERE status = 0 AND ended >= began"), 2);
    free(large);
}

static void many_records_are_all_there(void **state)
{
    enum { COUNT = 30000 };
    struct nv_journal *journal = must_open();
    struct nv_journal_task got;
    (void)state;
    for (uint64_t i = 0; i < COUNT; i++)
        add_filled(journal, i, 24);
    must_close(journal);
    assert_int_equal(check_rows(24), COUNT);
    journal = must_open();
    assert_int_equal(nv_journal_left(journal), COUNT);
    for (uint64_t i = COUNT; i-- > 0;) {
        assert_true(nv_journal_take(journal, digest_of(i), &got));
        assert_int_equal(got.index, i);
        assert_filled(got.data, got.size, i, 24);
        assert_int_equal(nv_journal_left(journal), i);
    }
    assert_false(nv_journal_take(journal, digest_of(COUNT), &got));
    must_close(journal);
}

static void add_twin(struct nv_journal *journal, uint64_t index, enum nave_task_state which)
{
    struct nv_journal_task task = task_of(index, &index, sizeof index);
    task.digest = digest_of(99);
    task.state = which;
    nv_journal_add(journal, &task);
}

static void twins_are_taken_once_each(void **state)
{
    static const uint64_t order[] = {11, 13, 14, 10, 12, 15};
    struct nv_journal *journal = must_open();
    struct nv_journal_task got;
    (void)state;
    add_twin(journal, 10, NAVE_FAILED);
    add_twin(journal, 11, NAVE_SUCCEEDED);
    add_twin(journal, 12, NAVE_FAILED);
    add_twin(journal, 13, NAVE_SUCCEEDED);
    add_twin(journal, 16, NAVE_CANCELLED); /* was never run: is to be run */
    must_close(journal);
    journal = must_open();
    add_twin(journal, 14, NAVE_SUCCEEDED);
    add_twin(journal, 15, NAVE_FAILED);
    must_close(journal);

    journal = must_open();
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        assert_true(nv_journal_take(journal, digest_of(99), &got));
        assert_int_equal(got.index, order[i]);
    }
    assert_false(nv_journal_take(journal, digest_of(99), &got));
    assert_false(nv_journal_take(journal, digest_of(99), &got));
    must_close(journal);
}

static void what_failed_is_run_again_on_demand(void **state)
{
    struct nv_journal *journal = must_open();
    struct nv_journal_task got;
    (void)state;
    add_twin(journal, 1, NAVE_FAILED);
    add_twin(journal, 2, NAVE_SUCCEEDED);
    add_twin(journal, 3, NAVE_FAILED);
    must_close(journal);
    assert_int_equal(try_open("a\nb\n", true, &journal), NAVE_OK);
    assert_int_equal(nv_journal_left(journal), 1);
    add_twin(journal, 4, NAVE_FAILED); /* it failed again */
    must_close(journal);

    journal = must_open();
    assert_int_equal(nv_journal_left(journal), 2);
    assert_true(nv_journal_take(journal, digest_of(99), &got));
    assert_int_equal(got.index, 2);
    assert_true(nv_journal_take(journal, digest_of(99), &got));
    assert_int_equal(got.index, 4);
    must_close(journal);
}

static void other_kernels_are_noticed(void **state)
{
    static const char *const kernels[] = {"a\n", "a\n", "a\nb\n", "a\nb\n", "", "a\n"};
    static const bool changed[] = {false, false, true, false, true, true};
    struct nv_journal *journal;
    (void)state;
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        assert_int_equal(try_open(kernels[i], false, &journal), NAVE_OK);
        assert_int_equal(nv_journal_changed(journal), changed[i]);
        must_close(journal);
    }
}

/* As long as somebody stands on a row, SQLite cannot begin its WAL anew, and says that it is busy. */
static void a_taken_record_keeps_no_wal(void **state)
{
    struct nv_journal *journal = must_open();
    struct nv_database *other;
    struct nv_journal_task got;
    int64_t busy = -1;
    (void)state;
    add_filled(journal, 5, 4000);
    must_close(journal);
    journal = must_open();
    assert_true(nv_journal_take(journal, digest_of(5), &got));
    other = nv_database_open(path, true);
    assert_true(nv_database_number(other, "PRAGMA wal_checkpoint(TRUNCATE)", &busy));
    nv_database_close(other);
    assert_int_equal(busy, 0);
    assert_int_equal(size_of_file("-wal"), 0);
    assert_filled(got.data, got.size, 5, 4000); /* it is there still */
    assert_string_equal(got.host, "here");
    must_close(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(records_come_back_whole),   IN_FOLDER(many_records_are_all_there),
        IN_FOLDER(twins_are_taken_once_each), IN_FOLDER(what_failed_is_run_again_on_demand),
        IN_FOLDER(other_kernels_are_noticed), IN_FOLDER(a_taken_record_keeps_no_wal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
