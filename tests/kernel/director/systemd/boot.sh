# Boots systemd as process 1 of its own namespaces, on an overlay of this machine's root: what it changes is in memory.
# $1 is an empty directory, $2 has files to copy onto the root.
set -eu
mount --make-rprivate /
cgroup=/sys/fs/cgroup
[ -e $cgroup/cgroup.procs ] || mount -t cgroup2 cgroup2 $cgroup
mkdir -p "$cgroup/lab-systemd"
echo $$ >"$cgroup/lab-systemd/cgroup.procs"
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
cp -a "$2/." "$1/root/"
cd "$1/root"
mount --rbind /dev dev
mount --rbind /sys sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
exec unshare --cgroup --pid --ipc --uts --fork --kill-child sh -euc '
    mount -t proc proc proc
    umount sys/fs/cgroup
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    pivot_root . mnt
    umount -l /mnt
    # Nothing of this machine is started: only what the lab asks for.
    rm -rf /etc/systemd/system/* /usr/lib/systemd/system/*.wants /usr/lib/systemd/system-generators
    cp -a /etc/lab-units/. /etc/systemd/system/
    exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=lab.target --log-target=console
'
