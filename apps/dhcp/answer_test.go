package dhcp

import (
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/model"
)

const (
	discover = layers.DHCPMsgTypeDiscover
	offer    = layers.DHCPMsgTypeOffer
	ask      = layers.DHCPMsgTypeRequest
	ack      = layers.DHCPMsgTypeAck
	nak      = layers.DHCPMsgTypeNak
	none     = layers.DHCPMsgTypeUnspecified
)

func options(list ...layers.DHCPOption) layers.DHCPOptions { return list }

func requested(a string) layers.DHCPOption { return optIP(layers.DHCPOptRequestIP, a) }
func serverID(a string) layers.DHCPOption  { return optIP(layers.DHCPOptServerID, a) }

func TestAnswer(t *testing.T) {
	const all, dead = "255.255.255.255", "0.0.0.0"
	for _, c := range []struct {
		name     string
		message  message
		kind     layers.DHCPMsgType
		yiaddr   string
		ciaddr   string
		server   string
		to       string // IP destination; the MAC is the client's, or broadcast for all
		observed string
	}{
		{"discover", message{kind: discover}, offer, "10.0.0.5", dead, "10.0.0.2", "10.0.0.5", "DISCOVER: offered 10.0.0.5"},
		{"discover, cannot take unicast", message{kind: discover, flags: 0x8000}, offer, "10.0.0.5", dead, "10.0.0.2", all, "DISCOVER: offered 10.0.0.5"},
		{"discover, asks for its other address", message{kind: discover, options: options(requested("10.0.1.5"))},
			offer, "10.0.1.5", dead, "10.0.1.2", "10.0.1.5", "DISCOVER: offered 10.0.1.5"},
		{"discover, asks for a foreign address", message{kind: discover, options: options(requested("10.0.0.77"))},
			offer, "10.0.0.5", dead, "10.0.0.2", "10.0.0.5", "DISCOVER: offered 10.0.0.5"},
		{"discover, asks for an address without DHCP", message{kind: discover, options: options(requested("10.0.2.5"))},
			offer, "10.0.0.5", dead, "10.0.0.2", "10.0.0.5", "DISCOVER: offered 10.0.0.5"},

		{"selecting", message{kind: ask, options: options(requested("10.0.0.5"), serverID("10.0.0.2"))},
			ack, "10.0.0.5", dead, "10.0.0.2", "10.0.0.5", "REQUEST: acknowledged 10.0.0.5"},
		{"selecting, broadcast", message{kind: ask, flags: 0x8000, options: options(requested("10.0.0.5"), serverID("10.0.0.2"))},
			ack, "10.0.0.5", dead, "10.0.0.2", all, "REQUEST: acknowledged 10.0.0.5"},
		{"selecting another server", message{kind: ask, options: options(requested("10.0.0.5"), serverID("10.0.0.9"))},
			none, "", "", "", "", "REQUEST: to server 10.0.0.9, which is another"},
		{"selecting a foreign address", message{kind: ask, options: options(requested("10.0.1.77"), serverID("10.0.1.2"))},
			nak, dead, dead, "10.0.1.2", all, "REQUEST: refused 10.0.1.77, which is not the port's"},
		{"selecting no address", message{kind: ask, options: options(serverID("10.0.0.2"))}, none, "", "", "", "", "REQUEST: for no address"},

		{"init-reboot", message{kind: ask, options: options(requested("10.0.1.5"))},
			ack, "10.0.1.5", dead, "10.0.1.2", "10.0.1.5", "REQUEST: acknowledged 10.0.1.5"},
		{"init-reboot with a foreign address", message{kind: ask, options: options(requested("10.0.0.6"))},
			nak, dead, dead, "10.0.0.2", all, "REQUEST: refused 10.0.0.6, which is not the port's"},
		{"init-reboot with another network's address", message{kind: ask, options: options(requested("192.168.1.6"))},
			nak, dead, dead, "10.0.0.2", all, "REQUEST: refused 192.168.1.6, which is not the port's"},

		{"renewing", message{kind: ask, from: "10.0.0.5", to: "10.0.0.2", ciaddr: "10.0.0.5"},
			ack, "10.0.0.5", "10.0.0.5", "10.0.0.2", "10.0.0.5", "REQUEST: acknowledged 10.0.0.5"},
		{"renewing does not heed the flag", message{kind: ask, flags: 0x8000, from: "10.0.0.5", to: "10.0.0.2", ciaddr: "10.0.0.5"},
			ack, "10.0.0.5", "10.0.0.5", "10.0.0.2", "10.0.0.5", "REQUEST: acknowledged 10.0.0.5"},
		{"renewing what is no longer the port's", message{kind: ask, from: "10.0.0.8", to: "10.0.0.2", ciaddr: "10.0.0.8"},
			nak, dead, dead, "10.0.0.2", all, "REQUEST: refused 10.0.0.8, which is not the port's"},
		{"rebinding", message{kind: ask, from: "10.0.1.5", ciaddr: "10.0.1.5"},
			ack, "10.0.1.5", "10.0.1.5", "10.0.1.2", "10.0.1.5", "REQUEST: acknowledged 10.0.1.5"},
		{"rebinding what is no longer the port's", message{kind: ask, from: "10.0.0.8", ciaddr: "10.0.0.8"},
			nak, dead, dead, "10.0.0.2", all, "REQUEST: refused 10.0.0.8, which is not the port's"},

		{"decline", message{kind: layers.DHCPMsgTypeDecline, options: options(requested("10.0.0.5"), serverID("10.0.0.2"))},
			none, "", "", "", "", "DECLINE: the client found 10.0.0.5 in use"},
		{"release", message{kind: layers.DHCPMsgTypeRelease, from: "10.0.0.5", to: "10.0.0.2", ciaddr: "10.0.0.5", options: options(serverID("10.0.0.2"))},
			none, "", "", "", "", "RELEASE: the client gave 10.0.0.5 back"},
		{"inform", message{kind: layers.DHCPMsgTypeInform, from: "10.0.0.5", ciaddr: "10.0.0.5"},
			ack, dead, "10.0.0.5", "10.0.0.2", "10.0.0.5", "INFORM: informed 10.0.0.5"},
		{"inform by unicast, of an address that was set by hand", message{kind: layers.DHCPMsgTypeInform, from: "10.0.1.9", to: "10.0.1.2", ciaddr: "10.0.1.9"},
			ack, dead, "10.0.1.9", "10.0.1.2", "10.0.1.9", "INFORM: informed 10.0.1.9"},
		{"inform from elsewhere", message{kind: layers.DHCPMsgTypeInform, ciaddr: "10.9.9.9"},
			none, "", "", "", "", "INFORM: 10.9.9.9 is in no subnet of the port's"},

		{"a server's message", message{kind: offer}, none, "", "", "", "", "ignored: message type 2"},
		{"BOOTP", message{}, none, "", "", "", "", "ignored: not a DHCP request"},
		{"relayed", message{kind: discover, giaddr: "10.0.0.3"}, none, "", "", "", "", "ignored: relayed request"},
		{"a foreign client", message{kind: discover, client: model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}},
			none, "", "", "", "", "ignored: fa:16:3e:09:09:09 is not the port's MAC address"},
		{"to someone else", message{kind: discover, to: "10.0.0.7"}, none, "", "", "", "", "ignored: sent to 10.0.0.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cloud := newCloud()
			h, observed := cloud.answerOf(t, c.message)
			if observed != c.observed {
				t.Errorf("observed %q, want %q", observed, c.observed)
			}
			if h == nil {
				if c.kind != none {
					t.Fatalf("no answer, want %s", c.kind)
				}
				return
			}
			if c.kind == none {
				t.Fatalf("answered %s", h.kind())
			}
			if h.kind() != c.kind || h.msg.YourClientIP.String() != c.yiaddr || h.msg.ClientIP.String() != c.ciaddr || h.addrs(layers.DHCPOptServerID) != c.server {
				t.Errorf("%s yiaddr %s ciaddr %s server %s", h.kind(), h.msg.YourClientIP, h.msg.ClientIP, h.addrs(layers.DHCPOptServerID))
			}
			mac := cloud.port.MAC
			if c.to == all {
				mac = broadcastMAC
			}
			if h.ip.DstIP.String() != c.to || h.eth.DstMAC.String() != mac.String() {
				t.Errorf("sent to %s at %s", h.ip.DstIP, h.eth.DstMAC)
			}
			if h.ip.SrcIP.String() != c.server || h.eth.SrcMAC.String() != cloud.server.MAC.String() {
				t.Errorf("sent from %s at %s", h.ip.SrcIP, h.eth.SrcMAC)
			}
			if h.msg.Xid != testXID || h.msg.Flags != c.message.flags || h.msg.ClientHWAddr.String() != cloud.port.MAC.String() {
				t.Errorf("xid %#x flags %#x chaddr %s", h.msg.Xid, h.msg.Flags, h.msg.ClientHWAddr)
			}
			if lease, want := h.seconds(layers.DHCPOptLeaseTime), c.kind != nak && c.message.kind != layers.DHCPMsgTypeInform; (lease != 0) != want {
				t.Errorf("lease time %d in the answer to %s", lease, c.message.kind)
			}
		})
	}
}

func TestNoService(t *testing.T) {
	for name, change := range map[string]func(*cloud){
		"no DHCP port":          func(c *cloud) { c.server = nil },
		"no subnet with DHCP":   func(c *cloud) { c.subnets[0].EnableDHCP, c.subnets[1].EnableDHCP = false, false },
		"port down":             func(c *cloud) { c.port.AdminStateUp = false },
		"network down":          func(c *cloud) { c.network.AdminStateUp = false },
		"plugged elsewhere now": func(c *cloud) { c.node.Interfaces[0].Ofport = 6 },
		"unplugged":             func(c *cloud) { c.node.Interfaces = nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud()
			change(c)
			if h, observed := c.answerOf(t, message{kind: discover}); h != nil {
				t.Errorf("answered: %s", observed)
			}
		})
	}
}
