/* connfile - the connection files of a job: how clients find it, and the keys that let them in.
 *
 * Invariant: a connection file is there as a whole or not at all, and nobody else can read it at any
 * time: it is made under another name, exclusively and with mode 0600, and then renamed.
 */
#ifndef NV_CONNFILE_H
#define NV_CONNFILE_H

#include "curve.h"

enum { NV_PROTOCOL = 1, NV_PATH_MAX = 4096, NV_URL_MAX = 300 };

struct nv_connection {
    char version[32], job[128], url[NV_URL_MAX], location[256], ssh[256];
    long pid;
    double started; /* seconds since the epoch */
    enum nv_role role;
    bool foreign; /* numbers of the job's hosts are in the other byte order than ours */
    char server_key[NV_KEY_SIZE];
    struct nv_keys keys; /* the client's */
};

/* Writes a file.  NAVE_OK or NAVE_EDOOR. */
int nv_connfile_write(const char *path, const struct nv_connection *connection, struct nv_why why);

/* Reads one.  NAVE_OK; NAVE_ECONNECT: it cannot be read, or is none; NAVE_EPROTOCOL: it is of a protocol
 * that we do not know. */
int nv_connfile_read(const char *path, struct nv_connection *connection, struct nv_why why);

/* Whether the job that wrote it is known to have ended: it ran on this host, and its process is gone. */
bool nv_connfile_is_stale(const struct nv_connection *connection);

/* FILE.json: FILE.readonly.json; others: with .readonly behind.  False: too long. */
bool nv_connfile_readonly(const char *path, char *out, size_t room);

/* Where a job's file of this name is to be, see nave_connection_place().  NAVE_OK or NAVE_EDOOR. */
int nv_connfile_place(const char *name, bool shared, char *out, size_t room, struct nv_why why);

/* "little" or "big": the order of bytes on this host. */
const char *nv_byte_order(void);

/* The file that is meant by a name, see nave_connect().  NAVE_OK or NAVE_ECONNECT. */
int nv_connfile_find(const char *name, char *out, size_t room, struct nv_why why);

#endif
