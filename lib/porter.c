/* porter - see porter.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "porter.h"
#include "clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BYTES_MAX = 64 << 20, /* in letters: then each client may have one */
    LOOK_MAX = 4 << 10,   /* bytes of a request that changes nothing */
    TREE_FACTOR = 40,     /* what a text's tree may take, in its own length */
    TURN_MAX = 64,        /* messages between looks at handshakes and answers */
    PART_MAX = 1 << 20,   /* bytes of messages that are not there yet, of a connection; */
    GREAT_MAX = 64 << 20  /*   of one of control's (ZeroMQ and the system keep some, too) */
};

#define MEASURE_SECONDS 0.2 /* between looks at these */

/* An answer on its way. */
struct reply {
    struct reply *next;
    struct nv_peer peer;
    struct nv_guest *guest;
    unsigned visit;
    struct nv_message message;
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
    struct nv_guests guests; /* the thread's */
    uint64_t left;           /* of guests.left: those whose letters were thrown away */
    double measured;         /* when, by nv_clock() */
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
static struct reply *reply_new(const struct nv_letter *letter, bool ok, cJSON *answer)
{
    struct reply *reply = calloc(1, sizeof *reply);
    cJSON_AddNumberToObject(answer, "id", letter->request.id);
    cJSON_AddBoolToObject(answer, "ok", ok);
    if (reply != NULL) {
        reply->peer = letter->peer;
        reply->guest = letter->guest;
        reply->visit = letter->visit;
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
    struct reply *reply = reply_new(letter, true, answer);
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
    struct reply *reply = reply_new(letter, false, error_object(code, message));
    if (reply != NULL)
        post(porter, reply);
    letter_free(letter);
}

/* ------------------------------------------------------------------------------------- the hub's */

bool nv_porter_waiting(const struct nv_porter *porter)
{
    return atomic_load_explicit(&porter->waiting, memory_order_acquire) > 0;
}

/* A letter is no longer among those that wait. */
static void unlink_letter(struct nv_porter *porter, struct nv_letter **link)
{
    struct nv_letter *letter = *link;
    *link = letter->next;
    if (*link == NULL)
        porter->letters_end = link;
    porter->letter_bytes -= letter->weight;
    atomic_fetch_sub_explicit(&porter->waiting, 1, memory_order_relaxed);
}

struct nv_letter *nv_porter_take(struct nv_porter *porter)
{
    struct nv_letter *letter;
    pthread_mutex_lock(&porter->mutex);
    letter = porter->letters;
    if (letter != NULL)
        unlink_letter(porter, &porter->letters);
    pthread_mutex_unlock(&porter->mutex);
    return letter;
}

bool nv_letter_in_vain(const struct nv_letter *letter)
{
    return nv_guest_has_left(letter->guest, letter->visit);
}

void nv_porter_attend(struct nv_porter *porter, bool inside)
{
    atomic_store_explicit(&porter->attended, nv_clock(), memory_order_relaxed);
    atomic_store_explicit(&porter->inside, inside, memory_order_relaxed);
}

int nv_porter_clients(const struct nv_porter *porter)
{
    return atomic_load_explicit(&porter->guests.count, memory_order_relaxed);
}

size_t nv_porter_owed(const struct nv_porter *porter)
{
    return nv_server_owed(porter->server);
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
    porter->letter_bytes += letter->weight;
    atomic_fetch_add_explicit(&porter->waiting, 1, memory_order_release);
    pthread_mutex_unlock(&porter->mutex);
    nv_bell_ring(porter->bell);
}

/* Whether the bytes of letters leave room for one more of a client that has others under way. */
static bool has_room(struct nv_porter *porter)
{
    bool room;
    pthread_mutex_lock(&porter->mutex);
    room = porter->letter_bytes < BYTES_MAX;
    pthread_mutex_unlock(&porter->mutex);
    return room;
}

/* Whether the client may ask this, as far as it can be told here. */
static int judge(const struct nv_letter *letter, const struct nv_message *message,
                 struct nv_why why)
{
    enum nv_verb verb = letter->request.verb;
    size_t most = nv_verb_changes(verb) ? NV_TEXT_MAX : LOOK_MAX;
    if (nv_verb_changes(verb) && letter->peer.role != NV_CONTROL)
        return nv_why(why, NAVE_EDENIED, "'%s' is not for a readonly connection",
                      nv_verb_name(verb));
    if (message->text_size > most)
        return nv_why(why, NAVE_ESIZE, "a text of %zu bytes; '%s' may have %zu", message->text_size,
                      nv_verb_name(verb), most);
    if (message->excess)
        return nv_why(why, NAVE_ESIZE, "more than %d bytes beside a request", NV_PIECE_MAX);
    if (letter->data != NULL && !nv_verb_takes_bytes(verb))
        return nv_why(why, NAVE_EINVAL, "'%s' takes no bytes", nv_verb_name(verb));
    return NAVE_OK;
}

/* Whether there is a place for the client, and for one more request of it. */
static int admit(struct nv_porter *porter, const struct nv_guest *guest, struct nv_why why)
{
    if (guest == NULL)
        return nv_why(why, NAVE_ESTATE, "there are %d clients already, or %d that may only look",
                      NV_CLIENTS_MAX, NV_LOOKERS_MAX);
    if (guest->asked + atomic_load_explicit(&guest->unsent, memory_order_relaxed) >= NV_ASKED_MAX)
        return nv_why(why, NAVE_ESTATE, "%d requests of this client are under way already",
                      NV_ASKED_MAX);
    if (guest->asked > 0 && !has_room(porter))
        return nv_why(why, NAVE_ESTATE, "requests with more than %d bytes are waiting already",
                      BYTES_MAX);
    return NAVE_OK;
}

static void sort(struct nv_porter *porter, struct nv_letter *letter,
                 const struct nv_message *message)
{
    char text[256];
    struct nv_why why = {text, sizeof text};
    int rc = nv_request_read(message->text, message->text_size, &letter->request, why);
    if (rc == NAVE_OK)
        rc = judge(letter, message, why);
    if (rc == NAVE_OK)
        rc = admit(porter, letter->guest, why);
    if (letter->guest != NULL)
        letter->guest->asked++;
    letter->weight = letter->data_size + message->text_size * TREE_FACTOR;
    if (rc != NAVE_OK)
        nv_porter_refuse(porter, letter, rc, text);
    else if (letter->request.verb == NV_ASKS_bye) {
        nv_guests_leave(&porter->guests, letter->guest);
        letter_free(letter);
    } else if (letter->request.verb == NV_ASKS_hello)
        say_hello(porter, letter);
    else
        keep(porter, letter);
}

/* What was asked to be changed is done though nobody waits for the answer, unless that takes much. */
static bool still_counts(const struct nv_porter *porter, const struct nv_letter *letter)
{
    return !nv_letter_in_vain(letter) || (nv_verb_changes(letter->request.verb) &&
                                          letter->data == NULL && porter->letter_bytes < BYTES_MAX);
}

/* Letters of clients that have gone. */
static void throw_away(struct nv_porter *porter)
{
    struct nv_letter **link = &porter->letters;
    if (porter->left == porter->guests.left)
        return;
    porter->left = porter->guests.left;
    pthread_mutex_lock(&porter->mutex);
    while (*link != NULL) {
        struct nv_letter *letter = *link;
        if (still_counts(porter, letter)) {
            link = &letter->next;
        } else {
            unlink_letter(porter, link);
            letter_free(letter);
        }
    }
    pthread_mutex_unlock(&porter->mutex);
}

/* Who has come, and who has gone. */
static void hear_news(struct nv_porter *porter)
{
    int fd, what;
    while ((what = nv_server_news(porter->server, &fd)) != 0) {
        int victim = -1;
        if (what > 0)
            victim = nv_guests_come(&porter->guests, fd);
        else
            nv_guests_end(&porter->guests, fd);
        if (victim >= 0)
            nv_server_hang_up(porter->server, victim);
    }
    throw_away(porter);
}

/* What was read is a letter, unless its sender has gone. */
static void take_in(struct nv_porter *porter, struct nv_letter *letter, struct nv_message *message)
{
    struct nv_guest *guest = nv_guests_word(&porter->guests, &letter->peer, nv_clock());
    letter->data = message->data;
    letter->data_size = message->data_size;
    message->data = NULL;
    if (guest == NULL) {
        letter_free(letter);
        return;
    }
    guest->whole = nv_server_came(guest->peer.fd);
    if (guest->peer.size > 0) {
        letter->guest = guest;
        letter->visit = atomic_load_explicit(&guest->visit, memory_order_relaxed);
    }
    sort(porter, letter, message);
}

static void receive(struct nv_porter *porter)
{
    for (int i = 0; i < TURN_MAX; i++) {
        struct nv_message message;
        struct nv_letter *letter = calloc(1, sizeof *letter);
        if (letter == NULL || nv_server_receive(porter->server, &letter->peer, &message) != 1) {
            free(letter);
            return;
        }
        hear_news(porter);
        take_in(porter, letter, &message);
        nv_message_release(&message);
    }
}

/* ZeroMQ gathers the frames of a message for as long as more of them come, and shows them then: whoever
 * sends one without end is hung up on. */
static void measure(struct nv_porter *porter)
{
    double now = nv_clock();
    if (now - porter->measured < MEASURE_SECONDS)
        return;
    porter->measured = now;
    for (int i = 0; i < NV_CONNECTIONS_MAX; i++) {
        const struct nv_guest *guest = &porter->guests.places[i];
        bool control = guest->peer.size > 0 && guest->peer.role == NV_CONTROL;
        if (guest->there &&
            nv_server_came(guest->peer.fd) > guest->whole + (control ? GREAT_MAX : PART_MAX))
            nv_server_hang_up(porter->server, guest->peer.fd);
    }
}

/* Whoever does not take its answers is not kept. */
static void send_reply(struct nv_porter *porter, struct reply *reply)
{
    struct nv_guest *guest = reply->guest;
    if (nv_guest_has_left(guest, reply->visit)) {
        nv_message_release(&reply->message);
        return;
    }
    if (guest != NULL)
        guest->asked--;
    if (!nv_server_send(porter->server, &reply->peer, &reply->message,
                        guest != NULL ? &guest->unsent : NULL))
        nv_server_hang_up(porter->server, reply->peer.fd);
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
        send_reply(porter, reply);
        free(reply);
        reply = next;
    }
}

static void *live(void *arg)
{
    struct nv_porter *porter = arg;
    while (!atomic_load_explicit(&porter->ending, memory_order_acquire)) {
        bool alone = porter->guests.connections == 0;
        nv_server_wait(porter->server, porter->wake[0], alone ? -1 : MEASURE_SECONDS);
        hear_news(porter);
        receive(porter);
        measure(porter);
        send_replies(porter);
    }
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

/* When the thread has ended nothing comes in any more, so nobody is forgotten. */
void nv_porter_close(struct nv_porter *porter)
{
    struct nv_letter *letter;
    if (porter == NULL)
        return;
    atomic_store_explicit(&porter->ending, true, memory_order_release);
    wake(porter);
    pthread_join(porter->thread, NULL);
    while ((letter = nv_porter_take(porter)) != NULL)
        nv_porter_refuse(porter, letter, NAVE_ESTATE, "the job has ended");
    send_replies(porter);
    porter_free(porter);
}
