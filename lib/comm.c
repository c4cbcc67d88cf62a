/* comm - see comm.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "lane.h"
#include "error_mpi.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void ring(const struct nv_comm *comm, int rank, enum nv_bell_owner owner)
{
    if (comm->bells != NULL)
        nv_bell_ring(nv_bells_at(comm->bells, rank, owner));
}

/* --------------------------------------------------------------------------------------- frames */

static struct parcel *parcel_of(struct nv_frame *frame)
{
    return (struct parcel *)(void *)((char *)frame - offsetof(struct parcel, frame));
}

static struct parcel *parcel_new(struct nv_comm *comm)
{
    struct parcel *parcel = comm->spare;
    if (parcel != NULL) {
        comm->spare = (struct parcel *)parcel->item.mail.next;
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
    parcel->item = (struct item){.kind = PARCEL};
    parcel->frame.size = 0;
    return parcel;
}

static void parcel_free(struct nv_comm *comm, struct parcel *parcel)
{
    if (parcel == NULL)
        return;
    if (comm->spare_count < NV_SPARE) {
        parcel->item.mail.next = (struct nv_mail *)comm->spare;
        comm->spare = parcel;
        comm->spare_count++;
        return;
    }
    free(parcel->frame.data);
    free(parcel);
}

struct nv_frame *nv_comm_frame(struct nv_comm *comm)
{
    struct parcel *parcel = parcel_new(comm);
    return parcel != NULL ? &parcel->frame : NULL;
}

void nv_comm_frame_free(struct nv_comm *comm, struct nv_frame *frame)
{
    parcel_free(comm, parcel_of(frame));
}

/* -------------------------------------------------------------------------------------- opening */

static int listen_again(struct nv_comm *comm, struct lane *lane, int slot)
{
    int tag = NV_TAG_FRAME + (int)(lane - comm->lanes);
    int rc = MPI_Irecv(lane->slots[slot]->frame.data, NV_FRAME_ROOM, MPI_BYTE, MPI_ANY_SOURCE, tag,
                       comm->mpi, &lane->requests[slot]);
    return nv_error_mpi(comm->error, rc, "posting a receive");
}

static int listen_on(struct nv_comm *comm, struct lane *lane)
{
    for (int i = 0; i < NV_AHEAD; i++) {
        lane->slots[i] = parcel_new(comm);
        if (lane->slots[i] == NULL)
            return nv_error_set(comm->error, NAVE_ENOMEM, "no memory for receive buffers");
        int rc = listen_again(comm, lane, i);
        if (rc != NAVE_OK)
            return rc;
    }
    lane->listening = true;
    return NAVE_OK;
}

static struct nv_comm *comm_new(MPI_Comm mpi, struct nv_bells *bells, struct nv_error *error)
{
    struct nv_comm *comm = calloc(1, sizeof *comm);
    if (comm == NULL)
        return NULL;
    comm->mpi = mpi;
    comm->bells = bells;
    comm->error = error;
    comm->forgotten.end = &comm->forgotten.first;
    for (int l = 0; l < NV_LANES; l++) {
        struct lane *lane = &comm->lanes[l];
        lane->inbox.end = &lane->inbox.first;
        lane->sent.end = &lane->sent.first;
        lane->wanted.end = &lane->wanted.first;
        for (int i = 0; i < NV_AHEAD; i++)
            lane->requests[i] = MPI_REQUEST_NULL;
    }
    return comm;
}

int nv_comm_open(MPI_Comm mpi, const bool listen[NV_LANES], struct nv_bells *bells,
                 struct nv_error *error, struct nv_comm **out)
{
    struct nv_comm *comm = comm_new(mpi, bells, error);
    int size, rc = NAVE_OK;
    if (comm == NULL)
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the context");
    MPI_Comm_rank(mpi, &comm->rank);
    MPI_Comm_size(mpi, &size);
    comm->sent = calloc((size_t)size, sizeof *comm->sent);
    if (comm->sent == NULL)
        rc = nv_error_set(error, NAVE_ENOMEM, "no memory for the context");
    for (int l = 0; l < NV_LANES && rc == NAVE_OK; l++)
        if (listen[l])
            rc = listen_on(comm, &comm->lanes[l]);
    if (rc != NAVE_OK) {
        nv_comm_close(comm);
        return rc;
    }
    *out = comm;
    return NAVE_OK;
}

int nv_comm_meet(struct nv_comm *comm)
{
    int size, rc = MPI_SUCCESS;
    MPI_Comm_size(comm->mpi, &size);
    if (comm->rank > 0)
        rc = MPI_Sendrecv(NULL, 0, MPI_BYTE, 0, NV_TAG_MEET, NULL, 0, MPI_BYTE, 0, NV_TAG_MEET,
                          comm->mpi, MPI_STATUS_IGNORE);
    for (int rank = 1; comm->rank == 0 && rank < size && rc == MPI_SUCCESS; rank++)
        rc = MPI_Recv(NULL, 0, MPI_BYTE, rank, NV_TAG_MEET, comm->mpi, MPI_STATUS_IGNORE);
    for (int rank = 1; comm->rank == 0 && rank < size && rc == MPI_SUCCESS; rank++)
        rc = MPI_Send(NULL, 0, MPI_BYTE, rank, NV_TAG_MEET, comm->mpi);
    return nv_error_mpi(comm->error, rc, "meeting the other ranks");
}

int nv_comm_beside(struct nv_comm *loop, struct nv_error *error, struct nv_comm **out)
{
    struct nv_comm *comm = comm_new(MPI_COMM_NULL, loop->bells, error);
    struct nv_link *link = comm != NULL ? nv_link_new() : NULL;
    if (link == NULL) {
        free(comm);
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the engine");
    }
    comm->rank = loop->rank;
    comm->link = loop->link = link;
    comm->end = NV_ENGINE_END;
    loop->end = NV_LOOP_END;
    loop->beside = comm;
    *out = comm;
    return NAVE_OK;
}

static void inbox_empty(struct nv_comm *comm, struct queue *queue)
{
    struct item *item;
    while ((item = nv_dequeue(queue)) != NULL)
        if (item->kind == PARCEL)
            parcel_free(comm, (struct parcel *)item);
        else
            free(item);
}

static void lane_close(struct nv_comm *comm, struct lane *lane)
{
    for (int i = 0; i < NV_AHEAD; i++) {
        if (lane->requests[i] != MPI_REQUEST_NULL) {
            MPI_Cancel(&lane->requests[i]);
            MPI_Wait(&lane->requests[i], MPI_STATUS_IGNORE);
        }
        parcel_free(comm, lane->slots[i]);
    }
    parcel_free(comm, lane->inbox_held);
    inbox_empty(comm, &lane->inbox);
    inbox_empty(comm, &lane->sent);
    inbox_empty(comm, &lane->wanted);
}

/* What is still on the way between a loop and its engine is lost with the link. */
static void link_close(struct nv_comm *comm)
{
    struct queue rest = {NULL, &rest.first};
    if (comm->end != NV_ENGINE_END || comm->link == NULL)
        return;
    for (int end = 0; end < 2; end++) {
        struct nv_mail *mail;
        while ((mail = nv_link_take(comm->link, (enum nv_end)end)) != NULL)
            nv_enqueue(&rest, (struct item *)mail);
    }
    inbox_empty(comm, &rest);
    nv_link_free(comm->link);
}

void nv_comm_close(struct nv_comm *comm)
{
    if (comm == NULL)
        return;
    link_close(comm);
    inbox_empty(comm, &comm->forgotten);
    for (int l = 0; l < NV_LANES; l++)
        lane_close(comm, &comm->lanes[l]);
    while (comm->spare != NULL) {
        struct parcel *parcel = comm->spare;
        comm->spare = (struct parcel *)parcel->item.mail.next;
        free(parcel->frame.data);
        free(parcel);
    }
    free(comm->requests);
    free(comm->owners);
    free(comm->ended);
    free(comm->sent);
    free(comm->gone);
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

/* To the other end of the link, which may sleep. */
static void mail_to(struct nv_comm *comm, enum nv_end end, struct item *item)
{
    nv_link_put(comm->link, end, &item->mail);
    ring(comm, comm->rank, end == NV_LOOP_END ? NV_BELL_LOOP : NV_BELL_THREAD);
}

/* What the engine beside the loop started ends in its own thread. */
void nv_transfer_end(struct nv_comm *comm, struct transfer *transfer, bool whole)
{
    nv_comm_done *done = transfer->done;
    void *arg = transfer->arg;
    if (transfer->beside && comm->end == NV_LOOP_END) {
        transfer->item.kind = ENDED;
        mail_to(comm, NV_ENGINE_END, &transfer->item);
        return;
    }
    free(transfer->scrap);
    free(transfer);
    if (done != NULL)
        done(arg, whole);
}

static void request_end(struct nv_comm *comm, struct owner owner)
{
    if (owner.parcel != NULL)
        parcel_free(comm, owner.parcel);
    else if (--owner.transfer->pieces == 0)
        nv_transfer_end(comm, owner.transfer, true);
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

static bool is_gone(const struct nv_comm *comm, int rank)
{
    return comm->gone != NULL && comm->gone[rank];
}

static int post_away(struct nv_comm *comm, struct parcel *parcel)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int rank = parcel->item.rank;
    int gone = 0;
    int rc;
    if (is_gone(comm, rank)) {
        parcel_free(comm, parcel);
        return NAVE_OK;
    }
    if (!make_room(comm, 1)) {
        parcel_free(comm, parcel);
        return nv_error_set(comm->error, NAVE_ENOMEM, "no memory to send a frame");
    }
    rc = MPI_Isend(parcel->frame.data, (int)parcel->frame.size, MPI_BYTE, rank,
                   NV_TAG_FRAME + (int)parcel->item.lane, comm->mpi, &request);
    comm->sent[rank] += rc == MPI_SUCCESS;
    if (rc == MPI_SUCCESS)
        rc = MPI_Test(&request, &gone, MPI_STATUS_IGNORE);
    ring(comm, rank, NV_BELL_LOOP);
    if (rc != MPI_SUCCESS || gone) {
        parcel_free(comm, parcel);
        return nv_error_mpi(comm->error, rc, "sending a frame");
    }
    comm->requests[comm->count] = request;
    comm->owners[comm->count] = (struct owner){.parcel = parcel};
    comm->count++;
    return NAVE_OK;
}

static int start_piece(struct nv_comm *comm, struct transfer *transfer, size_t at)
{
    int size = (int)(transfer->size - at < NV_PIECE ? transfer->size - at : NV_PIECE);
    char *data = transfer->data == NULL ? transfer->scrap : (char *)transfer->data + at;
    int tag = NV_TAG_BULK + (int)transfer->item.lane, rank = transfer->item.rank;
    MPI_Request *request = &comm->requests[comm->count];
    int rc = transfer->sending ? MPI_Isend(data, size, MPI_BYTE, rank, tag, comm->mpi, request)
                               : MPI_Irecv(data, size, MPI_BYTE, rank, tag, comm->mpi, request);
    if (rc != MPI_SUCCESS)
        return nv_error_mpi(comm->error, rc, "starting a transfer");
    comm->owners[comm->count] = (struct owner){.transfer = transfer};
    comm->count++;
    return NAVE_OK;
}

/* All pieces are started at once: a later transfer must not get between them. */
static int transfer_away(struct nv_comm *comm, struct transfer *transfer)
{
    size_t pieces = (transfer->size + NV_PIECE - 1) / NV_PIECE;
    int rc = NAVE_OK;
    if (transfer->data == NULL)
        transfer->scrap = malloc(transfer->size < NV_PIECE ? transfer->size : NV_PIECE);
    if (!make_room(comm, pieces) || (transfer->data == NULL && transfer->scrap == NULL))
        rc = nv_error_set(comm->error, NAVE_ENOMEM, "no memory for a transfer");
    for (transfer->pieces = 0; transfer->pieces < pieces && rc == NAVE_OK;) {
        rc = start_piece(comm, transfer, transfer->pieces * NV_PIECE);
        transfer->pieces += rc == NAVE_OK;
    }
    ring(comm, transfer->item.rank, NV_BELL_LOOP);
    if (transfer->pieces == 0) {
        free(transfer->scrap);
        free(transfer);
    }
    return rc;
}

/* ------------------------------------------------------------------- to oneself, over the link */

static int match(struct nv_comm *comm, struct lane *lane)
{
    int ended = 0;
    while (lane->sent.first != NULL && lane->wanted.first != NULL) {
        struct transfer *from = nv_dequeue(&lane->sent);
        struct transfer *to = nv_dequeue(&lane->wanted);
        assert(from->size == to->size);
        if (to->data != NULL)
            memcpy(to->data, from->data, to->size);
        comm->waiting -= (from->beside ? 0 : 1) + (to->beside ? 0 : 1);
        nv_transfer_end(comm, from, true);
        nv_transfer_end(comm, to, true);
        ended = 1;
    }
    return ended;
}

static void transfer_to_self(struct nv_comm *comm, struct transfer *transfer)
{
    struct lane *lane = &comm->lanes[transfer->item.lane];
    nv_enqueue(transfer->sending ? &lane->sent : &lane->wanted, &transfer->item);
}

/* The loop carries out what its engine wants. */
static int carry_out(struct nv_comm *comm, struct item *item)
{
    bool away = item->rank != comm->rank;
    if (item->kind == PARCEL && away)
        return post_away(comm, (struct parcel *)item);
    if (item->kind == PARCEL)
        nv_enqueue(&comm->lanes[item->lane].inbox, item);
    else if (away)
        return transfer_away(comm, (struct transfer *)item);
    else
        transfer_to_self(comm, (struct transfer *)item);
    return NAVE_OK;
}

/* Takes the mail that has come; 1 when there was some. */
static int take_mail(struct nv_comm *comm)
{
    struct nv_mail *mail;
    int rc = NAVE_OK, some = 0;
    if (comm->link == NULL)
        return 0;
    while (rc == NAVE_OK && (mail = nv_link_take(comm->link, comm->end)) != NULL) {
        struct item *item = (struct item *)mail;
        some = 1;
        if (comm->end == NV_LOOP_END) {
            rc = carry_out(comm, item);
        } else if (item->kind == PARCEL) {
            nv_enqueue(&comm->lanes[NV_TO_ENGINE].inbox, item);
        } else {
            comm->waiting--;
            nv_transfer_end(comm, (struct transfer *)item, true);
        }
    }
    return rc == NAVE_OK ? some : rc;
}

static int inbox_next(struct nv_comm *comm, struct lane *lane, int *source,
                      const struct nv_frame **frame)
{
    parcel_free(comm, lane->inbox_held);
    lane->inbox_held = nv_dequeue(&lane->inbox);
    if (lane->inbox_held == NULL)
        return 0;
    *source = comm->end == NV_ENGINE_END ? lane->inbox_held->item.rank : comm->rank;
    *frame = &lane->inbox_held->frame;
    return 1;
}

/* ------------------------------------------------------------------------------------ receiving */

/* The frame before this one is no longer looked at: its buffer listens again. */
static int release_held(struct nv_comm *comm, struct lane *lane)
{
    int slot = lane->head;
    if (!lane->held)
        return NAVE_OK;
    lane->held = false;
    lane->head = (lane->head + 1) % NV_AHEAD;
    return listen_again(comm, lane, slot);
}

/* The head of the lane, if a frame has come there: 1, and its source. */
int nv_lane_test(struct nv_comm *comm, struct lane *lane, int *source)
{
    MPI_Status status;
    int here = 0, size = 0;
    int rc = release_held(comm, lane);
    if (rc != NAVE_OK)
        return rc;
    rc = MPI_Test(&lane->requests[lane->head], &here, &status);
    if (rc != MPI_SUCCESS)
        return nv_error_mpi(comm->error, rc, "receiving a frame");
    if (!here)
        return 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    lane->slots[lane->head]->frame.size = (size_t)size;
    lane->held = true;
    comm->received++;
    *source = status.MPI_SOURCE;
    return 1;
}

/* Frames of others for the engine beside this loop. */
static int pass_on(struct nv_comm *comm)
{
    struct lane *lane = &comm->lanes[NV_TO_ENGINE];
    int some = 0, rc = 0, source;
    if (comm->beside == NULL || !lane->listening)
        return 0;
    while (rc >= 0 && (rc = nv_lane_test(comm, lane, &source)) == 1) {
        struct parcel *fresh = parcel_new(comm), *full = lane->slots[lane->head];
        if (fresh == NULL)
            return nv_error_set(comm->error, NAVE_ENOMEM, "no memory for a receive buffer");
        lane->slots[lane->head] = fresh;
        full->item = (struct item){.kind = PARCEL, .rank = source, .lane = NV_TO_ENGINE};
        mail_to(comm, NV_ENGINE_END, &full->item);
        some = 1;
    }
    return rc < 0 ? rc : some;
}

/* ---------------------------------------------------------------------------------- the surface */

void nv_comm_wake(const struct nv_comm *comm, int rank, enum nv_lane lane)
{
    bool beside = rank == comm->rank && lane == NV_TO_ENGINE;
    if (comm->bells != NULL)
        nv_bell_nudge(nv_bells_at(comm->bells, rank, beside ? NV_BELL_THREAD : NV_BELL_LOOP));
}

int nv_comm_post(struct nv_comm *comm, int rank, enum nv_lane lane, struct nv_frame *frame)
{
    struct parcel *parcel = parcel_of(frame);
    parcel->item = (struct item){.kind = PARCEL, .rank = rank, .lane = lane};
    if (comm->end == NV_ENGINE_END && comm->link != NULL)
        mail_to(comm, NV_LOOP_END, &parcel->item);
    else if (rank != comm->rank)
        return post_away(comm, parcel);
    else if (comm->link != NULL && lane == NV_TO_ENGINE)
        mail_to(comm, NV_ENGINE_END, &parcel->item);
    else
        nv_enqueue(&comm->lanes[lane].inbox, &parcel->item);
    return NAVE_OK;
}

int nv_comm_next(struct nv_comm *comm, enum nv_lane l, int *source, const struct nv_frame **frame)
{
    struct lane *lane = &comm->lanes[l];
    int rc = take_mail(comm);
    if (rc < 0)
        return rc;
    rc = inbox_next(comm, lane, source, frame);
    if (rc != 0 || !lane->listening)
        return rc;
    do
        rc = nv_lane_test(comm, lane, source);
    while (rc == 1 && is_gone(comm, *source));
    if (rc == 1)
        *frame = &lane->slots[lane->head]->frame;
    return rc;
}

static int transfer_start(struct nv_comm *comm, bool sending, int rank, enum nv_lane lane,
                          void *data, size_t size, nv_comm_done *done, void *arg)
{
    struct transfer *transfer = malloc(sizeof *transfer);
    bool beside = comm->end == NV_ENGINE_END && comm->link != NULL;
    assert(size > 0);
    if (transfer == NULL)
        return nv_error_set(comm->error, NAVE_ENOMEM, "no memory for a transfer");
    *transfer = (struct transfer){.item = {.kind = TRANSFER, .rank = rank, .lane = lane},
                                  .sending = sending,
                                  .beside = beside,
                                  .data = data,
                                  .size = size,
                                  .done = done,
                                  .arg = arg,
                                  .pieces = 1};
    if (!beside && rank != comm->rank) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its requests have it */
        return transfer_away(comm, transfer);
    }
    comm->waiting++;
    if (beside)
        mail_to(comm, NV_LOOP_END, &transfer->item);
    else
        transfer_to_self(comm, transfer);
    return NAVE_OK;
}

int nv_comm_send(struct nv_comm *comm, int rank, enum nv_lane lane, const void *data, size_t size,
                 nv_comm_done *done, void *arg)
{
    /* MPI and memcpy only read what is sent; one struct serves both directions. */
    return transfer_start(comm, true, rank, lane, (void *)(uintptr_t)data, size, done, arg);
}

int nv_comm_receive(struct nv_comm *comm, int rank, enum nv_lane lane, void *data, size_t size,
                    nv_comm_done *done, void *arg)
{
    return transfer_start(comm, false, rank, lane, data, size, done, arg);
}

/* MPI may have held a send back and made it just now: whoever gets it is rung again. */
static void ring_receivers(const struct nv_comm *comm, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        const struct owner *owner = &comm->owners[i];
        if (owner->parcel != NULL)
            ring(comm, owner->parcel->item.rank, NV_BELL_LOOP);
        else if (owner->transfer->sending)
            ring(comm, owner->transfer->item.rank, NV_BELL_LOOP);
    }
}

/* A window of requests at a time, since Testsome's cost grows with their number; it moves on when
 * nothing in it has ended, so that none hides behind others that wait.  Returns how many ended, or a
 * code. */
static int progress_window(struct nv_comm *comm)
{
    int ended = 0, rc;
    size_t first, left;
    if (comm->count == 0)
        return 0;
    first = comm->window < comm->count ? comm->window : 0;
    left = comm->count - first;
    rc = MPI_Testsome(left < WINDOW ? (int)left : WINDOW, comm->requests + first, &ended,
                      comm->ended, MPI_STATUSES_IGNORE);
    if (rc != MPI_SUCCESS)
        return nv_error_mpi(comm->error, rc, "moving transfers on");
    ring_receivers(comm, first, left < WINDOW ? left : WINDOW);
    comm->window = ended > 0 ? first : first + WINDOW;
    if (ended <= 0)
        return 0;
    collect(comm, first, ended);
    return ended;
}

/* Windows of which all has ended are followed by the next: frames may announce transfers faster than
 * one window a turn would take them in, and each holds memory. */
static int progress_requests(struct nv_comm *comm)
{
    int ended, any = 0;
    do {
        ended = progress_window(comm);
        any = ended > 0 ? 1 : any;
    } while (ended == WINDOW);
    return ended < 0 ? ended : any;
}

int nv_comm_progress(struct nv_comm *comm)
{
    int mail = take_mail(comm);
    int passed = mail >= 0 ? pass_on(comm) : mail;
    int ended = passed >= 0 ? progress_requests(comm) : passed;
    if (ended < 0)
        return ended;
    for (int l = 0; l < NV_LANES; l++)
        ended |= match(comm, &comm->lanes[l]);
    return mail | passed | ended;
}

size_t nv_comm_pending(const struct nv_comm *comm)
{
    return comm->count + comm->waiting;
}

bool nv_comm_moving(const struct nv_comm *comm)
{
    for (size_t i = 0; i < comm->count; i++)
        if (comm->owners[i].transfer != NULL)
            return true;
    return comm->waiting > 0;
}
