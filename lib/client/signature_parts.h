/* signature_parts - what the files of the module signature share: facts about the types, refusals, UTF-8.
 *
 * A reason for a refusal is one line of UTF-8, whatever was quoted in it.
 */
#ifndef NV_SIGNATURE_PARTS_H
#define NV_SIGNATURE_PARTS_H

#include "signature.h"

#include "nave_kernel.h"

enum { NV_NUMBER_ROOM = 512 }; /* of a number as text: more digits than a double has */

/* All whole numbers up to here, and no other number, read as themselves where numbers are doubles. */
#define NV_EXACT_MAX ((INT64_C(1) << 53) - 1)

enum nv_holds { NV_HOLDS_SIGNED, NV_HOLDS_UNSIGNED, NV_HOLDS_REAL, NV_HOLDS_TEXT };

/* By enum nv_scalar. */
extern const struct nv_scalar_facts {
    const char *name;
    size_t size, align;
    enum nv_holds holds;
} nv_signature_scalars[];

bool nv_signature_is_whole(const struct nv_field *field);

/* Bytes of the UTF-8 character that text begins with, of which there are `room` > 0; 0: it is none. */
size_t nv_signature_utf8(const unsigned char *text, size_t room);

/* What is not one line of UTF-8, control characters of either row included, is replaced by '?', in place. */
void nv_signature_plain(char *text);

/* Bytes of the C name that text begins with. */
size_t nv_signature_name(const char *text);

/* The field of this name, of `length` bytes; NULL: none. */
const struct nv_field *nv_signature_find(const struct nv_fields *fields, const char *name,
                                         size_t length);

/* Where the reason goes. */
struct nv_complaint {
    char *why;
    size_t room;
};

/* NAVE_EINVAL. */
int nv_complain(const struct nv_complaint *to, const char *format, ...) NAVE_PRINTF(2, 3);

/* NAVE_ENOMEM; NAVE_EINVAL, what `name` stands for is larger than NV_SIGNATURE_BYTES_MAX. */
int nv_complain_memory(const struct nv_complaint *to);
int nv_complain_size(const struct nv_complaint *to, const char *name);

#endif
