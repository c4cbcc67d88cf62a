/* porter - the thread at the door: it speaks with clients, reads what they ask, and keeps it until the
 * hub's loop takes it.
 *
 * Invariant: every letter is answered once, as long as its client is there; one who does not read what it
 * is answered is not there for long.  What is no request, or not allowed to its sender, or too much, never
 * reaches the hub; the porter answers it, and "hello", itself.
 *
 * The memory of letters is bounded: of each client there are NV_ASKED_MAX at most, and only those that
 * change something may be long, or have bytes; when the client has gone they go, but for short ones that
 * change something (a job that is busy elsewhere is stopped all the same).
 *
 * Design notes.  ZeroMQ has threads of its own anyway; with one more, the hub's loop needs no look at
 * sockets: while nobody asks it reads one flag, and when it sleeps the porter rings its bell.  The porter
 * makes no MPI calls and touches nothing of the farm.
 */
#ifndef NV_PORTER_H
#define NV_PORTER_H

#include "bell.h"
#include "guests.h"
#include "request.h"

struct nv_porter;

struct nv_letter {
    struct nv_letter *next;
    struct nv_peer peer;
    struct nv_guest *guest; /* the client's place; NULL: it has none */
    unsigned visit;         /* its number when this was asked */
    struct nv_request request;
    void *data;
    size_t data_size, weight; /* weight: the memory that all of it takes, at most */
};

struct nv_porter_spec {
    struct nv_server_spec server;
    cJSON *hello;         /* what is always said to that; taken over */
    struct nv_bell *bell; /* of the hub's loop, NULL: none */
};

/* Binds and starts.  url: as it came out. */
int nv_porter_open(const struct nv_porter_spec *spec, char *url, size_t room, struct nv_why why,
                   struct nv_porter **porter);

/* Sends what was answered, and ends.  Letters that wait are answered: the job has ended. */
void nv_porter_close(struct nv_porter *porter);

/* Whether a letter waits: a single load.  The next one; NULL: none. */
bool nv_porter_waiting(const struct nv_porter *porter);
struct nv_letter *nv_porter_take(struct nv_porter *porter);

/* Answers a letter, and frees it.  `answer` (a JSON object, NULL: out of memory) and `data` (from malloc)
 * are taken over. */
void nv_porter_answer(struct nv_porter *porter, struct nv_letter *letter, cJSON *answer, void *data,
                      size_t size);

/* The same with an error. */
void nv_porter_refuse(struct nv_porter *porter, struct nv_letter *letter, int code,
                      const char *message);

/* Whether the client has gone: nobody waits for the answer.  A letter that was taken is still to be answered
 * then, with whatever. */
bool nv_letter_in_vain(const struct nv_letter *letter);

/* The hub's loop is at work, or has just ended. */
void nv_porter_attend(struct nv_porter *porter, bool inside);

/* Clients that are connected; bytes of answers that have not gone out. */
int nv_porter_clients(const struct nv_porter *porter);
size_t nv_porter_owed(const struct nv_porter *porter);

#endif
