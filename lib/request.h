/* request - what a client asks: the text of a request made into a verb and its members.  Pure; the other
 * side of the door may send anything.
 *
 * Invariant: a request that was read has a known verb, and its body is a JSON object.  The functions that
 * take members out leave the output as it is where the member is not there, and refuse what is of
 * another type, or out of its range.
 */
#ifndef NV_REQUEST_H
#define NV_REQUEST_H

#include "codes.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* name, whether it changes something.  See doc/protocol.md. */
#define NV_VERBS(X)                                                                                \
    X(hello, 0)                                                                                    \
    X(bye, 0)                                                                                      \
    X(status, 0)                                                                                   \
    X(engines, 0)                                                                                  \
    X(kernels, 0)                                                                                  \
    X(objects, 0)                                                                                  \
    X(calls, 0)                                                                                    \
    X(tasks, 0)                                                                                    \
    X(explain, 0)                                                                                  \
    X(wait, 0)                                                                                     \
    X(result, 0)                                                                                   \
    X(pull, 0)                                                                                     \
    X(snapshot, 0)                                                                                 \
    X(piece, 0)                                                                                    \
    X(release, 0)                                                                                  \
    X(events, 0)                                                                                   \
    X(submit, 1)                                                                                   \
    X(cancel, 1)                                                                                   \
    X(forget, 1)                                                                                   \
    X(push, 1)                                                                                     \
    X(drop, 1)                                                                                     \
    X(set, 1)                                                                                      \
    X(command, 1)                                                                                  \
    X(pause, 1)                                                                                    \
    X(resume, 1)                                                                                   \
    X(stop, 1)                                                                                     \
    X(compile, 1)

#define NV_VERB_NAME(name, changes) NV_ASKS_##name,
enum nv_verb { NV_VERBS(NV_VERB_NAME) NV_VERB_COUNT };
#undef NV_VERB_NAME

struct nv_request {
    enum nv_verb verb;
    double id;
    cJSON *body;
};

/* Reads a request of `size` bytes.  NAVE_OK or NAVE_EPROTOCOL; the id is stored also then, if there is
 * any. */
int nv_request_read(const char *text, size_t size, struct nv_request *request, struct nv_why why);
void nv_request_release(struct nv_request *request);

const char *nv_verb_name(enum nv_verb verb);
bool nv_verb_changes(enum nv_verb verb);
bool nv_verb_takes_bytes(enum nv_verb verb);

/* Members.  NAVE_OK or NAVE_EINVAL. */
int nv_request_natural(const struct nv_request *request, const char *name, uint64_t most,
                       uint64_t *value, struct nv_why why);
int nv_request_integer(const struct nv_request *request, const char *name, int *value,
                       struct nv_why why);
int nv_request_real(const struct nv_request *request, const char *name, double least, double *value,
                    struct nv_why why);
int nv_request_truth(const struct nv_request *request, const char *name, int *value,
                     struct nv_why why);
/* The text is the request's. */
int nv_request_text(const struct nv_request *request, const char *name, const char **value,
                    struct nv_why why);
/* The same of a member that has to be there, and is a name of 1 to 127 bytes, none of them a control
 * character (names inside begin with one). */
int nv_request_name(const struct nv_request *request, const char *name, const char **value,
                    struct nv_why why);
/* A list of numbers (from malloc) and how many. */
int nv_request_ranks(const struct nv_request *request, const char *name, int **ranks, size_t *count,
                     struct nv_why why);
/* "CALL.INDEX", or "CALL" for its first task. */
int nv_request_place(const struct nv_request *request, const char *name, uint64_t *call,
                     uint64_t *index, struct nv_why why);
/* The same of "task", which has to be there. */
int nv_request_task(const struct nv_request *request, uint64_t *call, uint64_t *index,
                    struct nv_why why);

#endif
