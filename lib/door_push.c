/* door_push - objects that come in pieces, or go.  SPDX-License-Identifier: BSD-3-Clause
 *
 * Design notes.  An object is there once its last piece is; until then engines keep what has come under a
 * name that nobody can ask for.  Pieces come in order, without gaps, so that what is there in the end
 * was all sent.  Whoever began may be gone before the end: then engines are told to let it go.
 */
#include "door_parts.h"
#include "piece.h"

#include <stdlib.h>
#include <string.h>

#define UPLOAD_SECONDS 60.0 /* that the next piece may take */

/* ----------------------------------------------------------------------------------------- uploads */

static struct nv_upload *upload_find(struct nv_door *door, uint64_t number)
{
    for (int i = 0; i < NV_UPLOADS; i++)
        if (door->upload[i].number == number)
            return &door->upload[i];
    return NULL;
}

static void upload_free(struct nv_door *door, struct nv_upload *upload)
{
    *upload = (struct nv_upload){0};
    door->uploading--;
}

/* A new one; an earlier one of the same name, which would be overwritten, is given up. */
static int upload_begin(struct nv_door *door, const struct nv_letter *letter, const char *name,
                        struct nv_piece_laid *laid)
{
    struct nv_upload *upload = upload_find(door, 0);
    laid->upload = ++door->uploads;
    for (int i = 0; i < NV_UPLOADS; i++)
        if (door->upload[i].number != 0 && strcmp(door->upload[i].name, name) == 0)
            door->upload[i].unwanted = true;
    if (letter->data_size == laid->size) /* it ends with this piece */
        return NAVE_OK;
    if (upload == NULL)
        return nv_why(door->why, NAVE_ESTATE, "%d objects are being pushed already; try again",
                      NV_UPLOADS);
    *upload = (struct nv_upload){.number = laid->upload,
                                 .size = laid->size,
                                 .since = nv_hub_time(door->hub),
                                 .guest = letter->guest,
                                 .visit = letter->visit};
    strcpy(upload->name, name);
    door->uploading++;
    return NAVE_OK;
}

/* Whether a piece belongs where it says. */
static int upload_check(struct nv_door *door, const char *name, const struct nv_piece_laid *laid)
{
    const struct nv_upload *upload = laid->upload != 0 ? upload_find(door, laid->upload) : NULL;
    if (upload == NULL || upload->unwanted || strcmp(upload->name, name) != 0)
        return nv_why(door->why, NAVE_EOBJECT,
                      "that upload of '%s' is not there (any more); begin again", name);
    if (laid->offset != upload->done || laid->size != upload->size)
        return nv_why(door->why, NAVE_EINVAL, "the next piece of '%s' begins at %llu of %llu", name,
                      (unsigned long long)upload->done, (unsigned long long)upload->size);
    return NAVE_OK;
}

/* A piece is on its way to the engines; or it is not, and an upload that has not begun is given up. */
static void upload_goes_on(struct nv_door *door, const struct nv_piece_laid *laid, size_t size,
                           bool on_its_way)
{
    struct nv_upload *upload = upload_find(door, laid->upload);
    if (upload == NULL)
        return;
    if (on_its_way) {
        upload->done += size;
        upload->pieces++;
    } else if (laid->offset == 0) {
        upload->unwanted = true;
    }
}

/* It is there. */
static void upload_came(struct nv_door *door, uint64_t number)
{
    struct nv_upload *upload = number != 0 ? upload_find(door, number) : NULL;
    if (upload == NULL)
        return;
    upload->since = nv_hub_time(door->hub);
    upload->pieces--;
    if (upload->pieces == 0 && upload->done == upload->size && !upload->unwanted)
        upload_free(door, upload);
}

/* Nobody waits for the answer of engines. */
static void upload_give_up(struct nv_door *door, struct nv_upload *upload)
{
    struct nv_piece_laid *input = malloc(sizeof *input);
    upload->unwanted = true;
    if (input == NULL)
        return;
    *input = (struct nv_piece_laid){.upload = upload->number, .offset = NV_LAID_IN_VAIN};
    if (nv_door_start(door, NULL, 0, NV_KERNEL_LAY, upload->name, input, sizeof *input,
                      &upload->future) != NAVE_OK)
        upload->future = NULL;
}

static void upload_look(struct nv_door *door, struct nv_upload *upload)
{
    if (upload->future != NULL) {
        if (upload->future->complete) {
            nave_future_free(upload->future);
            upload_free(door, upload);
        }
    } else if (upload->pieces == 0 &&
               (upload->unwanted || nv_guest_has_left(upload->guest, upload->visit) ||
                nv_hub_time(door->hub) - upload->since > UPLOAD_SECONDS)) {
        upload_give_up(door, upload);
    }
}

void nv_uploads_look(struct nv_door *door)
{
    for (int i = 0; i < NV_UPLOADS && door->uploading > 0; i++)
        if (door->upload[i].number != 0)
            upload_look(door, &door->upload[i]);
}

/* --------------------------------------------------------------------------------------- push, drop */

static int look_for_laid(struct nv_door *door, struct nv_later *later, struct nv_answer *answer)
{
    if (!later->future->complete)
        return NV_LATER;
    upload_came(door, later->index);
    cJSON_AddNumberToObject(answer->object, "upload", (double)later->index);
    return nv_door_outcome(door, later->future);
}

/* It is enough that some had the object. */
static int look_for_dropped(struct nv_door *door, struct nv_later *later, struct nv_answer *answer)
{
    (void)answer;
    if (!later->future->complete)
        return NV_LATER;
    return later->future->ledger.failed < later->future->count
               ? NAVE_OK
               : nv_door_outcome(door, later->future);
}

/* Starts it on the engines that the request names, for a letter that waits. */
static int on_engines(struct nv_door *door, struct nv_later *later, enum nv_own_kernel kernel,
                      const char *name, void *input, size_t size)
{
    int *engines = NULL;
    size_t count = 0;
    int rc = nv_request_ranks(&later->letter->request, "engines", &engines, &count, door->why);
    if (rc == NAVE_OK)
        rc = nv_door_start(door, engines, count, kernel, name, input, size, &later->future);
    else
        free(input);
    free(engines);
    return rc == NAVE_OK ? NV_LATER : nv_door_not_later(door, later, rc);
}

static int read_piece(struct nv_door *door, const struct nv_letter *letter, const char **name,
                      struct nv_piece_laid *laid)
{
    const struct nv_request *request = &letter->request;
    int rc = nv_request_name(request, "name", name, door->why);
    if (rc == NAVE_OK)
        rc = nv_request_natural(request, "offset", UINT64_MAX, &laid->offset, door->why);
    if (rc == NAVE_OK)
        rc = nv_request_natural(request, "size", SIZE_MAX / 2, &laid->size, door->why);
    if (rc == NAVE_OK)
        rc = nv_request_natural(request, "upload", UINT64_MAX, &laid->upload, door->why);
    if (rc == NAVE_OK &&
        (laid->offset > laid->size || letter->data_size > laid->size - laid->offset))
        rc = nv_why(door->why, NAVE_EINVAL,
                    "%zu bytes from %llu on are more than the object's %llu", letter->data_size,
                    (unsigned long long)laid->offset, (unsigned long long)laid->size);
    return rc;
}

/* The input of nave.lay; NULL: out of memory. */
static char *pack(const struct nv_piece_laid *laid, const struct nv_letter *letter)
{
    char *input = malloc(sizeof *laid + letter->data_size);
    if (input == NULL)
        return NULL;
    memcpy(input, laid, sizeof *laid);
    if (letter->data_size > 0)
        memcpy(input + sizeof *laid, letter->data, letter->data_size);
    return input;
}

/* The piece goes to the engines, and the letter waits for them. */
static int lay(struct nv_door *door, struct nv_letter *letter, const char *name,
               const struct nv_piece_laid *laid)
{
    size_t size = sizeof *laid + letter->data_size;
    char *input = pack(laid, letter);
    struct nv_later *later;
    if (input == NULL)
        return nv_why(door->why, NAVE_ENOMEM, "no memory for a piece");
    later = nv_door_later(door, letter, -1, look_for_laid);
    if (later == NULL) {
        free(input);
        return NAVE_ENOMEM;
    }
    later->index = laid->upload;
    return on_engines(door, later, NV_KERNEL_LAY, name, input, size);
}

int nv_serve_push(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    struct nv_piece_laid laid = {.size = letter->data_size};
    size_t size = letter->data_size;
    const char *name;
    int rc = read_piece(door, letter, &name, &laid);
    (void)answer;
    if (rc == NAVE_OK)
        rc = laid.offset == 0 ? upload_begin(door, letter, name, &laid)
                              : upload_check(door, name, &laid);
    if (rc != NAVE_OK)
        return rc;
    rc = lay(door, letter, name, &laid);
    upload_goes_on(door, &laid, size, rc == NV_LATER);
    if (rc == NV_LATER && laid.offset + size == laid.size)
        nv_door_event(door, "push", "'%s', %llu bytes", name, (unsigned long long)laid.size);
    return rc;
}

int nv_serve_drop(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    const char *name;
    struct nv_later *later;
    int rc = nv_request_name(&letter->request, "name", &name, door->why);
    (void)answer;
    if (rc != NAVE_OK)
        return rc;
    later = nv_door_later(door, letter, -1, look_for_dropped);
    if (later == NULL)
        return NAVE_ENOMEM;
    nv_door_event(door, "drop", "'%s'", name);
    return on_engines(door, later, NV_KERNEL_DROP, name, NULL, 0);
}
