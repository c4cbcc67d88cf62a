/* comm - see comm.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "comm.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    NV_AHEAD = 8,        /* receives posted ahead on a channel */
    NV_PIECE = 64 << 20, /* bytes of a transfer in one MPI message */
    WINDOW = 64,         /* requests tested at once */
    NV_SPARE = 64,       /* empty frames kept for reuse */
    NV_TAG_FRAME = 0,    /* tags: these plus the channel */
    NV_TAG_BULK = 2
};

/* A frame with its place in a list. */
struct parcel {
    struct nv_frame frame; /* first, so that a frame is its parcel */
    struct parcel *next;
};

/* A bulk transfer, sent or received. */
struct transfer {
    void *data;
    size_t size;
    size_t pieces; /* not ended yet */
    void *scrap;   /* where bytes go that nobody wants */
    nv_comm_done *done;
    void *arg;
    struct transfer *next; /* in a queue to oneself */
};

/* What an MPI request belongs to: one of the two. */
struct owner {
    struct parcel *parcel;
    struct transfer *transfer;
};

struct channel {
    bool listening;
    bool held; /* the head's frame is in the caller's hands */
    int head;
    struct parcel *slots[NV_AHEAD];
    MPI_Request requests[NV_AHEAD];
    /* To oneself, first in first out. */
    struct parcel *self, **self_end, *self_held;
    struct transfer *self_sent, **self_sent_end;
    struct transfer *self_wanted, **self_wanted_end;
};

struct nv_comm {
    MPI_Comm mpi;
    int rank;
    struct nv_error *error;
    struct channel channels[2];
    struct parcel *spare;
    size_t spare_count;
    /* Sends and transfers under way: three arrays of one length. */
    MPI_Request *requests;
    struct owner *owners;
    int *ended;
    size_t count, room;
    size_t window; /* where the next look at them begins */
    size_t self_pending;
};

/* --------------------------------------------------------------------------------------- frames */

struct nv_frame *nv_comm_frame(struct nv_comm *comm)
{
    struct parcel *parcel = comm->spare;
    if (parcel != NULL) {
        comm->spare = parcel->next;
        comm->spare_count--;
    } else {
        parcel = malloc(sizeof *parcel);
        if (parcel == NULL)
            return NULL;
        parcel->frame.data = aligned_alloc(64, NV_FRAME_ROOM);
        if (parcel->frame.data == NULL) {
            free(parcel);
            return NULL;
        }
    }
    parcel->frame.size = 0;
    parcel->next = NULL;
    return &parcel->frame;
}

static void parcel_free(struct nv_comm *comm, struct parcel *parcel)
{
    if (parcel == NULL)
        return;
    if (comm->spare_count < NV_SPARE) {
        parcel->next = comm->spare;
        comm->spare = parcel;
        comm->spare_count++;
        return;
    }
    free(parcel->frame.data);
    free(parcel);
}

void nv_comm_frame_free(struct nv_comm *comm, struct nv_frame *frame)
{
    parcel_free(comm, (struct parcel *)frame);
}

/* -------------------------------------------------------------------------------------- opening */

static int listen_again(struct nv_comm *comm, struct channel *channel, int slot)
{
    int tag = NV_TAG_FRAME + (int)(channel - comm->channels);
    int rc = MPI_Irecv(channel->slots[slot]->frame.data, NV_FRAME_ROOM, MPI_BYTE, MPI_ANY_SOURCE,
                       tag, comm->mpi, &channel->requests[slot]);
    return nv_error_mpi(comm->error, rc, "posting a receive");
}

static int listen_on(struct nv_comm *comm, struct channel *channel)
{
    for (int i = 0; i < NV_AHEAD; i++) {
        channel->slots[i] = (struct parcel *)nv_comm_frame(comm);
        if (channel->slots[i] == NULL)
            return nv_error_set(comm->error, NAVE_ENOMEM, "no memory for receive buffers");
        int rc = listen_again(comm, channel, i);
        if (rc != NAVE_OK)
            return rc;
    }
    channel->listening = true;
    return NAVE_OK;
}

int nv_comm_open(MPI_Comm mpi, const bool listen[2], struct nv_error *error, struct nv_comm **out)
{
    struct nv_comm *comm = calloc(1, sizeof *comm);
    int rc = NAVE_OK;
    if (comm == NULL)
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the context");
    comm->mpi = mpi;
    comm->error = error;
    MPI_Comm_rank(mpi, &comm->rank);
    for (int c = 0; c < 2; c++) {
        struct channel *channel = &comm->channels[c];
        channel->self_end = &channel->self;
        channel->self_sent_end = &channel->self_sent;
        channel->self_wanted_end = &channel->self_wanted;
        for (int i = 0; i < NV_AHEAD; i++)
            channel->requests[i] = MPI_REQUEST_NULL;
        if (rc == NAVE_OK && listen[c])
            rc = listen_on(comm, channel);
    }
    if (rc != NAVE_OK) {
        nv_comm_close(comm);
        return rc;
    }
    *out = comm;
    return NAVE_OK;
}

static void channel_close(struct nv_comm *comm, struct channel *channel)
{
    for (int i = 0; i < NV_AHEAD; i++) {
        if (channel->requests[i] != MPI_REQUEST_NULL) {
            MPI_Cancel(&channel->requests[i]);
            MPI_Wait(&channel->requests[i], MPI_STATUS_IGNORE);
        }
        parcel_free(comm, channel->slots[i]);
    }
    parcel_free(comm, channel->self_held);
    while (channel->self != NULL) {
        struct parcel *parcel = channel->self;
        channel->self = parcel->next;
        parcel_free(comm, parcel);
    }
}

void nv_comm_close(struct nv_comm *comm)
{
    if (comm == NULL)
        return;
    for (int c = 0; c < 2; c++)
        channel_close(comm, &comm->channels[c]);
    while (comm->spare != NULL) {
        struct parcel *parcel = comm->spare;
        comm->spare = parcel->next;
        free(parcel->frame.data);
        free(parcel);
    }
    free(comm->requests);
    free(comm->owners);
    free(comm->ended);
    free(comm);
}

/* ------------------------------------------------------------------ requests that are under way */

static bool make_room(struct nv_comm *comm, size_t more)
{
    size_t room = comm->room;
    MPI_Request *requests;
    struct owner *owners;
    int *ended;
    if (comm->count + more <= room)
        return true;
    while (room < comm->count + more)
        room = room == 0 ? 64 : 2 * room;
    requests = realloc(comm->requests, room * sizeof *requests);
    if (requests != NULL)
        comm->requests = requests;
    owners = realloc(comm->owners, room * sizeof *owners);
    if (owners != NULL)
        comm->owners = owners;
    ended = realloc(comm->ended, room * sizeof *ended);
    if (ended != NULL)
        comm->ended = ended;
    if (requests == NULL || owners == NULL || ended == NULL)
        return false;
    comm->room = room;
    return true;
}

static void transfer_end(struct transfer *transfer)
{
    nv_comm_done *done = transfer->done;
    void *arg = transfer->arg;
    free(transfer->scrap);
    free(transfer);
    if (done != NULL)
        done(arg);
}

static void request_end(struct nv_comm *comm, struct owner owner)
{
    if (owner.parcel != NULL)
        parcel_free(comm, owner.parcel);
    else if (--owner.transfer->pieces == 0)
        transfer_end(owner.transfer);
}

/* Takes the ended requests, places in comm->ended from `first` on, out of the arrays before
 * anything else: `done` may start new transfers. */
static void collect(struct nv_comm *comm, size_t first, int ended_count)
{
    struct owner few[WINDOW];
    size_t kept = first;
    for (int i = 0; i < ended_count; i++)
        few[i] = comm->owners[first + (size_t)comm->ended[i]];
    for (size_t i = first; i < comm->count; i++) {
        if (comm->requests[i] == MPI_REQUEST_NULL)
            continue;
        comm->requests[kept] = comm->requests[i];
        comm->owners[kept] = comm->owners[i];
        kept++;
    }
    comm->count = kept;
    for (int i = 0; i < ended_count; i++)
        request_end(comm, few[i]);
}

/* ------------------------------------------------------------------------------- to other ranks */

static int post_away(struct nv_comm *comm, int rank, enum nv_channel channel, struct parcel *parcel)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int gone = 0;
    int rc;
    if (!make_room(comm, 1)) {
        parcel_free(comm, parcel);
        return nv_error_set(comm->error, NAVE_ENOMEM, "no memory to send a frame");
    }
    rc = MPI_Isend(parcel->frame.data, (int)parcel->frame.size, MPI_BYTE, rank,
                   NV_TAG_FRAME + (int)channel, comm->mpi, &request);
    if (rc == MPI_SUCCESS)
        rc = MPI_Test(&request, &gone, MPI_STATUS_IGNORE);
    if (rc != MPI_SUCCESS || gone) {
        parcel_free(comm, parcel);
        return nv_error_mpi(comm->error, rc, "sending a frame");
    }
    comm->requests[comm->count] = request;
    comm->owners[comm->count] = (struct owner){.parcel = parcel};
    comm->count++;
    return NAVE_OK;
}

static int start_piece(struct nv_comm *comm, struct transfer *transfer, bool sending, int rank,
                       enum nv_channel channel, size_t at)
{
    int size = (int)(transfer->size - at < NV_PIECE ? transfer->size - at : NV_PIECE);
    char *data = transfer->data == NULL ? transfer->scrap : (char *)transfer->data + at;
    int tag = NV_TAG_BULK + (int)channel;
    MPI_Request *request = &comm->requests[comm->count];
    int rc = sending ? MPI_Isend(data, size, MPI_BYTE, rank, tag, comm->mpi, request)
                     : MPI_Irecv(data, size, MPI_BYTE, rank, tag, comm->mpi, request);
    if (rc != MPI_SUCCESS)
        return nv_error_mpi(comm->error, rc, "starting a transfer");
    comm->owners[comm->count] = (struct owner){.transfer = transfer};
    comm->count++;
    return NAVE_OK;
}

/* All pieces are started at once: a later transfer must not get between them. */
static int transfer_away(struct nv_comm *comm, struct transfer *transfer, bool sending, int rank,
                         enum nv_channel channel)
{
    size_t pieces = (transfer->size + NV_PIECE - 1) / NV_PIECE;
    int rc = NAVE_OK;
    if (transfer->data == NULL)
        transfer->scrap = malloc(transfer->size < NV_PIECE ? transfer->size : NV_PIECE);
    if (!make_room(comm, pieces) || (transfer->data == NULL && transfer->scrap == NULL))
        rc = nv_error_set(comm->error, NAVE_ENOMEM, "no memory for a transfer");
    for (transfer->pieces = 0; transfer->pieces < pieces && rc == NAVE_OK;) {
        rc = start_piece(comm, transfer, sending, rank, channel, transfer->pieces * NV_PIECE);
        transfer->pieces += rc == NAVE_OK;
    }
    if (transfer->pieces == 0) {
        free(transfer->scrap);
        free(transfer);
    }
    return rc;
}

/* ----------------------------------------------------------------------------------- to oneself */

static void enqueue(struct transfer ***end, struct transfer *transfer)
{
    transfer->next = NULL;
    **end = transfer;
    *end = &transfer->next;
}

static struct transfer *dequeue(struct transfer **head, struct transfer ***end)
{
    struct transfer *transfer = *head;
    *head = transfer->next;
    if (*head == NULL)
        *end = head;
    return transfer;
}

static int self_progress(struct nv_comm *comm, struct channel *channel)
{
    int ended = 0;
    while (channel->self_sent != NULL && channel->self_wanted != NULL) {
        struct transfer *from = dequeue(&channel->self_sent, &channel->self_sent_end);
        struct transfer *to = dequeue(&channel->self_wanted, &channel->self_wanted_end);
        assert(from->size == to->size);
        if (to->data != NULL)
            memcpy(to->data, from->data, to->size);
        comm->self_pending -= 2;
        transfer_end(from);
        transfer_end(to);
        ended = 1;
    }
    return ended;
}

static int self_next(struct nv_comm *comm, struct channel *channel, int *source,
                     const struct nv_frame **frame)
{
    parcel_free(comm, channel->self_held);
    channel->self_held = channel->self;
    if (channel->self == NULL)
        return 0;
    channel->self = channel->self->next;
    if (channel->self == NULL)
        channel->self_end = &channel->self;
    *source = comm->rank;
    *frame = &channel->self_held->frame;
    return 1;
}

/* ---------------------------------------------------------------------------------- the surface */

int nv_comm_post(struct nv_comm *comm, int rank, enum nv_channel channel, struct nv_frame *frame)
{
    struct parcel *parcel = (struct parcel *)frame;
    if (rank != comm->rank)
        return post_away(comm, rank, channel, parcel);
    parcel->next = NULL;
    *comm->channels[channel].self_end = parcel;
    comm->channels[channel].self_end = &parcel->next;
    return NAVE_OK;
}

int nv_comm_next(struct nv_comm *comm, enum nv_channel c, int *source,
                 const struct nv_frame **frame)
{
    struct channel *channel = &comm->channels[c];
    MPI_Status status;
    int here = 0, size = 0;
    int rc = self_next(comm, channel, source, frame);
    if (rc != 0 || !channel->listening)
        return rc;
    if (channel->held) {
        channel->held = false;
        rc = listen_again(comm, channel, channel->head);
        channel->head = (channel->head + 1) % NV_AHEAD;
        if (rc != NAVE_OK)
            return rc;
    }
    rc = MPI_Test(&channel->requests[channel->head], &here, &status);
    if (rc != MPI_SUCCESS)
        return nv_error_mpi(comm->error, rc, "receiving a frame");
    if (!here)
        return 0;
    channel->held = true;
    MPI_Get_count(&status, MPI_BYTE, &size);
    channel->slots[channel->head]->frame.size = (size_t)size;
    *source = status.MPI_SOURCE;
    *frame = &channel->slots[channel->head]->frame;
    return 1;
}

static int transfer_start(struct nv_comm *comm, bool sending, int rank, enum nv_channel c,
                          void *data, size_t size, nv_comm_done *done, void *arg)
{
    struct channel *channel = &comm->channels[c];
    struct transfer *transfer = malloc(sizeof *transfer);
    assert(size > 0);
    if (transfer == NULL)
        return nv_error_set(comm->error, NAVE_ENOMEM, "no memory for a transfer");
    *transfer =
        (struct transfer){.data = data, .size = size, .done = done, .arg = arg, .pieces = 1};
    if (rank != comm->rank) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its requests have it */
        return transfer_away(comm, transfer, sending, rank, c);
    }
    enqueue(sending ? &channel->self_sent_end : &channel->self_wanted_end, transfer);
    comm->self_pending++;
    return NAVE_OK;
}

int nv_comm_send(struct nv_comm *comm, int rank, enum nv_channel channel, const void *data,
                 size_t size, nv_comm_done *done, void *arg)
{
    /* MPI and memcpy only read what is sent; one struct serves both directions. */
    return transfer_start(comm, true, rank, channel, (void *)(uintptr_t)data, size, done, arg);
}

int nv_comm_receive(struct nv_comm *comm, int rank, enum nv_channel channel, void *data,
                    size_t size, nv_comm_done *done, void *arg)
{
    return transfer_start(comm, false, rank, channel, data, size, done, arg);
}

/* A window of requests at a time, since Testsome's cost grows with their number; it moves on when
 * nothing in it has ended, so that none hides behind others that wait. */
int nv_comm_progress(struct nv_comm *comm)
{
    int ended = 0, rc;
    size_t first, left;
    int something = self_progress(comm, &comm->channels[0]);
    something |= self_progress(comm, &comm->channels[1]);
    if (comm->count == 0)
        return something;
    first = comm->window < comm->count ? comm->window : 0;
    left = comm->count - first;
    rc = MPI_Testsome(left < WINDOW ? (int)left : WINDOW, comm->requests + first, &ended,
                      comm->ended, MPI_STATUSES_IGNORE);
    if (rc != MPI_SUCCESS)
        return nv_error_mpi(comm->error, rc, "moving transfers on");
    comm->window = ended > 0 ? first : first + WINDOW;
    if (ended <= 0)
        return something;
    collect(comm, first, ended);
    return 1;
}

size_t nv_comm_pending(const struct nv_comm *comm)
{
    return comm->count + comm->self_pending;
}

int nv_comm_drain(struct nv_comm *comm)
{
    int rc = 0;
    while (rc >= 0 && nv_comm_pending(comm) > 0)
        rc = nv_comm_progress(comm);
    return rc < 0 ? rc : NAVE_OK;
}
