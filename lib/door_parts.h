/* door_parts - what door.c (letters in, answers out) shares with the files that serve requests.
 *
 * Invariant: a function that serves a request either fills the answer, or returns a negative code with a
 * reason in door->why or the context's error, or gives the letter to nv_door_later() and returns
 * NV_LATER; then its `look` does one of these.
 */
#ifndef NV_DOOR_PARTS_H
#define NV_DOOR_PARTS_H

#include "door.h"
#include "future.h"
#include "hub.h"
#include "porter.h"
#include "steer.h"

enum {
    NV_LATER = 1,
    NV_EVENTS = 1024,
    NV_WAITING_MAX = NV_CLIENTS_MAX * NV_ASKED_MAX, /* letters that wait for something */
    NV_LOOKING_MAX = NV_LOOKERS_MAX * NV_ASKED_MAX  /* so many, and only control may wait */
};

struct nv_answer {
    cJSON *object;
    void *data; /* from malloc, or NULL */
    size_t size;
};

/* A letter that waits for something. */
struct nv_later {
    struct nv_later *next;
    struct nv_letter *letter;
    int (*look)(struct nv_door *door, struct nv_later *later, struct nv_answer *answer);
    double until;           /* on nv_hub_time(); 0: without end */
    nave_future *future;    /* of the door's own, freed with this */
    struct nv_order *order; /* likewise */
    uint64_t call, index;   /* what it waits for */
    struct nv_build *build;
};

struct nv_event {
    uint64_t number;
    double time;
    char what[16];
    char text[256];
};

/* A call that came from outside. */
struct nv_outside {
    struct nv_outside *next;
    nave_future *future;
    uint64_t bytes; /* that it is counted with, besides what its results have beyond their size */
    bool told;      /* that it is complete */
};

/* Who knows the number of a snapshot, a random one, has it: the client that asked. */
struct nv_snapshot_made {
    uint64_t number; /* 0: the place is free */
    struct nv_order *order;
    double since;
};

/* An object that comes in pieces. */
struct nv_upload {
    uint64_t number; /* 0: the place is free */
    char name[128];
    uint64_t size, done;
    size_t pieces;          /* that engines have not answered */
    double since;           /* when they had answered all */
    struct nv_guest *guest; /* whose it is */
    unsigned visit;
    bool unwanted;       /* nothing is added any more */
    nave_future *future; /* engines are told so */
};

enum { NV_SNAPSHOTS = 8, NV_UPLOADS = 16 };

struct nv_door {
    struct nv_hub *hub;
    struct nv_porter *porter;
    char file[4096], readonly[4096];
    struct nv_why why; /* leads to `reason` */
    char reason[4096];
    struct nv_later *later;
    size_t later_count;
    double look_next, rest_until;
    bool paused, stopping, plugins;
    struct nv_event *events; /* a ring of NV_EVENTS */
    uint64_t event_count;
    struct nv_outside *outside;
    struct nv_budget budget; /* of their inputs and results */
    size_t untold;           /* of those, that are not known to be complete */
    double fetched; /* when somebody asked last for what has become of a call, on nv_hub_time() */
    uint64_t uploads, builds;
    struct nv_snapshot_made made[NV_SNAPSHOTS];
    size_t held; /* snapshots that are there */
    struct nv_upload upload[NV_UPLOADS];
    size_t uploading; /* of these, places that are not free */
    nave_log_fn *log; /* the program's */
    void *log_arg;
};

typedef int nv_serve_fn(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer);

/* By verb; door_show.c: looking; door_calls.c: calls; door_objects.c: what is fetched; door_push.c: objects
 * that are made and dropped; door_steer.c: steering; door_build.c: plug-ins. */
#define NV_SERVE(name, changes) nv_serve_fn nv_serve_##name;
NV_VERBS(NV_SERVE)
#undef NV_SERVE

/* Lets a letter wait, for `seconds` (negative: without end), of which a minute is taken at most; its bytes
 * are freed.  NULL: no room, the reason is left. */
struct nv_later *nv_door_later(struct nv_door *door, struct nv_letter *letter, double seconds,
                               int (*look)(struct nv_door *, struct nv_later *,
                                           struct nv_answer *));

/* What it was to wait for did not begin, for that reason, which is returned: it does not wait. */
int nv_door_not_later(struct nv_door *door, struct nv_later *later, int rc);

/* Its time is over. */
bool nv_later_over(const struct nv_door *door, const struct nv_later *later);

/* Gives an answer a copy of `size` bytes at most from `offset` of a whole on.  NAVE_OK, NAVE_ENOMEM. */
int nv_answer_bytes(struct nv_door *door, struct nv_answer *answer, const void *whole, size_t size,
                    uint64_t offset, uint64_t limit);

/* Something happened that clients may want to hear of. */
void nv_door_event(struct nv_door *door, const char *what, const char *format, ...)
    NAVE_PRINTF(3, 4);

/* The call of that number, of a user's kernel; NULL: there is none (any more), and the reason is left. */
nave_future *nv_door_call(struct nv_door *door, uint64_t number);

/* Starts one of the library's own kernels on engines (NULL: on all), with an input for all of them (from
 * malloc, taken over). */
int nv_door_start(struct nv_door *door, const int *engines, size_t count, enum nv_own_kernel kernel,
                  const char *name, void *input, size_t size, nave_future **future);

/* What has become of such a call that is complete: NAVE_OK, or its first failure's code and words. */
int nv_door_outcome(struct nv_door *door, const nave_future *future);

/* door_show.c, for others: a call as clients see it; the name of a task's state. */
void nv_show_call(const struct nv_door *door, const nave_future *future, cJSON *object);
/* Tasks of all calls that there are and were; returns how many calls are open. */
uint64_t nv_show_counts(const struct nv_hub *hub, nave_counts *all);
const char *nv_show_state(enum nave_task_state state);

/* door_calls.c: calls that have finished since the last look become events.  At the end all are let go. */
void nv_outside_look(struct nv_door *door);
void nv_outside_release(struct nv_door *door);
void nv_outside_drain(struct nv_door *door);

/* door_objects.c: snapshots that nobody fetches are released. */
void nv_snapshots_look(struct nv_door *door);

/* door_push.c: uploads that nobody goes on with are dropped. */
void nv_uploads_look(struct nv_door *door);

/* door_build.c. */
void nv_build_free(struct nv_build *build);

#endif
