package e2e

import "testing"

// defaultGroup: members reach each other and the outside, which nobody else reaches them from.
func (s *secured) defaultGroup(t *testing.T) {
	fromOutside := way{s.w.Host, s.server, s.floating.Address}
	s.Passable(
		s.near.to(s.server), s.server.to(s.near), s.far.to(s.server), s.server.to(s.far),
		s.routed.to(s.server), s.server.to(s.routed), s.near.to(s.routed),
		s.server.to(s.w.Host), s.near.to(s.w.Host), s.far.to(s.w.Host), s.loner.to(s.w.Host), s.farLoner.to(s.w.Far))
	s.Impassable(
		s.loner.to(s.server), s.farLoner.to(s.server), s.loner.to(s.routed), s.farLoner.to(s.routed), s.near.to(s.loner), fromOutside,
		way{s.loner, s.server, s.floating.Address}, way{s.far, s.server, s.floating.Address}, // seen as the router's address
		way{s.server, s.server, s.floating.Address})
	// The same ways with a rule each: it was for want of one.
	stranger := s.red.CreateRule(s.group, Rule("ingress any").from(s.farLoner.IP))
	outside := s.red.CreateRule(s.group, Rule("ingress any").from("203.0.113.0/24"))
	s.WaitConverged()
	s.Passable(s.farLoner.to(s.server), s.farLoner.to(s.routed), fromOutside, way{s.loner, s.server, s.floating.Address},
		way{s.far, s.server, s.floating.Address}, way{s.server, s.server, s.floating.Address})
	s.Impassable(s.loner.to(s.server), s.loner.to(s.routed))
	s.red.DeleteRule(stranger)
	s.red.DeleteRule(outside)
	s.WaitConverged()
	s.Impassable(s.farLoner.to(s.server), s.farLoner.to(s.routed), fromOutside)
}

// sharedNetwork: tenants on one network are strangers to each other, whose default groups have one name.
func (s *secured) sharedNetwork(t *testing.T) {
	net := s.CreateNetwork("shared", Attrs{"shared": true})
	s.CreateSubnet(net, net3, nil)
	red := s.Boot(s.nodes[0], s.red.CreatePort(net, "red", nil))
	blue := s.Boot(s.nodes[0], s.blue.CreatePort(net, "blue", nil))
	farBlue := s.Boot(s.nodes[1], s.blue.CreatePort(net, "farblue", nil))
	vms := []*VM{red, blue, farBlue}
	for _, v := range vms {
		v.Serve(talkPort)
	}
	s.Passable(blue.to(farBlue))
	s.Impassable(blue.to(red), farBlue.to(red), red.to(blue), red.to(farBlue))
	rule := s.red.CreateRule(s.group, Rule("ingress any").from(net3))
	s.WaitConverged()
	s.Passable(blue.to(red), farBlue.to(red))
	s.Impassable(red.to(blue), red.to(farBlue))
	s.red.DeleteRule(rule)
	for _, v := range vms {
		v.Close()
		s.DeletePort(v.Port.ID)
	}
	s.DeleteNetwork(net.ID)
}

// net3 is the shared network's subnet.
const net3 = "10.3.0.0/24"
