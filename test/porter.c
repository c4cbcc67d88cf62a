/* porter - who may come in, what is kept for the hub, and that nothing a client sends does harm: real
 * connections within one process.  SPDX-License-Identifier: BSD-3-Clause */
#include "porter.h"
#include "client/connfile.h"
#include "nave_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <cmocka.h>

static char reason[512];
static const struct nv_why why = {reason, sizeof reason};

struct place {
    struct nv_porter *porter;
    struct nv_connection connection[NV_ROLES];
    char file[NV_ROLES][512];
};

static void fill_connection(struct nv_connection *c, enum nv_role role, const char *url,
                            const struct nv_keys *server, const struct nv_keys *client)
{
    *c = (struct nv_connection){.version = NAVE_VERSION, .job = "test", .role = role};
    gethostname(c->location, sizeof c->location - 1);
    c->pid = (long)getpid();
    snprintf(c->url, sizeof c->url, "%s", url);
    memcpy(c->server_key, server->public_key, NV_KEY_SIZE);
    c->keys = *client;
}

static int set_up(void **state)
{
    static struct place place;
    const char *folder = getenv("TMPDIR");
    struct nv_keys server, clients[NV_ROLES];
    struct nv_porter_spec spec = {.hello = cJSON_CreateObject()};
    char url[NV_URL_MAX];
    assert_true(nv_keys_make(&server) && nv_keys_make(&clients[0]) && nv_keys_make(&clients[1]));
    spec.server = (struct nv_server_spec){
        "tcp://127.0.0.1:*", server, {clients[0].public_key, clients[1].public_key}};
    cJSON_AddStringToObject(spec.hello, "nave", NAVE_VERSION);
    assert_int_equal(nv_porter_open(&spec, url, sizeof url, why, &place.porter), NAVE_OK);
    for (int role = 0; role < NV_ROLES; role++) {
        snprintf(place.file[role], sizeof place.file[role], "%s/porter%d.json",
                 folder != NULL ? folder : "/tmp", role);
        fill_connection(&place.connection[role], (enum nv_role)role, url, &server, &clients[role]);
        assert_int_equal(nv_connfile_write(place.file[role], &place.connection[role], why),
                         NAVE_OK);
    }
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    nv_porter_close(place->porter);
    for (int role = 0; role < NV_ROLES; role++)
        unlink(place->file[role]);
    return 0;
}

enum { TOO_MUCH = 1 << 16 };

/* The hub: answers everything with the number of bytes that came, and an object with more than it has. */
struct hub {
    struct nv_porter *porter;
    atomic_bool ended;
    atomic_int served;
};

static void *serve(void *arg)
{
    struct hub *hub = arg;
    while (!atomic_load(&hub->ended)) {
        struct nv_letter *letter = nv_porter_take(hub->porter);
        cJSON *answer;
        if (letter == NULL) {
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
            continue;
        }
        answer = cJSON_CreateObject();
        cJSON_AddNumberToObject(answer, "bytes", (double)letter->data_size);
        cJSON_AddNumberToObject(answer, "size", 4);
        atomic_fetch_add(&hub->served, 1);
        if (letter->request.verb == NV_ASKS_forget)
            nv_porter_refuse(hub->porter, letter, NAVE_EINVAL, "as it was said"),
                cJSON_Delete(answer);
        else if (letter->request.verb == NV_ASKS_pull)
            nv_porter_answer(hub->porter, letter, answer, calloc(1, TOO_MUCH), TOO_MUCH);
        else
            nv_porter_answer(hub->porter, letter, answer, NULL, 0);
    }
    return NULL;
}

static void start_hub(struct hub *hub, struct place *place, pthread_t *thread)
{
    *hub = (struct hub){.porter = place->porter};
    assert_int_equal(pthread_create(thread, NULL, serve, hub), 0);
}

static void end_hub(struct hub *hub, pthread_t thread)
{
    atomic_store(&hub->ended, true);
    pthread_join(thread, NULL);
}

static void requests_are_answered(void **state)
{
    struct place *place = *state;
    struct hub hub;
    pthread_t thread;
    nave_client *client;
    const char *answer;
    char *data = calloc(1, NV_PIECE_MAX + 1);
    static const size_t sizes[] = {
        0,           1, 8, 4097, NV_FRAME_MAX - 1, NV_FRAME_MAX, NV_FRAME_MAX + 1, NV_PIECE_MAX - 1,
        NV_PIECE_MAX};
    start_hub(&hub, place, &thread);
    assert_int_equal(nave_connect(place->file[NV_CONTROL], NULL, &client), NAVE_OK);
    assert_true(nave_client_may_control(client));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size = sizes[i];
        char expected[64];
        assert_int_equal(
            nave_client_ask(client, "{\"do\":\"push\"}", data, size, 10, &answer, NULL, NULL),
            NAVE_OK);
        snprintf(expected, sizeof expected, "\"bytes\":%zu,", size);
        assert_non_null(strstr(answer, expected));
    }
    assert_int_equal(nave_client_ask(client, "{\"do\":\"forget\"}", NULL, 0, 0, NULL, NULL, NULL),
                     NAVE_EINVAL);
    assert_string_equal(nave_client_error(client), "as it was said");
    assert_int_equal(
        nave_client_ask(client, "{\"do\":\"push\"}", data, NV_PIECE_MAX + 1, 0, NULL, NULL, NULL),
        NAVE_ESIZE);
    assert_int_equal(nave_client_ask(client, "{\"do\":\"fly\"}", NULL, 0, 0, NULL, NULL, NULL),
                     NAVE_EPROTOCOL);
    assert_int_equal(nave_client_ask(client, "no JSON", NULL, 0, 0, NULL, NULL, NULL), NAVE_EINVAL);
    nave_disconnect(&client);
    end_hub(&hub, thread);
    free(data);
}

static void an_object_larger_than_it_is_does_no_harm(void **state)
{
    struct place *place = *state;
    struct hub hub;
    pthread_t thread;
    nave_client *client;
    const void *data;
    size_t size;
    start_hub(&hub, place, &thread);
    assert_int_equal(nave_connect(place->file[NV_READONLY], NULL, &client), NAVE_OK);
    assert_int_equal(nave_client_pull(client, "object", 1, &data, &size), NAVE_EPROTOCOL);
    assert_non_null(strstr(nave_client_error(client), "more than its size"));
    nave_disconnect(&client);
    end_hub(&hub, thread);
}

static void who_may_only_look_changes_nothing(void **state)
{
    struct place *place = *state;
    struct hub hub;
    pthread_t thread;
    nave_client *client;
    int before;
    start_hub(&hub, place, &thread);
    assert_int_equal(nave_connect(place->file[NV_READONLY], NULL, &client), NAVE_OK);
    assert_false(nave_client_may_control(client));
    assert_int_equal(nave_client_ask(client, "{\"do\":\"status\"}", NULL, 0, 0, NULL, NULL, NULL),
                     NAVE_OK);
    before = atomic_load(&hub.served);
    for (int verb = 0; verb < NV_VERB_COUNT; verb++) {
        char request[64];
        snprintf(request, sizeof request, "{\"do\":\"%s\"}", nv_verb_name((enum nv_verb)verb));
        if (nv_verb_changes((enum nv_verb)verb))
            assert_int_equal(nave_client_ask(client, request, NULL, 0, 0, NULL, NULL, NULL),
                             NAVE_EDENIED);
    }
    assert_int_equal(atomic_load(&hub.served), before); /* the hub never saw them */
    nave_disconnect(&client);
    end_hub(&hub, thread);
}

static void other_keys_get_nothing(void **state)
{
    struct place *place = *state;
    struct nv_connection other = place->connection[NV_CONTROL];
    nave_client_options options = {.timeout = 5};
    nave_client *client;
    char file[600];
    snprintf(file, sizeof file, "%s.other", place->file[NV_CONTROL]);
    assert_true(nv_keys_make(&other.keys)); /* a client that nobody knows */
    assert_int_equal(nv_connfile_write(file, &other, why), NAVE_OK);
    assert_int_equal(nave_connect(file, &options, &client), NAVE_ECONNECT);
    assert_non_null(strstr(nave_client_error(client), "keys"));
    nave_disconnect(&client);
    other = place->connection[NV_CONTROL]; /* and one that takes us for somebody else */
    memcpy(other.server_key, other.keys.public_key, NV_KEY_SIZE);
    assert_int_equal(nv_connfile_write(file, &other, why), NAVE_OK);
    assert_int_equal(nave_connect(file, &options, &client), NAVE_ECONNECT);
    nave_disconnect(&client);
    unlink(file);
    assert_int_equal(nave_connect(place->file[NV_CONTROL], &options, &client), NAVE_OK);
    nave_disconnect(&client);
}

/* A plain socket to the port. */
static int dial(const struct place *place)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port =
        htons((uint16_t)strtol(strrchr(place->connection[0].url, ':') + 1, NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void garbage_harms_nobody(void **state)
{
    struct place *place = *state;
    struct hub hub;
    pthread_t thread;
    nave_client *client;
    int fds[20];
    start_hub(&hub, place, &thread);
    for (int i = 0; i < 20; i++) {
        unsigned char bytes[4096];
        ssize_t sent;
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (unsigned char)(i < 10 ? rand() : i);
        if (i % 3 == 0) /* begins as ZeroMQ does */
            memcpy(bytes,
                   "\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01"
                   "CURVE",
                   17);
        fds[i] = dial(place);
        sent = send(fds[i], bytes, i % 4 == 0 ? 10 : sizeof bytes, MSG_NOSIGNAL);
        assert_true(sent > 0);
        if (i % 2 == 0)
            close(fds[i]);
    }
    assert_int_equal(nave_connect(place->file[NV_CONTROL], NULL, &client), NAVE_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(
            nave_client_ask(client, "{\"do\":\"status\"}", NULL, 0, 0, NULL, NULL, NULL), NAVE_OK);
    assert_int_equal(nv_porter_clients(place->porter), 1);
    nave_disconnect(&client);
    for (int i = 1; i < 20; i += 2)
        close(fds[i]);
    end_hub(&hub, thread);
}

/* Nobody serves; then somebody does.  What waits at the end is told. */
static void a_hub_that_is_away_is_waited_for(void **state)
{
    struct place *place = *state;
    nave_client_options brief = {.timeout = 0.3};
    nave_client *client;
    struct nv_letter *letter;
    assert_int_equal(nave_connect(place->file[NV_CONTROL], &brief, &client), NAVE_OK);
    assert_int_equal(nave_client_ask(client, "{\"do\":\"status\"}", NULL, 0, 0, NULL, NULL, NULL),
                     NAVE_ECONNECT);
    assert_non_null(strstr(nave_client_error(client), "busy"));
    assert_true(nv_porter_waiting(place->porter));
    letter = nv_porter_take(place->porter);
    assert_non_null(letter);
    nv_porter_answer(place->porter, letter, cJSON_CreateObject(), NULL, 0);
    assert_false(nv_porter_waiting(place->porter));
    /* The late answer is not taken for the next one. */
    assert_int_equal(nave_client_ask(client, "{\"do\":\"hello\"}", NULL, 0, 1, NULL, NULL, NULL),
                     NAVE_OK);
    nave_disconnect(&client);
}

/* ------------------------------------------------------------------------ clients that ask too much */

static struct nv_dialog *talk(const struct place *place, enum nv_role role)
{
    const struct nv_connection *c = &place->connection[role];
    struct nv_dialog *dialog;
    assert_int_equal(nv_dialog_open(c->url, c->server_key, &c->keys, why, &dialog), NAVE_OK);
    return dialog;
}

/* The code of the next answer, which has to be to request `id`. */
static int next_code(struct nv_dialog *dialog, int id)
{
    struct nv_message message;
    cJSON *answer;
    int code;
    assert_int_equal(nv_dialog_receive(dialog, 60, &message, why), NAVE_OK);
    answer = cJSON_Parse(message.text);
    assert_int_equal(cJSON_GetObjectItem(answer, "id")->valueint, id);
    code = cJSON_IsTrue(cJSON_GetObjectItem(answer, "ok"))
               ? NAVE_OK
               : cJSON_GetObjectItem(answer, "code")->valueint;
    cJSON_Delete(answer);
    nv_message_release(&message);
    return code;
}

static void send_text(struct nv_dialog *dialog, const char *verb, int id, size_t length,
                      size_t data_size)
{
    char *text = malloc(length + 100), *data = calloc(1, data_size + 1);
    snprintf(text, length + 100, "{\"id\":%d,\"do\":\"%s\",\"seconds\":50,\"more\":\"%*s\"}", id,
             verb, (int)length, "");
    assert_int_equal(nv_dialog_send(dialog, text, data, data_size, why), NAVE_OK);
    free(data);
    free(text);
}

/* Waits for what another thread does. */
static void until_clients(const struct place *place, int count)
{
    while (nv_porter_clients(place->porter) != count)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static struct nv_letter *take(const struct place *place)
{
    struct nv_letter *letter;
    while ((letter = nv_porter_take(place->porter)) == NULL)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return letter;
}

static void what_is_too_large_is_refused(void **state)
{
    struct place *place = *state;
    struct nv_dialog *dialog = talk(place, NV_CONTROL);
    send_text(dialog, "hello", 0, 0, 0);
    assert_int_equal(next_code(dialog, 0), NAVE_OK);
    send_text(dialog, "push", 1, 0, NV_PIECE_MAX + 1);
    assert_int_equal(next_code(dialog, 1), NAVE_ESIZE);
    send_text(dialog, "push", 2, NV_TEXT_MAX, 10);
    assert_int_equal(next_code(dialog, 2), NAVE_ESIZE);
    send_text(dialog, "status", 3, NV_TEXT_MAX / 2, 0);
    assert_int_equal(next_code(dialog, 3), NAVE_ESIZE);
    send_text(dialog, "events", 4, 0, 1000);
    assert_int_equal(next_code(dialog, 4), NAVE_EINVAL);
    assert_false(nv_porter_waiting(place->porter));
    send_text(dialog, "push", 5, NV_TEXT_MAX / 2, NV_PIECE_MAX); /* the connection is as it was */
    nv_porter_answer(place->porter, take(place), cJSON_CreateObject(), NULL, 0);
    assert_int_equal(next_code(dialog, 5), NAVE_OK);
    nv_dialog_close(dialog);
}

/* What comes is looked at now and then only, so it may take several. */
static void messages_that_are_far_too_long_end(void **state)
{
    struct place *place = *state;
    struct nv_dialog *dialog = talk(place, NV_READONLY);
    struct nv_message message;
    send_text(dialog, "hello", 0, 0, 0);
    assert_int_equal(next_code(dialog, 0), NAVE_OK);
    do
        send_text(dialog, "status", 1, 0, 8 * NV_PIECE_MAX);
    while (nv_dialog_receive(dialog, 60, &message, why) == NAVE_OK &&
           (nv_message_release(&message), true));
    assert_non_null(strstr(reason, "closed the connection"));
    nv_dialog_close(dialog);
    until_clients(place, 0);
}

static void a_client_that_has_gone_waits_for_nothing(void **state)
{
    struct place *place = *state;
    struct nv_dialog *dialog = talk(place, NV_READONLY);
    struct nv_letter *letter;
    for (int i = 0; i < 3; i++)
        send_text(dialog, "events", i, 0, 0);
    letter = take(place);
    assert_false(nv_letter_in_vain(letter));
    assert_int_equal(nv_porter_clients(place->porter), 1);
    nv_dialog_close(dialog);
    until_clients(place, 0);
    while (nv_porter_waiting(place->porter))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_true(nv_letter_in_vain(letter));
    nv_porter_answer(place->porter, letter, cJSON_CreateObject(), NULL, 0);
}

static void what_it_has_ordered_is_done(void **state)
{
    struct place *place = *state;
    struct nv_dialog *dialog = talk(place, NV_CONTROL);
    struct nv_letter *letter;
    send_text(dialog, "hello", 1, 0, 0);
    send_text(dialog, "push", 2, 0, 100);
    send_text(dialog, "stop", 3, 0, 0);
    assert_int_equal(next_code(dialog, 1), NAVE_OK);
    send_text(dialog, "hello", 4, 0, 0);
    assert_int_equal(next_code(dialog, 4), NAVE_OK); /* so the others are there */
    nv_dialog_close(dialog);
    until_clients(place, 0);
    letter = take(place);
    if (letter->request.verb == NV_ASKS_push) { /* taken before it was thrown away */
        assert_true(nv_letter_in_vain(letter));
        nv_porter_refuse(place->porter, letter, NAVE_ECANCELED, "gone");
        letter = take(place);
    }
    assert_int_equal(letter->request.verb, NV_ASKS_stop);
    nv_porter_answer(place->porter, letter, cJSON_CreateObject(), NULL, 0);
    assert_false(nv_porter_waiting(place->porter));
}

static void each_of_many_requests_is_answered_once(void **state)
{
    struct place *place = *state;
    struct nv_dialog *dialog = talk(place, NV_READONLY);
    enum { MANY = 600 };
    for (int i = 0; i < MANY; i++)
        send_text(dialog, "status", i, 0, 0);
    for (int i = NV_ASKED_MAX; i < MANY; i++)
        assert_int_equal(next_code(dialog, i), NAVE_ESTATE);
    for (int i = 0; i < NV_ASKED_MAX; i++) {
        nv_porter_answer(place->porter, take(place), cJSON_CreateObject(), NULL, 0);
        assert_int_equal(next_code(dialog, i), NAVE_OK);
    }
    assert_false(nv_porter_waiting(place->porter));
    nv_dialog_close(dialog);
}

static void control_always_finds_a_place(void **state)
{
    struct place *place = *state;
    struct nv_dialog *lookers[NV_LOOKERS_MAX + 1];
    nave_client *client;
    for (int i = 0; i <= NV_LOOKERS_MAX; i++) {
        lookers[i] = talk(place, NV_READONLY);
        send_text(lookers[i], "hello", i, 0, 0);
        assert_int_equal(next_code(lookers[i], i), i < NV_LOOKERS_MAX ? NAVE_OK : NAVE_ESTATE);
    }
    assert_int_equal(nave_connect(place->file[NV_CONTROL], NULL, &client), NAVE_OK);
    assert_int_equal(nv_porter_clients(place->porter), NV_LOOKERS_MAX + 1);
    nave_disconnect(&client);
    for (int i = 0; i <= NV_LOOKERS_MAX; i++)
        nv_dialog_close(lookers[i]);
    until_clients(place, 0);
}

static void connections_are_bounded(void **state)
{
    struct place *place = *state;
    enum { MANY = NV_CONNECTIONS_MAX + 50 };
    nave_client *client;
    int fds[MANY];
    for (int i = 0; i < MANY; i++)
        fds[i] = dial(place);
    for (int i = 0; i < MANY - NV_CONNECTIONS_MAX; i++) { /* the oldest are hung up on */
        char bytes[100];
        while (recv(fds[i], bytes, sizeof bytes, 0) > 0)
            ;
        close(fds[i]);
    }
    assert_int_equal(nave_connect(place->file[NV_CONTROL], NULL, &client), NAVE_OK);
    nave_disconnect(&client);
    for (int i = MANY - NV_CONNECTIONS_MAX; i < MANY; i++)
        close(fds[i]);
}

static void what_waits_at_the_end_is_told(void **state)
{
    struct place *place = *state;
    struct nv_dialog *dialog = talk(place, NV_CONTROL);
    for (int i = 0; i < 3; i++)
        send_text(dialog, "status", i, 0, 0);
    nv_porter_refuse(place->porter, take(place), NAVE_EINVAL, "no");
    assert_int_equal(next_code(dialog, 0), NAVE_EINVAL);
    while (!nv_porter_waiting(place->porter))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    nv_porter_close(place->porter);
    place->porter = NULL;
    assert_int_equal(next_code(dialog, 1), NAVE_ESTATE);
    nv_dialog_close(dialog);
}

/* ---------------------------------------------------------------------------- connection files */

static void write_text(const char *file, const char *text)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void files_are_private_and_whole(void **state)
{
    struct place *place = *state;
    struct nv_connection back;
    struct stat status;
    char file[600], text[4096];
    size_t size;
    FILE *in;
    assert_int_equal(stat(place->file[0], &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(nv_connfile_read(place->file[0], &back, why), NAVE_OK);
    assert_memory_equal(&back, &place->connection[0], sizeof back);
    in = fopen(place->file[0], "r");
    size = fread(text, 1, sizeof text - 1, in);
    fclose(in);
    snprintf(file, sizeof file, "%s.part", place->file[0]);
    for (size_t part = 0; part + 2 < size; part += 7) {
        char half[4096];
        snprintf(half, sizeof half, "%.*s", (int)part, text);
        write_text(file, half);
        assert_int_not_equal(nv_connfile_read(file, &back, why), NAVE_OK);
        assert_non_null(strstr(reason, file));
    }
    write_text(file, "{\"nave\":\"9.0\",\"protocol\":99}");
    assert_int_equal(nv_connfile_read(file, &back, why), NAVE_EPROTOCOL);
    assert_non_null(strstr(reason, "99"));
    write_text(file, "{}");
    assert_int_equal(nv_connfile_read(file, &back, why), NAVE_ECONNECT);
    unlink(file);
    assert_int_equal(nv_connfile_read(file, &back, why), NAVE_ECONNECT);
}

static void names_lead_to_files(void **state)
{
    char out[NV_PATH_MAX];
    struct nv_connection gone = ((struct place *)*state)->connection[0];
    assert_true(nv_connfile_readonly("a/b.json", out, sizeof out));
    assert_string_equal(out, "a/b.readonly.json");
    assert_true(nv_connfile_readonly("b", out, sizeof out));
    assert_string_equal(out, "b.readonly");
    assert_false(nv_connfile_readonly("b", out, 5));
    assert_false(nv_connfile_is_stale(&gone));
    gone.pid = 0x7ffffff0;
    assert_true(nv_connfile_is_stale(&gone));
    strcpy(gone.location, "elsewhere");
    assert_false(nv_connfile_is_stale(&gone));
}

/* The file's text with the other order of bytes in it. */
static void the_byte_order_is_told(void **state)
{
    struct place *place = *state;
    struct nv_connection back;
    char file[600], text[4096], *order;
    FILE *in = fopen(place->file[0], "r");
    nave_client *client;
    assert_non_null(in);
    text[fread(text, 1, sizeof text - 1, in)] = '\0';
    fclose(in);
    order = strstr(text, nv_byte_order());
    assert_non_null(order);
    if (strcmp(nv_byte_order(), "little") != 0)
        return;                    /* there is no room for the other word */
    memcpy(order, "big\",   ", 8); /* for little", and what follows */
    snprintf(file, sizeof file, "%s.other", place->file[0]);
    write_text(file, text);
    assert_int_equal(nv_connfile_read(file, &back, why), NAVE_OK);
    assert_true(back.foreign);
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(nave_connect(file, NULL, &client), NAVE_OK);
    assert_true(nave_client_is_foreign(client));
    nave_disconnect(&client);
    assert_int_equal(nave_connect(place->file[0], NULL, &client), NAVE_OK);
    assert_false(nave_client_is_foreign(client));
    nave_disconnect(&client);
    unlink(file);
}

/* A bare name is that of a job before it is that of a file here; others the other way round. */
static void the_folder_goes_before_a_file_of_that_name(void **state)
{
    char folder[256], before[512], out[NV_PATH_MAX], expected[NV_PATH_MAX];
    (void)state;
    snprintf(folder, sizeof folder, "%s/porter.XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    assert_non_null(getcwd(before, sizeof before));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(setenv("XDG_RUNTIME_DIR", folder, 1), 0);
    assert_int_equal(setenv("HOME", "/nowhere", 1), 0);
    assert_int_equal(mkdir("nave", 0700), 0);
    write_text("q", "a program");
    write_text("q.json", "here");
    assert_int_equal(nv_connfile_find("q", out, sizeof out, why), NAVE_OK);
    assert_string_equal(out, "q");
    write_text("nave/q.json", "there");
    snprintf(expected, sizeof expected, "%s/nave/q.json", folder);
    assert_int_equal(nv_connfile_find("q", out, sizeof out, why), NAVE_OK);
    assert_string_equal(out, expected);
    assert_int_equal(nv_connfile_find("q.json", out, sizeof out, why), NAVE_OK);
    assert_string_equal(out, "q.json");
    unlink("q.json");
    assert_int_equal(nv_connfile_find("q.json", out, sizeof out, why), NAVE_OK);
    assert_string_equal(out, expected);
    unlink("nave/q.json");
    unlink("q");
    assert_int_equal(rmdir("nave"), 0);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_are_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_object_larger_than_it_is_does_no_harm, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_may_only_look_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_keys_get_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(garbage_harms_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hub_that_is_away_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(messages_that_are_far_too_long_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_has_gone_waits_for_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_it_has_ordered_is_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_of_many_requests_is_answered_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(control_always_finds_a_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(connections_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_waits_at_the_end_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_private_and_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_lead_to_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_byte_order_is_told, set_up, tear_down),
        cmocka_unit_test(the_folder_goes_before_a_file_of_that_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
