/* door_objects - objects and snapshots, which are fetched in pieces.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "digest.h"
#include "door_parts.h"
#include "piece.h"

#include <stdlib.h>
#include <string.h>

#define HELD_SECONDS 60.0 /* that a snapshot is kept for a client that fetches nothing */

enum { OWED_MOST = 256 << 20 /* bytes of answers that are not sent yet */ };

/* ------------------------------------------------------------------------------------------ pieces */

static int read_span(struct nv_door *door, const struct nv_request *request,
                     struct nv_piece_asked *asked)
{
    int rc;
    asked->limit = NV_PIECE_MAX;
    rc = nv_request_natural(request, "offset", UINT64_MAX, &asked->offset, door->why);
    if (rc == NAVE_OK)
        rc = nv_request_natural(request, "limit", NV_PIECE_MAX, &asked->limit, door->why);
    if (rc == NAVE_OK && nv_porter_owed(door->porter) > OWED_MOST)
        rc = nv_why(door->why, NAVE_ESTATE, "too much is on its way already; try again");
    return rc;
}

/* The piece has come from its engine. */
static int look_for_piece(struct nv_door *door, struct nv_later *later, struct nv_answer *answer)
{
    struct nv_piece_found found;
    nave_record record;
    int rc;
    if (!later->future->complete)
        return NV_LATER;
    rc = nv_door_outcome(door, later->future);
    if (rc != NAVE_OK)
        return rc;
    nv_ledger_record(&later->future->ledger, 0, &record);
    if (record.data == NULL || record.size < sizeof found)
        return nv_why(door->why, NAVE_EWIRE, "a damaged piece");
    memcpy(&found, record.data, sizeof found);
    cJSON_AddNumberToObject(answer->object, "size", (double)found.size);
    cJSON_AddNumberToObject(answer->object, "version", (double)found.serial);
    return nv_answer_bytes(door, answer, record.data, record.size, sizeof found, NV_PIECE_MAX);
}

/* Asks an engine for a piece, and lets the letter wait for it. */
static int fetch(struct nv_door *door, struct nv_letter *letter, int engine, const char *name,
                 const struct nv_piece_asked *asked)
{
    struct nv_later *later = nv_door_later(door, letter, -1, look_for_piece);
    struct nv_piece_asked *input;
    int rc;
    if (later == NULL)
        return NAVE_ENOMEM;
    input = malloc(sizeof *input);
    if (input == NULL)
        return nv_door_not_later(door, later,
                                 nv_why(door->why, NAVE_ENOMEM, "no memory for a piece"));
    *input = *asked;
    rc = nv_door_start(door, &engine, 1, NV_KERNEL_PIECE, name, input, sizeof *input,
                       &later->future);
    return rc == NAVE_OK ? NV_LATER : nv_door_not_later(door, later, rc);
}

int nv_serve_pull(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    struct nv_piece_asked asked = {0};
    const char *name;
    int engine = -1;
    int rc = nv_request_name(&letter->request, "name", &name, door->why);
    (void)answer;
    if (rc == NAVE_OK)
        rc = nv_request_integer(&letter->request, "engine", &engine, door->why);
    if (rc == NAVE_OK)
        rc = read_span(door, &letter->request, &asked);
    return rc == NAVE_OK ? fetch(door, letter, engine, name, &asked) : rc;
}

/* --------------------------------------------------------------------------------------- snapshots */

static struct nv_snapshot_made *made_find(struct nv_door *door, uint64_t number)
{
    for (int i = 0; i < NV_SNAPSHOTS; i++)
        if (door->made[i].number == number)
            return &door->made[i];
    return NULL;
}

/* All ranks that have it let theirs go, at the next poll. */
static void release(struct nv_door *door, struct nv_snapshot_made *made)
{
    if (made->order->ranks > 0)
        nv_order_unwanted(
            nv_steer_order(door->hub->ctx->steer, NV_ORDER_RELEASE, "", "", made->number));
    nv_order_unwanted(made->order);
    *made = (struct nv_snapshot_made){0};
    door->held--;
}

void nv_snapshots_look(struct nv_door *door)
{
    double now = nv_hub_time(door->hub);
    for (int i = 0; i < NV_SNAPSHOTS && door->held > 0; i++)
        if (door->made[i].number != 0 && door->made[i].order->done &&
            now - door->made[i].since > HELD_SECONDS)
            release(door, &door->made[i]);
}

static void add_list(cJSON *object, const char *name, const uint64_t *numbers, int count)
{
    cJSON *list = cJSON_AddArrayToObject(object, name);
    for (int i = 0; i < count; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber((double)numbers[i]));
}

/* A value of its own on each rank is an array with an element for each. */
static void show_parts(const struct nv_order *order, cJSON *object)
{
    const nave_array *array = &order->array;
    int ranks = order->ranks;
    int dims = array->dims > 0 ? array->dims : 1;
    uint64_t shape[NAVE_DIMS] = {(uint64_t)ranks};
    cJSON *parts;
    for (int d = 0; d < array->dims; d++)
        shape[d] = array->shape[d];
    cJSON_AddStringToObject(object, "type", nv_type_name(array->type));
    add_list(object, "shape", shape, dims);
    parts = cJSON_AddArrayToObject(object, "parts");
    for (int r = 0; r < ranks; r++) {
        const struct nv_part *part = &order->parts[r];
        const uint64_t start[1] = {(uint64_t)r}, one[1] = {1};
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddNumberToObject(entry, "rank", r);
        add_list(entry, "start", array->dims > 0 ? part->start : start, dims);
        add_list(entry, "count", array->dims > 0 ? part->count : one, dims);
        cJSON_AddNumberToObject(entry, "size", (double)part->size);
        cJSON_AddItemToArray(parts, entry);
    }
}

/* The first rank on which it failed. */
static int outcome(struct nv_door *door, const struct nv_order *order)
{
    for (int r = 0; order->rc == NAVE_OK && r < order->ranks; r++)
        if (order->parts[r].rc != NAVE_OK)
            return nv_why(door->why, (int)order->parts[r].rc, "rank %d: %s", r,
                          nave_strerror((int)order->parts[r].rc));
    return order->rc == NAVE_OK ? NAVE_OK
                                : nv_why(door->why, order->rc, "%s", nave_strerror(order->rc));
}

static int look_for_snapshot(struct nv_door *door, struct nv_later *later, struct nv_answer *answer)
{
    struct nv_snapshot_made *made = made_find(door, later->index);
    int rc;
    if (made == NULL)
        return nv_why(door->why, NAVE_EOBJECT, "the snapshot is gone");
    rc = nv_steer_look(door->hub->ctx->steer, made->order, door->why);
    if (rc > 0)
        return NV_LATER;
    made->since = nv_hub_time(door->hub);
    rc = rc == NAVE_OK ? outcome(door, made->order) : rc;
    if (rc != NAVE_OK) {
        release(door, made);
        return rc;
    }
    cJSON_AddNumberToObject(answer->object, "snapshot", (double)made->number);
    cJSON_AddNumberToObject(answer->object, "step", (double)made->order->step);
    show_parts(made->order, answer->object);
    return NAVE_OK;
}

/* Nobody can guess it: the digest of a new secret key, as far as a double holds it. */
static uint64_t new_number(void)
{
    struct nv_keys keys = {0};
    nv_keys_make(&keys);
    return nv_digest_of(keys.secret_key, NV_KEY_SIZE).low >> 12 | 1;
}

int nv_serve_snapshot(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    struct nv_steer *steer = door->hub->ctx->steer;
    struct nv_snapshot_made *made = made_find(door, 0);
    const char *name;
    struct nv_later *later;
    int rc = nv_request_name(&letter->request, "name", &name, door->why);
    (void)answer;
    if (rc == NAVE_OK)
        rc = nv_steer_check(steer, NV_ORDER_SNAPSHOT, name, "", door->why);
    if (rc != NAVE_OK)
        return rc;
    if (made == NULL)
        return nv_why(door->why, NAVE_ESTATE, "there are %d snapshots already; try again",
                      NV_SNAPSHOTS);
    later = nv_door_later(door, letter, -1, look_for_snapshot);
    if (later == NULL)
        return NAVE_ENOMEM;
    later->index = new_number();
    made->order = nv_steer_order(steer, NV_ORDER_SNAPSHOT, name, "", later->index);
    if (made->order != NULL) { /* otherwise the look says that there is none */
        made->number = later->index;
        door->held++;
    }
    return NV_LATER;
}

/* Rank 0's own part is here. */
static int piece_here(struct nv_door *door, const struct nv_piece_asked *asked,
                      struct nv_answer *answer)
{
    size_t size = 0;
    const void *data =
        nv_snapshots_find(nv_steer_snapshots(door->hub->ctx->steer), asked->snapshot, &size);
    if (data == NULL)
        return nv_why(door->why, NAVE_EOBJECT, "the snapshot is gone");
    cJSON_AddNumberToObject(answer->object, "size", (double)size);
    return nv_answer_bytes(door, answer, data, size, asked->offset, asked->limit);
}

int nv_serve_piece(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    struct nv_piece_asked asked = {0};
    struct nv_snapshot_made *made;
    int rank = 0;
    int rc =
        nv_request_natural(&letter->request, "snapshot", UINT64_MAX, &asked.snapshot, door->why);
    if (rc == NAVE_OK)
        rc = nv_request_integer(&letter->request, "rank", &rank, door->why);
    if (rc == NAVE_OK)
        rc = read_span(door, &letter->request, &asked);
    if (rc != NAVE_OK)
        return rc;
    made = asked.snapshot != 0 ? made_find(door, asked.snapshot) : NULL;
    if (made == NULL)
        return nv_why(door->why, NAVE_EOBJECT, "there is no snapshot %llu (any more)",
                      (unsigned long long)asked.snapshot);
    made->since = nv_hub_time(door->hub);
    return rank == 0 ? piece_here(door, &asked, answer) : fetch(door, letter, rank, "", &asked);
}

int nv_serve_release(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    uint64_t number = 0;
    struct nv_snapshot_made *made;
    int rc = nv_request_natural(&letter->request, "snapshot", UINT64_MAX, &number, door->why);
    (void)answer;
    if (rc != NAVE_OK)
        return rc;
    made = number != 0 ? made_find(door, number) : NULL;
    if (made != NULL && made->order->done)
        release(door, made);
    return NAVE_OK;
}
