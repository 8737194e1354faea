#!/bin/bash
VIP=$2
ifconfig lo:0 $VIP netmask 255.255.255.0
ip addr add vip.example/32 dev lo
