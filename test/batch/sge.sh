# A Grid Engine from nothing, and a job on 16 slots that its limit strikes. Run by test/batch_sge.sh, inside its world.
set -u
. "$NAVE_SRC/test/batch/world.sh"
arrange
common=/var/lib/gridengine/default/common
export SGE_ROOT=/var/lib/gridengine SGE_CELL=default
mount --bind /mnt/spool /var/spool/gridengine || exit 1
mkdir -p /mnt/spool/qmaster/job_scripts /mnt/spool/spooldb /mnt/spool/execd /mnt/common
cp $common/* /mnt/common && echo farmhost >/mnt/common/act_qmaster
chown -R sgeadmin:sgeadmin /mnt/spool /mnt/common
mount --bind /mnt/common $common || exit 1
as_admin() { setpriv --reuid=sgeadmin --regid=sgeadmin --clear-groups "$@" </dev/null; }
admin() { as_admin qconf "$@" >/mnt/qconf.log 2>&1; }
must() { admin "$@" || die "qconf $*: $(cat /mnt/qconf.log)"; }
as_admin /usr/share/gridengine/scripts/init_cluster $SGE_ROOT $SGE_CELL \
    /var/spool/gridengine/spooldb sgeadmin >/mnt/init.log 2>&1 || die "init_cluster: $(cat /mnt/init.log)"

/usr/sbin/sge_qmaster >/mnt/qmaster.log 2>&1
within 20 admin -sconf || die "no qmaster: $(cat /mnt/qmaster.log /mnt/qconf.log)"
admin -ah farmhost
must -as farmhost
cat >/mnt/pe <<'END'
pe_name            orte
slots              64
user_lists         NONE
xuser_lists        NONE
start_proc_args    NONE
stop_proc_args     NONE
allocation_rule    $fill_up
control_slaves     TRUE
job_is_first_task  FALSE
urgency_slots      min
accounting_summary FALSE
qsort_args         NONE
END
must -Ap /mnt/pe
/usr/sbin/sge_execd >/mnt/execd.log 2>&1
printf 'group_name @allhosts\nhostlist farmhost\n' >/mnt/hostgroup
must -Ahgrp /mnt/hostgroup
as_admin qconf -sq 2>/dev/null | sed 's/^qname .*/qname all.q/; s/^hostlist .*/hostlist @allhosts/; s/^slots .*/slots 16/
    s/^pe_list .*/pe_list orte/; s/^shell_start_mode .*/shell_start_mode unix_behavior/
    s/^load_thresholds .*/load_thresholds NONE/' >/mnt/queue
must -Aq /mnt/queue
as_admin qconf -ssconf | sed 's/^schedule_interval .*/schedule_interval 0:0:1/
    s/^flush_submit_sec .*/flush_submit_sec 1/; s/^flush_finish_sec .*/flush_finish_sec 1/' >/mnt/sched
must -Msconf /mnt/sched
# What the system says of it, where something went wrong.
inspect()
{
    qstat -f
    qstat -j 1 | grep -v '^==' | head -n 50
    tail -n 20 /mnt/spool/qmaster/messages /mnt/spool/farmhost/messages
}

. "$NAVE_SRC/test/batch/job.sh"
job_test sge 60 44
farm_test sge
