/* guests - see guests.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "guests.h"

#include <string.h>

#define IDLE_SECONDS 15.0 /* after which a client gives way to others */

static struct nv_guest *place_of(struct nv_guests *guests, int fd)
{
    for (int i = 0; i < NV_CONNECTIONS_MAX; i++)
        if (guests->places[i].there && guests->places[i].peer.fd == fd)
            return &guests->places[i];
    return NULL;
}

static struct nv_guest *client_of(struct nv_guests *guests, const struct nv_peer *peer)
{
    for (int i = 0; i < NV_CONNECTIONS_MAX; i++) {
        const struct nv_peer *other = &guests->places[i].peer;
        if (other->size == peer->size && memcmp(other->id, peer->id, peer->size) == 0)
            return &guests->places[i];
    }
    return NULL;
}

void nv_guests_leave(struct nv_guests *guests, struct nv_guest *guest)
{
    if (guest->peer.size == 0)
        return;
    guest->peer.size = 0;
    guest->asked = 0;
    guests->left++;
    atomic_fetch_add_explicit(&guest->visit, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&guests->count, 1, memory_order_relaxed);
}

void nv_guests_end(struct nv_guests *guests, int fd)
{
    struct nv_guest *guest = place_of(guests, fd);
    if (guest == NULL)
        return;
    nv_guests_leave(guests, guest);
    guest->there = false;
    guests->connections--;
}

/* A free place, or the oldest that is no client's. */
static struct nv_guest *place_for(struct nv_guests *guests)
{
    struct nv_guest *best = NULL;
    for (int i = 0; i < NV_CONNECTIONS_MAX; i++) {
        struct nv_guest *guest = &guests->places[i];
        if (!guest->there)
            return guest;
        if (guest->peer.size == 0 && (best == NULL || guest->order < best->order))
            best = guest;
    }
    return best;
}

int nv_guests_come(struct nv_guests *guests, int fd)
{
    struct nv_guest *guest;
    int victim;
    nv_guests_end(guests, fd);
    guest = place_for(guests);
    if (guest == NULL)
        return fd;
    victim = guest->there ? guest->peer.fd : -1;
    guests->connections += !guest->there;
    guest->there = true;
    guest->peer.fd = fd;
    guest->order = ++guests->order;
    guest->whole = 0;
    return victim;
}

static int count(const struct nv_guests *guests, enum nv_role role)
{
    int n = 0;
    for (int i = 0; i < NV_CONNECTIONS_MAX; i++)
        n += guests->places[i].peer.size > 0 && guests->places[i].peer.role == role;
    return n;
}

/* The client that has been idle for longest, and long enough; NULL: none. */
static struct nv_guest *idlest(struct nv_guests *guests, bool lookers, double now)
{
    struct nv_guest *best = NULL;
    for (int i = 0; i < NV_CONNECTIONS_MAX; i++) {
        struct nv_guest *guest = &guests->places[i];
        if (guest->peer.size > 0 && guest->asked == 0 && now - guest->seen > IDLE_SECONDS &&
            (!lookers || guest->peer.role != NV_CONTROL) &&
            (best == NULL || guest->seen < best->seen))
            best = guest;
    }
    return best;
}

static bool make_room(struct nv_guests *guests, enum nv_role role, double now)
{
    int looking = count(guests, NV_READONLY), all = looking + count(guests, NV_CONTROL);
    bool lookers = role != NV_CONTROL && looking >= NV_LOOKERS_MAX;
    struct nv_guest *guest;
    if (!lookers && all < NV_CLIENTS_MAX)
        return true;
    guest = idlest(guests, lookers, now);
    if (guest != NULL)
        nv_guests_leave(guests, guest);
    return guest != NULL;
}

struct nv_guest *nv_guests_word(struct nv_guests *guests, const struct nv_peer *peer, double now)
{
    struct nv_guest *guest = client_of(guests, peer), *place = place_of(guests, peer->fd);
    if (guest != place && guest != NULL)
        nv_guests_leave(guests, guest);
    if (place == NULL)
        return NULL;
    if (guest != place) {
        nv_guests_leave(guests, place);
        if (make_room(guests, peer->role, now)) {
            place->peer = *peer;
            atomic_fetch_add_explicit(&guests->count, 1, memory_order_relaxed);
        }
    }
    place->seen = now;
    return place;
}
