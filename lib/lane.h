/* lane - what comm.c and parting.c share: parcels, transfers, lanes, and the comm itself. */
#ifndef NV_LANE_H
#define NV_LANE_H

#include "comm.h"
#include "link.h"

enum {
    NV_AHEAD = 8,        /* receives posted ahead on a lane */
    NV_PIECE = 64 << 20, /* bytes of a transfer in one MPI message */
    WINDOW = 64,         /* requests tested at once */
    NV_SPARE = 64,       /* empty frames kept for reuse */
    NV_TAG_FRAME = 0,    /* tags: these plus the lane */
    NV_TAG_BULK = NV_LANES,
    NV_TAG_MEET = 2 * NV_LANES /* nv_comm_meet() */
};

enum mail_kind { PARCEL, TRANSFER, ENDED };

/* The head of what a rank keeps in lists and an engine beside it sends over the link. */
struct item {
    struct nv_mail mail; /* first, so that mail is its item */
    enum mail_kind kind;
    int rank; /* where it goes or comes from */
    enum nv_lane lane;
};

struct parcel {
    struct item item;
    struct nv_frame frame;
};

/* A bulk transfer, sent or received. */
struct transfer {
    struct item item;
    bool sending;
    bool beside; /* the engine beside the loop started it */
    void *data;
    size_t size;
    size_t pieces; /* not ended yet */
    void *scrap;   /* where bytes go that nobody wants */
    nv_comm_done *done;
    void *arg;
};

/* What an MPI request belongs to: one of the two. */
struct owner {
    struct parcel *parcel;
    struct transfer *transfer;
};

/* First in, first out. */
struct queue {
    struct nv_mail *first, **end;
};

struct lane {
    bool listening;
    bool held; /* the head's frame is in the caller's hands */
    int head;
    struct parcel *slots[NV_AHEAD];
    MPI_Request requests[NV_AHEAD];
    struct queue inbox; /* of parcels that came without MPI */
    struct parcel *inbox_held;
    struct queue sent, wanted; /* transfers to oneself */
};

struct nv_comm {
    MPI_Comm mpi; /* MPI_COMM_NULL: this is an engine's, beside a loop */
    int rank;
    struct nv_error *error;
    struct nv_bells *bells;
    struct nv_comm *beside; /* of a loop: the engine's */
    struct nv_link *link;
    enum nv_end end;
    struct lane lanes[NV_LANES];
    struct parcel *spare;
    size_t spare_count;
    /* Sends and transfers under way: three arrays of one length. */
    MPI_Request *requests;
    struct owner *owners;
    int *ended;
    size_t count, room;
    size_t window;  /* where the next look at them begins */
    size_t waiting; /* transfers without requests of this comm's */
    uint64_t *sent; /* frames, by rank */
    uint64_t received;
    MPI_Request finish; /* of the collective that tells how many frames were `expected` in all */
    uint64_t expected;
    bool finishing;
    bool *gone;             /* by rank; NULL: none is */
    struct queue forgotten; /* parcels that MPI may still look at */
};

static inline void nv_enqueue(struct queue *queue, struct item *item)
{
    item->mail.next = NULL;
    *queue->end = &item->mail;
    queue->end = &item->mail.next;
}

static inline void *nv_dequeue(struct queue *queue)
{
    struct nv_mail *mail = queue->first;
    if (mail == NULL)
        return NULL;
    queue->first = mail->next;
    if (queue->first == NULL)
        queue->end = &queue->first;
    return mail;
}

/* comm.c: the transfer has ended; the head of the lane, if a frame has come there: 1, and its source. */
void nv_transfer_end(struct nv_comm *comm, struct transfer *transfer, bool whole);
int nv_lane_test(struct nv_comm *comm, struct lane *lane, int *source);

#endif
