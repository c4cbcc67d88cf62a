# Read by tests that need a batch system of their own: a world with its own mounts, processes, host name and network, which
# ends with all that runs in it. Needs root.

# world NAME COMMAND...: skips the test unless these commands are here; then runs test/batch/NAME.sh inside.
world()
{
    inner=$1
    shift
    [ "$(id -u)" = 0 ] || { echo "only as root"; exit 77; }
    for command in unshare setpriv ip hostname mount "$@"; do
        command -v "$command" >/dev/null || { echo "$command is not installed"; exit 77; }
    done
    unshare -m -u -p -n -f true 2>/dev/null || { echo "no namespaces here"; exit 77; }
    exec unshare -m -u -p -n -f --mount-proc --kill-child sh "$NAVE_SRC/test/batch/$inner.sh"
}

# arrange: inside, a host called farmhost with a user called farmer, whose home is /mnt/farm, with the programs in it.
arrange()
{
    mount --make-rprivate / && mount -t tmpfs -o mode=755 none /mnt && mkdir -p /mnt/etc /mnt/farm /mnt/spool || exit 1
    hostname farmhost && ip link set lo up || exit 1
    echo '127.0.0.1 farmhost localhost' >/mnt/etc/hosts
    { cat /etc/passwd; echo 'farmer:x:54321:54321::/mnt/farm:/bin/sh'; } >/mnt/etc/passwd
    { cat /etc/group; echo 'farmer:x:54321:'; } >/mnt/etc/group
    for file in hosts passwd group; do mount --bind /mnt/etc/$file /etc/$file || exit 1; done
    cp "$NAVE_BUILD/bin/nave" "$NAVE_BUILD/bin/parallelpi" /mnt/farm && chown -R 54321:54321 /mnt/farm
    export TMPDIR=/tmp
    cd /mnt/farm || exit 1
}

farmer() # COMMAND...: as the user
{
    HOME=/mnt/farm USER=farmer LOGNAME=farmer setpriv --reuid=54321 --regid=54321 --clear-groups "$@"
}

die()
{
    echo "$*"
    cat /mnt/farm/*.o[0-9]* /mnt/farm/slurm-* 2>/dev/null | grep -v PMIX | tail -n 30
    farmer ./nave log parallelpi.db
    inspect
    exit 1
}

# within SECONDS COMMAND...: until it is true.
within()
{
    tries=$(($1 * 5))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.2
    done
}
