#!/bin/sh
VIP=192.168.0.10
ifconfig lo:0 $VIP netmask　255.255.255.255 up
echo “1” > /proc/sys/net/ipv4/conf/all/arp_ignore # ’s
echo "it’s up　now"
