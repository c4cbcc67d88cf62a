/* curve - messages over ZeroMQ with CURVE: the hub's side of the door, and a client's.  The only file
 * with ZeroMQ.
 *
 * Invariant: what nv_server_receive() gives came from somebody who proved to have one of the two
 * clients' keys, and `role` says which.  A message is a text and perhaps bytes beside it, each within its
 * limit; what is longer, or of another form, never arrives, or without its bytes.
 *
 * Design notes.  ZeroMQ takes in a whole frame before it knows, or asks, who sends it.  So frames to the hub
 * are small: bytes go to it in several, and whoever has no key can make it hold one of them for each
 * connection.
 */
#ifndef NV_CURVE_H
#define NV_CURVE_H

#include "codes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    NV_KEY_SIZE = 41,        /* of a key in Z85 (ZeroMQ RFC 32), with its zero */
    NV_TEXT_MAX = 64 * 1024, /* bytes of a request's text */
    NV_PIECE_MAX = 8 << 20,  /* bytes beside a text */
    NV_FRAME_MAX = 1 << 18,  /* of these, in a frame to the hub; also of a text that is too long */
    NV_CLIENTS_MAX = 64,     /* at a time */
    NV_PEER_MAX = 255
};

struct nv_keys {
    char public_key[NV_KEY_SIZE], secret_key[NV_KEY_SIZE];
};

enum nv_role { NV_CONTROL, NV_READONLY, NV_ROLES };

struct nv_message {
    char *text; /* with a zero behind it; from malloc, like data */
    size_t text_size;
    void *data; /* NULL: none */
    size_t data_size;
    bool excess; /* there were more bytes than NV_PIECE_MAX, and they are not here */
};

void nv_message_release(struct nv_message *message);

/* A new pair of keys.  False: the system has no randomness, or ZeroMQ no CURVE. */
bool nv_keys_make(struct nv_keys *keys);

/* ---------------------------------------------------------------------------------- the hub's side */

struct nv_server;

struct nv_peer {
    unsigned char size, id[NV_PEER_MAX];
    enum nv_role role;
    int fd; /* of its connection; ZeroMQ's */
};

struct nv_server_spec {
    const char *endpoint; /* "tcp://127.0.0.1:*" */
    struct nv_keys keys;
    const char *clients[NV_ROLES]; /* public keys; copied */
};

/* Binds.  Stores the endpoint as it came out.  NAVE_OK, NAVE_EDOOR, NAVE_ENOMEM.  The server may be
 * used by one thread, another one than that which opened it if no call was made before. */
int nv_server_open(const struct nv_server_spec *spec, char *url, size_t url_room, struct nv_why why,
                   struct nv_server **server);
void nv_server_close(struct nv_server *server);

/* Answers handshakes, and waits until there is a message or news of a connection, or `fd` can be read, for
 * `seconds` (negative: any time). */
void nv_server_wait(struct nv_server *server, int fd, double seconds);

/* News of connections: 1: one was accepted; -1: one has ended; 0: there are none. */
int nv_server_news(struct nv_server *server, int *fd);

/* Ends a connection, if it is still one of the server's. */
void nv_server_hang_up(struct nv_server *server, int fd);

/* Bytes that have come over a connection so far; 0: it is not known. */
uint64_t nv_server_came(int fd);

/* 1: stores a message; 0: there is none.  News of how its sender has come are there by then. */
int nv_server_receive(struct nv_server *server, struct nv_peer *from, struct nv_message *message);

/* Takes the message's memory over.  `unsent` (NULL: none) is one more until the message has gone out.  To a
 * peer that is gone it is dropped; false: also because the peer reads nothing. */
bool nv_server_send(struct nv_server *server, const struct nv_peer *to, struct nv_message *message,
                    atomic_uint *unsent);

/* Bytes of answers that are not sent yet.  From any thread. */
size_t nv_server_owed(const struct nv_server *server);

/* ------------------------------------------------------------------------------------- a client's */

struct nv_dialog;

/* Begins to connect.  `server_key`: the hub's public one. */
int nv_dialog_open(const char *url, const char *server_key, const struct nv_keys *keys,
                   struct nv_why why, struct nv_dialog **dialog);
void nv_dialog_close(struct nv_dialog *dialog);

/* Sends copies, the bytes in frames.  NAVE_OK or NAVE_ECONNECT. */
int nv_dialog_send(struct nv_dialog *dialog, const char *text, const void *data, size_t size,
                   struct nv_why why);

/* Waits for a message.  NAVE_OK; NAVE_ETIMEDOUT; NAVE_ECONNECT, with what is known of the reason: nobody
 * listens, or the keys are not accepted. */
int nv_dialog_receive(struct nv_dialog *dialog, double seconds, struct nv_message *message,
                      struct nv_why why);

#endif
