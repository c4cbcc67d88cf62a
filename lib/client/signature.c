/* signature - see signature.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "signature_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct nv_scalar_facts nv_signature_scalars[] = {
#define SCALAR(value, type, holds)                                                                 \
    [value] = {#type, sizeof(type), _Alignof(type), NV_HOLDS_##holds},
    NV_SCALARS(SCALAR)
#undef SCALAR
};

enum { SCALARS = sizeof nv_signature_scalars / sizeof *nv_signature_scalars };

const char *nv_signature_type(enum nv_scalar type)
{
    return nv_signature_scalars[type].name;
}

bool nv_signature_is_whole(const struct nv_field *field)
{
    enum nv_holds holds = nv_signature_scalars[field->type].holds;
    return holds == NV_HOLDS_SIGNED || holds == NV_HOLDS_UNSIGNED;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

size_t nv_signature_name(const char *text)
{
    size_t n = 0;
    if (is_letter(*text))
        while (is_letter(text[n]) || is_digit(text[n]))
            n++;
    return n;
}

const struct nv_field *nv_signature_find(const struct nv_fields *fields, const char *name,
                                         size_t length)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct nv_field *field = &fields->list[i];
        if (strlen(field->name) == length && memcmp(field->name, name, length) == 0)
            return field;
    }
    return NULL;
}

bool nv_signature_fits(const struct nv_fields *fields, size_t size)
{
    if (!fields->open)
        return size == fields->size;
    return size >= fields->size &&
           (size - fields->size) %
                   nv_signature_scalars[fields->list[fields->count - 1].type].size ==
               0;
}

size_t nv_signature_utf8(const unsigned char *text, size_t room)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (length == 1)
        return 1;
    if (text[0] < 0xc0 || text[0] > 0xf7 || length > room)
        return 0;
    uint32_t code = text[0] & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code >= least[length] && code <= 0x10ffff && !surrogate ? length : 0;
}

/* ------------------------------------------------------------------------------------------ refusing */

void nv_signature_plain(char *text)
{
    size_t length, left = strlen(text);
    for (; left > 0; text += length, left -= length) {
        const unsigned char *at = (unsigned char *)text;
        bool second_row;
        length = nv_signature_utf8(at, left);
        second_row = length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
        if (length == 0 || *at < 0x20 || *at == 0x7f || second_row) {
            length = length > 0 ? length : 1;
            memset(text, '?', length);
        }
    }
}

/* Words are quoted in reasons, perhaps cut within a character. */
int nv_complain(const struct nv_complaint *to, const char *format, ...)
{
    va_list list;
    if (to->room == 0)
        return NAVE_EINVAL;
    va_start(list, format);
    vsnprintf(to->why, to->room, format, list);
    va_end(list);
    nv_signature_plain(to->why);
    return NAVE_EINVAL;
}

int nv_complain_memory(const struct nv_complaint *to)
{
    nv_complain(to, "out of memory");
    return NAVE_ENOMEM;
}

int nv_complain_size(const struct nv_complaint *to, const char *name)
{
    return nv_complain(to, "%s: more than %d bytes", name, (int)NV_SIGNATURE_BYTES_MAX);
}

/* -------------------------------------------------------------------------------------- reading it */

struct parser {
    const char *at;
    const struct nv_complaint *to;
};

static void skip_blanks(struct parser *p)
{
    p->at += strspn(p->at, " \t\r\n");
}

/* SCALARS: it is no type. */
static enum nv_scalar find_type(const char *word, size_t length)
{
    unsigned type = 0;
    while (type < SCALARS && (strlen(nv_signature_scalars[type].name) != length ||
                              memcmp(nv_signature_scalars[type].name, word, length) != 0))
        type++;
    return type;
}

static int read_type(struct parser *p, struct nv_field *field)
{
    size_t length = nv_signature_name(p->at);
    if (length == 0)
        return nv_complain(p->to, "a type is missing at '%.20s'", p->at);
    field->type = find_type(p->at, length);
    if ((int)field->type == SCALARS)
        return nv_complain(p->to, "'%.*s' is not a type", length < 40 ? (int)length : 40, p->at);
    p->at += length;
    return NAVE_OK;
}

/* A type where the name should be is "unsigned int" or a forgotten name; to take it as the name would
 * only put the error off. */
static int read_name(struct parser *p, struct nv_field *field)
{
    const char *type = nv_signature_scalars[field->type].name;
    skip_blanks(p);
    size_t length = nv_signature_name(p->at);
    if (length == 0)
        return nv_complain(p->to, "a name is missing behind '%s'", type);
    if (length > NV_SIGNATURE_NAME_MAX)
        return nv_complain(p->to, "the name '%.20s...' is longer than %d bytes", p->at,
                           (int)NV_SIGNATURE_NAME_MAX);
    memcpy(field->name, p->at, length);
    field->name[length] = '\0';
    if ((int)find_type(field->name, length) != SCALARS)
        return nv_complain(p->to, "'%s' behind '%s' is a type, not a name", field->name, type);
    p->at += length;
    return NAVE_OK;
}

/* What may follow the name: [N] or []. */
static int read_brackets(struct parser *p, struct nv_field *field)
{
    field->count = 1;
    skip_blanks(p);
    if (*p->at != '[')
        return NAVE_OK;
    p->at++;
    skip_blanks(p);
    field->array = true;
    field->open = *p->at == ']';
    field->count = 0;
    for (; is_digit(*p->at); p->at++) {
        if (field->count > NV_SIGNATURE_BYTES_MAX / 10)
            return nv_complain_size(p->to, field->name);
        field->count = 10 * field->count + (size_t)(*p->at - '0');
    }
    skip_blanks(p);
    if (*p->at != ']')
        return nv_complain(p->to, "%s: between [ and ] is a number or nothing", field->name);
    if (field->count == 0 && !field->open)
        return nv_complain(p->to, "%s: an array of nothing", field->name);
    p->at++;
    return NAVE_OK;
}

static size_t aligned(size_t size, size_t align)
{
    return (size + align - 1) / align * align;
}

/* Puts the field behind those before it. */
static int place(struct nv_fields *fields, struct nv_field *field, const struct nv_complaint *to)
{
    const struct nv_scalar_facts *scalar = &nv_signature_scalars[field->type];
    field->offset = aligned(fields->size, scalar->align);
    if (field->offset > NV_SIGNATURE_BYTES_MAX ||
        field->count > (NV_SIGNATURE_BYTES_MAX - field->offset) / scalar->size)
        return nv_complain_size(to, field->name);
    fields->size = field->offset + field->count * scalar->size;
    fields->open = field->open;
    if (fields->align < scalar->align)
        fields->align = scalar->align;
    return NAVE_OK;
}

static int append(struct nv_fields *fields, const struct nv_field *field,
                  const struct nv_complaint *to)
{
    size_t n = fields->count;
    if (nv_signature_find(fields, field->name, strlen(field->name)) != NULL)
        return nv_complain(to, "two members are called '%s'", field->name);
    if (n == NV_SIGNATURE_FIELDS_MAX)
        return nv_complain(to, "more than %d members", (int)NV_SIGNATURE_FIELDS_MAX);
    if ((n & (n - 1)) == 0) { /* the room doubles */
        struct nv_field *list = realloc(fields->list, (n > 0 ? 2 * n : 1) * sizeof *list);
        if (list == NULL)
            return nv_complain_memory(to);
        fields->list = list;
    }
    fields->list[fields->count++] = *field;
    return NAVE_OK;
}

static int read_field(struct parser *p, struct nv_fields *fields)
{
    struct nv_field field = {.count = 0};
    int rc;
    if (fields->open)
        return nv_complain(p->to, "%s[]: only the last member can be open",
                           fields->list[fields->count - 1].name);
    if ((rc = read_type(p, &field)) < 0 || (rc = read_name(p, &field)) < 0 ||
        (rc = read_brackets(p, &field)) < 0 || (rc = place(fields, &field, p->to)) < 0)
        return rc;
    field.text = nv_signature_scalars[field.type].holds == NV_HOLDS_TEXT;
    return append(fields, &field, p->to);
}

static bool is_at(const struct parser *p, const char *end)
{
    return *end == '\0' ? *p->at == '\0' : strncmp(p->at, end, strlen(end)) == 0;
}

/* Up to `end`, which is left behind; "": to the end of the text. */
static int read_list(struct parser *p, struct nv_fields *fields, const char *end)
{
    *fields = (struct nv_fields){.align = 1};
    skip_blanks(p);
    for (bool more = !is_at(p, end) && *p->at != '\0'; more;) {
        int rc = read_field(p, fields);
        if (rc < 0)
            return rc;
        skip_blanks(p);
        if ((more = *p->at == ','))
            p->at++;
        skip_blanks(p);
    }
    if (!is_at(p, end) && *p->at == '\0')
        return nv_complain(p->to, "'%s' is missing", end);
    if (!is_at(p, end))
        return nv_complain(p->to, "a comma is missing at '%.20s'", p->at);
    p->at += strlen(end);
    if (!fields->open)
        fields->size = aligned(fields->size, fields->align);
    if (fields->size > NV_SIGNATURE_BYTES_MAX)
        return nv_complain_size(p->to, "all members");
    return NAVE_OK;
}

int nv_signature_parse(const char *text, struct nv_signature *out, char *why, size_t room)
{
    const struct nv_complaint to = {why, room};
    struct parser p = {text, &to};
    struct nv_signature made = {.in = {.count = 0}};
    int rc;
    if ((rc = read_list(&p, &made.in, "->")) < 0 || (rc = read_list(&p, &made.out, "")) < 0) {
        nv_signature_release(&made);
        return rc;
    }
    *out = made;
    return NAVE_OK;
}

void nv_signature_release(struct nv_signature *signature)
{
    free(signature->in.list);
    free(signature->out.list);
    *signature = (struct nv_signature){.in = {.count = 0}};
}
