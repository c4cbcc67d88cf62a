/* guests - who is at the door: connections, and the clients that speak over them.  Pure.
 *
 * Invariant: there are at most so many connections, and so many clients among them; those that may only
 * look never have all the places.  A client has its place for as long as its connection lasts, unless it
 * says good-bye, or says nothing for a while and others want the place.
 *
 * Design notes.  That a connection has ended is told apart from what came over it, and its descriptor's
 * number is soon another's.  So all ends that are known are told before a word is looked up.  A word
 * that lay about for longer than its sender's connection may still be taken for one of the next
 * connection with that number; when that one speaks itself, the mistake is put right.
 */
#ifndef NV_GUESTS_H
#define NV_GUESTS_H

#include "curve.h"

enum {
    NV_CONNECTIONS_MAX = 128,
    NV_LOOKERS_MAX = 48, /* clients, of NV_CLIENTS_MAX, that may only look */
    NV_ASKED_MAX = 16    /* requests of a client that are under way */
};

/* A connection.  The place stays where it is for as long as the table does. */
struct nv_guest {
    bool there;          /* otherwise the place is free */
    uint64_t order;      /* of its coming */
    struct nv_peer peer; /* whose it is; of no bytes: not a client's (yet) */
    double seen;         /* when the client said something, by nv_clock() */
    uint64_t whole;      /* bytes that had come over the connection by then */
    unsigned asked;      /* requests that are not answered */
    atomic_uint unsent;  /* answers that have not gone out */
    atomic_uint visit;   /* changes when a client leaves; read by any thread */
};

struct nv_guests {
    struct nv_guest places[NV_CONNECTIONS_MAX];
    uint64_t order, left; /* connections that came, clients that left */
    int connections;      /* that are there */
    atomic_int count;     /* of clients; read by any thread */
};

/* A connection has come.  The descriptor of one that has to go for it, the oldest that is no client's;
 * -1: none. */
int nv_guests_come(struct nv_guests *guests, int fd);

/* It has ended. */
void nv_guests_end(struct nv_guests *guests, int fd);

/* The place of somebody who says something; NULL: the connection has ended.  Where the place's peer is of
 * no bytes there are too many clients. */
struct nv_guest *nv_guests_word(struct nv_guests *guests, const struct nv_peer *peer, double now);

/* The client says good-bye, or has no connection any more: what it has asked is nobody's. */
void nv_guests_leave(struct nv_guests *guests, struct nv_guest *guest);

/* Whether who was there at that visit has left.  From any thread; NULL: no client's place. */
static inline bool nv_guest_has_left(const struct nv_guest *guest, unsigned visit)
{
    return guest != NULL && atomic_load_explicit(&guest->visit, memory_order_relaxed) != visit;
}

#endif
