package dhcp

import (
	"slices"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/model/dhcpopt"
)

// extras are the port's own options that are for a client. Of several with one code the last counts.
func (s *service) extras(r *request) []dhcpopt.Option {
	var list []dhcpopt.Option
	for _, extra := range s.port.ExtraDHCPOpts {
		if extra.IPVersion != 4 {
			continue
		}
		o, err := dhcpopt.Parse(extra.Name, extra.Value)
		if err != nil || o.Code == dhcpopt.ClientID || !o.For(r.ipxe) { // such an option is never stored (model.Port.Validate)
			continue
		}
		list = slices.DeleteFunc(list, func(other dhcpopt.Option) bool { return other.Code == o.Code })
		list = append(list, o)
	}
	return list
}

// boot fills in the header's fields by which a client boots over the network (RFC 951, section 3): firmware may look at these, at the
// options of the same meaning, or at both.
func (s *service) boot(r *request, msg *layers.DHCPv4) {
	for _, o := range s.extras(r) {
		switch o.Code {
		case dhcpopt.NextServer:
			msg.NextServerIP = o.Value
		case dhcpopt.TFTPServer:
			msg.ServerName = terminated(o.Value, 64)
		case dhcpopt.BootFile:
			msg.File = terminated(o.Value, 128)
		}
	}
}

// terminated gives a text for a field of a size in bytes; nothing if it has no room for the text and the NUL that ends it.
func terminated(text []byte, size int) []byte {
	if len(text) >= size {
		return nil
	}
	return text
}
