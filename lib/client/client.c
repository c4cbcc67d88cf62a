/* client - connecting, and asking.  SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"
#include "signature_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT 10.0

const char *nave_client_error(const nave_client *client)
{
    return client != NULL ? client->error : "out of memory";
}

int nave_connection_place(const char *name, int shared, char *path, size_t room)
{
    char reason[8] = "";
    return nv_connfile_place(name, shared != 0, path, room, (struct nv_why){reason, sizeof reason});
}

int nave_client_may_control(const nave_client *client)
{
    return client->connection.role == NV_CONTROL;
}

int nave_client_is_foreign(const nave_client *client)
{
    return client->connection.foreign;
}

int nave_client_ssh_line(const nave_client *client, char *line, size_t room)
{
    const struct nv_connection *c = &client->connection;
    char text[1200];
    nv_tunnel_line(c, c->ssh[0] != '\0' ? c->ssh : c->location, text, sizeof text);
    if (strlen(text) >= room)
        return NAVE_ESIZE;
    strcpy(line, text);
    return NAVE_OK;
}

/* ---------------------------------------------------------------------------------------- asking */

cJSON *nv_client_request(const char *verb)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "do", verb);
    return request;
}

uint64_t nv_client_number(const nave_client *client, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(client->answer, name);
    double x = cJSON_IsNumber(item) ? item->valuedouble : 0;
    return x >= 0 && x < NV_EXACT ? (uint64_t)x : 0;
}

/* The code of an answer, and its words. */
static int outcome(nave_client *client)
{
    const cJSON *ok = cJSON_GetObjectItemCaseSensitive(client->answer, "ok");
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(client->answer, "code");
    const char *message =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(client->answer, "message"));
    if (cJSON_IsTrue(ok))
        return NAVE_OK;
    if (!cJSON_IsNumber(code) || code->valueint >= 0)
        return nv_why(client->why, NAVE_EPROTOCOL,
                      "the answer says neither that it is good nor why not");
    return nv_why(client->why, code->valueint, "%s",
                  message != NULL ? message : nave_strerror(code->valueint));
}

/* What a job passes on may be bytes of any kind; others shall be able to read the JSON. */
static void make_utf8(char *text)
{
    size_t length, left = text != NULL ? strlen(text) : 0;
    for (; left > 0; text += length, left -= length) {
        length = nv_signature_utf8((unsigned char *)text, left);
        if (length == 0) {
            *text = '?';
            length = 1;
        }
    }
}

/* Takes in messages until the one that was asked for. */
static int await(nave_client *client, double seconds)
{
    for (;;) {
        const cJSON *id;
        int rc;
        nv_message_release(&client->message);
        cJSON_Delete(client->answer);
        client->answer = NULL;
        rc = nv_dialog_receive(client->dialog, seconds, &client->message, client->why);
        if (rc != NAVE_OK)
            return rc;
        make_utf8(client->message.text);
        client->answer = cJSON_Parse(client->message.text);
        if (!cJSON_IsObject(client->answer))
            return nv_why(client->why, NAVE_EPROTOCOL, "the answer is no JSON object");
        id = cJSON_GetObjectItemCaseSensitive(client->answer, "id");
        if (cJSON_IsNumber(id) && id->valuedouble == client->asked)
            return outcome(client);
    }
}

/* The dialog's own words say neither where nor whose. */
static int add_place(nave_client *client, int rc, double seconds)
{
    char text[sizeof client->error];
    const struct nv_connection *c = &client->connection;
    if (client->answer != NULL) /* it is the hub that says so */
        return rc;
    memcpy(text, client->error, sizeof text);
    if (rc == NAVE_ETIMEDOUT)
        return nv_why(
            client->why, NAVE_ECONNECT,
            "no answer at %s (job '%s' on %s) within %g s; the program may be busy outside of "
            "Nave's calls",
            c->url, c->job, c->location, seconds);
    if (rc == NAVE_ECONNECT)
        return nv_why(client->why, NAVE_ECONNECT, "no connection at %s (job '%s' on %s): %.3000s",
                      c->url, c->job, c->location, text);
    return rc;
}

int nv_client_do(nave_client *client, cJSON *request, const void *data, size_t size, double seconds)
{
    char *text;
    int rc;
    if (client->dialog == NULL) {
        cJSON_Delete(request);
        return NAVE_ECONNECT;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(request, "id");
    cJSON_AddNumberToObject(request, "id", ++client->asked);
    text = cJSON_PrintUnformatted(request);
    cJSON_Delete(request);
    if (text == NULL)
        return nv_why(client->why, NAVE_ENOMEM, "no memory for a request");
    if (size > NV_PIECE_MAX)
        rc = nv_why(client->why, NAVE_ESIZE, "a request may have %d bytes beside it, not %zu",
                    NV_PIECE_MAX, size);
    else if (strlen(text) > NV_TEXT_MAX)
        rc = nv_why(client->why, NAVE_ESIZE, "a request may be a text of %d bytes, not %zu",
                    NV_TEXT_MAX, strlen(text));
    else
        rc = nv_dialog_send(client->dialog, text, data, size, client->why);
    free(text);
    if (rc != NAVE_OK)
        return rc;
    seconds = seconds < 0 ? -1 : client->timeout + seconds;
    return add_place(client, await(client, seconds), seconds);
}

int nave_client_ask(nave_client *client, const char *request, const void *data, size_t size,
                    double seconds, const char **answer, const void **answer_data,
                    size_t *answer_size)
{
    cJSON *object = cJSON_Parse(request);
    int rc;
    if (!cJSON_IsObject(object)) {
        cJSON_Delete(object);
        return nv_why(client->why, NAVE_EINVAL, "the request is no JSON object");
    }
    rc = nv_client_do(client, object, data, size, seconds);
    if (answer != NULL)
        *answer = client->message.text != NULL ? client->message.text : "{}";
    if (answer_data != NULL)
        *answer_data = client->message.data;
    if (answer_size != NULL)
        *answer_size = client->message.data_size;
    return rc;
}

const char *nave_client_answer(const nave_client *client)
{
    return client != NULL && client->message.text != NULL ? client->message.text : "{}";
}

void nv_client_keep(nave_client *client, void *data)
{
    cJSON_Delete(client->ahead.sizes);
    client->ahead.sizes = NULL;
    free(client->data);
    client->data = data;
}

/* ------------------------------------------------------------------------------------- connecting */

static bool is_far(const struct nv_connection *c)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    return strcmp(host, c->location) != 0;
}

/* The hub listens where only its own host can reach it, and this is another.  (There may be a way that was
 * made by hand.) */
static bool out_of_reach(const struct nv_connection *c)
{
    return strncmp(c->url, "tcp://127.", 10) == 0 && is_far(c);
}

static int say_ssh(nave_client *client)
{
    const struct nv_connection *c = &client->connection;
    char line[800];
    nv_tunnel_line(c, c->location, line, sizeof line);
    return nv_why(
        client->why, NAVE_ECONNECT,
        "the hub of '%s' listens on %s of %s only: use --ssh USER@LOGIN, or make the way by "
        "hand: %s",
        c->job, c->url, c->location, line);
}

/* What the hub says counts more than the file. */
static int say_hello(nave_client *client)
{
    int rc = nv_client_do(client, nv_client_request("hello"), NULL, 0, 0);
    const char *order =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(client->answer, "byte_order"));
    client->met = rc == NAVE_OK;
    if (rc == NAVE_OK && order != NULL)
        client->connection.foreign = strcmp(order, nv_byte_order()) != 0;
    return rc;
}

static int open_link(nave_client *client, const char *path, const nave_client_options *opt)
{
    struct nv_connection *c = &client->connection;
    const char *login = opt->ssh != NULL ? opt->ssh : c->ssh;
    char url[NV_URL_MAX];
    int rc = NAVE_OK;
    if (nv_connfile_is_stale(c))
        return nv_why(client->why, NAVE_ECONNECT,
                      "%s: the job '%s' (process %ld) has ended; the file is stale", path, c->job,
                      c->pid);
    strcpy(url, c->url);
    if (login[0] != '\0' && (opt->ssh != NULL || is_far(c)))
        rc = nv_tunnel_open(c, login, client->timeout, url, sizeof url, client->why,
                            &client->tunnel);
    if (rc == NAVE_OK)
        rc = nv_dialog_open(url, c->server_key, &c->keys, client->why, &client->dialog);
    if (rc == NAVE_OK)
        rc = say_hello(client);
    if (rc == NAVE_ECONNECT && client->tunnel == NULL && login[0] == '\0' && out_of_reach(c))
        rc = say_ssh(client);
    return rc;
}

int nave_connect(const char *file, const nave_client_options *opt, nave_client **out)
{
    static const nave_client_options none;
    nave_client *client = calloc(1, sizeof *client);
    char path[NV_PATH_MAX];
    int rc;
    *out = client;
    if (client == NULL)
        return NAVE_ENOMEM;
    opt = opt != NULL ? opt : &none;
    client->why = (struct nv_why){client->error, sizeof client->error};
    client->timeout = opt->timeout > 0 ? opt->timeout : TIMEOUT;
    rc = nv_connfile_find(file, path, sizeof path, client->why);
    if (rc == NAVE_OK)
        rc = nv_connfile_read(path, &client->connection, client->why);
    return rc == NAVE_OK ? open_link(client, path, opt) : rc;
}

void nave_disconnect(nave_client **where)
{
    nave_client *client = *where;
    if (client == NULL)
        return;
    *where = NULL;
    if (client->dialog != NULL && client->met)
        nv_dialog_send(client->dialog, "{\"do\":\"bye\"}", NULL, 0, client->why);
    nv_dialog_close(client->dialog);
    nv_tunnel_close(client->tunnel);
    nv_message_release(&client->message);
    cJSON_Delete(client->answer);
    nv_client_keep(client, NULL);
    free(client->ahead.copy);
    free(client->known.signature);
    free(client);
}
