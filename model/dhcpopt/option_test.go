package dhcpopt

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, value string
		code        uint8
		want        string
	}{
		{"router", "10.0.0.1,10.0.0.2", 3, "0a0000010a000002"},
		{"option:dns-server", "9.9.9.9", 6, "09090909"},
		{"option:42", "192.0.2.1, 192.0.2.2", 42, "c0000201c0000202"},
		{"42", "192.0.2.1", 42, "c0000201"},
		{"time-offset", "-3600", 2, "fffff1f0"},
		{"boot-file-size", "300", 13, "012c"},
		{"default-ttl", "64", 23, "40"},
		{"arp-timeout", "70000", 35, "00011170"},
		{"mtu", "1400", 26, "0578"},
		{"26", "68", 26, "0044"},
		{"ip-forward-enable", "1", 19, "01"},
		{"policy-filter", "10.0.0.0,255.0.0.0", 21, "0a000000ff000000"},
		{"broadcast", "10.0.0.255", 28, "0a0000ff"},
		{"hostname", "web", 12, "776562"},
		{"bootfile-name", "pxelinux.0", 67, "7078656c696e75782e30"},
		{"tftp-server", "10.0.0.9", 66, "31302e302e302e39"},
		{"150", "10.0.0.9", 150, "0a000009"},
		{"server-ip-address", "10.0.0.9", NextServer, "0a000009"},
		{"255", "10.0.0.9", NextServer, "0a000009"},
		{"vendor-class", `"10.0.0.1"`, 60, "31302e302e302e31"},
		{"domain-search", "a.example.org,example.org.,b.A.example.org", 119,
			"0161" + "076578616d706c65" + "036f7267" + "00" + "c002" + "0162" + "c000"},
		{"sip-server", "192.0.2.1", 120, "01c0000201"},
		{"sip-server", "a.b", 120, "000161016200"},
		{"classless-static-route", "192.0.2.128/25,10.0.0.1,0.0.0.0/0,10.0.0.2,10.9.8.7,10.0.0.3", 121,
			"19c00002800a000001" + "000a000002" + "200a0908070a000003"},
		{"vendor-id-encap", "00:01:ab", 125, "0001ab"},
		{"router", "", 3, ""},
		{"classless-static-route", "", 121, ""},
		{"client-id", "anything", 61, ""},
		{"175", "b1:01:01", 175, "b10101"},
		{"224", "7", 224, "07"},
		{"224", "700", 224, "02bc"},
		{"224", "70000", 224, "00011170"},
		{"224", "7i", 224, "00000007"},
		{"224", "7s", 224, "0007"},
		{"224", "1.2.3.4", 224, "01020304"},
		{"224", `"1.2.3.4"`, 224, "312e322e332e34"},
		{"224", "a:word", 224, "613a776f7264"},
		{"224", "99999999999", 224, "3939393939393939393939"},
	} {
		o, err := Parse(c.name, c.value)
		if got := fmt.Sprintf("%x", o.Value); err != nil || o.Code != c.code || got != c.want || o.When != Always {
			t.Errorf("%s=%s: code %d, %s, %v; want %d, %s", c.name, c.value, o.Code, got, err, c.code, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, c := range []struct{ name, value, why string }{
		{"interface-mtu", "1400", "not a DHCP option known by name"},
		{"", "x", "not a DHCP option"},
		{"256", "x", "not a DHCP option"},
		{"-1", "x", "not a DHCP option"},
		{"option:", "x", "not a DHCP option"},
		{"vendor:PXEClient,1", "x", "not a DHCP option"},
		{"tag:ipxe", "x", "names no option"},
		{"tag:other,67", "x", "can only be ipxe"},
		{"tag:ipxe,tag:!ipxe,67", "x", "can only be ipxe"},
		{"0", "x", "set by the server"},
		{"netmask", "255.0.0.0", "set by the server"},
		{"lease-time", "60", "set by the server"},
		{"51", "60", "set by the server"},
		{"T1", "60", "set by the server"},
		{"message-type", "5", "set by the server"},
		{"option:54", "10.0.0.1", "set by the server"},
		{"82", "x", "set by the server"},
		{"mtu", "", "no value"},
		{"mtu", "67", "from 68 to 65535"},
		{"mtu", "65536", "from 68 to 65535"},
		{"default-ttl", "256", "from 0 to 255"},
		{"default-ttl", "-1", "from 0 to 255"},
		{"time-offset", "3000000000", "32 bits"},
		{"ip-forward-enable", "yes", "neither 0 nor 1"},
		{"router", "10.0.0.256", "not an IPv4 address"},
		{"router", "fe80::1", "not an IPv4 address"},
		{"router", "10.0.0.1,", "not an IPv4 address"},
		{"broadcast", "10.0.0.1,10.0.0.2", "not one IPv4 address"},
		{"static-route", "10.0.0.1", "pairs"},
		{"classless-static-route", "10.0.0.0/8", "not a list"},
		{"classless-static-route", "10.0.0.0/33,10.0.0.1", "not an IPv4 destination"},
		{"classless-static-route", "10.0.0.0/8,gw", "not an IPv4 address"},
		{"domain-search", "a..b", "not a domain name"},
		{"domain-search", "a,,b", "lacks a domain name"},
		{"domain-search", long + ".org", "not a domain name"},
		{"domain-search", strings.Repeat("a.", 127) + "b", "too long"},
		{"vendor-id-encap", "0001ab", "not a list of octets"},
		{"224", "700b", "from 0 to 255"},
	} {
		if o, err := Parse(c.name, c.value); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s=%s: %+v, %v; want: %s", c.name, c.value, o, err, c.why)
		}
	}
}

func TestConditions(t *testing.T) {
	for name, want := range map[string][2]bool{"67": {true, true}, "tag:ipxe,67": {true, false}, "tag:!ipxe,option:bootfile-name": {false, true}} {
		o, err := Parse(name, "x")
		if got := [2]bool{o.For(true), o.For(false)}; err != nil || o.Code != BootFile || got != want {
			t.Errorf("%s: %+v, %v, for iPXE and others %v", name, o, err, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("tag:ipxe,67", "http://10.0.0.1/boot")
	f.Add("domain-search", "a.b,b")
	f.Add("121", "10.0.0.0/8,10.0.0.1")
	f.Add("224", "7s")
	f.Fuzz(func(t *testing.T, name, value string) {
		o, err := Parse(name, value)
		if err == nil && (owned(o.Code) || value != "" && len(o.Value) == 0 && o.Code != ClientID) {
			t.Errorf("%q=%q became %+v", name, value, o)
		}
	})
}
