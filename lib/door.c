/* door - see door.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "door_parts.h"
#include "nave_client.h"
#include "connfile.h"
#include "clock.h"
#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_SECONDS 2e-3    /* between looks at what letters wait for */
#define SERVE_SECONDS 200e-6 /* that a turn serves clients, about */
#define SHARE 20             /* of the loop's time: one part in so many, while there are tasks */
#define PARTING_SECONDS                                                                            \
    0.5 /* that a farm which is to end waits for the next who fetches a result */
#define PARTING_MOST 30.0
#define PROBE_SECONDS 2.0 /* that a job may take to say that it is there */
#define WAIT_SECONDS                                                                               \
    60.0 /* that a letter waits for what may never come; then its client asks again */

/* ------------------------------------------------------------------------------------------ events */

void nv_door_event(struct nv_door *door, const char *what, const char *format, ...)
{
    struct nv_event *event = &door->events[door->event_count % NV_EVENTS];
    va_list args;
    event->number = ++door->event_count;
    event->time = nv_hub_time(door->hub);
    snprintf(event->what, sizeof event->what, "%s", what);
    va_start(args, format);
    nv_error_line(event->text, sizeof event->text, format, args);
    va_end(args);
}

/* What goes to the log is an event, too. */
static void log_event(void *arg, int level, const char *line)
{
    struct nv_door *door = arg;
    nv_door_event(door, level == NAVE_LOG_WARNING ? "warning" : "error", "%s", line);
    if (door->log != NULL)
        door->log(door->log_arg, level, line);
}

/* ----------------------------------------------------------------------------------------- serving */

static nv_serve_fn *const serve[NV_VERB_COUNT] = {
#define ROW(name, changes) [NV_ASKS_##name] = nv_serve_##name,
    NV_VERBS(ROW)
#undef ROW
};

/* These two are the porter's. */
int nv_serve_hello(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    (void)door, (void)letter, (void)answer;
    return NAVE_OK;
}

int nv_serve_bye(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    return nv_serve_hello(door, letter, answer);
}

/* The last places are for control.  What was asked has been read: its bytes are not needed any more. */
struct nv_later *nv_door_later(struct nv_door *door, struct nv_letter *letter, double seconds,
                               int (*look)(struct nv_door *, struct nv_later *, struct nv_answer *))
{
    size_t most = letter->peer.role == NV_CONTROL ? NV_WAITING_MAX : NV_LOOKING_MAX;
    struct nv_later *later = door->later_count < most ? calloc(1, sizeof *later) : NULL;
    if (later == NULL) {
        nv_why(door->why, NAVE_ENOMEM, "%zu requests are waiting already", door->later_count);
        return NULL;
    }
    free(letter->data);
    letter->data = NULL;
    letter->data_size = 0;
    later->letter = letter;
    later->look = look;
    seconds = seconds < WAIT_SECONDS ? seconds : WAIT_SECONDS;
    later->until = seconds < 0 ? 0 : nv_hub_time(door->hub) + seconds;
    later->next = door->later;
    door->later = later;
    door->later_count++;
    door->look_next = 0;
    return later;
}

bool nv_later_over(const struct nv_door *door, const struct nv_later *later)
{
    return later->until > 0 && nv_hub_time(door->hub) >= later->until;
}

static void later_free(struct nv_door *door, struct nv_later *later)
{
    if (later->future != NULL)
        nave_future_free(later->future);
    nv_order_unwanted(later->order);
    nv_build_free(later->build);
    free(later);
    door->later_count--;
}

int nv_door_not_later(struct nv_door *door, struct nv_later *later, int rc)
{
    struct nv_later **link = &door->later;
    while (*link != later)
        link = &(*link)->next;
    *link = later->next;
    later->future = NULL; /* one that has begun goes with the farm */
    later_free(door, later);
    return rc;
}

int nv_answer_bytes(struct nv_door *door, struct nv_answer *answer, const void *whole, size_t size,
                    uint64_t offset, uint64_t limit)
{
    if (whole == NULL || offset >= size)
        return NAVE_OK;
    answer->size = size - offset < limit ? size - (size_t)offset : (size_t)limit;
    answer->data = malloc(answer->size + 1);
    if (answer->data == NULL)
        return nv_why(door->why, NAVE_ENOMEM, "no memory for %zu bytes", answer->size);
    memcpy(answer->data, (const char *)whole + offset, answer->size);
    return NAVE_OK;
}

/* What came of serving a letter: the answer, or the reason, goes out. */
static void reply(struct nv_door *door, struct nv_letter *letter, int rc, struct nv_answer *answer)
{
    const char *reason = door->reason[0] != '\0' ? door->reason : door->hub->ctx->error.text;
    if (rc == NAVE_OK) {
        nv_porter_answer(door->porter, letter, answer->object, answer->data, answer->size);
        return;
    }
    cJSON_Delete(answer->object);
    free(answer->data);
    nv_porter_refuse(door->porter, letter, rc, reason[0] != '\0' ? reason : nave_strerror(rc));
}

/* What serving leaves in the context's error is the client's, not the program's. */
struct kept_error {
    nave_log_fn *log;
    char text[sizeof((struct nv_error *)0)->text];
};

static void keep_error(struct nv_door *door, struct kept_error *kept)
{
    struct nv_error *error = &door->hub->ctx->error;
    kept->log = error->log;
    memcpy(kept->text, error->text, strlen(error->text) + 1);
    error->log = NULL;
    error->text[0] = door->reason[0] = '\0';
}

static void give_error_back(struct nv_door *door, const struct kept_error *kept)
{
    struct nv_error *error = &door->hub->ctx->error;
    error->log = kept->log;
    memcpy(error->text, kept->text, strlen(kept->text) + 1);
}

/* Serves a letter, or (`later`) looks again at one that waits.  Whether it has been answered. */
static bool attempt(struct nv_door *door, struct nv_letter *letter, struct nv_later *later)
{
    struct nv_answer answer = {.object = cJSON_CreateObject()};
    struct kept_error kept;
    int rc;
    keep_error(door, &kept);
    rc = later != NULL ? later->look(door, later, &answer)
                       : serve[letter->request.verb](door, letter, &answer);
    if (rc == NV_LATER)
        cJSON_Delete(answer.object);
    else
        reply(door, letter, rc, &answer);
    give_error_back(door, &kept);
    return rc != NV_LATER;
}

/* Its client has gone, and it has nothing under way that has to be seen to its end. */
static bool is_given_up(const struct nv_later *later)
{
    return nv_letter_in_vain(later->letter) && later->future == NULL && later->build == NULL;
}

/* Whether a letter that waits has been answered. */
static bool look_at(struct nv_door *door, struct nv_later *later)
{
    if (!is_given_up(later))
        return attempt(door, later->letter, later);
    nv_porter_refuse(door->porter, later->letter, NAVE_ECANCELED, "the client has gone");
    return true;
}

/* Letters that wait: all (0), or those that wait for a call. */
static void try_later(struct nv_door *door, uint64_t call)
{
    struct nv_later **link = &door->later;
    while (*link != NULL) {
        struct nv_later *later = *link;
        if ((call == 0 || later->call == call) && look_at(door, later)) {
            *link = later->next;
            later_free(door, later);
        } else {
            link = &later->next;
        }
    }
}

static void look_at_later(struct nv_door *door, double now)
{
    door->look_next = now + LOOK_SECONDS;
    try_later(door, 0);
    nv_outside_look(door);
    nv_snapshots_look(door);
    nv_uploads_look(door);
}

void nv_door_farewell(struct nv_door *door, uint64_t call)
{
    if (door != NULL && door->later != NULL)
        try_later(door, call);
}

static bool anything_later(const struct nv_door *door)
{
    return door->later != NULL || door->untold > 0 || door->held > 0 || door->uploading > 0;
}

void nv_door_turn(struct nv_door *door)
{
    bool later = anything_later(door);
    double now, until;
    struct nv_letter *letter;
    if (!later && !nv_porter_waiting(door->porter))
        return;
    now = nv_hub_time(door->hub);
    if (now < door->rest_until)
        return;
    until = now + SERVE_SECONDS;
    while (nv_hub_time(door->hub) < until && (letter = nv_porter_take(door->porter)) != NULL)
        attempt(door, letter, NULL);
    if (anything_later(door) && now >= door->look_next)
        look_at_later(door, now);
    until = nv_hub_time(door->hub);
    door->rest_until = door->hub->open > 0 ? until + (until - now) * SHARE : 0;
}

void nv_door_attend(struct nv_door *door, bool inside)
{
    if (door != NULL)
        nv_porter_attend(door->porter, inside);
}

/* Calls that nobody waits for are looked at now and then only. */
double nv_door_due(const struct nv_door *door)
{
    if (door == NULL)
        return 0;
    if (door->later != NULL)
        return door->look_next > 0 ? door->look_next : nv_hub_time(door->hub);
    if (nv_porter_waiting(door->porter))
        return door->rest_until > 0 ? door->rest_until : nv_hub_time(door->hub);
    return 0;
}

bool nv_door_paused(const struct nv_door *door)
{
    return door != NULL && door->paused;
}

bool nv_door_stopping(const struct nv_door *door)
{
    return door != NULL && door->stopping;
}

bool nv_door_busy(const struct nv_door *door)
{
    return door != NULL &&
           (door->later != NULL || door->hub->open > 0 || nv_porter_waiting(door->porter));
}

/* ------------------------------------------------------------------------------ calls of the door's */

nave_future *nv_door_call(struct nv_door *door, uint64_t number)
{
    for (nave_future *future = door->hub->futures; future != NULL; future = future->next)
        if (future->number == number && nv_future_counts(future))
            return future;
    nv_why(door->why, NAVE_EINVAL, "there is no call %llu (any more)", (unsigned long long)number);
    return NULL;
}

int nv_door_start(struct nv_door *door, const int *engines, size_t count, enum nv_own_kernel kernel,
                  const char *name, void *input, size_t size, nave_future **future)
{
    struct nv_future_spec spec = {
        .input = {.kind = NV_IN_SHARED, .base = input, .size = size, .owned = input},
        .output = {.kind = NV_OUT_KEEP},
        .each = true,
        .extra = name,
        .extra_size = strlen(name)};
    const struct nv_set *set;
    int rc = nave_direct(door->hub->ctx, engines, count, &spec.view);
    if (rc != NAVE_OK) {
        free(input);
        return rc;
    }
    spec.view->policy.priority = 1 << 20;
    spec.view->outside = true;
    spec.count = spec.view->count;
    set = nv_view_engines(spec.view, kernel);
    if (set != NULL) {
        rc = nv_future_begin_with(&spec, kernel, set, future);
    } else {
        free(input);
        rc = nv_why(door->why, NAVE_ENOMEM, "no memory for a view");
    }
    nave_view_free(spec.view);
    return rc;
}

int nv_door_outcome(struct nv_door *door, const nave_future *future)
{
    const struct nv_ledger *ledger = &future->ledger;
    if (ledger->failed == 0 || ledger->failure_count == 0)
        return ledger->cancelled > 0 ? nv_why(door->why, NAVE_ECANCELED, "it was cancelled")
                                     : NAVE_OK;
    nv_why(door->why, ledger->failures[0].code, "%s", ledger->failures[0].message);
    return ledger->failures[0].code < 0 ? ledger->failures[0].code : NAVE_ETASK;
}

/* ------------------------------------------------------------------------------------ open, close */

/* "ADDRESS", "ADDRESS:PORT", ":PORT", IPv6 addresses in brackets: as ZeroMQ wants it. */
static void endpoint_of(const char *listen, char *out, size_t room)
{
    static const char local[] = "localhost";
    char number[NV_URL_MAX];
    const char *colon;
    bool bare;
    if (strncmp(listen, local, sizeof local - 1) == 0) { /* ZeroMQ wants addresses */
        snprintf(number, sizeof number, "127.0.0.1%s", listen + sizeof local - 1);
        listen = number;
    }
    colon = strrchr(listen, ':');
    bare = colon == NULL || (listen[0] == '[' && colon[-1] != ']') ||
           (listen[0] != '[' && strchr(listen, ':') != colon);
    if (bare)
        snprintf(out, room,
                 strchr(listen, ':') != NULL && listen[0] != '[' ? "tcp://[%s]:*" : "tcp://%s:*",
                 listen);
    else
        snprintf(out, room, "tcp://%.*s:%s", colon == listen ? 9 : (int)(colon - listen),
                 colon == listen ? "127.0.0.1" : listen, colon[1] != '\0' ? colon + 1 : "*");
}

/* ZeroMQ would take 65537 for 1. */
static bool port_is_good(const char *endpoint)
{
    const char *port = strrchr(endpoint, ':') + 1;
    char *end;
    long number = strtol(port, &end, 10);
    return strcmp(port, "*") == 0 ||
           (port[0] >= '0' && port[0] <= '9' && *end == '\0' && number > 0 && number <= 65535);
}

/* An address that means all of the host's is no use to clients: they get the host's name. */
static void reachable(const char *url, const char *host, char *out, size_t room)
{
    static const char *const any[] = {"tcp://0.0.0.0:", "tcp://[::]:"};
    for (size_t i = 0; i < sizeof any / sizeof *any; i++)
        if (strncmp(url, any[i], strlen(any[i])) == 0) {
            snprintf(out, room, "tcp://%s:%s", host, url + strlen(any[i]));
            return;
        }
    snprintf(out, room, "%s", url);
}

static cJSON *hello_of(const nave *ctx, const struct nv_door_spec *spec,
                       const struct nv_connection *connection)
{
    cJSON *hello = cJSON_CreateObject();
    cJSON_AddStringToObject(hello, "nave", NAVE_VERSION);
    cJSON_AddNumberToObject(hello, "protocol", NV_PROTOCOL);
    cJSON_AddStringToObject(hello, "job", connection->job);
    cJSON_AddStringToObject(hello, "program", spec->program);
    cJSON_AddStringToObject(hello, "host", connection->location);
    cJSON_AddNumberToObject(hello, "pid", (double)connection->pid);
    cJSON_AddNumberToObject(hello, "ranks", ctx->size);
    cJSON_AddNumberToObject(hello, "started", connection->started);
    cJSON_AddStringToObject(hello, "byte_order", nv_byte_order());
    cJSON_AddBoolToObject(hello, "plugins", spec->plugins);
    return hello;
}

/* Whether the job that wrote a connection file is there.  It may have run on another host, or its process
 * number may be another's by now, so it is asked; what listens on another host for that host only cannot be. */
static bool is_there(const struct nv_connection *old, const char *path)
{
    const nave_client_options direct = {.timeout = PROBE_SECONDS, .ssh = ""};
    nave_client *client = NULL;
    bool there =
        !nv_connfile_is_stale(old) && nave_connect(path, &direct, &client) != NAVE_ECONNECT;
    nave_disconnect(&client);
    return there;
}

/* A file of that name is only replaced if it is a connection file whose job has ended. */
static int look_at_old(struct nv_door *door, const char *path)
{
    struct nv_connection old;
    char why[256];
    struct stat status;
    int rc;
    if (stat(path, &status) != 0)
        return NAVE_OK;
    rc = nv_connfile_read(path, &old, (struct nv_why){why, sizeof why});
    if (rc != NAVE_OK)
        return nv_why(door->why, NAVE_EDOOR,
                      "%s: there is a file that is no connection file; it "
                      "is not replaced",
                      path);
    if (!is_there(&old, path)) {
        nv_error_warn(&door->hub->ctx->error,
                      "%s: the job '%s' (process %ld on %s) is gone; replaced", path, old.job,
                      old.pid, old.location);
        return NAVE_OK;
    }
    return nv_why(door->why, NAVE_EDOOR,
                  "%s: belongs to the job '%s' on %s (process %ld); end it, or take the file away",
                  path, old.job, old.location, old.pid);
}

static int resolve(struct nv_door *door, const char *name)
{
    int rc = nv_connfile_place(name, false, door->file, sizeof door->file, door->why);
    if (rc == NAVE_OK && !nv_connfile_readonly(door->file, door->readonly, sizeof door->readonly))
        rc = nv_why(door->why, NAVE_EDOOR, "%.100s...: the name is too long", name);
    if (rc == NAVE_OK)
        rc = look_at_old(door, door->file);
    return rc == NAVE_OK ? look_at_old(door, door->readonly) : rc;
}

static int write_files(struct nv_door *door, struct nv_connection *connection,
                       const struct nv_keys *keys)
{
    int rc = NAVE_OK;
    /* That of control last: whoever sees it finds the other. */
    for (int role = NV_ROLES - 1; role >= 0 && rc == NAVE_OK; role--) {
        connection->role = (enum nv_role)role;
        connection->keys = keys[role];
        rc = nv_connfile_write(role == NV_CONTROL ? door->file : door->readonly, connection,
                               door->why);
    }
    if (rc != NAVE_OK)
        unlink(door->readonly);
    return rc;
}

static void fill(const struct nv_door_spec *spec, struct nv_connection *c)
{
    const char *gateway = getenv("NAVE_SSH_GATEWAY");
    *c = (struct nv_connection){.version = NAVE_VERSION, .pid = (long)getpid()};
    c->started = (double)(long long)nv_clock_epoch();
    gethostname(c->location, sizeof c->location - 1);
    snprintf(c->job, sizeof c->job, "%.100s", spec->job);
    snprintf(c->ssh, sizeof c->ssh, "%s", gateway != NULL ? gateway : "");
}

static int open_at(struct nv_door *door, const struct nv_door_spec *spec)
{
    nave *ctx = door->hub->ctx;
    struct nv_keys keys[NV_ROLES], own;
    struct nv_connection connection;
    char endpoint[NV_URL_MAX], url[NV_URL_MAX];
    struct nv_porter_spec porter = {.bell = door->hub->idle.bell};
    int rc;
    if (!nv_keys_make(&own) || !nv_keys_make(&keys[0]) || !nv_keys_make(&keys[1]))
        return nv_why(door->why, NAVE_EDOOR, "ZeroMQ was built without CURVE");
    endpoint_of(spec->listen, endpoint, sizeof endpoint);
    porter.server = (struct nv_server_spec){
        endpoint, own, {keys[NV_CONTROL].public_key, keys[NV_READONLY].public_key}};
    if (!port_is_good(endpoint))
        return nv_why(door->why, NAVE_EDOOR, "cannot listen on %s: there is no such port",
                      spec->listen);
    fill(spec, &connection);
    memcpy(connection.server_key, own.public_key, NV_KEY_SIZE);
    porter.hello = hello_of(ctx, spec, &connection);
    rc = nv_porter_open(&porter, url, sizeof url, door->why, &door->porter);
    if (rc != NAVE_OK)
        return rc;
    reachable(url, connection.location, connection.url, sizeof connection.url);
    return write_files(door, &connection, keys);
}

static bool is_our_own(const char *path)
{
    struct nv_connection c = {0};
    char why[256] = "";
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    return nv_connfile_read(path, &c, (struct nv_why){why, sizeof why}) == NAVE_OK &&
           c.pid == (long)getpid() && strcmp(c.location, host) == 0;
}

/* Another job may have taken this one for gone, and the name. */
static void unlink_own(const char *path)
{
    if (is_our_own(path))
        unlink(path);
}

int nv_door_open(nave *ctx, const struct nv_door_spec *spec)
{
    struct nv_door *door = calloc(1, sizeof *door);
    int rc;
    if (door == NULL)
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for the door");
    door->hub = ctx->hub;
    door->why = (struct nv_why){door->reason, sizeof door->reason};
    door->plugins = spec->plugins;
    door->events = calloc(NV_EVENTS, sizeof *door->events);
    rc = door->events != NULL ? resolve(door, spec->file)
                              : nv_why(door->why, NAVE_ENOMEM, "no memory for the door");
    if (rc == NAVE_OK)
        rc = open_at(door, spec);
    if (rc != NAVE_OK && spec->by_default && is_our_own(door->file)) {
        nv_error_warn(&ctx->error, "%s: another farm of this process has it; this one has no door",
                      door->file);
        free(door->events);
        free(door);
        return NAVE_OK;
    }
    if (rc != NAVE_OK) {
        nv_error_set(&ctx->error, rc, "%s", door->reason);
        nv_porter_close(door->porter);
        free(door->events);
        free(door);
        return rc;
    }
    door->log = ctx->error.log;
    door->log_arg = ctx->error.log_arg;
    ctx->error.log = log_event;
    ctx->error.log_arg = door;
    ctx->door = door;
    nv_door_event(door, "open", "the farm is open: %d rank%s", ctx->size,
                  ctx->size == 1 ? "" : "s");
    return NAVE_OK;
}

/* Nothing from outside is under way, and nobody fetches any more. */
static bool is_seen_off(void *arg)
{
    struct nv_door *door = arg;
    nv_outside_look(door);
    return door->untold == 0 && (nv_porter_clients(door->porter) == 0 ||
                                 nv_hub_time(door->hub) > door->fetched + PARTING_SECONDS);
}

void nv_door_see_off(struct nv_door *door)
{
    double until = 0;
    int rc = NAVE_ETIMEDOUT;
    if (door == NULL || door->outside == NULL)
        return;
    door->stopping = true;
    nv_outside_drain(door);
    while (rc == NAVE_ETIMEDOUT && (until == 0 || nv_hub_time(door->hub) < until)) {
        rc = nv_hub_wait(door->hub, is_seen_off, door, PARTING_SECONDS);
        if (door->untold == 0 && until == 0)
            until = nv_hub_time(door->hub) + PARTING_MOST;
    }
}

/* Everybody who waits is told, by the answer if it is there. */
static void end_later(struct nv_door *door)
{
    while (door->later != NULL) {
        struct nv_later *later = door->later;
        door->later = later->next;
        if (!attempt(door, later->letter, later))
            nv_porter_refuse(door->porter, later->letter, NAVE_ESTATE, "the job has ended");
        later->future = NULL; /* freed with the farm */
        later_free(door, later);
    }
}

void nv_door_close(nave *ctx)
{
    struct nv_door *door = ctx->door;
    if (door == NULL)
        return;
    ctx->door = NULL;
    ctx->error.log = door->log;
    ctx->error.log_arg = door->log_arg;
    unlink_own(door->file);
    unlink_own(door->readonly);
    end_later(door);
    nv_outside_release(door);
    for (int i = 0; i < NV_SNAPSHOTS; i++)
        nv_order_unwanted(door->made[i].order);
    nv_porter_close(door->porter);
    free(door->events);
    free(door);
}
