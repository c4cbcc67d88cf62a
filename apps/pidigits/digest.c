#include "digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct digest {
    EVP_MD_CTX *context;
};

digest *digest_new(void)
{
    digest *d = malloc(sizeof *d);
    if (d == NULL) {
        return NULL;
    }
    d->context = EVP_MD_CTX_new();
    if (d->context == NULL || EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(d->context);
        free(d);
        return NULL;
    }
    return d;
}

void digest_add(digest *d, const void *data, size_t size)
{
    EVP_DigestUpdate(d->context, data, size);
}

void digest_end(digest *d, char hex[DIGEST_HEX])
{
    static const char figures[] = "0123456789abcdef";
    unsigned char sum[EVP_MAX_MD_SIZE] = {0};
    EVP_DigestFinal_ex(d->context, sum, NULL);
    EVP_MD_CTX_free(d->context);
    free(d);
    for (int i = 0; i < DIGEST_HEX / 2; i++) {
        hex[2 * i] = figures[sum[i] >> 4];
        hex[2 * i + 1] = figures[sum[i] & 15];
    }
    hex[DIGEST_HEX - 1] = '\0';
}
