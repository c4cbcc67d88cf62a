/* ledger - see ledger.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "ledger.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT64_MAX

enum {
    FAILURES_MAX = 4096, /* different messages kept; the last stands for the rest */
    TABLE_SIZE = 2 * FAILURES_MAX,
    FAILED_MAX = 1000000, /* failed tasks known by number */
    DIGEST_FAILURES = 8,  /* messages in a digest */
    DIGEST_RANGES = 64,   /* ranges of task numbers in a digest */
    DIGEST_ROOM = 4096
};

/* A page has room for its first tasks only, and grows: a future of one task stays small. */
struct nv_page {
    unsigned room;
    unsigned read;                    /* tasks that were read */
    unsigned char *states, *was_read; /* behind the entries */
    struct nv_entry entries[];
};

/* Stands in the directory for a page of which all was read. */
static struct nv_page all_read;

void nv_ledger_init(struct nv_ledger *ledger)
{
    memset(ledger, 0, sizeof *ledger);
    ledger->first = ledger->last = NONE;
}

void nv_ledger_init_one(struct nv_ledger *ledger, struct nv_one_page *room)
{
    struct nv_page *page = (struct nv_page *)(void *)room->bytes;
    _Static_assert(sizeof *room >= sizeof *page + sizeof page->entries[0] + 2, "one page");
    memset(room, 0, sizeof *room);
    page->room = 1;
    page->states = (unsigned char *)&page->entries[1];
    page->was_read = page->states + 1;
    nv_ledger_init(ledger);
    ledger->only = page;
    ledger->pages = &ledger->only;
    ledger->page_room = 1;
}

static void page_free(struct nv_page *page)
{
    if (page == NULL || page == &all_read)
        return;
    for (size_t i = 0; i < page->room; i++)
        if (page->entries[i].owned)
            free(page->entries[i].data);
    free(page);
}

void nv_ledger_release(struct nv_ledger *ledger)
{
    if (ledger->only != NULL && ledger->only->entries[0].owned)
        free(ledger->only->entries[0].data);
    for (size_t i = 0; ledger->only == NULL && i < ledger->page_room; i++)
        page_free(ledger->pages[i]);
    for (size_t i = 0; i < ledger->failure_count; i++)
        free(ledger->failures[i].message);
    if (ledger->only == NULL)
        free(ledger->pages);
    free(ledger->failures);
    free(ledger->failure_table);
    free(ledger->tasks_failed);
    free(ledger->handed);
    free(ledger->text);
}

/* -------------------------------------------------------------------------------------- entries */

static bool pages_grow(struct nv_ledger *ledger, size_t number)
{
    size_t room = ledger->page_room == 0 ? 4 : ledger->page_room;
    struct nv_page **pages;
    while (room <= number)
        room *= 2;
    pages = realloc(ledger->pages, room * sizeof *pages);
    if (pages == NULL)
        return false;
    for (size_t i = ledger->page_room; i < room; i++)
        pages[i] = NULL;
    ledger->pages = pages;
    ledger->page_room = room;
    return true;
}

/* The page of a task, NULL when it has no entry. */
static struct nv_page *page_of(const struct nv_ledger *ledger, uint64_t index)
{
    uint64_t number = index / NV_PAGE;
    struct nv_page *page = number < ledger->page_room ? ledger->pages[number] : NULL;
    return page == NULL || page == &all_read || index % NV_PAGE < page->room ? page : NULL;
}

/* A page of `room` entries that holds what `old` held. */
static struct nv_page *page_new(unsigned room, struct nv_page *old)
{
    struct nv_page *page = calloc(1, sizeof *page + room * (sizeof page->entries[0] + 2));
    if (page == NULL)
        return NULL;
    page->room = room;
    page->states = (unsigned char *)&page->entries[room];
    page->was_read = page->states + room;
    if (old != NULL) {
        page->read = old->read;
        memcpy(page->entries, old->entries, old->room * sizeof old->entries[0]);
        memcpy(page->states, old->states, old->room);
        memcpy(page->was_read, old->was_read, old->room);
        free(old);
    }
    return page;
}

static struct nv_page *page_make(struct nv_ledger *ledger, uint64_t index)
{
    size_t number = (size_t)(index / NV_PAGE);
    struct nv_page *page = page_of(ledger, index);
    unsigned room = 4;
    if (page != NULL)
        return page;
    if (number >= ledger->page_room && !pages_grow(ledger, number))
        return NULL;
    while (number > 0 ? room < NV_PAGE : room <= index)
        room *= 2;
    page = page_new(room, ledger->pages[number]);
    if (page != NULL)
        ledger->pages[number] = page;
    return page;
}

bool nv_ledger_send(struct nv_ledger *ledger, uint64_t first, uint64_t count)
{
    while (count > 0) {
        uint64_t at = first % NV_PAGE;
        uint64_t here = NV_PAGE - at < count ? NV_PAGE - at : count;
        struct nv_page *page = page_make(ledger, first + here - 1);
        if (page == NULL)
            return false;
        memset(page->states + at, NAVE_RUNNING, (size_t)here);
        first += here;
        count -= here;
    }
    return true;
}

struct nv_entry *nv_ledger_entry(struct nv_ledger *ledger, uint64_t index)
{
    struct nv_page *page = page_make(ledger, index);
    return page != NULL ? &page->entries[index % NV_PAGE] : NULL;
}

struct nv_entry *nv_ledger_look(const struct nv_ledger *ledger, uint64_t index)
{
    struct nv_page *page = page_of(ledger, index);
    return page == NULL || page == &all_read ? NULL : &page->entries[index % NV_PAGE];
}

enum nave_task_state nv_ledger_state(const struct nv_ledger *ledger, uint64_t index)
{
    struct nv_page *page = page_of(ledger, index);
    if (page == NULL)
        return NAVE_WAITING;
    if (page == &all_read) /* finished; how was forgotten */
        return NAVE_SUCCEEDED;
    return (enum nave_task_state)page->states[index % NV_PAGE];
}

bool nv_ledger_was_read(const struct nv_ledger *ledger, uint64_t index)
{
    struct nv_page *page = page_of(ledger, index);
    return page == &all_read || (page != NULL && page->was_read[index % NV_PAGE]);
}

/* Finished tasks within one page that nobody will read. */
static uint32_t skip_row(struct nv_ledger *ledger, uint64_t first, uint32_t count)
{
    struct nv_page *page = page_of(ledger, first);
    memset(page->was_read + first % NV_PAGE, 1, count);
    page->read += count;
    if (page->read == NV_PAGE) {
        page_free(page);
        ledger->pages[first / NV_PAGE] = &all_read;
    }
    return count;
}

static void fill_good(struct nv_entry *entry, const struct nv_good *good, uint32_t i,
                      double started)
{
    if (good->submitted >= 0)
        entry->submitted = good->submitted;
    entry->started = started;
    entry->ended = started + 1e-9 * good->nanoseconds[i];
    entry->data = good->data != NULL ? good->data + i * good->stride : NULL;
    entry->size = good->size;
    entry->engine = good->engine;
    entry->next = good->first + i + 1;
}

void nv_ledger_finish_row(struct nv_ledger *ledger, const struct nv_good *good)
{
    uint64_t last = good->first + good->count - 1;
    double started = good->started;
    for (uint32_t i = 0; i < good->count;) {
        uint64_t at = (good->first + i) % NV_PAGE;
        uint32_t here = (uint32_t)(NV_PAGE - at);
        struct nv_page *page = page_of(ledger, good->first + i);
        here = here < good->count - i ? here : good->count - i;
        assert(page != NULL && page != &all_read && at + here <= page->room);
        memset(page->states + at, NAVE_SUCCEEDED, here);
        if (!good->keep)
            i += skip_row(ledger, good->first + i, here);
        else
            for (uint32_t end = i + here; i < end; i++) {
                struct nv_entry *entry = &page->entries[at++];
                fill_good(entry, good, i, started);
                started = entry->ended;
            }
    }
    ledger->succeeded += good->count;
    if (!good->keep)
        return;
    nv_ledger_look(ledger, last)->next = NONE;
    if (ledger->last == NONE)
        ledger->first = good->first;
    else
        nv_ledger_look(ledger, ledger->last)->next = good->first;
    ledger->last = last;
    ledger->unread += good->count;
}

static void mark_read(struct nv_ledger *ledger, uint64_t index)
{
    skip_row(ledger, index, 1);
}

static void arrive(struct nv_ledger *ledger, uint64_t index)
{
    nv_ledger_look(ledger, index)->next = NONE;
    if (ledger->last == NONE)
        ledger->first = index;
    else
        nv_ledger_look(ledger, ledger->last)->next = index;
    ledger->last = index;
    ledger->unread++;
}

void nv_ledger_finish(struct nv_ledger *ledger, uint64_t index, enum nave_task_state state,
                      bool keep)
{
    struct nv_page *page = page_of(ledger, index);
    assert(page != NULL && page != &all_read && page->states[index % NV_PAGE] <= NAVE_RUNNING);
    page->states[index % NV_PAGE] = (unsigned char)state;
    ledger->succeeded += state == NAVE_SUCCEEDED;
    ledger->failed += state == NAVE_FAILED;
    ledger->cancelled += state == NAVE_CANCELLED;
    if (keep)
        arrive(ledger, index);
    else
        mark_read(ledger, index);
}

void nv_ledger_retry(struct nv_ledger *ledger, uint64_t index, bool crashed)
{
    struct nv_page *page = page_of(ledger, index);
    struct nv_entry *entry = nv_ledger_look(ledger, index);
    assert(entry != NULL && page->states[index % NV_PAGE] == NAVE_RUNNING);
    page->states[index % NV_PAGE] = NAVE_WAITING;
    entry->retried++;
    entry->crashes += crashed && entry->crashes < NV_CRASHES_MAX;
    entry->started = entry->ended = 0;
}

/* The page of a finished task, also when all of it was read: then all it had is forgotten. */
static struct nv_page *page_again(struct nv_ledger *ledger, uint64_t index)
{
    struct nv_page *page = page_of(ledger, index);
    if (page != &all_read)
        return page;
    page = page_new(NV_PAGE, NULL);
    if (page == NULL)
        return NULL;
    memset(page->states, NAVE_SUCCEEDED, NV_PAGE);
    memset(page->was_read, 1, NV_PAGE);
    page->read = NV_PAGE;
    ledger->pages[index / NV_PAGE] = page;
    return page;
}

/* It has not failed after all.  Returns whether it had. */
static bool forget_failure(struct nv_ledger *ledger, uint64_t index)
{
    struct nv_failed *failed = ledger->tasks_failed;
    for (size_t i = 0; i < ledger->failed_count; i++)
        if (failed[i].index == index) {
            memmove(&failed[i], &failed[i + 1], (--ledger->failed_count - i) * sizeof *failed);
            return true;
        }
    return false;
}

bool nv_ledger_reopen(struct nv_ledger *ledger, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        struct nv_page *page = page_again(ledger, i);
        if (page == NULL)
            return false;
        assert(page->states[i % NV_PAGE] > NAVE_RUNNING && page->was_read[i % NV_PAGE]);
        if (forget_failure(ledger, i))
            ledger->failed--;
        else
            ledger->succeeded--;
        page->states[i % NV_PAGE] = NAVE_RUNNING;
        page->was_read[i % NV_PAGE] = 0;
        page->read--;
    }
    return true;
}

unsigned nv_ledger_retried(const struct nv_ledger *ledger, uint64_t index)
{
    const struct nv_entry *entry = nv_ledger_look(ledger, index);
    return entry != NULL ? entry->retried : 0;
}

unsigned nv_ledger_crashes(const struct nv_ledger *ledger, uint64_t index)
{
    const struct nv_entry *entry = nv_ledger_look(ledger, index);
    return entry != NULL ? entry->crashes : 0;
}

/* -------------------------------------------------------------------------------------- reading */

void nv_ledger_record(const struct nv_ledger *ledger, uint64_t index, nave_record *record)
{
    nv_ledger_record_as(ledger, index, nv_ledger_state(ledger, index), record);
}

void nv_ledger_record_as(const struct nv_ledger *ledger, uint64_t index, enum nave_task_state state,
                         nave_record *record)
{
    const struct nv_entry *entry = nv_ledger_look(ledger, index);
    *record = (nave_record){
        .index = (size_t)index, .engine = -1, .message = "", .host = "", .output = ""};
    record->state = state;
    if (entry == NULL)
        return;
    record->submitted = entry->submitted;
    record->attempts = entry->retried + (record->state == NAVE_RUNNING || entry->ended > 0);
    if (record->state == NAVE_SUCCEEDED || record->state == NAVE_FAILED) {
        record->started = entry->started;
        record->ended = entry->ended;
        record->engine = entry->engine;
    }
    if (record->state == NAVE_SUCCEEDED) {
        record->data = entry->data;
        record->size = entry->size;
    }
    if (record->state == NAVE_FAILED) {
        record->code = entry->code;
        if (entry->failure < ledger->failure_count)
            record->message = ledger->failures[entry->failure].message;
    }
}

bool nv_ledger_next(struct nv_ledger *ledger, nave_record *record)
{
    uint64_t index = ledger->first;
    struct nv_entry *entry;
    free(ledger->handed);
    ledger->handed = NULL;
    if (index == NONE)
        return false;
    entry = nv_ledger_look(ledger, index);
    nv_ledger_record(ledger, index, record);
    if (entry->owned) {
        ledger->handed = entry->data;
        entry->data = NULL;
        entry->owned = 0;
    }
    ledger->first = entry->next;
    if (ledger->first == NONE)
        ledger->last = NONE;
    ledger->unread--;
    mark_read(ledger, index);
    return true;
}

/* ------------------------------------------------------------------------------------- failures */

static bool failure_is(const struct nv_failure *failure, int code, const char *message,
                       size_t message_size)
{
    return failure->code == code && strlen(failure->message) == message_size &&
           memcmp(failure->message, message, message_size) == 0;
}

static void *grow(void *array, size_t count, size_t *room, size_t each)
{
    size_t more = *room == 0 ? 16 : 2 * *room;
    if (count < *room)
        return array;
    array = realloc(array, more * each);
    if (array != NULL)
        *room = more;
    return array;
}

/* A new way to fail; NULL when out of memory. */
static struct nv_failure *failure_add(struct nv_ledger *ledger, int code, const char *message,
                                      size_t message_size)
{
    struct nv_failure *failures =
        grow(ledger->failures, ledger->failure_count, &ledger->failure_room, sizeof *failures);
    char *copy = malloc(message_size + 1);
    if (failures != NULL)
        ledger->failures = failures;
    if (failures == NULL || copy == NULL) {
        free(copy);
        return NULL;
    }
    if (message_size > 0)
        memcpy(copy, message, message_size);
    copy[message_size] = '\0';
    failures[ledger->failure_count] = (struct nv_failure){.code = code, .message = copy};
    return &failures[ledger->failure_count++];
}

/* Where a failure is in the table, or would go.  By FNV-1a (Fowler, Noll, Vo). */
static uint16_t *table_place(const struct nv_ledger *ledger, int code, const char *message,
                             size_t message_size)
{
    uint16_t *table = ledger->failure_table;
    uint64_t hash = 0xcbf29ce484222325 ^ (uint64_t)code;
    size_t at;
    for (size_t i = 0; i < message_size; i++)
        hash = (hash ^ (unsigned char)message[i]) * 0x100000001b3;
    at = (size_t)(hash ^ hash >> 32) % TABLE_SIZE;
    while (table[at] != 0 &&
           !failure_is(&ledger->failures[table[at] - 1], code, message, message_size))
        at = (at + 1) % TABLE_SIZE;
    return &table[at];
}

/* NULL when out of memory. */
static struct nv_failure *failure_find(struct nv_ledger *ledger, int code, const char *message,
                                       size_t message_size)
{
    static const char rest[] = "(further messages, not kept)";
    struct nv_failure *failure;
    uint16_t *place;
    if (ledger->failure_table == NULL)
        ledger->failure_table = calloc(TABLE_SIZE, sizeof *ledger->failure_table);
    if (ledger->failure_table == NULL)
        return NULL;
    place = table_place(ledger, code, message, message_size);
    if (*place != 0)
        return &ledger->failures[*place - 1];
    if (ledger->failure_count == FAILURES_MAX)
        return &ledger->failures[FAILURES_MAX - 1];
    if (ledger->failure_count == FAILURES_MAX - 1) /* of many codes, so of none */
        return failure_add(ledger, 0, rest, sizeof rest - 1);
    failure = failure_add(ledger, code, message, message_size);
    if (failure != NULL)
        *place = (uint16_t)ledger->failure_count;
    return failure;
}

static void failure_count(struct nv_failure *failure, uint64_t index, int engine)
{
    bool known = false;
    if (failure->count++ == 0 || index < failure->first)
        failure->first = index;
    for (int i = 0; i < failure->engine_count && i < 4; i++)
        known |= failure->engines[i] == engine;
    if (known || failure->engine_count > 4)
        return;
    if (failure->engine_count < 4)
        failure->engines[failure->engine_count] = engine;
    failure->engine_count++;
}

static void failed_add(struct nv_ledger *ledger, uint64_t index, const struct nv_failure *failure)
{
    struct nv_failed *tasks;
    if (ledger->failed_count == FAILED_MAX)
        return;
    tasks = grow(ledger->tasks_failed, ledger->failed_count, &ledger->failed_room, sizeof *tasks);
    if (tasks == NULL)
        return;
    tasks[ledger->failed_count++] =
        (struct nv_failed){index, (uint32_t)(failure - ledger->failures)};
    ledger->tasks_failed = tasks;
    ledger->failed_sorted = false;
}

void nv_ledger_blame(struct nv_ledger *ledger, uint64_t index, int engine, int code,
                     const char *message, size_t message_size)
{
    struct nv_failure *failure = failure_find(ledger, code, message, message_size);
    struct nv_entry *entry = nv_ledger_look(ledger, index);
    if (entry != NULL)
        entry->code = code;
    if (failure == NULL)
        return;
    failure_count(failure, index, engine);
    if (entry != NULL)
        entry->failure = (uint32_t)(failure - ledger->failures) & UINT16_MAX;
    failed_add(ledger, index, failure);
}

void nv_ledger_stray(struct nv_ledger *ledger, uint64_t index, int engine, int code,
                     const char *message, size_t message_size)
{
    struct nv_failure *failure = failure_find(ledger, code, message, message_size);
    ledger->failed++;
    ledger->strays++;
    if (failure == NULL)
        return;
    failure_count(failure, index, engine);
    failed_add(ledger, index, failure);
}

static int by_index(const void *a, const void *b)
{
    uint64_t i = ((const struct nv_failed *)a)->index, j = ((const struct nv_failed *)b)->index;
    return (i > j) - (i < j);
}

static void sort_failed(struct nv_ledger *ledger)
{
    if (!ledger->failed_sorted && ledger->failed_count > 0)
        qsort(ledger->tasks_failed, ledger->failed_count, sizeof *ledger->tasks_failed, by_index);
    ledger->failed_sorted = true;
}

size_t nv_ledger_failed(struct nv_ledger *ledger, size_t *indices, size_t room)
{
    sort_failed(ledger);
    for (size_t i = 0; i < ledger->failed_count && i < room; i++)
        indices[i] = (size_t)ledger->tasks_failed[i].index;
    return (size_t)ledger->failed;
}

/* --------------------------------------------------------------------------------------- digest */

/* Appends to a text of DIGEST_ROOM bytes; what does not fit is cut. */
static void say(char *text, const char *format, ...) NAVE_PRINTF(2, 3);

static void say(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, DIGEST_ROOM - used, format, args);
    va_end(args);
}

static int by_count(const void *a, const void *b)
{
    const struct nv_failure *f = *(const struct nv_failure *const *)a;
    const struct nv_failure *g = *(const struct nv_failure *const *)b;
    if (f->count != g->count)
        return f->count < g->count ? 1 : -1;
    return (f->first > g->first) - (f->first < g->first);
}

static void say_failure(char *text, const struct nv_failure *failure)
{
    say(text, "%llu x ", (unsigned long long)failure->count);
    if (failure->message[0] == '\0')
        say(text, "code %d (", failure->code);
    else if (failure->code == 0)
        say(text, "\"%.200s\" (", failure->message);
    else
        say(text, "\"%.200s\" (code %d; ", failure->message, failure->code);
    say(text, "engine%s ", failure->engine_count == 1 ? "" : "s");
    for (int i = 0; i < failure->engine_count && i < 4; i++)
        say(text, "%s%d", i == 0 ? "" : ", ", failure->engines[i]);
    if (failure->engine_count > 4)
        say(text, ", ...");
    say(text, "; first %llu)", (unsigned long long)failure->first);
}

static void say_failures(char *text, const struct nv_ledger *ledger)
{
    const struct nv_failure **order = malloc(ledger->failure_count * sizeof(void *));
    if (order == NULL)
        return;
    for (size_t i = 0; i < ledger->failure_count; i++)
        order[i] = &ledger->failures[i];
    qsort(order, ledger->failure_count, sizeof *order, by_count);
    for (size_t i = 0; i < ledger->failure_count && i < DIGEST_FAILURES; i++) {
        say(text, i == 0 ? ": " : ", ");
        say_failure(text, order[i]);
    }
    if (ledger->failure_count > DIGEST_FAILURES)
        say(text, ", %zu other messages", ledger->failure_count - DIGEST_FAILURES);
    free(order);
}

static void say_numbers(char *text, struct nv_ledger *ledger)
{
    const struct nv_failed *failed = ledger->tasks_failed;
    size_t ranges = 0;
    bool all = false;
    sort_failed(ledger);
    say(text, "; task%s", ledger->failed == 1 ? "" : "s");
    for (size_t i = 0; i < ledger->failed_count && ranges < DIGEST_RANGES; ranges++) {
        size_t end = i + 1;
        while (end < ledger->failed_count && failed[end].index == failed[end - 1].index + 1)
            end++;
        say(text, "%s%llu", ranges == 0 ? " " : ", ", (unsigned long long)failed[i].index);
        if (end > i + 1)
            say(text, "-%llu", (unsigned long long)failed[end - 1].index);
        i = end;
        all = i == ledger->failed;
    }
    if (!all)
        say(text, ", ...");
}

const char *nv_ledger_digest(struct nv_ledger *ledger, uint64_t total)
{
    if (ledger->failed == 0 && ledger->cancelled == 0)
        return "";
    if (ledger->text == NULL)
        ledger->text = malloc(DIGEST_ROOM);
    if (ledger->text == NULL)
        return "tasks failed (no memory to say which)";
    ledger->text[0] = '\0';
    if (ledger->failed > 0) {
        say(ledger->text, "%llu of %llu tasks failed", (unsigned long long)ledger->failed,
            (unsigned long long)total);
        say_failures(ledger->text, ledger);
        say_numbers(ledger->text, ledger);
    }
    if (ledger->cancelled > 0)
        say(ledger->text, "%s%llu of %llu tasks cancelled", ledger->failed > 0 ? "; " : "",
            (unsigned long long)ledger->cancelled, (unsigned long long)total);
    return ledger->text;
}
