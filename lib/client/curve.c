/* curve - see curve.h.  SPDX-License-Identifier: BSD-3-Clause
 *
 * Design notes.  ZeroMQ asks a socket of its own, at the end of a well-known name in the process (ZAP, RFC
 * 27), whether a client's key may come in.  That name is the context's, so each server has a ZeroMQ
 * context to itself; the answer carries the role as the User-Id, which every message of that client
 * then has.
 *
 * Only a socket's monitor says that a connection has ended, and names it by its descriptor; messages have
 * the descriptor they came from, too.
 */
#include "curve.h"
#include "clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#define ZAP "inproc://zeromq.zap.01"
#define MONITOR "inproc://monitor"

enum {
    HANDSHAKE_MS = 3000,
    HEARTBEAT_MS = 5000,
    SILENCE_MS = 30000, /* of a client that does not even answer heartbeats */
    LINGER_MS = 1000,   /* for the last answers */
    FAREWELL_MS = 200,  /* of a client, likewise */
    QUESTIONS = 16,     /* that wait on a connection to be read here */
    ANSWERS = 1024,     /* that wait for the peer to read them */
    SEALED = 64         /* bytes that CURVE adds to a frame, at most */
};

static const char *const role_names[NV_ROLES] = {"control", "readonly"};

void nv_message_release(struct nv_message *message)
{
    free(message->text);
    free(message->data);
    *message = (struct nv_message){0};
}

bool nv_keys_make(struct nv_keys *keys)
{
    return zmq_has("curve") && zmq_curve_keypair(keys->public_key, keys->secret_key) == 0;
}

static void set_int(void *socket, int option, int value)
{
    zmq_setsockopt(socket, option, &value, sizeof value);
}

static void set_text(void *socket, int option, const char *value)
{
    zmq_setsockopt(socket, option, value, strlen(value));
}

static void close_socket(void *socket)
{
    if (socket != NULL)
        zmq_close(socket);
}

/* A socket that watches another's connections. */
static void *monitor(void *context, void *socket, int events)
{
    void *pair;
    if (zmq_socket_monitor(socket, MONITOR, events) != 0)
        return NULL;
    pair = zmq_socket(context, ZMQ_PAIR);
    if (pair != NULL && zmq_connect(pair, MONITOR) == 0)
        return pair;
    close_socket(pair);
    return NULL;
}

/* The next event: its number and value.  False: there is none. */
static bool next_event(void *pair, int *event, int *value)
{
    unsigned char bytes[64];
    char place[256];
    uint16_t number;
    uint32_t said;
    if (zmq_recv(pair, bytes, sizeof bytes, ZMQ_DONTWAIT) < 6)
        return false;
    zmq_recv(pair, place, sizeof place, ZMQ_DONTWAIT);
    memcpy(&number, bytes, sizeof number);
    memcpy(&said, bytes + 2, sizeof said);
    *event = number;
    *value = (int)said;
    return true;
}

/* The rest of a message that is not wanted. */
static void skip_rest(void *socket)
{
    int more = 1;
    size_t size = sizeof more;
    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) < 0)
            more = 0;
        zmq_msg_close(&part);
        if (!more)
            return;
    }
}

/* A part as memory of its own, with a zero behind it; NULL: out of memory. */
static char *copy_part(zmq_msg_t *part, size_t *size)
{
    char *copy;
    *size = zmq_msg_size(part);
    copy = malloc(*size + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, zmq_msg_data(part), *size);
    copy[*size] = '\0';
    return copy;
}

/* The next part, if there is one more of the message. */
static bool next_part(void *socket, zmq_msg_t *last, zmq_msg_t *next)
{
    if (!zmq_msg_more(last))
        return false;
    zmq_msg_init(next);
    return zmq_msg_recv(next, socket, ZMQ_DONTWAIT) >= 0;
}

/* Bytes that come in several frames; from malloc. */
struct bytes {
    char *data;
    size_t size;
    bool excess; /* there were too many, and they are not here */
};

/* Puts a frame's bytes behind those that are there.  False: too many, or no memory. */
static bool append(struct bytes *bytes, zmq_msg_t *part)
{
    size_t size = zmq_msg_size(part);
    char *grown;
    bytes->excess = size > NV_PIECE_MAX - bytes->size;
    grown = bytes->excess ? NULL : realloc(bytes->data, bytes->size + size + 1);
    if (grown == NULL) {
        free(bytes->data);
        bytes->data = NULL;
        bytes->size = 0;
        return false;
    }
    bytes->data = grown;
    memcpy(grown + bytes->size, zmq_msg_data(part), size);
    bytes->size += size;
    return true;
}

/* The bytes in the frames after `part`.  False: no memory. */
static bool take_bytes(void *socket, zmq_msg_t *part, struct nv_message *message)
{
    struct bytes bytes = {0};
    bool good = true, more = zmq_msg_more(part);
    while (good && more) {
        zmq_msg_t next;
        zmq_msg_init(&next);
        good = zmq_msg_recv(&next, socket, ZMQ_DONTWAIT) >= 0 && append(&bytes, &next);
        more = zmq_msg_more(&next);
        zmq_msg_close(&next);
    }
    message->data = bytes.data;
    message->data_size = bytes.size;
    message->excess = bytes.excess;
    return good || bytes.excess;
}

/* Text and bytes out of `part` and what follows.  False: no memory. */
static bool take_message(void *socket, zmq_msg_t *part, struct nv_message *message)
{
    bool good;
    *message = (struct nv_message){0};
    good = take_bytes(socket, part, message);
    skip_rest(socket);
    if (good)
        message->text = copy_part(part, &message->text_size);
    if (message->text == NULL) {
        free(message->data);
        message->data = NULL;
    }
    return message->text != NULL;
}

/* ---------------------------------------------------------------------------------- the hub's side */

struct nv_server {
    void *context, *router, *zap, *events;
    in_port_t port;                      /* in network order */
    unsigned char allowed[NV_ROLES][32]; /* public keys */
    atomic_size_t owed;
};

/* The socket, with all that has to be set before it is bound. */
static bool make_router(struct nv_server *server, const struct nv_server_spec *spec)
{
    void *router = server->router = zmq_socket(server->context, ZMQ_ROUTER);
    if (router == NULL)
        return false;
    set_int(router, ZMQ_CURVE_SERVER, 1);
    set_text(router, ZMQ_CURVE_SECRETKEY, spec->keys.secret_key);
    set_text(router, ZMQ_ZAP_DOMAIN, "nave");
    set_int(router, ZMQ_IPV6, strchr(spec->endpoint, '[') != NULL);
    set_int(router, ZMQ_LINGER, LINGER_MS);
    set_int(router, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    set_int(router, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    set_int(router, ZMQ_HEARTBEAT_TIMEOUT, SILENCE_MS);
    set_int(router, ZMQ_BACKLOG, NV_CLIENTS_MAX);
    set_int(router, ZMQ_SNDHWM, ANSWERS);
    set_int(router, ZMQ_RCVHWM, QUESTIONS);
    set_int(router, ZMQ_ROUTER_MANDATORY, 1);
    int64_t most = NV_FRAME_MAX + SEALED;
    zmq_setsockopt(router, ZMQ_MAXMSGSIZE, &most, sizeof most);
    server->events = monitor(server->context, router, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED);
    return server->events != NULL;
}

static bool make_sockets(struct nv_server *server, const struct nv_server_spec *spec)
{
    server->zap = zmq_socket(server->context, ZMQ_REP);
    if (server->zap == NULL || zmq_bind(server->zap, ZAP) != 0 || !make_router(server, spec))
        return false;
    set_int(server->zap, ZMQ_LINGER, 0);
    return true;
}

int nv_server_open(const struct nv_server_spec *spec, char *url, size_t url_room, struct nv_why why,
                   struct nv_server **out)
{
    struct nv_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return nv_why(why, NAVE_ENOMEM, "no memory for the door");
    server->context = zmq_ctx_new();
    for (int role = 0; role < NV_ROLES; role++)
        zmq_z85_decode(server->allowed[role], spec->clients[role]);
    if (server->context == NULL || !make_sockets(server, spec)) {
        nv_server_close(server);
        return nv_why(why, NAVE_EDOOR, "ZeroMQ: %s", zmq_strerror(zmq_errno()));
    }
    if (zmq_bind(server->router, spec->endpoint) != 0) {
        int error = zmq_errno();
        nv_server_close(server);
        return nv_why(why, NAVE_EDOOR, "cannot listen on %s: %s", spec->endpoint,
                      zmq_strerror(error));
    }
    zmq_getsockopt(server->router, ZMQ_LAST_ENDPOINT, url, &url_room);
    server->port = htons((in_port_t)strtoul(strrchr(url, ':') + 1, NULL, 10));
    *out = server;
    return NAVE_OK;
}

void nv_server_close(struct nv_server *server)
{
    if (server == NULL)
        return;
    if (server->events != NULL)
        zmq_socket_monitor(server->router, NULL, 0);
    close_socket(server->events);
    close_socket(server->router);
    close_socket(server->zap);
    if (server->context != NULL)
        zmq_ctx_term(server->context);
    free(server);
}

size_t nv_server_owed(const struct nv_server *server)
{
    return atomic_load_explicit(&server->owed, memory_order_relaxed);
}

/* The role that a key stands for; NV_ROLES: none.  Whoever sends one has proved to own it. */
static enum nv_role role_of(const struct nv_server *server, const void *key, size_t size)
{
    for (int role = 0; size == 32 && role < NV_ROLES; role++)
        if (memcmp(key, server->allowed[role], 32) == 0)
            return (enum nv_role)role;
    return NV_ROLES;
}

enum { ZAP_PARTS = 7, ZAP_ID = 1, ZAP_MECHANISM = 5, ZAP_KEY = 6 };

/* Who asks to come in, and may. */
static enum nv_role judge(const struct nv_server *server, zmq_msg_t *parts, int count)
{
    if (count != ZAP_PARTS || zmq_msg_size(&parts[ZAP_MECHANISM]) != 5 ||
        memcmp(zmq_msg_data(&parts[ZAP_MECHANISM]), "CURVE", 5) != 0)
        return NV_ROLES;
    return role_of(server, zmq_msg_data(&parts[ZAP_KEY]), zmq_msg_size(&parts[ZAP_KEY]));
}

static void send_part(void *socket, const char *text, bool more)
{
    zmq_send(socket, text, strlen(text), ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
}

static void answer_handshake(struct nv_server *server, zmq_msg_t *parts, int count)
{
    enum nv_role role = judge(server, parts, count);
    send_part(server->zap, "1.0", true);
    if (count > ZAP_ID)
        zmq_send(server->zap, zmq_msg_data(&parts[ZAP_ID]), zmq_msg_size(&parts[ZAP_ID]),
                 ZMQ_DONTWAIT | ZMQ_SNDMORE);
    send_part(server->zap, role < NV_ROLES ? "200" : "400", true);
    send_part(server->zap, role < NV_ROLES ? "" : "not these keys", true);
    send_part(server->zap, role < NV_ROLES ? role_names[role] : "", true);
    send_part(server->zap, "", false);
}

/* One handshake.  False: none asks. */
static bool serve_handshake(struct nv_server *server)
{
    zmq_msg_t parts[ZAP_PARTS];
    int count = 0, more = 1;
    while (more && count < ZAP_PARTS) {
        zmq_msg_init(&parts[count]);
        if (zmq_msg_recv(&parts[count], server->zap, ZMQ_DONTWAIT) < 0)
            break;
        more = zmq_msg_more(&parts[count++]);
    }
    if (count > 0) {
        skip_rest(server->zap);
        answer_handshake(server, parts, more ? 0 : count);
    }
    for (int i = 0; i < count; i++)
        zmq_msg_close(&parts[i]);
    return count > 0;
}

void nv_server_wait(struct nv_server *server, int fd, double seconds)
{
    zmq_pollitem_t items[] = {{server->zap, 0, ZMQ_POLLIN, 0},
                              {server->events, 0, ZMQ_POLLIN, 0},
                              {server->router, 0, ZMQ_POLLIN, 0},
                              {NULL, fd, ZMQ_POLLIN, 0}};
    if (zmq_poll(items, 4, seconds < 0 ? -1 : (long)(seconds * 1e3)) <= 0)
        return;
    while (serve_handshake(server))
        ;
}

/* -------------------------------------------------------------------------------- its connections */

int nv_server_news(struct nv_server *server, int *fd)
{
    int event;
    if (!next_event(server->events, &event, fd))
        return 0;
    return event == ZMQ_EVENT_ACCEPTED ? 1 : -1;
}

/* Whether a descriptor is that of a connection to the port. */
static bool is_ours(const struct nv_server *server, int fd)
{
    struct sockaddr_storage place = {0};
    socklen_t size = sizeof place;
    if (getsockname(fd, (struct sockaddr *)&place, &size) != 0)
        return false;
    if (place.ss_family == AF_INET)
        return ((struct sockaddr_in *)&place)->sin_port == server->port;
    return place.ss_family == AF_INET6 &&
           ((struct sockaddr_in6 *)&place)->sin6_port == server->port;
}

/* ZeroMQ, whose the descriptor is, may close it meanwhile, and its number be that of something else: so it
 * is shut down over a copy, which is looked at first. */
void nv_server_hang_up(struct nv_server *server, int fd)
{
    int copy = is_ours(server, fd) ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (copy < 0)
        return;
    if (is_ours(server, copy))
        shutdown(copy, SHUT_RDWR);
    close(copy);
}

/* Linux says it from 4.1 on, in the 17th word of its struct tcp_info, which older headers end before. */
uint64_t nv_server_came(int fd)
{
    uint64_t info[64] = {0};
    socklen_t size = sizeof info;
#ifdef __linux__
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &size) == 0)
        return info[16];
#endif
    (void)fd, (void)size;
    return 0;
}

/* -------------------------------------------------------------------------------------- messages */

/* What the handshake said of the sender. */
static bool role_of_message(zmq_msg_t *part, enum nv_role *role)
{
    const char *name = zmq_msg_gets(part, "User-Id");
    for (int r = 0; name != NULL && r < NV_ROLES; r++)
        if (strcmp(name, role_names[r]) == 0) {
            *role = (enum nv_role)r;
            return true;
        }
    return false;
}

int nv_server_receive(struct nv_server *server, struct nv_peer *from, struct nv_message *message)
{
    for (;;) {
        zmq_msg_t id, part;
        bool good;
        zmq_msg_init(&id);
        if (zmq_msg_recv(&id, server->router, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&id);
            return 0;
        }
        good = zmq_msg_size(&id) <= NV_PEER_MAX && next_part(server->router, &id, &part);
        if (good) {
            from->size = (unsigned char)zmq_msg_size(&id);
            memcpy(from->id, zmq_msg_data(&id), from->size);
            from->fd = zmq_msg_get(&part, ZMQ_SRCFD);
            good =
                role_of_message(&part, &from->role) && take_message(server->router, &part, message);
            zmq_msg_close(&part);
        }
        zmq_msg_close(&id);
        if (good)
            return 1;
        skip_rest(server->router);
    }
}

/* What a part of an answer needs to be let go. */
struct owed {
    atomic_size_t *total;
    size_t size;
    atomic_uint *unsent; /* NULL: not the last part, or not counted */
};

static void let_go(void *data, void *hint)
{
    struct owed *owed = hint;
    atomic_fetch_sub_explicit(owed->total, owed->size, memory_order_relaxed);
    if (owed->unsent != NULL)
        atomic_fetch_sub_explicit(owed->unsent, 1, memory_order_relaxed);
    free(owed);
    free(data);
}

/* Hands memory over to ZeroMQ. */
static bool wrap(struct nv_server *server, zmq_msg_t *part, void *data, size_t size,
                 atomic_uint *unsent)
{
    struct owed *owed = malloc(sizeof *owed);
    if (owed == NULL)
        return false;
    *owed = (struct owed){&server->owed, size, unsent};
    if (zmq_msg_init_data(part, data, size, let_go, owed) != 0) {
        free(owed);
        return false;
    }
    atomic_fetch_add_explicit(&server->owed, size, memory_order_relaxed);
    if (unsent != NULL)
        atomic_fetch_add_explicit(unsent, 1, memory_order_relaxed);
    return true;
}

/* Sends the last part (`unsent`, if it is counted) or another; its memory is ZeroMQ's then, or freed. */
static bool send_memory(struct nv_server *server, void *data, size_t size, bool more,
                        atomic_uint *unsent)
{
    zmq_msg_t part;
    if (!wrap(server, &part, data, size, unsent)) {
        free(data);
        return false;
    }
    if (zmq_msg_send(&part, server->router, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0)
        return true;
    zmq_msg_close(&part);
    return false;
}

bool nv_server_send(struct nv_server *server, const struct nv_peer *to, struct nv_message *message,
                    atomic_uint *unsent)
{
    struct nv_message m = *message;
    bool more = m.data != NULL, sent;
    *message = (struct nv_message){0};
    if (zmq_send(server->router, to->id, to->size, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
        bool gone = zmq_errno() == EHOSTUNREACH;
        nv_message_release(&m);
        return gone;
    }
    sent = send_memory(server, m.text, m.text_size, more, more ? NULL : unsent);
    if (more && sent)
        return send_memory(server, m.data, m.data_size, false, unsent);
    free(m.data);
    return sent;
}

/* ------------------------------------------------------------------------------------- a client's */

struct nv_dialog {
    void *context, *dealer, *events;
    bool open; /* the handshake is done */
};

int nv_dialog_open(const char *url, const char *server_key, const struct nv_keys *keys,
                   struct nv_why why, struct nv_dialog **out)
{
    struct nv_dialog *dialog = calloc(1, sizeof *dialog);
    if (dialog == NULL)
        return nv_why(why, NAVE_ENOMEM, "no memory for a connection");
    dialog->context = zmq_ctx_new();
    dialog->dealer = dialog->context != NULL ? zmq_socket(dialog->context, ZMQ_DEALER) : NULL;
    if (dialog->dealer != NULL) {
        set_text(dialog->dealer, ZMQ_CURVE_SERVERKEY, server_key);
        set_text(dialog->dealer, ZMQ_CURVE_PUBLICKEY, keys->public_key);
        set_text(dialog->dealer, ZMQ_CURVE_SECRETKEY, keys->secret_key);
        set_int(dialog->dealer, ZMQ_IPV6, strncmp(url, "tcp://127.", 10) != 0);
        set_int(dialog->dealer, ZMQ_LINGER, 0);
        set_int(dialog->dealer, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
        set_int(dialog->dealer, ZMQ_HEARTBEAT_TIMEOUT, SILENCE_MS);
        set_int(dialog->dealer, ZMQ_RECONNECT_IVL_MAX, 1000);
        dialog->events = monitor(dialog->context, dialog->dealer, ZMQ_EVENT_ALL);
    }
    if (dialog->events == NULL || zmq_connect(dialog->dealer, url) != 0) {
        int rc = nv_why(why, NAVE_ECONNECT, "%s: %s", url, zmq_strerror(zmq_errno()));
        nv_dialog_close(dialog);
        return rc;
    }
    *out = dialog;
    return NAVE_OK;
}

void nv_dialog_close(struct nv_dialog *dialog)
{
    if (dialog == NULL)
        return;
    if (dialog->open)
        set_int(dialog->dealer, ZMQ_LINGER, FAREWELL_MS);
    close_socket(dialog->events);
    close_socket(dialog->dealer);
    if (dialog->context != NULL)
        zmq_ctx_term(dialog->context);
    free(dialog);
}

static bool send_frame(struct nv_dialog *dialog, const char *data, size_t size, bool more)
{
    return zmq_send(dialog->dealer, data, size, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0;
}

int nv_dialog_send(struct nv_dialog *dialog, const char *text, const void *data, size_t size,
                   struct nv_why why)
{
    const char *at = data;
    bool good = send_frame(dialog, text, strlen(text), size > 0);
    while (good && size > 0) {
        size_t some = size < NV_FRAME_MAX ? size : NV_FRAME_MAX;
        size -= some;
        good = send_frame(dialog, at, some, size > 0);
        at += some;
    }
    return good ? NAVE_OK
                : nv_why(why, NAVE_ECONNECT, "cannot send: %s", zmq_strerror(zmq_errno()));
}

/* Whether there is no hope: nobody listens, or whoever does will not have us.  (A connection that was
 * good is made again by itself, but what was asked over it is lost.) */
static int look_at_events(struct nv_dialog *dialog, struct nv_why why)
{
    int event, value;
    while (next_event(dialog->events, &event, &value)) {
        bool was_open = dialog->open;
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            dialog->open = true;
        else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ||
                 event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL ||
                 event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)
            return nv_why(why, NAVE_ECONNECT,
                          "whoever listens there does not accept these keys: another job, perhaps, "
                          "or too many clients");
        else if (event == ZMQ_EVENT_DISCONNECTED) {
            dialog->open = false;
            return nv_why(why, NAVE_ECONNECT,
                          was_open ? "the job has ended, or closed the connection"
                                   : "whoever listens there is no Nave");
        } else if (event == ZMQ_EVENT_CONNECT_RETRIED && !dialog->open)
            return nv_why(why, NAVE_ECONNECT, "nobody listens there");
    }
    return NAVE_OK;
}

/* A message that is there.  1; 0: none; -1: out of memory, or no message of ours. */
static int take_one(struct nv_dialog *dialog, struct nv_message *message)
{
    zmq_msg_t part;
    int got = 0;
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, dialog->dealer, ZMQ_DONTWAIT) >= 0)
        got = take_message(dialog->dealer, &part, message) ? 1 : -1;
    zmq_msg_close(&part);
    return got;
}

int nv_dialog_receive(struct nv_dialog *dialog, double seconds, struct nv_message *message,
                      struct nv_why why)
{
    double until = nv_clock() + seconds;
    for (;;) {
        zmq_pollitem_t items[] = {{dialog->dealer, 0, ZMQ_POLLIN, 0},
                                  {dialog->events, 0, ZMQ_POLLIN, 0}};
        double left = seconds < 0 ? 3600 : until - nv_clock();
        int got = take_one(dialog, message), rc;
        if (got != 0)
            return got > 0 ? NAVE_OK : nv_why(why, NAVE_EPROTOCOL, "that is no answer of Nave's");
        rc = look_at_events(dialog, why);
        if (rc != NAVE_OK)
            return rc;
        if (left <= 0)
            return nv_why(why, NAVE_ETIMEDOUT, "no answer within %g s", seconds);
        if (zmq_poll(items, 2, (long)(left * 1e3) + 1) < 0 && zmq_errno() == EINTR)
            return nv_why(why, NAVE_ECANCELED, "interrupted");
    }
}
