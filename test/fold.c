/* ranks: 1 2 4
 *
 * Folds: the same bits from any number of ranks, whoever ran what. */
#include "fold.h"
#include "frame.h"
#include "ranks.h"

/* Fills in the result of one task (zeros so far, or what the slot holds). */
typedef void task_fn(void *out, int count, uint64_t index);

struct trial {
    const char *name;
    task_fn *task;
    MPI_Datatype type;
    MPI_Op op;
    int count;
    uint64_t n, chunk;
    bool accumulates;
};

enum deal { IN_TURN, TO_ONE, AT_RANDOM, DEALS };

static struct nv_error error;
static MPI_Op compose, subtract, keep_first, join_spans; /* see below */

static const nave_op *own_ops(size_t *count)
{
    static nave_op ops[4];
    ops[0] = (nave_op){"compose", compose};
    ops[1] = (nave_op){"subtract", subtract};
    ops[2] = (nave_op){"keep_first", keep_first};
    ops[3] = (nave_op){"join_spans", join_spans};
    *count = 4;
    return ops;
}

/* The rank that runs a block; rank 0 only when it is alone. */
static int dealt_to(enum deal deal, uint64_t block)
{
    uint64_t seed = block, engines = (uint64_t)ranks_engines();
    if (deal == TO_ONE)
        return ranks_engine((int)engines - 1);
    return ranks_engine((int)((deal == IN_TURN ? block : ranks_random(&seed)) % engines));
}

/* What this rank holds after its tasks: NULL when it had none. */
static struct nv_partial *run_tasks(const struct trial *trial, const struct nv_fold *hub_fold,
                                    enum deal deal)
{
    static unsigned char wire[NV_EXTRA_MAX];
    size_t op_count, size = nv_fold_encode(hub_fold, wire, sizeof wire);
    const nave_op *ops = own_ops(&op_count);
    struct nv_partial *partial = NULL;
    struct nv_fold fold;
    char message[200];
    uint64_t block = hub_fold->block > 0 ? hub_fold->block : 10;
    for (uint64_t i = 0; i < trial->n; i++) {
        void *out;
        if (dealt_to(deal, i / block) != ranks.rank)
            continue;
        if (partial == NULL) {
            if (CHECK(nv_fold_decode(&fold, wire, size, ops, op_count, true, message,
                                     sizeof message)))
                partial = nv_partial_new(1, &fold, trial->accumulates);
            if (!CHECK(partial != NULL))
                return NULL;
        }
        out = nv_partial_begin(partial, i);
        CHECK(out != NULL);
        if (out == NULL)
            return partial;
        trial->task(out, trial->count, i);
        CHECK(nv_partial_end(partial, i) == NAVE_OK);
    }
    return partial;
}

static bool same_bits(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

/* left = left op right, by MPI, elements as they lie. */
static void combine(const struct trial *trial, void *left, void *right, size_t size)
{
    MPI_Reduce_local(left, right, trial->count, trial->type, trial->op);
    memcpy(left, right, size);
}

/* What a serial loop makes of the same blocks. */
static void run_serially(const struct trial *trial, const struct nv_fold *fold, void *acc)
{
    size_t size = nv_fold_size(fold);
    uint64_t block = fold->block > 0 ? fold->block : trial->n;
    char *slot = calloc(1, size + 1), *one = calloc(1, size + 1);
    CHECK(slot != NULL && one != NULL);
    for (uint64_t first = 0; slot != NULL && one != NULL && first < trial->n; first += block) {
        memset(slot, 0, size);
        for (uint64_t i = first; i < first + block && i < trial->n; i++) {
            memset(one, 0, size);
            trial->task(trial->accumulates || i == first ? slot : one, trial->count, i);
            if (!trial->accumulates && i > first)
                combine(trial, slot, one, size);
        }
        if (first == 0)
            memcpy(acc, slot, size);
        else
            combine(trial, acc, slot, size);
    }
    free(slot);
    free(one);
}

static void run_trial(const struct trial *trial)
{
    size_t op_count, size;
    const nave_op *ops = own_ops(&op_count);
    struct nv_fold fold;
    if (!CHECK(nv_fold_init(&fold, ops, op_count, trial->n, trial->chunk, trial->count, trial->type,
                            trial->op, &error) == NAVE_OK))
        return;
    size = nv_fold_size(&fold);
    char *expected = calloc(1, size + 1), *acc = malloc(size + 1);
    run_serially(trial, &fold, expected);
    for (enum deal deal = IN_TURN; deal < DEALS; deal++) {
        struct nv_partial *partial = run_tasks(trial, &fold, deal);
        memset(acc, 0xa5, size + 1);
        CHECK(nv_fold_reduce(MPI_COMM_WORLD, &fold, partial, ranks.rank == 0 ? acc : NULL,
                             &error) == NAVE_OK);
        if (ranks.rank == 0)
            ranks_check(same_bits(acc, expected, size), __FILE__, __LINE__,
                        "%s, dealt %d: not as the serial loop", trial->name, (int)deal);
        CHECK((unsigned char)acc[size] == 0xa5);
        nv_partial_free(partial);
    }
    free(expected);
    free(acc);
    nv_fold_release(&fold);
}

/* -- kernels -- */

static void give_integers(void *out, int count, uint64_t index)
{
    for (int i = 0; i < count; i++)
        ((int64_t *)out)[i] += (int64_t)(index * index * 1000003 + (uint64_t)i) - 5000000;
}

/* Of all magnitudes, so that any other order of sums has other bits. */
static void give_doubles(void *out, int count, uint64_t index)
{
    uint64_t seed = index;
    for (int i = 0; i < count; i++) {
        double x = (double)(ranks_random(&seed) >> 11) - 4e15;
        ((double *)out)[i] += index % 3 == 0 ? x : x * 1e-9;
    }
}

static void give_negatives(void *out, int count, uint64_t index)
{
    for (int i = 0; i < count; i++)
        ((int *)out)[i] = -1 - (int)((index * 7919 + (uint64_t)i) % 1009);
}

static void give_odd_numbers(void *out, int count, uint64_t index)
{
    for (int i = 0; i < count; i++)
        ((unsigned *)out)[i] = 2 * (unsigned)index + 3;
}

enum { LARGE = 5 << 20 };

static void give_large(void *out, int count, uint64_t index)
{
    for (int i = 0; i < count; i++)
        memset((char *)out + (size_t)i * LARGE, (int)index + i + 1, LARGE);
}

static void give_triples(void *out, int count, uint64_t index)
{
    for (int i = 0; i < 3 * count; i++)
        ((unsigned char *)out)[i] = (unsigned char)(index + (uint64_t)i);
}

struct located {
    double value;
    int place;
};

static void give_located(void *out, int count, uint64_t index)
{
    for (int i = 0; i < count; i++)
        ((struct located *)out)[i] =
            (struct located){-(double)(index * 31 % 97) - 1, (int)index * 10 + i};
}

/* -- operations of the caller's -- */

/* x -> a x + b modulo a prime: associative, does not commute. */
struct affine {
    uint64_t a, b;
};

enum { PRIME = 1000003 };

static void compose_op(void *in, void *inout, int *count, MPI_Datatype *type)
{
    const struct affine *f = in;
    struct affine *g = inout;
    (void)type;
    for (int i = 0; i < *count; i++)
        g[i] = (struct affine){f[i].a * g[i].a % PRIME, (f[i].a * g[i].b + f[i].b) % PRIME};
}

static void give_affine(void *out, int count, uint64_t index)
{
    for (int i = 0; i < count; i++)
        ((struct affine *)out)[i] = (struct affine){index % 1009 + 2, index * 17 + (uint64_t)i};
}

/* Not even associative. */
static void subtract_op(void *in, void *inout, int *count, MPI_Datatype *type)
{
    (void)type;
    for (int i = 0; i < *count; i++)
        ((double *)inout)[i] = ((const double *)in)[i] - 0.5 * ((double *)inout)[i];
}

static void keep_first_op(void *in, void *inout, int *count, MPI_Datatype *type)
{
    MPI_Aint lower, extent;
    MPI_Type_get_extent(*type, &lower, &extent);
    memcpy(inout, in, (size_t)*count * (size_t)extent);
}

/* Has gaps, and more of them by its extent. */
struct span {
    char kind;
    double low, high;
    int count;
};

enum { SPAN_EXTENT = 48 };

static void join_spans_op(void *in, void *inout, int *count, MPI_Datatype *type)
{
    (void)type;
    for (int i = 0; i < *count; i++) {
        const struct span *a = (const void *)((char *)in + i * SPAN_EXTENT);
        struct span *b = (void *)((char *)inout + i * SPAN_EXTENT);
        b->kind = a->kind;
        b->low = a->low < b->low ? a->low : b->low;
        b->high = a->high > b->high ? a->high : b->high;
        b->count += a->count;
    }
}

static void give_span(void *out, int count, uint64_t index)
{
    for (int i = 0; i < count; i++) {
        struct span *span = (void *)((char *)out + i * SPAN_EXTENT);
        span->kind = (char)('a' + index % 26);
        span->low = (double)(index * 37 % 1000);
        span->high = span->low + i;
        span->count = 1;
    }
}

static MPI_Datatype span_type(void)
{
    const int lengths[] = {1, 2, 1};
    const MPI_Aint places[] = {offsetof(struct span, kind), offsetof(struct span, low),
                               offsetof(struct span, count)};
    const MPI_Datatype types[] = {MPI_CHAR, MPI_DOUBLE, MPI_INT};
    MPI_Datatype tight, type;
    MPI_Type_create_struct(3, lengths, places, types, &tight);
    MPI_Type_create_resized(tight, 0, SPAN_EXTENT, &type);
    MPI_Type_free(&tight);
    MPI_Type_commit(&type);
    return type;
}

/* -- tests -- */

static void integers_add_up_exactly(void **state)
{
    (void)state;
    run_trial(&(struct trial){"sum", give_integers, MPI_INT64_T, MPI_SUM, 100, 1000, 0, false});
    run_trial(&(struct trial){"accumulate", give_integers, MPI_INT64_T, MPI_SUM, 3, 999, 0, true});
    run_trial(&(struct trial){"xor", give_integers, MPI_INT64_T, MPI_BXOR, 1, 100, 0, false});
    run_trial(&(struct trial){"or", give_integers, MPI_INT64_T, MPI_BOR, 1, 100, 0, false});
    run_trial(&(struct trial){"one task", give_integers, MPI_INT64_T, MPI_SUM, 5, 1, 0, false});
    run_trial(&(struct trial){"many", give_integers, MPI_INT64_T, MPI_SUM, 1500000, 3, 0, false});
    ranks_agree();
}

static void doubles_are_folded_in_order(void **state)
{
    static const uint64_t chunks[] = {0, 1, 7, 1000, 5000};
    (void)state;
    for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
        struct trial trial = {"doubles", give_doubles, MPI_DOUBLE, MPI_SUM,
                              3,         1000,         chunks[c],  false};
        run_trial(&trial);
        trial.accumulates = true;
        run_trial(&trial);
    }
    run_trial(&(struct trial){"slots", give_doubles, MPI_DOUBLE, MPI_SUM, 1, 40000, 0, false});
    run_trial(&(struct trial){"one task", give_doubles, MPI_DOUBLE, MPI_SUM, 1, 1, 0, false});
    ranks_agree();
}

/* Ranks that have nothing must not put their zeros in. */
static void zeros_of_others_do_not_count(void **state)
{
    const MPI_Op ops[] = {MPI_MAX, MPI_MIN, MPI_PROD, MPI_BAND, MPI_LAND, MPI_LOR, MPI_LXOR};
    (void)state;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        run_trial(&(struct trial){"negatives", give_negatives, MPI_INT, ops[i], 4, 50, 0, false});
        run_trial(&(struct trial){"one", give_negatives, MPI_INT, ops[i], 4, 1, 0, false});
        run_trial(&(struct trial){"odd", give_odd_numbers, MPI_UNSIGNED, ops[i], 1, 33, 5, false});
    }
    run_trial(&(struct trial){"maxloc", give_located, MPI_DOUBLE_INT, MPI_MAXLOC, 3, 70, 0, false});
    run_trial(&(struct trial){"minloc", give_located, MPI_DOUBLE_INT, MPI_MINLOC, 3, 70, 4, false});
    ranks_agree();
}

/* Composition is associative: any blocks give what the plain loop gives. */
static void operations_need_not_commute(void **state)
{
    enum { COUNT = 3, TASKS = 500 };
    MPI_Datatype pair;
    struct affine expected[COUNT] = {{0, 0}};
    (void)state;
    MPI_Type_contiguous(2, MPI_UINT64_T, &pair);
    MPI_Type_commit(&pair);
    give_affine(expected, COUNT, 0);
    for (uint64_t i = 1; i < TASKS; i++) {
        struct affine one[COUNT];
        int count = COUNT;
        give_affine(one, COUNT, i);
        compose_op(expected, one, &count, &pair);
        memcpy(expected, one, sizeof expected);
    }
    for (uint64_t chunk = 0; chunk < 40; chunk += 13) {
        struct trial trial = {"affine", give_affine, pair, compose, COUNT, TASKS, chunk, false};
        struct affine acc[COUNT];
        struct nv_partial *partial;
        struct nv_fold fold;
        size_t op_count;
        const nave_op *ops = own_ops(&op_count);
        run_trial(&trial);
        CHECK(nv_fold_init(&fold, ops, op_count, TASKS, chunk, COUNT, pair, compose, &error) ==
              NAVE_OK);
        partial = run_tasks(&trial, &fold, AT_RANDOM);
        CHECK(nv_fold_reduce(MPI_COMM_WORLD, &fold, partial, ranks.rank == 0 ? acc : NULL,
                             &error) == NAVE_OK);
        CHECK(ranks.rank != 0 || same_bits(acc, expected, sizeof acc));
        nv_partial_free(partial);
    }
    run_trial(&(struct trial){"subtract", give_doubles, MPI_DOUBLE, subtract, 2, 300, 0, false});
    run_trial(&(struct trial){"subtract", give_doubles, MPI_DOUBLE, subtract, 2, 300, 9, false});
    run_trial(&(struct trial){"first", give_negatives, MPI_INT, keep_first, 2, 300, 0, false});
    MPI_Type_free(&pair);
    ranks_agree();
}

static void derived_types_are_folded(void **state)
{
    MPI_Datatype type = span_type();
    (void)state;
    run_trial(&(struct trial){"spans", give_span, type, join_spans, 5, 200, 0, false});
    run_trial(&(struct trial){"spans", give_span, type, join_spans, 1, 200, 11, false});
    MPI_Type_free(&type);
    ranks_agree();
}

/* Results that take several MPI_Reduce calls, and single elements larger than such a call. */
static void large_results_go_in_pieces(void **state)
{
    MPI_Datatype large;
    (void)state;
    run_trial(&(struct trial){"8 MB", give_doubles, MPI_DOUBLE, MPI_SUM, 1000001, 5, 0, false});
    run_trial(&(struct trial){"slots", give_doubles, MPI_DOUBLE, MPI_SUM, 1001, 1200, 1, false});
    MPI_Type_contiguous(LARGE, MPI_CHAR, &large);
    MPI_Type_commit(&large);
    run_trial(&(struct trial){"5 MiB", give_large, large, keep_first, 2, 5, 1, false});
    MPI_Type_free(&large);
    ranks_agree();
}

/* Odd sizes, that do not fill a word. */
static void small_results_are_folded(void **state)
{
    MPI_Datatype three;
    (void)state;
    MPI_Type_contiguous(3, MPI_CHAR, &three);
    MPI_Type_commit(&three);
    for (int count = 1; count < 6; count++)
        run_trial(&(struct trial){"bytes", give_triples, three, keep_first, count, 100, 3, false});
    MPI_Type_free(&three);
    run_trial(&(struct trial){"nothing", give_negatives, MPI_INT, MPI_MAX, 0, 10, 0, false});
    run_trial(&(struct trial){"nothing", give_negatives, MPI_INT, MPI_SUM, 0, 10, 0, false});
    ranks_agree();
}

/* Engines without tasks stay out. */
static void some_ranks_may_take_part(void **state)
{
    const int32_t members[] = {(int32_t)ranks.size - 1};
    int count = ranks.size > 1 ? 1 : 0;
    struct trial trial = {"members", give_doubles, MPI_DOUBLE, MPI_SUM, 2, 100, 0, false};
    double acc[2] = {0, 0}, expected[2];
    struct nv_partial *partial;
    struct nv_fold fold;
    MPI_Comm mpi = MPI_COMM_NULL;
    (void)state;
    CHECK(nv_fold_init(&fold, NULL, 0, 100, 0, 2, MPI_DOUBLE, MPI_SUM, &error) == NAVE_OK);
    partial = run_tasks(&trial, &fold, TO_ONE);
    run_serially(&trial, &fold, expected);
    if (ranks.rank == 0 || ranks.rank == ranks.size - 1) {
        CHECK(nv_fold_comm(MPI_COMM_WORLD, members, count, &mpi, &error) == NAVE_OK);
        CHECK((mpi == MPI_COMM_WORLD) == (count == 0));
        CHECK(nv_fold_reduce(mpi, &fold, partial, ranks.rank == 0 ? acc : NULL, &error) == NAVE_OK);
        CHECK(ranks.rank != 0 || same_bits(acc, expected, sizeof acc));
        if (mpi != MPI_COMM_WORLD)
            MPI_Comm_free(&mpi);
    }
    nv_partial_free(partial);
    ranks_agree();
}

/* -- what cannot be folded -- */

static void refused(int code, const char *why, int count, MPI_Datatype type, MPI_Op op)
{
    struct nv_fold fold;
    size_t op_count;
    const nave_op *ops = own_ops(&op_count);
    int rc = nv_fold_init(&fold, ops, op_count, 10, 0, count, type, op, &error);
    ranks_check(rc == code && strstr(error.text, why) != NULL, __FILE__, __LINE__,
                "%s, '%s' instead of %s, '%s'", nave_error_name(rc), error.text,
                nave_error_name(code), why);
}

/* In words, where MPI's own handler would end the program. */
static void bad_pairs_are_refused(void **state)
{
    MPI_Datatype pair, shifted, negative;
    MPI_Op foreign;
    (void)state;
    MPI_Op_create(keep_first_op, 1, &foreign);
    MPI_Type_contiguous(2, MPI_DOUBLE, &pair);
    MPI_Type_create_resized(MPI_INT, 4, 8, &shifted);
    MPI_Type_create_resized(MPI_DOUBLE, 0, 4, &negative);
    MPI_Type_commit(&pair);
    MPI_Type_commit(&shifted);
    MPI_Type_commit(&negative);
    refused(NAVE_ETYPE, "not an MPI datatype", 1, MPI_DATATYPE_NULL, MPI_SUM);
    refused(NAVE_ETYPE, "does not work on this datatype", 1, MPI_DOUBLE, MPI_BAND);
    refused(NAVE_ETYPE, "does not work on this datatype", 1, MPI_INT, MPI_MAXLOC);
    refused(NAVE_ETYPE, "does not work on this datatype", 1, pair, MPI_SUM);
    refused(NAVE_ETYPE, "neither MPI's nor in nave_options.ops", 1, MPI_INT, foreign);
    refused(NAVE_ETYPE, "neither MPI's nor in nave_options.ops", 1, MPI_INT, MPI_OP_NULL);
    refused(NAVE_ETYPE, "lower bound of 0", 1, shifted, compose);
    refused(NAVE_ETYPE, "within its extent", 1, negative, compose);
    MPI_Type_free(&pair);
    MPI_Type_free(&shifted);
    MPI_Type_free(&negative);
    MPI_Op_free(&foreign);
    ranks_agree();
}

/* The caller's handler of MPI errors is left as it was. */
static void handlers_are_left_alone(void **state)
{
    MPI_Errhandler handler;
    (void)state;
    MPI_Comm_get_errhandler(MPI_COMM_WORLD, &handler);
    CHECK(handler == MPI_ERRORS_ARE_FATAL);
    MPI_Errhandler_free(&handler);
    ranks_agree();
}

/* Blocks depend on n and the size of a result alone: see nave_map_reduce(). */
static void blocks_are_as_the_manual_says(void **state)
{
    static const struct {
        uint64_t n, chunk;
        int count;
        uint64_t block, slots;
    } cases[] = {{0, 0, 1, 0, 1},
                 {1, 0, 1, 1, 1},
                 {16384, 0, 1, 1, 16384},
                 {16385, 0, 1, 2, 8193},
                 {100, 30, 1, 30, 4},
                 {100, 200, 1, 200, 1},
                 {1000, 0, 1 << 20, 63, 16},
                 {1000, 0, 1 << 23, 63, 16},
                 {1000, 0, 1 << 19, 63, 16},
                 {1000, 0, 1 << 18, 32, 32}};
    struct nv_fold fold;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(nv_fold_init(&fold, NULL, 0, cases[i].n, cases[i].chunk, cases[i].count, MPI_DOUBLE,
                           MPI_SUM, &error) == NAVE_OK);
        ranks_check(fold.block == cases[i].block && fold.slots == cases[i].slots, __FILE__,
                    __LINE__, "case %d: blocks of %d, %d slots", (int)i, (int)fold.block,
                    (int)fold.slots);
    }
    CHECK(nv_fold_init(&fold, NULL, 0, 1000, 7, 5, MPI_INT, MPI_SUM, &error) == NAVE_OK);
    CHECK(fold.block == 0 && fold.slots == 1);
    ranks_agree();
}

static void descriptions_are_checked(void **state)
{
    unsigned char wire[1024];
    size_t op_count, size;
    const nave_op *ops = own_ops(&op_count);
    MPI_Datatype type = span_type();
    struct nv_fold fold, found;
    char message[200];
    (void)state;
    NEED(nv_fold_init(&fold, ops, op_count, 9, 4, 3, type, join_spans, &error) == NAVE_OK);
    size = nv_fold_encode(&fold, wire, sizeof wire);
    CHECK(size > 0);
    for (size_t room = 0; room < size; room++) {
        unsigned char *exact = malloc(room + 1);
        CHECK(nv_fold_encode(&fold, exact, room) == 0);
        memcpy(exact, wire, room);
        message[0] = '\0';
        CHECK(!nv_fold_decode(&found, exact, room, ops, op_count, true, message, sizeof message));
        CHECK(strstr(message, "damaged") != NULL);
        free(exact);
    }
    CHECK(!nv_fold_decode(&found, wire, size, ops, 2, true, message, sizeof message));
    CHECK(strcmp(message, "operation 'join_spans' is not in this rank's nave_options.ops") == 0);
    if (CHECK(nv_fold_decode(&found, wire, size, ops, op_count, true, message, sizeof message))) {
        CHECK(found.op == join_spans && found.count == 3 && found.block == 4 && found.slots == 3);
        CHECK(found.extent == SPAN_EXTENT && found.type_made);
        nv_fold_release(&found);
    }
    MPI_Type_free(&type);
    ranks_agree();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_add_up_exactly),
        cmocka_unit_test(doubles_are_folded_in_order),
        cmocka_unit_test(zeros_of_others_do_not_count),
        cmocka_unit_test(operations_need_not_commute),
        cmocka_unit_test(derived_types_are_folded),
        cmocka_unit_test(large_results_go_in_pieces),
        cmocka_unit_test(small_results_are_folded),
        cmocka_unit_test(some_ranks_may_take_part),
        cmocka_unit_test(bad_pairs_are_refused),
        cmocka_unit_test(handlers_are_left_alone),
        cmocka_unit_test(blocks_are_as_the_manual_says),
        cmocka_unit_test(descriptions_are_checked),
    };
    int failed;
    ranks_init(&argc, &argv);
    MPI_Op_create(compose_op, 0, &compose);
    MPI_Op_create(subtract_op, 0, &subtract);
    MPI_Op_create(keep_first_op, 0, &keep_first);
    MPI_Op_create(join_spans_op, 0, &join_spans);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Op_free(&compose);
    MPI_Op_free(&subtract);
    MPI_Op_free(&keep_first);
    MPI_Op_free(&join_spans);
    MPI_Finalize();
    return failed;
}
