# Second half of a guest's init, on the overlay: finish the system, run the job, write its status, power off.
B=/bin/busybox
$B umount -l /run/old
$B rmdir /run/old
$B hostname "$LAB_HOSTNAME"
$B modprobe ipv6
$B ifconfig lo 127.0.0.1 up
for file in /run/lab/etc/*; do
    # Not through a link, which may lead nowhere.
    $B rm -f "/etc/${file##*/}"
    $B cp "$file" "/etc/${file##*/}" || echo "lab: write /etc/${file##*/} failed"
done
echo "127.0.1.1 $LAB_HOSTNAME" >>/etc/hosts
for tool in modprobe lsmod rmmod; do
    [ -x "/sbin/$tool" ] || $B ln -s $B "/sbin/$tool"
done
if [ -n "$LAB_OUT" ]; then
    $B mkdir -p "$LAB_OUT"
    $B mount -t hostfs -o "$LAB_OUT" none "$LAB_OUT" || echo "lab: mount $LAB_OUT failed"
fi

# The job's output goes through pipes, so that it sees no terminal, and from there to two consoles of the host's.
exec 8<>/dev/tty1 9<>/dev/tty2
$B stty raw -echo <&8
$B stty raw -echo <&9
$B mkfifo /run/lab-stdout /run/lab-stderr
$B cat /run/lab-stdout >&8 8>&- 9>&- &
out=$!
$B cat /run/lab-stderr >&9 8>&- 9>&- &
err=$!
# Each waits for its reader. Later the end of some child could interrupt that, and the job would not run at all.
exec 5>/run/lab-stdout 6>/run/lab-stderr
input=/dev/null
if [ -n "$LAB_INPUT" ]; then
    # Whoever types knows these two keys only: the end of what was typed so far, and the next is no key.
    exec 7<>/dev/tty3
    $B stty icanon iexten -isig -icrnl -inlcr -igncr -istrip -ixon -ixoff -iuclc -imaxbel -echo \
        eof '^D' lnext '^V' intr undef quit undef erase undef kill undef werase undef rprnt undef \
        eol undef eol2 undef susp undef swtch undef start undef stop undef <&7
    input=/run/lab-stdin
    $B mkfifo "$input"
    $B cat <&7 >"$input" 5>&- 6>&- 7<&- 8>&- 9>&- &
    exec 7<&-
    echo >/run/lab/input
fi
/bin/sh /run/lab/job <"$input" >&5 2>&6 5>&- 6>&- 8>&- 9>&-
status=$?

# Whatever the job left running ends here; then the pipes run dry, and the consoles after them.
for process in /proc/[0-9]*; do
    pid=${process#/proc/}
    case $pid in 1 | "$out" | "$err") ;; *) $B kill -9 "$pid" 2>/dev/null ;; esac
done
exec 5>&- 6>&-
wait "$out" "$err"
$B stty raw <&8
$B stty raw <&9
echo "$status" >/run/lab/status
$B poweroff -f
