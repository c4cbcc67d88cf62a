/* fold - see fold.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "fold.h"
#include "datatype.h"
#include "error_mpi.h"
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS_MIN = 16,
    SLOTS_MAX = 16384,
    PIECE_ROOM = 4 << 20, /* bytes in one MPI_Reduce, about */
    EXTENT_MAX = 1 << 30,
    BLOCK_MAX = 1 << 30
};
#define SLOTS_ROOM ((uint64_t)64 << 20) /* bytes in all slots, about */

struct nv_slot {
    uint64_t number;
    void *data;
};

/* ---------------------------------------------------------------------------------- description */

static int check_type(MPI_Datatype type, size_t *extent, struct nv_error *error)
{
    MPI_Aint lower, width, true_lower, true_width;
    if (type == MPI_DATATYPE_NULL || MPI_Type_get_extent(type, &lower, &width) != MPI_SUCCESS ||
        MPI_Type_get_true_extent(type, &true_lower, &true_width) != MPI_SUCCESS)
        return nv_error_set(error, NAVE_ETYPE, "not an MPI datatype");
    if (lower != 0 || true_lower < 0 || true_lower + true_width > width || width > EXTENT_MAX)
        return nv_error_set(error, NAVE_ETYPE,
                            "a datatype for reductions must begin at its lower bound of 0, lie "
                            "within its extent, and span at most 1 GiB");
    *extent = (size_t)width;
    return NAVE_OK;
}

static int check_op(struct nv_fold *fold, const nave_op *ops, size_t op_count,
                    struct nv_error *error)
{
    fold->op_number = nv_operation_number(fold->op);
    for (size_t i = 0; i < op_count && fold->op_number < 0; i++)
        if (ops[i].op == fold->op)
            fold->op_name = ops[i].name;
    if (fold->op_number < 0 && fold->op_name == NULL)
        return nv_error_set(error, NAVE_ETYPE,
                            "the operation is neither MPI's nor in nave_options.ops, so engines do "
                            "not know it");
    return NAVE_OK;
}

/* MPI's operations work on some types only: tried on one element of zeros. */
static int check_pair(const struct nv_fold *fold, struct nv_error *error)
{
    struct nv_handlers handlers;
    void *zeros;
    int rc;
    if (fold->op_number < 0)
        return NAVE_OK;
    zeros = calloc(2, fold->extent + 1);
    if (zeros == NULL)
        return nv_error_set(error, NAVE_ENOMEM, "no memory for a reduction");
    nv_error_catch(&handlers);
    rc = MPI_Reduce_local(zeros, (char *)zeros + fold->extent, 1, fold->type, fold->op);
    nv_error_release(&handlers);
    free(zeros);
    if (rc != MPI_SUCCESS)
        return nv_error_set(error, NAVE_ETYPE, "MPI's operation does not work on this datatype");
    return NAVE_OK;
}

/* Zero is neutral, and order does not matter.  (Not so MPI_LOR: alone it leaves a 5 as it is.) */
static bool is_exact(const struct nv_fold *fold)
{
    return nv_datatype_exact(fold->type) &&
           (fold->op == MPI_SUM || fold->op == MPI_BOR || fold->op == MPI_BXOR);
}

/* Depends on n and the size of a result alone: see nave_map_reduce(). */
static void cut_into_slots(struct nv_fold *fold, uint64_t chunk)
{
    uint64_t size = nv_fold_size(fold), n = fold->tasks;
    uint64_t most = size == 0 ? SLOTS_MAX : SLOTS_ROOM / size;
    if (n == 0)
        return;
    most = most < SLOTS_MIN ? SLOTS_MIN : most > SLOTS_MAX ? SLOTS_MAX : most;
    fold->block = chunk > 0 ? (chunk < BLOCK_MAX ? chunk : BLOCK_MAX) : n / most + (n % most != 0);
    fold->slots = n / fold->block + (n % fold->block != 0);
}

int nv_fold_init(struct nv_fold *fold, const nave_op *ops, size_t op_count, uint64_t n,
                 uint64_t chunk, int count, MPI_Datatype type, MPI_Op op, struct nv_error *error)
{
    int rc;
    *fold = (struct nv_fold){.type = type, .op = op, .op_number = -1, .count = count, .tasks = n};
    rc = check_type(type, &fold->extent, error);
    if (rc == NAVE_OK)
        rc = check_op(fold, ops, op_count, error);
    if (rc == NAVE_OK)
        rc = check_pair(fold, error);
    if (rc == NAVE_OK && fold->extent > 0 && (size_t)count > (SIZE_MAX / 4) / fold->extent)
        rc = nv_error_set(error, NAVE_ESIZE, "%d elements of %zu bytes are too many", count,
                          fold->extent);
    if (rc != NAVE_OK)
        return rc;
    fold->exact = is_exact(fold);
    fold->slots = 1;
    if (!fold->exact)
        cut_into_slots(fold, chunk);
    return NAVE_OK;
}

void nv_fold_by_blocks(struct nv_fold *fold, uint64_t chunk)
{
    if (fold->block == 0)
        cut_into_slots(fold, chunk);
}

void nv_fold_release(struct nv_fold *fold)
{
    if (fold->type_made)
        MPI_Type_free(&fold->type);
    fold->type_made = false;
}

struct wire {
    uint64_t tasks, slots, block, extent;
    int32_t count, op_number;
    uint64_t exact;
    char op_name[NV_NAME_MAX + 1];
};

size_t nv_fold_encode(const struct nv_fold *fold, unsigned char *bytes, size_t room)
{
    struct wire wire = {.tasks = fold->tasks,
                        .slots = fold->slots,
                        .block = fold->block,
                        .extent = fold->extent,
                        .count = fold->count,
                        .op_number = fold->op_number,
                        .exact = fold->exact};
    size_t size;
    if (room < sizeof wire)
        return 0;
    if (fold->op_name != NULL)
        snprintf(wire.op_name, sizeof wire.op_name, "%s", fold->op_name);
    memcpy(bytes, &wire, sizeof wire);
    size = nv_datatype_encode(fold->type, bytes + sizeof wire, room - sizeof wire);
    return size > 0 ? sizeof wire + size : 0;
}

bool nv_fold_decode(struct nv_fold *fold, const unsigned char *bytes, size_t size,
                    const nave_op *ops, size_t op_count, bool typed, char *message, size_t room)
{
    struct wire wire;
    snprintf(message, room, "the description of the reduction is damaged");
    if (size < sizeof wire)
        return false;
    memcpy(&wire, bytes, sizeof wire);
    wire.op_name[NV_NAME_MAX] = '\0';
    *fold = (struct nv_fold){.op_number = wire.op_number,
                             .type = MPI_DATATYPE_NULL,
                             .count = wire.count,
                             .extent = (size_t)wire.extent,
                             .exact = wire.exact != 0,
                             .tasks = wire.tasks,
                             .slots = wire.slots,
                             .block = wire.block,
                             .op = nv_operation(wire.op_number)};
    for (size_t i = 0; i < op_count && wire.op_number < 0; i++)
        if (strcmp(ops[i].name, wire.op_name) == 0)
            fold->op = ops[i].op;
    if (fold->op == MPI_OP_NULL) {
        snprintf(message, room, "operation '%s' is not in this rank's nave_options.ops",
                 wire.op_name);
        return false;
    }
    if (wire.count < 0 || wire.extent > EXTENT_MAX)
        return false;
    return !typed || nv_datatype_decode(bytes + sizeof wire, size - sizeof wire, &fold->type,
                                        &fold->type_made);
}

/* -------------------------------------------------------------------------------- on the engine */

struct nv_partial *nv_partial_new(uint64_t job, const struct nv_fold *fold, bool accumulates)
{
    struct nv_partial *partial = calloc(1, sizeof *partial);
    if (partial == NULL)
        return NULL;
    partial->job = job;
    partial->fold = *fold;
    partial->accumulates = accumulates;
    partial->engine = -1;
    return partial;
}

void nv_partial_free(struct nv_partial *partial)
{
    if (partial == NULL)
        return;
    for (size_t i = 0; i < partial->slot_count; i++)
        free(partial->slots[i].data);
    free(partial->slots);
    free(partial->scratch);
    free(partial->how);
    nv_fold_release(&partial->fold);
    free(partial);
}

static uint64_t slot_number(const struct nv_fold *fold, uint64_t index)
{
    return fold->block == 0 ? 0 : index / fold->block;
}

/* The slot of the task before, when this one belongs to it too. */
static struct nv_slot *slot_open(const struct nv_partial *partial, uint64_t index)
{
    struct nv_slot *last;
    if (partial->slot_count == 0)
        return NULL;
    last = &partial->slots[partial->slot_count - 1];
    return last->number == slot_number(&partial->fold, index) ? last : NULL;
}

/* Blocks of one balanced job go out in order, so the slots of an engine ascend by themselves. */
static struct nv_slot *slot_add(struct nv_partial *partial, uint64_t number)
{
    if (partial->slot_count == partial->slot_room) {
        size_t room = partial->slot_room == 0 ? 4 : 2 * partial->slot_room;
        struct nv_slot *slots = realloc(partial->slots, room * sizeof *slots);
        if (slots == NULL)
            return NULL;
        partial->slots = slots;
        partial->slot_room = room;
    }
    partial->slots[partial->slot_count] = (struct nv_slot){number, NULL};
    return &partial->slots[partial->slot_count++];
}

static void *zeroes(const struct nv_fold *fold)
{
    size_t size = nv_fold_size(fold);
    return calloc(1, size > 0 ? size : 1);
}

static void *begin_in_slot(struct nv_partial *partial, uint64_t index)
{
    struct nv_slot *slot = slot_open(partial, index);
    if (slot == NULL)
        slot = slot_add(partial, slot_number(&partial->fold, index));
    if (slot != NULL && slot->data == NULL)
        slot->data = zeroes(&partial->fold);
    return slot != NULL ? slot->data : NULL;
}

const void *nv_partial_copy(struct nv_partial *partial, const void *out)
{
    if (partial->scratch == NULL)
        partial->scratch = zeroes(&partial->fold);
    if (partial->scratch != NULL)
        memcpy(partial->scratch, out, nv_fold_size(&partial->fold));
    return partial->scratch;
}

void *nv_partial_begin(struct nv_partial *partial, uint64_t index)
{
    if (partial->accumulates)
        return begin_in_slot(partial, index);
    if (partial->scratch == NULL)
        partial->scratch = zeroes(&partial->fold);
    else
        memset(partial->scratch, 0, nv_fold_size(&partial->fold));
    return partial->scratch;
}

bool nv_partial_describe(struct nv_partial *partial, const unsigned char *bytes, size_t size)
{
    partial->how = malloc(size + 1);
    partial->how_size = size;
    if (partial->how != NULL && size > 0)
        memcpy(partial->how, bytes, size);
    return partial->how != NULL;
}

int nv_partial_merge(struct nv_partial *partial, struct nv_partial *other)
{
    size_t count = partial->slot_count + other->slot_count;
    struct nv_slot *slots = realloc(partial->slots, (count + 1) * sizeof *slots);
    if (slots == NULL) {
        nv_partial_free(other);
        return NAVE_ENOMEM;
    }
    if (other->slot_count > 0)
        memcpy(slots + partial->slot_count, other->slots, other->slot_count * sizeof *slots);
    partial->slots = slots;
    partial->slot_room = count + 1;
    partial->slot_count = count;
    other->slot_count = 0;
    nv_partial_free(other);
    return NAVE_OK;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct nv_slot *)a)->number, y = ((const struct nv_slot *)b)->number;
    return (x > y) - (x < y);
}

void nv_partial_sort(struct nv_partial *partial)
{
    if (partial->slot_count > 1)
        qsort(partial->slots, partial->slot_count, sizeof *partial->slots, by_number);
}

void *nv_partial_take(struct nv_partial *partial, uint64_t index, uint64_t *number)
{
    struct nv_slot *slot = slot_open(partial, index);
    if (slot == NULL)
        return NULL;
    partial->slot_count--;
    *number = slot->number;
    return slot->data;
}

bool nv_partial_put(struct nv_partial *partial, uint64_t number, void *data)
{
    struct nv_slot *slot = slot_add(partial, number);
    if (slot == NULL) {
        free(data);
        return false;
    }
    slot->data = data;
    return true;
}

/* to = to op from, for integers: signed and unsigned ones have the same bits. */
#define COMBINE(type)                                                                              \
    static void combine_##type(type *to, const type *from, size_t count, MPI_Op op)                \
    {                                                                                              \
        for (size_t i = 0; i < count; i++)                                                         \
            to[i] = (type)(op == MPI_SUM   ? to[i] + from[i]                                       \
                           : op == MPI_BOR ? to[i] | from[i]                                       \
                                           : to[i] ^ from[i]);                                     \
    }
COMBINE(uint8_t)
COMBINE(uint16_t)
COMBINE(uint32_t)
COMBINE(uint64_t)
#undef COMBINE

/* Without MPI, since an engine beside the hub's loop does it too. */
static void combine_exactly(const struct nv_fold *fold, void *to, const void *from)
{
    size_t count = (size_t)fold->count;
    if (fold->extent == sizeof(uint64_t))
        combine_uint64_t(to, from, count, fold->op);
    else if (fold->extent == sizeof(uint32_t))
        combine_uint32_t(to, from, count, fold->op);
    else if (fold->extent == sizeof(uint16_t))
        combine_uint16_t(to, from, count, fold->op);
    else
        combine_uint8_t(to, from, count, fold->op);
}

int nv_partial_end(struct nv_partial *partial, uint64_t index)
{
    struct nv_slot *slot;
    void *result = partial->scratch;
    if (partial->accumulates)
        return NAVE_OK;
    slot = slot_open(partial, index);
    if (slot == NULL) {
        slot = slot_add(partial, slot_number(&partial->fold, index));
        if (slot == NULL)
            return NAVE_ENOMEM;
        slot->data = result;
        partial->scratch = NULL;
        return NAVE_OK;
    }
    if (partial->fold.exact) {
        combine_exactly(&partial->fold, slot->data, result);
        return NAVE_OK;
    }
    /* result = slot op result, then the two change places: the order of tasks is kept. */
    if (MPI_Reduce_local(slot->data, result, partial->fold.count, partial->fold.type,
                         partial->fold.op) != MPI_SUCCESS)
        return NAVE_ETYPE;
    partial->scratch = slot->data;
    slot->data = result;
    return NAVE_OK;
}

/* ----------------------------------------------------------------------------- bringing it home */

/* What one rank takes through the row of MPI_Reduce calls. */
struct transport {
    MPI_Comm mpi;
    const struct nv_fold *fold;
    const struct nv_partial *partial; /* NULL: nothing */
    char *acc;                        /* rank 0 only */
    char *mine, *all;                 /* room for one call */
    size_t next_slot;                 /* of the partial's, while slots ascend */
    struct nv_error *error;
};

static int reduce(struct transport *t, const void *from, void *to, size_t count, MPI_Datatype type,
                  MPI_Op op)
{
    int rc = MPI_Reduce(from, to, (int)count, type, op, 0, t->mpi);
    return nv_error_mpi(t->error, rc, "MPI_Reduce");
}

/* Elements that make about one call. */
static size_t piece_elements(const struct nv_fold *fold)
{
    size_t extent = fold->extent > 0 ? fold->extent : 1;
    size_t elements = PIECE_ROOM / extent > 0 ? PIECE_ROOM / extent : 1;
    return elements < (size_t)fold->count ? elements : (size_t)fold->count;
}

static int reduce_exact(struct transport *t)
{
    const struct nv_fold *fold = t->fold;
    const char *mine =
        t->partial != NULL && t->partial->slot_count > 0 ? t->partial->slots[0].data : NULL;
    size_t step = piece_elements(fold);
    int rc = NAVE_OK;
    for (size_t at = 0; at < (size_t)fold->count && rc == NAVE_OK; at += step) {
        size_t count = (size_t)fold->count - at < step ? (size_t)fold->count - at : step;
        size_t offset = at * fold->extent;
        rc = reduce(t, mine != NULL ? mine + offset : t->mine,
                    t->acc != NULL ? t->acc + offset : NULL, count, fold->type, fold->op);
    }
    return rc;
}

/* Some elements of some neighbouring slots, one MPI_Reduce. */
struct piece {
    uint64_t slot, slots;
    size_t element, elements;
};

static size_t stride_of(const struct nv_fold *fold, size_t elements)
{
    return (elements * fold->extent + 7) & ~(size_t)7;
}

/* The piece as this rank has it: its own slots, zeros elsewhere. */
static void pack(struct transport *t, const struct piece *piece)
{
    size_t stride = stride_of(t->fold, piece->elements);
    memset(t->mine, 0, stride * (size_t)piece->slots);
    while (t->partial != NULL && t->next_slot < t->partial->slot_count) {
        const struct nv_slot *slot = &t->partial->slots[t->next_slot];
        if (slot->number >= piece->slot + piece->slots)
            return;
        memcpy(t->mine + (slot->number - piece->slot) * stride,
               (char *)slot->data + piece->element * t->fold->extent,
               piece->elements * t->fold->extent);
        t->next_slot++;
    }
}

/* acc = acc op slot, slot by slot: as a serial loop would. */
static int fold_in(struct transport *t, const struct piece *piece)
{
    const struct nv_fold *fold = t->fold;
    size_t stride = stride_of(fold, piece->elements);
    size_t size = piece->elements * fold->extent;
    char *acc = t->acc + piece->element * fold->extent;
    for (uint64_t s = 0; s < piece->slots; s++) {
        char *slot = t->all + s * stride;
        int rc = MPI_SUCCESS;
        if (piece->slot + s > 0)
            rc = MPI_Reduce_local(acc, slot, (int)piece->elements, fold->type, fold->op);
        if (rc != MPI_SUCCESS)
            return nv_error_mpi(t->error, rc, "MPI_Reduce_local");
        memcpy(acc, slot, size);
    }
    return NAVE_OK;
}

static int reduce_piece(struct transport *t, const struct piece *piece)
{
    size_t words = stride_of(t->fold, piece->elements) / 8 * (size_t)piece->slots;
    int rc;
    pack(t, piece);
    rc = reduce(t, t->mine, t->all, words, MPI_UINT64_T, MPI_BOR);
    return rc == NAVE_OK && t->acc != NULL ? fold_in(t, piece) : rc;
}

static uint64_t piece_slots(const struct nv_fold *fold)
{
    size_t stride = stride_of(fold, piece_elements(fold));
    uint64_t slots = stride > 0 ? PIECE_ROOM / stride : fold->slots;
    return slots < 1 ? 1 : slots < fold->slots ? slots : fold->slots;
}

static int reduce_ordered(struct transport *t)
{
    const struct nv_fold *fold = t->fold;
    size_t step = piece_elements(fold);
    uint64_t slots = piece_slots(fold);
    int rc = NAVE_OK;
    for (size_t at = 0; at < (size_t)fold->count && rc == NAVE_OK; at += step) {
        t->next_slot = 0;
        for (uint64_t slot = 0; slot < fold->slots && rc == NAVE_OK; slot += slots) {
            struct piece piece = {slot, fold->slots - slot < slots ? fold->slots - slot : slots, at,
                                  (size_t)fold->count - at < step ? (size_t)fold->count - at
                                                                  : step};
            rc = reduce_piece(t, &piece);
        }
    }
    return rc;
}

int nv_fold_comm(MPI_Comm mpi, const int32_t *ranks, int count, MPI_Comm *members,
                 struct nv_error *error)
{
    enum { TAG = 7 }; /* of the collective that makes a communicator */
    MPI_Group all, group;
    int *list;
    int rc;
    *members = mpi;
    if (count == 0)
        return NAVE_OK;
    list = calloc((size_t)count + 1, sizeof *list);
    if (list == NULL)
        return nv_error_set(error, NAVE_ENOMEM, "no memory for a reduction");
    for (int i = 0; i < count; i++)
        list[i + 1] = ranks[i];
    MPI_Comm_group(mpi, &all);
    MPI_Group_incl(all, count + 1, list, &group);
    rc = MPI_Comm_create_group(mpi, group, TAG, members);
    MPI_Group_free(&group);
    MPI_Group_free(&all);
    free(list);
    return nv_error_mpi(error, rc, "making a communicator for a reduction");
}

int nv_fold_reduce(MPI_Comm mpi, const struct nv_fold *fold, const struct nv_partial *partial,
                   void *acc, struct nv_error *error)
{
    struct transport t = {.mpi = mpi, .fold = fold, .partial = partial, .acc = acc, .error = error};
    size_t room = stride_of(fold, piece_elements(fold)) * (size_t)piece_slots(fold);
    int rc;
    if (nv_fold_size(fold) == 0)
        return NAVE_OK;
    t.mine = calloc(1, room);
    t.all = fold->block > 0 && acc != NULL ? malloc(room) : NULL;
    if (t.mine == NULL || (fold->block > 0 && acc != NULL && t.all == NULL))
        rc = nv_error_set(error, NAVE_ENOMEM, "no memory for a reduction");
    else
        rc = fold->block == 0 ? reduce_exact(&t) : reduce_ordered(&t);
    free(t.mine);
    free(t.all);
    return rc;
}

int nv_fold_enter(MPI_Comm mpi, const int32_t *ranks, int count, const struct nv_fold *fold,
                  const struct nv_partial *partial, void *acc, struct nv_error *error)
{
    MPI_Comm members = MPI_COMM_NULL;
    int rc = nv_fold_comm(mpi, ranks, count, &members, error);
    if (rc == NAVE_OK)
        rc = nv_fold_reduce(members, fold, partial, acc, error);
    if (members != MPI_COMM_NULL && members != mpi)
        MPI_Comm_free(&members);
    return rc;
}
