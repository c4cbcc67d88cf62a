/* farm - a random mix of calls, cancels and frees against a serial model.
 * ranks: 1 2 4 16
 *
 * The seed is printed; NAVE_TEST_SEED sets another.  Every other play has sub-hubs for groups of
 * engines; NAVE_TEST_GROUP sets how large they are in all plays (-1: none).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

/* ---------------------------------------------------------------------- the model, and the kernels
 */

/* What a task does depends on its input and number alone; so hub and engine agree on it. */
struct outcome {
    uint64_t key;
    int code;        /* what it returns */
    bool speaks;     /* fails with a text */
    bool own_output; /* by nave_output() */
    size_t size;
};

static uint64_t key_of(const void *in, size_t in_size, size_t index)
{
    uint64_t key = (uint64_t)in_size * 0x100000001b3u + index, word = 0;
    const unsigned char *bytes = in;
    for (size_t i = 0; i < in_size; i += 8) {
        memcpy(&word, bytes + i, in_size - i < 8 ? in_size - i : 8);
        key = (key ^ word) * 0x9e3779b97f4a7c15u;
        key ^= key >> 29;
    }
    return ranks_random(&key);
}

static struct outcome outcome_of(uint64_t key, size_t out_size, bool grows)
{
    struct outcome outcome = {.key = key, .size = out_size};
    uint64_t choice = key % 16, rest = key / 16;
    if (choice < 2) {
        outcome.code = 1 + (int)(rest % 5);
        outcome.speaks = choice == 0;
    } else if (choice == 2 || (choice == 3 && grows)) {
        outcome.own_output = true;
        outcome.size = rest % (choice == 2 ? out_size + 1 : 2 * out_size + 100);
    }
    return outcome;
}

static unsigned char byte_of(uint64_t key, size_t i)
{
    return (unsigned char)((key >> (i % 8 * 8)) + i / 8);
}

static bool is_result(const void *data, uint64_t key, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != byte_of(key, i))
            return false;
    return true;
}

static int act(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size,
               bool grows)
{
    struct outcome outcome =
        outcome_of(key_of(in, in_size, nave_task_index(task)), out_size, grows);
    unsigned char *bytes = out;
    if (outcome.speaks)
        nave_fail(task, "reason %d", outcome.code);
    if (outcome.own_output)
        bytes = nave_output(task, outcome.size);
    for (size_t i = 0; i < outcome.size && bytes != NULL; i++)
        bytes[i] = byte_of(outcome.key, i);
    return outcome.code;
}

static int plain(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    return act(task, in, in_size, out, out_size, false);
}

static int growing(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    return act(task, in, in_size, out, out_size, true);
}

static int number(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t x = (uint64_t)nave_task_index(task) + 1;
    (void)in, (void)in_size;
    memcpy(out, &x, out_size < sizeof x ? out_size : sizeof x);
    return 0;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(plain), NAVE_KERNEL(growing),
                                      NAVE_KERNEL(number)};

/* ---------------------------------------------------------------------------- futures in the air
 */

enum { FLIGHTS = 8, STEPS = 400, BYTES_MAX = 4 << 20, FILL = 0xa5, GUARD = 64 };

enum kind { APPLY, MAP_KEPT, MAP_PLACED, SOURCE };

struct flight {
    nave_future *future;
    enum kind kind;
    bool grows, cancelled;
    size_t n, in_size, out_size; /* a source draws n, or has no end (SIZE_MAX) */
    unsigned char *in, *out;
    unsigned char *seen; /* by number: was read */
    size_t seen_room, read;
    uint64_t key; /* of a source's inputs */
};

struct play {
    nave *ctx;
    uint64_t random;
    nave_view *views[4];
    int counts[4]; /* engines of each, of direct ones; 0: balanced */
    struct flight flights[FLIGHTS];
};

static size_t below(struct play *play, size_t n)
{
    return (size_t)(ranks_random(&play->random) % n);
}

static size_t random_size(struct play *play)
{
    const size_t around[] = {16384, 32768, 65536};
    switch (below(play, 12)) {
    case 0:
        return 0;
    case 1:
    case 2:
        return around[below(play, 3)] - 2 + below(play, 5);
    case 3:
        return 65536 + below(play, 200000);
    case 4:
        return below(play, 16) == 0 ? 2000000 + below(play, 2000000) : 8;
    case 5:
    case 6:
        return below(play, 3000);
    default:
        return below(play, 64);
    }
}

static void fill_random(uint64_t key, unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = ranks_random(&key);
        memcpy(bytes + i, &word, size - i < 8 ? size - i : 8);
    }
}

/* A source's inputs are made again where they are checked. */
static unsigned char drawn[80000];

static size_t source_input(const struct flight *flight, size_t index)
{
    uint64_t key = flight->key + index;
    size_t size = (size_t)(ranks_random(&key) % (key % 20 == 0 ? sizeof drawn : 200));
    fill_random(key, drawn, size);
    return size;
}

static int draw(void *arg, size_t index, const void **in, size_t *in_size)
{
    const struct flight *flight = arg;
    if (index >= flight->n)
        return 0;
    *in_size = source_input(flight, index);
    *in = drawn;
    return 1;
}

static struct outcome expected(const struct flight *flight, size_t index)
{
    uint64_t key;
    if (flight->kind == SOURCE)
        key = key_of(drawn, source_input(flight, index), index);
    else if (flight->kind == APPLY)
        key = key_of(flight->in, flight->in_size, index);
    else
        key = key_of(flight->in + index * flight->in_size, flight->in_size, index);
    return outcome_of(key, flight->out_size, flight->grows);
}

static bool untouched(const unsigned char *bytes, size_t from, size_t to)
{
    for (; from < to; from++)
        if (bytes[from] != FILL)
            return false;
    return true;
}

/* One finished task against the model. */
static void check_task(struct flight *flight, const nave_record *record)
{
    struct outcome outcome = expected(flight, record->index);
    bool placed = flight->kind == MAP_PLACED;
    bool fits = !placed || outcome.size <= flight->out_size;
    const unsigned char *place = placed ? flight->out + record->index * flight->out_size : NULL;
    size_t written = 0;
    char text[32] = "";
    switch (record->state) {
    case NAVE_CANCELLED:
        NEED(flight->cancelled);
        break;
    case NAVE_FAILED:
        if (outcome.speaks)
            snprintf(text, sizeof text, "reason %d", outcome.code);
        NEED(outcome.code != 0 || !fits);
        NEED(record->code == (outcome.code != 0 ? outcome.code : NAVE_ESIZE));
        NEED(outcome.code == 0 || strcmp(record->message, text) == 0);
        break;
    case NAVE_SUCCEEDED:
        written = outcome.size;
        NEED(outcome.code == 0 && fits && record->size == outcome.size);
        NEED(!placed || record->size == 0 || record->data == place);
        NEED(is_result(record->data, outcome.key, outcome.size));
        break;
    default:
        NEED(record->state >= NAVE_SUCCEEDED);
    }
    NEED(!placed || untouched(place, written, flight->out_size));
}

static void mark_seen(struct flight *flight, size_t index)
{
    if (index >= flight->seen_room) {
        size_t room = 2 * index + 64;
        unsigned char *seen = realloc(flight->seen, room);
        NEED(seen != NULL);
        memset(seen + flight->seen_room, 0, room - flight->seen_room);
        flight->seen = seen;
        flight->seen_room = room;
    }
    NEED(!flight->seen[index]);
    flight->seen[index] = 1;
    flight->read++;
}

static bool was_seen(const struct flight *flight, size_t index)
{
    return index < flight->seen_room && flight->seen[index];
}

static int read_one(struct flight *flight, double seconds)
{
    nave_record record;
    int rc = nave_next(flight->future, seconds, &record);
    if (rc == NAVE_OK) {
        mark_seen(flight, record.index);
        check_task(flight, &record);
    }
    return rc;
}

/* -------------------------------------------------------------------------------------- the moves
 */

static bool allocate(struct flight *flight, size_t inputs, size_t results)
{
    size_t out_bytes = results * flight->out_size + GUARD;
    flight->in = malloc(inputs * flight->in_size + 8);
    flight->out = malloc(out_bytes);
    if (!CHECK(flight->in != NULL && flight->out != NULL))
        return false;
    fill_random(flight->key, flight->in, inputs * flight->in_size);
    memset(flight->out, FILL, out_bytes);
    return true;
}

static void start(struct play *play, struct flight *flight)
{
    size_t v = below(play, 4), most;
    nave_view *view = play->views[v];
    const char *kernel;
    memset(flight, 0, sizeof *flight);
    flight->kind = (enum kind)below(play, 4);
    flight->grows = below(play, 2);
    flight->key = ranks_random(&play->random);
    flight->in_size = random_size(play);
    flight->out_size = random_size(play);
    kernel = flight->grows ? "growing" : "plain";
    most = BYTES_MAX / (flight->in_size + flight->out_size + 1) + 2;
    flight->n = below(play, most < 3000 ? most : 3000);
    if (flight->kind == APPLY)
        flight->n = play->counts[v] > 0 ? (size_t)play->counts[v] : 1;
    if (flight->kind == SOURCE && below(play, 3) == 0)
        flight->n = SIZE_MAX;
    if (!allocate(flight, flight->kind == SOURCE ? 0 : flight->n,
                  flight->kind == MAP_PLACED ? flight->n : 0))
        return;
    if (flight->kind == APPLY)
        GIVES(NAVE_OK, nave_apply(view, kernel, flight->in, flight->in_size, flight->out_size,
                                  &flight->future));
    else if (flight->kind == SOURCE)
        GIVES(NAVE_OK,
              nave_map_from(view, kernel, draw, flight, flight->out_size, &flight->future));
    else
        GIVES(NAVE_OK, nave_map_start(view, kernel, flight->in, flight->in_size,
                                      flight->kind == MAP_PLACED ? flight->out : NULL,
                                      flight->out_size, flight->n, &flight->future));
}

static void clear(struct flight *flight)
{
    nave_future_free(flight->future);
    free(flight->in);
    free(flight->out);
    free(flight->seen);
    memset(flight, 0, sizeof *flight);
}

/* What is left to be read, by number: everything of it is finished. */
static void read_by_number(struct flight *flight)
{
    nave_counts counts;
    nave_count(flight->future, &counts);
    for (size_t i = 0; i < counts.total; i++) {
        nave_record record;
        if (was_seen(flight, i)) {
            NEED(nave_task_record(flight->future, i, &record) == NAVE_EINVAL);
            continue;
        }
        NEED_OK(nave_task_record(flight->future, i, &record));
        mark_seen(flight, i);
        check_task(flight, &record);
    }
}

static void check_end(struct flight *flight)
{
    nave_counts counts;
    int rc = nave_wait(flight->future, -1);
    nave_count(flight->future, &counts);
    NEED(counts.complete && counts.running == 0);
    NEED(counts.succeeded + counts.failed + counts.cancelled == counts.total);
    NEED(flight->read == counts.total);
    NEED(flight->kind == SOURCE || counts.total == flight->n);
    NEED(flight->cancelled || flight->kind != SOURCE || counts.total == flight->n);
    NEED(nave_failed(flight->future, NULL, 0) == counts.failed);
    if (counts.failed > 0)
        NEED(rc == NAVE_ETASK);
    else
        NEED(rc == (flight->cancelled ? NAVE_ECANCELED : NAVE_OK) ||
             (rc == NAVE_OK && counts.cancelled == 0));
    NEED(flight->kind != MAP_PLACED ||
         untouched(flight->out + flight->n * flight->out_size, 0, GUARD));
}

static void finish(struct play *play, struct flight *flight)
{
    int rc = NAVE_OK;
    if (flight->n == SIZE_MAX && !flight->cancelled) {
        for (size_t i = below(play, 500); i > 0; i--)
            NEED_OK(read_one(flight, -1));
        NEED_OK(nave_cancel(flight->future));
        flight->cancelled = true;
    }
    if (flight->kind != SOURCE && below(play, 2) == 0) {
        nave_wait(flight->future, -1);
        read_by_number(flight);
        rc = NAVE_END;
    }
    while (rc == NAVE_OK)
        rc = read_one(flight, -1);
    if (CHECK(rc == NAVE_END))
        check_end(flight);
    clear(flight);
}

static void blocking_call(struct play *play)
{
    nave_view *view = play->views[below(play, 4)];
    uint64_t out[50], sum = 0;
    NEED_OK(nave_map(view, "number", NULL, 0, out, sizeof *out, 50));
    for (size_t i = 0; i < 50; i++)
        NEED(out[i] == i + 1);
    NEED_OK(nave_map_reduce(view, "number", NULL, 0, 300, &sum, 1, MPI_UINT64_T, MPI_SUM));
    NEED(sum == 300 * 301 / 2);
}

static void step(struct play *play)
{
    struct flight *flight = &play->flights[below(play, FLIGHTS)];
    size_t move = below(play, 20);
    if (flight->future == NULL) {
        start(play, flight);
    } else if (move < 2) {
        NEED_OK(nave_cancel(flight->future));
        flight->cancelled = true;
    } else if (move < 4) {
        clear(flight);
    } else if (move < 9) {
        finish(play, flight);
    } else if (move < 14) {
        for (size_t i = below(play, 50); i > 0; i--)
            read_one(flight, 0);
    } else if (move < 15) {
        blocking_call(play);
    } else {
        nave_test(flight->future);
    }
}

static void open_views(struct play *play)
{
    int some[16], m = 0;
    for (int j = ranks_engines() - 1; j >= 0; j -= 2)
        some[m++] = ranks_engine(j);
    NEED_OK(nave_balanced(play->ctx, NULL, &play->views[0]));
    NEED_OK(nave_balanced(
        play->ctx,
        &(nave_policy){
            .chunk = 5, .window = 3, .backlog = 40, .engines = some, .engine_count = (size_t)m},
        &play->views[1]));
    NEED_OK(nave_direct(play->ctx, NULL, 0, &play->views[2]));
    NEED_OK(nave_direct(play->ctx, some, (size_t)m, &play->views[3]));
    play->counts[2] = ranks_engines();
    play->counts[3] = m;
}

static struct play play; /* the memory of a future that is left to nave_close() must outlive it */

static void play_hub(nave *ctx)
{
    unsigned long before = ranks.failures;
    play.ctx = ctx;
    open_views(&play);
    for (int i = 0; i < STEPS && ranks.failures == before; i++)
        step(&play);
    for (int f = 0; f < FLIGHTS - 1; f++) /* nave_close() gets the last */
        if (play.flights[f].future != NULL)
            finish(&play, &play.flights[f]);
}

static void play_round(uint64_t seed, int group)
{
    const nave_options opt = {.kernels = kernels, .kernel_count = 3, .group = group};
    memset(&play, 0, sizeof play);
    play.random = seed;
    if (ranks.rank == 0)
        print_message("seed %llu, groups of %d\n", (unsigned long long)seed, group);
    ranks_farm(&opt, play_hub);
    play.flights[FLIGHTS - 1].future = NULL; /* gone with its context */
    clear(&play.flights[FLIGHTS - 1]);
}

static void test_play(void **state)
{
    const char *given = getenv("NAVE_TEST_SEED");
    const char *group = getenv("NAVE_TEST_GROUP");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : 20240229;
    static const int groups[] = {-1, 2, -1, 4};
    (void)state;
    for (uint64_t round = 0; round < 4; round++)
        play_round(seed + round, group != NULL ? (int)strtol(group, NULL, 10) : groups[round]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_play)};
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
