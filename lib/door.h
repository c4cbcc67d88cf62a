/* door - serves clients from outside the job, out of the hub's loop.
 *
 * Invariant: each request is answered once, at once or when what it waits for is there; the door takes a
 * small part of the loop's time, however much is asked.  Nothing that a client does or fails to do holds
 * up the farm.
 */
#ifndef NV_DOOR_H
#define NV_DOOR_H

#include "context.h"

struct nv_door;

/* What nave_options say of it. */
struct nv_door_spec {
    const char *file, *listen, *job, *program;
    bool plugins;
    bool by_default; /* the environment has named the file: one farm of a process has it */
};

/* Opens the door and writes the connection files.  NAVE_OK, NAVE_EDOOR, NAVE_ENOMEM. */
int nv_door_open(nave *ctx, const struct nv_door_spec *spec);

/* Whether a call came from outside. */
bool nv_door_has(const struct nv_door *door, const nave_future *future);

/* A call of this number is complete, and about to be freed: who waits for it gets his answer. */
void nv_door_farewell(struct nv_door *door, uint64_t call);

/* The farm is to end: what has begun of calls from outside is finished, and its results can be fetched as
 * long as somebody does, for some seconds at most.  Nothing more is begun. */
void nv_door_see_off(struct nv_door *door);

/* Takes the files away, and tells whoever waits that the job has ended.  NULL inside is fine. */
void nv_door_close(nave *ctx);

/* A part of the hub's turn.  While calls of the program's are open it gets a small part of the time. */
void nv_door_turn(struct nv_door *door);

/* The hub has come into a Nave call in which it serves the door, or leaves it. */
void nv_door_attend(struct nv_door *door, bool inside);

/* When there is something to look at though nothing rings, on nv_hub_time(); 0: never. */
double nv_door_due(const struct nv_door *door);

/* What was asked from outside; all false of NULL.  Busy: tasks or transfers for clients are under way. */
bool nv_door_paused(const struct nv_door *door);
bool nv_door_stopping(const struct nv_door *door);
bool nv_door_busy(const struct nv_door *door);

#endif
