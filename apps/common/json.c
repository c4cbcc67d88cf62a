#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Bytes of the character of UTF-8 that begins here; 0: it is none. */
static size_t character(const unsigned char *at, size_t left)
{
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

    if (size == 0 || size > left || at[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, halves of pairs, beyond the last. */
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return size;
}

static void string(FILE *out, const char *bytes, size_t size)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + size;

    putc('"', out);
    while (at < end) {
        size_t step = character(at, (size_t)(end - at));
        if (step == 0)
            fputs("\\ufffd", out);
        else if (*at < 0x20 || *at == 0x7f)
            fprintf(out, "\\u%04x", *at);
        else if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else
            fwrite(at, 1, step, out);
        at += step > 0 ? step : 1;
    }
    putc('"', out);
}

static void member(FILE *out, const char *name)
{
    putc(',', out);
    string(out, name, strlen(name));
    putc(':', out);
}

void json_begin(FILE *out, const char *what)
{
    fputs("{\"what\":", out);
    string(out, what, strlen(what));
}

void json_end(FILE *out)
{
    fputs("}\n", out);
}

void json_text(FILE *out, const char *name, const char *text)
{
    json_bytes(out, name, text, strlen(text));
}

void json_bytes(FILE *out, const char *name, const char *bytes, size_t size)
{
    member(out, name);
    string(out, bytes, size);
}

void json_natural(FILE *out, const char *name, uint64_t n)
{
    member(out, name);
    fprintf(out, "%" PRIu64, n);
}

void json_integer(FILE *out, const char *name, int64_t n)
{
    member(out, name);
    fprintf(out, "%" PRId64, n);
}

void json_real(FILE *out, const char *name, double x)
{
    if (!isfinite(x)) {
        json_null(out, name);
        return;
    }
    member(out, name);
    fprintf(out, "%.17g", x);
}

void json_truth(FILE *out, const char *name, int truth)
{
    member(out, name);
    fputs(truth ? "true" : "false", out);
}

void json_null(FILE *out, const char *name)
{
    member(out, name);
    fputs("null", out);
}
