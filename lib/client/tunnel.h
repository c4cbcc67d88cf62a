/* tunnel - a way to the hub's port through ssh.
 *
 * Invariant: the system's ssh runs as long as the tunnel is open; this end of it is a socket in a folder
 * that only this user can enter, and both go with it.
 */
#ifndef NV_TUNNEL_H
#define NV_TUNNEL_H

#include "connfile.h"

struct nv_tunnel;

/* The words of the ssh command that leads to the hub from a login host: as a line for people, with a port
 * on this side. */
void nv_tunnel_line(const struct nv_connection *connection, const char *login, char *out,
                    size_t room);

/* Opens one, and stores the url of this end.  Waits until it is there, for `seconds` at most.  NAVE_OK,
 * NAVE_ECONNECT. */
int nv_tunnel_open(const struct nv_connection *connection, const char *login, double seconds,
                   char *url, size_t room, struct nv_why why, struct nv_tunnel **tunnel);
void nv_tunnel_close(struct nv_tunnel *tunnel);

#endif
