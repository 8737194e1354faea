#!/bin/sh
VIP=192.0.2.10
ipvsadm -C
ipvsadm -A -t $VIP:80 -s wlc
