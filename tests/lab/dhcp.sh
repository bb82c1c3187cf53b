#!/bin/sh
# Called by udhcpc (event in $1, plain variables) and by dhclient (event in $reason, variables new_...): gives the
# interface what the server said, and adds what it was to the file named by the line that was put above this one.

# classless prints option 121 as dhclient has it, a list of octets (RFC 3442: width of the destination, its
# significant octets, router), as udhcpc does: "destination/width router" and so on.
classless() {
	while [ $# -ge 5 ]; do
		width=$1 destination= octets=0
		shift
		while [ $octets -lt 4 ]; do
			if [ $((octets * 8)) -lt "$width" ]; then
				octet=$1
				shift
			else
				octet=0
			fi
			destination=$destination${destination:+.}$octet
			octets=$((octets + 1))
		done
		printf '%s/%s %s.%s.%s.%s ' "$destination" "$width" "$1" "$2" "$3" "$4"
		shift 4
	done
}

if [ -n "$reason" ]; then
	event=$reason
	ip=$new_ip_address subnet=$new_subnet_mask router=$new_routers dns=$new_domain_name_servers mtu=$new_interface_mtu
	serverid=$new_dhcp_server_identifier lease=$new_dhcp_lease_time hostname=$new_host_name
	staticroutes=$(classless $new_rfc3442_classless_static_routes)
	domain=$new_domain_name search=$new_domain_search ntpsrv=$new_ntp_servers boot_file=$new_filename siaddr=$new_next_server
else
	event=$1
fi

case $event in
bound | renew | BOUND | RENEW | REBIND | REBOOT)
	ip addr replace "$ip/$subnet" broadcast + dev "$interface"
	[ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
	if [ -n "$staticroutes" ]; then # then option 3 is ignored (RFC 3442)
		set -- $staticroutes
		while [ $# -ge 2 ]; do
			case $2 in
			0.0.0.0) ip route replace "$1" dev "$interface" ;;
			*) ip route replace "$1" via "$2" dev "$interface" onlink ;;
			esac
			shift 2
		done
	elif [ -n "$router" ]; then
		ip route replace default via "${router%% *}" dev "$interface"
	fi
	printf '%s\n' "event=$event" "ip=$ip" "mask=$subnet" "router=$router" "dns=$dns" "mtu=$mtu" "routes=$staticroutes" \
		"server=$serverid" "lease=$lease" "hostname=$hostname" "domain=$domain" "search=$search" "ntpsrv=$ntpsrv" \
		"boot_file=$boot_file" "siaddr=$siaddr" "end=" >>"$leases"
	;;
PREINIT)
	ip link set "$interface" up
	;;
deconfig | EXPIRE | FAIL | RELEASE | STOP)
	ip link set "$interface" up
	ip addr flush dev "$interface"
	printf '%s\n' "event=$event" "end=" >>"$leases"
	;;
nak | leasefail | TIMEOUT)
	printf '%s\n' "event=$event" "end=" >>"$leases"
	;;
esac
