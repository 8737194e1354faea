# First half of a guest's init, still on the host's root (read-only): put an overlay over it and move in.
# Settings above this line: LAB_BOOT, LAB_MODULES, LAB_HOSTNAME, LAB_OUT, LAB_INPUT.
B=/bin/busybox
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
die() { echo "lab: $*"; $B poweroff -f; }
$B mount -t proc proc /proc || die "mount /proc"
$B insmod "$LAB_MODULES/$($B uname -r)/kernel/fs/overlayfs/overlay.ko" || die "load overlay.ko"
$B mount -t tmpfs -o size=80% tmpfs /mnt || die "mount a tmpfs"
$B mkdir /mnt/upper /mnt/work /mnt/root
$B mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root || die "mount the overlay"
cd /mnt/root || die "enter the overlay"
$B mount -t proc proc proc
$B mount -t sysfs sysfs sys
$B mount -t devtmpfs dev dev
$B mkdir -p dev/pts dev/shm
$B mount -t devpts -o mode=620,ptmxmode=666 devpts dev/pts
$B mount -t tmpfs -o mode=1777 tmpfs dev/shm
$B ln -sf /proc/self/fd dev/fd
$B ln -sf /proc/self/fd/0 dev/stdin
$B ln -sf /proc/self/fd/1 dev/stdout
$B ln -sf /proc/self/fd/2 dev/stderr
$B mount -t tmpfs -o mode=755 tmpfs run
$B mkdir -p run/lock run/lab run/old lib/modules
$B mount -t hostfs -o "$LAB_MODULES" none lib/modules || die "mount the modules"
$B mount -t hostfs -o "$LAB_BOOT" none run/lab || die "mount $LAB_BOOT"
$B pivot_root . run/old || die "pivot_root"
export LAB_HOSTNAME LAB_OUT LAB_INPUT
exec $B chroot . $B sh /run/lab/guest.sh
