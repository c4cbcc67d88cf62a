/* tunnel - see tunnel.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "tunnel.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct nv_tunnel {
    char folder[256];
    char socket[300];
    pid_t pid;
};

/* Where the connection leads on the other side. */
struct target {
    char host[256], port[16];
    bool loopback; /* only the hub's own host can reach it */
};

static bool read_url(const char *url, struct target *target)
{
    const char *host = strncmp(url, "tcp://", 6) == 0 ? url + 6 : NULL;
    const char *colon = host != NULL ? strrchr(host, ':') : NULL;
    if (colon == NULL || (size_t)(colon - host) >= sizeof target->host ||
        strlen(colon + 1) >= sizeof target->port)
        return false;
    snprintf(target->host, sizeof target->host, "%.*s", (int)(colon - host), host);
    snprintf(target->port, sizeof target->port, "%s", colon + 1);
    target->loopback = strncmp(target->host, "127.", 4) == 0 ||
                       strcmp(target->host, "localhost") == 0 || strcmp(target->host, "[::1]") == 0;
    return true;
}

static bool same_host(const char *login, const char *location)
{
    const char *at = strrchr(login, '@');
    return strcmp(at != NULL ? at + 1 : login, location) == 0;
}

/* The account on the hub's host is the one on the login host. */
static void last_hop(const struct nv_connection *connection, const char *login, char *out,
                     size_t room)
{
    const char *at = strrchr(login, '@');
    snprintf(out, room, "%.*s%s", at != NULL ? (int)(at - login + 1) : 0, login,
             connection->location);
}

void nv_tunnel_line(const struct nv_connection *connection, const char *login, char *out,
                    size_t room)
{
    struct target target;
    char hop[600];
    if (!read_url(connection->url, &target)) {
        *out = '\0';
        return;
    }
    last_hop(connection, login, hop, sizeof hop);
    if (target.loopback && !same_host(login, connection->location))
        snprintf(out, room, "ssh -N -L %s:%s:%s -J %s %s", target.port, target.host, target.port,
                 login, hop);
    else
        snprintf(out, room, "ssh -N -L %s:%s:%s %s", target.port, target.host, target.port, login);
}

enum { SCRIPT_ARGUMENTS = 8 };

/* NAVE_SSH may have options, so a shell takes it apart; the others are passed on as they are. */
static int start(struct nv_tunnel *tunnel, const struct nv_connection *connection,
                 const char *login, const struct target *target)
{
    char script[] = "exec ${NAVE_SSH:-ssh} -N -T -o ExitOnForwardFailure=yes -o "
                    "StreamLocalBindMask=0177 \"$@\" </dev/null >/dev/null";
    char forward[700], hop[600], gateway[256];
    char *argv[SCRIPT_ARGUMENTS + 4] = {(char[]){"sh"}, (char[]){"-c"}, script, (char[]){"sh"}};
    int n = 4;
    snprintf(forward, sizeof forward, "%s:%s:%s", tunnel->socket, target->host, target->port);
    snprintf(gateway, sizeof gateway, "%s", login);
    last_hop(connection, login, hop, sizeof hop);
    argv[n++] = (char[]){"-L"};
    argv[n++] = forward;
    if (target->loopback && !same_host(login, connection->location)) {
        argv[n++] = (char[]){"-J"};
        argv[n++] = gateway;
        argv[n++] = hop;
    } else {
        argv[n++] = gateway;
    }
    return posix_spawn(&tunnel->pid, "/bin/sh", NULL, NULL, argv, environ);
}

/* Until this end is there. */
static int wait_for_end(struct nv_tunnel *tunnel, double seconds, struct nv_why why)
{
    for (int left = (int)(seconds / 0.02) + 1; left > 0; left--) {
        struct stat status;
        int ended = 0;
        if (stat(tunnel->socket, &status) == 0)
            return NAVE_OK;
        if (waitpid(tunnel->pid, &ended, WNOHANG) == tunnel->pid) {
            tunnel->pid = 0;
            return nv_why(why, NAVE_ECONNECT, "ssh ended with status %d",
                          WIFEXITED(ended) ? WEXITSTATUS(ended) : -1);
        }
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    return nv_why(why, NAVE_ECONNECT, "ssh has made no tunnel within %g s", seconds);
}

int nv_tunnel_open(const struct nv_connection *connection, const char *login, double seconds,
                   char *url, size_t room, struct nv_why why, struct nv_tunnel **out)
{
    const char *folder = getenv("TMPDIR");
    struct target target;
    struct nv_tunnel *tunnel = calloc(1, sizeof *tunnel);
    int error, rc;
    if (tunnel == NULL)
        return nv_why(why, NAVE_ENOMEM, "no memory for a tunnel");
    /* The name of a socket must be short. */
    snprintf(tunnel->folder, sizeof tunnel->folder, "%s/nave-ssh.XXXXXX",
             folder != NULL && strlen(folder) < 60 ? folder : "/tmp");
    if (!read_url(connection->url, &target) || login[0] == '-' || mkdtemp(tunnel->folder) == NULL) {
        free(tunnel);
        return nv_why(why, NAVE_ECONNECT, "no tunnel to %s by %s", connection->url, login);
    }
    snprintf(tunnel->socket, sizeof tunnel->socket, "%s/hub", tunnel->folder);
    error = start(tunnel, connection, login, &target);
    rc = error == 0 ? wait_for_end(tunnel, seconds, why)
                    : nv_why(why, NAVE_ECONNECT, "ssh: %s", strerror(error));
    if (rc != NAVE_OK) {
        nv_tunnel_close(tunnel);
        return rc;
    }
    snprintf(url, room, "ipc://%s", tunnel->socket);
    *out = tunnel;
    return NAVE_OK;
}

void nv_tunnel_close(struct nv_tunnel *tunnel)
{
    if (tunnel == NULL)
        return;
    if (tunnel->pid > 0) {
        kill(tunnel->pid, SIGTERM);
        while (waitpid(tunnel->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    unlink(tunnel->socket);
    rmdir(tunnel->folder);
    free(tunnel);
}
