/* porter - the thread at the door: it speaks with clients, reads what they ask, and keeps it until the
 * hub's loop takes it.
 *
 * Invariant: every letter that was taken is answered once.  What is no request, or not allowed to its
 * sender, never reaches the hub; the porter answers it, and "hello", itself.
 *
 * Design notes.  ZeroMQ has threads of its own anyway; with one more, the hub's loop needs no look at
 * sockets: while nobody asks it reads one flag, and when it sleeps the porter rings its bell.  The porter
 * makes no MPI calls and touches nothing of the farm.
 */
#ifndef NV_PORTER_H
#define NV_PORTER_H

#include "bell.h"
#include "curve.h"
#include "request.h"

struct nv_porter;

struct nv_letter {
    struct nv_letter *next;
    struct nv_peer peer;
    struct nv_request request;
    void *data;
    size_t data_size;
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

/* The hub's loop is at work, or has just ended. */
void nv_porter_attend(struct nv_porter *porter, bool inside);

/* Clients that have said something lately, or wait for an answer, and not good-bye. */
int nv_porter_clients(const struct nv_porter *porter);
size_t nv_porter_owed(const struct nv_porter *porter);

#endif
