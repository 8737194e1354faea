#!/bin/sh
VIP=192.168.0.10
ifconfg lo:0 $VIP netmask 255.255.255.255 up
/sbin/sysclt -w net.ipv4.conf.all.arp_ignore=1
sysctl -w net.ipv4.conf.all.arp_anounce=2
echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignor
ip addr add $VIP/32 dev lo
