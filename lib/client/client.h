/* client - what the files of the client's library share: client.c (connecting, asking), remote.c (calls),
 * arrays.c (objects and arrays).
 *
 * Invariant: one request is under way at a time; an answer that is not to it is one to a request whose
 * time was over, and is dropped.
 */
#ifndef NV_CLIENT_H
#define NV_CLIENT_H

#include "connfile.h"
#include "nave_client.h"
#include "tunnel.h"

#include <cjson/cJSON.h>

/* Integers from here on (2^53) are texts; no size is. */
#define NV_EXACT 9007199254740992.0

struct nave_client {
    struct nv_connection connection;
    struct nv_dialog *dialog;
    struct nv_tunnel *tunnel;
    double timeout;
    bool met;                  /* it has said hello, and been answered */
    double asked;              /* requests so far */
    struct nv_message message; /* the last answer */
    cJSON *answer;             /*   read */
    void *data;                /* handed out, beside the message's */
    struct {                   /* results that came along with the one that was asked for last */
        uint64_t call;
        size_t next, wish; /* the task behind that one; how many to ask for with it */
        cJSON *sizes;      /* of those that are left, the first is that of `next`; NULL: none */
        size_t at;         /* where its bytes begin in `data` */
        void *copy;        /* of one that lies askew there */
    } ahead;
    struct { /* the kernel whose signature was asked for last */
        char name[128];
        char *signature; /* NULL: it has none */
        double asked;    /* by nv_clock(); 0: not yet */
    } known;
    struct nv_why why; /* leads to `error` */
    char error[4096];
};

/* Sends a request (freed) and waits for its answer: client->answer, and its bytes in client->message. */
int nv_client_do(nave_client *client, cJSON *request, const void *data, size_t size,
                 double seconds);

/* Takes over what is handed out next (from malloc); what was before is freed. */
void nv_client_keep(nave_client *client, void *data);

/* A new request. */
cJSON *nv_client_request(const char *verb);

/* A number of the last answer, below NV_EXACT; 0: there is none of that name. */
uint64_t nv_client_number(const nave_client *client, const char *name);

#endif
