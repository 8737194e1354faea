#!/bin/sh
# chkconfig: 2345 90 10
# description: real server
SNS_VIP=192.168.1.100
VIPS="192.168.1.101 192.168.1.102"
. /etc/rc.d/init.d/functions

lvs_start() {
    echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore
    echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce
    sysctl -w net.ipv4.ip_forward=0
    ifconfig lo:0 $SNS_VIP netmask 255.255.255.255 up
    i=1
    for vip in $VIPS; do
        ip addr add ${vip}/32 dev lo label lo:$i
    done
    /sbin/ip -6 addr add 2001:db8::10/128 dev lo
    iptables -t nat -A PREROUTING -d $SNS_VIP -j REDIRECT
}

lvs_stop() {
    ifconfig lo:0 down
    for vip in $VIPS; do
        ip addr del ${vip}/32 dev lo
    done
}

case "$1" in
    start)
        lvs_start
        ;;
    stop)
        lvs_stop
        ;;
    restart)
        lvs_stop; lvs_start ;;
    *)
        echo "Usage: $0 {start|stop|restart}"
        exit 1
esac
exit 0
