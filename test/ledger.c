/* The ledger: arrivals, memory, failures and their digest. */
#include "ledger.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static struct nv_ledger ledger;
static nave_record record;

static int set_up(void **state)
{
    (void)state;
    nv_ledger_init(&ledger);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    nv_ledger_release(&ledger);
    return 0;
}

static void send(uint64_t first, uint64_t count)
{
    assert_true(nv_ledger_send(&ledger, first, count));
}

/* The task gives its own number, in memory that the ledger owns. */
static void succeed(uint64_t index, bool keep)
{
    struct nv_entry *entry = nv_ledger_look(&ledger, index);
    assert_non_null(entry);
    if (keep) {
        entry->data = malloc(sizeof index);
        assert_non_null(entry->data);
        memcpy(entry->data, &index, sizeof index);
        entry->size = sizeof index;
        entry->owned = 1;
    }
    nv_ledger_finish(&ledger, index, NAVE_SUCCEEDED, keep);
}

static void blame(uint64_t index, int engine, int code, const char *message)
{
    nv_ledger_blame(&ledger, index, engine, code, message, strlen(message));
    nv_ledger_finish(&ledger, index, NAVE_FAILED, true);
}

static void assert_next(uint64_t index)
{
    uint64_t found;
    assert_true(nv_ledger_next(&ledger, &record));
    assert_int_equal(record.index, index);
    assert_int_equal(record.state, NAVE_SUCCEEDED);
    assert_int_equal(record.size, sizeof found);
    memcpy(&found, record.data, sizeof found);
    assert_int_equal(found, index);
}

static void assert_none_left(void)
{
    assert_false(nv_ledger_next(&ledger, &record));
    assert_int_equal(ledger.unread, 0);
}

/* -- entries -- */

static void unknown_tasks_wait(void **state)
{
    (void)state;
    assert_null(nv_ledger_look(&ledger, 0));
    assert_null(nv_ledger_look(&ledger, UINT64_MAX));
    assert_int_equal(nv_ledger_state(&ledger, 5), NAVE_WAITING);
    assert_int_equal(nv_ledger_state(&ledger, UINT64_MAX), NAVE_WAITING);
    assert_false(nv_ledger_was_read(&ledger, 5));
    nv_ledger_record(&ledger, 5, &record);
    assert_int_equal(record.index, 5);
    assert_int_equal(record.state, NAVE_WAITING);
    assert_int_equal(record.engine, -1);
    assert_int_equal(record.attempts, 0);
    assert_string_equal(record.message, "");
    assert_string_equal(record.host, "");
    assert_none_left();
    assert_string_equal(nv_ledger_digest(&ledger, 0), "");
}

/* Rows that begin and end anywhere in the pages; neighbours stay as they were. */
static void rows_are_sent(void **state)
{
    static const uint64_t rows[][2] = {{3, 2},
                                       {NV_PAGE - 1, 2},
                                       {2 * NV_PAGE, NV_PAGE},
                                       {4 * NV_PAGE - 5, 3 * NV_PAGE},
                                       {100 * NV_PAGE, 1},
                                       {10 * NV_PAGE + 7, 1}};
    unsigned char *sent = calloc(101 * NV_PAGE, 1);
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        send(rows[r][0], rows[r][1]);
        memset(sent + rows[r][0], 1, (size_t)rows[r][1]);
        for (uint64_t i = 0; i < 101 * NV_PAGE; i++)
            assert_int_equal(nv_ledger_state(&ledger, i), sent[i] ? NAVE_RUNNING : NAVE_WAITING);
    }
    send(50, 0);
    assert_int_equal(nv_ledger_state(&ledger, 50), NAVE_WAITING);
    free(sent);
}

/* What is written into an entry stays, however many others follow. */
static void entries_keep_what_they_hold(void **state)
{
    enum { MANY = 3 * NV_PAGE };
    (void)state;
    for (uint64_t i = 0; i < MANY; i++) {
        struct nv_entry *entry = nv_ledger_entry(&ledger, i);
        assert_non_null(entry);
        entry->started = (double)i;
        entry->engine = (int)(i % 7);
    }
    for (uint64_t i = 0; i < MANY; i++) {
        struct nv_entry *entry = nv_ledger_look(&ledger, i);
        assert_non_null(entry);
        assert_true(entry->started == (double)i);
        assert_int_equal(entry->engine, i % 7);
    }
}

static void records_say_what_is_known(void **state)
{
    struct nv_entry *entry;
    (void)state;
    send(0, 3);
    for (uint64_t i = 0; i < 3; i++) {
        entry = nv_ledger_look(&ledger, i);
        entry->submitted = 1;
        entry->engine = 4;
    }
    nv_ledger_record(&ledger, 0, &record);
    assert_int_equal(record.state, NAVE_RUNNING);
    assert_int_equal(record.attempts, 1);
    for (uint64_t i = 0; i < 2; i++) {
        entry = nv_ledger_look(&ledger, i);
        entry->started = 2;
        entry->ended = 3;
    }
    succeed(0, true);
    blame(1, 4, -77, "no luck");
    nv_ledger_finish(&ledger, 2, NAVE_CANCELLED, true);
    nv_ledger_record(&ledger, 0, &record);
    assert_int_equal(record.state, NAVE_SUCCEEDED);
    assert_int_equal(record.engine, 4);
    assert_true(record.submitted == 1 && record.started == 2 && record.ended == 3);
    assert_int_equal(record.size, sizeof(uint64_t));
    assert_int_equal(record.code, 0);
    nv_ledger_record(&ledger, 1, &record);
    assert_int_equal(record.state, NAVE_FAILED);
    assert_int_equal(record.code, -77);
    assert_string_equal(record.message, "no luck");
    assert_null(record.data);
    assert_int_equal(record.size, 0);
    nv_ledger_record(&ledger, 2, &record);
    assert_int_equal(record.state, NAVE_CANCELLED);
    assert_null(record.data);
    assert_int_equal(record.code, 0);
}

/* -- reading -- */

static void results_come_in_order_of_arrival(void **state)
{
    enum { MANY = 5 * NV_PAGE + 3 };
    (void)state;
    send(0, MANY);
    for (uint64_t i = 0; i < MANY; i++)
        succeed(i * 7 % MANY, true);
    assert_int_equal(ledger.succeeded, MANY);
    assert_int_equal(ledger.unread, MANY);
    for (uint64_t i = 0; i < MANY; i++) {
        assert_false(nv_ledger_was_read(&ledger, i * 7 % MANY));
        assert_next(i * 7 % MANY);
        assert_true(nv_ledger_was_read(&ledger, i * 7 % MANY));
        assert_true(nv_ledger_state(&ledger, i * 7 % MANY) > NAVE_RUNNING);
    }
    assert_none_left();
    assert_none_left();
}

/* Reading overtakes arriving, again and again. */
static void reading_and_arriving_take_turns(void **state)
{
    (void)state;
    send(0, 1000);
    for (uint64_t i = 0; i < 1000; i += 2) {
        succeed(i + 1, true);
        succeed(i, true);
        assert_next(i + 1);
        assert_next(i);
        assert_none_left();
    }
}

/* Also those that were never with an engine. */
static void cancelled_tasks_arrive(void **state)
{
    (void)state;
    send(0, 1);
    assert_non_null(nv_ledger_entry(&ledger, 700));
    nv_ledger_finish(&ledger, 700, NAVE_CANCELLED, true);
    nv_ledger_finish(&ledger, 0, NAVE_CANCELLED, true);
    assert_true(nv_ledger_next(&ledger, &record));
    assert_int_equal(record.index, 700);
    assert_int_equal(record.state, NAVE_CANCELLED);
    assert_true(nv_ledger_next(&ledger, &record));
    assert_int_equal(record.index, 0);
    assert_none_left();
    assert_int_equal(ledger.cancelled, 2);
    assert_string_equal(nv_ledger_digest(&ledger, 10), "2 of 10 tasks cancelled");
}

/* Results that nobody wants are counted and gone; others of the same page stay. */
static void discarded_results_are_gone(void **state)
{
    (void)state;
    send(0, 2 * NV_PAGE);
    for (uint64_t i = 0; i < 2 * NV_PAGE; i++)
        succeed(i, i % 100 == 0);
    assert_int_equal(ledger.succeeded, 2 * NV_PAGE);
    for (uint64_t i = 0; i < 2 * NV_PAGE; i += 100)
        assert_next(i);
    assert_none_left();
    assert_true(nv_ledger_was_read(&ledger, 1));
    assert_null(nv_ledger_look(&ledger, 1));
}

/* Results in the caller's memory are not the ledger's to free. */
static void the_callers_memory_is_left_alone(void **state)
{
    double result = 2.5;
    (void)state;
    send(0, 1);
    nv_ledger_look(&ledger, 0)->data = &result;
    nv_ledger_look(&ledger, 0)->size = sizeof result;
    nv_ledger_finish(&ledger, 0, NAVE_SUCCEEDED, true);
    assert_true(nv_ledger_next(&ledger, &record));
    assert_ptr_equal(record.data, &result);
    assert_int_equal(record.size, sizeof result);
    assert_none_left();
}

/* The address sanitizer keeps freed memory back for a while. */
#if defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* Ten million tasks, of which 1000 are with engines or wait to be read at any time. */
static void memory_is_freed_as_results_are_read(void **state)
{
    enum { MANY = 10000000, AHEAD = 1000 };
    long before = peak_kib();
    (void)state;
    for (uint64_t i = 0; i < MANY + AHEAD; i++) {
        if (i < MANY)
            send(i, 1);
        if (i >= AHEAD)
            succeed(i - AHEAD, i % 2 == 0);
        if (i >= AHEAD && i % 2 == 0)
            assert_next(i - AHEAD);
    }
    assert_none_left();
    assert_int_equal(ledger.succeeded, MANY);
    assert_in_range(peak_kib() - before, 0, SANITIZED ? 512 * 1024 : 16 * 1024);
}

/* -- failures -- */

static void the_digest_says_how_many_why_and_which(void **state)
{
    (void)state;
    send(0, 1000);
    for (uint64_t i = 0; i < 1000; i++) {
        if (i >= 17 && i < 47)
            blame(i, 1 + 2 * (int)(i % 2), 2, "no such file");
        else if (i == 3 || i >= 994)
            blame(i, 2, 5, "");
        else
            succeed(i, false);
    }
    assert_int_equal(ledger.failed, 37);
    assert_int_equal(ledger.succeeded, 963);
    assert_string_equal(
        nv_ledger_digest(&ledger, 1000),
        "37 of 1000 tasks failed: 30 x \"no such file\" (code 2; engines 3, 1; first 17), "
        "7 x code 5 (engine 2; first 3); tasks 3, 17-46, 994-999");
}

static void one_failure_is_singular(void **state)
{
    (void)state;
    send(0, 1);
    blame(0, 0, NAVE_ESIZE, "too long");
    assert_string_equal(
        nv_ledger_digest(&ledger, 1),
        "1 of 1 tasks failed: 1 x \"too long\" (code -8; engine 0; first 0); task 0");
}

static void failures_and_cancels_together(void **state)
{
    (void)state;
    send(0, 3);
    blame(0, 1, 1, "x");
    nv_ledger_finish(&ledger, 1, NAVE_CANCELLED, true);
    nv_ledger_finish(&ledger, 2, NAVE_CANCELLED, true);
    assert_string_equal(nv_ledger_digest(&ledger, 3),
                        "1 of 3 tasks failed: 1 x \"x\" (code 1; engine 1; first 0); task 0; "
                        "2 of 3 tasks cancelled");
}

/* One message with two codes is two ways to fail. */
static void codes_are_told_apart(void **state)
{
    (void)state;
    send(0, 4);
    for (uint64_t i = 0; i < 4; i++)
        blame(i, 1, 1 + (int)(i % 2), "same words");
    assert_int_equal(ledger.failure_count, 2);
    assert_int_equal(ledger.failures[0].count, 2);
    assert_int_equal(ledger.failures[1].count, 2);
}

static void failed_tasks_are_listed_in_order(void **state)
{
    size_t indices[8];
    (void)state;
    send(0, 1000);
    for (int i = 9; i > 0; i--)
        blame((uint64_t)i * 100, 1, 1, "x");
    memset(indices, 0, sizeof indices);
    assert_int_equal(nv_ledger_failed(&ledger, indices, 3), 9);
    assert_int_equal(indices[0], 100);
    assert_int_equal(indices[2], 300);
    assert_int_equal(indices[3], 0);
    assert_int_equal(nv_ledger_failed(&ledger, NULL, 0), 9);
    blame(50, 1, 1, "x"); /* after they were sorted */
    assert_int_equal(nv_ledger_failed(&ledger, indices, 8), 10);
    assert_int_equal(indices[0], 50);
    assert_int_equal(indices[7], 700);
}

/* Every task keeps its code and, for the first thousands of messages, its own message. */
static void thousands_of_messages(void **state)
{
    enum { MANY = 10000, KEPT = 4095 };
    char message[32];
    const char *digest;
    (void)state;
    send(0, MANY);
    for (uint64_t i = 0; i < MANY; i++) {
        snprintf(message, sizeof message, "message %d", (int)i);
        blame(i, (int)(i % 6), 1 + (int)(i % 3), message);
    }
    for (uint64_t i = 0; i < MANY; i++) {
        snprintf(message, sizeof message, "message %d", (int)i);
        nv_ledger_record(&ledger, i, &record);
        assert_int_equal(record.code, 1 + i % 3);
        assert_string_equal(record.message, i < KEPT ? message : "(further messages, not kept)");
    }
    assert_int_equal(nv_ledger_failed(&ledger, NULL, 0), MANY);
    digest = nv_ledger_digest(&ledger, MANY);
    assert_non_null(strstr(digest, "10000 of 10000 tasks failed: 5905 x \"(further messages, not "
                                   "kept)\" (engines 3, 4, 5, 0, ...; first 4095), "
                                   "1 x \"message 0\" (code 1; engine 0; first 0), "));
    assert_non_null(strstr(digest, ", 4088 other messages; tasks 0-9999"));
}

/* The digest stays one line of moderate length, whatever there is to say. */
static void digests_are_cut(void **state)
{
    char message[1024];
    const char *digest;
    (void)state;
    memset(message, 'x', sizeof message);
    message[sizeof message - 1] = '\0';
    send(0, 100000);
    for (uint64_t i = 0; i < 100000; i += 2) {
        message[0] = (char)('a' + i % 26);
        blame(i, (int)(i % 9), 1, message);
    }
    digest = nv_ledger_digest(&ledger, 100000);
    assert_true(strlen(digest) < 4096);
    assert_non_null(strstr(digest, "50000 of 100000 tasks failed: "));
    assert_non_null(strstr(digest, "tasks 0, 2, 4, 6, "));
    assert_non_null(strstr(digest, ", 126, ..."));
    assert_null(strstr(digest, "128"));
}

/* The first million are known by number; the digest does not pretend that these are all. */
static void a_million_failures_and_more(void **state)
{
    enum { MANY = 1200000, KNOWN = 1000000 };
    size_t *indices = calloc(MANY, sizeof *indices);
    const char *digest;
    (void)state;
    for (uint64_t i = 0; i < MANY; i++) {
        char message[32];
        uint64_t index = i ^ 1;
        snprintf(message, sizeof message, "%d", (int)(i % 5000));
        send(index, 1);
        blame(index, 1, 1, message);
        assert_true(nv_ledger_next(&ledger, &record));
        assert_int_equal(record.index, index);
    }
    assert_int_equal(ledger.failed, MANY);
    assert_int_equal(nv_ledger_failed(&ledger, indices, MANY), MANY);
    for (size_t i = 0; i < KNOWN; i++)
        assert_int_equal(indices[i], i);
    assert_int_equal(indices[KNOWN], 0);
    digest = nv_ledger_digest(&ledger, MANY);
    assert_string_equal(digest + strlen(digest) - strlen("; tasks 0-999999, ..."),
                        "; tasks 0-999999, ...");
    free(indices);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(memory_is_freed_as_results_are_read), /* first: it looks at the peak */
        TEST(unknown_tasks_wait),
        TEST(rows_are_sent),
        TEST(entries_keep_what_they_hold),
        TEST(records_say_what_is_known),
        TEST(results_come_in_order_of_arrival),
        TEST(reading_and_arriving_take_turns),
        TEST(cancelled_tasks_arrive),
        TEST(discarded_results_are_gone),
        TEST(the_callers_memory_is_left_alone),
        TEST(the_digest_says_how_many_why_and_which),
        TEST(one_failure_is_singular),
        TEST(failures_and_cancels_together),
        TEST(codes_are_told_apart),
        TEST(failed_tasks_are_listed_in_order),
        TEST(thousands_of_messages),
        TEST(digests_are_cut),
        TEST(a_million_failures_and_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
