package api

import (
	"slices"

	"github.com/planck-sdn/planck/model"
)

// dhcpOptions are what a port's DHCP answers say besides. A request says only what it changes: an option without a value goes, the others
// stay (extension extra_dhcp_opt).
var dhcpOptions = Value[model.Port]{
	parse: func(j any) (func(*model.Port), error) {
		changes, err := dhcpOptionList.Parse(j)
		return func(p *model.Port) {
			list := slices.Clone(p.ExtraDHCPOpts)
			for _, c := range changes {
				list = slices.DeleteFunc(list, func(o model.DHCPOption) bool { return o.Name == c.Name && o.IPVersion == c.IPVersion })
				if !c.removed {
					list = append(list, c.DHCPOption)
				}
			}
			p.ExtraDHCPOpts = list
		}, err
	},
	append: func(dst []byte, p *model.Port) []byte {
		dst = append(dst, '[')
		for i, o := range p.ExtraDHCPOpts {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = dhcpOption.Append(dst, dhcpOptionChange{DHCPOption: o})
		}
		return append(dst, ']')
	},
	schema: dhcpOptionList.Schema,
}

type dhcpOptionChange struct {
	model.DHCPOption
	removed bool
}

var dhcpOptionList = listOf(dhcpOption, "Invalid data format for extra DHCP options: '%s'", true)

var dhcpOption = Type[dhcpOptionChange]{
	Parse: func(j any) (c dhcpOptionChange, err error) {
		m, ok := j.(map[string]any)
		if !ok {
			return c, because("'%s' is not a dictionary", show(j))
		}
		c.IPVersion = 4
		for key, v := range m {
			switch key {
			case "opt_name":
				c.Name, err = text.Parse(v)
			case "opt_value":
				if c.removed = v == nil; !c.removed {
					c.Value, err = text.Parse(v)
				}
			case "ip_version":
				if c.IPVersion, err = parseInt(v); err == nil && c.IPVersion != 4 && c.IPVersion != 6 {
					err = because("'%s' is not in [4, 6]", show(v))
				}
			default:
				err = because("Unrecognized attribute(s) '%s'", show(key))
			}
			if err != nil {
				return c, err
			}
		}
		if _, said := m["opt_value"]; !said || c.Name == "" {
			err = because("an extra DHCP option needs opt_name and opt_value")
		}
		return c, err
	},
	Append: func(dst []byte, c dhcpOptionChange) []byte {
		dst = appendString(append(dst, `{"opt_name":`...), c.Name)
		dst = appendString(append(dst, `,"opt_value":`...), c.Value)
		return append(integer.Append(append(dst, `,"ip_version":`...), c.IPVersion), '}')
	},
	Schema: record(schema{"opt_name": text.Schema, "opt_value": nullable(text.Schema)}, schema{"ip_version": schema{"type": "integer", "enum": []int{4, 6}}}),
}
