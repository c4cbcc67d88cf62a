# A Slurm from nothing, and a job on 16 slots that its limit strikes. Run by test/batch_slurm.sh, inside its world.
set -u
. "$NAVE_SRC/test/batch/world.sh"
arrange
# Names are looked up only where there is an address besides 127.0.0.1.
ip link add farm0 type veth peer name farm1 && ip addr add 10.213.78.1/24 dev farm0 && ip link set farm0 up && ip link set farm1 up ||
    die "no network interface can be made"
mkdir -p /mnt/munge /mnt/slurm/state /mnt/slurm/spool /mnt/slurm/etc
head -c 1024 /dev/urandom >/mnt/munge/key
chmod 400 /mnt/munge/key
chmod 755 /mnt/munge /mnt/slurm /mnt/slurm/etc
munged --foreground --force --key-file=/mnt/munge/key --socket=/mnt/munge/socket --pid-file=/mnt/munge/pid \
    --log-file=/mnt/munge/log --seed-file=/mnt/munge/seed >/mnt/munge/out 2>&1 </dev/null &
within 20 munge -S /mnt/munge/socket -n || die "no munged: $(cat /mnt/munge/out)"
cat >/mnt/slurm/etc/slurm.conf <<'END'
ClusterName=farm
SlurmctldHost=farmhost
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=/mnt/munge/socket,cred_expire=5
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MpiDefault=none
StateSaveLocation=/mnt/slurm/state
SlurmdSpoolDir=/mnt/slurm/spool
SlurmctldPidFile=/mnt/slurm/slurmctld.pid
SlurmdPidFile=/mnt/slurm/slurmd.pid
SlurmctldLogFile=/mnt/slurm/slurmctld.log
SlurmdLogFile=/mnt/slurm/slurmd.log
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0
NodeName=farmhost CPUs=16 Sockets=1 CoresPerSocket=16 ThreadsPerCore=1 RealMemory=1000
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
export SLURM_CONF=/mnt/slurm/etc/slurm.conf
inspect()
{
    scontrol show job | head -n 40
    sinfo
    tail -n 20 /mnt/slurm/slurmctld.log /mnt/slurm/slurmd.log
}
slurmctld >/mnt/slurm/out 2>&1 </dev/null || die "slurmctld: $(cat /mnt/slurm/out)"
slurmd >/mnt/slurm/out 2>&1 </dev/null || die "slurmd: $(cat /mnt/slurm/out)"
is_idle() { [ "$(sinfo -h -o %T)" = idle ]; }
within 20 is_idle || die 'the node does not come up'
. "$NAVE_SRC/test/batch/job.sh"
job_test slurm 60 40
farm_test slurm
