/* porter - see porter.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "porter.h"
#include "clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUEST_SECONDS 15.0 /* that a client is counted after its last word */

enum {
    LETTERS_MAX = 256,    /* that wait for the hub */
    BYTES_MAX = 64 << 20, /* in them */
    TURN_MAX = 64         /* messages between looks at handshakes and answers */
};

/* An answer on its way. */
struct reply {
    struct reply *next;
    struct nv_peer peer;
    struct nv_message message;
};

/* A client. */
struct guest {
    struct nv_peer peer; /* of no bytes: the place is free */
    double seen;         /* by nv_clock() */
    unsigned asked;      /* requests that are not answered */
};

struct nv_porter {
    struct nv_server *server;
    cJSON *hello;
    struct nv_bell *bell;
    pthread_t thread;
    int wake[2]; /* a pipe */
    atomic_int waiting;
    atomic_bool inside;      /* the hub's loop is at work; otherwise */
    _Atomic double attended; /*   when it was, by nv_clock() */
    atomic_int guest_count;
    struct guest guests[NV_CLIENTS_MAX]; /* the thread's */
    atomic_bool ending;
    pthread_mutex_t mutex; /* guards what follows */
    struct nv_letter *letters, **letters_end;
    size_t letter_bytes;
    struct reply *replies, **replies_end;
};

/* ------------------------------------------------------------------------------------- answering */

static void letter_free(struct nv_letter *letter)
{
    nv_request_release(&letter->request);
    free(letter->data);
    free(letter);
}

/* Wakes the thread; a pipe that is full will do so anyhow. */
static void wake(struct nv_porter *porter)
{
    ssize_t written = write(porter->wake[1], "", 1);
    (void)written;
}

static void post(struct nv_porter *porter, struct reply *reply)
{
    pthread_mutex_lock(&porter->mutex);
    *porter->replies_end = reply;
    porter->replies_end = &reply->next;
    pthread_mutex_unlock(&porter->mutex);
    wake(porter);
}

/* A letter's answer as a message; NULL: out of memory, then the client waits in vain. */
static struct reply *reply_new(const struct nv_peer *peer, double id, bool ok, cJSON *answer)
{
    struct reply *reply = calloc(1, sizeof *reply);
    cJSON_AddNumberToObject(answer, "id", id);
    cJSON_AddBoolToObject(answer, "ok", ok);
    if (reply != NULL) {
        reply->peer = *peer;
        reply->message.text = cJSON_PrintUnformatted(answer);
        if (reply->message.text != NULL)
            reply->message.text_size = strlen(reply->message.text);
    }
    cJSON_Delete(answer);
    if (reply != NULL && reply->message.text == NULL) {
        free(reply);
        return NULL;
    }
    return reply;
}

static cJSON *error_object(int code, const char *message)
{
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddStringToObject(answer, "error", nave_error_name(code));
    cJSON_AddNumberToObject(answer, "code", code);
    cJSON_AddStringToObject(answer, "message", message);
    return answer;
}

void nv_porter_answer(struct nv_porter *porter, struct nv_letter *letter, cJSON *answer, void *data,
                      size_t size)
{
    struct reply *reply = reply_new(&letter->peer, letter->request.id, true, answer);
    if (reply != NULL) {
        reply->message.data = data;
        reply->message.data_size = size;
        post(porter, reply);
    } else {
        free(data);
    }
    letter_free(letter);
}

void nv_porter_refuse(struct nv_porter *porter, struct nv_letter *letter, int code,
                      const char *message)
{
    struct reply *reply =
        reply_new(&letter->peer, letter->request.id, false, error_object(code, message));
    if (reply != NULL)
        post(porter, reply);
    letter_free(letter);
}

/* ------------------------------------------------------------------------------------- the hub's */

bool nv_porter_waiting(const struct nv_porter *porter)
{
    return atomic_load_explicit(&porter->waiting, memory_order_acquire) > 0;
}

struct nv_letter *nv_porter_take(struct nv_porter *porter)
{
    struct nv_letter *letter;
    bool full;
    pthread_mutex_lock(&porter->mutex);
    letter = porter->letters;
    full = porter->letter_bytes >= BYTES_MAX || porter->waiting >= LETTERS_MAX;
    if (letter != NULL) {
        porter->letters = letter->next;
        if (porter->letters == NULL)
            porter->letters_end = &porter->letters;
        porter->letter_bytes -= letter->data_size;
        atomic_fetch_sub_explicit(&porter->waiting, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&porter->mutex);
    if (full)
        wake(porter);
    return letter;
}

void nv_porter_attend(struct nv_porter *porter, bool inside)
{
    atomic_store_explicit(&porter->attended, nv_clock(), memory_order_relaxed);
    atomic_store_explicit(&porter->inside, inside, memory_order_relaxed);
}

int nv_porter_clients(const struct nv_porter *porter)
{
    return atomic_load_explicit(&porter->guest_count, memory_order_relaxed);
}

size_t nv_porter_owed(const struct nv_porter *porter)
{
    return nv_server_owed(porter->server);
}

/* ------------------------------------------------------------------------------------- the guests */

static bool same_peer(const struct nv_peer *a, const struct nv_peer *b)
{
    return a->size == b->size && memcmp(a->id, b->id, a->size) == 0;
}

static struct guest *guest_find(struct nv_porter *porter, const struct nv_peer *peer)
{
    for (int i = 0; i < NV_CLIENTS_MAX; i++)
        if (same_peer(&porter->guests[i].peer, peer))
            return &porter->guests[i];
    return NULL;
}

static void guest_leaves(struct nv_porter *porter, struct guest *guest)
{
    if (guest == NULL || guest->peer.size == 0)
        return;
    *guest = (struct guest){0};
    atomic_fetch_sub_explicit(&porter->guest_count, 1, memory_order_relaxed);
}

/* Those that have gone without a word. */
static void forget_guests(struct nv_porter *porter, double now)
{
    for (int i = 0; i < NV_CLIENTS_MAX; i++)
        if (porter->guests[i].asked == 0 && now - porter->guests[i].seen > GUEST_SECONDS)
            guest_leaves(porter, &porter->guests[i]);
}

/* The place of a client, a new one perhaps; NULL: there are too many. */
static struct guest *guest_of(struct nv_porter *porter, const struct nv_peer *peer)
{
    static const struct nv_peer nobody;
    double now = nv_clock();
    struct guest *guest = guest_find(porter, peer);
    if (guest == NULL) {
        forget_guests(porter, now);
        guest = guest_find(porter, &nobody);
        if (guest == NULL)
            return NULL;
        guest->peer = *peer;
        atomic_fetch_add_explicit(&porter->guest_count, 1, memory_order_relaxed);
    }
    guest->seen = now;
    return guest;
}

/* ------------------------------------------------------------------------------------- the thread */

static void say_hello(struct nv_porter *porter, struct nv_letter *letter)
{
    cJSON *answer = cJSON_Duplicate(porter->hello, true);
    double seen = atomic_load_explicit(&porter->attended, memory_order_relaxed);
    bool inside = atomic_load_explicit(&porter->inside, memory_order_relaxed);
    cJSON_AddStringToObject(answer, "role",
                            letter->peer.role == NV_CONTROL ? "control" : "readonly");
    cJSON_AddNumberToObject(answer, "absent", inside ? 0 : nv_clock() - seen);
    nv_porter_answer(porter, letter, answer, NULL, 0);
}

static void keep(struct nv_porter *porter, struct nv_letter *letter)
{
    pthread_mutex_lock(&porter->mutex);
    *porter->letters_end = letter;
    porter->letters_end = &letter->next;
    porter->letter_bytes += letter->data_size;
    atomic_fetch_add_explicit(&porter->waiting, 1, memory_order_release);
    pthread_mutex_unlock(&porter->mutex);
    nv_bell_ring(porter->bell);
}

static void sort(struct nv_porter *porter, struct nv_letter *letter,
                 const struct nv_message *message)
{
    char text[256];
    struct guest *guest = guest_of(porter, &letter->peer);
    int rc = nv_request_read(message->text, message->text_size, &letter->request,
                             (struct nv_why){text, sizeof text});
    if (rc == NAVE_OK && nv_verb_changes(letter->request.verb) && letter->peer.role != NV_CONTROL)
        rc = nv_why((struct nv_why){text, sizeof text}, NAVE_EDENIED,
                    "'%s' is not for a readonly connection", nv_verb_name(letter->request.verb));
    if (rc == NAVE_OK && guest == NULL)
        rc = nv_why((struct nv_why){text, sizeof text}, NAVE_ESTATE, "there are %d clients already",
                    NV_CLIENTS_MAX);
    if (guest != NULL)
        guest->asked++;
    if (rc != NAVE_OK)
        nv_porter_refuse(porter, letter, rc, text);
    else if (letter->request.verb == NV_ASKS_bye) {
        guest_leaves(porter, guest);
        letter_free(letter);
    } else if (letter->request.verb == NV_ASKS_hello)
        say_hello(porter, letter);
    else
        keep(porter, letter);
}

static bool has_room(struct nv_porter *porter)
{
    bool room;
    pthread_mutex_lock(&porter->mutex);
    room = porter->waiting < LETTERS_MAX && porter->letter_bytes < BYTES_MAX;
    pthread_mutex_unlock(&porter->mutex);
    return room;
}

static void receive(struct nv_porter *porter)
{
    for (int i = 0; i < TURN_MAX && has_room(porter); i++) {
        struct nv_message message;
        struct nv_letter *letter = calloc(1, sizeof *letter);
        if (letter == NULL || nv_server_receive(porter->server, &letter->peer, &message) != 1) {
            free(letter);
            return;
        }
        letter->data = message.data;
        letter->data_size = message.data_size;
        message.data = NULL;
        sort(porter, letter, &message);
        nv_message_release(&message);
    }
}

static void send_replies(struct nv_porter *porter)
{
    struct reply *reply;
    char bytes[256];
    while (read(porter->wake[0], bytes, sizeof bytes) == sizeof bytes)
        ;
    pthread_mutex_lock(&porter->mutex);
    reply = porter->replies;
    porter->replies = NULL;
    porter->replies_end = &porter->replies;
    pthread_mutex_unlock(&porter->mutex);
    while (reply != NULL) {
        struct reply *next = reply->next;
        struct guest *guest = guest_find(porter, &reply->peer);
        if (guest != NULL && guest->asked > 0)
            guest->asked--;
        nv_server_send(porter->server, &reply->peer, &reply->message);
        free(reply);
        reply = next;
    }
}

static void *live(void *arg)
{
    struct nv_porter *porter = arg;
    while (!atomic_load_explicit(&porter->ending, memory_order_acquire)) {
        nv_server_wait(porter->server, has_room(porter), porter->wake[0], -1);
        receive(porter);
        send_replies(porter);
    }
    send_replies(porter);
    return NULL;
}

/* ------------------------------------------------------------------------------------ open, close */

static bool make_pipe(struct nv_porter *porter)
{
    if (pipe(porter->wake) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        if (fcntl(porter->wake[i], F_SETFL, O_NONBLOCK) != 0 ||
            fcntl(porter->wake[i], F_SETFD, FD_CLOEXEC) != 0)
            return false;
    return true;
}

static void porter_free(struct nv_porter *porter)
{
    nv_server_close(porter->server);
    for (int i = 0; i < 2; i++)
        if (porter->wake[i] >= 0)
            close(porter->wake[i]);
    cJSON_Delete(porter->hello);
    pthread_mutex_destroy(&porter->mutex);
    free(porter);
}

/* Neither this thread nor ZeroMQ's are to get signals: they are for the program's. */
static int open_quietly(struct nv_porter *porter, const struct nv_porter_spec *spec, char *url,
                        size_t room, struct nv_why why)
{
    sigset_t all, before;
    int rc;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = nv_server_open(&spec->server, url, room, why, &porter->server);
    if (rc == NAVE_OK &&
        (!make_pipe(porter) || pthread_create(&porter->thread, NULL, live, porter) != 0))
        rc = nv_why(why, NAVE_EDOOR, "no thread for the door");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

int nv_porter_open(const struct nv_porter_spec *spec, char *url, size_t room, struct nv_why why,
                   struct nv_porter **out)
{
    struct nv_porter *porter = calloc(1, sizeof *porter);
    int rc;
    if (porter == NULL) {
        cJSON_Delete(spec->hello);
        return nv_why(why, NAVE_ENOMEM, "no memory for the door");
    }
    porter->wake[0] = porter->wake[1] = -1;
    porter->hello = spec->hello;
    porter->bell = spec->bell;
    porter->letters_end = &porter->letters;
    porter->replies_end = &porter->replies;
    atomic_store(&porter->attended, nv_clock());
    pthread_mutex_init(&porter->mutex, NULL);
    rc = open_quietly(porter, spec, url, room, why);
    if (rc != NAVE_OK) {
        porter_free(porter);
        return rc;
    }
    *out = porter;
    return NAVE_OK;
}

void nv_porter_close(struct nv_porter *porter)
{
    struct nv_letter *letter;
    if (porter == NULL)
        return;
    while ((letter = nv_porter_take(porter)) != NULL)
        nv_porter_refuse(porter, letter, NAVE_ESTATE, "the job has ended");
    atomic_store_explicit(&porter->ending, true, memory_order_release);
    wake(porter);
    pthread_join(porter->thread, NULL);
    porter_free(porter);
}
