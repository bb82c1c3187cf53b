package dhcpopt

// table says what options are called and how their values are encoded. Without a name they are known by number only; without a
// kind the way in which a value is written decides.
var table = [256]struct {
	name string
	kind kind
}{
	2:   {"time-offset", signed},
	3:   {"router", addresses},
	4:   {"", addresses},
	5:   {"", addresses},
	6:   {"dns-server", addresses},
	7:   {"log-server", addresses},
	8:   {"", addresses},
	9:   {"lpr-server", addresses},
	10:  {"", addresses},
	11:  {"", addresses},
	12:  {"hostname", text},
	13:  {"boot-file-size", u16},
	14:  {"", text},
	15:  {"domain-name", text},
	16:  {"swap-server", address},
	17:  {"root-path", text},
	18:  {"extension-path", text},
	19:  {"ip-forward-enable", flag},
	20:  {"non-local-source-routing", flag},
	21:  {"policy-filter", pairs},
	22:  {"max-datagram-reassembly", u16},
	23:  {"default-ttl", u8},
	26:  {"mtu", mtu},
	27:  {"all-subnets-local", flag},
	28:  {"broadcast", address},
	29:  {"", flag},
	30:  {"", flag},
	31:  {"router-discovery", flag},
	32:  {"router-solicitation", address},
	33:  {"static-route", pairs},
	34:  {"trailer-encapsulation", flag},
	35:  {"arp-timeout", u32},
	36:  {"ethernet-encap", flag},
	37:  {"tcp-ttl", u8},
	38:  {"tcp-keepalive", u32},
	39:  {"", flag},
	40:  {"nis-domain", text},
	41:  {"nis-server", addresses},
	42:  {"ntp-server", addresses},
	44:  {"netbios-ns", addresses},
	45:  {"netbios-dd", addresses},
	46:  {"netbios-nodetype", u8},
	47:  {"netbios-scope", text},
	48:  {"x-windows-fs", addresses},
	49:  {"x-windows-dm", addresses},
	60:  {"vendor-class", text},
	61:  {"client-id", 0},
	64:  {"nis+-domain", text},
	65:  {"nis+-server", addresses},
	66:  {"tftp-server", text},
	67:  {"bootfile-name", text},
	68:  {"mobile-ip-home", addresses},
	69:  {"smtp-server", addresses},
	70:  {"pop3-server", addresses},
	71:  {"nntp-server", addresses},
	72:  {"", addresses},
	73:  {"", addresses},
	74:  {"irc-server", addresses},
	77:  {"user-class", text},
	93:  {"client-arch", u16},
	94:  {"client-interface-id", octets},
	97:  {"client-machine-id", octets},
	100: {"posix-timezone", text},
	101: {"tzdb-timezone", text},
	108: {"ipv6-only", u32},
	119: {"domain-search", names},
	120: {"sip-server", sip},
	121: {"classless-static-route", routes},
	125: {"vendor-id-encap", octets},
	150: {"tftp-server-address", addresses},
	209: {"", text}, // configuration file and path prefix (RFC 5071)
	210: {"", text},
	249: {"", routes},
	252: {"", text}, // web proxy auto-discovery
	255: {"server-ip-address", address},
}

var byName = func() map[string]uint8 {
	codes := map[string]uint8{ // the server's own
		"netmask": 1, "requested-address": 50, "lease-time": 51, "option-overload": 52, "message-type": 53, "server-identifier": 54,
		"parameter-request": 55, "message": 56, "max-message-size": 57, "T1": 58, "T2": 59, "rapid-commit": 80, "FQDN": 81, "agent-id": 82,
	}
	for code, o := range table {
		if o.name != "" {
			codes[o.name] = uint8(code)
		}
	}
	return codes
}()
