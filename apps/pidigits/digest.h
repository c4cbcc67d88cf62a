/* SHA-256, a piece at a time.  The only file with OpenSSL. */
#ifndef PIDIGITS_DIGEST_H
#define PIDIGITS_DIGEST_H

#include <stddef.h>

enum { DIGEST_HEX = 65 }; /* 64 hexadecimal digits and the end of the string */

typedef struct digest digest;

digest *digest_new(void); /* NULL when out of memory */
void digest_add(digest *d, const void *data, size_t size);
void digest_end(digest *d, char hex[DIGEST_HEX]); /* frees d */

#endif
