/* steer - what a program lets be seen and changed from outside, and the points at which it is.
 *
 * Invariant: orders (set this value, run that command, copy that array) are carried out by all ranks in
 * the same nave_poll(), in the same order.  A rank knows of each window of polls, before its end, whether
 * there are orders then.
 *
 * Design notes.  At the end of each window rank 0 says in a broadcast, which takes its time, what is to be
 * done at the end of the next one, and how many polls the one after it has: as many as take some ten
 * milliseconds.  So ranks wait for each other only when one is a window ahead, and a poll within a
 * window is a comparison.  Orders themselves follow in a second broadcast, which everybody waits for.
 * The first poll is a window of its own, so that ranks are alike from then on.
 *
 * No wait is for a rank that polls no more, see leave.h.  The broadcasts that it has not seen it takes
 * part in when the farm is closed, since others may get them by way of it.
 *
 * A program that never polls is a farm: there rank 0's values and arrays are what there is, and orders are
 * carried out at once, while the program waits in a Nave call.  A snapshot of an array of which rank 0
 * has only a part waits for the others.
 */
#ifndef NV_STEER_H
#define NV_STEER_H

#include "context.h"
#include "snapshot.h"

#include <cjson/cJSON.h>

enum nv_order_kind { NV_ORDER_SET, NV_ORDER_COMMAND, NV_ORDER_SNAPSHOT, NV_ORDER_RELEASE };

/* One rank's part of a snapshot. */
struct nv_part {
    int64_t rc; /* NAVE_OK, or why there is none */
    uint64_t start[NAVE_DIMS], count[NAVE_DIMS], size;
};

/* What was asked of all ranks, on rank 0. */
struct nv_order {
    struct nv_order *next;
    enum nv_order_kind kind;
    char *name, *text;
    uint64_t snapshot;     /* its number */
    double since;          /* when it came, by nv_clock() */
    bool listed, unwanted; /* unwanted: to be freed when it is in no list */
    bool done;             /* carried out, or given up */
    int rc;                /* NAVE_OK, or why it could not be */
    int code;              /* of a command, on rank 0 */
    int ranks;             /* that have carried it out; 0: none */
    uint64_t step;         /* the poll at which they did */
    nave_array array;      /* of a snapshot: as rank 0 has declared it */
    struct nv_part *parts; /*   by rank */
};

struct nv_steer;

/* Collective.  `open`: whether there is a door, known on all ranks. */
int nv_steer_open(nave *ctx, bool open);
void nv_steer_close(nave *ctx);

/* This rank polls no more: it serves until the farm is closed. */
void nv_steer_leave(nave *ctx);

/* Collective, when the farm is closed and before all ranks meet: whoever still polls is told, and gets the
 * broadcasts that it waits for. */
void nv_steer_part(nave *ctx);

/* This rank's snapshots. */
const struct nv_snapshots *nv_steer_snapshots(const struct nv_steer *steer);

/* On rank 0, for the door.  A new order; NULL: out of memory; checked by nv_steer_check() before.  Is freed
 * when nobody wants it any more. */
struct nv_order *nv_steer_order(struct nv_steer *steer, enum nv_order_kind kind, const char *name,
                                const char *text, uint64_t snapshot);
void nv_order_unwanted(struct nv_order *order);

/* That an order waits for a poll; tests do not have the time. */
extern double nv_order_seconds;

/* Whether there is such a thing, the value may be that, and a poll may still come. */
int nv_steer_check(struct nv_steer *steer, enum nv_order_kind kind, const char *name,
                   const char *text, struct nv_why why);

/* What has become of an order: 1, it waits; NAVE_OK, it is carried out; or it is given up now, since the
 * program does not poll: NAVE_ETIMEDOUT, NAVE_ESTATE. */
int nv_steer_look(struct nv_steer *steer, struct nv_order *order, struct nv_why why);

/* Adds "polls", "steer", "published", "commands". */
void nv_steer_describe(const struct nv_steer *steer, cJSON *object);

#endif
