#!/bin/bash
# The value of one host is kept.
VIP=192.168.0.10
if [ "$(hostname)" = rs2 ]; then
    VIP=192.168.0.11
fi
case $(uname -r) in
2.4*)
    echo 1 > /proc/sys/net/ipv4/conf/all/hidden
    ;;
*)
    echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore
    echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce
    ;;
esac
cat <<EOF
ifconfig lo:9 192.168.0.99 is a text, no command
EOF
echo "so is
ifconfig lo:8 192.168.0.98"
case "$1" in
start)
    if ! ip addr show dev lo | grep -q $VIP; then
        ip addr add $VIP/32 dev lo
    fi
    sysctl -w net.ipv4.ip_forward=0 net.core.somaxconn=1024
    echo 1 | tee /proc/sys/net/ipv4/conf/lo/arp_ignore
    arping -c 3 -A -I eth0 $VIP
    systemctl restart nginx
    $TOOL up
    my_notice
    ;;
stop)
    ip addr del $VIP/32 dev lo
    frobnicate
    ;;
esac
my_notice() {
    echo done
}
