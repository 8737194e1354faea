#!/bin/bash
VIP=192.0.2.10
case $1 in
start) modprobe ipip
    ifconfig tunl0 $VIP netmask 255.255.255.255 broadcast $VIP up
    route add -host $VIP dev tunl0
    sysctl -w net.ipv4.conf.tunl0.rp_filter=0 net.ipv4.conf.all.arp_ignore=3 ;;
stop)
    ifconfig tunl0 down ;;
esac
